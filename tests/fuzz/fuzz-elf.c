/* tests/fuzz/fuzz-elf.c - ELF kernels: any file, loaded by PVH when it has the
 * note, else by its segments. */
#include "tests/fuzz/boot-target.h"
#include "vmm/boot/pvh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ElfImage image;
    CpuEntry entry = {0};

    if (!fuzz_boot_wanted(size))
        return 0;
    BootRig *rig = boot_rig_new(data, size, 4);
    rig->target.used = true;
    if (elf_parse(rig->file, &image, NULL)) {
        g_assert(image.end > image.start && image.n_segments > 0);
        if (image.has_pvh)
            (void) pvh_load(rig->file, &image, &rig->target, &entry, NULL);
        else
            (void) elf_load(rig->file, &image, &rig->target, NULL);
    }
    boot_rig_free(rig);
    return 0;
}
