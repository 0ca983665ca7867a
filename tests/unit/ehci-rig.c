/* tests/unit/ehci-rig.c - see ehci-rig.h. */
#include "tests/unit/ehci-rig.h"
#include "tests/unit/pci-config.h"

#include <string.h>

extern const DeviceClass ehci_class, uhci_class;

#define DEVFN     PCI_DEVFN(10, 7)
#define COMPANION PCI_DEVFN(10, 0)

static void
note_irq(void *data, unsigned pirq, bool level)
{
    ((EhciRig *) data)->irq = level;
}

void
ehci_rig_init(EhciRig *r)
{
    memset(r, 0, sizeof *r);
    r->vm = fake_vm_new(ER_RAM);
    r->bus = pci_bus_new(&r->vm->env);
    pci_bus_set_irq_router(r->bus, note_irq, r);
    r->companion = device_new(&uhci_class, "companion");
    device_set_link(r->companion, "bus", r->bus);
    device_set_u64(r->companion, "addr", COMPANION, NULL);
    device_set_string(r->companion, "model", "ich5-1", NULL);
    fake_vm_realize(r->vm, r->companion);
    r->dev = device_new(&ehci_class, "usb");
    r->e = DEVICE_OF(Ehci, r->dev);
    device_set_link(r->dev, "bus", r->bus);
    device_set_link(r->dev, "companion0", r->companion);
    device_set_u64(r->dev, "addr", DEVFN, NULL);
    fake_vm_realize(r->vm, r->dev);
    pci_config_set(r->bus, COMPANION, PCI_BAR0 + 16, ER_UHCI, 4);
    pci_config_set(r->bus, COMPANION, PCI_COMMAND, 5, 2);
    pci_config_set(r->bus, DEVFN, PCI_BAR0, ER_REGS, 4);
    pci_config_set(r->bus, DEVFN, PCI_COMMAND, 6, 2);
    fake_advance(r->vm, 0);
}

void
ehci_rig_free(EhciRig *r)
{
    device_free(r->dev);
    device_free(r->companion);
    pci_bus_free(r->bus);
    fake_vm_free(r->vm);
}

void
ehci_rig_plug(EhciRig *r, Device *usb, unsigned port)
{
    device_set_link(usb, "usb", ehci_usb_bus(r->dev));
    device_set_u64(usb, "port", port, NULL);
    fake_vm_realize(r->vm, usb);
    fake_advance(r->vm, 0);
}

guint32
er_read(EhciRig *r, guint64 at)
{
    return (guint32) fake_mmio_read(r->vm, at, 4);
}

void
er_write(EhciRig *r, guint64 at, guint32 value)
{
    fake_mmio_write(r->vm, at, value, 4);
    fake_advance(r->vm, 0);
}

void
er_put32(EhciRig *r, guint64 at, guint32 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

guint32
er_get32(EhciRig *r, guint64 at)
{
    guint32 value;

    memcpy(&value, fake_ram(r->vm) + at, sizeof value);
    return value;
}

void
er_enable(EhciRig *r, unsigned port)
{
    er_write(r, ER_PORTSC(port), PORT_POWER | PORT_PR);
    er_write(r, ER_PORTSC(port), PORT_POWER | PORT_CHANGES);
}

void
ehci_rig_start(EhciRig *r)
{
    er_write(r, ER_OP, CMD_RESET);
    for (unsigned i = 0; i < 1024; i++)
        er_put32(r, ER_PERIODIC + 4 * i, LINK_T);
    er_put32(r, ER_HEAD, ER_QH | 2);
    er_put32(r, ER_HEAD + 4, 0x8000);
    er_put32(r, ER_HEAD + 16, LINK_T);
    er_put32(r, ER_HEAD + 20, LINK_T);
    er_put32(r, ER_HEAD + 24, 0x40);
    er_put32(r, ER_QH, ER_HEAD | 2);
    er_put32(r, ER_QH + 16, LINK_T);
    er_put32(r, ER_QH + 20, LINK_T);
    er_put32(r, ER_QH + 24, 0);
    er_write(r, ER_OP + 0x14, ER_PERIODIC);
    er_write(r, ER_OP + 0x18, ER_HEAD);
    er_write(r, ER_OP + 8, 0x37);
    er_write(r, ER_OP, CMD_RUN | CMD_ASYNC | CMD_PERIODIC);
    er_write(r, ER_OP + 0x40, 1);
    for (unsigned i = 0; i < EHCI_PORTS; i++)
        er_enable(r, i);
    er_write(r, ER_OP + 4, 0x3f);
}

void
er_qtd(EhciRig *r, unsigned n, unsigned pid, guint32 len, guint32 flags)
{
    er_put32(r, ER_QTD(n), (flags & ER_LAST) != 0 ? LINK_T : ER_QTD(n + 1));
    er_put32(r, ER_QTD(n) + 4, LINK_T);
    er_put32(r, ER_QTD(n) + 8,
             0x80 | 3 << 10 | pid << 8 | len << 16 | (flags & ~ER_LAST));
    for (unsigned i = 0; i < 5; i++)
        er_put32(r, ER_QTD(n) + 12 + 4 * i, ER_BUF(n) + 0x1000 * i);
}

void
er_queue(EhciRig *r, unsigned address, unsigned ep, unsigned n)
{
    er_put32(r, ER_QH + 4, address | ep << 8 | 2 << 12 | 512 << 16);
    er_put32(r, ER_QH + 8, 1 << 30);
    er_put32(r, ER_QH + 20, LINK_T);
    er_put32(r, ER_QH + 24, 0);
    er_put32(r, ER_QH + 16, ER_QTD(n));
}

void
er_frames(EhciRig *r, unsigned n)
{
    fake_advance(r->vm, n * ER_FRAME);
}

guint32
er_token(EhciRig *r, unsigned n)
{
    return er_get32(r, ER_QTD(n) + 8);
}

guint32
er_control(EhciRig *r, unsigned address, guint16 request, guint16 value,
           guint16 index, guint16 len)
{
    bool in = (request & 0x8000) != 0 && len > 0;
    unsigned n = 1;

    er_qtd(r, 0, ER_SETUP, 8, 0);
    er_put32(r, ER_BUF(0), request >> 8 | (request & 0xff) << 8 | value << 16);
    er_put32(r, ER_BUF(0) + 4, index | (guint32) len << 16);
    if (len > 0)
        er_qtd(r, n++, in ? ER_IN : ER_OUT, len, 0);
    er_qtd(r, n, in ? ER_OUT : ER_IN, 0, ER_LAST | ER_IOC);
    er_queue(r, address, 0, 0);
    er_frames(r, 32);
    for (unsigned i = 0; i < n; i++)
        if ((er_token(r, i) & 0xf8) != 0)
            return er_token(r, i);
    return er_token(r, n);
}
