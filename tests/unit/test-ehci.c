/* tests/unit/test-ehci.c - the EHCI as its driver sees it: registers, ports and
 * their companions, both lists, what a wild guest does. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/ehci-rig.h"
#include "tests/unit/pci-config.h"

#define DEVFN      PCI_DEVFN(10, 7)
#define OK_TOKEN   0x00008c00u /* toggles aside */
#define TOGGLE     0x80000000u
#define UHCI_PORT0 (ER_UHCI + 0x10)

static FakeUsb *
plug_fake(EhciRig *r, UsbSpeed speed, unsigned port)
{
    FakeUsb *f = (FakeUsb *) device_new(&fake_usb_class, "fake0");

    f->usb.speed = speed;
    f->result = USB_OK;
    ehci_rig_plug(r, &f->usb.dev, port);
    return f;
}

static void
begin(EhciRig *r, FakeUsb **f)
{
    ehci_rig_init(r);
    *f = plug_fake(r, USB_SPEED_HIGH, 0);
    ehci_rig_start(r);
}

static void
end(EhciRig *r, FakeUsb *f)
{
    device_free(&f->usb.dev);
    ehci_rig_free(r);
}

static void
test_identity(void)
{
    EhciRig r;

    ehci_rig_init(&r);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 0, 4), 0x24dd8086);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 8, 4), 0x0c032002);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 0x60, 2), 0x2020);
    CU_ASSERT_EQUAL(er_read(&r, ER_REGS), 0x01000020);
    CU_ASSERT_EQUAL(er_read(&r, ER_REGS + 4), 0x4208); /* 4 with 2 each, 8 */
    CU_ASSERT_EQUAL(er_read(&r, ER_REGS + 8), 0x6880);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP), 0x00080000);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4), STS_HALTED);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(7)), 0x3000);
    /* firmware's hand-over: nobody has it, an OS may take it */
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 0x68, 4), 1);
    pci_config_set(r.bus, DEVFN, 0x6b, 1, 1);
    CU_ASSERT_EQUAL(pci_config_get(r.bus, DEVFN, 0x68, 4), 0x01000001);
    ehci_rig_free(&r);
}

static void
test_high_speed_port(void)
{
    EhciRig r;

    ehci_rig_init(&r);
    FakeUsb *f = plug_fake(&r, USB_SPEED_HIGH, 0);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x3000); /* the companion's */
    CU_ASSERT_EQUAL(fake_in16(r.vm, UHCI_PORT0), 0x0093);
    er_write(&r, ER_OP + 0x40, 1);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x1003);
    CU_ASSERT_EQUAL(fake_in16(r.vm, UHCI_PORT0), 0x0082);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_PORT, STS_PORT);
    er_write(&r, ER_PORTSC(0), 0x1100 | PORT_CSC);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x1101);
    CU_ASSERT_EQUAL(f->n_resets, 1);
    er_write(&r, ER_PORTSC(0), 0x1000);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x1005);
    er_write(&r, ER_PORTSC(0), 0x1084); /* suspend */
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x1085);
    usb_device_wake(&f->usb);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x10c5);
    er_write(&r, ER_PORTSC(0), 0x1004); /* resumed */
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x1005);
    device_free(&f->usb.dev);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x100a);
    ehci_rig_free(&r);
}

static void
test_companion(void)
{
    EhciRig r;

    ehci_rig_init(&r);
    er_write(&r, ER_OP + 0x40, 1);
    FakeUsb *f = plug_fake(&r, USB_SPEED_FULL, 1);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(1)), 0x1803); /* J */
    er_write(&r, ER_PORTSC(1), 0x1100);
    er_write(&r, ER_PORTSC(1), 0x1000);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(1)), 0x1803); /* not enabled */
    er_write(&r, ER_PORTSC(1), 0x3000 | PORT_CSC);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(1)), 0x3002);
    CU_ASSERT_EQUAL(fake_in16(r.vm, UHCI_PORT0 + 2), 0x0093);
    /* gone: the port comes back */
    device_free(&f->usb.dev);
    CU_ASSERT_EQUAL(fake_in16(r.vm, UHCI_PORT0 + 2), 0x0082);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(1)) & PORT_OWNER, 0);
    ehci_rig_free(&r);
}

static void
test_control(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 100;
    CU_ASSERT_EQUAL(er_control(&r, 0, USB_GET_DESCRIPTOR, 0x100, 0, 100) &
                        ~TOGGLE,
                    OK_TOKEN);
    CU_ASSERT_EQUAL(f->setup.length, 100);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(1) + 96), 0x63626160);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & 0x3f, STS_USBINT);
    CU_ASSERT_TRUE(r.irq);
    er_write(&r, ER_OP + 4, STS_USBINT);
    CU_ASSERT_FALSE(r.irq);
    CU_ASSERT_EQUAL(er_control(&r, 0, USB_SET_ADDRESS, 7, 0, 0) & ~TOGGLE,
                    OK_TOKEN | 1 << 8);
    /* nobody is at 0 any more */
    CU_ASSERT_EQUAL(er_control(&r, 0, USB_GET_DESCRIPTOR, 0x100, 0, 8) & 0x7c,
                    0x48);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_ERROR, STS_ERROR);
    f->result = USB_STALL;
    CU_ASSERT_EQUAL(er_control(&r, 7, USB_GET_DESCRIPTOR, 0x600, 0, 8) & 0xfc,
                    0x40);
    end(&r, f);
}

static void
test_pages(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 0x4f00;
    er_qtd(&r, 0, ER_IN, 0x4f00, ER_LAST);
    er_put32(&r, ER_QTD(0) + 12, ER_BUF(0) + 0x100);
    er_put32(&r, ER_QTD(0) + 16, ER_BUF(2)); /* pages need not be neighbours */
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(er_token(&r, 0) & 0x7fff00ff, 0);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(0) + 0x100), 0x03020100);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(2) + 4), 0x07060504);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(0) + 0x4ffc), 0xfffefdfc);
    /* 0x4f00 bytes are 40 packets: the toggle is as before */
    CU_ASSERT_EQUAL(er_get32(&r, ER_QH + 24) & TOGGLE, 0);
    end(&r, f);
}

static void
test_short(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 10;
    er_qtd(&r, 0, ER_IN, 512, 0);
    er_put32(&r, ER_QTD(0) + 4, ER_QTD(2)); /* where to go then */
    er_qtd(&r, 1, ER_IN, 512, ER_LAST);
    er_qtd(&r, 2, ER_IN, 10, ER_LAST | ER_IOC);
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(er_token(&r, 0) >> 16 & 0x7fff, 502);
    CU_ASSERT_EQUAL(er_token(&r, 1) & 0x80, 0x80); /* passed over */
    CU_ASSERT_EQUAL(er_token(&r, 2) & 0xff, 0);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & 0x3f, STS_USBINT);
    end(&r, f);
}

static void
test_nak_and_async(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_NAK;
    er_qtd(&r, 0, ER_IN, 8, ER_LAST | ER_IOC);
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 3);
    CU_ASSERT_EQUAL(er_token(&r, 0) & 0xff, 0x80);
    f->result = USB_ASYNC;
    usb_device_ready(&f->usb, 0x81);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(f->n_async, 1);
    memcpy(f->last[0]->data, "abcdefgh", 8);
    f->last[0]->actual = 8;
    f->last[0]->result = USB_OK;
    f->n_async = 0;
    usb_packet_done(f->last[0]);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(er_token(&r, 0) & 0xff, 0);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(0)), 0x64636261);
    end(&r, f);
}

static void
test_doorbell(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    er_qtd(&r, 0, ER_OUT, 8, ER_LAST);
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 3);
    CU_ASSERT_EQUAL(f->n_async, 1);
    /* still in the list: it stays */
    er_write(&r, ER_OP, CMD_RUN | CMD_ASYNC | CMD_DOORBELL);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_ADVANCE, STS_ADVANCE);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP) & CMD_DOORBELL, 0);
    CU_ASSERT_EQUAL(f->n_cancels, 0);
    er_put32(&r, ER_HEAD, ER_HEAD | 2); /* taken out */
    er_write(&r, ER_OP, CMD_RUN | CMD_ASYNC | CMD_DOORBELL);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 0x18), ER_HEAD);
    end(&r, f);
}

/* 300 qTDs are more than one look does: what is behind them waits. */
static void
test_doorbell_waits(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    er_put32(&r, ER_QH, (ER_QH + 0x80) | 2);
    er_put32(&r, ER_QH + 0x80, ER_HEAD | 2);
    er_put32(&r, ER_QH + 0x84, 2 << 8 | 2 << 12 | 512 << 16);
    er_put32(&r, ER_QH + 0x90, ER_QTD(0));
    er_put32(&r, ER_QH + 0x94, LINK_T);
    er_put32(&r, ER_QH + 0x98, 0);
    er_qtd(&r, 0, ER_OUT, 8, ER_LAST);
    er_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_async, 1);
    f->result = USB_OK;
    for (unsigned i = 1; i <= 300; i++)
        er_qtd(&r, i, ER_OUT, 0, i == 300 ? ER_LAST : 0);
    er_queue(&r, 0, 1, 1);
    er_write(&r, ER_OP + 0x18, ER_HEAD);
    er_write(&r, ER_OP, CMD_RUN | CMD_ASYNC | CMD_DOORBELL);
    CU_ASSERT_EQUAL(er_token(&r, 256) & 0x80, 0);
    CU_ASSERT_EQUAL(er_token(&r, 257) & 0x80, 0x80);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_ADVANCE, 0);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP) & CMD_DOORBELL, CMD_DOORBELL);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_ADVANCE, STS_ADVANCE);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP) & CMD_DOORBELL, 0);
    CU_ASSERT_EQUAL(f->n_cancels, 0); /* it is in the list still */
    end(&r, f);
}

static void
test_interrupt_queue(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 4;
    er_put32(&r, ER_HEAD, ER_HEAD | 2);
    er_qtd(&r, 0, ER_IN, 8, ER_LAST | ER_IOC);
    er_queue(&r, 0, 1, 0);
    er_put32(&r, ER_QH, LINK_T);
    er_put32(&r, ER_QH + 8, 1 << 30 | 1); /* S-mask */
    guint32 frame = er_read(&r, ER_OP + 0xc) / 8;
    er_put32(&r, ER_PERIODIC + 4 * (frame + 2), ER_QH | 2);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(f->n_submits, 0);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(f->n_submits, 1);
    CU_ASSERT_EQUAL(er_token(&r, 0) & 0xff, 0);
    CU_ASSERT_TRUE(r.irq);
    end(&r, f);
}

static void
put_itd(EhciRig *r, bool in, guint32 len)
{
    er_put32(r, ER_ITD, LINK_T);
    for (unsigned i = 0; i < 8; i++)
        er_put32(r, ER_ITD + 4 + 4 * i, 0);
    er_put32(r, ER_ITD + 4, 0x80000000 | len << 16 | ER_IOC | 0xff0);
    er_put32(r, ER_ITD + 12, 0x80000000 | len << 16 | 1 << 12);
    er_put32(r, ER_ITD + 36, ER_BUF(0) | 1 << 8); /* endpoint 1, address 0 */
    er_put32(r, ER_ITD + 40, ER_BUF(1) | (in ? 0x800 : 0) | 512);
    er_put32(r, ER_ITD + 44, ER_BUF(2) | 1);
}

static void
test_isochronous(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_ASYNC;
    put_itd(&r, true, 64);
    guint32 frame = er_read(&r, ER_OP + 0xc) / 8;
    er_put32(&r, ER_PERIODIC + 4 * (frame + 10), ER_ITD);
    er_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_async, 2); /* long before their frame */
    UsbPacket *p = f->last[0];
    CU_ASSERT_EQUAL(p->type, USB_ISOCHRONOUS);
    CU_ASSERT_EQUAL(p->ep, 0x81);
    memset(p->data, 0x5a, 64);
    p->actual = 40;
    p->result = USB_OK;
    usb_packet_done(p); /* the other never comes */
    CU_ASSERT_EQUAL(er_get32(&r, ER_ITD + 4) >> 31, 1);
    er_frames(&r, 8);
    CU_ASSERT_EQUAL(er_get32(&r, ER_ITD + 4), 40u << 16 | ER_IOC | 0xff0);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(0) + 0xffc), 0x5a5a5a5a);
    CU_ASSERT_EQUAL(er_get32(&r, ER_BUF(1)), 0x5a5a5a5a); /* the next page */
    CU_ASSERT_EQUAL(er_get32(&r, ER_ITD + 12), 0x10001000);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    CU_ASSERT_TRUE(r.irq);
    end(&r, f);
}

/* 100 iTDs of eight packets each, chained. */
static void
put_many_itds(EhciRig *r)
{
    for (unsigned n = 0; n < 100; n++) {
        guint32 at = ER_ITD + 64 * n;
        er_put32(r, at, n == 99 ? LINK_T : at + 64);
        for (unsigned i = 0; i < 8; i++)
            er_put32(r, at + 4 + 4 * i, 0x80000000 | 64u << 16);
        er_put32(r, at + 36, ER_BUF(0) | 1 << 8);
        er_put32(r, at + 40, ER_BUF(1));
    }
}

static unsigned
count_ended(EhciRig *r)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 800; i++)
        n += (er_get32(r, ER_ITD + 64 * (i / 8) + 4 + 4 * (i % 8)) >> 31) == 0;
    return n;
}

static void
test_isochronous_is_bounded(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    put_many_itds(&r);
    guint32 frame = er_read(&r, ER_OP + 0xc) / 8;
    er_put32(&r, ER_PERIODIC + 4 * (frame + 17), ER_ITD);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(f->n_submits, 256); /* begun early at one look */
    er_frames(&r, 15);
    CU_ASSERT_EQUAL(count_ended(&r), 0);
    er_frames(&r, 1);
    CU_ASSERT_EQUAL(count_ended(&r), 256); /* the rest is late for ever */
    end(&r, f);
}

static void
test_interrupt_naks_are_bounded(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->result = USB_NAK;
    er_put32(&r, ER_HEAD, ER_HEAD | 2);
    er_qtd(&r, 0, ER_IN, 8, ER_LAST);
    er_queue(&r, 0, 1, 0);
    er_put32(&r, ER_QH + 8, 1 << 30 | 1);
    er_put32(&r, ER_QH, ER_QH | 2); /* 256 links in a frame are this one */
    for (unsigned i = 0; i < 1024; i++)
        er_put32(&r, ER_PERIODIC + 4 * i, ER_QH | 2);
    er_frames(&r, 100); /* idle: each look is at four frames */
    unsigned before = f->n_submits;
    er_frames(&r, 4);
    CU_ASSERT_EQUAL(f->n_submits - before, 256);
    /* and the other list has its share all the same */
    er_put32(&r, ER_HEAD, (ER_QH + 0x80) | 2);
    er_put32(&r, ER_QH + 0x80, ER_HEAD | 2);
    er_put32(&r, ER_QH + 0x84, 2 << 8 | 2 << 12 | 512 << 16);
    er_put32(&r, ER_QH + 0x90, ER_QTD(1));
    er_put32(&r, ER_QH + 0x94, LINK_T);
    er_put32(&r, ER_QH + 0x98, 0);
    er_qtd(&r, 1, ER_IN, 8, ER_LAST);
    f->result = USB_OK;
    er_frames(&r, 4);
    CU_ASSERT_EQUAL(er_token(&r, 1) & 0xff, 0);
    end(&r, f);
}

static void
test_isochronous_out(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    f->actual = 64;
    put_itd(&r, false, 64);
    er_put32(&r, ER_BUF(1), 0x44332211);
    guint32 frame = er_read(&r, ER_OP + 0xc) / 8;
    er_put32(&r, ER_PERIODIC + 4 * (frame + 3), ER_ITD);
    er_frames(&r, 3);
    CU_ASSERT_EQUAL(f->n_submits, 2);
    CU_ASSERT_EQUAL(f->out[0], 0x11);
    CU_ASSERT_EQUAL(er_get32(&r, ER_ITD + 4), 64u << 16 | ER_IOC | 0xff0);
    CU_ASSERT_EQUAL(er_get32(&r, ER_ITD + 12), 64u << 16 | 0x1000);
    end(&r, f);
}

static void
test_rollover_and_sleep(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    er_write(&r, ER_OP + 8, STS_ROLLOVER);
    er_write(&r, ER_OP, CMD_RUN); /* no list is on */
    er_frames(&r, 1024);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4), STS_ROLLOVER);
    CU_ASSERT_TRUE(r.irq);
    er_write(&r, ER_OP + 4, STS_ROLLOVER);
    er_write(&r, ER_OP + 8, 0);
    er_frames(&r, 1);
    CU_ASSERT_FALSE(timer_is_armed(r.e->frames));
    guint32 frame = er_read(&r, ER_OP + 0xc);
    er_frames(&r, 10);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 0xc), frame + 80);
    end(&r, f);
}

static void
test_time_before_the_frame(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    guint32 frindex = r.e->s.frindex;
    r.e->frame_ns += 5 * ER_FRAME;
    ehci_kick(r.e);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(r.e->s.frindex, frindex);
    er_frames(&r, 7);
    CU_ASSERT_EQUAL(r.e->s.frindex, frindex + 2 * 8);
    end(&r, f);
}

static void
test_late(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    guint32 frindex = r.e->s.frindex;
    r.e->next = 1;                  /* it looks at each frame */
    r.e->frame_ns -= 20 * ER_FRAME; /* the loop has had no time for that long */
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 0xc), frindex + 8);
    ehci_kick(r.e);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 0xc), frindex + 20 * 8);
    end(&r, f);
}

static void
test_wild(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    /* lists that lead to themselves */
    er_put32(&r, ER_QH, ER_QH | 2);
    for (unsigned i = 0; i < 1024; i++)
        er_put32(&r, ER_PERIODIC + 4 * i, ER_QH | 2);
    er_put32(&r, ER_QH + 8, 1);
    er_frames(&r, 5);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_HALTED, 0);
    er_qtd(&r, 0, ER_IN, 8, 0);
    er_put32(&r, ER_QTD(0), ER_QTD(0));
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 5);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & STS_HALTED, 0);
    /* more than five pages */
    er_qtd(&r, 0, ER_OUT, 0x7fff, ER_LAST);
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 5);
    CU_ASSERT_EQUAL(er_token(&r, 0) & 0xff, 0x48);
    /* where there is no memory */
    er_put32(&r, ER_HEAD, 0xfff00000 | 2);
    er_write(&r, ER_OP + 0x18, ER_HEAD);
    er_frames(&r, 2);
    CU_ASSERT_EQUAL(er_read(&r, ER_OP + 4) & (STS_HALTED | STS_HSE),
                    STS_HALTED | STS_HSE);
    end(&r, f);
}

static void
restore(Device *dev, GBytes *bytes)
{
    g_autoptr(GError) error = NULL;
    void *state = (guint8 *) dev + dev->klass->state_offset;

    CU_ASSERT_TRUE(state_decode(dev->klass->state, bytes, state, &error));
    dev->klass->restored(dev);
}

static GBytes *
save(Device *dev)
{
    GByteArray *bytes = g_byte_array_new();

    state_encode(dev->klass->state, (guint8 *) dev + dev->klass->state_offset,
                 bytes);
    return g_byte_array_free_to_bytes(bytes);
}

static void
test_restore(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    FakeUsb *full = plug_fake(&r, USB_SPEED_FULL, 1);
    er_write(&r, ER_PORTSC(1), 0x3000 | PORT_CSC); /* to the companion */
    fake_out16(r.vm, UHCI_PORT0 + 2, 0x0002);
    guint32 mine = er_read(&r, ER_PORTSC(0));
    guint16 theirs = fake_in16(r.vm, UHCI_PORT0 + 2);
    CU_ASSERT_EQUAL(mine, 0x1005);
    CU_ASSERT_EQUAL(theirs, 0x0091);
    f->result = USB_ASYNC; /* on its way when it is saved */
    er_qtd(&r, 0, ER_IN, 8, ER_LAST);
    er_queue(&r, 0, 1, 0);
    er_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_submits, 1);
    r.dev->klass->quiesce(r.dev);
    CU_ASSERT_FALSE(r.dev->klass->is_quiet(r.dev));
    GBytes *ehci = save(r.dev), *uhci = save(r.companion);
    r.dev->klass->resume(r.dev);
    /* another machine: all ports are with companions at first */
    device_reset(r.dev, RESET_COLD);
    device_reset(r.companion, RESET_COLD);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    restore(r.companion, uhci);
    restore(r.dev, ehci);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), mine);
    CU_ASSERT_EQUAL(fake_in16(r.vm, UHCI_PORT0 + 2), theirs);
    CU_ASSERT_EQUAL(fake_in16(r.vm, UHCI_PORT0), 0x0082); /* as it was */
    CU_ASSERT_EQUAL(f->n_submits, 2); /* it is asked again */
    f->last[0]->actual = 8;
    f->last[0]->result = USB_OK;
    f->n_async = 0;
    usb_packet_done(f->last[0]);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(er_token(&r, 0) & 0xff, 0);
    g_bytes_unref(ehci);
    g_bytes_unref(uhci);
    device_free(&full->usb.dev);
    end(&r, f);
}

/* What was there when it was saved is not there any more. */
static void
test_restore_without(void)
{
    EhciRig r;
    FakeUsb *f;

    begin(&r, &f);
    GBytes *ehci = save(r.dev);
    usb_device_detach(&f->usb);
    restore(r.dev, ehci);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(er_read(&r, ER_PORTSC(0)), 0x100a);
    g_bytes_unref(ehci);
    end(&r, f);
}

CU_MAIN(
    "ehci", {"it_is_function_7_of_an_ich5", test_identity},
    {"a_high_speed_device_is_its_own", test_high_speed_port},
    {"a_full_speed_device_is_a_companion_s", test_companion},
    {"control_transfers_are_put_together", test_control},
    {"data_is_where_its_pages_are", test_pages},
    {"a_short_transfer_goes_on_elsewhere", test_short},
    {"a_slow_device_ends_a_transfer_later", test_nak_and_async},
    {"the_doorbell_is_answered_when_it_is_forgotten", test_doorbell},
    {"the_doorbell_is_answered_after_a_whole_round", test_doorbell_waits},
    {"interrupt_queues_run_in_their_frames", test_interrupt_queue},
    {"isochronous_packets_are_asked_for_early", test_isochronous},
    {"isochronous_packets_of_a_look_are_bounded", test_isochronous_is_bounded},
    {"queues_that_are_asked_in_vain_are_bounded",
     test_interrupt_naks_are_bounded},
    {"isochronous_packets_are_sent", test_isochronous_out},
    {"an_idle_controller_sleeps_until_the_rollover", test_rollover_and_sleep},
    {"a_frame_that_is_yet_to_come_is_waited_for", test_time_before_the_frame},
    {"a_late_look_takes_nothing_from_the_guest", test_late},
    {"ports_and_packets_are_as_they_were_when_restored", test_restore},
    {"a_device_that_is_gone_when_restored_is_pulled", test_restore_without},
    {"what_cannot_be_is_bounded", test_wild})
