/* app/ladder/look-budget.c - see look-budget.h. */
#include "app/ladder/look-budget.h"

LookBudget
look_budget_new(guint64 bytes, guint ms)
{
    return (LookBudget){.bytes = bytes,
                        .until_us =
                            g_get_monotonic_time() + (gint64) ms * 1000};
}

bool
look_budget_take(LookBudget *budget, guint64 bytes)
{
    if (bytes > budget->bytes || g_get_monotonic_time() > budget->until_us)
        budget->spent = true;
    if (budget->spent)
        return false;
    budget->bytes -= bytes;
    return true;
}
