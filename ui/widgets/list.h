/* ui/widgets/list.h - a scrolling list's position: which row is selected and
 * which is the first one visible. Drawing rows is the screen's. */
#pragma once

#include "ui/tui/keys.h"

typedef struct {
    int selected, top;
    int count;  /* rows in all */
    int height; /* rows visible */
} ListPos;

/* Clamps after a change of count or height and keeps the selection visible. */
void list_fit(ListPos *list, int count, int height);
/* CMD_UP .. CMD_END; false for any other command. */
bool list_command(ListPos *list, int command);
/* Mouse wheel and press; row0 is the screen row of the first visible row.
 * Returns true when the row selected already was pressed again. */
bool list_mouse(ListPos *list, const Key *key, int row0);
