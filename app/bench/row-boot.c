/* app/bench/row-boot.c - how long a machine takes to come to life: from before
 * the start of its process to bytes that the guest sends. The process is a new
 * one each time, as for `carrel start`, which adds the verb's own work. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/bench/bench.h"
#include "vmm/boot/firmware.h"
#include "vmm/core/sysutil.h"

#define TIMEOUT_S 60
#define CHILD_FD  3 /* serial port in the child */

extern char **environ;

/* clang-format off */
static const struct Start {
    const char *device, *name; /* name: for the child */
    bool has_first; /* its first instruction is ours */
    bool bios;
} starts[] = {
    { "pc-i440fx",         "rom",    true,  false },
    { "pc-virtio",         "kernel", true,  false },
    { "pc-i440fx SeaBIOS", "bios",   false, true },
};
/* clang-format on */

/* Sends "Yready\n" over COM1 and stops: what the bench's guest says. */
static const guint8 boot_sector[] = {0x31, 0xc0,       /* xor ax, ax */
                                     0x8e, 0xd8,       /* mov ds, ax */
                                     0xbe, 0x16, 0x7c, /* mov si, text */
                                     0xba, 0xf8, 0x03, /* mov dx, 3f8h */
                                     0xac,             /* next: lodsb */
                                     0x84, 0xc0,       /* test al, al */
                                     0x74, 0x03,       /* jz stop */
                                     0xee,             /* out dx, al */
                                     0xeb, 0xf8,       /* jmp next */
                                     0xfa, 0xf4,       /* stop: cli; hlt */
                                     0xeb, 0xfd,       /* jmp to the hlt */
                                     'Y',  'r',  'e',  'a', 'd', 'y', '\n', 0};

static bool
write_boot_disk(const char *path, GError **error)
{
    static guint8 disk[1 << 20];

    memcpy(disk, boot_sector, sizeof boot_sector);
    disk[510] = 0x55;
    disk[511] = 0xaa;
    return g_file_set_contents(path, (const char *) disk, sizeof disk, error);
}

static Profile *
bios_profile(const char *dir, GError **error)
{
    g_autofree char *disk = g_build_filename(dir, "boot.raw", NULL);
    g_autoptr(Profile) profile = bench_guest_profile(BENCH_ROM, error);

    if (profile == NULL ||
        !profile_set(profile, "machine.firmware", NULL, error) ||
        !profile_set(profile, "disk0.path", disk, error))
        return NULL;
    return g_steal_pointer(&profile);
}

/* carrel __bench-boot NAME DIR, with a socket as descriptor 3. */
int
bench_boot_child(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc != 3)
        return EXIT_USAGE;
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing of ours outlives it */
    g_autoptr(Profile) profile =
        strcmp(argv[1], "bios") == 0
            ? bios_profile(argv[2], &error)
            : bench_guest_profile(strcmp(argv[1], "rom") == 0 ? BENCH_ROM
                                                              : BENCH_KERNEL,
                                  &error);
    BenchGuest *guest = profile == NULL ? NULL
                                        : bench_guest_launch(profile, argv[2],
                                                             CHILD_FD, &error);
    if (guest == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return EXIT_FAILED;
    }
    for (;;)
        pause(); /* until we are killed */
}

static pid_t
spawn(const char *name, const char *dir, int fd, GError **error)
{
    char *argv[] = {(char *) "carrel", (char *) "__bench-boot", (char *) name,
                    (char *) dir, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    /* the copy stays open at exec, also where it has the number already */
    posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
    int ret =
        posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (ret == 0)
        return pid;
    sys_error(error, ret, "starting a process");
    return -1;
}

/* Milliseconds to the first instruction (0: not seen) and to the guest. */
static bool
start_once(Bench *bench, const struct Start *start, double *ret_first,
           double *ret_guest, GError **error)
{
    CARREL_AUTO_FD int ours = -1;
    CARREL_AUTO_FD int theirs = -1;
    BenchProtocol p = {0};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return sys_error(error, errno, "a socket");
    ours = ends[0];
    theirs = ends[1];
    gint64 begin = bench_now_ns();
    pid_t pid = spawn(start->name, bench->dir, theirs, error);
    if (pid < 0)
        return false;
    sys_close(&theirs);
    BenchAnswer answer = bench_read_answer(ours, &p, TIMEOUT_S, NULL, NULL);
    (void) kill(pid, SIGKILL);
    (void) SYS_RETRY(waitpid(pid, NULL, 0));
    if (bench_interrupted(error))
        return false;
    if (answer != BENCH_READY) {
        g_set_error(error, CARREL_BENCH_ERROR, CARREL_BENCH_ERROR_GUEST,
                    "%s: the guest did not start", start->device);
        return false;
    }
    gint64 first = p.first_ns != 0 ? p.first_ns : p.entry_ns;
    *ret_first = (double) (first - begin) / 1e6;
    *ret_guest = (double) (p.ready_ns - begin) / 1e6;
    return true;
}

static void
add(Bench *bench, const struct Start *start, double *first, double *guest)
{
    BenchMeasure m = {.device = start->device,
                      .metric = "first-instruction",
                      .label = "first instruction",
                      .unit = "ms"};

    if (start->has_first)
        bench_add(bench, &m, first, bench->reps);
    m.metric = "guest";
    m.label = "guest's own program";
    bench_add(bench, &m, guest, bench->reps);
}

bool
bench_row_boot(Bench *bench, GError **error)
{
    enum { N = G_N_ELEMENTS(starts) };
    g_autofree char *disk = g_build_filename(bench->dir, "boot.raw", NULL);
    g_autofree char *bios = firmware_find("bios-256k.bin");
    g_autofree double *first = g_new0(double, N * bench->reps);
    g_autofree double *guest = g_new0(double, N * bench->reps);
    double ignored;

    if (!write_boot_disk(disk, error))
        return false;
    /* the first start of each reads files that later ones find in memory */
    for (int rep = -1; rep < (int) bench->reps; rep++) {
        for (unsigned i = 0; i < N; i++) {
            unsigned at = i * bench->reps + (unsigned) MAX(rep, 0);
            if (starts[i].bios && bios == NULL)
                continue;
            bench_step(bench, starts[i].device, "start");
            if (!start_once(bench, &starts[i], rep < 0 ? &ignored : &first[at],
                            rep < 0 ? &ignored : &guest[at], error))
                return false;
        }
    }
    for (unsigned i = 0; i < N; i++)
        if (!starts[i].bios || bios != NULL)
            add(bench, &starts[i], &first[i * bench->reps],
                &guest[i * bench->reps]);
    return true;
}
