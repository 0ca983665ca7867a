/* devices/storage/ahci-internal.h - the parts of the SATA controller.
 *
 * ahci.c has the PCI function, the registers and life; ahci-port.c a port's
 * registers, resets and frames; ahci-command.c the commands in its list, which
 * the drives of ide-internal.h execute one at a time; ahci-queue.c queued ones,
 * up to 32 at once; ahci-unit.c drives that come and go.
 *
 * One lock, the device's, guards all. Every function here runs with it held,
 * on any thread, unless it says otherwise. */
#pragma once

#include "devices/bus/pci-msi.h"
#include "devices/storage/ahci.h"
#include "devices/storage/ide-internal.h"
#include "vmm/loop/io-thread.h"

#define AHCI_SLOTS   32u
#define AHCI_SEGS    128u /* regions of one request */
#define AHCI_PAGE    4096u
#define AHCI_NO_SLOT 0xffu

/* Registers, AHCI 1.3 chapter 3 */
#define AHCI_CAP       0x00
#define AHCI_GHC       0x04
#define AHCI_IS        0x08
#define AHCI_PI        0x0c
#define AHCI_VS        0x10
#define AHCI_GHC_RESET 0x00000001u
#define AHCI_GHC_IE    0x00000002u
#define AHCI_GHC_AE    0x80000000u
#define AHCI_PORT_BASE 0x100u
#define AHCI_PORT_SIZE 0x80u
enum {
    PX_CLB = 0x00,
    PX_CLBU = 0x04,
    PX_FB = 0x08,
    PX_FBU = 0x0c,
    PX_IS = 0x10,
    PX_IE = 0x14,
    PX_CMD = 0x18,
    PX_TFD = 0x20,
    PX_SIG = 0x24,
    PX_SSTS = 0x28,
    PX_SCTL = 0x2c,
    PX_SERR = 0x30,
    PX_SACT = 0x34,
    PX_CI = 0x38
};

/* PxIS, 3.3.5 */
#define PX_IS_DHRS 0x00000001u /* a register frame came */
#define PX_IS_PSS  0x00000002u /* a PIO set-up frame */
#define PX_IS_SDBS 0x00000008u /* a set-device-bits frame */
#define PX_IS_PCS  0x00000040u /* follows PxSERR.DIAG.X */
#define PX_IS_PRCS 0x00400000u /* follows PxSERR.DIAG.N */
#define PX_IS_OFS  0x01000000u /* the region table is too short */
#define PX_IS_HBDS 0x10000000u /* a region is not memory */
#define PX_IS_HBFS 0x20000000u /* nor is the command list */
#define PX_IS_TFES 0x40000000u /* a command failed */

/* PxCMD, 3.3.7 */
#define PX_CMD_ST    0x00000001u
#define PX_CMD_CLO   0x00000008u
#define PX_CMD_FRE   0x00000010u
#define PX_CMD_FR    0x00004000u
#define PX_CMD_CR    0x00008000u
#define PX_CMD_ATAPI 0x01000000u

#define PX_SERR_N    0x00010000u /* the link came or went */
#define PX_SERR_X    0x04000000u /* a device was found */

/* A queued command that failed, as log 10h tells it. */
typedef struct {
    guint8 tag, status, error, device;
    guint8 lba[6], count[2];
} AhciFailure;

typedef struct {
    guint32 clb, clbu, fb, fbu, is, ie, cmd, sctl, ssts, sig, tfd, serr;
    guint32 sact, ci;
    guint8 halted; /* a command failed: nothing starts until ST is cleared */
    guint8 srst;   /* a soft reset has begun and not ended */
    guint8 device; /* the device register that the drive sees */
    AhciFailure failure;
    IdeDriveState drive;
} AhciPortState;

typedef struct {
    PciState pci;
    guint32 ghc;
    AhciPortState port[AHCI_PORTS];
} AhciState;

typedef struct Ahci Ahci;
typedef struct AhciPort AhciPort;

/* A queued command. */
typedef struct {
    BlockReq block; /* first */
    AhciPort *p;
    guint8 tag;
    bool to_mem, fua; /* fua: what was written is made durable */
    bool pinned, bounced;
    Block *disk;
    IdeCursor cursor;
    guint64 lba;  /* of what is not yet moved */
    guint32 left; /* sectors; 0: what is under way is the flush */
    guint64 piece;
    unsigned n_iov;
    struct iovec iov[2 * AHCI_SEGS];
    guint8 *buf; /* IDE_BUF_SIZE, when bounced once */
} AhciSlot;

struct AhciPort {
    Ahci *hba;
    unsigned number;
    AhciPortState *s;
    IdeDrive drive;
    char *serial;
    /* The command that the drive executes; AHCI_NO_SLOT: none. */
    guint8 current;
    Gpa header; /* its place in the command list */
    guint8 cdb[16];
    IdeCursor cursor;
    bool pio_in; /* it ended with data for the guest */
    bool bad_regions, short_regions;

    /* Queued commands; NULL: the drive has none. */
    AhciSlot *slots;
    guint32 queued;   /* those under way */
    guint32 stale;    /* of these, those that the guest has forgotten */
    guint32 todo;     /* of these, those that nobody works on yet */
    guint32 done;     /* those whose end is not yet told */
    int kick;         /* eventfd; -1: no thread is wanted */
    guint watch;      /* of the loop; 0: none */
    IoThread *thread; /* NULL: the loop does its work */
    bool awake;       /* it looks by itself, or is about to */
    guint pause;      /* the thread's: requests that it leaves to others */
};

struct Ahci {
    PciDevice pci;
    AhciState s; /* under pci.dev.lock */
    AhciPort port[AHCI_PORTS];
    PciMsi msi;
    IoRegion *region;
    MemSlot *slot;  /* shows words */
    guint32 *words; /* a page: all registers as they read */
    int absorb;     /* eventfd that takes what nobody needs to see */
    guint32 told;   /* IS bits of the last message */
    bool paused;
    bool own_thread; /* option */
    Block *image[AHCI_PORTS];
    int kind[AHCI_PORTS];
    char *serial[AHCI_PORTS];
};

/* ---- ahci.c ---- */

/* Shows the port's registers and sets the interrupt accordingly. */
void ahci_show(AhciPort *p);
AhciPort *ahci_port_of(IdeDrive *d);
/* Makes the port that drive; without the lock, loop or set-up thread. serial is
 * copied, NULL: made of the number. False and error set: no image for it. */
bool ahci_port_fill(AhciPort *p, IdeKind kind, Block *block, const char *serial,
                    GError **error);

/* ---- ahci-port.c ---- */

void ahci_port_write(AhciPort *p, unsigned reg, guint32 value);
/* The controller's reset: registers but for the addresses. */
void ahci_port_reset(AhciPort *p);
/* A drive was found, or there is none: link, signature, task file. */
void ahci_port_link(AhciPort *p);
/* Forgets all commands. */
void ahci_port_stop(AhciPort *p);
/* Nothing of any command is under way. */
bool ahci_port_is_quiet(const AhciPort *p);
/* The first register frame after a reset, from which the signature comes. */
void ahci_port_signature(AhciPort *p);
/* A frame into the area for received ones, AHCI 4.2.1. */
void ahci_post_frame(AhciPort *p, unsigned at, const guint8 *frame,
                     unsigned len);
/* The drive's registers as a frame, 5.3.5 of SATA 2.6, and in PxTFD. */
void ahci_post_registers(AhciPort *p, bool pio);
/* PxTFD from the drive. */
void ahci_take_task_file(AhciPort *p);
/* Ends everything until the guest restarts the port; is: why. */
void ahci_port_halt(AhciPort *p, guint32 is);

/* ---- ahci-command.c ---- */

extern const IdeBus ahci_bus;
/* Starts what the guest has issued, as far as it can be now; requests of queued
 * commands are left in p->todo. */
void ahci_port_start(AhciPort *p);
/* The same, and these go to whoever does them best. */
void ahci_port_run(AhciPort *p);
/* The guest has issued some more. */
void ahci_port_issued(AhciPort *p);

/* ---- ahci-queue.c ---- */

/* A read or write of native command queuing, whose frame this is. It is in
 * p->todo then, or has ended. */
void ahci_queue_begin(AhciPort *p, guint8 slot, const guint8 *frame,
                      const IdeCursor *cursor);
/* All commands under way are forgotten: nothing is told of them. */
void ahci_queue_forget(AhciPort *p);
/* All of p->todo to the back end. */
void ahci_queue_submit(AhciPort *p);
/* Has the thread do it, or whoever stands in for it; false: nobody does. */
bool ahci_queue_wake(AhciPort *p);
/* p->todo is one small request that nothing else waits for: whether it could be
 * done without waiting. */
bool ahci_queue_move_now(AhciPort *p);
/* Log 10h and the directory. */
bool ahci_read_log(IdeDrive *d, guint8 log, guint16 page, guint8 *buf);
/* Without the lock, loop or set-up thread: a disk is there. False and error
 * set: no descriptor. */
bool ahci_queue_init(AhciPort *p, GError **error);
/* Without the lock, loop thread: it has gone; the thread ends. What is with the
 * back end comes back later. */
void ahci_queue_detach(AhciPort *p);
/* The same, waits for the rest and frees all. */
void ahci_queue_clear(AhciPort *p);
