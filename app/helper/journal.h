/* app/helper/journal.h - what the helper has changed on this host, one JSON
 * object a line, written before the change so that it can be undone after a
 * crash. Folder: $CARREL_HELPER_DIR, else /var/lib/carrel. Thread: main.
 *
 * A change of many steps (passthrough) has a line that begins it, one line for
 * each step with its values, and then a line for each state of a step:
 *
 *     {"id":3,"time":...,"state":"begun","action":"passthrough",...}
 *     {"id":3,"step":1,"kind":"driver","target":"0000:04:00.0",...}
 *     {"id":3,"step":1,"state":"begun"}
 *     {"id":3,"step":1,"state":"done"}
 *     {"id":3,"state":"done","undoes":0} */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "passthrough-wizard/plan.h"

#define JOURNAL_PLAN "passthrough" /* the action that has a plan */
#define JOURNAL_HOLD "hold "       /* how the name of a hold's plan begins */

/* Strings are owned; "" for what the action has not. */
typedef struct {
    guint64 id;
    gint64 time; /* Unix seconds */
    char *action, *name, *bridge, *lower, *mac;
    gint64 user;
    gint64 queues;
    char *state;      /* "begun", "done", "failed"; of a plan also "undone" */
    gint64 undone_by; /* id; 0: in force */
    gint64 undoes;    /* id; 0: none */
    char *boot;       /* boot_id of the kernel that a plan was applied to */
    Plan *plan;       /* NULL: the action has none */
    GArray *states;   /* of StepState, one for each of its steps */
} JournalRecord;

void journal_record_free(JournalRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JournalRecord, journal_record_free)

/* Adds record (id is given) and waits for the disk. Only when this returned
 * true may the change be made. */
bool journal_begin(JournalRecord *record, GError **error);
/* What became of it: "done" or "failed". */
bool journal_end(const JournalRecord *record, const char *state,
                 GError **error);
/* One line for each step of a plan, as journal_begin() writes it. g_free. */
char *journal_plan_lines(guint64 id, const Plan *plan);
/* The id that the next record will have; 0 and error set: unreadable. */
guint64 journal_next_id(GError **error);
/* A state of step (from 0) of the record's plan; the disk has it afterwards. */
bool journal_step(const JournalRecord *record, guint step, StepState state,
                  GError **error);
/* True while a plan is begun or done and not taken back. */
bool journal_in_force(const JournalRecord *record);
/* The newest hold in force, since the host's start boot, that binds that
 * function ("0000:01:00.0") or has that machine's pages (hold_plan_owner()); 0:
 * none. */
guint64 journal_find_hold(const GPtrArray *records, const char *what,
                          const char *boot);
/* Keeps other helpers away until the descriptor is closed; -1: error set. A
 * journal of more than a mebibyte loses what was taken back long ago. */
int journal_lock(GError **error);
/* All records, oldest first. A file that cannot be read is an error; one that
 * is not there is an empty list. */
GPtrArray *journal_read(GError **error);
