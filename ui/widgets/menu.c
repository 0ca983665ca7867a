/* menu.c - a box of choices: arrows and Enter, or the letter. */
#include "ui/widgets/menu.h"

#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

typedef struct {
    Screen screen;
    char *title;
    GArray *items; /* of MenuItem, texts owned */
    ListPos list;
    int row0;
    void (*chosen)(void *data, int value);
    bool (*other)(void *data, const Key *key);
    void *data;
    GDestroyNotify free_data;
} Menu;

static MenuItem *
item_at(Menu *menu, int i)
{
    return &g_array_index(menu->items, MenuItem, (guint) i);
}

static void
menu_free(Screen *s)
{
    Menu *menu = (Menu *) s;

    for (guint i = 0; i < menu->items->len; i++)
        g_free((char *) item_at(menu, (int) i)->text);
    g_array_unref(menu->items);
    if (menu->free_data != NULL)
        menu->free_data(menu->data);
    g_free(menu->title);
    g_free(menu);
}

static void
draw_item(Menu *menu, int i, int y, int x, int width)
{
    Tui *tui = menu->screen.tui;
    MenuItem *item = item_at(menu, i);
    bool on = i == menu->list.selected;
    Style style = on ? STYLE_BUTTON_ON : STYLE_DIALOG;
    char letter[2] = {item->letter != 0 ? item->letter : ' ', '\0'};

    draw_fill(tui, y, x, width, style);
    draw_format(tui, y, x, width, style, "%s%s  %s%s", on ? ">" : " ", letter,
                item->text, item->off ? " (not now)" : "");
    if (on)
        tui_cursor(tui, y, x, false);
}

static void
menu_draw(Screen *s)
{
    Menu *menu = (Menu *) s;
    int width = text_width(menu->title) + 6;

    for (guint i = 0; i < menu->items->len; i++)
        width = MAX(width, text_width(item_at(menu, (int) i)->text) + 9 +
                               (item_at(menu, (int) i)->off ? 10 : 0));
    width = MIN(width, draw_cols());
    int rows = MIN((int) menu->items->len + 2, MAX(draw_rows() - 1, 3));
    int y = MAX((draw_rows() - rows) / 2, 0), x = (draw_cols() - width) / 2;

    list_fit(&menu->list, (int) menu->items->len, rows - 2);
    menu->row0 = y + 1;
    draw_box(s->tui, y, x, rows, width, STYLE_DIALOG, menu->title);
    for (int r = 0; r < menu->list.height; r++)
        if (menu->list.top + r < menu->list.count)
            draw_item(menu, menu->list.top + r, y + 1 + r, x + 1, width - 2);
}

static void
menu_choose(Menu *menu, int i)
{
    if (i < 0 || i >= (int) menu->items->len || item_at(menu, i)->off)
        return;
    tui_pop(&menu->screen);
    menu->chosen(menu->data, item_at(menu, i)->value);
}

static int
move_command(const Key *key)
{
    static const KeyBinding moves[] = {{"Up Shift-Tab", CMD_UP, 0},
                                       {"Down Tab", CMD_DOWN, 0},
                                       {"PgUp", CMD_PGUP, 0},
                                       {"PgDn", CMD_PGDN, 0},
                                       {"Home", CMD_HOME, 0},
                                       {"End", CMD_END, 0},
                                       {0}};
    const KeyBinding *row = keys_find(moves, key);

    return row != NULL ? row->command : 0;
}

static bool
menu_key(Screen *s, const Key *key)
{
    Menu *menu = (Menu *) s;

    if (key->key == TK_ESC) {
        tui_pop(s);
        return true;
    }
    if (key->key == TK_ENTER || key->key == TK_KP_ENTER) {
        menu_choose(menu, menu->list.selected);
        return true;
    }
    if (key->key == TK_MOUSE) {
        if (list_mouse(&menu->list, key, menu->row0))
            menu_choose(menu, menu->list.selected);
        return true;
    }
    if (list_command(&menu->list, move_command(key)))
        return true;
    for (guint i = 0;
         key->key == TK_CHAR && key->mods == 0 && i < menu->items->len; i++)
        if (item_at(menu, (int) i)->letter != 0 &&
            (guint32) item_at(menu, (int) i)->letter == key->ch) {
            menu_choose(menu, (int) i);
            return true;
        }
    if (menu->other != NULL && menu->other(menu->data, key))
        tui_pop(s);
    return true;
}

static const ScreenClass menu_class = {
    .name = "Menu",
    .overlay = true,
    .captures = true,
    .draw = menu_draw,
    .key = menu_key,
    .free = menu_free,
};

void
menu_open(Tui *tui, const char *title, const MenuItem *items,
          void (*chosen)(void *data, int value),
          bool (*other)(void *data, const Key *key), void *data,
          GDestroyNotify free_data)
{
    Menu *menu = g_new0(Menu, 1);

    menu->screen.class = &menu_class;
    menu->title = text_safe(title, -1, tui_ascii(tui));
    menu->items = g_array_new(FALSE, TRUE, sizeof(MenuItem));
    for (; items->text != NULL; items++) {
        MenuItem copy = *items;
        copy.text = text_safe(items->text, -1, tui_ascii(tui));
        g_array_append_val(menu->items, copy);
    }
    menu->chosen = chosen;
    menu->other = other;
    menu->data = data;
    menu->free_data = free_data;
    tui_push(tui, &menu->screen);
}
