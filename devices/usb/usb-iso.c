/* devices/usb/usb-iso.c - see usb-iso.h. */
#include "devices/usb/usb-iso.h"

#include <string.h>

#define MAX_ISO      512u
#define STALE_ROUNDS 64u
#define MAX_FRAMES   32u /* at a look */

struct UsbIso {
    UsbPacket packet; /* first */
    UsbIso *next;
    UsbIsoKey key;
    guint32 seen; /* round */
    bool pending;
    bool left; /* OUT, and its frame is over: its end tells nobody */
    guint8 data[];
};

static void
remove_iso(UsbIsos *isos, UsbIso **at)
{
    UsbIso *iso = *at;

    *at = iso->next;
    isos->n--;
    if (iso->pending)
        iso->packet.dev->ops->cancel(iso->packet.dev, &iso->packet);
    g_free(iso);
}

UsbIso *
usb_isos_find(UsbIsos *isos, const UsbIsoKey *key)
{
    UsbIso **at = &isos->first;

    while (*at != NULL && ((*at)->left || (*at)->key.at != key->at ||
                           (*at)->key.number != key->number))
        at = &(*at)->next;
    if (*at == NULL)
        return NULL;
    if ((*at)->key.what != key->what) {
        remove_iso(isos, at);
        return NULL;
    }
    (*at)->seen = isos->round;
    return *at;
}

bool
usb_isos_have_room(const UsbIsos *isos)
{
    return isos->n < MAX_ISO;
}

bool
usb_isos_begin(UsbIsos *isos, const UsbIsoKey *key, UsbDevice *dev, guint8 ep,
               const guint8 *out, guint32 len)
{
    UsbIso **end = &isos->first;

    if (!usb_isos_have_room(isos))
        return false;
    UsbIso *iso = g_malloc0(sizeof *iso + len);
    iso->key = *key;
    iso->seen = isos->round;
    iso->packet = (UsbPacket){.dev = dev,
                              .ep = ep,
                              .type = USB_ISOCHRONOUS,
                              .data = iso->data,
                              .len = len};
    if ((ep & USB_DIR_IN) == 0 && len > 0)
        memcpy(iso->data, out, len);
    iso->packet.result = dev->ops->submit(dev, &iso->packet);
    iso->pending = iso->packet.result == USB_ASYNC;
    while (*end != NULL)
        end = &(*end)->next;
    *end = iso;
    isos->n++;
    return true;
}

UsbResult
usb_isos_end(UsbIsos *isos, UsbIso *iso, guint8 *in, guint32 len,
             guint32 *ret_actual)
{
    const UsbPacket *p = &iso->packet;
    bool is_in = (p->ep & USB_DIR_IN) != 0;
    UsbResult result = iso->pending ? USB_NAK : p->result;
    UsbIso **at = &isos->first;

    if (iso->pending && !is_in) {
        iso->left = true;
        *ret_actual = MIN(p->len, len);
        return USB_OK;
    }
    *ret_actual = iso->pending ? 0 : MIN(MIN(p->actual, p->len), len);
    if (is_in && *ret_actual > 0)
        memcpy(in, p->data, *ret_actual);
    while (*at != iso)
        at = &(*at)->next;
    remove_iso(isos, at);
    return result;
}

bool
usb_isos_done(UsbIsos *isos, UsbPacket *packet)
{
    for (UsbIso **at = &isos->first; *at != NULL; at = &(*at)->next)
        if (&(*at)->packet == packet) {
            (*at)->pending = false;
            if ((*at)->left)
                remove_iso(isos, at);
            return true;
        }
    return false;
}

void
usb_isos_drop(UsbIsos *isos, const UsbDevice *dev)
{
    for (UsbIso **at = &isos->first; *at != NULL;) {
        if (dev == NULL || usb_device_is_behind((*at)->packet.dev, dev))
            remove_iso(isos, at);
        else
            at = &(*at)->next;
    }
}

void
usb_isos_drop_stale(UsbIsos *isos)
{
    for (UsbIso **at = &isos->first; *at != NULL;) {
        if (!(*at)->left && isos->round - (*at)->seen > STALE_ROUNDS)
            remove_iso(isos, at);
        else
            at = &(*at)->next;
    }
}

bool
usb_isos_are_quiet(const UsbIsos *isos)
{
    for (const UsbIso *iso = isos->first; iso != NULL; iso = iso->next)
        if (iso->pending && !iso->packet.dev->is_host)
            return false;
    return true;
}

/* ---- frames ---- */

unsigned
usb_isos_frames_due(const UsbIsos *isos, gint64 now, unsigned next,
                    gint64 *frame_ns, gint64 *ret_skipped)
{
    gint64 passed = MAX((now - *frame_ns) / USB_FRAME_NS, 0);
    bool paced = next == 1 && isos->n > 0;
    gint64 late = MAX(passed - (paced ? USB_ISO_FRAMES : MAX_FRAMES), 0);
    unsigned n = (unsigned) (passed - late);

    *ret_skipped = next == 0 || next > MAX_FRAMES ? late : 0;
    if (paced)
        n = MIN(n, 1);
    *frame_ns += (late + n) * USB_FRAME_NS;
    return n;
}

gint64
usb_isos_passed(gint64 now, gint64 frame_ns, unsigned next, gint64 unit_ns)
{
    gint64 passed = (now - frame_ns) / unit_ns;

    return next > 0 ? MIN(passed, next * (USB_FRAME_NS / unit_ns)) : passed;
}
