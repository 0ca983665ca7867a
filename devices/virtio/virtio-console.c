/* devices/virtio/virtio-console.c - consoles and byte channels, Virtio 1.2
 * section 5.3.
 *
 * Port 0 is a console, the others are channels with names. The host's end of a
 * port that is connected is always open: its link keeps what nobody reads. A
 * port that the guest has closed takes no input, which waits outside. Ports
 * come and go while the guest runs, by control messages: the queues of all that
 * there is room for are there from the start. Sizes that change while the guest
 * runs are left out. */
#include "devices/virtio/virtio-console.h"

#include <string.h>

#include "devices/virtio/virtio-device.h"
#include "vmm/char/char.h"
#include "vmm/core/error.h"
#include "vmm/core/iov.h"
#include "vmm/loop/loop.h"

#define PORTS        VIRTIO_CONSOLE_PORTS
#define QUEUE_SIZE   64u
#define MAX_PIECES   64u
#define OUT_LEN      16384u /* bytes of one port on their way to its link */
#define BATCH        64u    /* buffers at a time, then others get their turn */
#define MAX_NAME     64u

#define F_SIZE       VIRTIO_BIT(0)
#define F_MULTIPORT  VIRTIO_BIT(1)
#define F_EMERG      VIRTIO_BIT(2)

#define CONFIG_LEN   12u /* cols, rows: 2 bytes; max_nr_ports, emerg_wr: 4 */
#define CONFIG_EMERG 8u

#define CONTROL_IN   2u /* queue: device to driver */
#define CONTROL_OUT  3u
#define CONTROL_LEN  8u /* id: 4 bytes; event, value: 2 */

/* 5.3.6.2 */
enum {
    EVENT_DEVICE_READY = 0,
    EVENT_DEVICE_ADD = 1,
    EVENT_DEVICE_REMOVE = 2,
    EVENT_PORT_READY = 3,
    EVENT_CONSOLE_PORT = 4,
    EVENT_RESIZE = 5,
    EVENT_PORT_OPEN = 6,
    EVENT_PORT_NAME = 7,
};

/* What is still to be said about a port, one bit each, in the order in which
 * it is said; but that the one before it has gone comes first. */
enum {
    SAY_ADD = 0x01,
    SAY_CONSOLE = 0x02,
    SAY_RESIZE = 0x04,
    SAY_NAME = 0x08,
    SAY_OPEN = 0x10,
    SAY_REMOVE = 0x20,
    SAY_ALL = 0x3f,
};

typedef struct {
    VirtioState virtio;
    guint8 say[PORTS];   /* SAY_ bits */
    guint8 ready[PORTS]; /* 1: the driver has the port */
    guint8 open[PORTS];  /* 1: somebody in the guest has it open */
    /* Bytes of the oldest buffer in the transmit queue that are gone. */
    guint32 sent[PORTS];
    guint8 listens; /* 1: the driver has been told of the ports */
} VirtioConsoleState;

typedef struct VirtioConsole VirtioConsole;

typedef struct {
    VirtioConsole *d;
    unsigned index;
    /* Options; changed on the loop under the lock. */
    CharLink *chr; /* NULL: there is no such port */
    char *name;
    /* Under the lock: bytes on their way out, a ring; not guest-visible. */
    guint8 *out;
    guint32 out_head, out_len;
} Port;

struct VirtioConsole {
    VirtioDevice virtio;
    VirtioConsoleState s;
    Port port[PORTS];
    guint32 cols, rows; /* options */
    guint32 room;       /* option: ports that there is room for; 0: n_ports */
    unsigned n_ports;   /* to the last one that is connected; at least 1 */
    Timer *emergency;   /* sends on the loop what a vCPU wrote */
    bool restoring;     /* stopped() is no reset */
    struct iovec iov[MAX_PIECES + VIRTQ_SPARE_IOV];
};

/* ---- queues ---- */

/* 5.3.2: port 0 has the first two, then come the control queues. */
static unsigned
rx_queue(unsigned port)
{
    return port == 0 ? 0 : 2 + 2 * port;
}

static unsigned
tx_queue(unsigned port)
{
    return rx_queue(port) + 1;
}

static bool
has_ports(const VirtioConsole *d)
{
    return virtio_has_feature(&d->virtio, F_MULTIPORT);
}

/* Whether the port's queues are served. Lock held. */
static bool
is_usable(const Port *p)
{
    return virtio_is_running(&p->d->virtio) &&
           (p->index == 0 || has_ports(p->d));
}

/* ---- control messages ---- */

static gsize
fill_message(const VirtioConsole *d, unsigned port, guint8 what, guint8 *msg)
{
    static const guint16 events[] = {
        [SAY_ADD] = EVENT_DEVICE_ADD, [SAY_CONSOLE] = EVENT_CONSOLE_PORT,
        [SAY_RESIZE] = EVENT_RESIZE,  [SAY_NAME] = EVENT_PORT_NAME,
        [SAY_OPEN] = EVENT_PORT_OPEN, [SAY_REMOVE] = EVENT_DEVICE_REMOVE,
    };
    gsize len = CONTROL_LEN;

    memset(msg, 0, CONTROL_LEN);
    msg[0] = (guint8) port;
    msg[4] = (guint8) events[what];
    msg[6] = what == SAY_ADD ? 0 : 1;
    if (what == SAY_RESIZE) { /* as in the configuration: columns first */
        msg[6] = 0;
        msg[len++] = (guint8) d->cols;
        msg[len++] = (guint8) (d->cols >> 8);
        msg[len++] = (guint8) d->rows;
        msg[len++] = (guint8) (d->rows >> 8);
    } else if (what == SAY_NAME) {
        gsize n = MIN(strlen(d->port[port].name), MAX_NAME);
        memcpy(msg + len, d->port[port].name, n);
        len += n;
    }
    return len;
}

/* The next thing to say; 0: nothing. Lock held. */
static guint8
next_message(const VirtioConsole *d, unsigned *ret_port)
{
    for (unsigned i = 0; i < d->n_ports; i++) {
        guint8 say = d->s.say[i];
        *ret_port = i;
        if ((say & SAY_REMOVE) != 0)
            return SAY_REMOVE;
        if (say != 0)
            return say & (guint8) -say;
    }
    return 0;
}

/* Lock held. What finds no buffer is said when there is one. */
static void
talk(VirtioConsole *d)
{
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    guint8 msg[CONTROL_LEN + MAX_NAME], what;
    unsigned port = 0;

    if (!virtio_is_running(&d->virtio) || !has_ports(d))
        return;
    Virtq *q = virtio_queue(&d->virtio, CONTROL_IN);
    do {
        while ((what = next_message(d, &port)) != 0 && virtq_pop(q, &e)) {
            gsize len = fill_message(d, port, what, msg);
            d->s.say[port] &= (guint8) ~what;
            if (e.in_len < len)
                device_guest_error(&d->virtio.pci.dev,
                                   "a control buffer has no room for a "
                                   "message of %" G_GSIZE_FORMAT " bytes",
                                   len);
            virtq_push(q, &e, iov_write(e.iov + e.n_out, e.n_in, 0, msg, len));
        }
    } while (!virtq_listen(q) && next_message(d, &port) != 0);
    virtq_flush(q);
}

/* ---- to the host ---- */

/* Lock held. As much of the buffer as there is room for; true: all of it. */
static bool
take_output(Port *p, const VirtqElem *e)
{
    guint32 *sent = &p->d->s.sent[p->index];

    if (p->chr == NULL || *sent >= e->out_len)
        return true; /* an open plug: the bytes are gone at once */
    while (*sent < e->out_len && p->out_len < OUT_LEN) {
        guint32 at = (p->out_head + p->out_len) % OUT_LEN;
        gsize room = MIN(OUT_LEN - p->out_len, OUT_LEN - at);
        gsize n = iov_read(e->iov, e->n_out, *sent, p->out + at, room);
        *sent += (guint32) n;
        p->out_len += (guint32) n;
        if (n == 0)
            return true;
    }
    return *sent >= e->out_len;
}

/* Lock held. Moves buffers into the port's own; true: the batch is used up. */
static bool
fill_out(Port *p)
{
    VirtioConsole *d = p->d;
    Virtq *q = virtio_queue(&d->virtio, tx_queue(p->index));
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    unsigned n = 0;

    if (!is_usable(p))
        return false;
    do {
        while (n < BATCH && p->out_len < OUT_LEN && virtq_pop(q, &e)) {
            if (!take_output(p, &e)) {
                virtq_unpop(q, &e);
                break;
            }
            d->s.sent[p->index] = 0;
            virtq_push(q, &e, 0);
            n++;
        }
    } while (n < BATCH && p->out_len < OUT_LEN && !virtq_listen(q));
    virtq_flush(q);
    return n == BATCH;
}

/* Loop, lock not held: one piece to the link. The bytes taken. */
static gsize
send_piece(Port *p)
{
    guint8 chunk[4096];
    gsize n, taken;

    virtio_lock(&p->d->virtio);
    n = MIN(MIN(p->out_len, OUT_LEN - p->out_head), sizeof chunk);
    memcpy(chunk, p->out + p->out_head, n);
    virtio_unlock(&p->d->virtio);
    taken = n > 0 ? char_send(p->chr, chunk, n) : 0;
    virtio_lock(&p->d->virtio);
    p->out_head = (p->out_head + (guint32) taken) % OUT_LEN;
    p->out_len -= (guint32) taken;
    virtio_unlock(&p->d->virtio);
    return taken;
}

/* Loop, lock not held. */
static void
pump_out(Port *p)
{
    bool more;

    virtio_lock(&p->d->virtio);
    more = fill_out(p);
    virtio_unlock(&p->d->virtio);
    if (p->chr == NULL) {
        if (more)
            virtio_kick(&p->d->virtio, tx_queue(p->index));
        return;
    }
    while (send_piece(p) > 0)
        ;
    virtio_lock(&p->d->virtio);
    more = more ||
           (p->out_len == 0 && is_usable(p) &&
            virtq_has_buffer(virtio_queue(&p->d->virtio, tx_queue(p->index))));
    virtio_unlock(&p->d->virtio);
    if (more)
        virtio_kick(&p->d->virtio, tx_queue(p->index));
}

static void
writable(void *dev)
{
    pump_out(dev);
}

/* ---- to the guest ---- */

/* Lock held. */
static bool
takes_input(const Port *p)
{
    return is_usable(p) && (!has_ports(p->d) || p->d->s.open[p->index]);
}

/* The next buffer's length, and the buffer stays where it is. */
static gsize
can_receive(void *dev)
{
    Port *p = dev;
    VirtioConsole *d = p->d;
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    gsize room = 0;

    virtio_lock(&d->virtio);
    if (takes_input(p)) {
        Virtq *q = virtio_queue(&d->virtio, rx_queue(p->index));
        /* twice: a buffer may come before the notification is asked for */
        for (unsigned i = 0; i < 2 && room == 0; i++) {
            if (virtq_pop(q, &e)) {
                room = e.in_len;
                if (room == 0)
                    virtq_fail(q, "a buffer to receive has no room");
                virtq_unpop(q, &e);
            } else if (virtq_listen(q)) {
                break;
            }
        }
    }
    virtio_unlock(&d->virtio);
    return room;
}

static void
receive(void *dev, const guint8 *data, gsize len)
{
    Port *p = dev;
    VirtioConsole *d = p->d;
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};

    virtio_lock(&d->virtio);
    if (takes_input(p)) {
        Virtq *q = virtio_queue(&d->virtio, rx_queue(p->index));
        while (len > 0 && virtq_pop(q, &e)) {
            gsize n = iov_write(e.iov + e.n_out, e.n_in, 0, data, len);
            virtq_push(q, &e, n);
            data += n;
            len -= n;
        }
        (void) virtq_listen(q); /* can_receive() looks again */
        virtq_flush(q);
    }
    virtio_unlock(&d->virtio);
}

static const CharOps char_ops = {
    .can_receive = can_receive,
    .receive = receive,
    .writable = writable,
};

/* ---- what the driver says ---- */

/* The driver begins: it knows no port. */
static void
forget_ports(VirtioConsoleState *s)
{
    memset(s->say, 0, sizeof s->say);
    memset(s->ready, 0, sizeof s->ready);
    memset(s->open, 0, sizeof s->open);
    s->listens = 0;
}

/* Lock held. A port that is not connected does not exist. */
static void
handle_message(VirtioConsole *d, guint32 id, guint16 event, guint16 value)
{
    VirtioConsoleState *s = &d->s;

    if (event == EVENT_DEVICE_READY) {
        forget_ports(s);
        s->listens = value != 0;
        for (unsigned i = 0; value != 0 && i < d->n_ports; i++)
            if (d->port[i].chr != NULL)
                s->say[i] |= SAY_ADD;
        return;
    }
    if (id >= d->n_ports || d->port[id].chr == NULL) {
        device_guest_error(&d->virtio.pci.dev,
                           "control message %u about port %u, which is not "
                           "there",
                           event, id);
        return;
    }
    if (event == EVENT_PORT_READY && value != 0) {
        s->ready[id] = s->listens = 1;
        s->say[id] |= id == 0 ? SAY_CONSOLE | SAY_RESIZE | SAY_OPEN : SAY_OPEN;
        if (d->port[id].name != NULL && *d->port[id].name != '\0')
            s->say[id] |= SAY_NAME;
    } else if (event == EVENT_PORT_READY) {
        s->ready[id] = s->open[id] = s->say[id] = 0;
    } else if (event == EVENT_PORT_OPEN) {
        s->open[id] = value != 0;
    }
}

static void
serve_control(VirtioConsole *d)
{
    VirtioDevice *v = &d->virtio;
    Virtq *q = virtio_queue(v, CONTROL_OUT);
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    guint8 m[CONTROL_LEN];
    unsigned n = 0;

    virtio_lock(v);
    do {
        for (; n < BATCH && virtq_pop(q, &e); n++) {
            if (iov_read(e.iov, e.n_out, 0, m, sizeof m) == sizeof m)
                handle_message(d,
                               m[0] | (guint32) m[1] << 8 |
                                   (guint32) m[2] << 16 | (guint32) m[3] << 24,
                               (guint16) (m[4] | m[5] << 8),
                               (guint16) (m[6] | m[7] << 8));
            else
                device_guest_error(&v->pci.dev,
                                   "control message of %" G_GSIZE_FORMAT
                                   " bytes, it has 8",
                                   e.out_len);
            virtq_push(q, &e, 0);
        }
    } while (n < BATCH && !virtq_listen(q));
    virtq_flush(q);
    talk(d);
    virtio_unlock(v);
    if (n == BATCH)
        virtio_kick(v, CONTROL_OUT);
    for (unsigned i = 0; i < d->n_ports; i++) /* one may be open now */
        if (d->port[i].chr != NULL)
            char_poll_rx(d->port[i].chr);
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, v);

    if (queue == CONTROL_OUT) {
        serve_control(d);
    } else if (queue == CONTROL_IN) {
        virtio_lock(v);
        talk(d);
        virtio_unlock(v);
    } else {
        Port *p = &d->port[queue < 2 ? 0 : queue / 2 - 1];
        if (queue % 2 == 1)
            pump_out(p);
        else if (p->chr != NULL)
            char_poll_rx(p->chr);
    }
}

/* ---- configuration ---- */

static void
get_config(VirtioDevice *v, guint8 *config)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, v);

    config[0] = (guint8) d->cols;
    config[1] = (guint8) (d->cols >> 8);
    config[2] = (guint8) d->rows;
    config[3] = (guint8) (d->rows >> 8);
    config[4] = (guint8) d->n_ports;
}

/* 5.3.5: a character, even before the device is set up. When the port's own
 * buffer is full it is lost: a register cannot wait. */
static void
set_config(VirtioDevice *v, unsigned offset, const guint8 *data, unsigned len)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, v);
    Port *p = &d->port[0];

    if (offset != CONFIG_EMERG || p->chr == NULL || p->out_len == OUT_LEN)
        return;
    p->out[(p->out_head + p->out_len++) % OUT_LEN] = data[0];
    timer_arm(d->emergency, 0);
}

static void
send_emergency(void *data)
{
    pump_out(&((VirtioConsole *) data)->port[0]);
}

/* ---- life ---- */

static void
clear(VirtioConsole *d)
{
    VirtioConsoleState *s = &d->s;

    forget_ports(s);
    memset(s->sent, 0, sizeof s->sent);
}

static void
stopped(VirtioDevice *v)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, v);

    if (!d->restoring)
        clear(d);
}

static const VirtioModel virtio_console_model = {
    .id = VIRTIO_ID_CONSOLE,
    .pci_class = 0x0780, /* communication controller, other */
    .notify = notify,
    .get_config = get_config,
    .set_config = set_config,
    .stopped = stopped,
};

static void
open_ports(VirtioConsole *d)
{
    d->n_ports = 1;
    for (unsigned i = 0; i < PORTS; i++) {
        Port *p = &d->port[i];
        p->d = d;
        p->index = i;
        if (p->chr == NULL)
            continue;
        d->n_ports = i + 1;
        p->out = g_malloc(OUT_LEN);
        p->out_head = p->out_len = 0;
    }
    d->n_ports = MAX(d->n_ports, d->room);
}

static bool
virtio_console_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, dev);

    open_ports(d);
    d->restoring = false;
    d->emergency = timer_new(env->loop, CLOCK_HOST, send_emergency, d);
    const VirtioSetup setup = {.features = F_SIZE | F_MULTIPORT | F_EMERG,
                               .n_queues = 2 + 2 * d->n_ports,
                               .queue_size = QUEUE_SIZE,
                               .config_size = CONFIG_LEN};
    if (!virtio_realize(&d->virtio, env, &virtio_console_model, &setup,
                        &d->s.virtio, error))
        return false;
    for (unsigned i = 0; i < d->n_ports; i++)
        if (d->port[i].chr != NULL)
            char_set_ops(d->port[i].chr, &char_ops, &d->port[i]);
    return true;
}

/* Loop, lock not held. The link is let go; forget: and the port is no more. */
static void
close_port(Port *p, bool forget)
{
    if (p->out == NULL)
        return;
    while (send_piece(p) > 0) /* the guest's last words */
        ;
    char_set_ops(p->chr, NULL, NULL);
    virtio_lock(&p->d->virtio);
    g_clear_pointer(&p->out, g_free);
    p->out_len = 0;
    p->chr = forget ? NULL : p->chr;
    virtio_unlock(&p->d->virtio);
}

static void
virtio_console_unrealize(Device *dev)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, dev);

    for (unsigned i = 0; i < PORTS; i++)
        close_port(&d->port[i], false);
    d->restoring = true; /* the state is left as it is */
    virtio_class_unrealize(dev);
    g_clear_pointer(&d->emergency, timer_free);
}

static void
virtio_console_reset(Device *dev, ResetKind kind)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, dev);

    virtio_class_reset(dev, kind);
    virtio_lock(&d->virtio);
    clear(d);
    virtio_unlock(&d->virtio);
}

static void
virtio_console_restored(Device *dev)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, dev);

    /* version 1 did not say it */
    for (unsigned i = 0; i < PORTS; i++)
        d->s.listens |= d->s.ready[i] != 0 || d->s.say[i] != 0;
    d->restoring = true;
    virtio_class_restored(dev);
    d->restoring = false;
}

/* ---- ports that come and go ---- */

bool
virtio_console_connect(Device *dev, unsigned n, CharLink *chr, const char *name,
                       GError **error)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, dev);
    Port *p = &d->port[n];

    if (n >= d->n_ports) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "the machine's virtio console has room for ports 0 to %u; "
                    "take one of these, or stop the machine and add it to its "
                    "settings",
                    d->n_ports - 1);
        return false;
    }
    if (p->chr != NULL) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "port %u of the virtio console is there already", n);
        return false;
    }
    virtio_lock(&d->virtio);
    g_free(p->name);
    p->name = g_strdup(name);
    p->out = g_malloc(OUT_LEN);
    p->out_head = p->out_len = 0;
    p->chr = chr;
    if (d->s.listens)
        d->s.say[n] |= SAY_ADD;
    talk(d);
    virtio_unlock(&d->virtio);
    char_set_ops(chr, &char_ops, p);
    return true;
}

void
virtio_console_disconnect(Device *dev, unsigned n)
{
    VirtioConsole *d = VIRTIO_OF(VirtioConsole, dev);
    VirtioConsoleState *s = &d->s;

    if (n >= d->n_ports || d->port[n].chr == NULL)
        return;
    pump_out(&d->port[n]);
    close_port(&d->port[n], true);
    virtio_lock(&d->virtio);
    /* one that the driver has not heard of goes without a word */
    bool known = s->listens && (s->say[n] & SAY_ADD) == 0;
    s->say[n] = known ? SAY_REMOVE : s->say[n] & SAY_REMOVE;
    s->ready[n] = s->open[n] = 0;
    s->sent[n] = 0;
    talk(d);
    virtio_unlock(&d->virtio);
    virtio_kick(&d->virtio, tx_queue(n)); /* what is left goes nowhere */
}

static bool
virtio_console_check(const void *state, GError **error)
{
    const VirtioConsoleState *s = state;

    for (unsigned i = 0; i < PORTS; i++) {
        if (s->say[i] <= SAY_ALL && s->ready[i] <= 1 && s->open[i] <= 1)
            continue;
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "virtio-console: port %u is in no possible state", i);
        return false;
    }
    if (s->listens <= 1)
        return true;
    g_set_error_literal(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                        "virtio-console: its driver is in no possible state");
    return false;
}

/* clang-format off */
static const StateField virtio_console_fields[] = {
    STATE_SUB(VirtioConsoleState, virtio, &virtio_state_desc),
    STATE_BLOB(VirtioConsoleState, say),
    STATE_BLOB(VirtioConsoleState, ready),
    STATE_BLOB(VirtioConsoleState, open),
    STATE_ARRAY(VirtioConsoleState, sent, STATE_U32),
    { "listens", STATE_U8, G_STRUCT_OFFSET(VirtioConsoleState, listens), 1, 1, 2, NULL },
    STATE_FIELDS_END
};

#define PORT_PROPS(i) \
    PROP_DEF_LINK(VirtioConsole, port[i].chr, "chr" #i, false, \
                  "where the bytes of port " #i " go"), \
    PROP_DEF_STRING(VirtioConsole, port[i].name, "name" #i, NULL, \
                    "what the guest calls port " #i)

static const PropDesc virtio_console_props[] = {
    VIRTIO_PROPS(VirtioConsole, virtio),
    PORT_PROPS(0), PORT_PROPS(1), PORT_PROPS(2), PORT_PROPS(3),
    PORT_PROPS(4), PORT_PROPS(5), PORT_PROPS(6), PORT_PROPS(7),
    PROP_DEF_U32(VirtioConsole, room, "ports", 0, 0, PORTS, NULL,
                 "ports that there is room for; 0: to the last one that is there"),
    PROP_DEF_U32(VirtioConsole, cols, "cols", 80, 1, 1000, NULL,
                 "columns of the console"),
    PROP_DEF_U32(VirtioConsole, rows, "rows", 25, 1, 1000, NULL,
                 "lines of the console"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_console_state = {
    .name = "virtio-console",
    .version = 2,
    .min_version = 1,
    .size = sizeof(VirtioConsoleState),
    .fields = virtio_console_fields,
    .check = virtio_console_check,
};

const DeviceClass virtio_console_class = {
    .name = "virtio-console",
    .summary = "consoles and byte channels (virtio)",
    .size = sizeof(VirtioConsole),
    .props = virtio_console_props,
    .state = &virtio_console_state,
    .state_offset = G_STRUCT_OFFSET(VirtioConsole, s),
    .realize = virtio_console_realize,
    .unrealize = virtio_console_unrealize,
    .reset = virtio_console_reset,
    .restored = virtio_console_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_class_resume,
};
