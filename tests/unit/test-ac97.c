/* tests/unit/test-ac97.c - AC'97: codec, lists of buffers, interrupts. */
#include <math.h>
#include <string.h>

#include "devices/bus/pci.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/pci-config.h"
#include "tests/unit/sound-rig.h"

extern const DeviceClass ac97_class;

#define DEVFN  PCI_DEVFN(4, 0)
#define MIXER  0xc000
#define MASTER 0xc400
#define LIST   0x1000
#define BUFFER 0x10000
#define PO     0x10 /* offset of the stream's registers */

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Audio *audio;
    Device *dev;
    bool intx;
    gint16 heard[2 * AUDIO_RATE];
} Fixture;

static void
set_irq(void *data, unsigned pirq, bool level)
{
    Fixture *f = data;

    f->intx = level;
}

static void
config_write(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(f->bus, DEVFN, offset, value, size);
}

static Fixture *
fixture_new(void)
{
    Fixture *f = g_new0(Fixture, 1);

    f->vm = fake_vm_new(0x100000);
    f->bus = pci_bus_new(&f->vm->env);
    pci_bus_set_irq_router(f->bus, set_irq, f);
    f->audio = audio_new_manual(&f->vm->env);
    f->dev = device_new(&ac97_class, "ac97");
    device_set_link(f->dev, "bus", f->bus);
    device_set_link(f->dev, "audio", f->audio);
    device_set_u64(f->dev, "addr", DEVFN, NULL);
    fake_vm_realize(f->vm, f->dev);
    config_write(f, PCI_BAR0, MIXER, 4);
    config_write(f, PCI_BAR0 + 4, MASTER, 4);
    config_write(f, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    fake_out32(f->vm, MASTER + 0x2c, 2); /* out of the cold reset */
    fake_out16(f->vm, MIXER + 0x02, 0);
    fake_out16(f->vm, MIXER + 0x18, 0x0808);
    return f;
}

static void
fixture_free(Fixture *f)
{
    device_free(f->dev);
    pci_bus_free(f->bus);
    audio_free(f->audio);
    fake_vm_free(f->vm);
    g_free(f);
}

static void
set_buffer(Fixture *f, unsigned i, guint32 addr, guint32 samples, guint32 flags)
{
    const guint32 bd[2] = {addr, samples | flags};

    memcpy(fake_ram(f->vm) + LIST + 8 * i, bd, sizeof bd);
}

#define IOC 0x80000000u

/* All 32 buffers of 480 frames, each a whole number of a 400 Hz sine's periods
 * at 48000 Hz. */
static void
fill_sine(Fixture *f)
{
    for (unsigned i = 0; i < 480; i++) {
        gint16 y = (gint16) lrint(20000 * sin(2 * G_PI * i / 120));
        memcpy(fake_ram(f->vm) + BUFFER + 4 * i, &y, 2);
        memcpy(fake_ram(f->vm) + BUFFER + 4 * i + 2, &y, 2);
    }
    for (unsigned i = 0; i < 32; i++)
        set_buffer(f, i, BUFFER, 960, IOC);
}

static void
start(Fixture *f, guint8 lvi, guint8 control)
{
    fake_out8(f->vm, MASTER + PO + 0xb, 2); /* reset */
    fake_out32(f->vm, MASTER + PO, LIST);
    fake_out8(f->vm, MASTER + PO + 5, lvi);
    fake_out8(f->vm, MASTER + PO + 0xb, control);
}

static guint16
status(Fixture *f)
{
    return fake_in16(f->vm, MASTER + PO + 6);
}

static void
test_codec(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(fake_in32(f->vm, MASTER + 0x30) & 0x100, 0x100);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x7c), 0x8384);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x26), 0x000f);
    fake_out16(f->vm, MIXER + 0x02, 0x3f25); /* six bits are asked for */
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x02), 0x1f1f);
    fake_out16(f->vm, MIXER + 0x2c, 100);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x2c), 4000);
    fake_out16(f->vm, MIXER + 0x2c, 65535);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x2c), 48000);
    fake_out16(f->vm, MIXER + 0x7c, 0);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x7c), 0x8384);
    fake_out16(f->vm, MIXER, 1);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x02), 0x8000);
    fixture_free(f);
}

static void
test_second_codec(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(fake_in32(f->vm, MASTER + 0x30) & 0x8000, 0);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MIXER + 0x80), 0xffff);
    CU_ASSERT_EQUAL(fake_in32(f->vm, MASTER + 0x30) & 0x8000, 0x8000);
    fake_out32(f->vm, MASTER + 0x30, 0x8000);
    CU_ASSERT_EQUAL(fake_in32(f->vm, MASTER + 0x30) & 0x8000, 0);
    fixture_free(f);
}

static void
test_semaphore(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + 0x34), 0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + 0x34), 1);
    (void) fake_in16(f->vm, MIXER + 0x02);
    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + 0x34), 0);
    fixture_free(f);
}

static void
test_tone(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    start(f, 31, 0x01);
    for (unsigned i = 0; i < 20; i++) { /* the guest keeps up */
        sound_listen(f->vm, f->audio, 50,
                     i < 10 ? NULL : f->heard + 2 * 2400 * (i - 10));
        fake_out8(f->vm, MASTER + PO + 5,
                  (guint8) (fake_in8(f->vm, MASTER + PO + 4) + 31) % 32);
    }

    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, 24000, 0), 400, 0.05);
    CU_ASSERT_TRUE(sound_share(f->heard, 24000, 1, 400) > 0.9999);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, 24000, 0), 20000 / sqrt(2), 20);
    fixture_free(f);
}

static void
test_rate(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    fake_out16(f->vm, MIXER + 0x2c, 22050); /* without variable rates: 48000 */
    start(f, 31, 0x01);
    sound_listen(f->vm, f->audio, 50, NULL);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 400, 0.2);
    fake_out16(f->vm, MIXER + 0x2a, 1);
    sound_listen(f->vm, f->audio, 50, NULL);
    n = sound_listen(f->vm, f->audio, 100, f->heard);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(f->heard, n, 0), 183.75, 0.5);
    fixture_free(f);
}

static void
test_positions(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    start(f, 31, 0x01);
    fake_advance(f->vm, 23 * NSEC_PER_MSEC);

    guint32 position = fake_in32(f->vm, MASTER + PO + 4);
    CU_ASSERT_EQUAL(position & 0xff, 2);
    CU_ASSERT_EQUAL(position >> 8 & 0xff, 31);
    /* 3 ms into the third buffer: 144 of 480 frames */
    CU_ASSERT_EQUAL(fake_in16(f->vm, MASTER + PO + 8), 960 - 288);
    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + PO + 10), 3);
    fixture_free(f);
}

static void
test_interrupt(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    set_buffer(f, 0, BUFFER, 960, 0);
    start(f, 31, 0x01 | 0x10);
    fake_advance(f->vm, 19990 * NSEC_PER_USEC);
    CU_ASSERT_FALSE(f->intx);
    fake_advance(f->vm, 20 * NSEC_PER_USEC); /* the second has IOC */
    CU_ASSERT_TRUE(f->intx);
    CU_ASSERT_EQUAL(status(f), 0x08);
    CU_ASSERT_EQUAL(fake_in32(f->vm, MASTER + 0x30) & 0xe0, 0x40);
    fake_out16(f->vm, MASTER + PO + 6, 0x08);
    CU_ASSERT_FALSE(f->intx);
    CU_ASSERT_EQUAL(status(f), 0x00);
    fixture_free(f);
}

static void
test_last_buffer(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    start(f, 1, 0x01 | 0x04);
    fake_advance(f->vm, 19990 * NSEC_PER_USEC);
    CU_ASSERT_EQUAL(status(f) & 0x07, 0x00);
    fake_advance(f->vm, 20 * NSEC_PER_USEC);
    CU_ASSERT_EQUAL(status(f), 0x0f); /* halted, last, both causes */
    CU_ASSERT_TRUE(f->intx);
    fake_out16(f->vm, MASTER + PO + 6, 0x1c);
    CU_ASSERT_FALSE(f->intx);
    fake_out8(f->vm, MASTER + PO + 5, 2); /* one more */
    CU_ASSERT_EQUAL(status(f), 0x00);
    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + PO + 4), 2);
    fake_advance(f->vm, 11 * NSEC_PER_MSEC);
    CU_ASSERT_EQUAL(status(f) & 0x07, 0x07);
    fixture_free(f);
}

static void
test_pause(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    start(f, 31, 0x01);
    fake_advance(f->vm, 5 * NSEC_PER_MSEC);
    fake_out8(f->vm, MASTER + PO + 0xb, 0);
    CU_ASSERT_EQUAL(status(f) & 1, 1);
    fake_advance(f->vm, 100 * NSEC_PER_MSEC);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MASTER + PO + 8), 480);
    fake_out8(f->vm, MASTER + PO + 0xb, 1);
    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + PO + 4), 0); /* the same buffer */
    fake_advance(f->vm, NSEC_PER_MSEC);
    CU_ASSERT_EQUAL(fake_in16(f->vm, MASTER + PO + 8), 480 - 96);
    fixture_free(f);
}

static void
test_recording(void)
{
    Fixture *f = fixture_new();

    memset(fake_ram(f->vm) + BUFFER, 0x55, 0x2000);
    set_buffer(f, 0, BUFFER, 960, IOC);
    fake_out32(f->vm, MASTER, LIST);
    fake_out8(f->vm, MASTER + 5, 0);
    fake_out8(f->vm, MASTER + 0xb, 0x11);
    fake_advance(f->vm, 11 * NSEC_PER_MSEC);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[BUFFER], 0);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[BUFFER + 1919], 0);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[BUFFER + 1920], 0x55);
    CU_ASSERT_EQUAL(fake_in32(f->vm, MASTER + 0x30) & 0xe0, 0x20);
    fixture_free(f);
}

/* Lists beyond RAM, empty buffers in a circle, buffers beyond RAM. */
static void
test_bad_lists(void)
{
    Fixture *f = fixture_new();

    fake_out32(f->vm, MASTER + PO, 0xfffffff8);
    fake_out8(f->vm, MASTER + PO + 5, 40); /* of 32: 8 */
    fake_out8(f->vm, MASTER + PO + 0xb, 0x1d);
    fake_advance(f->vm, 100 * NSEC_PER_MSEC);
    CU_ASSERT_EQUAL(status(f) & 0x07, 0x07); /* it came to its end */
    CU_ASSERT_EQUAL(fake_in8(f->vm, MASTER + PO + 4), 8);

    for (unsigned i = 0; i < 32; i++)
        set_buffer(f, i, 0xe0000000, i == 3 ? 65535 : 0, 0);
    start(f, 0, 1); /* the first is the last */
    CU_ASSERT_EQUAL(status(f) & 0x07, 0x07);
    start(f, 2, 1);
    CU_ASSERT_EQUAL(status(f) & 0x07, 0x07);
    start(f, 31, 1);
    gsize n = sound_listen(f->vm, f->audio, 1000, f->heard);
    CU_ASSERT_EQUAL(sound_rms(f->heard, n, 0), 0);
    CU_ASSERT_EQUAL(status(f) & 0x07, 0x07); /* 683 ms, then it is over */
    fixture_free(f);
}

static void
test_volume(void)
{
    Fixture *f = fixture_new();

    fill_sine(f);
    fake_out16(f->vm, MIXER + 0x02, 0x0810); /* left -12, right -24 dB */
    start(f, 31, 0x01);
    sound_listen(f->vm, f->audio, 50, NULL);
    gsize n = sound_listen(f->vm, f->audio, 100, f->heard);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 0), 14142 / 3.981, 10);
    CU_ASSERT_DOUBLE_EQUAL(sound_rms(f->heard, n, 1), 14142 / 15.85, 10);
    fake_out16(f->vm, MIXER + 0x02, 0x8000);
    n = sound_listen(f->vm, f->audio, 50, f->heard);
    CU_ASSERT_EQUAL(sound_rms(f->heard, n, 0), 0);
    fixture_free(f);
}

static void
test_restore(void)
{
    Fixture *f = fixture_new(), *g = fixture_new();
    g_autoptr(GByteArray) saved = g_byte_array_new();

    fill_sine(f);
    fill_sine(g);
    start(f, 31, 0x11);
    sound_listen(f->vm, f->audio, 25, NULL);
    device_quiesce(f->dev);
    device_save(f->dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(g->dev, bytes, NULL));
    device_resume(g->dev);

    CU_ASSERT_EQUAL(fake_in16(g->vm, MASTER + PO + 8), 480);
    CU_ASSERT_TRUE(g->intx);
    fake_out16(g->vm, MASTER + PO + 6, 0x1c);
    fake_advance(g->vm, 4990 * NSEC_PER_USEC);
    CU_ASSERT_FALSE(g->intx);
    fake_advance(g->vm, 20 * NSEC_PER_USEC);
    CU_ASSERT_TRUE(g->intx);
    sound_listen(g->vm, g->audio, 50, NULL);
    gsize n = sound_listen(g->vm, g->audio, 100, g->heard);
    CU_ASSERT_DOUBLE_EQUAL(sound_hz(g->heard, n, 0), 400, 0.2);
    fixture_free(f);
    fixture_free(g);
}

CU_MAIN("ac97", {"the_codec_has_its_registers", test_codec},
        {"there_is_no_second_codec", test_second_codec},
        {"the_semaphore_is_taken_by_reading", test_semaphore},
        {"a_list_of_buffers_is_a_tone", test_tone},
        {"variable_rates_need_their_bit", test_rate},
        {"positions_are_those_of_now", test_positions},
        {"a_buffer_interrupts_when_it_is_done", test_interrupt},
        {"the_last_valid_buffer_halts", test_last_buffer},
        {"a_pause_keeps_the_position", test_pause},
        {"a_recording_is_silence", test_recording},
        {"lists_that_make_no_sense_do_no_harm", test_bad_lists},
        {"volumes_are_heard", test_volume},
        {"a_restored_stream_plays_on", test_restore})
