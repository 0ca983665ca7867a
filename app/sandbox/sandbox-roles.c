/* app/sandbox/sandbox-roles.c - see sandbox-roles.h. */
#include "app/sandbox/sandbox-roles.h"

#include "app/sandbox/sandbox-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* An initial RAM disk of 256 MiB, and what unpacks it. */
#define LOOK_MEMORY  (G_GUINT64_CONSTANT(768) << 20)
#define LOOK_SECONDS 10 /* of a processor */
/* A thousand connections with full buffers need a quarter of it. */
#define USER_MEMORY   (G_GUINT64_CONSTANT(512) << 20)
#define SWITCH_MEMORY (G_GUINT64_CONSTANT(256) << 20)

bool
sandbox_is_wanted(void)
{
    return !SANDBOX_SANITIZED &&
           g_strcmp0(g_getenv("CARREL_SANDBOX"), "off") != 0;
}

static void
tell(const char *role, GError *error)
{
    fprintf(stderr, "sandbox: %s runs without: %s\n", role, error->message);
    g_error_free(error);
}

static void
lock_in(const char *role, SandboxClass kind, const SandboxPath *paths,
        unsigned n_paths)
{
    GError *error = NULL;

    if (!sandbox_restrict_paths(paths, n_paths, &error))
        tell(role, g_steal_pointer(&error));
    if (!sandbox_enter(kind, &error))
        tell(role, g_steal_pointer(&error));
}

void
sandbox_role_user(const char *folder)
{
    g_autofree char *resolver = realpath("/etc/resolv.conf", NULL);
    g_autofree char *resolvers =
        g_path_get_dirname(resolver != NULL ? resolver : "/etc/resolv.conf");
    const SandboxPath paths[] = {
        {"/etc", SANDBOX_READ},
        {resolvers,
         SANDBOX_READ}, /* where its link leads: it is replaced there */
        {"/dev/urandom", SANDBOX_READ},
        {folder, SANDBOX_READ},
    };

    if (!sandbox_is_wanted())
        return;
    sandbox_limit_memory(USER_MEMORY);
    lock_in("a user network", SANDBOX_NET_USER, paths, G_N_ELEMENTS(paths));
}

void
sandbox_role_switch(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    const SandboxPath paths[] = {
        {folder, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE},
    };

    if (!sandbox_is_wanted())
        return;
    sandbox_limit_memory(SWITCH_MEMORY);
    lock_in("a switch", SANDBOX_NET_SWITCH, paths, G_N_ELEMENTS(paths));
}

bool
sandbox_role_look(GError **error)
{
    const struct rlimit seconds = {LOOK_SECONDS, LOOK_SECONDS}, none = {0, 0};

    if (!sandbox_is_wanted())
        return true;
    sandbox_limit_memory(LOOK_MEMORY);
    (void) setrlimit(RLIMIT_CPU, &seconds); /* a lower one that is set stays */
    (void) setrlimit(RLIMIT_CORE, &none);
    bool paths = sandbox_restrict_paths(NULL, 0, error);
    return sandbox_enter(SANDBOX_LOOK, paths ? error : NULL) && paths;
}
