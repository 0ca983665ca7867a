/* vmm/audio/alsa.c - output "alsa": a card of the host, or PipeWire and
 * PulseAudio, whose plugins make them ALSA's default.
 *
 * The card is asked what it has room for and never waited for; what it holds is
 * kept at 40 ms. A plugin may wait for its server all the same: only the
 * mixer's thread does, then. */
#if CARREL_HAVE_ALSA

#include "vmm/audio/alsa-library.h"
#include "vmm/audio/audio-internal.h"
#include "vmm/core/sysutil.h"

enum {
    BUFFER_US = 120000,
    TARGET_FRAMES = AUDIO_RATE / 25, /* 40 ms in the card */
    MAX_CREDIT = AUDIO_RATE / 10,    /* a sink that takes all is no clock */
    STALLED_FRAMES = 3 * (int) AUDIO_RATE /* that much was due: it hangs */
};

struct AudioOutput {
    AlsaLibrary lib;
    snd_pcm_t *pcm;
    gsize buffer;  /* frames */
    gsize credit;  /* due by the host's clock, not yet taken */
    gsize stalled; /* due since it last took something */
};

/* clang-format off */
#define ROW(name) { "snd_pcm_" #name, G_STRUCT_OFFSET(AlsaLibrary, name) }
static const SysLateFunction functions[] = {
    ROW(open), ROW(close), ROW(set_params), ROW(get_params), ROW(avail_update),
    ROW(writei), ROW(recover), ROW(state), ROW(start), ROW(drop), ROW(prepare),
    { "snd_strerror", G_STRUCT_OFFSET(AlsaLibrary, strerror) },
    { "snd_lib_error_set_handler",
      G_STRUCT_OFFSET(AlsaLibrary, set_error_handler) },
};
#undef ROW
/* clang-format on */

bool
alsa_library_load(AlsaLibrary *ret_library)
{
    return sys_late_functions("libasound.so.2", functions,
                              G_N_ELEMENTS(functions), ret_library);
}

/* The library's own words go to standard error, several lines for a card that is
 * not there; what fails is told by what its functions return. */
static void
say_nothing(const char *file, int line, const char *function, int err,
            const char *fmt, ...)
{
}

static AudioOutput *
alsa_open(const AudioSpec *spec, char **ret_error)
{
    const char *name = spec->device != NULL ? spec->device : "default";
    AudioOutput *o = g_new0(AudioOutput, 1);
    snd_pcm_uframes_t buffer = 0, period;

    if (!alsa_library_load(&o->lib)) {
        *ret_error = g_strdup("libasound.so.2 is not installed");
        g_free(o);
        return NULL;
    }
    (void) o->lib.set_error_handler(say_nothing);
    int ret =
        o->lib.open(&o->pcm, name, SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
    if (ret >= 0)
        ret = o->lib.set_params(o->pcm, SND_PCM_FORMAT_S16,
                                SND_PCM_ACCESS_RW_INTERLEAVED, 2, AUDIO_RATE, 1,
                                BUFFER_US);
    if (ret >= 0)
        ret = o->lib.get_params(o->pcm, &buffer, &period);
    if (ret >= 0) {
        o->buffer = buffer;
        return o;
    }
    *ret_error = g_strdup_printf("ALSA's '%s' cannot be used: %s", name,
                                 o->lib.strerror(ret));
    if (o->pcm != NULL)
        (void) o->lib.close(o->pcm);
    g_free(o);
    return NULL;
}

static void
alsa_close(AudioOutput *o)
{
    (void) o->lib.close(o->pcm); /* drops what was not heard */
    g_free(o);
}

static gssize
alsa_wanted(AudioOutput *o, gsize due)
{
    gssize avail = o->lib.avail_update(o->pcm);

    if (avail < 0) {
        if (o->lib.recover(o->pcm, (int) avail, 1) < 0)
            return -1;
        avail = (gssize) o->buffer;
    }
    gsize queued = o->buffer - MIN((gsize) avail, o->buffer);
    gsize target = MIN((gsize) TARGET_FRAMES, o->buffer);
    o->credit = MIN(o->credit + due + due / 50, (gsize) MAX_CREDIT);
    gsize wanted = MIN(target - MIN(queued, target), o->credit);
    o->stalled = wanted > 0 ? 0 : o->stalled + due;
    return o->stalled > STALLED_FRAMES ? -1 : (gssize) wanted;
}

static bool
alsa_write(AudioOutput *o, const gint16 *frames, gsize n, char **ret_error)
{
    gssize ret = o->lib.writei(o->pcm, frames, n);

    o->credit -= MIN(n, o->credit);
    if (ret < 0 && ret != -EAGAIN)
        ret = o->lib.recover(o->pcm, (int) ret, 1);
    if (ret >= 0 && o->lib.state(o->pcm) == SND_PCM_STATE_PREPARED)
        ret = o->lib.start(o->pcm); /* by itself it waits for a full buffer */
    if (ret >= 0 || ret == -EAGAIN)
        return true;
    *ret_error = g_strdup_printf("the sound card is gone: %s",
                                 o->lib.strerror((int) ret));
    return false;
}

/* The card may sleep. */
static void
alsa_rest(AudioOutput *o)
{
    (void) o->lib.drop(o->pcm); /* or the next write fails, and tells why */
    (void) o->lib.prepare(o->pcm);
    o->stalled = 0;
}

const AudioOutputOps audio_alsa_ops = {
    .name = "alsa",
    .latency_ns = 40 * NSEC_PER_MSEC,
    .open = alsa_open,
    .close = alsa_close,
    .wanted = alsa_wanted,
    .write = alsa_write,
    .rest = alsa_rest,
};

#endif
