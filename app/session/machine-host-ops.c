/* app/session/machine-host-ops.c - what clients may do to a real machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/session/machine-host-internal.h"
#include "app/session/machine-vnc.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

static Vm *
host_vm(void *m)
{
    MachineHost *host = m;
    return machine_vm(host->machine);
}

static const char *
host_state(void *m)
{
    MachineHost *host = m;
    VmState state = vm_state(host_vm(host));
    if (host->stopping && state == VM_RUNNING)
        return "stopping";
    return vm_state_name(state);
}

/* An operation of the Vm, which may take until its devices are quiet. */
typedef struct {
    Vm *vm;
    bool (*run)(Vm *vm, GError **error);
    MachineDone done;
    void *data;
    GError *error;
} LifeJob;

static void
life_work(void *data)
{
    LifeJob *job = data;
    (void) job->run(job->vm, &job->error); /* the error says it all */
}

static void
life_done(void *data)
{
    LifeJob *job = data;
    job->done(job->data, job->error);
    g_free(job);
}

static void
life_begin(MachineHost *host, bool (*run)(Vm *vm, GError **error),
           MachineDone done, void *data)
{
    LifeJob *job = g_new0(LifeJob, 1);
    *job = (LifeJob){host_vm(host), run, done, data, NULL};
    worker_run(host->workers[WORK_LIFE], life_work, life_done, job);
}

static bool
cold_reset(Vm *vm, GError **error)
{
    return vm_reset(vm, RESET_COLD, error);
}

static void
host_reset(void *m, MachineDone done, void *data)
{
    life_begin(m, cold_reset, done, data);
}

static void
host_pause(void *m, MachineDone done, void *data)
{
    life_begin(m, vm_pause, done, data);
}

/* People do not have to know why it stands still. */
static bool
resume_or_wake(Vm *vm, GError **error)
{
    return vm_state(vm) == VM_SUSPENDED ? vm_wake(vm, error)
                                        : vm_resume(vm, error);
}

static void
host_resume(void *m, MachineDone done, void *data)
{
    life_begin(m, resume_or_wake, done, data);
}

static void
host_wake(void *m, MachineDone done, void *data)
{
    life_begin(m, vm_wake, done, data);
}

static bool
host_power_button(void *m, GError **error)
{
    if (vm_power_button(host_vm(m)))
        return true;
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                "the machine has no power button");
    return false;
}

static Display *
host_display(void *m)
{
    MachineHost *host = m;
    return machine_display(host->machine);
}

static void
refresh_on_loop(void *data)
{
    display_refresh_now(data);
}

static void
host_refresh(void *m)
{
    MachineHost *host = m;
    Display *display = machine_display(host->machine);
    if (display != NULL)
        loop_call(vm_loop(host_vm(host)), refresh_on_loop, display);
}

static guint
host_input_source(void *m)
{
    MachineHost *host = m;
    Input *input = machine_input(host->machine);
    return input != NULL ? input_new_source(input) : 0;
}

static void
host_input(void *m, guint source, const InputEvent *events, unsigned n)
{
    MachineHost *host = m;
    Input *input = machine_input(host->machine);
    if (input != NULL)
        input_post(input, source, events, n);
}

static void
host_input_release(void *m, guint source)
{
    MachineHost *host = m;
    Input *input = machine_input(host->machine);
    if (input != NULL)
        input_release_all(input, source);
}

static guint
host_leds(void *m)
{
    MachineHost *host = m;
    Input *input = machine_input(host->machine);
    return input != NULL ? input_leds(input) : 0;
}

static bool
host_has_absolute(void *m)
{
    MachineHost *host = m;
    Input *input = machine_input(host->machine);
    return input != NULL && input_has_absolute(input);
}

static const char *
host_serial_at(void *m, unsigned port)
{
    MachineHost *host = m;
    CharLink *link = machine_serial(host->machine, port);
    return link != NULL ? char_describe(link) : NULL;
}

static int
host_serial(void *m, unsigned port, bool replay, GError **error)
{
    MachineHost *host = m;
    CharLink *link = machine_serial(host->machine, port);
    if (link == NULL) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "machine '%s' has no serial port %u; add one with "
                    "`carrel set %s serial%u.kind=pane`",
                    host->name, port, host->name, port);
        return -1;
    }
    return machine_host_attach(link, replay, error);
}

static int
host_console(void *m, unsigned port, bool replay, GError **error)
{
    MachineHost *host = m;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        sys_error(error, errno, "virtio console");
        return -1;
    }
    if (machine_attach_console(host->machine, port, pair[1], replay))
        return pair[0];
    sys_close(&pair[0]);
    sys_close(&pair[1]);
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                "machine '%s' has no virtio console %u; `carrel attach %s "
                "console%u` adds one while it runs",
                host->name, port, host->name, port);
    return -1;
}

typedef struct {
    MachineHost *host;
    char *drive, *path;
    bool read_only, force;
    MachineDone done;
    void *data;
    GError *error;
} MediaJob;

static void
media_work(void *data)
{
    MediaJob *job = data;
    (void) machine_change_media(job->host->machine, job->drive, job->path,
                                job->read_only, job->force, &job->error);
}

static void
media_done(void *data)
{
    MediaJob *job = data;
    if (job->error == NULL) {
        g_autofree char *line =
            g_strdup_printf("%s: %s", job->drive,
                            job->path != NULL ? job->path : "medium ejected");
        machine_host_say(job->host, line);
    }
    job->done(job->data, job->error);
    g_free(job->drive);
    g_free(job->path);
    g_free(job);
}

static void
host_change_media(void *m, const MediaRequest *request, MachineDone done,
                  void *data)
{
    MachineHost *host = m;
    MediaJob *job = g_new0(MediaJob, 1);
    *job = (MediaJob){.host = host,
                      .drive = g_strdup(request->drive),
                      .path = g_strdup(request->path),
                      .read_only = request->read_only,
                      .force = request->force,
                      .done = done,
                      .data = data};
    worker_run(host->workers[WORK_MEDIA], media_work, media_done, job);
}

static char *
host_drives(void *m)
{
    MachineHost *host = m;
    return machine_describe_drives(host->machine);
}

static char *
host_sound(void *m)
{
    MachineHost *host = m;
    return machine_describe_sound(host->machine);
}

static guint64
resident_bytes(void)
{
    g_autofree char *text = NULL;
    unsigned long pages = 0;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL) ||
        sscanf(text, "%*u %lu", &pages) != 1)
        return 0;
    return (guint64) pages * (guint64) sysconf(_SC_PAGESIZE);
}

/* Over the time between two looks that are a second or more apart; the first
 * one goes back to the start. */
static double
recent_cpu(MachineHost *host, guint64 cpu_ns)
{
    gint64 now = g_get_monotonic_time();
    if (host->sample_us == 0)
        host->sample_us = host->started_us;
    gint64 us = now - host->sample_us;
    if (us >= G_USEC_PER_SEC || (host->sample_cpu_ns == 0 && us > 0)) {
        host->cpu =
            (double) (cpu_ns - host->sample_cpu_ns) / 10.0 / (double) us;
        host->sample_us = now;
        host->sample_cpu_ns = cpu_ns;
    }
    return host->cpu;
}

static void
host_stats(void *m, MachineStats *ret_stats)
{
    MachineHost *host = m;
    Vm *vm = host_vm(host);
    struct rusage usage = {.ru_utime = {0}};

    (void) getrusage(RUSAGE_SELF, &usage); /* cannot fail */
    gint64 us =
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
        usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    ret_stats->uptime_ms =
        (guint64) ((g_get_monotonic_time() - host->started_us) / 1000);
    ret_stats->cpu_ns = (guint64) us * 1000;
    ret_stats->cpu = recent_cpu(host, ret_stats->cpu_ns);
    ret_stats->ram = host->ram;
    ret_stats->resident = resident_bytes();
    ret_stats->resets = vm_reset_count(vm);
    ret_stats->n_vcpus = MIN(vm_n_vcpus(vm), MACHINE_MAX_VCPUS);
    for (unsigned i = 0; i < ret_stats->n_vcpus; i++) {
        ret_stats->vcpu[i].exits = vm_cpu_stats(vm, i);
        ret_stats->vcpu[i].cpu_ns = vm_vcpu_cpu_ns(vm, i);
    }
}

static char *
host_log_path(void *m, const char *source)
{
    static const char *const sources[] = {"vmm",     "firmware", "serial0",
                                          "serial1", "serial2",  "serial3"};
    MachineHost *host = m;
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (strcmp(source, sources[i]) == 0)
            return session_log_file(host->name, source);
    }
    return NULL;
}

static char *
host_view_address(void *m)
{
    return machine_vnc_address(m);
}

const MachineOps machine_host_ops = {
    .state = host_state,
    .stop = machine_host_stop,
    .reset = host_reset,
    .pause = host_pause,
    .resume = host_resume,
    .wake = host_wake,
    .power_button = host_power_button,
    .display = host_display,
    .refresh = host_refresh,
    .input_source = host_input_source,
    .input = host_input,
    .input_release = host_input_release,
    .leds = host_leds,
    .has_absolute = host_has_absolute,
    .serial_at = host_serial_at,
    .serial = host_serial,
    .console = host_console,
    .change_media = host_change_media,
    .drives = host_drives,
    .nets = machine_host_nets,
    .change_net = machine_host_change_net,
    .cards = machine_host_cards,
    .plug = machine_host_plug,
    .stats = host_stats,
    .balloon = machine_host_balloon,
    .set_balloon = machine_host_set_balloon,
    .set_speed = machine_host_set_speed,
    .speed = machine_host_speed,
    .log_path = host_log_path,
    .view_address = host_view_address,
    .sound = host_sound,
};
