/* vmm/net/user-window.h - tells a guest that the receive window of libslirp's
 * TCP has opened again.
 *
 * libslirp (4.7) says how much room it has when it answers a segment, and then
 * no more: a guest that was told "none", because the socket of the host took
 * nothing for a while, hears of the room that the socket has made only when it
 * asks (the persist timer: RFC 9293, 3.8.6.1; 200 ms and more in Linux). So the
 * role asks in the guest's place when a socket has taken something, by a
 * segment beyond the window: libslirp drops it and answers with its state.
 *
 * Source: RFC 9293, 3.10.7.4 (unacceptable segments). Thread: the role's. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define USER_WINDOW_FLOWS 64 /* at once; who comes then asks by himself */

typedef struct {
    guint8 question[14 + 40 + 20 + 1]; /* whole frame, checksums filled */
    gsize len;
    gsize l4;       /* where TCP begins in it */
    guint32 ack;    /* libslirp's last */
    guint16 window; /* in bytes */
    bool asked;
} UserWindow;

/* Connections whose guest was told of little room. */
typedef struct {
    UserWindow flows[USER_WINDOW_FLOWS];
    unsigned n;
} UserWindows;

/* A frame for the guest. False: it is an answer to a question of the role that
 * says nothing new; it must not go, for the guest would take it for a sign that
 * a segment was lost. */
bool user_windows_sent(UserWindows *w, const guint8 *frame, gsize len);
/* A frame from the guest: one that begins or ends a connection ends the
 * questions about it. */
void user_windows_came(UserWindows *w, const guint8 *frame, gsize len);
/* Asks about every connection; input() gets whole frames, and its answers come
 * by user_windows_sent(). */
void user_windows_ask(UserWindows *w,
                      void (*input)(void *data, const guint8 *frame, gsize len),
                      void *data);
