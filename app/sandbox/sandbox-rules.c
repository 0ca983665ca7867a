/* app/sandbox/sandbox-rules.c - which system calls a role makes, and why.
 *
 * What is missing here fails with EPERM and is logged, so a library that learns
 * something new does not end a machine. Names that this architecture or
 * libseccomp does not know are passed over. */
#include "app/sandbox/sandbox-internal.h"

#include <errno.h>

#define M   SANDBOX_BIT(SANDBOX_MACHINE)
#define U   SANDBOX_BIT(SANDBOX_NET_USER)
#define S   SANDBOX_BIT(SANDBOX_NET_SWITCH)
#define L   SANDBOX_BIT(SANDBOX_LOOK)
#define ALL (M | U | S)

/* clang-format off */
const SandboxRule sandbox_rules[] = {
    { ALL, SANDBOX_ANY, 0, "read write readv writev close lseek fcntl ioctl dup dup2 dup3 fstat newfstatat statx",
      "descriptors that are open" },
    { ALL, SANDBOX_ANY, 0, "poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 pipe2 timerfd_create timerfd_settime timerfd_gettime",
      "loops wait" },
    { ALL, SANDBOX_ANY, 0, "accept4 accept sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown getsockopt setsockopt getsockname getpeername socketpair",
      "sockets that are open" },
    { ALL, SANDBOX_ANY, 0, "futex sched_yield nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time getcpu membarrier",
      "locks and time" },
    { ALL, SANDBOX_ANY, 0, "getpid gettid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getrandom uname sysinfo times getrusage prlimit64 getrlimit",
      "who and where we are" },
    { ALL, SANDBOX_ANY, 0, "exit exit_group rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack restart_syscall set_robust_list set_tid_address rseq prctl arch_prctl",
      "signals, and the end" },
    { ALL, SANDBOX_OWN, 0, "tgkill kill",
      "raise(), and the kick that brings a processor out of the guest" },
    { ALL, SANDBOX_ANY, 0, "munmap mremap madvise brk mincore",
      "memory" },
    { ALL, SANDBOX_NOT_EXEC, 0, "mmap mprotect",
      "memory that is data" },
    { ALL, SANDBOX_NOT_WRITE, 0, "mmap",
      "libraries that are loaded late: character sets, TLS" },

    { M | S, SANDBOX_ANY, 0, "unlink unlinkat umask",
      "sockets and files of our own go with us" },
    { M | S, SANDBOX_AF_UNIX, 0, "socket",
      "switches, serial ports; also what interfaces are asked through" },
    { M, SANDBOX_NETLINK_ROUTE, 0, "socket",
      "taps and macvtaps that are plugged in" },
    { M | U, SANDBOX_ANY, 0, "connect bind listen",
      "switches that are found again; the world, for a user network" },

    { M, SANDBOX_ANY, 0, "open openat access faccessat faccessat2 stat lstat readlink readlinkat getdents64 statfs fstatfs getcwd",
      "images that are plugged in or changed, logs, captures" },
    { M, SANDBOX_ANY, 0, "rename renameat renameat2 mkdir mkdirat rmdir symlink symlinkat chmod fchmod fchmodat link linkat truncate ftruncate utimensat",
      "files of the machine's own folders" },
    { M, SANDBOX_ANY, 0, "pread64 pwrite64 preadv pwritev preadv2 pwritev2 fsync fdatasync fallocate sync_file_range fadvise64 flock copy_file_range sendfile",
      "images" },
    { M, SANDBOX_ANY, 0, "io_uring_enter io_uring_register",
      "images; rings are bound to reads, writes and syncs when they are made" },
    { M, SANDBOX_ANY, EPERM, "io_uring_setup",
      "a new ring could open and connect past this table: images that come later use threads" },
    { M, SANDBOX_ANY, 0, "memfd_create mlock mlock2 munlock mlockall msync process_mrelease",
      "guest memory, the screen, snapshots" },
    { M, SANDBOX_THREAD, 0, "clone",
      "threads for viewers, images and processors" },
    { M, SANDBOX_ANY, ENOSYS, "clone3",
      "its flags are in memory, out of our sight: the C library then uses clone" },
    { M, SANDBOX_ANY, 0, "sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getscheduler sched_getparam sched_setscheduler sched_get_priority_max sched_get_priority_min getpriority setpriority",
      "what threads inherit" },
    { M, SANDBOX_ANY, 0, "semop semtimedop shmdt",
      "ALSA's dmix, by which programs share a card: it locks as it closes" },
    { M, SANDBOX_ANY, EPERM, "semctl shmctl semget shmget shmat",
      "who is the last would remove what dmix made: the next program takes it over" },
    { M, SANDBOX_ANY, 0, "timer_create timer_settime timer_delete",
      "slices of processors that are slowed down" },
    { M, SANDBOX_ANY, 0, "setrlimit setsid",
      "limits" },
    { M, SANDBOX_ANY, 0, "inotify_init1 inotify_add_watch inotify_rm_watch",
      "the time zone and settings, as GLib sees to them" },

    { U, SANDBOX_READ_ONLY, 0, "open openat",
      "/etc/resolv.conf, which changes as the host moves about; the number of processors, for malloc()" },
    { S, SANDBOX_ANY, 0, "open openat flock",
      "the lock, while the switch ends" },
    { U, SANDBOX_ANY, 0, "access stat lstat readlink",
      "the same" },
    { U, SANDBOX_INET_STREAM,  0, "socket", "TCP of the guest" },
    { U, SANDBOX_INET_DGRAM,   0, "socket", "UDP and ping of the guest" },
    { U, SANDBOX_INET6_STREAM, 0, "socket", "TCP of the guest" },
    { U, SANDBOX_INET6_DGRAM,  0, "socket", "UDP and ping of the guest" },
    { U, SANDBOX_AF_UNIX, EPERM, "socket",
      "the C library asks for a name service cache: there is none for us" },
    { U | S, SANDBOX_ANY, ENOSYS, "clone3", "as above" },

    { L, SANDBOX_ANY, 0, "read readv pread64 preadv preadv2 lseek close",
      "the image, which is open" },
    { L, SANDBOX_ANY, 0, "munmap mremap madvise brk futex sched_yield clock_gettime gettimeofday getrandom",
      "memory, locks and time" },
    { L, SANDBOX_NOT_EXEC, 0, "mmap mprotect",
      "memory that is data" },
    { L, SANDBOX_ANY, 0, "exit exit_group rt_sigreturn rt_sigprocmask getpid gettid",
      "the end" },
    { L, SANDBOX_OWN, 0, "tgkill kill", "raise()" },
    { L, SANDBOX_STDERR, 0, "write", "what was refused" },
};
const unsigned sandbox_n_rules = G_N_ELEMENTS(sandbox_rules);

const char *const sandbox_deadly[] = {
    /* another program */
    "execve", "execveat",
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
    "pidfd_getfd", "kcmp", "migrate_pages", "move_pages",
    /* what is mounted where, and worlds of one's own */
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "setns",
    "unshare", "swapon", "swapoff", "quotactl", "quotactl_fd", "acct",
    /* the kernel */
    "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "reboot", "bpf", "perf_event_open", "userfaultfd",
    "syslog", "iopl", "ioperm", "modify_ldt", "lookup_dcookie",
    /* keys, handles, clocks, names, users */
    "keyctl", "add_key", "request_key", "open_by_handle_at",
    "name_to_handle_at", "settimeofday", "clock_settime", "adjtimex",
    "clock_adjtime", "sethostname", "setdomainname", "setuid", "setgid",
    "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    "setgroups", "capset", "vhangup",
};
/* clang-format on */
const unsigned sandbox_n_deadly = G_N_ELEMENTS(sandbox_deadly);
