/* app/verbs/keys.c - carrel keys: the keys of the terminal interface. */
#include <stdio.h>

#include "app/verbs/run.h"

/* clang-format off */
static const struct {
    const char *where, *key, *what;
} keys[] = {
    { "everywhere", "Up Down j k", "move" },
    { "everywhere", "PgUp PgDn g G", "move by pages, to the start, to the end" },
    { "everywhere", "Enter", "open" },
    { "everywhere", "Esc", "clear or back" },
    { "everywhere", "/", "filter the list" },
    { "everywhere", ": Ctrl-P", "command palette: every verb" },
    { "everywhere", "? F1", "help for this screen" },
    { "everywhere", ".", "actions for the selection" },
    { "everywhere", "u", "undo the last action that can be undone" },
    { "everywhere", "R Ctrl-L", "refresh and redraw" },
    { "everywhere", "q", "leave; machines keep running" },
    { "machines",   "s", "start" },
    { "machines",   "x", "stop: shut down, force off, reset" },
    { "machines",   "c", "console" },
    { "machines",   "v", "address for a VNC viewer" },
    { "machines",   "n", "new machine" },
    { "machines",   "D", "delete: move to the trash" },
    { "machines",   "L", "log" },
    { "console",    "Ctrl-]", "menu: detach, send keys, media, screenshot, reset" },
    { "console",    "Ctrl-] Ctrl-]", "send one Ctrl-] to the guest" },
};
/* clang-format on */

int
verb_keys(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 0, 0, &args);

    if (code >= 0)
        return code;
    g_autoptr(JsonWriter) w = json_writer_new();
    json_begin_array(w, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_begin_object(w, NULL);
        json_put_string(w, "where", keys[i].where);
        json_put_string(w, "key", keys[i].key);
        json_put_string(w, "action", keys[i].what);
        json_end(w);
        if (!app->json)
            printf("%-11s %-15s %s\n", keys[i].where, keys[i].key,
                   keys[i].what);
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    return EXIT_OK;
}
