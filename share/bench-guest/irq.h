/* share/bench-guest/irq.h - interrupts, one CPU. They are off but inside
 * irq_wait(). */
#pragma once

#include "share/bench-guest/guest.h"

#define IRQ_PIC_BASE 0x20u /* line n of the two 8259 is vector 20h + n */
#define IRQ_MSI_BASE 0x30u /* for MSI-X, up to IRQ_VECTORS */
#define IRQ_VECTORS  0x40u
#define IRQ_MSI_ADDR 0xfee00000u

/* legacy: the machine has 8259s. */
void irq_init(bool legacy);
void irq_unmask_line(u32 line);
/* Sleeps until any interrupt was served. */
void irq_wait(void);
/* How often a vector came. */
u32 irq_count(u32 vector);
