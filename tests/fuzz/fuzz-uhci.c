/* tests/fuzz/fuzz-uhci.c - any mix of register writes, queues, TDs and damaged
 * memory, with a tablet and a device that answers as it likes; after a reset the
 * controller still works. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/uhci-rig.h"

#define MAX_STEPS 64u

extern const DeviceClass usb_hid_class;

static UhciRig rig;
static FakeUsb *fake;

static void
init(void)
{
    uhci_rig_init(&rig);
    uhci_rig_plug(&rig, device_new(&usb_hid_class, "usb0"), 1);
    fake = (FakeUsb *) device_new(&fake_usb_class, "fake0");
    fake->usb.speed = USB_SPEED_FULL;
    uhci_rig_plug(&rig, &fake->usb.dev, 0);
}

static void
put_td(const uint8_t *d, guint32 word)
{
    static const guint8 pids[] = {USB_PID_OUT, USB_PID_IN, USB_PID_SETUP, 0xff};
    unsigned n = d[1] & 15;

    ur_td(&rig, n, pids[d[2] & 3], d[2] >> 2 & 1, d[2] >> 3 & 3, word & 0x7ff,
          word & 0x3b000001);
    if ((d[6] & 0x80) != 0)
        ur_put32(&rig, UR_TD(n), UR_TD(d[6] & 15) | (d[5] & 7));
    ur_queue(&rig, n);
}

/* Seven bytes. */
static void
step(const uint8_t *d)
{
    guint32 word = d[3] | d[4] << 8 | d[5] << 16 | (guint32) d[6] << 24;

    switch (d[0] % 8) {
    case 0: ur_write(&rig, d[1] & 31u, (guint16) word); break;
    case 1:
    case 2: put_td(d, word); break;
    case 3: ur_put32(&rig, 0x1000 + (word >> 8) % 0x4000, word); break;
    case 4:
        fake->result = (UsbResult) (d[1] % (USB_FAILED + 1));
        fake->actual = d[2] * 16u;
        break;
    case 5: fake_usb_complete_oldest(fake, d[1]); break;
    case 6: ur_frames(&rig, d[1] & 63u); break;
    default: usb_device_ready(&fake->usb, d[1]); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (fake == NULL)
        init();
    fake->result = USB_OK;
    uhci_rig_start(&rig);
    for (unsigned n = 0; n < MAX_STEPS && 7 * n + 7 <= size; n++)
        step(data + 7 * n);
    fake->result = USB_OK;
    fake->actual = 4;
    uhci_rig_start(&rig);
    if (fake->n_async != 0 || rig.u->isos.n != 0)
        abort(); /* something is still under way */
    fake->address = 0;
    if (ur_control(&rig, 0, USB_SET_ADDRESS, 1, 0, 0) != 0x190007ff)
        abort();
    return 0;
}
