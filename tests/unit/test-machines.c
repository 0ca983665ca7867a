/* tests/unit/test-machines.c - what is known of a machine that is off: from its
 * settings, and from the record of its last start. */
#include "app/machines.h"

#include <string.h>

#include <glib/gstdio.h>

#include "app/session/session-dir.h"
#include "app/store.h"
#include "profiles/paths.h"
#include "tests/unit/cu-main.h"

#define LONG_AGO 1000000000
#define TO_COME  4000000000

static char *home;
static const char good[] = "[machine]\nmemory=64M\n";

static void
write_file(const char *file, const char *text)
{
    g_autofree char *dir = g_path_get_dirname(file);

    g_mkdir_with_parents(dir, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, text, -1, NULL));
}

/* A machine "box" in a home of its own. */
static void
begin(const char *ini)
{
    home = g_dir_make_tmp("carrel-machines-XXXXXX", NULL);
    g_autofree char *run = g_build_filename(home, "run", NULL);
    g_autofree char *state = g_build_filename(home, "state", NULL);
    g_autofree char *machines = g_build_filename(home, "machines", NULL);
    g_setenv("CARREL_RUNTIME_DIR", run, TRUE);
    g_setenv("CARREL_STATE_DIR", state, TRUE);
    g_setenv("CARREL_MACHINES_DIR", machines, TRUE);
    g_autofree char *file = paths_machine_file("box");
    write_file(file, ini);
}

static void
end(void)
{
    store_remove_tree(home, NULL);
    g_free(home);
}

static void
record(const char *state, const char *reason, gint64 time)
{
    g_autofree char *dir = session_state_dir("box");
    g_autofree char *file = g_build_filename(dir, "last-state.json", NULL);
    g_autofree char *text = g_strdup_printf(
        "{\"state\":\"%s\",\"reason\":\"%s\",\"pid\":1,\"time\":"
        "%" G_GINT64_FORMAT ",\"boot\":\"x\"}",
        state, reason, time);

    write_file(file, text);
}

static void
expect_reason(const char *want)
{
    g_autoptr(MachineInfo) info = machine_info_offline("box");

    CU_ASSERT_PTR_NOT_NULL_FATAL(info);
    CU_ASSERT_STRING_EQUAL(info->reason, want);
}

static void
good_settings_are_not_remarked_on(void)
{
    begin(good);
    g_autoptr(MachineInfo) info = machine_info_offline("box");
    CU_ASSERT_STRING_EQUAL(info->reason, "");
    CU_ASSERT_EQUAL(info->memory, 64 << 20);
    end();
}

static void
a_line_that_is_none_is_the_reason_and_memory_is_not_made_up(void)
{
    begin("[machine]\ncpus=1\nnonsense\n");
    g_autoptr(MachineInfo) info = machine_info_offline("box");
    CU_ASSERT_STRING_EQUAL(info->state, "off");
    CU_ASSERT_TRUE(g_str_has_prefix(info->reason, "invalid: line 3: "));
    CU_ASSERT_EQUAL(info->memory, 0);
    end();
}

static void
a_value_that_cannot_be_is_the_reason(void)
{
    begin("[machine]\nmemory=lots\n");
    g_autoptr(MachineInfo) info = machine_info_offline("box");
    CU_ASSERT_TRUE(g_str_has_prefix(info->reason, "invalid: line 2: "));
    CU_ASSERT_EQUAL(info->memory, 0);
    end();
}

static void
memory_that_is_said_is_shown_beside_an_error_elsewhere(void)
{
    begin("[machine]\nmemory=64M\ncpus=many\n");
    g_autoptr(MachineInfo) info = machine_info_offline("box");
    CU_ASSERT_TRUE(g_str_has_prefix(info->reason, "invalid: line 3: "));
    CU_ASSERT_EQUAL(info->memory, 64 << 20);
    end();
}

static void
a_crash_is_told_beside_bad_settings(void)
{
    begin("nonsense\n");
    record("crashed", "triple fault", TO_COME);
    g_autoptr(MachineInfo) info = machine_info_offline("box");
    CU_ASSERT_STRING_EQUAL(info->state, "crashed");
    CU_ASSERT_TRUE(
        g_str_has_prefix(info->reason, "triple fault; invalid: line 1: "));
    end();
}

static void
a_failed_start_is_told_until_the_settings_change(void)
{
    begin(good);
    record("stopped", "did not start: no room", TO_COME);
    expect_reason("did not start: no room");
    record("stopped", "did not start: no room", LONG_AGO);
    expect_reason("");
    end();
}

/* TO_COME keeps the settings older than the record. */
static void
a_failed_start_is_told_until_a_missing_file_is_there(void)
{
    begin(good);
    g_autofree char *image = g_build_filename(home, "a disk.img", NULL);
    char *const reasons[] = {
        g_strdup_printf("did not start: disk0.path: %s: No such file or "
                        "directory",
                        image),
        g_strdup_printf("did not start: disk0.path: disk image '%s' does not "
                        "exist; check the path",
                        image)};
    for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
        (void) g_unlink(image); /* the first time there is none */
        record("stopped", reasons[i], TO_COME);
        expect_reason(reasons[i]);
        write_file(image, "");
        expect_reason("");
        g_free(reasons[i]);
    }
    end();
}

static void
a_file_that_did_not_change_mends_nothing(void)
{
    begin(good);
    g_autofree char *image = g_build_filename(home, "disk.img", NULL);
    g_autofree char *reason =
        g_strdup_printf("did not start: '%s': Permission denied", image);
    write_file(image, "");
    record("stopped", reason, TO_COME);
    expect_reason(reason);
    end();
}

static void
a_crash_stays_when_the_settings_change(void)
{
    begin(good);
    record("crashed", "triple fault", LONG_AGO);
    expect_reason("triple fault");
    end();
}

/* clang-format off */
static const CuCase cases[] = {
    {"good_settings_are_not_remarked_on", good_settings_are_not_remarked_on},
    {"a_line_that_is_none_is_the_reason_and_memory_is_not_made_up", a_line_that_is_none_is_the_reason_and_memory_is_not_made_up},
    {"a_value_that_cannot_be_is_the_reason", a_value_that_cannot_be_is_the_reason},
    {"memory_that_is_said_is_shown_beside_an_error_elsewhere", memory_that_is_said_is_shown_beside_an_error_elsewhere},
    {"a_crash_is_told_beside_bad_settings", a_crash_is_told_beside_bad_settings},
    {"a_failed_start_is_told_until_the_settings_change", a_failed_start_is_told_until_the_settings_change},
    {"a_failed_start_is_told_until_a_missing_file_is_there", a_failed_start_is_told_until_a_missing_file_is_there},
    {"a_file_that_did_not_change_mends_nothing", a_file_that_did_not_change_mends_nothing},
    {"a_crash_stays_when_the_settings_change", a_crash_stays_when_the_settings_change},
};
/* clang-format on */

int
main(int argc, char **argv)
{
    return cu_main("machines", cases, G_N_ELEMENTS(cases), argc, argv);
}
