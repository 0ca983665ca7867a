/* devices/usb/usb-hub.c - a hub with four ports, each with its own power switch.
 *
 * Universal Serial Bus 2.0, chapter 11. High speed where its bus has that, with
 * one transaction translator that has nothing to do here, else full speed. A
 * port is reset, suspended and resumed at once. Left out: over-current, test
 * modes, indicators.
 *
 * Requests come with the controller's lock held, devices come and go without: all
 * on the loop. What is in an enabled port the controller finds by child(). */
#include "devices/usb/usb-hub.h"
#include "devices/usb/usb-desc.h"
#include "vmm/loop/loop.h"

#define EP_IN    0x81u
#define DESC_HUB 0x29u

/* Requests, table 11-15 */
#define GET_HUB_STATUS     0xa000u
#define GET_HUB_DESCRIPTOR 0xa006u
#define GET_PORT_STATUS    0xa300u
#define CLEAR_HUB_FEATURE  0x2001u
#define SET_HUB_FEATURE    0x2003u
#define CLEAR_PORT_FEATURE 0x2301u
#define SET_PORT_FEATURE   0x2303u
#define CLEAR_TT_BUFFER    0x2308u
#define RESET_TT           0x2309u
#define STOP_TT            0x230bu

/* Features, table 11-17, are the numbers of these bits; changes from 16 on. */
enum {
    FEATURE_ENABLE = 1,
    FEATURE_SUSPEND = 2,
    FEATURE_RESET = 4,
    FEATURE_POWER = 8,
    FEATURE_CHANGES = 16,
    FEATURE_INDICATOR = 22
};
#define PORT_CONNECTION 0x0001u
#define PORT_ENABLE     0x0002u
#define PORT_SUSPEND    0x0004u
#define PORT_RESET      0x0010u
#define PORT_POWER      0x0100u
#define PORT_LOW        0x0200u
#define PORT_HIGH       0x0400u
#define PORT_ALL        0x0707u
#define CHANGE_ALL      0x001fu /* connection, enable, suspend, current, reset */

typedef struct {
    UsbStdState std;
    guint16 status[USB_HUB_PORTS], change[USB_HUB_PORTS]; /* 11.24.2.7 */
} UsbHubState;

typedef struct {
    UsbDevice usb;
    UsbHubState s;
    UsbBus bus;
    Timer *later; /* what needs to be without the lock */
    guint8 cut;   /* ports that were reset or are off: a bit each, from 0 */
    bool restored;
} UsbHub;

/* clang-format off */
#define DEVICE(protocol) { \
    18, 1, USB_LE16(0x0200), 9, 0, protocol, 64, USB_LE16(0x0409), \
    USB_LE16(0x55aa), USB_LE16(0x0100), 1, 2, 0, 1 }
#define CONFIG(interval) { \
    9, 2, USB_LE16(25), 1, 1, 0, 0xe0, 0, \
    9, 4, 0, 0, 1, 9, 0, 0, 0, \
    7, 5, EP_IN, 3, USB_LE16(1), interval }
/* of full and of high speed; both ask every 256 ms or so */
static const guint8 device_desc[2][18] = { DEVICE(0), DEVICE(1) };
static const guint8 config_desc[2][25] = { CONFIG(255), CONFIG(12) };
static const char *const strings[] = { "Carrel", "USB hub", NULL };
static const guint8 hub_desc[] = { /* 11.23.2.1 */
    9, DESC_HUB, USB_HUB_PORTS, USB_LE16(0x0011), 1, 0, 0, 0xff,
};
/* clang-format on */

static UsbHub *
hub_of(void *dev)
{
    return (UsbHub *) dev;
}

UsbBus *
usb_hub_bus(Device *dev)
{
    return &hub_of(dev)->bus;
}

/* ---- ports ---- */

static void
changed(UsbHub *h, unsigned port, guint16 bits)
{
    h->s.change[port] |= bits;
    if (h->later != NULL)
        timer_arm(h->later, 0);
}

/* Packets to what is there end, but not from inside one. */
static void
cut_port(UsbHub *h, unsigned port)
{
    h->cut |= (guint8) (1u << port);
    timer_arm(h->later, 0);
}

static guint16
connected(const UsbHub *h, unsigned port)
{
    const UsbDevice *dev = h->bus.ports[port].dev;

    if (dev == NULL || !dev->attached)
        return 0;
    return PORT_CONNECTION | (dev->speed == USB_SPEED_LOW    ? PORT_LOW
                              : dev->speed == USB_SPEED_HIGH ? PORT_HIGH
                                                             : 0);
}

/* Something came or went. */
static void
look_at_port(UsbHub *h, unsigned port)
{
    if ((h->s.status[port] & PORT_POWER) == 0)
        return;
    h->s.status[port] = PORT_POWER | connected(h, port);
    changed(h, port, PORT_CONNECTION);
}

static void
reset_port(UsbHub *h, unsigned port)
{
    guint16 *status = &h->s.status[port];
    UsbDevice *dev = h->bus.ports[port].dev;

    if ((*status & PORT_CONNECTION) == 0 || dev == NULL || !dev->attached)
        return;
    cut_port(h, port);
    dev->ops->reset(dev);
    *status = PORT_POWER | PORT_ENABLE | connected(h, port);
    changed(h, port, PORT_RESET);
}

static void
power_port(UsbHub *h, unsigned port, bool on)
{
    guint16 *status = &h->s.status[port];

    if (on && (*status & PORT_POWER) == 0) {
        *status = PORT_POWER;
        if (connected(h, port) != 0)
            look_at_port(h, port);
    } else if (!on) {
        cut_port(h, port);
        *status = 0;
    }
}

static UsbResult
set_port(UsbHub *h, unsigned port, unsigned feature)
{
    switch (feature) {
    case FEATURE_RESET: reset_port(h, port); return USB_OK;
    case FEATURE_POWER: power_port(h, port, true); return USB_OK;
    case FEATURE_SUSPEND:
        if ((h->s.status[port] & PORT_ENABLE) != 0)
            h->s.status[port] |= PORT_SUSPEND;
        return USB_OK;
    case FEATURE_INDICATOR: return USB_OK;
    default: return USB_STALL;
    }
}

static void
resume_port(UsbHub *h, unsigned port)
{
    if ((h->s.status[port] & PORT_SUSPEND) == 0)
        return;
    h->s.status[port] &= ~(guint16) PORT_SUSPEND;
    changed(h, port, PORT_SUSPEND);
}

static UsbResult
clear_port(UsbHub *h, unsigned port, unsigned feature)
{
    guint16 bit = feature >= FEATURE_CHANGES && feature < FEATURE_CHANGES + 5
                      ? (guint16) (1u << (feature - FEATURE_CHANGES))
                      : 0;

    h->s.change[port] &= ~bit;
    if (bit != 0)
        return USB_OK;
    switch (feature) {
    case FEATURE_ENABLE:
        cut_port(h, port);
        h->s.status[port] &= ~(guint16) (PORT_ENABLE | PORT_SUSPEND);
        return USB_OK;
    case FEATURE_SUSPEND: resume_port(h, port); return USB_OK;
    case FEATURE_POWER: power_port(h, port, false); return USB_OK;
    case FEATURE_INDICATOR: return USB_OK;
    default: return USB_STALL;
    }
}

/* ---- requests ---- */

static UsbResult
answer_status(const UsbHub *h, UsbPacket *p)
{
    unsigned port = (p->setup.index & 0xff) - 1u;

    if (port >= USB_HUB_PORTS)
        return USB_STALL;
    const guint8 b[] = {USB_LE16(h->s.status[port]),
                        USB_LE16(h->s.change[port])};
    return usb_answer(p, b, sizeof b);
}

static UsbResult
port_feature(UsbHub *h, const UsbSetup *setup)
{
    unsigned port = (setup->index & 0xff) - 1u;

    if (port >= USB_HUB_PORTS)
        return USB_STALL;
    return setup->request == SET_PORT_FEATURE
               ? set_port(h, port, setup->value)
               : clear_port(h, port, setup->value);
}

static UsbResult
class_request(UsbHub *h, UsbPacket *p)
{
    static const guint8 no_changes[4] = {0};

    switch (p->setup.request) {
    case GET_HUB_DESCRIPTOR: return usb_answer(p, hub_desc, sizeof hub_desc);
    case GET_HUB_STATUS: return usb_answer(p, no_changes, sizeof no_changes);
    case GET_PORT_STATUS: return answer_status(h, p);
    case SET_PORT_FEATURE:
    case CLEAR_PORT_FEATURE: return port_feature(h, &p->setup);
    case CLEAR_HUB_FEATURE: /* power and over-current: neither changes */
    case SET_HUB_FEATURE: return p->setup.value <= 1 ? USB_OK : USB_STALL;
    case CLEAR_TT_BUFFER:
    case RESET_TT:
    case STOP_TT: return h->usb.speed == USB_SPEED_HIGH ? USB_OK : USB_STALL;
    default: return USB_STALL;
    }
}

/* 11.12.4: a bit for each port, from 1. */
static UsbResult
send_changes(UsbHub *h, UsbPacket *p)
{
    guint8 bits = 0;

    if ((h->s.std.halted & usb_halt_bit(EP_IN)) != 0)
        return USB_STALL;
    for (unsigned i = 0; i < USB_HUB_PORTS; i++)
        if (h->s.change[i] != 0)
            bits |= (guint8) (2u << i);
    return bits != 0 ? usb_answer(p, &bits, 1) : USB_NAK;
}

static UsbResult
hub_submit(UsbDevice *dev, UsbPacket *p)
{
    UsbHub *h = hub_of(dev);
    unsigned high = dev->speed == USB_SPEED_HIGH;
    const UsbDescriptors desc = {device_desc[high], config_desc[high],
                                 sizeof config_desc[0], strings};
    UsbResult result;

    if (p->type == USB_CONTROL && p->ep == 0)
        return usb_standard_request(&desc, &h->s.std, p, &result)
                   ? result
                   : class_request(h, p);
    return p->ep == EP_IN && h->s.std.configuration != 0 ? send_changes(h, p)
                                                         : USB_STALL;
}

static void
hub_bus_reset(UsbDevice *dev)
{
    hub_of(dev)->s = (UsbHubState){.std = {0}};
}

static UsbDevice *
hub_child(UsbDevice *dev, unsigned port)
{
    const UsbHub *h = hub_of(dev);

    if (port < 1 || port > USB_HUB_PORTS || h->s.std.configuration == 0 ||
        (h->s.status[port - 1] & (PORT_ENABLE | PORT_SUSPEND)) != PORT_ENABLE)
        return NULL;
    UsbDevice *child = h->bus.ports[port - 1].dev;
    return child != NULL && child->attached ? child : NULL;
}

static const UsbDeviceOps hub_ops = {hub_bus_reset, hub_submit, NULL,
                                     hub_child};

/* ---- what its own bus tells: no lock ---- */

static void
on_plug(void *owner, unsigned port, UsbDevice *dev)
{
    look_at_port(owner, port);
}

static void
on_wake(void *owner, unsigned port)
{
    resume_port(owner, port);
}

/* The rest is asked of the controller. */
static const UsbBusOps bus_ops = {
    .attached = on_plug, .detached = on_plug, .wake = on_wake};

/* ---- life ---- */

static void
tell(void *data)
{
    UsbHub *h = data;

    for (unsigned i = 0; i < USB_HUB_PORTS; i++)
        if ((h->cut & 1u << i) != 0 && h->bus.ports[i].dev != NULL)
            usb_device_give_up(h->bus.ports[i].dev);
    h->cut = 0;
    for (unsigned i = 0; h->restored && i < USB_HUB_PORTS; i++)
        if (((h->s.status[i] ^ connected(h, i)) & PORT_CONNECTION) != 0)
            look_at_port(h, i);
    h->restored = false;
    if (h->s.std.remote_wakeup)
        usb_device_wake(&h->usb);
    usb_device_ready(&h->usb, EP_IN);
}

static bool
usb_hub_realize(Device *dev, DeviceEnv *env, GError **error)
{
    UsbHub *h = hub_of(dev);
    bool high = (h->usb.bus->speeds & USB_SPEEDS_2) == USB_SPEEDS_2;

    h->usb.ops = &hub_ops;
    h->usb.address = &h->s.std.address;
    h->usb.speed = high ? USB_SPEED_HIGH : USB_SPEED_FULL;
    h->restored = false;
    h->cut = 0;
    h->later = timer_new(env->loop, CLOCK_GUEST, tell, h);
    h->bus.hub = &h->usb;
    usb_bus_init(&h->bus, USB_HUB_PORTS, high ? USB_SPEEDS_2 : USB_SPEEDS_1,
                 &bus_ops, h);
    return usb_device_attach(&h->usb, error);
}

/* What was in it has gone before. */
static void
usb_hub_unrealize(Device *dev)
{
    UsbHub *h = hub_of(dev);

    usb_device_detach(&h->usb);
    usb_bus_init(&h->bus, USB_HUB_PORTS, 0, NULL, NULL);
    g_clear_pointer(&h->later, timer_free);
}

static void
usb_hub_reset(Device *dev, ResetKind kind)
{
    hub_bus_reset(&hub_of(dev)->usb);
}

static void
usb_hub_restored(Device *dev)
{
    UsbHub *h = hub_of(dev);

    h->restored = true;
    timer_arm(h->later, 0);
}

static bool
usb_hub_check(const void *state, GError **error)
{
    const UsbHubState *s = state;
    bool ok = s->std.configuration <= 1 && s->std.address <= 127;

    for (unsigned i = 0; i < USB_HUB_PORTS; i++)
        ok = ok && (s->status[i] & ~PORT_ALL) == 0 &&
             (s->change[i] & ~CHANGE_ALL) == 0;
    if (!ok)
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "usb-hub: a port is in a state that there is not");
    return ok;
}

/* clang-format off */
static const StateField usb_hub_fields[] = {
    STATE_SUB(UsbHubState, std, &usb_std_state_desc),
    STATE_ARRAY(UsbHubState, status, STATE_U16),
    STATE_ARRAY(UsbHubState, change, STATE_U16),
    STATE_FIELDS_END
};
static const StateDesc usb_hub_state_desc = {
    .name = "usb-hub", .version = 1, .min_version = 1,
    .size = sizeof(UsbHubState), .fields = usb_hub_fields,
    .check = usb_hub_check,
};

static const PropDesc usb_hub_props[] = {
    USB_PROPS(UsbHub, usb),
    PROP_END
};
/* clang-format on */

const DeviceClass usb_hub_class = {
    .name = "usb-hub",
    .summary = "USB hub, four ports",
    .size = sizeof(UsbHub),
    .props = usb_hub_props,
    .state = &usb_hub_state_desc,
    .state_offset = G_STRUCT_OFFSET(UsbHub, s),
    .realize = usb_hub_realize,
    .unrealize = usb_hub_unrealize,
    .reset = usb_hub_reset,
    .restored = usb_hub_restored,
};
