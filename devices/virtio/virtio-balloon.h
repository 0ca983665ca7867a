/* devices/virtio/virtio-balloon.h - what the machine's owner asks a memory
 * balloon; the device itself is class "virtio-balloon". */
#pragma once

#include "vmm/core/device.h"

/* What a guest may say of its memory, 5.5.6.3 in order of the tags. */
#define VIRTIO_BALLOON_STATS 10u

typedef struct {
    guint64 target;   /* bytes the balloon is to take */
    guint64 actual;   /* bytes the driver says that it has taken */
    guint64 inflated; /* bytes given back since the start: by inflating, */
    guint64 reported; /* and because the guest said that they are free */
    bool driver;      /* a driver is at work */
    bool has_stats;   /* the guest has sent statistics */
    gint64 stats_ns;  /* when, guest clock */
    guint16 known;    /* bit n: stats[n] was among them */
    guint64 stats[VIRTIO_BALLOON_STATS];
} VirtioBalloonInfo;

/* "free", "available": the name of stats[n]; n < VIRTIO_BALLOON_STATS. Here,
 * for those who show what another process has asked. Any thread. */
static inline const char *
virtio_balloon_stat_name(unsigned n)
{
    static const char *const names[VIRTIO_BALLOON_STATS] = {
        "swap_in",           "swap_out",    "major_faults",
        "minor_faults",      "free",        "total",
        "available",         "disk_caches", "huge_pages_allocated",
        "huge_page_failures"};

    return names[n];
}

/* dev: a realized virtio-balloon. Asks the driver to take so many bytes
 * (rounded down to 4096) from the guest; it takes its time, and may not be
 * there at all. Any thread, takes the device's lock. */
void virtio_balloon_set_target(Device *dev, guint64 bytes);
/* Any thread, takes the device's lock; also asks the guest for newer
 * statistics, for the next call. */
void virtio_balloon_get(Device *dev, VirtioBalloonInfo *ret_info);
