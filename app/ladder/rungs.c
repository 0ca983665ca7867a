/* app/ladder/rungs.c - see rungs.h. */
#include "app/ladder/rungs.h"

#include <string.h>

#include "profiles/schema.h"

/* clang-format off */
static const RungKey rung_rows[] = {
    { "disk#",   "model",    "disk",     true },
    { "cd#",     "model",    "cd",       true },
    { "net#",    "model",    "net",      true },
    { "display", "model",    "display",  true },
    { "input",   "keyboard", "keyboard", false },
    { "input",   "pointer",  "pointer",  false },
    { "rng",     "model",    "rng",      false },
    { "balloon", "model",    "balloon",  false },
};
/* clang-format on */

const RungKey *
rung_keys(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(rung_rows);
    return rung_rows;
}

const RungKey *
rung_find(const char *full_key)
{
    const SchemaKey *row = schema_find_full(full_key);

    for (gsize i = 0; row != NULL && i < G_N_ELEMENTS(rung_rows); i++)
        if (strcmp(rung_rows[i].section, row->section) == 0 &&
            strcmp(rung_rows[i].key, row->key) == 0)
            return &rung_rows[i];
    return NULL;
}

Rung
rung_of(const char *value)
{
    if (strcmp(value, "none") == 0)
        return RUNG_NONE;
    if (g_str_has_prefix(value, "vfio") || strcmp(value, "host") == 0)
        return RUNG_PASSED_THROUGH;
    return g_str_has_prefix(value, "virtio") ? RUNG_VIRTIO : RUNG_EMULATED;
}

const char *
rung_name(Rung rung)
{
    static const char *const names[] = {"none", "emulated", "virtio",
                                        "passed through"};

    return names[rung];
}

char *
rung_model(const char *full_key, const char *value)
{
    if (rung_of(value) != RUNG_VIRTIO)
        return NULL;
    return g_strdup(g_str_has_prefix(full_key, "input.") ? "virtio-input"
                                                         : value);
}

char *
rung_device_id(const char *full_key)
{
    const char *dot = strchr(full_key, '.');

    if (g_str_has_prefix(full_key, "input."))
        return g_strdup(dot + 1);
    return g_strndup(full_key,
                     dot != NULL ? (gsize) (dot - full_key) : strlen(full_key));
}
