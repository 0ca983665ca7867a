/* tests/unit/test-passthrough-held.c - what a machine holds besides its
 * devices: huge pages of the host, and the size of a BAR. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "passthrough-wizard/huge-pages.h"
#include "passthrough-wizard/rebar.h"
#include "passthrough-wizard/vfio-bind.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-sysfs.h"

#define POOL     "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define NR_PAGES POOL "nr_hugepages"
#define CARD     "/sys/devices/pci0000:00/0000:01:00.0/"
#define GIB      (G_GUINT64_CONSTANT(1) << 30)

/* How far each step came, as a journal would have it. */
static StepState states[32];

static bool
record(void *ctx, guint step, StepState state, GError **error)
{
    g_assert(step < G_N_ELEMENTS(states));
    states[step] = state;
    return true;
}

static const PlanScribe scribe = {.record = record};

static bool
apply(FakeSysfs *fake, const Plan *plan, GError **error)
{
    memset(states, 0, sizeof states);
    return plan_apply(&fake->hand, plan, &scribe, error);
}

static bool
undo(FakeSysfs *fake, const Plan *plan, GError **error)
{
    return plan_undo(&fake->hand, plan, states, false, &scribe, error);
}

/* ---- huge pages; the fake host has 8 of 2 MiB, none free ---- */

static Plan *
more_pages(FakeSysfs *fake)
{
    Plan *plan = plan_new("huge pages for a machine");

    CU_ASSERT_TRUE(huge_pages_plan(plan, &fake->hand, "2048kB", 64, NULL));
    return plan;
}

static char *
pages(const FakeSysfs *fake)
{
    char *text = fake_sysfs_get(fake, NR_PAGES);

    g_assert(text != NULL);
    return g_strchomp(text);
}

static void
pages_come_and_go(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = more_pages(fake);

    CU_ASSERT_TRUE(apply(fake, plan, NULL));
    g_autofree char *between = pages(fake);
    CU_ASSERT_STRING_EQUAL(between, "72");
    CU_ASSERT_TRUE(undo(fake, plan, NULL));
    g_autofree char *after = pages(fake);
    CU_ASSERT_STRING_EQUAL(after, "8");
}

/* Two machines: each takes back what it added, whoever ends first. */
static void
of_shared_pages_each_takes_its_own_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = more_pages(fake);

    CU_ASSERT_TRUE(apply(fake, plan, NULL));
    fake_sysfs_put(fake, NR_PAGES, "172\n"); /* the other's 100 */
    CU_ASSERT_TRUE(undo(fake, plan, NULL));
    g_autofree char *after = pages(fake);
    CU_ASSERT_STRING_EQUAL(after, "108");
}

/* Killed before, in the middle of, and after its effect. */
static void
a_helper_that_was_killed_leaves_no_page(void)
{
    static const char *const found[] = {"8\n", "40\n", "72\n"};

    for (gsize i = 0; i < G_N_ELEMENTS(found); i++) {
        g_autoptr(FakeSysfs) fake = fake_sysfs_new();
        g_autoptr(Plan) plan = more_pages(fake);
        states[0] = STEP_BEGUN;
        fake_sysfs_put(fake, NR_PAGES, found[i]);
        CU_ASSERT_TRUE(undo(fake, plan, NULL));
        g_autofree char *after = pages(fake);
        CU_ASSERT_STRING_EQUAL(after, "8");
    }
}

static void
too_few_pages_are_given_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = more_pages(fake);
    g_autoptr(GError) error = NULL;

    fake->max_pages = 40;
    CU_ASSERT_FALSE(apply(fake, plan, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        error->message, "the host found 40 huge pages of 2048kB, not 72"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "close programs"));
    g_autofree char *after = pages(fake);
    CU_ASSERT_STRING_EQUAL(after, "8");
}

static void
pages_that_are_free_need_no_step(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;

    fake_sysfs_put(fake, POOL "free_hugepages", "80\n");
    fake_sysfs_put(fake, POOL "resv_hugepages", "16\n");
    g_autoptr(Plan) plan = more_pages(fake);
    CU_ASSERT_EQUAL(plan->steps->len, 0);
    /* one that is promised to somebody is not free */
    fake_sysfs_put(fake, POOL "resv_hugepages", "17\n");
    CU_ASSERT_TRUE(huge_pages_plan(plan, &fake->hand, "2048kB", 64, NULL));
    CU_ASSERT_STRING_EQUAL(plan_step(plan, 0)->after, "9");
    CU_ASSERT_FALSE(huge_pages_plan(plan, &fake->hand, "1048576kB", 1, &error));
    CU_ASSERT_TRUE(g_str_has_prefix(
        error->message, "this host has no huge pages of 1048576kB"));
}

static void
only_sizes_that_there_are_can_be_asked_for(void)
{
    char size[16];
    guint64 need = 0;

    CU_ASSERT_TRUE(huge_pages_parse("2048kB:512", size, &need));
    CU_ASSERT_STRING_EQUAL(size, "2048kB");
    CU_ASSERT_EQUAL(need, 512);
    CU_ASSERT_FALSE(huge_pages_parse("64kB:512", size, &need));
    CU_ASSERT_FALSE(huge_pages_parse("2048kB:0", size, &need));
    CU_ASSERT_FALSE(huge_pages_parse("2048kB:-1", size, &need));
    CU_ASSERT_FALSE(huge_pages_parse("2048kB", size, &need));
    CU_ASSERT_FALSE(huge_pages_parse("../../x:1", size, &need));
}

/* ---- resizable BARs: 256 MiB of 256 MiB to 8 GiB ---- */

static void
make_rebar(const FakeSysfs *fake)
{
    fake_sysfs_put(fake, CARD "resource",
                   "0x0000004000000000 0x000000400fffffff "
                   "0x000000000014220c\n");
    fake_sysfs_put(fake, CARD "resource0_resize", "0000000000003f00\n");
}

static Plan *
bind_resized(FakeSysfs *fake, guint64 bytes)
{
    const char *bdfs[] = {"01:00.0", NULL};
    const BindOptions options = {.consent = true};
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);
    Plan *plan = vfio_bind_plan(&fake->hand, host, bdfs, &options, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_TRUE(rebar_plan(plan, &fake->hand, "01:00.0", bytes, NULL));
    return plan;
}

static void
a_bar_is_resized_and_gets_its_size_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();

    make_rebar(fake);
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autofree char *text = rebar_describe(fake->root, "0000:01:00.0");
    CU_ASSERT_STRING_EQUAL(text, "BAR 0 has 256 MiB and can have 256 MiB, "
                                 "512 MiB, 1 GiB, 2 GiB, 4 GiB, 8 GiB");
    g_autoptr(Plan) plan = bind_resized(fake, 0); /* the largest */
    CU_ASSERT_TRUE(apply(fake, plan, NULL));
    CU_ASSERT_EQUAL(rebar_now(fake->root, "0000:01:00.0", 0), 8 * GIB);
    g_autofree char *driver = fake_sysfs_get(fake, CARD "driver");
    CU_ASSERT_TRUE(driver != NULL && g_str_has_suffix(driver, "/vfio-pci"));
    CU_ASSERT_TRUE(undo(fake, plan, NULL));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
}

/* The kernel has no room: the old driver has the card again. */
static void
without_room_for_a_bar_the_driver_is_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;

    make_rebar(fake);
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autoptr(Plan) plan = bind_resized(fake, 4 * GIB);
    fake->max_bar = GIB;
    CU_ASSERT_FALSE(apply(fake, plan, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "Above 4G Decoding"));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
}

static void
the_size_that_it_has_needs_no_step(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();

    make_rebar(fake);
    g_autoptr(Plan) plan = bind_resized(fake, GIB / 4);
    for (guint i = 0; i < plan->steps->len; i++)
        CU_ASSERT_STRING_NOT_EQUAL(plan_step(plan, i)->kind, "bar-size");
}

static void
a_size_that_no_bar_has_is_refused(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = plan_new("none");
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) more = NULL;

    make_rebar(fake);
    CU_ASSERT_FALSE(
        rebar_plan(plan, &fake->hand, "0000:01:00.0", 16 * GIB, &error));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error->message, "cannot have a BAR of 16 GiB: BAR 0 has 256"));
    CU_ASSERT_FALSE(rebar_plan(plan, &fake->hand, "0000:02:00.0", 0, &more));
    CU_ASSERT_PTR_NOT_NULL(strstr(more->message, "no BAR whose size"));
    /* nothing in the plan binds it: the size stays, and a note says so */
    CU_ASSERT_TRUE(rebar_plan(plan, &fake->hand, "0000:01:00.0", 0, NULL));
    CU_ASSERT_EQUAL(plan->steps->len, 0);
    CU_ASSERT_EQUAL(plan->notes->len, 1);
}

/* A first machine had the module loaded, and ends while a second has a device. */
static void
what_another_machine_uses_stays(void)
{
    static const char *const signs[] = {
        "/sys/bus/pci/drivers/vfio-pci/0000:02:00.0", /* bound, open or not */
        "/sys/module/vfio_pci/refcnt"};

    for (gsize i = 0; i < G_N_ELEMENTS(signs); i++) {
        g_autoptr(FakeSysfs) fake = fake_sysfs_new();
        const char *bdfs[] = {"01:00.0", NULL};
        const BindOptions options = {.consent = true};
        g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);
        g_autoptr(Plan) plan =
            vfio_bind_plan(&fake->hand, host, bdfs, &options, NULL);
        g_autoptr(GError) error = NULL;
        CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
        CU_ASSERT_TRUE(apply(fake, plan, NULL));
        fake_sysfs_put(fake, signs[i], "1\n");
        CU_ASSERT_TRUE(undo(fake, plan, &error));
        g_autofree char *module =
            fake_sysfs_get(fake, "/sys/module/vfio_pci/refcnt");
        CU_ASSERT_PTR_NOT_NULL(module);
        g_autofree char *driver =
            fake_sysfs_get(fake, "/sys/devices/pci0000:00/0000:01:00.0/driver");
        CU_ASSERT_PTR_NOT_NULL_FATAL(driver);
        CU_ASSERT_PTR_NOT_NULL(strstr(driver, "radeon"));
    }
}

static void
remove_iommu(const FakeSysfs *fake)
{
    static const char *const entries[] = {
        "sys/class/iommu/dmar0/intel-iommu/cap",
        "sys/class/iommu/dmar0/intel-iommu", "sys/class/iommu/dmar0",
        "sys/devices/pci0000:00/0000:02:00.0/iommu_group"};

    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
        g_autofree char *path = g_build_filename(fake->dir, entries[i], NULL);
        CU_ASSERT_EQUAL_FATAL(remove(path), 0);
    }
}

/* In no group: vfio-pci would take it and no machine could have it. */
static void
without_an_iommu_nothing_is_bound_now(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const char *bdfs[] = {"02:00.0", NULL};
    BindOptions options = {.consent = true};
    g_autoptr(GError) error = NULL;

    remove_iommu(fake);
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);
    CU_ASSERT_PTR_NULL(
        vfio_bind_plan(&fake->hand, host, bdfs, &options, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "No IOMMU"));
    options.after_restart = true; /* a boot entry may switch it on */
    g_autoptr(Plan) plan =
        vfio_bind_plan(&fake->hand, host, bdfs, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL(plan);
}

static Plan *
bind_card(FakeSysfs *fake, bool consent, GError **error)
{
    const char *bdfs[] = {"01:00.0", NULL};
    const BindOptions options = {.consent = consent};
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);

    return vfio_bind_plan(&fake->hand, host, bdfs, &options, error);
}

/* modprobe -r of one takes along those that only it needed, and the driver. */
static void
nvidias_modules_go_and_come_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;

    fake_sysfs_add_nvidia(fake);
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autoptr(Plan) plan = bind_card(fake, true, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_TRUE(apply(fake, plan, &error));
    g_autofree char *driver = fake_sysfs_get(fake, CARD "driver");
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver, "vfio-pci"));
    g_autofree char *module = fake_sysfs_get(fake, "/sys/module/nvidia/refcnt");
    CU_ASSERT_PTR_NULL(module);
    CU_ASSERT_TRUE(undo(fake, plan, &error));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(after, before);
}

static void
nvidias_modules_stay_for_the_hosts_own_card(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *other = g_build_filename(
        fake->dir, "sys/devices/pci0000:00/0000:02:00.0/driver", NULL);
    g_autoptr(GError) error = NULL;

    fake_sysfs_add_nvidia(fake);
    CU_ASSERT_EQUAL_FATAL(remove(other), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("../../../bus/pci/drivers/nvidia", other), 0);
    CU_ASSERT_PTR_NULL(bind_card(fake, false, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "serves 0000:02:00.0"));
    g_autoptr(Plan) plan = bind_card(fake, true, NULL); /* on its own risk */
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    for (guint i = 0; i < plan->steps->len; i++)
        CU_ASSERT_STRING_NOT_EQUAL(plan_step(plan, i)->target, "nvidia_drm");
}

#define CASE(fn)                                                               \
    {                                                                          \
#fn, fn                                                                \
    }
CU_MAIN("passthrough-held", CASE(pages_come_and_go),
        CASE(of_shared_pages_each_takes_its_own_back),
        CASE(a_helper_that_was_killed_leaves_no_page),
        CASE(too_few_pages_are_given_back),
        CASE(pages_that_are_free_need_no_step),
        CASE(only_sizes_that_there_are_can_be_asked_for),
        CASE(a_bar_is_resized_and_gets_its_size_back),
        CASE(without_room_for_a_bar_the_driver_is_back),
        CASE(the_size_that_it_has_needs_no_step),
        CASE(a_size_that_no_bar_has_is_refused),
        CASE(what_another_machine_uses_stays),
        CASE(without_an_iommu_nothing_is_bound_now),
        CASE(nvidias_modules_go_and_come_back),
        CASE(nvidias_modules_stay_for_the_hosts_own_card))
