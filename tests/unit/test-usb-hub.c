/* tests/unit/test-usb-hub.c - a hub as its driver sees it, on a controller of each
 * kind, and what is behind it. */
#include <string.h>

#include "devices/usb/usb-hub.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/uhci-rig.h"

extern const DeviceClass usb_hub_class;

#define GET_STATUS    0xa300u
#define SET_FEATURE   0x2303u
#define CLEAR_FEATURE 0x2301u
#define POWER         8u
#define RESET         4u
#define SUSPEND       2u
#define ENABLE        1u
#define C_CONNECTION  16u
#define C_RESET       20u
#define OK            0x190007ffu /* of a status stage */

/* A controller with a hub at address 1 in its first port, configured, its ports
 * powered. */
static void
begin(UhciRig *r, Device **hub)
{
    uhci_rig_init(r);
    *hub = device_new(&usb_hub_class, "usb0");
    uhci_rig_plug(r, *hub, 0);
    uhci_rig_start(r);
    CU_ASSERT_EQUAL(ur_control(r, 0, USB_SET_ADDRESS, 1, 0, 0), OK);
    CU_ASSERT_EQUAL(ur_control(r, 1, USB_SET_CONFIGURATION, 1, 0, 0), OK);
    for (guint16 port = 1; port <= USB_HUB_PORTS; port++)
        CU_ASSERT_EQUAL(ur_control(r, 1, SET_FEATURE, POWER, port, 0), OK);
}

static void
end(UhciRig *r, Device *hub)
{
    device_free(hub);
    uhci_rig_free(r);
}

static FakeUsb *
plug_fake(UhciRig *r, Device *hub, UsbSpeed speed, unsigned port)
{
    FakeUsb *f = (FakeUsb *) device_new(&fake_usb_class, "fake0");

    f->usb.speed = speed;
    f->result = USB_OK;
    device_set_link(&f->usb.dev, "usb", usb_hub_bus(hub));
    device_set_u64(&f->usb.dev, "port", port, NULL);
    fake_vm_realize(r->vm, &f->usb.dev);
    fake_advance(r->vm, 0);
    return f;
}

/* wPortStatus | wPortChange << 16 */
static guint32
port_status(UhciRig *r, unsigned port)
{
    CU_ASSERT_EQUAL(ur_control(r, 1, GET_STATUS, 0, (guint16) port, 4), OK);
    return ur_get32(r, UR_BUF(1));
}

/* The status change endpoint's byte; -1: NAK. */
static int
changes(UhciRig *r)
{
    ur_td(r, 0, USB_PID_IN, 1, 1, 1, UR_LAST);
    ur_queue(r, 0);
    ur_frames(r, 2);
    return (ur_status(r, 0) & UR_ACTIVE) != 0
               ? -1
               : (int) (ur_get32(r, UR_BUF(0)) & 0xff);
}

static void
test_descriptors(void)
{
    UhciRig r;
    Device *hub;

    begin(&r, &hub);
    CU_ASSERT_EQUAL(ur_control(&r, 1, USB_GET_DESCRIPTOR, 0x100, 0, 18), OK);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1)), 0x02000112);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1) + 4), 0x40000009); /* class 9 */
    CU_ASSERT_EQUAL(ur_control(&r, 1, 0xa006, 0x2900, 0, 9), OK);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1)), 0x11042909);
    CU_ASSERT_EQUAL(ur_control(&r, 1, 0xa000, 0, 0, 4), OK);
    CU_ASSERT_EQUAL(ur_get32(&r, UR_BUF(1)), 0);
    /* there is no fifth port */
    CU_ASSERT_EQUAL(ur_control(&r, 1, GET_STATUS, 0, 5, 4) & 0x400000,
                    0x400000);
    end(&r, hub);
}

static void
test_port_life(void)
{
    UhciRig r;
    Device *hub;

    begin(&r, &hub);
    CU_ASSERT_EQUAL(port_status(&r, 3), 0x0100);
    CU_ASSERT_EQUAL(changes(&r), -1);
    FakeUsb *f = plug_fake(&r, hub, USB_SPEED_LOW, 2);
    CU_ASSERT_EQUAL(changes(&r), 1 << 3);
    CU_ASSERT_EQUAL(port_status(&r, 3), 0x00010301);
    ur_control(&r, 1, CLEAR_FEATURE, C_CONNECTION, 3, 0);
    CU_ASSERT_EQUAL(changes(&r), -1);
    ur_control(&r, 1, SET_FEATURE, RESET, 3, 0);
    CU_ASSERT_EQUAL(f->n_resets, 1);
    CU_ASSERT_EQUAL(port_status(&r, 3), 0x00100303);
    ur_control(&r, 1, CLEAR_FEATURE, C_RESET, 3, 0);
    CU_ASSERT_EQUAL(port_status(&r, 3), 0x00000303);
    device_free(&f->usb.dev);
    CU_ASSERT_EQUAL(changes(&r), 1 << 3);
    CU_ASSERT_EQUAL(port_status(&r, 3), 0x00010100);
    end(&r, hub);
}

static void
test_device_behind(void)
{
    UhciRig r;
    Device *hub;

    begin(&r, &hub);
    FakeUsb *f = plug_fake(&r, hub, USB_SPEED_FULL, 0);
    /* not before its port is enabled */
    CU_ASSERT_NOT_EQUAL(ur_control(&r, 0, USB_SET_ADDRESS, 7, 0, 0), OK);
    ur_control(&r, 1, SET_FEATURE, RESET, 1, 0);
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_ADDRESS, 7, 0, 0), OK);
    CU_ASSERT_EQUAL(ur_control(&r, 7, USB_SET_CONFIGURATION, 1, 0, 0), OK);
    CU_ASSERT_EQUAL(f->setup.request, USB_SET_CONFIGURATION);
    /* nor while it sleeps */
    ur_control(&r, 1, SET_FEATURE, SUSPEND, 1, 0);
    CU_ASSERT_EQUAL(port_status(&r, 1) & 6, 6);
    CU_ASSERT_NOT_EQUAL(ur_control(&r, 7, USB_SET_CONFIGURATION, 1, 0, 0), OK);
    usb_device_wake(&f->usb);
    CU_ASSERT_EQUAL(port_status(&r, 1), 0x00150103);
    CU_ASSERT_EQUAL(ur_control(&r, 7, USB_SET_CONFIGURATION, 1, 0, 0), OK);
    /* what it has taken ends when it is pulled */
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_IN, 7, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_async, 1);
    device_free(&f->usb.dev);
    ur_frames(&r, 1);
    CU_ASSERT_EQUAL(ur_status(&r, 0), 0x004407ff);
    end(&r, hub);
}

/* A packet to address 0 that the device keeps. */
static void
begin_packet(UhciRig *r)
{
    ur_td(r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(r, 0);
    ur_frames(r, 2);
}

static void
test_port_cut(void)
{
    UhciRig r;
    Device *hub;

    begin(&r, &hub);
    FakeUsb *f = plug_fake(&r, hub, USB_SPEED_FULL, 0);
    FakeUsb *other = plug_fake(&r, hub, USB_SPEED_FULL, 1);
    f->result = USB_ASYNC;
    ur_control(&r, 1, SET_FEATURE, RESET, 1, 0);
    begin_packet(&r);
    CU_ASSERT_EQUAL(f->n_async, 1);
    ur_control(&r, 1, SET_FEATURE, RESET, 2, 0); /* the neighbour's */
    CU_ASSERT_EQUAL(f->n_cancels, 0);
    ur_control(&r, 1, SET_FEATURE, RESET, 1, 0);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    begin_packet(&r);
    ur_control(&r, 1, CLEAR_FEATURE, ENABLE, 1, 0);
    CU_ASSERT_EQUAL(f->n_cancels, 2);
    ur_control(&r, 1, SET_FEATURE, RESET, 1, 0);
    begin_packet(&r);
    ur_control(&r, 1, CLEAR_FEATURE, POWER, 1, 0);
    CU_ASSERT_EQUAL(f->n_cancels, 3);
    device_free(&other->usb.dev);
    device_free(&f->usb.dev);
    end(&r, hub);
}

static void
test_hub_pulled(void)
{
    UhciRig r;
    Device *hub;

    begin(&r, &hub);
    FakeUsb *f = plug_fake(&r, hub, USB_SPEED_FULL, 0);
    ur_control(&r, 1, SET_FEATURE, RESET, 1, 0);
    f->result = USB_ASYNC;
    ur_td(&r, 0, USB_PID_IN, 0, 1, 8, UR_LAST);
    ur_queue(&r, 0);
    ur_frames(&r, 2);
    CU_ASSERT_EQUAL(f->n_async, 1);
    usb_device_detach((UsbDevice *) hub);
    CU_ASSERT_EQUAL(f->n_cancels, 1);
    usb_device_ready(&f->usb, 0x81); /* nobody hears it */
    device_free(&f->usb.dev);
    end(&r, hub);
}

static void
test_hubs_in_a_row(void)
{
    UhciRig r;
    Device *hub, *inner = device_new(&usb_hub_class, "usb1");
    UsbDevice *dev = (UsbDevice *) inner;

    begin(&r, &hub);
    device_set_link(inner, "usb", usb_hub_bus(hub));
    device_set_u64(inner, "port", 3, NULL);
    fake_vm_realize(r.vm, inner);
    fake_advance(r.vm, 0);
    ur_control(&r, 1, SET_FEATURE, RESET, 4, 0);
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_ADDRESS, 2, 0, 0), OK);
    CU_ASSERT_EQUAL(ur_control(&r, 2, USB_SET_CONFIGURATION, 1, 0, 0), OK);
    CU_ASSERT_EQUAL(ur_control(&r, 2, SET_FEATURE, POWER, 1, 0), OK);
    FakeUsb *f = plug_fake(&r, inner, USB_SPEED_FULL, 0);
    CU_ASSERT_EQUAL(ur_control(&r, 2, SET_FEATURE, RESET, 1, 0), OK);
    CU_ASSERT_EQUAL(ur_control(&r, 0, USB_SET_ADDRESS, 3, 0, 0), OK);
    UsbDevice *outer = (UsbDevice *) hub;
    CU_ASSERT_PTR_EQUAL(usb_device_by_address(outer, 3), &f->usb);
    CU_ASSERT_PTR_EQUAL(usb_device_by_route(outer, 0x14), &f->usb);
    CU_ASSERT_PTR_EQUAL(usb_device_by_route(outer, 0x4), dev);
    CU_ASSERT_PTR_NULL(usb_device_by_route(outer, 0x24));
    CU_ASSERT_PTR_NULL(usb_device_by_route(outer, 0x114));
    CU_ASSERT_TRUE(usb_device_is_behind(&f->usb, outer));
    CU_ASSERT_FALSE(usb_device_is_behind(outer, &f->usb));
    device_free(&f->usb.dev);
    device_free(inner);
    end(&r, hub);
}

static void
test_taken_port(void)
{
    UhciRig r;
    Device *hub;
    g_autoptr(GError) error = NULL;
    FakeUsb *other = (FakeUsb *) device_new(&fake_usb_class, "fake1");

    begin(&r, &hub);
    FakeUsb *f = plug_fake(&r, hub, USB_SPEED_FULL, 1);
    other->usb.speed = USB_SPEED_FULL;
    device_set_link(&other->usb.dev, "usb", usb_hub_bus(hub));
    device_set_u64(&other->usb.dev, "port", 1, NULL);
    CU_ASSERT_FALSE(device_realize(&other->usb.dev, &r.vm->env, &error));
    CU_ASSERT_STRING_EQUAL(error->message,
                           "fake1: port 2 of the USB hub: the port is taken");
    device_free(&other->usb.dev);
    device_free(&f->usb.dev);
    end(&r, hub);
}

CU_MAIN("usb-hub", {"it_says_what_it_is", test_descriptors},
        {"a_port_tells_of_what_comes_and_goes", test_port_life},
        {"a_device_behind_it_is_found_when_enabled", test_device_behind},
        {"what_is_in_a_port_that_is_reset_or_off_is_given_up", test_port_cut},
        {"what_is_behind_a_pulled_hub_is_given_up", test_hub_pulled},
        {"hubs_in_a_row_lead_on", test_hubs_in_a_row},
        {"a_taken_port_is_refused", test_taken_port})
