/* devices/chipset/acpi-ged.c - power button, sleep and reset registers of a
 * hardware-reduced ACPI machine.
 *
 * ACPI 6.4, sections 4.8.3.7 (sleep control and status), 4.8.3.6 (reset) and
 * 5.6.9 (the generic event device, whose _EVT method reads the events). The
 * reset register is the one at 0xCF9 that PCs have, so systems that know no
 * ACPI restart as well. Left out: S1..S4. */
#include "devices/chipset/acpi-ged.h"

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"

#define SLEEP_ENABLE  0x20
#define SLEEP_TYPE(v) ((v) >> 2 & 7)
#define STATUS_WAKE   0x80 /* write 1 to clear */
#define RESET_SYSTEM  0x02
#define RESET_CPU     0x04 /* 0 -> 1 starts the reset */
#define KNOWN_EVENTS  ACPI_GED_POWER

typedef struct {
    guint8 events, status, reset_control;
} AcpiGedState;

typedef struct {
    Device dev;
    AcpiGedState s;
    IoRegion *registers, *reset;
    IrqLine *line;
} AcpiGed;

static void
update_irq(AcpiGed *d)
{
    irq_line_set(d->line, d->s.events != 0);
}

static guint64
registers_read(void *dev, guint64 offset, unsigned size)
{
    AcpiGed *d = dev;
    guint8 events = d->s.events;

    switch (ACPI_GED_PORT + offset) {
    case ACPI_GED_STATUS: return d->s.status;
    case ACPI_GED_EVENTS:
        d->s.events = 0;
        update_irq(d);
        return events;
    default: return 0; /* sleep control: the enable bit reads as zero */
    }
}

static void
sleep_write(AcpiGed *d, guint8 value)
{
    if ((value & SLEEP_ENABLE) == 0)
        return;
    if (SLEEP_TYPE(value) == ACPI_GED_SOFT_OFF)
        device_request(&d->dev, MACHINE_POWER_OFF, "ACPI soft off");
    else
        device_guest_error(&d->dev, "sleep type %u: there is only 5, off",
                           SLEEP_TYPE(value));
}

static void
registers_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    AcpiGed *d = dev;

    switch (ACPI_GED_PORT + offset) {
    case ACPI_GED_SLEEP: sleep_write(d, (guint8) value); break;
    case ACPI_GED_STATUS: d->s.status &= (guint8) ~(value & STATUS_WAKE); break;
    default: device_guest_error(&d->dev, "events are read only"); break;
    }
}

static const IoOps register_ops = {
    .read = registers_read,
    .write = registers_write,
    .max_size = 1,
};

static guint64
reset_read(void *dev, guint64 offset, unsigned size)
{
    return DEVICE_OF(AcpiGed, dev)->s.reset_control;
}

static void
reset_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    AcpiGed *d = dev;
    bool rises = (value & ~d->s.reset_control & RESET_CPU) != 0;

    d->s.reset_control = value & (RESET_SYSTEM | RESET_CPU);
    if (rises)
        device_request(&d->dev, MACHINE_RESET_COLD, "reset register 0xcf9");
}

static const IoOps reset_ops = {
    .read = reset_read,
    .write = reset_write,
    .max_size = 1,
};

void
acpi_ged_press_power_button(Device *dev)
{
    AcpiGed *d = DEVICE_OF(AcpiGed, dev);

    g_mutex_lock(&dev->lock);
    d->s.events |= ACPI_GED_POWER;
    update_irq(d);
    g_mutex_unlock(&dev->lock);
}

static bool
acpi_ged_realize(Device *dev, DeviceEnv *env, GError **error)
{
    AcpiGed *d = DEVICE_OF(AcpiGed, dev);

    d->registers =
        io_region_new("acpi-ged", &register_ops, d, &dev->lock, ACPI_GED_LEN);
    d->reset = io_region_new("acpi-reset", &reset_ops, d, &dev->lock, 1);
    d->line = irq_line_new(env, ACPI_GED_GSI);
    if (io_map(env->ports, d->registers, ACPI_GED_PORT, 0) == 0 &&
        io_map(env->ports, d->reset, ACPI_GED_RESET, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: port 0x600 or 0xcf9 is taken by another device", dev->id);
    return false;
}

static void
acpi_ged_unrealize(Device *dev)
{
    AcpiGed *d = DEVICE_OF(AcpiGed, dev);

    g_clear_pointer(&d->registers, io_region_free);
    g_clear_pointer(&d->reset, io_region_free);
    g_clear_pointer(&d->line, irq_line_free);
}

static void
acpi_ged_reset(Device *dev, ResetKind kind)
{
    AcpiGed *d = DEVICE_OF(AcpiGed, dev);

    d->s = (AcpiGedState){0};
    update_irq(d);
}

static void
acpi_ged_restored(Device *dev)
{
    AcpiGed *d = DEVICE_OF(AcpiGed, dev);

    irq_line_adopt(d->line, d->s.events != 0);
}

static bool
acpi_ged_check(const void *state, GError **error)
{
    const AcpiGedState *s = state;

    if ((s->events & ~KNOWN_EVENTS) == 0 && (s->status & ~STATUS_WAKE) == 0 &&
        (s->reset_control & ~(RESET_SYSTEM | RESET_CPU)) == 0)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "acpi-ged: unknown bits in 'events', 'status' or "
                "'reset_control'");
    return false;
}

/* clang-format off */
static const StateField acpi_ged_fields[] = {
    STATE_FIELD(AcpiGedState, events, STATE_U8),
    STATE_FIELD(AcpiGedState, status, STATE_U8),
    STATE_FIELD(AcpiGedState, reset_control, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc acpi_ged_state = {
    .name = "acpi-ged",
    .version = 1,
    .min_version = 1,
    .size = sizeof(AcpiGedState),
    .fields = acpi_ged_fields,
    .check = acpi_ged_check,
};

const DeviceClass acpi_ged_class = {
    .name = "acpi-ged",
    .summary = "ACPI generic event device: power button, sleep, reset",
    .size = sizeof(AcpiGed),
    .state = &acpi_ged_state,
    .state_offset = G_STRUCT_OFFSET(AcpiGed, s),
    .realize = acpi_ged_realize,
    .unrealize = acpi_ged_unrealize,
    .reset = acpi_ged_reset,
    .restored = acpi_ged_restored,
};
