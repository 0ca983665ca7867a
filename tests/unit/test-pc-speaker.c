/* tests/unit/test-pc-speaker.c - tones of the interval timer. */
#include "tests/unit/cu-main.h"
#include "tests/unit/sound-rig.h"

extern const DeviceClass pc_speaker_class;

typedef struct {
    FakeVm *vm;
    Audio *audio;
    Device *dev;
    gint16 heard[2 * AUDIO_RATE];
} Fixture;

static Fixture *
fixture_new(void)
{
    Fixture *f = g_new0(Fixture, 1);

    f->vm = fake_vm_new(4096);
    f->audio = audio_new_manual(&f->vm->env);
    f->dev = device_new(&pc_speaker_class, "speaker");
    device_set_link(f->dev, "audio", f->audio);
    fake_vm_realize(f->vm, f->dev);
    return f;
}

static void
fixture_free(Fixture *f)
{
    device_free(f->dev);
    audio_free(f->audio);
    fake_vm_free(f->vm);
    g_free(f);
}

static const SpeakerLine a440 = {
    .count = 2712, .mode = 3, .gate = true, .on = true};

static void
test_tone(void)
{
    Fixture *f = fixture_new();

    sound_listen(f->vm, f->audio, 50, NULL);
    f->vm->speaker = a440;
    sound_listen(f->vm, f->audio, 50, NULL);
    gsize n = sound_listen(f->vm, f->audio, 500, f->heard);

    CU_ASSERT_EQUAL(n, 24000);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 439.96, 0.1);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 1), 439.96, 0.1);
    CU_ASSERT_TRUE(sound_rms(f->heard, n, 0) > 7500);
    /* a square wave: 8/pi^2 of it is the first harmonic, a ninth the third */
    CU_ASSERT_DOUBLE_EQUAL(sound_share(f->heard, n, 0, 439.96), 0.81, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(sound_share(f->heard, n, 0, 1319.9), 0.09, 0.01);
    fixture_free(f);
}

static void
test_length(void)
{
    Fixture *f = fixture_new();
    unsigned loud = 0;

    f->vm->speaker = a440;
    sound_listen(f->vm, f->audio, 100, f->heard);
    f->vm->speaker.on = false;
    gsize n = 4800 + sound_listen(f->vm, f->audio, 200, f->heard + 2 * 4800);
    for (gsize i = 0; i < n; i++)
        loud += f->heard[2 * i] != 0;

    CU_ASSERT_DOUBLE_EQUAL(loud, 4800, 480); /* 10 ms to be seen */
    CU_ASSERT_EQUAL(f->heard[2 * (n - 1)], 0);
    fixture_free(f);
}

static void
check_silent(Fixture *f, SpeakerLine line)
{
    f->vm->speaker = line;
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);
    CU_ASSERT_TRUE(sound_rms(f->heard, n, 0) < 200);
}

static void
test_silence(void)
{
    Fixture *f = fixture_new();

    check_silent(f, (SpeakerLine){.count = 2712, .mode = 3, .on = true});
    check_silent(f, (SpeakerLine){.count = 2712, .mode = 3, .gate = true});
    check_silent(
        f, (SpeakerLine){.count = 2712, .mode = 0, .gate = true, .on = true});
    /* 600 kHz, which old programs take for silence */
    check_silent(
        f, (SpeakerLine){.count = 2, .mode = 3, .gate = true, .on = true});
    fixture_free(f);
}

CU_MAIN("pc-speaker", {"channel_2_is_heard_at_its_frequency", test_tone},
        {"a_tone_is_as_long_as_port_61_is_on", test_length},
        {"no_gate_no_data_and_no_square_wave_are_silent", test_silence})
