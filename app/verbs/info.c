/* app/verbs/info.c - carrel info: where things are, what the host offers. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/linger.h"
#include "app/placement.h"
#include "app/store.h"
#include "app/verbs/run.h"
#include "profiles/paths.h"
#include "profiles/templates.h"
#include "vmm/boot/firmware.h"
#include "vmm/boot/uefi.h"

/* "yes", or why not. */
static const char *
describe_kvm(void)
{
    if (access("/dev/kvm", F_OK) < 0)
        return "no: /dev/kvm is missing (module kvm_intel or kvm_amd, or "
               "virtualization switched off in the firmware)";
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        return "no: this user may not open /dev/kvm: sudo usermod -aG kvm "
               "$USER, then log in again";
    return "yes";
}

static void
show(const App *app, JsonWriter *w, const char *key, const char *value)
{
    if (app->json)
        json_put_string(w, key, value);
    else
        printf("%-12s %s\n", key, value != NULL ? value : "not found");
}

static void
show_taken(const App *app, JsonWriter *w, const char *key, char *value)
{
    show(app, w, key, value);
    g_free(value);
}

static void
show_folders(const App *app, JsonWriter *w)
{
    g_auto(GStrv) shared = paths_data_dirs();
    g_auto(GStrv) templates = paths_template_dirs();

    show_taken(app, w, "settings", paths_config_dir());
    show_taken(app, w, "machines", paths_machines_dir());
    show_taken(app, w, "trash", paths_trash_dir());
    show_taken(app, w, "state", paths_state_dir());
    show_taken(app, w, "run-time", paths_runtime_dir());
    show_taken(app, w, "shared", g_strjoinv(":", shared));
    show_taken(app, w, "templates", g_strjoinv(":", templates));
}

static void
show_uefi(const App *app, JsonWriter *w)
{
    UefiFiles files;

    show_taken(app, w, "uefi",
               uefi_find("uefi", &files, NULL) ? g_strdup(files.code) : NULL);
    uefi_files_clear(&files);
}

/* What cpu.pin=auto chooses among. */
static char *
describe_cpus(void)
{
    g_autofree char *allowed = placement_allowed();
    g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
    g_autoptr(GArray) cpus =
        root != NULL ? placement_host_cpus(root, allowed) : NULL;

    return cpus != NULL && cpus->len > 0 ? placement_layout(cpus)
                                         : g_strdup("unknown");
}

int
verb_info(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 0, 0, &args);

    if (code >= 0)
        return code;
    g_autoptr(JsonWriter) w = json_writer_new();
    g_auto(GStrv) machines = store_list();
    json_begin_object(w, NULL);
    show_folders(app, w);
    const char *hint = linger_hint("");
    show(app, w, "kvm", describe_kvm());
    show(app, w, "log-out", hint != NULL ? hint : "machines stay");
    show_taken(app, w, "bios", firmware_find("bios-256k.bin"));
    show_uefi(app, w);
    show_taken(app, w, "vga-bios", firmware_find("vgabios-stdvga.bin"));
    show_taken(app, w, "cpu-layout", describe_cpus());
    if (app->json) {
        json_put_u64(w, "machine-count", g_strv_length(machines));
        json_put_u64(w, "host-cpus", g_get_num_processors());
        app_print_json(g_steal_pointer(&w));
    } else {
        printf("%-12s %u\n", "machines", g_strv_length(machines));
        printf("%-12s %u\n", "host cpus", g_get_num_processors());
    }
    return EXIT_OK;
}
