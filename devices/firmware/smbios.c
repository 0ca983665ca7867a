/* devices/firmware/smbios.c - see smbios.h.
 *
 * DSP0134 2.8, chapters 5 (entry point) and 7 (structures): BIOS, system, main
 * board, chassis, processors, memory array, modules and ranges, boot status.
 * Of version 2.x because its entry point is known to systems since Windows
 * 2000 and to every SeaBIOS. Left out: ports, slots, caches, which guests learn
 * from the hardware itself. */
#include "devices/firmware/smbios.h"

#include <string.h>

#include "devices/firmware/memory-modules.h"

#define MIB         (G_GUINT64_CONSTANT(1) << 20)
#define FOUR_GIB    (G_GUINT64_CONSTANT(4) << 30)

#define MAJOR       2
#define MINOR       8
#define MAX_STRINGS 8

/* A handle is the type's hundred and a number. */
#define HANDLE_BIOS    0x0000u
#define HANDLE_SYSTEM  0x0100u
#define HANDLE_BOARD   0x0200u
#define HANDLE_CHASSIS 0x0300u
#define HANDLE_CPU     0x0400u
#define HANDLE_ARRAY   0x1000u
#define HANDLE_MODULE  0x1100u
#define HANDLE_RANGE   0x1300u
#define HANDLE_BOOT    0x2000u
#define HANDLE_END     0x7f00u
#define HANDLE_NONE    0xfffeu
#define HANDLE_UNKNOWN 0xffffu

/* Linux takes a date before 2008 for a machine whose ACPI windows are wrong,
 * and one after 2022 for one whose memory map does not count. */
#define BIOS_DATE     "01/01/2015"

#define CHAR_LOW_NONE (1u << 3) /* section 7.1.1: nothing else is told */
#define CHAR2_UEFI    (1u << 3)
#define CHAR2_VIRTUAL (1u << 4)

#define SIZE_MAX_MIB  0x7fffu /* a module of 32 GiB has its size elsewhere */

typedef struct {
    GByteArray *out;
    guint start;                      /* of the structure being written */
    const char *strings[MAX_STRINGS]; /* of that one */
    unsigned n_strings;
    unsigned n_structures;
    guint largest; /* bytes of one with its strings */
} Writer;

/* Little-endian; bytes beyond the value's eight are zero. */
static void
put(Writer *w, guint64 value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++) {
        guint8 byte = (guint8) value;
        g_byte_array_append(w->out, &byte, 1);
        value >>= 8;
    }
}

/* Its number, which stands in the structure. */
static void
put_text(Writer *w, const char *text)
{
    if (text == NULL || *text == '\0') {
        put(w, 0, 1);
        return;
    }
    g_assert(w->n_strings < MAX_STRINGS);
    w->strings[w->n_strings++] = text;
    put(w, w->n_strings, 1);
}

static void
begin(Writer *w, guint8 type, unsigned handle)
{
    w->start = w->out->len;
    w->n_strings = 0;
    put(w, type, 1);
    put(w, 0, 1); /* length: known at the end */
    put(w, handle, 2);
}

/* Section 6.1.3: texts follow, and an empty one ends them. */
static void
end(Writer *w)
{
    w->out->data[w->start + 1] = (guint8) (w->out->len - w->start);
    for (unsigned i = 0; i < w->n_strings; i++)
        g_byte_array_append(w->out, (const guint8 *) w->strings[i],
                            (guint) strlen(w->strings[i]) + 1);
    put(w, 0, w->n_strings > 0 ? 1 : 2);
    w->n_structures++;
    w->largest = MAX(w->largest, w->out->len - w->start);
}

/* Type 0, section 7.1. */
static void
add_bios(Writer *w, const SmbiosSpec *spec)
{
    unsigned more =
        (spec->uefi ? CHAR2_UEFI : 0) | (spec->hidden ? 0 : CHAR2_VIRTUAL);

    begin(w, 0, HANDLE_BIOS);
    put_text(w, spec->manufacturer);
    put_text(w, spec->version);
    put(w, 0xe800, 2); /* segment of its first byte */
    put_text(w, BIOS_DATE);
    put(w, 0, 1); /* size: 64 KiB, times one more than this */
    put(w, CHAR_LOW_NONE, 8);
    put(w, 0, 1);
    put(w, more, 1);
    put(w, 0, 2);      /* release of the BIOS */
    put(w, 0xffff, 2); /* there is no embedded controller */
    end(w);
}

/* Type 1, section 7.2; 7.2.1: the first three fields are little-endian. */
static void
add_system(Writer *w, const SmbiosSpec *spec)
{
    static const guint8 order[SMBIOS_UUID_LEN] = {3, 2, 1,  0,  5,  4,  7,  6,
                                                  8, 9, 10, 11, 12, 13, 14, 15};

    begin(w, 1, HANDLE_SYSTEM);
    put_text(w, spec->manufacturer);
    put_text(w, spec->product);
    put_text(w, spec->version);
    put_text(w, spec->serial);
    for (unsigned i = 0; i < SMBIOS_UUID_LEN; i++)
        put(w, spec->uuid[order[i]], 1);
    put(w, 6, 1); /* woken by the power switch */
    put_text(w, spec->sku);
    put_text(w, spec->family);
    end(w);
}

/* Type 2, section 7.3. */
static void
add_board(Writer *w, const SmbiosSpec *spec)
{
    begin(w, 2, HANDLE_BOARD);
    put_text(w, spec->manufacturer);
    put_text(w, spec->board);
    put_text(w, spec->version);
    put_text(w, NULL); /* serial number */
    put_text(w, NULL); /* asset tag */
    put(w, 1, 1);      /* carries the processors */
    put_text(w, NULL); /* place in the chassis */
    put(w, HANDLE_CHASSIS, 2);
    put(w, 0x0a, 1); /* main board */
    put(w, 0, 1);    /* contained objects */
    end(w);
}

/* Type 3, section 7.4. */
static void
add_chassis(Writer *w, const SmbiosSpec *spec)
{
    begin(w, 3, HANDLE_CHASSIS);
    put_text(w, spec->manufacturer);
    put(w, 1, 1); /* other: no desktop's, no laptop's power settings */
    put_text(w, spec->version);
    put_text(w, spec->serial);
    put_text(w, spec->asset_tag);
    put(w, 3, 1); /* boot-up state, power supply, heat: safe */
    put(w, 3, 1);
    put(w, 3, 1);
    put(w, 2, 1); /* security: unknown */
    put(w, 0, 4);
    put(w, 0, 1); /* height */
    put(w, 0, 1); /* power cords: unknown */
    put(w, 0, 2); /* contained elements, and the length of one */
    put_text(w, spec->sku);
    end(w);
}

/* Type 4, section 7.5. */
static void
add_cpu(Writer *w, const SmbiosSpec *spec, unsigned n)
{
    g_autofree char *socket = g_strdup_printf("CPU %u", n);
    unsigned threads = MAX(spec->cpus / spec->sockets, 1);
    unsigned cores = MAX(threads / spec->threads, 1);

    begin(w, 4, HANDLE_CPU + n);
    put_text(w, socket);
    put(w, 3, 1); /* central processor */
    put(w, 1, 1); /* family: other; CPUID tells */
    put_text(w, spec->manufacturer);
    put(w, 0, 8); /* identification: as above */
    put_text(w, spec->version);
    put(w, 0, 1);    /* voltage, clocks: unknown */
    put(w, 0, 6);    /* external, maximum, current */
    put(w, 0x41, 1); /* socket filled, enabled */
    put(w, 1, 1);    /* upgrade: other */
    for (unsigned cache = 0; cache < 3; cache++)
        put(w, HANDLE_UNKNOWN, 2);
    put_text(w, NULL); /* serial number, asset tag, part number */
    put_text(w, NULL);
    put_text(w, NULL);
    put(w, cores, 1);
    put(w, cores, 1); /* enabled */
    put(w, threads, 1);
    put(w, 1u << 1, 2); /* characteristics: unknown */
    put(w, 1, 2);       /* family, again */
    end(w);
}

/* Type 16, section 7.17; from 2 TiB on, the capacity would be elsewhere. */
static void
add_array(Writer *w, const SmbiosSpec *spec, const MemoryModules *modules)
{
    begin(w, 16, HANDLE_ARRAY);
    put(w, 3, 1); /* on the main board */
    put(w, 3, 1); /* system memory */
    put(w, 3, 1); /* no error correction */
    put(w, spec->memory / 1024, 4);
    put(w, HANDLE_NONE, 2); /* no error information */
    put(w, modules->n, 2);
    put(w, 0, 8); /* extended capacity */
    end(w);
}

/* Type 17, section 7.18. */
static void
add_module(Writer *w, const SmbiosSpec *spec, const MemoryModules *modules,
           unsigned n)
{
    g_autofree char *socket = g_strdup_printf("DIMM %u", n);
    guint64 mib = modules->bytes[n] / MIB;

    g_assert(mib < SIZE_MAX_MIB);
    begin(w, 17, HANDLE_MODULE + n);
    put(w, HANDLE_ARRAY, 2);
    put(w, HANDLE_NONE, 2);
    put(w, 64, 2); /* total and data width, bits */
    put(w, 64, 2);
    put(w, mib, 2);
    put(w, 9, 1); /* DIMM */
    put(w, 0, 1); /* of no set */
    put_text(w, socket);
    put_text(w, NULL);                      /* bank */
    put(w, modules->ddr2 ? 0x13 : 0x0f, 1); /* DDR2, SDRAM */
    put(w, 1u << 7, 2);                     /* synchronous */
    put(w, 0, 2);                           /* speed: unknown */
    put_text(w, spec->manufacturer);
    put_text(w, NULL); /* serial number, asset tag, part number */
    put_text(w, NULL);
    put_text(w, NULL);
    put(w, 0, 1); /* ranks: unknown */
    put(w, 0, 4); /* extended size */
    put(w, 0, 2); /* configured speed */
    put(w, 0, 6); /* voltages: unknown */
    end(w);
}

/* Type 19, section 7.20. Addresses in KiB; the last one is inclusive. */
static void
add_range(Writer *w, unsigned n, guint64 first, guint64 len, unsigned modules)
{
    begin(w, 19, HANDLE_RANGE + n);
    put(w, first / 1024, 4);
    put(w, (first + len) / 1024 - 1, 4);
    put(w, HANDLE_ARRAY, 2);
    put(w, modules, 1); /* that one row of the range is spread over */
    put(w, 0, 16);      /* extended addresses: of 4 TiB and up */
    end(w);
}

static void
add_memory(Writer *w, const SmbiosSpec *spec, guint64 low)
{
    MemoryModules modules = memory_modules_of(spec->memory);

    add_array(w, spec, &modules);
    for (unsigned i = 0; i < modules.n; i++)
        add_module(w, spec, &modules, i);
    add_range(w, 0, 0, low, modules.n);
    if (spec->memory > low)
        add_range(w, 1, FOUR_GIB, spec->memory - low, modules.n);
}

/* Types 32 and 127, sections 7.33 and 7.45. */
static void
add_end(Writer *w)
{
    begin(w, 32, HANDLE_BOOT);
    put(w, 0, 6);
    put(w, 0, 1); /* no errors */
    end(w);
    begin(w, 127, HANDLE_END);
    end(w);
}

static guint8
sum_to_zero(const guint8 *bytes, gsize len)
{
    guint8 sum = 0;

    for (gsize i = 0; i < len; i++)
        sum = (guint8) (sum + bytes[i]);
    return (guint8) -sum;
}

/* Section 5.2.1. The second half has a sum of its own. */
static GBytes *
make_anchor(const Writer *w, Gpa tables_at)
{
    guint8 a[SMBIOS_ANCHOR_LEN] = "_SM_";
    guint32 at = GUINT32_TO_LE((guint32) tables_at);
    guint16 largest = GUINT16_TO_LE((guint16) w->largest);
    guint16 len = GUINT16_TO_LE((guint16) w->out->len);
    guint16 n = GUINT16_TO_LE((guint16) w->n_structures);

    g_assert(w->out->len <= G_MAXUINT16);
    a[0x05] = SMBIOS_ANCHOR_LEN;
    a[0x06] = MAJOR;
    a[0x07] = MINOR;
    memcpy(a + 0x08, &largest, 2);
    memcpy(a + 0x10, "_DMI_", 5);
    memcpy(a + 0x16, &len, 2);
    memcpy(a + 0x18, &at, 4);
    memcpy(a + 0x1c, &n, 2);
    a[0x1e] = MAJOR << 4 | MINOR;
    a[0x15] = sum_to_zero(a + 0x10, 0x0f);
    a[0x04] = sum_to_zero(a, sizeof a);
    return g_bytes_new(a, sizeof a);
}

void
smbios_make(const SmbiosSpec *spec, guint64 low_memory, Gpa tables_at,
            GBytes **ret_anchor, GBytes **ret_tables)
{
    Writer w = {.out = g_byte_array_new()};

    add_bios(&w, spec);
    add_system(&w, spec);
    add_board(&w, spec);
    add_chassis(&w, spec);
    for (unsigned i = 0; i < spec->sockets; i++)
        add_cpu(&w, spec, i);
    add_memory(&w, spec, low_memory);
    add_end(&w);
    *ret_anchor = make_anchor(&w, tables_at);
    *ret_tables = g_byte_array_free_to_bytes(w.out);
}
