/* devices/chipset/pcie-root-port.c - see pcie-root-port.h.
 *
 * PCI Express Base Specification 3.0, sections 6.7 (hot-plug) and 7.8 (the
 * capability): a slot with attention button, attention and power indicators and
 * a power controller; one message, or INTA#. The link is up while a card is there
 * and its power is on. A guest that has turned power and power indicator off has
 * let the card go. Vendor and device are those of a generic port that firmware
 * and systems know from QEMU. Left out: power faults, the latch (MRL), PME and
 * error messages, changes of the link's speed, and all extended capabilities. The
 * port itself is as wide and as fast as any card may be: drivers take the least
 * of the way for the card's limit. */
#include "devices/chipset/pcie-root-port.h"

#include "devices/bus/pci-bridge.h"
#include "devices/bus/pci-msi.h"
#include "vmm/loop/loop.h"

#define CAP_EXP             0x10
#define MAX_CAPS            48u /* as many as fit */
#define EXP_LEN             0x3cu
#define EXP_FLAGS           0x02 /* offsets in the capability, section 7.8 */
#define EXP_DEVICE_CAP      0x04
#define EXP_DEVICE_CONTROL  0x08
#define EXP_DEVICE_STATUS   0x0a
#define EXP_LINK_CAP        0x0c
#define EXP_LINK_CONTROL    0x10
#define EXP_LINK_STATUS     0x12
#define EXP_SLOT_CAP        0x14
#define EXP_SLOT_CONTROL    0x18
#define EXP_SLOT_STATUS     0x1a
#define EXP_ROOT_CONTROL    0x1c
#define EXP_ROOT_STATUS     0x20
#define EXP_LINK_CAP2       0x2c
#define EXP_LINK_CONTROL2   0x30

#define FLAGS_ROOT_PORT     0x0142u /* version 2, type 4, with a slot */
#define DEVICE_ROLE_ERRORS  0x8000u
#define LINK_X1_FIRST_SPEED 0x0011u
#define LINK_X32_16_GT      0x0204u
#define LINK_UP_TO_16_GT    0x001eu
#define LINK_SPEED          0x000fu
#define LINK_WIDTH          0x03f0u
#define LINK_REPORTS_ACTIVE 0x00100000u
#define LINK_PORT_SHIFT     24
#define LINK_DISABLE        0x0010u
#define LINK_ACTIVE         0x2000u

#define SLOT_BUTTON         0x0001u /* slot capabilities, 7.8.9 */
#define SLOT_POWER          0x0002u
#define SLOT_ATTENTION_LED  0x0008u
#define SLOT_POWER_LED      0x0010u
#define SLOT_SURPRISE       0x0020u
#define SLOT_HOTPLUG        0x0040u
#define SLOT_NUMBER_SHIFT   19

/* Slot status, 7.8.11. Bits of the same value in slot control enable the
 * interrupt, but for the link's. */
#define EVENT_BUTTON          0x0001u
#define EVENT_PRESENCE        0x0008u
#define EVENT_COMMAND         0x0010u
#define EVENT_LINK            0x0100u
#define EVENTS                (EVENT_BUTTON | EVENT_PRESENCE | EVENT_COMMAND | EVENT_LINK)
#define STATUS_PRESENT        0x0040u

#define CONTROL_INTERRUPT     0x0020u /* slot control, 7.8.10 */
#define CONTROL_ATTENTION_OFF 0x00c0u
#define CONTROL_LED           0x0300u /* power indicator */
#define CONTROL_LED_ON        0x0100u
#define CONTROL_LED_BLINK     0x0200u
#define CONTROL_LED_OFF       0x0300u
#define CONTROL_POWER_OFF     0x0400u
#define CONTROL_LINK          0x1000u
#define CONTROL_WMASK         0x17ffu

typedef enum {
    ASKED_NOTHING,
    ASKED,       /* the guest is to let the card go */
    ASKED_LATER, /* so as soon as it has turned the power on */
} Asked;

typedef struct {
    PciState pci;
    guint8 asked; /* Asked */
} RootPortState;

typedef struct {
    PciDevice pci;
    RootPortState s; /* under the bus's config lock */
    guint32 number;  /* option: of the slot */
    bool multifunction;
    PciIds ids;
    PciBus *behind;
    PciMsi msi;
    unsigned cap; /* offset of the capability */
    bool told;    /* the guest was sent a message for what it is asked */
    Timer *timer; /* brings an ejected card to the loop */
    bool ejected; /* config lock: not yet told to the owner */
    bool going;   /* config lock: the owner has not yet said that it went */
    void (*on_eject)(void *data, unsigned number);
    void *on_eject_data;
} RootPort;

static guint16
reg(const RootPort *d, unsigned offset)
{
    return pci_get16(d->s.pci.config, d->cap + offset);
}

static void
set_reg(RootPort *d, unsigned offset, unsigned value)
{
    pci_put16(d->s.pci.config, d->cap + offset, (guint16) value);
}

static GMutex *
lock_of(RootPort *d)
{
    return pci_bus_config_lock(d->pci.bus);
}

/* ---- the slot; all with the config lock held ---- */

static bool
is_present(const RootPort *d)
{
    return (reg(d, EXP_SLOT_STATUS) & STATUS_PRESENT) != 0;
}

static bool
is_off(guint16 control)
{
    return (control & (CONTROL_POWER_OFF | CONTROL_LED)) ==
           (CONTROL_POWER_OFF | CONTROL_LED_OFF);
}

static bool
asks(const RootPort *d)
{
    guint16 control = reg(d, EXP_SLOT_CONTROL);
    unsigned enabled = control & (EVENTS & ~EVENT_LINK);

    if ((control & CONTROL_LINK) != 0)
        enabled |= EVENT_LINK;
    return (control & CONTROL_INTERRUPT) != 0 &&
           (reg(d, EXP_SLOT_STATUS) & enabled) != 0;
}

static void
update_irq(RootPort *d)
{
    bool want = asks(d);

    g_mutex_lock(&d->pci.dev.lock);
    bool by_message = d->msi.enabled;
    if (by_message && want && !d->told)
        pci_msi_send(&d->msi);
    d->told = by_message && want;
    g_mutex_unlock(&d->pci.dev.lock);
    pci_set_intx(&d->pci, want && !by_message);
}

static void
add_events(RootPort *d, unsigned events)
{
    set_reg(d, EXP_SLOT_STATUS, reg(d, EXP_SLOT_STATUS) | events);
}

/* Speed and width of the link by the card's register, which does not change; of
 * a card that has none, the least. */
static unsigned
link_of_card(const RootPort *d)
{
    const PciDevice *card = pci_bus_find(d->behind, 0);
    unsigned at = card != NULL ? card->initial[PCI_CAPABILITY_LIST] & ~3u : 0;
    unsigned link = 0;

    for (unsigned n = 0; at != 0 && n < MAX_CAPS; n++) {
        if (card->initial[at] == CAP_EXP &&
            at + EXP_LINK_STATUS + 2 <= PCI_CONFIG_SIZE)
            link = pci_get16(card->initial, at + EXP_LINK_STATUS);
        at = card->initial[at + 1] & ~3u;
    }
    if ((link & LINK_SPEED) == 0 || (link & LINK_WIDTH) == 0)
        return LINK_X1_FIRST_SPEED;
    return link & (LINK_SPEED | LINK_WIDTH);
}

/* Returns the event when the link came or went. */
static unsigned
update_link(RootPort *d)
{
    guint16 old = reg(d, EXP_LINK_STATUS);
    bool up = is_present(d) &&
              (reg(d, EXP_SLOT_CONTROL) & CONTROL_POWER_OFF) == 0 &&
              (reg(d, EXP_LINK_CONTROL) & LINK_DISABLE) == 0;
    unsigned now = up ? link_of_card(d) | LINK_ACTIVE : LINK_X1_FIRST_SPEED;

    set_reg(d, EXP_LINK_STATUS, now);
    pci_bus_set_closed(d->behind, !up);
    return ((old ^ now) & LINK_ACTIVE) != 0 ? EVENT_LINK : 0;
}

static void
set_present(RootPort *d, bool present)
{
    unsigned status = reg(d, EXP_SLOT_STATUS) & ~STATUS_PRESENT;

    if (present == is_present(d))
        return;
    set_reg(d, EXP_SLOT_STATUS,
            status | EVENT_PRESENCE | (present ? STATUS_PRESENT : 0));
    d->s.asked = ASKED_NOTHING;
    add_events(d, update_link(d));
}

static void
eject(RootPort *d)
{
    set_present(d, false);
    d->ejected = d->going = true;
    timer_arm(d->timer, 0);
}

static void
tell_owner(void *data)
{
    RootPort *d = data;

    g_mutex_lock(lock_of(d));
    bool ejected = d->ejected;
    d->ejected = false;
    g_mutex_unlock(lock_of(d));
    if (ejected && d->on_eject != NULL)
        d->on_eject(d->on_eject_data, d->number);
}

/* ---- what the owner says ---- */

/* A person presses the button of a slot that has no power, having put a card in;
 * a system need not listen to presence where there is a button, and Linux (6.1)
 * does not. */
void
pcie_root_port_inserted(Device *dev)
{
    RootPort *d = DEVICE_OF(RootPort, dev);
    bool off;

    g_mutex_lock(lock_of(d));
    off = (reg(d, EXP_SLOT_CONTROL) & CONTROL_POWER_OFF) != 0;
    d->going = false;
    set_present(d, true);
    add_events(d, off ? EVENT_BUTTON : 0);
    update_irq(d);
    g_mutex_unlock(lock_of(d));
}

void
pcie_root_port_removed(Device *dev)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    g_mutex_lock(lock_of(d));
    d->going = false;
    set_present(d, false);
    update_irq(d);
    g_mutex_unlock(lock_of(d));
}

static void
press_to_remove(RootPort *d)
{
    d->s.asked = ASKED;
    add_events(d, EVENT_BUTTON);
}

/* Pressed while the power indicator blinks, the button would take back what was
 * asked for before, be it that the card comes: then the guest is asked when it
 * has come. */
void
pcie_root_port_request_removal(Device *dev)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    g_mutex_lock(lock_of(d));
    guint16 control = reg(d, EXP_SLOT_CONTROL);
    if (is_present(d) && is_off(control)) {
        eject(d);
    } else if (is_present(d) && (control & CONTROL_LED) != CONTROL_LED_BLINK) {
        press_to_remove(d);
    } else if (is_present(d) && d->s.asked == ASKED_NOTHING) {
        d->s.asked = ASKED_LATER;
    }
    update_irq(d);
    g_mutex_unlock(lock_of(d));
}

void
pcie_root_port_set_owner(Device *dev,
                         void (*ejected)(void *data, unsigned number),
                         void *data)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    d->on_eject = ejected;
    d->on_eject_data = data;
}

PciBus *
pcie_root_port_bus(Device *dev)
{
    return DEVICE_OF(RootPort, dev)->behind;
}

/* ---- registers ---- */

static bool
touches(const RootPort *d, unsigned offset, unsigned size, unsigned reg16)
{
    return offset < d->cap + reg16 + 2 && d->cap + reg16 < offset + size;
}

/* Of slot control before a write; old holds the bytes from offset on. */
static guint16
control_before(const RootPort *d, unsigned offset, unsigned size,
               const guint8 *old)
{
    guint8 bytes[2];

    for (unsigned i = 0; i < 2; i++) {
        unsigned at = d->cap + EXP_SLOT_CONTROL + i;
        bytes[i] = at >= offset && at < offset + size ? old[at - offset]
                                                      : d->s.pci.config[at];
    }
    return pci_get16(bytes, 0);
}

static void
root_port_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                         const guint8 *old)
{
    RootPort *d = DEVICE_OF(RootPort, &pdev->dev);

    (void) pci_msi_config_written(&d->msi, offset, size);
    pci_bridge_config_written(d->behind, offset, size);
    if (touches(d, offset, size, EXP_LINK_CONTROL))
        add_events(d, update_link(d));
    if (touches(d, offset, size, EXP_SLOT_CONTROL)) {
        guint16 before = control_before(d, offset, size, old);
        guint16 now = reg(d, EXP_SLOT_CONTROL);
        add_events(d, update_link(d) | EVENT_COMMAND);
        if (is_present(d) && !is_off(before) && is_off(now))
            eject(d);
        else if (d->s.asked == ASKED_LATER &&
                 (before & CONTROL_LED) == CONTROL_LED_BLINK &&
                 (now & CONTROL_LED) == CONTROL_LED_ON)
            press_to_remove(d);
    }
    update_irq(d);
}

static void
fill_slot(RootPort *d)
{
    guint8 *c = d->pci.initial, *w = d->pci.wmask;

    pci_put32(c, d->cap + EXP_SLOT_CAP,
              SLOT_BUTTON | SLOT_POWER | SLOT_ATTENTION_LED | SLOT_POWER_LED |
                  SLOT_SURPRISE | SLOT_HOTPLUG |
                  d->number << SLOT_NUMBER_SHIFT);
    pci_put16(c, d->cap + EXP_SLOT_CONTROL,
              CONTROL_POWER_OFF | CONTROL_LED_OFF | CONTROL_ATTENTION_OFF);
    pci_put16(w, d->cap + EXP_SLOT_CONTROL, CONTROL_WMASK);
    pci_put16(d->pci.w1cmask, d->cap + EXP_SLOT_STATUS, EVENTS);
}

static void
fill_capability(RootPort *d)
{
    guint8 *c = d->pci.initial, *w = d->pci.wmask;
    unsigned cap = pci_add_capability(&d->pci, CAP_EXP, EXP_LEN);

    d->cap = cap;
    pci_put16(c, cap + EXP_FLAGS, FLAGS_ROOT_PORT);
    pci_put32(c, cap + EXP_DEVICE_CAP, DEVICE_ROLE_ERRORS);
    pci_put16(w, cap + EXP_DEVICE_CONTROL, 0x7fff);
    pci_put16(d->pci.w1cmask, cap + EXP_DEVICE_STATUS, 0x000f);
    pci_put32(c, cap + EXP_LINK_CAP,
              LINK_X32_16_GT | LINK_REPORTS_ACTIVE |
                  d->number << LINK_PORT_SHIFT);
    pci_put16(c, cap + EXP_LINK_STATUS, LINK_X1_FIRST_SPEED);
    pci_put16(w, cap + EXP_LINK_CONTROL, 0x00d3);
    pci_put16(w, cap + EXP_ROOT_CONTROL, 0x000f);
    pci_put32(d->pci.w1cmask, cap + EXP_ROOT_STATUS, 0x00010000);
    pci_put32(c, cap + EXP_LINK_CAP2, LINK_UP_TO_16_GT);
    pci_put16(c, cap + EXP_LINK_CONTROL2, LINK_X32_16_GT & LINK_SPEED);
    pci_put16(w, cap + EXP_LINK_CONTROL2, 0x000f);
    fill_slot(d);
}

/* ---- life ---- */

static bool
root_port_realize(Device *dev, DeviceEnv *env, GError **error)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    d->ids = (PciIds){
        .vendor = 0x1b36,
        .device = 0x000c,
        .class_device = 0x0604,
        .interrupt_pin = 1,
        .multifunction = d->multifunction,
    };
    if (!pci_device_realize(&d->pci, env, &d->ids, &d->s.pci, error))
        return false;
    pci_bridge_fill_config(&d->pci);
    fill_capability(d);
    pci_msi_realize(&d->msi, &d->pci);
    d->behind = pci_bus_new_behind(&d->pci);
    d->timer = timer_new(env->loop, CLOCK_HOST, tell_owner, d);
    d->pci.config_written = root_port_config_written;
    return true;
}

static void
root_port_unrealize(Device *dev)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    g_clear_pointer(&d->timer, timer_free);
    g_clear_pointer(&d->behind, pci_bus_free);
    pci_msi_unrealize(&d->msi);
    pci_device_unrealize(&d->pci);
}

static void
update_msi(RootPort *d)
{
    g_mutex_lock(&d->pci.dev.lock);
    pci_msi_update(&d->msi);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* A card that is there has power from the start, and no event says so. */
static void
power_up(RootPort *d)
{
    set_reg(d, EXP_SLOT_STATUS, STATUS_PRESENT);
    set_reg(d, EXP_SLOT_CONTROL, CONTROL_LED_ON | CONTROL_ATTENTION_OFF);
}

/* A guest that starts anew has let go of what it was asked for in vain. */
static void
root_port_reset(Device *dev, ResetKind kind)
{
    RootPort *d = DEVICE_OF(RootPort, dev);
    bool asked = d->s.asked != ASKED_NOTHING;

    pci_device_reset(&d->pci);
    update_msi(d);
    g_mutex_lock(lock_of(d));
    d->s.asked = ASKED_NOTHING;
    d->told = false;
    if (asked)
        eject(d);
    else if (!d->going && pci_bus_find(d->behind, 0) != NULL)
        power_up(d);
    (void) update_link(d);
    pci_bus_passes_changed(d->behind);
    update_irq(d);
    g_mutex_unlock(lock_of(d));
}

static void
root_port_restored(Device *dev)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    pci_device_restored(&d->pci);
    update_msi(d);
    g_mutex_lock(lock_of(d));
    d->told = asks(d); /* that message is on its way */
    if (pci_bus_find(d->behind, 0) == NULL)
        set_present(d, false);
    (void) update_link(d);
    pci_bus_passes_changed(d->behind);
    update_irq(d);
    g_mutex_unlock(lock_of(d));
}

/* The owner has been told all. */
static bool
root_port_is_quiet(Device *dev)
{
    RootPort *d = DEVICE_OF(RootPort, dev);

    g_mutex_lock(lock_of(d));
    bool quiet = !d->ejected;
    g_mutex_unlock(lock_of(d));
    return quiet;
}

static bool
root_port_check(const void *state, GError **error)
{
    if (((const RootPortState *) state)->asked <= ASKED_LATER)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "pcie-root-port: 'asked' is none of 0, 1 and 2");
    return false;
}

/* clang-format off */
static const PropDesc root_port_props[] = {
    PCI_PROPS(RootPort, pci),
    PROP_DEF_U32(RootPort, number, "slot", 0, 0, 255, NULL, "number of its slot, which the guest shows people"),
    PROP_DEF_BOOL(RootPort, multifunction, "multifunction", false, "other ports share its place on the bus"),
    PROP_END
};

static const StateField root_port_fields[] = {
    STATE_SUB(RootPortState, pci, &pci_state_desc),
    STATE_FIELD(RootPortState, asked, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc root_port_state = {
    .name = "pcie-root-port",
    .version = 1,
    .min_version = 1,
    .size = sizeof(RootPortState),
    .fields = root_port_fields,
    .check = root_port_check,
};

const DeviceClass pcie_root_port_class = {
    .name = "pcie-root-port",
    .summary = "PCI Express root port with a hot-plug slot",
    .size = sizeof(RootPort),
    .props = root_port_props,
    .state = &root_port_state,
    .state_offset = G_STRUCT_OFFSET(RootPort, s),
    .realize = root_port_realize,
    .unrealize = root_port_unrealize,
    .reset = root_port_reset,
    .restored = root_port_restored,
    .is_quiet = root_port_is_quiet,
};
