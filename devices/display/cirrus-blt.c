/* devices/display/cirrus-blt.c - the BitBLT engine.
 *
 * CL-GD5446 TRM, "BitBLT engine". A blit is done row by row: bytes of source
 * (copied, expanded from bits, or of a pattern), combined with the destination
 * by one of the 16 raster operations. All addresses wrap in video memory,
 * whatever pitch and size say, and a blit is at most 8192 bytes by 2048 rows.
 * A blit that takes data of the CPU keeps a copy of its registers, so that
 * neither a change of them nor a saved state in the middle does harm. Left out:
 * blits to system memory, which are dropped. */
#include <string.h>

#include "devices/display/cirrus-internal.h"

typedef struct {
    guint32 width, height; /* bytes, rows */
    guint32 dst_pitch, src_pitch, dst, src;
    guint32 bytes;  /* of a pixel */
    guint32 pixels; /* of a row, the last one perhaps cut off */
    guint32 skip;   /* bytes at the left that are not drawn */
    guint8 mode, ext, table;
    guint8 fg[4], bg[4], key[2];
} Blt;

/* One row on its way: what is written where drawn[] is not 0. */
typedef struct {
    guint8 src[CIRRUS_BLT_ROW], dst[CIRRUS_BLT_ROW], drawn[CIRRUS_BLT_ROW];
} BltRow;

/* ---- raster operations ---- */

/* clang-format off */
/* GR32's codes as truth tables: bit 2*S + D of the table is the result. */
static const struct { guint8 code, table; } rops[] = {
    { 0x00, 0x0 }, /* 0 */
    { 0x05, 0x8 }, /* S & D */
    { 0x06, 0xa }, /* D */
    { 0x09, 0x4 }, /* S & ~D */
    { 0x0b, 0x5 }, /* ~D */
    { 0x0d, 0xc }, /* S */
    { 0x0e, 0xf }, /* 1 */
    { 0x50, 0x2 }, /* ~S & D */
    { 0x59, 0x6 }, /* S ^ D */
    { 0x6d, 0xe }, /* S | D */
    { 0x90, 0x7 }, /* ~S | ~D */
    { 0x95, 0x9 }, /* ~(S ^ D) */
    { 0xad, 0xd }, /* S | ~D */
    { 0xd0, 0x3 }, /* ~S */
    { 0xd6, 0xb }, /* ~S | D */
    { 0xda, 0x1 }, /* ~S & ~D */
};
/* clang-format on */
#define TABLE_DST 0xa /* also what an unknown code does */
#define TABLE_SRC 0xc

static guint8
rop_table(guint8 code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rops); i++)
        if (rops[i].code == code)
            return rops[i].table;
    return TABLE_DST;
}

/* Into src. */
static void
combine(guint8 table, guint8 *src, const guint8 *dst, guint32 n)
{
    guint8 t0 = table & 1 ? 0xff : 0, t1 = table & 2 ? 0xff : 0;
    guint8 t2 = table & 4 ? 0xff : 0, t3 = table & 8 ? 0xff : 0;

    for (guint32 i = 0; i < n; i++) {
        guint8 s = src[i], d = dst[i];
        src[i] = (guint8) ((~s & ~d & t0) | (~s & d & t1) | (s & ~d & t2) |
                           (s & d & t3));
    }
}

/* ---- video memory ---- */

static void
vram_get(const Vga *vga, guint32 at, guint8 *out, guint32 n)
{
    at &= vga->vram_size - 1;
    guint32 first = MIN(n, vga->vram_size - at);
    memcpy(out, vga->vram + at, first);
    memcpy(out + first, vga->vram, n - first);
}

static void
vram_put(Vga *vga, guint32 at, const guint8 *bytes, guint32 n)
{
    at &= vga->vram_size - 1;
    guint32 first = MIN(n, vga->vram_size - at);
    memcpy(vga->vram + at, bytes, first);
    memcpy(vga->vram, bytes + first, n - first);
    vga_mark_dirty(vga, at, first);
    vga_mark_dirty(vga, 0, n - first);
}

/* ---- registers ---- */

static guint32
reg16(const guint8 *gr, unsigned index, guint32 mask)
{
    return ((guint32) gr[index + 1] << 8 | gr[index]) & mask;
}

static guint32
reg22(const guint8 *gr, unsigned index)
{
    return ((guint32) gr[index + 2] << 16 | reg16(gr, index, 0xffff)) &
           0x3fffff;
}

/* In bytes; the register counts pixels, but with 24 bits it is bytes too. */
static guint32
skip_bytes(guint8 reg, guint8 mode, guint32 bytes)
{
    if (!(mode & CIR_BLT_EXPAND) && !(mode & CIR_BLT_PATTERN))
        return 0;
    return bytes == 3 ? reg & 0x1f : (reg & 7) * bytes;
}

static bool
is_solid(const Blt *b)
{
    return b->ext & CIR_EXT_SOLID &&
           (b->mode & (CIR_BLT_TO_SYSTEM | CIR_BLT_TRANSPARENT |
                       CIR_BLT_PATTERN | CIR_BLT_EXPAND)) ==
               (CIR_BLT_PATTERN | CIR_BLT_EXPAND);
}

static Blt
decode(const guint8 *gr)
{
    Blt b = {
        .width = reg16(gr, CIR_GR_WIDTH, 0x1fff) + 1,
        .height = reg16(gr, CIR_GR_HEIGHT, 0x7ff) + 1,
        .dst_pitch = reg16(gr, CIR_GR_DST_PITCH, 0x1fff),
        .src_pitch = reg16(gr, CIR_GR_SRC_PITCH, 0x1fff),
        .dst = reg22(gr, CIR_GR_DST),
        .src = reg22(gr, CIR_GR_SRC),
        .bytes = CIR_BLT_PIXEL(gr[CIR_GR_BLT_MODE]),
        .mode = gr[CIR_GR_BLT_MODE],
        .ext = gr[CIR_GR_BLT_EXT],
        .table = rop_table(gr[CIR_GR_ROP]),
        .key = {gr[CIR_GR_KEY], gr[CIR_GR_KEY + 1]},
    };

    for (unsigned i = 0; i < 4; i++) {
        b.bg[i] = gr[i == 0 ? 0 : 0x0e + 2 * i];
        b.fg[i] = gr[i == 0 ? 1 : 0x0f + 2 * i];
    }
    b.pixels = (b.width + b.bytes - 1) / b.bytes;
    b.skip = is_solid(&b) ? 0 : skip_bytes(gr[CIR_GR_SKIP], b.mode, b.bytes);
    return b;
}

static guint32
pattern_pitch(const Blt *b)
{
    if (b->mode & CIR_BLT_EXPAND)
        return 1;
    return b->bytes == 3 ? 32 : 8 * b->bytes;
}

/* Bytes that a row takes of the CPU, or a pattern in all; 1..8192. */
static guint32
data_len(const Blt *b)
{
    if (b->mode & CIR_BLT_PATTERN)
        return 8 * pattern_pitch(b);
    if (!(b->mode & CIR_BLT_EXPAND))
        return (b->width + 3) & ~3u;
    return b->ext & CIR_EXT_DWORD ? (b->pixels + 31) / 32 * 4
                                  : (b->pixels + 7) / 8;
}

/* ---- rows of source ---- */

static void
row_solid(const Blt *b, const guint8 *color, BltRow *row)
{
    for (guint32 i = 0; i < b->width; i++)
        row->src[i] = color[i % b->bytes];
}

/* Bits to pixels; repeats: they are the 8 of a pattern. */
static void
row_expand(const Blt *b, const guint8 *bits, bool repeats, BltRow *row)
{
    bool transparent = b->mode & CIR_BLT_TRANSPARENT;
    guint8 invert = transparent && b->ext & CIR_EXT_INVERT ? 0xff : 0;

    for (guint32 x = 0; x < b->pixels; x++) {
        guint8 byte = bits[repeats ? 0 : x >> 3];
        bool bit = (byte ^ invert) & (0x80 >> (x & 7));
        const guint8 *color = bit != (invert != 0) ? b->fg : b->bg;
        guint32 at = x * b->bytes, n = MIN(b->bytes, b->width - at);
        memcpy(row->src + at, color, n);
        if (transparent)
            memset(row->drawn + at, bit, n);
    }
}

/* from: a row of data, or a whole pattern. */
static void
row_source(const Blt *b, const guint8 *from, guint32 y, BltRow *row)
{
    if (is_solid(b)) {
        row_solid(b, b->fg, row);
        return;
    }
    if (!(b->mode & CIR_BLT_PATTERN)) {
        if (b->mode & CIR_BLT_EXPAND)
            row_expand(b, from, false, row);
        else
            memcpy(row->src, from, b->width);
        return;
    }
    from += ((b->src + y) & 7) * pattern_pitch(b);
    if (b->mode & CIR_BLT_EXPAND) {
        row_expand(b, from, true, row);
        return;
    }
    for (guint32 i = 0; i < b->width; i++)
        row->src[i] = from[i % (8 * b->bytes)];
}

/* A result of the key's colour is not written; 8 and 16 bits only. */
static void
apply_key(const Blt *b, BltRow *row)
{
    if (b->bytes == 1)
        for (guint32 i = 0; i < b->width; i++)
            row->drawn[i] = row->src[i] != b->key[0];
    else
        for (guint32 i = 0; i < b->width; i++) {
            guint32 at = i & ~1u;
            row->drawn[i] =
                row->src[at] != b->key[0] ||
                (at + 1 < b->width && row->src[at + 1] != b->key[1]);
        }
}

/* ---- blits ---- */

static bool
is_backward(const Blt *b)
{
    return b->mode & CIR_BLT_BACKWARD &&
           !(b->mode & (CIR_BLT_PATTERN | CIR_BLT_EXPAND));
}

/* First byte of row y; backward blits name the last byte of the last row. */
static guint32
row_start(const Blt *b, guint32 base, guint32 pitch, guint32 y)
{
    return is_backward(b) ? base - y * pitch - (b->width - 1)
                          : base + y * pitch;
}

static void
do_row(Vga *vga, const Blt *b, const guint8 *from, guint32 y, BltRow *row)
{
    guint32 at = row_start(b, b->dst, b->dst_pitch, y);
    bool transparent = b->mode & CIR_BLT_TRANSPARENT;
    bool keyed = transparent && !(b->mode & CIR_BLT_EXPAND) && b->bytes <= 2;

    if (b->skip >= b->width)
        return;
    row_source(b, from, y, row);
    vram_get(vga, at, row->dst, b->width);
    if (b->table != TABLE_SRC)
        combine(b->table, row->src, row->dst, b->width);
    if (keyed)
        apply_key(b, row);
    if (keyed || (transparent && b->mode & CIR_BLT_EXPAND))
        for (guint32 i = 0; i < b->width; i++)
            if (!row->drawn[i])
                row->src[i] = row->dst[i];
    vram_put(vga, at + b->skip, row->src + b->skip, b->width - b->skip);
}

/* Of video memory; rows of bits follow each other without a gap. */
static void
fetch_source(const Vga *vga, const Blt *b, guint32 y, guint8 *out)
{
    guint32 len = (b->pixels + 7) / 8;

    if (b->mode & CIR_BLT_PATTERN)
        vram_get(vga, b->src & ~(8 * pattern_pitch(b) - 1), out,
                 8 * pattern_pitch(b));
    else if (b->mode & CIR_BLT_EXPAND)
        vram_get(vga, b->src + y * len, out, len);
    else
        vram_get(vga, row_start(b, b->src, b->src_pitch, y), out, b->width);
}

static void
do_all(Vga *vga, const Blt *b, const guint8 *pattern)
{
    g_autofree BltRow *row = g_new(BltRow, 1);
    g_autofree guint8 *data = g_malloc(CIRRUS_BLT_ROW);

    for (guint32 y = 0; y < b->height && b->table != TABLE_DST; y++) {
        if (pattern == NULL && (y == 0 || !(b->mode & CIR_BLT_PATTERN)))
            fetch_source(vga, b, y, data);
        do_row(vga, b, pattern != NULL ? pattern : data, y, row);
    }
}

void
cirrus_blt_reset(Cirrus *c)
{
    CirrusState *x = &c->vga.s.cirrus;

    x->gr[CIR_GR_BLT_STATUS] &=
        (guint8) ~(CIR_STATUS_START | CIR_STATUS_BUSY | CIR_STATUS_FIFO);
    x->blt_active = 0;
    x->blt_row = x->blt_have = 0;
    cirrus_windows_update(c);
}

/* What the engine cannot do: both ends in system memory, or one for which
 * nobody waits; and a colour to leave out that has no register. */
static bool
is_impossible(const Blt *b)
{
    return b->mode & CIR_BLT_TO_SYSTEM ||
           (b->mode & CIR_BLT_TRANSPARENT && b->bytes > 2 &&
            !(b->mode & (CIR_BLT_EXPAND | CIR_BLT_PATTERN)));
}

void
cirrus_blt_start(Cirrus *c)
{
    CirrusState *x = &c->vga.s.cirrus;
    Blt b = decode(x->gr);

    x->blt_row = x->blt_have = 0;
    x->blt_active = 0;
    if (is_impossible(&b)) {
        device_guest_error(&c->vga.pci.dev, "blit of an unknown kind");
    } else if (b.mode & CIR_BLT_FROM_SYSTEM && !is_solid(&b)) {
        memcpy(x->blt_regs, x->gr, sizeof x->blt_regs);
        x->gr[CIR_GR_BLT_STATUS] |= CIR_STATUS_BUSY | CIR_STATUS_FIFO;
        x->blt_active = 1;
        cirrus_windows_update(c);
        return;
    } else {
        do_all(&c->vga, &b, NULL);
    }
    cirrus_blt_reset(c);
}

void
cirrus_blt_data(Cirrus *c, guint8 value)
{
    CirrusState *x = &c->vga.s.cirrus;
    Blt b = decode(x->blt_regs);

    x->blt_data[x->blt_have++] = value;
    if (x->blt_have < data_len(&b))
        return;
    x->blt_have = 0;
    if (b.mode & CIR_BLT_PATTERN) {
        do_all(&c->vga, &b, x->blt_data);
        cirrus_blt_reset(c);
        return;
    }
    g_autofree BltRow *row = g_new(BltRow, 1);
    do_row(&c->vga, &b, x->blt_data, x->blt_row, row);
    if (++x->blt_row >= b.height)
        cirrus_blt_reset(c);
}
