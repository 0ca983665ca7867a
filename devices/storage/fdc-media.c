/* devices/storage/fdc-media.c - floppy formats and drives, by table.
 *
 * Formats: ECMA-66/70/78/99/100/125/147 and the common "distribution" formats
 * above them. All have 512-byte MFM sectors numbered from 1; FM disks and
 * other sector sizes have no plain image format and are left out. */
#include "devices/storage/fdc-media.h"

#define RATE(r)    ((guint8) (1u << FDC_RATE_##r))
#define RATE_DD525 (RATE(250K) | RATE(300K)) /* 300K in a 1.2M drive */

/* clang-format off */
static const FdcGeometry geometries[] = {
    /* name    cyl  hd sec rates       drive */
    { "160K",   40, 1,  8, RATE_DD525, FDC_DRIVE_360K },
    { "180K",   40, 1,  9, RATE_DD525, FDC_DRIVE_360K },
    { "320K",   40, 2,  8, RATE_DD525, FDC_DRIVE_360K },
    { "360K",   40, 2,  9, RATE_DD525, FDC_DRIVE_360K },
    { "640K",   80, 2,  8, RATE(250K), FDC_DRIVE_720K },
    { "720K",   80, 2,  9, RATE(250K), FDC_DRIVE_720K },
    { "800K",   80, 2, 10, RATE(250K), FDC_DRIVE_720K },
    { "1.2M",   80, 2, 15, RATE(500K), FDC_DRIVE_1M2  },
    { "1.44M",  80, 2, 18, RATE(500K), FDC_DRIVE_1M44 },
    { "1.6M",   80, 2, 20, RATE(500K), FDC_DRIVE_1M44 },
    { "1.68M",  80, 2, 21, RATE(500K), FDC_DRIVE_1M44 }, /* DMF */
    { "1.72M",  82, 2, 21, RATE(500K), FDC_DRIVE_1M44 },
    { "2.88M",  80, 2, 36, RATE(1M),   FDC_DRIVE_2M88 },
};
/* Where an image of an odd size goes, smallest first. */
static const char *const fallbacks[] = { "1.44M", "1.72M", "2.88M" };
/* clang-format on */

guint64
fdc_geometry_bytes(const FdcGeometry *g)
{
    return (guint64) g->cylinders * g->heads * g->sectors * FDC_SECTOR_SIZE;
}

static const FdcGeometry *
find_by_name(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(geometries); i++)
        if (g_str_equal(geometries[i].name, name))
            return &geometries[i];
    return NULL;
}

const FdcGeometry *
fdc_geometry_find(guint64 bytes)
{
    if (bytes < FDC_SECTOR_SIZE)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(geometries); i++)
        if (fdc_geometry_bytes(&geometries[i]) == bytes)
            return &geometries[i];
    for (gsize i = 0; i < G_N_ELEMENTS(fallbacks); i++) {
        const FdcGeometry *g = find_by_name(fallbacks[i]);
        if (g != NULL && fdc_geometry_bytes(g) >= bytes)
            return g;
    }
    return NULL;
}

unsigned
fdc_drive_tracks(FdcDriveType type)
{
    return type == FDC_DRIVE_360K ? 42 : 84;
}
