/* devices/storage/scsi-internal.h - what the SCSI files share. Loop thread. */
#pragma once

#include "devices/storage/scsi-bytes.h"
#include "devices/storage/scsi.h"

/* Sense keys, SPC-4 table 56, and additional codes << 8 | qualifier, annex D */
enum {
    SCSI_KEY_NONE = 0,
    SCSI_KEY_NOT_READY = 2,
    SCSI_KEY_MEDIUM = 3,
    SCSI_KEY_HARDWARE = 4,
    SCSI_KEY_ILLEGAL = 5,
    SCSI_KEY_ATTENTION = 6,
    SCSI_KEY_PROTECT = 7,
    SCSI_KEY_ABORTED = 0xb,
};
#define SCSI_ASC_NEED_START     0x0402u
#define SCSI_ASC_WRITE_ERROR    0x0c00u
#define SCSI_ASC_READ_ERROR     0x1100u
#define SCSI_ASC_LIST_LENGTH    0x1a00u
#define SCSI_ASC_BAD_OPCODE     0x2000u
#define SCSI_ASC_LBA_RANGE      0x2100u
#define SCSI_ASC_BAD_FIELD      0x2400u
#define SCSI_ASC_NO_UNIT        0x2500u
#define SCSI_ASC_BAD_PARAMETER  0x2600u
#define SCSI_ASC_PROTECTED      0x2700u
#define SCSI_ASC_SPACE          0x2707u
#define SCSI_ASC_MEDIUM_CHANGED 0x2800u
#define SCSI_ASC_POWER_ON       0x2900u
#define SCSI_ASC_NO_SAVING      0x3900u
#define SCSI_ASC_NO_MEDIUM      0x3a01u /* tray closed */
#define SCSI_ASC_TRAY_OPEN      0x3a02u
#define SCSI_ASC_LUNS_CHANGED   0x3f0eu
#define SCSI_ASC_REMOVAL        0x5302u /* prevented */
#define SCSI_ASC_BAD_MODE       0x6400u

#define SCSI_MAX_BLOCK          4096u        /* bytes */
#define SCSI_MAX_UNMAP          64u          /* descriptors */
#define SCSI_MAX_UNMAP_LEN      (1u << 30)   /* bytes of one */
#define SCSI_MAX_SAME_LEN       (256u << 20) /* bytes of WRITE SAME */
#define SCSI_ANSWER             2304u        /* bytes of the longest */

/* What a task does that takes pieces. */
typedef enum {
    SCSI_WORK_READ,
    SCSI_WORK_WRITE,
    SCSI_WORK_FLUSH,
    SCSI_WORK_VERIFY,
    SCSI_WORK_UNMAP,
    SCSI_WORK_SAME,
    SCSI_WORK_ZEROES /* WRITE SAME of zeros */
} ScsiWork;

#define SCSI_F_READY     0x01u /* needs a medium that turns */
#define SCSI_F_ATTENTION 0x02u /* runs although a unit attention is owed */
#define SCSI_F_WRITES    0x04u /* not on a protected medium */
#define SCSI_F_IN        0x10u /* direction of its data */
#define SCSI_F_OUT       0x20u

#define SCSI_ANY_ACTION  0xffu

/* A row of a command set. run returns what scsi_task_begin() does. */
typedef struct {
    guint8 opcode, action, flags; /* action: service action, cdb[1] bits 0-4 */
    bool (*run)(ScsiTask *t);
} ScsiCommand;
extern const ScsiCommand scsi_disk_commands[], scsi_cd_commands[];
extern const unsigned scsi_n_disk_commands, scsi_n_cd_commands;

/* Ends of a command; all return false, so that handlers end with them. */
bool scsi_good(ScsiTask *t);
bool scsi_fail(ScsiTask *t, guint8 key, unsigned asc_ascq);
bool scsi_bad_field(ScsiTask *t);
/* Sends data[0..len), at most limit bytes of it. */
bool scsi_answer(ScsiTask *t, const void *data, gsize len, gsize limit);
/* Copies parameter data from the out buffers; false when they have fewer. */
bool scsi_params(const ScsiTask *t, gsize at, void *dst, gsize len);

/* Whether a medium is there to be read. */
bool scsi_has_medium(const ScsiUnit *u);
/* Begins blocks [lba, lba + n) of READ, WRITE, VERIFY, SAME or ZEROES. */
bool scsi_begin_blocks(ScsiTask *t, ScsiWork work, guint64 lba, guint64 n);
bool scsi_begin_flush(ScsiTask *t);
/* UNMAP's n descriptors, which begin at byte 8 of the parameter data. */
bool scsi_begin_unmap(ScsiTask *t, unsigned n);

/* Handlers that both command sets have. */
bool scsi_run_test_unit_ready(ScsiTask *t);
bool scsi_run_request_sense(ScsiTask *t);
bool scsi_run_inquiry(ScsiTask *t);
bool scsi_run_read_6(ScsiTask *t);
bool scsi_run_read_10(ScsiTask *t);
bool scsi_run_read_12(ScsiTask *t);
bool scsi_run_read_16(ScsiTask *t);
bool scsi_run_read_capacity(ScsiTask *t);
