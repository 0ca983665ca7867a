/* vmm/boot/descriptor.c - see descriptor.h.
 *
 * RFC 8259 read in one pass without a tree: a scanner walks the text, keeps
 * the path of keys it is in, and remembers the strings that matter. Left
 * out: numbers are skipped, not converted; duplicate keys: the first wins. */
#include "vmm/boot/descriptor.h"

#include <string.h>

#include <glib/gstdio.h>

#define MAX_DEPTH 32u
#define MAX_BYTES (256 << 10) /* of a file */

typedef struct {
    const char *at, *end;
    const char *why; /* first problem, NULL: none */
    Descriptor *found;
} Scanner;

/* Where a value sits, as far as it matters. */
typedef enum {
    PLACE_ROOT,
    PLACE_MAPPING,
    PLACE_EXECUTABLE,
    PLACE_NVRAM,      /* the template of a flash for variables */
    PLACE_INTERFACES, /* a list of words */
    PLACE_FEATURES,   /* a list of words */
    PLACE_TARGETS,    /* a list of objects */
    PLACE_ARCHITECTURE,
    PLACE_IMAGE_NAME,
    PLACE_NVRAM_NAME,
    PLACE_FORMAT, /* of either */
    PLACE_OTHER
} Place;

static bool
fail(Scanner *s, const char *why)
{
    if (s->why == NULL)
        s->why = why;
    return false;
}

static void
skip_space(Scanner *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) != NULL && *s->at != 0)
        s->at++;
}

/* Skips space and takes the character if it is next. */
static bool
accept(Scanner *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool
read_hex4(Scanner *s, guint32 *ret_value)
{
    guint32 value = 0;

    for (unsigned i = 0; i < 4; i++) {
        if (s->at == s->end || !g_ascii_isxdigit(*s->at))
            return fail(s, "bad \\u escape");
        value = value << 4 | (guint32) g_ascii_xdigit_value(*s->at++);
    }
    *ret_value = value;
    return true;
}

/* After "\u"; joins a surrogate pair. */
static bool
read_unicode(Scanner *s, GString *out)
{
    guint32 c, low;

    if (!read_hex4(s, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return fail(s, "half a surrogate pair");
        s->at += 2;
        if (!read_hex4(s, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(s, "half a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c == 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return fail(s, "character that cannot be in a name");
    }
    g_string_append_unichar(out, c);
    return true;
}

static bool
read_escape(Scanner *s, GString *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p;
    char c;

    if (s->at == s->end)
        return fail(s, "ends inside a string");
    c = *s->at++;
    if (c == 'u')
        return read_unicode(s, out);
    p = c != 0 ? strchr(from, c) : NULL;
    if (p == NULL)
        return fail(s, "unknown escape");
    g_string_append_c(out, to[p - from]);
    return true;
}

/* At the opening quote. */
static bool
read_string(Scanner *s, GString *out)
{
    g_string_truncate(out, 0);
    if (!accept(s, '"'))
        return fail(s, "a string is missing");
    while (s->at < s->end) {
        char c = *s->at++;
        if (c == '"')
            return true;
        if ((guint8) c < 0x20)
            return fail(s, "control character in a string");
        if (c != '\\')
            g_string_append_c(out, c);
        else if (!read_escape(s, out))
            return false;
    }
    return fail(s, "ends inside a string");
}

/* clang-format off */
static const struct { Place outer; const char *key; Place inner; } places[] = {
    { PLACE_ROOT,       "mapping",         PLACE_MAPPING },
    { PLACE_ROOT,       "interface-types", PLACE_INTERFACES },
    { PLACE_ROOT,       "features",        PLACE_FEATURES },
    { PLACE_ROOT,       "targets",         PLACE_TARGETS },
    { PLACE_MAPPING,    "executable",      PLACE_EXECUTABLE },
    { PLACE_MAPPING,    "nvram-template",  PLACE_NVRAM },
    { PLACE_MAPPING,    "filename",        PLACE_IMAGE_NAME },
    { PLACE_EXECUTABLE, "filename",        PLACE_IMAGE_NAME },
    { PLACE_NVRAM,      "filename",        PLACE_NVRAM_NAME },
    { PLACE_EXECUTABLE, "format",          PLACE_FORMAT },
    { PLACE_NVRAM,      "format",          PLACE_FORMAT },
    { PLACE_TARGETS,    "architecture",    PLACE_ARCHITECTURE },
};
/* clang-format on */

static Place
place_of(Place outer, const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (places[i].outer == outer && strcmp(places[i].key, key) == 0)
            return places[i].inner;
    return PLACE_OTHER;
}

static void
note(char **where, const char *text)
{
    if (*where == NULL)
        *where = g_strdup(text);
}

static void
take_string(Descriptor *d, Place place, const char *text)
{
    if (place == PLACE_IMAGE_NAME)
        note(&d->image, text);
    else if (place == PLACE_NVRAM_NAME)
        note(&d->nvram, text);
    else if (place == PLACE_FORMAT && strcmp(text, "raw") != 0)
        d->needs_format = true;
    else if (place == PLACE_INTERFACES && strcmp(text, "uefi") == 0)
        d->uefi = true;
    else if (place == PLACE_FEATURES && strcmp(text, "requires-smm") == 0)
        d->needs_smm = true;
    else if (place == PLACE_ARCHITECTURE && strcmp(text, "x86_64") == 0)
        d->x86_64 = true;
}

/* true, false, null and numbers: which one does not matter here. */
static bool
skip_word(Scanner *s)
{
    const char *start = s->at;

    while (s->at < s->end &&
           (g_ascii_isalnum(*s->at) || strchr("+-.", *s->at) != NULL) &&
           *s->at != 0)
        s->at++;
    return s->at > start || fail(s, "a value is missing");
}

static bool read_value(Scanner *s, Place place, unsigned depth);

static bool
read_object(Scanner *s, Place place, unsigned depth)
{
    g_autoptr(GString) key = g_string_new(NULL);

    if (accept(s, '}'))
        return true;
    do {
        if (!read_string(s, key))
            return false;
        if (!accept(s, ':'))
            return fail(s, "':' is missing");
        if (!read_value(s, place_of(place, key->str), depth))
            return false;
    } while (accept(s, ','));
    return accept(s, '}') || fail(s, "'}' is missing");
}

static bool
read_array(Scanner *s, Place place, unsigned depth)
{
    if (accept(s, ']'))
        return true;
    do {
        if (!read_value(s, place, depth)) /* elements are where it is */
            return false;
    } while (accept(s, ','));
    return accept(s, ']') || fail(s, "']' is missing");
}

/* The recursion is bounded by MAX_DEPTH. */
static bool
read_value(Scanner *s, Place place, unsigned depth)
{
    if (depth >= MAX_DEPTH)
        return fail(s, "nested too deeply");
    if (accept(s, '{'))
        return read_object(s, place, depth + 1);
    if (accept(s, '['))
        return read_array(s, place, depth + 1);
    if (s->at == s->end || *s->at != '"')
        return skip_word(s);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!read_string(s, text))
        return false;
    take_string(s->found, place, text->str);
    return true;
}

void
descriptor_clear(Descriptor *d)
{
    g_free(d->image);
    g_free(d->nvram);
    *d = (Descriptor){0};
}

bool
descriptor_read(const char *json, gsize len, Descriptor *ret,
                const char **ret_why)
{
    *ret = (Descriptor){0};
    Scanner s = {.at = json, .end = json + len, .found = ret};

    if (read_value(&s, PLACE_ROOT, 0)) {
        skip_space(&s);
        if (s.at != s.end)
            (void) fail(&s, "text after the end");
        else if (ret->image == NULL)
            (void) fail(&s, "names no image");
    }
    if (s.why != NULL)
        descriptor_clear(ret);
    if (ret_why != NULL)
        *ret_why = s.why;
    return s.why == NULL;
}

/* ---- the host's ---- */

static const char *const folders[] = {
    "/etc/qemu/firmware",
    "/usr/share/qemu/firmware",
};

static bool
try_file(const char *file, bool (*take)(void *data, Descriptor *d), void *data)
{
    g_autofree char *json = NULL;
    GStatBuf st;
    Descriptor d;
    gsize len;

    /* asked before reading, so that a large file is not read into memory */
    if (!g_str_has_suffix(file, ".json") || g_stat(file, &st) < 0 ||
        !S_ISREG(st.st_mode) || st.st_size > MAX_BYTES ||
        !g_file_get_contents(file, &json, &len, NULL) ||
        !descriptor_read(json, len, &d, NULL))
        return false;
    bool taken = take(data, &d);
    descriptor_clear(&d);
    return taken;
}

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static bool
try_folder(const char *dir, bool (*take)(void *data, Descriptor *d), void *data)
{
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *entry;
    bool taken = false;

    if (handle == NULL)
        return false;
    while ((entry = g_dir_read_name(handle)) != NULL)
        g_ptr_array_add(files, g_build_filename(dir, entry, NULL));
    g_ptr_array_sort(files, compare_paths);
    for (guint i = 0; i < files->len && !taken; i++)
        taken = try_file(g_ptr_array_index(files, i), take, data);
    return taken;
}

bool
descriptor_find(bool (*take)(void *data, Descriptor *d), void *data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++)
        if (try_folder(folders[i], take, data))
            return true;
    return false;
}
