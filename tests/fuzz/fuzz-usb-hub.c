/* tests/fuzz/fuzz-usb-hub.c - any requests to a hub, with devices that come and go
 * behind it and packets on their way; after a reset it still works. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "devices/usb/usb-hub.h"
#include "tests/unit/uhci-rig.h"

#define MAX_STEPS 48u

extern const DeviceClass usb_hub_class;

static UhciRig rig;
static UsbDevice *hub;
static FakeUsb *fakes[2];

static void
init(void)
{
    uhci_rig_init(&rig);
    hub = (UsbDevice *) device_new(&usb_hub_class, "usb0");
    uhci_rig_plug(&rig, &hub->dev, 0);
    for (unsigned i = 0; i < 2; i++) {
        fakes[i] = (FakeUsb *) device_new(&fake_usb_class, "fake");
        fakes[i]->usb.speed = i == 0 ? USB_SPEED_LOW : USB_SPEED_FULL;
        device_set_link(&fakes[i]->usb.dev, "usb", usb_hub_bus(&hub->dev));
        device_set_u64(&fakes[i]->usb.dev, "port", i + 1, NULL);
        fake_vm_realize(rig.vm, &fakes[i]->usb.dev);
    }
}

static void
request(const uint8_t *d)
{
    static const guint16 requests[] = {0x2303, 0x2301, 0xa300, 0xa006,
                                       0x2003, 0x2001, 0x0009, 0x8006,
                                       0x0005, 0x0003, 0x0203, 0x2308};

    (void) ur_control(&rig, d[3] & 1, requests[d[1] % G_N_ELEMENTS(requests)],
                      d[2], d[4] & 7, d[5] & 15);
}

static void
plug(UsbDevice *dev)
{
    if (dev->attached)
        usb_device_detach(dev);
    else
        (void) usb_device_attach(dev, NULL);
}

/* Six bytes. */
static void
step(const uint8_t *d)
{
    FakeUsb *f = fakes[d[1] & 1];

    switch (d[0] % 8) {
    case 0:
    case 1:
    case 2: request(d); break;
    case 3: plug((d[1] & 2) != 0 ? hub : &f->usb); break;
    case 4: f->result = (UsbResult) (d[2] % (USB_FAILED + 1)); break;
    case 5:
        ur_td(&rig, 0, (d[2] & 1) != 0 ? USB_PID_IN : USB_PID_OUT, d[3] & 3,
              d[4] & 3, d[5], UR_LAST);
        ur_queue(&rig, 0);
        ur_frames(&rig, 2);
        break;
    case 6: usb_device_wake(&f->usb); break;
    default: ur_enable(&rig, 0); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (hub == NULL)
        init();
    for (unsigned i = 0; i < 2; i++)
        fakes[i]->result = USB_OK;
    uhci_rig_start(&rig);
    for (unsigned n = 0; n < MAX_STEPS && 6 * n + 6 <= size; n++)
        step(data + 6 * n);
    for (unsigned i = 0; i < 2; i++)
        if (!fakes[i]->usb.attached)
            plug(&fakes[i]->usb);
    if (!hub->attached)
        plug(hub);
    uhci_rig_start(&rig);
    if (fakes[0]->n_async + fakes[1]->n_async != 0)
        abort(); /* something is still under way */
    if (ur_control(&rig, 0, 0xa300, 0, 1, 4) != 0x190007ff)
        abort();
    return 0;
}
