/* app/ladder/proof.c - see proof.h. */
#include "app/ladder/proof.h"

#include <string.h>

#include <glib/gstdio.h>

#include "app/json.h"
#include "profiles/paths.h"

#define FILE_NAME    "drivers.json"
#define FILE_VERSION 1
#define MAX_PROOFS   64 /* the oldest go */

void
proof_free(Proof *proof)
{
    if (proof == NULL)
        return;
    g_free(proof->model);
    g_free(proof->disk);
    g_free(proof);
}

static void
free_entry(gpointer proof)
{
    proof_free(proof);
}

char *
proof_boot_section(const Profile *profile)
{
    for (unsigned i = 0; i < 10; i++) {
        char *section = g_strdup_printf("disk%u", i);
        if (profile_has_section(profile, section))
            return section;
        g_free(section);
    }
    return NULL;
}

char *
proof_boot_disk(const Profile *profile)
{
    g_autofree char *section = proof_boot_section(profile);
    g_autofree char *key = g_strdup_printf("%s.path", section);
    char *path = section != NULL ? profile_get_path(profile, key) : NULL;

    return path != NULL ? path : g_strdup("");
}

static GPtrArray *
load(const char *name)
{
    g_autofree char *dir = paths_machine_state(name);
    g_autofree char *file = g_build_filename(dir, FILE_NAME, NULL);
    g_autofree char *text = NULL;
    GPtrArray *all = g_ptr_array_new_with_free_func(free_entry);
    gsize len;

    if (!g_file_get_contents(file, &text, &len, NULL))
        return all;
    g_autoptr(JsonNode) node = json_parse(text, len, NULL);
    const JsonNode *rows = json_get_int(node, "version", 0) == FILE_VERSION
                               ? json_get(node, "drivers")
                               : NULL;
    for (unsigned i = 0; i < json_length(rows); i++) {
        const JsonNode *row = json_at(rows, i);
        Proof *proof = g_new0(Proof, 1);
        proof->model = g_strdup(json_get_string(row, "model", ""));
        proof->disk = g_strdup(json_get_string(row, "disk", ""));
        proof->last = json_get_int(row, "last", 0);
        g_ptr_array_add(all, proof);
    }
    return all;
}

static void
save(const char *name, const GPtrArray *all)
{
    g_autofree char *dir = paths_machine_state(name);
    g_autofree char *file = g_build_filename(dir, FILE_NAME, NULL);
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_int(w, "version", FILE_VERSION);
    json_begin_array(w, "drivers");
    for (guint i = 0; i < all->len; i++) {
        const Proof *proof = g_ptr_array_index(all, i);
        json_begin_object(w, NULL);
        json_put_string(w, "model", proof->model);
        json_put_string(w, "disk", proof->disk);
        json_put_int(w, "last", proof->last);
        json_end(w);
    }
    g_autofree char *text = json_writer_finish(w);
    (void) g_file_set_contents_full(file, text, -1,
                                    G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

static bool
is_for(const Proof *proof, const char *model, const char *disk)
{
    return strcmp(proof->model, model) == 0 && strcmp(proof->disk, disk) == 0;
}

Proof *
proof_find(const char *name, const char *model, const char *disk)
{
    g_autoptr(GPtrArray) all = load(name);

    for (guint i = all->len; i > 0; i--)
        if (is_for(g_ptr_array_index(all, i - 1), model, disk))
            return g_ptr_array_steal_index(all, i - 1);
    return NULL;
}

void
proof_add(const char *name, const char *model, const char *disk)
{
    g_autoptr(GPtrArray) all = load(name);
    Proof *proof = g_new0(Proof, 1);

    for (guint i = all->len; i > 0; i--)
        if (is_for(g_ptr_array_index(all, i - 1), model, disk))
            g_ptr_array_remove_index(all, i - 1);
    while (all->len >= MAX_PROOFS)
        g_ptr_array_remove_index(all, 0);
    proof->model = g_strdup(model);
    proof->disk = g_strdup(disk);
    proof->last = g_get_real_time() / G_USEC_PER_SEC;
    g_ptr_array_add(all, proof);
    save(name, all);
}

void
proof_forget(const char *name)
{
    g_autofree char *dir = paths_machine_state(name);
    g_autofree char *file = g_build_filename(dir, FILE_NAME, NULL);

    (void) g_unlink(file); /* or there was none */
}
