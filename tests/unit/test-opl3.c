/* tests/unit/test-opl3.c - FM synthesis, port by port and by ear. */
#include <math.h>
#include <string.h>

#include "devices/sound/opl3.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/sound-rig.h"

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
    f->dev = device_new(&opl3_class, "opl3");
    device_set_link(f->dev, "audio", f->audio);
    device_set_u64(f->dev, "sb-iobase", 0x220, NULL);
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

static void
set_reg(Fixture *f, unsigned reg, guint8 value)
{
    guint16 port = reg >= 0x100 ? 0x38a : 0x388;

    fake_out8(f->vm, port, (guint8) reg);
    fake_out8(f->vm, port + 1, value);
}

/* Operators o (modulator) and o + 3 of channel 0 of a bank: a plain sine that
 * holds; the modulator is silent. */
static void
set_sine(Fixture *f, unsigned bank)
{
    set_reg(f, bank + 0x20, 0x21);
    set_reg(f, bank + 0x23, 0x21);
    set_reg(f, bank + 0x40, 0x3f);
    set_reg(f, bank + 0x43, 0x00);
    set_reg(f, bank + 0x60, 0xf0);
    set_reg(f, bank + 0x63, 0xf0);
    set_reg(f, bank + 0x80, 0x0f);
    set_reg(f, bank + 0x83, 0x0f);
}

/* F-number 580 in octave 4: 49716 * 580 / 2^16 = 439.98 Hz */
#define A4_LOW  0x44
#define A4_HIGH 0x12
#define KEY_ON  0x20

static void
play_a4(Fixture *f, unsigned bank)
{
    set_sine(f, bank);
    set_reg(f, bank + 0xa0, A4_LOW);
    set_reg(f, bank + 0xb0, KEY_ON | A4_HIGH);
}

static void
test_sine(void)
{
    Fixture *f = fixture_new();

    play_a4(f, 0);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 500, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 439.98, 0.1);
    CU_ASSERT_TRUE(sound_share(f->heard, n, 0, 439.98) > 0.99);
    CU_ASSERT_EQUAL(memcmp(&f->heard[0], &f->heard[1], 2), 0);
    /* 4084 of a channel, twice that by our gain */
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 0), 8168 / sqrt(2), 60);
    fixture_free(f);
}

static void
test_octaves(void)
{
    Fixture *f = fixture_new();

    play_a4(f, 0);
    set_reg(f, 0xb0, KEY_ON | 0x1a); /* octave 6 */
    set_reg(f, 0x23, 0x24);          /* four times the frequency */
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 500, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 439.98 * 16, 0.5);
    fixture_free(f);
}

static void
test_key(void)
{
    Fixture *f = fixture_new();

    play_a4(f, 0);
    sound_listen(f->vm, f->audio, 100, NULL);
    set_reg(f, 0xb0, A4_HIGH);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);
    double after = sound_rms(f->heard, n, 0);
    set_reg(f, 0xb0, KEY_ON | A4_HIGH);
    sound_listen(f->vm, f->audio, 100, NULL);
    n = sound_listen(f->vm, f->audio, 100, f->heard);

    CU_ASSERT_EQUAL(after, 0);
    CU_ASSERT_TRUE(sound_rms(f->heard, n, 0) > 5000);
    fixture_free(f);
}

static void
test_decay(void)
{
    Fixture *f = fixture_new();

    set_sine(f, 0);
    set_reg(f, 0x63, 0xf5); /* decay 5: 2^(12-5) * 2 samples a step */
    set_reg(f, 0x83, 0xff); /* down to -93 dB */
    set_reg(f, 0xa0, 0xff);
    set_reg(f, 0xb0, KEY_ON | 0x01); /* octave 0: no offset to rates */
    set_reg(f, 0x23, 0x2f);          /* times 15, or there are few crossings */
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);
    double loud = sound_rms(f->heard, n, 0);
    sound_listen(f->vm, f->audio, 800, NULL);
    n = sound_listen(f->vm, f->audio, 200, f->heard);
    double soft = sound_rms(f->heard, n, 0);

    /* one second is 49716 / 256 steps of 0.1875 dB */
    CU_ASSERT_DOUBLE_EQUAL(20 * log10(loud / soft), 36.4, 0.5);
    fixture_free(f);
}

static void
test_level(void)
{
    Fixture *f = fixture_new();

    play_a4(f, 0);
    set_reg(f, 0x43, 0x08); /* eight steps of 0.75 dB */
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 0), 8168 / sqrt(2) / 1.995,
                           60);
    fixture_free(f);
}

static void
test_modulation(void)
{
    Fixture *f = fixture_new();

    play_a4(f, 0);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);
    double plain = sound_share(f->heard, n, 0, 879.96);
    set_reg(f, 0x40, 0x20); /* the modulator, of the same frequency */
    sound_listen(f->vm, f->audio, 100, NULL);
    n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_TRUE(plain < 0.01); /* 47 dB are not silence */
    CU_ASSERT_TRUE(sound_share(f->heard, n, 0, 879.96) > 0.1);
    fixture_free(f);
}

static void
test_second_bank(void)
{
    Fixture *f = fixture_new();

    set_reg(f, 0x105, 1);
    set_reg(f, 0x1c0, 0x10); /* left only */
    play_a4(f, 0x100);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 439.98, 0.2);
    CU_ASSERT_EQUAL(sound_rms(f->heard, n, 1), 0);
    fixture_free(f);
}

/* Without bit 0 of 105h the second set is the first. */
static void
test_opl2_mode(void)
{
    Fixture *f = fixture_new();

    set_sine(f, 0);
    set_reg(f, 0x1a0, A4_LOW);
    set_reg(f, 0x1b0, KEY_ON | A4_HIGH);
    set_reg(f, 0xe3, 2); /* no other wave without bit 5 of register 1 */
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 439.98, 0.2);
    set_reg(f, 0x01, 0x20);
    sound_listen(f->vm, f->audio, 100, NULL);
    n = sound_listen(f->vm, f->audio, 200, f->heard);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 879.96, 0.4);
    fixture_free(f);
}

/* Four operators in a row: only the last is heard. */
static void
test_four_operators(void)
{
    Fixture *f = fixture_new();

    set_reg(f, 0x105, 1);
    set_reg(f, 0x104, 1);
    set_reg(f, 0xc0, 0x30);
    set_reg(f, 0xc3, 0x30);
    set_reg(f, 0x28, 0x21); /* modulator and carrier of channel 3 */
    set_reg(f, 0x48, 0x3f);
    set_reg(f, 0x68, 0xf0);
    set_reg(f, 0x2b, 0x22); /* twice the frequency */
    set_reg(f, 0x4b, 0x00);
    set_reg(f, 0x6b, 0xf0);
    play_a4(f, 0);
    set_reg(f, 0x43, 0x3f);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 879.96, 0.4);
    fixture_free(f);
}

static void
test_drums(void)
{
    Fixture *f = fixture_new();

    set_reg(f, 0x36, 0x01); /* carrier and modulator of the bass drum */
    set_reg(f, 0x33, 0x01);
    set_reg(f, 0x50, 0x0b);
    set_reg(f, 0x53, 0x00);
    set_reg(f, 0x70, 0xf4);
    set_reg(f, 0x73, 0xf4);
    set_reg(f, 0x90, 0xf4);
    set_reg(f, 0x93, 0xf4);
    set_reg(f, 0xa6, A4_LOW);
    set_reg(f, 0xb6, 0x0a);
    set_reg(f, 0xbd, 0x20);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);
    double before = sound_rms(f->heard, n, 0);
    set_reg(f, 0xbd, 0x30);
    n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_EQUAL(before, 0);
    CU_ASSERT_TRUE(sound_rms(f->heard, n, 0) > 1000);
    fixture_free(f);
}

/* As programs look for the card. */
static void
test_detection(void)
{
    Fixture *f = fixture_new();

    set_reg(f, 4, 0x60);
    set_reg(f, 4, 0x80);
    guint8 first = fake_in8(f->vm, 0x388);
    set_reg(f, 2, 0xff);
    set_reg(f, 4, 0x21);
    fake_advance(f->vm, 79 * NSEC_PER_USEC);
    guint8 early = fake_in8(f->vm, 0x388);
    fake_advance(f->vm, NSEC_PER_USEC);
    guint8 second = fake_in8(f->vm, 0x388);
    set_reg(f, 4, 0x60);
    set_reg(f, 4, 0x80);

    CU_ASSERT_EQUAL(first, 0x00);
    CU_ASSERT_EQUAL(early, 0x00);
    CU_ASSERT_EQUAL(second, 0xc0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x388), 0x00);
    fixture_free(f);
}

static void
test_timer_2(void)
{
    Fixture *f = fixture_new();

    set_reg(f, 3, 0xfe); /* twice 320 us */
    set_reg(f, 4, 0x42);
    fake_advance(f->vm, 639 * NSEC_PER_USEC);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x388), 0x00);
    fake_advance(f->vm, NSEC_PER_USEC);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x388), 0xa0);
    fixture_free(f);
}

static void
test_sound_blaster_ports(void)
{
    Fixture *f = fixture_new();

    fake_out8(f->vm, 0x228, 2);
    fake_out8(f->vm, 0x229, 0xff);
    fake_out8(f->vm, 0x220, 4);
    fake_out8(f->vm, 0x221, 0x21);
    fake_advance(f->vm, 80 * NSEC_PER_USEC);

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x220), 0xc0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x228), 0xc0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x222), 0xc0);
    fixture_free(f);
}

/* What goes on after a restore is what would have gone on. */
static void
test_restore(void)
{
    Fixture *f = fixture_new(), *g = fixture_new();
    g_autoptr(GByteArray) saved = g_byte_array_new();

    play_a4(f, 0);
    sound_listen(f->vm, f->audio, 100, NULL);
    device_quiesce(f->dev);
    device_save(f->dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    sound_listen(g->vm, g->audio, 100, NULL);
    CU_ASSERT_TRUE(device_restore(g->dev, bytes, NULL));
    device_resume(g->dev);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);
    sound_listen(g->vm, g->audio, 200, g->heard);

    /* the first 20 ms had been made before */
    double difference = 0;
    for (gsize i = 1000; i < n; i++)
        difference = MAX(difference, abs(f->heard[2 * i] - g->heard[2 * i]));
    CU_ASSERT_TRUE(difference < 500); /* at most a sample apart */
    CU_ASSERT_TRUE(sound_rms(g->heard + 2000, n - 1000, 0) > 5000);
    fixture_free(f);
    fixture_free(g);
}

CU_MAIN("opl3", {"a_sine_has_the_frequency_of_its_number", test_sine},
        {"octave_and_multiple_raise_it", test_octaves},
        {"a_key_goes_up_and_down", test_key},
        {"decay_has_the_rate_of_the_data_sheet", test_decay},
        {"total_level_is_in_steps_of_0_75_db", test_level},
        {"one_operator_modulates_the_other", test_modulation},
        {"the_second_set_plays_on_one_side", test_second_bank},
        {"without_the_new_bit_it_is_an_opl2", test_opl2_mode},
        {"four_operators_are_one_voice", test_four_operators},
        {"a_drum_sounds_when_it_is_hit", test_drums},
        {"a_program_finds_the_card_by_timer_1", test_detection},
        {"timer_2_is_four_times_slower", test_timer_2},
        {"a_sound_blaster_has_it_at_its_own_ports", test_sound_blaster_ports},
        {"a_note_goes_on_after_a_restore", test_restore})
