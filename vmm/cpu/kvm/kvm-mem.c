/* vmm/cpu/kvm/kvm-mem.c - memory slots and dirty logs. */
#include <errno.h>

#include "vmm/cpu/kvm/kvm-internal.h"

static int
slot_ioctl(CpuBackend *b, struct kvm_userspace_memory_region *region)
{
    return kvm_ioctl(b->vm_fd, KVM_SET_USER_MEMORY_REGION, region) < 0 ? -errno
                                                                       : 0;
}

static int
slot_set(void *backend, unsigned slot, Gpa gpa, guint64 len, void *host,
         bool read_only, bool log_dirty)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .flags = (read_only ? KVM_MEM_READONLY : 0u) |
                 (log_dirty ? KVM_MEM_LOG_DIRTY_PAGES : 0u),
        .guest_phys_addr = gpa,
        .memory_size = len,
        .userspace_addr = (guint64) (guintptr) host,
    };

    return slot_ioctl(backend, &region);
}

static int
slot_clear(void *backend, unsigned slot)
{
    struct kvm_userspace_memory_region region = {.slot = slot};

    return slot_ioctl(backend, &region);
}

static int
dirty_fetch(void *backend, unsigned slot, guint64 *bitmap)
{
    CpuBackend *b = backend;
    struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bitmap};

    return kvm_ioctl(b->vm_fd, KVM_GET_DIRTY_LOG, &log) < 0 ? -errno : 0;
}

const MemBackendOps kvm_mem_ops = {
    .slot_set = slot_set,
    .slot_clear = slot_clear,
    .dirty_fetch = dirty_fetch,
};
