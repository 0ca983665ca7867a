/* devices/usb/ehci-port.c - root hub ports of the EHCI, 2.3.9 and 4.2, and who has
 * them: this controller, or a companion for what is not of high speed. Power
 * switching, over-current, indicators and test modes are left out.
 *
 * All ports are one bus, whose events come here first. */
#include "devices/usb/ehci-internal.h"
#include "devices/usb/uhci.h"

#define PORT_WRITTEN (PORT_RESUME | PORT_SUSPEND | PORT_PR | PORT_WAKES)

UsbDevice *
ehci_port_device(const Ehci *e, unsigned port)
{
    guint32 sc = e->s.portsc[port];

    return (sc & (PORT_PE | PORT_SUSPEND)) == PORT_PE ? e->ports[port] : NULL;
}

static void
changed(Ehci *e, unsigned port, guint32 bits)
{
    e->s.portsc[port] |= bits;
    e->s.usbsts |= STS_PORT;
    ehci_update_irq(e);
}

/* The guest has not configured it: all ports are with the companions. */
void
ehci_ports_fresh(Ehci *e)
{
    for (unsigned i = 0; i < EHCI_PORTS; i++)
        e->s.portsc[i] = PORT_POWER | PORT_OWNER;
    e->s.resets = 0;
}

static void
plug(Ehci *e, unsigned port, UsbDevice *dev)
{
    guint32 *sc = &e->s.portsc[port];
    guint32 bits = PORT_CSC;

    if ((*sc & PORT_PE) != 0)
        bits |= PORT_PEC;
    e->ports[port] = dev;
    *sc &= PORT_CHANGES | PORT_POWER | PORT_OWNER | PORT_WAKES;
    changed(e, port, bits | (dev != NULL ? PORT_CCS : 0));
}

void
ehci_ports_restored(Ehci *e)
{
    for (unsigned i = 0; i < EHCI_PORTS; i++) {
        bool was = (e->s.portsc[i] & PORT_CCS) != 0;
        bool mine = (e->s.portsc[i] & PORT_OWNER) == 0;
        if (mine && was != (e->ports[i] != NULL))
            plug(e, i, e->ports[i]);
    }
}

guint32
ehci_port_read(const Ehci *e, unsigned port)
{
    guint32 sc = e->s.portsc[port];

    if ((sc & (PORT_CCS | PORT_PE | PORT_PR)) != PORT_CCS ||
        e->ports[port] == NULL)
        return sc;
    if (e->ports[port]->speed == USB_SPEED_LOW)
        return sc | PORT_K;
    return e->ports[port]->speed == USB_SPEED_FULL ? sc | PORT_J : sc;
}

/* 4.2.2: the device answers at high speed, or the port stays off. */
static void
end_reset(Ehci *e, unsigned port)
{
    const UsbDevice *dev = e->ports[port];

    if (dev != NULL && dev->speed == USB_SPEED_HIGH)
        e->s.portsc[port] |= PORT_PE;
}

void
ehci_port_write(Ehci *e, unsigned port, guint32 value)
{
    guint32 *sc = &e->s.portsc[port], old = *sc;

    *sc &= ~(value & PORT_CHANGES);
    if ((value & PORT_PE) == 0)
        *sc &= ~(guint32) PORT_PE;
    *sc = (*sc & ~(guint32) PORT_WRITTEN) | (value & PORT_WRITTEN);
    if ((*sc & PORT_PR) != 0) {
        *sc &= ~(guint32) (PORT_PE | PORT_SUSPEND | PORT_RESUME);
        if ((old & PORT_PR) == 0)
            e->s.resets |= (guint8) (1u << port);
    } else if ((old & PORT_PR) != 0) {
        end_reset(e, port);
    }
    if ((old & PORT_RESUME) != 0 && (*sc & PORT_RESUME) == 0)
        *sc &= ~(guint32) PORT_SUSPEND; /* 2.3.9: resumed */
    else if ((old & PORT_SUSPEND) != 0)
        *sc |= PORT_SUSPEND; /* writing zero is ignored */
    if ((*sc & PORT_PE) == 0)
        *sc &= ~(guint32) (PORT_SUSPEND | PORT_RESUME);
    if (e->s.configflag != 0)
        *sc = (*sc & ~(guint32) PORT_OWNER) | (value & PORT_OWNER);
    ehci_kick(e);
}

void
ehci_configflag_write(Ehci *e, guint32 value)
{
    if (e->s.configflag == (value & 1))
        return;
    e->s.configflag = value & 1;
    for (unsigned i = 0; i < EHCI_PORTS; i++)
        if (e->s.configflag != 0)
            e->s.portsc[i] &= ~(guint32) PORT_OWNER;
        else
            e->s.portsc[i] |= PORT_OWNER;
    ehci_kick(e);
}

void
ehci_ports_run(Ehci *e)
{
    for (unsigned i = 0; i < EHCI_PORTS; i++) {
        UsbDevice *dev = e->ports[i];
        if ((e->s.resets & 1u << i) == 0 || dev == NULL)
            continue;
        usb_pipes_drop(&e->pipes, dev);
        usb_isos_drop(&e->isos, dev);
        dev->ops->reset(dev);
    }
    e->s.resets = 0;
}

/* ---- who has a port: loop, lock not held ---- */

static Device *
companion_of(const Ehci *e, unsigned port)
{
    return e->companions[port / UHCI_PORTS];
}

static void
tell_plug(Ehci *e, unsigned port, UsbDevice *dev, bool in)
{
    if (e->with_companion[port]) {
        Device *to = companion_of(e, port);
        (in ? uhci_bus_ops.attached
            : uhci_bus_ops.detached)(to, port % UHCI_PORTS, dev);
        return;
    }
    g_mutex_lock(&e->pci.dev.lock);
    plug(e, port, in ? dev : NULL);
    g_mutex_unlock(&e->pci.dev.lock);
}

static void
give_up(Ehci *e, UsbDevice *dev)
{
    unsigned port = usb_device_root_port(dev);

    if (e->with_companion[port]) {
        uhci_bus_ops.gone(companion_of(e, port), dev);
        return;
    }
    g_mutex_lock(&e->pci.dev.lock);
    usb_pipes_drop(&e->pipes, dev);
    usb_isos_drop(&e->isos, dev);
    g_mutex_unlock(&e->pci.dev.lock);
}

static void
route(Ehci *e, unsigned port, bool companion)
{
    UsbDevice *dev = e->bus.ports[port].dev;

    if (companion == e->with_companion[port] ||
        (companion && companion_of(e, port) == NULL))
        return;
    if (dev != NULL) {
        give_up(e, dev);
        tell_plug(e, port, dev, false);
    }
    e->with_companion[port] = companion;
    if (dev != NULL)
        tell_plug(e, port, dev, true);
}

void
ehci_ports_route(Ehci *e)
{
    guint32 owners = 0;

    g_mutex_lock(&e->pci.dev.lock);
    for (unsigned i = 0; i < EHCI_PORTS; i++)
        owners |= (e->s.portsc[i] & PORT_OWNER) != 0 ? 1u << i : 0;
    g_mutex_unlock(&e->pci.dev.lock);
    for (unsigned i = 0; i < EHCI_PORTS; i++)
        route(e, i, (owners & 1u << i) != 0);
}

void
ehci_ports_restore(Ehci *e)
{
    for (unsigned i = 0; i < EHCI_PORTS; i++) {
        UsbDevice *dev = e->bus.ports[i].dev;
        Device *companion = companion_of(e, i);
        bool away = (e->s.portsc[i] & PORT_OWNER) != 0 && companion != NULL;
        e->with_companion[i] = away;
        e->ports[i] = away ? NULL : dev;
        if (companion != NULL)
            uhci_set_port(companion, i % UHCI_PORTS, away ? dev : NULL);
    }
}

static void
on_attached(void *controller, unsigned port, UsbDevice *dev)
{
    tell_plug(controller, port, dev, true);
    ehci_kick(controller);
}

/* 4.2.2: an empty port comes back from the companion, if the guest drives this
 * controller. */
static void
on_detached(void *controller, unsigned port, UsbDevice *dev)
{
    Ehci *e = controller;

    tell_plug(e, port, dev, false);
    g_mutex_lock(&e->pci.dev.lock);
    if (e->s.configflag != 0 && e->with_companion[port]) {
        e->s.portsc[port] &= ~(guint32) PORT_OWNER;
        e->with_companion[port] = false;
    }
    g_mutex_unlock(&e->pci.dev.lock);
    ehci_kick(e);
}

static void
on_gone(void *controller, UsbDevice *dev)
{
    give_up(controller, dev);
}

static void
on_ready(void *controller, UsbDevice *dev, guint8 ep)
{
    Ehci *e = controller;
    unsigned port = usb_device_root_port(dev);

    if (e->with_companion[port])
        uhci_bus_ops.ready(companion_of(e, port), dev, ep);
    else
        ehci_kick(e);
}

static void
on_done(void *controller, UsbPacket *packet)
{
    Ehci *e = controller;
    unsigned port = usb_device_root_port(packet->dev);

    if (e->with_companion[port]) {
        uhci_bus_ops.done(companion_of(e, port), packet);
        return;
    }
    g_mutex_lock(&e->pci.dev.lock);
    bool iso = usb_isos_done(&e->isos, packet); /* its frame comes */
    if (!iso)
        usb_pipes_done(&e->pipes, packet);
    g_mutex_unlock(&e->pci.dev.lock);
    if (!iso)
        ehci_kick(e);
}

static void
on_wake(void *controller, unsigned port)
{
    Ehci *e = controller;

    if (e->with_companion[port]) {
        uhci_bus_ops.wake(companion_of(e, port), port % UHCI_PORTS);
        return;
    }
    g_mutex_lock(&e->pci.dev.lock);
    if ((e->s.portsc[port] & PORT_SUSPEND) != 0)
        changed(e, port, PORT_RESUME); /* 4.3.1 */
    g_mutex_unlock(&e->pci.dev.lock);
}

const UsbBusOps ehci_bus_ops = {
    .attached = on_attached,
    .detached = on_detached,
    .wake = on_wake,
    .gone = on_gone,
    .ready = on_ready,
    .done = on_done,
};
