/* devices/bus/pci-msi.c - see pci-msi.h. */
#include "devices/bus/pci-msi.h"

#include "vmm/irq/irq.h"

#define CAP_ID         0x05
#define CAP_LEN        14u
#define CONTROL        2 /* offsets in the capability */
#define ADDRESS_LO     4
#define ADDRESS_HI     8
#define DATA           12
#define CONTROL_ENABLE 0x0001
#define CONTROL_64BIT  0x0080

void
pci_msi_realize(PciMsi *m, PciDevice *pdev)
{
    *m = (PciMsi){.pdev = pdev, .msi = msi_new(pdev->dev.env)};
    m->cap = pci_add_capability(pdev, CAP_ID, CAP_LEN);
    pci_put16(pdev->initial, m->cap + CONTROL, CONTROL_64BIT);
    pci_put16(pdev->wmask, m->cap + CONTROL, CONTROL_ENABLE);
    pci_put32(pdev->wmask, m->cap + ADDRESS_LO, ~3u);
    pci_put32(pdev->wmask, m->cap + ADDRESS_HI, ~0u);
    pci_put16(pdev->wmask, m->cap + DATA, 0xffff);
    msi_set_masked(m->msi, false);
}

void
pci_msi_unrealize(PciMsi *m)
{
    g_clear_pointer(&m->msi, msi_free);
    m->cap = 0;
}

void
pci_msi_update(PciMsi *m)
{
    const guint8 *c = m->pdev->state->config + m->cap;

    m->enabled = (pci_get16(c, CONTROL) & CONTROL_ENABLE) != 0;
    if (!m->enabled)
        return;
    guint64 address =
        pci_get32(c, ADDRESS_LO) | (guint64) pci_get32(c, ADDRESS_HI) << 32;
    int ret = msi_route(m->msi, address, pci_get16(c, DATA));
    if (ret < 0)
        device_guest_error(&m->pdev->dev, "the MSI cannot be routed: %s",
                           g_strerror(-ret));
}

bool
pci_msi_config_written(PciMsi *m, unsigned offset, unsigned size)
{
    if (m->cap == 0 || offset >= m->cap + CAP_LEN || offset + size <= m->cap)
        return false;
    g_mutex_lock(&m->pdev->dev.lock);
    pci_msi_update(m);
    g_mutex_unlock(&m->pdev->dev.lock);
    return true;
}

void
pci_msi_send(PciMsi *m)
{
    if (m->enabled)
        msi_send(m->msi);
}
