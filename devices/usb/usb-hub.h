/* devices/usb/usb-hub.h - what the machine's owner asks of a USB hub; the device
 * itself is class "usb-hub". */
#pragma once

#include "devices/usb/usb-bus.h"

#define USB_HUB_PORTS 4u

/* For the link "usb" of what is plugged into it; good when it is realized. */
UsbBus *usb_hub_bus(Device *dev);
