/* ui/tui/text.h - text for the terminal: made safe, measured, matched. Pure
 * functions, any thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A copy of text (len bytes, -1: up to NUL) in which nothing can act on the
 * terminal: control bytes, C1 codes, bytes that are no UTF-8, direction marks
 * and combining characters become visible escapes (^[ \x9b \u202e). ascii:
 * every other character is replaced by its nearest ASCII one. */
char *text_safe(const char *text, gssize len, bool ascii);
/* The nearest ASCII character of a printable one; '?' when there is none. */
char text_ascii(gunichar c);

/* Columns a character or a text_safe() result takes on the screen. */
int text_char_width(gunichar c);
int text_width(const char *safe);
/* The longest part of a text_safe() result that fits in width columns, ended
 * by an ellipsis ('~' in ASCII) when something was cut. Caller frees. */
char *text_clip(const char *safe, int width, bool ascii);
/* Lines of at most width columns, broken at blanks; owns its strings. */
GPtrArray *text_wrap(const char *safe, int width);

/* Filter of lists: words separated by blanks must all match, "!x" must not,
 * "a|b" either; letter case is ignored. An empty filter matches. */
bool text_matches(const char *pattern, const char *text);
/* Letters of pattern in order inside text: smaller is better, -1 no match. */
int text_fuzzy(const char *pattern, const char *text);

/* "64M", "16.0G", "-" for 0. Caller frees. */
char *text_size(guint64 bytes);
char *text_rate(guint64 bytes_per_s); /* "12M/s", "-" */
char *text_duration(gint64 seconds);  /* "2h14m", "14m02s", "9s" */
