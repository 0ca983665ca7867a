/* tests/fuzz/fuzz-linux-image.c - bzImages: any file, loaded when it parses;
 * and what may be packed in one. */
#include "tests/fuzz/boot-target.h"
#include "vmm/boot/linux.h"
#include "vmm/boot/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_payload(const uint8_t *data, size_t size)
{
    const char *why;

    /* a length that is believed costs that much memory: keep it small */
    if (size < 8 || data[size - 1] != 0 || data[size - 2] > 0x10)
        return;
    GBytes *out = unpack_payload(data, size, &why);
    if (out != NULL)
        g_bytes_unref(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LinuxImage image;
    CpuEntry entry = {0};

    if (!fuzz_boot_wanted(size))
        return 0;
    BootRig *rig = boot_rig_new(data, size, 4);
    boot_rig_initrd(rig, data, MIN(size, 512));
    if (linux_parse(rig->file, &image, NULL)) {
        g_free(linux_name(rig->file, &image));
        if (linux_load(rig->file, &image, &rig->target, &entry, NULL))
            g_assert(entry.rip >= BOOT_HIGH && entry.rip < 4u << 20);
    }
    boot_rig_free(rig);
    try_payload(data, size);
    return 0;
}
