/* app/assemble-shmem.c - the file below /dev/shm behind the card of shared
 * memory: who may open it, and who clears it away.
 *
 * A file that is there already stays when the machine ends, with what is in it
 * (an administrator made it, for a group perhaps); one that we make goes with
 * the machine. A machine that is killed leaves its own behind: the sticky bit,
 * without a meaning on files, tells it from an administrator's, and the next
 * machine makes it anew. A lock (flock) on the file says that a machine has it,
 * from before the guest can see it until after it is removed. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/assemble-internal.h"
#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"

#define FOLDER "/dev/shm"
#define OURS   S_ISVTX /* in the mode of a file that a machine made */
#define TRIES  10u     /* others make and remove it meanwhile */

static bool blame(GError **error, const char *key, CarrelError code,
                  const char *fmt, ...) G_GNUC_PRINTF(4, 5);

static bool
blame(GError **error, const char *key, CarrelError code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_set_error(error, CARREL_ERROR, (int) code, "%s", text);
    return machine_blame(error, "ivshmem", key);
}

static bool
set_group(int fd, const char *path, const char *name, GError **error)
{
    if (*name == '\0')
        return true;
    const struct group *g = getgrnam(name); /* set-up: one thread asks */
    if (g == NULL)
        return blame(error, "group", CARREL_ERROR_NOT_FOUND,
                     "this host has no group '%s'; 'getent group' shows them",
                     name);
    if (fchown(fd, (uid_t) -1, g->gr_gid) == 0)
        return true;
    return blame(error, "group", CARREL_ERROR_PERMISSION,
                 "%s cannot be given to group '%s': %s; be a member of it "
                 "yourself, or have the file made beforehand (tmpfiles.d)",
                 path, name, g_strerror(errno));
}

/* What was there: ours to use? */
static bool
check_old(const SharedFile *s, guint64 *ret_len, GError **error)
{
    struct stat st;

    if (fstat(s->file.fd, &st) < 0 || !S_ISREG(st.st_mode))
        return blame(error, "name", CARREL_ERROR_INVALID,
                     "%s is no file; choose another name", s->path);
    /* whoever owns it could cut it short under the guest */
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return blame(error, "name", CARREL_ERROR_PERMISSION,
                     "%s belongs to user %u, who could take it away from "
                     "under the guest; choose another name, or remove it",
                     s->path, (unsigned) st.st_uid);
    *ret_len = (guint64) st.st_size;
    return true;
}

static bool
cannot_open(const SharedFile *s, GError **error)
{
    return blame(error, "name",
                 errno == EACCES ? CARREL_ERROR_PERMISSION
                                 : CARREL_ERROR_NOT_FOUND,
                 "%s: %s; remove the file, or have its owner let this user "
                 "write to it",
                 s->path, g_strerror(errno));
}

/* Not below another name that somebody else may have put there. */
static bool
open_file(SharedFile *s, mode_t mode, bool *ret_made, GError **error)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

    s->file.fd =
        SYS_RETRY(open(s->path, flags | O_CREAT | O_EXCL, mode | OURS));
    *ret_made = s->file.fd >= 0;
    if (s->file.fd < 0 && errno == EEXIST)
        s->file.fd = SYS_RETRY(open(s->path, flags));
    /* ENOENT: removed between the two */
    return s->file.fd >= 0 || errno == ENOENT || cannot_open(s, error);
}

/* Whoever had the file may have removed it before we got its lock. */
static bool
is_at_path(const SharedFile *s, const struct stat *st)
{
    struct stat there;

    return lstat(s->path, &there) == 0 && there.st_dev == st->st_dev &&
           there.st_ino == st->st_ino;
}

/* Opens the file and keeps others out. *ret_made: it is new, and goes with us.
 * True with no descriptor: try again. */
static bool
claim(SharedFile *s, mode_t mode, bool *ret_made, guint64 *ret_len,
      GError **error)
{
    struct stat st;

    if (!open_file(s, mode, ret_made, error))
        return false;
    if (s->file.fd < 0)
        return true;
    if (!*ret_made && !check_old(s, ret_len, error))
        return false;
    if (SYS_RETRY(flock(s->file.fd, LOCK_EX | LOCK_NB)) < 0)
        return blame(error, "name", CARREL_ERROR_BUSY,
                     "%s is the memory of another machine that runs; end that "
                     "one, or choose another name (empty is the machine's)",
                     s->path);
    if (fstat(s->file.fd, &st) == 0 && is_at_path(s, &st)) {
        if (*ret_made || (st.st_mode & OURS) == 0)
            return true;
        (void) unlink(s->path); /* of a machine that was killed */
    }
    sys_close(&s->file.fd);
    return true;
}

static bool
size_file(const SharedFile *s, guint64 have, GError **error)
{
    if (have == s->file.len)
        return true;
    if (have > s->file.len)
        return blame(error, "size", CARREL_ERROR_INVALID,
                     "%s has %" G_GUINT64_FORMAT " bytes, more than that; set "
                     "the size to it, or remove the file",
                     s->path, have);
    /* allocated now: a full /dev/shm would end the machine later */
    int err = posix_fallocate(s->file.fd, 0, (off_t) s->file.len);
    return err == 0 ||
           blame(error, "size", CARREL_ERROR_NOT_SUPPORTED,
                 "%s cannot be made that large: %s; look at 'df " FOLDER "'",
                 s->path, g_strerror(err));
}

static bool
open_shared(SharedFile *s, const Profile *p, GError **error)
{
    const char *word = profile_get_string(p, "ivshmem.mode");
    mode_t mode = (mode_t) g_ascii_strtoull(word, NULL, 8);
    guint64 have = 0;
    bool made = false;

    for (unsigned i = 0; s->file.fd < 0 && i < TRIES; i++)
        if (!claim(s, mode, &made, &have, error))
            return false;
    if (s->file.fd < 0)
        return blame(error, "name", CARREL_ERROR_BUSY,
                     "%s comes and goes; choose another name", s->path);
    s->made = made; /* and only now: it is removed with the machine */
    if (!made)
        return size_file(s, have, error);
    /* the process' mask took bits away */
    (void) fchmod(s->file.fd, mode | OURS);
    return set_group(s->file.fd, s->path,
                     profile_get_string(p, "ivshmem.group"), error) &&
           size_file(s, 0, error);
}

bool
machine_open_shared(Machine *m, const Profile *p, GError **error)
{
    if (strcmp(profile_get_string(p, "ivshmem.model"), "none") == 0)
        return true;
    SharedFile *s = g_new0(SharedFile, 1);
    const char *name = profile_get_string(p, "ivshmem.name");
    s->path = g_build_filename(FOLDER, *name != '\0' ? name : m->name, NULL);
    s->file.len = profile_get_u64(p, "ivshmem.size");
    s->file.fd = -1;
    m->shared = s;
    return open_shared(s, p, error);
}

void
machine_close_shared(Machine *m)
{
    SharedFile *s = m->shared;

    if (s == NULL)
        return;
    if (s->made)
        (void) unlink(s->path); /* somebody may have done so */
    sys_close(&s->file.fd);
    g_free(s->path);
    g_free(s);
    m->shared = NULL;
}
