/* vmm/audio/alsa-library.h - libasound, loaded when a machine's sound goes to a
 * card of the host: most have none, and linking costs each start. */
#pragma once

#include <alsa/asoundlib.h>

#include "vmm/types.h"

typedef struct {
    __typeof__(snd_pcm_open) *open;
    __typeof__(snd_pcm_close) *close;
    __typeof__(snd_pcm_set_params) *set_params;
    __typeof__(snd_pcm_get_params) *get_params;
    __typeof__(snd_pcm_avail_update) *avail_update;
    __typeof__(snd_pcm_writei) *writei;
    __typeof__(snd_pcm_recover) *recover;
    __typeof__(snd_pcm_state) *state;
    __typeof__(snd_pcm_start) *start;
    __typeof__(snd_pcm_drop) *drop;
    __typeof__(snd_pcm_prepare) *prepare;
    __typeof__(snd_strerror) *strerror;
    __typeof__(snd_lib_error_set_handler) *set_error_handler;
} AlsaLibrary;

/* False: it is not there. Blocks; stays loaded. */
bool alsa_library_load(AlsaLibrary *ret_library);
