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

/* ---- Hyper-V's interface ---- */

/* A backend that can do everything, also what we are not prepared for. */
static GArray *
hyperv_leaves(void)
{
    GArray *a = g_array_new(FALSE, TRUE, sizeof(CpuidLeaf));

    for (guint32 f = 0x40000000; f <= 0x40000006; f++) {
        CpuidLeaf leaf = {.function = f,
                          .eax = 0xffffffff,
                          .ebx = 0xfff,
                          .ecx = 0xffffffff,
                          .edx = 0xffffffff};
        g_array_append_val(a, leaf);
    }
    return a;
}

static GArray *
apply_hyperv(const char *model, const char *vendor, bool hide_backend)
{
    g_autoptr(GArray) hyperv = hyperv_leaves();
    CpuModelContext ctx = {.n_vcpus = 1,
                           .hide_backend = hide_backend,
                           .tsc_khz = 2000000,
                           .hyperv = hyperv,
                           .hv_vendor = vendor};
    GArray *a = host_leaves();

    cpu_model_apply(cpu_model_find(model), &ctx, 0, a);
    return a;
}

static void
test_hyperv(void)
{
    g_autoptr(GArray) a = apply_hyperv("host", "", false);
    char vendor[12];

    memcpy(vendor, &leaf(a, 0x40000000)->ebx, 4);
    memcpy(vendor + 4, &leaf(a, 0x40000000)->ecx, 4);
    memcpy(vendor + 8, &leaf(a, 0x40000000)->edx, 4);
    CU_ASSERT_NSTRING_EQUAL(vendor, "Microsoft Hv", 12);
    /* Linux wants at least 40000005 */
    CU_ASSERT_EQUAL(leaf(a, 0x40000000)->eax, 0x40000006);
    CU_ASSERT_EQUAL(leaf(a, 0x40000001)->eax, 0x31237648); /* "Hv#1" */
    CU_ASSERT_TRUE((leaf(a, 1)->ecx & 1u << 31) != 0);
    /* KVM's own are 256 higher, all ones here, and the base says how many */
    CU_ASSERT_EQUAL(leaf(a, 0x40000100)->ebx, 0xffffffff);
    CU_ASSERT_EQUAL(leaf(a, 0x40000101)->eax, 0xffffffff);
    CU_ASSERT_FALSE(has_leaf(a, 0x40000010));
}

static void
test_hyperv_shows_what_is_served(void)
{
    g_autoptr(GArray) a = apply_hyperv("host", "", false);

    /* runtime, counter, synic, timers, APIC, hypercalls, index, reset, TSC
     * page, frequencies; no reenlightenment (13) */
    CU_ASSERT_EQUAL(leaf(a, 0x40000003)->eax, 0x0aff);
    CU_ASSERT_EQUAL(leaf(a, 0x40000003)->ebx, 0); /* no posted messages */
    CU_ASSERT_EQUAL(leaf(a, 0x40000003)->edx, 0x00080110);
    /* no enlightened VMCS (14): a guest of ours runs no guests */
    CU_ASSERT_EQUAL(leaf(a, 0x40000004)->eax, 0x00040e2c);
    CU_ASSERT_EQUAL(leaf(a, 0x40000004)->ebx, 0xfff);
}

static void
test_hyperv_vendor(void)
{
    g_autoptr(GArray) a = apply_hyperv("host", "Short", true);

    CU_ASSERT_EQUAL(memcmp(&leaf(a, 0x40000000)->ebx, "Shor", 4), 0);
    CU_ASSERT_EQUAL(leaf(a, 0x40000000)->ecx, 't');
    CU_ASSERT_EQUAL(leaf(a, 0x40000000)->edx, 0);
    CU_ASSERT_FALSE(has_leaf(a, 0x40000100)); /* and KVM is not seen */
    CU_ASSERT_EQUAL(leaf(a, 0x40000001)->eax, 0x31237648);
}

static void
test_hyperv_on_an_old_model(void)
{
    g_autoptr(GArray) a = apply_hyperv("pentium", "", false);

    CU_ASSERT_FALSE(has_leaf(a, 0x40000000));
    CU_ASSERT_FALSE((leaf(a, 1)->ecx & 1u << 31) != 0);
}

/* ---- clocks ---- */

static void
test_kvm_leaf(void)
{
    CpuModelContext ctx = {.n_vcpus = 1, .hide_backend = true};
    g_autoptr(GArray) a = host_leaves();

    cpu_model_apply(cpu_model_find("host"), &ctx, 0, a);
    CU_ASSERT_FALSE(has_leaf(a, 0x40000000));
    CU_ASSERT_TRUE((leaf(a, 1)->ecx & 1u << 31) != 0); /* still a guest */
}

static void
test_kvmclock(void)
{
    CpuModelContext ctx = {.n_vcpus = 1, .hide_clock = true};
    g_autoptr(GArray) a = host_leaves();

    cpu_model_apply(cpu_model_find("host"), &ctx, 0, a);
    CU_ASSERT_EQUAL(leaf(a, 0x40000001)->eax, ~0x01000009u);
}

static void
test_invariant_tsc(void)
{
    CpuidLeaf power = {.function = 0x80000007, .edx = 0xffffffff};
    CpuModelContext ctx = {.n_vcpus = 1, .plain_tsc = true};
    g_autoptr(GArray) a = host_leaves();

    CU_ASSERT_FALSE(cpu_model_tsc_is_invariant(a)); /* no such leaf */
    g_array_append_val(a, power);
    CU_ASSERT_TRUE(cpu_model_tsc_is_invariant(a));
    cpu_model_apply(cpu_model_find("host"), &ctx, 0, a);
    CU_ASSERT_FALSE(cpu_model_tsc_is_invariant(a));
    CU_ASSERT_EQUAL(leaf(a, 0x80000007)->edx, ~0x100u);
}

/* ---- sockets, cores, threads ---- */

/* Leaf 0xb with a sub-leaf, which the table of the host has but once. */
static CpuidLeaf
level(unsigned n, unsigned sockets, unsigned threads, unsigned id, guint32 sub)
{
    CpuModelContext ctx = {
        .n_vcpus = n, .sockets = sockets, .threads = threads};
    CpuidLeaf b = {.function = 0xb, .index = sub, .indexed = true};
    g_autoptr(GArray) a = g_array_new(FALSE, TRUE, sizeof(CpuidLeaf));

    g_array_append_val(a, b);
    cpu_model_apply(cpu_model_find("host"), &ctx, id, a);
    return g_array_index(a, CpuidLeaf, 0);
}

static void
test_threads(void)
{
    CpuModelContext ctx = {.n_vcpus = 8, .threads = 2};
    CpuidLeaf amd = {.function = 0x8000001e};
    CpuidLeaf l1 = {.function = 0x8000001d, .eax = 0x7ffc121};
    CpuidLeaf l3 = {.function = 4, .index = 3, .eax = 0xfc000163};
    CpuidLeaf features = {.function = 0x80000001};
    g_autoptr(GArray) a = g_array_new(FALSE, TRUE, sizeof(CpuidLeaf));

    g_array_append_val(a, features);
    g_array_append_val(a, amd);
    g_array_append_val(a, l1);
    g_array_append_val(a, l3);
    cpu_model_apply(cpu_model_find("host"), &ctx, 5, a);
    CU_ASSERT_EQUAL(level(8, 1, 2, 5, 0).ebx, 2);
    CU_ASSERT_EQUAL(level(8, 1, 2, 5, 0).eax, 1); /* shift to the core */
    CU_ASSERT_EQUAL(level(8, 1, 2, 5, 1).ebx, 8);
    CU_ASSERT_EQUAL(level(8, 1, 2, 5, 1).eax, 3);     /* to the package */
    CU_ASSERT_EQUAL(leaf(a, 0x8000001e)->ebx, 0x102); /* core 2 of 2 threads */
    CU_ASSERT_EQUAL(leaf(a, 0x8000001d)->eax >> 14 & 0xfff, 1); /* L1: core */
    CU_ASSERT_EQUAL(leaf(a, 4)->eax >> 14 & 0xfff, 7); /* L3: package */
    CU_ASSERT_EQUAL(leaf(a, 4)->eax >> 26, 3);         /* four cores */
    /* a host without it: Linux would not look at 8000001E */
    CU_ASSERT_EQUAL(leaf(a, 0x80000001)->ecx, 1u << 22);
}

/* KVM since 6.2 reports one level of leaf 0xb, an older one two or three. */
static void
test_second_level(void)
{
    CpuModelContext ctx = {.n_vcpus = 4, .sockets = 1, .threads = 1};
    CpuidLeaf b = {.function = 0xb, .indexed = true};

    for (guint given = 1; given <= 3; given++) {
        g_autoptr(GArray) a = g_array_new(FALSE, TRUE, sizeof(CpuidLeaf));
        for (b.index = 0; b.index < given; b.index++)
            g_array_append_val(a, b);
        cpu_model_apply(cpu_model_find("host"), &ctx, 3, a);
        CU_ASSERT_EQUAL_FATAL(a->len, MAX(given, 2));
        const CpuidLeaf *second = &g_array_index(a, CpuidLeaf, 1);
        CU_ASSERT_TRUE(second->indexed);
        CU_ASSERT_EQUAL(second->index, 1);
        CU_ASSERT_EQUAL(second->eax, 2); /* all four are one package */
        CU_ASSERT_EQUAL(second->ebx, 4);
        CU_ASSERT_EQUAL(second->ecx, 2u << 8 | 1);
        CU_ASSERT_EQUAL(second->edx, 3);
    }
}

static void
test_sockets(void)
{
    CpuModelContext ctx = {.n_vcpus = 8, .sockets = 2, .threads = 1};
    g_autoptr(GArray) a = host_leaves();

    cpu_model_apply(cpu_model_find("host"), &ctx, 6, a);
    CU_ASSERT_EQUAL(leaf(a, 1)->ebx >> 24, 6);
    CU_ASSERT_EQUAL(leaf(a, 1)->ebx >> 16 & 0xff, 4); /* of one socket */
    CU_ASSERT_EQUAL(leaf(a, 0x80000008)->ecx & 0xff, 3);
    CU_ASSERT_EQUAL(level(8, 2, 1, 6, 1).eax, 2); /* APIC id 6 >> 2: socket 1 */
    CU_ASSERT_EQUAL(level(8, 2, 1, 6, 1).ebx, 4);
}

CU_MAIN("cpu-model", {"every_listed_model_exists", test_names},
        {"a_486_has_two_features_and_no_hypervisor", test_486},
        {"a_pentium_iii_stops_at_leaf_two", test_pentium3_for_nt4},
        {"the_generic_cpu_has_long_mode_and_no_leaf_7", test_generic64},
        {"topology_is_one_package_of_cores", test_topology},
        {"one_cpu_shows_no_hyper_threading", test_single_cpu_has_no_ht},
        {"hiding_takes_leaf_and_bit_away", test_hidden},
        {"the_timing_leaf_says_the_tsc_frequency", test_timing_leaf},
        {"guests_are_not_offered_svm", test_svm_is_hidden},
        {"hyper_v_is_first_and_kvm_is_moved", test_hyperv},
        {"hyper_v_shows_what_is_served", test_hyperv_shows_what_is_served},
        {"the_vendor_can_be_another", test_hyperv_vendor},
        {"old_models_show_no_hyper_v", test_hyperv_on_an_old_model},
        {"kvm_alone_can_be_hidden", test_kvm_leaf},
        {"kvm_s_clock_can_be_hidden", test_kvmclock},
        {"the_counter_can_be_a_plain_one", test_invariant_tsc},
        {"threads_share_a_core_and_its_caches", test_threads},
        {"cores_share_a_package", test_second_level},
        {"sockets_split_the_processors", test_sockets})
