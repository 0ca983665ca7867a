/* devices/virtio/virtq.h - virtqueues, split and packed (Virtio 1.2, sections
 * 2.6 to 2.8).
 *
 * A queue belongs to a VirtioDevice (virtio-device.h), which starts and stops
 * it. A model takes buffers out, works on them, and gives them back:
 *
 *   virtq_suppress(q);
 *   do {
 *       while (virtq_pop(q, &e)) {
 *           ... read e.iov[0 .. n_out), fill e.iov[n_out .. n_out + n_in) ...
 *           virtq_push(q, &e, bytes_filled);
 *       }
 *   } while (!virtq_listen(q));
 *   virtq_flush(q);
 *
 * Everything here is called with the device's lock held; no call blocks,
 * allocates or enters the kernel, but for the interrupt that virtq_flush() may
 * raise. What lies in ring memory is the driver's and hostile: it is read
 * once and checked. A ring that breaks the rules stops the whole device
 * (NEEDS_RESET, a line in the machine's log); pop returns false from then on
 * and push does nothing, so that models need no error path. */
#pragma once

#include <sys/uio.h>

#include "vmm/mem/dma.h"
#include "vmm/types.h"

#define VIRTQ_MAX_SIZE  1024u /* entries; a power of two */
#define VIRTQ_NO_VECTOR 0xffffu

typedef struct Virtq Virtq;
typedef struct VirtioDevice VirtioDevice;

/* What the driver has set up, and how far the device is: saved. */
typedef struct {
    guint16 size;   /* entries */
    guint16 vector; /* MSI-X, VIRTQ_NO_VECTOR: none */
    guint8 enabled; /* 0, 1 */
    /* Packed: the wrap counters, 0 or 1. */
    guint8 avail_wrap, used_wrap;
    /* Split: free-running; packed: slots of the ring. */
    guint16 next_avail, next_used;
    Gpa desc, driver, device; /* the three areas of section 2.6 */
} VirtqState;
extern const StateDesc virtq_state_desc;

/* One buffer of the driver, which is up to two scatter lists. The owner
 * allocates it, and its iov, once; it lives from pop to push (or unpop). */
typedef struct {
    struct iovec *iov; /* owner's: n_out to read, then n_in to fill */
    unsigned cap;      /* owner's: entries at iov */
    unsigned n_out, n_in;
    gsize out_len, in_len; /* bytes of each list; each below 4 GiB */
    /* The queue's own. */
    guint16 id, slots;
    guint32 generation;
} VirtqElem;

/* Takes the next buffer; its memory is pinned until it is given back. False:
 * the ring is empty (or broken). A buffer with more than e->cap pieces breaks
 * the ring: promise the driver fewer in the device's configuration, and leave
 * VIRTQ_SPARE_IOV for pieces that span two blocks of RAM. */
#define VIRTQ_SPARE_IOV 16u
bool virtq_pop(Virtq *q, VirtqElem *e);

/* Puts the last buffer taken (and not given back) back into the ring, as if it
 * had not been taken; several in reverse order. For a packet that needs more
 * buffers than there are. */
void virtq_unpop(Virtq *q, VirtqElem *e);

/* Gives a buffer back, in any order; written: bytes filled from the start of
 * its device-writable part. The driver sees it at the next virtq_flush(), all
 * pushed ones at once. A buffer taken before the device was reset is dropped
 * without a trace. */
void virtq_push(Virtq *q, const VirtqElem *e, gsize written);

/* Whether the device was reset since e was taken: then its memory is not the
 * device's any more, and nothing may be written there. */
bool virtq_is_stale(const Virtq *q, const VirtqElem *e);

/* Shows the pushed buffers to the driver, and interrupts it if it asked for
 * that: once for all of them. */
void virtq_flush(Virtq *q);

/* Asks the driver not to notify while the device is looking anyway. */
void virtq_suppress(Virtq *q);
/* Asks for a notification with the next buffer. False: there is one already,
 * which may not be notified; take it first. */
bool virtq_listen(Virtq *q);

/* Whether pop would find something; no side effects. */
bool virtq_has_buffer(Virtq *q);
/* Whether the driver has started this queue and it is not broken. */
bool virtq_is_live(const Virtq *q);
/* Buffers taken and not given back, of this generation. */
unsigned virtq_in_flight(const Virtq *q);
unsigned virtq_index(const Virtq *q);

/* For a back end in the kernel, while no buffer is out: where it is to begin,
 * and what it was given (host addresses; false: not a live split ring that is
 * in memory); then where it stopped, with all before that given back. */
typedef struct {
    unsigned size; /* entries */
    guint16 next;
    void *desc, *driver, *device;
} VirtqLease;
bool virtq_lend(Virtq *q, VirtqLease *ret_lease);
void virtq_take_back(Virtq *q, guint16 next);
VirtioDevice *virtq_owner(const Virtq *q);

/* A request that no driver may make: stops the device until it is reset. The
 * reason is for people: "request of 8 bytes, a header has 16". */
void virtq_fail(Virtq *q, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
