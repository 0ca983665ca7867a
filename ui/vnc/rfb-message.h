/* ui/vnc/rfb-message.h - the messages a viewer may send once it is in.
 *
 * The VNC library waits for the rest of a message it has begun to read, and
 * understands messages that this server does not offer. So each message is
 * measured and checked here, and only whole, wanted ones go on. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* RFC 6143 section 7.5; 251 and 255 are registered extensions. */
#define RFB_SET_PIXEL_FORMAT 0
#define RFB_SET_ENCODINGS    2
#define RFB_UPDATE_REQUEST   3
#define RFB_KEY_EVENT        4
#define RFB_POINTER_EVENT    5
#define RFB_CUT_TEXT         6
#define RFB_SET_DESKTOP_SIZE 251
#define RFB_QEMU             255

/* No message to keep is longer; the text of a cut is not kept. */
#define RFB_MAX_MESSAGE 4100

/* Pseudo-encodings this server answers itself. */
#define RFB_FEATURE_EXTENDED_KEYS  (1u << 0) /* -258 */
#define RFB_FEATURE_LED_STATE      (1u << 1) /* -261 */
#define RFB_FEATURE_POINTER_TYPE   (1u << 2) /* -257 */

#define RFB_ENCODING_POINTER_TYPE  (-257)
#define RFB_ENCODING_EXTENDED_KEYS (-258)
#define RFB_ENCODING_LED_STATE     (-261)

guint16 rfb_get16(const guint8 *at);
guint32 rfb_get32(const guint8 *at);
void rfb_put16(guint8 *at, guint16 value);
void rfb_put32(guint8 *at, guint32 value);

/* Bytes of the message that begins at data, 0: not enough to tell yet, -1: a
 * message that no viewer of this server sends; *ret_why says what is wrong.
 * *ret_skip bytes that follow it are to be thrown away. */
int rfb_message_size(const guint8 *data, gsize len, guint32 *ret_skip,
                     const char **ret_why);

/* A whole SetEncodings: removes in place the encodings that the library must
 * not learn of, returns the new size; *ret_features is what we answer. */
int rfb_filter_encodings(guint8 *message, guint *ret_features);
