/* passthrough-wizard/record-private.c - the parts of a recording that are
 * written anew, so that nothing of the person gets into it: mount points, names
 * of volumes and interfaces, addresses, arguments, programs. */
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/host-kernel.h"
#include "passthrough-wizard/host-uses.h"
#include "passthrough-wizard/record-internal.h"

/* ---- processor and kernel ------------------------------------------------ */

void
record_cpu(Recorder *r)
{
    g_autofree char *text = host_root_read(r->root, "/proc/cpuinfo",
                                           HOST_ROOT_MAX_FILE, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    static const char *const wanted[] = {"vendor_id", "model name", "flags"};
    bool seen[G_N_ELEMENTS(wanted)] = {false};

    g_string_append(r->out, "T /proc/cpuinfo\n");
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "processor\t"))
            g_string_append_printf(r->out, "\t%s\n", lines[i]);
        for (gsize w = 0; w < G_N_ELEMENTS(wanted); w++)
            if (!seen[w] && g_str_has_prefix(lines[i], wanted[w])) {
                seen[w] = true;
                g_string_append_printf(r->out, "\t%s\n", lines[i]);
            }
    }
}

/* Arguments whose name and value say nothing of the person. */
static const char *const arguments[] = {
    "intel_iommu",        "amd_iommu",  "iommu",
    "intremap",           "nointremap", "pcie_acs_override",
    "vfio-pci.ids",       "hugepages",  "hugepagesz",
    "default_hugepagesz", "video",      "initcall_blacklist",
    "isolcpus",           "quiet",
};

static void
put_arguments(Recorder *r)
{
    GString *line = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(arguments); i++) {
        g_autofree char *value =
            host_kernel_argument(r->host->cmdline, arguments[i]);
        if (value != NULL)
            g_string_append_printf(line, "%s%s%s%s", line->len > 0 ? " " : "",
                                   arguments[i], *value != '\0' ? "=" : "",
                                   value);
    }
    record_file(r, "/proc/cmdline", line->str);
    g_string_free(line, TRUE);
}

static void
put_config(Recorder *r)
{
    static const char *const options[] = {
        "CONFIG_INTEL_IOMMU", "CONFIG_INTEL_IOMMU_DEFAULT_ON",
        "CONFIG_AMD_IOMMU", "CONFIG_IRQ_REMAP"};
    g_autofree char *config = host_kernel_config(r->root, r->host->kernel);

    if (config == NULL)
        return;
    g_string_append_printf(r->out, "T /boot/config-%s\n", r->host->kernel);
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
        if (host_kernel_option(config, options[i]) == HOST_YES)
            g_string_append_printf(r->out, "\t%s=y\n", options[i]);
}

void
record_kernel(Recorder *r)
{
    HostTri remapping = r->host->iommu.remapping;

    put_arguments(r);
    put_config(r);
    if (r->host->vfio_modules)
        g_string_append_printf(r->out,
                               "D /lib/modules/%s/kernel/drivers/vfio/pci\n",
                               r->host->kernel);
    if (remapping != HOST_UNKNOWN)
        record_file(r, "/proc/interrupts",
                    remapping == HOST_YES ? "24: 1 IR-PCI-MSI 0-edge"
                                          : "24: 1 PCI-MSI 0-edge");
}

void
record_user(Recorder *r)
{
    g_autofree char *status =
        host_root_read(r->root, "/proc/self/status", 65536, NULL, NULL);
    g_autofree char *limits =
        host_root_read(r->root, "/proc/self/limits", 65536, NULL, NULL);
    g_autofree char *meminfo =
        host_root_read(r->root, "/proc/meminfo", 65536, NULL, NULL);
    const struct {
        const char *path, *text, *row;
    } rows[] = {
        {"/proc/self/status", status, "\nUid:"},
        {"/proc/self/limits", limits, "\nMax locked memory"},
        {"/proc/meminfo", meminfo, "MemTotal:"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *at =
            rows[i].text != NULL ? strstr(rows[i].text, rows[i].row) : NULL;
        if (at == NULL)
            continue;
        at += *at == '\n';
        g_string_append_printf(r->out, "T %s\n\t\n\t%.*s\n", rows[i].path,
                               (int) strcspn(at, "\n"), at);
        at = strstr(at, "\nMemAvailable:");
        if (at != NULL)
            g_string_append_printf(r->out, "\t%.*s\n",
                                   (int) strcspn(at + 1, "\n"), at + 1);
    }
}

/* The one kind of line that matters, not the file around it. */
void
record_rules(Recorder *r)
{
    static const char *const places[] = {"/etc/udev/rules.d",
                                         "/usr/lib/udev/rules.d"};

    for (gsize p = 0; p < G_N_ELEMENTS(places); p++) {
        g_auto(GStrv) names = host_root_names(r->root, "%s", places[p]);
        for (unsigned i = 0; names[i] != NULL; i++) {
            g_autofree char *path =
                g_strdup_printf("%s/%s", places[p], names[i]);
            g_autofree char *text =
                host_root_read(r->root, path, 65536, NULL, NULL);
            const char *at =
                text != NULL ? strstr(text, "SUBSYSTEM==\"vfio\"") : NULL;
            if (at != NULL)
                g_string_append_printf(r->out, "F %s/70-%u.rules %.*s\n",
                                       places[p], i, (int) strcspn(at, "\n"),
                                       at);
        }
    }
}

/* ---- disks --------------------------------------------------------------- */

static void
put_block(Recorder *r, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/class/block/%s", name);
    g_autofree char *link = host_root_link(r->root, "%s", path);
    g_autofree char *dir = host_sysfs_path(link);
    g_autofree char *partition =
        dir != NULL ? g_strconcat(dir, "/partition", NULL) : NULL;

    if (dir == NULL || strstr(dir, "/loop") != NULL ||
        strstr(dir, "/ram") != NULL || strstr(dir, "/zram") != NULL)
        return;
    record_link(r, path, link);
    g_string_append_printf(r->out, "@ %s\nF uevent DEVNAME=%s\n", dir, name);
    if (host_root_exists(r->root, partition))
        g_string_append(r->out, "F partition 1\n");
    g_auto(GStrv) below = host_root_names(r->root, "%s/slaves", dir);
    for (unsigned i = 0; below[i] != NULL; i++)
        g_string_append_printf(r->out, "D slaves/%s\n", below[i]);
    g_string_append(r->out, "@ /\n");
}

/* Names of controllers below a subsystem of NVMe that has several. */
static void
put_subsystems(Recorder *r)
{
    g_auto(GStrv) names = host_root_names(r->root, "/sys/class/nvme-subsystem");

    for (unsigned i = 0; names[i] != NULL; i++) {
        g_auto(GStrv) below = host_root_names(
            r->root, "/sys/devices/virtual/nvme-subsystem/%s", names[i]);
        for (unsigned b = 0; below[b] != NULL; b++) {
            g_autofree char *path =
                g_strdup_printf("/sys/devices/virtual/nvme-subsystem/%s/%s",
                                names[i], below[b]);
            g_autofree char *link = host_root_link(r->root, "%s", path);
            g_autofree char *owner = link != NULL ? host_bdf_owner(link) : NULL;
            if (owner != NULL)
                record_link(r, path, link);
        }
    }
}

/* What the look found is written back as mounts of the disks themselves: each
 * use names the function, and its first disk stands for what was stacked. */
static void
put_mounts(Recorder *r)
{
    unsigned n = 0;

    g_string_append(r->out, "T /proc/self/mountinfo\n");
    for (guint i = 0; i < r->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(r->host->functions, i);
        for (guint u = 0; u < fn->uses->len; u++) {
            const HostUse *use = g_ptr_array_index(fn->uses, u);
            bool system = use->kind == HOST_USE_ROOT_DISK;
            if ((!system && use->kind != HOST_USE_DISK) || fn->blocks == NULL)
                continue;
            g_autofree char *other = g_strdup_printf("/other-%u", ++n);
            g_string_append_printf(r->out,
                                   "\t1 1 0:1 / %s rw - fs /dev/%s rw\n",
                                   system ? use->what : other, fn->blocks[0]);
        }
    }
}

void
record_disks(Recorder *r)
{
    g_auto(GStrv) names = host_root_names(r->root, "/sys/class/block");

    for (unsigned i = 0; names[i] != NULL; i++)
        put_block(r, names[i]);
    put_subsystems(r);
    put_mounts(r);
}

/* ---- network ------------------------------------------------------------- */

/* Names that are made of a MAC address get a number instead. */
static char *
plain_name(const Recorder *r, const char *name)
{
    g_auto(GStrv) all = host_root_names(r->root, "/sys/class/net");
    unsigned n = 0;

    if (strlen(name) != 15 ||
        strspn(name + 3, "0123456789abcdef") != strlen(name) - 3)
        return g_strdup(name);
    while (all[n] != NULL && strcmp(all[n], name) != 0)
        n++;
    return g_strdup_printf("%.3s%u", name, n);
}

static void
put_interface(Recorder *r, const char *name)
{
    g_autofree char *link = host_root_link(r->root, "/sys/class/net/%s", name);
    g_autofree char *dir = host_sysfs_path(link);
    g_autofree char *state =
        host_root_line(r->root, "/sys/class/net/%s/operstate", name);
    g_autofree char *plain = plain_name(r, name);
    bool kept = false;

    if (dir == NULL)
        return;
    g_autofree char *owner = host_bdf_owner(dir);
    g_autofree char *parent = g_path_get_dirname(dir);
    g_autofree char *up = g_path_get_dirname(link);
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "L /sys/class/net/%s %s/%s\n@ %s/%s\n", plain,
                           up, plain, parent, plain);
    g_string_append_printf(out, "F operstate %s\n",
                           state != NULL ? state : "unknown");
    g_auto(GStrv) names = host_root_names(r->root, "%s", dir);
    for (unsigned i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], "bridge") == 0)
            g_string_append(out, "D bridge\n");
        else if (g_str_has_prefix(names[i], "lower_")) {
            g_autofree char *lower = plain_name(r, names[i] + 6);
            g_string_append_printf(out, "D lower_%s\n", lower);
        } else
            continue;
        kept = true;
    }
    if (kept || owner != NULL)
        g_string_append_printf(r->out, "%s@ /\n", out->str);
}

static bool
has_use_of(const HostPci *host, HostUseKind kind, GString *out,
           const Recorder *r, const char *format)
{
    bool any = false;

    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        const HostUse *use = host_pci_fn_use(fn, kind);
        g_autofree char *name = use != NULL ? plain_name(r, use->what) : NULL;
        if (name == NULL)
            continue;
        any = true;
        g_string_append(out, format);
        g_string_replace(out, "%", name, 0);
    }
    return any;
}

void
record_network(Recorder *r)
{
    g_auto(GStrv) names = host_root_names(r->root, "/sys/class/net");
    g_autoptr(GString) ssh = g_string_new(NULL);
    g_autoptr(GString) routes = g_string_new(NULL);

    for (unsigned i = 0; names[i] != NULL; i++)
        put_interface(r, names[i]);
    if (has_use_of(r->host, HOST_USE_DEFAULT_ROUTE, routes, r,
                   "\t% 00000000 00000000 0003 0 0 0 00000000 0 0 0\n"))
        g_string_append_printf(r->out, "T /proc/net/route\n%s", routes->str);
    (void) has_use_of(r->host, HOST_USE_SSH, ssh, r, "% "); /* none is fine */
    g_string_append_printf(r->out, "F /carrel/ssh-interfaces %s\n",
                           g_strchomp(ssh->str));
}

/* ---- console and programs ------------------------------------------------ */

void
record_keyboards(Recorder *r)
{
    record_copy_link(r, "/sys/class/graphics/fb0");
    g_string_append(r->out, "T /proc/bus/input/devices\n");
    for (guint i = 0; i < r->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(r->host->functions, i);
        if (host_pci_fn_use(fn, HOST_USE_KEYBOARD) != NULL)
            g_string_append_printf(
                r->out,
                "\tN: Name=\"USB keyboard\"\n\tS: Sysfs=%s/usb1\n"
                "\tB: KEY=fffffffffffffffe\n\t\n",
                fn->sysfs + strlen("/sys"));
    }
    if (r->host->other_keyboard)
        g_string_append(r->out, "\tN: Name=\"PS/2 keyboard\"\n"
                                "\tS: Sysfs=/devices/platform/i8042/serio0\n"
                                "\tB: KEY=fffffffffffffffe\n\t\n");
}

/* Programs whose names say what is to be ended, and nothing of the person. */
static const char *
known_program(const char *comm)
{
    static const char *const names[] = {"Xorg",
                                        "Xwayland",
                                        "gnome-shell",
                                        "kwin_wayland",
                                        "kwin_x11",
                                        "sway",
                                        "Hyprland",
                                        "plasmashell",
                                        "systemd-logind",
                                        "nvidia-persiste",
                                        "pipewire",
                                        "wireplumber",
                                        "pulseaudio",
                                        "carrel",
                                        "qemu-system-x86",
                                        "steam",
                                        "firefox",
                                        "chrome"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(comm, names[i]) == 0)
            return comm;
    return "program";
}

static void
put_class_device(Recorder *r, const char *class, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/class/%s/%s", class, name);
    g_autofree char *link = host_root_link(r->root, "%s", path);
    g_autofree char *dir = host_sysfs_path(link);
    g_autofree char *owner = dir != NULL ? host_bdf_owner(dir) : NULL;
    g_autofree char *node = owner != NULL ? host_node_name(r->root, dir) : NULL;

    if (node == NULL)
        return;
    record_link(r, path, link);
    g_string_append_printf(r->out, "F %s/uevent DEVNAME=%s\n", dir,
                           node + strlen("/dev/"));
}

static void
put_nvidia(Recorder *r)
{
    static const char prefix[] = "/dev/nvidia";

    for (guint i = 0; i < r->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(r->host->functions, i);
        for (unsigned n = 0; fn->nodes != NULL && fn->nodes[n] != NULL; n++)
            if (g_str_has_prefix(fn->nodes[n], prefix))
                g_string_append_printf(
                    r->out,
                    "F /proc/driver/nvidia/gpus/%s/information Device Minor: "
                    "%s\n",
                    fn->bdf, fn->nodes[n] + strlen(prefix));
    }
}

void
record_open_nodes(Recorder *r)
{
    g_autoptr(GString) nodes = g_string_new(NULL);
    static const char *const classes[] = {"drm", "nvme", "sound"};

    for (guint i = 0; i < r->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(r->host->functions, i);
        for (guint u = 0; u < fn->uses->len; u++) {
            const HostUse *use = g_ptr_array_index(fn->uses, u);
            if (use->kind == HOST_USE_PROCESS || use->kind == HOST_USE_MACHINE)
                g_string_append_printf(nodes, "\t%s %u %s\n", use->what,
                                       use->pid, known_program(use->comm));
        }
    }
    g_string_append_printf(r->out, "T /carrel/open-nodes\n%s", nodes->str);
    if (!r->host->sees_processes)
        g_string_append(r->out, "F /carrel/only-own-processes\n");
    for (gsize c = 0; c < G_N_ELEMENTS(classes); c++) {
        g_auto(GStrv) names =
            host_root_names(r->root, "/sys/class/%s", classes[c]);
        for (unsigned i = 0; names[i] != NULL; i++)
            put_class_device(r, classes[c], names[i]);
    }
    put_nvidia(r);
}

/* ---- names --------------------------------------------------------------- */

void
record_names(Recorder *r)
{
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    g_string_append(r->out, "T /usr/share/misc/pci.ids\n");
    for (guint i = 0; i < r->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(r->host->functions, i);
        if (!g_hash_table_add(seen, g_strdup_printf("%04x", fn->vendor)))
            continue;
        g_string_append_printf(r->out, "\t%04x  %s\n", fn->vendor,
                               fn->vendor_name);
        for (guint k = i; k < r->host->functions->len; k++) {
            const HostPciFn *other = g_ptr_array_index(r->host->functions, k);
            if (other->vendor == fn->vendor &&
                g_hash_table_add(seen, g_strdup_printf("%04x:%04x", fn->vendor,
                                                       other->device)))
                g_string_append_printf(r->out, "\t\t%04x  %s\n", other->device,
                                       other->device_name);
        }
    }
}
