/* app/app.c - see app.h: options, answers and failures of all verbs. */
#include "app/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/names.h"
#include "app/options.h"
#include "app/session/session-error.h"
#include "app/store.h"
#include "app/verbs.h"
#include "app/wrap.h"
#include "passthrough-wizard/host-root.h"

char *
app_clean(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);

    for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c)) {
        gunichar u = g_utf8_get_char(c);
        if (g_unichar_iscntrl(u) && u != '\n' && u != '\t')
            g_string_append_printf(out, "\\x%02x", (unsigned) u);
        else
            g_string_append_unichar(out, u);
    }
    return g_string_free(out, FALSE);
}

static void
report(const App *app, ExitCode code, const char *id, const char *hint,
       const char *fix, const char *message)
{
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_int(w, "code", code);
        json_put_string(w, "id", id);
        json_put_string(w, "message", message);
        json_put_string(w, "hint", hint);
        json_put_string(w, "fix", fix);
        g_autofree char *text = json_writer_finish(w);
        fprintf(stderr, "%s\n", text);
        return;
    }
    g_autofree char *clean = app_clean(message);
    fprintf(stderr, "carrel: %s\n", clean);
    if (hint != NULL)
        fprintf(stderr, "  %s\n", hint);
    if (fix != NULL)
        fprintf(stderr, "  try: %s\n", fix);
}

int
app_fail(const App *app, ExitCode code, const char *id, const char *hint,
         const char *fix, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *message = g_strdup_vprintf(fmt, args);
    va_end(args);
    report(app, code, id, hint, fix, message);
    return code;
}

typedef struct {
    ExitCode code;
    const char *id, *hint;
} Meaning;

static Meaning
explain_profile(int code)
{
    switch (code) {
    case CARREL_PROFILE_ERROR_SYNTAX:
        return (Meaning){EXIT_USAGE, "profile-syntax", NULL};
    case CARREL_PROFILE_ERROR_KEY:
        return (Meaning){EXIT_USAGE, "unknown-setting",
                         "'carrel help settings' lists all settings"};
    case CARREL_PROFILE_ERROR_TOO_BIG:
        return (Meaning){EXIT_USAGE, "profile-too-big", NULL};
    case CARREL_PROFILE_ERROR_NEWER:
        return (Meaning){EXIT_USAGE, "profile-newer",
                         "update carrel to use this machine"};
    case CARREL_PROFILE_ERROR_CONFLICT:
        return (Meaning){EXIT_STATE, "profile-changed", NULL};
    case CARREL_PROFILE_ERROR_VALUE:
    default: return (Meaning){EXIT_USAGE, "bad-value", NULL};
    }
}

static Meaning
explain_file(int code)
{
    switch (code) {
    case G_FILE_ERROR_NOENT:
        return (Meaning){EXIT_NOT_FOUND, "no-such-file", NULL};
    case G_FILE_ERROR_EXIST: return (Meaning){EXIT_STATE, "exists", NULL};
    case G_FILE_ERROR_ACCES:
    case G_FILE_ERROR_PERM:
        return (Meaning){EXIT_PRIVILEGE, "no-permission", NULL};
    case G_FILE_ERROR_NOSPC:
        return (Meaning){EXIT_FAILED, "disk-full",
                         "make room and try again; nothing was lost"};
    default: return (Meaning){EXIT_FAILED, "file", NULL};
    }
}

static Meaning
explain_store(int code)
{
    switch (code) {
    case CARREL_STORE_ERROR_NOT_FOUND:
        return (Meaning){EXIT_NOT_FOUND, "no-such-machine",
                         "'carrel list' shows what there is"};
    case CARREL_STORE_ERROR_EXISTS:
        return (Meaning){EXIT_STATE, "exists", NULL};
    case CARREL_STORE_ERROR_RUNNING:
        return (Meaning){EXIT_STATE, "wrong-state", NULL};
    case CARREL_STORE_ERROR_PROTECTED:
    default: return (Meaning){EXIT_STATE, "protected", NULL};
    }
}

static Meaning
explain_host(int code)
{
    switch (code) {
    case CARREL_HOST_ERROR_MISSING:
        return (Meaning){EXIT_NOT_FOUND, "no-such-device", NULL};
    case CARREL_HOST_ERROR_DENIED:
        return (Meaning){EXIT_PRIVILEGE, "no-permission", NULL};
    case CARREL_HOST_ERROR_FORMAT:
        return (Meaning){EXIT_USAGE, "bad-value", NULL};
    case CARREL_HOST_ERROR_ROOT:
        return (Meaning){EXIT_NOT_FOUND, "no-such-file", NULL};
    case CARREL_HOST_ERROR_READ:
    default: return (Meaning){EXIT_FAILED, "file", NULL};
    }
}

static Meaning
explain(const GError *error)
{
    if (error->domain == CARREL_PROFILE_ERROR)
        return explain_profile(error->code);
    if (error->domain == CARREL_STORE_ERROR)
        return explain_store(error->code);
    if (error->domain == G_FILE_ERROR)
        return explain_file(error->code);
    if (error->domain == CARREL_NAME_ERROR)
        return (Meaning){EXIT_USAGE, "bad-name", NULL};
    if (error->domain == CARREL_HOST_ERROR)
        return explain_host(error->code);
    if (error->domain == G_OPTION_ERROR)
        return (Meaning){EXIT_USAGE, "usage", NULL};
    CarrelSessionError kind = session_error_kind(error);
    return (Meaning){(ExitCode) session_error_exit_code(kind),
                     session_error_id(kind), NULL};
}

ExitCode
app_error_code(const GError *error)
{
    return explain(error).code;
}

int
app_fail_error(const App *app, const GError *error)
{
    Meaning m = explain(error);

    report(app, m.code, m.id, m.hint, NULL, error->message);
    return m.code;
}

void
app_say(const App *app, const char *fmt, ...)
{
    va_list args;

    if (app->quiet || app->json)
        return;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_autofree char *clean = app_clean(text);
    printf("%s\n", clean);
}

/* With --json an object as findings are. */
static void G_GNUC_PRINTF(4, 0)
    remark(const App *app, const char *mark, const char *severity,
           const char *fmt, va_list args)
{
    if (app->quiet)
        return;
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "severity", severity);
        json_put_string(w, "message", text);
        g_autofree char *line = json_writer_finish(w);
        fprintf(stderr, "%s\n", line);
        return;
    }
    g_autofree char *clean = app_clean(text);
    fprintf(stderr, "%s: %s\n", mark, clean);
}

void
app_warn(const App *app, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    remark(app, "carrel", "warning", fmt, args);
    va_end(args);
}

void
app_note(const App *app, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    remark(app, "note", "note", fmt, args);
    va_end(args);
}

void
app_print_json(JsonWriter *w)
{
    g_autofree char *text = json_writer_finish(w);
    printf("%s\n", text);
}

bool
app_write_file(const char *file, const void *data, gsize len, GError **error)
{
    g_autoptr(GError) inner = NULL;

    if (g_file_set_contents(file, data, (gssize) len, &inner))
        return true;
    /* "Failed to create file 'x.K3VQZ2': No space left on device" */
    const char *why = g_strrstr(inner->message, ": ");
    g_set_error(error, inner->domain, inner->code, "cannot write '%s'%s", file,
                why != NULL ? why : "");
    return false;
}

bool
app_confirm(const App *app, const char *fmt, ...)
{
    char answer[8];
    va_list args;

    if (app->yes)
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_autofree char *clean = app_clean(text);
    fprintf(stderr, "%s [y/N] ", clean);
    if (fgets(answer, sizeof answer, stdin) == NULL)
        return false;
    return g_ascii_strcasecmp(g_strstrip(answer), "y") == 0 ||
           g_ascii_strcasecmp(answer, "yes") == 0;
}

static int
wrong_arguments(const App *app, const Verb *verb, const char *message)
{
    g_autofree char *fix = g_strdup_printf("carrel %s --help", verb->name);

    return app_fail(app, EXIT_USAGE, "usage", NULL, fix, "%s: %s", verb->name,
                    message);
}

/* A "--" that only ended the options is no argument. */
static void
drop_separator(char **args)
{
    for (unsigned i = 0; args[i] != NULL; i++) {
        if (strcmp(args[i], "--") != 0)
            continue;
        g_free(args[i]);
        memmove(&args[i], &args[i + 1],
                (g_strv_length(&args[i + 1]) + 1) * sizeof args[0]);
        return;
    }
}

/* The usage behind "  carrel VERB [OPTION...] ", in lines that fit a terminal:
 * broken before a "|", further ones begin under the first. */
static char *
wrap_usage(const Verb *verb)
{
    const int columns = 79;
    const int indent =
        (int) strlen("  carrel  [OPTION.] ") + (int) strlen(verb->name);
    g_auto(GStrv) parts = g_strsplit(verb->usage, " | ", -1);
    GString *text = g_string_new(NULL);
    int x = indent;

    for (unsigned i = 0; parts[i] != NULL; i++) {
        int len = (int) strlen(parts[i]);
        bool fits = x + 3 + len <= columns;
        if (i > 0)
            g_string_append_printf(text, "%s%*s| ", fits ? " " : "\n",
                                   fits ? 0 : indent, "");
        x = i == 0 ? x + len : fits ? x + 3 + len : indent + 2 + len;
        g_string_append(text, parts[i]);
    }
    return g_string_free(text, FALSE);
}

int
app_parse(App *app, char **argv, const GOptionEntry *entries, int min, int max,
          char ***ret_args)
{
    const Verb *verb = verb_find(argv[0]);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) args = g_strdupv(argv);
    GlobalOptions global;

    g_return_val_if_fail(verb != NULL, EXIT_FAILED);
    g_autofree char *prgname = g_strdup_printf("carrel %s", verb->name);
    g_autofree char *usage = wrap_usage(verb);
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_set_prgname(prgname); /* of the usage line */
    options_init(&global, app);
    options_add_to(context, &global, entries);
    g_option_context_set_summary(context, verb->summary);
    if (!options_check_flags(args, entries, false, &error) ||
        !g_option_context_parse_strv(context, &args, &error)) {
        options_finish(&global, app, NULL);
        return wrong_arguments(app, verb, error->message);
    }
    if (!options_finish(&global, app, &error))
        return wrong_arguments(app, verb, error->message);
    if (global.help) {
        g_autofree char *help = g_option_context_get_help(context, FALSE, NULL);
        g_autofree char *text = wrap_help(help);
        printf("%s", text);
        return EXIT_OK;
    }
    drop_separator(args);
    int n = (int) g_strv_length(args) - 1;
    if (n < min || (max >= 0 && n > max))
        return wrong_arguments(app, verb,
                               n < min ? "an argument is missing"
                                       : "too many arguments");
    if (app->read_only && (verb->flags & VERB_CHANGES))
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "'%s' changes something; --read-only forbids it",
                        verb->name);
    *ret_args = g_strdupv(args + 1);
    return -1;
}
