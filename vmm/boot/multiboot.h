/* vmm/boot/multiboot.h - kernels with a Multiboot 1 header: hobby systems,
 * boot loaders, test programs. */
#pragma once

#include "vmm/boot/elf.h"

#define MULTIBOOT_SEARCH 8192u /* the header is in the first bytes */

typedef struct {
    guint32 flags;
    bool is_elf; /* else the addresses in the header say what to load */
    ElfImage elf;
    ElfSegment plain; /* not ELF: the one piece */
    Gpa entry, end;
} MultibootImage;

/* Whether there is a header with a right checksum in the first bytes. */
bool multiboot_is_image(const guint8 *head, gsize len);
/* False and error set (CARREL_BOOT_ERROR) naming the field that is wrong. */
bool multiboot_parse(const BootFile *file, MultibootImage *ret_image,
                     GError **error);
/* Kernel, the initrd as the first module, command line and information into
 * t; *ret_entry: where to begin. */
bool multiboot_load(const BootFile *file, const MultibootImage *image,
                    const BootTarget *t, CpuEntry *ret_entry, GError **error);
