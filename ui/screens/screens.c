/* screens.c - the rows of all screens. */
#include "ui/screens/screens.h"

/* clang-format off */
const ScreenRow screen_rows[] = {
    {"machines", machine_list_open, NULL},
    {"new",      new_machine_open,  NULL},
    {"settings", settings_open,     NULL},
    {"detail",   NULL, machine_detail_open},
    {"console",  NULL, console_open},
    {"log",      NULL, log_viewer_open},
};
/* clang-format on */
const gsize n_screen_rows = G_N_ELEMENTS(screen_rows);
