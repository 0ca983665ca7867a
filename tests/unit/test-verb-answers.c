/* tests/unit/test-verb-answers.c - the built program from outside: what it says
 * to a person who mistypes, takes from others or asks for what is not there. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/json.h"
#include "app/store.h"
#include "app/verbs.h"
#include "tests/unit/cu-main.h"

typedef struct {
    char *home, *out, *err;
    int code;
} Run;

static void
set_up(Run *run)
{
    *run = (Run){.home = g_dir_make_tmp("carrel-test-XXXXXX", NULL)};
    g_autofree char *runtime = g_build_filename(run->home, "run", NULL);

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

/* Runs `carrel WORDS` in the home, split at blanks. */
static int
carrel(Run *run, const char *words)
{
    g_autofree char *line =
        g_strdup_printf("%s %s", g_getenv("CARREL_TEST_PROGRAM"), words);
    g_auto(GStrv) argv = NULL;
    int status = -1;

    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
    CU_ASSERT_TRUE_FATAL(g_shell_parse_argv(line, NULL, &argv, NULL));
    g_spawn_sync(run->home, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &run->out,
                 &run->err, &status, NULL);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run->code;
}

static bool
tells(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        return true;
    printf("# no '%s' in: %s\n", part, text);
    return false;
}

static char *
machine_file(const Run *run, const char *name, const char *file)
{
    return g_build_filename(run->home, "carrel", "machines", name, file, NULL);
}

static void
write_machine(const Run *run, const char *name, const char *text)
{
    g_autofree char *file = machine_file(run, name, "machine.ini");
    g_autofree char *folder = g_path_get_dirname(file);

    g_mkdir_with_parents(folder, 0700);
    g_file_set_contents(file, text, -1, NULL);
}

static bool
has_machine(const Run *run, const char *name)
{
    g_autofree char *file = machine_file(run, name, "machine.ini");

    return g_file_test(file, G_FILE_TEST_EXISTS);
}

static void
set_warns_of_files_that_are_not_there(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n[net0]\n");

    CU_ASSERT_EQUAL(carrel(&run, "set a net0.tftp=/srv/none"), 0);
    CU_ASSERT_TRUE(tells(run.err, "warning: net0.tftp '/srv/none'"));
    CU_ASSERT_EQUAL(carrel(&run, "set a disk0.path=/nosuch.img"), 0);
    CU_ASSERT_TRUE(tells(run.err, "warning: disk0.path '/nosuch.img'"));
    CU_ASSERT_EQUAL(carrel(&run, "get a disk0.path"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "/nosuch.img\n"); /* it is saved */
    CU_ASSERT_EQUAL(carrel(&run, "--json set a machine.cpus=2"), 0);
    CU_ASSERT_TRUE(tells(run.err, "\"key\":\"disk0.path\""));
    CU_ASSERT_EQUAL(carrel(&run, "set -q a machine.cpus=1"), 0);
    CU_ASSERT_STRING_EQUAL(run.err, "");
    CU_ASSERT_EQUAL(carrel(&run, "set a machine.cpus=0"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "new b disk0.path=/nosuch.img"), 0);
    CU_ASSERT_TRUE(tells(run.err, "warning: disk0.path '/nosuch.img'"));
    tear_down(&run);
}

static void
a_flag_takes_no_value(void)
{
    static const char *const wrong[] = {
        "delete a --dry-run=no", "list --json=no",        "--json=no list",
        "stop a --force=no",     "--version=1",           "show a --help=no",
        "-q --verbose=0 list",   "set a x.y=1 --undo=no",
    };
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\n");

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        CU_ASSERT_EQUAL(carrel(&run, wrong[i]), 2);
        CU_ASSERT_TRUE(tells(run.err, "takes no value"));
    }
    CU_ASSERT_TRUE(has_machine(&run, "a"));
    /* an option's own value may look like one */
    CU_ASSERT_EQUAL(carrel(&run, "set a --unset --json=no"), 2);
    CU_ASSERT_PTR_NULL(strstr(run.err, "takes no value"));
    CU_ASSERT_EQUAL(carrel(&run, "show --color=never a"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "show -- --json=no"), 2);
    CU_ASSERT_PTR_NULL(strstr(run.err, "takes no value"));
    tear_down(&run);
}

static void
doctor_fixes_by_id(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "doctor --fix=nonsense --user=1000 -n"), 2);
    CU_ASSERT_TRUE(tells(run.err, "no plan mends 'nonsense'"));
    CU_ASSERT_EQUAL(carrel(&run, "doctor --fix=memlock --user=0 -n"), 2);
    CU_ASSERT_TRUE(tells(run.err, "(memlock); add --user=NAME"));
    CU_ASSERT_EQUAL(carrel(&run, "doctor --fix=memlock --user=root -n"), 2);
    CU_ASSERT_TRUE(tells(run.err, "add --user=NAME"));
    CU_ASSERT_EQUAL(carrel(&run, "doctor --fix --user=no-such-user"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "doctor --user=root"), 2);
    tear_down(&run);
}

/* a has a disk of its own that b uses as well; c uses one of nobody. */
static void
write_sharers(Run *run)
{
    g_autofree char *disk = machine_file(run, "a", "own.img");
    g_autofree char *b = g_strdup_printf("[disk0]\npath=%s\n", disk);
    g_autofree char *other = g_build_filename(run->home, "x.img", NULL);
    g_autofree char *c = g_strdup_printf("[disk0]\npath=%s\n", other);

    write_machine(run, "a", "[disk0]\npath=own.img\n");
    write_machine(run, "b", b);
    write_machine(run, "c", c);
    g_file_set_contents(disk, "x", 1, NULL);
    g_file_set_contents(other, "x", 1, NULL);
}

static void
what_others_use_is_deleted_with_a_yes_only(void)
{
    Run run;
    set_up(&run);
    write_sharers(&run);

    CU_ASSERT_EQUAL(carrel(&run, "delete a"), 4);
    CU_ASSERT_TRUE(tells(run.err, "b (disk0.path)"));
    CU_ASSERT_TRUE(has_machine(&run, "a"));
    CU_ASSERT_EQUAL(carrel(&run, "delete -n a"), 0);
    CU_ASSERT_TRUE(tells(run.err, "b (disk0.path)"));
    CU_ASSERT_EQUAL(carrel(&run, "delete c"), 0);
    CU_ASSERT_STRING_EQUAL(run.err, "");
    CU_ASSERT_EQUAL(carrel(&run, "delete a --yes"), 0);
    CU_ASSERT_FALSE(has_machine(&run, "a"));
    tear_down(&run);
}

static void
rename_and_clone_name_what_is_shared(void)
{
    Run run;
    set_up(&run);
    write_sharers(&run);

    CU_ASSERT_EQUAL(carrel(&run, "clone c c2"), 0);
    CU_ASSERT_TRUE(tells(run.err, "c and c2 share it: disk0 ("));
    CU_ASSERT_EQUAL(carrel(&run, "clone a a2"), 0);
    CU_ASSERT_STRING_EQUAL(run.err, "");
    CU_ASSERT_EQUAL(carrel(&run, "rename a z"), 0);
    CU_ASSERT_TRUE(tells(run.err, "b (disk0.path) names them by the old one"));
    CU_ASSERT_EQUAL(carrel(&run, "rename c y"), 0);
    CU_ASSERT_STRING_EQUAL(run.err, "");
    tear_down(&run);
}

static void
remarks_are_objects_with_json(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "--json new a"), 0);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(run.err), "\n", -1);
    CU_ASSERT_PTR_NOT_NULL(lines[0]);
    for (unsigned i = 0; lines[i] != NULL; i++) {
        g_autoptr(JsonNode) node = json_parse(lines[i], strlen(lines[i]), NULL);
        CU_ASSERT_STRING_EQUAL(json_get_string(node, "severity", ""), "note");
        CU_ASSERT_TRUE(tells(json_get_string(node, "message", ""), "start"));
    }
    tear_down(&run);
}

static void
only_one_slip_gets_a_suggestion(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "top"), 2);
    CU_ASSERT_PTR_NULL(strstr(run.err, "stop"));
    CU_ASSERT_EQUAL(carrel(&run, "rescue"), 2);
    CU_ASSERT_TRUE(tells(run.err, "carrel --help"));
    CU_ASSERT_EQUAL(carrel(&run, "tsart"), 2);
    CU_ASSERT_TRUE(tells(run.err, "carrel start"));
    CU_ASSERT_EQUAL(carrel(&run, "lsit"), 2);
    CU_ASSERT_TRUE(tells(run.err, "carrel list"));
    CU_ASSERT_EQUAL(carrel(&run, "ilst"), 2);
    CU_ASSERT_TRUE(tells(run.err, "carrel list"));
    tear_down(&run);
}

static void
a_number_is_no_slip(void)
{
    static const char *const names[] = {"1", "2019", "x", "abc"};
    Run run;
    set_up(&run);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        write_machine(&run, names[i], "[machine]\n");
    CU_ASSERT_EQUAL(carrel(&run, "show 2"), 3);
    CU_ASSERT_PTR_NULL(strstr(run.err, "did you mean"));
    CU_ASSERT_EQUAL(carrel(&run, "show 2018"), 3);
    CU_ASSERT_PTR_NULL(strstr(run.err, "did you mean"));
    CU_ASSERT_EQUAL(carrel(&run, "show y"), 3);
    CU_ASSERT_PTR_NULL(strstr(run.err, "did you mean"));
    CU_ASSERT_EQUAL(carrel(&run, "show acb"), 3);
    CU_ASSERT_TRUE(tells(run.err, "did you mean abc"));
    tear_down(&run);
}

static void
missing_files_are_3_and_named(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "template check nosuch"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "doctor --record /nosuch/r.txt"), 3);
    CU_ASSERT_TRUE(tells(run.err, "'/nosuch/r.txt': "));
    CU_ASSERT_EQUAL(carrel(&run, "doctor --read-only --record r.txt"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "doctor --read-only --record -"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "bench exit --read-only"), 4);
    tear_down(&run);
}

/* Of each line of a text. */
static bool
fits(const char *what, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool good = true;

    for (unsigned i = 0; lines[i] != NULL; i++)
        if (g_utf8_strlen(lines[i], -1) > 80) {
            printf("# %s: %s\n", what, lines[i]);
            good = false;
        }
    return good;
}

static void
no_line_of_a_help_is_wider_than_a_terminal(void)
{
    unsigned n;
    const Verb *verbs = verbs_all(&n);
    Run run;
    set_up(&run);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *words = g_strdup_printf("%s --help", verbs[i].name);
        if (verbs[i].flags & VERB_HIDDEN)
            continue;
        CU_ASSERT_EQUAL(carrel(&run, words), 0);
        CU_ASSERT_TRUE(fits(words, run.out));
    }
    CU_ASSERT_EQUAL(carrel(&run, "--help"), 0);
    CU_ASSERT_TRUE(fits("--help", run.out));
    CU_ASSERT_EQUAL(carrel(&run, "help settings"), 0);
    CU_ASSERT_TRUE(fits("help settings", run.out));
    CU_ASSERT_EQUAL(carrel(&run, "help"), 0);
    CU_ASSERT_TRUE(fits("help", run.out));
    tear_down(&run);
}

static void
plain_has_tabs_and_no_table(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\nmemory=64M\n");

    g_setenv("COLUMNS", "40", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "list --plain"), 0);
    CU_ASSERT_TRUE(tells(run.out, "\na\toff\t"));
    CU_ASSERT_PTR_NULL(strstr(run.out, "  "));
    g_unsetenv("COLUMNS");
    tear_down(&run);
}

static void
a_long_name_leaves_the_notes_their_width(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a-rather-long-name-of-a-machine",
                  "[machine]\ndescription=what this one is for, and why it "
                  "was made at all\n");

    g_setenv("COLUMNS", "70", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "list"), 0);
    CU_ASSERT_TRUE(tells(run.out, "\n    what this one is for, and why it was "
                                  "made at all\n"));
    g_setenv("COLUMNS", "40", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "list"), 0);
    CU_ASSERT_TRUE(tells(run.out, "\n    what this one is for, and why it "
                                  "was\n    made at all\n"));
    g_unsetenv("COLUMNS");
    tear_down(&run);
}

static void
check_looks_at_all_machines(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "check"), 0);
    write_machine(&run, "a", "[machine]\ncpus=1\n");
    write_machine(&run, "b", "[machine]\ncpus=0\n");
    write_machine(&run, "c", "[machine]\nmemory=1\n");
    CU_ASSERT_EQUAL(carrel(&run, "check"), 8);
    CU_ASSERT_TRUE(tells(run.out, "b/machine.ini:2: error: machine.cpus"));
    CU_ASSERT_TRUE(tells(run.out, "c/machine.ini:2: error: machine.memory"));
    tear_down(&run);
}

static void
an_editor_of_terminals_needs_one(void)
{
    Run run;
    set_up(&run);
    write_machine(&run, "a", "[machine]\ncpus=1\n");

    g_unsetenv("VISUAL");
    g_setenv("EDITOR", "/usr/bin/vim -n", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "edit a"), 2);
    CU_ASSERT_TRUE(tells(run.err, "an editor needs a terminal"));
    g_setenv("EDITOR", "true", TRUE);
    CU_ASSERT_EQUAL(carrel(&run, "edit a"), 0);
    g_unsetenv("EDITOR");
    tear_down(&run);
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

CU_MAIN("verb-answers", CASE(set_warns_of_files_that_are_not_there),
        CASE(a_flag_takes_no_value), CASE(doctor_fixes_by_id),
        CASE(what_others_use_is_deleted_with_a_yes_only),
        CASE(rename_and_clone_name_what_is_shared),
        CASE(remarks_are_objects_with_json),
        CASE(only_one_slip_gets_a_suggestion), CASE(a_number_is_no_slip),
        CASE(missing_files_are_3_and_named),
        CASE(no_line_of_a_help_is_wider_than_a_terminal),
        CASE(plain_has_tabs_and_no_table),
        CASE(a_long_name_leaves_the_notes_their_width),
        CASE(check_looks_at_all_machines),
        CASE(an_editor_of_terminals_needs_one))
