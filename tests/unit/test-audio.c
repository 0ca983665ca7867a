/* tests/unit/test-audio.c - voices on the guest's time line, and what happens
 * to a machine whose host cannot play. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/sound-rig.h"
#include "vmm/audio/audio-internal.h"

static gint16 heard[2 * AUDIO_RATE];

/* A sine, louder on the left. */
static void
write_sine(AudioVoice *voice, gint64 at_ns, guint32 rate, double hz, gsize n)
{
    g_autofree gint16 *frames = g_new(gint16, 2 * n);

    for (gsize i = 0; i < n; i++) {
        double y = sin(2 * G_PI * hz * (double) i / rate);
        frames[2 * i] = (gint16) lrint(16000 * y);
        frames[2 * i + 1] = (gint16) lrint(4000 * y);
    }
    audio_voice_write(voice, at_ns, rate, frames, n);
}

static void
test_resampling(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Audio *audio = audio_new_manual(&vm->env);
    AudioVoice *voice = audio_voice_new(audio);

    write_sine(voice, 0, 11025, 1000, 5512); /* half a second */
    audio_render(audio, heard, 960);         /* the 20 ms before */
    CU_ASSERT_EQUAL(heard[2 * 959], 0);
    audio_render(audio, heard, 48000);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(heard, 23900, 0), 1000, 0.5);
    CU_ASSERT_TRUE(sound_share(heard, 24000, 0, 1000) > 0.98);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(heard, 24000, 0), 16000 / sqrt(2), 200);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(heard, 24000, 1), 4000 / sqrt(2), 50);
    CU_ASSERT_NOT_EQUAL(heard[2 * 23990], 0);
    CU_ASSERT_EQUAL(heard[2 * 24010], 0); /* and then it ends */
    audio_voice_free(voice);
    audio_free(audio);
    fake_vm_free(vm);
}

static void
test_pieces_join(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Audio *audio = audio_new_manual(&vm->env);
    AudioVoice *voice = audio_voice_new(audio);
    gint16 level[2 * 480];

    for (unsigned i = 0; i < 960; i++)
        level[i] = 1000;
    /* the second is a little late, the third begins 10 ms after its end */
    audio_voice_write(voice, 0, 48000, level, 480);
    audio_voice_write(voice, 11 * NSEC_PER_MSEC, 48000, level, 480);
    audio_voice_write(voice, 30 * NSEC_PER_MSEC, 48000, level, 480);
    audio_render(audio, heard, 960);
    audio_render(audio, heard, 1920);

    for (unsigned i = 0; i < 960; i += 7)
        CU_ASSERT_EQUAL(heard[2 * i], 1000);
    CU_ASSERT_EQUAL(heard[2 * 961], 0);
    CU_ASSERT_EQUAL(heard[2 * 1439], 0);
    CU_ASSERT_EQUAL(heard[2 * 1441], 1000);
    audio_voice_free(voice);
    audio_free(audio);
    fake_vm_free(vm);
}

static void
test_sum_is_cut(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Audio *audio = audio_new_manual(&vm->env);
    AudioVoice *a = audio_voice_new(audio), *b = audio_voice_new(audio);
    gint16 loud[2 * 100], quiet[2 * 100];

    for (unsigned i = 0; i < 200; i++) {
        loud[i] = 30000;
        quiet[i] = i % 2 ? -10000 : 10000;
    }
    audio_voice_set_gain(b, AUDIO_UNITY, AUDIO_UNITY / 2);
    audio_voice_write(a, 0, 48000, loud, 100);
    audio_voice_write(b, 0, 48000, quiet, 100);
    audio_render(audio, heard, 960 + 50);

    CU_ASSERT_EQUAL(heard[2 * 1000], 32767);
    CU_ASSERT_EQUAL(heard[2 * 1000 + 1], 25000);
    audio_voice_free(b);
    audio_voice_free(a);
    audio_free(audio);
    fake_vm_free(vm);
}

static void
test_nobody_listens(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Audio *audio = audio_new_manual(&vm->env);
    AudioVoice *voice = audio_voice_new(audio);
    AudioVoice *mute = audio_voice_new(NULL);

    /* ten seconds that are never fetched, and 1000 pieces with gaps */
    for (unsigned i = 0; i < 1000; i++)
        write_sine(voice, i * 10 * NSEC_PER_MSEC, 48000, 440, 400);
    write_sine(mute, 0, 48000, 440, 400);
    audio_voice_set_gain(mute, 0, 0);
    audio_render(audio, heard, 960);
    audio_render(audio, heard, 400);

    CU_ASSERT_TRUE(sound_rms(heard, 400, 0) > 5000);
    audio_voice_free(voice);
    audio_voice_free(mute);
    audio_free(audio);
    fake_vm_free(vm);
}

static guint32
le32(const char *at)
{
    guint32 value;

    memcpy(&value, at, sizeof value);
    return GUINT32_FROM_LE(value);
}

static void
test_wav(void)
{
    FakeVm *vm = fake_vm_new(4096);
    g_autofree char *dir = g_dir_make_tmp("carrel-wav-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "out.wav", NULL);
    const AudioSpec spec = {.output = "wav", .file = path, .volume = 50};
    Audio *audio = audio_new(&spec, &vm->env, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(audio);
    g_autofree char *said = audio_describe(audio);
    g_autofree char *wanted = g_strdup_printf("wav: %s", path);
    char *data;
    gsize len;

    fake_advance(vm, NSEC_PER_SECOND); /* silence is not kept */
    AudioVoice *voice = audio_voice_new(audio);
    write_sine(voice, NSEC_PER_SECOND, 48000, 1000, 24000);
    fake_advance(vm, NSEC_PER_SECOND / 2);
    audio_finish(audio);
    write_sine(voice, NSEC_PER_SECOND, 48000, 1000, 24000); /* too late */
    audio_voice_free(voice);
    audio_free(audio);

    CU_ASSERT_STRING_EQUAL(said, wanted);
    CU_ASSERT_TRUE(g_file_get_contents(path, &data, &len, NULL));
    CU_ASSERT_EQUAL(memcmp(data, "RIFF", 4), 0);
    CU_ASSERT_EQUAL(le32(data + 4), len - 8);
    CU_ASSERT_EQUAL(memcmp(data + 8, "WAVEfmt ", 8), 0);
    CU_ASSERT_EQUAL(le32(data + 24), 48000);
    CU_ASSERT_EQUAL(le32(data + 40), len - 44);
    gsize n = (len - 44) / 4;
    /* 20 ms before, half a second, and less than one piece after */
    CU_ASSERT_TRUE(n >= 24960 && n < 24960 + 512);
    const gint16 *frames = (const gint16 *) (gpointer) (data + 44);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(frames + 2 * 960, 23990, 0), 1000, 0.1);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(frames + 2 * 960, 24000, 0),
                           8000 / sqrt(2), 10);
    g_free(data);
    g_unlink(path);
    g_rmdir(dir);
    fake_vm_free(vm);
}

/* A device on a busy host brings its sound late: a file waits for it. */
static void
test_wav_waits(void)
{
    FakeVm *vm = fake_vm_new(4096);
    g_autofree char *dir = g_dir_make_tmp("carrel-wav-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "out.wav", NULL);
    const AudioSpec spec = {.output = "wav", .file = path, .volume = 100};
    Audio *audio = audio_new(&spec, &vm->env, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(audio);
    AudioVoice *voice = audio_voice_new(audio);
    g_autofree char *data = NULL;
    gsize len;

    write_sine(voice, 0, 48000, 1000, 4800);
    fake_advance(vm, AUDIO_MAX_LATE);
    g_usleep(200 * 1000); /* the mixer goes as far as it goes */
    write_sine(voice, NSEC_PER_SECOND / 10, 48000, 1000, 43200);
    audio_finish(audio);
    audio_voice_free(voice);
    audio_free(audio);

    CU_ASSERT_TRUE(g_file_get_contents(path, &data, &len, NULL));
    gsize n = (len - 44) / 4;
    CU_ASSERT_TRUE_FATAL(n >= 48960 && n < 48960 + 512);
    const gint16 *frames = (const gint16 *) (gpointer) (data + 44);
    /* every tenth of a second */
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_TRUE(sound_rms(frames + 2 * (960 + 4800 * i), 4800, 0) >
                       15000 / sqrt(2));
    g_unlink(path);
    g_rmdir(dir);
    fake_vm_free(vm);
}

static void
test_wav_refused(void)
{
    FakeVm *vm = fake_vm_new(4096);
    const AudioSpec spec = {
        .output = "wav", .file = "/nonexistent/out.wav", .volume = 100};
    const AudioSpec device = {
        .output = "wav", .file = "/dev/full", .volume = 100};
    g_autoptr(GError) error = NULL, other = NULL;

    CU_ASSERT_PTR_NULL(audio_new(&spec, &vm->env, &error));
    CU_ASSERT_PTR_NULL(audio_new(&device, &vm->env, &other));

    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "/nonexistent/out.wav"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "choose another path"));
    CU_ASSERT_PTR_NOT_NULL(strstr(other->message, "not a regular file"));
    fake_vm_free(vm);
}

static void
test_no_card(void)
{
    FakeVm *vm = fake_vm_new(4096);
    const AudioSpec spec = {
        .output = "alsa", .device = "no-such-card", .volume = 100};
    Audio *audio = audio_new(&spec, &vm->env, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(audio);
    AudioVoice *voice = audio_voice_new(audio);
    g_autofree char *said = audio_describe(audio);

    write_sine(voice, 0, 48000, 440, 4000);

    CU_ASSERT_TRUE(g_str_has_prefix(said, "none: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(vm->log->str, "sound: warning: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(vm->log->str, "runs without sound"));
    audio_voice_free(voice);
    audio_free(audio);
    fake_vm_free(vm);
}

/* ALSA without a card: its plugins "null" and "file". */
static void
test_alsa(void)
{
#if CARREL_HAVE_ALSA
    FakeVm *vm = fake_vm_new(4096);
    g_autofree char *dir = g_dir_make_tmp("carrel-alsa-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "out.raw", NULL);
    g_autofree char *conf = g_build_filename(dir, "asoundrc", NULL);
    g_autofree char *text =
        g_strdup_printf("pcm.carrel { type file file \"%s\" format raw "
                        "slave.pcm { type null } }\n",
                        path);
    const AudioSpec spec = {
        .output = "alsa", .device = "carrel", .volume = 100};
    char *data = NULL;
    gsize len = 0;

    g_file_set_contents(conf, text, -1, NULL);
    g_setenv("ALSA_CONFIG_PATH", conf, TRUE);
    Audio *audio = audio_new(&spec, &vm->env, NULL);
    g_autofree char *said = audio_describe(audio);
    if (!g_str_has_prefix(said, "alsa")) {
        cu_skip(said);
    } else {
        AudioVoice *voice = audio_voice_new(audio);
        write_sine(voice, 0, 48000, 1000, 24000);
        gint64 then = g_get_monotonic_time();
        for (unsigned i = 0; i < 60; i++) {
            g_usleep(10000);
            gint64 now = g_get_monotonic_time();
            fake_advance(vm, (now - then) * NSEC_PER_USEC);
            then = now;
        }
        audio_finish(audio);
        audio_voice_free(voice);
        CU_ASSERT_TRUE(g_file_get_contents(path, &data, &len, NULL));
        /* at least a third of a second came out, at the right speed */
        const gint16 *frames = (const gint16 *) (gpointer) data;
        CU_ASSERT_TRUE_FATAL(len / 4 > 16000);
        CU_ASSERT_TRUE(sound_rms(frames + 8000, 4000, 0) > 8000);
        CU_ASSERT_DOUBLE_EQUAL(sound_hz(frames + 8000, 4000, 0), 1000, 30);
    }
    audio_free(audio);
    g_unsetenv("ALSA_CONFIG_PATH");
    g_free(data);
    g_unlink(path);
    g_unlink(conf);
    g_rmdir(dir);
    fake_vm_free(vm);
#else
    cu_skip("built without ALSA");
#endif
}

/* ---- a card that hangs ---- */

/* The card outlives its machine, so this is in no fixture. */
static struct {
    GMutex lock; /* guards the rest */
    GCond cond;
    bool rests, may_go_on, closed;
} hung;

static void
hung_note(bool *flag)
{
    g_mutex_lock(&hung.lock);
    *flag = true;
    g_cond_broadcast(&hung.cond);
    g_mutex_unlock(&hung.lock);
}

static void
hung_wait(const bool *flag)
{
    g_mutex_lock(&hung.lock);
    while (!*flag)
        g_cond_wait(&hung.cond, &hung.lock);
    g_mutex_unlock(&hung.lock);
}

static AudioOutput *
hung_open(const AudioSpec *spec, char **ret_error)
{
    return (AudioOutput *) &hung;
}

static void
hung_close(AudioOutput *output)
{
    hung_note(&hung.closed);
}

static void
hung_rest(AudioOutput *output)
{
    hung_note(&hung.rests);
    hung_wait(&hung.may_go_on);
}

static void
test_hung_card(void)
{
    static const AudioOutputOps ops = {.name = "hung",
                                       .latency_ns = 60 * NSEC_PER_MSEC,
                                       .open = hung_open,
                                       .close = hung_close,
                                       .rest = hung_rest};
    const AudioSpec spec = {.output = "hung", .volume = 100};
    FakeVm *vm = fake_vm_new(4096);
    Audio *audio = audio_new_on(&ops, &spec, &vm->env, NULL);

    hung_wait(&hung.rests);
    audio_free(audio); /* waits for a second, in vain */
    CU_ASSERT_FALSE(hung.closed);
    Loop *loop = vm->env.loop;
    vm->env.loop = NULL; /* whoever looks now crashes, without a sanitizer */
    hung_note(&hung.may_go_on);
    hung_wait(&hung.closed);
    vm->env.loop = loop;
    fake_vm_free(vm);
}

CU_MAIN("audio", {"a_voice_is_resampled_to_the_output", test_resampling},
        {"pieces_join_or_leave_their_gap", test_pieces_join},
        {"a_sum_that_is_too_loud_is_cut", test_sum_is_cut},
        {"what_nobody_fetches_is_lost", test_nobody_listens},
        {"a_wav_file_has_the_sound_and_its_length", test_wav},
        {"a_file_waits_for_a_device_that_is_late", test_wav_waits},
        {"a_file_that_cannot_be_written_is_an_error", test_wav_refused},
        {"a_missing_card_is_a_warning", test_no_card},
        {"alsa_gets_what_the_guest_plays", test_alsa},
        {"a_card_that_hung_asks_no_machine_that_is_gone", test_hung_card})
