/* app/store.h - machines on disk: one folder NAME with machine.ini in
 * paths_machines_dir(), and the trash beside. Knows nothing of processes but
 * whether one holds the machine's lock. Thread: main; touches the disk. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "profiles/profile.h"

#define CARREL_STORE_ERROR (carrel_store_error_quark())
GQuark carrel_store_error_quark(void);
typedef enum {
    CARREL_STORE_ERROR_NOT_FOUND, /* names the nearest */
    CARREL_STORE_ERROR_EXISTS,
    CARREL_STORE_ERROR_RUNNING,
    CARREL_STORE_ERROR_PROTECTED
} CarrelStoreError;

enum { TRASH_DAYS = 30 };

/* Names of all machines, sorted; g_strfreev. */
char **store_list(void);
bool store_exists(const char *name);
/* False and error set (bad name, NOT_FOUND with a suggestion). */
bool store_require(const char *name, GError **error);
/* store_require() and profile_load(). */
Profile *store_load(const char *name, GError **error);
/* A process of the machine holds its lock. */
bool store_is_running(const char *name);
/* The machine exists, does not run and is not protected. */
bool store_require_idle(const char *name, GError **error);

/* The folder of a machine that is being made; machine.ini is what makes it
 * visible. EXISTS when there is one. */
bool store_make_folder(const char *name, GError **error);
/* Removes a folder and everything in it; links are removed, not followed. */
bool store_remove_tree(const char *path, GError **error);

bool store_rename(const char *name, const char *new_name, GError **error);
/* Copies the folder's files, holes stay holes. */
bool store_clone(const char *name, const char *new_name, GError **error);

/* One deleted machine. */
typedef struct {
    char *id, *name; /* id: "NAME@20260131-120000", its folder in the trash */
    gint64 deleted;  /* Unix seconds */
} TrashEntry;
void trash_entry_free(TrashEntry *entry);

/* Moves a machine there; *ret_id (may be NULL) is for restoring it. */
bool trash_put(const char *name, char **ret_id, GError **error);
/* Oldest first (TrashEntry, owned by the array). */
GPtrArray *trash_list(void);
/* id or name (then the latest of that name); new_name may be NULL. */
bool trash_restore(const char *id, const char *new_name, char **ret_name,
                   GError **error);
/* Removes entries older than days (0: all); returns how many, -1 and error. */
int trash_empty(unsigned days, GError **error);
