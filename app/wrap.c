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

void
app_say_wrapped(const App *app, const char *head, const char *text)
{
    gsize indent = (gsize) g_utf8_strlen(head, -1);
    g_autofree char *blanks = g_strnfill(indent, ' ');

    do {
        gsize len =
            wrap_line(text, LINE_COLUMNS - MIN(indent, LINE_COLUMNS / 2));
        app_say(app, "%s%.*s", head, (int) len, text);
        text += len;
        while (*text == ' ')
            text++;
        head = blanks;
    } while (*text != '\0');
}
