/* vmm/audio/audio-internal.h - what the mixer, its thread and the outputs
 * share. */
#pragma once

#include "vmm/audio/audio.h"

/* ---- mixer.c: voices on the guest's time line ---- */

typedef struct {
    GMutex lock; /* L2 guards voices; a voice's (L3) may be taken in it */
    GPtrArray *voices;
    double at_ns; /* guest time of the next frame; mixing thread */
    guint volume; /* of AUDIO_UNITY */
} AudioMixer;

void audio_mixer_init(AudioMixer *mixer);
void audio_mixer_done(AudioMixer *mixer);
/* n frames, each step_ns of guest time after the one before; true: at least one
 * voice had something in that time. One thread at a time. */
bool audio_mixer_render(AudioMixer *mixer, gint16 *frames, gsize n,
                        double step_ns);
/* When the next or present sound begins; false: nothing waits to be heard. Any
 * thread. */
bool audio_mixer_next_ns(AudioMixer *mixer, gint64 *ret_ns);

/* ---- outputs ---- */

typedef struct AudioOutput AudioOutput;
/* Mixing thread, but open(), whose file is opened by whoever calls. */
typedef struct {
    const char *name;
    /* ns that the mixer stays behind the guest */
    gint64 latency_ns;
    AudioOutput *(*open)(const AudioSpec *spec, char **ret_error);
    void (*close)(AudioOutput *output);
    /* Frames that it wants now; due: those that the host's clock says are due.
     * <0: it is broken. */
    gssize (*wanted)(AudioOutput *output, gsize due);
    /* False and *ret_error (g_free) set: it is broken. */
    bool (*write)(AudioOutput *output, const gint16 *frames, gsize n,
                  char **ret_error);
    void (*rest)(AudioOutput *output); /* silence for a while; may be NULL */
    bool follows_guest;                /* not a clock of its own */
} AudioOutputOps;

extern const AudioOutputOps audio_wav_ops;
#if CARREL_HAVE_ALSA
extern const AudioOutputOps audio_alsa_ops;
#endif

/* ---- audio.c ---- */

/* audio_new() with that output; NULL: there is none of spec's name. */
Audio *audio_new_on(const AudioOutputOps *ops, const AudioSpec *spec,
                    DeviceEnv *env, GError **error);
/* A voice has got something: the mixer's thread is to go on. Any thread. */
void audio_wake(Audio *audio);
AudioMixer *audio_mixer(Audio *audio);
/* Nobody will hear anything any more. Any thread. */
bool audio_is_off(Audio *audio);
