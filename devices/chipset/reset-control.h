/* devices/chipset/reset-control.h - the reset control register at port 0xCF9 of
 * Intel's ISA bridges: 82371SB data sheet (290550), section 2.5.6.1; ICH9 data
 * sheet (316972), section 13.7.5. Part of such a bridge. */
#pragma once

#include "vmm/core/device.h"

/* The register's new value; asks the machine for a reset when the guest starts
 * one. dev: the bridge. */
guint8 reset_control_write(Device *dev, guint8 old, guint8 value);
