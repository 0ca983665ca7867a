/* devices/storage/fdc-media.h - floppy formats and drives, by table. */
#pragma once

#include "vmm/types.h"

#define FDC_SECTOR_SIZE    512
#define FDC_SIZE_CODE      2 /* N of a 512-byte sector: 128 << N */
#define FDC_MAX_SECTORS    36
#define FDC_MAX_TRACK_SIZE (FDC_MAX_SECTORS * FDC_SECTOR_SIZE)

/* Values of the "type" options and, but for auto, of CMOS register 0x10. */
typedef enum {
    FDC_DRIVE_NONE,
    FDC_DRIVE_360K,
    FDC_DRIVE_1M2,
    FDC_DRIVE_720K,
    FDC_DRIVE_1M44,
    FDC_DRIVE_2M88,
    FDC_DRIVE_AUTO
} FdcDriveType;

/* Data rates as in bits 1-0 of the CCR, 82077AA table 2-6. */
enum {
    FDC_RATE_500K = 0,
    FDC_RATE_300K = 1,
    FDC_RATE_250K = 2,
    FDC_RATE_1M = 3
};

typedef struct {
    const char *name;
    guint8 cylinders, heads, sectors; /* per track */
    guint8 rates;       /* bit per FDC_RATE_ value the medium can be read at */
    FdcDriveType drive; /* the drive such a disk belongs into */
} FdcGeometry;

/* The format of an image of that many bytes: the row of exactly this size,
 * else the smallest common format it fits into; the missing rest then reads
 * as zeros. NULL: shorter than a sector or longer than any floppy. */
const FdcGeometry *fdc_geometry_find(guint64 bytes);
guint64 fdc_geometry_bytes(const FdcGeometry *geometry);

/* Tracks a drive of that type can step over. */
unsigned fdc_drive_tracks(FdcDriveType type);
