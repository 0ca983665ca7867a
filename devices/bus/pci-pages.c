/* devices/bus/pci-pages.c - see pci-pages.h. */
#include "devices/bus/pci-pages.h"

#include "vmm/mem/guest-mem.h"

#define PAGE_WORDS  1024u /* 4 KiB */
#define N_FUNCTIONS 256u

struct PciPages {
    MemSlot *slot;
    Gpa base;
    guint32 *words;
    bool live[N_FUNCTIONS];
    unsigned n_live;
};

/* A page that cannot be shown costs speed only. */
static void
update_shown(PciPages *p)
{
    bool shown = mem_slot_is_mapped(p->slot, NULL);

    if (p->n_live == 0 && !shown)
        (void) mem_slot_map(p->slot, p->base, MEM_RO);
    else if (p->n_live > 0 && shown)
        mem_slot_unmap(p->slot);
}

PciPages *
pci_pages_new(GuestMem *mem, Gpa base, GError **error)
{
    guint64 len = N_FUNCTIONS * PAGE_WORDS * sizeof(guint32);
    MemBacking *backing =
        mem_backing_new_private(mem, "pci-config", len, error);

    if (backing == NULL || !mem_backing_fill_bytes(backing, 0xff, error))
        return NULL;
    mem_backing_set_cpus_only(backing);
    PciPages *p = g_new0(PciPages, 1);
    p->base = base;
    p->words = mem_backing_host(backing);
    p->slot = mem_slot_new(mem, "pci-config", backing, 0, len);
    update_shown(p);
    return p;
}

void
pci_pages_free(PciPages *p)
{
    if (p == NULL)
        return;
    mem_slot_free(p->slot);
    g_free(p);
}

void
pci_pages_put(PciPages *p, unsigned devfn, unsigned offset, guint32 value)
{
    guint32 *word = &p->words[devfn * PAGE_WORDS + offset / 4];

    __atomic_store_n(word, GUINT32_TO_LE(value), __ATOMIC_RELEASE);
}

void
pci_pages_put_bit(PciPages *p, unsigned devfn, unsigned offset, guint32 bit,
                  bool on)
{
    guint32 *word = &p->words[devfn * PAGE_WORDS + offset / 4];
    guint32 value = GUINT32_FROM_LE(__atomic_load_n(word, __ATOMIC_RELAXED));

    pci_pages_put(p, devfn, offset, on ? value | bit : value & ~bit);
}

void
pci_pages_set_live(PciPages *p, unsigned devfn, bool live)
{
    if (live == p->live[devfn])
        return;
    p->live[devfn] = live;
    p->n_live += live ? 1u : -1u;
    update_shown(p);
}

void
pci_pages_clear(PciPages *p, unsigned devfn)
{
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i += 4)
        pci_pages_put(p, devfn, i, G_MAXUINT32);
    pci_pages_set_live(p, devfn, false);
}
