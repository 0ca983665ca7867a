/* devices/usb/usb-host.c - a device of the host, in the guest's hands.
 *
 * libusb works on a descriptor that somebody else opened: it comes by the
 * socket "channel", again each time the device is plugged in, as does the word
 * that it is gone; see app/session/usb-role.h. So this process needs no access
 * to /dev/bus/usb, and whoever sent the descriptor gives the device back to
 * the host's driver when the channel ends, however it does.
 *
 * The guest's requests go to the device as they are, its descriptors come back
 * as they are, whatever they say. What the host's kernel must do itself
 * (configurations, settings of interfaces, halts, resets) is done by the pool,
 * and the device answers NAK meanwhile. Streams are left out. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/usb/usb-bus.h"
#include "devices/usb/usb-library.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define SETUP_LEN      8u
#define MAX_INTERFACES 32u
#define MAX_WATCHES    8u
#define DRAIN_ROUNDS   100u /* of 10 ms: a kernel that does not let go */
#define NO_TIMEOUT     0u

typedef enum {
    JOB_CONFIGURE,
    JOB_INTERFACE,
    JOB_CLEAR_HALT,
    JOB_RESET
} JobKind;

typedef struct UsbHost UsbHost;

/* What must not outlive the descriptor: freed when nobody has it any more. */
typedef struct {
    UsbLibrary lib;
    libusb_context *ctx;
    libusb_device_handle *handle;
    int fd;
    guint32 claimed; /* a bit for each interface */
} HostHandle;

typedef struct {
    UsbHost *d; /* NULL: it has gone, and h is the job's */
    HostHandle *h;
    JobKind kind;
    UsbPacket *packet; /* NULL: none, or given up */
    guint16 value, index;
} Job;

typedef struct {
    UsbHost *d;
    UsbPacket *packet; /* NULL: given up */
    struct libusb_transfer *t;
    guint8 buffer[];
} HostTransfer;

struct UsbHost {
    UsbDevice usb;
    guint32 channel;           /* option: a socket; 0: none */
    const UsbLibrary *library; /* link, for tests; NULL: the host's */
    guint watch;               /* of the channel */
    HostHandle *h;             /* NULL: no device is there */
    Job *job;
    unsigned n_transfers;
    bool used;       /* since the last reset */
    bool lost;       /* it does not answer any more */
    guint8 address;  /* as the guest sees it */
    guint32 waiting; /* endpoints that were told to wait for the job */
    Timer *later;    /* what cannot be done where it is noticed */
    struct {
        int fd;
        guint id;
    } watches[MAX_WATCHES];
};

static UsbHost *
host_of(void *dev)
{
    return (UsbHost *) dev;
}

static void
say(UsbHost *d, const char *text)
{
    DeviceEnv *env = d->usb.dev.env;

    env->log(env, d->usb.dev.id, text);
}

/* ---- the handle ---- */

static void
handle_free(HostHandle *h)
{
    if (h->handle != NULL)
        h->lib.close(h->handle);
    if (h->ctx != NULL)
        h->lib.exit(h->ctx);
    (void) close(h->fd);
    g_free(h);
}

/* Pool's or loop's thread. Drivers of the host let go; what cannot be claimed
 * fails when it is used. */
static void
claim_all(HostHandle *h)
{
    struct libusb_config_descriptor *config;

    h->claimed = 0;
    if (h->lib.get_active_config_descriptor(h->lib.get_device(h->handle),
                                            &config) != 0)
        return;
    for (unsigned i = 0; i < config->bNumInterfaces; i++) {
        if (config->interface[i].num_altsetting < 1)
            continue;
        unsigned n = config->interface[i].altsetting[0].bInterfaceNumber;
        if (n >= MAX_INTERFACES)
            continue;
        (void) h->lib.detach_kernel_driver(h->handle, (int) n);
        if (h->lib.claim_interface(h->handle, (int) n) == 0)
            h->claimed |= 1u << n;
    }
    h->lib.free_config_descriptor(config);
}

static int
set_configuration(HostHandle *h, unsigned value)
{
    int now = -1;

    if (h->lib.get_configuration(h->handle, &now) == 0 && now == (int) value)
        return 0;
    for (unsigned n = 0; n < MAX_INTERFACES; n++)
        if ((h->claimed & 1u << n) != 0)
            (void) h->lib.release_interface(h->handle, (int) n);
    h->claimed = 0;
    int ret =
        h->lib.set_configuration(h->handle, value == 0 ? -1 : (int) value);
    if (ret == 0)
        claim_all(h);
    return ret;
}

/* ---- jobs of the pool ---- */

static int
job_work(void *data)
{
    Job *job = data;
    HostHandle *h = job->h;

    switch (job->kind) {
    case JOB_CONFIGURE: return set_configuration(h, job->value);
    case JOB_INTERFACE:
        return h->lib.set_interface_alt_setting(h->handle, job->index,
                                                job->value);
    case JOB_CLEAR_HALT:
        return h->lib.clear_halt(h->handle, (guint8) job->index);
    case JOB_RESET: return h->lib.reset_device(h->handle);
    }
    return 0;
}

static void
lose(UsbHost *d)
{
    d->lost = true;
    timer_arm(d->later, 0);
}

/* Loop. */
static void
job_done(void *data, int result)
{
    Job *job = data;
    UsbHost *d = job->d;

    if (d == NULL) {
        handle_free(job->h);
        g_free(job);
        return;
    }
    d->job = NULL;
    if (result == LIBUSB_ERROR_NO_DEVICE ||
        (job->kind == JOB_RESET && result == LIBUSB_ERROR_NOT_FOUND))
        lose(d);
    if (job->packet != NULL) {
        job->packet->result = result == 0 ? USB_OK : USB_STALL;
        usb_packet_done(job->packet);
    }
    g_free(job);
    guint32 waiting = d->waiting;
    d->waiting = 0;
    for (guint8 i = 0; i < 32; i++)
        if ((waiting & 1u << i) != 0)
            usb_device_ready(&d->usb, (guint8) ((i & 15) | (i & 16) << 3));
}

static UsbResult
start_job(UsbHost *d, JobKind kind, UsbPacket *packet)
{
    Job *job = g_new0(Job, 1);

    job->d = d;
    job->h = d->h;
    job->kind = kind;
    job->packet = packet;
    if (packet != NULL) {
        job->value = packet->setup.value;
        job->index = packet->setup.index;
        packet->of_device = NULL;
    }
    d->job = job;
    loop_offload(d->usb.dev.env->loop, job_work, job_done, job);
    return USB_ASYNC;
}

/* ---- transfers ---- */

static UsbResult
result_of(enum libusb_transfer_status status)
{
    switch (status) {
    case LIBUSB_TRANSFER_COMPLETED: return USB_OK;
    case LIBUSB_TRANSFER_STALL: return USB_STALL;
    case LIBUSB_TRANSFER_OVERFLOW: return USB_BABBLE;
    case LIBUSB_TRANSFER_ERROR:
    case LIBUSB_TRANSFER_TIMED_OUT:
    case LIBUSB_TRANSFER_CANCELLED:
    case LIBUSB_TRANSFER_NO_DEVICE: return USB_FAILED;
    }
    return USB_FAILED;
}

static gsize
data_at(const struct libusb_transfer *t)
{
    return t->type == LIBUSB_TRANSFER_TYPE_CONTROL ? SETUP_LEN : 0;
}

static bool
is_in(const UsbPacket *p)
{
    return p->type == USB_CONTROL ? (p->setup.request & 0x8000) != 0
                                  : (p->ep & USB_DIR_IN) != 0;
}

/* From libusb's event handling, on the loop. */
static void LIBUSB_CALL
transfer_done(struct libusb_transfer *t)
{
    HostTransfer *ht = t->user_data;
    UsbHost *d = ht->d;
    UsbPacket *p = ht->packet;
    bool iso = t->type == LIBUSB_TRANSFER_TYPE_ISOCHRONOUS;
    int actual =
        iso ? (int) t->iso_packet_desc[0].actual_length : t->actual_length;

    d->n_transfers--;
    if (t->status == LIBUSB_TRANSFER_NO_DEVICE)
        lose(d);
    if (p != NULL) {
        p->actual = (guint32) CLAMP(actual, 0, (int) p->len);
        p->result = result_of(iso && t->status == LIBUSB_TRANSFER_COMPLETED
                                  ? t->iso_packet_desc[0].status
                                  : t->status);
        if (is_in(p) && p->actual > 0)
            memcpy(p->data, ht->buffer + data_at(t), p->actual);
    }
    d->h->lib.free_transfer(t);
    g_free(ht);
    if (p != NULL)
        usb_packet_done(p);
}

static void
put_setup(guint8 *b, const UsbSetup *s, guint32 len)
{
    const guint8 bytes[SETUP_LEN] = {
        (guint8) (s->request >> 8),
        (guint8) s->request,
        (guint8) s->value,
        (guint8) (s->value >> 8),
        (guint8) s->index,
        (guint8) (s->index >> 8),
        (guint8) len,
        (guint8) (len >> 8),
    };

    memcpy(b, bytes, sizeof bytes);
}

static void
fill_transfer(HostTransfer *ht, const UsbPacket *p)
{
    static const guint8 types[] = {
        [USB_CONTROL] = LIBUSB_TRANSFER_TYPE_CONTROL,
        [USB_ISOCHRONOUS] = LIBUSB_TRANSFER_TYPE_ISOCHRONOUS,
        [USB_BULK] = LIBUSB_TRANSFER_TYPE_BULK,
        [USB_INTERRUPT] = LIBUSB_TRANSFER_TYPE_INTERRUPT,
    };
    struct libusb_transfer *t = ht->t;
    gsize at = p->type == USB_CONTROL ? SETUP_LEN : 0;

    t->dev_handle = ht->d->h->handle;
    t->endpoint = p->ep;
    t->type = types[p->type];
    t->timeout = NO_TIMEOUT; /* the guest has its own */
    t->buffer = ht->buffer;
    t->length = (int) (p->len + at);
    t->callback = transfer_done;
    t->user_data = ht;
    if (p->type == USB_CONTROL)
        put_setup(ht->buffer, &p->setup, p->len);
    if (!is_in(p) && p->len > 0)
        memcpy(ht->buffer + at, p->data, p->len);
    if (p->type == USB_ISOCHRONOUS) {
        t->num_iso_packets = 1;
        t->iso_packet_desc[0].length = p->len;
    }
}

static UsbResult
start_transfer(UsbHost *d, UsbPacket *p)
{
    const UsbLibrary *lib = &d->h->lib;
    HostTransfer *ht = g_malloc0(sizeof *ht + SETUP_LEN + p->len);

    ht->d = d;
    ht->packet = p;
    ht->t = lib->alloc_transfer(p->type == USB_ISOCHRONOUS ? 1 : 0);
    int ret = LIBUSB_ERROR_NO_MEM;
    if (ht->t != NULL) {
        fill_transfer(ht, p);
        ret = lib->submit_transfer(ht->t);
    }
    if (ret == 0) {
        d->n_transfers++;
        d->used = d->used || p->type != USB_CONTROL;
        p->of_device = ht;
        return USB_ASYNC;
    }
    if (ht->t != NULL)
        lib->free_transfer(ht->t);
    g_free(ht);
    if (ret == LIBUSB_ERROR_NO_DEVICE)
        lose(d);
    return USB_FAILED;
}

/* ---- what the controller asks ---- */

static UsbResult
host_submit(UsbDevice *dev, UsbPacket *p)
{
    UsbHost *d = host_of(dev);

    p->actual = 0;
    if (d->h == NULL || d->lost)
        return USB_FAILED;
    if (d->job != NULL) {
        d->waiting |= 1u << ((p->ep & 15) + ((p->ep & USB_DIR_IN) != 0) * 16);
        return USB_NAK;
    }
    if (p->type != USB_CONTROL || p->ep != 0)
        return start_transfer(d, p);
    switch (p->setup.request) {
    case USB_SET_ADDRESS: d->address = p->setup.value & 127; return USB_OK;
    case USB_SET_CONFIGURATION: return start_job(d, JOB_CONFIGURE, p);
    case USB_SET_INTERFACE: return start_job(d, JOB_INTERFACE, p);
    case USB_CLEAR_ENDPOINT:
        return p->setup.value == 0 ? start_job(d, JOB_CLEAR_HALT, p)
                                   : start_transfer(d, p);
    default: return start_transfer(d, p);
    }
}

static void
host_cancel(UsbDevice *dev, UsbPacket *p)
{
    UsbHost *d = host_of(dev);
    HostTransfer *ht = p->of_device;

    if (d->job != NULL && d->job->packet == p) {
        d->job->packet = NULL; /* it ends by itself */
        return;
    }
    ht->packet = NULL;
    (void) d->h->lib.cancel_transfer(ht->t); /* not found: it has just ended */
}

/* A guest resets a device once or twice to look at it: the host has. */
static void
host_bus_reset(UsbDevice *dev)
{
    UsbHost *d = host_of(dev);

    if (d->used && d->h != NULL && !d->lost && d->job == NULL)
        (void) start_job(d, JOB_RESET, NULL);
    d->used = false;
    d->address = 0;
}

static const UsbDeviceOps host_ops = {host_bus_reset, host_submit, host_cancel,
                                      NULL};

/* ---- libusb's descriptors on the loop ---- */

static void
handle_events(UsbHost *d, gint64 us)
{
    struct timeval tv = {0, us};

    (void) d->h->lib.handle_events_timeout_completed(d->h->ctx, &tv, NULL);
}

static void
on_usb_fd(int fd, GIOCondition events, void *data)
{
    UsbHost *d = data;

    if (d->h != NULL)
        handle_events(d, 0);
}

static void LIBUSB_CALL
watch_fd(int fd, short events, void *data)
{
    UsbHost *d = data;

    for (unsigned i = 0; i < MAX_WATCHES; i++) {
        if (d->watches[i].id != 0)
            continue;
        d->watches[i].fd = fd;
        d->watches[i].id = loop_watch_fd(d->usb.dev.env->loop, fd,
                                         (GIOCondition) events, on_usb_fd, d);
        return;
    }
}

static void LIBUSB_CALL
unwatch_fd(int fd, void *data)
{
    UsbHost *d = data;

    for (unsigned i = 0; i < MAX_WATCHES; i++) {
        if (d->watches[i].id == 0 || d->watches[i].fd != fd)
            continue;
        loop_unwatch(d->usb.dev.env->loop, d->watches[i].id);
        d->watches[i].id = 0;
    }
}

static void
watch_all(UsbHost *d)
{
    const struct libusb_pollfd **fds = d->h->lib.get_pollfds(d->h->ctx);

    for (unsigned i = 0; fds != NULL && fds[i] != NULL; i++)
        watch_fd(fds[i]->fd, fds[i]->events, d);
    if (fds != NULL)
        d->h->lib.free_pollfds(fds);
    d->h->lib.set_pollfd_notifiers(d->h->ctx, watch_fd, unwatch_fd, d);
}

/* ---- a device comes and goes ---- */

/* Takes fd. NULL: libusb is not there, or does not like it. */
static HostHandle *
open_handle(UsbHost *d, int fd)
{
    HostHandle *h = g_new0(HostHandle, 1);

    h->fd = fd;
    if (d->library != NULL)
        h->lib = *d->library;
    else if (!usb_library_load(&h->lib)) {
        say(d, "libusb-1.0 is not installed: the device stays with the host");
        handle_free(h);
        return NULL;
    }
    int ret = h->lib.set_option(NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
    if (ret == 0)
        ret = h->lib.init(&h->ctx);
    if (ret == 0)
        ret = h->lib.wrap_sys_device(h->ctx, (intptr_t) fd, &h->handle);
    if (ret == 0)
        return h;
    say(d, "libusb cannot open the device: it stays with the host");
    handle_free(h);
    return NULL;
}

static bool
find_speed(UsbHost *d)
{
    static const guint8 speeds[] = {
        [LIBUSB_SPEED_LOW] = USB_SPEED_LOW,
        [LIBUSB_SPEED_FULL] = USB_SPEED_FULL,
        [LIBUSB_SPEED_HIGH] = USB_SPEED_HIGH,
        [LIBUSB_SPEED_SUPER] = USB_SPEED_SUPER,
        [LIBUSB_SPEED_SUPER_PLUS] = USB_SPEED_SUPER,
    };
    int speed = d->h->lib.get_device_speed(d->h->lib.get_device(d->h->handle));

    if (speed < LIBUSB_SPEED_LOW || speed >= (int) G_N_ELEMENTS(speeds))
        return false;
    d->usb.speed = (UsbSpeed) speeds[speed];
    return true;
}

static void
drain(UsbHost *d)
{
    for (unsigned i = 0; d->n_transfers > 0 && i < DRAIN_ROUNDS; i++)
        handle_events(d, 10000);
}

static void
go(UsbHost *d)
{
    if (d->h == NULL)
        return;
    usb_device_detach(&d->usb); /* gives up all packets */
    drain(d);
    d->h->lib.set_pollfd_notifiers(d->h->ctx, NULL, NULL, NULL);
    for (unsigned i = 0; i < MAX_WATCHES; i++)
        if (d->watches[i].id != 0)
            unwatch_fd(d->watches[i].fd, d);
    if (d->job != NULL) {
        d->job->d = NULL; /* frees it */
        d->job = NULL;
    } else if (d->n_transfers == 0) {
        handle_free(d->h);
    } /* else the kernel still has them: what they point at stays */
    d->h = NULL;
    d->lost = false;
    d->waiting = 0;
    d->n_transfers = 0;
}

static void
come(UsbHost *d, int fd)
{
    g_autoptr(GError) error = NULL;

    go(d);
    d->h = open_handle(d, fd);
    if (d->h == NULL)
        return;
    d->used = d->lost = false;
    d->address = 0;
    watch_all(d);
    /* the host's drivers let go only of what the guest gets */
    if (!find_speed(d)) {
        say(d, "the host does not know the device's speed: it stays there");
        go(d);
    } else if (!usb_device_attach(&d->usb, &error)) {
        say(d, error->message);
        go(d);
    } else {
        claim_all(d->h);
    }
}

static void
later(void *data)
{
    UsbHost *d = data;

    if (d->lost)
        go(d);
}

/* ---- the channel: one byte, 'A' with a descriptor, or 'G' ---- */

static int
take_fd(struct msghdr *msg)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fd = -1;

    if (c != NULL && c->cmsg_level == SOL_SOCKET &&
        c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static void
on_channel(int fd, GIOCondition events, void *data)
{
    UsbHost *d = data;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char what = 0;
    struct iovec iov = {&what, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    int got = n > 0 ? take_fd(&msg) : -1;
    if (what == 'A' && got >= 0) {
        come(d, got);
        return;
    }
    if (got >= 0)
        (void) close(got);
    go(d); /* gone, or whoever looks after it */
    if (n <= 0 && d->watch != 0) {
        loop_unwatch(d->usb.dev.env->loop, d->watch);
        d->watch = 0;
    }
}

/* ---- life ---- */

static bool
usb_host_realize(Device *dev, DeviceEnv *env, GError **error)
{
    UsbHost *d = host_of(dev);

    d->usb.ops = &host_ops;
    d->usb.address = &d->address;
    d->usb.is_host = true;
    d->later = timer_new(env->loop, CLOCK_HOST, later, d);
    if (d->channel != 0)
        d->watch =
            loop_watch_fd(env->loop, (int) d->channel, G_IO_IN, on_channel, d);
    return true;
}

static void
usb_host_unrealize(Device *dev)
{
    UsbHost *d = host_of(dev);

    go(d);
    if (d->watch != 0)
        loop_unwatch(dev->env->loop, d->watch);
    d->watch = 0;
    g_clear_pointer(&d->later, timer_free);
}

static void
usb_host_reset(Device *dev, ResetKind kind)
{
    host_bus_reset(&host_of(dev)->usb);
}

/* clang-format off */
static const PropDesc usb_host_props[] = {
    USB_PROPS(UsbHost, usb),
    PROP_DEF_U32(UsbHost, channel, "channel", 0, 0, G_MAXINT32, NULL,
                 "socket by which the device comes"),
    PROP_DEF_LINK(UsbHost, library, "library", false,
                  "another libusb, for tests"),
    PROP_END
};
/* clang-format on */

const DeviceClass usb_host_class = {
    .name = "usb-host",
    .summary = "USB device of the host",
    .size = sizeof(UsbHost),
    .props = usb_host_props,
    .realize = usb_host_realize,
    .unrealize = usb_host_unrealize,
    .reset = usb_host_reset,
};
