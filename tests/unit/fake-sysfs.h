/* tests/unit/fake-sysfs.h - a host in a directory, and a small kernel for it:
 * what is written into driver_override, bind, unbind and sriov_numvfs has the
 * effect that Linux gives it. Real files, so that another process sees them. */
#pragma once

#include "passthrough-wizard/host-hand.h"

typedef struct {
    char *dir;
    HostRoot *root;
    HostHand hand;
    unsigned writes;    /* effects so far */
    unsigned kill_at;   /* SIGKILL before effect number N, from 1; 0: never */
    const char *fail;   /* a path that contains this answers EIO */
    const char *stuck;  /* the same with ETIMEDOUT, with no effect yet */
    unsigned max_pages; /* the kernel finds no more huge pages; 0: all */
    guint64 max_bar;    /* no room for a larger BAR, bytes; 0: for all */
    unsigned raise_at;  /* SIGTERM at effect number N, from 1; 0: never */
    char vf[8][VF_N_SETTINGS][32];
    guint8 nvme[4096];
} FakeSysfs;

/* Two cards (01:00.0 radeon and 01:00.1 snd_hda_intel in group 14), an NVMe
 * 02:00.0 with up to 4 VFs (group 15), a network card 03:00.0 with up to 7
 * (igb, eth0, group 16), and a bridge. */
FakeSysfs *fake_sysfs_new(void);
void fake_sysfs_free(FakeSysfs *fake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeSysfs, fake_sysfs_free)
/* And a desktop: gdm3, a text console on a frame buffer, the firmware's frame
 * buffer. Stopping and starting the unit makes its control group come and go. */
void fake_sysfs_add_console(FakeSysfs *fake);
/* 01:00.0 is driven by nvidia, with its modules as modprobe treats them. */
void fake_sysfs_add_nvidia(FakeSysfs *fake);
/* All there is, one line an entry, with contents and links. g_free. */
char *fake_sysfs_snapshot(const FakeSysfs *fake);
/* Puts text into a file; directories above are made. */
void fake_sysfs_put(const FakeSysfs *fake, const char *path, const char *text);
/* The target of a link, or the text of a file; NULL: neither. g_free. */
char *fake_sysfs_get(const FakeSysfs *fake, const char *path);
