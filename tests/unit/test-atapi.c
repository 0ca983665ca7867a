/* tests/unit/test-atapi.c - the packet commands of a CD drive. */
#include <string.h>

#include "devices/storage/ide-internal.h"
#include "devices/storage/mmc.h"
#include "devices/storage/piix3-ide.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/ide-rig.h"

#define BASE 0x170
#define OK   0x50
#define DRQ  0x58
#define ERR  0x51

#define PACKET(rig, limit, ...)                                                \
    rig_packet(rig, (const guint8[12]){__VA_ARGS__}, limit)

static guint32
number_of(const guint8 *data)
{
    guint32 number;

    memcpy(&number, data, 4);
    return number;
}

static guint16
byte_count(IdeRig *rig)
{
    guint8 low = fake_in8(rig->vm, BASE + 4);

    return (guint16) (low | fake_in8(rig->vm, BASE + 5) << 8);
}

/* Sense key, code and qualifier as one number. */
static guint32
sense(IdeRig *rig)
{
    guint8 data[18];

    PACKET(rig, 18, 0x03, 0, 0, 0, 18);
    rig_read_data(rig, BASE, data, sizeof data);
    return (guint32) (data[2] << 16 | data[12] << 8 | data[13]);
}

static void
test_identify(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    rig_command(rig, BASE, 0xa0, 0, 0, 0xec);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), ERR);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 4), 0x14);
    rig_command(rig, BASE, 0xa0, 0, 0, 0xa1);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), DRQ);
    rig_read_data(rig, BASE, data, sizeof data);

    CU_ASSERT_EQUAL(data[1] << 8 | data[0], 0x85c0);
    CU_ASSERT_EQUAL(memcmp(data + 54, "ACRRLEC -DOR", 12), 0);
    ide_rig_free(rig);
}

static void
test_phases(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[36];

    rig_command(rig, BASE, 0xa0, 0x00ff00, 0, 0xa0);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 7), DRQ);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 2), 0x01); /* CoD */
    CU_ASSERT_EQUAL(rig->vm->rises[15], 0);
    CU_ASSERT_EQUAL(PACKET(rig, 255, 0x00), OK);
    CU_ASSERT_EQUAL(PACKET(rig, 255, 0x12, 0, 0, 0, 36), DRQ);
    CU_ASSERT_TRUE(rig->vm->level[15]);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 2), 0x02); /* IO */
    CU_ASSERT_EQUAL(byte_count(rig), 36);
    rig_read_data(rig, BASE, data, 36);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 2), 0x03);
    CU_ASSERT_TRUE(rig->vm->level[15]);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 7), OK);
    CU_ASSERT_EQUAL(data[0], 0x05);
    ide_rig_free(rig);
}

static void
test_read(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[3 * 2048];

    CU_ASSERT_EQUAL(PACKET(rig, 4096, 0x28, 0, 0, 0, 0, 100, 0, 0, 3), DRQ);
    CU_ASSERT_EQUAL(byte_count(rig), 4096);
    rig_read_data(rig, BASE, data, 4096);
    CU_ASSERT_EQUAL(byte_count(rig), 2048);
    rig_read_data(rig, BASE, data + 4096, 2048);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 7), OK);
    CU_ASSERT_EQUAL(number_of(data), 100);
    CU_ASSERT_EQUAL(number_of(data + 2048), 101);
    CU_ASSERT_EQUAL(number_of(data + 4096), 102);
    ide_rig_free(rig);
}

static void
test_long_read(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    g_autofree guint8 *data = g_malloc(100 * 2048);
    unsigned done = 0;

    PACKET(rig, 0xfffe, 0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 100);
    while (done < 100 * 2048 && rig_wait(rig, BASE) == DRQ) {
        unsigned n = byte_count(rig);
        rig_read_data(rig, BASE, data + done, n);
        done += n;
    }

    CU_ASSERT_EQUAL(done, 100 * 2048);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    CU_ASSERT_EQUAL(number_of(data + 99 * 2048), 104);
    ide_rig_free(rig);
}

static void
test_read_errors(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    CU_ASSERT_EQUAL(PACKET(rig, 2048, 0x28, 0, 0, 0, 1, 0x8f, 0, 0, 2), ERR);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 1), 0x54);
    CU_ASSERT_EQUAL(sense(rig), 0x052100);
    CU_ASSERT_EQUAL(PACKET(rig, 2048, 0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff,
                           0xff, 0xff, 0xff),
                    ERR);
    CU_ASSERT_EQUAL(PACKET(rig, 0, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), ERR);
    CU_ASSERT_EQUAL(PACKET(rig, 2048, 0xf7), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x052000);
    CU_ASSERT_EQUAL(sense(rig), 0);
    CU_ASSERT_EQUAL(PACKET(rig, 2048, 0x28), OK); /* no blocks: no data */
    ide_rig_free(rig);
}

static void
test_capacity_toc(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[64];

    PACKET(rig, 64, 0x25);
    rig_read_data(rig, BASE, data, 8);
    CU_ASSERT_EQUAL(memcmp(data, "\0\0\x01\x8f\0\0\x08\0", 8), 0);

    PACKET(rig, 64, 0x43, 0x02, 0, 0, 0, 0, 0, 0, 64);
    CU_ASSERT_EQUAL(byte_count(rig), 20);
    rig_read_data(rig, BASE, data, 20);
    CU_ASSERT_EQUAL(memcmp(data, "\0\x12\x01\x01\0\x14\x01\0\0\0\x02\0", 12),
                    0);
    /* 400 frames from 00:02:00 are 00:07:25 */
    CU_ASSERT_EQUAL(memcmp(data + 12, "\0\x14\xaa\0\0\0\x07\x19", 8), 0);

    PACKET(rig, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0x40); /* format 1 */
    rig_read_data(rig, BASE, data, 12);
    CU_ASSERT_EQUAL(data[6], 1);
    PACKET(rig, 64, 0x43, 0, 2, 0, 0, 0, 0, 0, 64);
    CU_ASSERT_EQUAL(byte_count(rig), 4 + 4 * 11);
    ide_rig_free(rig);
}

static void
test_info_commands(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[128];

    PACKET(rig, 128, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128);
    CU_ASSERT_EQUAL(byte_count(rig), 28);
    rig_read_data(rig, BASE, data, 28);
    CU_ASSERT_EQUAL(data[8], 0x2a);
    PACKET(rig, 128, 0x1a, 0, 0x3f, 0, 128);
    CU_ASSERT_EQUAL(byte_count(rig), 4 + 8 + 16 + 20);
    rig_read_data(rig, BASE, data, 48);
    PACKET(rig, 128, 0x46, 0, 0, 0, 0, 0, 0, 0, 128);
    rig_read_data(rig, BASE, data, 8);
    CU_ASSERT_EQUAL(data[7], 0x08); /* current profile: CD-ROM */
    fake_out8(rig->vm, 0x376, 0x04);
    fake_out8(rig->vm, 0x376, 0x00);
    PACKET(rig, 128, 0x51, 0, 0, 0, 0, 0, 0, 0, 34);
    rig_read_data(rig, BASE, data, 34);
    CU_ASSERT_EQUAL(data[2], 0x0e);
    PACKET(rig, 128, 0x52, 1, 0, 0, 0, 1, 0, 0, 36);
    rig_read_data(rig, BASE, data, 36);
    CU_ASSERT_EQUAL(data[26] << 8 | data[27], RIG_CD_BLOCKS);
    PACKET(rig, 128, 0x42, 0, 0x40, 1, 0, 0, 0, 0, 16);
    rig_read_data(rig, BASE, data, 16);
    CU_ASSERT_EQUAL(data[5], 0x14);
    PACKET(rig, 128, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8);
    rig_read_data(rig, BASE, data, 8);
    CU_ASSERT_EQUAL(PACKET(rig, 128, 0xad, 0, 0, 0, 0, 0, 0, 0, 8), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x053002);
    ide_rig_free(rig);
}

static void
test_mode_select(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint16 words[8] = {0, 0, 0, 0, 0x0601, 0x0500, 0, 0};

    CU_ASSERT_EQUAL(PACKET(rig, 16, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), DRQ);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 2), 0x00);
    io_write_rep(rig->vm->env.ports, BASE, (guint8 *) words, 2, 8);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    words[4] = 0x0633; /* no such page */
    PACKET(rig, 16, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 16);
    io_write_rep(rig->vm->env.ports, BASE, (guint8 *) words, 2, 8);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x052600);
    ide_rig_free(rig);
}

static void
test_media_change(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[8];

    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), OK);
    CU_ASSERT_TRUE(piix3_ide_set_media(rig->ide, 2, NULL, false, NULL));
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x023a01);
    CU_ASSERT_TRUE(piix3_ide_set_media(rig->ide, 2, rig->disc, false, NULL));
    PACKET(rig, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
    rig_read_data(rig, BASE, data, 8);
    CU_ASSERT_EQUAL(memcmp(data, "\0\x06\x04\x10\x02\x02\0\0", 8), 0);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x062800);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), OK);
    CU_ASSERT_FALSE(piix3_ide_set_media(rig->ide, 0, NULL, true, NULL));
    ide_rig_free(rig);
}

static void
test_lock(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    g_autoptr(GError) error = NULL;

    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x1e, 0, 0, 0, 1), OK);
    CU_ASSERT_TRUE(piix3_ide_tray(rig->ide, 2) == MMC_TRAY_LOCKED);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x1b, 0, 0, 0, 2), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x055302);
    CU_ASSERT_FALSE(piix3_ide_set_media(rig->ide, 2, NULL, false, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "locked"));
    CU_ASSERT_TRUE(piix3_ide_set_media(rig->ide, 2, NULL, true, NULL));
    ide_rig_free(rig);
}

static void
test_tray(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x1b, 0, 0, 0, 2), OK);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x023a02);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x1b, 0, 0, 0, 3), OK);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x062800);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), OK);
    ide_rig_free(rig);
}

static void
test_eject_mid_read(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    static const guint8 packet[12] = {0x28, 0, 0, 0, 0, 1, 0, 0, 100};

    rig_command(rig, BASE, 0xa0, 0x080000, 0, 0xa0);
    for (unsigned i = 0; i < 12; i += 2)
        fake_out16(rig->vm, BASE, (guint16) (packet[i] | packet[i + 1] << 8));
    fake_advance(rig->vm, 20000); /* the request is on its way */
    CU_ASSERT_TRUE(piix3_ide_set_media(rig->ide, 2, NULL, true, NULL));
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), ERR);
    CU_ASSERT_EQUAL(sense(rig), 0x023a00);
    ide_rig_free(rig);
}

static void
test_device_reset(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    PACKET(rig, 4096, 0x28, 0, 0, 0, 0, 1, 0, 0, 100);
    fake_out8(rig->vm, BASE + 7, 0x08); /* works in the middle of DRQ */
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 7), 0x00);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 5), 0xeb);
    CU_ASSERT_EQUAL(PACKET(rig, 8, 0x00), OK);
    ide_rig_free(rig);
}

static void
test_read_cd(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[2352];

    PACKET(rig, 2048, 0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0x10);
    rig_read_data(rig, BASE, data, 2048);
    CU_ASSERT_EQUAL(number_of(data), 7);
    PACKET(rig, 2352, 0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0xf8);
    CU_ASSERT_EQUAL(byte_count(rig), 2352);
    rig_read_data(rig, BASE, data, 2352);
    CU_ASSERT_EQUAL(memcmp(data + 10, "\xff\0\0\x02\x07\x01", 6), 0);
    CU_ASSERT_EQUAL(number_of(data + 16), 7);
    CU_ASSERT_EQUAL(PACKET(rig, 2048, 0xbe, 4, 0, 0, 0, 7, 0, 0, 1, 0x10),
                    ERR); /* audio wanted */
    ide_rig_free(rig);
}

/* A frame whose parity was worked out once by the definition: the syndromes
 * of every P and Q vector are zero. */
static unsigned
bad_vectors(const guint8 *base, unsigned n, unsigned row, unsigned step,
            unsigned len, unsigned parity)
{
    unsigned bad = 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned at = i / 2 * row + i % 2;
        guint8 s0 = 0, s1 = 0;
        for (unsigned k = 0; k < len + 2; k++) {
            guint8 byte = k < len ? base[at] : base[parity + i + (k - len) * n];
            s0 ^= byte;
            s1 = (guint8) ((s1 << 1 ^ (s1 & 0x80 ? 0x1d : 0)) ^ byte);
            at += step;
            if (len == 43 && at >= 2236)
                at -= 2236;
        }
        bad += s0 != 0 || s1 != 0;
    }
    return bad;
}

static void
test_frame_parity(void)
{
    guint8 frame[CD_FRAME_SIZE], data[2048];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (guint8) (i * 37 + i / 256);

    cd_frame_build(frame, 12345, data);

    CU_ASSERT_EQUAL(bad_vectors(frame + 12, 86, 2, 86, 24, 2064), 0);
    CU_ASSERT_EQUAL(bad_vectors(frame + 12, 52, 86, 88, 43, 2236), 0);
}

static void
test_sweep(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    unsigned stuck = 0;

    for (unsigned op = 0; op < 256; op++) {
        PACKET(rig, 0xffff, (guint8) op, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
               0xff, 0xff, 0xff, 0xff, 0xff);
        fake_out8(rig->vm, BASE + 7, 0x08);
        stuck += fake_in8(rig->vm, BASE + 7) != 0;
        rig_wait(rig, BASE);
    }
    CU_ASSERT_EQUAL(stuck, 0);
    ide_rig_free(rig);
}

static void
test_dma_read(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, 0x20000, 0x1800, true);
    fake_out8(rig->vm, BASE + 1, 0x01);
    PACKET(rig, 0, 0x28, 0, 0, 0, 0, 20, 0, 0, 3);
    rig_bm_start(rig, RIG_BM + 8, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(fake_in8(rig->vm, RIG_BM + 10) & 7, 4);
    CU_ASSERT_EQUAL(rig_ram32(rig, 0x20000), 20);
    CU_ASSERT_EQUAL(rig_ram32(rig, 0x21000), 22);
    fake_out8(rig->vm, BASE + 1, 0x01);
    PACKET(rig, 0, 0x12, 0, 0, 0, 36); /* an answer by DMA */
    rig_bm_start(rig, RIG_BM + 8, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    CU_ASSERT_EQUAL(memcmp(fake_ram(rig->vm) + 0x20008, "CARREL", 6), 0);
    ide_rig_free(rig);
}

CU_MAIN("atapi",
        {"identify_device_is_refused_with_the_signature", test_identify},
        {"a_packet_command_goes_through_its_phases", test_phases},
        {"read_follows_the_byte_count_limit", test_read},
        {"a_long_read_goes_on_over_the_buffers_end", test_long_read},
        {"bad_reads_and_opcodes_leave_sense_data", test_read_errors},
        {"capacity_and_table_of_contents", test_capacity_toc},
        {"mode_pages_features_and_disc_information", test_info_commands},
        {"mode_select_takes_known_pages_only", test_mode_select},
        {"a_media_change_is_an_event_and_a_unit_attention", test_media_change},
        {"a_locked_tray_stays_shut_unless_forced", test_lock},
        {"the_guest_opens_and_closes_the_tray", test_tray},
        {"taking_the_disc_out_ends_a_read", test_eject_mid_read},
        {"device_reset_ends_a_transfer", test_device_reset},
        {"read_cd_gives_user_data_or_whole_frames", test_read_cd},
        {"the_parity_of_a_frame_is_right", test_frame_parity},
        {"every_opcode_leaves_the_drive_alive", test_sweep},
        {"packets_move_data_by_dma", test_dma_read})
