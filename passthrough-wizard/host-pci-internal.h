/* passthrough-wizard/host-pci-internal.h - the parts of the look at the host:
 * one file each, called by host-pci.c in this order. */
#pragma once

#include "passthrough-wizard/host-pci.h"

/* The address of the function that a path of sysfs lies below, or NULL. */
char *host_bdf_owner(const char *path);

/* "../../devices/x" as a link of /sys/class/NAME has it: "/sys/devices/x";
 * NULL when link is. g_free. */
char *host_sysfs_path(const char *link);
HostPciFn *host_pci_find_mutable(HostPci *host, const char *bdf);
/* Takes what and comm (may be NULL). */
void host_pci_fn_add_use(HostPciFn *fn, HostUseKind kind, char *what, guint pid,
                         char *comm);

/* The firmware's description of its IOMMUs: DMAR or IVRS. */
typedef struct {
    unsigned address_bits;
    bool remaps_interrupts; /* DMAR only */
    unsigned n_units, n_reserved;
} HostDmar;
/* False: the table is damaged; nothing in *ret then. */
bool host_dmar_parse(const guint8 *data, gsize len, HostDmar *ret);
bool host_ivrs_parse(const guint8 *data, gsize len, HostDmar *ret);

void host_iommu_read(const HostRoot *root, HostPci *host);
void host_reset_judge(HostPci *host);
void pci_names_fill(const HostRoot *root, HostPci *host);
void host_uses_read(const HostRoot *root, HostPci *host);
