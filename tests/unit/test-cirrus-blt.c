/* tests/unit/test-cirrus-blt.c - the GD5446's blitter: every raster operation,
 * every kind of blit, and what a hostile guest asks of it. */
#include "tests/unit/cu-main.h"

#include "tests/unit/cirrus-fixture.h"

#define COPY 0x0d

static guint8
one_rop(VgaRig *r, guint8 rop)
{
    cirrus_vram(r)[0x1000] = 0xcc; /* source */
    cirrus_vram(r)[0x2000] = 0xaa; /* destination */
    blt_run(
        r,
        &(BltRegs){
            .width = 1, .height = 1, .src = 0x1000, .dst = 0x2000, .rop = rop});
    return cirrus_vram(r)[0x2000];
}

static void
test_rops(void)
{
    VgaRig *r = cirrus_new();

    CU_ASSERT_EQUAL(one_rop(r, 0x00), 0x00);
    CU_ASSERT_EQUAL(one_rop(r, 0x05), 0x88);
    CU_ASSERT_EQUAL(one_rop(r, 0x06), 0xaa);
    CU_ASSERT_EQUAL(one_rop(r, 0x09), 0x44);
    CU_ASSERT_EQUAL(one_rop(r, 0x0b), 0x55);
    CU_ASSERT_EQUAL(one_rop(r, 0x0d), 0xcc);
    CU_ASSERT_EQUAL(one_rop(r, 0x0e), 0xff);
    CU_ASSERT_EQUAL(one_rop(r, 0x50), 0x22);
    CU_ASSERT_EQUAL(one_rop(r, 0x59), 0x66);
    CU_ASSERT_EQUAL(one_rop(r, 0x6d), 0xee);
    CU_ASSERT_EQUAL(one_rop(r, 0x90), 0x77);
    CU_ASSERT_EQUAL(one_rop(r, 0x95), 0x99);
    CU_ASSERT_EQUAL(one_rop(r, 0xad), 0xdd);
    CU_ASSERT_EQUAL(one_rop(r, 0xd0), 0x33);
    CU_ASSERT_EQUAL(one_rop(r, 0xd6), 0xbb);
    CU_ASSERT_EQUAL(one_rop(r, 0xda), 0x11);
    CU_ASSERT_EQUAL(one_rop(r, 0x42), 0xaa); /* no such code: nothing */
    rig_free(r);
}

static void
test_copy_by_rows(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    memcpy(vram + 0x100, "abc", 3);
    memcpy(vram + 0x110, "def", 3);

    blt_run(r, &(BltRegs){.width = 2,
                          .height = 2,
                          .src = 0x100,
                          .dst = 0x200,
                          .src_pitch = 0x10,
                          .dst_pitch = 0x20,
                          .rop = COPY});

    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "ab\0", 3), 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x220, "de\0", 3), 0);
    CU_ASSERT_EQUAL(blt_status(r) & 0x0b, 0);
    rig_free(r);
}

/* Scrolling down by a line: from the last byte of the last row. */
static void
test_backward_overlap(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    memcpy(vram + 0x100, "aabbccdd", 8);

    blt_run(r, &(BltRegs){.width = 2,
                          .height = 3,
                          .src = 0x105,
                          .dst = 0x107,
                          .src_pitch = 2,
                          .dst_pitch = 2,
                          .mode = 0x01,
                          .rop = COPY});

    CU_ASSERT_EQUAL(memcmp(vram + 0x100, "aaaabbcc", 8), 0);
    rig_free(r);
}

static void
test_solid_fill(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);

    blt_run(r, &(BltRegs){.width = 4,
                          .height = 2,
                          .dst = 0x300,
                          .dst_pitch = 16,
                          .mode = 0xd0,
                          .ext = 0x04,
                          .rop = COPY,
                          .fg = 0x1234});

    CU_ASSERT_EQUAL(memcmp(vram + 0x300, "\x34\x12\x34\x12\0", 5), 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x310, "\x34\x12\x34\x12\0", 5), 0);
    CU_ASSERT_EQUAL(vram[0x320], 0);
    rig_free(r);
}

static void
test_expand(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    vram[0x100] = 0xa0; /* 101. */
    vram[0x101] = 0x40; /* 010. */

    blt_run(r, &(BltRegs){.width = 3,
                          .height = 2,
                          .src = 0x100,
                          .dst = 0x200,
                          .dst_pitch = 8,
                          .mode = 0x80,
                          .rop = COPY,
                          .fg = 0x11,
                          .bg = 0x22});

    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\x11\x22\x11\0", 4), 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x208, "\x22\x11\x22\0", 4), 0);
    rig_free(r);
}

static void
test_expand_transparent(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    BltRegs b = {.width = 3,
                 .height = 1,
                 .src = 0x100,
                 .dst = 0x200,
                 .mode = 0x88,
                 .rop = COPY,
                 .fg = 0x11,
                 .bg = 0x22};
    vram[0x100] = 0xa0;
    memset(vram + 0x200, 0x77, 3);

    blt_run(r, &b);
    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\x11\x77\x11", 3), 0);
    b.ext = 0x02; /* the clear bits, in the background's colour */
    b.skip = 1;   /* the first pixel is left out */
    memset(vram + 0x200, 0x77, 3);
    blt_run(r, &b);

    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\x77\x22\x77", 3), 0);
    rig_free(r);
}

/* With 24 bits the register counts bytes, else pixels. */
static void
test_skip_by_depth(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    BltRegs b = {.width = 6,
                 .height = 1,
                 .src = 0x100,
                 .dst = 0x200,
                 .skip = 3,
                 .mode = 0xa0,
                 .rop = COPY,
                 .fg = 0x030201,
                 .bg = 0x060504};
    vram[0x100] = 0x40;

    blt_run(r, &b);
    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\0\0\0\1\2\3", 6), 0);
    b.mode = 0x90;
    b.skip = 2;
    b.dst = 0x300;
    blt_run(r, &b);

    CU_ASSERT_EQUAL(memcmp(vram + 0x300, "\0\0\0\0\4\5", 6), 0);
    rig_free(r);
}

static void
test_mono_pattern(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    vram[0x102] = 0x81; /* rows 2 and 3 of the pattern */
    vram[0x103] = 0x01;

    blt_run(r, &(BltRegs){.width = 9,
                          .height = 2,
                          .src = 0x102,
                          .dst = 0x200,
                          .dst_pitch = 16,
                          .mode = 0xc0,
                          .rop = COPY,
                          .fg = 1,
                          .bg = 2});

    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\1\2\2\2\2\2\2\1\1", 9), 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x210, "\2\2\2\2\2\2\2\1\2", 9), 0);
    rig_free(r);
}

static void
test_color_pattern(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    memcpy(vram + 0x138, "ABCDEFGH", 8); /* row 7 of the one at 0x100 */
    memcpy(vram + 0x100, "abcdefgh", 8); /* row 0 */

    blt_run(r, &(BltRegs){.width = 10,
                          .height = 2,
                          .src = 0x107,
                          .dst = 0x200,
                          .dst_pitch = 16,
                          .mode = 0x40,
                          .rop = COPY,
                          .skip = 1});

    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\0BCDEFGHAB", 10), 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x210, "\0bcdefghab", 10), 0);
    rig_free(r);
}

/* Rows of a pattern of 24 bits begin every 32 bytes. */
static void
test_color_pattern_24(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    memcpy(vram + 0x120, "rgbRGB", 6);

    blt_run(r, &(BltRegs){.width = 6,
                          .height = 1,
                          .src = 0x101,
                          .dst = 0x200,
                          .mode = 0x60,
                          .rop = COPY});

    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "rgbRGB", 6), 0);
    rig_free(r);
}

static void
test_color_key(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    memcpy(vram + 0x100, "\1\5\2\5", 4);
    memset(vram + 0x200, 9, 8);

    blt_run(r, &(BltRegs){.width = 4,
                          .height = 1,
                          .src = 0x100,
                          .dst = 0x200,
                          .mode = 0x08,
                          .rop = COPY,
                          .key = 0x0505});
    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\1\x9\2\x9", 4), 0);
    /* 16 bits: both bytes have to be the key's */
    blt_run(r, &(BltRegs){.width = 4,
                          .height = 1,
                          .src = 0x100,
                          .dst = 0x204,
                          .mode = 0x18,
                          .rop = COPY,
                          .key = 0x0502});

    CU_ASSERT_EQUAL(memcmp(vram + 0x204, "\1\5\x9\x9", 4), 0);
    rig_free(r);
}

static void
test_data_of_the_cpu(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    cirrus_mode_set(r, 0x11, 0, 640);
    CU_ASSERT_PTR_NOT_NULL(guest_mem_ptr(r->vm->env.mem, LFB, 4096, true));

    blt_run(r, &(BltRegs){.width = 3,
                          .height = 2,
                          .dst = 0x200,
                          .dst_pitch = 16,
                          .mode = 0x04,
                          .rop = COPY});
    CU_ASSERT_EQUAL(blt_status(r) & 0x13, 0x13);
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, LFB, 4096, true));
    fake_mmio_write(r->vm, 0xa0000, 0x44332211, 4); /* a row is 4 bytes */
    fake_mmio_write(r->vm, LFB + 0x1000000, 0x6655, 2);
    CU_ASSERT_EQUAL(blt_status(r) & 0x13, 0x13);
    fake_mmio_write(r->vm, LFB + 64, 0x8877, 2);

    CU_ASSERT_EQUAL(blt_status(r) & 0x13, 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x200, "\x11\x22\x33\0", 4), 0);
    CU_ASSERT_EQUAL(memcmp(vram + 0x210, "\x55\x66\x77\0", 4), 0);
    CU_ASSERT_EQUAL(vram[64], 0);
    rig_free(r);
}

/* The windows stay trapped for a while, and are memory again in the end. */
static void
test_windows_come_back(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x11, 0, 640);
    blt_run(
        r,
        &(BltRegs){
            .width = 1, .height = 1, .dst = 0x200, .mode = 0x04, .rop = COPY});
    fake_mmio_write(r->vm, 0xa0000, 0x41, 4);
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, LFB, 4096, true));

    for (guint32 i = 0; i < 256; i++)
        fake_mmio_write(r->vm, LFB + 0x1000 + i, i, 1);

    CU_ASSERT_PTR_NOT_NULL(guest_mem_ptr(r->vm->env.mem, LFB, 4096, true));
    CU_ASSERT_PTR_NOT_NULL(guest_mem_ptr(r->vm->env.mem, 0xa0000, 4096, true));
    CU_ASSERT_EQUAL(cirrus_vram(r)[0x10ff], 0xff);
    rig_free(r);
}

static void
test_expand_data(void)
{
    VgaRig *r = cirrus_new();
    BltRegs b = {.width = 2,
                 .height = 2,
                 .dst = 0x200,
                 .dst_pitch = 16,
                 .mode = 0x84,
                 .rop = COPY,
                 .fg = 1,
                 .bg = 2};

    blt_run(r, &b);
    fake_mmio_write(r->vm, 0xa0000, 0x4080, 2); /* a byte is a row */
    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x200, "\1\2", 2), 0);
    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x210, "\2\1", 2), 0);
    b.ext = 0x01; /* four bytes are */
    b.fg = 7;
    blt_run(r, &b);
    fake_mmio_write(r->vm, 0xa0000, 0xffff4080, 4);
    CU_ASSERT_EQUAL(blt_status(r) & 1, 1);
    fake_mmio_write(r->vm, 0xa0000, 0x00000040, 4);

    CU_ASSERT_EQUAL(blt_status(r) & 1, 0);
    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x200, "\7\2", 2), 0);
    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x210, "\2\7", 2), 0);
    rig_free(r);
}

static void
test_pattern_data(void)
{
    VgaRig *r = cirrus_new();

    blt_run(r, &(BltRegs){.width = 8,
                          .height = 9,
                          .dst = 0x200,
                          .dst_pitch = 8,
                          .mode = 0xc4,
                          .rop = COPY,
                          .fg = 1,
                          .bg = 0});
    fake_mmio_write(r->vm, 0xa0000, 0x01, 4);
    CU_ASSERT_EQUAL(blt_status(r) & 1, 1);
    fake_mmio_write(r->vm, 0xa0000, 0, 4);

    CU_ASSERT_EQUAL(blt_status(r) & 1, 0);
    CU_ASSERT_EQUAL(cirrus_vram(r)[0x207], 1);
    CU_ASSERT_EQUAL(cirrus_vram(r)[0x20f], 0);
    CU_ASSERT_EQUAL(cirrus_vram(r)[0x247], 1); /* the ninth row */
    rig_free(r);
}

static void
test_reset_ends_a_blit(void)
{
    VgaRig *r = cirrus_new();
    blt_run(r, &(BltRegs){.width = 8, .height = 9, .mode = 0x04, .rop = COPY});
    CU_ASSERT_EQUAL(blt_status(r) & 1, 1);

    fake_mmio_write(r->vm, BLT + 0x40, 4, 1);
    fake_mmio_write(r->vm, BLT + 0x40, 0, 1);

    CU_ASSERT_EQUAL(blt_status(r), 0);
    rig_free(r);
}

static void
test_autostart(void)
{
    VgaRig *r = cirrus_new();
    fake_mmio_write(r->vm, BLT + 0x40, 0x80, 1);

    blt_set(r, &(BltRegs){.width = 2,
                          .height = 1,
                          .dst = 0x200,
                          .mode = 0xc0,
                          .ext = 4,
                          .rop = COPY,
                          .fg = 5});
    fake_mmio_write(r->vm, BLT + 0x10, 0x300, 4); /* writes GR2A */

    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x300, "\5\5\0", 3), 0);
    rig_free(r);
}

/* The same registers by the ports. */
static void
test_by_ports(void)
{
    VgaRig *r = cirrus_new();
    static const guint8 regs[][2] = {{0x20, 1}, {0x21, 0},    {0x22, 0},
                                     {0x23, 0}, {0x28, 0},    {0x29, 5},
                                     {0x2a, 0}, {0x30, 0xc0}, {0x32, COPY},
                                     {0x33, 4}, {0x01, 0xab}, {0x31, 2}};

    for (gsize i = 0; i < G_N_ELEMENTS(regs); i++)
        rig_index(r, 0x3ce, regs[i][0], regs[i][1]);

    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x500, "\xab\xab\0", 3), 0);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 0x31), 0);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 0x01), 0xab);
    rig_free(r);
}

/* --- hostile -------------------------------------------------------------- */

/* The text behind video memory must stay as it is. */
static void
check_bounds(VgaRig *r, BltRegs b)
{
    guint8 *end = cirrus_vram(r) + CIRRUS_VRAM;
    memset(end, 0x5a, VGA_TEXT_LEN);

    blt_run(r, &b);
    for (unsigned i = 0; i < 4; i++) /* data, should it wait for some */
        fake_mmio_write(r->vm, LFB + 0x1000000, 0x0123456789abcdef, 8);

    CU_ASSERT_EQUAL(end[0], 0x5a);
    CU_ASSERT_EQUAL(memcmp(end, end + 1, VGA_TEXT_LEN - 1), 0);
}

static void
test_largest_of_each_kind(void)
{
    VgaRig *r = cirrus_new();
    BltRegs b = {.width = 8192,
                 .height = 2048,
                 .dst = 0x3fffff,
                 .src = 0x3fffff,
                 .dst_pitch = 0x1fff,
                 .src_pitch = 0x1fff,
                 .skip = 0xff,
                 .rop = 0x59};

    for (unsigned mode = 0; mode < 0x100; mode += 0x11) {
        b.mode = (guint8) mode;
        check_bounds(r, b);
    }
    b.mode = 0xc0;
    b.ext = 4;
    check_bounds(r, b);
    rig_free(r);
}

static void
test_backward_below_zero(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    vram[0] = 'y';
    vram[CIRRUS_VRAM - 1] = 'x';

    check_bounds(r, (BltRegs){.width = 2,
                              .height = 1,
                              .src = 0,
                              .dst = 0x101,
                              .mode = 0x01,
                              .rop = COPY});

    CU_ASSERT_EQUAL(memcmp(vram + 0x100, "xy", 2), 0); /* it wrapped */
    check_bounds(r, (BltRegs){.width = 8192,
                              .height = 2048,
                              .dst_pitch = 8191,
                              .src_pitch = 1,
                              .mode = 0x01,
                              .rop = 0x6d});
    rig_free(r);
}

static void
test_no_pitch(void)
{
    VgaRig *r = cirrus_new();
    cirrus_vram(r)[0x100] = 0x0f;

    check_bounds(
        r,
        (BltRegs){
            .width = 1, .height = 3, .src = 0x100, .dst = 0x200, .rop = 0x59});

    CU_ASSERT_EQUAL(cirrus_vram(r)[0x200], 0x0f); /* exclusive or, thrice */
    rig_free(r);
}

static void
test_impossible_kinds(void)
{
    VgaRig *r = cirrus_new();
    memset(cirrus_vram(r) + 0x200, 7, 4);

    blt_run(
        r,
        &(BltRegs){
            .width = 4, .height = 1, .dst = 0x200, .mode = 0x02, .rop = COPY});
    CU_ASSERT_EQUAL(blt_status(r) & 3, 0);
    blt_run(
        r,
        &(BltRegs){
            .width = 4, .height = 1, .dst = 0x200, .mode = 0x06, .rop = COPY});
    blt_run(
        r,
        &(BltRegs){
            .width = 4, .height = 1, .dst = 0x200, .mode = 0x38, .rop = COPY});

    CU_ASSERT_EQUAL(blt_status(r) & 3, 0);
    CU_ASSERT_EQUAL(memcmp(cirrus_vram(r) + 0x200, "\7\7\7\7", 4), 0);
    CU_ASSERT_EQUAL(r->vga->guest_errors, 3);
    rig_free(r);
}

/* --- a saved state in the middle ------------------------------------------ */

static void
test_restore_in_mid_blit(void)
{
    VgaRig *r = cirrus_new(), *other = cirrus_new();
    g_autoptr(GByteArray) saved = g_byte_array_new();
    BltRegs b = {.width = 4,
                 .height = 2,
                 .dst = 0x200,
                 .dst_pitch = 16,
                 .mode = 0x04,
                 .rop = COPY};
    g_autoptr(GError) error = NULL;
    cirrus_mode_set(r, 0x11, 0, 640);
    blt_run(r, &b);
    fake_mmio_write(r->vm, 0xa0000, 0x44332211, 4);
    fake_mmio_write(r->vm, 0xa0000, 0x6655, 2); /* half a row */
    b.dst = 0x900;
    blt_set(r, &b); /* registers for the next one */

    device_save(r->vga, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(other->vga, bytes, &error));
    fake_mmio_write(other->vm, 0xa0000, 0x8877, 2);

    CU_ASSERT_EQUAL(memcmp(cirrus_vram(other) + 0x210, "\x55\x66\x77\x88", 4),
                    0);
    CU_ASSERT_EQUAL(blt_status(other) & 3, 0);
    CU_ASSERT_EQUAL(cirrus_vram(other)[0x900], 0);
    rig_free(r);
    rig_free(other);
}

/* --- on the screen -------------------------------------------------------- */

/* What a window system does: a backdrop of a pattern, a window, its title as
 * expanded bits, a copy of it, a sprite with a colour left out. */
static const char *const picture[] = {
    ".+.+.+.+.+.+.+.+", "+.+.+.+.+.+.+.+.", ".WWWWWW+.+.+.+.+",
    "+WBWBWW.+.+.+.+.", ".WWBWWW+.+.+.+.+", "+WBWBWW.WWWWWW+.",
    ".WWWWWW+WBWBWW.+", "+.+.+.+.WWBWWW+.", ".+.+.+.+WBWBWW.+",
    "+.+S+S+.WWWWWW+.", ".+.+S+.+.+.+.+.+", "+.+S+S+.+.+.+.+.",
};

static void
draw_picture(VgaRig *r)
{
    guint8 *vram = cirrus_vram(r);

    memcpy(vram + 0x80000, "\x55\xaa\x55\xaa\x55\xaa\x55\xaa", 8);
    blt_run(r, &(BltRegs){.width = 640,
                          .height = 480,
                          .dst_pitch = 640,
                          .src = 0x80000,
                          .mode = 0xc0,
                          .rop = COPY,
                          .fg = '+',
                          .bg = '.'});
    blt_run(r, &(BltRegs){.width = 6,
                          .height = 5,
                          .dst_pitch = 640,
                          .dst = 2 * 640 + 1,
                          .mode = 0xc0,
                          .ext = 4,
                          .rop = COPY,
                          .fg = 'W'});
    blt_run(r, &(BltRegs){.width = 3,
                          .height = 3,
                          .dst_pitch = 640,
                          .dst = 3 * 640 + 2,
                          .mode = 0x8c,
                          .rop = COPY,
                          .fg = 'B'});
    fake_mmio_write(r->vm, 0xa0000, 0xa040a0, 4);
    blt_run(r, &(BltRegs){.width = 6,
                          .height = 5,
                          .dst_pitch = 640,
                          .src_pitch = 640,
                          .src = 6 * 640 + 6,
                          .dst = 9 * 640 + 13,
                          .mode = 0x01,
                          .rop = COPY});
    memcpy(vram + 0x80010, "S.S.S.S.S", 9);
    blt_run(r, &(BltRegs){.width = 3,
                          .height = 3,
                          .dst_pitch = 640,
                          .src_pitch = 3,
                          .src = 0x80010,
                          .dst = 9 * 640 + 3,
                          .mode = 0x08,
                          .rop = COPY,
                          .key = '.' << 8 | '.'});
}

static void
test_reference_picture(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x11, 0, 640);
    for (unsigned i = 0; i < 256; i++)
        rig_dac(r, (guint8) i, (guint8) (i >> 2), 0, i & 3);
    rig_look(r);

    draw_picture(r);
    rig_look(r);

    for (int y = 0; y < (int) G_N_ELEMENTS(picture); y++)
        for (int x = 0; x < 16; x++) {
            guint32 c = rig_pixel(r, x, y);
            char shown = (char) ((c >> 18 & 0x3f) << 2 | (c >> 2 & 3));
            CU_ASSERT_EQUAL(shown, picture[y][x]);
        }
    rig_free(r);
}

/* A blit damages what it wrote and no more. */
static void
test_damage(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x11, 0, 640);
    rig_dac(r, 1, 63, 0, 0);
    rig_look(r);
    rig_look(r);

    blt_run(r, &(BltRegs){.width = 20,
                          .height = 30,
                          .dst_pitch = 640,
                          .dst = 50 * 640 + 40,
                          .mode = 0xc0,
                          .ext = 4,
                          .rop = COPY,
                          .fg = 1});
    rig_look(r);

    CU_ASSERT_EQUAL(r->n_damage, 1);
    CU_ASSERT_EQUAL(r->damage[0].x, 40);
    CU_ASSERT_EQUAL(r->damage[0].y, 50);
    CU_ASSERT_EQUAL(r->damage[0].w, 20);
    CU_ASSERT_EQUAL(r->damage[0].h, 30);
    rig_free(r);
}

CU_MAIN("cirrus-blt", {"every_raster_operation_has_its_code", test_rops},
        {"a_copy_goes_by_rows_and_pitches", test_copy_by_rows},
        {"a_backward_copy_may_overlap", test_backward_overlap},
        {"a_solid_fill_takes_the_foreground", test_solid_fill},
        {"bits_expand_to_two_colours", test_expand},
        {"expanded_bits_can_be_transparent", test_expand_transparent},
        {"the_left_edge_is_pixels_or_bytes", test_skip_by_depth},
        {"a_pattern_of_bits_begins_at_its_row", test_mono_pattern},
        {"a_pattern_of_colours_repeats", test_color_pattern},
        {"a_pattern_of_24_bits_has_rows_of_32", test_color_pattern_24},
        {"the_key_colour_is_not_written", test_color_key},
        {"data_comes_by_either_window", test_data_of_the_cpu},
        {"the_windows_come_back", test_windows_come_back},
        {"bits_may_come_from_the_cpu", test_expand_data},
        {"a_pattern_may_come_from_the_cpu", test_pattern_data},
        {"a_reset_ends_a_blit", test_reset_ends_a_blit},
        {"autostart_begins_at_the_address", test_autostart},
        {"the_ports_reach_the_blitter", test_by_ports},
        {"the_largest_blits_stay_in_memory", test_largest_of_each_kind},
        {"a_backward_blit_wraps_below_zero", test_backward_below_zero},
        {"a_pitch_of_zero_is_fine", test_no_pitch},
        {"impossible_blits_write_nothing", test_impossible_kinds},
        {"a_blit_goes_on_after_a_restore", test_restore_in_mid_blit},
        {"an_accelerated_picture_is_the_reference", test_reference_picture},
        {"a_blit_damages_what_it_wrote", test_damage})
