/* app/bench/rows.c - the table of rows, and those that are tables only: ways
 * out of the guest. */
#include <string.h>

#include "app/bench/bench.h"
#include "vmm/block/image.h"

#define SMALL_DISK (1 << 20)

/* clang-format off */
static const BenchRow rows[] = {
    { "boot", "Start: process to guest",              3, true,  false, bench_row_boot },
    { "exit", "Leaving the guest once",               9, false, false, bench_row_exit },
    { "disk", "Disk: images in the page cache",      26, true,  true,  bench_row_disk },
    { "net",  "Network: UDP to and from this host",   6, true,  true,  bench_row_net },
    { "mem",  "Memory",                               8, true,  false, bench_row_mem },
};

static const BenchMeasure exits[] = {
    { "kvm",        "cpuid",        "CPUID, in the kernel",             "ns", "exit cpuid #",        100, 1u << 28, false, 1 },
    { "none",       "port-write",   "port write, no device",            "ns", "exit port-nothing #", 100, 1u << 28, false, 1 },
    { "uart16550",  "port-write",   "port write, UART scratch",         "ns", "exit port-write #",   100, 1u << 28, false, 1 },
    { "uart16550",  "port-read",    "port read, UART status",           "ns", "exit port-read #",    100, 1u << 28, false, 1 },
    { "uart16550",  "serial-byte",  "byte over the serial port",        "ns", "exit serial #",       100, 1u << 28, false, 1 },
    { "none",       "mmio-write",   "MMIO write, no device",            "ns", "exit mmio-nothing #", 100, 1u << 28, false, 1 },
    { "virtio-blk", "mmio-read",    "MMIO read, virtio status",         "ns", "exit mmio-read #",    100, 1u << 28, false, 1 },
    { "virtio-blk", "doorbell",     "virtio doorbell (ioeventfd)",      "ns", "exit doorbell #",     100, 1u << 28, false, 1 },
};
/* clang-format on */

const BenchRow *
bench_rows(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(rows);
    return rows;
}

const BenchRow *
bench_row_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* The disk is there for its doorbell. */
bool
bench_row_exit(Bench *bench, GError **error)
{
    g_autofree char *image = g_build_filename(bench->dir, "exit.raw", NULL);
    const BlockCreate create = {
        .path = image, .format = "raw", .bytes = SMALL_DISK};
    g_autoptr(Profile) profile = bench_guest_profile(BENCH_ROM, error);

    if (profile == NULL || !block_image_create(&create, error) ||
        !profile_set(profile, "disk0.path", image, error) ||
        !profile_set(profile, "disk0.model", "virtio-blk", error))
        return false;
    g_autoptr(BenchGuest) guest = bench_guest_start(profile, bench->dir, error);
    return guest != NULL &&
           bench_measure_all(bench, guest, exits, G_N_ELEMENTS(exits), error);
}
