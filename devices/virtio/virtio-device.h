/* devices/virtio/virtio-device.h - what a virtio device model is (Virtio 1.2,
 * chapter 2), whatever it is connected by.
 *
 * A model's class embeds VirtioDevice first and VirtioState first in its state
 * struct; one class serves PCI and MMIO. A link "bus" makes it a PCI function
 * (virtio-pci.c), else "mmio-base" and "irq" make it a platform device
 * (virtio-mmio.c). The model never asks which.
 *
 *   typedef struct { VirtioState virtio; guint32 reg; } FooState;
 *   typedef struct { VirtioDevice virtio; FooState s; ... } Foo;
 *   props:   VIRTIO_PROPS(Foo, virtio), ...
 *   fields:  STATE_SUB(FooState, virtio, &virtio_state_desc), ...
 *   realize: virtio_realize(&d->virtio, env, &foo_model, &setup,
 *                           &d->s.virtio, error)
 * The class's other hooks may be the virtio_class_...() functions themselves
 * where the model has nothing to add, else they call them: unrealize last,
 * reset and restored first. share/doc/virtio.md walks through a model.
 *
 * Threads: registers are written on vCPU threads with the device's lock
 * (Device.lock, L1) held; queues are served on the loop, or on a thread of the
 * device's own (VirtioSetup.own_thread). The lock guards the
 * state and everything of virtq.h; a model takes it by virtio_lock(), keeps it
 * for as long as it moves buffers and gives it up for I/O. */
#pragma once

#include "devices/bus/pci-msix.h"
#include "devices/bus/pci.h"
#include "devices/virtio/virtq.h"
#include "vmm/core/device.h"

#define VIRTIO_MAX_QUEUES 64u
#define VIRTIO_MAX_CONFIG 256u /* bytes of device configuration */

/* Device numbers, chapter 5 */
enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_SCSI = 8,
    VIRTIO_ID_GPU = 16,
    VIRTIO_ID_INPUT = 18,
    VIRTIO_ID_VSOCK = 19,
    VIRTIO_ID_SOUND = 25,
    VIRTIO_ID_FS = 26,
    VIRTIO_ID_PMEM = 27,
};

#define VIRTIO_BIT(n) (G_GUINT64_CONSTANT(1) << (n))

/* Features that are not a model's, chapter 6; virtio_realize() offers those
 * that are implemented. */
#define VIRTIO_F_ANY_LAYOUT    VIRTIO_BIT(27) /* legacy: framing is free */
#define VIRTIO_F_INDIRECT_DESC VIRTIO_BIT(28)
#define VIRTIO_F_EVENT_IDX     VIRTIO_BIT(29)
#define VIRTIO_F_VERSION_1     VIRTIO_BIT(32)
#define VIRTIO_F_RING_PACKED   VIRTIO_BIT(34)

/* Device status, section 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER      0x02u
#define VIRTIO_STATUS_DRIVER_OK   0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED      0x80u

typedef struct VirtioDevice VirtioDevice;
typedef struct VirtioTransport VirtioTransport; /* virtio-internal.h */
typedef struct VirtioKick VirtioKick;           /* virtio-internal.h */
typedef struct IoThread IoThread;               /* vmm/loop/io-thread.h */

/* What a device of one type does; one const instance per model. NULL is fine
 * for all but notify. */
typedef struct {
    guint16 id;        /* VIRTIO_ID_... */
    guint16 pci_class; /* base class << 8 | subclass */
    /* Has no legacy interface: devices that came with version 1.0. */
    bool modern_only;

    /* The driver has put buffers into a queue. Loop thread, or the device's
     * own where VirtioSetup asks for one, lock not held; may come without a buffer, and while another queue is being served on
     * no other thread. Take what there is; what cannot be taken now is to be
     * taken later without another call. */
    void (*notify)(VirtioDevice *v, unsigned queue);

    /* Fills all setup.config_size bytes of device configuration, little
     * endian (2.5), zeroed before. Lock held, any thread. */
    void (*get_config)(VirtioDevice *v, guint8 *config);
    /* The driver wrote [offset, offset + len), inside the configuration; data
     * has the bytes. Lock held, vCPU thread. */
    void (*set_config)(VirtioDevice *v, unsigned offset, const guint8 *data,
                       unsigned len);
    /* The driver set DRIVER_OK: features and queues are final until reset.
     * Lock held, vCPU thread; also after a restore, on the loop, and where a
     * driver did not wait for its reset, on the thread that serves queues. */
    void (*started)(VirtioDevice *v);
    /* A reset has begun: nothing that started() set going may go on; cancel
     * work on buffers that are out (their push will be dropped). Lock held,
     * vCPU or loop thread; not called unless started. */
    void (*stopped)(VirtioDevice *v);
    /* Any reset, by the driver or the machine, started or not: assign what the
     * configuration has at first. Lock held, vCPU or loop thread. */
    void (*reset)(VirtioDevice *v);
    /* As notify(), where notifications are answered: on the vCPU's thread,
     * before the driver's write has ended. What needs no waiting may be done at
     * once, a bounded bit of it. False: notify() is to follow. Lock held. */
    bool (*answer)(VirtioDevice *v, unsigned queue);
} VirtioModel;

/* What one instance offers; read during virtio_realize(). */
typedef struct {
    guint64 features;    /* the model's own, of bits 0..23 and 50..63 */
    unsigned n_queues;   /* 1..VIRTIO_MAX_QUEUES */
    guint16 queue_size;  /* entries, a power of two, to VIRTQ_MAX_SIZE */
    guint16 config_size; /* bytes, to VIRTIO_MAX_CONFIG */
    /* notify() may wait for I/O: it runs on a thread of the device's own, which
     * begins with the first notification. Without it, should no thread be had,
     * notify() runs on the loop. */
    bool own_thread;
    /* Notifications are answered from the start, see virtio_set_answers(). */
    bool answers;
} VirtioSetup;

/* Guest-visible and saved: registers common to all, both transports'. */
typedef struct {
    PciState pci;      /* PCI only; first */
    PciMsixState msix; /* PCI only */
    guint64 driver_features;
    guint32 device_feature_sel, driver_feature_sel;
    guint16 queue_sel, config_vector;
    guint8 status, isr, config_generation;
    guint8 legacy; /* 1: driven through the legacy interface */
    VirtqState queue[VIRTIO_MAX_QUEUES];
} VirtioState;
extern const StateDesc virtio_state_desc;

/* Who has driven the device since it was made. A guest's firmware may drive it
 * before its operating system does, or instead of it (DOS reads its disk by the
 * BIOS): only the second kind proves that the guest has a driver. Firmware
 * polls, takes no feature that it can do without, and starts a device once
 * after each reset of the machine. */
typedef struct {
    bool by_firmware; /* or what cannot be told from it */
    bool by_system;
    guint64 buffers; /* that the system's driver has had back */
    guint64 writes;  /* disks: written by the system's driver */
} VirtioUse;

struct VirtioDevice {
    PciDevice pci; /* first; pci.dev is the Device, also without a bus */
    /* Options. */
    bool packed; /* offer packed rings */
    bool legacy; /* offer the legacy interface too (PCI) */
    guint64 mmio_base;
    guint32 mmio_irq;
    /* Set by virtio_realize(), constant then. */
    const VirtioModel *model;
    VirtioSetup setup;
    guint64 features; /* all that are offered */
    VirtioState *s;
    const VirtioTransport *transport; /* NULL: not realized */
    Virtq *queues;                    /* setup.n_queues */
    VirtioKick *kicks;                /* one a queue */
    /* Under the lock. */
    bool started;     /* DRIVER_OK and what it entails has been done */
    bool paused;      /* between quiesce and resume */
    bool draining;    /* reset, but old buffers are still out */
    bool answers;     /* notifications go to the model's answer() first */
    unsigned n_out;   /* buffers out, also those from before a reset */
    IoThread *thread; /* written on the loop; NULL: the loop serves queues */
    VirtioUse use;
    unsigned n_starts; /* since the machine's reset */
    bool is_system;    /* what drives it now is no firmware */
    /* The transports' own. */
    PciMsix msix;
    PciIds ids;
    IoRegion *modern, *port; /* virtio-pci */
    MemSlot *common;         /* what it shows of common configuration, and */
    guint32 *common_words;   /* where that is written */
    unsigned pci_cfg_cap;
    IoRegion *mmio; /* virtio-mmio */
    IrqLine *line;
    Dma *mmio_dma;
};

/* The rows every virtio class puts into its PropDesc table. */
/* clang-format off */
#define VIRTIO_PROPS(S, f) \
    PROP_DEF_LINK(S, f.pci.bus, "bus", false, \
                  "PCI bus it sits on; none: memory-mapped"), \
    PROP_DEF_U32(S, f.pci.devfn, "addr", 0, 0, 255, NULL, \
                 "PCI: slot * 8 + function"), \
    PROP_DEF_BOOL(S, f.legacy, "legacy", true, \
                  "PCI: also offer the interface of virtio 0.9"), \
    PROP_DEF_BOOL(S, f.packed, "packed", true, "offer packed rings"), \
    PROP_DEF_U64(S, f.mmio_base, "mmio-base", 0, 0, G_MAXUINT64, NULL, \
                 "memory-mapped: address of its 4096 bytes"), \
    PROP_DEF_U32(S, f.mmio_irq, "irq", 5, 0, 23, NULL, \
                 "memory-mapped: its interrupt input")
/* clang-format on */

/* The model's struct, which embeds VirtioDevice first: VIRTIO_OF(Foo, v). */
#define VIRTIO_OF(T, v) ((T *) (void *) (v))

/* ---- life; loop thread, see device.h for when ---- */

/* state: the VirtioState inside the model's state struct. False and error set
 * when the place on the bus is taken, or there is none. */
bool virtio_realize(VirtioDevice *v, DeviceEnv *env, const VirtioModel *model,
                    const VirtioSetup *setup, VirtioState *state,
                    GError **error);

/* Fit DeviceClass as they are. is_quiet: no buffer is out. resume looks at all
 * queues anew. */
void virtio_class_unrealize(Device *dev);
void virtio_class_reset(Device *dev, ResetKind kind);
void virtio_class_restored(Device *dev);
void virtio_class_quiesce(Device *dev);
bool virtio_class_is_quiet(Device *dev);
void virtio_class_resume(Device *dev);

/* ---- for models ---- */

void virtio_lock(VirtioDevice *v); /* the device's lock, L1 */
void virtio_unlock(VirtioDevice *v);
/* Queue i < setup.n_queues. Constant: needs no lock. */
Virtq *virtio_queue(VirtioDevice *v, unsigned i);
/* Whether all of these feature bits were negotiated. Lock held. */
bool virtio_has_feature(const VirtioDevice *v, guint64 bits);
/* Whether queues may be served: started, not paused, not broken. Lock held.
 * While it is false pop finds nothing that matters; a model that works on its
 * own initiative (a packet arrived, a timer) asks first. */
bool virtio_is_running(const VirtioDevice *v);
/* The configuration has changed by itself (a new size, a link that went down):
 * the driver is told. Lock held, any thread. */
void virtio_config_changed(VirtioDevice *v);
/* As if the driver had notified the queue: notify() runs soon, on the loop.
 * Any thread, with or without the lock. */
void virtio_kick(VirtioDevice *v, unsigned queue);
/* Inside notify(), when a queue is empty: true when the driver has put something
 * into it within a short while. Only a thread of the device's own waits, and
 * only if that has paid lately. Lock held, given up in between. */
bool virtio_linger(VirtioDevice *v, unsigned queue);
/* Whether notify() runs on a thread of the device's own. Lock held. */
bool virtio_has_thread(const VirtioDevice *v);
/* Inside notify() or answer(): whether notifications are answered from now on,
 * which takes an exit to this process for each, or signal an eventfd for
 * notify(), which is quicker if it has to do the work anyway. Changing it takes
 * the kernel a while. A driver's start sets it as VirtioSetup says. Lock held. */
void virtio_set_answers(VirtioDevice *v, bool on);
/* Something no driver may do, beyond what virtq_fail() says. Lock held. */
void virtio_fail(VirtioDevice *v, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* The driver has written to a disk. Lock held. */
void virtio_count_write(VirtioDevice *v);
/* False: dev is no virtio device. Any thread while dev lives. */
bool virtio_get_use(Device *dev, VirtioUse *ret_use);

/* ---- for back ends in the kernel (vhost) ---- */

/* The eventfd that the driver's notifications of this queue signal: without
 * leaving the kernel while the device runs. Owned by v. Any thread. */
int virtio_kick_fd(VirtioDevice *v, unsigned queue);
/* Whether the loop listens to that eventfd and calls notify(); true at first.
 * Loop thread. */
void virtio_set_kick_watched(VirtioDevice *v, unsigned queue, bool on);
/* An eventfd whose signal interrupts the driver for this queue without this
 * process; -1: not as it is set up now (INTx, no vector), watch an eventfd of
 * your own and call virtio_interrupt_queue(). Ask in started(): drivers choose
 * vectors before. Lock held. */
int virtio_interrupt_fd(VirtioDevice *v, unsigned queue);
/* Interrupts the driver for a queue, whatever its rings say. Lock held. */
void virtio_interrupt_queue(VirtioDevice *v, unsigned queue);
