/* tests/unit/test-session-dir.c - the folder of a running machine: privacy,
 * the lock, stale leftovers, the last word, logs, and the start of a process
 * by a stand-in program. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/session/machine-log.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "app/session/session-spawn.h"
#include "app/session/session-stop.h"
#include "tests/unit/cu-main.h"

/* A home of our own for each case. */
static char *
enter_home(void)
{
    char *home = g_dir_make_tmp("carrel-session-XXXXXX", NULL);
    g_autofree char *run = g_build_filename(home, "run", NULL);
    g_autofree char *state = g_build_filename(home, "state", NULL);
    g_setenv("CARREL_RUNTIME_DIR", run, TRUE);
    g_setenv("CARREL_STATE_DIR", state, TRUE);
    return home;
}

static void
leave_home(char *home)
{
    const char *argv[] = {"rm", "-rf", home, NULL};
    (void) g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
                        NULL, NULL, NULL, NULL, NULL);
    g_free(home);
}

static mode_t
mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
folders_are_private_even_when_they_were_not(void)
{
    char *home = enter_home();
    g_autofree char *dir = session_runtime_dir("vm");
    CU_ASSERT_EQUAL(g_mkdir_with_parents(dir, 0777), 0);
    CU_ASSERT_EQUAL(chmod(dir, 0777), 0);
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    CU_ASSERT_EQUAL(mode_of(dir), 0700);
    leave_home(home);
}

static void
a_folder_that_is_a_link_is_refused(void)
{
    char *home = enter_home();
    g_autofree char *dir = session_runtime_dir("vm");
    g_autofree char *parent = g_path_get_dirname(dir);
    g_autoptr(GError) error = NULL;
    CU_ASSERT_EQUAL(g_mkdir_with_parents(parent, 0700), 0);
    CU_ASSERT_EQUAL(symlink("/tmp", dir), 0);
    CU_ASSERT_FALSE(session_dirs_make("vm", &error));
    CU_ASSERT_PTR_NOT_NULL(error);
    leave_home(home);
}

static void
the_second_lock_names_the_holder(void)
{
    char *home = enter_home();
    g_autoptr(GError) error = NULL;
    pid_t pid = 0;
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    int first = session_lock("vm", NULL);
    CU_ASSERT_TRUE(first >= 0);
    CU_ASSERT_EQUAL(session_lock("vm", &error), -1);
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_STATE));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "already running"));
    CU_ASSERT_TRUE(session_is_running("vm", &pid));
    CU_ASSERT_EQUAL(pid, getpid());
    close(first);
    leave_home(home);
}

static void
a_lock_file_without_a_holder_is_stale(void)
{
    char *home = enter_home();
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    close(session_lock("vm", NULL));
    CU_ASSERT_FALSE(session_is_running("vm", NULL));
    int again = session_lock("vm", NULL);
    CU_ASSERT_TRUE(again >= 0);
    close(again);
    leave_home(home);
}

static void
a_stale_socket_is_replaced_and_private(void)
{
    char *home = enter_home();
    g_autofree char *dir = session_runtime_dir("vm");
    g_autofree char *path = g_build_filename(dir, "control.sock", NULL);
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    close(session_listen("vm", NULL)); /* its file stays behind */
    int fd = session_listen("vm", NULL);
    CU_ASSERT_TRUE(fd >= 0);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    int client = session_connect("vm", NULL);
    CU_ASSERT_TRUE(client >= 0);
    close(client);
    close(fd);
    leave_home(home);
}

static void
a_path_longer_than_a_socket_address_works(void)
{
    char *home = enter_home();
    g_autofree char *deep = g_strnfill(150, 'x');
    g_autofree char *run = g_build_filename(home, deep, NULL);
    g_setenv("CARREL_RUNTIME_DIR", run, TRUE);
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    int fd = session_listen("vm", NULL);
    int client = session_connect("vm", NULL);
    CU_ASSERT_TRUE(fd >= 0);
    CU_ASSERT_TRUE(client >= 0);
    close(client);
    close(fd);
    leave_home(home);
}

static void
connecting_to_what_does_not_run_is_wrong_state(void)
{
    char *home = enter_home();
    g_autoptr(GError) error = NULL;
    CU_ASSERT_EQUAL(session_connect("ghost", &error), -1);
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_STATE));
    leave_home(home);
}

static void
a_process_that_vanished_is_a_crash_with_its_signal(void)
{
    char *home = enter_home();
    g_autofree char *dir = session_state_dir("vm");
    g_autofree char *note = g_build_filename(dir, "signal", NULL);
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    session_record_write("vm", "running", "");
    CU_ASSERT_TRUE(g_file_set_contents(note, "SIGSEGV\n", -1, NULL));
    g_autoptr(SessionRecord) record = session_record_read("vm");
    CU_ASSERT_PTR_NOT_NULL_FATAL(record);
    CU_ASSERT_STRING_EQUAL(record->state, "crashed");
    CU_ASSERT_PTR_NOT_NULL(strstr(record->reason, "SIGSEGV"));
    leave_home(home);
}

static void
a_restart_of_the_host_is_no_crash(void)
{
    char *home = enter_home();
    g_autofree char *dir = session_state_dir("vm");
    g_autofree char *file = g_build_filename(dir, "last-state.json", NULL);
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    CU_ASSERT_TRUE(g_file_set_contents(
        file, "{\"state\":\"running\",\"boot\":\"another\"}\n", -1, NULL));
    g_autoptr(SessionRecord) record = session_record_read("vm");
    CU_ASSERT_PTR_NOT_NULL_FATAL(record);
    CU_ASSERT_STRING_EQUAL(record->state, "stopped");
    CU_ASSERT_PTR_NOT_NULL(strstr(record->reason, "host was restarted"));
    leave_home(home);
}

static void
a_broken_record_is_no_record(void)
{
    char *home = enter_home();
    g_autofree char *dir = session_state_dir("vm");
    g_autofree char *file = g_build_filename(dir, "last-state.json", NULL);
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    CU_ASSERT_TRUE(g_file_set_contents(file, "{\"state\":", -1, NULL));
    CU_ASSERT_PTR_NULL(session_record_read("vm"));
    leave_home(home);
}

static char *
log_content(const char *file)
{
    char *text = NULL;
    g_file_get_contents(file, &text, NULL, NULL);
    return text != NULL ? text : g_strdup("");
}

static void
log_lines_have_no_control_characters(void)
{
    char *home = enter_home();
    g_autofree char *file = g_build_filename(home, "a.log", NULL);
    MachineLog *log = machine_log_new(file, false, 1 << 20);
    machine_log_line(log, "vm", "evil \033]52;c;x\a and \xc2\x9b");
    machine_log_free(log);
    g_autofree char *text = log_content(file);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "vm: evil \\x1b]52;c;x\\x07"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "and \\x9b\n"));
    CU_ASSERT_PTR_NULL(strchr(text, 033));
    CU_ASSERT_EQUAL(mode_of(file), 0600);
    leave_home(home);
}

static void
a_log_is_rotated_at_its_limit(void)
{
    char *home = enter_home();
    g_autofree char *file = g_build_filename(home, "a.log", NULL);
    g_autofree char *old = g_strconcat(file, ".1", NULL);
    MachineLog *log = machine_log_new(file, true, 10);
    machine_log_bytes(log, "12345678", 8);
    machine_log_bytes(log, "abcd", 4);
    machine_log_free(log);
    g_autofree char *text = log_content(file);
    g_autofree char *before = log_content(old);
    CU_ASSERT_STRING_EQUAL(text, "abcd");
    CU_ASSERT_STRING_EQUAL(before, "12345678");
    leave_home(home);
}

static void
a_full_disk_loses_lines_and_nothing_else(void)
{
    MachineLog *log = machine_log_new("/dev/full", false, 1 << 20);
    machine_log_line(log, "vm", "lost");
    CU_ASSERT_EQUAL(machine_log_lost(log), 1);
    machine_log_free(log);
}

static void
a_guest_that_floods_the_log_is_cut_short(void)
{
    char *home = enter_home();
    g_autofree char *file = g_build_filename(home, "a.log", NULL);
    MachineLog *log = machine_log_new(file, false, 1 << 20);
    for (unsigned i = 0; i < 1000; i++)
        machine_log_line(log, "guest", "again");
    CU_ASSERT_TRUE(machine_log_lost(log) >= 500);
    machine_log_free(log);
    leave_home(home);
}

/* A program that stands in for ours: $5 is the descriptor to answer on. */
static char *
make_program(const char *home, const char *script)
{
    char *file = g_build_filename(home, "role.sh", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", script);
    CU_ASSERT_TRUE(g_file_set_contents_full(
        file, text, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    return file;
}

static void
a_start_that_succeeds_tells_so(void)
{
    char *home = enter_home();
    g_autofree char *program =
        make_program(home, "echo '{\"ok\":true,\"pid\":1}' >&3");
    const SpawnOptions options = {.program = program};
    g_autoptr(GError) error = NULL;
    CU_ASSERT_TRUE(session_start("vm", &options, &error));
    CU_ASSERT_PTR_NULL(error);
    leave_home(home);
}

static void
the_error_of_the_engine_reaches_the_starter(void)
{
    char *home = enter_home();
    g_autofree char *program = make_program(
        home, "echo '{\"ok\":false,\"error\":{\"id\":\"host-cannot\","
              "\"message\":\"no /dev/kvm\"}}' >&3");
    const SpawnOptions options = {.program = program};
    g_autoptr(GError) error = NULL;
    CU_ASSERT_FALSE(session_start("vm", &options, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_HOST));
    CU_ASSERT_STRING_EQUAL(error->message, "no /dev/kvm");
    CU_ASSERT_EQUAL(session_error_exit_code(session_error_kind(error)), 6);
    leave_home(home);
}

static void
a_process_that_dies_silently_is_an_error_with_what_it_left(void)
{
    char *home = enter_home();
    g_autofree char *program = make_program(
        home, "mkdir -p $CARREL_STATE_DIR/vm; "
              "echo oops >$CARREL_STATE_DIR/vm/stderr.log; exit 1");
    const SpawnOptions options = {.program = program};
    g_autoptr(GError) error = NULL;
    CU_ASSERT_FALSE(session_start("vm", &options, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "oops"));
    leave_home(home);
}

static void
a_start_that_talks_nonsense_is_an_error(void)
{
    char *home = enter_home();
    g_autofree char *program = make_program(home, "echo hello >&3");
    const SpawnOptions options = {.program = program};
    g_autoptr(GError) error = NULL;
    CU_ASSERT_FALSE(session_start("vm", &options, &error));
    CU_ASSERT_PTR_NOT_NULL(error);
    leave_home(home);
}

static void
stopping_what_is_off_removes_what_a_crash_left(void)
{
    char *home = enter_home();
    g_autofree char *profile = session_throw_away_profile("vm");
    CU_ASSERT_TRUE(session_dirs_make("vm", NULL));
    CU_ASSERT_TRUE(g_file_set_contents(profile, "[machine]\n", -1, NULL));
    g_auto(GStrv) before = session_names();
    CU_ASSERT_TRUE(session_stop("vm", false, 1, NULL));
    g_auto(GStrv) after = session_names();
    CU_ASSERT_EQUAL(g_strv_length(before), 1);
    CU_ASSERT_EQUAL(g_strv_length(after), 0);
    leave_home(home);
}

/* clang-format off */
CU_MAIN("session-dir",
    { "folders_are_private_even_when_they_were_not", folders_are_private_even_when_they_were_not },
    { "a_folder_that_is_a_link_is_refused", a_folder_that_is_a_link_is_refused },
    { "the_second_lock_names_the_holder", the_second_lock_names_the_holder },
    { "a_lock_file_without_a_holder_is_stale", a_lock_file_without_a_holder_is_stale },
    { "a_stale_socket_is_replaced_and_private", a_stale_socket_is_replaced_and_private },
    { "a_path_longer_than_a_socket_address_works", a_path_longer_than_a_socket_address_works },
    { "connecting_to_what_does_not_run_is_wrong_state", connecting_to_what_does_not_run_is_wrong_state },
    { "a_process_that_vanished_is_a_crash_with_its_signal", a_process_that_vanished_is_a_crash_with_its_signal },
    { "a_restart_of_the_host_is_no_crash", a_restart_of_the_host_is_no_crash },
    { "a_broken_record_is_no_record", a_broken_record_is_no_record },
    { "log_lines_have_no_control_characters", log_lines_have_no_control_characters },
    { "a_log_is_rotated_at_its_limit", a_log_is_rotated_at_its_limit },
    { "a_full_disk_loses_lines_and_nothing_else", a_full_disk_loses_lines_and_nothing_else },
    { "a_guest_that_floods_the_log_is_cut_short", a_guest_that_floods_the_log_is_cut_short },
    { "a_start_that_succeeds_tells_so", a_start_that_succeeds_tells_so },
    { "the_error_of_the_engine_reaches_the_starter", the_error_of_the_engine_reaches_the_starter },
    { "a_process_that_dies_silently_is_an_error_with_what_it_left", a_process_that_dies_silently_is_an_error_with_what_it_left },
    { "a_start_that_talks_nonsense_is_an_error", a_start_that_talks_nonsense_is_an_error },
    { "stopping_what_is_off_removes_what_a_crash_left", stopping_what_is_off_removes_what_a_crash_left })
/* clang-format on */
