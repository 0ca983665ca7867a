/* app/linger.c - what becomes of machines when their owner logs out.
 *
 * systemd-logind removes /run/user/UID with a user's last session, unless the
 * user lingers. A machine runs on then, but nobody can reach it any more. */
#include "app/linger.h"

#include <unistd.h>

#include "profiles/paths.h"

const char *
linger_hint(const char *root)
{
    g_autofree char *runtime = paths_runtime_dir();
    g_autofree char *users =
        g_strdup_printf("/run/user/%lu/", (unsigned long) geteuid());
    g_autofree char *logind = g_strconcat(root, "/run/systemd/seats", NULL);
    g_autofree char *lingers =
        g_strconcat(root, "/var/lib/systemd/linger/", g_get_user_name(), NULL);

    if (!g_str_has_prefix(runtime, users) ||
        !g_file_test(logind, G_FILE_TEST_IS_DIR) ||
        g_file_test(lingers, G_FILE_TEST_EXISTS))
        return NULL;
    return "after you log out machines cannot be reached and may be ended: "
           "'loginctl enable-linger' keeps them";
}
