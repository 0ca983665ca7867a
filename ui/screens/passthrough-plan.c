/* passthrough-plan.c - pages 3 to 6 of the passthrough screen: what would be
 * done, what a display card needs, what the machine needs, and doing it. */
#include <string.h>

#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/host-hand.h"
#include "passthrough-wizard/vfio-bind.h"
#include "ui/screens/passthrough-internal.h"
#include "ui/screens/plan-page.h"
#include "ui/widgets/dialog.h"

/* ---- page 3 -------------------------------------------------------------- */

void
passthrough_make_plan(Passthrough *p)
{
    const HostPciFn *fn = passthrough_fn(p);
    const UiHostLook *found = host_look_found(p->look);
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&p->plan, plan_free);
    g_clear_pointer(&p->plan_error, g_free);
    if (fn == NULL)
        return;
    /* Reads only: the plan is values before and after. */
    HostHand hand = {.root = found->root, .ops = &host_hand_real};
    const BindOptions options = {.user = -1};
    const char *bdfs[] = {fn->bdf, NULL};
    p->plan = vfio_bind_plan(&hand, found->pci, bdfs, &options, &error);
    if (p->plan == NULL)
        p->plan_error = g_strdup(error->message);
}

/* False: there is none, and why was drawn. */
static bool
draw_no_plan(Passthrough *p, int y, int end)
{
    if (p->plan_error != NULL) {
        y = passthrough_text(p, y, end, 1, "", STYLE_BAD,
                             "There is no plan for this device:");
        passthrough_text(p, y, end, 1, "", STYLE_NORMAL, p->plan_error);
    } else if (p->plan->steps->len == 0) {
        passthrough_text(p, y, end, 1, "", STYLE_GOOD,
                         "Nothing is to be done: it is ready for a machine.");
    }
    return p->plan == NULL || p->plan->steps->len == 0;
}

void
passthrough_draw_plan(Passthrough *p, int y, int end)
{
    Tui *tui = p->screen.tui;

    if (draw_no_plan(p, y, end))
        return;
    g_autoptr(GPtrArray) lines = plan_page_lines(p->plan, false);
    draw_text(tui, y++, 1, draw_cols() - 2, STYLE_HEADER,
              "Would be done, in this order (nothing is written yet):");
    int rows = MAX(end - y, 1), max = MAX((int) lines->len - rows, 0);
    p->steps.count = max + 1;
    p->steps.height = rows;
    p->steps.selected = CLAMP(p->steps.selected, 0, max);
    for (int r = 0; r < rows && p->steps.selected + r < (int) lines->len; r++) {
        const char *line = lines->pdata[p->steps.selected + r];
        draw_text(tui, y + r, 1, draw_cols() - 2,
                  g_str_has_prefix(line, "    ") ? STYLE_DIM : STYLE_NORMAL,
                  line);
    }
    if (p->steps.selected < max)
        draw_text(tui, end - 1, draw_cols() - 8, 7, STYLE_KEY, "more...");
}

/* ---- page 4 -------------------------------------------------------------- */

static const HostPciFn *
find_display(const Passthrough *p)
{
    for (guint i = 0; i < p->verdict->take->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(p->verdict->take, i);
        if (host_pci_fn_is_display(fn))
            return fn;
    }
    return NULL;
}

static const char *
rom_words(const HostPciFn *fn)
{
    if (fn->class_code >> 8 == 0x0302)
        return "none is needed: the chip has no outputs. What it needs is in "
               "the laptop's own firmware.";
    if (!fn->has_rom_file)
        return "the card shows none; give the machine a file when the guest "
               "shows nothing.";
    if (fn->boot_vga == 1)
        return "the firmware has run it, so what can be read may have been "
               "changed; give the machine a file when the guest shows nothing.";
    return "read from the card itself; no file is needed.";
}

void
passthrough_draw_display(Passthrough *p, int y, int end)
{
    const HostPciFn *fn = find_display(p);

    if (fn == NULL) {
        passthrough_text(
            p, y, end, 1, "", STYLE_NORMAL,
            "This is no display card: nothing is to be done here.");
        return;
    }
    const HostUse *console = host_pci_fn_use(fn, HOST_USE_CONSOLE);
    g_autofree char *size =
        fn->bars[HOST_BAR_ROM].size > 0
            ? g_strdup_printf("%" G_GUINT64_FORMAT " KiB",
                              fn->bars[HOST_BAR_ROM].size / 1024)
            : g_strdup("size not known");
    g_autofree char *rom = g_strdup_printf("%s; %s", size, rom_words(fn));

    y = passthrough_text(p, y, end, 1, "ROM      ", STYLE_NORMAL, rom);
    y = passthrough_text(
        p, y, end, 1, "Console  ", console != NULL ? STYLE_WARN : STYLE_GOOD,
        console != NULL ? "this card draws the console: the screen goes "
                          "dark when it is taken."
                        : "the host's console is on another card, or "
                          "needs none.");
    for (guint i = 0; i < fn->uses->len; i++) {
        const HostUse *use = g_ptr_array_index(fn->uses, i);
        g_autofree char *text = report_use(use);
        if (use->kind == HOST_USE_PROCESS)
            y = passthrough_text(p, y, end, 1, "In use   ", STYLE_WARN, text);
    }
    y++;
    passthrough_text(p, y, end, 1, "", STYLE_DIM,
                     "The guest's picture comes out of the card's own sockets. "
                     "Plug a monitor in there, or use a second input of the "
                     "one that you have.");
}

/* ---- page 5 -------------------------------------------------------------- */

static Style
check_style(CheckState state)
{
    return state == CHECK_BAD    ? STYLE_BAD
           : state == CHECK_HINT ? STYLE_WARN
           : state == CHECK_OK   ? STYLE_GOOD
                                 : STYLE_DIM;
}

void
passthrough_draw_machine(Passthrough *p, int y, int end)
{
    static const char *const wanted[] = {"iommu",       "remapping", "vfio",
                                         "vfio-access", "memlock",   "memory",
                                         "huge-pages"};
    const GPtrArray *checks = host_look_found(p->look)->checks;

    y = passthrough_text(p, y, end, 1, "", STYLE_HEADER,
                         "What a machine with this device needs of the host:");
    for (gsize w = 0; w < G_N_ELEMENTS(wanted); w++)
        for (guint i = 0; i < checks->len; i++) {
            const Check *c = g_ptr_array_index(checks, i);
            g_autofree char *head = g_strdup_printf(
                "%-4s  %-11s  ", check_state_word(c->state), c->title);
            if (strcmp(c->id, wanted[w]) != 0)
                continue;
            y = passthrough_text(p, y, end, 1, head, check_style(c->state),
                                 c->finding);
            if (c->fix != NULL && c->state == CHECK_BAD)
                y = passthrough_text(p, y, end, 7, "-> ", STYLE_NORMAL, c->fix);
        }
    passthrough_text(p, y + 1, end, 1, "", STYLE_DIM,
                     "H opens the host doctor, which has the commands.");
}

/* ---- page 6 -------------------------------------------------------------- */

void
passthrough_draw_apply(Passthrough *p, int y, int end)
{
    Tui *tui = p->screen.tui;
    const HostPciFn *fn = passthrough_fn(p);
    g_autofree char *take = report_addresses(p->verdict->take);

    y = passthrough_text(p, y, end, 1, "Goes      ", STYLE_TITLE, take);
    for (guint i = 0; i < p->verdict->take->len && y < end; i++) {
        const HostPciFn *one = g_ptr_array_index(p->verdict->take, i);
        draw_format(tui, y++, 11, draw_cols() - 12, STYLE_NORMAL,
                    "%s is on %s now", report_short(one),
                    one->driver != NULL ? one->driver : "no driver");
    }
    y++;
    if (draw_no_plan(p, y, end))
        return;
    g_autofree char *command =
        g_strdup_printf("carrel passthrough bind %s", report_short(fn));
    g_autofree char *steps = g_strdup_printf(
        "%u steps, each written down before it is done", p->plan->steps->len);
    y = passthrough_text(p, y, end, 1, "Plan      ", STYLE_NORMAL, steps);
    y = passthrough_text(p, y, end, 1, "Command   ", STYLE_KEY, command);
    y = passthrough_text(p, y, end, 1, "Undo      ", STYLE_KEY,
                         "carrel passthrough undo");
    y++;
    passthrough_text(p, y, end, 1, "", STYLE_NORMAL,
                     "t tries all that a machine does with it, without one, "
                     "and gives it back. a gives it away now, u takes "
                     "everything back. Each asks first, and sudo asks for your "
                     "password.");
}

typedef struct {
    Passthrough *p;
    char *words[5]; /* argv but the last NULL */
} Run;

static void
run_free(gpointer data)
{
    Run *run = data;

    for (gsize i = 0; i < G_N_ELEMENTS(run->words); i++)
        g_free(run->words[i]);
    g_free(run);
}

static void
on_answer(void *data, int button)
{
    Run *run = data;
    char *argv[G_N_ELEMENTS(run->words) + 1] = {0};

    if (button != 0)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(run->words); i++)
        argv[i] = run->words[i];
    tui_run_program(run->p->screen.tui, argv, true);
    host_look_again(run->p->look);
}

static void
ask(Passthrough *p, const char *title, const char *body, const char *button,
    const char *word, const char *arg)
{
    const char *const buttons[] = {button, "Cancel", NULL};
    Run *run = g_new0(Run, 1);

    if (!host_root_is_live(host_look_found(p->look)->root)) {
        run_free(run);
        tui_notify(p->screen.tui, STYLE_WARN,
                   "this is a recorded host: nothing can be changed there");
        return;
    }
    run->p = p;
    run->words[0] = g_strdup("/proc/self/exe");
    run->words[1] = g_strdup("passthrough");
    run->words[2] = g_strdup(word);
    run->words[3] = g_strdup(arg);
    dialog_confirm(p->screen.tui, title, body, buttons, NULL, on_answer, run,
                   run_free);
}

void
passthrough_ask_apply(Passthrough *p)
{
    g_autofree char *take = report_addresses(p->verdict->take);
    g_autofree char *title = g_strdup_printf("Give away %s", take);
    g_autofree char *body = g_strdup_printf(
        "The host loses %s until it is given back. All %u steps can be taken "
        "back at any time: u, or `carrel passthrough undo`.",
        take, p->plan->steps->len);

    ask(p, title, body, "Apply", "bind", p->chosen);
}

void
passthrough_ask_undo(Passthrough *p)
{
    ask(p, "Give everything back",
        "Takes back what was last applied: drivers get their devices again. "
        "A machine that uses one must be stopped first.",
        "Give back", "undo", "--yes");
}

void
passthrough_ask_rehearse(Passthrough *p)
{
    g_autofree char *take = report_addresses(p->verdict->take);
    g_autofree char *title = g_strdup_printf("Rehearse %s", take);

    ask(p, title,
        "Takes it from the host for a moment, opens it, reads its ROM, maps "
        "memory, resets it, and gives it back. No guest is involved.",
        "Rehearse", "rehearse", p->chosen);
}
