/* app/session/machine-host.c - a machine with its control server, in the
 * process that runs it.
 *
 * Life: machine_host_new() -> run -> the Vm stops or crashes on its loop
 * thread -> that is posted to the main thread -> the main loop ends -> free.
 * Nothing here lets a full disk, a client or a lost terminal end the guest. */
#include "app/session/machine-host.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/assemble.h"
#include "app/sandbox/sandbox-roles.h"
#include "app/session/control-server.h"
#include "app/session/fatal-signals.h"
#include "app/session/launcher.h"
#include "app/session/machine-host-internal.h"
#include "app/session/machine-ladder.h"
#include "app/session/machine-log.h"
#include "app/session/machine-sleep.h"
#include "app/session/machine-vnc.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define VMM_LOG_LIMIT (1024 * 1024)

/* How long a worker may take to end what it does: a Vm waits 10 s for its
 * devices, a change of media 5 s for the old image. */
#define WORK_END_MS 15000

/* A change of state, or a reset, on its way from the loop thread to the main
 * thread. */
typedef struct {
    MachineHost *host;
    bool reset;
    VmState state;
    char *reason;
} StateNote;

void
machine_host_say(MachineHost *host, const char *line)
{
    machine_log_line(host->log, "machine", line);
}

static void
host_end(MachineHost *host, const char *state, const char *reason)
{
    if (host->end_state != NULL)
        return;
    host->end_state = state;
    host->end_reason = g_strdup(reason);
    g_autofree char *line = g_strdup_printf("%s: %s", state, reason);
    machine_host_say(host, line);
    g_main_loop_quit(host->main_loop);
}

static gboolean
note_arrived(gpointer data)
{
    StateNote *note = data;
    MachineHost *host = note->host;
    const char *name = vm_state_name(note->state);

    if (note->reset) {
        machine_host_stop_reset(host);
        machine_ladder_reset(host->ladder);
    } else if (note->state == VM_STOPPED || note->state == VM_CRASHED) {
        host_end(host, note->state == VM_STOPPED ? "stopped" : "crashed",
                 note->reason);
    } else {
        machine_host_say(host, name);
        if (host->server != NULL)
            control_server_state(host->server, name, note->reason);
    }
    return G_SOURCE_REMOVE;
}

static void
note_free(gpointer data)
{
    StateNote *note = data;
    g_free(note->reason);
    g_free(note);
}

/* Loop thread. */
static void
post_note(StateNote what)
{
    StateNote *note = g_memdup2(&what, sizeof what);
    GSource *source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, note_arrived, note, note_free);
    g_source_attach(source, NULL);
    g_source_unref(source);
}

/* Loop thread. */
static void
on_state(void *data, VmState state, const char *reason)
{
    post_note((StateNote){.host = data,
                          .state = state,
                          .reason = g_strdup(reason != NULL ? reason : "")});
}

/* Any thread. */
static void
on_log(void *data, const char *source, const char *line)
{
    MachineHost *host = data;
    machine_log_line(host->log, source, line);
}

/* Loop thread. The machine has logged why. */
static void
on_reset(void *data, const char *why)
{
    post_note((StateNote){.host = data, .reset = true});
}

static const VmEvents host_events = {on_state, on_log, on_reset};

static Profile *
load_profile(const char *name, GError **error)
{
    g_autofree char *throw_away = session_throw_away_profile(name);
    g_autofree char *saved = paths_machine_file(name);
    bool is_throw_away = g_file_test(throw_away, G_FILE_TEST_EXISTS);
    const char *file = is_throw_away ? throw_away : saved;

    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "there is no machine '%s'; `carrel list` shows all", name);
        return NULL;
    }
    return profile_load(file, error); /* machine_new() looks at the values */
}

int
machine_host_attach(CharLink *link, bool replay, GError **error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        sys_error(error, errno, "serial port");
        return -1;
    }
    char_attach_fd(link, pair[1], replay);
    return pair[0];
}

static SerialTap *
tap_of(MachineHost *host, CharLink *link, const char *log_name)
{
    int fd = link != NULL ? machine_host_attach(link, true, NULL) : -1;
    if (fd < 0)
        return NULL; /* no port, or no descriptor left: no log, no expect */
    g_autofree char *file = session_log_file(host->name, log_name);
    return serial_tap_new(fd, file, g_main_context_default());
}

static void
open_taps(MachineHost *host)
{
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        g_autofree char *log_name = g_strdup_printf("serial%u", i);
        CharLink *link = machine_serial(host->machine, i);
        if (link != NULL) {
            g_autofree char *line =
                g_strdup_printf("%s: %s", log_name, char_describe(link));
            machine_host_say(host, line);
        }
        host->taps[i] = tap_of(host, link, log_name);
    }
    host->firmware_tap =
        tap_of(host, machine_firmware_log(host->machine), "firmware");
}

/* A misspelt key does nothing, and the log is where people look why. */
static bool
check_profile(MachineHost *host, const Profile *profile, GError **error)
{
    g_autoptr(GPtrArray) findings = profile_check(profile);

    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);
        g_autofree char *place =
            f->line != 0 ? g_strdup_printf(":%u", f->line) : g_strdup("");
        g_autofree char *line = g_strdup_printf(
            "%s%s: warning:%s%s %s", profile_get_file(profile), place,
            *f->key != '\0' ? " " : "", f->key, f->message);
        if (!f->is_error)
            machine_host_say(host, line);
    }
    return profile_is_valid(profile, findings, error);
}

/* NULL and error set. */
static Profile *
profile_for_start(MachineHost *host, bool *ret_checked, GError **error)
{
    Profile *profile = load_profile(host->name, error);

    if (profile == NULL)
        return NULL;
    if (!check_profile(host, profile, error)) {
        profile_free(profile);
        return NULL;
    }
    Profile *tried = machine_ladder_profile(host->ladder, profile);
    *ret_checked = tried == profile; /* else it is another one now */
    return tried;
}

/* Where it is heard, or why it is not. */
static void
say_sound(MachineHost *host)
{
    g_autofree char *sound = machine_describe_sound(host->machine);

    if (sound == NULL)
        return;
    g_autofree char *line = g_strdup_printf("sound: %s", sound);
    machine_host_say(host, line);
}

static bool
build_machine(MachineHost *host, const MachineHostOptions *options,
              GError **error)
{
    bool checked;

    host->ladder = machine_ladder_begin(host);
    Profile *profile = profile_for_start(host, &checked, error);
    if (profile == NULL)
        return false;
    g_autofree char *runtime = session_runtime_dir(host->name);
    MachineOptions machine_options = {.name = host->name,
                                      .runtime_dir = runtime,
                                      .snapshot = options->snapshot,
                                      .checked = checked};
    host->sandbox =
        sandbox_is_wanted() && profile_get_bool(profile, "machine.sandbox");
    if (host->sandbox)
        machine_options.spawn = launcher_spawn;
    else
        g_setenv("CARREL_SANDBOX", "off", TRUE); /* for its networks */
    host->ram = profile_get_u64(profile, "machine.memory");
    host->sleep = machine_sleep_new(host, profile);
    host->machine =
        machine_new(profile, &machine_options, &host_events, host, error);
    if (host->machine != NULL)
        say_sound(host);
    bool ok = host->machine != NULL && machine_vnc_start(host, profile, error);
    profile_free(profile);
    return ok;
}

static void
on_quit_request(void *data)
{
    MachineHost *host = data;
    host_end(host, "stopped", "ended by a client's request");
}

/* All images are open, all threads but the processors' run; the guest has not
 * begun. */
static void
lock_in(MachineHost *host)
{
    g_autoptr(GError) error = NULL;

    if (!host->sandbox)
        machine_host_say(host, "warning: the sandbox is off: what takes over "
                               "this process can do all that you can");
    else if (!sandbox_enter(SANDBOX_MACHINE, &error)) {
        g_autofree char *line = g_strdup_printf(
            "warning: running without a sandbox: %s", error->message);
        machine_host_say(host, line);
    }
}

static void
stack_on_loop(void *data)
{
    fatal_signals_stack();
}

MachineHost *
machine_host_new(const MachineHostOptions *options, GError **error)
{
    MachineHost *host = g_new0(MachineHost, 1);
    g_autofree char *log_file = session_log_file(options->name, "vmm");
    int listen_fd = options->listen_fd;

    host->name = g_strdup(options->name);
    host->started_us = g_get_monotonic_time();
    host->main_loop = g_main_loop_new(NULL, FALSE);
    for (unsigned i = 0; i < N_WORKERS; i++)
        host->workers[i] = worker_new(NULL);
    host->log = machine_log_new(log_file, false, VMM_LOG_LIMIT);
    machine_host_say(host, "starting");
    if (!build_machine(host, options, error)) {
        sys_close(&listen_fd);
        machine_host_free(host);
        return NULL;
    }
    loop_call(vm_loop(machine_vm(host->machine)), stack_on_loop, NULL);
    ControlConfig config = {.name = host->name,
                            .ops = &machine_host_ops,
                            .machine = host,
                            .serial = host->taps,
                            .quit = on_quit_request,
                            .quit_data = host};
    host->server =
        control_server_new(&config, listen_fd, g_main_context_default());
    lock_in(host);
    if (!vm_start(machine_vm(host->machine), options->paused, error)) {
        machine_host_free(host);
        return NULL;
    }
    machine_sleep_start(host->sleep);
    open_taps(host); /* the guest runs; what it has said is replayed */
    machine_ladder_watch(host->ladder);
    return host;
}

void
machine_host_run(MachineHost *host)
{
    if (host->end_state == NULL)
        g_main_loop_run(host->main_loop);
}

const char *
machine_host_end_state(const MachineHost *host)
{
    return host->end_state != NULL ? host->end_state : "stopped";
}

const char *
machine_host_end_reason(const MachineHost *host)
{
    return host->end_reason != NULL ? host->end_reason : "";
}

/* What was on the screen when the machine crashed, for whoever looks into it
 * later. */
static void
save_last_screen(MachineHost *host)
{
    Display *display =
        host->machine != NULL ? machine_display(host->machine) : NULL;
    g_autofree char *dir = session_state_dir(host->name);
    g_autofree char *file = g_build_filename(dir, "last-screen.txt", NULL);

    if (display == NULL || strcmp(machine_host_end_state(host), "crashed") != 0)
        return;
    g_autofree char *text = display_text(display);
    if (text != NULL)
        (void) g_file_set_contents(file, text, -1, NULL); /* best effort */
}

static bool
end_workers(MachineHost *host)
{
    bool ended = true;
    for (unsigned i = 0; i < N_WORKERS; i++)
        ended = worker_free(host->workers[i], WORK_END_MS) && ended;
    return ended;
}

void
machine_host_free(MachineHost *host)
{
    if (host == NULL)
        return;
    save_last_screen(host);
    machine_host_stop_timers(host);
    if (host->server != NULL && host->end_state != NULL)
        control_server_state(host->server, host->end_state, host->end_reason);
    /* Notes that arrive from here on have nobody to tell. */
    g_clear_pointer(&host->server, control_server_free);
    machine_sleep_stop(host->sleep);
    machine_vnc_stop(host);
    /* before the workers: the process may end without them */
    machine_ladder_end(g_steal_pointer(&host->ladder));
    /* A worker that hangs in an image on a dead file system still uses the
     * machine: both go with the process. */
    if (!end_workers(host))
        return;
    machine_free(host->machine);
    /* The ports are closed: what the guest said last is in the pipes, and
     * notes of the loop thread are in the context. */
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    machine_sleep_free(host->sleep);
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++)
        serial_tap_free(host->taps[i]);
    serial_tap_free(host->firmware_tap);
    machine_log_free(host->log);
    g_main_loop_unref(host->main_loop);
    g_free(host->end_reason);
    g_free(host->name);
    g_free(host);
}
