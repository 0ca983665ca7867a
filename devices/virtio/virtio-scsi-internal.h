/* devices/virtio/virtio-scsi-internal.h - what the virtio-scsi files share.
 * Loop thread unless it says otherwise. */
#pragma once

#include "devices/virtio/virtio-device.h"
#include "devices/virtio/virtio-pool.h"
#include "devices/virtio/virtio-scsi.h"

/* Queues, 5.6.2 */
#define VSCSI_CONTROL 0u
#define VSCSI_EVENT   1u
#define VSCSI_REQUEST 2u /* the first */

/* Features, 5.6.3 */
#define VSCSI_F_HOTPLUG VIRTIO_BIT(1)

/* Answers, 5.6.6.1 and 5.6.6.2 */
enum {
    VSCSI_OK = 0, /* of a task management function: complete */
    VSCSI_OVERRUN = 1,
    VSCSI_ABORTED = 2,
    VSCSI_BAD_TARGET = 3,
    VSCSI_RESET = 4,
    VSCSI_FAILURE = 9,
    VSCSI_SUCCEEDED = 10,
    VSCSI_REJECTED = 11,
    VSCSI_INCORRECT_LUN = 12,
};

/* Events, 5.6.6.3, and the reasons of asynchronous notifications. */
enum {
    VSCSI_T_NO_EVENT = 0,
    VSCSI_T_TRANSPORT_RESET = 1,
    VSCSI_T_ASYNC_NOTIFY = 2,
};
#define VSCSI_T_EVENTS_MISSED        0x80000000u
#define VSCSI_RESET_RESCAN           1u
#define VSCSI_RESET_REMOVED          2u
#define VSCSI_ASYNC_EXTERNAL_REQUEST 0x08u
#define VSCSI_ASYNC_MEDIA_CHANGE     0x10u
#define VSCSI_ASYNC_ALL              0x18u

#define VSCSI_LUN_BYTES              8u
#define VSCSI_EVENT_BYTES            16u
#define VSCSI_SMALL_IOV              64u /* pieces of a control buffer */

typedef struct {
    VirtioState virtio;
    guint32 sense_size, cdb_size;          /* the driver's choice, 5.6.4 */
    guint8 events_missed;                  /* 1: there was no buffer for one */
    guint16 subscribed[VIRTIO_SCSI_UNITS]; /* VSCSI_ASYNC_... */
    ScsiUnitState unit[VIRTIO_SCSI_UNITS];
} VirtioScsiState;

typedef struct VirtioScsi VirtioScsi;
typedef struct VscsiRequest VscsiRequest;
typedef struct VscsiControl VscsiControl;

/* What a unit is made of: options, and what comes later. */
typedef struct {
    Block *block; /* link */
    char *serial;
    bool cdrom;
} VscsiPlace;

struct VirtioScsi {
    VirtioDevice virtio;
    VirtioScsiState s;
    VscsiPlace place[VIRTIO_SCSI_UNITS];
    guint32 n_queues, queue_size; /* options */
    /* Loop thread. The units' state is in s, but theirs alone. */
    ScsiUnit unit[VIRTIO_SCSI_UNITS];
    VirtioPool pool; /* VscsiRequest, one for each entry of their queues */
    VirtioPool control_pool; /* VscsiControl */
    VscsiControl *waiting;
    guint64 order; /* of the last request or control that was begun */
    unsigned now_pause;
    guint32 to_flush; /* bit i: queue i has pushed buffers */
    /* A driver's reset reaches the units on the loop. */
    Timer *reset_timer;
    bool reset_owed; /* under the lock */
    struct iovec event_iov[VSCSI_SMALL_IOV + VIRTQ_SPARE_IOV];
};

/* ---- virtio-scsi.c ---- */

/* The unit that a LUN field addresses: its number, VSCSI_NO_UNIT when the
 * target lacks it, VSCSI_NO_TARGET. */
#define VSCSI_NO_UNIT   (-1)
#define VSCSI_NO_TARGET (-2)
int vscsi_find_unit(const VirtioScsi *d, const guint8 lun[VSCSI_LUN_BYTES]);
/* When a request was begun: those of before a control have a lower order. */
guint64 vscsi_task_order(const ScsiTask *task);
/* Begins all that the request queues have; bounded. */
void vscsi_serve_requests(VirtioScsi *d);
/* Lock held: one interrupt for all that was pushed. */
void vscsi_flush(VirtioScsi *d);
/* Everything as after power-on, what is under way ends. */
void vscsi_reset_unit(VirtioScsi *d, unsigned n);
/* Interrupts for a disk's requests come in batches. */
void vscsi_adopt_block(VirtioScsi *d, Block *block);
/* An image leaves the controller; it may outlive it while requests are under
 * way. NULL is fine. */
void vscsi_drop_block(Block *block);

/* ---- virtio-scsi-control.c ---- */

void vscsi_make_controls(VirtioScsi *d);
void vscsi_serve_control(VirtioScsi *d);
/* A command that was submitted has ended, and its unit knows it no more:
 * controls that waited for it are answered. Lock not held; the caller
 * flushes. */
void vscsi_task_ended(VirtioScsi *d, const ScsiTask *task);

/* ---- virtio-scsi-event.c ---- */

void vscsi_serve_event(VirtioScsi *d);
/* The log is told of what the guest does with that unit's tray. */
void vscsi_watch_tray(VirtioScsi *d, unsigned n);
