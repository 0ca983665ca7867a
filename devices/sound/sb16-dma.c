/* devices/sound/sb16-dma.c - see sb16-internal.h: samples between the guest's
 * memory and the mixer, at the speed that the guest has set.
 *
 * The guest's clock says how many frames are due; they are moved every 5 ms, and
 * at the moment a block ends, so that its interrupt comes in time and the DMA
 * controller's count, which programs read as the position, goes on steadily. */
#include "devices/sound/sb16-internal.h"

#include <string.h>

#include "devices/legacy/i8237.h"
#include "vmm/loop/loop.h"

#define TICK_NS              (5 * NSEC_PER_MSEC)
#define MIN_TICK_NS          (200 * NSEC_PER_USEC) /* however short the blocks are */
#define CHUNK                4096u
#define DIRECT_GAP           (AUDIO_RATE / 50) /* frames: 20 ms, then it is over */
#define FRAMES_OF_HOUR(rate) ((guint64) (rate) *3600)

static unsigned
frame_bytes(const Sb16State *s)
{
    return (s->is_16 ? 2u : 1u) << (s->stereo ? 1 : 0);
}

/* Guest time of a frame. */
static gint64
frame_ns(const Sb16 *d, guint64 frame)
{
    return d->base_ns + (gint64) (frame * NSEC_PER_SECOND / d->s.rate);
}

void
sb16_frame_clock_start(Sb16 *d)
{
    d->base_ns = sb16_now_ns(d);
    d->done = 0;
}

/* When the block ends, or a tick from what is done; not before earliest. */
static void
arm(Sb16 *d, gint64 earliest)
{
    const Sb16State *s = &d->s;

    if (s->run == SB16_IDLE || s->paused) {
        timer_arm(d->tick, -1);
        return;
    }
    guint64 left = (guint64) (s->left + frame_bytes(s) - 1) / frame_bytes(s) *
                   s->units_per_byte;
    guint64 tick = (guint64) s->rate * TICK_NS / NSEC_PER_SECOND + 1;
    /* one ns more: the quotient was rounded down */
    gint64 end = frame_ns(d, d->done + MIN(left, tick)) + 1;
    timer_arm(d->tick, MAX(end, earliest));
}

void
sb16_dma_begin(Sb16 *d)
{
    d->generation++;
    sb16_frame_clock_start(d);
    arm(d, 0);
}

void
sb16_dma_stop(Sb16 *d)
{
    d->generation++;
    d->s.run = SB16_IDLE;
    d->s.n_partial = 0;
    arm(d, 0);
}

void
sb16_set_rate(Sb16 *d, guint32 rate)
{
    d->base_ns = frame_ns(d, d->done); /* what was played had the old one */
    d->done = 0;
    d->s.rate = CLAMP(rate, SB16_MIN_RATE, SB16_MAX_RATE);
    arm(d, 0);
}

/* ---- samples ---- */

static gint16
sample(const Sb16State *s, const guint8 *at)
{
    if (s->is_16) {
        guint16 value = (guint16) (at[0] | at[1] << 8);
        return (gint16) (s->is_signed ? value : value ^ 0x8000);
    }
    return (gint16) (guint16) ((s->is_signed ? *at : *at ^ 0x80) << 8);
}

/* A frame may come in two pieces: lengths need not be whole ones. */
static void
play(Sb16 *d, const guint8 *data, unsigned len)
{
    Sb16State *s = &d->s;
    gint16 frames[2 * CHUNK + 2];
    unsigned size = frame_bytes(s), right = s->stereo ? size / 2 : 0;
    gsize n = 0;

    for (unsigned i = 0; i < len; i++) {
        s->partial[s->n_partial++] = data[i];
        if (s->n_partial < size)
            continue;
        frames[2 * n] = sample(s, s->partial);
        frames[2 * n + 1] = sample(s, s->partial + right);
        s->n_partial = 0;
        n++;
    }
    audio_voice_write(d->voice, frame_ns(d, d->done), s->rate, frames, n);
    d->done += n;
}

/* What has no sound only takes its time; of a frame that came in part the rest
 * is kept in mind as well, or time would stand still. */
static void
pass(Sb16 *d, unsigned len)
{
    Sb16State *s = &d->s;
    unsigned bytes = s->n_partial + len, size = frame_bytes(s);

    d->done += (guint64) (bytes / size) * s->units_per_byte;
    s->n_partial = (guint8) (bytes % size);
}

/* The block is at its end, chapter 3. */
static void
end_block(Sb16 *d)
{
    Sb16State *s = &d->s;

    s->irq |= s->is_16 ? SB16_IRQ_16 : SB16_IRQ_8;
    sb16_update_irq(d);
    if (s->auto_init)
        s->left = s->run_block;
    else
        sb16_dma_stop(d);
}

/* Moves up to len bytes; how many. The lock is let go meanwhile. */
static unsigned
move(Sb16 *d, guint8 *buf, unsigned len)
{
    bool records = d->s.run == SB16_RECORDS;
    guint8 silence = d->s.is_signed || d->s.is_16 ? 0 : 0x80;
    int channel = sb16_dma_channel(d);
    bool tc;

    if (d->s.run == SB16_PAUSES)
        return len;
    if (channel < 0)
        return 0;
    if (records)
        memset(buf, silence, len);
    g_mutex_unlock(&d->dev.lock);
    unsigned moved =
        i8237_transfer(d->dma, (unsigned) channel, buf, len,
                       records ? I8237_TO_MEMORY : I8237_FROM_MEMORY, &tc);
    g_mutex_lock(&d->dev.lock);
    return moved;
}

/* Bytes that should have been moved by now; whole frames, or the odd rest. */
static unsigned
due_bytes(const Sb16 *d)
{
    const Sb16State *s = &d->s;
    guint64 passed = (guint64) MAX(sb16_now_ns(d) - d->base_ns, 0);
    guint64 frames = passed / NSEC_PER_SECOND * s->rate +
                     passed % NSEC_PER_SECOND * s->rate / NSEC_PER_SECOND;
    guint64 due =
        (frames - MIN(frames, d->done)) / s->units_per_byte * frame_bytes(s);

    return (unsigned) MIN(due, SB16_MAX_RATE * 4u); /* one second */
}

static void
run_due(Sb16 *d)
{
    Sb16State *s = &d->s;
    guint8 buf[CHUNK];

    for (unsigned due = due_bytes(d); due > 0;) {
        guint generation = d->generation;
        unsigned len = MIN(MIN(due, s->left), CHUNK);
        unsigned moved = move(d, buf, len);
        if (d->generation != generation)
            return;       /* the guest does something else meanwhile */
        if (moved == 0) { /* masked: it waits for the guest */
            sb16_frame_clock_start(d);
            return;
        }
        if (s->run == SB16_PLAYS)
            play(d, buf, moved);
        else
            pass(d, moved);
        due -= moved;
        s->left -= moved;
        if (s->left == 0)
            end_block(d);
        if (s->run == SB16_IDLE)
            return;
    }
}

void
sb16_run(void *data)
{
    Sb16 *d = data;

    g_mutex_lock(&d->dev.lock);
    if (d->s.run != SB16_IDLE && !d->s.paused)
        run_due(d);
    if (d->done > FRAMES_OF_HOUR(d->s.rate)) { /* products stay small */
        d->done -= FRAMES_OF_HOUR(d->s.rate);
        d->base_ns += 3600 * NSEC_PER_SECOND;
    }
    arm(d, sb16_now_ns(d) + MIN_TICK_NS);
    g_mutex_unlock(&d->dev.lock);
}

/* Command 10h: each value holds until the next, as long as they come. */
void
sb16_direct(Sb16 *d, guint8 value)
{
    gint16 frames[2 * DIRECT_GAP];
    gint64 now = sb16_now_ns(d);
    guint64 passed = (guint64) MAX(now - d->direct_ns, 0);
    guint64 due = passed > (guint64) NSEC_PER_SECOND * 3600
                      ? G_MAXUINT64
                      : passed * AUDIO_RATE / NSEC_PER_SECOND;
    guint64 n = due - MIN(due, d->direct_done);

    if (n > DIRECT_GAP) {
        d->direct_ns = now;
        d->direct_done = 0;
    } else {
        gint16 level = (gint16) (guint16) ((d->s.dac ^ 0x80) << 8);
        for (gsize i = 0; i < 2 * n; i++)
            frames[i] = level;
        audio_voice_write(
            d->direct,
            d->direct_ns +
                (gint64) (d->direct_done * NSEC_PER_SECOND / AUDIO_RATE),
            AUDIO_RATE, frames, n);
        d->direct_done += n;
    }
    d->s.dac = value;
}
