/* devices/sound/opl3-synth.h - the sound of a YMF262 (OPL3), sample by sample.
 *
 * Yamaha YMF262 and YM3812 data sheets; tables and orders of evaluation as
 * published from measurements of the chips. Written for this tree. */
#pragma once

#include "vmm/types.h"

#define OPL3_RATE     49716u /* 14.31818 MHz / 288, rounded */
#define OPL3_REGS     0x200
#define OPL3_OPS      36
#define OPL3_CHANNELS 18
#define OPL3_SILENT   511 /* of an envelope, in steps of 0.1875 dB */

typedef enum {
    OPL3_OFF,
    OPL3_ATTACK,
    OPL3_DECAY,
    OPL3_SUSTAIN,
    OPL3_RELEASE,
    OPL3_STAGES
} Opl3Stage;

typedef struct {
    guint32 phase;         /* 10.9 bits of a period */
    guint16 out, out_last; /* signed; for the feedback */
    guint16 level;         /* of the envelope: 0 loud .. OPL3_SILENT */
    guint8 stage;
    guint8 key; /* bit 0 by its channel, bit 1 as a drum */
} Opl3Op;

/* All there is to save. */
typedef struct {
    guint8 regs[OPL3_REGS];
    Opl3Op ops[OPL3_OPS];
    guint32 noise;   /* 23 bits, never 0 */
    guint64 samples; /* since reset: envelopes, tremolo, vibrato */
} Opl3Chip;

/* What follows from the registers. */
typedef struct {
    guint8 mult;               /* of half the frequency */
    guint8 rates[OPL3_STAGES]; /* 0..63 */
    guint8 wave;
    guint16 level; /* total level and key scaling */
    guint16 sustain;
    bool tremolo, vibrato, holds;
} Opl3OpCache;

typedef struct {
    Opl3Chip *chip;
    guint16 log_sin[256], exp[256];
    Opl3OpCache ops[OPL3_OPS];
} Opl3Synth;

/* Set-up. */
void opl3_synth_init(Opl3Synth *synth, Opl3Chip *chip);
/* All registers 0, all silent. */
void opl3_synth_reset(Opl3Synth *synth);
/* The chip was replaced by a saved one. */
void opl3_synth_restored(Opl3Synth *synth);
void opl3_synth_write(Opl3Synth *synth, unsigned reg, guint8 value);
/* n stereo frames. */
void opl3_synth_render(Opl3Synth *synth, gint16 *frames, gsize n);
/* Nothing sounds, nor will before something is written. */
bool opl3_synth_is_silent(const Opl3Synth *synth);
/* Lets n samples pass in which nothing sounds. */
void opl3_synth_skip(Opl3Synth *synth, guint64 n);
bool opl3_chip_check(const Opl3Chip *chip);
