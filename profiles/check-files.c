/* profiles/check-files.c - findings about the files that a profile names, and
 * about the profile's own permissions. Nothing is opened, only looked at: a
 * device or FIFO must not react to a check. */
#include "profiles/profile-internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_snapshot(const Profile *profile, const char *section)
{
    g_autofree char *key = g_strdup_printf("%s.snapshot", section);
    return schema_find_full(key) != NULL && profile_get_bool(profile, key);
}

static bool
must_write(const Profile *profile, const char *section)
{
    g_autofree char *key = g_strdup_printf("%s.read-only", section);

    if (schema_find_full(key) == NULL) /* CD drives */
        return false;
    return !profile_get_bool(profile, key) && !is_snapshot(profile, section);
}

static const char *
kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a directory";
    if (S_ISFIFO(mode))
        return "a FIFO";
    if (S_ISSOCK(mode))
        return "a socket";
    return "a character device";
}

/* What is wrong with the medium, or NULL. */
static char *
medium_problem(const char *path, bool write)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return g_strdup_printf("'%s': %s", path, g_strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return g_strdup_printf("'%s' is %s, not an image file or block device",
                               path, kind_of(st.st_mode));
    if (S_ISREG(st.st_mode) && st.st_size == 0)
        return g_strdup_printf("'%s' is empty: no image has 0 bytes", path);
    if (access(path, R_OK) < 0)
        return g_strdup_printf("'%s' may not be read by this user", path);
    if (write && access(path, W_OK) < 0)
        return g_strdup_printf("'%s' may not be written by this user; set "
                               "read-only=true or snapshot=true",
                               path);
    return NULL;
}

/* A file of another size works, but is probably no floppy's image. */
char *
profile_odd_floppy(const char *path)
{
    static const unsigned kib[] = {160,  180,  320,  360,  640,  720, 800,
                                   1200, 1440, 1600, 1680, 1722, 2880};
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(kib); i++)
        if (st.st_size == (off_t) kib[i] * 1024)
            return NULL;
    return g_strdup_printf(
        "'%s' has the size of no floppy format (%" G_GINT64_FORMAT
        " bytes); is it the right file?",
        path, (gint64) st.st_size);
}

static void
check_media(const Profile *profile, GPtrArray *findings)
{
    static const char *const drives[] = {"floppy0", "floppy1", "disk0", "disk1",
                                         "disk2",   "disk3",   "cd0",   "cd1",
                                         "cd2",     "cd3"};

    for (unsigned i = 0; i < G_N_ELEMENTS(drives); i++) {
        g_autofree char *key = g_strdup_printf("%s.path", drives[i]);
        g_autofree char *path = profile_get_path(profile, key);
        char *problem =
            path != NULL ? medium_problem(path, must_write(profile, drives[i]))
                         : NULL;
        bool error = problem != NULL;
        if (path != NULL && !error && g_str_has_prefix(drives[i], "floppy"))
            problem = profile_odd_floppy(path);
        if (problem != NULL)
            profile_report(findings, error, profile_get_line(profile, key), key,
                           problem);
    }
}

static void
check_kernel(const Profile *profile, GPtrArray *findings)
{
    static const char *const keys[] = {"machine.kernel", "machine.initrd"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *path = profile_get_path(profile, keys[i]);
        char *problem = path != NULL ? medium_problem(path, false) : NULL;
        if (problem != NULL)
            profile_report(findings, true, profile_get_line(profile, keys[i]),
                           keys[i], problem);
    }
}

/* Devices of the host come and go, and are not everybody's to read. */
static void
check_evdevs(const Profile *profile, GPtrArray *findings)
{
    for (unsigned i = 0; i < 4; i++) {
        g_autofree char *key = g_strdup_printf("input.evdev%u", i);
        g_autofree char *path = profile_get_path(profile, key);
        char *problem = NULL;
        if (path == NULL || access(path, R_OK | W_OK) == 0)
            continue;
        if (errno == EACCES)
            problem = g_strdup_printf("'%s' is not for this user to open; "
                                      "'sudo usermod -aG input $USER' and a "
                                      "new login allow it",
                                      path);
        else
            problem = g_strdup_printf("'%s' is not there; 'ls /dev/input/by-id'"
                                      " shows what is",
                                      path);
        profile_report(findings, true, profile_get_line(profile, key), key,
                       problem);
    }
}

static void
check_tftp(const Profile *profile, GPtrArray *findings)
{
    for (unsigned i = 0; i < 4; i++) {
        g_autofree char *key = g_strdup_printf("net%u.tftp", i);
        g_autofree char *path = profile_get_path(profile, key);
        if (path != NULL && !g_file_test(path, G_FILE_TEST_IS_DIR))
            profile_report(findings, true, profile_get_line(profile, key), key,
                           g_strdup_printf("'%s' is no folder", path));
    }
}

static void
check_firmware(const Profile *profile, GPtrArray *findings)
{
    static const char *const keys[] = {
        "machine.firmware", "machine.vga-firmware", "net0.boot-rom",
        "net1.boot-rom",    "net2.boot-rom",        "net3.boot-rom"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *path = profile_get_path(profile, keys[i]);
        if (path == NULL || strchr(path, '/') == NULL)
            continue; /* a name: looked up when the machine starts */
        char *problem = medium_problem(path, false);
        if (problem != NULL)
            profile_report(findings, true, profile_get_line(profile, keys[i]),
                           keys[i], problem);
    }
}

/* Whoever may write the profile decides which files the machine opens. */
static void
check_permissions(const Profile *profile, GPtrArray *findings)
{
    struct stat st;

    if (profile->file == NULL)
        return;
    g_autofree char *folder = g_path_get_dirname(profile->file);
    const char *const places[] = {profile->file, folder};
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        if (stat(places[i], &st) < 0 || (st.st_mode & S_IWOTH) == 0 ||
            (st.st_mode & S_ISVTX) != 0)
            continue;
        profile_report(findings, false, 0, NULL,
                       g_strdup_printf("'%s' may be written by everybody; "
                                       "chmod o-w '%s'",
                                       places[i], places[i]));
    }
    if (*profile_get_string(profile, "vnc.password") != '\0' &&
        stat(profile->file, &st) == 0 && (st.st_mode & S_IROTH) != 0)
        profile_report(findings, false,
                       profile_get_line(profile, "vnc.password"),
                       "vnc.password",
                       g_strdup_printf("everybody may read the password; "
                                       "chmod 600 '%s'",
                                       profile->file));
}

GPtrArray *
profile_check_files(const Profile *profile)
{
    GPtrArray *findings =
        g_ptr_array_new_with_free_func((GDestroyNotify) profile_finding_free);

    check_media(profile, findings);
    check_kernel(profile, findings);
    check_firmware(profile, findings);
    check_tftp(profile, findings);
    check_evdevs(profile, findings);
    check_permissions(profile, findings);
    return findings;
}
