/* devices/usb/xhci.c - a USB 3 host controller: registers, life, saved state.
 *
 * eXtensible Host Controller Interface 1.2, as a controller of version 1.0:
 * 64-bit addresses, 32-byte contexts, MSI-X or INTx, no streams, no scratchpad,
 * no save and restore by software, no debug capability. Events, ports, rings,
 * commands and transfers are in the files xhci-*.c beside this one.
 *
 * A vCPU only notes what it is told; the loop does it. So a reset or a stop
 * takes a moment, which every driver waits for. */
#include "devices/usb/xhci-internal.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

#define BAR_REGS 0u
#define BAR_MSIX 2u
#define BAR_SIZE 0x4000u

/* Where the parts are, 5.2 to 5.6 */
#define OPERATIONAL  0x40u
#define PORT_REGS    (OPERATIONAL + 0x400u)
#define RUNTIME      0x1000u
#define INTR_REGS    (RUNTIME + 0x20u)
#define DOORBELLS    0x2000u
#define PROTOCOLS    0x20u /* extended capabilities, before OPERATIONAL */

#define CRCR_CYCLE   1u
#define CRCR_STOPS   6u /* CS, CA */
#define CRCR_RUNNING 8u
#define CMD_KEPT     (CMD_RUN | CMD_INTE | CMD_HSEE | CMD_EWE)
#define CMD_LHCRST   0x80u
#define STS_CLEARED  0x041cu /* RW1C: HSE, EINT, PCD, SRE */
#define IMAN_IP      1u
#define IMAN_IE      2u
#define BUDGET       512u /* TRBs before others on the loop have a turn */

static const PciIds xhci_ids = {
    .vendor = 0x1b36, /* as QEMU's, which drivers take as it is */
    .device = 0x000d,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0c03,
    .prog_if = 0x30,
    .revision = 1,
    .interrupt_pin = 1,
};

static Xhci *
xhci_of(void *dev)
{
    return DEVICE_OF(Xhci, dev);
}

UsbBus *
xhci_usb_bus(Device *dev)
{
    return &xhci_of(dev)->bus;
}

void
xhci_kick(Xhci *x)
{
    timer_arm(x->work, 0);
}

bool
xhci_is_running(const Xhci *x)
{
    return (x->s.usbcmd & CMD_RUN) != 0 &&
           (x->s.usbsts & (STS_HSE | STS_HCE)) == 0;
}

void
xhci_fail(Xhci *x, guint32 sts_bit, const char *why)
{
    if ((x->s.usbsts & sts_bit) == 0)
        device_guest_error(&x->pci.dev, "%s; the controller stops", why);
    x->s.usbsts |= sts_bit | STS_HALTED;
}

/* ---- the loop's work ---- */

static void
reset_state(Xhci *x)
{
    PciState pci = x->s.pci;
    PciMsixState msix = x->s.msix;

    xhci_cancel_all(x);
    memset(&x->s, 0, sizeof x->s);
    x->s.pci = pci;
    x->s.msix = msix;
    x->s.usbsts = STS_HALTED;
    for (unsigned i = 0; i < XHCI_INTRS; i++)
        x->s.intrs[i].imod = 4000; /* 5.5.2.2 */
    memset(x->eps, 0, sizeof x->eps);
    xhci_ports_reset(x);
    xhci_update_irq(x);
}

/* 5.4.1.1: what is under way ends, then the controller has halted. */
static void
follow_run_bit(Xhci *x)
{
    if (xhci_is_running(x) || (x->s.usbsts & STS_HALTED) != 0)
        return;
    xhci_cancel_all(x);
    x->s.command_running = 0;
    x->s.usbsts |= STS_HALTED;
}

/* Lock held. */
static void
run(Xhci *x)
{
    if (x->quiesced)
        return;
    if ((x->s.usbcmd & CMD_RESET) != 0)
        reset_state(x);
    xhci_ports_run(x);
    follow_run_bit(x);
    if (!xhci_is_running(x))
        return;
    unsigned used = xhci_commands_run(x, BUDGET);
    if (used < BUDGET)
        used += xhci_transfers_run(x, BUDGET - used);
    if (used >= BUDGET)
        xhci_kick(x);
    follow_run_bit(x);
}

static void
work(void *data)
{
    Xhci *x = data;

    g_mutex_lock(&x->pci.dev.lock);
    run(x);
    g_mutex_unlock(&x->pci.dev.lock);
}

/* ---- what the bus tells ---- */

static void
on_attached(void *controller, unsigned port, UsbDevice *dev)
{
    Xhci *x = controller;

    g_mutex_lock(&x->pci.dev.lock);
    xhci_port_plug(x, port, true);
    g_mutex_unlock(&x->pci.dev.lock);
}

static void
on_detached(void *controller, unsigned port, UsbDevice *dev)
{
    Xhci *x = controller;

    g_mutex_lock(&x->pci.dev.lock);
    xhci_port_plug(x, port, false);
    g_mutex_unlock(&x->pci.dev.lock);
    xhci_kick(x);
}

/* What waits for it ends with an error: it will never answer. */
static void
give_up_slot(Xhci *x, unsigned slot, const UsbDevice *at)
{
    const UsbDevice *dev = xhci_slot_device(x, slot);
    bool behind = dev != NULL && usb_device_is_behind(dev, at);

    for (unsigned ep = 1; ep < XHCI_EPS; ep++) {
        const XhciTransfer *t = x->eps[slot][ep].first;
        bool waits = t != NULL && t->packet.dev != NULL &&
                     usb_device_is_behind(t->packet.dev, at);
        if (!behind && !waits)
            continue;
        xhci_endpoint_cancel(x, slot, ep);
        if (x->s.slots[slot].ep_state[ep] == EP_RUNNING)
            x->s.slots[slot].doorbells |= 1u << ep;
    }
}

static void
on_gone(void *controller, UsbDevice *dev)
{
    Xhci *x = controller;

    g_mutex_lock(&x->pci.dev.lock);
    for (unsigned slot = 0; slot < XHCI_SLOTS; slot++)
        give_up_slot(x, slot, dev);
    g_mutex_unlock(&x->pci.dev.lock);
    xhci_kick(x);
}

static void
on_ready(void *controller, UsbDevice *dev, guint8 ep)
{
    Xhci *x = controller;
    unsigned dci = (ep & 15u) * 2 + ((ep & USB_DIR_IN) != 0 ? 1 : 0);

    if (dci == 0)
        dci = 1; /* control */
    g_mutex_lock(&x->pci.dev.lock);
    for (unsigned slot = 0; slot < XHCI_SLOTS; slot++)
        if (xhci_slot_device(x, slot) == dev &&
            x->s.slots[slot].ep_state[dci] == EP_RUNNING)
            x->s.slots[slot].doorbells |= 1u << dci;
    run(x);
    g_mutex_unlock(&x->pci.dev.lock);
}

static void
on_done(void *controller, UsbPacket *packet)
{
    Xhci *x = controller;

    g_mutex_lock(&x->pci.dev.lock);
    xhci_transfer_done(x, packet);
    run(x);
    g_mutex_unlock(&x->pci.dev.lock);
}

static void
on_wake(void *controller, unsigned port)
{
    Xhci *x = controller;

    g_mutex_lock(&x->pci.dev.lock);
    xhci_port_wake(x, port);
    g_mutex_unlock(&x->pci.dev.lock);
}

static const UsbBusOps bus_ops = {
    .attached = on_attached,
    .detached = on_detached,
    .wake = on_wake,
    .gone = on_gone,
    .ready = on_ready,
    .done = on_done,
};

/* ---- registers: 32 bits each ---- */

/* Supported protocols, 7.2: one for each half of the ports. */
#define PROTOCOL(next, major, first)                                           \
    2u | (guint32) (next) << 8 | (guint32) (major) << 24, 0x20425355u,         \
        (first) | USB_PORTS << 8, 0

static guint32
capability_read(guint64 offset)
{
    static const guint32 regs[OPERATIONAL / 4] = {
        [0] = OPERATIONAL | 0x0100u << 16,                     /* 1.0 */
        [1] = XHCI_SLOTS | XHCI_INTRS << 8 | XHCI_PORTS << 24, /* 5.3.3 */
        [2] = 4u << 4 | 1u,                                    /* 16 segments */
        [4] = 1u | (PROTOCOLS / 4) << 16,                      /* 64-bit */
        [5] = DOORBELLS,
        [6] = RUNTIME,
        [8] = PROTOCOL(4, 2, 1),
        [12] = PROTOCOL(0, 3, 1 + USB_PORTS),
    };

    return regs[offset / 4];
}

static guint32
half(guint64 value, guint64 offset)
{
    return (guint32) (value >> (offset & 4) * 8);
}

static void
set_half(guint64 *value, guint64 offset, guint32 new)
{
    unsigned shift = (unsigned) (offset & 4) * 8;

    *value = (*value & ~((guint64) G_MAXUINT32 << shift)) | (guint64) new
                                                                << shift;
}

static guint32
operational_read(const Xhci *x, guint64 offset)
{
    const XhciState *s = &x->s;

    switch (offset) {
    case 0x00: return s->usbcmd;
    case 0x04: return s->usbsts;
    case 0x08: return 1; /* pages of 4 KiB */
    case 0x14: return s->dnctrl;
    case 0x18: return s->command_running ? CRCR_RUNNING : 0;
    case 0x30:
    case 0x34: return half(s->dcbaap, offset);
    case 0x38: return s->config;
    default: return 0;
    }
}

static void
usbcmd_write(Xhci *x, guint32 value)
{
    guint32 old = x->s.usbcmd;

    if ((old & CMD_RESET) != 0)
        return; /* under way */
    x->s.usbcmd = value & (CMD_KEPT | CMD_RESET);
    if ((value & CMD_LHCRST) != 0)
        x->s.usbcmd |= CMD_RESET;
    if ((value & CMD_RUN) != 0 && (old & CMD_RUN) == 0)
        x->s.usbsts &= ~STS_HALTED;
    xhci_update_irq(x);
    xhci_kick(x);
}

static void
crcr_write(Xhci *x, guint64 offset, guint32 value)
{
    if ((offset & 4) == 0 && (value & CRCR_STOPS) != 0) {
        x->s.command_stop = value & CRCR_STOPS;
        xhci_kick(x);
        return;
    }
    if (x->s.command_running)
        return; /* 5.4.5 */
    set_half(&x->s.crcr, offset, value);
    x->s.command = x->s.crcr & ~(guint64) 0x3e;
}

static void
operational_write(Xhci *x, guint64 offset, guint32 value)
{
    XhciState *s = &x->s;

    switch (offset) {
    case 0x00: usbcmd_write(x, value); break;
    case 0x04:
        s->usbsts &= ~(value & STS_CLEARED);
        xhci_update_irq(x);
        break;
    case 0x14: s->dnctrl = value & 0xffff; break;
    case 0x18:
    case 0x1c: crcr_write(x, offset, value); break;
    case 0x30:
    case 0x34:
        set_half(&s->dcbaap, offset, value);
        s->dcbaap &= ~(guint64) 0x3f;
        break;
    case 0x38: s->config = value & 0x3ff; break;
    default: break;
    }
}

/* 5.5.1: microframes since the start, 14 bits. */
static guint32
mfindex(const Xhci *x)
{
    gint64 ns = loop_now_ns(x->pci.dev.env->loop, CLOCK_GUEST);

    return xhci_is_running(x) ? (guint32) (ns / 125000) & 0x3fff : 0;
}

static guint32
runtime_read(const Xhci *x, guint64 offset)
{
    unsigned n = (unsigned) (offset - 0x20) / 0x20;

    if (offset == 0)
        return mfindex(x);
    if (offset < 0x20 || n >= XHCI_INTRS)
        return 0;
    const XhciIntr *r = &x->s.intrs[n];
    switch (offset & 0x1f) {
    case 0x00: return r->iman;
    case 0x04: return r->imod;
    case 0x08: return r->erstsz;
    case 0x10:
    case 0x14: return half(r->erstba, offset);
    case 0x18:
    case 0x1c: return half(r->erdp, offset);
    default: return 0;
    }
}

static void
runtime_write(Xhci *x, guint64 offset, guint32 value)
{
    unsigned n = (unsigned) (offset - 0x20) / 0x20;

    if (offset < 0x20 || n >= XHCI_INTRS)
        return;
    XhciIntr *r = &x->s.intrs[n];
    guint64 old = r->erdp;
    switch (offset & 0x1f) {
    case 0x00:
        r->iman = (r->iman & ~(value & IMAN_IP) & IMAN_IP) | (value & IMAN_IE);
        xhci_update_irq(x);
        break;
    case 0x04: r->imod = value; break;
    case 0x08:
        r->erstsz = value & 0xffff;
        r->ready = 0;
        break;
    case 0x10:
    case 0x14:
        set_half(&r->erstba, offset, value);
        r->ready = 0;
        break;
    case 0x18:
        set_half(&r->erdp, offset, value);
        xhci_erdp_written(x, n, old);
        break;
    case 0x1c: set_half(&r->erdp, offset, value); break;
    default: break;
    }
}

static void
doorbell(Xhci *x, unsigned n, guint32 value)
{
    unsigned target = value & 0xff;

    if (n == 0 && target == 0) {
        x->s.command_doorbell = 1;
        xhci_kick(x);
    } else if (n >= 1 && n <= XHCI_SLOTS && x->s.slots[n - 1].enabled &&
               target >= 1 && target < XHCI_EPS) {
        x->s.slots[n - 1].doorbells |= 1u << target;
        xhci_kick(x);
    } else {
        device_guest_error(&x->pci.dev, "doorbell %u rung for %u", n, target);
    }
}

static guint64
regs_read(void *dev, guint64 offset, unsigned size)
{
    const Xhci *x = xhci_of(dev);
    unsigned port = (unsigned) (offset - PORT_REGS) / 16;

    if (offset < OPERATIONAL)
        return capability_read(offset);
    if (offset < PORT_REGS)
        return operational_read(x, offset - OPERATIONAL);
    if (offset < RUNTIME) /* behind PORTSC is power management: none */
        return port < XHCI_PORTS && offset % 16 == 0 ? xhci_port_read(x, port)
                                                     : 0;
    return offset < DOORBELLS ? runtime_read(x, offset - RUNTIME) : 0;
}

static void
regs_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Xhci *x = xhci_of(dev);
    guint32 v = (guint32) value;
    unsigned port = (unsigned) (offset - PORT_REGS) / 16;

    if (offset < OPERATIONAL)
        return;
    if (offset < PORT_REGS)
        operational_write(x, offset - OPERATIONAL, v);
    else if (offset < RUNTIME && port < XHCI_PORTS && offset % 16 == 0)
        xhci_port_write(x, port, v);
    else if (offset >= RUNTIME && offset < DOORBELLS)
        runtime_write(x, offset - RUNTIME, v);
    else if (offset >= DOORBELLS && offset < DOORBELLS + 4 * (XHCI_SLOTS + 1))
        doorbell(x, (unsigned) (offset - DOORBELLS) / 4, v);
}

static const IoOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .min_size = 4,
    .max_size = 4,
};

/* ---- life ---- */

/* The bus's lock is held. */
static void
config_written(PciDevice *pdev, unsigned offset, unsigned size,
               const guint8 *old)
{
    Xhci *x = xhci_of(pdev);

    pci_msix_config_written(&x->msix, offset, size);
    g_mutex_lock(&pdev->dev.lock);
    xhci_update_irq(x);
    g_mutex_unlock(&pdev->dev.lock);
}

static bool
xhci_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Xhci *x = xhci_of(dev);

    x->quiesced = false;
    x->held = 0;
    if (!pci_device_realize(&x->pci, env, &xhci_ids, &x->s.pci, error))
        return false;
    pci_msix_realize(&x->msix, &x->pci, &x->s.msix, XHCI_INTRS, BAR_MSIX);
    x->region = io_region_new("xhci", &regs_ops, x, &dev->lock, BAR_SIZE);
    pci_add_bar(&x->pci, BAR_REGS, PCI_BAR_MEM64, false, BAR_SIZE, x->region,
                NULL);
    x->pci.initial[0x60] = 0x30; /* SBRN: USB 3.0, 5.2.3 */
    x->work = timer_new(env->loop, CLOCK_HOST, work, x);
    x->pci.config_written = config_written;
    usb_bus_init(&x->bus, USB_PORTS, USB_SPEEDS_3, &bus_ops, x);
    return true;
}

static void
xhci_unrealize(Device *dev)
{
    Xhci *x = xhci_of(dev);

    usb_bus_init(&x->bus, USB_PORTS, USB_SPEEDS_3, NULL, NULL);
    x->pci.config_written = NULL;
    if (x->work != NULL)
        xhci_cancel_all(x);
    pci_device_unrealize(&x->pci);
    pci_msix_unrealize(&x->msix);
    g_clear_pointer(&x->region, io_region_free);
    g_clear_pointer(&x->work, timer_free);
}

static void
xhci_reset(Device *dev, ResetKind kind)
{
    Xhci *x = xhci_of(dev);

    pci_device_reset(&x->pci);
    g_mutex_lock(&dev->lock);
    pci_msix_reset(&x->msix);
    reset_state(x);
    g_mutex_unlock(&dev->lock);
}

static void
xhci_restored(Device *dev)
{
    Xhci *x = xhci_of(dev);

    pci_device_restored(&x->pci);
    g_mutex_lock(&dev->lock);
    pci_msix_restored(&x->msix);
    for (unsigned slot = 0; slot < XHCI_SLOTS; slot++)
        for (unsigned ep = 1; ep < XHCI_EPS; ep++) {
            xhci_endpoint_cancel(x, slot, ep);
            if (x->s.slots[slot].ep_state[ep] == EP_RUNNING)
                x->s.slots[slot].doorbells |= 1u << ep;
        }
    xhci_update_irq(x);
    g_mutex_unlock(&dev->lock);
    xhci_kick(x);
}

/* Nothing new is begun. Transfers of the host's own devices go on: they may
 * wait for ever, and one that is sent again does harm. */
static void
xhci_quiesce(Device *dev)
{
    g_mutex_lock(&dev->lock);
    xhci_of(dev)->quiesced = true;
    g_mutex_unlock(&dev->lock);
}

static bool
xhci_is_quiet(Device *dev)
{
    const Xhci *x = xhci_of(dev);

    for (unsigned slot = 0; slot < XHCI_SLOTS; slot++)
        for (unsigned ep = 1; ep < XHCI_EPS; ep++)
            for (const XhciTransfer *t = x->eps[slot][ep].first; t != NULL;
                 t = t->next)
                if (t->pending && !t->packet.dev->is_host)
                    return false;
    return true;
}

static void
xhci_resume(Device *dev)
{
    xhci_of(dev)->quiesced = false;
    xhci_kick(xhci_of(dev));
}

/* ---- saved state ---- */

static bool
check_slot(const XhciSlot *s)
{
    bool ok = s->enabled <= 1 && s->state <= SLOT_CONFIGURED &&
              s->port < XHCI_PORTS && s->route <= 0xfffff;

    for (unsigned ep = 0; ok && ep < XHCI_EPS; ep++)
        ok = s->ep_state[ep] <= EP_ERROR && s->ep_type[ep] <= 7;
    return ok;
}

static bool
check_intr(const XhciIntr *r)
{
    return r->n_queued <= XHCI_QUEUED && r->ready <= 1 && r->cycle <= 1 &&
           r->size <= 4096 && r->index < MAX(r->size, 1) &&
           r->segment < MAX(r->erstsz, 1);
}

static bool
xhci_check(const void *state, GError **error)
{
    const XhciState *s = state;
    const char *wrong = NULL;

    for (unsigned i = 0; i < XHCI_SLOTS; i++)
        if (!check_slot(&s->slots[i]))
            wrong = "a slot";
    for (unsigned i = 0; i < XHCI_INTRS; i++)
        if (!check_intr(&s->intrs[i]))
            wrong = "an interrupter";
    if (wrong == NULL)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "xhci: %s is in a state that there is not", wrong);
    return false;
}

/* clang-format off */
static const StateField slot_fields[] = {
    STATE_FIELD(XhciSlot, enabled, STATE_U8),
    STATE_FIELD(XhciSlot, state, STATE_U8),
    STATE_FIELD(XhciSlot, port, STATE_U8),
    STATE_FIELD(XhciSlot, context, STATE_U64),
    STATE_BLOB(XhciSlot, ep_state),
    STATE_BLOB(XhciSlot, ep_type),
    STATE_ARRAY(XhciSlot, dequeue, STATE_U64),
    STATE_FIELD(XhciSlot, doorbells, STATE_U32),
    { "route", STATE_U32, G_STRUCT_OFFSET(XhciSlot, route), 1, 4, 2, NULL },
    STATE_FIELDS_END
};
static const StateDesc slot_desc = {
    .name = "xhci-slot", .version = 2 /* 2: route */, .min_version = 1,
    .size = sizeof(XhciSlot), .fields = slot_fields,
};
static const StateField event_fields[] = {
    STATE_FIELD(XhciEvent, param, STATE_U64),
    STATE_FIELD(XhciEvent, status, STATE_U32),
    STATE_FIELD(XhciEvent, control, STATE_U32),
    STATE_FIELDS_END
};
static const StateDesc event_desc = {
    .name = "xhci-event", .version = 1, .min_version = 1,
    .size = sizeof(XhciEvent), .fields = event_fields,
};
static const StateField intr_fields[] = {
    STATE_FIELD(XhciIntr, iman, STATE_U32),
    STATE_FIELD(XhciIntr, imod, STATE_U32),
    STATE_FIELD(XhciIntr, erstsz, STATE_U32),
    STATE_FIELD(XhciIntr, erstba, STATE_U64),
    STATE_FIELD(XhciIntr, erdp, STATE_U64),
    STATE_FIELD(XhciIntr, ready, STATE_U8),
    STATE_FIELD(XhciIntr, cycle, STATE_U8),
    STATE_FIELD(XhciIntr, segment, STATE_U32),
    STATE_FIELD(XhciIntr, index, STATE_U32),
    STATE_FIELD(XhciIntr, size, STATE_U32),
    STATE_FIELD(XhciIntr, base, STATE_U64),
    STATE_FIELD(XhciIntr, n_queued, STATE_U32),
    STATE_SUB_ARRAY(XhciIntr, queued, &event_desc),
    STATE_FIELDS_END
};
static const StateDesc intr_desc = {
    .name = "xhci-intr", .version = 1, .min_version = 1,
    .size = sizeof(XhciIntr), .fields = intr_fields,
};
static const StateField xhci_fields[] = {
    STATE_SUB(XhciState, pci, &pci_state_desc),
    STATE_SUB(XhciState, msix, &pci_msix_state_desc),
    STATE_FIELD(XhciState, usbcmd, STATE_U32),
    STATE_FIELD(XhciState, usbsts, STATE_U32),
    STATE_FIELD(XhciState, dnctrl, STATE_U32),
    STATE_FIELD(XhciState, config, STATE_U32),
    STATE_FIELD(XhciState, crcr, STATE_U64),
    STATE_FIELD(XhciState, dcbaap, STATE_U64),
    STATE_FIELD(XhciState, command, STATE_U64),
    STATE_FIELD(XhciState, command_running, STATE_U8),
    STATE_FIELD(XhciState, command_doorbell, STATE_U8),
    STATE_FIELD(XhciState, command_stop, STATE_U8),
    STATE_ARRAY(XhciState, portsc, STATE_U32),
    STATE_SUB_ARRAY(XhciState, slots, &slot_desc),
    STATE_SUB_ARRAY(XhciState, intrs, &intr_desc),
    STATE_FIELDS_END
};
const StateDesc xhci_state_desc = {
    .name = "xhci", .version = 2 /* 2: routes */, .min_version = 1,
    .size = sizeof(XhciState), .fields = xhci_fields, .check = xhci_check,
};

static const PropDesc xhci_props[] = {
    PCI_PROPS(Xhci, pci),
    PROP_END
};
/* clang-format on */

const DeviceClass xhci_class = {
    .name = "xhci",
    .summary = "USB 3 host controller (xHCI), eight ports",
    .size = sizeof(Xhci),
    .props = xhci_props,
    .state = &xhci_state_desc,
    .state_offset = G_STRUCT_OFFSET(Xhci, s),
    .realize = xhci_realize,
    .unrealize = xhci_unrealize,
    .reset = xhci_reset,
    .restored = xhci_restored,
    .quiesce = xhci_quiesce,
    .is_quiet = xhci_is_quiet,
    .resume = xhci_resume,
};
