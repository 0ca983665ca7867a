/* tests/unit/test-vga-vbe.c - the Bochs DISPI registers, banks, the linear
 * frame buffer and the MMIO BAR. */
#include "tests/unit/cu-main.h"

#include "tests/unit/vga-fixture.h"
#include "vmm/core/sysutil.h"

enum { ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_W, VIRT_H, X_OFF, Y_OFF, MEM };

static void
set_vbe(VgaRig *r, guint16 w, guint16 h, guint16 bpp, guint16 flags)
{
    rig_vbe(r, ENABLE, 0);
    rig_vbe(r, XRES, w);
    rig_vbe(r, YRES, h);
    rig_vbe(r, BPP, bpp);
    rig_vbe(r, ENABLE, 1 | flags);
    fake_in8(r->vm, 0x3da);
    fake_out8(r->vm, 0x3c0, 0x20);
}

static VgaRig *
vbe_rig(guint64 mib)
{
    VgaRig *r = rig_new(mib);

    fake_out8(r->vm, 0x3c2, 0x63);
    return r;
}

static void
test_id(void)
{
    VgaRig *r = vbe_rig(16);

    CU_ASSERT_EQUAL(rig_vbe_read(r, ID), 0xb0c5);
    rig_vbe(r, ID, 0xb0c0);
    CU_ASSERT_EQUAL(rig_vbe_read(r, ID), 0xb0c0);
    rig_vbe(r, ID, 0x1234);
    CU_ASSERT_EQUAL(rig_vbe_read(r, ID), 0xb0c0);
    rig_vbe(r, ID, 0xb0c6);
    CU_ASSERT_EQUAL(rig_vbe_read(r, ID), 0xb0c0);
    CU_ASSERT_EQUAL(rig_vbe_read(r, MEM), 256);
    CU_ASSERT_EQUAL(rig_vbe_read(r, 0x77), 0);
    rig_free(r);
}

static void
test_caps(void)
{
    VgaRig *r = vbe_rig(16);

    rig_vbe(r, ENABLE, 2);

    CU_ASSERT_EQUAL(rig_vbe_read(r, XRES), 2560);
    CU_ASSERT_EQUAL(rig_vbe_read(r, YRES), 1600);
    CU_ASSERT_EQUAL(rig_vbe_read(r, BPP), 32);
    rig_free(r);
}

static void
test_lfb_32(void)
{
    VgaRig *r = vbe_rig(16);
    set_vbe(r, 800, 600, 32, 0x40);
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->width, 800);
    CU_ASSERT_EQUAL(r->frame->height, 600);
    CU_ASSERT_EQUAL(rig_vbe_read(r, VIRT_W), 800);

    /* through DMA-like writes, which the dirty log sees */
    guint32 color = 0xff123456;
    guest_mem_write(r->vm->env.mem, LFB + (800 * 20 + 30) * 4, &color, 4);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 30, 20), 0x123456);
    CU_ASSERT_EQUAL(r->n_damage, 1);
    CU_ASSERT_EQUAL(r->damage[0].x, 30);
    CU_ASSERT_EQUAL(r->damage[0].y, 20);
    CU_ASSERT_EQUAL(r->damage[0].w, 1);
    rig_free(r);
}

static void
test_depths(void)
{
    VgaRig *r = vbe_rig(16);
    guint8 *lfb = guest_mem_ptr(r->vm->env.mem, LFB, 16 << 20, true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lfb);

    set_vbe(r, 64, 64, 16, 0x40);
    memcpy(lfb, "\x1f\xf8", 2); /* red and blue */
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0xff00ff);

    set_vbe(r, 64, 64, 15, 0x40);
    memcpy(lfb, "\xe0\x03", 2); /* green */
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x00ff00);

    set_vbe(r, 64, 64, 24, 0x40);
    memcpy(lfb + 3, "\x11\x22\x33", 3);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 1, 0), 0x332211);

    set_vbe(r, 64, 64, 8, 0x60); /* 8-bit DAC */
    rig_dac(r, 5, 0x80, 0x90, 0xa0);
    lfb[0] = 5;
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x8090a0);
    rig_free(r);
}

static void
test_clear(void)
{
    VgaRig *r = vbe_rig(16);
    guint8 *lfb = guest_mem_ptr(r->vm->env.mem, LFB, 4096, true);
    lfb[5] = 0x55;

    set_vbe(r, 640, 480, 8, 0x80);
    CU_ASSERT_EQUAL(lfb[5], 0x55);
    set_vbe(r, 640, 480, 8, 0);

    CU_ASSERT_EQUAL(lfb[5], 0);
    rig_free(r);
}

static void
test_banks(void)
{
    VgaRig *r = vbe_rig(16);
    guint8 *lfb = guest_mem_ptr(r->vm->env.mem, LFB, 16 << 20, true);
    set_vbe(r, 640, 480, 8, 0);
    rig_look(r);

    rig_vbe(r, BANK, 3);
    fake_mmio_write(r->vm, 0xa0010, 0x77, 1);
    CU_ASSERT_EQUAL(lfb[3 * 65536 + 16], 0x77);
    CU_ASSERT_PTR_EQUAL(guest_mem_ptr(r->vm->env.mem, 0xa0000, 0x10000, true),
                        lfb + 3 * 65536);
    rig_dac(r, 0x77, 63, 63, 63);
    rig_look(r);
    /* byte 196624 is line 307, column 144 */
    CU_ASSERT_EQUAL(rig_pixel(r, 144, 307), 0xffffff);

    rig_vbe(r, BANK, 0xffff);
    CU_ASSERT_EQUAL(rig_vbe_read(r, BANK), 255);
    rig_free(r);
}

static void
test_bank_written_then_switched(void)
{
    VgaRig *r = vbe_rig(16);
    guint8 color = 0x77;
    set_vbe(r, 640, 480, 8, 0);
    rig_dac(r, 0x77, 63, 63, 63);
    rig_look(r);

    rig_vbe(r, BANK, 1);
    guest_mem_write(r->vm->env.mem, 0xa0000, &color, 1);
    rig_vbe(r, BANK, 0); /* the slot's dirty log is gone */
    rig_look(r);

    /* byte 65536 is line 102, column 256 */
    CU_ASSERT_EQUAL(rig_pixel(r, 256, 102), 0xffffff);
    rig_free(r);
}

static void
test_scrolling(void)
{
    VgaRig *r = vbe_rig(16);
    guint8 *lfb = guest_mem_ptr(r->vm->env.mem, LFB, 16 << 20, true);
    set_vbe(r, 640, 480, 32, 0x40);
    rig_vbe(r, VIRT_W, 1024);
    CU_ASSERT_EQUAL(rig_vbe_read(r, VIRT_H), 4096);
    lfb[(1024 * 100 + 50) * 4] = 0xff;

    rig_vbe(r, X_OFF, 50);
    rig_vbe(r, Y_OFF, 100);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x0000ff);
    rig_free(r);
}

static void
test_too_wide(void)
{
    VgaRig *r = vbe_rig(1);
    set_vbe(r, 640, 400, 32, 0x40);

    rig_vbe(r, VIRT_W, 4000); /* 400 lines would need 6 MiB */
    CU_ASSERT_EQUAL(rig_vbe_read(r, VIRT_W), 640);
    rig_vbe(r, VIRT_W, 100);
    CU_ASSERT_EQUAL(rig_vbe_read(r, VIRT_W), 640);
    rig_free(r);
}

static void
test_out_of_range(void)
{
    VgaRig *r = vbe_rig(1);
    set_vbe(r, 2560, 1600, 32, 0x40); /* 16 MiB of 1 */
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->width, 2560);
    CU_ASSERT_EQUAL(r->frame->height, 102);

    rig_vbe(r, Y_OFF, 0xffff);
    rig_vbe(r, X_OFF, 0xffff);
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0);
    rig_vbe(r, XRES, 0xffff);
    CU_ASSERT_EQUAL(rig_vbe_read(r, XRES), 2560);
    rig_vbe(r, BPP, 77);
    CU_ASSERT_EQUAL(rig_vbe_read(r, BPP), 32);
    set_vbe(r, 0, 0, 0, 0x40);
    rig_look(r);
    CU_ASSERT_EQUAL(r->frame->width, 1);
    CU_ASSERT_EQUAL(r->frame->height, 1);
    rig_free(r);
}

static void
test_planar_800(void)
{
    VgaRig *r = vbe_rig(16);
    rig_set_mode(r, &regs_mode12);
    rig_ega_palette(r);
    set_vbe(r, 800, 600, 4, 0);

    rig_index(r, 0x3c4, 2, 0x04);
    fake_mmio_write(r->vm, 0xa0000 + 100 * 599 + 99, 0x01, 1);
    rig_look(r);

    CU_ASSERT_EQUAL(r->frame->width, 800);
    CU_ASSERT_EQUAL(rig_pixel(r, 799, 599), 0xaa0000);
    CU_ASSERT_EQUAL(rig_pixel(r, 798, 599), 0);
    rig_free(r);
}

static void
test_back_to_text(void)
{
    VgaRig *r = vbe_rig(16);
    rig_set_mode(r, &regs_mode3);
    rig_cell(r, 0, 'A', 7);

    set_vbe(r, 640, 480, 32, 0xc0); /* keeps memory: text sits in planes */
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8000, 1), 0xff);
    rig_vbe(r, ENABLE, 0);

    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8000, 2), 0x0741);
    rig_free(r);
}

static void
test_mmio(void)
{
    VgaRig *r = vbe_rig(16);

    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x500, 2), 0xb0c5);
    fake_mmio_write(r->vm, REGS + 0x502, 1024, 2);
    fake_mmio_write(r->vm, REGS + 0x504, 768 | 16 << 16, 4);
    CU_ASSERT_EQUAL(rig_vbe_read(r, XRES), 1024);
    CU_ASSERT_EQUAL(rig_vbe_read(r, YRES), 768);
    CU_ASSERT_EQUAL(rig_vbe_read(r, BPP), 16);
    fake_mmio_write(r->vm, REGS + 0x40e, 0x0508, 2); /* 3CE, 3CF */
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3ce, 8), 0x05);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x600, 4), 8);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x604, 4), 0x1e1e1e1e);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x420, 4), 0xffffffff);
    rig_free(r);
}

static void
test_lfb_moves(void)
{
    VgaRig *r = vbe_rig(16);
    set_vbe(r, 64, 64, 32, 0x40);
    rig_look(r);
    guint8 color[4] = {0xff, 0, 0, 0};

    guest_mem_write(r->vm->env.mem, LFB, color, 4);
    rig_config_write(r, PCI_BAR0, 0xd0000000);
    rig_look(r);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), 0x0000ff);
    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, LFB, 4, false));
    CU_ASSERT_PTR_NOT_NULL(guest_mem_ptr(r->vm->env.mem, 0xd0000000, 4, false));
    rig_free(r);
}

static void
test_busy_viewer(void)
{
    VgaRig *r = vbe_rig(16);
    CARREL_AUTO_FD int wake = sys_eventfd(NULL);
    guint32 first = 0x123456, second = 0x112233;
    set_vbe(r, 64, 64, 32, 0x40);
    r->viewer = display_attach(r->display, wake);
    rig_look(r);
    rig_look(r);

    guest_mem_write(r->vm->env.mem, LFB, &first, 4);
    fake_advance(r->vm, 60 * 1000000); /* told, but does not take it */
    guest_mem_write(r->vm->env.mem, LFB + 4, &second, 4);
    fake_advance(r->vm, 60 * 1000000);

    CU_ASSERT_EQUAL(rig_pixel(r, 0, 0), first);
    CU_ASSERT_EQUAL(rig_pixel(r, 1, 0), 0);
    rig_look(r); /* takes it */
    rig_look(r);
    CU_ASSERT_EQUAL(rig_pixel(r, 1, 0), second);
    rig_free(r);
}

static void
test_edid(void)
{
    VgaRig *r = vbe_rig(16);
    guint8 sum = 0;

    for (unsigned i = 0; i < 128; i++)
        sum = (guint8) (sum + fake_mmio_read(r->vm, REGS + i, 1));
    CU_ASSERT_EQUAL(sum, 0);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS, 4), 0xffffff00);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x38, 1), 0); /* of 1024 */
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x3a, 1) & 0xf0, 0x40);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 128, 4), 0);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x3fc, 4), 0);
    rig_free(r);
}

static void
test_wake(void)
{
    VgaRig *r = vbe_rig(16);

    fake_mmio_write(r->vm, REGS + 0x502, 1024, 2);
    device_reset(r->vga, RESET_WAKE);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, REGS + 0x502, 2), 1024);
    device_reset(r->vga, RESET_WARM);
    CU_ASSERT_EQUAL(rig_vbe_read(r, XRES), 0);
    rig_free(r);
}

CU_MAIN("vga-vbe", {"id_is_writable_between_b0c0_and_b0c5", test_id},
        {"getcaps_reads_the_maxima", test_caps},
        {"linear_32_bit_writes_reach_the_frame", test_lfb_32},
        {"every_depth_has_its_colours", test_depths},
        {"enabling_clears_unless_asked_not_to", test_clear},
        {"banks_move_the_window_through_memory", test_banks},
        {"a_bank_switch_loses_no_damage", test_bank_written_then_switched},
        {"offsets_scroll_in_a_wider_screen", test_scrolling},
        {"a_virtual_width_that_does_not_fit_is_ignored", test_too_wide},
        {"values_out_of_range_are_clamped", test_out_of_range},
        {"planar_800_by_600_works", test_planar_800},
        {"text_survives_a_linear_mode_that_keeps_memory", test_back_to_text},
        {"mmio_bar_shows_ports_and_dispi", test_mmio},
        {"mmio_bar_shows_the_monitors_edid", test_edid},
        {"the_mode_is_kept_while_the_guest_is_suspended", test_wake},
        {"a_moved_frame_buffer_is_drawn_again", test_lfb_moves},
        {"a_viewer_that_is_busy_costs_no_drawing", test_busy_viewer})
