/* app/helper/vf-mac.c - see vf-mac.h. Linux Documentation/ABI/testing/
 * sysfs-bus-pci: physfn and virtfnN; rtnetlink tells the address. */
#include "app/helper/vf-mac.h"

#include <linux/if_link.h>
#include <string.h>

#include "app/helper/rtnl.h"
#include "vmm/core/error.h"

#define DEVICES "/sys/bus/pci/devices"
#define MAX_VFS 256u

/* The last part of what a link points to, or NULL. */
static char *
link_name(const char *path)
{
    g_autofree char *target = g_file_read_link(path, NULL);

    return target != NULL ? g_path_get_basename(target) : NULL;
}

/* The number of a virtual function of pf; -1: none. */
static int
number_of(const char *pf, const char *bdf)
{
    for (unsigned i = 0; i < MAX_VFS; i++) {
        g_autofree char *path = g_strdup_printf(DEVICES "/%s/virtfn%u", pf, i);
        g_autofree char *name = link_name(path);
        if (name == NULL || strcmp(name, bdf) == 0)
            return name != NULL ? (int) i : -1;
    }
    return -1;
}

static char *
interface_of(const char *pf)
{
    g_autofree char *path = g_strdup_printf(DEVICES "/%s/net", pf);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    return dir != NULL ? g_strdup(g_dir_read_name(dir)) : NULL;
}

bool
vf_mac_check(const char *bdf, const char *mac, GError **error)
{
    g_autofree char *link = g_strdup_printf(DEVICES "/%s/physfn", bdf);
    g_autofree char *pf = link_name(link);
    g_autofree char *interface = pf != NULL ? interface_of(pf) : NULL;
    int vf = pf != NULL ? number_of(pf, bdf) : -1;
    RtnlVf now = {0};

    if (interface == NULL || vf < 0) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s is no virtual function of a network card with a driver "
                    "of the host, and no other device's address can be chosen; "
                    "leave pci#.mac empty",
                    bdf);
        return false;
    }
    int err = rtnl_vf_get(interface, (unsigned) vf, &now);
    if (err < 0 || (now.known & 1u << IFLA_VF_MAC) == 0) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "the address of %s cannot be read (%s); leave pci#.mac "
                    "empty and give it one by `carrel passthrough vf set %s %d "
                    "mac=%s`",
                    bdf, err < 0 ? g_strerror(-err) : "the driver tells none",
                    pf, vf, mac);
        return false;
    }
    const guint8 *m = now.mac;
    g_autofree char *has = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x",
                                           m[0], m[1], m[2], m[3], m[4], m[5]);
    if (g_ascii_strcasecmp(has, mac) == 0)
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                "%s has the address %s, not %s; `carrel start` gives it that "
                "for as long as the machine runs, `carrel passthrough vf set "
                "%s %d mac=%s` for longer",
                bdf, has, mac, pf, vf, mac);
    return false;
}
