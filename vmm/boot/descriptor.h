/* vmm/boot/descriptor.h - firmware descriptors: small JSON files by which a
 * distribution says where its firmware images are. Thread: any. */
#pragma once

#include "vmm/types.h"

typedef struct {
    char *image; /* "mapping.filename", or for flash
                    "mapping.executable.filename" */
    char *nvram; /* "mapping.nvram-template.filename", or NULL */
    bool uefi;   /* one of its interfaces */
    bool x86_64; /* one of its targets' architectures */
    bool needs_smm;
    bool needs_format; /* image or nvram is qcow2 or the like, not raw */
} Descriptor;

/* False, and ret cleared, when the text is not JSON, nests deeper than 32, or
 * names no image; *ret_why (may be NULL) then says which, a constant string.
 * Else descriptor_clear() frees what ret has. */
bool descriptor_read(const char *json, gsize len, Descriptor *ret,
                     const char **ret_why);
void descriptor_clear(Descriptor *d);

/* Reads the host's descriptors, those of /etc/qemu/firmware first, each folder
 * by file name ("50-..." before "60-..."), until take(data, descriptor) is true,
 * which may steal its strings. Files that are no good are passed over. Whether
 * one was taken. */
bool descriptor_find(bool (*take)(void *data, Descriptor *d), void *data);
