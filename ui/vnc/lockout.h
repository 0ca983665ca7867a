/* ui/vnc/lockout.h - who has guessed passwords, and how long it must wait.
 * Thread: one at a time. */
#pragma once

#include <sys/socket.h>

#include <glib.h>
#include <stdbool.h>

#define LOCKOUT_ENTRIES  64
#define LOCKOUT_FREE     5  /* wrong guesses before the first wait */
#define LOCKOUT_MAX_WAIT 60 /* seconds */

/* A source of connections: an IPv4 address, the upper half of an IPv6 address
 * (whoever has one has all of them), or "this host's users". */
typedef struct {
    guint64 address;
    guint8 family; /* 0: local */
} LockoutPeer;

typedef struct {
    struct {
        LockoutPeer peer;
        guint failures;     /* 0: free */
        gint64 until, last; /* microseconds, monotonic */
    } entries[LOCKOUT_ENTRIES];
} Lockout;

LockoutPeer lockout_peer(const struct sockaddr_storage *address);
/* Loopback, or not IP at all. */
bool lockout_peer_is_loopback(const struct sockaddr_storage *address);

/* True while the peer has to wait. */
bool lockout_is_locked(const Lockout *l, LockoutPeer peer, gint64 now_us);
/* A wrong password. From the fifth on the peer waits 1, 2, 4 .. 60 s. */
void lockout_failed(Lockout *l, LockoutPeer peer, gint64 now_us);
void lockout_succeeded(Lockout *l, LockoutPeer peer);
