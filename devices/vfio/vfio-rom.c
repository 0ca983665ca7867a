/* devices/vfio/vfio-rom.c - the expansion ROM of a passed-through function.
 *
 * PCI Firmware Specification 3.0, section 5: images one after the other, each
 * with a header at its begin and, where that points, the data structure "PCIR"
 * with its length and whether it is the last. The guest gets a copy, from a file
 * or from the device. */
#include <string.h>

#include "devices/vfio/vfio-internal.h"

#define UNIT           512u /* of an image's length */
#define HEADER         0x1au
#define PCIR_POINTER   0x18u
#define PCIR_SIZE      0x18u
#define PCIR_LENGTH    0x10u
#define PCIR_INDICATOR 0x15u
#define LAST_IMAGE     0x80u
#define MAX_IMAGES     16u

/* Length of one image in *ret_len; false: there is none here. */
static bool
image_length(const guint8 *bytes, gsize len, gsize *ret_len, bool *ret_last)
{
    if (len < HEADER || bytes[0] != 0x55 || bytes[1] != 0xaa)
        return false;
    gsize at = pci_get16(bytes, PCIR_POINTER);
    if (at < HEADER || at + PCIR_SIZE > len ||
        memcmp(bytes + at, "PCIR", 4) != 0)
        return false;
    *ret_len = (gsize) pci_get16(bytes, (unsigned) at + PCIR_LENGTH) * UNIT;
    *ret_last = (bytes[at + PCIR_INDICATOR] & LAST_IMAGE) != 0;
    return *ret_len > 0;
}

gsize
vfio_rom_length(const guint8 *bytes, gsize len)
{
    gsize total = 0;
    bool last = false;

    for (unsigned i = 0; i < MAX_IMAGES && !last; i++) {
        gsize image;
        if (!image_length(bytes + total, len - total, &image, &last))
            break;
        if (image > len - total)
            return len; /* the tail is missing: what there is */
        total += image;
    }
    return total;
}

static void
complain(const VfioPci *d, const char *what)
{
    DeviceEnv *env = d->pci.dev.env;
    g_autofree char *line = g_strdup_printf(
        "%s: %s; the guest sees no expansion ROM. A file with the card's ROM "
        "may be given as pci#.rom",
        d->host->address, what);

    env->log(env, d->pci.dev.id, line);
}

GBytes *
vfio_rom_load(const VfioPci *d)
{
    gsize size = (gsize) MIN(d->host->regions[VFIO_HOST_ROM].size, PCI_ROM_MAX);

    if (d->rom_file != NULL)
        return g_bytes_ref(d->rom_file);
    if (!d->rom_enabled || size == 0)
        return NULL;
    guint8 *bytes = g_malloc0(size);
    gsize got = vfio_host_read_all(d->host, VFIO_HOST_ROM, bytes, size);
    gsize len = vfio_rom_length(bytes, got);
    if (len > 0)
        return g_bytes_new_take(bytes, len);
    complain(d, got == 0 ? "its expansion ROM cannot be read"
                         : "its expansion ROM holds no image");
    g_free(bytes);
    return NULL;
}
