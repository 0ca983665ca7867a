/* devices/sound/ac97-codec.c - see ac97-internal.h: a codec with variable rates
 * (vendor 8384:7600, SigmaTel STAC9700).
 *
 * AC'97 2.3, chapter 5. The volumes of the samples played are heard; those of
 * inputs, which bring nothing, are kept. */
#include <math.h>
#include <string.h>

#include "devices/sound/ac97-internal.h"

#define MUTE       0x8000
#define EXT_ID     0x28
#define POWER      0x26
#define POWER_OK   0x000f /* ADC, DAC, mixer, reference are ready */
#define VRA        0x0001
#define VRM        0x0008
#define VENDOR_1   0x7c
#define VENDOR_2   0x7e
#define SIX_BITS   0x2020 /* of a volume; we have five */
#define ATTENUATOR 0x1f1f

/* Reset values and what can be written; the others read 0. */
/* clang-format off */
static const struct {
    guint8 reg;
    guint16 reset, writable;
} registers[] = {
    { AC97_MASTER,   0x8000, 0x9f1f },
    { 0x04,          0x8000, 0x9f1f }, /* headphones */
    { 0x06,          0x8000, 0x801f }, /* mono */
    { 0x0a,          0x0000, 0x801e }, /* beep */
    { 0x0c,          0x8008, 0x801f }, /* phone */
    { 0x0e,          0x8008, 0x805f }, /* microphone */
    { 0x10,          0x8808, 0x9f1f }, /* line */
    { 0x12,          0x8808, 0x9f1f }, /* CD */
    { 0x14,          0x8808, 0x9f1f }, /* video */
    { 0x16,          0x8808, 0x9f1f }, /* auxiliary */
    { AC97_PCM_OUT,  0x8808, 0x9f1f },
    { 0x1a,          0x0000, 0x0707 }, /* what is recorded */
    { 0x1c,          0x8000, 0x8f0f }, /* its gain */
    { 0x1e,          0x8000, 0x800f }, /* the microphone's */
    { 0x20,          0x0000, 0x8380 },
    { POWER,         POWER_OK, 0xff00 },
    { EXT_ID,        VRA | VRM, 0x0000 },
    { AC97_EXT_CTRL, 0x0000, VRA | VRM },
    { AC97_DAC_RATE, 48000,  0xffff },
    { AC97_ADC_RATE, 48000,  0xffff },
    { AC97_MIC_RATE, 48000,  0xffff },
    { VENDOR_1,      0x8384, 0x0000 },
    { VENDOR_2,      0x7600, 0x0000 },
};
/* clang-format on */

static guint16 *
reg_at(Ac97 *d, unsigned reg)
{
    return &d->s.codec[reg / 2 % AC97_CODEC_REGS];
}

/* In steps of 1.5 dB, of which `unity` are none. */
static double
level(guint16 reg, unsigned shift, int unity)
{
    int steps = (reg >> shift & 0x1f) - unity;

    return (reg & MUTE) != 0 ? 0 : pow(10, -1.5 * steps / 20);
}

static guint
gain(Ac97 *d, unsigned shift)
{
    return (guint) (level(*reg_at(d, AC97_MASTER), shift, 0) *
                    level(*reg_at(d, AC97_PCM_OUT), shift, 8) * AUDIO_UNITY);
}

void
ac97_codec_apply(Ac97 *d)
{
    audio_voice_set_gain(d->voice, gain(d, 8), gain(d, 0));
}

void
ac97_codec_reset(Ac97 *d)
{
    ac97_clocks_split(d);
    memset(d->s.codec, 0, sizeof d->s.codec);
    for (gsize i = 0; i < G_N_ELEMENTS(registers); i++)
        *reg_at(d, registers[i].reg) = registers[i].reset;
    ac97_codec_apply(d);
}

guint16
ac97_codec_read(Ac97 *d, unsigned reg)
{
    return *reg_at(d, reg);
}

static bool
is_rate(unsigned reg)
{
    return reg == AC97_DAC_RATE || reg == AC97_ADC_RATE || reg == AC97_MIC_RATE;
}

void
ac97_codec_write(Ac97 *d, unsigned reg, guint16 value)
{
    guint16 writable = 0;

    if (reg == 0) { /* any value resets */
        ac97_codec_reset(d);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(registers); i++)
        if (registers[i].reg == reg)
            writable = registers[i].writable;
    if (is_rate(reg) || reg == AC97_EXT_CTRL)
        ac97_clocks_split(d);
    if (is_rate(reg)) /* the nearest that there is is read back, 5.8.3 */
        value = (guint16) CLAMP(value, AC97_MIN_RATE, AC97_MAX_RATE);
    else if ((writable & ATTENUATOR) == ATTENUATOR)
        /* the sixth bit of a side is all its others, 5.7.2.1 */
        value |= (guint16) ((value & SIX_BITS) - ((value & SIX_BITS) >> 5));
    guint16 *at = reg_at(d, reg);
    *at = (guint16) ((*at & ~writable) | (value & writable));
    ac97_codec_apply(d);
}

/* Without variable rates it is 48000 Hz. */
guint32
ac97_codec_rate(const Ac97 *d, unsigned stream)
{
    static const guint8 rate_regs[AC97_STREAMS] = {AC97_ADC_RATE, AC97_DAC_RATE,
                                                   AC97_MIC_RATE};
    guint16 bit = stream == AC97_MC ? VRM : VRA;
    guint32 rate = d->s.codec[rate_regs[stream] / 2];

    return (d->s.codec[AC97_EXT_CTRL / 2] & bit) != 0 && rate >= AC97_MIN_RATE
               ? MIN(rate, AC97_MAX_RATE)
               : AC97_MAX_RATE;
}
