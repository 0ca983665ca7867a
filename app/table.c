/* app/table.c - app_print_table(): rows with columns that stand under each
 * other. On a terminal the last column goes on in further lines; a pipe gets
 * one line a row, for grep and cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/app.h"
#include "app/wrap.h"

#define MIN_FOLD 20 /* columns; less is no text any more */
#define BELOW    4  /* columns in front of a cell that has its own lines */

/* Columns on the terminal; what does not print has none. */
static unsigned
text_width(const char *text)
{
    unsigned width = 0;

    for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (!g_unichar_iszerowidth(u))
            width += g_unichar_iswide(u) ? 2 : 1;
    }
    return width;
}

/* What the person said, then what the terminal says; 0: no limit. */
static unsigned
screen_width(void)
{
    const char *said = g_getenv("COLUMNS");
    struct winsize size;
    guint64 width;

    if (said != NULL &&
        g_ascii_string_to_unsigned(said, 10, 0, 10000, &width, NULL))
        return (unsigned) width;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* The last cell, from column indent on; where too little is left of the line,
 * in lines of its own below. */
static void
print_folded(const char *text, unsigned indent, unsigned width)
{
    unsigned room = width > indent ? width - indent : 0;

    if (width >= BELOW + MIN_FOLD && text_width(text) > room &&
        room < MIN_FOLD) {
        indent = BELOW;
        room = width - indent;
        printf("\n%*s", (int) indent, "");
    }
    while (width > 0 && room >= MIN_FOLD && text_width(text) > room) {
        gsize len = wrap_line(text, room);
        if (text[len] == '\0')
            break; /* one long word */
        printf("%.*s\n%*s", (int) len, text, (int) indent, "");
        text += len + strspn(text + len, " ");
    }
    printf("%s", text);
}

static void
print_cell(const App *app, const char *cell, bool head, unsigned pad)
{
    if (head && app->color)
        printf("\033[1m%s\033[0m%*s", cell, (int) pad, "");
    else if (pad > 0 && pad < 1000)
        printf("%s%*s", cell, (int) pad, "");
    else
        printf("%s", cell);
}

/* No table: a tab between the cells, as cut and awk take them. */
static void
print_plain(const char *const *cells, unsigned n_rows, unsigned n_columns)
{
    for (unsigned i = 0; i < n_rows * n_columns; i++) {
        g_autofree char *cell = app_clean(cells[i]);
        printf("%s%c", g_strdelimit(cell, "\t\n", ' '),
               (i + 1) % n_columns == 0 ? '\n' : '\t');
    }
}

void
app_print_table(const App *app, const char *const *cells, unsigned n_rows,
                unsigned n_columns)
{
    g_autofree unsigned *widths = g_new0(unsigned, n_columns);
    unsigned screen = screen_width(), last = n_columns - 1, indent = 0;

    if (app->plain) {
        print_plain(cells, n_rows, n_columns);
        return;
    }
    for (unsigned i = 0; i < n_rows * n_columns; i++)
        widths[i % n_columns] =
            MAX(widths[i % n_columns], text_width(cells[i]));
    for (unsigned col = 0; col < last; col++)
        indent += widths[col] + 2;
    for (unsigned row = 0; row < n_rows; row++) {
        for (unsigned col = 0; col < n_columns; col++) {
            g_autofree char *cell = app_clean(cells[row * n_columns + col]);
            if (col < last || row == 0)
                print_cell(app, cell, row == 0,
                           col < last ? widths[col] + 2 - text_width(cell) : 0);
            else
                print_folded(cell, indent, screen);
        }
        printf("\n");
    }
}
