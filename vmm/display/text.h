/* vmm/display/text.h - code page 437 and the text of a screen. */
#pragma once

#include "vmm/display/display.h"

/* Unicode of a glyph of the original PC character set. 0 and 255 are blank
 * (U+0020, U+00A0); 1..31 are the graphic glyphs, not controls. */
guint32 cp437_to_unicode(guint8 glyph);

/* The nearest printable ASCII character: '+', '-', '|' for lines, '#' for
 * blocks; '?' when nothing comes close. For terminals without UTF-8. */
char cp437_to_ascii(guint8 glyph);

/* One whole cell: the guest's screen changes while others read it, a cell is
 * never seen half written. */
Cell cell_load(const Cell *from);
void cell_store(Cell *to, Cell value);

/* As display_text(), from a mapping of len bytes that another process owns:
 * NULL in graphics modes and when the header does not fit the mapping. */
char *screen_text(const ScreenHeader *map, gsize len);
