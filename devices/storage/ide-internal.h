/* devices/storage/ide-internal.h - ATA disks and ATAPI CD drives, and the IDE
 * channel, one of the two buses they are on (ahci.c is the other).
 *
 * A drive: ide-drive.c has its one request and what ends a command, ata*.c the
 * disk, atapi*.c the CD drive, ide-dma.c the way to memory, ide-regions.c the
 * guest's list of places there. The bus fills the task file, starts the command
 * and is called back by IdeBus.
 * IDE: ide.c has a channel's registers and resets, ide-bm.c its bus master,
 * piix3-ide.c the PCI function with two channels.
 *
 * One lock, that of the PCI function, guards all of its drives. Every function
 * here runs with it held, on any thread, unless it says otherwise. */
#pragma once

#include "vmm/block/block.h"
#include "vmm/core/device.h"
#include "vmm/mem/dma.h"

enum {
    IDE_SECTOR = 512,
    IDE_CD_SECTOR = 2048,
    IDE_BUF_SIZE = 65536,
    IDE_BUF_SECTORS = IDE_BUF_SIZE / IDE_SECTOR,
    IDE_MAX_MULTIPLE = 16, /* sectors per DRQ block; divides the above */
    IDE_PACKET_SIZE = 12,
    IDE_DMA_SEGS = 64, /* regions per request */
    IDE_MAX_CYLINDERS = 16383
};

/* Status and error registers, ATA-6 section 7.15 and 7.9 */
#define IDE_STATUS_BSY  0x80
#define IDE_STATUS_DRDY 0x40
#define IDE_STATUS_DF   0x20
#define IDE_STATUS_DSC  0x10
#define IDE_STATUS_DRQ  0x08
#define IDE_STATUS_ERR  0x01
#define IDE_STATUS_OK   (IDE_STATUS_DRDY | IDE_STATUS_DSC)
#define IDE_ERROR_UNC   0x40
#define IDE_ERROR_IDNF  0x10
#define IDE_ERROR_ABRT  0x04
#define IDE_DIAG_PASSED 0x01

/* Device/head and device control */
#define IDE_DEVICE_LBA   0x40
#define IDE_DEVICE_1     0x10
#define IDE_CONTROL_HOB  0x80
#define IDE_CONTROL_SRST 0x04
#define IDE_CONTROL_NIEN 0x02

/* ATAPI's interrupt reason, in the sector count register */
#define IDE_REASON_COD 0x01
#define IDE_REASON_IO  0x02

/* Bus master registers, SFF-8038i */
#define IDE_BM_START   0x01
#define IDE_BM_TO_MEM  0x08
#define IDE_BM_ACTIVE  0x01
#define IDE_BM_ERROR   0x02
#define IDE_BM_IRQ     0x04
#define IDE_BM_CAPABLE 0x60

typedef enum { IDE_ABSENT, IDE_DISK, IDE_CD, IDE_N_KINDS } IdeKind;

typedef enum {
    IDE_XFER_NONE,
    IDE_XFER_IN,    /* the host reads buf at the data port */
    IDE_XFER_OUT,   /* the host writes it */
    IDE_XFER_PACKET /* the host writes a command packet into it */
} IdeXfer;

/* The command being executed, as far as it does more than answer. */
typedef enum {
    IDE_OP_NONE,
    IDE_OP_READ,      /* sectors to the data port */
    IDE_OP_WRITE,     /* sectors from the data port */
    IDE_OP_VERIFY,    /* sectors to nowhere */
    IDE_OP_FLUSH,     /* a flush is in flight */
    IDE_OP_READ_DMA,  /* sectors to memory; waits for the bus master */
    IDE_OP_WRITE_DMA, /* sectors from memory */
    IDE_OP_REPLY_DMA, /* buf[0..len) to memory */
    IDE_OP_MODE_DATA, /* MODE SELECT's parameters come in */
    IDE_N_OPS
} IdeOp;

typedef struct {
    /* Task file; [0] is what was written last, [1] the one before (HOB). */
    guint8 feature[2], count[2], lba_low[2], lba_mid[2], lba_high[2];
    guint8 status, error, command;
    guint8 irq;      /* the drive asserts INTRQ */
    guint8 deferred; /* the command runs when the channel's timer fires */

    guint8 multiple; /* sectors per block of READ MULTIPLE; 0: disabled */
    guint8 transfer_mode, write_cache, look_ahead, standby, sleeping;
    guint8 smart, ext;     /* SMART enabled; the command is a 48-bit one */
    guint8 heads, sectors; /* the current translation */
    guint16 cylinders;

    guint8 xfer, op;   /* IdeXfer, IdeOp */
    guint8 one_by_one; /* a request failed: find the bad sector */
    guint64 lba;       /* the next sector to be moved from or to the disk */
    guint32 left;      /* sectors not yet moved, from lba on */
    guint32 unit;      /* bytes of a sector of this transfer */
    guint32 block;     /* bytes of a DRQ block */
    /* pos <= drq_end <= len <= sizeof buf */
    guint32 pos, drq_end, len;

    /* CD drive */
    guint8 packet[IDE_PACKET_SIZE];
    guint8 packet_dma, raw_frames;
    guint16 byte_limit;
    guint8 sense_key, asc, ascq;
    guint8 attention; /* a unit attention is owed: the disc was changed */
    guint8 event;     /* media event for GET EVENT STATUS NOTIFICATION */
    guint8 locked, tray_open;

    guint8 buf[IDE_BUF_SIZE];
} IdeDriveState;

typedef struct {
    guint8 select, control;
    guint8 bm_command, bm_status;
    guint32 bm_prdt;
    IdeDriveState drive[2];
} IdeChannelState;
extern const StateDesc ide_channel_state_desc;
/* Part of the owner's check(). */
bool ide_channel_check(const IdeChannelState *s, GError **error);
/* A drive of a bus that is saved between commands only: no buffer. */
extern const StateDesc ide_idle_drive_state_desc;
bool ide_idle_drive_check(const IdeDriveState *s, GError **error);

/* Where a bus master is in the guest's table of regions of its memory. */
typedef struct IdeCursor IdeCursor;
struct IdeCursor {
    /* Reads the descriptor at next into addr and left, sets last when it ends
     * the table, and moves next. 0, or as dma_read(). */
    int (*read)(Dma *dma, IdeCursor *c);
    Gpa next;        /* address of the next descriptor */
    guint32 entries; /* that may still be read; none: -ELOOP */
    Gpa addr;        /* what is not yet used of the current region */
    guint32 left;    /* bytes */
    guint32 used;    /* of all regions so far, bytes */
    bool last;       /* the current one ends the table */
};

typedef struct IdeChannel IdeChannel;
typedef struct IdeDrive IdeDrive;

/* How a DMA transfer has ended, as far as the bus is concerned. */
typedef enum {
    IDE_DMA_DONE,
    IDE_DMA_FAILED, /* the drive's fault */
    IDE_DMA_BAD,    /* the table, or the memory it names, is no good */
    IDE_DMA_SHORT   /* the table is used up, the transfer is not */
} IdeDmaEnd;

/* What a drive asks of its bus. Lock held. */
typedef struct {
    void (*irq)(IdeDrive *d);       /* s->irq has been set */
    void (*defer)(IdeDrive *d);     /* ide_drive_run() a little later */
    bool (*dma_ready)(IdeDrive *d); /* the bus master may move data now */
    void (*dma_end)(IdeDrive *d, IdeDmaEnd how);
    /* The request has come back and the drive is done with it. Loop thread. */
    void (*went_on)(IdeDrive *d);
    /* READ LOG EXT: fills 512 bytes, false: no such log. NULL: none. */
    bool (*read_log)(IdeDrive *d, guint8 log, guint16 page, guint8 *buf);
} IdeBus;

struct IdeDrive {
    const IdeBus *bus;
    IdeChannel *ch;    /* the IDE bus's; NULL on another */
    Device *dev;       /* the controller */
    Dma *dma;          /* its */
    IdeCursor *cursor; /* where its bus master is */
    guint8 *select;    /* the device/head register that the drive sees */
    bool sata;
    unsigned queue_depth; /* of queued commands; 0: it has none */
    IdeDriveState *s;
    IdeKind kind;
    Block *block;    /* NULL: a CD drive without a disc */
    guint64 n_units; /* capacity: sectors of 512 (disk) or 2048 (CD) */
    const char *serial, *model;
    guint32 def_cylinders, def_heads, def_sectors; /* after reset */

    /* The drive's one request. A reset forgets it (generation); then a new
     * command stays deferred until it has come back, for its buffer's sake. */
    BlockReq req;
    bool req_busy;
    bool pinned; /* iov is guest memory */
    Block *req_block;
    guint req_generation, generation;
    guint64 req_bytes;
    struct iovec iov[2 * IDE_DMA_SEGS];
    unsigned n_iov;
    bool bounced;      /* a DMA request that goes through buf */
    bool buf_written;  /* since the last reset; else s->buf is all zero */
    bool error_logged; /* until a request succeeds again */
    gint tray;         /* atomic: MMC_TRAY_..., to be read by any thread */
};

struct IdeChannel {
    Device *dev;
    IdeChannelState *s;
    unsigned number; /* 0 primary, 1 secondary */
    Dma *dma;
    IrqLine *line;
    IoRegion *command_block, *control_block;
    Timer *timer; /* runs deferred commands */
    IdeCursor cursor;
    IdeDrive drive[2];
};

/* -- ide.c, ide-bm.c --------------------------------------------------- */

/* Set-up and loop thread, without the lock; ports are mapped by
 * ide_channel_map(). drive[].kind, block and the rest are filled before. */
bool ide_channel_realize(IdeChannel *ch, Device *dev, unsigned number, Dma *dma,
                         GError **error);
void ide_channel_unrealize(IdeChannel *ch);
bool ide_channel_map(IdeChannel *ch, bool decode); /* true: it worked */
/* Without the lock: power-on. */
void ide_channel_reset(IdeChannel *ch);
void ide_channel_restored(IdeChannel *ch);
bool ide_channel_is_quiet(const IdeChannel *ch);
/* Bus master registers, offset 0..7. */
guint8 ide_bm_read(IdeChannel *ch, unsigned offset);
void ide_bm_write(IdeChannel *ch, unsigned offset, guint8 value);
/* All of the table's address at once; false: it is not at this offset. */
bool ide_bm_write_table(IdeChannel *ch, unsigned offset, guint32 value);
/* Parts of the channel's IdeBus. */
bool ide_bm_ready(IdeDrive *d);
void ide_bm_end(IdeDrive *d, IdeDmaEnd how);

/* -- ide-drive.c ------------------------------------------------------- */

/* Makes it a drive of that kind; block: NULL for a CD drive without a disc.
 * What of a former drive is still in flight does not matter. serial and model
 * stay the caller's. Set-up or loop thread, without the lock. False and error
 * set: the image is no disk, or no disc. */
bool ide_drive_init(IdeDrive *d, IdeKind kind, Block *block, const char *serial,
                    const char *model, GError **error);
/* Waits for the request, which a test or a failed start may have left. Loop
 * thread, without the lock. */
void ide_drive_wait(IdeDrive *d);
/* Settings and state of power-on. */
void ide_drive_power_on(IdeDrive *d);
/* What any reset leaves behind. */
void ide_drive_reset(IdeDrive *d);
/* Starts, or goes on with, a command that was put off. */
void ide_drive_run(IdeDrive *d);
/* Changes the disc of a CD drive; NULL: takes it out. Without the lock. False
 * and error set: not a disc, or the guest has locked the tray and force is not
 * given (it is told that somebody wants the disc). */
bool ide_drive_set_media(IdeDrive *d, Block *block, bool force, GError **error);

void ide_raise_irq(IdeDrive *d);
/* Ends a command: status DRDY|DSC and an interrupt, or an error. */
void ide_command_ok(IdeDrive *d);
void ide_command_error(IdeDrive *d, guint8 error);
/* Offers the next DRQ block of buf to the host; drq_end follows pos. */
void ide_begin_block(IdeDrive *d, IdeXfer xfer, bool irq);
/* A DRQ block was moved: what comes next. */
void ide_block_moved(IdeDrive *d);
/* Task file after a reset, a diagnostic or a refused IDENTIFY. */
void ide_set_signature(IdeDrive *d);
/* Forgets transfer and request; the status is the caller's business. */
void ide_abort(IdeDrive *d);
/* Runs the drive's command (or packet) a little later, on the loop thread. */
void ide_defer(IdeDrive *d);
/* One request for bytes of buf at offset buf_pos, or a flush (bytes 0). */
void ide_submit_buf(IdeDrive *d, BlockOp op, guint64 offset, guint32 buf_pos,
                    guint32 bytes);
/* The same for d->iov, which is filled. */
void ide_submit_iov(IdeDrive *d, BlockOp op, guint64 offset, guint64 bytes);
/* Tells the log why a request failed, once. */
void ide_log_error(IdeDrive *d, int result);

/* -- ide-regions.c: no lock, a cursor has one user at a time ------------- */

/* Copies up to len bytes between buf and the guest's regions. The bytes moved,
 * fewer when the table ends, or -errno. */
int ide_regions_copy(Dma *dma, IdeCursor *c, guint8 *buf, guint32 len,
                     bool to_mem);
/* Pins regions for whole units of at most want bytes, max_segs pieces of
 * memory; iov has room for twice as many. The bytes; 0: the table ended;
 * -ENOBUFS: regions and units do not match here, go by a buffer; else
 * -errno. */
gint64 ide_regions_pin(Dma *dma, IdeCursor *c, guint64 want, guint32 unit,
                       bool to_mem, unsigned max_segs, struct iovec *iov,
                       unsigned *ret_n_iov);

/* -- ide-dma.c --------------------------------------------------------- */

/* If the bus master is ready and the drive waits for it: go on. */
void ide_dma_go(IdeDrive *d);
/* A request of a DMA command has come back. */
void ide_dma_io_done(IdeDrive *d, int result);

/* -- ata.c, ata-identify.c, ata-smart.c --------------------------------------------- */

void ata_command(IdeDrive *d);         /* s->command, now */
bool ata_runs_at_once(guint8 command); /* need not be deferred */
void ata_block_done(IdeDrive *d);      /* a DRQ block was moved */
void ata_io_done(IdeDrive *d, int result);
void ata_transfer_ok(IdeDrive *d); /* all sectors have been moved */
void ata_transfer_error(IdeDrive *d, int result);
void ata_reset(IdeDrive *d);                    /* power-on settings */
void ata_identify(IdeDrive *d, guint16 *words); /* 256, little-endian */
void atapi_identify(IdeDrive *d, guint16 *words);
void ata_set_features(IdeDrive *d);
void ata_smart(IdeDrive *d);
void ata_reply(IdeDrive *d); /* buf[0..511] to the data port */

/* -- atapi.c, atapi-info.c --------------------------------------------- */

void atapi_command(IdeDrive *d);    /* A0h: wait for the packet */
void atapi_run_packet(IdeDrive *d); /* it is here */
void atapi_block_done(IdeDrive *d);
void atapi_io_done(IdeDrive *d, int result);
void atapi_transfer_error(IdeDrive *d, int result);
void atapi_ok(IdeDrive *d);
void atapi_error(IdeDrive *d, guint8 key, guint8 asc, guint8 ascq);
/* Sends buf[0..len), at most limit bytes of it, by PIO or DMA. */
void atapi_reply(IdeDrive *d, guint32 len, guint32 limit);
/* tray_open or locked may have changed. */
void atapi_show_tray(IdeDrive *d);
bool atapi_has_disc(const IdeDrive *d);
void atapi_set_media(IdeDrive *d, Block *block);

void atapi_inquiry(IdeDrive *d);
void atapi_mode_sense(IdeDrive *d);
void atapi_read_toc(IdeDrive *d);
void atapi_read_subchannel(IdeDrive *d);
void atapi_get_configuration(IdeDrive *d);
void atapi_get_event(IdeDrive *d);
void atapi_read_disc_info(IdeDrive *d);
void atapi_read_track_info(IdeDrive *d);
void atapi_mechanism_status(IdeDrive *d);
void atapi_read_dvd_structure(IdeDrive *d);

/* Builds the 2352 bytes of a mode 1 frame around 2048 bytes of user data
 * (ECMA-130): sync, header, data, EDC, zeros, ECC. data may be the place
 * inside frame where it belongs. */
void cd_frame_build(guint8 frame[2352], guint32 lba, const guint8 *data);
#define CD_FRAME_SIZE 2352
