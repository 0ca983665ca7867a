/* vmm/io/io.h - port and MMIO regions, and how an exit finds its device. */
#pragma once

#include "vmm/types.h"

typedef enum { IO_PORT, IO_MMIO } IoKind;

/* Handlers run on the vCPU thread that exited, with the region's lock held.
 * offset is in bytes from the region's start; size is 1, 2, 4 or 8 and the
 * access never leaves the region (the dispatcher splits or rejects). Values
 * are host-endian integers, upper bits zero. Handlers cannot fail: a bad
 * guest access reads as all-ones, writes nothing and calls
 * device_guest_error(). */
typedef struct {
    guint64 (*read)(void *dev, guint64 offset, unsigned size);
    void (*write)(void *dev, guint64 offset, guint64 value, unsigned size);
    /* Bytes, both powers of two. An access larger than max_size arrives as
     * several of max_size, lowest address first; one smaller than min_size is
     * widened to the aligned min_size access (reads: the bytes are cut out;
     * writes: the other bytes are zero). 0 means 1 and 8. */
    guint8 min_size, max_size;
    /* String output (rep outs) and input in one go, optional: size is the
     * element's, data holds count elements, little-endian. Same offset for
     * all. Without them each element is one read or write. */
    void (*write_rep)(void *dev, guint64 offset, const guint8 *data,
                      unsigned size, unsigned count);
    void (*read_rep)(void *dev, guint64 offset, guint8 *data, unsigned size,
                     unsigned count);
} IoOps;

/* One address space; empty: reads all-ones. lookup misses of an IO_MMIO space
 * with guest memory behind it fall back to that memory (see
 * io_space_set_memory). */
IoSpace *io_space_new(IoKind kind);
void io_space_free(IoSpace *space); /* all regions must be unmapped */
/* While a RAM slot is being replaced another vCPU may exit for an address
 * that is memory again a moment later: such accesses are served from mem. */
void io_space_set_memory(IoSpace *space, GuestMem *mem);

/* base and len in bytes (ports for IO_PORT). lock may be NULL only if both
 * handlers are thread-safe. The region starts out unmapped. name is copied. */
IoRegion *io_region_new(const char *name, const IoOps *ops, void *dev,
                        GMutex *lock, guint64 len);
/* Unmaps, then waits for accesses in flight. Loop thread, no device lock
 * held. NULL is fine. */
void io_region_free(IoRegion *region);

/* Publish a new dispatch table and return at once, so a BAR may move inside a
 * config-space handler. An access in flight on another vCPU may still reach
 * the old place, as on a real bus. A higher priority wins where regions
 * overlap; mapping a mapped region moves it. 0, -EEXIST (overlap with a region
 * of the same priority), -EINVAL (past the end of the space). */
int io_map(IoSpace *space, IoRegion *region, guint64 base, int priority);
void io_unmap(IoSpace *space, IoRegion *region);
bool io_region_is_mapped(const IoRegion *region);

/* Makes KVM signal fd instead of exiting when the guest writes `size` bytes
 * at offset (match: only this value; NULL: any). Follows the region when it
 * moves. 0 or -errno. fd stays the caller's; fd -1 removes it again. Without
 * a CPU backend the dispatcher signals the fd itself. */
int io_region_set_eventfd(IoRegion *region, guint64 offset, unsigned size,
                          const guint64 *match, int fd);

/* Writes of the guest within len bytes from offset may arrive late: in their
 * order, and before anything else that a CPU comes to the dispatcher for, but
 * while the guest has nothing else to say only at io_space_flush(). For
 * registers of which a write moves nothing that the guest could notice without
 * such an access, interrupts included. One range for a region; it follows the
 * region when that moves. 0; -ENOTSUP: without a CPU backend that can, nothing
 * changes. Any thread. */
int io_region_set_posted(IoRegion *region, guint64 offset, unsigned len,
                         bool on);
/* Carries out the writes that wait, of all devices. Any thread, no device's
 * lock held: it takes them. */
void io_space_flush(IoSpace *space);

/* What the CPU backend does with eventfds and posted writes; NULL ops:
 * dispatcher only. The last two may be NULL. */
typedef struct {
    int (*set_eventfd)(void *backend, IoKind kind, guint64 addr, unsigned size,
                       const guint64 *match, int fd, bool add);
    int (*set_posted)(void *backend, IoKind kind, guint64 addr, unsigned len,
                      bool on);
    void (*flush_posted)(void *backend);
} IoBackendOps;
void io_space_set_backend(IoSpace *space, const IoBackendOps *ops,
                          void *backend);

/* Between the two, which nest, a region that is mapped may not be seen yet: one
 * table for all of a machine's devices instead of one after each. Any thread,
 * before the guest runs. */
void io_space_hold(IoSpace *space);
void io_space_release(IoSpace *space);

/* Hot path, lock-free look-up. Unclaimed addresses read all-ones. An access
 * that crosses a region's end is split. size: 1, 2, 4, 8. Any thread. */
guint64 io_read(IoSpace *space, guint64 addr, unsigned size);
void io_write(IoSpace *space, guint64 addr, guint64 value, unsigned size);
/* rep ins / rep outs at one port; data holds size * count bytes. */
void io_read_rep(IoSpace *space, guint64 addr, guint8 *data, unsigned size,
                 unsigned count);
void io_write_rep(IoSpace *space, guint64 addr, const guint8 *data,
                  unsigned size, unsigned count);

/* Names and ranges of what is mapped, lowest first, for reports and `carrel
 * show`; fn runs with the publish lock held and must not call back. */
void io_space_foreach(IoSpace *space,
                      void (*fn)(const char *name, guint64 base, guint64 len,
                                 int priority, void *data),
                      void *data);
