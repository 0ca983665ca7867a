/* tests/unit/fake-usb.c - see fake-usb.h. */
#include "tests/unit/fake-usb.h"

#include <string.h>

static void
fake_bus_reset(UsbDevice *dev)
{
    ((FakeUsb *) dev)->n_resets++;
    ((FakeUsb *) dev)->address = 0;
}

static UsbResult
fake_submit(UsbDevice *dev, UsbPacket *p)
{
    FakeUsb *f = (FakeUsb *) dev;
    bool in = p->type == USB_CONTROL ? p->setup.request >> 15
                                     : (p->ep & USB_DIR_IN) != 0;

    f->n_submits++;
    f->setup = p->setup;
    if (p->type == USB_CONTROL && p->setup.request == USB_SET_ADDRESS)
        f->address = p->setup.value & 127;
    p->actual = MIN(f->actual, p->len);
    for (guint32 i = 0; i < p->actual; i++) {
        if (in)
            p->data[i] = (guint8) i;
        else if (i < sizeof f->out)
            f->out[i] = p->data[i];
    }
    if (f->result == USB_ASYNC && f->n_async < G_N_ELEMENTS(f->last))
        f->last[f->n_async++] = p;
    return f->result;
}

static void
fake_cancel(UsbDevice *dev, UsbPacket *p)
{
    FakeUsb *f = (FakeUsb *) dev;

    f->n_cancels++;
    for (unsigned i = 0; i < f->n_async; i++)
        if (f->last[i] == p)
            f->last[i] = f->last[--f->n_async];
}

static const UsbDeviceOps fake_ops = {fake_bus_reset, fake_submit, fake_cancel,
                                      NULL};

static bool
fake_realize(Device *dev, DeviceEnv *env, GError **error)
{
    ((FakeUsb *) dev)->usb.ops = &fake_ops;
    ((FakeUsb *) dev)->usb.address = &((FakeUsb *) dev)->address;
    return usb_device_attach(&((FakeUsb *) dev)->usb, error);
}

static void
fake_unrealize(Device *dev)
{
    usb_device_detach(&((FakeUsb *) dev)->usb);
}

static void
fake_reset(Device *dev, ResetKind kind)
{
}

static const PropDesc fake_props[] = {USB_PROPS(FakeUsb, usb), PROP_END};

const DeviceClass fake_usb_class = {
    .name = "fake-usb",
    .summary = "does as it is told",
    .size = sizeof(FakeUsb),
    .props = fake_props,
    .realize = fake_realize,
    .unrealize = fake_unrealize,
    .reset = fake_reset,
};

void
fake_usb_complete_oldest(FakeUsb *fake, guint8 how)
{
    if (fake->n_async == 0)
        return;
    UsbPacket *p = fake->last[0];
    fake->n_async--;
    memmove(fake->last, fake->last + 1, fake->n_async * sizeof fake->last[0]);
    p->result = how % 3 == 0 ? USB_OK : how % 3 == 1 ? USB_STALL : USB_FAILED;
    usb_packet_done(p);
}
