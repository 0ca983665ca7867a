/* devices/usb/usb-bus.c - see usb-bus.h. */
#include "devices/usb/usb-bus.h"

#include "vmm/core/error.h"

#define ROUTE_BITS 4u /* of a tier */

static UsbPort *
port_of(const UsbDevice *dev)
{
    return &dev->bus->ports[dev->port];
}

/* The controller's port by which it is reached; NULL: it is not reached. */
static UsbPort *
root_of(const UsbDevice *dev)
{
    while (dev->attached && dev->bus->hub != NULL)
        dev = dev->bus->hub;
    return dev->attached && port_of(dev)->ops != NULL ? port_of(dev) : NULL;
}

void
usb_bus_init(UsbBus *bus, unsigned n_ports, guint32 speeds,
             const UsbBusOps *ops, void *owner)
{
    bus->n_ports = n_ports;
    bus->speeds = speeds;
    for (unsigned i = 0; i < n_ports; i++)
        bus->ports[i] = (UsbPort){ops, owner, i, NULL};
}

void
usb_device_give_up(UsbDevice *dev)
{
    const UsbPort *root = root_of(dev);

    if (root != NULL)
        root->ops->gone(root->owner, dev);
}

static void
take_out(UsbDevice *dev)
{
    const UsbPort *own = port_of(dev);

    usb_device_give_up(dev);
    dev->attached = false;
    if (own->ops != NULL)
        own->ops->detached(own->owner, own->number, dev);
}

static void
put_in(UsbDevice *dev)
{
    const UsbPort *own = port_of(dev);

    dev->attached = true;
    own->ops->attached(own->owner, own->number, dev);
}

static unsigned
tiers_above(const UsbBus *bus)
{
    unsigned n = 0;

    for (; bus->hub != NULL; bus = bus->hub->bus)
        n++;
    return n;
}

const char *
usb_bus_why_not(const UsbBus *bus, UsbSpeed speed)
{
    if ((bus->speeds & USB_SPEED_BIT(speed)) != 0)
        return NULL;
    return speed == USB_SPEED_SUPER
               ? "a device that is running at USB 3's speed needs a port of "
                 "machine.usb=xhci"
               : "a high-speed device needs machine.usb=ehci or xhci";
}

static const char *
why_not(const UsbDevice *dev)
{
    const UsbBus *bus = dev->bus;

    if (dev->port >= bus->n_ports || port_of(dev)->ops == NULL)
        return "there is no such port";
    if (port_of(dev)->dev != NULL)
        return "the port is taken";
    if (tiers_above(bus) > USB_TIERS)
        return "more than five hubs are in a row";
    return usb_bus_why_not(bus, dev->speed);
}

bool
usb_device_attach(UsbDevice *dev, GError **error)
{
    const char *why = why_not(dev);

    if (why != NULL) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: port %u of the USB %s: %s", dev->dev.id, dev->port + 1,
                    dev->bus->hub != NULL ? "hub" : "controller", why);
        return false;
    }
    port_of(dev)->dev = dev;
    put_in(dev);
    return true;
}

void
usb_device_detach(UsbDevice *dev)
{
    if (!dev->attached)
        return;
    take_out(dev);
    port_of(dev)->dev = NULL;
}

void
usb_device_ready(UsbDevice *dev, guint8 ep)
{
    const UsbPort *root = root_of(dev);

    if (root != NULL)
        root->ops->ready(root->owner, dev, ep);
}

void
usb_packet_done(UsbPacket *packet)
{
    const UsbPort *root = root_of(packet->dev);

    if (root != NULL)
        root->ops->done(root->owner, packet);
}

void
usb_device_wake(UsbDevice *dev)
{
    const UsbPort *own = port_of(dev);

    if (dev->attached && own->ops != NULL)
        own->ops->wake(own->owner, own->number);
}

/* ---- who is where ---- */

/* Recurses USB_TIERS deep at most, as no device is further away. */
UsbDevice *
usb_device_by_address(UsbDevice *dev, guint8 address)
{
    if ((dev->address != NULL ? *dev->address : 0) == address)
        return dev;
    for (unsigned port = 1; dev->ops->child != NULL && port <= USB_PORTS;
         port++) {
        UsbDevice *child = dev->ops->child(dev, port);
        UsbDevice *found =
            child != NULL ? usb_device_by_address(child, address) : NULL;
        if (found != NULL)
            return found;
    }
    return NULL;
}

UsbDevice *
usb_device_by_route(UsbDevice *dev, guint32 route)
{
    for (; dev != NULL && route != 0; route >>= ROUTE_BITS)
        dev = dev->ops->child != NULL ? dev->ops->child(dev, route & 15) : NULL;
    return dev;
}

unsigned
usb_device_root_port(const UsbDevice *dev)
{
    while (dev->bus->hub != NULL)
        dev = dev->bus->hub;
    return dev->port;
}

bool
usb_device_is_behind(const UsbDevice *dev, const UsbDevice *at)
{
    while (dev != at && dev->bus->hub != NULL)
        dev = dev->bus->hub;
    return dev == at;
}
