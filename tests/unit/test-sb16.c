/* tests/unit/test-sb16.c - Sound Blaster 16: DSP, DMA, mixer, interrupts. */
#include <math.h>
#include <string.h>

#include "devices/legacy/i8237.h"
#include "devices/sound/opl3.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/sound-rig.h"

extern const DeviceClass sb16_class;

enum { BUFFER = 0x10000, BUFFER_LEN = 0x2000 };

typedef struct {
    FakeVm *vm;
    Audio *audio;
    Device *dma, *opl, *dev;
    gint16 heard[2 * AUDIO_RATE];
} Fixture;

static Fixture *
fixture_new(void)
{
    Fixture *f = g_new0(Fixture, 1);

    f->vm = fake_vm_new(0x100000);
    f->audio = audio_new_manual(&f->vm->env);
    f->dma = device_new(&i8237_class, "dma");
    fake_vm_realize(f->vm, f->dma);
    f->opl = device_new(&opl3_class, "opl3");
    device_set_u64(f->opl, "sb-iobase", 0x220, NULL);
    device_set_link(f->opl, "audio", f->audio);
    fake_vm_realize(f->vm, f->opl);
    f->dev = device_new(&sb16_class, "sb16");
    device_set_link(f->dev, "dma", f->dma);
    device_set_link(f->dev, "opl", f->opl);
    device_set_link(f->dev, "audio", f->audio);
    fake_vm_realize(f->vm, f->dev);
    fake_out8(f->vm, 0xd6, 0xc0); /* channel 4 cascades .. */
    fake_out8(f->vm, 0xd4, 0x00);
    return f;
}

static void
fixture_free(Fixture *f)
{
    device_free(f->dev);
    device_free(f->opl);
    device_free(f->dma);
    audio_free(f->audio);
    fake_vm_free(f->vm);
    g_free(f);
}

static void
command(Fixture *f, const guint8 *bytes, gsize n)
{
    for (gsize i = 0; i < n; i++)
        fake_out8(f->vm, 0x22c, bytes[i]);
}

#define COMMAND(f, ...)                                                        \
    command(f, (const guint8[]){__VA_ARGS__},                                  \
            sizeof((const guint8[]){__VA_ARGS__}))

static void
set_mixer(Fixture *f, guint8 index, guint8 value)
{
    fake_out8(f->vm, 0x224, index);
    fake_out8(f->vm, 0x225, value);
}

static guint8
get_mixer(Fixture *f, guint8 index)
{
    fake_out8(f->vm, 0x224, index);
    return fake_in8(f->vm, 0x225);
}

/* Channel 1 over len bytes of the buffer. */
static void
program_dma_1(Fixture *f, guint8 mode, unsigned len)
{
    fake_out8(f->vm, 0x0a, 0x05);
    fake_out8(f->vm, 0x0c, 0);
    fake_out8(f->vm, 0x0b, mode | 1);
    fake_out8(f->vm, 0x02, BUFFER & 0xff);
    fake_out8(f->vm, 0x02, BUFFER >> 8 & 0xff);
    fake_out8(f->vm, 0x83, BUFFER >> 16);
    fake_out8(f->vm, 0x03, (guint8) (len - 1));
    fake_out8(f->vm, 0x03, (guint8) ((len - 1) >> 8));
    fake_out8(f->vm, 0x0a, 0x01);
}

/* Channel 5, in words. */
static void
program_dma_5(Fixture *f, guint8 mode, unsigned words)
{
    fake_out8(f->vm, 0xd4, 0x05);
    fake_out8(f->vm, 0xd8, 0);
    fake_out8(f->vm, 0xd6, mode | 1);
    fake_out8(f->vm, 0xc4, BUFFER >> 1 & 0xff);
    fake_out8(f->vm, 0xc4, BUFFER >> 9 & 0xff);
    fake_out8(f->vm, 0x8b, BUFFER >> 16);
    fake_out8(f->vm, 0xc6, (guint8) (words - 1));
    fake_out8(f->vm, 0xc6, (guint8) ((words - 1) >> 8));
    fake_out8(f->vm, 0xd4, 0x01);
}

#define AUTO_INIT 0x58 /* of the 8237: single, read, auto-init */
#define SINGLE    0x48
#define RECORD    0x54

static guint16
dma_1_count(Fixture *f)
{
    fake_out8(f->vm, 0x0c, 0);
    guint8 low = fake_in8(f->vm, 0x03);

    return (guint16) (low | fake_in8(f->vm, 0x03) << 8);
}

/* period: frames. */
static void
fill_square_8(Fixture *f, unsigned len, unsigned period)
{
    for (unsigned i = 0; i < len; i++)
        fake_ram(f->vm)[BUFFER + i] = i % period < period / 2 ? 0xc0 : 0x40;
}

static void
test_reset(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22e) & 0x80, 0);
    fake_out8(f->vm, 0x226, 1);
    fake_out8(f->vm, 0x226, 0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22e) & 0x80, 0x80);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 0xaa);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22e) & 0x80, 0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22c) & 0x80, 0);
    fixture_free(f);
}

static void
test_questions(void)
{
    Fixture *f = fixture_new();

    COMMAND(f, 0xe1);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 4);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 5);
    COMMAND(f, 0xe0, 0x5a);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 0xa5);
    COMMAND(f, 0xe4, 0x77, 0xe8);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 0x77);
    COMMAND(f, 0xe3);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 'C');
    COMMAND(f, 0xd1, 0xd8);
    for (unsigned i = 0; i < 44; i++)
        (void) fake_in8(f->vm, 0x22a);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x22a), 0xff);
    fixture_free(f);
}

static void
test_auto_init(void)
{
    Fixture *f = fixture_new();

    fill_square_8(f, BUFFER_LEN, 32);
    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x41, 0x3e, 0x80); /* 16000 Hz */
    COMMAND(f, 0x48, 0xff, 0x0f); /* blocks of 4096 */
    COMMAND(f, 0x1c);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 400, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 500, 0.1);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 1), 16384, 700);
    /* 256 ms a block, 500 ms have passed */
    CU_ASSERT_EQUAL(f->vm->rises[5], 1);
    CU_ASSERT_TRUE(f->vm->level[5]);
    CU_ASSERT_EQUAL(get_mixer(f, 0x82), 0x01);
    (void) fake_in8(f->vm, 0x22f); /* the other interrupt's */
    CU_ASSERT_TRUE(f->vm->level[5]);
    (void) fake_in8(f->vm, 0x22e);
    CU_ASSERT_FALSE(f->vm->level[5]);
    sound_listen(f->vm, f->audio, 15, NULL);
    CU_ASSERT_EQUAL(f->vm->rises[5], 2);
    fixture_free(f);
}

/* Programs read the position from the controller. */
static void
test_position(void)
{
    Fixture *f = fixture_new();

    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x40, 0xa6); /* 1000000 / 90 = 11111 Hz */
    COMMAND(f, 0x48, 0xff, 0x0f, 0x1c);
    for (unsigned i = 1; i <= 20; i++) {
        fake_advance(f->vm, 10 * NSEC_PER_MSEC);
        CU_ASSERT_DOUBLE_EQUAL(BUFFER_LEN - 1 - dma_1_count(f), i * 111.11,
                               56); /* 5 ms */
    }
    fixture_free(f);
}

static void
test_block_end(void)
{
    Fixture *f = fixture_new();

    program_dma_1(f, SINGLE, 64);
    COMMAND(f, 0x41, 0x1f, 0x40); /* 8000 Hz: 8 ms */
    COMMAND(f, 0x14, 63, 0);
    fake_advance(f->vm, 7990 * NSEC_PER_USEC);
    CU_ASSERT_FALSE(f->vm->level[5]);
    fake_advance(f->vm, 20 * NSEC_PER_USEC);
    CU_ASSERT_TRUE(f->vm->level[5]);
    (void) fake_in8(f->vm, 0x22e);
    fake_advance(f->vm, NSEC_PER_SECOND);
    CU_ASSERT_EQUAL(f->vm->rises[5], 1); /* and no more */
    fixture_free(f);
}

static void
test_16_bit_stereo(void)
{
    Fixture *f = fixture_new();

    for (unsigned i = 0; i < 882; i++) { /* 20 ms at 44100 Hz */
        gint16 left = (gint16) lrint(20000 * sin(2 * G_PI * i / 44.1));
        gint16 right = (gint16) lrint(10000 * sin(2 * G_PI * i / 88.2));
        memcpy(fake_ram(f->vm) + BUFFER + 4 * i, &left, 2);
        memcpy(fake_ram(f->vm) + BUFFER + 4 * i + 2, &right, 2);
    }
    program_dma_5(f, AUTO_INIT, 1764);
    COMMAND(f, 0x41, 0xac, 0x44); /* 44100 */
    COMMAND(f, 0xb6, 0x30, 0xe3, 0x06);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 400, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 1000, 0.1);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 1), 500, 0.1);
    CU_ASSERT_TRUE(sound_share(f->heard, n, 0, 1000) > 0.999);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 0), 20000 / sqrt(2), 100);
    CU_ASSERT_EQUAL(get_mixer(f, 0x82), 0x02);
    (void) fake_in8(f->vm, 0x22f);
    CU_ASSERT_FALSE(f->vm->level[5]);
    fixture_free(f);
}

/* 16 bits over channel 1, unsigned. */
static void
test_16_over_8(void)
{
    Fixture *f = fixture_new();

    set_mixer(f, 0x81, 0x02);
    for (unsigned i = 0; i < BUFFER_LEN / 2; i++) {
        guint16 sample = i % 32 < 16 ? 0xc000 : 0x4000;
        memcpy(fake_ram(f->vm) + BUFFER + 2 * i, &sample, 2);
    }
    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x41, 0x3e, 0x80, 0xb6, 0x00, 0xff, 0x0f);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 200, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 500, 0.5);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 0), 16384, 900);
    fixture_free(f);
}

static void
test_pause(void)
{
    Fixture *f = fixture_new();

    fill_square_8(f, BUFFER_LEN, 32);
    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x41, 0x3e, 0x80, 0x48, 0xff, 0x0f, 0x1c);
    sound_listen(f->vm, f->audio, 100, NULL);
    COMMAND(f, 0xd0);
    guint16 count = dma_1_count(f);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);
    CU_ASSERT_EQUAL(sound_rms(f->heard, n, 0), 0);
    CU_ASSERT_EQUAL(dma_1_count(f), count);
    COMMAND(f, 0xd4);
    sound_listen(f->vm, f->audio, 100, NULL);
    CU_ASSERT_DOUBLE_EQUAL(count - dma_1_count(f), 1600, 81);
    fixture_free(f);
}

static void
test_exit_auto(void)
{
    Fixture *f = fixture_new();

    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x41, 0x3e, 0x80, 0x48, 0x9f, 0x00, 0x1c); /* 10 ms */
    fake_advance(f->vm, 25 * NSEC_PER_MSEC);
    COMMAND(f, 0xda);
    (void) fake_in8(f->vm, 0x22e);
    fake_advance(f->vm, 100 * NSEC_PER_MSEC);

    CU_ASSERT_EQUAL(f->vm->rises[5], 2); /* after 10 and 30 ms */
    CU_ASSERT_EQUAL(BUFFER_LEN - 1 - dma_1_count(f), 480);
    fixture_free(f);
}

static void
test_direct(void)
{
    Fixture *f = fixture_new();

    for (unsigned i = 0; i < 4000; i++) { /* 8 kHz, 500 Hz */
        COMMAND(f, 0x10, i % 16 < 8 ? 0xc0 : 0x40);
        fake_advance(f->vm, 125 * NSEC_PER_USEC);
        if (i % 40 == 39)
            audio_render(f->audio, f->heard + i / 40 * 480, 240);
    }

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard + 2 * 2400, 20000, 0), 500, 0.2);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard + 2 * 2400, 20000, 0), 16384,
                           700);
    fixture_free(f);
}

static void
test_interrupts(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(get_mixer(f, 0x80), 0x02);
    CU_ASSERT_EQUAL(get_mixer(f, 0x81), 0x22);
    COMMAND(f, 0xf2);
    CU_ASSERT_TRUE(f->vm->level[5]);
    set_mixer(f, 0x80, 0x08);
    CU_ASSERT_FALSE(f->vm->level[5]);
    CU_ASSERT_TRUE(f->vm->level[10]);
    (void) fake_in8(f->vm, 0x22e);
    CU_ASSERT_FALSE(f->vm->level[10]);
    COMMAND(f, 0xf3);
    CU_ASSERT_EQUAL(get_mixer(f, 0x82), 0x02);
    fixture_free(f);
}

static void
test_mixer(void)
{
    Fixture *f = fixture_new();

    set_mixer(f, 0x22, 0xa5);
    CU_ASSERT_EQUAL(get_mixer(f, 0x30), 0xa8);
    CU_ASSERT_EQUAL(get_mixer(f, 0x31), 0x58);
    CU_ASSERT_EQUAL(get_mixer(f, 0x22), 0xa5);
    set_mixer(f, 0x80, 0x04);
    set_mixer(f, 0x00, 0x00); /* reset keeps the resources */
    CU_ASSERT_EQUAL(get_mixer(f, 0x30), 0xf8);
    CU_ASSERT_EQUAL(get_mixer(f, 0x80), 0x04);
    fixture_free(f);
}

static void
test_volume(void)
{
    Fixture *f = fixture_new();

    fill_square_8(f, BUFFER_LEN, 32);
    set_mixer(f, 0x32, 21 << 3); /* voice, left: -20 dB */
    set_mixer(f, 0x31, 0);       /* master, right: off */
    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x41, 0x3e, 0x80, 0x1c);
    sound_listen(f->vm, f->audio, 100, NULL);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);

    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 0), 1638, 70);
    CU_ASSERT_EQUAL(sound_rms(f->heard, n, 1), 0);
    fixture_free(f);
}

static void
test_recording(void)
{
    Fixture *f = fixture_new();

    memset(fake_ram(f->vm) + BUFFER, 0x55, BUFFER_LEN);
    program_dma_1(f, 0x44, 100);
    COMMAND(f, 0x41, 0x3e, 0x80, 0x24, 99, 0);
    fake_advance(f->vm, 10 * NSEC_PER_MSEC);

    CU_ASSERT_TRUE(f->vm->level[5]);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[BUFFER], 0x80);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[BUFFER + 99], 0x80);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[BUFFER + 100], 0x55);
    fixture_free(f);
}

static void
test_silence_block(void)
{
    Fixture *f = fixture_new();

    COMMAND(f, 0x41, 0x1f, 0x40, 0x80, 79, 0); /* 10 ms, no DMA */
    fake_advance(f->vm, 9 * NSEC_PER_MSEC);
    CU_ASSERT_FALSE(f->vm->level[5]);
    fake_advance(f->vm, 2 * NSEC_PER_MSEC);
    CU_ASSERT_TRUE(f->vm->level[5]);
    fixture_free(f);
}

/* It waits while the channel is masked, and loses nothing. */
static void
test_masked(void)
{
    Fixture *f = fixture_new();

    program_dma_1(f, SINGLE, 160);
    fake_out8(f->vm, 0x0a, 0x05);
    COMMAND(f, 0x41, 0x3e, 0x80, 0x14, 159, 0);
    fake_advance(f->vm, 100 * NSEC_PER_MSEC);
    CU_ASSERT_FALSE(f->vm->level[5]);
    fake_out8(f->vm, 0x0a, 0x01);
    fake_advance(f->vm, 16 * NSEC_PER_MSEC);
    CU_ASSERT_TRUE(f->vm->level[5]);
    CU_ASSERT_EQUAL(dma_1_count(f), 0xffff);
    fixture_free(f);
}

/* Half a frame at a time, over and over: time goes on, and an interrupt comes
 * now and then. */
static void
test_half_frames(void)
{
    Fixture *f = fixture_new();

    program_dma_1(f, 0x54, BUFFER_LEN);             /* auto-init, to memory */
    COMMAND(f, 0x41, 0x3e, 0x80, 0xce, 0x20, 0, 0); /* stereo, one byte */
    fake_advance(f->vm, 100 * NSEC_PER_MSEC);
    CU_ASSERT_DOUBLE_EQUAL(BUFFER_LEN - 1 - dma_1_count(f), 3200, 160);
    CU_ASSERT_EQUAL(f->vm->rises[5], 1); /* nobody acknowledges */
    fixture_free(f);
}

static void
test_rates(void)
{
    Fixture *f = fixture_new();

    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x40, 0xff, 0x48, 0xff, 0xff, 0x1c); /* 1 MHz is asked for */
    fake_advance(f->vm, 10 * NSEC_PER_MSEC);
    CU_ASSERT_DOUBLE_EQUAL(BUFFER_LEN - 1 - dma_1_count(f), 480, 241);
    COMMAND(f, 0x41, 0, 0); /* and 0 Hz */
    guint16 before = dma_1_count(f);
    fake_advance(f->vm, 100 * NSEC_PER_MSEC);
    CU_ASSERT_DOUBLE_EQUAL(before - dma_1_count(f), 400, 242);
    fixture_free(f);
}

static void
test_mpu(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x331) & 0xc0, 0x80);
    fake_out8(f->vm, 0x331, 0xff);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x331) & 0xc0, 0x00);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x330), 0xfe);
    fake_out8(f->vm, 0x331, 0x3f);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x330), 0xfe);
    fake_out8(f->vm, 0x330, 0x90);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x331) & 0x40, 0);
    fake_out8(f->vm, 0x331, 0xff); /* not acknowledged in UART mode */
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x331) & 0x80, 0x80);
    fixture_free(f);
}

static void
test_restore(void)
{
    Fixture *f = fixture_new(), *g = fixture_new();
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GByteArray) saved_dma = g_byte_array_new();

    fill_square_8(f, BUFFER_LEN, 32);
    fill_square_8(g, BUFFER_LEN, 32);
    program_dma_1(f, AUTO_INIT, BUFFER_LEN);
    COMMAND(f, 0x41, 0x3e, 0x80, 0x48, 0x3f, 0x06, 0x1c); /* 100 ms */
    sound_listen(f->vm, f->audio, 50, NULL);
    device_quiesce(f->dev);
    device_save(f->dev, saved);
    device_save(f->dma, saved_dma);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    g_autoptr(GBytes) dma = g_bytes_new(saved_dma->data, saved_dma->len);
    CU_ASSERT_TRUE(device_restore(g->dma, dma, NULL));
    CU_ASSERT_TRUE(device_restore(g->dev, bytes, NULL));
    device_resume(g->dev);
    CU_ASSERT_EQUAL(dma_1_count(g), BUFFER_LEN - 1 - 800);
    fake_advance(g->vm, 49 * NSEC_PER_MSEC);
    CU_ASSERT_FALSE(g->vm->level[5]);
    fake_advance(g->vm, 2 * NSEC_PER_MSEC);
    CU_ASSERT_TRUE(g->vm->level[5]);
    sound_listen(g->vm, g->audio, 100, NULL);
    gsize n = sound_listen(g->vm, g->audio, 200, g->heard);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(g->heard, n, 0), 500, 0.2);
    fixture_free(f);
    fixture_free(g);
}

CU_MAIN("sb16", {"a_reset_is_answered", test_reset},
        {"the_dsp_answers_questions", test_questions},
        {"auto_init_plays_on_and_interrupts", test_auto_init},
        {"the_position_goes_on_steadily", test_position},
        {"a_block_ends_in_time", test_block_end},
        {"16_bits_in_stereo", test_16_bit_stereo},
        {"16_bits_over_an_8_bit_channel", test_16_over_8},
        {"a_pause_holds_position_and_sound", test_pause},
        {"auto_init_ends_with_its_block", test_exit_auto},
        {"direct_values_are_heard", test_direct},
        {"the_mixer_chooses_the_interrupt", test_interrupts},
        {"old_mixer_registers_are_the_new_ones", test_mixer},
        {"volumes_are_heard", test_volume},
        {"a_recording_is_silence", test_recording},
        {"a_silence_block_takes_its_time", test_silence_block},
        {"a_masked_channel_is_waited_for", test_masked},
        {"half_frames_take_their_time", test_half_frames},
        {"rates_are_kept_within_bounds", test_rates},
        {"the_mpu_401_goes_into_uart_mode", test_mpu},
        {"a_restored_card_plays_on", test_restore})
