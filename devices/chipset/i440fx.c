/* devices/chipset/i440fx.c - Intel 82441FX host bridge (8086:1237).
 *
 * Intel 82441FX PCI and Memory Controller data sheet (290549): configuration
 * mechanism #1 and the programmable attribute map (PAM) that shadows the
 * BIOS. Left out: DRAM timing (registers are plain storage), the AGP-less
 * error logic, and SMRAM, which is stored but never opens the VGA window:
 * the firmware is told not to use SMM. */
#include "devices/chipset/i440fx.h"

#include <string.h>

#include "devices/chipset/pci-conf1.h"
#include "devices/chipset/piix3.h"

#define I440FX_PAM0          0x59 /* high nibble: 0xF0000 */
#define I440FX_PAM6          0x5f
#define I440FX_SMRAM         0x72
#define I440FX_SMRAM_DEFAULT 0x02 /* C_BASE_SEG: always 010 */
#define I440FX_SMRAM_D_OPEN  0x40
#define I440FX_SMRAM_D_LCK   0x10
#define I440FX_SMRAM_WMASK   0x78

typedef struct {
    PciState pci;
    guint32 config_address;
} I440fxState;

typedef struct {
    PciDevice pci;
    I440fxState s;
    PciConf1 ports;
    Pam pam;
} I440fx;

static const PciIds i440fx_ids = {
    .vendor = 0x8086,
    .device = 0x1237,
    .subsystem_vendor = 0x1af4, /* firmware takes this for "virtual" */
    .subsystem = 0x1100,
    .class_device = 0x0600,
    .revision = 2,
};

static const PciConf1Reset reset_control = {
    .klass = &piix3_class,
    .devfn = PCI_DEVFN(1, 0),
    .read = piix3_reset_control_read,
    .write = piix3_reset_control_write,
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
        pam_update(&d->pam, pdev->state->config + I440FX_PAM0);
}

Pam *
i440fx_pam(Device *dev)
{
    return &DEVICE_OF(I440fx, dev)->pam;
}

static bool
i440fx_realize(Device *dev, DeviceEnv *env, GError **error)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    if (!pci_device_realize(&d->pci, env, &i440fx_ids, &d->s.pci, error))
        return false;
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

    pam_realize(&d->pam, dev, pci_bus_config_lock(d->pci.bus));
    return pci_conf1_realize(&d->ports, &d->pci, &d->s.config_address,
                             &reset_control, error);
}

static void
i440fx_unrealize(Device *dev)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    pci_conf1_unrealize(&d->ports);
    pam_unrealize(&d->pam);
    pci_device_unrealize(&d->pci);
}

static void
i440fx_restored(Device *dev)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    pci_device_restored(&d->pci);
    pam_update(&d->pam, d->s.pci.config + I440FX_PAM0);
}

static void
i440fx_reset(Device *dev, ResetKind kind)
{
    I440fx *d = DEVICE_OF(I440fx, dev);

    d->s.config_address = 0;
    if (kind == RESET_WAKE)
        return; /* what is shadowed in RAM stays there */
    pci_device_reset(&d->pci);
    /* the map is zero again: the ROM is back */
    pam_update(&d->pam, d->s.pci.config + I440FX_PAM0);
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
