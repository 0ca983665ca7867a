/* tests/unit/test-vga-timing.c - retrace and display enable at 3DA follow the
 * guest's clock. */
#include "tests/unit/cu-main.h"

#include "tests/unit/vga-fixture.h"

#define RETRACE  0x08
#define DISABLED 0x01

/* Counts rising edges of the retrace bit over ns in steps of 20 us. */
static unsigned
count_frames(VgaRig *r, gint64 ns)
{
    unsigned frames = 0;
    bool was = true;

    for (gint64 t = 0; t < ns; t += 20000) {
        bool now = fake_in8(r->vm, 0x3da) & RETRACE;
        frames += now && !was;
        was = now;
        fake_advance(r->vm, 20000);
    }
    return frames;
}

/* Share of samples with the bit set, in per mille. */
static unsigned
share(VgaRig *r, guint8 bit)
{
    unsigned set = 0;

    for (unsigned i = 0; i < 10000; i++) {
        set += (fake_in8(r->vm, 0x3da) & bit) != 0;
        fake_advance(r->vm, 1427); /* a frame in 10000 steps */
    }
    return set / 10;
}

static void
test_text_70hz(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode3);

    CU_ASSERT_EQUAL(count_frames(r, 1000000000), 70);
    rig_free(r);
}

static void
test_mode12_60hz(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode12);

    unsigned frames = count_frames(r, 1000000000);

    CU_ASSERT_TRUE(frames == 59 || frames == 60);
    rig_free(r);
}

static void
test_shares(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode3);

    /* two of 449 lines; shown: 400 of 449 lines, 80 of 100 characters */
    unsigned retrace = share(r, RETRACE), off = share(r, DISABLED);

    CU_ASSERT_TRUE(retrace >= 3 && retrace <= 6);
    CU_ASSERT_TRUE(off >= 280 && off <= 295);
    rig_free(r);
}

static void
test_clock_stands(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode3);
    fake_advance(r->vm, 13110000); /* line 412: retrace */

    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3da) & RETRACE, RETRACE);
    loop_guest_clock_stop(r->vm->env.loop);
    fake_advance(r->vm, 5000000);

    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3da) & RETRACE, RETRACE);
    rig_free(r);
}

static void
test_zero_registers(void)
{
    VgaRig *r = rig_new(1);
    fake_out8(r->vm, 0x3c2, 0x01);

    CU_ASSERT_TRUE(count_frames(r, 100000000) >= 5); /* before any set-up */
    rig_index(r, 0x3d4, 0x17, 0x80);                 /* all else zero */
    for (unsigned i = 0; i < 1000; i++) {
        fake_in8(r->vm, 0x3da);
        fake_advance(r->vm, 777);
    }
    rig_free(r);
}

static void
test_retrace_beyond_total(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode3);

    rig_index(r, 0x3d4, 0x10, 0xff); /* starts after the last line */
    rig_index(r, 0x3d4, 0x11, 0x00);
    rig_index(r, 0x3d4, 0x07, 0xff);
    rig_index(r, 0x3d4, 0x06, 0x00);
    rig_index(r, 0x3d4, 0x12, 0xff);

    CU_ASSERT_TRUE(count_frames(r, 1000000000) > 0);
    rig_free(r);
}

static void
test_vbe_60hz(void)
{
    VgaRig *r = rig_new(16);
    fake_out8(r->vm, 0x3c2, 0x63);
    rig_vbe(r, 1, 1024);
    rig_vbe(r, 2, 768);
    rig_vbe(r, 3, 32);
    rig_vbe(r, 4, 0x41);

    unsigned frames = count_frames(r, 1000000000);

    CU_ASSERT_TRUE(frames == 59 || frames == 60);
    rig_free(r);
}

static void
test_idle_backs_off(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode12);
    rig_ega_palette(r);
    rig_look(r);
    fake_advance(r->vm, G_GINT64_CONSTANT(2000000000)); /* idle by now */

    fake_mmio_write(r->vm, 0xa0000, 0xff, 1);
    rig_look(r);
    CU_ASSERT_TRUE(r->n_damage > 0);
    fake_mmio_write(r->vm, 0xa0000, 0x0f, 1);
    fake_advance(r->vm, 17000000); /* one frame: awake again */
    r->frame = viewer_begin(r->viewer, r->damage, 16, &r->n_damage);

    CU_ASSERT_TRUE(r->n_damage > 0);
    rig_free(r);
}

CU_MAIN("vga-timing", {"text_has_70_frames_a_second", test_text_70hz},
        {"mode_12_has_60_frames_a_second", test_mode12_60hz},
        {"retrace_and_blanking_take_their_share", test_shares},
        {"a_paused_machine_sees_a_still_beam", test_clock_stands},
        {"zero_registers_still_have_a_retrace", test_zero_registers},
        {"a_retrace_after_the_last_line_still_comes",
         test_retrace_beyond_total},
        {"vbe_modes_have_60_frames_a_second", test_vbe_60hz},
        {"refresh_slows_down_when_idle_and_wakes_up", test_idle_backs_off})
