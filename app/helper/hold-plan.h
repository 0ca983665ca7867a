/* app/helper/hold-plan.h - what a machine takes from the host for as long as it
 * runs, as a plan. The user's process makes it to show it, root's makes it again
 * and does it. Thread: main. */
#pragma once

#include "passthrough-wizard/vfio-bind.h"

typedef struct {
    char *const *devices; /* addresses; may be empty */
    char *const *macs;    /* "0000:01:10.0=52:54:00:12:34:56"; NULL: none */
    char *const *rebars;  /* "0000:01:00.0=8G", "...=max"; NULL: none */
    const char *pages;    /* "2048kB:512"; NULL: none */
    const char *machine;  /* whose pages; NULL: nobody waits for them */
    BindOptions bind;
} HoldWish;

/* "1000/NAME": one word of a plan's name, by which a later start of the machine
 * finds pages that it still holds. g_free. */
char *hold_plan_owner(gint64 user, const char *machine);
/* Devices are bound, virtual functions get their addresses, BARs their size,
 * huge pages are reserved; all of it is taken back in the opposite order. NULL
 * and error set: CARREL_PLAN_ERROR. */
Plan *hold_plan_make(HostHand *hand, const HostPci *host, const HoldWish *wish,
                     GError **error);
