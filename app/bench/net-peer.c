/* app/bench/net-peer.c - see net-peer.h. */
#include "app/bench/net-peer.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"
#include "vmm/net/net.h"
#include "vmm/net/packet.h"

#define MIN_PAYLOAD 8u
#define MAX_ASKED   64u
#define PEER_PORT   7001
#define PEER_IP     0x0a000202u
#define TYPE_IP     0x0800u
#define TYPE_ARP    0x0806u
#define PROTO_UDP   17u
#define ARP_REPLY   2u
#define MAC_LEN     6u
#define ETH_LEN     14u
#define ARP_LEN     28u
#define HEADERS     (ETH_LEN + 20u + 8u)
#define FRAME_MAX   (HEADERS + BENCH_PEER_PAYLOAD)
#define BATCH       32u
#define FULL_US     20 /* until a full switch is tried again */
#define FULL_TRIES  50000
#define IDLE_MS     250 /* then what is under way is lost */

/* 52:54:00:00:02:02, one that is administered locally */
static const guint8 own_mac[MAC_LEN] = {0x52, 0x54, 0, 0, 2, 2};

struct BenchPeer {
    BenchPeerState state;
    /* on a switch */
    Loop *loop;
    NetLink *link;
    guint8 frames[BATCH][FRAME_MAX];
    guint8 request[HEADERS]; /* of the datagram that is answered */
    Timer *idle;
    /* on the loopback */
    GThread *thread;
    int fd;
    int stop; /* atomic */
    guint16 port;
    struct sockaddr_in from;
};

/* ---- what datagrams mean ---- */

static void
answer(guint8 kind, guint32 number, gsize len, BenchPeerSend send, void *data)
{
    guint8 payload[BENCH_PEER_PAYLOAD] = {kind};
    guint32 little = GUINT32_TO_LE(number);

    memcpy(payload + 4, &little, sizeof little);
    send(data, payload, len);
}

void
bench_peer_take(BenchPeerState *state, const guint8 *payload, gsize len,
                BenchPeerSend send, void *data)
{
    guint32 number;

    if (len < MIN_PAYLOAD)
        return;
    memcpy(&number, payload + 4, sizeof number);
    number = GUINT32_FROM_LE(number);
    switch (payload[0]) {
    case 'D':
        if (++state->received % BENCH_PEER_GROUP == 0)
            answer('A', state->received, MIN_PAYLOAD, send, data);
        break;
    case 'R':
        for (guint32 i = 0; i < MIN(number, MAX_ASKED); i++)
            answer('d', i, BENCH_PEER_PAYLOAD, send, data);
        break;
    case 'P':
        answer('p', number, MIN(len, (gsize) BENCH_PEER_PAYLOAD), send, data);
        break;
    case 'Z':
        state->received = 0;
        answer('z', 0, MIN_PAYLOAD, send, data);
        break;
    default: break;
    }
}

void
bench_peer_idle(const BenchPeerState *state, BenchPeerSend send, void *data)
{
    answer('t', state->received, MIN_PAYLOAD, send, data);
}

/* ---- on a switch ---- */

/* A full switch is a slow guest: it has room again in a moment. */
static void
send_frame(BenchPeer *p, guint8 *bytes, gsize len)
{
    struct iovec iov = {bytes, len};
    const NetFrame frame = {.iov = &iov, .n_iov = 1};

    for (unsigned i = 0; i < FULL_TRIES; i++) {
        if (net_send(p->link, 0, &frame, 1) == 1)
            return;
        g_usleep(FULL_US);
    }
}

static void
answer_arp(BenchPeer *p, const guint8 *asked)
{
    guint8 reply[ETH_LEN + ARP_LEN];
    guint8 *arp = reply + ETH_LEN;

    if (get32(asked + ETH_LEN + 24) != PEER_IP)
        return;
    memcpy(reply, asked, sizeof reply);
    memcpy(reply, asked + MAC_LEN, MAC_LEN);
    memcpy(reply + MAC_LEN, own_mac, MAC_LEN);
    put16(arp + 6, ARP_REPLY);
    memcpy(arp + 18, asked + ETH_LEN + 8, MAC_LEN + 4);
    memcpy(arp + 8, own_mac, MAC_LEN);
    put16(arp + 14, PEER_IP >> 16);
    put16(arp + 16, PEER_IP & 0xffff);
    send_frame(p, reply, sizeof reply);
}

/* The request's headers with both ends exchanged; our guest looks at no
 * checksum. */
static void
send_on_switch(void *data, const guint8 *payload, gsize len)
{
    BenchPeer *p = data;
    guint8 frame[FRAME_MAX];
    guint8 *ip = frame + ETH_LEN, *udp = ip + 20;
    const guint8 *asked_ip = p->request + ETH_LEN;

    memcpy(frame, p->request, HEADERS);
    memcpy(frame, p->request + MAC_LEN, MAC_LEN);
    memcpy(frame + MAC_LEN, own_mac, MAC_LEN);
    put16(ip + 2, (guint32) (HEADERS - ETH_LEN + len));
    memcpy(ip + 12, asked_ip + 16, 4);
    memcpy(ip + 16, asked_ip + 12, 4);
    memcpy(udp, asked_ip + 22, 2);
    memcpy(udp + 2, asked_ip + 20, 2);
    put16(udp + 4, (guint32) (8 + len));
    memcpy(frame + HEADERS, payload, len);
    send_frame(p, frame, HEADERS + len);
}

static void
arm_idle(BenchPeer *p)
{
    timer_arm(p->idle, loop_now_ns(p->loop, CLOCK_HOST) +
                           IDLE_MS * G_GINT64_CONSTANT(1000000));
}

static void
on_idle(void *data)
{
    BenchPeer *p = data;

    bench_peer_idle(&p->state, send_on_switch, p);
    arm_idle(p);
}

static void
take_frame(BenchPeer *p, const guint8 *frame, gsize len)
{
    guint32 type = len < ETH_LEN ? 0 : get16(frame + 2 * MAC_LEN);

    if (type == TYPE_ARP && len >= ETH_LEN + ARP_LEN)
        answer_arp(p, frame);
    if (type != TYPE_IP || len < HEADERS || frame[ETH_LEN] != 0x45 ||
        frame[ETH_LEN + 9] != PROTO_UDP)
        return;
    memcpy(p->request, frame, HEADERS);
    arm_idle(p);
    bench_peer_take(&p->state, frame + HEADERS, len - HEADERS, send_on_switch,
                    p);
}

static void
readable(void *data, unsigned queue)
{
    BenchPeer *p = data;
    struct iovec iov[BATCH];
    NetFrame frames[BATCH];
    unsigned n;

    do {
        for (unsigned i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){p->frames[i], FRAME_MAX};
            frames[i] = (NetFrame){.iov = &iov[i], .n_iov = 1};
        }
        n = net_receive(p->link, queue, frames, BATCH);
        for (unsigned i = 0; i < n; i++)
            take_frame(p, frames[i].iov->iov_base, frames[i].len);
    } while (n == BATCH);
}

static void
start_on_loop(void *data)
{
    static const NetOps ops = {.readable = readable};
    BenchPeer *p = data;

    p->idle = timer_new(p->loop, CLOCK_HOST, on_idle, p);
    net_set_ops(p->link, &ops, p);
    net_set_receiving(p->link, 0, true);
}

BenchPeer *
bench_peer_open_switch(const char *path, GError **error)
{
    static const char *const role[] = {"/proc/self/exe", "carrel", "__switch",
                                       NULL};
    const NetSpec spec = {
        .kind = "switch", .name = "peer", .path = path, .role_argv = role};
    g_autoptr(BenchPeer) p = g_new0(BenchPeer, 1);

    p->fd = -1;
    p->port = PEER_PORT;
    p->loop = loop_new("bench-peer", error);
    if (p->loop == NULL)
        return NULL;
    p->link = net_open(&spec, p->loop, error);
    if (p->link == NULL)
        return NULL;
    loop_call(p->loop, start_on_loop, p);
    return g_steal_pointer(&p);
}

/* ---- on the loopback ---- */

static void
send_on_loopback(void *data, const guint8 *payload, gsize len)
{
    BenchPeer *p = data;

    /* what is lost shows as a guest that waits in vain */
    (void) SYS_RETRY(sendto(p->fd, payload, len, 0,
                            (const struct sockaddr *) &p->from,
                            sizeof p->from));
}

static void *
serve_loopback(void *data)
{
    BenchPeer *p = data;
    guint8 payload[2048];
    bool known = false; /* whom to tell */

    while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) {
        socklen_t from_len = sizeof p->from;
        ssize_t n = recvfrom(p->fd, payload, sizeof payload, 0,
                             (struct sockaddr *) &p->from, &from_len);
        known = known || n > 0;
        if (n > 0)
            bench_peer_take(&p->state, payload, (gsize) n, send_on_loopback, p);
        else if (known)
            bench_peer_idle(&p->state, send_on_loopback, p);
    }
    return NULL;
}

static bool
bind_loopback(BenchPeer *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval timeout = {.tv_usec = IDLE_MS * 1000};
    socklen_t len = sizeof address;

    p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 ||
        setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) !=
            0 ||
        bind(p->fd, (struct sockaddr *) &address, sizeof address) != 0 ||
        getsockname(p->fd, (struct sockaddr *) &address, &len) != 0)
        return false;
    p->port = ntohs(address.sin_port);
    return true;
}

BenchPeer *
bench_peer_open_udp(GError **error)
{
    g_autoptr(BenchPeer) p = g_new0(BenchPeer, 1);

    if (!bind_loopback(p)) {
        sys_error(error, errno, "a UDP port of the loopback");
        return NULL;
    }
    p->thread = g_thread_new("bench-peer", serve_loopback, p);
    return g_steal_pointer(&p);
}

guint16
bench_peer_port(const BenchPeer *p)
{
    return p->port;
}

static void
stop_on_loop(void *data)
{
    BenchPeer *p = data;

    g_clear_pointer(&p->idle, timer_free);
}

void
bench_peer_close(BenchPeer *p)
{
    if (p == NULL)
        return;
    __atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
    if (p->thread != NULL)
        g_thread_join(p->thread);
    if (p->loop != NULL)
        loop_call(p->loop, stop_on_loop, p);
    net_close(p->link);
    if (p->loop != NULL)
        loop_free(p->loop);
    sys_close(&p->fd);
    g_free(p);
}
