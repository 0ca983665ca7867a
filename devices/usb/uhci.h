/* devices/usb/uhci.h - what the machine's owner asks of a USB 1 controller; the
 * device itself is class "uhci". */
#pragma once

#include "devices/usb/usb-bus.h"

#define UHCI_PORTS 2u

/* For the link "usb" of what is plugged into it; good when it is realized. */
UsbBus *uhci_usb_bus(Device *dev);
/* As a companion (EHCI 1.0, 4.2): told of what is in its ports by whoever has
 * the bus, with itself as the controller. */
extern const UsbBusOps uhci_bus_ops;
/* The machine is being restored: this is what is in a port, and the guest is told
 * of no change unless the restored state says otherwise. */
void uhci_set_port(Device *dev, unsigned port, UsbDevice *in);
