/* devices/sound/sb16-mixer.c - see sb16-internal.h: the CT1745.
 *
 * Chapter 4. Volumes of samples and FM are applied, in steps of 2 dB; tone,
 * gains and what would come from outside are kept and read back. */
#include <math.h>
#include <string.h>

#include "devices/sound/opl3.h"
#include "devices/sound/sb16-internal.h"

/* Old registers with both sides in one byte, and their new pairs. */
static const struct {
    guint8 old, pair;
} old_registers[] = {
    {0x04, SB16_MIX_VOICE}, {0x22, SB16_MIX_MASTER}, {0x26, SB16_MIX_MIDI},
    {0x28, SB16_MIX_CD},    {0x2e, SB16_MIX_LINE},
};

/* Bits of registers 80h and 81h. */
static const guint8 dma_8[] = {0, 1, 3};
static const guint8 dma_16[] = {5, 6, 7};

static const guint8 *
pair_of(Sb16 *d, guint8 old)
{
    for (gsize i = 0; i < G_N_ELEMENTS(old_registers); i++)
        if (old_registers[i].old == old)
            return &d->s.mixer[old_registers[i].pair];
    return NULL;
}

/* 5 bits, 0 to -62 dB; the lowest is silence. */
static double
level(guint8 reg)
{
    unsigned value = reg >> 3;

    return value == 0 ? 0 : pow(10, -2.0 * (31 - (int) value) / 20);
}

static guint
gain(const Sb16 *d, unsigned source, unsigned side)
{
    return (guint) (level(d->s.mixer[source + side]) *
                    level(d->s.mixer[SB16_MIX_MASTER + side]) * AUDIO_UNITY);
}

void
sb16_mixer_apply(Sb16 *d)
{
    guint left = gain(d, SB16_MIX_VOICE, 0), right = gain(d, SB16_MIX_VOICE, 1);

    audio_voice_set_gain(d->voice, left, right);
    audio_voice_set_gain(d->direct, left, right);
    opl3_set_gain(d->opl, gain(d, SB16_MIX_MIDI, 0), gain(d, SB16_MIX_MIDI, 1));
}

/* Samples and FM begin at full volume, not at the chip's -14 dB twice: many DOS
 * programs rely on a driver that has turned the knobs. */
void
sb16_mixer_reset(Sb16 *d)
{
    guint8 irq = d->s.mixer[SB16_MIX_IRQ], dma = d->s.mixer[SB16_MIX_DMA];

    memset(d->s.mixer, 0, sizeof d->s.mixer);
    for (unsigned reg = SB16_MIX_MASTER; reg < SB16_MIX_CD; reg++)
        d->s.mixer[reg] = 0xf8;
    d->s.mixer[0x3c] = 0x1f; /* output: line, CD and microphone */
    d->s.mixer[0x3d] = 0x15; /* input, left */
    d->s.mixer[0x3e] = 0x0b; /* input, right */
    for (unsigned reg = 0x44; reg <= 0x47; reg++)
        d->s.mixer[reg] = 0x80; /* tone: flat */
    d->s.mixer[SB16_MIX_IRQ] = irq;
    d->s.mixer[SB16_MIX_DMA] = dma;
    sb16_mixer_apply(d);
}

void
sb16_mixer_power_on(Sb16 *d)
{
    d->s.mixer[SB16_MIX_IRQ] = 0x02; /* 5 */
    d->s.mixer[SB16_MIX_DMA] = 0x22; /* 1 and 5 */
}

guint8
sb16_mixer_read(Sb16 *d)
{
    guint8 index = d->s.mixer_index;
    const guint8 *pair = pair_of(d, index);

    if (pair != NULL)
        return (guint8) ((pair[0] & 0xf0) | pair[1] >> 4);
    if (index == SB16_MIX_IRQ_STATUS)
        return d->s.irq;
    if (index == 0x0a)
        return d->s.mixer[SB16_MIX_MIC] >> 5;
    return d->s.mixer[index];
}

void
sb16_mixer_write(Sb16 *d, guint8 value)
{
    guint8 *mixer = d->s.mixer, index = d->s.mixer_index;
    const guint8 *pair = pair_of(d, index);

    if (index == SB16_MIX_RESET) {
        sb16_mixer_reset(d);
    } else if (pair != NULL) {
        guint8 *at = mixer + (pair - mixer);
        at[0] = (guint8) ((value & 0xf0) | ((value & 0xf0) != 0 ? 8 : 0));
        at[1] = (guint8) (value << 4 | ((value & 0x0f) != 0 ? 8 : 0));
    } else if (index == 0x0a) {
        mixer[SB16_MIX_MIC] = (guint8) (value << 5);
    } else if (index == SB16_MIX_IRQ) {
        mixer[index] = value & 0x0f;
        sb16_update_irq(d);
    } else if (index == SB16_MIX_DMA) {
        mixer[index] = value & 0xeb;
        d->generation++;
    } else if (index != SB16_MIX_IRQ_STATUS) {
        mixer[index] = value;
    }
    sb16_mixer_apply(d);
}

/* 16 bits go over an 8-bit channel where no other is chosen. */
int
sb16_dma_channel(const Sb16 *d)
{
    guint8 chosen = d->s.mixer[SB16_MIX_DMA];

    for (gsize i = 0; d->s.is_16 && i < G_N_ELEMENTS(dma_16); i++)
        if ((chosen >> dma_16[i] & 1) != 0)
            return dma_16[i];
    for (gsize i = 0; i < G_N_ELEMENTS(dma_8); i++)
        if ((chosen >> dma_8[i] & 1) != 0)
            return dma_8[i];
    return -1;
}
