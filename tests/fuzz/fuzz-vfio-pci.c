/* tests/fuzz/fuzz-vfio-pci.c - a passed-through function in the hands of its
 * guest: configuration space, BARs and the MSI-X table, with a device that
 * changes its registers and signals interrupts meanwhile. What is the host's
 * (ids, BARs, decoding) stays as it was. */
#include <string.h>

#include "tests/fuzz/port-ops.h"
#include "tests/unit/vfio-fake.h"
#include "vmm/core/sysutil.h"

static void
signal_one(VfFunction *fn, guint8 which)
{
    int fd = fn->irq[which % 5][which / 5 % VF_VECTORS];

    if (fd >= 0)
        sys_eventfd_signal(fd);
}

/* Each eight bytes: what, size, offset (2), value (4). */
static void
op(VfioRig *r, const uint8_t *data)
{
    unsigned size = 1u << (data[1] % 3);
    unsigned offset = data[2] | data[3] << 8;
    guint32 value;
    VfFunction *fn = &r->fake->fn[0];

    memcpy(&value, data + 4, sizeof value);
    switch (data[0] % 6) {
    case 0:
        vfio_rig_write(r, offset & 0xfffu & ~(size - 1), value, size);
        break;
    case 1: (void) vfio_rig_read(r, offset & 0xfffu & ~(size - 1), size); break;
    case 2:
        fake_mmio_write(r->vm, 0xd0000000u + (offset & 0x7fff), value,
                        2 * size);
        break;
    case 3:
        (void) fake_mmio_read(r->vm, 0xd0000000u + (offset & 0x7fff), 2 * size);
        break;
    case 4: fn->config[VF_EXP + 4 + offset % 0x38] = (guint8) value; break;
    default:
        signal_one(fn, (guint8) value);
        fake_advance(r->vm, value & 0xffff);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VfioRig r;

    vfio_rig_begin(&r);
    if (size > 0)
        r.fake->vectors = 1 + data[0] % VF_VECTORS;
    for (size_t i = 1; i + 8 <= size; i += 8)
        op(&r, data + i);
    g_assert_cmphex(pci_get32(r.fake->fn[0].config, 0), ==, 0x10c98086);
    g_assert_cmphex(pci_get32(r.fake->fn[0].config, PCI_BAR0), ==, 0xc);
    g_assert_cmphex(r.fake->fn[0].config[PCI_COMMAND] & 3, ==, 3);
    check_state(r.dev);
    device_reset(r.dev, RESET_COLD);
    vfio_rig_end(&r);
    return 0;
}
