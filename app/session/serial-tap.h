/* app/session/serial-tap.h - one reader of a serial port that never sleeps.
 *
 * Keeps the latest output with absolute offsets, so that an `expect` that
 * comes late misses nothing, and copies it to the port's log. Thread: the one
 * that runs the context. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define MACHINE_MAX_SERIAL 4

typedef struct SerialTap SerialTap;

/* fd: connected stream of the port (owned). log_file may be NULL. */
SerialTap *serial_tap_new(int fd, const char *log_file, GMainContext *context);
void serial_tap_free(SerialTap *tap); /* NULL is fine */

/* Queues bytes towards the guest; false when 1 MiB is waiting already. */
bool serial_tap_send(SerialTap *tap, const void *data, gsize len);

/* Text since the end of the last match, as UTF-8 with bad bytes replaced by
 * U+FFFD; free with g_free. */
char *serial_tap_unmatched(SerialTap *tap);
/* Where that text begins, in bytes of all text there ever was. */
guint64 serial_tap_start(const SerialTap *tap);
/* Bytes (of the text that serial_tap_unmatched() gave) that were matched. */
void serial_tap_consume(SerialTap *tap, gsize bytes);

/* fn(data) after each batch of output; 0 is no id. */
guint serial_tap_watch(SerialTap *tap, void (*fn)(void *data), void *data);
void serial_tap_unwatch(SerialTap *tap, guint id);
