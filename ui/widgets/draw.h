/* ui/widgets/draw.h - drawing on the terminal: everything is clipped to it, and
 * every text is made safe on its way. During ScreenClass.draw() only. */
#pragma once

#include "ui/tui/app-loop.h"

/* Below this the screens show less, in one column. */
#define DRAW_FULL_COLS 80
#define DRAW_FULL_ROWS 24

int draw_cols(void);
int draw_rows(void);
bool draw_is_small(void);

/* At most width columns of text. Returns the columns used. */
int draw_text(Tui *tui, int y, int x, int width, Style style, const char *text);
int draw_format(Tui *tui, int y, int x, int width, Style style,
                const char *format, ...) G_GNUC_PRINTF(6, 7);
void draw_fill(Tui *tui, int y, int x, int width, Style style);
/* A line of the whole width. */
void draw_rule(Tui *tui, int y, Style style);
/* Box with cleared inside and a title. */
void draw_box(Tui *tui, int y, int x, int rows, int cols, Style style,
              const char *title);

/* Title line (a breadcrumb, right is shown at its end), notice line and the
 * hints made from s's key table. The content has rows 1 .. draw_rows() - 3. */
void draw_frame(Screen *s, const char *title, const char *right);
int draw_content_rows(void);

/* n samples of percent 0..max as bars of one row, newest at the right. */
void draw_spark(Tui *tui, int y, int x, int width, const guint16 *percent,
                unsigned n, unsigned max);
/* The same over several rows. */
void draw_graph(Tui *tui, int y, int x, int rows, int cols,
                const guint16 *percent, unsigned n, unsigned max);
