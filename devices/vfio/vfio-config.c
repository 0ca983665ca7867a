/* devices/vfio/vfio-config.c - configuration space of a passed-through function.
 *
 * PCI Local Bus 3.0 chapter 6, PCI Power Management 1.2, PCI Express Base 3.0
 * section 7.8. What addresses, interrupts and power depend on is the guest's
 * own copy; what drivers read of the device is the device's. The space behind
 * byte 255 is vfio-extended.c's.
 *
 * The device's memory decoding stays on behind the guest's back: the guest's bit
 * decides whether the BARs are in its address space, and a CPU that touches a
 * mapped BAR of a device whose decoding is off would get a bus error. */
#include <string.h>

#include "devices/bus/pci-bridge.h"
#include "devices/vfio/vfio-internal.h"

#define CAP_PM              0x01u
#define CAP_MSI             0x05u
#define CAP_EXP             0x10u
#define CAP_MSIX            0x11u
#define FIRST_CAP           0x40u
#define MAX_CAPS            48u /* as many as fit */

#define PM_CAPABILITIES     2u
#define PM_PME_SUPPORT      0xf800u
#define PM_CONTROL          4u
#define PM_STATE            0x0003u
#define PM_STATE_D3HOT      0x0003u
#define PM_NO_SOFT_RESET    0x0008u

#define EXP_FLAGS           2u
#define EXP_VERSION         0x000fu
#define EXP_TYPE            0x00f0u
#define EXP_TYPE_ENDPOINT   0x0000u
#define EXP_TYPE_LEGACY     0x0010u
#define EXP_TYPE_INTEGRATED 0x0090u /* root complex integrated endpoint */
#define EXP_LINK            0x0cu   /* link and slot and root registers */
#define EXP_LINK_CONTROL    0x10u
#define EXP_LINK_STATUS     0x12u
#define EXP_X1_FIRST_SPEED  0x0011u
#define EXP_DEVICE2         0x24u
#define EXP_LINK2           0x2cu
#define EXP_V1_LEN          0x14u
#define EXP_V2_LEN          0x3cu

#define MSI_FLAGS           2u
#define MSI_MULTIPLE_CAP    0x000eu
#define MSI_ENABLE          0x0001u
#define MSI_MULTIPLE        0x0070u
#define MSI_64              0x0080u
#define MSI_MASKS           0x0100u

#define MSIX_FLAGS          2u
#define MSIX_SIZE           0x07ffu
#define MSIX_ENABLE         0xc000u /* and function mask */
#define MSIX_TABLE          4u
#define MSIX_PBA            8u
#define MSIX_LEN            12u
#define BIR                 7u

#define COMMAND_GUEST                                                          \
    (PCI_COMMAND_MASTER | 0x0150u) /* and the error bits, for the device */

/* Bytes [offset, offset + len) are the guest's copy: as at reset, read-only. */
static void
own(VfioPci *d, unsigned offset, unsigned len)
{
    memset(d->passed + offset, 0, len * sizeof d->passed[0]);
    memset(d->pci.wmask + offset, 0, len);
}

static void
hide(VfioPci *d, unsigned offset, unsigned len)
{
    own(d, offset, len);
    memset(d->pci.initial + offset, 0, len);
}

/* ---- capabilities ---- */

/* The guest's device never sleeps: a function in D3 would not answer, and the
 * guest is told that it loses nothing by the way back. */
static bool
fill_pm(VfioPci *d, unsigned at)
{
    guint8 *c = d->pci.initial;
    guint16 caps = pci_get16(c, at + PM_CAPABILITIES);

    own(d, at, 8);
    d->pm_cap = at;
    pci_put16(c, at + PM_CAPABILITIES, caps & (guint16) ~PM_PME_SUPPORT);
    pci_put32(c, at + PM_CONTROL, PM_NO_SOFT_RESET);
    pci_put16(d->pci.wmask, at + PM_CONTROL, PM_STATE);
    return true;
}

static unsigned
msi_len(guint16 flags)
{
    unsigned len = (flags & MSI_64) != 0 ? 14 : 10;

    return (flags & MSI_MASKS) != 0 ? len + 10 : len;
}

static bool
fill_msi(VfioPci *d, unsigned at)
{
    guint8 *c = d->pci.initial, *w = d->pci.wmask;
    guint16 flags = pci_get16(c, at + MSI_FLAGS);
    unsigned len = msi_len(flags);
    bool wide = (flags & MSI_64) != 0;

    if (d->host->n_irqs[VFIO_HOST_MSI] == 0 || at + len > PCI_CONFIG_SIZE)
        return false;
    hide(d, at + 2, len - 2);
    own(d, at, 2);
    pci_put16(c, at + MSI_FLAGS,
              flags & (MSI_64 | MSI_MASKS | MSI_MULTIPLE_CAP));
    pci_put16(w, at + MSI_FLAGS, MSI_ENABLE | MSI_MULTIPLE);
    pci_put32(w, at + 4, ~3u);
    if (wide)
        pci_put32(w, at + 8, ~0u);
    pci_put16(w, at + (wide ? 12 : 8), 0xffff);
    if ((flags & MSI_MASKS) != 0)
        pci_put32(w, at + (wide ? 16 : 12), ~0u);
    d->msi_cap = at;
    return true;
}

static bool
fill_msix(VfioPci *d, unsigned at)
{
    guint8 *c = d->pci.initial;
    guint16 flags = pci_get16(c, at + MSIX_FLAGS);
    guint32 table = pci_get32(c, at + MSIX_TABLE);
    guint32 pba = pci_get32(c, at + MSIX_PBA);

    if (d->host->n_irqs[VFIO_HOST_MSIX] == 0 || (table & BIR) >= PCI_NUM_BARS ||
        (pba & BIR) >= PCI_NUM_BARS)
        return false;
    own(d, at, MSIX_LEN);
    pci_put16(c, at + MSIX_FLAGS, flags & MSIX_SIZE);
    pci_put16(d->pci.wmask, at + MSIX_FLAGS, MSIX_ENABLE);
    d->n_msix = (flags & MSIX_SIZE) + 1u;
    d->table_bar = table & BIR;
    d->table_offset = table & ~BIR;
    d->pba_bar = pba & BIR;
    d->pba_offset = pba & ~BIR;
    d->msix_cap = at;
    return true;
}

/* A part of the host's chip set has no link, but behind a root port there is one.
 * By version 1 it need not even have the registers; it stays what it is then. */
static void
fill_new_endpoint(VfioPci *d, unsigned at, unsigned end)
{
    guint8 *c = d->pci.initial;
    guint16 flags = pci_get16(c, at + EXP_FLAGS);

    pci_put16(c, at + EXP_FLAGS, (guint16) (flags & ~EXP_TYPE));
    hide(d, at + EXP_LINK, MIN(end, at + EXP_DEVICE2) - (at + EXP_LINK));
    pci_put32(c, at + EXP_LINK, EXP_X1_FIRST_SPEED);
    pci_put16(c, at + EXP_LINK_STATUS, EXP_X1_FIRST_SPEED);
    if (end > at + EXP_LINK2)
        hide(d, at + EXP_LINK2, end - (at + EXP_LINK2));
}

/* Behind a root port the guest sees an endpoint, whose link is as it was when the
 * machine started: it is the host's to change. Else there is no link, and the
 * guest sees a device that is part of its chip set. Device control is the
 * device's own: the kernel carries out function level resets and keeps what must
 * be kept. */
static bool
fill_exp(VfioPci *d, unsigned at)
{
    guint8 *c = d->pci.initial;
    guint16 flags = pci_get16(c, at + EXP_FLAGS);
    guint16 type = flags & EXP_TYPE;
    bool v2 = (flags & EXP_VERSION) >= 2;
    unsigned end = MIN(at + (v2 ? EXP_V2_LEN : EXP_V1_LEN), PCI_CONFIG_SIZE);

    own(d, at, 4);
    d->is_express = true;
    if (type == EXP_TYPE_INTEGRATED && v2 && pci_bus_bridge(d->pci.bus) != NULL)
        fill_new_endpoint(d, at, end);
    if (type != EXP_TYPE_ENDPOINT && type != EXP_TYPE_LEGACY)
        return true;
    if (pci_bus_bridge(d->pci.bus) != NULL) {
        own(d, at + EXP_LINK, MIN(end, at + EXP_DEVICE2) - (at + EXP_LINK));
        pci_put16(c, at + EXP_LINK_CONTROL, 0);
        if (v2 && end > at + EXP_LINK2)
            own(d, at + EXP_LINK2, end - (at + EXP_LINK2));
        return true;
    }
    pci_put16(c, at + EXP_FLAGS,
              (guint16) ((flags & ~EXP_TYPE) | EXP_TYPE_INTEGRATED));
    hide(d, at + EXP_LINK, MIN(end, at + EXP_DEVICE2) - (at + EXP_LINK));
    if (v2 && end > at + EXP_LINK2)
        hide(d, at + EXP_LINK2, end - (at + EXP_LINK2));
    return true;
}

/* The rest is the device's, but for its place in the chain. */
static bool
fill_passed(VfioPci *d, unsigned at)
{
    own(d, at, 2);
    return true;
}

/* What is not listed is hidden, as nobody knows its length: the chain goes past
 * it. False from fill: hidden as well. */
static const struct {
    guint8 id, len; /* len: at least so many bytes */
    bool (*fill)(VfioPci *d, unsigned at);
} caps[] = {
    {CAP_PM, 8, fill_pm},
    {CAP_MSI, 10, fill_msi},
    {0x07, 8, fill_passed}, /* PCI-X */
    {0x09, 3, fill_passed}, /* vendor specific */
    {0x0d, 8, fill_passed}, /* subsystem ids of a bridge */
    {CAP_EXP, EXP_V1_LEN, fill_exp},
    {CAP_MSIX, MSIX_LEN, fill_msix},
    {0x12, 8, fill_passed}, /* SATA */
    {0x13, 6, fill_passed}, /* advanced features: function level reset */
};

static bool
fill_cap(VfioPci *d, unsigned at)
{
    guint8 id = d->pci.initial[at];

    for (gsize i = 0; i < G_N_ELEMENTS(caps); i++)
        if (caps[i].id == id)
            return at + caps[i].len <= PCI_CONFIG_SIZE && caps[i].fill(d, at);
    return false;
}

/* A chain that bites its tail ends after MAX_CAPS. */
static void
fill_caps(VfioPci *d, const guint8 *config)
{
    guint8 *c = d->pci.initial;
    unsigned at = config[PCI_CAPABILITY_LIST] & ~3u;
    unsigned link = PCI_CAPABILITY_LIST;

    if ((pci_get16(config, PCI_STATUS) & PCI_STATUS_CAP_LIST) == 0)
        return;
    for (unsigned n = 0; at >= FIRST_CAP && n < MAX_CAPS; n++) {
        unsigned next = config[at + 1] & ~3u;
        if (fill_cap(d, at)) {
            c[link] = (guint8) at;
            link = at + 1;
            c[link] = 0;
        } else {
            hide(d, at, 4);
        }
        at = next;
    }
    if (link != PCI_CAPABILITY_LIST)
        c[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
}

/* ---- the whole ---- */

void
vfio_config_realize(VfioPci *d, const guint8 *config)
{
    guint8 *c = d->pci.initial;

    memset(d->passed, 0, sizeof d->passed);
    pci_put16(c, PCI_STATUS, pci_get16(config, PCI_STATUS) & 0x06a0);
    c[0x3e] = config[0x3e]; /* minimum grant, maximum latency */
    c[0x3f] = config[0x3f];
    memcpy(c + FIRST_CAP, config + FIRST_CAP, PCI_CONFIG_SIZE - FIRST_CAP);
    for (unsigned i = FIRST_CAP; i < PCI_CONFIG_SIZE; i++)
        d->passed[i] = true;
    memset(d->pci.wmask + FIRST_CAP, 0xff, PCI_CONFIG_SIZE - FIRST_CAP);
    d->msi_cap = d->msix_cap = d->n_msix = d->pm_cap = 0;
    d->is_express = false;
    fill_caps(d, config);
}

void
vfio_config_write_command(VfioPci *d)
{
    guint16 command = pci_get16(d->s.pci.config, PCI_COMMAND);

    vfio_host_write(
        d->host, VFIO_HOST_CONFIG, PCI_COMMAND,
        (command & COMMAND_GUEST) | PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
}

void
vfio_config_sleep(VfioPci *d)
{
    if (d->pm_cap != 0)
        vfio_host_write(d->host, VFIO_HOST_CONFIG, d->pm_cap + PM_CONTROL,
                        PM_STATE_D3HOT, 2);
}

void
vfio_config_reading(PciDevice *pdev, unsigned offset, unsigned size)
{
    VfioPci *d = DEVICE_OF(VfioPci, &pdev->dev);

    for (unsigned i = offset; i < offset + size; i++)
        if (d->passed[i])
            d->s.pci.config[i] =
                (guint8) vfio_host_read(d->host, VFIO_HOST_CONFIG, i, 1);
    if (offset <= PCI_STATUS && offset + size > PCI_STATUS)
        vfio_intx_show(d);
}

/* The device may change its bytes at any time. */
bool
vfio_config_is_live(const PciDevice *pdev)
{
    return true;
}

/* One write when all bytes are the device's, as registers may be wider than a
 * byte and act at once. */
static void
write_passed(VfioPci *d, unsigned offset, unsigned size)
{
    const guint8 *c = d->s.pci.config;
    unsigned n = 0;
    guint32 value = 0;

    for (unsigned i = 0; i < size; i++) {
        n += d->passed[offset + i] ? 1 : 0;
        value |= (guint32) c[offset + i] << (8 * i);
    }
    if (n == size)
        vfio_host_write(d->host, VFIO_HOST_CONFIG, offset, value, size);
    for (unsigned i = 0; n < size && i < size; i++)
        if (d->passed[offset + i])
            vfio_host_write(d->host, VFIO_HOST_CONFIG, offset + i,
                            c[offset + i], 1);
}

void
vfio_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                    const guint8 *old)
{
    VfioPci *d = DEVICE_OF(VfioPci, &pdev->dev);

    if (offset < PCI_COMMAND + 2 && offset + size > PCI_COMMAND)
        vfio_config_write_command(d);
    if (offset <= PCI_COMMAND + 1 && offset + size > PCI_COMMAND + 1)
        vfio_intx_moved(pdev); /* the disable bit */
    write_passed(d, offset, size);
    vfio_msi_config_written(d, offset, size);
}
