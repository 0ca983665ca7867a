/* app/ladder/look-budget.h - what a look into a guest's disk may cost: the
 * guest wrote what is on it, and a few bytes may unpack to any number. Thread:
 * any one at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    guint64 bytes;   /* that may still be read or unpacked */
    gint64 until_us; /* g_get_monotonic_time() */
    bool spent;      /* something was asked for beyond it */
} LookBudget;

LookBudget look_budget_new(guint64 bytes, guint ms);
/* False: the look ends, now and at each call that follows. */
bool look_budget_take(LookBudget *budget, guint64 bytes);
