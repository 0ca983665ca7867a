/* devices/usb/xhci-ring.c - reading command and transfer rings, 4.9 and 4.11.5.1.
 *
 * A guest's ring may be anything: each step is bounded and every TRB is read
 * once. A pointer and its cycle bit travel as one number. */
#include "devices/usb/xhci-internal.h"
#include "vmm/mem/dma.h"

#define MAX_LINKS 4u /* in a row; a loop of them has no end */
#define POINTER   (~(guint64) 15)
#define TRB_BYTES 16u

/* 1: there; 0: the guest has not handed it over; -1: not memory. The word with
 * the cycle bit is read first. */
static int
read_trb(Xhci *x, guint64 at, XhciTrb *trb)
{
    guint64 control, status;

    trb->at = at & POINTER;
    if (dma_load_le(x->pci.dma, trb->at + 12, 4, &control) != 0)
        return -1;
    if ((control & TRB_CYCLE) != (at & TRB_CYCLE))
        return 0;
    if (dma_load_le(x->pci.dma, trb->at, 8, &trb->param) != 0 ||
        dma_load_le(x->pci.dma, trb->at + 8, 4, &status) != 0)
        return -1;
    trb->status = (guint32) status;
    trb->control = (guint32) control;
    return 1;
}

int
xhci_ring_next(Xhci *x, guint64 *at, XhciTrb *trb)
{
    for (unsigned links = 0; links <= MAX_LINKS; links++) {
        int ret = read_trb(x, *at, trb);
        if (ret <= 0)
            return ret;
        if (TRB_TYPE(trb->control) != TRB_LINK) {
            *at += TRB_BYTES;
            return 1;
        }
        guint64 cycle = *at & TRB_CYCLE;
        if ((trb->control & TRB_TOGGLE) != 0)
            cycle ^= TRB_CYCLE;
        *at = (trb->param & POINTER) | cycle;
    }
    return -1;
}

int
xhci_ring_td(Xhci *x, guint64 *at, bool control)
{
    guint64 from = *at;
    bool stages = false; /* between a setup stage and its status stage */

    for (unsigned n = 0; n < XHCI_MAX_TRBS; n++) {
        int ret = xhci_ring_next(x, &from, &x->scratch[n]);
        if (ret <= 0)
            return ret;
        unsigned type = TRB_TYPE(x->scratch[n].control);
        if (control && type == TRB_SETUP)
            stages = true;
        else if (control && type == TRB_STATUS)
            stages = false;
        if (!stages && (x->scratch[n].control & TRB_CHAIN) == 0) {
            *at = from;
            return (int) n + 1;
        }
    }
    return -1;
}
