/* passthrough-wizard/sriov.h - plans for virtual functions (SR-IOV): how many,
 * and what each may. Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-pci.h"
#include "passthrough-wizard/plan.h"

typedef struct {
    bool host_drivers; /* drivers of the host may take the new functions */
    bool persist;      /* after a restart too, by a udev rule */
    unsigned queues;   /* NVMe: queues and interrupts of each; 0: 2 */
} SriovOptions;

/* The physical function behind an address, or REFUSED with what is missing. */
const HostPciFn *sriov_require(const HostPci *host, const char *bdf,
                               GError **error);
/* n virtual functions instead of what is there. Refuses numbers that the card
 * has not (ARGUMENT) and functions that are in use (BUSY). NVMe's secondary
 * controllers get resources and are brought online. */
Plan *sriov_count_plan(HostHand *hand, const HostPci *host, const char *bdf,
                       unsigned n, const SriovOptions *options, GError **error);

/* The kind of step behind a word of a person ("mac", "vlan", "spoofchk",
 * "trust", "rate", "link"), or NULL. */
const char *sriov_setting_kind(const char *word);
/* The word of a setting: the other way. */
const char *sriov_setting_word(VfSetting setting);

/* A virtual function and what the driver of its card says of it. Owned by
 * sriov_read()'s array. */
typedef struct {
    char bdf[HOST_BDF_SIZE], pf[HOST_BDF_SIZE];
    unsigned number;               /* of the card's, from 0 */
    char *settings[VF_N_SETTINGS]; /* NULL: not known, or no network card */
    char *state; /* NVMe: "online", "offline"; NULL: not known, or none */
} SriovVf;
/* All that there are, by card; may ask the kernel for each. Free: unref. */
GPtrArray *sriov_read(HostHand *hand, const HostPci *host);
const SriovVf *sriov_find(const GPtrArray *vfs, const char *bdf);

/* "mac=52:54:00:12:34:56" and the like, NULL-terminated, of one virtual
 * function. persist as above. */
Plan *sriov_set_plan(HostHand *hand, const HostPci *host, const char *bdf,
                     unsigned vf, const char *const *settings, bool persist,
                     GError **error);

/* Adds to a plan that virtual function bdf of a network card has an address:
 * pair is "0000:01:10.0=52:54:00:12:34:56". Fails with REFUSED for what is no
 * such function, and with ARGUMENT for what is no such pair. */
bool sriov_add_mac(Plan *plan, HostHand *hand, const HostPci *host,
                   const char *pair, GError **error);
