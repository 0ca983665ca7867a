/* devices/usb/ehci-queue.c - queue heads of the EHCI and their qTDs, 3.5, 3.6 and
 * 4.8 to 4.10.
 *
 * A qTD is one transfer for the device. Splits are left out: a full-speed device
 * behind a hub is asked as any other. Retries are the device's: an error halts
 * the queue at once, as if the counter had run out. */
#include "devices/usb/ehci-internal.h"

#include "vmm/mem/dma.h"

/* Dwords of a queue head; a qTD is those from QH_NEXT on */
enum {
    QH_LINK,
    QH_CHARS,
    QH_CAPS,
    QH_CURRENT,
    QH_NEXT,
    QH_ALT,
    QH_TOKEN,
    QH_BUFFERS,
    QH_DWORDS = 12
};
#define QTD_DWORDS       8u
#define QTD_TOKEN_AT     8u /* bytes */

#define CHARS_ADDRESS(c) ((c) &127)
#define CHARS_EP(c)      ((c) >> 8 & 15)
#define CHARS_DTC        (1u << 14)
#define CHARS_PACKET(c)  ((c) >> 16 & 0x7ff)
#define CAPS_SMASK       0xffu

/* Token of a qTD, 3.5.3 */
#define TOKEN_ERROR   (1u << 3)
#define TOKEN_BABBLE  (1u << 4)
#define TOKEN_BUFFER  (1u << 5)
#define TOKEN_HALTED  (1u << 6)
#define TOKEN_ACTIVE  (1u << 7)
#define TOKEN_STATUS  0xffu
#define TOKEN_PID(t)  ((t) >> 8 & 3)
#define TOKEN_CERR    (3u << 10)
#define TOKEN_PAGE(t) ((t) >> 12 & 7)
#define TOKEN_IOC     (1u << 15)
#define TOKEN_LEN(t)  ((t) >> 16 & 0x7fff)
#define TOKEN_LENS    (0x7fffu << 16)
#define TOKEN_TOGGLE  (1u << 31)

#define PAGE          4096u
#define MAX_QUEUES    256u /* of a round */
#define MAX_VISITS    2048u
#define MAX_STEPS     8u /* qTDs of an interrupt queue in a frame */

/* ---- data ---- */

/* Moves len bytes between e->data and the pages of a queue. False: there is no
 * such memory. */
static bool
copy(Ehci *e, const guint32 *qh, guint32 len, bool out)
{
    unsigned page = TOKEN_PAGE(qh[QH_TOKEN]);
    guint32 offset = qh[QH_BUFFERS] & (PAGE - 1), done = 0;

    while (done < len) {
        if (page > 4)
            return false;
        guint32 n = MIN(PAGE - offset, len - done);
        Gpa at = (qh[QH_BUFFERS + page] & ~(PAGE - 1)) + offset;
        int ret = out ? dma_read(e->pci.dma, at, e->data + done, n)
                      : dma_write(e->pci.dma, at, e->data + done, n);
        if (ret != 0)
            return false;
        done += n;
        offset = 0;
        page++;
    }
    return true;
}

/* ---- a transaction ---- */

static UsbResult
transact(Ehci *e, const guint32 *qh, UsbTransferType type, guint32 *ret_actual)
{
    static const guint8 pids[] = {USB_PID_OUT, USB_PID_IN, USB_PID_SETUP, 0};
    guint32 token = qh[QH_TOKEN];
    UsbToken t = {
        .address = CHARS_ADDRESS(qh[QH_CHARS]),
        .pid = pids[TOKEN_PID(token)],
        .ep = CHARS_EP(qh[QH_CHARS]),
        .type = type,
        .key = qh[QH_CURRENT],
        .data = e->data,
        .len = TOKEN_LEN(token),
    };

    *ret_actual = 0;
    t.dev = ehci_find_device(e, t.address);
    if (t.dev == NULL || t.pid == 0 || t.len > EHCI_MAX_BYTES)
        return USB_FAILED;
    if (t.pid != USB_PID_IN && !copy(e, qh, t.len, true))
        return USB_FAILED;
    UsbResult result = usb_pipes_run(&e->pipes, &t);
    if (t.pid == USB_PID_IN && !copy(e, qh, t.actual, false))
        return USB_FAILED;
    *ret_actual = t.actual;
    return result;
}

/* The token when it is over: 4.10.3. */
static guint32
end_token(const guint32 *qh, UsbResult result, guint32 actual, EhciLook *look)
{
    static const guint32 errors[] = {
        [USB_STALL] = 0,
        [USB_BABBLE] = TOKEN_BABBLE,
        [USB_FAILED] = TOKEN_ERROR,
    };
    guint32 token = qh[QH_TOKEN] & ~(guint32) (TOKEN_STATUS | TOKEN_LENS);
    guint32 len = TOKEN_LEN(qh[QH_TOKEN]), packet = CHARS_PACKET(qh[QH_CHARS]);
    guint32 packets = packet > 0 ? (actual + packet - 1) / packet : 1;

    actual = MIN(actual, len);
    token |= (len - actual) << 16;
    if (MAX(packets, 1) % 2 != 0)
        token ^= TOKEN_TOGGLE;
    if (result == USB_OK) {
        if ((token & TOKEN_IOC) != 0 ||
            (TOKEN_PID(token) == 1 && actual < len)) /* 4.15.1.2 */
            look->status |= STS_USBINT;
        return token;
    }
    look->status |= STS_ERROR | ((token & TOKEN_IOC) != 0 ? STS_USBINT : 0);
    if (result == USB_FAILED)
        token &= ~TOKEN_CERR;
    return token | TOKEN_HALTED | errors[result];
}

/* 4.10.2: the next qTD becomes the queue's. False: there is none. */
static bool
advance(Ehci *e, guint32 at, guint32 *qh)
{
    guint32 qtd[QTD_DWORDS];
    guint32 next = TOKEN_LEN(qh[QH_TOKEN]) != 0 && (qh[QH_ALT] & LINK_T) == 0
                       ? qh[QH_ALT]
                       : qh[QH_NEXT];

    if ((next & LINK_T) != 0 || !ehci_load(e, LINK_AT(next), qtd, QTD_DWORDS) ||
        (qtd[2] & TOKEN_ACTIVE) == 0)
        return false;
    if ((qh[QH_CHARS] & CHARS_DTC) == 0)
        qtd[2] = (qtd[2] & ~TOKEN_TOGGLE) | (qh[QH_TOKEN] & TOKEN_TOGGLE);
    qh[QH_CURRENT] = LINK_AT(next);
    for (unsigned i = 0; i < QTD_DWORDS; i++)
        qh[QH_NEXT + i] = qtd[i];
    return ehci_store(e, at + 4 * QH_CURRENT, qh + QH_CURRENT, 1 + QTD_DWORDS);
}

/* One qTD. False: nothing moves here now. */
static bool
step(Ehci *e, EhciLook *look, guint32 at, guint32 *qh, UsbTransferType type)
{
    guint32 actual;

    if ((qh[QH_TOKEN] & TOKEN_HALTED) != 0)
        return false;
    if ((qh[QH_TOKEN] & TOKEN_ACTIVE) == 0 && !advance(e, at, qh))
        return false;
    UsbResult result = transact(e, qh, type, &actual);
    if (result == USB_NAK) {
        e->found_active = true;
        return false;
    }
    look->left--;
    look->any = true;
    qh[QH_TOKEN] = end_token(qh, result, actual, look);
    return ehci_store(e, qh[QH_CURRENT] + QTD_TOKEN_AT, &qh[QH_TOKEN], 1) &&
           ehci_store(e, at + 4 * QH_TOKEN, &qh[QH_TOKEN], 1);
}

/* ---- lists ---- */

guint32
ehci_run_interrupt(Ehci *e, EhciLook *look, guint32 at)
{
    guint32 qh[QH_DWORDS];

    if (!ehci_load(e, at, qh, QH_DWORDS))
        return LINK_T;
    if ((qh[QH_CAPS] & CAPS_SMASK) == 0 || look->left == 0)
        return qh[QH_LINK];
    unsigned before = look->left;
    for (unsigned i = 0; i < MAX_STEPS && look->left > 0; i++)
        if (!step(e, look, at, qh, USB_INTERRUPT))
            break;
    if (look->left == before)
        look->left--; /* to ask in vain costs as much */
    return qh[QH_LINK];
}

typedef struct {
    guint32 seen[MAX_QUEUES];
    unsigned n_seen;
    bool moved;
    bool whole; /* it has been all around */
} Round;

/* True: it has been here, and nothing has moved since. */
static bool
is_over(Round *r, guint32 at)
{
    unsigned i = 0;

    while (i < r->n_seen && r->seen[i] != at)
        i++;
    if (i == MAX_QUEUES)
        return true;
    bool again = i < r->n_seen, over = again && !r->moved;
    if (again) {
        r->n_seen = 0;
        r->moved = false;
        r->whole = true;
    }
    r->seen[r->n_seen++] = at;
    return over;
}

/* The register ends at a queue that is in the list still, as 4.8.2 lets the guest
 * take out the one where this began. */
bool
ehci_run_async(Ehci *e, EhciLook *look)
{
    Round round = {.n_seen = 0, .moved = false};
    guint32 qh[QH_DWORDS];

    for (unsigned i = 0; i < MAX_VISITS && look->left > 0; i++) {
        guint32 at = e->s.async;
        if (is_over(&round, at) || !ehci_load(e, at, qh, QH_DWORDS))
            return round.whole;
        while (look->left > 0 && step(e, look, at, qh, USB_BULK))
            round.moved = true;
        if ((qh[QH_LINK] & LINK_T) != 0 || LINK_TYPE(qh[QH_LINK]) != LINK_QH ||
            !ehci_is_running(e))
            return true;
        e->s.async = LINK_AT(qh[QH_LINK]);
    }
    return round.whole;
}
