/* tests/unit/test-running-verbs.c - the built program and a machine that runs:
 * a fake one on a thread, behind the sockets and locks of a real one. */
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/json.h"
#include "app/session/session-dir.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-machine.h"

typedef struct {
    char *home, *out, *err;
    FakeMachine *fm;
    GThread *thread;
    int lock;
    gint stop;
} Run;

static gpointer
serve(gpointer data)
{
    Run *run = data;

    while (g_atomic_int_get(&run->stop) == 0)
        g_main_context_iteration(run->fm->context, TRUE);
    return NULL;
}

static void
write_profile(const Run *run, const char *name, const char *text)
{
    g_autofree char *folder =
        g_build_filename(run->home, "carrel", "machines", name, NULL);
    g_autofree char *file = g_build_filename(folder, "machine.ini", NULL);

    g_mkdir_with_parents(folder, 0700);
    g_file_set_contents(file, text, -1, NULL);
}

/* "q" runs, "b1" is off. */
static void
set_up(Run *run)
{
    *run = (Run){.home = g_dir_make_tmp("crv-XXXXXX", NULL)};
    g_autofree char *runtime = g_build_filename(run->home, "run", NULL);

    g_mkdir(runtime, 0700);
    g_setenv("XDG_CONFIG_HOME", run->home, TRUE);
    g_setenv("XDG_DATA_HOME", run->home, TRUE);
    g_setenv("XDG_STATE_HOME", run->home, TRUE);
    g_setenv("XDG_RUNTIME_DIR", runtime, TRUE);
    write_profile(run, "q", "[machine]\nmemory=64M\n");
    write_profile(run, "b1", "[machine]\nmemory=128M\n[disk0]\npath=/x.img\n");
    CU_ASSERT_TRUE_FATAL(session_dirs_make("q", NULL));
    run->lock = session_lock("q", NULL);
    run->fm = fake_machine_new_on(session_listen("q", NULL));
    run->thread = g_thread_new("server", serve, run);
}

static void
tear_down(Run *run)
{
    g_atomic_int_set(&run->stop, 1);
    g_main_context_wakeup(run->fm->context);
    g_thread_join(run->thread);
    fake_machine_free(run->fm);
    close(run->lock);
    store_remove_tree(run->home, NULL);
    g_free(run->home);
    g_free(run->out);
    g_free(run->err);
}

static int
carrel(Run *run, const char *words)
{
    g_autofree char *line =
        g_strdup_printf("%s %s", g_getenv("CARREL_TEST_PROGRAM"), words);
    int status = -1;

    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
    g_spawn_command_line_sync(line, &run->out, &run->err, &status, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
says(Run *run, const char *words, const char *text)
{
    if (carrel(run, words) == 0 && strcmp(run->out, text) == 0)
        return true;
    printf("# %s: %s%s", words, run->out, run->err);
    return false;
}

static void
a_dry_run_says_what_would_be_done(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_TRUE(says(&run, "start -n b1",
                        "would start b1: pc-i440fx, 1 CPU, 128M, "
                        "disk0 /x.img\n"));
    CU_ASSERT_TRUE(says(&run, "start -n q", "q is running already\n"));
    CU_ASSERT_TRUE(says(&run, "stop -n q",
                        "would press the power button of q and wait up to 60 "
                        "s for its guest\n"));
    CU_ASSERT_TRUE(
        says(&run, "stop -n -f q", "would take the power of q away\n"));
    CU_ASSERT_TRUE(says(&run, "stop -n -f -t 9 q",
                        "would press the power button of q and wait up to 9 "
                        "s for its guest, then take its power away\n"));
    CU_ASSERT_TRUE(says(&run, "stop -n b1", "b1 is off already\n"));
    CU_ASSERT_TRUE(says(&run, "restart -n -f q",
                        "would take the power of q away, then start it "
                        "again\n"));
    CU_ASSERT_TRUE(
        says(&run, "reset -n q", "would press the reset button of q\n"));
    CU_ASSERT_TRUE(says(&run, "pause -n q", "would pause q\n"));
    CU_ASSERT_TRUE(says(&run, "resume -n q", "would resume q\n"));
    CU_ASSERT_EQUAL(carrel(&run, "reset -n b1"), 4); /* as without -n */
    CU_ASSERT_STRING_EQUAL(run.fm->calls->str, "");
    tear_down(&run);
}

static void
a_dry_run_keeps_the_state_in_json(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_TRUE(says(&run, "start -n --json b1",
                        "{\"name\":\"b1\",\"state\":\"off\",\"changed\":false,"
                        "\"dry-run\":true,\"would\":\"start\"}\n"));
    CU_ASSERT_TRUE(says(&run, "pause -n --json q",
                        "{\"name\":\"q\",\"state\":\"running\",\"changed\":"
                        "false,\"dry-run\":true,\"would\":\"pause\"}\n"));
    CU_ASSERT_TRUE(says(&run, "start -n --json q",
                        "{\"name\":\"q\",\"state\":\"running\",\"changed\":"
                        "false,\"dry-run\":true,\"would\":null}\n"));
    tear_down(&run);
}

static void
send_and_wait_answer_with_json(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_TRUE(
        says(&run, "send --json q keys a", "{\"name\":\"q\",\"ok\":true}\n"));
    CU_ASSERT_TRUE(says(&run, "wait --json q running",
                        "{\"name\":\"q\",\"state\":\"running\"}\n"));
    CU_ASSERT_TRUE(says(&run, "wait q running", ""));
    tear_down(&run);
}

static void
logs_are_an_object_a_line_with_json(void)
{
    Run run;
    set_up(&run);
    g_autofree char *vmm = session_log_file("q", "vmm");
    g_autofree char *serial = session_log_file("q", "serial0");
    g_file_set_contents(
        vmm, "2026-01-31T23:59:59.123 machine: a: b\n    more\n", -1, NULL);
    g_file_set_contents(serial, "login:\r\n# ", -1, NULL);

    CU_ASSERT_TRUE(says(&run, "logs q --json",
                        "{\"time\":\"2026-01-31T23:59:59.123\",\"source\":"
                        "\"machine\",\"line\":\"a: b\"}\n"
                        "{\"source\":\"vmm\",\"line\":\"    more\"}\n"));
    CU_ASSERT_TRUE(says(&run, "logs q --json -s serial",
                        "{\"source\":\"serial0\",\"line\":\"login:\"}\n"
                        "{\"source\":\"serial0\",\"line\":\"# \"}\n"));
    tear_down(&run);
}

static void
the_log_of_a_lost_process_ends_with_the_reason(void)
{
    Run run;
    set_up(&run);
    CU_ASSERT_TRUE(session_dirs_make("b1", NULL));
    g_autofree char *state = session_state_dir("b1");
    g_autofree char *note = g_build_filename(state, "signal", NULL);
    g_autofree char *log = session_log_file("b1", "vmm");
    session_record_write("b1", "running", "");
    g_file_set_contents(note, "SIGSEGV\n", -1, NULL);
    g_file_set_contents(log, "x\n", -1, NULL);

    CU_ASSERT_TRUE(says(&run, "logs b1",
                        "x\nmachine: crashed: process ended unexpectedly "
                        "(SIGSEGV)\n"));
    session_record_write("b1", "crashed", "triple fault");
    CU_ASSERT_TRUE(says(&run, "logs b1", "x\n"));
    tear_down(&run);
}

static void
view_prints_a_command_or_the_address(void)
{
    Run run;
    set_up(&run);

    run.fm->view = "unix:/run/q/vnc.sock";
    CU_ASSERT_TRUE(says(&run, "view --url q", "unix:/run/q/vnc.sock\n"));
    CU_ASSERT_TRUE(says(&run, "view q", "vncviewer /run/q/vnc.sock\n"));
    run.fm->view = "tcp:127.0.0.1:5901";
    CU_ASSERT_TRUE(says(&run, "view q", "vncviewer 127.0.0.1::5901\n"));
    run.fm->view = "unix:/a b/vnc.sock";
    CU_ASSERT_TRUE(says(&run, "view q", "vncviewer '/a b/vnc.sock'\n"));
    tear_down(&run);
}

static void
console_shows_ports_of_both_kinds(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_TRUE(says(&run, "console q --serial", "boot\n"));
    CU_ASSERT_TRUE(says(&run, "console q --virtio=3", "boot\n"));
    CU_ASSERT_EQUAL(carrel(&run, "console q --virtio"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "console q --virtio=8"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "0 to 7"));
    tear_down(&run);
}

/* A start of b1 by somebody else, who has its lock for a while. */
typedef struct {
    int lock;
    bool succeeds;
    gint done;
} Other;

static gpointer
start_slowly(gpointer data)
{
    Other *other = data;

    g_usleep(400 * 1000);
    g_atomic_int_set(&other->done, 1);
    if (other->succeeds)
        session_record_write("b1", "running", "");
    else
        close(other->lock);
    return NULL;
}

static int
start_beside(Run *run, bool succeeds)
{
    CU_ASSERT_TRUE_FATAL(session_dirs_make("b1", NULL));
    Other other = {.lock = session_lock("b1", NULL), .succeeds = succeeds};
    CU_ASSERT_TRUE_FATAL(other.lock >= 0);
    GThread *thread = g_thread_new("other", start_slowly, &other);
    int code = carrel(run, "start b1");
    CU_ASSERT_EQUAL(g_atomic_int_get(&other.done), 1); /* it has waited */
    g_thread_join(thread);
    if (succeeds)
        close(other.lock);
    return code;
}

static void
a_start_beside_another_has_its_outcome(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(start_beside(&run, true), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "b1 is running already\n");
    tear_down(&run);
}

static void
a_start_after_one_that_failed_has_its_own_reason(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_NOT_EQUAL(start_beside(&run, false), 0);
    CU_ASSERT_PTR_NULL(strstr(run.err, "already running"));
    CU_ASSERT_PTR_NULL(strstr(run.err, "by others"));
    CU_ASSERT_NOT_EQUAL(strlen(run.err), 0);
    tear_down(&run);
}

/* Whatever of several is first: all of them tell why it does not run. */
static void
starts_at_once_all_have_the_real_reason(void)
{
    Run run;
    GPid pids[4];
    set_up(&run);

    char *argv[] = {(char *) g_getenv("CARREL_TEST_PROGRAM"), "start", "b1",
                    NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(pids); i++)
        CU_ASSERT_TRUE_FATAL(g_spawn_async(NULL, argv, NULL,
                                           G_SPAWN_DO_NOT_REAP_CHILD |
                                               G_SPAWN_STDERR_TO_DEV_NULL,
                                           NULL, NULL, &pids[i], NULL));
    int alone = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
        int status = -1;
        (void) waitpid(pids[i], &status, 0);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        CU_ASSERT_NOT_EQUAL(code, 4);
        alone = i == 0 ? code : alone;
        CU_ASSERT_EQUAL(code, alone);
    }
    tear_down(&run);
}

static void
a_dry_run_looks_for_the_machine_first(void)
{
    static const char *const verbs[] = {
        "-n media %s insert floppy0 x", "-n memory %s --balloon=64M",
        "-n send %s keys a", "-n speed %s 486", "-n screenshot %s"};
    Run run;
    set_up(&run);

    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        g_auto(GStrv) parts = g_strsplit(verbs[i], "%s", 2);
        g_autofree char *none = g_strjoinv("nosuch", parts);
        g_autofree char *off = g_strjoinv("b1", parts);
        g_autofree char *on = g_strjoinv("q", parts);
        CU_ASSERT_EQUAL(carrel(&run, none), 3);
        CU_ASSERT_EQUAL(carrel(&run, off), 4);
        CU_ASSERT_EQUAL(carrel(&run, on), 0);
        CU_ASSERT_TRUE(g_str_has_prefix(run.out, "would "));
    }
    CU_ASSERT_EQUAL(carrel(&run, "-n media q insert cd7 x"), 3);
    CU_ASSERT_STRING_EQUAL(run.fm->calls->str, "");
    tear_down(&run);
}

static void
media_answer_with_json_and_warn_of_formats(void)
{
    Run run;
    set_up(&run);
    g_autofree char *image = g_build_filename(run.home, "a.img", NULL);
    g_autofree char *words =
        g_strdup_printf("media q insert floppy0 %s", image);
    g_autofree char *json = g_strdup_printf("--json %s", words);
    g_autofree char *answer =
        g_strdup_printf("{\"name\":\"q\",\"drive\":\"floppy0\",\"path\":"
                        "\"%s\",\"changed\":true,\"dry-run\":false}\n",
                        image);

    g_file_set_contents(image, "QFI\xfb    ", 8, NULL);
    CU_ASSERT_TRUE(says(&run, json, answer));
    CU_ASSERT_EQUAL(carrel(&run, words), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "looks like qcow2"));
    g_file_set_contents(image, "12345678", 8, NULL);
    CU_ASSERT_EQUAL(carrel(&run, words), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "no floppy format (8 bytes)"));
    CU_ASSERT_TRUE(says(&run, "--json media q eject floppy0",
                        "{\"name\":\"q\",\"drive\":\"floppy0\",\"path\":"
                        "null,\"changed\":true,\"dry-run\":false}\n"));
    CU_ASSERT_EQUAL(carrel(&run, "--read-only media q eject floppy0"), 4);
    tear_down(&run);
}

static void
a_screenshot_is_a_png_by_name(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "screenshot q x.bmp"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "'x.bmp' does not end in .png"));
    CU_ASSERT_EQUAL(carrel(&run, "--read-only screenshot q x.png"), 4);
    CU_ASSERT_NOT_EQUAL(carrel(&run, "screenshot q /nosuch/x.png"), 0);
    tear_down(&run);
}

static void
reset_says_what_it_did(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_TRUE(says(&run, "reset q", "q was reset\n"));
    CU_ASSERT_TRUE(says(&run, "pause q", "q is paused\n"));
    CU_ASSERT_TRUE(says(&run, "--json reset q",
                        "{\"name\":\"q\",\"state\":\"running\",\"changed\":"
                        "true,\"dry-run\":false}\n"));
    tear_down(&run);
}

CU_MAIN(
    "running-verbs",
    {"a_start_beside_another_has_its_outcome",
     a_start_beside_another_has_its_outcome},
    {"a_start_after_one_that_failed_has_its_own_reason",
     a_start_after_one_that_failed_has_its_own_reason},
    {"starts_at_once_all_have_the_real_reason",
     starts_at_once_all_have_the_real_reason},
    {"a_dry_run_looks_for_the_machine_first",
     a_dry_run_looks_for_the_machine_first},
    {"media_answer_with_json_and_warn_of_formats",
     media_answer_with_json_and_warn_of_formats},
    {"a_screenshot_is_a_png_by_name", a_screenshot_is_a_png_by_name},
    {"reset_says_what_it_did", reset_says_what_it_did},
    {"console_shows_ports_of_both_kinds", console_shows_ports_of_both_kinds},
    {"a_dry_run_says_what_would_be_done", a_dry_run_says_what_would_be_done},
    {"a_dry_run_keeps_the_state_in_json", a_dry_run_keeps_the_state_in_json},
    {"send_and_wait_answer_with_json", send_and_wait_answer_with_json},
    {"logs_are_an_object_a_line_with_json",
     logs_are_an_object_a_line_with_json},
    {"the_log_of_a_lost_process_ends_with_the_reason",
     the_log_of_a_lost_process_ends_with_the_reason},
    {"view_prints_a_command_or_the_address",
     view_prints_a_command_or_the_address})
