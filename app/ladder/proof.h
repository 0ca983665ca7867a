/* app/ladder/proof.h - which drivers a machine's guest has shown to have: kept
 * in the machine's state folder, in drivers.json, by the machine's process.
 *
 * The strongest of all evidence: a driver was seen at work in this very system.
 * It counts for the disk that the guest was started from; another disk is
 * another system. Thread: any one at a time. */
#pragma once

#include "profiles/profile.h"

typedef struct {
    char *model; /* "virtio-blk" */
    char *disk;  /* path of the disk it was started from, "" none */
    gint64 last; /* Unix seconds */
} Proof;

void proof_free(Proof *proof);
/* The first disk in the order of starting, as a path; "" none. g_free. */
char *proof_boot_disk(const Profile *profile);
/* The section of it ("disk0"), or NULL. g_free. */
char *proof_boot_section(const Profile *profile);
/* The latest proof for this system, or NULL; proof_free(). */
Proof *proof_find(const char *name, const char *model, const char *disk);
/* Best effort: a full disk is no reason to disturb a machine. */
void proof_add(const char *name, const char *model, const char *disk);
/* The name belongs to another machine now. */
void proof_forget(const char *name);
