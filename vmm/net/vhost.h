/* vmm/net/vhost.h - vhost-net: the host's kernel serves one pair of split
 * virtqueues of a guest and a tap, without this process.
 *
 * One Vhost a pair: queue 0 is for receiving, 1 for sending. It is stopped
 * when it is opened. Thread: loop, but for vhost_stop(), which any thread may
 * call, one at a time. */
#pragma once

#include "vmm/types.h"

typedef struct Vhost Vhost;

/* One queue as the driver has set it up; host addresses of its areas. */
typedef struct {
    unsigned size; /* entries */
    guint16 next;  /* entry that the driver makes available next */
    void *desc, *avail, *used;
    int kick_fd, call_fd; /* eventfds, borrowed while it runs */
} VhostQueue;

/* What a pair needs to run. All is read during vhost_start() only. */
typedef struct {
    guint64 features; /* virtio's bits, as negotiated with the driver */
    int tap_fd;       /* with a header of 10 or 12 bytes, as in features */
    int error_fd;     /* eventfd, signalled for a ring that makes no sense */
    unsigned busy_us; /* the kernel looks for more that long before it sleeps */
    VhostQueue queue[2];
} VhostPair;

/* NULL and error set (G_FILE_ERROR_*) where the host has no vhost-net, or
 * does not let us. */
Vhost *vhost_open(GError **error);
void vhost_close(Vhost *vhost); /* stops it; NULL is fine */

/* The bits of `features` that vhost must know about and does not. */
guint64 vhost_missing(const Vhost *vhost, guint64 features);

/* 0 or -errno; then it is stopped and has touched nothing. The guest's RAM is
 * taken from mem as it is mapped now. */
int vhost_start(Vhost *vhost, GuestMem *mem, const VhostPair *pair);
bool vhost_is_running(const Vhost *vhost);
/* Returns when the kernel is out of guest memory. ret_next: of both queues,
 * where it stopped; everything before has been given back to the driver. */
void vhost_stop(Vhost *vhost, guint16 ret_next[2]);
