/* passthrough-wizard/host-pci.c - the look at the PCI bus: every function with
 * what sysfs says of it. Who uses it is host-uses.c, what resets it host-reset.c,
 * the IOMMU host-iommu.c, names pci-names.c. */
#include "passthrough-wizard/host-pci.h"

#include <string.h>

#include "passthrough-wizard/host-pci-internal.h"

static void
use_free(gpointer data)
{
    HostUse *use = data;

    g_free(use->what);
    g_free(use->comm);
    g_free(use);
}

static void
fn_free(gpointer data)
{
    HostPciFn *fn = data;

    g_free(fn->class_name);
    g_free(fn->vendor_name);
    g_free(fn->device_name);
    g_free(fn->sysfs);
    g_free(fn->driver);
    g_free(fn->driver_module);
    g_free(fn->driver_override);
    g_free(fn->modalias);
    g_free(fn->parent);
    g_free(fn->power_state);
    g_strfreev(fn->reset_methods);
    g_strfreev(fn->vfs);
    g_free(fn->physfn);
    g_strfreev(fn->netdevs);
    g_strfreev(fn->blocks);
    g_strfreev(fn->nodes);
    g_ptr_array_unref(fn->uses);
    g_free(fn);
}

static void
group_free(gpointer data)
{
    HostGroup *group = data;

    g_free(group->type);
    g_ptr_array_unref(group->functions);
    g_free(group);
}

void
host_pci_free(HostPci *host)
{
    if (host == NULL)
        return;
    g_ptr_array_unref(host->functions);
    g_ptr_array_unref(host->groups);
    g_free(host->cpu.model);
    g_strfreev(host->iommu.units);
    g_free(host->iommu.default_domain);
    g_free(host->kernel);
    g_free(host->cmdline);
    g_free(host);
}

void
host_pci_fn_add_use(HostPciFn *fn, HostUseKind kind, char *what, guint pid,
                    char *comm)
{
    HostUse *use = g_new0(HostUse, 1);

    use->kind = kind;
    use->what = what;
    use->pid = pid;
    use->comm = comm;
    g_ptr_array_add(fn->uses, use);
}

char *
host_sysfs_path(const char *link)
{
    if (link == NULL)
        return NULL;
    while (g_str_has_prefix(link, "../"))
        link += 3;
    return g_strconcat("/sys/", link, NULL);
}

/* ---- one function -------------------------------------------------------- */

static guint32
hex(const HostRoot *root, const HostPciFn *fn, const char *name)
{
    return (guint32) host_root_int(root, 0, "%s/%s", fn->sysfs, name);
}

static gint64
number(const HostRoot *root, const HostPciFn *fn, gint64 fallback,
       const char *name)
{
    return host_root_int(root, fallback, "%s/%s", fn->sysfs, name);
}

/* A word of a file, or NULL when there is none or it is `none`. */
static char *
word(const HostRoot *root, const HostPciFn *fn, const char *name,
     const char *none)
{
    char *line = host_root_line(root, "%s/%s", fn->sysfs, name);

    if (line != NULL && (*line == '\0' || g_strcmp0(line, none) == 0))
        g_clear_pointer(&line, g_free);
    return line;
}

/* "resource": a line each with start, end and flags (include/linux/ioport.h).
 */
static void
read_bars(const HostRoot *root, HostPciFn *fn)
{
    enum { IS_IO = 0x100, PREFETCH = 0x2000, MEM_64 = 0x100000 };
    g_autofree char *path = g_strconcat(fn->sysfs, "/resource", NULL);
    g_autofree char *text = host_root_read(root, path, 4096, NULL, NULL);

    if (text == NULL)
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", HOST_N_BARS + 1);
    for (unsigned i = 0; i < HOST_N_BARS && lines[i] != NULL; i++) {
        g_auto(GStrv) w = g_strsplit(lines[i], " ", 3);
        if (g_strv_length(w) != 3)
            return;
        guint64 start = g_ascii_strtoull(w[0], NULL, 16);
        guint64 end = g_ascii_strtoull(w[1], NULL, 16);
        guint64 flags = g_ascii_strtoull(w[2], NULL, 16);
        if (end <= start)
            continue;
        fn->bars[i] = (HostBar){.start = start,
                                .size = end - start + 1,
                                .io = flags & IS_IO,
                                .prefetchable = flags & PREFETCH,
                                .is_64bit = flags & MEM_64};
    }
}

static void
read_config(const HostRoot *root, HostPciFn *fn)
{
    g_autofree char *path = g_strconcat(fn->sysfs, "/config", NULL);
    gsize len = 0;
    g_autofree char *data = host_root_read(root, path, 4096, &len, NULL);

    host_pci_config_parse((const guint8 *) data, data != NULL ? len : 0,
                          &fn->config);
}

static void
read_driver(const HostRoot *root, HostPciFn *fn)
{
    fn->driver = host_root_link_name(root, "%s/driver", fn->sysfs);
    fn->driver_module =
        host_root_link_name(root, "%s/driver/module", fn->sysfs);
    fn->driver_override = word(root, fn, "driver_override", "(null)");
}

static void
read_sriov(const HostRoot *root, HostPciFn *fn)
{
    g_autoptr(GPtrArray) vfs = g_ptr_array_new();

    fn->vf_index = -1;
    fn->physfn = host_root_link_name(root, "%s/physfn", fn->sysfs);
    fn->total_vfs = (unsigned) number(root, fn, 0, "sriov_totalvfs");
    if (fn->total_vfs == 0)
        return;
    fn->num_vfs = (unsigned) number(root, fn, 0, "sriov_numvfs");
    fn->vf_offset = (unsigned) number(root, fn, 0, "sriov_offset");
    fn->vf_stride = (unsigned) number(root, fn, 0, "sriov_stride");
    g_autofree char *device = word(root, fn, "sriov_vf_device", NULL);
    fn->vf_device =
        device != NULL ? (unsigned) g_ascii_strtoull(device, NULL, 16) : 0;
    fn->vf_autoprobe = number(root, fn, 1, "sriov_drivers_autoprobe") != 0;
    for (unsigned i = 0; i < MIN(fn->num_vfs, 65535u); i++) {
        char *vf = host_root_link_name(root, "%s/virtfn%u", fn->sysfs, i);
        if (vf == NULL)
            break;
        g_ptr_array_add(vfs, vf);
    }
    if (vfs->len == 0)
        return;
    g_ptr_array_add(vfs, NULL);
    fn->vfs = (char **) g_ptr_array_free(g_steal_pointer(&vfs), FALSE);
}

static void
read_reset_methods(const HostRoot *root, HostPciFn *fn)
{
    g_autofree char *line = host_root_line(root, "%s/reset_method", fn->sysfs);

    if (line != NULL)
        fn->reset_methods =
            *line != '\0' ? g_strsplit(line, " ", 16) : g_new0(char *, 1);
}

static void
read_group(const HostRoot *root, HostPciFn *fn)
{
    g_autofree char *group =
        host_root_link_name(root, "%s/iommu_group", fn->sysfs);

    fn->group = group != NULL ? (int) g_ascii_strtoll(group, NULL, 10) : -1;
}

static char *
parent_of(const char *sysfs)
{
    g_autofree char *dir = g_path_get_dirname(sysfs);
    char *name = g_path_get_basename(dir);
    char bdf[HOST_BDF_SIZE];

    if (!pci_address_parse(name, bdf))
        g_clear_pointer(&name, g_free);
    return name;
}

static bool
has_file(const HostRoot *root, const HostPciFn *fn, const char *name)
{
    g_autofree char *path = g_strconcat(fn->sysfs, "/", name, NULL);
    return host_root_exists(root, path);
}

static void
read_words(const HostRoot *root, HostPciFn *fn)
{
    fn->vendor = (guint16) hex(root, fn, "vendor");
    fn->device = (guint16) hex(root, fn, "device");
    fn->subvendor = (guint16) hex(root, fn, "subsystem_vendor");
    fn->subdevice = (guint16) hex(root, fn, "subsystem_device");
    fn->class_code = hex(root, fn, "class") & 0xffffff;
    fn->revision = (guint8) hex(root, fn, "revision");
    fn->modalias = word(root, fn, "modalias", NULL);
    fn->numa_node = (int) number(root, fn, -1, "numa_node");
    fn->boot_vga = (int) number(root, fn, -1, "boot_vga");
    fn->enabled = number(root, fn, 0, "enable") > 0;
    fn->power_state = word(root, fn, "power_state", "unknown");
    fn->express = has_file(root, fn, "max_link_speed");
    fn->has_rom_file = has_file(root, fn, "rom");
}

/* NULL: name is no address, or what it names went away meanwhile. */
static HostPciFn *
read_fn(const HostRoot *root, const char *name)
{
    g_autofree char *place =
        host_root_link(root, "/sys/bus/pci/devices/%s", name);
    PciAddress bdf;

    if (place == NULL || !pci_address_split(name, &bdf))
        return NULL;
    HostPciFn *fn = g_new0(HostPciFn, 1);
    (void) pci_address_parse(name, fn->bdf); /* just split */
    fn->domain = bdf.domain;
    fn->bus = (guint8) bdf.bus;
    fn->slot = (guint8) bdf.slot;
    fn->function = (guint8) bdf.function;
    fn->uses = g_ptr_array_new_with_free_func(use_free);
    fn->sysfs = host_sysfs_path(place);
    fn->parent = parent_of(fn->sysfs);
    read_words(root, fn);
    read_driver(root, fn);
    read_bars(root, fn);
    read_config(root, fn);
    read_group(root, fn);
    read_reset_methods(root, fn);
    read_sriov(root, fn);
    return fn;
}

static int
by_address(gconstpointer a, gconstpointer b)
{
    const HostPciFn *x = *(HostPciFn *const *) a, *y = *(HostPciFn *const *) b;
    guint64 kx = (guint64) x->domain << 32 | (guint64) x->bus << 16 |
                 (guint64) x->slot << 8 | x->function;
    guint64 ky = (guint64) y->domain << 32 | (guint64) y->bus << 16 |
                 (guint64) y->slot << 8 | y->function;

    return kx < ky ? -1 : kx > ky;
}

/* ---- all of them --------------------------------------------------------- */

static int
by_id(gconstpointer a, gconstpointer b)
{
    return (*(HostGroup *const *) a)->id - (*(HostGroup *const *) b)->id;
}

static void
number_vfs(HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *pf = g_ptr_array_index(host->functions, i);
        for (unsigned n = 0; pf->vfs != NULL && pf->vfs[n] != NULL; n++) {
            HostPciFn *vf = host_pci_find_mutable(host, pf->vfs[n]);
            if (vf != NULL)
                vf->vf_index = (int) n;
        }
    }
}

/* "direct-relaxable" regions (graphics, USB) do no harm. */
static bool
has_direct_region(const HostRoot *root, int group)
{
    g_autofree char *path =
        g_strdup_printf("/sys/kernel/iommu_groups/%d/reserved_regions", group);
    g_autofree char *text = host_root_read(root, path, 65536, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++)
        if (g_str_has_suffix(g_strchomp(lines[i]), " direct"))
            return true;
    return false;
}

static void
gather_groups(const HostRoot *root, HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        HostGroup *group = (HostGroup *) host_pci_group(host, fn->group);
        if (fn->group < 0)
            continue;
        if (group == NULL) {
            group = g_new0(HostGroup, 1);
            group->id = fn->group;
            group->functions = g_ptr_array_new();
            group->type = host_root_line(
                root, "/sys/kernel/iommu_groups/%d/type", fn->group);
            group->direct = has_direct_region(root, fn->group);
            g_ptr_array_add(host->groups, group);
        }
        g_ptr_array_add(group->functions, fn);
    }
    g_ptr_array_sort(host->groups, by_id);
}

static HostPci *
host_new(void)
{
    HostPci *host = g_new0(HostPci, 1);

    host->functions = g_ptr_array_new_with_free_func(fn_free);
    host->groups = g_ptr_array_new_with_free_func(group_free);
    return host;
}

HostPci *
host_pci_read(const HostRoot *root, GError **error)
{
    g_auto(GStrv) names = host_root_names(root, "/sys/bus/pci/devices");
    g_autoptr(HostPci) host = host_new();

    if (!host_root_exists(root, "/sys/bus/pci")) {
        g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_MISSING,
                    "%s has no /sys/bus/pci: it is no Linux host with PCI, or "
                    "/sys is not mounted",
                    host_root_name(root));
        return NULL;
    }
    for (unsigned i = 0; names[i] != NULL; i++) {
        HostPciFn *fn = read_fn(root, names[i]);
        if (fn != NULL)
            g_ptr_array_add(host->functions, fn);
    }
    g_ptr_array_sort(host->functions, by_address);
    number_vfs(host);
    gather_groups(root, host);
    host_iommu_read(root, host);
    pci_names_fill(root, host);
    host_reset_judge(host);
    host_uses_read(root, host);
    return g_steal_pointer(&host);
}
