/* tests/fuzz/fuzz-multiboot.c - Multiboot kernels: any file, loaded when it
 * parses; and what kind a file is taken for. */
#include "tests/fuzz/boot-target.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/multiboot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MultibootImage image;
    CpuEntry entry = {0};

    (void) kernel_kind_of(data, size);
    if (!fuzz_boot_wanted(size))
        return 0;
    BootRig *rig = boot_rig_new(data, size, 4);
    boot_rig_initrd(rig, data, MIN(size, 512));
    rig->target.used = true;
    if (multiboot_parse(rig->file, &image, NULL) &&
        multiboot_load(rig->file, &image, &rig->target, &entry, NULL))
        g_assert(entry.rip < 4u << 20);
    boot_rig_free(rig);
    return 0;
}
