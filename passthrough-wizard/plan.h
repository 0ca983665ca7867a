/* passthrough-wizard/plan.h - changes of the host as an ordered list of steps,
 * each an exact value before and after. Whoever applies it writes down each
 * step before it has an effect, so that all can be taken back at any time.
 * Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-hand.h"

/* All strings are owned. What target and the values are says the kind's row in
 * steps.c. */
typedef struct {
    char *kind;   /* "driver-override" */
    char *target; /* "0000:01:00.0", "/etc/modprobe.d/x.conf" */
    char *before, *after;
} Step;

typedef struct {
    char *title;      /* "bind 0000:01:00.0" */
    GPtrArray *steps; /* of Step */
    GPtrArray *notes; /* of char *: what a person should know; never NULL */
} Plan;

Plan *plan_new(const char *title);
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)
/* Copies all four. A step whose values are equal is not added. */
void plan_add(Plan *plan, const char *kind, const char *target,
              const char *before, const char *after);
void plan_note(Plan *plan, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
const Step *plan_step(const Plan *plan, guint i);
/* Programs run for what changes: where nothing does, none. */
void plan_drop_idle(Plan *plan);
void step_free(Step *step);
/* The file step that makes path have this text, from what it is now; mode is
 * for a file that is new. Names what cannot be read. */
bool plan_add_file(Plan *plan, const HostHand *hand, const char *path,
                   guint mode, const char *text, GError **error);

/* ---- kinds of steps ---- */

/* True when the kind exists and target and both values have its form: nothing
 * else is ever applied. Fails with CARREL_PLAN_ERROR_ARGUMENT. */
bool step_check(const Step *step, GError **error);
/* What is done and what takes it back, a line each, in the words of a shell
 * where there are such; g_free. */
char *step_say(const Step *step);
char *step_say_undo(const Step *step);
/* What that is for, for people who do not read a shell's words; g_free. NULL: it
 * says so itself. */
char *step_mean(const Step *step);
/* A restart of the host does not take it back (files). */
bool step_is_lasting(const Step *step);
/* A step that runs a program: there is no value to compare. */
bool step_is_action(const Step *step);
/* A number that others add to as well: what is taken back is what the step
 * added. */
bool step_is_share(const Step *step);
/* What is left of such a number without the step's share. done: the step had
 * its whole effect. g_free. */
char *step_share_left(const Step *step, const char *now, bool done);

/* Only root is told the value: in a user's plan before is "", not known, and
 * such steps are in it that root's plan may not need. */
bool step_is_root_read(const Step *step);

/* What it is about may be gone by itself ("" then), as a USB device that is
 * pulled: there is nothing to take back. */
bool step_is_fleeting(const Step *step);
/* Others use by now what it brought, another machine the module that a first one
 * had loaded: undone it stays, and counts as taken back. */
bool step_stays(HostHand *hand, const Step *step);
/* The value now. NULL: unreadable. g_free. */
char *step_read(HostHand *hand, const Step *step, GError **error);
/* Makes the value be so. */
bool step_write(HostHand *hand, const Step *step, const char *value,
                GError **error);
/* Fails with BUSY when a process has what the step would take away. */
bool step_unused(HostHand *hand, const Step *step, GError **error);

/* ---- there and back ---- */

typedef enum {
    STEP_PLANNED,
    STEP_BEGUN, /* its effect may be there, or half of it */
    STEP_DONE,
    STEP_UNDOING,
    STEP_UNDONE
} StepState;
const char *step_state_name(StepState state);
StepState step_state_parse(const char *name); /* PLANNED for others */

/* Who writes it down. record: before a state's effect for BEGUN and UNDOING,
 * and only when it returned true (the disk has it) is there an effect. */
typedef struct {
    bool (*record)(void *ctx, guint step, StepState state, GError **error);
    /* May be NULL. */
    void (*progress)(void *ctx, guint step, const Step *what, StepState state);
    void *ctx;
} PlanScribe;

/* All steps in order. When one fails, it and those before it are taken back and
 * the error says which failed; what could not be taken back is in it too. With
 * the error STUCK the step itself stays BEGUN. */
bool plan_apply(HostHand *hand, const Plan *plan, const PlanScribe *scribe,
                GError **error);

/* Takes back in reverse order what states (one a step) say has or may have had
 * an effect. Somebody else's later change of a value is left alone. restarted:
 * the host has restarted since, so only lasting steps count. True when all is
 * as it was before; the error lists what is not. */
bool plan_undo(HostHand *hand, const Plan *plan, const StepState *states,
               bool restarted, const PlanScribe *scribe, GError **error);
