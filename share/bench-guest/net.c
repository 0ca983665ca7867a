/* share/bench-guest/net.c - "net DRIVER UNIT send|receive|ping COUNT PORT
 * irq|poll": UDP datagrams to and from a program at 10.0.2.2, which does as
 * their first byte says (app/bench/net-peer.h):
 *
 *   D  data; each GROUPth is answered by A and how many have come
 *   R  send as many d as the number says, of full length
 *   P  comes back as p
 *   Z  count from 0 again; answered by z
 *   t  from the other end, when nothing has come for a while: how many came;
 *      what is not there by now is lost
 *
 * A number is four bytes at offset 4, least significant first. WINDOW datagrams
 * are under way at most, which buffers on the way can hold as a rule. */
#include "share/bench-guest/net.h"

#define WINDOW      64u
#define GROUP       16u
#define MAC_LEN     6u
#define OWN_IP      0x0a00020fu /* 10.0.2.15 */
#define PEER_IP     0x0a000202u
#define OWN_PORT    7000u
#define TYPE_IP     0x0800u
#define TYPE_ARP    0x0806u
#define ETH_LEN     14u
#define ARP_LEN     28u
#define IP_LEN      20u
#define HEADERS     (ETH_LEN + IP_LEN + 8)
#define PAYLOAD     (NET_FRAME_MAX - HEADERS)
#define PING_LEN    64u
#define PROTO_UDP   17u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

static const NetDriver *const drivers[] = {&virtio_net_driver};

typedef struct {
    const NetDriver *driver;
    u32 unit, port;
    bool poll;
    u8 peer_mac[MAC_LEN];
    bool knows_peer;
} Link;

static void
put16(u8 *at, u32 value)
{
    at[0] = (u8) (value >> 8);
    at[1] = (u8) value;
}

static void
put32(u8 *at, u32 value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static u32
get16(const u8 *at)
{
    return (u32) at[0] << 8 | at[1];
}

static u32
get32(const u8 *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static u32
ip_checksum(const u8 *header)
{
    u32 sum = 0;

    for (u32 i = 0; i < IP_LEN; i += 2)
        sum += get16(header + i);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~(sum + (sum >> 16)) & 0xffff;
}

static void
put_ethernet(const Link *l, u8 *frame, const u8 *to, u32 type)
{
    memory_copy(frame, to, MAC_LEN);
    memory_copy(frame + MAC_LEN, l->driver->mac(l->unit), MAC_LEN);
    put16(frame + 2 * MAC_LEN, type);
}

/* RFC 826, Ethernet and IPv4 */
static void
send_arp(Link *l, u32 operation, const u8 *to, u32 to_ip)
{
    static const u8 kind[] = {0, 1, 8, 0, 6, 4};
    u8 *frame = l->driver->next(l->unit), *arp = frame + ETH_LEN;

    put_ethernet(l, frame, to, TYPE_ARP);
    memory_copy(arp, kind, sizeof kind);
    put16(arp + 6, operation);
    memory_copy(arp + 8, l->driver->mac(l->unit), MAC_LEN);
    put32(arp + 14, OWN_IP);
    memory_copy(arp + 18, to, MAC_LEN);
    put32(arp + 24, to_ip);
    l->driver->send(l->unit, ETH_LEN + ARP_LEN);
    l->driver->kick(l->unit);
}

static void
take_arp(Link *l, const u8 *arp)
{
    if (get32(arp + 14) == PEER_IP) {
        memory_copy(l->peer_mac, arp + 8, MAC_LEN);
        l->knows_peer = true;
    }
    if (get16(arp + 6) == ARP_REQUEST && get32(arp + 24) == OWN_IP)
        send_arp(l, ARP_REPLY, arp + 8, get32(arp + 14));
}

/* RFC 791, 768; a UDP checksum of 0 is none. Call kick() afterwards. */
static void
send_datagram(Link *l, u8 kind, u32 number, u32 len)
{
    u8 *frame = l->driver->next(l->unit), *ip = frame + ETH_LEN;

    put_ethernet(l, frame, l->peer_mac, TYPE_IP);
    memory_set(ip, 0, HEADERS - ETH_LEN);
    ip[0] = 0x45;
    put16(ip + 2, IP_LEN + 8 + len);
    ip[8] = 64;
    ip[9] = PROTO_UDP;
    put32(ip + 12, OWN_IP);
    put32(ip + 16, PEER_IP);
    put16(ip + 10, ip_checksum(ip));
    put16(ip + IP_LEN, OWN_PORT);
    put16(ip + IP_LEN + 2, l->port);
    put16(ip + IP_LEN + 4, 8 + len);
    frame[HEADERS] = kind;
    *(u32 *) (frame + HEADERS + 4) = number;
    l->driver->send(l->unit, HEADERS + len);
}

/* Next datagram of the peer: its kind and number; 0: there was none. */
static u8
receive_now(Link *l, u32 *ret_number)
{
    u8 kind = 0, *frame;
    u32 len;

    while (kind == 0 && (frame = l->driver->receive(l->unit, &len)) != NULL) {
        u32 type = get16(frame + 2 * MAC_LEN);
        if (type == TYPE_ARP && len >= ETH_LEN + ARP_LEN)
            take_arp(l, frame + ETH_LEN);
        if (type == TYPE_IP && len >= HEADERS + 8 &&
            frame[ETH_LEN + 9] == PROTO_UDP) {
            kind = frame[HEADERS];
            *ret_number = *(u32 *) (frame + HEADERS + 4);
        }
        l->driver->release(l->unit);
    }
    return kind;
}

/* Waits for one of this kind: its number. False: t came, *ret_number is how
 * many of ours have arrived. */
static bool
receive_kind(Link *l, u8 wanted, u32 *ret_number)
{
    for (;;) {
        u8 kind = receive_now(l, ret_number);
        if (kind == wanted || kind == 't')
            return kind == wanted;
        if (kind == 0)
            l->driver->wait(l->unit, l->poll);
    }
}

static void
find_peer(Link *l)
{
    static const u8 everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    u32 number;

    send_arp(l, ARP_REQUEST, everybody, PEER_IP);
    for (;;) {
        (void) receive_now(l, &number);
        if (l->knows_peer)
            break;
        l->driver->wait(l->unit, l->poll);
    }
    do {
        send_datagram(l, 'Z', 0, PING_LEN);
        l->driver->kick(l->unit);
    } while (!receive_kind(l, 'z', &number));
}

/* count: a multiple of GROUP here and below */
static void
run_send(Link *l, u32 count)
{
    u32 sent = 0, acked = 0;

    while (acked < count) {
        while (sent < count && sent - acked < WINDOW) {
            send_datagram(l, 'D', sent, PAYLOAD);
            if (++sent % GROUP == 0)
                l->driver->kick(l->unit);
        }
        l->driver->kick(l->unit);
        if (!receive_kind(l, 'A', &acked) || acked > sent)
            sent = acked;
    }
}

static void
run_receive(Link *l, u32 count)
{
    u32 asked = 0, number;

    for (u32 got = 0; got < count;) {
        while (asked < count && asked - got < WINDOW) {
            send_datagram(l, 'R', GROUP, PING_LEN);
            l->driver->kick(l->unit);
            asked += GROUP;
        }
        bool came = receive_kind(l, 'd', &number);
        got += came;
        if (!came || got > asked)
            asked = got;
    }
}

static void
run_ping(Link *l, u32 count)
{
    u32 number;

    do {
        send_datagram(l, 'P', count, PING_LEN);
        l->driver->kick(l->unit);
        count -= receive_kind(l, 'p', &number);
    } while (count > 0);
}

static const struct {
    const char *name;
    void (*run)(Link *l, u32 count);
    u32 group;
} modes[] = {{"send", run_send, GROUP},
             {"receive", run_receive, GROUP},
             {"ping", run_ping, 1}};

const char *
command_net(const Args *args)
{
    Link l = {.unit = args_number(args, 2),
              .port = args_number(args, 5),
              .poll = text_is("poll", args_word(args, 6))};

    for (u32 i = 0; i < COUNT(drivers); i++)
        if (text_is(drivers[i]->name, args_word(args, 1)))
            l.driver = drivers[i];
    if (l.driver == NULL || !l.driver->open(l.unit))
        return "no such card";
    for (u32 i = 0; i < COUNT(modes); i++) {
        if (!text_is(modes[i].name, args_word(args, 3)))
            continue;
        find_peer(&l);
        u32 group = modes[i].group;
        u32 count = (args_number(args, 4) + group - 1) / group * group;
        mark_begin();
        modes[i].run(&l, count);
        mark_end();
        return NULL;
    }
    return "no such mode";
}
