/* app/assemble-scsi.c - drives on the SCSI controller, virtio-scsi: which unit
 * each is, and those that come and go while the guest runs. */
#include <string.h>

#include "app/assemble-internal.h"
#include "devices/bus/pci.h"
#include "devices/virtio/virtio-scsi.h"
#include "vmm/core/error.h"
#include "vmm/loop/loop.h"

/* A guest that was installed on a machine knows its disks by their units, so a
 * number once given keeps its meaning: disk0..3, cd0..3. */
#define FIRST_CD 4u

void
machine_place_scsi(const Profile *p, Drive *d)
{
    g_autofree char *key = g_strconcat(d->name, ".model", NULL);

    if (d->kind == DRIVE_FLOPPY ||
        strcmp(profile_get_string(p, key), "virtio-scsi") != 0)
        return;
    d->scsi = true;
    d->unit = d->number + (d->kind == DRIVE_CD ? FIRST_CD : 0);
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

bool
machine_set_unit(Device *dev, const Profile *p, const Drive *d, GError **error)
{
    g_autofree char *drive = g_strdup_printf("drive%u", d->unit);
    g_autofree char *cdrom = g_strdup_printf("cdrom%u", d->unit);
    g_autofree char *serial = g_strdup_printf("serial%u", d->unit);

    device_set_link(dev, drive, d->block);
    return device_set_u64(dev, cdrom, d->kind == DRIVE_CD, error) &&
           device_set_string(dev, serial, serial_of(p, d), error);
}

bool
machine_has_scsi(const Machine *m, GError **error)
{
    if (m->scsi != NULL)
        return true;
    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "machine '%s' has no SCSI controller: it is there when a disk "
                "or CD drive is on it at the start (model=virtio-scsi)",
                m->name);
    return false;
}

typedef struct {
    Machine *m;
    const Drive *drive;
    const char *serial;
    bool ok;
    GError *error;
} UnitChange;

static void
add_on_loop(void *data)
{
    UnitChange *c = data;
    const Drive *d = c->drive;

    c->ok = virtio_scsi_add_unit(c->m->scsi, d->unit,
                                 d->kind == DRIVE_CD ? SCSI_CD : SCSI_DISK,
                                 d->block, c->serial, &c->error);
}

static void
remove_on_loop(void *data)
{
    UnitChange *c = data;

    virtio_scsi_remove_unit(c->m->scsi, c->drive->unit);
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
    UnitChange c = {.m = m, .drive = d};
    unsigned slot = DEVICE_OF(PciDevice, m->scsi)->devfn >> 3;

    g_return_val_if_fail(d != NULL, false);
    c.serial = serial_of(p, d);
    loop_call(vm_loop(m->vm), add_on_loop, &c);
    if (!c.ok) {
        g_propagate_prefixed_error(error, c.error, "%s: ", section);
        return false;
    }
    machine_note_unit(m, section, slot);
    return true;
}

void
machine_remove_unit(Machine *m, const char *section)
{
    UnitChange c = {.m = m, .drive = find_drive(m, section)};

    if (c.drive != NULL)
        loop_call(vm_loop(m->vm), remove_on_loop, &c);
}

bool
machine_change_unit(Machine *m, const Drive *d, Block *block, bool force,
                    GError **error)
{
    return virtio_scsi_set_media(m->scsi, d->unit, block, force, error);
}
