/* tests/unit/test-bench.c - what `carrel bench` makes of a guest's words and
 * of figures, and what its networks' other end answers. */
#include <string.h>

#include "app/bench/bench.h"
#include "app/bench/net-peer.h"
#include "tests/unit/cu-main.h"

/* ---- statistics ---- */

static void
the_median_of_an_odd_number_is_the_middle_one(void)
{
    double values[] = {9, 1, 5};
    BenchStats s = bench_stats(values, 3);

    CU_ASSERT_EQUAL(s.n, 3);
    CU_ASSERT_DOUBLE_EQUAL(s.median, 5, 0);
    CU_ASSERT_DOUBLE_EQUAL(s.min, 1, 0);
    CU_ASSERT_DOUBLE_EQUAL(s.max, 9, 0);
}

static void
the_median_of_an_even_number_is_between_two(void)
{
    double values[] = {4, 1, 8, 2};

    CU_ASSERT_DOUBLE_EQUAL(bench_stats(values, 4).median, 3, 0);
}

static void
nothing_measured_is_no_division_by_zero(void)
{
    BenchStats s = bench_stats(NULL, 0);

    CU_ASSERT_EQUAL(s.n, 0);
    CU_ASSERT_DOUBLE_EQUAL(bench_spread(&s), 0, 0);
}

static void
the_spread_is_the_farther_side_in_percent(void)
{
    const BenchStats s = {.median = 100, .min = 95, .max = 112, .n = 3};

    CU_ASSERT_DOUBLE_EQUAL(bench_spread(&s), 12, 1e-9);
}

static void
figures_show_three_digits_that_count(void)
{
    /* clang-format off */
    static const struct { double value; const char *text; } rows[] = {
        { 0.1234, "0.123" }, { 1.234, "1.23" }, { 12.34, "12.3" },
        { 123.4, "123" }, { 1234.5, "1,235" }, { 12345.6, "12,346" },
        { 1234567, "1,234,567" },
    };
    /* clang-format on */

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = bench_format(rows[i].value);
        CU_ASSERT_STRING_EQUAL(text, rows[i].text);
    }
}

/* ---- protocol ---- */

static BenchAnswer
feed(BenchProtocol *p, const char *bytes, gint64 now_ns)
{
    return bench_protocol_feed(p, bytes, strlen(bytes), now_ns);
}

static void
a_start_is_told_by_two_letters_and_ready(void)
{
    BenchProtocol p = {0};

    CU_ASSERT_EQUAL(feed(&p, "X", 10), BENCH_MORE);
    CU_ASSERT_EQUAL(feed(&p, "Yrea", 20), BENCH_MORE);
    CU_ASSERT_EQUAL(feed(&p, "dy\n", 30), BENCH_READY);
    CU_ASSERT_EQUAL(p.first_ns, 10);
    CU_ASSERT_EQUAL(p.entry_ns, 20);
    CU_ASSERT_EQUAL(p.ready_ns, 30);
}

static void
a_command_is_timed_between_its_marks(void)
{
    BenchProtocol p = {0};

    bench_protocol_begin(&p);
    CU_ASSERT_EQUAL(feed(&p, "<", 100), BENCH_MORE);
    CU_ASSERT_EQUAL(feed(&p, "..\n<X..", 150), BENCH_MORE);
    CU_ASSERT_EQUAL(feed(&p, ">", 300), BENCH_MORE);
    CU_ASSERT_EQUAL(feed(&p, "ok\n", 310), BENCH_OK);
    CU_ASSERT_EQUAL(p.begin_ns, 100);
    CU_ASSERT_EQUAL(p.end_ns, 300);
    CU_ASSERT_EQUAL(p.first_ns, 0);
}

static void
an_error_brings_its_text(void)
{
    BenchProtocol p = {0};

    bench_protocol_begin(&p);
    CU_ASSERT_EQUAL(feed(&p, "<>error the disk refused\n", 1), BENCH_FAILED);
    CU_ASSERT_STRING_EQUAL(p.text, "the disk refused");
}

static void
ok_without_marks_is_a_failure(void)
{
    BenchProtocol p = {0};

    bench_protocol_begin(&p);
    CU_ASSERT_EQUAL(feed(&p, "ok\n", 1), BENCH_FAILED);
    CU_ASSERT_STRING_EQUAL(p.text, "its answer is not understood");
}

static void
a_line_without_an_end_stays_in_its_room(void)
{
    BenchProtocol p = {0};
    g_autofree char *line = g_strnfill(10 * BENCH_LINE_MAX, 'a');

    CU_ASSERT_EQUAL(feed(&p, line, 1), BENCH_MORE);
    CU_ASSERT_EQUAL(p.len, BENCH_LINE_MAX - 1);
    CU_ASSERT_EQUAL(feed(&p, "\n", 2), BENCH_FAILED);
}

/* ---- tables ---- */

static GArray *
two_disks(void)
{
    /* clang-format off */
    static const BenchResult results[] = {
        { "disk", "ide",              "4k", "4K read", "IOPS", NULL,   true, { 1000, 990, 1050, 3 } },
        { "disk", "virtio-blk qcow2", "4k", "4K read", "IOPS", "blk2", true, { 2000, 2000, 2000, 1 } },
        { "disk", "virtio-blk qcow2", "1m", "1M read", "MB/s", "blk2", true, { 12.34, 12, 13, 3 } },
    };
    /* clang-format on */
    GArray *array = g_array_new(FALSE, FALSE, sizeof(BenchResult));

    g_array_append_vals(array, results, G_N_ELEMENTS(results));
    return array;
}

static void
devices_are_columns_and_metrics_are_lines(void)
{
    static const char *const expected[] = {
        "",        "",     "ide",       "blk2",     "passthrough",
        "4K read", "IOPS", "1,000 ±5%", "2,000",    "-",
        "1M read", "MB/s", "-",         "12.3 ±5%", "-"};
    g_autoptr(GArray) results = two_disks();
    unsigned columns = 0;
    GPtrArray *cells = bench_table(results, bench_row_find("disk"), &columns);

    CU_ASSERT_PTR_NOT_NULL_FATAL(cells);
    CU_ASSERT_EQUAL(columns, 5);
    CU_ASSERT_EQUAL_FATAL(cells->len, G_N_ELEMENTS(expected));
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
        CU_ASSERT_STRING_EQUAL(cells->pdata[i], expected[i]);
    g_ptr_array_unref(cells);
}

static void
a_row_without_results_has_no_table(void)
{
    g_autoptr(GArray) results = two_disks();
    unsigned columns;

    CU_ASSERT_PTR_NULL(bench_table(results, bench_row_find("net"), &columns));
    CU_ASSERT_PTR_NULL(bench_row_find("nothing"));
}

/* ---- JSON ---- */

static JsonNode *
written(const char *older)
{
    g_autoptr(GArray) results = two_disks();
    g_autofree char *json = bench_to_json(results, older);

    return json_parse(json, strlen(json), NULL);
}

static void
results_are_kept_with_their_spread(void)
{
    g_autoptr(JsonNode) root = written(NULL);
    const JsonNode *rows = json_get(root, "rows"), *first = json_at(rows, 0);

    CU_ASSERT_EQUAL(json_get_int(root, "version", 0), 1);
    CU_ASSERT_PTR_NOT_NULL(json_get(root, "host"));
    CU_ASSERT_EQUAL(json_length(rows), 3);
    CU_ASSERT_STRING_EQUAL(json_get_string(first, "row", ""), "disk");
    CU_ASSERT_STRING_EQUAL(json_get_string(first, "device", ""), "ide");
    CU_ASSERT_STRING_EQUAL(json_get_string(first, "metric", ""), "4k");
    CU_ASSERT_STRING_EQUAL(json_get_string(first, "unit", ""), "IOPS");
    CU_ASSERT_DOUBLE_EQUAL(json_double(json_get(first, "value"), 0), 1000, 0);
    CU_ASSERT_DOUBLE_EQUAL(json_double(json_get(first, "min"), 0), 990, 0);
    CU_ASSERT_DOUBLE_EQUAL(json_double(json_get(first, "max"), 0), 1050, 0);
}

static void
rows_that_were_not_measured_now_stay(void)
{
    g_autoptr(JsonNode) root = written(
        "{\"version\":1,\"rows\":["
        "{\"row\":\"mem\",\"device\":\"pc-i440fx\",\"metric\":\"read\","
        "\"unit\":\"MB/s\",\"value\":7.5,\"min\":7,\"max\":8,\"reps\":3},"
        "{\"row\":\"disk\",\"device\":\"old\"},{\"row\":\"unknown\"},5]}");
    const JsonNode *rows = json_get(root, "rows"), *first = json_at(rows, 0);

    CU_ASSERT_EQUAL(json_length(rows), 4);
    CU_ASSERT_STRING_EQUAL(json_get_string(first, "row", ""), "mem");
    CU_ASSERT_DOUBLE_EQUAL(json_double(json_get(first, "value"), 0), 7.5, 0);
}

static void
damaged_or_foreign_results_are_dropped(void)
{
    static const char *const olds[] = {
        "", "{", "[]", "{\"version\":2,\"rows\":[{\"row\":\"mem\"}]}",
        "{\"version\":1,\"rows\":7}"};

    for (gsize i = 0; i < G_N_ELEMENTS(olds); i++) {
        g_autoptr(JsonNode) root = written(olds[i]);
        CU_ASSERT_EQUAL(json_length(json_get(root, "rows")), 3);
    }
}

/* ---- the networks' other end ---- */

typedef struct {
    unsigned n;
    guint8 kind, number; /* of the last */
    gsize len;
} Sent;

static void
count_sent(void *data, const guint8 *payload, gsize len)
{
    Sent *s = data;

    s->n++;
    s->kind = payload[0];
    s->number = payload[4];
    s->len = len;
}

static Sent
ask(BenchPeerState *state, guint8 kind, guint8 number, gsize len)
{
    guint8 payload[100] = {kind, 0, 0, 0, number};
    Sent sent = {0};

    bench_peer_take(state, payload, len, count_sent, &sent);
    return sent;
}

static void
a_group_of_data_is_answered_once(void)
{
    BenchPeerState state = {0};
    unsigned answers = 0;

    for (unsigned i = 0; i < 2 * BENCH_PEER_GROUP - 1; i++)
        answers += ask(&state, 'D', 0, 100).n;
    CU_ASSERT_EQUAL(answers, 1);
    Sent last = ask(&state, 'D', 0, 100);
    CU_ASSERT_EQUAL(last.n, 1);
    CU_ASSERT_EQUAL(last.kind, 'A');
    CU_ASSERT_EQUAL(last.number, 2 * BENCH_PEER_GROUP);
    CU_ASSERT_EQUAL(ask(&state, 'Z', 0, 64).kind, 'z');
    CU_ASSERT_EQUAL(state.received, 0);
}

static void
as_many_are_sent_as_were_asked_for_up_to_a_limit(void)
{
    BenchPeerState state = {0};
    Sent few = ask(&state, 'R', 16, 64);

    CU_ASSERT_EQUAL(few.n, 16);
    CU_ASSERT_EQUAL(few.kind, 'd');
    CU_ASSERT_EQUAL(few.len, BENCH_PEER_PAYLOAD);
    CU_ASSERT_EQUAL(ask(&state, 'R', 255, 64).n, 64);
}

static void
a_quiet_guest_is_told_how_many_have_come(void)
{
    BenchPeerState state = {0};
    Sent sent = {0};

    (void) ask(&state, 'D', 0, 100);
    bench_peer_idle(&state, count_sent, &sent);
    CU_ASSERT_EQUAL(sent.n, 1);
    CU_ASSERT_EQUAL(sent.kind, 't');
    CU_ASSERT_EQUAL(sent.number, 1);
}

static void
what_the_guest_does_not_say_is_ignored(void)
{
    BenchPeerState state = {0};

    CU_ASSERT_EQUAL(ask(&state, 'P', 1, 7).n, 0);
    CU_ASSERT_EQUAL(ask(&state, 'd', 1, 64).n, 0);
    CU_ASSERT_EQUAL(ask(&state, 'P', 1, 64).len, 64);
}

/* clang-format off */
CU_MAIN("bench",
    { "the_median_of_an_odd_number_is_the_middle_one", the_median_of_an_odd_number_is_the_middle_one },
    { "the_median_of_an_even_number_is_between_two", the_median_of_an_even_number_is_between_two },
    { "nothing_measured_is_no_division_by_zero", nothing_measured_is_no_division_by_zero },
    { "the_spread_is_the_farther_side_in_percent", the_spread_is_the_farther_side_in_percent },
    { "figures_show_three_digits_that_count", figures_show_three_digits_that_count },
    { "a_start_is_told_by_two_letters_and_ready", a_start_is_told_by_two_letters_and_ready },
    { "a_command_is_timed_between_its_marks", a_command_is_timed_between_its_marks },
    { "an_error_brings_its_text", an_error_brings_its_text },
    { "ok_without_marks_is_a_failure", ok_without_marks_is_a_failure },
    { "a_line_without_an_end_stays_in_its_room", a_line_without_an_end_stays_in_its_room },
    { "devices_are_columns_and_metrics_are_lines", devices_are_columns_and_metrics_are_lines },
    { "a_row_without_results_has_no_table", a_row_without_results_has_no_table },
    { "results_are_kept_with_their_spread", results_are_kept_with_their_spread },
    { "rows_that_were_not_measured_now_stay", rows_that_were_not_measured_now_stay },
    { "damaged_or_foreign_results_are_dropped", damaged_or_foreign_results_are_dropped },
    { "a_group_of_data_is_answered_once", a_group_of_data_is_answered_once },
    { "as_many_are_sent_as_were_asked_for_up_to_a_limit", as_many_are_sent_as_were_asked_for_up_to_a_limit },
    { "a_quiet_guest_is_told_how_many_have_come", a_quiet_guest_is_told_how_many_have_come },
    { "what_the_guest_does_not_say_is_ignored", what_the_guest_does_not_say_is_ignored })
/* clang-format on */
