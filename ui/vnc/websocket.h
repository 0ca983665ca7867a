/* ui/vnc/websocket.h - WebSocket (RFC 6455), the server's side, for browsers.
 *
 * No sockets: bytes in, bytes out. Only binary messages; no extensions, no
 * TLS. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define WEBSOCKET_MAX_REQUEST 8192

/* Looks at the HTTP request at data. Returns its size when it is complete, 0
 * when bytes are missing, -1 when it is no upgrade to WebSocket. Unless 0, the
 * answer is appended to reply. any_origin: pages of any site may connect (a
 * password keeps them out); else only those that this host served. */
int websocket_upgrade(const guint8 *data, gsize len, bool any_origin,
                      GByteArray *reply);

/* Zero at first. */
typedef struct {
    guint8 header[14]; /* of the frame being read */
    guint header_len;
    bool in_payload;
    guint8 opcode, mask[4];
    guint64 left, done; /* bytes of the payload */
    guint8 control[125];
    guint control_len;
    bool in_message; /* a fragmented message goes on */
    bool closed;     /* the peer said good-bye */
} WebSocket;

/* Takes all of data: payload is appended to in, answers (pong, close) as whole
 * frames to out. False: it broke the protocol. */
bool websocket_decode(WebSocket *ws, const guint8 *data, gsize len,
                      GByteArray *in, GByteArray *out);
/* Appends len bytes as one binary frame. */
void websocket_encode(const guint8 *data, gsize len, GByteArray *out);
