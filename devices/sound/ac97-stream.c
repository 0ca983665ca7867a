/* devices/sound/ac97-stream.c - see ac97-internal.h: lists of buffers, moved at
 * the speed of the codec.
 *
 * A stream goes through 32 descriptors (13.2.1) of 8 bytes: address, number of
 * samples, flags. Nothing of what they say is believed: addresses go through the
 * function's Dma, and a list of empty buffers takes 64 of them a time at most.
 * The microphone of the host is not given away: streams in are silence. */
#include <string.h>

#include "devices/sound/ac97-internal.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/dma.h"

#define BD_IOC      0x80000000u
#define BD_SAMPLES  0x0000ffffu
#define CHUNK       1024u /* frames */
#define MAX_BUFFERS 64u   /* a run */
#define TICK_NS     (5 * NSEC_PER_MSEC)
#define MIN_TICK_NS (200 * NSEC_PER_USEC) /* however short the buffers are */

static gint64
now_ns(const Ac97 *d)
{
    return loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST);
}

static unsigned
channels(unsigned stream)
{
    return stream == AC97_MC ? 1 : 2;
}

static bool
is_running(const Ac97Stream *s)
{
    return (s->cr & AC97_CR_RPBM) != 0 && (s->sr & AC97_SR_DCH) == 0;
}

static gint64
frame_ns(const Ac97 *d, unsigned stream, guint64 frame)
{
    return d->clocks[stream].base_ns +
           (gint64) (frame * NSEC_PER_SECOND / ac97_codec_rate(d, stream));
}

void
ac97_clocks_start(Ac97 *d)
{
    for (unsigned i = 0; i < AC97_STREAMS; i++)
        d->clocks[i] = (Ac97Clock){.base_ns = now_ns(d)};
}

void
ac97_clocks_split(Ac97 *d)
{
    for (unsigned i = 0; i < AC97_STREAMS; i++)
        d->clocks[i] = (Ac97Clock){
            .base_ns = frame_ns(d, i, d->clocks[i].done),
        };
}

/* ---- descriptors ---- */

static void
load_buffer(Ac97 *d, Ac97Stream *s)
{
    guint32 bd[2] = {0, 0};

    s->civ = s->piv;
    s->piv = (guint8) ((s->piv + 1) % AC97_BUFFERS);
    if (dma_read(d->pci.dma, s->bdbar + 8u * s->civ, bd, sizeof bd) < 0)
        device_guest_error(&d->pci.dev,
                           "descriptor %u of the list at 0x%x is not in RAM",
                           s->civ, s->bdbar);
    s->addr = GUINT32_FROM_LE(bd[0]) & ~1u;
    s->picb = (guint16) (GUINT32_FROM_LE(bd[1]) & BD_SAMPLES);
    s->ioc = (GUINT32_FROM_LE(bd[1]) & BD_IOC) != 0;
    s->loaded = 1;
}

static void
end_buffer(Ac97 *d, Ac97Stream *s)
{
    s->picb = 0;
    if (s->ioc)
        s->sr |= AC97_SR_BCIS;
    if (s->civ == s->lvi) {
        s->sr |= AC97_SR_LVBCI | AC97_SR_CELV | AC97_SR_DCH;
        s->loaded = 0;
    } else {
        load_buffer(d, s);
    }
    ac97_update_irq(d);
}

/* ---- registers ---- */

void
ac97_stream_reset(Ac97Stream *s)
{
    *s = (Ac97Stream){.sr = AC97_SR_DCH};
}

bool
ac97_stream_interrupts(const Ac97Stream *s)
{
    return ((s->sr & AC97_SR_LVBCI) != 0 && (s->cr & AC97_CR_LVBIE) != 0) ||
           ((s->sr & AC97_SR_BCIS) != 0 && (s->cr & AC97_CR_IOCE) != 0) ||
           ((s->sr & AC97_SR_FIFOE) != 0 && (s->cr & AC97_CR_FEIE) != 0);
}

static void
go_on(Ac97 *d, unsigned stream)
{
    Ac97Stream *s = &d->s.streams[stream];

    s->sr &= (guint8) ~(AC97_SR_DCH | AC97_SR_CELV);
    d->clocks[stream] = (Ac97Clock){.base_ns = now_ns(d)};
    if (!s->loaded)
        load_buffer(d, s);
}

void
ac97_stream_control(Ac97 *d, unsigned stream, guint8 value)
{
    Ac97Stream *s = &d->s.streams[stream];
    bool ran = (s->cr & AC97_CR_RPBM) != 0;

    if ((value & AC97_CR_RR) != 0) { /* clears itself */
        ac97_stream_reset(s);
        return;
    }
    s->cr = value & AC97_CR_BITS;
    if (!ran && (s->cr & AC97_CR_RPBM) != 0)
        go_on(d, stream);
    else if (ran && (s->cr & AC97_CR_RPBM) == 0)
        s->sr |= AC97_SR_DCH;
}

/* One that had come to its end goes on when it is given more. */
void
ac97_stream_set_lvi(Ac97 *d, unsigned stream, guint8 value)
{
    Ac97Stream *s = &d->s.streams[stream];

    s->lvi = value % AC97_BUFFERS;
    if ((s->cr & AC97_CR_RPBM) != 0 && (s->sr & AC97_SR_CELV) != 0)
        go_on(d, stream);
}

/* ---- samples ---- */

static void
play(Ac97 *d, Ac97Stream *s, unsigned n)
{
    gint16 frames[2 * CHUNK];
    unsigned bytes = n * 4;

    if (dma_read(d->pci.dma, s->addr, frames, bytes) < 0)
        memset(frames, 0, bytes);
    for (unsigned i = 0; i < 2 * n; i++)
        frames[i] = GINT16_FROM_LE(frames[i]);
    audio_voice_write(d->voice, frame_ns(d, AC97_PO, d->clocks[AC97_PO].done),
                      ac97_codec_rate(d, AC97_PO), frames, n);
}

static void
record(Ac97 *d, Ac97Stream *s, unsigned bytes)
{
    static const guint8 silence[4 * CHUNK];

    (void) dma_write(d->pci.dma, s->addr, silence, bytes); /* or it is lost */
}

static guint64
due_frames(const Ac97 *d, unsigned stream)
{
    guint32 rate = ac97_codec_rate(d, stream);
    const Ac97Clock *clock = &d->clocks[stream];
    guint64 passed = (guint64) MAX(now_ns(d) - clock->base_ns, 0);
    guint64 frames = passed / NSEC_PER_SECOND * rate +
                     passed % NSEC_PER_SECOND * rate / NSEC_PER_SECOND;

    return MIN(frames - MIN(frames, clock->done), (guint64) rate);
}

static void
run_stream(Ac97 *d, unsigned stream)
{
    Ac97Stream *s = &d->s.streams[stream];
    Ac97Clock *clock = &d->clocks[stream];
    guint64 due = is_running(s) ? due_frames(d, stream) : 0;
    unsigned buffers = 0;

    while (is_running(s) && buffers < MAX_BUFFERS) {
        if (s->picb < channels(stream)) { /* an odd sample is no frame */
            end_buffer(d, s);
            buffers++;
            continue;
        }
        unsigned n =
            MIN((unsigned) MIN(due, CHUNK), s->picb / channels(stream));
        if (n == 0)
            return;
        if (stream == AC97_PO)
            play(d, s, n);
        else
            record(d, s, n * channels(stream) * 2);
        s->addr += n * channels(stream) * 2;
        s->picb = (guint16) (s->picb - n * channels(stream));
        clock->done += n;
        due -= n;
    }
}

/* When its buffer ends, or a tick from what is done; -1: it does not run. */
static gint64
next_ns(const Ac97 *d, unsigned stream)
{
    const Ac97Stream *s = &d->s.streams[stream];
    guint64 tick =
        (guint64) ac97_codec_rate(d, stream) * TICK_NS / NSEC_PER_SECOND + 1;

    if (!is_running(s))
        return -1;
    guint64 left = MAX(s->picb / channels(stream), 1u);
    /* one ns more: the quotient was rounded down */
    return frame_ns(d, stream, d->clocks[stream].done + MIN(left, tick)) + 1;
}

void
ac97_streams_run(Ac97 *d)
{
    gint64 next = -1;

    for (unsigned i = 0; i < AC97_STREAMS; i++) {
        run_stream(d, i);
        guint64 hour = (guint64) ac97_codec_rate(d, i) * 3600;
        if (d->clocks[i].done > hour) { /* products stay small */
            d->clocks[i].done -= hour;
            d->clocks[i].base_ns += 3600 * NSEC_PER_SECOND;
        }
        gint64 at = next_ns(d, i);
        if (at >= 0 && (next < 0 || at < next))
            next = at;
    }
    timer_arm(d->tick, next < 0 ? next : MAX(next, now_ns(d) + MIN_TICK_NS));
}
