/* app/verbs/keys.c - carrel keys: the keys of the terminal interface, from the
 * tables that its dispatcher uses. */
#include <stdio.h>

#include "app/tui.h"
#include "app/verbs/run.h"
#include "app/wrap.h"
#include "ui/host.h"

typedef struct {
    App *app;
    JsonWriter *w;
} KeyList;

#if CARREL_HAVE_TUI
static void
print_row(void *data, const char *where, const char *keys, const char *help)
{
    KeyList *list = data;

    json_begin_object(list->w, NULL);
    json_put_string(list->w, "where", where);
    json_put_string(list->w, "key", keys);
    json_put_string(list->w, "action", help);
    json_end(list->w);
    if (list->app->json)
        return;
    g_autofree char *head = g_strdup_printf("%-11s %-15s ", where, keys);
    g_autofree char *lines = wrap_text(head, help);
    printf("%s", lines);
}
#endif

int
verb_keys(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 0, 0, &args);

    if (code >= 0)
        return code;
    g_autoptr(JsonWriter) w = json_writer_new();
    KeyList list = {app, w};
    json_begin_array(w, NULL);
#if CARREL_HAVE_TUI
    tui_each_key(print_row, &list);
#else
    if (!list.app->json)
        printf("This carrel was built without the terminal interface.\n");
#endif
    json_end(w);
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    return EXIT_OK;
}
