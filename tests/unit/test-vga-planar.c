/* tests/unit/test-vga-planar.c - 16-colour, CGA and 256-colour modes: the
 * planes as the CPU sees them, and what they look like. */
#include "tests/unit/cu-main.h"

#include "tests/unit/fake-posted.h"
#include "tests/unit/vga-fixture.h"

#define A000 0xa0000u

static VgaRig *
planar_rig(void)
{
    VgaRig *r = rig_new(1);

    rig_set_mode(r, &regs_mode12);
    rig_ega_palette(r);
    return r;
}

static void
gr(VgaRig *r, guint8 index, guint8 value)
{
    rig_index(r, 0x3ce, index, value);
}

static void
poke(VgaRig *r, guint32 at, guint8 value)
{
    fake_mmio_write(r->vm, A000 + at, value, 1);
}

static guint8
peek(VgaRig *r, guint32 at)
{
    return (guint8) fake_mmio_read(r->vm, A000 + at, 1);
}

/* The byte of one plane, by read mode 0. */
static guint8
plane(VgaRig *r, guint8 n, guint32 at)
{
    gr(r, 5, 0);
    gr(r, 4, n);
    return peek(r, at);
}

static void
test_map_mask(void)
{
    VgaRig *r = planar_rig();

    rig_index(r, 0x3c4, 2, 0x05);
    poke(r, 100, 0x3c);

    CU_ASSERT_EQUAL(plane(r, 0, 100), 0x3c);
    CU_ASSERT_EQUAL(plane(r, 1, 100), 0x00);
    CU_ASSERT_EQUAL(plane(r, 2, 100), 0x3c);
    CU_ASSERT_EQUAL(plane(r, 3, 100), 0x00);
    rig_free(r);
}

static void
test_set_reset(void)
{
    VgaRig *r = planar_rig();

    gr(r, 0, 0x02); /* plane 1 set, others reset */
    gr(r, 1, 0x03); /* planes 0 and 1 by set/reset */
    poke(r, 0, 0xa5);

    CU_ASSERT_EQUAL(plane(r, 0, 0), 0x00);
    CU_ASSERT_EQUAL(plane(r, 1, 0), 0xff);
    CU_ASSERT_EQUAL(plane(r, 2, 0), 0xa5);
    rig_free(r);
}

static void
test_rotate_and_logic(void)
{
    VgaRig *r = planar_rig();
    poke(r, 0, 0xf0);
    peek(r, 0); /* latches f0 in all planes */

    gr(r, 3, 0x18 | 4); /* XOR, rotate by 4 */
    poke(r, 1, 0x3f);
    CU_ASSERT_EQUAL(plane(r, 0, 1), 0xf0 ^ 0xf3);

    peek(r, 0);
    gr(r, 3, 0x08); /* AND */
    poke(r, 2, 0x3c);
    CU_ASSERT_EQUAL(plane(r, 0, 2), 0x30);

    peek(r, 0);
    gr(r, 3, 0x10); /* OR */
    poke(r, 3, 0x0c);
    CU_ASSERT_EQUAL(plane(r, 0, 3), 0xfc);
    rig_free(r);
}

static void
test_bit_mask(void)
{
    VgaRig *r = planar_rig();
    poke(r, 7, 0xff);
    peek(r, 7);

    gr(r, 8, 0x0f);
    poke(r, 7, 0x00);

    CU_ASSERT_EQUAL(plane(r, 3, 7), 0xf0);
    rig_free(r);
}

static void
test_write_mode_1(void)
{
    VgaRig *r = planar_rig();
    rig_index(r, 0x3c4, 2, 0x02);
    poke(r, 10, 0x77);
    rig_index(r, 0x3c4, 2, 0x0f);

    gr(r, 5, 1);
    peek(r, 10);
    poke(r, 20, 0x00);

    CU_ASSERT_EQUAL(plane(r, 1, 20), 0x77);
    CU_ASSERT_EQUAL(plane(r, 0, 20), 0x00);
    rig_free(r);
}

static void
test_write_mode_2(void)
{
    VgaRig *r = planar_rig();

    gr(r, 5, 2);
    gr(r, 8, 0x80);
    peek(r, 0);
    poke(r, 0, 0x0a);

    CU_ASSERT_EQUAL(plane(r, 0, 0), 0x00);
    CU_ASSERT_EQUAL(plane(r, 1, 0), 0x80);
    CU_ASSERT_EQUAL(plane(r, 3, 0), 0x80);
    rig_free(r);
}

static void
test_write_mode_3(void)
{
    VgaRig *r = planar_rig();
    poke(r, 0, 0xff);
    peek(r, 0);

    gr(r, 0, 0x04);
    gr(r, 5, 3);
    gr(r, 8, 0x3c);
    poke(r, 0, 0x0f); /* mask is 0f & 3c */

    CU_ASSERT_EQUAL(plane(r, 0, 0), 0xf3);
    CU_ASSERT_EQUAL(plane(r, 2, 0), 0xff);
    rig_free(r);
}

static void
test_color_compare(void)
{
    VgaRig *r = planar_rig();
    rig_index(r, 0x3c4, 2, 0x01);
    poke(r, 0, 0xf0);
    rig_index(r, 0x3c4, 2, 0x04);
    poke(r, 0, 0xcc);

    gr(r, 5, 0x08);
    gr(r, 2, 0x05); /* planes 0 and 2 set */
    gr(r, 7, 0x0f);
    CU_ASSERT_EQUAL(peek(r, 0), 0xc0);
    gr(r, 7, 0x01); /* only plane 0 matters */
    CU_ASSERT_EQUAL(peek(r, 0), 0xf0);
    gr(r, 7, 0x00);
    CU_ASSERT_EQUAL(peek(r, 0), 0xff);
    rig_free(r);
}

static void
test_window_trapped(void)
{
    VgaRig *r = planar_rig();

    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, A000, 1, false));
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8000, 1), 0xff);
    fake_out8(r->vm, 0x3c2, 0xe1); /* CPU access off */
    poke(r, 0, 0x11);
    CU_ASSERT_EQUAL(peek(r, 0), 0xff);
    rig_free(r);
}

static void
test_mode_12_pixels(void)
{
    VgaRig *r = planar_rig();
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->width, 640);
    CU_ASSERT_EQUAL(r->frame->height, 480);
    CU_ASSERT_FALSE(r->frame->text);

    rig_index(r, 0x3c4, 2, 0x0c); /* planes 2 and 3: bright red */
    poke(r, 80 * 10 + 1, 0x81);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 8, 10), 0xff5555);
    CU_ASSERT_EQUAL(rig_pixel(r, 9, 10), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 15, 10), 0xff5555);
    CU_ASSERT_EQUAL(r->n_damage, 1);
    CU_ASSERT_EQUAL(r->damage[0].x, 8);
    CU_ASSERT_EQUAL(r->damage[0].y, 10);
    CU_ASSERT_EQUAL(r->damage[0].w, 8);
    CU_ASSERT_EQUAL(r->damage[0].h, 1);
    rig_free(r);
}

static void
test_mode_12_scroll_pan(void)
{
    VgaRig *r = planar_rig();
    poke(r, 80 * 5, 0x80);

    rig_index(r, 0x3d4, 0x0d, 80);
    rig_look(r);
    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 0, 4), 0);
    rig_index(r, 0x3d4, 0x0d, 79);
    rig_attr(r, 0x13, 3);
    rig_look(r);

    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 5, 4), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 8, 4), 0);
    rig_free(r);
}

static VgaRig *
mode13_rig(void)
{
    VgaRig *r = rig_new(1);

    rig_set_mode(r, &regs_mode13);
    rig_dac(r, 200, 63, 0, 32);
    return r;
}

static void
test_mode_13_is_memory(void)
{
    VgaRig *r = mode13_rig();
    guint8 *mem = guest_mem_ptr(r->vm->env.mem, A000, 0x10000, true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->width, 640);
    CU_ASSERT_EQUAL(r->frame->height, 400);

    poke(r, 320 * 100 + 7, 200);
    rig_look(r);

    CU_ASSERT_EQUAL(mem[320 * 100 + 7], 200);
    CU_ASSERT_EQUAL(rig_pixel(r, 14, 200), 0xff0082);
    CU_ASSERT_EQUAL(rig_pixel(r, 15, 201), 0xff0082);
    CU_ASSERT_EQUAL(rig_pixel(r, 16, 201), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 14, 202), 0);
    CU_ASSERT_EQUAL(r->damage[0].w, 2);
    CU_ASSERT_EQUAL(r->damage[0].h, 2);
    rig_free(r);
}

static void
test_palette_animation(void)
{
    VgaRig *r = mode13_rig();
    poke(r, 0, 200);
    rig_look(r);

    rig_dac(r, 200, 0, 63, 0);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x00ff00);
    CU_ASSERT_EQUAL(r->damage[0].w, 2);
    rig_free(r);
}

/* Mode X, 320x240: chain-4 off, byte mode, 480 lines. */
static void
test_mode_x(void)
{
    VgaRig *r = mode13_rig();
    rig_index(r, 0x3c4, 4, 0x06);
    fake_out8(r->vm, 0x3c2, 0xe3);
    rig_index(r, 0x3d4, 0x11, 0x2c);
    rig_index(r, 0x3d4, 0x06, 0x0d);
    rig_index(r, 0x3d4, 0x07, 0x3e);
    rig_index(r, 0x3d4, 0x10, 0xea);
    rig_index(r, 0x3d4, 0x11, 0xac);
    rig_index(r, 0x3d4, 0x12, 0xdf);
    rig_index(r, 0x3d4, 0x14, 0x00);
    rig_index(r, 0x3d4, 0x17, 0xe3);

    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, A000, 1, false));
    rig_index(r, 0x3c4, 2, 0x02); /* pixels 1, 5, 9 .. */
    poke(r, 80 * 239 + 1, 200);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->height, 480);
    CU_ASSERT_EQUAL(rig_pixel(r, 10, 478), 0xff0082);
    CU_ASSERT_EQUAL(rig_pixel(r, 11, 479), 0xff0082);
    CU_ASSERT_EQUAL(rig_pixel(r, 12, 479), 0);
    rig_free(r);
}

static void
test_cga_4_colours(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode4);
    rig_ega_palette(r);

    fake_mmio_write(r->vm, 0xb8000, 0x1b, 1);      /* colours 0 1 2 3 */
    fake_mmio_write(r->vm, 0xb8001, 0x40, 1);      /* fifth pixel: 1 */
    fake_mmio_write(r->vm, 0xba000, 0xff, 1);      /* line 1 */
    fake_mmio_write(r->vm, 0xb8000 + 80, 0x80, 1); /* line 2 */
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->width, 640);
    CU_ASSERT_EQUAL(r->frame->height, 400);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x000000);
    CU_ASSERT_EQUAL(rig_pixel(r, 2, 0), 0x00ffaa); /* DAC 13h */
    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 2, 1), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 8, 0), rig_pixel(r, 2, 0));
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 2), rig_pixel(r, 6, 0));
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 4), rig_pixel(r, 4, 0));
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xba000, 1), 0xff);
    rig_free(r);
}

static void
test_cga_640(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode6);
    rig_ega_palette(r);

    fake_mmio_write(r->vm, 0xb8000, 0x80, 1);
    fake_mmio_write(r->vm, 0xba000 + 79, 0x01, 1);
    rig_look(r);

    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 0, 0), 0);
    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 0, 1), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 1, 0), 0);
    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 639, 2), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 639, 0), 0);
    rig_free(r);
}

static void
test_dac_sequence(void)
{
    VgaRig *r = planar_rig();
    rig_dac(r, 10, 1, 2, 3);
    rig_dac(r, 11, 0xff, 5, 6);

    fake_out8(r->vm, 0x3c7, 10);

    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c7), 3);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c9), 1);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c9), 2);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c9), 3);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c9), 0x3f); /* six bits */
    fake_out8(r->vm, 0x3c8, 0);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c7), 0);
    rig_free(r);
}

static void
test_crtc_protection(void)
{
    VgaRig *r = planar_rig(); /* CR11 bit 7 is set: 8c */

    rig_index(r, 0x3d4, 0, 0x12);
    rig_index(r, 0x3d4, 7, 0x00);
    rig_index(r, 0x3d4, 0x13, 0x50);

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3d4, 0), 0x5f);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3d4, 7), 0x2e); /* only bit 4 */
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3d4, 0x13), 0x50);
    rig_free(r);
}

static void
test_reserved_bits(void)
{
    VgaRig *r = planar_rig();

    rig_index(r, 0x3c4, 2, 0xff);
    rig_index(r, 0x3ce, 4, 0xff);
    rig_index(r, 0x3ce, 0x0b, 0xff); /* no such register */

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 2), 0x0f);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 4), 0x03);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 0x0b), 0x00);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 6), 0x00);
    rig_free(r);
}

static void
test_attr_flip_flop(void)
{
    VgaRig *r = planar_rig();
    fake_in8(r->vm, 0x3da);
    fake_out8(r->vm, 0x3c0, 0x31);

    fake_in8(r->vm, 0x3da);        /* index again */
    fake_out8(r->vm, 0x3c0, 0x32); /* not data */

    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c0), 0x32);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c1), 0x0f);
    rig_free(r);
}

static void
test_registers_sweep(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode12);
    rig_look(r);

    for (unsigned i = 0; i < 0x10000; i++) {
        static const guint16 port[4] = {0x3c4, 0x3ce, 0x3d4, 0x3b4};
        rig_index(r, port[i & 3], (guint8) ((i >> 2) & 0x1f),
                  (guint8) (i * 167 + (i >> 7)));
        fake_out8(r->vm, 0x3c0, (guint8) (i >> 3));
        fake_mmio_write(r->vm, 0xa0000 + (i * 7919) % 0x1fff8, i, 8);
        fake_mmio_read(r->vm, 0xa0000 + (i * 104729) % 0x1fff8, 8);
        if (i % 64 == 0)
            rig_look(r);
    }

    CU_ASSERT_TRUE(r->frame->width >= 1 && r->frame->width <= SCREEN_MAX_W);
    rig_free(r);
}

static void
test_writes_are_posted(void)
{
    VgaRig *r = planar_rig();
    FakePosted posted = {0};

    io_space_set_backend(r->vm->env.mmio, &fake_posted_ops, &posted);
    poke(r, 0, 0xff);
    CU_ASSERT_EQUAL(posted.len, 0); /* who tries one out is no painter */
    for (unsigned i = 0; i < 100; i++)
        poke(r, i, 0xff);
    CU_ASSERT_EQUAL(posted.addr, A000);
    CU_ASSERT_EQUAL(posted.len, 0x10000);
    unsigned before = posted.flushes;
    rig_look(r);
    CU_ASSERT_TRUE(posted.flushes > before);
    rig_free(r);
}

CU_MAIN("vga-planar", {"map_mask_selects_planes", test_map_mask},
        {"set_reset_replaces_cpu_data", test_set_reset},
        {"data_is_rotated_then_combined_with_the_latch", test_rotate_and_logic},
        {"bit_mask_keeps_latched_bits", test_bit_mask},
        {"write_mode_1_copies_latches", test_write_mode_1},
        {"write_mode_2_spreads_the_colour", test_write_mode_2},
        {"write_mode_3_masks_by_data", test_write_mode_3},
        {"read_mode_1_compares_colours", test_color_compare},
        {"planar_window_is_trapped_and_can_be_off", test_window_trapped},
        {"many_writes_are_posted_and_fetched_for_the_picture",
         test_writes_are_posted},
        {"mode_12_draws_and_damages_only_the_write", test_mode_12_pixels},
        {"mode_12_scrolls_and_pans", test_mode_12_scroll_pan},
        {"mode_13_is_guest_memory", test_mode_13_is_memory},
        {"palette_animation_redraws", test_palette_animation},
        {"mode_x_is_unchained_and_240_lines", test_mode_x},
        {"cga_4_colours_interleave_lines", test_cga_4_colours},
        {"cga_640_uses_one_plane", test_cga_640},
        {"dac_reads_back_in_triples", test_dac_sequence},
        {"crtc_0_to_7_can_be_protected", test_crtc_protection},
        {"reserved_bits_read_as_zero", test_reserved_bits},
        {"reading_3da_resets_the_attribute_flip_flop", test_attr_flip_flop},
        {"any_register_values_stay_inside_memory", test_registers_sweep})
