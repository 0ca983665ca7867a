/* passthrough-wizard/access.c - see access.h. udev(7), pam_limits(8). */
#include "passthrough-wizard/access.h"

#include <stdio.h>
#include <string.h>

#define MEMORY_MORE (G_GUINT64_CONSTANT(1) << 30) /* BARs, ROMs, the like */
#define USB_HUB     0x09                          /* bDeviceClass */

static bool
has_udev(const HostHand *hand)
{
    return host_root_exists(hand->root, "/run/udev/control");
}

void
access_reload_when_undone(Plan *plan, const HostHand *hand)
{
    if (has_udev(hand))
        plan_add(plan, "run", "udev-reload", "run", "");
}

void
access_reload(Plan *plan, const HostHand *hand)
{
    if (has_udev(hand))
        plan_add(plan, "run", "udev-reload", "", "run");
}

/* ---- VFIO ---- */

static bool
add_node(Plan *plan, HostHand *hand, const char *kind, const char *node,
         const char *after, GError **error)
{
    const Step probe = {.kind = (char *) kind, .target = (char *) node};
    g_autofree char *before = step_read(hand, &probe, error);

    if (before == NULL)
        return false;
    plan_add(plan, kind, node, before, after);
    return true;
}

/* What another user has stays that user's. */
static bool
is_roots(const HostHand *hand, const char *path)
{
    HostNode node;
    return host_root_stat(hand->root, path, &node) && node.uid == 0;
}

bool
access_add_vfio(Plan *plan, HostHand *hand, gint64 user, GError **error)
{
    g_auto(GStrv) names = host_root_names(hand->root, "/dev/vfio");
    g_autofree char *owner =
        g_strdup_printf("%" G_GINT64_FORMAT " 0 0600", user);
    g_autofree char *text = g_strdup_printf(
        "# Carrel: user %" G_GINT64_FORMAT " may open IOMMU groups.\n"
        "SUBSYSTEM==\"vfio\", KERNEL==\"[0-9]*\", OWNER=\"%" G_GINT64_FORMAT
        "\", MODE=\"0600\"\n",
        user, user);

    if (!plan_add_file(plan, hand, "/etc/udev/rules.d/70-carrel-vfio.rules",
                       0644, text, error))
        return false;
    plan_note(plan,
              "user %" G_GINT64_FORMAT
              " can then open every device that is ever bound to vfio-pci, "
              "other people's machines' too; while the device is bound the "
              "rule would be for it alone",
              user);
    for (gsize i = 0; names[i] != NULL; i++) {
        g_autofree char *node = g_strdup_printf("/dev/vfio/%s", names[i]);
        if (g_ascii_isdigit(names[i][0]) && is_roots(hand, node) &&
            !add_node(plan, hand, "owner", node, owner, error))
            return false;
    }
    return true;
}

bool
access_add_vfio_bound(Plan *plan, HostHand *hand, const HostPci *host,
                      gint64 user, unsigned *ret_n, GError **error)
{
    g_autofree char *owner =
        g_strdup_printf("%" G_GINT64_FORMAT " 0 0600", user);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    *ret_n = 0;
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        g_autofree char *node = g_strdup_printf("/dev/vfio/%d", fn->group);
        if (g_strcmp0(fn->driver, "vfio-pci") != 0 ||
            !host_root_exists(hand->root, node))
            continue;
        ++*ret_n;
        if (!g_hash_table_add(seen, GINT_TO_POINTER(fn->group)) ||
            !is_roots(hand, node))
            continue;
        if (!access_add_vfio_of(plan, hand, fn->bdf, user, error) ||
            !add_node(plan, hand, "owner", node, owner, error))
            return false;
    }
    return true;
}

bool
access_add_vfio_of(Plan *plan, const HostHand *hand, const char *bdf,
                   gint64 user, GError **error)
{
    g_autofree char *name = g_strdelimit(g_strdup(bdf), ":", '-');
    g_autofree char *path =
        g_strdup_printf("/etc/udev/rules.d/70-carrel-vfio-%s.rules", name);
    g_autofree char *text = g_strdup_printf(
        "# Carrel: user %" G_GINT64_FORMAT " may open the IOMMU group of %s.\n"
        "SUBSYSTEM==\"vfio\", TEST==\"/sys/kernel/iommu_groups/%%k/devices/%s"
        "\", OWNER=\"%" G_GINT64_FORMAT "\", MODE=\"0600\"\n",
        user, bdf, bdf, user);

    return plan_add_file(plan, hand, path, 0644, text, error);
}

/* ---- locked memory ---- */

/* ":UID" is exactly that user. */
bool
access_add_memory(Plan *plan, const HostHand *hand, gint64 user, guint64 memory,
                  GError **error)
{
    g_autofree char *path = g_strdup_printf(
        "/etc/security/limits.d/90-carrel-%" G_GINT64_FORMAT ".conf", user);
    guint64 kib = (memory + MEMORY_MORE) / 1024;
    g_autofree char *text = g_strdup_printf(
        "# Carrel: devices that a machine has need its memory locked.\n"
        ":%" G_GINT64_FORMAT " - memlock %" G_GUINT64_FORMAT "\n",
        user, kib);

    plan_note(plan, "the limit of locked memory holds from the next login on");
    return plan_add_file(plan, hand, path, 0644, text, error);
}

/* ---- USB ---- */

static bool
are_numbers(const char *text)
{
    static const char shape[] = "xxxx:xxxx";

    for (gsize i = 0; i < sizeof shape; i++)
        if (shape[i] == 'x' ? !g_ascii_isxdigit(text[i]) : text[i] != shape[i])
            return false;
    return true;
}

static bool
is_one_of(HostHand *hand, const char *device, const char *numbers)
{
    g_autofree char *vendor =
        host_root_line(hand->root, "/sys/bus/usb/devices/%s/idVendor", device);
    g_autofree char *product =
        host_root_line(hand->root, "/sys/bus/usb/devices/%s/idProduct", device);
    g_autofree char *class = host_root_line(
        hand->root, "/sys/bus/usb/devices/%s/bDeviceClass", device);

    if (vendor == NULL || product == NULL || class == NULL)
        return false; /* an interface */
    if (numbers == NULL)
        return g_ascii_strtoull(class, NULL, 16) != USB_HUB;
    g_autofree char *own = g_strconcat(vendor, ":", product, NULL);
    return g_ascii_strcasecmp(own, numbers) == 0;
}

/* The node of a device that is there; NULL: it has none. */
static char *
usb_node(HostHand *hand, const char *device)
{
    gint64 bus =
        host_root_int(hand->root, -1, "/sys/bus/usb/devices/%s/busnum", device);
    gint64 number =
        host_root_int(hand->root, -1, "/sys/bus/usb/devices/%s/devnum", device);

    if (bus < 1 || bus > 999 || number < 1 || number > 999)
        return NULL;
    return g_strdup_printf("/dev/bus/usb/%03d/%03d", (int) bus, (int) number);
}

/* The nodes keep group and mode: others may need them, a printer's for one. */
static bool
add_usb_nodes(Plan *plan, HostHand *hand, gint64 user, const char *numbers,
              GError **error)
{
    g_auto(GStrv) devices = host_root_names(hand->root, "/sys/bus/usb/devices");

    for (gsize i = 0; devices[i] != NULL; i++) {
        g_autofree char *node = is_one_of(hand, devices[i], numbers)
                                    ? usb_node(hand, devices[i])
                                    : NULL;
        HostNode is;
        if (node == NULL || !host_root_stat(hand->root, node, &is) ||
            is.uid != 0)
            continue;
        g_autofree char *owner = g_strdup_printf("%" G_GINT64_FORMAT " %u %04o",
                                                 user, is.gid, is.mode);
        if (!add_node(plan, hand, "usb-owner", node, owner, error))
            return false;
    }
    return true;
}

bool
access_add_usb(Plan *plan, HostHand *hand, gint64 user, const char *numbers,
               GError **error)
{
    g_autofree char *tail =
        numbers != NULL ? g_strdup_printf("-%.4s-%.4s", numbers, numbers + 5)
                        : g_strdup("");
    g_autofree char *path =
        g_strdup_printf("/etc/udev/rules.d/70-carrel-usb%s.rules", tail);
    g_autofree char *which = numbers != NULL
                                 ? g_strdup_printf("ATTR{idVendor}==\"%.4s\", "
                                                   "ATTR{idProduct}==\"%.4s\"",
                                                   numbers, numbers + 5)
                                 : g_strdup("ATTR{bDeviceClass}!=\"09\"");
    g_autofree char *text = g_strdup_printf(
        "# Carrel: user %" G_GINT64_FORMAT " may open %s.\n"
        "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", %s, "
        "OWNER=\"%" G_GINT64_FORMAT "\"\n",
        user, numbers != NULL ? numbers : "USB devices", which, user);

    return plan_add_file(plan, hand, path, 0644, text, error) &&
           add_usb_nodes(plan, hand, user, numbers, error);
}

Plan *
access_usb_plan(HostHand *hand, gint64 user, const char *const *numbers,
                GError **error)
{
    g_autoptr(Plan) plan = plan_new("let USB devices be opened");
    bool one = numbers[0] != NULL;

    if (user <= 0) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                    "root may open all USB devices; --user says who else may");
        return NULL;
    }
    access_reload_when_undone(plan, hand);
    if (!one && !access_add_usb(plan, hand, user, NULL, error))
        return NULL;
    for (gsize i = 0; numbers[i] != NULL; i++) {
        g_autofree char *lower = g_ascii_strdown(numbers[i], -1);
        if (!are_numbers(lower)) {
            g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT,
                        "'%s' are no numbers of a USB device, such as "
                        "046d:c52b; `carrel usb list` shows them",
                        numbers[i]);
            return NULL;
        }
        if (!access_add_usb(plan, hand, user, lower, error))
            return NULL;
    }
    access_reload(plan, hand);
    plan_drop_idle(plan);
    if (!one)
        plan_note(plan, "programs of this user can then read every device that "
                        "is plugged in, keyboards too; `carrel usb setup "
                        "046d:c52b` is for one");
    plan_note(plan, "taken back, a device that was plugged in meanwhile stays "
                    "as it is until it is pulled");
    return g_steal_pointer(&plan);
}
