/* app/bench/row-disk.c - disks: the same accesses to the same kind of image
 * through each controller, on one machine. The images are files of our own,
 * written once before, so that they are in the host's page cache: what is
 * compared is the way there. */
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/bench/bench.h"
#include "vmm/block/image.h"

#define DISK_MIB     64u
#define DISK_SECTORS (DISK_MIB * 2048)
#define MIB          (1024.0 * 1024)
#define MAX_MEASURES 64

/* clang-format off */
/* model: of the profile, and the guest's driver; device: of the results */
static const struct {
    const char *model, *format, *device, *column;
    unsigned unit; /* counted in the guest by driver; ahci: the port */
    unsigned max_depth;
} disks[] = {
    { "ide",        "raw",   "ide",              NULL,           0, 1 },
    { "ahci",       "raw",   "ahci",             NULL,           1, 32 },
    { "virtio-blk", "raw",   "virtio-blk",       NULL,           0, 32 },
    { "virtio-blk", "qcow2", "virtio-blk qcow2", "virtio qcow2", 1, 32 },
};

/* bytes > 0 is a rate in MB/s, else requests are counted */
static const struct {
    const char *metric, *label, *access;
    unsigned depth;
    unsigned mb_bytes;
} patterns[] = {
    { "4k-random-read",     "4K random read",   "read 4096 1 random #",           1, 0 },
    { "4k-random-read-32",  "4K random read x 32",  "read 4096 32 random #",         32, 0 },
    { "4k-random-write",    "4K random write",  "write 4096 1 random #",          1, 0 },
    { "4k-random-write-32", "4K random write x 32", "write 4096 32 random #",        32, 0 },
    { "64k-read",           "64K read",                  "read 65536 1 sequential #",      1, 65536 },
    { "64k-write",          "64K write",                 "write 65536 1 sequential #",     1, 65536 },
    { "1m-read",            "1M read",                   "read 1048576 1 sequential #",    1, 1048576 },
    { "1m-write",           "1M write",                  "write 1048576 1 sequential #",   1, 1048576 },
};
/* clang-format on */

static char *
disk_command(unsigned disk, const char *access)
{
    return g_strdup_printf("disk %s %u %s %u irq", disks[disk].model,
                           disks[disk].unit, access, DISK_SECTORS);
}

static bool
have_space(const char *dir, GError **error)
{
    guint64 wanted = G_N_ELEMENTS(disks) * (DISK_MIB + 8) * (guint64) MIB;
    struct statvfs fs;

    if (statvfs(dir, &fs) != 0 || (guint64) fs.f_bavail * fs.f_frsize >= wanted)
        return true; /* what cannot be asked will tell when written to */
    g_set_error(error, CARREL_BENCH_ERROR, CARREL_BENCH_ERROR_SPACE,
                "%s has no room for %u MiB of images; choose another folder "
                "with --dir",
                dir, (unsigned) (wanted / (guint64) MIB));
    return false;
}

static bool
set(Profile *profile, unsigned disk, const char *key, const char *value,
    GError **error)
{
    g_autofree char *full = g_strdup_printf("disk%u.%s", disk, key);

    return profile_set(profile, full, value, error);
}

static char *
image_path(const Bench *bench, unsigned i)
{
    return g_strdup_printf("%s/disk%u.img", bench->dir, i);
}

/* The machine has them open; so they are gone with us however we end. */
static void
remove_names(const Bench *bench)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(disks); i++) {
        g_autofree char *path = image_path(bench, i);
        (void) unlink(path); /* else it goes with its folder */
    }
}

static bool
add_disk(Bench *bench, Profile *profile, unsigned i, GError **error)
{
    g_autofree char *path = image_path(bench, i);
    const BlockCreate create = {.path = path,
                                .format = disks[i].format,
                                .bytes = DISK_MIB * (guint64) MIB};

    return block_image_create(&create, error) &&
           set(profile, i, "path", path, error) &&
           set(profile, i, "format", disks[i].format, error) &&
           set(profile, i, "model", disks[i].model, error);
}

/* Every cluster is there, and none is a hole. */
static bool
fill(Bench *bench, BenchGuest *guest, unsigned i, GError **error)
{
    g_autofree char *access =
        g_strdup_printf("write 1048576 1 sequential %u", DISK_MIB);
    g_autofree char *command = disk_command(i, access);
    gint64 ns;

    bench_step(bench, disks[i].device, "writing the image");
    return bench_guest_run(guest, command, &ns, error);
}

/* ret: room for MAX_MEASURES; the commands are the caller's. */
static unsigned
list_measures(BenchMeasure *ret)
{
    unsigned n = 0;

    G_STATIC_ASSERT(G_N_ELEMENTS(disks) * G_N_ELEMENTS(patterns) <=
                    MAX_MEASURES);
    for (unsigned p = 0; p < G_N_ELEMENTS(patterns); p++) {
        for (unsigned d = 0; d < G_N_ELEMENTS(disks); d++) {
            unsigned bytes = patterns[p].mb_bytes;
            if (patterns[p].depth > disks[d].max_depth)
                continue;
            ret[n++] = (BenchMeasure){
                .device = disks[d].device,
                .column = disks[d].column,
                .metric = patterns[p].metric,
                .label = patterns[p].label,
                .unit = bytes > 0 ? "MB/s" : "IOPS",
                .command = disk_command(d, patterns[p].access),
                .first = bytes > 0 ? 1 : 8,
                .most = 1u << 24,
                .per_second = true,
                .scale = bytes > 0 ? bytes / 1e6 : 1,
            };
        }
    }
    return n;
}

static bool
measure(Bench *bench, BenchGuest *guest, GError **error)
{
    BenchMeasure measures[MAX_MEASURES];
    unsigned n = list_measures(measures);
    bool ok = bench_measure_all(bench, guest, measures, n, error);

    for (unsigned i = 0; i < n; i++)
        g_free((char *) measures[i].command);
    return ok;
}

bool
bench_row_disk(Bench *bench, GError **error)
{
    g_autoptr(Profile) profile = bench_guest_profile(BENCH_ROM, error);

    if (profile == NULL || !have_space(bench->dir, error))
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(disks); i++)
        if (!add_disk(bench, profile, i, error))
            return false;
    g_autoptr(BenchGuest) guest = bench_guest_start(profile, bench->dir, error);
    if (guest == NULL)
        return false;
    remove_names(bench);
    for (unsigned i = 0; i < G_N_ELEMENTS(disks); i++)
        if (!fill(bench, guest, i, error))
            return false;
    return measure(bench, guest, error);
}
