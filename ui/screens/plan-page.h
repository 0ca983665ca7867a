/* ui/screens/plan-page.h - a plan, step by step, and the question whether it is
 * to be done. Main thread. */
#pragma once

#include "passthrough-wizard/plan.h"
#include "ui/screens/screens.h"

/* The steps as lines: what each is for, what is done, with values the value before and after,
 * what takes it back; then the notes. Strings owned by the array. */
GPtrArray *plan_page_lines(const Plan *plan, bool values);

/* Takes plan over; words, the arguments of carrel that do it, are copied. The
 * verb is told the plan's sum, does this plan or none, and does not ask again.
 * done(data) runs when it was run; whoever opens the page outlives it.
 * can_do: false shows only. */
void plan_page_open(Tui *tui, Plan *plan, const char *const *words, bool can_do,
                    void (*done)(void *data), void *data);
