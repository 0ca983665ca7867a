/* vmm/boot/linux.h - Linux' x86 boot protocol: bzImage files, and the zero
 * page that a kernel started by its 64-bit entry finds. */
#pragma once

#include "vmm/boot/boot-target.h"

#define LINUX_HEAD     0x1000u /* bytes of the file that parsing wants */
#define LINUX_HDR      0x1f1u  /* setup header: file and zero page */
#define LINUX_HDR_END  0x290u
#define LINUX_NAME_MAX 80u

typedef struct {
    guint16 version; /* 0x20c: protocol 2.12 */
    guint64 setup_len, kernel_len;
    guint32 alignment, init_size; /* 0: the header is too old to say */
    guint64 preferred;
    guint32 initrd_max; /* last address */
    guint32 cmdline_max;
    bool relocatable, has_64bit_entry;
    guint32 payload_offset, payload_len; /* in the kernel part; 0: unknown */
    guint8 header[LINUX_HDR_END - LINUX_HDR];
    gsize header_len;
    guint32 name_offset; /* in the file; 0: none */
} LinuxImage;

/* head: the first bytes of the file, LINUX_HEAD or all there are. */
bool linux_is_image(const guint8 *head, gsize len);
/* False and error set (CARREL_BOOT_ERROR) naming the field that is wrong. */
bool linux_parse(const BootFile *file, LinuxImage *ret_image, GError **error);
/* "6.1.0-56-amd64 (debian...", as the file says; NULL. Free with g_free(). */
char *linux_name(const BootFile *file, const LinuxImage *image);

/* Kernel, initrd, command line and zero page into t; *ret_entry: where to
 * begin. */
bool linux_load(const BootFile *file, const LinuxImage *image,
                const BootTarget *t, CpuEntry *ret_entry, GError **error);

/* For a kernel that is in memory already and starts by the same 64-bit
 * convention: rip is its physical entry, end where it ends. */
bool linux_enter(const BootFile *file, const LinuxImage *image, Gpa rip,
                 Gpa end, const BootTarget *t, CpuEntry *ret_entry,
                 GError **error);
