/* vmm/char/file.c - kind "file": output appended to a file, no input.
 *
 * Written by the loop's worker threads, one job at a time, straight from the
 * ring: a disk that hangs delays the file and nothing else. What the ring
 * loses meanwhile, or the disk has no room for, is missing in the file; a line
 * there says how much. */
#include "vmm/char/char-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define CHUNK     (16u << 10)
#define JOB_BYTES (1u << 20) /* then the thread goes to somebody else first */

typedef struct {
    bool job; /* one is under way; loop thread */

    GMutex lock; /* L1 guards fd, pos, lost; pool and closing thread only */
    int fd;
    guint64 pos;  /* in the ring: what is written next */
    guint64 lost; /* bytes not written, not yet told */
} CharFile;

/* Lock held. */
static void
tell_lost(CharFile *file)
{
    g_autofree char *line = NULL;

    if (file->lost == 0)
        return;
    line =
        g_strdup_printf("\n[%" G_GUINT64_FORMAT " bytes lost]\n", file->lost);
    if (sys_write_all(file->fd, line, strlen(line)))
        file->lost = 0;
}

/* Lock held. Writes what the ring has, up to a limit. */
static void
write_some(CharLink *link, CharFile *file)
{
    g_autofree guint8 *buf = g_malloc(CHUNK);

    for (gsize total = 0; file->fd >= 0 && total < JOB_BYTES;) {
        guint64 wanted = file->pos;
        gsize len = char_ring_copy(&link->ring, &file->pos, buf, CHUNK);
        file->lost += file->pos - wanted;
        if (len == 0)
            return;
        tell_lost(file);
        if (!sys_write_all(file->fd, buf, len))
            file->lost += len;
        file->pos += len;
        total += len;
    }
}

static int
file_work(void *data)
{
    CharLink *link = data;
    CharFile *file = link->transport;

    g_mutex_lock(&file->lock);
    write_some(link, file);
    bool more = file->fd >= 0 && file->pos < char_ring_head(&link->ring);
    g_mutex_unlock(&file->lock);
    return more;
}

static void
file_worked(void *data, int more)
{
    CharLink *link = data;
    CharFile *file = link->transport;

    file->job = false;
    if (more && link->kick_watch != 0)
        link->kind->flush(link);
    char_link_unref(link);
}

static void
file_flush(CharLink *link)
{
    CharFile *file = link->transport;

    if (file->job || !char_loop_is_alive(link))
        return;
    file->job = true;
    loop_offload(link->loop, file_work, file_worked, char_link_ref(link));
}

static bool
file_open(CharLink *link, const char *arg, GError **error)
{
    CharFile *file = g_new0(CharFile, 1);
    struct stat st;

    g_mutex_init(&file->lock);
    link->transport = file;
    link->description = g_strdup_printf("file:%s", arg);
    /* not through a symbolic link; a pipe nobody reads must not block us */
    file->fd = SYS_RETRY(open(arg,
                              O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
                                  O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                              0600));
    if (file->fd < 0 && errno == ELOOP) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_LOOP,
                    "file '%s' is a symbolic link, which is not followed; "
                    "name the file itself",
                    arg);
        return false;
    }
    if (file->fd < 0)
        return sys_error(error, errno,
                         "file '%s' cannot be written; choose another path",
                         arg);
    if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "file '%s' is not a regular file; choose another path",
                    arg);
        return false;
    }
    return true;
}

/* A job that is under way finishes first; one that comes later finds no
 * descriptor. */
static void
file_close(CharLink *link)
{
    CharFile *file = link->transport;

    g_mutex_lock(&file->lock);
    write_some(link, file);
    if (file->fd >= 0)
        tell_lost(file);
    sys_close(&file->fd);
    g_mutex_unlock(&file->lock);
}

static void
file_destroy(CharLink *link)
{
    CharFile *file = link->transport;

    g_mutex_clear(&file->lock);
    g_free(file);
}

const CharKind char_file_kind = {
    .name = "file",
    .arg = CHAR_ARG_REQUIRED,
    .arg_help = "path of the file",
    .open = file_open,
    .close = file_close,
    .destroy = file_destroy,
    .flush = file_flush,
};
