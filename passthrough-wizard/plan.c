/* passthrough-wizard/plan.c - the list of steps; see plan.h. */
#include "passthrough-wizard/plan.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void
step_free(Step *step)
{
    if (step == NULL)
        return;
    g_free(step->kind);
    g_free(step->target);
    g_free(step->before);
    g_free(step->after);
    g_free(step);
}

Plan *
plan_new(const char *title)
{
    Plan *plan = g_new0(Plan, 1);

    plan->title = g_strdup(title);
    plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify) step_free);
    plan->notes = g_ptr_array_new_with_free_func(g_free);
    return plan;
}

void
plan_free(Plan *plan)
{
    if (plan == NULL)
        return;
    g_free(plan->title);
    g_ptr_array_unref(plan->steps);
    g_ptr_array_unref(plan->notes);
    g_free(plan);
}

void
plan_add(Plan *plan, const char *kind, const char *target, const char *before,
         const char *after)
{
    if (strcmp(before, after) == 0)
        return;
    Step *step = g_new0(Step, 1);
    step->kind = g_strdup(kind);
    step->target = g_strdup(target);
    step->before = g_strdup(before);
    step->after = g_strdup(after);
    g_ptr_array_add(plan->steps, step);
}

void
plan_note(Plan *plan, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_ptr_array_add(plan->notes, g_strdup_vprintf(fmt, args));
    va_end(args);
}

const Step *
plan_step(const Plan *plan, guint i)
{
    return g_ptr_array_index(plan->steps, i);
}

void
plan_drop_idle(Plan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++)
        if (!step_is_action(plan_step(plan, i)))
            return;
    g_ptr_array_set_size(plan->steps, 0);
}

bool
plan_add_file(Plan *plan, const HostHand *hand, const char *path, guint mode,
              const char *text, GError **error)
{
    g_autofree char *before = host_hand_file(hand, path, error);

    if (before == NULL)
        return false;
    gsize head = strcspn(before, "\n");
    /* A new file is root's; in a test's tree it is the tester's. */
    bool live = host_root_is_live(hand->root);
    g_autofree char *owner =
        *before != '\0'
            ? g_strndup(before, head)
            : g_strdup_printf("%04o %u %u", mode, live ? 0 : geteuid(),
                              live ? 0 : getegid());
    g_autofree char *after = g_strdup_printf("%s\n%s", owner, text);
    plan_add(plan, "file", path, before, after);
    return true;
}

static const char *const state_names[] = {
    [STEP_PLANNED] = "planned", [STEP_BEGUN] = "begun",   [STEP_DONE] = "done",
    [STEP_UNDOING] = "undoing", [STEP_UNDONE] = "undone",
};

const char *
step_state_name(StepState state)
{
    return state_names[state];
}

StepState
step_state_parse(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(state_names); i++)
        if (strcmp(name, state_names[i]) == 0)
            return (StepState) i;
    return STEP_PLANNED;
}
