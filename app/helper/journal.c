/* app/helper/journal.c - see journal.h. */
#include "app/helper/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/json.h"
#include "vmm/core/sysutil.h"

#define JOURNAL_MAX     (16u << 20)
#define JOURNAL_COMPACT (1u << 20) /* longer ones lose what is over */
#define JOURNAL_KEEP    200        /* records that stay for their list */

static char *
journal_path(void)
{
    const char *dir = g_getenv("CARREL_HELPER_DIR");

    return g_build_filename(dir != NULL ? dir : "/var/lib/carrel",
                            "helper.jsonl", NULL);
}

void
journal_record_free(JournalRecord *r)
{
    if (r == NULL)
        return;
    g_free(r->action);
    g_free(r->name);
    g_free(r->bridge);
    g_free(r->lower);
    g_free(r->mac);
    g_free(r->state);
    g_free(r->boot);
    plan_free(r->plan);
    if (r->states != NULL)
        g_array_unref(r->states);
    g_free(r);
}

static int
open_journal(void)
{
    g_autofree char *path = journal_path();
    g_autofree char *dir = g_path_get_dirname(path);

    (void) mkdir(dir, 0755); /* exists, or the open tells */
    return open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                0644);
}

/* A line that a crash cut short must not take the next one with it. */
static bool
ends_whole(int fd)
{
    struct stat st;
    char last = '\n';

    return fstat(fd, &st) == 0 &&
           (st.st_size == 0 ||
            (pread(fd, &last, 1, st.st_size - 1) == 1 && last == '\n'));
}

static bool
append_text(const char *text, GError **error)
{
    CARREL_AUTO_FD int fd = open_journal();
    g_autofree char *path = journal_path();

    if (fd < 0 || (!ends_whole(fd) && !sys_write_all(fd, "\n", 1)) ||
        !sys_write_all(fd, text, strlen(text)) || fsync(fd) < 0)
        return sys_error(error, errno,
                         "journal '%s' cannot be written, so nothing is "
                         "changed",
                         path);
    return true;
}

static char *
finish_line(JsonWriter *w)
{
    g_autofree char *text = json_writer_finish(w);
    return g_strconcat(text, "\n", NULL);
}

static bool
append(JsonWriter *w, GError **error)
{
    g_autofree char *line = finish_line(w);
    return append_text(line, error);
}

static JournalRecord *
find_record(GPtrArray *list, guint64 id)
{
    for (guint i = 0; i < list->len; i++) {
        JournalRecord *r = g_ptr_array_index(list, i);
        if (r->id == id)
            return r;
    }
    return NULL;
}

/* A step of the record's plan, or a new state of one. */
static void
take_step(JournalRecord *r, const JsonNode *node)
{
    const char *kind = json_get_string(node, "kind", NULL);
    gint64 n = json_get_int(node, "step", 0);
    const StepState planned = STEP_PLANNED;

    if (kind != NULL && n == r->plan->steps->len + 1) {
        Step *step = g_new0(Step, 1);
        step->kind = g_strdup(kind);
        step->target = g_strdup(json_get_string(node, "target", ""));
        step->before = g_strdup(json_get_string(node, "before", ""));
        step->after = g_strdup(json_get_string(node, "after", ""));
        g_ptr_array_add(r->plan->steps, step);
        g_array_append_val(r->states, planned);
    } else if (kind == NULL && n >= 1 && n <= r->states->len) {
        g_array_index(r->states, StepState, n - 1) =
            step_state_parse(json_get_string(node, "state", ""));
    }
}

/* A line is a new record, a step of one, or the end of an earlier one. */
static void
take_line(GPtrArray *list, const JsonNode *node)
{
    guint64 id = (guint64) json_get_int(node, "id", 0);
    const char *state = json_get_string(node, "state", "begun");
    JournalRecord *r = find_record(list, id);

    if (json_get(node, "step") != NULL) {
        if (r != NULL && r->plan != NULL)
            take_step(r, node);
        return;
    }
    if (r == NULL) {
        r = g_new0(JournalRecord, 1);
        r->id = id;
        r->time = json_get_int(node, "time", 0);
        r->action = g_strdup(json_get_string(node, "action", ""));
        r->name = g_strdup(json_get_string(node, "name", ""));
        r->bridge = g_strdup(json_get_string(node, "bridge", ""));
        r->lower = g_strdup(json_get_string(node, "lower", ""));
        r->mac = g_strdup(json_get_string(node, "mac", ""));
        r->user = json_get_int(node, "user", 0);
        r->queues = json_get_int(node, "queues", 1);
        r->undoes = json_get_int(node, "undoes", 0);
        r->boot = g_strdup(json_get_string(node, "boot", ""));
        if (strcmp(r->action, JOURNAL_PLAN) == 0) {
            r->plan = plan_new(r->name);
            r->states = g_array_new(FALSE, TRUE, sizeof(StepState));
        }
        g_ptr_array_add(list, r);
    }
    g_free(r->state);
    r->state = g_strdup(state);
    JournalRecord *undone = find_record(list, (guint64) r->undoes);
    if (undone != NULL && strcmp(state, "done") == 0)
        undone->undone_by = (gint64) r->id;
}

GPtrArray *
journal_read(GError **error)
{
    g_autofree char *path = journal_path();
    g_autofree char *text = NULL;
    gsize len = 0;
    GPtrArray *list =
        g_ptr_array_new_with_free_func((GDestroyNotify) journal_record_free);
    g_autoptr(GError) e = NULL;

    if (!g_file_get_contents(path, &text, &len, &e)) {
        if (g_error_matches(e, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return list;
        g_propagate_error(error, g_steal_pointer(&e));
        g_ptr_array_unref(list);
        return NULL;
    }
    if (len > JOURNAL_MAX) {
        (void) sys_error(error, EFBIG, "journal '%s'", path);
        g_ptr_array_unref(list);
        return NULL;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++) {
        /* a line cut short by a crash is not one */
        g_autoptr(JsonNode) node = json_parse(lines[i], strlen(lines[i]), NULL);
        if (node != NULL && json_type(node) == JSON_OBJECT)
            take_line(list, node);
    }
    return list;
}

/* ---- the lock, and what is over ---- */

/* What can still be taken back, and the newest. */
static bool
is_kept(const GPtrArray *records, guint64 id)
{
    for (guint i = 0; i < records->len; i++) {
        const JournalRecord *r = g_ptr_array_index(records, i);
        if (r->id == id)
            return i + JOURNAL_KEEP >= records->len ||
                   (r->plan != NULL ? journal_in_force(r) : r->undone_by == 0);
    }
    return false;
}

/* The lines that stay, as they are; NULL: there is nothing to gain. */
static char *
kept_text(void)
{
    g_autoptr(GPtrArray) records = journal_read(NULL);
    g_autofree char *path = journal_path();
    g_autofree char *text = NULL;
    GString *kept = g_string_new(NULL);
    gsize len = 0;

    if (records != NULL && g_file_get_contents(path, &text, &len, NULL)) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (gsize i = 0; lines[i] != NULL; i++) {
            g_autoptr(JsonNode) node =
                json_parse(lines[i], strlen(lines[i]), NULL);
            if (node != NULL && json_type(node) == JSON_OBJECT &&
                is_kept(records, (guint64) json_get_int(node, "id", 0)))
                g_string_append_printf(kept, "%s\n", lines[i]);
        }
    }
    return g_string_free(kept, kept->len == 0 || kept->len > len / 2);
}

static void
sync_folder(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    CARREL_AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        (void) fsync(fd); /* without it the old one is there, which is fine */
}

/* A new file in the place of the old one, and its lock; -1: all is as it was.
 * It is locked before anybody can see it. */
static int
compact(void)
{
    g_autofree char *path = journal_path();
    g_autofree char *beside = g_strconcat(path, ".new", NULL);
    g_autofree char *text = kept_text();

    if (text == NULL)
        return -1;
    (void) unlink(beside); /* a crash's */
    CARREL_AUTO_FD int fd =
        open(beside, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 ||
        !sys_write_all(fd, text, strlen(text)) || fsync(fd) < 0 ||
        rename(beside, path) < 0) {
        (void) unlink(beside);
        return -1;
    }
    sync_folder(path);
    return sys_steal_fd(&fd);
}

/* Another helper may have put a new file in its place while this one waited. */
static bool
is_the_journal(int fd)
{
    g_autofree char *path = journal_path();
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

int
journal_lock(GError **error)
{
    g_autofree char *path = journal_path();
    struct stat st;

    for (;;) {
        CARREL_AUTO_FD int fd = open_journal();
        if (fd < 0 || SYS_RETRY(flock(fd, LOCK_EX)) < 0) {
            (void) sys_error(error, errno, "journal '%s' cannot be locked",
                             path);
            return -1;
        }
        if (!is_the_journal(fd))
            continue;
        if (fstat(fd, &st) < 0 || st.st_size <= JOURNAL_COMPACT)
            return sys_steal_fd(&fd);
        int made = compact();
        return made >= 0 ? made : sys_steal_fd(&fd);
    }
}

guint64
journal_next_id(GError **error)
{
    g_autoptr(GPtrArray) list = journal_read(error);

    if (list == NULL)
        return 0;
    if (list->len == 0)
        return 1;
    const JournalRecord *last = g_ptr_array_index(list, list->len - 1);
    return last->id + 1;
}

char *
journal_plan_lines(guint64 id, const Plan *plan)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = plan_step(plan, i);
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_u64(w, "id", id);
        json_put_u64(w, "step", i + 1);
        json_put_string(w, "kind", step->kind);
        json_put_string(w, "target", step->target);
        json_put_string(w, "before", step->before);
        json_put_string(w, "after", step->after);
        g_autofree char *line = finish_line(w);
        g_string_append(text, line);
    }
    return g_string_free(text, FALSE);
}

bool
journal_begin(JournalRecord *r, GError **error)
{
    r->id = journal_next_id(error);
    if (r->id == 0)
        return false;
    r->time = g_get_real_time() / G_USEC_PER_SEC;
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_u64(w, "id", r->id);
    json_put_int(w, "time", r->time);
    json_put_string(w, "state", "begun");
    json_put_string(w, "action", r->action);
    json_put_string(w, "name", r->name);
    json_put_optional(w, "bridge", r->bridge);
    json_put_optional(w, "lower", r->lower);
    json_put_optional(w, "mac", r->mac);
    json_put_optional(w, "boot", r->boot);
    json_put_int(w, "user", r->user);
    json_put_int(w, "queues", r->queues);
    json_put_int(w, "undoes", r->undoes);
    g_autofree char *line = finish_line(w);
    g_autofree char *steps =
        r->plan != NULL ? journal_plan_lines(r->id, r->plan) : g_strdup("");
    g_autofree char *text = g_strconcat(line, steps, NULL);
    return append_text(text, error);
}

bool
journal_step(const JournalRecord *r, guint step, StepState state,
             GError **error)
{
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_u64(w, "id", r->id);
    json_put_u64(w, "step", step + 1);
    json_put_string(w, "state", step_state_name(state));
    return append(w, error);
}

bool
journal_in_force(const JournalRecord *r)
{
    return r->plan != NULL && strcmp(r->state, "undone") != 0;
}

/* A function that was bound before has no step, but its name is there. */
static bool
is_named(const JournalRecord *r, const char *what)
{
    g_auto(GStrv) words = g_strsplit(r->name, " ", -1);

    return g_strv_contains((const char *const *) words, what);
}

guint64
journal_find_hold(const GPtrArray *records, const char *what, const char *boot)
{
    for (guint i = records->len; i-- > 0;) {
        const JournalRecord *r = g_ptr_array_index(records, i);
        if (!journal_in_force(r) || strcmp(r->boot, boot) != 0 ||
            !g_str_has_prefix(r->name, JOURNAL_HOLD))
            continue;
        if (is_named(r, what))
            return r->id;
        for (guint k = 0; k < r->plan->steps->len; k++)
            if (strcmp(plan_step(r->plan, k)->kind, "driver") == 0 &&
                strcmp(plan_step(r->plan, k)->target, what) == 0)
                return r->id;
    }
    return 0;
}

bool
journal_end(const JournalRecord *r, const char *state, GError **error)
{
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_u64(w, "id", r->id);
    json_put_string(w, "state", state);
    json_put_int(w, "undoes", r->undoes);
    return append(w, error);
}
