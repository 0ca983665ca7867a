/* share/bench-guest/ahci.c - disks of a SATA controller by queued commands and a
 * message interrupt (AHCI 1.3.1, SATA 2.6). Unit n: the disk at port n. The same
 * accesses as a usual driver's. */
#include "share/bench-guest/disk.h"
#include "share/bench-guest/irq.h"
#include "share/bench-guest/pci.h"

#define ICH9_AHCI    0x29228086u
#define ABAR         5u
#define CAP_MSI      0x05u
#define MSI_ENABLE   0x00010000u
#define VECTOR       (IRQ_MSI_BASE + 8)

#define GHC          0x04u
#define GHC_ENABLE   0x80000002u
#define IS           0x08u
#define PORT(n)      (0x100u + 0x80u * (n))
#define PX_CLB       0x00u
#define PX_FB        0x08u
#define PX_IS        0x10u
#define PX_IE        0x14u
#define PX_CMD       0x18u
#define PX_SIG       0x24u
#define PX_SSTS      0x28u
#define PX_SERR      0x30u
#define PX_SACT      0x34u
#define PX_CI        0x38u
#define CMD_RECEIVE  0x16u
#define CMD_RUN      0x17u
#define IE_QUEUED    0x78000009u
#define FAILED       0x78000000u
#define SIG_DISK     0x00000101u

#define MAX_UNITS    4u
#define HEADER       32u
#define TABLE        256u
#define REGIONS_AT   0x80u
#define FRAME        5u /* dwords */
#define READ_QUEUED  0x60u
#define WRITE_QUEUED 0x61u

typedef struct {
    bool open;
    u32 regs; /* the port's */
    u8 *list, *tables;
    u32 issued;  /* slots that the disk has */
    u32 waiting; /* submitted, not kicked */
} Unit;

static Unit units[MAX_UNITS];
static u32 abar;

static bool
controller_open(void)
{
    PciDev dev;

    if (abar != 0)
        return true;
    if (!pci_find(ICH9_AHCI & 0xffff, ICH9_AHCI >> 16, 0, &dev))
        return false;
    u32 msi = pci_capability(dev, CAP_MSI, 0);
    u32 at = pci_bar(dev, ABAR);
    pci_enable(dev);
    pci_write(dev, msi + 4, IRQ_MSI_ADDR);
    pci_write(dev, msi + 8, 0);
    pci_write(dev, msi + 12, VECTOR);
    pci_write(dev, msi, pci_read(dev, msi) | MSI_ENABLE);
    REG32(at + GHC) = GHC_ENABLE;
    abar = at;
    return true;
}

static bool
ahci_open(u32 unit)
{
    if (unit >= MAX_UNITS || !controller_open())
        return false;
    Unit *u = &units[unit];
    if (u->open)
        return true;
    u->regs = abar + PORT(unit);
    if (REG32(u->regs + PX_SIG) != SIG_DISK)
        return false;
    u->list = memory_take(DISK_MAX_DEPTH * HEADER, 1024);
    u->tables = memory_take(DISK_MAX_DEPTH * TABLE, 128);
    REG32(u->regs + PX_CLB) = (u32) u->list;
    REG32(u->regs + PX_FB) = (u32) memory_take(256, 256);
    REG32(u->regs + PX_CMD) = CMD_RECEIVE;
    REG32(u->regs + PX_SERR) = ~0u;
    REG32(u->regs + PX_IS) = ~0u;
    REG32(u->regs + PX_IE) = IE_QUEUED;
    REG32(u->regs + PX_CMD) = CMD_RUN;
    u->open = true;
    return true;
}

static void
ahci_submit(u32 unit, const DiskRequest *r)
{
    Unit *u = &units[unit];
    u8 *table = u->tables + r->slot * TABLE;
    u32 sectors = r->bytes / DISK_SECTOR;
    u32 command = r->write ? WRITE_QUEUED : READ_QUEUED;
    volatile u32 *frame = (volatile u32 *) table;
    volatile u32 *region = (volatile u32 *) (table + REGIONS_AT);
    volatile u32 *header = (volatile u32 *) (u->list + r->slot * HEADER);

    frame[0] = 0x8027u | command << 16 | sectors << 24;
    frame[1] = (r->sector & 0xffffff) | 0x40000000u;
    frame[2] = r->sector >> 24 | (sectors >> 8) << 24;
    frame[3] = r->slot << 3;
    frame[4] = 0;
    region[0] = (u32) r->data;
    region[1] = 0;
    region[3] = r->bytes - 1;
    header[0] = FRAME | (r->write ? 0x40u : 0) | 1u << 16;
    header[1] = 0;
    header[2] = (u32) table;
    header[3] = 0;
    u->waiting |= 1u << r->slot;
}

static void
ahci_kick(u32 unit)
{
    Unit *u = &units[unit];

    REG32(u->regs + PX_SACT) = u->waiting;
    REG32(u->regs + PX_CI) = u->waiting;
    u->issued |= u->waiting;
    u->waiting = 0;
}

/* What an interrupt handler does: clears the causes, then looks. */
static u32
ended(Unit *u, bool *ret_failed)
{
    u32 is = REG32(u->regs + PX_IS);

    if (is != 0) {
        REG32(u->regs + PX_IS) = is;
        REG32(abar + IS) = 1u << ((u->regs - abar - PORT(0)) / 0x80);
    }
    *ret_failed = (is & FAILED) != 0;
    return u->issued & ~REG32(u->regs + PX_SACT);
}

static int
ahci_complete(u32 unit, bool poll)
{
    Unit *u = &units[unit];
    bool failed;
    u32 done;

    while ((done = ended(u, &failed)) == 0) {
        if (failed)
            return -1;
        if (!poll)
            irq_wait();
    }
    u32 slot = 0;
    while ((done & 1u << slot) == 0)
        slot++;
    u->issued &= ~(1u << slot);
    return (int) slot;
}

const DiskDriver ahci_driver = {"ahci",      DISK_MAX_DEPTH, ahci_open,
                                ahci_submit, ahci_kick,      ahci_complete};
