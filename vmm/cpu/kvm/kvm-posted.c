/* vmm/cpu/kvm/kvm-posted.c - writes that the guest does not leave KVM for.
 *
 * KVM_REGISTER_COALESCED_MMIO, api.rst 4.42: KVM appends a write to a range of
 * ports or memory to a ring of the machine and lets the guest go on. The ring
 * is emptied before anything else that a guest leaves KVM for, so a device sees
 * all accesses in the order in which they were made. */
#include <errno.h>

#include "vmm/cpu/kvm/kvm-internal.h"

#define PAGE_LEN 4096 /* KVM counts in pages of x86 */
#define RING_LEN                                                               \
    ((PAGE_LEN - sizeof(struct kvm_coalesced_mmio_ring)) /                     \
     sizeof(struct kvm_coalesced_mmio))

/* The ring is behind the state of any vCPU. NULL: KVM has none, for ports. */
static struct kvm_coalesced_mmio_ring *
find_ring(CpuBackend *b)
{
    int page = kvm_check(b, KVM_CAP_COALESCED_MMIO);

    if (page <= 0 || kvm_check(b, KVM_CAP_COALESCED_PIO) <= 0 ||
        b->run_size < (gsize) (page + 1) * PAGE_LEN)
        return NULL;
    return (void *) ((guint8 *) b->vcpus[0].run + (gsize) page * PAGE_LEN);
}

int
kvm_set_posted(void *backend, IoKind kind, guint64 addr, unsigned len, bool on)
{
    CpuBackend *b = backend;
    struct kvm_coalesced_mmio_zone zone = {
        .addr = addr, .size = len, .pio = kind == IO_PORT};
    struct kvm_coalesced_mmio_ring *ring = find_ring(b);

    if (ring == NULL)
        return -ENOTSUP;
    __atomic_store_n(&b->posted, ring, __ATOMIC_RELEASE);
    return kvm_ioctl(b->vm_fd,
                     on ? KVM_REGISTER_COALESCED_MMIO
                        : KVM_UNREGISTER_COALESCED_MMIO,
                     &zone) < 0
               ? -errno
               : 0;
}

/* Only what is there at first: another vCPU may go on filling it. An entry
 * stays until it is done, or a CPU that finds the ring empty would overtake. */
static void
carry_out(CpuBackend *b, struct kvm_coalesced_mmio_ring *ring)
{
    guint32 last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
    guint32 first = ring->first;

    while (first != last) {
        const struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[first];
        kvm_write_bytes(e->pio ? b->ports : b->mmio, e->phys_addr, e->data,
                        e->len);
        first = (first + 1) % RING_LEN;
        __atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
    }
}

void
kvm_flush_posted(void *backend)
{
    CpuBackend *b = backend;
    struct kvm_coalesced_mmio_ring *ring =
        __atomic_load_n(&b->posted, __ATOMIC_ACQUIRE);

    if (ring == NULL || __atomic_load_n(&ring->first, __ATOMIC_RELAXED) ==
                            __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE))
        return;
    g_mutex_lock(&b->posted_lock);
    carry_out(b, ring);
    g_mutex_unlock(&b->posted_lock);
}
