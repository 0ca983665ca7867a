/* devices/virtio/virtio-internal.h - between the virtio device, its queues and
 * its transports. Everything with the device's lock held unless it says
 * otherwise. */
#pragma once

#include "devices/virtio/virtio-device.h"
#include "devices/virtio/virtq-internal.h"

/* ISR status, 4.1.4.5, and InterruptStatus, 4.2.2 */
#define VIRTIO_ISR_QUEUE  0x01u
#define VIRTIO_ISR_CONFIG 0x02u

/* What tells the loop that the driver has notified a queue. */
struct VirtioKick {
    VirtioDevice *v;
    unsigned queue;
    int fd;      /* eventfd */
    guint watch; /* loop thread; 0: none */
};

/* How a device is reached. */
struct VirtioTransport {
    /* Loop thread, lock not held; unrealize accepts half. */
    bool (*realize)(VirtioDevice *v, DeviceEnv *env, GError **error);
    void (*unrealize)(VirtioDevice *v);
    /* Lock not held. */
    void (*reset)(VirtioDevice *v);
    void (*restored)(VirtioDevice *v);
    Dma *(*dma)(VirtioDevice *v);
    /* vector: MSI-X, or VIRTQ_NO_VECTOR; bit: of the ISR where there are no
     * messages. */
    void (*interrupt)(VirtioDevice *v, guint16 vector, guint8 bit);
    /* The ISR has changed: make the line follow it. */
    void (*update_line)(VirtioDevice *v);
    /* Notifications to the kick eventfds from now on, or to registers. */
    void (*set_doorbells)(VirtioDevice *v, bool on);
    int (*interrupt_fd)(VirtioDevice *v, guint16 vector);
    /* Optional: status, generation or queues have changed otherwise than by a
     * write to a register. */
    void (*registers_changed)(VirtioDevice *v);
};
extern const VirtioTransport virtio_pci_transport, virtio_mmio_transport;

/* ---- for queues ---- */

bool virtio_is_broken(const VirtioDevice *v);
/* Counting buffers that are out. */
void virtio_buffer_taken(VirtioDevice *v);
void virtio_buffer_returned(VirtioDevice *v);

/* ---- registers that all transports have ---- */

/* 32 bits of what is offered, and of what the driver took; sel: 0, 1, others
 * read 0. A legacy driver sees and sets the first 32 only. */
guint32 virtio_get_offered(const VirtioDevice *v, guint32 sel);
guint32 virtio_get_accepted(const VirtioDevice *v, guint32 sel);
void virtio_set_accepted(VirtioDevice *v, guint32 sel, guint32 value);
/* Reads non-zero while a reset is under way. */
guint8 virtio_get_status(const VirtioDevice *v);
/* 2.1: 0 resets. legacy: through the legacy interface. */
void virtio_set_status(VirtioDevice *v, guint8 value, bool legacy);
/* The queue that queue_sel selects; NULL: there is no such. */
Virtq *virtio_selected(VirtioDevice *v);
/* Ignored with a line in the log where a driver may not do it. */
void virtio_set_queue_size(VirtioDevice *v, guint16 size);
void virtio_set_queue_enabled(VirtioDevice *v, bool on);
/* One of the three areas of the selected queue; which half: 0 low, 1 high. */
void virtio_set_queue_area(VirtioDevice *v, Gpa *area, unsigned half,
                           guint32 value);
/* Device configuration; outside of it reads as all-ones, ignores writes. */
guint64 virtio_read_config(VirtioDevice *v, unsigned offset, unsigned size);
void virtio_write_config(VirtioDevice *v, unsigned offset, guint64 value,
                         unsigned size);
/* A notification that came by a register. */
void virtio_doorbell(VirtioDevice *v, guint32 queue);
