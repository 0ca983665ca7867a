/* host-look.c - see host-look.h. A look that is under way outlives its screen:
 * the request is freed by whichever of answer and screen comes last. */
#include "ui/screens/host-look.h"

#include "ui/widgets/dialog.h"

typedef struct {
    HostLook *look; /* NULL: the screen is gone */
} Request;

struct HostLook {
    Tui *tui;
    void (*changed)(void *data);
    void *data;
    Request *request; /* NULL: none under way */
    UiHostLook *found;
    char *error;
};

static void
on_looked(void *data, UiHostLook *found, const GError *error)
{
    Request *request = data;
    HostLook *look = request->look;

    g_free(request);
    if (look == NULL) {
        ui_host_look_free(found);
        return;
    }
    look->request = NULL;
    ui_host_look_free(look->found);
    look->found = found;
    g_free(look->error);
    look->error = error != NULL ? g_strdup(error->message) : NULL;
    look->changed(look->data);
    tui_redraw(look->tui);
}

void
host_look_again(HostLook *look)
{
    if (look->request != NULL)
        return;
    look->request = g_new0(Request, 1);
    look->request->look = look;
    tui_ops(look->tui)->look(tui_host(look->tui), on_looked, look->request);
}

static void
on_undo(void *data, int button)
{
    HostLook *look = data;
    char *argv[] = {(char *) "/proc/self/exe", (char *) "passthrough",
                    (char *) "undo", (char *) "--yes", NULL};

    if (button != 0)
        return;
    tui_run_program(look->tui, argv, true);
    host_look_again(look);
}

void
host_look_ask_undo(HostLook *look, const char *title, const char *button,
                   const char *text)
{
    const char *const buttons[] = {button, "Cancel", NULL};

    dialog_confirm(look->tui, title, text, buttons, NULL, on_undo, look, NULL);
}

HostLook *
host_look_new(Tui *tui, void (*changed)(void *data), void *data)
{
    HostLook *look = g_new0(HostLook, 1);

    look->tui = tui;
    look->changed = changed;
    look->data = data;
    host_look_again(look);
    return look;
}

void
host_look_free(HostLook *look)
{
    if (look->request != NULL)
        look->request->look = NULL;
    ui_host_look_free(look->found);
    g_free(look->error);
    g_free(look);
}

bool
host_look_busy(const HostLook *look)
{
    return look->request != NULL;
}

const UiHostLook *
host_look_found(const HostLook *look)
{
    return look->found;
}

const char *
host_look_error(const HostLook *look)
{
    return look->error;
}
