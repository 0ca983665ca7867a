/* devices/bus/pci.h - PCI buses and what a PCI function is.
 *
 * PCI Local Bus Specification 2.3. A function's class embeds PciDevice first
 * (which embeds Device first) and its state struct embeds PciState first:
 *
 *   typedef struct { PciState pci; guint32 reg; } FooState;
 *   typedef struct { PciDevice pci; FooState s; ... } Foo;
 *   static const StateField foo_fields[] = {
 *       STATE_SUB(FooState, pci, &pci_state_desc), ... };
 *
 * realize: pci_device_realize() first, then pci_add_bar()..., unrealize ends
 * with pci_device_unrealize(); reset begins with pci_device_reset(); restored
 * begins with pci_device_restored(). */
#pragma once

#include "vmm/core/device.h"
#include "vmm/types.h"

#define PCI_CONFIG_SIZE     256
#define PCI_EXTENDED_SIZE   4096 /* with what only PCI Express reaches */
#define PCI_NUM_BARS        6
#define PCI_ROM             PCI_NUM_BARS /* index of the expansion ROM */
#define PCI_DEVFN(slot, fn) ((guint8) (((slot) << 3) | (fn)))

/* Offsets in configuration space, PCI 2.3 section 6.1 */
#define PCI_VENDOR_ID            0x00
#define PCI_DEVICE_ID            0x02
#define PCI_COMMAND              0x04
#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_STATUS               0x06
#define PCI_STATUS_INTERRUPT     0x0008
#define PCI_STATUS_CAP_LIST      0x0010
#define PCI_REVISION_ID          0x08
#define PCI_CLASS_PROG           0x09
#define PCI_CLASS_DEVICE         0x0a
#define PCI_CACHE_LINE_SIZE      0x0c
#define PCI_LATENCY_TIMER        0x0d
#define PCI_HEADER_TYPE          0x0e
#define PCI_HEADER_MULTI         0x80
#define PCI_BAR0                 0x10
#define PCI_SUBSYSTEM_VENDOR_ID  0x2c
#define PCI_SUBSYSTEM_ID         0x2e
#define PCI_ROM_ADDRESS          0x30
#define PCI_ROM_ENABLE           0x00000001u
#define PCI_ROM_MAX              (1u << 20) /* bytes; larger ones are refused */
#define PCI_CAPABILITY_LIST      0x34
#define PCI_INTERRUPT_LINE       0x3c
#define PCI_INTERRUPT_PIN        0x3d

/* A bus without a bridge above it is a root; buses behind bridges
 * (pci-bridge.h) share its locks and its interrupt inputs. */
typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;

typedef struct {
    guint8 config[PCI_CONFIG_SIZE];
    guint8 intx_level; /* this function's INTx request, 0/1 */
} PciState;
extern const StateDesc pci_state_desc;

typedef struct {
    guint16 vendor, device, subsystem_vendor, subsystem;
    guint16 class_device; /* base class << 8 | subclass */
    guint8 prog_if, revision;
    guint8 interrupt_pin; /* 0 none, 1 INTA# .. 4 */
    bool multifunction;
} PciIds;

typedef enum {
    PCI_BAR_NONE,
    PCI_BAR_IO,
    PCI_BAR_MEM32,
    PCI_BAR_MEM64,
    PCI_BAR_ROM /* pci_add_rom()'s */
} PciBarType;

typedef struct {
    PciBarType type;
    bool prefetch;
    guint64 size;      /* bytes, power of two */
    IoRegion *region;  /* trapped part, borrowed; or */
    MemSlot *slot;     /* memory part, borrowed */
    bool read_only;    /* it shows what the region would answer; both are there,
                        * and it is no harm if the slot cannot be */
    guint64 mapped_at; /* G_MAXUINT64: not mapped */
} PciBar;

struct PciDevice {
    Device dev;
    PciBus *bus;   /* link "bus", set before realize */
    guint32 devfn; /* option "addr": slot << 3 | function */
    const PciIds *ids;
    PciState *state; /* inside the derived device's state struct */
    guint8 wmask[PCI_CONFIG_SIZE];   /* bits the guest may write */
    guint8 w1cmask[PCI_CONFIG_SIZE]; /* bits that writing 1 clears */
    guint8 initial[PCI_CONFIG_SIZE]; /* config at reset */
    PciBar bars[PCI_NUM_BARS + 1];   /* PCI_ROM: the expansion ROM */
    GBytes *rom;                     /* NULL: none */
    unsigned cap_end;                /* where the next capability goes */
    Dma *dma;                        /* follows the bus-master bit */
    /* Optional; runs before the generic read, with the bus's config lock held,
     * for bytes that are made when somebody looks. It and config_written may
     * take the device's lock inside; nothing takes the two the other way
     * round. */
    void (*config_reading)(PciDevice *pdev, unsigned offset, unsigned size);
    /* Optional; runs after the generic write of [offset, offset+size), with
     * the bus's config lock held; old holds the bytes before. */
    void (*config_written)(PciDevice *pdev, unsigned offset, unsigned size,
                           const guint8 *old);
    /* Goes with config_reading: whether it would now do anything for any
     * register. Depends on the state alone. Config lock held. */
    bool (*config_is_live)(const PciDevice *pdev);
    /* Optional; a BAR is at bars[index].mapped_at now: at another address, or
     * nowhere. For functions that map more than a region and a slot; with the
     * bus's config lock held. */
    void (*bar_moved)(PciDevice *pdev, unsigned index);
    /* Optional; the router changed its routes: pci_intx_pin() may tell another
     * pin. Config lock held, or the machine is paused; may take the device's
     * lock. The disable bit is config_written's. */
    void (*intx_moved)(PciDevice *pdev);
    /* Optional, both or none; registers from 256 to 4095. Config lock held. */
    guint32 (*extended_read)(PciDevice *pdev, unsigned offset, unsigned size);
    void (*extended_write)(PciDevice *pdev, unsigned offset, guint32 value,
                           unsigned size);
};

/* The rows every PCI class puts into its PropDesc table. */
/* clang-format off */
#define PCI_PROPS(S, f) \
    PROP_DEF_LINK(S, f.bus, "bus", true, "PCI bus it sits on"), \
    PROP_DEF_U32(S, f.devfn, "addr", 0, 0, 255, NULL, "slot * 8 + function")
/* clang-format on */

/* Raises or lowers one of the shared PIRQ inputs, ORed by the bus. Any
 * thread; called with the bus's INTx lock (L2) held. */
typedef void (*PciSetIrq)(void *data, unsigned pirq, bool level);

/* Where an interrupt goes that is at no pin (>= 0) of the controllers. */
#define PCI_INTX_NOWHERE (-1) /* routed to none, or disabled by the guest */
#define PCI_INTX_UNTOLD  (-2) /* the router does not say: only levels reach it */
/* The pin, or NOWHERE, to which a PIRQ input is routed now. Any thread; with the
 * bus's INTx lock held. */
typedef int (*PciRouteIrq)(void *data, unsigned pirq);

PciBus *pci_bus_new(DeviceEnv *env);
void pci_bus_free(PciBus *bus); /* no device may be left on it */
void pci_bus_set_irq_router(PciBus *bus, PciSetIrq set_irq, void *data);
/* After pci_bus_set_irq_router(), whose data it gets, and until the next call
 * of that. */
void pci_bus_set_irq_route(PciBus *bus, PciRouteIrq route);
/* The PIRQ input that pin 0..3 (INTA..D) of the root bus's slot is wired to. */
#define PCI_MAX_PIRQS 8
typedef unsigned (*PciMapIrq)(unsigned slot, unsigned pin);
/* A board with another wiring, or more inputs, than four that are rotated by the
 * slot (NULL). Before the first function that is no bridge to the router. */
void pci_bus_set_irq_map(PciBus *bus, unsigned n_pirqs, PciMapIrq map);
/* Tells the router all levels again, and the functions that their pins may
 * be others, after it changed its routes. Takes the INTx lock (L2). Config lock
 * held, or the machine is paused. */
void pci_bus_refresh_irqs(PciBus *bus);
/* The lock of configuration space, for the host bridge's IoRegions. */
GMutex *pci_bus_config_lock(PciBus *bus);
/* Configuration access with config_lock held; what is absent reads as all-ones.
 * size 1, 2, 4; offset + size <= 256, or from 256 up to PCI_EXTENDED_SIZE. */
guint32 pci_bus_config_read(PciBus *bus, guint8 devfn, unsigned offset,
                            unsigned size);
void pci_bus_config_write(PciBus *bus, guint8 devfn, unsigned offset,
                          guint32 value, unsigned size);
PciDevice *pci_bus_find(PciBus *bus, guint8 devfn); /* NULL: empty */
/* The root itself, or the bus behind the bridge that was given this number;
 * NULL: none was. Config lock held. */
PciBus *pci_bus_numbered(PciBus *root, guint8 number);
/* From now on the guest reads configuration space without an exit, at base +
 * 4096 * devfn (pci-pages.h); a region for what is written there is the
 * caller's. Before the first function; a second time, with the same base,
 * nothing is done. False and error set: no memory. */
bool pci_bus_show_config(PciBus *bus, Gpa base, GError **error);

/* Registers on pdev->bus; fills `initial` and the standard write masks.
 * state points to the PciState in the derived device. False and error set
 * when the address is taken. */
bool pci_device_realize(PciDevice *pdev, DeviceEnv *env, const PciIds *ids,
                        PciState *state, GError **error);
void pci_device_unrealize(PciDevice *pdev); /* half-realized is fine */
void pci_device_reset(PciDevice *pdev); /* config = initial; unmaps, INTx off */
void pci_device_restored(PciDevice *pdev); /* remaps from config */

/* region or slot (either may be NULL) are mapped where the guest puts the
 * BAR, while it decodes. size: power of two, >= 4 (I/O) or 16 (memory). */
void pci_add_bar(PciDevice *pdev, unsigned index, PciBarType type,
                 bool prefetch, guint64 size, IoRegion *region, MemSlot *slot);
/* A page in which the function shows the guest registers that can be read
 * without an exit, as the slot of a BAR whose read_only is set then. Zeroed
 * once, kept until the bus goes; *ret_bytes is where it is written. The slot is
 * the caller's. In realize. NULL and error set: no memory. */
MemSlot *pci_new_register_page(PciDevice *pdev, void **ret_bytes,
                               GError **error);
/* Gives the card an expansion ROM, section 6.2.5.2: firmware finds the image
 * where it puts the ROM's BAR, and runs it. Keeps a copy, with the card's device
 * number where it is for one of the same vendor. False and error set when it is
 * no such image or larger than PCI_ROM_MAX. In realize. */
bool pci_add_rom(PciDevice *pdev, GBytes *image, GError **error);
/* Adds a capability of len bytes (with its 2-byte header) to `initial`;
 * returns its offset. */
unsigned pci_add_capability(PciDevice *pdev, guint8 id, unsigned len);

/* The function's INTx pin; honours the disable bit and the status bit. Any
 * thread; may be called with the device's lock held. */
void pci_set_intx(PciDevice *pdev, bool level);
/* The pin of the controllers that the function's INTx reaches now, or one of
 * PCI_INTX_... Any thread; may be called with the device's lock held. */
int pci_intx_pin(PciDevice *pdev);
/* Direct: the function raises that pin by other means (irq_pin_bind()), and
 * pci_set_intx() only shows the request in the status register. Off at first.
 * Any thread; may be called with the device's lock held. */
void pci_set_intx_direct(PciDevice *pdev, bool direct);

/* Little-endian access to config bytes of state, initial or a mask. */
void pci_put16(guint8 *bytes, unsigned offset, guint16 value);
void pci_put32(guint8 *bytes, unsigned offset, guint32 value);
guint16 pci_get16(const guint8 *bytes, unsigned offset);
guint32 pci_get32(const guint8 *bytes, unsigned offset);
