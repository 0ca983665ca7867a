/* vmm/cpu/kvm/kvm-late-irq.c - helps interrupts in on hosts whose KVM has no
 * hardware virtualization (PVM: the guest's instructions are emulated).
 *
 * There KVM looks for a pending interrupt only when it enters the guest, and
 * misses the window that firmware opens for two instructions (sti; nop; pause;
 * cli) while it waits for the floppy: the read times out after five seconds.
 * A thread watches the 8259s after a device raised a line; while its request
 * waits unmasked, a bare signal makes the boot CPU leave and enter again at
 * odd moments, one of which falls into the window. (A kick would not do: it
 * acts on entry, right behind the port read of the loop. Single-stepping would
 * be exact, but guests crash under it there.) On real hardware none of this
 * exists. */
#include <cpuid.h>
#include <errno.h>
#include <string.h>

#include "vmm/cpu/kvm/kvm-internal.h"

#define LATE_POLL_MIN_US 60
#define LATE_POLL_MAX_US 260
/* Firmware that waits gives up after five seconds. Behind that somebody polls:
 * GRUB, for a key, with interrupts open only inside the BIOS's calls. Help him
 * too, as long as it takes, but at a rate that costs nothing. */
#define LATE_EAGER_US (6 * G_USEC_PER_SEC)
#define LATE_LAZY     20 /* times slower */

struct KvmLateIrq {
    CpuBackend *backend;
    void (*nudge)(CpuBackend *b, unsigned index);
    GThread *thread;
    guint raised; /* atomic: bit per ISA line that a device raised */
    GMutex lock;  /* L3 guards wanted, quit; inside the pin's lock */
    GCond cond;
    bool wanted, quit;
};

/* CPUID tells: VT-x is bit 5 of ECX in leaf 1, AMD-V bit 2 in leaf 80000001. */
bool
kvm_host_emulates(void)
{
    guint32 a, b, c, d;
    bool vtx = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 5)) != 0;
    bool amdv =
        __get_cpuid(0x80000001u, &a, &b, &c, &d) != 0 && (c & (1u << 2)) != 0;

    return !vtx && !amdv;
}

/* Requests of raised lines that wait unmasked; lines that were served are
 * forgotten. */
static bool
request_waits(KvmLateIrq *late)
{
    guint raised = __atomic_load_n(&late->raised, __ATOMIC_RELAXED);
    guint waiting = 0, served = 0;

    for (unsigned id = 0; id < 2; id++) {
        struct kvm_irqchip chip = {.chip_id = id};
        if (kvm_ioctl(late->backend->vm_fd, KVM_GET_IRQCHIP, &chip) < 0)
            continue;
        guint irr = chip.chip.pic.irr, imr = chip.chip.pic.imr;
        waiting |= (irr & ~imr & 0xff) << (8 * id);
        served |= (~irr & 0xff) << (8 * id);
    }
    __atomic_fetch_and(&late->raised, ~(raised & served), __ATOMIC_RELAXED);
    return (raised & waiting) != 0;
}

/* A line was raised since the last call. */
static bool
take_wanted(KvmLateIrq *late)
{
    g_mutex_lock(&late->lock);
    bool wanted = late->wanted;
    late->wanted = false;
    g_mutex_unlock(&late->lock);
    return wanted;
}

static void
help_in(KvmLateIrq *late)
{
    gint64 eager_until = g_get_monotonic_time() + LATE_EAGER_US;

    for (;;) {
        gulong pause =
            (gulong) g_random_int_range(LATE_POLL_MIN_US, LATE_POLL_MAX_US);
        gint64 now = g_get_monotonic_time();
        if (take_wanted(late))
            eager_until = now + LATE_EAGER_US;
        if (now > eager_until)
            pause *= LATE_LAZY;
        g_usleep(pause);
        if (__atomic_load_n(&late->quit, __ATOMIC_RELAXED) ||
            !request_waits(late))
            return;
        late->nudge(late->backend, 0);
    }
}

static gpointer
late_main(gpointer data)
{
    KvmLateIrq *late = data;

    for (;;) {
        g_mutex_lock(&late->lock);
        while (!late->wanted && !late->quit)
            g_cond_wait(&late->cond, &late->lock);
        late->wanted = false;
        bool quit = late->quit;
        g_mutex_unlock(&late->lock);
        if (quit)
            return NULL;
        help_in(late);
    }
}

KvmLateIrq *
kvm_late_irq_new(CpuBackend *b, void (*nudge)(CpuBackend *b, unsigned index))
{
    KvmLateIrq *late = g_new0(KvmLateIrq, 1);

    late->backend = b;
    late->nudge = nudge;
    g_mutex_init(&late->lock);
    g_cond_init(&late->cond);
    late->thread = g_thread_new("late-irq", late_main, late);
    return late;
}

void
kvm_late_irq_raised(KvmLateIrq *late, unsigned pin)
{
    __atomic_fetch_or(&late->raised, 1u << pin, __ATOMIC_RELAXED);
    g_mutex_lock(&late->lock);
    late->wanted = true;
    g_cond_signal(&late->cond);
    g_mutex_unlock(&late->lock);
}

void
kvm_late_irq_free(KvmLateIrq *late)
{
    if (late == NULL)
        return;
    g_mutex_lock(&late->lock);
    __atomic_store_n(&late->quit, true, __ATOMIC_RELAXED);
    g_cond_signal(&late->cond);
    g_mutex_unlock(&late->lock);
    g_thread_join(late->thread);
    g_mutex_clear(&late->lock);
    g_cond_clear(&late->cond);
    g_free(late);
}
