/* devices/usb/xhci-command.c - the command ring of the xHCI, 4.6, and device
 * contexts, 6.2. Contexts have 32 bytes. Each command ends at once.
 *
 * Streams, bandwidth and virtual functions are left out: their commands end with
 * TRB Error. That a device is a hub, and who translates for it, only the guest
 * needs to know. */
#include "devices/usb/xhci-internal.h"
#include "vmm/mem/dma.h"

#define CONTEXT      32u /* bytes */
#define POINTER      (~(guint64) 15)
#define BSR          0x200u /* Address Device */
#define DECONFIGURE  0x200u /* Configure Endpoint */
#define SLOT_OF(c)   ((c) >> 24)
#define EP_OF(c)     ((c) >> 16 & 31)
#define ROUTE_MASK   0xfffffu
#define CRCR_RUNNING 8u

typedef struct {
    guint32 d[8];
} Context;

static bool
read_context(Xhci *x, Gpa base, unsigned n, Context *ret)
{
    if (dma_read(x->pci.dma, base + CONTEXT * (guint64) n, ret, CONTEXT) != 0)
        return false;
    for (unsigned i = 0; i < 8; i++)
        ret->d[i] = GUINT32_FROM_LE(ret->d[i]);
    return true;
}

static bool
write_context(Xhci *x, Gpa base, unsigned n, const Context *c)
{
    Context le;

    for (unsigned i = 0; i < 8; i++)
        le.d[i] = GUINT32_TO_LE(c->d[i]);
    return dma_write(x->pci.dma, base + CONTEXT * (guint64) n, &le, CONTEXT) ==
           0;
}

static void
show_slot(Xhci *x, unsigned slot, guint32 entries)
{
    const XhciSlot *s = &x->s.slots[slot];
    Context c;

    if (s->context == 0 || !read_context(x, s->context, 0, &c))
        return;
    guint32 address = s->state >= SLOT_ADDRESSED ? slot + 1 : 0;
    if (entries != 0)
        c.d[0] = (c.d[0] & 0x07ffffff) | entries << 27;
    c.d[3] = (guint32) s->state << 27 | address;
    (void) write_context(x, s->context, 0, &c); /* was read a moment ago */
}

/* Of a command that names a slot; false: there is none. */
static bool
find_slot(const Xhci *x, const XhciTrb *trb, unsigned *ret_slot)
{
    unsigned n = SLOT_OF(trb->control);

    *ret_slot = n - 1;
    return n >= 1 && n <= XHCI_SLOTS && x->s.slots[n - 1].enabled;
}

static void
stop_endpoint(Xhci *x, unsigned slot, unsigned ep)
{
    XhciSlot *s = &x->s.slots[slot];

    xhci_endpoint_cancel(x, slot, ep);
    s->ep_state[ep] = EP_DISABLED;
    s->doorbells &= ~(1u << ep);
}

/* ---- slots ---- */

static XhciCode
enable_slot(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    unsigned n = MIN(x->s.config & 0xff, XHCI_SLOTS);

    for (*slot = 0; *slot < n; (*slot)++)
        if (!x->s.slots[*slot].enabled) {
            x->s.slots[*slot] = (XhciSlot){.enabled = 1};
            return CC_SUCCESS;
        }
    *slot = G_MAXUINT; /* none in the event */
    return CC_NO_SLOTS;
}

static XhciCode
disable_slot(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    for (unsigned ep = 1; ep < XHCI_EPS; ep++)
        stop_endpoint(x, *slot, ep);
    x->s.slots[*slot].state = SLOT_DISABLED;
    show_slot(x, *slot, 0);
    x->s.slots[*slot] = (XhciSlot){.enabled = 0};
    return CC_SUCCESS;
}

/* Takes an endpoint from its input context; false: it is none. */
static bool
check_endpoint(const Context *c, unsigned ep)
{
    unsigned type = c->d[1] >> 3 & 7;
    bool in = (type & EP_IN) != 0, streams = (c->d[0] >> 10 & 31) != 0;

    if (type == 0 || streams || c->d[1] >> 16 == 0)
        return false;
    return type == EP_CONTROL || (ep > 1 && in == ((ep & 1) != 0));
}

static bool
enable_endpoint(Xhci *x, unsigned slot, unsigned ep, Context *c)
{
    XhciSlot *s = &x->s.slots[slot];

    s->ep_type[ep] = c->d[1] >> 3 & 7;
    s->ep_state[ep] = EP_RUNNING;
    s->dequeue[ep] =
        ((guint64) c->d[3] << 32 | c->d[2]) & (POINTER | TRB_CYCLE);
    x->eps[slot][ep].fetch = s->dequeue[ep];
    c->d[0] = (c->d[0] & ~7u) | EP_RUNNING;
    return write_context(x, s->context, ep, c);
}

/* Another slot has this place already, 4.6.5. */
static bool
place_is_used(const Xhci *x, unsigned slot, unsigned port, guint32 route)
{
    for (unsigned i = 0; i < XHCI_SLOTS; i++)
        if (i != slot && x->s.slots[i].enabled &&
            x->s.slots[i].state != SLOT_DISABLED &&
            x->s.slots[i].port == port && x->s.slots[i].route == route)
            return true;
    return false;
}

static XhciCode
check_address(Xhci *x, const XhciTrb *trb, unsigned slot,
              const Context *control, const Context *in)
{
    const XhciSlot *s = &x->s.slots[slot];
    unsigned port = (in[0].d[1] >> 16 & 0xff) - 1;
    bool bsr = (trb->control & BSR) != 0;

    if (s->state > SLOT_DEFAULT || (bsr && s->state != SLOT_DISABLED))
        return CC_CONTEXT_STATE;
    if ((control->d[1] & 3) != 3 || control->d[0] != 0 ||
        (in[1].d[1] >> 3 & 7) != EP_CONTROL || !check_endpoint(&in[1], 1))
        return CC_PARAMETER;
    if (port >= XHCI_PORTS)
        return CC_TRB;
    guint32 route = in[0].d[0] & ROUTE_MASK;
    if (place_is_used(x, slot, port, route) ||
        usb_device_by_route(xhci_port_device(x, port), route) == NULL)
        return CC_TRANSACTION;
    return CC_SUCCESS;
}

static XhciCode
address_device(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    XhciSlot *s = &x->s.slots[*slot];
    Gpa input = trb->param & POINTER;
    Context control, in[2];
    guint64 context;

    if (!read_context(x, input, 0, &control) ||
        !read_context(x, input, 1, &in[0]) ||
        !read_context(x, input, 2, &in[1]) ||
        dma_load_le(x->pci.dma, x->s.dcbaap + 8 * (*slot + 1), 8, &context) !=
            0 ||
        (context & POINTER) == 0)
        return CC_PARAMETER;
    XhciCode code = check_address(x, trb, *slot, &control, in);
    if (code != CC_SUCCESS)
        return code;
    stop_endpoint(x, *slot, 1);
    s->context = context & ~(guint64) 0x3f;
    s->port = (guint8) ((in[0].d[1] >> 16 & 0xff) - 1);
    s->route = in[0].d[0] & ROUTE_MASK;
    s->state = (trb->control & BSR) != 0 ? SLOT_DEFAULT : SLOT_ADDRESSED;
    if (!write_context(x, s->context, 0, &in[0]) ||
        !enable_endpoint(x, *slot, 1, &in[1])) {
        s->state = SLOT_DISABLED;
        s->context = 0;
        return CC_PARAMETER;
    }
    show_slot(x, *slot, 1);
    return CC_SUCCESS;
}

static XhciCode
reset_device(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    XhciSlot *s = &x->s.slots[*slot];

    if (s->state < SLOT_ADDRESSED)
        return CC_CONTEXT_STATE;
    for (unsigned ep = 2; ep < XHCI_EPS; ep++) {
        stop_endpoint(x, *slot, ep);
        xhci_endpoint_show(x, *slot, ep);
    }
    xhci_endpoint_cancel(x, *slot, 1);
    s->state = SLOT_DEFAULT;
    show_slot(x, *slot, 1);
    return CC_SUCCESS;
}

/* ---- endpoints ---- */

static XhciCode
deconfigure(Xhci *x, unsigned slot)
{
    for (unsigned ep = 2; ep < XHCI_EPS; ep++) {
        stop_endpoint(x, slot, ep);
        xhci_endpoint_show(x, slot, ep);
    }
    x->s.slots[slot].state = SLOT_ADDRESSED;
    show_slot(x, slot, 1);
    return CC_SUCCESS;
}

/* All that are to be added, before any is. */
static bool
check_added(Xhci *x, Gpa input, const Context *control)
{
    Context c;

    if ((control->d[0] & 3) != 0 || (control->d[1] & 3) != 1)
        return false;
    for (unsigned ep = 2; ep < XHCI_EPS; ep++)
        if ((control->d[1] & 1u << ep) != 0 &&
            (!read_context(x, input, ep + 1, &c) || !check_endpoint(&c, ep)))
            return false;
    return true;
}

static unsigned
count_entries(const XhciSlot *s)
{
    unsigned last = 1;

    for (unsigned ep = 2; ep < XHCI_EPS; ep++)
        if (s->ep_state[ep] != EP_DISABLED)
            last = ep;
    return last;
}

static XhciCode
configure_endpoint(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    XhciSlot *s = &x->s.slots[*slot];
    Gpa input = trb->param & POINTER;
    Context control, c;

    if (s->state < SLOT_ADDRESSED)
        return CC_CONTEXT_STATE;
    if ((trb->control & DECONFIGURE) != 0)
        return deconfigure(x, *slot);
    if (!read_context(x, input, 0, &control) ||
        !check_added(x, input, &control))
        return CC_PARAMETER;
    for (unsigned ep = 2; ep < XHCI_EPS; ep++) {
        if (((control.d[0] | control.d[1]) & 1u << ep) == 0)
            continue;
        stop_endpoint(x, *slot, ep);
        if ((control.d[1] & 1u << ep) == 0)
            xhci_endpoint_show(x, *slot, ep);
        else if (!read_context(x, input, ep + 1, &c) ||
                 !check_endpoint(&c, ep) || !enable_endpoint(x, *slot, ep, &c))
            return CC_PARAMETER;
    }
    unsigned entries = count_entries(s);
    s->state = entries > 1 ? SLOT_CONFIGURED : SLOT_ADDRESSED;
    show_slot(x, *slot, entries);
    return CC_SUCCESS;
}

/* What can be changed are latencies and the size of control packets, which only
 * the guest looks at. */
static XhciCode
evaluate_context(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    const XhciSlot *s = &x->s.slots[*slot];
    Gpa input = trb->param & POINTER;
    Context control, in, out;

    if (s->state < SLOT_DEFAULT)
        return CC_CONTEXT_STATE;
    if (!read_context(x, input, 0, &control) || control.d[0] != 0 ||
        (control.d[1] & ~3u) != 0)
        return CC_PARAMETER;
    for (unsigned i = 0; i < 2; i++) {
        if ((control.d[1] & 1u << i) == 0)
            continue;
        if (!read_context(x, input, i + 1, &in) ||
            !read_context(x, s->context, i, &out))
            return CC_PARAMETER;
        guint32 mask = i == 0 ? 0xffff : 0xffff0000; /* 6.2.2.3, 6.2.3.3 */
        out.d[1] = (out.d[1] & ~mask) | (in.d[1] & mask);
        if (!write_context(x, s->context, i, &out))
            return CC_PARAMETER;
    }
    return CC_SUCCESS;
}

/* The states that the endpoint of a command may be in. */
static XhciCode
check_state(const Xhci *x, const XhciTrb *trb, unsigned slot, guint32 states)
{
    const XhciSlot *s = &x->s.slots[slot];
    unsigned ep = EP_OF(trb->control);

    if (ep == 0)
        return CC_TRB;
    if (s->ep_state[ep] == EP_DISABLED)
        return CC_EP_NOT_ENABLED;
    return (states & 1u << s->ep_state[ep]) != 0 ? CC_SUCCESS
                                                 : CC_CONTEXT_STATE;
}

static XhciCode
reset_endpoint(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    unsigned ep = EP_OF(trb->control);
    XhciCode code = check_state(x, trb, *slot, 1u << EP_HALTED);

    if (code == CC_SUCCESS) {
        xhci_endpoint_cancel(x, *slot, ep);
        x->s.slots[*slot].doorbells &= ~(1u << ep);
        x->s.slots[*slot].ep_state[ep] = EP_STOPPED;
        xhci_endpoint_show(x, *slot, ep);
    }
    return code;
}

static XhciCode
stop(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    XhciCode code = check_state(x, trb, *slot, 1u << EP_RUNNING);

    if (code == CC_SUCCESS)
        xhci_endpoint_stop(x, *slot, EP_OF(trb->control));
    return code;
}

static XhciCode
set_dequeue(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    unsigned ep = EP_OF(trb->control);
    XhciCode code =
        check_state(x, trb, *slot, 1u << EP_STOPPED | 1u << EP_ERROR);

    if (code != CC_SUCCESS)
        return code;
    if (trb->status >> 16 != 0) /* a stream */
        return CC_TRB;
    x->s.slots[*slot].dequeue[ep] = trb->param & (POINTER | TRB_CYCLE);
    x->s.slots[*slot].ep_state[ep] = EP_STOPPED;
    xhci_endpoint_cancel(x, *slot, ep);
    xhci_endpoint_show(x, *slot, ep);
    return CC_SUCCESS;
}

static XhciCode
noop(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    return CC_SUCCESS;
}

/* ---- the ring ---- */

static const struct {
    guint8 type;
    bool needs_slot;
    XhciCode (*run)(Xhci *x, const XhciTrb *trb, unsigned *slot);
} commands[] = {
    {TRB_ENABLE_SLOT, false, enable_slot},
    {TRB_DISABLE_SLOT, true, disable_slot},
    {TRB_ADDRESS_DEVICE, true, address_device},
    {TRB_CONFIGURE_ENDPOINT, true, configure_endpoint},
    {TRB_EVALUATE_CONTEXT, true, evaluate_context},
    {TRB_RESET_ENDPOINT, true, reset_endpoint},
    {TRB_STOP_ENDPOINT, true, stop},
    {TRB_SET_DEQUEUE, true, set_dequeue},
    {TRB_RESET_DEVICE, true, reset_device},
    {TRB_COMMAND_NOOP, false, noop},
};

static XhciCode
run_command(Xhci *x, const XhciTrb *trb, unsigned *slot)
{
    *slot = G_MAXUINT; /* no slot: 0 in the event */
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].type != TRB_TYPE(trb->control))
            continue;
        if (commands[i].needs_slot && !find_slot(x, trb, slot))
            return CC_SLOT_NOT_ENABLED;
        return commands[i].run(x, trb, slot);
    }
    return CC_TRB;
}

static void
complete(Xhci *x, guint64 at, XhciCode code, unsigned slot)
{
    xhci_event(x, 0, code, at & POINTER, 0,
               (guint32) EVENT_COMMAND << 10 | (slot + 1) << 24);
}

static void
stop_ring(Xhci *x)
{
    if (x->s.command_running)
        complete(x, x->s.command, CC_COMMAND_STOPPED, G_MAXUINT);
    x->s.command_running = x->s.command_doorbell = x->s.command_stop = 0;
}

unsigned
xhci_commands_run(Xhci *x, unsigned budget)
{
    unsigned used = 0, slot;
    XhciTrb trb;

    if (x->s.command_stop)
        stop_ring(x);
    if (!x->s.command_doorbell)
        return 0;
    x->s.command_running = 1;
    while (used < budget && !xhci_events_wait(x)) {
        int ret = xhci_ring_next(x, &x->s.command, &trb);
        if (ret < 0) {
            xhci_fail(x, STS_HCE, "the command ring is not in memory");
            return used;
        }
        if (ret == 0) {
            x->s.command_doorbell = 0;
            break;
        }
        XhciCode code = run_command(x, &trb, &slot);
        complete(x, trb.at, code, slot);
        used++;
    }
    return used;
}
