/* vmm/audio/audio.h - a machine's sound: voices of its devices, mixed and given
 * to the host.
 *
 * Time is the guest's: a device says for each piece at which moment of the
 * guest's clock it is heard, the mixer follows that clock at a distance, and
 * bends its speed by up to half a percent to that of the host's card. So what is
 * late on the host is heard late and never changes what the guest sees. */
#pragma once

#include "vmm/types.h"

typedef struct AudioVoice AudioVoice;

#define AUDIO_RATE    48000u /* of what leaves the mixer; stereo, 16 bits */
#define AUDIO_UNITY   65536u /* gain that changes nothing */
#define AUDIO_MAX_GAP (2 * NSEC_PER_MSEC)
/* Of a device whose host was busy: older sound need not be made any more. A file
 * waits longer than this. */
#define AUDIO_MAX_LATE NSEC_PER_SECOND

typedef struct {
    const char *output; /* "alsa", "wav" or "none" */
    const char *device; /* alsa: name of the PCM; NULL: "default" */
    const char *file;   /* wav: its path */
    guint volume;       /* 0..100 */
} AudioSpec;

/* Opens the output on a thread of its own, "audio", which mixes from then on. A
 * card that is missing, or does not answer within three seconds, is a line in
 * the log, and the output is none. NULL and error set: the file cannot be
 * written (G_FILE_ERROR). Set-up thread. */
Audio *audio_new(const AudioSpec *spec, DeviceEnv *env, GError **error);
/* No thread: what is heard is fetched by audio_render(), from 20 ms before now
 * on. For tests. */
Audio *audio_new_manual(DeviceEnv *env);
/* A file gets what is still to be heard, and nothing comes after this. The guest
 * has stopped. A card that hangs is left behind. NULL is fine. */
void audio_finish(Audio *audio);
/* All voices are gone. NULL is fine. */
void audio_free(Audio *audio);
/* "alsa: default", "none: no sound card: ..."; g_free. Any thread. */
char *audio_describe(Audio *audio);

/* Manual only: the next n frames (left, right) of guest time. */
void audio_render(Audio *audio, gint16 *frames, gsize n);

/* One source of sound; audio NULL: a voice nobody hears, also a pointer. Set-up
 * or loop thread, as is freeing; NULL may be freed. */
AudioVoice *audio_voice_new(Audio *audio);
void audio_voice_free(AudioVoice *voice);
/* n stereo frames at rate (Hz, 1..200000), of which the first is heard at
 * guest_ns. What follows the piece before within AUDIO_MAX_GAP joins it. What
 * the mixer has no room for is lost. Any thread, one at a time; never blocks on
 * the host. */
void audio_voice_write(AudioVoice *voice, gint64 guest_ns, guint32 rate,
                       const gint16 *frames, gsize n);
/* Of AUDIO_UNITY; any thread. */
void audio_voice_set_gain(AudioVoice *voice, guint left, guint right);
