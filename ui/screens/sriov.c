/* sriov.c - the SR-IOV panel: each port that has it as a box, its virtual
 * functions as sockets in it. Changes are in sriov-change.c. */
#include <string.h>

#include "passthrough-wizard/report.h"
#include "ui/screens/sriov-internal.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"

#define DETAIL_ROWS 4
#define WIDE_COLS   110

enum {
    CMD_NUMBER = CMD_SCREEN,
    CMD_MAC,
    CMD_VLAN,
    CMD_SPOOF,
    CMD_TRUST,
    CMD_RATE,
    CMD_LINK,
    CMD_BIND,
    CMD_REMOVE,
    CMD_PERSIST,
    CMD_UNDO,
    CMD_AGAIN
};

/* clang-format off */
const KeyBinding sriov_keys[] = {
    {"n", CMD_NUMBER, "number", "how many virtual functions…", KEY_WRITES},
    {"m", CMD_MAC, "MAC", "MAC address…", KEY_WRITES},
    {"l", CMD_VLAN, "VLAN", "VLAN…", KEY_WRITES},
    {"s", CMD_SPOOF, "spoof", "check of the sender's address: on, off…", KEY_WRITES},
    {"t", CMD_TRUST, "trust", "trust the guest's driver: on, off…", KEY_WRITES},
    {"w", CMD_RATE, "rate", "limit of what it sends…", KEY_WRITES},
    {"i", CMD_LINK, "link", "link: auto, on, off…", KEY_WRITES},
    {"b", CMD_BIND, "bind", "give it to VFIO, for a machine…", KEY_WRITES},
    {"D", CMD_REMOVE, "remove", "remove all of the port…", KEY_WRITES},
    {"p", CMD_PERSIST, "persist", "changes also after a restart of the host, or not", 0},
    {"u", CMD_UNDO, NULL, "take the last change back…", KEY_WRITES},
    {"r", CMD_AGAIN, NULL, "look at the host again", 0},
    {"Esc q Left", CMD_BACK, NULL, "back; nothing is changed by leaving", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

/* ---- what was found ------------------------------------------------------ */

static const SriovLine *
line_at(const Sriov *p, int i)
{
    return i >= 0 && i < (int) p->lines->len
               ? &g_array_index(p->lines, SriovLine, (guint) i)
               : NULL;
}

static bool
can_select(const SriovLine *line)
{
    return line != NULL && (line->kind == LINE_PORT || line->kind == LINE_VF);
}

const SriovLine *
sriov_current(const Sriov *p)
{
    const SriovLine *line = line_at(p, p->list.selected);

    return can_select(line) ? line : NULL;
}

static const char *
address_of(const SriovLine *line)
{
    return line->kind == LINE_VF ? line->pf->vfs[line->vf] : line->pf->bdf;
}

static const SriovVf *
vf_of(const Sriov *p, const SriovLine *line)
{
    return line != NULL && line->kind == LINE_VF
               ? sriov_find(host_look_found(p->look)->vfs, address_of(line))
               : NULL;
}

const SriovVf *
sriov_current_vf(const Sriov *p)
{
    return vf_of(p, sriov_current(p));
}

static void
add_line(Sriov *p, LineKind kind, const HostPciFn *pf, unsigned vf)
{
    const SriovLine line = {kind, pf, vf};

    if (can_select(&line) && strcmp(address_of(&line), p->chosen) == 0)
        p->list.selected = (int) p->lines->len;
    g_array_append_val(p->lines, line);
}

static void
add_port(Sriov *p, const HostPciFn *pf)
{
    bool any = pf->vfs != NULL && pf->vfs[0] != NULL;

    add_line(p, LINE_PORT, pf, 0);
    add_line(p, any ? LINE_HEAD : LINE_NONE, pf, 0);
    for (unsigned i = 0; any && pf->vfs[i] != NULL; i++)
        add_line(p, LINE_VF, pf, i);
    add_line(p, LINE_END, pf, 0);
}

static void
on_found(void *data)
{
    Sriov *p = data;
    const UiHostLook *found = host_look_found(p->look);
    const HostPci *host = found != NULL ? found->pci : NULL;

    p->list.selected = 0;
    g_array_set_size(p->lines, 0);
    for (guint i = 0; host != NULL && i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (fn->total_vfs > 0 && fn->physfn == NULL)
            add_port(p, fn);
    }
}

/* "gaming", "gaming, work"; "": none. *ret_running: one runs with it. */
static char *
machines_of(const Sriov *p, const char *bdf, bool *ret_running)
{
    const GPtrArray *plugs = host_look_found(p->look)->plugs;
    GString *text = g_string_new(NULL);

    *ret_running = false;
    for (guint i = 0; i < plugs->len; i++) {
        const UiPlug *plug = g_ptr_array_index(plugs, i);
        if (strcmp(plug->device, bdf) != 0)
            continue;
        g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                               plug->machine);
        *ret_running = *ret_running || plug->running;
    }
    return g_string_free(text, FALSE);
}

/* ---- picture ------------------------------------------------------------- */

static void
draw_edge(Tui *tui, int y, const char *left, const char *right)
{
    GString *text = g_string_new(left);

    for (int i = 0; i < draw_cols() - 4; i++)
        g_string_append(text, "─");
    g_string_append(text, right);
    draw_text(tui, y, 1, draw_cols() - 2, STYLE_DIM, text->str);
    g_string_free(text, TRUE);
}

static void
draw_port(Sriov *p, const HostPciFn *pf, int y, bool on)
{
    Tui *tui = p->screen.tui;
    g_autofree char *count =
        g_strdup_printf(" %u of %u ", pf->num_vfs, pf->total_vfs);
    int width = (int) strlen(count);
    g_autofree char *name = g_strdup_printf(
        " %s%s%s  %s ", report_short(pf), pf->netdevs != NULL ? " " : "",
        pf->netdevs != NULL ? pf->netdevs[0] : "", pf->device_name);

    draw_edge(tui, y, "┌", "┐");
    draw_text(tui, y, 3, draw_cols() - width - 8,
              on ? STYLE_SELECTED : STYLE_TITLE, name);
    draw_text(tui, y, draw_cols() - width - 3, width, STYLE_DIM, count);
}

typedef struct {
    int x, width;
    const char *head;
    VfSetting setting; /* VF_N_SETTINGS: another */
} Column;

static const Column columns[] = {
    {7, 3, "VF", VF_N_SETTINGS}, {10, 7, "ADDRESS", VF_N_SETTINGS},
    {18, 17, "MAC", VF_MAC},     {36, 6, "VLAN", VF_VLAN},
    {43, 5, "SPOOF", VF_SPOOF},  {49, 5, "TRUST", VF_TRUST},
    {55, 9, "RATE", VF_RATE},    {65, 4, "LINK", VF_LINK},
};

/* Where the machine's name begins; in front of it a wide terminal has the
 * driver's. */
static int
machine_x(void)
{
    return draw_cols() >= WIDE_COLS ? 87 : 70;
}

static void
draw_head(Tui *tui, int y)
{
    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++)
        draw_text(tui, y, columns[i].x, columns[i].width, STYLE_HEADER,
                  columns[i].head);
    if (draw_cols() >= WIDE_COLS)
        draw_text(tui, y, 71, 15, STYLE_HEADER, "DRIVER");
    draw_text(tui, y, machine_x(), draw_cols() - machine_x() - 3, STYLE_HEADER,
              "MACHINE");
}

static const char *
driver_of(const Sriov *p, const SriovVf *vf)
{
    const HostPciFn *fn = host_pci_find(host_look_found(p->look)->pci, vf->bdf);

    return fn != NULL && fn->driver != NULL ? fn->driver : "-";
}

static void
draw_settings(Tui *tui, const SriovVf *vf, int y, Style style)
{
    for (gsize i = 2; i < G_N_ELEMENTS(columns); i++) {
        const char *value = vf->settings[columns[i].setting];
        /* An NVMe's socket has no address, but is online or not. */
        if (value == NULL && columns[i].setting == VF_MAC)
            value = vf->state;
        draw_text(tui, y, columns[i].x, columns[i].width, style,
                  value != NULL ? value : "-");
    }
}

/* "[#]" has a machine, "[ ]" is free. */
static void
draw_vf(Sriov *p, const SriovLine *line, int y, bool on)
{
    Tui *tui = p->screen.tui;
    const SriovVf *vf = vf_of(p, line);
    Style style = on ? STYLE_SELECTED : STYLE_NORMAL;
    bool running = false;

    if (vf == NULL)
        return;
    g_autofree char *machines = machines_of(p, vf->bdf, &running);
    bool plugged = *machines != '\0';

    if (on)
        draw_fill(tui, y, 2, draw_cols() - 4, style);
    draw_text(tui, y, 2, 1, style, on ? ">" : " ");
    draw_text(tui, y, 3, 3,
              on        ? style
              : running ? STYLE_GOOD
                        : STYLE_DIM,
              plugged ? "[#]" : "[ ]");
    draw_format(tui, y, columns[0].x, columns[0].width, style, "%u",
                vf->number);
    draw_text(tui, y, columns[1].x, columns[1].width, style,
              g_str_has_prefix(vf->bdf, "0000:") ? vf->bdf + 5 : vf->bdf);
    draw_settings(tui, vf, y, style);
    if (draw_cols() >= WIDE_COLS)
        draw_text(tui, y, 71, 15, style, driver_of(p, vf));
    draw_text(tui, y, machine_x(), draw_cols() - machine_x() - 3, style,
              plugged ? machines : "-");
}

static void
draw_line(Sriov *p, int i, int y)
{
    Tui *tui = p->screen.tui;
    const SriovLine *line = line_at(p, i);
    bool on = i == p->list.selected;

    if (line == NULL)
        return;
    if (line->kind == LINE_PORT) {
        draw_port(p, line->pf, y, on);
    } else if (line->kind == LINE_END) {
        draw_edge(tui, y, "└", "┘");
    } else {
        draw_text(tui, y, 1, 1, STYLE_DIM, "│");
        draw_text(tui, y, draw_cols() - 2, 1, STYLE_DIM, "│");
    }
    if (line->kind == LINE_HEAD)
        draw_head(tui, y);
    else if (line->kind == LINE_NONE)
        draw_text(tui, y, 4, draw_cols() - 7, STYLE_DIM,
                  "no virtual functions yet: n makes some");
    else if (line->kind == LINE_VF)
        draw_vf(p, line, y, on);
    if (on)
        tui_cursor(tui, y, line->kind == LINE_PORT ? 4 : 2, false);
}

static void
draw_vf_detail(Sriov *p, const SriovVf *vf, int y)
{
    Tui *tui = p->screen.tui;
    const HostPciFn *fn = host_pci_find(host_look_found(p->look)->pci, vf->bdf);
    bool running = false;
    g_autofree char *machines = machines_of(p, vf->bdf, &running);
    g_autofree char *use = fn != NULL && fn->uses->len > 0
                               ? report_use(g_ptr_array_index(fn->uses, 0))
                               : NULL;

    draw_format(tui, y, 1, draw_cols() - 2, STYLE_TITLE,
                "%s  VF %u of %s  driver %s  IOMMU group %d", vf->bdf,
                vf->number, vf->pf, driver_of(p, vf),
                fn != NULL ? fn->group : -1);
    if (*machines != '\0')
        draw_format(tui, y + 1, 1, draw_cols() - 2,
                    running ? STYLE_GOOD : STYLE_NORMAL, "%s %s", machines,
                    running ? "runs with it" : "has it when it starts");
    else
        draw_format(tui, y + 1, 1, draw_cols() - 2, STYLE_DIM,
                    "in no machine: carrel set NAME pci0.host=%s", vf->bdf);
    if (use != NULL)
        draw_format(tui, y + 2, 1, draw_cols() - 2, STYLE_WARN, "in use: %s",
                    use);
}

static void
draw_detail(Sriov *p, int y)
{
    Tui *tui = p->screen.tui;
    const SriovLine *line = sriov_current(p);
    const SriovVf *vf = sriov_current_vf(p);

    draw_rule(tui, y++, STYLE_DIM);
    if (vf != NULL) {
        draw_vf_detail(p, vf, y);
    } else if (line != NULL) {
        g_autofree char *title = host_pci_fn_title(line->pf);
        draw_text(tui, y, 1, draw_cols() - 2, STYLE_TITLE, title);
        draw_format(tui, y + 1, 1, draw_cols() - 2, STYLE_NORMAL,
                    "driver %s; %u of at most %u virtual functions",
                    line->pf->driver != NULL ? line->pf->driver : "none",
                    line->pf->num_vfs, line->pf->total_vfs);
    }
}

static const char *
nothing_to_show(const Sriov *p)
{
    if (host_look_busy(p->look))
        return "Looking at this host...";
    return host_look_error(p->look) != NULL
               ? host_look_error(p->look)
               : "No device of this host has SR-IOV.";
}

static void
sriov_draw(Screen *s)
{
    Sriov *p = (Sriov *) s;
    bool small = draw_is_small();
    int rows = MAX(draw_content_rows() - (small ? 0 : DETAIL_ROWS), 1);

    draw_frame(s, "Carrel > Passthrough > SR-IOV",
               p->persist ? "changes: also after a restart"
                          : "changes: until a restart");
    tui_cursor(s->tui, 1, 1, false);
    if (p->lines->len == 0) {
        draw_text(s->tui, 2, 1, draw_cols() - 2,
                  host_look_error(p->look) != NULL ? STYLE_BAD : STYLE_DIM,
                  nothing_to_show(p));
        return;
    }
    list_fit(&p->list, (int) p->lines->len, rows);
    for (int r = 0; r < rows && p->list.top + r < p->list.count; r++)
        draw_line(p, p->list.top + r, 1 + r);
    if (!small)
        draw_detail(p, 1 + rows);
}

/* ---- keys ---------------------------------------------------------------- */

/* On to the next line that can be selected, or back if there is none. */
static void
settle(Sriov *p, int step)
{
    int i = CLAMP(p->list.selected, 0, MAX((int) p->lines->len - 1, 0));
    int from = i;

    while (line_at(p, i) != NULL && !can_select(line_at(p, i)))
        i += step;
    if (line_at(p, i) == NULL)
        for (i = from; line_at(p, i) != NULL && !can_select(line_at(p, i));)
            i -= step;
    p->list.selected = MAX(i, 0);
    const SriovLine *line = sriov_current(p);
    if (line != NULL)
        g_strlcpy(p->chosen, address_of(line), sizeof p->chosen);
}

static void
move_selection(Sriov *p, int command)
{
    int before = p->list.selected;

    if (list_command(&p->list, command))
        settle(p, p->list.selected < before ? -1 : 1);
}

static void
sriov_command(Screen *s, int command)
{
    Sriov *p = (Sriov *) s;

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_NUMBER: sriov_ask_number(p); break;
    case CMD_MAC: sriov_ask_setting(p, VF_MAC); break;
    case CMD_VLAN: sriov_ask_setting(p, VF_VLAN); break;
    case CMD_RATE: sriov_ask_setting(p, VF_RATE); break;
    case CMD_SPOOF: sriov_next_setting(p, VF_SPOOF); break;
    case CMD_TRUST: sriov_next_setting(p, VF_TRUST); break;
    case CMD_LINK: sriov_next_setting(p, VF_LINK); break;
    case CMD_BIND: sriov_bind(p); break;
    case CMD_REMOVE: sriov_remove(p); break;
    case CMD_PERSIST: p->persist = !p->persist; break;
    case CMD_UNDO: sriov_ask_undo(p); break;
    case CMD_AGAIN: host_look_again(p->look); break;
    default: move_selection(p, command); break;
    }
}

/* Of CMD_MAC to CMD_LINK. */
static VfSetting
setting_of(int command)
{
    static const VfSetting settings[] = {VF_MAC,   VF_VLAN, VF_SPOOF,
                                         VF_TRUST, VF_RATE, VF_LINK};

    return settings[command - CMD_MAC];
}

/* What the driver does not tell cannot be set: there would be no way back. */
static bool
sriov_can(Screen *s, int command)
{
    Sriov *p = (Sriov *) s;
    const SriovLine *line = sriov_current(p);
    const SriovVf *vf = sriov_current_vf(p);

    switch (command) {
    case CMD_NUMBER: return line != NULL;
    case CMD_REMOVE: return line != NULL && line->pf->num_vfs > 0;
    case CMD_MAC:
    case CMD_VLAN:
    case CMD_RATE:
    case CMD_SPOOF:
    case CMD_TRUST:
    case CMD_LINK:
        return vf != NULL && vf->settings[setting_of(command)] != NULL;
    case CMD_BIND: return vf != NULL;
    case CMD_UNDO:
        return host_look_found(p->look) != NULL &&
               host_look_found(p->look)->can_change;
    default: return true;
    }
}

static bool
sriov_key(Screen *s, const Key *key)
{
    Sriov *p = (Sriov *) s;

    if (key->key != TK_MOUSE)
        return false;
    int before = p->list.selected;
    (void) list_mouse(&p->list, key, 1); /* a second press does nothing */
    settle(p, p->list.selected < before ? -1 : 1);
    return true;
}

static void
sriov_free(Screen *s)
{
    Sriov *p = (Sriov *) s;

    host_look_free(p->look);
    g_array_unref(p->lines);
    g_free(p);
}

static const ScreenClass sriov_class = {
    .name = "SR-IOV",
    .keys = sriov_keys,
    .draw = sriov_draw,
    .key = sriov_key,
    .command = sriov_command,
    .can = sriov_can,
    .free = sriov_free,
};

void
sriov_open(Tui *tui)
{
    Sriov *p = g_new0(Sriov, 1);

    p->screen.class = &sriov_class;
    p->screen.tui = tui;
    p->list.height = 1;
    p->lines = g_array_new(FALSE, TRUE, sizeof(SriovLine));
    p->look = host_look_new(tui, on_found, p);
    tui_push(tui, &p->screen);
}
