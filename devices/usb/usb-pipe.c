/* devices/usb/usb-pipe.c - see usb-pipe.h. */
#include "devices/usb/usb-pipe.h"

#include <string.h>

#define SETUP_LEN 8u

enum { STAGE_IDLE, STAGE_IN, STAGE_OUT, STAGE_LAST = STAGE_OUT };

struct UsbPipe {
    UsbPacket packet; /* first */
    UsbPipe *next;
    guint64 key;
    guint32 seen; /* round */
    bool pending;
    guint8 data[];
};

/* clang-format off */
static const StateField control_fields[] = {
    STATE_FIELD(UsbControlState, address, STATE_U8),
    STATE_FIELD(UsbControlState, stage, STATE_U8),
    STATE_BLOB(UsbControlState, setup),
    STATE_FIELD(UsbControlState, done, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc usb_control_state_desc = {
    .name = "usb-control",
    .version = 1,
    .min_version = 1,
    .size = sizeof(UsbControlState),
    .fields = control_fields,
};

bool
usb_controls_check(const UsbControlState *states)
{
    for (unsigned i = 0; i < USB_CONTROLS; i++)
        if (states[i].address > 127 || states[i].stage > STAGE_LAST ||
            states[i].done > G_MAXUINT16)
            return false;
    return true;
}

void
usb_pipes_init(UsbPipes *ps, UsbControlState *states)
{
    *ps = (UsbPipes){.states = states};
}

static void
give_up(UsbPacket *p)
{
    p->dev->ops->cancel(p->dev, p);
}

/* ---- control transfers ---- */

static UsbSetup
setup_of(const UsbControlState *s)
{
    const guint8 *b = s->setup;

    return (UsbSetup){
        .request = (guint16) (b[0] << 8 | b[1]),
        .value = (guint16) (b[2] | b[3] << 8),
        .index = (guint16) (b[4] | b[5] << 8),
        .length = (guint16) (b[6] | b[7] << 8),
    };
}

static void
control_end(UsbPipes *ps, unsigned i)
{
    UsbControl *c = &ps->controls[i];

    if (c->pending)
        give_up(&c->packet);
    g_free(c->data);
    *c = (UsbControl){.data = NULL};
    ps->states[i] = (UsbControlState){.stage = STAGE_IDLE};
}

/* The device's transfer; USB_CONTROLS: it has none. */
static unsigned
find_control(const UsbPipes *ps, guint8 address)
{
    unsigned i = 0;

    while (i < USB_CONTROLS && (ps->states[i].stage == STAGE_IDLE ||
                                ps->states[i].address != address))
        i++;
    return i;
}

/* More than there is room for: the first of them has waited longest. */
static unsigned
free_control(UsbPipes *ps)
{
    for (unsigned i = 0; i < USB_CONTROLS; i++)
        if (ps->states[i].stage == STAGE_IDLE)
            return i;
    control_end(ps, 0);
    return 0;
}

static UsbResult
take_setup(UsbPipes *ps, UsbToken *t)
{
    unsigned i = find_control(ps, t->address);

    if (t->len != SETUP_LEN)
        return USB_STALL;
    if (i < USB_CONTROLS)
        control_end(ps, i); /* 8.5.3.3: a new one ends it */
    else
        i = free_control(ps);
    UsbControlState *s = &ps->states[i];
    s->address = t->address;
    memcpy(s->setup, t->data, SETUP_LEN);
    UsbSetup setup = setup_of(s);
    s->stage = (setup.request & 0x8000) != 0 && setup.length > 0 ? STAGE_IN
                                                                 : STAGE_OUT;
    t->actual = SETUP_LEN;
    return USB_OK;
}

/* Has the device do it. USB_NAK: not yet. */
static UsbResult
run_control(UsbPipes *ps, unsigned i, UsbDevice *dev)
{
    UsbControl *c = &ps->controls[i];
    UsbSetup setup = setup_of(&ps->states[i]);

    if (c->pending)
        return USB_NAK;
    if (!c->ended) {
        if (c->data == NULL && setup.length > 0)
            c->data = g_malloc0(setup.length);
        c->packet = (UsbPacket){.dev = dev,
                                .type = USB_CONTROL,
                                .setup = setup,
                                .data = c->data,
                                .len = setup.length};
        c->packet.result = dev->ops->submit(dev, &c->packet);
    }
    c->ended = false;
    c->pending = c->packet.result == USB_ASYNC;
    return c->pending ? USB_NAK : c->packet.result;
}

static UsbResult
give_data(UsbPipes *ps, unsigned i, UsbToken *t)
{
    UsbControl *c = &ps->controls[i];
    UsbControlState *s = &ps->states[i];

    if (!c->fetched) {
        UsbResult result = run_control(ps, i, t->dev);
        if (result != USB_OK)
            return result;
        c->fetched = true;
        c->packet.actual = MIN(c->packet.actual, c->packet.len);
    }
    guint32 left = c->packet.actual - MIN(s->done, c->packet.actual);
    t->actual = MIN(t->len, left);
    if (t->actual > 0)
        memcpy(t->data, c->data + s->done, t->actual);
    s->done += t->actual;
    return USB_OK;
}

static UsbResult
take_data(UsbPipes *ps, unsigned i, UsbToken *t)
{
    UsbControl *c = &ps->controls[i];
    UsbControlState *s = &ps->states[i];
    guint32 length = setup_of(s).length;
    bool lost = s->done > 0 && c->data == NULL; /* with another process */

    if (c->pending || lost || t->len > length - MIN(s->done, length))
        return USB_STALL;
    if (c->data == NULL)
        c->data = g_malloc0(MAX(length, 1));
    memcpy(c->data + s->done, t->data, t->len);
    s->done += t->len;
    t->actual = t->len;
    return USB_OK;
}

static UsbResult
run_stage(UsbPipes *ps, unsigned i, UsbToken *t, bool *ret_ended)
{
    bool in = t->pid == USB_PID_IN;

    if (ps->states[i].stage == STAGE_IN)
        *ret_ended = !in;
    else
        *ret_ended = in;
    if (!*ret_ended)
        return in ? give_data(ps, i, t) : take_data(ps, i, t);
    return in ? run_control(ps, i, t->dev) : USB_OK;
}

static UsbResult
control_token(UsbPipes *ps, UsbToken *t)
{
    bool ended;

    if (t->pid == USB_PID_SETUP)
        return take_setup(ps, t);
    unsigned i = find_control(ps, t->address);
    if (i == USB_CONTROLS)
        return USB_STALL;
    UsbResult result = run_stage(ps, i, t, &ended);
    if (result != USB_NAK && (ended || result != USB_OK))
        control_end(ps, i);
    return result;
}

/* ---- the others ---- */

static UsbPipe **
find_pipe(UsbPipes *ps, const UsbDevice *dev, guint8 ep)
{
    UsbPipe **at = &ps->pipes;

    while (*at != NULL && ((*at)->packet.dev != dev || (*at)->packet.ep != ep))
        at = &(*at)->next;
    return at;
}

guint32
usb_pipes_under_way(UsbPipes *ps, const UsbDevice *dev, guint8 ep, guint64 key)
{
    const UsbPipe *pipe = *find_pipe(ps, dev, ep);

    return pipe != NULL && pipe->key == key ? pipe->packet.len : 0;
}

static void
remove_pipe(UsbPipe **at)
{
    UsbPipe *pipe = *at;

    *at = pipe->next;
    if (pipe->pending)
        give_up(&pipe->packet);
    g_free(pipe);
}

static UsbPacket
packet_of(const UsbToken *t, guint8 *data)
{
    bool in = t->pid == USB_PID_IN;

    return (UsbPacket){.dev = t->dev,
                       .ep = (guint8) (t->ep | (in ? USB_DIR_IN : 0)),
                       .type = t->type,
                       .data = data,
                       .len = t->len};
}

static UsbResult
take_result(UsbToken *t, const UsbPacket *p)
{
    t->actual = MIN(p->actual, p->len);
    if (t->pid == USB_PID_IN && t->actual > 0 && p->data != t->data)
        memcpy(t->data, p->data, t->actual);
    return p->result;
}

/* The class answers at once. */
static UsbResult
run_now(UsbToken *t)
{
    UsbPacket p = packet_of(t, t->data);

    p.result = t->dev->ops->submit(t->dev, &p);
    return take_result(t, &p);
}

static UsbResult
begin_pipe(UsbPipes *ps, UsbToken *t)
{
    UsbPipe *pipe = g_malloc0(sizeof *pipe + t->len);

    pipe->packet = packet_of(t, pipe->data);
    if (t->pid != USB_PID_IN && t->len > 0)
        memcpy(pipe->data, t->data, t->len);
    pipe->packet.result = t->dev->ops->submit(t->dev, &pipe->packet);
    if (pipe->packet.result != USB_ASYNC) {
        UsbResult result = take_result(t, &pipe->packet);
        g_free(pipe);
        return result;
    }
    pipe->key = t->key;
    pipe->seen = ps->round;
    pipe->pending = true;
    pipe->next = ps->pipes;
    ps->pipes = pipe;
    return USB_NAK;
}

/* False: the guest has put another in its place. */
static bool
is_same(const UsbPipe *pipe, const UsbToken *t)
{
    return pipe->key == t->key && pipe->packet.len == t->len &&
           (t->pid == USB_PID_IN || t->len == 0 ||
            memcmp(pipe->data, t->data, t->len) == 0);
}

UsbResult
usb_pipes_run(UsbPipes *ps, UsbToken *t)
{
    UsbDevice *dev = t->dev;
    guint8 ep = (guint8) (t->ep | (t->pid == USB_PID_IN ? USB_DIR_IN : 0));

    t->actual = 0;
    if (t->ep == 0)
        return control_token(ps, t);
    if (t->pid == USB_PID_SETUP)
        return USB_STALL; /* the default pipe is the only one of its kind */
    if (dev->ops->cancel == NULL)
        return run_now(t);
    UsbPipe **at = find_pipe(ps, dev, ep);
    if (*at != NULL && !is_same(*at, t))
        remove_pipe(at);
    at = find_pipe(ps, dev, ep);
    if (*at == NULL)
        return begin_pipe(ps, t);
    (*at)->seen = ps->round;
    if ((*at)->pending)
        return USB_NAK;
    UsbResult result = take_result(t, &(*at)->packet);
    remove_pipe(at);
    return result;
}

void
usb_pipes_done(UsbPipes *ps, UsbPacket *packet)
{
    for (unsigned i = 0; i < USB_CONTROLS; i++)
        if (&ps->controls[i].packet == packet) {
            ps->controls[i].pending = false;
            ps->controls[i].ended = true;
            return;
        }
    ((UsbPipe *) (void *) packet)->pending = false;
}

/* ---- giving up ---- */

void
usb_pipes_drop(UsbPipes *ps, const UsbDevice *at)
{
    for (unsigned i = 0; i < USB_CONTROLS; i++) {
        const UsbDevice *dev = ps->controls[i].packet.dev;
        if (at == NULL || (dev != NULL && usb_device_is_behind(dev, at)))
            control_end(ps, i);
    }
    for (UsbPipe **p = &ps->pipes; *p != NULL;) {
        if (at == NULL || usb_device_is_behind((*p)->packet.dev, at))
            remove_pipe(p);
        else
            p = &(*p)->next;
    }
}

void
usb_pipes_drop_stale(UsbPipes *ps, guint32 rounds, bool bulk_only)
{
    for (UsbPipe **p = &ps->pipes; *p != NULL;) {
        bool fits = !bulk_only || (*p)->packet.type == USB_BULK;
        if (fits && ps->round - (*p)->seen > rounds)
            remove_pipe(p);
        else
            p = &(*p)->next;
    }
}

bool
usb_pipes_are_quiet(const UsbPipes *ps)
{
    for (unsigned i = 0; i < USB_CONTROLS; i++)
        if (ps->controls[i].pending && !ps->controls[i].packet.dev->is_host)
            return false;
    for (const UsbPipe *p = ps->pipes; p != NULL; p = p->next)
        if (p->pending && !p->packet.dev->is_host)
            return false;
    return true;
}

bool
usb_pipes_are_empty(const UsbPipes *ps)
{
    for (unsigned i = 0; i < USB_CONTROLS; i++)
        if (ps->controls[i].pending)
            return false;
    return ps->pipes == NULL;
}
