/* tests/unit/test-cirrus.c - the GD5446 as a card: identity, registers, modes,
 * banks, cursor and DDC. Its blitter has test-cirrus-blt.c. */
#include "tests/unit/cu-main.h"

#include "tests/unit/cirrus-fixture.h"
#include "tests/unit/pci-config.h"

static guint32
config_read(VgaRig *r, unsigned offset)
{
    return pci_config_get(r->bus, VGA_SLOT, offset, 4);
}

static void
test_identity(void)
{
    VgaRig *r = rig_new_class(&cirrus_class, 4);

    CU_ASSERT_EQUAL(config_read(r, PCI_VENDOR_ID), 0x00b81013);
    CU_ASSERT_EQUAL(config_read(r, PCI_CLASS_PROG - 1) >> 8, 0x030000);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3b4, 0x27), 0xb8);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 0x0f), 0x98); /* 4 MiB */
    CU_ASSERT_EQUAL(fake_in16(r->vm, 0x1ce), 0xffff);      /* no DISPI */
    rig_config_write(r, PCI_BAR0, 0xffffffff);
    CU_ASSERT_EQUAL(config_read(r, PCI_BAR0), 0xfe000008);
    rig_config_write(r, PCI_BAR0 + 4, 0xffffffff);
    CU_ASSERT_EQUAL(config_read(r, PCI_BAR0 + 4), 0xfffff000);
    rig_free(r);
}

static void
test_unlock(void)
{
    VgaRig *r = cirrus_new();

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 6), 0x0f);
    rig_index(r, 0x3c4, 6, 0x12);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 6), 0x12);
    rig_index(r, 0x3c4, 6, 0x00);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 6), 0x0f);
    rig_free(r);
}

static void
test_hidden_dac(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x17, 0xc1, 1280);

    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c6), 0xff);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c6), 0xc1);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c6), 0xff); /* counts anew */
    fake_in8(r->vm, 0x3c8);
    fake_out8(r->vm, 0x3c6, 0x3f); /* the mask, not the hidden one */
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c6), 0x3f);
    rig_free(r);
}

static guint32
pixel_1(guint8 sr7, guint8 dac, guint32 pitch, const char *bytes, unsigned n)
{
    VgaRig *r = rig_new_class(&cirrus_class, 4);

    cirrus_mode_set(r, sr7, dac, pitch);
    rig_dac(r, 5, 0x20, 0x21, 0x3f);
    memcpy(cirrus_vram(r) + pitch + n, bytes, n); /* x 1, y 1 */
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->width, 640);
    CU_ASSERT_EQUAL(r->frame->height, 480);
    guint32 color = rig_pixel(r, 1, 1);
    CU_ASSERT_EQUAL(rig_pixel(r, 2, 1), rig_pixel(r, 0, 0));
    rig_free(r);
    return color;
}

static void
test_depths(void)
{
    CU_ASSERT_EQUAL(pixel_1(0x11, 0x00, 640, "\x05", 1), 0x8286ff);
    CU_ASSERT_EQUAL(pixel_1(0x17, 0xc0, 1280, "\xe0\x03", 2), 0x00ff00);
    CU_ASSERT_EQUAL(pixel_1(0x17, 0xc1, 1280, "\x1f\xf8", 2), 0xff00ff);
    CU_ASSERT_EQUAL(pixel_1(0x15, 0xc5, 1920, "\x11\x22\x33", 3), 0x332211);
    CU_ASSERT_EQUAL(pixel_1(0x19, 0xc5, 2560, "\x11\x22\x33\xff", 4), 0x332211);
}

static void
test_start_address(void)
{
    VgaRig *r = rig_new_class(&cirrus_class, 4);
    cirrus_mode_set(r, 0x11, 0, 640);
    rig_dac(r, 5, 63, 63, 63);
    cirrus_vram(r)[4 * 0x52345] = 5;
    cirrus_vram(r)[4 * 0x92345] = 0; /* would be past the end */

    rig_index(r, 0x3d4, 0x0c, 0x23);
    rig_index(r, 0x3d4, 0x0d, 0x45);
    rig_index(r, 0x3d4, 0x1b, 0x22 | 0x01 | 0x08); /* bits 16 and 18 */
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0xffffff);
    rig_index(r, 0x3d4, 0x1d, 0x80); /* bit 19: nothing there */
    rig_index(r, 0x3d4, 0x1b, 0x22 | 0x0d);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 479), 0);
    rig_free(r);
}

/* CR17 without its sync bit, as cirrus.ko of Linux sets it, and SR1 with the
 * screen-off bit, as the BIOS does. */
static void
test_modes_of_others(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x17, 0xc1, 1280);
    memcpy(cirrus_vram(r), "\x00\xf8", 2);

    rig_index(r, 0x3d4, 0x17, 0x03);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0xff0000);
    rig_index(r, 0x3c4, 1, 0x21);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0xff0000);
    fake_in8(r->vm, 0x3da);
    fake_out8(r->vm, 0x3c0, 0x00); /* this turns it off */
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0);
    rig_free(r);
}

static void
test_linear_writes_are_seen(void)
{
    VgaRig *r = rig_new_class(&cirrus_class, 4);
    cirrus_mode_set(r, 0x19, 0xc5, 2560);
    rig_look(r);
    guint32 color = 0xff123456;

    /* as DMA does, which the dirty log sees */
    CU_ASSERT_EQUAL(
        guest_mem_write(r->vm->env.mem, LFB + 2560 * 20 + 30 * 4, &color, 4),
        0);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 30, 20), 0x123456);
    CU_ASSERT_EQUAL(r->n_damage, 1);
    CU_ASSERT_EQUAL(r->damage[0].w, 1);
    rig_free(r);
}

/* --- windows -------------------------------------------------------------- */

static void
test_banks(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    cirrus_mode_set(r, 0x11, 0, 640);
    rig_dac(r, 7, 63, 63, 63);
    rig_look(r);

    rig_index(r, 0x3ce, 9, 0x31); /* steps of 4 KiB */
    CU_ASSERT_PTR_EQUAL(guest_mem_ptr(r->vm->env.mem, 0xa0000, 0x10000, true),
                        vram + 0x31000);
    CU_ASSERT_EQUAL(guest_mem_write(r->vm->env.mem, 0xaf000, "\7", 1), 0);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0x40000 % 640, 0x40000 / 640), 0xffffff);
    rig_index(r, 0x3ce, 0x0b, 0x20); /* of 16 KiB */
    rig_index(r, 0x3ce, 9, 0x02);

    CU_ASSERT_PTR_EQUAL(guest_mem_ptr(r->vm->env.mem, 0xa0000, 0x10000, true),
                        vram + 0x8000);
    rig_index(r, 0x3ce, 9, 0xff); /* past the end: trapped, wraps */
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, 0xa0000, 1, true));
    fake_mmio_write(r->vm, 0xa0001, 0x66, 1);
    CU_ASSERT_EQUAL(vram[0xfc001], 0x66);
    rig_free(r);
}

static void
test_two_banks(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    cirrus_mode_set(r, 0x11, 0, 640);

    rig_index(r, 0x3ce, 0x0b, 0x01);
    rig_index(r, 0x3ce, 0x09, 0x10);
    rig_index(r, 0x3ce, 0x0a, 0x20);
    fake_mmio_write(r->vm, 0xa0003, 0x11, 1);
    fake_mmio_write(r->vm, 0xa8003, 0x22, 1);

    CU_ASSERT_EQUAL(vram[0x10003], 0x11);
    CU_ASSERT_EQUAL(vram[0x20003], 0x22);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xa8003, 1), 0x22);
    rig_free(r);
}

static void
test_write_modes(void)
{
    VgaRig *r = cirrus_new();
    guint8 *vram = cirrus_vram(r);
    cirrus_mode_set(r, 0x11, 0, 640);
    rig_index(r, 0x3ce, 0, 0xb0); /* wider than a VGA's four bits */
    rig_index(r, 0x3ce, 1, 0xf1);
    memset(vram, 7, 32);

    rig_index(r, 0x3ce, 0x0b, 0x06); /* 8 pixels a byte */
    rig_index(r, 0x3ce, 5, 0x44);
    fake_mmio_write(r->vm, 0xa0001, 0xa0, 1);
    CU_ASSERT_EQUAL(memcmp(vram + 8, "\xf1\7\xf1\7\7\7\7\7", 8), 0);
    rig_index(r, 0x3ce, 5, 0x45);
    fake_mmio_write(r->vm, 0xa0002, 0xa0, 1);

    CU_ASSERT_EQUAL(memcmp(vram + 16, "\xf1\xb0\xf1\xb0\xb0\xb0\xb0\xb0", 8),
                    0);
    rig_free(r);
}

static void
test_mmio_at_b8000(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x11, 0, 640);

    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8018, 1), 0xff);
    rig_index(r, 0x3c4, 0x17, 0x24);
    fake_mmio_write(r->vm, 0xb801a, 0x59, 1);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 0x32), 0x59);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb801a, 1), 0x59);
    rig_index(r, 0x3c4, 0x17, 0x64); /* at the frame buffer's end */
    fake_mmio_write(r->vm, LFB + CIRRUS_VRAM - 0x100 + 0x1a, 0x0d, 1);

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 0x32), 0x0d);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb801a, 1), 0xff);
    /* that page is no memory, or the guest's writes would not arrive */
    CU_ASSERT_PTR_NULL(
        guest_mem_ptr(r->vm->env.mem, LFB + CIRRUS_VRAM - 0x100, 1, true));
    rig_free(r);
}

static void
test_text_is_a_vgas(void)
{
    VgaRig *r = cirrus_new();

    rig_set_mode(r, &regs_mode3);
    rig_cell(r, 0, 'C', 7);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->width, 720);
    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, 'C');
    CU_ASSERT_PTR_NOT_NULL(guest_mem_ptr(r->vm->env.mem, 0xb8000, 1, true));
    rig_free(r);
}

static void
test_mode13_is_a_vgas(void)
{
    VgaRig *r = cirrus_new();

    rig_set_mode(r, &regs_mode13);
    rig_dac(r, 9, 63, 0, 0);
    fake_mmio_write(r->vm, 0xa0000 + 320, 9, 1);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->width, 640);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 2), 0xff0000);
    rig_free(r);
}

/* --- cursor --------------------------------------------------------------- */

static VgaRig *
cursor_rig(void)
{
    VgaRig *r = cirrus_new();

    cirrus_mode_set(r, 0x11, 0, 640);
    rig_dac(r, 0, 63, 63, 0);
    rig_index(r, 0x3c4, 0x12, 0x02); /* its colours instead of the DAC's */
    rig_dac(r, 0x00, 63, 0, 0);
    rig_dac(r, 0x0f, 0, 0, 63);
    rig_index(r, 0x3c4, 0x12, 0x00);
    fake_out16(r->vm, 0x3c4, 100 >> 3 << 8 | (100 & 7) << 5 | 0x10);
    fake_out16(r->vm, 0x3c4, 50 >> 3 << 8 | (50 & 7) << 5 | 0x11);
    return r;
}

static void
test_small_cursor(void)
{
    VgaRig *r = cursor_rig();
    guint8 *pattern = cirrus_vram(r) + CIRRUS_VRAM - 0x4000 + 0x200;
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 100, 50), 0xffff00); /* colours are apart */

    pattern[0] = 0x50;       /* plane 0: .1.1 */
    pattern[128] = 0x30;     /* plane 1: ..11 */
    pattern[4 * 31 + 3] = 1; /* the lower right corner */
    rig_index(r, 0x3c4, 0x13, 2);
    rig_index(r, 0x3c4, 0x12, 0x01);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 100, 50), 0xffff00);
    CU_ASSERT_EQUAL(rig_pixel(r, 101, 50), 0x0000ff); /* inverted */
    CU_ASSERT_EQUAL(rig_pixel(r, 102, 50), 0xff0000); /* entry 0 */
    CU_ASSERT_EQUAL(rig_pixel(r, 103, 50), 0x0000ff); /* entry 15 */
    CU_ASSERT_EQUAL(rig_pixel(r, 131, 81), 0x0000ff);
    CU_ASSERT_EQUAL(rig_pixel(r, 132, 81), 0xffff00);
    rig_free(r);
}

static void
test_large_cursor(void)
{
    VgaRig *r = cursor_rig();
    guint8 *pattern = cirrus_vram(r) + CIRRUS_VRAM - 0x4000;
    pattern[16 * 63 + 8 + 7] = 1; /* plane 1 of the last row */

    rig_index(r, 0x3c4, 0x12, 0x05);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 163, 113), 0xff0000);
    CU_ASSERT_EQUAL(rig_pixel(r, 162, 113), 0xffff00);
    rig_free(r);
}

/* It moves, its picture changes: only those lines are drawn. */
static void
test_cursor_moves(void)
{
    VgaRig *r = cursor_rig();
    guint8 *pattern = cirrus_vram(r) + CIRRUS_VRAM - 0x4000;
    pattern[128] = 0x80;
    rig_index(r, 0x3c4, 0x12, 0x01);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 100, 50), 0xff0000);

    fake_out16(r->vm, 0x3c4, 0x2000 | 0x11); /* y 256 */
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 100, 50), 0xffff00);
    CU_ASSERT_EQUAL(rig_pixel(r, 100, 256), 0xff0000);
    CU_ASSERT_EQUAL(r->n_damage, 2);
    fake_mmio_write(r->vm, LFB + CIRRUS_VRAM - 0x4000, 0x80, 1);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 100, 256), 0x0000ff);
    CU_ASSERT_EQUAL(r->n_damage, 1);
    rig_free(r);
}

static void
test_cursor_at_the_edge(void)
{
    VgaRig *r = cursor_rig();
    guint8 *pattern = cirrus_vram(r) + CIRRUS_VRAM - 0x4000;
    memset(pattern, 0xff, 0x4000);
    rig_index(r, 0x3c4, 0x13, 0x3f); /* the last one of the memory */
    rig_index(r, 0x3c4, 0x12, 0x05);

    fake_out16(r->vm, 0x3c4, 632 >> 3 << 8 | 0x10);
    fake_out16(r->vm, 0x3c4, 472 >> 3 << 8 | 0x11);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 639, 479), 0x0000ff);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 473), 0xffff00); /* no wrap */
    fake_out16(r->vm, 0x3c4, 0xfff0); /* all that there is, off the screen */
    fake_out16(r->vm, 0x3c4, 0xfff1);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 639, 479), 0xffff00);
    rig_free(r);
}

/* --- DDC ------------------------------------------------------------------ */

static void
ddc_pins(VgaRig *r, bool clock, bool data)
{
    rig_index(r, 0x3c4, 8, (guint8) (0x40 | (clock ? 1 : 0) | (data ? 2 : 0)));
}

static bool
ddc_bit(VgaRig *r, bool data)
{
    ddc_pins(r, false, data);
    ddc_pins(r, true, data);
    bool seen = rig_index_read(r, 0x3c4, 8) & 0x80;
    ddc_pins(r, false, data);
    return seen;
}

static void
ddc_start(VgaRig *r)
{
    ddc_pins(r, false, true);
    ddc_pins(r, true, true);
    ddc_pins(r, true, false);
    ddc_pins(r, false, false);
}

/* True: somebody acknowledged. */
static bool
ddc_send(VgaRig *r, guint8 byte)
{
    for (unsigned i = 0; i < 8; i++)
        ddc_bit(r, byte & (0x80 >> i));
    return !ddc_bit(r, true);
}

static guint8
ddc_receive(VgaRig *r, bool more)
{
    guint8 byte = 0;

    for (unsigned i = 0; i < 8; i++)
        byte = (guint8) (byte << 1 | ddc_bit(r, true));
    ddc_bit(r, !more);
    return byte;
}

static void
test_ddc(void)
{
    VgaRig *r = cirrus_new();
    guint8 edid[128], sum = 0;

    ddc_start(r);
    CU_ASSERT_TRUE(ddc_send(r, 0xa0));
    CU_ASSERT_TRUE(ddc_send(r, 0));
    ddc_start(r);
    CU_ASSERT_TRUE(ddc_send(r, 0xa1));
    for (unsigned i = 0; i < 128; i++)
        sum = (guint8) (sum + (edid[i] = ddc_receive(r, i < 127)));

    CU_ASSERT_EQUAL(memcmp(edid, "\0\xff\xff\xff\xff\xff\xff\0", 8), 0);
    CU_ASSERT_EQUAL(sum, 0);
    CU_ASSERT_EQUAL(edid[35], 0x21); /* 640x480 and 800x600 at 60 Hz */
    CU_ASSERT_EQUAL(edid[54] | edid[55] << 8, 6500); /* 10 kHz */
    CU_ASSERT_EQUAL(edid[56] | (edid[58] & 0xf0) << 4, 1024);
    CU_ASSERT_EQUAL(edid[59] | (edid[61] & 0xf0) << 4, 768);
    rig_free(r);
}

static void
test_ddc_of_others(void)
{
    VgaRig *r = cirrus_new();

    ddc_start(r);
    CU_ASSERT_FALSE(ddc_send(r, 0x6e));
    CU_ASSERT_FALSE(ddc_send(r, 0xa0)); /* no address: nobody listens */
    rig_free(r);
}

/* --- state ---------------------------------------------------------------- */

static void
test_reset(void)
{
    VgaRig *r = cirrus_new();
    cirrus_mode_set(r, 0x17, 0xc1, 1280);
    rig_index(r, 0x3c4, 0x12, 0x05);

    device_reset(r->vga, RESET_COLD);

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 7), 0);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 0x12), 0);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 0x0f), 0x10); /* 1 MiB */
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, LFB, 1, false));
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, 0xa0000, 1, false));
    rig_free(r);
}

static void
test_restore(void)
{
    VgaRig *r = cirrus_new(), *other = cirrus_new();
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    cirrus_mode_set(r, 0x11, 0, 640);
    rig_index(r, 0x3ce, 9, 0x10);
    device_save(r->vga, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);

    CU_ASSERT_TRUE(device_restore(other->vga, bytes, &error));
    rig_look(other);

    CU_ASSERT_EQUAL(other->frame->width, 640);
    CU_ASSERT_PTR_EQUAL(
        guest_mem_ptr(other->vm->env.mem, 0xa0000, 0x10000, true),
        cirrus_vram(other) + 0x10000);
    CU_ASSERT_PTR_EQUAL(guest_mem_ptr(other->vm->env.mem, LFB, 4096, true),
                        cirrus_vram(other));
    rig_free(r);
    rig_free(other);
}

CU_MAIN("cirrus", {"it_is_a_gd5446_without_dispi", test_identity},
        {"sr6_shows_the_key", test_unlock},
        {"the_fifth_access_is_the_hidden_register", test_hidden_dac},
        {"every_depth_has_its_colours", test_depths},
        {"the_start_has_20_bits", test_start_address},
        {"the_modes_of_linux_and_the_bios_are_shown", test_modes_of_others},
        {"linear_writes_reach_the_frame", test_linear_writes_are_seen},
        {"banks_move_in_steps_of_4_or_16_kib", test_banks},
        {"two_banks_of_32_kib", test_two_banks},
        {"write_modes_4_and_5_expand", test_write_modes},
        {"registers_in_memory_at_either_place", test_mmio_at_b8000},
        {"text_is_a_vgas", test_text_is_a_vgas},
        {"mode_13h_is_a_vgas", test_mode13_is_a_vgas},
        {"a_small_cursor_has_four_kinds_of_pixel", test_small_cursor},
        {"a_large_cursor_has_rows_of_16_bytes", test_large_cursor},
        {"a_cursor_that_moves_redraws_its_lines", test_cursor_moves},
        {"a_cursor_at_the_edge_is_cut_off", test_cursor_at_the_edge},
        {"the_monitor_tells_its_modes", test_ddc},
        {"other_addresses_are_nobodys", test_ddc_of_others},
        {"reset_is_a_plain_vga", test_reset},
        {"a_restored_card_has_its_windows", test_restore})
