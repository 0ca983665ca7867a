/* passthrough-wizard/host-uses.c - who on the host needs a function: file
 * systems, the network's way out, the console, the only keyboard, processes.
 *
 * A class device of sysfs (a disk, an interface, a node of a driver) belongs to
 * the function that its path lies below. What is stacked on it (partitions,
 * mappings, bridges) is followed down. */
#include "passthrough-wizard/host-uses.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

/* ---- class devices ------------------------------------------------------- */

static HostPciFn *
owner_of(HostPci *host, const char *path)
{
    g_autofree char *bdf = path != NULL ? host_bdf_owner(path) : NULL;
    return bdf != NULL ? host_pci_find_mutable(host, bdf) : NULL;
}

/* NULL-terminated with name at its end; takes strv. */
static char **
with_name(char **strv, const char *name)
{
    guint n = strv != NULL ? g_strv_length(strv) : 0;

    strv = g_renew(char *, strv, n + 2);
    strv[n] = g_strdup(name);
    strv[n + 1] = NULL;
    return strv;
}

/* "/dev/dri/card0" of a directory of sysfs that has a node, else NULL. */
char *
host_node_name(const HostRoot *root, const char *dir)
{
    g_autofree char *path = g_strconcat(dir, "/uevent", NULL);
    g_autofree char *text = host_root_read(root, path, 65536, NULL, NULL);
    const char *at = text != NULL ? strstr(text, "DEVNAME=") : NULL;

    if (at == NULL || (at != text && at[-1] != '\n'))
        return NULL;
    at += strlen("DEVNAME=");
    return g_strdup_printf("/dev/%.*s", (int) strcspn(at, "\n"), at);
}

/* The functions of an NVMe subsystem, below none of which its disks hang; path
 * is one of a disk of it. */
static void
each_of_subsystem(const HostRoot *root, HostPci *host, const char *path,
                  void (*each)(HostPciFn *fn, gconstpointer data),
                  gconstpointer data)
{
    static const char mark[] = "/nvme-subsystem/";
    const char *at = strstr(path, mark);

    if (at == NULL)
        return;
    g_autofree char *dir = g_strndup(path, (gsize) (at - path) + strlen(mark) +
                                               strcspn(at + strlen(mark), "/"));
    g_auto(GStrv) names = host_root_names(root, "%s", dir);
    for (unsigned i = 0; names[i] != NULL; i++) {
        g_autofree char *link = host_root_link(root, "%s/%s", dir, names[i]);
        HostPciFn *fn = owner_of(host, link);
        if (fn != NULL)
            each(fn, data);
    }
}

static void
add_shared_disk(HostPciFn *fn, gconstpointer name)
{
    fn->blocks = with_name(fn->blocks, name);
}

static void
add_class_device(const HostRoot *root, HostPci *host, const char *class,
                 const char *name)
{
    g_autofree char *link =
        host_root_link(root, "/sys/class/%s/%s", class, name);
    HostPciFn *fn = owner_of(host, link);

    if (fn == NULL && link != NULL && strcmp(class, "block") == 0) {
        g_autofree char *shared = host_sysfs_path(link);
        g_autofree char *part = g_strconcat(shared, "/partition", NULL);
        if (!host_root_exists(root, part))
            each_of_subsystem(root, host, shared, add_shared_disk, name);
    }
    if (fn == NULL)
        return;
    if (strcmp(class, "net") == 0)
        fn->netdevs = with_name(fn->netdevs, name);
    g_autofree char *dir = host_sysfs_path(link);
    g_autofree char *partition = g_strconcat(dir, "/partition", NULL);
    if (host_root_exists(root, partition))
        return;
    if (strcmp(class, "block") == 0)
        fn->blocks = with_name(fn->blocks, name);
    g_autofree char *node = host_node_name(root, dir);
    if (node != NULL)
        fn->nodes = with_name(fn->nodes, node);
}

static void
read_class_devices(const HostRoot *root, HostPci *host)
{
    static const char *const names[] = {
        "block", "drm",   "graphics", "hidraw",     "input",      "net",
        "nvme",  "sound", "tty",      "usb_device", "video4linux"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(GStrv) devices =
            host_root_names(root, "/sys/class/%s", names[i]);
        for (unsigned d = 0; devices[d] != NULL; d++)
            add_class_device(root, host, names[i], devices[d]);
    }
    g_auto(GStrv) usb = host_root_names(root, "/sys/bus/usb/devices");
    for (unsigned d = 0; usb[d] != NULL; d++) {
        g_autofree char *link =
            host_root_link(root, "/sys/bus/usb/devices/%s", usb[d]);
        g_autofree char *dir = host_sysfs_path(link);
        HostPciFn *fn = owner_of(host, dir);
        g_autofree char *node = fn != NULL ? host_node_name(root, dir) : NULL;
        if (node != NULL)
            fn->nodes = with_name(fn->nodes, node);
    }
}

/* The driver of NVIDIA has nodes outside of sysfs. */
static void
read_nvidia_nodes(const HostRoot *root, HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        g_autofree char *path =
            g_strdup_printf("/proc/driver/nvidia/gpus/%s/information", fn->bdf);
        g_autofree char *text = host_root_read(root, path, 65536, NULL, NULL);
        const char *at = text != NULL ? strstr(text, "Device Minor:") : NULL;
        unsigned minor;
        if (at == NULL || sscanf(at, "Device Minor: %9u", &minor) != 1)
            continue;
        g_autofree char *node = g_strdup_printf("/dev/nvidia%u", minor);
        fn->nodes = with_name(fn->nodes, node);
    }
}

/* ---- disks --------------------------------------------------------------- */

typedef struct {
    const HostRoot *root;
    HostPci *host;
    HostUseKind kind;
    const char *what;
} Blame;

static bool
has_use(const HostPciFn *fn, HostUseKind kind, const char *what)
{
    for (guint i = 0; i < fn->uses->len; i++) {
        const HostUse *use = g_ptr_array_index(fn->uses, i);
        if (use->kind == kind && g_strcmp0(use->what, what) == 0)
            return true;
    }
    return false;
}

static void
blame_fn(const Blame *b, HostPciFn *fn)
{
    if (fn != NULL && !has_use(fn, b->kind, b->what))
        host_pci_fn_add_use(fn, b->kind, g_strdup(b->what), 0, NULL);
}

static void
blame_each(HostPciFn *fn, gconstpointer blame)
{
    blame_fn(blame, fn);
}

static void
blame_block(const Blame *b, const char *name, unsigned depth)
{
    g_autofree char *link =
        host_root_link(b->root, "/sys/class/block/%s", name);
    g_autofree char *path = host_sysfs_path(link);

    if (path == NULL || depth > DEPTH_MAX)
        return;
    HostPciFn *fn = owner_of(b->host, path);
    if (fn != NULL)
        blame_fn(b, fn);
    else
        each_of_subsystem(b->root, b->host, path, blame_each, b);
    g_auto(GStrv) below = host_root_names(b->root, "%s/slaves", path);
    for (unsigned i = 0; below[i] != NULL; i++)
        blame_block(b, below[i], depth + 1);
}

static bool
is_of_the_system(const char *where)
{
    static const char *const places[] = {
        "/",    "/boot", "/boot/efi", "/efi", "/usr", "/var", "/home",
        "/etc", "/root", "/nix",      "/gnu", "/opt", "/srv", "/tmp"};

    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (strcmp(where, places[i]) == 0)
            return true;
    return false;
}

/* The name in sysfs of what is mounted: by number, or, since btrfs has numbers
 * of its own, by the node that it was mounted from. */
static char *
block_of(const HostRoot *root, const char *number, const char *source)
{
    char *name = host_root_link_name(root, "/sys/dev/block/%s", number);

    if (name != NULL || !g_str_has_prefix(source, "/dev/"))
        return name;
    g_autofree char *link = host_root_link_name(root, "%s", source);
    return g_strdup(link != NULL ? link : source + strlen("/dev/"));
}

/* A pool of ZFS does not say which disks it has: none without another known use
 * is free for certain. */
static void
blame_pool(HostPci *host, const char *pool)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (fn->blocks != NULL)
            host_pci_fn_add_use(
                fn, HOST_USE_DISK,
                g_strdup_printf("the ZFS pool %s, perhaps", pool), 0, NULL);
    }
}

static void
read_mounts(const HostRoot *root, HostPci *host)
{
    g_autofree char *text = host_root_read(root, "/proc/self/mountinfo",
                                           HOST_ROOT_MAX_FILE, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    g_autoptr(GHashTable) pools =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        /* id parent major:minor root where options [tags] - type source ... */
        const char *dash = strstr(lines[i], " - ");
        g_auto(GStrv) w = g_strsplit(lines[i], " ", 6);
        g_auto(GStrv) tail = g_strsplit(dash != NULL ? dash + 3 : "", " ", 3);
        if (g_strv_length(w) < 6 || g_strv_length(tail) < 2)
            continue;
        if (strcmp(tail[0], "zfs") == 0) {
            char *pool = g_strndup(tail[1], strcspn(tail[1], "/"));
            if (g_hash_table_add(pools, pool))
                blame_pool(host, pool);
            continue;
        }
        g_autofree char *name = block_of(root, w[2], tail[1]);
        Blame b = {root, host,
                   is_of_the_system(w[4]) ? HOST_USE_ROOT_DISK : HOST_USE_DISK,
                   w[4]};
        if (name != NULL)
            blame_block(&b, name, 0);
    }
}

static void
read_swaps(const HostRoot *root, HostPci *host)
{
    g_autofree char *text =
        host_root_read(root, "/proc/swaps", 65536, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    Blame b = {root, host, HOST_USE_DISK, "swap"};

    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_auto(GStrv) w = g_strsplit(lines[i], " ", 2);
        if (w[0] == NULL || !g_str_has_prefix(w[0], "/dev/"))
            continue;
        g_autofree char *link = host_root_link_name(root, "%s", w[0]);
        blame_block(&b, link != NULL ? link : w[0] + strlen("/dev/"), 0);
    }
}

/* ---- network ------------------------------------------------------------- */

void
host_uses_blame_netdev(const HostRoot *root, HostPci *host, HostUseKind kind,
                       const char *name, unsigned depth)
{
    g_autofree char *link = host_root_link(root, "/sys/class/net/%s", name);
    g_autofree char *dir = host_sysfs_path(link);
    Blame b = {root, host, kind, name};

    if (dir == NULL || depth > DEPTH_MAX)
        return;
    HostPciFn *fn = owner_of(host, dir);
    if (fn != NULL) {
        blame_fn(&b, fn);
        return;
    }
    g_auto(GStrv) names = host_root_names(root, "%s", dir);
    for (unsigned i = 0; names[i] != NULL; i++)
        if (g_str_has_prefix(names[i], "lower_"))
            host_uses_blame_netdev(root, host, kind,
                                   names[i] + strlen("lower_"), depth + 1);
}

static void
read_interfaces(const HostRoot *root, HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        for (unsigned n = 0; fn->netdevs != NULL && fn->netdevs[n] != NULL;
             n++) {
            g_autofree char *state = host_root_line(
                root, "/sys/class/net/%s/operstate", fn->netdevs[n]);
            Blame b = {root, host, HOST_USE_NETWORK, fn->netdevs[n]};
            if (g_strcmp0(state, "up") == 0)
                blame_fn(&b, fn);
        }
    }
}

/* ---- console ------------------------------------------------------------- */

static void
read_console(const HostRoot *root, HostPci *host)
{
    g_autofree char *link = host_root_link(root, "/sys/class/graphics/fb0");
    HostPciFn *frame = owner_of(host, link);
    Blame b = {root, host, HOST_USE_CONSOLE, NULL};

    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        /* With a frame buffer the console is there; without one, or with the
         * firmware's own, it is where the firmware put it. */
        if (fn == frame || (frame == NULL && fn->boot_vga == 1))
            blame_fn(&b, fn);
    }
}

/* A keyboard has the keys 1 to 31 (Esc to S), as udev decides: bits of the last
 * word of "B: KEY=". */
static bool
is_keyboard(const char *block)
{
    const char *keys = strstr(block, "B: KEY=");

    if (keys == NULL)
        return false;
    g_autofree char *line = g_strndup(keys, strcspn(keys, "\n"));
    const char *last = strrchr(line, ' ');
    if (last == NULL || strchr(line, '=') > last)
        last = strchr(line, '=');
    guint64 bits = g_ascii_strtoull(last + 1, NULL, 16);
    return (bits & 0xfffffffe) == 0xfffffffe;
}

static char *
value_of(const char *block, const char *key)
{
    const char *at = strstr(block, key);

    if (at == NULL)
        return NULL;
    at += strlen(key);
    return g_strndup(at, strcspn(at, "\"\n"));
}

static void
read_keyboards(const HostRoot *root, HostPci *host)
{
    g_autofree char *text = host_root_read(root, "/proc/bus/input/devices",
                                           HOST_ROOT_MAX_FILE, NULL, NULL);
    g_auto(GStrv) blocks = g_strsplit(text != NULL ? text : "", "\n\n", -1);

    for (unsigned i = 0; blocks[i] != NULL; i++) {
        g_autofree char *sysfs = value_of(blocks[i], "S: Sysfs=");
        g_autofree char *name = value_of(blocks[i], "N: Name=\"");
        HostPciFn *fn = owner_of(host, sysfs);
        Blame b = {root, host, HOST_USE_KEYBOARD,
                   name != NULL ? name : "keyboard"};
        if (!is_keyboard(blocks[i]))
            continue;
        if (fn != NULL && host_pci_fn_is_usb(fn))
            blame_fn(&b, fn);
        else if (sysfs != NULL && strstr(sysfs, "/serio") != NULL)
            host->other_keyboard = true; /* PS/2, or a laptop's own */
    }
}

void
host_uses_read(const HostRoot *root, HostPci *host)
{
    read_class_devices(root, host);
    read_nvidia_nodes(root, host);
    read_mounts(root, host);
    read_swaps(root, host);
    host_routes_read(root, host);
    read_interfaces(root, host);
    read_console(root, host);
    read_keyboards(root, host);
    host_processes_read(root, host);
}
