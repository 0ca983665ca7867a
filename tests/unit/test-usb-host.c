/* tests/unit/test-usb-host.c - a device of the host by a libusb that is none:
 * it comes by the channel, transfers, stalls, is pulled and comes back. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/usb/usb-library.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/xhci-rig.h"
#include "vmm/core/sysutil.h"

#define MS G_GINT64_CONSTANT(1000000)

extern const DeviceClass usb_host_class;

/* ---- the library ---- */

static struct {
    struct libusb_transfer *under_way[8];
    unsigned n, claims, configured, settings, halts, resets, exits;
    int speed, submit_result;
    guint32 interfaces; /* that its descriptor claims to have */
} fake;

/* Handles are only passed around. */
static char a_context, a_handle, a_device;

static int
fake_init(libusb_context **ctx)
{
    *ctx = (libusb_context *) &a_context;
    return 0;
}

static void
fake_exit(libusb_context *ctx)
{
    fake.exits++;
}

static int
fake_set_option(libusb_context *ctx, enum libusb_option option, ...)
{
    return 0;
}

static int
fake_wrap(libusb_context *ctx, intptr_t fd, libusb_device_handle **handle)
{
    *handle = (libusb_device_handle *) &a_handle;
    return 0;
}

static void
fake_close(libusb_device_handle *handle)
{
}

static libusb_device *
fake_get_device(libusb_device_handle *handle)
{
    return (libusb_device *) &a_device;
}

static int
fake_get_speed(libusb_device *dev)
{
    return fake.speed;
}

/* Its interfaces all have the number 200, which there cannot be, but for the
 * first. */
static int
fake_get_config(libusb_device *dev, struct libusb_config_descriptor **ret)
{
    struct libusb_config_descriptor *c = g_new0(__typeof__(*c), 1);
    struct libusb_interface *all =
        g_new0(struct libusb_interface, fake.interfaces);
    struct libusb_interface_descriptor *alts =
        g_new0(struct libusb_interface_descriptor, fake.interfaces);

    for (unsigned i = 0; i < fake.interfaces; i++) {
        alts[i].bInterfaceNumber = i == 0 ? 0 : 200;
        all[i].altsetting = &alts[i];
        all[i].num_altsetting = 1;
    }
    c->bNumInterfaces = (guint8) fake.interfaces;
    c->interface = all;
    *ret = c;
    return 0;
}

static void
fake_free_config(struct libusb_config_descriptor *c)
{
    if (c->bNumInterfaces > 0)
        g_free((void *) c->interface[0].altsetting);
    g_free((void *) c->interface);
    g_free(c);
}

static int
fake_get_configuration(libusb_device_handle *handle, int *value)
{
    *value = 1;
    return 0;
}

static int
fake_set_configuration(libusb_device_handle *handle, int value)
{
    fake.configured = (unsigned) value;
    return 0;
}

static int
fake_interface(libusb_device_handle *handle, int n)
{
    return 0;
}

static int
fake_claim(libusb_device_handle *handle, int n)
{
    fake.claims++;
    return 0;
}

static int
fake_set_alt(libusb_device_handle *handle, int n, int alt)
{
    fake.settings = (unsigned) (n << 8 | alt);
    return 0;
}

static int
fake_clear_halt(libusb_device_handle *handle, unsigned char ep)
{
    fake.halts = ep;
    return 0;
}

static int
fake_reset(libusb_device_handle *handle)
{
    fake.resets++;
    return 0;
}

static struct libusb_transfer *
fake_alloc(int packets)
{
    return g_malloc0(sizeof(struct libusb_transfer) +
                     (gsize) packets *
                         sizeof(struct libusb_iso_packet_descriptor));
}

static void
fake_free(struct libusb_transfer *t)
{
    g_free(t);
}

static int
fake_submit(struct libusb_transfer *t)
{
    if (fake.submit_result == 0)
        fake.under_way[fake.n++] = t;
    return fake.submit_result;
}

static int
fake_cancel(struct libusb_transfer *t)
{
    t->status = LIBUSB_TRANSFER_CANCELLED;
    return 0;
}

/* Those that were cancelled end. */
static int
fake_handle_events(libusb_context *ctx, struct timeval *tv, int *completed)
{
    for (unsigned i = 0; i < fake.n; i++)
        if (fake.under_way[i]->status == LIBUSB_TRANSFER_CANCELLED) {
            struct libusb_transfer *t = fake.under_way[i];
            fake.under_way[i] = fake.under_way[--fake.n];
            t->callback(t);
            return 0;
        }
    return 0;
}

static const struct libusb_pollfd **
fake_pollfds(libusb_context *ctx)
{
    return NULL;
}

static void
fake_free_pollfds(const struct libusb_pollfd **fds)
{
}

static void
fake_notifiers(libusb_context *ctx, libusb_pollfd_added_cb added,
               libusb_pollfd_removed_cb removed, void *data)
{
}

static UsbLibrary library = {
    fake_init,
    fake_exit,
    fake_set_option,
    fake_wrap,
    fake_close,
    fake_get_device,
    fake_get_speed,
    fake_get_config,
    fake_free_config,
    fake_get_configuration,
    fake_set_configuration,
    fake_interface,
    fake_claim,
    fake_interface,
    fake_set_alt,
    fake_clear_halt,
    fake_reset,
    fake_alloc,
    fake_free,
    fake_submit,
    fake_cancel,
    fake_handle_events,
    fake_pollfds,
    fake_free_pollfds,
    fake_notifiers,
};

/* The oldest ends with this. */
static void
complete(enum libusb_transfer_status status, int actual)
{
    struct libusb_transfer *t = fake.under_way[0];

    fake.n--;
    memmove(fake.under_way, fake.under_way + 1,
            fake.n * sizeof fake.under_way[0]);
    t->status = status;
    t->actual_length = actual;
    t->callback(t);
}

/* ---- the rig ---- */

typedef struct {
    XhciRig r;
    Device *dev;
    int end; /* of whoever looks after the device */
} Fixture;

static void
say(Fixture *f, const char *what)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {{0}};
    struct iovec iov = {(char *) what, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (*what == 'A') {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    CU_ASSERT_EQUAL(sendmsg(f->end, &msg, 0), 1);
    (void) close(fd);
    fake_advance(f->r.vm, 0);
}

static void
begin(Fixture *f, int speed)
{
    int ends[2];

    memset(&fake, 0, sizeof fake);
    fake.speed = speed;
    fake.interfaces = 1;
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends),
                    0);
    f->end = ends[1];
    xhci_rig_init(&f->r);
    xhci_rig_start(&f->r);
    f->dev = device_new(&usb_host_class, "usb0");
    device_set_link(f->dev, "library", &library);
    device_set_u64(f->dev, "channel", (guint64) ends[0], NULL);
    xhci_rig_plug(&f->r, f->dev, 0);
}

static void
end(Fixture *f)
{
    device_free(f->dev);
    fake_advance(f->r.vm, MS);
    sys_close(&f->end);
    xhci_rig_free(&f->r);
}

static void
test_comes_and_goes(void)
{
    Fixture f;

    begin(&f, LIBUSB_SPEED_HIGH);
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(1)) & PORT_CCS, 0);
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(1)) & PORT_CCS, PORT_CCS);
    CU_ASSERT_EQUAL(fake.claims, 1);
    say(&f, "G");
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(1)) & PORT_CCS, 0);
    CU_ASSERT_EQUAL(fake.exits, 1);
    fake.speed = LIBUSB_SPEED_SUPER_PLUS; /* put into another port */
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(1)) & PORT_CCS, 0);
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(9)) & PORT_CCS, PORT_CCS);
    sys_close(&f.end); /* who looks after it has died */
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(9)) & PORT_CCS, 0);
    f.end = dup(0);
    end(&f);
}

static void
test_transfers(void)
{
    Fixture f;
    XhciEvent e;

    begin(&f, LIBUSB_SPEED_HIGH);
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_address(&f.r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_control(&f.r, USB_GET_DESCRIPTOR, 0x100, 0, 18), 0);
    CU_ASSERT_EQUAL_FATAL(fake.n, 1);
    CU_ASSERT_EQUAL(memcmp(fake.under_way[0]->buffer,
                           "\x80\x06\x00\x01\x00\x00\x12\x00", 8),
                    0);
    memset(fake.under_way[0]->buffer + 8, 0x5a, 18);
    complete(LIBUSB_TRANSFER_COMPLETED, 18);
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_SUCCESS);
    CU_ASSERT_EQUAL(fake_ram(f.r.vm)[XR_DATA + 17], 0x5a);

    CU_ASSERT_EQUAL(xr_configure(&f.r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    xr_push(&f.r, 3, XR_DATA, 512, TRB_NORMAL << 10 | TRB_IOC);
    xr_ring_bell(&f.r, 1, 3);
    CU_ASSERT_EQUAL_FATAL(fake.n, 1);
    CU_ASSERT_EQUAL(fake.under_way[0]->endpoint, 0x81);
    complete(LIBUSB_TRANSFER_OVERFLOW, 99999); /* more than it can be */
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_BABBLE);

    CU_ASSERT_EQUAL(xr_configure(&f.r, 5, EP_ISOCH | EP_IN), CC_SUCCESS);
    xr_push(&f.r, 5, XR_DATA, 64, TRB_ISOCH << 10 | TRB_IOC);
    xr_ring_bell(&f.r, 1, 5);
    CU_ASSERT_EQUAL_FATAL(fake.n, 1);
    CU_ASSERT_EQUAL(fake.under_way[0]->iso_packet_desc[0].length, 64);
    fake.under_way[0]->iso_packet_desc[0].actual_length = 10;
    complete(LIBUSB_TRANSFER_COMPLETED, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_SHORT_PACKET);
    CU_ASSERT_EQUAL(e.status & 0xffffff, 54);
    end(&f);
}

/* The oldest packet comes in with that many bytes of this value. */
static void
come_in(enum libusb_transfer_status status, unsigned n, guint8 value)
{
    struct libusb_transfer *t = fake.under_way[0];

    memset(t->buffer, value, n);
    t->iso_packet_desc[0].status = status;
    t->iso_packet_desc[0].actual_length = n;
    complete(LIBUSB_TRANSFER_COMPLETED, 0); /* the packets say how it went */
}

/* A camera's way: several are with the kernel, one fails, the others go on. */
static void
test_isochronous_in(void)
{
    Fixture f;
    XhciEvent e;

    begin(&f, LIBUSB_SPEED_HIGH);
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_address(&f.r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f.r, 5, EP_ISOCH | EP_IN), CC_SUCCESS);
    for (unsigned i = 0; i < 4; i++)
        xr_push(&f.r, 5, XR_DATA + 0x1000 * i, 1024,
                TRB_ISOCH << 10 | TRB_IOC | TRB_ISP);
    xr_ring_bell(&f.r, 1, 5);
    CU_ASSERT_EQUAL_FATAL(fake.n, 4); /* before the first has come */
    CU_ASSERT_EQUAL(fake.under_way[0]->endpoint, 0x82);
    CU_ASSERT_EQUAL(fake.under_way[0]->num_iso_packets, 1);
    CU_ASSERT_EQUAL(fake.under_way[0]->type, LIBUSB_TRANSFER_TYPE_ISOCHRONOUS);
    come_in(LIBUSB_TRANSFER_COMPLETED, 1024, 0x11);
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_SUCCESS);
    come_in(LIBUSB_TRANSFER_ERROR, 0, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_TRANSACTION);
    come_in(LIBUSB_TRANSFER_COMPLETED, 12, 0x33); /* a header, no picture */
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_SHORT_PACKET);
    CU_ASSERT_EQUAL(e.status & 0xffffff, 1024 - 12);
    come_in(LIBUSB_TRANSFER_COMPLETED, 0, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_SHORT_PACKET);
    const guint8 *ram = fake_ram(f.r.vm) + XR_DATA;
    CU_ASSERT_EQUAL(ram[1023], 0x11);
    CU_ASSERT_EQUAL(ram[0x1000], 0);
    CU_ASSERT_EQUAL(ram[0x2000 + 11], 0x33);
    CU_ASSERT_EQUAL(ram[0x2000 + 12], 0);
    end(&f);
}

/* What the kernel still fills when the guest has given it up reaches nobody. */
static void
test_isochronous_in_given_up(void)
{
    Fixture f;

    begin(&f, LIBUSB_SPEED_HIGH);
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_address(&f.r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f.r, 5, EP_ISOCH | EP_IN), CC_SUCCESS);
    for (unsigned i = 0; i < 2; i++)
        xr_push(&f.r, 5, XR_DATA + 0x1000 * i, 1024, TRB_ISOCH << 10 | TRB_IOC);
    xr_ring_bell(&f.r, 1, 5);
    CU_ASSERT_EQUAL_FATAL(fake.n, 2);
    CU_ASSERT_EQUAL(xr_command(&f.r, 0, 0, TRB_DISABLE_SLOT << 10 | 1u << 24),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(fake.under_way[0]->status, LIBUSB_TRANSFER_CANCELLED);
    CU_ASSERT_EQUAL(fake.under_way[1]->status, LIBUSB_TRANSFER_CANCELLED);
    come_in(LIBUSB_TRANSFER_COMPLETED, 1024, 0x44); /* it came in between */
    CU_ASSERT_EQUAL(fake_ram(f.r.vm)[XR_DATA], 0);
    end(&f);
    CU_ASSERT_EQUAL(fake.n, 0);
}

/* A control transfer that the pool ends, sooner or later. */
static unsigned
control(Fixture *f, guint16 request, guint16 value, guint16 index)
{
    unsigned code = xr_control(&f->r, request, value, index, 0);
    XhciEvent e;

    for (unsigned i = 0; code == 0 && i < 100; i++) {
        fake_advance(f->r.vm, MS);
        code = xr_transfer_event(&f->r, &e);
    }
    return code;
}

static void
test_kernel_does_its_part(void)
{
    Fixture f;

    begin(&f, LIBUSB_SPEED_HIGH);
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_address(&f.r, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(control(&f, USB_SET_CONFIGURATION, 1, 0), CC_SUCCESS);
    CU_ASSERT_EQUAL(fake.configured, 0); /* it has that one already */
    CU_ASSERT_EQUAL(control(&f, USB_SET_CONFIGURATION, 2, 0), CC_SUCCESS);
    CU_ASSERT_EQUAL(fake.configured, 2);
    CU_ASSERT_EQUAL(fake.claims, 2);
    CU_ASSERT_EQUAL(control(&f, USB_SET_INTERFACE, 3, 1), CC_SUCCESS);
    CU_ASSERT_EQUAL(fake.settings, 0x103);
    CU_ASSERT_EQUAL(control(&f, USB_CLEAR_ENDPOINT, 0, 0x81), CC_SUCCESS);
    CU_ASSERT_EQUAL(fake.halts, 0x81);
    CU_ASSERT_EQUAL(fake.n, 0); /* none of it went by itself */
    end(&f);
}

static void
test_pulled_while_busy(void)
{
    Fixture f;
    XhciEvent e;

    begin(&f, LIBUSB_SPEED_SUPER);
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_address(&f.r, 9), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f.r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    xr_push(&f.r, 3, XR_DATA, 512, TRB_NORMAL << 10 | TRB_IOC);
    xr_ring_bell(&f.r, 1, 3);
    CU_ASSERT_EQUAL_FATAL(fake.n, 1);
    complete(LIBUSB_TRANSFER_NO_DEVICE, 0);
    fake_advance(f.r.vm, 0);
    CU_ASSERT_EQUAL(xr_transfer_event(&f.r, &e), CC_TRANSACTION);
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(9)) & PORT_CCS, 0);
    say(&f, "G");
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(9)) & PORT_CCS, PORT_CCS);
    /* and the machine ends amid a transfer: the guest resets, begins anew */
    CU_ASSERT_EQUAL(xr_command(&f.r, 0, 0, TRB_DISABLE_SLOT << 10 | 1u << 24),
                    CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_address(&f.r, 9), CC_SUCCESS);
    CU_ASSERT_EQUAL(xr_configure(&f.r, 3, EP_BULK | EP_IN), CC_SUCCESS);
    xr_push(&f.r, 3, XR_DATA, 512, TRB_NORMAL << 10 | TRB_IOC);
    xr_ring_bell(&f.r, 1, 3);
    CU_ASSERT_EQUAL(fake.n, 1);
    end(&f);
    CU_ASSERT_EQUAL(fake.n, 0);
}

/* 255 interfaces of which all but one have a number that there cannot be. */
static void
test_descriptors_that_lie(void)
{
    Fixture f;

    begin(&f, LIBUSB_SPEED_FULL);
    fake.interfaces = 255;
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(1)) & PORT_CCS, PORT_CCS);
    CU_ASSERT_EQUAL(fake.claims, 1);
    say(&f, "G");
    fake.speed = 77;
    say(&f, "A");
    CU_ASSERT_EQUAL(xr_read(&f.r, XR_PORTSC(1)) & PORT_CCS, 0);
    end(&f);
}

static void
test_refused(void)
{
    Fixture f;
    FakeUsb *other = (FakeUsb *) device_new(&fake_usb_class, "fake0");

    begin(&f, LIBUSB_SPEED_HIGH);
    other->usb.speed = USB_SPEED_HIGH;
    xhci_rig_plug(&f.r, &other->usb.dev, 0); /* the port is taken */
    say(&f, "A");
    CU_ASSERT_EQUAL(fake.exits, 1);
    CU_ASSERT_EQUAL(fake.claims, 0); /* the host's driver has it still */
    device_free(&other->usb.dev);
    say(&f, "A");
    CU_ASSERT_EQUAL(fake.claims, 1);
    end(&f);
}

CU_MAIN("usb-host",
        {"a_device_comes_and_goes_by_the_channel", test_comes_and_goes},
        {"transfers_of_all_kinds_reach_it", test_transfers},
        {"isochronous_packets_come_in_one_by_one", test_isochronous_in},
        {"isochronous_packets_given_up_reach_nobody",
         test_isochronous_in_given_up},
        {"the_kernel_does_what_is_its_part", test_kernel_does_its_part},
        {"pulling_it_ends_what_is_under_way", test_pulled_while_busy},
        {"a_device_that_is_refused_stays_with_the_host", test_refused},
        {"descriptors_that_lie_do_no_harm", test_descriptors_that_lie})
