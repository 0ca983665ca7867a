/* palette.c - commands by name: what the screen's keys do, found by letters in
 * order; what is no command of the screen is run as a verb of carrel. */
#include "ui/widgets/palette.h"

#include <string.h>

#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/edit.h"
#include "ui/widgets/list.h"

typedef struct {
    Screen screen;
    Edit edit;
    GPtrArray *found; /* of const KeyBinding *, best first */
    ListPos list;
} Palette;

typedef struct {
    const KeyBinding *row;
    int score;
} Candidate;

static void
palette_free(Screen *s)
{
    Palette *p = (Palette *) s;

    edit_done(&p->edit);
    g_ptr_array_unref(p->found);
    g_free(p);
}

static int
by_score(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;

    return x->score < y->score ? -1 : x->score > y->score;
}

static void
collect(GArray *out, const KeyBinding *table, const char *pattern, bool writes)
{
    for (; table != NULL && table->keys != NULL; table++) {
        Candidate c = {table, 0};

        if (table->help == NULL || table->command < CMD_BACK ||
            ((table->flags & KEY_WRITES) != 0 && !writes))
            continue;
        c.score = text_fuzzy(pattern, table->help);
        /* A stable order among equals: that of the table. */
        c.score = c.score < 0 ? -1 : c.score * 1000 + (int) out->len;
        if (c.score >= 0)
            g_array_append_val(out, c);
    }
}

static void
search(Palette *p)
{
    Tui *tui = p->screen.tui;
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Candidate));
    bool writes = !tui_read_only(tui);

    collect(all, tui_base_screen(tui)->class->keys, p->edit.text->str, writes);
    collect(all, tui_global_keys(), p->edit.text->str, writes);
    g_array_sort(all, by_score);
    g_ptr_array_set_size(p->found, 0);
    for (guint i = 0; i < all->len; i++)
        g_ptr_array_add(p->found,
                        (gpointer) g_array_index(all, Candidate, i).row);
    p->list.selected = 0;
}

static void
draw_found(Palette *p, int i, int y, int x, int width)
{
    Tui *tui = p->screen.tui;
    const KeyBinding *row = g_ptr_array_index(p->found, (guint) i);
    bool on = i == p->list.selected;
    Style style = on ? STYLE_BUTTON_ON : STYLE_DIALOG;
    char name[KEY_NAME_MAX];

    draw_fill(tui, y, x, width, style);
    draw_format(tui, y, x, width - 11, style, "%s %s", on ? ">" : " ",
                row->help);
    draw_text(tui, y, x + width - 10, 10, style, keys_first(row, name));
}

/* The first word is a verb of carrel, or an option that is for all of them. */
static bool
is_verb(Palette *p)
{
    Tui *tui = p->screen.tui;
    g_autofree char *word = g_strdup(p->edit.text->str);

    g_strchug(word);
    word[strcspn(word, " \t")] = '\0';
    return *word == '-' || tui_ops(tui)->is_verb(tui_host(tui), word);
}

static void
palette_draw(Screen *s)
{
    Palette *p = (Palette *) s;
    int cols = MIN(66, draw_cols()), x = (draw_cols() - cols) / 2;
    int rows = MIN(14, MAX(draw_rows() - 1, 4)), y = MIN(2, draw_rows() - rows);

    y = MAX(y, 0);
    draw_box(s->tui, y, x, rows, cols, STYLE_DIALOG, "Command");
    draw_text(s->tui, y + 1, x + 2, 1, STYLE_DIALOG, ":");
    list_fit(&p->list, (int) p->found->len, rows - 3);
    for (int r = 0; r < p->list.height; r++)
        if (p->list.top + r < p->list.count)
            draw_found(p, p->list.top + r, y + 2 + r, x + 1, cols - 2);
    if (p->found->len == 0)
        draw_format(s->tui, y + 2, x + 2, cols - 4, STYLE_DIALOG,
                    is_verb(p) ? "Enter runs: carrel %s"
                               : "no such command, no such verb: %s",
                    p->edit.text->str);
    edit_draw(&p->edit, s->tui, y + 1, x + 4, cols - 6, true);
}

/* The text as a verb, by the very program that is running. */
static void
run_verb(Tui *tui, const char *line)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    if (tui_read_only(tui)) {
        tui_notify(tui, STYLE_WARN, "verbs: not in read-only mode");
        return;
    }
    if (!g_shell_parse_argv(line, NULL, &words, &error)) {
        tui_notify(tui, STYLE_BAD, "%s", error->message);
        return;
    }
    g_ptr_array_add(argv, (gpointer) "/proc/self/exe");
    for (char **w = words; *w != NULL; w++)
        g_ptr_array_add(argv, *w);
    g_ptr_array_add(argv, NULL);
    tui_run_program(tui, (char **) argv->pdata, true);
}

static void
palette_enter(Palette *p)
{
    Tui *tui = p->screen.tui;
    g_autofree char *line = g_strdup(p->edit.text->str);
    const KeyBinding *row =
        p->found->len > 0
            ? g_ptr_array_index(p->found, (guint) p->list.selected)
            : NULL;

    if (row == NULL && *g_strstrip(line) != '\0' && !is_verb(p))
        return; /* the box says so */
    tui_pop(&p->screen);
    if (row != NULL)
        tui_run_command(tui, row->command);
    else if (*line != '\0')
        run_verb(tui, line);
}

static bool
palette_key(Screen *s, const Key *key)
{
    Palette *p = (Palette *) s;

    if (key->key == TK_ESC)
        tui_pop(s);
    else if (key->key == TK_ENTER || key->key == TK_KP_ENTER)
        palette_enter(p);
    else if (key->key == TK_UP)
        list_command(&p->list, CMD_UP);
    else if (key->key == TK_DOWN || key->key == TK_TAB)
        list_command(&p->list, CMD_DOWN);
    else if (edit_key(&p->edit, key))
        search(p);
    return true;
}

static const ScreenClass palette_class = {
    .name = "Command",
    .overlay = true,
    .captures = true,
    .draw = palette_draw,
    .key = palette_key,
    .free = palette_free,
};

void
palette_open(Tui *tui)
{
    Palette *p = g_new0(Palette, 1);

    p->screen.class = &palette_class;
    p->screen.tui = tui;
    edit_init(&p->edit, "");
    p->found = g_ptr_array_new();
    search(p);
    tui_push(tui, &p->screen);
}
