/* ui/tui/glass-tty.h - what a serial port printed, as lines of text. Bytes of
 * a guest: nothing of them is trusted. One thread at a time. */
#pragma once

#include <glib.h>

typedef struct GlassTty GlassTty;

GlassTty *glass_tty_new(void);
void glass_tty_free(GlassTty *t); /* NULL is fine */
void glass_tty_feed(GlassTty *t, const guint8 *data, gsize len);

/* At least 1; the oldest lines go when there are 5000. */
unsigned glass_tty_lines(const GlassTty *t);
/* Column of the next character, in the last line. */
unsigned glass_tty_column(const GlassTty *t);
/* UTF-8 of line i, 0 the oldest; not made safe for a terminal. Caller frees. */
char *glass_tty_line(const GlassTty *t, unsigned i);
