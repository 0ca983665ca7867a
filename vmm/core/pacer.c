/* vmm/core/pacer.c - see pacer.h. */
#include "vmm/core/pacer.h"

gint64
pacer_slice(Pacer *p, unsigned share, gint64 used)
{
    gint64 turn = (gint64) PACER_TURN_NS * share / PACER_FULL;
    gint64 least = MAX(turn, PACER_SLICE_NS);
    gint64 most = (gint64) PACER_DEBT_NS * share / PACER_FULL;

    if (used * 2 >= p->slice) /* it has work */
        p->slice = least;
    else
        p->slice = CLAMP(p->slice * 2, least,
                         CLAMP(most, least, MAX(PACER_TURN_NS, least)));
    return p->slice;
}

gint64
pacer_pay(Pacer *p, unsigned share, gint64 now, gint64 used)
{
    p->due = MAX(p->due, now - used) + used * PACER_FULL / share;
    return MAX(p->due - now, 0);
}
