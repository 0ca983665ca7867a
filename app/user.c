/* app/user.c - see user.h. */
#include "app/user.h"

#include <pwd.h>

int
user_option(const App *app, const char *who, gint64 *ret_uid)
{
    const struct passwd *entry;
    guint64 number;

    if (who == NULL)
        return -1;
    if (g_ascii_string_to_unsigned(who, 10, 0, G_MAXINT32, &number, NULL)) {
        *ret_uid = (gint64) number;
        return -1;
    }
    entry = getpwnam(who);
    if (entry == NULL)
        return app_fail(app, EXIT_NOT_FOUND, "no-such-user", NULL,
                        "getent passwd",
                        "--user: there is no user '%s' on this host", who);
    *ret_uid = (gint64) entry->pw_uid;
    return -1;
}
