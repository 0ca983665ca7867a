/* passthrough-wizard/access.h - who may open devices: the parts of a plan that
 * give nodes of VFIO and USB, and locked memory, to one user, by rules that
 * udev and PAM keep after a restart. Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-pci.h"
#include "passthrough-wizard/plan.h"

/* Appended to plan; user is a number above 0. False: a file cannot be read. */

/* Every IOMMU group, those that are there and those to come, also what other
 * people's machines have: where devices are known, access_add_vfio_of(). */
bool access_add_vfio(Plan *plan, HostHand *hand, gint64 user, GError **error);
/* The group of one function, by the function's address: groups are numbered
 * anew at each start of the host. */
bool access_add_vfio_of(Plan *plan, const HostHand *hand, const char *bdf,
                        gint64 user, GError **error);
/* The groups of what is bound to vfio-pci now and that nobody but root has.
 * *ret_n: how many functions are bound, whoever has them. */
bool access_add_vfio_bound(Plan *plan, HostHand *hand, const HostPci *host,
                           gint64 user, unsigned *ret_n, GError **error);
/* memory: bytes of the largest machine; the limit is a little more. */
bool access_add_memory(Plan *plan, const HostHand *hand, gint64 user,
                       guint64 memory, GError **error);
/* USB devices with these numbers ("046d:c52b"), now and when plugged in; NULL:
 * all but hubs. */
bool access_add_usb(Plan *plan, HostHand *hand, gint64 user,
                    const char *numbers, GError **error);

/* The plan of `carrel usb setup`: numbers is NULL-terminated; none: all.
 * ARGUMENT for what are no numbers. */
Plan *access_usb_plan(HostHand *hand, gint64 user, const char *const *numbers,
                      GError **error);

/* udev reads its rules anew: before the files for the way back, behind them for
 * the way there. Nothing where no udev runs. */
void access_reload_when_undone(Plan *plan, const HostHand *hand);
void access_reload(Plan *plan, const HostHand *hand);
