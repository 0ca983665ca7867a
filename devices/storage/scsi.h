/* devices/storage/scsi.h - SCSI disks and CD drives, whatever bus they are on.
 *
 * A bus adapter owns units and tasks. For each command it fills a task's
 * request part, calls scsi_task_begin(), and submits what that wants to have
 * submitted; done() comes when the command has ended. Data moves between the
 * disk back end and the adapter's scatter lists without a copy.
 *
 *   SPC-4 for what all units have, SBC-3 for disks, MMC-3 for CD drives.
 *
 * Threads: everything here runs on the loop thread and takes no lock. */
#pragma once

#include <sys/uio.h>

#include "vmm/block/block.h"
#include "vmm/core/iov.h"
#include "vmm/core/state.h"
#include "vmm/types.h"

#define SCSI_MAX_CDB   32u
#define SCSI_SENSE_LEN 18u /* bytes of scsi_sense() */

typedef enum { SCSI_ABSENT, SCSI_DISK, SCSI_CD } ScsiKind;

/* Status, SAM-5 table 37 */
#define SCSI_GOOD            0x00u
#define SCSI_CHECK_CONDITION 0x02u

/* Guest-visible, saved by the adapter. */
typedef struct {
    /* A unit attention is owed: additional sense code and qualifier. */
    guint8 attention, attention_asc, attention_ascq;
    guint8 stopped; /* by START STOP UNIT */
    /* CD drives */
    guint8 locked, tray_open;
    guint8 event; /* MMC_EVENT_... */
} ScsiUnitState;
extern const StateDesc scsi_unit_state_desc;
/* Part of the owner's check(). */
bool scsi_unit_check(const ScsiUnitState *s, GError **error);

typedef struct ScsiTask ScsiTask;

typedef struct ScsiUnit ScsiUnit;
struct ScsiUnit {
    ScsiKind kind;
    ScsiUnitState *s;
    Block *block; /* borrowed; NULL: a CD drive without a disc */
    BlockInfo info;
    guint64 n_blocks;   /* capacity, in blocks; 0: none */
    guint32 block_size; /* bytes of a block, multiple of info.logical_size */
    const char *serial;
    ScsiTask *tasks; /* submitted and not done */
    gint tray;       /* atomic: MMC_TRAY_..., to be read by any thread */
    /* The guest has moved the tray. NULL: nobody wants to know. Loop. */
    void (*tray_moved)(void *owner, const ScsiUnit *u);
    void *owner;
};

/* Makes it a unit of this kind, with or without an image, as if powered off;
 * serial is the caller's and stays. False and error set: the image is no disk
 * (or disc) of that kind. */
bool scsi_unit_init(ScsiUnit *u, ScsiUnitState *s, ScsiKind kind, Block *block,
                    const char *serial, GError **error);
/* Power-on and bus reset: everything is as at first, and the next command is
 * told so. */
void scsi_unit_reset(ScsiUnit *u);
/* The state was replaced. */
void scsi_unit_show_tray(ScsiUnit *u);
/* The target has other units than before: the next command is told so, unless
 * it is to hear something else first. */
void scsi_unit_luns_changed(ScsiUnit *u);
/* Puts another disc into a CD drive (NULL: takes it out); what is being read
 * fails. False and error set: not a CD drive, not a disc, or the guest has
 * locked the tray and force is not given (it is told that somebody wants the
 * disc). The old image is done with when block_is_idle(). */
bool scsi_unit_set_media(ScsiUnit *u, Block *block, bool force, GError **error);

typedef enum {
    SCSI_LIVE,
    SCSI_ABORTED,    /* by task management; no status is to be sent */
    SCSI_RESET,      /* the same, by a reset or the end of the unit */
    SCSI_MEDIUM_GONE /* ends with CHECK CONDITION */
} ScsiFate;

/* A command. The adapter keeps it for as long as it runs. */
struct ScsiTask {
    BlockReq block; /* first */
    /* The request: filled by the adapter. */
    ScsiUnit *unit;
    guint8 cdb[SCSI_MAX_CDB]; /* the rest zero */
    guint64 tag;
    struct iovec *iov_out, *iov_in; /* the adapter's lists */
    unsigned n_out, n_in;
    gsize out_at, in_at;   /* bytes before the data, in the lists */
    gsize out_len, in_len; /* bytes of data, less than 4 GiB */
    /* Runs once, when scsi_task_begin() returned true. Loop. */
    void (*done)(ScsiTask *task);
    /* The result. */
    guint8 status, sense_key, asc, ascq;
    bool overrun; /* the buffers are too small for the command */
    bool in_used; /* something may have been written to the in buffers */
    gsize moved;  /* bytes of data, in or out */
    gsize wanted; /* bytes the buffer of the direction has */
    ScsiFate fate;
    /* The layer's own. */
    guint8 work;     /* ScsiWork */
    bool fua;        /* flush afterwards */
    guint64 offset;  /* bytes on the disk, of the next piece */
    guint64 left;    /* bytes, or descriptors */
    guint64 piece;   /* of these, under way */
    gsize data_done; /* bytes of data moved, or descriptors done */
    IovCut cut;
    ScsiTask *next, **link; /* in unit->tasks */
    struct iovec same_iov[64];
    guint8 pattern[4096];
};

/* Starts the command. True: task->block is to be given to block_submit() for
 * unit->block (or scsi_task_read_now()), and done() follows. False: it has
 * ended, the result is there. */
bool scsi_task_begin(ScsiTask *task);
/* After begin() returned true: true when the host had the data in memory and
 * the command has ended; done() does not come. */
bool scsi_task_read_now(ScsiTask *task);
/* The command ends as soon as the piece that is under way has: done() with
 * this fate. Only for tasks in unit->tasks. */
void scsi_task_cancel(ScsiTask *task, ScsiFate fate);
/* All of the unit's tasks, and the back end gives up what it can. */
void scsi_unit_cancel_all(ScsiUnit *u, ScsiFate fate);
/* Fixed-format sense data of the result. */
void scsi_task_sense(const ScsiTask *task, guint8 sense[SCSI_SENSE_LEN]);

/* ---- for addresses where there is no unit ---- */

/* Ends the command as a target does for a logical unit that it lacks:
 * task->unit may be NULL. */
void scsi_task_no_unit(ScsiTask *task);
/* REPORT LUNS: the target has these n units, in the flat one-level form of
 * SAM-5 4.7. True: that was the command, and it has ended. */
bool scsi_task_report_luns(ScsiTask *task, const guint16 *luns, unsigned n);
