/* app/ladder/advice.h - the decision matrix: what each device of a machine
 * could be, on this host, with this guest, and what is advised.
 *
 * Texts are constant, or belong to the advice. Thread: any; blocks. */
#pragma once

#include "app/ladder/check.h"
#include "app/ladder/host-facts.h"
#include "app/ladder/rungs.h"
#include "profiles/profile.h"

typedef enum { CAN_YES, CAN_MAYBE, CAN_NO } Can;

/* One rung of a device's ladder. */
typedef struct {
    Rung rung;
    char *value; /* of the setting; "" there is none */
    Can can;
    const char *gives; /* and costs */
    char *why;         /* reasons for can, "a; b" */
} AdviceOption;

/* One figure of carrel bench. */
typedef struct {
    char *metric, *unit, *device;
    double value;
    bool more_is_better;
} AdviceFigure;

typedef struct {
    const RungKey *row;
    char *key, *now;     /* "disk0.model", "ide" */
    GPtrArray *options;  /* AdviceOption */
    GPtrArray *figures;  /* AdviceFigure, by metric */
    const char *advised; /* value; the same as now: leave it */
    char *because;       /* a sentence */
    char *command;       /* NULL: nothing is to be done */
} AdviceDevice;

typedef struct {
    HostFacts host;
    GuestLook *look; /* NULL: why */
    char *why;
    char *bench_date;   /* NULL: never measured */
    GPtrArray *devices; /* AdviceDevice */
} Advice;

/* bench: the content of bench.json, or NULL. */
Advice *advice_new(const char *name, const Profile *profile,
                   const HostFacts *host, const char *bench);
void advice_free(Advice *advice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Advice, advice_free)
const char *can_name(Can can); /* "yes" */
