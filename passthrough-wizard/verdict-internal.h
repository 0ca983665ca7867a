/* passthrough-wizard/verdict-internal.h - between verdict.c and its rows. */
#pragma once

#include "passthrough-wizard/verdict.h"

typedef struct {
    const HostPci *host;
    const HostPciFn *fn;
    Verdict *verdict; /* take, others and stay are filled */
    const char *id;   /* of the row */
} VerdictCase;

typedef struct {
    const char *id;
    void (*judge)(VerdictCase *c); /* calls verdict_add() or does not */
    bool last; /* after a reason of this row no other counts */
} VerdictRow;

const VerdictRow *verdict_rows(gsize *ret_n);

/* Takes text. The reason may get a command afterwards. */
VerdictReason *verdict_add(VerdictCase *c, VerdictKind kind, char *text,
                           const char *remedy);
