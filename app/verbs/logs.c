/* app/verbs/logs.c - carrel logs NAME: what its process, firmware and serial
 * ports wrote; carrel events: what becomes of machines. */
#include "app/verbs/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/machines.h"
#include "app/session/session-dir.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "vmm/core/sysutil.h"

#define POLL_US  (200 * 1000)
#define MAX_TAIL (1024 * 1024)

static const char *const sources[] = {"vmm",     "firmware", "serial0",
                                      "serial1", "serial2",  "serial3",
                                      "stderr",  NULL};

/* Where a log goes, a chunk at a time. */
typedef struct {
    const App *app;
    const char *source;
    GString *line; /* with --json: the one that has not ended yet */
} LogOut;

/* "2026-01-31T23:59:59.123 machine: running" -> its parts; false: the line has
 * another form, such as the second one of a long text. */
static bool
split_line(const char *line, char **ret_time, char **ret_source,
           const char **ret_text)
{
    enum { STAMP = 23 };
    const char *space = strchr(line, ' ');
    const char *colon = space != NULL ? strstr(space, ": ") : NULL;

    if (space != line + STAMP || colon == NULL || line[4] != '-' ||
        line[10] != 'T' || line[19] != '.')
        return false;
    *ret_time = g_strndup(line, STAMP);
    *ret_source = g_strndup(space + 1, (gsize) (colon - space - 1));
    *ret_text = colon + 2;
    return true;
}

static void
print_json_line(const LogOut *out, const char *text, gsize len)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize) len);
    g_autofree char *time = NULL, *source = NULL;
    const char *rest = valid;
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    if (strcmp(out->source, "vmm") == 0 &&
        split_line(valid, &time, &source, &rest))
        json_put_string(w, "time", time);
    json_put_string(w, "source", source != NULL ? source : out->source);
    json_put_string(w, "line", rest);
    app_print_json(w);
}

static void
print_json_lines(LogOut *out, const char *text, gsize len)
{
    gsize start = 0;
    const char *end;

    g_string_append_len(out->line, text, (gssize) len);
    while ((end = memchr(out->line->str + start, '\n',
                         out->line->len - start)) != NULL) {
        gsize at = (gsize) (end - out->line->str);
        bool cr = at > start && end[-1] == '\r';
        print_json_line(out, out->line->str + start, at - start - cr);
        start = at + 1;
    }
    g_string_erase(out->line, 0, (gssize) start);
    if (out->line->len > MAX_TAIL) { /* a guest that never ends its line */
        print_json_line(out, out->line->str, out->line->len);
        g_string_truncate(out->line, 0);
    }
}

/* Serial output is the guest's: on a terminal it is shown, not obeyed. */
static void
print_chunk(LogOut *out, const char *text, gsize len)
{
    if (out->app->json) {
        print_json_lines(out, text, len);
    } else if (!isatty(STDOUT_FILENO)) {
        fwrite(text, 1, len, stdout);
    } else {
        g_autofree char *valid = g_utf8_make_valid(text, (gssize) len);
        g_autofree char *clean = app_clean(valid);
        fputs(clean, stdout);
    }
    fflush(stdout);
}

static int
open_log(const char *file)
{
    return open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* Prints the last lines; returns where reading goes on. */
static off_t
print_tail(LogOut *out, int fd, int lines)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return 0;
    off_t from = MAX(st.st_size - MAX_TAIL, 0);
    gsize size = (gsize) (st.st_size - from);
    g_autofree char *text = g_malloc(size + 1);
    ssize_t n = SYS_RETRY(pread(fd, text, size, from));
    if (n <= 0)
        return from;
    gsize start = (gsize) n;
    int seen = 0;
    while (start > 0) {
        if (text[start - 1] == '\n' && start < (gsize) n && ++seen == lines)
            break;
        start--;
    }
    print_chunk(out, text + start, (gsize) n - start);
    return from + n;
}

static off_t
print_more(LogOut *out, int fd, off_t at)
{
    char chunk[16 * 1024];
    ssize_t n;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size < at)
        at = 0; /* it was truncated */
    while ((n = SYS_RETRY(pread(fd, chunk, sizeof chunk, at))) > 0) {
        print_chunk(out, chunk, (gsize) n);
        at += n;
    }
    return at;
}

static bool
was_rotated(int fd, const char *file)
{
    struct stat ours, there;
    return stat(file, &there) == 0 &&
           (fd < 0 || (fstat(fd, &ours) == 0 && ours.st_ino != there.st_ino));
}

/* A process that was killed could not write its last line. */
static void
print_end(LogOut *out, const char *name)
{
    g_autoptr(SessionRecord) record =
        session_is_running(name, NULL) ? NULL : session_record_read(name);

    if (record == NULL || !record->lost)
        return;
    g_autofree char *line =
        g_strdup_printf("machine: crashed: %s\n", record->reason);
    print_chunk(out, line, strlen(line));
}

static void
follow_log(LogOut *out, const char *file, int *fd, off_t at)
{
    while (ferror(stdout) == 0) {
        if (*fd >= 0)
            at = print_more(out, *fd, at);
        if (was_rotated(*fd, file)) {
            sys_close(fd);
            *fd = open_log(file);
            at = 0;
            continue;
        }
        g_usleep(POLL_US);
    }
}

int
logs_print(const App *app, const char *name, const char *source, int lines,
           bool follow)
{
    g_autofree char *file = session_log_file(name, source);
    CARREL_AUTO_FD int fd = open_log(file);
    off_t at = 0;

    if (fd < 0 && !follow)
        return app_fail(app, EXIT_NOT_FOUND, "no-log",
                        "it is written when the machine runs and has such a "
                        "device",
                        NULL, "machine '%s' has no log '%s'", name, source);
    g_autoptr(GString) line = g_string_new(NULL);
    LogOut out = {.app = app, .source = source, .line = line};
    if (fd >= 0)
        at = print_tail(&out, fd, lines);
    if (strcmp(source, "vmm") == 0)
        print_end(&out, name);
    if (follow)
        follow_log(&out, file, &fd, at);
    if (line->len > 0)
        print_json_line(&out, line->str, line->len);
    return EXIT_OK;
}

int
verb_logs(App *app, int argc, char **argv)
{
    gboolean follow = FALSE;
    g_autofree char *source = NULL;
    int lines = 100;
    const GOptionEntry entries[] = {
        {"follow", 'f', 0, G_OPTION_ARG_NONE, &follow,
         "Go on with what is added", NULL},
        {"source", 's', 0, G_OPTION_ARG_STRING, &source,
         "vmm (default), firmware, serial0 to serial3, stderr", "SOURCE"},
        {"lines", 'n', 0, G_OPTION_ARG_INT, &lines,
         "How many of the last lines (100)", "N"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    const char *which = source != NULL ? source : "vmm";
    if (strcmp(which, "serial") == 0)
        which = "serial0";
    if (!g_strv_contains(sources, which))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "logs: --source is vmm, firmware, serial0 to serial3 "
                        "or stderr, not '%s'",
                        which);
    return logs_print(app, args[0], which, MAX(lines, 1), follow);
}

static void
print_event(const App *app, const char *name, const char *state,
            const char *reason)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format_iso8601(now);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "time", time);
        json_put_string(w, "name", name);
        json_put_string(w, "state", state);
        json_put_optional(w, "reason", reason);
        app_print_json(w);
    } else {
        g_autofree char *clean = app_clean(reason);
        printf("%s %s %s%s%s\n", time, name, state, *clean ? ": " : "", clean);
    }
    fflush(stdout);
}

/* Prints what differs from before; before is brought up to date. */
static void
print_changes(const App *app, const char *only, GHashTable *before)
{
    g_auto(GStrv) names = machine_names();
    for (gsize i = 0; names[i] != NULL; i++) {
        if (only != NULL && strcmp(only, names[i]) != 0)
            continue;
        g_autoptr(MachineInfo) info = machine_info(names[i]);
        if (info == NULL)
            continue;
        const char *old = g_hash_table_lookup(before, names[i]);
        if (old != NULL && strcmp(old, info->state) == 0)
            continue;
        print_event(app, names[i], info->state, info->reason);
        g_hash_table_replace(before, g_strdup(names[i]), g_strdup(info->state));
    }
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (g_strv_contains((const char *const *) names, name))
            continue;
        print_event(app, name, "gone", "");
        g_hash_table_iter_remove(&iter);
    }
}

int
verb_events(App *app, int argc, char **argv)
{
    gboolean follow = FALSE;
    const GOptionEntry entries[] = {{"follow", 'f', 0, G_OPTION_ARG_NONE,
                                     &follow, "Go on with every change", NULL},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 0, 1, &args);
    if (code < 0 && args[0] != NULL)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    g_autoptr(GHashTable) before =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    print_changes(app, args[0], before);
    while (follow && ferror(stdout) == 0) {
        g_usleep(POLL_US);
        print_changes(app, args[0], before);
    }
    return EXIT_OK;
}
