/* vmm/core/pacer.c - see pacer.h. */
#include "vmm/core/pacer.h"

gint64
pacer_slice(unsigned share)
{
    gint64 slice = (gint64) PACER_TURN_NS * share / PACER_FULL;

    return MAX(slice, PACER_SLICE_NS);
}

gint64
pacer_pay(Pacer *p, unsigned share, gint64 now, gint64 used)
{
    p->due = MAX(p->due, now - used) + used * PACER_FULL / share;
    return MAX(p->due - now, 0);
}
