/* devices/usb/xhci-event.c - event rings and interrupts of the xHCI, 4.9.4 and
 * 4.17.
 *
 * Events that find no room wait here, and while any does nothing new is begun.
 * Interrupt moderation is not applied: the handler-busy bit already limits
 * interrupts to one a look at the ring. */
#include "devices/usb/xhci-internal.h"
#include <string.h>

#include "vmm/mem/dma.h"

#define ERDP_EHB    0x8u
#define IMAN_IP     1u
#define IMAN_IE     2u
#define ERST_MAX    16u /* segments, as HCSPARAMS2 says */
#define SEGMENT_MIN 16u /* TRBs, 6.5 */
#define SEGMENT_MAX 4096u
#define TRB_BYTES   16u

void
xhci_update_irq(Xhci *x)
{
    bool messages = pci_msix_is_enabled(&x->msix), level = false;

    for (unsigned i = 0; i < XHCI_INTRS; i++) {
        XhciIntr *r = &x->s.intrs[i];
        if ((x->s.usbcmd & CMD_INTE) == 0 ||
            (r->iman & (IMAN_IP | IMAN_IE)) != (IMAN_IP | IMAN_IE))
            continue;
        level = true;
        if (messages) { /* 4.17.5: sending it clears it */
            r->iman &= ~IMAN_IP;
            pci_msix_send(&x->msix, i);
        }
    }
    pci_set_intx(&x->pci, level && !messages);
}

static void
interrupt(Xhci *x, XhciIntr *r)
{
    if ((r->erdp & ERDP_EHB) != 0)
        return;
    r->erdp |= ERDP_EHB;
    r->iman |= IMAN_IP;
    x->s.usbsts |= STS_EINT;
    xhci_update_irq(x);
}

/* Entry of the event ring segment table, 6.5. */
static bool
read_segment(Xhci *x, const XhciIntr *r, guint32 n, guint64 *ret_base,
             guint32 *ret_size)
{
    Gpa at = (r->erstba & ~(guint64) 0x3f) + TRB_BYTES * (guint64) n;
    guint64 size;

    if (dma_load_le(x->pci.dma, at, 8, ret_base) != 0 ||
        dma_load_le(x->pci.dma, at + 8, 4, &size) != 0)
        return false;
    *ret_base &= ~(guint64) 0x3f;
    *ret_size = (guint32) (size & 0xffff);
    return *ret_size >= SEGMENT_MIN && *ret_size <= SEGMENT_MAX;
}

static bool
prepare(Xhci *x, XhciIntr *r)
{
    if (r->ready)
        return true;
    if (r->erstsz == 0 || r->erstsz > ERST_MAX ||
        !read_segment(x, r, 0, &r->base, &r->size))
        return false;
    r->segment = r->index = 0;
    r->cycle = 1;
    r->ready = 1;
    return true;
}

/* Moves a copy of r to the next place. */
static bool
step(Xhci *x, XhciIntr *r)
{
    if (++r->index < r->size)
        return true;
    r->index = 0;
    if (++r->segment >= r->erstsz) {
        r->segment = 0;
        r->cycle ^= 1;
    }
    return read_segment(x, r, r->segment, &r->base, &r->size);
}

static guint64
place(const XhciIntr *r)
{
    return r->base + TRB_BYTES * (guint64) r->index;
}

static bool
is_dequeue(const XhciIntr *at, const XhciIntr *r)
{
    return place(at) == (r->erdp & ~(guint64) 15);
}

/* The control word goes last: its cycle bit hands the event over. */
static bool
put(Xhci *x, const XhciIntr *r, const XhciEvent *e)
{
    const guint64 param = GUINT64_TO_LE(e->param);
    const guint32 status = GUINT32_TO_LE(e->status);
    Gpa at = place(r);

    return dma_write(x->pci.dma, at, &param, sizeof param) == 0 &&
           dma_write(x->pci.dma, at + 8, &status, sizeof status) == 0 &&
           dma_store_le(x->pci.dma, at + 12, 4,
                        e->control | (r->cycle ? TRB_CYCLE : 0)) == 0;
}

/* True: it was written; false: there is no room, or no ring. The last place
 * goes to an event that says so, 4.9.4, unless it was said. */
static bool
write_event(Xhci *x, XhciIntr *r, const XhciEvent *e, bool said)
{
    static const XhciEvent full = {
        .status = (guint32) CC_EVENT_RING_FULL << 24,
        .control = EVENT_HOST << 10,
    };

    if (!prepare(x, r)) {
        xhci_fail(x, STS_HCE, "an event ring has no proper segment table");
        return false;
    }
    XhciIntr next = *r, after;
    bool ok = step(x, &next);
    after = next;
    ok = ok && step(x, &after);
    if (ok && is_dequeue(&next, r))
        return false;
    bool last = ok && is_dequeue(&after, r);
    if (last && said)
        return false;
    ok = ok && put(x, r, last ? &full : e);
    if (!ok) {
        xhci_fail(x, STS_HSE, "an event ring is not in memory");
        return false;
    }
    r->segment = next.segment;
    r->index = next.index;
    r->cycle = next.cycle;
    r->base = next.base;
    r->size = next.size;
    return !last;
}

void
xhci_event(Xhci *x, unsigned intr, XhciCode code, guint64 param, guint32 status,
           guint32 control)
{
    XhciIntr *r = &x->s.intrs[intr < XHCI_INTRS ? intr : 0];
    const XhciEvent e = {param, status | (guint32) code << 24,
                         control & ~(guint32) TRB_BEI};

    if (!xhci_is_running(x))
        return;
    if (r->n_queued > 0 || !write_event(x, r, &e, false)) {
        if (r->n_queued < XHCI_QUEUED)
            r->queued[r->n_queued++] = e;
        else
            device_guest_error(&x->pci.dev,
                               "event ring full, an event is lost");
    }
    if ((control & TRB_BEI) == 0)
        interrupt(x, r);
}

bool
xhci_events_wait(const Xhci *x)
{
    for (unsigned i = 0; i < XHCI_INTRS; i++)
        if (x->s.intrs[i].n_queued > 0)
            return true;
    return false;
}

static void
flush(Xhci *x, XhciIntr *r)
{
    unsigned n = 0;

    while (n < r->n_queued && write_event(x, r, &r->queued[n], true))
        n++;
    r->n_queued -= n;
    memmove(r->queued, r->queued + n, r->n_queued * sizeof *r->queued);
}

void
xhci_erdp_written(Xhci *x, unsigned intr, guint64 old)
{
    XhciIntr *r = &x->s.intrs[intr];
    guint64 busy = (r->erdp & ERDP_EHB) != 0 ? 0 : old & ERDP_EHB; /* RW1C */

    r->erdp = (r->erdp & ~(guint64) ERDP_EHB) | busy;
    if (!xhci_is_running(x) || !r->ready)
        return;
    if (r->n_queued > 0) {
        flush(x, r);
        xhci_kick(x);
    }
    if (r->ready && !is_dequeue(r, r))
        interrupt(x, r);
}
