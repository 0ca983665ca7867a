/* devices/usb/xhci-port.c - root hub ports of the xHCI, 4.19 and 5.4.8.
 *
 * Ports 0..7 are those of USB 2, 8..15 those of USB 3. A device is reset, and
 * a link changes its state, at once. Power switching, over-current, LPM and
 * test modes are left out. */
#include "devices/usb/xhci-internal.h"

#define PLS_OF(v)  ((v) >> 5 & 15)
#define PLS_MASK   PORT_PLS(15)
#define SPEED_MASK PORT_SPEED(15)
#define PORT_KEPT  (PORT_PIC | PORT_WAKES) /* as the guest wrote it */

static bool
is_usb3(unsigned port)
{
    return port >= USB_PORTS;
}

static UsbDevice *
plugged(const Xhci *x, unsigned port)
{
    UsbDevice *dev = x->bus.ports[port % USB_PORTS].dev;
    bool fits = dev != NULL && dev->attached &&
                (dev->speed == USB_SPEED_SUPER) == is_usb3(port);

    return fits ? dev : NULL;
}

UsbDevice *
xhci_port_device(const Xhci *x, unsigned port)
{
    return (x->s.portsc[port] & PORT_PED) != 0 ? plugged(x, port) : NULL;
}

/* Sets change bits; the first of them is told, 4.19.2. */
static void
changed(Xhci *x, unsigned port, guint32 bits)
{
    guint32 old = x->s.portsc[port];

    x->s.portsc[port] |= bits;
    if ((old & PORT_CHANGES) != 0 || bits == 0)
        return;
    x->s.usbsts |= STS_PCD;
    xhci_event(x, 0, CC_SUCCESS, (guint64) (port + 1) << 24, 0,
               EVENT_PORT << 10);
}

/* As it is after power-on, with what is plugged in. */
static guint32
fresh(const Xhci *x, unsigned port)
{
    const UsbDevice *dev = plugged(x, port);

    if (dev == NULL)
        return PORT_PP | PORT_PLS(PLS_RXDETECT);
    if (is_usb3(port)) /* trained by itself, 4.19.1.2 */
        return PORT_PP | PORT_CCS | PORT_PED | PORT_PLS(PLS_U0) |
               PORT_SPEED(dev->speed);
    return PORT_PP | PORT_CCS | PORT_PLS(PLS_POLLING) | PORT_SPEED(dev->speed);
}

void
xhci_ports_reset(Xhci *x)
{
    for (unsigned port = 0; port < XHCI_PORTS; port++) {
        x->s.portsc[port] = fresh(x, port);
        if (plugged(x, port) != NULL)
            x->s.portsc[port] |= PORT_CSC;
    }
}

void
xhci_port_plug(Xhci *x, unsigned port_of_bus, bool in)
{
    for (unsigned port = port_of_bus; port < XHCI_PORTS; port += USB_PORTS) {
        guint32 old = x->s.portsc[port];
        if (in ? plugged(x, port) == NULL : (old & PORT_CCS) == 0)
            continue;
        x->s.portsc[port] =
            (old & (PORT_KEPT | PORT_CHANGES)) |
            (in ? fresh(x, port) : PORT_PP | PORT_PLS(PLS_RXDETECT));
        changed(x, port, PORT_CSC);
    }
}

guint32
xhci_port_read(const Xhci *x, unsigned port)
{
    return x->s.portsc[port] & ~(guint32) (PORT_LWS | PORT_WPR);
}

static void
set_link(Xhci *x, unsigned port, unsigned pls)
{
    guint32 *sc = &x->s.portsc[port];
    unsigned old = PLS_OF(*sc);
    bool ok = (pls == PLS_U3 && old < PLS_U3) ||
              (pls == PLS_RESUME && old == PLS_U3) ||
              (pls == PLS_U0 && (old <= PLS_U3 || old == PLS_RESUME)) ||
              (pls == PLS_RXDETECT && is_usb3(port) && old == PLS_DISABLED);

    if (!ok || ((*sc & PORT_PED) == 0 && pls != PLS_RXDETECT))
        return;
    if (pls == PLS_RXDETECT) {
        *sc = (*sc & (PORT_KEPT | PORT_CHANGES)) | fresh(x, port);
        return;
    }
    *sc = (*sc & ~PLS_MASK) | PORT_PLS(pls);
    if (pls == PLS_U0 && (old == PLS_U3 || old == PLS_RESUME)) {
        changed(x, port, PORT_PLC);
        xhci_kick(x); /* what rang meanwhile */
    }
}

void
xhci_port_write(Xhci *x, unsigned port, guint32 value)
{
    guint32 *sc = &x->s.portsc[port];

    *sc &= ~(value & PORT_CHANGES); /* RW1C */
    *sc = (*sc & ~(guint32) PORT_KEPT) | (value & PORT_KEPT);
    if ((value & PORT_PED) != 0 && (*sc & PORT_PED) != 0) { /* disables it */
        *sc &= ~(guint32) (PORT_PED | PLS_MASK);
        *sc |= PORT_PLS(is_usb3(port) ? PLS_DISABLED : PLS_POLLING);
    }
    if ((value & PORT_LWS) != 0)
        set_link(x, port, PLS_OF(value));
    if ((value & PORT_PR) != 0 || ((value & PORT_WPR) != 0 && is_usb3(port))) {
        *sc |= PORT_PR | (is_usb3(port) ? value & PORT_WPR : 0);
        xhci_kick(x);
    }
}

void
xhci_port_wake(Xhci *x, unsigned port_of_bus)
{
    for (unsigned port = port_of_bus; port < XHCI_PORTS; port += USB_PORTS) {
        guint32 *sc = &x->s.portsc[port];
        if (plugged(x, port) == NULL || PLS_OF(*sc) != PLS_U3)
            continue;
        *sc = (*sc & ~PLS_MASK) | PORT_PLS(is_usb3(port) ? PLS_U0 : PLS_RESUME);
        changed(x, port, PORT_PLC);
    }
}

/* 4.19.5: the port is enabled, unless nothing is in it. */
static void
finish_reset(Xhci *x, unsigned port)
{
    guint32 *sc = &x->s.portsc[port];
    guint32 warm = *sc & PORT_WPR;
    UsbDevice *dev = plugged(x, port);

    *sc &= ~(guint32) (PORT_PR | PORT_WPR);
    if (dev != NULL) {
        *sc = (*sc & ~(PLS_MASK | SPEED_MASK)) | PORT_PED | PORT_PLS(PLS_U0) |
              PORT_SPEED(dev->speed);
        dev->ops->reset(dev);
    }
    changed(x, port, PORT_PRC | (warm != 0 ? PORT_WRC : 0));
}

void
xhci_ports_run(Xhci *x)
{
    for (unsigned port = 0; port < XHCI_PORTS; port++)
        if ((x->s.portsc[port] & PORT_PR) != 0)
            finish_reset(x, port);
}
