/* tests/unit/test-sandbox.c - what a locked-in process can no longer do, tried
 * in a child of its own for each case, and what it still can. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/sandbox/sandbox-internal.h"
#include "tests/unit/cu-main.h"

typedef struct {
    int status; /* of waitpid() */
    char said[512];
} Outcome;

/* Runs fn in a child that has locked itself in; its result is the exit status.
 * 77: there is no sandbox here. */
static Outcome
inside(SandboxClass kind, int (*fn)(void))
{
    Outcome o = {.status = -1};
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0, 0};
        (void) setrlimit(RLIMIT_CORE, &none);
        (void) dup2(ends[1], STDERR_FILENO);
        if (!sandbox_enter(kind, NULL))
            _exit(77);
        _exit(fn());
    }
    (void) close(ends[1]);
    gsize at = 0;
    for (gssize n;
         at < sizeof o.said - 1 &&
         (n = read(ends[0], o.said + at, sizeof o.said - 1 - at)) > 0;)
        at += (gsize) n;
    (void) close(ends[0]);
    CU_ASSERT_EQUAL(waitpid(pid, &o.status, 0), pid);
    return o;
}

static bool
is_skipped(const Outcome *o)
{
    if (!WIFEXITED(o->status) || WEXITSTATUS(o->status) != 77)
        return false;
    cu_skip("this build or kernel has no filters of system calls");
    return true;
}

/* The child was ended, and said for which call. */
static void
is_deadly(SandboxClass kind, int (*fn)(void), const char *name)
{
    Outcome o = inside(kind, fn);
    g_autofree char *expected = g_strdup_printf("'%s' is not for us", name);

    if (is_skipped(&o))
        return;
    CU_ASSERT_TRUE(WIFSIGNALED(o.status));
    CU_ASSERT_EQUAL(WTERMSIG(o.status), SIGSYS);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.said, expected));
}

/* The call failed with EPERM; said: and it was written down. */
static void
is_refused(SandboxClass kind, int (*fn)(void), const char *said)
{
    Outcome o = inside(kind, fn);

    if (is_skipped(&o))
        return;
    CU_ASSERT_TRUE(WIFEXITED(o.status));
    CU_ASSERT_EQUAL(WEXITSTATUS(o.status), EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.said, said));
}

static void
is_allowed(SandboxClass kind, int (*fn)(void))
{
    Outcome o = inside(kind, fn);

    if (is_skipped(&o))
        return;
    CU_ASSERT_TRUE(WIFEXITED(o.status));
    CU_ASSERT_EQUAL(WEXITSTATUS(o.status), 0);
    CU_ASSERT_STRING_EQUAL(o.said, "");
}

static int
try_exec(void)
{
    return execl("/bin/true", "true", NULL);
}

static int
try_exec_at(void)
{
    static char *none[] = {NULL};
    return (int) syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0);
}

static int
try_ptrace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0;
}

static int
try_read_parent(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&byte, 1};
    return (int) process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static int
try_mount(void)
{
    return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int
try_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}

static int
try_module(void)
{
    return (int) syscall(SYS_init_module, NULL, 0, "");
}

static int
try_bpf(void)
{
    return (int) syscall(SYS_bpf, 0, NULL, 0);
}

static int
try_setuid(void)
{
    return setuid(0);
}

static void
test_exec(void)
{
    is_deadly(SANDBOX_MACHINE, try_exec, "execve");
    is_deadly(SANDBOX_MACHINE, try_exec_at, "execveat");
    is_deadly(SANDBOX_NET_USER, try_exec, "execve");
    is_deadly(SANDBOX_NET_SWITCH, try_exec, "execve");
    is_deadly(SANDBOX_LOOK, try_exec, "execve");
}

static void
test_others(void)
{
    is_deadly(SANDBOX_MACHINE, try_ptrace, "ptrace");
    is_deadly(SANDBOX_MACHINE, try_read_parent, "process_vm_readv");
    is_deadly(SANDBOX_NET_USER, try_ptrace, "ptrace");
}

static void
test_system(void)
{
    is_deadly(SANDBOX_MACHINE, try_mount, "mount");
    is_deadly(SANDBOX_MACHINE, try_unshare, "unshare");
    is_deadly(SANDBOX_MACHINE, try_module, "init_module");
    is_deadly(SANDBOX_MACHINE, try_bpf, "bpf");
    is_deadly(SANDBOX_MACHINE, try_setuid, "setuid");
}

static int
try_fork(void)
{
    return fork() < 0 ? errno : 0;
}

static int
try_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int
try_raw(void)
{
    return socket(AF_INET, SOCK_RAW, 1) < 0 ? errno : 0;
}

static int
try_packet(void)
{
    return socket(AF_PACKET, SOCK_DGRAM, 0) < 0 ? errno : 0;
}

static int
try_kill_parent(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int
try_create(void)
{
    return open("/tmp/carrel-sandbox-test", O_CREAT | O_WRONLY, 0600) < 0
               ? errno
               : 0;
}

static int
try_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static int
try_both(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? errno
               : 0;
}

static int
try_unknown(void)
{
    return syscall(9999) < 0 ? errno : 0;
}

static void
test_processes(void)
{
    is_refused(SANDBOX_MACHINE, try_fork, "'clone' is refused");
    is_refused(SANDBOX_NET_USER, try_fork, "'clone' is refused");
    is_refused(SANDBOX_MACHINE, try_kill_parent, "'kill' is refused");
}

static void
test_sockets(void)
{
    is_refused(SANDBOX_MACHINE, try_inet, "'socket' is refused");
    is_refused(SANDBOX_NET_SWITCH, try_inet, "'socket' is refused");
    is_refused(SANDBOX_NET_USER, try_raw, "'socket' is refused");
    is_refused(SANDBOX_NET_USER, try_packet, "'socket' is refused");
}

static void
test_files(void)
{
    is_refused(SANDBOX_NET_USER, try_create, "'openat' is refused");
    is_refused(SANDBOX_LOOK, try_create, "'openat' is refused");
}

static void
test_code(void)
{
    is_refused(SANDBOX_MACHINE, try_code, "'mprotect' is refused");
    is_refused(SANDBOX_MACHINE, try_both, "'mmap' is refused");
}

static void
test_unknown(void)
{
    is_refused(SANDBOX_MACHINE, try_unknown, "'9999' is refused");
}

static gpointer
return_it(gpointer data)
{
    return data;
}

/* The C library's malloc() asks for the number of processors. */
static int
try_open_quietly(void)
{
    return open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC) < 0;
}

static int
use_threads(void)
{
    int word = 0;
    GThread *thread = g_thread_new("inside", return_it, &word);
    return g_thread_join(thread) == &word ? 0 : 1;
}

static int
use_files(void)
{
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    char byte;
    return fd >= 0 && pread(fd, &byte, 1, 0) == 1 && close(fd) == 0 ? 0 : 1;
}

static int
use_abort(void)
{
    (void) signal(SIGABRT, SIG_DFL);
    return raise(0);
}

static int
use_inet(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && (six >= 0 || errno == EAFNOSUPPORT) ? 0 : 1;
}

static int
use_switch_socket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) < 0;
}

static int
use_hostname_lookup(void)
{
    return fopen("/etc/resolv.conf", "re") == NULL && errno != ENOENT;
}

static void
test_machine_works(void)
{
    is_allowed(SANDBOX_MACHINE, use_threads);
    is_allowed(SANDBOX_MACHINE, use_files);
    is_allowed(SANDBOX_MACHINE, use_abort);
    is_allowed(SANDBOX_MACHINE, use_switch_socket);
}

static void
test_networks_work(void)
{
    is_allowed(SANDBOX_NET_USER, use_inet);
    is_allowed(SANDBOX_NET_USER, use_hostname_lookup);
    is_allowed(SANDBOX_NET_SWITCH, use_switch_socket);
    is_allowed(SANDBOX_NET_SWITCH, try_open_quietly);
}

/* Threads that ran before are bound as well. */
static gpointer
inet_in_thread(gpointer data)
{
    int *ready = data;

    while (__atomic_load_n(ready, __ATOMIC_ACQUIRE) == 0)
        g_thread_yield();
    return GINT_TO_POINTER(try_inet());
}

static void
test_other_threads(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int ready = 0;
        (void) close(STDERR_FILENO);
        GThread *thread = g_thread_new("before", inet_in_thread, &ready);
        if (!sandbox_enter(SANDBOX_MACHINE, NULL))
            _exit(77);
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
        _exit(GPOINTER_TO_INT(g_thread_join(thread)));
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) != 77)
        CU_ASSERT_EQUAL(WEXITSTATUS(status), EPERM);
}

static int
be_strict(void)
{
    return try_inet();
}

static void
test_strict(void)
{
    g_setenv("CARREL_SANDBOX", "strict", TRUE);
    is_deadly(SANDBOX_MACHINE, be_strict, "socket");
    g_unsetenv("CARREL_SANDBOX");
}

/* ---- paths ---- */

static int
look_around(const char *dir)
{
    g_autofree char *inside_dir = g_build_filename(dir, "yes", "new", NULL);
    g_autofree char *read_only = g_build_filename(dir, "read", NULL);
    g_autofree char *outside = g_build_filename(dir, "no", NULL);
    const SandboxPath paths[] = {
        {g_build_filename(dir, "yes", NULL),
         SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE},
        {read_only, SANDBOX_READ},
        {"/nowhere/at/all", SANDBOX_READ},
    };

    if (!sandbox_restrict_paths(paths, G_N_ELEMENTS(paths), NULL))
        return 77;
    if (open(inside_dir, O_CREAT | O_RDWR | O_CLOEXEC, 0600) < 0)
        return 1;
    if (open(read_only, O_RDONLY | O_CLOEXEC) < 0)
        return 2;
    if (open(read_only, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        return 3;
    if (open(outside, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
        return 4;
    if (unlink(outside) == 0 || errno != EACCES)
        return 5;
    (void) execl("/bin/true", "true", NULL);
    return errno == EACCES ? 0 : 6;
}

static void
test_paths(void)
{
    g_autofree char *dir = g_dir_make_tmp("carrel-sandbox-XXXXXX", NULL);
    g_autofree char *yes = g_build_filename(dir, "yes", NULL);
    g_autofree char *made = g_build_filename(yes, "new", NULL);
    g_autofree char *no = g_build_filename(dir, "no", NULL);
    g_autofree char *read_only = g_build_filename(dir, "read", NULL);
    int status = 0;

    CU_ASSERT_EQUAL(g_mkdir(yes, 0700), 0);
    CU_ASSERT_TRUE(g_file_set_contents(no, "n", 1, NULL));
    CU_ASSERT_TRUE(g_file_set_contents(read_only, "r", 1, NULL));
    pid_t pid = fork();
    if (pid == 0)
        _exit(look_around(dir));
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        cu_skip("this kernel has no Landlock");
    else
        CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    (void) g_remove(made);
    (void) g_rmdir(yes);
    (void) g_remove(no);
    (void) g_remove(read_only);
    (void) g_rmdir(dir);
}

/* ---- the tables ---- */

static void
test_names(void)
{
    CU_ASSERT_TRUE(sandbox_n_syscalls > 300);
    CU_ASSERT_STRING_EQUAL(sandbox_syscalls[SYS_read], "read");
    CU_ASSERT_STRING_EQUAL(sandbox_syscalls[SYS_execve], "execve");
    CU_ASSERT_STRING_EQUAL(sandbox_syscalls[SYS_io_uring_setup],
                           "io_uring_setup");
}

static void
test_tables_agree(void)
{
    unsigned both = 0;

    for (unsigned i = 0; i < sandbox_n_rules; i++) {
        g_auto(GStrv) names = g_strsplit(sandbox_rules[i].names, " ", -1);
        for (unsigned d = 0; d < sandbox_n_deadly; d++)
            both +=
                g_strv_contains((const char *const *) names, sandbox_deadly[d]);
        CU_ASSERT_TRUE(strlen(sandbox_rules[i].why) > 0);
    }
    CU_ASSERT_EQUAL(both, 0);
}

static void
test_memory(void)
{
    int status = 0;

    if (SANDBOX_SANITIZED) {
        cu_skip("a sanitizer has its own memory");
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        sandbox_limit_memory(64 << 20);
        void *small = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        void *large = mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        _exit(small != MAP_FAILED && large == MAP_FAILED ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

CU_MAIN("sandbox", {"another_program_ends_the_process", test_exec},
        {"other_processes_memory_ends_the_process", test_others},
        {"the_system_itself_ends_the_process", test_system},
        {"processes_are_refused_and_logged", test_processes},
        {"sockets_of_other_kinds_are_refused", test_sockets},
        {"new_files_are_refused_to_networks", test_files},
        {"memory_does_not_become_code", test_code},
        {"unknown_calls_are_refused_by_number", test_unknown},
        {"a_machine_can_do_its_work", test_machine_works},
        {"networks_can_do_their_work", test_networks_work},
        {"threads_that_run_already_are_bound", test_other_threads},
        {"strict_ends_at_any_refusal", test_strict},
        {"paths_outside_are_refused", test_paths},
        {"system_calls_have_their_names", test_names},
        {"tables_do_not_contradict_each_other", test_tables_agree},
        {"memory_has_a_limit", test_memory})
