/* vmm/mem/dma.h - the only way a device model touches guest memory. */
#pragma once

#include <sys/uio.h>

#include "vmm/types.h"

/* One piece of a scatter list as the guest described it: untrusted. */
typedef struct {
    Gpa addr;
    guint32 len; /* bytes */
    bool device_writes;
} DmaSeg;

/* One per bus master; enabled at first. Set-up thread. */
Dma *dma_new(GuestMem *mem);
void dma_free(Dma *dma); /* no pin may be left; NULL is fine */
/* The PCI command register's bus-master bit. Any thread. */
void dma_set_enabled(Dma *dma, bool enabled);

bool dma_is_enabled(Dma *dma);

/* Copies len bytes. 0; -EFAULT if any byte is outside RAM (nothing copied);
 * -EACCES while the guest has bus mastering off. Any thread. */
int dma_read(Dma *dma, Gpa addr, void *dst, gsize len);
int dma_write(Dma *dma, Gpa addr, const void *src, gsize len);

/* Little-endian load or store of 2, 4 or 8 bytes, one atomic access when
 * naturally aligned (ring indices). Errors as dma_read(). */
int dma_load_le(Dma *dma, Gpa addr, unsigned size, guint64 *ret_value);
int dma_store_le(Dma *dma, Gpa addr, unsigned size, guint64 value);

/* Translates n_segs segments into host iovecs, no copy. A segment that spans
 * two RAM blocks takes two. Returns iovecs used, -ENOBUFS if cap is too
 * small, else as dma_read(). Success pins RAM until dma_unpin(); an error
 * pins nothing. */
int dma_pin(Dma *dma, const DmaSeg *segs, unsigned n_segs, struct iovec *iov,
            unsigned cap);

/* Ends the pin; marks device-written ranges dirty up to written bytes. */
void dma_unpin(Dma *dma, const struct iovec *iov, unsigned n, gsize written);

/* A piece of guest memory that a device looks at all the time, such as a ring:
 * its translation is kept as long as the memory map stays as it is. */
typedef struct {
    Gpa addr;
    gsize len; /* bytes; 0: empty, never translates */
    bool device_writes;
    guint8 *host; /* NULL: not in one slot; use dma_load_le() and the like */
    guint generation;
} DmaWindow;

void dma_window_init(Dma *dma, DmaWindow *w, Gpa addr, gsize len,
                     bool device_writes);
/* The host address, translated again after the map has changed; NULL: not in
 * one piece of (writable) RAM, or bus mastering is off. Good until the guest
 * changes the map; memory behind it stays valid even then. One thread at a
 * time for one window. */
guint8 *dma_window_host(Dma *dma, DmaWindow *w);
/* Bytes written through the pointer: marks their pages dirty. */
void dma_window_wrote(Dma *dma, const DmaWindow *w, gsize offset, gsize len);
