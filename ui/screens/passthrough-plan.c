/* passthrough-plan.c - pages 3 to 5 of the passthrough screen: what would be
 * done and when, what a display card needs, what the machine needs. */
#include <string.h>

#include "passthrough-wizard/boot-config.h"
#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/host-hand.h"
#include "passthrough-wizard/vfio-bind.h"
#include "ui/screens/passthrough-internal.h"
#include "ui/screens/plan-page.h"

/* ---- page 3 -------------------------------------------------------------- */

bool
passthrough_has_console(const Passthrough *p)
{
    for (guint i = 0; p->verdict != NULL && i < p->verdict->take->len; i++)
        if (host_pci_fn_use(g_ptr_array_index(p->verdict->take, i),
                            HOST_USE_CONSOLE) != NULL)
            return true;
    return false;
}

Plan *
passthrough_plan_for(const Passthrough *p, When when, gint64 user,
                     GError **error)
{
    const UiHostLook *found = host_look_found(p->look);
    /* Reads only: the plan is values before and after. */
    HostHand hand = {.root = found->root, .ops = &host_hand_real};
    const BindOptions options = {
        .user = user, .console = p->console && passthrough_has_console(p)};
    const char *bdfs[] = {p->chosen, NULL};

    return when == WHEN_BOOT
               ? boot_plan(&hand, found->pci, bdfs, &options, error)
               : vfio_bind_plan(&hand, found->pci, bdfs, &options, error);
}

void
passthrough_make_plan(Passthrough *p)
{
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&p->plan, plan_free);
    g_clear_pointer(&p->plan_error, g_free);
    if (passthrough_fn(p) == NULL)
        return;
    p->plan = passthrough_plan_for(p, p->when, host_look_found(p->look)->user,
                                   &error);
    if (p->plan == NULL)
        p->plan_error = g_strdup(error->message);
}

bool
passthrough_draw_no_plan(Passthrough *p, int y, int end)
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

/* The choices, the chosen one in brackets. */
static int
draw_when(Passthrough *p, int y)
{
    static const char *const names[N_WHENS] = {"when the machine starts",
                                               "when the host starts", "now"};
    Tui *tui = p->screen.tui;
    int x = 1 + draw_text(tui, y, 1, 9, STYLE_HEADER, "Given    ");

    for (int i = 0; i < N_WHENS; i++) {
        bool on = i == (int) p->when;
        x += draw_format(tui, y, x, draw_cols() - x,
                         on ? STYLE_TITLE : STYLE_DIM, on ? "[%s]" : " %s ",
                         names[i]);
        x++;
    }
    draw_text(tui, y, x, draw_cols() - x, STYLE_KEY, " o");
    if (!passthrough_has_console(p))
        return y + 1;
    x = 1 + draw_text(tui, ++y, 1, 9, STYLE_HEADER, "Console  ");
    x += draw_text(tui, y, x, draw_cols() - x,
                   p->console ? STYLE_DIM : STYLE_TITLE,
                   p->console ? " stays " : "[stays]");
    x += draw_text(
        tui, y, x + 1, draw_cols() - x - 1, p->console ? STYLE_WARN : STYLE_DIM,
        p->console ? "[goes with its card]" : " goes with its card ");
    draw_text(tui, y, x + 2, draw_cols() - x - 2, STYLE_KEY, " c");
    return y + 1;
}

void
passthrough_draw_plan(Passthrough *p, int y, int end)
{
    static const char *const heads[N_WHENS] = {
        "Done when the machine starts, and taken back when it has ended:",
        "Written for the next start of the host, as an entry on trial:",
        "Would be done, in this order (nothing is written yet):"};
    Tui *tui = p->screen.tui;

    y = draw_when(p, y);
    if (passthrough_draw_no_plan(p, y, end))
        return;
    g_autoptr(GPtrArray) lines = plan_page_lines(p->plan, false);
    draw_text(tui, y++, 1, draw_cols() - 2, STYLE_HEADER, heads[p->when]);
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
        console != NULL ? "this card draws the console: page 3 says whether "
                          "it goes along; the screen goes dark then."
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
                     "H opens the host doctor: f there mends what can be "
                     "mended.");
}
