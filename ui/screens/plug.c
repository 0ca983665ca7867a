/* plug.c - a disk, a CD drive or a network card into a running machine: the
 * page of `carrel attach`. */
#include <string.h>

#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/form.h"

enum { F_KIND, F_MODEL, F_IMAGE, F_NETWORK, F_LEADS_TO, F_KEEP, N_FIELDS };

typedef struct Request Request;

typedef struct {
    Screen screen;
    char *machine;
    Form *form;
    int kind;         /* the one that the fields are for; -1: none yet */
    Request *request; /* NULL: none under way */
} Plug;

/* Outlives its screen when that is left before the answer. */
struct Request {
    Plug *page; /* NULL: the screen is gone */
    gpointer call;
};

enum { CMD_PLUG = CMD_SCREEN, CMD_NEXT };

/* clang-format off */
const KeyBinding plug_keys[] = {
    {"Tab Down", CMD_NEXT, "next", "next field (Shift-Tab, Up: back)", 0},
    {"Enter", CMD_PLUG, "plug in", "plug it into the running machine", KEY_WRITES},
    {"Left Right", CMD_NEXT, NULL, "choose; Right at the end completes a path", 0},
    {"Esc", CMD_BACK, "back", "back, nothing is plugged in", 0},
    {0},
};

static const struct {
    const char *kind, *text;
    bool image;
} kinds[] = {
    {"disk", "disk", true},
    {"cd", "CD drive", true},
    {"net", "network card", false},
};

/* What a cable leads to, and the key that says which one; NULL: none. */
static const struct {
    const char *kind, *text, *key, *help;
} networks[] = {
    {"user", "user: NAT", NULL, ""},
    {"switch", "switch: your other machines", "switch", "empty is lan"},
    {"bridge", "bridge of this host", "bridge", "such as br0"},
    {"tap", "tap", "interface", "the tap's name"},
    {"macvtap", "macvtap: a card of this host", "interface", "such as eth0"},
    {"none", "nothing: no cable", NULL, ""},
};
/* clang-format on */

static int
chosen(const Plug *p, int field)
{
    return p->form->fields[field].chosen;
}

/* Fields that do not belong to what is chosen are passed over. */
static void
adjust(Plug *p)
{
    Field *fields = p->form->fields;
    int kind = chosen(p, F_KIND), network = chosen(p, F_NETWORK);
    bool image = kinds[kind].image;
    const char *key = image ? NULL : networks[network].key;

    if (kind != p->kind) {
        Tui *tui = p->screen.tui;
        g_auto(GStrv) models = g_strsplit(
            tui_ops(tui)->plug_models(tui_host(tui), kinds[kind].kind), "|",
            -1);
        g_ptr_array_set_size(fields[F_MODEL].choices, 0);
        for (guint i = 0; models[i] != NULL; i++)
            form_add_choice(p->form, F_MODEL, models[i]);
        fields[F_MODEL].chosen = 0;
        p->kind = kind;
    }
    fields[F_IMAGE].off = !image;
    fields[F_NETWORK].off = image;
    fields[F_LEADS_TO].off = key == NULL;
    form_note(p->form, F_IMAGE, false,
              strcmp(kinds[kind].kind, "cd") == 0
                  ? g_strdup("empty: no disc in it")
                  : NULL);
    form_note(p->form, F_LEADS_TO, false,
              key != NULL ? g_strdup(networks[network].help) : NULL);
}

/* "key=value" for all that is said; g_strfreev. */
static char **
make_settings(const Plug *p)
{
    const Field *fields = p->form->fields;
    GPtrArray *out = g_ptr_array_new();
    g_autofree char *path = edit_path(&fields[F_IMAGE].edit);
    g_autofree char *leads =
        g_strstrip(g_strdup(form_text(p->form, F_LEADS_TO)));
    int network = chosen(p, F_NETWORK);

    g_ptr_array_add(out,
                    g_strdup_printf("model=%s", form_text(p->form, F_MODEL)));
    if (!fields[F_IMAGE].off && *path != '\0') {
        g_autofree char *absolute = g_canonicalize_filename(path, NULL);
        g_ptr_array_add(out, g_strdup_printf("path=%s", absolute));
    }
    if (!fields[F_NETWORK].off)
        g_ptr_array_add(out,
                        g_strdup_printf("kind=%s", networks[network].kind));
    if (!fields[F_LEADS_TO].off && *leads != '\0')
        g_ptr_array_add(out,
                        g_strdup_printf("%s=%s", networks[network].key, leads));
    g_ptr_array_add(out, NULL);
    return (char **) g_ptr_array_free(out, FALSE);
}

/* After an error the form is still there, to be mended. */
static void
on_done(void *data, const GError *error)
{
    Request *request = data;
    Plug *p = request->page;

    tui_call_done(request->call, error);
    g_free(request);
    if (p == NULL)
        return;
    p->request = NULL;
    if (error == NULL)
        tui_pop(&p->screen);
}

static void
plug(Plug *p)
{
    Tui *tui = p->screen.tui;
    int kind = chosen(p, F_KIND);
    g_auto(GStrv) settings = make_settings(p);

    if (strcmp(kinds[kind].kind, "disk") == 0 &&
        *form_text(p->form, F_IMAGE) == '\0') {
        form_note(p->form, F_IMAGE, true, g_strdup("name the image"));
        return;
    }
    g_autofree char *what = g_strdup_printf("plug in a %s", kinds[kind].text);
    Request *request = g_new0(Request, 1);
    *request = (Request){p, tui_call(tui, what)};
    p->request = request;
    tui_ops(tui)->plug(tui_host(tui), p->machine, kinds[kind].kind,
                       (const char *const *) settings, chosen(p, F_KEEP) == 1,
                       on_done, request);
}

static void
plug_draw(Screen *s)
{
    Plug *p = (Plug *) s;
    g_autofree char *title =
        g_strdup_printf("Carrel > %s > plug in", p->machine);

    draw_frame(s, title, "Esc back");
    form_draw(p->form, s->tui, 2, 2, draw_cols() - 4,
              MIN(draw_content_rows() - 1, N_FIELDS));
    g_autoptr(GPtrArray) wrapped =
        text_wrap("The guest must know hot-plug: Linux and Windows since 2003 "
                  "do.",
                  MAX(draw_cols() - 3, 8));
    int y = (draw_is_small() ? 2 : 3) + N_FIELDS;
    for (int i = 0; i < (int) wrapped->len; i++)
        if (y + i <= draw_content_rows())
            draw_text(s->tui, y + i, 2, draw_cols() - 3, STYLE_DIM,
                      g_ptr_array_index(wrapped, (guint) i));
}

static bool
plug_key(Screen *s, const Key *key)
{
    Plug *p = (Plug *) s;

    if (!form_key(p->form, key))
        /* Characters are for fields: `?` must not open help in one. */
        return key->key == TK_MOUSE;
    adjust(p);
    return true;
}

static void
plug_command(Screen *s, int command)
{
    if (command == CMD_PLUG && ((Plug *) s)->request == NULL)
        plug((Plug *) s);
    else if (command == CMD_BACK)
        tui_pop(s);
}

static void
plug_free(Screen *s)
{
    Plug *p = (Plug *) s;

    if (p->request != NULL)
        p->request->page = NULL;
    form_free(p->form);
    g_free(p->machine);
    g_free(p);
}

static const ScreenClass plug_class = {
    .name = "Plug in",
    .keys = plug_keys,
    .draw = plug_draw,
    .key = plug_key,
    .command = plug_command,
    .free = plug_free,
};

void
plug_open(Tui *tui, const char *machine)
{
    Plug *p = g_new0(Plug, 1);
    Form *form = form_new(N_FIELDS);

    p->screen.class = &plug_class;
    p->screen.tui = tui;
    p->machine = g_strdup(machine);
    p->form = form;
    p->kind = -1;
    form_set_choice(form, F_KIND, "What");
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        form_add_choice(form, F_KIND, kinds[i].text);
    form_set_choice(form, F_MODEL, "Model");
    form_set_text(form, F_IMAGE, FIELD_PATH, "Image", 30, "");
    form_set_choice(form, F_NETWORK, "Cable to");
    for (gsize i = 0; i < G_N_ELEMENTS(networks); i++)
        form_add_choice(form, F_NETWORK, networks[i].text);
    form_set_text(form, F_LEADS_TO, FIELD_TEXT, "Name", 16, "");
    form_set_choice(form, F_KEEP, "Until");
    form_add_choice(form, F_KEEP, "the machine ends");
    form_add_choice(form, F_KEEP, "it is taken out (in settings)");
    adjust(p);
    tui_push(tui, &p->screen);
}
