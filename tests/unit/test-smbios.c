/* tests/unit/test-smbios.c - SMBIOS tables, read as DSP0134 says that they are
 * read, and the modules that they and the SMBus tell of. */
#include "devices/firmware/smbios.h"

#include <string.h>

#include "devices/firmware/memory-modules.h"
#include "tests/unit/cu-main.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)

typedef struct {
    GBytes *anchor_bytes, *table_bytes;
    const guint8 *anchor, *tables;
    gsize len;
} Tables;

static const SmbiosSpec plain = {
    .manufacturer = "Carrel",
    .product = "pc-i440fx",
    .version = "1",
    .serial = "S-42",
    .board = "board",
    .uuid = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
             0xbb, 0xcc, 0xdd, 0xee, 0xff},
    .memory = 512 * MIB,
    .cpus = 1,
    .sockets = 1,
    .threads = 1,
};

static Tables
make(const SmbiosSpec *spec, guint64 low_memory)
{
    Tables t;

    smbios_make(spec, low_memory, 0xf0020, &t.anchor_bytes, &t.table_bytes);
    t.anchor = g_bytes_get_data(t.anchor_bytes, NULL);
    t.tables = g_bytes_get_data(t.table_bytes, &t.len);
    return t;
}

static void
done(Tables *t)
{
    g_bytes_unref(t->anchor_bytes);
    g_bytes_unref(t->table_bytes);
}

static unsigned
le(const guint8 *at, unsigned n)
{
    unsigned value = 0;

    for (unsigned i = 0; i < n; i++)
        value |= (unsigned) at[i] << (8 * i);
    return value;
}

static guint8
sum(const guint8 *at, gsize n)
{
    guint8 total = 0;

    for (gsize i = 0; i < n; i++)
        total = (guint8) (total + at[i]);
    return total;
}

/* Behind the structure and its texts; NULL: they do not end in the table. */
static const guint8 *
next(const Tables *t, const guint8 *s)
{
    const guint8 *end = t->tables + t->len;

    for (const guint8 *at = s + s[1]; at + 1 < end; at++)
        if (at[0] == 0 && at[1] == 0)
            return at + 2;
    return NULL;
}

/* The number-th structure of a type; NULL: there is none. */
static const guint8 *
find(const Tables *t, guint8 type, unsigned number)
{
    const guint8 *end = t->tables + t->len;

    for (const guint8 *s = t->tables; s != NULL && s < end; s = next(t, s))
        if (s[0] == type && number-- == 0)
            return s;
    return NULL;
}

static unsigned
count(const Tables *t, guint8 type)
{
    unsigned n = 0;

    while (find(t, type, n) != NULL)
        n++;
    return n;
}

/* The text whose number stands at that offset; "": none. */
static const char *
text(const guint8 *s, unsigned offset)
{
    const char *at = (const char *) s + s[1];
    unsigned number = s[offset];

    if (number == 0)
        return "";
    while (--number > 0)
        at += strlen(at) + 1;
    return at;
}

static void
test_anchor(void)
{
    Tables t = make(&plain, 512 * MIB);

    CU_ASSERT_EQUAL(g_bytes_get_size(t.anchor_bytes), 31);
    CU_ASSERT_EQUAL(memcmp(t.anchor, "_SM_", 4), 0);
    CU_ASSERT_EQUAL(memcmp(t.anchor + 16, "_DMI_", 5), 0);
    CU_ASSERT_EQUAL(t.anchor[5], 31);
    CU_ASSERT_EQUAL(sum(t.anchor, 31), 0);
    CU_ASSERT_EQUAL(sum(t.anchor + 16, 15), 0);
    CU_ASSERT_EQUAL(le(t.anchor + 6, 2), 0x0802); /* 2.8 */
    CU_ASSERT_EQUAL(t.anchor[30], 0x28);
    CU_ASSERT_EQUAL(le(t.anchor + 22, 2), t.len);
    CU_ASSERT_EQUAL(le(t.anchor + 24, 4), 0xf0020);
    done(&t);
}

/* The walk ends at the table's end, in an end-of-table structure, after as many
 * structures as the anchor says; none is larger than it says. */
static void
test_walk(void)
{
    Tables t = make(&plain, 512 * MIB);
    const guint8 *end = t.tables + t.len, *s = t.tables;
    unsigned n = 0, largest = 0, last = 0;

    while (s != NULL && s < end) {
        const guint8 *following = next(&t, s);
        largest = MAX(largest, (unsigned) (following - s));
        last = s[0];
        s = following;
        n++;
    }
    CU_ASSERT_PTR_EQUAL(s, end);
    CU_ASSERT_EQUAL(last, 127);
    CU_ASSERT_EQUAL(n, le(t.anchor + 28, 2));
    CU_ASSERT_EQUAL(largest, le(t.anchor + 8, 2));
    done(&t);
}

/* DSP0134 2.8, the length of each type's formatted part. */
static void
test_lengths(void)
{
    static const guint8 expected[][2] = {
        {0, 0x18},  {1, 0x1b},  {2, 0x0f},  {3, 0x16},  {4, 0x2a},
        {16, 0x17}, {17, 0x28}, {19, 0x1f}, {32, 0x0b}, {127, 0x04},
    };
    Tables t = make(&plain, 512 * MIB);

    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
        const guint8 *s = find(&t, expected[i][0], 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s);
        CU_ASSERT_EQUAL(s[1], expected[i][1]);
    }
    done(&t);
}

static void
test_handles(void)
{
    SmbiosSpec spec = plain;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    spec.memory = 64 * GIB;
    spec.cpus = spec.sockets = 8;
    Tables t = make(&spec, 3 * GIB);
    const guint8 *end = t.tables + t.len;
    for (const guint8 *s = t.tables; s != NULL && s < end; s = next(&t, s))
        CU_ASSERT_TRUE(
            g_hash_table_add(seen, GUINT_TO_POINTER(1 + le(s + 2, 2))));
    CU_ASSERT_EQUAL(le(find(&t, 17, 3) + 4, 2), le(find(&t, 16, 0) + 2, 2));
    CU_ASSERT_EQUAL(le(find(&t, 2, 0) + 11, 2), le(find(&t, 3, 0) + 2, 2));
    done(&t);
}

static void
test_texts(void)
{
    Tables t = make(&plain, 512 * MIB);
    const guint8 *system = find(&t, 1, 0);

    CU_ASSERT_STRING_EQUAL(text(system, 4), "Carrel");
    CU_ASSERT_STRING_EQUAL(text(system, 5), "pc-i440fx");
    CU_ASSERT_STRING_EQUAL(text(system, 6), "1");
    CU_ASSERT_STRING_EQUAL(text(system, 7), "S-42");
    CU_ASSERT_STRING_EQUAL(text(find(&t, 2, 0), 5), "board");
    CU_ASSERT_STRING_EQUAL(text(find(&t, 4, 0), 4), "CPU 0");
    CU_ASSERT_STRING_EQUAL(text(find(&t, 17, 1), 16), "DIMM 1");
    done(&t);
}

static void
test_no_texts(void)
{
    SmbiosSpec spec = plain;

    spec.manufacturer = spec.product = spec.version = "";
    spec.serial = NULL;
    Tables t = make(&spec, 512 * MIB);
    const guint8 *system = find(&t, 1, 0);
    CU_ASSERT_EQUAL(system[4], 0);
    CU_ASSERT_EQUAL(system[7], 0);
    CU_ASSERT_PTR_EQUAL(next(&t, system), system + 27 + 2);
    done(&t);
}

/* Section 7.2.1 has this very example. */
static void
test_uuid(void)
{
    static const guint8 expected[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44,
                                      0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb,
                                      0xcc, 0xdd, 0xee, 0xff};
    Tables t = make(&plain, 512 * MIB);

    CU_ASSERT_EQUAL(memcmp(find(&t, 1, 0) + 8, expected, 16), 0);
    done(&t);
}

static void
test_hidden(void)
{
    SmbiosSpec spec = plain;
    Tables open = make(&spec, 512 * MIB);

    spec.hidden = spec.uefi = true;
    Tables hidden = make(&spec, 512 * MIB);
    CU_ASSERT_EQUAL(find(&open, 0, 0)[0x13], 0x10);   /* virtual machine */
    CU_ASSERT_EQUAL(find(&hidden, 0, 0)[0x13], 0x08); /* UEFI */
    done(&open);
    done(&hidden);
}

static void
test_processors(void)
{
    SmbiosSpec spec = plain;

    spec.cpus = 8;
    spec.sockets = spec.threads = 2;
    Tables t = make(&spec, 512 * MIB);
    CU_ASSERT_EQUAL(count(&t, 4), 2);
    CU_ASSERT_EQUAL(find(&t, 4, 1)[0x23], 2); /* cores */
    CU_ASSERT_EQUAL(find(&t, 4, 1)[0x25], 4); /* threads */
    done(&t);
}

static void
test_memory(void)
{
    SmbiosSpec spec = plain;

    spec.memory = 6 * GIB;
    Tables t = make(&spec, 3 * GIB);
    CU_ASSERT_EQUAL(count(&t, 17), 2);
    CU_ASSERT_EQUAL(le(find(&t, 17, 0) + 0x0c, 2), 4096); /* MiB */
    CU_ASSERT_EQUAL(le(find(&t, 17, 1) + 0x0c, 2), 2048);
    CU_ASSERT_EQUAL(le(find(&t, 16, 0) + 7, 4), 6 * 1024 * 1024); /* KiB */
    CU_ASSERT_EQUAL(count(&t, 19), 2);
    CU_ASSERT_EQUAL(le(find(&t, 19, 0) + 8, 4), 3 * 1024 * 1024 - 1);
    CU_ASSERT_EQUAL(le(find(&t, 19, 1) + 4, 4), 4 * 1024 * 1024);
    CU_ASSERT_EQUAL(le(find(&t, 19, 1) + 8, 4), 7 * 1024 * 1024 - 1);
    done(&t);
}

/* The longest texts and the most of everything fit in one segment's table. */
static void
test_most(void)
{
    g_autofree char *longest = g_strnfill(64, 'x');
    SmbiosSpec spec = {longest, longest, longest, longest, longest,
                       longest, longest, longest, {0},     64 * GIB,
                       64,      8,       1,       true,    false};
    Tables t = make(&spec, 3 * GIB);

    CU_ASSERT_TRUE(t.len < 0xffd0);
    CU_ASSERT_EQUAL(count(&t, 127), 1);
    done(&t);
}

static void
test_modules(void)
{
    MemoryModules usual = memory_modules_of(192 * MIB);
    MemoryModules period = memory_modules_of(GIB);
    MemoryModules most = memory_modules_of(64 * GIB);

    CU_ASSERT_EQUAL(usual.n, 2);
    CU_ASSERT_EQUAL(usual.bytes[0], 128 * MIB);
    CU_ASSERT_EQUAL(usual.bytes[1], 64 * MIB);
    CU_ASSERT_EQUAL(period.n, 4);
    CU_ASSERT_FALSE(period.ddr2);
    CU_ASSERT_EQUAL(most.n, 4);
    CU_ASSERT_TRUE(most.ddr2);
    CU_ASSERT_EQUAL(most.bytes[3], 16 * GIB);
}

static void
test_odd_modules(void)
{
    MemoryModules odd = memory_modules_of(67 * MIB);
    MemoryModules tiny = memory_modules_of(MIB);
    MemoryModules many = memory_modules_of(65535 * MIB);
    guint64 total = 0;

    CU_ASSERT_EQUAL(odd.n, 1);
    CU_ASSERT_EQUAL(odd.bytes[0], 67 * MIB);
    CU_ASSERT_EQUAL(tiny.bytes[0], MIB);
    for (unsigned i = 0; i < many.n; i++)
        total += many.bytes[i];
    CU_ASSERT_EQUAL(many.n, 8);
    CU_ASSERT_EQUAL(total, 65535 * MIB);
}

CU_MAIN("smbios", {"the_anchor_leads_to_the_tables", test_anchor},
        {"a_walk_ends_where_the_anchor_says", test_walk},
        {"each_structure_has_the_length_of_its_type", test_lengths},
        {"handles_are_unique_and_lead_to_each_other", test_handles},
        {"texts_are_those_that_were_given", test_texts},
        {"an_empty_text_has_no_number", test_no_texts},
        {"the_uuid_begins_little_endian", test_uuid},
        {"a_hidden_machine_does_not_say_that_it_is_virtual", test_hidden},
        {"each_socket_has_its_cores_and_threads", test_processors},
        {"memory_has_modules_and_ranges", test_memory},
        {"the_most_of_everything_fits", test_most},
        {"modules_are_powers_of_two", test_modules},
        {"the_last_module_takes_what_is_left", test_odd_modules})
