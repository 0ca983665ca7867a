/* devices/storage/ahci-port.c - a port of the SATA controller: its registers,
 * resets, and the frames that it receives.
 *
 * AHCI 1.3.1 chapters 3.3, 4.2 and 10.4; Serial ATA 2.6 for the frames. The
 * link is up or down at once. Left out: power management of the link, cold
 * presence, LEDs, port multipliers. */
#include <string.h>

#include "devices/storage/ahci-internal.h"

/* What can be written, and what is so by itself: spun up, powered, may be
 * unplugged. */
#define CMD_WRITABLE   (PX_CMD_ST | PX_CMD_FRE | PX_CMD_ATAPI)
#define CMD_ALWAYS     0x00040006u
#define CMD_CCS_SHIFT  8
#define IS_STICKY      (~(PX_IS_PCS | PX_IS_PRCS))
#define IE_WRITABLE    0xfdc000ffu
#define SCTL_WRITABLE  0x00000fffu
#define SCTL_DET       0x0000000fu
#define DET_RESET      1u
#define DET_OFFLINE    4u

#define SSTS_UP        0x00000123u /* active, 3 Gbit/s, a device */
#define SSTS_OFFLINE   0x00000004u
#define TFD_NONE       0x0000007fu
#define SIG_NONE       0xffffffffu

#define FRAME_PIO      0x20u /* in the area for received frames */
#define FRAME_REGISTER 0x40u
#define TYPE_REGISTER  0x34u
#define TYPE_PIO       0x5fu
#define FLAG_IRQ       0x40u
#define FLAG_TO_HOST   0x20u

void
ahci_post_frame(AhciPort *p, unsigned at, const guint8 *frame, unsigned len)
{
    Gpa area = p->s->fb | (guint64) p->s->fbu << 32;

    if ((p->s->cmd & PX_CMD_FRE) != 0 &&
        dma_write(p->drive.dma, area + at, frame, len) < 0)
        device_guest_error(p->drive.dev,
                           "port %u: received frames go to no memory",
                           p->number);
}

void
ahci_take_task_file(AhciPort *p)
{
    const IdeDriveState *s = &p->s->drive;

    p->s->tfd = (guint32) s->error << 8 | s->status;
}

void
ahci_post_registers(AhciPort *p, bool pio)
{
    const IdeDriveState *s = &p->s->drive;
    guint8 frame[20] = {
        pio ? TYPE_PIO : TYPE_REGISTER,
        pio ? FLAG_IRQ | FLAG_TO_HOST : FLAG_IRQ,
        s->status,
        s->error,
        s->lba_low[0],
        s->lba_mid[0],
        s->lba_high[0],
        p->s->device,
        s->lba_low[1],
        s->lba_mid[1],
        s->lba_high[1],
        0,
        s->count[0],
        s->count[1],
        0,
        pio ? s->status : 0, /* as it is after the data */
        pio ? (guint8) s->len : 0,
        pio ? (guint8) (s->len >> 8) : 0,
    };

    ahci_take_task_file(p);
    ahci_post_frame(p, pio ? FRAME_PIO : FRAME_REGISTER, frame, sizeof frame);
    p->s->is |= pio ? PX_IS_PSS : PX_IS_DHRS;
}

bool
ahci_port_is_quiet(const AhciPort *p)
{
    return p->queued == 0 && p->current == AHCI_NO_SLOT && !p->drive.req_busy;
}

void
ahci_port_stop(AhciPort *p)
{
    AhciPortState *s = p->s;

    ahci_queue_forget(p);
    s->ci = s->sact = 0;
    s->cmd &= ~(0x1fu << CMD_CCS_SHIFT);
    s->halted = 0;
    if (p->current == AHCI_NO_SLOT)
        return;
    p->current = AHCI_NO_SLOT;
    ide_abort(&p->drive);
    s->drive.status = IDE_STATUS_OK;
    ahci_take_task_file(p);
}

void
ahci_port_halt(AhciPort *p, guint32 is)
{
    p->s->is |= is;
    p->s->halted = 1;
}

void
ahci_port_signature(AhciPort *p)
{
    IdeDriveState *s = &p->s->drive;

    ide_drive_reset(&p->drive);
    p->s->device = 0;
    p->s->sig = (guint32) s->lba_high[0] << 24 | s->lba_mid[0] << 16 |
                s->lba_low[0] << 8 | s->count[0];
    ahci_post_registers(p, false);
}

void
ahci_port_link(AhciPort *p)
{
    AhciPortState *s = p->s;

    s->srst = 0;
    if ((s->sctl & SCTL_DET) == DET_OFFLINE) {
        s->ssts = SSTS_OFFLINE;
    } else if (p->drive.kind != IDE_ABSENT && (s->sctl & SCTL_DET) == 0) {
        s->ssts = SSTS_UP;
        s->serr |= PX_SERR_X;
        ahci_port_signature(p);
        return;
    } else {
        s->ssts = 0;
    }
    s->tfd = TFD_NONE;
    s->sig = SIG_NONE;
}

void
ahci_port_reset(AhciPort *p)
{
    AhciPortState *s = p->s;

    ahci_port_stop(p);
    s->is = s->ie = s->serr = s->sctl = 0;
    s->cmd = CMD_ALWAYS;
    memset(&s->failure, 0, sizeof s->failure);
    ahci_port_link(p);
    s->is = 0;
}

static void
write_command(AhciPort *p, guint32 value)
{
    AhciPortState *s = p->s;
    guint32 old = s->cmd;

    s->cmd = (old & ~CMD_WRITABLE) | (value & CMD_WRITABLE);
    if ((old & PX_CMD_ST) != 0 && (value & PX_CMD_ST) == 0)
        ahci_port_stop(p);
    if ((value & PX_CMD_CLO) != 0 && (value & PX_CMD_ST) == 0)
        s->tfd &= ~(guint32) (IDE_STATUS_BSY | IDE_STATUS_DRQ);
}

/* 10.4.2: the guest holds the interface in reset for as long as it likes. */
static void
write_control(AhciPort *p, guint32 value)
{
    guint32 old = p->s->sctl & SCTL_DET;

    p->s->sctl = value & SCTL_WRITABLE;
    if ((value & SCTL_DET) == old)
        return;
    ahci_port_stop(p);
    ahci_port_link(p);
}

void
ahci_port_write(AhciPort *p, unsigned reg, guint32 value)
{
    AhciPortState *s = p->s;
    guint32 running = s->cmd & PX_CMD_ST ? ~0u : 0;

    switch (reg) {
    case PX_CLB: s->clb = value & ~0x3ffu; break;
    case PX_CLBU: s->clbu = value; break;
    case PX_FB: s->fb = value & ~0xffu; break;
    case PX_FBU: s->fbu = value; break;
    case PX_IS:
        s->is &= ~(value & IS_STICKY);
        p->hba->told &= ~(1u << p->number); /* what is left is told again */
        break;
    case PX_IE: s->ie = value & IE_WRITABLE; break;
    case PX_CMD: write_command(p, value); break;
    case PX_SCTL: write_control(p, value); break;
    case PX_SERR: s->serr &= ~value; break;
    case PX_SACT: s->sact |= value & running; break;
    case PX_CI:
        s->ci |= value & running;
        ahci_port_issued(p);
        break;
    default: break; /* read-only, or nothing there */
    }
    ahci_show(p);
}
