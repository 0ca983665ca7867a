/* devices/storage/ahci.c - a SATA controller with six ports, as in Intel's ICH9.
 *
 * AHCI 1.3.1; identification of the 82801I (ICH9) data sheet, section 14.1.
 * A page of the registers as they read lies in the guest's memory, so that only
 * writing them takes an exit. Left out: the ports' legacy and index/data
 * registers, command completion coalescing, enclosure management, staggered
 * spin-up, port multipliers. */
#include "devices/storage/ahci.h"

#include <string.h>
#include <unistd.h>

#include "devices/storage/ahci-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

#define ABAR 5

/* Six ports, 32 slots, PIO blocks at once, AHCI only, 3 Gbit/s, task file
 * override, queuing, 64-bit addresses; 3.1.1. */
#define CAP_VALUE                                                              \
    ((AHCI_PORTS - 1) | (AHCI_SLOTS - 1) << 8 | 1u << 15 | 1u << 18 |          \
     2u << 20 | 1u << 24 | 1u << 30 | 1u << 31)
#define VERSION 0x00010200u

static const PciIds ahci_ids = {
    .vendor = 0x8086,
    .device = 0x2922,
    .class_device = 0x0106,
    .prog_if = 0x01,
    .revision = 0x02,
    .interrupt_pin = 1,
};

AhciPort *
ahci_port_of(IdeDrive *d)
{
    return (AhciPort *) (void *) ((char *) d -
                                  G_STRUCT_OFFSET(AhciPort, drive));
}

/* ---- what the guest sees ---- */

static void
show(Ahci *h, unsigned offset, guint32 value)
{
    __atomic_store_n(&h->words[offset / 4], GUINT32_TO_LE(value),
                     __ATOMIC_RELEASE);
}

/* Level, or a message for each bit that has come since the guest last looked:
 * it looks by clearing PxIS. */
static void
update_irq(Ahci *h, guint32 is)
{
    bool level = is != 0 && (h->s.ghc & AHCI_GHC_IE) != 0;

    if (h->msi.enabled && level && (is & ~h->told) != 0)
        pci_msi_send(&h->msi);
    h->told = h->msi.enabled && level ? is : 0;
    pci_set_intx(&h->pci, level && !h->msi.enabled);
}

static guint32
port_is(const AhciPortState *s)
{
    return s->is | (s->serr & PX_SERR_X ? PX_IS_PCS : 0) |
           (s->serr & PX_SERR_N ? PX_IS_PRCS : 0);
}

static guint32
port_cmd(const AhciPort *p)
{
    guint32 cmd = p->s->cmd;

    if ((cmd & PX_CMD_FRE) != 0)
        cmd |= PX_CMD_FR;
    if ((cmd & PX_CMD_ST) != 0 || p->stale != 0 ||
        (p->drive.req_busy && p->current == AHCI_NO_SLOT))
        cmd |= PX_CMD_CR;
    return cmd;
}

static guint32
all_is(const Ahci *h)
{
    guint32 is = 0;

    for (unsigned i = 0; i < AHCI_PORTS; i++)
        if ((port_is(&h->s.port[i]) & h->s.port[i].ie) != 0)
            is |= 1u << i;
    return is;
}

static void
show_global(Ahci *h)
{
    guint32 is = all_is(h);

    show(h, AHCI_GHC, h->s.ghc);
    show(h, AHCI_IS, is);
    update_irq(h, is);
}

void
ahci_show(AhciPort *p)
{
    const AhciPortState *s = p->s;
    const struct {
        unsigned reg;
        guint32 value;
    } regs[] = {
        {PX_CLB, s->clb},   {PX_CLBU, s->clbu},  {PX_FB, s->fb},
        {PX_FBU, s->fbu},   {PX_IE, s->ie},      {PX_CMD, port_cmd(p)},
        {PX_TFD, s->tfd},   {PX_SIG, s->sig},    {PX_SSTS, s->ssts},
        {PX_SCTL, s->sctl}, {PX_SERR, s->serr},  {PX_SACT, s->sact},
        {PX_CI, s->ci},     {PX_IS, port_is(s)},
    };
    unsigned base = AHCI_PORT_BASE + p->number * AHCI_PORT_SIZE;

    for (gsize i = 0; i < G_N_ELEMENTS(regs); i++)
        show(p->hba, base + regs[i].reg, regs[i].value);
    show_global(p->hba);
}

static void
show_all(Ahci *h)
{
    show(h, AHCI_CAP, CAP_VALUE);
    show(h, AHCI_PI, (1u << AHCI_PORTS) - 1);
    show(h, AHCI_VS, VERSION);
    for (unsigned i = 0; i < AHCI_PORTS; i++)
        ahci_show(&h->port[i]);
}

/* ---- registers ---- */

static void
reset_all(Ahci *h)
{
    h->s.ghc = AHCI_GHC_AE;
    for (unsigned i = 0; i < AHCI_PORTS; i++)
        ahci_port_reset(&h->port[i]);
    h->told = 0;
    show_all(h);
}

static guint64
ahci_read(void *dev, guint64 offset, unsigned size)
{
    Ahci *h = dev;

    return GUINT32_FROM_LE(h->words[offset / 4]);
}

static void
ahci_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Ahci *h = dev;
    unsigned n = (unsigned) (offset - AHCI_PORT_BASE) / AHCI_PORT_SIZE;

    if (offset % 4 != 0)
        return;
    if (offset >= AHCI_PORT_BASE) {
        if (n < AHCI_PORTS)
            ahci_port_write(&h->port[n], (unsigned) offset % AHCI_PORT_SIZE,
                            (guint32) value);
    } else if (offset == AHCI_GHC && (value & AHCI_GHC_RESET) != 0) {
        reset_all(h);
    } else if (offset == AHCI_GHC) {
        h->s.ghc = AHCI_GHC_AE | ((guint32) value & AHCI_GHC_IE);
        show_global(h);
    } /* IS only shows what the ports say */
}

static const IoOps ahci_ops = {
    .read = ahci_read,
    .write = ahci_write,
    .min_size = 4,
    .max_size = 4,
};

/* ---- drives ---- */

bool
ahci_port_fill(AhciPort *p, IdeKind kind, Block *block, const char *serial,
               GError **error)
{
    g_free(p->serial);
    p->serial = serial != NULL ? g_strdup(serial)
                               : g_strdup_printf("CR%05u", p->number + 1);
    if (!ide_drive_init(&p->drive, kind, block, p->serial, NULL, error)) {
        g_prefix_error(error, "port %u: ", p->number);
        return false;
    }
    return kind == IDE_CD || ahci_queue_init(p, error);
}

static void
connect_port(Ahci *h, unsigned n)
{
    AhciPort *p = &h->port[n];

    p->hba = h;
    p->number = n;
    p->s = &h->s.port[n];
    p->current = AHCI_NO_SLOT;
    p->kick = -1;
    p->drive = (IdeDrive){
        .bus = &ahci_bus,
        .dev = &h->pci.dev,
        .dma = h->pci.dma,
        .cursor = &p->cursor,
        .select = &p->s->device,
        .s = &p->s->drive,
        .sata = true,
    };
}

static IdeKind
kind_of(const Ahci *h, unsigned n)
{
    static const IdeKind kinds[] = {IDE_ABSENT, IDE_ABSENT, IDE_DISK, IDE_CD};
    const Block *block = h->image[n];

    if (h->kind[n] != 0)
        return kinds[h->kind[n]];
    if (block == NULL)
        return IDE_ABSENT;
    return block_info(block)->is_cdrom ? IDE_CD : IDE_DISK;
}

static bool
fill_ports(Ahci *h, GError **error)
{
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        IdeKind kind = kind_of(h, i);
        connect_port(h, i);
        if (kind != IDE_ABSENT &&
            !ahci_port_fill(&h->port[i], kind, h->image[i], h->serial[i],
                            error))
            return false;
    }
    return true;
}

/* ---- life ---- */

static void
config_written(PciDevice *pdev, unsigned offset, unsigned size,
               const guint8 *old)
{
    Ahci *h = DEVICE_OF(Ahci, &pdev->dev);

    if (!pci_msi_config_written(&h->msi, offset, size))
        return;
    g_mutex_lock(&pdev->dev.lock);
    show_global(h);
    g_mutex_unlock(&pdev->dev.lock);
}

/* What a driver writes to IS is of no use to anybody: the kernel drops it in an
 * eventfd that nobody reads. Without one it takes an exit, and that is all. */
static void
absorb_is(Ahci *h)
{
    h->absorb = sys_eventfd(NULL);
    if (h->absorb >= 0)
        (void) io_region_set_eventfd(h->region, AHCI_IS, 4, NULL, h->absorb);
}

static bool
ahci_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Ahci *h = DEVICE_OF(Ahci, dev);
    void *page;

    h->absorb = -1;
    if (!pci_device_realize(&h->pci, env, &ahci_ids, &h->s.pci, error))
        return false;
    pci_msi_realize(&h->msi, &h->pci);
    h->pci.config_written = config_written;
    h->slot = pci_new_register_page(&h->pci, &page, error);
    if (h->slot == NULL)
        return false;
    h->words = page;
    if (!fill_ports(h, error))
        return false;
    h->region = io_region_new("ahci", &ahci_ops, h, &dev->lock, AHCI_PAGE);
    absorb_is(h);
    pci_add_bar(&h->pci, ABAR, PCI_BAR_MEM32, false, AHCI_PAGE, h->region,
                h->slot);
    h->pci.bars[ABAR].read_only = true;
    return true;
}

static void
ahci_unrealize(Device *dev)
{
    Ahci *h = DEVICE_OF(Ahci, dev);

    h->pci.config_written = NULL;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPort *p = &h->port[i];
        if (p->hba == NULL)
            continue;
        ahci_queue_clear(p);
        ide_drive_wait(&p->drive);
        g_clear_pointer(&p->serial, g_free);
    }
    pci_device_unrealize(&h->pci);
    pci_msi_unrealize(&h->msi);
    if (h->absorb >= 0 && h->region != NULL)
        (void) io_region_set_eventfd(h->region, AHCI_IS, 4, NULL, -1);
    g_clear_pointer(&h->region, io_region_free);
    g_clear_pointer(&h->slot, mem_slot_free);
    if (h->absorb >= 0)
        close(h->absorb);
    h->absorb = -1;
}

static void
ahci_reset(Device *dev, ResetKind kind)
{
    Ahci *h = DEVICE_OF(Ahci, dev);

    pci_device_reset(&h->pci);
    g_mutex_lock(&dev->lock);
    pci_msi_update(&h->msi);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPort *p = &h->port[i];
        p->s->clb = p->s->clbu = p->s->fb = p->s->fbu = 0;
        ahci_port_stop(p);
        ide_drive_power_on(&p->drive);
    }
    reset_all(h);
    g_mutex_unlock(&dev->lock);
}

static void
ahci_restored(Device *dev)
{
    Ahci *h = DEVICE_OF(Ahci, dev);

    pci_device_restored(&h->pci);
    g_mutex_lock(&dev->lock);
    pci_msi_update(&h->msi);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPort *p = &h->port[i];
        ahci_queue_forget(p);
        p->current = AHCI_NO_SLOT;
        p->drive.generation++;
        p->drive.buf_written = true;
        atapi_show_tray(&p->drive);
    }
    h->told = h->msi.enabled ? all_is(h) : 0; /* that message is on its way */
    show_all(h);
    g_mutex_unlock(&dev->lock);
}

static void
ahci_quiesce(Device *dev)
{
    Ahci *h = DEVICE_OF(Ahci, dev);

    g_mutex_lock(&dev->lock);
    h->paused = true;
    g_mutex_unlock(&dev->lock);
}

static bool
ahci_is_quiet(Device *dev)
{
    Ahci *h = DEVICE_OF(Ahci, dev);
    bool quiet = true;

    g_mutex_lock(&dev->lock);
    for (unsigned i = 0; i < AHCI_PORTS; i++)
        quiet = quiet && ahci_port_is_quiet(&h->port[i]);
    g_mutex_unlock(&dev->lock);
    return quiet;
}

static void
ahci_resume(Device *dev)
{
    Ahci *h = DEVICE_OF(Ahci, dev);

    g_mutex_lock(&dev->lock);
    h->paused = false;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ahci_port_run(&h->port[i]);
        ahci_show(&h->port[i]);
    }
    g_mutex_unlock(&dev->lock);
}

static bool
port_check(const void *state, GError **error)
{
    const AhciPortState *s = state;

    if (s->halted <= 1 && s->srst <= 1)
        return ide_idle_drive_check(&s->drive, error);
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "ahci: a flag is neither 0 nor 1; the saved state is damaged, "
                "start the machine afresh");
    return false;
}

/* clang-format off */
static const StateField failure_fields[] = {
    STATE_FIELD(AhciFailure, tag, STATE_U8),
    STATE_FIELD(AhciFailure, status, STATE_U8),
    STATE_FIELD(AhciFailure, error, STATE_U8),
    STATE_FIELD(AhciFailure, device, STATE_U8),
    STATE_BLOB(AhciFailure, lba),
    STATE_BLOB(AhciFailure, count),
    STATE_FIELDS_END
};
static const StateDesc failure_state = {
    .name = "ahci-failure", .version = 1, .min_version = 1,
    .size = sizeof(AhciFailure), .fields = failure_fields,
};
static const StateField port_fields[] = {
    STATE_FIELD(AhciPortState, clb, STATE_U32),
    STATE_FIELD(AhciPortState, clbu, STATE_U32),
    STATE_FIELD(AhciPortState, fb, STATE_U32),
    STATE_FIELD(AhciPortState, fbu, STATE_U32),
    STATE_FIELD(AhciPortState, is, STATE_U32),
    STATE_FIELD(AhciPortState, ie, STATE_U32),
    STATE_FIELD(AhciPortState, cmd, STATE_U32),
    STATE_FIELD(AhciPortState, sctl, STATE_U32),
    STATE_FIELD(AhciPortState, ssts, STATE_U32),
    STATE_FIELD(AhciPortState, sig, STATE_U32),
    STATE_FIELD(AhciPortState, tfd, STATE_U32),
    STATE_FIELD(AhciPortState, serr, STATE_U32),
    STATE_FIELD(AhciPortState, sact, STATE_U32),
    STATE_FIELD(AhciPortState, ci, STATE_U32),
    STATE_FIELD(AhciPortState, halted, STATE_U8),
    STATE_FIELD(AhciPortState, srst, STATE_U8),
    STATE_FIELD(AhciPortState, device, STATE_U8),
    STATE_SUB(AhciPortState, failure, &failure_state),
    STATE_SUB(AhciPortState, drive, &ide_idle_drive_state_desc),
    STATE_FIELDS_END
};
static const StateDesc port_state = {
    .name = "ahci-port", .version = 1, .min_version = 1,
    .size = sizeof(AhciPortState), .fields = port_fields, .check = port_check,
};
static const StateField ahci_fields[] = {
    STATE_SUB(AhciState, pci, &pci_state_desc),
    STATE_FIELD(AhciState, ghc, STATE_U32),
    STATE_SUB_ARRAY(AhciState, port, &port_state),
    STATE_FIELDS_END
};
static const StateDesc ahci_state = {
    .name = "ahci", .version = 1, .min_version = 1,
    .size = sizeof(AhciState), .fields = ahci_fields,
};

static const char *const kind_names[] = { "auto", "none", "disk", "cd", NULL };

#define PORT_PROPS(i, n) \
    PROP_DEF_LINK(Ahci, image[i], "drive" n, false, "image of port " n), \
    PROP_DEF_ENUM(Ahci, kind[i], "kind" n, kind_names, 0, \
                  "what is at port " n "; auto: as its image, else none"), \
    PROP_DEF_STRING(Ahci, serial[i], "serial" n, NULL, \
                    "serial number, up to 20 characters")

static const PropDesc ahci_props[] = {
    PCI_PROPS(Ahci, pci),
    PORT_PROPS(0, "0"),
    PORT_PROPS(1, "1"),
    PORT_PROPS(2, "2"),
    PORT_PROPS(3, "3"),
    PORT_PROPS(4, "4"),
    PORT_PROPS(5, "5"),
    PROP_DEF_BOOL(Ahci, own_thread, "own-thread", false,
                  "a thread for each disk, which may wait for the image"),
    PROP_END
};
/* clang-format on */

const DeviceClass ahci_class = {
    .name = "ahci",
    .summary = "SATA controller (Intel ICH9), disks and CD drives",
    .size = sizeof(Ahci),
    .props = ahci_props,
    .state = &ahci_state,
    .state_offset = G_STRUCT_OFFSET(Ahci, s),
    .realize = ahci_realize,
    .unrealize = ahci_unrealize,
    .reset = ahci_reset,
    .restored = ahci_restored,
    .quiesce = ahci_quiesce,
    .is_quiet = ahci_is_quiet,
    .resume = ahci_resume,
};
