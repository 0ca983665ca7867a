/* vmm/boot/boot-target.h - where a kernel is loaded to: the guest's memory
 * map, what it is told, and the pages below 1 MiB that loaders use.
 *
 *   01000  GDT                     09000  PVH or Multiboot information
 *   02000  PML4, PDPT, four PDs    10000  command line, 64 KiB
 *   08000  Linux' zero page        1 MiB  and up: kernel, initrd */
#pragma once

#include "vmm/boot/boot-file.h"
#include "vmm/cpu/cpu.h"

#define BOOT_GDT         0x1000u
#define BOOT_PAGE_TABLES 0x2000u
#define BOOT_ZERO_PAGE   0x8000u
#define BOOT_INFO        0x9000u
#define BOOT_INFO_LEN    0x2000u
#define BOOT_CMDLINE     0x10000u
#define BOOT_CMDLINE_MAX 0xffffu /* characters */
#define BOOT_HIGH        0x100000u
#define BOOT_MAX_RANGES  16u

/* Numbers of the BIOS call E820h; Linux, PVH and Multiboot use the same. */
typedef enum { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3 } BootRangeType;

typedef struct {
    Gpa addr;
    guint64 len;
    BootRangeType type;
} BootRange;

typedef struct {
    GuestMem *mem;
    BootRange map[BOOT_MAX_RANGES]; /* ascending, disjoint */
    unsigned n_map;
    Gpa rsdp;               /* ACPI's root pointer; 0: no ACPI */
    const char *cmdline;    /* "": none */
    const BootFile *initrd; /* NULL: none */
    /* The guest ran before: what a kernel expects to be zero may not be. */
    bool used;
} BootTarget;

/* End of the RAM that begins at 1 MiB; 0 when there is none. */
Gpa boot_high_end(const BootTarget *t);
/* Host address of guest RAM [gpa, gpa+len) above 1 MiB; NULL and error set
 * (file: who wants it) when that is not RAM of one piece. */
void *boot_room(const BootTarget *t, const BootFile *file, Gpa gpa, guint64 len,
                GError **error);
/* Host address of one of the pages above; the machine has RAM there. */
void *boot_low(const BootTarget *t, Gpa gpa, gsize len);
/* Reads len bytes of file to gpa and clears what follows up to mem_len. */
bool boot_place(const BootTarget *t, const BootFile *file, guint64 offset,
                Gpa gpa, guint64 len, guint64 mem_len, GError **error);
/* Puts the initrd below limit (0: anywhere below 4 GiB) and above floor, the
 * kernel's end. *ret_gpa and *ret_len are 0 without one. */
bool boot_place_initrd(const BootTarget *t, Gpa floor, Gpa limit, Gpa *ret_gpa,
                       guint64 *ret_len, GError **error);
/* Copies the command line to BOOT_CMDLINE; max: what the kernel reads. */
bool boot_place_cmdline(const BootTarget *t, const BootFile *file, gsize max,
                        GError **error);
/* GDT, and for long mode page tables that map the first 4 GiB one to one;
 * fills what of *ret_entry they decide. */
void boot_enter_long(const BootTarget *t, CpuEntry *ret_entry);
void boot_enter_protected(const BootTarget *t, CpuEntry *ret_entry);
