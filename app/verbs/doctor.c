/* app/verbs/doctor.c - carrel doctor: is this host ready for machines, and for
 * giving them devices; and what a person can do where it is not. */
#include <stdio.h>
#include <string.h>

#include "app/store.h"
#include "app/verbs/passthrough.h"
#include "app/verbs/run.h"
#include "app/wrap.h"
#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/record.h"

/* The machine with the most memory: what limits have to be enough for. */
static char *
largest_machine(guint64 *ret_memory)
{
    g_auto(GStrv) names = store_list();
    char *largest = NULL;

    *ret_memory = 0;
    for (unsigned i = 0; names[i] != NULL; i++) {
        g_autoptr(Profile) p = store_load(names[i], NULL);
        guint64 memory = p != NULL ? profile_get_u64(p, "machine.memory") : 0;
        if (memory <= *ret_memory)
            continue;
        *ret_memory = memory;
        g_free(largest);
        largest = g_strdup(names[i]);
    }
    return largest;
}

static void
put_check(JsonWriter *w, const Check *check)
{
    json_begin_object(w, NULL);
    json_put_string(w, "id", check->id);
    json_put_string(w, "state", check_state_id(check->state));
    json_put_string(w, "finding", check->finding);
    json_put_optional(w, "consequence", check->consequence);
    json_put_optional(w, "fix", check->fix);
    json_put_optional(w, "command", check->command);
    json_put_optional(w, "undo", check->undo);
    json_end(w);
}

static void
print_check(const App *app, const Check *check)
{
    g_autofree char *head = g_strdup_printf(
        "%-4s  %-11s  ", check_state_word(check->state), check->title);

    app_say_wrapped(app, head, check->finding);
    if (check->consequence != NULL)
        app_say_wrapped(app, "                   ", check->consequence);
    if (check->fix != NULL)
        app_say_wrapped(app, "                -> ", check->fix);
    if (check->command != NULL)
        app_say(app, "                 $ %s", check->command);
}

static void
show(const App *app, const GPtrArray *checks)
{
    unsigned bad = checks_count(checks, CHECK_BAD);
    unsigned hints = checks_count(checks, CHECK_HINT);

    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_array(w, NULL);
        for (guint i = 0; i < checks->len; i++)
            put_check(w, g_ptr_array_index(checks, i));
        app_print_json(w);
        return;
    }
    for (guint i = 0; i < checks->len; i++)
        print_check(app, g_ptr_array_index(checks, i));
    app_say(app, "%u problem%s, %u hint%s, %u ok", bad, bad == 1 ? "" : "s",
            hints, hints == 1 ? "" : "s", checks_count(checks, CHECK_OK));
}

static int
write_record(const App *app, const HostRoot *root, const HostPci *host,
             const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        record_host(root, host, "written by carrel doctor --record");

    if (strcmp(file, "-") == 0) {
        fputs(text, stdout);
        return EXIT_OK;
    }
    if (!g_file_set_contents(file, text, -1, &error))
        return app_fail_error(app, error);
    app_say(app,
            "%s: %u devices; no serial numbers, addresses or names of yours "
            "are in it. It is text: read it before you send it.",
            file, host->functions->len);
    return EXIT_OK;
}

static int
examine(const App *app, const HostRoot *root, const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostPci) host = host_pci_read(root, &error);
    CheckWants wants = {0};
    g_autofree char *largest = NULL;

    if (file != NULL)
        return host != NULL ? write_record(app, root, host, file)
                            : app_fail_error(app, error);
    if (host_root_is_live(root)) { /* our machines are not a recording's */
        largest = largest_machine(&wants.memory);
        wants.machine = largest;
    }
    g_autoptr(GPtrArray) checks = checks_run(root, host, &wants);
    show(app, checks);
    return checks_count(checks, CHECK_BAD) > 0 ? EXIT_PROBLEMS : EXIT_OK;
}

int
verb_doctor(App *app, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = NULL, *file = NULL;
    const GOptionEntry entries[] = {
        PASSTHROUGH_ROOT_OPTION(dir),
        {"record", 0, 0, G_OPTION_ARG_FILENAME, &file,
         "Write what was looked at, without names and serials", "FILE"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 0, 0, &args);

    if (code >= 0)
        return code;
    g_autoptr(HostRoot) root = passthrough_root(app, dir, &code);
    if (root == NULL)
        return app_fail_error(app, error);
    return examine(app, root, file);
}
