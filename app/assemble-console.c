/* app/assemble-console.c - ports of the virtio console, from the start or while
 * the guest runs. The first one brings the card, which stays. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/virtio/virtio-console.h"
#include "vmm/char/char.h"
#include "vmm/loop/loop.h"

G_STATIC_ASSERT(MACHINE_CONSOLES == VIRTIO_CONSOLE_PORTS);

bool
machine_is_console(const char *section)
{
    return g_str_has_prefix(section, "console");
}

static unsigned
number_of(const char *section)
{
    unsigned n = (unsigned) (section[strlen(section) - 1] - '0');

    return MIN(n, MACHINE_CONSOLES - 1);
}

/* ---- what is behind a port ---- */

static void
set_link(Machine *m, unsigned n, CharLink *link)
{
    g_mutex_lock(&m->path_lock);
    m->consoles[n] = link;
    g_mutex_unlock(&m->path_lock);
}

bool
machine_open_console(Machine *m, const Profile *p, const char *section,
                     unsigned number, GError **error)
{
    CharLink *link = machine_open_char(m, p, section, error);

    if (link != NULL)
        set_link(m, number, link);
    return link != NULL;
}

void
machine_close_console(Machine *m, const char *section)
{
    unsigned n = number_of(section);
    CharLink *link = m->consoles[n];

    set_link(m, n, NULL); /* from here on nobody finds it */
    char_close(link);
}

void
machine_close_consoles(Machine *m)
{
    for (unsigned i = 0; i < MACHINE_CONSOLES; i++)
        char_close(m->consoles[i]);
}

bool
machine_attach_console(Machine *m, unsigned n, int fd, bool replay)
{
    bool found = false;

    g_mutex_lock(&m->path_lock);
    if (n < MACHINE_CONSOLES && m->consoles[n] != NULL) {
        char_attach_fd(m->consoles[n], fd, replay);
        found = true;
    }
    g_mutex_unlock(&m->path_lock);
    return found;
}

/* ---- ports that come and go ---- */

typedef struct {
    Machine *m;
    unsigned n;
    const char *name;
    bool ok;
    GError *error;
} PortChange;

static void
connect_on_loop(void *data)
{
    PortChange *c = data;

    c->ok = virtio_console_connect(c->m->console, c->n, c->m->consoles[c->n],
                                   c->name, &c->error);
}

static void
disconnect_on_loop(void *data)
{
    PortChange *c = data;

    virtio_console_disconnect(c->m->console, c->n);
}

bool
machine_add_port(Machine *m, const Profile *p, const char *section,
                 GError **error)
{
    g_autofree char *key = g_strconcat(section, ".name", NULL);
    PortChange c = {.m = m, .n = number_of(section)};

    c.name = profile_get_string(p, key);
    loop_call(vm_loop(m->vm), connect_on_loop, &c);
    if (!c.ok)
        g_propagate_prefixed_error(error, c.error, "%s: ", section);
    else
        machine_note_unit(m, section,
                          DEVICE_OF(PciDevice, m->console)->devfn >> 3);
    return c.ok;
}

void
machine_remove_port(Machine *m, const char *section)
{
    PortChange c = {.m = m, .n = number_of(section)};

    if (m->console != NULL)
        loop_call(vm_loop(m->vm), disconnect_on_loop, &c);
}
