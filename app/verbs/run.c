/* app/verbs/run.c - carrel run FILE...: a throw-away machine from images.
 *
 * What an image is comes from the way it is given (floppy=FILE) or from its
 * name and exact size, never from its content: content is the guest's. Its
 * profile lives in the runtime folder and goes with it. Disks are written,
 * unless --snapshot. */
#include "app/verbs/run.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/machines.h"
#include "app/names.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "app/session/session-stop.h"
#include "app/store.h"
#include "app/verbs/findings.h"
#include "app/verbs/running.h"
#include "app/verbs/throw-away.h"
#include "profiles/paths.h"
#include "profiles/templates.h"
#include "vmm/boot/kernel.h"

#define MAX_TRIES 1000

typedef enum {
    MEDIUM_FLOPPY,
    MEDIUM_CD,
    MEDIUM_DISK,
    MEDIUM_KERNEL,
    N_MEDIA
} Medium;
#define N_DRIVES MEDIUM_KERNEL /* those before it are drives */

static const struct {
    const char *name;   /* as a prefix and as the profile's section */
    const char *format; /* value of its format key, or NULL */
    unsigned max;
} media[N_MEDIA] = {{"floppy", NULL, 2},
                    {"cd", NULL, 4},
                    {"disk", "raw", 4},
                    {"kernel", NULL, 1}};

static bool
is_floppy_size(off_t bytes)
{
    /* 160K to 2.88M: tracks x sides x sectors x 512 */
    static const off_t sizes[] = {163840, 184320,  327680,  368640,
                                  737280, 1228800, 1474560, 2949120};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        if (bytes == sizes[i])
            return true;
    }
    return false;
}

static bool
has_suffix(const char *file, const char *const *suffixes)
{
    const char *dot = strrchr(file, '.');
    for (gsize i = 0; dot != NULL && suffixes[i] != NULL; i++) {
        if (g_ascii_strcasecmp(dot + 1, suffixes[i]) == 0)
            return true;
    }
    return false;
}

/* By name and size, a kernel by its content; false when nothing says it
 * clearly. */
static bool
guess_medium(const char *file, off_t size, Medium *ret_medium)
{
    static const char *const floppies[] = {"img", "ima", "flp",
                                           "vfd", "dsk", NULL};
    static const char *const cds[] = {"iso", NULL};
    static const char *const disks[] = {"img", "raw", "qcow2", NULL};

    if (has_suffix(file, cds))
        *ret_medium = MEDIUM_CD;
    else if (has_suffix(file, floppies) && is_floppy_size(size))
        *ret_medium = MEDIUM_FLOPPY;
    else if (has_suffix(file, disks) && size > 0)
        *ret_medium = MEDIUM_DISK;
    else if (kernel_kind_of_file(file) != KERNEL_NONE)
        *ret_medium = MEDIUM_KERNEL;
    else
        return false;
    return true;
}

/* "cd=FILE" or FILE. */
static bool
parse_image(const char *argument, Medium *ret_medium, char **ret_path,
            GError **error)
{
    const char *file = argument;
    bool known = false;
    struct stat st;

    for (unsigned i = 0; i < N_MEDIA; i++) {
        gsize len = strlen(media[i].name);
        if (strncmp(argument, media[i].name, len) == 0 &&
            argument[len] == '=') {
            *ret_medium = (Medium) i;
            file = argument + len + 1;
            known = true;
        }
    }
    g_autofree char *path = g_canonicalize_filename(file, NULL);
    if (stat(path, &st) != 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "image '%s': %s", file, g_strerror(errno));
        return false;
    }
    if (!known && !guess_medium(path, st.st_size, ret_medium)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "'%s' may be anything: say floppy=FILE, cd=FILE, "
                    "disk=FILE or kernel=FILE",
                    file);
        return false;
    }
    *ret_path = g_steal_pointer(&path);
    return true;
}

static bool
add_image(Profile *profile, Medium medium, const char *path, unsigned counts[],
          GError **error)
{
    if (counts[medium] == media[medium].max) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "there is room for %u of '%s' only", media[medium].max,
                    media[medium].name);
        return false;
    }
    unsigned n = counts[medium]++;
    if (medium == MEDIUM_KERNEL)
        return profile_set(profile, "machine.kernel", path, error);
    g_autofree char *path_key =
        g_strdup_printf("%s%u.path", media[medium].name, n);
    g_autofree char *format_key =
        g_strdup_printf("%s%u.format", media[medium].name, n);
    if (!profile_set(profile, path_key, path, error))
        return false;
    static const char *const qcow2[] = {"qcow2", NULL};
    const char *format = media[medium].format;
    if (medium == MEDIUM_DISK && has_suffix(path, qcow2))
        format = "qcow2";
    return format == NULL || profile_set(profile, format_key, format, error);
}

/* Boots from the first image given, then from the others. */
static bool
set_boot_order(Profile *profile, Medium first, GError **error)
{
    g_autoptr(GString) order = g_string_new(media[first].name);
    for (unsigned i = 0; i < N_DRIVES; i++) {
        if (i != first)
            g_string_append_printf(order, ",%s", media[i].name);
    }
    return profile_set(profile, "machine.boot", order->str, error);
}

typedef struct {
    Medium medium;
    char *path;
} Image;

static void
clear_image(gpointer data)
{
    g_free(((Image *) data)->path);
}

static GArray *
parse_images(char **arguments, GError **error)
{
    g_autoptr(GArray) images = g_array_new(FALSE, TRUE, sizeof(Image));

    g_array_set_clear_func(images, clear_image);
    for (gsize i = 0; arguments[i] != NULL; i++) {
        Image image = {MEDIUM_DISK, NULL};
        if (!parse_image(arguments[i], &image.medium, &image.path, error))
            return NULL;
        g_array_append_val(images, image);
    }
    return g_steal_pointer(&images);
}

static const char *
kernel_of(const GArray *images)
{
    for (guint i = 0; i < images->len; i++)
        if (g_array_index(images, Image, i).medium == MEDIUM_KERNEL)
            return g_array_index(images, Image, i).path;
    return NULL;
}

/* What a kernel is started on has no other controllers. */
static bool
set_virtio_disks(Profile *profile, unsigned n, GError **error)
{
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *key = g_strdup_printf("disk%u.model", i);
        if (!profile_set(profile, key, "virtio-blk", error))
            return false;
    }
    return true;
}

static bool
apply_images(Profile *profile, const GArray *images, GError **error)
{
    unsigned counts[N_MEDIA] = {0};

    for (guint i = 0; i < images->len; i++) {
        const Image *image = &g_array_index(images, Image, i);
        if (!add_image(profile, image->medium, image->path, counts, error))
            return false;
    }
    Medium first = g_array_index(images, Image, 0).medium;
    if (kernel_of(images) != NULL)
        return set_virtio_disks(profile, counts[MEDIUM_DISK], error);
    return set_boot_order(profile, first, error);
}

/* A Linux kernel talks on the serial port, which is all there is, and need not
 * look for PCI by ports that the machine does not have. */
static bool
apply_kernel_options(Profile *profile, const ThrowAway *what,
                     const char *kernel, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (kernel == NULL && (what->initrd != NULL || what->append != NULL)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "--initrd and --append go with a kernel, and none is "
                    "given (kernel=FILE)");
        return false;
    }
    if (kernel == NULL)
        return true;
    if (kernel_kind_of_file(kernel) != KERNEL_MULTIBOOT)
        g_string_append(line, "console=ttyS0 pci=noearly");
    if (what->append != NULL)
        g_string_append_printf(line, "%s%s", line->len > 0 ? " " : "",
                               what->append);
    if (!profile_set(profile, "machine.chipset", "pc-virtio", error) ||
        !profile_set(profile, "machine.cmdline", line->str, error))
        return false;
    if (what->initrd == NULL)
        return true;
    g_autofree char *initrd = g_canonicalize_filename(what->initrd, NULL);
    return profile_set(profile, "machine.initrd", initrd, error);
}

static Profile *
make_profile(const ThrowAway *what, const char *file, GError **error)
{
    g_autoptr(GArray) images = parse_images(what->images, error);
    if (images == NULL)
        return NULL;
    const char *kernel = kernel_of(images);
    g_autoptr(Template) template = template_find(
        kernel != NULL ? "linux-kernel" : "pc", kernel != NULL ? error : NULL);
    if (kernel != NULL && template == NULL) { /* it would have no console */
        g_prefix_error(error, "a kernel's machine is made from a template of "
                              "Carrel's data, which CARREL_DATADIR names when "
                              "they lie elsewhere: ");
        return NULL;
    }
    Profile *profile =
        template != NULL ? template_to_profile(template, file) : profile_new();
    bool good = apply_images(profile, images, error) &&
                apply_kernel_options(profile, what, kernel, error);

    if (good && what->memory != NULL)
        good = profile_set(profile, "machine.memory", what->memory, error);
    if (good && what->cpus != NULL)
        good = profile_set(profile, "machine.cpus", what->cpus, error);
    for (gsize i = 0; good && what->settings != NULL && what->settings[i];
         i++) {
        char *equals = strchr(what->settings[i], '=');
        g_autofree char *key =
            g_strndup(what->settings[i], (gsize) (equals - what->settings[i]));
        good = profile_set(profile, key, equals + 1, error);
    }
    if (good)
        good = profile_validate(profile, error);
    if (!good)
        g_clear_pointer(&profile, profile_free);
    return profile;
}

/* "freedos-1.44M.img" -> "freedos-1.44M" */
static char *
base_name(const char *image)
{
    const char *equals = strchr(image, '=');
    g_autofree char *base =
        g_path_get_basename(equals != NULL ? equals + 1 : image);
    char *dot = strrchr(base, '.');
    if (dot != NULL && dot != base)
        *dot = '\0';
    g_strcanon(base, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-", '-');
    if (strlen(base) > 40)
        base[40] = '\0';
    if (!g_ascii_isalnum(base[0]))
        return g_strdup("machine");
    return g_steal_pointer(&base);
}

/* The folder is the reservation: whoever makes it has the name. */
static bool
reserve(const char *name)
{
    g_autofree char *dir = session_runtime_dir(name);
    if (store_exists(name) || session_is_running(name, NULL))
        return false;
    g_autofree char *profile = session_throw_away_profile(name);
    if (g_file_test(profile, G_FILE_TEST_EXISTS))
        return false; /* crashed, and nobody has looked at it yet */
    session_runtime_remove(name);
    return g_mkdir(dir, 0700) == 0;
}

static char *
choose_name(const ThrowAway *what, GError **error)
{
    g_autofree char *parent = paths_runtime_dir();
    if (!paths_make_private(parent, error))
        return NULL;
    if (what->name != NULL) {
        if (!machine_name_check(what->name, error))
            return NULL;
        if (what->replace_crashed && !session_is_running(what->name, NULL) &&
            !store_exists(what->name))
            session_runtime_remove(what->name);
        if (reserve(what->name))
            return g_strdup(what->name);
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "there is a machine '%s' already", what->name);
        return NULL;
    }
    g_autofree char *base = base_name(what->images[0]);
    for (unsigned i = 1; i < MAX_TRIES; i++) {
        g_autofree char *name =
            i == 1 ? g_strdup(base) : g_strdup_printf("%s-%u", base, i);
        if (reserve(name))
            return g_steal_pointer(&name);
    }
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                "no free name like '%s'; give one with --name", base);
    return NULL;
}

char *
throw_away_start(const ThrowAway *what, GError **error)
{
    g_autofree char *name = choose_name(what, error);
    if (name == NULL)
        return NULL;
    g_autofree char *file = session_throw_away_profile(name);
    Profile *profile = make_profile(what, file, error);
    const SpawnOptions options = {.snapshot = what->snapshot};
    bool good = profile != NULL && profile_save(profile, file, error) &&
                session_start(name, &options, error);

    profile_free(profile);
    if (good)
        return g_steal_pointer(&name);
    session_runtime_remove(name);
    session_state_remove(name);
    return NULL;
}

static int
wait_for_end(const App *app, const char *name)
{
    GError *error = NULL;
    g_autoptr(ControlClient) client = control_client_open(name, &error);
    char *last = NULL;

    if (client != NULL &&
        control_client_do(client, control_request("subscribe"), 5000, &error)) {
        JsonNode *event;
        while ((event = control_client_next_event(client, -1, NULL, NULL))) {
            g_free(last);
            last = g_strdup(json_get_string(event, "state", ""));
            json_free(event);
        }
    }
    g_clear_error(&error);
    bool crashed = last == NULL || strcmp(last, "stopped") != 0;
    g_free(last);
    (void) session_wait_gone(name, 10000); /* its record is written by now */
    if (!crashed)
        return EXIT_OK;
    g_autoptr(SessionRecord) record = session_record_read(name);
    return app_fail(app, EXIT_FAILED, "crashed", NULL, NULL,
                    "machine '%s' crashed: %s", name,
                    record != NULL ? record->reason : "unknown");
}

static int
check_images(const App *app, const ThrowAway *what)
{
    GError *error = NULL;
    g_autofree char *file = g_canonicalize_filename("machine.ini", NULL);
    Profile *profile = make_profile(what, file, &error);
    if (profile == NULL)
        return running_fail(app, error);
    g_autofree char *text = profile_to_text(profile);
    findings_warn(app, profile);
    profile_free(profile);
    app_say(app, "%s", text);
    return EXIT_OK;
}

int
verb_run(App *app, int argc, char **argv)
{
    g_autofree char *name = NULL, *memory = NULL, *cpus = NULL;
    g_autofree char *initrd = NULL, *append = NULL;
    g_auto(GStrv) args = NULL;
    g_auto(GStrv) settings = NULL;
    gboolean detach = FALSE, snapshot = FALSE;
    GError *error = NULL;
    const GOptionEntry entries[] = {
        {"name", 0, 0, G_OPTION_ARG_STRING, &name,
         "Its name (else that of the first image)", "NAME"},
        {"detach", 'd', 0, G_OPTION_ARG_NONE, &detach,
         "Return at once and print the name", NULL},
        {"cpus", 'c', 0, G_OPTION_ARG_STRING, &cpus, "Number of CPUs", "N"},
        {"memory", 'm', 0, G_OPTION_ARG_STRING, &memory,
         "Size of its RAM, such as 64M", "SIZE"},
        {"initrd", 'i', 0, G_OPTION_ARG_FILENAME, &initrd,
         "Initial RAM disk of a kernel", "FILE"},
        {"append", 'a', 0, G_OPTION_ARG_STRING, &append,
         "More of a kernel's command line", "TEXT"},
        {"snapshot", 's', 0, G_OPTION_ARG_NONE, &snapshot,
         "Throw away what it writes; the images stay as they are", NULL},
        {"set", 'S', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
         "Any other setting, as in 'carrel set'", "SECTION.KEY=VALUE"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};

    int code = app_parse(app, argv, entries, 1, -1, &args);
    if (code >= 0)
        return code;
    for (gsize i = 0; settings != NULL && settings[i] != NULL; i++) {
        if (strchr(settings[i], '=') == NULL)
            return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                            "run: --set wants SECTION.KEY=VALUE, not '%s'",
                            settings[i]);
    }
    const ThrowAway what = {.name = name,
                            .images = args,
                            .memory = memory,
                            .cpus = cpus,
                            .initrd = initrd,
                            .append = append,
                            .settings = settings,
                            .snapshot = snapshot,
                            .replace_crashed = true};
    if (app->dry_run)
        return check_images(app, &what);
    g_autofree char *started = throw_away_start(&what, &error);
    if (started == NULL)
        return running_fail(app, error);
    g_autoptr(Profile) profile = machine_profile(started, NULL);
    if (profile != NULL)
        findings_warn(app, profile);
    return throw_away_follow(app, started, detach);
}

int
throw_away_follow(App *app, const char *name, bool detach)
{
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", name);
        json_put_string(w, "state", "running");
        app_print_json(w);
    }
    if (detach) {
        if (!app->json)
            g_print("%s\n", name);
        return EXIT_OK;
    }
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !app->json)
        return running_attach(app, name);
    return wait_for_end(app, name);
}
