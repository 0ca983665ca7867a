/* vmm/cpu/kvm/kvm-entry.c - a vCPU that starts where a loader says, in the
 * state in which firmware hands over.
 *
 * Intel SDM volume 3A: protected mode (chapter 3), entering IA-32e mode
 * (section 10.8.5), MTRRs (12.11). */
#include <errno.h>

#include "vmm/core/sysutil.h"
#include "vmm/cpu/kvm/kvm-internal.h"

#define CR0_PE            0x1u
#define CR0_ET            0x10u
#define CR0_PG            0x80000000u
#define CR4_PAE           0x20u
#define EFER_LME          0x100u
#define EFER_LMA          0x400u
#define FLAGS             0x2u /* the bit that is always one */

#define SEL_CODE          0x10
#define SEL_DATA          0x18
#define SEL_TSS           0x20

#define TYPE_CODE         11 /* execute, read, accessed */
#define TYPE_DATA         3  /* read, write, accessed */
#define TYPE_TSS          11 /* 32 or 64 bits, busy */

#define MSR_MISC_ENABLE   0x1a0
#define MISC_FAST_STRINGS 0x1u
#define MSR_MTRR_DEFAULT  0x2ff
#define MTRR_ON_WRITEBACK 0x806u

static struct kvm_segment
segment(guint16 selector, guint8 type, bool l)
{
    return (struct kvm_segment){
        .base = 0,
        .limit = 0xffffffff,
        .selector = selector,
        .type = type,
        .present = 1,
        .s = 1,
        .g = 1,
        .l = l,
        .db = !l,
    };
}

static void
fill_sregs(struct kvm_sregs *s, const CpuEntry *e)
{
    s->cs = segment(SEL_CODE, TYPE_CODE, e->long_mode);
    s->ds = s->es = s->fs = s->gs = s->ss = segment(SEL_DATA, TYPE_DATA, false);
    s->tr = (struct kvm_segment){
        .limit = 0x67, .selector = SEL_TSS, .type = TYPE_TSS, .present = 1};
    s->ldt = (struct kvm_segment){.unusable = 1};
    s->gdt.base = e->gdt;
    s->gdt.limit = e->gdt_limit;
    s->idt.base = 0;
    s->idt.limit = 0; /* an exception before the guest has a table resets */
    s->cr0 = CR0_PE | CR0_ET;
    s->cr4 = 0;
    s->efer = 0;
    if (!e->long_mode)
        return;
    s->cr0 |= CR0_PG;
    s->cr3 = e->page_tables;
    s->cr4 = CR4_PAE;
    s->efer = EFER_LME | EFER_LMA;
}

/* Hosts without the register refuse; the guest copes. */
static void
set_msr(KvmVcpu *v, guint32 index, guint64 value)
{
    KvmMsrs one = {.room = {0}};

    one.head.nmsrs = 1;
    one.head.entries[0].index = index;
    one.head.entries[0].data = value;
    (void) kvm_ioctl(v->fd, KVM_SET_MSRS, &one);
}

bool
kvm_set_entry(CpuBackend *b, const CpuEntry *entry, GError **error)
{
    KvmVcpu *v = &b->vcpus[0];
    struct kvm_sregs sregs = v->pristine.sregs;
    struct kvm_regs regs = {
        .rip = entry->rip,
        .rsp = entry->rsp,
        .rax = entry->rax,
        .rbx = entry->rbx,
        .rsi = entry->rsi,
        .rflags = FLAGS,
    };

    fill_sregs(&sregs, entry);
    if (kvm_ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0 ||
        kvm_ioctl(v->fd, KVM_SET_REGS, &regs) < 0)
        return sys_error(error, errno,
                         "KVM refused to start the guest's kernel in %s mode",
                         entry->long_mode ? "64-bit" : "32-bit");
    /* Firmware has switched the caches on; a kernel that finds the MTRRs off
     * does without write-combining as well. */
    for (unsigned i = 0; i < b->config.n_vcpus; i++) {
        set_msr(&b->vcpus[i], MSR_MTRR_DEFAULT, MTRR_ON_WRITEBACK);
        set_msr(&b->vcpus[i], MSR_MISC_ENABLE, MISC_FAST_STRINGS);
    }
    return true;
}
