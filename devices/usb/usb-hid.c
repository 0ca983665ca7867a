/* devices/usb/usb-hid.c - keyboard, mouse and tablet on USB.
 *
 * Device Class Definition for Human Interface Devices 1.11. One interface, one
 * interrupt endpoint, full speed. Reports wait in a short queue until the host
 * asks; motion that nobody has seen yet is added up. Keyboard and mouse know
 * the boot protocol, whose reports are the same. The tablet's axes run over
 * 0..32767, as the seat's. */
#include <string.h>

#include <linux/input.h>

#include "devices/usb/usb-desc.h"
#include "devices/usb/usb-hid-keys.h"
#include "vmm/input/input.h"
#include "vmm/loop/loop.h"

#define REPORTS    16u
#define REPORT_MAX 8u
#define MAX_DOWN   6u
#define MODIFIERS  0xe0u
#define ROLL_OVER  1u /* usage: too many keys, appendix C */
#define EP_IN      0x81u
#define ABS_LIMIT  32767

/* Requests, section 7 */
#define GET_HID_DESCRIPTOR 0x8106u
#define HID_GET_REPORT     0xa101u
#define HID_GET_IDLE       0xa102u
#define HID_GET_PROTOCOL   0xa103u
#define HID_SET_REPORT     0x2109u
#define HID_SET_IDLE       0x210au
#define HID_SET_PROTOCOL   0x210bu
#define DESC_HID           0x21u
#define DESC_REPORT        0x22u
#define OUTPUT_REPORT      2u

typedef enum { KIND_KEYBOARD, KIND_MOUSE, KIND_TABLET } HidKind;

typedef struct {
    UsbStdState std;
    guint8 protocol; /* 0 boot, 1 report */
    guint8 idle;     /* 4 ms; 0: only changes are told */
    guint8 leds;     /* as the host wrote them */
    guint8 modifiers, n_down;
    guint8 down[MAX_DOWN]; /* usages, oldest first */
    guint8 more_down;      /* that found no room */
    guint8 buttons, told_buttons;
    guint32 x, y;          /* tablet */
    guint32 dx, dy, wheel; /* signed: not told yet */
    guint8 moved;          /* since the last report */
    guint8 n_reports;
    guint8 reports[REPORTS * REPORT_MAX]; /* the oldest first */
} UsbHidState;

typedef struct {
    UsbDevice usb;
    UsbHidState s;
    int kind;      /* option: HidKind */
    Timer *life;   /* tells the seat, outside of the controller's lock */
    Timer *repeat; /* idle rate */
    bool blocked;  /* the seat waits for room */
} UsbHid;

/* ---- what it says of itself ---- */

/* clang-format off */
#define DEVICE(product) { \
    18, 1, USB_LE16(0x0200), 0, 0, 0, 64, USB_LE16(0x0627), USB_LE16(product), \
    USB_LE16(0x0100), 1, 2, 3, 1 }
/* Configuration, interface, HID and endpoint: appendix E. */
#define CONFIG(subclass, protocol, report_len, packet, interval) { \
    9, 2, USB_LE16(34), 1, 1, 0, 0xa0, 50, \
    9, 4, 0, 0, 1, 3, subclass, protocol, 0, \
    9, DESC_HID, USB_LE16(0x0111), 0, 1, DESC_REPORT, USB_LE16(report_len), \
    7, 5, EP_IN, 3, USB_LE16(packet), interval }

static const guint8 keyboard_report[] = { /* appendix B.1 */
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01,
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01,
    0x75, 0x01, 0x95, 0x08, 0x81, 0x02, /* modifiers */
    0x95, 0x01, 0x75, 0x08, 0x81, 0x01, /* reserved */
    0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02,
    0x95, 0x01, 0x75, 0x03, 0x91, 0x01, /* LEDs, padding */
    0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x26, 0xff, 0x00,
    0x05, 0x07, 0x19, 0x00, 0x2a, 0xff, 0x00, 0x81, 0x00, 0xc0,
};
#define BUTTONS \
    0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, \
    0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01, \
    0x95, 0x05, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x03, 0x81, 0x01
static const guint8 mouse_report[] = {
    BUTTONS,
    0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7f,
    0x75, 0x08, 0x95, 0x03, 0x81, 0x06, 0xc0, 0xc0, /* X, Y, wheel: relative */
};
static const guint8 tablet_report[] = {
    BUTTONS,
    0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x00, 0x26, 0xff, 0x7f,
    0x35, 0x00, 0x46, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, 0x81, 0x02,
    0x05, 0x01, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00,
    0x75, 0x08, 0x95, 0x01, 0x81, 0x06, 0xc0, 0xc0,
};

static const guint8 devices[][18] = {
    [KIND_KEYBOARD] = DEVICE(0x0001),
    [KIND_MOUSE] = DEVICE(0x0001),
    [KIND_TABLET] = DEVICE(0x0001),
};
static const guint8 configs[][34] = {
    [KIND_KEYBOARD] = CONFIG(1, 1, sizeof keyboard_report, 8, 10),
    [KIND_MOUSE] = CONFIG(1, 2, sizeof mouse_report, 4, 10),
    [KIND_TABLET] = CONFIG(0, 0, sizeof tablet_report, 8, 4),
};
#define HID_AT 18u /* the HID descriptor in a configuration */
static const char *const strings[][4] = {
    [KIND_KEYBOARD] = { "Carrel", "USB keyboard", "keyboard", NULL },
    [KIND_MOUSE] = { "Carrel", "USB mouse", "mouse", NULL },
    [KIND_TABLET] = { "Carrel", "USB tablet", "tablet", NULL },
};
static const char *const kind_names[] = { "keyboard", "mouse", "tablet", NULL };

static const struct {
    const guint8 *report;
    guint8 report_len, data_len; /* of its description; of a report */
} kinds[] = {
    [KIND_KEYBOARD] = { keyboard_report, sizeof keyboard_report, 8 },
    [KIND_MOUSE] = { mouse_report, sizeof mouse_report, 4 },
    [KIND_TABLET] = { tablet_report, sizeof tablet_report, 6 },
};
/* clang-format on */

static UsbHid *
hid_of(void *dev)
{
    return (UsbHid *) dev;
}

/* Any lock may be held: the seat is told a moment later. */
static void
look_again(UsbHid *d)
{
    if (d->life != NULL)
        timer_arm(d->life, 0);
}

/* ---- reports ---- */

static gint32
take(guint32 *sum)
{
    gint32 n = CLAMP((gint32) *sum, -127, 127);

    *sum -= (guint32) n;
    return n;
}

static void
keyboard_fill(const UsbHidState *s, guint8 *r)
{
    r[0] = s->modifiers;
    if (s->more_down > 0)
        memset(r + 2, ROLL_OVER, MAX_DOWN);
    else
        memcpy(r + 2, s->down, s->n_down);
}

/* Takes what is not told yet. */
static void
fill(UsbHid *d, guint8 r[REPORT_MAX])
{
    UsbHidState *s = &d->s;

    memset(r, 0, REPORT_MAX);
    if (d->kind == KIND_KEYBOARD) {
        keyboard_fill(s, r);
        return;
    }
    r[0] = s->told_buttons = s->buttons;
    s->moved = 0;
    if (d->kind == KIND_MOUSE) {
        r[1] = (guint8) take(&s->dx);
        r[2] = (guint8) take(&s->dy);
        r[3] = (guint8) take(&s->wheel);
        return;
    }
    r[1] = (guint8) s->x;
    r[2] = (guint8) (s->x >> 8);
    r[3] = (guint8) s->y;
    r[4] = (guint8) (s->y >> 8);
    r[5] = (guint8) take(&s->wheel);
}

static void
push(UsbHid *d)
{
    if (d->s.n_reports < REPORTS)
        fill(d, d->s.reports + REPORT_MAX * d->s.n_reports++);
}

static bool
has_motion(const UsbHidState *s)
{
    return s->moved || s->dx != 0 || s->dy != 0 || s->wheel != 0;
}

/* Into an interrupt packet: what waits, else motion since. */
static UsbResult
send_report(UsbHid *d, UsbPacket *p)
{
    UsbHidState *s = &d->s;

    if ((s->std.halted & usb_halt_bit(EP_IN)) != 0)
        return USB_STALL;
    if (s->n_reports == 0 && has_motion(s))
        push(d);
    if (s->n_reports == 0)
        return USB_NAK;
    (void) usb_answer(p, s->reports, kinds[d->kind].data_len);
    s->n_reports--;
    memmove(s->reports, s->reports + REPORT_MAX, REPORT_MAX * s->n_reports);
    if (d->blocked)
        look_again(d);
    return USB_OK;
}

/* ---- events from the seat: loop, no lock ---- */

static void
release(UsbHidState *s, guint8 usage)
{
    for (unsigned i = 0; i < s->n_down; i++)
        if (s->down[i] == usage) {
            memmove(s->down + i, s->down + i + 1, s->n_down - i - 1u);
            s->n_down--;
            return;
        }
    if (s->more_down > 0)
        s->more_down--;
}

static bool
press(UsbHidState *s, guint8 usage)
{
    for (unsigned i = 0; i < s->n_down; i++)
        if (s->down[i] == usage)
            return false; /* a repeat: the host makes its own */
    if (s->n_down < MAX_DOWN)
        s->down[s->n_down++] = usage;
    else if (s->more_down < 255)
        s->more_down++;
    return true;
}

static gint64
idle_deadline(const UsbHid *d)
{
    bool wanted = d->s.idle != 0 && (d->s.n_down > 0 || d->s.modifiers != 0);

    return wanted ? loop_now_ns(d->usb.dev.env->loop, CLOCK_GUEST) +
                        4 * NSEC_PER_MSEC * d->s.idle
                  : -1;
}

static void
wake_host(UsbHid *d)
{
    if (d->s.std.remote_wakeup)
        usb_device_wake(&d->usb);
    usb_device_ready(&d->usb, EP_IN);
}

static bool
take_key(void *dev, const InputEvent *ev)
{
    UsbHid *d = dev;
    UsbHidState *s = &d->s;
    guint8 usage = ev->type == INPUT_KEY ? usb_hid_usage(ev->code) : 0;
    bool changed = true;

    d->blocked = s->n_reports >= REPORTS;
    if (d->blocked || usage == 0)
        return !d->blocked;
    if (usage >= MODIFIERS) {
        guint8 bit = (guint8) (1u << (usage - MODIFIERS)), old = s->modifiers;
        s->modifiers = (guint8) (ev->value != 0 ? old | bit : old & ~bit);
        changed = s->modifiers != old;
    } else if (ev->value != 0) {
        changed = press(s, usage);
    } else {
        release(s, usage);
    }
    if (changed) {
        push(d);
        timer_arm(d->repeat, idle_deadline(d));
        wake_host(d);
    }
    return true;
}

static guint8
button_bit(guint16 code)
{
    return code >= BTN_LEFT && code <= BTN_EXTRA
               ? (guint8) (1u << (code - BTN_LEFT))
               : 0;
}

static void
note_motion(UsbHidState *s, const InputEvent *ev)
{
    guint32 v = (guint32) ev->value;

    if (ev->type == INPUT_REL && ev->code == REL_X)
        s->dx += v;
    else if (ev->type == INPUT_REL && ev->code == REL_Y)
        s->dy += v;
    else if (ev->type == INPUT_WHEEL && ev->code == REL_WHEEL)
        s->wheel += v;
    else if (ev->type == INPUT_ABS && ev->code == ABS_X)
        s->x = (guint32) CLAMP(ev->value, 0, ABS_LIMIT);
    else if (ev->type == INPUT_ABS && ev->code == ABS_Y)
        s->y = (guint32) CLAMP(ev->value, 0, ABS_LIMIT);
    s->moved |= ev->type == INPUT_ABS;
}

/* A button makes a report of its own, with the motion before it. */
static bool
take_pointer(void *dev, const InputEvent *ev)
{
    UsbHid *d = dev;
    UsbHidState *s = &d->s;
    guint8 bit = ev->type == INPUT_BUTTON ? button_bit(ev->code) : 0;

    d->blocked = s->n_reports >= REPORTS;
    if (d->blocked)
        return false;
    if (bit != 0)
        s->buttons =
            (guint8) (ev->value != 0 ? s->buttons | bit : s->buttons & ~bit);
    note_motion(s, ev);
    if (ev->type != INPUT_SYNC)
        return true;
    if (s->buttons != s->told_buttons)
        push(d);
    if (s->n_reports > 0 || has_motion(s))
        wake_host(d);
    return true;
}

/* clang-format off */
#define POINTER_EVENTS \
    (INPUT_BIT(INPUT_BUTTON) | INPUT_BIT(INPUT_WHEEL) | INPUT_BIT(INPUT_SYNC))
static const InputSinkOps sinks[] = {
    [KIND_KEYBOARD] = { take_key, INPUT_BIT(INPUT_KEY) | INPUT_BIT(INPUT_SYNC) },
    [KIND_MOUSE] = { take_pointer, INPUT_BIT(INPUT_REL) | POINTER_EVENTS },
    [KIND_TABLET] = { take_pointer, INPUT_BIT(INPUT_ABS) | POINTER_EVENTS },
};
/* clang-format on */

/* 7.2.4: the same report again. */
static void
repeat(void *data)
{
    UsbHid *d = data;

    if (d->s.n_reports == 0)
        push(d);
    timer_arm(d->repeat, idle_deadline(d));
    usb_device_ready(&d->usb, EP_IN);
}

/* ---- requests ---- */

static void
show_leds(const UsbHid *d)
{
    /* num, caps, scroll become scroll, num, caps */
    guint leds =
        (d->s.leds & 1u) << 1 | (d->s.leds & 2u) << 1 | (d->s.leds & 4u) >> 2;

    if (d->kind == KIND_KEYBOARD && d->usb.dev.env->input != NULL)
        input_set_leds(d->usb.dev.env->input, leds);
}

static UsbResult
get_hid_descriptor(const UsbHid *d, UsbPacket *p)
{
    unsigned type = p->setup.value >> 8;

    if (type == DESC_REPORT)
        return usb_answer(p, kinds[d->kind].report, kinds[d->kind].report_len);
    if (type == DESC_HID)
        return usb_answer(p, configs[d->kind] + HID_AT, 9);
    return USB_STALL;
}

static UsbResult
get_report(UsbHid *d, UsbPacket *p)
{
    UsbHidState s = d->s;
    guint8 r[REPORT_MAX];

    fill(d, r);
    d->s = s; /* motion is told by the interrupt endpoint */
    return usb_answer(p, r, kinds[d->kind].data_len);
}

static UsbResult
set_report(UsbHid *d, UsbPacket *p)
{
    if (d->kind != KIND_KEYBOARD || p->setup.value >> 8 != OUTPUT_REPORT ||
        p->len < 1)
        return USB_STALL;
    d->s.leds = p->data[0] & 31;
    p->actual = p->len;
    show_leds(d);
    return USB_OK;
}

static UsbResult
class_request(UsbHid *d, UsbPacket *p)
{
    switch (p->setup.request) {
    case GET_HID_DESCRIPTOR: return get_hid_descriptor(d, p);
    case HID_GET_REPORT: return get_report(d, p);
    case HID_GET_IDLE: return usb_answer(p, &d->s.idle, 1);
    case HID_GET_PROTOCOL: return usb_answer(p, &d->s.protocol, 1);
    case HID_SET_REPORT: return set_report(d, p);
    case HID_SET_IDLE:
        d->s.idle = (guint8) (p->setup.value >> 8);
        timer_arm(d->repeat, idle_deadline(d));
        return USB_OK;
    case HID_SET_PROTOCOL: d->s.protocol = p->setup.value & 1; return USB_OK;
    default: return USB_STALL;
    }
}

static UsbResult
control(UsbHid *d, UsbPacket *p)
{
    const UsbDescriptors desc = {devices[d->kind], configs[d->kind],
                                 sizeof configs[0], strings[d->kind]};
    guint8 configuration = d->s.std.configuration;
    UsbResult result;

    if (p->setup.request == GET_HID_DESCRIPTOR ||
        !usb_standard_request(&desc, &d->s.std, p, &result))
        return class_request(d, p);
    if (d->s.std.configuration != configuration)
        look_again(d);
    return result;
}

static UsbResult
hid_submit(UsbDevice *dev, UsbPacket *p)
{
    UsbHid *d = hid_of(dev);

    if (p->type == USB_CONTROL && p->ep == 0)
        return control(d, p);
    if (p->ep == EP_IN && d->s.std.configuration != 0)
        return send_report(d, p);
    return USB_STALL;
}

/* ---- life ---- */

/* Loop, no lock: the seat calls back. */
static void
tell_seat(void *data)
{
    UsbHid *d = data;
    Input *input = d->usb.dev.env->input;

    input_activate(input, d, d->s.std.configuration != 0);
    if (d->blocked && d->s.n_reports < REPORTS) {
        d->blocked = false;
        input_ready(input, d);
    }
}

static void
clear(UsbHid *d)
{
    d->s = (UsbHidState){.protocol = 1};
    d->blocked = false;
    show_leds(d);
    timer_arm(d->repeat, -1);
    look_again(d);
}

static void
hid_bus_reset(UsbDevice *dev)
{
    clear(hid_of(dev));
}

static const UsbDeviceOps hid_ops = {hid_bus_reset, hid_submit, NULL, NULL};

static bool
usb_hid_realize(Device *dev, DeviceEnv *env, GError **error)
{
    UsbHid *d = hid_of(dev);

    d->usb.ops = &hid_ops;
    d->usb.address = &d->s.std.address;
    d->usb.speed = USB_SPEED_FULL;
    d->blocked = false;
    d->repeat = timer_new(env->loop, CLOCK_GUEST, repeat, d);
    if (env->input != NULL) {
        d->life = timer_new(env->loop, CLOCK_HOST, tell_seat, d);
        input_add_sink(env->input, &sinks[d->kind], d);
    }
    return usb_device_attach(&d->usb, error);
}

static void
usb_hid_unrealize(Device *dev)
{
    UsbHid *d = hid_of(dev);

    usb_device_detach(&d->usb);
    if (d->life != NULL)
        input_remove_sink(dev->env->input, d);
    g_clear_pointer(&d->life, timer_free);
    g_clear_pointer(&d->repeat, timer_free);
}

static void
usb_hid_reset(Device *dev, ResetKind kind)
{
    clear(hid_of(dev));
}

static void
usb_hid_restored(Device *dev)
{
    UsbHid *d = hid_of(dev);

    show_leds(d);
    timer_arm(d->repeat, idle_deadline(d));
    look_again(d);
}

static bool
usb_hid_check(const void *state, GError **error)
{
    const UsbHidState *s = state;

    if (s->std.configuration <= 1 && s->n_down <= MAX_DOWN &&
        s->n_reports <= REPORTS && s->x <= ABS_LIMIT && s->y <= ABS_LIMIT)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "usb-hid: %u keys down, %u reports or the position is out of "
                "range",
                s->n_down, s->n_reports);
    return false;
}

/* clang-format off */
static const StateField usb_hid_fields[] = {
    STATE_SUB(UsbHidState, std, &usb_std_state_desc),
    STATE_FIELD(UsbHidState, protocol, STATE_U8),
    STATE_FIELD(UsbHidState, idle, STATE_U8),
    STATE_FIELD(UsbHidState, leds, STATE_U8),
    STATE_FIELD(UsbHidState, modifiers, STATE_U8),
    STATE_FIELD(UsbHidState, n_down, STATE_U8),
    STATE_BLOB(UsbHidState, down),
    STATE_FIELD(UsbHidState, more_down, STATE_U8),
    STATE_FIELD(UsbHidState, buttons, STATE_U8),
    STATE_FIELD(UsbHidState, told_buttons, STATE_U8),
    STATE_FIELD(UsbHidState, x, STATE_U32),
    STATE_FIELD(UsbHidState, y, STATE_U32),
    STATE_FIELD(UsbHidState, dx, STATE_U32),
    STATE_FIELD(UsbHidState, dy, STATE_U32),
    STATE_FIELD(UsbHidState, wheel, STATE_U32),
    STATE_FIELD(UsbHidState, moved, STATE_U8),
    STATE_FIELD(UsbHidState, n_reports, STATE_U8),
    STATE_BLOB(UsbHidState, reports),
    STATE_FIELDS_END
};
static const StateDesc usb_hid_state_desc = {
    .name = "usb-hid", .version = 2 /* 2: addresses */, .min_version = 1,
    .size = sizeof(UsbHidState), .fields = usb_hid_fields,
    .check = usb_hid_check,
};

static const PropDesc usb_hid_props[] = {
    USB_PROPS(UsbHid, usb),
    PROP_DEF_ENUM(UsbHid, kind, "kind", kind_names, KIND_TABLET,
                  "what it is"),
    PROP_END
};
/* clang-format on */

const DeviceClass usb_hid_class = {
    .name = "usb-hid",
    .summary = "USB keyboard, mouse or tablet",
    .size = sizeof(UsbHid),
    .props = usb_hid_props,
    .state = &usb_hid_state_desc,
    .state_offset = G_STRUCT_OFFSET(UsbHid, s),
    .realize = usb_hid_realize,
    .unrealize = usb_hid_unrealize,
    .reset = usb_hid_reset,
    .restored = usb_hid_restored,
};
