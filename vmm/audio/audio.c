/* vmm/audio/audio.c - see audio.h: the mixer's thread and its output. */
#include "vmm/audio/audio.h"

#include <string.h>

#include "vmm/audio/audio-internal.h"
#include "vmm/core/device.h"
#include "vmm/loop/loop.h"

#define FRAME_NS      ((double) NSEC_PER_SECOND / AUDIO_RATE)
#define TICK_US       8000
#define OPEN_LIMIT_US (3 * G_USEC_PER_SEC)
#define END_LIMIT_US  G_USEC_PER_SEC /* a file, of which more is mixed: * 5 */
#define MAX_BEND      0.005          /* of the speed; nobody hears it */
#define MAX_FRAMES    4096u          /* at a time */
#define LEAD_NS       (20 * NSEC_PER_MSEC) /* of a file before its first sound */

struct Audio {
    gatomicrefcount refs; /* the owner; the thread */
    DeviceEnv *env;       /* not after audio_finish() */
    const AudioOutputOps *ops;
    char *device, *file;
    GThread *thread;
    AudioMixer mixer;
    bool off;     /* atomic: nobody listens, and never will again */
    bool resting; /* atomic: the thread sleeps until a voice wakes it */

    /* mixing thread */
    AudioOutput *output;
    gint64 host_us;    /* up to when the host's clock was looked at */
    guint64 silent;    /* frames since something was heard */
    double due_frames; /* remainder */

    GMutex lock; /* L2 guards quit, opened, ended, description */
    GCond cond;
    bool quit, opened, ended;
    char *description;
};

AudioMixer *
audio_mixer(Audio *a)
{
    return &a->mixer;
}

bool
audio_is_off(Audio *a)
{
    return __atomic_load_n(&a->off, __ATOMIC_ACQUIRE);
}

void
audio_wake(Audio *a)
{
    if (!__atomic_load_n(&a->resting, __ATOMIC_ACQUIRE))
        return;
    g_mutex_lock(&a->lock);
    __atomic_store_n(&a->resting, false, __ATOMIC_RELEASE);
    g_cond_broadcast(&a->cond);
    g_mutex_unlock(&a->lock);
}

static void
audio_unref(Audio *a)
{
    if (!g_atomic_ref_count_dec(&a->refs))
        return;
    audio_mixer_done(&a->mixer);
    g_mutex_clear(&a->lock);
    g_cond_clear(&a->cond);
    g_free(a->device);
    g_free(a->file);
    g_free(a->description);
    g_free(a);
}

static void
describe(Audio *a, const char *text)
{
    g_mutex_lock(&a->lock);
    g_free(a->description);
    a->description = g_strdup(text);
    g_mutex_unlock(&a->lock);
}

/* From now on there is no sound, and the machine goes on. why: g_free'd. */
static void
fall_back(Audio *a, char *why)
{
    g_autofree char *text = g_strdup_printf("none: %s", why);
    g_autofree char *line =
        g_strdup_printf("warning: %s; the machine runs without sound", why);

    __atomic_store_n(&a->off, true, __ATOMIC_RELEASE);
    describe(a, text);
    a->env->log(a->env, "sound", line);
    g_free(why);
}

/* The same on the thread, which may come out of a card that hung after the
 * machine has gone. */
static void
lose(Audio *a, char *why)
{
    g_mutex_lock(&a->lock);
    bool quit = a->quit;
    g_mutex_unlock(&a->lock);
    if (quit)
        g_free(why);
    else
        fall_back(a, why);
}

static gint64
guest_now(const Audio *a)
{
    return loop_now_ns(a->env->loop, CLOCK_GUEST);
}

/* ---- the thread ---- */

static bool
give(Audio *a, gsize n, double step_ns, bool guest_runs)
{
    gint16 frames[2 * 512] = {0};
    char *why = NULL;
    bool ok = true;

    for (gsize done = 0; ok && done < n;) {
        gsize part = MIN(n - done, G_N_ELEMENTS(frames) / 2);
        if (!guest_runs)
            memset(frames, 0, sizeof frames);
        else if (audio_mixer_render(&a->mixer, frames, part, step_ns))
            a->silent = 0;
        a->silent += part;
        ok = a->ops->write(a->output, frames, part, &why);
        done += part;
    }
    if (!ok)
        lose(a, why);
    return ok;
}

/* A file: as far as the guest has come, less the delay. */
static bool
follow_guest(Audio *a, gint64 latency_ns)
{
    double behind = (double) (guest_now(a) - latency_ns) - a->mixer.at_ns;

    if (behind < FRAME_NS)
        return true;
    return give(a, MIN((gsize) (behind / FRAME_NS), (gsize) MAX_FRAMES),
                FRAME_NS, true);
}

/* A card: what it wants, at a speed that keeps the distance to the guest. */
static bool
follow_card(Audio *a)
{
    gint64 now_us = g_get_monotonic_time();
    gint64 guest = guest_now(a);
    double latency = (double) a->ops->latency_ns;
    double late = (double) guest - latency - a->mixer.at_ns;

    a->due_frames +=
        (double) MIN(now_us - a->host_us, G_USEC_PER_SEC) * AUDIO_RATE / 1e6;
    a->host_us = now_us;
    gsize due = (gsize) a->due_frames;
    a->due_frames -= (double) due;
    gssize n = a->ops->wanted(a->output, due);
    if (n < 0) {
        lose(a, g_strdup("the sound card does not play any more"));
        return false;
    }
    n = MIN(n, (gssize) MAX_FRAMES);
    if (late > latency * 2 / 3 || late < -latency * 2 / 3) {
        a->mixer.at_ns = (double) guest - latency;
        late = 0;
    }
    double bend = CLAMP(late / latency * MAX_BEND, -MAX_BEND, MAX_BEND);
    double step = FRAME_NS * (1 + bend);
    bool runs = a->mixer.at_ns + (double) n * step <= (double) guest;
    return give(a, (gsize) n, step, runs);
}

/* A file goes on where there is something. False: it has nothing, or is a
 * card. */
static bool
skip_silence(Audio *a)
{
    gint64 next;

    if (!a->ops->follows_guest || !audio_mixer_next_ns(&a->mixer, &next))
        return false;
    a->mixer.at_ns = (double) (next - LEAD_NS);
    return true;
}

/* A card goes on in the present. */
static void
awake(Audio *a)
{
    a->silent = 0;
    a->host_us = g_get_monotonic_time();
    if (!skip_silence(a))
        a->mixer.at_ns = (double) (guest_now(a) - a->ops->latency_ns);
}

/* Sleeps until a voice has something. */
static void
rest(Audio *a)
{
    gint64 next;

    __atomic_store_n(&a->resting, true, __ATOMIC_SEQ_CST);
    if (audio_mixer_next_ns(&a->mixer, &next)) {
        __atomic_store_n(&a->resting, false, __ATOMIC_RELEASE);
        awake(a);
        return;
    }
    if (a->ops->rest != NULL)
        a->ops->rest(a->output);
    g_mutex_lock(&a->lock);
    while (!a->quit && __atomic_load_n(&a->resting, __ATOMIC_ACQUIRE))
        g_cond_wait(&a->cond, &a->lock);
    bool quit = a->quit;
    g_mutex_unlock(&a->lock);
    if (!quit)
        awake(a);
}

/* True: it is to end. */
static bool
wait_a_tick(Audio *a)
{
    gint64 until = g_get_monotonic_time() + TICK_US;

    g_mutex_lock(&a->lock);
    while (!a->quit && g_cond_wait_until(&a->cond, &a->lock, until)) {
    }
    bool quit = a->quit;
    g_mutex_unlock(&a->lock);
    return quit;
}

static void
play(Audio *a)
{
    bool ok = true;
    gint64 next;

    a->silent = AUDIO_RATE;
    while (ok && !wait_a_tick(a)) {
        if (a->silent >= AUDIO_RATE)
            rest(a);
        else
            ok = a->ops->follows_guest ? follow_guest(a, a->ops->latency_ns)
                                       : follow_card(a);
    }
    /* The owner of a file waits for its end, but not for ever: after a card or
     * a disk that hung there may be no machine to ask for its time. */
    if (a->silent >= AUDIO_RATE)
        (void) skip_silence(a);
    while (ok && a->ops->follows_guest && audio_mixer_next_ns(&a->mixer, &next))
        ok = give(a, 512, FRAME_NS, true);
}

static void
note(Audio *a, bool *flag)
{
    g_mutex_lock(&a->lock);
    *flag = true;
    g_cond_broadcast(&a->cond);
    g_mutex_unlock(&a->lock);
}

static gpointer
audio_main(gpointer data)
{
    Audio *a = data;
    const AudioSpec spec = {.device = a->device};
    char *why = NULL;

    if (a->output == NULL)
        a->output = a->ops->open(&spec, &why);
    g_mutex_lock(&a->lock);
    bool quit = a->quit; /* it took too long: nobody wants it any more */
    g_mutex_unlock(&a->lock);
    if (a->output == NULL && !quit)
        fall_back(a, g_steal_pointer(&why));
    g_free(why);
    note(a, &a->opened);
    if (a->output != NULL) {
        if (!quit)
            play(a);
        a->ops->close(a->output);
    }
    note(a, &a->ended);
    audio_unref(a);
    return NULL;
}

/* ---- life ---- */

static const AudioOutputOps *
output_by_name(const char *name)
{
    if (strcmp(name, "wav") == 0)
        return &audio_wav_ops;
#if CARREL_HAVE_ALSA
    if (strcmp(name, "alsa") == 0)
        return &audio_alsa_ops;
#endif
    return NULL;
}

Audio *
audio_new_manual(DeviceEnv *env)
{
    Audio *a = g_new0(Audio, 1);

    g_atomic_ref_count_init(&a->refs);
    audio_mixer_init(&a->mixer);
    g_mutex_init(&a->lock);
    g_cond_init(&a->cond);
    a->env = env;
    a->mixer.at_ns = (double) (loop_now_ns(env->loop, CLOCK_GUEST) - LEAD_NS);
    return a;
}

void
audio_render(Audio *a, gint16 *frames, gsize n)
{
    (void) audio_mixer_render(&a->mixer, frames, n, FRAME_NS);
}

/* Waits for a flag; false: in vain. */
static bool
wait_for(Audio *a, const bool *flag, gint64 limit_us)
{
    gint64 until = g_get_monotonic_time() + limit_us;
    bool ok = true;

    g_mutex_lock(&a->lock);
    while (!*flag && ok)
        ok = g_cond_wait_until(&a->cond, &a->lock, until);
    ok = *flag;
    g_mutex_unlock(&a->lock);
    return ok;
}

static void
start_thread(Audio *a)
{
    g_autoptr(GError) error = NULL;

    g_atomic_ref_count_inc(&a->refs);
    a->thread = g_thread_try_new("audio", audio_main, a, &error);
    if (a->thread == NULL) {
        if (a->output != NULL)
            a->ops->close(a->output);
        audio_unref(a);
        fall_back(a, g_strdup(error->message));
        return;
    }
    if (wait_for(a, &a->opened, OPEN_LIMIT_US))
        return;
    note(a, &a->quit);
    fall_back(a, g_strdup("the sound card does not answer"));
}

Audio *
audio_new(const AudioSpec *spec, DeviceEnv *env, GError **error)
{
    return audio_new_on(output_by_name(spec->output), spec, env, error);
}

Audio *
audio_new_on(const AudioOutputOps *ops, const AudioSpec *spec, DeviceEnv *env,
             GError **error)
{
    Audio *a = audio_new_manual(env);
    char *why = NULL;

    a->ops = ops;
    a->device = g_strdup(spec->device);
    a->file = g_strdup(spec->file);
    a->mixer.volume = MIN(spec->volume, 100u) * AUDIO_UNITY / 100;
    if (strcmp(spec->output, "none") == 0) {
        a->off = true;
        a->description = g_strdup("none");
        return a;
    }
    if (a->ops == NULL) {
        fall_back(a, g_strdup("this build has no ALSA"));
        return a;
    }
    if (a->ops == &audio_wav_ops) {
        a->output = a->ops->open(spec, &why);
        if (a->output == NULL) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s", why);
            g_free(why);
            audio_unref(a);
            return NULL;
        }
    }
    a->description = g_strdup_printf("%s: %s", spec->output,
                                     a->output != NULL      ? spec->file
                                     : spec->device != NULL ? spec->device
                                                            : "default");
    start_thread(a);
    return a;
}

void
audio_finish(Audio *a)
{
    if (a == NULL || a->thread == NULL)
        return;
    note(a, &a->quit);
    gint64 limit = a->ops->follows_guest ? 5 * END_LIMIT_US : END_LIMIT_US;
    if (wait_for(a, &a->ended, limit))
        g_thread_join(a->thread);
    else
        g_thread_unref(a->thread); /* it has a reference of its own */
    a->thread = NULL;
    __atomic_store_n(&a->off, true, __ATOMIC_RELEASE);
}

void
audio_free(Audio *a)
{
    if (a == NULL)
        return;
    audio_finish(a);
    audio_unref(a);
}

char *
audio_describe(Audio *a)
{
    g_mutex_lock(&a->lock);
    char *text = g_strdup(a->description);
    g_mutex_unlock(&a->lock);
    return text;
}
