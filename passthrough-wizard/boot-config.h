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
/* True when this host was started by the entry: its command line says so. */
bool boot_on_trial(const HostPci *host);
