/* devices/firmware/acpi-loader.c - tables for firmware that places them itself.
 *
 * QEMU's fw_cfg file "etc/table-loader", as SeaBIOS (src/fw/romfile_loader.h)
 * and OVMF (OvmfPkg/AcpiPlatformDxe/QemuLoader.h) read it: commands of 128
 * bytes that load files, add the address of one to a pointer in another, and
 * sum tables anew. OVMF installs each table that a pointer leads to, so there
 * is one pointer to each. */
#include <string.h>

#include "devices/firmware/acpi-internal.h"

#define COMMAND_LEN   128u
#define NAME_LEN      56u
#define COMMAND_LOAD  1u
#define COMMAND_POINT 2u
#define COMMAND_SUM   3u
#define ZONE_HIGH     1u
#define ZONE_F        2u /* F0000 to FFFFF, where an RSDP is looked for */

#define SUM_AT        9u  /* in a table's header */
#define XSDT_FIRST    36u /* the list of an XSDT begins here */
#define RSDP_SUM_AT   8u
#define RSDP_SUM_LEN  20u
#define RSDP_XSDT     24u
#define RSDP_SUM2_AT  32u

/* Opens a command; the caller appends its numbers and calls end(). */
static void
begin(GByteArray *script, guint32 command, const char *file, const char *other)
{
    char names[2 * NAME_LEN] = "";

    g_assert(script->len % COMMAND_LEN == 0);
    acpi_put(script, command, 4);
    g_strlcpy(names, file, NAME_LEN);
    if (other != NULL)
        g_strlcpy(names + NAME_LEN, other, NAME_LEN);
    g_byte_array_append(script, (const guint8 *) names,
                        other != NULL ? 2 * NAME_LEN : NAME_LEN);
}

static void
end(GByteArray *script)
{
    while (script->len % COMMAND_LEN != 0)
        acpi_put(script, 0, 1);
}

static void
load(GByteArray *script, const char *file, guint32 alignment, guint8 zone)
{
    begin(script, COMMAND_LOAD, file, NULL);
    acpi_put(script, alignment, 4);
    acpi_put(script, zone, 1);
    end(script);
}

static void
point(GByteArray *script, const char *file, guint32 at, guint8 size)
{
    begin(script, COMMAND_POINT, file, ACPI_FILE_TABLES);
    acpi_put(script, at, 4);
    acpi_put(script, size, 1);
    end(script);
}

static void
sum(GByteArray *script, const char *file, guint32 at, guint32 first,
    guint32 len)
{
    begin(script, COMMAND_SUM, file, NULL);
    acpi_put(script, at, 4);
    acpi_put(script, first, 4);
    acpi_put(script, len, 4);
    end(script);
}

/* What is summed anew must not have its old sum among it. */
static void
forget_sums(AcpiSet *set, GByteArray *rsdp)
{
    for (unsigned i = 0; i < set->n_sums; i++)
        acpi_poke(set->bytes, set->sums[i].at + SUM_AT, 0, 1);
    acpi_poke(rsdp, RSDP_SUM_AT, 0, 1);
    acpi_poke(rsdp, RSDP_SUM2_AT, 0, 1);
}

static GByteArray *
write_script(const AcpiSet *set, Gpa xsdt)
{
    GByteArray *script = g_byte_array_new();
    const char *tables = ACPI_FILE_TABLES, *rsdp = ACPI_FILE_RSDP;

    load(script, rsdp, 16, ZONE_F);
    load(script, tables, 64, ZONE_HIGH);
    for (unsigned i = 0; i < set->n_pointers; i++)
        point(script, tables, set->pointers[i].at,
              (guint8) set->pointers[i].size);
    for (unsigned i = 0; i < set->n_listed; i++)
        point(script, tables, (guint32) xsdt + XSDT_FIRST + 8 * i, 8);
    for (unsigned i = 0; i < set->n_sums; i++)
        sum(script, tables, set->sums[i].at + SUM_AT, set->sums[i].at,
            set->sums[i].len);
    point(script, rsdp, RSDP_XSDT, 8);
    sum(script, rsdp, RSDP_SUM_AT, 0, RSDP_SUM_LEN);
    sum(script, rsdp, RSDP_SUM2_AT, 0, ACPI_RSDP_LEN);
    return script;
}

void
acpi_set_finish_files(AcpiSet *set, AcpiFiles *ret)
{
    GByteArray *rsdp = g_byte_array_new();

    g_assert(set->base == 0);
    g_byte_array_set_size(rsdp, ACPI_RSDP_LEN);
    memset(rsdp->data, 0, ACPI_RSDP_LEN);
    Gpa xsdt = acpi_set_add_root(set);
    acpi_write_rsdp(rsdp, xsdt);
    forget_sums(set, rsdp);
    ret->script = g_byte_array_free_to_bytes(write_script(set, xsdt));
    ret->tables = g_byte_array_free_to_bytes(set->bytes);
    ret->rsdp = g_byte_array_free_to_bytes(rsdp);
    g_free(set);
}

void
acpi_files_clear(AcpiFiles *files)
{
    g_clear_pointer(&files->tables, g_bytes_unref);
    g_clear_pointer(&files->rsdp, g_bytes_unref);
    g_clear_pointer(&files->script, g_bytes_unref);
}
