/* passthrough-wizard/host-file.c - whole files as values: read, and put in the
 * place of what was there by rename(2), so that a crash leaves one of both. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "passthrough-wizard/host-hand.h"

#define HEAD_MAX  64 /* "0644 0 0\n" */
#define XATTR_MAX 65536

static bool
fail(GError **error, const char *path, const char *what, int err)
{
    g_set_error(error, CARREL_PLAN_ERROR,
                err == EACCES || err == EPERM ? CARREL_PLAN_ERROR_PERMISSION
                                              : CARREL_PLAN_ERROR_FAILED,
                "file '%s' cannot be %s: %s", path, what, g_strerror(err));
    return false;
}

char *
host_hand_file(const HostHand *hand, const char *path, GError **error)
{
    HostNode node;
    gsize len = 0;

    g_autofree char *link = host_root_link(hand->root, "%s", path);
    if (link != NULL) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                    "file '%s' is a link to %s, so something else looks after "
                    "it and it is left alone",
                    path, link);
        return NULL;
    }
    if (host_root_is_hidden(hand->root, path)) {
        (void) fail(error, path, "looked for", EACCES);
        return NULL;
    }
    if (!host_root_stat(hand->root, path, &node))
        return g_strdup("");
    g_autofree char *text =
        host_root_read(hand->root, path, HOST_HAND_MAX_FILE, &len, error);
    if (text == NULL)
        return NULL;
    if (strlen(text) != len || !g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                    "file '%s' is no text, so it is left alone", path);
        return NULL;
    }
    return g_strdup_printf("%04o %u %u\n%s", node.mode, node.uid, node.gid,
                           text);
}

/* The directory of path, made when it is missing; -1 with errno. */
static int
open_dir(const HostRoot *root, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(dir);
    int fd = host_root_openat(root, dir, O_RDONLY | O_DIRECTORY);

    if (fd >= 0 || errno != ENOENT || strcmp(dir, "/") == 0)
        return fd;
    int above = open_dir(root, dir);
    if (above < 0)
        return -1;
    if (mkdirat(above, name, 0755) == 0 || errno == EEXIST)
        fd = host_root_openat(root, dir, O_RDONLY | O_DIRECTORY);
    int err = errno;
    close(above);
    errno = err;
    return fd;
}

/* A file system without them is no fault. */
static void
copy_xattrs(int from, int to)
{
    g_autofree char *names = g_malloc(XATTR_MAX);
    g_autofree char *value = g_malloc(XATTR_MAX);
    ssize_t len = from >= 0 ? flistxattr(from, names, XATTR_MAX) : 0;

    for (ssize_t at = 0; at < len; at += (ssize_t) strlen(names + at) + 1) {
        ssize_t n = fgetxattr(from, names + at, value, XATTR_MAX);
        if (n >= 0)
            (void) fsetxattr(to, names + at, value, (gsize) n, 0);
    }
}

static bool
write_all(int fd, const char *text, gsize len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (gsize) n;
    }
    return true;
}

/* Fills the new file under its temporary name, as it shall be in the end. */
static bool
fill(int dir, const char *temp, const char *name, const char *text, guint mode,
     uid_t uid, gid_t gid)
{
    int old = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int fd = openat(
        dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write_all(fd, text, strlen(text));

    if (good)
        copy_xattrs(old, fd);
    good = good && fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0 &&
           fsync(fd) == 0;
    int err = errno;
    if (old >= 0)
        close(old);
    if (fd >= 0)
        close(fd);
    errno = err;
    return good;
}

static bool
split_head(const char *value, guint *ret_mode, guint *ret_uid, guint *ret_gid,
           const char **ret_text)
{
    const char *end = strchr(value, '\n');

    if (end == NULL || end - value > HEAD_MAX ||
        sscanf(value, "%4o %u %u", ret_mode, ret_uid, ret_gid) != 3)
        return false;
    *ret_text = end + 1;
    return true;
}

bool
host_hand_set_file(HostHand *hand, const char *path, const char *value,
                   GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *temp = g_strdup_printf(".%s.carrel", name);
    guint mode = 0, uid = 0, gid = 0;
    const char *text = NULL;
    bool good;

    if (*value != '\0' && !split_head(value, &mode, &uid, &gid, &text))
        return fail(error, path, "written", EINVAL);
    int dir = open_dir(hand->root, path);
    if (dir < 0)
        return *value == '\0' && errno == ENOENT
                   ? true
                   : fail(error, path, "written", errno);
    (void) unlinkat(dir, temp, 0); /* of one that was killed */
    if (text == NULL)
        good = unlinkat(dir, name, 0) == 0 || errno == ENOENT;
    else
        good = fill(dir, temp, name, text, mode, uid, gid) &&
               renameat(dir, temp, dir, name) == 0;
    good = good && fsync(dir) == 0;
    int err = errno;
    if (!good)
        (void) unlinkat(dir, temp, 0);
    close(dir);
    return good || fail(error, path, text != NULL ? "written" : "removed", err);
}
