/* share/bench-guest/guest.h - types, ports, memory and the serial line of the
 * bench guest. One CPU, no paging: an address is a physical address. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef enum { false, true } bool;

#define NULL         ((void *) 0)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline void
outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void
outw(u16 port, u16 value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline void
outl(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline u8
inb(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32
inl(u16 port)
{
    u32 value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* Registers in memory; MOV of the exact width. */
#define REG8(addr)  (*(volatile u8 *) (addr))
#define REG16(addr) (*(volatile u16 *) (addr))
#define REG32(addr) (*(volatile u32 *) (addr))

/* x86 keeps the order of loads and of stores; a store may pass a later load. */
#define compiler_barrier() __asm__ volatile("" ::: "memory")
#define full_barrier()                                                         \
    __asm__ volatile("lock; addl $0, (%%esp)" ::: "memory", "cc")

/* Memory that is never given back, zeroed. */
void *memory_take(u32 len, u32 align);
void memory_set(void *to, u8 value, u32 len);
void memory_copy(void *to, const void *from, u32 len);
bool text_is(const char *a, const char *b);

void serial_put(char c);
void serial_print(const char *text);
void serial_print_u32(u32 value);
/* Waits for a line, without its end; what is too long is cut. */
void serial_read_line(char *line, u32 size);
/* The host's clock is read when one of these arrives. */
void mark_begin(void);
void mark_end(void);

/* A command's words; word 0 is its name. */
typedef struct {
    const char *words[12];
    u32 n;
} Args;
u32 args_number(const Args *args, u32 i);       /* 0: not there, no number */
const char *args_word(const Args *args, u32 i); /* "": not there */

/* Runs between its own marks. NULL, or what went wrong. */
typedef const char *(*CommandFn)(const Args *args);
typedef struct {
    const char *name;
    CommandFn run;
} Command;
/* commands.c of each guest that is built from these files; ends with NULL. */
extern const Command guest_commands[];

const char *command_exit(const Args *args);
const char *command_memory(const Args *args);
const char *command_disk(const Args *args);
const char *command_net(const Args *args);
