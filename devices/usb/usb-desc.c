/* devices/usb/usb-desc.c - see usb-desc.h. */
#include "devices/usb/usb-desc.h"

#include <string.h>

#define DESC_DEVICE 1u /* table 9-5 */
#define DESC_CONFIG 2u
#define DESC_STRING 3u
#define DEVICE_LEN  18u
#define US_ENGLISH  0x0409u
#define MAX_STRING  126u /* characters: bLength is a byte */
#define WAKE        1u   /* feature selectors, table 9-6 */
#define HALT        0u
#define INTERFACES  4u /* offset in a configuration descriptor */
#define ATTRIBUTES  7u

/* clang-format off */
static const StateField fields[] = {
    STATE_FIELD(UsbStdState, configuration, STATE_U8),
    STATE_FIELD(UsbStdState, remote_wakeup, STATE_U8),
    STATE_FIELD(UsbStdState, halted, STATE_U32),
    { "address", STATE_U8, G_STRUCT_OFFSET(UsbStdState, address), 1, 1, 2, NULL },
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc usb_std_state_desc = {
    .name = "usb-std",
    .version = 2, /* 2: address */
    .min_version = 1,
    .size = sizeof(UsbStdState),
    .fields = fields,
};

guint32
usb_halt_bit(guint8 ep)
{
    return 1u << ((ep & 15) + ((ep & USB_DIR_IN) != 0 ? 16 : 0));
}

UsbResult
usb_answer(UsbPacket *packet, const void *data, gsize len)
{
    packet->actual = (guint32) MIN(len, packet->len);
    if (packet->actual > 0)
        memcpy(packet->data, data, packet->actual);
    return USB_OK;
}

static UsbResult
answer_string(const UsbDescriptors *d, UsbPacket *p, unsigned n)
{
    guint8 b[2 + 2 * MAX_STRING] = {4, DESC_STRING, USB_LE16(US_ENGLISH)};

    if (n == 0)
        return usb_answer(p, b, 4);
    for (unsigned i = 0; i < n; i++)
        if (d->strings[i] == NULL)
            return USB_STALL;
    const char *text = d->strings[n - 1];
    gsize len = MIN(strlen(text), MAX_STRING);
    b[0] = (guint8) (2 + 2 * len);
    b[2] = b[3] = 0;
    for (gsize i = 0; i < len; i++)
        b[2 + 2 * i] = (guint8) text[i];
    return usb_answer(p, b, b[0]);
}

static UsbResult
get_descriptor(const UsbDescriptors *d, UsbPacket *p)
{
    unsigned type = p->setup.value >> 8, n = p->setup.value & 0xff;

    if (type == DESC_DEVICE)
        return usb_answer(p, d->device, DEVICE_LEN);
    if (type == DESC_CONFIG && n == 0)
        return usb_answer(p, d->config, d->config_len);
    if (type == DESC_STRING)
        return answer_string(d, p, n);
    return USB_STALL; /* no qualifier, no other speed, no BOS */
}

static UsbResult
set_halt(UsbStdState *s, const UsbSetup *setup, bool on)
{
    if (setup->value != HALT)
        return USB_STALL;
    guint32 bit = usb_halt_bit((guint8) setup->index);
    s->halted = on ? s->halted | bit : s->halted & ~bit;
    return USB_OK;
}

static UsbResult
set_feature(UsbStdState *s, const UsbSetup *setup, bool on)
{
    if (setup->value != WAKE)
        return USB_STALL;
    s->remote_wakeup = on;
    return USB_OK;
}

static UsbResult
get_status(const UsbDescriptors *d, const UsbStdState *s, UsbPacket *p)
{
    guint8 b[2] = {0, 0};

    if (p->setup.request == USB_GET_DEVICE_STATUS)
        b[0] =
            (guint8) (s->remote_wakeup << 1 | (d->config[ATTRIBUTES] >> 6 & 1));
    else if (p->setup.request == USB_GET_ENDPOINT_STATUS)
        b[0] = (s->halted & usb_halt_bit((guint8) p->setup.index)) != 0;
    return usb_answer(p, b, sizeof b);
}

static UsbResult
set_configuration(UsbStdState *s, const UsbSetup *setup)
{
    if (setup->value > 1)
        return USB_STALL;
    s->configuration = (guint8) setup->value;
    s->halted = 0;
    return USB_OK;
}

bool
usb_standard_request(const UsbDescriptors *d, UsbStdState *s, UsbPacket *p,
                     UsbResult *ret_result)
{
    static const guint8 zero = 0;
    const UsbSetup *setup = &p->setup;

    p->actual = 0;
    switch (setup->request) {
    case USB_GET_DESCRIPTOR: *ret_result = get_descriptor(d, p); break;
    case USB_GET_DEVICE_STATUS:
    case USB_GET_INTERFACE_STATUS:
    case USB_GET_ENDPOINT_STATUS: *ret_result = get_status(d, s, p); break;
    case USB_CLEAR_DEVICE_FEATURE:
        *ret_result = set_feature(s, setup, false);
        break;
    case USB_SET_DEVICE_FEATURE:
        *ret_result = set_feature(s, setup, true);
        break;
    case USB_CLEAR_ENDPOINT: *ret_result = set_halt(s, setup, false); break;
    case USB_SET_ENDPOINT: *ret_result = set_halt(s, setup, true); break;
    case USB_SET_ADDRESS:
        s->address = setup->value & 127;
        *ret_result = USB_OK;
        break;
    case USB_GET_CONFIGURATION:
        *ret_result = usb_answer(p, &s->configuration, 1);
        break;
    case USB_SET_CONFIGURATION:
        *ret_result = set_configuration(s, setup);
        break;
    case USB_GET_INTERFACE:
    case USB_SET_INTERFACE: /* none has another setting than 0 */
        if (setup->index >= d->config[INTERFACES] ||
            (setup->request == USB_SET_INTERFACE && setup->value != 0))
            *ret_result = USB_STALL;
        else if (setup->request == USB_GET_INTERFACE)
            *ret_result = usb_answer(p, &zero, 1);
        else
            *ret_result = USB_OK;
        break;
    default: return false;
    }
    return true;
}
