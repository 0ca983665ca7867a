/* app/machines.c - what is known of a machine, from its profile, its last
 * record and its process. */
#include "app/machines.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/ladder/change.h"
#include "app/session/control-client.h"
#include "app/session/session-dir.h"
#include "app/store.h"
#include "profiles/paths.h"
#include "profiles/profile.h"

#define ANSWER_MS 1000

void
machine_info_free(MachineInfo *info)
{
    if (info == NULL)
        return;
    g_free(info->name);
    g_free(info->state);
    g_free(info->reason);
    g_free(info->summary);
    g_free(info->view);
    g_free(info->sound);
    g_free(info->ladder);
    for (gsize i = 0; i < G_N_ELEMENTS(info->serial); i++)
        g_free(info->serial[i]);
    g_free(info);
}

static void
set_text(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

/* The first error in the settings, NULL: none. `check` tells all of them. */
static char *
first_error(const Profile *profile)
{
    g_autoptr(GPtrArray) findings = profile_check(profile);

    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);
        if (f->is_error && f->line > 0)
            return g_strdup_printf("invalid: line %u: %s", f->line, f->message);
        if (f->is_error)
            return g_strdup_printf("invalid: %s", f->message);
    }
    return NULL;
}

/* key is set, and to a value that it may have. */
static bool
is_good(const Profile *profile, const char *key)
{
    return profile_has(profile, key) &&
           profile_validate_change(profile, profile,
                                   (const char *[]){key, NULL}, NULL);
}

/* Of a machine that is off: it cannot be started as it is. What was said of
 * its last start counts no more, a crash does. */
static void
note_invalid(MachineInfo *info, const char *problem)
{
    if (info->pid != 0)
        return;
    g_autofree char *reason =
        strcmp(info->state, "crashed") == 0 && *info->reason != '\0'
            ? g_strdup_printf("%s; %s", info->reason, problem)
            : g_strdup(problem);
    set_text(&info->reason, reason);
}

static void
read_profile(MachineInfo *info)
{
    g_autofree char *throw_away = session_throw_away_profile(info->name);
    g_autofree char *saved = paths_machine_file(info->name);
    g_autoptr(GError) error = NULL;
    info->throw_away = g_file_test(throw_away, G_FILE_TEST_EXISTS);
    g_autoptr(Profile) profile =
        profile_load_lenient(info->throw_away ? throw_away : saved, &error);
    if (profile == NULL) {
        g_autofree char *problem =
            g_strdup_printf("invalid: %s", error->message);
        note_invalid(info, problem);
        return;
    }
    g_autofree char *problem = first_error(profile);
    if (problem != NULL)
        note_invalid(info, problem);
    const char *summary = profile_get_string(profile, "machine.description");
    if (summary == NULL || *summary == '\0')
        summary = profile_get_string(profile, "machine.template");
    set_text(&info->summary, summary != NULL ? summary : "");
    /* a default may stand for what could not be read */
    if (problem == NULL || is_good(profile, "machine.memory"))
        info->memory = profile_get_u64(profile, "machine.memory");
    info->cpus = (unsigned) profile_get_u64(profile, "machine.cpus");
    info->is_protected = profile_get_bool(profile, "machine.protected");
}

/* ---- why it did not start, as long as that may be true ---- */

static bool
has_changed_since(const char *path, gint64 time)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_ctime > time;
}

/* The file that the text names from a slash on: the longest one there is, for
 * a name may have blanks; g_free, NULL: none. */
static char *
named_file(const char *text)
{
    char *path = g_strndup(text, strcspn(text, "'\":;\n"));

    for (char *blank; !g_file_test(path, G_FILE_TEST_EXISTS);) {
        blank = strrchr(path, ' ');
        if (blank == NULL) {
            g_clear_pointer(&path, g_free);
            break;
        }
        *blank = '\0';
    }
    return path;
}

/* Its settings, or a file that the reason names, are others than then. */
static bool
is_mended(const char *name, const SessionRecord *record)
{
    g_autofree char *settings = paths_machine_file(name);
    bool missing = strstr(record->reason, g_strerror(ENOENT)) != NULL ||
                   strstr(record->reason, "does not exist") != NULL;

    if (!g_str_has_prefix(record->reason, "did not start"))
        return false;
    if (has_changed_since(settings, record->time))
        return true;
    for (const char *at = record->reason; (at = strchr(at, '/')) != NULL;) {
        g_autofree char *path = named_file(at);
        if (path != NULL && strcmp(path, settings) != 0 &&
            !g_file_test(path, G_FILE_TEST_IS_DIR) &&
            (missing || has_changed_since(path, record->time)))
            return true;
        at += path != NULL ? strlen(path) : strcspn(at, " '\":;\n");
    }
    return false;
}

MachineInfo *
machine_info_offline(const char *name)
{
    pid_t pid = 0;
    bool running = session_is_running(name, &pid);
    g_autofree char *throw_away = session_throw_away_profile(name);

    if (!running && !store_exists(name) &&
        !g_file_test(throw_away, G_FILE_TEST_EXISTS))
        return NULL;
    MachineInfo *info = g_new0(MachineInfo, 1);
    g_autoptr(SessionRecord) record = session_record_read(name);
    info->name = g_strdup(name);
    info->state = g_strdup(running ? "starting" : "off");
    info->reason = g_strdup("");
    info->summary = g_strdup("");
    info->view = g_strdup("");
    info->sound = g_strdup("");
    info->ladder = ladder_summary(name);
    info->pid = running ? pid : 0;
    if (!running && record != NULL) {
        if (strcmp(record->state, "crashed") == 0)
            set_text(&info->state, "crashed");
        if (!is_mended(name, record))
            set_text(&info->reason, record->reason);
    }
    read_profile(info);
    return info;
}

static void
read_serial(MachineInfo *info, const JsonNode *status)
{
    const JsonNode *ports = json_get(status, "serial");
    for (unsigned i = 0; i < G_N_ELEMENTS(info->serial); i++) {
        g_autofree char *port = g_strdup_printf("serial%u", i);
        info->serial[i] = g_strdup(json_get_string(ports, port, NULL));
    }
}

MachineInfo *
machine_info(const char *name)
{
    MachineInfo *info = machine_info_offline(name);
    if (info == NULL || info->pid == 0)
        return info;
    g_autoptr(ControlClient) client = control_client_open_async(name, NULL);
    g_autoptr(JsonNode) status =
        client == NULL ? NULL
                       : control_client_call(client, control_request("status"),
                                             ANSWER_MS, NULL, NULL);
    if (status == NULL)
        return info;
    info->answers = true;
    set_text(&info->state, json_get_string(status, "state", "running"));
    set_text(&info->view, json_get_string(status, "view", ""));
    set_text(&info->sound, json_get_string(status, "sound", ""));
    read_serial(info, status);
    info->memory = (guint64) json_get_int(status, "memory", 0);
    info->resident = (guint64) json_get_int(status, "resident", 0);
    info->cpu_ns = (guint64) json_get_int(status, "cpu_ns", 0);
    info->cpu = message_number(status, "cpu", 0);
    info->uptime_ms = json_get_int(status, "uptime_ms", 0);
    info->cpus = (unsigned) json_get_int(status, "vcpus", 0);
    return info;
}

Profile *
machine_profile(const char *name, GError **error)
{
    GError *inner = NULL;
    Profile *profile = store_load(name, &inner);

    /* with another error the name may be no name at all */
    if (g_error_matches(inner, CARREL_STORE_ERROR,
                        CARREL_STORE_ERROR_NOT_FOUND)) {
        g_autofree char *file = session_throw_away_profile(name);
        if (g_file_test(file, G_FILE_TEST_EXISTS)) {
            g_clear_error(&inner);
            return profile_load(file, error);
        }
    }
    if (inner != NULL)
        g_propagate_error(error, inner);
    return profile;
}

static int
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

char **
machine_names(void)
{
    g_auto(GStrv) saved = store_list();
    g_auto(GStrv) running = session_names();
    GPtrArray *names = g_ptr_array_new();

    for (gsize i = 0; saved[i] != NULL; i++)
        g_ptr_array_add(names, g_strdup(saved[i]));
    for (gsize i = 0; running[i] != NULL; i++) {
        if (!g_strv_contains((const char *const *) saved, running[i]))
            g_ptr_array_add(names, g_strdup(running[i]));
    }
    g_ptr_array_sort(names, compare);
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}
