/* theme.c - styles and guest colours. Colour pairs are handed out as they are
 * needed: a picture needs thousands, the Linux console has 64. */
#include "ui/tui/theme.h"

typedef struct {
    attr_t attr;
    short fg, bg; /* colour numbers, -1: the terminal's own */
} StyleRow;

struct Theme {
    ThemeId id;
    int colors; /* 0, 8, 16, 256 */
    int n_pairs, max_pairs;
    int n_style_pairs; /* never forgotten */
    bool full;
    GHashTable *pairs; /* (fg << 16 | bg) + 1 -> pair */
    ThemeAttr styles[N_STYLES];
};

/* clang-format off */
static const StyleRow style_rows[N_THEMES][N_STYLES] = {
    [THEME_TERMINAL] = {
        [STYLE_NORMAL]    = {A_NORMAL, -1, -1},
        [STYLE_TITLE]     = {A_BOLD, -1, -1},
        [STYLE_HEADER]    = {A_BOLD, COLOR_CYAN, -1},
        [STYLE_SELECTED]  = {A_REVERSE, -1, -1},
        [STYLE_DIM]       = {A_DIM, -1, -1},
        [STYLE_GOOD]      = {A_NORMAL, COLOR_GREEN, -1},
        [STYLE_WARN]      = {A_NORMAL, COLOR_YELLOW, -1},
        [STYLE_BAD]       = {A_BOLD, COLOR_RED, -1},
        [STYLE_KEY]       = {A_BOLD, COLOR_CYAN, -1},
        [STYLE_FIELD]     = {A_UNDERLINE, -1, -1},
        [STYLE_FIELD_ON]  = {A_REVERSE, -1, -1},
        [STYLE_DIALOG]    = {A_NORMAL, COLOR_WHITE, COLOR_BLUE},
        [STYLE_BUTTON_ON] = {A_REVERSE | A_BOLD, COLOR_WHITE, COLOR_BLUE},
    },
    [THEME_MONO] = {
        [STYLE_TITLE]     = {A_BOLD, -1, -1},
        [STYLE_HEADER]    = {A_UNDERLINE, -1, -1},
        [STYLE_SELECTED]  = {A_REVERSE, -1, -1},
        [STYLE_BAD]       = {A_BOLD, -1, -1},
        [STYLE_WARN]      = {A_BOLD, -1, -1},
        [STYLE_KEY]       = {A_BOLD, -1, -1},
        [STYLE_FIELD]     = {A_UNDERLINE, -1, -1},
        [STYLE_FIELD_ON]  = {A_REVERSE, -1, -1},
        [STYLE_BUTTON_ON] = {A_REVERSE | A_BOLD, -1, -1},
    },
    [THEME_CONTRAST] = {
        [STYLE_NORMAL]    = {A_BOLD, COLOR_WHITE, COLOR_BLACK},
        [STYLE_TITLE]     = {A_BOLD, COLOR_YELLOW, COLOR_BLACK},
        [STYLE_HEADER]    = {A_BOLD, COLOR_YELLOW, COLOR_BLACK},
        [STYLE_SELECTED]  = {A_REVERSE | A_BOLD, COLOR_WHITE, COLOR_BLACK},
        [STYLE_DIM]       = {A_NORMAL, COLOR_WHITE, COLOR_BLACK},
        [STYLE_GOOD]      = {A_BOLD, COLOR_GREEN, COLOR_BLACK},
        [STYLE_WARN]      = {A_BOLD, COLOR_YELLOW, COLOR_BLACK},
        [STYLE_BAD]       = {A_BOLD | A_REVERSE, COLOR_RED, COLOR_BLACK},
        [STYLE_KEY]       = {A_BOLD, COLOR_CYAN, COLOR_BLACK},
        [STYLE_FIELD]     = {A_UNDERLINE | A_BOLD, COLOR_WHITE, COLOR_BLACK},
        [STYLE_FIELD_ON]  = {A_REVERSE | A_BOLD, COLOR_WHITE, COLOR_BLACK},
        [STYLE_DIALOG]    = {A_BOLD, COLOR_WHITE, COLOR_BLACK},
        [STYLE_BUTTON_ON] = {A_REVERSE | A_BOLD, COLOR_YELLOW, COLOR_BLACK},
    },
};

/* clang-format on */

static short
pair_of(Theme *theme, int fg, int bg)
{
    gpointer key = GUINT_TO_POINTER(
        (((guint) fg & 0xffff) << 16 | ((guint) bg & 0xffff)) + 1);
    gpointer found = g_hash_table_lookup(theme->pairs, key);

    if (found != NULL)
        return (short) GPOINTER_TO_INT(found);
    if (theme->n_pairs + 1 >= theme->max_pairs) {
        theme->full = true;
        return 0;
    }
    short pair = (short) ++theme->n_pairs;
    if (init_pair(pair, (short) fg, (short) bg) == ERR)
        return 0;
    g_hash_table_insert(theme->pairs, key, GINT_TO_POINTER(pair));
    return pair;
}

static void
make_styles(Theme *theme, bool has_default)
{
    for (int i = 0; i < N_STYLES; i++) {
        const StyleRow *row = &style_rows[theme->id][i];
        int fg = row->fg < 0 && !has_default ? COLOR_WHITE : row->fg;
        int bg = row->bg < 0 && !has_default ? COLOR_BLACK : row->bg;

        theme->styles[i].attr = row->attr;
        if (theme->colors > 0 && theme->id != THEME_MONO &&
            (row->fg >= 0 || row->bg >= 0))
            theme->styles[i].pair = pair_of(theme, fg, bg);
    }
    theme->n_style_pairs = theme->n_pairs;
}

Theme *
theme_new(ThemeId id, bool no_color)
{
    Theme *theme = g_new0(Theme, 1);
    bool has_default = false;

    theme->pairs = g_hash_table_new(NULL, NULL);
    theme->id = no_color || !has_colors() ? THEME_MONO : id;
    if (!no_color && has_colors()) {
        theme->colors = COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : 8;
        theme->max_pairs = CLAMP(COLOR_PAIRS, 1, 32767);
        has_default = use_default_colors() == OK;
    }
    make_styles(theme, has_default);
    return theme;
}

void
theme_free(Theme *theme)
{
    if (theme == NULL)
        return;
    g_hash_table_destroy(theme->pairs);
    g_free(theme);
}

ThemeAttr
theme_style(const Theme *theme, Style style)
{
    return theme->styles[style];
}

const char *
theme_name(ThemeId id)
{
    static const char *const names[] = {"terminal", "mono", "high-contrast"};

    return id < N_THEMES ? names[id] : names[0];
}

int
theme_colors(const Theme *theme)
{
    return theme->colors;
}

short
theme_pair(Theme *theme, int fg, int bg)
{
    return theme->colors == 0 ? 0 : pair_of(theme, fg, bg);
}

static gboolean
is_guest_pair(gpointer key, gpointer value, gpointer data)
{
    return GPOINTER_TO_INT(value) > ((Theme *) data)->n_style_pairs;
}

void
theme_begin_frame(Theme *theme)
{
    if (!theme->full)
        return;
    g_hash_table_foreach_remove(theme->pairs, is_guest_pair, theme);
    theme->n_pairs = theme->n_style_pairs;
    theme->full = false;
}
