/* app/assemble-usb.c - what the profile plugs into the USB controller, at the
 * start and while the guest runs. usb0..7 are its ports 1..8. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "app/assemble-internal.h"
#include "devices/registry.h"
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
                "machine.usb=xhci and start it",
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
port_of(const char *section)
{
    return (unsigned) (section[strlen(section) - 1] - '0');
}

/* ---- what is behind a section ---- */

/* The first answer of the process, see usb-role.h. */
static bool
hear(int fd, GError **error)
{
    struct pollfd p = {fd, POLLIN, 0};
    char text[512];
    gssize n = poll(&p, 1, ANSWER_MS) == 1
                   ? SYS_RETRY(recv(fd, text, sizeof text - 1, 0))
                   : -1;

    if (n > 0 && text[0] == 'O')
        return true;
    text[MAX(n, 0)] = '\0';
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "%s",
                n > 1 ? text + 1 : "the process that opens it does not answer");
    return false;
}

static bool
open_host(Machine *m, const char *device, unsigned number, GError **error)
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
    return ok && hear(ends[0], error);
}

bool
machine_open_usb(Machine *m, const Profile *p, const char *section,
                 unsigned number, GError **error)
{
    if (strcmp(get(p, section, "model"), "storage") == 0)
        return machine_open_drive(m, p, section, DRIVE_USB, number, error);
    return !is_host(p, section) ||
           open_host(m, get(p, section, "host"), number, error) ||
           machine_blame(error, section, "host");
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
    close_channel(m, port_of(section));
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

/* Options set, not realized; NULL and error set. */
static Device *
make_device(Machine *m, const Profile *p, const char *section, GError **error)
{
    static const char *const classes[][2] = {{"host", "usb-host"},
                                             {"storage", "usb-storage"}};
    const char *model = get(p, section, "model"), *name = "usb-hid";
    unsigned port = port_of(section);

    for (gsize i = 0; i < G_N_ELEMENTS(classes); i++)
        if (strcmp(model, classes[i][0]) == 0)
            name = classes[i][1];
    Device *dev = device_create(name, section);
    device_set_link(dev, "usb", xhci_usb_bus(m->usb));
    bool ok = device_set_u64(dev, "port", port, error);
    if (ok && strcmp(model, "host") == 0)
        ok = device_set_u64(dev, "channel", (guint64) m->usb_channel[port],
                            error);
    else if (ok && strcmp(model, "storage") == 0)
        device_set_link(dev, "drive", image_of(m, section));
    else if (ok)
        ok = device_set_string(dev, "kind", model, error);
    if (ok)
        return dev;
    device_free(dev);
    machine_blame(error, section, "model");
    return NULL;
}

bool
machine_plug_usb(Machine *m, const Profile *p, GError **error)
{
    for (unsigned i = 0; m->usb != NULL && i < USB_PORTS; i++) {
        g_autofree char *section = g_strdup_printf("usb%u", i);
        if (!profile_has_section(p, section))
            continue;
        Device *dev = machine_open_usb(m, p, section, i, error)
                          ? make_device(m, p, section, error)
                          : NULL;
        if (dev == NULL || !vm_add_device(m->vm, dev, error))
            return false;
        machine_note_usb(m, section,
                         is_host(p, section) ? get(p, section, "host") : "");
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

static void
remove_paused(Vm *vm, void *data)
{
    Device *dev = vm_find_device(vm, data);

    if (dev != NULL)
        vm_remove_device(vm, dev);
}

bool
machine_remove_usb(Machine *m, const char *section, GError **error)
{
    g_autofree char *id = g_strdup(section);

    return vm_with_paused(m->vm, remove_paused, id, error);
}
