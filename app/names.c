/* app/names.c - see names.h. */
#include "app/names.h"

#include <string.h>

GQuark
carrel_name_error_quark(void)
{
    return g_quark_from_static_string("carrel-name-error");
}

static bool
is_name(const char *name)
{
    gsize len = strlen(name);

    if (len == 0 || len > MACHINE_NAME_MAX || !g_ascii_isalnum(name[0]))
        return false;
    for (gsize i = 1; i < len; i++)
        if (!g_ascii_isalnum(name[i]) && strchr("._-", name[i]) == NULL)
            return false;
    return true;
}

bool
machine_name_check(const char *name, GError **error)
{
    if (is_name(name))
        return true;
    g_autofree char *shown = g_strescape(name, NULL);
    g_set_error(error, CARREL_NAME_ERROR, CARREL_NAME_ERROR_INVALID,
                "'%.80s' cannot be the name of a machine: 1 to %d letters, "
                "digits, '.', '_' and '-', the first a letter or digit",
                shown, MACHINE_NAME_MAX);
    return false;
}
