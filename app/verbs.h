/* app/verbs.h - the table of everything `carrel VERB` can do: one row a verb,
 * one file a verb in app/verbs/. Help, completion and the manual read it. */
#pragma once

#include "app/app.h"

typedef enum {
    VERB_HIDDEN = 1 << 0,  /* for the program itself */
    VERB_CHANGES = 1 << 1, /* refused with --read-only */
    VERB_NAME = 1 << 2     /* first argument is a machine (completion) */
} VerbFlags;

typedef struct {
    const char *name, *alias; /* alias may be NULL */
    const char *usage;        /* arguments: "NAME [--force]" */
    const char *summary;      /* one sentence without a full stop */
    int (*run)(App *app, int argc, char **argv); /* argv[0]: the verb's name;
                                                    returns an ExitCode */
    unsigned flags;
} Verb;

const Verb *verbs_all(unsigned *ret_n);
const Verb *verb_find(const char *name_or_alias); /* NULL: no such verb */
/* The verb that a typing error may have meant, or NULL. */
const Verb *verb_nearest(const char *name);
