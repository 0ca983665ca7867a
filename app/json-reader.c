/* app/json-reader.c - the reading half of json.h: recursive descent with a
 * depth limit; every byte of the text is looked at a bounded number of times. */
#include "app/json.h"

#include <errno.h>
#include <string.h>

struct JsonNode {
    JsonType type;
    char *string;
    gint64 integer; /* JSON_BOOL too */
    double number;
    GPtrArray *items;  /* JsonNode */
    GPtrArray *names;  /* char *, for objects: same indices */
    GHashTable *index; /* name -> JsonNode, for objects */
};

typedef struct {
    const char *start, *at, *end;
    unsigned depth;
    GError **error;
} Reader;

static JsonNode *read_value(Reader *r); /* values nest */

GQuark
carrel_json_error_quark(void)
{
    return g_quark_from_static_string("carrel-json-error");
}

void
json_free(JsonNode *node)
{
    if (node == NULL)
        return;
    g_free(node->string);
    g_clear_pointer(&node->index, g_hash_table_unref);
    g_clear_pointer(&node->items, g_ptr_array_unref);
    g_clear_pointer(&node->names, g_ptr_array_unref);
    g_free(node);
}

static JsonNode *
node_new(JsonType type)
{
    JsonNode *node = g_new0(JsonNode, 1);

    node->type = type;
    return node;
}

static JsonNode *
fail(Reader *r, const char *what)
{
    if (r->error == NULL || *r->error == NULL)
        g_set_error(r->error, CARREL_JSON_ERROR, CARREL_JSON_ERROR_SYNTAX,
                    "JSON: %s at byte %" G_GSIZE_FORMAT, what,
                    (gsize) (r->at - r->start));
    return NULL;
}

static void
skip_space(Reader *r)
{
    while (r->at < r->end && memchr(" \t\r\n", *r->at, 4) != NULL)
        r->at++;
}

/* Takes c when it is next, after white space. */
static bool
take(Reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool
read_hex4(Reader *r, guint32 *ret_unit)
{
    guint32 unit = 0;

    if (r->end - r->at < 4)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*r->at++);
        if (digit < 0)
            return false;
        unit = unit << 4 | (guint32) digit;
    }
    *ret_unit = unit;
    return true;
}

static bool
read_unicode(Reader *r, GString *out)
{
    guint32 unit, low;

    if (!read_hex4(r, &unit) || unit == 0)
        return false;
    if (unit >= 0xdc00 && unit < 0xe000)
        return false;
    if (unit >= 0xd800 && unit < 0xdc00) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
            return false;
        r->at += 2;
        if (!read_hex4(r, &low) || low < 0xdc00 || low >= 0xe000)
            return false;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    g_string_append_unichar(out, unit);
    return true;
}

static bool
read_escape(Reader *r, GString *out)
{
    static const char names[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";

    if (r->at == r->end)
        return false;
    char c = *r->at++;
    if (c == 'u')
        return read_unicode(r, out);
    const char *name = memchr(names, c, sizeof names - 1);
    if (name == NULL)
        return false;
    g_string_append_c(out, meaning[name - names]);
    return true;
}

/* Behind the opening quote. NULL: error set. */
static char *
read_text(Reader *r)
{
    GString *out = g_string_new(NULL);

    while (r->at < r->end && *r->at != '"') {
        guint8 c = (guint8) *r->at++;
        bool ok = c >= 0x20;
        if (c == '\\')
            ok = read_escape(r, out);
        else
            g_string_append_c(out, (char) c);
        if (!ok) {
            g_string_free(out, TRUE);
            fail(r, "bad character or escape in a string");
            return NULL;
        }
    }
    if (r->at == r->end) {
        g_string_free(out, TRUE);
        fail(r, "a string without an end");
        return NULL;
    }
    r->at++;
    return g_string_free(out, FALSE);
}

static bool
skip_digits(Reader *r)
{
    const char *from = r->at;

    while (r->at < r->end && g_ascii_isdigit(*r->at))
        r->at++;
    return r->at > from;
}

/* Moves over a number; false when it is none by the grammar. */
static bool
scan_number(Reader *r, bool *ret_integer)
{
    *ret_integer = true;
    if (r->at < r->end && *r->at == '-')
        r->at++;
    const char *first = r->at;
    if (!skip_digits(r) || (*first == '0' && r->at - first > 1))
        return false;
    if (r->at < r->end && *r->at == '.') {
        *ret_integer = false;
        r->at++;
        if (!skip_digits(r))
            return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        *ret_integer = false;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!skip_digits(r))
            return false;
    }
    return true;
}

static JsonNode *
read_number(Reader *r)
{
    enum { MAX_DIGITS = 64 };
    const char *from = r->at;
    bool integer;

    if (!scan_number(r, &integer))
        return fail(r, "not a number");
    if (r->at - from > MAX_DIGITS)
        return fail(r, "a number that is too long");
    g_autofree char *text = g_strndup(from, (gsize) (r->at - from));
    errno = 0;
    gint64 value = g_ascii_strtoll(text, NULL, 10);
    JsonNode *node = node_new(integer && errno == 0 ? JSON_INT : JSON_DOUBLE);
    node->integer = node->type == JSON_INT ? value : 0;
    node->number = g_ascii_strtod(text, NULL);
    return node;
}

static JsonNode *
read_word(Reader *r)
{
    static const struct {
        const char *word;
        JsonType type;
        gint64 value;
    } words[] = {{"true", JSON_BOOL, 1},
                 {"false", JSON_BOOL, 0},
                 {"null", JSON_NULL, 0}};

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        gsize len = strlen(words[i].word);
        if ((gsize) (r->end - r->at) < len ||
            memcmp(r->at, words[i].word, len) != 0)
            continue;
        r->at += len;
        JsonNode *node = node_new(words[i].type);
        node->integer = words[i].value;
        return node;
    }
    return fail(r, "not a value");
}

static JsonNode *
read_string(Reader *r)
{
    r->at++;
    char *text = read_text(r);
    if (text == NULL)
        return NULL;
    JsonNode *node = node_new(JSON_STRING);
    node->string = text;
    return node;
}

static JsonNode *
read_array(Reader *r)
{
    g_autoptr(JsonNode) node = node_new(JSON_ARRAY);

    node->items = g_ptr_array_new_with_free_func((GDestroyNotify) json_free);
    r->at++;
    if (take(r, ']'))
        return g_steal_pointer(&node);
    do {
        JsonNode *item = read_value(r);
        if (item == NULL)
            return NULL;
        g_ptr_array_add(node->items, item);
    } while (take(r, ','));
    if (!take(r, ']'))
        return fail(r, "expected ',' or ']'");
    return g_steal_pointer(&node);
}

static bool
read_member(Reader *r, JsonNode *object)
{
    if (!take(r, '"'))
        return fail(r, "expected a name in quotes") != NULL;
    char *name = read_text(r);
    if (name == NULL)
        return false;
    g_ptr_array_add(object->names, name);
    if (g_hash_table_contains(object->index, name))
        return fail(r, "a name twice in one object") != NULL;
    if (!take(r, ':'))
        return fail(r, "expected ':'") != NULL;
    JsonNode *value = read_value(r);
    if (value == NULL)
        return false;
    g_ptr_array_add(object->items, value);
    g_hash_table_insert(object->index, name, value);
    return true;
}

static JsonNode *
read_object(Reader *r)
{
    g_autoptr(JsonNode) node = node_new(JSON_OBJECT);

    node->items = g_ptr_array_new_with_free_func((GDestroyNotify) json_free);
    node->names = g_ptr_array_new_with_free_func(g_free);
    node->index = g_hash_table_new(g_str_hash, g_str_equal);
    r->at++;
    if (take(r, '}'))
        return g_steal_pointer(&node);
    do {
        if (!read_member(r, node))
            return NULL;
    } while (take(r, ','));
    if (!take(r, '}'))
        return fail(r, "expected ',' or '}'");
    return g_steal_pointer(&node);
}

static JsonNode *
read_nested(Reader *r)
{
    if (r->depth == JSON_MAX_DEPTH) {
        g_set_error(r->error, CARREL_JSON_ERROR, CARREL_JSON_ERROR_LIMIT,
                    "JSON: nested deeper than %d", JSON_MAX_DEPTH);
        return NULL;
    }
    r->depth++;
    JsonNode *node = *r->at == '{' ? read_object(r) : read_array(r);
    r->depth--;
    return node;
}

static JsonNode *
read_value(Reader *r)
{
    skip_space(r);
    if (r->at == r->end)
        return fail(r, "the text ends where a value is expected");
    if (*r->at == '{' || *r->at == '[')
        return read_nested(r);
    if (*r->at == '"')
        return read_string(r);
    if (*r->at == '-' || g_ascii_isdigit(*r->at))
        return read_number(r);
    return read_word(r);
}

JsonNode *
json_parse(const char *text, gsize len, GError **error)
{
    GError *problem = NULL;
    Reader r = {text, text, text + len, 0, &problem};

    if (len > JSON_MAX_BYTES) {
        g_set_error(error, CARREL_JSON_ERROR, CARREL_JSON_ERROR_LIMIT,
                    "JSON: longer than %d bytes", JSON_MAX_BYTES);
        return NULL;
    }
    if (!g_utf8_validate_len(text, len, NULL)) {
        g_set_error(error, CARREL_JSON_ERROR, CARREL_JSON_ERROR_SYNTAX,
                    "JSON: the text is not UTF-8");
        return NULL;
    }
    JsonNode *node = read_value(&r);
    skip_space(&r);
    if (node != NULL && r.at != r.end) {
        json_free(node);
        node = fail(&r, "text after the value");
    }
    if (node == NULL)
        g_propagate_error(error, problem);
    return node;
}

JsonType
json_type(const JsonNode *node)
{
    return node != NULL ? node->type : JSON_NULL;
}

const JsonNode *
json_get(const JsonNode *object, const char *name)
{
    if (json_type(object) != JSON_OBJECT || object->index == NULL)
        return NULL;
    return g_hash_table_lookup(object->index, name);
}

unsigned
json_length(const JsonNode *node)
{
    return node != NULL && node->items != NULL ? node->items->len : 0;
}

const JsonNode *
json_at(const JsonNode *node, unsigned i)
{
    return i < json_length(node) ? g_ptr_array_index(node->items, i) : NULL;
}

const char *
json_name_at(const JsonNode *object, unsigned i)
{
    if (json_type(object) != JSON_OBJECT || i >= json_length(object))
        return NULL;
    return g_ptr_array_index(object->names, i);
}

const char *
json_string(const JsonNode *node, const char *fallback)
{
    return json_type(node) == JSON_STRING ? node->string : fallback;
}

gint64
json_int(const JsonNode *node, gint64 fallback)
{
    return json_type(node) == JSON_INT ? node->integer : fallback;
}

double
json_double(const JsonNode *node, double fallback)
{
    JsonType type = json_type(node);

    return type == JSON_INT || type == JSON_DOUBLE ? node->number : fallback;
}

bool
json_bool(const JsonNode *node, bool fallback)
{
    return json_type(node) == JSON_BOOL ? node->integer != 0 : fallback;
}

const char *
json_get_string(const JsonNode *object, const char *name, const char *fallback)
{
    return json_string(json_get(object, name), fallback);
}

gint64
json_get_int(const JsonNode *object, const char *name, gint64 fallback)
{
    return json_int(json_get(object, name), fallback);
}

bool
json_get_bool(const JsonNode *object, const char *name, bool fallback)
{
    return json_bool(json_get(object, name), fallback);
}
