/* vmm/char/char-internal.h - what the front, the peers and the kinds of
 * vmm/char share.
 *
 * Everybody who gets output reads the same scrollback ring from a position of
 * its own. So a slow peer costs no memory, and when it is more than the ring
 * behind it simply loses the oldest bytes. */
#pragma once

#include "vmm/char/char.h"

#define CHAR_RING_BYTES (256u << 10)

typedef struct {
    GMutex lock;  /* L2 guards head, data */
    guint64 head; /* bytes put since the start; position of the next one */
    guint8 *data; /* CHAR_RING_BYTES */
} CharRing;

void char_ring_init(CharRing *ring);
void char_ring_done(CharRing *ring);
/* All three: any thread. */
void char_ring_put(CharRing *ring, const guint8 *data, gsize len);
guint64 char_ring_head(CharRing *ring);
/* Copies at most cap bytes from *pos on and returns how many; *pos does not
 * move but to the oldest byte when what it named is overwritten. */
gsize char_ring_copy(CharRing *ring, guint64 *pos, guint8 *dst, gsize cap);

/* One end of a byte stream: an attached or accepted socket, or the master of
 * a pty. Loop thread. */
typedef struct {
    CharLink *link;
    int fd;
    bool is_socket;
    bool ended;   /* the other side will not send any more */
    bool stalled; /* input waits until the model has room */
    bool offline; /* pty without a reader: no watches, no output */
    guint in_watch, out_watch;
    guint64 pos; /* in the ring: what it gets next */
    /* NULL: close and forget it. Called instead, the peer stays. */
    void (*hung_up)(gpointer data);
    gpointer hung_up_data;
} CharPeer;

typedef enum { CHAR_ARG_NONE, CHAR_ARG_OPTIONAL, CHAR_ARG_REQUIRED } CharArg;

/* A kind of char_open(): one const instance each. Functions may be NULL. */
typedef struct {
    const char *name;
    CharArg arg;
    const char *arg_help; /* "path of the socket" */
    /* Host resources, on the caller's thread; sets link->description and
     * link->transport. close() runs also after a failed open(). */
    bool (*open)(CharLink *link, const char *arg, GError **error);
    void (*close)(CharLink *link);
    void (*destroy)(CharLink *link); /* transport; nobody uses link any more */
    /* Watches; loop thread (stop: or the loop has ended). */
    void (*start)(CharLink *link);
    void (*stop)(CharLink *link);
    void (*flush)(CharLink *link); /* new output in the ring; loop thread */
} CharKind;

extern const CharKind char_pty_kind, char_socket_kind, char_file_kind;

struct CharLink {
    gatomicrefcount refs; /* the owner; jobs of the file kind */
    const CharKind *kind;
    char *description;
    gpointer transport;
    Loop *loop;
    CharRing ring;
    int kick_fd; /* an eventfd: something in `pending` */
    guint kick_watch;
    GSource *kick_source; /* destroyed by the loop when it ends before us */

    GMutex lock; /* L2 guards flush_wanted, rx_wanted, attach */
    bool flush_wanted, rx_wanted;
    GArray *attach; /* CharAttach: descriptors on their way to the loop */

    /* Loop thread only. */
    GSource *gap;     /* fires when output may be written again */
    gint64 window_us; /* start of the present window */
    unsigned flushes; /* in it */
    const CharOps *ops;
    void *dev;
    void (*watcher)(void *data);
    void *watcher_data;
    GPtrArray *peers;   /* CharPeer * */
    GByteArray *inject; /* typed by char_inject(), not yet received */
    gsize inject_at;    /* bytes of it already received */
};

CharLink *char_link_ref(CharLink *link);
void char_link_unref(CharLink *link);

/* Runs fn on the loop; here, when the loop has ended. */
void char_call(CharLink *link, void (*fn)(void *data), void *data);
bool char_loop_is_alive(const CharLink *link);
guint char_watch(CharLink *link, int fd, GIOCondition events,
                 void (*ready)(int fd, GIOCondition ev, void *data),
                 void *data);
void char_unwatch(CharLink *link, guint *id); /* 0 is fine */
/* Bytes the model takes now; 0 also while injected text comes first. */
gsize char_room(CharLink *link);
void char_deliver(CharLink *link, const guint8 *data, gsize len);

/* peer.c; loop thread. Takes fd over. NULL when there are too many. */
CharPeer *char_peer_add(CharLink *link, int fd, guint64 pos);
void char_peer_flush(CharPeer *peer);
void char_peer_listen(CharPeer *peer); /* input may come (again) */
void char_peer_pause(CharPeer *peer);  /* no watches */
void char_peer_free(gpointer peer);    /* element function of link->peers */
