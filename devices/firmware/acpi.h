/* devices/firmware/acpi.h - ACPI tables: headers, sums, and a set of tables
 * laid out for one place in guest memory. Set-up thread. */
#pragma once

#include "vmm/types.h"

typedef enum { ACPI_GAS_MEMORY = 0, ACPI_GAS_PORT = 1 } AcpiSpace;

/* A table of signature with its 36-byte header; what follows is appended. */
GByteArray *acpi_table_new(const char *signature, guint8 revision);
/* Little-endian, n_bytes of value. */
void acpi_put(GByteArray *table, guint64 value, unsigned n_bytes);
/* The same over bytes that are there already. */
void acpi_poke(GByteArray *table, guint offset, guint64 value,
               unsigned n_bytes);
/* A generic address structure of one byte register, 12 bytes. */
void acpi_poke_gas(GByteArray *table, guint offset, AcpiSpace space,
                   guint64 address);

/* Tables at base, 16-byte aligned; the root pointer is the first thing there
 * once the set is finished. */
typedef struct AcpiSet AcpiSet;
AcpiSet *acpi_set_new(Gpa base);
/* Takes table; fills in length and sum. Returns its guest address. listed:
 * the root table names it. */
Gpa acpi_set_add(AcpiSet *set, GByteArray *table, bool listed);
/* The structure that firmware and systems share, empty. Its guest address. */
Gpa acpi_set_add_facs(AcpiSet *set);
/* Says that at, an address in the set, holds the address of something in it,
 * of 4 or 8 bytes: for acpi_set_finish_files(). What the root table lists is
 * known. */
void acpi_set_point(AcpiSet *set, Gpa at, unsigned size);
/* XSDT and RSDP; frees set. What goes to base. */
GBytes *acpi_set_finish(AcpiSet *set);

/* What firmware loads by fw_cfg and places where it likes. */
typedef struct {
    GBytes *tables, *rsdp; /* ACPI_FILE_TABLES, ACPI_FILE_RSDP */
    GBytes *script;        /* ACPI_FILE_SCRIPT: how to join them */
} AcpiFiles;

#define ACPI_FILE_TABLES "etc/acpi/tables"
#define ACPI_FILE_RSDP   "etc/acpi/rsdp"
#define ACPI_FILE_SCRIPT "etc/table-loader"

/* The same of a set with base 0; frees set. Free with acpi_files_clear(). */
void acpi_set_finish_files(AcpiSet *set, AcpiFiles *ret_files);
void acpi_files_clear(AcpiFiles *files);
