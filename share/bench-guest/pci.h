/* share/bench-guest/pci.h - configuration space of bus 0. */
#pragma once

#include "share/bench-guest/guest.h"

typedef struct {
    u32 function; /* slot * 8 + function */
} PciDev;

/* ports: by CF8/CFC, else memory-mapped at the minimal machine's address. */
void pci_init(bool ports);
u32 pci_read(PciDev dev, u32 offset); /* 32 bits, aligned */
void pci_write(PciDev dev, u32 offset, u32 value);
u32 pci_read8(PciDev dev, u32 offset);
u32 pci_read16(PciDev dev, u32 offset);
/* The nth function (from 0) with this vendor and device. */
bool pci_find(u32 vendor, u32 device, u32 nth, PciDev *ret_dev);
/* Next capability with this id behind `from` (0: the first); 0: none. */
u32 pci_capability(PciDev dev, u32 id, u32 from);
/* Address of a memory BAR; gives it one when nobody has. */
u32 pci_bar(PciDev dev, u32 bar);
/* Decodes memory and ports, masters the bus. */
void pci_enable(PciDev dev);
/* Entry n of the MSI-X table raises this vector; switches MSI-X on. */
bool pci_msix_route(PciDev dev, u32 n, u32 vector);
