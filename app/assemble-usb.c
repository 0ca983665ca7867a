/* app/assemble-usb.c - what the profile plugs into the USB controller, at the
 * start and while the guest runs. usb0..7 are its ports 1..8. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/registry.h"
#include "devices/usb/xhci.h"
#include "vmm/core/error.h"

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

/* Options set, not realized; NULL and error set. */
static Device *
make_device(Machine *m, const Profile *p, const char *section, GError **error)
{
    const char *model = get(p, section, "model");
    unsigned port = (unsigned) (section[strlen(section) - 1] - '0');
    Device *dev = device_create("usb-hid", section);

    device_set_link(dev, "usb", xhci_usb_bus(m->usb));
    if (device_set_u64(dev, "port", port, error) &&
        device_set_string(dev, "kind", model, error))
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
        Device *dev = make_device(m, p, section, error);
        if (dev == NULL || !vm_add_device(m->vm, dev, error))
            return false;
        machine_note_card(m, section, MACHINE_SLOT_USB, true);
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

unsigned
machine_add_usb(Machine *m, const Profile *p, const char *section,
                GError **error)
{
    Change c = {.dev = make_device(m, p, section, error)};

    if (c.dev == NULL)
        return 0;
    if (!vm_with_paused(m->vm, add_paused, &c, error)) {
        device_free(c.dev);
        return 0;
    }
    if (!c.ok) {
        g_propagate_prefixed_error(error, c.error, "%s: ", section);
        return 0;
    }
    machine_note_card(m, section, MACHINE_SLOT_USB, true);
    return MACHINE_SLOT_USB;
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
