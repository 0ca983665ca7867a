/* app/helper/transaction.c - see transaction.h. */
#include "app/helper/transaction.h"

#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>

#include "app/helper/rtnl.h"
#include "passthrough-wizard/console.h"
#include "vmm/core/sysutil.h"

/* ---- settings of virtual functions ---- */

static const int attributes[VF_N_SETTINGS] = {
    [VF_MAC] = IFLA_VF_MAC,        [VF_VLAN] = IFLA_VF_VLAN,
    [VF_SPOOF] = IFLA_VF_SPOOFCHK, [VF_TRUST] = IFLA_VF_TRUST,
    [VF_RATE] = IFLA_VF_RATE,      [VF_LINK] = IFLA_VF_LINK_STATE,
};
static const char *const link_names[] = {"auto", "on", "off"};

static char *
on_off(guint32 value)
{
    return g_strdup(value != 0 ? "on" : "off");
}

static char *
vf_get(HostHand *hand, const char *ifname, unsigned vf, VfSetting what,
       int *ret_err)
{
    RtnlVf v;

    *ret_err = rtnl_vf_get(ifname, vf, &v);
    if (*ret_err == 0 && (v.known & 1u << attributes[what]) == 0)
        *ret_err = -EOPNOTSUPP;
    if (*ret_err < 0)
        return NULL;
    switch (what) {
    case VF_MAC:
        return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", v.mac[0],
                               v.mac[1], v.mac[2], v.mac[3], v.mac[4],
                               v.mac[5]);
    case VF_VLAN:
        return v.qos != 0 ? g_strdup_printf("%u.%u", v.vlan, v.qos)
                          : g_strdup_printf("%u", v.vlan);
    case VF_RATE:
        return v.min_rate != 0
                   ? g_strdup_printf("%u-%u", v.min_rate, v.max_rate)
                   : g_strdup_printf("%u", v.max_rate);
    case VF_LINK: return g_strdup(link_names[MIN(v.link_state, 2)]);
    case VF_SPOOF: return on_off(v.spoofchk);
    case VF_TRUST: return on_off(v.trust);
    case VF_N_SETTINGS:
    default: *ret_err = -EINVAL; return NULL;
    }
}

static guint32
link_state_of(const char *value)
{
    for (guint32 i = 0; i < G_N_ELEMENTS(link_names); i++)
        if (strcmp(value, link_names[i]) == 0)
            return i;
    return 0;
}

/* "A SEP B", or "A" alone, which is then in *ret_a. */
static void
split_pair(const char *value, char separator, guint32 *ret_a, guint32 *ret_b)
{
    const char *at = strchr(value, separator);

    *ret_a = (guint32) g_ascii_strtoull(value, NULL, 10);
    *ret_b = at != NULL ? (guint32) g_ascii_strtoull(at + 1, NULL, 10) : 0;
}

static int
vf_set(HostHand *hand, const char *ifname, unsigned vf, VfSetting what,
       const char *value)
{
    struct ifla_vf_mac mac = {.vf = vf};
    struct ifla_vf_vlan vlan = {.vf = vf};
    struct ifla_vf_rate rate = {.vf = vf};
    struct ifla_vf_spoofchk one = {.vf = vf}; /* trust and link are like it */
    const void *data = &one;
    gsize len = sizeof one;

    if (what == VF_MAC) {
        for (unsigned i = 0; i < 6; i++)
            mac.mac[i] = (guint8) strtoul(value + (gsize) 3 * i, NULL, 16);
        data = &mac, len = sizeof mac;
    } else if (what == VF_VLAN) {
        split_pair(value, '.', &vlan.vlan, &vlan.qos);
        data = &vlan, len = sizeof vlan;
    } else if (what == VF_RATE) {
        split_pair(value, '-', &rate.min_tx_rate, &rate.max_tx_rate);
        if (strchr(value, '-') == NULL)
            rate.max_tx_rate = rate.min_tx_rate, rate.min_tx_rate = 0;
        data = &rate, len = sizeof rate;
    } else {
        one.setting =
            what == VF_LINK ? link_state_of(value) : strcmp(value, "on") == 0;
    }
    return rtnl_vf_set(ifname, attributes[what], data, len);
}

HostHand
transaction_hand(const HostRoot *root)
{
    static HostHandOps ops; /* the real ones and ours */

    /* The cards that rtnetlink knows are this host's, not a recording's. */
    if (!host_root_is_live(root))
        return (HostHand){.root = root, .ops = &host_hand_real};
    ops = host_hand_real;
    ops.vf_get = vf_get;
    ops.vf_set = vf_set;
    return (HostHand){.root = root, .ops = &ops};
}

bool
transaction_may(const HostRoot *root)
{
    return geteuid() == 0 || !host_root_is_live(root);
}

/* ---- showing ---- */

int
transaction_fail(const App *app, const GError *error)
{
    ExitCode code = EXIT_FAILED;
    const char *id = "failed";

    if (error->domain != CARREL_PLAN_ERROR)
        return app_fail_error(app, error);
    switch ((CarrelPlanError) error->code) {
    case CARREL_PLAN_ERROR_REFUSED: code = EXIT_STATE, id = "refused"; break;
    case CARREL_PLAN_ERROR_ARGUMENT: code = EXIT_USAGE, id = "usage"; break;
    case CARREL_PLAN_ERROR_CHANGED: code = EXIT_STATE, id = "changed"; break;
    case CARREL_PLAN_ERROR_BUSY: code = EXIT_STATE, id = "busy"; break;
    case CARREL_PLAN_ERROR_PERMISSION:
        code = EXIT_PRIVILEGE, id = "permission";
        break;
    case CARREL_PLAN_ERROR_STUCK:
    case CARREL_PLAN_ERROR_FAILED:
    default: break;
    }
    return app_fail(app, code, id, NULL, NULL, "%s", error->message);
}

/* Without what only root's plan can have right: it follows from the words that
 * both are made of. */
char *
transaction_sum(const Plan *plan)
{
    g_autoptr(Plan) seen = plan_new(plan->title);

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *s = plan_step(plan, i);
        if (!step_is_root_read(s))
            plan_add(seen, s->kind, s->target, s->before, s->after);
    }
    g_autofree char *lines = journal_plan_lines(0, seen);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, lines, -1);
}

static void
show_json(const Plan *plan)
{
    g_autofree char *sum = transaction_sum(plan);
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_string(w, "title", plan->title);
    json_put_string(w, "sum", sum);
    json_begin_array(w, "steps");
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = plan_step(plan, i);
        g_autofree char *say = step_say(step);
        g_autofree char *undo = step_say_undo(step);
        json_begin_object(w, NULL);
        json_put_string(w, "kind", step->kind);
        json_put_string(w, "target", step->target);
        bool unknown = step_is_root_read(step) && *step->before == '\0';
        json_put_optional(w, "before", unknown ? NULL : step->before);
        json_put_string(w, "after", step->after);
        json_put_string(w, "who", "root");
        json_put_bool(w, "lasting", step_is_lasting(step));
        json_put_string(w, "do", say);
        json_put_string(w, "undo", undo);
        json_end(w);
    }
    json_end(w);
    json_begin_array(w, "notes");
    for (guint i = 0; i < plan->notes->len; i++)
        json_put_string(w, NULL, g_ptr_array_index(plan->notes, i));
    json_end(w);
    app_print_json(w);
}

/* What a file will be, line by line, behind a mark. */
static void
show_text(const char *value, char mark)
{
    const char *text = strchr(value, '\n');

    if (text == NULL)
        return;
    g_auto(GStrv) lines = g_strsplit(text + 1, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++) {
        g_autofree char *clean = app_clean(lines[i]);
        if (lines[i + 1] != NULL || lines[i][0] != '\0')
            printf("      %c %s\n", mark, clean);
    }
}

void
transaction_show(const App *app, const Plan *plan)
{
    if (app->json) {
        show_json(plan);
        return;
    }
    if (plan->steps->len == 0)
        app_say(app, "nothing to do: all is so already");
    for (guint i = 0; i < plan->steps->len && !app->quiet; i++) {
        const Step *step = plan_step(plan, i);
        g_autofree char *say = step_say(step);
        g_autofree char *undo = step_say_undo(step);
        printf("%2u  %s\n      undo: %s%s\n", i + 1, say, undo,
               step_is_lasting(step) ? "   (lasts)" : "");
        if (strcmp(step->kind, "file") == 0) {
            show_text(step->before, '-');
            show_text(step->after, '+');
        }
    }
    for (guint i = 0; i < plan->notes->len; i++)
        app_note(app, "%s", (char *) g_ptr_array_index(plan->notes, i));
}

bool
transaction_ask(const App *app, const char *question)
{
    if (app_confirm(app, "%s", question))
        return true;
    (void) app_fail(app, EXIT_STATE, "not-agreed",
                    "--yes agrees where nobody can be asked", NULL,
                    "nothing is changed: it was not agreed to");
    return false;
}

bool
transaction_agree(const App *app, const HostHand *hand, const Plan *plan,
                  const char *expect)
{
    g_autofree char *sum = transaction_sum(plan);

    if (expect != NULL && strcmp(expect, sum) != 0) {
        (void) app_fail(app, EXIT_STATE, "changed", NULL, NULL,
                        "the host has changed since the plan was shown; look "
                        "at it again and agree again");
        return false;
    }
    if (app->dry_run || expect != NULL)
        return true;
    transaction_show(app, plan);
    return plan->steps->len == 0 || transaction_ask(app, "Do this?");
}

/* ---- applying ---- */

typedef struct {
    const App *app;
    const JournalRecord *record;
    StepState *states; /* what the journal says last; NULL: not wanted */
} Scribe;

static void
ending_signals(sigset_t *set)
{
    (void) sigemptyset(set);
    (void) sigaddset(set, SIGHUP);
    (void) sigaddset(set, SIGINT);
    (void) sigaddset(set, SIGTERM);
}

void
transaction_block(sigset_t *ret_old)
{
    sigset_t set;

    ending_signals(&set);
    (void) pthread_sigmask(SIG_BLOCK, &set, ret_old);
}

/* Takes the signals that wait, which have been heeded. */
static void
unblock(const sigset_t *old)
{
    const struct timespec none = {0};
    sigset_t set;

    ending_signals(&set);
    while (sigtimedwait(&set, NULL, &none) > 0)
        continue;
    (void) pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* A plan that ends the desktop ends the terminal that asked for it: its SIGHUP
 * is no wish of anybody. */
static bool
is_interrupted(const Plan *plan, GError **error)
{
    bool hangup = !console_is_handed_over(plan);
    sigset_t waiting;

    if (sigpending(&waiting) < 0 ||
        ((!hangup || sigismember(&waiting, SIGHUP) != 1) &&
         sigismember(&waiting, SIGINT) != 1 &&
         sigismember(&waiting, SIGTERM) != 1))
        return false;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_FAILED,
                "interrupted by a signal, so what was done is taken back");
    return true;
}

static bool
record_state(void *ctx, guint step, StepState state, GError **error)
{
    const Scribe *s = ctx;

    if ((state == STEP_BEGUN || state == STEP_DONE) &&
        is_interrupted(s->record->plan, error))
        return false;
    if (!journal_step(s->record, step, state, error))
        return false;
    if (s->states != NULL)
        s->states[step] = state;
    return true;
}

/* After a failure: is there anything that could still be taken back? */
static bool
is_left(const Scribe *s, const Plan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++)
        if (s->states[i] != STEP_PLANNED && s->states[i] != STEP_UNDONE)
            return true;
    return false;
}

static void
show_progress(void *ctx, guint i, const Step *step, StepState state)
{
    const Scribe *s = ctx;
    bool back = state == STEP_UNDOING;

    if (state != STEP_BEGUN && !back)
        return;
    g_autofree char *text = back ? step_say_undo(step) : step_say(step);
    app_say(s->app, "%2u  %s", i + 1, text);
}

static PlanScribe
scribe_of(Scribe *s)
{
    return (PlanScribe){record_state, show_progress, s};
}

static char *
boot_id(const HostHand *hand)
{
    char *line = host_root_line(hand->root, "/proc/sys/kernel/random/boot_id");
    return line != NULL ? line : g_strdup("");
}

static void
end_record(const App *app, const JournalRecord *r, const char *state)
{
    g_autoptr(GError) error = NULL;

    if (!journal_end(r, state, &error))
        app_warn(app, "%s", error->message);
}

static int
print_dry(const App *app, const Plan *plan)
{
    g_autoptr(GError) error = NULL;
    guint64 id = journal_next_id(&error);

    if (id == 0)
        return app_fail_error(app, error);
    g_autofree char *lines = journal_plan_lines(id, plan);
    (void) fputs(lines, stdout); /* a closed pipe has no reader */
    return EXIT_OK;
}

static int
require_root(const App *app, const HostHand *hand, const Plan *plan)
{
    if (transaction_may(hand->root))
        return EXIT_OK;
    return app_fail(app, EXIT_PRIVILEGE, "permission",
                    "run it with sudo; --dry-run shows what it would do", NULL,
                    "'%s' changes this host", plan->title);
}

int
transaction_apply(const App *app, HostHand *hand, Plan *plan, guint64 *ret_id)
{
    g_autoptr(GError) error = NULL;
    guint64 unused;
    guint64 *id = ret_id != NULL ? ret_id : &unused;

    *id = 0;
    if (app->dry_run)
        return print_dry(app, plan);
    if (plan->steps->len == 0)
        return EXIT_OK;
    int code = require_root(app, hand, plan);
    if (code != EXIT_OK)
        return code;
    CARREL_AUTO_FD int lock = journal_lock(&error);
    if (lock < 0)
        return app_fail_error(app, error);
    g_autofree char *boot = boot_id(hand);
    JournalRecord r = {.action = (char *) JOURNAL_PLAN,
                       .name = plan->title,
                       .boot = boot,
                       .queues = 1,
                       .plan = plan};
    g_autofree StepState *states = g_new0(StepState, plan->steps->len);
    Scribe s = {app, &r, states};
    const PlanScribe scribe = scribe_of(&s);
    sigset_t mask;
    transaction_block(&mask);
    bool begun = journal_begin(&r, &error);
    bool done = begun && plan_apply(hand, plan, &scribe, &error);
    if (begun)
        end_record(app, &r,
                   done                ? "done"
                   : is_left(&s, plan) ? "failed"
                                       : "undone");
    unblock(&mask);
    if (!done)
        return begun ? transaction_fail(app, error)
                     : app_fail_error(app, error);
    *id = r.id;
    app_say(app,
            "done; `carrel passthrough undo %" G_GUINT64_FORMAT
            "` takes it back",
            r.id);
    return EXIT_OK;
}

/* ---- and back ---- */

static int
undo_record(const App *app, HostHand *hand, const JournalRecord *r)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *boot = boot_id(hand);
    bool restarted = *r->boot != '\0' && strcmp(boot, r->boot) != 0;
    Scribe s = {app, r, NULL};
    const PlanScribe scribe = scribe_of(&s);

    if (restarted)
        app_say(app, "the host has restarted since, which took back what does "
                     "not last");
    if (!plan_undo(hand, r->plan, (const StepState *) (void *) r->states->data,
                   restarted, &scribe, &error))
        return transaction_fail(app, error);
    end_record(app, r, "undone");
    app_say(app, "change %" G_GUINT64_FORMAT " (%s) is taken back", r->id,
            r->name);
    return EXIT_OK;
}

/* Newest first, so that each finds the values that it left behind. */
static int
undo_some(const App *app, HostHand *hand, guint64 id, bool all)
{
    g_autoptr(GError) error = NULL;
    const Plan what = {.title = (char *) "undo"};
    int code = require_root(app, hand, &what), worst = EXIT_OK;
    CARREL_AUTO_FD int lock = code == EXIT_OK ? journal_lock(&error) : -1;

    if (code != EXIT_OK)
        return code;
    g_autoptr(GPtrArray) records = lock >= 0 ? journal_read(&error) : NULL;
    if (records == NULL)
        return app_fail_error(app, error);
    guint n = 0;
    for (guint i = records->len; i-- > 0 && (all || n == 0);) {
        const JournalRecord *r = g_ptr_array_index(records, i);
        if (!journal_in_force(r) || (id != 0 && r->id != id))
            continue;
        n++;
        code = undo_record(app, hand, r);
        worst = worst != EXIT_OK ? worst : code;
    }
    if (n == 0 && id != 0)
        return app_fail(app, EXIT_NOT_FOUND, "not-found", NULL,
                        "carrel helper list",
                        "no change %" G_GUINT64_FORMAT " of passthrough is in "
                        "force",
                        id);
    if (n == 0)
        app_say(app, "nothing to take back");
    return worst;
}

int
transaction_undo(const App *app, HostHand *hand, guint64 id)
{
    return undo_some(app, hand, id, false);
}

int
transaction_undo_all(const App *app, HostHand *hand)
{
    return undo_some(app, hand, 0, true);
}
