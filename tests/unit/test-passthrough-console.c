/* tests/unit/test-passthrough-console.c - what the plan that hands the host's
 * console over ends, and whom it leaves alone. There and back, also when
 * killed: test-passthrough-act.c. */
#include <string.h>
#include <unistd.h>

#include "passthrough-wizard/console.h"
#include "passthrough-wizard/vfio-bind.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-sysfs.h"

static Plan *
bind_plan(FakeSysfs *fake, const BindOptions *options, GError **error)
{
    const char *bdfs[] = {"01:00.0", NULL};
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);

    g_assert(host != NULL);
    return vfio_bind_plan(&fake->hand, host, bdfs, options, error);
}

static Plan *
bind_with_console(FakeSysfs *fake, GError **error)
{
    const BindOptions options = {.console = true};
    return bind_plan(fake, &options, error);
}

/* As the only display of the host, so that without the console it cannot go. */
static FakeSysfs *
single_gpu(void)
{
    FakeSysfs *fake = fake_sysfs_new();

    fake_sysfs_add_console(fake);
    fake_sysfs_put(fake, "/sys/devices/pci0000:00/0000:01:00.0/boot_vga",
                   "1\n");
    return fake;
}

static void
test_console_order(void)
{
    g_autoptr(FakeSysfs) fake = single_gpu();
    const BindOptions none = {0};
    g_autoptr(GError) error = NULL;

    CU_ASSERT_PTR_NULL(bind_plan(fake, &none, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "--console"));
    g_autoptr(Plan) plan = bind_with_console(fake, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    g_autoptr(GString) order = g_string_new(NULL);
    for (guint i = 0; i < plan->steps->len; i++)
        g_string_append_printf(order, "%s ", plan_step(plan, i)->kind);
    CU_ASSERT_STRING_EQUAL(order->str,
                           "display-manager vtconsole frame-buffer module "
                           "driver driver-override driver "
                           "driver driver-override driver ");
    CU_ASSERT_TRUE(console_is_handed_over(plan));
}

static void
expect_refused(FakeSysfs *fake, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = bind_with_console(fake, &error);

    CU_ASSERT_PTR_NULL(plan);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED));
    CU_ASSERT_PTR_NOT_NULL(error != NULL ? strstr(error->message, why) : NULL);
}

static void
draw_with_card(FakeSysfs *fake)
{
    g_autofree char *drm = g_build_filename(fake->dir, "sys/class/drm", NULL);
    g_autofree char *card0 = g_build_filename(drm, "card0", NULL);

    CU_ASSERT_EQUAL(g_mkdir_with_parents(drm, 0755), 0);
    CU_ASSERT_EQUAL(
        symlink("../../devices/pci0000:00/0000:01:00.0/drm/card0", card0), 0);
    fake_sysfs_put(fake,
                   "/sys/devices/pci0000:00/0000:01:00.0/drm/card0/uevent",
                   "DEVNAME=dri/card0\n");
    fake_sysfs_put(fake, "/carrel/open-nodes", "/dev/dri/card0 1190 sway\n");
}

/* No step ends a desktop that was started from a text console. */
static void
test_console_of_nobody(void)
{
    g_autoptr(FakeSysfs) fake = single_gpu();
    g_autofree char *unit = g_build_filename(
        fake->dir, "etc/systemd/system/display-manager.service", NULL);

    draw_with_card(fake);
    g_autoptr(Plan) with = bind_with_console(fake, NULL);
    CU_ASSERT_PTR_NOT_NULL(with); /* gdm3 takes it along */
    CU_ASSERT_EQUAL(unlink(unit), 0);
    expect_refused(fake, "sway (pid 1190");
    fake_sysfs_put(fake, "/carrel/open-nodes", "");
    g_autoptr(Plan) text = bind_with_console(fake, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text); /* nobody but the kernel draws */
    CU_ASSERT_FALSE(console_is_handed_over(text));
}

/* Of one that is not known the step is missing too, when it runs. */
static void
test_console_unknown(void)
{
    g_autoptr(FakeSysfs) fake = single_gpu();
    g_autofree char *unit = g_build_filename(
        fake->dir, "etc/systemd/system/display-manager.service", NULL);

    CU_ASSERT_EQUAL(unlink(unit), 0);
    CU_ASSERT_EQUAL(symlink("/lib/systemd/system/odd.service", unit), 0);
    g_autoptr(Plan) idle = bind_with_console(fake, NULL);
    CU_ASSERT_PTR_NOT_NULL(idle);
    fake_sysfs_put(fake, "/sys/fs/cgroup/system.slice/odd.service/cgroup.procs",
                   "");
    expect_refused(fake, "systemctl stop odd.service");
}

/* The desktop is drawn with another card: what this one is used for goes on. */
static void
test_console_other_card(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();

    fake_sysfs_add_console(fake);
    draw_with_card(fake);
    expect_refused(fake, "--console ends only");
}

CU_MAIN("passthrough-console",
        {"the_console_goes_before_its_card", test_console_order},
        {"a_desktop_that_no_step_ends_keeps_its_card", test_console_of_nobody},
        {"an_unknown_manager_keeps_its_card", test_console_unknown},
        {"users_of_another_card_are_not_ended", test_console_other_card})
