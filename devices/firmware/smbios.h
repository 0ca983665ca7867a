/* devices/firmware/smbios.h - tables that say what computer this is.
 *
 * DMTF DSP0134 (System Management BIOS) 2.8. Set-up thread. */
#pragma once

#include "vmm/types.h"

#define SMBIOS_UUID_LEN   16
#define SMBIOS_ANCHOR_LEN 31 /* of version 2.x */

/* Texts: NULL or "" are left out; at most 64 printable ASCII characters. */
typedef struct {
    const char *manufacturer, *product, *version, *serial, *sku, *family;
    const char *asset_tag;        /* of the chassis */
    const char *board;            /* name of the main board */
    guint8 uuid[SMBIOS_UUID_LEN]; /* as its text reads: big-endian */
    guint64 memory;               /* bytes, multiple of 1 MiB */
    unsigned cpus, sockets;       /* logical processors in all; 1 or more */
    unsigned threads;             /* of a core; 1 or more */
    bool uefi, hidden;            /* hidden: says not that it is virtual */
} SmbiosSpec;

/* low_memory: bytes of the RAM below the hole at 4 GiB. tables: the structures,
 * for address tables_at below 4 GiB. anchor: the entry point that leads there,
 * for an address that is a multiple of 16 from F0000 to FFFFF. Firmware that
 * moves the tables makes a new anchor from this one. Both are the caller's. */
void smbios_make(const SmbiosSpec *spec, guint64 low_memory, Gpa tables_at,
                 GBytes **ret_anchor, GBytes **ret_tables);
