/* devices/bus/pci-msix.c - see pci-msix.h.
 *
 * A message goes straight to the interrupt controllers. A route in the
 * kernel's table, which costs far more than a message, is made only for
 * vectors whose eventfd somebody has asked for. */
#include "devices/bus/pci-msix.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"

#define CAP_ID         0x11u
#define CAP_LEN        12u
#define CONTROL        2u /* message control, 6.8.2.3 */
#define CONTROL_ENABLE 0x8000u
#define CONTROL_MASK   0x4000u
#define TABLE_BIR      4u
#define PBA_BIR        8u

#define BAR_SIZE       4096u
#define ENTRY_SIZE     16u
#define PBA_OFFSET     2048u
#define ENTRY_MASKED   1u /* vector control, 6.8.2.9 */

/* clang-format off */
static const StateField entry_fields[] = {
    STATE_FIELD(PciMsixEntry, address_lo, STATE_U32),
    STATE_FIELD(PciMsixEntry, address_hi, STATE_U32),
    STATE_FIELD(PciMsixEntry, data, STATE_U32),
    STATE_FIELD(PciMsixEntry, control, STATE_U32),
    STATE_FIELDS_END
};
static const StateDesc entry_desc = {
    .name = "msix-entry", .version = 1, .min_version = 1,
    .size = sizeof(PciMsixEntry), .fields = entry_fields,
};
static const StateField msix_fields[] = {
    STATE_SUB_ARRAY(PciMsixState, table, &entry_desc),
    STATE_BLOB(PciMsixState, pending),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc pci_msix_state_desc = {
    .name = "pci-msix",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PciMsixState),
    .fields = msix_fields,
};

G_STATIC_ASSERT(PCI_MSIX_MAX % 8 == 0);
G_STATIC_ASSERT(PCI_MSIX_MAX *ENTRY_SIZE <= PBA_OFFSET);

static bool
is_masked(const PciMsix *msix, unsigned v)
{
    return !msix->enabled || msix->masked_all ||
           (msix->s->table[v].control & ENTRY_MASKED) != 0;
}

static bool
is_pending(const PciMsix *msix, unsigned v)
{
    return (msix->s->pending[v / 8] & (1u << (v % 8))) != 0;
}

static void
set_pending(PciMsix *msix, unsigned v, bool on)
{
    guint8 bit = (guint8) (1u << (v % 8));

    if (on)
        msix->s->pending[v / 8] |= bit;
    else
        msix->s->pending[v / 8] &= (guint8) ~bit;
}

static void
set_route(PciMsix *msix, unsigned v)
{
    const PciMsixEntry *e = &msix->s->table[v];

    if (!msix->stale[v])
        return;
    int ret = msi_route(msix->msi[v],
                        e->address_lo | (guint64) e->address_hi << 32, e->data);
    if (ret < 0)
        device_guest_error(&msix->pdev->dev,
                           "MSI-X vector %u cannot be routed: %s", v,
                           g_strerror(-ret));
    msix->stale[v] = false;
}

static void
update_vector(PciMsix *msix, unsigned v)
{
    bool masked = is_masked(msix, v);

    if (!masked)
        set_route(msix, v);
    msi_set_masked(msix->msi[v], masked);
    if (!masked && is_pending(msix, v)) {
        set_pending(msix, v, false);
        msi_send(msix->msi[v]);
    }
}

static void
read_control(PciMsix *msix)
{
    const guint8 *config = msix->pdev->state->config;
    guint16 control = pci_get16(config, msix->cap + CONTROL);

    msix->enabled = (control & CONTROL_ENABLE) != 0;
    msix->masked_all = (control & CONTROL_MASK) != 0;
    for (unsigned v = 0; v < msix->n; v++)
        update_vector(msix, v);
}

void
pci_msix_config_written(PciMsix *msix, unsigned offset, unsigned size)
{
    if (msix->cap == 0 || offset >= msix->cap + CAP_LEN ||
        offset + size <= msix->cap)
        return;
    g_mutex_lock(&msix->pdev->dev.lock);
    read_control(msix);
    g_mutex_unlock(&msix->pdev->dev.lock);
}

bool
pci_msix_is_enabled(const PciMsix *msix)
{
    return msix->enabled;
}

void
pci_msix_send(PciMsix *msix, unsigned v)
{
    if (!msix->enabled || v >= msix->n)
        return;
    if (is_masked(msix, v))
        set_pending(msix, v, true);
    else
        msi_send(msix->msi[v]);
}

int
pci_msix_eventfd(PciMsix *msix, unsigned v)
{
    return v < msix->n ? msi_eventfd(msix->msi[v]) : -1;
}

/* ---- the BAR; dwords and qwords only, 6.8.2 ---- */

static guint32 *
entry_field(PciMsix *msix, unsigned v, unsigned field)
{
    PciMsixEntry *e = &msix->s->table[v];
    guint32 *const fields[] = {&e->address_lo, &e->address_hi, &e->data,
                               &e->control};

    return fields[field];
}

static guint32
read_pba(PciMsix *msix, unsigned first)
{
    guint32 bits = 0;

    for (unsigned v = first; v < MIN(first + 32, msix->n); v++)
        if (is_pending(msix, v) || msi_pending(msix->msi[v]))
            bits |= 1u << (v - first);
    return bits;
}

static guint64
msix_read(void *dev, guint64 offset, unsigned size)
{
    PciMsix *msix = dev;
    unsigned v = (unsigned) offset / ENTRY_SIZE;

    if (offset % 4 != 0)
        return G_MAXUINT64;
    if (v < msix->n)
        return *entry_field(msix, v, (unsigned) offset % ENTRY_SIZE / 4);
    if (offset >= PBA_OFFSET)
        return read_pba(msix, (unsigned) (offset - PBA_OFFSET) * 8);
    return 0;
}

static void
msix_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    PciMsix *msix = dev;
    unsigned v = (unsigned) offset / ENTRY_SIZE;
    unsigned field = (unsigned) offset % ENTRY_SIZE / 4;

    if (offset % 4 != 0 || v >= msix->n)
        return;
    guint32 *at = entry_field(msix, v, field);
    if (at == &msix->s->table[v].control) {
        *at = (guint32) value & ENTRY_MASKED;
    } else {
        msix->stale[v] = msix->stale[v] || *at != (guint32) value;
        *at = (guint32) value;
    }
    update_vector(msix, v);
}

static const IoOps msix_ops = {
    .read = msix_read,
    .write = msix_write,
    .min_size = 4,
    .max_size = 4,
};

/* ---- life ---- */

void
pci_msix_realize(PciMsix *msix, PciDevice *pdev, PciMsixState *state,
                 unsigned n, unsigned bar)
{
    g_assert(n >= 1 && n <= PCI_MSIX_MAX);
    *msix = (PciMsix){.pdev = pdev, .s = state, .n = n};
    msix->msi = g_new0(Msi *, n);
    msix->stale = g_new0(bool, n);
    for (unsigned v = 0; v < n; v++)
        msix->msi[v] = msi_new(pdev->dev.env);
    msix->cap = pci_add_capability(pdev, CAP_ID, CAP_LEN);
    pci_put16(pdev->initial, msix->cap + CONTROL, (guint16) (n - 1));
    pci_put32(pdev->initial, msix->cap + TABLE_BIR, bar);
    pci_put32(pdev->initial, msix->cap + PBA_BIR, PBA_OFFSET | bar);
    pci_put16(pdev->wmask, msix->cap + CONTROL, CONTROL_ENABLE | CONTROL_MASK);
    msix->region =
        io_region_new("msix", &msix_ops, msix, &pdev->dev.lock, BAR_SIZE);
    pci_add_bar(pdev, bar, PCI_BAR_MEM32, false, BAR_SIZE, msix->region, NULL);
}

void
pci_msix_unrealize(PciMsix *msix)
{
    g_clear_pointer(&msix->region, io_region_free);
    for (unsigned v = 0; v < msix->n; v++)
        msi_free(msix->msi[v]);
    g_clear_pointer(&msix->msi, g_free);
    g_clear_pointer(&msix->stale, g_free);
    msix->n = msix->cap = 0;
}

static void
all_stale(PciMsix *msix)
{
    for (unsigned v = 0; v < msix->n; v++)
        msix->stale[v] = true;
}

void
pci_msix_reset(PciMsix *msix)
{
    memset(msix->s, 0, sizeof *msix->s);
    for (unsigned v = 0; v < PCI_MSIX_MAX; v++)
        msix->s->table[v].control = ENTRY_MASKED;
    all_stale(msix);
    read_control(msix);
}

void
pci_msix_restored(PciMsix *msix)
{
    all_stale(msix);
    read_control(msix);
}
