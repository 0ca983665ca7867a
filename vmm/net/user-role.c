/* vmm/net/user-role.c - the process of one user network: libslirp between the
 * frames of a guest and the sockets of this user.
 *
 * libslirp has no window scaling and works packet by packet, so what it does
 * for a packet of 1500 bytes is made to serve 64 KiB: the guest's TSO frames
 * go in whole, and a guest that takes TSO is offered to libslirp with a large
 * segment size; what comes out is handed on as one frame to be cut. Missing
 * here: SMB. */
#include "vmm/net/user-protocol.h"

#include <stdio.h>
#include <unistd.h>

#include "vmm/core/sysutil.h"

#if CARREL_HAVE_SLIRP

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "vmm/net/offload.h"
#include "vmm/net/slirp-library.h"
#include "vmm/net/user-window.h"

#define IN_BATCH    16
#define OUT_BATCH   64
#define OUT_BYTES   (4u << 20)
#define OUT_FRAMES  4096
#define MAX_TIMERS  8
#define MAX_SOCKETS 1000 /* of libslirp; descriptors end at 1024 */
/* Segments to a guest that takes TSO. The window is 64 KiB: two are under way,
 * so that one is acknowledged while the other travels. Between 16 KiB and the
 * whole window nothing measured faster than this by more than the noise. */
#define LARGE_MSS 32700

typedef struct {
    SlirpTimerCb fire;
    void *data;
    gint64 at_ms; /* -1: off */
    bool used;
} RoleTimer;

/* Frames on their way to the guest. Filled and emptied in turns. */
typedef struct {
    guint8 *data;
    gsize used;
    guint32 at[OUT_FRAMES], len[OUT_FRAMES];
    unsigned n, sent;
} OutQueue;

typedef struct {
    UserConfig config;
    SlirpLibrary lib;
    Slirp *slirp;
    unsigned offloads; /* the guest's */
    bool ended;
    gint64 now_us; /* of this turn */
    OutQueue out;
    guint8 *in; /* IN_BATCH buffers of NET_WIRE_MAX */
    guint8 *piece;
    RoleTimer timers[MAX_TIMERS];
    GArray *polls;  /* struct pollfd */
    bool host_took; /* a socket was ready for more in this turn */
    UserWindows windows;
} Role;

/* ---- frames to the guest ---- */

static void
flush(Role *role)
{
    OutQueue *out = &role->out;

    while (out->sent < out->n) {
        struct mmsghdr messages[OUT_BATCH];
        struct iovec iov[OUT_BATCH];
        unsigned k = MIN(out->n - out->sent, OUT_BATCH);
        for (unsigned i = 0; i < k; i++) {
            unsigned f = out->sent + i;
            iov[i] = (struct iovec){out->data + out->at[f], out->len[f]};
            messages[i] = (struct mmsghdr){
                .msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
        }
        int n = SYS_RETRY(sendmmsg(role->config.frames_fd, messages, k,
                                   MSG_DONTWAIT | MSG_NOSIGNAL));
        if (n <= 0) {
            role->ended |= errno != EAGAIN && errno != ENOBUFS;
            return;
        }
        out->sent += (unsigned) n;
    }
    out->n = out->sent = 0;
    out->used = 0;
}

/* A full queue drops, as a full cable does: TCP sends again. */
static void
put(Role *role, const NetVnetHdr *hdr, const guint8 *frame, gsize len)
{
    OutQueue *out = &role->out;
    gsize total = sizeof *hdr + len;

    if (out->n == OUT_FRAMES || out->used + total > OUT_BYTES)
        flush(role);
    if (out->n == OUT_FRAMES || out->used + total > OUT_BYTES)
        return;
    memcpy(out->data + out->used, hdr, sizeof *hdr);
    memcpy(out->data + out->used + sizeof *hdr, frame, len);
    out->at[out->n] = (guint32) out->used;
    out->len[out->n++] = (guint32) total;
    out->used += total;
}

static const NetVnetHdr valid = {.flags = VIRTIO_NET_HDR_F_DATA_VALID,
                                 .num_buffers = GUINT16_TO_LE(1)};

static void
put_cut(Role *role, const NetVnetHdr *hdr, const guint8 *frame, gsize len)
{
    NetCut cut;

    if (!offload_cut_begin(&cut, hdr, frame, len))
        return;
    for (gsize n; (n = offload_cut_next(&cut, role->piece)) > 0;)
        put(role, &valid, role->piece, n);
}

/* IPv4 fragments (RFC 791, 3.2) of a packet longer than the MTU. */
static void
put_fragments(Role *role, const guint8 *frame, gsize len)
{
    const guint8 *ip = frame + 14;
    gsize ihl = (gsize) (ip[0] & 15) * 4;
    gsize step = (role->config.mtu - ihl) & ~(gsize) 7;
    guint8 *out = role->piece;

    if (frame[12] != 8 || frame[13] != 0 || ihl < 20 || 14 + ihl >= len ||
        role->config.mtu < ihl + 8)
        return; /* IPv6 routers do not fragment */
    gsize payload = len - 14 - ihl;
    for (gsize at = 0; at < payload; at += step) {
        gsize n = MIN(step, payload - at);
        guint more = at + n < payload ? 0x2000 : 0;
        guint offset = (guint) (at / 8) | more;
        gsize total = ihl + n;
        memcpy(out, frame, 14 + ihl);
        memcpy(out + 14 + ihl, ip + ihl + at, n);
        out[16] = (guint8) (total >> 8);
        out[17] = (guint8) total;
        out[20] = (guint8) (offset >> 8);
        out[21] = (guint8) offset;
        out[24] = out[25] = 0;
        guint16 sum = (guint16) ~offload_sum(out + 14, ihl, 0);
        out[24] = (guint8) (sum >> 8);
        out[25] = (guint8) sum;
        put(role, &valid, out, 14 + total);
    }
}

static ssize_t
send_packet(const void *data, size_t len, void *opaque)
{
    Role *role = opaque;
    guint8 *frame = (guint8 *) data; /* libslirp's own buffer, done with */
    NetVnetHdr hdr;

    if (len < NET_FRAME_MIN || len > NET_FRAME_MAX ||
        !user_windows_sent(&role->windows, frame, len))
        return (ssize_t) len;
    if (len <= 14 + role->config.mtu) {
        put(role, &valid, frame, len);
    } else if (!offload_as_gso(&hdr, frame, len, role->config.mtu)) {
        put_fragments(role, frame, len);
    } else if (offload_needs(&hdr) & ~role->offloads) {
        put_cut(role, &hdr, frame, len);
    } else {
        put(role, &hdr, frame, len);
    }
    return (ssize_t) len;
}

/* ---- frames from the guest ---- */

static void
input(void *data, const guint8 *frame, gsize len)
{
    Role *role = data;

    role->lib.input(role->slirp, frame, (int) len);
}

static void
take_frame(Role *role, guint8 *message, gsize total)
{
    NetVnetHdr hdr;
    guint8 *frame = message + sizeof hdr;
    NetCut cut;

    if (total < sizeof hdr + NET_FRAME_MIN)
        return;
    memcpy(&hdr, message, sizeof hdr);
    gsize len = total - sizeof hdr;
    if (!offload_check(&hdr, frame, len, NET_OFFLOAD_ALL))
        return;
    if (hdr.gso_type == 0)
        offload_finish_checksum(&hdr, frame, len);
    else if (!offload_finish_whole(&hdr, frame, len)) {
        if (!offload_cut_begin(&cut, &hdr, frame, len))
            return;
        for (gsize n; (n = offload_cut_next(&cut, role->piece)) > 0;)
            input(role, role->piece, n);
        return;
    }
    unsigned large = NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6;
    if ((role->offloads & large) == large)
        offload_raise_mss(frame, len, role->config.mtu, LARGE_MSS);
    user_windows_came(&role->windows, frame, len);
    input(role, frame, len);
}

static void
take_frames(Role *role)
{
    struct mmsghdr messages[IN_BATCH];
    struct iovec iov[IN_BATCH];

    for (unsigned i = 0; i < IN_BATCH; i++) {
        iov[i] =
            (struct iovec){role->in + (gsize) i * NET_WIRE_MAX, NET_WIRE_MAX};
        messages[i] =
            (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
    int n = SYS_RETRY(recvmmsg(role->config.frames_fd, messages, IN_BATCH,
                               MSG_DONTWAIT, NULL));
    if (n < 0) {
        role->ended |= errno != EAGAIN;
        return;
    }
    for (int i = 0; i < n; i++) {
        if (messages[i].msg_len == 0) {
            role->ended = true; /* the machine has gone */
            return;
        }
        if (!(messages[i].msg_hdr.msg_flags & MSG_TRUNC))
            take_frame(role, iov[i].iov_base, messages[i].msg_len);
    }
}

/* ---- control ---- */

static void
say(Role *role, const char *text)
{
    role->ended |= SYS_RETRY(send(role->config.control_fd, text, strlen(text),
                                  MSG_NOSIGNAL)) < 0;
}

static int
change_forward(Role *role, const UserRequest *r)
{
    const NetForward *f = &r->forward;
    int flags = f->udp ? SLIRP_HOSTFWD_UDP : 0;
    socklen_t host_len = net_address_len(&f->host);
    int result;

    errno = 0;
    if (f->host.any.sa_family == AF_INET6)
        flags |= SLIRP_HOSTFWD_V6ONLY;
    if (r->kind == USER_FORWARD)
        result = role->lib.add_hostxfwd(role->slirp, &f->host.any, host_len,
                                        &f->guest.any,
                                        net_address_len(&f->guest), flags);
    else
        result = role->lib.remove_hostxfwd(role->slirp, &f->host.any, host_len,
                                           flags);
    if (result >= 0)
        return 0;
    if (r->kind == USER_UNFORWARD)
        return ENOENT;
    return errno != 0 ? errno : EIO;
}

static void
take_control(Role *role)
{
    char text[USER_MESSAGE_MAX];
    UserRequest request;
    gssize n = SYS_RETRY(
        recv(role->config.control_fd, text, sizeof text, MSG_DONTWAIT));

    if (n <= 0) {
        role->ended |= n == 0 || errno != EAGAIN;
        return;
    }
    if (!user_request_parse(text, (gsize) n, &request)) {
        say(role, "failed 22");
    } else if (request.kind == USER_OFFLOADS) {
        role->offloads = request.offloads;
    } else {
        int err = change_forward(role, &request);
        g_autofree char *answer = g_strdup_printf("failed %d", err);
        say(role, err == 0 ? "ok" : answer);
    }
}

/* ---- what libslirp calls ---- */

static void
guest_error(const char *msg, void *opaque)
{
}

/* libslirp asks several times for each packet, and where the host's clock is
 * no TSC each time is a system call: one time serves a turn of the loop. */
static int64_t
clock_get_ns(void *opaque)
{
    const Role *role = opaque;
    return role->now_us * 1000;
}

static void *
timer_make(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
    Role *role = opaque;

    for (unsigned i = 0; i < MAX_TIMERS; i++)
        if (!role->timers[i].used) {
            role->timers[i] = (RoleTimer){cb, cb_opaque, -1, true};
            return &role->timers[i];
        }
    g_error("libslirp wants more timers than it is known to have");
}

static void
timer_drop(void *timer, void *opaque)
{
    RoleTimer *t = timer;
    t->used = false;
}

static void
timer_set(void *timer, int64_t expire_ms, void *opaque)
{
    RoleTimer *t = timer;
    t->at_ms = expire_ms;
}

static void
watch_fd(int fd, void *opaque)
{
}

static void
notify(void *opaque)
{
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_make,
    .timer_free = timer_drop,
    .timer_mod = timer_set,
    .register_poll_fd = watch_fd,
    .unregister_poll_fd = watch_fd,
    .notify = notify,
};

static gint64
now_ms(const Role *role)
{
    return role->now_us / 1000;
}

static void
run_timers(Role *role)
{
    for (unsigned i = 0; i < MAX_TIMERS; i++) {
        RoleTimer *t = &role->timers[i];
        if (!t->used || t->at_ms < 0 || t->at_ms > now_ms(role))
            continue;
        t->at_ms = -1;
        t->fire(t->data);
    }
}

static guint32
until_timer(const Role *role)
{
    gint64 wait = 60000, now = now_ms(role);

    for (unsigned i = 0; i < MAX_TIMERS; i++)
        if (role->timers[i].used && role->timers[i].at_ms >= 0)
            wait = MIN(wait, MAX(role->timers[i].at_ms - now, 0));
    return (guint32) wait;
}

/* ---- the loop ---- */

static int
add_poll(int fd, int events, void *opaque)
{
    Role *role = opaque;
    struct pollfd pfd = {.fd = fd};

    if (events & SLIRP_POLL_IN)
        pfd.events |= POLLIN;
    if (events & SLIRP_POLL_OUT)
        pfd.events |= POLLOUT;
    if (events & SLIRP_POLL_PRI)
        pfd.events |= POLLPRI;
    g_array_append_val(role->polls, pfd);
    return (int) role->polls->len - 1;
}

static int
get_revents(int index, void *opaque)
{
    static const struct {
        int poll, slirp;
    } bits[] = {{POLLIN, SLIRP_POLL_IN},
                {POLLOUT, SLIRP_POLL_OUT},
                {POLLPRI, SLIRP_POLL_PRI},
                {POLLERR, SLIRP_POLL_ERR},
                {POLLHUP, SLIRP_POLL_HUP}};
    Role *role = opaque;
    int events = 0;

    if (index < 0 || (guint) index >= role->polls->len)
        return 0;
    int revents = g_array_index(role->polls, struct pollfd, index).revents;
    role->host_took |= (revents & POLLOUT) != 0;
    for (gsize i = 0; i < G_N_ELEMENTS(bits); i++)
        if (revents & bits[i].poll)
            events |= bits[i].slirp;
    return events;
}

/* While the guest does not take what it was sent, nothing more is made: the
 * world's sockets and the guest's own frames wait. */
static void
turn(Role *role)
{
    bool full = role->out.n > 0;
    guint32 timeout = until_timer(role);
    struct pollfd own[2] = {
        {role->config.frames_fd, full ? POLLOUT : POLLIN, 0},
        {role->config.control_fd, POLLIN, 0}};

    g_array_set_size(role->polls, 0);
    g_array_append_vals(role->polls, own, 2);
    if (!full)
        role->lib.pollfds_fill(role->slirp, &timeout, add_poll, role);
    int n = poll((struct pollfd *) (void *) role->polls->data, role->polls->len,
                 (int) MIN(timeout, 60000));
    role->now_us = g_get_monotonic_time();
    int frames = g_array_index(role->polls, struct pollfd, 0).revents;
    int control = g_array_index(role->polls, struct pollfd, 1).revents;
    if (n > 0 && control != 0)
        take_control(role);
    if (!full) {
        if (n > 0 && (frames & (POLLIN | POLLHUP | POLLERR)))
            take_frames(role);
        role->host_took = false;
        role->lib.pollfds_poll(role->slirp, n < 0, get_revents, role);
        if (role->host_took)
            user_windows_ask(&role->windows, input, role);
        run_timers(role);
    } else if (frames & (POLLHUP | POLLERR)) {
        role->ended = true;
    }
    flush(role);
}

/* ---- start ---- */

static struct in_addr
v4(const char *text)
{
    struct in_addr a = {0};
    (void) inet_pton(AF_INET, text, &a); /* a constant */
    return a;
}

static struct in6_addr
v6(const char *text)
{
    struct in6_addr a = {{{0}}};
    (void) inet_pton(AF_INET6, text, &a);
    return a;
}

static Slirp *
make_slirp(Role *role)
{
    const SlirpConfig config = {
        .version = 1,
        .restricted = role->config.restricted,
        .in_enabled = true,
        .vnetwork = v4("10.0.2.0"),
        .vnetmask = v4("255.255.255.0"),
        .vhost = v4("10.0.2.2"),
        .in6_enabled = true,
        .vprefix_addr6 = v6("fec0::"),
        .vprefix_len = 64,
        .vhost6 = v6("fec0::2"),
        .tftp_path = role->config.tftp,
        .bootfile = role->config.bootfile,
        .vdhcp_start = v4("10.0.2.15"),
        .vnameserver = v4("10.0.2.3"),
        .vnameserver6 = v6("fec0::3"),
        .if_mtu = NET_MTU_MAX,
        .if_mru = NET_MTU_MAX,
        .disable_host_loopback = !role->config.host_access,
    };

    return role->lib.new(&config, &callbacks, role);
}

static void
limit_myself(void)
{
    const struct rlimit no_core = {0, 0};
    struct rlimit files;

    (void) prctl(PR_SET_NAME, "carrel-net", 0, 0, 0);
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void) setrlimit(RLIMIT_CORE, &no_core);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = MIN(files.rlim_max, MAX_SOCKETS + 24);
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
    (void) signal(SIGPIPE, SIG_IGN);
}

int
net_user_role_main(int argc, char **argv, void (*lock_in)(const char *folder))
{
    Role *role = g_new0(Role, 1);

    if (!user_config_parse(argc, argv, &role->config)) {
        g_free(role);
        return 2;
    }
    limit_myself();
    if (!slirp_library_load(&role->lib)) {
        say(role, "missing libslirp");
        g_free(role);
        return 1;
    }
    role->out.data = g_malloc(OUT_BYTES);
    role->in = g_malloc((gsize) IN_BATCH * NET_WIRE_MAX);
    role->piece = g_malloc(NET_WIRE_MAX);
    role->polls = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    int size = 1 << 20;
    (void) setsockopt(role->config.frames_fd, SOL_SOCKET, SO_SNDBUF, &size,
                      sizeof size);
    role->now_us = g_get_monotonic_time();
    role->slirp = make_slirp(role);
    if (lock_in != NULL)
        lock_in(role->config.tftp);
    say(role, role->slirp != NULL ? "ready" : "failed 12");
    while (!role->ended && role->slirp != NULL)
        turn(role);
    if (role->slirp != NULL)
        role->lib.cleanup(role->slirp);
    g_array_unref(role->polls);
    g_free(role->out.data);
    g_free(role->in);
    g_free(role->piece);
    g_free(role);
    return 0;
}

#else /* no libslirp */

#include <sys/socket.h>

int
net_user_role_main(int argc, char **argv, void (*lock_in)(const char *folder))
{
    static const char answer[] = "missing libslirp";
    UserConfig config;

    if (user_config_parse(argc, argv, &config))
        (void) !send(config.control_fd, answer, sizeof answer - 1,
                     MSG_NOSIGNAL);
    return 1;
}

#endif
