/* devices/chipset/q35-mch.c - Intel Q35 memory controller hub (8086:29C0).
 *
 * Intel 3 Series Express Chipset Family data sheet (316966), chapter 5: the
 * configuration ports, the window PCIEXBAR through which configuration space is
 * memory, and the attribute map (PAM) that shadows the BIOS. Left out: DRAM
 * timing, the remapping registers (TOLUD and the like are storage: the machine
 * decides where its RAM is), the blocks behind MCHBAR, DMIBAR and EPBAR, and
 * SMRAM, which is stored but never opens the VGA window: the firmware is told
 * not to use SMM. */
#include "devices/chipset/q35-mch.h"

#include <stdatomic.h>
#include <string.h>

#include "devices/chipset/ich9-lpc.h"
#include "devices/chipset/pci-conf1.h"
#include "devices/chipset/pci-ecam.h"
#include "vmm/io/io.h"

#define MCH_PCIEXBAR     0x60 /* section 5.1.15 */
#define PCIEXBAR_ENABLE  0x1u
#define PCIEXBAR_LENGTH  0x6u                            /* 256, 128, 64 MiB */
#define PCIEXBAR_ADDRESS G_GUINT64_CONSTANT(0xff0000000) /* bits 35 to 28 */
#define PCIEXBAR_128M    G_GUINT64_CONSTANT(0x8000000)
#define PCIEXBAR_64M     G_GUINT64_CONSTANT(0x4000000)
#define LIMIT_32         G_GUINT64_CONSTANT(0x100000000)
#define MCH_PAM0         0x90
#define MCH_PAM6         0x96
#define MCH_SMRAM        0x9d
#define SMRAM_DEFAULT    0x02 /* C_BASE_SEG: always 010 */
#define SMRAM_D_OPEN     0x40
#define SMRAM_D_LCK      0x10
#define SMRAM_WMASK      0x78
#define MCH_TOM          0xa0
#define MCH_TOLUD        0xb0

typedef struct {
    PciState pci;
    guint32 config_address;
} Q35MchState;

typedef struct {
    PciDevice pci;
    Q35MchState s;
    PciConf1 ports;
    Pam pam;
    IoRegion *windows[3]; /* by PCIEXBAR's length; one is mapped at most */
    _Atomic guint32 ecam; /* q35_mch_ecam()'s answer; written by config lock */
} Q35Mch;

static const PciIds q35_mch_ids = {
    .vendor = 0x8086,
    .device = 0x29c0,
    .subsystem_vendor = 0x1af4, /* firmware takes this for "virtual" */
    .subsystem = 0x1100,
    .class_device = 0x0600,
    .revision = 2,
};

static const PciConf1Reset reset_control = {
    .klass = &ich9_lpc_class,
    .devfn = ICH9_LPC_DEVFN,
    .read = ich9_lpc_reset_control_read,
    .write = ich9_lpc_reset_control_write,
};

/* ---- configuration space as memory ---- */

static guint64
window_read(void *dev, guint64 offset, unsigned size)
{
    return pci_ecam_read(DEVICE_OF(Q35Mch, dev)->pci.bus, offset, size);
}

static void
window_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    pci_ecam_write(DEVICE_OF(Q35Mch, dev)->pci.bus, offset, value, size);
}

static const IoOps window_ops = {
    .read = window_read,
    .write = window_write,
    .max_size = 4,
};

static const guint32 window_len[] = {Q35_ECAM_LEN, PCIEXBAR_128M, PCIEXBAR_64M};

static guint64
pciexbar(const Q35Mch *d)
{
    return pci_get32(d->s.pci.config, MCH_PCIEXBAR) |
           (guint64) pci_get32(d->s.pci.config, MCH_PCIEXBAR + 4) << 32;
}

static Gpa
window_base(guint64 bar, unsigned length)
{
    guint64 mask = PCIEXBAR_ADDRESS;

    if (length >= 1)
        mask |= PCIEXBAR_128M;
    if (length >= 2)
        mask |= PCIEXBAR_64M;
    return bar & mask;
}

static void
set_ecam(Q35Mch *d, guint32 ecam)
{
    atomic_store_explicit(&d->ecam, ecam, memory_order_relaxed);
}

/* Below the fixed addresses: a guest must not hide those by it. A window that has
 * no place there is nowhere, not where it was. */
static void
update_window(Q35Mch *d)
{
    IoSpace *mmio = d->pci.dev.env->mmio;
    guint64 bar = pciexbar(d);
    unsigned length = (bar & PCIEXBAR_LENGTH) >> 1;
    Gpa base = window_base(bar, length);
    bool enabled = (bar & PCIEXBAR_ENABLE) != 0 &&
                   length < G_N_ELEMENTS(window_len) && base != 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(window_len); i++)
        if ((i != length || !enabled) && io_region_is_mapped(d->windows[i]))
            io_unmap(mmio, d->windows[i]);
    int ret = enabled ? io_map(mmio, d->windows[length], base, -1) : 0;
    if (ret < 0) {
        if (io_region_is_mapped(d->windows[length]))
            io_unmap(mmio, d->windows[length]);
        device_guest_error(
            &d->pci.dev,
            "configuration space cannot be at 0x%" G_GINT64_MODIFIER "x: %s",
            base, g_strerror(-ret));
    }
    set_ecam(d, enabled && ret == 0 && length == 0 && base < LIMIT_32
                    ? (guint32) base
                    : 0);
}

/* ---- registers ---- */

static bool
touches(unsigned offset, unsigned size, unsigned first, unsigned last)
{
    return offset <= last && first < offset + size;
}

static void
q35_mch_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                       const guint8 *old)
{
    Q35Mch *d = DEVICE_OF(Q35Mch, &pdev->dev);
    guint8 *smram = &d->s.pci.config[MCH_SMRAM];

    if (touches(offset, size, MCH_SMRAM, MCH_SMRAM)) {
        /* Once locked, the register is read-only and closed until reset. */
        if ((old[MCH_SMRAM - offset] & SMRAM_D_LCK) != 0)
            *smram = old[MCH_SMRAM - offset];
        if ((*smram & SMRAM_D_LCK) != 0)
            *smram &= (guint8) ~SMRAM_D_OPEN;
    }
    if (touches(offset, size, MCH_PAM0, MCH_PAM6))
        pam_update(&d->pam, pdev->state->config + MCH_PAM0);
    if (touches(offset, size, MCH_PCIEXBAR, MCH_PCIEXBAR + 7))
        update_window(d);
}

guint32
q35_mch_ecam(Device *dev)
{
    return atomic_load_explicit(&DEVICE_OF(Q35Mch, dev)->ecam,
                                memory_order_relaxed);
}

Pam *
q35_mch_pam(Device *dev)
{
    return &DEVICE_OF(Q35Mch, dev)->pam;
}

static void
fill_config(PciDevice *pdev)
{
    guint8 *c = pdev->initial, *w = pdev->wmask;

    pci_put16(c, PCI_COMMAND, 0x0006);
    /* The bridge always decodes and masters; SERR# enable alone is writable. */
    pci_put16(w, PCI_COMMAND, 0x0100);
    c[MCH_SMRAM] = SMRAM_DEFAULT;
    w[MCH_SMRAM] = SMRAM_WMASK;
    pci_put32(w, MCH_PCIEXBAR, 0xfc000000u | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE);
    pci_put32(w, MCH_PCIEXBAR + 4, 0xf);
    memset(w + MCH_PAM0, 0x33, PAM_REGISTERS);
    w[MCH_PAM0] = 0x30;                 /* the F segment alone */
    pci_put32(w, MCH_TOM, 0xffff03ffu); /* and TOUUD */
    pci_put16(w, MCH_TOLUD, 0xfff0);
    pci_put16(c, PCI_STATUS, 0x0080); /* no capabilities: CAPID0 is left out */
}

static bool
q35_mch_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Q35Mch *d = DEVICE_OF(Q35Mch, dev);

    if (!pci_device_realize(&d->pci, env, &q35_mch_ids, &d->s.pci, error))
        return false;
    GMutex *lock = pci_bus_config_lock(d->pci.bus);
    fill_config(&d->pci);
    d->pci.config_written = q35_mch_config_written;
    for (unsigned i = 0; i < G_N_ELEMENTS(window_len); i++)
        d->windows[i] =
            io_region_new("pci-ecam", &window_ops, d, lock, window_len[i]);
    pam_realize(&d->pam, dev, lock);
    return pci_conf1_realize(&d->ports, &d->pci, &d->s.config_address,
                             &reset_control, error);
}

static void
q35_mch_unrealize(Device *dev)
{
    Q35Mch *d = DEVICE_OF(Q35Mch, dev);

    pci_conf1_unrealize(&d->ports);
    for (unsigned i = 0; i < G_N_ELEMENTS(window_len); i++)
        g_clear_pointer(&d->windows[i], io_region_free);
    pam_unrealize(&d->pam);
    pci_device_unrealize(&d->pci);
}

/* What the registers say of memory. */
static void
update_all(Q35Mch *d)
{
    pam_update(&d->pam, d->s.pci.config + MCH_PAM0);
    update_window(d);
}

static void
q35_mch_restored(Device *dev)
{
    Q35Mch *d = DEVICE_OF(Q35Mch, dev);

    pci_device_restored(&d->pci);
    update_all(d);
}

static void
q35_mch_reset(Device *dev, ResetKind kind)
{
    Q35Mch *d = DEVICE_OF(Q35Mch, dev);

    pci_device_reset(&d->pci);
    d->s.config_address = 0;
    update_all(d);
}

/* clang-format off */
static const PropDesc q35_mch_props[] = {
    PCI_PROPS(Q35Mch, pci),
    PROP_END
};

static const StateField q35_mch_fields[] = {
    STATE_SUB(Q35MchState, pci, &pci_state_desc),
    STATE_FIELD(Q35MchState, config_address, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc q35_mch_state = {
    .name = "q35-mch",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Q35MchState),
    .fields = q35_mch_fields,
};

const DeviceClass q35_mch_class = {
    .name = "q35-mch",
    .summary = "Intel Q35 host bridge",
    .size = sizeof(Q35Mch),
    .props = q35_mch_props,
    .state = &q35_mch_state,
    .state_offset = G_STRUCT_OFFSET(Q35Mch, s),
    .realize = q35_mch_realize,
    .unrealize = q35_mch_unrealize,
    .reset = q35_mch_reset,
    .restored = q35_mch_restored,
};
