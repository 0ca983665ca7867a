/* app/session/machine-log.c - the log files of a machine: capped, rotated,
 * never in the way of the guest. */
#include "app/session/machine-log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "vmm/core/sysutil.h"

#define RETRY_US    (5 * G_USEC_PER_SEC)
#define LINE_MAX_CH 2000 /* characters of one line before it is cut */
/* A guest that makes us log in a loop gets this many lines a second. */
#define LINES_PER_S 200

struct MachineLog {
    char *file;
    bool raw;
    gsize limit;
    GMutex lock; /* L2 guards all below */
    int fd;
    gsize size;
    gint64 retry_at;  /* us; no opening before */
    guint64 lost;     /* since the start */
    guint64 unsaid;   /* lost and not yet reported in the file */
    gint64 window_us; /* start of the current second */
    unsigned in_window;
};

static void
log_open(MachineLog *log)
{
    gint64 now = g_get_monotonic_time();
    if (log->fd >= 0 || now < log->retry_at)
        return;
    log->retry_at = now + RETRY_US;
    log->fd = open(log->file,
                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                       O_NOCTTY | O_NONBLOCK,
                   0600);
    struct stat st;
    if (log->fd >= 0 && fstat(log->fd, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            sys_close(&log->fd); /* a fifo or a device is not a log */
        else
            log->size = (gsize) st.st_size;
    }
}

static void
log_rotate(MachineLog *log)
{
    g_autofree char *one = g_strdup_printf("%s.1", log->file);
    g_autofree char *two = g_strdup_printf("%s.2", log->file);

    sys_close(&log->fd);
    /* A rename that fails leaves the file over its limit: then it is
     * truncated, for the cap matters more than the history. */
    (void) rename(one, two);
    if (rename(log->file, one) != 0)
        (void) truncate(log->file, 0);
    log->retry_at = 0;
    log_open(log);
}

MachineLog *
machine_log_new(const char *file, bool raw, gsize limit)
{
    MachineLog *log = g_new0(MachineLog, 1);
    log->file = g_strdup(file);
    log->raw = raw;
    log->limit = limit;
    log->fd = -1;
    g_mutex_init(&log->lock);
    log_open(log);
    if (raw && log->fd >= 0 && log->size > 0)
        log_rotate(log); /* no time stamps: one file for each start */
    return log;
}

void
machine_log_free(MachineLog *log)
{
    if (log == NULL)
        return;
    sys_close(&log->fd);
    g_mutex_clear(&log->lock);
    g_free(log->file);
    g_free(log);
}

/* Called with the lock held. */
static void
log_put(MachineLog *log, const void *data, gsize len)
{
    log_open(log);
    if (log->fd >= 0 && log->size + len > log->limit)
        log_rotate(log);
    if (log->fd >= 0 && sys_write_all(log->fd, data, len)) {
        log->size += len;
        return;
    }
    log->lost++;
    log->unsaid++;
    if (log->fd >= 0) {
        sys_close(&log->fd); /* ENOSPC, EIO: try again later */
        log->retry_at = g_get_monotonic_time() + RETRY_US;
    }
}

static void
log_stamp(GString *out)
{
    struct timespec now;
    struct tm local;
    char text[32];

    (void) clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local) == 0)
        *text = '\0';
    g_string_append_printf(out, "%s.%03d", text, (int) (now.tv_nsec / 1000000));
}

static void
log_append_clean(GString *out, const char *line)
{
    g_autofree char *valid = g_utf8_make_valid(line, -1);
    gsize n = 0;
    for (const char *p = valid; *p != '\0' && n < LINE_MAX_CH;
         p = g_utf8_next_char(p), n++) {
        gunichar c = g_utf8_get_char(p);
        if (c == '\n')
            g_string_append(out, "\n    ");
        else if (c != '\t' && (c < 0x20 || (c >= 0x7f && c < 0xa0)))
            g_string_append_printf(out, "\\x%02x", c); /* C0, DEL, C1 */
        else
            g_string_append_unichar(out, c);
    }
}

static bool
log_too_many(MachineLog *log)
{
    gint64 now = g_get_monotonic_time();
    if (now - log->window_us > G_USEC_PER_SEC) {
        log->window_us = now;
        log->in_window = 0;
    }
    return ++log->in_window > LINES_PER_S;
}

void
machine_log_line(MachineLog *log, const char *source, const char *line)
{
    g_autoptr(GString) out = g_string_new(NULL);

    log_stamp(out);
    g_string_append_printf(out, " %s: ", source);
    log_append_clean(out, line);
    if (out->len > 0 && out->str[out->len - 1] != '\n')
        g_string_append_c(out, '\n');

    g_mutex_lock(&log->lock);
    if (log_too_many(log)) {
        log->lost++;
        log->unsaid++;
    } else {
        if (log->unsaid > 0) {
            g_autofree char *note = g_strdup_printf(
                "... %" G_GUINT64_FORMAT " lines lost\n", log->unsaid);
            guint64 said = log->unsaid;
            guint64 before = log->lost;
            log_put(log, note, strlen(note));
            if (log->lost == before)
                log->unsaid -= said;
        }
        log_put(log, out->str, out->len);
    }
    g_mutex_unlock(&log->lock);
}

void
machine_log_bytes(MachineLog *log, const void *data, gsize len)
{
    g_mutex_lock(&log->lock);
    log_put(log, data, len);
    g_mutex_unlock(&log->lock);
}

guint64
machine_log_lost(MachineLog *log)
{
    g_mutex_lock(&log->lock);
    guint64 lost = log->lost;
    g_mutex_unlock(&log->lock);
    return lost;
}
