/* tests/unit/test-machine-usb.c - hubs and devices of the host as a machine has
 * them, without a guest. The machine is a loop and nothing else. */
#include <string.h>
#include <sys/socket.h>

#include "app/assemble-internal.h"
#include "devices/usb/usb-hub.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/idle-cpu.h"
#include "vmm/loop/loop.h"

extern const DeviceClass usb_hub_class, usb_host_class;

/* ---- a controller that does nothing ---- */

static void
on_plug(void *owner, unsigned port, UsbDevice *dev)
{
}

static void
on_wake(void *owner, unsigned port)
{
}

static void
on_gone(void *owner, UsbDevice *dev)
{
}

static void
on_ready(void *owner, UsbDevice *dev, guint8 ep)
{
}

static const UsbBusOps deaf_ops = {.attached = on_plug,
                                   .detached = on_plug,
                                   .wake = on_wake,
                                   .gone = on_gone,
                                   .ready = on_ready};

/* ---- the machine ---- */

typedef struct {
    Machine m;
    UsbBus bus;
} Fixture;

static void
add(Fixture *f, const DeviceClass *klass, const char *id, UsbBus *bus)
{
    Device *dev = device_new(klass, id);

    device_set_link(dev, "usb", bus);
    CU_ASSERT_TRUE(vm_add_device(f->m.vm, dev, NULL));
}

/* A hub of full speed as usb0. */
static void
begin(Fixture *f)
{
    static const VmEvents events;
    const VmConfig config = {.name = "usb",
                             .cpu = {.model = "host", .n_vcpus = 1},
                             .backend = &idle_ops};

    *f = (Fixture){.m = {.name = (char *) "usb"}};
    f->m.vm = vm_new(&config, &events, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->m.vm);
    usb_bus_init(&f->bus, 2, USB_SPEEDS_1, &deaf_ops, f);
    add(f, &usb_hub_class, "usb0", &f->bus);
}

static void
end(Fixture *f)
{
    machine_close_usbs(&f->m);
    vm_free(f->m.vm);
}

/* It has no process, so it is away. */
static void
a_hub_is_not_empty_while_a_host_device_is_away(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_PTR_NULL(machine_in_hub(f.m.vm, "usb0"));
    Device *hub = vm_find_device(f.m.vm, "usb0");
    add(&f, &usb_host_class, "usb3", usb_hub_bus(hub));
    CU_ASSERT_PTR_NULL(usb_hub_bus(hub)->ports[0].dev);
    CU_ASSERT_PTR_EQUAL(machine_in_hub(f.m.vm, "usb0"),
                        vm_find_device(f.m.vm, "usb3"));
    CU_ASSERT_PTR_NULL(machine_in_hub(f.m.vm, "usb3")); /* is no hub */
    end(&f);
}

static bool
answer_full_speed(const char *const *argv, const int *fds, unsigned n_fds,
                  GError **error)
{
    return send(fds[0], "O12", 3, 0) == 3;
}

static bool
answer_high_speed(const char *const *argv, const int *fds, unsigned n_fds,
                  GError **error)
{
    return send(fds[0], "O480", 4, 0) == 4;
}

static bool
answer_away(const char *const *argv, const int *fds, unsigned n_fds,
            GError **error)
{
    return send(fds[0], "O", 1, 0) == 1;
}

/* What the process behind usb3, in port 2 of the hub, tells of its device. */
static bool
open_by(Fixture *f, const Profile *p, NetSpawn spawn, GError **error)
{
    f->m.spawn = spawn;
    bool ok = machine_open_usb(&f->m, p, "usb3", 3, error);
    machine_close_usbs(&f->m);
    return ok;
}

static void
a_speed_that_the_port_has_not_is_an_error(void)
{
    Fixture f;
    g_autoptr(GError) error = NULL;
    Profile *p = profile_new();

    begin(&f);
    CU_ASSERT_TRUE(profile_set(p, "usb3.model", "host", NULL));
    CU_ASSERT_TRUE(profile_set(p, "usb3.host", "1-2", NULL));
    CU_ASSERT_TRUE(profile_set(p, "usb3.port", "0.2", NULL));
    CU_ASSERT_TRUE(open_by(&f, p, answer_full_speed, NULL));
    CU_ASSERT_TRUE(open_by(&f, p, answer_away, NULL));
    CU_ASSERT_FALSE(open_by(&f, p, answer_high_speed, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(
        error->message, "port 2 of the USB hub: a high-speed device needs "
                        "machine.usb=ehci or xhci"));
    profile_free(p);
    end(&f);
}

CU_MAIN("machine-usb",
        {"a_hub_is_not_empty_while_a_host_device_is_away",
         a_hub_is_not_empty_while_a_host_device_is_away},
        {"a_speed_that_the_port_has_not_is_an_error",
         a_speed_that_the_port_has_not_is_an_error})
