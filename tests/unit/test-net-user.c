/* tests/unit/test-net-user.c - a guest in miniature behind the user network,
 * which is the real role process with the real libslirp. Everything happens
 * in a network namespace of its own with nothing but loopback. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "app/sandbox/sandbox-roles.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/net-guest.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"
#include "vmm/net/user-protocol.h"

#include <string.h>

#define GATEWAY  0x0a000202u
#define TRANSFER (4u << 20)

static const char *const role_argv[] = {"/proc/self/exe", "test-net-user",
                                        "__net", NULL};

/* ---- the host's side ---- */

typedef struct {
    int listen_fd;
    guint16 port;
    bool sends; /* else it receives */
    bool slow;  /* and sleeps between its reads */
    gsize len;
    guint8 seed;
    GThread *thread;
    char *sum; /* of what was received */
} Server;

static guint8 *
make_data(gsize len, guint8 seed)
{
    guint8 *data = g_malloc(len);

    for (gsize i = 0; i < len; i++)
        data[i] = (guint8) ((i * 31 + (i >> 9)) ^ seed);
    return data;
}

static void
receive_all(Server *s, int fd)
{
    g_autofree guint8 *buffer = g_malloc(65536);
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    gssize n;

    while ((n = SYS_RETRY(read(fd, buffer, 65536))) > 0) {
        g_checksum_update(sum, buffer, n);
        if (s->slow)
            g_usleep(2000);
    }
    s->sum = g_strdup(g_checksum_get_string(sum));
    g_checksum_free(sum);
}

static gpointer
serve(gpointer data)
{
    Server *s = data;
    CARREL_AUTO_FD int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && s->sends) {
        g_autofree guint8 *out = make_data(s->len, s->seed);
        (void) sys_write_all(fd, out, s->len);
        (void) shutdown(fd, SHUT_WR);
    }
    if (fd >= 0)
        receive_all(s, fd);
    return NULL;
}

static int
listen_on_loopback(guint16 *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *) &a, sizeof a), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *) &a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void
server_start(Server *s, bool sends, gsize len, guint8 seed)
{
    *s = (Server){.sends = sends, .len = len, .seed = seed};
    s->listen_fd = listen_on_loopback(&s->port);
    s->thread = g_thread_new("server", serve, s);
}

static void
server_end(Server *s)
{
    (void) shutdown(s->listen_fd, SHUT_RDWR);
    g_thread_join(s->thread);
    sys_close(&s->listen_fd);
    g_free(s->sum);
}

static char *
hash(const guint8 *data, gsize len)
{
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, len);
}

/* ---- set-up ---- */

typedef struct {
    Loop *loop;
    NetLink *link;
    NetGuest *g;
} Bench;

static bool
bench_open_spec(Bench *b, NetSpec spec, unsigned offloads)
{
    g_autoptr(GError) error = NULL;

    spec.kind = "user";
    spec.name = "net0";
    spec.role_argv = role_argv;
    *b = (Bench){.loop = loop_new_manual()};
    b->link = net_open(&spec, b->loop, &error);
    if (b->link == NULL) {
        loop_free(b->loop);
        if (g_error_matches(error, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING))
            cu_skip("built without libslirp");
        else
            CU_FAIL(error->message);
        return false;
    }
    b->g = guest_new(b->loop, b->link, offloads);
    return true;
}

static bool
bench_open(Bench *b, bool host_access, const char *const *forwards,
           unsigned offloads)
{
    return bench_open_spec(
        b, (NetSpec){.forwards = forwards, .host_access = host_access},
        offloads);
}

static void
bench_close(Bench *b)
{
    guest_free(b->g);
    net_close(b->link);
    loop_free(b->loop);
}

/* ---- cases ---- */

static void
test_guest_gets_a_lease(void)
{
    Bench b;

    if (!bench_open(&b, false, NULL, NET_OFFLOAD_ALL))
        return;
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_EQUAL(b.g->ip, 0x0a00020f);
    CU_ASSERT_EQUAL(b.g->router, GATEWAY);
    CU_ASSERT_EQUAL(b.g->dns, 0x0a000203);
    /* the large packets inside are no MTU for the guest */
    CU_ASSERT_FALSE(b.g->dhcp_has_mtu);
    CU_ASSERT_EQUAL(b.g->bad_checksums, 0);
    bench_close(&b);
}

static void
transfer_out(unsigned offloads)
{
    Bench b;
    Server server;

    if (!bench_open(&b, true, NULL, offloads))
        return;
    g_autofree guint8 *data = make_data(TRANSFER, 1);
    g_autofree char *sum = hash(data, TRANSFER);
    server_start(&server, false, 0, 0);
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_TRUE(guest_connect(b.g, GATEWAY, server.port));
    CU_ASSERT_TRUE(guest_send(b.g, data, TRANSFER, 30000));
    g_thread_join(server.thread);
    CU_ASSERT_STRING_EQUAL(server.sum != NULL ? server.sum : "", sum);
    server.thread = g_thread_new("none", serve, &server);
    g_clear_pointer(&server.sum, g_free);
    server_end(&server);
    bench_close(&b);
}

static void
test_guest_sends_by_plain_frames(void)
{
    transfer_out(0);
}

static void
test_guest_sends_by_tso(void)
{
    transfer_out(NET_OFFLOAD_ALL);
}

/* Without the role's questions the guest has to ask, after a third of a second,
 * some seventy times. A few are due: when the socket of the host takes nothing
 * for that long. */
static void
slow_reader(unsigned offloads)
{
    int size = 16384;
    Bench b;
    Server server;

    if (!bench_open(&b, true, NULL, offloads))
        return;
    g_autofree guint8 *data = make_data(2 * TRANSFER, 1);
    server_start(&server, false, 0, 0);
    server.slow = true;
    CU_ASSERT_EQUAL(
        setsockopt(server.listen_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size),
        0);
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_TRUE(guest_connect(b.g, GATEWAY, server.port));
    CU_ASSERT_TRUE(guest_send(b.g, data, 2 * TRANSFER, 30000));
    CU_ASSERT_TRUE(b.g->probes < 8);
    bench_close(&b); /* ends the connection, whatever is left of it */
    server_end(&server);
}

static void
test_a_slow_reader_does_not_stall_the_guest(void)
{
    slow_reader(0);
    slow_reader(NET_OFFLOAD_ALL);
}

static void
transfer_in(unsigned offloads, bool large)
{
    Bench b;
    Server server;

    if (!bench_open(&b, true, NULL, offloads))
        return;
    g_autofree guint8 *data = make_data(TRANSFER, 9);
    g_autofree char *sum = hash(data, TRANSFER);
    server_start(&server, true, TRANSFER, 9);
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_TRUE(guest_connect(b.g, GATEWAY, server.port));
    CU_ASSERT_TRUE(guest_run(b.g, 30000, guest_has_fin));
    CU_ASSERT_EQUAL(b.g->received, TRANSFER);
    CU_ASSERT_STRING_EQUAL(g_checksum_get_string(b.g->received_sum), sum);
    CU_ASSERT_EQUAL(b.g->bad_checksums, 0);
    CU_ASSERT_EQUAL(b.g->large_frames > 0, large);
    CU_ASSERT_TRUE(guest_send(b.g, data, 0, 5000));
    server_end(&server);
    bench_close(&b);
}

static void
test_guest_receives_plain_frames(void)
{
    transfer_in(0, false);
}

static void
test_guest_receives_large_frames(void)
{
    transfer_in(NET_OFFLOAD_ALL, true);
}

static void
test_the_hosts_loopback_is_closed_unless_allowed(void)
{
    Bench b;
    guint16 port;
    CARREL_AUTO_FD int fd = listen_on_loopback(&port);

    CU_ASSERT(fd >= 0);
    if (!bench_open(&b, false, NULL, 0))
        return;
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_FALSE(guest_connect(b.g, GATEWAY, port));
    bench_close(&b);
}

static int
dial_loopback(guint16 port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *) &a, sizeof a) == 0)
        return fd;
    (void) close(fd);
    return -1;
}

static void
test_forwards_are_changed_live(void)
{
    Bench b;
    static const char *const first[] = {"40022->22", NULL};
    g_autoptr(GError) twice = NULL, none = NULL, syntax = NULL;

    if (!bench_open(&b, false, first, 0))
        return;
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_TRUE(net_forward_add(b.link, "tcp:127.0.0.1:40080-80", NULL));
    g_auto(GStrv) two = net_forwards(b.link);
    CU_ASSERT_EQUAL_FATAL(g_strv_length(two), 2);
    CU_ASSERT_STRING_EQUAL(two[0], "tcp:127.0.0.1:40022->10.0.2.15:22");
    CU_ASSERT_STRING_EQUAL(two[1], "tcp:127.0.0.1:40080->10.0.2.15:80");
    CU_ASSERT_FALSE(net_forward_add(b.link, "40080->81", &twice));
    CU_ASSERT(g_error_matches(twice, CARREL_NET_ERROR, CARREL_NET_ERROR_BUSY));

    guest_listen(b.g, 80);
    CARREL_AUTO_FD int fd = dial_loopback(40080);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_TRUE(guest_run(b.g, 5000, guest_is_established));
    CU_ASSERT_TRUE(b.g->established);
    CU_ASSERT_TRUE(sys_write_all(fd, "hello", 5));
    (void) shutdown(fd, SHUT_WR);
    CU_ASSERT_TRUE(guest_run(b.g, 5000, guest_has_fin));
    CU_ASSERT_EQUAL(b.g->received, 5);

    CU_ASSERT_TRUE(net_forward_remove(b.link, "40080->80", NULL));
    CU_ASSERT_EQUAL(dial_loopback(40080), -1);
    CU_ASSERT_FALSE(net_forward_remove(b.link, "40080->80", &none));
    CU_ASSERT(
        g_error_matches(none, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING));
    CU_ASSERT_FALSE(net_forward_add(b.link, "forty->80", &syntax));
    CU_ASSERT(
        g_error_matches(syntax, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX));
    bench_close(&b);
}

static void
test_a_port_in_use_is_told(void)
{
    Bench b;
    guint16 port;
    CARREL_AUTO_FD int fd = listen_on_loopback(&port);
    g_autofree char *rule = g_strdup_printf("%u->22", port);
    g_autoptr(GError) error = NULL;

    CU_ASSERT(fd >= 0);
    if (!bench_open(&b, false, NULL, 0))
        return;
    CU_ASSERT_FALSE(net_forward_add(b.link, rule, &error));
    CU_ASSERT(g_error_matches(error, CARREL_NET_ERROR, CARREL_NET_ERROR_BUSY));
    bench_close(&b);
}

static void
test_restricted_reaches_nothing_but_answers_forwards(void)
{
    Bench b;
    guint16 port;
    CARREL_AUTO_FD int listener = listen_on_loopback(&port);
    static const char *const first[] = {"40024->24", NULL};

    CU_ASSERT(listener >= 0);
    if (!bench_open_spec(&b,
                         (NetSpec){.forwards = first,
                                   .host_access = true,
                                   .restricted = true},
                         0))
        return;
    /* no router and no resolver are named, so this guest is not content */
    CU_ASSERT_FALSE(guest_dhcp(b.g));
    CU_ASSERT_EQUAL(b.g->ip, 0x0a00020f);
    CU_ASSERT_EQUAL(b.g->router, 0);
    CU_ASSERT_FALSE(guest_connect(b.g, GATEWAY, port));
    guest_udp(b.g, 0x0a000203, 53, "question", 8);
    CU_ASSERT_FALSE(guest_run(b.g, 300, guest_has_udp));
    guest_listen(b.g, 24);
    CARREL_AUTO_FD int fd = dial_loopback(40024);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_TRUE(guest_run(b.g, 5000, guest_is_established));
    CU_ASSERT_TRUE(b.g->established);
    bench_close(&b);
}

/* A datagram in by a forward, and the answer back to who sent it: libslirp lets
 * it back to the host's own loopback only where the guest may go there. */
static void
test_udp_forwards_go_both_ways(void)
{
    Bench b;
    static const char *const first[] = {"udp:127.0.0.1:40053-53", NULL};
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(40053),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 3};
    char answer[16] = "";

    if (!bench_open(&b, true, first, 0))
        return;
    CARREL_AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *) &a, sizeof a), 0);
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CU_ASSERT_EQUAL(send(fd, "hello", 5, 0), 5);
    CU_ASSERT_TRUE_FATAL(guest_run(b.g, 3000, guest_has_udp));
    CU_ASSERT_EQUAL(b.g->udp_len, 5);
    CU_ASSERT_NSTRING_EQUAL(b.g->udp, "hello", 5);
    b.g->udp_port = 53;
    guest_udp(b.g, b.g->udp_ip, b.g->udp_from, "world!", 6);
    CU_ASSERT_EQUAL(recv(fd, answer, sizeof answer, 0), 6);
    CU_ASSERT_STRING_EQUAL(answer, "world!");
    CU_ASSERT_TRUE(net_forward_remove(b.link, "udp:127.0.0.1:40053-53", NULL));
    (void) send(fd, "gone?", 5, 0);
    CU_ASSERT(send(fd, "gone?", 5, 0) < 0 || recv(fd, answer, 5, 0) < 0);
    bench_close(&b);
}

/* RFC 4861: the router tells its prefix, is found, and answers a ping. */
static void
test_ipv6_is_there(void)
{
    Bench b;
    static const guint8 all_routers[16] = {0xff, 2, [15] = 2};
    static const guint8 gateway[16] = {0xfe, 0xc0, [15] = 2};
    static const guint8 group[16] = {0xff, 2, [11] = 1, 0xff, 0, 0, 2};
    static const guint8 routers_mac[6] = {0x33, 0x33, 0, 0, 0, 2};
    static const guint8 group_mac[6] = {0x33, 0x33, 0xff, 0, 0, 2};
    static const guint8 solicit_router[8] = {133};
    static const guint8 ping[12] = {128, 0, 0, 0, 0x12, 0x34, 0, 1, 'p'};
    guint8 solicit[32] = {135, [24] = 1, 1}; /* with our address as option */

    if (!bench_open(&b, false, NULL, 0))
        return;
    guest_icmp6(b.g, routers_mac, all_routers, solicit_router,
                sizeof solicit_router);
    CU_ASSERT_TRUE(guest_run(b.g, 3000, guest_has_icmp6));
    CU_ASSERT_EQUAL(b.g->icmp6_type, 134);
    b.g->icmp6_type = 0;
    memcpy(solicit + 8, gateway, 16);
    memcpy(solicit + 26, b.g->mac, 6);
    guest_icmp6(b.g, group_mac, group, solicit, sizeof solicit);
    CU_ASSERT_TRUE_FATAL(guest_run(b.g, 3000, guest_has_icmp6));
    CU_ASSERT_EQUAL(b.g->icmp6_type, 136);
    CU_ASSERT_EQUAL(memcmp(b.g->icmp6 + 8, gateway, 16), 0);
    guint8 mac[6];
    memcpy(mac, b.g->icmp6 + 26, 6); /* its option */
    b.g->icmp6_type = 0;
    guest_icmp6(b.g, mac, gateway, ping, sizeof ping);
    CU_ASSERT_TRUE(guest_run(b.g, 3000, guest_has_icmp6));
    CU_ASSERT_EQUAL(b.g->icmp6_type, 129);
    CU_ASSERT_EQUAL(b.g->icmp6_len, sizeof ping);
    CU_ASSERT_EQUAL(b.g->icmp6[8], 'p');
    bench_close(&b);
}

/* The pid of the newest role of ours: main() has made us the parent of what
 * has none, and others on this host have such processes too. */
static pid_t
find_role(void)
{
    GDir *dir = g_dir_open("/proc", 0, NULL);
    g_autofree char *ours = g_strdup_printf("\nPPid:\t%d\n", getpid());
    pid_t found = 0;

    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename("/proc", name, "status", NULL);
        g_autofree char *status = NULL;
        if (g_file_get_contents(path, &status, NULL, NULL) &&
            g_str_has_prefix(status, "Name:\tcarrel-net\n") &&
            strstr(status, ours) != NULL &&
            strstr(status, "\nState:\tZ") == NULL)
            found = MAX(found, (pid_t) g_ascii_strtoll(name, NULL, 10));
    }
    g_dir_close(dir);
    return found;
}

static void
test_a_killed_role_is_a_pulled_cable_and_comes_back(void)
{
    Bench b;
    static const char *const first[] = {"40023->23", NULL};

    if (!bench_open(&b, false, first, NET_OFFLOAD_ALL))
        return;
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    pid_t pid = find_role();
    CU_ASSERT_FATAL(pid > 0);
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    for (unsigned i = 0; i < 400 && net_is_up(b.link); i++) {
        loop_advance(b.loop, 0);
        g_usleep(2000);
    }
    CU_ASSERT_FALSE(net_is_up(b.link));
    for (unsigned i = 0; i < 400 && !net_is_up(b.link); i++) {
        loop_advance(b.loop, 100 * NSEC_PER_MSEC);
        g_usleep(2000);
    }
    CU_ASSERT_TRUE(net_is_up(b.link));
    b.g->dhcp_type = 0;
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    CARREL_AUTO_FD int fd = dial_loopback(40023);
    CU_ASSERT(fd >= 0);
    bench_close(&b);
}

static gpointer
forward_in_vain(gpointer data)
{
    return GINT_TO_POINTER(net_forward_add(data, "40026->26", NULL));
}

/* Somebody waits for a process that does not answer; nobody else does. */
static void
test_a_hung_role_holds_up_only_who_asks(void)
{
    Bench b;
    static const char *const first[] = {"40025->25", NULL};

    if (!bench_open(&b, false, first, 0))
        return;
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    pid_t pid = find_role();
    CU_ASSERT_FATAL(pid > 0);
    CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
    gint64 begin = g_get_monotonic_time();
    GThread *thread = g_thread_new("forward", forward_in_vain, b.link);
    g_usleep(300000); /* it asks now */
    gint64 before = g_get_monotonic_time();
    g_auto(GStrv) rules = net_forwards(b.link);
    (void) net_set_offloads(b.link, NET_OFFLOAD_CSUM);
    loop_advance(b.loop, 0);
    CU_ASSERT_TRUE(g_get_monotonic_time() - before < 2 * G_USEC_PER_SEC);
    CU_ASSERT_EQUAL(g_strv_length(rules), 1);
    CU_ASSERT_PTR_NULL(g_thread_join(thread));
    /* else nothing was held up at all */
    CU_ASSERT_TRUE(g_get_monotonic_time() - begin > 4 * G_USEC_PER_SEC);
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    bench_close(&b);
}

/* A resolver that says 192.0.2.7 to everything. */
static gpointer
resolve(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    guint8 q[512];
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    gssize n =
        recvfrom(fd, q, 256, 0, (struct sockaddr *) (void *) &from, &len);
    static const guint8 answer[] = {0xc0, 12, 0, 1, 0,   1, 0, 0,
                                    0,    60, 0, 4, 192, 0, 2, 7};

    if (n < 12)
        return NULL;
    q[2] = 0x81;
    q[3] = 0x80;
    q[7] = 1;
    memcpy(q + n, answer, sizeof answer);
    (void) !sendto(fd, q, (gsize) n + sizeof answer, 0,
                   (struct sockaddr *) (void *) &from, len);
    return NULL;
}

static void
test_guest_resolves_names(void)
{
    Bench b;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(53),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CARREL_AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_autofree char *conf =
        g_build_filename(g_get_tmp_dir(), "net-user-resolv", NULL);
    static const guint8 query[] = {0x12, 0x34, 1,   0,   0,   1, 0, 0, 0, 0, 0,
                                   0,    3,    'b', 'o', 'x', 0, 0, 1, 0, 1};

    if (bind(fd, (struct sockaddr *) &a, sizeof a) != 0 ||
        !g_file_set_contents(conf, "nameserver 127.0.0.1\n", -1, NULL) ||
        mount(conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) != 0) {
        cu_skip("cannot name a resolver of our own here");
        return;
    }
    if (!bench_open(&b, false, NULL, 0))
        return;
    GThread *thread = g_thread_new("dns", resolve, GINT_TO_POINTER(fd));
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    guest_udp(b.g, b.g->dns, 53, query, sizeof query);
    bool answered = guest_run(b.g, 3000, guest_has_udp);
    CU_ASSERT_TRUE(answered);
    CU_ASSERT_EQUAL(b.g->udp_len, sizeof query + 16);
    CU_ASSERT_EQUAL(b.g->udp[sizeof query + 12], 192);
    (void) shutdown(fd, SHUT_RDWR);
    if (!answered)
        (void) !sendto(fd, query, sizeof query, 0, (struct sockaddr *) &a,
                       sizeof a);
    g_thread_join(thread);
    bench_close(&b);
    (void) umount("/etc/resolv.conf");
    (void) unlink(conf);
}

static void
test_capture_has_what_was_sent(void)
{
    Bench b;
    g_autofree char *path =
        g_strdup_printf("%s/net-user-%d.pcap", g_get_tmp_dir(), getpid());
    g_autofree char *text = NULL;
    gsize len = 0;

    if (!bench_open(&b, false, NULL, 0))
        return;
    CU_ASSERT_TRUE(net_capture_start(b.link, path, 0, NULL));
    CU_ASSERT_FALSE(net_may_bypass(b.link));
    CU_ASSERT_TRUE(guest_dhcp(b.g));
    net_capture_stop(b.link);
    CU_ASSERT_TRUE(g_file_get_contents(path, &text, &len, NULL));
    /* discover, offer, request, ack, ARP twice, and perhaps RAs */
    CU_ASSERT(len > 24 + 6 * 16 + 2 * 342);
    CU_ASSERT_FALSE(net_capture_start(b.link, path, 0, NULL)); /* exists */
    (void) unlink(path);
    bench_close(&b);
}

/* Into a network, and a mount table, of our own. */
static void
leave_the_host(void)
{
    g_autofree char *uids = g_strdup_printf("0 %u 1", getuid());
    g_autofree char *gids = g_strdup_printf("0 %u 1", getgid());
    struct ifreq ifr = {.ifr_flags = 0, .ifr_name = "lo"};

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0)
        return; /* the cases that need it skip themselves */
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    (void) !write(fd, "deny", 4);
    (void) close(fd);
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    (void) !write(fd, uids, strlen(uids));
    (void) close(fd);
    fd = open("/proc/self/gid_map", O_WRONLY | O_CLOEXEC);
    (void) !write(fd, gids, strlen(gids));
    (void) close(fd);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCGIFFLAGS, &ifr) == 0) {
        ifr.ifr_flags |= IFF_UP;
        (void) ioctl(fd, SIOCSIFFLAGS, &ifr);
    }
    (void) close(fd);
}

static const CuCase cases[] = {
    {"guest_gets_a_lease", test_guest_gets_a_lease},
    {"guest_sends_by_plain_frames", test_guest_sends_by_plain_frames},
    {"guest_sends_by_tso", test_guest_sends_by_tso},
    {"a_slow_reader_does_not_stall_the_guest",
     test_a_slow_reader_does_not_stall_the_guest},
    {"guest_receives_plain_frames", test_guest_receives_plain_frames},
    {"guest_receives_large_frames", test_guest_receives_large_frames},
    {"the_hosts_loopback_is_closed_unless_allowed",
     test_the_hosts_loopback_is_closed_unless_allowed},
    {"forwards_are_changed_live", test_forwards_are_changed_live},
    {"a_port_in_use_is_told", test_a_port_in_use_is_told},
    {"restricted_reaches_nothing_but_answers_forwards",
     test_restricted_reaches_nothing_but_answers_forwards},
    {"udp_forwards_go_both_ways", test_udp_forwards_go_both_ways},
    {"ipv6_is_there", test_ipv6_is_there},
    {"a_killed_role_is_a_pulled_cable_and_comes_back",
     test_a_killed_role_is_a_pulled_cable_and_comes_back},
    {"a_hung_role_holds_up_only_who_asks",
     test_a_hung_role_holds_up_only_who_asks},
    {"guest_resolves_names", test_guest_resolves_names},
    {"capture_has_what_was_sent", test_capture_has_what_was_sent},
};

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "__net") == 0)
        return net_user_role_main(argc - 2, argv + 2, sandbox_role_user);
    leave_the_host();
    (void) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    /* a call that the sandbox's table lacks ends the role */
    g_setenv("CARREL_SANDBOX", "strict", TRUE);
    return cu_main("net-user", cases, G_N_ELEMENTS(cases), argc, argv);
}
