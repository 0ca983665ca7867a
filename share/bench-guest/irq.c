/* share/bench-guest/irq.c - see irq.h. The local APIC takes MSI; the 8259s,
 * where there are any, reach the CPU through its LINT0 as after a BIOS. */
#include "share/bench-guest/irq.h"

#define APIC        0xfee00000u
#define APIC_EOI    (APIC + 0xb0)
#define APIC_SPIV   (APIC + 0xf0)
#define APIC_LINT0  (APIC + 0x350)
#define APIC_ENABLE 0x1ffu
#define LVT_EXTINT  0x700u

#define PIC1        0x20
#define PIC2        0xa0
#define PIC_EOI     0x20
#define GATE_32     0x8e00u
#define CODE        0x08u
#define STUB_LEN    16u
#define N_PIC_LINES 16u

extern u8 irq_stubs[];
void irq_end(u32 vector);
void irq_exception(u32 address, u32 vector);

static struct {
    u32 low, high;
} idt[IRQ_VECTORS];
static u32 counts[IRQ_VECTORS];
static u8 masks[2] = {0xff, 0xff};

static void
set_gates(void)
{
    struct __attribute__((packed)) {
        u16 limit;
        u32 base;
    } pointer = {sizeof idt - 1, (u32) idt};

    for (u32 i = 0; i < IRQ_VECTORS; i++) {
        u32 handler = (u32) irq_stubs + i * STUB_LEN;
        idt[i].low = (CODE << 16) | (handler & 0xffff);
        idt[i].high = (handler & 0xffff0000) | GATE_32;
    }
    __asm__ volatile("lidtl %0" ::"m"(pointer));
}

static void
set_up_pics(void)
{
    static const u8 words[][2] = {
        {0x11, 0x11}, {IRQ_PIC_BASE, IRQ_PIC_BASE + 8}, {4, 2}, {1, 1}};

    for (u32 i = 0; i < COUNT(words); i++) {
        outb((u16) (PIC1 + (i > 0)), words[i][0]);
        outb((u16) (PIC2 + (i > 0)), words[i][1]);
    }
    outb(PIC1 + 1, masks[0]);
    outb(PIC2 + 1, masks[1]);
}

void
irq_init(bool legacy)
{
    set_gates();
    REG32(APIC_SPIV) = APIC_ENABLE;
    if (!legacy)
        return;
    REG32(APIC_LINT0) = LVT_EXTINT;
    set_up_pics();
}

void
irq_unmask_line(u32 line)
{
    masks[line / 8] &= (u8) ~(1u << (line % 8));
    if (line >= 8)
        masks[0] &= (u8) ~(1u << 2);
    outb(PIC1 + 1, masks[0]);
    outb(PIC2 + 1, masks[1]);
}

u32
irq_count(u32 vector)
{
    return *(volatile u32 *) &counts[vector];
}

void
irq_end(u32 vector)
{
    counts[vector]++;
    if (vector >= IRQ_PIC_BASE + N_PIC_LINES) {
        REG32(APIC_EOI) = 0;
        return;
    }
    if (vector >= IRQ_PIC_BASE + 8)
        outb(PIC2, PIC_EOI);
    outb(PIC1, PIC_EOI);
}

void
irq_exception(u32 address, u32 vector)
{
    (void) address;
    serial_print("error exception ");
    serial_print_u32(vector);
    serial_put('\n');
    for (;;)
        __asm__ volatile("cli; hlt");
}
