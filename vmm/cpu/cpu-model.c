/* vmm/cpu/cpu-model.c - the CPU models a profile can name.
 *
 * Source: Intel SDM volume 2A (CPUID), AMD APM volume 3 appendix E. A model is
 * a mask over what the host offers: a guest never sees a feature that the
 * host cannot run. Old models also end the leaf list early (NT 4 stops at a
 * largest leaf above 3) and hide the hypervisor leaves. */
#include "vmm/cpu/cpu-model.h"

#include <string.h>

#include "vmm/cpu/cpu-hyperv.h"
#include "vmm/cpu/cpu.h"

G_DEFINE_QUARK(carrel - cpu - error - quark, carrel_cpu_error)

/* CPUID leaf 1 EDX */
#define F_FPU   (1u << 0)
#define F_VME   (1u << 1)
#define F_DE    (1u << 2)
#define F_PSE   (1u << 3)
#define F_TSC   (1u << 4)
#define F_MSR   (1u << 5)
#define F_PAE   (1u << 6)
#define F_MCE   (1u << 7)
#define F_CX8   (1u << 8)
#define F_APIC  (1u << 9)
#define F_SEP   (1u << 11)
#define F_MTRR  (1u << 12)
#define F_PGE   (1u << 13)
#define F_MCA   (1u << 14)
#define F_CMOV  (1u << 15)
#define F_PAT   (1u << 16)
#define F_PSE36 (1u << 17)
#define F_CLFSH (1u << 19)
#define F_MMX   (1u << 23)
#define F_FXSR  (1u << 24)
#define F_SSE   (1u << 25)
#define F_SSE2  (1u << 26)
#define F_HTT   (1u << 28)
/* leaf 1 ECX */
#define F_SSE3         (1u << 0)
#define F_CX16         (1u << 13)
#define F_X2APIC       (1u << 21)
#define F_TSC_DEADLINE (1u << 24)
#define F_HYPERVISOR   (1u << 31)
/* leaf 80000001 EDX, ECX */
#define X_SYSCALL (1u << 11)
#define X_NX      (1u << 20)
#define X_LM      (1u << 29)
#define X_LAHF    (1u << 0)
#define X_SVM     (1u << 2)
#define X_TOPOEXT (1u << 22)

/* leaf 80000007 EDX */
#define P_INVARIANT_TSC (1u << 8)
/* KVM's leaf 40000001 EAX: Linux Documentation/virt/kvm/x86/cpuid.rst */
#define K_CLOCKS (1u << 0 | 1u << 3 | 1u << 24)

#define EDX_486  (F_FPU | F_VME)
#define EDX_PENTIUM                                                            \
    (F_FPU | F_VME | F_DE | F_PSE | F_TSC | F_MSR | F_MCE | F_CX8 | F_APIC)
#define EDX_PENTIUM3                                                           \
    (EDX_PENTIUM | F_PAE | F_SEP | F_MTRR | F_PGE | F_MCA | F_CMOV | F_PAT |   \
     F_PSE36 | F_MMX | F_FXSR | F_SSE)
#define EDX_GENERIC64 (EDX_PENTIUM3 | F_CLFSH | F_SSE2)
/* The extended leaf repeats most of leaf 1 EDX on AMD's CPUs. */
#define EXT_EDX_GENERIC64                                                      \
    (EDX_PENTIUM3 & ~(F_SEP | F_SSE)) | X_SYSCALL | X_NX | X_LM

struct CpuModel {
    CpuModelInfo info;
    bool pass_through;    /* the host's, unmasked */
    bool hide_hypervisor; /* no leaf 40000000: old systems never ask */
    const char *vendor;   /* 12 characters */
    const char *brand;    /* NULL: no brand leaves */
    guint32 signature;    /* leaf 1 EAX */
    guint32 max_leaf, max_extended; /* 0: no extended leaves */
    guint32 edx, ecx, ext_edx, ext_ecx;
};

/* clang-format off */
static const CpuModel models[] = {
    { .info = { "host", "the host's own CPU: fastest, for today's systems" },
      .pass_through = true },
    { .info = { "qemu64", "a plain 64-bit CPU, the same on every host" },
      .vendor = "AuthenticAMD", .brand = "Carrel generic 64-bit CPU",
      .signature = 0x00060fb1, .max_leaf = 0xd, .max_extended = 0x80000008,
      .edx = EDX_GENERIC64, .ecx = F_SSE3 | F_CX16 | F_X2APIC | F_TSC_DEADLINE,
      .ext_edx = EXT_EDX_GENERIC64, .ext_ecx = X_LAHF },
    { .info = { "pentium3", "Pentium III: Windows 98 to XP, NT 4, BeOS" },
      .hide_hypervisor = true,
      .vendor = "GenuineIntel", .signature = 0x00000683, .max_leaf = 2,
      .edx = EDX_PENTIUM3 },
    { .info = { "pentium", "Pentium: Windows 95, NT 3.51, OS/2, DOS games" },
      .hide_hypervisor = true,
      .vendor = "GenuineIntel", .signature = 0x00000543, .max_leaf = 1,
      .edx = EDX_PENTIUM },
    { .info = { "486", "486DX4: DOS, Windows 3.x, early Unix" },
      .hide_hypervisor = true,
      .vendor = "GenuineIntel", .signature = 0x00000480, .max_leaf = 1,
      .edx = EDX_486 },
};
/* clang-format on */

const CpuModelInfo *
cpu_models(unsigned *ret_n)
{
    /* a flat copy for callers that only list names */
    static const CpuModelInfo infos[] = {
        {"host", "the host's own CPU: fastest, for today's systems"},
        {"qemu64", "a plain 64-bit CPU, the same on every host"},
        {"pentium3", "Pentium III: Windows 98 to XP, NT 4, BeOS"},
        {"pentium", "Pentium: Windows 95, NT 3.51, OS/2, DOS games"},
        {"486", "486DX4: DOS, Windows 3.x, early Unix"},
    };
    G_STATIC_ASSERT(G_N_ELEMENTS(infos) == G_N_ELEMENTS(models));

    *ret_n = G_N_ELEMENTS(infos);
    return infos;
}

const CpuModel *
cpu_model_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++)
        if (strcmp(models[i].info.name, name) == 0)
            return &models[i];
    return NULL;
}

bool
cpu_model_exists(const char *name)
{
    return cpu_model_find(name) != NULL;
}

/* ---- masks ---- */

static void
set_vendor(const CpuModel *m, CpuidLeaf *leaf)
{
    memcpy(&leaf->ebx, m->vendor, 4);
    memcpy(&leaf->edx, m->vendor + 4, 4);
    memcpy(&leaf->ecx, m->vendor + 8, 4);
}

static void
set_brand(const CpuModel *m, CpuidLeaf *leaf)
{
    char text[48] = {0};
    gsize at = (leaf->function - 0x80000002u) * 16;

    g_strlcpy(text, m->brand ? m->brand : "", sizeof text);
    memcpy(&leaf->eax, text + at, 4);
    memcpy(&leaf->ebx, text + at + 4, 4);
    memcpy(&leaf->ecx, text + at + 8, 4);
    memcpy(&leaf->edx, text + at + 12, 4);
}

static void
mask_leaf(const CpuModel *m, CpuidLeaf *leaf)
{
    switch (leaf->function) {
    case 0:
        leaf->eax = MIN(leaf->eax, m->max_leaf);
        set_vendor(m, leaf);
        break;
    case 1:
        leaf->eax = m->signature;
        leaf->edx &= m->edx;
        leaf->ecx &= m->ecx | F_HYPERVISOR;
        break;
    case 7: leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0; break;
    case 0x80000000u:
        leaf->eax = m->max_extended;
        set_vendor(m, leaf);
        break;
    case 0x80000001u:
        leaf->eax = m->signature;
        leaf->edx &= m->ext_edx;
        leaf->ecx &= m->ext_ecx;
        break;
    case 0x80000002u:
    case 0x80000003u:
    case 0x80000004u: set_brand(m, leaf); break;
    default: break;
    }
}

/* Leaves beyond the model's ends are taken out. */
static bool
leaf_exists(const CpuModel *m, guint32 function)
{
    if (m->pass_through)
        return true;
    if (function < 0x40000000u)
        return function <= m->max_leaf;
    if (function >= 0x80000000u)
        return m->max_extended != 0 && function <= m->max_extended;
    return true;
}

/* ---- topology ---- */

static unsigned
log2_ceil(unsigned n)
{
    return n <= 1 ? 0 : g_bit_storage(n - 1);
}

/* APIC ids count threads, then cores, then sockets: the shape below fits
 * because sizes are powers of two where something follows. */
typedef struct {
    unsigned threads;   /* of a core */
    unsigned in_socket; /* CPUs */
    unsigned cores;     /* of a socket */
} Shape;

static Shape
shape_of(const CpuModelContext *ctx)
{
    Shape s = {.threads = MAX(ctx->threads, 1)};

    s.in_socket = ctx->n_vcpus / MAX(ctx->sockets, 1);
    s.cores = s.in_socket / s.threads;
    return s;
}

static void
topology_leaf_b(const Shape *s, unsigned apic_id, CpuidLeaf *leaf)
{
    /* level 0: the threads of a core; level 1: all in the package */
    unsigned n = leaf->index == 0   ? s->threads
                 : leaf->index == 1 ? s->in_socket
                                    : 0;

    leaf->edx = apic_id;
    leaf->eax = log2_ceil(n);
    leaf->ebx = n;
    leaf->ecx = leaf->index == 0   ? 1u << 8 | 0
                : leaf->index == 1 ? 2u << 8 | 1
                                   : leaf->index;
}

/* Leaves 4 and 8000001D, one a cache: how many CPUs share it. The first two
 * levels are a core's, the third is the package's. */
static void
share_cache(const Shape *s, CpuidLeaf *leaf)
{
    unsigned level = leaf->eax >> 5 & 0x7;
    unsigned sharing = level < 3 ? s->threads : s->in_socket;

    if ((leaf->eax & 0x1f) != 0)
        leaf->eax = (leaf->eax & ~(0xfffu << 14)) | (sharing - 1) << 14;
}

static void
apply_topology(const CpuModelContext *ctx, unsigned apic_id, CpuidLeaf *leaf)
{
    Shape s = shape_of(ctx);
    unsigned n = s.in_socket;

    switch (leaf->function) {
    case 1:
        leaf->ebx = (leaf->ebx & 0x0000ffffu) | apic_id << 24 |
                    (1u << log2_ceil(n)) << 16;
        leaf->edx = n > 1 ? leaf->edx | F_HTT : leaf->edx & ~F_HTT;
        break;
    case 4:
        share_cache(&s, leaf);
        if ((leaf->eax & 0x1f) != 0)
            leaf->eax = (leaf->eax & 0x03ffffffu) | (s.cores - 1) << 26;
        break;
    case 0x8000001du: share_cache(&s, leaf); break;
    case 0xb:
    case 0x1f: topology_leaf_b(&s, apic_id, leaf); break;
    case 0x80000008u:
        leaf->ecx = (leaf->ecx & ~0xf0ffu) | log2_ceil(n) << 12 | (n - 1);
        break;
    case 0x8000001eu: /* core, threads of one; node, one a package */
        leaf->eax = apic_id;
        leaf->ebx = apic_id >> log2_ceil(s.threads) | (s.threads - 1) << 8;
        leaf->ecx = apic_id >> log2_ceil(n);
        break;
    default: break;
    }
}

static CpuidLeaf *
find_leaf(GArray *leaves, guint32 function)
{
    for (guint i = 0; i < leaves->len; i++) {
        CpuidLeaf *leaf = &g_array_index(leaves, CpuidLeaf, i);
        if (leaf->function == function)
            return leaf;
    }
    return NULL;
}

/* KVM since 6.2 reports the first level only, with nothing in it. Without the
 * second a guest takes each core for a package. */
static void
add_second_level(GArray *leaves, guint32 function)
{
    CpuidLeaf second = {.function = function, .index = 1, .indexed = true};
    bool first = false;

    for (guint i = 0; i < leaves->len; i++) {
        const CpuidLeaf *leaf = &g_array_index(leaves, CpuidLeaf, i);
        if (leaf->function != function)
            continue;
        if (leaf->index == 1)
            return;
        first = true;
    }
    if (first)
        g_array_append_val(leaves, second);
}

/* AMD's leaf of threads counts where TOPOEXT is set, which KVM leaves out on a
 * host that has none. */
static void
show_topology(const CpuModelContext *ctx, GArray *leaves)
{
    CpuidLeaf *features = find_leaf(leaves, 0x80000001u);

    add_second_level(leaves, 0xb);
    add_second_level(leaves, 0x1f);
    if (ctx->threads > 1 && features != NULL &&
        find_leaf(leaves, 0x8000001eu) != NULL)
        features->ecx |= X_TOPOEXT;
}

/* ---- hypervisor leaves ---- */

/* Leaf 40000010: TSC and APIC bus frequency in kHz; saves the firmware a
 * calibration. The emulated APIC timer counts nanoseconds. */
static void
add_timing_leaf(const CpuModelContext *ctx, GArray *leaves)
{
    CpuidLeaf *base = find_leaf(leaves, 0x40000000u);

    if (base == NULL || ctx->tsc_khz == 0)
        return;
    base->eax = MAX(base->eax, 0x40000010u);
    if (find_leaf(leaves, 0x40000010u) == NULL) {
        CpuidLeaf timing = {
            .function = 0x40000010u, .eax = ctx->tsc_khz, .ebx = 1000000};
        g_array_append_val(leaves, timing);
    }
}

static void
drop_leaves(const CpuModel *m, bool hide_backend, GArray *leaves)
{
    for (guint i = leaves->len; i-- > 0;) {
        guint32 f = g_array_index(leaves, CpuidLeaf, i).function;
        if (!leaf_exists(m, f) || (hide_backend && f >> 16 == 0x4000))
            g_array_remove_index(leaves, i);
    }
}

static void
leaf_1_platform(const CpuModelContext *ctx, const CpuModel *m, bool hide,
                CpuidLeaf *leaf)
{
    bool may_deadline = m->pass_through || (m->ecx & F_TSC_DEADLINE) != 0;

    leaf->ecx &= ~(F_HYPERVISOR | F_TSC_DEADLINE);
    if (!hide)
        leaf->ecx |= F_HYPERVISOR;
    if (ctx->tsc_deadline && may_deadline)
        leaf->ecx |= F_TSC_DEADLINE;
    /* reported only once an interrupt controller exists: always here */
    if (m->pass_through || (m->edx & F_APIC) != 0)
        leaf->edx |= F_APIC;
}

void
cpu_model_apply(const CpuModel *m, const CpuModelContext *ctx, unsigned apic_id,
                GArray *leaves)
{
    bool hide = m->hide_hypervisor || ctx->hide_hypervisor;

    drop_leaves(m, hide || ctx->hide_backend, leaves);
    show_topology(ctx, leaves);
    for (guint i = 0; i < leaves->len; i++) {
        CpuidLeaf *leaf = &g_array_index(leaves, CpuidLeaf, i);
        if (!m->pass_through)
            mask_leaf(m, leaf);
        if (leaf->function == 1)
            leaf_1_platform(ctx, m, hide, leaf);
        /* a guest of ours runs no guests yet */
        if (leaf->function == 0x80000001u)
            leaf->ecx &= ~X_SVM;
        if (leaf->function == 0x80000007u && ctx->plain_tsc)
            leaf->edx &= ~P_INVARIANT_TSC;
        if (leaf->function == 0x40000001u && ctx->hide_clock)
            leaf->eax &= ~K_CLOCKS;
        apply_topology(ctx, apic_id, leaf);
    }
    if (!hide && ctx->hyperv != NULL)
        cpu_hyperv_apply(ctx->hyperv, ctx->hv_vendor, leaves);
    else if (!hide)
        add_timing_leaf(ctx, leaves);
}

bool
cpu_model_tsc_is_invariant(const GArray *leaves)
{
    for (guint i = 0; i < leaves->len; i++) {
        const CpuidLeaf *leaf = &g_array_index(leaves, CpuidLeaf, i);
        if (leaf->function == 0x80000007u)
            return (leaf->edx & P_INVARIANT_TSC) != 0;
    }
    return false;
}
