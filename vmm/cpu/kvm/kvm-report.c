/* vmm/cpu/kvm/kvm-report.c - a vCPU's state as text for people, when the
 * machine cannot go on. */
#include <string.h>

#include "vmm/cpu/kvm/kvm-internal.h"

#define CODE_BEFORE 16u
#define CODE_AFTER  16u
#define HEX64       "%016" G_GINT64_MODIFIER "x"
#define HEX         "%" G_GINT64_MODIFIER "x"

bool
kvm_get_regs(CpuBackend *b, unsigned index, CpuRegs *ret)
{
    KvmVcpu *v = &b->vcpus[index];
    struct kvm_regs r;
    struct kvm_sregs s;

    if (kvm_ioctl(v->fd, KVM_GET_REGS, &r) < 0 ||
        kvm_ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
        return false;
    /* clang-format off */
    *ret = (CpuRegs){
        .rax = r.rax, .rbx = r.rbx, .rcx = r.rcx, .rdx = r.rdx,
        .rsi = r.rsi, .rdi = r.rdi, .rsp = r.rsp, .rbp = r.rbp,
        .r = { r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15 },
        .rip = r.rip, .rflags = r.rflags,
        .cr0 = s.cr0, .cr2 = s.cr2, .cr3 = s.cr3, .cr4 = s.cr4,
        .efer = s.efer,
        .cs = { s.cs.selector, s.cs.base, s.cs.limit },
        .ss = { s.ss.selector, s.ss.base, s.ss.limit },
        .ds = { s.ds.selector, s.ds.base, s.ds.limit },
        .es = { s.es.selector, s.es.base, s.es.limit },
    };
    /* clang-format on */
    return true;
}

static const char *
mode_name(const CpuRegs *r)
{
    if ((r->cr0 & 1) == 0)
        return "real mode";
    if ((r->rflags & (1u << 17)) != 0)
        return "virtual 8086 mode";
    if ((r->efer & (1u << 10)) != 0)
        return "long mode";
    return (r->cr0 & (1u << 31)) != 0 ? "protected mode with paging"
                                      : "protected mode";
}

/* One byte of guest code; -1 where nothing is mapped. */
static int
code_byte(CpuBackend *b, KvmVcpu *v, guint64 linear)
{
    struct kvm_translation t = {.linear_address = linear};

    if (kvm_ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
        return -1;
    return (int) io_read(b->mmio, t.physical_address, 1);
}

static void
append_code(GString *out, CpuBackend *b, KvmVcpu *v, const CpuRegs *r)
{
    guint64 linear = r->cs.base + r->rip;

    if ((r->efer & (1u << 10)) == 0)
        linear &= 0xffffffffu;
    g_string_append_printf(
        out, "code at linear 0x" HEX " (the instruction is in brackets):\n ",
        linear);
    for (guint64 i = 0; i < CODE_BEFORE + CODE_AFTER; i++) {
        int byte = code_byte(b, v, linear - CODE_BEFORE + i);
        if (i == CODE_BEFORE)
            g_string_append(out, " [");
        else if (i != CODE_BEFORE + 1)
            g_string_append_c(out, ' ');
        if (byte < 0)
            g_string_append(out, "??");
        else
            g_string_append_printf(out, "%02x", (unsigned) byte);
        if (i == CODE_BEFORE)
            g_string_append(out, "] ");
    }
    g_string_append_c(out, '\n');
}

static void
append_regs(GString *out, const CpuRegs *r)
{
    static const char *const names[] = {"rax", "rbx", "rcx", "rdx",
                                        "rsi", "rdi", "rsp", "rbp"};
    const guint64 values[] = {r->rax, r->rbx, r->rcx, r->rdx,
                              r->rsi, r->rdi, r->rsp, r->rbp};

    for (unsigned i = 0; i < 8; i++)
        g_string_append_printf(out, "%s " HEX64 "%s", names[i], values[i],
                               i % 4 == 3 ? "\n" : "  ");
    for (unsigned i = 0; i < 8; i++)
        g_string_append_printf(out, "r%-2u " HEX64 "%s", i + 8, r->r[i],
                               i % 4 == 3 ? "\n" : "  ");
    g_string_append_printf(out,
                           "rip " HEX64 "  flags %08x  cr0 %08x  cr2 " HEX
                           "  cr3 " HEX "  cr4 %08x  efer %x\n",
                           r->rip, (unsigned) r->rflags, (unsigned) r->cr0,
                           r->cr2, r->cr3, (unsigned) r->cr4,
                           (unsigned) r->efer);
    g_string_append_printf(out,
                           "cs %04x base " HEX " limit %x  ss %04x base " HEX
                           "  ds %04x  es %04x\n",
                           r->cs.selector, r->cs.base, r->cs.limit,
                           r->ss.selector, r->ss.base, r->ds.selector,
                           r->es.selector);
}

static const char *
advice(KvmVcpu *v)
{
    if (strstr(v->error, "emulated") != NULL)
        return "what to try: this host's KVM runs guest code through an "
               "emulator that lacks this instruction (hosts that are "
               "themselves virtual machines do); use a host with VT-x or "
               "AMD-V, or an older operating system in the guest";
    return "what to try: start again with another CPU model "
           "(machine.cpu-model), fewer CPUs, or a newer host kernel; the "
           "machine's log holds this report";
}

char *
kvm_report(CpuBackend *b, unsigned index)
{
    KvmVcpu *v = &b->vcpus[index];
    GString *out = g_string_new(NULL);
    CpuRegs regs;

    g_string_append_printf(out, "CPU %u: %s", index,
                           v->error != NULL ? v->error : "stopped");
    if (!kvm_get_regs(b, index, &regs)) {
        g_string_append(out, "; registers cannot be read\n");
        return g_string_free(out, FALSE);
    }
    g_string_append_printf(out, " (%s, %04x:" HEX ")\n", mode_name(&regs),
                           regs.cs.selector, regs.rip);
    append_regs(out, &regs);
    append_code(out, b, v, &regs);
    if (v->error != NULL)
        g_string_append_printf(out, "%s\n", advice(v));
    return g_string_free(out, FALSE);
}
