/* tests/unit/test-vm.c - life cycle, with a CPU backend that runs nothing: its
 * vCPUs wait until they are kicked or told what to report. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/fake-cpu.h"
#include "vmm/core/pacer.h"
#include "vmm/core/vm-internal.h"
#include "vmm/loop/loop.h"

/* A device that is busy until told otherwise, and counts its calls. */
typedef struct {
    Device dev;
    int busy; /* atomic */
    unsigned resets, quiesces, resumes;
    ResetKind kind; /* of the last reset */
} Toy;

static void
toy_reset(Device *dev, ResetKind kind)
{
    DEVICE_OF(Toy, dev)->resets++;
    DEVICE_OF(Toy, dev)->kind = kind;
}

static void
toy_quiesce(Device *dev)
{
    DEVICE_OF(Toy, dev)->quiesces++;
}

static void
toy_resume(Device *dev)
{
    DEVICE_OF(Toy, dev)->resumes++;
}

static bool
toy_is_quiet(Device *dev)
{
    /* busy for the first looks, then done: as a disk that finishes */
    return g_atomic_int_add(&DEVICE_OF(Toy, dev)->busy, -1) <= 0;
}

static const DeviceClass toy_class = {
    .name = "toy",
    .size = sizeof(Toy),
    .reset = toy_reset,
    .quiesce = toy_quiesce,
    .is_quiet = toy_is_quiet,
    .resume = toy_resume,
};

typedef struct {
    Vm *vm;
    Toy *toy;
    GMutex lock; /* L2 guards the state seen */
    GCond cond;
    VmState seen;
    guint resets;
    char *reason;
    GString *log;
} Fixture;

static void
on_state(void *data, VmState state, const char *reason)
{
    Fixture *f = data;

    g_mutex_lock(&f->lock);
    f->seen = state;
    g_free(f->reason);
    f->reason = g_strdup(reason);
    g_cond_broadcast(&f->cond);
    g_mutex_unlock(&f->lock);
}

static void
on_reset(void *data, const char *why)
{
    Fixture *f = data;

    g_mutex_lock(&f->lock);
    f->resets++;
    g_cond_broadcast(&f->cond);
    g_mutex_unlock(&f->lock);
}

static void
on_line(void *data, const char *source, const char *line)
{
    Fixture *f = data;

    g_mutex_lock(&f->lock);
    g_string_append_printf(f->log, "%s\n", line);
    g_cond_broadcast(&f->cond);
    g_mutex_unlock(&f->lock);
}

static Fixture *
begin(void)
{
    static const VmEvents events = {
        .state_changed = on_state, .was_reset = on_reset, .log = on_line};
    Fixture *f = g_new0(Fixture, 1);
    VmConfig config = {.name = "test",
                       .cpu = {.model = "host", .n_vcpus = 2},
                       .backend = &fake_cpu_ops};

    g_mutex_init(&f->lock);
    g_cond_init(&f->cond);
    f->log = g_string_new(NULL);
    f->vm = vm_new(&config, &events, f, NULL);
    Device *dev = device_new(&toy_class, "toy0");
    f->toy = DEVICE_OF(Toy, dev);
    CU_ASSERT_TRUE(vm_add_device(f->vm, dev, NULL));
    return f;
}

static void
end(Fixture *f)
{
    vm_free(f->vm);
    CU_ASSERT_TRUE(f->seen != VM_SUSPENDED); /* its devices rest first */
    g_mutex_clear(&f->lock);
    g_cond_clear(&f->cond);
    if (f->log != NULL)
        g_string_free(f->log, TRUE);
    g_free(f->reason);
    g_free(f);
}

static void
wait_state(Fixture *f, VmState state)
{
    g_mutex_lock(&f->lock);
    while (f->seen != state)
        g_cond_wait(&f->cond, &f->lock);
    g_mutex_unlock(&f->lock);
}

static void
wait_resets(Fixture *f, guint n)
{
    g_mutex_lock(&f->lock);
    while (f->resets < n)
        g_cond_wait(&f->cond, &f->lock);
    g_mutex_unlock(&f->lock);
}

static void
request(Fixture *f, MachineRequest what)
{
    device_request(&f->toy->dev, what, "test");
}

static void
test_start_pause_resume(void)
{
    Fixture *f = begin();

    CU_ASSERT_EQUAL(vm_state(f->vm), VM_NEW);
    CU_ASSERT_TRUE(vm_start(f->vm, false, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    CU_ASSERT_EQUAL(f->toy->resets, 1);
    CU_ASSERT_TRUE(vm_pause(f->vm, NULL));
    CU_ASSERT_EQUAL(f->toy->quiesces, 1);
    CU_ASSERT_TRUE(vm_pause(f->vm, NULL)); /* twice is fine */
    CU_ASSERT_TRUE(vm_resume(f->vm, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    CU_ASSERT_EQUAL(f->toy->resumes, 2);
    end(f);
}

static void
test_start_paused(void)
{
    Fixture *f = begin();

    CU_ASSERT_TRUE(vm_start(f->vm, true, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_PAUSED);
    CU_ASSERT_FALSE(vm_start(f->vm, false, NULL));
    CU_ASSERT_TRUE(vm_resume(f->vm, NULL));
    end(f);
}

static void
test_pause_waits_for_quiet(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    g_atomic_int_set(&f->toy->busy, 5);
    CU_ASSERT_TRUE(vm_pause(f->vm, NULL));
    CU_ASSERT_TRUE(g_atomic_int_get(&f->toy->busy) < 0);
    end(f);
}

static void
test_guest_time_stops(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    vm_pause(f->vm, NULL);
    gint64 a = loop_now_ns(vm_loop(f->vm), CLOCK_GUEST);
    gint64 h = loop_now_ns(vm_loop(f->vm), CLOCK_HOST);
    while (loop_now_ns(vm_loop(f->vm), CLOCK_HOST) < h + NSEC_PER_MSEC)
        g_thread_yield();
    CU_ASSERT_EQUAL(loop_now_ns(vm_loop(f->vm), CLOCK_GUEST), a);
    end(f);
}

static void
test_reset(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(f->toy->resets, 2);
    CU_ASSERT_EQUAL(vm_reset_count(f->vm), 1);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    request(f, MACHINE_RESET_WARM);
    wait_resets(f, 2);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    end(f);
}

static void
test_reset_while_paused(void)
{
    Fixture *f = begin();

    vm_start(f->vm, true, NULL);
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_PAUSED);
    end(f);
}

static void
test_power_off(void)
{
    Fixture *f = begin();
    g_autoptr(GError) error = NULL;

    vm_start(f->vm, false, NULL);
    request(f, MACHINE_POWER_OFF);
    wait_state(f, VM_STOPPED);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->reason, "powered off by the guest"));
    CU_ASSERT_FALSE(vm_resume(f->vm, &error));
    CU_ASSERT_STRING_EQUAL(error->message,
                           "cannot resume machine 'test': it is stopped");
    end(f);
}

/* The Vm owns the backend, so a test reaches it through a vCPU's report. */
static gint failing; /* 0: none; else CpuExit */

static CpuExit
failing_run(CpuBackend *b, unsigned i)
{
    gint exit = g_atomic_int_get(&failing);

    if (i == 0 && exit != 0 &&
        g_atomic_int_compare_and_exchange(&failing, exit, 0))
        return (CpuExit) exit;
    return fake_cpu_run(b, i);
}

static Fixture *
begin_failing(CpuExit exit)
{
    static CpuBackendOps ops;
    static const VmEvents events = {.state_changed = on_state,
                                    .was_reset = on_reset};
    Fixture *f = g_new0(Fixture, 1);
    VmConfig config = {.name = "test",
                       .cpu = {.model = "host", .n_vcpus = 2},
                       .backend = &ops};

    ops = fake_cpu_ops;
    ops.vcpu_run = failing_run;
    g_atomic_int_set(&failing, (gint) exit);
    g_mutex_init(&f->lock);
    g_cond_init(&f->cond);
    f->vm = vm_new(&config, &events, f, NULL);
    return f;
}

static guint64
ran_in(Fixture *f, gint64 ms)
{
    guint64 before = vm_cpu_stats(f->vm, 0).guest_ns;

    g_usleep((gulong) ms * 1000);
    return vm_cpu_stats(f->vm, 0).guest_ns - before;
}

static void
test_speed_is_a_share(void)
{
    Fixture *f = begin_failing(CPU_EXIT_CONTINUE);

    vm_start(f->vm, false, NULL);
    CU_ASSERT_EQUAL(ran_in(f, 20), 0); /* full speed: nobody looks */
    vm_set_speed(f->vm, 10000);
    /* 1 %: 3 ms of 300; a busy host may need a few turns */
    guint64 ran = 0;
    gint64 begin = g_get_monotonic_time();
    for (unsigned i = 0; i < 30 && ran <= 300000; i++)
        ran += ran_in(f, 300);
    CU_ASSERT_TRUE(ran > 300000);
    CU_ASSERT_TRUE(ran < (guint64) (g_get_monotonic_time() - begin) * 20);
    vm_set_speed(f->vm, PACER_FULL);
    g_usleep(30000);
    CU_ASSERT_EQUAL(ran_in(f, 20), 0);
    end(f);
}

static void
test_a_slow_machine_stops_at_once(void)
{
    Fixture *f = begin_failing(CPU_EXIT_CONTINUE);
    gint64 start;

    vm_set_speed(f->vm, PACER_SLOWEST);
    vm_start(f->vm, false, NULL);
    g_usleep(50000);
    start = g_get_monotonic_time();
    vm_pause(f->vm, NULL);
    CU_ASSERT_TRUE(g_get_monotonic_time() - start < 2000000);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_PAUSED);
    CU_ASSERT_EQUAL(fake_cpu_slice[0], 0); /* and no timer goes on */
    CU_ASSERT_EQUAL(fake_cpu_slice[1], 0);
    end(f);
}

static void
test_triple_fault_resets(void)
{
    Fixture *f = begin_failing(CPU_EXIT_SHUTDOWN);

    vm_start(f->vm, false, NULL);
    wait_resets(f, 1);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    end(f);
}

static void
test_engine_error_crashes_with_report(void)
{
    Fixture *f = begin_failing(CPU_EXIT_ERROR);

    vm_start(f->vm, false, NULL);
    wait_state(f, VM_CRASHED);
    g_autofree char *reason = vm_reason(f->vm);
    CU_ASSERT_STRING_EQUAL(reason, "CPU 0: made-up failure\n");
    end(f);
}

static void
count_call(Vm *vm, void *data)
{
    ++*(unsigned *) data;
}

static void
test_with_paused(void)
{
    Fixture *f = begin();
    unsigned calls = 0;

    vm_start(f->vm, false, NULL);
    CU_ASSERT_TRUE(vm_with_paused(f->vm, count_call, &calls, NULL));
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    end(f);
}

static void
test_vfio_group(void)
{
    static CpuBackendOps indifferent;
    VmConfig config = {.name = "test",
                       .cpu = {.model = "host", .n_vcpus = 1},
                       .backend = &indifferent};
    Fixture *f = begin();

    CU_ASSERT_EQUAL(vm_set_vfio_group(f->vm, 7, true), 0);
    CU_ASSERT_EQUAL(fake_cpu_group, 7);
    CU_ASSERT_EQUAL(vm_set_vfio_group(f->vm, 7, true), -EEXIST);
    CU_ASSERT_EQUAL(vm_set_vfio_group(f->vm, 7, false), 0);
    CU_ASSERT_EQUAL(fake_cpu_group, -1);
    end(f);

    indifferent = fake_cpu_ops;
    indifferent.set_vfio_group = NULL;
    Vm *vm = vm_new(&config, NULL, NULL, NULL);
    CU_ASSERT_EQUAL(vm_set_vfio_group(vm, 7, true), 0);
    CU_ASSERT_EQUAL(fake_cpu_group, -1);
    vm_free(vm);
}

static void
plug(Vm *vm, void *data)
{
    CU_ASSERT_TRUE(vm_add_device(vm, data, NULL));
}

static void
unplug(Vm *vm, void *data)
{
    vm_remove_device(vm, vm_find_device(vm, data));
}

static void
test_plug_while_running(void)
{
    Fixture *f = begin();
    Device *dev = device_new(&toy_class, "toy1");
    Toy *toy = DEVICE_OF(Toy, dev);

    vm_start(f->vm, false, NULL);
    CU_ASSERT_TRUE(vm_with_paused(f->vm, plug, dev, NULL));
    CU_ASSERT_PTR_EQUAL(vm_find_device(f->vm, "toy1"), dev);
    CU_ASSERT_EQUAL(toy->resets, 1);
    CU_ASSERT_EQUAL(toy->quiesces, 1);
    CU_ASSERT_EQUAL(toy->resumes, 1);
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(toy->resets, 2);
    end(f);
}

static void
test_unplug_while_running(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    CU_ASSERT_TRUE(vm_with_paused(f->vm, unplug, "toy0", NULL));
    CU_ASSERT_PTR_NULL(vm_find_device(f->vm, "toy0"));
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    end(f);
}

static void
test_free_while_running(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    end(f); /* stops by itself: nothing hangs, nothing leaks */
    CU_PASS("freed");
}

static void
test_two_machines(void)
{
    Fixture *a = begin(), *b = begin();

    vm_start(a->vm, false, NULL);
    vm_start(b->vm, false, NULL);
    request(a, MACHINE_CRASHED);
    wait_state(a, VM_CRASHED);
    CU_ASSERT_EQUAL(vm_state(b->vm), VM_RUNNING);
    end(a);
    end(b);
}

typedef struct {
    unsigned loads;
    bool fails;
} Loader;

static bool
load(void *data, CpuEntry *ret_entry, GError **error)
{
    Loader *loader = data;

    ret_entry->rip = 0x1000 + loader->loads++;
    if (loader->fails)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no kernel");
    return !loader->fails;
}

static void
test_loader_runs_at_each_start(void)
{
    Fixture *f = begin();
    Loader loader = {0};

    vm_set_loader(f->vm, load, &loader);
    CU_ASSERT_TRUE(vm_start(f->vm, false, NULL));
    CU_ASSERT_EQUAL(loader.loads, 1);
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(loader.loads, 2);
    end(f);
}

static void
test_loader_fails_at_start(void)
{
    Fixture *f = begin();
    Loader loader = {.fails = true};
    g_autoptr(GError) error = NULL;

    vm_set_loader(f->vm, load, &loader);
    CU_ASSERT_FALSE(vm_start(f->vm, false, &error));
    CU_ASSERT_STRING_EQUAL(error->message, "no kernel");
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_NEW);
    end(f);
}

static void
test_loader_fails_at_reset(void)
{
    Fixture *f = begin();
    Loader loader = {0};

    vm_set_loader(f->vm, load, &loader);
    vm_start(f->vm, false, NULL);
    loader.fails = true;
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_CRASHED);
    CU_ASSERT_STRING_EQUAL(f->reason, "no kernel");
    end(f);
}

/* ---- processors of the host ---- */

typedef struct {
    GMutex lock; /* L2 guards log */
    GString *log;
} PinLog;

static void
on_log(void *data, const char *source, const char *line)
{
    PinLog *l = data;

    g_mutex_lock(&l->lock);
    g_string_append_printf(l->log, "%s\n", line);
    g_mutex_unlock(&l->lock);
}

static void
look_at_loop(void *data)
{
    *(int *) data = fake_cpu_only();
}

/* Runs two CPUs until both have been seen; where the loop was. log: g_free. */
static int
run_pinned(const unsigned *vcpus, const unsigned *io, unsigned n_io,
           char **ret_log)
{
    static const VmEvents events = {.log = on_log};
    PinLog log = {.log = g_string_new(NULL)};
    VmConfig config = {.name = "pinned",
                       .cpu = {.model = "host", .n_vcpus = 2},
                       .backend = &fake_cpu_ops,
                       .vcpu_cpus = vcpus,
                       .io_cpus = io,
                       .n_io_cpus = n_io};
    int loop_on = -1;

    g_atomic_int_set(&fake_cpu_on[0], -1);
    g_atomic_int_set(&fake_cpu_on[1], -1);
    g_mutex_init(&log.lock);
    Vm *vm = vm_new(&config, &events, &log, NULL);
    CU_ASSERT_TRUE(vm_start(vm, false, NULL));
    while (g_atomic_int_get(&fake_cpu_on[0]) < 0 ||
           g_atomic_int_get(&fake_cpu_on[1]) < 0)
        g_usleep(1000);
    loop_call(vm_loop(vm), look_at_loop, &loop_on);
    vm_free(vm);
    g_mutex_clear(&log.lock);
    *ret_log = g_string_free(log.log, FALSE);
    return loop_on;
}

/* The lowest and the highest that this test may use; the same on small hosts. */
static void
allowed(unsigned *ret_first, unsigned *ret_last)
{
    cpu_set_t set;

    CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof set, &set), 0);
    *ret_first = *ret_last = G_MAXUINT;
    for (unsigned i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set)) {
            *ret_first = MIN(*ret_first, i);
            *ret_last = i;
        }
}

static void
test_pinned(void)
{
    unsigned first, last;
    g_autofree char *log = NULL;

    allowed(&first, &last);
    const unsigned vcpus[] = {last, first};
    CU_ASSERT_EQUAL(run_pinned(vcpus, &first, 1, &log), (int) first);
    CU_ASSERT_EQUAL(g_atomic_int_get(&fake_cpu_on[0]), (int) last + 1);
    CU_ASSERT_EQUAL(g_atomic_int_get(&fake_cpu_on[1]), (int) first + 1);
    CU_ASSERT_STRING_EQUAL(log, "");
}

/* The loop's place is not that of the threads that it starts for CPUs. */
static void
test_only_the_loop_is_pinned(void)
{
    unsigned first, last;
    g_autofree char *log = NULL;

    allowed(&first, &last);
    CU_ASSERT_EQUAL(run_pinned(NULL, &first, 1, &log), (int) first);
    CU_ASSERT_EQUAL(g_atomic_int_get(&fake_cpu_on[0]),
                    first == last ? (int) first + 1 : 0);
}

static void
test_a_processor_that_is_refused(void)
{
    static const unsigned absent[] = {CPU_SETSIZE - 1, CPU_SETSIZE - 1};
    g_autofree char *log = NULL;

    (void) run_pinned(absent, absent, 1, &log);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(log, "CPU 1 cannot be kept on the host's processor 1023"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "the loop cannot be kept"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "cpu.io-pin"));
}

static void
nothing(void *data)
{
}

/* It is suspended, and the loop has done all that belongs to that. */
static void
suspend(Fixture *f)
{
    request(f, MACHINE_SUSPEND);
    wait_state(f, VM_SUSPENDED);
    loop_call(vm_loop(f->vm), nothing, NULL);
}

static void
test_suspend_and_wake(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    suspend(f);
    CU_ASSERT_STRING_EQUAL(vm_state_name(VM_SUSPENDED), "suspended");
    CU_ASSERT_EQUAL(f->toy->resets, 1);
    CU_ASSERT_EQUAL(f->toy->resumes, f->toy->quiesces + 1); /* it works on */
    CU_ASSERT_TRUE(vm_wake(f->vm, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    CU_ASSERT_EQUAL(f->toy->resets, 2);
    CU_ASSERT_EQUAL(f->toy->kind, RESET_WAKE);
    CU_ASSERT_EQUAL(vm_reset_count(f->vm), 0);
    end(f);
}

static void
test_a_device_wakes(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    request(f, MACHINE_WAKE); /* it runs: nothing happens */
    suspend(f);
    request(f, MACHINE_WAKE);
    wait_state(f, VM_RUNNING);
    loop_call(vm_loop(f->vm), nothing, NULL);
    CU_ASSERT_EQUAL(f->toy->kind, RESET_WAKE);
    CU_ASSERT_EQUAL(f->toy->resets, 2);
    end(f);
}

static void
test_time_while_suspended(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    suspend(f);
    gint64 a = loop_now_ns(vm_loop(f->vm), CLOCK_GUEST);
    gint64 h = loop_now_ns(vm_loop(f->vm), CLOCK_HOST);
    while (loop_now_ns(vm_loop(f->vm), CLOCK_HOST) < h + NSEC_PER_MSEC)
        g_thread_yield();
    CU_ASSERT_TRUE(loop_now_ns(vm_loop(f->vm), CLOCK_GUEST) > a);
    end(f);
}

static void
test_suspended_is_not_paused(void)
{
    Fixture *f = begin();
    g_autoptr(GError) error = NULL;
    unsigned calls = 0;

    vm_start(f->vm, false, NULL);
    CU_ASSERT_FALSE(vm_wake(f->vm, &error));
    CU_ASSERT_STRING_EQUAL(error->message,
                           "cannot wake machine 'test': it is running");
    suspend(f);
    CU_ASSERT_FALSE(vm_pause(f->vm, NULL));
    CU_ASSERT_FALSE(vm_resume(f->vm, NULL));
    CU_ASSERT_TRUE(vm_with_paused(f->vm, count_call, &calls, NULL));
    CU_ASSERT_EQUAL(calls, 1);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_SUSPENDED);
    CU_ASSERT_EQUAL(f->toy->resumes, f->toy->quiesces + 1);
    end(f);
}

static void
test_reset_while_suspended(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    suspend(f);
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    CU_ASSERT_EQUAL(f->toy->kind, RESET_COLD);
    suspend(f);
    CU_ASSERT_TRUE(vm_stop(f->vm, "off", NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_STOPPED);
    end(f);
}

/* What was asked for before is done. */
static void
settle(Fixture *f)
{
    unsigned calls = 0;

    CU_ASSERT_TRUE(vm_with_paused(f->vm, count_call, &calls, NULL));
}

static void
test_a_reset_comes_before_a_suspend(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    g_atomic_int_set(&f->toy->busy, G_MAXINT); /* the reset waits for it */
    request(f, MACHINE_RESET_WARM);
    for (unsigned hops = 0; hops < 3; hops++)
        loop_call(vm_loop(f->vm), nothing, NULL);
    request(f, MACHINE_SUSPEND);
    g_atomic_int_set(&f->toy->busy, 0);
    wait_resets(f, 1);
    settle(f);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    end(f);
}

static void
test_suspend_while_paused(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    vm_pause(f->vm, NULL);
    request(f, MACHINE_SUSPEND);
    settle(f);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_PAUSED);
    CU_ASSERT_TRUE(vm_resume(f->vm, NULL));
    settle(f);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_SUSPENDED);
    CU_ASSERT_TRUE(vm_wake(f->vm, NULL));
    vm_pause(f->vm, NULL);
    request(f, MACHINE_SUSPEND);
    settle(f);
    CU_ASSERT_TRUE(vm_reset(f->vm, RESET_COLD, NULL));
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_PAUSED);
    CU_ASSERT_TRUE(vm_resume(f->vm, NULL));
    settle(f);
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_RUNNING);
    vm_pause(f->vm, NULL);
    request(f, MACHINE_SUSPEND); /* freed with the machine */
    settle(f);
    end(f);
}

static void
test_free_while_suspended(void)
{
    Fixture *f = begin();

    vm_start(f->vm, false, NULL);
    suspend(f);
    end(f);
}

/* Until one with part in it was logged. */
static void
wait_line(Fixture *f, const char *part)
{
    g_mutex_lock(&f->lock);
    while (strstr(f->log->str, part) == NULL)
        g_cond_wait(&f->cond, &f->lock);
    g_mutex_unlock(&f->lock);
}

static void
test_a_wake_up_is_not_lost(void)
{
    Fixture *f = begin();

    f->vm->patience = NSEC_PER_MSEC;
    vm_start(f->vm, false, NULL);
    suspend(f);
    g_atomic_int_set(&f->toy->busy, G_MAXINT);
    request(f, MACHINE_WAKE);
    wait_line(f, "cannot wake machine 'test': device 'toy0' did not finish");
    CU_ASSERT_EQUAL(vm_state(f->vm), VM_SUSPENDED);
    g_atomic_int_set(&f->toy->busy, 0);
    wait_state(f, VM_RUNNING);
    wait_line(f, "woken: test");
    end(f);
}

CU_MAIN(
    "vm", {"it_starts_pauses_and_goes_on", test_start_pause_resume},
    {"speed_is_a_share", test_speed_is_a_share},
    {"a_slow_machine_stops_at_once", test_a_slow_machine_stops_at_once},
    {"it_can_start_paused_and_only_once", test_start_paused},
    {"pausing_waits_until_devices_are_quiet", test_pause_waits_for_quiet},
    {"guest_time_stops_with_the_machine", test_guest_time_stops},
    {"reset_by_owner_or_guest_goes_on_running", test_reset},
    {"reset_of_a_paused_machine_leaves_it_paused", test_reset_while_paused},
    {"power_off_by_the_guest_stops_it_for_good", test_power_off},
    {"a_suspended_machine_is_woken_by_its_owner", test_suspend_and_wake},
    {"a_suspended_machine_is_woken_by_a_device", test_a_device_wakes},
    {"a_wake_up_that_storage_held_up_is_not_lost", test_a_wake_up_is_not_lost},
    {"guest_time_goes_on_while_it_is_suspended", test_time_while_suspended},
    {"what_is_suspended_is_not_paused", test_suspended_is_not_paused},
    {"what_is_suspended_can_be_reset_and_stopped", test_reset_while_suspended},
    {"a_reset_forgets_that_the_guest_would_suspend",
     test_a_reset_comes_before_a_suspend},
    {"what_suspends_while_paused_does_so_when_resumed",
     test_suspend_while_paused},
    {"a_triple_fault_resets_the_machine", test_triple_fault_resets},
    {"an_engine_error_ends_in_a_report", test_engine_error_crashes_with_report},
    {"a_call_finds_the_machine_paused", test_with_paused},
    {"a_device_can_be_plugged_while_running", test_plug_while_running},
    {"a_device_can_be_unplugged_while_running", test_unplug_while_running},
    {"a_running_machine_can_be_freed", test_free_while_running},
    {"a_suspended_machine_is_stopped_before_it_is_freed",
     test_free_while_suspended},
    {"the_cpus_hear_of_a_vfio_group", test_vfio_group},
    {"one_machine_ends_and_the_other_runs", test_two_machines},
    {"a_loader_runs_at_the_start_and_at_every_reset",
     test_loader_runs_at_each_start},
    {"a_machine_whose_loader_fails_does_not_start", test_loader_fails_at_start},
    {"a_loader_that_fails_at_a_reset_ends_the_machine",
     test_loader_fails_at_reset},
    {"threads_are_kept_on_processors_of_the_host", test_pinned},
    {"only_the_loop_can_be_pinned", test_only_the_loop_is_pinned},
    {"a_processor_that_is_refused_is_logged", test_a_processor_that_is_refused})
