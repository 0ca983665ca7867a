/* vmm/cpu/cpu-hyperv.c - CPUID of the Hyper-V interface.
 *
 * Source: Microsoft, Hypervisor Top Level Functional Specification, section
 * 2.4 (feature discovery). Deliberately missing: VMBus (posted messages and
 * signalled events would come to us, and there is no bus), nested enlightened
 * VMCS (a guest of ours runs no guests), reenlightenment (machines do not
 * move between hosts), crash registers, the debugger. */
#include "vmm/cpu/cpu-hyperv.h"

#include <string.h>

#define HV_BASE      0x40000000u
#define HV_INTERFACE 0x40000001u
#define HV_VERSION   0x40000002u
#define HV_FEATURES  0x40000003u
#define HV_ADVICE    0x40000004u
#define HV_LIMITS    0x40000005u
#define HV_HARDWARE  0x40000006u
#define HV_END       0x400000ffu
#define MOVED_BY     0x100u

/* 40000003 EAX: synthetic registers that the guest may use */
#define FEATURE_VP_RUNTIME     (1u << 0)
#define FEATURE_TIME_REF_COUNT (1u << 1)
#define FEATURE_SYNIC          (1u << 2)
#define FEATURE_STIMER         (1u << 3)
#define FEATURE_APIC           (1u << 4)
#define FEATURE_HYPERCALL      (1u << 5)
#define FEATURE_VP_INDEX       (1u << 6)
#define FEATURE_RESET          (1u << 7)
#define FEATURE_REFERENCE_TSC  (1u << 9)
#define FEATURE_FREQUENCY      (1u << 11)
#define FEATURES                                                               \
    (FEATURE_VP_RUNTIME | FEATURE_TIME_REF_COUNT | FEATURE_SYNIC |             \
     FEATURE_STIMER | FEATURE_APIC | FEATURE_HYPERCALL | FEATURE_VP_INDEX |    \
     FEATURE_RESET | FEATURE_REFERENCE_TSC | FEATURE_FREQUENCY)
/* EDX */
#define MISC_XMM_INPUT     (1u << 4)
#define MISC_FREQUENCY     (1u << 8)
#define MISC_DIRECT_STIMER (1u << 19)
#define MISC               (MISC_XMM_INPUT | MISC_FREQUENCY | MISC_DIRECT_STIMER)

/* 40000004 EAX: what the guest had better do */
#define ADVICE_REMOTE_TLB_FLUSH (1u << 2)
#define ADVICE_APIC_MSRS        (1u << 3)
#define ADVICE_RELAXED_TIMING   (1u << 5)
#define ADVICE_NO_AUTO_EOI      (1u << 9)
#define ADVICE_CLUSTER_IPI      (1u << 10)
#define ADVICE_PROCESSOR_MASKS  (1u << 11)
#define ADVICE_NO_CORE_SHARING  (1u << 18)
#define ADVICE                                                                 \
    (ADVICE_REMOTE_TLB_FLUSH | ADVICE_APIC_MSRS | ADVICE_RELAXED_TIMING |      \
     ADVICE_NO_AUTO_EOI | ADVICE_CLUSTER_IPI | ADVICE_PROCESSOR_MASKS |        \
     ADVICE_NO_CORE_SHARING)

#define INTERFACE_HV1 0x31237648u /* "Hv#1": all that Windows looks at */

static const CpuidLeaf *
find(const GArray *leaves, guint32 function)
{
    for (guint i = 0; i < leaves->len; i++) {
        const CpuidLeaf *leaf = &g_array_index(leaves, CpuidLeaf, i);
        if (leaf->function == function)
            return leaf;
    }
    return NULL;
}

/* Drivers of the backend look for its name every 256 leaves. */
static void
move_backend(GArray *leaves)
{
    for (guint i = 0; i < leaves->len; i++) {
        CpuidLeaf *leaf = &g_array_index(leaves, CpuidLeaf, i);
        if (leaf->function < HV_BASE || leaf->function > HV_END)
            continue;
        if (leaf->function == HV_BASE)
            leaf->eax += MOVED_BY; /* its largest leaf */
        leaf->function += MOVED_BY;
    }
}

static void
mask_leaf(CpuidLeaf *leaf)
{
    switch (leaf->function) {
    case HV_FEATURES:
        leaf->eax &= FEATURES;
        leaf->ebx = leaf->ecx = 0; /* of a partition that has no bus */
        leaf->edx &= MISC;
        break;
    case HV_ADVICE: /* EBX: how often to try a lock before telling us */
        leaf->eax &= ADVICE;
        leaf->ecx = leaf->edx = 0;
        break;
    default: break;
    }
}

static void
add(GArray *leaves, guint32 function, const CpuidLeaf *from)
{
    CpuidLeaf leaf = {.function = function};

    if (from != NULL)
        leaf = *from;
    mask_leaf(&leaf);
    g_array_append_val(leaves, leaf);
}

void
cpu_hyperv_apply(const GArray *supported, const char *vendor, GArray *leaves)
{
    CpuidLeaf base = {.function = HV_BASE, .eax = HV_HARDWARE};
    CpuidLeaf interface = {.function = HV_INTERFACE, .eax = INTERFACE_HV1};
    char name[CPU_HYPERV_VENDOR_LEN + 1] = {0};

    move_backend(leaves);
    g_strlcpy(name, *vendor != '\0' ? vendor : "Microsoft Hv", sizeof name);
    memcpy(&base.ebx, name, 4);
    memcpy(&base.ecx, name + 4, 4);
    memcpy(&base.edx, name + 8, 4);
    add(leaves, HV_BASE, &base);
    add(leaves, HV_INTERFACE, &interface);
    for (guint32 f = HV_VERSION; f <= HV_HARDWARE; f++)
        add(leaves, f, find(supported, f));
}
