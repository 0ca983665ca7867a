/* tests/fuzz/fuzz-profile.c - machine.ini from anywhere: any bytes are read
 * or refused; what is read can be checked, asked for every key, changed, and
 * comes back the same after writing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/profile.h"
#include "profiles/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask_every_key(const Profile *p)
{
    unsigned n;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *section =
            g_strdelimit(g_strdup(keys[i].section), "#", '0');
        g_autofree char *full = g_strdup_printf("%s.%s", section, keys[i].key);
        const char *value = profile_get_string(p, full);
        g_autofree char *problem = schema_check_value(&keys[i], value);
        /* whoever asks may rely on the schema; only defaults may be empty */
        if (problem != NULL && strcmp(value, keys[i].fallback) != 0)
            abort();
    }
}

static void
change_and_write(Profile *p)
{
    if (!profile_set(p, "disk0.path", " a\\b ", NULL))
        abort();
    g_autofree char *text = profile_to_text(p);
    g_autoptr(Profile) again = profile_parse(text, strlen(text), "x", NULL);
    if (again == NULL ||
        strcmp(profile_get_string(again, "disk0.path"), " a\\b ") != 0)
        abort();
    g_autofree char *same = profile_to_text(again);
    if (strcmp(text, same) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) p =
        profile_parse((const char *) data, size, "/m/machine.ini", &error);

    if (p == NULL) {
        if (error == NULL || error->message == NULL)
            abort();
        return 0;
    }
    g_ptr_array_unref(profile_check(p));
    ask_every_key(p);
    change_and_write(p);
    profile_remove_section(p, "machine");
    return 0;
}
