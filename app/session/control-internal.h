/* app/session/control-internal.h - shared by the control server's files. */
#pragma once

#include <glib-unix.h>

#include "app/session/control-server.h"
#include "app/session/message.h"

typedef struct Peer Peer;
typedef struct PeerJob PeerJob;
typedef struct Typist Typist;
typedef struct ScreenFeed ScreenFeed;

/* Something a request started and that answers later. Embedded first; cancel
 * runs when the peer goes, and it is never answered then. */
struct PeerJob {
    Peer *peer;
    gint64 id;
    void (*cancel)(PeerJob *job);
};

struct ControlServer {
    ControlConfig config;
    GMainContext *context;
    int listen_fd;
    GSource *accept_source;
    GPtrArray *peers; /* Peer */
    Typist *typist;
    bool closing;
};

struct Peer {
    ControlServer *server;
    int fd;
    GSource *in, *out;
    GByteArray *input;
    GQueue queue; /* OutItem */
    gsize queued; /* bytes in queue */
    bool subscribed;
    bool dead;       /* to be removed when the stack has unwound */
    bool hanging_up; /* closes when the queue is empty */
    bool has_source; /* input_source is valid */
    guint input_source;
    GPtrArray *jobs; /* PeerJob, not owned: they cancel themselves */
    ScreenFeed *screen;
};

/* An answer under construction: {"id":n,"ok":true so far. */
JsonWriter *peer_answer(Peer *peer, gint64 id);
/* Sends and frees. fd (owned, or -1) travels with it. */
void peer_send(Peer *peer, JsonWriter *out, int fd);
void peer_ok(Peer *peer, gint64 id);
/* Takes error over. */
void peer_fail(Peer *peer, gint64 id, GError *error);
void peer_kill(Peer *peer, const char *why);

/* False, after an answer, when the client has too many jobs for another. */
bool peer_has_room(Peer *peer, gint64 id);
void peer_job_add(Peer *peer, gint64 id, PeerJob *job,
                  void (*cancel)(PeerJob *job));
void peer_job_remove(PeerJob *job);

/* A request that ends later: what to give peer_pending_done(), which answers
 * it even when the peer has gone. NULL after an answer: too many of them. */
void *peer_pending_new(Peer *peer, gint64 id);
void peer_pending_done(void *pending, GError *error);

guint peer_source(Peer *peer);

/* Watches fd on the server's context; NULL-safe removal by source_drop. */
GSource *source_fd(GMainContext *context, int fd, GIOCondition events,
                   GUnixFDSourceFunc ready, void *data);
GSource *source_timeout(GMainContext *context, guint ms, GSourceFunc fire,
                        void *data);
void source_drop(GSource **source);

/* control-commands.c: runs one request; answers now or by a job. */
void control_dispatch(Peer *peer, const JsonNode *request);

/* control-screen.c */
void screen_request(Peer *peer, gint64 id, const JsonNode *request);
void screen_ack(Peer *peer, gint64 id, const JsonNode *request);
void screen_feed_free(ScreenFeed *feed);

/* control-speed.c */
void speed_request(Peer *peer, gint64 id, const JsonNode *request);

/* control-memory.c */
void memory_request(Peer *peer, gint64 id, const JsonNode *request);

/* control-net.c */
void nets_request(Peer *peer, gint64 id, const JsonNode *request);
void net_request(Peer *peer, gint64 id, const JsonNode *request);

/* control-plug.c */
void attach_request(Peer *peer, gint64 id, const JsonNode *request);
void detach_request(Peer *peer, gint64 id, const JsonNode *request);
void cards_request(Peer *peer, gint64 id, const JsonNode *request);

/* control-expect.c */
void expect_request(Peer *peer, gint64 id, const JsonNode *request);

/* control-type.c: paced typing, one queue for the machine. */
Typist *typist_new(ControlServer *server);
void typist_free(Typist *typist);
void type_text_request(Peer *peer, gint64 id, const JsonNode *request);
void type_keys_request(Peer *peer, gint64 id, const JsonNode *request);
void input_request(Peer *peer, gint64 id, const JsonNode *request);
