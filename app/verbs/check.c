/* app/verbs/check.c - carrel check [NAME|FILE...]: every mistake at once, each
 * with file, line, key and what is allowed. Exit code: 8 when there is an
 * error, in the profile or in what it names. */
#include "app/verbs/findings.h"

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

static const char *
severity_of(const ProfileFinding *f)
{
    return f->is_error ? "error" : "warning";
}

static void
put_finding(JsonWriter *w, const char *file, const ProfileFinding *f)
{
    json_begin_object(w, NULL);
    json_put_string(w, "file", file);
    json_put_u64(w, "line", f->line);
    json_put_string(w, "key", f->key);
    json_put_string(w, "severity", severity_of(f));
    json_put_string(w, "message", f->message);
}

static void
print_finding(FILE *to, const char *file, const ProfileFinding *f)
{
    g_autofree char *message = app_clean(f->message);
    g_autofree char *key = app_clean(f->key);
    g_autofree char *place = app_clean(file);

    fprintf(to, "%s:", place);
    if (f->line != 0)
        fprintf(to, "%u:", f->line);
    fprintf(to, " %s:%s%s %s\n", severity_of(f), *key != '\0' ? " " : "", key,
            message);
}

static void
show_findings(Check *check, const char *file, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);

        check->errors += f->is_error;
        check->warnings += !f->is_error;
        put_finding(check->w, file, f);
        json_end(check->w);
        if (!check->app->json)
            print_finding(stdout, file, f);
    }
}

static void
warn_of(const App *app, const char *file, const GPtrArray *findings,
        bool errors)
{
    for (guint i = 0; i < findings->len && !app->quiet; i++) {
        ProfileFinding f = *(ProfileFinding *) g_ptr_array_index(findings, i);
        if (f.is_error && !errors)
            continue;
        f.is_error = false; /* it does not stop who asks here */
        if (!app->json) {
            print_finding(stderr, file != NULL ? file : "profile", &f);
            continue;
        }
        JsonWriter *w = json_writer_new();
        put_finding(w, file, &f);
        g_autofree char *text = json_writer_finish(w);
        fprintf(stderr, "%s\n", text);
    }
}

void
findings_warn(const App *app, const Profile *profile)
{
    g_autoptr(GPtrArray) findings = profile_check(profile);

    warn_of(app, profile_get_file(profile), findings, false);
}

void
findings_warn_files(const App *app, const Profile *profile)
{
    g_autoptr(GPtrArray) findings = profile_check_files(profile);

    warn_of(app, profile_get_file(profile), findings, true);
}

void
findings_warn_all(const App *app, const Profile *profile)
{
    g_autoptr(GPtrArray) findings = profile_check(profile);

    warn_of(app, profile_get_file(profile), findings, true);
    findings_warn_files(app, profile);
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
    int code = app_parse(app, argv, NULL, 0, -1, &args);

    if (code >= 0)
        return code;
    g_auto(GStrv) all = args[0] == NULL ? store_list() : NULL;
    char **names = all != NULL ? all : args;
    g_autoptr(JsonWriter) w = json_writer_new();
    Check check = {.app = app, .w = w};
    json_begin_array(w, NULL);
    for (unsigned i = 0; names[i] != NULL; i++) {
        int failed = check_one(&check, names[i]);
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
