/* app/trash.c - deleted machines wait 30 days: whole folders named
 * NAME@YYYYMMDD-HHMMSS in paths_trash_dir(); see store.h. */
#include "app/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/names.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

void
trash_entry_free(TrashEntry *entry)
{
    if (entry == NULL)
        return;
    g_free(entry->id);
    g_free(entry->name);
    g_free(entry);
}

/* "win98@20260131-120000[-2]" -> entry, or NULL when it is something else. */
static TrashEntry *
parse_id(const char *id)
{
    const char *at = strchr(id, '@');
    struct tm tm = {0};

    if (at == NULL)
        return NULL;
    g_autofree char *name = g_strndup(id, (gsize) (at - id));
    if (!machine_name_check(name, NULL) ||
        strptime(at + 1, "%Y%m%d-%H%M%S", &tm) == NULL)
        return NULL;
    TrashEntry *entry = g_new0(TrashEntry, 1);
    entry->id = g_strdup(id);
    entry->name = g_steal_pointer(&name);
    entry->deleted = timegm(&tm);
    return entry;
}

static gint
compare_entries(gconstpointer a, gconstpointer b)
{
    const TrashEntry *x = *(TrashEntry *const *) a;
    const TrashEntry *y = *(TrashEntry *const *) b;

    if (x->deleted != y->deleted)
        return x->deleted < y->deleted ? -1 : 1;
    return strcmp(x->id, y->id);
}

GPtrArray *
trash_list(void)
{
    g_autofree char *path = paths_trash_dir();
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    GPtrArray *list =
        g_ptr_array_new_with_free_func((GDestroyNotify) trash_entry_free);
    const char *id;

    while (dir != NULL && (id = g_dir_read_name(dir)) != NULL) {
        TrashEntry *entry = parse_id(id);
        if (entry != NULL)
            g_ptr_array_add(list, entry);
    }
    g_ptr_array_sort(list, compare_entries);
    return list;
}

/* Moves without replacing; a second deletion in the same second gets "-2". */
static char *
move_in(const char *from, const char *trash, const char *base, GError **error)
{
    enum { TRIES = 100 };

    for (unsigned i = 1; i <= TRIES; i++) {
        g_autofree char *id =
            i == 1 ? g_strdup(base) : g_strdup_printf("%s-%u", base, i);
        g_autofree char *to = g_build_filename(trash, id, NULL);
        struct stat st;
        if (lstat(to, &st) == 0)
            continue;
        if (rename(from, to) == 0)
            return g_steal_pointer(&id);
        if (errno != EEXIST && errno != ENOTEMPTY) {
            sys_error(error, errno, "cannot move '%s' to the trash", from);
            return NULL;
        }
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "cannot move '%s' to the trash: no free name", from);
    return NULL;
}

bool
trash_put(const char *name, char **ret_id, GError **error)
{
    g_autofree char *trash = paths_trash_dir();
    g_autofree char *from = paths_machine_dir(name);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();

    if (!store_require_idle(name, error) || !paths_make_private(trash, error))
        return false;
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *base = g_strdup_printf("%s@%s", name, stamp);
    char *id = move_in(from, trash, base, error);
    if (id == NULL)
        return false;
    if (ret_id != NULL)
        *ret_id = id;
    else
        g_free(id);
    return true;
}

static TrashEntry *
find_entry(const GPtrArray *list, const char *wanted)
{
    TrashEntry *found = NULL;

    for (guint i = 0; i < list->len; i++) {
        TrashEntry *entry = g_ptr_array_index(list, i);
        if (strcmp(entry->id, wanted) == 0)
            return entry;
        if (strcmp(entry->name, wanted) == 0)
            found = entry; /* the list ends with the latest */
    }
    return found;
}

bool
trash_restore(const char *id, const char *new_name, char **ret_name,
              GError **error)
{
    g_autoptr(GPtrArray) list = trash_list();
    const TrashEntry *entry = find_entry(list, id);

    if (entry == NULL) {
        g_autofree char *shown = g_strescape(id, NULL);
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_NOT_FOUND,
                    "'%s' is not in the trash; 'carrel trash list' shows what "
                    "is",
                    shown);
        return false;
    }
    const char *name = new_name != NULL ? new_name : entry->name;
    if (!machine_name_check(name, error))
        return false;
    if (store_exists(name)) {
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_EXISTS,
                    "there is a machine '%s' again; give another name: carrel "
                    "trash restore %s NEW-NAME",
                    name, entry->id);
        return false;
    }
    g_autofree char *trash = paths_trash_dir();
    g_autofree char *machines = paths_machines_dir();
    g_autofree char *from = g_build_filename(trash, entry->id, NULL);
    g_autofree char *to = paths_machine_dir(name);
    if (g_mkdir_with_parents(machines, 0700) < 0 || rename(from, to) < 0)
        return sys_error(error, errno, "cannot move '%s' to '%s'", from, to);
    *ret_name = g_strdup(name);
    return true;
}

int
trash_empty(unsigned days, GError **error)
{
    g_autoptr(GPtrArray) list = trash_list();
    g_autofree char *trash = paths_trash_dir();
    gint64 limit = (gint64) time(NULL) - (gint64) days * 24 * 60 * 60;
    int removed = 0;

    for (guint i = 0; i < list->len; i++) {
        const TrashEntry *entry = g_ptr_array_index(list, i);
        g_autofree char *path = g_build_filename(trash, entry->id, NULL);
        if (days != 0 && entry->deleted > limit)
            continue;
        if (!store_remove_tree(path, error))
            return -1;
        removed++;
    }
    return removed;
}
