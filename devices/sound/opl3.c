/* devices/sound/opl3.c - YMF262 (OPL3) behind the ports of an AdLib card, and
 * those of a Sound Blaster.
 *
 * YMF262 data sheet. Each write makes the samples up to its moment first, so
 * that music keeps the guest's time. The timers, by which programs find the
 * card, are computed when the status is read. Left out: the time the chip is
 * busy after a write, and its interrupt, which no card wired. */
#include "devices/sound/opl3.h"

#include "devices/sound/opl3-synth.h"
#include "vmm/audio/audio.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

#define ADLIB_PORT    0x388
#define PORTS         4
#define REG_TIMER1    0x02
#define REG_TIMER2    0x03
#define REG_CONTROL   0x04
#define CONTROL_RESET 0x80
#define CONTROL_MASK1 0x40 /* timer n: shifted right by n */
#define CONTROL_RUN1  0x01 /* timer n: shifted left by n */
#define STATUS_IRQ    0x80
#define STATUS_T1     0x40 /* timer n: shifted right by n */
#define STATUS_FLAGS  (STATUS_IRQ | STATUS_T1 | STATUS_T1 >> 1)
#define TIMER_UNIT_NS (80 * NSEC_PER_USEC) /* timer 2: four times that */
#define N_TIMERS      2
#define TICK_NS       (5 * NSEC_PER_MSEC)
#define CHUNK         256u
/* samples; beyond, time is skipped */
#define MAX_LATE ((guint64) (OPL3_RATE * AUDIO_MAX_LATE / NSEC_PER_SECOND))
#define GAIN     2 /* one channel alone is soft */

typedef struct {
    Opl3Chip chip;
    guint16 index; /* of the register that data goes to */
    guint8 status;
    guint32 timer_ns[N_TIMERS]; /* since it was started or ran over */
} Opl3State;

typedef struct {
    Device dev;
    Opl3State s;
    guint32 second_base; /* option: Sound Blaster's base, or 0 */
    Audio *audio;
    IoRegion *ports, *second, *pair;
    AudioVoice *voice;
    Timer *tick;
    Opl3Synth synth;
    /* dev.lock guards these, too; not guest-visible */
    gint64 timers_at; /* guest time to which s.timer_ns belongs */
    gint64 base_ns;   /* guest time of sample 0 of those counted */
    guint64 made;     /* samples since */
} Opl3;

static gint64
now_ns(const Opl3 *d)
{
    return loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
}

/* ---- timers ---- */

static void
run_timers(Opl3 *d)
{
    gint64 now = now_ns(d);
    guint64 passed = (guint64) MAX(now - d->timers_at, 0);
    guint8 control = d->s.chip.regs[REG_CONTROL];

    d->timers_at = now;
    for (unsigned i = 0; i < N_TIMERS; i++) {
        if ((control & CONTROL_RUN1 << i) == 0)
            continue;
        guint64 period = (256u - d->s.chip.regs[REG_TIMER1 + i]) *
                         ((guint64) TIMER_UNIT_NS << 2 * i);
        guint64 ns = d->s.timer_ns[i] + passed;
        d->s.timer_ns[i] = (guint32) (ns % period);
        if (ns >= period && (control & CONTROL_MASK1 >> i) == 0)
            d->s.status |= (guint8) (STATUS_IRQ | STATUS_T1 >> i);
    }
}

static void
write_control(Opl3 *d, guint8 value)
{
    guint8 before = d->s.chip.regs[REG_CONTROL];

    if ((value & CONTROL_RESET) != 0) {
        d->s.status = 0; /* the other bits are not taken */
        return;
    }
    for (unsigned i = 0; i < N_TIMERS; i++)
        if ((value & ~before & CONTROL_RUN1 << i) != 0)
            d->s.timer_ns[i] = 0;
    d->s.chip.regs[REG_CONTROL] = value;
}

/* ---- sound ---- */

/* Whole hours go, so that products of time and rate stay small. */
static void
shift_base(Opl3 *d)
{
    while (d->made >= OPL3_RATE * G_GUINT64_CONSTANT(3600)) {
        d->made -= OPL3_RATE * G_GUINT64_CONSTANT(3600);
        d->base_ns += 3600 * NSEC_PER_SECOND;
    }
}

/* Up to now. */
static void
make_samples(Opl3 *d)
{
    gint16 frames[2 * CHUNK];
    guint64 passed = (guint64) MAX(now_ns(d) - d->base_ns, 0);
    guint64 due = passed / NSEC_PER_SECOND * OPL3_RATE +
                  passed % NSEC_PER_SECOND * OPL3_RATE / NSEC_PER_SECOND;
    guint64 n = due - MIN(d->made, due);

    if (d->audio == NULL || opl3_synth_is_silent(&d->synth) || n > MAX_LATE) {
        guint64 skipped = n > MAX_LATE ? n - MAX_LATE : n;
        if (d->audio == NULL || opl3_synth_is_silent(&d->synth))
            skipped = n;
        opl3_synth_skip(&d->synth, skipped);
        d->made += skipped;
        n -= skipped;
    }
    while (n > 0) {
        gsize part = MIN(n, CHUNK);
        opl3_synth_render(&d->synth, frames, part);
        audio_voice_write(d->voice,
                          d->base_ns +
                              (gint64) (d->made * NSEC_PER_SECOND / OPL3_RATE),
                          OPL3_RATE, frames, part);
        d->made += part;
        n -= part;
    }
    shift_base(d);
}

static void
arm(Opl3 *d)
{
    if (d->audio != NULL && !opl3_synth_is_silent(&d->synth))
        timer_arm(d->tick, now_ns(d) + TICK_NS);
}

static void
ticked(void *data)
{
    Opl3 *d = data;

    g_mutex_lock(&d->dev.lock);
    make_samples(d);
    arm(d);
    g_mutex_unlock(&d->dev.lock);
}

void
opl3_set_gain(Device *opl3, guint left, guint right)
{
    if (opl3 != NULL)
        audio_voice_set_gain(DEVICE_OF(Opl3, opl3)->voice, GAIN * left,
                             GAIN * right);
}

/* ---- ports ---- */

static void
write_register(Opl3 *d, guint8 value)
{
    run_timers(d);
    if (d->s.index == REG_CONTROL) {
        write_control(d, value);
        return;
    }
    make_samples(d);
    opl3_synth_write(&d->synth, d->s.index, value);
    if (!timer_is_armed(d->tick))
        arm(d);
}

static guint64
ports_read(void *dev, guint64 offset, unsigned size)
{
    Opl3 *d = dev;

    if ((offset & 1) != 0)
        return 0xff; /* data cannot be read back */
    run_timers(d);
    return d->s.status; /* bits 1 and 2 are 0: an OPL3, not an OPL2 */
}

/* The second set of registers is there once bit 0 of 105h says so. */
static void
ports_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Opl3 *d = dev;
    bool new = (d->s.chip.regs[0x105] & 1) != 0;

    if ((offset & 1) != 0)
        write_register(d, (guint8) value);
    else if ((offset & 2) != 0 && (new || value == 5))
        d->s.index = (guint16) (0x100 | value);
    else
        d->s.index = (guint16) value;
}

static const IoOps ports_ops = {
    .read = ports_read,
    .write = ports_write,
    .max_size = 1,
};

/* ---- life ---- */

static IoRegion *
map(Opl3 *d, guint16 base, guint16 len, GError **error)
{
    IoRegion *region =
        io_region_new(d->dev.id, &ports_ops, d, &d->dev.lock, len);

    if (io_map(d->dev.env->ports, region, base, 0) == 0)
        return region;
    io_region_free(region);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: ports 0x%x are taken by another device", d->dev.id, base);
    return NULL;
}

static bool
opl3_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Opl3 *d = DEVICE_OF(Opl3, dev);

    opl3_synth_init(&d->synth, &d->s.chip);
    d->voice = audio_voice_new(d->audio);
    audio_voice_set_gain(d->voice, GAIN * AUDIO_UNITY, GAIN * AUDIO_UNITY);
    d->tick = timer_new(env->loop, CLOCK_GUEST, ticked, d);
    d->ports = map(d, ADLIB_PORT, PORTS, error);
    if (d->ports == NULL || d->second_base == 0)
        return d->ports != NULL;
    guint16 base = (guint16) d->second_base;
    d->second = map(d, base, PORTS, error);
    /* the first two again, where cards before the SB Pro had them */
    d->pair = d->second != NULL ? map(d, base + 8, 2, error) : NULL;
    return d->pair != NULL;
}

static void
opl3_unrealize(Device *dev)
{
    Opl3 *d = DEVICE_OF(Opl3, dev);

    g_clear_pointer(&d->pair, io_region_free);
    g_clear_pointer(&d->second, io_region_free);
    g_clear_pointer(&d->ports, io_region_free);
    g_clear_pointer(&d->tick, timer_free);
    g_clear_pointer(&d->voice, audio_voice_free);
}

static void
begin_now(Opl3 *d)
{
    d->timers_at = d->base_ns = now_ns(d);
    d->made = 0;
}

static void
opl3_reset(Device *dev, ResetKind kind)
{
    Opl3 *d = DEVICE_OF(Opl3, dev);

    g_mutex_lock(&dev->lock);
    d->s = (Opl3State){.index = 0};
    opl3_synth_reset(&d->synth);
    begin_now(d);
    timer_arm(d->tick, -1);
    g_mutex_unlock(&dev->lock);
}

static void
opl3_restored(Device *dev)
{
    Opl3 *d = DEVICE_OF(Opl3, dev);

    g_mutex_lock(&dev->lock);
    opl3_synth_restored(&d->synth);
    begin_now(d);
    arm(d);
    g_mutex_unlock(&dev->lock);
}

/* What is saved is the state of now. */
static void
opl3_quiesce(Device *dev)
{
    Opl3 *d = DEVICE_OF(Opl3, dev);

    if (!device_is_realized(dev))
        return;
    g_mutex_lock(&dev->lock);
    run_timers(d);
    make_samples(d);
    g_mutex_unlock(&dev->lock);
}

static bool
opl3_check(const void *state, GError **error)
{
    const Opl3State *s = state;
    bool ok = s->index < OPL3_REGS && (s->status & ~STATUS_FLAGS) == 0 &&
              opl3_chip_check(&s->chip);

    if (!ok)
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "opl3: a register or an operator is in a state that there "
                    "is not");
    return ok;
}

/* clang-format off */
static const PropDesc opl3_props[] = {
    PROP_DEF_U32(Opl3, second_base, "sb-iobase", 0, 0, 0x280, NULL,
                 "base of a Sound Blaster that has the chip; 0: none"),
    PROP_DEF_LINK(Opl3, audio, "audio", false, "where it is heard"),
    PROP_END
};

static const StateField op_fields[] = {
    STATE_FIELD(Opl3Op, phase, STATE_U32),
    STATE_FIELD(Opl3Op, out, STATE_U16),
    STATE_FIELD(Opl3Op, out_last, STATE_U16),
    STATE_FIELD(Opl3Op, level, STATE_U16),
    STATE_FIELD(Opl3Op, stage, STATE_U8),
    STATE_FIELD(Opl3Op, key, STATE_U8),
    STATE_FIELDS_END
};
static const StateDesc op_desc = {
    .name = "opl3-operator", .version = 1, .min_version = 1,
    .size = sizeof(Opl3Op), .fields = op_fields,
};
static const StateField chip_fields[] = {
    STATE_BLOB(Opl3Chip, regs),
    STATE_SUB_ARRAY(Opl3Chip, ops, &op_desc),
    STATE_FIELD(Opl3Chip, noise, STATE_U32),
    STATE_FIELD(Opl3Chip, samples, STATE_U64),
    STATE_FIELDS_END
};
static const StateDesc chip_desc = {
    .name = "opl3-chip", .version = 1, .min_version = 1,
    .size = sizeof(Opl3Chip), .fields = chip_fields,
};
static const StateField opl3_fields[] = {
    STATE_SUB(Opl3State, chip, &chip_desc),
    STATE_FIELD(Opl3State, index, STATE_U16),
    STATE_FIELD(Opl3State, status, STATE_U8),
    STATE_ARRAY(Opl3State, timer_ns, STATE_U32),
    STATE_FIELDS_END
};
static const StateDesc opl3_state = {
    .name = "opl3", .version = 1, .min_version = 1,
    .size = sizeof(Opl3State), .fields = opl3_fields, .check = opl3_check,
};
/* clang-format on */

const DeviceClass opl3_class = {
    .name = "opl3",
    .summary = "AdLib and OPL3 FM synthesizer (YMF262)",
    .size = sizeof(Opl3),
    .props = opl3_props,
    .state = &opl3_state,
    .state_offset = G_STRUCT_OFFSET(Opl3, s),
    .realize = opl3_realize,
    .unrealize = opl3_unrealize,
    .reset = opl3_reset,
    .restored = opl3_restored,
    .quiesce = opl3_quiesce,
};
