/* tests/fuzz/fuzz-initrd.c - a guest's RAM disk: any bytes are read or refused,
 * with names that end and a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/ladder/initrd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
note(void *data, const char *name)
{
    gsize *total = data;

    *total += strlen(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why = NULL;
    LookBudget budget = look_budget_new(64 << 20, 10000);
    gsize total = 0;

    if (!initrd_names(data, size, note, &total, &budget, &why) && why == NULL)
        abort();
    return 0;
}
