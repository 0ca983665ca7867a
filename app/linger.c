/* app/linger.c - what becomes of machines when their owner logs out.
 *
 * systemd-logind removes /run/user/UID with a user's last session, unless the
 * user lingers. A machine runs on then, but nobody can reach it any more. */
#include "app/linger.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "profiles/paths.h"

static bool
lingers(const char *root, const char *user)
{
    g_autofree char *file =
        g_strconcat(root, "/var/lib/systemd/linger/", user, NULL);

    return g_file_test(file, G_FILE_TEST_EXISTS);
}

const char *
linger_hint(const char *root)
{
    g_autofree char *runtime = paths_runtime_dir();
    g_autofree char *users =
        g_strdup_printf("/run/user/%lu/", (unsigned long) geteuid());
    g_autofree char *logind = g_strconcat(root, "/run/systemd/seats", NULL);

    if (!g_str_has_prefix(runtime, users) ||
        !g_file_test(logind, G_FILE_TEST_IS_DIR) ||
        lingers(root, g_get_user_name()))
        return NULL;
    return "after you log out machines cannot be reached and may be ended: "
           "'loginctl enable-linger' keeps them";
}

/* ---- the desktop's end ---- */

/* Whose login this process is part of, also when sudo made it root's: systemd
 * keeps it in that user's slice. False: nobody's, as a service of the host. */
static bool
login_of_process(const char *root, unsigned *ret_uid)
{
    static const char slice[] = "/user.slice/user-";
    g_autofree char *path = g_strconcat(root, "/proc/self/cgroup", NULL);
    g_autofree char *text = NULL;

    (void) g_file_get_contents(path, &text, NULL, NULL);
    const char *at = text != NULL ? strstr(text, slice) : NULL;
    return at != NULL && sscanf(at + strlen(slice), "%9u.slice", ret_uid) == 1;
}

static bool
has_line(char *const *lines, const char *line)
{
    return g_strv_contains((const char *const *) lines, line);
}

/* At a text console or by SSH; a file of systemd-logind, as sd-login(3) reads
 * them. */
static bool
is_without_desktop(const char *path, const char *owner)
{
    g_autofree char *text = NULL;

    /* beside each is a FIFO, which would not let go */
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR) ||
        !g_file_get_contents(path, &text, NULL, NULL))
        return false;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    return has_line(lines, owner) && has_line(lines, "CLASS=user") &&
           !has_line(lines, "STATE=closing") &&
           (has_line(lines, "REMOTE=1") || has_line(lines, "TYPE=tty"));
}

static bool
has_other_session(const char *root, unsigned uid)
{
    g_autofree char *folder = g_strconcat(root, "/run/systemd/sessions", NULL);
    g_autofree char *owner = g_strdup_printf("UID=%u", uid);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (is_without_desktop(path, owner))
            return true;
    }
    return false;
}

bool
linger_outlives_desktop(const char *root)
{
    unsigned uid = 0;

    if (!login_of_process(root, &uid))
        return true;
    const struct passwd *user = getpwuid(uid);
    return (user != NULL && lingers(root, user->pw_name)) ||
           has_other_session(root, uid);
}
