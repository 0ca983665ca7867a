/* vmm/boot/pvh.h - the PVH entry of a kernel: 32-bit protected mode and a
 * table of facts in memory. */
#pragma once

#include "vmm/boot/elf.h"

/* Segments, initrd, command line and start info into t; *ret_entry: where to
 * begin. image->has_pvh. */
bool pvh_load(const BootFile *file, const ElfImage *image, const BootTarget *t,
              CpuEntry *ret_entry, GError **error);
