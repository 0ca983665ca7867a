/* tests/unit/xhci-rig.c - see xhci-rig.h. */
#include "tests/unit/xhci-rig.h"
#include "tests/unit/pci-config.h"

#include <string.h>

extern const DeviceClass xhci_class;

/* ---- memory and registers ---- */

void
xr_put32(XhciRig *r, guint64 at, guint32 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

void
xr_put64(XhciRig *r, guint64 at, guint64 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

guint32
xr_get32(XhciRig *r, guint64 at)
{
    guint32 value;

    memcpy(&value, fake_ram(r->vm) + at, sizeof value);
    return value;
}

guint64
xr_get64(XhciRig *r, guint64 at)
{
    guint64 value;

    memcpy(&value, fake_ram(r->vm) + at, sizeof value);
    return value;
}

guint32
xr_read(XhciRig *r, guint64 at)
{
    return (guint32) fake_mmio_read(r->vm, at, 4);
}

void
xr_write(XhciRig *r, guint64 at, guint32 value)
{
    fake_mmio_write(r->vm, at, value, 4);
    fake_advance(r->vm, 0);
}

static void
config_write(XhciRig *r, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(r->bus, PCI_DEVFN(10, 0), offset, value, size);
}

static void
no_irq(void *data, unsigned pirq, bool level)
{
}

/* ---- life ---- */

void
xhci_rig_init(XhciRig *r)
{
    memset(r, 0, sizeof *r);
    r->vm = fake_vm_new(XR_RAM);
    r->bus = pci_bus_new(&r->vm->env);
    pci_bus_set_irq_router(r->bus, no_irq, NULL);
    r->dev = device_new(&xhci_class, "usb");
    r->x = DEVICE_OF(Xhci, r->dev);
    device_set_link(r->dev, "bus", r->bus);
    device_set_u64(r->dev, "addr", PCI_DEVFN(10, 0), NULL);
    fake_vm_realize(r->vm, r->dev);
    config_write(r, PCI_BAR0, XR_REGS, 4);
    config_write(r, PCI_COMMAND, 6, 2);
}

void
xhci_rig_free(XhciRig *r)
{
    device_free(r->dev);
    pci_bus_free(r->bus);
    fake_vm_free(r->vm);
}

void
xhci_rig_plug(XhciRig *r, Device *usb, unsigned port)
{
    device_set_link(usb, "usb", xhci_usb_bus(r->dev));
    device_set_u64(usb, "port", port, NULL);
    fake_vm_realize(r->vm, usb);
    fake_advance(r->vm, 0);
}

FakeUsb *
xhci_rig_plug_fake(XhciRig *r, UsbSpeed speed, unsigned port)
{
    FakeUsb *f = (FakeUsb *) device_new(&fake_usb_class, "fake0");

    f->usb.speed = speed;
    xhci_rig_plug(r, &f->usb.dev, port);
    return f;
}

static void
clear_ring(XhciRig *r, unsigned ring)
{
    memset(fake_ram(r->vm) + (ring == 0 ? XR_COMMANDS : XR_RING(ring)), 0,
           16 * XR_RING_N);
    r->ring_at[ring] = 0;
    r->ring_cycle[ring] = 1;
}

void
xhci_rig_start(XhciRig *r)
{
    xr_write(r, XR_OP, CMD_RESET);
    memset(fake_ram(r->vm), 0, XR_DATA);
    clear_ring(r, 0);
    r->event_at = 0;
    r->event_cycle = 1;
    r->event_size = 16;
    for (unsigned i = 0; i < 2; i++) {
        xr_put64(r, XR_ERST + 16 * i, XR_EVENTS + 0x1000 * i);
        xr_put32(r, XR_ERST + 16 * i + 8, r->event_size);
    }
    for (unsigned slot = 1; slot <= XHCI_SLOTS; slot++)
        xr_put64(r, XR_DCBAA + 8 * slot, XR_CONTEXT(slot));
    xr_write(r, XR_OP + 0x30, XR_DCBAA);
    xr_write(r, XR_OP + 0x34, 0);
    xr_write(r, XR_OP + 0x38, XHCI_SLOTS);
    xr_write(r, XR_OP + 0x18, XR_COMMANDS | 1);
    xr_write(r, XR_OP + 0x1c, 0);
    xr_write(r, XR_INTR + 0x08, 2);
    xr_write(r, XR_INTR + 0x18, XR_EVENTS);
    xr_write(r, XR_INTR + 0x10, XR_ERST);
    xr_write(r, XR_INTR, 2);
    xr_write(r, XR_OP, CMD_RUN | CMD_INTE);
}

/* ---- rings ---- */

guint64
xr_push(XhciRig *r, unsigned ring, guint64 param, guint32 status,
        guint32 control)
{
    guint64 base = ring == 0 ? XR_COMMANDS : XR_RING(ring);
    guint64 at = base + 16 * r->ring_at[ring];

    xr_put64(r, at, param);
    xr_put32(r, at + 8, status);
    xr_put32(r, at + 12, control | r->ring_cycle[ring]);
    if (++r->ring_at[ring] == XR_RING_N - 1) {
        guint64 link = base + 16 * (XR_RING_N - 1);
        xr_put64(r, link, base);
        xr_put32(r, link + 12,
                 TRB_LINK << 10 | TRB_TOGGLE | (control & TRB_CHAIN) |
                     r->ring_cycle[ring]);
        r->ring_at[ring] = 0;
        r->ring_cycle[ring] ^= 1;
    }
    return at;
}

void
xr_ring_bell(XhciRig *r, unsigned slot, unsigned ep)
{
    xr_write(r, XR_BELL(slot), ep);
}

bool
xr_event(XhciRig *r, XhciEvent *ret)
{
    guint64 at = XR_EVENTS + 0x1000 * (r->event_at / r->event_size) +
                 16 * (r->event_at % r->event_size);

    ret->param = xr_get64(r, at);
    ret->status = xr_get32(r, at + 8);
    ret->control = xr_get32(r, at + 12);
    if ((ret->control & TRB_CYCLE) != r->event_cycle)
        return false;
    if (++r->event_at == 2 * r->event_size) {
        r->event_at = 0;
        r->event_cycle ^= 1;
    }
    at = XR_EVENTS + 0x1000 * (r->event_at / r->event_size) +
         16 * (r->event_at % r->event_size);
    xr_write(r, XR_INTR + 0x18, (guint32) at | 8);
    return true;
}

unsigned
xr_transfer_event(XhciRig *r, XhciEvent *ret)
{
    while (xr_event(r, ret))
        if (TRB_TYPE(ret->control) == EVENT_TRANSFER)
            return ret->status >> 24;
    return 0;
}

unsigned
xr_command(XhciRig *r, guint64 param, guint32 status, guint32 control)
{
    guint64 at = xr_push(r, 0, param, status, control);
    XhciEvent e;

    xr_ring_bell(r, 0, 0);
    while (xr_event(r, &e))
        if (TRB_TYPE(e.control) == EVENT_COMMAND && e.param == at)
            return e.status >> 24;
    return 0;
}

/* ---- contexts ---- */

static void
put_endpoint(XhciRig *r, unsigned ep, unsigned type)
{
    guint64 at = XR_INPUT + 32 * (ep + 1);

    clear_ring(r, ep);
    memset(fake_ram(r->vm) + at, 0, 32);
    xr_put32(r, at + 4, 64u << 16 | type << 3 | 3 << 1);
    xr_put64(r, at + 8, XR_RING(ep) | 1);
}

unsigned
xr_address(XhciRig *r, unsigned port)
{
    xr_write(r, XR_PORTSC(port), PORT_PP | PORT_PR);
    xr_write(r, XR_PORTSC(port), PORT_PP | PORT_CHANGES);
    unsigned code = xr_command(r, 0, 0, TRB_ENABLE_SLOT << 10);
    if (code != CC_SUCCESS)
        return code;
    memset(fake_ram(r->vm) + XR_INPUT, 0, 0x440);
    xr_put32(r, XR_INPUT + 4, 3);
    xr_put32(r, XR_INPUT + 32, 1u << 27);
    xr_put32(r, XR_INPUT + 36, port << 16);
    put_endpoint(r, 1, EP_CONTROL);
    return xr_command(r, XR_INPUT, 0, TRB_ADDRESS_DEVICE << 10 | 1u << 24);
}

unsigned
xr_configure(XhciRig *r, unsigned ep, unsigned type)
{
    memset(fake_ram(r->vm) + XR_INPUT, 0, 32);
    xr_put32(r, XR_INPUT + 4, 1u | 1u << ep);
    put_endpoint(r, ep, type);
    return xr_command(r, XR_INPUT, 0, TRB_CONFIGURE_ENDPOINT << 10 | 1u << 24);
}

unsigned
xr_control(XhciRig *r, guint16 request, guint16 value, guint16 index,
           guint16 len)
{
    guint64 setup = (guint64) len << 48 | (guint64) index << 32 |
                    (guint64) value << 16 | (request & 0xff) << 8 |
                    request >> 8;
    guint32 in = (request & 0x8000) != 0 ? 1u << 16 : 0;
    unsigned code = 0, last = 0;
    XhciEvent e;

    xr_push(r, 1, setup, 8, TRB_SETUP << 10 | TRB_IDT);
    if (len > 0)
        xr_push(r, 1, XR_DATA, len, TRB_DATA << 10 | in);
    xr_push(r, 1, 0, 0, TRB_STATUS << 10 | TRB_IOC | (in ^ 1u << 16));
    xr_ring_bell(r, 1, 1);
    while ((code = xr_transfer_event(r, &e)) != 0)
        last = code;
    return last;
}
