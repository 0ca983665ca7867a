/* devices/usb/ehci.c - a USB 2 host controller: registers, life, saved state.
 *
 * Enhanced Host Controller Interface 1.0, as function 7 of the ICH5's USB card
 * (82801EB data sheet, chapter 12), with eight ports and four UHCI companions.
 * Ports and the schedule are in the files ehci-*.c beside this one. Left out:
 * addresses of 64 bits, shorter frame lists, park mode, siTDs and FSTNs, the
 * interrupt threshold, the debug port.
 *
 * As the UHCI's, the lists are looked at every frame of 1 ms while something
 * happens, and seldom after; not at all while the guest has them off. */
#include "devices/usb/ehci-internal.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/dma.h"

#define REGS_BAR     0u
#define REGS_SIZE    0x400u
#define OPERATIONAL  0x20u
#define CFG_SBRN     0x60u
#define CFG_FLADJ    0x61u
#define CFG_LEGSUP   0x68u /* 2.1.7, the first extended capability */
#define CFG_LEGCTL   0x6cu

#define HCIVERSION   0x0100u
#define N_PER        2u /* ports of a companion */
#define HCSPARAMS    (EHCI_PORTS | N_PER << 8 | EHCI_COMPANIONS << 12)
#define HCCPARAMS    (CFG_LEGSUP << 8 | 0x80u) /* iTDs are looked at early */
#define CMD_RESET_TO 0x00080000u               /* threshold of 8 microframes */
#define CMD_KEPT                                                               \
    (CMD_RUN | CMD_PERIODIC | CMD_ASYNC | CMD_DOORBELL | CMD_THRESHOLD)
#define FRINDEX_MASK 0x3fffu
#define LIST_FRAMES  1024u

#define MAX_LINKS    256u /* of a frame */
#define MAX_TDS      256u /* of each list at a look, and begun early */
#define BELL_LOOKS   8u   /* a driver gives up after 10 ms or so */
#define BUSY_FRAMES  64u  /* after something happened, each is looked at */
#define REST_FRAMES  512u
#define SLOW_MS      4u
#define SLOWEST_MS   16u

static const PciIds ehci_ids = {
    .vendor = 0x8086,
    .device = 0x24dd,
    .class_device = 0x0c03,
    .prog_if = 0x20,
    .revision = 2,
    .interrupt_pin = 4,
};

static Ehci *
ehci_of(void *dev)
{
    return DEVICE_OF(Ehci, dev);
}

UsbBus *
ehci_usb_bus(Device *dev)
{
    return &ehci_of(dev)->bus;
}

bool
ehci_is_running(const Ehci *e)
{
    return (e->s.usbsts & STS_HALTED) == 0;
}

void
ehci_update_irq(Ehci *e)
{
    pci_set_intx(&e->pci, (e->s.usbsts & e->s.usbintr & STS_INTERRUPTS) != 0);
}

void
ehci_kick(Ehci *e)
{
    e->idle = 0;
    timer_arm(e->frames, 0);
}

static gint64
now_ns(const Ehci *e)
{
    return loop_now_ns(e->pci.dev.env->loop, CLOCK_GUEST);
}

/* Microframes: 2.3.4. */
static guint32
frindex_now(const Ehci *e)
{
    gint64 passed =
        usb_isos_passed(now_ns(e), e->frame_ns, e->next, USB_FRAME_NS / 8);

    return ehci_is_running(e) ? (guint32) (e->s.frindex + passed) & FRINDEX_MASK
                              : e->s.frindex;
}

static void
freeze(Ehci *e)
{
    e->s.frindex = frindex_now(e) & ~7u;
    e->frame_ns = now_ns(e);
}

static void
show_lists(Ehci *e)
{
    guint32 on = ehci_is_running(e) ? e->s.usbcmd : 0;

    e->s.usbsts &= ~(guint32) (STS_PERIODIC | STS_ASYNC);
    e->s.usbsts |= ((on & CMD_PERIODIC) != 0 ? STS_PERIODIC : 0) |
                   ((on & CMD_ASYNC) != 0 ? STS_ASYNC : 0);
}

void
ehci_fail(Ehci *e, const char *why)
{
    device_guest_error(&e->pci.dev, "%s; the controller stops", why);
    freeze(e);
    e->s.usbcmd &= ~(guint32) CMD_RUN;
    e->s.usbsts |= STS_HSE | STS_HALTED;
    show_lists(e);
    ehci_update_irq(e);
}

bool
ehci_load(Ehci *e, guint32 at, guint32 *dwords, unsigned n)
{
    if (dma_read(e->pci.dma, at, dwords, 4 * n) != 0) {
        ehci_fail(e, "the schedule is not in memory");
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        dwords[i] = GUINT32_FROM_LE(dwords[i]);
    return true;
}

bool
ehci_store(Ehci *e, guint32 at, const guint32 *dwords, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (dma_store_le(e->pci.dma, at + 4 * i, 4, dwords[i]) != 0) {
            ehci_fail(e, "the schedule is not in memory");
            return false;
        }
    return true;
}

UsbDevice *
ehci_find_device(const Ehci *e, guint8 address)
{
    UsbDevice *found = NULL;

    for (unsigned i = 0; i < EHCI_PORTS && found == NULL; i++) {
        UsbDevice *dev = ehci_port_device(e, i);
        if (dev != NULL)
            found = usb_device_by_address(dev, address);
    }
    return found;
}

/* ---- the loop's work ---- */

static guint32
list_entry(Ehci *e, guint32 frame)
{
    guint32 link;

    return ehci_load(e, e->s.periodic + 4 * (frame % LIST_FRAMES), &link, 1)
               ? link
               : LINK_T;
}

/* 4.6: one frame of the periodic list. */
static void
run_frame(Ehci *e, EhciLook *look, guint32 frame)
{
    guint32 link = list_entry(e, frame);

    for (unsigned i = 0;
         (link & LINK_T) == 0 && i < MAX_LINKS && look->left > 0; i++) {
        if (LINK_TYPE(link) == LINK_QH)
            link = ehci_run_interrupt(e, look, LINK_AT(link));
        else if (LINK_TYPE(link) == LINK_ITD)
            link = ehci_run_itd(e, look, LINK_AT(link));
        else if (!ehci_load(e, LINK_AT(link), &link, 1))
            return;
    }
}

/* iTDs come first in a frame, so the rest need not be looked at. */
static void
prepare_frame(Ehci *e, unsigned *left, guint32 frame)
{
    guint32 link = list_entry(e, frame);

    for (unsigned i = 0; (link & LINK_T) == 0 && LINK_TYPE(link) == LINK_ITD &&
                         i<MAX_LINKS && * left> 0;
         i++)
        link = ehci_prepare_itd(e, left, LINK_AT(link));
}

static void
run_periodic(Ehci *e, EhciLook *look, unsigned n)
{
    guint32 frame = e->s.frindex / 8;
    unsigned early = MAX_TDS;

    if (n == 0) /* woken amid a frame */
        run_frame(e, look, frame);
    for (unsigned i = n; i-- > 0 && ehci_is_running(e) && look->left > 0;)
        run_frame(e, look, frame - i);
    for (unsigned i = 1; i <= USB_ISO_FRAMES && ehci_is_running(e); i++)
        prepare_frame(e, &early, frame + i);
}

/* 4.8.2: what the guest took out of the list is forgotten. What is in it has been
 * come by at one of the looks since the bell rang: a busy queue may use up a
 * look. */
static void
answer_doorbell(Ehci *e, EhciLook *look, bool whole)
{
    if ((e->s.usbcmd & CMD_DOORBELL) == 0)
        return;
    if (!whole && ++e->bell_looks < BELL_LOOKS)
        return;
    usb_pipes_drop_stale(&e->pipes, e->bell_looks, true);
    e->bell_looks = 0;
    e->s.usbcmd &= ~(guint32) CMD_DOORBELL;
    look->status |= STS_ADVANCE;
}

static void
pass_frames(Ehci *e, EhciLook *look, gint64 passed)
{
    guint32 before = e->s.frindex;

    e->s.frindex = (guint32) (before + 8 * passed) & FRINDEX_MASK;
    if ((before ^ e->s.frindex) / (8 * LIST_FRAMES) != 0)
        look->status |= STS_ROLLOVER;
}

static void
run_lists(Ehci *e)
{
    gint64 skipped;
    unsigned n = usb_isos_frames_due(&e->isos, now_ns(e), e->next, &e->frame_ns,
                                     &skipped);
    EhciLook look = {.left = MAX_TDS};

    pass_frames(e, &look, skipped + n);
    e->pipes.round++;
    e->isos.round++;
    e->found_active = false;
    if ((e->s.usbsts & STS_PERIODIC) != 0)
        run_periodic(e, &look, n);
    look.left = MAX_TDS; /* the periodic list does not starve this one */
    bool whole = (e->s.usbsts & STS_ASYNC) == 0 || ehci_run_async(e, &look);
    answer_doorbell(e, &look, whole);
    usb_pipes_drop_stale(&e->pipes, USB_PIPE_STALE, false);
    usb_isos_drop_stale(&e->isos);
    e->idle = look.any ? 0 : MIN(e->idle + n, REST_FRAMES);
    e->s.usbsts |= look.status;
    ehci_update_irq(e);
}

/* In how many frames to look again; 0: when something happens. */
static unsigned
next_look(const Ehci *e)
{
    unsigned roll = LIST_FRAMES - e->s.frindex / 8 % LIST_FRAMES;
    bool enabled = false;

    for (unsigned i = 0; i < EHCI_PORTS; i++)
        enabled = enabled || ehci_port_device(e, i) != NULL;
    bool lists = (e->s.usbsts & (STS_PERIODIC | STS_ASYNC)) != 0;
    if (lists && e->idle < BUSY_FRAMES)
        return 1;
    if (lists && (enabled || e->found_active))
        return e->idle < REST_FRAMES ? SLOW_MS : SLOWEST_MS;
    return (e->s.usbintr & STS_ROLLOVER) != 0 ? roll : 0;
}

static void
run(Ehci *e)
{
    if (e->drop) {
        usb_pipes_drop(&e->pipes, NULL);
        usb_isos_drop(&e->isos, NULL);
    }
    e->drop = false;
    ehci_ports_run(e);
    if (e->quiesced)
        return;
    if (e->restored)
        ehci_ports_restored(e);
    e->restored = false;
    if (!ehci_is_running(e))
        return;
    run_lists(e);
    e->next = next_look(e);
    if (ehci_is_running(e) && e->next > 0)
        timer_arm(e->frames, MAX(e->frame_ns + e->next * USB_FRAME_NS,
                                 now_ns(e) + USB_CATCH_UP_NS));
}

static void
on_frame(void *data)
{
    Ehci *e = data;

    ehci_ports_route(e);
    g_mutex_lock(&e->pci.dev.lock);
    run(e);
    g_mutex_unlock(&e->pci.dev.lock);
}

/* ---- registers: 32 bits each ---- */

static void
reset_registers(Ehci *e)
{
    EhciState *s = &e->s;
    PciState pci = s->pci;

    memset(s, 0, sizeof *s);
    s->pci = pci;
    s->usbcmd = CMD_RESET_TO;
    s->usbsts = STS_HALTED;
    ehci_ports_fresh(e);
    e->idle = e->bell_looks = 0;
    e->drop = true;
}

static void
usbcmd_write(Ehci *e, guint32 value)
{
    if ((value & CMD_RESET) != 0) {
        reset_registers(e);
    } else {
        guint32 bell = e->s.usbcmd & CMD_DOORBELL; /* only we take it back */
        e->s.usbcmd = (value & CMD_KEPT) | bell;
        if ((value & CMD_RUN) != 0 && !ehci_is_running(e)) {
            e->s.usbsts &= ~(guint32) STS_HALTED;
            e->frame_ns = now_ns(e);
            e->next = 1;
        } else if ((value & CMD_RUN) == 0 && ehci_is_running(e)) {
            freeze(e);
            e->s.usbsts |= STS_HALTED;
        }
    }
    show_lists(e);
    ehci_update_irq(e);
    ehci_kick(e);
}

static guint32
operational_read(const Ehci *e, guint64 offset)
{
    const EhciState *s = &e->s;

    switch (offset) {
    case 0x00: return s->usbcmd;
    case 0x04: return s->usbsts;
    case 0x08: return s->usbintr;
    case 0x0c: return frindex_now(e);
    case 0x14: return s->periodic;
    case 0x18: return s->async;
    case 0x40: return s->configflag;
    default: break;
    }
    return offset >= 0x44 && offset < 0x44 + 4 * EHCI_PORTS
               ? ehci_port_read(e, (unsigned) (offset - 0x44) / 4)
               : 0;
}

static void
operational_write(Ehci *e, guint64 offset, guint32 value)
{
    EhciState *s = &e->s;

    switch (offset) {
    case 0x00: usbcmd_write(e, value); break;
    case 0x04:
        s->usbsts &= ~(value & STS_INTERRUPTS);
        ehci_update_irq(e);
        break;
    case 0x08:
        s->usbintr = value & STS_INTERRUPTS;
        ehci_update_irq(e);
        ehci_kick(e);
        break;
    case 0x0c:
        if (!ehci_is_running(e))
            s->frindex = value & FRINDEX_MASK & ~7u;
        break;
    case 0x14: s->periodic = value & 0xfffff000u; break;
    case 0x18: s->async = value & 0xffffffe0u; break;
    case 0x40: ehci_configflag_write(e, value); break;
    default:
        if (offset >= 0x44 && offset < 0x44 + 4 * EHCI_PORTS)
            ehci_port_write(e, (unsigned) (offset - 0x44) / 4, value);
        break;
    }
}

static guint64
regs_read(void *dev, guint64 offset, unsigned size)
{
    static const guint32 capabilities[] = {OPERATIONAL | HCIVERSION << 16,
                                           HCSPARAMS, HCCPARAMS, 0x33221100u};

    if (offset < OPERATIONAL)
        return offset < sizeof capabilities ? capabilities[offset / 4] : 0;
    return operational_read(ehci_of(dev), offset - OPERATIONAL);
}

static void
regs_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    if (offset >= OPERATIONAL)
        operational_write(ehci_of(dev), offset - OPERATIONAL, (guint32) value);
}

static const IoOps regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .min_size = 4,
    .max_size = 4,
};

/* ---- life ---- */

static void
fill_config(PciDevice *pdev)
{
    pdev->initial[CFG_SBRN] = 0x20; /* USB 2.0 */
    pdev->initial[CFG_FLADJ] = 0x20;
    pdev->wmask[CFG_FLADJ] = 0x3f;
    pci_put32(pdev->initial, CFG_LEGSUP, 1); /* nobody has it */
    pci_put32(pdev->wmask, CFG_LEGSUP, 0x01010000u);
    pci_put32(pdev->wmask, CFG_LEGCTL, 0x0000e03fu);
    pci_put32(pdev->w1cmask, CFG_LEGCTL, 0xe0000000u);
}

static bool
ehci_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Ehci *e = ehci_of(dev);

    e->quiesced = e->drop = e->restored = false;
    e->isos = (UsbIsos){.n = 0};
    memset(e->ports, 0, sizeof e->ports);
    usb_pipes_init(&e->pipes, e->s.controls);
    if (!pci_device_realize(&e->pci, env, &ehci_ids, &e->s.pci, error))
        return false;
    e->region = io_region_new("ehci", &regs_ops, e, &dev->lock, REGS_SIZE);
    pci_add_bar(&e->pci, REGS_BAR, PCI_BAR_MEM32, false, REGS_SIZE, e->region,
                NULL);
    fill_config(&e->pci);
    e->frames = timer_new(env->loop, CLOCK_GUEST, on_frame, e);
    for (unsigned i = 0; i < EHCI_PORTS; i++)
        e->with_companion[i] = e->companions[i / N_PER] != NULL;
    usb_bus_init(&e->bus, EHCI_PORTS, USB_SPEEDS_2, &ehci_bus_ops, e);
    return true;
}

static void
ehci_unrealize(Device *dev)
{
    Ehci *e = ehci_of(dev);

    usb_bus_init(&e->bus, EHCI_PORTS, USB_SPEEDS_2, NULL, NULL);
    if (e->frames != NULL) {
        usb_pipes_drop(&e->pipes, NULL);
        usb_isos_drop(&e->isos, NULL);
    }
    pci_device_unrealize(&e->pci);
    g_clear_pointer(&e->region, io_region_free);
    g_clear_pointer(&e->frames, timer_free);
}

static void
ehci_reset(Device *dev, ResetKind kind)
{
    Ehci *e = ehci_of(dev);

    pci_device_reset(&e->pci);
    g_mutex_lock(&dev->lock);
    reset_registers(e);
    e->drop = false;
    usb_pipes_drop(&e->pipes, NULL);
    usb_isos_drop(&e->isos, NULL);
    ehci_update_irq(e);
    g_mutex_unlock(&dev->lock);
    timer_arm(e->frames, 0); /* ports change hands */
}

static void
ehci_restored(Device *dev)
{
    Ehci *e = ehci_of(dev);
    UsbControlState controls[USB_CONTROLS];

    pci_device_restored(&e->pci);
    g_mutex_lock(&dev->lock);
    memcpy(controls, e->s.controls, sizeof controls);
    usb_pipes_drop(&e->pipes, NULL); /* of what was before */
    usb_isos_drop(&e->isos, NULL);
    memcpy(e->s.controls, controls, sizeof controls);
    e->frame_ns = now_ns(e);
    e->next = 1;
    e->bell_looks = 0;
    e->drop = false;
    e->restored = true;
    ehci_ports_restore(e);
    show_lists(e);
    ehci_update_irq(e);
    ehci_kick(e);
    g_mutex_unlock(&dev->lock);
}

static void
ehci_quiesce(Device *dev)
{
    Ehci *e = ehci_of(dev);

    g_mutex_lock(&dev->lock);
    e->quiesced = true;
    if (e->frames != NULL) /* realized */
        freeze(e);
    g_mutex_unlock(&dev->lock);
}

static bool
ehci_is_quiet(Device *dev)
{
    return usb_pipes_are_quiet(&ehci_of(dev)->pipes) &&
           usb_isos_are_quiet(&ehci_of(dev)->isos);
}

static void
ehci_resume(Device *dev)
{
    Ehci *e = ehci_of(dev);

    g_mutex_lock(&dev->lock);
    e->quiesced = false;
    if (e->frames != NULL)
        ehci_kick(e);
    g_mutex_unlock(&dev->lock);
}

/* ---- saved state ---- */

static bool
ehci_check(const void *state, GError **error)
{
    const EhciState *s = state;

    if (usb_controls_check(s->controls) && s->frindex <= FRINDEX_MASK &&
        s->configflag <= 1)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "ehci: frame %u, or a control transfer, cannot be",
                s->frindex / 8);
    return false;
}

/* clang-format off */
static const StateField ehci_fields[] = {
    STATE_SUB(EhciState, pci, &pci_state_desc),
    STATE_FIELD(EhciState, usbcmd, STATE_U32),
    STATE_FIELD(EhciState, usbsts, STATE_U32),
    STATE_FIELD(EhciState, usbintr, STATE_U32),
    STATE_FIELD(EhciState, frindex, STATE_U32),
    STATE_FIELD(EhciState, periodic, STATE_U32),
    STATE_FIELD(EhciState, async, STATE_U32),
    STATE_FIELD(EhciState, configflag, STATE_U32),
    STATE_ARRAY(EhciState, portsc, STATE_U32),
    STATE_FIELD(EhciState, resets, STATE_U8),
    STATE_SUB_ARRAY(EhciState, controls, &usb_control_state_desc),
    STATE_FIELDS_END
};
const StateDesc ehci_state_desc = {
    .name = "ehci", .version = 1, .min_version = 1,
    .size = sizeof(EhciState), .fields = ehci_fields, .check = ehci_check,
};

static const PropDesc ehci_props[] = {
    PCI_PROPS(Ehci, pci),
    PROP_DEF_LINK(Ehci, companions[0], "companion0", false, "UHCI of ports 1 and 2"),
    PROP_DEF_LINK(Ehci, companions[1], "companion1", false, "UHCI of ports 3 and 4"),
    PROP_DEF_LINK(Ehci, companions[2], "companion2", false, "UHCI of ports 5 and 6"),
    PROP_DEF_LINK(Ehci, companions[3], "companion3", false, "UHCI of ports 7 and 8"),
    PROP_END
};
/* clang-format on */

const DeviceClass ehci_class = {
    .name = "ehci",
    .summary = "USB 2 host controller (EHCI), eight ports",
    .size = sizeof(Ehci),
    .props = ehci_props,
    .state = &ehci_state_desc,
    .state_offset = G_STRUCT_OFFSET(Ehci, s),
    .realize = ehci_realize,
    .unrealize = ehci_unrealize,
    .reset = ehci_reset,
    .restored = ehci_restored,
    .quiesce = ehci_quiesce,
    .is_quiet = ehci_is_quiet,
    .resume = ehci_resume,
};
