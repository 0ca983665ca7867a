/* app/assemble-shmem.c - the file below /dev/shm behind the card of shared
 * memory: who may open it, and who clears it away.
 *
 * A file that is there already stays when the machine ends (an administrator
 * made it, for a group perhaps); one that we make goes with the machine. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/assemble-internal.h"
#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"

#define FOLDER "/dev/shm"

/* Not below another name that somebody else may have put there. */
static int
open_file(const char *path, mode_t mode, bool *ret_made)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = SYS_RETRY(open(path, flags | O_CREAT | O_EXCL, mode));

    *ret_made = fd >= 0;
    return fd >= 0 || errno != EEXIST ? fd : SYS_RETRY(open(path, flags));
}

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

    s->file.fd = open_file(s->path, mode, &s->made);
    if (s->file.fd < 0)
        return blame(error, "name",
                     errno == EACCES ? CARREL_ERROR_PERMISSION
                                     : CARREL_ERROR_NOT_FOUND,
                     "%s: %s; remove the file, or have its owner let this "
                     "user write to it",
                     s->path, g_strerror(errno));
    if (!s->made)
        return check_old(s, &have, error) && size_file(s, have, error);
    /* the process' mask took bits away */
    (void) fchmod(s->file.fd, mode);
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
