/* app/session/control-client.h - a connection to a running machine.
 *
 * Two ways to use one: calls that wait for their answer, for verbs; or
 * control_client_watch() and control_client_send(), for the TUI, where every
 * message comes by callback. Thread: one at a time. */
#pragma once

#include "app/session/message.h"

typedef struct ControlClient ControlClient;

/* Connects and shakes hands. NULL and error set: CARREL_SESSION_ERROR_STATE
 * when the machine is not running, _TIMEOUT when its process does not answer,
 * _PROTOCOL when it speaks another version. Waits up to 5 s. */
ControlClient *control_client_open(const char *name, GError **error);
/* The same on a connected socket (owned, also on failure). */
ControlClient *control_client_open_fd(int fd, GError **error);
/* Without the handshake and without waiting, for the TUI. */
ControlClient *control_client_open_async(const char *name, GError **error);
void control_client_free(ControlClient *client); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlClient, control_client_free)

/* Starts a request; add its members, then call or send it. */
JsonWriter *control_request(const char *op);

/* Sends (and frees) the request and waits for its answer, timeout_ms < 0: for
 * ever. NULL and error set: what the machine answered, or
 * CARREL_SESSION_ERROR_CLOSED/_TIMEOUT. ret_fd (may be NULL) gets the
 * descriptor that came along, or -1. Events that arrive meanwhile are kept. */
JsonNode *control_client_call(ControlClient *client, JsonWriter *request,
                              int timeout_ms, int *ret_fd, GError **error);
/* control_client_call() for an answer without content. */
bool control_client_do(ControlClient *client, JsonWriter *request,
                       int timeout_ms, GError **error);
/* Next event, waiting for it. NULL and error set as above. */
JsonNode *control_client_next_event(ControlClient *client, int timeout_ms,
                                    int *ret_fd, GError **error);
/* The error that an answer carries, or NULL. */
GError *control_answer_error(const JsonNode *answer);

/* Messages by callback on context: fd is -1 or owned by the callee; message
 * NULL: the connection is gone (once, the last call). The callee may free the
 * client in that last call only. */
typedef void (*ControlMessageFn)(void *data, const JsonNode *message, int fd);
void control_client_watch(ControlClient *client, GMainContext *context,
                          ControlMessageFn fn, void *data);
/* Queues and frees the request; returns the id of its answer. */
gint64 control_client_send(ControlClient *client, JsonWriter *request);
