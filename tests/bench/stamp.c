/* tests/bench/stamp.c - starts a virtual machine and stamps what it sends over
 * its first serial port.
 *
 * usage: stamp [-t SECONDS] [-l LINK] [-u LETTER] [-k PIDFILE] -- COMMAND...
 *
 * The serial port is the command's standard input and output, or, with -l, the
 * terminal that the symbolic link LINK will name. Every letter prints a line
 *   LETTER MICROSECONDS CPU-MICROSECONDS
 * counted from just before fork(); the CPU time is that of the command's
 * process. Ends after LETTER (default Z) and kills the command; with -k the
 * command stays and its number is in PIDFILE. Status 1: time is over, or the
 * command ended before. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    double limit_s;
    const char *link, *pid_file;
    char last;
    char **command;
} Options;

static double
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

/* CPU time of all threads of a process; the scheduler counts nanoseconds. */
static double
cpu_us(pid_t pid)
{
    char path[64], text[64];
    double sum = 0;

    snprintf(path, sizeof path, "/proc/%d/task", (int) pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' || strlen(e->d_name) > 20)
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int) pid,
                 e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0)
            close(fd);
        if (n <= 0)
            continue;
        text[n] = '\0';
        sum += strtod(text, NULL) / 1e3;
    }
    if (dir != NULL)
        closedir(dir);
    return sum;
}

static void
usage(void)
{
    fprintf(stderr, "usage: stamp [-t SECONDS] [-l LINK] [-u LETTER] "
                    "[-k PIDFILE] -- COMMAND...\n");
    exit(2);
}

static Options
parse(int argc, char **argv)
{
    Options o = {.limit_s = 60, .last = 'Z'};
    int c;

    while ((c = getopt(argc, argv, "+t:l:u:k:")) > 0) {
        switch (c) {
        case 't': o.limit_s = strtod(optarg, NULL); break;
        case 'l': o.link = optarg; break;
        case 'u': o.last = optarg[0]; break;
        case 'k': o.pid_file = optarg; break;
        default: usage();
        }
    }
    o.command = argv + optind;
    if (optind >= argc)
        usage();
    return o;
}

static void
make_raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) != 0)
        return;
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
}

/* Watches the folder in which the link will appear. */
static int
watch_folder(const char *link)
{
    char folder[4096];
    int fd = inotify_init1(IN_CLOEXEC);

    snprintf(folder, sizeof folder, "%s", link);
    char *slash = strrchr(folder, '/');
    if (slash == NULL || fd < 0)
        usage();
    *slash = '\0';
    (void) unlink(link); /* of the run before */
    if (inotify_add_watch(fd, folder, IN_MOVED_TO | IN_CREATE) < 0) {
        perror(folder);
        exit(2);
    }
    return fd;
}

/* Waits until the link is there; -1 when the time is over. */
static int
open_link(const char *link, int watch, double deadline)
{
    char events[4096];

    while (now_us() < deadline) {
        int fd = open(link, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            make_raw(fd);
            return fd;
        }
        struct pollfd p = {watch, POLLIN, 0};
        if (poll(&p, 1, (int) ((deadline - now_us()) / 1000) + 1) > 0 &&
            read(watch, events, sizeof events) < 0)
            return -1;
    }
    return -1;
}

static pid_t
start(char **command, int tty)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    setsid();
    dup2(tty, STDIN_FILENO);
    dup2(tty, STDOUT_FILENO);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

/* Stamps letters until the last one; false: it did not come. */
static bool
stamp(int fd, const Options *o, pid_t pid, double t0, double deadline)
{
    char buf[4096];

    while (now_us() < deadline) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, (int) ((deadline - now_us()) / 1000) + 1) <= 0)
            continue;
        ssize_t n = read(fd, buf, sizeof buf);
        double t = now_us() - t0;
        if (n <= 0)
            return false; /* nobody is left at the other end */
        for (ssize_t i = 0; i < n; i++) {
            if ((buf[i] | 0x20) >= 'a' && (buf[i] | 0x20) <= 'z')
                printf("%c %.0f %.0f\n", buf[i], t, cpu_us(pid));
            if (buf[i] == o->last)
                return true;
        }
    }
    return false;
}

/* A letter is stamped when it is read, so nothing may come in between; without
 * the privilege the figures are only less sharp. The command gets none of it. */
static void
hurry(void)
{
    struct sched_param p = {.sched_priority = 1};

    (void) sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p);
}

static void
leave(const Options *o, pid_t pid)
{
    FILE *f = o->pid_file != NULL ? fopen(o->pid_file, "w") : NULL;

    if (f != NULL) {
        fprintf(f, "%d\n", (int) pid);
        fclose(f);
        return;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int
main(int argc, char **argv)
{
    Options o = parse(argc, argv);
    int master, slave, watch = o.link != NULL ? watch_folder(o.link) : -1;

    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        perror("openpty");
        return 2;
    }
    make_raw(slave);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    hurry();
    double t0 = now_us(), deadline = t0 + o.limit_s * 1e6;
    pid_t pid = start(o.command, slave);
    if (o.link == NULL)
        close(slave); /* the end of the command is then seen as an error */
    int fd = o.link != NULL ? open_link(o.link, watch, deadline) : master;
    bool ok = fd >= 0 && stamp(fd, &o, pid, t0, deadline);
    leave(&o, pid);
    return ok ? 0 : 1;
}
