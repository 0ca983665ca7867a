/* vmm/mem/guest-mem.h - guest-physical memory: backings and the slots that
 * show parts of them to the guest.
 *
 * A backing is host memory (guest RAM, a ROM image, video RAM). A
 * slot maps a range of one backing at a guest address and can be moved,
 * hidden or made read-only at any time: PAM shadowing is two slots over the
 * same addresses of which one is mapped; a frame buffer's BAR is one slot
 * that moves. Mapped slots never overlap. */
#pragma once

#include "vmm/types.h"

typedef enum {
    MEM_RO, /* guest writes exit as MMIO (and are dropped there) */
    MEM_RW
} MemAccess;

/* How the CPU backend learns of slots. All return 0 or -errno; they may be
 * called on any thread, one at a time. slot is 0..511. */
typedef struct {
    int (*slot_set)(void *backend, unsigned slot, Gpa gpa, guint64 len,
                    void *host, bool read_only, bool log_dirty);
    int (*slot_clear)(void *backend, unsigned slot);
    /* One bit per 4 KiB page of the slot, set since the last call. */
    int (*dirty_fetch)(void *backend, unsigned slot, guint64 *bitmap);
} MemBackendOps;

GuestMem *guest_mem_new(void);
void guest_mem_free(GuestMem *mem); /* frees all slots and backings */
/* Before the first map. */
void guest_mem_set_backend(GuestMem *mem, const MemBackendOps *ops,
                           void *backend);

/* Zeroed memory of len bytes (multiple of 4096), owned by mem. name is for
 * reports and saved state. NULL and error set on ENOMEM and the like. */
MemBacking *mem_backing_new(GuestMem *mem, const char *name, guint64 len,
                            GError **error);
/* The same for RAM, in private memory without a descriptor: the host puts huge
 * pages behind it wherever it is asked to, which it does for a memfd only when
 * its administrator has said so. Children of this process do not get it. */
MemBacking *mem_backing_new_private(GuestMem *mem, const char *name,
                                    guint64 len, GError **error);
/* What the host puts behind RAM. */
typedef enum {
    MEM_PAGES_TRANSPARENT, /* 2 MiB where it can, without being sure of it */
    MEM_PAGES_SMALL,       /* 4 KiB only */
    MEM_PAGES_2M,          /* reserved beforehand, or it fails */
    MEM_PAGES_1G
} MemPages;
/* The pages' size in bytes; 0: not reserved ones. */
guint64 mem_pages_size(MemPages pages);
/* RAM of such pages, all of which are there when it returns where they are
 * reserved ones; the last may be used in part. Those are never given back while
 * the guest runs. NULL and error set: as mem_backing_new(), and
 * CARREL_ERROR_NOT_SUPPORTED: too few are free. */
MemBacking *mem_backing_new_ram(GuestMem *mem, const char *name, guint64 len,
                                MemPages pages, GError **error);
/* It is RAM, whose pages may be given back to the host. Set-up thread. */
void mem_backing_allow_discard(MemBacking *backing);
void *mem_backing_host(MemBacking *backing); /* host address, len bytes */
guint64 mem_backing_len(const MemBacking *backing);
/* Copies len bytes to offset, inside the backing; a ROM's way in, which spares
 * a page fault each page of it. Set-up thread, before it is mapped. */
void mem_backing_fill(MemBacking *backing, guint64 offset, const void *data,
                      gsize len);
/* Makes all of private memory read as that byte, for the price of 64 KiB and of
 * what is written later. Set-up thread, before it is mapped. False and error
 * set: no memory. */
bool mem_backing_fill_bytes(MemBacking *backing, guint8 value, GError **error);
/* Registers that the guest reads as memory: only its CPUs reach it, for a device
 * that is told to read or write there it is a hole. No model's DMA and no
 * guest_mem_...() touches it. Set-up thread, before it is mapped. */
void mem_backing_set_cpus_only(MemBacking *backing);
/* Memory that is a file, which other programs have mapped as well; fd is
 * borrowed for the call. NULL and error set. */
MemBacking *mem_backing_new_file(GuestMem *mem, const char *name, int fd,
                                 guint64 len, GError **error);
/* Memory of a device of the host, mapped at host by somebody who keeps it
 * until mem_backing_free(): a BAR that a guest reaches without an exit. For
 * CPUs only, as above. Set-up or loop thread. */
MemBacking *mem_backing_new_device(GuestMem *mem, const char *name, void *host,
                                   guint64 len);
/* Before guest_mem_free(), when no slot shows any of it. NULL is fine. */
void mem_backing_free(GuestMem *mem, MemBacking *backing);
/* The memfd, borrowed; -1: private memory. */
int mem_backing_fd(const MemBacking *backing);

/* len and offset: bytes, multiples of 4096, inside the backing. Starts
 * unmapped. Set-up thread. */
MemSlot *mem_slot_new(GuestMem *mem, const char *name, MemBacking *backing,
                      guint64 offset, guint64 len);
void mem_slot_free(MemSlot *slot); /* unmaps; NULL is fine */

/* Map, move or change access; returns at once and may run inside a register
 * handler. 0, -EEXIST (overlaps another mapped slot), -EINVAL (unaligned or
 * past 2^52), -errno of the backend. */
int mem_slot_map(MemSlot *slot, Gpa gpa, MemAccess access);
void mem_slot_unmap(MemSlot *slot);
bool mem_slot_is_mapped(const MemSlot *slot, Gpa *ret_gpa);

/* Shows another part of the backing, where it is mapped if it is: a banked
 * window. offset as in mem_slot_new(). The pages' dirty bits are lost. As
 * mem_slot_map(). 0, -EINVAL, -errno of the backend (then unmapped). */
int mem_slot_set_offset(MemSlot *slot, guint64 offset);

/* Dirty log: off at first. While on, guest and DMA writes set page bits.
 * dirty_fetch ORs one bit per 4 KiB page into bitmap ((len/4096+63)/64 words)
 * and clears them in the slot; false when nothing was written. Loop thread. */
void mem_slot_set_dirty_log(MemSlot *slot, bool on);
bool mem_slot_dirty_fetch(MemSlot *slot, guint64 *bitmap);

/* Where hardware that sees guest memory finds RAM: all of it, always, also what
 * a chip set hides from the CPU for a while. A machine says it once, at set-up,
 * before guest_mem_foreach_ram(). gpa, len: bytes, multiples of 4096. */
void guest_mem_add_ram(GuestMem *mem, Gpa gpa, MemBacking *backing,
                       guint64 offset, guint64 len);
/* Any thread after set-up; until fn returns false. False when it did. */
bool guest_mem_foreach_ram(GuestMem *mem,
                           bool (*fn)(void *data, Gpa gpa, guint64 len,
                                      void *host),
                           void *data);

/* Host pointer for [gpa, gpa+len) if it lies in one mapped slot (and is
 * writable when `write`), else NULL. Valid until the slot is unmapped; for
 * set-up code and reports, device models use Dma. */
void *guest_mem_ptr(GuestMem *mem, Gpa gpa, guint64 len, bool write);

/* As dma_read/dma_write without a device; part of a range outside memory
 * fails with -EFAULT, nothing copied. Any thread. */
int guest_mem_read(GuestMem *mem, Gpa gpa, void *dst, gsize len);
int guest_mem_write(GuestMem *mem, Gpa gpa, const void *src, gsize len);

/* Gives whole pages back to the host; they read as zero until they are written
 * again, which takes new ones. gpa (or host, an address that a pin gave) and
 * len: bytes, multiples of 4096, len may be 0. Only writable RAM whose backing
 * allows it. 0; -EINVAL (unaligned), -EFAULT (not memory), -EACCES (memory of
 * another kind), -EBUSY (kept, see below), -errno of the host; pages before
 * the one that failed are gone. Any thread; no lock of L2 held. */
int guest_mem_discard(GuestMem *mem, Gpa gpa, guint64 len);
int guest_mem_discard_host(GuestMem *mem, void *host, gsize len);

/* The rule for devices that map guest memory once and for all, as hardware
 * behind an IOMMU: such a device would go on writing to the old page. So it
 * keeps memory (counted) before its first mapping and lets go after the last;
 * in between nothing is discarded. Pins of Dma end with their request and need
 * no keep: the guest names pages free that it has in use at its own risk. Any
 * thread. */
void guest_mem_keep(GuestMem *mem);
void guest_mem_let_go(GuestMem *mem);

/* Another number after every change of what is mapped where: a translation
 * made under one number holds as long as the number stays. Any thread. */
guint guest_mem_generation(const GuestMem *mem);

/* Bytes of everything in backings, for the memory figures. */
guint64 guest_mem_total(const GuestMem *mem);
void guest_mem_foreach_slot(GuestMem *mem,
                            void (*fn)(const char *name, Gpa gpa, guint64 len,
                                       MemAccess access, void *data),
                            void *data);
