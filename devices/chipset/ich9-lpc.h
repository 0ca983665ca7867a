/* devices/chipset/ich9-lpc.h - south bridge of the q35 board: interrupt routing,
 * the reset register at port 0xCF9, power management. */
#pragma once

#include "devices/bus/pci.h"

extern const DeviceClass ich9_lpc_class;

#define ICH9_LPC_DEVFN PCI_DEVFN(31, 0)

/* Inside the host bridge's address register, which hands it on. Config lock
 * held. */
guint8 ich9_lpc_reset_control_read(Device *dev);
void ich9_lpc_reset_control_write(Device *dev, guint8 value);

/* The person pressed the power button: the guest sees an ACPI event, if it
 * listens. Any thread. */
void ich9_lpc_press_power_button(Device *dev);
/* The clock's interrupt, which is an event of ACPI, too. Any thread. */
void ich9_lpc_ring_alarm(Device *dev);

/* For the tables. PIRQ 0..7 (A..H) of pin 0..3 (INTA..D) of the root bus's slot:
 * the inputs E to H rotated by the slot, but A to D for slots from 25 up. */
unsigned ich9_lpc_pirq(unsigned slot, unsigned pin);
#define ICH9_PIRQS        8u
#define ICH9_FIRST_GSI    16u  /* PIRQ A; the others follow */
#define ICH9_LPC_PIRQA    0x60 /* routing registers A to D, ... */
#define ICH9_LPC_PIRQE    0x68 /* ... E to H */
#define ICH9_PM_GPE0      0x20 /* offsets among the power management ports */
#define ICH9_PM_GPE0_LEN  16u
#define ICH9_APM_PORT     0xb2
#define ICH9_APM_ACPI_ON  0x02 /* what the FADT tells the guest to write */
#define ICH9_APM_ACPI_OFF 0x03
