/* devices/storage/fdc.h - the floppy controller's interface to the machine. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/types.h"

#define FDC_DRIVES 2

extern const DeviceClass fdc_class;

/* Puts another image into the drive (NULL: takes the disk out) and lets the
 * guest see the disk-change line. A command under way on the drive ends with
 * an error. False and error set when the image cannot be a floppy or the
 * machine has no such drive; nothing has changed then. The caller still owns
 * both images and may close the old one once block_is_idle(). Loop thread. */
bool fdc_set_media(Device *dev, unsigned drive, Block *block, GError **error);

/* The drive's type as CMOS register 0x10 wants it: 0 no drive, 1 360K, 2 1.2M,
 * 3 720K, 4 1.44M, 5 2.88M. After realize; any thread. */
unsigned fdc_cmos_type(Device *dev, unsigned drive);
