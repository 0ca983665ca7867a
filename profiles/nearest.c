/* profiles/nearest.c - "did you mean": the known name with the smallest edit
 * distance (insertions, deletions, changes and swaps of neighbours). */
#include "profiles/schema.h"

#include <string.h>

enum { MAX_NAME = 64 };

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
    return MIN(MIN(a, b), c);
}

unsigned
schema_distance(const char *a, const char *b)
{
    unsigned rows[3][MAX_NAME + 1] = {0};
    gsize la = strlen(a), lb = strlen(b);

    if (la > MAX_NAME || lb > MAX_NAME)
        return G_MAXUINT;
    unsigned na = (unsigned) la, nb = (unsigned) lb;
    for (unsigned j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= na; i++) {
        unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3];
        unsigned *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);
            row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) &&
                g_ascii_tolower(a[i - 2]) == y)
                row[j] = MIN(row[j], up2[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

typedef struct {
    unsigned distance;
    char *name;
} Best;

/* Considers candidate for wanted; what is shown may be longer. */
static void
consider(Best *best, const char *wanted, const char *candidate,
         const char *shown)
{
    unsigned d = schema_distance(wanted, candidate);
    /* a third of the letters wrong is a slip, more is another word */
    unsigned limit = MAX(1, (unsigned) strlen(wanted) / 3);
    if (d > limit || d >= best->distance)
        return;
    g_free(best->name);
    best->name = g_strdup(shown);
    best->distance = d;
}

static void
consider_sections(Best *best, const char *section, bool in_template)
{
    unsigned n;
    const SchemaSection *s = schema_sections(&n);

    for (unsigned i = 0; i < n; i++) {
        if ((s[i].flags & SCHEMA_TEMPLATE) && !in_template)
            continue;
        if (s[i].count == 0)
            consider(best, section, s[i].section, s[i].section);
        for (unsigned k = 0; k < s[i].count; k++) {
            g_autofree char *name = g_strdup_printf(
                "%.*s%u", (int) strlen(s[i].section) - 1, s[i].section, k);
            consider(best, section, name, name);
        }
    }
}

static void
consider_keys(Best *best, const char *section, const char *key,
              bool in_template)
{
    const SchemaSection *own = schema_find_section(section);
    unsigned n;
    const SchemaKey *k = schema_keys(&n);

    for (unsigned i = 0; own != NULL && i < n; i++) {
        if (strcmp(k[i].section, own->section) != 0)
            continue;
        g_autofree char *full = g_strdup_printf("%s.%s", section, k[i].key);
        consider(best, key, k[i].key, full);
    }
    /* the right key in the wrong section, when that is the only one */
    for (unsigned i = 0; best->name == NULL && i < n; i++) {
        bool hidden = (k[i].flags & SCHEMA_TEMPLATE) && !in_template;
        if (hidden || strcmp(k[i].key, key) != 0)
            continue;
        g_autofree char *full =
            g_strdup_printf("%s.%s", k[i].section, k[i].key);
        g_strdelimit(full, "#", '0');
        consider(best, key, k[i].key, full);
    }
}

char *
schema_nearest(const char *section, const char *key, bool in_template)
{
    Best best = {G_MAXUINT, NULL};

    if (strlen(section) > MAX_NAME || (key != NULL && strlen(key) > MAX_NAME))
        return NULL;
    if (key == NULL)
        consider_sections(&best, section, in_template);
    else
        consider_keys(&best, section, key, in_template);
    if (best.name == NULL && key != NULL) {
        g_autofree char *near = schema_nearest(section, NULL, in_template);
        if (near != NULL && schema_find(near, key) != NULL)
            return g_strdup_printf("%s.%s", near, key);
    }
    return best.name;
}

/* "memory" is machine.memory; too many answers are none. */
char *
schema_nearest_bare(const char *key)
{
    enum { MANY = 7 }; /* as many sections have a path */
    unsigned n, best = MAX(1, (unsigned) strlen(key) / 3);
    const SchemaKey *keys = schema_keys(&n);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < n; i++) {
        unsigned d = schema_distance(key, keys[i].key);
        if ((keys[i].flags & SCHEMA_TEMPLATE) || d > best)
            continue;
        if (d < best)
            g_ptr_array_set_size(found, 0);
        best = d;
        char *full = g_strdup_printf("%s.%s", keys[i].section, keys[i].key);
        g_ptr_array_add(found, g_strdelimit(full, "#", '0'));
    }
    if (found->len == 0 || found->len > MANY)
        return NULL;
    g_ptr_array_add(found, NULL);
    return g_strjoinv(" or ", (char **) found->pdata);
}

char *
schema_nearest_choice(const char *choices, const char *word)
{
    g_auto(GStrv) words = g_strsplit(choices, "|", -1);
    Best best = {G_MAXUINT, NULL};

    for (unsigned i = 0; words[i] != NULL; i++)
        consider(&best, word, words[i], words[i]);
    return best.name;
}
