/* new-machine.c - a machine from a template: one page, checked while it is
 * typed, with the resulting machine.ini beside it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "profiles/templates.h"
#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/dialog.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/form.h"

enum {
    F_TEMPLATE,
    F_NAME,
    F_FLOPPY,
    F_CD,
    F_DISK,
    F_NEW_DISK,
    F_MEMORY,
    F_CPUS,
    F_VNC,
    N_FIELDS
};

#define AS_TEMPLATE "as the template says"
#define ERROR_ROWS  5

typedef struct {
    Screen screen;
    Form *form;
    GPtrArray *templates; /* of Template */
    char *preview, *error;
    bool named; /* the person has typed a name */
    int preview_top;
} NewMachine;

enum { CMD_CREATE = CMD_SCREEN, CMD_SAVE, CMD_PREVIEW, CMD_NEXT };

/* clang-format off */
const KeyBinding new_machine_keys[] = {
    {"Tab Down", CMD_NEXT, "next", "next field (Shift-Tab, Up: back)", 0},
    {"Enter", CMD_CREATE, "create & start", "create the machine and start it", KEY_WRITES},
    {"Ctrl-S", CMD_SAVE, "save only", "create the machine, do not start it", KEY_WRITES},
    {"PgDn", CMD_PREVIEW, "preview", "scroll the preview (PgUp: back)", 0},
    {"Left Right", CMD_NEXT, NULL, "choose; Right at the end completes a path", 0},
    {"Esc", CMD_BACK, "back", "back, nothing is created", 0},
    {0},
};

/* Fields that are settings, and the key each sets. */
static const struct {
    int field;
    const char *key;
} settings_of[] = {
    {F_FLOPPY, "floppy0.path"}, {F_CD, "cd0.path"}, {F_DISK, "disk0.path"},
    {F_NEW_DISK, "new-disk"},   {F_MEMORY, "machine.memory"},
    {F_CPUS, "machine.cpus"},   {F_VNC, "vnc.enabled"},
};
/* clang-format on */

static const Template *
current_template(NewMachine *nm)
{
    if (nm->templates->len == 0)
        return NULL;
    return g_ptr_array_index(nm->templates,
                             (guint) nm->form->fields[F_TEMPLATE].chosen);
}

/* What differs from the template, as "key=value"; g_strfreev. */
static char **
make_settings(NewMachine *nm)
{
    GPtrArray *out = g_ptr_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(settings_of); i++) {
        Field *f = &nm->form->fields[settings_of[i].field];
        g_autofree char *value =
            f->kind == FIELD_PATH
                ? edit_path(&f->edit)
                : g_strdup(form_text(nm->form, settings_of[i].field));
        if (f->kind == FIELD_PATH && *value != '\0') {
            char *absolute = g_canonicalize_filename(value, NULL);
            g_free(value);
            value = absolute;
        }
        if (*g_strstrip(value) != '\0' && strcmp(value, AS_TEMPLATE) != 0)
            g_ptr_array_add(
                out, g_strdup_printf("%s=%s", settings_of[i].key, value));
    }
    g_ptr_array_add(out, NULL);
    return (char **) g_ptr_array_free(out, FALSE);
}

static bool
check_name(NewMachine *nm)
{
    const char *name = form_text(nm->form, F_NAME);
    gsize len = strlen(name);
    bool ok = g_ascii_isalnum(name[0]) && len <= 64;

    for (const char *p = name; *p != '\0' && ok; p++)
        ok = g_ascii_isalnum(*p) || strchr("._-", *p) != NULL;
    if (!ok)
        form_note(nm->form, F_NAME, true, g_strdup("letters, digits . _ -"));
    else if (tui_machine(nm->screen.tui, name) != NULL)
        form_note(nm->form, F_NAME, true, g_strdup("exists already"));
    else
        form_note(nm->form, F_NAME, false, g_strdup("ok"));
    return !nm->form->fields[F_NAME].bad;
}

static bool
check_path(NewMachine *nm, int field)
{
    g_autofree char *path = edit_path(&nm->form->fields[field].edit);
    struct stat st;

    form_note(nm->form, field, false, NULL);
    if (*path == '\0')
        return true;
    if (stat(path, &st) != 0) {
        form_note(nm->form, field, true,
                  g_strdup(errno == ENOENT ? "not found" : g_strerror(errno)));
        return false;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        form_note(nm->form, field, true, g_strdup("no image file"));
        return false;
    }
    g_autofree char *size = text_size((guint64) st.st_size);
    form_note(nm->form, field, false, g_strdup_printf("%s ok", size));
    return true;
}

static bool
starts_from_network(const Template *t)
{
    g_auto(GStrv) boot =
        g_strsplit(profile_get_string(t->profile, "machine.boot"), ",", -1);

    for (char **from = boot; *from != NULL; from++)
        if (strcmp(g_strstrip(*from), "net") == 0)
            return true;
    return false;
}

/* A template that needs a medium cannot boot without one; a new disk is empty.
 * Returns the field of the medium it asks for first, or -1. */
static int
missing_medium(NewMachine *nm)
{
    static const char *const kinds[] = {"floppy", "cd", "disk"};
    const Template *t = current_template(nm);

    if (t == NULL || *t->needs == '\0' || starts_from_network(t))
        return -1;
    for (int f = F_FLOPPY; f <= F_DISK; f++)
        if (*form_text(nm->form, f) != '\0')
            return -1;
    for (int f = F_FLOPPY; f <= F_DISK; f++)
        if (g_str_has_prefix(t->needs, kinds[f - F_FLOPPY]))
            return f;
    return -1;
}

static void
check_media(NewMachine *nm)
{
    int field = missing_medium(nm);

    if (field >= 0)
        form_note(nm->form, field, false, g_strdup("one is needed"));
}

/* Empty fields say what the template gives. */
static void
note_defaults(NewMachine *nm, const Template *t)
{
    g_autofree char *memory =
        text_size(profile_get_u64(t->profile, "machine.memory"));

    if (*form_text(nm->form, F_MEMORY) == '\0')
        form_note(nm->form, F_MEMORY, false,
                  g_strdup_printf("template: %s", memory));
    if (*form_text(nm->form, F_CPUS) == '\0')
        form_note(nm->form, F_CPUS, false,
                  g_strdup_printf(
                      "template: %u",
                      (unsigned) profile_get_u64(t->profile, "machine.cpus")));
    if (*form_text(nm->form, F_NEW_DISK) == '\0')
        form_note(nm->form, F_NEW_DISK, false, g_strdup("none; e.g. 2G"));
}

/* The message names the key: the remark goes beside its field. */
static void
place_error(NewMachine *nm, const char *message)
{
    for (gsize i = 0; i < G_N_ELEMENTS(settings_of); i++)
        if (strstr(message, settings_of[i].key) != NULL)
            form_note(nm->form, settings_of[i].field, true,
                      g_strdup("see below"));
}

static void
suggest_name(NewMachine *nm)
{
    const Template *t = current_template(nm);

    if (nm->named || t == NULL)
        return;
    char *name = g_strdup(t->id);
    for (int i = 2; i < 1000 && tui_machine(nm->screen.tui, name) != NULL;
         i++) {
        g_free(name);
        name = g_strdup_printf("%s-%d", t->id, i);
    }
    edit_set(&nm->form->fields[F_NAME].edit, name);
    g_free(name);
}

static bool
validate(NewMachine *nm)
{
    Tui *tui = nm->screen.tui;
    const Template *t = current_template(nm);
    g_auto(GStrv) settings = make_settings(nm);
    g_autoptr(GError) error = NULL;
    bool ok = true;

    g_clear_pointer(&nm->preview, g_free);
    g_clear_pointer(&nm->error, g_free);
    for (int i = F_NEW_DISK; i < N_FIELDS; i++)
        form_note(nm->form, i, false, NULL);
    ok = check_name(nm);
    for (int i = F_FLOPPY; i <= F_DISK; i++)
        ok = check_path(nm, i) && ok;
    if (t == NULL) {
        nm->error = g_strdup("no templates found: install carrel's shared "
                             "files or set CARREL_DATADIR");
        return false;
    }
    check_media(nm);
    note_defaults(nm, t);
    nm->preview =
        tui_ops(tui)->preview(tui_host(tui), form_text(nm->form, F_NAME), t->id,
                              (const char *const *) settings, &error);
    if (nm->preview == NULL) {
        nm->error = g_strdup(error != NULL ? error->message : "not valid");
        place_error(nm, nm->error);
        ok = false;
    }
    return ok;
}

static void
draw_preview(NewMachine *nm, int y, int x, int width, int rows)
{
    Tui *tui = nm->screen.tui;
    g_auto(GStrv) lines =
        g_strsplit(nm->preview != NULL ? nm->preview : "", "\n", -1);
    int n = (int) g_strv_length(lines);

    draw_text(tui, y, x, width, STYLE_HEADER, "Result (machine.ini)");
    nm->preview_top = CLAMP(nm->preview_top, 0, MAX(n - rows + 1, 0));
    for (int i = 0; i + 1 < rows && nm->preview_top + i < n; i++)
        draw_text(tui, y + 1 + i, x, width, STYLE_DIM,
                  lines[nm->preview_top + i]);
}

/* Under the fields, down to the line of notices. */
static void
draw_error(NewMachine *nm, int y, int width)
{
    Tui *tui = nm->screen.tui;
    g_autofree char *safe = text_safe(nm->error, -1, tui_ascii(tui));
    g_autoptr(GPtrArray) wrapped = text_wrap(safe, MAX(width, 8));
    int room = MIN(draw_content_rows() + 1 - y, ERROR_ROWS);

    for (int i = 0; i < MIN((int) wrapped->len, room); i++)
        draw_format(tui, y + i, 2, width, STYLE_BAD, "%s%s",
                    (char *) g_ptr_array_index(wrapped, (guint) i),
                    i + 1 == room && room < (int) wrapped->len ? "…" : "");
}

static void
new_draw(Screen *s)
{
    NewMachine *nm = (NewMachine *) s;
    const Template *t = current_template(nm);
    bool small = draw_is_small();
    int left = small ? draw_cols() - 3 : draw_cols() * 58 / 100;
    int rows = MAX(draw_content_rows() - 2, 1);

    draw_frame(s, "Carrel > New machine", "Esc back");
    if (t != NULL && !small)
        draw_text(s->tui, 1, 2, draw_cols() - 3, STYLE_DIM, t->summary);
    form_draw(nm->form, s->tui, small ? 1 : 3, 2, left - 3,
              MIN(rows, N_FIELDS));
    if (!small) {
        for (int i = 0; i < rows; i++)
            draw_text(s->tui, 2 + i, left, 1, STYLE_DIM, "│");
        draw_preview(nm, 2, left + 2, draw_cols() - left - 3, rows);
    }
    if (nm->error != NULL)
        draw_error(nm, (small ? 1 : 4) + MIN(rows, N_FIELDS), left - 4);
}

typedef struct {
    gpointer call; /* tui_call() */
    char *name;
} Creation;

static void
on_created(void *data, const GError *error)
{
    Creation *c = data;

    tui_call_done(c->call, error);
    g_free(c->name);
    g_free(c);
}

static void
create(NewMachine *nm, bool start)
{
    Tui *tui = nm->screen.tui;
    const Template *t = current_template(nm);
    g_auto(GStrv) settings = NULL;

    if (!validate(nm) || t == NULL) {
        tui_notify(tui, STYLE_WARN, "not yet: see the fields marked");
        return;
    }
    int missing = start ? missing_medium(nm) : -1;
    if (missing >= 0) {
        form_note(nm->form, missing, true, g_strdup("one is needed"));
        nm->form->focus = missing;
        tui_notify(tui, STYLE_WARN,
                   "nothing to start from: give it a medium, or Ctrl-S to save "
                   "only");
        return;
    }
    settings = make_settings(nm);
    Creation *c = g_new0(Creation, 1);
    c->name = g_strdup(form_text(nm->form, F_NAME));
    g_autofree char *what = g_strdup_printf("create %s", c->name);
    c->call = tui_call(tui, what);
    tui_ops(tui)->create(tui_host(tui), c->name, t->id,
                         (const char *const *) settings, start, on_created, c);
    tui_pop(&nm->screen);
}

static void
new_command(Screen *s, int command)
{
    NewMachine *nm = (NewMachine *) s;

    switch (command) {
    case CMD_CREATE: create(nm, true); break;
    case CMD_SAVE: create(nm, false); break;
    case CMD_PREVIEW: nm->preview_top += draw_content_rows() / 2; break;
    case CMD_BACK: tui_pop(s); break;
    default: break;
    }
}

static bool
new_key(Screen *s, const Key *key)
{
    NewMachine *nm = (NewMachine *) s;
    int before = nm->form->fields[F_TEMPLATE].chosen;

    if (key->key == TK_PGUP) {
        nm->preview_top -= draw_content_rows() / 2;
        return true;
    }
    if (!form_key(nm->form, key))
        /* Characters are for fields: `?` must not open help in one. */
        return key->key == TK_MOUSE;
    if (nm->form->focus == F_NAME &&
        (key->key == TK_CHAR || key->key == TK_BACKSPACE))
        nm->named = true;
    if (nm->form->fields[F_TEMPLATE].chosen != before)
        suggest_name(nm);
    (void) validate(nm);
    return true;
}

static void
new_free(Screen *s)
{
    NewMachine *nm = (NewMachine *) s;

    form_free(nm->form);
    g_ptr_array_unref(nm->templates);
    g_free(nm->preview);
    g_free(nm->error);
    g_free(nm);
}

static const ScreenClass new_class = {
    .name = "New machine",
    .keys = new_machine_keys,
    .draw = new_draw,
    .key = new_key,
    .command = new_command,
    .free = new_free,
};

static void
fill_form(NewMachine *nm)
{
    Form *form = nm->form;

    form_set_choice(form, F_TEMPLATE, "Template");
    for (guint i = 0; i < nm->templates->len; i++) {
        const Template *t = g_ptr_array_index(nm->templates, i);
        form_add_choice(form, F_TEMPLATE, t->title);
        if (strcmp(t->id, TEMPLATE_DEFAULT) == 0)
            form->fields[F_TEMPLATE].chosen = (int) i;
    }
    form_set_text(form, F_NAME, FIELD_TEXT, "Name", 20, "");
    form_set_text(form, F_FLOPPY, FIELD_PATH, "Floppy", 18, "");
    form_set_text(form, F_CD, FIELD_PATH, "CD", 18, "");
    form_set_text(form, F_DISK, FIELD_PATH, "Disk", 18, "");
    form_set_text(form, F_NEW_DISK, FIELD_TEXT, "New disk", 8, "");
    form_set_text(form, F_MEMORY, FIELD_TEXT, "Memory", 8, "");
    form_set_text(form, F_CPUS, FIELD_TEXT, "CPUs", 8, "");
    form_set_choice(form, F_VNC, "VNC");
    form_add_choice(form, F_VNC, AS_TEMPLATE);
    form_add_choice(form, F_VNC, "yes");
    form_add_choice(form, F_VNC, "no");
}

void
new_machine_open(Tui *tui)
{
    NewMachine *nm = g_new0(NewMachine, 1);

    nm->screen.class = &new_class;
    nm->screen.tui = tui;
    nm->templates = templates_list(NULL);
    nm->form = form_new(N_FIELDS);
    fill_form(nm);
    suggest_name(nm);
    (void) validate(nm);
    tui_push(tui, &nm->screen);
}
