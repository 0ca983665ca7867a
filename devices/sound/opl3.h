/* devices/sound/opl3.h - the FM synthesizer of AdLib and Sound Blaster cards. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass opl3_class;

/* A mixer's volume for it, of AUDIO_UNITY. Any thread; may be called with
 * another device's lock held. */
void opl3_set_gain(Device *opl3, guint left, guint right);
