/* tests/unit/test-cpu-model.c - CPUID as the named models show it. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "vmm/cpu/cpu-model.h"
#include "vmm/cpu/cpu.h"

/* A host with everything on, leaves 0..D and the usual extended ones. */
static GArray *
host_leaves(void)
{
    static const guint32 functions[] = {
        0,          1,          4,          7,          0xb,        0xd,
        0x40000000, 0x40000001, 0x80000000, 0x80000001, 0x80000002, 0x80000008};
    GArray *a = g_array_new(FALSE, TRUE, sizeof(CpuidLeaf));

    for (gsize i = 0; i < G_N_ELEMENTS(functions); i++) {
        CpuidLeaf leaf = {.function = functions[i],
                          .eax = 0xffffffff,
                          .ebx = 0xffffffff,
                          .ecx = 0xffffffff,
                          .edx = 0xffffffff};
        g_array_append_val(a, leaf);
    }
    return a;
}

/* A leaf of zeroes stands for one that is not there. */
static const CpuidLeaf *
leaf(const GArray *a, guint32 function)
{
    static const CpuidLeaf none;

    for (guint i = 0; i < a->len; i++)
        if (g_array_index(a, CpuidLeaf, i).function == function)
            return &g_array_index(a, CpuidLeaf, i);
    return &none;
}

static bool
has_leaf(const GArray *a, guint32 function)
{
    return leaf(a, function)->function == function;
}

static GArray *
apply(const char *model, unsigned n_vcpus, unsigned apic_id, bool hide)
{
    CpuModelContext ctx = {.n_vcpus = n_vcpus,
                           .hide_hypervisor = hide,
                           .tsc_deadline = true,
                           .tsc_khz = 2000000};
    GArray *a = host_leaves();

    cpu_model_apply(cpu_model_find(model), &ctx, apic_id, a);
    return a;
}

static void
test_names(void)
{
    unsigned n;
    const CpuModelInfo *infos = cpu_models(&n);

    CU_ASSERT_EQUAL(n, 5);
    for (unsigned i = 0; i < n; i++)
        CU_ASSERT_TRUE(cpu_model_exists(infos[i].name));
    CU_ASSERT_FALSE(cpu_model_exists("z80"));
}

static void
test_486(void)
{
    g_autoptr(GArray) a = apply("486", 1, 0, false);

    CU_ASSERT_EQUAL(leaf(a, 0)->eax, 1);
    CU_ASSERT_EQUAL(memcmp(&leaf(a, 0)->ebx, "Genu", 4), 0);
    CU_ASSERT_EQUAL(leaf(a, 1)->eax, 0x480);
    CU_ASSERT_EQUAL(leaf(a, 1)->edx, 0x3); /* FPU and VME, no TSC */
    CU_ASSERT_EQUAL(leaf(a, 1)->ecx, 0);
    CU_ASSERT_FALSE(has_leaf(a, 0x40000000));
    CU_ASSERT_FALSE(has_leaf(a, 0x80000000));
    CU_ASSERT_FALSE(has_leaf(a, 7));
}

static void
test_pentium3_for_nt4(void)
{
    g_autoptr(GArray) a = apply("pentium3", 1, 0, false);

    CU_ASSERT_EQUAL(leaf(a, 0)->eax, 2); /* above 3 crashes NT 4's set-up */
    CU_ASSERT_EQUAL(leaf(a, 1)->eax >> 8 & 0xf, 6);
    CU_ASSERT_TRUE((leaf(a, 1)->edx & 1u << 25) != 0);  /* SSE */
    CU_ASSERT_FALSE((leaf(a, 1)->edx & 1u << 26) != 0); /* no SSE2 */
}

static void
test_generic64(void)
{
    g_autoptr(GArray) a = apply("qemu64", 1, 0, false);

    CU_ASSERT_TRUE((leaf(a, 0x80000001)->edx & 1u << 29) != 0); /* LM */
    CU_ASSERT_TRUE((leaf(a, 1)->ecx & 1u << 31) != 0);          /* hypervisor */
    CU_ASSERT_EQUAL(leaf(a, 7)->ebx, 0);
}

static void
test_topology(void)
{
    g_autoptr(GArray) a = apply("host", 3, 2, false);

    CU_ASSERT_EQUAL(leaf(a, 1)->ebx >> 24, 2);
    CU_ASSERT_EQUAL(leaf(a, 1)->ebx >> 16 & 0xff, 4); /* rounded up */
    CU_ASSERT_TRUE((leaf(a, 1)->edx & 1u << 28) != 0);
    CU_ASSERT_EQUAL(leaf(a, 0xb)->edx, 2);
    CU_ASSERT_EQUAL(leaf(a, 0x80000008)->ecx & 0xff, 2); /* cores - 1 */
}

static void
test_single_cpu_has_no_ht(void)
{
    g_autoptr(GArray) a = apply("host", 1, 0, false);

    CU_ASSERT_FALSE((leaf(a, 1)->edx & 1u << 28) != 0);
}

static void
test_hidden(void)
{
    g_autoptr(GArray) a = apply("host", 1, 0, true);

    CU_ASSERT_FALSE(has_leaf(a, 0x40000000));
    CU_ASSERT_FALSE((leaf(a, 1)->ecx & 1u << 31) != 0);
}

static void
test_timing_leaf(void)
{
    g_autoptr(GArray) a = apply("host", 1, 0, false);

    CU_ASSERT_TRUE(has_leaf(a, 0x40000010));
    CU_ASSERT_EQUAL(leaf(a, 0x40000010)->eax, 2000000);
}

static void
test_svm_is_hidden(void)
{
    g_autoptr(GArray) a = apply("host", 1, 0, false);

    CU_ASSERT_EQUAL(leaf(a, 0x80000001)->ecx & 0x4, 0);
}

CU_MAIN("cpu-model", {"every_listed_model_exists", test_names},
        {"a_486_has_two_features_and_no_hypervisor", test_486},
        {"a_pentium_iii_stops_at_leaf_two", test_pentium3_for_nt4},
        {"the_generic_cpu_has_long_mode_and_no_leaf_7", test_generic64},
        {"topology_is_one_package_of_cores", test_topology},
        {"one_cpu_shows_no_hyper_threading", test_single_cpu_has_no_ht},
        {"hiding_takes_leaf_and_bit_away", test_hidden},
        {"the_timing_leaf_says_the_tsc_frequency", test_timing_leaf},
        {"guests_are_not_offered_svm", test_svm_is_hidden})
