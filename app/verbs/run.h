/* app/verbs/run.h - the functions behind the rows of app/verbs.c. Each is in
 * the file of its verb and returns an ExitCode. */
#pragma once

#include "app/app.h"

/* machines on disk */
int verb_check(App *app, int argc, char **argv);
int verb_clone(App *app, int argc, char **argv);
int verb_delete(App *app, int argc, char **argv);
int verb_edit(App *app, int argc, char **argv);
int verb_get(App *app, int argc, char **argv);
int verb_new(App *app, int argc, char **argv);
int verb_protect(App *app, int argc, char **argv);
int verb_rename(App *app, int argc, char **argv);
int verb_set(App *app, int argc, char **argv);
int verb_show(App *app, int argc, char **argv);
int verb_template(App *app, int argc, char **argv);
int verb_templates(App *app, int argc, char **argv);
int verb_trash(App *app, int argc, char **argv);

/* the program */
int verb_complete(App *app, int argc, char **argv);
int verb_completion(App *app, int argc, char **argv);
int verb_help(App *app, int argc, char **argv);
int verb_info(App *app, int argc, char **argv);
int verb_keys(App *app, int argc, char **argv);
int verb_schema_man(App *app, int argc, char **argv);
int verb_version(App *app, int argc, char **argv);

/* running machines */
