/* vmm/core/vcpu.c - vCPU threads: run, stop when asked, say why they cannot go
 * on. A vCPU thread never waits for the loop; it only waits to be released. */
#include <sys/prctl.h>
#include <time.h>

#include "vmm/core/vm-internal.h"

/* A kick can meet a vCPU just before it enters KVM_RUN in a backend that has
 * no flag for it; a second one costs nothing. */
#define REKICK_US 5000

static bool
vcpu_should_wait(Vm *vm, Vcpu *v)
{
    return (vm->park || v->blocked) && !vm->quit;
}

/* Sleeps while the machine is parked; false: the thread is to end. */
static bool
vcpu_wait_released(Vm *vm, Vcpu *v)
{
    g_mutex_lock(&vm->vcpu_lock);
    if (vcpu_should_wait(vm, v)) {
        vm->n_parked++;
        g_cond_broadcast(&vm->vcpu_cond);
        while (vcpu_should_wait(vm, v))
            g_cond_wait(&vm->vcpu_cond, &vm->vcpu_lock);
        vm->n_parked--;
    }
    bool go_on = !vm->quit;
    g_mutex_unlock(&vm->vcpu_lock);
    return go_on;
}

static void
vcpu_block(Vm *vm, Vcpu *v)
{
    g_mutex_lock(&vm->vcpu_lock);
    v->blocked = true;
    g_mutex_unlock(&vm->vcpu_lock);
}

/* A register handler asked for a reset or power off: its CPU must not run on
 * into what follows the instruction (firmware puts a breakpoint there). */
void
vm_block_caller(Vm *vm)
{
    for (unsigned i = 0; i < vm->n_vcpus; i++) {
        Vcpu *v = &vm->vcpus[i];
        if (!__atomic_load_n(&v->has_posix, __ATOMIC_ACQUIRE) ||
            !pthread_equal(v->posix, pthread_self()))
            continue;
        vcpu_block(vm, v);
        vm->ops->vcpu_kick(vm->backend, i);
    }
}

static void
vcpu_handle(Vm *vm, Vcpu *v, CpuExit exit)
{
    switch (exit) {
    case CPU_EXIT_SHUTDOWN:
        vcpu_block(vm, v);
        vm_triple_fault(vm);
        break;
    case CPU_EXIT_RESET:
        vcpu_block(vm, v);
        vm_post_op(vm, OP_RESET, RESET_WARM, VM_RUNNING,
                   g_strdup("reset asked by the CPU"));
        break;
    case CPU_EXIT_POWEROFF:
        vcpu_block(vm, v);
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_STOPPED,
                   g_strdup("powered off by the guest"));
        break;
    case CPU_EXIT_ERROR:
        vcpu_block(vm, v);
        vm_post_cpu_error(vm, vm->ops->report(vm->backend, v->index));
        break;
    case CPU_EXIT_CONTINUE:
    case CPU_EXIT_KICKED:
    case CPU_EXIT_HALTED:
    default: break;
    }
}

static void
vcpu_begin(Vm *vm)
{
    g_mutex_lock(&vm->vcpu_lock);
    vm->n_begun++;
    g_cond_broadcast(&vm->vcpu_cond);
    g_mutex_unlock(&vm->vcpu_lock);
}

/* The caller of vm_start() has things to do that the guest can do without. */
void
vm_threads_wait_begun(Vm *vm)
{
    g_mutex_lock(&vm->vcpu_lock);
    while (vm->n_begun < vm->n_vcpus)
        g_cond_wait(&vm->vcpu_cond, &vm->vcpu_lock);
    g_mutex_unlock(&vm->vcpu_lock);
}

/* ---- speed ---- */

static void
kick_all(Vm *vm)
{
    for (unsigned i = 0; i < vm->n_vcpus; i++)
        if (vm->vcpus[i].thread != NULL)
            vm->ops->vcpu_kick(vm->backend, i);
}

static void
vcpu_sleep(Vm *vm, Vcpu *v, gint64 ns)
{
    gint64 end = g_get_monotonic_time() + (ns + 999) / 1000;

    g_mutex_lock(&vm->vcpu_lock);
    if (!vcpu_should_wait(vm, v) && !vm->quit)
        g_cond_wait_until(&vm->vcpu_cond, &vm->vcpu_lock, end);
    g_mutex_unlock(&vm->vcpu_lock);
}

static void
vcpu_unlimit(Vm *vm, Vcpu *v)
{
    if (v->limited)
        (void) vm->ops->vcpu_limit(vm->backend, v->index, 0);
    v->limited = false;
}

static void
vcpu_limit(Vm *vm, Vcpu *v, gint64 ns)
{
    v->limited = vm->ops->vcpu_limit(vm->backend, v->index, ns);
    if (v->limited || v->unlimitable)
        return;
    v->unlimitable = true; /* said once */
    vm->env.log(&vm->env, "machine",
                "speed: the host gives this machine no timer for it (limit of "
                "pending signals, ulimit -i); it runs at full speed");
}

/* True: the guest may run, as long as it is its turn. False: it has slept. */
static bool
vcpu_pace(Vm *vm, Vcpu *v)
{
    guint share = vm_speed(vm);

    if (share >= PACER_FULL) {
        vcpu_unlimit(vm, v);
        return true;
    }
    guint64 ran = vm->ops->stats(vm->backend, v->index).guest_ns;
    gint64 used = (gint64) (ran - v->paid);
    gint64 wait =
        pacer_pay(&v->pacer, share, g_get_monotonic_time() * 1000, used);
    v->paid = ran;
    v->used += used;
    if (wait > 0) {
        vcpu_sleep(vm, v, wait);
        return false;
    }
    vcpu_limit(vm, v, pacer_slice(&v->pacer, share, v->used));
    v->used = 0;
    return true;
}

void
vm_set_speed(Vm *vm, guint share)
{
    g_atomic_int_set(&vm->speed, CLAMP(share, PACER_SLOWEST, PACER_FULL));
    kick_all(vm); /* one at full speed does not look by itself */
    g_mutex_lock(&vm->vcpu_lock);
    g_cond_broadcast(&vm->vcpu_cond); /* nor one that sleeps */
    g_mutex_unlock(&vm->vcpu_lock);
}

static gpointer
vcpu_main(gpointer data)
{
    Vcpu *v = data;
    Vm *vm = v->vm;
    g_autoptr(GError) error = NULL;

    prctl(PR_SET_TIMERSLACK, 1UL);
    vm_pin_vcpu(vm, v->index);
    v->posix = pthread_self();
    __atomic_store_n(&v->has_posix, true, __ATOMIC_RELEASE);
    if (!vm->ops->vcpu_init(vm->backend, v->index, &error)) {
        vcpu_block(vm, v);
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_CRASHED,
                   g_strdup(error->message));
    }
    vcpu_begin(vm);
    while (vcpu_wait_released(vm, v)) {
        if (vcpu_pace(vm, v))
            vcpu_handle(vm, v, vm->ops->vcpu_run(vm->backend, v->index));
        vcpu_unlimit(vm, v); /* asleep or parked it needs no timer */
    }
    vm->ops->vcpu_done(vm->backend, v->index);
    return NULL;
}

void
vm_threads_start(Vm *vm)
{
    for (unsigned i = 0; i < vm->n_vcpus; i++) {
        g_autofree char *name = g_strdup_printf("vcpu:%u", i);
        vm->vcpus[i].vm = vm;
        vm->vcpus[i].index = i;
        vm->vcpus[i].thread = g_thread_new(name, vcpu_main, &vm->vcpus[i]);
    }
}

static unsigned
n_threads(const Vm *vm)
{
    return vm->n_vcpus > 0 && vm->vcpus[0].thread != NULL ? vm->n_vcpus : 0;
}

void
vm_park(Vm *vm)
{
    g_mutex_lock(&vm->vcpu_lock);
    vm->park = true;
    g_cond_broadcast(&vm->vcpu_cond); /* slow ones that sleep */
    while (vm->n_parked < n_threads(vm)) {
        kick_all(vm);
        g_cond_wait_until(&vm->vcpu_cond, &vm->vcpu_lock,
                          g_get_monotonic_time() + REKICK_US);
    }
    g_mutex_unlock(&vm->vcpu_lock);
}

void
vm_unpark(Vm *vm)
{
    g_mutex_lock(&vm->vcpu_lock);
    vm->park = false;
    g_cond_broadcast(&vm->vcpu_cond);
    g_mutex_unlock(&vm->vcpu_lock);
}

void
vm_unblock(Vm *vm)
{
    g_mutex_lock(&vm->vcpu_lock);
    for (unsigned i = 0; i < vm->n_vcpus; i++)
        vm->vcpus[i].blocked = false;
    g_cond_broadcast(&vm->vcpu_cond);
    g_mutex_unlock(&vm->vcpu_lock);
}

void
vm_threads_join(Vm *vm)
{
    g_mutex_lock(&vm->vcpu_lock);
    vm->quit = true;
    g_cond_broadcast(&vm->vcpu_cond);
    g_mutex_unlock(&vm->vcpu_lock);
    kick_all(vm);
    for (unsigned i = 0; i < vm->n_vcpus; i++) {
        if (vm->vcpus[i].thread != NULL)
            g_thread_join(vm->vcpus[i].thread);
        vm->vcpus[i].thread = NULL;
    }
}

guint64
vm_vcpu_cpu_ns(Vm *vm, unsigned vcpu)
{
    Vcpu *v = &vm->vcpus[vcpu];
    struct timespec ts;
    clockid_t clock;

    if (vcpu >= vm->n_vcpus ||
        !__atomic_load_n(&v->has_posix, __ATOMIC_ACQUIRE) ||
        pthread_getcpuclockid(v->posix, &clock) != 0 ||
        clock_gettime(clock, &ts) != 0)
        return 0;
    return (guint64) ts.tv_sec * NSEC_PER_SECOND + (guint64) ts.tv_nsec;
}
