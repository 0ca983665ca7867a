/* share/demo/main.c - the demo guest: its main page, keys, and the ways to
 * switch the machine off. */
#include "demo.h"

#define BAR        ATTR(BRIGHT(GREY), BLUE)
#define NORMAL     ATTR(GREY, BLACK)
#define KEY        ATTR(BRIGHT(BROWN), BLACK)
#define FRAME      ATTR(CYAN, BLACK)
#define PIIX4_PM   0x71138086u
#define SLP_EN     0x2000
#define KEY_ESCAPE 0x1b

static void
draw_clock(void)
{
    struct BiosRegs r = {.eax = 0x0200};
    struct Line line;

    bios(0x1a, &r);
    if (r.eflags & EFLAGS_CARRY)
        return;
    line_start(&line);
    add_hex(&line, r.ecx >> 8, 2); /* BCD */
    add_char(&line, ':');
    add_hex(&line, r.ecx & 0xff, 2);
    add_char(&line, ':');
    add_hex(&line, r.edx >> 8, 2);
    screen_put(0, 71, BAR, line.text);
}

static void
draw_keys(void)
{
    /* clang-format off */
    static const struct { uint8_t row, col; const char *key, *what; } keys[] = {
        {17,  2, "1", "this page"},       {17, 28, "p", "all PCI devices"},
        {18,  2, "2", "colour plasma"},   {18, 28, "k", "keyboard test"},
        {19,  2, "3", "planar graphics"}, {19, 28, "r", "restart"},
        {20,  2, "m", "memory test"},     {20, 28, "q", "power off"},
    };
    /* clang-format on */
    screen_box(16, 0, 6, 80, FRAME, " Keys ");
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        screen_put(keys[i].row, keys[i].col, KEY, keys[i].key);
        screen_put(keys[i].row, keys[i].col + 3u, NORMAL, keys[i].what);
    }
    /* Sixteen colours, four shades each: code page 437 at work. */
    for (unsigned i = 0; i < 16; i++) {
        screen_put(18, 52 + i, ATTR(i, BLACK), "\xdb");
        screen_put(19, 52 + i, ATTR(i, BLACK), "\xb2");
        screen_put(20, 52 + i, ATTR(i, BLACK), "\xb0");
    }
}

static void
draw_main_page(void)
{
    screen_clear(NORMAL);
    screen_fill(0, 0, 80, BAR, ' ');
    screen_put(0, 1, BAR, "Carrel demo");
    screen_put(0, 15, ATTR(BRIGHT(CYAN), BLUE), "a guest without a system");
    facts_draw();
    draw_keys();
    screen_fill(24, 0, 80, BAR, ' ');
    draw_clock();
}

/* Who waits for this line finds everything else drawn. */
static void
draw_ready(void)
{
    screen_put(24, 1, BAR, "Carrel demo ready");
    screen_put(24, 58, ATTR(BRIGHT(CYAN), BLUE), "press one of the keys");
}

static void
run_memory_test(void)
{
    unsigned pages = facts_test_pages();
    unsigned errors;
    struct Line line;

    screen_put(23, 2, NORMAL, "memory test in protected mode ...");
    errors = in_protected_mode(memory_test, pages);
    line_start(&line);
    add_text(&line, "memory test: ");
    add_dec(&line, pages);
    add_text(&line, " pages from 1 MiB, ");
    add_dec(&line, errors);
    add_text(&line, " errors");
    screen_fill(23, 0, 80, NORMAL, ' ');
    screen_put(23, 2, errors == 0 ? ATTR(BRIGHT(GREEN), BLACK) : KEY,
               line.text);
    report(line.text);
}

/* What the BIOS says of each key, until Escape. */
static void
keyboard_page(void)
{
    uint16_t key = 0;
    unsigned row = 2;
    struct Line line;

    screen_clear(NORMAL);
    screen_box(0, 0, 24, 80, FRAME, " Keyboard ");
    screen_fill(24, 0, 80, BAR, ' ');
    screen_put(24, 1, BAR, "Escape: back");
    while ((key & 0xff) != KEY_ESCAPE) {
        wait_interrupt();
        key = key_poll();
        if (key == 0)
            continue;
        line_start(&line);
        add_text(&line, "key ");
        add_hex(&line, key >> 8, 2);
        add_char(&line, ' ');
        add_hex(&line, key & 0xff, 2);
        add_char(&line, ' ');
        if ((key & 0xff) >= ' ')
            add_char(&line, (char) key);
        report(line.text);
        screen_fill(row, 2, 70, NORMAL, ' ');
        screen_put(row, 4, NORMAL, line.text);
        row = row == 22 ? 2 : row + 1;
        screen_fill(row, 2, 70, NORMAL, ' ');
        screen_put(row, 2, KEY, "\x10");
    }
}

/* ACPI through the PIIX4, else APM, else the port that emulators watch. */
static void
power_off(void)
{
    static const char word[] = "Shutdown";
    uint32_t pm = pci_find(PIIX4_PM);
    struct BiosRegs connect = {.eax = 0x5301};
    struct BiosRegs version = {.eax = 0x530e, .ecx = 0x0102};
    struct BiosRegs off = {.eax = 0x5307, .ebx = 1, .ecx = 3};

    report("power off");
    if (pm != 0 && (pci_read(pm, 0x80) & 1)) {
        uint16_t base = (uint16_t) (pci_read(pm, 0x40) & 0xffc0);

        out16((uint16_t) (base + 4), SLP_EN); /* SLP_TYP 0: soft off */
    }
    bios(0x15, &connect);
    bios(0x15, &version);
    bios(0x15, &off);
    for (unsigned i = 0; word[i] != '\0'; i++)
        out8(0x8900, (uint8_t) word[i]);
    screen_clear(NORMAL);
    screen_put(12, 22, KEY, "You may now switch off the machine.");
    for (;;)
        wait_interrupt();
}

static void
restart(void)
{
    report("restart");
    out8(0x64, 0xfe); /* keyboard controller pulses the reset line */
    for (unsigned i = 0; i < 10; i++)
        wait_interrupt();
    out8(0xcf9, 0x02);
    out8(0xcf9, 0x06);
}

/* One key of the main page; true when the page must be drawn again. */
static bool
main_key(uint16_t key)
{
    if (key >> 8 == 0x3b) /* F1..F3 are 1..3 */
        key = '1';
    if (key >> 8 == 0x3c)
        key = '2';
    if (key >> 8 == 0x3d)
        key = '3';
    switch (key & 0xff) {
    case '2': (void) graphics_plasma(); break;
    case '3': (void) graphics_planar(); break;
    case 'p':
    case 'P':
        facts_pci_page();
        while (key_poll() == 0)
            wait_interrupt();
        return true;
    case 'k':
    case 'K': keyboard_page(); return true;
    case 'm':
    case 'M': run_memory_test(); return false;
    case 'r':
    case 'R': restart(); return true;
    case 'q':
    case 'Q': power_off(); return true;
    default: return key == '1';
    }
    screen_text_mode();
    return true;
}

void demo_main(void);

void
demo_main(void)
{
    uint32_t drawn_at = 0;

    screen_text_mode();
    report_start();
    report("Carrel demo");
    screen_put(0, 0, NORMAL, "Carrel demo: looking around ...");
    facts_find();
    facts_report();
    draw_main_page();
    run_memory_test();
    draw_ready();
    report("Carrel demo ready");
    for (;;) {
        uint16_t key = key_poll();

        if (key != 0 && main_key(key)) {
            draw_main_page();
            draw_ready();
        }
        if (ticks() - drawn_at >= 18) {
            drawn_at = ticks();
            draw_clock();
        }
        wait_interrupt();
    }
}
