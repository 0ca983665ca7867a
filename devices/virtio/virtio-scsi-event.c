/* devices/virtio/virtio-scsi-event.c - what a SCSI controller tells unasked,
 * Virtio 1.2 section 5.6.6.3, and what its owner does that is worth telling:
 * units that come and go, discs that change.
 *
 * An event for which the driver has left no buffer is lost, and the next
 * buffer says that some were. A changed disc is told by asynchronous
 * notification, and by the drive's own commands (MMC-3), which drivers poll.
 * Left out: changed parameters, for nothing changes a disk that is in use. */
#include <string.h>

#include "devices/storage/mmc.h"
#include "devices/storage/scsi-bytes.h"
#include "devices/virtio/virtio-scsi-internal.h"
#include "vmm/block/block.h"
#include "vmm/core/error.h"
#include "vmm/core/iov.h"

/* ---- the queue; lock held ---- */

static void
send_event(VirtioScsi *d, VirtqElem *e, guint32 event, int unit, guint32 reason)
{
    Virtq *q = virtio_queue(&d->virtio, VSCSI_EVENT);
    guint8 b[VSCSI_EVENT_BYTES] = {0};
    gsize n = 0;

    if (e->in_len < sizeof b) {
        virtq_fail(q, "an event of %" G_GSIZE_FORMAT " bytes, it has %u",
                   e->in_len, VSCSI_EVENT_BYTES);
    } else {
        if (d->s.events_missed)
            event |= VSCSI_T_EVENTS_MISSED;
        d->s.events_missed = 0;
        pci_put32(b, 0, event);
        if (unit >= 0) { /* in the form of REPORT LUNS, as drivers compare it */
            b[4] = 1;    /* then target 0 */
            scsi_put16(b + 6, (guint32) unit);
        }
        pci_put32(b, 12, reason);
        n = iov_write(e->iov + e->n_out, e->n_in, 0, b, sizeof b);
    }
    virtq_push(q, e, n);
    virtq_flush(q);
}

/* False: there is no buffer, and the driver will notify of the next. */
static bool
take_buffer(VirtioScsi *d, VirtqElem *e)
{
    Virtq *q = virtio_queue(&d->virtio, VSCSI_EVENT);

    *e = (VirtqElem){.iov = d->event_iov, .cap = G_N_ELEMENTS(d->event_iov)};
    if (!virtio_is_running(&d->virtio))
        return false; /* all queues are looked at when it runs again */
    do {
        if (virtq_pop(q, e))
            return true;
    } while (!virtq_listen(q));
    return false;
}

/* needs: a feature, 0: none. */
static void
tell(VirtioScsi *d, guint64 needs, guint32 event, unsigned unit, guint32 reason)
{
    VirtqElem e;

    virtio_lock(&d->virtio);
    if (d->virtio.started && virtio_has_feature(&d->virtio, needs)) {
        if (take_buffer(d, &e))
            send_event(d, &e, event, (int) unit, reason);
        else
            d->s.events_missed = 1;
    }
    virtio_unlock(&d->virtio);
}

void
vscsi_serve_event(VirtioScsi *d)
{
    VirtqElem e;

    virtio_lock(&d->virtio);
    if (d->s.events_missed && take_buffer(d, &e))
        send_event(d, &e, VSCSI_T_NO_EVENT, -1, 0);
    virtio_unlock(&d->virtio);
}

/* ---- units come and go ---- */

/* The driver by an event; one that knows no such events finds out by a unit
 * attention of the other units. */
static void
tell_units(VirtioScsi *d, unsigned n, guint32 reason)
{
    virtio_lock(&d->virtio);
    bool events = virtio_has_feature(&d->virtio, VSCSI_F_HOTPLUG);
    virtio_unlock(&d->virtio);
    if (events) {
        tell(d, VSCSI_F_HOTPLUG, VSCSI_T_TRANSPORT_RESET, n, reason);
        return;
    }
    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++)
        if (i != n && d->unit[i].kind != SCSI_ABSENT)
            scsi_unit_luns_changed(&d->unit[i]);
}

bool
virtio_scsi_add_unit(Device *dev, unsigned n, ScsiKind kind, Block *block,
                     const char *serial, GError **error)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);
    VscsiPlace *place = &d->place[n];

    g_assert(n < VIRTIO_SCSI_UNITS);
    if (d->unit[n].kind != SCSI_ABSENT || d->unit[n].tasks != NULL) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: unit %u is in use, or what was there has not ended "
                    "all that was under way",
                    dev->id, n);
        return false;
    }
    g_free(place->serial);
    place->serial = g_strdup(serial);
    if (!scsi_unit_init(&d->unit[n], &d->s.unit[n], kind, block, place->serial,
                        error)) {
        d->unit[n].kind = SCSI_ABSENT;
        return false;
    }
    place->block = block;
    place->cdrom = kind == SCSI_CD;
    vscsi_watch_tray(d, n);
    scsi_unit_reset(&d->unit[n]);
    vscsi_adopt_block(d, block);
    tell_units(d, n, VSCSI_RESET_RESCAN);
    return true;
}

void
virtio_scsi_remove_unit(Device *dev, unsigned n)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    g_assert(n < VIRTIO_SCSI_UNITS);
    if (d->unit[n].kind == SCSI_ABSENT)
        return;
    scsi_unit_cancel_all(&d->unit[n], SCSI_RESET);
    d->unit[n].kind = SCSI_ABSENT;
    d->unit[n].block = NULL;
    d->s.unit[n] = (ScsiUnitState){.attention = 0};
    d->s.subscribed[n] = 0;
    vscsi_drop_block(g_steal_pointer(&d->place[n].block));
    d->place[n].cdrom = false;
    tell_units(d, n, VSCSI_RESET_REMOVED);
}

/* ---- discs ---- */

static void
notify_subscriber(VirtioScsi *d, unsigned n, guint16 what)
{
    if ((d->s.subscribed[n] & what) != 0)
        tell(d, 0, VSCSI_T_ASYNC_NOTIFY, n, what);
}

static void
tray_moved(void *owner, const ScsiUnit *u)
{
    VirtioScsi *d = owner;

    mmc_log_tray(&d->virtio.pci.dev,
                 u->block != NULL ? block_path(u->block) : NULL,
                 u->s->tray_open != 0);
}

void
vscsi_watch_tray(VirtioScsi *d, unsigned n)
{
    d->unit[n].tray_moved = tray_moved;
    d->unit[n].owner = d;
}

unsigned
virtio_scsi_tray(Device *dev, unsigned n)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    g_assert(n < VIRTIO_SCSI_UNITS);
    return (unsigned) g_atomic_int_get(&d->unit[n].tray);
}

bool
virtio_scsi_set_media(Device *dev, unsigned n, Block *block, bool force,
                      GError **error)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);
    ScsiUnit *u = &d->unit[n];

    g_assert(n < VIRTIO_SCSI_UNITS);
    if (!scsi_unit_set_media(u, block, force, error)) {
        if (u->kind == SCSI_CD && u->s->locked)
            notify_subscriber(d, n, VSCSI_ASYNC_EXTERNAL_REQUEST);
        return false;
    }
    vscsi_drop_block(d->place[n].block);
    d->place[n].block = block;
    vscsi_adopt_block(d, block);
    notify_subscriber(d, n, VSCSI_ASYNC_MEDIA_CHANGE);
    return true;
}
