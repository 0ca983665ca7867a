/* tests/unit/test-uhci.c - the UHCI as its driver sees it: registers, ports, the
 * schedule, what a wild guest does, and when it does not look at all. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/pci-config.h"
#include "tests/unit/uhci-rig.h"

extern const DeviceClass usb_hid_class;

#define DEVFN PCI_DEVFN(1, 2)

static void
begin(UhciRig *r, FakeUsb **f)
{
    uhci_rig_init(r);
    *f = (FakeUsb *) device_new(&fake_usb_class, "fake0");
    (*f)->usb.speed = USB_SPEED_FULL;
    (*f)->result = USB_OK;
    uhci_rig_plug(r, &(*f)->usb.dev, 0);
    uhci_rig_start(r);
}

static void
end(UhciRig *r, FakeUsb *f)
{
    device_free(&f->usb.dev);
    uhci_rig_free(r);
}

static void
test_identity(void)
{
    UhciRig r;

    uhci_rig_init(&r);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, PCI_VENDOR_ID, 4), 0x70208086);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, PCI_REVISION_ID, 4),
                    0x0c030001);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, PCI_INTERRUPT_PIN, 1), 4);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 0x60, 1), 0x10);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 0xc0, 2), 0x2000);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_HALTED);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_SOFMOD) & 0xff, 64);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_PORTSC), 0x0080);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_PORTSC + 4), 0xffff); /* no third */
    uhci_rig_free(&r);
}

static void
test_registers(void)
{
    UhciRig r;

    uhci_rig_init(&r);
    fake_out32(r.vm, UR_IO + UHCI_FLBASEADD, 0x12345678);
    CU_ASSERT_EQUAL(fake_in32(r.vm, UR_IO + UHCI_FLBASEADD), 0x12345000);
    fake_out8(r.vm, UR_IO + UHCI_SOFMOD, 0xff);
    CU_ASSERT_EQUAL(fake_in8(r.vm, UR_IO + UHCI_SOFMOD), 0x7f);
    ur_write(&r, UHCI_FRNUM, 0xf123);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), 0x123 | 0x000);
    CU_ASSERT_EQUAL(fake_in8(r.vm, UR_IO + UHCI_FRNUM + 1), 0x01);
    ur_write(&r, UHCI_USBINTR, 0xffff);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBINTR), 15);
    ur_write(&r, UHCI_USBCMD, CMD_HCRESET);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBCMD), 0);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBINTR), 0);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), 0);
    uhci_rig_free(&r);
}

static void
test_frames_are_counted(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    guint16 first = ur_read(&r, UHCI_FRNUM);
    ur_frames(&r, 5);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), first + 5);
    ur_frames(&r, 2048);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), first + 5);
    ur_write(&r, UHCI_FRNUM, 0); /* not while it runs */
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), first + 5);
    ur_write(&r, UHCI_USBCMD, 0);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_HALTED);
    ur_frames(&r, 5);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), first + 5);
    end(&r, f);
}

static void
test_ports(void)
{
    UhciRig r;
    FakeUsb *low = (FakeUsb *) device_new(&fake_usb_class, "fake0");

    uhci_rig_init(&r);
    low->usb.speed = USB_SPEED_LOW;
    uhci_rig_plug(&r, &low->usb.dev, 1);
    unsigned reg = UHCI_PORTSC + 2;
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x01a3); /* low, D-, changed */
    ur_write(&r, reg, PORT_CSC | PORT_PR);
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x0381);
    CU_ASSERT_EQUAL(low->n_resets, 1);
    ur_write(&r, reg, PORT_PE); /* with the end of the reset */
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x01a5);
    ur_write(&r, reg, PORT_PE | PORT_SUSPEND);
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x11a5);
    usb_device_wake(&low->usb);
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x11e5);
    ur_write(&r, reg, PORT_PE);
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x01a5);
    device_free(&low->usb.dev);
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x008a); /* both changes */
    ur_write(&r, reg, PORT_CHANGES);
    CU_ASSERT_EQUAL(ur_read(&r, reg), 0x0080);
    uhci_rig_free(&r);
}

static void
test_no_high_speed(void)
{
    UhciRig r;
    g_autoptr(GError) error = NULL;
    FakeUsb *high = (FakeUsb *) device_new(&fake_usb_class, "fake0");

    uhci_rig_init(&r);
    high->usb.speed = USB_SPEED_HIGH;
    device_set_link(&high->usb.dev, "usb", uhci_usb_bus(r.dev));
    CU_ASSERT_FALSE(device_realize(&high->usb.dev, &r.vm->env, &error));
    CU_ASSERT_STRING_EQUAL(error->message,
                           "fake0: port 1 of the USB controller: a high-speed "
                           "device needs machine.usb=ehci or xhci");
    device_free(&high->usb.dev);
    uhci_rig_free(&r);
}

static void
test_control(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 100;
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_GET_DESCRIPTOR, 0x100, 0, 100),
                    0x190007ff); /* nothing in the status stage */
    CU_ASSERT_EQUAL(f->setup.request, USB_GET_DESCRIPTOR);
    CU_ASSERT_EQUAL(f->setup.length, 100);
    CU_ASSERT_EQUAL(ur_status(&r, 1), 0x1800003f);
    CU_ASSERT_EQUAL(ur_status(&r, 2), 0x18000023);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1) + 96), 0x63626160);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_USBINT);
    CU_ASSERT_TRUE(r.irq);
    ur_write(&r, UHCI_USBSTS, STS_USBINT);
    CU_ASSERT_FALSE(r.irq);
    /* to the device, in two packets */
    ur_put32(&r, UR_BUF(1), 0xabcdef01);
    CU_ASSERT_EQUAL(ur_control(&r, 0, 0x2109, 0x200, 0, 80), 0x190007ff);
    CU_ASSERT_EQUAL(f->out[0], 1);
    CU_ASSERT_EQUAL(f->out[3], 0xab);
    end(&r, f);
}

static void
test_address(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_ADDRESS, 5, 0, 0), 0x190007ff);
    /* nobody is there any more */
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_CONFIGURATION, 1, 0, 0),
                    0x004407ff);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS) & STS_ERROR, STS_ERROR);
    CU_ASSERT_EQUAL(ur_control(&r, 5, USB_SET_CONFIGURATION, 1, 0, 0),
                    0x190007ff);
    ur_enable(&r, 0);
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_CONFIGURATION, 1, 0, 0),
                    0x190007ff);
    end(&r, f);
}

static void
test_stall(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_STALL;
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_GET_DESCRIPTOR, 0x600, 0, 10),
                    0x004007ff);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_ERROR);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_QH + 4), UR_TD(1) | 4); /* stays there */
    f->result = USB_BABBLE;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x005007ff);
    end(&r, f);
}

static void
test_short_packets(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 10;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 64, UR_SPD);
    ur_td(&r, 1, USB_PID_IN, 0, 1, 64, UR_SPD | UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 3);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x38000009);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_QH + 4), UR_TD(0)); /* the queue stops */
    CU_ASSERT_EQUAL(f->n_submits, 1);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_USBINT);
    CU_ASSERT_TRUE(r.irq);
    ur_write(&r, UHCI_USBINTR, INTR_IOC); /* that was not asked for */
    CU_ASSERT_FALSE(r.irq);
    end(&r, f);
}

static void
test_nak_waits_for_ready(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_NAK;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST | UR_IOC);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x19880000);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), 0);
    f->result = USB_OK;
    f->actual = 4;
    usb_device_ready(&f->usb, 0x81); /* amid a frame */
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x19000003);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_QH + 4), 1);
    CU_ASSERT_TRUE(r.irq);
    end(&r, f);
}

static void
test_async(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 5);
    CU_ASSERT_EQUAL(f->n_submits, 1);
    memcpy(f->last[0]->data, "12345678", 8);
    f->last[0]->actual = 8;
    f->last[0]->result = USB_OK;
    f->n_async = 0;
    usb_packet_done(f->last[0]);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x18000007);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(0)), 0x34333231);
    /* another TD in its place: the first is given up */
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 1);
    ur_td(&r, 1, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 1);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    CU_ASSERT_EQUAL(f->n_submits, 3);
    /* none any more: it is given up after a while */
    ur_put32(&r, UR_QH + 4, 1);
    ur_frames(&r, 1000);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    ur_frames(&r, 200);
    CU_ASSERT_EQUAL(f->n_cancels, 2);
    end(&r, f);
}

/* Four TDs of 64 bytes and one of 10, of which the last wants an interrupt. */
static void
queue_five(UhciRig *r, guint8 pid)
{
    for (unsigned i = 0; i < 4; i++)
        ur_td(r, i, pid, 0, 1, 64, UR_SPD);
    ur_td(r, 4, pid, 0, 1, 10, UR_SPD | UR_IOC | UR_LAST);
    ur_queue(r, 0);
}

static void
test_full_packets_go_together(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    queue_five(&r, USB_PID_IN);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_submits, 1);
    UsbPacket *p = f->last[0];
    CU_ASSERT_EQUAL(p->len, 4 * 64 + 10);
    for (unsigned i = 0; i < 140; i++)
        p->data[i] = (guint8) i;
    p->actual = 140; /* two, and a short one */
    p->result = USB_OK;
    f->n_async = 0;
    usb_packet_done(p);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x3800003f);
    CU_ASSERT_EQUAL(ur_status(&r, 1), 0x3800003f);
    CU_ASSERT_EQUAL(ur_status(&r, 2), 0x3800000b);
    CU_ASSERT_EQUAL(ur_status(&r, 3) & UR_ACTIVE, UR_ACTIVE);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1)), 0x43424140);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(2) + 8), 0x8b8a8988);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_QH + 4), UR_TD(2) | 4);
    CU_ASSERT_TRUE(r.irq);
    /* what is put behind it meanwhile is another transfer */
    ur_td(&r, 0, USB_PID_IN, 0, 1, 64, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->last[0]->len, 64);
    ur_td(&r, 1, USB_PID_IN, 0, 1, 64, UR_LAST);
    ur_put32(&r, UR_TD(0), UR_TD(1) | 4);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_submits, 2);
    CU_ASSERT_EQUAL(f->n_cancels, 0);
    p = f->last[0];
    p->actual = 64;
    p->result = USB_OK;
    f->n_async = 0;
    usb_packet_done(p);
    CU_ASSERT_EQUAL(ur_status(&r, 0) & UR_ACTIVE, 0);
    CU_ASSERT_EQUAL(f->n_submits, 3);
    /* out, and it stalls after the first */
    queue_five(&r, USB_PID_OUT);
    ur_put32(&r, UR_BUF(0), 0x04030201);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_submits, 4);
    p = f->last[f->n_async - 1];
    CU_ASSERT_EQUAL(p->len, 4 * 64 + 10);
    CU_ASSERT_EQUAL(p->data[3], 4);
    p->actual = 64;
    p->result = USB_STALL;
    f->n_async = 0;
    usb_packet_done(p);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x3800003f);
    CU_ASSERT_EQUAL(ur_status(&r, 1), 0x204007ff);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_QH + 4), UR_TD(1) | 4);
    end(&r, f);
}

static void
test_pulled(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 1);
    usb_device_detach(&f->usb);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x004407ff);
    end(&r, f);
}

static void
test_inactive_td_interrupts(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_put32(&r, UR_TD(0) + 4, 0);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), 0);
    ur_put32(&r, UR_TD(0) + 4, UR_IOC);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_USBINT);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(f->n_submits, 0);
    CU_ASSERT_EQUAL(ur_status(&r, 0), UR_IOC);
    end(&r, f);
}

static void
test_rings_end(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    /* two queues in a ring, one of which has something */
    ur_put32(&r, UR_QH, (UR_QH + 0x20) | 2);
    ur_put32(&r, UR_QH + 0x20, UR_QH | 2);
    ur_put32(&r, UR_QH + 0x24, 1);
    f->actual = 8;
    for (unsigned i = 0; i < 4; i++) { /* one a round: not depth first */
        ur_td(&r, i, USB_PID_IN, 0, 1, 8, 0);
        ur_put32(&r, UR_TD(i), i == 3 ? 1 : UR_TD(i + 1));
    }
    ur_queue(&r, 0);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(f->n_submits, 4); /* all in one frame */
    /* a TD that leads to itself, of no queue: a frame ends all the same */
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, 0);
    ur_put32(&r, UR_TD(0), UR_TD(0));
    for (unsigned i = 0; i < 1024; i++)
        ur_put32(&r, UR_FRAMES + 4 * i, UR_TD(0));
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(f->n_submits, 5);
    /* and a queue that leads to itself by its element */
    ur_put32(&r, UR_QH + 4, UR_QH | 2);
    for (unsigned i = 0; i < 1024; i++)
        ur_put32(&r, UR_FRAMES + 4 * i, UR_QH | 2);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS) & STS_HALTED, 0);
    end(&r, f);
}

static void
test_wild(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    ur_td(&r, 0, USB_PID_IN, 0, 1, 1281, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_HALTED | STS_HCPE);
    CU_ASSERT_TRUE(r.irq);
    uhci_rig_start(&r);
    ur_td(&r, 0, 0x12, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_HALTED | STS_HCPE);
    uhci_rig_start(&r);
    ur_put32(&r, UR_QH + 4, 0xfff00000);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_HALTED | STS_HSE);
    end(&r, f);
}

static void
test_sleeps(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_NAK;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 1000);
    unsigned before = f->n_submits;
    ur_frames(&r, 160); /* every frame's list, ten times */
    CU_ASSERT_EQUAL(f->n_submits - before, 160);
    /* nobody is there: not at all */
    usb_device_detach(&f->usb);
    ur_frames(&r, 100);
    CU_ASSERT_FALSE(timer_is_armed(r.u->frames));
    ur_write(&r, UHCI_PORTSC, PORT_CHANGES);
    CU_ASSERT_TRUE(timer_is_armed(r.u->frames));
    end(&r, f);
}

static void
test_time_before_the_frame(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    guint16 frame = r.u->s.frnum;
    r.u->frame_ns += 5 * UR_FRAME;
    uhci_kick(r.u);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(r.u->s.frnum, frame);
    ur_frames(&r, 7);
    CU_ASSERT_EQUAL(r.u->s.frnum, frame + 2);
    end(&r, f);
}

static void
test_global_suspend(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    ur_write(&r, UHCI_USBCMD, CMD_EGSM);
    ur_write(&r, UHCI_USBINTR, INTR_RESUME);
    CU_ASSERT_FALSE(timer_is_armed(r.u->frames));
    usb_device_detach(&f->usb);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBSTS), STS_HALTED | STS_RESUME);
    CU_ASSERT_TRUE(r.irq);
    /* firmware's setting: interrupts do not come by the pin */
    pci_config_set(r.bus, DEVFN, 0xc0, 0x8f00, 2);
    CU_ASSERT_FALSE(r.irq);
    pci_config_set(r.bus, DEVFN, 0xc0, 0x2000, 2);
    CU_ASSERT_TRUE(r.irq);
    end(&r, f);
}

static void
test_global_reset(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->address = 9;
    ur_write(&r, UHCI_USBCMD, CMD_GRESET);
    CU_ASSERT_EQUAL(f->address, 0);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBCMD), CMD_GRESET);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_PORTSC), 0x0093);
    ur_write(&r, UHCI_USBCMD, 0);
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_USBCMD), 0);
    end(&r, f);
}

static void
test_restored_amid(void)
{
    UhciRig r;
    FakeUsb *f;
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    UhciState staged;

    begin(&r, &f);
    f->actual = 64;
    /* a control transfer that stops after its first data packet */
    ur_control(&r, 0, USB_GET_DESCRIPTOR, 0x200, 0, 128);
    ur_td(&r, 0, USB_PID_SETUP, 0, 0, 8, 0);
    ur_td(&r, 1, USB_PID_IN, 0, 0, 16, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    state_encode(&uhci_state_desc, &r.u->s, saved);
    GBytes *bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(state_decode(&uhci_state_desc, bytes, &staged, &error));
    g_bytes_unref(bytes);
    r.u->s = staged;
    r.dev->klass->restored(r.dev);
    /* the second is the second */
    ur_td(&r, 2, USB_PID_IN, 0, 0, 16, UR_LAST);
    ur_queue(&r, 2);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(ur_status(&r, 2), 0x1800000f);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(2)), 0x13121110);
    end(&r, f);
}

static void
test_isochronous(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 100, UR_LAST | UR_IOC | 0x02000000);
    guint16 frame = ur_read(&r, UHCI_FRNUM);
    ur_put32(&r, UR_FRAMES + 4 * (frame + 10), UR_TD(0));
    ur_td(&r, 1, USB_PID_IN, 0, 1, 100, UR_LAST | 0x02000000);
    ur_put32(&r, UR_FRAMES + 4 * (frame + 11), UR_TD(1));
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_async, 2); /* long before their frames */
    UsbPacket *p = f->last[0];
    CU_ASSERT_EQUAL(p->type, USB_ISOCHRONOUS);
    memset(p->data, 0x5a, 100);
    p->actual = 90;
    p->result = USB_OK;
    usb_packet_done(p); /* the other never comes */
    CU_ASSERT_EQUAL(ur_status(&r, 0) & UR_ACTIVE, UR_ACTIVE);
    ur_frames(&r, 8);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x1b000059);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(0) + 84), 0x5a5a5a5a);
    CU_ASSERT_TRUE(r.irq);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_status(&r, 1), 0x1a0407ff);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    end(&r, f);
}

/* Nobody answers an isochronous OUT: a frame that is over before the device's host
 * has moved it does not take it back. */
static void
test_isochronous_out(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_OUT, 0, 1, 100, UR_LAST | 0x02000000);
    guint16 frame = ur_read(&r, UHCI_FRNUM);
    ur_put32(&r, UR_FRAMES + 4 * (frame + 10), UR_TD(0));
    ur_frames(&r, 11);
    CU_ASSERT_EQUAL(f->n_async, 1);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x1a000063);
    CU_ASSERT_EQUAL(f->n_cancels, 0);
    /* the same descriptor in a later frame is another packet */
    ur_td(&r, 0, USB_PID_OUT, 0, 1, 100, UR_LAST | 0x02000000);
    ur_put32(&r, UR_FRAMES + 4 * (frame + 20), UR_TD(0));
    ur_frames(&r, 100);
    CU_ASSERT_EQUAL(f->n_async, 2);
    for (unsigned i = 0; i < 2; i++) {
        f->last[i]->actual = 100;
        f->last[i]->result = USB_OK;
        usb_packet_done(f->last[i]);
    }
    CU_ASSERT_EQUAL(f->n_cancels, 0);
    CU_ASSERT_TRUE(usb_isos_are_quiet(&r.u->isos));
    end(&r, f);
}

/* Sound: a packet in each frame from the next; TD 0's is the first. */
static guint16
put_sound(UhciRig *r, unsigned n)
{
    guint16 frame = ur_read(r, UHCI_FRNUM);

    for (unsigned i = 0; i < n; i++) {
        ur_td(r, i, USB_PID_OUT, 0, 1, 8, UR_LAST | 0x02000000);
        ur_put32(r, UR_FRAMES + 4 * ((frame + 1 + i) & 0x3ff), UR_TD(i));
    }
    return frame;
}

static unsigned
played(UhciRig *r, unsigned n)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++)
        count += (ur_status(r, i) & UR_ACTIVE) == 0;
    return count;
}

static void
test_late(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    guint16 frame = put_sound(&r, 60);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(played(&r, 60), 1);
    r.u->frame_ns -= 20 * UR_FRAME; /* the loop has had no time for that long */
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), frame + 2);
    CU_ASSERT_EQUAL(played(&r, 60), 1);
    uhci_kick(r.u);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(played(&r, 60), 2); /* not all at once */
    CU_ASSERT_EQUAL(ur_read(&r, UHCI_FRNUM), frame + 3);
    ur_frames(&r, 3); /* four looks */
    CU_ASSERT_EQUAL(played(&r, 60), 6);
    ur_frames(&r, 42); /* four looks each three frames */
    CU_ASSERT_EQUAL(played(&r, 60), 60);
    end(&r, f);
}

static void
test_very_late(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    guint16 frame = put_sound(&r, 200);
    ur_frames(&r, 1);
    r.u->frame_ns -= 150 * UR_FRAME;
    ur_frames(&r, 200);
    CU_ASSERT_EQUAL(f->n_submits, 200);
    CU_ASSERT_EQUAL(played(&r, 200), 200);
    /* 16 of 151 passed: the frame that was then was a long one */
    CU_ASSERT_EQUAL(r.u->s.frnum, frame + 1 + 16 + 199);
    end(&r, f);
}

static void
test_end_of_a_packet(void)
{
    UhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_OUT, 0, 1, 8, UR_LAST | UR_IOC | 0x02000000);
    ur_put32(&r, UR_FRAMES + 4 * (ur_read(&r, UHCI_FRNUM) + 3), UR_TD(0));
    ur_frames(&r, 3);
    CU_ASSERT_TRUE(r.irq);
    ur_write(&r, UHCI_USBSTS, STS_USBINT);
    CU_ASSERT_FALSE(r.irq);
    fake_usb_complete_oldest(f, 0); /* amid the frame, whose TD is over */
    CU_ASSERT_FALSE(r.irq);
    CU_ASSERT_EQUAL(r.u->isos.n, 0);
    end(&r, f);
}

static void
test_tablet(void)
{
    UhciRig r;
    Device *tablet = device_new(&usb_hid_class, "usb0");

    uhci_rig_init(&r);
    uhci_rig_plug(&r, tablet, 0);
    uhci_rig_start(&r);
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_ADDRESS, 3, 0, 0), 0x190007ff);
    CU_ASSERT_EQUAL(ur_control(&r, 3, USB_GET_DESCRIPTOR, 0x100, 0, 18),
                    0x190007ff);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1)), 0x02000112);
    CU_ASSERT_EQUAL(ur_control(&r, 3, USB_SET_CONFIGURATION, 1, 0, 0),
                    0x190007ff);
    ur_td(&r, 0, USB_PID_IN, 3, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x18880000); /* nothing to tell */
    device_free(tablet);
    uhci_rig_free(&r);
}

CU_MAIN("uhci", {"it_is_function_2_of_a_piix3", test_identity},
        {"registers_keep_what_they_have_bits_for", test_registers},
        {"frames_are_counted_while_it_runs", test_frames_are_counted},
        {"ports_connect_reset_suspend_and_resume", test_ports},
        {"a_high_speed_device_is_refused", test_no_high_speed},
        {"control_transfers_are_put_together", test_control},
        {"a_device_is_found_by_its_address", test_address},
        {"a_stall_ends_a_queue", test_stall},
        {"a_short_packet_stops_a_queue_when_asked", test_short_packets},
        {"a_nak_waits_until_there_is_something", test_nak_waits_for_ready},
        {"a_slow_device_ends_a_td_later", test_async},
        {"full_packets_go_to_a_slow_device_together",
         test_full_packets_go_together},
        {"a_pulled_device_answers_nothing", test_pulled},
        {"a_td_that_has_ended_interrupts_when_asked",
         test_inactive_td_interrupts},
        {"rings_of_queues_and_tds_end", test_rings_end},
        {"what_cannot_be_stops_the_controller", test_wild},
        {"an_idle_schedule_is_looked_at_seldom", test_sleeps},
        {"a_frame_that_is_yet_to_come_is_waited_for",
         test_time_before_the_frame},
        {"a_change_wakes_a_suspended_controller", test_global_suspend},
        {"a_global_reset_resets_devices", test_global_reset},
        {"a_control_transfer_goes_on_after_restoring", test_restored_amid},
        {"isochronous_packets_are_asked_for_early", test_isochronous},
        {"what_goes_out_goes_its_way_after_its_frame", test_isochronous_out},
        {"a_late_look_takes_nothing_from_the_guest", test_late},
        {"a_very_late_look_loses_no_packet", test_very_late},
        {"a_packet_that_ends_does_not_interrupt_again", test_end_of_a_packet},
        {"a_tablet_is_set_up", test_tablet})
