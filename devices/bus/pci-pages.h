/* devices/bus/pci-pages.h - configuration space as memory that the guest can
 * only read.
 *
 * Each function's registers lie in a page of their own (PCI Express Base
 * Specification 3.0, section 7.2.2), so a page with a copy of them answers
 * reads without an exit; absent functions have pages of all-ones. What is
 * written still arrives at the host bridge's region, which lies at the same
 * addresses. So does every read as long as a function has a register that is
 * made when somebody looks (PciDevice.config_is_live): all pages are one piece
 * of memory, which is hidden then.
 *
 * For pci.c; all with the bus's configuration lock held. */
#pragma once

#include "devices/bus/pci.h"

typedef struct PciPages PciPages;

/* Shows them, function N at base + 4096 * N, all absent. NULL and error set: no
 * memory. What they hold of mem is freed with that. */
PciPages *pci_pages_new(GuestMem *mem, Gpa base, GError **error);
void pci_pages_free(PciPages *pages); /* NULL is fine */

/* The dword at offset, a multiple of 4 below 256. Any thread; who may store
 * to the same dword excludes others by a lock. */
void pci_pages_put(PciPages *pages, unsigned devfn, unsigned offset,
                   guint32 value);
/* Changes that bit of it and leaves the others. */
void pci_pages_put_bit(PciPages *pages, unsigned devfn, unsigned offset,
                       guint32 bit, bool on);
/* Function devfn is such that its reads must be trapped, or no longer. */
void pci_pages_set_live(PciPages *pages, unsigned devfn, bool live);
/* It has gone: all-ones, not live. */
void pci_pages_clear(PciPages *pages, unsigned devfn);
