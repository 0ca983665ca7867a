/* tests/unit/fake-sysfs.c - see fake-sysfs.h. */
#include "tests/unit/fake-sysfs.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PCI       "/sys/bus/pci"
#define FAKE_UNIT "/sys/fs/cgroup/system.slice/gdm3.service"

static char *
path_of(const FakeSysfs *fake, const char *path)
{
    return g_strconcat(fake->dir, path, NULL);
}

void
fake_sysfs_put(const FakeSysfs *fake, const char *path, const char *text)
{
    g_autofree char *full = path_of(fake, path);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert(g_mkdir_with_parents(dir, 0755) == 0);
    g_assert(g_file_set_contents(full, text, -1, NULL));
}

char *
fake_sysfs_get(const FakeSysfs *fake, const char *path)
{
    g_autofree char *full = path_of(fake, path);
    char *text = g_file_read_link(full, NULL);

    if (text == NULL)
        (void) g_file_get_contents(full, &text, NULL, NULL);
    return text;
}

static void
make_link(const FakeSysfs *fake, const char *path, const char *target)
{
    g_autofree char *full = path_of(fake, path);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert(g_mkdir_with_parents(dir, 0755) == 0);
    g_assert(symlink(target, full) == 0);
}

static void
drop(const FakeSysfs *fake, const char *path)
{
    g_autofree char *full = path_of(fake, path);
    (void) remove(full);
}

/* ---- the kernel ---- */

static char *
fn_path(const char *bdf, const char *name)
{
    return g_strdup_printf("/sys/devices/pci0000:00/%s/%s", bdf, name);
}

static void
set_driver(FakeSysfs *fake, const char *bdf, const char *driver)
{
    g_autofree char *link = fn_path(bdf, "driver");
    g_autofree char *target =
        g_strdup_printf("../../../bus/pci/drivers/%s", driver);
    g_autofree char *group_link = fn_path(bdf, "iommu_group");
    g_autofree char *group = fake_sysfs_get(fake, group_link);
    g_autofree char *node =
        g_strdup_printf("/dev/vfio/%s", strrchr(group, '/') + 1);
    g_autofree char *old = fake_sysfs_get(fake, link);

    if (old != NULL && g_str_has_suffix(old, "/vfio-pci"))
        drop(fake, node);
    drop(fake, link);
    if (driver[0] != '\0')
        make_link(fake, link, target);
    if (strcmp(driver, "vfio-pci") == 0)
        fake_sysfs_put(fake, node, "");
}

static int
bind_driver(FakeSysfs *fake, const char *driver, const char *bdf)
{
    g_autofree char *link = fn_path(bdf, "driver");
    g_autofree char *override_path = fn_path(bdf, "driver_override");
    g_autofree char *native_path = g_strdup_printf("/native/%s", bdf);
    g_autofree char *now = fake_sysfs_get(fake, link);
    g_autofree char *override = fake_sysfs_get(fake, override_path);
    g_autofree char *native = fake_sysfs_get(fake, native_path);

    g_strchomp(override);
    if (now != NULL)
        return -EBUSY;
    bool fits = strcmp(override, "(null)") == 0 ? g_strcmp0(native, driver) == 0
                                                : strcmp(override, driver) == 0;
    if (!fits)
        return -ENODEV;
    set_driver(fake, bdf, driver);
    return 0;
}

static void
make_fn(FakeSysfs *fake, const char *bdf, const char *class, const char *driver,
        unsigned group)
{
    static const struct {
        const char *name, *text;
    } files[] = {{"vendor", "0x8086\n"},   {"device", "0x1521\n"},
                 {"revision", "0x01\n"},   {"driver_override", "(null)\n"},
                 {"enable", "0\n"},        {"numa_node", "-1\n"},
                 {"reset_method", "flr\n"}};
    g_autofree char *link = g_strdup_printf(PCI "/devices/%s", bdf);
    g_autofree char *target =
        g_strdup_printf("../../../devices/pci0000:00/%s", bdf);
    g_autofree char *class_path = fn_path(bdf, "class");
    g_autofree char *class_line = g_strconcat(class, "\n", NULL);
    g_autofree char *group_path = fn_path(bdf, "iommu_group");
    g_autofree char *group_target =
        g_strdup_printf("../../../kernel/iommu_groups/%u", group);
    g_autofree char *back =
        g_strdup_printf("/sys/kernel/iommu_groups/%u/devices/%s", group, bdf);
    g_autofree char *native = g_strdup_printf("/native/%s", bdf);

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = fn_path(bdf, files[i].name);
        fake_sysfs_put(fake, path, files[i].text);
    }
    fake_sysfs_put(fake, class_path, class_line);
    make_link(fake, link, target);
    make_link(fake, group_path, group_target);
    make_link(fake, back, target);
    fake_sysfs_put(fake, native, driver);
    if (driver[0] != '\0')
        set_driver(fake, bdf, driver);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void
remove_tree(const FakeSysfs *fake, const char *path)
{
    g_autofree char *full = path_of(fake, path);
    (void) nftw(full, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
remove_fn(FakeSysfs *fake, const char *bdf, unsigned group)
{
    g_autofree char *dir = fn_path(bdf, "");
    g_autofree char *link = g_strdup_printf(PCI "/devices/%s", bdf);
    g_autofree char *back =
        g_strdup_printf("/sys/kernel/iommu_groups/%u", group);
    g_autofree char *native = g_strdup_printf("/native/%s", bdf);

    drop(fake, link);
    drop(fake, native);
    remove_tree(fake, back);
    remove_tree(fake, dir);
}

/* The functions of slot 10 of the same bus, as igb numbers them. */
static int
set_count(FakeSysfs *fake, const char *pf, unsigned n)
{
    g_autofree char *count_path = fn_path(pf, "sriov_numvfs");
    g_autofree char *total_path = fn_path(pf, "sriov_totalvfs");
    g_autofree char *auto_path = fn_path(pf, "sriov_drivers_autoprobe");
    g_autofree char *old = fake_sysfs_get(fake, count_path);
    g_autofree char *total = fake_sysfs_get(fake, total_path);
    g_autofree char *autoprobe = fake_sysfs_get(fake, auto_path);
    unsigned had = (unsigned) atoi(old);
    g_autofree char *text = g_strdup_printf("%u\n", n);

    if (n > (unsigned) atoi(total))
        return -ERANGE;
    if (n > 0 && had > 0)
        return -EBUSY;
    for (unsigned i = 0; i < MAX(n, had); i++) {
        g_autofree char *bdf = g_strdup_printf("%.8s10.%u", pf, i);
        g_autofree char *name = g_strdup_printf("virtfn%u", i);
        g_autofree char *link = fn_path(pf, name);
        g_autofree char *up = fn_path(bdf, "physfn");
        g_autofree char *target = g_strdup_printf("../%s", bdf);
        g_autofree char *back = g_strdup_printf("../%s", pf);
        if (n == 0) {
            drop(fake, link);
            remove_fn(fake, bdf, 100 + i);
            continue;
        }
        make_fn(fake, bdf, "0x020000", *autoprobe == '1' ? "igbvf" : "",
                100 + i);
        make_link(fake, link, target);
        make_link(fake, up, back);
    }
    fake_sysfs_put(fake, count_path, text);
    return 0;
}

static void
before_effect(FakeSysfs *fake)
{
    if (++fake->writes == fake->kill_at)
        (void) raise(SIGKILL);
    if (fake->writes == fake->raise_at)
        (void) raise(SIGTERM);
}

/* Only without a driver; BAR 0, above 4 GiB. */
static int
resize(FakeSysfs *fake, const char *bdf, const char *plain)
{
    g_autofree char *link =
        g_strdup_printf("/sys/devices/pci0000:00/%s/driver", bdf);
    g_autofree char *path =
        g_strdup_printf("/sys/devices/pci0000:00/%s/resource", bdf);
    g_autofree char *driver = fake_sysfs_get(fake, link);
    guint64 base = G_GUINT64_CONSTANT(0x4000000000);
    guint64 len = G_GUINT64_CONSTANT(1) << (20 + atoi(plain));

    if (driver != NULL)
        return -EBUSY;
    if (fake->max_bar != 0 && len > fake->max_bar)
        return -ENOSPC;
    g_autofree char *text =
        g_strdup_printf("0x%016" G_GINT64_MODIFIER "x 0x%016" G_GINT64_MODIFIER
                        "x 0x000000000014220c\n",
                        base, base + len - 1);
    fake_sysfs_put(fake, path, text);
    return 0;
}

#define PLATFORM "/sys/bus/platform"

static void
set_frame_buffer(FakeSysfs *fake, const char *driver)
{
    g_autofree char *target = g_strdup_printf("../../drivers/%s", driver);

    drop(fake, PLATFORM "/devices/efi-framebuffer.0/driver");
    if (driver[0] != '\0')
        make_link(fake, PLATFORM "/devices/efi-framebuffer.0/driver", target);
}

void
fake_sysfs_add_console(FakeSysfs *fake)
{
    make_link(fake, "/etc/systemd/system/display-manager.service",
              "/lib/systemd/system/gdm3.service");
    fake_sysfs_put(fake, FAKE_UNIT "/cgroup.procs", "");
    fake_sysfs_put(fake, "/sys/class/vtconsole/vtcon0/name",
                   "(S) dummy device\n");
    fake_sysfs_put(fake, "/sys/class/vtconsole/vtcon0/bind", "0\n");
    fake_sysfs_put(fake, "/sys/class/vtconsole/vtcon1/name",
                   "(M) frame buffer device\n");
    fake_sysfs_put(fake, "/sys/class/vtconsole/vtcon1/bind", "1\n");
    fake_sysfs_put(fake, PLATFORM "/devices/efi-framebuffer.0/modalias", "");
    set_frame_buffer(fake, "efi-framebuffer");
}

/* ---- modules; nvidia's three stand on one, which drives 01:00.0 ---- */

static const struct {
    const char *module, *needs;
} module_needs[] = {{"nvidia_drm", "nvidia_modeset"},
                    {"nvidia_modeset", "nvidia"},
                    {"nvidia_uvm", "nvidia"}};

#define NVIDIA_CARD   "/sys/devices/pci0000:00/0000:01:00.0/"
#define NVIDIA_DRIVER PCI "/drivers/nvidia/bind"

static bool
module_is(FakeSysfs *fake, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/module/%s/refcnt", name);
    g_autofree char *text = fake_sysfs_get(fake, path);
    return text != NULL;
}

/* As modprobe -r: with what nobody else needs then. */
static void
unload(FakeSysfs *fake, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/module/%s", name);

    remove_tree(fake, path);
    if (strcmp(name, "nvidia") == 0) {
        g_autofree char *driver = fake_sysfs_get(fake, NVIDIA_CARD "driver");
        if (driver != NULL && g_str_has_suffix(driver, "/nvidia"))
            drop(fake, NVIDIA_CARD "driver");
        remove_tree(fake, PCI "/drivers/nvidia");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(module_needs); i++) {
        bool needed = false;
        for (gsize k = 0; k < G_N_ELEMENTS(module_needs); k++)
            needed |=
                strcmp(module_needs[k].needs, module_needs[i].needs) == 0 &&
                module_is(fake, module_needs[k].module);
        if (strcmp(module_needs[i].module, name) == 0 && !needed &&
            module_is(fake, module_needs[i].needs))
            unload(fake, module_needs[i].needs);
    }
}

static void
load(FakeSysfs *fake, const char *name)
{
    g_autofree char *path = g_strdup_printf("/sys/module/%s/refcnt", name);

    for (gsize i = 0; i < G_N_ELEMENTS(module_needs); i++)
        if (strcmp(module_needs[i].module, name) == 0 &&
            !module_is(fake, module_needs[i].needs))
            load(fake, module_needs[i].needs);
    fake_sysfs_put(fake, path, "0\n");
    if (strcmp(name, "nvidia") != 0)
        return;
    g_autofree char *driver = fake_sysfs_get(fake, NVIDIA_CARD "driver");
    fake_sysfs_put(fake, NVIDIA_DRIVER, "");
    if (driver == NULL)
        make_link(fake, NVIDIA_CARD "driver",
                  "../../../bus/pci/drivers/nvidia");
}

void
fake_sysfs_add_nvidia(FakeSysfs *fake)
{
    drop(fake, NVIDIA_CARD "driver");
    load(fake, "nvidia_drm");
    load(fake, "nvidia_uvm");
}

static int
sim_write(HostHand *hand, const char *path, const char *text)
{
    FakeSysfs *fake = hand->ctx;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint n = g_strv_length(parts);
    const char *name = parts[n - 1], *above = parts[n - 2];
    g_autofree char *plain = g_strchomp(g_strdup(text));

    before_effect(fake);
    if (fake->fail != NULL && strstr(path, fake->fail) != NULL)
        return -EIO;
    if (fake->stuck != NULL && strstr(path, fake->stuck) != NULL)
        return -ETIMEDOUT;
    if (g_str_has_prefix(path, PLATFORM)) {
        set_frame_buffer(fake, strcmp(name, "bind") == 0 ? above : "");
        return 0;
    }
    if (strcmp(name, "bind") == 0 && strcmp(above, "nvidia") == 0 &&
        !module_is(fake, "nvidia"))
        return -ENOENT;
    if (strcmp(name, "bind") == 0 && strstr(path, "/drivers/") != NULL)
        return bind_driver(fake, above, plain);
    if (strcmp(name, "unbind") == 0) {
        set_driver(fake, plain, "");
        return 0;
    }
    if (strcmp(name, "sriov_numvfs") == 0)
        return set_count(fake, above, (unsigned) atoi(plain));
    if (g_str_has_suffix(name, "_resize"))
        return resize(fake, above, plain);
    if (strcmp(name, "nr_hugepages") == 0 && fake->max_pages != 0 &&
        (unsigned) atoi(plain) > fake->max_pages) {
        g_free(plain);
        plain = g_strdup_printf("%u", fake->max_pages);
    }
    g_autofree char *line = g_strdup_printf(
        "%s\n", *plain == '\0' && strcmp(name, "driver_override") == 0
                    ? "(null)"
                    : plain);
    g_autofree char *real =
        g_str_has_prefix(path, PCI "/devices/")
            ? g_strconcat("/sys/devices/pci0000:00/",
                          path + strlen(PCI "/devices/"), NULL)
            : g_strdup(path);
    fake_sysfs_put(fake, real, line);
    return 0;
}

static bool
sim_run(HostHand *hand, const char *const *argv, GError **error)
{
    FakeSysfs *fake = hand->ctx;

    before_effect(fake);
    if (strcmp(argv[0], "systemctl") == 0 && strcmp(argv[1], "stop") == 0) {
        remove_tree(fake, FAKE_UNIT);
    } else if (strcmp(argv[0], "systemctl") == 0 &&
               strcmp(argv[1], "start") == 0) {
        fake_sysfs_put(fake, FAKE_UNIT "/cgroup.procs", "");
    } else if (strcmp(argv[0], "modprobe") != 0) {
        fake_sysfs_put(fake, "/ran", argv[0]);
        drop(fake, "/ran");
    } else if (strcmp(argv[1], "-r") == 0) {
        g_autofree char *name = g_strdelimit(g_strdup(argv[2]), "-", '_');
        unload(fake, name);
    } else {
        g_autofree char *name = g_strdelimit(g_strdup(argv[1]), "-", '_');
        load(fake, name);
    }
    return true;
}

static int
sim_own(HostHand *hand, const char *path, uid_t uid, gid_t gid, guint mode)
{
    FakeSysfs *fake = hand->ctx;
    g_autofree char *full = path_of(fake, path);

    before_effect(fake);
    return chmod(full, mode) == 0 ? 0 : -errno;
}

static char *
sim_vf_get(HostHand *hand, const char *ifname, unsigned vf, VfSetting what,
           int *ret_err)
{
    FakeSysfs *fake = hand->ctx;
    g_autofree char *name = g_strdup_printf("/vf/%s-%u-%u", ifname, vf, what);
    char *value = fake_sysfs_get(fake, name);

    *ret_err = 0;
    return value != NULL ? value : g_strdup(fake->vf[0][what]);
}

static int
sim_vf_set(HostHand *hand, const char *ifname, unsigned vf, VfSetting what,
           const char *value)
{
    FakeSysfs *fake = hand->ctx;
    g_autofree char *name = g_strdup_printf("/vf/%s-%u-%u", ifname, vf, what);

    before_effect(fake);
    fake_sysfs_put(fake, name, value);
    if (strcmp(value, fake->vf[0][what]) == 0)
        drop(fake, name);
    return 0;
}

/* Controllers 1 to 4 behind functions 1 to 4; what was assigned is a file. */
static int
sim_nvme_list(HostHand *hand, const char *node, guint8 ret[4096])
{
    FakeSysfs *fake = hand->ctx;

    memset(ret, 0, 4096);
    ret[0] = 4;
    for (guint8 i = 1; i <= 4; i++) {
        g_autofree char *name = g_strdup_printf("/nvme/%u", i);
        g_autofree char *text = fake_sysfs_get(fake, name);
        unsigned online = 0, queues = 0, vectors = 0;
        if (text != NULL)
            (void) sscanf(text, "%u %u %u", &online, &queues, &vectors);
        guint8 *entry = ret + (gsize) i * 32;
        entry[0] = i;
        entry[4] = (guint8) online;
        entry[8] = i;
        entry[10] = (guint8) queues;
        entry[12] = (guint8) vectors;
    }
    return 0;
}

static int
sim_nvme_manage(HostHand *hand, const char *node, guint16 controller,
                unsigned action, unsigned resource, unsigned number)
{
    FakeSysfs *fake = hand->ctx;
    g_autofree char *name = g_strdup_printf("/nvme/%u", controller);
    guint8 list[4096];

    before_effect(fake);
    (void) sim_nvme_list(hand, node, list);
    guint8 *entry = list + (gsize) controller * 32;
    if (action == 8 && (entry[4] & 1))
        return 0x4124; /* not offline */
    if (action == 8)
        entry[resource == 0 ? 10 : 12] = (guint8) number;
    else
        entry[4] = action == 9;
    g_autofree char *text =
        g_strdup_printf("%u %u %u", entry[4], entry[10], entry[12]);
    fake_sysfs_put(fake, name, text);
    if (strcmp(text, "0 0 0") == 0)
        drop(fake, name);
    return 0;
}

static const HostHandOps sim_ops = {sim_write,      sim_run,    sim_own,
                                    sim_vf_get,     sim_vf_set, sim_nvme_list,
                                    sim_nvme_manage};

/* ---- the tree ---- */

static void
make_sriov(FakeSysfs *fake, const char *bdf, const char *total)
{
    static const struct {
        const char *name, *text;
    } files[] = {{"sriov_numvfs", "0\n"},
                 {"sriov_drivers_autoprobe", "1\n"},
                 {"sriov_offset", "128\n"},
                 {"sriov_stride", "2\n"},
                 {"sriov_vf_device", "1520\n"}};
    g_autofree char *total_path = fn_path(bdf, "sriov_totalvfs");

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = fn_path(bdf, files[i].name);
        fake_sysfs_put(fake, path, files[i].text);
    }
    fake_sysfs_put(fake, total_path, total);
}

static void
make_tree(FakeSysfs *fake)
{
    static const char *const dirs[] = {"/nvme",
                                       "/vf",
                                       "/dev/vfio",
                                       "/sys/module",
                                       "/etc/udev/rules.d",
                                       "/etc/security/limits.d"};

    for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *dir = path_of(fake, dirs[i]);
        g_assert(g_mkdir_with_parents(dir, 0755) == 0);
    }
    fake_sysfs_put(fake, "/proc/sys/kernel/random/boot_id", "boot-1\n");
    fake_sysfs_put(fake, "/proc/sys/kernel/osrelease", "6.1.0\n");
    fake_sysfs_put(fake, "/proc/cmdline", "root=/dev/sda1 ro quiet\n");
    fake_sysfs_put(fake, "/lib/modules/6.1.0/modules.builtin",
                   "kernel/drivers/vfio/pci/vfio-pci.ko\n");
    fake_sysfs_put(fake, "/sys/class/iommu/dmar0/intel-iommu/cap", "d2\n");
    fake_sysfs_put(fake, "/sys/firmware/acpi/tables/DMAR", "");
    fake_sysfs_put(
        fake, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
    make_fn(fake, "0000:00:01.0", "0x060400", "pcieport", 1);
    make_fn(fake, "0000:01:00.0", "0x030000", "radeon", 14);
    make_fn(fake, "0000:01:00.1", "0x040300", "snd_hda_intel", 14);
    make_fn(fake, "0000:02:00.0", "0x010802", "nvme", 15);
    make_fn(fake, "0000:03:00.0", "0x020000", "igb", 16);
    make_sriov(fake, "0000:02:00.0", "4\n");
    make_sriov(fake, "0000:03:00.0", "7\n");
    fake_sysfs_put(fake, "/sys/devices/pci0000:00/0000:03:00.0/net/eth0/flags",
                   "0x1002\n");
    make_link(fake, "/sys/class/net/eth0",
              "../../devices/pci0000:00/0000:03:00.0/net/eth0");
    fake_sysfs_put(
        fake, "/sys/devices/pci0000:00/0000:02:00.0/nvme/nvme0/cntlid", "0\n");
}

FakeSysfs *
fake_sysfs_new(void)
{
    static const char *const settings[VF_N_SETTINGS] = {
        "00:00:00:00:00:00", "0", "on", "off", "0", "auto"};
    FakeSysfs *fake = g_new0(FakeSysfs, 1);

    /* in memory where there is such a place: hundreds of fsyncs */
    fake->dir = g_strdup_printf("%s/carrel-sysfs-XXXXXX",
                                g_file_test("/dev/shm", G_FILE_TEST_IS_DIR)
                                    ? "/dev/shm"
                                    : g_get_tmp_dir());
    g_assert(g_mkdtemp(fake->dir) != NULL);
    for (unsigned i = 0; i < VF_N_SETTINGS; i++)
        g_strlcpy(fake->vf[0][i], settings[i], sizeof fake->vf[0][i]);
    make_tree(fake);
    fake->root = host_root_open(fake->dir, NULL);
    g_assert(fake->root != NULL);
    fake->hand = (HostHand){fake->root, &sim_ops, fake};
    return fake;
}

void
fake_sysfs_free(FakeSysfs *fake)
{
    if (fake == NULL)
        return;
    host_root_free(fake->root);
    remove_tree(fake, "");
    g_free(fake->dir);
    g_free(fake);
}

/* ---- what there is ---- */

static void
add_entries(GPtrArray *lines, const char *dir, gsize skip)
{
    GDir *d = g_dir_open(dir, 0, NULL);

    for (const char *name = NULL;
         d != NULL && (name = g_dir_read_name(d)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_autofree char *link = g_file_read_link(path, NULL);
        g_autofree char *text = NULL;
        struct stat st;
        g_assert(lstat(path, &st) == 0);
        if (S_ISREG(st.st_mode))
            (void) g_file_get_contents(path, &text, NULL, NULL);
        g_ptr_array_add(lines, g_strdup_printf("%s %o %u %s%s\n", path + skip,
                                               st.st_mode, st.st_uid,
                                               link != NULL ? link : "",
                                               text != NULL ? text : ""));
        if (S_ISDIR(st.st_mode))
            add_entries(lines, path, skip);
    }
    if (d != NULL)
        g_dir_close(d);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char *
fake_sysfs_snapshot(const FakeSysfs *fake)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GString *all = g_string_new(NULL);

    add_entries(lines, fake->dir, strlen(fake->dir));
    g_ptr_array_sort(lines, compare);
    for (guint i = 0; i < lines->len; i++)
        g_string_append(all, g_ptr_array_index(lines, i));
    return g_string_free(all, FALSE);
}
