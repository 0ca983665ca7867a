/* devices/usb/uhci-schedule.c - the frame list of the UHCI: queue heads and
 * transfer descriptors, section 3.
 *
 * A frame's list is followed as far as it goes, and around again where the guest
 * has made a ring of queues (bandwidth reclamation), until a round has moved
 * nothing; with a limit on TDs and links, as the guest can lead it in circles.
 * More than a real frame's time allows is moved, so a stick is faster than on a
 * wire of 12 Mbit/s. Retries are the device's: an error is told at once, as if
 * the counter had run out. */
#include "devices/usb/uhci-internal.h"

#include "vmm/mem/dma.h"

#define LINK_T     1u
#define LINK_QH    2u
#define LINK_DEPTH 4u
#define LINK_AT(l) ((l) & ~15u)

/* Control and status of a TD, 3.2.2 */
#define TD_ACTLEN      0x7ffu
#define TD_BITSTUFF    (1u << 17)
#define TD_TIMEOUT     (1u << 18)
#define TD_NAK         (1u << 19)
#define TD_BABBLE      (1u << 20)
#define TD_BUFFER      (1u << 21)
#define TD_STALLED     (1u << 22)
#define TD_ACTIVE      (1u << 23)
#define TD_ERRORS      (0x7fu << 16)
#define TD_IOC         (1u << 24)
#define TD_IOS         (1u << 25)
#define TD_CERR        (3u << 27)
#define TD_SPD         (1u << 29)
#define TD_MAX_LEN     1280u
#define TOKEN_ENDPOINT 0x7ffffu /* with address and PID */
#define TOKEN_LEN(t)   ((((t) >> 21) + 1) & 0x7ff)

#define MAX_LINKS      1024u /* followed in a frame */
#define MAX_QUEUES     128u  /* of a round */
#define MAX_EARLY      32u   /* isochronous TDs of a frame begun before it */
#define EARLY_ROUNDS   4u  /* to the next that looks behind the first of them */
#define MAX_GROUP      32u /* TDs that go to a device together */
#define GROUP_PACKET   64u /* the largest of full speed, USB 2.0, 5.8.3 */

typedef struct {
    guint32 link, control, token, buffer;
} Td;

typedef enum { TD_WAITS, TD_DONE, TD_SHORT, TD_FAILED, TD_BROKEN } TdEnd;

/* A frame's walk. */
typedef struct {
    unsigned links_left, *tds_left;
    guint32 seen[MAX_QUEUES];
    unsigned n_seen;
    bool moved; /* in this round */
    bool any;   /* in this frame */
    guint8 causes;
    bool error, active;
} Walk;

static bool
load(Uhci *u, guint32 at, guint32 *dwords, unsigned n)
{
    if (dma_read(u->pci.dma, at, dwords, 4 * n) != 0) {
        uhci_fail(u, STS_HSE, "the schedule is not in memory");
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        dwords[i] = GUINT32_FROM_LE(dwords[i]);
    return true;
}

static bool
store(Uhci *u, guint32 at, guint32 value)
{
    if (dma_store_le(u->pci.dma, at, 4, value) == 0)
        return true;
    uhci_fail(u, STS_HSE, "the schedule is not in memory");
    return false;
}

/* ---- a transaction ---- */

static UsbDevice *
find_device(const Uhci *u, guint8 address)
{
    UsbDevice *found = NULL;

    for (unsigned i = 0; i < UHCI_PORTS && found == NULL; i++) {
        UsbDevice *dev = uhci_port_device(u, i);
        if (dev != NULL)
            found = usb_device_by_address(dev, address);
    }
    return found;
}

static UsbToken
token_of(const Td *td, guint32 at, guint8 *data)
{
    return (UsbToken){
        .address = td->token >> 8 & 127,
        .pid = td->token & 0xff,
        .ep = td->token >> 15 & 15,
        .type = USB_BULK,
        .key = at,
        .data = data,
        .len = TOKEN_LEN(td->token),
    };
}

/* ---- isochronous ones ---- */

/* The packet of a TD, begun now if it was not before; NULL: there is nobody, or
 * no memory. */
static UsbIso *
begin_iso(Uhci *u, guint32 at, const Td *td)
{
    guint8 data[TD_MAX_LEN];
    UsbToken t = token_of(td, at, data);
    const UsbIsoKey key = {at, td->buffer, td->token};
    bool in = t.pid == USB_PID_IN;
    UsbIso *have = usb_isos_find(&u->isos, &key);
    UsbDevice *dev = find_device(u, t.address);

    if (have != NULL || dev == NULL || t.len > TD_MAX_LEN || t.ep == 0 ||
        t.pid == USB_PID_SETUP)
        return have;
    if (!in && t.len > 0 && dma_read(u->pci.dma, td->buffer, data, t.len) != 0)
        return NULL;
    (void) usb_isos_begin(&u->isos, &key, dev,
                          (guint8) (t.ep | (in ? USB_DIR_IN : 0)), data, t.len);
    return usb_isos_find(&u->isos, &key);
}

static UsbResult
run_iso(Uhci *u, UsbToken *t, guint32 at, const Td *td)
{
    UsbIso *iso = begin_iso(u, at, td);

    return iso != NULL
               ? usb_isos_end(&u->isos, iso, t->data, t->len, &t->actual)
               : USB_FAILED;
}

/* They come first in a frame's list. */
static void
prepare_frame(Uhci *u, guint32 link)
{
    Td td;

    for (unsigned i = 0; (link & (LINK_T | LINK_QH)) == 0 && i < MAX_EARLY;
         i++) {
        guint32 at = LINK_AT(link);
        if (!load(u, at, &td.link, 4))
            return;
        if ((td.control & (TD_ACTIVE | TD_IOS)) == (TD_ACTIVE | TD_IOS))
            (void) begin_iso(u, at, &td);
        link = td.link;
    }
}

void
uhci_prepare_frames(Uhci *u)
{
    bool all = ++u->isos.round % EARLY_ROUNDS == 0;

    for (unsigned i = 1; i <= USB_ISO_FRAMES && uhci_is_running(u); i++) {
        unsigned frame = (u->s.frnum + i) & 0x3ff;
        guint32 link, *early = &u->early[frame % USB_ISO_FRAMES];
        if (!load(u, u->s.flbase + 4 * frame, &link, 1))
            return;
        if (link != *early || all)
            prepare_frame(u, link);
        *early = link;
    }
}

/* ---- several TDs that are one transfer ---- */

typedef struct {
    guint32 at;
    Td td;
} PlacedTd;

typedef struct {
    PlacedTd tds[MAX_GROUP];
    unsigned n;
    guint32 len;
} Group;

static bool
may_follow(const Td *first, const Td *next)
{
    return (next->control & (TD_ACTIVE | TD_IOS)) == TD_ACTIVE &&
           ((first->token ^ next->token) & TOKEN_ENDPOINT) == 0 &&
           TOKEN_LEN(next->token) - 1 < GROUP_PACKET;
}

/* A device of the host takes a millisecond or two for each transfer, so TDs of
 * full packets, which cannot be anything but a transfer's middle, go to it
 * together, up to one that wants an interrupt. Those that the guest puts behind a
 * group that is under way are not of it. */
static void
gather(Uhci *u, Group *g)
{
    const Td *first = &g->tds[0].td;
    unsigned pid = first->token & 0xff;
    const UsbDevice *dev = find_device(u, first->token >> 8 & 127);

    if (dev == NULL || dev->ops->cancel == NULL ||
        (first->token >> 15 & 15) == 0 || (first->control & TD_IOS) != 0 ||
        (pid != USB_PID_IN && pid != USB_PID_OUT))
        return;
    guint8 ep = (guint8) ((first->token >> 15 & 15) |
                          (pid == USB_PID_IN ? USB_DIR_IN : 0));
    guint32 len = usb_pipes_under_way(&u->pipes, dev, ep, g->tds[0].at);
    while (g->n < MAX_GROUP && (len == 0 || g->len < len)) {
        const Td *last = &g->tds[g->n - 1].td;
        PlacedTd *next = &g->tds[g->n];
        next->at = LINK_AT(last->link);
        if (TOKEN_LEN(last->token) != GROUP_PACKET ||
            (last->control & TD_IOC) != 0 ||
            (last->link & (LINK_T | LINK_QH | LINK_DEPTH)) != LINK_DEPTH ||
            next->at == g->tds[0].at ||
            dma_read(u->pci.dma, next->at, &next->td, sizeof next->td) != 0)
            return;
        next->td.link = GUINT32_FROM_LE(next->td.link);
        next->td.control = GUINT32_FROM_LE(next->td.control);
        next->td.token = GUINT32_FROM_LE(next->td.token);
        next->td.buffer = GUINT32_FROM_LE(next->td.buffer);
        if (!may_follow(first, &next->td))
            return;
        g->len += TOKEN_LEN(next->td.token);
        g->n++;
    }
}

/* Between their buffers and data. */
static bool
copy(Uhci *u, const Group *g, guint8 *data, guint32 len, bool out)
{
    for (unsigned i = 0; i < g->n && len > 0; i++) {
        const Td *td = &g->tds[i].td;
        guint32 n = MIN(TOKEN_LEN(td->token), len);
        int ret = out ? dma_read(u->pci.dma, td->buffer, data, n)
                      : dma_write(u->pci.dma, td->buffer, data, n);
        if (ret != 0) {
            uhci_fail(u, STS_HSE, "a TD's buffer is not in memory");
            return false;
        }
        data += n;
        len -= n;
    }
    return true;
}

/* False: the controller has stopped. */
static bool
transact(Uhci *u, const Group *g, UsbResult *ret_result, guint32 *ret_actual)
{
    guint8 data[MAX(TD_MAX_LEN, MAX_GROUP * GROUP_PACKET)];
    const Td *td = &g->tds[0].td;
    UsbToken t = token_of(td, g->tds[0].at, data);
    bool iso = (td->control & TD_IOS) != 0, in = t.pid == USB_PID_IN;

    if (t.len > TD_MAX_LEN ||
        (!in && t.pid != USB_PID_OUT && t.pid != USB_PID_SETUP)) {
        uhci_fail(u, STS_HCPE, "a TD has an impossible length or token");
        return false;
    }
    t.len = g->len;
    t.dev = find_device(u, t.address);
    *ret_result = USB_FAILED;
    *ret_actual = 0;
    if (t.dev == NULL)
        return true;
    if (!in && !copy(u, g, data, t.len, true))
        return false;
    *ret_result =
        iso ? run_iso(u, &t, g->tds[0].at, td) : usb_pipes_run(&u->pipes, &t);
    *ret_actual = t.actual;
    return !in || copy(u, g, data, t.actual, false);
}

/* clang-format off */
/* Status and interrupt of what did not go well, 3.2.2 and 4.2. */
static const guint32 error_bits[] = {
    [USB_STALL] = TD_STALLED,
    [USB_BABBLE] = TD_STALLED | TD_BABBLE,
    [USB_FAILED] = TD_STALLED | TD_TIMEOUT,
};
/* clang-format on */

static TdEnd
end_well(Walk *w, Td *td, guint32 actual, bool queued)
{
    bool in = (td->token & 0xff) == USB_PID_IN;
    bool is_short = in && actual < TOKEN_LEN(td->token);

    if ((td->control & TD_IOC) != 0)
        w->causes |= INTR_IOC;
    if (!is_short || (td->control & TD_SPD) == 0 || !queued)
        return TD_DONE;
    w->causes |= INTR_SHORT;
    return TD_SHORT;
}

/* An isochronous one is over when its frame is, whatever came of it. */
static TdEnd
end_badly(Walk *w, Td *td, UsbResult result)
{
    bool iso = (td->control & TD_IOS) != 0;

    if (iso) {
        td->control |= TD_TIMEOUT;
        if ((td->control & TD_IOC) != 0)
            w->causes |= INTR_IOC;
        return TD_DONE;
    }
    td->control = (td->control & ~TD_CERR) | error_bits[result];
    w->error = true;
    if ((td->control & TD_IOC) != 0)
        w->causes |= INTR_IOC;
    return TD_FAILED;
}

/* One TD has come to its end. */
static TdEnd
finish(Uhci *u, Walk *w, PlacedTd *p, UsbResult result, guint32 actual,
       bool queued)
{
    Td *td = &p->td;

    (*w->tds_left)--;
    w->moved = w->any = true;
    td->control &= ~(TD_ACTLEN | TD_ERRORS | TD_ACTIVE);
    td->control |= (actual - 1) & TD_ACTLEN;
    TdEnd end = result == USB_OK ? end_well(w, td, actual, queued)
                                 : end_badly(w, td, result);
    return store(u, p->at + 4, td->control) ? end : TD_BROKEN;
}

static TdEnd
wait_for(Uhci *u, Walk *w, const PlacedTd *p)
{
    guint32 control = p->td.control;

    w->active = true;
    return (control & TD_NAK) != 0 || store(u, p->at + 4, control | TD_NAK)
               ? TD_WAITS
               : TD_BROKEN;
}

/* A queue's next TDs; its element, at + 4, follows. */
static TdEnd
run_group(Uhci *u, Walk *w, Group *g, guint32 at, guint32 *element)
{
    UsbResult result;
    guint32 left, part, len;
    TdEnd end = TD_DONE;

    if (!transact(u, g, &result, &left))
        return TD_BROKEN;
    if (result == USB_NAK)
        return wait_for(u, w, &g->tds[0]);
    for (unsigned i = 0; i<g->n && * w->tds_left> 0; i++, left -= part) {
        PlacedTd *p = &g->tds[i];
        len = TOKEN_LEN(p->td.token);
        part = MIN(len, left);
        bool whole = part == len && i + 1 < g->n;
        end = finish(u, w, p, whole ? USB_OK : result, part, true);
        if (end != TD_DONE)
            return end;
        *element = p->td.link;
        if (!store(u, at + 4, p->td.link))
            return TD_BROKEN;
        if (part < len)
            break;
    }
    return end;
}

/* ---- queues ---- */

/* 3.2.2: one that has ended before interrupts all the same, by which drivers ask
 * for an interrupt at the end of a frame. */
static bool
is_over(Walk *w, const Td *td)
{
    if ((td->control & TD_ACTIVE) != 0)
        return false;
    if ((td->control & TD_IOC) != 0)
        w->causes |= INTR_IOC;
    return true;
}

/* The link that comes after it. */
static guint32
run_queue(Uhci *u, Walk *w, guint32 at)
{
    guint32 qh[2];
    Group g;

    if (!load(u, at, qh, 2))
        return LINK_T;
    while ((qh[1] & LINK_T) == 0) {
        PlacedTd *first = &g.tds[0];
        if ((qh[1] & LINK_QH) != 0)
            return qh[1];
        if (*w->tds_left < MAX_GROUP || w->links_left == 0)
            return LINK_T;
        w->links_left--;
        first->at = LINK_AT(qh[1]);
        if (!load(u, first->at, &first->td.link, 4))
            return LINK_T;
        if (is_over(w, &first->td))
            break;
        g.n = 1;
        g.len = TOKEN_LEN(first->td.token);
        gather(u, &g);
        TdEnd end = run_group(u, w, &g, at, &qh[1]);
        if (end == TD_BROKEN)
            return LINK_T;
        if (end != TD_DONE || (qh[1] & LINK_DEPTH) == 0)
            break;
    }
    return qh[0];
}

/* A TD that is in the list itself: its link follows whatever comes of it. */
static guint32
run_single(Uhci *u, Walk *w, guint32 at)
{
    Group g = {.n = 1};
    PlacedTd *p = &g.tds[0];
    UsbResult result;
    guint32 actual;

    p->at = at;
    if (!load(u, at, &p->td.link, 4))
        return LINK_T;
    g.len = TOKEN_LEN(p->td.token);
    if (is_over(w, &p->td))
        return p->td.link;
    if (*w->tds_left == 0 || !transact(u, &g, &result, &actual))
        return LINK_T;
    TdEnd end = result == USB_NAK && (p->td.control & TD_IOS) == 0
                    ? wait_for(u, w, p)
                    : finish(u, w, p, result, actual, false);
    return end == TD_BROKEN ? LINK_T : p->td.link;
}

/* True: the round is over, and it moved nothing. */
static bool
is_round_over(Walk *w, guint32 at)
{
    unsigned i = 0;

    while (i < w->n_seen && w->seen[i] != at)
        i++;
    if (i == MAX_QUEUES)
        return true;
    if (i == w->n_seen) {
        w->seen[w->n_seen++] = at;
        return false;
    }
    bool over = !w->moved;
    w->moved = false;
    w->n_seen = 0;
    w->seen[w->n_seen++] = at;
    return over;
}

/* 4.2: interrupts come at the frame's end. */
static void
tell(Uhci *u, const Walk *w)
{
    if (w->causes != 0)
        u->s.usbsts |= STS_USBINT;
    u->s.causes |= w->causes;
    if (w->error)
        u->s.usbsts |= STS_ERROR;
    uhci_update_irq(u);
}

bool
uhci_run_frame(Uhci *u, unsigned *tds_left)
{
    Walk w = {.links_left = MAX_LINKS, .tds_left = tds_left};
    guint32 link;

    if (!load(u, u->s.flbase + 4 * (u->s.frnum & 0x3ffu), &link, 1))
        return false;
    u->pipes.round++;
    while ((link & LINK_T) == 0 && w.links_left > 0) {
        guint32 at = LINK_AT(link);
        w.links_left--;
        if ((link & LINK_QH) == 0)
            link = run_single(u, &w, at);
        else if (is_round_over(&w, at))
            break;
        else
            link = run_queue(u, &w, at);
    }
    u->found_active = u->found_active || w.active;
    tell(u, &w);
    return w.any;
}
