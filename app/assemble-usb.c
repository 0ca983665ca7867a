/* app/assemble-usb.c - what the profile plugs into the USB controller, at the
 * start and while the guest runs. usb0..7 are in its ports 1..8, or in a hub that is
 * another of them: port=0.2 is the second of usb0. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "app/assemble-internal.h"
#include "devices/registry.h"
#include "devices/usb/ehci.h"
#include "devices/usb/uhci.h"
#include "devices/usb/usb-hub.h"
#include "devices/usb/xhci.h"
#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"

#define ANSWER_MS 5000 /* of a process that reads sysfs */

bool
machine_is_usb(const char *section)
{
    return g_str_has_prefix(section, "usb");
}

bool
machine_has_usb(const Machine *m, GError **error)
{
    if (m->usb != NULL)
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "machine '%s' has no USB controller; stop it, set "
                "machine.usb=xhci (or what its system knows) and start it",
                m->name);
    return false;
}

static const char *
get(const Profile *p, const char *section, const char *key)
{
    g_autofree char *full = g_strdup_printf("%s.%s", section, key);

    return profile_get_string(p, full);
}

static bool
is_host(const Profile *p, const char *section)
{
    return strcmp(get(p, section, "model"), "host") == 0;
}

static unsigned
number_of(const char *section)
{
    return (unsigned) (section[strlen(section) - 1] - '0');
}

/* True: it is in a hub, *ret_hub is that one's section, *ret_port counts from 0.
 * The schema has seen to the key's form. */
static bool
is_behind_hub(const Profile *p, const char *section, char ret_hub[8],
              unsigned *ret_port)
{
    const char *port = get(p, section, "port");

    *ret_port = number_of(section);
    if (*port == '\0')
        return false;
    (void) g_snprintf(ret_hub, 8, "usb%c", port[0]);
    *ret_port = (unsigned) (port[2] - '1');
    return true;
}

char *
machine_usb_path(const Profile *p, const char *section)
{
    const char *kind = "storage";
    char hub[8];
    unsigned port;
    GString *path = g_string_new(NULL);

    for (unsigned i = 0; i < USB_PORTS; i++, section = hub, kind = "hub") {
        char here[8];
        bool behind = is_behind_hub(p, section, here, &port);
        g_autofree char *part = g_strdup_printf("%s@%x%s", kind, port + 1,
                                                path->len > 0 ? "/" : "");
        g_string_prepend(path, part);
        if (!behind)
            break;
        (void) g_strlcpy(hub, here, sizeof hub);
    }
    return g_string_free(path, FALSE);
}

/* ---- what is behind a section ---- */

/* The first answer of the process, see usb-role.h. *ret_speed: Mbit/s; 0: not
 * known. */
static bool
hear(int fd, double *ret_speed, GError **error)
{
    struct pollfd p = {fd, POLLIN, 0};
    char text[512];
    gssize n = poll(&p, 1, ANSWER_MS) == 1
                   ? SYS_RETRY(recv(fd, text, sizeof text - 1, 0))
                   : -1;

    text[MAX(n, 0)] = '\0';
    if (n > 0 && text[0] == 'O') {
        *ret_speed = g_ascii_strtod(text + 1, NULL);
        return true;
    }
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "%s",
                n > 1 ? text + 1 : "the process that opens it does not answer");
    return false;
}

static bool
open_host(Machine *m, const char *device, unsigned number, double *ret_speed,
          GError **error)
{
    const char *const argv[] = {"/proc/self/exe", "carrel", "__usb", device,
                                NULL};
    NetSpawn spawn = m->spawn != NULL ? m->spawn : net_spawn_directly;
    int ends[2];

    if (device_class_find("usb-host") == NULL) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "this carrel was built without libusb");
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return sys_error(error, errno, "socketpair");
    m->usb_channel[number] = ends[0];
    bool ok = spawn(argv, &ends[1], 1, error);
    sys_close(&ends[1]);
    return ok && hear(ends[0], ret_speed, error);
}

static void
close_channel(Machine *m, unsigned number)
{
    int *fd = &m->usb_channel[number];

    if (*fd != 0)
        sys_close(fd);
    *fd = 0;
}

void
machine_close_usb(Machine *m, const char *section)
{
    close_channel(m, number_of(section));
    for (unsigned i = 0; i < m->n_drives; i++)
        if (strcmp(m->drives[i].name, section) == 0) {
            machine_close_drive(m, section);
            return;
        }
}

void
machine_close_usbs(Machine *m)
{
    for (unsigned i = 0; i < USB_PORTS; i++)
        close_channel(m, i);
}

/* ---- devices ---- */

static Block *
image_of(const Machine *m, const char *section)
{
    for (unsigned i = 0; i < m->n_drives; i++)
        if (strcmp(m->drives[i].name, section) == 0)
            return m->drives[i].block;
    return NULL;
}

/* clang-format off */
static const struct {
    const char *class_name;
    UsbBus *(*bus)(Device *dev);
} controllers[] = {
    { "uhci", uhci_usb_bus },
    { "ehci", ehci_usb_bus },
    { "xhci", xhci_usb_bus },
};
static const char *const classes[][2] = {
    { "host",    "usb-host" },
    { "hub",     "usb-hub" },
    { "storage", "usb-storage" },
};
/* clang-format on */

static UsbBus *
bus_of_controller(const Machine *m)
{
    gsize i = 0;

    while (strcmp(m->usb->klass->name, controllers[i].class_name) != 0)
        i++; /* it was made of one of them */
    return controllers[i].bus(m->usb);
}

static Device *
find_hub(Vm *vm, const char *section)
{
    Device *dev = vm_find_device(vm, section);

    return dev != NULL && strcmp(dev->klass->name, "usb-hub") == 0 ? dev : NULL;
}

/* NULL and error set: there is no such port or hub. */
static UsbBus *
bus_of_section(const Machine *m, const Profile *p, const char *section,
               unsigned *ret_port, GError **error)
{
    char hub[8];

    if (!is_behind_hub(p, section, hub, ret_port)) {
        UsbBus *bus = bus_of_controller(m);
        if (*ret_port < bus->n_ports)
            return bus;
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "%s: the USB controller has %u ports; put a hub into one, "
                    "and this into it by %s.port",
                    section, bus->n_ports, section);
        return NULL;
    }
    Device *dev = find_hub(m->vm, hub);
    if (dev != NULL)
        return usb_hub_bus(dev);
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "%s.port: %s is no hub of this machine", section, hub);
    return NULL;
}

/* ---- what is behind a section: opening ---- */

/* By the number that sysfs has. */
static UsbSpeed
speed_of(double mbit)
{
    if (mbit >= 5000)
        return USB_SPEED_SUPER;
    if (mbit >= 480)
        return USB_SPEED_HIGH;
    return mbit >= 12 ? USB_SPEED_FULL : USB_SPEED_LOW;
}

/* One that is away is asked when it comes. */
static bool
has_speed(const Machine *m, const Profile *p, const char *section, double mbit,
          GError **error)
{
    unsigned port;
    const UsbBus *bus = bus_of_section(m, p, section, &port, error);
    const char *why =
        bus != NULL && mbit > 0 ? usb_bus_why_not(bus, speed_of(mbit)) : NULL;

    if (why != NULL)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "port %u of the USB %s: %s", port + 1,
                    bus->hub != NULL ? "hub" : "controller", why);
    return bus != NULL && why == NULL;
}

bool
machine_open_usb(Machine *m, const Profile *p, const char *section,
                 unsigned number, GError **error)
{
    double mbit = 0;

    if (strcmp(get(p, section, "model"), "storage") == 0)
        return machine_open_drive(m, p, section, DRIVE_USB, number, error);
    return !is_host(p, section) ||
           (open_host(m, get(p, section, "host"), number, &mbit, error) &&
            has_speed(m, p, section, mbit, error)) ||
           machine_blame(error, section, "host");
}

/* Of the device's kind, its own. */
static bool
set_options(const Machine *m, const Profile *p, Device *dev,
            const char *section, GError **error)
{
    const char *model = get(p, section, "model");

    if (strcmp(model, "hub") == 0)
        return true;
    if (strcmp(model, "host") == 0)
        return device_set_u64(dev, "channel",
                              (guint64) m->usb_channel[number_of(section)],
                              error);
    if (strcmp(model, "storage") != 0)
        return device_set_string(dev, "kind", model, error);
    device_set_link(dev, "drive", image_of(m, section));
    return true;
}

/* Options set, not realized; NULL and error set. */
static Device *
make_device(Machine *m, const Profile *p, const char *section, GError **error)
{
    const char *model = get(p, section, "model"), *name = "usb-hid";
    unsigned port;
    UsbBus *bus = bus_of_section(m, p, section, &port, error);

    if (bus == NULL)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(classes); i++)
        if (strcmp(model, classes[i][0]) == 0)
            name = classes[i][1];
    Device *dev = device_create(name, section);
    device_set_link(dev, "usb", bus);
    if (device_set_u64(dev, "port", port, error) &&
        set_options(m, p, dev, section, error))
        return dev;
    device_free(dev);
    machine_blame(error, section, "model");
    return NULL;
}

static bool
plug_section(Machine *m, const Profile *p, const char *section, unsigned i,
             GError **error)
{
    Device *dev = machine_open_usb(m, p, section, i, error)
                      ? make_device(m, p, section, error)
                      : NULL;

    if (dev == NULL || !vm_add_device(m->vm, dev, error))
        return false;
    machine_note_usb(m, section,
                     is_host(p, section) ? get(p, section, "host") : "");
    return true;
}

/* Hubs before what is in them: the profile's rules let none be in itself. */
bool
machine_plug_usb(Machine *m, const Profile *p, GError **error)
{
    guint32 done = 0;

    for (unsigned n = 0; m->usb != NULL && n < USB_PORTS * USB_PORTS; n++) {
        unsigned i = n % USB_PORTS, port;
        g_autofree char *section = g_strdup_printf("usb%u", i);
        char hub[8];
        if ((done & 1u << i) != 0 || !profile_has_section(p, section) ||
            (is_behind_hub(p, section, hub, &port) &&
             find_hub(m->vm, hub) == NULL))
            continue;
        if (!plug_section(m, p, section, i, error))
            return false;
        done |= 1u << i;
    }
    return true;
}

typedef struct {
    Device *dev;
    const char *section;
    bool ok;
    GError *error;
} Change;

static void
add_paused(Vm *vm, void *data)
{
    Change *c = data;

    c->ok = vm_add_device(vm, c->dev, &c->error);
}

bool
machine_add_usb(Machine *m, const Profile *p, const char *section,
                GError **error)
{
    Change c = {.dev = make_device(m, p, section, error)};

    if (c.dev == NULL)
        return false;
    if (!vm_with_paused(m->vm, add_paused, &c, error)) {
        device_free(c.dev);
        return false;
    }
    if (!c.ok) {
        g_propagate_prefixed_error(error, c.error, "%s: ", section);
        return false;
    }
    machine_note_usb(m, section,
                     is_host(p, section) ? get(p, section, "host") : "");
    return true;
}

/* Also one that is not attached: a device of the host that is away comes back to
 * that bus. */
const Device *
machine_in_hub(Vm *vm, const char *section)
{
    Device *hub = find_hub(vm, section);

    for (unsigned i = 0; hub != NULL && i < USB_PORTS; i++) {
        g_autofree char *id = g_strdup_printf("usb%u", i);
        const Device *dev = vm_find_device(vm, id);
        if (dev != NULL && ((const UsbDevice *) dev)->bus == usb_hub_bus(hub))
            return dev;
    }
    return NULL;
}

typedef struct {
    const char *section;
    GError *error;
} Removal;

/* Here and not before: what is in a hub comes and goes on the loop. */
static void
remove_paused(Vm *vm, void *data)
{
    Removal *r = data;
    Device *dev = vm_find_device(vm, r->section);
    const Device *inside = machine_in_hub(vm, r->section);

    if (inside != NULL)
        g_set_error(&r->error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s: %s is plugged into this hub; detach that first",
                    r->section, inside->id);
    else if (dev != NULL)
        vm_remove_device(vm, dev);
}

bool
machine_remove_usb(Machine *m, const char *section, GError **error)
{
    g_autofree char *id = g_strdup(section);
    Removal r = {.section = id};

    if (!vm_with_paused(m->vm, remove_paused, &r, error))
        return false;
    if (r.error == NULL)
        return true;
    g_propagate_error(error, r.error);
    return false;
}
