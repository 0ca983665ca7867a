/* profiles/profile.h - one machine's settings: load, check, change, save.
 *
 * A profile is machine.ini (GKeyFile syntax): [section] key=value. In code a
 * setting is "section.key", e.g. "machine.memory", "disk0.path". What may be
 * set is in profiles/schema.c, one row per key. Comments and unknown keys
 * survive load and save. Thread: any one at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Profile Profile;

#define CARREL_PROFILE_ERROR (carrel_profile_error_quark())
GQuark carrel_profile_error_quark(void);
typedef enum {
    CARREL_PROFILE_ERROR_SYNTAX, /* names file and line */
    CARREL_PROFILE_ERROR_KEY,    /* unknown key: names the nearest */
    CARREL_PROFILE_ERROR_VALUE,  /* names file, line, key, what is allowed */
    CARREL_PROFILE_ERROR_TOO_BIG
} CarrelProfileError;

/* One remark of a check: where, what, what to do. */
typedef struct {
    bool is_error; /* else a warning: unknown key, odd combination */
    unsigned line; /* 1..; 0: no line (missing key) */
    char *key;     /* "machine.memory" */
    char *message; /* one sentence for people */
} ProfileFinding;
void profile_finding_free(ProfileFinding *finding);

Profile *profile_new(void); /* empty: every key has its default */
/* file is used in messages and to resolve relative paths. */
Profile *profile_load(const char *file, GError **error);
Profile *profile_parse(const char *text, gsize len, const char *file,
                       GError **error);
void profile_free(Profile *profile);
Profile *profile_copy(const Profile *profile);

/* Atomic: written beside, fsynced, renamed over; previous kept as FILE~. */
bool profile_save(Profile *profile, const char *file, GError **error);
char *profile_to_text(const Profile *profile);

/* Every finding, in file order (ProfileFinding, owned by the array). */
GPtrArray *profile_check(const Profile *profile);
/* First error of profile_check() as a GError. */
bool profile_validate(const Profile *profile, GError **error);

/* Typed access; defaults come from the schema, so a valid profile always has
 * an answer. key must be in the schema (programmer error otherwise); a value
 * that does not parse gives the default (validate first). */
const char *profile_get_string(const Profile *profile, const char *key);
guint64 profile_get_u64(const Profile *profile, const char *key); /* sizes in
                                                                     bytes */
bool profile_get_bool(const Profile *profile, const char *key);
/* The value is set in the file (not a default). */
bool profile_has(const Profile *profile, const char *key);
/* Section exists: "disk0", "floppy1". */
bool profile_has_section(const Profile *profile, const char *section);
/* Absolute path of a path-typed key (relative to the profile's folder), or
 * NULL when empty. Free with g_free. */
char *profile_get_path(const Profile *profile, const char *key);

/* Checks key and value by the schema before changing anything. value NULL:
 * back to the default. */
bool profile_set(Profile *profile, const char *key, const char *value,
                 GError **error);
