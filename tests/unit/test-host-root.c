/* tests/unit/test-host-root.c - reads stay beneath the root, in directories and
 * in recordings; what is malformed is refused with its line. */
#include "passthrough-wizard/host-root.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/store.h"
#include "passthrough-wizard/host-record.h"
#include "tests/unit/cu-main.h"

static HostRoot *
parse(const char *text)
{
    return host_record_parse(text, strlen(text), NULL);
}

static char *
refused(const char *text)
{
    GError *error = NULL;
    HostRoot *root = host_record_parse(text, strlen(text), &error);
    char *message = error != NULL ? g_strdup(error->message) : NULL;

    CU_ASSERT_PTR_NULL(root);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_FORMAT));
    host_root_free(root);
    g_clear_error(&error);
    return message;
}

static const char sample[] = "carrel-host 1\n"
                             "# a remark\n"
                             "@ /sys/a\n"
                             "F one 0x2a\n"
                             "T many\n"
                             "\tfirst\n"
                             "\tsecond\n"
                             "X bytes 00ff 10\n"
                             "L up ../../etc\n"
                             "L out ../../../../../etc/name\n"
                             "N /dev/kvm 660 0 106 rw\n"
                             "P /secret 400\n"
                             "@ /\n"
                             "F etc/name here\n";

static void
a_recording_answers_like_the_tree_it_was_made_of(void)
{
    g_autoptr(HostRoot) root = parse(sample);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autofree char *many =
        host_root_read(root, "/sys/a/many", 100, NULL, NULL);
    g_autofree char *link = host_root_link(root, "/sys/a/up");
    g_autofree char *below = host_root_line(root, "/sys/a/up/name");
    g_auto(GStrv) names = host_root_names(root, "/sys/a");
    g_autofree char *all = g_strjoinv(" ", names);

    CU_ASSERT_EQUAL(host_root_int(root, -1, "/sys/a/one"), 42);
    CU_ASSERT_STRING_EQUAL(many, "first\nsecond\n");
    CU_ASSERT_STRING_EQUAL(link, "../../etc");
    CU_ASSERT_STRING_EQUAL(below, "here");
    CU_ASSERT_STRING_EQUAL(all, "bytes many one out up");
    CU_ASSERT_FALSE(host_root_is_live(root));
}

static void
a_link_that_leads_out_ends_at_the_root(void)
{
    g_autoptr(HostRoot) root = parse(sample);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autofree char *line = host_root_line(root, "/sys/a/out");

    CU_ASSERT_STRING_EQUAL(line, "here");
}

static void
bytes_keep_their_zeroes(void)
{
    g_autoptr(HostRoot) root = parse(sample);
    gsize len = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autofree char *data =
        host_root_read(root, "sys/a/bytes", 100, &len, NULL);

    CU_ASSERT_EQUAL(len, 3);
    CU_ASSERT_EQUAL(memcmp(data, "\x00\xff\x10", 3), 0);
}

static void
nodes_say_who_may_open_them(void)
{
    g_autoptr(HostRoot) root = parse(sample);
    g_autoptr(GError) error = NULL;
    HostNode kvm = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    char *secret = host_root_read(root, "/secret", 100, NULL, &error);

    CU_ASSERT_TRUE(host_root_stat(root, "/dev/kvm", &kvm));
    CU_ASSERT_EQUAL(kvm.mode, 0660);
    CU_ASSERT_EQUAL(kvm.gid, 106);
    CU_ASSERT_TRUE(kvm.can_read && kvm.can_write);
    CU_ASSERT_PTR_NULL(secret);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_DENIED));
}

static void
a_circle_of_links_ends(void)
{
    g_autoptr(HostRoot) root = parse("carrel-host 1\nL a b\nL b a\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);

    CU_ASSERT_FALSE(host_root_exists(root, "/a"));
}

static void
what_is_malformed_is_refused_with_its_line(void)
{
    g_autofree char *magic = refused("carrel-host 2\n");
    g_autofree char *letter = refused("carrel-host 1\nF a 1\nQ b\n");
    g_autofree char *dots = refused("carrel-host 1\nF ../a 1\n");
    g_autofree char *twice = refused("carrel-host 1\nF a 1\nF a 2\n");
    g_autofree char *below = refused("carrel-host 1\nF a 1\nF a/b 2\n");
    g_autofree char *hex = refused("carrel-host 1\nX a 0g\n");
    g_autofree char *half = refused("carrel-host 1\nX a 0\n");
    g_autofree char *tab = refused("carrel-host 1\n\tx\n");
    g_autofree char *link = refused("carrel-host 1\nL a\n");
    g_autofree char *mode = refused("carrel-host 1\nN a\n");

    CU_ASSERT_PTR_NOT_NULL(strstr(magic, "line 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(letter, "line 3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dots, "dotted"));
    CU_ASSERT_PTR_NOT_NULL(strstr(twice, "twice"));
    CU_ASSERT_PTR_NOT_NULL(strstr(below, "no directory"));
    CU_ASSERT_PTR_NOT_NULL(strstr(hex, "hexadecimal"));
    CU_ASSERT_PTR_NOT_NULL(strstr(half, "hexadecimal"));
    CU_ASSERT_PTR_NOT_NULL(strstr(tab, "no file"));
    CU_ASSERT_PTR_NOT_NULL(strstr(link, "target"));
    CU_ASSERT_PTR_NOT_NULL(strstr(mode, "mode"));
}

static void
names_that_are_too_deep_or_too_long_are_refused(void)
{
    g_autoptr(GString) deep = g_string_new("carrel-host 1\nF a");
    g_autoptr(GString) longer = g_string_new("carrel-host 1\nF ");

    for (unsigned i = 0; i < 100; i++)
        g_string_append(deep, "/a");
    g_string_append(deep, " 1\n");
    for (unsigned i = 0; i < 256; i++)
        g_string_append_c(longer, 'a');
    g_string_append(longer, " 1\n");
    g_autofree char *too_deep = refused(deep->str);
    g_autofree char *too_long = refused(longer->str);
    CU_ASSERT_PTR_NOT_NULL(strstr(too_deep, "too deep"));
    CU_ASSERT_PTR_NOT_NULL(strstr(too_long, "empty or a dotted"));
}

/* A directory with a link that leads out of it, a FIFO and a long file. */
static char *
make_directory(void)
{
    char *dir = g_dir_make_tmp("carrel-root-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autofree char *out = g_build_filename(dir, "out", NULL);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);

    g_file_set_contents(file, "  word  \nmore\n", -1, NULL);
    CU_ASSERT_EQUAL(symlink("/file", out), 0);
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    return dir;
}

static void
an_absolute_link_of_a_directory_stays_in_it(void)
{
    g_autofree char *dir = make_directory();
    g_autoptr(HostRoot) root = host_root_open(dir, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autofree char *line = host_root_line(root, "/out");
    g_autofree char *up = host_root_line(root, "/../../etc/passwd");

    CU_ASSERT_STRING_EQUAL(line, "word");
    CU_ASSERT_PTR_NULL(up);
    store_remove_tree(dir, NULL);
}

static void
a_fifo_is_not_read_and_a_long_file_is_refused(void)
{
    g_autofree char *dir = make_directory();
    g_autoptr(HostRoot) root = host_root_open(dir, NULL);
    g_autoptr(GError) error = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    char *fifo = host_root_read(root, "/fifo", 100, NULL, NULL);
    char *cut = host_root_read(root, "/file", 4, NULL, &error);

    CU_ASSERT_PTR_NULL(fifo);
    CU_ASSERT_PTR_NULL(cut);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_READ));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "longer"));
    store_remove_tree(dir, NULL);
}

static void
an_expanded_recording_is_the_same_as_a_directory(void)
{
    g_autofree char *dir = g_dir_make_tmp("carrel-root-XXXXXX", NULL);
    CU_ASSERT_TRUE(host_record_expand(sample, strlen(sample), dir, NULL));
    g_autoptr(HostRoot) root = host_root_open(dir, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autofree char *line = host_root_line(root, "/sys/a/up/name");
    HostNode kvm = {0};

    CU_ASSERT_STRING_EQUAL(line, "here");
    CU_ASSERT_EQUAL(host_root_int(root, -1, "/sys/a/one"), 42);
    CU_ASSERT_TRUE(host_root_stat(root, "/dev/kvm", &kvm));
    CU_ASSERT_EQUAL(kvm.mode, 0660);
    store_remove_tree(dir, NULL);
}

/* Sparse: nothing of it may be read into memory whole. */
static void
a_file_that_is_too_long_is_no_recording(void)
{
    g_autofree char *dir = g_dir_make_tmp("carrel-root-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "long", NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(file, "carrel-host 1\n", -1, NULL);
    CU_ASSERT_EQUAL(truncate(file, (off_t) 1 << 40), 0);
    HostRoot *root = host_root_open(file, &error);
    CU_ASSERT_PTR_NULL(root);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "32 MiB"));
    store_remove_tree(dir, NULL);
}

static void
a_root_that_is_not_there_says_what_one_is(void)
{
    g_autoptr(GError) error = NULL;
    HostRoot *root = host_root_open("/nowhere/at/all", &error);

    CU_ASSERT_PTR_NULL(root);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_ROOT));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "doctor --record"));
}

CU_MAIN("host-root",
        {"a_recording_answers_like_the_tree_it_was_made_of",
         a_recording_answers_like_the_tree_it_was_made_of},
        {"a_link_that_leads_out_ends_at_the_root",
         a_link_that_leads_out_ends_at_the_root},
        {"bytes_keep_their_zeroes", bytes_keep_their_zeroes},
        {"nodes_say_who_may_open_them", nodes_say_who_may_open_them},
        {"a_circle_of_links_ends", a_circle_of_links_ends},
        {"what_is_malformed_is_refused_with_its_line",
         what_is_malformed_is_refused_with_its_line},
        {"names_that_are_too_deep_or_too_long_are_refused",
         names_that_are_too_deep_or_too_long_are_refused},
        {"an_absolute_link_of_a_directory_stays_in_it",
         an_absolute_link_of_a_directory_stays_in_it},
        {"a_fifo_is_not_read_and_a_long_file_is_refused",
         a_fifo_is_not_read_and_a_long_file_is_refused},
        {"an_expanded_recording_is_the_same_as_a_directory",
         an_expanded_recording_is_the_same_as_a_directory},
        {"a_file_that_is_too_long_is_no_recording",
         a_file_that_is_too_long_is_no_recording},
        {"a_root_that_is_not_there_says_what_one_is",
         a_root_that_is_not_there_says_what_one_is})
