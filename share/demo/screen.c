/* share/demo/screen.c - the demo guest's text screen (VGA mode 3), lines of
 * text, COM1 and the debug port, clock and keyboard of the BIOS. */
#include "demo.h"

#define TEXT_SEGMENT 0xb800
#define COLS         80
#define ROWS         25

#define COM1         0x3f8
#define COM_IER      (COM1 + 1)
#define COM_LCR      (COM1 + 3)
#define COM_LSR      (COM1 + 5)
#define COM_SCR      (COM1 + 7)
#define LSR_THRE     0x20
#define DEBUG_PORT   0x402 /* answers 0xe9 where a firmware log listens */

static struct {
    bool com1, debug;
} console;

void
line_start(struct Line *line)
{
    line->len = 0;
    line->text[0] = '\0';
}

void
add_char(struct Line *line, char c)
{
    if (line->len + 1u < sizeof line->text) {
        line->text[line->len++] = c;
        line->text[line->len] = '\0';
    }
}

void
add_text(struct Line *line, const char *text)
{
    while (*text != '\0')
        add_char(line, *text++);
}

void
add_hex(struct Line *line, uint32_t value, unsigned digits)
{
    while (digits-- > 0)
        add_char(line, "0123456789abcdef"[value >> (4 * digits) & 15]);
}

void
add_dec(struct Line *line, uint32_t value)
{
    char digits[10];
    unsigned n = 0;

    do {
        digits[n++] = (char) ('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (n > 0)
        add_char(line, digits[--n]);
}

void
screen_text_mode(void)
{
    struct BiosRegs set_mode = {.eax = 0x0003};
    struct BiosRegs hide_cursor = {.eax = 0x0100, .ecx = 0x2000};

    bios(0x10, &set_mode);
    bios(0x10, &hide_cursor);
}

void
screen_fill(unsigned row, unsigned col, unsigned count, uint8_t attr, char c)
{
    far_segment(TEXT_SEGMENT);
    for (; count > 0 && row < ROWS && col < COLS; count--, col++)
        far_put16((uint16_t) ((row * COLS + col) * 2),
                  (uint16_t) (attr << 8 | (uint8_t) c));
}

void
screen_clear(uint8_t attr)
{
    for (unsigned row = 0; row < ROWS; row++)
        screen_fill(row, 0, COLS, attr, ' ');
}

void
screen_put(unsigned row, unsigned col, uint8_t attr, const char *text)
{
    for (; *text != '\0'; text++)
        screen_fill(row, col++, 1, attr, *text);
}

void
screen_box(unsigned row, unsigned col, unsigned rows, unsigned cols,
           uint8_t attr, const char *title)
{
    unsigned last_row = row + rows - 1, last_col = col + cols - 1;

    screen_fill(row, col, cols, attr, '\xcd');
    for (unsigned r = row + 1; r < last_row; r++) {
        screen_fill(r, col, cols, attr, ' ');
        screen_fill(r, col, 1, attr, '\xba');
        screen_fill(r, last_col, 1, attr, '\xba');
    }
    screen_fill(last_row, col, cols, attr, '\xcd');
    screen_fill(row, col, 1, attr, '\xc9');
    screen_fill(row, last_col, 1, attr, '\xbb');
    screen_fill(last_row, col, 1, attr, '\xc8');
    screen_fill(last_row, last_col, 1, attr, '\xbc');
    screen_put(row, col + 2, (uint8_t) (attr | 8), title);
}

void
report_start(void)
{
    out8(COM_SCR, 0x5a);
    console.com1 = in8(COM_SCR) == 0x5a;
    console.debug = in8(DEBUG_PORT) == 0xe9;
    if (!console.com1)
        return;
    out8(COM_LCR, 0x80); /* divisor 1: 115200 baud, 8N1, no interrupts */
    out8(COM1, 1);
    out8(COM_IER, 0);
    out8(COM_LCR, 0x03);
    out8(COM_IER, 0);
}

static void
report_char(char c)
{
    if (console.debug && c != '\r')
        out8(DEBUG_PORT, (uint8_t) c);
    if (!console.com1)
        return;
    for (unsigned i = 0; i < 10000 && !(in8(COM_LSR) & LSR_THRE); i++)
        ; /* a line nobody drains must not stop the demo */
    out8(COM1, (uint8_t) c);
}

void
report(const char *text)
{
    while (*text != '\0')
        report_char(*text++);
    report_char('\r');
    report_char('\n');
}

uint32_t
ticks(void)
{
    return bios_ticks;
}

uint16_t
key_poll(void)
{
    /* Enhanced keyboard functions where the BIOS data area says that one is
     * attached: F11, F12 and the grey keys are told apart. */
    bool enhanced = bios_keyboard_flags & 0x10;
    struct BiosRegs look = {.eax = enhanced ? 0x1100 : 0x0100};
    struct BiosRegs take = {.eax = enhanced ? 0x1000 : 0x0000};

    if (bios_key_head == bios_key_tail)
        return 0; /* the BIOS's queue is empty: no need to call it */
    bios(0x16, &look);
    if (look.eflags & (1u << 6)) /* ZF: no key */
        return 0;
    bios(0x16, &take);
    return (uint16_t) take.eax;
}
