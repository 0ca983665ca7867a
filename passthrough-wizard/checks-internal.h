/* passthrough-wizard/checks-internal.h - between checks.c and the rows. */
#pragma once

#include "passthrough-wizard/checks.h"

typedef struct {
    const HostRoot *root;
    const HostPci *host; /* may be NULL */
    CheckWants wants;    /* memory is never 0 */
    bool is_root;        /* the user who looks is root */
    Check *check;        /* the row that is being filled */
} CheckCase;

typedef struct {
    const char *id, *title;
    void (*look)(CheckCase *c);
} CheckRow;

/* Tables of checks-system.c and checks-passthrough.c. */
const CheckRow *checks_system(gsize *ret_n);
const CheckRow *checks_passthrough(gsize *ret_n);

/* Takes finding. */
void check_say(CheckCase *c, CheckState state, char *finding);
/* Copies; any may be NULL. */
void check_advise(CheckCase *c, const char *consequence, const char *fix,
                  const char *command, const char *undo);
/* "64.0 GiB"; g_free. */
char *check_size(guint64 bytes);
bool check_iommu_works(const CheckCase *c);
