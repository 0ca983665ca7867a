/* devices/chipset/pam.c - see pam.h. */
#include "devices/chipset/pam.h"

#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

#define PAM_READ_RAM  1u /* else reads go to the ROM */
#define PAM_WRITE_RAM 2u /* else writes are dropped */
#define PAM_UNKNOWN   0xff

#define PAM_BASE      0xc0000u
#define PAM_LEN       0x40000u

Gpa
pam_segment_base(unsigned segment)
{
    return PAM_BASE + (Gpa) segment * 0x4000;
}

guint32
pam_segment_len(unsigned segment)
{
    return segment == PAM_SEGMENT_F ? 0x10000 : 0x4000;
}

static unsigned
segment_at(guint64 offset)
{
    return MIN((unsigned) (offset / 0x4000), PAM_SEGMENT_F);
}

static guint8
segment_mode(const guint8 *registers, unsigned segment)
{
    guint8 bits;

    if (segment == PAM_SEGMENT_F)
        bits = registers[0] >> 4;
    else
        bits = registers[1 + segment / 2] >> (segment % 2 * 4);
    return bits & (PAM_READ_RAM | PAM_WRITE_RAM);
}

static void
segment_unmap(PamSegment *seg)
{
    mem_slot_unmap(seg->ram);
    if (seg->rom != NULL)
        mem_slot_unmap(seg->rom);
}

static void
segment_map(Pam *pam, unsigned segment)
{
    PamSegment *seg = &pam->segments[segment];
    Gpa base = pam_segment_base(segment);
    int ret = 0;

    if ((seg->mode & PAM_READ_RAM) != 0)
        ret = mem_slot_map(seg->ram, base,
                           (seg->mode & PAM_WRITE_RAM) != 0 ? MEM_RW : MEM_RO);
    else if (seg->rom != NULL)
        ret = mem_slot_map(seg->rom, base, MEM_RO);
    if (ret < 0)
        device_guest_error(pam->dev, "segment 0x%05x: cannot map: %s",
                           (unsigned) base, g_strerror(-ret));
}

/* One pass over all segments, so a dword write to the map swaps each changed
 * segment once: every swap costs the CPU backend a flush. */
void
pam_update(Pam *pam, const guint8 *registers)
{
    bool changed[PAM_SEGMENTS] = {false};
    bool write_through = false;

    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        PamSegment *seg = &pam->segments[i];
        guint8 mode = segment_mode(registers, i);
        if (seg->ram == NULL)
            continue;
        write_through |= mode == PAM_WRITE_RAM;
        changed[i] = mode != seg->mode;
        if (!changed[i])
            continue;
        segment_unmap(seg);
        seg->mode = mode;
    }
    for (unsigned i = 0; i < PAM_SEGMENTS; i++)
        if (changed[i])
            segment_map(pam, i);
    if (write_through == io_region_is_mapped(pam->write_through))
        return;
    if (write_through)
        (void) io_map(pam->dev->env->mmio, pam->write_through, PAM_BASE, -2);
    else
        io_unmap(pam->dev->env->mmio, pam->write_through);
}

/* Reads arrive here for segments without a ROM, and for a moment while
 * another vCPU swaps a slot. */
static guint64
write_through_read(void *dev, guint64 offset, unsigned size)
{
    Pam *pam = dev;
    guint64 value = G_MAXUINT64;
    guint8 bytes[8];

    if (guest_mem_read(pam->dev->env->mem, PAM_BASE + offset, bytes, size) < 0)
        return value;
    value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (guint64) bytes[i] << (8 * i);
    return value;
}

static void
write_through_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Pam *pam = dev;

    for (unsigned i = 0; i < size; i++) {
        unsigned n = segment_at(offset + i);
        PamSegment *seg = &pam->segments[n];
        guint8 byte = (guint8) (value >> (8 * i));
        guint64 at = PAM_BASE + offset + i - pam_segment_base(n);
        if (seg->mode == PAM_WRITE_RAM && seg->ram_host != NULL)
            seg->ram_host[at] = byte;
        else if (seg->mode == (PAM_READ_RAM | PAM_WRITE_RAM))
            (void) guest_mem_write(pam->dev->env->mem, PAM_BASE + offset + i,
                                   &byte, 1);
    }
}

static const IoOps write_through_ops = {
    .read = write_through_read,
    .write = write_through_write,
};

void
pam_set_segment(Pam *pam, unsigned segment, MemSlot *ram, guint8 *ram_host,
                MemSlot *rom)
{
    g_assert(segment < PAM_SEGMENTS && ram != NULL);
    pam->segments[segment] = (PamSegment){
        .ram = ram, .rom = rom, .ram_host = ram_host, .mode = PAM_UNKNOWN};
}

void
pam_realize(Pam *pam, Device *dev, GMutex *lock)
{
    pam->dev = dev;
    pam->write_through =
        io_region_new("pam-write", &write_through_ops, pam, lock, PAM_LEN);
}

void
pam_unrealize(Pam *pam)
{
    g_clear_pointer(&pam->write_through, io_region_free);
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        if (pam->segments[i].ram != NULL)
            segment_unmap(&pam->segments[i]);
        pam->segments[i].ram = NULL;
    }
}
