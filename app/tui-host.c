/* app/tui-host.c - the program as the terminal interface sees it.
 *
 * A row for each machine, brought up to date once a second: from files at
 * once, from running processes by a connection that stays open. What takes
 * longer (starting, stopping) runs on a thread of its own. */
#include "app/tui-host.h"
#include "app/helper/transaction.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/helper/hold.h"
#include "app/machines.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "app/session/session-spawn.h"
#include "app/session/session-stop.h"
#include "app/store.h"
#include "app/tui-host-internal.h"
#include "app/verbs.h"
#include "app/verbs/new.h"
#include "vmm/core/sysutil.h"

#define REFRESH_MS     1000
#define STOP_TIMEOUT_S 60
#define CALL_MS        10000

typedef struct {
    TuiHost *host;
    MachineInfo *info;
    ControlClient *client; /* NULL: not running or not yet connected */
    UiMachineState state;
    double cpu; /* percent since the last answer */
    guint64 cpu_ns;
    gint64 cpu_at_us;
} Row;

struct TuiHost {
    GHashTable *rows; /* name -> Row */
    GHashTable *busy; /* name -> action under way, as text */
    guint timer;
    void (*changed)(void *data);
    void *changed_data;
};

static void
row_free(gpointer data)
{
    Row *row = data;
    control_client_free(row->client);
    machine_info_free(row->info);
    g_free(row);
}

static void
tell_changed(TuiHost *host)
{
    if (host->changed != NULL)
        host->changed(host->changed_data);
}

static UiMachineState
state_of(const char *name)
{
    static const struct {
        const char *name;
        UiMachineState state;
    } states[] = {{"off", UI_STATE_OFF},
                  {"starting", UI_STATE_STARTING},
                  {"running", UI_STATE_RUNNING},
                  {"paused", UI_STATE_PAUSED},
                  {"stopping", UI_STATE_STOPPING},
                  {"crashed", UI_STATE_CRASHED},
                  {"suspended", UI_STATE_SUSPENDED}};
    for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
        if (strcmp(states[i].name, name) == 0)
            return states[i].state;
    }
    return UI_STATE_STARTING; /* a new process, not started yet */
}

static void
measure_cpu(Row *row, guint64 cpu_ns)
{
    gint64 now = g_get_monotonic_time();
    gint64 us = now - row->cpu_at_us;
    if (row->cpu_at_us != 0 && us > 0 && cpu_ns >= row->cpu_ns)
        row->cpu = (double) (cpu_ns - row->cpu_ns) / 10.0 / (double) us;
    row->cpu_ns = cpu_ns;
    row->cpu_at_us = now;
}

static void
on_message(void *data, const JsonNode *message, int fd)
{
    Row *row = data;
    sys_close(&fd); /* none is expected */
    if (message == NULL) {
        g_clear_pointer(&row->client, control_client_free);
        row->state = UI_STATE_OFF; /* until the next refresh says why */
        row->cpu = 0;
        row->cpu_at_us = 0;
        tell_changed(row->host);
        return;
    }
    const char *state = json_get_string(message, "state", NULL);
    if (state != NULL)
        row->state = state_of(state);
    if (message_has(message, "cpu_ns")) {
        MachineInfo *info = row->info;
        measure_cpu(row, (guint64) json_get_int(message, "cpu_ns", 0));
        info->memory = (guint64) json_get_int(message, "memory", 0);
        info->resident = (guint64) json_get_int(message, "resident", 0);
        info->uptime_ms = json_get_int(message, "uptime_ms", 0);
        g_free(info->view);
        info->view = g_strdup(json_get_string(message, "view", ""));
    }
    tell_changed(row->host);
}

static void
row_poll(Row *row)
{
    if (row->info->pid == 0)
        return;
    if (row->client == NULL) {
        row->client = control_client_open_async(row->info->name, NULL);
        if (row->client == NULL)
            return; /* not listening yet: next time */
        control_client_watch(row->client, g_main_context_default(), on_message,
                             row);
        control_client_send(row->client, control_request("subscribe"));
    }
    control_client_send(row->client, control_request("status"));
}

static bool
row_update(TuiHost *host, const char *name)
{
    MachineInfo *info = machine_info_offline(name);
    Row *row = g_hash_table_lookup(host->rows, name);
    bool changed = row == NULL;

    if (info == NULL)
        return false;
    if (row == NULL) {
        row = g_new0(Row, 1);
        row->host = host;
        row->state = state_of(info->state);
        g_hash_table_insert(host->rows, g_strdup(name), row);
    } else {
        info->resident = info->pid != 0 ? row->info->resident : 0;
        info->uptime_ms = info->pid != 0 ? row->info->uptime_ms : 0;
        g_free(info->view);
        info->view = g_strdup(info->pid != 0 ? row->info->view : "");
        changed = info->pid != row->info->pid ||
                  strcmp(info->reason, row->info->reason) != 0;
        machine_info_free(row->info);
    }
    row->info = info;
    if (info->pid == 0) {
        changed = changed || row->state != state_of(info->state);
        row->state = state_of(info->state);
    } else if (row->client == NULL) {
        row->state = UI_STATE_STARTING;
    }
    row_poll(row);
    return changed;
}

static bool
refresh(TuiHost *host)
{
    g_auto(GStrv) names = machine_names();
    bool changed = false;
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, host->rows);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!g_strv_contains((const char *const *) names, name)) {
            g_hash_table_iter_remove(&iter);
            changed = true;
        }
    }
    for (gsize i = 0; names[i] != NULL; i++)
        changed = row_update(host, names[i]) || changed;
    return changed;
}

static gboolean
on_timer(gpointer data)
{
    TuiHost *host = data;
    if (refresh(host))
        tell_changed(host);
    return G_SOURCE_CONTINUE;
}

TuiHost *
tui_host_new(void)
{
    TuiHost *host = g_new0(TuiHost, 1);
    host->rows =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, row_free);
    host->busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    refresh(host);
    host->timer = g_timeout_add(REFRESH_MS, on_timer, host);
    return host;
}

void
tui_host_free(TuiHost *host)
{
    g_source_remove(host->timer);
    g_hash_table_unref(host->rows);
    g_hash_table_unref(host->busy);
    g_free(host);
}

unsigned
tui_host_running(TuiHost *host)
{
    GHashTableIter iter;
    gpointer row;
    unsigned n = 0;
    g_hash_table_iter_init(&iter, host->rows);
    while (g_hash_table_iter_next(&iter, NULL, &row))
        n += ((Row *) row)->info->pid != 0 ? 1 : 0;
    return n;
}

static void
set_text(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static UiMachine *
ui_machine_of(TuiHost *host, const Row *row)
{
    const MachineInfo *info = row->info;
    UiMachine *m = ui_machine_new(info->name);

    set_text(&m->summary, info->summary);
    set_text(&m->reason, info->reason);
    set_text(&m->notes, *info->ladder != '\0' ? info->ladder : info->reason);
    set_text(&m->display, *info->view != '\0' ? "vnc" : "");
    m->state = row->state;
    if (info->pid == 0 && g_hash_table_contains(host->busy, info->name))
        m->state = UI_STATE_STARTING;
    m->pid = (guint) info->pid;
    m->cpu = row->cpu;
    m->memory = info->memory;
    m->memory_used = info->resident;
    m->uptime_s = info->uptime_ms / 1000;
    m->is_protected = info->is_protected;
    m->throw_away = info->throw_away;
    return m;
}

static void
free_ui_machine(gpointer m)
{
    ui_machine_free(m);
}

static int
compare_machines(gconstpointer a, gconstpointer b)
{
    const UiMachine *x = *(UiMachine *const *) a;
    const UiMachine *y = *(UiMachine *const *) b;
    return strcmp(x->name, y->name);
}

static GPtrArray *
host_list(void *host)
{
    TuiHost *h = host;
    GPtrArray *list = g_ptr_array_new_with_free_func(free_ui_machine);
    GHashTableIter iter;
    gpointer row;
    g_hash_table_iter_init(&iter, h->rows);
    while (g_hash_table_iter_next(&iter, NULL, &row))
        g_ptr_array_add(list, ui_machine_of(h, row));
    g_ptr_array_sort(list, compare_machines);
    return list;
}

static void
host_watch(void *host, void (*changed)(void *data), void *data)
{
    TuiHost *h = host;
    h->changed = changed;
    h->changed_data = data;
}

typedef struct {
    UiDone done;
    void *data;
    GError *error;
} Later;

static gboolean
later_run(gpointer data)
{
    Later *later = data;
    later->done(later->data, later->error);
    g_clear_error(&later->error);
    g_free(later);
    return G_SOURCE_REMOVE;
}

void
tui_host_later(UiDone done, void *data, GError *error)
{
    Later *later = g_new0(Later, 1);
    *later = (Later){done, data, error};
    g_idle_add_full(G_PRIORITY_DEFAULT, later_run, later, NULL);
}

/* An action on a thread of its own. */
typedef struct {
    TuiHost *host;
    char *name;
    UiAction action;
    UiDone done;
    void *data;
    GError *error;
} Work;

static bool
call(const char *name, const char *op, GError **error)
{
    g_autoptr(ControlClient) client = control_client_open(name, error);
    return client != NULL &&
           control_client_do(client, control_request(op), CALL_MS, error);
}

/* Becoming root asks for a password, and the terminal is taken. */
static bool
start(const char *name, GError **error)
{
    const SpawnOptions options = {.paused = false};
    g_autoptr(Profile) profile = machine_profile(name, NULL);

    if (profile != NULL && hold_is_needed(profile, name)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "machine '%s' has devices of this host, which root binds; "
                    "`carrel start %s` asks for it, or bind them before",
                    name, name);
        return false;
    }
    return session_start(name, &options, error);
}

static bool
work_run(const char *name, UiAction action, GError **error)
{
    switch (action) {
    case UI_START: return session_is_running(name, NULL) || start(name, error);
    case UI_STOP: return session_stop(name, false, STOP_TIMEOUT_S, error);
    case UI_FORCE_OFF: return session_stop(name, true, 0, error);
    case UI_RESTART:
        return session_stop(name, false, STOP_TIMEOUT_S, error) &&
               start(name, error);
    case UI_RESET: return call(name, "reset", error);
    case UI_PAUSE: return call(name, "pause", error);
    case UI_RESUME: return call(name, "resume", error);
    case UI_DELETE:
    case UI_RESTORE:
    case UI_PROTECT:
    case UI_UNPROTECT:
    default: return true; /* done on the main thread */
    }
}

static gboolean
work_finished(gpointer data)
{
    Work *work = data;
    g_hash_table_remove(work->host->busy, work->name);
    refresh(work->host);
    tell_changed(work->host);
    work->done(work->data, work->error);
    g_clear_error(&work->error);
    g_free(work->name);
    g_free(work);
    return G_SOURCE_REMOVE;
}

static gpointer
work_thread(gpointer data)
{
    Work *work = data;
    (void) work_run(work->name, work->action, &work->error); /* error tells */
    g_idle_add_full(G_PRIORITY_DEFAULT, work_finished, work, NULL);
    return NULL;
}

static void
protect(const char *name, bool on, GError **error)
{
    g_autoptr(Profile) profile = store_load(name, error);
    if (profile == NULL)
        return;
    g_autofree char *file = g_strdup(profile_get_file(profile));
    if (profile_set(profile, "machine.protected", on ? "true" : "false", error))
        (void) profile_save(profile, file, error); /* error tells */
}

/* What only touches files; true: it was that. */
static bool
act_on_files(const char *name, UiAction action, GError **error)
{
    switch (action) {
    case UI_DELETE:
        if (store_require_idle(name, error))
            (void) trash_put(name, NULL, error); /* error tells */
        return true;
    case UI_RESTORE:
        (void) trash_restore(name, NULL, NULL, error); /* error tells */
        return true;
    case UI_PROTECT:
    case UI_UNPROTECT: protect(name, action == UI_PROTECT, error); return true;
    case UI_START:
    case UI_STOP:
    case UI_FORCE_OFF:
    case UI_RESTART:
    case UI_RESET:
    case UI_PAUSE:
    case UI_RESUME:
    default: return false;
    }
}

static void
host_action(void *host, const char *name, UiAction action, UiDone done,
            void *data)
{
    TuiHost *h = host;
    GError *error = NULL;

    if (act_on_files(name, action, &error)) {
        refresh(h);
        tell_changed(h);
        tui_host_later(done, data, error);
        return;
    }
    Work *work = g_new0(Work, 1);
    *work = (Work){h, g_strdup(name), action, done, data, NULL};
    if (action == UI_START || action == UI_RESTART)
        g_hash_table_add(h->busy, g_strdup(name));
    tell_changed(h);
    g_thread_unref(g_thread_new("action", work_thread, work));
}

static void
host_create(void *host, const char *name, const char *template_id,
            const char *const *settings, bool start, UiDone done, void *data)
{
    GError *error = NULL;
    g_autofree char *text =
        new_machine(name, template_id, settings, true, &error);
    if (text == NULL) {
        tui_host_later(done, data, error);
        return;
    }
    refresh(host);
    tell_changed(host);
    if (start)
        host_action(host, name, UI_START, done, data);
    else
        tui_host_later(done, data, NULL);
}

static char *
host_preview(void *host, const char *name, const char *template_id,
             const char *const *settings, GError **error)
{
    return new_machine(name, template_id, settings, false, error);
}

static char *
host_log_path(void *host, const char *name, const char *source)
{
    return session_log_file(name,
                            strcmp(source, "serial") == 0 ? "serial0" : source);
}

static char *
host_summary(void *host)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    double gib = (double) sysconf(_SC_PHYS_PAGES) *
                 (double) sysconf(_SC_PAGESIZE) / (1 << 30);
    const char *kvm = access("/dev/kvm", F_OK) != 0          ? "no KVM"
                      : access("/dev/kvm", R_OK | W_OK) != 0 ? "KVM denied"
                                                             : "KVM ok";
    return g_strdup_printf("host %ldc %.0fG  %s", cpus, gib, kvm);
}

/* For the machine with the most memory. */
static void
host_look(void *host, UiLooked done, void *data)
{
    TuiHost *h = host;
    const MachineInfo *largest = NULL;
    GHashTableIter iter;
    gpointer row;

    g_hash_table_iter_init(&iter, h->rows);
    while (g_hash_table_iter_next(&iter, NULL, &row)) {
        const MachineInfo *info = ((Row *) row)->info;
        if (largest == NULL || info->memory > largest->memory)
            largest = info;
    }
    tui_host_look(largest != NULL ? largest->name : NULL,
                  largest != NULL ? largest->memory : 0, done, data);
}

static char *
host_view_address(void *host, const char *name)
{
    TuiHost *h = host;
    const Row *row = g_hash_table_lookup(h->rows, name);
    return g_strdup(row != NULL ? row->info->view : "");
}

static bool
host_is_verb(void *host, const char *word)
{
    return verb_find(word) != NULL;
}

const UiHostOps tui_host_ops = {
    .list = host_list,
    .watch = host_watch,
    .action = host_action,
    .create = host_create,
    .preview = host_preview,
    .console_open = tui_console_open,
    .console_close = tui_console_close,
    .console_screen = tui_console_screen,
    .console_input = tui_console_input,
    .console_leds = tui_console_leds,
    .console_media = tui_console_media,
    .console_screenshot = tui_console_screenshot,
    .console_parts = tui_console_parts,
    .console_serial = tui_console_serial,
    .log_path = host_log_path,
    .look = host_look,
    .usb = tui_host_usb,
    .plug_models = tui_host_plug_models,
    .plug = tui_host_plug,
    .cards = tui_host_cards,
    .unplug = tui_host_unplug,
    .pci = tui_host_pci,
    .start_asks = tui_host_start_asks,
    .notice = tui_host_notice,
    .is_verb = host_is_verb,
    .plan_sum = transaction_sum,
    .host_summary = host_summary,
    .view_address = host_view_address,
};
