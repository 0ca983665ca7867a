/* passthrough-wizard/plan-apply.c - the steps of a plan, there and back.
 *
 * The order of a step is: look, compare, write down, do, look again. Taken back
 * is by values, not by what is remembered of an effect, so a step that was cut
 * short in its middle is taken back like a whole one. */
#include <string.h>

#include "passthrough-wizard/plan.h"

static void
tell(const PlanScribe *scribe, guint i, const Step *step, StepState state)
{
    if (scribe->progress != NULL)
        scribe->progress(scribe->ctx, i, step, state);
}

static bool
is_now(HostHand *hand, const Step *step, const char *value, GError **error)
{
    g_autofree char *now = step_read(hand, step, error);

    if (now == NULL)
        return false;
    if (strcmp(now, value) == 0)
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_CHANGED,
                "%s of '%s' is '%.200s', not '%.200s'", step->kind,
                step->target, now, value);
    return false;
}

/* modprobe -r takes along the modules that only that one needed, and a driver's
 * devices lose it then: what an earlier step of the plan unloaded may have
 * done this one's work. Undone it is like one that was done by itself. */
static bool
went_along(HostHand *hand, const Plan *plan, guint i)
{
    const Step *step = plan_step(plan, i);
    bool unloaded = false;

    for (guint k = 0; k < i; k++) {
        const Step *other = plan_step(plan, k);
        unloaded |= strcmp(other->kind, "module") == 0 && *other->after == '\0';
    }
    if (!unloaded || *step->after != '\0' ||
        (strcmp(step->kind, "module") != 0 &&
         strcmp(step->kind, "driver") != 0))
        return false;
    g_autofree char *now = step_read(hand, step, NULL);
    return now != NULL && *now == '\0';
}

/* *state becomes BEGUN when there may be an effect: what was refused before
 * that is not ours to take back. */
static bool
do_step(HostHand *hand, const Plan *plan, guint i, const PlanScribe *scribe,
        StepState *state, GError **error)
{
    const Step *step = plan_step(plan, i);

    if (!step_check(step, error))
        return false;
    bool went = went_along(hand, plan, i);
    if (!went && !step_is_action(step) &&
        !is_now(hand, step, step->before, error))
        return false;
    if (!scribe->record(scribe->ctx, i, STEP_BEGUN, error))
        return false;
    *state = STEP_BEGUN;
    tell(scribe, i, step, STEP_BEGUN);
    if (!went && !step_write(hand, step, step->after, error))
        return false;
    if (!step_is_action(step) && !is_now(hand, step, step->after, error))
        return false;
    if (!scribe->record(scribe->ctx, i, STEP_DONE, error))
        return false;
    *state = STEP_DONE;
    tell(scribe, i, step, STEP_DONE);
    return true;
}

bool
plan_apply(HostHand *hand, const Plan *plan, const PlanScribe *scribe,
           GError **error)
{
    g_autofree StepState *states = g_new0(StepState, plan->steps->len + 1);
    GError *why = NULL;
    guint i = 0;

    while (i < plan->steps->len &&
           do_step(hand, plan, i, scribe, &states[i], &why))
        i++;
    if (i == plan->steps->len)
        return true;
    g_autofree char *what = step_say(plan_step(plan, i));
    g_prefix_error(&why, "step %u (%s): ", i + 1, what);
    /* What is still in the kernel may yet come to pass: the journal keeps it as
     * begun, and only the steps before it are taken back now. */
    if (g_error_matches(why, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_STUCK))
        states[i] = STEP_PLANNED;
    g_autoptr(GError) more = NULL;
    if (!plan_undo(hand, plan, states, false, scribe, &more)) {
        GError *both = g_error_new(why->domain, why->code,
                                   "%s; and taking back failed: %s",
                                   why->message, more->message);
        g_error_free(why);
        why = both;
    }
    g_propagate_error(error, why);
    return false;
}

/* ---- back ---- */

/* The number that is left without what the step added. */
static bool
undo_share(HostHand *hand, guint i, const Step *step, StepState state,
           const PlanScribe *scribe, GError **error)
{
    g_autofree char *now = step_read(hand, step, error);
    if (now == NULL)
        return false;
    g_autofree char *left = step_share_left(step, now, state == STEP_DONE);
    if (!scribe->record(scribe->ctx, i, STEP_UNDOING, error))
        return false;
    tell(scribe, i, step, STEP_UNDOING);
    if ((strcmp(left, now) != 0 && !step_write(hand, step, left, error)) ||
        !scribe->record(scribe->ctx, i, STEP_UNDONE, error))
        return false;
    tell(scribe, i, step, STEP_UNDONE);
    return true;
}

/* Nothing is written over a value that is neither ours nor the old one, except
 * where we may have stopped half-way. */
static bool
undo_step(HostHand *hand, const Plan *plan, guint i, StepState state,
          const PlanScribe *scribe, GError **error)
{
    const Step *step = plan_step(plan, i);

    if (!step_check(step, error))
        return false;
    if (step_is_share(step))
        return undo_share(hand, i, step, state, scribe, error);
    if (!step_is_action(step)) {
        g_autofree char *now = step_read(hand, step, error);
        if (now == NULL)
            return false;
        bool gone = step_is_fleeting(step) && *now == '\0';
        bool ours =
            !gone && (strcmp(now, step->after) == 0 || state != STEP_DONE);
        bool whole = strcmp(now, step->before) == 0 &&
                     (state == STEP_DONE || !step_is_lasting(step));
        /* a file's half may lie beside it */
        if (whole || !ours || step_stays(hand, step))
            return scribe->record(scribe->ctx, i, STEP_UNDONE, error);
    }
    if (!scribe->record(scribe->ctx, i, STEP_UNDOING, error))
        return false;
    tell(scribe, i, step, STEP_UNDOING);
    if (!step_write(hand, step, step->before, error) ||
        !scribe->record(scribe->ctx, i, STEP_UNDONE, error))
        return false;
    tell(scribe, i, step, STEP_UNDONE);
    return true;
}

static bool
had_effect(const Step *step, StepState state, bool restarted)
{
    return state != STEP_PLANNED && (!restarted || step_is_lasting(step));
}

/* The first step of a target knows what was there in the beginning. */
static bool
is_first(const Plan *plan, guint i)
{
    const Step *step = plan_step(plan, i);

    for (guint k = 0; k < i; k++) {
        const Step *other = plan_step(plan, k);
        if (strcmp(other->kind, step->kind) == 0 &&
            strcmp(other->target, step->target) == 0)
            return false;
    }
    return true;
}

static void
add_reason(GString *reasons, const GError *error)
{
    g_string_append_printf(reasons, "%s%s", reasons->len > 0 ? "; " : "",
                           error->message);
}

static bool
is_gone(HostHand *hand, const Step *step)
{
    g_autofree char *now =
        step_is_fleeting(step) ? step_read(hand, step, NULL) : NULL;
    return now != NULL && *now == '\0';
}

static void
verify(HostHand *hand, const Plan *plan, const StepState *states,
       bool restarted, GString *reasons)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = plan_step(plan, i);
        g_autoptr(GError) e = NULL;
        if (had_effect(step, states[i], restarted) && is_first(plan, i) &&
            !step_is_action(step) && !step_is_share(step) &&
            !is_gone(hand, step) && !step_stays(hand, step) &&
            !is_now(hand, step, step->before, &e))
            add_reason(reasons, e);
    }
}

bool
plan_undo(HostHand *hand, const Plan *plan, const StepState *states,
          bool restarted, const PlanScribe *scribe, GError **error)
{
    g_autoptr(GString) reasons = g_string_new(NULL);

    for (guint i = plan->steps->len; i-- > 0;) {
        g_autoptr(GError) e = NULL;
        if (had_effect(plan_step(plan, i), states[i], restarted) &&
            states[i] != STEP_UNDONE &&
            !undo_step(hand, plan, i, states[i], scribe, &e))
            add_reason(reasons, e);
    }
    if (reasons->len == 0)
        verify(hand, plan, states, restarted, reasons);
    if (reasons->len == 0)
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_FAILED,
                "not all is as it was: %s", reasons->str);
    return false;
}
