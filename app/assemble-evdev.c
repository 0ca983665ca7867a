/* app/assemble-evdev.c - keyboards and mice of the host that the profile hands
 * to the guest. */
#include "app/assemble-internal.h"
#include "vmm/input/evdev.h"
#include "vmm/loop/loop.h"

#define MACHINE_EVDEVS 4

static void
on_line(void *data, const char *line)
{
    Machine *m = data;
    DeviceEnv *env = vm_env(m->vm);

    env->log(env, "input", line);
}

static void
start_on_loop(void *data)
{
    evdev_start(data);
}

bool
machine_open_evdevs(Machine *m, const Profile *p, GError **error)
{
    const EvdevConfig config = {
        .ops = &evdev_ops_real,
        .toggle = profile_get_string(p, "input.evdev-toggle"),
        .to_guest =
            g_str_equal(profile_get_string(p, "input.evdev-start"), "guest"),
        .log = on_line,
        .data = m,
    };

    for (unsigned i = 0; i < MACHINE_EVDEVS; i++) {
        g_autofree char *word = g_strdup_printf("evdev%u", i);
        g_autofree char *key = g_strconcat("input.", word, NULL);
        g_autofree char *path = profile_get_path(p, key);
        if (path == NULL)
            continue;
        if (m->evdev == NULL)
            m->evdev = evdev_new(m->input, vm_loop(m->vm), &config);
        if (!evdev_add(m->evdev, path, error))
            return machine_blame(error, "input", word);
    }
    if (m->evdev != NULL)
        loop_call(vm_loop(m->vm), start_on_loop, m->evdev);
    return true;
}

/* Loop thread. */
void
machine_close_evdevs(Machine *m)
{
    evdev_free(m->evdev);
    m->evdev = NULL;
}
