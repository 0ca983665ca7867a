/* vmm/audio/mixer.c - see audio.h. Voices keep pieces of sound with the guest
 * time at which each begins; mixing picks, for each frame of the output, what
 * every voice has at that time, with a cubic through the four frames around. */
#include <math.h>
#include <string.h>

#include "vmm/audio/audio-internal.h"

enum {
    RING_FRAMES = 131072, /* power of two; 2.6 s of an OPL3 */
    MAX_RUNS = 256,
    MAX_RATE = 200000,
};

/* A frame's time is a sum of many steps. */
#define ROUNDING_NS 1.0

/* Frames that follow each other without a gap. */
typedef struct {
    gint64 start_ns; /* guest time of its first frame */
    guint32 rate;
    guint64 first; /* counted from the voice's beginning */
    guint64 n;
} AudioRun;

struct AudioVoice {
    Audio *audio; /* NULL: not heard */

    GMutex lock; /* L3 guards all below */
    guint left, right;
    AudioRun runs[MAX_RUNS]; /* ring */
    unsigned first_run, n_runs;
    guint64 head; /* frames written */
    guint64 tail; /* older ones are not needed any more */
    gint16 (*ring)[2];
};

static double
run_end_ns(const AudioRun *run)
{
    return (double) run->start_ns +
           (double) run->n * (double) NSEC_PER_SECOND / run->rate;
}

/* The run that a piece at that time joins, or a new one; NULL: too many. Lock
 * held. */
static AudioRun *
run_for(AudioVoice *v, gint64 guest_ns, guint32 rate)
{
    AudioRun *last = v->n_runs == 0
                         ? NULL
                         : &v->runs[(v->first_run + v->n_runs - 1) % MAX_RUNS];

    if (last != NULL && last->rate == rate &&
        (double) guest_ns - run_end_ns(last) <= (double) AUDIO_MAX_GAP)
        return last;
    if (v->n_runs == MAX_RUNS)
        return NULL;
    if (last != NULL && (double) guest_ns < run_end_ns(last))
        guest_ns = (gint64) run_end_ns(last); /* another rate, seamless */
    AudioRun *run = &v->runs[(v->first_run + v->n_runs++) % MAX_RUNS];
    *run = (AudioRun){.start_ns = guest_ns, .rate = rate, .first = v->head};
    return run;
}

void
audio_voice_write(AudioVoice *v, gint64 guest_ns, guint32 rate,
                  const gint16 *frames, gsize n)
{
    if (v == NULL || v->audio == NULL || n == 0 || audio_is_off(v->audio))
        return;
    g_return_if_fail(rate > 0 && rate <= MAX_RATE);
    g_mutex_lock(&v->lock);
    n = MIN(n, RING_FRAMES - (v->head - v->tail));
    AudioRun *run = n > 0 ? run_for(v, guest_ns, rate) : NULL;
    for (gsize i = 0; run != NULL && i < n; i++) {
        gint16 *to = v->ring[(v->head + i) % RING_FRAMES];
        to[0] = frames[2 * i];
        to[1] = frames[2 * i + 1];
    }
    if (run != NULL) {
        run->n += n;
        v->head += n;
    }
    g_mutex_unlock(&v->lock);
    audio_wake(v->audio);
}

void
audio_voice_set_gain(AudioVoice *v, guint left, guint right)
{
    if (v == NULL)
        return;
    g_mutex_lock(&v->lock);
    v->left = MIN(left, 4 * AUDIO_UNITY);
    v->right = MIN(right, 4 * AUDIO_UNITY);
    g_mutex_unlock(&v->lock);
}

AudioVoice *
audio_voice_new(Audio *audio)
{
    AudioVoice *v = g_new0(AudioVoice, 1);

    g_mutex_init(&v->lock);
    v->audio = audio;
    v->left = v->right = AUDIO_UNITY;
    if (audio == NULL)
        return v;
    v->ring = g_malloc0(RING_FRAMES * sizeof v->ring[0]);
    AudioMixer *mixer = audio_mixer(audio);
    g_mutex_lock(&mixer->lock);
    g_ptr_array_add(mixer->voices, v);
    g_mutex_unlock(&mixer->lock);
    return v;
}

void
audio_voice_free(AudioVoice *v)
{
    if (v == NULL)
        return;
    if (v->audio != NULL) {
        AudioMixer *mixer = audio_mixer(v->audio);
        g_mutex_lock(&mixer->lock);
        g_ptr_array_remove_fast(mixer->voices, v);
        g_mutex_unlock(&mixer->lock);
    }
    g_mutex_clear(&v->lock);
    g_free(v->ring);
    g_free(v);
}

/* ---- mixing ---- */

/* Channel c of the run at a place between its frames: Catmull and Rom's cubic.
 * Lock held. */
static double
sample_at(const AudioVoice *v, const AudioRun *run, double place, unsigned c)
{
    double whole = floor(place);
    double t = place - whole;
    double y[4];

    for (int i = 0; i < 4; i++) {
        double at = CLAMP(whole + i - 1, 0.0, (double) (run->n - 1));
        y[i] = v->ring[(run->first + (guint64) at) % RING_FRAMES][c];
    }
    return y[1] + 0.5 * t *
                      (y[2] - y[0] +
                       t * (2 * y[0] - 5 * y[1] + 4 * y[2] - y[3] +
                            t * (3 * (y[1] - y[2]) + y[3] - y[0])));
}

/* Drops what is over at that time; the run that sounds, or NULL. The frame
 * before stays, for the cubic. Lock held. */
static const AudioRun *
run_at(AudioVoice *v, double ns)
{
    while (v->n_runs > 0) {
        const AudioRun *run = &v->runs[v->first_run];
        if (ns + ROUNDING_NS < (double) run->start_ns)
            return NULL;
        if (ns < run_end_ns(run))
            return run;
        v->tail = run->first + run->n;
        v->first_run = (v->first_run + 1) % MAX_RUNS;
        v->n_runs--;
    }
    return NULL;
}

/* Lock held. */
static bool
add_voice(AudioVoice *v, double at_ns, double step_ns, double (*sum)[2],
          gsize n)
{
    bool heard = false;
    for (gsize i = 0; i < n; i++) {
        double ns = at_ns + (double) i * step_ns;
        const AudioRun *run = run_at(v, ns);
        if (run == NULL)
            continue;
        heard = true;
        double place = MAX(ns - (double) run->start_ns, 0) * run->rate /
                       (double) NSEC_PER_SECOND;
        sum[i][0] += sample_at(v, run, place, 0) * v->left;
        sum[i][1] += sample_at(v, run, place, 1) * v->right;
        if (place >= 2)
            v->tail = run->first + (guint64) place - 1;
    }
    return heard;
}

static gint16
to_sample(double value)
{
    return (gint16) lrint(CLAMP(value, -32768.0, 32767.0));
}

bool
audio_mixer_render(AudioMixer *mixer, gint16 *frames, gsize n, double step_ns)
{
    double sum[256][2];
    double scale = (double) mixer->volume / AUDIO_UNITY / AUDIO_UNITY;
    bool heard = false;

    for (gsize done = 0; done < n;) {
        gsize part = MIN(n - done, G_N_ELEMENTS(sum));
        memset(sum, 0, sizeof sum);
        g_mutex_lock(&mixer->lock);
        for (guint i = 0; i < mixer->voices->len; i++) {
            AudioVoice *v = g_ptr_array_index(mixer->voices, i);
            g_mutex_lock(&v->lock);
            heard |= add_voice(v, mixer->at_ns, step_ns, sum, part);
            g_mutex_unlock(&v->lock);
        }
        g_mutex_unlock(&mixer->lock);
        for (gsize i = 0; i < part; i++) {
            frames[2 * (done + i)] = to_sample(sum[i][0] * scale);
            frames[2 * (done + i) + 1] = to_sample(sum[i][1] * scale);
        }
        mixer->at_ns += (double) part * step_ns;
        done += part;
    }
    return heard;
}

bool
audio_mixer_next_ns(AudioMixer *mixer, gint64 *ret_ns)
{
    bool any = false;

    g_mutex_lock(&mixer->lock);
    for (guint i = 0; i < mixer->voices->len; i++) {
        AudioVoice *v = g_ptr_array_index(mixer->voices, i);
        g_mutex_lock(&v->lock);
        if (v->n_runs > 0) {
            gint64 start = v->runs[v->first_run].start_ns;
            *ret_ns = any ? MIN(*ret_ns, start) : start;
            any = true;
        }
        g_mutex_unlock(&v->lock);
    }
    g_mutex_unlock(&mixer->lock);
    return any;
}

void
audio_mixer_init(AudioMixer *mixer)
{
    g_mutex_init(&mixer->lock);
    mixer->voices = g_ptr_array_new();
    mixer->volume = AUDIO_UNITY;
}

void
audio_mixer_done(AudioMixer *mixer)
{
    g_ptr_array_unref(mixer->voices);
    g_mutex_clear(&mixer->lock);
}
