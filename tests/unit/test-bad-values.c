/* test-bad-values.c - every setting with values it must not have, made from
 * the schema's table, against the built program: the exit code is 2, the
 * message names file, line, key and what is allowed, and nothing is started. */
#include <string.h>
#include <sys/wait.h>

#include <glib/gstdio.h>

#include "app/store.h"
#include "profiles/schema.h"
#include "tests/unit/cu-main.h"

enum { MAX_BAD = 16, VALUE_LINE = 5 };

typedef struct {
    char *home, *file;
    char *out, *err;
    int code;
} Run;

static void
set_up(Run *run)
{
    g_autofree char *runtime = NULL;
    g_autofree char *folder = NULL;

    *run = (Run){.home = g_dir_make_tmp("carrel-bad-XXXXXX", NULL)};
    runtime = g_build_filename(run->home, "run", NULL);
    folder = g_build_filename(run->home, "carrel", "machines", "m", NULL);
    run->file = g_build_filename(folder, "machine.ini", NULL);
    g_mkdir(runtime, 0700);
    g_mkdir_with_parents(folder, 0700);
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
    g_free(run->file);
    g_free(run->out);
    g_free(run->err);
}

static int
carrel(Run *run, const char *verb)
{
    const char *argv[] = {g_getenv("CARREL_TEST_PROGRAM"), verb, "m", NULL};
    int status = -1;

    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
    g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL,
                 &run->out, &run->err, &status, NULL);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run->code;
}

/* ---- values that a key must refuse ---- */

/* Ends with NULL; what depends on the key's limits is added by hand. */
static const char *const bad_words[][MAX_BAD] = {
    [SCHEMA_BOOL] = {"maybe", "", "2", "-1", "truefalse", "\\t", "nul\xff"},
    [SCHEMA_INT] = {"", "-1", "1.5", "0x10", "1e3", "one", "1 2",
                    "18446744073709551616", "99999999999999999999999", "\xff"},
    [SCHEMA_SIZE] = {"", "-1M", "1.5G", "12Q", "M", "1MM", "0x100000",
                     "17179869184G", "99999999999999999999T",
                     "18446744073709551615", "1", "banana"},
    [SCHEMA_ENUM] = {"", "nonsense", "a|b", "\xc3\x28", "$(reboot)"},
    [SCHEMA_STRING] = {"a\\tb", "\xff\xfe", "x\x1b[2J", "del\x7f"},
    [SCHEMA_PATH] = {"a\\nb", "\xff\xfe", "x\x1b]0;t\x07"},
    [SCHEMA_FILE] = {"a\\nb", "\xff\xfe", "x\x1b]0;t\x07"},
    [SCHEMA_LIST] = {"nonsense", "cd,cd", "cd,,disk", "cd;disk", ",", "CD"},
};

/* For keys with a rule of their own. */
static const struct {
    const char *section, *key, *values[MAX_BAD];
} bad_by_rule[] = {
    {"machine", "memory", {"1048577", "1025K"}},
    {"machine", "tsc-khz", {"1", "999"}},
    {"machine", "template", {"No Spaces", "../x", "UPPER"}},
    {"machine", "schema", {"0", "2", "4294967297"}},
    {"display", "vram", {"3M", "5M"}},
    {"vnc",
     "listen",
     {"tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536",
      "tcp:1.2.3:5900", "tcp:[::1:5900", "tcp:[zz]:5900", "udp:1.2.3.4:5",
      "/tmp/socket", "tcp:127.0.0.1:-1"}},
    {"disk#", "serial", {"\xc3\xa4"}},
    {"net#",
     "mac",
     {"52:54:00:12:34", "53:54:00:12:34:56", "52-54-00-12-34-56",
      "00:00:00:00:00:00", "52:54:00:12:34:5g"}},
    {"net#", "interface", {"eth 0", "../eth0", ".hidden", "a/b"}},
    {"net#", "bridge", {"br%d"}},
    {"net#", "switch", {"../lan", "a b"}},
    {"net#", "mtu", {"67", "1"}},
    {"net#",
     "forward",
     {"22", "0->22", "2222->", "->22", "70000->22", "host:1->2", "1->2,",
      "sctp:1->2"}},
    {"vnc", "password", {"\xc3\xa4"}},
};

static GPtrArray *
bad_values_of(const SchemaKey *key)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
    bool is_text = key->type == SCHEMA_STRING || key->type == SCHEMA_PATH ||
                   key->type == SCHEMA_FILE;

    for (unsigned i = 0; i < MAX_BAD && bad_words[key->type][i]; i++)
        g_ptr_array_add(values, g_strdup(bad_words[key->type][i]));
    if (is_text)
        g_ptr_array_add(values, g_strnfill(key->max + 1, 'x'));
    if (is_text && key->min > 0)
        g_ptr_array_add(values, g_strdup(""));
    if (key->type == SCHEMA_INT || key->type == SCHEMA_SIZE)
        g_ptr_array_add(values,
                        g_strdup_printf("%" G_GUINT64_FORMAT, key->max + 1));
    for (gsize r = 0; r < G_N_ELEMENTS(bad_by_rule); r++)
        for (unsigned i = 0; i < MAX_BAD && bad_by_rule[r].values[i]; i++)
            if (strcmp(bad_by_rule[r].section, key->section) == 0 &&
                strcmp(bad_by_rule[r].key, key->key) == 0)
                g_ptr_array_add(values, g_strdup(bad_by_rule[r].values[i]));
    return values;
}

/* "disk#" -> "disk0" */
static char *
section_of(const SchemaKey *key)
{
    char *section = g_strdup(key->section);
    return g_strdelimit(section, "#", '0');
}

/* The bad value is in line VALUE_LINE, all else is right. */
static void
write_profile(const Run *run, const SchemaKey *key, const char *value)
{
    g_autofree char *section = section_of(key);
    bool needs_path =
        strcmp(section, "disk0") == 0 && strcmp(key->key, "path") != 0;
    g_autofree char *text = g_strdup_printf(
        "# made by a test\n\n[%s]\n%s\n%s=%s\n", section,
        needs_path ? "path=/nonexistent/d.img" : "#", key->key, value);

    CU_ASSERT_TRUE(g_file_set_contents(run->file, text, -1, NULL));
}

static void
blame(const Run *run, const SchemaKey *key, const char *value, const char *what)
{
    g_autofree char *shown = g_strescape(value, NULL);
    g_printerr("# %s.%s=%.60s: %s\n# exit %d\n# %s# %s\n", key->section,
               key->key, shown, what, run->code, run->out, run->err);
    CU_FAIL("see above");
}

/* What the message has to say: place, key, and what would be right. A value
 * that is no UTF-8 is refused as such, a later format as such. */
static void
expect_message(const Run *run, const SchemaKey *key, const char *value,
               const char *message, const char *after_place)
{
    g_autofree char *section = section_of(key);
    g_autofree char *place =
        g_strdup_printf("%s:%d:%s %s.%s", run->file, VALUE_LINE, after_place,
                        section, key->key);

    if (strstr(message, place) == NULL && g_utf8_validate(value, -1, NULL))
        blame(run, key, value, "no file, line and key");
    if (strstr(message, "allowed is ") == NULL &&
        strstr(message, "UTF-8") == NULL && strcmp(key->key, "schema") != 0)
        blame(run, key, value, "does not say what is allowed");
    for (const char *c = message; *c != '\0'; c++)
        if ((*c & 0xe0) == 0 && *c != '\n') {
            blame(run, key, value, "control characters come through");
            break;
        }
}

static void
every_bad_value_of_every_key_is_found_by_check(void)
{
    Run run;
    unsigned n_keys, tried = 0;
    const SchemaKey *keys = schema_keys(&n_keys);
    set_up(&run);

    for (unsigned i = 0; i < n_keys; i++) {
        g_autoptr(GPtrArray) values = bad_values_of(&keys[i]);
        for (guint v = 0; v < values->len; v++, tried++) {
            if (keys[i].flags & SCHEMA_TEMPLATE)
                continue;
            write_profile(&run, &keys[i], values->pdata[v]);
            if (carrel(&run, "check") != 8)
                blame(&run, &keys[i], values->pdata[v], "exit code");
            else
                expect_message(&run, &keys[i], values->pdata[v], run.out,
                               " error:");
        }
    }
    CU_ASSERT_TRUE(tried > 200);
    tear_down(&run);
}

static void
no_machine_starts_with_a_bad_value(void)
{
    Run run;
    unsigned n_keys;
    const SchemaKey *keys = schema_keys(&n_keys);
    set_up(&run);
    g_autofree char *socket = g_build_filename(
        g_getenv("XDG_RUNTIME_DIR"), "carrel", "m", "control.sock", NULL);

    for (unsigned i = 0; i < n_keys; i++) {
        if (keys[i].flags & SCHEMA_TEMPLATE)
            continue;
        const char *value = bad_words[keys[i].type][0];
        write_profile(&run, &keys[i], value);
        if (carrel(&run, "start") != 2)
            blame(&run, &keys[i], value, "exit code");
        else
            expect_message(&run, &keys[i], value, run.err, "");
        CU_ASSERT_FALSE(g_file_test(socket, G_FILE_TEST_EXISTS));
    }
    tear_down(&run);
}

static void
a_file_that_is_no_profile_is_an_error_in_a_line(void)
{
    static const struct {
        const char *text;
        gsize len;
    } files[] = {
        {"memory=1M\n", 10}, /* before any section */
        {"[machine\n", 9},   /* no bracket */
        {"[machine]\nx\n", 12},
        {"[machine]\n=1\n", 13},
        {"[]\n", 3},
        {"\x7f"
         "ELF\x02\x01\x01\0\0\0\0\0\0\n",
         14},
        {"[machine]\nmemory=1\0M\n", 21},
    };
    Run run;
    set_up(&run);

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_file_set_contents(run.file, files[i].text, (gssize) files[i].len,
                            NULL);
        CU_ASSERT_EQUAL(carrel(&run, "check"), 8);
        CU_ASSERT_EQUAL(carrel(&run, "start"), 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(run.err, run.file));
    }
    tear_down(&run);
}

CU_MAIN("bad-values",
        {"every_bad_value_of_every_key_is_found_by_check",
         every_bad_value_of_every_key_is_found_by_check},
        {"no_machine_starts_with_a_bad_value",
         no_machine_starts_with_a_bad_value},
        {"a_file_that_is_no_profile_is_an_error_in_a_line",
         a_file_that_is_no_profile_is_an_error_in_a_line})
