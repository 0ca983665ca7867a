/* tests/unit/sound-rig.h - a fake machine that is listened to. */
#pragma once

#include "tests/unit/fake-vm.h"
#include "vmm/audio/audio.h"

#define SOUND_STEP_MS 5
#define SOUND_FRAMES  (AUDIO_RATE / 1000 * SOUND_STEP_MS)

/* Lets ms of guest time pass, a multiple of 5, and fetches what is heard
 * meanwhile, which is 20 ms old; to frames, stereo, if not NULL. How many. */
gsize sound_listen(FakeVm *vm, Audio *audio, unsigned ms, gint16 *frames);

/* Of one channel (0 left, 1 right) of n frames. */
double sound_rms(const gint16 *frames, gsize n, unsigned channel);
/* By upward crossings of the mean, Hz; 0: none. */
double sound_hz(const gint16 *frames, gsize n, unsigned channel);
/* Share of the power that is at hz, 0..1: Goertzel. */
double sound_share(const gint16 *frames, gsize n, unsigned channel, double hz);
