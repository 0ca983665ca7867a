/* keys.c - names of keys and look-up in key tables. Reading keys from the
 * terminal is in term-input.c. */
#include "ui/tui/keys.h"

#include <string.h>

/* clang-format off */
static const char *const key_names[] = {
    [TK_NONE] = "None",       [TK_ENTER] = "Enter",   [TK_TAB] = "Tab",
    [TK_BACKSPACE] = "Backspace", [TK_ESC] = "Esc",   [TK_UP] = "Up",
    [TK_DOWN] = "Down",       [TK_LEFT] = "Left",     [TK_RIGHT] = "Right",
    [TK_HOME] = "Home",       [TK_END] = "End",       [TK_PGUP] = "PgUp",
    [TK_PGDN] = "PgDn",       [TK_INSERT] = "Insert", [TK_DELETE] = "Delete",
    [TK_KP_ENTER] = "Enter",  [TK_PAUSE] = "Pause",   [TK_PRINT] = "PrtSc",
    [TK_MOUSE] = "Mouse",     [TK_PASTE] = "Paste",   [TK_RESIZE] = "Resize",
};
/* clang-format on */

static void
base_name(const Key *key, char *buf)
{
    if (key->key >= TK_F1 && key->key <= TK_F12)
        g_snprintf(buf, KEY_NAME_MAX, "F%d", (int) (key->key - TK_F1) + 1);
    else if (key->key != TK_CHAR && key->key != TK_KP)
        g_strlcpy(buf, key_names[key->key], KEY_NAME_MAX);
    else if (key->ch == ' ')
        g_strlcpy(buf, "Space", KEY_NAME_MAX);
    else
        buf[g_unichar_to_utf8(key->ch, buf)] = '\0';
}

char *
keys_name(const Key *key, char *buf)
{
    char base[KEY_NAME_MAX];
    /* The case of a letter says Shift already; Ctrl-P is never Ctrl-p. */
    bool is_char = key->key == TK_CHAR || key->key == TK_KP;
    guint mods = key->mods & (is_char ? ~TMOD_SHIFT : ~0u);

    base_name(key, base);
    if (is_char && (mods & TMOD_CTRL) != 0 && base[1] == '\0')
        base[0] = g_ascii_toupper(base[0]);
    g_snprintf(buf, KEY_NAME_MAX, "%s%s%s%s", mods & TMOD_CTRL ? "Ctrl-" : "",
               mods & TMOD_ALT ? "Alt-" : "", mods & TMOD_SHIFT ? "Shift-" : "",
               base);
    return buf;
}

/* keys is a list of names with single blanks between. */
static bool
names_contain(const char *keys, const char *name)
{
    gsize len = strlen(name);
    const char *p = keys;

    while (p != NULL && *p != '\0') {
        const char *end = strchr(p, ' ');
        gsize n = end != NULL ? (gsize) (end - p) : strlen(p);

        if (n == len && strncmp(p, name, len) == 0)
            return true;
        p = end != NULL ? end + 1 : NULL;
    }
    return false;
}

const KeyBinding *
keys_find(const KeyBinding *table, const Key *key)
{
    char name[KEY_NAME_MAX];

    keys_name(key, name);
    for (; table != NULL && table->keys != NULL; table++)
        if (names_contain(table->keys, name))
            return table;
    return NULL;
}

const KeyBinding *
keys_find_command(const KeyBinding *table, int command)
{
    for (; table != NULL && table->keys != NULL; table++)
        if (table->command == command)
            return table;
    return NULL;
}

char *
keys_first(const KeyBinding *row, char *buf)
{
    gsize n = strcspn(row->keys, " ");

    g_strlcpy(buf, row->keys, MIN(n + 1, KEY_NAME_MAX));
    return buf;
}
