/* share/demo/demo.h - the demo guest: a program without an operating system,
 * 16-bit code (gcc -m16) on the BIOS, all of it in segment 0. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* boot.S ------------------------------------------------------------------ */

/* Offsets are known to boot.S. */
struct BiosRegs {
    uint32_t eax, ebx, ecx, edx, esi, edi;
    uint16_t es, pad;
    uint32_t eflags;
};
#define EFLAGS_CARRY 1u

void bios(unsigned vector, struct BiosRegs *regs);
unsigned in_protected_mode(unsigned (*fn)(unsigned), unsigned arg);

/* The BIOS data area, placed by demo.ld. */
extern volatile uint32_t bios_ticks;
extern volatile uint16_t bios_key_head, bios_key_tail;
extern volatile uint8_t bios_keyboard_flags;

/* memory-test.c: 32-bit code, only for in_protected_mode(). Writes and reads
 * back a pattern in each page from 1 MiB up; returns the number of errors. */
unsigned memory_test(unsigned pages);

/* Ports and memory of other segments -------------------------------------- */

static inline void
out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void
out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void
out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t
in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t
in32(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* Makes %fs the window that far_put8() and friends look through. */
static inline void
far_segment(uint16_t segment)
{
    __asm__ volatile("movw %0, %%fs" : : "r"(segment));
}

static inline void
far_put8(uint16_t offset, uint8_t value)
{
    __asm__ volatile("movb %0, %%fs:(%1)"
                     :
                     : "q"(value), "r"((uint32_t) offset)
                     : "memory");
}

static inline void
far_put16(uint16_t offset, uint16_t value)
{
    __asm__ volatile("movw %0, %%fs:(%1)"
                     :
                     : "r"(value), "r"((uint32_t) offset)
                     : "memory");
}

static inline uint8_t
far_get8(uint16_t offset)
{
    uint8_t value;

    __asm__ volatile("movb %%fs:(%1), %0"
                     : "=q"(value)
                     : "r"((uint32_t) offset)
                     : "memory");
    return value;
}

static inline void
wait_interrupt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}

/* screen.c: text mode 3, and lines of text -------------------------------- */

/* A line being put together; add_*() cut it at the end. */
struct Line {
    char text[81];
    uint8_t len;
};
void line_start(struct Line *line);
void add_char(struct Line *line, char c);
void add_text(struct Line *line, const char *text);
void add_hex(struct Line *line, uint32_t value, unsigned digits);
void add_dec(struct Line *line, uint32_t value);

#define ATTR(fg, bg) ((uint8_t) ((bg) << 4 | (fg)))
enum { BLACK, BLUE, GREEN, CYAN, RED, MAGENTA, BROWN, GREY };
#define BRIGHT(colour) ((colour) | 8)

void screen_text_mode(void);
void screen_clear(uint8_t attr);
void screen_put(unsigned row, unsigned col, uint8_t attr, const char *text);
void screen_fill(unsigned row, unsigned col, unsigned count, uint8_t attr,
                 char c);
/* A double-line frame with a title in its top edge; the inside is cleared. */
void screen_box(unsigned row, unsigned col, unsigned rows, unsigned cols,
                uint8_t attr, const char *title);

/* The line and CR LF to COM1 and to the firmware's debug port, when there. */
void report_start(void);
void report(const char *text);

/* BIOS clock and keyboard. */
uint32_t ticks(void); /* 18.2 a second */
/* Scan code << 8 | ASCII of a key, or 0. */
uint16_t key_poll(void);

/* facts.c: what machine this is ------------------------------------------- */

void facts_find(void);
void facts_draw(void);     /* the boxes of the main page */
void facts_report(void);   /* the same to COM1 */
void facts_pci_page(void); /* every function of bus 0 */
unsigned facts_test_pages(void);
/* The configuration address of vendor:device on bus 0, or 0. */
uint32_t pci_find(uint32_t id);
uint32_t pci_read(uint32_t address, uint8_t reg);

/* graphics.c: each shows itself until a key is pressed, which it returns --- */

uint16_t graphics_plasma(void);
uint16_t graphics_planar(void);
