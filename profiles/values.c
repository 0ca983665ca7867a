/* profiles/values.c - the rules of single values: notation, range, and the
 * sentence that tells a person what would have been right. */
#include "profiles/schema.h"

#include <string.h>

#define MAX_HOST_CPUS 1024u /* CPU_SETSIZE */

const char *
schema_type_name(SchemaType type)
{
    static const char *const names[] = {
        [SCHEMA_BOOL] = "bool",     [SCHEMA_INT] = "int",
        [SCHEMA_SIZE] = "size",     [SCHEMA_ENUM] = "choice",
        [SCHEMA_STRING] = "string", [SCHEMA_PATH] = "path",
        [SCHEMA_FILE] = "file",     [SCHEMA_LIST] = "list",
    };

    return names[type];
}

bool
schema_parse_bool(const char *text, bool *ret_value)
{
    static const char *const yes[] = {"true", "yes", "on", "1", NULL};
    static const char *const no[] = {"false", "no", "off", "0", NULL};

    if (g_strv_contains(yes, text))
        *ret_value = true;
    else if (g_strv_contains(no, text))
        *ret_value = false;
    else
        return false;
    return true;
}

/* Reads digits at *at and moves it behind them. */
static bool
parse_digits(const char **at, guint64 *ret_value)
{
    guint64 value = 0;
    const char *c = *at;

    if (!g_ascii_isdigit(*c))
        return false;
    for (; g_ascii_isdigit(*c); c++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (guint64) (*c - '0'), &value))
            return false;
    *at = c;
    *ret_value = value;
    return true;
}

bool
schema_parse_u64(const char *text, guint64 *ret_value)
{
    guint64 value;

    if (!parse_digits(&text, &value) || *text != '\0')
        return false;
    *ret_value = value;
    return true;
}

bool
schema_parse_size(const char *text, guint64 *ret_bytes)
{
    static const char units[] = "KMGT";
    guint64 value;

    if (!parse_digits(&text, &value))
        return false;
    if (*text != '\0') {
        const char *unit = strchr(units, g_ascii_toupper(*text));
        if (unit == NULL)
            return false;
        for (const char *u = units; u <= unit; u++)
            if (__builtin_mul_overflow(value, 1024u, &value))
                return false;
        text++;
        if (strcmp(text, "") != 0 && strcmp(text, "iB") != 0)
            return false;
    }
    *ret_bytes = value;
    return true;
}

char *
schema_format_size(guint64 bytes)
{
    static const char units[] = "KMGT";
    unsigned n = 0;

    while (bytes != 0 && bytes % 1024 == 0 && n < 4) {
        bytes /= 1024;
        n++;
    }
    if (n == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
    return g_strdup_printf("%" G_GUINT64_FORMAT "%c", bytes, units[n - 1]);
}

static char *
join_choices(const SchemaKey *key)
{
    g_auto(GStrv) words = g_strsplit(key->choices, "|", -1);
    return g_strjoinv(", ", words);
}

static char *
describe_size(const SchemaKey *key)
{
    g_autofree char *min = schema_format_size(key->min);
    g_autofree char *max = schema_format_size(key->max);

    return g_strdup_printf("a size from %s to %s%s", min, max,
                           key->flags & SCHEMA_POWER_OF_2 ? ", a power of two"
                                                          : "");
}

char *
schema_describe_allowed(const SchemaKey *key)
{
    g_autofree char *choices = key->choices != NULL ? join_choices(key) : NULL;

    switch (key->type) {
    case SCHEMA_BOOL: return g_strdup("true or false");
    case SCHEMA_INT:
        return g_strdup_printf("a whole number from %" G_GUINT64_FORMAT
                               " to %" G_GUINT64_FORMAT "%s%s",
                               key->min, key->max, key->unit ? " " : "",
                               key->unit ? key->unit : "");
    case SCHEMA_SIZE: return describe_size(key);
    case SCHEMA_ENUM: return g_strdup_printf("one of: %s", choices);
    case SCHEMA_LIST:
        return g_strdup_printf("a comma separated list of: %s", choices);
    case SCHEMA_PATH:
        return g_strdup_printf("a path of at most %" G_GUINT64_FORMAT " bytes",
                               key->max);
    case SCHEMA_FILE:
        return g_strdup_printf("a file name or a path of at most "
                               "%" G_GUINT64_FORMAT " bytes",
                               key->max);
    case SCHEMA_STRING:
    default:
        return g_strdup_printf(
            "%s of at most %" G_GUINT64_FORMAT " bytes",
            key->flags & SCHEMA_ASCII ? "ASCII text" : "text", key->max);
    }
}

static bool
choice_contains(const SchemaKey *key, const char *word)
{
    g_auto(GStrv) words = g_strsplit(key->choices, "|", -1);
    return g_strv_contains((const char *const *) words, word);
}

/* Text from a file, cut and without control characters: it is going to be
 * part of a message on a terminal. */
static char *
quote(const char *value)
{
    enum { SHOWN = 40 };
    g_autofree char *valid = g_utf8_make_valid(value, -1);
    bool cut = g_utf8_strlen(valid, -1) > SHOWN;
    g_autofree char *head =
        cut ? g_utf8_substring(valid, 0, SHOWN) : g_strdup(valid);
    GString *out = g_string_new("'");

    for (const char *c = head; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        g_string_append_unichar(out, g_unichar_iscntrl(u) ? '?' : u);
    }
    g_string_append(out, cut ? "...'" : "'");
    return g_string_free(out, FALSE);
}

/* What kind of problem a number has, or NULL. */
static const char *
check_number(const SchemaKey *key, guint64 number)
{
    if (number < key->min)
        return "is too small";
    if (number > key->max)
        return "is too large";
    if ((key->flags & SCHEMA_POWER_OF_2) && (number & (number - 1)) != 0)
        return "is not a power of two";
    return NULL;
}

static const char *
check_text(const SchemaKey *key, const char *value)
{
    gsize len = strlen(value);

    if (len < key->min)
        return "is empty";
    if (len > key->max)
        return "is too long";
    if (!g_utf8_validate(value, -1, NULL))
        return "is not UTF-8";
    for (const char *c = value; *c != '\0'; c = g_utf8_next_char(c)) {
        if (g_unichar_iscntrl(g_utf8_get_char(c)))
            return "contains a control character";
        if ((key->flags & SCHEMA_ASCII) && (*c & 0x80) != 0)
            return "contains a character that is not ASCII";
    }
    return NULL;
}

static const char *
check_list(const SchemaKey *key, const char *value)
{
    g_auto(GStrv) words = g_strsplit(value, ",", -1);

    if (words[0] == NULL && key->min > 0)
        return "is empty";
    for (unsigned i = 0; words[i] != NULL; i++) {
        g_strstrip(words[i]);
        if (!choice_contains(key, words[i]))
            return "names something unknown";
        for (unsigned k = 0; k < i; k++)
            if (strcmp(words[k], words[i]) == 0)
                return "names something twice";
    }
    return NULL;
}

/* The problem as the predicate of a sentence, or NULL. */
static const char *
find_problem(const SchemaKey *key, const char *value)
{
    guint64 number;
    bool flag;

    switch (key->type) {
    case SCHEMA_BOOL:
        return schema_parse_bool(value, &flag) ? NULL
                                               : "is neither true nor false";
    case SCHEMA_INT:
        if (!schema_parse_u64(value, &number))
            return "is not a whole number in range";
        return check_number(key, number);
    case SCHEMA_SIZE:
        if (!schema_parse_size(value, &number))
            return "is not a size in range";
        return check_number(key, number);
    case SCHEMA_ENUM:
        return choice_contains(key, value) ? NULL : "is not a known choice";
    case SCHEMA_LIST: return check_list(key, value);
    case SCHEMA_STRING:
    case SCHEMA_PATH:
    case SCHEMA_FILE:
    default: return check_text(key, value);
    }
}

/* The list with every slip of the finger mended, or NULL. */
static char *
mend_list(const SchemaKey *key, const char *value)
{
    g_auto(GStrv) words = g_strsplit(value, ",", -1);

    for (unsigned i = 0; words[i] != NULL; i++) {
        char *near = schema_nearest_choice(key->choices, g_strstrip(words[i]));
        if (near == NULL)
            return NULL;
        g_free(words[i]);
        words[i] = near;
    }
    g_autofree char *mended = g_strjoinv(",", words);
    return find_problem(key, mended) == NULL ? g_steal_pointer(&mended) : NULL;
}

/* "512" for a size of at least 1M almost always means 512M. */
static char *
guess(const SchemaKey *key, const char *value)
{
    guint64 number;

    if (key->type == SCHEMA_SIZE && schema_parse_u64(value, &number) &&
        number >= key->min >> 20 && number <= key->max >> 20 && number != 0)
        return g_strdup_printf("; did you mean %sM?", value);
    g_autofree char *near = NULL;
    if (key->type == SCHEMA_ENUM)
        near = schema_nearest_choice(key->choices, value);
    else if (key->type == SCHEMA_LIST)
        near = mend_list(key, value);
    else if (key->type == SCHEMA_BOOL)
        near = g_ascii_strdown(value, -1);
    if (near != NULL && find_problem(key, near) == NULL)
        return g_strdup_printf("; did you mean %s?", near);
    return g_strdup("");
}

char *
schema_check_value(const SchemaKey *key, const char *value)
{
    const char *problem = find_problem(key, value);
    const char *rule = NULL;

    if (problem == NULL && *value != '\0' && key->check != NULL)
        rule = key->check(value);
    if (problem == NULL && rule == NULL)
        return NULL;

    g_autofree char *shown =
        key->flags & SCHEMA_SECRET ? g_strdup("the value") : quote(value);
    if (rule != NULL)
        return g_strdup_printf("%s is not allowed; allowed is %s", shown, rule);
    g_autofree char *allowed = schema_describe_allowed(key);
    g_autofree char *hint = guess(key, value);
    return g_strdup_printf("%s %s; allowed is %s%s", shown, problem, allowed,
                           hint);
}

/* "8" or "8-11" onto the list. */
static bool
add_cpus(const char *word, GArray *list)
{
    const char *dash = strchr(word, '-');
    g_autofree char *low =
        dash != NULL ? g_strndup(word, (gsize) (dash - word)) : g_strdup(word);
    guint64 first, last;

    if (!schema_parse_u64(low, &first) ||
        !schema_parse_u64(dash != NULL ? dash + 1 : word, &last) ||
        first > last || last >= MAX_HOST_CPUS)
        return false;
    for (unsigned cpu = (unsigned) first; cpu <= last; cpu++) {
        for (guint i = 0; i < list->len; i++)
            if (g_array_index(list, unsigned, i) == cpu)
                return false;
        g_array_append_val(list, cpu);
    }
    return true;
}

GArray *
schema_parse_cpus(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(unsigned));

    for (gsize i = 0; words[i] != NULL; i++)
        if (!add_cpus(g_strstrip(words[i]), list))
            return NULL;
    return list->len > 0 ? g_steal_pointer(&list) : NULL;
}
