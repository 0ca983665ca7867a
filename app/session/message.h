/* app/session/message.h - one line of the control protocol: a JSON object.
 *
 * Reading gives a small immutable tree; bounded in depth, linear in the size
 * of the text. Thread: any one at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Message Message;

/* NULL and error set (CARREL_SESSION_ERROR_PROTOCOL) unless text is exactly
 * one JSON object in UTF-8. */
Message *message_parse(const char *text, gsize len, GError **error);
void message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)

/* Members; the fallback when it is absent or of another type. Strings are
 * borrowed from the message. */
bool message_has(const Message *m, const char *key);
const char *message_string(const Message *m, const char *key,
                           const char *fallback);
gint64 message_int(const Message *m, const char *key, gint64 fallback);
double message_number(const Message *m, const char *key, double fallback);
bool message_bool(const Message *m, const char *key, bool fallback);
/* Borrowed object or array, or NULL. */
const Message *message_member(const Message *m, const char *key);
/* Arrays: length, and element i as a value that message_value_*() read. */
unsigned message_length(const Message *m);
const Message *message_item(const Message *m, unsigned i);
gint64 message_value_int(const Message *m, gint64 fallback);
const char *message_value_string(const Message *m, const char *fallback);

/* Writing: one object, built front to back. Invalid UTF-8 is replaced. */
typedef struct MessageOut MessageOut;
MessageOut *message_out_new(void);
void message_out_free(MessageOut *out);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MessageOut, message_out_free)
/* key NULL inside an array. */
void message_put_string(MessageOut *out, const char *key, const char *value);
void message_put_int(MessageOut *out, const char *key, gint64 value);
void message_put_number(MessageOut *out, const char *key, double value);
void message_put_bool(MessageOut *out, const char *key, bool value);
void message_begin_object(MessageOut *out, const char *key);
void message_begin_array(MessageOut *out, const char *key);
void message_end(MessageOut *out);
/* Closes the object and returns its text with a newline; frees out. */
char *message_out_finish(MessageOut *out, gsize *ret_len);
