/* app/ladder/host-facts.h - what this host offers for passing its hardware to a
 * guest, read from sysfs; nothing is changed. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    bool kvm;          /* /dev/kvm may be used */
    bool iommu_table;  /* the firmware says that there is one */
    unsigned n_groups; /* 0: no IOMMU, or it is off */
    bool vfio;         /* /dev/vfio/vfio, or iommufd, is there */
    /* PCI functions in groups, by base class. */
    unsigned n_storage, n_network, n_display, n_usb;
    unsigned n_sriov; /* network functions that can be split */
} HostFacts;

/* dir: "/", or a tree or recording as host_root_open() takes it. */
void host_facts_read(const char *dir, HostFacts *ret_facts);
/* One sentence: why nothing can be passed through; NULL: it can. */
const char *host_facts_problem(const HostFacts *facts);
