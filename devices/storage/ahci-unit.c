/* devices/storage/ahci-unit.c - drives of the SATA controller that come and go,
 * and their discs, while the guest runs. AHCI 1.3.1 chapter 7.3: the link tells
 * it, by PxSSTS, PxSERR and two interrupts. */
#include "devices/storage/ahci-internal.h"
#include "vmm/core/error.h"

static AhciPort *
port_at(Device *dev, unsigned port)
{
    return port < AHCI_PORTS ? &DEVICE_OF(Ahci, dev)->port[port] : NULL;
}

/* Lock held. */
static void
link_changed(AhciPort *p)
{
    ahci_port_link(p);
    p->s->serr |= PX_SERR_N;
    ahci_show(p);
}

bool
ahci_add_unit(Device *dev, unsigned port, bool cdrom, Block *block,
              const char *serial, GError **error)
{
    AhciPort *p = port_at(dev, port);

    if (p == NULL || p->drive.kind != IDE_ABSENT) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "SATA port %u is taken; detach what is there, or take "
                    "another number",
                    port);
        return false;
    }
    if (!ahci_port_fill(p, cdrom ? IDE_CD : IDE_DISK, block, serial, error)) {
        p->drive.kind = IDE_ABSENT;
        return false;
    }
    g_mutex_lock(&dev->lock);
    ide_drive_power_on(&p->drive);
    link_changed(p);
    g_mutex_unlock(&dev->lock);
    return true;
}

void
ahci_remove_unit(Device *dev, unsigned port)
{
    AhciPort *p = port_at(dev, port);

    if (p == NULL || p->drive.kind == IDE_ABSENT)
        return;
    g_mutex_lock(&dev->lock);
    ahci_port_stop(p);
    p->drive.kind = IDE_ABSENT;
    link_changed(p);
    g_mutex_unlock(&dev->lock);
    ahci_queue_detach(p);
    p->drive.block = NULL;
}

bool
ahci_set_media(Device *dev, unsigned port, Block *block, bool force,
               GError **error)
{
    AhciPort *p = port_at(dev, port);

    if (p != NULL && p->drive.kind == IDE_CD)
        return ide_drive_set_media(&p->drive, block, force, error);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NODEV,
                "SATA port %u is no CD drive, its medium cannot be changed",
                port);
    return false;
}

unsigned
ahci_tray(Device *dev, unsigned port)
{
    AhciPort *p = port_at(dev, port);

    return p != NULL ? (unsigned) g_atomic_int_get(&p->drive.tray) : 0;
}
