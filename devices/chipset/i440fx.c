/* devices/chipset/i440fx.c - Intel 82441FX host bridge (8086:1237).
 *
 * Intel 82441FX PCI and Memory Controller data sheet (290549): configuration
 * mechanism #1 and the programmable attribute map (PAM) that shadows the
 * BIOS. Left out: DRAM timing (registers are plain storage), the AGP-less
 * error logic, and SMRAM, which is stored but never opens the VGA window:
 * the firmware is told not to use SMM. */
#include "devices/chipset/i440fx.h"

#include <string.h>

#include "devices/chipset/piix3.h"
#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

#define CONFIG_ADDRESS_PORT  0xcf8
#define CONFIG_DATA_PORT     0xcfc
#define CONFIG_ENABLE        0x80000000u
#define CONFIG_RESERVED      0x7f000003u /* read as zero, section 3.1 */
#define RESET_CONTROL        1 /* 0xCF9 lies inside the address register */

#define I440FX_PAM0          0x59 /* high nibble: 0xF0000 */
#define I440FX_PAM6          0x5f
#define I440FX_SMRAM         0x72
#define I440FX_SMRAM_DEFAULT 0x02 /* C_BASE_SEG: always 010 */
#define I440FX_SMRAM_D_OPEN  0x40
#define I440FX_SMRAM_D_LCK   0x10
#define I440FX_SMRAM_WMASK   0x78

#define PAM_READ_RAM         1u /* else reads go to the ROM */
#define PAM_WRITE_RAM        2u /* else writes are dropped */
#define PAM_UNKNOWN          0xff

#define PAM_BASE             0xc0000u
#define PAM_LEN              0x40000u

typedef struct {
    PciState pci;
    guint32 config_address;
} I440fxState;

typedef struct {
    MemSlot *ram, *rom;
    guint8 *ram_host;
    guint8 mode; /* what is mapped: PAM_* bits, or PAM_UNKNOWN */
} Segment;

typedef struct {
    PciDevice pci;
    I440fxState s;
    IoRegion *address_port, *data_port;
    IoRegion *write_through; /* under segments that read ROM, write RAM */
    Segment segments[I440FX_N_SEGMENTS];
} I440fx;

static const PciIds i440fx_ids = {
    .vendor = 0x8086,
    .device = 0x1237,
    .subsystem_vendor = 0x1af4, /* firmware takes this for "virtual" */
    .subsystem = 0x1100,
    .class_device = 0x0600,
    .revision = 2,
};

Gpa
i440fx_segment_base(unsigned segment)
{
    return PAM_BASE + (Gpa) segment * 0x4000;
}

guint32
i440fx_segment_len(unsigned segment)
{
    return segment == I440FX_SEGMENT_F ? 0x10000 : 0x4000;
}

static unsigned
segment_at(guint64 offset)
{
    return MIN((unsigned) (offset / 0x4000), I440FX_SEGMENT_F);
}

static guint8
segment_mode(const I440fx *d, unsigned segment)
{
    const guint8 *pam = d->s.pci.config + I440FX_PAM0;
    guint8 bits;

    if (segment == I440FX_SEGMENT_F)
        bits = pam[0] >> 4;
    else
        bits = pam[1 + segment / 2] >> (segment % 2 * 4);
    return bits & (PAM_READ_RAM | PAM_WRITE_RAM);
}

static void
segment_unmap(Segment *seg)
{
    mem_slot_unmap(seg->ram);
    if (seg->rom != NULL)
        mem_slot_unmap(seg->rom);
}

static void
segment_map(I440fx *d, unsigned segment)
{
    Segment *seg = &d->segments[segment];
    Gpa base = i440fx_segment_base(segment);
    int ret = 0;

    if ((seg->mode & PAM_READ_RAM) != 0)
        ret = mem_slot_map(seg->ram, base,
                           (seg->mode & PAM_WRITE_RAM) != 0 ? MEM_RW : MEM_RO);
    else if (seg->rom != NULL)
        ret = mem_slot_map(seg->rom, base, MEM_RO);
    if (ret < 0)
        device_guest_error(&d->pci.dev, "segment 0x%05x: cannot map: %s",
                           (unsigned) base, g_strerror(-ret));
}

/* One pass over all segments, so a dword write to the map swaps each changed
 * segment once: every swap costs the CPU backend a flush. */
static void
update_segments(I440fx *d)
{
    bool changed[I440FX_N_SEGMENTS] = {false};
    bool write_through = false;

    for (unsigned i = 0; i < I440FX_N_SEGMENTS; i++) {
        Segment *seg = &d->segments[i];
        guint8 mode = segment_mode(d, i);
        if (seg->ram == NULL)
            continue;
        write_through |= mode == PAM_WRITE_RAM;
        changed[i] = mode != seg->mode;
        if (!changed[i])
            continue;
        segment_unmap(seg);
        seg->mode = mode;
    }
    for (unsigned i = 0; i < I440FX_N_SEGMENTS; i++)
        if (changed[i])
            segment_map(d, i);
    if (write_through == io_region_is_mapped(d->write_through))
        return;
    if (write_through)
        (void) io_map(d->pci.dev.env->mmio, d->write_through, PAM_BASE, -2);
    else
        io_unmap(d->pci.dev.env->mmio, d->write_through);
}

/* Reads arrive here for segments without a ROM, and for a moment while
 * another vCPU swaps a slot. */
static guint64
write_through_read(void *dev, guint64 offset, unsigned size)
{
    I440fx *d = dev;
    guint64 value = G_MAXUINT64;
    guint8 bytes[8];

    if (guest_mem_read(d->pci.dev.env->mem, PAM_BASE + offset, bytes, size) < 0)
        return value;
    value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (guint64) bytes[i] << (8 * i);
    return value;
}

static void
write_through_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    I440fx *d = dev;

    for (unsigned i = 0; i < size; i++) {
        unsigned n = segment_at(offset + i);
        Segment *seg = &d->segments[n];
        guint8 byte = (guint8) (value >> (8 * i));
        guint64 at = PAM_BASE + offset + i - i440fx_segment_base(n);
        if (seg->mode == PAM_WRITE_RAM && seg->ram_host != NULL)
            seg->ram_host[at] = byte;
        else if (seg->mode == (PAM_READ_RAM | PAM_WRITE_RAM))
            (void) guest_mem_write(d->pci.dev.env->mem, PAM_BASE + offset + i,
                                   &byte, 1);
    }
}

static const IoOps write_through_ops = {
    .read = write_through_read,
    .write = write_through_write,
};

static Device *
isa_bridge(I440fx *d)
{
    PciDevice *isa = pci_bus_find(d->pci.bus, PCI_DEVFN(1, 0));

    return isa != NULL && isa->dev.klass == &piix3_class ? &isa->dev : NULL;
}

static guint64
address_read(void *dev, guint64 offset, unsigned size)
{
    I440fx *d = dev;

    if (size == 4)
        return d->s.config_address;
    if (size == 1 && offset == RESET_CONTROL && isa_bridge(d) != NULL)
        return piix3_reset_control_read(isa_bridge(d));
    return G_MAXUINT64 >> (64 - 8 * size);
}

static void
address_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    I440fx *d = dev;

    /* Only a dword is the address register, section 3.1. */
    if (size == 4)
        d->s.config_address = (guint32) value & ~CONFIG_RESERVED;
    else if (size == 1 && offset == RESET_CONTROL && isa_bridge(d) != NULL)
        piix3_reset_control_write(isa_bridge(d), (guint8) value);
}

static const IoOps address_ops = {
    .read = address_read,
    .write = address_write,
    .max_size = 4,
};

/* Bus 0 is all there is. */
static bool
selects_a_function(const I440fx *d, guint8 *ret_devfn)
{
    guint32 address = d->s.config_address;

    *ret_devfn = (guint8) (address >> 8);
    return (address & CONFIG_ENABLE) != 0 && (address >> 16 & 0xff) == 0;
}

static guint64
data_read(void *dev, guint64 offset, unsigned size)
{
    I440fx *d = dev;
    guint8 devfn;

    if (!selects_a_function(d, &devfn))
        return G_MAXUINT64 >> (64 - 8 * size);
    return pci_bus_config_read(d->pci.bus, devfn,
                               (d->s.config_address & 0xfc) + (unsigned) offset,
                               size);
}

static void
data_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    I440fx *d = dev;
    guint8 devfn;

    if (selects_a_function(d, &devfn))
        pci_bus_config_write(d->pci.bus, devfn,
                             (d->s.config_address & 0xfc) + (unsigned) offset,
                             (guint32) value, size);
}

static const IoOps data_ops = {
    .read = data_read,
    .write = data_write,
    .max_size = 4,
};

static void
i440fx_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                      const guint8 *old)
{
    I440fx *d = DEVICE_OF(I440fx, &pdev->dev);
    guint8 *smram = &d->s.pci.config[I440FX_SMRAM];

    if (offset <= I440FX_SMRAM && I440FX_SMRAM < offset + size) {
        /* Once locked, the register is read-only and closed until reset. */
        if ((old[I440FX_SMRAM - offset] & I440FX_SMRAM_D_LCK) != 0)
            *smram = old[I440FX_SMRAM - offset];
        if ((*smram & I440FX_SMRAM_D_LCK) != 0)
            *smram &= (guint8) ~I440FX_SMRAM_D_OPEN;
    }
    if (offset <= I440FX_PAM6 && I440FX_PAM0 < offset + size)
        update_segments(d);
}

void
i440fx_set_segment(Device *dev, unsigned segment, MemSlot *ram,
                   guint8 *ram_host, MemSlot *rom)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    g_assert(segment < I440FX_N_SEGMENTS && ram != NULL);
    d->segments[segment] = (Segment){
        .ram = ram, .rom = rom, .ram_host = ram_host, .mode = PAM_UNKNOWN};
}

static bool
i440fx_realize(Device *dev, DeviceEnv *env, GError **error)
{
    I440fx *d = DEVICE_OF(I440fx, dev);
    GMutex *lock;

    if (!pci_device_realize(&d->pci, env, &i440fx_ids, &d->s.pci, error))
        return false;
    lock = pci_bus_config_lock(d->pci.bus);
    pci_put16(d->pci.initial, PCI_COMMAND, 0x0006);
    pci_put16(d->pci.initial, PCI_STATUS, 0x0280);
    /* The bridge always decodes and masters; SERR# enable alone is writable. */
    pci_put16(d->pci.wmask, PCI_COMMAND, 0x0100);
    d->pci.initial[I440FX_SMRAM] = I440FX_SMRAM_DEFAULT;
    /* DRAM control, attribute map and row boundaries */
    memset(d->pci.wmask + 0x50, 0xff, 0x72 - 0x50);
    d->pci.wmask[I440FX_SMRAM] = I440FX_SMRAM_WMASK;
    memset(d->pci.wmask + I440FX_PAM0, 0x33, 7);
    d->pci.config_written = i440fx_config_written;

    d->address_port =
        io_region_new("pci-config-address", &address_ops, d, lock, 4);
    d->data_port = io_region_new("pci-config-data", &data_ops, d, lock, 4);
    d->write_through =
        io_region_new("pam-write", &write_through_ops, d, lock, PAM_LEN);
    if (io_map(env->ports, d->address_port, CONFIG_ADDRESS_PORT, 0) < 0 ||
        io_map(env->ports, d->data_port, CONFIG_DATA_PORT, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: ports 0xcf8..0xcff are taken by another device",
                    dev->id);
        return false;
    }
    return true;
}

static void
i440fx_unrealize(Device *dev)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    g_clear_pointer(&d->address_port, io_region_free);
    g_clear_pointer(&d->data_port, io_region_free);
    g_clear_pointer(&d->write_through, io_region_free);
    for (unsigned i = 0; i < I440FX_N_SEGMENTS; i++) {
        if (d->segments[i].ram != NULL)
            segment_unmap(&d->segments[i]);
        d->segments[i].ram = NULL;
    }
    pci_device_unrealize(&d->pci);
}

static void
i440fx_restored(Device *dev)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    pci_device_restored(&d->pci);
    update_segments(d);
}

static void
i440fx_reset(Device *dev, ResetKind kind)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    d->s.config_address = 0;
    if (kind == RESET_WAKE)
        return; /* what is shadowed in RAM stays there */
    pci_device_reset(&d->pci);
    update_segments(d); /* the map is zero again: the ROM is back */
}

/* clang-format off */
static const PropDesc i440fx_props[] = {
    PCI_PROPS(I440fx, pci),
    PROP_END
};

static const StateField i440fx_fields[] = {
    STATE_SUB(I440fxState, pci, &pci_state_desc),
    STATE_FIELD(I440fxState, config_address, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc i440fx_state = {
    .name = "i440fx",
    .version = 1,
    .min_version = 1,
    .size = sizeof(I440fxState),
    .fields = i440fx_fields,
};

const DeviceClass i440fx_class = {
    .name = "i440fx",
    .summary = "Intel 440FX host bridge",
    .size = sizeof(I440fx),
    .props = i440fx_props,
    .state = &i440fx_state,
    .state_offset = G_STRUCT_OFFSET(I440fx, s),
    .realize = i440fx_realize,
    .unrealize = i440fx_unrealize,
    .reset = i440fx_reset,
    .restored = i440fx_restored,
};
