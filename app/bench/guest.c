/* app/bench/guest.c - see guest.h.
 *
 * The machine lives in this process, so it ends with it in every case, and no
 * list of machines shows it. */
#include "app/bench/guest.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "app/assemble.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

#define NS_PER_S  G_GINT64_CONSTANT(1000000000)
#define TIMEOUT_S 60
#define POLL_MS   100
/* The UART sends bytes that follow each other together, a millisecond after
 * the first; a mark must be a first one. */
#define SILENCE_US 3000

struct BenchGuest {
    Machine *machine;
    int fd; /* the other end of its serial port */
    BenchProtocol protocol;
};

/* A signal handler's. */
static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signal_number)
{
    interrupted = 1;
}

GQuark
carrel_bench_error_quark(void)
{
    return g_quark_from_static_string("carrel-bench-error-quark");
}

gint64
bench_now_ns(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
    return (gint64) t.tv_sec * 1000000000 + t.tv_nsec;
}

void
bench_catch_interrupts(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_interrupt};

    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        (void) sigaction(signals[i], &action, NULL); /* known signals */
}

bool
bench_interrupted(GError **error)
{
    if (interrupted)
        g_set_error(error, CARREL_BENCH_ERROR, CARREL_BENCH_ERROR_INTERRUPTED,
                    "interrupted");
    return interrupted;
}

/* Beside the installed data, or beside the program in its build folder. */
char *
bench_guest_file(BenchBoot boot, GError **error)
{
    const char *name =
        boot == BENCH_ROM ? "bench-guest.rom" : "bench-guest.bin";
    char *file = paths_find_data(name);

    if (file != NULL)
        return file;
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    if (program != NULL) {
        g_autofree char *app_dir = g_path_get_dirname(program);
        g_autofree char *beside =
            g_build_filename(app_dir, "..", "share", "bench-guest", name, NULL);
        if (g_file_test(beside, G_FILE_TEST_EXISTS))
            return g_canonicalize_filename(beside, NULL);
    }
    g_set_error(error, CARREL_BENCH_ERROR, CARREL_BENCH_ERROR_MISSING,
                "the bench's guest %s was not found; build it with `meson "
                "compile`, or set CARREL_DATADIR",
                name);
    return NULL;
}

Profile *
bench_guest_profile(BenchBoot boot, GError **error)
{
    g_autofree char *file = bench_guest_file(boot, error);
    if (file == NULL)
        return NULL;
    bool rom = boot == BENCH_ROM;
    const char *const settings[][2] = {
        {"machine.chipset", rom ? "pc-i440fx" : "pc-virtio"},
        {rom ? "machine.firmware" : "machine.kernel", file},
        {"machine.memory", "256M"},
        {"display.model", "none"},
        {"vnc.enabled", "false"},
        {"serial0.kind", "pane"},
    };
    g_autoptr(Profile) profile = profile_new();

    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++)
        if (!profile_set(profile, settings[i][0], settings[i][1], error))
            return NULL;
    return g_steal_pointer(&profile);
}

static bool
guest_error(BenchGuest *g, GError **error, const char *what)
{
    g_autofree char *reason = vm_reason(machine_vm(g->machine));

    g_set_error(error, CARREL_BENCH_ERROR, CARREL_BENCH_ERROR_GUEST,
                "the bench's guest: %s%s%s", what, *reason != '\0' ? ": " : "",
                reason);
    return false;
}

BenchAnswer
bench_read_answer(int fd, BenchProtocol *p, int timeout_s,
                  bool (*go_on)(void *data), void *data)
{
    gint64 deadline = bench_now_ns() + timeout_s * NS_PER_S;
    BenchAnswer answer = BENCH_MORE;
    char bytes[256];

    while (answer == BENCH_MORE && !interrupted && bench_now_ns() < deadline) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (poll(&waiting, 1, POLL_MS) <= 0) {
            if (go_on != NULL && !go_on(data))
                break;
            continue;
        }
        gint64 now = bench_now_ns();
        ssize_t n = SYS_RETRY(read(fd, bytes, sizeof bytes));
        if (n <= 0)
            break;
        answer = bench_protocol_feed(p, bytes, (gsize) n, now);
    }
    return answer;
}

static bool
is_running(void *data)
{
    BenchGuest *g = data;

    return vm_state(machine_vm(g->machine)) == VM_RUNNING;
}

static bool
wait_answer(BenchGuest *g, BenchAnswer wanted, GError **error)
{
    BenchAnswer answer =
        bench_read_answer(g->fd, &g->protocol, TIMEOUT_S, is_running, g);

    if (answer == wanted)
        return true;
    if (bench_interrupted(error))
        return false;
    if (answer == BENCH_FAILED)
        return guest_error(g, error, g->protocol.text);
    if (answer != BENCH_MORE)
        return guest_error(g, error, "it was reset");
    return guest_error(g, error,
                       is_running(g) ? "no answer in a minute"
                                     : "its machine ended");
}

static bool
connect_serial(BenchGuest *g, int serial_fd, GError **error)
{
    int ends[2] = {-1, serial_fd};

    if (serial_fd < 0 &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return sys_error(error, errno, "serial port of the bench's guest");
    g->fd = ends[0];
    char_attach_fd(machine_serial(g->machine, 0), ends[1], false);
    return true;
}

BenchGuest *
bench_guest_launch(const Profile *profile, const char *dir, int serial_fd,
                   GError **error)
{
    static const VmEvents events = {NULL, NULL, NULL};
    g_autofree char *run = g_build_filename(dir, "machine", NULL);
    const MachineOptions options = {.name = "bench", .runtime_dir = run};
    g_autoptr(BenchGuest) g = g_new0(BenchGuest, 1);
    CARREL_AUTO_FD int serial = serial_fd;

    g->fd = -1;
    if (!paths_make_private(run, error))
        return NULL;
    g->machine = machine_new(profile, &options, &events, NULL, error);
    if (g->machine == NULL ||
        !connect_serial(g, sys_steal_fd(&serial), error) ||
        !vm_start(machine_vm(g->machine), false, error))
        return NULL;
    return g_steal_pointer(&g);
}

BenchGuest *
bench_guest_start(const Profile *profile, const char *dir, GError **error)
{
    g_autoptr(BenchGuest) g = bench_guest_launch(profile, dir, -1, error);

    if (g == NULL || !wait_answer(g, BENCH_READY, error))
        return NULL;
    return g_steal_pointer(&g);
}

bool
bench_guest_run(BenchGuest *g, const char *command, gint64 *ret_ns,
                GError **error)
{
    g_autofree char *line = g_strconcat(command, "\n", NULL);

    bench_protocol_begin(&g->protocol);
    g_usleep(SILENCE_US);
    if (!sys_write_all(g->fd, line, strlen(line)))
        return guest_error(g, error, "its serial port is gone");
    if (!wait_answer(g, BENCH_OK, error)) {
        g_prefix_error(error, "%s: ", command);
        return false;
    }
    *ret_ns = MAX(g->protocol.end_ns - g->protocol.begin_ns, 1);
    return true;
}

void
bench_guest_free(BenchGuest *g)
{
    if (g == NULL)
        return;
    machine_free(g->machine);
    sys_close(&g->fd);
    g_free(g);
}
