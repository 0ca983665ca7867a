/* devices/usb/ehci-itd.c - isochronous transfers of high speed, 3.3 and 4.7.
 *
 * A device of the host needs some milliseconds to move a packet, so an iTD is
 * begun EARLY frames before its own: the packet of each of its transactions is
 * kept until then. What has not come by then is reported as missed. Of siTDs,
 * for full-speed devices behind a hub of high speed, nothing is done. */
#include "devices/usb/ehci-internal.h"

#include "vmm/mem/dma.h"

#define ITD_DWORDS    16u
#define N_MICROFRAMES 8u
#define N_PAGES       7u
#define MAX_PACKET    3072u /* three of 1024 in a microframe */
#define MAX_ISO       512u  /* transactions that are early */
#define STALE_ROUNDS  64u

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

struct EhciIso {
    UsbPacket packet; /* first */
    EhciIso *next;
    guint32 itd, transaction; /* where it is from, as it was */
    unsigned number;          /* microframe */
    guint32 seen;             /* round */
    bool pending;
    guint8 data[];
};

static void
remove_iso(Ehci *e, EhciIso **at)
{
    EhciIso *iso = *at;

    *at = iso->next;
    e->n_iso--;
    if (iso->pending)
        iso->packet.dev->ops->cancel(iso->packet.dev, &iso->packet);
    g_free(iso);
}

static EhciIso **
find_iso(Ehci *e, guint32 itd, unsigned number)
{
    EhciIso **at = &e->iso;

    while (*at != NULL && ((*at)->itd != itd || (*at)->number != number))
        at = &(*at)->next;
    return at;
}

bool
ehci_is_iso(const Ehci *e, const UsbPacket *packet)
{
    for (const EhciIso *iso = e->iso; iso != NULL; iso = iso->next)
        if (&iso->packet == packet)
            return true;
    return false;
}

void
ehci_iso_done(Ehci *e, UsbPacket *packet)
{
    ((EhciIso *) (void *) packet)->pending = false;
}

void
ehci_iso_drop(Ehci *e, const UsbDevice *dev)
{
    for (EhciIso **at = &e->iso; *at != NULL;) {
        if (dev == NULL || usb_device_is_behind((*at)->packet.dev, dev))
            remove_iso(e, at);
        else
            at = &(*at)->next;
    }
}

void
ehci_iso_drop_stale(Ehci *e)
{
    for (EhciIso **at = &e->iso; *at != NULL;) {
        if (e->pipes.round - (*at)->seen > STALE_ROUNDS)
            remove_iso(e, at);
        else
            at = &(*at)->next;
    }
}

bool
ehci_iso_is_quiet(const Ehci *e)
{
    for (const EhciIso *iso = e->iso; iso != NULL; iso = iso->next)
        if (iso->pending && !iso->packet.dev->is_host)
            return false;
    return true;
}

/* ---- data ---- */

/* It may reach into the next page. */
static bool
copy(Ehci *e, const guint32 *itd, guint32 tx, guint8 *data, guint32 len,
     bool out)
{
    unsigned page = TX_PAGE(tx);
    guint32 offset = TX_OFFSET(tx), done = 0;

    for (; done < len; page++, offset = 0) {
        if (page >= N_PAGES)
            return false;
        guint32 n = MIN(4096 - offset, len - done);
        Gpa at = PAGE_AT(itd[9 + page]) + offset;
        int ret = out ? dma_read(e->pci.dma, at, data + done, n)
                      : dma_write(e->pci.dma, at, data + done, n);
        if (ret != 0)
            return false;
        done += n;
    }
    return true;
}

/* ---- transactions ---- */

static bool
is_in(const guint32 *itd)
{
    return (itd[10] & DIR_IN) != 0;
}

static void
begin(Ehci *e, guint32 at, const guint32 *itd, unsigned number)
{
    guint32 tx = itd[1 + number], len = MIN(TX_LEN(tx), MAX_PACKET);
    UsbDevice *dev = ehci_find_device(e, ADDRESS_OF(itd[9]));

    if (dev == NULL || e->n_iso >= MAX_ISO)
        return; /* missed */
    EhciIso *iso = g_malloc0(sizeof *iso + len);
    iso->itd = at;
    iso->transaction = tx;
    iso->number = number;
    iso->packet = (UsbPacket){
        .dev = dev,
        .ep = (guint8) (EP_OF(itd[9]) | (is_in(itd) ? USB_DIR_IN : 0)),
        .type = USB_ISOCHRONOUS,
        .data = iso->data,
        .len = len};
    if (!is_in(itd) && !copy(e, itd, tx, iso->data, len, true)) {
        g_free(iso);
        return;
    }
    iso->packet.result = dev->ops->submit(dev, &iso->packet);
    iso->pending = iso->packet.result == USB_ASYNC;
    iso->seen = e->pipes.round;
    EhciIso **end = &e->iso;
    while (*end != NULL)
        end = &(*end)->next;
    *end = iso;
    e->n_iso++;
}

/* Those of the guest's that are active and not begun, or another than before. */
static void
prepare(Ehci *e, guint32 at, const guint32 *itd)
{
    for (unsigned i = 0; i < N_MICROFRAMES; i++) {
        if ((itd[1 + i] & TX_ACTIVE) == 0)
            continue;
        EhciIso **have = find_iso(e, at, i);
        if (*have != NULL && (*have)->transaction != itd[1 + i])
            remove_iso(e, have);
        have = find_iso(e, at, i);
        if (*have != NULL)
            (*have)->seen = e->pipes.round;
        else
            begin(e, at, itd, i);
    }
}

static guint32
end_transaction(Ehci *e, const guint32 *itd, guint32 tx, const EhciIso *iso)
{
    guint32 result = tx & ~(TX_ACTIVE | TX_BUFFER | TX_BABBLE | TX_ERROR);

    if (iso == NULL || iso->pending || iso->packet.result == USB_NAK)
        return (is_in(itd) ? result & ~TX_LENS : result) | TX_ERROR;
    guint32 actual = MIN(iso->packet.actual, iso->packet.len);
    if (is_in(itd)) {
        result = (result & ~TX_LENS) | actual << 16;
        if (!copy(e, itd, tx, (guint8 *) iso->data, actual, false))
            return result | TX_BUFFER;
    }
    if (iso->packet.result == USB_OK)
        return result;
    return result | (iso->packet.result == USB_BABBLE ? TX_BABBLE : TX_ERROR);
}

guint32
ehci_run_itd(Ehci *e, EhciLook *look, guint32 at)
{
    guint32 itd[ITD_DWORDS];

    if (!ehci_load(e, at, itd, ITD_DWORDS))
        return LINK_T;
    prepare(e, at, itd);
    for (unsigned i = 0; i < N_MICROFRAMES; i++) {
        guint32 tx = itd[1 + i];
        if ((tx & TX_ACTIVE) == 0)
            continue;
        EhciIso **iso = find_iso(e, at, i);
        tx = end_transaction(e, itd, tx, *iso);
        if (*iso != NULL)
            remove_iso(e, iso);
        if (!ehci_store(e, at + 4 * (1 + i), &tx, 1))
            return LINK_T;
        look->any = true;
        if ((tx & TX_IOC) != 0)
            look->status |= STS_USBINT;
    }
    return itd[0];
}

guint32
ehci_prepare_itd(Ehci *e, guint32 at)
{
    guint32 itd[ITD_DWORDS];

    if (!ehci_load(e, at, itd, ITD_DWORDS))
        return LINK_T;
    prepare(e, at, itd);
    return itd[0];
}
