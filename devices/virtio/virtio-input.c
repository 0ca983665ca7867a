/* devices/virtio/virtio-input.c - keyboard, tablet or mouse, Virtio 1.2
 * section 5.8.
 *
 * Events are evdev's, as they come from the seat. They wait in a short queue
 * of their own until the report is complete, and leave as far as the driver
 * has buffers; when both are full the seat keeps the rest. Repeats come from
 * the viewer, so the driver is not told to make any (EV_REP is not offered). */
#include <string.h>

#include <linux/input.h>

#include "devices/virtio/virtio-device.h"
#include "vmm/core/iov.h"
#include "vmm/input/input.h"
#include "vmm/loop/loop.h"

#define EVENTQ      0u
#define STATUSQ     1u
#define QUEUE_SIZE  64u
#define MAX_PIECES  8u
#define EVENT_LEN   8u /* type, code: 2 bytes; value: 4 */
#define PENDING     64u
#define KEY_BYTES   96u /* a bit for each code to KEY_MAX */

#define CONFIG_LEN  136u
#define CONFIG_DATA 8u /* where the union begins */

/* virtio_input_config_select, 5.8.4 */
enum {
    SELECT_UNSET = 0x00,
    SELECT_NAME = 0x01,
    SELECT_SERIAL = 0x02,
    SELECT_IDS = 0x03,
    SELECT_PROPS = 0x10,
    SELECT_EVENTS = 0x11,
    SELECT_ABS = 0x12,
};

#define ABS_LIMIT 32767 /* as the seat's INPUT_ABS */

typedef enum { KIND_KEYBOARD, KIND_TABLET, KIND_MOUSE } InputKind;

typedef struct {
    VirtioState virtio;
    guint8 select, subsel;
    guint8 leds; /* as input_set_leds() */
    guint8 n_pending, n_ready;
    /* The oldest first; the first n_ready belong to complete reports. */
    guint16 type[PENDING], code[PENDING];
    guint32 value[PENDING];
    guint8 down[KEY_BYTES]; /* keys the guest was told of */
} VirtioInputState;

typedef struct {
    VirtioDevice virtio;
    VirtioInputState s;
    int kind;    /* option: InputKind */
    Timer *life; /* tells the seat, on the loop, whether the driver listens */
    /* under the lock */
    bool blocked;   /* the seat waits for room */
    bool restoring; /* stopped() is no reset */
    struct iovec iov[MAX_PIECES + VIRTQ_SPARE_IOV];
} VirtioInput;

/* ---- what it says of itself ---- */

typedef struct {
    guint16 type, first, last;
} CodeRange;

typedef struct {
    const char *name;
    guint16 product;
    bool absolute;
    CodeRange codes[6]; /* ends with type 0 */
} KindRow;

/* clang-format off */
static const KindRow kinds[] = {
    [KIND_KEYBOARD] = {
        "Carrel virtio keyboard", 1, false,
        { { EV_KEY, KEY_ESC, KEY_MICMUTE },
          { EV_LED, LED_NUML, LED_SCROLLL } } },
    [KIND_TABLET] = {
        "Carrel virtio tablet", 2, true,
        { { EV_KEY, BTN_LEFT, BTN_EXTRA },
          { EV_REL, REL_HWHEEL, REL_HWHEEL },
          { EV_REL, REL_WHEEL, REL_WHEEL },
          { EV_ABS, ABS_X, ABS_Y } } },
    [KIND_MOUSE] = {
        "Carrel virtio mouse", 3, false,
        { { EV_KEY, BTN_LEFT, BTN_EXTRA },
          { EV_REL, REL_X, REL_Y },
          { EV_REL, REL_HWHEEL, REL_HWHEEL },
          { EV_REL, REL_WHEEL, REL_WHEEL } } },
};
static const char *const kind_names[] = { "keyboard", "tablet", "mouse", NULL };
/* clang-format on */

static const KindRow *
kind_of(const VirtioInput *d)
{
    return &kinds[d->kind];
}

static void
put16(guint8 *at, guint16 value)
{
    guint16 le = GUINT16_TO_LE(value);

    memcpy(at, &le, sizeof le);
}

static void
put32(guint8 *at, guint32 value)
{
    guint32 le = GUINT32_TO_LE(value);

    memcpy(at, &le, sizeof le);
}

/* Which codes of a type there are; returns the bytes up to the last one. */
static guint8
fill_bitmap(const KindRow *row, guint8 type, guint8 *bits)
{
    unsigned len = 0;

    for (const CodeRange *c = row->codes; c->type != 0; c++) {
        if (c->type != type)
            continue;
        for (unsigned code = c->first; code <= c->last; code++)
            bits[code / 8] |= (guint8) (1u << (code % 8));
        len = MAX(len, c->last / 8u + 1);
    }
    return (guint8) len;
}

static guint8
fill_abs(const KindRow *row, guint8 axis, guint8 *data)
{
    if (!row->absolute || axis > ABS_Y)
        return 0;
    put32(data + 4, ABS_LIMIT); /* min, fuzz, flat, resolution stay 0 */
    return 20;
}

static guint8
fill_ids(const KindRow *row, guint8 *data)
{
    put16(data, BUS_VIRTUAL);
    put16(data + 4, row->product); /* no vendor */
    put16(data + 6, 1);
    return 8;
}

static guint8
fill_selected(const VirtioInput *d, guint8 *data)
{
    const KindRow *row = kind_of(d);
    guint8 subsel = d->s.subsel;

    if (d->s.select == SELECT_EVENTS)
        return fill_bitmap(row, subsel, data);
    if (d->s.select == SELECT_ABS)
        return fill_abs(row, subsel, data);
    if (subsel != 0)
        return 0;
    if (d->s.select == SELECT_IDS)
        return fill_ids(row, data);
    const char *text = d->s.select == SELECT_NAME     ? row->name
                       : d->s.select == SELECT_SERIAL ? d->virtio.pci.dev.id
                                                      : "";
    gsize len = MIN(strlen(text), CONFIG_LEN - CONFIG_DATA);
    memcpy(data, text, len);
    return (guint8) len;
}

static void
get_config(VirtioDevice *v, guint8 *config)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, v);

    config[0] = d->s.select;
    config[1] = d->s.subsel;
    config[2] = fill_selected(d, config + CONFIG_DATA);
}

/* Only select and subsel can be written. */
static void
set_config(VirtioDevice *v, unsigned offset, const guint8 *data, unsigned len)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, v);

    for (unsigned i = 0; i < len; i++) {
        if (offset + i == 0)
            d->s.select = data[i];
        else if (offset + i == 1)
            d->s.subsel = data[i];
    }
}

/* ---- events to the driver ---- */

/* Lock held. Drops the first n of the queue. */
static void
pending_drop(VirtioInputState *s, unsigned n)
{
    unsigned left = s->n_pending - n;

    memmove(s->type, s->type + n, left * sizeof *s->type);
    memmove(s->code, s->code + n, left * sizeof *s->code);
    memmove(s->value, s->value + n, left * sizeof *s->value);
    s->n_pending = (guint8) left;
    s->n_ready = (guint8) (s->n_ready - n);
}

/* Lock held. A driver whose buffers hold no event is lost. */
static bool
put_event(VirtioInput *d, Virtq *q, unsigned i)
{
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    guint8 event[EVENT_LEN];

    if (!virtq_pop(q, &e))
        return false;
    if (e.in_len < EVENT_LEN) {
        virtq_fail(q, "buffer of %" G_GSIZE_FORMAT " bytes, an event has 8",
                   e.in_len);
        virtq_push(q, &e, 0);
        return false;
    }
    put16(event, d->s.type[i]);
    put16(event + 2, d->s.code[i]);
    put32(event + 4, d->s.value[i]);
    (void) iov_write(e.iov + e.n_out, e.n_in, 0, event, sizeof event);
    virtq_push(q, &e, EVENT_LEN);
    return true;
}

/* Lock held. Complete reports leave as far as there are buffers. */
static void
send_ready(VirtioInput *d)
{
    Virtq *q = virtio_queue(&d->virtio, EVENTQ);
    unsigned n = 0;

    if (!virtio_is_running(&d->virtio))
        return;
    virtq_suppress(q);
    do {
        while (n < d->s.n_ready && put_event(d, q, n))
            n++;
    } while (!virtq_listen(q) && n < d->s.n_ready);
    pending_drop(&d->s, n);
    virtq_flush(q);
}

/* The guest's word for an event; false: nothing it would understand. Lock
 * held. */
static bool
translate(VirtioInput *d, const InputEvent *ev, guint16 *ret_type,
          guint32 *ret_value)
{
    static const guint16 types[] = {
        [INPUT_KEY] = EV_KEY,    [INPUT_REL] = EV_REL,   [INPUT_ABS] = EV_ABS,
        [INPUT_BUTTON] = EV_KEY, [INPUT_WHEEL] = EV_REL, [INPUT_SYNC] = EV_SYN};
    guint8 bits[CONFIG_LEN] = {0};

    *ret_type = types[ev->type];
    *ret_value = (guint32) ev->value;
    if (ev->type == INPUT_SYNC)
        return true;
    unsigned len = fill_bitmap(kind_of(d), (guint8) *ret_type, bits);
    if (ev->code / 8u >= len || (bits[ev->code / 8] >> (ev->code % 8) & 1) == 0)
        return false;
    if (*ret_type == EV_ABS)
        *ret_value = (guint32) CLAMP(ev->value, 0, ABS_LIMIT);
    if (*ret_type != EV_KEY)
        return true;
    guint8 *at = &d->s.down[ev->code / 8], bit = 1u << (ev->code % 8) & 0xff;
    bool was_down = (*at & bit) != 0;
    *ret_value = ev->value == 0 ? 0 : was_down ? 2 : 1; /* 2: repeated */
    *at = (guint8) (ev->value == 0 ? *at & ~bit : *at | bit);
    return ev->value != 0 || was_down;
}

/* Lock held. The last place is kept for the report's end, so that one of any
 * length leaves in parts rather than never. */
static void
append(VirtioInput *d, guint16 type, guint16 code, guint32 value)
{
    VirtioInputState *s = &d->s;

    s->type[s->n_pending] = type;
    s->code[s->n_pending] = code;
    s->value[s->n_pending++] = value;
    if (type == EV_SYN || s->n_pending == PENDING) {
        s->n_ready = s->n_pending;
        send_ready(d);
    }
}

static bool
take_event(void *dev, const InputEvent *ev)
{
    VirtioInput *d = dev;
    guint16 type;
    guint32 value;

    virtio_lock(&d->virtio);
    bool room = d->s.n_pending < PENDING;
    d->blocked = !room;
    if (room && translate(d, ev, &type, &value))
        append(d, type, ev->type == INPUT_SYNC ? SYN_REPORT : ev->code, value);
    virtio_unlock(&d->virtio);
    return room;
}

static const InputSinkOps sinks[] = {
    [KIND_KEYBOARD] = {take_event,
                       INPUT_BIT(INPUT_KEY) | INPUT_BIT(INPUT_SYNC)},
    [KIND_TABLET] = {take_event,
                     INPUT_BIT(INPUT_ABS) | INPUT_BIT(INPUT_BUTTON) |
                         INPUT_BIT(INPUT_WHEEL) | INPUT_BIT(INPUT_SYNC)},
    [KIND_MOUSE] = {take_event, INPUT_BIT(INPUT_REL) | INPUT_BIT(INPUT_BUTTON) |
                                    INPUT_BIT(INPUT_WHEEL) |
                                    INPUT_BIT(INPUT_SYNC)},
};

/* ---- what the driver sends ---- */

/* Lock held. */
static void
take_status(VirtioInput *d, const VirtqElem *e)
{
    /* the bits of input_set_leds() by LED_NUML, LED_CAPSL, LED_SCROLLL */
    static const guint8 led_bits[] = {2, 4, 1};
    guint8 event[EVENT_LEN];

    if (iov_read(e->iov, e->n_out, 0, event, sizeof event) < sizeof event) {
        device_guest_error(&d->virtio.pci.dev,
                           "status of %" G_GSIZE_FORMAT " bytes ignored",
                           e->out_len);
        return;
    }
    unsigned type = event[0] | event[1] << 8, code = event[2] | event[3] << 8;
    bool on = (event[4] | event[5] | event[6] | event[7]) != 0;
    if (d->kind != KIND_KEYBOARD || type != EV_LED ||
        code >= G_N_ELEMENTS(led_bits))
        return; /* there is nothing else to set */
    if (on)
        d->s.leds |= led_bits[code];
    else
        d->s.leds &= (guint8) ~led_bits[code];
}

static void
show_leds(VirtioInput *d)
{
    Input *input = d->virtio.pci.dev.env->input;

    if (d->kind == KIND_KEYBOARD && input != NULL)
        input_set_leds(input, d->s.leds);
}

/* A ringful at a time, so that one guest cannot keep the loop. */
static void
serve_status(VirtioInput *d)
{
    VirtioDevice *v = &d->virtio;
    Virtq *q = virtio_queue(v, STATUSQ);
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    unsigned n = 0;

    virtio_lock(v);
    do {
        for (; n < QUEUE_SIZE && virtq_pop(q, &e); n++) {
            take_status(d, &e);
            virtq_push(q, &e, 0);
        }
    } while (n < QUEUE_SIZE && !virtq_listen(q));
    if (n == QUEUE_SIZE)
        virtio_kick(v, STATUSQ);
    virtq_flush(q);
    if (n > 0)
        show_leds(d);
    virtio_unlock(v);
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, v);

    if (queue == STATUSQ) {
        serve_status(d);
        return;
    }
    virtio_lock(v);
    send_ready(d);
    bool wake = d->blocked && d->s.n_pending < PENDING;
    d->blocked = d->blocked && !wake;
    virtio_unlock(v);
    if (wake)
        input_ready(v->pci.dev.env->input, d);
}

/* ---- life ---- */

/* Loop, without the lock: the seat calls back into it. */
static void
tell_seat(void *data)
{
    VirtioInput *d = data;

    virtio_lock(&d->virtio);
    bool active = d->virtio.started;
    virtio_unlock(&d->virtio);
    input_activate(d->virtio.pci.dev.env->input, d, active);
}

static void
clear(VirtioInput *d)
{
    VirtioState common = d->s.virtio;

    d->s = (VirtioInputState){.virtio = common};
    d->blocked = false;
    show_leds(d);
}

static void
started(VirtioDevice *v)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, v);

    if (d->life != NULL)
        timer_arm(d->life, 0);
}

static void
stopped(VirtioDevice *v)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, v);

    if (!d->restoring)
        clear(d);
    started(v); /* the seat is to look again */
}

static const VirtioModel models[] = {
    [KIND_KEYBOARD] = {VIRTIO_ID_INPUT, 0x0900, true, notify, get_config,
                       set_config, started, stopped},
    [KIND_TABLET] = {VIRTIO_ID_INPUT, 0x0980, true, notify, get_config,
                     set_config, started, stopped},
    [KIND_MOUSE] = {VIRTIO_ID_INPUT, 0x0902, true, notify, get_config,
                    set_config, started, stopped},
};

static bool
virtio_input_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, dev);
    const VirtioSetup setup = {
        .n_queues = 2, .queue_size = QUEUE_SIZE, .config_size = CONFIG_LEN};

    d->blocked = d->restoring = false;
    if (env->input != NULL) {
        d->life = timer_new(env->loop, CLOCK_HOST, tell_seat, d);
        input_add_sink(env->input, &sinks[d->kind], d);
    }
    return virtio_realize(&d->virtio, env, &models[d->kind], &setup,
                          &d->s.virtio, error);
}

static void
virtio_input_unrealize(Device *dev)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, dev);

    if (dev->env->input != NULL)
        input_remove_sink(dev->env->input, d);
    d->restoring = true; /* the state is left as it is */
    virtio_class_unrealize(dev);
    g_clear_pointer(&d->life, timer_free);
}

static void
virtio_input_reset(Device *dev, ResetKind kind)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, dev);

    virtio_class_reset(dev, kind);
    virtio_lock(&d->virtio);
    clear(d);
    virtio_unlock(&d->virtio);
}

static void
virtio_input_restored(Device *dev)
{
    VirtioInput *d = VIRTIO_OF(VirtioInput, dev);

    d->restoring = true;
    virtio_class_restored(dev);
    d->restoring = false;
    virtio_lock(&d->virtio);
    show_leds(d);
    virtio_unlock(&d->virtio);
}

static bool
virtio_input_check(const void *state, GError **error)
{
    const VirtioInputState *s = state;

    if (s->n_pending <= PENDING && s->n_ready <= s->n_pending && s->leds <= 7)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "virtio-input: %u events (%u ready) or lights %u are too many",
                s->n_pending, s->n_ready, s->leds);
    return false;
}

/* clang-format off */
static const StateField virtio_input_fields[] = {
    STATE_SUB(VirtioInputState, virtio, &virtio_state_desc),
    STATE_FIELD(VirtioInputState, select, STATE_U8),
    STATE_FIELD(VirtioInputState, subsel, STATE_U8),
    STATE_FIELD(VirtioInputState, leds, STATE_U8),
    STATE_FIELD(VirtioInputState, n_pending, STATE_U8),
    STATE_FIELD(VirtioInputState, n_ready, STATE_U8),
    STATE_ARRAY(VirtioInputState, type, STATE_U16),
    STATE_ARRAY(VirtioInputState, code, STATE_U16),
    STATE_ARRAY(VirtioInputState, value, STATE_U32),
    STATE_BLOB(VirtioInputState, down),
    STATE_FIELDS_END
};

static const PropDesc virtio_input_props[] = {
    VIRTIO_PROPS(VirtioInput, virtio),
    PROP_DEF_ENUM(VirtioInput, kind, "kind", kind_names, KIND_KEYBOARD,
                  "what it is: keyboard, tablet (absolute) or mouse"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_input_state = {
    .name = "virtio-input",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioInputState),
    .fields = virtio_input_fields,
    .check = virtio_input_check,
};

const DeviceClass virtio_input_class = {
    .name = "virtio-input",
    .summary = "keyboard, tablet or mouse (virtio)",
    .size = sizeof(VirtioInput),
    .props = virtio_input_props,
    .state = &virtio_input_state,
    .state_offset = G_STRUCT_OFFSET(VirtioInput, s),
    .realize = virtio_input_realize,
    .unrealize = virtio_input_unrealize,
    .reset = virtio_input_reset,
    .restored = virtio_input_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_class_resume,
};
