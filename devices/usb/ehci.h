/* devices/usb/ehci.h - what the machine's owner asks of a USB 2 controller; the
 * device itself is class "ehci". */
#pragma once

#include "devices/usb/usb-bus.h"

#define EHCI_COMPANIONS 4u

/* For the link "usb" of what is plugged into it; good when it is realized. What
 * is not for high speed is with a companion: ports 1 and 2 with the first. */
UsbBus *ehci_usb_bus(Device *dev);
