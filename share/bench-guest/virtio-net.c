/* share/bench-guest/virtio-net.c - Virtio 1.2 section 5.1, one pair of queues,
 * no offloads. Each descriptor has a buffer for ever. */
#include "share/bench-guest/irq.h"
#include "share/bench-guest/net.h"
#include "share/bench-guest/virtio.h"

#define MAX_UNITS   4u
#define N_BUFFERS   128u
#define BUFFER      2048u
#define HEADER      12u
#define FEATURE_MAC (1u << 5)
#define VECTOR      (IRQ_MSI_BASE + 4)

enum { RX, TX };

typedef struct {
    bool open;
    VirtioDev dev;
    Virtq rx, tx;
    u8 *rx_buffers, *tx_buffers;
    u8 mac[6];
    int current;  /* received and not yet released */
    u32 tx_heads; /* sent so far: buffers are used in turn */
    u32 tx_done;
} Unit;

static Unit units[MAX_UNITS];

static void
fill_queues(Unit *u)
{
    u->rx_buffers = memory_take(N_BUFFERS * BUFFER, 4096);
    u->tx_buffers = memory_take(N_BUFFERS * BUFFER, 4096);
    for (u32 i = 0; i < N_BUFFERS; i++) {
        u->rx.desc[i] = (VirtqDesc){(u32) (u->rx_buffers + i * BUFFER), BUFFER,
                                    VIRTQ_WRITE, 0};
        u->tx.desc[i] =
            (VirtqDesc){(u32) (u->tx_buffers + i * BUFFER), 0, 0, 0};
        virtq_offer(&u->rx, i);
    }
    u->tx.avail->flags = VIRTQ_NO_NOTICE; /* looked at when room is short */
}

static bool
net_open(u32 unit)
{
    if (unit >= MAX_UNITS)
        return false;
    Unit *u = &units[unit];
    if (u->open)
        return true;
    if (!virtio_open(&u->dev, VIRTIO_NET, unit, FEATURE_MAC) ||
        !virtq_open(&u->dev, &u->rx, RX, VECTOR + 2 * unit) ||
        !virtq_open(&u->dev, &u->tx, TX, VECTOR + 2 * unit + 1) ||
        u->rx.size < N_BUFFERS || u->tx.size < N_BUFFERS)
        return false;
    for (u32 i = 0; i < sizeof u->mac; i++)
        u->mac[i] = REG8(u->dev.config + i);
    fill_queues(u);
    virtio_start(&u->dev);
    virtq_kick(&u->rx);
    u->open = true;
    return true;
}

static const u8 *
net_mac(u32 unit)
{
    return units[unit].mac;
}

static u8 *
net_next(u32 unit)
{
    Unit *u = &units[unit];

    while (u->tx_heads - u->tx_done == N_BUFFERS ||
           u->tx.used->idx != u->tx.seen)
        if (virtq_take(&u->tx, NULL) >= 0)
            u->tx_done++;
    return u->tx_buffers + u->tx_heads % N_BUFFERS * BUFFER + HEADER;
}

/* Buffers come back in any order in principle; this device keeps it, and a
 * frame that is overwritten too early would only be a lost one. */
static void
net_send(u32 unit, u32 len)
{
    Unit *u = &units[unit];
    u32 head = u->tx_heads++ % N_BUFFERS;

    u->tx.desc[head].len = HEADER + len;
    virtq_offer(&u->tx, head);
}

static void
net_kick(u32 unit)
{
    virtq_kick(&units[unit].tx);
}

static u8 *
net_receive(u32 unit, u32 *ret_len)
{
    Unit *u = &units[unit];
    u32 len;

    u->current = virtq_take(&u->rx, &len);
    if (u->current < 0)
        return NULL;
    *ret_len = len < HEADER ? 0 : len - HEADER;
    return u->rx_buffers + (u32) u->current * BUFFER + HEADER;
}

static void
net_release(u32 unit)
{
    Unit *u = &units[unit];

    virtq_offer(&u->rx, (u32) u->current);
    virtq_kick(&u->rx);
}

static void
net_wait(u32 unit, bool poll)
{
    virtq_wait(&units[unit].rx, poll);
}

const NetDriver virtio_net_driver = {"virtio-net", net_open,    net_mac,
                                     net_next,     net_send,    net_kick,
                                     net_receive,  net_release, net_wait};
