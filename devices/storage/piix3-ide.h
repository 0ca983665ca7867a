/* devices/storage/piix3-ide.h - the IDE function's interface to the machine. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/types.h"

#define PIIX3_IDE_DRIVES 4 /* 0, 1 on IRQ 14's channel; 2, 3 on IRQ 15's */

extern const DeviceClass piix3_ide_class;

/* Puts another disc into a CD drive (NULL: takes it out); the guest gets a
 * unit attention and a media event, and a read under way fails. False and
 * error set when the drive is no CD drive, or when the guest has locked the
 * tray and force is not given (it is told that somebody wants the disc). The
 * caller still owns both images and may close the old one once
 * block_is_idle(). Loop thread. */
bool piix3_ide_set_media(Device *dev, unsigned drive, Block *block, bool force,
                         GError **error);

/* MMC_TRAY_... of a CD drive, else 0. Any thread. */
unsigned piix3_ide_tray(Device *dev, unsigned drive);
