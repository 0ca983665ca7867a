/* app/verbs/passthrough.h - the words behind `carrel passthrough`: one row a
 * word in passthrough.c, its function in a file beside it. Thread: main. */
#pragma once

#include "app/app.h"
#include "passthrough-wizard/host-pci.h"

/* argv is the verb's, the word is the first of its arguments: app_parse() gives
 * it back as args[0]. Each returns an ExitCode. */
typedef int (*PassthroughRun)(App *app, int argc, char **argv);

/* passthrough-look.c */
int passthrough_explain(App *app, int argc, char **argv);
int passthrough_groups(App *app, int argc, char **argv);
int passthrough_list(App *app, int argc, char **argv);

/* passthrough-act.c */
int passthrough_apply(App *app, int argc, char **argv);
int passthrough_bind(App *app, int argc, char **argv);
int passthrough_hold(App *app, int argc, char **argv);
int passthrough_plan(App *app, int argc, char **argv);

/* passthrough-undo.c */
int passthrough_confirm(App *app, int argc, char **argv);
int passthrough_unbind(App *app, int argc, char **argv);
int passthrough_undo(App *app, int argc, char **argv);

/* passthrough-vf.c; it looks at --read-only by itself */
int passthrough_vf(App *app, int argc, char **argv);

/* passthrough-rehearse.c */
int passthrough_rehearse(App *app, int argc, char **argv);

/* The row of --root DIR for a table of options. */
#define PASSTHROUGH_ROOT_OPTION(variable)                                      \
    {                                                                          \
        "root", 0, 0, G_OPTION_ARG_FILENAME, &(variable),                      \
            "Look at the host recorded there instead of this one", "DIR"       \
    }

/* dir; NULL: what CARREL_HOST_ROOT names, else this host. NULL: reported,
 * *ret_code is set. The caller frees. */
HostRoot *passthrough_root(const App *app, const char *dir, int *ret_code);
/* Looks beneath that. NULL: reported, *ret_code is set. The
 * caller frees both; ret_root may be NULL. */
HostPci *passthrough_look(const App *app, const char *dir, HostRoot **ret_root,
                          int *ret_code);
