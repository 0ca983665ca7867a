/* vmm/core/vm-internal.h - shared by vm.c (the machine), vm-op.c (its life cycle)
 * and vcpu.c (threads). */
#pragma once

#include <pthread.h>

#include "vmm/core/pacer.h"
#include "vmm/core/vm.h"

typedef struct {
    Vm *vm;
    unsigned index;
    GThread *thread;
    pthread_t posix;  /* for its CPU clock */
    bool has_posix;   /* atomic: posix is valid */
    Pacer pacer;      /* own thread */
    guint64 paid;     /* own thread: guest_ns that pacer knows of */
    gint64 used;      /* own thread: ns that it ran of its last slice */
    bool limited;     /* own thread: vcpu_limit() is on */
    bool unlimitable; /* own thread: that failed, which was logged */
    bool blocked;     /* crashed or reset pending: not to be run (vcpu_lock) */
} Vcpu;

typedef enum {
    OP_START,
    OP_PAUSE,
    OP_RESUME,
    OP_RESET,
    OP_STOP,
    OP_CALL,
    OP_SUSPEND,
    OP_WAKE
} VmOpKind;

/* One life-cycle request. Waiters sleep on vm->op_cond; requests of devices
 * have no waiter and are freed by the loop. */
typedef struct {
    VmOpKind kind;
    bool paused;         /* START: stay paused */
    ResetKind reset;     /* RESET */
    VmState final_state; /* STOP */
    char *reason;        /* STOP, RESET, SUSPEND, WAKE; owned */
    void (*fn)(Vm *vm, void *data);
    void *data;
    bool has_waiter, done; /* done: op_lock */
    bool from_cpu;         /* stale once the machine was reset */
    guint resets;          /* how often it had been when this was posted */
    GError *error;
} VmOp;

typedef struct VmPin VmPin;

struct Vm {
    DeviceEnv env; /* first: devices hold &env */
    char *name;
    const CpuBackendOps *ops;
    CpuBackend *backend;
    unsigned n_vcpus;
    Vcpu *vcpus;
    guint speed; /* atomic: share of the full speed, see pacer.h */
    VmEvents events;
    void *data;
    GPtrArray *devices; /* loop thread */

    GMutex state_lock; /* L2 guards state, reason */
    VmState state;
    char *reason;
    guint resets; /* atomic */

    /* parking */
    GMutex vcpu_lock; /* L2 guards park, quit, n_parked, n_begun,
                         Vcpu.blocked */
    GCond vcpu_cond;  /* parked or released */
    bool park, quit;
    unsigned n_parked;
    unsigned n_begun; /* threads that are about to run their CPU */

    /* operations: one at a time on the loop */
    GMutex op_lock; /* L2 guards VmOp.done */
    GCond op_cond;
    GQueue ops_waiting; /* loop thread */
    VmOp *op;           /* loop thread: the one under way */
    bool parked_for_op; /* loop thread: it was running before the op */
    VmOp *sleep_op;     /* loop thread: SUSPEND of a paused guest, or NULL */
    Timer *quiet_timer; /* polls is_quiet */
    gint64 quiet_limit; /* host ns */
    gint64 patience;    /* ns until then; tests have less */
    Timer *wake_timer;  /* polls is_quiet to wake_again */
    char *wake_again; /* loop thread: why a device woke it, in vain; or NULL */

    /* storm guard of resets by the guest, loop thread */
    gint64 storm_window;
    guint resets_in_window;

    void (*press_power)(void *data); /* set-up, then constant */
    void *press_power_data;
    VmPin *pin;  /* set-up, then constant; NULL: threads run anywhere */
    VmLoad load; /* set-up, then constant; NULL: firmware starts */
    void *load_data;
};

/* vm-load.c: runs the loader, if there is one, and points CPU 0 at what it
 * loaded. Loop thread, parked. */
bool vm_load(Vm *vm, GError **error);

/* vm-pin.c: which of the host's processors threads run on. Where the host
 * refuses one, that is logged, and the thread runs anywhere. */
void vm_pin_init(Vm *vm, const VmConfig *config);
void vm_pin_vcpu(Vm *vm, unsigned index); /* own thread */
void vm_pin_free(VmPin *pin);

/* vcpu.c. Loop thread. */
void vm_threads_start(Vm *vm);
void vm_threads_wait_begun(Vm *vm);
void vm_threads_join(Vm *vm);
/* Parks every vCPU and waits for it; idempotent. */
void vm_park(Vm *vm);
void vm_unpark(Vm *vm);
/* After a reset: blocked vCPUs may run again. Parked. */
void vm_unblock(Vm *vm);

/* vm-op.c. The loop is there; before it is freed. */
void vm_ops_init(Vm *vm);
void vm_ops_clear(Vm *vm); /* not initialized is fine */
/* vm-op.c: queues a request without a waiter. Any thread. */
void vm_post_op(Vm *vm, VmOpKind kind, ResetKind reset, VmState final_state,
                char *reason);
/* vcpu.c: on a vCPU's thread, it runs no further instruction until a reset;
 * elsewhere nothing. */
void vm_block_caller(Vm *vm);
/* vm-op.c: the guest wants to sleep; to be reset, unless it does nothing else.
 * Any thread; why is taken. */
void vm_post_suspend(Vm *vm, char *why);
void vm_post_guest_reset(Vm *vm, ResetKind kind, char *why);
/* vm-op.c: a vCPU cannot go on. report is taken. */
void vm_post_cpu_error(Vm *vm, char *report);
/* vm-op.c: a triple fault; resets, or gives up when it does nothing else. */
void vm_triple_fault(Vm *vm);
