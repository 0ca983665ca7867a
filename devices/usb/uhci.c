/* devices/usb/uhci.c - a USB 1 host controller: registers, life, saved state.
 *
 * Intel's Universal Host Controller Interface design guide 1.1, as function 2 of
 * the PIIX3 (82371SB data sheet, chapter 2.5) and as the companions of the
 * ICH5's EHCI. Ports and the schedule are in the files uhci-*.c beside this one.
 * Left out: single steps, keyboard emulation by SMI (its register holds what is
 * written), power and over-current of ports.
 *
 * The guest tells nobody when it puts something into the schedule, so this looks
 * at every frame, of 1 ms. When nothing has happened for a while it looks
 * seldom, at all frames since, and when no port is enabled and nothing waits, not
 * before a register is written or a device says that it has something. */
#include "devices/usb/uhci-internal.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

#define IO_BAR       4u
#define IO_SIZE      32u
#define CFG_SBRN     0x60u
#define CFG_LEGSUP   0xc0u /* 2.2.1 of the ICH's, 2.5.14 of the PIIX3's */
#define LEGSUP_RESET 0x2000u
#define LEGSUP_PIRQ  0x2000u
#define LEGSUP_KEPT  0x20bfu
#define LEGSUP_W1C   0x8f00u
#define SOFMOD_RESET 64u

#define MAX_TDS      512u /* at a look */
#define BUSY_FRAMES  64u  /* after something happened, each is looked at */
#define REST_FRAMES  512u
#define SLOW_MS      4u
#define SLOWEST_MS   16u

enum { MODEL_PIIX3 };

/* clang-format off */
static const char *const model_names[] = { "piix3", "ich5-1", "ich5-2", "ich5-3", "ich5-4", NULL };
static const struct {
    guint16 device;
    guint8 pin;
} models[] = { { 0x7020, 4 }, { 0x24d2, 1 }, { 0x24d4, 2 }, { 0x24d7, 3 }, { 0x24de, 1 } };
/* clang-format on */

static Uhci *
uhci_of(void *dev)
{
    return DEVICE_OF(Uhci, dev);
}

UsbBus *
uhci_usb_bus(Device *dev)
{
    return &uhci_of(dev)->bus;
}

void
uhci_set_port(Device *dev, unsigned port, UsbDevice *in)
{
    uhci_of(dev)->ports[port] = in;
}

bool
uhci_is_running(const Uhci *u)
{
    return (u->s.usbsts & STS_HALTED) == 0;
}

static gint64
now_ns(const Uhci *u)
{
    return loop_now_ns(u->pci.dev.env->loop, CLOCK_GUEST);
}

guint16
uhci_frame_now(const Uhci *u)
{
    gint64 passed =
        usb_isos_passed(now_ns(u), u->frame_ns, u->next, USB_FRAME_NS);

    return uhci_is_running(u) ? (guint16) (u->s.frnum + passed) & FRNUM_MASK
                              : u->s.frnum;
}

/* The counter stands where it is. */
static void
freeze(Uhci *u)
{
    u->s.frnum = uhci_frame_now(u);
    u->frame_ns = now_ns(u);
}

void
uhci_update_irq(Uhci *u)
{
    const UhciState *s = &u->s;
    bool level =
        ((s->usbsts & STS_USBINT) != 0 && (s->causes & s->usbintr) != 0) ||
        ((s->usbsts & STS_ERROR) != 0 && (s->usbintr & INTR_ERROR) != 0) ||
        ((s->usbsts & STS_RESUME) != 0 && (s->usbintr & INTR_RESUME) != 0) ||
        (s->usbsts & (STS_HSE | STS_HCPE)) != 0;

    pci_set_intx(&u->pci, level && u->irq_routed);
}

void
uhci_fail(Uhci *u, guint16 sts_bit, const char *why)
{
    device_guest_error(&u->pci.dev, "%s; the controller stops", why);
    freeze(u);
    u->s.usbcmd &= ~(guint16) CMD_RS;
    u->s.usbsts |= sts_bit | STS_HALTED;
    uhci_update_irq(u);
}

void
uhci_kick(Uhci *u)
{
    u->idle = 0;
    timer_arm(u->frames, 0);
}

/* ---- the loop's work ---- */

static void
drop_all(Uhci *u)
{
    usb_pipes_drop(&u->pipes, NULL);
    usb_isos_drop(&u->isos, NULL);
    u->drop = false;
}

/* In how many frames to look again; 0: when something happens. */
static unsigned
next_look(const Uhci *u)
{
    bool enabled = false;

    for (unsigned i = 0; i < UHCI_PORTS; i++)
        enabled = enabled || uhci_port_device(u, i) != NULL;
    if (u->idle < BUSY_FRAMES)
        return 1;
    if (!enabled && !u->found_active && usb_pipes_are_empty(&u->pipes))
        return 0;
    return u->idle < REST_FRAMES ? SLOW_MS : SLOWEST_MS;
}

static void
run_frames(Uhci *u)
{
    gint64 skipped;
    unsigned n = usb_isos_frames_due(&u->isos, now_ns(u), u->next, &u->frame_ns,
                                     &skipped);
    unsigned tds_left = MAX_TDS;
    bool any = false;

    u->s.frnum = (guint16) (u->s.frnum + skipped) & FRNUM_MASK;
    u->found_active = false;
    if (n == 0) /* woken amid a frame: what there is is done at once */
        any = uhci_run_frame(u, &tds_left);
    for (unsigned i = 0; i < n && uhci_is_running(u); i++) {
        u->s.frnum = (u->s.frnum + 1) & FRNUM_MASK;
        any = uhci_run_frame(u, &tds_left) || any;
    }
    if (uhci_is_running(u))
        uhci_prepare_frames(u);
    usb_pipes_drop_stale(&u->pipes, USB_PIPE_STALE, false);
    usb_isos_drop_stale(&u->isos);
    u->idle = any ? 0 : MIN(u->idle + n, REST_FRAMES);
}

static void
run(Uhci *u)
{
    if (u->drop)
        drop_all(u);
    uhci_ports_run(u);
    if (u->quiesced)
        return;
    if (u->restored)
        uhci_ports_restored(u);
    u->restored = false;
    if (!uhci_is_running(u))
        return;
    run_frames(u);
    u->next = next_look(u);
    if (uhci_is_running(u) && u->next > 0)
        timer_arm(u->frames, MAX(u->frame_ns + u->next * USB_FRAME_NS,
                                 now_ns(u) + USB_CATCH_UP_NS));
}

static void
on_frame(void *data)
{
    Uhci *u = data;

    g_mutex_lock(&u->pci.dev.lock);
    run(u);
    g_mutex_unlock(&u->pci.dev.lock);
}

/* ---- what the bus tells ---- */

static void
on_attached(void *controller, unsigned port, UsbDevice *dev)
{
    Uhci *u = controller;

    g_mutex_lock(&u->pci.dev.lock);
    uhci_port_plug(u, port, dev);
    uhci_kick(u);
    g_mutex_unlock(&u->pci.dev.lock);
}

static void
on_detached(void *controller, unsigned port, UsbDevice *dev)
{
    on_attached(controller, port, NULL);
}

static void
on_gone(void *controller, UsbDevice *dev)
{
    Uhci *u = controller;

    g_mutex_lock(&u->pci.dev.lock);
    usb_pipes_drop(&u->pipes, dev);
    usb_isos_drop(&u->isos, dev);
    g_mutex_unlock(&u->pci.dev.lock);
}

static void
on_ready(void *controller, UsbDevice *dev, guint8 ep)
{
    Uhci *u = controller;

    g_mutex_lock(&u->pci.dev.lock);
    u->idle = 0;
    run(u);
    g_mutex_unlock(&u->pci.dev.lock);
}

static void
on_done(void *controller, UsbPacket *packet)
{
    Uhci *u = controller;

    g_mutex_lock(&u->pci.dev.lock);
    u->idle = 0;
    if (!usb_isos_done(&u->isos, packet)) { /* else its frame comes */
        usb_pipes_done(&u->pipes, packet);
        run(u);
    }
    g_mutex_unlock(&u->pci.dev.lock);
}

static void
on_wake(void *controller, unsigned port)
{
    Uhci *u = controller;

    g_mutex_lock(&u->pci.dev.lock);
    uhci_port_wake(u, port);
    g_mutex_unlock(&u->pci.dev.lock);
}

const UsbBusOps uhci_bus_ops = {
    .attached = on_attached,
    .detached = on_detached,
    .wake = on_wake,
    .gone = on_gone,
    .ready = on_ready,
    .done = on_done,
};

/* ---- registers: 16 bits each, FLBASEADD two of them ---- */

/* Lines and timers are the caller's. */
static void
reset_registers(Uhci *u)
{
    UhciState *s = &u->s;
    PciState pci = s->pci;

    memset(s, 0, sizeof *s);
    s->pci = pci;
    s->usbsts = STS_HALTED;
    s->sofmod = SOFMOD_RESET;
    uhci_ports_fresh(u);
    u->idle = 0;
    u->drop = true;
}

/* 2.1.1: the devices are reset with it, and their ports are as new. */
static void
global_reset(Uhci *u)
{
    reset_registers(u);
    u->s.usbcmd = CMD_GRESET;
    u->s.resets = (1u << UHCI_PORTS) - 1;
}

static void
usbcmd_write(Uhci *u, guint16 value)
{
    guint16 old = u->s.usbcmd;

    if ((value & CMD_HCRESET) != 0) {
        reset_registers(u);
    } else if ((value & CMD_GRESET) != 0 && (old & CMD_GRESET) == 0) {
        global_reset(u);
    } else {
        u->s.usbcmd = value & CMD_MASK;
        if ((value & CMD_RS) != 0 && !uhci_is_running(u)) {
            u->s.usbsts &= ~(guint16) STS_HALTED;
            u->frame_ns = now_ns(u);
            u->next = 1;
        } else if ((value & CMD_RS) == 0 && uhci_is_running(u)) {
            freeze(u);
            u->s.usbsts |= STS_HALTED;
        }
    }
    uhci_update_irq(u);
    uhci_kick(u);
}

static void
usbsts_write(Uhci *u, guint16 value)
{
    u->s.usbsts &= ~(value & STS_CLEARED);
    if ((value & STS_USBINT) != 0)
        u->s.causes = 0;
    uhci_update_irq(u);
}

static guint16
read16(const Uhci *u, unsigned offset)
{
    const UhciState *s = &u->s;

    switch (offset) {
    case UHCI_USBCMD: return s->usbcmd;
    case UHCI_USBSTS: return s->usbsts;
    case UHCI_USBINTR: return s->usbintr;
    case UHCI_FRNUM: return uhci_frame_now(u);
    case UHCI_FLBASEADD: return (guint16) s->flbase;
    case UHCI_FLBASEADD + 2: return (guint16) (s->flbase >> 16);
    case UHCI_SOFMOD: return s->sofmod;
    case UHCI_PORTSC:
    case UHCI_PORTSC + 2: return uhci_port_read(u, (offset & 2) / 2);
    default: return 0xffff; /* drivers count the ports by it */
    }
}

static void
write16(Uhci *u, unsigned offset, guint16 value)
{
    UhciState *s = &u->s;

    switch (offset) {
    case UHCI_USBCMD: usbcmd_write(u, value); break;
    case UHCI_USBSTS: usbsts_write(u, value); break;
    case UHCI_USBINTR:
        s->usbintr = value & 15;
        uhci_update_irq(u);
        break;
    case UHCI_FRNUM:
        if (!uhci_is_running(u)) /* 2.1.4 */
            s->frnum = value & FRNUM_MASK;
        break;
    case UHCI_FLBASEADD:
        s->flbase = (s->flbase & 0xffff0000u) | (value & 0xf000u);
        break;
    case UHCI_FLBASEADD + 2:
        s->flbase = (s->flbase & 0xffffu) | (guint32) value << 16;
        break;
    case UHCI_SOFMOD: s->sofmod = value & 127; break;
    case UHCI_PORTSC:
    case UHCI_PORTSC + 2: uhci_port_write(u, (offset & 2) / 2, value); break;
    default: break;
    }
}

static guint64
regs_read(void *dev, guint64 offset, unsigned size)
{
    const Uhci *u = uhci_of(dev);
    unsigned at = (unsigned) offset & ~1u;

    if (size == 4)
        return read16(u, at) | (guint32) read16(u, at + 2) << 16;
    guint16 value = read16(u, at);
    return size == 2 ? value : (guint8) (value >> (offset & 1) * 8);
}

/* Half of a register: the other keeps what it has. */
static guint16
merge(const Uhci *u, unsigned offset, guint8 value)
{
    unsigned at = offset & ~1u, shift = (offset & 1) * 8;
    guint16 clears = at == UHCI_USBSTS   ? STS_CLEARED
                     : at >= UHCI_PORTSC ? PORT_CHANGES
                                         : 0;
    unsigned kept = read16(u, at) & ~(clears | 0xffu << shift);

    return (guint16) (kept | (unsigned) value << shift);
}

static void
regs_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Uhci *u = uhci_of(dev);
    unsigned at = (unsigned) offset;

    if (size == 1)
        write16(u, at & ~1u, merge(u, at, (guint8) value));
    else
        write16(u, at & ~1u, (guint16) value);
    if (size == 4)
        write16(u, (at & ~1u) + 2, (guint16) (value >> 16));
}

static const IoOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .max_size = 4,
};

/* ---- life ---- */

static void
follow_legsup(Uhci *u)
{
    u->irq_routed = (pci_get16(u->s.pci.config, CFG_LEGSUP) & LEGSUP_PIRQ) != 0;
    uhci_update_irq(u);
}

/* The bus's lock is held. */
static void
config_written(PciDevice *pdev, unsigned offset, unsigned size,
               const guint8 *old)
{
    g_mutex_lock(&pdev->dev.lock);
    follow_legsup(uhci_of(pdev));
    g_mutex_unlock(&pdev->dev.lock);
}

static void
fill_ids(Uhci *u)
{
    u->ids = (PciIds){
        .vendor = 0x8086,
        .device = models[u->model].device,
        .class_device = 0x0c03,
        .prog_if = 0x00,
        .revision = 1,
        .interrupt_pin = models[u->model].pin,
        .multifunction = u->model == MODEL_PIIX3 + 1, /* the first of a card */
    };
}

static bool
uhci_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Uhci *u = uhci_of(dev);

    u->quiesced = u->drop = u->restored = false;
    memset(u->ports, 0, sizeof u->ports);
    usb_pipes_init(&u->pipes, u->s.controls);
    u->isos = (UsbIsos){.n = 0};
    fill_ids(u);
    if (!pci_device_realize(&u->pci, env, &u->ids, &u->s.pci, error))
        return false;
    u->region = io_region_new("uhci", &regs_ops, u, &dev->lock, IO_SIZE);
    pci_add_bar(&u->pci, IO_BAR, PCI_BAR_IO, false, IO_SIZE, u->region, NULL);
    u->pci.initial[CFG_SBRN] = 0x10; /* USB 1.0 */
    pci_put16(u->pci.initial, CFG_LEGSUP, LEGSUP_RESET);
    pci_put16(u->pci.wmask, CFG_LEGSUP, LEGSUP_KEPT);
    pci_put16(u->pci.w1cmask, CFG_LEGSUP, LEGSUP_W1C);
    u->pci.config_written = config_written;
    u->frames = timer_new(env->loop, CLOCK_GUEST, on_frame, u);
    usb_bus_init(&u->bus, UHCI_PORTS, USB_SPEEDS_1, &uhci_bus_ops, u);
    return true;
}

static void
uhci_unrealize(Device *dev)
{
    Uhci *u = uhci_of(dev);

    usb_bus_init(&u->bus, UHCI_PORTS, USB_SPEEDS_1, NULL, NULL);
    u->pci.config_written = NULL;
    if (u->frames != NULL)
        drop_all(u);
    pci_device_unrealize(&u->pci);
    g_clear_pointer(&u->region, io_region_free);
    g_clear_pointer(&u->frames, timer_free);
}

static void
uhci_reset(Device *dev, ResetKind kind)
{
    Uhci *u = uhci_of(dev);

    pci_device_reset(&u->pci);
    g_mutex_lock(&dev->lock);
    reset_registers(u);
    drop_all(u);
    timer_arm(u->frames, -1);
    follow_legsup(u);
    g_mutex_unlock(&dev->lock);
}

static void
uhci_restored(Device *dev)
{
    Uhci *u = uhci_of(dev);
    UsbControlState controls[USB_CONTROLS];

    pci_device_restored(&u->pci);
    g_mutex_lock(&dev->lock);
    memcpy(controls, u->s.controls, sizeof controls);
    drop_all(u); /* of what was before */
    memcpy(u->s.controls, controls, sizeof controls);
    u->frame_ns = now_ns(u);
    u->next = 1;
    u->restored = true;
    follow_legsup(u);
    uhci_kick(u);
    g_mutex_unlock(&dev->lock);
}

/* Nothing new is begun; the host's own devices go on with what they have. */
static void
uhci_quiesce(Device *dev)
{
    Uhci *u = uhci_of(dev);

    g_mutex_lock(&dev->lock);
    u->quiesced = true;
    if (u->frames != NULL) /* realized */
        freeze(u);
    g_mutex_unlock(&dev->lock);
}

static bool
uhci_is_quiet(Device *dev)
{
    return usb_pipes_are_quiet(&uhci_of(dev)->pipes) &&
           usb_isos_are_quiet(&uhci_of(dev)->isos);
}

static void
uhci_resume(Device *dev)
{
    Uhci *u = uhci_of(dev);

    g_mutex_lock(&dev->lock);
    u->quiesced = false;
    if (u->frames != NULL)
        uhci_kick(u);
    g_mutex_unlock(&dev->lock);
}

/* ---- saved state ---- */

static bool
uhci_check(const void *state, GError **error)
{
    const UhciState *s = state;

    if (usb_controls_check(s->controls) && s->frnum <= FRNUM_MASK &&
        s->resets < 1u << UHCI_PORTS)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "uhci: frame %u, or a control transfer, cannot be", s->frnum);
    return false;
}

/* clang-format off */
static const StateField uhci_fields[] = {
    STATE_SUB(UhciState, pci, &pci_state_desc),
    STATE_FIELD(UhciState, usbcmd, STATE_U16),
    STATE_FIELD(UhciState, usbsts, STATE_U16),
    STATE_FIELD(UhciState, usbintr, STATE_U16),
    STATE_FIELD(UhciState, frnum, STATE_U16),
    STATE_FIELD(UhciState, flbase, STATE_U32),
    STATE_FIELD(UhciState, sofmod, STATE_U8),
    STATE_FIELD(UhciState, causes, STATE_U8),
    STATE_ARRAY(UhciState, portsc, STATE_U16),
    STATE_FIELD(UhciState, resets, STATE_U8),
    STATE_SUB_ARRAY(UhciState, controls, &usb_control_state_desc),
    STATE_FIELDS_END
};
const StateDesc uhci_state_desc = {
    .name = "uhci", .version = 1, .min_version = 1,
    .size = sizeof(UhciState), .fields = uhci_fields, .check = uhci_check,
};

static const PropDesc uhci_props[] = {
    PCI_PROPS(Uhci, pci),
    PROP_DEF_ENUM(Uhci, model, "model", model_names, MODEL_PIIX3,
                  "the PIIX3's, or one of the four companions in an ICH5"),
    PROP_END
};
/* clang-format on */

const DeviceClass uhci_class = {
    .name = "uhci",
    .summary = "USB 1 host controller (UHCI), two ports",
    .size = sizeof(Uhci),
    .props = uhci_props,
    .state = &uhci_state_desc,
    .state_offset = G_STRUCT_OFFSET(Uhci, s),
    .realize = uhci_realize,
    .unrealize = uhci_unrealize,
    .reset = uhci_reset,
    .restored = uhci_restored,
    .quiesce = uhci_quiesce,
    .is_quiet = uhci_is_quiet,
    .resume = uhci_resume,
};
