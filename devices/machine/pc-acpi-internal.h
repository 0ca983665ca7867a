/* devices/machine/pc-acpi-internal.h - parts of a PC's ACPI tables that its
 * boards share, and what they differ in. */
#pragma once

#include "devices/firmware/acpi.h"
#include "devices/firmware/aml.h"
#include "devices/machine/pc-internal.h"

typedef struct PcAcpiChips PcAcpiChips;
struct PcAcpiChips {
    guint16 pm_base, gpe_base;
    guint8 gpe_len, acpi_on, acpi_off; /* for the FADT */
    guint8 links;                      /* LNKA and up */
    bool own_pins; /* PCI's interrupts are not among the ISA bus's */
    struct {
        guint16 first;
        guint8 len;
    } ports[4]; /* that no BAR may take; len 0 at the end */
    /* The device PCI0, and what belongs to no device. ecam: address of
     * configuration space, 0: it is no memory. */
    void (*add_host)(Aml *aml, const PcSpec *spec, const PcAcpiChips *chips,
                     guint32 ecam);
    void (*add_events)(Aml *aml);
};
extern const PcAcpiChips pc_q35_acpi_chips;

/* Paths of the link devices, A first. */
extern const char *const pc_acpi_links[8];

/* Frees res. */
void pc_acpi_name_resources(Aml *aml, GByteArray *res);
/* Windows of the host bridge, but for memory below 4 GiB. */
void pc_acpi_first_windows(GByteArray *res);
void pc_acpi_high_window(GByteArray *res, const PcSpec *spec);
/* The ISA bridge with the router and all that is behind it. */
void pc_acpi_add_isa(Aml *aml, const PcSpec *spec, const PcAcpiChips *chips);
