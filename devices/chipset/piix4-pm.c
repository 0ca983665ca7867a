/* devices/chipset/piix4-pm.c - Intel 82371AB power management (8086:7113).
 *
 * Intel 82371AB (PIIX4) data sheet (290562), chapter 7, and ACPI 1.0 section
 * 4.7: PM1 event and control blocks, 24-bit timer, soft off, APM command
 * ports; a general-purpose event block at 0xAFE0, where PC firmware expects
 * it. Left out: SMM (APMC_EN reads as set, so firmware does not try), device
 * monitors (plain storage). Without the option "s3" a guest that suspends to
 * RAM is woken at once. The SMBus controller of the same function is in piix4-smbus.c. */
#include "devices/chipset/piix4-pm.h"

#include <string.h>

#include "devices/bus/pci.h"
#include "devices/chipset/acpi-pm1.h"
#include "devices/chipset/piix4-smbus.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"

#define PM_PMBA      0x40 /* configuration space, section 7.1 */
#define PM_DEVACTB   0x58
#define PM_APMC_EN   0x02 /* in byte 3 of DEVACTB */
#define PM_PMREGMISC 0x80
#define PM_SMBBA     0x90
#define PM_SMBHSTCFG 0xd2
#define PM_ENABLE    0x01 /* in both of these */
#define PM_SMB_INTR  0x0e /* in SMBHSTCFG: which interrupt; IRQ 9 is 100 */
#define PM_SMB_IRQ9  0x08

#define PM_PLAIN     ACPI_PM1_LEN /* what follows is storage, section 7.2 */
#define PM_LEN       0x40

#define GPE_PORT     0xafe0
#define GPE_LEN      4
#define APM_PORT     0xb2
#define APM_ACPI_ON  0xf1 /* what the FADT tells the guest to write */
#define APM_ACPI_OFF 0xf0

typedef struct {
    PciState pci;
    AcpiPm1State pm1;
    guint16 gpe_sts, gpe_en;
    guint8 apm[2]; /* control, status */
    guint8 plain[PM_LEN];
    Piix4SmbusState smb;
} Piix4PmState;

typedef struct {
    PciDevice pci;
    Piix4PmState s;
    bool s3; /* option */
    IoRegion *pm, *gpe, *apm, *smb;
    IrqLine *smb_irq; /* the SCI's input, too */
    SmbusBus *bus;
    AcpiPm1 pm1;
} Piix4Pm;

static const PciIds piix4_pm_ids = {
    .vendor = 0x8086,
    .device = 0x7113,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0680,
    .revision = 3,
    .interrupt_pin = 1,
};

static void
update_irq(Piix4Pm *d)
{
    acpi_pm1_update(&d->pm1, (d->s.gpe_sts & d->s.gpe_en) != 0);
}

static void
pm_timer_fired(void *data)
{
    Piix4Pm *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    update_irq(d);
    g_mutex_unlock(&d->pci.dev.lock);
}

static guint64
pm_read(void *dev, guint64 offset, unsigned size)
{
    Piix4Pm *d = dev;

    if (offset < ACPI_PM1_STS + 2)
        update_irq(d); /* the timer's status is computed when asked for */
    guint64 value = acpi_pm1_read(&d->pm1, (unsigned) offset, size);
    for (unsigned i = 0; i < size; i++)
        if (offset + i >= PM_PLAIN)
            value |= (guint64) d->s.plain[offset + i] << (8 * i);
    return value;
}

static guint16
replace_byte(guint16 word, unsigned shift, guint8 byte)
{
    return (guint16) ((word & ~(0xff << shift)) | byte << shift);
}

static void
pm_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Piix4Pm *d = dev;

    for (unsigned i = 0; i < size; i++) {
        guint8 byte = (guint8) (value >> (8 * i));
        if (offset + i < PM_PLAIN)
            acpi_pm1_write(&d->pm1, (unsigned) offset + i, byte);
        else
            d->s.plain[offset + i] = byte;
    }
    update_irq(d);
}

static const IoOps pm_ops = {
    .read = pm_read,
    .write = pm_write,
    .max_size = 4,
};

static guint64
gpe_read(void *dev, guint64 offset, unsigned size)
{
    Piix4Pm *d = dev;
    guint32 block = d->s.gpe_sts | (guint32) d->s.gpe_en << 16;

    return (block >> (8 * offset)) & (G_MAXUINT64 >> (64 - 8 * size));
}

static void
gpe_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Piix4Pm *d = dev;

    for (unsigned i = 0; i < size; i++) {
        guint8 byte = (guint8) (value >> (8 * i));
        unsigned shift = (offset + i) % 2 * 8;
        if (offset + i < 2)
            d->s.gpe_sts &= (guint16) ~(byte << shift);
        else
            d->s.gpe_en = replace_byte(d->s.gpe_en, shift, byte);
    }
    update_irq(d);
}

static const IoOps gpe_ops = {
    .read = gpe_read,
    .write = gpe_write,
    .max_size = 4,
};

static guint64
apm_read(void *dev, guint64 offset, unsigned size)
{
    return DEVICE_OF(Piix4Pm, dev)->s.apm[offset];
}

static void
apm_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Piix4Pm *d = dev;

    d->s.apm[offset] = (guint8) value;
    if (offset != 0)
        return;
    if (value == APM_ACPI_ON || value == APM_ACPI_OFF)
        acpi_pm1_set_mode(&d->pm1, value == APM_ACPI_ON);
    update_irq(d);
}

static const IoOps apm_ops = {
    .read = apm_read,
    .write = apm_write,
    .max_size = 1,
};

static bool
smb_asks(const Piix4Pm *d)
{
    return (d->s.pci.config[PM_SMBHSTCFG] & PM_SMB_INTR) == PM_SMB_IRQ9 &&
           piix4_smbus_asks(&d->s.smb);
}

static guint64
smb_read(void *dev, guint64 offset, unsigned size)
{
    return piix4_smbus_read(&DEVICE_OF(Piix4Pm, dev)->s.smb, (unsigned) offset);
}

static void
smb_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Piix4Pm *d = dev;

    piix4_smbus_write(&d->s.smb, d->bus, (unsigned) offset, (guint8) value);
    irq_line_set(d->smb_irq, smb_asks(d));
}

static const IoOps smb_ops = {
    .read = smb_read,
    .write = smb_write,
    .max_size = 1,
};

static void
map_block(Piix4Pm *d, IoRegion *region, bool enabled, guint16 base)
{
    DeviceEnv *env = d->pci.dev.env;
    int ret;

    if (!enabled || base == 0) {
        if (io_region_is_mapped(region))
            io_unmap(env->ports, region);
        return;
    }
    /* Below the fixed ports: a guest must not hide those by this base. */
    ret = io_map(env->ports, region, base, -1);
    if (ret < 0)
        device_guest_error(&d->pci.dev, "I/O base 0x%04x: %s", base,
                           g_strerror(-ret));
}

static void
update_mappings(Piix4Pm *d)
{
    const guint8 *c = d->s.pci.config;

    map_block(d, d->pm, (c[PM_PMREGMISC] & PM_ENABLE) != 0,
              pci_get16(c, PM_PMBA) & 0xffc0);
    map_block(d, d->smb, (c[PM_SMBHSTCFG] & PM_ENABLE) != 0,
              pci_get16(c, PM_SMBBA) & 0xfff0);
}

static void
piix4_pm_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                        const guint8 *old)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, &pdev->dev);

    if (offset + size <= PM_PMBA)
        return;
    update_mappings(d);
    g_mutex_lock(&pdev->dev.lock);
    irq_line_set(d->smb_irq, smb_asks(d));
    g_mutex_unlock(&pdev->dev.lock);
}

void
piix4_pm_press_power_button(Device *dev)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    g_mutex_lock(&dev->lock);
    acpi_pm1_press_button(&d->pm1);
    update_irq(d);
    g_mutex_unlock(&dev->lock);
}

void
piix4_pm_rtc_interrupt(void *pm)
{
    Device *dev = pm;
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    g_mutex_lock(&dev->lock);
    acpi_pm1_ring_alarm(&d->pm1);
    update_irq(d);
    g_mutex_unlock(&dev->lock);
}

void
piix4_pm_raise_gpe(Device *dev, unsigned bit)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    g_mutex_lock(&dev->lock);
    d->s.gpe_sts |= (guint16) (1u << bit);
    update_irq(d);
    g_mutex_unlock(&dev->lock);
}

SmbusBus *
piix4_pm_smbus(Device *dev)
{
    return DEVICE_OF(Piix4Pm, dev)->bus;
}

static void
fill_config(PciDevice *pdev)
{
    guint8 *c = pdev->initial, *w = pdev->wmask;

    pci_put16(c, PCI_STATUS, 0x0280);
    memset(w + 0x40, 0xff, 0xc0);
    c[PM_PMBA] = 0x01;
    pci_put32(w, PM_PMBA, 0xffc0);
    c[PM_DEVACTB + 3] = PM_APMC_EN;
    w[PM_PMREGMISC] = PM_ENABLE;
    c[PM_SMBBA] = 0x01;
    pci_put32(w, PM_SMBBA, 0xfff0);
    w[PM_SMBHSTCFG] = 0x0f;
    w[PM_SMBHSTCFG + 4] = 0; /* SMBus revision */
}

static bool
piix4_pm_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    if (!pci_device_realize(&d->pci, env, &piix4_pm_ids, &d->s.pci, error))
        return false;
    fill_config(&d->pci);
    d->pci.config_written = piix4_pm_config_written;
    acpi_pm1_realize(&d->pm1, dev, &d->s.pm1, pm_timer_fired, d);
    d->pm1.s3 = d->s3;
    d->smb_irq = irq_line_new(env, ACPI_SCI_IRQ);
    d->bus = smbus_new();
    d->pm = io_region_new("piix4-pm", &pm_ops, d, &dev->lock, PM_LEN);
    d->smb =
        io_region_new("piix4-smbus", &smb_ops, d, &dev->lock, PIIX4_SMBUS_LEN);
    d->gpe = io_region_new("piix4-gpe", &gpe_ops, d, &dev->lock, GPE_LEN);
    d->apm = io_region_new("piix4-apm", &apm_ops, d, &dev->lock, 2);
    if (io_map(env->ports, d->gpe, GPE_PORT, 0) < 0 ||
        io_map(env->ports, d->apm, APM_PORT, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: ports 0xafe0 or 0xb2 are taken by another device",
                    dev->id);
        return false;
    }
    return true;
}

static void
piix4_pm_unrealize(Device *dev)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    g_clear_pointer(&d->pm, io_region_free);
    g_clear_pointer(&d->smb, io_region_free);
    g_clear_pointer(&d->gpe, io_region_free);
    g_clear_pointer(&d->apm, io_region_free);
    acpi_pm1_unrealize(&d->pm1);
    g_clear_pointer(&d->smb_irq, irq_line_free);
    g_clear_pointer(&d->bus, smbus_free);
    pci_device_unrealize(&d->pci);
}

static void
piix4_pm_restored(Device *dev)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    pci_device_restored(&d->pci);
    update_mappings(d);
    acpi_pm1_restored(&d->pm1, (d->s.gpe_sts & d->s.gpe_en) != 0);
    irq_line_adopt(d->smb_irq, smb_asks(d));
    update_irq(d);
}

static void
piix4_pm_reset(Device *dev, ResetKind kind)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    if (kind == RESET_WAKE) { /* all is in the suspend well, section 11.2 */
        acpi_pm1_wake(&d->pm1);
        irq_line_set(d->smb_irq, false); /* the controllers are new */
        irq_line_set(d->smb_irq, smb_asks(d));
        update_irq(d);
        return;
    }
    d->s = (Piix4PmState){0};
    acpi_pm1_reset(&d->pm1);
    pci_device_reset(&d->pci);
    irq_line_set(d->smb_irq, false);
    update_mappings(d);
    update_irq(d);
}

static bool
piix4_pm_check(const void *state, GError **error)
{
    const Piix4PmState *s = state;

    if (s->smb.index >= SMBUS_MAX_BLOCK) {
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "piix4-pm: 'smb_index' is out of range");
        return false;
    }
    return acpi_pm1_check(&s->pm1, "piix4-pm", error);
}

/* clang-format off */
static const PropDesc piix4_pm_props[] = {
    PCI_PROPS(Piix4Pm, pci),
    PROP_DEF_BOOL(Piix4Pm, s3, "s3", false, "suspend to RAM works"),
    PROP_END
};

/* The registers were a field of their own in version 1. */
#define SMB_BYTES(name, f, since)                                              \
    { name, STATE_BYTES, G_STRUCT_OFFSET(Piix4PmState, f),                     \
      sizeof(((Piix4PmState *) 0)->f), 1, since, NULL }

static const StateField piix4_pm_fields[] = {
    STATE_SUB(Piix4PmState, pci, &pci_state_desc),
    STATE_FIELD_AS(Piix4PmState, pm1.sts, "sts", STATE_U16),
    STATE_FIELD_AS(Piix4PmState, pm1.en, "en", STATE_U16),
    STATE_FIELD_AS(Piix4PmState, pm1.cnt, "cnt", STATE_U16),
    STATE_FIELD(Piix4PmState, gpe_sts, STATE_U16),
    STATE_FIELD(Piix4PmState, gpe_en, STATE_U16),
    STATE_BLOB(Piix4PmState, apm),
    STATE_FIELD_AS(Piix4PmState, pm1.timer_half, "timer_half", STATE_U64),
    STATE_BLOB(Piix4PmState, plain),
    SMB_BYTES("smb", smb.reg, 1),
    SMB_BYTES("smb_block", smb.block, 2),
    { "asleep", STATE_BOOL, G_STRUCT_OFFSET(Piix4PmState, pm1.asleep), 1, 1, 2,
      NULL },
    { "smb_index", STATE_U8, G_STRUCT_OFFSET(Piix4PmState, smb.index), 1, 1, 2,
      NULL },
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc piix4_pm_state = {
    .name = "piix4-pm",
    .version = 2,
    .min_version = 1,
    .size = sizeof(Piix4PmState),
    .fields = piix4_pm_fields,
    .check = piix4_pm_check,
};

const DeviceClass piix4_pm_class = {
    .name = "piix4-pm",
    .summary = "Intel PIIX4 power management",
    .size = sizeof(Piix4Pm),
    .props = piix4_pm_props,
    .state = &piix4_pm_state,
    .state_offset = G_STRUCT_OFFSET(Piix4Pm, s),
    .realize = piix4_pm_realize,
    .unrealize = piix4_pm_unrealize,
    .reset = piix4_pm_reset,
    .restored = piix4_pm_restored,
};
