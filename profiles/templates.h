/* profiles/templates.h - profiles to start from: a profile plus a [template]
 * section, in files ID.ini of the folders paths_template_dirs(). The first
 * folder that has an id wins. Thread: any; reads files. */
#pragma once

#include "profiles/profile.h"

/* The one for a machine of which nothing else is said. */
#define TEMPLATE_DEFAULT "pc"

typedef struct {
    char *id, *title, *summary;
    char *needs; /* "floppy,cd,disk": one of these media must be given */
    char *os;    /* "dos" */
    char *note;  /* what to know before installing; "" */
    char *file;
    Profile *profile; /* with its [template] section */
} Template;
void template_free(Template *template);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Template, template_free)

/* Reads and checks one file. Errors as profile_load() and
 * profile_validate(); an id that differs from the file's name is one. */
Template *template_load(const char *file, GError **error);
/* Sorted by id (Template, owned by the array). Files that are no good are left
 * out; with ret_problems each gives one line of text there (may be NULL). */
GPtrArray *templates_list(GPtrArray **ret_problems);
/* id, or a path with a slash. NULL and error set: G_FILE_ERROR_NOENT names
 * the ids that exist. */
Template *template_find(const char *id, GError **error);

/* A new machine's profile: everything the template sets, with its comments,
 * without [template]; machine.template names it. file: where it will be. */
Profile *template_to_profile(const Template *template, const char *file);
