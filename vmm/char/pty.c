/* vmm/char/pty.c - kind "pty": a pseudo-terminal for screen, minicom and the
 * like.
 *
 * Readers may come and go. While nobody has the slave open the link is
 * offline: nothing is written, and the next reader gets what it missed out of
 * the ring. The kernel tells when the last one closes (hang-up), but not when
 * the next one opens; an inotify watch on the slave does, or where there is
 * none, a look twice a second. */
#include "vmm/char/char-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <termios.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define LOOK_MS 500

typedef struct {
    int master; /* until start: then the peer's */
    char *slave, *symlink;
    CharPeer *peer;
    int inotify_fd;
    guint inotify_watch;
    GSource *look; /* instead of inotify */
} CharPty;

/* ---- offline and back ---- */

static void
set_raw(int fd)
{
    struct termios tio;

    /* also after each reader: some leave echo on, and the guest would then
     * talk to itself */
    if (tcgetattr(fd, &tio) < 0)
        return;
    cfmakeraw(&tio);
    (void) tcsetattr(fd, TCSANOW, &tio); /* a wrong mode is only ugly */
}

static void
look_for_reader(CharPty *pty)
{
    struct pollfd pfd = {.fd = pty->peer->fd, .events = POLLIN};

    if (!pty->peer->offline || poll(&pfd, 1, 0) < 0)
        return;
    /* somebody who wrote and left again still has to be heard */
    if ((pfd.revents & POLLHUP) != 0 && (pfd.revents & POLLIN) == 0)
        return;
    pty->peer->offline = false;
    char_peer_listen(pty->peer);
    char_peer_flush(pty->peer);
}

static void
go_offline(void *data)
{
    CharPty *pty = data;

    char_peer_pause(pty->peer);
    pty->peer->stalled = false;
    pty->peer->offline = true;
    set_raw(pty->peer->fd);
}

static void
slave_opened(int fd, GIOCondition ev, void *data)
{
    CharPty *pty = data;
    char events[4096];

    while (SYS_RETRY(read(fd, events, sizeof events)) > 0)
        ;
    look_for_reader(pty);
}

static gboolean
look_again(gpointer data)
{
    look_for_reader(data);
    return G_SOURCE_CONTINUE;
}

static void
pty_start(CharLink *link)
{
    CharPty *pty = link->transport;

    pty->peer = char_peer_add(link, sys_steal_fd(&pty->master), 0);
    pty->peer->hung_up = go_offline;
    pty->peer->hung_up_data = pty;
    pty->peer->offline = true;
    if (pty->inotify_fd >= 0) {
        pty->inotify_watch =
            char_watch(link, pty->inotify_fd, G_IO_IN, slave_opened, pty);
    } else {
        pty->look = g_timeout_source_new(LOOK_MS);
        g_source_set_callback(pty->look, look_again, pty, NULL);
        g_source_attach(pty->look, loop_context(link->loop));
    }
    look_for_reader(pty);
}

static void
pty_stop(CharLink *link)
{
    CharPty *pty = link->transport;

    char_unwatch(link, &pty->inotify_watch);
    if (pty->look != NULL)
        g_source_destroy(pty->look);
    g_clear_pointer(&pty->look, g_source_unref);
}

/* ---- open and close ---- */

/* Replaces a symbolic link, ours of an earlier run most likely, at once; any
 * other file of that name is somebody's. */
static bool
make_symlink(CharPty *pty, const char *path, GError **error)
{
    struct stat st;

    if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "link '%s' to the terminal cannot be made: there is "
                    "another file of that name; remove it or choose another "
                    "path",
                    path);
        return false;
    }
    g_autofree char *fresh = g_strdup_printf("%s.%d", path, getpid());
    (void) unlink(fresh); /* of a process that had our number */
    if (symlink(pty->slave, fresh) < 0)
        return sys_error(error, errno,
                         "link '%s' to the terminal cannot be made; check "
                         "its directory",
                         path);
    if (rename(fresh, path) < 0) {
        sys_error(error, errno, "link '%s' to the terminal cannot be made",
                  path);
        (void) unlink(fresh); /* at worst a stale link stays */
        return false;
    }
    pty->symlink = g_strdup(path);
    return true;
}

static bool
open_master(CharPty *pty, GError **error)
{
    char name[64];

    pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pty->master < 0 || grantpt(pty->master) < 0 ||
        unlockpt(pty->master) < 0 ||
        ptsname_r(pty->master, name, sizeof name) != 0)
        return sys_error(error, errno,
                         "cannot make a pseudo-terminal; check /dev/pts");
    pty->slave = g_strdup(name);
    /* opened and closed once: only then the kernel reports "nobody there" */
    CARREL_AUTO_FD int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return sys_error(error, errno, "cannot open the terminal '%s'", name);
    set_raw(slave);
    return true;
}

static bool
pty_open(CharLink *link, const char *arg, GError **error)
{
    CharPty *pty = g_new0(CharPty, 1);

    pty->master = pty->inotify_fd = -1;
    link->transport = pty;
    if (!open_master(pty, error))
        return false;
    link->description = g_strdup_printf("pty:%s", pty->slave);
    pty->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (pty->inotify_fd >= 0 &&
        inotify_add_watch(pty->inotify_fd, pty->slave, IN_OPEN) < 0)
        sys_close(&pty->inotify_fd);
    return arg == NULL || make_symlink(pty, arg, error);
}

static void
pty_close(CharLink *link)
{
    CharPty *pty = link->transport;

    if (pty->symlink != NULL) {
        g_autofree char *target = g_file_read_link(pty->symlink, NULL);
        if (g_strcmp0(target, pty->slave) == 0)
            (void) unlink(pty->symlink); /* at worst a stale link stays */
    }
    sys_close(&pty->master);
    sys_close(&pty->inotify_fd);
    g_free(pty->symlink);
    g_free(pty->slave);
    g_free(pty);
    link->transport = NULL;
}

const CharKind char_pty_kind = {
    .name = "pty",
    .arg = CHAR_ARG_OPTIONAL,
    .open = pty_open,
    .close = pty_close,
    .start = pty_start,
    .stop = pty_stop,
};
