/* app/helper/journal.h - what the helper has changed on this host, one JSON
 * object a line, written before the change so that it can be undone after a
 * crash. Folder: $CARREL_HELPER_DIR, else /var/lib/carrel. Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Strings are owned; "" for what the action has not. */
typedef struct {
    guint64 id;
    gint64 time; /* Unix seconds */
    char *action, *name, *bridge, *lower, *mac;
    gint64 user;
    gint64 queues;
    char *state;      /* "begun", "done", "failed" */
    gint64 undone_by; /* id; 0: in force */
    gint64 undoes;    /* id; 0: none */
} JournalRecord;

void journal_record_free(JournalRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JournalRecord, journal_record_free)

/* Adds record (id is given) and waits for the disk. Only when this returned
 * true may the change be made. */
bool journal_begin(JournalRecord *record, GError **error);
/* What became of it: "done" or "failed". */
bool journal_end(const JournalRecord *record, const char *state,
                 GError **error);
/* All records, oldest first. A file that cannot be read is an error; one that
 * is not there is an empty list. */
GPtrArray *journal_read(GError **error);
