/* app/assemble-units.c - drives on a controller that is a card: virtio-scsi and
 * ahci. Which unit each is, and those that come and go while the guest runs. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/bus/pci.h"
#include "devices/storage/ahci.h"
#include "devices/virtio/virtio-scsi.h"
#include "vmm/core/error.h"
#include "vmm/loop/loop.h"

/* ---- SCSI ---- */

static bool
add_scsi(Device *dev, const Drive *d, const char *serial, GError **error)
{
    return virtio_scsi_add_unit(dev, d->unit,
                                d->kind == DRIVE_CD ? SCSI_CD : SCSI_DISK,
                                d->block, serial, error);
}

static bool
set_scsi(Device *dev, const Drive *d, GError **error)
{
    g_autofree char *cdrom = g_strdup_printf("cdrom%u", d->unit);

    return device_set_u64(dev, cdrom, d->kind == DRIVE_CD, error);
}

/* ---- SATA ---- */

static bool
add_sata(Device *dev, const Drive *d, const char *serial, GError **error)
{
    return ahci_add_unit(dev, d->unit, d->kind == DRIVE_CD, d->block, serial,
                         error);
}

static bool
set_sata(Device *dev, const Drive *d, GError **error)
{
    g_autofree char *kind = g_strdup_printf("kind%u", d->unit);

    return device_set_string(dev, kind, d->kind == DRIVE_CD ? "cd" : "disk",
                             error);
}

/* One row a controller. A guest that was installed on a machine knows its disks
 * by their units, so a number once given keeps its meaning. */
typedef struct {
    const char *model, *what;
    guint8 disk[4], cd[4]; /* units of disk0.., cd0.. */
    bool (*set)(Device *dev, const Drive *d, GError **error);
    bool (*add)(Device *dev, const Drive *d, const char *serial,
                GError **error);
    void (*remove)(Device *dev, unsigned unit);
    bool (*set_media)(Device *dev, unsigned unit, Block *block, bool force,
                      GError **error);
    unsigned (*tray)(Device *dev, unsigned unit);
} Controller;

/* clang-format off */
static const Controller controllers[DRIVE_N_BUSES] = {
    [DRIVE_ON_SCSI] = { "virtio-scsi", "SCSI", { 0, 1, 2, 3 }, { 4, 5, 6, 7 },
                        set_scsi, add_scsi, virtio_scsi_remove_unit,
                        virtio_scsi_set_media, virtio_scsi_tray },
    [DRIVE_ON_SATA] = { "ahci", "SATA", { 0, 1, 2, 3 }, { 4, 5, 3, 2 },
                        set_sata, add_sata, ahci_remove_unit,
                        ahci_set_media, ahci_tray },
};
/* clang-format on */

DriveBus
machine_unit_bus(const Profile *p, const char *section)
{
    g_autofree char *key = g_strconcat(section, ".model", NULL);

    if (g_str_has_prefix(section, "disk") || g_str_has_prefix(section, "cd"))
        for (DriveBus bus = DRIVE_ON_SCSI; bus < DRIVE_N_BUSES; bus++)
            if (strcmp(profile_get_string(p, key), controllers[bus].model) == 0)
                return bus;
    return DRIVE_ON_BOARD;
}

void
machine_place_unit(const Profile *p, Drive *d)
{
    const Controller *c;

    d->bus = machine_unit_bus(p, d->name);
    if (d->bus == DRIVE_ON_BOARD)
        return;
    c = &controllers[d->bus];
    d->unit = d->kind == DRIVE_CD ? c->cd[d->number] : c->disk[d->number];
}

const char *
machine_unit_model(DriveBus bus)
{
    return controllers[bus].model;
}

/* The serial number that people gave the disk, else its name. */
static const char *
serial_of(const Profile *p, const Drive *d)
{
    g_autofree char *key = g_strconcat(d->name, ".serial", NULL);
    const char *serial =
        d->kind == DRIVE_DISK ? profile_get_string(p, key) : "";

    return *serial != '\0' ? serial : d->name;
}

/* Two names can mean one port of the SATA controller. */
static bool
is_place_free(const Machine *m, const Drive *d, GError **error)
{
    for (unsigned i = 0; i < m->n_drives; i++) {
        const Drive *other = &m->drives[i];
        if (other->bus != d->bus || other->unit != d->unit ||
            strcmp(other->name, d->name) == 0)
            continue;
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "%s has the place of %s on the %s controller, which has "
                    "room for six drives; take another number for one of them",
                    other->name, d->name, controllers[d->bus].what);
        return false;
    }
    return true;
}

bool
machine_set_unit(const Machine *m, const Profile *p, const Drive *d,
                 GError **error)
{
    Device *dev = m->controllers[d->bus];
    g_autofree char *drive = g_strdup_printf("drive%u", d->unit);
    g_autofree char *serial = g_strdup_printf("serial%u", d->unit);

    if (!is_place_free(m, d, error))
        return false;
    device_set_link(dev, drive, d->block);
    return controllers[d->bus].set(dev, d, error) &&
           device_set_string(dev, serial, serial_of(p, d), error);
}

bool
machine_has_controller(const Machine *m, DriveBus bus, GError **error)
{
    if (m->controllers[bus] != NULL)
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "machine '%s' has no %s controller: it is there when a disk "
                "or CD drive is on it at the start (model=%s)",
                m->name, controllers[bus].what, controllers[bus].model);
    return false;
}

typedef struct {
    Device *dev;
    const Drive *drive;
    const char *serial;
    bool ok;
    GError *error;
} UnitChange;

static void
add_on_loop(void *data)
{
    UnitChange *c = data;

    c->ok =
        controllers[c->drive->bus].add(c->dev, c->drive, c->serial, &c->error);
}

static void
remove_on_loop(void *data)
{
    UnitChange *c = data;

    controllers[c->drive->bus].remove(c->dev, c->drive->unit);
}

static const Drive *
find_drive(const Machine *m, const char *name)
{
    for (unsigned i = 0; i < m->n_drives; i++)
        if (strcmp(m->drives[i].name, name) == 0)
            return &m->drives[i];
    return NULL;
}

bool
machine_add_unit(Machine *m, const Profile *p, const char *section,
                 GError **error)
{
    const Drive *d = find_drive(m, section);
    UnitChange c = {.drive = d};

    g_return_val_if_fail(d != NULL, false);
    if (!is_place_free(m, d, error))
        return false;
    c.dev = m->controllers[d->bus];
    c.serial = serial_of(p, d);
    loop_call(vm_loop(m->vm), add_on_loop, &c);
    if (!c.ok) {
        g_propagate_prefixed_error(error, c.error, "%s: ", section);
        return false;
    }
    machine_note_unit(m, section, DEVICE_OF(PciDevice, c.dev)->devfn >> 3);
    return true;
}

void
machine_remove_unit(Machine *m, const char *section)
{
    UnitChange c = {.drive = find_drive(m, section)};

    if (c.drive == NULL)
        return;
    c.dev = m->controllers[c.drive->bus];
    loop_call(vm_loop(m->vm), remove_on_loop, &c);
}

bool
machine_change_unit(Machine *m, const Drive *d, Block *block, bool force,
                    GError **error)
{
    return controllers[d->bus].set_media(m->controllers[d->bus], d->unit, block,
                                         force, error);
}

unsigned
machine_unit_tray(const Machine *m, DriveBus bus, unsigned unit)
{
    Device *dev = m->controllers[bus];

    return dev != NULL ? controllers[bus].tray(dev, unit) : 0;
}
