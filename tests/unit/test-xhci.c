/* tests/unit/test-xhci.c - the xHCI as its driver sees it: registers, ports,
 * commands, transfers of each kind, events, and what a wild guest does. */
#include <string.h>

#include "devices/usb/usb-hub.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/xhci-rig.h"

extern const DeviceClass usb_hub_class;

#define NORMAL    (TRB_NORMAL << 10)
#define CMD(type) ((guint32) (type) << 10 | 1u << 24)

static void
begin(XhciRig *r, FakeUsb **f, UsbSpeed speed)
{
    xhci_rig_init(r);
    *f = xhci_rig_plug_fake(r, speed, 0);
    xhci_rig_start(r);
    CU_ASSERT_EQUAL(xr_address(r, speed == USB_SPEED_SUPER ? 9 : 1),
                    CC_SUCCESS);
}

static void
end(XhciRig *r, FakeUsb *f)
{
    device_free(&f->usb.dev);
    xhci_rig_free(r);
}

static unsigned
ep_state(XhciRig *r, unsigned ep)
{
    return xr_get32(r, XR_CONTEXT(1) + 32 * ep) & 7;
}

/* The residue of an event. */
static guint32
left(const XhciEvent *e)
{
    return e->status & 0xffffff;
}

static void
test_capabilities(void)
{
    XhciRig r;

    xhci_rig_init(&r);
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS), 0x01000040);
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS + 4), 0x10000410);
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS + 0x10), 0x00080001);
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS + 0x20), 0x02000402); /* USB 2.0 */
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS + 0x28), 0x0801);     /* ports 1..8 */
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS + 0x30), 0x03000002);
    CU_ASSERT_EQUAL(xr_read(&r, XR_REGS + 0x38), 0x0809);
    CU_ASSERT_EQUAL(xr_read(&r, XR_OP + 4), STS_HALTED);
    CU_ASSERT_EQUAL(xr_read(&r, XR_OP + 8), 1);
    xhci_rig_free(&r);
}

static void
test_ports(void)
{
    XhciRig r;

    xhci_rig_init(&r);
    xhci_rig_start(&r);
    FakeUsb *two = xhci_rig_plug_fake(&r, USB_SPEED_HIGH, 1);
    FakeUsb *three = xhci_rig_plug_fake(&r, USB_SPEED_SUPER, 2);
    /* connected; the one of USB 3 is enabled by itself */
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x00020ee1);
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(10)), 0x000002a0);
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(11)), 0x00021203);
    XhciEvent e;
    CU_ASSERT_TRUE(xr_event(&r, &e));
    CU_ASSERT_EQUAL(e.param, 2u << 24);
    CU_ASSERT_EQUAL(TRB_TYPE(e.control), EVENT_PORT);
    xr_write(&r, XR_PORTSC(2), PORT_PP | PORT_PR);
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x00220e03);
    CU_ASSERT_EQUAL(two->n_resets, 1);
    xr_write(&r, XR_PORTSC(2), PORT_PP | PORT_CHANGES);
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x00000e03);
    /* suspended, resumed */
    xr_write(&r, XR_PORTSC(2), PORT_PP | PORT_LWS | PORT_PLS(PLS_U3));
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x00000e63);
    usb_device_wake(&two->usb);
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x00400fe3);
    xr_write(&r, XR_PORTSC(2), PORT_PP | PORT_LWS | PORT_PLS(PLS_U0));
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x00400e03);
    /* gone */
    device_free(&two->usb.dev);
    CU_ASSERT_EQUAL(xr_read(&r, XR_PORTSC(2)), 0x004202a0);
    device_free(&three->usb.dev);
    xhci_rig_free(&r);
}

static void
test_commands(void)
{
    XhciRig r;
    FakeUsb *f;

    begin(&r, &f, USB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_get32(&r, XR_CONTEXT(1) + 12), 2u << 27 | 1);
    CU_ASSERT_EQUAL(ep_state(&r, 1), EP_RUNNING);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, TRB_COMMAND_NOOP << 10), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, 50 << 10), CC_TRB);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_get32(&r, XR_CONTEXT(1) + 12) >> 27, 3);
    CU_ASSERT_EQUAL(xr_get32(&r, XR_CONTEXT(1)) >> 27, 3);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_STOP_ENDPOINT) | 3 << 16),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(ep_state(&r, 3), EP_STOPPED);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_STOP_ENDPOINT) | 3 << 16),
                    CC_CONTEXT_STATE);
    CU_ASSERT_EQUAL(
        xr_command(&r, XR_DATA | 1, 0, CMD(TRB_SET_DEQUEUE) | 3 << 16),
        CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_get64(&r, XR_CONTEXT(1) + 32 * 3 + 8), XR_DATA | 1);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_RESET_ENDPOINT) | 5 << 16),
                    CC_EP_NOT_ENABLED);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_RESET_DEVICE)), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_get32(&r, XR_CONTEXT(1) + 12) >> 27, 1);
    CU_ASSERT_EQUAL(ep_state(&r, 3), EP_DISABLED);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_DISABLE_SLOT)), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_DISABLE_SLOT)),
                    CC_SLOT_NOT_ENABLED);
    end(&r, f);
}

static void
test_address_is_refused(void)
{
    XhciRig r;
    FakeUsb *f;

    begin(&r, &f, USB_SPEED_HIGH);
    /* a second time, an empty port, no such port, contexts outside memory */
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, CMD(TRB_ADDRESS_DEVICE)),
                    CC_CONTEXT_STATE);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, TRB_ENABLE_SLOT << 10), CC_SUCCESS);
    guint32 second = TRB_ADDRESS_DEVICE << 10 | 2u << 24;
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, second), CC_TRANSACTION);
    xr_put32(&r, XR_INPUT + 36, 3 << 16);
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, second), CC_TRANSACTION);
    xr_put32(&r, XR_INPUT + 36, 255 << 16);
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, second), CC_TRB);
    CU_ASSERT_EQUAL(xr_command(&r, 0xf0000000, 0, second), CC_PARAMETER);
    xr_put64(&r, XR_DCBAA + 16, 0);
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, second), CC_PARAMETER);
    CU_ASSERT_EQUAL(
        xr_command(&r, XR_INPUT, 0, TRB_ADDRESS_DEVICE << 10 | 200u << 24),
        CC_SLOT_NOT_ENABLED);
    end(&r, f);
}

static void
test_control(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_HIGH);
    f->actual = 18;
    CU_ASSERT_EQUAL(xr_control(&r, USB_GET_DESCRIPTOR, 0x100, 0, 64),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(f->setup.value, 0x100);
    CU_ASSERT_EQUAL(f->setup.length, 64);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[XR_DATA + 17], 17);
    f->result = USB_STALL;
    CU_ASSERT_EQUAL(xr_control(&r, USB_SET_CONFIGURATION, 9, 0, 0), CC_STALL);
    CU_ASSERT_EQUAL(ep_state(&r, 1), EP_HALTED);
    /* nothing goes on before it is reset */
    f->result = USB_OK;
    CU_ASSERT_EQUAL(xr_control(&r, USB_SET_CONFIGURATION, 1, 0, 0), 0);
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, CMD(TRB_RESET_ENDPOINT) | 1 << 16),
                    CC_SUCCESS);
    xr_ring_bell(&r, 1, 1); /* both are tried again */
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    CU_ASSERT_EQUAL(f->setup.value, 1);
    end(&r, f);
}

static void
test_short_and_event_data(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_SUPER);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    f->actual = 100;
    xr_push(&r, 3, XR_DATA, 64, NORMAL | TRB_CHAIN | TRB_ISP);
    guint64 second =
        xr_push(&r, 3, XR_DATA + 0x100, 64, NORMAL | TRB_CHAIN | TRB_ISP);
    xr_push(&r, 3, XR_DATA + 0x200, 64, NORMAL | TRB_CHAIN | TRB_ISP);
    xr_push(&r, 3, 0x1234, 0, TRB_EVENT_DATA << 10 | TRB_IOC);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SHORT_PACKET);
    CU_ASSERT_EQUAL(e.param, second);
    CU_ASSERT_EQUAL(left(&e), 28);
    CU_ASSERT_EQUAL(e.control >> 16, 0x0103);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SHORT_PACKET);
    CU_ASSERT_EQUAL(e.param, 0x1234);
    CU_ASSERT_EQUAL(left(&e), 100);
    CU_ASSERT_TRUE((e.control & TRB_ED) != 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), 0);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[XR_DATA + 0x100 + 35], 99);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[XR_DATA + 0x100 + 36], 0);
    end(&r, f);
}

static void
test_out_immediate(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_configure(&r, 2, EP_BULK), CC_SUCCESS);
    f->actual = 64;
    xr_push(&r, 2, 0x0807060504030201, 8, NORMAL | TRB_IDT | TRB_IOC);
    xr_ring_bell(&r, 1, 2);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    CU_ASSERT_EQUAL(f->out[7], 8);
    /* immediate data has eight bytes at most */
    guint64 bad = xr_push(&r, 2, 0, 9, NORMAL | TRB_IDT | TRB_IOC);
    xr_ring_bell(&r, 1, 2);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRB);
    CU_ASSERT_EQUAL(e.param, bad);
    CU_ASSERT_EQUAL(ep_state(&r, 2), EP_ERROR);
    end(&r, f);
}

static void
test_nak_and_async(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_FULL);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_INTERRUPT | EP_IN), CC_SUCCESS);
    f->result = USB_NAK;
    xr_push(&r, 3, XR_DATA, 8, NORMAL | TRB_IOC);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(f->n_submits, 1);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), 0);
    f->result = USB_ASYNC;
    f->actual = 4;
    usb_device_ready(&f->usb, 0x81);
    CU_ASSERT_EQUAL(f->n_submits, 2);
    CU_ASSERT_EQUAL(f->n_async, 1);
    CU_ASSERT_FALSE(device_is_quiet(r.dev));
    f->last[0]->result = USB_OK;
    usb_packet_done(f->last[0]);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SHORT_PACKET);
    CU_ASSERT_EQUAL(left(&e), 4);
    CU_ASSERT_TRUE(device_is_quiet(r.dev));
    end(&r, f);
}

static void
test_stop_and_unplug(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    f->result = USB_ASYNC;
    guint64 at = xr_push(&r, 3, XR_DATA, 512, NORMAL | TRB_IOC);
    xr_ring_bell(&r, 1, 3);
    xr_push(&r, 0, 0, 0, CMD(TRB_STOP_ENDPOINT) | 3 << 16);
    xr_ring_bell(&r, 0, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_STOPPED);
    CU_ASSERT_EQUAL(e.param, at);
    CU_ASSERT_EQUAL(left(&e), 512);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    CU_ASSERT_EQUAL(xr_get64(&r, XR_CONTEXT(1) + 32 * 3 + 8), at | 1);
    /* the bell makes it go on with the same */
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(f->n_submits, 2);
    device_free(&f->usb.dev);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRANSACTION);
    CU_ASSERT_EQUAL(ep_state(&r, 3), EP_HALTED);
    xhci_rig_free(&r);
}

static void
test_isochronous(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_ISOCH | EP_IN), CC_SUCCESS);
    f->result = USB_ASYNC;
    f->actual = 64;
    for (unsigned i = 0; i < 3; i++)
        xr_push(&r, 3, XR_DATA + 64 * i, 64, TRB_ISOCH << 10 | TRB_IOC);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(f->n_async, 3); /* all at once, told in order */
    f->last[1]->result = USB_FAILED;
    f->last[1]->actual = 0;
    usb_packet_done(f->last[1]);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), 0);
    f->last[0]->result = USB_OK;
    usb_packet_done(f->last[0]);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRANSACTION);
    f->last[2]->result = USB_OK;
    usb_packet_done(f->last[2]);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    end(&r, f);
}

/* 32 places in two segments, of which the last tells that it is full. */
static void
test_event_ring(void)
{
    XhciRig r;
    XhciEvent e;

    xhci_rig_init(&r);
    xhci_rig_start(&r);
    for (unsigned i = 0; i < 80; i++) /* it wraps, and its cycle bit turns */
        CU_ASSERT_EQUAL(xr_command(&r, 0, 0, TRB_COMMAND_NOOP << 10),
                        CC_SUCCESS);
    for (unsigned i = 0; i < 30; i++)
        xr_push(&r, 0, i, 0, TRB_COMMAND_NOOP << 10);
    xr_ring_bell(&r, 0, 0);
    unsigned commands = 0, full = 0;
    xr_push(&r, 0, 0, 0, TRB_COMMAND_NOOP << 10);
    xr_push(&r, 0, 0, 0, TRB_COMMAND_NOOP << 10);
    xr_ring_bell(&r, 0, 0);
    while (xr_event(&r, &e)) {
        commands += TRB_TYPE(e.control) == EVENT_COMMAND;
        full += TRB_TYPE(e.control) == EVENT_HOST &&
                e.status >> 24 == CC_EVENT_RING_FULL;
    }
    CU_ASSERT_EQUAL(commands, 32);
    CU_ASSERT_TRUE(full >= 1);
    xhci_rig_free(&r);
}

static void
test_wild_rings(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;

    begin(&r, &f, USB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    /* a link to itself */
    xr_push(&r, 3, XR_RING(3), 0, TRB_LINK << 10);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRB);
    CU_ASSERT_EQUAL(ep_state(&r, 3), EP_ERROR);
    /* chained for ever: a ring without an end of TD */
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    for (unsigned i = 0; i < XR_RING_N - 1; i++)
        xr_put32(&r, XR_RING(3) + 16 * i + 12, NORMAL | TRB_CHAIN | 1);
    xr_put64(&r, XR_RING(3) + 16 * (XR_RING_N - 1), XR_RING(3));
    xr_put32(&r, XR_RING(3) + 16 * (XR_RING_N - 1) + 12, TRB_LINK << 10 | 1);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRB);
    /* data that is no memory, a setup stage where none belongs */
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    f->actual = 8;
    xr_push(&r, 3, 0xf0000000, 8, NORMAL | TRB_IOC);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRB);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    xr_push(&r, 3, 0, 8, TRB_SETUP << 10 | TRB_IDT);
    xr_ring_bell(&r, 1, 3);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRB);
    end(&r, f);
}

static void
test_wild_registers(void)
{
    XhciRig r;

    xhci_rig_init(&r);
    xhci_rig_start(&r);
    xr_write(&r, XR_BELL(0), 7);
    xr_write(&r, XR_BELL(5), 3);
    xr_write(&r, XR_BELL(16), 255);
    xr_write(&r, XR_INTR + 8, 0); /* no segment */
    xr_push(&r, 0, 0, 0, TRB_COMMAND_NOOP << 10);
    xr_ring_bell(&r, 0, 0);
    CU_ASSERT_EQUAL(xr_read(&r, XR_OP + 4) & (STS_HCE | STS_HALTED),
                    STS_HCE | STS_HALTED);
    xhci_rig_start(&r); /* a reset mends it */
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, TRB_COMMAND_NOOP << 10), CC_SUCCESS);
    xr_write(&r, XR_OP + 0x18, 2); /* stop the ring */
    XhciEvent e;
    CU_ASSERT_TRUE(xr_event(&r, &e));
    CU_ASSERT_EQUAL(e.status >> 24, CC_COMMAND_STOPPED);
    xr_write(&r, XR_OP + 0x18, 0xfffffff1); /* and nowhere */
    xr_ring_bell(&r, 0, 0);
    CU_ASSERT_TRUE((xr_read(&r, XR_OP + 4) & STS_HCE) != 0);
    xhci_rig_free(&r);
}

/* What was under way is in its ring after a restore. */
static void
test_restore(void)
{
    XhciRig r;
    FakeUsb *f;
    XhciEvent e;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    begin(&r, &f, USB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_configure(&r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    f->result = USB_NAK;
    xr_push(&r, 3, XR_DATA, 8, NORMAL | TRB_IOC);
    xr_ring_bell(&r, 1, 3);
    device_quiesce(r.dev);
    device_save(r.dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(r.dev, bytes, NULL));
    f->result = USB_OK;
    f->actual = 8;
    device_resume(r.dev);
    fake_advance(r.vm, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    end(&r, f);
}

static void
test_behind_a_hub(void)
{
    XhciRig r;
    XhciEvent e;

    xhci_rig_init(&r);
    Device *hub = device_new(&usb_hub_class, "usb0");
    xhci_rig_plug(&r, hub, 0);
    FakeUsb *f = (FakeUsb *) device_new(&fake_usb_class, "fake0");
    f->usb.speed = USB_SPEED_LOW;
    device_set_link(&f->usb.dev, "usb", usb_hub_bus(hub));
    device_set_u64(&f->usb.dev, "port", 2, NULL);
    fake_vm_realize(r.vm, &f->usb.dev);
    xhci_rig_start(&r);
    CU_ASSERT_EQUAL(xr_address(&r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_control(&r, USB_SET_CONFIGURATION, 1, 0, 0), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_control(&r, 0x2303, 8, 3, 0), CC_SUCCESS); /* power */
    /* a second slot, by a route string: not before the port is enabled */
    CU_ASSERT_EQUAL(xr_command(&r, 0, 0, TRB_ENABLE_SLOT << 10), CC_SUCCESS);
    xr_put32(&r, XR_INPUT + 4, 3);
    xr_put32(&r, XR_INPUT + 32, 1u << 27 | 2u << 20 | 3);
    xr_put32(&r, XR_INPUT + 36, 1u << 16);
    xr_put32(&r, XR_INPUT + 40, 1u | 3u << 8); /* who translates: slot 1 */
    xr_put64(&r, XR_INPUT + 72, XR_RING(5) | 1);
    guint32 address = TRB_ADDRESS_DEVICE << 10 | 2u << 24;
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, address), CC_TRANSACTION);
    CU_ASSERT_EQUAL(xr_control(&r, 0x2303, 4, 3, 0), CC_SUCCESS); /* reset */
    CU_ASSERT_EQUAL(f->n_resets, 1);
    CU_ASSERT_EQUAL(xr_command(&r, XR_INPUT, 0, address), CC_SUCCESS);
    f->result = USB_NAK;
    xr_put64(&r, XR_RING(5), 0x0001090000000000);
    xr_put32(&r, XR_RING(5) + 8, 8);
    xr_put32(&r, XR_RING(5) + 12, TRB_SETUP << 10 | TRB_IDT | 1);
    xr_put32(&r, XR_RING(5) + 28, TRB_STATUS << 10 | TRB_IOC | 1u << 16 | 1);
    xr_ring_bell(&r, 2, 1);
    CU_ASSERT_EQUAL(f->n_submits, 1);
    f->result = USB_OK;
    usb_device_ready(&f->usb, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_SUCCESS);
    CU_ASSERT_EQUAL(e.control >> 24, 2);
    /* gone with its hub */
    usb_device_detach((UsbDevice *) hub);
    xr_put32(&r, XR_RING(5) + 40, 8);
    xr_put32(&r, XR_RING(5) + 44, TRB_SETUP << 10 | TRB_IDT | 1);
    xr_put32(&r, XR_RING(5) + 60, TRB_STATUS << 10 | TRB_IOC | 1u << 16 | 1);
    xr_ring_bell(&r, 2, 1);
    CU_ASSERT_EQUAL(xr_transfer_event(&r, &e), CC_TRANSACTION);
    device_free(&f->usb.dev);
    device_free(hub);
    xhci_rig_free(&r);
}

CU_MAIN("xhci", {"the_capabilities_name_all_ports", test_capabilities},
        {"devices_are_seen_by_the_port_of_their_speed", test_ports},
        {"commands_follow_the_states", test_commands},
        {"a_bad_address_command_is_refused", test_address_is_refused},
        {"control_transfers_and_a_stall", test_control},
        {"short_packets_and_event_data", test_short_and_event_data},
        {"immediate_data_goes_out", test_out_immediate},
        {"an_endpoint_waits_and_ends_later", test_nak_and_async},
        {"stopping_and_unplugging_give_up", test_stop_and_unplug},
        {"isochronous_transfers_overlap_in_order", test_isochronous},
        {"events_wrap_and_wait_for_room", test_event_ring},
        {"wild_rings_end", test_wild_rings},
        {"wild_registers_stop_the_controller", test_wild_registers},
        {"a_restore_takes_up_what_waited", test_restore},
        {"a_device_behind_a_hub_is_found_by_its_route", test_behind_a_hub})
