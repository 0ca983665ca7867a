/* help.c - the keys of the screen: the rows of the very tables that the
 * dispatcher uses, so help cannot be wrong. */
#include "ui/widgets/help.h"

#include <string.h>

#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

typedef struct {
    Screen screen;
    char *title;
    GPtrArray *rows; /* of const KeyBinding *, NULL: a gap */
    int top, height;
} Help;

static const KeyBinding help_keys[] = {
    KEY_ROWS_MOVE,
    {"Esc q ? F1 Enter", CMD_BACK, NULL, "close", 0},
    {0},
};

static void
help_free(Screen *s)
{
    Help *help = (Help *) s;

    g_ptr_array_unref(help->rows);
    g_free(help->title);
    g_free(help);
}

static void
add_rows(Help *help, const KeyBinding *table)
{
    for (; table != NULL && table->keys != NULL; table++)
        if (table->help != NULL)
            g_ptr_array_add(help->rows, (gpointer) table);
}

static void
draw_row(Tui *tui, const KeyBinding *row, int y, int x, int width)
{
    g_auto(GStrv) names = g_strsplit(row->keys, " ", -1);
    g_autofree char *keys = g_strjoinv(", ", names);

    draw_format(tui, y, x, MIN(width, 18), STYLE_DIALOG, "%18s", keys);
    draw_text(tui, y, x + 20, width - 20, STYLE_DIALOG, row->help);
}

static void
help_draw(Screen *s)
{
    Help *help = (Help *) s;
    int cols = MIN(70, draw_cols());
    int rows = MIN((int) help->rows->len + 2, MAX(draw_rows() - 1, 3));
    int y = MAX((draw_rows() - rows) / 2, 0), x = (draw_cols() - cols) / 2;

    help->height = rows - 2;
    help->top =
        CLAMP(help->top, 0, MAX((int) help->rows->len - help->height, 0));
    draw_box(s->tui, y, x, rows, cols, STYLE_DIALOG, help->title);
    for (int i = 0; i < help->height; i++) {
        guint at = (guint) (help->top + i);
        const KeyBinding *row =
            at < help->rows->len ? g_ptr_array_index(help->rows, at) : NULL;

        if (row != NULL)
            draw_row(s->tui, row, y + 1 + i, x + 1, cols - 3);
    }
    if (help->top + help->height < (int) help->rows->len)
        draw_text(s->tui, y + rows - 1, x + cols - 10, 8, STYLE_DIALOG,
                  " more ↓ ");
    tui_cursor(s->tui, y + 1, x + 1, false);
}

static void
help_command(Screen *s, int command)
{
    Help *help = (Help *) s;

    switch (command) {
    case CMD_UP: help->top--; break;
    case CMD_DOWN: help->top++; break;
    case CMD_PGUP: help->top -= help->height; break;
    case CMD_PGDN: help->top += help->height; break;
    case CMD_HOME: help->top = 0; break;
    case CMD_END: help->top = (int) help->rows->len; break;
    default: tui_pop(s); break;
    }
}

static const ScreenClass help_class = {
    .name = "Help",
    .overlay = true,
    .keys = help_keys,
    .draw = help_draw,
    .command = help_command,
    .free = help_free,
};

void
help_open(Tui *tui)
{
    Screen *base = tui_base_screen(tui);
    Help *help = g_new0(Help, 1);

    help->screen.class = &help_class;
    help->title = g_strdup_printf("Keys: %s", base->class->name);
    help->rows = g_ptr_array_new();
    add_rows(help, base->class->keys);
    g_ptr_array_add(help->rows, NULL);
    add_rows(help, tui_global_keys());
    tui_push(tui, &help->screen);
}
