/* vmm/mem/dma.c - see dma.h. Backings live as long as the machine, so a pin
 * needs no count of its own: the translated address stays valid. */
#include "vmm/mem/dma.h"

#include <errno.h>
#include <string.h>

#include "vmm/mem/mem-internal.h"

struct Dma {
    GuestMem *mem;
    bool enabled; /* atomic */
};

Dma *
dma_new(GuestMem *mem)
{
    Dma *dma = g_new0(Dma, 1);

    dma->mem = mem;
    dma->enabled = true;
    return dma;
}

void
dma_free(Dma *dma)
{
    g_free(dma);
}

void
dma_set_enabled(Dma *dma, bool enabled)
{
    __atomic_store_n(&dma->enabled, enabled, __ATOMIC_RELEASE);
}

bool
dma_is_enabled(Dma *dma)
{
    return __atomic_load_n(&dma->enabled, __ATOMIC_ACQUIRE);
}

int
dma_read(Dma *dma, Gpa addr, void *dst, gsize len)
{
    return dma_is_enabled(dma) ? guest_mem_read(dma->mem, addr, dst, len)
                               : -EACCES;
}

int
dma_write(Dma *dma, Gpa addr, const void *src, gsize len)
{
    return dma_is_enabled(dma) ? guest_mem_write(dma->mem, addr, src, len)
                               : -EACCES;
}

/* Host address of a naturally aligned value, or NULL. */
static void *
aligned_ptr(Dma *dma, Gpa addr, unsigned size, bool write)
{
    if (addr % size != 0)
        return NULL;
    return guest_mem_ptr(dma->mem, addr, size, write);
}

int
dma_load_le(Dma *dma, Gpa addr, unsigned size, guint64 *ret_value)
{
    void *at = dma_is_enabled(dma) ? aligned_ptr(dma, addr, size, false) : NULL;
    guint64 le = 0;
    int ret;

    if (at == NULL) {
        ret = dma_read(dma, addr, &le, size);
        if (ret == 0)
            *ret_value = GUINT64_FROM_LE(le);
        return ret;
    }
    switch (size) {
    case 2:
        *ret_value =
            GUINT16_FROM_LE(__atomic_load_n((guint16 *) at, __ATOMIC_ACQUIRE));
        break;
    case 4:
        *ret_value =
            GUINT32_FROM_LE(__atomic_load_n((guint32 *) at, __ATOMIC_ACQUIRE));
        break;
    case 8:
        *ret_value =
            GUINT64_FROM_LE(__atomic_load_n((guint64 *) at, __ATOMIC_ACQUIRE));
        break;
    default: return -EINVAL;
    }
    return 0;
}

int
dma_store_le(Dma *dma, Gpa addr, unsigned size, guint64 value)
{
    void *at = dma_is_enabled(dma) ? aligned_ptr(dma, addr, size, true) : NULL;
    guint64 le = GUINT64_TO_LE(value);

    if (at == NULL)
        return dma_write(dma, addr, &le, size);
    switch (size) {
    case 2:
        __atomic_store_n((guint16 *) at, GUINT16_TO_LE((guint16) value),
                         __ATOMIC_RELEASE);
        break;
    case 4:
        __atomic_store_n((guint32 *) at, GUINT32_TO_LE((guint32) value),
                         __ATOMIC_RELEASE);
        break;
    case 8: __atomic_store_n((guint64 *) at, le, __ATOMIC_RELEASE); break;
    default: return -EINVAL;
    }
    unsigned token = epoch_enter(mem_epoch(dma->mem));
    mem_mark_dirty_host(dma->mem, at, size);
    epoch_leave(mem_epoch(dma->mem), token);
    return 0;
}

/* Appends one segment's pieces; *n grows. Inside the epoch. */
static int
pin_segment(const MemTable *table, const DmaSeg *seg, struct iovec *iov,
            unsigned cap, unsigned *n)
{
    Gpa addr = seg->addr;
    guint64 left = seg->len;

    while (left > 0) {
        const MemSpan *m = mem_table_find(table, addr);
        if (m == NULL || (seg->device_writes && m->read_only))
            return -EFAULT;
        guint64 offset = addr - m->gpa;
        guint64 part = MIN(left, m->len - offset);
        if (*n == cap)
            return -ENOBUFS;
        iov[(*n)++] = (struct iovec){m->host + offset, part};
        addr += part;
        left -= part;
    }
    return 0;
}

int
dma_pin(Dma *dma, const DmaSeg *segs, unsigned n_segs, struct iovec *iov,
        unsigned cap)
{
    unsigned n = 0;
    int ret = 0;

    if (!dma_is_enabled(dma))
        return -EACCES;
    unsigned token = epoch_enter(mem_epoch(dma->mem));
    const MemTable *table = mem_table(dma->mem);
    for (unsigned i = 0; i < n_segs && ret == 0; i++)
        ret = pin_segment(table, &segs[i], iov, cap, &n);
    epoch_leave(mem_epoch(dma->mem), token);
    return ret == 0 ? (int) n : ret;
}

void
dma_unpin(Dma *dma, const struct iovec *iov, unsigned n, gsize written)
{
    unsigned token = epoch_enter(mem_epoch(dma->mem));

    for (unsigned i = 0; i < n && written > 0; i++) {
        gsize part = MIN(written, iov[i].iov_len);
        mem_mark_dirty_host(dma->mem, iov[i].iov_base, part);
        written -= part;
    }
    epoch_leave(mem_epoch(dma->mem), token);
}

/* ---- windows ---- */

static void
window_translate(Dma *dma, DmaWindow *w)
{
    /* the number first: a map that changes meanwhile makes it stale */
    w->generation = guest_mem_generation(dma->mem);
    w->host = w->len > 0
                  ? guest_mem_ptr(dma->mem, w->addr, w->len, w->device_writes)
                  : NULL;
}

void
dma_window_init(Dma *dma, DmaWindow *w, Gpa addr, gsize len, bool device_writes)
{
    *w = (DmaWindow){.addr = addr, .len = len, .device_writes = device_writes};
    window_translate(dma, w);
}

guint8 *
dma_window_host(Dma *dma, DmaWindow *w)
{
    if (w->generation != guest_mem_generation(dma->mem))
        window_translate(dma, w);
    return dma_is_enabled(dma) ? w->host : NULL;
}

void
dma_window_wrote(Dma *dma, const DmaWindow *w, gsize offset, gsize len)
{
    if (w->host == NULL)
        return;
    unsigned token = epoch_enter(mem_epoch(dma->mem));
    mem_mark_dirty_host(dma->mem, w->host + offset, len);
    epoch_leave(mem_epoch(dma->mem), token);
}
