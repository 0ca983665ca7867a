/* app/store.c - machines on disk: find, load, rename, copy; see store.h. */
#include "app/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/names.h"
#include "app/session/session-dir.h"
#include "profiles/paths.h"
#include "profiles/schema.h"
#include "vmm/core/sysutil.h"

GQuark
carrel_store_error_quark(void)
{
    return g_quark_from_static_string("carrel-store-error");
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

bool
store_exists(const char *name)
{
    g_autofree char *file = paths_machine_file(name);

    return machine_name_check(name, NULL) &&
           g_file_test(file, G_FILE_TEST_EXISTS);
}

char **
store_list(void)
{
    g_autofree char *path = paths_machines_dir();
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GPtrArray *names = g_ptr_array_new();
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (store_exists(name))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}

static bool
is_number(const char *name)
{
    return name[strspn(name, "0123456789")] == '\0';
}

/* A number is no slip for another one, a letter none for another one. */
static char *
nearest_name(const char *name)
{
    g_auto(GStrv) names = store_list();
    unsigned limit = MAX(1, (unsigned) strlen(name) / 3) + 1;
    const char *best = NULL;

    for (unsigned i = 0; names[i] != NULL; i++) {
        unsigned distance = schema_distance(name, names[i]);
        bool slip = distance < strlen(name) &&
                    !(is_number(name) && is_number(names[i]));
        if (slip && distance < limit) {
            limit = distance;
            best = names[i];
        }
    }
    return g_strdup(best);
}

bool
store_require(const char *name, GError **error)
{
    if (!machine_name_check(name, error))
        return false;
    if (store_exists(name))
        return true;
    g_autofree char *near = nearest_name(name);
    if (near != NULL)
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_NOT_FOUND,
                    "there is no machine '%s'; did you mean %s?", name, near);
    else
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_NOT_FOUND,
                    "there is no machine '%s'", name);
    return false;
}

Profile *
store_load(const char *name, GError **error)
{
    g_autofree char *file = paths_machine_file(name);

    return store_require(name, error) ? profile_load(file, error) : NULL;
}

bool
store_is_running(const char *name)
{
    return session_is_running(name, NULL);
}

bool
store_require_idle(const char *name, GError **error)
{
    g_autoptr(Profile) profile = NULL;

    if (!store_require(name, error))
        return false;
    if (store_is_running(name)) {
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_RUNNING,
                    "machine '%s' is running; stop it first", name);
        return false;
    }
    /* a profile that does not load protects nothing: it can be deleted */
    profile = store_load(name, NULL);
    if (profile == NULL || !profile_get_bool(profile, "machine.protected"))
        return true;
    g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_PROTECTED,
                "machine '%s' is protected; 'carrel protect %s off' first",
                name, name);
    return false;
}

static bool
set_exists(GError **error, const char *name)
{
    g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_EXISTS,
                "there is already a machine '%s'; choose another name", name);
    return false;
}

bool
store_make_folder(const char *name, GError **error)
{
    g_autofree char *dir = paths_machine_dir(name);
    g_autofree char *parent = paths_machines_dir();

    if (!machine_name_check(name, error))
        return false;
    if (g_mkdir_with_parents(parent, 0700) < 0)
        return sys_error(error, errno, "cannot create '%s'", parent);
    if (mkdir(dir, 0700) == 0)
        return true;
    if (errno == EEXIST && store_exists(name))
        return set_exists(error, name);
    if (errno == EEXIST && rmdir(dir) == 0 && mkdir(dir, 0700) == 0)
        return true; /* an empty left-over */
    return sys_error(error, errno, "cannot create '%s'", dir);
}

static bool remove_at(int parent, const char *name, unsigned depth,
                      GError **error);

static bool
remove_children(int dir_fd, unsigned depth, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", dir_fd);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    const char *name;
    bool ok = dir != NULL;

    while (ok && (name = g_dir_read_name(dir)) != NULL)
        ok = remove_at(dir_fd, name, depth + 1, error);
    return ok;
}

/* Goes by descriptors, so a link that appears meanwhile is not followed. */
static bool
remove_at(int parent, const char *name, unsigned depth, GError **error)
{
    enum { MAX_DEPTH = 32 };

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if ((errno != EISDIR && errno != EPERM) || depth > MAX_DEPTH)
        return sys_error(error, errno, "cannot remove '%s'", name);
    CARREL_AUTO_FD int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sys_error(error, errno, "cannot remove '%s'", name);
    if (!remove_children(fd, depth, error))
        return false;
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        return sys_error(error, errno, "cannot remove '%s'", name);
    return true;
}

bool
store_remove_tree(const char *path, GError **error)
{
    return remove_at(AT_FDCWD, path, 0, error);
}

/* Both folders are in the same parent or at least the same home. */
static bool
move_folder(const char *from, const char *to, GError **error)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EINVAL || errno == ENOSYS) { /* old file systems */
        struct stat st;
        if (lstat(to, &st) < 0 && errno == ENOENT && rename(from, to) == 0)
            return true;
    }
    return sys_error(error, errno, "cannot move '%s' to '%s'", from, to);
}

bool
store_rename(const char *name, const char *new_name, GError **error)
{
    g_autofree char *from = paths_machine_dir(name);
    g_autofree char *to = paths_machine_dir(new_name);

    if (!machine_name_check(new_name, error) ||
        !store_require_idle(name, error))
        return false;
    if (store_exists(new_name))
        return set_exists(error, new_name);
    if (!move_folder(from, to, error))
        return false;
    /* the logs go along; without them the machine is whole all the same */
    g_autofree char *old_state = paths_machine_state(name);
    g_autofree char *new_state = paths_machine_state(new_name);
    (void) renameat2(AT_FDCWD, old_state, AT_FDCWD, new_state,
                     RENAME_NOREPLACE);
    return true;
}

/* One stretch of data from one hole to the next. */
static bool
copy_stretch(int in, int out, off_t at, off_t end)
{
    enum { CHUNK = 1024 * 1024 };
    g_autofree char *buffer = g_malloc(CHUNK);

    while (at < end) {
        ssize_t n = SYS_RETRY(
            pread(in, buffer, (gsize) MIN((off_t) CHUNK, end - at), at));
        if (n <= 0)
            return n == 0; /* shrank meanwhile: there is no more */
        for (ssize_t done = 0; done < n;) {
            ssize_t w = SYS_RETRY(
                pwrite(out, buffer + done, (gsize) (n - done), at + done));
            if (w < 0)
                return false;
            done += w;
        }
        at += n;
    }
    return true;
}

static bool
copy_data(int in, int out, off_t size)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(in, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* a hole up to the end */
        off_t hole = data < 0 ? size : lseek(in, data, SEEK_HOLE);
        if (data < 0)
            data = at; /* the file system knows no holes */
        if (hole < 0)
            hole = size;
        if (!copy_stretch(in, out, data, hole))
            return false;
        at = hole;
    }
    return ftruncate(out, size) == 0 && fsync(out) == 0;
}

static bool
copy_file(int from, int to, const char *name, GError **error)
{
    CARREL_AUTO_FD int in =
        openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (in < 0 || fstat(in, &st) < 0)
        return sys_error(error, errno, "cannot read '%s'", name);
    if (!S_ISREG(st.st_mode))
        return true; /* sockets and folders are made anew */
    CARREL_AUTO_FD int out = openat(
        to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
    if (out < 0)
        return sys_error(error, errno, "cannot create '%s'", name);
    if (!copy_data(in, out, st.st_size))
        return sys_error(error, errno, "cannot copy '%s'", name);
    return true;
}

static bool copy_folder(int from, int to, GError **error);

static bool
copy_entry(int from, int to, const char *name, GError **error)
{
    struct stat st;

    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sys_error(error, errno, "cannot read '%s'", name);
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, name, error);
    if (!S_ISDIR(st.st_mode) || strcmp(name, "disks") != 0)
        return true;
    if (mkdirat(to, name, 0700) < 0)
        return sys_error(error, errno, "cannot create '%s'", name);
    CARREL_AUTO_FD int in =
        openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CARREL_AUTO_FD int out =
        openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0 || out < 0)
        return sys_error(error, errno, "cannot open '%s'", name);
    return copy_folder(in, out, error);
}

/* machine.ini comes last: with it the copy is complete. */
static bool
copy_folder(int from, int to, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", from);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    const char *name;
    bool has_profile = false;

    if (dir == NULL)
        return false;
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (strcmp(name, "machine.ini") == 0)
            has_profile = true;
        else if (!copy_entry(from, to, name, error))
            return false;
    }
    return !has_profile || copy_entry(from, to, "machine.ini", error);
}

bool
store_clone(const char *name, const char *new_name, GError **error)
{
    g_autofree char *from = paths_machine_dir(name);
    g_autofree char *to = paths_machine_dir(new_name);

    if (!store_require(name, error))
        return false;
    if (store_is_running(name)) {
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_RUNNING,
                    "machine '%s' is running: its disks are changing; stop it "
                    "first",
                    name);
        return false;
    }
    if (!store_make_folder(new_name, error))
        return false;
    CARREL_AUTO_FD int in =
        open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CARREL_AUTO_FD int out =
        open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = in >= 0 && out >= 0;
    if (!ok)
        sys_error(error, errno, "cannot open '%s'", in < 0 ? from : to);
    ok = ok && copy_folder(in, out, error);
    if (!ok)
        (void) store_remove_tree(to, NULL); /* the first error counts */
    return ok;
}
