/* devices/firmware/acpi.c - see acpi.h. ACPI 6.4, section 5.2. */
#include "devices/firmware/acpi-internal.h"

#include <string.h>

#define HEADER_LEN     36u
#define LENGTH_OFFSET  4u
#define SUM_OFFSET     9u
#define FACS_LEN       64u
#define RSDP_FIRST_LEN 20u /* what the first sum covers */

void
acpi_put(GByteArray *table, guint64 value, unsigned n_bytes)
{
    guint at = table->len;

    g_byte_array_set_size(table, at + n_bytes);
    acpi_poke(table, at, value, n_bytes);
}

void
acpi_poke(GByteArray *table, guint offset, guint64 value, unsigned n_bytes)
{
    g_assert(offset + n_bytes <= table->len);
    for (unsigned i = 0; i < n_bytes; i++)
        table->data[offset + i] = (guint8) (value >> (8 * i));
}

void
acpi_poke_gas(GByteArray *table, guint offset, AcpiSpace space, guint64 address)
{
    acpi_poke(table, offset, space, 1);
    acpi_poke(table, offset + 1, 8, 1); /* bits wide */
    acpi_poke(table, offset + 2, 0, 1); /* bit offset */
    acpi_poke(table, offset + 3, 1, 1); /* byte access */
    acpi_poke(table, offset + 4, address, 8);
}

GByteArray *
acpi_table_new(const char *signature, guint8 revision)
{
    GByteArray *t = g_byte_array_new();

    g_byte_array_append(t, (const guint8 *) signature, 4);
    acpi_put(t, 0, 4); /* length */
    acpi_put(t, revision, 1);
    acpi_put(t, 0, 1); /* sum */
    g_byte_array_append(t, (const guint8 *) "CARRELVIRTUAL ", 14);
    acpi_put(t, 1, 4); /* OEM revision */
    g_byte_array_append(t, (const guint8 *) "CRRL", 4);
    acpi_put(t, 1, 4); /* creator revision */
    g_assert(t->len == HEADER_LEN);
    return t;
}

static guint8
sum_to_zero(const guint8 *bytes, gsize len)
{
    guint8 sum = 0;

    for (gsize i = 0; i < len; i++)
        sum = (guint8) (sum + bytes[i]);
    return (guint8) -sum;
}

static void
pad(GByteArray *bytes, guint alignment)
{
    while (bytes->len % alignment != 0)
        acpi_put(bytes, 0, 1);
}

AcpiSet *
acpi_set_new(Gpa base)
{
    AcpiSet *set = g_new0(AcpiSet, 1);

    set->base = base;
    set->bytes = g_byte_array_new();
    for (unsigned i = 0; i < ACPI_RSDP_ROOM; i++)
        acpi_put(set->bytes, 0, 1);
    return set;
}

Gpa
acpi_set_add(AcpiSet *set, GByteArray *table, bool listed)
{
    Gpa at = set->base + set->bytes->len;

    acpi_poke(table, LENGTH_OFFSET, table->len, 4);
    acpi_poke(table, SUM_OFFSET, 0, 1);
    acpi_poke(table, SUM_OFFSET, sum_to_zero(table->data, table->len), 1);
    g_assert(set->n_sums < ACPI_MAX_PARTS);
    set->sums[set->n_sums].at = set->bytes->len;
    set->sums[set->n_sums++].len = table->len;
    g_byte_array_append(set->bytes, table->data, table->len);
    pad(set->bytes, 16);
    g_byte_array_unref(table);
    if (listed) {
        g_assert(set->n_listed < ACPI_MAX_PARTS);
        set->listed[set->n_listed++] = at;
    }
    return at;
}

Gpa
acpi_set_add_facs(AcpiSet *set)
{
    pad(set->bytes, FACS_LEN);
    guint at = set->bytes->len;
    g_byte_array_append(set->bytes, (const guint8 *) "FACS", 4);
    acpi_put(set->bytes, FACS_LEN, 4);
    pad(set->bytes, FACS_LEN);
    return set->base + at;
}

void
acpi_set_point(AcpiSet *set, Gpa at, unsigned size)
{
    g_assert(set->n_pointers < ACPI_MAX_PARTS);
    set->pointers[set->n_pointers].at = (guint32) (at - set->base);
    set->pointers[set->n_pointers++].size = size;
}

void
acpi_write_rsdp(GByteArray *b, Gpa xsdt)
{
    memcpy(b->data, "RSD PTR ", 8);
    memcpy(b->data + 9, "CARREL", 6);
    acpi_poke(b, 15, 2, 1); /* revision: it has an XSDT */
    acpi_poke(b, 20, ACPI_RSDP_LEN, 4);
    acpi_poke(b, 24, xsdt, 8);
    acpi_poke(b, 8, sum_to_zero(b->data, RSDP_FIRST_LEN), 1);
    acpi_poke(b, 32, sum_to_zero(b->data, ACPI_RSDP_LEN), 1);
}

Gpa
acpi_set_add_root(AcpiSet *set)
{
    GByteArray *xsdt = acpi_table_new("XSDT", 1);

    for (unsigned i = 0; i < set->n_listed; i++)
        acpi_put(xsdt, set->listed[i], 8);
    return acpi_set_add(set, xsdt, false);
}

GBytes *
acpi_set_finish(AcpiSet *set)
{
    Gpa xsdt = acpi_set_add_root(set);

    acpi_write_rsdp(set->bytes, xsdt);
    GBytes *bytes = g_byte_array_free_to_bytes(set->bytes);
    g_free(set);
    return bytes;
}
