/* ui/vnc/handshake.h - RFB's way in, before the VNC library sees a viewer.
 *
 * No sockets: bytes in, bytes out. The library waits for whoever is slow; so a
 * stranger talks to this first, and only viewers that know the password get
 * further. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define VNC_CHALLENGE_SIZE 16

typedef enum {
    HANDSHAKE_VERSION,  /* waits for the viewer's version */
    HANDSHAKE_SECURITY, /* for its choice of security (3.7 on) */
    HANDSHAKE_PASSWORD, /* for the answer to the challenge */
    HANDSHAKE_CHECK,    /* for handshake_result() */
    HANDSHAKE_INIT,     /* for ClientInit */
    HANDSHAKE_DONE,
    HANDSHAKE_FAILED /* send what is in out, then close */
} HandshakeStage;

typedef struct {
    HandshakeStage stage;
    bool need_password;
    const char *refuse; /* static text: say why and fail; NULL: go on */
    guint minor;        /* 3, 7 or 8 */
    guint8 challenge[VNC_CHALLENGE_SIZE];
    guint8 response[VNC_CHALLENGE_SIZE];
    const char *why; /* what failed, for the log */
} Handshake;

/* Appends the server's version to out. challenge: random. refuse may be set
 * any time before the viewer's version has come. */
void handshake_begin(Handshake *h, bool need_password, const guint8 *challenge,
                     GByteArray *out);
/* Takes what it can use of data and appends answers to out; returns how many
 * bytes it took. */
gsize handshake_feed(Handshake *h, const guint8 *data, gsize len,
                     GByteArray *out);
/* In HANDSHAKE_CHECK: the password was right, or why not (static text). */
void handshake_result(Handshake *h, bool ok, const char *reason,
                      GByteArray *out);

/* Compares in constant time. */
bool handshake_password_ok(const Handshake *h, const char *password);
