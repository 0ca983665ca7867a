/* devices/virtio/virtq-internal.h - the inside of a virtqueue: for virtq.c,
 * the two ring formats, and the device that starts and stops queues. */
#pragma once

#include "devices/virtio/virtq.h"

/* Descriptor flags, sections 2.7.5 and 2.8.1 */
#define VIRTQ_DESC_NEXT     0x0001u
#define VIRTQ_DESC_WRITE    0x0002u
#define VIRTQ_DESC_INDIRECT 0x0004u
#define VIRTQ_DESC_AVAIL    0x0080u /* packed */
#define VIRTQ_DESC_USED     0x8000u /* packed */
#define VIRTQ_DESC_SIZE     16u

/* Descriptors looked at for one buffer, whatever its tables claim. */
#define VIRTQ_MAX_CHAIN 4096u

struct Virtq {
    VirtioDevice *owner;
    unsigned index;
    guint16 max_size;
    VirtqState *s; /* in the owner's state; all under the owner's lock */
    Dma *dma;
    bool live;                        /* set up, and its device is running */
    bool packed, indirect, event_idx; /* negotiated */
    guint32 generation; /* of buffers; changes when the queue is stopped */
    unsigned in_flight, slots_in_flight;
    guint16 seen_avail; /* split: the driver's index as last read */
    unsigned staged;    /* pushed, not yet shown: buffers; packed: slots */
    guint16 first_slot, first_flags; /* packed: what will show them */
    DmaWindow desc, driver, device;
};

/* A descriptor as read, once. */
typedef struct {
    Gpa addr;
    guint32 len;
    guint16 flags, next; /* next: packed rings have the buffer's id there */
} VirtqDesc;

void virtq_init(Virtq *q, VirtioDevice *owner, unsigned index, guint16 max_size,
                VirtqState *state);
/* The reset state. */
void virtq_reset(Virtq *q);
/* The driver has finished setting it up: checks where the areas are and begins
 * to serve it; features: as negotiated. A bad one breaks the device. */
void virtq_start(Virtq *q, Dma *dma, guint64 features);
void virtq_stop(Virtq *q); /* buffers still out will be dropped */

/* Ring accesses in the area w; false when the area is not there (which breaks
 * the ring unless bus mastering is merely off). */
bool virtq_load16(Virtq *q, DmaWindow *w, gsize offset, guint16 *ret_value);
bool virtq_store16(Virtq *q, DmaWindow *w, gsize offset, guint16 value);
bool virtq_store32(Virtq *q, DmaWindow *w, gsize offset, guint32 value);
/* The two halves of descriptor i; the second, with the flags, is read first. */
bool virtq_load_desc(Virtq *q, DmaWindow *table, unsigned i, guint64 *ret_lo,
                     guint64 *ret_hi);

/* Collects a buffer's pieces. */
typedef struct {
    Virtq *q;
    VirtqElem *e;
    DmaSeg segs[32]; /* not yet translated, all in one direction */
    unsigned n_segs, n_iov, n_desc;
    bool device_writes;
} VirtqGather;

void virtq_gather_begin(VirtqGather *g, Virtq *q, VirtqElem *e);
/* All three: false when there is no buffer, and the ring is broken or bus
 * mastering off. */
bool virtq_gather_add(VirtqGather *g, const VirtqDesc *d);
/* The table an indirect descriptor names. packed: its entries are simply all
 * used, in order. */
bool virtq_gather_table(VirtqGather *g, const VirtqDesc *d);
bool virtq_gather_end(VirtqGather *g);

/* The two ring formats; see virtq.h for what the public functions promise. */
typedef struct {
    bool (*pop)(Virtq *q, VirtqElem *e); /* sets e->id and e->slots */
    void (*unpop)(Virtq *q, const VirtqElem *e);
    void (*push)(Virtq *q, const VirtqElem *e, guint32 written);
    bool (*flush)(Virtq *q); /* true: interrupt the driver */
    void (*suppress)(Virtq *q);
    bool (*listen)(Virtq *q); /* false: could not; no matter */
    bool (*has_buffer)(Virtq *q);
    /* Lengths of the areas, and the alignment they must have, bytes. */
    void (*layout)(unsigned size, gsize ret_len[3], unsigned ret_align[3]);
} VirtqOps;
extern const VirtqOps virtq_split_ops, virtq_packed_ops;

/* 2.7.10: whether the driver's event index is among the last n entries before
 * new_idx. */
static inline bool
virtq_need_event(guint16 event, guint16 new_idx, unsigned n)
{
    return (guint16) (new_idx - event - 1) < n;
}
