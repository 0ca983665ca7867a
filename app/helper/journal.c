/* app/helper/journal.c - see journal.h. */
#include "app/helper/journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/json.h"
#include "vmm/core/sysutil.h"

#define JOURNAL_MAX (16u << 20)

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
    g_free(r);
}

static bool
append(JsonWriter *w, GError **error)
{
    g_autofree char *path = journal_path();
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *text = json_writer_finish(w);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    (void) mkdir(dir, 0755); /* exists, or the open tells */
    CARREL_AUTO_FD int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || !sys_write_all(fd, line, strlen(line)) || fsync(fd) < 0)
        return sys_error(error, errno,
                         "journal '%s' cannot be written, so nothing is "
                         "changed",
                         path);
    return true;
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

/* A line is a new record, or the end of an earlier one. */
static void
take_line(GPtrArray *list, const JsonNode *node)
{
    guint64 id = (guint64) json_get_int(node, "id", 0);
    const char *state = json_get_string(node, "state", "begun");
    JournalRecord *r = find_record(list, id);

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
    g_auto(GStrv) lines = g_strsplit(len <= JOURNAL_MAX ? text : "", "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++) {
        /* a line cut short by a crash is not one */
        g_autoptr(JsonNode) node = json_parse(lines[i], strlen(lines[i]), NULL);
        if (node != NULL && json_type(node) == JSON_OBJECT)
            take_line(list, node);
    }
    return list;
}

bool
journal_begin(JournalRecord *r, GError **error)
{
    g_autoptr(GPtrArray) list = journal_read(error);

    if (list == NULL)
        return false;
    r->id = 1;
    if (list->len > 0) {
        const JournalRecord *last = g_ptr_array_index(list, list->len - 1);
        r->id = last->id + 1;
    }
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
    json_put_int(w, "user", r->user);
    json_put_int(w, "queues", r->queues);
    json_put_int(w, "undoes", r->undoes);
    return append(w, error);
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
