/* devices/legacy/debugcon.c - the port firmware prints its messages to.
 *
 * Port 0x402 of Bochs and QEMU. Reading 0xE9 tells firmware that somebody
 * listens; without a link the port reads all-ones and firmware keeps quiet,
 * which saves half of its exits. Bytes go through a bounded ring; what does
 * not fit is dropped, as nobody waits for it. */
#include "vmm/char/char.h"
#include "vmm/core/device.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

#define DEBUGCON_PRESENT 0xe9
#define RING_LEN         8192 /* bytes */

typedef struct {
    Device dev;
    guint32 iobase;
    CharLink *chr;
    IoRegion *port;
    Timer *kick;
    /* dev.lock guards the ring; nothing of it is guest-visible */
    guint8 ring[RING_LEN];
    guint32 head, len;
} Debugcon;

static guint64
debugcon_read(void *dev, guint64 offset, unsigned size)
{
    return DEVICE_OF(Debugcon, dev)->chr != NULL ? DEBUGCON_PRESENT : 0xff;
}

static void
debugcon_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Debugcon *d = dev;

    if (d->chr == NULL || d->len == RING_LEN)
        return;
    d->ring[(d->head + d->len) % RING_LEN] = (guint8) value;
    d->len++;
    if (!timer_is_armed(d->kick))
        timer_arm(d->kick, 0);
}

static const IoOps debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .max_size = 1,
};

/* Loop: sends in pieces, never with the lock held. */
static void
debugcon_send(void *data)
{
    Debugcon *d = data;
    guint8 chunk[512];
    gsize n, taken;

    if (d->chr == NULL)
        return;
    do {
        g_mutex_lock(&d->dev.lock);
        n = MIN(d->len, sizeof chunk);
        for (gsize i = 0; i < n; i++)
            chunk[i] = d->ring[(d->head + i) % RING_LEN];
        g_mutex_unlock(&d->dev.lock);
        taken = n > 0 ? char_send(d->chr, chunk, n) : 0;
        if (taken == 0)
            return;
        g_mutex_lock(&d->dev.lock);
        d->head = (d->head + (guint32) taken) % RING_LEN;
        d->len -= (guint32) taken;
        g_mutex_unlock(&d->dev.lock);
    } while (taken == n);
}

static gsize
debugcon_can_receive(void *dev)
{
    return 0; /* firmware does not listen here */
}

static void
debugcon_receive(void *dev, const guint8 *data, gsize len)
{
}

static const CharOps debugcon_char_ops = {
    .can_receive = debugcon_can_receive,
    .receive = debugcon_receive,
    .writable = debugcon_send,
};

static bool
debugcon_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Debugcon *d = DEVICE_OF(Debugcon, dev);

    d->head = d->len = 0;
    d->kick = timer_new(env->loop, CLOCK_HOST, debugcon_send, d);
    d->port = io_region_new("debugcon", &debugcon_ops, d, &dev->lock, 1);
    if (io_map(env->ports, d->port, d->iobase, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: port 0x%x is taken by another device; choose "
                    "another iobase",
                    dev->id, d->iobase);
        return false;
    }
    if (d->chr != NULL)
        char_set_ops(d->chr, &debugcon_char_ops, d);
    return true;
}

static void
debugcon_unrealize(Device *dev)
{
    Debugcon *d = DEVICE_OF(Debugcon, dev);

    if (d->chr != NULL)
        char_set_ops(d->chr, NULL, NULL);
    g_clear_pointer(&d->port, io_region_free);
    g_clear_pointer(&d->kick, timer_free);
}

/* clang-format off */
static const PropDesc debugcon_props[] = {
    PROP_DEF_U32(Debugcon, iobase, "iobase", 0x402, 0x10, 0xffff, NULL,
                 "I/O port"),
    PROP_DEF_LINK(Debugcon, chr, "chr", false, "where the text goes"),
    PROP_END
};
/* clang-format on */

const DeviceClass debugcon_class = {
    .name = "debugcon",
    .summary = "Firmware debug console",
    .size = sizeof(Debugcon),
    .props = debugcon_props,
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
};
