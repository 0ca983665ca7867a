/* app/ladder/change.c - see change.h: the stages and what moves them. */
#include "app/ladder/change.h"

#include <string.h>

#include "app/ladder/rungs.h"
#include "profiles/schema.h"

/* An owner who cuts the power earlier has not seen how it ends. */
#define TRIAL_MS     30000
#define MAX_ATTEMPTS 2

static void
row_free(gpointer data)
{
    LadderRow *row = data;

    g_free(row->key);
    g_free(row->from);
    g_free(row->to);
    g_free(row->note);
    g_free(row);
}

LadderChange *
ladder_new(void)
{
    LadderChange *change = g_new0(LadderChange, 1);

    change->before = g_strdup("");
    change->after = g_strdup("");
    change->rows = g_ptr_array_new_with_free_func(row_free);
    return change;
}

void
ladder_free(LadderChange *change)
{
    if (change == NULL)
        return;
    g_ptr_array_unref(change->rows);
    g_free(change->before);
    g_free(change->after);
    g_free(change);
}

const char *
ladder_stage_name(LadderStage stage)
{
    static const char *const names[] = {"prepare", "proposed", "trial",
                                        "confirmed", "fallen-back"};

    return names[stage];
}

static LadderRow *
row_at(const LadderChange *change, guint i)
{
    return g_ptr_array_index(change->rows, i);
}

LadderRow *
ladder_find(const LadderChange *change, const char *key)
{
    for (guint i = 0; i < change->rows->len; i++)
        if (strcmp(row_at(change, i)->key, key) == 0)
            return row_at(change, i);
    return NULL;
}

bool
ladder_has(const LadderChange *change, LadderStage stage)
{
    for (guint i = 0; i < change->rows->len; i++)
        if (row_at(change, i)->stage == stage)
            return true;
    return false;
}

static void
move(LadderRow *row, LadderStage stage, const char *note)
{
    row->stage = stage;
    g_free(row->note);
    row->note = g_strdup(note);
}

/* ---- proposing ---- */

/* Sections without a number are there also when the file has none of them. */
static bool
may_differ(const RungKey *row, const Profile *before, const Profile *after,
           const char *section)
{
    return strchr(row->section, '#') == NULL ||
           (profile_has_section(before, section) &&
            profile_has_section(after, section));
}

char **
ladder_differences(const Profile *before, const Profile *after)
{
    GPtrArray *keys = g_ptr_array_new();
    g_auto(GStrv) sections = profile_list_sections(after);
    unsigned n;
    const RungKey *rows = rung_keys(&n);

    for (unsigned s = 0; sections[s] != NULL; s++) {
        for (unsigned i = 0; i < n; i++) {
            g_autofree char *key =
                g_strdup_printf("%s.%s", sections[s], rows[i].key);
            if (rung_find(key) == &rows[i] &&
                may_differ(&rows[i], before, after, sections[s]) &&
                strcmp(profile_get_string(before, key),
                       profile_get_string(after, key)) != 0)
                g_ptr_array_add(keys, g_steal_pointer(&key));
        }
    }
    g_ptr_array_add(keys, NULL);
    return (char **) g_ptr_array_free(keys, FALSE);
}

static bool
is_decided(const LadderRow *row)
{
    return row->stage == LADDER_CONFIRMED || row->stage == LADDER_FALLEN_BACK;
}

/* Rows that wait stay, so that one change may be made in several steps. */
static void
drop_decided(LadderChange *change)
{
    for (guint i = change->rows->len; i > 0; i--)
        if (is_decided(row_at(change, i - 1)))
            g_ptr_array_remove_index(change->rows, i - 1);
}

void
ladder_propose(LadderChange *change, const Profile *before,
               const Profile *after, const char *key, LadderStage stage)
{
    g_autofree char *old = profile_to_text(before);
    g_autofree char *text = profile_to_text(after);
    bool continues = strcmp(change->after, text) == 0; /* the same command */

    if (!continues) {
        drop_decided(change);
        if (change->rows->len == 0 || strcmp(change->after, old) != 0) {
            g_free(change->before);
            change->before = g_steal_pointer(&old);
        }
        g_free(change->after);
        change->after = g_steal_pointer(&text);
    }
    LadderRow *row = ladder_find(change, key);
    if (row == NULL) {
        row = g_new0(LadderRow, 1);
        row->key = g_strdup(key);
        row->from = g_strdup(profile_get_string(before, key));
        row->from_set = profile_has(before, key);
        g_ptr_array_add(change->rows, row);
    }
    g_free(row->to);
    row->to = g_strdup(profile_get_string(after, key));
    row->attempts = 0;
    row->restored = false;
    move(row, stage,
         stage == LADDER_CONFIRMED ? "nothing had to be tried" : "");
}

/* ---- trying ---- */

bool
ladder_start(LadderChange *change)
{
    bool moved = false;

    for (guint i = change->rows->len; i > 0; i--) {
        LadderRow *row = row_at(change, i - 1);

        if (row->stage == LADDER_FALLEN_BACK && row->restored) {
            g_ptr_array_remove_index(change->rows, i - 1); /* it was told */
            moved = true;
        } else if (row->stage == LADDER_TRIAL) {
            moved = true;
            move(row, LADDER_FALLEN_BACK,
                 "the machine's process ended before the guest had taken it");
        } else if (row->stage == LADDER_PROPOSED) {
            row->attempts++;
            moved = true;
            move(row, LADDER_TRIAL, "the guest has not taken it yet");
        }
    }
    return moved;
}

void
ladder_start_failed(LadderChange *change)
{
    for (guint i = 0; i < change->rows->len; i++) {
        LadderRow *row = row_at(change, i);
        if (row->stage != LADDER_TRIAL)
            continue;
        row->attempts--;
        move(row, LADDER_PROPOSED, "the machine did not start");
    }
}

static bool
is_taken(const LadderSight *sight)
{
    return sight->by_system && (!sight->is_boot || sight->lives);
}

bool
ladder_observe(LadderRow *row, const LadderSight *sight)
{
    if (row->stage == LADDER_PREPARE && sight->by_system) {
        move(row, LADDER_PROPOSED, "the guest drives one of its kind");
        return true;
    }
    if (row->stage != LADDER_TRIAL || !is_taken(sight))
        return false;
    move(row, LADDER_CONFIRMED,
         sight->is_boot ? "the guest drives it and lives on it"
                        : "the guest drives it");
    return true;
}

/* Why a guest is thought not to have taken a device. */
static const char *
reason_of(const LadderSight *sight)
{
    if (sight->by_system)
        return "the guest's driver found the disk, but the system did not "
               "start from it; it may know its disk by another name, such as "
               "/dev/sda1";
    if (sight->by_firmware)
        return "only the firmware used it: the guest has no driver, or works "
               "through the BIOS as DOS does";
    return "the guest did not use it";
}

bool
ladder_end(LadderRow *row, const LadderSight *sight, const LadderEnd *end)
{
    bool moved = ladder_observe(row, sight);

    if (row->stage != LADDER_TRIAL)
        return moved;
    if (end->cut_short && end->ran_ms < TRIAL_MS &&
        row->attempts < MAX_ATTEMPTS)
        move(row, LADDER_PROPOSED, "it ran too short to tell");
    else
        move(row, LADDER_FALLEN_BACK, reason_of(sight));
    return true;
}

/* ---- preparing ---- */

/* The lowest free section of the kind of key ("disk1"), or NULL. */
static char *
free_section(const Profile *profile, const char *key)
{
    const RungKey *row = rung_find(key);

    for (unsigned i = 0; i < 10; i++) {
        char *name = g_strdup_printf("%.*s%u", (int) strlen(row->section) - 1,
                                     row->section, i);
        if (schema_find_section(name) != NULL &&
            !profile_has_section(profile, name))
            return name;
        g_free(name);
    }
    return NULL;
}

/* What a device of a kind needs beside its model, to be of no use. */
static bool
fill_helper(Profile *profile, const char *section, const LadderRow *row,
            const char *disk, GError **error)
{
    const char *what = rung_find(row->key)->what;
    g_autofree char *model = g_strconcat(section, ".model", NULL);
    g_autofree char *path = g_strconcat(section, ".path", NULL);
    g_autofree char *kind = g_strconcat(section, ".kind", NULL);

    return profile_add_section(profile, section, error) &&
           profile_set(profile, model, row->to, error) &&
           (strcmp(what, "disk") != 0 ||
            profile_set(profile, path, disk, error)) &&
           (strcmp(what, "net") != 0 ||
            profile_set(profile, kind, "none", error));
}

/* An earlier row has the same kind of helper: one is enough for the guest. */
static bool
has_helper(const LadderChange *change, guint i)
{
    const LadderRow *row = row_at(change, i);

    for (guint k = 0; k < i; k++) {
        const LadderRow *other = row_at(change, k);
        if (other->stage == LADDER_PREPARE &&
            rung_find(other->key) == rung_find(row->key) &&
            strcmp(other->to, row->to) == 0)
            return true;
    }
    return false;
}

static bool
add_helper(Profile *profile, const LadderRow *row, const char *disk,
           GError **error)
{
    g_autofree char *section = free_section(profile, row->key);

    if (section != NULL)
        return fill_helper(profile, section, row, disk, error);
    g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                "%s: there is no place for a second device to prepare the "
                "guest with; set it without --prepare",
                row->key);
    return false;
}

Profile *
ladder_with_helpers(const LadderChange *change, const Profile *profile,
                    const char *disk, GError **error)
{
    g_autoptr(Profile) copy = profile_copy(profile);

    for (guint i = 0; i < change->rows->len; i++) {
        const LadderRow *row = row_at(change, i);
        if (row->stage != LADDER_PREPARE)
            continue;
        if (!profile_set(copy, row->key, row->from, error) ||
            (!has_helper(change, i) && !add_helper(copy, row, disk, error)))
            return NULL;
    }
    if (!profile_validate(copy, error))
        return NULL;
    return g_steal_pointer(&copy);
}
