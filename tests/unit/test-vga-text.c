/* tests/unit/test-vga-text.c - text modes: the window as memory, fonts,
 * attributes, cursor, scrolling, and what a viewer gets of them. */
#include "tests/unit/cu-main.h"

#include "tests/unit/vga-fixture.h"

#define WHITE 0xaaaaaau

/* A glyph with only its left dot set on every line, and one that is solid. */
static const guint8 left_dot[16] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                    0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                    0x80, 0x80, 0x80, 0x80};
static const guint8 solid[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff};

static VgaRig *
text_rig(void)
{
    VgaRig *r = rig_new(1);

    rig_set_mode(r, &regs_mode3);
    rig_ega_palette(r);
    rig_load_glyph(r, 0, 'L', left_dot, 16);
    rig_load_glyph(r, 0, 'S', solid, 16);
    rig_load_glyph(r, 0, 0xc4, solid, 16);
    rig_index(r, 0x3d4, 0x0a, 0x20); /* cursor off */
    return r;
}

static void
test_geometry(void)
{
    VgaRig *r = text_rig();

    rig_look(r);

    CU_ASSERT_TRUE(r->frame->text);
    CU_ASSERT_EQUAL(r->frame->cols, 80);
    CU_ASSERT_EQUAL(r->frame->rows, 25);
    CU_ASSERT_EQUAL(r->frame->width, 720);
    CU_ASSERT_EQUAL(r->frame->height, 400);
    CU_ASSERT_EQUAL(r->frame->header->cell_w, 9);
    CU_ASSERT_EQUAL(r->frame->header->cell_h, 16);
    rig_free(r);
}

static void
test_window_is_memory(void)
{
    VgaRig *r = text_rig();
    guint8 *text = guest_mem_ptr(r->vm->env.mem, 0xb8000, 0x8000, true);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    text[0] = 'H';
    text[1] = 0x1f;
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, 'H');
    CU_ASSERT_EQUAL(r->frame->cells[0].fg, 15);
    CU_ASSERT_EQUAL(r->frame->cells[0].bg, 1);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8000, 2), 0x1f48);
    rig_free(r);
}

static void
test_mono_window(void)
{
    VgaRig *r = rig_new(1);

    rig_set_mode(r, &regs_mode7);

    CU_ASSERT_PTR_NOT_NULL(
        guest_mem_ptr(r->vm->env.mem, 0xb0000, 0x8000, true));
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, 0xb8000, 1, false));
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3d4), 0xff);
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3b4, 1), 0x4f);
    rig_free(r);
}

static void
test_font_access_keeps_text(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 5, 'x', 0x07);
    rig_cell(r, 0x3fff, 'z', 0x70);

    rig_load_glyph(r, 0, 'Q', solid, 16);

    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb800a, 2), 0x0778);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xbfffe, 2), 0x707a);
    rig_free(r);
}

static void
test_glyph_pixels(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 81, 'L', 0x17);

    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 9, 16), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 10, 16), 0x0000aa);
    CU_ASSERT_EQUAL(rig_pixel(r, 17, 31), 0x0000aa);
    CU_ASSERT_EQUAL(rig_pixel(r, 8, 16), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 9, 32), 0);
    rig_free(r);
}

static void
test_ninth_dot(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, 'S', 0x07);
    rig_cell(r, 1, 0xc4, 0x07);

    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 7, 0), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 8, 0), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 17, 0), WHITE);
    rig_free(r);
}

static void
test_damage_is_one_cell(void)
{
    VgaRig *r = text_rig();
    rig_look(r);

    rig_cell(r, 80 * 3 + 4, 'S', 0x07);
    rig_look(r);

    CU_ASSERT_EQUAL(r->n_damage, 1);
    CU_ASSERT_EQUAL(r->damage[0].x, 36);
    CU_ASSERT_EQUAL(r->damage[0].y, 48);
    CU_ASSERT_EQUAL(r->damage[0].w, 9);
    CU_ASSERT_EQUAL(r->damage[0].h, 16);
    rig_look(r);
    CU_ASSERT_EQUAL(r->n_damage, 0);
    rig_free(r);
}

static void
test_font_change(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, 'L', 0x07);
    rig_look(r);

    rig_load_glyph(r, 0, 'L', solid, 16);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 5, 5), WHITE);
    CU_ASSERT_TRUE(r->n_damage > 0);
    rig_free(r);
}

static void
test_second_font(void)
{
    VgaRig *r = text_rig();
    rig_load_glyph(r, 0x2000, 'L', solid, 16); /* map 4: 8 KiB */
    rig_index(r, 0x3c4, 3, 0x20);              /* attribute bit 3 set: map 4 */
    rig_cell(r, 0, 'L', 0x07);
    rig_cell(r, 1, 'L', 0x0f);

    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 4, 0), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 13, 0), 0xffffff);
    rig_free(r);
}

static void
test_blink_or_bright(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, ' ', 0x9f);
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->cells[0].bg, 1);
    CU_ASSERT_EQUAL(r->frame->cells[0].blink, 1);

    rig_attr(r, 0x10, 0x04); /* bright backgrounds */
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->cells[0].bg, 9);
    CU_ASSERT_EQUAL(r->frame->cells[0].blink, 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x5555ff);
    rig_free(r);
}

static void
test_blink_phase(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, 'S', 0x87);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), WHITE);

    /* 16 frames of 14.27 ms are 228 ms */
    fake_advance(r->vm, 180 * 1000000);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0);
    fake_advance(r->vm, 180 * 1000000);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), WHITE);
    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, 'S');
    rig_free(r);
}

static void
test_underline(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode7);
    rig_ega_palette(r);
    rig_index(r, 0x3b4, 0x0a, 0x20);
    rig_index(r, 0x3b4, 0x14, 0x0d);
    fake_mmio_write(r->vm, 0xb0000, 0x0120, 2);

    rig_look(r);

    CU_ASSERT_NOT_EQUAL(rig_pixel(r, 0, 13), rig_pixel(r, 0, 12));
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 12), 0);
    rig_free(r);
}

static void
test_cursor(void)
{
    VgaRig *r = text_rig();
    rig_index(r, 0x3d4, 0x0a, 0x0d);
    rig_index(r, 0x3d4, 0x0b, 0x0e);
    rig_index(r, 0x3d4, 0x0e, 0);
    rig_index(r, 0x3d4, 0x0f, 82);
    rig_cell(r, 82, ' ', 0x07);

    rig_look(r);

    const ScreenHeader *h = r->frame->header;
    CU_ASSERT_EQUAL(h->cursor_visible, 1);
    CU_ASSERT_EQUAL(h->cursor_x, 2);
    CU_ASSERT_EQUAL(h->cursor_y, 1);
    CU_ASSERT_EQUAL(h->cursor_start, 13);
    CU_ASSERT_EQUAL(h->cursor_end, 14);
    CU_ASSERT_EQUAL(rig_pixel(r, 18, 16 + 13), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 26, 16 + 14), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 18, 16 + 12), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 18, 16 + 15), 0);
    rig_free(r);
}

static void
test_cursor_disabled(void)
{
    VgaRig *r = text_rig();
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->header->cursor_visible, 0);

    rig_index(r, 0x3d4, 0x0a, 0x0e);
    rig_index(r, 0x3d4, 0x0b, 0x0d); /* start after end: none on a VGA */
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->header->cursor_visible, 0);

    rig_index(r, 0x3d4, 0x0a, 0x00);
    rig_index(r, 0x3d4, 0x0e, 0x7f); /* far below the screen */
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->header->cursor_visible, 0);
    rig_free(r);
}

static void
test_start_address(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 160, 'S', 0x07);

    rig_index(r, 0x3d4, 0x0d, 160);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, 'S');
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), WHITE);
    rig_free(r);
}

static void
test_split_screen(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, 'S', 0x07);
    rig_index(r, 0x3d4, 0x0c, 0x10); /* top: from cell 4096 */
    rig_index(r, 0x3d4, 0x07, 0x0f); /* line compare bit 8 */
    rig_index(r, 0x3d4, 0x09, 0x0f); /* and bit 9 */
    rig_index(r, 0x3d4, 0x18, 199);

    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 199), 0);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 200), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 215), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 216), 0);
    rig_free(r);
}

static void
test_pel_panning(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 1, 'L', 0x07);

    rig_attr(r, 0x13, 2); /* 9-dot text: 2 means three dots */
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 6, 0), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 9, 0), 0);
    rig_free(r);
}

static void
test_fifty_lines(void)
{
    VgaRig *r = text_rig();

    rig_index(r, 0x3d4, 0x09, 0x47);
    rig_cell(r, 80 * 49, 'S', 0x07);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->rows, 50);
    CU_ASSERT_EQUAL(r->frame->header->cell_h, 8);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 399), WHITE);
    rig_free(r);
}

static void
test_forty_columns(void)
{
    VgaRig *r = text_rig();

    rig_index(r, 0x3c4, 1, 0x08);
    rig_index(r, 0x3d4, 0x11, 0x0e); /* unprotect */
    rig_index(r, 0x3d4, 1, 39);
    rig_index(r, 0x3d4, 0x13, 20);
    rig_cell(r, 0, 'L', 0x07);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->cols, 40);
    CU_ASSERT_EQUAL(r->frame->width, 720);
    CU_ASSERT_EQUAL(rig_pixel(r, 1, 0), WHITE);
    CU_ASSERT_EQUAL(rig_pixel(r, 2, 0), 0);
    rig_free(r);
}

static void
test_display_text(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, 'A', 7);
    rig_cell(r, 1, ':', 7);

    display_refresh_now(r->display);
    g_autofree char *text = display_text(r->display);

    CU_ASSERT_TRUE(g_str_has_prefix(text, "A:\n\n"));
    rig_free(r);
}

static void
test_blank(void)
{
    VgaRig *r = text_rig();
    rig_cell(r, 0, 'S', 0x07);
    rig_look(r);

    rig_index(r, 0x3c4, 1, 0x20); /* screen off */
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0);
    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, ' ');
    rig_index(r, 0x3c4, 1, 0x00);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), WHITE);
    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, 'S');
    rig_free(r);
}

static void
test_before_bios(void)
{
    VgaRig *r = rig_new(1);

    rig_look(r);

    CU_ASSERT_PTR_NOT_NULL_FATAL(r->frame);
    CU_ASSERT_EQUAL(r->frame->cols, 80);
    CU_ASSERT_EQUAL(r->frame->rows, 25);
    rig_free(r);
}

static void
test_no_viewer_no_work(void)
{
    VgaRig *r = text_rig();
    rig_look(r);
    guint32 seq = r->frame->header->seq;
    viewer_end(r->viewer);
    g_clear_pointer(&r->viewer, viewer_detach);
    fake_advance(r->vm, 1000000);

    rig_cell(r, 0, 'S', 0x07);
    fake_advance(r->vm, 500 * 1000000);

    CU_ASSERT_EQUAL(display_header(r->display)->seq, seq);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), WHITE);
    rig_free(r);
}

CU_MAIN("vga-text", {"mode_3_is_80_by_25_cells_of_9_by_16", test_geometry},
        {"text_window_is_guest_memory", test_window_is_memory},
        {"mono_text_sits_at_b0000_and_ports_at_3b0", test_mono_window},
        {"font_access_keeps_the_text", test_font_access_keeps_text},
        {"glyphs_are_drawn_in_their_colours", test_glyph_pixels},
        {"line_graphics_extend_into_the_ninth_dot", test_ninth_dot},
        {"damage_is_the_changed_cell", test_damage_is_one_cell},
        {"a_changed_glyph_redraws_the_screen", test_font_change},
        {"attribute_bit_3_selects_the_second_font", test_second_font},
        {"bit_7_blinks_or_brightens", test_blink_or_bright},
        {"blinking_text_disappears_every_16_frames", test_blink_phase},
        {"mono_attribute_1_is_underlined", test_underline},
        {"cursor_has_the_programmed_shape_and_place", test_cursor},
        {"cursor_can_be_off", test_cursor_disabled},
        {"start_address_scrolls", test_start_address},
        {"line_compare_splits_the_screen", test_split_screen},
        {"pel_panning_moves_the_glyphs", test_pel_panning},
        {"eight_scan_lines_give_50_rows", test_fifty_lines},
        {"forty_columns_are_twice_as_wide", test_forty_columns},
        {"screen_text_needs_no_viewer", test_display_text},
        {"screen_off_blanks_and_comes_back", test_blank},
        {"before_the_bios_there_is_an_empty_screen", test_before_bios},
        {"without_a_viewer_nothing_is_drawn", test_no_viewer_no_work})
