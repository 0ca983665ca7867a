/* tests/bench/net-jobs.c - see net-jobs.h. A client begins with one letter: what
 * the server is to do. */
#include "tests/bench/net-jobs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE   65536
#define TRIES   40
#define WAIT_US 250000

enum { ECHO = 'e', SWALLOW = 's', POUR = 'p' };

static char piece[PIECE];

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
no_delay(int fd)
{
    int one = 1;

    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* ---- server ---- */

static void
serve(int fd)
{
    char what = 0;
    ssize_t n;

    no_delay(fd);
    if (read(fd, &what, 1) != 1)
        return;
    switch (what) {
    case ECHO:
        while ((n = read(fd, piece, 64)) > 0)
            if (send(fd, piece, (size_t) n, MSG_NOSIGNAL) != n)
                return;
        break;
    case SWALLOW:
        while (read(fd, piece, sizeof piece) > 0)
            ;
        break;
    case POUR:
        while (send(fd, piece, sizeof piece, MSG_NOSIGNAL) > 0)
            ;
        break;
    default: break;
    }
}

int
net_jobs_serve(unsigned short port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    (void) signal(SIGCHLD, SIG_IGN);
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *) &any, sizeof any) != 0 ||
        listen(fd, 8) != 0) {
        fprintf(stderr, "net-jobs: port %u: %s\n", port, strerror(errno));
        return 1;
    }
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client >= 0 && fork() == 0) {
            serve(client);
            _exit(0);
        }
        close(client);
    }
}

/* ---- client ---- */

static int
begin(const struct sockaddr_in *server, char what)
{
    for (int i = 0; i < TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *) server, sizeof *server) ==
                0 &&
            write(fd, &what, 1) == 1) {
            no_delay(fd);
            return fd;
        }
        close(fd);
        usleep(WAIT_US);
    }
    printf("net: no connection: %s\n", strerror(errno));
    return -1;
}

static void
round_trips(int fd, double seconds)
{
    double start = now(), took = 0;
    unsigned long n = 0;

    while (took < seconds && write(fd, "x", 1) == 1 &&
           read(fd, piece, 1) == 1) {
        n++;
        took = now() - start;
    }
    printf("net round-trip %.1f\n", took / (double) n * 1e6);
}

/* Until the other side has seen the end, so that nothing on the way counts. */
static void
send_all(int fd, double seconds)
{
    double start = now(), bytes = 0;
    ssize_t n;

    while (now() - start < seconds && (n = write(fd, piece, sizeof piece)) > 0)
        bytes += (double) n;
    shutdown(fd, SHUT_WR);
    (void) !read(fd, piece, 1);
    printf("net sent %.2f\n", bytes / 1e6 / (now() - start));
}

static void
receive_all(int fd, double seconds)
{
    double start = now(), bytes = 0;
    ssize_t n;

    while (now() - start < seconds && (n = read(fd, piece, sizeof piece)) > 0)
        bytes += (double) n;
    printf("net received %.2f\n", bytes / 1e6 / (now() - start));
}

int
net_jobs_run(const char *address, unsigned short port, double seconds)
{
    static const struct {
        char what;
        void (*run)(int fd, double seconds);
    } jobs[] = {{ECHO, round_trips}, {SWALLOW, send_all}, {POUR, receive_all}};
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(port)};

    (void) signal(SIGPIPE, SIG_IGN);
    if (inet_pton(AF_INET, address, &server.sin_addr) != 1)
        return 1;
    for (unsigned i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        int fd = begin(&server, jobs[i].what);
        if (fd < 0)
            return 1;
        jobs[i].run(fd, seconds);
        fflush(stdout);
        close(fd);
    }
    return 0;
}
