/* devices/vfio/vfio-internal.h - the parts of class "vfio-pci", one file each:
 * configuration space, BARs, interrupts, expansion ROM. */
#pragma once

#include "devices/vfio/vfio-pci.h"
#include "vmm/irq/irq.h"
#include "vmm/mem/guest-mem.h"

#define VFIO_MAX_PIECES  8u /* of a BAR that the guest reaches directly */
#define VFIO_MAX_QUIRKS  4u
#define VFIO_MAX_VECTORS 2048u
#define VFIO_MSI_MAX     32u

typedef struct VfioPci VfioPci;
typedef struct VfioExtended VfioExtended; /* vfio-extended.c */
typedef struct VfioQuirk VfioQuirk;       /* vfio-quirks.c */

/* Part of a BAR that is memory of the guest. */
typedef struct {
    guint64 offset, len; /* in the BAR, bytes */
    void *host;
    MemBacking *backing;
    MemSlot *slot;
} VfioPiece;

typedef struct {
    VfioPci *d;
    unsigned index;
    IoRegion *region; /* the whole BAR, for what is not a piece */
    VfioPiece pieces[VFIO_MAX_PIECES];
    unsigned n_pieces;
} VfioBar;

typedef struct {
    guint32 address_lo, address_hi, data, control;
    Msi *msi;   /* NULL until it is unmasked for the first time */
    bool given; /* the kernel signals its eventfd */
    bool stale; /* the route is to be set again */
} VfioVector;

typedef struct {
    PciState pci;
} VfioPciState;

struct VfioPci {
    PciDevice pci;
    VfioPciState s;
    VfioHost *host;     /* link */
    GBytes *rom_file;   /* link, or NULL */
    bool rom_enabled;   /* option */
    bool multifunction; /* option */
    const VfioPciEvents *events;
    void *events_data;
    PciIds ids;
    bool fresh; /* the kernel reset the device and nothing used it since */

    /* vfio-config.c; constant after realize */
    bool passed[PCI_CONFIG_SIZE]; /* bytes that are the device's own */
    unsigned msi_cap, msix_cap;   /* offsets; 0: there is none */
    unsigned pm_cap;              /* the same */
    bool is_express;
    VfioExtended *extended; /* NULL: there is none */
    const VfioQuirk *quirks[VFIO_MAX_QUIRKS];
    unsigned n_quirks;
    guint32 quirk_index; /* atomic: the register chosen by ports */
    bool works_once;     /* nothing resets it; the loop, or paused */

    VfioBar bars[VFIO_HOST_BARS];

    /* vfio-interrupts.c; all below is guarded by the device's lock, but for
     * what is constant after realize: */
    unsigned n_msix, table_bar, pba_bar;
    guint32 table_offset, pba_offset;
    VfioVector *msix;   /* n_msix */
    unsigned n_granted; /* of them, by the host */
    VfioVector msi[VFIO_MSI_MAX];
    VfioHostIrq active; /* VFIO_HOST_N_IRQS: none */
    bool masked_all;
    int intx_fd, req_fd, err_fd; /* -1: none */
    guint intx_watch, req_watch, err_watch;
    Timer *intx_timer;
    /* INTx by KVM: the interrupt, and the guest's end of it; -1: no INTx */
    int direct_fd, over_fd;
    int intx_pin;            /* where KVM raises it; PCI_INTX_NOWHERE */
    bool direct;             /* the host signals direct_fd, not intx_fd */
    bool only_slow;          /* KVM has refused */
    guint64 slow_interrupts; /* atomic */
};

/* vfio-config.c */
/* Fills what the guest sees from what the device has; after
 * pci_device_realize(), config is the device's first 256 bytes. */
void vfio_config_realize(VfioPci *d, const guint8 *config);
/* The command register's hardware half, after a reset of either. Bus's config
 * lock held or machine paused. */
void vfio_config_write_command(VfioPci *d);
/* The device goes to D3hot; its BARs are nobody's any more. */
void vfio_config_sleep(VfioPci *d);
void vfio_config_reading(PciDevice *pdev, unsigned offset, unsigned size);
bool vfio_config_is_live(const PciDevice *pdev);
void vfio_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                         const guint8 *old);

/* vfio-extended.c; after vfio_config_realize() */
void vfio_extended_realize(VfioPci *d);
void vfio_extended_unrealize(VfioPci *d);

/* vfio-quirks.c; before vfio_bars_realize(), config as there */
void vfio_quirks_realize(VfioPci *d, const guint8 *config);
/* Quirk i < n_quirks has bytes of that BAR that may not be memory. */
bool vfio_quirk_hole(const VfioPci *d, unsigned i, unsigned bar,
                     guint64 *ret_at, guint64 *ret_len);
/* True: done; false: the access is the device's. Config lock not held. */
bool vfio_quirk_read(VfioPci *d, unsigned bar, guint64 offset, unsigned size,
                     guint64 *ret);
bool vfio_quirk_write(VfioPci *d, unsigned bar, guint64 offset, guint64 value,
                      unsigned size);

/* vfio-bars.c */
bool vfio_bars_realize(VfioPci *d, const guint8 *config, GError **error);
void vfio_bars_unmap(VfioPci *d); /* slots and host mappings */
void vfio_bars_unrealize(VfioPci *d);
void vfio_bar_moved(PciDevice *pdev, unsigned index);

/* vfio-interrupts.c */
bool vfio_interrupts_realize(VfioPci *d, GError **error);
void vfio_interrupts_unrealize(VfioPci *d);
void vfio_interrupts_reset(VfioPci *d); /* all off, tables cleared */
/* From config_written, bus's config lock held. */
void vfio_msi_config_written(VfioPci *d, unsigned offset, unsigned size);
/* PciDevice.intx_moved; also when the guest's disable bit has changed. Device's
 * lock not held. */
void vfio_intx_moved(PciDevice *pdev);
/* The device's request in the guest's status register, which nobody keeps up to
 * date while KVM has the interrupt. Device's lock not held. */
void vfio_intx_show(VfioPci *d);
/* Device's lock not held. offset: in the table or in the pending bits. */
guint64 vfio_msix_table_read(VfioPci *d, guint32 offset, unsigned size);
void vfio_msix_table_write(VfioPci *d, guint32 offset, guint64 value,
                           unsigned size);
guint64 vfio_msix_pba_read(VfioPci *d, guint32 offset, unsigned size);

/* vfio-rom.c */
/* The image that firmware shall find, or NULL; what is wrong is logged. */
GBytes *vfio_rom_load(const VfioPci *d);
/* Bytes of all images of a ROM, by their own headers; 0: it is none. At most
 * len. */
gsize vfio_rom_length(const guint8 *bytes, gsize len);
