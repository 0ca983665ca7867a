/* tests/unit/test-verbs.c - the built program from outside: exit codes, what
 * is printed, what changes on disk, for verbs that need no running machine. */
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/json.h"
#include "app/linger.h"
#include "app/store.h"
#include "app/verbs.h"
#include "profiles/schema.h"
#include "tests/unit/cu-main.h"

typedef struct {
    char *home;
    int code;
    char *out, *err;
} Run;

/* Every case starts with a home of its own. */
static void
set_up(Run *run)
{
    g_autofree char *runtime = NULL;

    *run = (Run){.home = g_dir_make_tmp("carrel-test-XXXXXX", NULL)};
    runtime = g_build_filename(run->home, "run", NULL);
    g_mkdir(runtime, 0700);
    g_setenv("XDG_CONFIG_HOME", run->home, TRUE);
    g_setenv("XDG_DATA_HOME", run->home, TRUE);
    g_setenv("XDG_STATE_HOME", run->home, TRUE);
    g_setenv("XDG_RUNTIME_DIR", runtime, TRUE);
}

static void
tear_down(Run *run)
{
    store_remove_tree(run->home, NULL);
    g_free(run->home);
    g_free(run->out);
    g_free(run->err);
}

/* Runs `carrel WORDS`, split at blanks. */
static int
carrel(Run *run, const char *words)
{
    g_autofree char *line =
        g_strdup_printf("%s %s", g_getenv("CARREL_TEST_PROGRAM"), words);
    int status = -1;

    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
    g_spawn_command_line_sync(line, &run->out, &run->err, &status, NULL);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run->code;
}

static char *
machine_file(const Run *run, const char *name)
{
    return g_build_filename(run->home, "carrel", "machines", name,
                            "machine.ini", NULL);
}

static bool
has_machine(const Run *run, const char *name)
{
    g_autofree char *file = machine_file(run, name);

    return g_file_test(file, G_FILE_TEST_EXISTS);
}

static void
write_machine(const Run *run, const char *name, const char *text)
{
    g_autofree char *file = machine_file(run, name);
    g_autofree char *folder = g_path_get_dirname(file);

    g_mkdir_with_parents(folder, 0700);
    g_file_set_contents(file, text, -1, NULL);
}

static JsonNode *
json_of(const char *text)
{
    return json_parse(text, strlen(text), NULL);
}

/* Before anything is opened or asked of the host. */
static void
hold_gives_addresses_to_what_it_holds_only(void)
{
    static const char *const others[] = {"0000:01:10.2=52:54:00:aa:bb:01",
                                         "52:54:00:aa:bb:01", "=", ""};
    Run run;
    set_up(&run);

    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *words = g_strdup_printf(
            "passthrough hold 01:10.0 --fifo=/none --mac='%s'", others[i]);
        CU_ASSERT_EQUAL(carrel(&run, words), 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "for a device that is held"));
    }
    (void) carrel(&run, "passthrough hold 01:10.0 --fifo=/none "
                        "--mac=0000:01:10.0=52:54:00:aa:bb:01");
    CU_ASSERT_PTR_NULL(strstr(run.err, "for a device that is held"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "FIFO"));
    tear_down(&run);
}

static void
new_takes_the_templates_kind_of_disk(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "new l --from linux --new-disk 1M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "get l disk0.model"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "virtio-blk\n");
    CU_ASSERT_EQUAL(
        carrel(&run, "new k --from linux --new-disk 1M disk0.model=ide"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "get k disk0.model"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "ide\n");
    CU_ASSERT_EQUAL(carrel(&run, "new w --from win98 --new-disk 1M"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "patcher9x"));
    tear_down(&run);
}

static void
a_new_machine_is_valid_and_private(void)
{
    Run run;
    struct stat st;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "new a --from dos --new-disk 20M "
                                 "machine.memory=32M"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "get a machine.memory"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "32M\n");
    CU_ASSERT_EQUAL(carrel(&run, "check a"), 0);

    g_autofree char *disk = g_build_filename(run.home, "carrel", "machines",
                                             "a", "disks", "disk0.img", NULL);
    CU_ASSERT_EQUAL(stat(disk, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 20 << 20);
    CU_ASSERT_EQUAL(st.st_blocks, 0); /* sparse */
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    tear_down(&run);
}

static void
new_refuses_what_would_not_work_and_leaves_nothing(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "new"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new ../x"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new a --from cpm"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "new a --cd /nonexistent.iso"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "new a --cd /tmp"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new a --new-disk 12"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new a machine.memory=lots"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new a memory"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new a --unknown-option"), 2);
    CU_ASSERT_FALSE(has_machine(&run, "a"));
    g_autofree char *folder =
        g_build_filename(run.home, "carrel", "machines", "a", NULL);
    CU_ASSERT_FALSE(g_file_test(folder, G_FILE_TEST_EXISTS));
    tear_down(&run);
}

/* What a throw-away machine leaves in the runtime folder when it crashes. */
static void
write_throw_away(const Run *run, const char *name)
{
    g_autofree char *folder =
        g_build_filename(run->home, "run", "carrel", name, NULL);
    g_autofree char *file = g_build_filename(folder, "machine.ini", NULL);

    g_mkdir_with_parents(folder, 0700);
    g_file_set_contents(file, "[machine]\nmemory=32M\n", -1, NULL);
}

static void
a_throw_away_machine_can_be_shown_and_deleted(void)
{
    Run run;
    set_up(&run);
    write_throw_away(&run, "t");

    CU_ASSERT_EQUAL(carrel(&run, "get t machine.memory"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "32M\n");
    CU_ASSERT_EQUAL(carrel(&run, "show t"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "memory=32M"));
    CU_ASSERT_EQUAL(carrel(&run, "delete t --dry-run"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "status t"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "delete t"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "status t"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "delete t"), 3);
    tear_down(&run);
}

static void
a_login_that_does_not_linger_is_advised(void)
{
    Run run;
    set_up(&run);
    g_autofree char *seats =
        g_build_filename(run.home, "run/systemd/seats", NULL);
    g_autofree char *folder =
        g_build_filename(run.home, "var/lib/systemd/linger", NULL);
    g_autofree char *file = g_build_filename(folder, g_get_user_name(), NULL);
    g_autofree char *login =
        g_strdup_printf("/run/user/%u", (unsigned) geteuid());
    g_mkdir_with_parents(folder, 0700);

    CU_ASSERT_PTR_NULL(linger_hint(run.home)); /* a folder of our own */
    g_setenv("XDG_RUNTIME_DIR", login, TRUE);
    CU_ASSERT_PTR_NULL(linger_hint(run.home)); /* no systemd-logind */
    g_mkdir_with_parents(seats, 0700);
    CU_ASSERT_PTR_NOT_NULL(strstr(linger_hint(run.home), "enable-linger"));
    g_file_set_contents(file, "", 0, NULL);
    CU_ASSERT_PTR_NULL(linger_hint(run.home));
    tear_down(&run);
}

static void
new_notes_that_there_is_nothing_to_start_from(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "new a --from dos"), 0);
    CU_ASSERT_TRUE(g_str_has_prefix(run.err, "note: it has nothing"));
    tear_down(&run);
}

static void
new_does_not_replace_a_machine(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "new a machine.cpus=2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "new a machine.cpus=3"), 4);
    carrel(&run, "get a machine.cpus");
    CU_ASSERT_STRING_EQUAL(run.out, "2\n");
    tear_down(&run);
}

static void
media_go_into_the_drives_of_the_template(void)
{
    Run run;
    set_up(&run);
    g_autofree char *image = g_build_filename(run.home, "x.img", NULL);
    g_file_set_contents(image, "x", 1, NULL);
    CU_ASSERT_EQUAL(truncate(image, 1440 * 1024), 0);
    g_autofree char *words =
        g_strdup_printf("new a --from dos --floppy %s --cd %s", image, image);

    CU_ASSERT_EQUAL(carrel(&run, words), 0);
    CU_ASSERT_STRING_EQUAL(run.err, ""); /* it has something to start from */
    carrel(&run, "get a floppy0.path");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, image));
    carrel(&run, "get a cd0.path");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, image));
    tear_down(&run);
}

static void
dry_run_writes_nothing(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "new a --dry-run --new-disk 1G"), 0);
    CU_ASSERT_FALSE(has_machine(&run, "a"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "[machine]"));
    write_machine(&run, "b", "[machine]\ncpus=1\n");
    CU_ASSERT_EQUAL(carrel(&run, "set b machine.cpus=2 -n"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "- cpus=1\n+ cpus=2\n");
    CU_ASSERT_EQUAL(carrel(&run, "delete b --dry-run"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "rename b c --dry-run"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "get b machine.cpus"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "1\n");
    tear_down(&run);
}

static void
n_is_the_dry_run_of_run_too(void)
{
    Run run;
    set_up(&run);
    g_autofree char *image = g_build_filename(run.home, "x.img", NULL);
    g_autofree char *words = g_strdup_printf("run -n floppy=%s", image);
    g_file_set_contents(image, "x", 1, NULL);

    CU_ASSERT_EQUAL(carrel(&run, words), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "[floppy0]"));
    tear_down(&run);
}

/* A copy of the program in a folder that has nothing beside it. */
static void
use_lone_program(const Run *run, const char *program)
{
    g_autofree char *copy = g_build_filename(run->home, "carrel", NULL);
    g_autofree char *bytes = NULL;
    gsize len;

    CU_ASSERT_TRUE(g_file_get_contents(program, &bytes, &len, NULL));
    CU_ASSERT_TRUE(g_file_set_contents_full(
        copy, bytes, (gssize) len, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
    g_setenv("CARREL_TEST_PROGRAM", copy, TRUE);
}

/* Without its template a kernel's machine would have no console to read. */
static void
a_kernel_is_not_run_without_its_template(void)
{
    Run run;
    set_up(&run);
    g_autofree char *program = g_strdup(g_getenv("CARREL_TEST_PROGRAM"));
    g_autofree char *data = g_strdup(g_getenv("CARREL_DATADIR"));
    g_autofree char *kernel = g_build_filename(run.home, "vmlinuz", NULL);
    g_autofree char *words = g_strdup_printf("--dry-run run kernel=%s", kernel);

    CU_ASSERT_TRUE(g_file_set_contents(kernel, "no kernel", -1, NULL));
    CU_ASSERT_EQUAL(carrel(&run, words), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "[serial0]\nkind=pane"));
    use_lone_program(&run, program);
    g_setenv("CARREL_DATADIR", run.home, TRUE);
    CU_ASSERT_EQUAL(carrel(&run, words), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "'linux-kernel'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "CARREL_DATADIR"));
    g_setenv("CARREL_DATADIR", data, TRUE);
    g_setenv("CARREL_TEST_PROGRAM", program, TRUE);
    tear_down(&run);
}

static void
n_is_the_dry_run_of_net_too(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");

    CU_ASSERT_EQUAL(carrel(&run, "net forward add a 2222-22 -n"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "net forward add a 2222-22 --net=net1"), 4);
    tear_down(&run);
}

static void
lists_fit_a_terminal(void)
{
    static const char *const lists[] = {"list", "templates", "keys", "help"};
    Run run;
    set_up(&run);

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        CU_ASSERT_EQUAL(carrel(&run, lists[i]), 0);
        g_auto(GStrv) lines = g_strsplit(run.out, "\n", -1);
        for (gsize n = 0; lines[n] != NULL; n++)
            CU_ASSERT_TRUE(g_utf8_strlen(lines[n], -1) <= 80);
    }
    tear_down(&run);
}

static void
a_narrow_terminal_folds_the_last_column(void)
{
    Run run;
    set_up(&run);

    g_setenv("COLUMNS", "60", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "templates dos"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out,
                                  "MS-DOS, FreeDOS and others of the\n"
                                  "                     16-bit time\n"));
    CU_ASSERT_EQUAL(carrel(&run, "templates dos --plain"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "of the 16-bit time\n"));
    g_unsetenv("COLUMNS");
    tear_down(&run);
}

static void
read_only_refuses_changes(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");

    CU_ASSERT_EQUAL(carrel(&run, "--read-only delete a"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "--read-only set a machine.cpus=2"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "new b --read-only"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "--read-only usb attach a 1-2"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "--read-only usb list"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--read-only show a"), 0);
    CU_ASSERT_TRUE(has_machine(&run, "a"));
    tear_down(&run);
}

static void
set_unset_and_get_agree(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "# mine\n[machine]\ncpus=2\n[cd0]\n");

    CU_ASSERT_EQUAL(carrel(&run, "set a machine.memory=64M disk0.path=x.img"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "set a --unset machine.cpus --unset cd0"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "get a"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "machine.memory=64M\ndisk0.path=x.img\n");
    CU_ASSERT_EQUAL(carrel(&run, "get a machine.memroy"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set a memory=64M"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "did you mean machine.memory?"));
    CU_ASSERT_EQUAL(carrel(&run, "set a"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set b machine.cpus=1"), 3);
    tear_down(&run);
}

/* The host need not be able to start it: the text comes before. */
static void
unknown_keys_are_warned_about_by_those_who_go_on(void)
{
    Run run;
    const char *const words[] = {"set a machine.cpus=1", "start -n a",
                                 "start a"};
    set_up(&run);
    g_setenv("CARREL_KVM_DEVICE", "/nonexistent/kvm", TRUE);

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        write_machine(&run, "a", "[machine]\nmemroy=64M\n");
        carrel(&run, words[i]);
        CU_ASSERT_PTR_NOT_NULL(strstr(
            run.err, "machine.ini:2: warning: machine.memroy unknown key, "
                     "ignored; did you mean machine.memory?"));
    }
    carrel(&run, "logs a");
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "warning: machine.memroy"));
    carrel(&run, "set a machine.cpus=1 --quiet");
    CU_ASSERT_STRING_EQUAL(run.err, "");
    g_unsetenv("CARREL_KVM_DEVICE");
    tear_down(&run);
}

static unsigned
count(const char *text, const char *word)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
        n++;
    return n;
}

/* A file of sysfs that nobody may write, not even root. */
#define NO_WRITE "/sys/kernel/uevent_seqnum"

static void
only_kvm_names_the_group_kvm_and_once(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");
    if (access(NO_WRITE, F_OK) == 0) {
        g_setenv("CARREL_KVM_DEVICE", NO_WRITE, TRUE);
        CU_ASSERT_EQUAL(carrel(&run, "start a"), 5);
        CU_ASSERT_EQUAL(count(run.err, "usermod"), 1);
        g_unsetenv("CARREL_KVM_DEVICE");
    }
    write_machine(&run, "b", "[disk0]\npath=" NO_WRITE "\n");
    carrel(&run, "start b");
    CU_ASSERT_EQUAL(count(run.err, "usermod"), 0);
    tear_down(&run);
}

static void
an_empty_profile_is_warned_about(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "");

    CU_ASSERT_EQUAL(carrel(&run, "check a"), 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(run.out, "machine.ini: warning: is empty: every setting has its "
                        "default\n0 errors, 1 warning"));
    carrel(&run, "start -n a");
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "warning: is empty"));
    tear_down(&run);
}

static void
set_mends_a_profile_step_by_step(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\ncpus=0\nmemory=1\nmemory=2\njunk\n");

    CU_ASSERT_EQUAL(carrel(&run, "set a machine.cpus=2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "set a vnc.listen=0.0.0.0:5901"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set a machine.memory=64M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "get a machine.cpus"), 2); /* junk is left */
    CU_ASSERT_EQUAL(carrel(&run, "check a"), 8);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "1 error,"));
    tear_down(&run);
}

static void
errors_are_one_object_with_json(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "--json show nothing"), 3);
    g_autoptr(JsonNode) error = json_of(run.err);

    CU_ASSERT_EQUAL(json_get_int(error, "code", 0), 3);
    CU_ASSERT_STRING_EQUAL(json_get_string(error, "id", ""), "no-such-machine");
    CU_ASSERT_PTR_NOT_NULL(json_get_string(error, "message", NULL));
    CU_ASSERT_PTR_NOT_NULL(json_get(error, "hint"));
    CU_ASSERT_PTR_NOT_NULL(json_get(error, "fix"));
    CU_ASSERT_STRING_EQUAL(run.out, "");
    tear_down(&run);
}

static bool
prints_json(Run *run, const char *words)
{
    int code = carrel(run, words);
    g_autoptr(JsonNode) node = json_of(run->out);

    return node != NULL && (code == 0 || code == 8);
}

static void
every_answer_parses_with_json(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\ndescription=\"x\\\\\n");
    write_machine(&run, "b", "[machine]\ncpus=0\n");

    CU_ASSERT_TRUE(prints_json(&run, "show a --json"));
    CU_ASSERT_TRUE(prints_json(&run, "get a --json"));
    CU_ASSERT_TRUE(prints_json(&run, "set a machine.cpus=2 --json"));
    CU_ASSERT_TRUE(prints_json(&run, "check a b --json"));
    CU_ASSERT_TRUE(prints_json(&run, "templates --json"));
    CU_ASSERT_TRUE(prints_json(&run, "template show dos --json"));
    CU_ASSERT_TRUE(prints_json(&run, "info --json"));
    CU_ASSERT_TRUE(prints_json(&run, "keys --json"));
    CU_ASSERT_TRUE(prints_json(&run, "help --json"));
    CU_ASSERT_TRUE(prints_json(&run, "help settings --json"));
    CU_ASSERT_TRUE(prints_json(&run, "version --json"));
    CU_ASSERT_TRUE(prints_json(&run, "new c --json"));
    CU_ASSERT_TRUE(prints_json(&run, "clone a d --json"));
    CU_ASSERT_TRUE(prints_json(&run, "rename d e --json"));
    CU_ASSERT_TRUE(prints_json(&run, "delete c e --json"));
    CU_ASSERT_TRUE(prints_json(&run, "trash list --json"));
    CU_ASSERT_TRUE(prints_json(&run, "trash restore c --json"));
    CU_ASSERT_TRUE(prints_json(&run, "trash empty --yes --json"));
    tear_down(&run);
}

static void
check_names_file_line_and_key_and_exits_with_8(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\nmemory=1\ncolour=red\njunk\n");
    g_autofree char *file = machine_file(&run, "a");

    CU_ASSERT_EQUAL(carrel(&run, "check a"), 8);
    g_autofree char *first =
        g_strdup_printf("%s:2: error: machine.memory", file);
    g_autofree char *second =
        g_strdup_printf("%s:3: warning: machine.colour", file);
    g_autofree char *third = g_strdup_printf("%s:4: error: ", file);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, first));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, second));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, third));
    tear_down(&run);
}

static void
check_finds_missing_files_and_exits_with_8(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[disk0]\npath=gone.img\n");

    CU_ASSERT_EQUAL(carrel(&run, "check a"), 8);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, ":2: error: disk0.path"));
    CU_ASSERT_EQUAL(carrel(&run, "check /nonexistent/x.ini"), 3);
    tear_down(&run);
}

/* One profile with one key set to something that no key accepts. */
static bool
is_refused(Run *run, const SchemaKey *key)
{
    g_autofree char *section = g_strdelimit(g_strdup(key->section), "#", '0');
    g_autofree char *text =
        g_strdup_printf("[template]\n[%s]\n%s=\\tx\\n\n", section, key->key);
    g_autofree char *where =
        g_strdup_printf("machine.ini:3: error: %s.%s", section, key->key);

    write_machine(run, "a", text);
    return carrel(run, "check a") == 8 && strstr(run->out, where) != NULL;
}

static void
every_key_is_refused_by_name_when_it_is_bad(void)
{
    Run run;
    unsigned n, bad = 0;
    const SchemaKey *keys = schema_keys(&n);
    set_up(&run);

    for (unsigned i = 0; i < n; i++)
        bad += !is_refused(&run, &keys[i]);

    CU_ASSERT_EQUAL(bad, 0);
    tear_down(&run);
}

static void
a_deleted_machine_comes_back_whole(void)
{
    Run run;
    set_up(&run);
    carrel(&run, "new a --new-disk 1M machine.cpus=2");

    CU_ASSERT_EQUAL(carrel(&run, "rm a"), 0);
    CU_ASSERT_FALSE(has_machine(&run, "a"));
    CU_ASSERT_EQUAL(carrel(&run, "trash"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "a@"));
    CU_ASSERT_EQUAL(carrel(&run, "trash restore a"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "check a"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "trash restore a"), 3);
    tear_down(&run);
}

static void
the_trash_is_only_emptied_with_a_yes(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");
    carrel(&run, "delete a");

    CU_ASSERT_EQUAL(carrel(&run, "trash empty"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "trash empty --yes"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "trash restore a"), 3);
    tear_down(&run);
}

static void
deleting_does_not_follow_links(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");
    g_autofree char *other = g_build_filename(run.home, "other", NULL);
    g_autofree char *kept = g_build_filename(other, "kept", NULL);
    g_autofree char *link =
        g_build_filename(run.home, "carrel", "machines", "a", "link", NULL);
    g_mkdir(other, 0700);
    g_file_set_contents(kept, "x", 1, NULL);
    CU_ASSERT_EQUAL(symlink(other, link), 0);

    carrel(&run, "delete a");
    CU_ASSERT_EQUAL(carrel(&run, "trash empty --yes"), 0);

    CU_ASSERT_TRUE(g_file_test(kept, G_FILE_TEST_EXISTS));
    tear_down(&run);
}

static void
a_protected_machine_stays(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");

    CU_ASSERT_EQUAL(carrel(&run, "protect a on"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "delete a"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "rename a b"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "protect a maybe"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "protect a off"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "rename a b"), 0);
    CU_ASSERT_TRUE(has_machine(&run, "b"));
    tear_down(&run);
}

static void
a_clone_has_disks_of_its_own(void)
{
    Run run;
    struct stat one, two;
    set_up(&run);
    carrel(&run, "new a --new-disk 4M");

    CU_ASSERT_EQUAL(carrel(&run, "clone a b"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "clone a b"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "check b"), 0);
    g_autofree char *first =
        g_build_filename(run.home, "carrel/machines/a/disks/disk0.img", NULL);
    g_autofree char *second =
        g_build_filename(run.home, "carrel/machines/b/disks/disk0.img", NULL);
    CU_ASSERT_EQUAL(stat(first, &one), 0);
    CU_ASSERT_EQUAL(stat(second, &two), 0);
    CU_ASSERT_EQUAL(two.st_size, 4 << 20);
    CU_ASSERT_NOT_EQUAL(one.st_ino, two.st_ino);
    tear_down(&run);
}

static void
an_edit_is_checked_before_it_is_saved(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\ncpus=1\n");
    g_setenv("VISUAL", "sed -i s/cpus=1/cpus=0/", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "edit a"), 2);
    g_setenv("VISUAL", "sed -i s/cpus=1/cpus=4/", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "edit a"), 0);
    g_unsetenv("VISUAL");

    carrel(&run, "get a machine.cpus");
    CU_ASSERT_STRING_EQUAL(run.out, "4\n");
    tear_down(&run);
}

static void
secrets_are_not_shown(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[vnc]\npassword=secret\n");

    carrel(&run, "show a");
    CU_ASSERT_PTR_NULL(strstr(run.out, "secret"));
    carrel(&run, "get a");
    CU_ASSERT_PTR_NULL(strstr(run.out, "secret"));
    tear_down(&run);
}

static void
a_newer_profile_is_never_rewritten(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\nschema=9\n");

    CU_ASSERT_EQUAL(carrel(&run, "set a machine.cpus=2"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "later version"));
    tear_down(&run);
}

static void
unknown_words_get_a_suggestion_and_2(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "shwo a"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "try: carrel show"));
    CU_ASSERT_EQUAL(carrel(&run, "--no-such-option"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "--color=purple version"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "show a b c"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "--help"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "new --help"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "--new-disk"));
    tear_down(&run);
}

static void
completion_knows_verbs_machines_and_settings(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "win98", "[machine]\n");

    carrel(&run, "__complete -- tem");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "templates\t"));
    carrel(&run, "__complete -- show w");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "win98\t"));
    carrel(&run, "__complete -- new x --fr");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "--from\t"));
    carrel(&run, "__complete -- new x --from d");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "dos\t"));
    carrel(&run, "__complete -- set win98 machine.mem");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "machine.memory=\t"));
    carrel(&run, "__complete -- set win98 machine.rtc=l");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "machine.rtc=localtime\t"));
    CU_ASSERT_EQUAL(carrel(&run, "completion bash"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "completion tcsh"), 2);
    tear_down(&run);
}

static void
the_manual_has_every_verb(void)
{
    unsigned n, missing = 0;
    const Verb *verbs = verbs_all(&n);
    g_autofree char *file =
        g_build_filename(g_getenv("CARREL_DATADIR"), "man", "carrel.1", NULL);
    g_autofree char *page = NULL;

    CU_ASSERT_TRUE_FATAL(g_file_get_contents(file, &page, NULL, NULL));
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *item = g_strdup_printf("Ic %s ", verbs[i].name);
        g_autofree char *line = g_strdup_printf("Ic %s\n", verbs[i].name);
        missing += !(verbs[i].flags & VERB_HIDDEN) &&
                   strstr(page, item) == NULL && strstr(page, line) == NULL;
    }
    CU_ASSERT_EQUAL(missing, 0);
}

static void
completion_knows_what_can_be_attached(void)
{
    Run run;
    set_up(&run);

    carrel(&run, "__complete -- attach a d");
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "disk3\t"));
    CU_ASSERT_PTR_NULL(strstr(run.out, "floppy"));
    carrel(&run, "__complete -- attach a disk1 p");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "path=\t"));
    carrel(&run, "__complete -- detach a r");
    CU_ASSERT_TRUE(g_str_has_prefix(run.out, "rng\t"));
    tear_down(&run);
}

static void
attach_checks_before_it_asks_the_machine(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\nmemory=16M\n");

    CU_ASSERT_EQUAL(carrel(&run, "attach a"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "carrel console"));
    CU_ASSERT_EQUAL(carrel(&run, "attach b disk1 path=/x"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "attach a disk1"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "disk1.path: is missing"));
    CU_ASSERT_EQUAL(carrel(&run, "attach a disk1 path=/x model=scsi"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "virtio-blk"));
    CU_ASSERT_EQUAL(carrel(&run, "attach a disk1 path"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "attach a disk1 path=/x direct=2"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "carrel: disk1.direct: "));
    CU_ASSERT_EQUAL(carrel(&run, "attach a disk1 path=/x"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "attach a disk1 path=/x --keep"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "get a disk1.path"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "\n");
    tear_down(&run);
}

static void
detach_checks_before_it_asks_the_machine(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a",
                  "[machine]\nmemory=16M\n[disk1]\nmodel=virtio-blk\n"
                  "path=/x\n");

    CU_ASSERT_EQUAL(carrel(&run, "detach a"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "detach a disk1 --timeout 0"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "detach b disk1"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "detach a disk1 --keep"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "--read-only detach a disk1"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "detach a disk1 --keep --dry-run --json"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "\"kept\":false"));
    CU_ASSERT_EQUAL(carrel(&run, "get a disk1.path"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "/x\n");
    tear_down(&run);
}

static void
a_full_disk_is_noticed(void)
{
    Run run;
    set_up(&run);
    g_autofree char *line =
        g_strdup_printf("sh -c \"%s help settings >/dev/full\"",
                        g_getenv("CARREL_TEST_PROGRAM"));
    int status;

    g_spawn_command_line_sync(line, &run.out, &run.err, &status, NULL);

    CU_ASSERT_EQUAL(WEXITSTATUS(status), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "cannot write"));
    tear_down(&run);
}

/* Columns up to the empty line behind "Usage:"; the widest. */
static gsize
usage_width(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gsize width = 0;

    for (unsigned i = 0; lines[i] != NULL && lines[i][0] != '\0'; i++)
        width = MAX(width, (gsize) g_utf8_strlen(lines[i], -1));
    return width;
}

static void
usages_fit_a_terminal(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "passthrough --help"), 0);
    CU_ASSERT_TRUE(usage_width(run.out) <= 79);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "| vf list|create|set|remove"));
    CU_ASSERT_EQUAL(carrel(&run, "disk --help"), 0);
    CU_ASSERT_TRUE(usage_width(run.out) <= 79);
    CU_ASSERT_EQUAL(carrel(&run, "passthrough frobnicate"), 2);
    CU_ASSERT_TRUE(usage_width(run.err) <= 79);
    tear_down(&run);
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

CU_MAIN("verbs", CASE(a_login_that_does_not_linger_is_advised),
        CASE(hold_gives_addresses_to_what_it_holds_only),
        CASE(a_new_machine_is_valid_and_private),
        CASE(new_takes_the_templates_kind_of_disk),
        {"a_throw_away_machine_can_be_shown_and_deleted",
         a_throw_away_machine_can_be_shown_and_deleted},
        CASE(new_refuses_what_would_not_work_and_leaves_nothing),
        CASE(new_notes_that_there_is_nothing_to_start_from),
        CASE(new_does_not_replace_a_machine),
        CASE(media_go_into_the_drives_of_the_template),
        CASE(dry_run_writes_nothing), CASE(n_is_the_dry_run_of_run_too),
        CASE(a_kernel_is_not_run_without_its_template),
        CASE(n_is_the_dry_run_of_net_too), CASE(lists_fit_a_terminal),
        CASE(a_narrow_terminal_folds_the_last_column),
        CASE(read_only_refuses_changes), CASE(set_mends_a_profile_step_by_step),
        CASE(unknown_keys_are_warned_about_by_those_who_go_on),
        CASE(an_empty_profile_is_warned_about),
        CASE(only_kvm_names_the_group_kvm_and_once),
        CASE(set_unset_and_get_agree), CASE(errors_are_one_object_with_json),
        CASE(every_answer_parses_with_json),
        CASE(check_names_file_line_and_key_and_exits_with_8),
        CASE(check_finds_missing_files_and_exits_with_8),
        CASE(every_key_is_refused_by_name_when_it_is_bad),
        CASE(a_deleted_machine_comes_back_whole),
        CASE(the_trash_is_only_emptied_with_a_yes),
        CASE(deleting_does_not_follow_links), CASE(a_protected_machine_stays),
        CASE(a_clone_has_disks_of_its_own),
        CASE(an_edit_is_checked_before_it_is_saved),
        CASE(secrets_are_not_shown), CASE(a_newer_profile_is_never_rewritten),
        CASE(unknown_words_get_a_suggestion_and_2),
        CASE(completion_knows_verbs_machines_and_settings),
        CASE(the_manual_has_every_verb),
        CASE(completion_knows_what_can_be_attached),
        CASE(attach_checks_before_it_asks_the_machine),
        CASE(detach_checks_before_it_asks_the_machine),
        CASE(a_full_disk_is_noticed), CASE(usages_fit_a_terminal))
