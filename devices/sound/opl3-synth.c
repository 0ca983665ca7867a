/* devices/sound/opl3-synth.c - see opl3-synth.h.
 *
 * 36 operators: a phase, an envelope, and a sine (or another wave) as the
 * exponential of a sum of logarithms. Each sample advances all of them once. */
#include "devices/sound/opl3-synth.h"

#include <math.h>
#include <string.h>

enum {
    REG_DRUMS = 0xbd, /* also depths of tremolo and vibrato */
    REG_NOTE_SELECT = 0x08,
    REG_WAVE_SELECT = 0x01,
    REG_FOUR_OPS = 0x104,
    REG_NEW = 0x105,
};

#define DRUMS_ON         0x20
#define TREMOLO_DEEP     0x80
#define VIBRATO_DEEP     0x40
#define KEY_CHANNEL      1
#define KEY_DRUM         2
#define OPS_OF_BANK      18u
#define CHANNELS_OF_BANK 9u
#define PHASE_BITS       19
#define NOISE_BITS       23
#define TREMOLO_STEPS    210 /* of 64 samples: 3.7 Hz */

/* Operators of the drums: bass drum is channel 6; */
enum { OP_HIHAT = 13, OP_TOM = 14, OP_SNARE = 16, OP_CYMBAL = 17 };

/* In halves, data sheet table 3-6. */
static const guint8 multiples[16] = {1,  2,  4,  6,  8,  10, 12, 14,
                                     16, 18, 20, 20, 24, 24, 30, 30};

/* Attenuation by the upper four bits of the F-number in the eighth octave, in
 * steps of 0.75 dB; 3 dB an octave. */
static const guint8 key_scale[16] = {0,  32, 40, 45, 48, 51, 53, 55,
                                     56, 58, 59, 60, 61, 62, 63, 64};
static const guint8 key_scale_shift[4] = {8, 1, 2, 0};

/* How often within eight steps an envelope moves, by the lower two bits of its
 * rate. */
static const guint8 step_bits[4] = {0xaa, 0xba, 0xee, 0xfe};
static const guint8 extra_bits[4] = {0x00, 0x88, 0xaa, 0xee};

/* ---- which operators and channels there are ---- */

static unsigned
first_op(unsigned channel)
{
    unsigned c = channel % CHANNELS_OF_BANK;

    return channel / CHANNELS_OF_BANK * OPS_OF_BANK + c / 3 * 6 + c % 3;
}

static unsigned
channel_of(unsigned op)
{
    unsigned o = op % OPS_OF_BANK;

    return op / OPS_OF_BANK * CHANNELS_OF_BANK + o / 6 * 3 + o % 3;
}

/* A register of a channel: 0xa0, 0xb0 or 0xc0 as base. */
static guint8
channel_reg(const Opl3Chip *s, unsigned channel, unsigned base)
{
    return s->regs[channel / CHANNELS_OF_BANK * 0x100 + base +
                   channel % CHANNELS_OF_BANK];
}

static guint8
op_reg(const Opl3Chip *s, unsigned op, unsigned base)
{
    unsigned o = op % OPS_OF_BANK;

    return s->regs[op / OPS_OF_BANK * 0x100 + base + o / 6 * 8 + o % 6];
}

static bool
is_new(const Opl3Chip *s)
{
    return (s->regs[REG_NEW] & 1) != 0;
}

/* Channels 0-2 may take 3-5 of their bank as their second halves. */
static bool
leads_four(const Opl3Chip *s, unsigned channel)
{
    unsigned c = channel % CHANNELS_OF_BANK;
    unsigned bit = channel / CHANNELS_OF_BANK * 3 + c;

    return c < 3 && is_new(s) && (s->regs[REG_FOUR_OPS] >> bit & 1) != 0;
}

static bool
is_led(const Opl3Chip *s, unsigned channel)
{
    unsigned c = channel % CHANNELS_OF_BANK;

    return c >= 3 && c < 6 && leads_four(s, channel - 3);
}

/* Whose frequency and key it has. */
static unsigned
leader(const Opl3Chip *s, unsigned channel)
{
    return is_led(s, channel) ? channel - 3 : channel;
}

static unsigned
f_number(const Opl3Chip *s, unsigned channel)
{
    return (channel_reg(s, channel, 0xb0) & 3u) << 8 |
           channel_reg(s, channel, 0xa0);
}

static unsigned
block(const Opl3Chip *s, unsigned channel)
{
    return channel_reg(s, channel, 0xb0) >> 2 & 7u;
}

/* ---- what follows from the registers ---- */

static guint8
full_rate(unsigned rate, unsigned offset)
{
    return rate == 0 ? 0 : (guint8) MIN(rate * 4 + offset, 63u);
}

static void
update_op(Opl3Synth *y, unsigned op)
{
    const Opl3Chip *s = y->chip;
    Opl3OpCache *c = &y->ops[op];
    unsigned channel = leader(s, channel_of(op));
    unsigned f = f_number(s, channel), b = block(s, channel);
    guint8 kinds = op_reg(s, op, 0x20), levels = op_reg(s, op, 0x40);
    guint8 attack = op_reg(s, op, 0x60), release = op_reg(s, op, 0x80);
    unsigned split =
        (s->regs[REG_NOTE_SELECT] & 0x40) != 0 ? f >> 8 & 1 : f >> 9;
    unsigned offset = (b << 1 | split) >> ((kinds & 0x10) != 0 ? 0 : 2);
    int scale = key_scale[f >> 6] * 4 - (8 - (int) b) * 32;

    c->mult = multiples[kinds & 15];
    c->tremolo = (kinds & 0x80) != 0;
    c->vibrato = (kinds & 0x40) != 0;
    c->holds = (kinds & 0x20) != 0;
    c->level = (guint16) (((levels & 0x3f) << 2) +
                          (MAX(scale, 0) >> key_scale_shift[levels >> 6]));
    c->rates[OPL3_ATTACK] = full_rate(attack >> 4, offset);
    c->rates[OPL3_DECAY] = full_rate(attack & 15, offset);
    c->rates[OPL3_RELEASE] = full_rate(release & 15, offset);
    c->rates[OPL3_SUSTAIN] = c->holds ? 0 : c->rates[OPL3_RELEASE];
    c->sustain =
        (guint16) ((release >> 4) == 15 ? 31 << 4 : (release >> 4) << 4);
    c->wave = op_reg(s, op, 0xe0) & 7;
    if (!is_new(s))
        c->wave = (s->regs[REG_WAVE_SELECT] & 0x20) != 0 ? c->wave & 3 : 0;
}

static void
update_all(Opl3Synth *y)
{
    for (unsigned op = 0; op < OPL3_OPS; op++)
        update_op(y, op);
}

/* ---- keys ---- */

static void
set_key(Opl3Synth *y, unsigned op, guint8 bit, bool on)
{
    Opl3Op *o = &y->chip->ops[op];
    guint8 before = o->key;

    o->key = (guint8) (on ? before | bit : before & ~bit);
    if (before == 0 && o->key != 0) {
        o->phase = 0;
        o->stage = OPL3_ATTACK;
        if (y->ops[op].rates[OPL3_ATTACK] >= 60) { /* at once */
            o->level = 0;
            o->stage = OPL3_DECAY;
        }
    } else if (before != 0 && o->key == 0 && o->stage != OPL3_OFF) {
        o->stage = OPL3_RELEASE;
    }
}

static void
update_channel(Opl3Synth *y, unsigned channel)
{
    Opl3Chip *s = y->chip;
    unsigned op = first_op(channel);
    bool on = (channel_reg(s, leader(s, channel), 0xb0) & 0x20) != 0;

    update_op(y, op);
    update_op(y, op + 3);
    set_key(y, op, KEY_CHANNEL, on);
    set_key(y, op + 3, KEY_CHANNEL, on);
    if (leads_four(s, channel))
        update_channel(y, channel + 3);
}

static void
update_drums(Opl3Synth *y)
{
    guint8 v = y->chip->regs[REG_DRUMS];
    bool on = (v & DRUMS_ON) != 0;

    set_key(y, first_op(6), KEY_DRUM, on && (v & 0x10) != 0);
    set_key(y, first_op(6) + 3, KEY_DRUM, on && (v & 0x10) != 0);
    set_key(y, OP_SNARE, KEY_DRUM, on && (v & 0x08) != 0);
    set_key(y, OP_TOM, KEY_DRUM, on && (v & 0x04) != 0);
    set_key(y, OP_CYMBAL, KEY_DRUM, on && (v & 0x02) != 0);
    set_key(y, OP_HIHAT, KEY_DRUM, on && (v & 0x01) != 0);
}

void
opl3_synth_write(Opl3Synth *y, unsigned reg, guint8 value)
{
    unsigned low = reg & 0xff, bank = reg >> 8 & 1;

    y->chip->regs[reg % OPL3_REGS] = value;
    if (reg == REG_DRUMS) {
        update_drums(y);
    } else if (reg == REG_NEW || reg == REG_FOUR_OPS ||
               reg == REG_NOTE_SELECT || reg == REG_WAVE_SELECT) {
        update_all(y);
    } else if ((low & 0xf0) == 0xa0 || (low & 0xf0) == 0xb0) {
        if ((low & 15) < CHANNELS_OF_BANK)
            update_channel(y, bank * CHANNELS_OF_BANK + (low & 15));
    } else if ((low >= 0x20 && low < 0xa0) || low >= 0xe0) {
        unsigned o = low & 0x1f;
        if (o / 8 < 3 && o % 8 < 6)
            update_op(y, bank * OPS_OF_BANK + o / 8 * 6 + o % 8);
    }
}

/* ---- envelopes ---- */

/* By how much one moves at this sample: 0, 1, 2, 4 or 8. */
static unsigned
envelope_step(unsigned rate, guint64 samples)
{
    unsigned high = rate >> 2, low = rate & 3;

    if (high == 0)
        return 0;
    if (high > 12) {
        unsigned extra = extra_bits[low] >> (samples & 7) & 1;
        return high == 15 ? 4 : 1u << (high - 13 + extra);
    }
    unsigned shift = 12 - high;
    if ((samples & ((1u << shift) - 1)) != 0)
        return 0;
    return step_bits[low] >> (samples >> shift & 7) & 1;
}

static void
advance_envelope(Opl3Op *o, const Opl3OpCache *c, guint64 samples)
{
    unsigned step = envelope_step(c->rates[o->stage], samples);
    int level = o->level;

    switch ((Opl3Stage) o->stage) {
    case OPL3_ATTACK:
        level += (~level * (int) step) >> 3;
        if (level <= 0) {
            level = 0;
            o->stage = OPL3_DECAY;
        }
        break;
    case OPL3_DECAY:
        level += (int) step;
        if (level >= c->sustain)
            o->stage = OPL3_SUSTAIN;
        break;
    case OPL3_SUSTAIN:
    case OPL3_RELEASE:
        level += (int) step;
        if (level >= OPL3_SILENT && o->stage == OPL3_RELEASE)
            o->stage = OPL3_OFF;
        break;
    case OPL3_OFF:
    case OPL3_STAGES:
    default: break;
    }
    o->level = (guint16) MIN(level, OPL3_SILENT);
}

static unsigned
tremolo(const Opl3Chip *s)
{
    unsigned at = (unsigned) (s->samples / 64 % TREMOLO_STEPS);
    unsigned up = at < TREMOLO_STEPS / 2 ? at : TREMOLO_STEPS - at;

    return up >> ((s->regs[REG_DRUMS] & TREMOLO_DEEP) != 0 ? 2 : 4);
}

/* The F-number's deviation now, 6.1 Hz: eighths of the upper three bits. */
static int
vibrato(const Opl3Chip *s, unsigned f)
{
    unsigned at = (unsigned) (s->samples >> 10 & 7);
    int range = (int) (f >> 7 & 7);

    if ((at & 3) == 0)
        range = 0;
    else if ((at & 1) != 0)
        range >>= 1;
    if ((s->regs[REG_DRUMS] & VIBRATO_DEEP) == 0)
        range >>= 1;
    return (at & 4) != 0 ? -range : range;
}

static void
advance_phase(Opl3Synth *y, unsigned op)
{
    const Opl3Chip *s = y->chip;
    unsigned channel = leader(s, channel_of(op));
    unsigned f = f_number(s, channel);

    if (y->ops[op].vibrato)
        f = (unsigned) ((int) f + vibrato(s, f));
    guint32 base = f << block(s, channel) >> 1;
    Opl3Op *o = &y->chip->ops[op];
    o->phase =
        (o->phase + (base * y->ops[op].mult >> 1)) & ((1u << PHASE_BITS) - 1);
}

/* ---- waves ---- */

/* Of a level in 1/256 of an octave. */
static int
exponential(const Opl3Synth *y, unsigned level)
{
    if (level > 0x1fff)
        return 0;
    return (y->exp[(level & 0xff) ^ 0xff] + 1024) << 1 >> (level >> 8);
}

static unsigned
sine(const Opl3Synth *y, unsigned phase)
{
    return y
        ->log_sin[(phase & 0x100) != 0 ? (phase & 0xff) ^ 0xff : phase & 0xff];
}

/* The wave at a phase of 10 bits; level: 0..511 and more. */
static int
wave_at(const Opl3Synth *y, unsigned wave, unsigned phase, unsigned level)
{
    bool second = (phase & 0x200) != 0;
    unsigned log = 0, add = MIN(level, (unsigned) OPL3_SILENT) << 3;
    bool negative = second;

    phase &= 0x3ff;
    switch (wave) {
    case 0: log = sine(y, phase); break;
    case 1:
        if (second)
            return 0;
        log = sine(y, phase);
        break;
    case 2:
        log = sine(y, phase);
        negative = false;
        break;
    case 3:
        if ((phase & 0x100) != 0)
            return 0;
        log = sine(y, phase);
        negative = false;
        break;
    case 4:
    case 5:
        if (second)
            return 0;
        log = sine(y, phase << 1);
        negative = wave == 4 && (phase & 0x100) != 0;
        break;
    case 6: break;
    default: log = (second ? (phase & 0x1ff) ^ 0x1ff : phase & 0x1ff) << 3;
    }
    int out = exponential(y, log + add);
    return negative ? -out : out;
}

/* ---- operators and channels ---- */

/* One operator's sample; modulation is added to its phase. */
static int
run_op_at(Opl3Synth *y, unsigned op, unsigned phase, unsigned trem)
{
    Opl3Op *o = &y->chip->ops[op];
    const Opl3OpCache *c = &y->ops[op];
    int out = wave_at(y, c->wave, phase,
                      o->level + c->level + (c->tremolo ? trem : 0u));

    o->out_last = o->out;
    o->out = (guint16) (gint16) out;
    return out;
}

static int
run_op(Opl3Synth *y, unsigned op, int modulation, unsigned trem)
{
    unsigned phase = y->chip->ops[op].phase >> 9;

    return run_op_at(y, op, phase + (unsigned) modulation, trem);
}

static int
run_first_op(Opl3Synth *y, unsigned channel, unsigned op, unsigned trem)
{
    const Opl3Op *o = &y->chip->ops[op];
    unsigned feedback = channel_reg(y->chip, channel, 0xc0) >> 1 & 7u;
    int sum = (gint16) o->out + (gint16) o->out_last;

    return run_op(y, op, feedback != 0 ? sum >> (9 - feedback) : 0, trem);
}

static bool
is_off(const Opl3Chip *s, unsigned op)
{
    return s->ops[op].stage == OPL3_OFF;
}

static int
run_two(Opl3Synth *y, unsigned channel, unsigned trem)
{
    unsigned op = first_op(channel);

    if (is_off(y->chip, op) && is_off(y->chip, op + 3))
        return 0;
    int first = run_first_op(y, channel, op, trem);
    if ((channel_reg(y->chip, channel, 0xc0) & 1) != 0)
        return first + run_op(y, op + 3, 0, trem);
    return run_op(y, op + 3, first, trem);
}

/* Data sheet figure 2-5, by the connection bits of both halves. */
static int
run_four(Opl3Synth *y, unsigned channel, unsigned trem)
{
    unsigned a = first_op(channel), b = first_op(channel + 3);
    bool first_adds = (channel_reg(y->chip, channel, 0xc0) & 1) != 0;
    bool second_adds = (channel_reg(y->chip, channel + 3, 0xc0) & 1) != 0;
    int out = run_first_op(y, channel, a, trem), sum = 0;

    if (first_adds) {
        sum = out;
        out = 0;
    }
    out = run_op(y, a + 3, out, trem);
    if (second_adds && !first_adds) {
        sum += out;
        out = 0;
    }
    out = run_op(y, b, out, trem);
    if (second_adds && first_adds) {
        sum += out;
        out = 0;
    }
    return sum + run_op(y, b + 3, out, trem);
}

/* The phases of hi-hat, snare and cymbal: some bits of two of them, and noise. */
static int
run_drums(Opl3Synth *y, unsigned channel, unsigned trem)
{
    const Opl3Chip *s = y->chip;
    unsigned hihat = s->ops[OP_HIHAT].phase >> 9;
    unsigned cymbal = s->ops[OP_CYMBAL].phase >> 9;
    unsigned noise = s->noise & 1;
    unsigned mix = ((hihat >> 2 ^ hihat >> 7) | (hihat >> 3 ^ cymbal >> 5) |
                    (cymbal >> 3 ^ cymbal >> 5)) &
                   1;

    if (channel == 6) { /* its first operator is never heard itself */
        int first = run_first_op(y, 6, first_op(6), trem);
        bool adds = (channel_reg(s, 6, 0xc0) & 1) != 0;
        return 2 * run_op(y, first_op(6) + 3, adds ? 0 : first, trem);
    }
    if (channel == 7)
        return 2 *
               (run_op_at(y, OP_HIHAT,
                          mix << 9 | ((mix ^ noise) != 0 ? 0xd0 : 0x34), trem) +
                run_op_at(y, OP_SNARE,
                          (hihat >> 8 & 1) << 9 | ((hihat >> 8 & 1) ^ noise)
                                                      << 8,
                          trem));
    return 2 * (run_op(y, OP_TOM, 0, trem) +
                run_op_at(y, OP_CYMBAL, mix << 9 | 0x80, trem));
}

static void
mix_channels(Opl3Synth *y, int *left, int *right)
{
    const Opl3Chip *s = y->chip;
    bool drums = (s->regs[REG_DRUMS] & DRUMS_ON) != 0;
    unsigned trem = tremolo(s);

    for (unsigned channel = 0; channel < OPL3_CHANNELS; channel++) {
        guint8 sides = is_new(s) ? channel_reg(s, channel, 0xc0) : 0x30;
        int out;
        if (is_led(s, channel))
            continue;
        if (drums && channel >= 6 && channel <= 8)
            out = run_drums(y, channel, trem);
        else if (leads_four(s, channel)) {
            out = run_four(y, channel, trem);
            if (is_new(s)) /* the second half says where it goes */
                sides = channel_reg(s, channel + 3, 0xc0);
        } else
            out = run_two(y, channel, trem);
        *left += (sides & 0x10) != 0 ? out : 0;
        *right += (sides & 0x20) != 0 ? out : 0;
    }
}

static void
advance(Opl3Synth *y)
{
    Opl3Chip *s = y->chip;

    for (unsigned op = 0; op < OPL3_OPS; op++) {
        if (s->ops[op].stage == OPL3_OFF)
            continue;
        advance_envelope(&s->ops[op], &y->ops[op], s->samples);
        advance_phase(y, op);
    }
    guint32 bit = (s->noise >> 14 ^ s->noise) & 1;
    s->noise = s->noise >> 1 | bit << (NOISE_BITS - 1);
    s->samples++;
}

void
opl3_synth_render(Opl3Synth *y, gint16 *frames, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        int left = 0, right = 0;
        mix_channels(y, &left, &right);
        advance(y);
        frames[2 * i] = (gint16) CLAMP(left, G_MININT16, G_MAXINT16);
        frames[2 * i + 1] = (gint16) CLAMP(right, G_MININT16, G_MAXINT16);
    }
}

bool
opl3_synth_is_silent(const Opl3Synth *y)
{
    for (unsigned op = 0; op < OPL3_OPS; op++)
        if (!is_off(y->chip, op) && (y->chip->ops[op].level < OPL3_SILENT ||
                                     y->chip->ops[op].stage == OPL3_ATTACK))
            return false;
    return true;
}

void
opl3_synth_skip(Opl3Synth *y, guint64 n)
{
    y->chip->samples += n;
}

/* ---- life ---- */

void
opl3_synth_init(Opl3Synth *y, Opl3Chip *chip)
{
    y->chip = chip;
    for (unsigned i = 0; i < 256; i++) {
        y->log_sin[i] =
            (guint16) lrint(-log2(sin((i + 0.5) * G_PI / 512)) * 256);
        y->exp[i] = (guint16) lrint((exp2(i / 256.0) - 1) * 1024);
    }
}

void
opl3_synth_reset(Opl3Synth *y)
{
    *y->chip = (Opl3Chip){.noise = 1};
    for (unsigned op = 0; op < OPL3_OPS; op++)
        y->chip->ops[op].level = OPL3_SILENT;
    update_all(y);
}

void
opl3_synth_restored(Opl3Synth *y)
{
    update_all(y);
}

bool
opl3_chip_check(const Opl3Chip *chip)
{
    bool ok = chip->noise != 0 && chip->noise >> NOISE_BITS == 0;

    for (unsigned op = 0; op < OPL3_OPS; op++) {
        const Opl3Op *o = &chip->ops[op];
        int out = (gint16) o->out, last = (gint16) o->out_last;
        ok = ok && o->stage < OPL3_STAGES && o->level <= OPL3_SILENT &&
             o->key <= (KEY_CHANNEL | KEY_DRUM) &&
             o->phase >> PHASE_BITS == 0 && ABS(out) < 4096 && ABS(last) < 4096;
    }
    return ok;
}
