/* devices/storage/mmc.h - answers of a CD/DVD drive that are the same on every
 * bus. They read the drive and write the answer, and nothing else; any thread
 * that may read what the drive's owner put into MmcDrive. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/types.h"

#define MMC_SECTOR 2048u

/* A drive as it is now. */
typedef struct {
    guint64 n_units; /* of the disc, in sectors; 0: none */
    bool has_disc;   /* in the tray, open or not */
    bool tray_open, locked;
    guint8 event;     /* media event not yet told: 0 none, MMC_EVENT_... */
    guint8 interface; /* physical, of the core feature: 1 SCSI, 2 ATAPI */
} MmcDrive;

#define MMC_EVENT_EJECT_REQUEST 1u
#define MMC_EVENT_NEW_MEDIA     2u
#define MMC_EVENT_REMOVAL       3u

/* A drive's tray, for people. */
#define MMC_TRAY_LOCKED 1u /* the guest holds it shut */
#define MMC_TRAY_OPEN   2u

/* The guest has moved it: a line for the machine's log. path: of the disc, NULL:
 * none. Any thread. */
void mmc_log_tray(Device *dev, const char *path, bool open);

/* cdb: the command, 12 bytes. Fills b (MMC_MAX_ANSWER bytes) and returns the
 * answer's full length, before the allocation length cuts it; negative: the
 * request is illegal, -(additional sense code << 8 | qualifier). */
#define MMC_MAX_ANSWER 2304u
typedef int MmcAnswer(const MmcDrive *d, const guint8 *cdb, guint8 *b);
MmcAnswer mmc_mode_sense;
MmcAnswer mmc_read_toc;
MmcAnswer mmc_read_subchannel;
MmcAnswer mmc_get_configuration;
MmcAnswer mmc_get_event; /* the owner then forgets the event, see below */
MmcAnswer mmc_read_disc_info;
MmcAnswer mmc_read_track_info;
MmcAnswer mmc_mechanism_status;
MmcAnswer mmc_read_dvd_structure;

/* Whether this GET EVENT STATUS NOTIFICATION tells the media event. */
bool mmc_event_told(const guint8 *cdb);
/* Whether MODE SELECT's pages b[at..len) are ones that a drive has; their
 * values are accepted as they are, for nothing in them changes how an image
 * is read. */
bool mmc_mode_pages_known(const guint8 *b, gsize at, gsize len);
