/* profiles/paths.h - where things are on this host.
 *
 * what       default                               override
 * settings   $XDG_CONFIG_HOME/carrel               CARREL_CONFIG_DIR
 * machines   $XDG_DATA_HOME/carrel/machines        CARREL_MACHINES_DIR
 * trash      $XDG_DATA_HOME/carrel/trash           CARREL_TRASH_DIR
 * state      $XDG_STATE_HOME/carrel                CARREL_STATE_DIR
 * cache      $XDG_CACHE_HOME/carrel                CARREL_CACHE_DIR
 * run time   $XDG_RUNTIME_DIR/carrel               CARREL_RUNTIME_DIR
 * shared     PREFIX/share/carrel (or build tree)   CARREL_DATADIR
 *
 * The environment is read at each call. All results are absolute, need not
 * exist unless said, and are freed with g_free. Thread: any while nobody
 * changes the environment. */
#pragma once

#include <glib.h>
#include <stdbool.h>

char *paths_config_dir(void);
char *paths_machines_dir(void);
char *paths_trash_dir(void);
char *paths_state_dir(void);
char *paths_runtime_dir(void);
/* What can be made again at any time. */
char *paths_cache_dir(void);

char *paths_machine_dir(const char *name);   /* .../machines/NAME */
char *paths_machine_file(const char *name);  /* .../machines/NAME/machine.ini */
char *paths_machine_state(const char *name); /* logs of the machine */
/* Sockets of a running machine: .../NAME; not created. */
char *paths_machine_runtime(const char *name);

/* Creates dir and what is above it; dir itself gets mode 0700 and must be a
 * real directory (no link) that belongs to this user. Fails with G_FILE_ERROR:
 * the message names the directory and the cause. */
bool paths_make_private(const char *dir, GError **error);
/* paths_runtime_dir() and the machine's folder in it, made private. NULL and
 * error set when that is impossible. */
char *paths_make_runtime(const char *name, GError **error);

/* Folders with shared data in search order; g_strfreev. */
char **paths_data_dirs(void);
/* First existing PATH ("templates/dos.ini", "demo/demo.img") in them, or
 * NULL. */
char *paths_find_data(const char *path);
/* Folders with templates in search order; g_strfreev. */
char **paths_template_dirs(void);
