/* app/session/message.c - the control protocol's JSON objects (RFC 8259).
 *
 * A recursive-descent reader with a depth limit: input comes from whoever
 * connects to the socket. Duplicate members: the first one counts. */
#include "app/session/message.h"

#include <math.h>
#include <string.h>

#include "app/session/session-error.h"

#define MAX_DEPTH 32

typedef enum {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT
} ValueType;

struct Message {
    ValueType type;
    char *key; /* as a member of an object */
    bool truth;
    double number;
    char *string;
    GPtrArray *items; /* Message, array elements or members */
};

typedef struct {
    const char *p, *end;
    const char *wrong; /* first complaint */
} Reader;

static Message *read_value(Reader *r, unsigned depth);

void
message_free(Message *message)
{
    if (message == NULL)
        return;
    g_free(message->key);
    g_free(message->string);
    if (message->items != NULL)
        g_ptr_array_unref(message->items);
    g_free(message);
}

static void
free_item(gpointer item)
{
    message_free(item);
}

static void *
complain(Reader *r, const char *what)
{
    if (r->wrong == NULL)
        r->wrong = what;
    return NULL;
}

static void
skip_blank(Reader *r)
{
    while (r->p < r->end &&
           (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool
accept(Reader *r, char c)
{
    skip_blank(r);
    if (r->p >= r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool
read_hex4(Reader *r, gunichar *ret_value)
{
    gunichar value = 0;
    if (r->end - r->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*r->p++);
        if (digit < 0)
            return false;
        value = value << 4 | (gunichar) digit;
    }
    *ret_value = value;
    return true;
}

/* After "\u": one code point, from a surrogate pair when it starts one. */
static bool
read_unicode(Reader *r, GString *out)
{
    gunichar c, low;
    if (!read_hex4(r, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u')
            return false;
        r->p += 2;
        if (!read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return false;
    }
    if (c == 0)
        return false; /* our strings end at NUL */
    g_string_append_unichar(out, c);
    return true;
}

static bool
read_escape(Reader *r, GString *out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (r->p >= r->end)
        return false;
    char c = *r->p++;
    if (c == 'u')
        return read_unicode(r, out);
    const char *at = c == '\0' ? NULL : strchr(from, c);
    if (at == NULL)
        return false;
    g_string_append_c(out, to[at - from]);
    return true;
}

static char *
read_string(Reader *r)
{
    if (!accept(r, '"'))
        return complain(r, "a string was expected");
    g_autoptr(GString) out = g_string_new(NULL);
    while (r->p < r->end && *r->p != '"') {
        guchar c = (guchar) *r->p++;
        if (c < 0x20)
            return complain(r, "a string contains a control character");
        if (c != '\\')
            g_string_append_c(out, (char) c);
        else if (!read_escape(r, out))
            return complain(r, "a string has a bad escape");
    }
    if (!accept(r, '"'))
        return complain(r, "a string does not end");
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static Message *
read_number(Reader *r)
{
    char text[64];
    gsize n = 0;
    while (r->p < r->end && n < sizeof text - 1 &&
           (g_ascii_isdigit(*r->p) || strchr("+-.eE", *r->p) != NULL) &&
           *r->p != '\0')
        text[n++] = *r->p++;
    text[n] = '\0';
    char *end = NULL;
    double number = g_ascii_strtod(text, &end);
    bool starts_well = g_ascii_isdigit(text[0]) ||
                       (text[0] == '-' && g_ascii_isdigit(text[1]));
    if (!starts_well || *end != '\0' || !isfinite(number))
        return complain(r, "a number is malformed");
    Message *value = g_new0(Message, 1);
    value->type = VALUE_NUMBER;
    value->number = number;
    return value;
}

static Message *
read_word(Reader *r)
{
    static const struct {
        const char *word;
        ValueType type;
        bool truth;
    } words[] = {{"true", VALUE_BOOL, true},
                 {"false", VALUE_BOOL, false},
                 {"null", VALUE_NULL, false}};

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        gsize len = strlen(words[i].word);
        if ((gsize) (r->end - r->p) >= len &&
            memcmp(r->p, words[i].word, len) == 0) {
            r->p += len;
            Message *value = g_new0(Message, 1);
            value->type = words[i].type;
            value->truth = words[i].truth;
            return value;
        }
    }
    return complain(r, "a value was expected");
}

/* One element or member; NULL and a complaint. */
static Message *
read_item(Reader *r, bool member, unsigned depth)
{
    g_autofree char *key = NULL;
    if (member) {
        key = read_string(r);
        if (key == NULL)
            return NULL;
        if (!accept(r, ':'))
            return complain(r, "':' was expected");
    }
    Message *item = read_value(r, depth + 1);
    if (item != NULL)
        item->key = g_steal_pointer(&key);
    return item;
}

static Message *
read_items(Reader *r, bool object, unsigned depth)
{
    char close = object ? '}' : ']';
    g_autoptr(Message) value = g_new0(Message, 1);

    value->type = object ? VALUE_OBJECT : VALUE_ARRAY;
    value->items = g_ptr_array_new_with_free_func(free_item);
    r->p++;
    if (accept(r, close))
        return g_steal_pointer(&value);
    do {
        Message *item = read_item(r, object, depth);
        if (item == NULL)
            return NULL;
        g_ptr_array_add(value->items, item);
    } while (accept(r, ','));
    if (!accept(r, close))
        return complain(r, "an object or array does not end");
    return g_steal_pointer(&value);
}

static Message *
read_value(Reader *r, unsigned depth)
{
    if (depth > MAX_DEPTH)
        return complain(r, "it is nested too deeply");
    skip_blank(r);
    if (r->p >= r->end)
        return complain(r, "it ends too early");
    if (*r->p == '{' || *r->p == '[')
        return read_items(r, *r->p == '{', depth);
    if (*r->p == '-' || g_ascii_isdigit(*r->p))
        return read_number(r);
    if (*r->p != '"')
        return read_word(r);
    char *string = read_string(r);
    if (string == NULL)
        return NULL;
    Message *value = g_new0(Message, 1);
    value->type = VALUE_STRING;
    value->string = string;
    return value;
}

Message *
message_parse(const char *text, gsize len, GError **error)
{
    Reader r = {.p = text, .end = text + len};
    g_autoptr(Message) value = NULL;

    if (!g_utf8_validate(text, (gssize) len, NULL))
        r.wrong = "it is not UTF-8";
    else
        value = read_value(&r, 0);
    if (value != NULL) {
        skip_blank(&r);
        if (r.p != r.end)
            r.wrong = "something follows it";
        else if (value->type != VALUE_OBJECT)
            r.wrong = "it is no object";
    }
    if (r.wrong == NULL)
        return g_steal_pointer(&value);
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_PROTOCOL,
                "the line is not a JSON object: %s", r.wrong);
    return NULL;
}

static const Message *
find(const Message *m, const char *key)
{
    if (m == NULL || m->type != VALUE_OBJECT)
        return NULL;
    for (guint i = 0; i < m->items->len; i++) {
        const Message *item = m->items->pdata[i];
        if (strcmp(item->key, key) == 0)
            return item;
    }
    return NULL;
}

bool
message_has(const Message *m, const char *key)
{
    return find(m, key) != NULL;
}

const char *
message_value_string(const Message *m, const char *fallback)
{
    return m != NULL && m->type == VALUE_STRING ? m->string : fallback;
}

gint64
message_value_int(const Message *m, gint64 fallback)
{
    /* Beyond 2^53 a double no longer counts, so such a number is no integer. */
    if (m == NULL || m->type != VALUE_NUMBER || fabs(m->number) > 0x1p53 ||
        m->number != floor(m->number))
        return fallback;
    return (gint64) m->number;
}

const char *
message_string(const Message *m, const char *key, const char *fallback)
{
    return message_value_string(find(m, key), fallback);
}

gint64
message_int(const Message *m, const char *key, gint64 fallback)
{
    return message_value_int(find(m, key), fallback);
}

double
message_number(const Message *m, const char *key, double fallback)
{
    const Message *value = find(m, key);
    return value != NULL && value->type == VALUE_NUMBER ? value->number
                                                        : fallback;
}

bool
message_bool(const Message *m, const char *key, bool fallback)
{
    const Message *value = find(m, key);
    return value != NULL && value->type == VALUE_BOOL ? value->truth : fallback;
}

const Message *
message_member(const Message *m, const char *key)
{
    const Message *value = find(m, key);
    return value != NULL && value->items != NULL ? value : NULL;
}

unsigned
message_length(const Message *m)
{
    return m != NULL && m->type == VALUE_ARRAY ? m->items->len : 0;
}

const Message *
message_item(const Message *m, unsigned i)
{
    return i < message_length(m) ? m->items->pdata[i] : NULL;
}

struct MessageOut {
    GString *text;
    GString *open; /* closing characters of what is open, innermost last */
    bool first;
};

MessageOut *
message_out_new(void)
{
    MessageOut *out = g_new0(MessageOut, 1);
    out->text = g_string_new("{");
    out->open = g_string_new("}");
    out->first = true;
    return out;
}

void
message_out_free(MessageOut *out)
{
    if (out == NULL)
        return;
    g_string_free(out->text, TRUE);
    g_string_free(out->open, TRUE);
    g_free(out);
}

static void
put_quoted(GString *text, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    g_string_append_c(text, '"');
    for (const char *p = valid; *p != '\0'; p++) {
        guchar c = (guchar) *p;
        if (c == '"' || c == '\\')
            g_string_append_printf(text, "\\%c", c);
        else if (c == '\n')
            g_string_append(text, "\\n");
        else if (c < 0x20 || c == 0x7f)
            g_string_append_printf(text, "\\u%04x", c);
        else
            g_string_append_c(text, *p);
    }
    g_string_append_c(text, '"');
}

static void
put_key(MessageOut *out, const char *key)
{
    if (!out->first)
        g_string_append_c(out->text, ',');
    out->first = false;
    if (key != NULL) {
        put_quoted(out->text, key);
        g_string_append_c(out->text, ':');
    }
}

void
message_put_string(MessageOut *out, const char *key, const char *value)
{
    put_key(out, key);
    if (value == NULL)
        g_string_append(out->text, "null");
    else
        put_quoted(out->text, value);
}

void
message_put_int(MessageOut *out, const char *key, gint64 value)
{
    put_key(out, key);
    g_string_append_printf(out->text, "%" G_GINT64_FORMAT, value);
}

void
message_put_number(MessageOut *out, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    put_key(out, key);
    if (!isfinite(value))
        value = 0;
    g_string_append(out->text,
                    g_ascii_formatd(text, sizeof text, "%.3f", value));
}

void
message_put_bool(MessageOut *out, const char *key, bool value)
{
    put_key(out, key);
    g_string_append(out->text, value ? "true" : "false");
}

void
message_begin_object(MessageOut *out, const char *key)
{
    put_key(out, key);
    g_string_append_c(out->text, '{');
    g_string_append_c(out->open, '}');
    out->first = true;
}

void
message_begin_array(MessageOut *out, const char *key)
{
    put_key(out, key);
    g_string_append_c(out->text, '[');
    g_string_append_c(out->open, ']');
    out->first = true;
}

void
message_end(MessageOut *out)
{
    g_return_if_fail(out->open->len > 1);
    g_string_append_c(out->text, out->open->str[out->open->len - 1]);
    g_string_truncate(out->open, out->open->len - 1);
    out->first = false;
}

char *
message_out_finish(MessageOut *out, gsize *ret_len)
{
    while (out->open->len > 1)
        message_end(out);
    g_string_append(out->text, "}\n");
    *ret_len = out->text->len;
    char *text = g_string_free(out->text, FALSE);
    g_string_free(out->open, TRUE);
    g_free(out);
    return text;
}
