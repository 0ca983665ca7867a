/* passthrough-wizard/boot-config.h - plans that bind functions when the host
 * starts: early, in the initramfs, and only where the kernel's command line
 * says so. It is a boot entry of its own, on trial: the old one stays what it
 * was, and the default, until somebody confirms. Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/vfio-bind.h"

/* The files of early binding for this host's initramfs-tools, dracut or
 * mkinitcpio, an entry for GRUB or systemd-boot, and what vfio_bind_plan() has
 * that lasts. Its refusals, and REFUSED where the host starts in no way that is
 * known. */
Plan *boot_plan(HostHand *hand, const HostPci *host, const char *const *bdfs,
                const BindOptions *options, GError **error);
/* Makes the entry on trial the default. REFUSED when there is none. */
Plan *boot_confirm_plan(HostHand *hand, GError **error);

typedef enum {
    BOOT_TRIAL_NONE,
    BOOT_TRIAL_WAITS, /* the entry is there, and was not chosen yet */
    BOOT_TRIAL_ON,    /* it started this host, and nobody has confirmed it: the
                         next start is by the old one again */
    BOOT_TRIAL_CONFIRMED
} BootTrial;
BootTrial boot_trial(const HostRoot *root);
/* What lists of machines say with BOOT_TRIAL_ON. */
#define BOOT_TRIAL_NOTICE                                                      \
    "booted on trial: `carrel passthrough confirm`, or the next start goes "   \
    "back"
