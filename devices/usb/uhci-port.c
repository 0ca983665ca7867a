/* devices/usb/uhci-port.c - root hub ports of the UHCI, 2.1.7. Power, over-current
 * and babble are left out. */
#include "devices/usb/uhci-internal.h"

#define PORT_WRITTEN (PORT_PE | PORT_RD | PORT_PR | PORT_SUSPEND)

UsbDevice *
uhci_port_device(const Uhci *u, unsigned port)
{
    guint16 sc = u->s.portsc[port];

    return (sc & (PORT_PE | PORT_PR | PORT_SUSPEND)) == PORT_PE ? u->ports[port]
                                                                : NULL;
}

static guint16
connected(const UsbDevice *dev)
{
    if (dev == NULL)
        return 0;
    return dev->speed == USB_SPEED_LOW ? PORT_CCS | PORT_LOW : PORT_CCS;
}

void
uhci_ports_fresh(Uhci *u)
{
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        u->s.portsc[i] = connected(u->ports[i]);
        if (u->ports[i] != NULL)
            u->s.portsc[i] |= PORT_CSC;
    }
    u->s.resets = 0;
}

void
uhci_port_plug(Uhci *u, unsigned port, UsbDevice *dev)
{
    guint16 *sc = &u->s.portsc[port];
    guint16 kept = *sc & PORT_CHANGES;

    if ((*sc & PORT_PE) != 0)
        kept |= PORT_PEC;
    u->ports[port] = dev;
    *sc = kept | PORT_CSC | connected(dev);
    if ((u->s.usbcmd & CMD_EGSM) != 0) { /* 2.1.2: wakes it up */
        u->s.usbsts |= STS_RESUME;
        uhci_update_irq(u);
    }
}

/* What was there when the state was saved may not be there now. */
void
uhci_ports_restored(Uhci *u)
{
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        bool was = (u->s.portsc[i] & PORT_CCS) != 0;
        if (was != (u->ports[i] != NULL))
            uhci_port_plug(u, i, u->ports[i]);
    }
}

guint16
uhci_port_read(const Uhci *u, unsigned port)
{
    guint16 sc = u->s.portsc[port] | PORT_ONE;

    if ((sc & (PORT_CCS | PORT_PR)) != PORT_CCS)
        return sc;
    return sc | ((sc & PORT_LOW) != 0 ? PORT_DMINUS : PORT_DPLUS);
}

void
uhci_port_write(Uhci *u, unsigned port, guint16 value)
{
    guint16 *sc = &u->s.portsc[port], old = *sc;

    *sc &= ~(value & PORT_CHANGES);
    *sc = (guint16) ((*sc & ~PORT_WRITTEN) | (value & PORT_WRITTEN));
    if ((*sc & PORT_CCS) == 0 || (*sc & PORT_PR) != 0)
        *sc &= ~(guint16) (PORT_PE | PORT_RD | PORT_SUSPEND);
    if ((*sc & PORT_PR) != 0 && (old & PORT_PR) == 0)
        u->s.resets |= (guint8) (1u << port);
    uhci_kick(u);
}

void
uhci_port_wake(Uhci *u, unsigned port)
{
    if ((u->s.portsc[port] & (PORT_PE | PORT_SUSPEND)) !=
        (PORT_PE | PORT_SUSPEND))
        return;
    u->s.portsc[port] |= PORT_RD;
    if ((u->s.usbcmd & CMD_EGSM) != 0)
        u->s.usbsts |= STS_RESUME;
    uhci_update_irq(u);
}

void
uhci_ports_run(Uhci *u)
{
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        UsbDevice *dev = u->ports[i];
        if ((u->s.resets & 1u << i) == 0 || dev == NULL)
            continue;
        usb_pipes_drop(&u->pipes, dev);
        usb_isos_drop(&u->isos, dev);
        dev->ops->reset(dev);
    }
    u->s.resets = 0;
}
