/* edit.c - one line of text being typed. */
#include "ui/widgets/edit.h"

#include <string.h>

#include "ui/tui/text.h"
#include "ui/widgets/draw.h"

/* Longer than any path or name that makes sense. */
#define EDIT_MAX 4096
/* A directory with more entries than this is not worth completing in. */
#define COMPLETE_MAX 20000

void
edit_init(Edit *edit, const char *text)
{
    edit->text = g_string_new(NULL);
    edit_set(edit, text);
}

void
edit_done(Edit *edit)
{
    if (edit->text != NULL)
        g_string_free(edit->text, TRUE);
    edit->text = NULL;
}

void
edit_set(Edit *edit, const char *text)
{
    g_string_assign(edit->text, text);
    edit->cursor = edit->text->len;
}

static void
insert_char(Edit *edit, gunichar c)
{
    char utf8[6];
    int n = g_unichar_to_utf8(c, utf8);

    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || edit->text->len >= EDIT_MAX)
        return;
    g_string_insert_len(edit->text, (gssize) edit->cursor, utf8, n);
    edit->cursor += (gsize) n;
}

static gsize
prev_char(const Edit *edit)
{
    const char *p = edit->text->str + edit->cursor;

    if (edit->cursor == 0)
        return 0;
    return (gsize) (g_utf8_prev_char(p) - edit->text->str);
}

static gsize
next_char(const Edit *edit)
{
    const char *p = edit->text->str + edit->cursor;

    return *p == '\0' ? edit->cursor
                      : (gsize) (g_utf8_next_char(p) - edit->text->str);
}

static void
erase_between(Edit *edit, gsize from, gsize to)
{
    g_string_erase(edit->text, (gssize) from, (gssize) (to - from));
    edit->cursor = from;
}

static gsize
word_start(const Edit *edit)
{
    gsize i = edit->cursor;

    while (i > 0 && strchr(" /", edit->text->str[i - 1]) != NULL)
        i--;
    while (i > 0 && strchr(" /", edit->text->str[i - 1]) == NULL)
        i--;
    return i;
}

static bool
control_key(Edit *edit, guint32 letter)
{
    switch (letter) {
    case 'a': edit->cursor = 0; return true;
    case 'e': edit->cursor = edit->text->len; return true;
    case 'u': erase_between(edit, 0, edit->cursor); return true;
    case 'k': g_string_truncate(edit->text, edit->cursor); return true;
    case 'w': erase_between(edit, word_start(edit), edit->cursor); return true;
    default: return false;
    }
}

bool
edit_key(Edit *edit, const Key *key)
{
    switch ((int) key->key) {
    case TK_CHAR:
        if (key->mods == TMOD_CTRL)
            return control_key(edit, key->ch);
        if ((key->mods & ~TMOD_SHIFT) != 0)
            return false;
        insert_char(edit, key->ch);
        return true;
    case TK_KP: insert_char(edit, key->ch); return true;
    case TK_PASTE:
        for (const char *p = key->text; *p != '\0'; p = g_utf8_next_char(p))
            insert_char(edit, g_utf8_get_char(p));
        return true;
    case TK_BACKSPACE:
        erase_between(edit, prev_char(edit), edit->cursor);
        return true;
    case TK_DELETE:
        erase_between(edit, edit->cursor, next_char(edit));
        return true;
    case TK_LEFT: edit->cursor = prev_char(edit); return true;
    case TK_RIGHT:
        if (edit->cursor == edit->text->len)
            return false; /* a path field completes here */
        edit->cursor = next_char(edit);
        return true;
    case TK_HOME: edit->cursor = 0; return true;
    case TK_END: edit->cursor = edit->text->len; return true;
    default: return false;
    }
}

char *
edit_path(const Edit *edit)
{
    const char *text = edit->text->str;

    if (g_str_has_prefix(text, "~/"))
        return g_build_filename(g_get_home_dir(), text + 2, NULL);
    return g_strdup(text);
}

/* The longest common beginning of name and what was found before. */
static void
narrow(char **common, const char *name)
{
    gsize n = 0;

    if (*common == NULL) {
        *common = g_strdup(name);
        return;
    }
    while ((*common)[n] != '\0' && (*common)[n] == name[n])
        n++;
    (*common)[n] = '\0';
}

void
edit_complete_path(Edit *edit)
{
    g_autofree char *path = edit_path(edit);
    const char *slash = strrchr(path, '/');
    g_autofree char *dir_name =
        slash != NULL ? g_strndup(path, (gsize) (slash - path) + 1)
                      : g_strdup("./");
    const char *stem = slash != NULL ? slash + 1 : path;
    g_autofree char *common = NULL;
    GDir *dir = g_dir_open(dir_name, 0, NULL);
    const char *name;

    if (dir == NULL)
        return;
    for (int i = 0; (name = g_dir_read_name(dir)) != NULL && i < COMPLETE_MAX;
         i++)
        if (g_str_has_prefix(name, stem) && (name[0] != '.' || stem[0] == '.'))
            narrow(&common, name);
    g_dir_close(dir);
    if (common == NULL || !g_utf8_validate(common, -1, NULL))
        return;
    g_string_append(edit->text, common + strlen(stem));
    g_autofree char *whole = g_build_filename(dir_name, common, NULL);
    if (g_file_test(whole, G_FILE_TEST_IS_DIR) &&
        !g_str_has_suffix(edit->text->str, "/"))
        g_string_append_c(edit->text, '/');
    edit->cursor = edit->text->len;
}

void
edit_draw(const Edit *edit, Tui *tui, int y, int x, int width, bool focused)
{
    g_autofree char *before = g_strndup(edit->text->str, edit->cursor);
    g_autofree char *safe_before = text_safe(before, -1, tui_ascii(tui));
    int cursor = text_width(safe_before);
    const char *from = edit->text->str;
    Style style = focused ? STYLE_FIELD_ON : STYLE_FIELD;

    /* Scroll so that the cursor stays inside. */
    while (cursor > width - 1 && *from != '\0') {
        cursor -= text_char_width(g_utf8_get_char(from));
        from = g_utf8_next_char(from);
    }
    draw_fill(tui, y, x, width, style);
    draw_text(tui, y, x, width, style, from);
    if (focused)
        tui_cursor(tui, y, x + MIN(cursor, MAX(width - 1, 0)), true);
}
