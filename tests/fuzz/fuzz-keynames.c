/* tests/fuzz/fuzz-keynames.c - key combinations as people and programs write
 * them: each either gives keys that have names, or an error that quotes it. */
#include <stdint.h>
#include <stdlib.h>

#include "app/session/keynames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_combo(const KeyCombo *combo)
{
    if (combo->n == 0 || combo->n > KEY_COMBO_MAX)
        abort();
    for (unsigned i = 0; i < combo->n; i++) {
        const char *name = key_name_of_code(combo->codes[i]);
        guint16 code = 0;

        if (name == NULL || !key_code_of_name(name, &code) ||
            code != combo->codes[i])
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    g_autoptr(GError) error = NULL;
    KeyCombo combo = {{0}, 0};

    if (key_combo_parse(text, &combo, &error)) {
        if (error != NULL)
            abort();
        check_combo(&combo);
    } else if (error == NULL) {
        abort();
    }
    for (size_t i = 0; i + 4 <= size; i += 4) {
        gunichar c = (gunichar) data[i] | (gunichar) data[i + 1] << 8 |
                     (gunichar) data[i + 2] << 16 |
                     (gunichar) data[i + 3] << 24;
        if (key_combo_of_char(c, &combo))
            check_combo(&combo);
        if (key_combo_of_char(c & 0x7f, &combo))
            check_combo(&combo);
    }
    return 0;
}
