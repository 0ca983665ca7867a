/* devices/usb/xhci.h - what the machine's owner asks of a USB controller; the
 * device itself is class "xhci". */
#pragma once

#include "devices/usb/usb-bus.h"

/* For the link "usb" of what is plugged into it; good from device_new() on. */
UsbBus *xhci_usb_bus(Device *dev);
