/* tests/unit/sound-rig.c - see sound-rig.h. */
#include "tests/unit/sound-rig.h"

#include <math.h>

gsize
sound_listen(FakeVm *vm, Audio *audio, unsigned ms, gint16 *frames)
{
    gint16 part[2 * SOUND_FRAMES];
    gsize n = 0;

    for (unsigned i = 0; i < ms / SOUND_STEP_MS; i++) {
        fake_advance(vm, SOUND_STEP_MS * NSEC_PER_MSEC);
        audio_render(audio, frames != NULL ? frames + 2 * n : part,
                     SOUND_FRAMES);
        n += SOUND_FRAMES;
    }
    return n;
}

static double
mean(const gint16 *frames, gsize n, unsigned channel)
{
    double sum = 0;

    for (gsize i = 0; i < n; i++)
        sum += frames[2 * i + channel];
    return sum / (double) n;
}

double
sound_rms(const gint16 *frames, gsize n, unsigned channel)
{
    double middle = mean(frames, n, channel), sum = 0;

    for (gsize i = 0; i < n; i++)
        sum += pow(frames[2 * i + channel] - middle, 2);
    return sqrt(sum / (double) n);
}

double
sound_hz(const gint16 *frames, gsize n, unsigned channel)
{
    double middle = mean(frames, n, channel);
    double first = 0, last = 0;
    unsigned crossings = 0;

    for (gsize i = 1; i < n; i++) {
        double before = frames[2 * i - 2 + channel] - middle;
        double now = frames[2 * i + channel] - middle;
        if (before >= 0 || now < 0)
            continue;
        last = (double) i - now / (now - before);
        if (crossings++ == 0)
            first = last;
    }
    return crossings < 2 ? 0 : (crossings - 1) * AUDIO_RATE / (last - first);
}

double
sound_share(const gint16 *frames, gsize n, unsigned channel, double hz)
{
    double middle = mean(frames, n, channel);
    double c = 2 * cos(2 * G_PI * hz / AUDIO_RATE), s1 = 0, s2 = 0, all = 0;

    for (gsize i = 0; i < n; i++) {
        double x = frames[2 * i + channel] - middle;
        double s = x + c * s1 - s2;
        s2 = s1;
        s1 = s;
        all += x * x;
    }
    double power = s1 * s1 + s2 * s2 - c * s1 * s2;
    return all > 0 ? 2 * power / (double) n / all : 0;
}
