/* app/verbs/version.c - carrel version [--features] */
#include <stdio.h>

#include "app/verbs/run.h"

#ifndef CARREL_VERSION
#define CARREL_VERSION "unknown"
#endif
#ifndef CARREL_HAVE_TUI
#define CARREL_HAVE_TUI 0
#endif
#ifndef CARREL_HAVE_VNC
#define CARREL_HAVE_VNC 0
#endif
#ifndef CARREL_HAVE_URING
#define CARREL_HAVE_URING 0
#endif

#ifndef CARREL_HAVE_SLIRP
#define CARREL_HAVE_SLIRP 0
#endif

static const struct {
    const char *name, *what;
    bool built_in;
} features[] = {
    {"kvm", "hardware virtualization of Linux", true},
    {"tui", "terminal interface (ncurses)", CARREL_HAVE_TUI},
    {"vnc", "VNC server (libvncserver)", CARREL_HAVE_VNC},
    {"uring", "disk I/O by io_uring", CARREL_HAVE_URING},
    {"slirp", "user networks (libslirp)", CARREL_HAVE_SLIRP},
    {"alsa", "sound of machines on this computer (libasound)",
     CARREL_HAVE_ALSA},
    {"seccomp", "sandbox of machines and networks (libseccomp)",
     CARREL_HAVE_SECCOMP},
    {"zstd", "qcow2 clusters compressed by zstd", CARREL_HAVE_ZSTD},
};

int
verb_version(App *app, int argc, char **argv)
{
    gboolean show = FALSE;
    g_auto(GStrv) args = NULL;
    const GOptionEntry entries[] = {{"features", 0, 0, G_OPTION_ARG_NONE, &show,
                                     "Also list what was built in", NULL},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};

    int code = app_parse(app, argv, entries, 0, 0, &args);
    if (code >= 0)
        return code;
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "version", CARREL_VERSION);
        json_begin_object(w, "features");
        for (unsigned i = 0; i < G_N_ELEMENTS(features); i++)
            json_put_bool(w, features[i].name, features[i].built_in);
        app_print_json(w);
        return EXIT_OK;
    }
    printf("carrel %s\n", CARREL_VERSION);
    for (unsigned i = 0; show && i < G_N_ELEMENTS(features); i++)
        printf("%c%-6s %s\n", features[i].built_in ? '+' : '-',
               features[i].name, features[i].what);
    return EXIT_OK;
}
