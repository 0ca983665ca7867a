/* vmm/core/vm-op.c - see vm.h: life-cycle operations, and what of the guest starts
 * one.
 *
 * Each operation runs on the loop in the order of the pause protocol: park
 * every vCPU, quiesce the devices, wait until they are quiet, act, resume. The
 * wait is a polling timer and not a nested loop, so completions arrive by
 * their usual way. */
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
void
vm_post_suspend(Vm *vm, char *why)
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
void
vm_post_guest_reset(Vm *vm, ResetKind kind, char *why)
{
    GuestReset *r = g_new(GuestReset, 1);

    *r = (GuestReset){vm, kind, why};
    loop_post(vm->env.loop, guest_reset_on_loop, r);
}

void
vm_triple_fault(Vm *vm)
{
    vm_post_guest_reset(vm, RESET_WARM,
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

bool
vm_is_quiet(Vm *vm)
{
    return busy_device(vm) == NULL;
}

/* ---- for the machine's own set-up ---- */

void
vm_ops_init(Vm *vm)
{
    g_queue_init(&vm->ops_waiting);
    vm->patience = QUIET_LIMIT_NS;
    vm->quiet_timer = timer_new(vm->env.loop, CLOCK_HOST, op_wait_quiet, vm);
    vm->wake_timer = timer_new(vm->env.loop, CLOCK_HOST, wake_when_quiet, vm);
}

void
vm_ops_clear(Vm *vm)
{
    g_clear_pointer(&vm->sleep_op, op_free);
    g_free(vm->wake_again);
    timer_free(vm->wake_timer);
    timer_free(vm->quiet_timer);
}
