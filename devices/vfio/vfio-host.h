/* devices/vfio/vfio-host.h - one opened device of the host: its regions, its
 * interrupts, its resets. What a guest sees of it is vfio-pci.c's business.
 *
 * Source: linux/vfio.h. Opened and closed on the set-up thread or the loop; the
 * rest says where it may be called. */
#pragma once

#include "devices/vfio/vfio-container.h"

#define VFIO_HOST_REGIONS 8u /* BAR 0..5, ROM, configuration space */
#define VFIO_HOST_BARS    6u
#define VFIO_HOST_ROM     6u
#define VFIO_HOST_CONFIG  7u
#define VFIO_HOST_AREAS   8u /* of a region that may be mapped */

/* Interrupt indices, as linux/vfio.h numbers them. */
typedef enum {
    VFIO_HOST_INTX,
    VFIO_HOST_MSI,
    VFIO_HOST_MSIX,
    VFIO_HOST_ERR,
    VFIO_HOST_REQ,
    VFIO_HOST_N_IRQS
} VfioHostIrq;

typedef struct {
    guint64 offset, len; /* in the region, bytes, multiples of 4096 */
} VfioArea;

typedef struct {
    guint64 size;   /* bytes; 0: there is none */
    guint64 offset; /* in the device's descriptor */
    bool readable, writable;
    VfioArea areas[VFIO_HOST_AREAS]; /* what a CPU may reach directly */
    unsigned n_areas;
} VfioRegion;

typedef struct {
    VfioContainer *container; /* borrowed */
    const VfioSys *sys;
    char *address; /* "0000:01:00.0" */
    unsigned group;
    int fd;
    bool can_reset; /* by itself: FLR or the like */
    VfioRegion regions[VFIO_HOST_REGIONS];
    guint32 n_irqs[VFIO_HOST_N_IRQS];
} VfioHost;

/* group joins the container when it is not in. NULL and error set
 * (CARREL_VFIO_ERROR). */
VfioHost *vfio_host_open(VfioContainer *container, unsigned group,
                         const char *address, GError **error);
/* The kernel resets the device and takes it back, with the last one of a group
 * the group too. NULL is fine. */
void vfio_host_close(VfioHost *host);

/* Bytes of a region, any thread; blocks for the moment a register takes. size
 * bytes (1, 2, 4, 8) from offset, inside the region; a device that does not
 * answer reads as all-ones. */
guint64 vfio_host_read(const VfioHost *host, unsigned region, guint64 offset,
                       unsigned size);
void vfio_host_write(const VfioHost *host, unsigned region, guint64 offset,
                     guint64 value, unsigned size);
/* As much of a region as there is, up to len; bytes read. */
gsize vfio_host_read_all(const VfioHost *host, unsigned region, void *dst,
                         gsize len);

/* The kernel signals fds[i] for the vectors first..first+n-1; -1: not for this
 * one. `all`: the first call, which also says how many vectors there shall be
 * (first is 0). Any thread. 0; > 0: the host has only so many; -errno. */
int vfio_host_set_irqs(const VfioHost *host, VfioHostIrq irq, unsigned first,
                       const int *fds, unsigned n);
/* No vector of this kind any more. */
void vfio_host_disable_irqs(const VfioHost *host, VfioHostIrq irq);
/* INTx only: the interrupt, which the kernel masked when it came, may come
 * again; and the descriptor whose signal says so (-1: none). */
void vfio_host_unmask(const VfioHost *host);
int vfio_host_set_unmask_fd(const VfioHost *host, int fd);

typedef enum {
    VFIO_RESET_FUNCTION, /* the device alone */
    VFIO_RESET_SLOT,     /* all functions of its slot, or its bus */
    VFIO_RESET_NONE      /* the device cannot be reset */
} VfioResetKind;
/* What vfio_host_reset() could do, once all that this machine has is open. */
VfioResetKind vfio_host_reset_kind(const VfioHost *host);
/* Resets the device by the best way there is: by itself, else together with
 * all that a bus reset reaches, if this container owns all of them. What was
 * done; *ret_error: 0 or -errno of the last way tried. Blocks up to seconds;
 * while the machine is paused. */
VfioResetKind vfio_host_reset(const VfioHost *host, int *ret_error);
