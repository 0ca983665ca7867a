/* profiles/schema.h - what may be written in machine.ini: one row per key.
 *
 * Sections that exist several times are rows with a '#': "disk#" stands for
 * disk0, disk1, ... Everything that knows keys (checks, help, completion, the
 * manual page, the TUI's form) reads these tables. Thread: any (const). */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    SCHEMA_BOOL,
    SCHEMA_INT,
    SCHEMA_SIZE, /* bytes, written with K, M, G or T */
    SCHEMA_ENUM,
    SCHEMA_STRING,
    SCHEMA_PATH, /* relative to the profile's folder */
    SCHEMA_FILE, /* a name to look up, or a path when it has a slash */
    SCHEMA_LIST  /* comma separated words of choices, each once */
} SchemaType;

typedef enum {
    SCHEMA_SECRET = 1 << 0,     /* never shown without being asked for */
    SCHEMA_TEMPLATE = 1 << 1,   /* only in template files */
    SCHEMA_POWER_OF_2 = 1 << 2, /* SCHEMA_SIZE */
    SCHEMA_ASCII = 1 << 3       /* the guest sees the text as bytes */
} SchemaFlags;

typedef struct {
    const char *section; /* "machine", "disk#" */
    unsigned count;      /* numbered 0..count-1; 0: no number */
    unsigned flags;      /* SCHEMA_TEMPLATE */
    const char *help;
} SchemaSection;

typedef struct {
    const char *section, *key; /* "disk#", "path" */
    SchemaType type;
    unsigned flags;
    guint64 min, max;     /* numbers; strings: length in bytes */
    const char *choices;  /* "a|b|c" for ENUM and LIST */
    const char *fallback; /* default, in the file's own notation */
    const char *unit;     /* "kHz", or NULL */
    const char *since;    /* first version that has it */
    const char *help;     /* one sentence, for people */
    /* Extra rule: NULL when text is fine, else what is allowed instead. */
    const char *(*check)(const char *text);
} SchemaKey;

const SchemaSection *schema_sections(unsigned *ret_n);
const SchemaKey *schema_keys(unsigned *ret_n);

/* "disk0" -> the row "disk#"; NULL when there is no such section. */
const SchemaSection *schema_find_section(const char *section);
/* "disk0", "path" -> row; NULL when unknown. */
const SchemaKey *schema_find(const char *section, const char *key);
/* The same for "disk0.path". */
const SchemaKey *schema_find_full(const char *full_key);

/* "a size from 1M to 64G", "one of: host, 486". Free with g_free. */
char *schema_describe_allowed(const SchemaKey *key);
const char *schema_type_name(SchemaType type); /* "size" */

/* NULL when value is acceptable, else one sentence: what is wrong with it and
 * what is allowed. Free with g_free. */
char *schema_check_value(const SchemaKey *key, const char *value);

/* Nearest known "section.key" (or section when key is NULL) by edit distance;
 * NULL when nothing is near. Free with g_free. */
char *schema_nearest(const char *section, const char *key, bool in_template);

/* The same for a key without its section: every "section.key" whose key is the
 * nearest, joined by "or"; NULL when there are more than five. Free with
 * g_free. */
char *schema_nearest_bare(const char *key);
/* The word of "a|b|c" that word may have meant, or NULL. Free with g_free. */
char *schema_nearest_choice(const char *choices, const char *word);

/* Edits from a to b without regard to case: insert, delete, change a letter,
 * swap neighbours. G_MAXUINT when one is longer than 64 bytes. */
unsigned schema_distance(const char *a, const char *b);

/* Readers of single values; false when text is not one. */
bool schema_parse_bool(const char *text, bool *ret_value);
bool schema_parse_u64(const char *text, guint64 *ret_value);
/* "1024x768"; no limits. */
bool schema_parse_resolution(const char *text, guint64 *ret_width,
                             guint64 *ret_height);
bool schema_parse_size(const char *text, guint64 *ret_bytes);
/* "2,3,8-11": numbers below 1024 in the order in which they stand, each once;
 * unsigned. NULL when it is no such list. Free with g_array_unref. */
GArray *schema_parse_cpus(const char *text);
/* "128M": the shortest exact notation. Free with g_free. */
char *schema_format_size(guint64 bytes);
