/* app/verbs/list.c - carrel list: every machine in a table; carrel status NAME:
 * its state in one word, everything with --json. */
#include <stdio.h>
#include <string.h>

#include "app/machines.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "app/wrap.h"
#include "passthrough-wizard/boot-config.h"

#define COLUMNS 7

static char *
format_size(guint64 bytes)
{
    double mib = (double) bytes / (1 << 20);
    if (bytes == 0)
        return g_strdup("-");
    return mib < 1024 ? g_strdup_printf("%.0fM", mib)
                      : g_strdup_printf("%.1fG", mib / 1024);
}

static char *
format_uptime(gint64 ms)
{
    gint64 s = ms / 1000;
    if (ms <= 0)
        return g_strdup("-");
    if (s < 60)
        return g_strdup_printf("%ds", (int) s);
    if (s < 3600)
        return g_strdup_printf("%dm%02ds", (int) (s / 60), (int) (s % 60));
    return g_strdup_printf("%" G_GINT64_FORMAT "h%02dm", s / 3600,
                           (int) (s % 3600 / 60));
}

static char *
format_notes(const MachineInfo *info)
{
    GString *notes = g_string_new(info->throw_away ? "throw-away" : "");
    if (info->is_protected)
        g_string_append_printf(notes, "%sprotected", notes->len ? ", " : "");
    if (*info->ladder != '\0')
        g_string_append_printf(notes, "%s%s", notes->len ? ", " : "",
                               info->ladder);
    const char *text = *info->reason != '\0' ? info->reason : info->summary;
    gsize line = strcspn(text, "\n");
    if (line > 0)
        g_string_append_printf(notes, "%s%.*s", notes->len ? ", " : "",
                               (int) line, text);
    return g_string_free(notes, FALSE);
}

static void
add_row(GPtrArray *cells, const MachineInfo *info)
{
    bool live = info->answers;
    g_ptr_array_add(cells, g_strdup(info->name));
    g_ptr_array_add(
        cells,
        g_strdup_printf("%s%s", info->state,
                        strcmp(info->state, "crashed") == 0 ? " !" : ""));
    g_ptr_array_add(cells, live ? g_strdup_printf("%.0f%%", info->cpu)
                                : g_strdup("-"));
    g_ptr_array_add(cells, format_size(info->memory));
    g_ptr_array_add(cells, format_size(info->resident));
    g_ptr_array_add(cells, format_uptime(info->uptime_ms));
    g_ptr_array_add(cells, format_notes(info));
}

static void
put_serial(JsonWriter *w, const MachineInfo *info)
{
    json_begin_object(w, "serial");
    for (unsigned i = 0; i < G_N_ELEMENTS(info->serial); i++) {
        g_autofree char *port = g_strdup_printf("serial%u", i);
        if (info->serial[i] != NULL)
            json_put_string(w, port, info->serial[i]);
    }
    json_end(w);
}

static void
put_info(JsonWriter *w, const MachineInfo *info)
{
    json_begin_object(w, NULL);
    json_put_string(w, "name", info->name);
    json_put_string(w, "state", info->state);
    json_put_optional(w, "reason", info->reason);
    json_put_optional(w, "summary", info->summary);
    json_put_optional(w, "view", info->view);
    json_put_optional(w, "sound", info->sound);
    json_put_optional(w, "ladder", info->ladder);
    put_serial(w, info);
    json_put_int(w, "pid", info->pid);
    json_put_u64(w, "memory", info->memory);
    json_put_u64(w, "resident", info->resident);
    json_put_int(w, "vcpus", info->cpus);
    json_put_double(w, "cpu", info->cpu);
    json_put_int(w, "uptime_ms", info->uptime_ms);
    json_put_bool(w, "protected", info->is_protected);
    json_put_bool(w, "throw_away", info->throw_away);
    json_end(w);
}

static void
print_rows(const App *app, GPtrArray *infos)
{
    static const char *const heads[COLUMNS] = {"NAME", "STATE",  "CPU",  "MEM",
                                               "USED", "UPTIME", "NOTES"};
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < COLUMNS; i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (guint i = 0; i < infos->len; i++)
        add_row(cells, infos->pdata[i]);
    app_print_table(app, (const char *const *) cells->pdata, infos->len + 1,
                    COLUMNS);
}

static void
free_info(gpointer info)
{
    machine_info_free(info);
}

/* Who forgets to confirm finds the devices with the host again one day. */
static void
tell_trial(const App *app)
{
    g_autoptr(HostRoot) root =
        host_root_open(g_getenv("CARREL_HOST_ROOT"), NULL);

    if (root != NULL && boot_trial(root) == BOOT_TRIAL_ON)
        app_note(app, BOOT_TRIAL_NOTICE);
}

int
verb_list(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 0, 0, &args);
    if (code >= 0)
        return code;

    g_auto(GStrv) names = machine_names();
    g_autoptr(GPtrArray) infos = g_ptr_array_new_with_free_func(free_info);
    for (gsize i = 0; names[i] != NULL; i++) {
        MachineInfo *info = machine_info(names[i]);
        if (info != NULL) /* it may have gone since the names were read */
            g_ptr_array_add(infos, info);
    }
    tell_trial(app);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_array(w, NULL);
        for (guint i = 0; i < infos->len; i++)
            put_info(w, infos->pdata[i]);
        app_print_json(w);
    } else if (infos->len == 0) {
        app_say_wrapped(app, "",
                        "There are no machines yet. 'carrel new NAME' makes "
                        "one, 'carrel run FILE' tries an image, 'carrel demo' "
                        "shows what this is.");
    } else {
        print_rows(app, infos);
    }
    return EXIT_OK;
}

int
verb_status(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;

    g_autoptr(MachineInfo) info = machine_info(args[0]);
    if (info == NULL)
        return app_fail(app, EXIT_NOT_FOUND, "no-such-machine", NULL, NULL,
                        "machine '%s' has just ended", args[0]);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        put_info(w, info);
        app_print_json(w);
        return EXIT_OK;
    }
    printf("%s\n", info->state);
    if (app->verbose > 0 && *info->ladder != '\0')
        printf("%s\n", info->ladder);
    if (app->verbose > 0 && *info->reason != '\0') {
        g_autofree char *reason = app_clean(info->reason);
        printf("%s\n", reason);
    }
    if (app->verbose > 0 && *info->sound != '\0') {
        g_autofree char *sound = app_clean(info->sound);
        printf("sound: %s\n", sound);
    }
    return EXIT_OK;
}
