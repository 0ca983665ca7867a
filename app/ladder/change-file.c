/* app/ladder/change-file.c - ladder.json, and taking a change back. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include <glib/gstdio.h>

#include "app/json.h"
#include "app/ladder/change.h"
#include "app/ladder/rungs.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

#define FILE_NAME    "ladder.json"
#define FILE_VERSION 1
#define LOCK_NAME    "ladder.lock"
#define LOCK_TRIES   200 /* each 10 ms; the others need some */

static char *
file_of(const char *name)
{
    g_autofree char *dir = paths_machine_state(name);

    return g_build_filename(dir, FILE_NAME, NULL);
}

/* A file beside ladder.json, which is replaced at each save. It stays: who
 * removed it would let two at once hold two locks. */
int
ladder_lock(const char *name)
{
    g_autofree char *dir = paths_machine_state(name);
    g_autofree char *file = g_build_filename(dir, LOCK_NAME, NULL);

    if (!paths_make_private(dir, NULL))
        return -1;
    CARREL_AUTO_FD int fd =
        open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    for (unsigned i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return sys_steal_fd(&fd);
        if (errno != EWOULDBLOCK && errno != EINTR)
            break; /* a file system without locks */
        g_usleep(10000);
    }
    return -1;
}

/* ---- reading ---- */

static bool
read_stage(const char *text, LadderStage *ret_stage)
{
    for (LadderStage s = LADDER_PREPARE; s <= LADDER_FALLEN_BACK; s++)
        if (strcmp(text, ladder_stage_name(s)) == 0) {
            *ret_stage = s;
            return true;
        }
    return false;
}

/* What does not make sense is left out: the file is in the user's hands. */
static void
read_row(LadderChange *change, const JsonNode *node)
{
    const char *key = json_get_string(node, "key", "");
    LadderStage stage;

    if (rung_find(key) == NULL ||
        !read_stage(json_get_string(node, "stage", ""), &stage))
        return;
    LadderRow *row = g_new0(LadderRow, 1);
    row->key = g_strdup(key);
    row->from = g_strdup(json_get_string(node, "from", ""));
    row->to = g_strdup(json_get_string(node, "to", ""));
    row->from_set = json_get_bool(node, "from-set", true);
    row->stage = row->filed = stage;
    row->attempts = (unsigned) CLAMP(json_get_int(node, "attempts", 0), 0, 99);
    row->note = g_strdup(json_get_string(node, "note", ""));
    row->restored = json_get_bool(node, "restored", false);
    g_ptr_array_add(change->rows, row);
}

LadderChange *
ladder_load(const char *name)
{
    g_autofree char *file = file_of(name);
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(file, &text, &len, NULL))
        return NULL;
    g_autoptr(JsonNode) node = json_parse(text, len, NULL);
    if (json_get_int(node, "version", 0) != FILE_VERSION)
        return NULL;
    LadderChange *change = ladder_new();
    g_free(change->before);
    g_free(change->after);
    change->before = g_strdup(json_get_string(node, "before", ""));
    change->after = g_strdup(json_get_string(node, "after", ""));
    const JsonNode *rows = json_get(node, "rows");
    for (unsigned i = 0; i < json_length(rows); i++)
        read_row(change, json_at(rows, i));
    return change;
}

/* ---- writing ---- */

static void
put_row(JsonWriter *w, const LadderRow *row)
{
    json_begin_object(w, NULL);
    json_put_string(w, "key", row->key);
    json_put_string(w, "from", row->from);
    json_put_bool(w, "from-set", row->from_set);
    json_put_string(w, "to", row->to);
    json_put_string(w, "stage", ladder_stage_name(row->stage));
    json_put_u64(w, "attempts", row->attempts);
    json_put_string(w, "note", row->note);
    json_put_bool(w, "restored", row->restored);
    json_end(w);
}

bool
ladder_save(const char *name, LadderChange *change, GError **error)
{
    g_autofree char *dir = paths_machine_state(name);
    g_autofree char *file = file_of(name);
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_int(w, "version", FILE_VERSION);
    json_put_string(w, "before", change->before);
    json_put_string(w, "after", change->after);
    json_begin_array(w, "rows");
    for (guint i = 0; i < change->rows->len; i++)
        put_row(w, g_ptr_array_index(change->rows, i));
    g_autofree char *text = json_writer_finish(w);
    if (!paths_make_private(dir, error) ||
        !g_file_set_contents_full(file, text, -1,
                                  G_FILE_SET_CONTENTS_CONSISTENT |
                                      G_FILE_SET_CONTENTS_DURABLE,
                                  0600, error))
        return false;
    ladder_filed(change);
    return true;
}

void
ladder_forget(const char *name)
{
    g_autofree char *file = file_of(name);

    (void) g_unlink(file); /* or there was none */
}

/* ---- taking back ---- */

static bool
goes_back(const LadderRow *row, bool all)
{
    return !row->restored && (all || row->stage == LADDER_FALLEN_BACK);
}

static bool
all_go_back(const LadderChange *change, bool all)
{
    for (guint i = 0; i < change->rows->len; i++)
        if (!goes_back(g_ptr_array_index(change->rows, i), all))
            return false;
    return true;
}

/* The file as it was, when nobody has touched it since. */
static Profile *
whole_file(const LadderChange *change, const char *file)
{
    g_autofree char *now = NULL;

    if (!g_file_get_contents(file, &now, NULL, NULL) ||
        strcmp(now, change->after) != 0)
        return NULL;
    return profile_parse(change->before, strlen(change->before), file, NULL);
}

static bool
set_back(const LadderChange *change, Profile *profile, bool all, GError **error)
{
    for (guint i = 0; i < change->rows->len; i++) {
        const LadderRow *row = g_ptr_array_index(change->rows, i);
        if (goes_back(row, all) &&
            strcmp(profile_get_string(profile, row->key), row->to) == 0 &&
            !profile_set(profile, row->key, row->from_set ? row->from : NULL,
                         error))
            return false;
    }
    return true;
}

bool
ladder_restore(LadderChange *change, const char *name, bool all, GError **error)
{
    g_autofree char *file = paths_machine_file(name);
    g_autoptr(Profile) profile =
        all_go_back(change, all) ? whole_file(change, file) : NULL;

    if (profile == NULL) {
        profile = profile_load_lenient(file, error);
        if (profile == NULL || !set_back(change, profile, all, error))
            return false;
    }
    if (!profile_save(profile, file, error))
        return false;
    g_free(change->after);
    change->after = profile_to_text(profile);
    for (guint i = 0; i < change->rows->len; i++) {
        LadderRow *row = g_ptr_array_index(change->rows, i);
        row->restored |= goes_back(row, all);
    }
    return true;
}

/* ---- for people ---- */

char *
ladder_summary(const char *name)
{
    static const struct {
        LadderStage stage;
        const char *text;
    } shown[] = {
        {LADDER_FALLEN_BACK, "fell back"},
        {LADDER_TRIAL, "on trial"},
        {LADDER_PROPOSED, "to be tried"},
        {LADDER_PREPARE, "being prepared"},
    };
    g_autoptr(LadderChange) change = ladder_load(name);
    GString *out = g_string_new(NULL);

    for (gsize s = 0; change != NULL && s < G_N_ELEMENTS(shown); s++)
        for (guint i = 0; i < change->rows->len; i++) {
            const LadderRow *row = g_ptr_array_index(change->rows, i);
            bool back = row->stage == LADDER_FALLEN_BACK;
            if (row->stage == shown[s].stage)
                g_string_append_printf(out, "%s%s: %s=%s",
                                       out->len > 0 ? "; " : "", shown[s].text,
                                       row->key, back ? row->from : row->to);
        }
    return g_string_free(out, FALSE);
}
