/* devices/display/vga-window.c - the CPU's way to video memory at
 * A0000..BFFFF.
 *
 * IBM VGA, "Graphics Controller" (latches, write modes 0..3, read modes 0 and
 * 1) and "Memory Maps". A trapped access costs an exit, so text and linear
 * modes are guest memory: in text modes a linear copy of the character and
 * attribute planes, else a 64 KiB part of video memory itself. Only what needs
 * latches, planes or logic functions is trapped. */
#include <string.h>

#include "devices/display/vga-internal.h"

#define NO_OFFSET   G_MAXUINT32
#define POST_PLANAR 64

/* ---- which window ---- */

/* Start and length of the decoded range by the memory map field; in bytes
 * from A0000. */
static const struct {
    guint32 start, len;
} memory_map[4] = {
    {0x00000, 0x20000},
    {0x00000, 0x10000},
    {0x10000, 0x08000},
    {0x18000, 0x08000},
};

/* Every CPU access is a plain load or store: no logic, no latch, no mask. */
static bool
is_plain_access(const VgaState *s)
{
    return (s->gr[GR_MODE] & (GR_MODE_WRITE | GR_MODE_READ)) == 0 &&
           s->gr[GR_ENABLE_SET_RESET] == 0 && s->gr[GR_ROTATE] == 0 &&
           s->gr[GR_BIT_MASK] == 0xff && s->misc & MISC_RAM;
}

static bool
is_plain_text(const VgaState *s)
{
    return is_plain_access(s) && !(s->gr[GR_MISC] & GR_MISC_GRAPHICS) &&
           GR_MISC_MAP(s->gr[GR_MISC]) >= 2 &&
           !(s->seq[SEQ_MEMORY] & (SEQ_MEMORY_NOT_O_E | SEQ_MEMORY_CHAIN4)) &&
           s->seq[SEQ_MAP_MASK] == 0x03 && !(s->gr[GR_READ_MAP] & 2);
}

static bool
is_plain_chain4(const VgaState *s)
{
    return is_plain_access(s) && s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4 &&
           s->seq[SEQ_MAP_MASK] == 0x0f && GR_MISC_MAP(s->gr[GR_MISC]) == 1;
}

VgaWindow
vga_window_decide(const VgaState *s, guint32 vram_size)
{
    if (vga_vbe_is_on(s)) {
        if (s->vbe[VBE_BPP] == 4)
            return (VgaWindow){.kind = VGA_WINDOW_TRAP};
        return (VgaWindow){.kind = VGA_WINDOW_BANK,
                           .base = VGA_WINDOW_BASE,
                           .offset = s->vbe[VBE_BANK] * VGA_BANK_LEN &
                                     (vram_size - 1)};
    }
    if (is_plain_text(s))
        return (VgaWindow){.kind = VGA_WINDOW_TEXT,
                           .base =
                               VGA_WINDOW_BASE +
                               memory_map[GR_MISC_MAP(s->gr[GR_MISC])].start};
    if (is_plain_chain4(s))
        return (VgaWindow){.kind = VGA_WINDOW_BANK, .base = VGA_WINDOW_BASE};
    return (VgaWindow){.kind = VGA_WINDOW_TRAP};
}

/* ---- moving between the layouts ---- */

void
vga_mark_dirty(Vga *vga, guint32 offset, guint32 len)
{
    if (len == 0)
        return;
    for (guint32 page = offset / VGA_PAGE;
         page <= (offset + len - 1) / VGA_PAGE; page++)
        vga->dirty[page / 64] |= G_GUINT64_CONSTANT(1) << (page % 64);
}

/* Character n is byte 0, its attribute byte 1 of cell n. */
static void
text_from_planes(Vga *vga)
{
    for (guint32 i = 0; i < VGA_TEXT_CELLS; i++)
        memcpy(vga->text + 2 * i, vga->vram + 4 * i, 2);
}

static void
text_to_planes(Vga *vga)
{
    for (guint32 i = 0; i < VGA_TEXT_CELLS; i++)
        memcpy(vga->vram + 4 * i, vga->text + 2 * i, 2);
    vga_mark_dirty(vga, 0, 4 * VGA_TEXT_CELLS);
}

static void
window_unmap(Vga *vga)
{
    mem_slot_unmap(vga->text_slot);
    mem_slot_unmap(vga->bank_slot);
}

/* A failure leaves the window trapped, which is slow but right. */
static void
window_map(Vga *vga)
{
    const VgaWindow *w = &vga->window;

    if (w->kind == VGA_WINDOW_TEXT)
        (void) mem_slot_map(vga->text_slot, w->base, MEM_RW);
    if (w->kind == VGA_WINDOW_BANK) {
        (void) mem_slot_set_offset(vga->bank_slot, w->offset);
        (void) mem_slot_map(vga->bank_slot, w->base, MEM_RW);
    }
}

static VgaWindow
decide(const Vga *vga)
{
    VgaWindow window;

    if (vga->chip != NULL && vga->chip->window(vga, &window))
        return window;
    return vga_window_decide(&vga->s, vga->vram_size);
}

void
vga_window_update(Vga *vga)
{
    VgaWindow next = decide(vga);
    VgaWindow old = vga->window;

    if (next.kind == old.kind && next.base == old.base &&
        next.offset == old.offset)
        return;
    vga->window = next;
    /* a bank switch moves the slot, anything else takes it away first */
    if (next.kind != VGA_WINDOW_BANK || old.kind != VGA_WINDOW_BANK)
        window_unmap(vga);
    if (old.kind == VGA_WINDOW_TEXT && next.kind != VGA_WINDOW_TEXT)
        text_to_planes(vga);
    if (old.kind != VGA_WINDOW_TEXT && next.kind == VGA_WINDOW_TEXT)
        text_from_planes(vga);
    window_map(vga);
    /* the slot's dirty log went with the move */
    if (old.kind == VGA_WINDOW_BANK)
        vga_mark_dirty(vga, old.offset, VGA_BANK_LEN);
}

void
vga_window_adopt(Vga *vga)
{
    window_unmap(vga);
    vga->window = decide(vga);
    window_map(vga);
}

/* ---- planes ---- */

/* Four bits to four bytes of 00 or ff. */
static guint32
spread(unsigned bits)
{
    return ((bits & 1) | (bits & 2) << 7 | (bits & 4) << 14 |
            (guint32) (bits & 8) << 21) *
           0xffu;
}

static guint32
cell_get(const Vga *vga, guint32 cell)
{
    guint32 le;

    memcpy(&le, vga->vram + 4 * cell, sizeof le);
    return GUINT32_FROM_LE(le);
}

static void
cell_put(Vga *vga, guint32 cell, guint32 value)
{
    guint32 le = GUINT32_TO_LE(value);

    memcpy(vga->vram + 4 * cell, &le, sizeof le);
    vga_mark_dirty(vga, 4 * cell, 4);
}

static guint8
rotate(guint8 value, unsigned by)
{
    by &= 7;
    return (guint8) (value >> by | value << (8 - by));
}

static guint32
logic(const VgaState *s, guint32 value)
{
    switch ((s->gr[GR_ROTATE] >> 3) & 3) {
    case 1: return value & s->latch;
    case 2: return value | s->latch;
    case 3: return value ^ s->latch;
    default: return value;
    }
}

/* What a byte written by the CPU becomes in all four planes. */
static guint32
write_pipeline(const VgaState *s, guint8 value)
{
    guint32 set_reset = spread(s->gr[GR_SET_RESET]);
    guint32 mask = s->gr[GR_BIT_MASK] * 0x01010101u;
    guint32 data;

    switch (s->gr[GR_MODE] & GR_MODE_WRITE) {
    case 0: {
        guint32 enable = spread(s->gr[GR_ENABLE_SET_RESET]);
        data = rotate(value, s->gr[GR_ROTATE]) * 0x01010101u;
        data = (data & ~enable) | (set_reset & enable);
        break;
    }
    case 1: return s->latch;
    case 2: data = spread(value & 0xf); break;
    default:
        mask &= rotate(value, s->gr[GR_ROTATE]) * 0x01010101u;
        data = set_reset;
        break;
    }
    return (logic(s, data) & mask) | (s->latch & ~mask);
}

/* Offset of an address in the window within the decoded range. */
static guint32
window_offset(const Vga *vga, guint64 addr)
{
    unsigned map = GR_MISC_MAP(vga->s.gr[GR_MISC]);

    if (!(vga->s.misc & MISC_RAM) || addr < memory_map[map].start ||
        addr - memory_map[map].start >= memory_map[map].len)
        return NO_OFFSET;
    return (guint32) addr - memory_map[map].start;
}

/* The cell and the planes that an offset reaches. */
static guint32
locate(const Vga *vga, guint32 offset, unsigned *ret_planes)
{
    const VgaState *s = &vga->s;
    guint32 cells = VGA_CELLS, bank = 0;

    if (vga_vbe_is_on(s)) { /* 4 bits a pixel: banks of 64 Ki cells */
        cells = vga->vram_size / 4;
        bank = s->vbe[VBE_BANK] * VGA_BANK_LEN;
    }
    if (s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4) {
        *ret_planes = 1u << (offset & 3);
        return (bank + (offset >> 2)) & (cells - 1);
    }
    if (!(s->seq[SEQ_MEMORY] & SEQ_MEMORY_NOT_O_E)) {
        *ret_planes = offset & 1 ? 0xa : 0x5;
        return (bank + (offset >> 1)) & (cells - 1);
    }
    *ret_planes = 0xf;
    return (bank + offset) & (cells - 1);
}

/* Who draws in planes writes much and asks little: from now on an exit brings
 * many writes (vmm/io/io.h). Only at A0000: at B8000 chips have registers. */
static void
count_planar_write(Vga *vga)
{
    if (vga->planar_writes < POST_PLANAR && ++vga->planar_writes == POST_PLANAR)
        (void) io_region_set_posted(vga->window_region, 0, VGA_BANK_LEN, true);
}

static void
planes_write(Vga *vga, guint64 addr, guint8 value)
{
    guint32 offset = window_offset(vga, addr);
    unsigned planes;

    if (offset == NO_OFFSET)
        return;
    count_planar_write(vga);
    guint32 cell = locate(vga, offset, &planes);
    guint32 mask = spread(planes & vga->s.seq[SEQ_MAP_MASK]);
    if (mask == 0)
        return;
    guint32 data = write_pipeline(&vga->s, value);
    cell_put(vga, cell, (cell_get(vga, cell) & ~mask) | (data & mask));
}

/* Read mode 1: bit n is set where all compared planes match the colour. */
static guint8
color_compare(const VgaState *s)
{
    guint32 differ =
        (s->latch ^ spread(s->gr[GR_COMPARE])) & spread(s->gr[GR_DONT_CARE]);

    return (guint8) ~(differ | differ >> 8 | differ >> 16 | differ >> 24);
}

static guint8
planes_read(Vga *vga, guint64 addr)
{
    guint32 offset = window_offset(vga, addr);
    VgaState *s = &vga->s;
    unsigned planes, plane;

    if (offset == NO_OFFSET)
        return 0xff;
    s->latch = cell_get(vga, locate(vga, offset, &planes));
    if (s->gr[GR_MODE] & GR_MODE_READ)
        return color_compare(s);
    if (s->seq[SEQ_MEMORY] & SEQ_MEMORY_CHAIN4)
        plane = offset & 3;
    else if (!(s->seq[SEQ_MEMORY] & SEQ_MEMORY_NOT_O_E))
        plane = (s->gr[GR_READ_MAP] & 2u) | (offset & 1);
    else
        plane = s->gr[GR_READ_MAP];
    return (guint8) (s->latch >> (8 * plane));
}

/* ---- handlers; offset: from A0000 ---- */

/* Where a plain window keeps the byte; NULL outside of it. */
static guint8 *
plain_byte(Vga *vga, guint64 offset)
{
    const VgaWindow *w = &vga->window;
    guint64 start = w->base - VGA_WINDOW_BASE;
    guint32 len = w->kind == VGA_WINDOW_TEXT ? VGA_TEXT_LEN : VGA_BANK_LEN;

    if (offset < start || offset - start >= len)
        return NULL;
    if (w->kind == VGA_WINDOW_TEXT)
        return vga->text + (offset - start);
    return vga->vram + w->offset + (offset - start);
}

static guint8
byte_read(Vga *vga, guint64 offset)
{
    guint8 value;

    if (vga->chip != NULL &&
        vga->chip->window_read(vga, (guint32) offset, &value))
        return value;
    if (vga->window.kind == VGA_WINDOW_TRAP)
        return planes_read(vga, offset);
    const guint8 *p = plain_byte(vga, offset);
    return p != NULL ? *p : 0xff;
}

static void
byte_write(Vga *vga, guint64 offset, guint8 value)
{
    if (vga->chip != NULL &&
        vga->chip->window_write(vga, (guint32) offset, value))
        return;
    if (vga->window.kind == VGA_WINDOW_TRAP) {
        planes_write(vga, offset, value);
        return;
    }
    guint8 *p = plain_byte(vga, offset);
    if (p == NULL)
        return;
    *p = value;
    if (vga->window.kind == VGA_WINDOW_BANK)
        vga_mark_dirty(vga, (guint32) (p - vga->vram), 1);
}

static guint64
window_read(void *dev, guint64 offset, unsigned size)
{
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (guint64) byte_read(dev, offset + i) << (8 * i);
    return value;
}

static void
window_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    const VgaChip *chip = ((const Vga *) dev)->chip;

    if (chip != NULL && chip->window_data(dev, (guint32) offset, value, size))
        return;
    for (unsigned i = 0; i < size; i++)
        byte_write(dev, offset + i, (guint8) (value >> (8 * i)));
}

const IoOps vga_window_ops = {
    .read = window_read,
    .write = window_write,
    .min_size = 1,
    .max_size = 8,
};
