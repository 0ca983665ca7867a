/* vmm/boot/kernel.h - a kernel that a machine starts without firmware:
 * recognised by its content, checked, loaded at each reset. */
#pragma once

#include "vmm/boot/boot-target.h"

#define KERNEL_HEAD 8192u /* bytes by which a file is recognised */

typedef enum {
    KERNEL_NONE,     /* not a kernel that we know */
    KERNEL_BZIMAGE,  /* Linux, as distributions have it */
    KERNEL_ELF,      /* with a PVH note, or Linux' vmlinux */
    KERNEL_MULTIBOOT /* Multiboot 1, ELF or plain */
} KernelKind;

typedef struct {
    const char *path;
    const char *initrd;    /* NULL: none */
    const char *cmdline;   /* "": none */
    const char *cache_dir; /* where unpacked bzImages are kept; NULL: a bzImage
                              unpacks itself in the guest */
} KernelSpec;

typedef struct Kernel Kernel;

/* By magic numbers only: the file may still be damaged. Any thread. */
KernelKind kernel_kind_of(const guint8 *head, gsize len);
/* The same of a file; KERNEL_NONE when it cannot be read. */
KernelKind kernel_kind_of_file(const char *path);

/* Opens and checks the files. NULL and error set: CARREL_BOOT_ERROR,
 * G_FILE_ERROR. Set-up thread. */
Kernel *kernel_open(const KernelSpec *spec, GError **error);
void kernel_free(Kernel *kernel); /* NULL is fine */
/* "bzImage, Linux 6.1.0 (...), unpacked from the cache". Free with g_free. */
char *kernel_describe(const Kernel *kernel);
/* Writes everything into the guest's memory: mem, map, n_map and rsdp of
 * target are the caller's, the rest is filled in. At the start and at each
 * reset; loop thread, vCPUs parked. */
bool kernel_load(Kernel *kernel, BootTarget *target, CpuEntry *ret_entry,
                 GError **error);
