/* app/helper/elevate.c - see elevate.h. */
#include "app/helper/elevate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *
caller_id(void)
{
    const char *uid = g_getenv("SUDO_UID");
    return uid != NULL ? uid : g_getenv("PKEXEC_UID");
}

gint64
elevate_user(void)
{
    const char *uid = geteuid() == 0 ? caller_id() : NULL;
    guint64 value;

    return uid != NULL && g_ascii_string_to_unsigned(uid, 10, 0, G_MAXUINT32,
                                                     &value, NULL)
               ? (gint64) value
               : (gint64) getuid();
}

void
elevate_arrive(void)
{
    if (geteuid() != 0 || caller_id() == NULL)
        return;
    (void) clearenv(); /* cannot fail */
    (void) g_setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
    if (chdir("/") < 0)
        exit(EXIT_FAILED);
}

/* sudo asks on the terminal, pkexec on the desktop. */
static char *
find_way(bool *ret_pkexec)
{
    char *sudo = g_find_program_in_path("sudo");
    char *pkexec = g_find_program_in_path("pkexec");
    bool desktop =
        g_getenv("DISPLAY") != NULL || g_getenv("WAYLAND_DISPLAY") != NULL;

    *ret_pkexec =
        pkexec != NULL && (sudo == NULL || (desktop && !isatty(STDIN_FILENO)));
    char *way = *ret_pkexec ? g_steal_pointer(&pkexec) : g_steal_pointer(&sudo);
    g_free(sudo);
    g_free(pkexec);
    return way;
}

int
elevate_run_verb(const App *app, const char *verb, const char *const *words)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    bool pkexec = false;
    g_autofree char *way = find_way(&pkexec);
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (way != NULL && geteuid() != 0)
        g_ptr_array_add(argv, way);
    g_ptr_array_add(argv, self);
    g_ptr_array_add(argv, (char *) verb);
    for (gsize i = 0; words[i] != NULL; i++)
        g_ptr_array_add(argv, (char *) words[i]);
    if (app->json)
        g_ptr_array_add(argv, (char *) "--json");
    if (app->quiet)
        g_ptr_array_add(argv, (char *) "--quiet");
    g_ptr_array_add(argv, NULL);
    if (way == NULL && geteuid() != 0) {
        g_autofree char *line = g_strjoinv(" ", (char **) argv->pdata);
        return app_fail(app, EXIT_PRIVILEGE, "permission", NULL, line,
                        "this changes the host, and neither sudo nor pkexec "
                        "is there: run as root: %s",
                        line);
    }
    if (!g_spawn_sync(NULL, (char **) argv->pdata, NULL,
                      G_SPAWN_CHILD_INHERITS_STDIN |
                          G_SPAWN_CHILD_INHERITS_STDOUT |
                          G_SPAWN_CHILD_INHERITS_STDERR,
                      NULL, NULL, NULL, NULL, &status, &error))
        return app_fail(app, EXIT_PRIVILEGE, "permission", NULL, NULL,
                        "cannot become root: %s", error->message);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

int
elevate_run(const App *app, const char *const *words)
{
    return elevate_run_verb(app, "passthrough", words);
}
