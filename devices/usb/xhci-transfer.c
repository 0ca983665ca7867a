/* devices/usb/xhci-transfer.c - transfer rings of the xHCI: from TDs to
 * packets, and from those to events, 4.10 and 4.11.
 *
 * A TD's data is copied to and from a buffer of ours, so that a device that is
 * asked to give up can be forgotten at once. The ring's dequeue pointer moves
 * when a TD has ended: what is under way when the machine stops is begun anew
 * after. One TD of an endpoint is under way, of an isochronous one several.
 * Streams, and the split of a TD into packets by max packet size, are left
 * out; service intervals are the device's. */
#include "devices/usb/xhci-internal.h"

#include <string.h>

#include "vmm/mem/dma.h"

#define ISOCH_DEPTH 32u /* TDs: at 125 us each, 4 ms */

static bool
is_in(unsigned ep)
{
    return (ep & 1) != 0;
}

static unsigned
ep_kind(const XhciSlot *s, unsigned ep)
{
    return s->ep_type[ep] == EP_CONTROL ? EP_CONTROL : s->ep_type[ep] & 3;
}

static bool
is_control(const XhciSlot *s, unsigned ep)
{
    return s->ep_type[ep] == EP_CONTROL;
}

UsbDevice *
xhci_slot_device(const Xhci *x, unsigned slot)
{
    const XhciSlot *s = &x->s.slots[slot];

    return s->enabled && s->state != SLOT_DISABLED
               ? usb_device_by_route(xhci_port_device(x, s->port), s->route)
               : NULL;
}

void
xhci_endpoint_show(Xhci *x, unsigned slot, unsigned ep)
{
    const XhciSlot *s = &x->s.slots[slot];
    Gpa at = s->context + 32 * (guint64) ep;
    guint64 first;

    if (s->context == 0 || dma_load_le(x->pci.dma, at, 4, &first) != 0)
        return;
    first = (first & ~(guint64) 7) | s->ep_state[ep];
    if (dma_store_le(x->pci.dma, at, 4, first) != 0 ||
        dma_store_le(x->pci.dma, at + 8, 8, s->dequeue[ep]) != 0)
        device_guest_error(&x->pci.dev, "a device context is not in memory");
}

/* ---- a TD becomes a packet ---- */

static bool
has_data(const XhciTrb *trb)
{
    unsigned type = TRB_TYPE(trb->control);

    return type == TRB_NORMAL || type == TRB_DATA || type == TRB_ISOCH;
}

/* What may follow what, 4.11.2: one row a kind of endpoint and place. */
static bool
is_allowed(const XhciSlot *s, unsigned ep, unsigned i, unsigned n,
           unsigned type)
{
    if (type == TRB_EVENT_DATA)
        return i > 0;
    if (!is_control(s, ep)) {
        if (type == TRB_NOOP)
            return n == 1;
        if (ep_kind(s, ep) == EP_ISOCH && i == 0)
            return type == TRB_ISOCH;
        return type == TRB_NORMAL;
    }
    if (n == 1 && type == TRB_NOOP)
        return true;
    if (i == 0)
        return type == TRB_SETUP;
    return type == TRB_STATUS || type == TRB_NORMAL ||
           (type == TRB_DATA && i == 1);
}

/* Bytes of the TD in x->scratch; -1: it is none, and *ret_bad is why. */
static gint64
check_td(const Xhci *x, const XhciSlot *s, unsigned ep, unsigned n,
         unsigned *ret_bad)
{
    gint64 total = 0;

    for (unsigned i = 0; i < n; i++) {
        const XhciTrb *trb = &x->scratch[i];
        guint32 len = TRB_LEN(trb->status);

        *ret_bad = i;
        if (!is_allowed(s, ep, i, n, TRB_TYPE(trb->control)))
            return -1;
        if (TRB_TYPE(trb->control) == TRB_SETUP && len != 8)
            return -1;
        if (!has_data(trb))
            continue;
        if ((trb->control & TRB_IDT) != 0 && len > 8)
            return -1;
        total += len;
        if (total > XHCI_MAX_TD)
            return -1;
    }
    return total;
}

/* Moves bytes between the packet's buffer and the guest's. */
static bool
copy(Xhci *x, XhciTransfer *t, guint32 len, bool out)
{
    guint32 done = 0;

    for (unsigned i = 0; i < t->n_trbs && done < len; i++) {
        const XhciTrb *trb = &t->trbs[i];
        guint64 immediate = GUINT64_TO_LE(trb->param);

        if (!has_data(trb))
            continue;
        guint32 n = MIN(TRB_LEN(trb->status), len - done);
        guint8 *at = t->packet.data + done;
        if ((trb->control & TRB_IDT) != 0) {
            if (!out || n > sizeof immediate)
                return false;
            memcpy(at, &immediate, n);
        } else if (out ? dma_read(x->pci.dma, trb->param, at, n) != 0
                       : dma_write(x->pci.dma, trb->param, at, n) != 0) {
            return false;
        }
        done += n;
    }
    return true;
}

static void
fill_packet(XhciTransfer *t, const XhciSlot *s, UsbDevice *dev)
{
    static const guint8 types[] = {
        [EP_ISOCH] = USB_ISOCHRONOUS,
        [EP_BULK] = USB_BULK,
        [EP_INTERRUPT] = USB_INTERRUPT,
        [EP_CONTROL] = USB_CONTROL,
    };
    UsbPacket *p = &t->packet;
    guint64 setup = t->trbs[0].param;

    p->dev = dev;
    p->type = types[ep_kind(s, t->ep)];
    if (p->type != USB_CONTROL) {
        p->ep = (guint8) (t->ep / 2 | (is_in(t->ep) ? USB_DIR_IN : 0));
        return;
    }
    p->ep = (guint8) (t->ep / 2);
    p->setup = (UsbSetup){
        .request = (guint16) ((setup & 0xff) << 8 | (setup >> 8 & 0xff)),
        .value = (guint16) (setup >> 16),
        .index = (guint16) (setup >> 32),
        .length = (guint16) (setup >> 48),
    };
    p->len = MIN(p->len, p->setup.length);
}

static bool
packet_is_in(const UsbPacket *p)
{
    return p->type == USB_CONTROL ? (p->setup.request & 0x8000) != 0
                                  : (p->ep & USB_DIR_IN) != 0;
}

static XhciTransfer *
transfer_new(Xhci *x, unsigned slot, unsigned ep, unsigned n, guint32 len)
{
    XhciTransfer *t = g_malloc0(sizeof *t + n * sizeof t->trbs[0]);

    t->slot = (guint8) slot;
    t->ep = (guint8) ep;
    t->n_trbs = n;
    memcpy(t->trbs, x->scratch, n * sizeof t->trbs[0]);
    t->packet.len = len;
    t->packet.data = len > 0 ? g_malloc(len) : NULL;
    x->held += len;
    return t;
}

static void
transfer_free(Xhci *x, XhciTransfer *t, guint32 held)
{
    x->held -= held;
    g_free(t->packet.data);
    g_free(t);
}

/* As transfer_new() was told; a control packet's own may be less. */
static guint32
td_len(const XhciTransfer *t)
{
    guint32 len = 0;

    for (unsigned i = 0; i < t->n_trbs; i++)
        if (has_data(&t->trbs[i]))
            len += TRB_LEN(t->trbs[i].status);
    return len;
}

/* ---- a packet becomes events ---- */

static void
tell(Xhci *x, const XhciTransfer *t, const XhciTrb *trb, XhciCode code,
     guint32 len)
{
    bool data = TRB_TYPE(trb->control) == TRB_EVENT_DATA;

    xhci_event(x, TRB_INTR(trb->status), code, data ? trb->param : trb->at,
               len & 0xffffff,
               (guint32) EVENT_TRANSFER << 10 | (t->slot + 1u) << 24 |
                   (guint32) t->ep << 16 | (data ? TRB_ED : 0) |
                   (trb->control & TRB_BEI));
}

static XhciCode
code_of(UsbResult result)
{
    static const guint8 codes[] = {
        [USB_OK] = CC_SUCCESS,        [USB_NAK] = CC_TRANSACTION,
        [USB_ASYNC] = CC_TRANSACTION, [USB_STALL] = CC_STALL,
        [USB_BABBLE] = CC_BABBLE,     [USB_FAILED] = CC_TRANSACTION,
    };

    return codes[result];
}

/* The events that a TD's TRBs ask for, 4.10.1: those that were filled, the one
 * where the data ended, and of those behind it the last and event data. */
static void
report(Xhci *x, const XhciTransfer *t, XhciCode code)
{
    guint32 left = t->packet.actual, sum = 0;
    bool is_short = false;

    for (unsigned i = 0; i < t->n_trbs; i++) {
        const XhciTrb *trb = &t->trbs[i];
        guint32 len = has_data(trb) ? TRB_LEN(trb->status) : 0;
        guint32 n = MIN(len, left);
        bool ends_here = n < len && !is_short;
        bool is_data = TRB_TYPE(trb->control) == TRB_EVENT_DATA;
        bool last = (trb->control & TRB_CHAIN) == 0;

        left -= n;
        sum += n;
        if (code != CC_SUCCESS && (ends_here || i + 1 == t->n_trbs)) {
            tell(x, t, trb, code, is_data ? sum : len - n);
            return;
        }
        if (TRB_TYPE(trb->control) == TRB_STATUS) {
            is_short = false;
            sum = 0;
        }
        bool wanted = (trb->control & TRB_IOC) != 0 ||
                      (ends_here && (trb->control & TRB_ISP) != 0);
        bool skipped = is_short && !is_data && !last;
        is_short = is_short || ends_here;
        if (code == CC_SUCCESS && wanted && !skipped)
            tell(x, t, trb, is_short ? CC_SHORT_PACKET : CC_SUCCESS,
                 is_data ? sum : len - n);
        if (is_data)
            sum = 0;
    }
}

static void
set_ep_state(Xhci *x, unsigned slot, unsigned ep, unsigned state)
{
    x->s.slots[slot].ep_state[ep] = (guint8) state;
    xhci_endpoint_show(x, slot, ep);
}

/* The first of the endpoint has ended. */
static void
end_transfer(Xhci *x, XhciTransfer *t)
{
    XhciEndpoint *e = &x->eps[t->slot][t->ep];
    XhciSlot *s = &x->s.slots[t->slot];
    UsbPacket *p = &t->packet;
    XhciCode code = code_of(p->result);

    p->actual = MIN(p->actual, p->len);
    if (packet_is_in(p) && !copy(x, t, p->actual, false)) {
        code = CC_TRB;
        p->actual = 0;
    }
    e->first = t->next;
    e->n--;
    if (code == CC_SUCCESS || ep_kind(s, t->ep) == EP_ISOCH) {
        s->dequeue[t->ep] = t->after;
    } else {
        xhci_endpoint_cancel(x, t->slot, t->ep);
        set_ep_state(x, t->slot, t->ep, code == CC_TRB ? EP_ERROR : EP_HALTED);
    }
    report(x, t, code);
    transfer_free(x, t, td_len(t));
}

static void
end_in_order(Xhci *x, XhciEndpoint *e)
{
    while (e->first != NULL && !e->first->pending)
        end_transfer(x, e->first);
}

void
xhci_transfer_done(Xhci *x, UsbPacket *packet)
{
    XhciTransfer *t = (XhciTransfer *) (void *) packet;

    t->pending = false;
    x->s.slots[t->slot].doorbells |= 1u << t->ep;
    end_in_order(x, &x->eps[t->slot][t->ep]);
}

/* ---- giving up ---- */

void
xhci_endpoint_cancel(Xhci *x, unsigned slot, unsigned ep)
{
    XhciEndpoint *e = &x->eps[slot][ep];

    while (e->first != NULL) {
        XhciTransfer *t = e->first;
        e->first = t->next;
        if (t->pending)
            t->packet.dev->ops->cancel(t->packet.dev, &t->packet);
        transfer_free(x, t, td_len(t));
    }
    e->n = 0;
    e->fetch = x->s.slots[slot].dequeue[ep];
}

void
xhci_endpoint_stop(Xhci *x, unsigned slot, unsigned ep)
{
    XhciSlot *s = &x->s.slots[slot];
    guint64 at = s->dequeue[ep];
    XhciTransfer t = {.slot = (guint8) slot, .ep = (guint8) ep};
    XhciTrb trb;

    xhci_endpoint_cancel(x, slot, ep);
    s->doorbells &= ~(1u << ep);
    set_ep_state(x, slot, ep, EP_STOPPED);
    if (xhci_ring_next(x, &at, &trb) > 0)
        tell(x, &t, &trb, CC_STOPPED, has_data(&trb) ? TRB_LEN(trb.status) : 0);
}

void
xhci_cancel_all(Xhci *x)
{
    for (unsigned slot = 0; slot < XHCI_SLOTS; slot++)
        for (unsigned ep = 1; ep < XHCI_EPS; ep++)
            xhci_endpoint_cancel(x, slot, ep);
}

/* ---- running ---- */

/* The ring holds no TD here. It is told once those before it have ended. */
static void
refuse(Xhci *x, unsigned slot, unsigned ep, const XhciTrb *trb)
{
    const XhciTransfer t = {.slot = (guint8) slot, .ep = (guint8) ep};

    device_guest_error(
        &x->pci.dev,
        "slot %u endpoint %u: no proper TD at %#" G_GINT64_MODIFIER "x",
        slot + 1, ep, trb->at);
    set_ep_state(x, slot, ep, EP_ERROR);
    tell(x, &t, trb, CC_TRB, 0);
}

static UsbResult
submit(Xhci *x, XhciTransfer *t, UsbDevice *dev)
{
    if (TRB_TYPE(t->trbs[0].control) == TRB_NOOP)
        return USB_OK;
    if (dev == NULL)
        return USB_FAILED;
    return dev->ops->submit(dev, &t->packet);
}

static void
append(XhciEndpoint *e, XhciTransfer *t)
{
    XhciTransfer **at = &e->first;

    while (*at != NULL)
        at = &(*at)->next;
    *at = t;
    e->n++;
}

/* One TD of n TRBs in x->scratch, which ends at after. False: not now. */
static bool
begin_td(Xhci *x, unsigned slot, unsigned ep, unsigned n, guint64 after)
{
    XhciSlot *s = &x->s.slots[slot];
    XhciEndpoint *e = &x->eps[slot][ep];
    unsigned bad = 0;
    gint64 len = check_td(x, s, ep, n, &bad);

    x->full = len > 0 && x->held > 0 && len + x->held > XHCI_MAX_HELD;
    if (x->full) /* the next that ends makes the loop look again */
        return false;
    if (len < 0) {
        if (e->first == NULL)
            refuse(x, slot, ep, &x->scratch[bad]);
        return false;
    }
    XhciTransfer *t = transfer_new(x, slot, ep, n, (guint32) len);
    fill_packet(t, s, xhci_slot_device(x, slot));
    t->after = after;
    if (!packet_is_in(&t->packet) && !copy(x, t, t->packet.len, true)) {
        if (e->first == NULL)
            refuse(x, slot, ep, &t->trbs[0]);
        transfer_free(x, t, (guint32) len);
        return false;
    }
    t->packet.result = submit(x, t, t->packet.dev);
    if (t->packet.result == USB_NAK) {
        transfer_free(x, t, (guint32) len);
        return false;
    }
    t->pending = t->packet.result == USB_ASYNC;
    append(e, t);
    e->fetch = after;
    end_in_order(x, e);
    return true;
}

static bool
is_suspended(const Xhci *x, const XhciSlot *s)
{
    unsigned pls = x->s.portsc[s->port] >> 5 & 15;

    return pls == PLS_U3 || pls == PLS_RESUME;
}

/* Returns TRBs worked on; the doorbell stays on when there is more to do. */
static unsigned
run_endpoint(Xhci *x, unsigned slot, unsigned ep, unsigned budget)
{
    XhciSlot *s = &x->s.slots[slot];
    XhciEndpoint *e = &x->eps[slot][ep];
    unsigned depth = ep_kind(s, ep) == EP_ISOCH ? ISOCH_DEPTH : 1, used = 0;

    x->full = false;
    if (s->ep_state[ep] == EP_STOPPED)
        s->ep_state[ep] = EP_RUNNING;
    while (used < budget) {
        guint64 after = e->fetch;
        if (s->ep_state[ep] != EP_RUNNING || e->n >= depth)
            break;
        if (is_suspended(x, s) || xhci_events_wait(x))
            return used; /* what ends that looks again */
        int n = xhci_ring_td(x, &after, is_control(s, ep));
        if (n < 0 && e->first == NULL)
            refuse(x, slot, ep, &(XhciTrb){.at = e->fetch & ~(guint64) 15});
        used += n > 0 ? (unsigned) n : 1;
        if (n <= 0 || !begin_td(x, slot, ep, (unsigned) n, after))
            break;
    }
    if (used < budget && !x->full)
        s->doorbells &= ~(1u << ep);
    return used;
}

unsigned
xhci_transfers_run(Xhci *x, unsigned budget)
{
    unsigned used = 0;

    for (unsigned slot = 0; slot < XHCI_SLOTS; slot++) {
        guint32 bells = x->s.slots[slot].doorbells;
        for (unsigned ep = 1; bells != 0 && ep < XHCI_EPS; ep++) {
            if ((bells & 1u << ep) == 0 || used >= budget)
                continue;
            used += run_endpoint(x, slot, ep, budget - used);
        }
    }
    return used;
}
