/* devices/chipset/i440fx.h - host bridge: what the machine connects to it. */
#pragma once

#include "devices/bus/pci.h"

extern const DeviceClass i440fx_class;

/* 0..11: sixteen-KiB segments from 0xC0000 up; 12: 0xF0000, 64 KiB. */
#define I440FX_N_SEGMENTS 13
#define I440FX_SEGMENT_F  12
Gpa i440fx_segment_base(unsigned segment);
guint32 i440fx_segment_len(unsigned segment); /* bytes */

/* The memory behind one segment, both slots borrowed and unmapped: ram is its
 * 16 or 64 KiB of RAM, rom what is read while the segment is not shadowed
 * (NULL: nothing, reads all-ones). ram_host: the RAM slot's host address, for
 * the mode that reads ROM and writes RAM. After realize, before reset. */
void i440fx_set_segment(Device *dev, unsigned segment, MemSlot *ram,
                        guint8 *ram_host, MemSlot *rom);
