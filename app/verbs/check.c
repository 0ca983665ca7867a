/* app/verbs/check.c - carrel check NAME|FILE...: every mistake at once, each
 * with file, line, key and what is allowed. Exit code: 8 when there is an
 * error, in the profile or in what it names. */
#include <stdio.h>
#include <string.h>

#include "app/store.h"
#include "app/verbs/run.h"
#include "profiles/paths.h"
#include "profiles/templates.h"

typedef struct {
    const App *app;
    JsonWriter *w;
    unsigned errors, warnings;
} Check;

static void
show_findings(Check *check, const char *file, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);
        const char *severity = f->is_error ? "error" : "warning";

        check->errors += f->is_error;
        check->warnings += !f->is_error;
        json_begin_object(check->w, NULL);
        json_put_string(check->w, "file", file);
        json_put_u64(check->w, "line", f->line);
        json_put_string(check->w, "key", f->key);
        json_put_string(check->w, "severity", severity);
        json_put_string(check->w, "message", f->message);
        json_end(check->w);
        if (check->app->json)
            continue;
        g_autofree char *message = app_clean(f->message);
        g_autofree char *key = app_clean(f->key);
        g_autofree char *place = app_clean(file);
        printf("%s:", place);
        if (f->line != 0)
            printf("%u:", f->line);
        printf(" %s:%s%s %s\n", severity, *key != '\0' ? " " : "", key,
               message);
    }
}

/* A name of a machine, or a path when there is a slash or ".ini". */
static char *
find_file(const char *arg, GError **error)
{
    if (strchr(arg, '/') != NULL || g_str_has_suffix(arg, ".ini"))
        return g_canonicalize_filename(arg, NULL);
    return store_require(arg, error) ? paths_machine_file(arg) : NULL;
}

/* -1 when the file could be looked at, else an exit code. */
static int
check_one(Check *check, const char *arg)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = find_file(arg, &error);
    g_autoptr(Profile) profile =
        file != NULL ? profile_load_lenient(file, &error) : NULL;

    if (profile == NULL)
        return app_fail_error(check->app, error);
    g_autoptr(GPtrArray) findings = profile_check(profile);
    g_autoptr(GPtrArray) files = profile_check_files(profile);
    show_findings(check, file, findings);
    show_findings(check, file, files);
    return -1;
}

int
verb_check(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, -1, &args);

    if (code >= 0)
        return code;
    g_autoptr(JsonWriter) w = json_writer_new();
    Check check = {.app = app, .w = w};
    json_begin_array(w, NULL);
    for (unsigned i = 0; args[i] != NULL; i++) {
        int failed = check_one(&check, args[i]);
        if (failed >= 0)
            code = failed;
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    else if (code < 0)
        app_say(app, "%u error%s, %u warning%s", check.errors,
                check.errors == 1 ? "" : "s", check.warnings,
                check.warnings == 1 ? "" : "s");
    if (code >= 0)
        return code;
    return check.errors > 0 ? EXIT_PROBLEMS : EXIT_OK;
}
