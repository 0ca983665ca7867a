/* app/tui.c - starts the terminal interface over the program's own host
 * table. Without the interface the list of machines takes its place. */
#include "app/tui.h"

#include "app/verbs/run.h"

int
app_tui_main(App *app, const char *attach)
{
    char *list[] = {(char *) "list", NULL};
    return verb_list(app, 1, list);
}
