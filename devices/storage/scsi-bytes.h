/* devices/storage/scsi-bytes.h - big-endian numbers in commands and answers.
 * Any thread. */
#pragma once

#include "vmm/types.h"

static inline guint32
scsi_get16(const guint8 *p)
{
    return (guint32) (p[0] << 8 | p[1]);
}

static inline guint32
scsi_get24(const guint8 *p)
{
    return (guint32) p[0] << 16 | scsi_get16(p + 1);
}

static inline guint32
scsi_get32(const guint8 *p)
{
    return (guint32) p[0] << 24 | scsi_get24(p + 1);
}

static inline guint64
scsi_get64(const guint8 *p)
{
    return (guint64) scsi_get32(p) << 32 | scsi_get32(p + 4);
}

/* The low bits of value. */
static inline void
scsi_put16(guint8 *p, guint64 value)
{
    p[0] = (guint8) (value >> 8);
    p[1] = (guint8) value;
}

static inline void
scsi_put32(guint8 *p, guint64 value)
{
    scsi_put16(p, value >> 16);
    scsi_put16(p + 2, value);
}

static inline void
scsi_put64(guint8 *p, guint64 value)
{
    scsi_put32(p, value >> 32);
    scsi_put32(p + 4, value);
}
