/* screens.c - the screens and their key tables: one row a screen. */
#include "ui/screens/screens.h"

/* clang-format off */
static const struct {
    const char *where;
    const KeyBinding *keys;
} rows[] = {
    {"machines", machine_list_keys},
    {"machine",  machine_detail_keys},
    {"new",      new_machine_keys},
    {"console",  console_keys},
    {"serial",   serial_pane_keys},
    {"log",      log_viewer_keys},
    {"passthrough", passthrough_keys},
    {"sr-iov",   sriov_keys},
    {"plan",     plan_page_keys},
    {"usb",      usb_picker_keys},
    {"plug in",  plug_keys},
    {"take out", unplug_keys},
    {"doctor",   doctor_keys},
    {"text",     text_page_keys},
    {"settings", settings_keys},
};
/* clang-format on */

static void
each_row(const char *where, const KeyBinding *keys, TuiKeyRow row, void *data)
{
    for (; keys->keys != NULL; keys++)
        row(data, where, keys->keys, keys->help);
}

void
tui_each_key(TuiKeyRow row, void *data)
{
    each_row("everywhere", tui_global_keys(), row, data);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        each_row(rows[i].where, rows[i].keys, row, data);
}
