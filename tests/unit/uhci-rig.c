/* tests/unit/uhci-rig.c - see uhci-rig.h. */
#include "tests/unit/uhci-rig.h"
#include "tests/unit/pci-config.h"

#include <string.h>

extern const DeviceClass uhci_class;

static void
note_irq(void *data, unsigned pirq, bool level)
{
    ((UhciRig *) data)->irq = level;
}

void
uhci_rig_init(UhciRig *r)
{
    memset(r, 0, sizeof *r);
    r->vm = fake_vm_new(UR_RAM);
    r->bus = pci_bus_new(&r->vm->env);
    pci_bus_set_irq_router(r->bus, note_irq, r);
    r->dev = device_new(&uhci_class, "usb");
    r->u = DEVICE_OF(Uhci, r->dev);
    device_set_link(r->dev, "bus", r->bus);
    device_set_u64(r->dev, "addr", PCI_DEVFN(1, 2), NULL);
    fake_vm_realize(r->vm, r->dev);
    pci_config_set(r->bus, PCI_DEVFN(1, 2), PCI_BAR0 + 16, UR_IO, 4);
    pci_config_set(r->bus, PCI_DEVFN(1, 2), PCI_COMMAND, 5, 2);
}

void
uhci_rig_free(UhciRig *r)
{
    device_free(r->dev);
    pci_bus_free(r->bus);
    fake_vm_free(r->vm);
}

void
uhci_rig_plug(UhciRig *r, Device *usb, unsigned port)
{
    device_set_link(usb, "usb", uhci_usb_bus(r->dev));
    device_set_u64(usb, "port", port, NULL);
    fake_vm_realize(r->vm, usb);
    fake_advance(r->vm, 0);
}

guint16
ur_read(UhciRig *r, unsigned reg)
{
    return fake_in16(r->vm, (guint16) (UR_IO + reg));
}

void
ur_write(UhciRig *r, unsigned reg, guint16 value)
{
    fake_out16(r->vm, (guint16) (UR_IO + reg), value);
    fake_advance(r->vm, 0);
}

void
ur_put32(UhciRig *r, guint64 at, guint32 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

guint32
ur_get32(UhciRig *r, guint64 at)
{
    guint32 value;

    memcpy(&value, fake_ram(r->vm) + at, sizeof value);
    return value;
}

void
ur_enable(UhciRig *r, unsigned port)
{
    ur_write(r, UHCI_PORTSC + 2 * port, PORT_PR);
    ur_write(r, UHCI_PORTSC + 2 * port, 0);
    ur_write(r, UHCI_PORTSC + 2 * port, PORT_PE | PORT_CHANGES);
}

void
uhci_rig_start(UhciRig *r)
{
    ur_write(r, UHCI_USBCMD, CMD_HCRESET);
    for (unsigned i = 0; i < 1024; i++)
        ur_put32(r, UR_FRAMES + 4 * i, UR_QH | 2);
    ur_put32(r, UR_QH, 1);
    ur_put32(r, UR_QH + 4, 1);
    fake_out32(r->vm, UR_IO + UHCI_FLBASEADD, UR_FRAMES);
    ur_write(r, UHCI_FRNUM, 0);
    ur_write(r, UHCI_USBINTR, 15);
    ur_write(r, UHCI_USBCMD, CMD_RS | 0xc0);
    for (unsigned i = 0; i < UHCI_PORTS; i++)
        ur_enable(r, i);
}

void
ur_td(UhciRig *r, unsigned n, guint8 pid, unsigned address, unsigned ep,
      guint32 len, guint32 flags)
{
    guint32 link = (flags & UR_LAST) != 0 ? 1 : UR_TD(n + 1) | 4;

    ur_put32(r, UR_TD(n), link);
    ur_put32(r, UR_TD(n) + 4, UR_ACTIVE | UR_CERR | (flags & ~UR_LAST));
    ur_put32(r, UR_TD(n) + 8,
             pid | address << 8 | ep << 15 | ((len - 1) & 0x7ff) << 21);
    ur_put32(r, UR_TD(n) + 12, UR_BUF(n));
}

void
ur_queue(UhciRig *r, unsigned n)
{
    ur_put32(r, UR_QH + 4, UR_TD(n));
}

void
ur_frames(UhciRig *r, unsigned n)
{
    fake_advance(r->vm, n * UR_FRAME);
}

guint32
ur_status(UhciRig *r, unsigned n)
{
    return ur_get32(r, UR_TD(n) + 4);
}

guint32
ur_control(UhciRig *r, unsigned address, guint16 request, guint16 value,
           guint16 index, guint16 len)
{
    bool in = (request & 0x8000) != 0 && len > 0;
    unsigned n = 1, done = 0;

    ur_td(r, 0, USB_PID_SETUP, address, 0, 8, 0);
    ur_put32(r, UR_BUF(0), request >> 8 | (request & 0xff) << 8 | value << 16);
    ur_put32(r, UR_BUF(0) + 4, index | (guint32) len << 16);
    for (; done < len; n++, done += 64) {
        ur_td(r, n, in ? USB_PID_IN : USB_PID_OUT, address, 0,
              MIN(64u, len - done), 0);
        ur_put32(r, UR_TD(n) + 12, UR_BUF(1) + done);
    }
    ur_td(r, n, in ? USB_PID_OUT : USB_PID_IN, address, 0, 0, UR_LAST | UR_IOC);
    ur_queue(r, 0);
    ur_frames(r, 32);
    for (unsigned i = 0; i < n; i++)
        if ((ur_status(r, i) & 0x00f60000) != 0)
            return ur_status(r, i);
    return ur_status(r, n);
}
