/* devices/display/cirrus-state.h - what the CL-GD5446 keeps beyond a VGA. Part
 * of VgaState, so that one copy of it is all that a picture is made from; all
 * zero in a plain VGA. */
#pragma once

#include "vmm/types.h"

#define CIRRUS_N_SEQ    0x20
#define CIRRUS_N_GR     0x40
#define CIRRUS_N_CRTC   0x40
#define CIRRUS_BLT_ROW  8192 /* bytes: the 13 bits of the width */
#define CIRRUS_N_CURSOR 48   /* the 16 colours behind the DAC's */

typedef struct {
    guint8 seq[CIRRUS_N_SEQ], gr[CIRRUS_N_GR], crtc[CIRRUS_N_CRTC];
    guint8 hidden_dac;   /* behind 3C6 */
    guint8 hidden_reads; /* of 3C6 in a row, 0..4 */
    guint8 cursor_dac[CIRRUS_N_CURSOR];
    guint16 cursor_x, cursor_y; /* 11 bits */

    /* the monitor's end of the DDC wires, cirrus-ddc.c */
    guint8 ddc_pins, ddc_phase, ddc_bit, ddc_byte, ddc_offset, ddc_low;

    /* a blit that waits for data of the CPU */
    guint8 blt_active;
    guint8 blt_regs[CIRRUS_N_GR]; /* as they were when it began */
    guint16 blt_row;              /* rows done */
    guint16 blt_have;             /* bytes of the next one */
    guint8 blt_data[CIRRUS_BLT_ROW];
} CirrusState;
