/* tests/unit/test-tui-host-usb.c - USB and PCI devices in the settings of a
 * machine that is off, and what a look at the host says of them. */
#include <string.h>

#include <glib/gstdio.h>

#include "app/store.h"
#include "app/tui-host-internal.h"
#include "profiles/paths.h"
#include "tests/unit/cu-main.h"

typedef struct {
    char *home;
    GMainLoop *loop;
    char *error; /* of the last answer; NULL: none */
    char *plugs; /* "machine section device\n" of the last look */
} Fixture;

static void
begin(Fixture *f, const char *ini)
{
    f->home = g_dir_make_tmp("carrel-usb-XXXXXX", NULL);
    g_setenv("XDG_DATA_HOME", f->home, TRUE);
    g_setenv("XDG_STATE_HOME", f->home, TRUE);
    g_setenv("XDG_RUNTIME_DIR", f->home, TRUE);
    g_setenv("CARREL_HOST_ROOT", f->home, TRUE); /* a host without anything */
    g_autofree char *dir = paths_machine_dir("box");
    g_autofree char *file = paths_machine_file("box");
    g_mkdir_with_parents(dir, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, ini, -1, NULL));
    f->loop = g_main_loop_new(NULL, FALSE);
}

static void
end(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    CU_ASSERT_TRUE(store_remove_tree(f->home, &error));
    g_main_loop_unref(f->loop);
    g_free(f->home);
    g_free(f->error);
    g_free(f->plugs);
}

static void
on_done(void *data, const GError *error)
{
    Fixture *f = data;

    g_free(f->error);
    f->error = error != NULL ? g_strdup(error->message) : NULL;
    g_main_loop_quit(f->loop);
}

static void
plug(Fixture *f, const char *device, bool in)
{
    tui_host_usb(NULL, "box", device, in, on_done, f);
    g_main_loop_run(f->loop);
}

static void
on_looked(void *data, UiHostLook *look, const GError *error)
{
    Fixture *f = data;
    GString *text = g_string_new(NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(look);
    for (guint i = 0; i < look->plugs->len; i++) {
        const UiPlug *p = g_ptr_array_index(look->plugs, i);
        g_string_append_printf(text, "%s %s %s%s\n", p->machine, p->section,
                               p->device, p->running ? " now" : "");
    }
    CU_ASSERT_FALSE(look->can_change);
    CU_ASSERT_PTR_NULL(look->usb);
    ui_host_look_free(look);
    f->plugs = g_string_free(text, FALSE);
    g_main_loop_quit(f->loop);
}

static const char *
look(Fixture *f)
{
    g_clear_pointer(&f->plugs, g_free);
    tui_host_look(NULL, 0, on_looked, f);
    g_main_loop_run(f->loop);
    return f->plugs;
}

static void
test_in_and_out(void)
{
    Fixture f = {0};

    begin(&f, "[usb0]\nmodel=tablet\n\n[pci0]\nhost=1a:02.1\n");
    plug(&f, "1-2", true);
    CU_ASSERT_PTR_NULL(f.error);
    g_autoptr(Profile) profile = store_load("box", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(profile);
    CU_ASSERT_STRING_EQUAL(profile_get_string(profile, "machine.usb"), "xhci");
    CU_ASSERT_STRING_EQUAL(profile_get_string(profile, "usb0.model"), "tablet");
    CU_ASSERT_STRING_EQUAL(profile_get_string(profile, "usb1.model"), "host");
    CU_ASSERT_STRING_EQUAL(profile_get_string(profile, "usb1.host"), "1-2");
    CU_ASSERT_STRING_EQUAL(look(&f), "box pci0 0000:1a:02.1\nbox usb1 1-2\n");
    plug(&f, "usb1", false);
    CU_ASSERT_PTR_NULL(f.error);
    CU_ASSERT_STRING_EQUAL(look(&f), "box pci0 0000:1a:02.1\n");
    plug(&f, "usb1", false);
    CU_ASSERT_PTR_NOT_NULL(f.error);
    end(&f);
}

static void
give(Fixture *f, const char *section, const char *device, bool console)
{
    tui_host_pci(NULL, "box", section, device, console, on_done, f);
    g_main_loop_run(f->loop);
}

static void
test_pci(void)
{
    Fixture f = {0};

    begin(&f, "[pci0]\nhost=1a:02.1\n");
    give(&f, "pci1", "0000:03:00.0", true);
    CU_ASSERT_PTR_NULL(f.error);
    g_autoptr(Profile) profile = store_load("box", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(profile);
    CU_ASSERT_STRING_EQUAL(profile_get_string(profile, "pci1.host"),
                           "0000:03:00.0");
    CU_ASSERT_TRUE(profile_get_bool(profile, "pci1.console"));
    give(&f, "pci0", "0000:1a:02.1", false); /* it is there */
    CU_ASSERT_PTR_NULL(f.error);
    give(&f, "pci0", "0000:04:00.0", false); /* another one is */
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.error);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.error, "[pci0] has 0000:1a:02.1"));
    CU_ASSERT_STRING_EQUAL(look(&f),
                           "box pci0 0000:1a:02.1\nbox pci1 0000:03:00.0\n");
    end(&f);
}

static void
test_notice(void)
{
    Fixture f = {0};

    begin(&f, "");
    g_autofree char *none = tui_host_notice(NULL);
    CU_ASSERT_PTR_NULL(none);
    g_autofree char *dir = g_build_filename(f.home, "proc", NULL);
    g_autofree char *file = g_build_filename(dir, "cmdline", NULL);
    g_mkdir_with_parents(dir, 0700);
    CU_ASSERT_TRUE(
        g_file_set_contents(file, "carrel.vfio=0000:01:00.0\n", -1, NULL));
    g_autofree char *notice = tui_host_notice(NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(notice);
    CU_ASSERT_PTR_NOT_NULL(strstr(notice, "booted on trial"));
    end(&f);
}

static void
test_all_taken(void)
{
    Fixture f = {0};
    GString *ini = g_string_new("[machine]\nusb=xhci\n");

    for (unsigned i = 0; i < 8; i++)
        g_string_append_printf(ini, "[usb%u]\nmodel=keyboard\n", i);
    begin(&f, ini->str);
    plug(&f, "1-2", true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.error);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.error, "all 8 USB ports are taken"));
    g_autofree char *file = paths_machine_file("box");
    g_autofree char *now = NULL;
    CU_ASSERT_TRUE(g_file_get_contents(file, &now, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(now, ini->str);
    g_string_free(ini, TRUE);
    end(&f);
}

CU_MAIN("tui-host-usb", {"settings_of_a_machine_that_is_off", test_in_and_out},
        {"a_pci_device_goes_into_settings", test_pci},
        {"a_boot_on_trial_is_noticed", test_notice},
        {"a_full_controller_is_an_error", test_all_taken})
