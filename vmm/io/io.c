/* vmm/io/io.c - see io.h.
 *
 * A space keeps a list of mapped regions and an immutable table made from it:
 * sorted, disjoint spans, each naming the region that wins there. An access
 * binary-searches the current table inside an epoch; mapping builds a new
 * table, publishes it with one store and retires the old one. The lower ports,
 * where old guests spend their time, have an index instead of the search. */
#include "vmm/io/io.h"

#include <errno.h>
#include <string.h>

#include "vmm/core/epoch.h"
#include "vmm/core/sysutil.h"
#include "vmm/mem/guest-mem.h"

typedef struct {
    guint64 offset, match;
    unsigned size;
    bool has_match;
    int fd;
} IoEventfd;

struct IoRegion {
    char *name;
    const IoOps *ops;
    void *dev;
    GMutex *lock; /* the device's; L1, held around its handlers */
    guint64 len;
    IoSpace *space; /* where it is or was mapped last */
    bool mapped;
    guint64 base;
    int priority;
    GArray *eventfds;    /* IoEventfd; changed only while unpublished */
    guint64 posted_at;   /* offset of the writes that may be late */
    unsigned posted_len; /* 0: none */
};

typedef struct {
    guint64 first, last; /* inclusive */
    IoRegion *region;
    guint64 base; /* of the region */
} IoSpan;

/* Ports that fixed devices use; PCI puts its BARs above. */
#define INDEXED_PORTS 0x1000u

typedef struct {
    unsigned n;
    bool indexed;                /* a space of ports, and index is valid */
    guint8 index[INDEXED_PORTS]; /* 1 + number of the span; 0: none */
    IoSpan spans[];
} IoTable;

struct IoSpace {
    IoKind kind;
    Epoch *epoch;
    IoTable *table; /* atomic: acquire to read, release to publish */
    GMutex lock;    /* L2 guards regions, publishing and eventfds */
    GPtrArray *regions;
    unsigned held; /* by io_space_hold() */
    bool stale;    /* regions changed while it was held */
    GuestMem *mem;
    const IoBackendOps *backend_ops;
    void *backend;
};

static guint64
space_last(const IoSpace *space)
{
    return space->kind == IO_PORT ? 0xffff : G_MAXUINT64;
}

static guint64
size_mask(unsigned size)
{
    return size >= 8 ? G_MAXUINT64 : (G_GUINT64_CONSTANT(1) << (8 * size)) - 1;
}

/* ---- building tables ---- */

static int
compare_u64(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

    return x < y ? -1 : x > y;
}

static IoRegion *
winner_at(GPtrArray *regions, guint64 addr)
{
    IoRegion *best = NULL;

    for (guint i = 0; i < regions->len; i++) {
        IoRegion *r = g_ptr_array_index(regions, i);
        if (addr - r->base < r->len && addr >= r->base &&
            (best == NULL || r->priority > best->priority))
            best = r;
    }
    return best;
}

/* Every address where the winner may change. */
static GArray *
table_edges(GPtrArray *regions)
{
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(guint64));

    for (guint i = 0; i < regions->len; i++) {
        IoRegion *r = g_ptr_array_index(regions, i);
        guint64 end = r->base + r->len; /* 0: ends with the space */
        g_array_append_val(edges, r->base);
        if (end != 0)
            g_array_append_val(edges, end);
    }
    g_array_sort(edges, compare_u64);
    return edges;
}

static void
table_index(IoTable *table)
{
    table->indexed = table->n < G_MAXUINT8;
    for (guint i = 0; table->indexed && i < table->n; i++) {
        const IoSpan *span = &table->spans[i];
        for (guint64 port = span->first;
             port <= MIN(span->last, INDEXED_PORTS - 1); port++)
            table->index[port] = (guint8) (i + 1);
    }
}

static IoTable *
table_build(GPtrArray *regions, IoKind kind)
{
    g_autoptr(GArray) edges = table_edges(regions);
    IoTable *table = g_malloc0(sizeof *table + edges->len * sizeof(IoSpan));

    for (guint i = 0; i < edges->len; i++) {
        guint64 first = g_array_index(edges, guint64, i);
        guint64 last = i + 1 < edges->len
                           ? g_array_index(edges, guint64, i + 1) - 1
                           : G_MAXUINT64;
        if (i + 1 < edges->len && last + 1 == first)
            continue; /* the same edge twice */
        IoRegion *r = winner_at(regions, first);
        if (r == NULL)
            continue;
        IoSpan *prev = table->n ? &table->spans[table->n - 1] : NULL;
        if (prev != NULL && prev->region == r && prev->last + 1 == first)
            prev->last = last;
        else
            table->spans[table->n++] = (IoSpan){first, last, r, r->base};
    }
    if (kind == IO_PORT)
        table_index(table);
    return table;
}

/* Lock held. */
static void
space_publish(IoSpace *space)
{
    IoTable *old = space->table;

    space->stale = false;
    __atomic_store_n(&space->table, table_build(space->regions, space->kind),
                     __ATOMIC_RELEASE);
    if (old != NULL)
        epoch_retire(space->epoch, g_free, old);
}

/* Lock held. What is new may wait; what goes may not, for its region ends. */
static void
space_publish_new(IoSpace *space)
{
    if (space->held > 0)
        space->stale = true;
    else
        space_publish(space);
}

void
io_space_hold(IoSpace *space)
{
    g_mutex_lock(&space->lock);
    space->held++;
    g_mutex_unlock(&space->lock);
}

void
io_space_release(IoSpace *space)
{
    g_mutex_lock(&space->lock);
    g_assert(space->held > 0);
    if (--space->held == 0 && space->stale)
        space_publish(space);
    g_mutex_unlock(&space->lock);
}

/* ---- eventfds ---- */

static int
backend_eventfd(IoSpace *space, guint64 base, const IoEventfd *e, bool add)
{
    if (space->backend_ops == NULL)
        return 0;
    return space->backend_ops->set_eventfd(
        space->backend, space->kind, base + e->offset, e->size,
        e->has_match ? &e->match : NULL, e->fd, add);
}

static int
backend_posted(const IoRegion *r, bool on)
{
    const IoSpace *space = r->space;

    if (space == NULL || space->backend_ops == NULL ||
        space->backend_ops->set_posted == NULL)
        return -ENOTSUP;
    return space->backend_ops->set_posted(
        space->backend, space->kind, r->base + r->posted_at, r->posted_len, on);
}

/* What the backend knows of a region's place. */
static void
region_fast_paths(IoRegion *r, bool add)
{
    if (r->posted_len > 0)
        (void) backend_posted(r, add);
    for (guint i = 0; i < r->eventfds->len; i++)
        (void) backend_eventfd(r->space, r->base, /* a failed fast path only */
                               &g_array_index(r->eventfds, IoEventfd, i), add);
}

int
io_region_set_eventfd(IoRegion *r, guint64 offset, unsigned size,
                      const guint64 *match, int fd)
{
    IoEventfd e = {offset, match ? *match : 0, size, match != NULL, fd};
    IoSpace *space = r->space;
    int ret = 0;

    if (offset >= r->len)
        return -EINVAL;
    if (space != NULL)
        g_mutex_lock(&space->lock);
    for (guint i = r->eventfds->len; i-- > 0;) {
        IoEventfd *old = &g_array_index(r->eventfds, IoEventfd, i);
        if (old->offset != offset || old->size != size ||
            old->has_match != e.has_match || old->match != e.match)
            continue;
        if (r->mapped)
            (void) backend_eventfd(space, r->base, old, false); /* goes away */
        g_array_remove_index(r->eventfds, i);
    }
    if (fd >= 0) {
        if (r->mapped)
            ret = backend_eventfd(space, r->base, &e, true);
        if (ret == 0)
            g_array_append_val(r->eventfds, e);
    }
    if (space != NULL)
        g_mutex_unlock(&space->lock);
    return ret;
}

int
io_region_set_posted(IoRegion *r, guint64 offset, unsigned len, bool on)
{
    IoSpace *space = r->space;
    int ret = 0;

    if (space == NULL)
        return -ENOTSUP;
    if (len == 0 || offset >= r->len || len > r->len - offset)
        return -EINVAL;
    g_mutex_lock(&space->lock);
    if (r->posted_len > 0 && r->mapped)
        (void) backend_posted(r, false); /* goes away, or moves */
    r->posted_at = offset;
    r->posted_len = on ? len : 0;
    if (on && r->mapped)
        ret = backend_posted(r, true);
    if (ret < 0)
        r->posted_len = 0;
    g_mutex_unlock(&space->lock);
    return ret;
}

void
io_space_flush(IoSpace *space)
{
    if (space->backend_ops != NULL && space->backend_ops->flush_posted != NULL)
        space->backend_ops->flush_posted(space->backend);
}

/* Without a backend the dispatcher does what the kernel would have done. */
static bool
signal_eventfd(IoSpace *space, const IoRegion *r, guint64 offset, guint64 value,
               unsigned size)
{
    bool found = false;

    if (space->backend_ops != NULL)
        return false;
    g_mutex_lock(&space->lock);
    for (guint i = 0; !found && i < r->eventfds->len; i++) {
        const IoEventfd *e = &g_array_index(r->eventfds, IoEventfd, i);
        found = e->offset == offset && (e->size == 0 || e->size == size) &&
                (!e->has_match || e->match == value);
        if (found)
            sys_eventfd_signal(e->fd);
    }
    g_mutex_unlock(&space->lock);
    return found;
}

/* ---- spaces and regions ---- */

IoSpace *
io_space_new(IoKind kind)
{
    IoSpace *space = g_new0(IoSpace, 1);

    space->kind = kind;
    space->epoch = epoch_new();
    space->regions = g_ptr_array_new();
    g_mutex_init(&space->lock);
    space_publish(space);
    return space;
}

void
io_space_free(IoSpace *space)
{
    if (space == NULL)
        return;
    g_assert(space->regions->len == 0);
    epoch_free(space->epoch);
    g_free(space->table);
    g_ptr_array_unref(space->regions);
    g_mutex_clear(&space->lock);
    g_free(space);
}

void
io_space_set_memory(IoSpace *space, GuestMem *mem)
{
    space->mem = mem;
}

void
io_space_set_backend(IoSpace *space, const IoBackendOps *ops, void *backend)
{
    space->backend_ops = ops;
    space->backend = backend;
}

IoRegion *
io_region_new(const char *name, const IoOps *ops, void *dev, GMutex *lock,
              guint64 len)
{
    IoRegion *r = g_new0(IoRegion, 1);

    g_assert(len > 0);
    r->name = g_strdup(name);
    r->ops = ops;
    r->dev = dev;
    r->lock = lock;
    r->len = len;
    r->eventfds = g_array_new(FALSE, FALSE, sizeof(IoEventfd));
    return r;
}

void
io_region_free(IoRegion *r)
{
    if (r == NULL)
        return;
    if (r->space != NULL) {
        io_unmap(r->space, r);
        epoch_synchronize(r->space->epoch);
    }
    g_array_unref(r->eventfds);
    g_free(r->name);
    g_free(r);
}

/* Lock held. */
static bool
has_conflict(IoSpace *space, const IoRegion *r, guint64 base, int priority)
{
    for (guint i = 0; i < space->regions->len; i++) {
        IoRegion *o = g_ptr_array_index(space->regions, i);
        if (o != r && o->priority == priority &&
            base <= o->base + (o->len - 1) && o->base <= base + (r->len - 1))
            return true;
    }
    return false;
}

int
io_map(IoSpace *space, IoRegion *r, guint64 base, int priority)
{
    int ret = 0;

    if (base > space_last(space) || r->len - 1 > space_last(space) - base)
        return -EINVAL;
    g_mutex_lock(&space->lock);
    if (has_conflict(space, r, base, priority)) {
        ret = -EEXIST;
    } else {
        bool moves = r->mapped;
        if (moves)
            region_fast_paths(r, false);
        else
            g_ptr_array_add(space->regions, r);
        r->space = space;
        r->base = base;
        r->priority = priority;
        r->mapped = true;
        if (moves)
            space_publish(space);
        else
            space_publish_new(space);
        region_fast_paths(r, true);
    }
    g_mutex_unlock(&space->lock);
    return ret;
}

void
io_unmap(IoSpace *space, IoRegion *r)
{
    g_mutex_lock(&space->lock);
    if (r->mapped) {
        region_fast_paths(r, false);
        r->mapped = false;
        g_ptr_array_remove(space->regions, r);
        space_publish(space);
    }
    g_mutex_unlock(&space->lock);
}

bool
io_region_is_mapped(const IoRegion *r)
{
    return r->mapped;
}

static int
compare_base(gconstpointer a, gconstpointer b)
{
    const IoRegion *x = *(IoRegion *const *) a, *y = *(IoRegion *const *) b;

    return x->base < y->base ? -1 : x->base > y->base;
}

void
io_space_foreach(IoSpace *space,
                 void (*fn)(const char *name, guint64 base, guint64 len,
                            int priority, void *data),
                 void *data)
{
    g_mutex_lock(&space->lock);
    g_ptr_array_sort(space->regions, compare_base);
    for (guint i = 0; i < space->regions->len; i++) {
        IoRegion *r = g_ptr_array_index(space->regions, i);
        fn(r->name, r->base, r->len, r->priority, data);
    }
    g_mutex_unlock(&space->lock);
}

/* ---- dispatch ---- */

static const IoSpan *
table_find(const IoTable *table, guint64 addr)
{
    unsigned lo = 0, hi = table->n;

    if (addr < INDEXED_PORTS && table->indexed) {
        unsigned i = table->index[addr];
        return i > 0 ? &table->spans[i - 1] : NULL;
    }
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (table->spans[mid].last < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < table->n && table->spans[lo].first <= addr ? &table->spans[lo]
                                                           : NULL;
}

static unsigned
ops_max(const IoOps *ops)
{
    return ops->max_size ? ops->max_size : 8;
}

/* min_size accesses are aligned; widening must not leave the region. */
static bool
must_widen(const IoRegion *r, guint64 offset, unsigned size)
{
    unsigned min = r->ops->min_size;

    return min > size && (offset & ~(guint64) (min - 1)) + min <= r->len &&
           (offset & (min - 1)) + size <= min;
}

static guint64
region_read_one(const IoRegion *r, guint64 offset, unsigned size)
{
    if (must_widen(r, offset, size)) {
        unsigned min = r->ops->min_size;
        unsigned shift = (unsigned) (offset & (min - 1)) * 8;
        return r->ops->read(r->dev, offset & ~(guint64) (min - 1), min) >>
               shift;
    }
    return r->ops->read(r->dev, offset, size);
}

static guint64
region_read(const IoRegion *r, guint64 offset, unsigned size)
{
    unsigned max = ops_max(r->ops);
    guint64 value = 0;

    if (r->ops->read == NULL)
        return size_mask(size);
    for (unsigned done = 0; done < size; done += max) {
        unsigned part = MIN(size - done, max);
        guint64 v = region_read_one(r, offset + done, part) & size_mask(part);
        value |= v << (8 * done);
    }
    return value;
}

static void
region_write_one(const IoRegion *r, guint64 offset, guint64 value,
                 unsigned size)
{
    if (must_widen(r, offset, size)) {
        unsigned min = r->ops->min_size;
        unsigned shift = (unsigned) (offset & (min - 1)) * 8;
        r->ops->write(r->dev, offset & ~(guint64) (min - 1), value << shift,
                      min);
        return;
    }
    r->ops->write(r->dev, offset, value, size);
}

static void
region_write(const IoRegion *r, guint64 offset, guint64 value, unsigned size)
{
    unsigned max = ops_max(r->ops);

    if (r->ops->write == NULL)
        return;
    for (unsigned done = 0; done < size; done += max) {
        unsigned part = MIN(size - done, max);
        region_write_one(r, offset + done,
                         (value >> (8 * done)) & size_mask(part), part);
    }
}

static void
region_lock(const IoRegion *r)
{
    if (r->lock != NULL)
        g_mutex_lock(r->lock);
}

static void
region_unlock(const IoRegion *r)
{
    if (r->lock != NULL)
        g_mutex_unlock(r->lock);
}

static guint64
miss_read(IoSpace *space, guint64 addr, unsigned size)
{
    guint64 value = 0;

    if (space->mem != NULL &&
        guest_mem_read(space->mem, addr, &value, size) == 0)
        return GUINT64_FROM_LE(value);
    return size_mask(size);
}

/* Crosses the end of a span: byte by byte, as a narrow bus would. */
static guint64
read_bytes(IoSpace *space, guint64 addr, unsigned size)
{
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++) {
        guint64 at = space->kind == IO_PORT ? (addr + i) & 0xffff : addr + i;
        value |= io_read(space, at, 1) << (8 * i);
    }
    return value;
}

/* True when [addr, addr+size) touches no span at all. */
static bool
misses_all(const IoTable *table, guint64 addr, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        if (table_find(table, addr + i) != NULL)
            return false;
    return true;
}

guint64
io_read(IoSpace *space, guint64 addr, unsigned size)
{
    unsigned token = epoch_enter(space->epoch);
    const IoTable *table = __atomic_load_n(&space->table, __ATOMIC_ACQUIRE);
    const IoSpan *span = table_find(table, addr);
    guint64 value;

    if (span != NULL && size - 1 <= span->last - addr) {
        region_lock(span->region);
        value = region_read(span->region, addr - span->base, size);
        region_unlock(span->region);
    } else if (size > 1 && !misses_all(table, addr, size)) {
        value = read_bytes(space, addr, size);
    } else {
        value = miss_read(space, addr, size);
    }
    epoch_leave(space->epoch, token);
    return value;
}

static void
write_bytes(IoSpace *space, guint64 addr, guint64 value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        guint64 at = space->kind == IO_PORT ? (addr + i) & 0xffff : addr + i;
        io_write(space, at, (value >> (8 * i)) & 0xff, 1);
    }
}

static void
miss_write(IoSpace *space, guint64 addr, guint64 value, unsigned size)
{
    guint64 le = GUINT64_TO_LE(value);

    if (space->mem != NULL)
        (void) guest_mem_write(space->mem, addr, &le, size); /* ROM: dropped */
}

void
io_write(IoSpace *space, guint64 addr, guint64 value, unsigned size)
{
    unsigned token = epoch_enter(space->epoch);
    const IoTable *table = __atomic_load_n(&space->table, __ATOMIC_ACQUIRE);
    const IoSpan *span = table_find(table, addr);

    value &= size_mask(size);
    if (span != NULL && size - 1 <= span->last - addr) {
        guint64 offset = addr - span->base;
        if (!signal_eventfd(space, span->region, offset, value, size)) {
            region_lock(span->region);
            region_write(span->region, offset, value, size);
            region_unlock(span->region);
        }
    } else if (size > 1 && !misses_all(table, addr, size)) {
        write_bytes(space, addr, value, size);
    } else {
        miss_write(space, addr, value, size);
    }
    epoch_leave(space->epoch, token);
}

/* ---- string I/O ---- */

static guint64
load_le(const guint8 *data, unsigned size)
{
    guint64 le = 0;

    memcpy(&le, data, size);
    return GUINT64_FROM_LE(le);
}

static void
store_le(guint8 *data, guint64 value, unsigned size)
{
    guint64 le = GUINT64_TO_LE(value);

    memcpy(data, &le, size);
}

void
io_read_rep(IoSpace *space, guint64 addr, guint8 *data, unsigned size,
            unsigned count)
{
    unsigned token = epoch_enter(space->epoch);
    const IoTable *table = __atomic_load_n(&space->table, __ATOMIC_ACQUIRE);
    const IoSpan *span = table_find(table, addr);

    if (span != NULL && size - 1 <= span->last - addr &&
        span->region->ops->read_rep != NULL) {
        region_lock(span->region);
        span->region->ops->read_rep(span->region->dev, addr - span->base, data,
                                    size, count);
        region_unlock(span->region);
    } else {
        for (unsigned i = 0; i < count; i++)
            store_le(data + i * size, io_read(space, addr, size), size);
    }
    epoch_leave(space->epoch, token);
}

void
io_write_rep(IoSpace *space, guint64 addr, const guint8 *data, unsigned size,
             unsigned count)
{
    unsigned token = epoch_enter(space->epoch);
    const IoTable *table = __atomic_load_n(&space->table, __ATOMIC_ACQUIRE);
    const IoSpan *span = table_find(table, addr);

    if (span != NULL && size - 1 <= span->last - addr &&
        span->region->ops->write_rep != NULL) {
        region_lock(span->region);
        span->region->ops->write_rep(span->region->dev, addr - span->base, data,
                                     size, count);
        region_unlock(span->region);
    } else {
        for (unsigned i = 0; i < count; i++)
            io_write(space, addr, load_le(data + i * size, size), size);
    }
    epoch_leave(space->epoch, token);
}
