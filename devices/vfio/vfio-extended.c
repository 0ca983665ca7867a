/* devices/vfio/vfio-extended.c - bytes 256 to 4095 of a passed-through function's
 * configuration space, for machines whose host bridge reaches them.
 *
 * PCI Express Base 3.0, section 7.9: capabilities in a chain, each with a dword
 * of id, version and pointer. The guest sees those of the table below, whose
 * registers are the device's; the chain goes past the others, and bytes in none
 * read as zero. What would need the host bridge, the link or the IOMMU is not in
 * the table: SR-IOV, ATS, PRI, PASID, ARI, ACS, resizable BARs, link and lane
 * registers, L1 substates, latency reports. */
#include <string.h>

#include "devices/vfio/vfio-internal.h"

#define FIRST    PCI_CONFIG_SIZE
#define MAX_CAPS 128u
#define ID(h)    ((h) &0xffffu)
#define NEXT(h)  ((h) >> 20 & ~3u)
#define OWN_LEN  0u /* the dword behind the header says it, bits 20 to 31 */

struct VfioExtended {
    guint8 shown[PCI_EXTENDED_SIZE]; /* headers; 0 elsewhere */
    bool passed[PCI_EXTENDED_SIZE];  /* bytes that are the device's own */
};

static const struct {
    guint16 id, len; /* bytes with the header */
} caps[] = {
    {0x0001, 0x48},    /* advanced error reporting */
    {0x0003, 12},      /* serial number, by which drivers tell cards apart */
    {0x0004, 16},      /* power budgeting */
    {0x000b, OWN_LEN}, /* vendor specific: drivers read their own */
    {0x0023, OWN_LEN}, /* designated vendor specific */
};

/* Bytes of the capability; 0: it is hidden. */
static unsigned
shown_len(const guint8 *config, unsigned at)
{
    for (gsize i = 0; i < G_N_ELEMENTS(caps); i++) {
        if (caps[i].id != ID(pci_get32(config, at)))
            continue;
        unsigned len = caps[i].len;
        if (len == OWN_LEN && at + 8 <= PCI_EXTENDED_SIZE)
            len = pci_get32(config, at + 4) >> 20;
        return len >= 8 && at + len <= PCI_EXTENDED_SIZE ? len : 0;
    }
    return 0;
}

/* *link: the header that points to the next one; 0: none yet. */
static void
show(VfioExtended *e, unsigned at, guint32 header, unsigned len, unsigned *link)
{
    pci_put32(e->shown, at, header & 0x000fffffu);
    for (unsigned i = at + 4; i < at + len; i++)
        e->passed[i] = true;
    if (*link != 0)
        pci_put32(e->shown, *link, pci_get32(e->shown, *link) | at << 20);
    *link = at;
}

static void
fill(VfioExtended *e, const guint8 *config)
{
    bool seen[PCI_EXTENDED_SIZE / 4] = {false};
    unsigned at = FIRST, link = 0;

    for (unsigned n = 0; n < MAX_CAPS && at >= FIRST && !seen[at / 4]; n++) {
        guint32 header = pci_get32(config, at);
        unsigned len = shown_len(config, at);
        seen[at / 4] = true;
        if (header == 0 || header == G_MAXUINT32)
            return;
        if (len > 0)
            show(e, at, header, len, &link);
        else if (at == FIRST)
            show(e, at, 0, 4, &link); /* the chain begins here: a null one */
        at = NEXT(header);
    }
}

static guint32
extended_read(PciDevice *pdev, unsigned offset, unsigned size)
{
    VfioPci *d = DEVICE_OF(VfioPci, &pdev->dev);
    guint32 value = 0;

    for (unsigned i = 0; i < size; i++) {
        guint32 byte = d->extended->shown[offset + i];
        if (d->extended->passed[offset + i])
            byte = (guint32) vfio_host_read(d->host, VFIO_HOST_CONFIG,
                                            offset + i, 1);
        value |= byte << (8 * i);
    }
    return value;
}

/* One write when all bytes are the device's, as registers act at once. */
static void
extended_write(PciDevice *pdev, unsigned offset, guint32 value, unsigned size)
{
    VfioPci *d = DEVICE_OF(VfioPci, &pdev->dev);
    const bool *passed = d->extended->passed + offset;
    unsigned n = 0;

    for (unsigned i = 0; i < size; i++)
        n += passed[i] ? 1 : 0;
    if (n == size)
        vfio_host_write(d->host, VFIO_HOST_CONFIG, offset, value, size);
    for (unsigned i = 0; n < size && i < size; i++)
        if (passed[i])
            vfio_host_write(d->host, VFIO_HOST_CONFIG, offset + i,
                            value >> (8 * i) & 0xff, 1);
}

void
vfio_extended_realize(VfioPci *d)
{
    g_autofree guint8 *config = g_malloc0(PCI_EXTENDED_SIZE);

    if (!d->is_express ||
        vfio_host_read_all(d->host, VFIO_HOST_CONFIG, config,
                           PCI_EXTENDED_SIZE) != PCI_EXTENDED_SIZE)
        return;
    d->extended = g_new0(VfioExtended, 1);
    fill(d->extended, config);
    d->pci.extended_read = extended_read;
    d->pci.extended_write = extended_write;
}

void
vfio_extended_unrealize(VfioPci *d)
{
    g_clear_pointer(&d->extended, g_free);
}
