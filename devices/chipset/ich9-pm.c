/* devices/chipset/ich9-pm.c - see ich9-pm.h. */
#include "devices/chipset/ich9-pm.h"

#include "devices/chipset/ich9-lpc.h"
#include "vmm/io/io.h"

#define GPE_STS     ICH9_PM_GPE0
#define GPE_EN      (ICH9_PM_GPE0 + ICH9_PM_GPE0_LEN / 2)
#define GPE_END     (ICH9_PM_GPE0 + ICH9_PM_GPE0_LEN)
#define SMI_EN      0x30
#define SMI_APMC_EN 0x20

static void
update_irq(Ich9Pm *pm)
{
    acpi_pm1_update(&pm->pm1, (pm->s->gpe_sts & pm->s->gpe_en) != 0);
}

static guint8
byte_of(guint64 value, guint64 offset)
{
    return (guint8) (value >> (8 * offset));
}

static guint8
read_byte(const Ich9PmState *s, guint64 offset)
{
    if (offset >= GPE_STS && offset < GPE_EN)
        return byte_of(s->gpe_sts, offset - GPE_STS);
    if (offset >= GPE_EN && offset < GPE_END)
        return byte_of(s->gpe_en, offset - GPE_EN);
    if (offset == SMI_EN)
        return s->plain[offset] | SMI_APMC_EN;
    return s->plain[offset];
}

static guint64
ports_read(void *data, guint64 offset, unsigned size)
{
    Ich9Pm *pm = data;

    if (offset < ACPI_PM1_STS + 2)
        update_irq(pm); /* the timer's status is computed when asked for */
    guint64 value = acpi_pm1_read(&pm->pm1, (unsigned) offset, size);
    for (unsigned i = 0; i < size; i++)
        if (offset + i >= ACPI_PM1_LEN)
            value |= (guint64) read_byte(pm->s, offset + i) << (8 * i);
    return value;
}

static void
write_byte(Ich9Pm *pm, guint64 offset, guint8 byte)
{
    Ich9PmState *s = pm->s;

    if (offset < ACPI_PM1_LEN) {
        acpi_pm1_write(&pm->pm1, (unsigned) offset, byte);
    } else if (offset >= GPE_STS && offset < GPE_EN) {
        s->gpe_sts &= ~((guint64) byte << (8 * (offset - GPE_STS)));
    } else if (offset >= GPE_EN && offset < GPE_END) {
        unsigned shift = 8 * (unsigned) (offset - GPE_EN);
        s->gpe_en &= ~(G_GUINT64_CONSTANT(0xff) << shift);
        s->gpe_en |= (guint64) byte << shift;
    } else {
        s->plain[offset] = byte;
    }
}

static void
ports_write(void *data, guint64 offset, guint64 value, unsigned size)
{
    Ich9Pm *pm = data;

    for (unsigned i = 0; i < size; i++)
        write_byte(pm, offset + i, byte_of(value, i));
    update_irq(pm);
}

static const IoOps port_ops = {
    .read = ports_read,
    .write = ports_write,
    .max_size = 4,
};

static guint64
apm_read(void *data, guint64 offset, unsigned size)
{
    return ((Ich9Pm *) data)->s->apm[offset];
}

static void
apm_write(void *data, guint64 offset, guint64 value, unsigned size)
{
    Ich9Pm *pm = data;

    pm->s->apm[offset] = (guint8) value;
    if (offset != 0)
        return;
    if (value == ICH9_APM_ACPI_ON || value == ICH9_APM_ACPI_OFF)
        acpi_pm1_set_mode(&pm->pm1, value == ICH9_APM_ACPI_ON);
    update_irq(pm);
}

static const IoOps apm_ops = {
    .read = apm_read,
    .write = apm_write,
    .max_size = 1,
};

static void
timer_fired(void *data)
{
    Ich9Pm *pm = data;

    g_mutex_lock(&pm->dev->lock);
    update_irq(pm);
    g_mutex_unlock(&pm->dev->lock);
}

void
ich9_pm_map(Ich9Pm *pm, guint16 base)
{
    IoSpace *ports = pm->dev->env->ports;

    if (base == 0) {
        if (io_region_is_mapped(pm->ports))
            io_unmap(ports, pm->ports);
        return;
    }
    /* Below the fixed ports: a guest must not hide those by this base. */
    int ret = io_map(ports, pm->ports, base, -1);
    if (ret < 0)
        device_guest_error(pm->dev, "PMBASE 0x%04x: %s", base,
                           g_strerror(-ret));
}

void
ich9_pm_press_button(Ich9Pm *pm)
{
    g_mutex_lock(&pm->dev->lock);
    acpi_pm1_press_button(&pm->pm1);
    update_irq(pm);
    g_mutex_unlock(&pm->dev->lock);
}

void
ich9_pm_ring_alarm(Ich9Pm *pm)
{
    g_mutex_lock(&pm->dev->lock);
    acpi_pm1_ring_alarm(&pm->pm1);
    update_irq(pm);
    g_mutex_unlock(&pm->dev->lock);
}

bool
ich9_pm_realize(Ich9Pm *pm, Device *dev, Ich9PmState *s, GError **error)
{
    pm->dev = dev;
    pm->s = s;
    acpi_pm1_realize(&pm->pm1, dev, &s->pm1, timer_fired, pm);
    pm->ports =
        io_region_new("ich9-pm", &port_ops, pm, &dev->lock, ICH9_PM_LEN);
    pm->apm = io_region_new("ich9-apm", &apm_ops, pm, &dev->lock, 2);
    if (io_map(dev->env->ports, pm->apm, ICH9_APM_PORT, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: port 0xb2 is taken by another device", dev->id);
    return false;
}

void
ich9_pm_unrealize(Ich9Pm *pm)
{
    g_clear_pointer(&pm->ports, io_region_free);
    g_clear_pointer(&pm->apm, io_region_free);
    acpi_pm1_unrealize(&pm->pm1);
}

void
ich9_pm_reset(Ich9Pm *pm)
{
    *pm->s = (Ich9PmState){.gpe_sts = 0};
    acpi_pm1_reset(&pm->pm1);
    update_irq(pm);
}

void
ich9_pm_restored(Ich9Pm *pm)
{
    acpi_pm1_restored(&pm->pm1, (pm->s->gpe_sts & pm->s->gpe_en) != 0);
    update_irq(pm);
}

static bool
ich9_pm_check(const void *state, GError **error)
{
    return acpi_pm1_check(&((const Ich9PmState *) state)->pm1, "ich9-pm",
                          error);
}

/* clang-format off */
static const StateField ich9_pm_fields[] = {
    STATE_FIELD_AS(Ich9PmState, pm1.sts, "sts", STATE_U16),
    STATE_FIELD_AS(Ich9PmState, pm1.en, "en", STATE_U16),
    STATE_FIELD_AS(Ich9PmState, pm1.cnt, "cnt", STATE_U16),
    STATE_FIELD_AS(Ich9PmState, pm1.timer_half, "timer_half", STATE_U64),
    STATE_FIELD(Ich9PmState, gpe_sts, STATE_U64),
    STATE_FIELD(Ich9PmState, gpe_en, STATE_U64),
    STATE_BLOB(Ich9PmState, apm),
    STATE_BLOB(Ich9PmState, plain),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc ich9_pm_state_desc = {
    .name = "ich9-pm",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ich9PmState),
    .fields = ich9_pm_fields,
    .check = ich9_pm_check,
};
