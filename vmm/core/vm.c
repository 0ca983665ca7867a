/* vmm/core/vm.c - see vm.h: creation, and life-cycle operations.
 *
 * Each operation runs on the loop in the order of the pause protocol: park
 * every vCPU, quiesce the devices, wait until they are quiet, act, resume. The
 * wait is a polling timer and not a nested loop, so completions arrive by
 * their usual way. */
#include "vmm/core/vm.h"

#include "vmm/core/error.h"
#include "vmm/core/vm-internal.h"
#include "vmm/loop/loop.h"

#define QUIET_POLL_NS (200 * NSEC_PER_USEC)
/* A disk on a dead network file system must not hold a stop for ever. */
#define QUIET_LIMIT_NS (10 * NSEC_PER_SECOND)
#define WAKE_AGAIN_NS  (100 * NSEC_PER_MSEC)
/* A guest that does nothing but reset itself burns the host: give up. */
#define STORM_WINDOW_NS   (10 * NSEC_PER_SECOND)
#define RESETS_PER_WINDOW 200u

/* ---- state ---- */

const char *
vm_state_name(VmState state)
{
    static const char *const names[] = {
        [VM_NEW] = "new",         [VM_RUNNING] = "running",
        [VM_PAUSED] = "paused",   [VM_STOPPED] = "stopped",
        [VM_CRASHED] = "crashed", [VM_SUSPENDED] = "suspended",
    };

    return names[state];
}

VmState
vm_state(Vm *vm)
{
    g_mutex_lock(&vm->state_lock);
    VmState state = vm->state;
    g_mutex_unlock(&vm->state_lock);
    return state;
}

char *
vm_reason(Vm *vm)
{
    g_mutex_lock(&vm->state_lock);
    char *reason = g_strdup(vm->reason != NULL ? vm->reason : "");
    g_mutex_unlock(&vm->state_lock);
    return reason;
}

static void
set_state(Vm *vm, VmState state, const char *reason)
{
    g_mutex_lock(&vm->state_lock);
    vm->state = state;
    g_free(vm->reason);
    vm->reason = g_strdup(reason);
    g_mutex_unlock(&vm->state_lock);
    if (vm->events.state_changed != NULL)
        vm->events.state_changed(vm->data, state, reason ? reason : "");
}

static void
vm_log(Vm *vm, const char *line)
{
    if (vm->events.log != NULL)
        vm->events.log(vm->data, "machine", line);
}

/* ---- the operations, loop thread ---- */

static void
each_device(Vm *vm, void (*fn)(Device *dev))
{
    for (guint i = 0; i < vm->devices->len; i++)
        fn(g_ptr_array_index(vm->devices, i));
}

/* NULL: all are quiet. */
static Device *
busy_device(Vm *vm)
{
    for (guint i = 0; i < vm->devices->len; i++)
        if (!device_is_quiet(g_ptr_array_index(vm->devices, i)))
            return g_ptr_array_index(vm->devices, i);
    return NULL;
}

static void
go_running(Vm *vm)
{
    g_clear_pointer(&vm->wake_again, g_free);
    loop_guest_clock_start(vm->env.loop);
    each_device(vm, device_resume);
    set_state(vm, VM_RUNNING, NULL);
    vm_unpark(vm);
}

static void
act_reset_devices(Vm *vm, ResetKind kind)
{
    for (guint i = 0; i < vm->devices->len; i++)
        device_reset(g_ptr_array_index(vm->devices, i), kind);
}

static void
act_start(Vm *vm, VmOp *op)
{
    act_reset_devices(vm, RESET_COLD);
    if (!vm_load(vm, &op->error))
        return;
    vm_threads_start(vm);
    if (op->paused)
        set_state(vm, VM_PAUSED, NULL);
    else
        go_running(vm);
}

static void
act_pause(Vm *vm, VmOp *op)
{
    loop_guest_clock_stop(vm->env.loop);
    vm->ops->clock_stop(vm->backend);
    set_state(vm, VM_PAUSED, NULL);
}

static void
act_resume(Vm *vm, VmOp *op)
{
    vm->ops->clock_start(vm->backend);
    go_running(vm);
    if (vm->sleep_op != NULL) /* the next that is done */
        g_queue_push_head(&vm->ops_waiting, g_steal_pointer(&vm->sleep_op));
}

/* What was going on when the operation began goes on. */
static void
carry_on(Vm *vm)
{
    if (vm->parked_for_op || vm_state(vm) == VM_SUSPENDED) {
        loop_guest_clock_start(vm->env.loop);
        each_device(vm, device_resume);
    }
    if (vm->parked_for_op)
        vm_unpark(vm);
}

static void
act_suspend(Vm *vm, VmOp *op)
{
    set_state(vm, VM_SUSPENDED, op->reason);
    vm_log(vm, op->reason);
    vm->parked_for_op = false; /* its CPUs stay parked */
    carry_on(vm);
}

static void
act_wake(Vm *vm, VmOp *op)
{
    g_autoptr(GError) error = NULL;

    /* first: a device may ask for the guest, whose controllers are new then */
    if (!vm->ops->reset(vm->backend, &error)) {
        loop_guest_clock_stop(vm->env.loop);
        set_state(vm, VM_CRASHED, error->message);
        return;
    }
    act_reset_devices(vm, RESET_WAKE);
    vm_unblock(vm);
    vm_log(vm, op->reason);
    go_running(vm);
}

static void
act_reset(Vm *vm, VmOp *op)
{
    g_autoptr(GError) error = NULL;

    act_reset_devices(vm, op->reset);
    if (!vm->ops->reset(vm->backend, &error) || !vm_load(vm, &error)) {
        loop_guest_clock_stop(vm->env.loop);
        set_state(vm, VM_CRASHED, error->message);
        return;
    }
    vm_unblock(vm);
    g_atomic_int_inc(&vm->resets);
    if (op->reason != NULL)
        vm_log(vm, op->reason);
    if (vm->events.was_reset != NULL)
        vm->events.was_reset(vm->data, op->reason ? op->reason : "");
    if (vm_state(vm) == VM_SUSPENDED) {
        go_running(vm);
    } else if (vm->parked_for_op) {
        each_device(vm, device_resume);
        vm_unpark(vm);
    }
}

static void
act_stop(Vm *vm, VmOp *op)
{
    loop_guest_clock_stop(vm->env.loop);
    set_state(vm, op->final_state, op->reason);
}

static void
act_call(Vm *vm, VmOp *op)
{
    op->fn(vm, op->data);
    carry_on(vm);
}

#define IN(state) (1u << (state))

/* clang-format off */
static const struct {
    const char *name;
    unsigned allowed; /* states it may begin in */
    bool parks;       /* runs the pause protocol first */
    void (*act)(Vm *vm, VmOp *op);
} op_table[] = {
    [OP_START]  = { "start",  IN(VM_NEW),                   false, act_start },
    [OP_PAUSE]  = { "pause",  IN(VM_RUNNING) | IN(VM_PAUSED), true, act_pause },
    [OP_RESUME] = { "resume", IN(VM_PAUSED) | IN(VM_RUNNING), false, act_resume },
    [OP_RESET]  = { "reset",  IN(VM_RUNNING) | IN(VM_PAUSED) | IN(VM_SUSPENDED),
                    true, act_reset },
    [OP_STOP]   = { "stop",   IN(VM_NEW) | IN(VM_RUNNING) | IN(VM_PAUSED) |
                    IN(VM_SUSPENDED), true, act_stop },
    [OP_CALL]   = { "save",   IN(VM_NEW) | IN(VM_RUNNING) | IN(VM_PAUSED) |
                    IN(VM_SUSPENDED), true, act_call },
    [OP_SUSPEND] = { "suspend", IN(VM_RUNNING) | IN(VM_PAUSED), true,
                     act_suspend },
    [OP_WAKE]   = { "wake",   IN(VM_SUSPENDED),             true, act_wake },
};
/* clang-format on */

static void op_begin_next(void *data);

static void
op_free(VmOp *op)
{
    g_clear_error(&op->error);
    g_free(op->reason);
    g_free(op);
}

static void
op_finish(Vm *vm)
{
    VmOp *op = vm->op;

    vm->op = NULL;
    if (op->has_waiter) {
        g_mutex_lock(&vm->op_lock);
        op->done = true;
        g_cond_broadcast(&vm->op_cond);
        g_mutex_unlock(&vm->op_lock);
    } else {
        op_free(op);
    }
    /* not by recursion: a guest can ask for resets in a row */
    loop_post(vm->env.loop, op_begin_next, vm);
}

static void
op_act(Vm *vm)
{
    op_table[vm->op->kind].act(vm, vm->op);
    op_finish(vm);
}

/* What woke it does not come again by itself. */
static void
wake_when_quiet(void *data)
{
    Vm *vm = data;

    if (vm->wake_again == NULL || vm_state(vm) != VM_SUSPENDED)
        return; /* it is awake, or has ended */
    if (busy_device(vm) != NULL)
        timer_arm(vm->wake_timer,
                  loop_now_ns(vm->env.loop, CLOCK_HOST) + WAKE_AGAIN_NS);
    else
        vm_post_op(vm, OP_WAKE, RESET_COLD, VM_RUNNING,
                   g_steal_pointer(&vm->wake_again));
}

/* Nobody waits for what a device asked for: the log has to say it. */
static void
op_given_up_unheard(Vm *vm)
{
    vm_log(vm, vm->op->error->message);
    if (vm->op->kind != OP_WAKE)
        return;
    g_free(vm->wake_again);
    vm->wake_again = g_steal_pointer(&vm->op->reason);
    wake_when_quiet(vm);
}

/* Work that never ends still points into the device: nothing may be reset or
 * saved under it. Stopping is the one thing that can be done. */
static void
op_give_up(Vm *vm, Device *busy)
{
    g_autofree char *why = g_strdup_printf(
        "device '%s' did not finish its work in 10 s; the storage behind it "
        "does not answer",
        busy->id);

    /* to suspend, devices need not rest: they work on */
    if (vm->op->kind == OP_STOP || vm->op->kind == OP_SUSPEND) {
        vm_log(vm, why);
        op_act(vm);
        return;
    }
    g_set_error(&vm->op->error, CARREL_ERROR, CARREL_ERROR_TIMED_OUT,
                "cannot %s machine '%s': %s", op_table[vm->op->kind].name,
                vm->name, why);
    if (vm->op->kind == OP_RESET) {
        loop_guest_clock_stop(vm->env.loop);
        set_state(vm, VM_CRASHED, why);
    } else {
        carry_on(vm);
    }
    if (!vm->op->has_waiter)
        op_given_up_unheard(vm);
    op_finish(vm);
}

static void
op_wait_quiet(void *data)
{
    Vm *vm = data;
    gint64 now = loop_now_ns(vm->env.loop, CLOCK_HOST);
    Device *busy = busy_device(vm);

    if (busy == NULL)
        op_act(vm);
    else if (now < vm->quiet_limit)
        timer_arm(vm->quiet_timer, now + QUIET_POLL_NS);
    else
        op_give_up(vm, busy);
}

/* Doing twice what is already so is fine for people and scripts. */
static bool
op_is_redundant(Vm *vm, const VmOp *op)
{
    VmState state = vm_state(vm);

    return (op->kind == OP_PAUSE && state == VM_PAUSED) ||
           (op->kind == OP_RESUME && state == VM_RUNNING) ||
           (op->from_cpu && op->resets != vm_reset_count(vm));
}

/* A guest that was paused as it fell asleep does so when it goes on; its CPU is
 * blocked until then. */
static void
op_keep(Vm *vm)
{
    g_clear_pointer(&vm->sleep_op, op_free);
    vm->sleep_op = g_steal_pointer(&vm->op);
    loop_post(vm->env.loop, op_begin_next, vm);
}

static void
op_begin(Vm *vm, VmOp *op)
{
    VmState state = vm_state(vm);

    vm->op = op;
    if ((op_table[op->kind].allowed & IN(state)) == 0) {
        g_set_error(&op->error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "cannot %s machine '%s': it is %s", op_table[op->kind].name,
                    vm->name, vm_state_name(state));
        op_finish(vm);
        return;
    }
    if (op_is_redundant(vm, op)) {
        op_finish(vm);
        return;
    }
    if (op->kind == OP_SUSPEND && state == VM_PAUSED) {
        op_keep(vm);
        return;
    }
    if (!op_table[op->kind].parks) {
        op_act(vm);
        return;
    }
    vm->parked_for_op = state == VM_RUNNING;
    vm_park(vm);
    each_device(vm, device_quiesce);
    vm->quiet_limit = loop_now_ns(vm->env.loop, CLOCK_HOST) + vm->patience;
    op_wait_quiet(vm);
}

static void
op_begin_next(void *data)
{
    Vm *vm = data;

    if (vm->op != NULL || g_queue_is_empty(&vm->ops_waiting))
        return;
    op_begin(vm, g_queue_pop_head(&vm->ops_waiting));
}

/* A second reset by the guest while one waits would do the same again. */
static bool
reset_is_waiting(Vm *vm)
{
    for (GList *l = vm->ops_waiting.head; l != NULL; l = l->next)
        if (((VmOp *) l->data)->kind == OP_RESET)
            return true;
    return false;
}

typedef struct {
    Vm *vm;
    VmOp *op;
} OpPost;

static void
op_queue(void *data)
{
    OpPost *post = data;

    if (post->op->kind == OP_RESET && !post->op->has_waiter &&
        reset_is_waiting(post->vm)) {
        op_free(post->op);
    } else {
        g_queue_push_tail(&post->vm->ops_waiting, post->op);
        op_begin_next(post->vm);
    }
    g_free(post);
}

static void
op_post(Vm *vm, VmOp *op)
{
    OpPost *post = g_new(OpPost, 1);

    *post = (OpPost){vm, op};
    loop_post(vm->env.loop, op_queue, post);
}

static bool
op_run(Vm *vm, VmOp *op, GError **error)
{
    g_assert(!loop_is_owner(vm->env.loop));
    op->has_waiter = true;
    op_post(vm, op);
    g_mutex_lock(&vm->op_lock);
    while (!op->done)
        g_cond_wait(&vm->op_cond, &vm->op_lock);
    g_mutex_unlock(&vm->op_lock);
    bool ok = op->error == NULL;
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&op->error));
    op_free(op);
    return ok;
}

static VmOp *
op_new(VmOpKind kind)
{
    VmOp *op = g_new0(VmOp, 1);

    op->kind = kind;
    return op;
}

void
vm_post_op(Vm *vm, VmOpKind kind, ResetKind reset, VmState final_state,
           char *reason)
{
    VmOp *op = op_new(kind);

    op->reset = reset;
    op->final_state = final_state;
    op->reason = reason;
    op_post(vm, op);
}

/* Nothing any more once the machine was reset. */
static void
post_from_cpu(Vm *vm, VmOp *op)
{
    op->from_cpu = true;
    op->resets = vm_reset_count(vm);
    op_post(vm, op);
}

void
vm_post_cpu_error(Vm *vm, char *report)
{
    VmOp *op = op_new(OP_STOP);

    op->final_state = VM_CRASHED;
    op->reason = report;
    post_from_cpu(vm, op);
}

/* why is taken. */
static void
post_suspend(Vm *vm, char *why)
{
    VmOp *op = op_new(OP_SUSPEND);

    op->reason = why;
    post_from_cpu(vm, op);
}

typedef struct {
    Vm *vm;
    ResetKind kind;
    char *why;
} GuestReset;

static void
guest_reset_on_loop(void *data)
{
    GuestReset *r = data;
    Vm *vm = r->vm;
    gint64 now = loop_now_ns(vm->env.loop, CLOCK_HOST);

    if (now - vm->storm_window > STORM_WINDOW_NS) {
        vm->storm_window = now;
        vm->resets_in_window = 0;
    }
    if (vm->resets_in_window++ < RESETS_PER_WINDOW)
        vm_post_op(vm, OP_RESET, r->kind, VM_RUNNING, g_steal_pointer(&r->why));
    else
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_CRASHED,
                   g_strdup_printf("the guest resets itself over and over "
                                   "(%s); the medium is probably not bootable "
                                   "on this machine (try another cpu-model)",
                                   r->why));
    g_free(r->why);
    g_free(r);
}

/* Any thread; why is taken. */
static void
post_guest_reset(Vm *vm, ResetKind kind, char *why)
{
    GuestReset *r = g_new(GuestReset, 1);

    *r = (GuestReset){vm, kind, why};
    loop_post(vm->env.loop, guest_reset_on_loop, r);
}

void
vm_triple_fault(Vm *vm)
{
    post_guest_reset(vm, RESET_WARM,
                     g_strdup("triple fault: the CPU was reset"));
}

/* ---- public operations ---- */

bool
vm_start(Vm *vm, bool paused, GError **error)
{
    VmOp *op = op_new(OP_START);

    op->paused = paused;
    if (!op_run(vm, op, error))
        return false;
    vm_threads_wait_begun(vm);
    return true;
}

bool
vm_pause(Vm *vm, GError **error)
{
    return op_run(vm, op_new(OP_PAUSE), error);
}

bool
vm_resume(Vm *vm, GError **error)
{
    return op_run(vm, op_new(OP_RESUME), error);
}

bool
vm_reset(Vm *vm, ResetKind kind, GError **error)
{
    VmOp *op = op_new(OP_RESET);

    op->reset = kind;
    op->reason = g_strdup("reset by the owner");
    return op_run(vm, op, error);
}

bool
vm_wake(Vm *vm, GError **error)
{
    VmOp *op = op_new(OP_WAKE);

    op->reason = g_strdup("woken by the owner");
    return op_run(vm, op, error);
}

bool
vm_stop(Vm *vm, const char *reason, GError **error)
{
    VmOp *op = op_new(OP_STOP);

    op->final_state = VM_STOPPED;
    op->reason = g_strdup(reason);
    return op_run(vm, op, error);
}

bool
vm_with_paused(Vm *vm, void (*fn)(Vm *vm, void *data), void *data,
               GError **error)
{
    VmOp *op = op_new(OP_CALL);

    op->fn = fn;
    op->data = data;
    return op_run(vm, op, error);
}

void
vm_set_power_button(Vm *vm, void (*press)(void *data), void *data)
{
    vm->press_power = press;
    vm->press_power_data = data;
}

bool
vm_power_button(Vm *vm)
{
    if (vm->press_power == NULL)
        return false;
    loop_call(vm->env.loop, vm->press_power, vm->press_power_data);
    return true;
}

/* ---- what devices ask for ---- */

static void
env_request(DeviceEnv *env, MachineRequest what, const char *detail)
{
    Vm *vm = (Vm *) (void *) env;
    const char *why = detail != NULL ? detail : "";

    if (what != MACHINE_WAKE)
        vm_block_caller(vm);
    switch (what) {
    case MACHINE_RESET_COLD:
    case MACHINE_RESET_WARM:
        post_guest_reset(vm,
                         what == MACHINE_RESET_COLD ? RESET_COLD : RESET_WARM,
                         g_strdup_printf("reset by the guest: %s", why));
        break;
    case MACHINE_POWER_OFF:
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_STOPPED,
                   g_strdup_printf("powered off by the guest: %s", why));
        break;
    case MACHINE_CRASHED:
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_CRASHED,
                   g_strdup_printf("the guest reported a crash: %s", why));
        break;
    case MACHINE_SUSPEND:
        post_suspend(vm, g_strdup_printf("suspended by the guest: %s", why));
        break;
    case MACHINE_WAKE:
        vm_post_op(vm, OP_WAKE, RESET_COLD, VM_RUNNING,
                   g_strdup_printf("woken: %s", why));
        break;
    default: break;
    }
}

static bool
env_speaker(DeviceEnv *env, SpeakerLine *ret_line)
{
    Vm *vm = (Vm *) (void *) env;

    return vm->ops->speaker != NULL && vm->ops->speaker(vm->backend, ret_line);
}

static void
env_mute_timer(DeviceEnv *env, bool mute)
{
    Vm *vm = (Vm *) (void *) env;

    if (vm->ops->mute_timer != NULL)
        vm->ops->mute_timer(vm->backend, mute);
}

static void
env_log(DeviceEnv *env, const char *source, const char *line)
{
    Vm *vm = (Vm *) (void *) env;

    if (vm->events.log != NULL)
        vm->events.log(vm->data, source, line);
}

int
vm_set_vfio_group(Vm *vm, int group_fd, bool add)
{
    if (vm->ops->set_vfio_group == NULL)
        return 0;
    return vm->ops->set_vfio_group(vm->backend, group_fd, add);
}

/* ---- creation ---- */

static void
vm_destroy(Vm *vm)
{
    /* slots are cleared in the backend, which needs it open */
    guest_mem_free(vm->env.mem);
    irq_chip_free(vm->env.irq);
    if (vm->backend != NULL)
        vm->ops->close(vm->backend);
    io_space_free(vm->env.ports);
    io_space_free(vm->env.mmio);
    g_clear_pointer(&vm->sleep_op, op_free);
    g_free(vm->wake_again);
    timer_free(vm->wake_timer);
    timer_free(vm->quiet_timer);
    loop_free(vm->env.loop);
    vm_pin_free(vm->pin);
    g_ptr_array_unref(vm->devices);
    g_mutex_clear(&vm->state_lock);
    g_mutex_clear(&vm->vcpu_lock);
    g_mutex_clear(&vm->op_lock);
    g_cond_clear(&vm->vcpu_cond);
    g_cond_clear(&vm->op_cond);
    g_free(vm->vcpus);
    g_free(vm->reason);
    g_free(vm->name);
    g_free(vm);
}

static bool
vm_open_backend(Vm *vm, const VmConfig *config, GError **error)
{
    DeviceEnv *env = &vm->env;

    env->ports = io_space_new(IO_PORT);
    env->mmio = io_space_new(IO_MMIO);
    env->mem = guest_mem_new();
    io_space_set_memory(env->mmio, env->mem);
    vm->backend = vm->ops->open(&config->cpu, env->ports, env->mmio, error);
    if (vm->backend == NULL)
        return false;
    guest_mem_set_backend(env->mem, vm->ops->mem, vm->backend);
    io_space_set_backend(env->ports, vm->ops->io, vm->backend);
    io_space_set_backend(env->mmio, vm->ops->io, vm->backend);
    env->irq = irq_chip_new(vm->ops->irq, vm->backend);
    return true;
}

Vm *
vm_new(const VmConfig *config, const VmEvents *events, void *data,
       GError **error)
{
    Vm *vm = g_new0(Vm, 1);

    vm->name = g_strdup(config->name);
    vm->ops = config->backend != NULL ? config->backend : &kvm_backend_ops;
    vm->n_vcpus = config->cpu.n_vcpus;
    vm->speed = PACER_FULL;
    vm->vcpus = g_new0(Vcpu, MAX(vm->n_vcpus, 1));
    vm->devices = g_ptr_array_new();
    vm->park = true;
    if (events != NULL)
        vm->events = *events;
    vm->data = data;
    vm->env.vm_name = vm->name;
    vm->env.request = env_request;
    vm->env.log = env_log;
    vm->env.speaker = env_speaker;
    vm->env.mute_timer = env_mute_timer;
    g_queue_init(&vm->ops_waiting);
    vm->env.loop = loop_new(config->name, error);
    if (vm->env.loop == NULL || !vm_open_backend(vm, config, error)) {
        vm_destroy(vm);
        return NULL;
    }
    vm_pin_init(vm, config);
    /* guest time begins with the first instruction */
    loop_guest_clock_stop(vm->env.loop);
    vm->patience = QUIET_LIMIT_NS;
    vm->quiet_timer = timer_new(vm->env.loop, CLOCK_HOST, op_wait_quiet, vm);
    vm->wake_timer = timer_new(vm->env.loop, CLOCK_HOST, wake_when_quiet, vm);
    return vm;
}

static void
remove_devices_on_loop(void *data)
{
    Vm *vm = data;

    for (guint i = vm->devices->len; i-- > 0;)
        device_free(g_ptr_array_index(vm->devices, i));
    g_ptr_array_set_size(vm->devices, 0);
}

void
vm_remove_devices(Vm *vm)
{
    loop_call(vm->env.loop, remove_devices_on_loop, vm);
}

void
vm_free(Vm *vm)
{
    if (vm == NULL)
        return;
    VmState state = vm_state(vm);
    if (state == VM_RUNNING || state == VM_PAUSED || state == VM_SUSPENDED)
        (void) vm_stop(vm, "closed", NULL); /* it may just have stopped */
    vm_threads_join(vm);
    vm_remove_devices(vm);
    vm_destroy(vm);
}

typedef struct {
    Vm *vm;
    Device *dev;
    GError *error;
    bool ok;
} AddDevice;

static void
add_device_on_loop(void *data)
{
    AddDevice *add = data;

    add->ok = device_realize(add->dev, &add->vm->env, &add->error);
    if (!add->ok) {
        device_free(add->dev);
        return;
    }
    g_ptr_array_add(add->vm->devices, add->dev);
    if (vm_state(add->vm) != VM_NEW) {
        device_reset(add->dev, RESET_COLD);
        device_quiesce(add->dev); /* as the others are; resumed with them */
    }
}

bool
vm_add_device(Vm *vm, Device *dev, GError **error)
{
    AddDevice add = {.vm = vm, .dev = dev};

    loop_call(vm->env.loop, add_device_on_loop, &add);
    if (!add.ok)
        g_propagate_error(error, add.error);
    return add.ok;
}

void
vm_remove_device(Vm *vm, Device *dev)
{
    loop_assert_owner(vm->env.loop);
    g_return_if_fail(g_ptr_array_remove(vm->devices, dev));
    device_free(dev);
}

Device *
vm_find_device(Vm *vm, const char *id)
{
    for (guint i = 0; i < vm->devices->len; i++) {
        Device *dev = g_ptr_array_index(vm->devices, i);
        if (g_str_equal(dev->id, id))
            return dev;
    }
    return NULL;
}

void
vm_foreach_device(Vm *vm, void (*fn)(Device *dev, void *data), void *data)
{
    for (guint i = 0; i < vm->devices->len; i++)
        fn(g_ptr_array_index(vm->devices, i), data);
}

bool
vm_is_quiet(Vm *vm)
{
    return busy_device(vm) == NULL;
}

/* ---- figures ---- */

const char *
vm_name(const Vm *vm)
{
    return vm->name;
}

DeviceEnv *
vm_env(Vm *vm)
{
    return &vm->env;
}

Loop *
vm_loop(Vm *vm)
{
    return vm->env.loop;
}

unsigned
vm_n_vcpus(const Vm *vm)
{
    return vm->n_vcpus;
}

CpuStats
vm_cpu_stats(Vm *vm, unsigned vcpu)
{
    return vm->ops->stats(vm->backend, vcpu);
}

guint
vm_speed(Vm *vm)
{
    return (guint) g_atomic_int_get(&vm->speed);
}

guint32
vm_cpu_kips(Vm *vm)
{
    return vm->ops->kips(vm->backend);
}

char *
vm_describe_cpu(Vm *vm)
{
    return vm->ops->describe(vm->backend);
}

guint
vm_reset_count(Vm *vm)
{
    return (guint) g_atomic_int_get(&vm->resets);
}

char *
vm_report(Vm *vm)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < vm->n_vcpus; i++) {
        g_autofree char *text = vm->ops->report(vm->backend, i);
        g_string_append(out, text);
    }
    return g_string_free(out, FALSE);
}
