/* tests/unit/test-sriov.c - plans for virtual functions that a user's process and
 * root's both make, and the address that a machine's start gives one. */
#include <errno.h>
#include <string.h>

#include "app/helper/transaction.h"
#include "passthrough-wizard/sriov.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-sysfs.h"

static HostPci *
look(const FakeSysfs *fake)
{
    HostPci *host = host_pci_read(fake->root, NULL);
    g_assert(host != NULL);
    return host;
}

static Plan *
make_nvme_vfs(FakeSysfs *fake, GError **error)
{
    const SriovOptions options = {.queues = 2};
    g_autoptr(HostPci) host = look(fake);

    return sriov_count_plan(&fake->hand, host, "02:00.0", 2, &options, error);
}

static bool
record_nothing(void *ctx, guint step, StepState state, GError **error)
{
    return true;
}

static int
refuse_list(HostHand *hand, const char *node, guint8 ret[4096])
{
    return -EACCES;
}

/* A user is not told what a secondary controller has, and root's plan is made
 * from what it really has: what the user agreed to is still the same. */
static void
test_nvme_unseen(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    HostHandOps ops = *fake->hand.ops;
    const HostHandOps *real = fake->hand.ops;
    g_autoptr(GError) error = NULL;

    fake_sysfs_put(fake, "/nvme/1", "0 2 2"); /* from an earlier use */
    ops.nvme_list = refuse_list;
    fake->hand.ops = &ops;
    g_autoptr(Plan) seen = make_nvme_vfs(fake, &error);
    fake->hand.ops = real;
    g_autoptr(Plan) real_plan = make_nvme_vfs(fake, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
    CU_ASSERT_PTR_NOT_NULL_FATAL(real_plan);
    if (seen == NULL || real_plan == NULL)
        return;
    CU_ASSERT_EQUAL(seen->steps->len, real_plan->steps->len + 2);
    g_autofree char *a = transaction_sum(seen);
    g_autofree char *b = transaction_sum(real_plan);
    CU_ASSERT_STRING_EQUAL(a, b);
    for (guint i = 0; i < seen->steps->len; i++) {
        const Step *s = plan_step(seen, i);
        if (!g_str_has_prefix(s->kind, "nvme-") || !step_is_root_read(s))
            continue;
        g_autofree char *undo = step_say_undo(s);
        CU_ASSERT_STRING_EQUAL(s->before, ""); /* no guess */
        CU_ASSERT_PTR_NOT_NULL(strstr(undo, "as before"));
        CU_ASSERT_FALSE(step_check(s, NULL)); /* and never applied so */
    }
}

static Plan *
give_mac(FakeSysfs *fake, GError **error)
{
    g_autoptr(HostPci) host = look(fake);
    g_autoptr(Plan) plan = plan_new("hold bind 0000:03:10.1");

    return sriov_add_mac(plan, &fake->hand, host,
                         "0000:03:10.1=52:54:00:AA:BB:01", error)
               ? g_steal_pointer(&plan)
               : NULL;
}

static Plan *
make_three(FakeSysfs *fake, GError **error)
{
    const SriovOptions options = {.persist = false};
    g_autoptr(HostPci) host = look(fake);

    return sriov_count_plan(&fake->hand, host, "03:00.0", 3, &options, error);
}

static void
test_mac_of_machine(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const PlanScribe scribe = {record_nothing, NULL, NULL};
    g_autoptr(GError) error = NULL;
    StepState done[] = {STEP_DONE};

    g_autoptr(Plan) three = make_three(fake, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(three);
    CU_ASSERT_TRUE_FATAL(plan_apply(&fake->hand, three, &scribe, NULL));
    g_autoptr(Plan) plan = give_mac(fake, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    if (plan == NULL)
        return;
    CU_ASSERT_EQUAL_FATAL(plan->steps->len, 1);
    const Step *step = plan_step(plan, 0);
    CU_ASSERT_STRING_EQUAL(step->kind, "vf-mac");
    CU_ASSERT_STRING_EQUAL(step->target, "0000:03:00.0 1");
    CU_ASSERT_STRING_EQUAL(step->after, "52:54:00:aa:bb:01");
    CU_ASSERT_TRUE(plan_apply(&fake->hand, plan, &scribe, NULL));
    g_autofree char *now = step_read(&fake->hand, step, NULL);
    CU_ASSERT_STRING_EQUAL(now, "52:54:00:aa:bb:01");
    CU_ASSERT_TRUE(plan_undo(&fake->hand, plan, done, false, &scribe, NULL));
    g_autofree char *then = step_read(&fake->hand, step, NULL);
    CU_ASSERT_STRING_EQUAL(then, step->before);
}

static void
test_mac_of_others(void)
{
    static const char *const pairs[] = {
        "0000:02:00.0=52:54:00:aa:bb:01", /* no virtual function */
        "0000:03:00.0=52:54:00:aa:bb:01",
        "0000:44:00.0=52:54:00:aa:bb:01",
        "0000:03:10.1",
        "0000:03:10.1=",
        "0000:03:10.1=53:54:00:aa:bb:01"};
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const PlanScribe scribe = {record_nothing, NULL, NULL};
    g_autoptr(Plan) three = make_three(fake, NULL);

    CU_ASSERT_TRUE_FATAL(plan_apply(&fake->hand, three, &scribe, NULL));
    g_autoptr(HostPci) host = look(fake);
    g_autoptr(Plan) plan = plan_new("x");
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GError) error = NULL;
        CU_ASSERT_FALSE(
            sriov_add_mac(plan, &fake->hand, host, pairs[i], &error));
        CU_ASSERT_PTR_NOT_NULL(error);
    }
    CU_ASSERT_EQUAL(plan->steps->len, 0);
}

static char *
meaning(const char *kind, const char *target, const char *from, const char *to)
{
    const Step step = {(char *) kind, (char *) target, (char *) from,
                       (char *) to};

    return step_mean(&step);
}

static void
test_meaning(void)
{
    static const char bdf[] = "0000:01:00.0";
    g_autofree char *from = meaning("driver", bdf, "nvidia", "");
    g_autofree char *to = meaning("driver", bdf, "", "vfio-pci");
    g_autofree char *none = meaning("vf-count", bdf, "3", "0");
    g_autofree char *some = meaning("vf-count", bdf, "0", "3");
    g_autofree char *file = meaning("file", "/etc/x", "", "0644 0 0\n");

    CU_ASSERT_STRING_EQUAL(from, "Take 0000:01:00.0 from its driver, nvidia");
    CU_ASSERT_STRING_EQUAL(to, "Give 0000:01:00.0 to vfio-pci");
    CU_ASSERT_STRING_EQUAL(none,
                           "Remove the virtual functions of 0000:01:00.0");
    CU_ASSERT_STRING_EQUAL(some, "Have 3 virtual functions of 0000:01:00.0");
    CU_ASSERT_PTR_NULL(file); /* "make the file /etc/x" says it */
}

/* What a plan writes into the file that ends in tail; NULL: nothing. */
static const char *
rule_of(const Plan *plan, const char *tail)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = plan_step(plan, i);
        if (strcmp(step->kind, "file") == 0 &&
            g_str_has_suffix(step->target, tail))
            return step->after;
    }
    return NULL;
}

static void
persist(FakeSysfs *fake, const char *setting)
{
    const char *settings[] = {setting, NULL};
    const PlanScribe scribe = {record_nothing, NULL, NULL};
    g_autoptr(HostPci) host = look(fake);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan =
        sriov_set_plan(&fake->hand, host, "03:00.0", 1, settings, true, &error);

    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_TRUE(plan_apply(&fake->hand, plan, &scribe, NULL));
}

/* One setting at a time, as the panel does. */
static void
test_rule_grows(void)
{
    static const char path[] =
        "/etc/udev/rules.d/70-carrel-vf-0000-03-00.0-1.rules";
    static const struct {
        const char *text;
        unsigned times;
    } wanted[] = {{"vf 1 mac 52:54:00:aa:bb:01\"", 1},
                  {"vf 1 vlan 7 qos 3\"", 1},
                  {"vlan", 1},
                  {"max_tx_rate 200\"", 1},
                  {"_tx_rate", 1},
                  {"ACTION==\"add\"", 3}};
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const PlanScribe scribe = {record_nothing, NULL, NULL};
    g_autoptr(Plan) three = make_three(fake, NULL);

    CU_ASSERT_TRUE_FATAL(plan_apply(&fake->hand, three, &scribe, NULL));
    persist(fake, "mac=52:54:00:aa:bb:01");
    persist(fake, "vlan=5");
    persist(fake, "rate=10-100");
    persist(fake, "vlan=7.3");
    persist(fake, "rate=200");
    g_autofree char *rule = fake_sysfs_get(fake, path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_auto(GStrv) parts = g_strsplit(rule, wanted[i].text, -1);
        CU_ASSERT_EQUAL(g_strv_length(parts), wanted[i].times + 1);
    }
}

/* At boot as now: the host's drivers do not take what a machine is to have. */
static void
test_rule_of_count(void)
{
    static const char tail[] = "/70-carrel-vf-0000-03-00.0.rules";
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(HostPci) host = look(fake);

    for (unsigned host_drivers = 0; host_drivers < 2; host_drivers++) {
        const SriovOptions options = {.persist = true,
                                      .host_drivers = host_drivers != 0};
        g_autoptr(Plan) plan =
            sriov_count_plan(&fake->hand, host, "03:00.0", 3, &options, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
        const char *rule = rule_of(plan, tail);
        CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
        const char *off = strstr(rule, "ATTR{sriov_drivers_autoprobe}=\"0\"");
        const char *count = strstr(rule, "ATTR{sriov_numvfs}=\"3\"");
        const char *on = strstr(rule, "ATTR{sriov_drivers_autoprobe}=\"1\"");
        CU_ASSERT_PTR_NOT_NULL(count);
        CU_ASSERT_EQUAL(off == NULL, host_drivers != 0);
        CU_ASSERT_TRUE(host_drivers != 0 || (off < count && count < on));
    }
}

CU_MAIN("sriov", {"what_only_root_reads_is_not_guessed", test_nvme_unseen},
        {"a_rule_keeps_what_was_set_before", test_rule_grows},
        {"a_rule_keeps_the_hosts_drivers_off_as_well", test_rule_of_count},
        {"a_machine_gives_its_function_an_address", test_mac_of_machine},
        {"addresses_of_others_are_refused", test_mac_of_others},
        {"a_step_says_what_it_is_for", test_meaning})
