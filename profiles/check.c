/* profiles/check.c - every finding of a profile's text, in file order: what
 * cannot be understood, unknown and double keys, values out of range. Rules
 * that join several keys are in check-rules.c. */
#include "profiles/profile-internal.h"

#include <string.h>

typedef struct {
    const Profile *profile;
    GPtrArray *findings;
    GHashTable *seen; /* "[section]" or "section.key" -> line number */
    bool is_template;
} Check;

void
profile_finding_free(ProfileFinding *finding)
{
    if (finding == NULL)
        return;
    g_free(finding->key);
    g_free(finding->message);
    g_free(finding);
}

void
profile_report(GPtrArray *findings, bool is_error, unsigned line,
               const char *key, char *message)
{
    ProfileFinding *finding = g_new0(ProfileFinding, 1);

    finding->is_error = is_error;
    finding->line = line;
    finding->key = g_strdup(key != NULL ? key : "");
    finding->message = message;
    g_ptr_array_add(findings, finding);
}

/* True when name was there before; then it is reported. */
static bool
check_double(Check *check, unsigned number, const char *key, const char *name,
             bool is_error)
{
    guint first = GPOINTER_TO_UINT(g_hash_table_lookup(check->seen, name));

    if (first == 0) {
        g_hash_table_insert(check->seen, g_strdup(name),
                            GUINT_TO_POINTER(number));
        return false;
    }
    profile_report(
        check->findings, is_error, number, key,
        g_strdup_printf("%s is already in line %u; remove one", name, first));
    return true;
}

static void
check_unknown(Check *check, unsigned number, const Line *line, const char *name)
{
    g_autofree char *near =
        schema_nearest(line->section, line->key, check->is_template);

    if (near != NULL)
        profile_report(check->findings, false, number, name,
                       g_strdup_printf("unknown %s, ignored; did you mean "
                                       "%s?",
                                       line->key ? "key" : "section", near));
    else
        profile_report(check->findings, false, number, name,
                       g_strdup_printf("unknown %s, ignored",
                                       line->key ? "key" : "section"));
}

static void
check_section(Check *check, unsigned number, const Line *line)
{
    const SchemaSection *known = schema_find_section(line->section);
    g_autofree char *name = g_strdup_printf("[%s]", line->section);

    if (known == NULL ||
        ((known->flags & SCHEMA_TEMPLATE) && !check->is_template))
        check_unknown(check, number, line, line->section);
    /* merged when read, so only a warning; but confusing */
    check_double(check, number, line->section, name, false);
}

static void
check_key(Check *check, unsigned number, const Line *line)
{
    const SchemaKey *row = schema_find(line->section, line->key);
    g_autofree char *name = g_strdup_printf("%s.%s", line->section, line->key);

    if (row != NULL && (row->flags & SCHEMA_TEMPLATE) && !check->is_template)
        return; /* the section has been reported */
    if (check_double(check, number, name, name, row != NULL))
        return;
    if (row == NULL) {
        /* one warning for an unknown section is enough */
        if (schema_find_section(line->section) != NULL)
            check_unknown(check, number, line, name);
        return;
    }
    if (line->value == NULL) {
        profile_report(check->findings, true, number, name,
                       g_strdup(line->problem));
        return;
    }
    char *problem = schema_check_value(row, line->value);
    if (problem != NULL)
        profile_report(check->findings, true, number, name, problem);
}

static bool
check_newer(Check *check)
{
    unsigned index;
    guint64 version;
    const Line *line =
        profile_find_line(check->profile, "machine", "schema", &index);

    if (line == NULL || line->value == NULL ||
        !schema_parse_u64(line->value, &version) || version <= PROFILE_SCHEMA)
        return false;
    profile_report(check->findings, true, index + 1, "machine.schema",
                   g_strdup_printf("the profile has format %" G_GUINT64_FORMAT
                                   ", this program knows 1 to %d; use a later "
                                   "version of carrel",
                                   version, PROFILE_SCHEMA));
    return true;
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    const ProfileFinding *x = *(ProfileFinding *const *) a;
    const ProfileFinding *y = *(ProfileFinding *const *) b;
    /* without a line: after everything that has one */
    unsigned lx = x->line ? x->line : G_MAXUINT;
    unsigned ly = y->line ? y->line : G_MAXUINT;

    return lx < ly ? -1 : lx > ly;
}

/* A file without a word is a valid profile, but hardly what was meant. */
static void
check_empty(Check *check)
{
    const GPtrArray *lines = check->profile->lines;

    for (guint i = 0; i < lines->len; i++) {
        const Line *line = g_ptr_array_index(lines, i);
        if (line->text[strspn(line->text, " \t\r")] != '\0')
            return;
    }
    if (check->profile->file != NULL)
        profile_report(check->findings, false, 0, NULL,
                       g_strdup("is empty: every setting has its default"));
}

GPtrArray *
profile_check(const Profile *profile)
{
    GPtrArray *findings =
        g_ptr_array_new_with_free_func((GDestroyNotify) profile_finding_free);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Check check = {profile, findings, seen,
                   profile_has_section(profile, "template")};

    /* the meaning of everything else may have changed in a later format */
    if (check_newer(&check))
        return findings;
    for (guint i = 0; i < profile->lines->len; i++) {
        const Line *line = g_ptr_array_index(profile->lines, i);
        switch (line->kind) {
        case LINE_BAD:
            profile_report(findings, true, i + 1, NULL,
                           g_strdup(line->problem));
            break;
        case LINE_SECTION: check_section(&check, i + 1, line); break;
        case LINE_KEY: check_key(&check, i + 1, line); break;
        case LINE_OTHER:
        default: break;
        }
    }
    check_empty(&check);
    profile_check_rules(profile, findings);
    g_ptr_array_sort(findings, compare_lines);
    return findings;
}

/* "FILE:LINE: ". What was put together from a command's words has no lines that
 * anybody has seen: its key says it all. */
static char *
where_is(const Profile *profile, const ProfileFinding *f)
{
    const char *file = profile->file != NULL ? profile->file : "profile";

    if (profile->file == NULL && *f->key != '\0')
        return g_strdup("");
    return f->line != 0 ? g_strdup_printf("%s:%u: ", file, f->line)
                        : g_strdup_printf("%s: ", file);
}

static bool
set_finding(GError **error, const Profile *profile, const ProfileFinding *f)
{
    int code = CARREL_PROFILE_ERROR_VALUE;

    if (*f->key == '\0')
        code = CARREL_PROFILE_ERROR_SYNTAX;
    else if (strcmp(f->key, "machine.schema") == 0)
        code = CARREL_PROFILE_ERROR_NEWER;
    g_autofree char *where = where_is(profile, f);
    g_set_error(error, CARREL_PROFILE_ERROR, code, "%s%s%s%s", where, f->key,
                *f->key != '\0' ? ": " : "", f->message);
    return false;
}

bool
profile_is_valid(const Profile *profile, const GPtrArray *findings,
                 GError **error)
{
    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);
        if (f->is_error)
            return set_finding(error, profile, f);
    }
    return true;
}

bool
profile_validate(const Profile *profile, GError **error)
{
    g_autoptr(GPtrArray) findings = profile_check(profile);

    return profile_is_valid(profile, findings, error);
}

/* Errors by key. Not by message: those of doubles have a line in it. */
static GHashTable *
count_errors(const Profile *profile)
{
    g_autoptr(GPtrArray) findings = profile_check(profile);
    GHashTable *counts =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, f->key));
        if (f->is_error)
            g_hash_table_replace(counts, g_strdup(f->key),
                                 GUINT_TO_POINTER(n + 1));
    }
    return counts;
}

bool
profile_validate_change(const Profile *before, const Profile *after,
                        const char *const *keys, GError **error)
{
    g_autoptr(GHashTable) old = count_errors(before);
    g_autoptr(GPtrArray) findings = profile_check(after);

    for (guint i = 0; i < findings->len; i++) {
        const ProfileFinding *f = g_ptr_array_index(findings, i);
        if (!f->is_error)
            continue;
        guint left = GPOINTER_TO_UINT(g_hash_table_lookup(old, f->key));
        if (left == 0 || g_strv_contains(keys, f->key) ||
            strcmp(f->key, "machine.schema") == 0)
            return set_finding(error, after, f);
        g_hash_table_replace(old, g_strdup(f->key), GUINT_TO_POINTER(left - 1));
    }
    return true;
}
