/* tests/bench/net-user.c - how fast the user network is: the guest in
 * miniature of the unit tests behind the real role process, against a TCP
 * server on this host's loopback. No virtual machine, so these are upper
 * bounds of what a guest can reach. Usage: net-user [MEGABYTES]. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/unit/net-guest.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"
#include "vmm/net/user-protocol.h"

#define GATEWAY 0x0a000202u
#define ROUNDS  2000

static const char *const role_argv[] = {"/proc/self/exe", "net-user", "__net",
                                        NULL};

typedef enum { SINK, SOURCE, ECHO } Mode;

typedef struct {
    int listen_fd;
    guint16 port;
    Mode mode;
    gsize len;
} Server;

static gpointer
serve(gpointer data)
{
    Server *s = data;
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    g_autofree char *buffer = g_malloc0(1 << 16);
    gssize n;

    for (gsize left = s->len; s->mode == SOURCE && left > 0;) {
        gsize chunk = MIN(left, 1 << 16);
        if (!sys_write_all(fd, buffer, chunk))
            break;
        left -= chunk;
    }
    if (s->mode == SOURCE)
        (void) shutdown(fd, SHUT_WR);
    while ((n = read(fd, buffer, 1 << 16)) > 0)
        if (s->mode == ECHO && !sys_write_all(fd, buffer, (gsize) n))
            break;
    (void) close(fd);
    return NULL;
}

static GThread *
start(Server *s, Mode mode, gsize len)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;

    *s = (Server){.mode = mode, .len = len};
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listen_fd, (struct sockaddr *) &a, sizeof a) < 0 ||
        listen(s->listen_fd, 1) < 0 ||
        getsockname(s->listen_fd, (struct sockaddr *) &a, &size) < 0)
        g_error("no loopback here");
    s->port = ntohs(a.sin_port);
    return g_thread_new("server", serve, s);
}

static bool
has_echo(NetGuest *g)
{
    return g->received >= 1;
}

static void
measure(const char *name, unsigned offloads, Mode mode, gsize len)
{
    const NetSpec spec = {.kind = "user",
                          .name = "net0",
                          .role_argv = role_argv,
                          .host_access = true};
    g_autoptr(GError) error = NULL;
    Loop *loop = loop_new_manual();
    NetLink *link = net_open(&spec, loop, &error);
    Server server;

    if (link == NULL)
        g_error("%s", error->message);
    NetGuest *g = guest_new(loop, link, offloads);
    GThread *thread = start(&server, mode, len);
    g_clear_pointer(&g->received_sum, g_checksum_free); /* not what we time */
    g_autofree guint8 *data = g_malloc0(len);
    if (!guest_dhcp(g) || !guest_connect(g, GATEWAY, server.port))
        g_error("no connection");
    gint64 begun = g_get_monotonic_time();
    bool ok = true;
    if (mode == SINK)
        ok = guest_send(g, data, len, 120000);
    else if (mode == SOURCE)
        ok = guest_run(g, 120000, guest_has_fin) && g->received == len;
    for (unsigned i = 0; mode == ECHO && ok && i < ROUNDS; i++) {
        g->received = 0;
        guest_write(g, data, 1);
        ok = guest_run(g, 5000, has_echo);
    }
    double us = (double) (g_get_monotonic_time() - begun);
    if (mode == ECHO)
        printf("%-44s %8.1f us%s\n", name, us / ROUNDS, ok ? "" : " FAILED");
    else
        printf("%-44s %8.1f MB/s%s\n", name, (double) len / us,
               ok ? "" : " FAILED");
    if (mode != SINK)
        (void) guest_send(g, data, 0, 2000);
    guest_free(g);
    net_close(link);
    loop_free(loop);
    g_thread_join(thread);
    (void) close(server.listen_fd);
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "__net") == 0)
        return net_user_role_main(argc - 2, argv + 2, NULL);
    gsize len = (gsize) (argc > 1 ? atoi(argv[1]) : 200) << 20;
    if (len == 0)
        return 2;
    measure("guest to host, 1500-byte frames", 0, SINK, len / 4);
    measure("guest to host, TSO", NET_OFFLOAD_ALL, SINK, len);
    measure("host to guest, 1500-byte frames", 0, SOURCE, len / 4);
    measure("host to guest, TSO", NET_OFFLOAD_ALL, SOURCE, len);
    measure("round trip of one byte", NET_OFFLOAD_ALL, ECHO, 1);
    return 0;
}
