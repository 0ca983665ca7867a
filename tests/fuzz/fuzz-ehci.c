/* tests/fuzz/fuzz-ehci.c - any mix of register writes, queues, qTDs, iTDs and
 * damaged memory, with a device of high speed that answers as it likes, and a
 * tablet with a companion; after a reset the controller still works. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/ehci-rig.h"

#define MAX_STEPS 64u

extern const DeviceClass usb_hid_class;

static EhciRig rig;
static FakeUsb *fake;

static void
init(void)
{
    ehci_rig_init(&rig);
    ehci_rig_plug(&rig, device_new(&usb_hid_class, "usb0"), 1);
    fake = (FakeUsb *) device_new(&fake_usb_class, "fake0");
    fake->usb.speed = USB_SPEED_HIGH;
    ehci_rig_plug(&rig, &fake->usb.dev, 0);
}

static void
put_qtd(const uint8_t *d, guint32 word)
{
    unsigned n = d[1] & 15;

    er_qtd(&rig, n, d[2] & 3, word & 0x7fff,
           (word >> 16 & 0xf001) | (d[1] >> 7));
    if ((d[6] & 0x80) != 0)
        er_put32(&rig, ER_QTD(n) + (d[5] & 4), ER_QTD(d[6] & 15));
    er_queue(&rig, d[2] >> 2 & 1, d[2] >> 3 & 3, n);
}

static void
put_itd(const uint8_t *d, guint32 word)
{
    er_put32(&rig, ER_ITD, (d[2] & 1) != 0 ? LINK_T : ER_QH | 2);
    er_put32(&rig, ER_ITD + 4 + 4 * (d[1] & 7u), 0x80000000u | word);
    er_put32(&rig, ER_ITD + 36, ER_BUF(0) | 1 << 8);
    er_put32(&rig, ER_ITD + 40, ER_BUF(1) | (d[2] & 2) << 10 | 512);
    for (unsigned i = 0; i < 32; i++)
        er_put32(&rig, ER_PERIODIC + 4 * (d[1] * 4u + i), ER_ITD);
}

/* Seven bytes. */
static void
step(const uint8_t *d)
{
    guint32 word = d[3] | d[4] << 8 | d[5] << 16 | (guint32) d[6] << 24;

    switch (d[0] % 9) {
    case 0: er_write(&rig, ER_REGS + (d[1] & 0x7cu), word); break;
    case 1:
    case 2: put_qtd(d, word); break;
    case 3: er_put32(&rig, 0x1000 + (word >> 8) % 0x4000, word); break;
    case 4:
        fake->result = (UsbResult) (d[1] % (USB_FAILED + 1));
        fake->actual = d[2] * 64u;
        break;
    case 5: fake_usb_complete_oldest(fake, d[1]); break;
    case 6: er_frames(&rig, d[1] & 63u); break;
    case 7: put_itd(d, word); break;
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
    ehci_rig_start(&rig);
    for (unsigned n = 0; n < MAX_STEPS && 7 * n + 7 <= size; n++)
        step(data + 7 * n);
    fake->result = USB_OK;
    fake->actual = 4;
    ehci_rig_start(&rig);
    if (fake->n_async != 0 || rig.e->isos.n != 0)
        abort(); /* something is still under way */
    fake->address = 0;
    if ((er_control(&rig, 0, USB_SET_ADDRESS, 1, 0, 0) & 0xff) != 0)
        abort();
    return 0;
}
