/* vmm/net/user-window.c - see user-window.h. */
#include "vmm/net/user-window.h"

#include <string.h>

#include "vmm/net/offload.h"
#include "vmm/net/packet.h"

/* Less room than this is worth a question. */
#define LITTLE 16384u
/* Beyond any window without scaling. */
#define FAR_AWAY (1u << 20)

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

typedef struct {
    const guint8 *addresses; /* source, then destination */
    gsize address_len;       /* of each */
    const guint8 *tcp;
    gsize payload;
} Segment;

/* False: no TCP, or not whole. */
static bool
parse(Segment *ret, const guint8 *frame, gsize len)
{
    const guint8 *ip = frame + NET_FRAME_MIN;
    gsize head, total;

    if (len < NET_FRAME_MIN + IPV4_MIN + TCP_MIN)
        return false;
    if (get16(frame + 12) == ETH_IPV4 && ip[9] == PROTO_TCP) {
        head = (gsize) (ip[0] & 15) * 4;
        total = get16(ip + 2);
        *ret = (Segment){.addresses = ip + 12, .address_len = 4};
    } else if (get16(frame + 12) == ETH_IPV6 && ip[6] == PROTO_TCP) {
        head = IPV6_LEN;
        total = head + get16(ip + 4);
        *ret = (Segment){.addresses = ip + 8, .address_len = 16};
    } else {
        return false;
    }
    if (head < IPV4_MIN || total > len - NET_FRAME_MIN ||
        head + TCP_MIN > total)
        return false;
    ret->tcp = ip + head;
    gsize tcp_len = (gsize) (ret->tcp[12] >> 4) * 4;
    if (tcp_len < TCP_MIN || head + tcp_len > total)
        return false;
    ret->payload = total - head - tcp_len;
    return true;
}

/* The question of that connection; to_guest: s goes the other way. */
static UserWindow *
find(UserWindows *w, const Segment *s, bool to_guest)
{
    for (unsigned i = 0; i < w->n; i++) {
        const UserWindow *flow = &w->flows[i];
        const guint8 *tcp = flow->question + flow->l4;
        const guint8 *own = tcp - 2 * s->address_len;
        gsize head = s->address_len == 4 ? IPV4_MIN : IPV6_LEN;
        if (flow->l4 != NET_FRAME_MIN + head)
            continue;
        const guint8 *from = s->addresses;
        const guint8 *to = s->addresses + s->address_len;
        guint16 from_port = get16(s->tcp), to_port = get16(s->tcp + 2);
        if (memcmp(own, to_guest ? to : from, s->address_len) == 0 &&
            memcmp(own + s->address_len, to_guest ? from : to,
                   s->address_len) == 0 &&
            get16(tcp) == (to_guest ? to_port : from_port) &&
            get16(tcp + 2) == (to_guest ? from_port : to_port))
            return &w->flows[i];
    }
    return NULL;
}

static void
forget(UserWindows *w, UserWindow *flow)
{
    *flow = w->flows[--w->n];
}

/* One byte far beyond the window, from the guest whom frame was for. */
static void
make_question(UserWindow *flow, const guint8 *frame, const Segment *s)
{
    bool v4 = s->address_len == 4;
    guint8 *ip = flow->question + NET_FRAME_MIN;
    gsize head = v4 ? IPV4_MIN : IPV6_LEN, n = s->address_len;

    memset(flow, 0, sizeof *flow);
    flow->l4 = NET_FRAME_MIN + head;
    flow->len = flow->l4 + TCP_MIN + 1;
    memcpy(flow->question, frame + 6, 6);
    memcpy(flow->question + 6, frame, 6);
    put16(flow->question + 12, v4 ? ETH_IPV4 : ETH_IPV6);
    if (v4) {
        ip[0] = 0x45;
        put16(ip + 2, (guint32) (flow->len - NET_FRAME_MIN));
        ip[8] = 64;
        ip[9] = PROTO_TCP;
    } else {
        ip[0] = 0x60;
        put16(ip + 4, TCP_MIN + 1);
        ip[6] = PROTO_TCP;
        ip[7] = 64;
    }
    guint8 *tcp = ip + head;
    memcpy(tcp - 2 * n, s->addresses + n, n);
    memcpy(tcp - n, s->addresses, n);
    if (v4)
        put16(ip + 10, (guint16) ~offload_sum(ip, IPV4_MIN, 0));
    memcpy(tcp, s->tcp + 2, 2);
    memcpy(tcp + 2, s->tcp, 2);
    put32(tcp + 4, get32(s->tcp + 8) + FAR_AWAY);
    memcpy(tcp + 8, s->tcp + 4, 4);
    tcp[12] = TCP_MIN / 4 << 4;
    tcp[13] = ACK;
    put16(tcp + 14, G_MAXUINT16);
    guint32 pseudo = offload_sum(tcp - 2 * n, 2 * n, PROTO_TCP + TCP_MIN + 1);
    put16(tcp + 16, (guint16) ~offload_sum(tcp, TCP_MIN + 1, pseudo));
}

bool
user_windows_sent(UserWindows *w, const guint8 *frame, gsize len)
{
    Segment s;

    if (!parse(&s, frame, len))
        return true;
    UserWindow *flow = find(w, &s, true);
    guint16 window = get16(s.tcp + 14);
    guint32 ack = get32(s.tcp + 8);
    bool plain = (s.tcp[13] & (SYN | FIN | RST | ACK)) == ACK;
    bool asked = flow != NULL && flow->asked;
    if (asked && plain && s.payload == 0 && ack == flow->ack &&
        window <= flow->window) {
        flow->asked = false;
        return false;
    }
    if (!plain || window >= LITTLE) {
        if (flow != NULL)
            forget(w, flow);
        return true;
    }
    if (flow == NULL && w->n < USER_WINDOW_FLOWS)
        flow = &w->flows[w->n++];
    if (flow == NULL)
        return true;
    make_question(flow, frame, &s);
    flow->ack = ack;
    flow->window = window;
    return true;
}

void
user_windows_came(UserWindows *w, const guint8 *frame, gsize len)
{
    Segment s;

    if (w->n == 0 || !parse(&s, frame, len) ||
        (s.tcp[13] & (SYN | FIN | RST)) == 0)
        return;
    UserWindow *flow = find(w, &s, false);
    if (flow != NULL)
        forget(w, flow);
}

void
user_windows_ask(UserWindows *w,
                 void (*input)(void *data, const guint8 *frame, gsize len),
                 void *data)
{
    /* from behind: an answer may take its own away, and put the last there */
    for (unsigned i = w->n; i-- > 0;) {
        if (i >= w->n)
            continue;
        UserWindow question = w->flows[i];
        w->flows[i].asked = true;
        input(data, question.question, question.len);
    }
}
