/* settings.c - how the interface looks; kept in tui.ini of the settings
 * folder. */
#include <string.h>

#include "profiles/paths.h"
#include "ui/screens/screens.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/form.h"

enum { F_THEME, F_GLYPHS, F_MOUSE, N_FIELDS };

typedef struct {
    Screen screen;
    Form *form;
} Settings;

const KeyBinding settings_keys[] = {
    {"Left Right", CMD_OPEN, NULL, "change", 0},
    {"Enter Esc q", CMD_BACK, "back", "keep and go back", 0},
    {0},
};

static char *
settings_file(void)
{
    g_autofree char *dir = paths_config_dir();

    return g_build_filename(dir, "tui.ini", NULL);
}

void
settings_load(TermOptions *options)
{
    g_autofree char *file = settings_file();
    g_autoptr(GKeyFile) kf = g_key_file_new();

    if (!g_key_file_load_from_file(kf, file, G_KEY_FILE_NONE, NULL))
        return;
    g_autofree char *theme = g_key_file_get_string(kf, "tui", "theme", NULL);
    for (int i = 0; theme != NULL && i < N_THEMES; i++)
        if (strcmp(theme, theme_name((ThemeId) i)) == 0)
            options->theme = (ThemeId) i;
    if (g_key_file_get_boolean(kf, "tui", "ascii", NULL))
        options->ascii = true;
    if (g_key_file_has_key(kf, "tui", "mouse", NULL) &&
        !g_key_file_get_boolean(kf, "tui", "mouse", NULL))
        options->no_mouse = true;
}

static void
apply(Settings *st, bool save)
{
    Term *term = tui_term(st->screen.tui);
    Form *f = st->form;
    ThemeId theme = (ThemeId) f->fields[F_THEME].chosen;
    bool ascii = f->fields[F_GLYPHS].chosen == 1;
    bool mouse = f->fields[F_MOUSE].chosen == 0;
    g_autoptr(GKeyFile) kf = g_key_file_new();
    g_autofree char *file = settings_file();
    g_autofree char *dir = g_path_get_dirname(file);
    g_autoptr(GError) error = NULL;

    if (!save) {
        term_set_theme(term, theme);
        term_set_ascii(term, ascii);
        term_set_mouse(term, mouse);
        return;
    }
    g_key_file_set_string(kf, "tui", "theme", theme_name(theme));
    g_key_file_set_boolean(kf, "tui", "ascii", ascii);
    g_key_file_set_boolean(kf, "tui", "mouse", mouse);
    (void) g_mkdir_with_parents(dir, 0700); /* the save says why not */
    if (!g_key_file_save_to_file(kf, file, &error))
        tui_notify(st->screen.tui, STYLE_BAD, "settings not saved: %s",
                   error->message);
}

static void
settings_draw(Screen *s)
{
    Settings *st = (Settings *) s;
    g_autofree char *file = settings_file();

    draw_frame(s, "Carrel > Settings", "");
    form_draw(st->form, s->tui, 2, 2, draw_cols() - 4, N_FIELDS);
    draw_format(s->tui, 3 + N_FIELDS, 2, draw_cols() - 3, STYLE_DIM,
                "Kept in %s", file);
}

static bool
settings_key(Screen *s, const Key *key)
{
    Settings *st = (Settings *) s;

    if (!form_key(st->form, key))
        return false;
    apply(st, false);
    return true;
}

static void
settings_command(Screen *s, int command)
{
    if (command != CMD_BACK)
        return;
    apply((Settings *) s, true);
    tui_pop(s);
}

static void
settings_free(Screen *s)
{
    form_free(((Settings *) s)->form);
    g_free(s);
}

static const ScreenClass settings_class = {
    .name = "Settings",
    .keys = settings_keys,
    .draw = settings_draw,
    .key = settings_key,
    .command = settings_command,
    .free = settings_free,
};

void
settings_open(Tui *tui)
{
    Settings *st = g_new0(Settings, 1);
    Term *term = tui_term(tui);

    st->screen.class = &settings_class;
    st->form = form_new(N_FIELDS);
    form_set_choice(st->form, F_THEME, "Colours");
    for (int i = 0; i < N_THEMES; i++)
        form_add_choice(st->form, F_THEME, theme_name((ThemeId) i));
    form_set_choice(st->form, F_GLYPHS, "Glyphs");
    form_add_choice(st->form, F_GLYPHS, "as the terminal can");
    form_add_choice(st->form, F_GLYPHS, "ASCII only");
    form_set_choice(st->form, F_MOUSE, "Mouse");
    form_add_choice(st->form, F_MOUSE, "on (Shift bypasses it)");
    form_add_choice(st->form, F_MOUSE, "off");
    st->form->fields[F_THEME].chosen = (int) term_theme_id(term);
    st->form->fields[F_GLYPHS].chosen = tui_ascii(tui);
    st->form->fields[F_MOUSE].chosen = !term_has_mouse(term);
    tui_push(tui, &st->screen);
}
