/* devices/virtio/virtio-scsi.h - what the machine's owner asks a SCSI
 * controller; the device itself is class "virtio-scsi". dev is realized, and
 * everything runs on the loop. */
#pragma once

#include "devices/storage/scsi.h"
#include "vmm/core/device.h"

/* Units of the controller; number n is logical unit n of target 0. */
#define VIRTIO_SCSI_UNITS 8u

/* A unit comes while the guest runs: a disk, or a CD drive with or without a
 * disc; the guest is told. serial is copied. False and error set: the place is
 * taken, or the image is no disk of that kind. */
bool virtio_scsi_add_unit(Device *dev, unsigned n, ScsiKind kind, Block *block,
                          const char *serial, GError **error);
/* It goes, what is under way in it is given up, and the guest is told. Its
 * image is done with when block_is_idle(). */
void virtio_scsi_remove_unit(Device *dev, unsigned n);
/* Another disc (NULL: none) for CD drive n, see scsi_unit_set_media(). */
bool virtio_scsi_set_media(Device *dev, unsigned n, Block *block, bool force,
                           GError **error);
/* MMC_TRAY_... of a CD drive, else 0. Any thread. */
unsigned virtio_scsi_tray(Device *dev, unsigned n);
