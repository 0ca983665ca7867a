/* devices/usb/ehci-itd.c - isochronous transfers of high speed, 3.3 and 4.7.
 *
 * The packets of an iTD are begun before its frame, see usb-iso.h. What has not
 * come by then is reported as missed. Of siTDs, for full-speed devices behind a
 * hub of high speed, nothing is done. */
#include "devices/usb/ehci-internal.h"

#include "vmm/mem/dma.h"

#define ITD_DWORDS    16u
#define N_MICROFRAMES 8u
#define N_PAGES       7u
#define MAX_PACKET    3072u /* three of 1024 in a microframe */

#define TX_ACTIVE     (1u << 31)
#define TX_BUFFER     (1u << 30)
#define TX_BABBLE     (1u << 29)
#define TX_ERROR      (1u << 28)
#define TX_LEN(t)     ((t) >> 16 & 0xfff)
#define TX_LENS       (0xfffu << 16)
#define TX_IOC        (1u << 15)
#define TX_PAGE(t)    ((t) >> 12 & 7)
#define TX_OFFSET(t)  ((t) &0xfff)
#define PAGE_AT(p)    ((p) & ~0xfffu)
#define ADDRESS_OF(p) ((p) &127)
#define EP_OF(p)      ((p) >> 8 & 15)
#define DIR_IN        (1u << 11) /* of the second page's dword */

static bool
is_in(const guint32 *itd)
{
    return (itd[10] & DIR_IN) != 0;
}

/* Moves len bytes between e->data and the pages: it may reach into the next. */
static bool
copy(Ehci *e, const guint32 *itd, guint32 tx, guint32 len, bool out)
{
    unsigned page = TX_PAGE(tx);
    guint32 offset = TX_OFFSET(tx), done = 0;

    for (; done < len; page++, offset = 0) {
        if (page >= N_PAGES)
            return false;
        guint32 n = MIN(4096 - offset, len - done);
        Gpa at = PAGE_AT(itd[9 + page]) + offset;
        int ret = out ? dma_read(e->pci.dma, at, e->data + done, n)
                      : dma_write(e->pci.dma, at, e->data + done, n);
        if (ret != 0)
            return false;
        done += n;
    }
    return true;
}

/* NULL: it cannot be begun, so it is missed. */
static UsbIso *
begin(Ehci *e, guint32 at, const guint32 *itd, unsigned number)
{
    guint32 tx = itd[1 + number], len = MIN(TX_LEN(tx), MAX_PACKET);
    const UsbIsoKey key = {at, number, tx};
    UsbIso *have = usb_isos_find(&e->isos, &key);
    UsbDevice *dev = ehci_find_device(e, ADDRESS_OF(itd[9]));
    guint8 ep = (guint8) (EP_OF(itd[9]) | (is_in(itd) ? USB_DIR_IN : 0));

    if (have != NULL || dev == NULL || !usb_isos_have_room(&e->isos) ||
        (!is_in(itd) && !copy(e, itd, tx, len, true)) ||
        !usb_isos_begin(&e->isos, &key, dev, ep, e->data, len))
        return have;
    return usb_isos_find(&e->isos, &key);
}

static guint32
end(Ehci *e, const guint32 *itd, guint32 tx, UsbIso *iso)
{
    guint32 done = tx & ~(TX_ACTIVE | TX_BUFFER | TX_BABBLE | TX_ERROR);
    guint32 actual = 0;
    UsbResult result =
        iso != NULL ? usb_isos_end(&e->isos, iso, e->data, MAX_PACKET, &actual)
                    : USB_NAK;

    if (is_in(itd)) {
        done = (done & ~TX_LENS) | actual << 16;
        if (!copy(e, itd, tx, actual, false))
            return done | TX_BUFFER;
    }
    if (result == USB_OK)
        return done;
    return done | (result == USB_BABBLE ? TX_BABBLE : TX_ERROR);
}

guint32
ehci_run_itd(Ehci *e, EhciLook *look, guint32 at)
{
    guint32 itd[ITD_DWORDS];

    if (!ehci_load(e, at, itd, ITD_DWORDS))
        return LINK_T;
    for (unsigned i = 0; i < N_MICROFRAMES && look->left > 0; i++) {
        guint32 tx = itd[1 + i];
        if ((tx & TX_ACTIVE) == 0)
            continue;
        look->left--;
        tx = end(e, itd, tx, begin(e, at, itd, i));
        if (!ehci_store(e, at + 4 * (1 + i), &tx, 1))
            return LINK_T;
        look->any = true;
        if ((tx & TX_IOC) != 0)
            look->status |= STS_USBINT;
    }
    return itd[0];
}

guint32
ehci_prepare_itd(Ehci *e, unsigned *left, guint32 at)
{
    guint32 itd[ITD_DWORDS];

    if (!ehci_load(e, at, itd, ITD_DWORDS))
        return LINK_T;
    for (unsigned i = 0; i<N_MICROFRAMES && * left> 0; i++)
        if ((itd[1 + i] & TX_ACTIVE) != 0) {
            *left -= 1;
            (void) begin(e, at, itd, i);
        }
    return itd[0];
}
