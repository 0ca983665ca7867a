/* ui/vnc/lockout.c - see lockout.h. */
#include "ui/vnc/lockout.h"

#include <string.h>

#include <netinet/in.h>

static const struct in6_addr *
address6(const struct sockaddr_storage *address)
{
    return &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr;
}

static guint32
address4(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *in =
        (const struct sockaddr_in *) (const void *) address;
    return ntohl(in->sin_addr.s_addr);
}

LockoutPeer
lockout_peer(const struct sockaddr_storage *address)
{
    LockoutPeer peer = {0, 0};

    if (address->ss_family == AF_INET) {
        peer = (LockoutPeer){address4(address), AF_INET};
    } else if (address->ss_family == AF_INET6) {
        const guint8 *bytes = address6(address)->s6_addr;
        /* ::ffff:1.2.3.4 is an IPv4 peer; all of them share the upper half. */
        gsize from = IN6_IS_ADDR_V4MAPPED(address6(address)) ? 8 : 0;
        peer.family = AF_INET6;
        memcpy(&peer.address, bytes + from, sizeof peer.address);
    }
    return peer;
}

bool
lockout_peer_is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return address4(address) >> 24 == 127;
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(address6(address));
    return true;
}

static gsize
find(const Lockout *l, LockoutPeer peer)
{
    for (gsize i = 0; i < LOCKOUT_ENTRIES; i++) {
        if (l->entries[i].failures > 0 &&
            l->entries[i].peer.address == peer.address &&
            l->entries[i].peer.family == peer.family)
            return i;
    }
    return LOCKOUT_ENTRIES;
}

/* A free entry, or the one that has been quiet for longest. */
static gsize
place_for_another(const Lockout *l)
{
    gsize best = 0;

    for (gsize i = 0; i < LOCKOUT_ENTRIES; i++) {
        if (l->entries[i].failures == 0)
            return i;
        if (l->entries[i].last < l->entries[best].last)
            best = i;
    }
    return best;
}

bool
lockout_is_locked(const Lockout *l, LockoutPeer peer, gint64 now_us)
{
    gsize i = find(l, peer);

    return i < LOCKOUT_ENTRIES && now_us < l->entries[i].until;
}

void
lockout_failed(Lockout *l, LockoutPeer peer, gint64 now_us)
{
    gsize i = find(l, peer);

    if (i == LOCKOUT_ENTRIES) {
        i = place_for_another(l);
        memset(&l->entries[i], 0, sizeof l->entries[i]);
        l->entries[i].peer = peer;
    }
    guint n = ++l->entries[i].failures;
    l->entries[i].last = now_us;
    if (n >= LOCKOUT_FREE) {
        gint64 wait = n - LOCKOUT_FREE >= 6
                          ? LOCKOUT_MAX_WAIT
                          : G_GINT64_CONSTANT(1) << (n - LOCKOUT_FREE);
        l->entries[i].until = now_us + wait * G_USEC_PER_SEC;
    }
}

void
lockout_succeeded(Lockout *l, LockoutPeer peer)
{
    gsize i = find(l, peer);

    if (i < LOCKOUT_ENTRIES)
        l->entries[i].failures = 0;
}
