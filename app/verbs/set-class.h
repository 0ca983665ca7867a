/* app/verbs/set-class.h - carrel set, where a setting changes the class of a
 * device: what is known of the guest, and the trial. Thread: main. */
#pragma once

#include "app/app.h"

typedef struct {
    bool try_it;   /* also where the check says no */
    bool no_trial; /* for good, whatever happens */
    bool prepare;
} SetClassOptions;

typedef struct SetClass SetClass;

/* Looks at what has changed. -1: go on; else an exit code, reported. NULL in
 * *ret_class: no class changes. */
int set_class_check(const App *app, const char *name, const Profile *before,
                    const Profile *after, const SetClassOptions *options,
                    SetClass **ret_class);
/* Before machine.ini is saved: notes the change, so that it can be taken back.
 * The caller holds ladder_lock() until that is saved. */
bool set_class_note(SetClass *c, const Profile *before, const Profile *after,
                    GError **error);
/* machine.ini was not saved after all. */
void set_class_forget(const SetClass *c);
/* What was found and what comes next, for people. */
void set_class_print(const App *app, const SetClass *c);
/* The same as the member "classes" of the answer. */
void set_class_put(JsonWriter *w, const SetClass *c);
void set_class_free(SetClass *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SetClass, set_class_free)

/* carrel set NAME --undo: the last change of classes is taken back. */
int set_class_undo(const App *app, const char *name);
