/* devices/memory/ivshmem-plain.c - memory that the guest shares with a program
 * of the host, as a PCI card.
 *
 * QEMU, docs/specs/ivshmem-spec.rst: vendor 1AF4, device 1110, revision 1. BAR0
 * has registers (256 bytes), BAR2 is the memory. Deliberately missing: the
 * doorbell and its MSI-X vectors; without it all registers read as zero and
 * what is written to them has no effect. The memory's content belongs to those
 * who share it: no reset clears it and no saved state has it. */
#include "devices/memory/ivshmem-plain.h"

#include "devices/bus/pci.h"
#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

#define REGISTERS_LEN 256u
#define BAR_REGISTERS 0
#define BAR_MEMORY    2

typedef struct {
    PciState pci;
} IvshmemState;

typedef struct {
    PciDevice pci;
    IvshmemState s;
    IvshmemFile *file; /* link: the memory, open */
    IoRegion *registers;
    MemBacking *memory;
    MemSlot *slot;
} Ivshmem;

static const PciIds ivshmem_ids = {
    .vendor = 0x1af4,
    .device = 0x1110,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0500, /* RAM controller */
    .revision = 1,
};

static guint64
registers_read(void *dev, guint64 offset, unsigned size)
{
    return 0; /* no interrupt is pending, masked, or to be had */
}

static void
registers_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
}

static const IoOps registers_ops = {.read = registers_read,
                                    .write = registers_write};

static bool
ivshmem_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Ivshmem *d = DEVICE_OF(Ivshmem, dev);

    if (!pci_device_realize(&d->pci, env, &ivshmem_ids, &d->s.pci, error))
        return false;
    d->memory = mem_backing_new_file(env->mem, dev->id, d->file->fd,
                                     d->file->len, error);
    if (d->memory == NULL)
        return false;
    d->registers =
        io_region_new(dev->id, &registers_ops, d, &dev->lock, REGISTERS_LEN);
    d->slot = mem_slot_new(env->mem, dev->id, d->memory, 0, d->file->len);
    pci_add_bar(&d->pci, BAR_REGISTERS, PCI_BAR_MEM32, false, REGISTERS_LEN,
                d->registers, NULL);
    pci_add_bar(&d->pci, BAR_MEMORY, PCI_BAR_MEM64, true, d->file->len, NULL,
                d->slot);
    return true;
}

static void
ivshmem_unrealize(Device *dev)
{
    Ivshmem *d = DEVICE_OF(Ivshmem, dev);

    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->registers, io_region_free);
    g_clear_pointer(&d->slot, mem_slot_free);
    if (d->memory != NULL)
        mem_backing_free(dev->env->mem, d->memory);
    d->memory = NULL;
}

static void
ivshmem_reset(Device *dev, ResetKind kind)
{
    pci_device_reset(&DEVICE_OF(Ivshmem, dev)->pci);
}

static void
ivshmem_restored(Device *dev)
{
    pci_device_restored(&DEVICE_OF(Ivshmem, dev)->pci);
}

/* clang-format off */
static const StateField ivshmem_fields[] = {
    STATE_SUB(IvshmemState, pci, &pci_state_desc),
    STATE_FIELDS_END
};

static const PropDesc ivshmem_props[] = {
    PCI_PROPS(Ivshmem, pci),
    PROP_DEF_LINK(Ivshmem, file, "shared", true, "the memory, open (IvshmemFile)"),
    PROP_END
};
/* clang-format on */

static const StateDesc ivshmem_state = {
    .name = "ivshmem-plain",
    .version = 1,
    .min_version = 1,
    .size = sizeof(IvshmemState),
    .fields = ivshmem_fields,
};

const DeviceClass ivshmem_plain_class = {
    .name = "ivshmem-plain",
    .summary = "memory shared with a program of the host",
    .size = sizeof(Ivshmem),
    .props = ivshmem_props,
    .state = &ivshmem_state,
    .state_offset = G_STRUCT_OFFSET(Ivshmem, s),
    .realize = ivshmem_realize,
    .unrealize = ivshmem_unrealize,
    .reset = ivshmem_reset,
    .restored = ivshmem_restored,
};
