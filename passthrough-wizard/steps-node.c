/* passthrough-wizard/steps-node.c - steps about nodes in /dev/vfio, the files
 * that are ours to write, and the few programs that are run. */
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/steps.h"

/* ---- owners ---- */

/* A node that is not there yet, and one as the kernel makes it, are the same:
 * it comes and goes with the driver. */
char *
step_read_owner(HostHand *hand, const Step *step, GError **error)
{
    HostNode node;

    if (!host_root_stat(hand->root, step->target, &node) ||
        (node.uid == 0 && node.gid == 0 && node.mode == 0600))
        return g_strdup("");
    return g_strdup_printf("%u %u %04o", node.uid, node.gid, node.mode);
}

char *
step_read_usb_owner(HostHand *hand, const Step *step, GError **error)
{
    HostNode node;

    return host_root_stat(hand->root, step->target, &node)
               ? g_strdup_printf("%u %u %04o", node.uid, node.gid, node.mode)
               : g_strdup("");
}

bool
step_write_owner(HostHand *hand, const Step *step, const char *value,
                 GError **error)
{
    guint uid = 0, gid = 0, mode = 0600;
    HostNode node;

    if (*value == '\0' && !host_root_stat(hand->root, step->target, &node))
        return true;
    (void) sscanf(value, "%u %u %o", &uid, &gid, &mode); /* it was checked */
    int err = hand->ops->own(hand, step->target, uid, gid, mode);
    return err == 0 || step_fail(error, err, "owner of", step->target);
}

/* ---- files ---- */

/* Whole names, or a folder and how a name there begins. */
typedef struct {
    const char *path;
    bool prefix;
} PathRow;

/* clang-format off */
static const PathRow paths[] = {
    { "/etc/udev/rules.d/70-carrel-", true },
    { "/etc/security/limits.d/90-carrel-", true },
    { "/etc/systemd/system/carrel-", true },
    { "/etc/modprobe.d/carrel-", true },
    { "/etc/initramfs-tools/hooks/carrel-vfio", false },
    { "/etc/initramfs-tools/scripts/init-top/carrel-vfio", false },
    { "/etc/dracut.conf.d/90-carrel-vfio.conf", false },
    { "/usr/lib/dracut/modules.d/90carrel-vfio/module-setup.sh", false },
    { "/usr/lib/dracut/modules.d/90carrel-vfio/carrel-vfio.sh", false },
    { "/etc/initcpio/install/carrel-vfio", false },
    { "/etc/initcpio/hooks/carrel-vfio", false },
    { "/etc/mkinitcpio.conf.d/90-carrel-vfio.conf", false },
    { "/etc/grub.d/42_carrel", false },
    { "/etc/default/grub", false },
    { "/etc/default/grub.d/90-carrel.cfg", false },
    { "/boot/loader/entries/0-carrel-passthrough.conf", false },
    { "/boot/loader/loader.conf", false },
    { "/efi/loader/entries/0-carrel-passthrough.conf", false },
    { "/efi/loader/loader.conf", false },
    { "/boot/efi/loader/entries/0-carrel-passthrough.conf", false },
    { "/boot/efi/loader/loader.conf", false },
};
/* clang-format on */

bool
step_is_our_path(const char *path)
{
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        gsize len = strlen(paths[i].path);
        if (paths[i].prefix ? strncmp(path, paths[i].path, len) == 0 &&
                                  step_is_word(path + len)
                            : strcmp(path, paths[i].path) == 0)
            return true;
    }
    return false;
}

/* ---- programs ---- */

typedef struct {
    const char *name;
    const char *argv[6];
} ProgramRow;

/* clang-format off */
static const ProgramRow programs[] = {
    { "update-initramfs",      { "update-initramfs", "-u", "-k", "all" } },
    { "dracut",                { "dracut", "-f", "--regenerate-all" } },
    { "mkinitcpio",            { "mkinitcpio", "-P" } },
    { "update-grub",           { "update-grub" } },
    { "grub-mkconfig",         { "grub-mkconfig", "-o", "/boot/grub/grub.cfg" } },
    { "grub2-mkconfig",        { "grub2-mkconfig", "-o", "/boot/grub2/grub.cfg" } },
    { "udev-reload",           { "udevadm", "control", "--reload" } },
    { "systemd-reload",        { "systemctl", "daemon-reload" } },
};
/* clang-format on */

static const ProgramRow *
find_program(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++)
        if (strcmp(programs[i].name, name) == 0)
            return &programs[i];
    return NULL;
}

bool
step_is_program(const char *target)
{
    return find_program(target) != NULL;
}

bool
step_run(HostHand *hand, const Step *step, const char *value, GError **error)
{
    return *value == '\0' ||
           hand->ops->run(hand, find_program(step->target)->argv, error);
}
