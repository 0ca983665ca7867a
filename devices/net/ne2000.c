/* devices/net/ne2000.c - network card NE2000 on the ISA bus: 16 bits, port and
 * interrupt by jumpers, no plug and play, no boot ROM. */
#include "devices/net/dp8390.h"
#include "vmm/irq/irq.h"

typedef struct {
    Dp8390State chip;
} Ne2000State;

typedef struct {
    Device dev;
    Ne2000State s; /* under dev.lock */
    Dp8390 chip;
    guint32 iobase, irq;
    IoRegion *io;
    IrqLine *line;
} Ne2000;

static void
set_irq(Dp8390 *chip, bool level)
{
    irq_line_set(DEVICE_OF(Ne2000, chip->nic.dev)->line, level);
}

static bool
ne2000_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Ne2000 *d = DEVICE_OF(Ne2000, dev);

    d->chip.s = &d->s.chip;
    d->chip.set_irq = set_irq;
    if (!dp8390_realize(&d->chip, dev, error))
        return false;
    d->line = irq_line_new(env, d->irq);
    d->io = io_region_new("ne2000", &dp8390_ops, &d->chip, &dev->lock,
                          DP8390_PORTS);
    if (io_map(env->ports, d->io, d->iobase, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: the ports from 0x%x on are taken; choose another "
                    "iobase",
                    dev->id, d->iobase);
        return false;
    }
    nic_resume(&d->chip.nic);
    return true;
}

static void
ne2000_unrealize(Device *dev)
{
    Ne2000 *d = DEVICE_OF(Ne2000, dev);

    nic_unrealize(&d->chip.nic);
    g_clear_pointer(&d->io, io_region_free);
    g_clear_pointer(&d->line, irq_line_free);
}

static void
ne2000_reset(Device *dev, ResetKind kind)
{
    Ne2000 *d = DEVICE_OF(Ne2000, dev);

    g_mutex_lock(&dev->lock);
    dp8390_reset(&d->chip);
    g_mutex_unlock(&dev->lock);
    nic_restart(&d->chip.nic);
}

static void
ne2000_restored(Device *dev)
{
    Ne2000 *d = DEVICE_OF(Ne2000, dev);

    irq_line_adopt(d->line, (d->s.chip.isr & d->s.chip.imr & 0x7f) != 0);
    nic_restart(&d->chip.nic);
}

static void
ne2000_quiesce(Device *dev)
{
    nic_quiesce(&DEVICE_OF(Ne2000, dev)->chip.nic);
}

static void
ne2000_resume(Device *dev)
{
    nic_resume(&DEVICE_OF(Ne2000, dev)->chip.nic);
}

/* clang-format off */
static const StateField ne2000_fields[] = {
    STATE_SUB(Ne2000State, chip, &dp8390_state_desc),
    STATE_FIELDS_END
};

static const PropDesc ne2000_props[] = {
    PROP_DEF_U32(Ne2000, iobase, "iobase", 0x300, 0x200, 0x3e0, NULL,
                 "first port"),
    PROP_DEF_U32(Ne2000, irq, "irq", 3, 2, 15, NULL, "interrupt"),
    NIC_PROPS(Ne2000, chip.nic),
    PROP_END
};
/* clang-format on */

static const StateDesc ne2000_state = {
    .name = "ne2000",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ne2000State),
    .fields = ne2000_fields,
};

const DeviceClass ne2000_class = {
    .name = "ne2000",
    .summary = "network card (NE2000, ISA)",
    .size = sizeof(Ne2000),
    .props = ne2000_props,
    .state = &ne2000_state,
    .state_offset = G_STRUCT_OFFSET(Ne2000, s),
    .realize = ne2000_realize,
    .unrealize = ne2000_unrealize,
    .reset = ne2000_reset,
    .restored = ne2000_restored,
    .quiesce = ne2000_quiesce,
    .resume = ne2000_resume,
};
