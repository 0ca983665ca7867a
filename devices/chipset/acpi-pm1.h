/* devices/chipset/acpi-pm1.h - the fixed registers of ACPI: PM1 event and
 * control block and the 24-bit timer, as Intel's south bridges have them at
 * offsets 0 to 0x0b of their power management ports.
 *
 * ACPI 1.0, section 4.7. Part of such a chip; all with the device's lock held,
 * unless it says otherwise. S5 is sleep type 0, as PC firmware writes it. */
#pragma once

#include "vmm/core/device.h"

#define ACPI_PM1_LEN  0x0cu
#define ACPI_SCI_IRQ  9
#define ACPI_PM1_TYP5 0 /* sleep types of \_S5 and \_S4: power off */
#define ACPI_PM1_TYP4 2
#define ACPI_PM1_TYP3 1 /* \_S3: to RAM, where the chip has it */

typedef struct {
    guint16 sts, en, cnt;
    guint64 timer_half; /* half periods seen when TMROF was last cleared */
    bool asleep;        /* suspended to RAM, waits for an event */
} AcpiPm1State;

typedef struct {
    Device *dev;
    AcpiPm1State *s; /* in the device's state */
    IrqLine *sci;
    Timer *timer;
    bool s3; /* set after realize: it suspends to RAM; asleep is saved then */
} AcpiPm1;

/* In realize and unrealize, without the lock. fired(data) is to take the lock
 * and to end in acpi_pm1_update(); loop thread. */
void acpi_pm1_realize(AcpiPm1 *p, Device *dev, AcpiPm1State *s,
                      void (*fired)(void *data), void *data);
void acpi_pm1_unrealize(AcpiPm1 *p); /* half-realized is fine */
void acpi_pm1_reset(AcpiPm1 *p);
/* RESET_WAKE instead of that; then update. */
void acpi_pm1_wake(AcpiPm1 *p);
void acpi_pm1_restored(AcpiPm1 *p, bool other_event);
bool acpi_pm1_check(const AcpiPm1State *s, const char *name, GError **error);

/* The one place that computes status, the interrupt line and the timer.
 * other_event: a general-purpose event asks for the interrupt. */
void acpi_pm1_update(AcpiPm1 *p, bool other_event);
/* acpi_pm1_update() before reads of the status, at ACPI_PM1_STS, and after
 * writes. What lies behind ACPI_PM1_LEN reads as zero. */
#define ACPI_PM1_STS 0
guint64 acpi_pm1_read(const AcpiPm1 *p, unsigned offset, unsigned size);
/* One byte, offset below ACPI_PM1_LEN. */
void acpi_pm1_write(AcpiPm1 *p, unsigned offset, guint8 byte);
void acpi_pm1_set_mode(AcpiPm1 *p, bool acpi); /* SCI_EN; then update */
void acpi_pm1_press_button(AcpiPm1 *p);        /* power; then update */
void acpi_pm1_ring_alarm(AcpiPm1 *p);          /* the clock's; then update */
