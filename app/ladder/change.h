/* app/ladder/change.h - a change of devices' classes on its way: proposed,
 * tried, then confirmed or taken back by itself.
 *
 *   set ---------------> PROPOSED --start--> TRIAL --driven--> CONFIRMED
 *   set --prepare -> PREPARE |  ^              |
 *                    driven -+  +-cut short----+--ended------> FALLEN_BACK
 *
 * machine.ini has the new values from the start, except where the change fell
 * back. What is needed to take it back is in the machine's state folder, in
 * ladder.json: the file's text before and after, and each setting's old value.
 * The functions that move it touch no file, but for the last group. Thread:
 * any one at a time. */
#pragma once

#include "profiles/profile.h"

typedef enum {
    LADDER_PREPARE,   /* the old device stays, a small new one beside it makes
                         the guest load, or install, its driver */
    LADDER_PROPOSED,  /* the next start has the new device */
    LADDER_TRIAL,     /* it runs, and the guest has not taken it yet */
    LADDER_CONFIRMED, /* the guest drives it, or nothing had to be tried */
    LADDER_FALLEN_BACK
} LadderStage;

typedef struct {
    char *key, *from, *to; /* "disk0.model", "ide", "virtio-blk" */
    bool from_set;         /* in the file; else it was the default */
    LadderStage stage;
    LadderStage filed; /* the stage that ladder.json has; see ladder_merge() */
    unsigned attempts; /* starts in TRIAL */
    char *note;        /* how it came to this stage, a sentence; "" none */
    bool restored;     /* FALLEN_BACK: machine.ini has the old value again */
} LadderRow;

typedef struct {
    char *before, *after; /* machine.ini, byte for byte */
    GPtrArray *rows;      /* LadderRow */
} LadderChange;

/* What a trial shows of one device. */
typedef struct {
    bool by_firmware, by_system; /* see VirtioUse */
    /* The device is the one that the guest starts from: that its driver looks
     * at it is not enough, the system must live on it. */
    bool is_boot;
    bool lives; /* the system has written to it, or read a lot */
} LadderSight;

typedef struct {
    guint64 ran_ms;
    bool cut_short; /* by the owner, not by the guest */
} LadderEnd;

LadderChange *ladder_new(void);
void ladder_free(LadderChange *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LadderChange, ladder_free)

const char *ladder_stage_name(LadderStage stage); /* "trial" */
/* The row of a setting, or NULL. */
LadderRow *ladder_find(const LadderChange *change, const char *key);
/* Whether some row is at this stage. */
bool ladder_has(const LadderChange *change, LadderStage stage);

/* Settings that choose a class and whose device both profiles have, with
 * different values: "disk0.model", ...; g_strfreev. */
char **ladder_differences(const Profile *before, const Profile *after);
/* Notes that after is to be saved in place of before, and one row for key at
 * stage. What an earlier change has decided is forgotten. */
void ladder_propose(LadderChange *change, const Profile *before,
                    const Profile *after, const char *key, LadderStage stage);

/* The machine starts: what was proposed is tried, a trial that has not ended
 * (the host died, the process was killed) falls back. True: a row has moved. */
bool ladder_start(LadderChange *change);
/* The machine did not start after all. */
void ladder_start_failed(LadderChange *change);
/* True: the row has moved on. */
bool ladder_observe(LadderRow *row, const LadderSight *sight);
/* The machine has ended; sight: what was last seen of this row. */
bool ladder_end(LadderRow *row, const LadderSight *sight, const LadderEnd *end);

/* What the machine is to be built from where rows are being prepared: profile
 * with the old values, and a small device beside each. disk: an image for it.
 * NULL and error set: there is no place left. */
Profile *ladder_with_helpers(const LadderChange *change, const Profile *profile,
                             const char *disk, GError **error);

/* ---- files; change-file.c ---- */

/* NULL: there is no change, or nothing that can be read. */
LadderChange *ladder_load(const char *name);
bool ladder_save(const char *name, LadderChange *change, GError **error);
/* Who loads, changes and saves holds this from before the first to after the
 * last: the machine's process and commands both write the file. A descriptor
 * to be closed (sys_close()); -1: no lock could be had in some seconds, and
 * going on is better than waiting. */
int ladder_lock(const char *name);
void ladder_forget(const char *name);
/* Writes the old values of rows that fell back (all: of every row) into
 * machine.ini: the old text, where nothing else was changed, else setting by
 * setting; one that somebody has changed since stays. Marks them restored. */
bool ladder_restore(LadderChange *change, const char *name, bool all,
                    GError **error);
/* ---- merge.c: a process that keeps a change for long ---- */

/* What was moved in mine since it was loaded or filed goes into now, the file's
 * change, and nothing else does. Rows that others have changed, or taken back,
 * in between are no longer in mine. True: now is to be saved; then
 * ladder_filed(mine). */
bool ladder_merge(LadderChange *now, LadderChange *mine);
/* Rows whose setting has another value in profile leave mine, and now where
 * they are still the same. True: now is to be saved. */
bool ladder_drop_others(LadderChange *now, LadderChange *mine,
                        const Profile *profile);
/* The file has the rows as they are. */
void ladder_filed(LadderChange *change);

/* One line for lists: "trial: disk0.model=virtio-blk"; "" nothing to say.
 * g_free. */
char *ladder_summary(const char *name);
