/* app/session/keynames.h - keys by name, characters by the US layout.
 *
 * evdev codes are the only numbering; names are what people type after
 * `carrel send NAME keys`. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KEY_COMBO_MAX 8

/* Keys pressed in this order and released in the reverse order. */
typedef struct {
    guint16 codes[KEY_COMBO_MAX];
    unsigned n;
} KeyCombo;

/* Case is ignored; several names may mean one key ("esc", "escape"). */
bool key_code_of_name(const char *name, guint16 *ret_code);
/* First name of a code, or NULL. */
const char *key_name_of_code(guint16 code);

/* "ctrl-alt-delete", "shift+f1", "a", "A" (with shift), "!". Names the part
 * that is not a key: CARREL_SESSION_ERROR_USAGE. */
bool key_combo_parse(const char *text, KeyCombo *ret_combo, GError **error);

/* The keys that type a character on a US keyboard; false: it has none.
 * '\n' is Enter, '\t' Tab, '\b' Backspace, 27 Escape. */
bool key_combo_of_char(gunichar c, KeyCombo *ret_combo);

/* Every name, one a row, for help and completion; NULL-terminated. */
const char *const *key_names(void);
