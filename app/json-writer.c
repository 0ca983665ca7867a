/* app/json-writer.c - the writing half of json.h. */
#include "app/json.h"

#include <math.h>
#include <string.h>

struct JsonWriter {
    GString *out;
    GString *open; /* the brackets still to be closed, innermost last */
    bool need_comma;
};

JsonWriter *
json_writer_new(void)
{
    JsonWriter *w = g_new0(JsonWriter, 1);

    w->out = g_string_new(NULL);
    w->open = g_string_new(NULL);
    return w;
}

void
json_writer_free(JsonWriter *w)
{
    if (w == NULL)
        return;
    g_string_free(w->out, TRUE);
    g_string_free(w->open, TRUE);
    g_free(w);
}

static void
append_char(GString *out, gunichar c)
{
    switch (c) {
    case '"': g_string_append(out, "\\\""); break;
    case '\\': g_string_append(out, "\\\\"); break;
    case '\n': g_string_append(out, "\\n"); break;
    case '\r': g_string_append(out, "\\r"); break;
    case '\t': g_string_append(out, "\\t"); break;
    default:
        /* also DEL and C1, which terminals act upon */
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            g_string_append_printf(out, "\\u%04x", (unsigned) c);
        else
            g_string_append_unichar(out, c);
    }
}

static void
append_string(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    g_string_append_c(out, '"');
    for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c))
        append_char(out, g_utf8_get_char(c));
    g_string_append_c(out, '"');
}

static void
put_key(JsonWriter *w, const char *key)
{
    if (w->need_comma)
        g_string_append_c(w->out, ',');
    if (key != NULL) {
        append_string(w->out, key);
        g_string_append_c(w->out, ':');
    }
    w->need_comma = true;
}

static void
begin(JsonWriter *w, const char *key, char bracket, char closing)
{
    put_key(w, key);
    g_string_append_c(w->out, bracket);
    g_string_append_c(w->open, closing);
    w->need_comma = false;
}

void
json_begin_object(JsonWriter *w, const char *key)
{
    begin(w, key, '{', '}');
}

void
json_begin_array(JsonWriter *w, const char *key)
{
    begin(w, key, '[', ']');
}

void
json_end(JsonWriter *w)
{
    g_return_if_fail(w->open->len > 0);
    g_string_append_c(w->out, w->open->str[w->open->len - 1]);
    g_string_truncate(w->open, w->open->len - 1);
    w->need_comma = true;
}

void
json_put_string(JsonWriter *w, const char *key, const char *value)
{
    if (value == NULL) {
        json_put_null(w, key);
        return;
    }
    put_key(w, key);
    append_string(w->out, value);
}

void
json_put_optional(JsonWriter *w, const char *key, const char *value)
{
    if (value != NULL && *value != '\0')
        json_put_string(w, key, value);
}

void
json_put_int(JsonWriter *w, const char *key, gint64 value)
{
    put_key(w, key);
    g_string_append_printf(w->out, "%" G_GINT64_FORMAT, value);
}

void
json_put_u64(JsonWriter *w, const char *key, guint64 value)
{
    put_key(w, key);
    g_string_append_printf(w->out, "%" G_GUINT64_FORMAT, value);
}

void
json_put_double(JsonWriter *w, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (!isfinite(value)) {
        json_put_null(w, key);
        return;
    }
    put_key(w, key);
    if (value == 0)
        value = 0; /* "-0" would read back as the integer 0 */
    g_string_append(w->out, g_ascii_formatd(text, sizeof text, "%.15g", value));
}

void
json_put_bool(JsonWriter *w, const char *key, bool value)
{
    put_key(w, key);
    g_string_append(w->out, value ? "true" : "false");
}

void
json_put_null(JsonWriter *w, const char *key)
{
    put_key(w, key);
    g_string_append(w->out, "null");
}

char *
json_writer_finish(JsonWriter *w)
{
    while (w->open->len > 0)
        json_end(w);
    char *text = g_strndup(w->out->str, w->out->len);
    json_writer_free(w);
    return text;
}
