/* app/verbs/new.c - carrel new NAME: a template, media and settings become a
 * machine's folder. machine.ini is written last: a machine that could not be
 * made completely is not there at all. */
#include "app/verbs/new.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/ladder/change.h"
#include "app/ladder/proof.h"
#include "app/names.h"
#include "app/store.h"
#include "app/verbs/findings.h"
#include "app/verbs/run.h"
#include "app/verbs/settings.h"
#include "profiles/paths.h"
#include "profiles/schema.h"
#include "profiles/templates.h"
#include "vmm/block/image.h"
#include "vmm/core/sysutil.h"

typedef struct {
    char *from, *disk_format, **cds, **floppies, **disks, **new_disks;
} Options;

typedef struct {
    App *app;
    const char *name;
    Profile *profile;
    GPtrArray *disk_paths; /* relative to the machine's folder */
    GArray *disk_sizes;    /* guint64 */
} New;

static void
options_clear(Options *o)
{
    g_free(o->from);
    g_free(o->disk_format);
    g_strfreev(o->cds);
    g_strfreev(o->floppies);
    g_strfreev(o->disks);
    g_strfreev(o->new_disks);
}

/* "cd0.path": the first drive of the kind without a medium. */
static char *
find_free_drive(const Profile *profile, const char *kind)
{
    for (unsigned i = 0; i < 10; i++) {
        g_autofree char *key = g_strdup_printf("%s%u.path", kind, i);
        if (schema_find_full(key) == NULL)
            break;
        if (*profile_get_string(profile, key) == '\0')
            return g_steal_pointer(&key);
    }
    return NULL;
}

/* format: of a hard disk, NULL: as the template says. */
static bool
put_in_drive(New *n, const char *kind, const char *path, const char *format,
             GError **error)
{
    g_autofree char *key = find_free_drive(n->profile, kind);

    if (key == NULL) {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                    "there is no %s drive left for '%s'", kind, path);
        return false;
    }
    if (!profile_set(n->profile, key, path, error))
        return false;
    if (format == NULL)
        return true;
    g_autofree char *format_key =
        g_strdup_printf("%.*s.format", (int) strcspn(key, "."), key);
    return profile_set(n->profile, format_key, format, error);
}

static bool
add_media(New *n, const char *kind, char **files, GError **error)
{
    for (unsigned i = 0; files != NULL && files[i] != NULL; i++) {
        g_autofree char *path = g_canonicalize_filename(files[i], NULL);
        if (access(path, F_OK) < 0)
            return sys_error(error, errno, "--%s %s", kind, files[i]);
        if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
            g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                        "--%s %s: is a directory, not an image file", kind,
                        files[i]);
            return false;
        }
        bool qcow2 =
            strcmp(kind, "disk") == 0 && g_str_has_suffix(path, ".qcow2");
        if (!put_in_drive(n, kind, path, qcow2 ? "qcow2" : NULL, error))
            return false;
    }
    return true;
}

static bool
plan_new_disks(New *n, char **sizes, const char *format, GError **error)
{
    const guint64 least = 1 << 20, most = (guint64) 1 << 46;

    for (unsigned i = 0; sizes != NULL && sizes[i] != NULL; i++) {
        guint64 bytes;
        if (!schema_parse_size(sizes[i], &bytes) || bytes < least ||
            bytes > most || bytes % 512 != 0) {
            g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                        "--new-disk: '%s' is no size of a disk; write 1M to "
                        "64T, such as 2G",
                        sizes[i]);
            return false;
        }
        g_autofree char *key = find_free_drive(n->profile, "disk");
        g_autofree char *path =
            g_strdup_printf("disks/%.5s.%s", key != NULL ? key : "disk?",
                            g_strcmp0(format, "qcow2") == 0 ? format : "img");
        if (!put_in_drive(n, "disk", path, format, error))
            return false;
        g_ptr_array_add(n->disk_paths, g_steal_pointer(&path));
        g_array_append_val(n->disk_sizes, bytes);
    }
    return true;
}

static bool
create_disk(const New *n, const char *folder, const char *relative,
            guint64 bytes, GError **error)
{
    g_autofree char *name = g_path_get_basename(relative);
    g_autofree char *key =
        g_strdup_printf("%.*s.format", (int) strcspn(name, "."), name);
    g_autofree char *path = g_build_filename(folder, relative, NULL);
    g_autofree char *parent = g_path_get_dirname(path);

    if (g_mkdir_with_parents(parent, 0700) < 0)
        return sys_error(error, errno, "cannot create '%s'", parent);
    const BlockCreate create = {.path = path,
                                .format = profile_get_string(n->profile, key),
                                .bytes = bytes};
    return block_image_create(&create, error);
}

/* Asks for the template on a terminal; NULL: take the usual one. */
static char *
ask_template(const App *app)
{
    char answer[80];

    if (app->yes || app->quiet || app->json || !isatty(STDIN_FILENO) ||
        !isatty(STDERR_FILENO))
        return NULL;
    g_autoptr(GPtrArray) list = templates_list(NULL);
    for (guint i = 0; i < list->len; i++) {
        const Template *t = g_ptr_array_index(list, i);
        fprintf(stderr, "  %-12s %s\n", t->id, t->title);
    }
    fprintf(stderr, "Template [pc]: ");
    if (fgets(answer, sizeof answer, stdin) == NULL)
        return NULL;
    g_strstrip(answer);
    return *answer != '\0' ? g_strdup(answer) : NULL;
}

static void
warn_about_media(const App *app, const Template *template,
                 const Profile *profile)
{
    g_auto(GStrv) needs = g_strsplit(template->needs, ",", -1);

    if (*template->needs == '\0')
        return;
    for (unsigned i = 0; needs[i] != NULL; i++)
        for (unsigned k = 0; k < 4; k++) {
            g_autofree char *key =
                g_strdup_printf("%s%u.path", g_strstrip(needs[i]), k);
            if (schema_find_full(key) != NULL &&
                *profile_get_string(profile, key) != '\0')
                return;
        }
    app_note(app, "it has nothing to start from yet; it needs one of: %s",
             template->needs);
}

static bool
write_machine(New *n, const char *file, GError **error)
{
    g_autofree char *folder = paths_machine_dir(n->name);
    bool ok = store_make_folder(n->name, error);

    if (!ok)
        return false;
    ladder_forget(n->name); /* of a deleted machine with this name */
    proof_forget(n->name);
    for (guint i = 0; ok && i < n->disk_paths->len; i++)
        ok = create_disk(n, folder, g_ptr_array_index(n->disk_paths, i),
                         g_array_index(n->disk_sizes, guint64, i), error);
    ok = ok && profile_save(n->profile, file, error);
    if (!ok)
        (void) store_remove_tree(folder, NULL); /* the first error counts */
    return ok;
}

static void
report(const New *n, const Template *template, const char *file)
{
    g_autofree char *text = profile_to_text(n->profile);

    if (n->app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", n->name);
        json_put_string(w, "file", file);
        json_put_string(w, "template", template->id);
        json_put_bool(w, "dry-run", n->app->dry_run);
        json_put_string(w, "text", text);
        app_print_json(w);
    } else if (n->app->dry_run) {
        g_autofree char *clean = app_clean(text);
        printf("# would be %s\n%s", file, clean);
        for (guint i = 0; i < n->disk_paths->len; i++) {
            g_autofree char *size =
                schema_format_size(g_array_index(n->disk_sizes, guint64, i));
            printf("# would create %s with %s\n",
                   (char *) g_ptr_array_index(n->disk_paths, i), size);
        }
    } else {
        app_say(n->app, "made %s; carrel start %s runs it", file, n->name);
    }
}

/* Disks that nobody said a model of are as the template has them. */
static bool
set_disk_models(New *n, const Template *template, GError **error)
{
    const char *model =
        profile_get_string(template->profile, "template.disk-model");

    for (unsigned i = 0; i < 10; i++) {
        g_autofree char *section = g_strdup_printf("disk%u", i);
        g_autofree char *key = g_strdup_printf("disk%u.model", i);
        if (profile_has_section(n->profile, section) &&
            schema_find_full(key) != NULL && !profile_has(n->profile, key) &&
            profile_has(template->profile, "template.disk-model") &&
            !profile_set(n->profile, key, model, error))
            return false;
    }
    return true;
}

static bool
fill(New *n, const Template *template, const Options *o, char **settings,
     GError **error)
{
    return add_media(n, "floppy", o->floppies, error) &&
           add_media(n, "cd", o->cds, error) &&
           add_media(n, "disk", o->disks, error) &&
           plan_new_disks(n, o->new_disks, o->disk_format, error) &&
           settings_apply(n->profile, settings, error) &&
           set_disk_models(n, template, error) &&
           profile_validate(n->profile, error);
}

static int
make(App *app, const Options *o, char **args)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = paths_machine_file(args[0]);

    if (!machine_name_check(args[0], &error))
        return app_fail_error(app, error);
    if (store_exists(args[0]))
        return app_fail(app, EXIT_STATE, "exists", NULL, NULL,
                        "there is already a machine '%s'", args[0]);
    g_autofree char *asked = o->from == NULL ? ask_template(app) : NULL;
    const char *id = o->from != NULL ? o->from
                     : asked != NULL ? asked
                                     : TEMPLATE_DEFAULT;
    g_autoptr(Template) template = template_find(id, &error);
    if (template == NULL)
        return app_fail_error(app, error);

    g_autoptr(Profile) profile = template_to_profile(template, file);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(guint64));
    New n = {app, args[0], profile, paths, sizes};
    if (!fill(&n, template, o, args + 1, &error))
        return app_fail_error(app, error);
    findings_warn(app, profile);
    warn_about_media(app, template, profile);
    if (*template->note != '\0')
        app_note(app, "%s", template->note);
    if (!app->dry_run && !write_machine(&n, file, &error))
        return app_fail_error(app, error);
    if (!app->dry_run) /* new disks are there only now */
        findings_warn_files(app, profile);
    report(&n, template, file);
    return EXIT_OK;
}

int
verb_new(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    Options o = {0};
    /* clang-format off */
    const GOptionEntry entries[] = {
        { "from",     0, 0, G_OPTION_ARG_STRING, &o.from, "Start from this template (default: pc); 'carrel templates' lists them", "TEMPLATE" },
        { "cd",       0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.cds, "Put this disc into the next CD drive", "FILE" },
        { "iso",      0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.cds, "The same as --cd", "FILE" },
        { "floppy",   0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.floppies, "Put this disk into the next floppy drive", "FILE" },
        { "disk",     0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.disks, "Use this image (.qcow2, else raw) or block device as the next hard disk", "FILE" },
        { "new-disk", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.new_disks, "Create an empty hard disk, such as 2G", "SIZE" },
        { "disk-format", 0, 0, G_OPTION_ARG_STRING, &o.disk_format, "Format of new hard disks: raw (default) or qcow2", "FORMAT" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    /* clang-format on */

    int code = app_parse(app, argv, entries, 1, -1, &args);
    if (code < 0)
        code = make(app, &o, args);
    options_clear(&o);
    return code;
}

char *
new_machine(const char *name, const char *template_id,
            const char *const *settings, bool write, GError **error)
{
    g_autofree char *file = paths_machine_file(name);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GPtrArray) plain = g_ptr_array_new();
    g_autoptr(GPtrArray) disks = g_ptr_array_new();

    if (!machine_name_check(name, error))
        return NULL;
    g_autoptr(Template) template = template_find(template_id, error);
    if (template == NULL)
        return NULL;
    for (unsigned i = 0; settings != NULL && settings[i] != NULL; i++) {
        const char *size = settings[i];
        bool is_disk = g_str_has_prefix(size, "new-disk=");
        g_ptr_array_add(is_disk ? disks : plain,
                        (char *) size + (is_disk ? strlen("new-disk=") : 0));
    }
    g_ptr_array_add(plain, NULL);
    g_ptr_array_add(disks, NULL);
    g_autoptr(Profile) profile = template_to_profile(template, file);
    const Options options = {.new_disks = (char **) disks->pdata};
    New n = {NULL, name, profile, paths, sizes};
    if (!fill(&n, template, &options, (char **) plain->pdata, error) ||
        (write && !write_machine(&n, file, error)))
        return NULL;
    return profile_to_text(profile);
}
