/* profiles/save.c - writing a profile so that a crash, a full disk or a
 * second editor leaves the old file or the new one, never a mixture. */
#include "profiles/profile-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *folder, *name;
    int dir; /* the folder, locked while we write */
    mode_t mode;
} Target;

static bool
set_errno(GError **error, const char *what, const char *folder,
          const char *name)
{
    int err = errno;

    g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(err),
                "cannot %s '%s/%s': %s", what, folder, name, g_strerror(err));
    return false;
}

static void
target_close(Target *target)
{
    if (target->dir >= 0)
        (void) close(target->dir); /* releases the lock, holds no data */
    g_free(target->folder);
    g_free(target->name);
}

/* A link is followed, so that a profile kept elsewhere stays there. */
static bool
target_open(Target *target, const char *file, GError **error)
{
    char *real = realpath(file, NULL);
    const char *path = real != NULL ? real : file;
    struct stat st;

    target->folder = g_path_get_dirname(path);
    target->name = g_path_get_basename(path);
    target->mode = 0600; /* may hold a password */
    if (stat(path, &st) == 0)
        target->mode = st.st_mode & 0777;
    free(real);
    target->dir = open(target->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->dir < 0)
        return set_errno(error, "save", target->folder, target->name);
    /* two editors take turns; where locks do not exist the comparison with
     * what was loaded still finds most conflicts */
    (void) flock(target->dir, LOCK_EX);
    return true;
}

static bool
write_fd(int fd, const char *text)
{
    gsize len = strlen(text);

    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        len -= (gsize) n;
    }
    return fsync(fd) == 0;
}

/* Writes a new file beside and renames it over name. */
static bool
replace_file(const Target *target, const char *name, const char *text,
             GError **error)
{
    g_autofree char *temp =
        g_strdup_printf(".%s.%d.%08x", name, (int) getpid(), g_random_int());
    int fd = openat(target->dir, temp,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return set_errno(error, "create", target->folder, temp);
    bool ok = write_fd(fd, text) && fchmod(fd, target->mode) == 0;
    int err = errno;
    if (close(fd) < 0 && ok) {
        ok = false;
        err = errno;
    }
    if (ok && renameat(target->dir, temp, target->dir, name) == 0)
        return true;
    if (ok)
        err = errno;
    (void) unlinkat(target->dir, temp, 0); /* best effort, reported below */
    errno = err;
    return set_errno(error, "write", target->folder, name);
}

/* The text on disk before we write; NULL without error: no such file. */
static bool
read_old(const char *file, char **ret_text, GError **error)
{
    gsize len;
    g_autoptr(GError) problem = NULL;

    *ret_text = profile_read_file(file, &len, &problem);
    if (*ret_text != NULL ||
        g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return true;
    g_propagate_error(error, g_steal_pointer(&problem));
    return false;
}

static bool
check_conflict(const Profile *profile, const char *file, const char *old,
               GError **error)
{
    if (profile->loaded == NULL || g_strcmp0(profile->file, file) != 0 ||
        g_strcmp0(profile->loaded, old) == 0)
        return true;
    g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_CONFLICT,
                "'%s' was changed by somebody else since it was read; nothing "
                "is written, try again",
                file);
    return false;
}

static bool
check_format(const Profile *profile, const char *file, GError **error)
{
    unsigned index;
    guint64 version;
    const Line *line = profile_find_line(profile, "machine", "schema", &index);

    if (line == NULL || line->value == NULL ||
        !schema_parse_u64(line->value, &version) || version <= PROFILE_SCHEMA)
        return true;
    g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_NEWER,
                "'%s' was written by a later version of carrel (format "
                "%" G_GUINT64_FORMAT "); it is not touched",
                file, version);
    return false;
}

bool
profile_save(Profile *profile, const char *file, GError **error)
{
    g_autofree char *old = NULL;
    g_autofree char *text = profile_to_text(profile);
    Target target = {.dir = -1};

    bool ok = check_format(profile, file, error) &&
              target_open(&target, file, error) &&
              read_old(file, &old, error) &&
              check_conflict(profile, file, old, error);
    if (ok && old != NULL && strcmp(old, text) != 0) {
        g_autofree char *backup = g_strconcat(target.name, "~", NULL);
        ok = replace_file(&target, backup, old, error);
    }
    ok = ok && replace_file(&target, target.name, text, error);
    if (ok && fsync(target.dir) < 0 && errno != EINVAL)
        ok = set_errno(error, "make durable", target.folder, target.name);
    target_close(&target);
    if (ok) {
        g_free(profile->loaded);
        profile->loaded = g_steal_pointer(&text);
        if (profile->file != file) {
            g_autofree char *name = g_strdup(file);
            g_free(profile->file);
            profile->file = g_steal_pointer(&name);
        }
    }
    return ok;
}
