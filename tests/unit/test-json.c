/* tests/unit/test-json.c - writing and reading JSON. */
#include "app/json.h"

#include <string.h>

#include "tests/unit/cu-main.h"

static JsonNode *
parse(const char *text)
{
    return json_parse(text, strlen(text), NULL);
}

static bool
is_refused(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_parse(text, strlen(text), &error);

    return node == NULL && error != NULL;
}

static void
a_nested_value_is_written_with_its_commas(void)
{
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_int(w, "a", -1);
    json_begin_array(w, "b");
    json_put_bool(w, NULL, true);
    json_put_null(w, NULL);
    json_begin_object(w, NULL);
    json_end(w);
    json_end(w);
    json_put_optional(w, "none", "");
    json_put_double(w, "c", 0.5);
    json_put_u64(w, "d", G_MAXUINT64);
    g_autofree char *text = json_writer_finish(w);

    CU_ASSERT_STRING_EQUAL(text, "{\"a\":-1,\"b\":[true,null,{}],\"c\":0.5,"
                                 "\"d\":18446744073709551615}");
}

static void
strings_are_escaped_repaired_and_safe_on_a_terminal(void)
{
    JsonWriter *w = json_writer_new();

    json_put_string(w, NULL, "\"\\\n\033\x7f\xc2\x9b\xff\xc3\xa4");
    g_autofree char *text = json_writer_finish(w);

    CU_ASSERT_STRING_EQUAL(text, "\"\\\"\\\\\\n\\u001b\\u007f\\u009b"
                                 "\xef\xbf\xbd\xc3\xa4\"");
}

static void
what_is_no_number_becomes_null(void)
{
    JsonWriter *w = json_writer_new();

    json_put_double(w, NULL, 0.0 / 0.0);
    g_autofree char *text = json_writer_finish(w);

    CU_ASSERT_STRING_EQUAL(text, "null");
}

static void
members_are_found_by_name_and_type(void)
{
    g_autoptr(JsonNode) n =
        parse(" {\"s\":\"x\",\"i\":-42,\"d\":1.5,\"b\":true,\"a\":[1,2]} ");

    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    CU_ASSERT_STRING_EQUAL(json_get_string(n, "s", "?"), "x");
    CU_ASSERT_EQUAL(json_get_int(n, "i", 0), -42);
    CU_ASSERT_DOUBLE_EQUAL(json_double(json_get(n, "d"), 0), 1.5, 0.001);
    CU_ASSERT_TRUE(json_get_bool(n, "b", false));
    CU_ASSERT_EQUAL(json_length(json_get(n, "a")), 2);
    CU_ASSERT_EQUAL(json_int(json_at(json_get(n, "a"), 1), 0), 2);
    CU_ASSERT_STRING_EQUAL(json_name_at(n, 0), "s");
}

static void
absent_and_other_types_give_the_fallback(void)
{
    g_autoptr(JsonNode) n = parse("{\"s\":\"x\"}");

    CU_ASSERT_EQUAL(json_get_int(n, "s", 7), 7);
    CU_ASSERT_STRING_EQUAL(json_get_string(n, "t", "?"), "?");
    CU_ASSERT_EQUAL(json_get_int(json_get(n, "s"), "x", 7), 7);
    CU_ASSERT_PTR_NULL(json_at(n, 1));
    CU_ASSERT_PTR_NULL(json_name_at(NULL, 0));
}

static void
escapes_and_surrogate_pairs_are_decoded(void)
{
    g_autoptr(JsonNode) n = parse("\"\\u00e4\\ud83d\\ude00\\/\\b\"");

    CU_ASSERT_STRING_EQUAL(json_string(n, ""), "\xc3\xa4\xf0\x9f\x98\x80/\b");
}

static void
large_integers_become_doubles(void)
{
    g_autoptr(JsonNode) fits = parse("9223372036854775807");
    g_autoptr(JsonNode) not = parse("9223372036854775808");

    CU_ASSERT_EQUAL(json_int(fits, 0), G_MAXINT64);
    CU_ASSERT_EQUAL(json_type(not ), JSON_DOUBLE);
}

static void
what_is_not_json_is_refused(void)
{
    CU_ASSERT_TRUE(is_refused(""));
    CU_ASSERT_TRUE(is_refused("{"));
    CU_ASSERT_TRUE(is_refused("{\"a\":1,}"));
    CU_ASSERT_TRUE(is_refused("[1 2]"));
    CU_ASSERT_TRUE(is_refused("[1]x"));
    CU_ASSERT_TRUE(is_refused("{a:1}"));
    CU_ASSERT_TRUE(is_refused("'a'"));
    CU_ASSERT_TRUE(is_refused("01"));
    CU_ASSERT_TRUE(is_refused("1."));
    CU_ASSERT_TRUE(is_refused("+1"));
    CU_ASSERT_TRUE(is_refused("-"));
    CU_ASSERT_TRUE(is_refused("NaN"));
    CU_ASSERT_TRUE(is_refused("tru"));
    CU_ASSERT_TRUE(is_refused("\"a"));
    CU_ASSERT_TRUE(is_refused("\"a\nb\""));
    CU_ASSERT_TRUE(is_refused("\"\\x\""));
    CU_ASSERT_TRUE(is_refused("\"\\ud800\""));
    CU_ASSERT_TRUE(is_refused("\"\\udc00\\ud800\""));
    CU_ASSERT_TRUE(is_refused("\"\\u0000\""));
    CU_ASSERT_TRUE(is_refused("\"\xff\""));
    CU_ASSERT_TRUE(is_refused("{\"a\":1,\"a\":2}"));
}

static void
deep_nesting_is_refused_without_deep_recursion(void)
{
    g_autofree char *deep = g_strnfill(100000, '[');
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) edge = NULL;
    g_autofree char *open = g_strnfill(JSON_MAX_DEPTH, '[');
    g_autofree char *close = g_strnfill(JSON_MAX_DEPTH, ']');
    g_autofree char *allowed = g_strconcat(open, close, NULL);

    CU_ASSERT_PTR_NULL(json_parse(deep, 100000, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_JSON_ERROR, CARREL_JSON_ERROR_LIMIT));
    edge = parse(allowed);
    CU_ASSERT_PTR_NOT_NULL(edge);
}

static void
a_text_of_more_than_a_megabyte_is_refused(void)
{
    g_autofree char *big = g_strnfill(JSON_MAX_BYTES + 1, ' ');
    g_autoptr(GError) error = NULL;

    CU_ASSERT_PTR_NULL(json_parse(big, JSON_MAX_BYTES + 1, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_JSON_ERROR, CARREL_JSON_ERROR_LIMIT));
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

CU_MAIN("json", CASE(a_nested_value_is_written_with_its_commas),
        CASE(strings_are_escaped_repaired_and_safe_on_a_terminal),
        CASE(what_is_no_number_becomes_null),
        CASE(members_are_found_by_name_and_type),
        CASE(absent_and_other_types_give_the_fallback),
        CASE(escapes_and_surrogate_pairs_are_decoded),
        CASE(large_integers_become_doubles), CASE(what_is_not_json_is_refused),
        CASE(deep_nesting_is_refused_without_deep_recursion),
        CASE(a_text_of_more_than_a_megabyte_is_refused))
