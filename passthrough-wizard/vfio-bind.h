/* passthrough-wizard/vfio-bind.h - the plan that gives functions of the host to
 * vfio-pci. Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-pci.h"
#include "passthrough-wizard/plan.h"

typedef struct {
    gint64 user;        /* who may open the group; -1 or 0: root only */
    bool udev_rule;     /* after a restart too */
    guint64 memory;     /* bytes that the user may lock; 0: no limit set */
    guint64 huge_pages; /* of 2 MiB that there shall be at least; 0: as is */
    bool unsafe_interrupts; /* consent, without interrupt remapping */
    bool consent;           /* to what the host needs itself */
    bool console;           /* the host's console goes along with its card */
    bool after_restart;     /* with what a boot entry will change */
} BindOptions;

/* All functions of the cards and groups of bdfs (NULL-terminated; each form
 * that pci_address_parse() takes). Fails with REFUSED for what the host cannot do
 * without, unless options->consent, and for what nobody can give away; with
 * ARGUMENT for addresses that are none. An empty plan: nothing to do. */
Plan *vfio_bind_plan(HostHand *hand, const HostPci *host,
                     const char *const *bdfs, const BindOptions *options,
                     GError **error);
/* The functions that go with bdfs, each once, in order; elements borrowed. */
GPtrArray *vfio_bind_set(const HostPci *host, const char *const *bdfs,
                         GError **error);
