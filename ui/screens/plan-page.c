/* plan-page.c - see plan-page.h. The page is the question: only `a` does it. */
#include "ui/screens/plan-page.h"

#include <string.h>

#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

typedef struct {
    Screen screen;
    Plan *plan;
    char **words;
    bool can_do;
    void (*done)(void *data);
    void *data;
    ListPos list; /* selected is the first line shown */
} PlanPage;

enum { CMD_DO = CMD_SCREEN, CMD_COPY };

/* clang-format off */
const KeyBinding plan_page_keys[] = {
    {"a", CMD_DO, "do it", "do these steps", KEY_WRITES},
    {"y", CMD_COPY, "copy command", "copy the equivalent command", 0},
    {"Esc q Left", CMD_BACK, "leave", "back; nothing is changed", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

/* A file's whole text is no line. */
static bool
is_short(const Step *step)
{
    return strchr(step->before, '\n') == NULL &&
           strchr(step->after, '\n') == NULL && !step_is_action(step);
}

GPtrArray *
plan_page_lines(const Plan *plan, bool values)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = plan_step(plan, i);
        g_autofree char *say = step_say(step);
        g_autofree char *undo = step_say_undo(step);
        g_autofree char *mean = step_mean(step);
        if (mean != NULL)
            g_ptr_array_add(lines, g_strdup_printf("%2u  %s", i + 1, mean));
        g_ptr_array_add(lines, mean != NULL
                                   ? g_strdup_printf("    do:   %s", say)
                                   : g_strdup_printf("%2u  %s", i + 1, say));
        if (values && is_short(step))
            g_ptr_array_add(
                lines, g_strdup_printf("    before: %s  after: %s",
                                       *step->before ? step->before : "(none)",
                                       *step->after ? step->after : "(none)"));
        g_ptr_array_add(lines, g_strdup_printf("    undo: %s", undo));
    }
    for (guint i = 0; i < plan->notes->len; i++)
        g_ptr_array_add(
            lines, g_strdup_printf(" !  %s", (const char *) g_ptr_array_index(
                                                 plan->notes, i)));
    return lines;
}

static char *
command_line(const PlanPage *p)
{
    g_autofree char *words = g_strjoinv(" ", p->words);

    return g_strconcat("carrel ", words, NULL);
}

/* Lines of a plan are whole commands: wrapped, not cut. */
static GPtrArray *
wrapped_lines(const PlanPage *p)
{
    g_autoptr(GPtrArray) lines = plan_page_lines(p->plan, true);
    GPtrArray *all = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);
        g_autofree char *safe =
            text_safe(line + 4, -1, tui_ascii(p->screen.tui));
        g_autoptr(GPtrArray) parts = text_wrap(safe, MAX(draw_cols() - 8, 8));
        for (guint k = 0; k < parts->len; k++)
            g_ptr_array_add(
                all,
                g_strdup_printf("%.4s%s", k == 0 ? line : "    ",
                                (const char *) g_ptr_array_index(parts, k)));
    }
    return all;
}

static void
page_draw(Screen *s)
{
    PlanPage *p = (PlanPage *) s;
    Tui *tui = s->tui;
    int y = 1, end = draw_rows() - 4;
    g_autofree char *title =
        g_strdup_printf("Carrel > Plan > %s", p->plan->title);
    g_autofree char *command = command_line(p);
    g_autoptr(GPtrArray) lines = wrapped_lines(p);

    draw_frame(s, title, "");
    tui_cursor(tui, 1, 1, false);
    draw_text(tui, y++, 1, draw_cols() - 2, STYLE_HEADER,
              "Would be done, in this order (nothing is written yet):");
    int rows = MAX(end - y, 1), max = MAX((int) lines->len - rows, 0);
    list_fit(&p->list, max + 1, rows);
    for (int r = 0; r < rows && p->list.selected + r < (int) lines->len; r++) {
        const char *line = lines->pdata[p->list.selected + r];
        draw_text(tui, y + r, 1, draw_cols() - 2,
                  g_str_has_prefix(line, "    ") ? STYLE_DIM : STYLE_NORMAL,
                  line);
    }
    if (p->list.selected < max)
        draw_text(tui, end - 1, draw_cols() - 8, 7, STYLE_KEY, "more...");
    draw_format(tui, end, 1, draw_cols() - 2, STYLE_KEY, "$ %s", command);
    draw_text(tui, end + 1, 1, draw_cols() - 2,
              p->can_do ? STYLE_TITLE : STYLE_DIM,
              !p->can_do ? "This is a recorded host: nothing can be changed "
                           "there."
                         : "Do this? a does it; sudo may ask for your password."
                           " Esc leaves all as it is.");
}

static void
do_it(PlanPage *p)
{
    Tui *tui = p->screen.tui;
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    void (*done)(void *data) = p->done;
    void *data = p->data;

    g_ptr_array_add(argv, g_strdup("/proc/self/exe"));
    for (gsize i = 0; p->words[i] != NULL; i++)
        g_ptr_array_add(argv, g_strdup(p->words[i]));
    g_autofree char *sum = tui_ops(tui)->plan_sum(p->plan);
    g_ptr_array_add(argv, g_strdup("--yes"));
    g_ptr_array_add(argv, g_strconcat("--expect=", sum, NULL));
    g_ptr_array_add(argv, NULL);
    tui_run_program(tui, (char **) argv->pdata, true);
    tui_pop(&p->screen);
    done(data);
}

static void
page_command(Screen *s, int command)
{
    PlanPage *p = (PlanPage *) s;
    g_autofree char *line = command_line(p);

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_DO: do_it(p); break;
    case CMD_COPY:
        tui_notify(s->tui, STYLE_NORMAL, "%s%s", line,
                   term_copy(tui_term(s->tui), line) ? "  (copied)" : "");
        break;
    default:
        (void) list_command(&p->list, command); /* another: nothing to do */
        break;
    }
}

static bool
page_can(Screen *s, int command)
{
    return command != CMD_DO || ((PlanPage *) s)->can_do;
}

static void
page_free(Screen *s)
{
    PlanPage *p = (PlanPage *) s;

    plan_free(p->plan);
    g_strfreev(p->words);
    g_free(p);
}

static const ScreenClass page_class = {
    .name = "Plan",
    .keys = plan_page_keys,
    .draw = page_draw,
    .command = page_command,
    .can = page_can,
    .free = page_free,
};

void
plan_page_open(Tui *tui, Plan *plan, const char *const *words, bool can_do,
               void (*done)(void *data), void *data)
{
    PlanPage *p = g_new0(PlanPage, 1);

    p->screen.class = &page_class;
    p->screen.tui = tui;
    p->plan = plan;
    p->words = g_strdupv((char **) words);
    p->can_do = can_do;
    p->done = done;
    p->data = data;
    p->list.height = 1;
    tui_push(tui, &p->screen);
}
