/* vmm/mem/guest-mem.c - see guest-mem.h. */
#include "vmm/mem/guest-mem.h"

#include <errno.h>
#include <string.h>

#include "vmm/mem/mem-internal.h"

#define MEM_MAX_SLOTS 512u
#define MEM_MAX_GPA   (G_GUINT64_CONSTANT(1) << 52)

struct MemSlot {
    GuestMem *mem;
    char *name;
    MemBacking *backing;
    guint64 offset, len;
    unsigned id; /* the backend's slot number */
    bool mapped, log_dirty;
    Gpa gpa;
    MemAccess access;
    guint64 *dirty; /* bitmap of pages written by DMA; atomic words */
};

typedef struct {
    Gpa gpa;
    guint64 len;
    guint8 *host;
} RamRange;

struct GuestMem {
    Epoch *epoch;
    MemTable *table;  /* atomic: acquire to read, release to publish */
    guint generation; /* atomic: counts the tables, after each is published */
    GMutex lock;      /* L2 guards slots, publishing and the backend calls */
    GPtrArray *backings, *slots;
    const MemBackendOps *ops;
    void *backend;
    GArray *ram;         /* RamRange, constant after set-up */
    GMutex discard_lock; /* L2 guards kept; held while pages are given back */
    unsigned kept;
};

Epoch *
mem_epoch(GuestMem *mem)
{
    return mem->epoch;
}

const MemTable *
mem_table(GuestMem *mem)
{
    return __atomic_load_n(&mem->table, __ATOMIC_ACQUIRE);
}

const MemSpan *
mem_table_find(const MemTable *table, Gpa gpa)
{
    unsigned lo = 0, hi = table->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (table->spans[mid].gpa + (table->spans[mid].len - 1) < gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < table->n && table->spans[lo].gpa <= gpa ? &table->spans[lo]
                                                        : NULL;
}

static int
compare_spans(const void *a, const void *b)
{
    const MemSpan *x = a, *y = b;

    return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* Lock held. */
static void
mem_publish(GuestMem *mem)
{
    MemTable *old = mem->table;
    MemTable *table =
        g_malloc0(sizeof *table + mem->slots->len * sizeof(MemSpan));

    for (guint i = 0; i < mem->slots->len; i++) {
        MemSlot *s = g_ptr_array_index(mem->slots, i);
        if (s->mapped && !s->backing->cpus_only)
            table->spans[table->n++] =
                (MemSpan){s->gpa, s->len, s->backing->host + s->offset,
                          s->access == MEM_RO, s};
    }
    qsort(table->spans, table->n, sizeof(MemSpan), compare_spans);
    __atomic_store_n(&mem->table, table, __ATOMIC_RELEASE);
    __atomic_fetch_add(&mem->generation, 1, __ATOMIC_RELEASE);
    if (old != NULL)
        epoch_retire(mem->epoch, g_free, old);
}

GuestMem *
guest_mem_new(void)
{
    GuestMem *mem = g_new0(GuestMem, 1);

    mem->epoch = epoch_new();
    mem->backings = g_ptr_array_new();
    mem->slots = g_ptr_array_new();
    mem->ram = g_array_new(FALSE, FALSE, sizeof(RamRange));
    g_mutex_init(&mem->lock);
    g_mutex_init(&mem->discard_lock);
    mem_publish(mem);
    return mem;
}

void
guest_mem_free(GuestMem *mem)
{
    if (mem == NULL)
        return;
    while (mem->slots->len > 0)
        mem_slot_free(g_ptr_array_index(mem->slots, mem->slots->len - 1));
    for (guint i = 0; i < mem->backings->len; i++)
        mem_backing_destroy(g_ptr_array_index(mem->backings, i));
    epoch_free(mem->epoch);
    g_free(mem->table);
    g_ptr_array_unref(mem->slots);
    g_ptr_array_unref(mem->backings);
    g_array_unref(mem->ram);
    g_mutex_clear(&mem->lock);
    g_mutex_clear(&mem->discard_lock);
    g_free(mem);
}

void
guest_mem_set_backend(GuestMem *mem, const MemBackendOps *ops, void *backend)
{
    mem->ops = ops;
    mem->backend = backend;
}

/* ---- backings ---- */

void
guest_mem_own(GuestMem *mem, MemBacking *backing)
{
    g_mutex_lock(&mem->lock);
    g_ptr_array_add(mem->backings, backing);
    g_mutex_unlock(&mem->lock);
}

void
mem_backing_free(GuestMem *mem, MemBacking *backing)
{
    if (backing == NULL)
        return;
    g_mutex_lock(&mem->lock);
    for (guint i = 0; i < mem->slots->len; i++) {
        const MemSlot *s = g_ptr_array_index(mem->slots, i);
        g_assert(s->backing != backing);
    }
    g_ptr_array_remove(mem->backings, backing);
    g_mutex_unlock(&mem->lock);
    mem_backing_destroy(backing);
}

guint64
guest_mem_total(const GuestMem *mem)
{
    guint64 total = 0;

    for (guint i = 0; i < mem->backings->len; i++) {
        const MemBacking *b = g_ptr_array_index(mem->backings, i);
        total += b->device ? 0 : b->len;
    }
    return total;
}

/* ---- RAM, as hardware sees it ---- */

void
guest_mem_add_ram(GuestMem *mem, Gpa gpa, MemBacking *backing, guint64 offset,
                  guint64 len)
{
    const RamRange range = {gpa, len, backing->host + offset};

    g_assert(gpa % MEM_PAGE == 0 && len > 0 && len % MEM_PAGE == 0);
    g_assert(offset <= backing->len && len <= backing->len - offset);
    g_array_append_val(mem->ram, range);
}

bool
guest_mem_foreach_ram(GuestMem *mem,
                      bool (*fn)(void *data, Gpa gpa, guint64 len, void *host),
                      void *data)
{
    for (guint i = 0; i < mem->ram->len; i++) {
        const RamRange *r = &g_array_index(mem->ram, RamRange, i);
        if (!fn(data, r->gpa, r->len, r->host))
            return false;
    }
    return true;
}

/* ---- giving pages back ---- */

int
mem_find_part(GuestMem *mem, const guint8 *host, MemPart *ret_part)
{
    int ret = -EFAULT;

    g_mutex_lock(&mem->lock);
    for (guint i = 0; i < mem->backings->len && ret == -EFAULT; i++) {
        const MemBacking *b = g_ptr_array_index(mem->backings, i);
        if (host < b->host || host >= b->host + b->len)
            continue;
        guint64 offset = (guint64) (host - b->host);
        *ret_part = (MemPart){b->host + offset, b->fd, offset, b->len - offset};
        ret = b->discardable ? 0 : -EACCES;
    }
    g_mutex_unlock(&mem->lock);
    return ret;
}

bool
mem_discard_begin(GuestMem *mem)
{
    g_mutex_lock(&mem->discard_lock);
    return mem->kept == 0;
}

void
mem_discard_end(GuestMem *mem)
{
    g_mutex_unlock(&mem->discard_lock);
}

void
guest_mem_keep(GuestMem *mem)
{
    g_mutex_lock(&mem->discard_lock);
    mem->kept++;
    g_mutex_unlock(&mem->discard_lock);
}

void
guest_mem_let_go(GuestMem *mem)
{
    g_mutex_lock(&mem->discard_lock);
    mem->kept--;
    g_mutex_unlock(&mem->discard_lock);
}

/* ---- slots ---- */

static unsigned
free_slot_id(GuestMem *mem)
{
    for (unsigned id = 0; id < MEM_MAX_SLOTS; id++) {
        bool used = false;
        for (guint i = 0; i < mem->slots->len && !used; i++)
            used = ((MemSlot *) g_ptr_array_index(mem->slots, i))->id == id;
        if (!used)
            return id;
    }
    g_error("more than %u memory slots", MEM_MAX_SLOTS);
}

MemSlot *
mem_slot_new(GuestMem *mem, const char *name, MemBacking *backing,
             guint64 offset, guint64 len)
{
    MemSlot *s = g_new0(MemSlot, 1);

    g_assert(len > 0 && len % MEM_PAGE == 0 && offset % MEM_PAGE == 0);
    g_assert(offset <= backing->len && len <= backing->len - offset);
    s->mem = mem;
    s->name = g_strdup(name);
    s->backing = backing;
    s->offset = offset;
    s->len = len;
    g_mutex_lock(&mem->lock);
    s->id = free_slot_id(mem);
    g_ptr_array_add(mem->slots, s);
    g_mutex_unlock(&mem->lock);
    return s;
}

/* Lock held. */
static int
backend_set(MemSlot *s)
{
    GuestMem *mem = s->mem;

    if (mem->ops == NULL)
        return 0;
    return mem->ops->slot_set(mem->backend, s->id, s->gpa, s->len,
                              s->backing->host + s->offset, s->access == MEM_RO,
                              s->log_dirty);
}

/* Lock held. */
static void
slot_unmap_locked(MemSlot *s)
{
    GuestMem *mem = s->mem;

    if (!s->mapped)
        return;
    s->mapped = false;
    if (mem->ops != NULL)
        (void) mem->ops->slot_clear(mem->backend, s->id); /* cannot fail */
}

void
mem_slot_free(MemSlot *s)
{
    if (s == NULL)
        return;
    GuestMem *mem = s->mem;

    g_mutex_lock(&mem->lock);
    slot_unmap_locked(s);
    g_ptr_array_remove(mem->slots, s);
    mem_publish(mem);
    g_mutex_unlock(&mem->lock);
    epoch_synchronize(mem->epoch);
    g_free(s->dirty);
    g_free(s->name);
    g_free(s);
}

/* Lock held. */
static bool
slot_overlaps(const MemSlot *s, Gpa gpa)
{
    for (guint i = 0; i < s->mem->slots->len; i++) {
        MemSlot *o = g_ptr_array_index(s->mem->slots, i);
        if (o != s && o->mapped && gpa < o->gpa + o->len &&
            o->gpa < gpa + s->len)
            return true;
    }
    return false;
}

int
mem_slot_map(MemSlot *s, Gpa gpa, MemAccess access)
{
    GuestMem *mem = s->mem;
    int ret = 0;

    if (gpa % MEM_PAGE != 0 || gpa >= MEM_MAX_GPA || s->len > MEM_MAX_GPA - gpa)
        return -EINVAL;
    g_mutex_lock(&mem->lock);
    if (s->mapped && s->gpa == gpa && s->access == access)
        goto out;
    if (slot_overlaps(s, gpa)) {
        ret = -EEXIST;
        goto out;
    }
    /* KVM can neither resize a slot nor change its read-only flag in place */
    slot_unmap_locked(s);
    s->gpa = gpa;
    s->access = access;
    ret = backend_set(s);
    s->mapped = ret == 0;
    mem_publish(mem);
out:
    g_mutex_unlock(&mem->lock);
    return ret;
}

void
mem_slot_unmap(MemSlot *s)
{
    g_mutex_lock(&s->mem->lock);
    if (s->mapped) {
        slot_unmap_locked(s);
        mem_publish(s->mem);
    }
    g_mutex_unlock(&s->mem->lock);
}

bool
mem_slot_is_mapped(const MemSlot *s, Gpa *ret_gpa)
{
    if (s->mapped && ret_gpa != NULL)
        *ret_gpa = s->gpa;
    return s->mapped;
}

int
mem_slot_set_offset(MemSlot *s, guint64 offset)
{
    int ret = 0;

    if (offset % MEM_PAGE != 0 || offset > s->backing->len ||
        s->len > s->backing->len - offset)
        return -EINVAL;
    g_mutex_lock(&s->mem->lock);
    if (s->offset != offset) {
        bool was_mapped = s->mapped;
        slot_unmap_locked(s);
        s->offset = offset;
        if (was_mapped) {
            ret = backend_set(s);
            s->mapped = ret == 0;
            mem_publish(s->mem);
        }
    }
    g_mutex_unlock(&s->mem->lock);
    return ret;
}

/* ---- dirty log ---- */

static gsize
slot_words(const MemSlot *s)
{
    return (s->len / MEM_PAGE + 63) / 64;
}

void
mem_slot_set_dirty_log(MemSlot *s, bool on)
{
    g_mutex_lock(&s->mem->lock);
    if (s->log_dirty != on) {
        if (s->dirty == NULL)
            s->dirty = g_new0(guint64, slot_words(s));
        __atomic_store_n(&s->log_dirty, on, __ATOMIC_RELEASE);
        if (s->mapped)
            (void) backend_set(s); /* a lost log only delays the picture */
    }
    g_mutex_unlock(&s->mem->lock);
}

void
mem_slot_mark_dirty(MemSlot *s, guint64 offset, guint64 len)
{
    if (len == 0 || !__atomic_load_n(&s->log_dirty, __ATOMIC_ACQUIRE))
        return;
    for (guint64 page = offset / MEM_PAGE;
         page <= (offset + len - 1) / MEM_PAGE; page++)
        __atomic_fetch_or(&s->dirty[page / 64],
                          G_GUINT64_CONSTANT(1) << (page % 64),
                          __ATOMIC_RELEASE);
}

void
mem_mark_dirty_host(GuestMem *mem, const guint8 *host, guint64 len)
{
    const MemTable *table = mem_table(mem);

    for (unsigned i = 0; i < table->n; i++) {
        const MemSpan *m = &table->spans[i];
        if (!m->slot->log_dirty || host >= m->host + m->len ||
            host + len <= m->host)
            continue;
        guint64 from = host > m->host ? (guint64) (host - m->host) : 0;
        guint64 to = MIN((guint64) (host + len - m->host), m->len);
        mem_slot_mark_dirty(m->slot, from, to - from);
    }
}

bool
mem_slot_dirty_fetch(MemSlot *s, guint64 *bitmap)
{
    gsize words = slot_words(s);
    guint64 any = 0;

    g_mutex_lock(&s->mem->lock);
    if (s->log_dirty) {
        g_autofree guint64 *log = g_new0(guint64, words);
        if (s->mapped && s->mem->ops != NULL &&
            s->mem->ops->dirty_fetch != NULL)
            (void) s->mem->ops->dirty_fetch(s->mem->backend, s->id, log);
        for (gsize i = 0; i < words; i++) {
            log[i] |= __atomic_exchange_n(&s->dirty[i], 0, __ATOMIC_ACQ_REL);
            bitmap[i] |= log[i];
            any |= log[i];
        }
    }
    g_mutex_unlock(&s->mem->lock);
    return any != 0;
}

/* ---- access ---- */

guint
guest_mem_generation(const GuestMem *mem)
{
    return __atomic_load_n(&mem->generation, __ATOMIC_ACQUIRE);
}

void *
guest_mem_ptr(GuestMem *mem, Gpa gpa, guint64 len, bool write)
{
    unsigned token = epoch_enter(mem->epoch);
    const MemSpan *m = mem_table_find(mem_table(mem), gpa);
    void *host = NULL;

    if (m != NULL && len <= m->len - (gpa - m->gpa) && !(write && m->read_only))
        host = m->host + (gpa - m->gpa);
    epoch_leave(mem->epoch, token);
    return host;
}

/* The whole range is memory (writable if asked). Inside the epoch. */
static bool
range_ok(const MemTable *table, Gpa gpa, gsize len, bool write)
{
    if (len > MEM_MAX_GPA || gpa > MEM_MAX_GPA - len)
        return false;
    while (len > 0) {
        const MemSpan *m = mem_table_find(table, gpa);
        if (m == NULL || (write && m->read_only))
            return false;
        gsize part = MIN(len, m->len - (gpa - m->gpa));
        gpa += part;
        len -= part;
    }
    return true;
}

static int
copy_range(GuestMem *mem, Gpa gpa, guint8 *data, gsize len, bool write)
{
    unsigned token = epoch_enter(mem->epoch);
    const MemTable *table = mem_table(mem);
    int ret = range_ok(table, gpa, len, write) ? 0 : -EFAULT;

    while (ret == 0 && len > 0) {
        const MemSpan *m = mem_table_find(table, gpa);
        guint64 offset = gpa - m->gpa;
        gsize part = MIN(len, m->len - offset);
        if (write) {
            memcpy(m->host + offset, data, part);
            mem_slot_mark_dirty(m->slot, offset, part);
        } else {
            memcpy(data, m->host + offset, part);
        }
        gpa += part;
        data += part;
        len -= part;
    }
    epoch_leave(mem->epoch, token);
    return ret;
}

int
guest_mem_read(GuestMem *mem, Gpa gpa, void *dst, gsize len)
{
    return copy_range(mem, gpa, dst, len, false);
}

int
guest_mem_write(GuestMem *mem, Gpa gpa, const void *src, gsize len)
{
    return copy_range(mem, gpa, (guint8 *) src, len, true);
}

void
guest_mem_foreach_slot(GuestMem *mem,
                       void (*fn)(const char *name, Gpa gpa, guint64 len,
                                  MemAccess access, void *data),
                       void *data)
{
    unsigned token = epoch_enter(mem->epoch);
    const MemTable *table = mem_table(mem);

    for (unsigned i = 0; i < table->n; i++) {
        const MemSpan *m = &table->spans[i];
        fn(m->slot->name, m->gpa, m->len, m->read_only ? MEM_RO : MEM_RW, data);
    }
    epoch_leave(mem->epoch, token);
}
