/* app/main.c - the program: global options, then one verb of app/verbs.c.
 * Without a verb: the terminal interface on a terminal, else the list. */
#include <glib.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/options.h"
#include "app/tui.h"
#include "app/verbs.h"
#include "app/wrap.h"

static void
print_overview(GOptionContext *context)
{
    unsigned n;
    const Verb *verbs = verbs_all(&n);
    g_autofree char *help = g_option_context_get_help(context, FALSE, NULL);

    printf("%s", help);
    printf("Verbs:\n");
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *head = g_strdup_printf("  %-12s ", verbs[i].name);
        g_autofree char *lines = wrap_text(head, verbs[i].summary);
        if (!(verbs[i].flags & VERB_HIDDEN))
            printf("%s", lines);
    }
    printf("\n'carrel VERB --help' explains one of them; 'carrel' alone opens "
           "the terminal\ninterface.\n");
}

static int
run_verb(App *app, char **args)
{
    const Verb *verb = verb_find(args[0]);

    if (verb != NULL)
        return verb->run(app, (int) g_strv_length(args), args);
    const Verb *near = verb_nearest(args[0]);
    g_autofree char *fix = near != NULL
                               ? g_strdup_printf("carrel %s", near->name)
                               : g_strdup("carrel --help");
    return app_fail(app, EXIT_USAGE, "no-such-verb", NULL, fix,
                    "there is no verb '%s'", args[0]);
}

static int
run_default(App *app)
{
    char *list[] = {(char *) "list", NULL};

    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !app->json &&
        !app->plain)
        return app_tui_main(app, NULL);
    return run_verb(app, list);
}

static int
run_options(App *app, char **argv)
{
    g_autoptr(GOptionContext) context =
        g_option_context_new("VERB [NAME] [OPTIONS]");
    g_auto(GStrv) args = g_strdupv(argv);
    g_autoptr(GError) error = NULL;
    GlobalOptions global;

    options_init(&global, app);
    const GOptionEntry entries[] = {
        {"version", 0, 0, G_OPTION_ARG_NONE, &global.version,
         "Print the version", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    options_add_to(context, &global, entries);
    g_option_context_set_summary(context,
                                 "A terminal workstation for virtual machines");
    /* stop at the verb: what follows is the verb's */
    g_option_context_set_strict_posix(context, TRUE);
    bool ok = options_check_flags(args, entries, true, &error) &&
              g_option_context_parse_strv(context, &args, &error);
    if (!options_finish(&global, app, ok ? &error : NULL) || !ok)
        return app_fail(app, EXIT_USAGE, "usage", NULL, "carrel --help", "%s",
                        error->message);
    if (global.help) {
        print_overview(context);
        return EXIT_OK;
    }
    if (global.version) {
        char *version[] = {(char *) "version", NULL};
        return run_verb(app, version);
    }
    return args[1] != NULL ? run_verb(app, args + 1) : run_default(app);
}

/* The process of a machine or a network: it talks to programs only. */
static bool
is_role(char **argv)
{
    const Verb *verb = verb_find(argv[1]);

    return verb != NULL && (verb->flags & VERB_HIDDEN);
}

int
main(int argc, char **argv)
{
    App app = {0};

    if (argc < 2 || !is_role(argv))
        setlocale(LC_ALL, ""); /* reads a dozen files */
    g_set_prgname("carrel");
    int code = run_options(&app, argv);
    /* an answer that did not arrive is no success: a full disk, say */
    if (fflush(stdout) != 0 && code == EXIT_OK)
        code = app_fail(&app, EXIT_FAILED, "output", NULL, NULL,
                        "cannot write the answer");
    return code;
}
