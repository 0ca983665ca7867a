/* app/assemble-cards.c - what a profile plugs into the PCI bus of any machine:
 * one function a kind of device, and the slot that each has for ever. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/registry.h"

/* Slots. A guest that was installed on a machine knows its devices by them, so
 * a number once given keeps its meaning. */
enum {
    SLOT_DISK = 4, /* disk0..3: 4..7 */
    SLOT_RNG = 8,
    SLOT_SCSI = 9,
    SLOT_USB = MACHINE_SLOT_USB,
    SLOT_NET = 12, /* net0..3: 12..15 */
    SLOT_PCI = 16, /* pci0..7: 16..23 */
    SLOT_CONSOLE = 24,
    SLOT_BALLOON = 25,
    SLOT_KEYBOARD = 26,
    SLOT_POINTER = 27,
    SLOT_SOUND = 28,
};

/* Firmware tries sticks after disk0..3. */
#define USB_FIRST_DISK 4u

#define MAX_QUEUES     8u /* of one device; beyond that they cost more than give */

typedef struct {
    Machine *m;
    const Profile *p;
    PcCards *cards;
    const char *only; /* this section's; NULL: all */
    GError **error;
} Plugging;

static const char *
get(const Plugging *g, const char *section, const char *key)
{
    g_autofree char *full = g_strdup_printf("%s.%s", section, key);

    return profile_get_string(g->p, full);
}

/* False: what the profile says does not fit the option. */
static bool
set_u64(const Plugging *g, Device *dev, const char *name, guint64 value)
{
    return device_set_u64(dev, name, value, g->error);
}

/* A queue for each processor spares them each other's locks. */
static unsigned
queues(const Plugging *g)
{
    return MIN(vm_n_vcpus(g->m->vm), MAX_QUEUES);
}

static bool
is_wanted(const Plugging *g, const char *section)
{
    return g->only == NULL || strcmp(g->only, section) == 0;
}

static bool
plug_virtio_disk(const Plugging *g, Drive *d)
{
    const char *serial = get(g, d->name, "serial");
    Device *dev = device_create("virtio-blk", d->name);

    device_set_link(dev, "drive", d->block);
    pc_cards_add(g->cards, dev, SLOT_DISK + d->number);
    pc_cards_add_boot(g->cards, PC_BOOT_DISK, d->number, "scsi@%u/disk@0,0",
                      SLOT_DISK + d->number);
    return set_u64(g, dev, "queues", queues(g)) &&
           set_u64(g, dev, "own-thread", 1) &&
           (*serial == '\0' ||
            device_set_string(dev, "serial", serial, g->error));
}

static bool
plug_drives(const Plugging *g)
{
    for (unsigned i = 0; i < g->m->n_drives; i++) {
        Drive *d = &g->m->drives[i];
        if (d->kind == DRIVE_DISK && is_wanted(g, d->name) &&
            strcmp(get(g, d->name, "model"), "virtio-blk") == 0 &&
            !plug_virtio_disk(g, d))
            return machine_blame(g->error, d->name, "model");
    }
    return true;
}

static bool
plug_unit(const Plugging *g, Device *dev, const Drive *d)
{
    pc_cards_add_boot(g->cards, d->kind == DRIVE_CD ? PC_BOOT_CD : PC_BOOT_DISK,
                      d->number, "scsi@%u/channel@0/disk@0,%u", SLOT_SCSI,
                      d->unit);
    return machine_set_unit(dev, g->p, d, g->error) ||
           machine_blame(g->error, d->name, "model");
}

/* One controller for all that are there at the start; later ones are no cards,
 * see assemble-scsi.c. */
static bool
plug_scsi(const Plugging *g)
{
    Device *dev = NULL;

    for (unsigned i = 0; g->only == NULL && i < g->m->n_drives; i++) {
        const Drive *d = &g->m->drives[i];
        if (!d->scsi)
            continue;
        if (dev == NULL) {
            g->m->scsi = dev = device_create("virtio-scsi", "scsi");
            pc_cards_add(g->cards, dev, SLOT_SCSI);
            if (!set_u64(g, dev, "queues", queues(g)))
                return false;
        }
        if (!plug_unit(g, dev, d))
            return false;
    }
    return true;
}

/* What is in its ports comes after it, see assemble-usb.c. */
static bool
plug_usb(const Plugging *g)
{
    if (g->only != NULL || strcmp(get(g, "machine", "usb"), "none") == 0)
        return true;
    g->m->usb = device_create("xhci", "usb");
    pc_cards_add(g->cards, g->m->usb, SLOT_USB);
    for (unsigned i = 0; i < USB_PORTS; i++) {
        g_autofree char *section = g_strdup_printf("usb%u", i);
        if (profile_has_section(g->p, section) &&
            strcmp(get(g, section, "model"), "storage") == 0)
            pc_cards_add_boot(g->cards, PC_BOOT_DISK, USB_FIRST_DISK + i,
                              "usb@%x/storage@%u/channel@0/disk@0,0", SLOT_USB,
                              i + 1);
    }
    return true;
}

static bool
plug_rng(const Plugging *g)
{
    if (is_wanted(g, "rng") &&
        strcmp(profile_get_string(g->p, "rng.model"), "none") != 0)
        pc_cards_add(g->cards, device_create("virtio-rng", "rng"), SLOT_RNG);
    return true;
}

static bool
plug_nic(const Plugging *g, const OpenNic *o)
{
    const MachineNic *nic = &o->nic;
    const guint8 *mac = nic->mac;
    g_autofree char *text =
        g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                        mac[3], mac[4], mac[5]);
    g_autofree char *busy = g_strconcat(nic->name, ".busy-poll", NULL);
    Device *dev = device_create(nic->model, nic->name);

    device_set_link(dev, "net", nic->link);
    pc_cards_add(g->cards, dev, SLOT_NET + nic->number);
    if (o->rom != NULL) {
        device_set_link(dev, "rom", o->rom);
        pc_cards_add_boot(g->cards, PC_BOOT_NET, nic->number, "ethernet@%x",
                          SLOT_NET + nic->number);
    }
    return device_set_string(dev, "mac", text, g->error) &&
           device_set_string(dev, "vhost", get(g, nic->name, "vhost"),
                             g->error) &&
           set_u64(g, dev, "busy-poll", profile_get_u64(g->p, busy)) &&
           set_u64(g, dev, "queues", net_max_queues(nic->link));
}

static bool
plug_nics(const Plugging *g)
{
    /* only a change of cards changes them, and that is this */
    for (unsigned i = 0; i < MACHINE_NETS; i++) {
        const OpenNic *o = g->m->nics[i];
        if (o != NULL && is_wanted(g, o->nic.name) && !plug_nic(g, o))
            return machine_blame(g->error, o->nic.name, "model");
    }
    return true;
}

static bool
plug_console(const Plugging *g)
{
    Device *dev = NULL;

    for (unsigned i = 0; i < MACHINE_CONSOLES; i++) {
        g_autofree char *section = g_strdup_printf("console%u", i);
        g_autofree char *link = g_strdup_printf("chr%u", i);
        g_autofree char *name = g_strdup_printf("name%u", i);
        if (g->m->console[i] == NULL || !is_wanted(g, section))
            continue;
        if (dev == NULL) {
            dev = device_create("virtio-console", "console");
            pc_cards_add(g->cards, dev, SLOT_CONSOLE);
        }
        device_set_link(dev, link, g->m->console[i]);
        if (!device_set_string(dev, name, get(g, section, "name"), g->error))
            return machine_blame(g->error, section, "name");
    }
    return true;
}

static bool
plug_balloon(const Plugging *g)
{
    if (!is_wanted(g, "balloon") ||
        strcmp(get(g, "balloon", "model"), "none") == 0)
        return true;
    guint64 ram = profile_get_u64(g->p, "machine.memory");
    guint64 size = profile_get_u64(g->p, "balloon.size");
    Device *dev = device_create("virtio-balloon", "balloon");
    pc_cards_add(g->cards, dev, SLOT_BALLOON);
    g->m->balloon = dev;
    return set_u64(g, dev, "deflate-on-oom",
                   profile_get_bool(g->p, "balloon.deflate-on-oom")) &&
           set_u64(g, dev, "reporting",
                   profile_get_bool(g->p, "balloon.reporting")) &&
           set_u64(g, dev, "size", MIN(size, ram));
}

static bool
plug_input_as(const Plugging *g, const char *id, const char *kind,
              unsigned slot)
{
    Device *dev = device_create("virtio-input", id);

    pc_cards_add(g->cards, dev, slot);
    return device_set_string(dev, "kind", kind, g->error);
}

static bool
plug_input(const Plugging *g)
{
    const char *pointer = get(g, "input", "pointer");

    if (!is_wanted(g, "input"))
        return true;
    if (strcmp(get(g, "input", "keyboard"), "virtio") == 0 &&
        !plug_input_as(g, "keyboard", "keyboard", SLOT_KEYBOARD))
        return false;
    return !g_str_has_prefix(pointer, "virtio-") ||
           plug_input_as(g, "pointer", pointer + strlen("virtio-"),
                         SLOT_POINTER);
}

static bool
plug_sound(const Plugging *g)
{
    if (g->only != NULL || strcmp(get(g, "sound", "model"), "ac97") != 0)
        return true;
    Device *dev = device_create("ac97", "ac97");
    device_set_link(dev, "audio", g->m->audio);
    pc_cards_add(g->cards, dev, SLOT_SOUND);
    return true;
}

/* A card of the host keeps its functions together: firmware and drivers expect
 * the sound of a graphics card beside the picture. */
static bool
plug_host_pci(const Plugging *g)
{
    for (unsigned i = 0; i < MACHINE_PCIS; i++) {
        g_autofree char *section = g_strdup_printf("pci%u", i);
        if (g->m->pcis[i] != NULL && is_wanted(g, section) &&
            !machine_plug_pci(g->m, i, g->cards, SLOT_PCI + i, g->error))
            return machine_blame(g->error, section, "host");
    }
    return true;
}

/* One row a kind of card, whether it is there from the start or comes later. */
static bool (*const kinds[])(const Plugging *g) = {
    plug_drives,  plug_scsi,    plug_usb,   plug_rng,      plug_nics,
    plug_console, plug_balloon, plug_input, plug_host_pci, plug_sound,
};

static bool
plug(Machine *m, const Profile *p, const char *only, PcCards *cards,
     GError **error)
{
    const Plugging g = {m, p, cards, only, error};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (!kinds[i](&g))
            return false;
    return true;
}

bool
machine_plug_cards(Machine *m, const Profile *p, PcCards *cards, GError **error)
{
    if (!plug(m, p, NULL, cards, error))
        return false;
    /* the others stay: a guest that ejects their slot is not heeded */
    for (unsigned i = 0; i < cards->n_cards; i++)
        if (machine_plug_models(cards->cards[i].dev->id) != NULL)
            machine_note_card(m, cards->cards[i].dev->id, cards->cards[i].slot,
                              false);
    for (unsigned i = 0; i < m->n_drives; i++)
        if (m->drives[i].scsi)
            machine_note_card(m, m->drives[i].name, SLOT_SCSI, true);
    for (unsigned i = 0; i < m->n_cards; i++) /* before any other thread */
        m->cards[i].from_start = true;
    return true;
}

bool
machine_plug_card(Machine *m, const Profile *p, const char *section,
                  PcCards *cards, GError **error)
{
    return plug(m, p, section, cards, error);
}
