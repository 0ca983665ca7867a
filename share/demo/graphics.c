/* share/demo/graphics.c - the demo guest's pictures: mode 13h with a palette
 * that moves, and the planar 640x480x16 mode drawn through the VGA's set/reset
 * logic. */
#include "demo.h"

#define GRAPHICS_SEGMENT 0xa000
#define DAC_WRITE        0x3c8
#define DAC_DATA         0x3c9
#define GC_INDEX         0x3ce
#define GC_SET_RESET     0
#define GC_ENABLE        1
#define GC_MODE          5
#define GC_BIT_MASK      8

/* First quarter of a sine, 0..63. */
static const uint8_t quarter[16] = {0,  6,  12, 18, 24, 30, 35, 40,
                                    45, 49, 52, 56, 58, 60, 62, 63};

/* -63..63; 64 steps a turn. */
static int
sine(unsigned angle)
{
    unsigned part = angle & 15;

    switch (angle >> 4 & 3) {
    case 0: return quarter[part];
    case 1: return quarter[15 - part];
    case 2: return -quarter[part];
    default: return -quarter[15 - part];
    }
}

static void
set_mode(uint8_t mode)
{
    struct BiosRegs r = {.eax = mode};

    bios(0x10, &r);
    far_segment(GRAPHICS_SEGMENT);
}

static void
caption(const char *text)
{
    struct BiosRegs where = {.eax = 0x0200};

    bios(0x10, &where);
    for (; *text != '\0'; text++) {
        struct BiosRegs r = {.eax = 0x0e00 | (uint8_t) *text, .ebx = 0x000f};

        bios(0x10, &r);
    }
    far_segment(GRAPHICS_SEGMENT);
}

static void
rotate_palette(unsigned phase)
{
    out8(DAC_WRITE, 16);
    for (unsigned i = 16; i < 256; i++) {
        unsigned angle = i + phase;

        out8(DAC_DATA, (uint8_t) (32 + sine(angle) / 2));
        out8(DAC_DATA, (uint8_t) (32 + sine(angle + 21) / 2));
        out8(DAC_DATA, (uint8_t) (32 + sine(angle + 43) / 2));
    }
}

/* The picture is drawn once in blocks of two lines; then only the palette
 * moves, which even a slow machine can do. */
uint16_t
graphics_plasma(void)
{
    uint16_t key = 0;
    unsigned phase = 0;

    set_mode(0x13);
    rotate_palette(0);
    for (unsigned y = 8; y < 200 && key == 0; y += 2) {
        int wave = sine(y / 2) + 128;
        uint16_t at = (uint16_t) (y * 320);

        for (unsigned x = 0; x < 320; x += 2, at = (uint16_t) (at + 2)) {
            unsigned v =
                (unsigned) (wave + sine(x / 3) + sine((x + y) / 4)) & 0xff;
            uint16_t pair = (uint16_t) ((16 + v * 15 / 16) * 0x101);

            far_put16(at, pair);
            far_put16((uint16_t) (at + 320), pair);
        }
        if ((y & 15) == 0)
            key = key_poll();
    }
    caption("Carrel demo: mode 13h, 320 x 200 x 256");
    while (key == 0) {
        wait_interrupt();
        rotate_palette(++phase);
        key = key_poll();
    }
    return key;
}

static void
gc_write(uint8_t index, uint8_t value)
{
    out16(GC_INDEX, (uint16_t) (value << 8 | index));
}

/* Eight pixels of one byte take the set/reset colour where mask is 1. */
static void
planar_byte(unsigned x8, unsigned y, uint8_t mask)
{
    uint16_t at = (uint16_t) (y * 80 + x8);

    gc_write(GC_BIT_MASK, mask);
    far_get8(at); /* fills the latches */
    far_put8(at, 0xff);
}

static void
planar_bar(unsigned x8, unsigned width8, unsigned y, unsigned height,
           uint8_t colour)
{
    gc_write(GC_SET_RESET, colour);
    gc_write(GC_BIT_MASK, 0xff);
    for (unsigned row = y; row < y + height; row++)
        for (unsigned i = 0; i < width8; i++)
            far_put8((uint16_t) (row * 80 + x8 + i), 0);
}

static void
planar_line(int x0, int y0, int x1, int y1, uint8_t colour)
{
    int dx = x1 > x0 ? x1 - x0 : x0 - x1, dy = y1 > y0 ? y0 - y1 : y1 - y0;
    int step_x = x1 > x0 ? 1 : -1, step_y = y1 > y0 ? 1 : -1;
    int error = dx + dy;

    gc_write(GC_SET_RESET, colour);
    for (;;) {
        planar_byte((unsigned) x0 / 8, (unsigned) y0,
                    (uint8_t) (0x80 >> (x0 & 7)));
        if (x0 == x1 && y0 == y1)
            return;
        int twice = 2 * error;
        if (twice >= dy) {
            error += dy;
            x0 += step_x;
        }
        if (twice <= dx) {
            error += dx;
            y0 += step_y;
        }
    }
}

uint16_t
graphics_planar(void)
{
    uint16_t key = 0;

    set_mode(0x12);
    caption("Carrel demo: mode 12h, 640 x 480 x 16, four planes");
    far_segment(GRAPHICS_SEGMENT);
    gc_write(GC_MODE, 0); /* write mode 0 */
    gc_write(GC_ENABLE, 0x0f);
    for (unsigned i = 0; i < 16; i++)
        planar_bar(i * 5, 4, 32, 32, (uint8_t) i);
    for (int i = 0; i <= 8 && key == 0; i++) {
        uint8_t colour = (uint8_t) (9 + i % 6);

        planar_line(20 + 75 * i, 90, 620 - 75 * i, 470, colour);
        planar_line(20, 90 + 47 * i, 20 + 75 * i, 470, colour);
        planar_line(620, 470 - 47 * i, 620 - 75 * i, 90, colour);
        key = key_poll();
    }
    gc_write(GC_ENABLE, 0);
    gc_write(GC_SET_RESET, 0);
    gc_write(GC_BIT_MASK, 0xff);
    while (key == 0) {
        wait_interrupt();
        key = key_poll();
    }
    return key;
}
