/* profiles/profile.c - one machine's settings: load, typed access, change.
 * The syntax is in scan.c, checks in check.c, writing in save.c. */
#include "profiles/profile-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

GQuark
carrel_profile_error_quark(void)
{
    return g_quark_from_static_string("carrel-profile-error");
}

Profile *
profile_new(void)
{
    Profile *profile = g_new0(Profile, 1);

    profile->lines =
        g_ptr_array_new_with_free_func((GDestroyNotify) profile_line_free);
    profile->words = g_string_chunk_new(1024);
    return profile;
}

void
profile_free(Profile *profile)
{
    if (profile == NULL)
        return;
    g_ptr_array_unref(profile->lines);
    g_string_chunk_free(profile->words);
    g_free(profile->file);
    g_free(profile->loaded);
    g_free(profile);
}

static bool
set_file_error(GError **error, const char *file, int err)
{
    g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(err),
                "cannot read '%s': %s", file, g_strerror(err));
    return false;
}

/* The file is ours to read: regular and of a sane size. A FIFO must not make
 * us wait, so it is opened without blocking. */
static bool
check_kind(int fd, const char *file, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return set_file_error(error, file, errno);
    if (!S_ISREG(st.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "cannot read '%s': it is not a regular file", file);
        return false;
    }
    if (st.st_size > PROFILE_MAX_BYTES) {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_TOO_BIG,
                    "'%s' is larger than 1 MiB, which no profile is; is it "
                    "the right file?",
                    file);
        return false;
    }
    return true;
}

static char *
read_all(int fd, const char *file, gsize *ret_len, GError **error)
{
    g_autofree char *text = g_malloc(PROFILE_MAX_BYTES + 1);
    gsize len = 0;

    while (len <= PROFILE_MAX_BYTES) {
        ssize_t n = read(fd, text + len, PROFILE_MAX_BYTES + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            set_file_error(error, file, errno);
            return NULL;
        }
        if (n == 0)
            break;
        len += (gsize) n;
    }
    *ret_len = len;
    char *result = g_malloc(len + 1);
    memcpy(result, text, len);
    result[len] = '\0';
    return result;
}

char *
profile_read_file(const char *file, gsize *ret_len, GError **error)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        set_file_error(error, file, errno);
        return NULL;
    }
    char *text =
        check_kind(fd, file, error) ? read_all(fd, file, ret_len, error) : NULL;
    (void) close(fd); /* only read from */
    return text;
}

static Profile *
parse_lenient(const char *text, gsize len, const char *file, GError **error)
{
    unsigned n_lines = 1;

    for (gsize i = 0; i < len; i++)
        n_lines += text[i] == '\n';
    if (len > PROFILE_MAX_BYTES || n_lines > PROFILE_MAX_LINES) {
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_TOO_BIG,
                    "'%s' is too big for a profile: at most 1 MiB and %d lines",
                    file != NULL ? file : "the text", PROFILE_MAX_LINES);
        return NULL;
    }
    Profile *profile = profile_new();
    profile->file = g_strdup(file);
    profile_scan(profile, text, len);
    return profile;
}

static bool
check_syntax(const Profile *profile, GError **error)
{
    for (guint i = 0; i < profile->lines->len; i++) {
        const Line *line = g_ptr_array_index(profile->lines, i);
        if (line->kind != LINE_BAD)
            continue;
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_SYNTAX,
                    "%s:%u: %s", profile->file ? profile->file : "profile",
                    i + 1, line->problem);
        return false;
    }
    return true;
}

Profile *
profile_parse(const char *text, gsize len, const char *file, GError **error)
{
    g_autoptr(Profile) profile = parse_lenient(text, len, file, error);

    if (profile == NULL || !check_syntax(profile, error))
        return NULL;
    return g_steal_pointer(&profile);
}

Profile *
profile_load_lenient(const char *file, GError **error)
{
    gsize len;
    g_autofree char *text = profile_read_file(file, &len, error);

    if (text == NULL)
        return NULL;
    Profile *profile = parse_lenient(text, len, file, error);
    if (profile != NULL)
        profile->loaded = g_steal_pointer(&text);
    return profile;
}

Profile *
profile_load(const char *file, GError **error)
{
    g_autoptr(Profile) profile = profile_load_lenient(file, error);

    if (profile == NULL || !check_syntax(profile, error))
        return NULL;
    return g_steal_pointer(&profile);
}

char *
profile_to_text(const Profile *profile)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < profile->lines->len; i++) {
        const Line *line = g_ptr_array_index(profile->lines, i);
        g_string_append(out, line->text);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

Profile *
profile_copy_to(const Profile *profile, const char *file)
{
    g_autofree char *text = profile_to_text(profile);
    Profile *copy = profile_new();

    copy->file = g_strdup(file);
    profile_scan(copy, text, strlen(text));
    return copy;
}

Profile *
profile_copy(const Profile *profile)
{
    Profile *copy = profile_copy_to(profile, profile->file);

    copy->loaded = g_strdup(profile->loaded);
    return copy;
}

const char *
profile_get_file(const Profile *profile)
{
    return profile->file;
}

const Line *
profile_find_line(const Profile *profile, const char *section, const char *key,
                  unsigned *ret_index)
{
    for (guint i = profile->lines->len; i > 0; i--) {
        const Line *line = g_ptr_array_index(profile->lines, i - 1);
        if (line->kind != LINE_KEY || strcmp(line->key, key) != 0 ||
            strcmp(line->section, section) != 0)
            continue;
        if (ret_index != NULL)
            *ret_index = i - 1;
        return line;
    }
    return NULL;
}

/* "disk0.path" -> "disk0" and a pointer to "path". */
static char *
split(const char *full, const char **ret_key)
{
    const char *dot = strchr(full, '.');

    if (dot == NULL)
        return NULL;
    *ret_key = dot + 1;
    return g_strndup(full, (gsize) (dot - full));
}

static const Line *
find_full(const Profile *profile, const char *full, unsigned *ret_index)
{
    const char *key;
    g_autofree char *section = split(full, &key);

    if (section == NULL)
        return NULL;
    return profile_find_line(profile, section, key, ret_index);
}

/* What a board has no controller for cannot be the default. */
static const char *
fallback_of(const Profile *profile, const SchemaKey *row)
{
    static const struct {
        const char *chipset, *section, *key, *fallback;
    } rows[] = {
        {"pc-q35", "disk#", "model", "ahci"},
        {"pc-q35", "cd#", "model", "ahci"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(row->section, rows[i].section) == 0 &&
            strcmp(row->key, rows[i].key) == 0 &&
            strcmp(profile_get_string(profile, "machine.chipset"),
                   rows[i].chipset) == 0)
            return rows[i].fallback;
    return row->fallback;
}

const char *
profile_get_string(const Profile *profile, const char *key)
{
    const SchemaKey *row = schema_find_full(key);

    g_return_val_if_fail(row != NULL, "");
    const Line *line = find_full(profile, key, NULL);
    if (line == NULL || line->value == NULL)
        return fallback_of(profile, row);
    g_autofree char *problem = schema_check_value(row, line->value);
    return problem == NULL ? line->value : fallback_of(profile, row);
}

guint64
profile_get_u64(const Profile *profile, const char *key)
{
    const SchemaKey *row = schema_find_full(key);
    guint64 value = 0;

    g_return_val_if_fail(
        row != NULL && (row->type == SCHEMA_INT || row->type == SCHEMA_SIZE),
        0);
    /* a default and a checked value always parse; sizes include plain numbers */
    (void) schema_parse_size(profile_get_string(profile, key), &value);
    return value;
}

bool
profile_get_bool(const Profile *profile, const char *key)
{
    const SchemaKey *row = schema_find_full(key);
    bool value = false;

    g_return_val_if_fail(row != NULL && row->type == SCHEMA_BOOL, false);
    (void) schema_parse_bool(profile_get_string(profile, key), &value);
    return value;
}

bool
profile_has(const Profile *profile, const char *key)
{
    return find_full(profile, key, NULL) != NULL;
}

unsigned
profile_get_line(const Profile *profile, const char *key)
{
    unsigned index;

    return find_full(profile, key, &index) != NULL ? index + 1 : 0;
}

bool
profile_has_section(const Profile *profile, const char *section)
{
    for (guint i = 0; i < profile->lines->len; i++) {
        const Line *line = g_ptr_array_index(profile->lines, i);
        if (line->kind == LINE_SECTION && strcmp(line->section, section) == 0)
            return true;
    }
    return false;
}

char **
profile_list_sections(const Profile *profile)
{
    GPtrArray *names = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < profile->lines->len; i++) {
        const Line *line = g_ptr_array_index(profile->lines, i);
        if (line->kind == LINE_SECTION &&
            g_hash_table_add(seen, (gpointer) line->section))
            g_ptr_array_add(names, g_strdup(line->section));
    }
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(names, FALSE);
}

char *
profile_get_path(const Profile *profile, const char *key)
{
    const SchemaKey *row = schema_find_full(key);

    g_return_val_if_fail(
        row != NULL && (row->type == SCHEMA_PATH || row->type == SCHEMA_FILE),
        NULL);
    const char *path = profile_get_string(profile, key);
    if (*path == '\0')
        return NULL;
    if (row->type == SCHEMA_FILE && strchr(path, '/') == NULL)
        return g_strdup(path);
    if (g_str_has_prefix(path, "~/"))
        return g_build_filename(g_get_home_dir(), path + 2, NULL);
    g_autofree char *folder =
        profile->file != NULL ? g_path_get_dirname(profile->file) : NULL;
    return g_canonicalize_filename(path, folder);
}
