/* app/bench/net-peer.h - the other end of the bench's networks: it answers the
 * datagrams of share/bench-guest/net.c as 10.0.2.2, on a switch or, behind a
 * user network, on this host's loopback. Thread: opened and closed by one;
 * works on its own. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum { BENCH_PEER_PAYLOAD = 1472, BENCH_PEER_GROUP = 16 };

/* What the datagrams mean; without any network. */
typedef struct {
    guint32 received; /* since the last Z */
} BenchPeerState;

typedef void (*BenchPeerSend)(void *data, const guint8 *payload, gsize len);
/* One datagram came: 0 or more answers by send. What is no datagram of the
 * guest's is ignored. */
void bench_peer_take(BenchPeerState *state, const guint8 *payload, gsize len,
                     BenchPeerSend send, void *data);

/* Nothing came for a while: tells what did, so that the guest goes on. */
void bench_peer_idle(const BenchPeerState *state, BenchPeerSend send,
                     void *data);

typedef struct BenchPeer BenchPeer;

/* path: socket of the switch. NULL and error set. */
BenchPeer *bench_peer_open_switch(const char *path, GError **error);
BenchPeer *bench_peer_open_udp(GError **error);
guint16 bench_peer_port(const BenchPeer *peer);
void bench_peer_close(BenchPeer *peer); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BenchPeer, bench_peer_close)
