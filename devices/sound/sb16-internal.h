/* devices/sound/sb16-internal.h - the parts of a Sound Blaster 16: its ports and
 * life (sb16.c), the DSP's commands (sb16-dsp.c), what it plays and records
 * (sb16-dma.c), the mixer (sb16-mixer.c).
 *
 * Creative Labs, Sound Blaster Series Hardware Programming Guide (1994). */
#pragma once

#include "vmm/audio/audio.h"
#include "vmm/core/device.h"

#define SB16_OUT_LEN   64u /* bytes from the DSP to the guest */
#define SB16_MIN_RATE  4000u
#define SB16_MAX_RATE  48000u
#define SB16_MAX_BLOCK 0x20000u /* bytes: 65536 words */
#define SB16_IRQS      4

#define SB16_IRQ_8     0x01 /* of mixer register 82h */
#define SB16_IRQ_16    0x02

/* Mixer registers, chapter 4 */
#define SB16_MIX_RESET      0x00
#define SB16_MIX_MASTER     0x30 /* left; right follows, as in all pairs */
#define SB16_MIX_VOICE      0x32
#define SB16_MIX_MIDI       0x34
#define SB16_MIX_CD         0x36
#define SB16_MIX_LINE       0x38
#define SB16_MIX_MIC        0x3a
#define SB16_MIX_IRQ        0x80
#define SB16_MIX_DMA        0x81
#define SB16_MIX_IRQ_STATUS 0x82

typedef enum {
    SB16_IDLE,
    SB16_PLAYS,
    SB16_RECORDS, /* silence: the host's microphone is not given away */
    SB16_PAUSES,  /* a silence block: time without data */
    SB16_SKIPS,   /* ADPCM, which is fetched and not heard */
    SB16_RUNS
} Sb16Run;

typedef struct {
    guint8 mixer[256];
    guint8 mixer_index;
    guint8 in_reset;          /* 1 was written to the reset port */
    guint8 out[SB16_OUT_LEN]; /* ring */
    guint8 out_head, out_len;
    guint8 last_out; /* what the data port shows when nothing new is there */
    guint8 command, n_params, params_wanted; /* 0 wanted: none under way */
    guint8 params[3];
    guint8 speaker;  /* D1h and D3h; without effect, as on the chip */
    guint8 test;     /* E4h, E8h */
    guint8 irq;      /* SB16_IRQ_... pending */
    guint8 dac;      /* last value of the direct mode */
    guint8 mpu_uart; /* MPU-401 in its UART mode */
    guint8 mpu_acks; /* acknowledges not yet read */
    guint32 rate;    /* frames a second */
    guint32 block;   /* of command 48h, bytes */

    /* a transfer */
    guint8 run; /* Sb16Run */
    guint8 is_16, stereo, is_signed, auto_init, paused;
    guint8 units_per_byte;        /* ADPCM: samples of a byte; else 1 */
    guint8 n_partial, partial[4]; /* bytes of a frame that has come in part */
    guint32 run_block, left;      /* bytes */
} Sb16State;

typedef struct {
    Device dev;
    Sb16State s;
    guint32 iobase, mpu_base;
    Device *dma, *opl;
    Audio *audio;
    AudioVoice *voice, *direct;
    IoRegion *mixer_ports, *dsp_ports, *mpu_ports;
    IrqLine *irqs[SB16_IRQS];
    Timer *tick;
    /* dev.lock guards these, too; not guest-visible */
    guint generation; /* a command changed what is played */
    gint64 base_ns;   /* guest time of frame 0 of those counted */
    guint64 done;     /* frames since */
    gint64 direct_ns; /* the same in direct mode */
    guint64 direct_done;
} Sb16;

/* All with dev.lock held unless it says otherwise. */

void sb16_update_irq(Sb16 *d);
gint64 sb16_now_ns(const Sb16 *d);

/* sb16-mixer.c */
void sb16_mixer_reset(Sb16 *d);
guint8 sb16_mixer_read(Sb16 *d);
void sb16_mixer_write(Sb16 *d, guint8 value);
void sb16_mixer_apply(Sb16 *d);      /* volumes, to the voices */
void sb16_mixer_power_on(Sb16 *d);   /* interrupt and DMA as jumpered */
int sb16_dma_channel(const Sb16 *d); /* of the present transfer; -1: none */

/* sb16-dsp.c */
void sb16_dsp_reset(Sb16 *d);
void sb16_dsp_write(Sb16 *d, guint8 value);
void sb16_dsp_say(Sb16 *d, guint8 value);
/* For a saved state; 0: none yet. Any thread. */
bool sb16_dsp_knows(guint8 command);

/* sb16-dma.c */
/* Begins (s.run and the fields with it are set) or goes on after a pause. */
void sb16_dma_begin(Sb16 *d);
void sb16_dma_stop(Sb16 *d);
void sb16_set_rate(Sb16 *d, guint32 rate);
void sb16_direct(Sb16 *d, guint8 value);
/* Everything up to now; then the timer is set. Loop thread, lock not held. */
void sb16_run(void *d);
void sb16_frame_clock_start(Sb16 *d); /* frames are counted from now on */
