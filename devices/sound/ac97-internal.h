/* devices/sound/ac97-internal.h - the parts of an ICH's AC'97 audio controller:
 * bus and registers (ac97.c), streams (ac97-stream.c), codec (ac97-codec.c).
 *
 * Intel 82801AA (ICH) data sheet (290655), chapter 13; Intel, AC'97 Component
 * Specification 2.3. */
#pragma once

#include "devices/bus/pci.h"
#include "vmm/audio/audio.h"

#define AC97_BUFFERS    32 /* of a list of descriptors */
#define AC97_CODEC_REGS 64 /* words */

/* Streams, in the order of their registers, which are 10h apart */
enum { AC97_PI, AC97_PO, AC97_MC, AC97_STREAMS };

/* Status register of a stream, 13.2.4 */
#define AC97_SR_DCH   0x01 /* halted */
#define AC97_SR_CELV  0x02 /* at the last valid buffer */
#define AC97_SR_LVBCI 0x04 /* which is done */
#define AC97_SR_BCIS  0x08 /* a buffer with IOC is done */
#define AC97_SR_FIFOE 0x10
#define AC97_SR_W1C   0x1c
/* Control register, 13.2.7 */
#define AC97_CR_RPBM  0x01
#define AC97_CR_RR    0x02
#define AC97_CR_LVBIE 0x04
#define AC97_CR_FEIE  0x08
#define AC97_CR_IOCE  0x10
#define AC97_CR_BITS  0x1f

/* Codec registers */
#define AC97_MASTER   0x02
#define AC97_PCM_OUT  0x18
#define AC97_EXT_CTRL 0x2a
#define AC97_DAC_RATE 0x2c
#define AC97_ADC_RATE 0x32
#define AC97_MIC_RATE 0x34
#define AC97_MIN_RATE 4000u
#define AC97_MAX_RATE 48000u

typedef struct {
    guint32 bdbar; /* of the list of descriptors, multiple of 8 */
    guint8 civ, lvi, piv, cr, sr;
    guint8 loaded; /* the descriptor of civ is in the three below */
    guint16 picb;  /* samples left in the buffer */
    guint32 addr;  /* of the next one */
    guint8 ioc;    /* interrupt when it is done */
} Ac97Stream;

typedef struct {
    PciState pci;
    guint16 codec[AC97_CODEC_REGS];
    Ac97Stream streams[AC97_STREAMS];
    guint32 glob_cnt, glob_sta; /* what is kept of them */
    guint8 cas;                 /* codec access semaphore */
} Ac97State;

/* What is known of a stream's time. */
typedef struct {
    gint64 base_ns; /* guest time of frame 0 of those counted */
    guint64 done;   /* frames since */
} Ac97Clock;

typedef struct {
    PciDevice pci;
    Ac97State s;
    Audio *audio;
    AudioVoice *voice;
    IoRegion *mixer, *master;
    Timer *tick;
    Ac97Clock clocks[AC97_STREAMS]; /* dev.lock; not guest-visible */
} Ac97;

/* All with dev.lock held. */

/* ac97.c */
void ac97_update_irq(Ac97 *d);

/* ac97-codec.c */
void ac97_codec_reset(Ac97 *d);
guint16 ac97_codec_read(Ac97 *d, unsigned reg);
void ac97_codec_write(Ac97 *d, unsigned reg, guint16 value);
void ac97_codec_apply(Ac97 *d); /* volumes, to the voice */
guint32 ac97_codec_rate(const Ac97 *d, unsigned stream);

/* ac97-stream.c */
void ac97_stream_reset(Ac97Stream *s);
void ac97_stream_control(Ac97 *d, unsigned stream, guint8 value);
void ac97_stream_set_lvi(Ac97 *d, unsigned stream, guint8 value);
bool ac97_stream_interrupts(const Ac97Stream *s);
/* All streams up to now, then the timer is set. */
void ac97_streams_run(Ac97 *d);
/* Frames are counted from now on. */
void ac97_clocks_start(Ac97 *d);
/* A rate is about to change: what was played had the old one. */
void ac97_clocks_split(Ac97 *d);
