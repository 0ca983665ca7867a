/* app/session/message.h - one line of the control protocol: a JSON object.
 * Thread: any one at a time. */
#pragma once

#include "app/json.h"

/* Reasons of "state" events by which a client that waits for the end knows
 * that it will not come. */
#define MESSAGE_STOP_EXPIRED "the guest did not power off in time"
#define MESSAGE_STOP_RESET   "the guest was reset instead of powered off"

/* NULL and error set (CARREL_SESSION_ERROR_PROTOCOL) unless text is exactly
 * one JSON object. Free with json_free(). */
JsonNode *message_parse(const char *text, gsize len, GError **error);

/* A writer with the object begun. */
JsonWriter *message_new(void);
/* Closes what is open; the text with a newline. Frees w. */
char *message_finish(JsonWriter *w, gsize *ret_len);

/* Members that app/json.h has no short form for. */
bool message_has(const JsonNode *message, const char *key);
double message_number(const JsonNode *message, const char *key,
                      double fallback);
