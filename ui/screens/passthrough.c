/* passthrough.c - the way of a device into a machine, page by page: 1 Device
 * and 2 Group are here, 3 Plan to 5 Machine in passthrough-plan.c, 6 Apply in
 * passthrough-apply.c. */
#include <string.h>

#include "ui/screens/passthrough-internal.h"
#include "ui/tui/text.h"

#define DETAIL_ROWS 7

enum {
    CMD_NEXT = CMD_SCREEN,
    CMD_PREVIOUS,
    CMD_WHY,
    CMD_COPY,
    CMD_AGAIN,
    CMD_ALL,
    CMD_APPLY,
    CMD_UNDO,
    CMD_REHEARSE,
    CMD_WHEN,
    CMD_CONSOLE,
    CMD_DOCTOR,
    CMD_SRIOV,
    CMD_PAGE /* + page */
};

/* clang-format off */
const KeyBinding passthrough_keys[] = {
    {"n Enter Right", CMD_NEXT, "next", "next page, with this device", 0},
    {"b Left", CMD_PREVIOUS, "back", "page before", 0},
    {"w", CMD_WHY, "why", "the reasons, and what to do", 0},
    {"y", CMD_COPY, "copy command", "copy the equivalent command", 0},
    {"a", CMD_APPLY, "apply", "do what the plan says…", KEY_WRITES},
    {"u", CMD_UNDO, "undo", "give everything back…", KEY_WRITES},
    {"t", CMD_REHEARSE, "test", "rehearse: all that a machine does, without one…", KEY_WRITES},
    {"o", CMD_WHEN, "when", "bound when the machine starts, at boot, or now", 0},
    {"c", CMD_CONSOLE, NULL, "the host's console goes with its only card, or stays", 0},
    {"v", CMD_SRIOV, NULL, "SR-IOV panel: virtual functions of NICs and NVMe", 0},
    {"B", CMD_ALL, NULL, "bridges and parts of the chipset too, or not", 0},
    {"r", CMD_AGAIN, NULL, "look at the host again", 0},
    {"H", CMD_DOCTOR, NULL, "host doctor", 0},
    {"1", CMD_PAGE + PAGE_DEVICE, NULL, "page 1: device", 0},
    {"2", CMD_PAGE + PAGE_GROUP, NULL, "page 2: group", 0},
    {"3", CMD_PAGE + PAGE_PLAN, NULL, "page 3: plan", 0},
    {"4", CMD_PAGE + PAGE_DISPLAY, NULL, "page 4: ROM and display", 0},
    {"5", CMD_PAGE + PAGE_MACHINE, NULL, "page 5: machine", 0},
    {"6", CMD_PAGE + PAGE_APPLY, NULL, "page 6: apply", 0},
    {"Esc q", CMD_BACK, "leave", "leave; nothing is changed by leaving", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

static const char *const page_names[] = {
    [PAGE_DEVICE] = "Device",   [PAGE_GROUP] = "Group",
    [PAGE_PLAN] = "Plan",       [PAGE_DISPLAY] = "ROM and display",
    [PAGE_MACHINE] = "Machine", [PAGE_APPLY] = "Apply"};

const HostPci *
passthrough_host(const Passthrough *p)
{
    const UiHostLook *found = host_look_found(p->look);
    return found != NULL ? found->pci : NULL;
}

const HostPciFn *
passthrough_fn(const Passthrough *p)
{
    const HostPci *host = passthrough_host(p);
    return host != NULL ? host_pci_find(host, p->chosen) : NULL;
}

int
passthrough_text(Passthrough *p, int y, int end, int x, const char *mark,
                 Style style, const char *text)
{
    Tui *tui = p->screen.tui;
    int indent = x + (int) strlen(mark);
    g_autofree char *safe = text_safe(text, -1, tui_ascii(tui));
    g_autoptr(GPtrArray) lines =
        text_wrap(safe, MAX(draw_cols() - indent - 2, 8));

    for (guint i = 0; i < lines->len && y < end; i++, y++) {
        if (i == 0)
            draw_text(tui, y, x, (int) strlen(mark), style, mark);
        draw_text(tui, y, indent, draw_cols() - indent - 1, style,
                  lines->pdata[i]);
    }
    return y;
}

static Style
style_of(VerdictKind kind)
{
    return kind == VERDICT_CAN  ? STYLE_GOOD
           : kind == VERDICT_IF ? STYLE_WARN
                                : STYLE_BAD;
}

/* ---- what was found ------------------------------------------------------ */

static const HostPciFn *
row_at(const Passthrough *p, int i)
{
    return i >= 0 && i < (int) p->rows->len
               ? g_ptr_array_index(p->rows, (guint) i)
               : NULL;
}

static void
choose(Passthrough *p, const HostPciFn *fn)
{
    g_clear_pointer(&p->verdict, verdict_free);
    g_clear_pointer(&p->plan, plan_free);
    g_clear_pointer(&p->plan_error, g_free);
    p->steps.selected = 0;
    if (fn == NULL)
        return;
    g_strlcpy(p->chosen, fn->bdf, sizeof p->chosen);
    p->verdict = verdict_of(passthrough_host(p), fn);
}

static void
rebuild(Passthrough *p)
{
    const HostPci *host = passthrough_host(p);
    const HostPciFn *fn = passthrough_fn(p);

    g_ptr_array_set_size(p->rows, 0);
    for (guint i = 0; host != NULL && i < host->functions->len; i++) {
        HostPciFn *row = g_ptr_array_index(host->functions, i);
        if (!p->all && !verdict_is_candidate(host, row))
            continue;
        if (row == fn)
            p->list.selected = (int) p->rows->len;
        g_ptr_array_add(p->rows, row);
    }
    list_fit(&p->list, (int) p->rows->len, p->list.height);
    choose(p, row_at(p, p->list.selected));
    if (p->page >= PAGE_PLAN)
        passthrough_make_plan(p);
}

static void
on_found(void *data)
{
    Passthrough *p = data;

    g_clear_pointer(&p->verdict, verdict_free); /* of the look before */
    rebuild(p);
}

/* ---- page 1 -------------------------------------------------------------- */

static void
draw_row(Passthrough *p, int i, int y)
{
    Tui *tui = p->screen.tui;
    const HostPciFn *fn = row_at(p, i);
    bool on = i == p->list.selected;
    Style style = on ? STYLE_SELECTED : STYLE_NORMAL;
    g_autoptr(Verdict) v = verdict_of(passthrough_host(p), fn);
    bool wide = draw_cols() >= 110;
    g_autofree char *name =
        g_strdup_printf("%s%s%s", wide ? fn->vendor_name : "", wide ? " " : "",
                        fn->device_name);

    if (on) {
        draw_fill(tui, y, 0, draw_cols(), style);
        tui_cursor(tui, y, 1, false);
    }
    draw_text(tui, y, 1, 1, style, on ? ">" : " ");
    draw_text(tui, y, 3, 13, style, report_short(fn));
    draw_text(tui, y, 12, 9, style, fn->class_name);
    draw_text(tui, y, 22, 11, on ? style : style_of(v->kind),
              verdict_kind_words(v->kind));
    draw_text(tui, y, 34, 13, style, fn->driver != NULL ? fn->driver : "-");
    draw_text(tui, y, 48, draw_cols() - 49, style, name);
}

static guint
rows_of(const char *text, int indent)
{
    g_autoptr(GPtrArray) lines =
        text_wrap(text, MAX(draw_cols() - indent - 2, 8));

    return lines->len;
}

/* The first reason is all there is, and has room. */
static bool
is_all_shown(const Verdict *v, int room)
{
    if (v->reasons->len != 1)
        return v->reasons->len == 0;
    const VerdictReason *r = g_ptr_array_index(v->reasons, 0);
    guint rows = rows_of(r->text, 1);
    if (r->remedy != NULL)
        rows += rows_of(r->remedy, 4);
    return (int) rows <= room;
}

static void
draw_reasons_short(Passthrough *p, int y, int end)
{
    Tui *tui = p->screen.tui;
    const HostPciFn *fn = passthrough_fn(p);

    draw_rule(tui, y++, STYLE_DIM);
    if (fn == NULL || p->verdict == NULL)
        return;
    if (!is_all_shown(p->verdict, end - y - 1))
        draw_text(tui, y - 1, draw_cols() - 16, 15, STYLE_KEY,
                  " w shows more ");
    g_autofree char *title = host_pci_fn_title(fn);
    draw_text(tui, y, 1, draw_cols() - 2, STYLE_TITLE, title);
    y++;
    if (p->verdict->reasons->len == 0) {
        draw_text(tui, y, 1, 40, STYLE_GOOD, "can go, as it is");
        return;
    }
    const VerdictReason *r = g_ptr_array_index(p->verdict->reasons, 0);
    y = passthrough_text(p, y, end, 1, "", style_of(r->kind), r->text);
    if (r->remedy != NULL)
        passthrough_text(p, y, end, 1, "-> ", STYLE_NORMAL, r->remedy);
}

static void
draw_device(Passthrough *p, int y, int end)
{
    Tui *tui = p->screen.tui;
    int detail = draw_is_small() ? 0 : DETAIL_ROWS;
    int rows = MAX(end - y - 1 - detail, 1);

    draw_format(tui, y, 3, draw_cols() - 4, STYLE_HEADER,
                "%-8s %-9s %-11s %-13s %s", "ADDRESS", "CLASS", "VERDICT",
                "DRIVER", "NAME");
    list_fit(&p->list, (int) p->rows->len, rows);
    for (int r = 0; r < rows && p->list.top + r < p->list.count; r++)
        draw_row(p, p->list.top + r, y + 1 + r);
    if (p->rows->len == 0)
        draw_text(tui, y + 2, 3, draw_cols() - 4, STYLE_DIM,
                  "This host has no device that could go.");
    if (detail > 0)
        draw_reasons_short(p, end - detail, end);
}

/* ---- page 2 -------------------------------------------------------------- */

static void
draw_member(Passthrough *p, const HostPciFn *fn, int y, const char *box,
            const char *role, Style style)
{
    Tui *tui = p->screen.tui;

    draw_text(tui, y, 3, 3, style, box);
    draw_text(tui, y, 7, 12, style, report_short(fn));
    draw_text(tui, y, 16, 9, style, fn->class_name);
    draw_text(tui, y, 26, draw_cols() - 62, style, fn->device_name);
    draw_text(tui, y, draw_cols() - 35, 14, style,
              fn->driver != NULL ? fn->driver : "-");
    draw_text(tui, y, draw_cols() - 20, 19, style, role);
}

static int
draw_members(Passthrough *p, int y, int end, const GPtrArray *functions,
             const char *box, const char *role, Style style)
{
    for (guint i = 0; i < functions->len && y < end; i++)
        draw_member(p, g_ptr_array_index(functions, i), y++, box, role, style);
    return y;
}

static int
draw_group_facts(Passthrough *p, int y, int end)
{
    const HostPci *host = passthrough_host(p);
    const HostPciFn *fn = passthrough_fn(p);
    g_autofree char *acs = report_acs(host, fn);
    g_autofree char *reset = report_reset(host, fn);
    bool isolated = p->verdict->others->len == 0;
    const char *group = fn->group < 0 ? "--  it is in no IOMMU group"
                        : isolated    ? "OK  the group holds nothing else"
                                      : "!   the group is not isolated: see w";

    if (y < end)
        draw_text(p->screen.tui, y++, 1, draw_cols() - 2,
                  fn->group >= 0 && isolated ? STYLE_GOOD : STYLE_WARN, group);
    y = passthrough_text(p, y, end, 1, "Kept apart  ", STYLE_NORMAL, acs);
    return passthrough_text(p, y, end, 1, "Reset       ", STYLE_NORMAL, reset);
}

static void
draw_group(Passthrough *p, int y, int end)
{
    Tui *tui = p->screen.tui;
    const HostPciFn *fn = passthrough_fn(p);
    g_autofree char *title = host_pci_fn_title(fn);

    draw_text(tui, y, 1, 8, STYLE_HEADER, "Chosen:");
    draw_text(tui, y++, 9, draw_cols() - 10, STYLE_TITLE, title);
    if (fn->group >= 0)
        draw_format(
            tui, y++, 1, draw_cols() - 2, STYLE_NORMAL,
            "IOMMU group %d, what is not kept apart by the host:", fn->group);
    y = draw_members(p, y, end, p->verdict->take, "[x]", "must go together",
                     STYLE_NORMAL);
    y = draw_members(p, y, end, p->verdict->others, "[!]", "shares the group",
                     STYLE_WARN);
    y = draw_members(p, y, end, p->verdict->stay, "[-]", "stays, harmless",
                     STYLE_DIM);
    y = draw_group_facts(p, y, end);
    if (y < end)
        draw_text(tui, y++, 1, draw_cols() - 2, style_of(p->verdict->kind),
                  verdict_kind_words(p->verdict->kind));
    for (guint i = 0; i < p->verdict->reasons->len && y < end; i++) {
        const VerdictReason *r = g_ptr_array_index(p->verdict->reasons, i);
        y = passthrough_text(
            p, y, end, 1, r->kind == VERDICT_CAN ? "  " : "! ",
            r->kind == VERDICT_CAN ? STYLE_DIM : style_of(r->kind), r->text);
    }
}

/* ---- the screen ---------------------------------------------------------- */

static char *
page_row(const Passthrough *p)
{
    GString *text = g_string_new(NULL);

    for (int i = PAGE_DEVICE; i <= N_PAGES; i++)
        g_string_append_printf(text, i == p->page ? "[%d]" : " %d ", i);
    return g_string_free(text, FALSE);
}

static void
screen_draw(Screen *s)
{
    static void (*const draw[])(Passthrough * p, int y, int end) = {
        [PAGE_DEVICE] = draw_device,
        [PAGE_GROUP] = draw_group,
        [PAGE_PLAN] = passthrough_draw_plan,
        [PAGE_DISPLAY] = passthrough_draw_display,
        [PAGE_MACHINE] = passthrough_draw_machine,
        [PAGE_APPLY] = passthrough_draw_apply};
    Passthrough *p = (Passthrough *) s;
    g_autofree char *title = g_strdup_printf("Carrel > Passthrough > %d %s",
                                             p->page, page_names[p->page]);
    g_autofree char *right = page_row(p);

    draw_frame(s, title, right);
    tui_cursor(s->tui, 1, 1, false);
    if (passthrough_host(p) == NULL) {
        const char *error = host_look_error(p->look);
        bool busy = host_look_busy(p->look);
        passthrough_text(p, 2, draw_rows() - 2, 1, "",
                         busy ? STYLE_DIM : STYLE_BAD,
                         busy            ? "Looking at this host..."
                         : error != NULL ? error
                                         : "This host has no PCI bus.");
    } else if (p->page == PAGE_DEVICE || p->verdict != NULL) {
        draw[p->page](p, 1, draw_rows() - 2);
    }
}

static void
open_why(Passthrough *p)
{
    GString *text = g_string_new(NULL);
    const HostPciFn *fn = passthrough_fn(p);
    g_autofree char *name = host_pci_fn_title(fn);
    g_autofree char *title =
        g_strdup_printf("Carrel > Passthrough > %s", report_short(fn));

    g_string_append_printf(text, "%s\n%s%s\n\n", name,
                           verdict_kind_words(p->verdict->kind),
                           p->verdict->kind == VERDICT_CAN ? "" : ":");
    for (guint i = 0; i < p->verdict->reasons->len; i++) {
        const VerdictReason *r = g_ptr_array_index(p->verdict->reasons, i);
        g_string_append_printf(
            text, "%s%s\n", r->kind == VERDICT_CAN ? "note: " : "- ", r->text);
        if (r->remedy != NULL)
            g_string_append_printf(text, "    %s\n", r->remedy);
        if (r->command != NULL)
            g_string_append_printf(text, "    $ %s\n", r->command);
        g_string_append_c(text, '\n');
    }
    text_page_open(p->screen.tui, title, text->str);
    g_string_free(text, TRUE);
}

static void
copy_command(Passthrough *p)
{
    const HostPciFn *fn = passthrough_fn(p);
    g_autofree char *line =
        p->page == PAGE_APPLY
            ? passthrough_command(p)
            : g_strdup_printf("carrel passthrough %s %s",
                              p->page >= PAGE_PLAN ? "plan" : "explain",
                              report_short(fn));
    bool copied = term_copy(tui_term(p->screen.tui), line);

    tui_notify(p->screen.tui, STYLE_NORMAL, "%s%s", line,
               copied ? "  (copied)" : "");
}

static void
go_to(Passthrough *p, int page)
{
    if (p->page == PAGE_DEVICE)
        choose(p, row_at(p, p->list.selected));
    p->page = CLAMP(page, PAGE_DEVICE, N_PAGES);
    if (p->page >= PAGE_PLAN && p->plan == NULL && p->plan_error == NULL)
        passthrough_make_plan(p);
}

static void
move_selection(Passthrough *p, int command)
{
    if (p->page == PAGE_PLAN) {
        (void) list_command(&p->steps, command); /* another: nothing */
    } else if (p->page == PAGE_APPLY) {
        passthrough_fit_machines(p, MAX(p->who.height, 1)); /* not drawn yet */
        (void) list_command(&p->who, command);
    } else if (p->page == PAGE_DEVICE && list_command(&p->list, command)) {
        choose(p, row_at(p, p->list.selected));
    }
}

static void
screen_command(Screen *s, int command)
{
    Passthrough *p = (Passthrough *) s;

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_NEXT: go_to(p, p->page + 1); break;
    case CMD_PREVIOUS:
        if (p->page == PAGE_DEVICE)
            tui_pop(s);
        else
            go_to(p, p->page - 1);
        break;
    case CMD_WHY: open_why(p); break;
    case CMD_COPY: copy_command(p); break;
    case CMD_AGAIN: host_look_again(p->look); break;
    case CMD_DOCTOR: doctor_open(s->tui); break;
    case CMD_SRIOV: sriov_open(s->tui); break;
    case CMD_APPLY: passthrough_ask_apply(p); break;
    case CMD_UNDO: passthrough_ask_undo(p); break;
    case CMD_REHEARSE: passthrough_ask_rehearse(p); break;
    case CMD_WHEN:
        p->when = (When) ((p->when + 1) % N_WHENS);
        passthrough_make_plan(p);
        break;
    case CMD_CONSOLE:
        p->console = !p->console;
        passthrough_make_plan(p);
        break;
    case CMD_ALL:
        p->all = !p->all;
        rebuild(p);
        break;
    default:
        if (command > CMD_PAGE)
            go_to(p, command - CMD_PAGE);
        else
            move_selection(p, command);
        break;
    }
}

static bool
screen_can(Screen *s, int command)
{
    Passthrough *p = (Passthrough *) s;
    bool chosen = passthrough_fn(p) != NULL && p->verdict != NULL;

    switch (command) {
    case CMD_NEXT: return chosen && p->page < N_PAGES;
    case CMD_WHY:
    case CMD_COPY: return chosen;
    case CMD_ALL: return p->page == PAGE_DEVICE;
    case CMD_WHEN: return chosen && p->page >= PAGE_PLAN;
    case CMD_CONSOLE:
        return chosen && p->page >= PAGE_PLAN && passthrough_has_console(p);
    case CMD_APPLY:
    case CMD_REHEARSE: return chosen && p->page >= PAGE_PLAN && p->plan != NULL;
    case CMD_UNDO: return p->page >= PAGE_PLAN;
    default:
        return command <= CMD_PAGE || command > CMD_PAGE + N_PAGES || chosen;
    }
}

static bool
screen_key(Screen *s, const Key *key)
{
    Passthrough *p = (Passthrough *) s;

    if (key->key != TK_MOUSE || p->page != PAGE_DEVICE)
        return false;
    bool again = list_mouse(&p->list, key, 2);
    choose(p, row_at(p, p->list.selected));
    if (again && p->verdict != NULL)
        go_to(p, PAGE_GROUP);
    return true;
}

static void
screen_free(Screen *s)
{
    Passthrough *p = (Passthrough *) s;

    choose(p, NULL);
    host_look_free(p->look);
    g_ptr_array_unref(p->rows);
    g_free(p);
}

static const ScreenClass passthrough_class = {
    .name = "Passthrough",
    .keys = passthrough_keys,
    .draw = screen_draw,
    .key = screen_key,
    .command = screen_command,
    .can = screen_can,
    .free = screen_free,
};

void
passthrough_open(Tui *tui)
{
    Passthrough *p = g_new0(Passthrough, 1);

    p->screen.class = &passthrough_class;
    p->screen.tui = tui;
    p->page = PAGE_DEVICE;
    p->list.height = 1;
    p->who.height = 1;
    p->rows = g_ptr_array_new();
    p->look = host_look_new(tui, on_found, p);
    tui_push(tui, &p->screen);
}
