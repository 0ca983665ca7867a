/* devices/display/edid.h - what a monitor tells of itself.
 *
 * VESA E-EDID 1.3; CVT 1.1 with reduced blanking for the timing of the
 * preferred mode, where it is none of DMT's. */
#pragma once

#include "vmm/types.h"

#define EDID_LEN        128u
#define EDID_MIN_WIDTH  640u
#define EDID_MIN_HEIGHT 480u
#define EDID_STANDARD   8 /* modes beside the preferred one, at most */

typedef struct {
    guint16 width, height; /* pixels; 0: none */
} EdidMode;

typedef struct {
    guint16 product;
    EdidMode preferred; /* at 60 Hz; width a multiple of 8 */
    /* At 60 Hz, of the shapes 16:10, 4:3, 5:4 and 16:9, up to 2288 wide. */
    EdidMode standard[EDID_STANDARD];
    guint8 max_khz, max_10mhz; /* limits: lines a second, pixels */
} EdidSpec;

/* Any thread. */
void edid_make(const EdidSpec *spec, guint8 ret[EDID_LEN]);
