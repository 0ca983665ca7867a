/* tests/unit/fake-vm.h - a machine without a CPU: RAM, ports, MMIO, recorded
 * interrupt lines, a clock that only moves when told to. Drives any device
 * model register by register. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/dma.h"
#include "vmm/mem/guest-mem.h"

/* A slot as a CPU would be given it. */
typedef struct {
    Gpa gpa;
    guint64 len; /* 0: unused */
    guint8 *host;
    bool read_only;
} FakeSlot;

typedef struct {
    DeviceEnv env; /* first: what devices get */
    MemBacking *ram;
    FakeSlot slots[512];
    guint ram_size;
    bool level[IRQ_PINS];  /* as the controllers see them, ORed */
    guint rises[IRQ_PINS]; /* edges 0 -> 1 since the start */
    guint msis;            /* messages sent */
    guint64 last_msi_address;
    guint32 last_msi_data;
    bool can_bind;        /* irq_pin_bind() works; false at first */
    int pin_fd[IRQ_PINS]; /* bound by irq_pin_bind(); -1: none */
    int pin_over_fd[IRQ_PINS];
    guint binds, unbinds;
    guint requests; /* device_request() calls */
    MachineRequest last_request;
    SpeakerLine speaker; /* what the interval timer does */
    bool timer_muted;    /* its interrupt */
    GString *log;        /* everything logged, one line each */
} FakeVm;

FakeVm *fake_vm_new(gsize ram_size); /* RAM at 0, multiple of 4096 */
void fake_vm_free(FakeVm *vm);

/* device_new + options by the caller + realize + reset; asserts success. */
void fake_vm_realize(FakeVm *vm, Device *dev);

guint8 fake_in8(FakeVm *vm, guint16 port);
guint16 fake_in16(FakeVm *vm, guint16 port);
guint32 fake_in32(FakeVm *vm, guint16 port);
void fake_out8(FakeVm *vm, guint16 port, guint8 value);
void fake_out16(FakeVm *vm, guint16 port, guint16 value);
void fake_out32(FakeVm *vm, guint16 port, guint32 value);
guint64 fake_mmio_read(FakeVm *vm, Gpa addr, unsigned size);
void fake_mmio_write(FakeVm *vm, Gpa addr, guint64 value, unsigned size);

/* Where a CPU finds that memory without an exit, also where no device may;
 * NULL: it exits. */
guint8 *fake_cpu_ptr(FakeVm *vm, Gpa addr, guint64 len, bool write);
/* Whether it finds that value there. */
bool fake_cpu_reads(FakeVm *vm, Gpa addr, unsigned size, guint64 value);
guint8 *fake_ram(FakeVm *vm); /* host pointer to guest address 0 */
/* Lets guest time pass and dispatches whatever became ready. */
void fake_advance(FakeVm *vm, gint64 ns);
