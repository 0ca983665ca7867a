/* tests/fuzz/fuzz-descriptor.c - firmware descriptors: any text. */
#include <stdint.h>

#include "vmm/boot/descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why;
    Descriptor d;
    bool ok = descriptor_read((const char *) data, size, &d, &why);

    g_assert(ok == (why == NULL) && ok == (d.image != NULL));
    g_assert(ok || d.nvram == NULL);
    descriptor_clear(&d);
    return 0;
}
