/* devices/vfio/vfio-bars.c - the BARs of a passed-through function.
 *
 * What VFIO lets a process map is memory of the guest, which reaches the device
 * without an exit. All else exits: I/O ports, BARs smaller than a page, the
 * pages with the MSI-X table and its pending bits, since what the guest writes
 * there is its own interrupt and not the host's, and those where a card shows its
 * configuration space (vfio-quirks.c). Registers that share such a page exit as
 * well, and reach the device. */
#include <stdlib.h>
#include <string.h>

#include "devices/vfio/vfio-internal.h"
#include "vmm/io/io.h"

#define PAGE         4096u
#define PAGE_MASK    (~(guint64) (PAGE - 1))
#define BAR_IO       1u
#define BAR_MEM_TYPE 6u
#define BAR_MEM_64   4u
#define BAR_PREFETCH 8u
#define IO_BAR_MAX   256u /* PCI 2.3, section 6.2.5.1 */
#define ENTRY_SIZE   16u  /* of the MSI-X table */
#define NOT_MAPPED   G_MAXUINT64

/* ---- what exits ---- */

static bool
in_table(const VfioBar *bar, guint64 offset)
{
    const VfioPci *d = bar->d;

    return d->n_msix > 0 && bar->index == d->table_bar &&
           offset >= d->table_offset &&
           offset - d->table_offset < (guint64) d->n_msix * ENTRY_SIZE;
}

static bool
in_pba(const VfioBar *bar, guint64 offset)
{
    const VfioPci *d = bar->d;

    return d->n_msix > 0 && bar->index == d->pba_bar &&
           offset >= d->pba_offset &&
           offset - d->pba_offset < (d->n_msix + 63) / 64 * 8;
}

static guint64
bar_read(void *dev, guint64 offset, unsigned size)
{
    VfioBar *bar = dev;
    VfioPci *d = bar->d;
    guint64 value;

    if (vfio_quirk_read(d, bar->index, offset, size, &value))
        return value;
    if (in_table(bar, offset))
        return vfio_msix_table_read(d, (guint32) offset - d->table_offset,
                                    size);
    if (in_pba(bar, offset))
        return vfio_msix_pba_read(d, (guint32) offset - d->pba_offset, size);
    return vfio_host_read(d->host, bar->index, offset, size);
}

static void
bar_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    VfioBar *bar = dev;
    VfioPci *d = bar->d;

    if (vfio_quirk_write(d, bar->index, offset, value, size))
        return;
    if (in_table(bar, offset))
        vfio_msix_table_write(d, (guint32) offset - d->table_offset, value,
                              size);
    else if (!in_pba(bar, offset))
        vfio_host_write(d->host, bar->index, offset, value, size);
}

static const IoOps bar_ops = {.read = bar_read, .write = bar_write};

/* ---- what does not ---- */

static void
add_piece(VfioBar *bar, guint64 from, guint64 to)
{
    VfioPci *d = bar->d;
    const VfioRegion *r = &d->host->regions[bar->index];
    const VfioSys *sys = d->host->sys;
    g_autofree char *name =
        g_strdup_printf("%s-bar%u", d->pci.dev.id, bar->index);

    if (from >= to || bar->n_pieces == VFIO_MAX_PIECES)
        return;
    VfioPiece *p = &bar->pieces[bar->n_pieces];
    p->offset = from;
    p->len = to - from;
    p->host = sys->ops->mmap(sys->data, d->host->fd, r->offset + from, p->len,
                             r->writable);
    if (p->host == NULL)
        return; /* it exits then, which is slow and right */
    p->backing =
        mem_backing_new_device(d->pci.dev.env->mem, name, p->host, p->len);
    p->slot = mem_slot_new(d->pci.dev.env->mem, name, p->backing, 0, p->len);
    bar->n_pieces++;
}

/* [from, to) of an area without the pages that [hole, hole + len) touches. */
static guint64
up_to_hole(VfioBar *bar, guint64 from, guint64 to, guint64 hole, guint64 len)
{
    guint64 first = hole & PAGE_MASK;
    guint64 last = (hole + len + PAGE - 1) & PAGE_MASK;

    if (last <= from || first >= to)
        return from;
    add_piece(bar, from, MIN(first, to));
    return MIN(last, to);
}

typedef struct {
    guint64 at, len;
} Hole;

static gint
by_place(gconstpointer a, gconstpointer b)
{
    const Hole *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

/* What may not be memory, the lowest first. */
static unsigned
find_holes(const VfioBar *bar, Hole holes[VFIO_MAX_QUIRKS + 2])
{
    const VfioPci *d = bar->d;
    unsigned n = 0;

    if (d->n_msix > 0 && d->table_bar == bar->index)
        holes[n++] = (Hole){d->table_offset, (guint64) d->n_msix * ENTRY_SIZE};
    if (d->n_msix > 0 && d->pba_bar == bar->index)
        holes[n++] = (Hole){d->pba_offset, (d->n_msix + 63) / 64 * 8};
    for (unsigned i = 0; i < d->n_quirks; i++)
        if (vfio_quirk_hole(d, i, bar->index, &holes[n].at, &holes[n].len))
            n++;
    qsort(holes, n, sizeof holes[0], by_place);
    return n;
}

static void
add_area(VfioBar *bar, const VfioArea *area)
{
    guint64 from = area->offset, to = area->offset + area->len;
    Hole holes[VFIO_MAX_QUIRKS + 2];
    unsigned n = find_holes(bar, holes);

    for (unsigned i = 0; i < n; i++)
        from = up_to_hole(bar, from, to, holes[i].at, holes[i].len);
    add_piece(bar, from, to);
}

void
vfio_bar_moved(PciDevice *pdev, unsigned index)
{
    VfioPci *d = DEVICE_OF(VfioPci, &pdev->dev);
    guint64 at = pdev->bars[index].mapped_at;

    if (index >= VFIO_HOST_BARS)
        return; /* the ROM */
    for (unsigned i = 0; i < d->bars[index].n_pieces; i++) {
        VfioPiece *p = &d->bars[index].pieces[i];
        if (at == NOT_MAPPED)
            mem_slot_unmap(p->slot);
        else if (mem_slot_map(p->slot, at + p->offset, MEM_RW) < 0)
            mem_slot_unmap(p->slot); /* the region below it answers */
    }
}

/* ---- life ---- */

static PciBarType
bar_type(guint32 reg)
{
    if ((reg & BAR_IO) != 0)
        return PCI_BAR_IO;
    return (reg & BAR_MEM_TYPE) == BAR_MEM_64 ? PCI_BAR_MEM64 : PCI_BAR_MEM32;
}

static bool
is_possible(const VfioPci *d, unsigned index, PciBarType type, guint64 size,
            GError **error)
{
    bool power = (size & (size - 1)) == 0;

    if (power &&
        (type == PCI_BAR_IO
             ? size >= 4 && size <= IO_BAR_MAX
             : size >= 16 && (type == PCI_BAR_MEM64 ? index + 1 < PCI_NUM_BARS
                                                    : size <= 1u << 31)))
        return true;
    g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                "%s: BAR %u of 0x%" G_GINT64_MODIFIER "x bytes is none that "
                "PCI allows",
                d->host->address, index, size);
    return false;
}

static bool
realize_bar(VfioPci *d, unsigned index, guint32 reg, GError **error)
{
    const VfioRegion *r = &d->host->regions[index];
    VfioBar *bar = &d->bars[index];
    PciBarType type = bar_type(reg);
    g_autofree char *name = g_strdup_printf("%s-bar%u", d->pci.dev.id, index);

    if (!is_possible(d, index, type, r->size, error))
        return false;
    bar->region = io_region_new(name, &bar_ops, bar, NULL, r->size);
    for (unsigned i = 0; type != PCI_BAR_IO && i < r->n_areas; i++)
        add_area(bar, &r->areas[i]);
    pci_add_bar(&d->pci, index, type,
                type != PCI_BAR_IO && (reg & BAR_PREFETCH) != 0, r->size,
                bar->region, NULL);
    return true;
}

bool
vfio_bars_realize(VfioPci *d, const guint8 *config, GError **error)
{
    for (unsigned i = 0; i < VFIO_HOST_BARS; i++) {
        d->bars[i] = (VfioBar){.d = d, .index = i};
        if (d->host->regions[i].size == 0)
            continue;
        if (!realize_bar(d, i, pci_get32(config, PCI_BAR0 + 4 * i), error))
            return false;
    }
    return true;
}

void
vfio_bars_unmap(VfioPci *d)
{
    const VfioSys *sys = d->host->sys;

    for (unsigned i = 0; i < VFIO_HOST_BARS; i++) {
        VfioBar *bar = &d->bars[i];
        for (unsigned j = 0; j < bar->n_pieces; j++) {
            VfioPiece *p = &bar->pieces[j];
            mem_slot_free(p->slot);
            mem_backing_free(d->pci.dev.env->mem, p->backing);
            sys->ops->munmap(sys->data, p->host, p->len);
        }
        bar->n_pieces = 0;
    }
}

void
vfio_bars_unrealize(VfioPci *d)
{
    for (unsigned i = 0; i < VFIO_HOST_BARS; i++)
        g_clear_pointer(&d->bars[i].region, io_region_free);
}
