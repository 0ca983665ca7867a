/* tests/fuzz/fuzz-guest-look.c - a guest's disk: any partition table and file
 * system is looked at, or left alone. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/ladder/guest-look.h"
#include "vmm/core/sysutil.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CARREL_AUTO_FD int fd = memfd_create("disk", MFD_CLOEXEC);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *why = NULL;

    if (fd < 0 || size == 0 || !sys_write_all(fd, data, size))
        return 0;
    /* in this process: another would not be seen by the fuzzer */
    const LookBudget budget = look_budget_new(1u << 30, 5000);
    const BlockSpec spec = {.path = path, .format = "raw"};
    g_autoptr(GuestLook) look = guest_look_within(&spec, &budget, NULL);
    if (look == NULL)
        return 0;
    (void) guest_look_driver(look, "virtio-blk", &why);
    if (why == NULL)
        abort();
    return 0;
}
