/* app/session/session-spawn.c - starts the process of a machine. */
#include "app/session/session-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include "app/session/control-client.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"

#define STATUS_FD        3
#define HOLD_FD          4 /* nobody reads it: that it is open is all */
#define START_TIMEOUT_MS 60000
#define MAX_STATUS       (64 * 1024)
#define AWAIT_US         20000

int
session_spawn(const char *name, const SpawnOptions *options, GError **error)
{
    const char *program =
        options->program != NULL ? options->program : "/proc/self/exe";
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    int ends[2];

    if (!g_unix_open_pipe(ends, FD_CLOEXEC, error))
        return -1;
    CARREL_AUTO_FD int in = ends[0];
    CARREL_AUTO_FD int out = ends[1];
    const char *fixed[] = {program, "carrel",      "__machine",
                           name,    "--status-fd", "3"};
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, (char *) fixed[i]);
    if (options->paused)
        g_ptr_array_add(argv, (char *) "--paused");
    if (options->snapshot)
        g_ptr_array_add(argv, (char *) "--snapshot");
    g_ptr_array_add(argv, NULL);

    /* Without DO_NOT_REAP_CHILD GLib forks twice: no zombie is left to a TUI
     * that outlives the machine. */
    const int sources[] = {out, options->hold_fd};
    const int targets[] = {STATUS_FD, HOLD_FD};
    if (!g_spawn_async_with_pipes_and_fds(
            NULL, (const char *const *) argv->pdata, NULL,
            G_SPAWN_FILE_AND_ARGV_ZERO, NULL, NULL, -1, -1, -1, sources,
            targets, options->hold_fd > 0 ? 2 : 1, NULL, NULL, NULL, NULL,
            error)) {
        g_prefix_error(error,
                       "cannot start a process for machine '%s': ", name);
        return -1;
    }
    (void) fcntl(in, F_SETFL, O_NONBLOCK); /* cannot fail on a pipe */
    return sys_steal_fd(&in);
}

bool
session_spawn_read(int fd, GString *text)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = SYS_RETRY(read(fd, chunk, sizeof chunk));
        if (n < 0)
            return errno != EAGAIN;
        if (n == 0 || text->len + (gsize) n > MAX_STATUS)
            return true;
        g_string_append_len(text, chunk, n);
    }
}

/* What a process that died without a word may have left behind. */
static char *
last_words(const char *name)
{
    g_autofree char *dir = session_state_dir(name);
    g_autofree char *note_file = g_build_filename(dir, "signal", NULL);
    g_autofree char *errors_file = session_log_file(name, "stderr");
    g_autofree char *note = NULL, *errors = NULL;

    /* Either file may be missing: then there is less to say. */
    (void) g_file_get_contents(note_file, &note, NULL, NULL);
    (void) g_file_get_contents(errors_file, &errors, NULL, NULL);
    const char *line = "";
    if (errors != NULL) {
        g_strchomp(errors);
        const char *newline = strrchr(errors, '\n');
        line = newline != NULL ? newline + 1 : errors;
    }
    return g_strdup_printf("%s%s%s", note != NULL ? g_strchomp(note) : "",
                           note != NULL && *line != '\0' ? ": " : "", line);
}

bool
session_spawn_result(const char *name, const char *text, GError **error)
{
    gsize len = strcspn(text, "\n");
    if (len == 0) {
        g_autofree char *words = last_words(name);
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_FAILED,
                    "machine '%s' did not start: its process ended (%s)", name,
                    *words != '\0' ? words : "without a word");
        return false;
    }
    g_autoptr(JsonNode) status = message_parse(text, len, error);
    if (status == NULL)
        return false;
    GError *refused = control_answer_error(status);
    if (refused == NULL)
        return true;
    g_propagate_error(error, refused);
    return false;
}

bool
session_start(const char *name, const SpawnOptions *options, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 deadline = g_get_monotonic_time() + START_TIMEOUT_MS * 1000;
    CARREL_AUTO_FD int fd = session_spawn(name, options, error);

    if (fd < 0)
        return false;
    while (!session_spawn_read(fd, text)) {
        gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
        struct pollfd pfd = {fd, POLLIN, 0};
        if (left_ms <= 0 || SYS_RETRY(poll(&pfd, 1, (int) left_ms)) == 0) {
            g_set_error(error, CARREL_SESSION_ERROR,
                        CARREL_SESSION_ERROR_TIMEOUT,
                        "machine '%s' has not started after %d s", name,
                        START_TIMEOUT_MS / 1000);
            return false;
        }
    }
    return session_spawn_result(name, text->str, error);
}

/* Its process has said so, or answers: the record may be on a full disk. */
static bool
is_up(const char *name, pid_t pid)
{
    g_autoptr(SessionRecord) record = session_record_read(name);

    if (record != NULL && record->pid == pid &&
        strcmp(record->state, "running") == 0)
        return true;
    g_autoptr(ControlClient) client = control_client_open(name, NULL);
    return client != NULL;
}

StartOutcome
session_await_start(const char *name)
{
    gint64 deadline = g_get_monotonic_time() + START_TIMEOUT_MS * 1000;
    pid_t pid = 0;

    while (session_is_running(name, &pid)) {
        if (is_up(name, pid))
            return START_UP;
        if (g_get_monotonic_time() > deadline)
            return START_STUCK;
        g_usleep(AWAIT_US);
    }
    return START_GONE;
}
