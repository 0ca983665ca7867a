/* app/verbs/edit.c - carrel edit NAME: the person's editor on a copy; only a
 * copy without mistakes replaces machine.ini. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/store.h"
#include "app/verbs/run.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

static const char *
find_editor(void)
{
    static const char *const names[] = {"VISUAL", "EDITOR"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *editor = g_getenv(names[i]);
        if (editor != NULL && *editor != '\0')
            return editor;
    }
    return "vi";
}

/* Those of terminals wait for ever without one; "sed -i" and "code --wait" are
 * good without. */
static bool
needs_terminal(const char *editor)
{
    static const char *const known[] = {"vi",     "vim",   "nvim", "nano",
                                        "pico",   "micro", "hx",   "joe",
                                        "mcedit", "ne",    "mg",   NULL};
    g_autofree char *word = g_strndup(editor, strcspn(editor, " "));
    g_autofree char *base = g_path_get_basename(word);

    return g_strv_contains(known, base);
}

static bool
run_editor(const char *file, GError **error)
{
    g_auto(GStrv) argv = NULL;
    int status;

    /* "code --wait" is a command with an option, as every program takes it */
    g_autofree char *quoted = g_shell_quote(file);
    g_autofree char *line = g_strdup_printf("%s %s", find_editor(), quoted);
    return g_shell_parse_argv(line, NULL, &argv, error) &&
           g_spawn_sync(NULL, argv, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN,
                        NULL, NULL, NULL, NULL, &status, error) &&
           g_spawn_check_wait_status(status, error);
}

/* A copy beside machine.ini, so that relative paths mean the same. */
static char *
write_copy(const char *file, const char *text, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(file);
    g_autofree char *copy =
        g_build_filename(folder, ".machine-XXXXXX.ini", NULL);
    CARREL_AUTO_FD int fd = g_mkstemp_full(copy, O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 || !sys_write_all(fd, text, strlen(text))) {
        sys_error(error, errno, "cannot write '%s'", copy);
        return NULL;
    }
    return g_steal_pointer(&copy);
}

/* 1: good, 0: the person gives up, -1: edit again. */
static int
judge(const App *app, const char *copy, Profile **ret_profile)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) edited = profile_load(copy, &error);

    if (edited != NULL && profile_validate(edited, &error)) {
        *ret_profile = g_steal_pointer(&edited);
        return 1;
    }
    app_fail_error(app, error);
    return app_confirm(app, "Edit again?") && !app->yes ? -1 : 0;
}

/* The edited text under the real name, with the memory of what was loaded. */
static bool
adopt(const Profile *original, const Profile *edited, const char *file,
      GError **error)
{
    g_autoptr(Profile) current = profile_load_lenient(file, error);
    g_autofree char *now = current ? profile_to_text(current) : NULL;
    g_autofree char *was = profile_to_text(original);
    g_autoptr(Profile) result = profile_copy_to(edited, file);

    if (current == NULL)
        return false;
    if (strcmp(now, was) != 0) {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_CONFLICT,
                    "'%s' was changed while you edited it; nothing is written",
                    file);
        return false;
    }
    return profile_save(result, file, error);
}

static int
edit(const App *app, const char *name, const Profile *original,
     const char *copy)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) edited = NULL;
    int verdict;

    do {
        if (!run_editor(copy, &error))
            return app_fail_error(app, error);
        verdict = judge(app, copy, &edited);
    } while (verdict < 0);
    if (verdict == 0)
        return EXIT_USAGE;
    g_autofree char *before = profile_to_text(original);
    g_autofree char *after = profile_to_text(edited);
    if (strcmp(before, after) == 0) {
        app_say(app, "nothing changed");
        return EXIT_OK;
    }
    if (app->dry_run) {
        app_say(app, "the change is valid; --dry-run: not saved");
        return EXIT_OK;
    }
    if (!adopt(original, edited, profile_get_file(original), &error))
        return app_fail_error(app, error);
    app_say(app, "saved; the old text is machine.ini~%s",
            store_is_running(name) ? " (counts from the next start)" : "");
    return EXIT_OK;
}

int
verb_edit(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, NULL, 1, 1, &args);

    if (code >= 0)
        return code;
    if (!store_require(args[0], &error))
        return app_fail_error(app, error);
    if (needs_terminal(find_editor()) &&
        (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        return app_fail(app, EXIT_USAGE, "no-terminal", NULL, NULL,
                        "an editor needs a terminal; `carrel set %s "
                        "section.key=value` works in scripts",
                        args[0]);
    /* lenient: an editor is how a broken profile gets repaired */
    g_autofree char *file = paths_machine_file(args[0]);
    g_autoptr(Profile) original = profile_load_lenient(file, &error);
    if (original == NULL)
        return app_fail_error(app, error);
    g_autofree char *text = profile_to_text(original);
    g_autofree char *copy = write_copy(file, text, &error);
    if (copy == NULL)
        return app_fail_error(app, error);
    code = edit(app, args[0], original, copy);
    (void) unlink(copy); /* ours, and of no more use */
    return code;
}
