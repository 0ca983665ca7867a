/* log-viewer.c - the logs of one machine, by source. Reads at most the last
 * MiB, looks for more while it follows; lines are data of guests, so they are
 * shown with every control code made visible. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/edit.h"
#include "ui/widgets/list.h"

#define TAIL_MAX  (1024 * 1024)
#define FOLLOW_MS 300

typedef enum { LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR } LogLevel;

typedef struct {
    Screen screen;
    char *name;
    int source;
    char *path;
    off_t size; /* when it was read */
    ino_t inode;
    GPtrArray *lines; /* of char *, as in the file */
    GArray *shown;    /* of guint: indices that pass the filter */
    ListPos list;
    Edit filter;
    bool typing, follow, hide_time;
    guint timer;
} LogViewer;

enum {
    CMD_FOLLOW = CMD_SCREEN,
    CMD_NEXT_ERROR,
    CMD_PREV_ERROR,
    CMD_NEXT_WARN,
    CMD_PREV_WARN,
    CMD_FILTER,
    CMD_TIME,
    CMD_NEXT_SOURCE,
    CMD_PAGER,
    CMD_CLEAR,
    CMD_SOURCE
};

/* clang-format off */
static const char *const sources[] = {"vmm", "serial", "firmware"};

const KeyBinding log_viewer_keys[] = {
    {"f", CMD_FOLLOW, "follow", "follow new lines", 0},
    {"e", CMD_NEXT_ERROR, "error", "next error", 0},
    {"E", CMD_PREV_ERROR, NULL, "error before", 0},
    {"w", CMD_NEXT_WARN, "warning", "next warning or error", 0},
    {"W", CMD_PREV_WARN, NULL, "warning or error before", 0},
    {"/", CMD_FILTER, "filter", "filter: words, !word, a|b", 0},
    {"t", CMD_TIME, "time", "time in full, or without the date", 0},
    {"Tab", CMD_NEXT_SOURCE, "source", "next source", 0},
    {"1", CMD_SOURCE, NULL, "source vmm", 0},
    {"2", CMD_SOURCE + 1, NULL, "source serial", 0},
    {"3", CMD_SOURCE + 2, NULL, "source firmware", 0},
    {"o", CMD_PAGER, "pager", "open in $PAGER", 0},
    KEY_ROWS_MOVE,
    {"Esc", CMD_CLEAR, NULL, "clear the filter, then back", 0},
    {"q Left", CMD_BACK, NULL, "back", 0},
    {0},
};
/* clang-format on */

static LogLevel
level_of(const char *line)
{
    g_autofree char *low = g_ascii_strdown(line, 4096);

    if (strstr(line, " E ") != NULL || strstr(low, "error") != NULL ||
        strstr(low, "fatal") != NULL || strstr(low, "panic") != NULL ||
        strstr(low, "crash") != NULL)
        return LEVEL_ERROR;
    if (strstr(line, " W ") != NULL || strstr(low, "warn") != NULL ||
        strstr(low, "failed") != NULL)
        return LEVEL_WARN;
    return LEVEL_INFO;
}

static const char *
line_at(LogViewer *v, int row)
{
    guint i = g_array_index(v->shown, guint, (guint) row);

    return g_ptr_array_index(v->lines, i);
}

static void
apply_filter(LogViewer *v)
{
    bool at_end = v->list.selected >= v->list.count - 1;

    g_array_set_size(v->shown, 0);
    for (guint i = 0; i < v->lines->len; i++)
        if (text_matches(v->filter.text->str, g_ptr_array_index(v->lines, i)))
            g_array_append_val(v->shown, i);
    if (v->follow || at_end)
        v->list.selected = (int) v->shown->len - 1;
    list_fit(&v->list, (int) v->shown->len, v->list.height);
}

static void
split_lines(LogViewer *v, char *text, bool cut)
{
    char *next = text;

    g_ptr_array_set_size(v->lines, 0);
    if (cut && strchr(next, '\n') != NULL)
        next = strchr(next, '\n') + 1; /* a line whose start is not here */
    while (*next != '\0') {
        gsize n = strcspn(next, "\n");

        g_ptr_array_add(
            v->lines,
            g_strndup(next, n > 0 && next[n - 1] == '\r' ? n - 1 : n));
        next += n + (next[n] == '\n');
    }
}

static void
read_tail(LogViewer *v)
{
    int fd = open(v->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    v->size = -1;
    g_ptr_array_set_size(v->lines, 0);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        off_t from = MAX(st.st_size - TAIL_MAX, 0);
        g_autofree char *text = g_malloc(TAIL_MAX + 1);
        gssize n = pread(fd, text, TAIL_MAX, from);

        v->size = st.st_size;
        v->inode = st.st_ino;
        for (gssize i = 0; i < n; i++)
            if (text[i] == '\0')
                text[i] = ' ';
        text[MAX(n, 0)] = '\0';
        split_lines(v, text, from > 0);
    }
    if (fd >= 0)
        close(fd);
    apply_filter(v);
}

static gboolean
on_timer(gpointer data)
{
    LogViewer *v = data;
    struct stat st;

    if (stat(v->path, &st) == 0 ? st.st_size != v->size || st.st_ino != v->inode
                                : v->size >= 0) {
        read_tail(v);
        tui_redraw(v->screen.tui);
    }
    return G_SOURCE_CONTINUE;
}

static void
set_source(LogViewer *v, int source)
{
    Tui *tui = v->screen.tui;

    v->source = source;
    g_free(v->path);
    v->path = tui_ops(tui)->log_path(tui_host(tui), v->name, sources[source]);
    if (v->path == NULL)
        v->path = g_strdup("");
    v->list.selected = 0;
    v->list.count = 0;
    read_tail(v);
}

/* "2026-11-22T12:41:07.113+00:00 W x" without the date. */
static const char *
short_time(const char *line)
{
    if (strlen(line) > 11 && line[4] == '-' && line[7] == '-' &&
        (line[10] == 'T' || line[10] == ' '))
        return line + 11;
    return line;
}

static void
draw_row(LogViewer *v, int row, int y)
{
    static const Style styles[] = {STYLE_NORMAL, STYLE_WARN, STYLE_BAD};
    Tui *tui = v->screen.tui;
    const char *line = line_at(v, row);
    bool on = row == v->list.selected;

    draw_text(tui, y, 0, 1, STYLE_KEY, on ? ">" : " ");
    draw_text(tui, y, 2, draw_cols() - 3, styles[level_of(line)],
              v->hide_time ? short_time(line) : line);
    if (on && !v->typing)
        tui_cursor(tui, y, 0, false);
}

static void
draw_sources(LogViewer *v)
{
    Tui *tui = v->screen.tui;
    int x = 1;

    for (int i = 0; i < (int) G_N_ELEMENTS(sources); i++) {
        bool on = i == v->source;
        x += draw_format(tui, 1, x, draw_cols() - x,
                         on ? STYLE_TITLE : STYLE_DIM,
                         on ? "[%d %s]" : " %d %s ", i + 1, sources[i]) +
             1;
    }
    if (v->typing || v->filter.text->len > 0) {
        x += draw_text(tui, 1, x + 2, 7, STYLE_KEY, "Filter:") + 3;
        edit_draw(&v->filter, tui, 1, x, MAX(draw_cols() - x - 12, 8),
                  v->typing);
    }
    draw_text(tui, 1, draw_cols() - 10, 9, STYLE_DIM,
              v->follow ? "following" : "");
}

static void
log_draw(Screen *s)
{
    LogViewer *v = (LogViewer *) s;
    g_autofree char *title = g_strdup_printf("Carrel > %s > Log", v->name);
    g_autofree char *right =
        g_strdup_printf("%u of %u lines", v->shown->len, v->lines->len);
    int rows = MAX(draw_content_rows() - 1, 1);

    draw_frame(s, title, right);
    draw_sources(v);
    list_fit(&v->list, (int) v->shown->len, rows);
    for (int r = 0; r < rows && v->list.top + r < v->list.count; r++)
        draw_row(v, v->list.top + r, 2 + r);
    if (v->lines->len == 0)
        draw_format(s->tui, 3, 2, draw_cols() - 3, STYLE_DIM,
                    "Nothing logged yet. File: %s", v->path);
}

static void
seek_level(LogViewer *v, LogLevel level, int by)
{
    for (int i = v->list.selected + by; i >= 0 && i < v->list.count; i += by)
        if (level_of(line_at(v, i)) >= level) {
            v->follow = false;
            v->list.selected = i;
            list_fit(&v->list, v->list.count, v->list.height);
            return;
        }
    tui_notify(v->screen.tui, STYLE_NORMAL, "no more %s %s",
               level == LEVEL_ERROR ? "errors" : "warnings",
               by > 0 ? "below" : "above");
}

static void
open_pager(LogViewer *v)
{
    const char *pager = g_getenv("PAGER");
    g_auto(GStrv) words = NULL;

    if (pager == NULL || !g_shell_parse_argv(pager, NULL, &words, NULL))
        words = g_strsplit("less", " ", -1);
    guint n = g_strv_length(words);
    words = g_renew(char *, words, n + 2);
    words[n] = g_strdup(v->path);
    words[n + 1] = NULL;
    tui_run_program(v->screen.tui, words, false);
}

static void
log_command(Screen *s, int command)
{
    LogViewer *v = (LogViewer *) s;

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_CLEAR:
        if (v->filter.text->len == 0)
            tui_pop(s);
        edit_set(&v->filter, "");
        apply_filter(v);
        break;
    case CMD_FOLLOW:
        v->follow = !v->follow;
        apply_filter(v);
        break;
    case CMD_NEXT_ERROR: seek_level(v, LEVEL_ERROR, 1); break;
    case CMD_PREV_ERROR: seek_level(v, LEVEL_ERROR, -1); break;
    case CMD_NEXT_WARN: seek_level(v, LEVEL_WARN, 1); break;
    case CMD_PREV_WARN: seek_level(v, LEVEL_WARN, -1); break;
    case CMD_FILTER: v->typing = true; break;
    case CMD_TIME: v->hide_time = !v->hide_time; break;
    case CMD_NEXT_SOURCE:
        set_source(v, (v->source + 1) % (int) G_N_ELEMENTS(sources));
        break;
    case CMD_PAGER: open_pager(v); break;
    default:
        if (command >= CMD_SOURCE)
            set_source(v, command - CMD_SOURCE);
        else if (list_command(&v->list, command))
            v->follow = false;
        break;
    }
}

static bool
log_key(Screen *s, const Key *key)
{
    LogViewer *v = (LogViewer *) s;

    if (key->key == TK_MOUSE) {
        (void) list_mouse(&v->list, key, 2);
        v->follow = false;
        return true;
    }
    if (!v->typing)
        return false;
    if (key->key == TK_ESC)
        edit_set(&v->filter, "");
    if (key->key == TK_ESC || key->key == TK_ENTER || key->key == TK_KP_ENTER)
        v->typing = false;
    else
        edit_key(&v->filter, key);
    apply_filter(v);
    return true;
}

static void
log_free(Screen *s)
{
    LogViewer *v = (LogViewer *) s;

    g_source_remove(v->timer);
    g_ptr_array_unref(v->lines);
    g_array_unref(v->shown);
    edit_done(&v->filter);
    g_free(v->path);
    g_free(v->name);
    g_free(v);
}

static const ScreenClass log_class = {
    .name = "Log",
    .keys = log_viewer_keys,
    .draw = log_draw,
    .key = log_key,
    .command = log_command,
    .free = log_free,
};

void
log_viewer_open(Tui *tui, const char *name)
{
    LogViewer *v = g_new0(LogViewer, 1);

    v->screen.class = &log_class;
    v->screen.tui = tui;
    v->name = g_strdup(name);
    v->lines = g_ptr_array_new_with_free_func(g_free);
    v->shown = g_array_new(FALSE, FALSE, sizeof(guint));
    edit_init(&v->filter, "");
    v->follow = true;
    v->list.height = 1;
    set_source(v, 0);
    v->timer = g_timeout_add(FOLLOW_MS, on_timer, v);
    tui_push(tui, &v->screen);
}
