/* vmm/boot/elf.h - x86 executables in ELF files: what is loaded where, and
 * the note by which a kernel offers the PVH entry. */
#pragma once

#include "vmm/boot/boot-target.h"

#define ELF_MAX_SEGMENTS 32u

typedef struct {
    guint64 offset, file_len; /* in the file */
    Gpa addr;                 /* physical */
    guint64 mem_len;
} ElfSegment;

typedef struct {
    bool is64;
    Gpa entry; /* physical */
    unsigned n_segments;
    ElfSegment segments[ELF_MAX_SEGMENTS]; /* those with memory */
    Gpa start, end;                        /* of all segments */
    bool has_pvh;
    Gpa pvh_entry; /* 32 bit */
} ElfImage;

bool elf_is_image(const guint8 *head, gsize len);
/* False and error set (CARREL_BOOT_ERROR) naming the field that is wrong.
 * Every segment lies inside the file and below 4 GiB. */
bool elf_parse(const BootFile *file, ElfImage *ret_image, GError **error);
/* Reads every segment into the guest's memory. */
bool elf_load(const BootFile *file, const ElfImage *image, const BootTarget *t,
              GError **error);
