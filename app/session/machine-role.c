/* app/session/machine-role.c - the process of one machine.
 *
 * Leaves its terminal, locks its name, builds and runs the machine, writes the
 * last word. How the start went is told to the starter by one line on a pipe,
 * in the form of an answer of the control protocol. */
#include "app/session/machine-role.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib-unix.h>

#include "app/sandbox/sandbox-roles.h"
#include "app/session/fatal-signals.h"
#include "app/session/launcher.h"
#include "app/session/machine-host.h"
#include "app/session/message.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

/* What a guest gets to react to the power button when we are terminated. */
#define TERMINATE_TIMEOUT_S 30
/* libvncserver's select() aborts on descriptors from 1024 on: we have none. */
#define MAX_DESCRIPTORS 1024

typedef struct {
    const char *name;
    bool paused, snapshot;
    int status_fd;
} RoleOptions;

static bool
parse_options(int argc, char **argv, RoleOptions *ret_options)
{
    RoleOptions options = {.status_fd = -1};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--paused") == 0)
            options.paused = true;
        else if (strcmp(argv[i], "--snapshot") == 0)
            options.snapshot = true;
        else if (strcmp(argv[i], "--status-fd") == 0 && i + 1 < argc)
            options.status_fd = atoi(argv[++i]);
        else if (argv[i][0] != '-' && options.name == NULL)
            options.name = argv[i];
        else
            return false;
    }
    *ret_options = options;
    return options.name != NULL && options.name[0] != '.' &&
           strchr(options.name, '/') == NULL;
}

/* One line, then the pipe is closed. */
static void
tell_starter(RoleOptions *options, GError *error)
{
    gsize len;
    JsonWriter *out = message_new();
    json_put_bool(out, "ok", error == NULL);
    json_put_int(out, "pid", getpid());
    if (error != NULL) {
        CarrelSessionError kind = session_error_kind(error);
        json_begin_object(out, "error");
        json_put_int(out, "code", session_error_exit_code(kind));
        json_put_string(out, "id", session_error_id(kind));
        json_put_string(out, "message", error->message);
    }
    g_autofree char *text = message_finish(out, &len);
    if (options->status_fd >= 0)
        (void) sys_write_all(options->status_fd, text,
                             len); /* it may be gone */
    sys_close(&options->status_fd);
}

static void
set_limits(void)
{
    struct rlimit files;
    struct rlimit no_core = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = MIN(files.rlim_max, MAX_DESCRIPTORS);
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
    /* A core would hold the guest's memory. */
    (void) setrlimit(RLIMIT_CORE, &no_core);
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void
make_absolute(const char *variable, const char *separator)
{
    const char *value = g_getenv(variable);
    if (value == NULL || *value == '\0')
        return;
    g_auto(GStrv) parts = g_strsplit(value, separator, -1);
    for (gsize i = 0; parts[i] != NULL; i++) {
        g_autofree char *part = parts[i];
        parts[i] = g_canonicalize_filename(part, NULL);
    }
    g_autofree char *absolute = g_strjoinv(separator, parts);
    g_setenv(variable, absolute, TRUE);
}

/* The starter's working folder may be on a medium that somebody wants to
 * unmount. All paths of ours are absolute once these are; no thread runs yet.
 */
static void
leave_folder(void)
{
    static const char *const paths[] = {
        "CARREL_RUNTIME_DIR",  "CARREL_STATE_DIR", "CARREL_CONFIG_DIR",
        "CARREL_MACHINES_DIR", "CARREL_TRASH_DIR", "CARREL_DATADIR",
        "CARREL_KVM_DEVICE",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++)
        make_absolute(paths[i], "\n"); /* a colon may be part of it */
    make_absolute("CARREL_FIRMWARE_PATH", ":");
    (void) !chdir("/"); /* it exists */
}

/* Away from the terminal: its end, its Ctrl-C and its output are not ours. */
static void
leave_terminal(const char *name)
{
    static const int ignored[] = {SIGHUP,  SIGPIPE, SIGXFSZ, SIGINT,
                                  SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM};
    g_autofree char *errors = session_log_file(name, "stderr");
    (void) setsid(); /* fails for a process group leader: then all is well */
    for (gsize i = 0; i < G_N_ELEMENTS(ignored); i++)
        signal(ignored[i], SIG_IGN);
    umask(0077);

    CARREL_AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CARREL_AUTO_FD int out = open(
        errors, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    (void) dup2(null, STDIN_FILENO);
    (void) dup2(out >= 0 ? out : null, STDOUT_FILENO);
    (void) dup2(out >= 0 ? out : null, STDERR_FILENO);
}

static gboolean
on_terminate(gpointer data)
{
    machine_host_terminate(data, TERMINATE_TIMEOUT_S);
    return G_SOURCE_CONTINUE;
}

/* The folder of a machine that is saved nowhere goes with it; after a crash it
 * stays, so that people find out. The runtime folder is last: with its lock
 * file the name goes to whoever starts next. */
static void
clean_up(const char *name, int code)
{
    g_autofree char *profile = session_throw_away_profile(name);
    bool throw_away = g_file_test(profile, G_FILE_TEST_EXISTS);

    if (throw_away && code != 0)
        return;
    if (throw_away)
        session_state_remove(name);
    session_runtime_remove(name);
}

static int
run_machine(RoleOptions *options)
{
    g_autoptr(GError) error = NULL;
    MachineHost *host = NULL;
    int listen_fd = session_listen(options->name, &error);

    if (listen_fd >= 0) {
        MachineHostOptions host_options = {.name = options->name,
                                           .paused = options->paused,
                                           .snapshot = options->snapshot,
                                           .listen_fd = listen_fd};
        host = machine_host_new(&host_options, &error);
    }
    if (host == NULL) {
        g_autofree char *reason =
            g_strdup_printf("did not start: %s", error->message);
        int code = session_error_exit_code(session_error_kind(error));
        session_record_write(options->name, "stopped", reason);
        clean_up(options->name, code); /* before somebody tries again */
        tell_starter(options, error);
        return code;
    }
    session_record_write(options->name, "running", "");
    guint term = g_unix_signal_add(SIGTERM, on_terminate, host);
    tell_starter(options, NULL);
    machine_host_run(host);
    g_source_remove(term);
    g_autofree char *state = g_strdup(machine_host_end_state(host));
    g_autofree char *reason = g_strdup(machine_host_end_reason(host));
    bool crashed = strcmp(state, "crashed") == 0;
    /* Only then the last word: what dies on the way down has crashed. */
    machine_host_free(host);
    session_record_write(options->name, state, reason);
    clean_up(options->name, crashed ? 1 : 0);
    return crashed ? 1 : 0;
}

int
machine_role_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    RoleOptions options;

    /* One heap: a second one costs each thread pages, and calloc() there
     * writes what is zero already. Nothing allocates while a guest runs. */
    (void) mallopt(M_ARENA_MAX, 1);
    if (!parse_options(argc, argv, &options))
        return session_error_exit_code(CARREL_SESSION_ERROR_USAGE);
    if (options.status_fd >= 0)
        (void) fcntl(options.status_fd, F_SETFD, FD_CLOEXEC);
    set_limits();
    leave_folder();
    if (!session_dirs_make(options.name, &error)) {
        tell_starter(&options, error);
        return session_error_exit_code(session_error_kind(error));
    }
    CARREL_AUTO_FD int lock = session_lock(options.name, &error);
    if (lock < 0) {
        tell_starter(&options, error);
        return session_error_exit_code(session_error_kind(error));
    }
    /* Started as /proc/self/exe, it would be called "exe" in lists. */
    (void) prctl(PR_SET_NAME, "carrel", 0, 0, 0);
    leave_terminal(options.name);
    fatal_signals_catch(options.name);
    fatal_signals_stack();
    if (sandbox_is_wanted())
        (void) launcher_start(); /* else networks are started as before */
    return run_machine(&options);
}
