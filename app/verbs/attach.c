/* app/verbs/attach.c - carrel attach NAME SECTION [KEY=VALUE...] and carrel
 * detach NAME SECTION: devices of a running machine, and with --keep also in
 * its machine.ini. */
#include <string.h>

#include "app/assemble.h"
#include "app/store.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "profiles/schema.h"

#define CALL_MS          30000
#define DETACH_TIMEOUT_S 30
#define MAX_TIMEOUT_S    86400
#define POLL_US          100000

static int
print_result(const App *app, const char *name, const char *section,
             const char *what, bool kept)
{
    if (!app->json) {
        app_say(app, "%s: %s%s%s", name, section,
                app->dry_run ? " would be " : " is ", what);
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "section", section);
    json_put_string(w, "state", what);
    json_put_bool(w, "kept", kept && !app->dry_run);
    json_put_bool(w, "dry-run", app->dry_run);
    app_print_json(w);
    return EXIT_OK;
}

/* ---- attach ---- */

/* A path is meant from where the person stands; the machine's process and its
 * profile are somewhere else. */
static bool
set_key(Profile *fragment, const char *full, const char *value, GError **error)
{
    const SchemaKey *row = schema_find_full(full);

    if (row == NULL || row->type != SCHEMA_PATH || *value == '\0')
        return profile_set(fragment, full, value, error);
    g_autofree char *path = g_canonicalize_filename(value, NULL);
    return profile_set(fragment, full, path, error);
}

/* "path=x.img" or "disk1.path=x.img". */
static bool
set_argument(Profile *fragment, const char *section, const char *argument,
             GError **error)
{
    g_autofree char *prefix = g_strconcat(section, ".", NULL);
    const char *equals = strchr(argument, '=');

    if (equals == NULL) {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_KEY,
                    "'%s' is no setting: write key=value, such as "
                    "path=disk.img",
                    argument);
        return false;
    }
    g_autofree char *key = g_strndup(argument, (gsize) (equals - argument));
    g_autofree char *full = g_str_has_prefix(key, prefix)
                                ? g_strdup(key)
                                : g_strconcat(prefix, key, NULL);
    return set_key(fragment, full, equals + 1, error);
}

/* Runs fn with "disk1.path" and its row, for every key of the section. */
static bool
each_key(const char *section,
         bool (*fn)(const char *full, const SchemaKey *row, void *data),
         void *data)
{
    unsigned n;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *full = g_strdup_printf("%s.%s", section, keys[i].key);
        if (schema_find_full(full) == &keys[i] && !fn(full, &keys[i], data))
            return false;
    }
    return true;
}

typedef struct {
    const Profile *from;
    Profile *to;
    JsonWriter *request; /* instead of to */
    GError **error;
} KeyCopy;

static bool
copy_key(const char *full, const SchemaKey *row, void *data)
{
    KeyCopy *copy = data;

    if (!profile_has(copy->from, full))
        return true;
    if (row->type != SCHEMA_PATH)
        return profile_set(copy->to, full, profile_get_string(copy->from, full),
                           copy->error);
    g_autofree char *path = profile_get_path(copy->from, full);
    return profile_set(copy->to, full, path, copy->error);
}

/* Without arguments, the section as the machine's own file has it. */
static bool
copy_section(Profile *fragment, const char *name, const char *section,
             GError **error)
{
    g_autoptr(Profile) saved = store_load(name, NULL);
    KeyCopy copy = {.from = saved, .to = fragment, .error = error};

    return saved == NULL || !profile_has_section(saved, section) ||
           each_key(section, copy_key, &copy);
}

/* What it is when nobody says: the default for a machine that is made may be
 * part of the main board. */
static bool
default_model(Profile *fragment, const char *section, GError **error)
{
    g_autofree char *key = g_strconcat(section, ".model", NULL);
    const char *models = machine_plug_models(section);

    if (models == NULL || *models == '\0' || profile_has(fragment, key))
        return true;
    g_autofree char *first = g_strndup(models, strcspn(models, "|"));
    return profile_set(fragment, key, first, error);
}

static Profile *
make_fragment(const char *name, const char *section, char **arguments,
              GError **error)
{
    g_autoptr(Profile) fragment = profile_new();

    if (!profile_add_section(fragment, section, error))
        return NULL;
    if (arguments[0] == NULL && !copy_section(fragment, name, section, error))
        return NULL;
    for (unsigned i = 0; arguments[i] != NULL; i++)
        if (!set_argument(fragment, section, arguments[i], error))
            return NULL;
    if (!default_model(fragment, section, error) ||
        !profile_validate(fragment, error))
        return NULL;
    return g_steal_pointer(&fragment);
}

/* The machine's profile as it is to be saved; checked before anything is
 * plugged in. NULL and error set. */
static Profile *
keep_attached(const char *name, const char *section, const Profile *fragment,
              GError **error)
{
    g_autoptr(Profile) saved = store_load(name, error);
    KeyCopy copy = {.from = fragment, .to = saved, .error = error};

    if (saved == NULL || !profile_add_section(saved, section, error) ||
        !each_key(section, copy_key, &copy) || !profile_validate(saved, error))
        return NULL;
    return g_steal_pointer(&saved);
}

static int
save(const App *app, Profile *profile)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_strdup(profile_get_file(profile));

    if (app->dry_run || profile_save(profile, file, &error))
        return EXIT_OK;
    g_prefix_error(&error, "the machine has changed, its file has not: ");
    return app_fail_error(app, error);
}

static bool
put_key(const char *full, const SchemaKey *row, void *data)
{
    KeyCopy *copy = data;

    if (profile_has(copy->from, full))
        json_put_string(copy->request, row->key,
                        profile_get_string(copy->from, full));
    return true;
}

static int
do_attach(const App *app, const char *name, const char *section,
          const Profile *fragment)
{
    JsonWriter *request = control_request("attach");
    KeyCopy copy = {.from = fragment, .request = request};

    json_put_string(request, "section", section);
    json_begin_object(request, "settings");
    each_key(section, put_key, &copy);
    json_end(request);
    if (!app->dry_run)
        return running_do(app, name, request);
    json_writer_free(request);
    return EXIT_OK;
}

static int
usage(const App *app)
{
    g_autofree char *names = machine_plug_names();
    g_autofree char *hint = g_strdup_printf(
        "a section is one of: %s; `carrel console` opens the screen", names);

    return app_fail(app, EXIT_USAGE, "usage", hint, NULL,
                    "attach: say what to plug in: SECTION [KEY=VALUE...]");
}

int
verb_attach(App *app, int argc, char **argv)
{
    gboolean keep = FALSE;
    const GOptionEntry entries[] = {{"keep", 'k', 0, G_OPTION_ARG_NONE, &keep,
                                     "Also in machine.ini, for the next start",
                                     NULL},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) saved = NULL;
    int code = app_parse(app, argv, entries, 1, -1, &args);
    if (code >= 0)
        return code;
    if (args[1] == NULL)
        return usage(app);
    const char *name = args[0], *section = args[1];
    code = running_require(app, name);
    if (code >= 0)
        return code;
    g_autoptr(Profile) fragment =
        make_fragment(name, section, args + 2, &error);
    if (fragment != NULL && keep)
        saved = keep_attached(name, section, fragment, &error);
    if (error != NULL)
        return app_fail_error(app, error);
    code = do_attach(app, name, section, fragment);
    if (code == EXIT_OK && keep)
        code = save(app, saved);
    return code == EXIT_OK ? print_result(app, name, section, "attached", keep)
                           : code;
}

/* ---- detach ---- */

/* 1: it is there, 0: it is gone, -1: error set. */
static int
is_there(ControlClient *client, const char *section, GError **error)
{
    g_autoptr(JsonNode) answer = control_client_call(
        client, control_request("cards"), CALL_MS, NULL, error);
    const JsonNode *cards = json_get(answer, "cards");

    if (answer == NULL)
        return -1;
    for (unsigned i = 0; i < json_length(cards); i++)
        if (strcmp(json_get_string(json_at(cards, i), "section", ""),
                   section) == 0)
            return 1;
    return 0;
}

static int
wait_gone(const App *app, ControlClient *client, const char *name,
          const char *section, int timeout_s)
{
    gint64 end = g_get_monotonic_time() + timeout_s * G_USEC_PER_SEC;
    GError *error = NULL;
    int there;

    while ((there = is_there(client, section, &error)) == 1 &&
           g_get_monotonic_time() < end)
        g_usleep(POLL_US);
    if (there < 0)
        return running_fail(app, error);
    if (there == 0)
        return EXIT_OK;
    g_autofree char *fix =
        g_strdup_printf("carrel detach %s %s --force", name, section);
    return app_fail(app, EXIT_TIMEOUT, "timeout",
                    "the guest may still use it, or know nothing of hot-plug: "
                    "unmount it there and ask again, or pull it out, which "
                    "loses what the guest has not written yet",
                    fix, "%s: the guest did not let go of %s in %d s", name,
                    section, timeout_s);
}

static int
do_detach(const App *app, const char *name, const char *section, bool force,
          int timeout_s)
{
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);

    if (client == NULL)
        return code;
    JsonWriter *request = control_request("detach");
    json_put_string(request, "section", section);
    json_put_bool(request, "force", force);
    if (!control_client_do(client, request, CALL_MS, &error))
        return running_fail(app, error);
    return wait_gone(app, client, name, section, timeout_s);
}

static int
forget(const App *app, const char *name, const char *section)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) saved = store_load(name, &error);

    if (saved == NULL)
        return app_fail_error(app, error);
    return profile_remove_section(saved, section) ? save(app, saved) : EXIT_OK;
}

int
verb_detach(App *app, int argc, char **argv)
{
    gboolean keep = FALSE, force = FALSE;
    int timeout = DETACH_TIMEOUT_S;
    const GOptionEntry entries[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &force,
         "Pull it out without asking the guest", NULL},
        {"keep", 'k', 0, G_OPTION_ARG_NONE, &keep,
         "Also out of machine.ini, for the next start", NULL},
        {"timeout", 't', 0, G_OPTION_ARG_INT, &timeout,
         "How long to wait for the guest (default 30)", "SECONDS"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 2, 2, &args);
    if (code >= 0)
        return code;
    if (timeout < 1 || timeout > MAX_TIMEOUT_S)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "detach: --timeout is 1 to 86400 seconds");
    const char *name = args[0], *section = args[1];
    code = running_require(app, name);
    if (code >= 0)
        return code;
    code = EXIT_OK;
    if (!app->dry_run)
        code = do_detach(app, name, section, force, timeout);
    if (code == EXIT_OK && keep)
        code = forget(app, name, section);
    return code == EXIT_OK ? print_result(app, name, section, "detached", keep)
                           : code;
}
