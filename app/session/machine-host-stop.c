/* app/session/machine-host-stop.c - how a machine is asked to end.
 *
 * The power button is pressed; a timer then switches off (force) or gives up.
 * A suspended machine is woken for that if it has to end.
 * Who wants the machine off in any case is never overruled by a later request
 * that does not: the host may be going down. */
#include "app/session/machine-host-internal.h"
#include "app/session/message.h"
#include "app/session/session-error.h"

#define PRESS_S 5

typedef struct {
    Vm *vm;
    const char *reason; /* constant */
} Cut;

static void
cut_work(void *data)
{
    Cut *cut = data;
    (void) vm_stop(cut->vm, cut->reason, NULL); /* or it has ended by itself */
}

static void
cut_power(MachineHost *host, const char *reason)
{
    Cut *cut = g_new(Cut, 1);
    *cut = (Cut){machine_vm(host->machine), reason};
    worker_run(host->workers[WORK_END], cut_work, g_free, cut);
}

void
machine_host_stop_timers(MachineHost *host)
{
    if (host->stop_timer != 0)
        g_source_remove(host->stop_timer);
    if (host->press_timer != 0)
        g_source_remove(host->press_timer);
    host->stop_timer = 0;
    host->press_timer = 0;
}

static void
stop_forget(MachineHost *host)
{
    machine_host_stop_timers(host);
    host->stopping = false;
    host->force_after = false;
}

/* To the log and to the clients. */
static void
announce(MachineHost *host, const char *state, const char *reason)
{
    machine_host_say(host, reason);
    if (host->server != NULL)
        control_server_state(host->server, state, reason);
}

static gboolean
stop_timed_out(gpointer data)
{
    MachineHost *host = data;
    bool force = host->force_after;

    host->stop_timer = 0; /* it removes itself */
    stop_forget(host);
    if (force) {
        machine_host_say(host, MESSAGE_STOP_EXPIRED ": forced");
        cut_power(host, "forced off after the timeout");
    } else {
        announce(host, vm_state_name(vm_state(machine_vm(host->machine))),
                 MESSAGE_STOP_EXPIRED);
    }
    return G_SOURCE_REMOVE;
}

static void
wake_work(void *data)
{
    (void) vm_wake(data, NULL); /* or a device was faster */
}

/* While a guest comes out of its sleep it takes the button for what woke it,
 * and how long that lasts nobody knows: it is pressed until the guest ends or
 * its time is over. */
static gboolean
press_again(gpointer data)
{
    Vm *vm = machine_vm(((MachineHost *) data)->machine);

    if (vm_state(vm) == VM_RUNNING)
        (void) vm_power_button(vm); /* what can suspend has one */
    return G_SOURCE_CONTINUE;
}

static void
wake_to_stop(MachineHost *host)
{
    worker_run(host->workers[WORK_LIFE], wake_work, NULL,
               machine_vm(host->machine));
    if (host->press_timer == 0)
        host->press_timer = g_timeout_add_seconds(PRESS_S, press_again, host);
}

/* One more request to stop within timeout_s. */
static void
arm_timer(MachineHost *host, guint timeout_s, bool force)
{
    gint64 time_us =
        g_get_monotonic_time() + (gint64) timeout_s * G_USEC_PER_SEC;

    if (host->stop_timer != 0 && host->force_after &&
        (!force || time_us >= host->stop_time_us))
        return;
    if (host->stop_timer != 0)
        g_source_remove(host->stop_timer);
    host->stop_timer = g_timeout_add_seconds(timeout_s, stop_timed_out, host);
    host->stop_time_us = time_us;
    host->force_after |= force;
}

static bool
stop_gently(MachineHost *host, guint timeout_s, bool force, GError **error)
{
    Vm *vm = machine_vm(host->machine);
    bool asleep = vm_state(vm) == VM_SUSPENDED;
    bool paused = vm_state(vm) == VM_PAUSED || asleep;

    if (asleep && !force) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "machine '%s' is suspended, and its power button would "
                    "only wake it; 'carrel wake' it first or use --force",
                    host->name);
        return false;
    }
    if (paused && !force) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "machine '%s' is paused and cannot react to its power "
                    "button; resume it first or use --force",
                    host->name);
        return false;
    }
    if (asleep) {
        host->stopping = true;
        arm_timer(host, timeout_s, force);
        wake_to_stop(host);
        announce(host, "stopping", "woken, to press its power button");
        return true;
    }
    if (!paused && vm_power_button(vm)) {
        host->stopping = true;
        arm_timer(host, timeout_s, force);
        announce(host, "stopping", "power button pressed");
        return true;
    }
    if (force) {
        cut_power(host, "forced off");
        return true;
    }
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                "machine '%s' has no power button; use --force", host->name);
    return false;
}

bool
machine_host_stop(void *m, guint timeout_s, bool force, GError **error)
{
    MachineHost *host = m;

    if (timeout_s > 0)
        return stop_gently(host, timeout_s, force, error);
    if (!force) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "stop: a guest needs time to react to its power button; "
                    "'timeout' 0 goes with 'force' only");
        return false;
    }
    cut_power(host, "forced off");
    return true;
}

void
machine_host_terminate(MachineHost *host, guint timeout_s)
{
    bool again = host->terminated;
    bool asleep = vm_state(machine_vm(host->machine)) == VM_SUSPENDED;

    host->terminated = true;
    if (again)
        cut_power(host, "terminated");
    else if (host->stopping && !asleep) /* pressed already: now it has to end */
        arm_timer(host, timeout_s, true);
    else
        (void) stop_gently(host, timeout_s, true, NULL); /* cannot fail */
}

void
machine_host_stop_reset(MachineHost *host)
{
    if (!host->stopping || host->force_after)
        return;
    stop_forget(host);
    announce(host, vm_state_name(vm_state(machine_vm(host->machine))),
             MESSAGE_STOP_RESET);
}
