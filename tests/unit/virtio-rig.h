/* tests/unit/virtio-rig.h - a virtio device on a bus of its own, and the driver
 * that a guest would have: handshake, rings and buffers, through the device's
 * registers and the fake machine's memory. */
#pragma once

#include "devices/virtio/virtio-device.h"
#include "tests/unit/fake-vm.h"

#define VR_RAM      (4u << 20)
#define VR_MODERN   0xe0000000u /* BAR 4; or the MMIO registers */
#define VR_MSIX     0xe0100000u /* BAR 1 */
#define VR_PORT     0xc000u     /* BAR 0 */
#define VR_COMMON   VR_MODERN
#define VR_ISR      (VR_MODERN + 0x1000u)
#define VR_CONFIG   (VR_MODERN + 0x2000u)
#define VR_NOTIFY   (VR_MODERN + 0x3000u)
#define VR_DEVFN    PCI_DEVFN(4, 0)
#define VR_MMIO_IRQ 9u
#define VR_RINGS    0x10000u  /* of queue 0; 0x8000 bytes each */
#define VR_DATA     0x100000u /* tests may use memory from here on */
#define VR_QUEUES   8u

typedef enum { VR_PCI, VR_LEGACY, VR_MMIO } VirtioRigHow;

/* A piece of a buffer. */
typedef struct {
    guint64 addr;
    guint32 len;
    bool write; /* by the device */
} VrBuf;

/* The driver's side of a queue. */
typedef struct {
    guint16 size;
    guint64 desc, driver, device; /* where the areas are */
    unsigned next;                /* descriptor to use next; packed: slot */
    guint16 avail, used;          /* split: indices */
    unsigned used_slot;           /* packed */
    bool wrap, used_wrap;
    guint16 slots[1024]; /* packed: of the buffer with this id */
} VrQueue;

typedef struct {
    FakeVm *vm;
    PciBus *bus; /* NULL: MMIO */
    Device *dev;
    VirtioDevice *v;
    VirtioRigHow how;
    bool packed;
    bool irq; /* the function's INTx */
    VrQueue q[VR_QUEUES];
} VirtioRig;

/* The machine, for links that the device needs; the device comes next. */
void virtio_rig_init(VirtioRig *r, VirtioRigHow how);
/* Takes dev (options set), realizes it and gives it its place. */
void virtio_rig_add_device(VirtioRig *r, Device *dev);
/* As a save and a restore do: the device, quiet already, is saved and freed;
 * fresh (options set) takes its place, its state and the guest's memory, and
 * runs. */
void virtio_rig_replace(VirtioRig *r, Device *fresh);
void virtio_rig_free(VirtioRig *r);

/* Registers by transport: reset and handshake up to FEATURES_OK; accept is a
 * mask of what to take from the offer. Returns the status. */
guint8 virtio_rig_negotiate(VirtioRig *r, guint64 accept);
/* Puts queue i's rings into memory, all zero, and enables it. */
void virtio_rig_set_queue(VirtioRig *r, unsigned i, guint16 size);
/* Sets an area of queue i elsewhere (before enabling) and enables it. */
void virtio_rig_set_areas(VirtioRig *r, unsigned i, guint16 size, guint64 desc,
                          guint64 driver, guint64 device);
void virtio_rig_set_status(VirtioRig *r, guint8 bits); /* ORed; 0: reset */
guint8 virtio_rig_status(VirtioRig *r);
guint64 virtio_rig_offered(VirtioRig *r);
/* negotiate, n queues of 16 entries (or fewer), DRIVER_OK. */
void virtio_rig_start(VirtioRig *r, guint64 accept, unsigned n_queues);
guint64 virtio_rig_config(VirtioRig *r, unsigned offset, unsigned size);

/* Makes a buffer available; returns its id. */
guint16 virtio_rig_add(VirtioRig *r, unsigned i, const VrBuf *bufs, unsigned n);
/* The same through an indirect table at `table`. */
guint16 virtio_rig_add_indirect(VirtioRig *r, unsigned i, guint64 table,
                                const VrBuf *bufs, unsigned n);
/* Notifies and lets the loop work. */
void virtio_rig_kick(VirtioRig *r, unsigned i);
/* The next used buffer; false: none. */
bool virtio_rig_used(VirtioRig *r, unsigned i, guint16 *ret_id,
                     guint32 *ret_len);
/* Kicks and waits (10 s at most) for one used buffer; its length,
 * or G_MAXUINT32. */
guint32 virtio_rig_finish(VirtioRig *r, unsigned i);

/* Guest memory. */
void vr_put16(VirtioRig *r, guint64 at, guint16 value);
void vr_put32(VirtioRig *r, guint64 at, guint32 value);
void vr_put64(VirtioRig *r, guint64 at, guint64 value);
guint16 vr_get16(VirtioRig *r, guint64 at);
guint32 vr_get32(VirtioRig *r, guint64 at);
/* A raw descriptor: split: next, packed: id in the last but one. */
void vr_put_desc(VirtioRig *r, guint64 at, guint64 addr, guint32 len,
                 guint16 flags, guint16 next_or_id);
/* PCI configuration space. */
guint32 vr_config_read(VirtioRig *r, unsigned offset, unsigned size);
void vr_config_write(VirtioRig *r, unsigned offset, guint32 value,
                     unsigned size);
/* Offset of the nth capability with this id, 0: none. */
unsigned vr_capability(VirtioRig *r, guint8 id, unsigned nth);
/* Turns MSI-X on; vector v sends data 0x40 + v, unmasked. */
void vr_enable_msix(VirtioRig *r, unsigned n);
