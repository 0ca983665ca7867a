/* passthrough-wizard/pci-config.c - configuration space, as far as passthrough
 * asks: resets, interrupts, ACS. By PCI Local Bus 3.0 section 6 and PCI Express
 * Base 5.0 section 7. What the file of sysfs did not give (a user without root
 * gets 64 bytes) stays HOST_UNKNOWN. */
#include <string.h>

#include "passthrough-wizard/host-pci.h"

enum {
    CFG_STATUS = 0x06,
    CFG_HEADER = 0x0e,
    CFG_CAP_POINTER = 0x34,
    CFG_CARDBUS_POINTER = 0x14,
    STATUS_CAP_LIST = 1 << 4,

    CAP_PM = 0x01,
    CAP_MSI = 0x05,
    CAP_PCIE = 0x10,
    CAP_MSIX = 0x11,
    CAP_AF = 0x13,

    PM_CSR = 4,
    PM_NO_SOFT_RESET = 1 << 3,
    PCIE_DEVCAP = 4,
    PCIE_FLR = 1 << 28,
    AF_CAPS = 3,
    AF_TP = 1 << 0,
    AF_FLR = 1 << 1,

    EXT_FIRST = 0x100,
    EXT_ACS = 0x0d,
    EXT_ARI = 0x0e,
    EXT_SRIOV = 0x10,
    EXT_REBAR = 0x15,

    /* Dwords of the two areas: no list of pointers is longer. */
    MAX_CAPS = (256 - 64) / 4,
    MAX_EXT = (4096 - 256) / 4
};

static guint16
le16(const guint8 *data, gsize len, gsize at)
{
    return at + 2 <= len ? (guint16) (data[at] | data[at + 1] << 8) : 0;
}

static guint32
le32(const guint8 *data, gsize len, gsize at)
{
    return le16(data, len, at) | (guint32) le16(data, len, at + 2) << 16;
}

static HostTri
tri(bool yes)
{
    return yes ? HOST_YES : HOST_NO;
}

static void
take_capability(const guint8 *data, gsize len, gsize at, HostPciConfig *c)
{
    switch (data[at]) {
    case CAP_PM:
        c->pm_reset = tri(!(le16(data, len, at + PM_CSR) & PM_NO_SOFT_RESET));
        break;
    case CAP_MSI: c->msi = 1u << (le16(data, len, at + 2) >> 1 & 7); break;
    case CAP_MSIX: c->msix = (le16(data, len, at + 2) & 0x7ffu) + 1; break;
    case CAP_PCIE:
        c->pcie = (HostPcieType) (le16(data, len, at + 2) >> 4 & 15);
        if (le32(data, len, at + PCIE_DEVCAP) & PCIE_FLR)
            c->flr = HOST_YES;
        break;
    case CAP_AF:
        if (at + AF_CAPS < len &&
            (data[at + AF_CAPS] & (AF_TP | AF_FLR)) == (AF_TP | AF_FLR))
            c->flr = HOST_YES;
        break;
    default: break;
    }
}

static void
parse_list(const guint8 *data, gsize len, HostPciConfig *c)
{
    gsize at =
        c->header == 2 ? data[CFG_CARDBUS_POINTER] : data[CFG_CAP_POINTER];

    c->flr = c->pm_reset = HOST_NO;
    c->capabilities = HOST_YES;
    for (unsigned n = 0; n < MAX_CAPS; n++) {
        at &= ~(gsize) 3;
        if (at < 0x40)
            return;
        if (at + 4 > len)
            break;
        take_capability(data, len, at, c);
        at = data[at + 1];
    }
    c->capabilities = HOST_UNKNOWN; /* a loop, or cut off */
}

static void
parse_extended(const guint8 *data, gsize len, HostPciConfig *c)
{
    gsize at = EXT_FIRST;

    c->extended = HOST_YES;
    c->acs = c->ari = c->sriov = c->rebar = HOST_NO;
    for (unsigned n = 0; n < MAX_EXT && at >= EXT_FIRST && at + 4 <= len; n++) {
        guint32 head = le32(data, len, at);
        if (head == 0 || head == G_MAXUINT32)
            return;
        switch (head & 0xffff) {
        case EXT_ACS:
            c->acs = HOST_YES;
            c->acs_cap = le16(data, len, at + 4);
            c->acs_ctl = le16(data, len, at + 6);
            break;
        case EXT_ARI: c->ari = HOST_YES; break;
        case EXT_SRIOV: c->sriov = HOST_YES; break;
        case EXT_REBAR: c->rebar = HOST_YES; break;
        default: break;
        }
        at = head >> 20 & 0xffc;
    }
}

void
host_pci_config_parse(const guint8 *data, gsize len, HostPciConfig *ret)
{
    *ret = (HostPciConfig){.bytes = len, .pcie = HOST_PCIE_NONE};
    if (len < 64)
        return;
    if (le16(data, len, 0) == 0xffff) {
        /* A virtual function reads so too; the header tells: a device that is
         * there has no header of type 0x7f. */
        ret->gone = data[CFG_HEADER] == 0xff;
        if (ret->gone)
            return;
    }
    ret->header = data[CFG_HEADER] & 0x7f;
    ret->multi_function = data[CFG_HEADER] & 0x80;
    if (!(le16(data, len, CFG_STATUS) & STATUS_CAP_LIST)) {
        ret->capabilities = ret->extended = HOST_YES;
        ret->flr = ret->pm_reset = ret->acs = ret->ari = ret->sriov =
            ret->rebar = HOST_NO;
        return;
    }
    if (len < 256)
        return;
    parse_list(data, len, ret);
    if (ret->capabilities == HOST_YES && ret->pcie == HOST_PCIE_NONE)
        ret->extended = HOST_YES, /* conventional PCI has no second list */
            ret->acs = ret->ari = ret->sriov = ret->rebar = HOST_NO;
    else if (len > EXT_FIRST)
        parse_extended(data, len, ret);
}
