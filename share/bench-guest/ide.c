/* share/bench-guest/ide.c - the disks of PIIX3's first channel by bus-master
 * DMA (PIIX3 data sheet, SFF-8038i, ATA/ATAPI-6). Unit 0 and 1: master, slave.
 * The same accesses as a usual driver's. */
#include "share/bench-guest/disk.h"
#include "share/bench-guest/irq.h"
#include "share/bench-guest/pci.h"

#define PIIX3_IDE    0x70108086u
#define IDETIM       0x40u
#define DECODE_BOTH  0x80008000u
#define BM_BAR       4u
#define BM_BASE      0xc000u
#define BM_COMMAND   (BM_BASE + 0)
#define BM_STATUS    (BM_BASE + 2)
#define BM_TABLE     (BM_BASE + 4)
#define BM_START     0x01
#define BM_TO_RAM    0x08
#define BM_IRQ       0x04
#define BM_ERROR     0x02

#define SECTOR_COUNT 0x1f2
#define LBA_LOW      0x1f3
#define LBA_MID      0x1f4
#define LBA_HIGH     0x1f5
#define DEVICE       0x1f6
#define COMMAND      0x1f7
#define STATUS       0x1f7
#define CONTROL      0x3f6
#define BAD          0x21 /* ERR, DF */
#define BUSY         0x80
#define NO_DRIVE     0xff

#define READ_DMA     0xc8
#define WRITE_DMA    0xca
#define READ_EXT     0x25
#define WRITE_EXT    0x35

#define LINE         14u
#define REGION       65536u /* a PRD may not cross this */
#define LAST         0x80000000u

typedef struct {
    u32 addr, len; /* 0: 64 KiB */
} Prd;

static bool is_open;
static Prd *table;
static u32 slot_under_way;

static bool
ide_open(u32 unit)
{
    PciDev dev;

    if (unit > 1)
        return false;
    if (is_open)
        return true;
    if (!pci_find(PIIX3_IDE & 0xffff, PIIX3_IDE >> 16, 0, &dev))
        return false;
    pci_write(dev, 0x10 + 4 * BM_BAR, BM_BASE | 1);
    pci_enable(dev);
    pci_write(dev, IDETIM, DECODE_BOTH);
    outb(DEVICE, (u8) (0xe0 | unit << 4));
    if (inb(STATUS) == NO_DRIVE)
        return false;
    outb(CONTROL, 0); /* the drive may interrupt */
    table = memory_take(DISK_MAX_BYTES / REGION * sizeof(Prd) + REGION, REGION);
    irq_unmask_line(LINE);
    is_open = true;
    return true;
}

static void
fill_table(u32 addr, u32 bytes)
{
    u32 n = 0;

    while (bytes > 0) {
        u32 len = REGION - addr % REGION;
        len = len < bytes ? len : bytes;
        table[n++] = (Prd){addr, len % REGION};
        addr += len;
        bytes -= len;
    }
    table[n - 1].len |= LAST;
}

/* More than 256 sectors need the 48-bit commands, whose registers take two
 * bytes each, the upper one first. */
static void
send_command(u32 unit, const DiskRequest *r)
{
    u32 sectors = r->bytes / DISK_SECTOR, lba = r->sector;
    bool ext = sectors > 256;

    outb(DEVICE, (u8) (0xe0 | unit << 4 | (ext ? 0 : lba >> 24)));
    if (ext) {
        outb(SECTOR_COUNT, (u8) (sectors >> 8));
        outb(LBA_LOW, (u8) (lba >> 24));
        outb(LBA_MID, 0);
        outb(LBA_HIGH, 0);
    }
    outb(SECTOR_COUNT, (u8) sectors);
    outb(LBA_LOW, (u8) lba);
    outb(LBA_MID, (u8) (lba >> 8));
    outb(LBA_HIGH, (u8) (lba >> 16));
    if (ext)
        outb(COMMAND, r->write ? WRITE_EXT : READ_EXT);
    else
        outb(COMMAND, r->write ? WRITE_DMA : READ_DMA);
}

static void
ide_submit(u32 unit, const DiskRequest *r)
{
    u8 direction = r->write ? 0 : BM_TO_RAM;

    slot_under_way = r->slot;
    fill_table((u32) r->data, r->bytes);
    outl(BM_TABLE, (u32) table);
    outb(BM_COMMAND, direction);
    outb(BM_STATUS, BM_IRQ | BM_ERROR);
    send_command(unit, r);
    outb(BM_COMMAND, direction | BM_START);
}

static void
ide_kick(u32 unit)
{
    (void) unit;
}

static int
ide_complete(u32 unit, bool poll)
{
    u8 dma;

    (void) unit;
    while (((dma = inb(BM_STATUS)) & (BM_IRQ | BM_ERROR)) == 0)
        if (!poll)
            irq_wait();
    outb(BM_STATUS, dma);
    u8 status = inb(STATUS);
    outb(BM_COMMAND, 0);
    if ((status & (BAD | BUSY)) != 0 || (dma & BM_ERROR) != 0)
        return -1;
    return (int) slot_under_way;
}

const DiskDriver ide_driver = {"ide",      1,        ide_open,
                               ide_submit, ide_kick, ide_complete};
