/* devices/chipset/pam.h - the programmable attribute map of Intel's host
 * bridges: what is behind the thirteen segments from 0xC0000 to 0xFFFFF.
 *
 * Intel 82441FX data sheet (290549), section 3.2.11; 3 Series Express Chipset
 * Family data sheet (316966), section 5.1.17. Seven registers; the first one's
 * high nibble is for 0xF0000, the others have two segments each. Part of a host
 * bridge; all with the bus's configuration lock held, unless it says
 * otherwise. */
#pragma once

#include "vmm/core/device.h"

/* 0..11: sixteen-KiB segments from 0xC0000 up; 12: 0xF0000, 64 KiB. */
#define PAM_SEGMENTS  13
#define PAM_SEGMENT_F 12
#define PAM_REGISTERS 7
Gpa pam_segment_base(unsigned segment);
guint32 pam_segment_len(unsigned segment); /* bytes */

typedef struct {
    MemSlot *ram, *rom;
    guint8 *ram_host;
    guint8 mode; /* what is mapped: bits of the nibble; 0xff: unknown */
} PamSegment;

typedef struct {
    Device *dev;             /* the bridge */
    IoRegion *write_through; /* under segments that read ROM, write RAM */
    PamSegment segments[PAM_SEGMENTS];
} Pam;

/* In the bridge's realize; lock: the bus's configuration lock. */
void pam_realize(Pam *pam, Device *dev, GMutex *lock);
void pam_unrealize(Pam *pam); /* half-realized is fine; lock not held */
/* Maps what the registers say: PAM0 first. */
void pam_update(Pam *pam, const guint8 *registers);

/* The memory behind one segment, both slots borrowed and unmapped: ram is its
 * 16 or 64 KiB of RAM, rom what is read while the segment is not shadowed
 * (NULL: nothing, reads all-ones). ram_host: the RAM slot's host address, for
 * the mode that reads ROM and writes RAM. After realize, before reset; set-up
 * thread. */
void pam_set_segment(Pam *pam, unsigned segment, MemSlot *ram, guint8 *ram_host,
                     MemSlot *rom);
