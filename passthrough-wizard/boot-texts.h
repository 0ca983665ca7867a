/* passthrough-wizard/boot-texts.h - the files that bind functions while a host
 * starts, word for word. All of them do nothing unless the kernel's command
 * line has carrel.vfio=ADDRESS,..., which only an entry of ours has. */
#pragma once

/* Plain sh, as it is in an initramfs: no programs but modprobe. */
#define BOOT_TEXT_BIND                                                         \
    "list=\n"                                                                  \
    "read -r line </proc/cmdline\n"                                            \
    "for word in $line; do\n"                                                  \
    "    case $word in carrel.vfio=*) list=${word#carrel.vfio=} ;; esac\n"     \
    "done\n"                                                                   \
    "old_ifs=$IFS\n"                                                           \
    "IFS=,\n"                                                                  \
    "for bdf in $list; do\n"                                                   \
    "    override=/sys/bus/pci/devices/$bdf/driver_override\n"                 \
    "    [ ! -e \"$override\" ] || echo vfio-pci >\"$override\"\n"             \
    "done\n"                                                                   \
    "IFS=$old_ifs\n"                                                           \
    "[ -z \"$list\" ] || modprobe vfio-pci\n"

#define BOOT_TEXT_HEAD                                                         \
    "# Carrel: functions named by carrel.vfio= go to vfio-pci before "         \
    "another\n"                                                                \
    "# driver has them. `carrel passthrough undo` removes this file.\n"

#define BOOT_TEXT_TOOLS_PREREQS "case $1 in prereqs) echo; exit 0 ;; esac\n"

#define BOOT_TEXT_TOOLS_HOOK                                                   \
    "#!/bin/sh\n" BOOT_TEXT_HEAD BOOT_TEXT_TOOLS_PREREQS                       \
    ". /usr/share/initramfs-tools/hook-functions\n"                            \
    "manual_add_modules vfio-pci vfio_iommu_type1\n"

#define BOOT_TEXT_TOOLS_SCRIPT                                                 \
    "#!/bin/sh\n" BOOT_TEXT_HEAD BOOT_TEXT_TOOLS_PREREQS BOOT_TEXT_BIND

#define BOOT_TEXT_DRACUT_SETUP                                                 \
    "#!/bin/bash\n" BOOT_TEXT_HEAD "check() { return 0; }\n"                   \
    "depends() { return 0; }\n"                                                \
    "installkernel() { instmods vfio_pci vfio_iommu_type1; }\n"                \
    "install() { inst_hook pre-udev 10 \"$moddir/carrel-vfio.sh\"; }\n"

#define BOOT_TEXT_DRACUT_SCRIPT "#!/bin/sh\n" BOOT_TEXT_HEAD BOOT_TEXT_BIND

#define BOOT_TEXT_DRACUT_CONF                                                  \
    BOOT_TEXT_HEAD "add_dracutmodules+=\" carrel-vfio \"\n"

#define BOOT_TEXT_INITCPIO_INSTALL                                             \
    "#!/bin/bash\n" BOOT_TEXT_HEAD "build() {\n"                               \
    "    add_module vfio_pci\n"                                                \
    "    add_module vfio_iommu_type1\n"                                        \
    "    add_runscript\n"                                                      \
    "}\n"

#define BOOT_TEXT_INITCPIO_HOOK                                                \
    "#!/usr/bin/ash\n" BOOT_TEXT_HEAD "run_earlyhook() {\n" BOOT_TEXT_BIND "}" \
    "\n"

#define BOOT_TEXT_INITCPIO_CONF BOOT_TEXT_HEAD "HOOKS+=(carrel-vfio)\n"

#define BOOT_GRUB_ID            "carrel-gnulinux-"

/* %s: arguments. GRUB's own generator makes the entries, so that disks that are
 * encrypted or of several parts, and later kernels, are as in its own. */
#define BOOT_TEXT_GRUB_ENTRY                                                   \
    "#!/bin/sh\n"                                                              \
    "# Carrel: the host's kernels once more, with passthrough. `carrel\n"      \
    "# passthrough undo` removes this file.\n"                                 \
    "set -e\n"                                                                 \
    "[ -x /etc/grub.d/10_linux ] || exit 0\n"                                  \
    "GRUB_CMDLINE_LINUX_DEFAULT=\"${GRUB_CMDLINE_LINUX_DEFAULT:-} %s\"\n"      \
    "GRUB_DISTRIBUTOR=\"Passthrough (Carrel), ${GRUB_DISTRIBUTOR:-Linux}\"\n"  \
    "GRUB_DISABLE_SUBMENU=y\n"                                                 \
    "GRUB_DISABLE_RECOVERY=true\n"                                             \
    "GRUB_ENABLE_BLSCFG=false\n"                                               \
    "export GRUB_CMDLINE_LINUX_DEFAULT GRUB_DISTRIBUTOR "                      \
    "GRUB_DISABLE_SUBMENU \\\n"                                                \
    "    GRUB_DISABLE_RECOVERY GRUB_ENABLE_BLSCFG\n"                           \
    "/etc/grub.d/10_linux | sed \"s/'gnulinux-/'" BOOT_GRUB_ID "/\"\n"
