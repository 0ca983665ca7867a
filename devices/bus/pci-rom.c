/* devices/bus/pci-rom.c - the expansion ROM of a card.
 *
 * PCI Local Bus Specification 2.3, sections 6.2.5.2 and 6.3. It is read by exits,
 * as firmware copies it once. */
#include <string.h>

#include "devices/bus/pci.h"
#include "vmm/io/io.h"

#define ROM_MIN 0x800u /* the register's lowest address bit is 11 */

static guint64
rom_read(void *dev, guint64 offset, unsigned size)
{
    const PciDevice *pdev = dev;
    gsize len;
    const guint8 *bytes = g_bytes_get_data(pdev->rom, &len);
    guint64 value = G_MAXUINT64; /* what an empty cell reads as */

    if (offset < len)
        memcpy(&value, bytes + offset, MIN(size, len - offset));
    return GUINT64_FROM_LE(value);
}

static void
rom_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
}

static const IoOps rom_ops = {.read = rom_read, .write = rom_write};

/* Section 6.3.1.1: the signature, then at 0x18 where "PCIR" is. */
static bool
is_rom(const guint8 *bytes, gsize len)
{
    gsize at = len >= 0x1a ? pci_get16(bytes, 0x18) : len;

    return len >= 0x1a && bytes[0] == 0x55 && bytes[1] == 0xaa &&
           at + 0x18 <= len && memcmp(bytes + at, "PCIR", 4) == 0;
}

/* One program serves a chip under several numbers (a virtio card has an old and
 * a new one), or, with zeros, the chips of several makers (an NE2000's), and
 * firmware runs it only under those that are written in it. So it is told the
 * card's; the byte behind the entry's jump evens out the sum of all bytes, which
 * has to stay 0. */
static GBytes *
adapt_rom(const PciDevice *pdev, const guint8 *bytes, gsize len)
{
    guint8 *copy = g_memdup2(bytes, len);
    unsigned at = pci_get16(bytes, 0x18) + 4u;
    guint32 theirs = pci_get32(bytes, at);

    if (theirs == 0 || (theirs & 0xffff) == pdev->ids->vendor) {
        guint32 ours = pdev->ids->vendor | (guint32) pdev->ids->device << 16;
        pci_put32(copy, at, ours);
        for (unsigned i = 0; i < 4; i++)
            copy[6] = (guint8) (copy[6] + bytes[at + i] - copy[at + i]);
    }
    return g_bytes_new_take(copy, len);
}

bool
pci_add_rom(PciDevice *pdev, GBytes *image, GError **error)
{
    gsize len;
    const guint8 *bytes = g_bytes_get_data(image, &len);
    guint32 size = ROM_MIN;

    if (len > PCI_ROM_MAX || !is_rom(bytes, len)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: its boot ROM is no PCI expansion ROM of at most %u "
                    "KiB; take another file",
                    pdev->dev.id, PCI_ROM_MAX >> 10);
        return false;
    }
    while (size < len)
        size *= 2;
    pdev->rom = adapt_rom(pdev, bytes, len);
    pdev->bars[PCI_ROM] = (PciBar){
        .type = PCI_BAR_ROM,
        .size = size,
        .region =
            io_region_new("pci-rom", &rom_ops, pdev, &pdev->dev.lock, size),
        .mapped_at = G_MAXUINT64,
    };
    pci_put32(pdev->wmask, PCI_ROM_ADDRESS, ~(size - 1) | PCI_ROM_ENABLE);
    return true;
}
