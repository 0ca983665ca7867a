/* profiles/edit.c - changing a profile: one line is replaced, added or taken
 * out, everything else stays as the person wrote it. */
#include "profiles/profile-internal.h"

#include <string.h>

static Line *
line_at(const Profile *profile, guint i)
{
    return g_ptr_array_index(profile->lines, i);
}

static bool
in_section(const Line *line, const char *section)
{
    return line->section != NULL && strcmp(line->section, section) == 0;
}

/* Behind the last line of the section that says something, or -1. */
static int
find_section_end(const Profile *profile, const char *section)
{
    for (guint i = profile->lines->len; i > 0; i--) {
        const Line *line = line_at(profile, i - 1);
        if (line->kind != LINE_OTHER && in_section(line, section))
            return (int) i;
    }
    return -1;
}

static void
insert_text(Profile *profile, guint at, const char *text, const char *section)
{
    const char *interned =
        section != NULL ? g_string_chunk_insert_const(profile->words, section)
                        : NULL;
    Line *line = profile_scan_line(profile, text, interned);

    g_ptr_array_insert(profile->lines, (gint) at, line);
}

static guint
append_section(Profile *profile, const char *section)
{
    guint n = profile->lines->len;
    g_autofree char *head = g_strdup_printf("[%s]", section);

    if (n > 0 && *line_at(profile, n - 1)->text != '\0')
        insert_text(profile, n++, "", NULL);
    insert_text(profile, n, head, NULL);
    return n + 1;
}

/* A value as text that reads back the same: ends of lines and the white space
 * that the syntax would swallow are escaped. */
static char *
encode(const char *value)
{
    GString *out = g_string_new(NULL);
    gsize len = strlen(value);

    for (gsize i = 0; i < len; i++) {
        bool edge = i == 0 || i == len - 1;
        switch (value[i]) {
        case '\\': g_string_append(out, "\\\\"); break;
        case '\n': g_string_append(out, "\\n"); break;
        case '\r': g_string_append(out, "\\r"); break;
        case '\t': g_string_append(out, "\\t"); break;
        case ' ': g_string_append(out, edge ? "\\s" : " "); break;
        default: g_string_append_c(out, value[i]);
        }
    }
    return g_string_free(out, FALSE);
}

static void
remove_key(Profile *profile, const char *section, const char *key)
{
    unsigned index;

    while (profile_find_line(profile, section, key, &index) != NULL)
        g_ptr_array_remove_index(profile->lines, index);
}

/* All but the last, which is the one that counts. */
static void
remove_doubles(Profile *profile, const char *section, const char *key)
{
    bool last = true;

    for (guint i = profile->lines->len; i > 0; i--) {
        const Line *line = line_at(profile, i - 1);
        if (line->kind != LINE_KEY || strcmp(line->key, key) != 0 ||
            !in_section(line, section))
            continue;
        if (!last)
            g_ptr_array_remove_index(profile->lines, i - 1);
        last = false;
    }
}

static void
write_key(Profile *profile, const char *section, const char *key,
          const char *value)
{
    g_autofree char *coded = encode(value);
    g_autofree char *text = g_strdup_printf("%s=%s", key, coded);
    unsigned index;

    if (profile_find_line(profile, section, key, &index) != NULL) {
        g_ptr_array_remove_index(profile->lines, index);
        insert_text(profile, index, text, section);
        remove_doubles(profile, section, key);
        return;
    }
    int at = find_section_end(profile, section);
    insert_text(profile,
                at >= 0 ? (guint) at : append_section(profile, section), text,
                section);
}

static void
set_unknown(GError **error, const char *full, const char *section,
            const char *key)
{
    g_autofree char *bare = key == NULL ? schema_nearest_bare(section) : NULL;
    g_autofree char *near = bare == NULL ? schema_nearest(section, key, false)
                                         : g_steal_pointer(&bare);

    if (near != NULL && strcmp(near, full) != 0)
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_KEY,
                    "there is no setting '%s'; did you mean %s?", full, near);
    else /* the verb's hint says where all of them are */
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_KEY,
                    "there is no setting '%s'", full);
}

bool
profile_set(Profile *profile, const char *full, const char *value,
            GError **error)
{
    g_autofree char *valid = g_utf8_make_valid(full, -1);
    g_auto(GStrv) parts = g_strsplit(valid, ".", 2);
    const char *section = parts[0] != NULL ? parts[0] : "";
    const char *key = parts[0] != NULL && parts[1] != NULL ? parts[1] : NULL;
    const SchemaKey *row = key != NULL ? schema_find(section, key) : NULL;

    if (row == NULL &&
        (value != NULL || key == NULL ||
         profile_find_line(profile, section, key, NULL) == NULL)) {
        set_unknown(error, valid, section, key);
        return false;
    }
    if (value == NULL) {
        remove_key(profile, section, key);
        return true;
    }
    g_autofree char *problem = schema_check_value(row, value);
    if (problem != NULL) {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                    "%s: %s", valid, problem);
        return false;
    }
    write_key(profile, section, key, value);
    return true;
}

bool
profile_add_section(Profile *profile, const char *section, GError **error)
{
    if (schema_find_section(section) == NULL) {
        set_unknown(error, section, section, NULL);
        return false;
    }
    if (!profile_has_section(profile, section))
        append_section(profile, section);
    return true;
}

bool
profile_remove_section(Profile *profile, const char *section)
{
    bool found = false;

    for (guint i = 0; i < profile->lines->len;) {
        const Line *line = line_at(profile, i);
        bool drop = line->kind != LINE_OTHER && in_section(line, section);

        found |= drop && line->kind == LINE_SECTION;
        if (drop)
            g_ptr_array_remove_index(profile->lines, i);
        else
            i++;
        /* not two blank lines where the section was */
        if (drop && i > 0 && i < profile->lines->len &&
            *line_at(profile, i)->text == '\0' &&
            *line_at(profile, i - 1)->text == '\0')
            g_ptr_array_remove_index(profile->lines, i);
    }
    return found;
}

void
profile_add_heading(Profile *profile, const char *comment)
{
    g_autofree char *text = g_strdup_printf("# %s", comment);

    g_strdelimit(text, "\r\n", ' ');
    insert_text(profile, 0, text, NULL);
}
