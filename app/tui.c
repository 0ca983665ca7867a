/* app/tui.c - starts the terminal interface over the program's own host
 * table. Without the interface the list of machines takes its place. */
#include "app/tui.h"

#include "app/verbs/run.h"

#if CARREL_HAVE_TUI

#include <stdio.h>

#include "app/tui-host.h"

int
app_tui_main(App *app, const char *attach)
{
    const TuiOptions options = {
        .attach = attach, .no_color = !app->color, .read_only = app->read_only};
    TuiHost *host = tui_host_new();
    int code = tui_run(&tui_host_ops, host, &options);
    unsigned running = tui_host_running(host);

    tui_host_free(host);
    if (running > 0)
        app_say(app, "%u machine%s running; carrel list shows %s", running,
                running == 1 ? " keeps" : "s keep",
                running == 1 ? "it" : "them");
    return code;
}

#else

int
app_tui_main(App *app, const char *attach)
{
    char *list[] = {(char *) "list", NULL};
    return verb_list(app, 1, list);
}

#endif
