/* app/wrap.c - see wrap.h. */
#include "app/wrap.h"

#include <string.h>

#define LINE_COLUMNS 79

gsize
wrap_line(const char *text, gsize columns)
{
    gsize len = 0;

    for (const char *at = text;; at++) {
        if (*at != ' ' && *at != '\0')
            continue;
        gsize n = (gsize) (at - text);
        gsize width = (gsize) g_utf8_strlen(text, (gssize) n);
        if (len > 0 && width > columns)
            return len;
        len = n;
        if (*at == '\0')
            return len;
    }
}

char *
wrap_text(const char *head, const char *text)
{
    gsize indent = (gsize) g_utf8_strlen(head, -1);
    g_autofree char *blanks = g_strnfill(indent, ' ');
    GString *out = g_string_new(NULL);

    do {
        gsize len =
            wrap_line(text, LINE_COLUMNS - MIN(indent, LINE_COLUMNS / 2));
        g_string_append_printf(out, "%s%.*s\n", head, (int) len, text);
        text += len;
        while (*text == ' ')
            text++;
        head = blanks;
    } while (*text != '\0');
    return g_string_free(out, FALSE);
}

void
app_say_wrapped(const App *app, const char *head, const char *text)
{
    g_autofree char *lines = wrap_text(head, text);

    app_say(app, "%.*s", (int) strlen(lines) - 1, lines);
}

/* Bytes in front of what a line says: of an option, its names; else blanks. */
static gsize
help_head(const char *line)
{
    gsize at = strspn(line, " ");
    const char *gap = line[at] == '-' ? strstr(line + at, "  ") : NULL;

    return gap != NULL ? (gsize) (gap - line) + strspn(gap, " ") : at;
}

char *
wrap_help(const char *help)
{
    g_auto(GStrv) lines = g_strsplit(help, "\n", -1);
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *line = lines[i], *end = lines[i + 1] != NULL ? "\n" : "";
        if (g_utf8_strlen(line, -1) <= LINE_COLUMNS) {
            g_string_append_printf(out, "%s%s", line, end);
            continue;
        }
        gsize head = help_head(line);
        /* names as long as half a line leave no room beside them */
        bool below = head > LINE_COLUMNS / 2;
        g_autofree char *front = g_strndup(line, below ? 0 : head);
        if (below) {
            g_autofree char *names = g_strndup(line, head);
            g_string_append_printf(out, "%s\n", g_strchomp(names));
            g_free(front);
            front = g_strnfill(LINE_COLUMNS / 4, ' ');
        }
        g_autofree char *text = wrap_text(front, line + head);
        g_string_append(out, text);
    }
    return g_string_free(out, FALSE);
}
