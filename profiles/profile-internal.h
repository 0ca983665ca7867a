/* profiles/profile-internal.h - a profile is the list of its lines.
 *
 * Own scanner for GKeyFile's syntax: GKeyFile merges duplicates silently and
 * forgets where a value stood, and a message without a line is no help. Lines
 * that are not touched are written back byte for byte. */
#pragma once

#include "profiles/profile.h"
#include "profiles/schema.h"

enum {
    PROFILE_MAX_BYTES = 1024 * 1024,
    PROFILE_MAX_LINES = 20000,
    PROFILE_SCHEMA = 1 /* version of the format that this program writes */
};

typedef enum {
    LINE_OTHER, /* blank or comment */
    LINE_SECTION,
    LINE_KEY,
    LINE_BAD
} LineKind;

/* Strings except text live in the profile's words. */
typedef struct {
    LineKind kind;
    char *text;          /* as in the file, without the line end */
    const char *section; /* also of keys; NULL before the first */
    const char *key;
    const char *value;   /* decoded */
    const char *problem; /* LINE_BAD; or a bad escape in value */
} Line;

struct Profile {
    char *file;       /* for messages and relative paths; may be NULL */
    GPtrArray *lines; /* Line; number = index + 1 */
    GStringChunk *words;
    char *loaded; /* the text as it was on disk, NULL when not from disk */
};

/* Fills an empty profile; never fails: what is wrong is a LINE_BAD. */
void profile_scan(Profile *profile, const char *text, gsize len);
/* Understands text as one line inside section. */
Line *profile_scan_line(Profile *profile, const char *text,
                        const char *section);
void profile_line_free(Line *line);

/* Last line that sets the key (as in GKeyFile the last one counts). */
const Line *profile_find_line(const Profile *profile, const char *section,
                              const char *key, unsigned *ret_index);

/* Whole content of a regular file of at most PROFILE_MAX_BYTES. */
char *profile_read_file(const char *file, gsize *ret_len, GError **error);

/* Adds one finding; takes message. */
void profile_report(GPtrArray *findings, bool is_error, unsigned line,
                    const char *key, char *message);
/* Rules that join several keys; check-rules.c. */
void profile_check_rules(const Profile *profile, GPtrArray *findings);
