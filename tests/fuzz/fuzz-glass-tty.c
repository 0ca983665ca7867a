/* tests/fuzz/fuzz-glass-tty.c - what a guest prints on its serial port: any
 * bytes become lines, and what is shown of them holds no control code. */
#include <stdint.h>
#include <stdlib.h>

#include "ui/tui/glass-tty.h"
#include "ui/tui/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts when a byte could act on a terminal. */
static void
check_shown(const char *text)
{
    for (int ascii = 0; ascii < 2; ascii++) {
        g_autofree char *safe = text_safe(text, -1, ascii);
        g_autofree char *part = text_clip(safe, 40, ascii);

        if (!g_utf8_validate(safe, -1, NULL) || text_width(part) > 40)
            abort();
        for (const char *p = safe; *p != '\0'; p = g_utf8_next_char(p)) {
            gunichar c = g_utf8_get_char(p);
            if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (ascii && c > 0x7e))
                abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GlassTty *t = glass_tty_new();
    g_autofree char *raw = g_strndup((const char *) data, size);

    check_shown(raw);
    glass_tty_feed(t, data, size);
    for (unsigned i = 0; i < glass_tty_lines(t); i++) {
        g_autofree char *line = glass_tty_line(t, i);
        check_shown(line);
    }
    glass_tty_free(t);
    return 0;
}
