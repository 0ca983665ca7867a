/* devices/firmware/acpi-internal.h - a set of tables while it is being made. */
#pragma once

#include "devices/firmware/acpi.h"

#define ACPI_RSDP_LEN  36u
#define ACPI_RSDP_ROOM 64u
#define ACPI_MAX_PARTS 16u

struct AcpiSet {
    Gpa base;
    GByteArray *bytes; /* from base; begins with room for the RSDP */
    Gpa listed[ACPI_MAX_PARTS];
    unsigned n_listed;
    /* what is to be done again when the tables move; offsets in bytes */
    struct {
        guint32 at, len;
    } sums[ACPI_MAX_PARTS];
    unsigned n_sums;
    struct {
        guint32 at, size;
    } pointers[ACPI_MAX_PARTS];
    unsigned n_pointers;
};

/* The root pointer to xsdt; sums are right. */
void acpi_write_rsdp(GByteArray *rsdp, Gpa xsdt);
/* Appends the XSDT; its address. */
Gpa acpi_set_add_root(AcpiSet *set);
