/* vmm/irq/irq.h - level lines, message interrupts, and their eventfds. */
#pragma once

#include "vmm/types.h"

#define IRQ_PINS 24 /* IOAPIC inputs; 0..15 reach the two 8259 as well */

/* What drives the interrupt controllers (KVM's, or a test's recorder). Any
 * thread; one call per pin at a time. Return 0 or -errno. */
typedef struct {
    int (*set_level)(void *backend, unsigned pin, bool level);
    /* One message now, without a route. */
    int (*send_msi)(void *backend, guint64 address, guint32 data);
    /* Reserves a GSI and routes it to the message; gsi -1: new one. Returns
     * the gsi or -errno. NULL: no routing, messages go by send_msi. */
    int (*route_msi)(void *backend, int gsi, guint64 address, guint32 data);
    void (*release_gsi)(void *backend, int gsi);
    int (*set_irqfd)(void *backend, int gsi, int fd, bool add);
    /* See irq_pin_bind(). NULL: the backend cannot. */
    int (*set_pin_fd)(void *backend, unsigned pin, int fd, int over_fd,
                      bool bind);
} IrqBackendOps;

IrqChip *irq_chip_new(const IrqBackendOps *ops, void *backend);
void irq_chip_free(IrqChip *chip);
bool irq_chip_pin_level(IrqChip *chip, unsigned pin); /* ORed; for tests */

/* One source of a level interrupt; all sources of a pin are ORed. Any thread,
 * never blocks; idempotent: asserting twice needs one deassert. pin: 0..23. */
IrqLine *irq_line_new(DeviceEnv *env, unsigned pin);
void irq_line_set(IrqLine *line, bool level);
/* Edge-triggered ISA devices (PIT, RTC, FDC keep the line up instead): down,
 * then up. */
void irq_line_pulse(IrqLine *line);
bool irq_line_level(const IrqLine *line);
void irq_line_free(IrqLine *line); /* deasserts; NULL is fine */

/* Restore only: adopts level without producing an edge in the controller,
 * whose own state is restored separately. */
void irq_line_adopt(IrqLine *line, bool level);

/* A level interrupt that comes from the kernel (VFIO's INTx): a signal of fd
 * raises the pin, beside its lines; the guest's end of interrupt lowers it and
 * signals over_fd, upon which whoever still asks signals fd again. A signal that
 * waits in fd acts at once. bind false, with the same arguments: undone, and the
 * pin is down as far as fd raised it. Any thread. 0, -ENOTSUP (levels must go by
 * a line) or -errno of KVM_IRQFD. */
int irq_pin_bind(DeviceEnv *env, unsigned pin, int fd, int over_fd, bool bind);

/* One MSI or MSI-X vector; starts unrouted and masked. Where an eventfd was
 * asked for, a new route is in KVM when msi_route() returns: 0, -ENOSPC (no
 * GSI left) or -errno of KVM_SET_GSI_ROUTING. */
Msi *msi_new(DeviceEnv *env);
int msi_route(Msi *msi, guint64 address, guint32 data);

/* Masked vectors latch: msi_pending() becomes true and the message is sent at
 * unmask. */
void msi_set_masked(Msi *msi, bool masked);
bool msi_pending(Msi *msi);
void msi_send(Msi *msi); /* any thread; an eventfd write */

/* eventfd bound by KVM_IRQFD to this vector; hand it to VFIO or vhost and the
 * interrupt bypasses this process. Owned by msi, valid until msi_free(). */
int msi_eventfd(Msi *msi);
void msi_free(Msi *msi);
