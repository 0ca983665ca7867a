/* passthrough-wizard/record.c - copies the files of sysfs that the look at a
 * host reads. What holds private words is in record-private.c. */
#include "passthrough-wizard/record.h"

#include <string.h>

#include "passthrough-wizard/record-internal.h"

/* ---- lines of a recording ------------------------------------------------ */

static void
put_text(Recorder *r, const char *name, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    g_string_append_printf(r->out, "T %s\n", name);
    for (unsigned i = 0; lines[i] != NULL; i++)
        if (lines[i + 1] != NULL || *lines[i] != '\0')
            g_string_append_printf(r->out, "\t%s\n", lines[i]);
}

void
record_file(Recorder *r, const char *name, const char *text)
{
    gsize len = strlen(text);

    if (strcspn(text, "\n") + 1 >= len)
        g_string_append_printf(r->out, "F %s%s%.*s\n", name,
                               strcspn(text, "\n") > 0 ? " " : "",
                               (int) strcspn(text, "\n"), text);
    else
        put_text(r, name, text);
}

static void
put_bytes(Recorder *r, const char *name, const guint8 *data, gsize len)
{
    enum { WORTH_A_NUMBER = 8 };

    g_string_append_printf(r->out, "X %s ", name);
    for (gsize i = 0; i < len;) {
        gsize n = 0;
        while (i + n < len && data[i + n] == 0)
            n++;
        if (n >= WORTH_A_NUMBER) {
            g_string_append_printf(r->out, " +%" G_GSIZE_FORMAT " ", n);
            i += n;
        } else {
            g_string_append_printf(r->out, "%02x", data[i++]);
        }
    }
    g_string_append_c(r->out, '\n');
}

void
record_copy(Recorder *r, const char *path)
{
    HostNode node;
    g_autofree char *text =
        host_root_read(r->root, path, HOST_ROOT_MAX_FILE, NULL, NULL);

    if (text != NULL)
        record_file(r, path, text);
    else if (host_root_stat(r->root, path, &node) &&
             node.kind == HOST_NODE_FILE)
        g_string_append_printf(r->out, "P %s %o\n", path, node.mode);
}

void
record_link(Recorder *r, const char *path, const char *target)
{
    if (target != NULL)
        g_string_append_printf(r->out, "L %s %s\n", path, target);
}

void
record_copy_link(Recorder *r, const char *path)
{
    g_autofree char *target = host_root_link(r->root, "%s", path);
    record_link(r, path, target);
}

static void
copy_node(Recorder *r, const char *path)
{
    HostNode node;

    if (host_root_stat(r->root, path, &node) && node.kind != HOST_NODE_DIR)
        g_string_append_printf(r->out, "N %s %o %u %u %s%s\n", path, node.mode,
                               node.uid, node.gid, node.can_read ? "r" : "",
                               node.can_write ? "w" : "");
}

/* ---- functions ----------------------------------------------------------- */

/* clang-format off */
static const char *const fn_files[] = {
    "vendor", "device", "subsystem_vendor", "subsystem_device", "class",
    "revision", "modalias", "numa_node", "boot_vga", "enable", "power_state",
    "resource", "reset_method", "driver_override", "max_link_speed",
    "sriov_totalvfs", "sriov_numvfs", "sriov_offset", "sriov_stride",
    "sriov_vf_device", "sriov_drivers_autoprobe",
    "resource0_resize", "resource1_resize", "resource2_resize",
    "resource3_resize", "resource4_resize", "resource5_resize",
};
static const char *const fn_links[] = {"driver", "physfn", "iommu_group"};
/* clang-format on */

void
record_hide_serial(guint8 *config, gsize len)
{
    enum { EXT_FIRST = 0x100, EXT_SERIAL = 0x03, MAX_EXT = (4096 - 256) / 4 };
    gsize at = EXT_FIRST;

    for (unsigned n = 0; n < MAX_EXT && at >= EXT_FIRST && at + 4 <= len; n++) {
        guint32 head = config[at] | (guint32) config[at + 1] << 8 |
                       (guint32) config[at + 2] << 16 |
                       (guint32) config[at + 3] << 24;
        if ((head & 0xffff) == EXT_SERIAL)
            memset(config + at + 4, 0, MIN(8, len - at - 4));
        at = head >> 20 & 0xffc;
    }
}

static void
put_config(Recorder *r, const HostPciFn *fn)
{
    g_autofree char *path = g_strconcat(fn->sysfs, "/config", NULL);
    gsize len = 0;
    g_autofree char *data = host_root_read(r->root, path, 4096, &len, NULL);

    if (data == NULL)
        return;
    record_hide_serial((guint8 *) data, len);
    put_bytes(r, "config", (const guint8 *) data, len);
}

static void
put_fn(Recorder *r, const HostPciFn *fn)
{
    g_string_append_printf(r->out, "\n@ %s\n", fn->sysfs);
    for (gsize i = 0; i < G_N_ELEMENTS(fn_files); i++) {
        g_autofree char *path =
            g_strdup_printf("%s/%s", fn->sysfs, fn_files[i]);
        g_autofree char *text = host_root_read(r->root, path, 4096, NULL, NULL);
        if (text != NULL)
            record_file(r, fn_files[i], text);
    }
    put_config(r, fn);
    if (fn->has_rom_file)
        g_string_append(r->out, "P rom 600\n");
    for (gsize i = 0; i < G_N_ELEMENTS(fn_links); i++) {
        g_autofree char *target =
            host_root_link(r->root, "%s/%s", fn->sysfs, fn_links[i]);
        record_link(r, fn_links[i], target);
    }
    for (unsigned i = 0; fn->vfs != NULL && fn->vfs[i] != NULL; i++) {
        g_autofree char *name = g_strdup_printf("virtfn%u", i);
        g_autofree char *target =
            host_root_link(r->root, "%s/%s", fn->sysfs, name);
        record_link(r, name, target);
    }
    g_autofree char *device =
        g_strdup_printf("/sys/bus/pci/devices/%s", fn->bdf);
    record_copy_link(r, device);
}

static void
put_drivers(Recorder *r)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < r->host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(r->host->functions, i);
        if (fn->driver == NULL || !g_hash_table_add(seen, fn->driver))
            continue;
        g_string_append_printf(r->out, "D /sys/bus/pci/drivers/%s\n",
                               fn->driver);
        g_autofree char *module =
            g_strdup_printf("/sys/bus/pci/drivers/%s/module", fn->driver);
        record_copy_link(r, module);
    }
    if (r->host->vfio_loaded && !g_hash_table_contains(seen, "vfio-pci"))
        g_string_append(r->out, "D /sys/bus/pci/drivers/vfio-pci\n");
}

static void
put_groups(Recorder *r)
{
    g_auto(GStrv) names = host_root_names(r->root, "/sys/kernel/iommu_groups");

    for (unsigned i = 0; names[i] != NULL; i++) {
        static const char *const files[] = {"type", "reserved_regions"};
        g_string_append_printf(
            r->out, "@ /sys/kernel/iommu_groups/%s\nD devices\n", names[i]);
        for (gsize f = 0; f < G_N_ELEMENTS(files); f++) {
            g_autofree char *path = g_strdup_printf(
                "/sys/kernel/iommu_groups/%s/%s", names[i], files[f]);
            g_autofree char *text =
                host_root_read(r->root, path, 65536, NULL, NULL);
            if (text != NULL)
                record_file(r, files[f], text);
        }
    }
}

/* ---- the host ------------------------------------------------------------ */

/* clang-format off */
static const char *const host_files[] = {
    "/proc/sys/kernel/osrelease",
    "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
    "/sys/module/kvm_amd/parameters/nested",
    "/sys/module/kvm_intel/parameters/nested",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
    "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages",
    "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
    "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/kernel/security/lockdown",
};
static const char *const host_nodes[] = {
    "/dev/kvm", "/dev/net/tun", "/dev/vhost-net",
};
/* What only has to be there; the contents do not matter. */
static const char *const host_there[] = {
    "/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin",
    "/usr/local/share/qemu/bios-256k.bin", "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",
};
/* clang-format on */

static void
put_tables(Recorder *r)
{
    static const char *const names[] = {"DMAR", "IVRS"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        gsize len = 0;
        g_autofree char *path =
            g_strdup_printf("/sys/firmware/acpi/tables/%s", names[i]);
        g_autofree char *data =
            host_root_read(r->root, path, HOST_ROOT_MAX_FILE, &len, NULL);
        if (data != NULL)
            put_bytes(r, path, (const guint8 *) data, len);
        else
            record_copy(r, path);
    }
    for (unsigned i = 0;
         r->host->iommu.units != NULL && r->host->iommu.units[i] != NULL; i++)
        g_string_append_printf(r->out, "D /sys/class/iommu/%s\n",
                               r->host->iommu.units[i]);
}

static void
put_nodes(Recorder *r)
{
    g_auto(GStrv) groups = host_root_names(r->root, "/dev/vfio");
    g_auto(GStrv) buses = host_root_names(r->root, "/dev/bus/usb");

    for (gsize i = 0; i < G_N_ELEMENTS(host_nodes); i++)
        copy_node(r, host_nodes[i]);
    for (unsigned i = 0; groups[i] != NULL; i++) {
        g_autofree char *path = g_strdup_printf("/dev/vfio/%s", groups[i]);
        copy_node(r, path);
    }
    for (unsigned b = 0; buses[b] != NULL; b++) {
        g_auto(GStrv) devices =
            host_root_names(r->root, "/dev/bus/usb/%s", buses[b]);
        for (unsigned d = 0; devices[d] != NULL; d++) {
            g_autofree char *path =
                g_strdup_printf("/dev/bus/usb/%s/%s", buses[b], devices[d]);
            copy_node(r, path);
        }
    }
}

/* What draws on the screen; see console.c. */
static void
put_console(Recorder *r)
{
    static const char manager[] = "/etc/systemd/system/display-manager.service";
    g_auto(GStrv) texts = host_root_names(r->root, "/sys/class/vtconsole");
    g_auto(GStrv) devices =
        host_root_names(r->root, "/sys/bus/platform/devices");
    g_autofree char *unit = host_root_link_name(r->root, manager);

    record_copy_link(r, manager);
    if (unit != NULL) {
        g_autofree char *group =
            g_strdup_printf("/sys/fs/cgroup/system.slice/%s", unit);
        if (host_root_exists(r->root, group))
            g_string_append_printf(r->out, "D %s\n", group);
    }
    for (unsigned i = 0; texts[i] != NULL; i++) {
        g_autofree char *name =
            g_strdup_printf("/sys/class/vtconsole/%s/name", texts[i]);
        g_autofree char *bind =
            g_strdup_printf("/sys/class/vtconsole/%s/bind", texts[i]);
        record_copy(r, name);
        record_copy(r, bind);
    }
    for (unsigned i = 0; devices[i] != NULL; i++) {
        g_autofree char *driver =
            g_strdup_printf("/sys/bus/platform/devices/%s/driver", devices[i]);
        if (strstr(devices[i], "-framebuffer.") != NULL)
            record_copy_link(r, driver);
    }
}

static void
put_host(Recorder *r)
{
    g_string_append(r->out, "D /sys/bus/pci/devices\n");
    record_cpu(r);
    for (gsize i = 0; i < G_N_ELEMENTS(host_files); i++)
        record_copy(r, host_files[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(host_there); i++)
        if (host_root_exists(r->root, host_there[i]))
            g_string_append_printf(r->out, "F %s\n", host_there[i]);
    record_kernel(r);
    record_user(r);
    record_rules(r);
    put_tables(r);
    put_nodes(r);
    put_console(r);
}

char *
record_host(const HostRoot *root, const HostPci *host, const char *note)
{
    Recorder r = {root, host, g_string_new("carrel-host 1\n")};

    if (note != NULL)
        g_string_append_printf(r.out, "# %.*s\n", (int) strcspn(note, "\n"),
                               note);
    put_host(&r);
    record_disks(&r);
    record_network(&r);
    record_keyboards(&r);
    record_open_nodes(&r);
    put_drivers(&r);
    put_groups(&r);
    for (guint i = 0; i < host->functions->len; i++)
        put_fn(&r, g_ptr_array_index(host->functions, i));
    g_string_append(r.out, "\n@ /\n");
    record_names(&r);
    return g_string_free(r.out, FALSE);
}
