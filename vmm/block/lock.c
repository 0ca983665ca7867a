/* vmm/block/lock.c - image locks that QEMU understands, and the other way.
 *
 * QEMU (block/file-posix, since 2.10) describes the use of an image by shared
 * OFD locks on single bytes: byte 100+n says "I use permission n", byte 200+n
 * "I do not let others use permission n". After taking its own an opener asks
 * whether anybody holds the byte that contradicts each of them. Two readers
 * pass; a writer passes nobody. Left out: permissions beyond those a disk of
 * a machine needs (write-unchanged, graph-mod) are respected, never taken. */
#include "vmm/block/block-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/core/sysutil.h"

#define LOCK_USES     100 /* + permission */
#define LOCK_UNSHARED 200 /* + permission */

enum { PERM_CONSISTENT_READ = 0, PERM_WRITE = 1, PERM_RESIZE = 3 };

typedef struct {
    off_t take[6];  /* ends with 0 */
    off_t check[6]; /* ends with 0; somebody else there: refused */
} LockSet;

/* clang-format off */
static const LockSet reader_locks = {
    .take  = { LOCK_USES + PERM_CONSISTENT_READ,
               LOCK_UNSHARED + PERM_WRITE, LOCK_UNSHARED + PERM_RESIZE },
    .check = { LOCK_USES + PERM_WRITE, LOCK_USES + PERM_RESIZE,
               LOCK_UNSHARED + PERM_CONSISTENT_READ },
};

static const LockSet writer_locks = {
    .take  = { LOCK_USES + PERM_CONSISTENT_READ, LOCK_USES + PERM_WRITE,
               LOCK_USES + PERM_RESIZE,
               LOCK_UNSHARED + PERM_WRITE, LOCK_UNSHARED + PERM_RESIZE },
    .check = { LOCK_USES + PERM_WRITE, LOCK_USES + PERM_RESIZE,
               LOCK_UNSHARED + PERM_CONSISTENT_READ,
               LOCK_UNSHARED + PERM_WRITE, LOCK_UNSHARED + PERM_RESIZE },
};
/* clang-format on */

/* ---- who holds it ---- */

static bool
fdinfo_has_lock(const char *pid, const char *fd_name)
{
    char path[64];
    g_autofree char *text = NULL;

    g_snprintf(path, sizeof path, "/proc/%s/fdinfo/%s", pid, fd_name);
    return g_file_get_contents(path, &text, NULL, NULL) &&
           strstr(text, "\nlock:") != NULL;
}

/* True when process pid has a lock on the file st through another descriptor
 * than (our own) own_fd. */
static bool
process_locks_file(const char *pid, const struct stat *st, int own_fd)
{
    char dir_path[32];
    bool found = false;

    g_snprintf(dir_path, sizeof dir_path, "/proc/%s/fd", pid);
    DIR *dir = opendir(dir_path);
    if (dir == NULL)
        return false;
    bool self = strtol(pid, NULL, 10) == getpid();
    for (struct dirent *e; !found && (e = readdir(dir)) != NULL;) {
        struct stat other;
        if (!g_ascii_isdigit(e->d_name[0]) ||
            (self && strtol(e->d_name, NULL, 10) == own_fd) ||
            fstatat(dirfd(dir), e->d_name, &other, 0) < 0)
            continue;
        found = other.st_dev == st->st_dev && other.st_ino == st->st_ino &&
                fdinfo_has_lock(pid, e->d_name);
    }
    closedir(dir);
    return found;
}

/* OFD locks belong to no process, so F_OFD_GETLK names none; but whoever
 * holds one shows it in /proc/PID/fdinfo, if it is ours to read. */
static char *
describe_holder(int fd)
{
    struct stat st;
    char *text = NULL;
    DIR *proc = opendir("/proc");

    if (proc == NULL || fstat(fd, &st) < 0) {
        if (proc != NULL)
            closedir(proc);
        return g_strdup("another process");
    }
    for (struct dirent *e; text == NULL && (e = readdir(proc)) != NULL;) {
        if (!g_ascii_isdigit(e->d_name[0]) || strlen(e->d_name) > 10 ||
            !process_locks_file(e->d_name, &st, fd))
            continue;
        g_autofree char *comm_path =
            g_build_filename("/proc", e->d_name, "comm", NULL);
        g_autofree char *comm = NULL;
        if (strtol(e->d_name, NULL, 10) == getpid())
            text = g_strdup("this machine itself (is it listed twice?)");
        else if (g_file_get_contents(comm_path, &comm, NULL, NULL))
            text =
                g_strdup_printf("process %s (%s)", e->d_name, g_strstrip(comm));
        else
            text = g_strdup_printf("process %s", e->d_name);
    }
    closedir(proc);
    return text != NULL ? text : g_strdup("another process");
}

/* ---- locks ---- */

static bool
refuse(int fd, const char *path, bool writable, bool other_writes,
       GError **error)
{
    g_autofree char *holder = describe_holder(fd);
    const char *advice =
        other_writes ? "stop that machine first, or use a copy"
                     : "close it, or open the image read-only or in snapshot "
                       "mode";

    g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_LOCKED,
                "disk image '%s' cannot be opened for %s: it is in use%s by "
                "%s; %s",
                path, writable ? "writing" : "reading",
                other_writes ? " for writing" : "", holder, advice);
    return false;
}

static int
take_byte(int fd, off_t byte)
{
    struct flock fl = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return SYS_RETRY(fcntl(fd, F_OFD_SETLK, &fl)) < 0 ? errno : 0;
}

static bool
byte_is_contested(int fd, off_t byte)
{
    struct flock fl = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return SYS_RETRY(fcntl(fd, F_OFD_GETLK, &fl)) == 0 && fl.l_type != F_UNLCK;
}

bool
block_lock(int fd, const char *path, bool writable, GError **error)
{
    const LockSet *set = writable ? &writer_locks : &reader_locks;

    for (unsigned i = 0; set->take[i] != 0; i++) {
        int err = take_byte(fd, set->take[i]);
        /* somebody holds an exclusive lock: not QEMU's way, but a use */
        if (err == EAGAIN || err == EACCES)
            return refuse(fd, path, writable, true, error);
        /* without locks a reader can only harm itself */
        if (err != 0 && !writable)
            return true;
        if (err != 0)
            return sys_error(error, err,
                             "disk image '%s' cannot be locked, so nothing "
                             "would keep two machines from writing to it; "
                             "copy it to a file system with locks, or open "
                             "it read-only",
                             path);
    }
    for (unsigned i = 0; set->check[i] != 0; i++)
        if (byte_is_contested(fd, set->check[i]))
            return refuse(fd, path, writable, set->check[i] < LOCK_UNSHARED,
                          error);
    return true;
}
