/* tests/fuzz/fuzz-descriptor.c - firmware descriptors: any text. */
#include <stdint.h>

#include "vmm/boot/descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why;
    g_autofree char *image = descriptor_image((const char *) data, size, &why);

    g_assert((image == NULL) == (why != NULL));
    return 0;
}
