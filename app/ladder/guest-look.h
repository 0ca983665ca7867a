/* app/ladder/guest-look.h - which system is on a disk, and what drivers it has,
 * as far as can be known without starting it.
 *
 * Partition tables and the signatures of file systems are read here; ext2, 3
 * and 4 by libext2fs where the build has it. Everything else is "cannot tell".
 * The image is opened read-only. What is on it was written by the guest, so the
 * parsers run in a process of their own that is left with nothing else
 * (guest-look-apart.c). Thread: any; blocks. */
#pragma once

#include "app/ladder/look-budget.h"
#include "vmm/block/image.h"

typedef enum {
    GUEST_UNKNOWN,
    GUEST_BLANK, /* nothing is on it */
    GUEST_LINUX,
    GUEST_WINDOWS,
    GUEST_DOS, /* works through the BIOS */
} GuestKind;

typedef enum {
    GUEST_DRIVER_UNKNOWN,
    GUEST_DRIVER_YES,
    GUEST_DRIVER_NO
} GuestDriver;

/* What is known of one driver. */
typedef struct {
    bool in_initrd, in_kernel, is_module; /* some kernel's */
    bool missing_in_initrd;               /* of some other */
} GuestModule;

/* Linux' names of drivers, in this order. */
enum {
    MODULE_BLK,
    MODULE_SCSI,
    MODULE_NET,
    MODULE_PCI,
    MODULE_INPUT,
    MODULE_RNG,
    MODULE_BALLOON,
    N_MODULES
};

typedef struct {
    GuestKind kind;
    char *name;       /* "Debian GNU/Linux 12 (bookworm)", "" not known */
    GPtrArray *facts; /* sentences: what was read and what it says */
    unsigned n_initrds, n_configs; /* that could be read */
    bool encrypted;
    bool cut_short; /* there is more than was looked at */
    LookBudget budget;
    GuestModule modules[N_MODULES];
} GuestLook;

/* NULL and error set: the image cannot be opened. */
GuestLook *guest_look(const BlockSpec *spec, GError **error);
/* The same in this process, at most for so much: for tests. */
GuestLook *guest_look_within(const BlockSpec *spec, const LookBudget *budget,
                             GError **error);
void guest_look_free(GuestLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestLook, guest_look_free)
const char *guest_kind_name(GuestKind kind); /* "Linux" */
/* Whether the system has a driver for a model ("virtio-blk"), and for a disk,
 * whether it is there when the system starts. ret_why: a sentence; g_free. */
GuestDriver guest_look_driver(const GuestLook *look, const char *model,
                              char **ret_why);

/* What guest_look() consists of: an empty one, guest_look_image(), and that in
 * a child which is ended some time after ms. */
typedef GuestLook *GuestLookFn(BlockImage *image, const LookBudget *budget);
GuestLook *guest_look_new(const LookBudget *budget);
GuestLook *guest_look_image(BlockImage *image, const LookBudget *budget);
GuestLook *guest_look_apart(const BlockSpec *spec, GuestLookFn *look_at,
                            guint ms, GError **error);

/* guest-ext.c: loads what a look may need, before it is locked in. */
void guest_look_ext_load(void);
/* Looks into an ext file system at offset; adds to look. */
void guest_look_ext(GuestLook *look, BlockImage *image, guint64 offset);
void guest_look_fact(GuestLook *look, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
