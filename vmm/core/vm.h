/* vmm/core/vm.h - one virtual machine: states, threads, the pause protocol.
 *
 *            +--> PAUSED <--+
 *   NEW -> RUNNING ---------+--> STOPPED | CRASHED
 *            +-> SUSPENDED -+
 *
 * Threads: loop "vm:<name>" (all life-cycle work), one "vcpu:<n>" each. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/cpu/cpu.h"
#include "vmm/types.h"

typedef enum {
    VM_NEW,
    VM_RUNNING,
    VM_PAUSED,
    VM_STOPPED, /* powered off by guest or owner */
    VM_CRASHED, /* the engine cannot go on; vm_reason() says why */
    /* The guest sleeps (ACPI S3): its clock goes on, devices and RAM are there,
     * no CPU runs. A device wakes it, or vm_wake(). */
    VM_SUSPENDED
} VmState;

typedef struct {
    const char *name;
    CpuConfig cpu;
    const CpuBackendOps *backend; /* NULL: KVM */
    /* One of the host's processors for each CPU of the guest; NULL: any. */
    const unsigned *vcpu_cpus;
    /* Those for the loop and the threads of devices; none: any. */
    const unsigned *io_cpus;
    unsigned n_io_cpus;
} VmConfig;

typedef struct {
    /* Loop thread. reason: one line; for VM_CRASHED several. */
    void (*state_changed)(void *data, VmState state, const char *reason);
    void (*log)(void *data, const char *source, const char *line); /* any */
    void (*was_reset)(void *data, const char *why); /* loop thread */
} VmEvents;

/* Opens the backend and starts the loop. NULL and error set (CARREL_CPU_ERROR,
 * G_FILE_ERROR). */
Vm *vm_new(const VmConfig *config, const VmEvents *events, void *data,
           GError **error);
/* Stops the vCPUs, unrealizes the devices in reverse order, ends the loop.
 * Not on the loop thread. NULL is fine. */
void vm_free(Vm *vm);

const char *vm_name(const Vm *vm);
DeviceEnv *vm_env(Vm *vm);
Loop *vm_loop(Vm *vm);

/* Takes ownership of dev and realizes it on the loop; before vm_start(), or
 * inside vm_with_paused(), where it is reset as well. On failure dev is freed.
 * Order of adding is the order of realize and reset. */
bool vm_add_device(Vm *vm, Device *dev, GError **error);
/* Unrealizes and frees one of them; only inside vm_with_paused(), and nothing
 * may link to it. */
void vm_remove_device(Vm *vm, Device *dev);
Device *vm_find_device(Vm *vm, const char *id); /* borrowed or NULL */
void vm_foreach_device(Vm *vm, void (*fn)(Device *dev, void *data), void *data);

/* All of these: any thread but the VM's own; they return when it is done.
 * False and error set when the state does not allow it. */
bool vm_start(Vm *vm, bool paused, GError **error);
bool vm_pause(Vm *vm, GError **error);
bool vm_resume(Vm *vm, GError **error);
bool vm_reset(Vm *vm, ResetKind kind, GError **error);
/* Only a suspended one. */
bool vm_wake(Vm *vm, GError **error);
/* Powers off without asking the guest. */
bool vm_stop(Vm *vm, const char *reason, GError **error);
/* Guest-visible press of the power button; the hook comes from the machine's
 * power management chip. False: the machine has none. */
bool vm_power_button(Vm *vm);
void vm_set_power_button(Vm *vm, void (*press)(void *data), void *data);

/* Machines without firmware: load fills guest memory and says where CPU 0
 * starts. Runs on the loop, vCPUs parked, after the devices' and CPUs' reset,
 * at the start and at every reset; its error ends the machine. Before
 * vm_start(). */
typedef bool (*VmLoad)(void *data, CpuEntry *ret_entry, GError **error);
void vm_set_loader(Vm *vm, VmLoad load, void *data);

/* Any thread. */
VmState vm_state(Vm *vm);
const char *vm_state_name(VmState state); /* "running" */
char *vm_reason(Vm *vm);                  /* copy; "" while running */
unsigned vm_n_vcpus(const Vm *vm);
CpuStats vm_cpu_stats(Vm *vm, unsigned vcpu);
/* ns of CPU time used by a vCPU's thread. */
guint64 vm_vcpu_cpu_ns(Vm *vm, unsigned vcpu);
char *vm_describe_cpu(Vm *vm);
/* A share of the full speed in millionths, PACER_SLOWEST to PACER_FULL (see
 * pacer.h), of every processor, from now on. Time goes on at its own pace. */
void vm_set_speed(Vm *vm, guint share);
guint vm_speed(Vm *vm);
/* Thousand instructions a second of a guest at full speed; see cpu-speed.h.
 * Takes some ms. */
guint32 vm_cpu_kips(Vm *vm);
guint vm_reset_count(Vm *vm);

/* Pause, run fn on the loop, go on: for saving state. Not from the loop. */
bool vm_with_paused(Vm *vm, void (*fn)(Vm *vm, void *data), void *data,
                    GError **error);

/* Unrealizes and frees all devices, last added first; the machine must have
 * stopped (or never started). For owners of what devices link to: disks are
 * closed between this and vm_free(). Not on the loop thread. */
void vm_remove_devices(Vm *vm);

/* Whether every device has finished its work. After a stop: false means that
 * storage does not answer, and that freeing would pull memory from under it.
 * Stopped machines only. */
bool vm_is_quiet(Vm *vm);

/* Tells the CPUs that devices of a VFIO group (its descriptor) do DMA to guest
 * RAM, so that they honour the guest's cache flushes and memory types where the
 * IOMMU cannot make such DMA coherent. The group has a device and is in its
 * container; the kernel keeps it open until it is taken back (add false). One
 * caller at a time, any thread. 0; -EEXIST: known already; -errno: that is not
 * to be had, and the devices work wherever the IOMMU controls snooping. */
int vm_set_vfio_group(Vm *vm, int group_fd, bool add);

/* Debugging: registers of every CPU as text. Only while paused or stopped. */
char *vm_report(Vm *vm);
