/* tests/fuzz/fuzz-xhci.c - any mix of register writes, TRBs, contexts and
 * damaged memory, with a tablet and a device that answers as it likes; after a
 * reset the controller still works. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/xhci-rig.h"

#define MAX_STEPS 64u

extern const DeviceClass usb_hid_class;

static XhciRig rig;
static FakeUsb *fake;

static void
init(void)
{
    xhci_rig_init(&rig);
    xhci_rig_plug(&rig, device_new(&usb_hid_class, "usb0"), 0);
    fake = xhci_rig_plug_fake(&rig, USB_SPEED_SUPER, 1);
}

static void
set_up(void)
{
    xhci_rig_start(&rig);
    (void) xr_address(&rig, 10);
    (void) xr_configure(&rig, 2, EP_BULK);
    (void) xr_configure(&rig, 3, EP_BULK | EP_IN);
    (void) xr_configure(&rig, 5, EP_ISOCH | EP_IN);
}

/* Seven bytes. */
static void
step(const uint8_t *d)
{
    static const unsigned rings[] = {0, 1, 2, 3, 5};
    guint32 word = d[3] | d[4] << 8 | d[5] << 16 | (guint32) d[6] << 24;
    unsigned ring = rings[d[1] % G_N_ELEMENTS(rings)];

    switch (d[0] % 8) {
    case 0: xr_write(&rig, XR_REGS + (d[1] | d[2] << 8) % 0x3000u, word); break;
    case 1:
        xr_push(&rig, ring, XR_DATA + 16u * d[2], word & 0x1ffff,
                (guint32) (d[6] & 63) << 10 | (d[5] & 0x76u) | 1u << 24);
        break;
    case 2: xr_ring_bell(&rig, ring != 0, ring); break;
    case 3: xr_put32(&rig, (word >> 8) % (XR_RAM - 4), word); break;
    case 4:
        fake->result = (UsbResult) (d[1] % (USB_FAILED + 1));
        fake->actual = d[2] * 16u;
        break;
    case 5: fake_usb_complete_oldest(fake, d[1]); break;
    case 6:
        (void) xr_command(&rig, XR_INPUT + 16u * (d[2] & 3), word,
                          (guint32) (9 + d[1] % 9) << 10 |
                              (guint32) (d[2] & 31) << 16 | 1u << 24);
        break;
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
    set_up();
    for (unsigned n = 0; n < MAX_STEPS && 7 * n + 7 <= size; n++)
        step(data + 7 * n);
    xhci_rig_start(&rig);
    if (fake->n_async != 0 || rig.x->held != 0)
        abort(); /* something is still under way */
    if (xr_command(&rig, 0, 0, TRB_COMMAND_NOOP << 10) != CC_SUCCESS)
        abort();
    return 0;
}
