/* app/ladder/merge.c - see change.h: what a machine's process has moved goes into
 * a file that commands have written to meanwhile. */
#include <string.h>

#include "app/ladder/change.h"

/* Still the row that was filed: neither taken back nor proposed anew. */
static bool
is_same(const LadderRow *mine, const LadderRow *there)
{
    return there != NULL && there->stage == mine->filed &&
           strcmp(there->from, mine->from) == 0 &&
           strcmp(there->to, mine->to) == 0;
}

static void
carry(LadderRow *to, const LadderRow *from)
{
    to->stage = from->stage;
    to->attempts = from->attempts;
    g_free(to->note);
    to->note = g_strdup(from->note);
}

bool
ladder_merge(LadderChange *now, LadderChange *mine)
{
    bool moved = false;

    for (guint i = mine->rows->len; i > 0; i--) {
        const LadderRow *row = g_ptr_array_index(mine->rows, i - 1);
        LadderRow *there = ladder_find(now, row->key);
        if (!is_same(row, there)) {
            g_ptr_array_remove_index(mine->rows, i - 1);
        } else if (row->stage != row->filed) {
            carry(there, row);
            moved = true;
        }
    }
    return moved;
}

bool
ladder_drop_others(LadderChange *now, LadderChange *mine,
                   const Profile *profile)
{
    bool dropped = false;

    for (guint i = mine->rows->len; i > 0; i--) {
        const LadderRow *row = g_ptr_array_index(mine->rows, i - 1);
        LadderRow *there = ladder_find(now, row->key);
        if (strcmp(profile_get_string(profile, row->key), row->to) == 0)
            continue;
        if (is_same(row, there)) {
            g_ptr_array_remove(now->rows, there);
            dropped = true;
        }
        g_ptr_array_remove_index(mine->rows, i - 1);
    }
    return dropped;
}

void
ladder_filed(LadderChange *change)
{
    for (guint i = 0; i < change->rows->len; i++) {
        LadderRow *row = g_ptr_array_index(change->rows, i);
        row->filed = row->stage;
    }
}
