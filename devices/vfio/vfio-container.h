/* devices/vfio/vfio-container.h - one machine's IOMMU address space.
 *
 * Linux' VFIO, type 1 (linux/vfio.h, Documentation/driver-api/vfio.rst): a
 * container is an address space in which passed-through devices see the guest's
 * RAM at the guest's own addresses; a group is the smallest set of devices that
 * the host's IOMMU can tell from others, and what the kernel hands out. Debian's
 * kernels have no iommufd; its calls would become a second container beside
 * this one, with the same functions.
 *
 * Threads: set-up thread, or the loop while the machine is paused. */
#pragma once

#include "devices/vfio/vfio-sys.h"

typedef struct VfioContainer VfioContainer;

/* Why something cannot be passed through; the caller knows the remedy. */
#define CARREL_VFIO_ERROR (carrel_vfio_error_quark())
GQuark carrel_vfio_error_quark(void);
typedef enum {
    CARREL_VFIO_ERROR_NO_DRIVER,  /* /dev/vfio/vfio or the group is missing */
    CARREL_VFIO_ERROR_PERMISSION, /* the node belongs to somebody else */
    CARREL_VFIO_ERROR_BUSY,       /* another program has the group */
    CARREL_VFIO_ERROR_NOT_VIABLE, /* the group has devices on host drivers */
    CARREL_VFIO_ERROR_UNSAFE,     /* no interrupt remapping */
    CARREL_VFIO_ERROR_MEMLOCK,    /* memory-lock limit below the guest's RAM */
    CARREL_VFIO_ERROR_ADDRESS,    /* RAM where the IOMMU cannot map */
    CARREL_VFIO_ERROR_DEVICE      /* the device's answer makes no sense */
} CarrelVfioError;

/* NULL and error set: no VFIO on this host. sys outlives it. */
VfioContainer *vfio_container_new(const VfioSys *sys, GError **error);
/* Unmaps, closes groups; its devices were closed before. NULL is fine. */
void vfio_container_free(VfioContainer *c);

/* The group joins the address space; again is fine. */
bool vfio_container_add_group(VfioContainer *c, unsigned group, GError **error);
/* The guest's RAM becomes visible to all devices of the container, now and
 * later; it is pinned, so mem keeps all pages until the last group leaves. At
 * least one group is there. Again is fine. False: nothing is mapped or kept. */
bool vfio_container_map_ram(VfioContainer *c, GuestMem *mem, GError **error);
/* New descriptor of a device ("0000:01:00.0") of a group that is in. -1 and
 * error set. */
int vfio_container_open_device(VfioContainer *c, unsigned group,
                               const char *address, GError **error);
/* Closes it. A group without open devices leaves, so that the host's drivers can
 * have its devices; with the last one goes what was mapped, and mem is let go
 * (later devices need vfio_container_map_ram() again). fd -1: only that, after a
 * device that could not be opened. */
void vfio_container_close_device(VfioContainer *c, unsigned group, int fd);
/* Called right before a group leaves, with its descriptor: whoever else was
 * told of the group is told that it goes. */
void vfio_container_set_leave(VfioContainer *c,
                              void (*leave)(void *data, int fd), void *data);

const VfioSys *vfio_container_sys(const VfioContainer *c);
/* The group's descriptor, borrowed; -1: it is not in. */
int vfio_container_group_fd(const VfioContainer *c, unsigned group);
/* Bytes of guest RAM that devices see. */
guint64 vfio_container_mapped(const VfioContainer *c);
