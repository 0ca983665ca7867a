/* text-page.c - a longer text to read: wrapped to the width, scrolled. */
#include <string.h>

#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

typedef struct {
    Screen screen;
    char *title, *text;
    ListPos list; /* top is the first line shown */
} TextPage;

enum { CMD_COPY = CMD_SCREEN };

/* clang-format off */
const KeyBinding text_page_keys[] = {
    {"Esc q Left", CMD_BACK, "back", "back", 0},
    {"y", CMD_COPY, "copy", "copy the text", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

/* Lines keep what they are indented by. */
static GPtrArray *
wrap(const TextPage *p, int width)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(p->text, "\n", -1);

    for (char **part = parts; *part != NULL; part++) {
        int indent = (int) strspn(*part, " ");
        g_autofree char *safe =
            text_safe(*part + indent, -1, tui_ascii(p->screen.tui));
        g_autoptr(GPtrArray) wrapped = text_wrap(safe, MAX(width - indent, 8));
        for (guint i = 0; i < wrapped->len; i++)
            g_ptr_array_add(lines, g_strdup_printf("%*s%s", indent, "",
                                                   (char *) wrapped->pdata[i]));
        if (wrapped->len == 0)
            g_ptr_array_add(lines, g_strdup(""));
    }
    return lines;
}

static void
page_draw(Screen *s)
{
    TextPage *p = (TextPage *) s;
    g_autoptr(GPtrArray) lines = wrap(p, draw_cols() - 4);
    int rows = MAX(draw_content_rows(), 1);
    int max = MAX((int) lines->len - rows, 0);

    draw_frame(s, p->title, "");
    p->list.count = max + 1;
    p->list.height = rows;
    p->list.selected = CLAMP(p->list.selected, 0, max);
    for (int r = 0; r < rows && p->list.selected + r < (int) lines->len; r++)
        draw_text(s->tui, 1 + r, 2, draw_cols() - 4, STYLE_NORMAL,
                  lines->pdata[p->list.selected + r]);
    if (p->list.selected < max)
        draw_text(s->tui, rows, draw_cols() - 8, 7, STYLE_DIM, "more...");
    tui_cursor(s->tui, 1, 1, false);
}

static void
page_command(Screen *s, int command)
{
    TextPage *p = (TextPage *) s;

    if (command == CMD_BACK)
        tui_pop(s);
    else if (command == CMD_COPY)
        tui_notify(s->tui, STYLE_NORMAL, "%s",
                   term_copy(tui_term(s->tui), p->text)
                       ? "copied"
                       : "this terminal cannot copy");
    else
        (void) list_command(&p->list, command); /* another: nothing to do */
}

static void
page_free(Screen *s)
{
    TextPage *p = (TextPage *) s;

    g_free(p->title);
    g_free(p->text);
    g_free(p);
}

static const ScreenClass page_class = {
    .name = "Text",
    .keys = text_page_keys,
    .draw = page_draw,
    .command = page_command,
    .free = page_free,
};

void
text_page_open(Tui *tui, const char *title, const char *text)
{
    TextPage *p = g_new0(TextPage, 1);

    p->screen.class = &page_class;
    p->title = g_strdup(title);
    p->text = g_strdup(text);
    p->list.height = 1;
    tui_push(tui, &p->screen);
}
