/* vmm/net/net-internal.h - what the front and the kinds of vmm/net share.
 *
 * A kind moves frames in its wire format; net-data.c translates between that
 * and the format of the NIC. */
#pragma once

#include <stdatomic.h>

#include <linux/virtio_net.h>

#include "vmm/net/net.h"

#define NET_WIRE_MAX (NET_HDR_MAX + NET_FRAME_MAX)

typedef struct virtio_net_hdr_v1 NetVnetHdr;
typedef struct NetPcap NetPcap;
typedef struct NetQueue NetQueue;

/* Written by the queue's thread alone, read by any. */
typedef struct {
    _Atomic guint64 frames, bytes, dropped;
} NetCounters;

/* Where a TSO frame that the other side cannot take is cut up. */
typedef struct {
    NetVnetHdr hdr;
    const guint8 *frame; /* borrowed */
    gsize len;
    gsize headers; /* bytes before the payload */
    gsize at;      /* of the payload, already done */
    bool active;
} NetCut;

struct NetQueue {
    NetLink *link;
    unsigned index;
    int fd; /* -1: none */

    /* Queue thread. */
    Loop *loop;
    bool receiving, blocked; /* wanted watches: in, out */
    bool dead;               /* fd gives errors only; until the next fd */
    guint in_watch, out_watch;
    int in_fd;                 /* what in_watch is on: fd or link->ready_fd */
    struct iovec *scratch_iov; /* NET_MAX_IOV + 1 */
    guint8 *bounce;            /* NET_WIRE_MAX; made on first use */
    guint8 *segment;           /* NET_WIRE_MAX; likewise */
    NetCut cut;                /* of what is in bounce */
    bool held;                 /* bounce has one frame not yet handed out */
    gsize held_len;

    NetCounters tx, rx;
};

/* A kind of net_open(): one const instance each. Functions may be NULL. */
typedef struct {
    const char *name;
    bool several_queues;
    /* Host resources, on the caller's thread. close() runs also after a
     * failed open(), the loops' watches are gone then. */
    bool (*open)(NetLink *link, const NetSpec *spec, GError **error);
    void (*close)(NetLink *link);
    /* Queue thread: queue->dead was set. */
    void (*lost)(NetQueue *queue);
    /* Watches of the kind itself; loop thread (stop: or it has ended). */
    void (*start)(NetLink *link);
    void (*stop)(NetLink *link);
    /* Queue thread. Frames in wire format; the number taken, less when the
     * host is full (queue->blocked is set by the caller). What the host
     * refuses for good is counted in queue->tx.dropped. */
    unsigned (*send)(NetQueue *queue, const NetFrame *frames, unsigned n);
    unsigned (*receive)(NetQueue *queue, NetFrame *frames, unsigned n);
    /* Length of the wire's header for a NIC with hdr; may change the host's
     * side. */
    unsigned (*set_header)(NetLink *link, NetHdr hdr);
    /* Tells the host side what may arrive; returns what will be kept to. */
    unsigned (*set_offloads)(NetLink *link, unsigned wanted);
    int (*set_queues)(NetLink *link, unsigned n);
    bool (*forward)(NetLink *link, bool add, const char *rule, GError **error);
    char **(*forwards)(NetLink *link);
} NetKind;

extern const NetKind net_tap_kind, net_socket_kind, net_switch_kind,
    net_user_kind;

struct NetLink {
    const NetKind *kind;
    char *name, *description;
    gpointer transport; /* of the kind */
    Loop *loop;
    GSource *alive; /* destroyed by the loop when it ends before us */
    int ready_fd;   /* always readable: wakes a queue for what it holds */

    const NetOps *ops;
    void *nic;
    NetHdr hdr;         /* of the NIC */
    unsigned wire;      /* bytes of the wire's header: 0, 10, 12 */
    unsigned offloads;  /* that the NIC takes */
    unsigned may_come;  /* offloads that the wire may carry to us */
    unsigned tx_native; /* offloads that the wire takes from us */
    guint mtu;
    unsigned n_queues, used_queues;
    NetQueue queues[NET_MAX_QUEUES];

    _Atomic bool plugged, carrier;
    bool was_up, could_bypass; /* loop: as last told to the NIC */
    _Atomic bool capturing;
    GMutex capture_lock; /* L2 guards pcap */
    NetPcap *pcap;
};

void net_count(NetCounters *counters, guint64 frames, guint64 bytes);
void net_count_drop(NetCounters *counters);

/* Loop: the host's side came or went. */
void net_set_carrier(NetLink *link, bool carrier);
/* Replaces the descriptor of a queue (-1: none), which the kind owns; the
 * watches follow. Loop of the link, which must be the queue's too. */
void net_queue_set_fd(NetQueue *queue, int fd);
/* Queue: brings the watches in line with what is wanted. */
void net_queue_watch(NetQueue *queue);
/* Queue: no more frames from this descriptor; told to the kind. */
void net_queue_lost(NetQueue *queue);
/* After a change of anything that net-data.c translates by. */
void net_update_format(NetLink *link);
/* net-data.c: frames held in the link's own buffers are forgotten. */
void net_queue_forget(NetQueue *queue);
bool net_queue_has_held(const NetQueue *queue);

/* Runs fn on the loop; here, when the loop has ended. */
void net_call(NetLink *link, void (*fn)(void *data), void *data);
bool net_loop_is_alive(const NetLink *link);
guint net_watch(NetLink *link, int fd, GIOCondition events,
                void (*ready)(int fd, GIOCondition ev, void *data), void *data);
void net_unwatch(NetLink *link, guint *id); /* 0 is fine */

/* Bytes of a list, G_MAXSIZE for more than there are. */
gsize net_iov_len(const struct iovec *iov, unsigned n);
/* iov without its first skip bytes, to out[max]; pieces, 0 when none. */
unsigned net_iov_skip(const struct iovec *iov, unsigned n, gsize skip,
                      struct iovec *out, unsigned max);

/* socket.c: wire of the kinds that end in a SOCK_SEQPACKET socket. */
#define NET_SOCKET_OFFLOADS                                                    \
    (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN)
void net_socket_prepare(int fd); /* buffers; any thread */
unsigned net_socket_set_header(NetLink *link, NetHdr hdr);
unsigned net_socket_set_offloads(NetLink *link, unsigned wanted);
unsigned net_socket_send(NetQueue *queue, const NetFrame *frames, unsigned n);
unsigned net_socket_receive(NetQueue *queue, NetFrame *frames, unsigned n);
