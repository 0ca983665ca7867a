/* devices/storage/ahci.h - the SATA controller's interface to the machine. */
#pragma once

#include "vmm/block/block.h"
#include "vmm/core/device.h"

#define AHCI_PORTS 6

extern const DeviceClass ahci_class;

/* Connects a drive to a port while the guest runs, which notices by itself.
 * serial is copied. Loop thread, as all here. False and error set: the port is
 * taken, or the image is no disk (or disc). */
bool ahci_add_unit(Device *dev, unsigned port, bool cdrom, Block *block,
                   const char *serial, GError **error);
/* Disconnects it; what is under way is lost. The image is done with when
 * block_is_idle(). */
void ahci_remove_unit(Device *dev, unsigned port);
/* As ide_drive_set_media(): another disc into a CD drive, NULL takes it out. */
bool ahci_set_media(Device *dev, unsigned port, Block *block, bool force,
                    GError **error);
/* MMC_TRAY_... of a CD drive, else 0. Any thread. */
unsigned ahci_tray(Device *dev, unsigned port);
