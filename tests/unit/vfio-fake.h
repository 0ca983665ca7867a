/* tests/unit/vfio-fake.h - a kernel with VFIO and one card behind it: what the
 * class "vfio-pci" sees of a host, in memory. The card has two functions in one
 * group, 0000:05:00.0 and .1, which differ in nothing; both are as a network card
 * with all capabilities that matter. */
#pragma once

#include "devices/vfio/vfio-pci.h"
#include "tests/unit/fake-vm.h"

#define VF_GROUP     14u
#define VF_FUNCTIONS 2u
#define VF_BAR0      0x4000u /* bytes; its last two pages are MSI-X' */
#define VF_TABLE     0x2000u
#define VF_PBA       0x3000u
#define VF_BAR2      32u /* ports */
#define VF_ROM       4096u
#define VF_VECTORS   5u

/* Where the card has its capabilities. */
#define VF_PM   0x40u
#define VF_MSI  0x50u
#define VF_MSIX 0x70u
#define VF_EXP  0xa0u
#define VF_VPD  0xe0u
#define VF_VEND 0xe8u

typedef struct {
    guint8 config[PCI_EXTENDED_SIZE];
    guint8 *bar0; /* VfioFake.bar0_size, page aligned */
    guint8 bar2[VF_BAR2], rom[VF_ROM];
    int irq[5][VF_VECTORS]; /* eventfds by kind; -1: none */
    unsigned n_irqs[5];     /* vectors that are enabled */
    int unmask_fd;          /* of INTx; -1: none */
    bool open;
    guint resets; /* by itself */
} VfFunction;

typedef struct {
    VfioSys sys; /* first: what is given to the container */
    VfFunction fn[VF_FUNCTIONS];
    /* What the kernel answers. */
    int open_error;    /* of the group, errno */
    bool not_viable;   /* another device has a host driver */
    int iommu_error;   /* of VFIO_SET_IOMMU */
    int map_error;     /* of the next VFIO_IOMMU_MAP_DMA after map_ok */
    guint map_ok;      /* that go well before */
    bool no_reset;     /* the functions cannot be reset alone */
    bool foreign_slot; /* a bus reset reaches another group */
    unsigned vectors;  /* that the host has; VF_VECTORS at first */
    unsigned ports;    /* the BAR of ports; 2 at first */
    gsize bar0_size;   /* VF_BAR0; vfio_fake_grow() changes it */
    /* What it was told. */
    bool container_open, group_open, joined, has_iommu;
    guint64 mapped; /* bytes */
    guint maps, hot_resets, unmasks;
    guint mmaps;         /* that are there now */
    Gpa lowest, highest; /* of what was mapped, inclusive */
} VfioFake;

VfioFake *vfio_fake_new(void);
void vfio_fake_free(VfioFake *fake); /* asserts that all was closed */
/* Before it is opened: another size of BAR 0. */
void vfio_fake_grow(VfioFake *fake, gsize bar0_size);

/* A device of function fn on a bus, realized and reset. Both the card's owner
 * and the guest. */
typedef struct {
    FakeVm *vm;
    VfioFake *fake;
    VfioContainer *container;
    VfioHost *host;
    PciBus *bus;
    Device *dev;
    guint wanted, failed; /* events */
} VfioRig;

void vfio_rig_begin(VfioRig *r);
/* The same with a card that prepare has changed. */
void vfio_rig_begin_with(VfioRig *r, void (*prepare)(VfioFake *fake));
void vfio_rig_end(VfioRig *r);
guint32 vfio_rig_read(VfioRig *r, unsigned offset, unsigned size);
void vfio_rig_write(VfioRig *r, unsigned offset, guint32 value, unsigned size);
