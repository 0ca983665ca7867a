/* ui/widgets/menu.h - a box of choices, each with a letter. Main thread. */
#pragma once

#include "ui/tui/app-loop.h"

typedef struct {
    char letter; /* 0: none */
    const char *text;
    int value;
    bool off; /* shown dim, cannot be chosen */
} MenuItem;

/* items end with a NULL text; they are copied. chosen gets an item's value;
 * it does not run for Esc. other: gets keys that are no item's letter (may be
 * NULL); true closes the menu. free_data runs at the end in any case. */
void menu_open(Tui *tui, const char *title, const MenuItem *items,
               void (*chosen)(void *data, int value),
               bool (*other)(void *data, const Key *key), void *data,
               GDestroyNotify free_data);
