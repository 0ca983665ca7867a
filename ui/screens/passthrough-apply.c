/* passthrough-apply.c - page 6 of the passthrough screen: which machine gets the
 * device, and doing it. */
#include <string.h>

#include "ui/screens/passthrough-internal.h"
#include "ui/screens/plan-page.h"
#include "ui/widgets/dialog.h"

#define MAX_PCI 8 /* pci0 to pci7, as profiles/schema.c has them */

/* ---- which machine ------------------------------------------------------- */

/* Row 0 is none. NULL: that, or it is gone. */
static const UiMachine *
machine_at(const Passthrough *p, int i)
{
    GPtrArray *all = tui_machines(p->screen.tui);

    return all != NULL && i >= 1 && i <= (int) all->len
               ? g_ptr_array_index(all, (guint) i - 1)
               : NULL;
}

static const UiMachine *
chosen_machine(const Passthrough *p)
{
    return machine_at(p, p->who.selected);
}

/* Its section with the chosen device; NULL: none. */
static const char *
section_with(const Passthrough *p, const char *machine)
{
    const GPtrArray *plugs = host_look_found(p->look)->plugs;

    for (guint i = 0; i < plugs->len; i++) {
        const UiPlug *plug = g_ptr_array_index(plugs, i);
        if (strcmp(plug->machine, machine) == 0 &&
            strcmp(plug->device, p->chosen) == 0)
            return plug->section;
    }
    return NULL;
}

static bool
is_taken(const Passthrough *p, const char *machine, const char *section)
{
    const GPtrArray *plugs = host_look_found(p->look)->plugs;

    for (guint i = 0; i < plugs->len; i++) {
        const UiPlug *plug = g_ptr_array_index(plugs, i);
        if (strcmp(plug->machine, machine) == 0 &&
            strcmp(plug->section, section) == 0)
            return true;
    }
    return false;
}

/* Where it has the device, or would; NULL: all are taken. g_free. */
static char *
section_for(const Passthrough *p, const char *machine)
{
    const char *has = section_with(p, machine);

    if (has != NULL)
        return g_strdup(has);
    for (unsigned i = 0; i < MAX_PCI; i++) {
        g_autofree char *section = g_strdup_printf("pci%u", i);
        if (!is_taken(p, machine, section))
            return g_steal_pointer(&section);
    }
    return NULL;
}

/* ---- the page ------------------------------------------------------------ */

static char *
settings_command(const Passthrough *p, const UiMachine *m)
{
    g_autofree char *free_one = section_for(p, m->name);
    const char *section = free_one != NULL ? free_one : "pci0";
    bool console = p->console && passthrough_has_console(p);

    return g_strdup_printf("carrel set %s %s.host=%s%s%s%s", m->name, section,
                           p->chosen, console ? " " : "",
                           console ? section : "",
                           console ? ".console=true" : "");
}

char *
passthrough_command(const Passthrough *p)
{
    const UiMachine *m = chosen_machine(p);
    const char *console =
        p->console && passthrough_has_console(p) ? " --console" : "";

    if (p->when == WHEN_START)
        return m != NULL ? settings_command(p, m)
                         : g_strdup_printf("carrel passthrough plan %s%s",
                                           p->chosen, console);
    return g_strdup_printf("carrel passthrough %s %s%s",
                           p->when == WHEN_BOOT ? "apply --when=boot" : "bind",
                           p->chosen, console);
}

static void
draw_who_row(Passthrough *p, int i, int y)
{
    Tui *tui = p->screen.tui;
    const UiMachine *m = machine_at(p, i);
    bool on = i == p->who.selected;
    Style style = on ? STYLE_SELECTED : STYLE_NORMAL, state_style;

    if (on) {
        draw_fill(tui, y, 11, draw_cols() - 12, style);
        tui_cursor(tui, y, 11, false);
    }
    draw_text(tui, y, 11, 1, style, on ? ">" : " ");
    if (m == NULL) {
        draw_text(tui, y, 13, draw_cols() - 14, style,
                  p->who.count == 1
                      ? "(there is none yet: Esc, and n makes one)"
                  : p->when == WHEN_START ? "(choose one)"
                                          : "(none of them)");
        return;
    }
    const char *section = section_with(p, m->name);
    draw_text(tui, y, 13, 20, style, m->name);
    const char *state = action_state_name(m->state, &state_style);
    draw_text(tui, y, 34, 9, on ? style : state_style, state);
    if (section != NULL)
        draw_format(tui, y, 44, draw_cols() - 45, style, "has it as %s",
                    section);
}

void
passthrough_fit_machines(Passthrough *p, int rows)
{
    GPtrArray *all = tui_machines(p->screen.tui);
    int count = 1 + (all != NULL ? (int) all->len : 0);

    list_fit(&p->who, count, MIN(rows, count));
}

static int
draw_who(Passthrough *p, int y, int end)
{
    passthrough_fit_machines(p, CLAMP(end - y - 8, 1, 8));
    draw_text(p->screen.tui, y, 1, 9, STYLE_NORMAL, "Machine");
    for (int r = 0; r < p->who.height && y + r < end; r++)
        draw_who_row(p, p->who.top + r, y + r);
    return y + p->who.height;
}

static const char *
what_happens(const Passthrough *p)
{
    switch (p->when) {
    case WHEN_START:
        return "a writes it into the machine's settings. Its start shows the "
               "steps of page 3 and asks, and the host has the device back "
               "when the machine has ended. t tries all that a machine does "
               "with it, without one.";
    case WHEN_BOOT:
        return "a makes an entry on trial for the next start of the host, and "
               "writes the machine's settings. t tries it without a machine; u "
               "takes the last change back.";
    case WHEN_NOW:
    case N_WHENS:
    default:
        return "a gives it away now, and writes the machine's settings. t "
               "tries it without a machine, and gives it back. u takes the "
               "last change back.";
    }
}

void
passthrough_draw_apply(Passthrough *p, int y, int end)
{
    static const char *const whens[N_WHENS] = {
        "when the machine starts, until it ends", "when the host starts",
        "now"};
    g_autofree char *take = report_addresses(p->verdict->take);

    y = passthrough_text(p, y, end, 1, "Goes      ", STYLE_TITLE, take);
    y = passthrough_text(p, y, end, 1, "Given     ", STYLE_NORMAL,
                         whens[p->when]);
    if (p->plan == NULL) {
        (void) passthrough_draw_no_plan(p, y + 1, end);
        return;
    }
    y = draw_who(p, y, end);
    g_autofree char *steps =
        p->plan->steps->len == 0
            ? g_strdup("nothing is to be done: it is ready for a machine")
            : g_strdup_printf("%u steps, each written down before it is done",
                              p->plan->steps->len);
    g_autofree char *command = passthrough_command(p);
    y = passthrough_text(p, y, end, 1, "Plan      ", STYLE_NORMAL, steps);
    y = passthrough_text(p, y, end, 1, "Command   ", STYLE_KEY, command);
    if (p->when != WHEN_START)
        y = passthrough_text(p, y, end, 1, "Undo      ", STYLE_KEY,
                             "carrel passthrough undo");
    passthrough_text(p, y + 1, end, 1, "", STYLE_NORMAL, what_happens(p));
}

/* ---- doing it ------------------------------------------------------------ */

typedef struct {
    Passthrough *p; /* dialogs and plan pages are above the screen */
    char *machine, *section;
} Give;

static void
give_free(gpointer data)
{
    Give *give = data;

    g_free(give->machine);
    g_free(give->section);
    g_free(give);
}

static bool
is_recorded(Passthrough *p)
{
    if (host_look_found(p->look)->can_change)
        return false;
    tui_notify(p->screen.tui, STYLE_WARN,
               "this is a recorded host: nothing can be changed there");
    return true;
}

static void
write_settings(Passthrough *p, const char *machine, const char *section)
{
    Tui *tui = p->screen.tui;
    bool console = p->console && passthrough_has_console(p);
    g_autofree char *what =
        g_strdup_printf("%s into %s as %s", p->chosen, machine, section);

    tui_ops(tui)->pci(tui_host(tui), machine, section, p->chosen, console,
                      tui_call_done, tui_call(tui, what));
}

static void
on_give(void *data, int button)
{
    const Give *give = data;

    if (button != 0)
        return;
    write_settings(give->p, give->machine, give->section);
    host_look_again(give->p->look);
}

static void
ask_give(Passthrough *p, const UiMachine *m)
{
    static const char *const buttons[] = {"Write", "Cancel", NULL};
    g_autofree char *section = section_for(p, m->name);

    if (section == NULL) {
        tui_notify(p->screen.tui, STYLE_WARN, "%s has %d devices already",
                   m->name, MAX_PCI);
        return;
    }
    g_autofree char *command = settings_command(p, m);
    g_autofree char *title = g_strdup_printf(
        "Give %s to %s", report_short(passthrough_fn(p)), m->name);
    g_autofree char *body = g_strdup_printf(
        "Its settings get what `%s` writes. The host keeps the device until "
        "the machine starts%s; the start shows the steps and asks.",
        command, action_is_up(m) ? " next" : "");
    Give *give = g_new0(Give, 1);
    *give = (Give){p, g_strdup(m->name), g_steal_pointer(&section)};
    dialog_confirm(p->screen.tui, title, body, buttons, NULL, on_give, give,
                   give_free);
}

/* The steps were run in the terminal, or were not: the settings say only which
 * device is meant. */
static void
on_applied(void *data)
{
    Passthrough *p = data;
    const UiMachine *m = chosen_machine(p);
    g_autofree char *section = m != NULL ? section_for(p, m->name) : NULL;

    if (section != NULL && section_with(p, m->name) == NULL)
        write_settings(p, m->name, section);
    host_look_again(p->look);
}

static void
on_rehearsed(void *data)
{
    host_look_again(((Passthrough *) data)->look);
}

void
passthrough_ask_apply(Passthrough *p)
{
    const UiMachine *m = chosen_machine(p);
    bool console = p->console && passthrough_has_console(p);
    const char *now[] = {"passthrough", "bind", p->chosen,
                         console ? "--console" : NULL, NULL};
    const char *boot[] = {"passthrough",
                          "apply",
                          "--when=boot",
                          p->chosen,
                          console ? "--console" : NULL,
                          NULL};

    if (p->when == WHEN_START && m == NULL) {
        p->page = PAGE_APPLY;
        tui_notify(p->screen.tui, STYLE_WARN, "which machine gets it?");
        return;
    }
    if (p->when == WHEN_START && !is_recorded(p))
        ask_give(p, m);
    if (p->when == WHEN_START)
        return;
    Plan *plan = g_steal_pointer(&p->plan);
    passthrough_make_plan(p); /* the page keeps that one */
    plan_page_open(p->screen.tui, plan, p->when == WHEN_NOW ? now : boot,
                   host_look_found(p->look)->can_change, on_applied, p);
}

void
passthrough_ask_rehearse(Passthrough *p)
{
    const char *words[] = {"passthrough", "rehearse", p->chosen, NULL};
    g_autoptr(GError) error = NULL;
    bool console = p->console;

    p->console = false; /* a rehearsal leaves it alone */
    Plan *plan = passthrough_plan_for(p, WHEN_NOW, -1, &error);
    p->console = console;
    if (plan == NULL) {
        dialog_message(p->screen.tui, "No rehearsal", error->message);
        return;
    }
    plan_note(plan, "then it is opened, its ROM is read, memory is mapped, and "
                    "it is reset; and all is taken back at once");
    plan_page_open(p->screen.tui, plan, words,
                   host_look_found(p->look)->can_change, on_rehearsed, p);
}

void
passthrough_ask_undo(Passthrough *p)
{
    if (!is_recorded(p))
        host_look_ask_undo(
            p->look, "Give everything back", "Give back",
            "Takes back what was last applied: drivers get their devices "
            "again. A machine that uses one must be stopped first.");
}
