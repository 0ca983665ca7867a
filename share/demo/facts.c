/* share/demo/facts.c - what the demo guest finds out about its machine:
 * processor by CPUID, memory by INT 15h E820, PCI by mechanism #1. */
#include "demo.h"

#define PCI_ADDRESS  0xcf8
#define PCI_DATA     0xcfc
#define MAX_RANGES   8
#define MAX_PCI      32
#define LABEL        ATTR(GREY, BLACK)
#define VALUE        ATTR(BRIGHT(GREY), BLACK)
#define FRAME        ATTR(CYAN, BLACK)
#define TEST_LIMIT   8192u  /* pages: 32 MiB are enough to show */
#define TICK_US      54925u /* 1193182 Hz / 65536 */
#define SMAP         0x534d4150u
#define E820_USABLE  1
#define HEADER_MULTI 0x00800000u

/* As INT 15h E820 fills it. */
struct Range {
    uint32_t base, base_high, len, len_high, type;
};

struct PciFunction {
    uint8_t devfn;
    uint32_t id, class_code; /* class_code: register 8 */
};

static struct {
    char vendor[13], brand[49];
    uint32_t signature, features, mhz;
    struct Range range[MAX_RANGES];
    unsigned ranges, base_kib, usable_kib;
    struct PciFunction pci[MAX_PCI];
    unsigned pcis;
} facts;

static bool
has_cpuid(void)
{
    uint32_t before, after;

    /* The ID flag can be changed only where CPUID exists (late 486 on). */
    __asm__ volatile("pushfl; popl %0; movl %0, %1; xorl $0x200000, %1;"
                     "pushl %1; popfl; pushfl; popl %1; pushl %0; popfl"
                     : "=&r"(before), "=&r"(after)
                     :
                     : "cc");
    return ((before ^ after) & 0x200000) != 0;
}

static void
cpuid(uint32_t leaf, uint32_t regs[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]),
                       "=d"(regs[3])
                     : "a"(leaf), "c"(0));
}

static void
copy_chars(char *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char) (value >> (8 * i));
}

static uint32_t
tsc_low(void)
{
    uint32_t low;

    __asm__ volatile("rdtsc" : "=a"(low) : : "edx");
    return low;
}

/* Over two ticks: 110 ms fit into 32 bits up to 39 GHz. */
static uint32_t
measure_mhz(void)
{
    uint32_t start = ticks(), tsc;

    while (ticks() == start)
        wait_interrupt();
    start = ticks();
    tsc = tsc_low();
    while (ticks() - start < 2)
        wait_interrupt();
    return (tsc_low() - tsc) / (2 * TICK_US);
}

static void
name_processor(const char *name)
{
    unsigned i = 0;

    for (; name[i] != '\0'; i++)
        facts.brand[i] = name[i];
    facts.brand[i] = '\0';
}

/* What it is where no brand string tells, by its family. */
static const char *
family_name(void)
{
    switch (facts.signature >> 8 & 15) {
    case 4: return "486 class";
    case 5: return "Pentium class";
    case 6: return "Pentium Pro class";
    default: return "unknown processor";
    }
}

static void
find_processor(void)
{
    uint32_t r[4];

    name_processor("486 or older");
    if (!has_cpuid())
        return;
    cpuid(0, r);
    copy_chars(facts.vendor, r[1]);
    copy_chars(facts.vendor + 4, r[3]);
    copy_chars(facts.vendor + 8, r[2]);
    cpuid(1, r);
    facts.signature = r[0];
    facts.features = r[3];
    name_processor(family_name());
    cpuid(0x80000000u, r);
    if (r[0] >= 0x80000004u && r[0] < 0x80010000u) {
        for (unsigned leaf = 0; leaf < 3; leaf++) {
            cpuid(0x80000002u + leaf, r);
            for (unsigned i = 0; i < 4; i++)
                copy_chars(facts.brand + leaf * 16 + i * 4, r[i]);
        }
    }
    if (facts.features & (1u << 4))
        facts.mhz = measure_mhz();
}

static void
find_memory(void)
{
    struct BiosRegs base = {.eax = 0};
    uint32_t next = 0;

    bios(0x12, &base);
    facts.base_kib = base.eax & 0xffff;
    do {
        struct Range *range = &facts.range[facts.ranges];
        struct BiosRegs r = {.eax = 0xe820,
                             .ebx = next,
                             .ecx = sizeof *range,
                             .edx = SMAP,
                             .edi = (uint32_t) range};
        bios(0x15, &r);
        if (r.eax != SMAP || (r.eflags & EFLAGS_CARRY))
            break;
        next = r.ebx;
        if (range->type == E820_USABLE)
            facts.usable_kib += range->len >> 10 | range->len_high << 22;
        facts.ranges++;
    } while (next != 0 && facts.ranges < MAX_RANGES);
}

uint32_t
pci_read(uint32_t address, uint8_t reg)
{
    out32(PCI_ADDRESS, address | (reg & 0xfc));
    return in32(PCI_DATA);
}

static uint32_t
pci_address(uint8_t devfn)
{
    return 0x80000000u | (uint32_t) devfn << 8;
}

uint32_t
pci_find(uint32_t id)
{
    for (unsigned i = 0; i < facts.pcis; i++)
        if (facts.pci[i].id == id)
            return pci_address(facts.pci[i].devfn);
    return 0;
}

static void
find_pci(void)
{
    out32(PCI_ADDRESS, 0x80000000u);
    if (in32(PCI_ADDRESS) != 0x80000000u)
        return;
    for (unsigned slot = 0; slot < 32; slot++) {
        unsigned functions = 1;

        for (unsigned fn = 0; fn < functions; fn++) {
            uint8_t devfn = (uint8_t) (slot << 3 | fn);
            uint32_t address = pci_address(devfn);
            uint32_t id = pci_read(address, 0);

            if ((id & 0xffff) == 0xffff || facts.pcis == MAX_PCI)
                continue;
            if (fn == 0 && (pci_read(address, 0x0c) & HEADER_MULTI))
                functions = 8;
            facts.pci[facts.pcis++] =
                (struct PciFunction){devfn, id, pci_read(address, 8)};
        }
    }
}

void
facts_find(void)
{
    find_processor();
    find_memory();
    find_pci();
}

unsigned
facts_test_pages(void)
{
    for (unsigned i = 0; i < facts.ranges; i++) {
        const struct Range *r = &facts.range[i];

        if (r->type != E820_USABLE || r->base_high != 0 || r->base != 0x100000)
            continue;
        uint32_t pages = r->len_high != 0 ? TEST_LIMIT : r->len >> 12;

        return pages < TEST_LIMIT ? pages : TEST_LIMIT;
    }
    return 0;
}

static const char *
pci_class_name(uint32_t class_code)
{
    /* clang-format off */
    static const struct { uint16_t code; const char *name; } names[] = {
        {0x0100, "SCSI controller"},  {0x0101, "IDE controller"},
        {0x0106, "SATA controller"},  {0x0108, "NVMe controller"},
        {0x0200, "Ethernet"},         {0x0300, "VGA display"},
        {0x0380, "display"},          {0x0401, "audio"},
        {0x0403, "HD audio"},         {0x0600, "host bridge"},
        {0x0601, "ISA bridge"},       {0x0604, "PCI bridge"},
        {0x0680, "bridge, power management"},
        {0x0c03, "USB controller"},   {0x0c05, "SMBus"},
    };
    /* clang-format on */
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].code == class_code >> 16)
            return names[i].name;
    return "device";
}

/* "00:01.1  8086:7010  IDE controller" */
static void
pci_line(struct Line *line, unsigned index)
{
    const struct PciFunction *f = &facts.pci[index];

    line_start(line);
    add_text(line, "00:");
    add_hex(line, f->devfn >> 3, 2);
    add_char(line, '.');
    add_hex(line, f->devfn & 7, 1);
    add_text(line, "  ");
    add_hex(line, f->id & 0xffff, 4);
    add_char(line, ':');
    add_hex(line, f->id >> 16, 4);
    add_text(line, "  ");
    add_text(line, pci_class_name(f->class_code));
}

static const char *
brand_name(void)
{
    const char *name = facts.brand;

    while (*name == ' ')
        name++;
    return *name != '\0' ? name : "(has no brand name)";
}

static void
cpu_line(struct Line *line)
{
    uint32_t s = facts.signature;
    uint32_t family = s >> 8 & 15, model = s >> 4 & 15;

    if (family == 15 || family == 6)
        model |= s >> 12 & 0xf0;
    if (family == 15)
        family += s >> 20 & 0xff;
    line_start(line);
    add_text(line, "family ");
    add_dec(line, family);
    add_text(line, " model ");
    add_dec(line, model);
    add_text(line, " stepping ");
    add_dec(line, s & 15);
}

static void
mhz_line(struct Line *line)
{
    line_start(line);
    if (facts.mhz == 0) {
        add_text(line, "no time-stamp counter");
        return;
    }
    add_text(line, "TSC ");
    add_dec(line, facts.mhz);
    add_text(line, " MHz");
}

static void
memory_line(struct Line *line)
{
    line_start(line);
    add_dec(line, facts.base_kib);
    add_text(line, " KiB base, ");
    add_dec(line, (facts.usable_kib + 1023) >> 10);
    add_text(line, " MiB in all");
}

static void
range_line(struct Line *line, unsigned index)
{
    const struct Range *r = &facts.range[index];

    line_start(line);
    add_hex(line, r->base_high, 2);
    add_hex(line, r->base, 8);
    add_text(line, " + ");
    add_hex(line, r->len_high, 2);
    add_hex(line, r->len, 8);
    add_text(line, " bytes");
}

static void
draw_processor(struct Line *line)
{
    screen_box(2, 0, 6, 40, FRAME, " Processor ");
    screen_put(3, 2, VALUE, facts.vendor);
    line_start(line);
    add_text(line, brand_name());
    line->text[36] = '\0';
    screen_put(4, 2, VALUE, line->text);
    cpu_line(line);
    screen_put(5, 2, LABEL, line->text);
    mhz_line(line);
    screen_put(6, 2, LABEL, line->text);
}

static void
draw_memory(struct Line *line)
{
    screen_box(2, 40, 6, 40, FRAME, " Memory ");
    memory_line(line);
    screen_put(3, 42, VALUE, line->text);
    for (unsigned i = 0, row = 4; i < facts.ranges && row < 7; i++) {
        if (facts.range[i].type != E820_USABLE)
            continue;
        range_line(line, i);
        screen_put(row++, 42, LABEL, line->text);
    }
}

void
facts_draw(void)
{
    struct Line line;

    draw_processor(&line);
    draw_memory(&line);
    screen_box(8, 0, 8, 80, FRAME, " PCI bus 0 ");
    for (unsigned i = 0; i < facts.pcis && i < 6; i++) {
        pci_line(&line, i);
        screen_put(9 + i, 2, LABEL, line.text);
    }
    if (facts.pcis == 0)
        screen_put(9, 2, LABEL, "no PCI bus");
    if (facts.pcis > 6)
        screen_put(15, 60, VALUE, " p: more ");
}

void
facts_report(void)
{
    struct Line line;

    line_start(&line);
    add_text(&line, "cpu: ");
    add_text(&line, facts.vendor);
    add_char(&line, ' ');
    add_text(&line, brand_name());
    report(line.text);
    memory_line(&line);
    report(line.text);
    for (unsigned i = 0; i < facts.pcis; i++) {
        pci_line(&line, i);
        report(line.text);
    }
}

void
facts_pci_page(void)
{
    struct Line line;

    screen_clear(LABEL);
    screen_box(0, 0, 24, 80, FRAME, " PCI bus 0, mechanism #1 ");
    for (unsigned i = 0; i < facts.pcis && i < 22; i++) {
        pci_line(&line, i);
        screen_put(1 + i, 2, LABEL, line.text);
    }
    screen_fill(24, 0, 80, ATTR(BLACK, CYAN), ' ');
    screen_put(24, 1, ATTR(BLACK, CYAN), "Any key: back");
}
