/* list.c - a scrolling list's position. */
#include "ui/widgets/list.h"

void
list_fit(ListPos *list, int count, int height)
{
    list->count = MAX(count, 0);
    list->height = MAX(height, 1);
    list->selected = CLAMP(list->selected, 0, MAX(list->count - 1, 0));
    if (list->selected < list->top)
        list->top = list->selected;
    if (list->selected >= list->top + list->height)
        list->top = list->selected - list->height + 1;
    list->top = CLAMP(list->top, 0, MAX(list->count - list->height, 0));
}

bool
list_command(ListPos *list, int command)
{
    int page = MAX(list->height - 1, 1);

    switch (command) {
    case CMD_UP: list->selected--; break;
    case CMD_DOWN: list->selected++; break;
    case CMD_PGUP: list->selected -= page; break;
    case CMD_PGDN: list->selected += page; break;
    case CMD_HOME: list->selected = 0; break;
    case CMD_END: list->selected = list->count - 1; break;
    default: return false;
    }
    list_fit(list, list->count, list->height);
    return true;
}

bool
list_mouse(ListPos *list, const Key *key, int row0)
{
    int row = list->top + key->mouse.y - row0;
    bool again = false;

    if (key->mouse.kind == MOUSE_WHEEL_UP)
        list_command(list, CMD_UP);
    else if (key->mouse.kind == MOUSE_WHEEL_DOWN)
        list_command(list, CMD_DOWN);
    else if (key->mouse.kind == MOUSE_PRESS && key->mouse.y >= row0 &&
             key->mouse.y < row0 + list->height && row < list->count) {
        again = row == list->selected;
        list->selected = row;
    }
    return again;
}
