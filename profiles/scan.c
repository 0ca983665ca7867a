/* profiles/scan.c - text to lines: the syntax of GKeyFile, every line kept.
 *
 * Left out on purpose: translated keys (key[de]), which no setting needs; they
 * are reported. Unlike GKeyFile, white space at the end of a value is dropped:
 * nobody sees it; \s writes one that counts. */
#include "profiles/profile-internal.h"

#include <string.h>

static const char *
keep(Profile *profile, const char *text, gsize len)
{
    g_autofree char *copy = g_strndup(text, len);
    return g_string_chunk_insert_const(profile->words, copy);
}

/* Escapes as in GKeyFile: \s \t \n \r \\. NULL: some other one. */
static char *
decode(const char *text, gsize len)
{
    static const char names[] = "stnr\\", meaning[] = " \t\n\r\\";
    GString *out = g_string_sized_new(len);

    for (gsize i = 0; i < len; i++) {
        const char *name;
        if (text[i] != '\\') {
            g_string_append_c(out, text[i]);
            continue;
        }
        if (i + 1 == len || (name = strchr(names, text[i + 1])) == NULL) {
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_c(out, meaning[name - names]);
        i++;
    }
    return g_string_free(out, FALSE);
}

static gsize
trim_end(const char *text, gsize len)
{
    while (len > 0 && g_ascii_isspace(text[len - 1]))
        len--;
    return len;
}

static void
scan_section(Profile *profile, Line *line, const char *text, gsize len)
{
    len = trim_end(text, len);
    line->kind = LINE_BAD;
    if (len < 3 || text[len - 1] != ']') {
        line->problem = "a section is a name in brackets, such as [machine]";
        return;
    }
    for (gsize i = 1; i < len - 1; i++)
        if (text[i] == '[' || text[i] == ']' || g_ascii_iscntrl(text[i])) {
            line->problem = "the name of a section contains a bracket or a "
                            "control character";
            return;
        }
    line->kind = LINE_SECTION;
    line->section = keep(profile, text + 1, len - 2);
}

static void
scan_value(Profile *profile, Line *line, const char *text, gsize len)
{
    g_autofree char *value = decode(text, len);

    if (value == NULL)
        line->problem = "has a backslash that means nothing; write \\\\ for "
                        "one backslash";
    else
        line->value = g_string_chunk_insert_const(profile->words, value);
}

static void
scan_key(Profile *profile, Line *line, const char *text, gsize len)
{
    const char *equals = memchr(text, '=', len);

    line->kind = LINE_BAD;
    if (equals == NULL || equals == text) {
        line->problem = "the line is neither [section] nor key=value";
        return;
    }
    if (line->section == NULL) {
        line->problem = "the line stands before the first [section]";
        return;
    }
    gsize key_len = trim_end(text, (gsize) (equals - text));
    for (gsize i = 0; i < key_len; i++)
        if (strchr("[]", text[i]) != NULL || g_ascii_iscntrl(text[i])) {
            line->problem = "the key contains a bracket or a control "
                            "character";
            return;
        }
    len = trim_end(text, len);
    const char *value = equals + 1, *end = text + len;
    while (value < end && g_ascii_isspace(*value))
        value++;
    line->kind = LINE_KEY;
    line->key = keep(profile, text, key_len);
    scan_value(profile, line, value, value < end ? (gsize) (end - value) : 0);
}

Line *
profile_scan_line(Profile *profile, const char *text, const char *section)
{
    Line *line = g_new0(Line, 1);
    const char *at = text;

    line->text = g_strdup(text);
    line->section = section;
    while (g_ascii_isspace(*at))
        at++;
    if (!g_utf8_validate(text, -1, NULL)) {
        line->kind = LINE_BAD;
        line->problem = g_str_has_prefix(text, "\xff\xfe")
                            ? "the file is UTF-16; save it as UTF-8"
                            : "the line is not UTF-8; save the file as UTF-8";
    } else if (g_str_has_prefix(text, "\xef\xbb\xbf")) {
        line->kind = LINE_BAD;
        line->problem = "the file starts with a byte order mark; save it as "
                        "UTF-8 without one";
    } else if (*at == '\0' || *at == '#') {
        line->kind = LINE_OTHER;
    } else if (*at == '[') {
        scan_section(profile, line, at, strlen(at));
    } else {
        scan_key(profile, line, at, strlen(at));
    }
    return line;
}

void
profile_line_free(Line *line)
{
    g_free(line->text);
    g_free(line);
}

void
profile_scan(Profile *profile, const char *text, gsize len)
{
    const char *end = text + len, *section = NULL;

    while (text < end) {
        const char *stop = memchr(text, '\n', (gsize) (end - text));
        gsize n = (gsize) ((stop != NULL ? stop : end) - text);
        g_autofree char *one = g_strndup(text, n);
        Line *line = profile_scan_line(profile, one, section);

        if (strlen(one) != n) {
            line->kind = LINE_BAD;
            line->problem = "the line contains a zero byte";
        }
        if (line->kind == LINE_SECTION)
            section = line->section;
        g_ptr_array_add(profile->lines, line);
        text += n + 1;
    }
}
