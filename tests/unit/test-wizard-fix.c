/* tests/unit/test-wizard-fix.c - what makes devices be opened after a restart
 * too: rules by address, USB permission, the doctor's plan, entries on trial. */
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "passthrough-wizard/access.h"
#include "passthrough-wizard/boot-config.h"
#include "passthrough-wizard/fix.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-sysfs.h"

static bool
no_record(void *ctx, guint step, StepState state, GError **error)
{
    return true;
}

static const PlanScribe scribe = {.record = no_record};

/* What the plan makes of a file; NULL: nothing. */
static const char *
after_of(const Plan *plan, const char *target)
{
    for (guint i = 0; plan != NULL && i < plan->steps->len; i++)
        if (strcmp(plan_step(plan, i)->target, target) == 0)
            return plan_step(plan, i)->after;
    return NULL;
}

static bool
has(const char *text, const char *what)
{
    return text != NULL && strstr(text, what) != NULL;
}

/* Groups are numbered anew at each start of the host. */
static void
test_rule_by_address(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = plan_new("x");

    CU_ASSERT_TRUE(
        access_add_vfio_of(plan, &fake->hand, "0000:01:00.0", 1000, NULL));
    CU_ASSERT_TRUE(has(
        after_of(plan, "/etc/udev/rules.d/70-carrel-vfio-0000-01-00.0.rules"),
        "SUBSYSTEM==\"vfio\", "
        "TEST==\"/sys/kernel/iommu_groups/%k/devices/0000:01:00.0\", "
        "OWNER=\"1000\", MODE=\"0600\"\n"));
}

static void
test_usb_all(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const char *const none[] = {NULL};
    g_autoptr(Plan) plan = access_usb_plan(&fake->hand, 1000, none, NULL);

    CU_ASSERT_TRUE(has(after_of(plan, "/etc/udev/rules.d/70-carrel-usb.rules"),
                       "ATTR{bDeviceClass}!=\"09\", OWNER=\"1000\"\n"));
    CU_ASSERT_EQUAL(plan->steps->len, 1); /* no udev here to tell */
}

static void
test_usb_one(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const char *const one[] = {"046D:c52b", NULL};

    fake_sysfs_put(fake, "/run/udev/control", "");
    g_autoptr(Plan) plan = access_usb_plan(&fake->hand, 1000, one, NULL);
    CU_ASSERT_TRUE(has(
        after_of(plan, "/etc/udev/rules.d/70-carrel-usb-046d-c52b.rules"),
        "ATTR{idVendor}==\"046d\", ATTR{idProduct}==\"c52b\", OWNER=\"1000\""));
    CU_ASSERT_EQUAL(plan->steps->len, 3); /* udev reads it, there and back */
    CU_ASSERT_STRING_EQUAL(plan_step(plan, 0)->before, "run");
    CU_ASSERT_STRING_EQUAL(plan_step(plan, 2)->after, "run");
}

static void
test_usb_refused(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const char *const bad[] = {"046d:c52b\", RUN+=\"x", NULL};
    g_autoptr(GError) error = NULL;

    CU_ASSERT_PTR_NULL(access_usb_plan(&fake->hand, 1000, bad, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_ARGUMENT));
    CU_ASSERT_PTR_NULL(access_usb_plan(&fake->hand, 0, bad + 1, NULL));
}

static Plan *
plan_for_node(const FakeSysfs *fake)
{
    Plan *plan = plan_new("node");
    g_autofree char *path =
        g_build_filename(fake->dir, "dev/bus/usb/001/004", NULL);
    g_autofree char *before = NULL, *after = NULL;

    fake_sysfs_put(fake, "/dev/bus/usb/001/004", "");
    CU_ASSERT_EQUAL(chmod(path, 0664), 0);
    before = g_strdup_printf("%u %u 0664", geteuid(), getegid());
    after = g_strdup_printf("%u %u 0660", geteuid(), getegid());
    plan_add(plan, "usb-owner", "/dev/bus/usb/001/004", before, after);
    return plan;
}

static void
test_node(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = plan_for_node(fake);
    g_autofree char *before = fake_sysfs_snapshot(fake);
    const StepState done[] = {STEP_DONE};

    CU_ASSERT_TRUE(plan_apply(&fake->hand, plan, &scribe, NULL));
    g_autofree char *between = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_NOT_EQUAL(before, between);
    CU_ASSERT_TRUE(plan_undo(&fake->hand, plan, done, false, &scribe, NULL));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
}

static void
test_pulled(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = plan_for_node(fake);
    g_autofree char *path =
        g_build_filename(fake->dir, "dev/bus/usb/001/004", NULL);
    g_autoptr(GError) error = NULL;
    const StepState done[] = {STEP_DONE};

    CU_ASSERT_TRUE(plan_apply(&fake->hand, plan, &scribe, NULL));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_TRUE(plan_undo(&fake->hand, plan, done, false, &scribe, &error));
    CU_ASSERT_PTR_NULL(error);
}

static void
test_usb_node_form(void)
{
    const Step good = {(char *) "usb-owner", (char *) "/dev/bus/usb/001/004",
                       (char *) "0 0 0664", (char *) "1000 0 0664"};
    const Step there = {(char *) "usb-owner", (char *) "/dev/bus/usb/001/../x",
                        (char *) "0 0 0664", (char *) "1000 0 0664"};
    const Step suid = {(char *) "usb-owner", (char *) "/dev/bus/usb/001/004",
                       (char *) "0 0 0664", (char *) "1000 0 4755"};

    CU_ASSERT_TRUE(step_check(&good, NULL));
    CU_ASSERT_FALSE(step_check(&there, NULL));
    CU_ASSERT_FALSE(step_check(&suid, NULL));
}

/* ---- the doctor's plan ---- */

static Plan *
fix_for(FakeSysfs *fake, const char *ids, GError **error)
{
    const FixWants wants = {.user = 1000, .memory = (guint64) 8 << 30};
    g_auto(GStrv) list = g_strsplit(ids, ",", -1);
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);

    return fix_plan(&fake->hand, host, (const char *const *) list, &wants,
                    error);
}

static void
test_fix(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan =
        fix_for(fake, "memlock,vfio-access,usb-access,vhost-net", NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_TRUE(
        has(after_of(plan, "/etc/security/limits.d/90-carrel-1000.conf"),
            ":1000 - memlock 9437184\n")); /* 8 GiB and one, in KiB */
    CU_ASSERT_TRUE(has(after_of(plan, "/etc/udev/rules.d/70-carrel-vfio.rules"),
                       "KERNEL==\"[0-9]*\", OWNER=\"1000\""));
    CU_ASSERT_PTR_NOT_NULL(
        after_of(plan, "/etc/udev/rules.d/70-carrel-usb.rules"));
    CU_ASSERT_STRING_EQUAL(after_of(plan, "vhost_net"), "loaded");
}

static bool
warns_of_others(const Plan *plan)
{
    for (guint i = 0; i < plan->notes->len; i++)
        if (has(g_ptr_array_index(plan->notes, i), "other people's machines"))
            return true;
    return false;
}

/* Nothing bound: a rule for all, which says so. Something is: for that alone. */
static void
test_fix_vfio_of_bound(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const char *all = "/etc/udev/rules.d/70-carrel-vfio.rules";
    const char *one = "/etc/udev/rules.d/70-carrel-vfio-0000-02-00.0.rules";
    g_autoptr(Plan) before = fix_for(fake, "vfio-access", NULL);
    g_autofree char *driver = g_build_filename(
        fake->dir, "sys/devices/pci0000:00/0000:02:00.0/driver", NULL);

    CU_ASSERT_PTR_NOT_NULL(after_of(before, all));
    CU_ASSERT_TRUE(warns_of_others(before));
    (void) unlink(driver);
    CU_ASSERT_EQUAL(symlink("../../../bus/pci/drivers/vfio-pci", driver), 0);
    fake_sysfs_put(fake, "/dev/vfio/15", "");
    g_autoptr(Plan) after = fix_for(fake, "vfio-access", NULL);
    CU_ASSERT_PTR_NULL(after_of(after, all));
    CU_ASSERT_FALSE(warns_of_others(after));
    if (geteuid() == 0) { /* what another user has stays that user's */
        CU_ASSERT_PTR_NOT_NULL(after_of(after, one));
        CU_ASSERT_PTR_NOT_NULL(after_of(after, "/dev/vfio/15"));
    } else {
        CU_ASSERT_PTR_NULL(after_of(after, one));
    }
}

static void
test_fix_unknown(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;

    CU_ASSERT_PTR_NULL(fix_for(fake, "memlock,iommu", &error));
    CU_ASSERT_TRUE(has(error->message, "'iommu'"));
    CU_ASSERT_TRUE(has(error->message, "memlock, usb-access"));
}

static void
test_fix_done(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();

    fake_sysfs_put(fake, "/run/udev/control", "");
    g_autoptr(Plan) plan = fix_for(fake, "memlock", NULL);
    CU_ASSERT_TRUE(plan_apply(&fake->hand, plan, &scribe, NULL));
    g_autoptr(Plan) again = fix_for(fake, "memlock", NULL);
    CU_ASSERT_EQUAL(again->steps->len, 0); /* udev has nothing new to read */
}

static void
test_fix_who(void)
{
    Check check = {.id = "memlock",
                   .state = CHECK_BAD,
                   .command = (char *) "carrel doctor --fix --only=memlock"};
    Check group = {.id = "kvm",
                   .state = CHECK_BAD,
                   .command = (char *) "sudo usermod -aG kvm \"$USER\""};
    Check firmware = {.id = "iommu",
                      .state = CHECK_BAD,
                      .fix = (char *) "Switch it on in the firmware."};

    CU_ASSERT_TRUE(fix_can(&check));
    CU_ASSERT_PTR_NULL(fix_who(&check));
    CU_ASSERT_FALSE(fix_can(&group));
    CU_ASSERT_STRING_EQUAL(fix_who(&group), "root");
    CU_ASSERT_STRING_EQUAL(fix_who(&firmware), "you");
    check.state = CHECK_OK;
    CU_ASSERT_FALSE(fix_can(&check));
}

/* ---- entries on trial ---- */

static const Check *
boot_row(const GPtrArray *checks)
{
    for (guint i = 0; i < checks->len; i++) {
        const Check *check = g_ptr_array_index(checks, i);
        if (strcmp(check->id, "boot") == 0)
            return check;
    }
    return NULL;
}

static void
test_trial(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();

    CU_ASSERT_EQUAL(boot_trial(fake->root), BOOT_TRIAL_NONE);
    fake_sysfs_put(fake, "/etc/grub.d/42_carrel", "#!/bin/sh\n");
    CU_ASSERT_EQUAL(boot_trial(fake->root), BOOT_TRIAL_WAITS);
    fake_sysfs_put(fake, "/proc/cmdline", "ro carrel.vfio=0000:01:00.0\n");
    CU_ASSERT_EQUAL(boot_trial(fake->root), BOOT_TRIAL_ON);
    fake_sysfs_put(fake, "/etc/default/grub.d/90-carrel.cfg",
                   "GRUB_DEFAULT='carrel-gnulinux-simple-1'\n");
    CU_ASSERT_EQUAL(boot_trial(fake->root), BOOT_TRIAL_CONFIRMED);
}

static void
test_trial_row(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);

    g_autoptr(GPtrArray) before = checks_run(fake->root, host, NULL);
    CU_ASSERT_PTR_NULL(boot_row(before)); /* only when it matters */
    fake_sysfs_put(fake, "/proc/cmdline", "ro carrel.vfio=0000:01:00.0\n");
    g_autoptr(GPtrArray) after = checks_run(fake->root, host, NULL);
    const Check *row = boot_row(after);
    CU_ASSERT_PTR_NOT_NULL_FATAL(row);
    g_assert(row != NULL);
    CU_ASSERT_EQUAL(row->state, CHECK_HINT);
    CU_ASSERT_TRUE(has(row->consequence, "old entry again"));
    CU_ASSERT_STRING_EQUAL(row->command, "carrel passthrough confirm");
}

/* Status 0: the plan was refused for the right reason. */
G_NORETURN static void
plan_as_somebody(FakeSysfs *fake)
{
    const char *bdfs[] = {"02:00.0", NULL};
    const BindOptions options = {.consent = true};
    g_autoptr(GError) error = NULL;

    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        _exit(2);
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);
    Plan *plan = boot_plan(&fake->hand, host, bdfs, &options, &error);
    bool right = plan == NULL &&
                 g_error_matches(error, CARREL_PLAN_ERROR,
                                 CARREL_PLAN_ERROR_PERMISSION) &&
                 has(error->message, "'/boot/efi/loader'");
    _exit(right ? 0 : 1);
}

/* A closed /boot is not an absent one. */
static void
test_closed_boot(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *efi = g_build_filename(fake->dir, "boot/efi", NULL);
    int status = -1;

    fake_sysfs_put(fake, "/etc/initramfs-tools/hooks/x", "");
    fake_sysfs_put(fake, "/boot/efi/loader/loader.conf", "timeout 3\n");
    CU_ASSERT_EQUAL(chmod(fake->dir, 0755), 0);
    CU_ASSERT_EQUAL(chmod(efi, 0), 0);
    pid_t pid = fork();
    if (pid == 0)
        plan_as_somebody(fake);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    CU_ASSERT_EQUAL(chmod(efi, 0755), 0);
}

CU_MAIN("wizard-fix", {"a_group_is_named_by_its_device", test_rule_by_address},
        {"usb_devices_but_hubs_are_opened", test_usb_all},
        {"usb_devices_are_opened_by_their_numbers", test_usb_one},
        {"what_are_no_numbers_gets_into_no_rule", test_usb_refused},
        {"a_usb_node_goes_there_and_back", test_node},
        {"a_pulled_usb_device_is_as_good_as_taken_back", test_pulled},
        {"a_usb_node_has_one_form", test_usb_node_form},
        {"a_fix_has_the_steps_of_each_check", test_fix},
        {"a_fix_is_for_what_is_bound", test_fix_vfio_of_bound},
        {"a_fix_of_what_no_plan_mends_is_refused", test_fix_unknown},
        {"a_fix_that_was_made_has_no_steps", test_fix_done},
        {"a_fix_that_is_somebody_elses_says_whose", test_fix_who},
        {"a_boot_entry_is_on_trial_until_confirmed", test_trial},
        {"the_doctor_says_that_a_boot_is_on_trial", test_trial_row},
        {"a_closed_boot_folder_is_not_an_absent_one", test_closed_boot});
