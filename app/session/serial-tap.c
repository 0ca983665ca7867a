/* app/session/serial-tap.c - one reader of a serial port that never sleeps. */
#include "app/session/serial-tap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <glib-unix.h>

#include "app/session/machine-log.h"
#include "vmm/core/sysutil.h"

#define KEEP_BYTES (256 * 1024)
#define MAX_UNSENT (1024 * 1024)
#define LOG_LIMIT  (4 * 1024 * 1024)

typedef struct {
    guint id;
    void (*fn)(void *data);
    void *data;
} Watch;

struct SerialTap {
    int fd;
    GMainContext *context;
    GSource *in, *out;
    MachineLog *log;
    /* Output since the last match, cleaned: every byte is ASCII, a valid UTF-8
     * sequence's, or U+FFFD's. An incomplete sequence waits in partial. */
    GString *text;
    guint64 start; /* bytes that were cut off its front */
    char partial[4];
    gsize n_partial;
    GByteArray *unsent;
    GArray *watches; /* Watch */
    guint next_id;
};

static void
drop_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

static void
trim(SerialTap *tap)
{
    if (tap->text->len <= KEEP_BYTES)
        return;
    gsize cut = tap->text->len - KEEP_BYTES;
    while (cut < tap->text->len && (tap->text->str[cut] & 0xc0) == 0x80)
        cut++; /* not inside a character */
    g_string_erase(tap->text, 0, (gssize) cut);
    tap->start += cut;
}

static void
take_bytes(SerialTap *tap, const char *data, gsize len)
{
    g_autoptr(GString) joined =
        g_string_new_len(tap->partial, (gssize) tap->n_partial);
    g_string_append_len(joined, data, (gssize) len);
    tap->n_partial = 0;
    const char *p = joined->str;
    const char *end = joined->str + joined->len;
    while (p < end) {
        const char *bad;
        bool valid = g_utf8_validate(p, end - p, &bad);
        g_string_append_len(tap->text, p, bad - p);
        if (valid)
            break;
        if (g_utf8_get_char_validated(bad, end - bad) == (gunichar) -2 &&
            end - bad < 4) {
            tap->n_partial = (gsize) (end - bad);
            memcpy(tap->partial, bad, tap->n_partial);
            break;
        }
        /* NUL ends our strings, so it is dropped; the rest is shown as bad. */
        if (*bad != '\0')
            g_string_append(tap->text, "\xef\xbf\xbd");
        p = bad + 1;
    }
    trim(tap);
}

static gboolean
on_output(int fd, GIOCondition condition, gpointer data)
{
    SerialTap *tap = data;
    char chunk[16 * 1024];
    ssize_t n = SYS_RETRY(recv(fd, chunk, sizeof chunk, MSG_DONTWAIT));

    if (n < 0 && errno == EAGAIN)
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        drop_source(&tap->in);
        return G_SOURCE_CONTINUE;
    }
    if (tap->log != NULL)
        machine_log_bytes(tap->log, chunk, (gsize) n);
    take_bytes(tap, chunk, (gsize) n);
    /* A watch may remove itself or others: walk a copy, check each again. */
    g_autoptr(GArray) now = g_array_copy(tap->watches);
    for (guint i = 0; i < now->len; i++) {
        Watch *watch = &g_array_index(now, Watch, i);
        for (guint j = 0; j < tap->watches->len; j++) {
            if (g_array_index(tap->watches, Watch, j).id == watch->id) {
                watch->fn(watch->data);
                break;
            }
        }
    }
    return G_SOURCE_CONTINUE;
}

SerialTap *
serial_tap_new(int fd, const char *log_file, GMainContext *context)
{
    SerialTap *tap = g_new0(SerialTap, 1);
    tap->fd = fd;
    tap->context = g_main_context_ref(context);
    tap->text = g_string_new(NULL);
    tap->unsent = g_byte_array_new();
    tap->watches = g_array_new(FALSE, FALSE, sizeof(Watch));
    if (log_file != NULL)
        tap->log = machine_log_new(log_file, true, LOG_LIMIT);
    tap->in = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(tap->in, G_SOURCE_FUNC(on_output), tap, NULL);
    g_source_attach(tap->in, context);
    return tap;
}

void
serial_tap_free(SerialTap *tap)
{
    if (tap == NULL)
        return;
    drop_source(&tap->in);
    drop_source(&tap->out);
    machine_log_free(tap->log);
    g_string_free(tap->text, TRUE);
    g_byte_array_unref(tap->unsent);
    g_array_unref(tap->watches);
    g_main_context_unref(tap->context);
    sys_close(&tap->fd);
    g_free(tap);
}

static gboolean
on_room(int fd, GIOCondition condition, gpointer data)
{
    SerialTap *tap = data;
    ssize_t n = SYS_RETRY(send(fd, tap->unsent->data, tap->unsent->len,
                               MSG_NOSIGNAL | MSG_DONTWAIT));
    if (n < 0 && errno == EAGAIN)
        return G_SOURCE_CONTINUE;
    g_byte_array_remove_range(tap->unsent, 0,
                              n < 0 ? tap->unsent->len : (guint) n);
    if (tap->unsent->len == 0)
        drop_source(&tap->out);
    return G_SOURCE_CONTINUE;
}

bool
serial_tap_send(SerialTap *tap, const void *data, gsize len)
{
    if (len > MAX_UNSENT - tap->unsent->len)
        return false;
    if (len == 0)
        return true;
    g_byte_array_append(tap->unsent, data, (guint) len);
    if (tap->out == NULL) {
        tap->out = g_unix_fd_source_new(tap->fd, G_IO_OUT);
        g_source_set_callback(tap->out, G_SOURCE_FUNC(on_room), tap, NULL);
        g_source_attach(tap->out, tap->context);
    }
    return true;
}

char *
serial_tap_unmatched(SerialTap *tap)
{
    return g_strndup(tap->text->str, tap->text->len);
}

void
serial_tap_consume(SerialTap *tap, gsize bytes)
{
    gsize cut = MIN(bytes, tap->text->len);
    g_string_erase(tap->text, 0, (gssize) cut);
    tap->start += cut;
}

guint64
serial_tap_start(const SerialTap *tap)
{
    return tap->start;
}

guint
serial_tap_watch(SerialTap *tap, void (*fn)(void *data), void *data)
{
    Watch watch = {++tap->next_id, fn, data};
    g_array_append_val(tap->watches, watch);
    return watch.id;
}

void
serial_tap_unwatch(SerialTap *tap, guint id)
{
    for (guint i = 0; i < tap->watches->len; i++) {
        if (g_array_index(tap->watches, Watch, i).id == id) {
            g_array_remove_index(tap->watches, i);
            return;
        }
    }
}
