/* share/bench-guest/main.c - reads commands from the serial port and runs
 * those of guest_commands. The answer to each is "<", what it prints, ">", then "ok" or "error
 * TEXT" and the end of the line. */
#include "share/bench-guest/guest.h"
#include "share/bench-guest/irq.h"
#include "share/bench-guest/pci.h"

#define COM1      0x3f8
#define LSR       (COM1 + 5)
#define LSR_DATA  0x01
#define LSR_EMPTY 0x20
#define MULTIBOOT 0x2badb002

extern char bss_end[];

static char *free_memory = bss_end;

void *
memory_take(u32 len, u32 align)
{
    char *start = (char *) (((u32) free_memory + align - 1) & ~(align - 1));

    free_memory = start + len;
    memory_set(start, 0, len);
    return start;
}

void
memory_set(void *to, u8 value, u32 len)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(value) : "memory");
}

void
memory_copy(void *to, const void *from, u32 len)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len)::"memory");
}

/* What the compiler calls by itself. */
void *memset(void *to, int value, u32 len);
void *memcpy(void *to, const void *from, u32 len);

void *
memset(void *to, int value, u32 len)
{
    memory_set(to, (u8) value, len);
    return to;
}

void *
memcpy(void *to, const void *from, u32 len)
{
    memory_copy(to, from, len);
    return to;
}

bool
text_is(const char *a, const char *b)
{
    while (*a != 0 && *a == *b)
        a++, b++;
    return *a == *b;
}

void
serial_put(char c)
{
    while ((inb(LSR) & LSR_EMPTY) == 0)
        ;
    outb(COM1, (u8) c);
}

void
serial_print(const char *text)
{
    while (*text != 0)
        serial_put(*text++);
}

void
serial_print_u32(u32 value)
{
    char digits[11];
    u32 n = sizeof digits;

    digits[--n] = 0;
    do
        digits[--n] = (char) ('0' + value % 10);
    while ((value /= 10) != 0);
    serial_print(digits + n);
}

void
serial_read_line(char *line, u32 size)
{
    u32 n = 0;

    for (;;) {
        while ((inb(LSR) & LSR_DATA) == 0)
            ;
        char c = (char) inb(COM1);
        if (c == '\n' || c == '\r')
            break;
        if (n + 1 < size)
            line[n++] = c;
    }
    line[n] = 0;
}

void
mark_begin(void)
{
    outb(COM1, '<');
}

void
mark_end(void)
{
    outb(COM1, '>');
}

const char *
args_word(const Args *args, u32 i)
{
    return i < args->n ? args->words[i] : "";
}

u32
args_number(const Args *args, u32 i)
{
    u32 value = 0;

    for (const char *c = args_word(args, i); *c >= '0' && *c <= '9'; c++)
        value = value * 10 + (u32) (*c - '0');
    return value;
}

static void
split(char *line, Args *args)
{
    args->n = 0;
    while (*line != 0 && args->n < COUNT(args->words)) {
        args->words[args->n++] = line;
        while (*line != 0 && *line != ' ')
            line++;
        while (*line == ' ')
            *line++ = 0;
    }
}

static const char *
run(const Args *args)
{
    for (const Command *c = guest_commands; c->name != NULL; c++)
        if (text_is(c->name, args_word(args, 0)))
            return c->run(args);
    return "no such command";
}

void guest_main(u32 magic);

void
guest_main(u32 magic)
{
    char line[128];
    Args args;

    pci_init(magic != MULTIBOOT);
    irq_init(magic != MULTIBOOT);
    serial_print("ready\n");
    for (;;) {
        serial_read_line(line, sizeof line);
        split(line, &args);
        const char *error = run(&args);
        serial_print(error == NULL ? "ok" : "error ");
        serial_print(error == NULL ? "" : error);
        serial_put('\n');
    }
}
