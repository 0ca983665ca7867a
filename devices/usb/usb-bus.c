/* devices/usb/usb-bus.c - see usb-bus.h. */
#include "devices/usb/usb-bus.h"

#include "vmm/core/error.h"

bool
usb_device_attach(UsbDevice *dev, GError **error)
{
    UsbBus *bus = dev->bus;

    if (bus->ops == NULL || bus->ports[dev->port] != NULL) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: port %u of the USB controller is %s", dev->dev.id,
                    dev->port + 1, bus->ops == NULL ? "not there" : "taken");
        return false;
    }
    bus->ports[dev->port] = dev;
    dev->attached = true;
    bus->ops->attached(bus->controller, dev->port);
    return true;
}

void
usb_device_detach(UsbDevice *dev)
{
    UsbBus *bus = dev->bus;

    if (!dev->attached)
        return;
    dev->attached = false;
    if (bus->ops != NULL)
        bus->ops->detached(bus->controller, dev->port);
    bus->ports[dev->port] = NULL;
}

void
usb_device_ready(UsbDevice *dev, guint8 ep)
{
    if (dev->attached && dev->bus->ops != NULL)
        dev->bus->ops->ready(dev->bus->controller, dev->port, ep);
}

void
usb_packet_done(UsbPacket *packet)
{
    UsbBus *bus = packet->dev->bus;

    if (bus->ops != NULL)
        bus->ops->done(bus->controller, packet);
}

void
usb_device_wake(UsbDevice *dev)
{
    if (dev->attached && dev->bus->ops != NULL)
        dev->bus->ops->wake(dev->bus->controller, dev->port);
}
