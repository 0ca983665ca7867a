/* profiles/paths.c - see paths.h. The variables are read here and not through
 * GLib, which remembers their first value. */
#include "profiles/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CARREL_INSTALLED_DATADIR
#define CARREL_INSTALLED_DATADIR "/usr/local/share/carrel"
#endif

/* An environment variable that holds an absolute path, as the XDG rules want;
 * else NULL. */
static const char *
env_path(const char *name)
{
    const char *value = g_getenv(name);

    return value != NULL && g_path_is_absolute(value) ? value : NULL;
}

static char *
pick(const char *override, const char *xdg, const char *in_home,
     const char *rest)
{
    const char *own = g_getenv(override);
    const char *base = env_path(xdg);

    if (own != NULL && *own != '\0')
        return g_canonicalize_filename(own, NULL);
    if (base != NULL)
        return g_build_filename(base, "carrel", rest, NULL);
    return g_build_filename(g_get_home_dir(), in_home, "carrel", rest, NULL);
}

char *
paths_config_dir(void)
{
    return pick("CARREL_CONFIG_DIR", "XDG_CONFIG_HOME", ".config", NULL);
}

char *
paths_machines_dir(void)
{
    return pick("CARREL_MACHINES_DIR", "XDG_DATA_HOME", ".local/share",
                "machines");
}

char *
paths_trash_dir(void)
{
    return pick("CARREL_TRASH_DIR", "XDG_DATA_HOME", ".local/share", "trash");
}

char *
paths_state_dir(void)
{
    return pick("CARREL_STATE_DIR", "XDG_STATE_HOME", ".local/state", NULL);
}

char *
paths_cache_dir(void)
{
    return pick("CARREL_CACHE_DIR", "XDG_CACHE_HOME", ".cache", NULL);
}

static bool
is_own_directory(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid();
}

char *
paths_runtime_dir(void)
{
    const char *own = g_getenv("CARREL_RUNTIME_DIR");
    const char *xdg = env_path("XDG_RUNTIME_DIR");

    if (own != NULL && *own != '\0')
        return g_canonicalize_filename(own, NULL);
    if (xdg != NULL)
        return g_build_filename(xdg, "carrel", NULL);
    /* su, cron and ssh without PAM leave the variable unset */
    g_autofree char *run =
        g_strdup_printf("/run/user/%lu", (unsigned long) geteuid());
    if (is_own_directory(run))
        return g_build_filename(run, "carrel", NULL);
    return g_strdup_printf("/tmp/carrel-%lu", (unsigned long) geteuid());
}

static char *
below(char *folder, const char *name, const char *file)
{
    char *path = g_build_filename(folder, name, file, NULL);

    g_free(folder);
    return path;
}

char *
paths_machine_dir(const char *name)
{
    return below(paths_machines_dir(), name, NULL);
}

char *
paths_machine_file(const char *name)
{
    return below(paths_machines_dir(), name, "machine.ini");
}

char *
paths_machine_state(const char *name)
{
    return below(paths_state_dir(), name, NULL);
}

char *
paths_machine_runtime(const char *name)
{
    return below(paths_runtime_dir(), name, NULL);
}

static bool
refuse(GError **error, const char *dir, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
                "will not use the directory '%s': %s", dir, why);
    return false;
}

bool
paths_make_private(const char *dir, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(dir);
    struct stat st;

    if (g_mkdir_with_parents(parent, 0700) < 0 ||
        (mkdir(dir, 0700) < 0 && errno != EEXIST)) {
        int err = errno;
        g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(err),
                    "cannot create the directory '%s': %s", dir,
                    g_strerror(err));
        return false;
    }
    /* in /tmp somebody else may have been first */
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return refuse(error, dir,
                      "it is not a directory of ours (a link, a file, or no "
                      "permission)");
    bool ours = fstat(fd, &st) == 0 && st.st_uid == geteuid();
    bool closed = ours && ((st.st_mode & 0077) == 0 || fchmod(fd, 0700) == 0);
    (void) close(fd); /* only looked at */
    if (!ours)
        return refuse(error, dir, "it belongs to another user");
    if (!closed)
        return refuse(error, dir, "other users have access");
    return true;
}

char *
paths_make_runtime(const char *name, GError **error)
{
    g_autofree char *top = paths_runtime_dir();
    g_autofree char *dir = g_build_filename(top, name, NULL);

    if (!paths_make_private(top, error) || !paths_make_private(dir, error))
        return NULL;
    return g_steal_pointer(&dir);
}

static void
add_taken(GPtrArray *dirs, char *dir)
{
    for (guint i = 0; dir != NULL && i < dirs->len; i++)
        if (strcmp(g_ptr_array_index(dirs, i), dir) == 0)
            g_clear_pointer(&dir, g_free);
    if (dir != NULL)
        g_ptr_array_add(dirs, dir);
}

/* Beside the program: BUILD/app/carrel has BUILD/share, and a tree that was
 * installed or copied anywhere has bin/carrel and share/carrel. */
static void
add_beside_program(GPtrArray *dirs)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);

    if (program == NULL)
        return;
    g_autofree char *folder = g_path_get_dirname(program);
    g_autofree char *top = g_path_get_dirname(folder);
    if (g_str_has_suffix(folder, "/app"))
        add_taken(dirs, g_build_filename(top, "share", NULL));
    add_taken(dirs, g_build_filename(top, "share", "carrel", NULL));
}

char **
paths_data_dirs(void)
{
    GPtrArray *dirs = g_ptr_array_new();
    const char *own = g_getenv("CARREL_DATADIR");

    if (own != NULL && *own != '\0')
        add_taken(dirs, g_canonicalize_filename(own, NULL));
    add_beside_program(dirs);
    add_taken(dirs, g_strdup(CARREL_INSTALLED_DATADIR));
    g_ptr_array_add(dirs, NULL);
    return (char **) g_ptr_array_free(dirs, FALSE);
}

char *
paths_find_data(const char *path)
{
    g_auto(GStrv) dirs = paths_data_dirs();

    for (unsigned i = 0; dirs[i] != NULL; i++) {
        g_autofree char *full = g_build_filename(dirs[i], path, NULL);
        if (g_file_test(full, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&full);
    }
    return NULL;
}

char **
paths_template_dirs(void)
{
    GPtrArray *dirs = g_ptr_array_new();
    g_auto(GStrv) shared = paths_data_dirs();

    /* a person's own template may replace one that came with the program */
    add_taken(dirs, below(paths_config_dir(), "templates", NULL));
    add_taken(dirs, g_strdup("/etc/carrel/templates"));
    for (unsigned i = 0; shared[i] != NULL; i++)
        add_taken(dirs, g_build_filename(shared[i], "templates", NULL));
    g_ptr_array_add(dirs, NULL);
    return (char **) g_ptr_array_free(dirs, FALSE);
}
