/* devices/storage/fdc-internal.h - what the floppy controller's files share.
 *
 * fdc.c has the ports, reset and the class, fdc-command.c the command table
 * and the commands without data, fdc-transfer.c those that move sectors. */
#pragma once

#include "devices/storage/fdc-media.h"
#include "devices/storage/fdc.h"
#include "vmm/block/block.h"
#include "vmm/core/device.h"

enum {
    FDC_SELECTS = 4, /* drives that a command can name; 2 can exist */
    FDC_MAX_PARAMS = 16,
    FDC_MAX_RESULTS = 16,
    FDC_DMA_CHANNEL = 2,
    FDC_IRQ = 6
};

/* Digital output register, 82077AA section 2.1.3 */
#define FDC_DOR_SELECT  0x03
#define FDC_DOR_RUN     0x04 /* clear: held in reset */
#define FDC_DOR_DMAGATE 0x08

/* Command bytes, section 5 */
#define FDC_CMD_MT  0x80
#define FDC_CMD_MFM 0x40
#define FDC_CMD_SK  0x20

/* Status registers 0..3, section 4 */
#define FDC_ST0_ABNORMAL 0x40
#define FDC_ST0_INVALID  0x80
#define FDC_ST0_POLLING  0xc0
#define FDC_ST0_SEEK_END 0x20
#define FDC_ST0_EC       0x10
#define FDC_ST1_EN       0x80
#define FDC_ST1_DE       0x20
#define FDC_ST1_OR       0x10
#define FDC_ST1_ND       0x04
#define FDC_ST1_NW       0x02
#define FDC_ST1_MA       0x01
#define FDC_ST2_CM       0x40
#define FDC_ST2_DD       0x20
#define FDC_ST2_WC       0x10
#define FDC_ST2_SH       0x08
#define FDC_ST2_SN       0x04

typedef enum {
    FDC_PHASE_COMMAND,
    FDC_PHASE_EXECUTE,
    FDC_PHASE_RESULT
} FdcPhase;

/* Where in the execution phase. Only the loop thread leaves START, DISK and
 * DMA, only the guest's accesses to the FIFO leave HOST. */
typedef enum {
    FDC_STEP_START, /* the timer will begin the next run of sectors */
    FDC_STEP_DISK,  /* a block request is in flight */
    FDC_STEP_DMA,   /* the channel was not ready; the timer tries again */
    FDC_STEP_HOST   /* non-DMA mode: bytes go through the FIFO */
} FdcStep;

typedef enum {
    FDC_OP_READ,
    FDC_OP_READ_DELETED,
    FDC_OP_READ_TRACK,
    FDC_OP_WRITE,
    FDC_OP_FORMAT,
    FDC_OP_VERIFY,
    FDC_OP_SCAN_EQUAL,
    FDC_OP_SCAN_LOW,
    FDC_OP_SCAN_HIGH,
    FDC_OP_READ_ID,
    FDC_N_OPS
} FdcOp;

typedef struct {
    guint8 dor, tdr, dsr, rate;
    guint8 irq;           /* INT wants to be high */
    guint8 reset_pending; /* the reset timer runs */
    guint8 reset_senses;  /* SENSE INTERRUPTs owed after a reset */
    guint8 phase;         /* FdcPhase */

    guint8 params[FDC_MAX_PARAMS]; /* [0] is the command byte */
    guint8 n_params, n_wanted;     /* received; wanted, with the command */
    guint8 results[FDC_MAX_RESULTS];
    guint8 n_results, result_pos;

    guint8 seek_busy, seek_done; /* bit per select */
    guint8 seek_st0[FDC_SELECTS];
    guint8 pcn[FDC_SELECTS];        /* the chip's idea of the cylinder */
    guint8 head_track[FDC_SELECTS]; /* where the drive's heads are */
    guint8 changed;                 /* disk-change lines, bit per select */

    guint8 srt_hut, hlt_nd, config, pretrk, perpendicular, locked, last_eot;

    /* The data command being executed */
    guint8 op, step;    /* FdcOp, FdcStep */
    guint8 drive, head; /* selected; head is the physical side */
    guint8 c, h, r, n;  /* the sector id looked for next */
    guint8 eot, dtl;    /* last sector of the track; length or step */
    guint8 st1, st2;    /* error bits collected so far */
    guint8 run;         /* sectors in buf */
    guint8 one_by_one;  /* a run failed: find the bad sector */
    guint8 stalls;      /* times the DMA channel was not ready */
    guint8 tc;          /* terminal count was seen */
    guint8 scan_bad, scan_differs;
    guint32 pos, len; /* bytes done and to do in buf; len <= sizeof buf */
    guint8 buf[FDC_MAX_TRACK_SIZE];
} FdcState;

typedef struct {
    Block *block;
    const FdcGeometry *media; /* NULL: no disk or unreadable */
    FdcDriveType type;
    int type_option; /* index into the option's names */
} FdcDrive;

typedef struct {
    Device dev;
    FdcState s;                 /* under dev.lock */
    FdcDrive drive[FDC_DRIVES]; /* under dev.lock */

    Device *dma; /* the i8237 */
    IrqLine *line;
    IoRegion *ports, *dir;
    Timer *reset_timer, *seek_timer, *exec_timer;

    /* The one request; under dev.lock. */
    BlockReq req;
    struct iovec iov;
    bool req_busy;
    bool begin_when_free; /* a new command waits for a forgotten request */
    Block *req_block;
    guint req_generation, generation; /* moves on at reset and abort */
} Fdc;

/* All of the following run with dev.lock held, on any thread unless stated. */

void fdc_update_irq(Fdc *f);
void fdc_raise_irq(Fdc *f);
FdcDrive *fdc_drive(Fdc *f, unsigned select); /* NULL: no such drive */
gint64 fdc_now(Fdc *f);

/* Lets the guest read n bytes of f->s.results; irq as the command needs. */
void fdc_begin_result(Fdc *f, unsigned n, bool irq);
void fdc_end_command(Fdc *f);

/* A byte for the command phase. */
void fdc_command_byte(Fdc *f, guint8 value);
/* True when in non-DMA mode. */
bool fdc_is_pio(const Fdc *f);
/* Moves heads; returns the ns it takes. Clears the disk-change line when
 * they step over a disk. */
gint64 fdc_step_to(Fdc *f, unsigned select, unsigned track);

/* Starts the data command in s.params. */
void fdc_transfer_start(Fdc *f, FdcOp op);
/* The guest's side of FDC_STEP_HOST. */
guint8 fdc_transfer_read_byte(Fdc *f);
void fdc_transfer_write_byte(Fdc *f, guint8 value);
bool fdc_transfer_to_host(const Fdc *f); /* direction of the data */
/* Forgets a command under way (reset). */
void fdc_transfer_abort(Fdc *f);
/* Ends a command under way on the drive because its disk is gone. */
void fdc_transfer_media_gone(Fdc *f, unsigned drive);
/* Loop thread, takes and drops dev.lock itself: the execution timer. */
void fdc_transfer_fire(void *fdc);
/* After restore: continue what the state says. */
void fdc_transfer_rearm(Fdc *f);
