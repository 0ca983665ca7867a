/* devices/sound/pc-speaker.c - the PC's speaker.
 *
 * IBM PC/AT Technical Reference: channel 2 of the 8254 (Intel data sheet),
 * gated by bit 0 of port 61h, drives the speaker while bit 1 is set. Timer and
 * port belong to the CPU backend and cause no exits, so they are looked at: every
 * 2 ms while there is or has just been a tone, every 10 ms else. Left out, as
 * nobody would see them: samples played by changing the count or bit 1 thousands
 * of times a second. */
#include <math.h>

#include "vmm/audio/audio.h"
#include "vmm/core/device.h"
#include "vmm/loop/loop.h"

#define PIT_HZ          1193182.0
#define MODE_SQUARE(m)  (((m) &3) == 3) /* 7 is 3 as well */
#define LOOK_TONE_NS    (2 * NSEC_PER_MSEC)
#define LOOK_SILENCE_NS (10 * NSEC_PER_MSEC)
#define ALERT_NS        NSEC_PER_SECOND
#define LEVEL           8000.0
#define CHUNK           480u
/* frames; what is older is not made up for */
#define MAX_LATE ((guint64) (AUDIO_RATE * AUDIO_MAX_LATE / NSEC_PER_SECOND))

typedef struct {
    Device dev;
    Audio *audio;
    AudioVoice *voice;
    Timer *look;
    /* loop thread */
    SpeakerLine line;
    gint64 since_ns; /* when the tone began */
    guint64 frames;  /* made since */
    double phase;    /* of the square wave, 0..1 */
    gint64 heard_ns; /* when there was one */
} PcSpeaker;

static bool
sounds(const SpeakerLine *line)
{
    return line->gate && line->on && MODE_SQUARE(line->mode);
}

/* How much of [0, x) periods a square wave is up, which begins with its upper
 * half. */
static double
time_up(double x)
{
    double whole = floor(x);

    return whole / 2 + MIN(x - whole, 0.5);
}

/* Each frame is the mean over its time: tones that no card can play, which
 * programs use for silence, come out as such. */
static void
fill(PcSpeaker *d, gint16 *frames, gsize n)
{
    double step = PIT_HZ / d->line.count / AUDIO_RATE;

    for (gsize i = 0; i < n; i++) {
        double up = (time_up(d->phase + step) - time_up(d->phase)) / step;
        frames[2 * i] = frames[2 * i + 1] =
            (gint16) lrint(LEVEL * (2 * up - 1));
        d->phase += step;
        d->phase -= floor(d->phase);
    }
}

static void
make_tone(PcSpeaker *d, gint64 now)
{
    gint16 frames[2 * CHUNK];
    guint64 due = (guint64) (now - d->since_ns) * AUDIO_RATE / NSEC_PER_SECOND;

    if (due - d->frames > MAX_LATE)
        d->frames = due - MAX_LATE;
    while (d->frames < due) {
        gsize n = MIN(due - d->frames, CHUNK);
        fill(d, frames, n);
        audio_voice_write(
            d->voice,
            d->since_ns + (gint64) (d->frames * NSEC_PER_SECOND / AUDIO_RATE),
            AUDIO_RATE, frames, n);
        d->frames += n;
    }
}

static void
look(void *data)
{
    PcSpeaker *d = data;
    gint64 now = loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
    SpeakerLine line;

    if (sounds(&d->line)) {
        make_tone(d, now);
        d->heard_ns = now;
    }
    if (d->dev.env->speaker(d->dev.env, &line)) {
        if (sounds(&line) && !sounds(&d->line)) {
            d->since_ns = d->heard_ns = now;
            d->frames = 0;
            d->phase = 0;
        }
        d->line = line;
    }
    bool alert = sounds(&d->line) || now - d->heard_ns < ALERT_NS;
    timer_arm(d->look, now + (alert ? LOOK_TONE_NS : LOOK_SILENCE_NS));
}

static bool
pc_speaker_realize(Device *dev, DeviceEnv *env, GError **error)
{
    PcSpeaker *d = DEVICE_OF(PcSpeaker, dev);

    d->voice = audio_voice_new(d->audio);
    d->look = timer_new(env->loop, CLOCK_GUEST, look, d);
    return true;
}

static void
pc_speaker_unrealize(Device *dev)
{
    PcSpeaker *d = DEVICE_OF(PcSpeaker, dev);

    g_clear_pointer(&d->look, timer_free);
    g_clear_pointer(&d->voice, audio_voice_free);
}

static void
pc_speaker_reset(Device *dev, ResetKind kind)
{
    PcSpeaker *d = DEVICE_OF(PcSpeaker, dev);
    gint64 now = loop_now_ns(dev->env->loop, CLOCK_GUEST);

    d->line = (SpeakerLine){0};
    d->heard_ns = now - ALERT_NS;
    timer_arm(d->look, d->audio != NULL && dev->env->speaker != NULL
                           ? now + LOOK_SILENCE_NS
                           : -1);
}

/* clang-format off */
static const PropDesc pc_speaker_props[] = {
    PROP_DEF_LINK(PcSpeaker, audio, "audio", false, "where it is heard"),
    PROP_END
};
/* clang-format on */

/* The timer and the port are saved by whom they belong to. */
const DeviceClass pc_speaker_class = {
    .name = "pc-speaker",
    .summary = "PC speaker",
    .size = sizeof(PcSpeaker),
    .props = pc_speaker_props,
    .realize = pc_speaker_realize,
    .unrealize = pc_speaker_unrealize,
    .reset = pc_speaker_reset,
};
