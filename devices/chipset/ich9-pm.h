/* devices/chipset/ich9-pm.h - power management ports of the ICH9, a part of its
 * LPC bridge.
 *
 * Intel ICH9 data sheet (316972), section 13.8.3: PM1 and the timer by
 * acpi-pm1.h, GPE0, the SMI enables, and the APM ports 0xB2 and 0xB3. Left out:
 * SMM (APMC_EN reads as set, so firmware does not try), the TCO watchdog, and
 * what lies between (plain storage). */
#pragma once

#include "devices/bus/pci.h"
#include "devices/chipset/acpi-pm1.h"

#define ICH9_PM_LEN 0x80u

typedef struct {
    AcpiPm1State pm1;
    guint64 gpe_sts, gpe_en;
    guint8 apm[2]; /* control, status */
    guint8 plain[ICH9_PM_LEN];
} Ich9PmState;
extern const StateDesc ich9_pm_state_desc;

typedef struct {
    Device *dev; /* the bridge */
    Ich9PmState *s;
    AcpiPm1 pm1;
    IoRegion *ports, *apm;
} Ich9Pm;

/* From the bridge's functions of these names. False and error set: the APM ports
 * are taken. */
bool ich9_pm_realize(Ich9Pm *pm, Device *dev, Ich9PmState *s, GError **error);
void ich9_pm_unrealize(Ich9Pm *pm);
void ich9_pm_reset(Ich9Pm *pm);
void ich9_pm_restored(Ich9Pm *pm);
/* Config lock held: the ports are at base, 0: nowhere. */
void ich9_pm_map(Ich9Pm *pm, guint16 base);
void ich9_pm_press_button(Ich9Pm *pm); /* any thread */
void ich9_pm_ring_alarm(Ich9Pm *pm);   /* any thread */
