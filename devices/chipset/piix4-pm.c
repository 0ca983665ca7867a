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
#include "devices/chipset/piix4-smbus.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

#define PM_PMBA         0x40 /* configuration space, section 7.1 */
#define PM_DEVACTB      0x58
#define PM_APMC_EN      0x02 /* in byte 3 of DEVACTB */
#define PM_PMREGMISC    0x80
#define PM_SMBBA        0x90
#define PM_SMBHSTCFG    0xd2
#define PM_ENABLE       0x01 /* in both of these */
#define PM_SMB_INTR     0x0e /* in SMBHSTCFG: which interrupt; IRQ 9 is 100 */
#define PM_SMB_IRQ9     0x08

#define PM_STS          0x00 /* I/O space, section 7.2 */
#define PM_EN           0x02
#define PM_CNT          0x04
#define PM_TMR          0x08
#define PM_PLAIN        0x0c /* what follows is storage */
#define PM_LEN          0x40

#define PM_TMROF        0x0001u /* bits of PM_STS and PM_EN */
#define PM_GBL          0x0020u
#define PM_PWRBTN       0x0100u
#define PM_RTC          0x0400u
#define PM_WAK          0x8000u /* PM_STS only */
#define PM_SOURCES      (PM_TMROF | PM_GBL | PM_PWRBTN | PM_RTC)

#define PM_CNT_SCI_EN   0x0001u
#define PM_CNT_SUS_TYP  0x1c00u
#define PM_CNT_SUS_EN   0x2000u /* write only: reads as zero */
#define PM_CNT_STORED   0x1c07u
#define PM_SUS_SOFT_OFF 0
#define PM_SUS_TO_RAM   1 /* \_S3 of the firmware's tables */
#define PM_SUS_TO_DISK  2 /* \_S4: the guest has saved itself */

#define PM_TIMER_HZ     3579545u
#define PM_TIMER_MASK   0xffffffu
#define PM_HALF_SHIFT   23 /* TMROF is set when bit 23 changes */

#define GPE_PORT        0xafe0
#define GPE_LEN         4
#define APM_PORT        0xb2
#define APM_ACPI_ON     0xf1 /* what the FADT tells the guest to write */
#define APM_ACPI_OFF    0xf0

#define SCI_IRQ         9

typedef struct {
    PciState pci;
    guint16 sts, en, cnt;
    guint16 gpe_sts, gpe_en;
    guint8 apm[2];      /* control, status */
    guint64 timer_half; /* half periods seen when TMROF was last cleared */
    guint8 plain[PM_LEN];
    Piix4SmbusState smb;
    bool asleep; /* suspended to RAM, waits for an event */
} Piix4PmState;

typedef struct {
    PciDevice pci;
    Piix4PmState s;
    bool s3; /* option */
    IoRegion *pm, *gpe, *apm, *smb;
    IrqLine *sci, *smb_irq; /* the same input */
    SmbusBus *bus;
    Timer *timer;
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

static guint64
pm_ticks(const Piix4Pm *d)
{
    gint64 now = loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST);

    return (guint64) ((unsigned __int128) now * PM_TIMER_HZ / 1000000000u);
}

static gint64
ns_of_half(guint64 half)
{
    unsigned __int128 ticks = (unsigned __int128) half << PM_HALF_SHIFT;

    return (gint64) (ticks * 1000000000u / PM_TIMER_HZ) + 1;
}

/* The power button wakes in any case: a person stands there. */
static void
look_for_wake_event(Piix4Pm *d)
{
    const Piix4PmState *s = &d->s;

    if (!s->asleep)
        return;
    if ((s->sts & PM_PWRBTN) != 0)
        device_request(&d->pci.dev, MACHINE_WAKE, "power button");
    else if ((s->sts & s->en & PM_RTC) != 0)
        device_request(&d->pci.dev, MACHINE_WAKE, "the RTC's alarm");
    else if ((s->gpe_sts & s->gpe_en) != 0)
        device_request(&d->pci.dev, MACHINE_WAKE, "general-purpose event");
}

/* The one place that computes status, the interrupt line and the timer. */
static void
update_irq(Piix4Pm *d)
{
    Piix4PmState *s = &d->s;
    bool event;

    if ((pm_ticks(d) >> PM_HALF_SHIFT) > s->timer_half)
        s->sts |= PM_TMROF;
    event = (s->sts & s->en & PM_SOURCES) != 0 || (s->gpe_sts & s->gpe_en) != 0;
    irq_line_set(d->sci, event && (s->cnt & PM_CNT_SCI_EN) != 0);
    if ((s->en & PM_TMROF) != 0 && (s->sts & PM_TMROF) == 0)
        timer_arm(d->timer, ns_of_half(s->timer_half + 1));
    else
        timer_arm(d->timer, -1);
    look_for_wake_event(d);
}

static void
pm_timer_fired(void *data)
{
    Piix4Pm *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    update_irq(d);
    g_mutex_unlock(&d->pci.dev.lock);
}

static void
enter_sleep(Piix4Pm *d)
{
    unsigned type = (d->s.cnt & PM_CNT_SUS_TYP) >> 10;

    if (type == PM_SUS_SOFT_OFF || type == PM_SUS_TO_DISK) {
        device_request(&d->pci.dev, MACHINE_POWER_OFF,
                       type == PM_SUS_SOFT_OFF ? "ACPI soft off (S5)"
                                               : "ACPI suspend to disk (S4)");
        return;
    }
    if (type == PM_SUS_TO_RAM && d->s3) {
        d->s.asleep = true; /* until reset, with RESET_WAKE or without */
        device_request(&d->pci.dev, MACHINE_SUSPEND,
                       "ACPI suspend to RAM (S3)");
        return;
    }
    /* A guest that polls WAK_STS goes on as after the shortest of sleeps. */
    device_guest_error(&d->pci.dev, "sleep type %u is not supported", type);
    d->s.sts |= PM_WAK;
}

static guint8
pm_read_byte(const Piix4Pm *d, guint64 offset, guint32 timer)
{
    unsigned shift = offset % 2 * 8;

    if (offset < PM_EN)
        return (guint8) (d->s.sts >> shift);
    if (offset < PM_CNT)
        return (guint8) (d->s.en >> shift);
    if (offset < PM_CNT + 2)
        return (guint8) (d->s.cnt >> shift);
    if (offset >= PM_TMR && offset < PM_TMR + 4)
        return (guint8) (timer >> (8 * (offset - PM_TMR)));
    return d->s.plain[offset];
}

static guint64
pm_read(void *dev, guint64 offset, unsigned size)
{
    Piix4Pm *d = dev;
    guint32 timer = (guint32) pm_ticks(d) & PM_TIMER_MASK;
    guint64 value = 0;

    if (offset < PM_EN)
        update_irq(d); /* the timer's status is computed when asked for */
    for (unsigned i = 0; i < size; i++)
        value |= (guint64) pm_read_byte(d, offset + i, timer) << (8 * i);
    return value;
}

static guint16
replace_byte(guint16 word, unsigned shift, guint8 byte)
{
    return (guint16) ((word & ~(0xff << shift)) | byte << shift);
}

static void
pm_write_byte(Piix4Pm *d, guint64 offset, guint8 byte)
{
    unsigned shift = offset % 2 * 8;

    if (offset < PM_EN) {
        d->s.sts &= (guint16) ~(byte << shift);
        if (offset == PM_STS && (byte & PM_TMROF) != 0)
            d->s.timer_half = pm_ticks(d) >> PM_HALF_SHIFT;
    } else if (offset < PM_CNT) {
        d->s.en = replace_byte(d->s.en, shift, byte) & PM_SOURCES;
    } else if (offset < PM_CNT + 2) {
        d->s.cnt = replace_byte(d->s.cnt, shift, byte) & PM_CNT_STORED;
        if ((byte << shift & PM_CNT_SUS_EN) != 0)
            enter_sleep(d);
    } else if (offset >= PM_PLAIN) {
        d->s.plain[offset] = byte;
    }
}

static void
pm_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Piix4Pm *d = dev;

    for (unsigned i = 0; i < size; i++)
        pm_write_byte(d, offset + i, (guint8) (value >> (8 * i)));
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
    if (value == APM_ACPI_ON)
        d->s.cnt |= PM_CNT_SCI_EN;
    else if (value == APM_ACPI_OFF)
        d->s.cnt &= (guint16) ~PM_CNT_SCI_EN;
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
    d->s.sts |= PM_PWRBTN;
    update_irq(d);
    g_mutex_unlock(&dev->lock);
}

void
piix4_pm_rtc_interrupt(void *pm)
{
    Device *dev = pm;
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    g_mutex_lock(&dev->lock);
    d->s.sts |= PM_RTC;
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
    d->sci = irq_line_new(env, SCI_IRQ);
    d->smb_irq = irq_line_new(env, SCI_IRQ);
    d->bus = smbus_new();
    d->timer = timer_new(env->loop, CLOCK_GUEST, pm_timer_fired, d);
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
    g_clear_pointer(&d->timer, timer_free);
    g_clear_pointer(&d->sci, irq_line_free);
    g_clear_pointer(&d->smb_irq, irq_line_free);
    g_clear_pointer(&d->bus, smbus_free);
    pci_device_unrealize(&d->pci);
}

static void
piix4_pm_restored(Device *dev)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);
    bool event = (d->s.sts & d->s.en & PM_SOURCES) != 0 ||
                 (d->s.gpe_sts & d->s.gpe_en) != 0;

    pci_device_restored(&d->pci);
    update_mappings(d);
    irq_line_adopt(d->sci, event && (d->s.cnt & PM_CNT_SCI_EN) != 0);
    irq_line_adopt(d->smb_irq, smb_asks(d));
    update_irq(d);
}

static void
piix4_pm_reset(Device *dev, ResetKind kind)
{
    Piix4Pm *d = DEVICE_OF(Piix4Pm, dev);

    if (kind == RESET_WAKE) { /* all is in the suspend well, section 11.2 */
        d->s.asleep = false;
        d->s.sts |= PM_WAK;
        d->s.cnt &= (guint16) ~PM_CNT_SUS_TYP;
        irq_line_set(d->sci, false); /* the interrupt controllers are new */
        irq_line_set(d->smb_irq, false);
        update_irq(d);
        return;
    }
    d->s = (Piix4PmState){.timer_half = pm_ticks(d) >> PM_HALF_SHIFT};
    pci_device_reset(&d->pci);
    irq_line_set(d->smb_irq, false);
    update_mappings(d);
    update_irq(d);
}

static bool
piix4_pm_check(const void *state, GError **error)
{
    const Piix4PmState *s = state;

    if ((s->en & ~PM_SOURCES) == 0 && (s->cnt & ~PM_CNT_STORED) == 0 &&
        s->timer_half < G_GUINT64_CONSTANT(1) << 32 &&
        s->smb.index < SMBUS_MAX_BLOCK)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "piix4-pm: reserved bits are set in 'en' or 'cnt', or "
                "'timer_half' or 'smb_index' is out of range");
    return false;
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
    STATE_FIELD(Piix4PmState, sts, STATE_U16),
    STATE_FIELD(Piix4PmState, en, STATE_U16),
    STATE_FIELD(Piix4PmState, cnt, STATE_U16),
    STATE_FIELD(Piix4PmState, gpe_sts, STATE_U16),
    STATE_FIELD(Piix4PmState, gpe_en, STATE_U16),
    STATE_BLOB(Piix4PmState, apm),
    STATE_FIELD(Piix4PmState, timer_half, STATE_U64),
    STATE_BLOB(Piix4PmState, plain),
    SMB_BYTES("smb", smb.reg, 1),
    SMB_BYTES("smb_block", smb.block, 2),
    { "asleep", STATE_BOOL, G_STRUCT_OFFSET(Piix4PmState, asleep), 1, 1, 2,
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
