/* tests/lab/fm-note.c - has Linux' snd-opl3 play 440 Hz for two seconds: a sine
 * by one operator, through its hwdep interface (linux/include/uapi/sound/
 * asound_fm.h). For an initramfs without a C library. */
#include <linux/ioctl.h>

#include <sound/asound_fm.h>

#include "bare.h"

static void
request(int fd, unsigned long what, const void *arg)
{
    if (call(SYS_IOCTL, fd, (long) what, (long) arg) < 0)
        end(2);
}

void
_start(void)
{
    static const char done[] = "fm-played\n";
    static const long two_seconds[2] = {2, 0};
    /* of channel 0: a modulator that is silent, a carrier that holds */
    struct snd_dm_fm_voice voice = {
        .op = 0,
        .voice = 0,
        .do_sustain = 1,
        .harmonic = 1,
        .volume = 0,
        .attack = 15,
        .decay = 0,
        .sustain = 15,
        .release = 15,
        .right = 1,
        .left = 1,
    };
    struct snd_dm_fm_note note = {
        .voice = 0, .octave = 4, .fnum = 580, .key_on = 1};
    int fd = (int) call(SYS_OPEN, (long) "/dev/snd/hwC0D0", OPEN_RW, 0);

    if (fd < 0)
        end(1);
    request(fd, SNDRV_DM_FM_IOCTL_RESET, 0);
    request(fd, SNDRV_DM_FM_IOCTL_SET_MODE, (void *) SNDRV_DM_FM_MODE_OPL3);
    request(fd, SNDRV_DM_FM_IOCTL_SET_VOICE, &voice);
    voice.op = 1;
    voice.volume = 63;
    request(fd, SNDRV_DM_FM_IOCTL_SET_VOICE, &voice);
    request(fd, SNDRV_DM_FM_IOCTL_PLAY_NOTE, &note);
    call(SYS_NANOSLEEP, (long) two_seconds, 0, 0);
    note.key_on = 0;
    request(fd, SNDRV_DM_FM_IOCTL_PLAY_NOTE, &note);
    call(SYS_WRITE, 1, (long) done, sizeof done - 1);
    end(0);
}
