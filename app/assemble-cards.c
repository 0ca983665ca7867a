/* app/assemble-cards.c - what a profile plugs into the PCI bus of any machine:
 * one function a kind of device, and the slot that each has for ever. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/registry.h"
#include "devices/usb/ehci.h"

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
    SLOT_SHARED = 28,
    SLOT_SOUND = 29,
    SLOT_SATA = 31, /* as the ICH9's, 00:1f.2 but for the function */
};

#define USB_EHCI_FUNCTION 7u /* of its card, as in an ICH */

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

bool
machine_is_q35(const Profile *p)
{
    return strcmp(profile_get_string(p, "machine.chipset"), "pc-q35") == 0;
}

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

/* Firmware's path to the first function of a slot, as SeaBIOS spells it: what a
 * device of that kind is called, perhaps behind a root port. */
static char *
firmware_path(const Plugging *g, const char *kind, unsigned slot)
{
    bool port = machine_is_q35(g->p) && (PC_Q35_PORTS >> slot & 1) != 0;

    return port ? g_strdup_printf("pci-bridge@%x/%s@0", slot, kind)
                : g_strdup_printf("%s@%x", kind, slot);
}

static bool
plug_virtio_disk(const Plugging *g, Drive *d)
{
    const char *serial = get(g, d->name, "serial");
    Device *dev = device_create("virtio-blk", d->name);

    device_set_link(dev, "drive", d->block);
    pc_cards_add(g->cards, dev, SLOT_DISK + d->number);
    g_autofree char *at = firmware_path(g, "scsi", SLOT_DISK + d->number);
    pc_cards_add_boot(g->cards, PC_BOOT_DISK, d->number, "%s/disk@0,0", at);
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

/* The Q35's SATA controller is where an ICH9 has it. */
static unsigned
unit_function(const Plugging *g, DriveBus bus)
{
    return bus == DRIVE_ON_SATA && machine_is_q35(g->p) ? 2 : 0;
}

/* Where firmware finds it, as SeaBIOS spells it. */
static void
add_unit_boot(const Plugging *g, const Drive *d, unsigned slot)
{
    unsigned function = unit_function(g, d->bus);
    PcBoot kind = d->kind == DRIVE_CD ? PC_BOOT_CD : PC_BOOT_DISK;

    if (d->bus == DRIVE_ON_SCSI)
        pc_cards_add_boot(g->cards, kind, d->number,
                          "scsi@%x/channel@0/disk@0,%x", slot, d->unit);
    else if (function == 0)
        pc_cards_add_boot(g->cards, kind, d->number,
                          "pci8086,2922@%x/drive@%x/disk@0", slot, d->unit);
    else
        pc_cards_add_boot(g->cards, kind, d->number,
                          "pci8086,2922@%x,%x/drive@%x/disk@0", slot, function,
                          d->unit);
}

static bool
create_controller(const Plugging *g, DriveBus bus, unsigned slot)
{
    bool scsi = bus == DRIVE_ON_SCSI;
    Device *dev =
        device_create(machine_unit_model(bus), scsi ? "scsi" : "sata");

    g->m->controllers[bus] = dev;
    pc_cards_add_function(g->cards, dev, slot, unit_function(g, bus));
    return scsi ? set_u64(g, dev, "queues", queues(g))
                : set_u64(g, dev, "own-thread", 1);
}

static const guint8 unit_slots[DRIVE_N_BUSES] = {
    [DRIVE_ON_SCSI] = SLOT_SCSI, [DRIVE_ON_SATA] = SLOT_SATA};

/* One controller of a kind for all that are there at the start; later ones are
 * no cards, see assemble-units.c. */
static bool
plug_units(const Plugging *g)
{
    for (unsigned i = 0; g->only == NULL && i < g->m->n_drives; i++) {
        const Drive *d = &g->m->drives[i];
        unsigned slot = unit_slots[d->bus];
        if (d->bus == DRIVE_ON_BOARD)
            continue;
        if (g->m->controllers[d->bus] == NULL &&
            !create_controller(g, d->bus, slot))
            return false;
        add_unit_boot(g, d, slot);
        if (!machine_set_unit(g->m, g->p, d, g->error))
            return machine_blame(g->error, d->name, "model");
    }
    return true;
}

/* Four functions for USB 1, and the one that gives them what is not of high
 * speed. The bus is the last's. */
static bool
create_ehci(const Plugging *g)
{
    Device *ehci = device_create("ehci", "usb");

    g->m->usb = ehci;
    for (unsigned i = 0; i < EHCI_COMPANIONS; i++) {
        g_autofree char *id = g_strdup_printf("usb-companion%u", i);
        g_autofree char *link = g_strdup_printf("companion%u", i);
        g_autofree char *model = g_strdup_printf("ich5-%u", i + 1);
        Device *uhci = device_create("uhci", id);
        pc_cards_add_function(g->cards, uhci, SLOT_USB, i);
        device_set_link(ehci, link, uhci);
        if (!device_set_string(uhci, "model", model, g->error))
            return false;
    }
    pc_cards_add_function(g->cards, ehci, SLOT_USB, USB_EHCI_FUNCTION);
    return true;
}

/* A PIIX3 has one; elsewhere it is a card. */
static bool
is_on_board(const Plugging *g, const Device *usb)
{
    return strcmp(usb->klass->name, "uhci") == 0 && !machine_is_minimal(g->p) &&
           !machine_is_q35(g->p);
}

static bool
create_uhci(const Plugging *g)
{
    g->m->usb = device_create("uhci", "usb");
    if (is_on_board(g, g->m->usb))
        pc_cards_add_function(g->cards, g->m->usb, PC_BOARD_SLOT, PC_BOARD_USB);
    else
        pc_cards_add(g->cards, g->m->usb, SLOT_USB);
    return true;
}

static bool
create_xhci(const Plugging *g)
{
    g->m->usb = device_create("xhci", "usb");
    pc_cards_add(g->cards, g->m->usb, SLOT_USB);
    return true;
}

/* How SeaBIOS spells the controller that sees a stick. */
static const struct {
    const char *model;
    bool (*create)(const Plugging *g);
    unsigned function;
} usb_models[] = {
    {"uhci", create_uhci, 0},
    {"ehci", create_ehci, USB_EHCI_FUNCTION},
    {"xhci", create_xhci, 0},
};

static void
add_usb_boot(const Plugging *g, const char *section, unsigned number,
             unsigned function)
{
    g_autofree char *path = machine_usb_path(g->p, section);
    bool on_board = is_on_board(g, g->m->usb);
    unsigned slot = on_board ? PC_BOARD_SLOT : SLOT_USB;

    function = on_board ? PC_BOARD_USB : function;
    if (function == 0)
        pc_cards_add_boot(g->cards, PC_BOOT_DISK, USB_FIRST_DISK + number,
                          "usb@%x/%s/channel@0/disk@0,0", slot, path);
    else
        pc_cards_add_boot(g->cards, PC_BOOT_DISK, USB_FIRST_DISK + number,
                          "usb@%x,%x/%s/channel@0/disk@0,0", slot, function,
                          path);
}

/* What is in its ports comes after it, see assemble-usb.c. */
static bool
plug_usb(const Plugging *g)
{
    const char *model = get(g, "machine", "usb");

    for (gsize i = 0; g->only == NULL && i < G_N_ELEMENTS(usb_models); i++) {
        if (strcmp(usb_models[i].model, model) != 0)
            continue;
        if (!usb_models[i].create(g))
            return false;
        for (unsigned n = 0; n < USB_PORTS; n++) {
            g_autofree char *section = g_strdup_printf("usb%u", n);
            if (profile_has_section(g->p, section) &&
                strcmp(get(g, section, "model"), "storage") == 0)
                add_usb_boot(g, section, n, usb_models[i].function);
        }
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

/* What only cards with several queues know. */
static bool
set_virtio_nic(const Plugging *g, Device *dev, const MachineNic *nic)
{
    g_autofree char *busy = g_strconcat(nic->name, ".busy-poll", NULL);

    return device_set_string(dev, "vhost", get(g, nic->name, "vhost"),
                             g->error) &&
           set_u64(g, dev, "busy-poll", profile_get_u64(g->p, busy)) &&
           set_u64(g, dev, "queues", net_max_queues(nic->link));
}

/* Ports and interrupts that a PC of that time had free: COM2's interrupt while
 * there is no COM2, and the printer's. */
static bool
plug_isa_nic(const Plugging *g, Device *dev, const MachineNic *nic)
{
    static const struct {
        guint16 iobase;
        guint8 irq;
    } places[] = {{0x300, 3}, {0x320, 7}};
    const char *chipset = profile_get_string(g->p, "machine.chipset");
    bool has_isa = strcmp(chipset, "pc-virtio") != 0;

    pc_cards_add_isa(g->cards, dev);
    if (!has_isa || nic->number >= G_N_ELEMENTS(places)) {
        g_set_error(g->error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX, "%s",
                    has_isa ? "only net0 and net1 can be ISA cards; use "
                              "rtl8029, which is the same for PCI"
                            : "the chipset pc-virtio has no ISA bus; use "
                              "rtl8029, which is the same for PCI");
        return false;
    }
    return set_u64(g, dev, "iobase", places[nic->number].iobase) &&
           set_u64(g, dev, "irq", places[nic->number].irq);
}

static bool
plug_pci_nic(const Plugging *g, Device *dev, const OpenNic *o)
{
    const MachineNic *nic = &o->nic;

    pc_cards_add(g->cards, dev, SLOT_NET + nic->number);
    if (o->rom != NULL) {
        device_set_link(dev, "rom", o->rom);
        g_autofree char *at =
            firmware_path(g, "ethernet", SLOT_NET + nic->number);
        pc_cards_add_boot(g->cards, PC_BOOT_NET, nic->number, "%s", at);
    }
    return strcmp(nic->model, "virtio-net") != 0 || set_virtio_nic(g, dev, nic);
}

static bool
plug_nic(const Plugging *g, const OpenNic *o)
{
    const MachineNic *nic = &o->nic;
    const guint8 *mac = nic->mac;
    g_autofree char *text =
        g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                        mac[3], mac[4], mac[5]);
    Device *dev = device_create(nic->model, nic->name);

    device_set_link(dev, "net", nic->link);
    return (strcmp(nic->model, "ne2000") == 0 ? plug_isa_nic(g, dev, nic)
                                              : plug_pci_nic(g, dev, o)) &&
           device_set_string(dev, "mac", text, g->error);
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

/* Queues of ports that may come later cost the start of a guest something, so
 * the minimal machine has those of the ports that it has. */
static bool
make_room(const Plugging *g, Device *dev)
{
    if (g->only == NULL)
        g->m->console = dev;
    return machine_is_minimal(g->p) ||
           set_u64(g, dev, "ports", MACHINE_CONSOLES);
}

/* One card for all that are there at the start; later ones are ports of it, see
 * assemble-console.c. */
static bool
plug_console(const Plugging *g)
{
    Device *dev = NULL;

    for (unsigned i = 0; i < MACHINE_CONSOLES; i++) {
        g_autofree char *section = g_strdup_printf("console%u", i);
        g_autofree char *link = g_strdup_printf("chr%u", i);
        g_autofree char *name = g_strdup_printf("name%u", i);
        if (g->m->consoles[i] == NULL || !is_wanted(g, section))
            continue;
        if (dev == NULL) {
            dev = device_create("virtio-console", "console");
            pc_cards_add(g->cards, dev, SLOT_CONSOLE);
            if (!make_room(g, dev))
                return false;
        }
        device_set_link(dev, link, g->m->consoles[i]);
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
    guint64 ram = g->m->ram;
    guint64 size = profile_get_u64(g->p, "balloon.size");
    Device *dev = device_create("virtio-balloon", "balloon");
    pc_cards_add(g->cards, dev, SLOT_BALLOON);
    if (g->only == NULL)
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
plug_shared(const Plugging *g)
{
    if (g->only != NULL || g->m->shared == NULL)
        return true;
    Device *dev = device_create("ivshmem-plain", "ivshmem");
    device_set_link(dev, "shared", &g->m->shared->file);
    pc_cards_add(g->cards, dev, SLOT_SHARED);
    return true;
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
    plug_drives,   plug_units,   plug_usb,     plug_rng,
    plug_nics,     plug_console, plug_balloon, plug_input,
    plug_host_pci, plug_shared,  plug_sound,
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

/* Of the device with that name; most have their section's. */
static const char *
section_of(const char *id)
{
    bool input = strcmp(id, "keyboard") == 0 || strcmp(id, "pointer") == 0;

    return input ? "input" : id;
}

bool
machine_plug_cards(Machine *m, const Profile *p, PcCards *cards, GError **error)
{
    if (!plug(m, p, NULL, cards, error))
        return false;
    /* the others stay: a guest that ejects their slot is not heeded */
    for (unsigned i = 0; i < cards->n_cards; i++) {
        const char *id = cards->cards[i].dev->id, *section = section_of(id);
        if (cards->cards[i].slot != PC_ISA &&
            machine_plug_models(section) != NULL)
            machine_note_card(m, section, id, cards->cards[i].slot);
    }
    for (unsigned i = 0; i < m->n_drives; i++)
        if (m->drives[i].bus != DRIVE_ON_BOARD)
            machine_note_unit(m, m->drives[i].name,
                              unit_slots[m->drives[i].bus]);
    for (unsigned i = 0; i < MACHINE_CONSOLES; i++) {
        g_autofree char *section = g_strdup_printf("console%u", i);
        if (m->consoles[i] != NULL)
            machine_note_unit(m, section, SLOT_CONSOLE);
    }
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
