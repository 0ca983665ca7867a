/* devices/serial/uart16550.c - 16550A serial port.
 *
 * National Semiconductor PC16550D data sheet. The guest's bytes leave as soon
 * as they are written; only a peer that does not read makes the transmitter
 * look busy. Left out: baud rate pacing, parity and framing errors (a stream
 * has none), FIFO DMA modes. OUT2 gates the interrupt as on a PC.
 *
 * A guest that polls the transmitter, as consoles do, leaves KVM twice for a
 * byte. While it streams, what it writes is posted (vmm/io/io.h) and arrives
 * when it asks for room again; the loop fetches what is left at the end. */
#include "vmm/char/char.h"
#include "vmm/core/device.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

#define UART_RBR       0 /* read; THR on write; divisor low with DLAB */
#define UART_IER       1 /* divisor high with DLAB */
#define UART_IIR       2 /* read; FCR on write */
#define UART_LCR       3
#define UART_MCR       4
#define UART_LSR       5
#define UART_MSR       6
#define UART_SCR       7
#define UART_LEN       8

#define UART_IER_RDI   0x01
#define UART_IER_THRI  0x02
#define UART_IER_RLSI  0x04
#define UART_IER_MSI   0x08
#define UART_IIR_NONE  0x01
#define UART_IIR_MSI   0x00
#define UART_IIR_THRI  0x02
#define UART_IIR_RDI   0x04
#define UART_IIR_RLSI  0x06
#define UART_IIR_CTI   0x0c
#define UART_IIR_FIFOS 0xc0
#define UART_FCR_ON    0x01
#define UART_FCR_RX    0x02
#define UART_FCR_TX    0x04
#define UART_FCR_KEPT  0xc9
#define UART_LCR_DLAB  0x80
#define UART_MCR_DTR   0x01
#define UART_MCR_RTS   0x02
#define UART_MCR_OUT1  0x04
#define UART_MCR_OUT2  0x08
#define UART_MCR_LOOP  0x10
#define UART_MCR_BITS  0x1f
#define UART_LSR_DR    0x01
#define UART_LSR_OE    0x02
#define UART_LSR_ERROR 0x1e
#define UART_LSR_THRE  0x20
#define UART_LSR_TEMT  0x40
#define UART_MSR_DCTS  0x01
#define UART_MSR_TERI  0x04
#define UART_MSR_DELTA 0x0f
#define UART_MSR_CTS   0x10
#define UART_MSR_DSR   0x20
#define UART_MSR_RI    0x40
#define UART_MSR_DCD   0x80

#define FIFO_LEN       16
#define OUT_LEN        4096 /* bytes on their way to the link, power of two */
#define GATHER_NS      (1000 * 1000)
#define STREAM_LEN     32 /* so many bytes in that time are a stream */
#define QUIET_ROUNDS   20 /* of GATHER_NS without a byte end it */
#define UNPOSTED_NS    (100 * GATHER_NS) /* rest after the guest ended it */

typedef struct {
    guint8 ier, fcr, lcr, mcr, lsr_errors, msr, scr;
    guint8 divisor[2];
    guint8 thr_pending; /* 1: THRE interrupt, until IIR is read or THR filled */
    guint8 rx_timeout;  /* 1: bytes below the trigger level wait */
    guint8 rx_head, rx_len, tx_len;
    guint8 rx[FIFO_LEN]; /* ring */
    guint8 tx[FIFO_LEN]; /* from 0; only filled while the link is stuck */
} UartState;

typedef struct {
    Device dev;
    UartState s;
    guint32 iobase, irq_pin;
    CharLink *chr;
    IoRegion *port;
    IrqLine *irq;
    Timer *kick; /* sends on the loop what a vCPU has written */
    /* dev.lock guards these, too; not guest-visible */
    guint8 out[OUT_LEN];
    guint32 out_head, out_len;
    gint64 sent_at; /* host clock */
    bool posted;    /* writes of THR may come late */
    guint quiet_rounds;
    gint64 post_after; /* host clock */
} Uart;

static const UartState uart_reset_state = {
    .msr = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD,
    .divisor = {12, 0}, /* 9600 */
};

static bool
fifos_on(const UartState *s)
{
    return (s->fcr & UART_FCR_ON) != 0;
}

static unsigned
rx_room(const UartState *s)
{
    if (fifos_on(s))
        return FIFO_LEN - s->rx_len;
    return s->rx_len == 0 ? 1 : 0;
}

static unsigned
rx_trigger(const UartState *s)
{
    static const guint8 levels[] = {1, 4, 8, 14};

    return fifos_on(s) ? levels[s->fcr >> 6] : 1;
}

/* The highest pending cause, data sheet table IV. */
static guint8
interrupt_cause(const UartState *s)
{
    if ((s->ier & UART_IER_RLSI) != 0 && s->lsr_errors != 0)
        return UART_IIR_RLSI;
    if ((s->ier & UART_IER_RDI) != 0 && s->rx_len >= rx_trigger(s))
        return UART_IIR_RDI;
    if ((s->ier & UART_IER_RDI) != 0 && s->rx_len > 0 && s->rx_timeout)
        return UART_IIR_CTI;
    if ((s->ier & UART_IER_THRI) != 0 && s->thr_pending)
        return UART_IIR_THRI;
    if ((s->ier & UART_IER_MSI) != 0 && (s->msr & UART_MSR_DELTA) != 0)
        return UART_IIR_MSI;
    return UART_IIR_NONE;
}

static bool
irq_wanted(const UartState *s)
{
    return interrupt_cause(s) != UART_IIR_NONE && (s->mcr & UART_MCR_OUT2) != 0;
}

static void
update_irq(Uart *d)
{
    irq_line_set(d->irq, irq_wanted(&d->s));
}

static void
rx_push(UartState *s, guint8 byte)
{
    if (rx_room(s) == 0) {
        s->lsr_errors |= UART_LSR_OE;
        if (!fifos_on(s)) /* the holding register is overwritten */
            s->rx[s->rx_head] = byte;
        return;
    }
    s->rx[(s->rx_head + s->rx_len) % FIFO_LEN] = byte;
    s->rx_len++;
}

/* A single byte goes at once; those that follow it closely are gathered, for
 * waking the loop costs more than writing the register. */
static void
out_push(Uart *d, guint8 byte)
{
    d->out[(d->out_head + d->out_len) % OUT_LEN] = byte;
    d->out_len++;
    if (d->out_len == OUT_LEN / 2)
        timer_arm(d->kick, 0);
    else if (!timer_is_armed(d->kick))
        timer_arm(d->kick, d->sent_at + GATHER_NS);
}

/* What waits in the transmitter goes out as far as there is room. */
static void
tx_move(Uart *d)
{
    UartState *s = &d->s;
    unsigned n = 0;

    if (s->tx_len == 0)
        return;
    while (n < s->tx_len && d->out_len < OUT_LEN)
        out_push(d, s->tx[n++]);
    for (unsigned i = n; i < s->tx_len; i++)
        s->tx[i - n] = s->tx[i];
    s->tx_len = (guint8) (s->tx_len - n);
    if (s->tx_len == 0)
        s->thr_pending = 1;
}

static void
write_thr(Uart *d, guint8 byte)
{
    UartState *s = &d->s;

    if ((s->mcr & UART_MCR_LOOP) != 0) {
        rx_push(s, byte);
        s->rx_timeout = 1;
        s->thr_pending = 1;
        return;
    }
    s->thr_pending = 0;
    if (d->chr == NULL) {
        s->thr_pending = 1; /* an open plug: the byte is gone at once */
        return;
    }
    if (s->tx_len == 0 && d->out_len < OUT_LEN) {
        out_push(d, byte);
        s->thr_pending = 1;
    } else if (s->tx_len < (fifos_on(s) ? FIFO_LEN : 1)) {
        s->tx[s->tx_len++] = byte;
    }
}

/* Loop: sends in pieces, never with the lock held. Returns the bytes sent. */
static gsize
send_out(Uart *d)
{
    guint8 chunk[512];
    gsize n, taken, sent = 0;

    do {
        g_mutex_lock(&d->dev.lock);
        d->sent_at = loop_now_ns(d->dev.env->loop, CLOCK_HOST);
        n = MIN(d->out_len, sizeof chunk);
        for (gsize i = 0; i < n; i++)
            chunk[i] = d->out[(d->out_head + i) % OUT_LEN];
        g_mutex_unlock(&d->dev.lock);
        taken = n > 0 ? char_send(d->chr, chunk, n) : 0;
        if (taken == 0)
            break;
        sent += taken;
        g_mutex_lock(&d->dev.lock);
        d->out_head = (d->out_head + (guint32) taken) % OUT_LEN;
        d->out_len -= (guint32) taken;
        tx_move(d);
        update_irq(d);
        g_mutex_unlock(&d->dev.lock);
    } while (taken == n);
    return sent;
}

/* ---- streams ---- */

/* Nothing may follow from a byte but that it is sent: no interrupt, no echo. */
static bool
may_post(const UartState *s)
{
    return (s->ier & UART_IER_THRI) == 0 && (s->mcr & UART_MCR_LOOP) == 0 &&
           (s->lcr & UART_LCR_DLAB) == 0;
}

/* Lock held. */
static void
set_posted(Uart *d, bool on)
{
    if (on == d->posted)
        return;
    d->posted = io_region_set_posted(d->port, UART_RBR, 1, on) == 0 && on;
    d->quiet_rounds = 0;
}

/* Lock held: the guest has changed what may_post() looks at, and writes bytes
 * in another manner. */
static void
end_stream(Uart *d)
{
    if (!d->posted || may_post(&d->s))
        return;
    set_posted(d, false);
    d->post_after = loop_now_ns(d->dev.env->loop, CLOCK_HOST) + UNPOSTED_NS;
}

/* Loop: begins and ends a stream by what was sent in the last round. */
static void
follow_stream(Uart *d, gsize sent)
{
    g_mutex_lock(&d->dev.lock);
    d->quiet_rounds = sent > 0 ? 0 : d->quiet_rounds + 1;
    if (d->quiet_rounds >= QUIET_ROUNDS)
        set_posted(d, false);
    else if (sent >= STREAM_LEN && may_post(&d->s) &&
             d->sent_at >= d->post_after)
        set_posted(d, true);
    if (d->posted)
        timer_arm(d->kick, d->sent_at + GATHER_NS);
    g_mutex_unlock(&d->dev.lock);
}

static void
uart_kicked(void *data)
{
    Uart *d = data;

    if (d->chr == NULL)
        return;
    io_space_flush(d->dev.env->ports); /* of which it may hear no other way */
    follow_stream(d, send_out(d));
}

static void
uart_writable(void *dev)
{
    Uart *d = dev;

    if (d->chr != NULL)
        (void) send_out(d);
}

static gsize
uart_can_receive(void *dev)
{
    Uart *d = dev;
    gsize room;

    g_mutex_lock(&d->dev.lock);
    /* In loopback the input pin is cut off: the bytes wait outside. */
    room = (d->s.mcr & UART_MCR_LOOP) != 0 ? 0 : rx_room(&d->s);
    g_mutex_unlock(&d->dev.lock);
    return room;
}

static void
uart_receive(void *dev, const guint8 *data, gsize len)
{
    Uart *d = dev;

    g_mutex_lock(&d->dev.lock);
    for (gsize i = 0; i < len; i++)
        rx_push(&d->s, data[i]);
    d->s.rx_timeout = 1;
    update_irq(d);
    g_mutex_unlock(&d->dev.lock);
}

static const CharOps uart_char_ops = {
    .can_receive = uart_can_receive,
    .receive = uart_receive,
    .writable = uart_writable,
};

static guint8
read_rbr(Uart *d)
{
    UartState *s = &d->s;
    guint8 byte = s->rx[s->rx_head];

    if (s->rx_len == 0)
        return byte; /* the register keeps its last byte */
    s->rx_len--;
    if (s->rx_len > 0 || fifos_on(s))
        s->rx_head = (guint8) ((s->rx_head + 1) % FIFO_LEN);
    if (s->rx_len == 0)
        s->rx_timeout = 0;
    if (d->chr != NULL)
        char_poll_rx(d->chr);
    return byte;
}

static guint8
read_iir(Uart *d)
{
    guint8 cause = interrupt_cause(&d->s);

    if (cause == UART_IIR_THRI)
        d->s.thr_pending = 0;
    return (guint8) (cause | (fifos_on(&d->s) ? UART_IIR_FIFOS : 0));
}

static guint8
read_lsr(Uart *d)
{
    UartState *s = &d->s;
    guint8 value = s->lsr_errors;

    if (s->rx_len > 0)
        value |= UART_LSR_DR;
    if (s->tx_len == 0)
        value |= UART_LSR_THRE | UART_LSR_TEMT;
    s->lsr_errors = 0;
    return value;
}

static guint8
read_msr(Uart *d)
{
    guint8 value = d->s.msr;

    d->s.msr &= (guint8) ~UART_MSR_DELTA;
    return value;
}

static guint64
uart_read(void *dev, guint64 offset, unsigned size)
{
    Uart *d = dev;
    bool dlab = (d->s.lcr & UART_LCR_DLAB) != 0;
    guint8 value = 0;

    switch (offset) {
    case UART_RBR: value = dlab ? d->s.divisor[0] : read_rbr(d); break;
    case UART_IER: value = dlab ? d->s.divisor[1] : d->s.ier; break;
    case UART_IIR: value = read_iir(d); break;
    case UART_LCR: value = d->s.lcr; break;
    case UART_MCR: value = d->s.mcr; break;
    case UART_LSR: value = read_lsr(d); break;
    case UART_MSR: value = read_msr(d); break;
    default: value = d->s.scr; break;
    }
    update_irq(d);
    return value;
}

/* In loopback the outputs are the inputs, data sheet section 8.6.7. */
static void
update_msr(UartState *s)
{
    guint8 lines = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
    guint8 old = (guint8) (s->msr & ~UART_MSR_DELTA);
    guint8 changed;

    if ((s->mcr & UART_MCR_LOOP) != 0)
        lines = (guint8) (((s->mcr & UART_MCR_RTS) != 0 ? UART_MSR_CTS : 0) |
                          ((s->mcr & UART_MCR_DTR) != 0 ? UART_MSR_DSR : 0) |
                          ((s->mcr & UART_MCR_OUT1) != 0 ? UART_MSR_RI : 0) |
                          ((s->mcr & UART_MCR_OUT2) != 0 ? UART_MSR_DCD : 0));
    changed = (guint8) (old ^ lines);
    if ((lines & UART_MSR_RI) != 0) /* only the trailing edge of RI counts */
        changed &= (guint8) ~UART_MSR_RI;
    s->msr = (guint8) ((s->msr & UART_MSR_DELTA) | lines | changed >> 4);
}

static void
write_ier(UartState *s, guint8 value)
{
    bool enables =
        (value & UART_IER_THRI) != 0 && (s->ier & UART_IER_THRI) == 0;

    s->ier = value & 0x0f;
    if (enables && s->tx_len == 0)
        s->thr_pending = 1; /* drivers start their output this way */
}

static void
write_fcr(Uart *d, guint8 value)
{
    UartState *s = &d->s;
    bool toggled = ((value ^ s->fcr) & UART_FCR_ON) != 0;

    if ((value & UART_FCR_ON) == 0)
        value = 0; /* the other bits need the FIFOs on */
    if (toggled || (value & UART_FCR_RX) != 0) {
        s->rx_len = 0;
        s->rx_timeout = 0;
    }
    if ((toggled || (value & UART_FCR_TX) != 0) && s->tx_len > 0) {
        s->tx_len = 0;
        s->thr_pending = 1;
    }
    s->fcr = value & UART_FCR_KEPT;
    if (d->chr != NULL)
        char_poll_rx(d->chr);
}

static void
uart_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Uart *d = dev;
    UartState *s = &d->s;
    guint8 byte = (guint8) value;
    bool dlab = (s->lcr & UART_LCR_DLAB) != 0;

    switch (offset) {
    case UART_RBR:
        if (dlab)
            s->divisor[0] = byte;
        else
            write_thr(d, byte);
        break;
    case UART_IER:
        if (dlab)
            s->divisor[1] = byte;
        else
            write_ier(s, byte);
        break;
    case UART_IIR: write_fcr(d, byte); break;
    case UART_LCR: s->lcr = byte; break;
    case UART_MCR:
        s->mcr = byte & UART_MCR_BITS;
        update_msr(s);
        if (d->chr != NULL)
            char_poll_rx(d->chr);
        break;
    case UART_SCR: s->scr = byte; break;
    default: break; /* LSR and MSR are read-only */
    }
    end_stream(d);
    update_irq(d);
}

static const IoOps uart_ops = {
    .read = uart_read,
    .write = uart_write,
    .max_size = 1,
};

static bool
uart_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Uart *d = DEVICE_OF(Uart, dev);

    d->irq = irq_line_new(env, d->irq_pin);
    d->kick = timer_new(env->loop, CLOCK_HOST, uart_kicked, d);
    d->port = io_region_new(dev->id, &uart_ops, d, &dev->lock, UART_LEN);
    d->out_head = d->out_len = 0;
    if (io_map(env->ports, d->port, d->iobase, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: port 0x%x is taken by another device; choose "
                    "another iobase",
                    dev->id, d->iobase);
        return false;
    }
    if (d->chr != NULL)
        char_set_ops(d->chr, &uart_char_ops, d);
    return true;
}

static void
uart_unrealize(Device *dev)
{
    Uart *d = DEVICE_OF(Uart, dev);

    if (d->chr != NULL) {
        (void) send_out(d); /* the guest's last words */
        char_set_ops(d->chr, NULL, NULL);
    }
    g_clear_pointer(&d->port, io_region_free);
    g_clear_pointer(&d->kick, timer_free);
    g_clear_pointer(&d->irq, irq_line_free);
}

static void
uart_reset(Device *dev, ResetKind kind)
{
    Uart *d = DEVICE_OF(Uart, dev);

    g_mutex_lock(&dev->lock);
    d->s = uart_reset_state;
    set_posted(d, false);
    update_irq(d);
    g_mutex_unlock(&dev->lock);
    if (d->chr != NULL)
        char_poll_rx(d->chr);
}

static void
uart_restored(Device *dev)
{
    Uart *d = DEVICE_OF(Uart, dev);

    g_mutex_lock(&dev->lock);
    irq_line_adopt(d->irq, irq_wanted(&d->s));
    tx_move(d);
    update_irq(d);
    g_mutex_unlock(&dev->lock);
    if (d->chr != NULL)
        char_poll_rx(d->chr);
}

static bool
uart_check(const void *state, GError **error)
{
    const UartState *s = state;

    if (s->rx_head < FIFO_LEN && s->rx_len <= FIFO_LEN &&
        s->tx_len <= FIFO_LEN && s->thr_pending <= 1 && s->rx_timeout <= 1)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "uart16550: a FIFO's length or head is out of range");
    return false;
}

/* clang-format off */
static const PropDesc uart_props[] = {
    PROP_DEF_U32(Uart, iobase, "iobase", 0x3f8, 0x100, 0xfff8, NULL,
                 "first of eight I/O ports"),
    PROP_DEF_U32(Uart, irq_pin, "irq", 4, 3, 15, NULL, "interrupt line"),
    PROP_DEF_LINK(Uart, chr, "chr", false, "where the bytes go"),
    PROP_END
};

static const StateField uart_fields[] = {
    STATE_FIELD(UartState, ier, STATE_U8),
    STATE_FIELD(UartState, fcr, STATE_U8),
    STATE_FIELD(UartState, lcr, STATE_U8),
    STATE_FIELD(UartState, mcr, STATE_U8),
    STATE_FIELD(UartState, lsr_errors, STATE_U8),
    STATE_FIELD(UartState, msr, STATE_U8),
    STATE_FIELD(UartState, scr, STATE_U8),
    STATE_BLOB(UartState, divisor),
    STATE_FIELD(UartState, thr_pending, STATE_U8),
    STATE_FIELD(UartState, rx_timeout, STATE_U8),
    STATE_FIELD(UartState, rx_head, STATE_U8),
    STATE_FIELD(UartState, rx_len, STATE_U8),
    STATE_FIELD(UartState, tx_len, STATE_U8),
    STATE_BLOB(UartState, rx),
    STATE_BLOB(UartState, tx),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc uart_state = {
    .name = "uart16550",
    .version = 1,
    .min_version = 1,
    .size = sizeof(UartState),
    .fields = uart_fields,
    .check = uart_check,
};

const DeviceClass uart16550_class = {
    .name = "uart16550",
    .summary = "Serial port (16550A)",
    .size = sizeof(Uart),
    .props = uart_props,
    .state = &uart_state,
    .state_offset = G_STRUCT_OFFSET(Uart, s),
    .realize = uart_realize,
    .unrealize = uart_unrealize,
    .reset = uart_reset,
    .restored = uart_restored,
};
