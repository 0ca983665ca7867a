/* tests/unit/test-schema.c - the rules of single values. */
#include "profiles/schema.h"

#include <string.h>

#include "tests/unit/cu-main.h"

static bool
accepts(const char *full_key, const char *value)
{
    g_autofree char *problem =
        schema_check_value(schema_find_full(full_key), value);

    return problem == NULL;
}

static void
sizes_have_units_of_1024(void)
{
    guint64 bytes = 0;

    CU_ASSERT_TRUE(schema_parse_size("128M", &bytes));
    CU_ASSERT_EQUAL(bytes, 128ull * 1024 * 1024);
    CU_ASSERT_TRUE(schema_parse_size("2g", &bytes));
    CU_ASSERT_EQUAL(bytes, 2ull * 1024 * 1024 * 1024);
    CU_ASSERT_TRUE(schema_parse_size("4KiB", &bytes));
    CU_ASSERT_EQUAL(bytes, 4096);
    CU_ASSERT_TRUE(schema_parse_size("512", &bytes));
    CU_ASSERT_EQUAL(bytes, 512);
}

static void
what_is_no_size_is_refused_and_leaves_the_result_alone(void)
{
    guint64 bytes = 77;

    CU_ASSERT_FALSE(schema_parse_size("", &bytes));
    CU_ASSERT_FALSE(schema_parse_size("-1M", &bytes));
    CU_ASSERT_FALSE(schema_parse_size("12MB", &bytes));
    CU_ASSERT_FALSE(schema_parse_size("1 M", &bytes));
    CU_ASSERT_FALSE(schema_parse_size("0x10", &bytes));
    /* 2^64, and 2^64 by its unit */
    CU_ASSERT_FALSE(schema_parse_size("18446744073709551616", &bytes));
    CU_ASSERT_FALSE(schema_parse_size("16777216T", &bytes));
    CU_ASSERT_EQUAL(bytes, 77);
}

static void
a_size_is_shown_in_its_largest_exact_unit(void)
{
    g_autofree char *mega = schema_format_size(1536ull << 20);
    g_autofree char *giga = schema_format_size(64ull << 30);
    g_autofree char *odd = schema_format_size(1025);

    CU_ASSERT_STRING_EQUAL(mega, "1536M");
    CU_ASSERT_STRING_EQUAL(giga, "64G");
    CU_ASSERT_STRING_EQUAL(odd, "1025");
}

static void
every_default_is_a_valid_value(void)
{
    unsigned n, bad = 0;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *problem =
            *keys[i].fallback != '\0'
                ? schema_check_value(&keys[i], keys[i].fallback)
                : NULL;
        bad += problem != NULL;
    }
    CU_ASSERT_EQUAL(bad, 0);
}

static void
every_row_belongs_to_a_section_and_has_help(void)
{
    unsigned n, bad = 0;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *section =
            g_strdelimit(g_strdup(keys[i].section), "#", '0');
        bad += schema_find(section, keys[i].key) != &keys[i];
        bad += keys[i].help[0] == '\0' || keys[i].since[0] == '\0';
    }
    CU_ASSERT_EQUAL(bad, 0);
}

static void
numbered_sections_end_at_their_count(void)
{
    CU_ASSERT_PTR_NOT_NULL(schema_find("disk3", "path"));
    CU_ASSERT_PTR_NULL(schema_find("disk4", "path"));
    CU_ASSERT_PTR_NULL(schema_find("disk", "path"));
    CU_ASSERT_PTR_NULL(schema_find("disk#", "path"));
    CU_ASSERT_PTR_NULL(schema_find("disk00", "path"));
    CU_ASSERT_PTR_NULL(schema_find_full("memory"));
}

static void
memory_is_checked_at_both_ends(void)
{
    CU_ASSERT_TRUE(accepts("machine.memory", "1M"));
    CU_ASSERT_TRUE(accepts("machine.memory", "64G"));
    CU_ASSERT_FALSE(accepts("machine.memory", "1023K"));
    CU_ASSERT_FALSE(accepts("machine.memory", "65G"));
    CU_ASSERT_FALSE(accepts("machine.memory", "1025K"));
}

static void
a_plain_number_for_memory_gets_a_suggestion(void)
{
    g_autofree char *problem =
        schema_check_value(schema_find_full("machine.memory"), "512");

    CU_ASSERT_PTR_NOT_NULL_FATAL(problem);
    CU_ASSERT_PTR_NOT_NULL(strstr(problem, "did you mean 512M?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(problem, "1M to 64G"));
}

static void
a_choice_in_capitals_gets_a_suggestion(void)
{
    g_autofree char *problem =
        schema_check_value(schema_find_full("machine.cpu-model"), "PENTIUM");

    CU_ASSERT_PTR_NOT_NULL_FATAL(problem);
    CU_ASSERT_PTR_NOT_NULL(strstr(problem, "did you mean pentium?"));
}

static bool
suggests(const char *key, const char *value, const char *hint)
{
    g_autofree char *problem = schema_check_value(schema_find_full(key), value);

    return problem != NULL && g_str_has_suffix(problem, hint);
}

static void
a_mistyped_choice_gets_the_nearest(void)
{
    CU_ASSERT_TRUE(
        suggests("machine.cpu-model", "pentum", "; did you mean pentium?"));
    CU_ASSERT_TRUE(suggests("machine.boot", "flopy", "; did you mean floppy?"));
    CU_ASSERT_TRUE(
        suggests("machine.boot", "cd, flopy", "; did you mean cd,floppy?"));
    CU_ASSERT_FALSE(suggests("machine.boot", "cd,tape", "?"));
    CU_ASSERT_FALSE(suggests("machine.cpu-model", "z80", "?"));
}

static void
a_key_without_its_section_is_recognized(void)
{
    g_autofree char *one = schema_nearest_bare("memory");
    g_autofree char *slip = schema_nearest_bare("memroy");
    g_autofree char *far = schema_nearest_bare("zzzzzz");
    g_autofree char *many = schema_nearest_bare("path");

    CU_ASSERT_STRING_EQUAL(one, "machine.memory");
    CU_ASSERT_STRING_EQUAL(slip, "machine.memory");
    CU_ASSERT_PTR_NULL(far);
    CU_ASSERT_PTR_NOT_NULL_FATAL(many);
    CU_ASSERT_PTR_NOT_NULL(strstr(many, "disk0.path"));
    CU_ASSERT_PTR_NOT_NULL(strstr(many, " or "));
}

static void
a_boot_order_names_each_drive_once(void)
{
    CU_ASSERT_TRUE(accepts("machine.boot", "cd"));
    CU_ASSERT_TRUE(accepts("machine.boot", "disk, floppy"));
    CU_ASSERT_FALSE(accepts("machine.boot", "cd,cd"));
    CU_ASSERT_FALSE(accepts("machine.boot", "cd,"));
    CU_ASSERT_TRUE(accepts("machine.boot", "net,disk"));
    CU_ASSERT_FALSE(accepts("machine.boot", "tape"));
    CU_ASSERT_FALSE(accepts("machine.boot", ""));
}

static void
the_vnc_address_is_a_socket_or_address_and_port(void)
{
    CU_ASSERT_TRUE(accepts("vnc.listen", "unix"));
    CU_ASSERT_TRUE(accepts("vnc.listen", "tcp:127.0.0.1:5901"));
    CU_ASSERT_TRUE(accepts("vnc.listen", "tcp:[::1]:5901"));
    CU_ASSERT_TRUE(accepts("vnc.listen", "tcp:localhost:1"));
    CU_ASSERT_FALSE(accepts("vnc.listen", "tcp:127.0.0.1"));
    CU_ASSERT_FALSE(accepts("vnc.listen", "tcp:127.0.0.1:0"));
    CU_ASSERT_FALSE(accepts("vnc.listen", "tcp:127.0.0.1:65536"));
    CU_ASSERT_FALSE(accepts("vnc.listen", "tcp:[::1:5901"));
    CU_ASSERT_FALSE(accepts("vnc.listen", "tcp::5901"));
    CU_ASSERT_FALSE(accepts("vnc.listen", "5901"));
}

static void
control_characters_and_wrong_lengths_are_refused(void)
{
    g_autofree char *endless = g_strnfill(1024 * 1024, 'x');

    CU_ASSERT_FALSE(accepts("machine.description", "a\033[2Jb"));
    /* C1: CSI in one character */
    CU_ASSERT_FALSE(accepts("machine.description", "a\xc2\x9b"
                                                   "2Jb"));
    CU_ASSERT_FALSE(accepts("machine.description", endless));
    CU_ASSERT_FALSE(accepts("machine.firmware", ""));
    CU_ASSERT_FALSE(accepts("vnc.password", "123456789"));
    CU_ASSERT_FALSE(accepts("disk0.serial", "\xc3\xa4"));
}

static void
a_secret_is_not_repeated_in_its_message(void)
{
    g_autofree char *problem =
        schema_check_value(schema_find_full("vnc.password"), "topsecret9");

    CU_ASSERT_PTR_NOT_NULL_FATAL(problem);
    CU_ASSERT_PTR_NULL(strstr(problem, "topsecret"));
}

static void
a_video_memory_is_a_power_of_two(void)
{
    CU_ASSERT_TRUE(accepts("display.vram", "32M"));
    CU_ASSERT_FALSE(accepts("display.vram", "24M"));
}

static void
slips_of_the_finger_are_recognized(void)
{
    g_autofree char *swap = schema_nearest("machine", "memroy", false);
    g_autofree char *section = schema_nearest("machin", "memory", false);
    g_autofree char *moved = schema_nearest("machine", "vram", false);
    g_autofree char *alone = schema_nearest("flopy0", NULL, false);
    g_autofree char *far = schema_nearest("machine", "zzzzzz", false);

    CU_ASSERT_STRING_EQUAL(swap, "machine.memory");
    CU_ASSERT_STRING_EQUAL(section, "machine.memory");
    CU_ASSERT_STRING_EQUAL(moved, "display.vram");
    CU_ASSERT_STRING_EQUAL(alone, "floppy0");
    CU_ASSERT_PTR_NULL(far);
}

static void
distance_counts_edits(void)
{
    CU_ASSERT_EQUAL(schema_distance("kitten", "sitting"), 3);
    CU_ASSERT_EQUAL(schema_distance("ab", "ba"), 1);
    CU_ASSERT_EQUAL(schema_distance("Memory", "memory"), 0);
    CU_ASSERT_EQUAL(schema_distance("", "abc"), 3);
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

static bool
refuses(const char *key, const char *value)
{
    g_autofree char *problem = schema_check_value(schema_find_full(key), value);

    return problem != NULL;
}

static void
a_uuid_has_its_dashes(void)
{
    CU_ASSERT_FALSE(
        refuses("smbios.uuid", "6f2c1a9e-0b5d-4c3e-8f7a-1d2e3c4b5a69"));
    CU_ASSERT_FALSE(refuses("smbios.uuid", ""));
    CU_ASSERT_TRUE(refuses("smbios.uuid", "6f2c1a9e0b5d4c3e8f7a1d2e3c4b5a69"));
    CU_ASSERT_TRUE(
        refuses("smbios.uuid", "6f2c1a9e-0b5d-4c3e-8f7a-1d2e3c4b5a6g"));
}

CU_MAIN("schema", CASE(sizes_have_units_of_1024),
        CASE(what_is_no_size_is_refused_and_leaves_the_result_alone),
        CASE(a_size_is_shown_in_its_largest_exact_unit),
        CASE(every_default_is_a_valid_value),
        CASE(every_row_belongs_to_a_section_and_has_help),
        CASE(numbered_sections_end_at_their_count),
        CASE(memory_is_checked_at_both_ends),
        CASE(a_plain_number_for_memory_gets_a_suggestion),
        CASE(a_choice_in_capitals_gets_a_suggestion),
        CASE(a_mistyped_choice_gets_the_nearest),
        CASE(a_key_without_its_section_is_recognized),
        CASE(a_boot_order_names_each_drive_once),
        CASE(the_vnc_address_is_a_socket_or_address_and_port),
        CASE(control_characters_and_wrong_lengths_are_refused),
        CASE(a_secret_is_not_repeated_in_its_message),
        CASE(a_video_memory_is_a_power_of_two),
        CASE(slips_of_the_finger_are_recognized), CASE(distance_counts_edits),
        CASE(a_uuid_has_its_dashes))
