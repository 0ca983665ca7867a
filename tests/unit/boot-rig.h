/* tests/unit/boot-rig.h - for tests of kernel loaders: a file out of bytes,
 * guest RAM, and kernels made by hand. */
#pragma once

#include "vmm/boot/boot-target.h"

#define RIG_BZIMAGE 8192u /* bytes of the made bzImage */

typedef struct {
    BootFile *file;
    GuestMem *mem;
    guint8 *ram; /* guest address 0 */
    BootTarget target;
    BootFile *initrd;
} BootRig;

/* RAM of mib MiB from 0, command line "quiet", no initrd. */
BootRig *boot_rig_new(const void *data, gsize len, unsigned mib);
void boot_rig_free(BootRig *rig);
void boot_rig_initrd(BootRig *rig, const void *data, gsize len);
BootFile *boot_rig_file(const char *what, const void *data, gsize len);

/* Little-endian values. */
guint64 boot_rig_get(const guint8 *p, unsigned n);
void boot_rig_put(guint8 *p, guint64 value, unsigned n);

/* A relocatable 64-bit bzImage of protocol 2.15, one set-up sector, preferred
 * address 16 MiB, init_size 2 MiB; its code is bytes that count up. */
void boot_rig_bzimage(guint8 data[RIG_BZIMAGE]);
/* An ELF kernel of len bytes: one segment with everything after the headers at
 * 16 MiB, entry at its start plus 16; with_pvh: and a note with its entry at
 * plus 32. is64: class. Returns bytes used by headers and note. */
gsize boot_rig_elf(guint8 *data, gsize len, bool is64, bool with_pvh);
