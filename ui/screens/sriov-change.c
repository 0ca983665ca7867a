/* sriov-change.c - changes from the SR-IOV panel: each is a plan that is shown
 * first, and then `carrel passthrough vf ...` in the terminal. */
#include <string.h>

#include "passthrough-wizard/vfio-bind.h"
#include "ui/screens/plan-page.h"
#include "ui/screens/sriov-internal.h"
#include "ui/widgets/dialog.h"

static void
on_done(void *data)
{
    host_look_again(((Sriov *) data)->look);
}

/* Takes plan over; NULL: error says why, and is freed. */
static void
show_plan(Sriov *p, const char *title, Plan *plan, GError *error,
          const char *const *words)
{
    Tui *tui = p->screen.tui;

    if (plan == NULL) {
        dialog_message(tui, title, error->message);
        g_error_free(error);
    } else if (plan->steps->len == 0) {
        tui_notify(tui, STYLE_GOOD, "nothing is to be done: it is so already");
        plan_free(plan);
    } else {
        plan_page_open(tui, plan, words, host_look_found(p->look)->can_change,
                       on_done, p);
    }
}

static void
show_count(Sriov *p, const HostPciFn *pf, unsigned n)
{
    const UiHostLook *found = host_look_found(p->look);
    HostHand hand = {.root = found->root, .ops = found->hand};
    const SriovOptions options = {.persist = p->persist};
    g_autofree char *number = g_strdup_printf("%u", n);
    const char *create[] = {"passthrough", "vf",
                            "create",      pf->bdf,
                            number,        p->persist ? "--persist" : NULL,
                            NULL};
    const char *none[] = {
        "passthrough", "vf", "remove", pf->bdf, p->persist ? "--persist" : NULL,
        NULL};
    GError *error = NULL;
    Plan *plan =
        sriov_count_plan(&hand, found->pci, pf->bdf, n, &options, &error);

    show_plan(p, "Number of virtual functions", plan, error,
              n > 0 ? create : none);
}

static void
show_setting(Sriov *p, VfSetting setting, const char *value)
{
    const UiHostLook *found = host_look_found(p->look);
    const SriovVf *vf = sriov_current_vf(p);
    HostHand hand = {.root = found->root, .ops = found->hand};
    g_autofree char *number = g_strdup_printf("%u", vf->number);
    g_autofree char *word =
        g_strdup_printf("%s=%s", sriov_setting_word(setting), value);
    const char *settings[] = {word, NULL};
    const char *words[] = {"passthrough",
                           "vf",
                           "set",
                           vf->pf,
                           number,
                           word,
                           p->persist ? "--persist" : NULL,
                           NULL};
    GError *error = NULL;
    Plan *plan = sriov_set_plan(&hand, found->pci, vf->pf, vf->number, settings,
                                p->persist, &error);

    show_plan(p, word, plan, error, words);
}

/* ---- questions ---- */

static void
on_number(void *data, const char *text)
{
    Sriov *p = data;
    const SriovLine *line = sriov_current(p);
    guint64 n = 0;

    if (line == NULL)
        return;
    if (!g_ascii_string_to_unsigned(text, 10, 0, 65535, &n, NULL))
        tui_notify(p->screen.tui, STYLE_BAD,
                   "'%s' is no number of functions: 0 to %u", text,
                   line->pf->total_vfs);
    else
        show_count(p, line->pf, (unsigned) n);
}

void
sriov_ask_number(Sriov *p)
{
    const HostPciFn *pf = sriov_current(p)->pf;
    g_autofree char *title =
        g_strdup_printf("Virtual functions of %s", pf->bdf);
    g_autofree char *help = g_strdup_printf(
        "0 to %u. Those that are there now are removed first.", pf->total_vfs);
    g_autofree char *now = g_strdup_printf("%u", pf->num_vfs);

    dialog_prompt(p->screen.tui, title, help, now, false, on_number, p, NULL);
}

void
sriov_remove(Sriov *p)
{
    show_count(p, sriov_current(p)->pf, 0);
}

typedef struct {
    Sriov *p;
    VfSetting setting;
} AskSetting;

static void
on_setting(void *data, const char *text)
{
    const AskSetting *ask = data;

    /* The look may have been made again, and the function be gone. */
    if (sriov_current_vf(ask->p) != NULL)
        show_setting(ask->p, ask->setting, text);
}

void
sriov_ask_setting(Sriov *p, VfSetting setting)
{
    static const char *const helps[VF_N_SETTINGS] = {
        [VF_MAC] = "Such as 52:54:00:12:34:56. The guest sees it when it "
                   "starts its driver anew.",
        [VF_VLAN] = "0 is none; 100, or 100.3 with a priority.",
        [VF_RATE] = "Mbit/s at most, or MIN-MAX; 0 is no limit."};
    const SriovVf *vf = sriov_current_vf(p);
    AskSetting *ask = g_new0(AskSetting, 1);
    g_autofree char *title = g_strdup_printf(
        "%s of VF %u of %s", sriov_setting_word(setting), vf->number, vf->pf);

    *ask = (AskSetting){p, setting};
    dialog_prompt(p->screen.tui, title, helps[setting],
                  vf->settings[setting] != NULL ? vf->settings[setting] : "",
                  false, on_setting, ask, g_free);
}

void
sriov_next_setting(Sriov *p, VfSetting setting)
{
    const char *now = sriov_current_vf(p)->settings[setting];
    const char *next = g_strcmp0(now, "on") == 0 ? "off"
                       : g_strcmp0(now, "off") == 0 && setting == VF_LINK
                           ? "auto"
                           : "on";

    show_setting(p, setting, next);
}

void
sriov_bind(Sriov *p)
{
    const UiHostLook *found = host_look_found(p->look);
    const SriovVf *vf = sriov_current_vf(p);
    HostHand hand = {.root = found->root, .ops = found->hand};
    const BindOptions options = {.user = found->user};
    const char *bdfs[] = {vf->bdf, NULL};
    const char *words[] = {"passthrough", "bind", vf->bdf, NULL};
    GError *error = NULL;
    Plan *plan = vfio_bind_plan(&hand, found->pci, bdfs, &options, &error);

    show_plan(p, "Bind", plan, error, words);
}

void
sriov_ask_undo(Sriov *p)
{
    host_look_ask_undo(p->look, "Take back the last change", "Take back",
                       "What Carrel changed last on this host becomes as it "
                       "was. A machine that uses it must be stopped first.");
}
