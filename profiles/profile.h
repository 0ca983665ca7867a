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
    CARREL_PROFILE_ERROR_TOO_BIG,
    CARREL_PROFILE_ERROR_NEWER,   /* written by a later version: hands off */
    CARREL_PROFILE_ERROR_CONFLICT /* the file changed since it was loaded */
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
/* The same for `carrel check`: lines that cannot be understood are kept and
 * become findings, so that all of them are reported at once. Fails only when
 * the file cannot be read or is too big. */
Profile *profile_load_lenient(const char *file, GError **error);
void profile_free(Profile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Profile, profile_free)
/* The copy belongs to file (NULL: to no file yet). */
Profile *profile_copy_to(const Profile *profile, const char *file);
Profile *profile_copy(const Profile *profile);

/* Atomic: written beside, fsynced, renamed over; previous kept as FILE~. A
 * symbolic link is followed. Fails with CONFLICT when FILE is the one that was
 * loaded and has been changed by somebody else meanwhile, with NEWER when it
 * comes from a later version, else with G_FILE_ERROR. */
bool profile_save(Profile *profile, const char *file, GError **error);
char *profile_to_text(const Profile *profile);

/* Every finding, in file order (ProfileFinding, owned by the array). */
GPtrArray *profile_check(const Profile *profile);
/* What profile_check() cannot see in the text: do the named files exist, are
 * they of the right kind, may we read and write them. Touches the disk. */
GPtrArray *profile_check_files(const Profile *profile);
/* What it says of a file that is probably no floppy's image, or NULL. */
char *profile_odd_floppy(const char *path);
/* First error of profile_check() as a GError. */
bool profile_validate(const Profile *profile, GError **error);
/* The same for who has called profile_check() already. */
bool profile_is_valid(const Profile *profile, const GPtrArray *findings,
                      GError **error);
/* The first error in one of keys (NULL-terminated), or that before does not
 * have; so a profile can be mended one step at a time. A format that we do not
 * know is always an error. */
bool profile_validate_change(const Profile *before, const Profile *after,
                             const char *const *keys, GError **error);

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
 * NULL when empty; a SCHEMA_FILE value without a slash is returned as it is.
 * Free with g_free. */
char *profile_get_path(const Profile *profile, const char *key);
/* Line of the file that sets key; 0: it has its default. */
unsigned profile_get_line(const Profile *profile, const char *key);
/* Sections in file order, each once ("machine", "disk0"); unknown ones too.
 * Free with g_strfreev. */
char **profile_list_sections(const Profile *profile);
/* Where it was loaded from, or NULL. */
const char *profile_get_file(const Profile *profile);

/* Checks key and value by the schema before changing anything. value NULL:
 * back to the default. */
bool profile_set(Profile *profile, const char *key, const char *value,
                 GError **error);
/* Takes a whole section out ("disk1"); false: there is none. Comments above
 * it stay. */
bool profile_remove_section(Profile *profile, const char *section);
/* Adds an empty section ("cd0" is a drive without a disc). */
bool profile_add_section(Profile *profile, const char *section, GError **error);
/* Puts a comment line above everything else. */
void profile_add_heading(Profile *profile, const char *comment);
