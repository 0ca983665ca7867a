/* devices/virtio/virtio-net-internal.h - the parts of the virtio network card:
 * virtio-net.c (life, configuration, the link), -data.c (frames), -ctrl.c
 * (control queue, filters), -vhost.c (frames by the host's kernel). */
#pragma once

#include "devices/virtio/virtio-device.h"
#include "vmm/net/net.h"
#include "vmm/net/vhost.h"

/* Feature bits, 5.1.3; 54 to 56 are of virtio 1.3. Not here: UFO (dead in all
 * drivers), hash reports, RSS, coalescing. */
#define NET_F_CSUM                VIRTIO_BIT(0)
#define NET_F_GUEST_CSUM          VIRTIO_BIT(1)
#define NET_F_CTRL_GUEST_OFFLOADS VIRTIO_BIT(2)
#define NET_F_MTU                 VIRTIO_BIT(3)
#define NET_F_MAC                 VIRTIO_BIT(5)
#define NET_F_GUEST_TSO4          VIRTIO_BIT(7)
#define NET_F_GUEST_TSO6          VIRTIO_BIT(8)
#define NET_F_GUEST_ECN           VIRTIO_BIT(9)
#define NET_F_HOST_TSO4           VIRTIO_BIT(11)
#define NET_F_HOST_TSO6           VIRTIO_BIT(12)
#define NET_F_HOST_ECN            VIRTIO_BIT(13)
#define NET_F_MRG_RXBUF           VIRTIO_BIT(15)
#define NET_F_STATUS              VIRTIO_BIT(16)
#define NET_F_CTRL_VQ             VIRTIO_BIT(17)
#define NET_F_CTRL_RX             VIRTIO_BIT(18)
#define NET_F_CTRL_VLAN           VIRTIO_BIT(19)
#define NET_F_CTRL_RX_EXTRA       VIRTIO_BIT(20)
#define NET_F_GUEST_ANNOUNCE      VIRTIO_BIT(21)
#define NET_F_MQ                  VIRTIO_BIT(22)
#define NET_F_CTRL_MAC_ADDR       VIRTIO_BIT(23)
#define NET_F_GUEST_USO4          VIRTIO_BIT(54)
#define NET_F_GUEST_USO6          VIRTIO_BIT(55)
#define NET_F_HOST_USO            VIRTIO_BIT(56)

/* What a driver takes, and may change by the control queue. */
#define NET_F_GUEST_OFFLOADS                                                   \
    (NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 |                  \
     NET_F_GUEST_ECN | NET_F_GUEST_USO4 | NET_F_GUEST_USO6)

/* Modes of receiving, 5.1.6.5.1: numbers of the commands. */
enum {
    NET_RX_PROMISC,
    NET_RX_ALLMULTI,
    NET_RX_ALLUNI,
    NET_RX_NOMULTI,
    NET_RX_NOUNI,
    NET_RX_NOBCAST,
    NET_RX_MODES
};

#define NET_MAC_BYTES   6u
#define NET_MACS        64u /* addresses in both lists together */
#define NET_VLANS       4096u

#define NET_MAX_BUSY_US 10000u

/* Slots of the pool for pieces; a batch ends when a largest frame might not
 * find room any more. */
#define NET_POOL 2304u
G_STATIC_ASSERT(NET_POOL >= 2 * NET_MAX_IOV + 1);
#define NET_ELEMS VIRTQ_MAX_SIZE

typedef struct {
    VirtioState virtio;
    guint8 mac[NET_MAC_BYTES];
    guint8 announce; /* 0, 1: the driver is asked to say where it is */
    guint8 rx_modes; /* 1 << NET_RX_... */
    /* The filter: n_uni addresses, then n_multi. */
    guint8 n_uni, n_multi, uni_overflow, multi_overflow;
    guint8 macs[NET_MACS * NET_MAC_BYTES];
    guint32 vlans[NET_VLANS / 32];
    guint16 pairs;    /* in use, 1.. */
    guint64 offloads; /* NET_F_GUEST_... in force */
} VirtioNetState;

/* Of one queue pair; loop thread. */
typedef struct {
    bool receiving;  /* the link calls for frames */
    bool tx_blocked; /* the host is full, writable() follows */
    gsize expect;    /* bytes: how much a next frame will likely be */
    gsize held;      /* bytes in hold: a frame without room, 0: none */
    guint8 *hold;
    Vhost *vhost;   /* NULL: not to be used; its calls are under the lock */
    int call_fd[2]; /* eventfds of ours, where it cannot interrupt itself */
    guint call_watch[2];
} NetPair;

typedef enum { NET_VHOST_OFF, NET_VHOST_AUTO, NET_VHOST_ON } NetVhostMode;

typedef struct VirtioNet VirtioNet;

typedef struct {
    VirtioNet *d;
    unsigned queue;
} NetCall;

struct VirtioNet {
    VirtioDevice virtio;
    VirtioNetState s;
    /* Options. */
    NetLink *link;
    GBytes *rom; /* NULL: nothing starts from it */
    char *mac_text;
    guint32 max_pairs, queue_size, busy_us;
    int vhost_mode; /* NetVhostMode */
    /* Constant once realized. */
    guint8 mac[NET_MAC_BYTES];
    int wake_fd, error_fd;             /* eventfds */
    NetCall calls[2 * NET_MAX_QUEUES]; /* one a queue */
    /* Under the lock. */
    bool restoring; /* the state is not ours to set */
    bool restored;  /* and nobody has told the network where we are */
    bool stale;     /* started or stopped since the last sync */
    /* Loop thread. */
    guint wake_watch, error_watch;
    bool serving; /* link and driver are connected */
    bool vhost_on;
    bool told_up;    /* the link was up when it was last told */
    unsigned active; /* pairs that the driver uses */
    bool mergeable;  /* a frame may take several buffers */
    gsize header;    /* bytes in front of each frame */
    gsize usual;     /* bytes of a frame of the MTU, with it */
    gsize need;      /* bytes of the largest frame that may come, with it */
    NetPair pairs[NET_MAX_QUEUES];
    /* Loop thread: scratch of one call. */
    VirtqElem elems[NET_ELEMS];
    NetFrame frames[NET_BATCH];
    unsigned first[NET_BATCH]; /* receive: each frame's first of elems */
    struct iovec pool[NET_POOL];
    guint8 *bounce; /* NET_HDR_MAX + NET_FRAME_MAX */
};

static inline unsigned
virtio_net_rx_index(unsigned pair)
{
    return 2 * pair;
}

static inline unsigned
virtio_net_tx_index(unsigned pair)
{
    return 2 * pair + 1;
}

/* ---- virtio-net.c ---- */

/* Brings link, queues and vhost in line with what the driver wants. Loop, lock
 * not held; idempotent. */
void virtio_net_sync(VirtioNet *d);
/* Takes everything away from the driver; as before sync. Loop. */
void virtio_net_detach(VirtioNet *d);
/* Tells the link what the driver takes: NET_F_GUEST_... bits. Loop, lock not
 * held. */
void virtio_net_apply_offloads(VirtioNet *d, guint64 offloads);
/* As the driver wants so many pairs; 0 or -errno. Loop, lock not held. */
int virtio_net_apply_pairs(VirtioNet *d, unsigned pairs);

/* ---- virtio-net-data.c; loop, lock not held ---- */

void virtio_net_serve_tx(VirtioNet *d, unsigned pair);
void virtio_net_serve_rx(VirtioNet *d, unsigned pair);
void virtio_net_set_receiving(VirtioNet *d, unsigned pair, bool on);
/* Both directions of all pairs in use, unless vhost does it. */
void virtio_net_serve_all(VirtioNet *d);

/* ---- virtio-net-ctrl.c ---- */

/* Loop, lock not held. */
void virtio_net_serve_ctrl(VirtioNet *d, unsigned queue);
/* Whether the driver wants the frame that begins with these bytes: both
 * addresses, type and what follows it, len of them. Lock held. */
bool virtio_net_wants(const VirtioNet *d, const guint8 *frame, gsize len);
/* The state at reset and at the start of a driver. Lock held. */
void virtio_net_reset_state(VirtioNet *d);
bool virtio_net_check_state(const void *state, GError **error);

/* ---- virtio-net-vhost.c ---- */

/* Opens one for each pair if the options and the link are for it. False and
 * error set when it was demanded and there is none. Set-up thread. */
bool virtio_net_vhost_realize(VirtioNet *d, GError **error);
void virtio_net_vhost_unrealize(VirtioNet *d);
/* Loop, lock not held. Starts all pairs in use, or none. */
void virtio_net_vhost_start(VirtioNet *d);
void virtio_net_vhost_stop(VirtioNet *d);
/* Lock held, any thread: the kernel lets go of guest memory now. What remains
 * is done by virtio_net_vhost_stop(). */
void virtio_net_vhost_let_go(VirtioNet *d);
