/* passthrough-wizard/verdict.h - may this function go into a machine? Every
 * answer has its reasons, and every reason what to do about it.
 *
 * Decided from a HostPci alone: nothing is opened, nothing is tried (that is
 * the rehearsal). Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-pci.h"

typedef enum {
    VERDICT_CAN,   /* as a reason: a remark */
    VERDICT_IF,    /* can go, if the remedy is followed */
    VERDICT_CANNOT /* refused, because of this */
} VerdictKind;

typedef struct {
    const char *id; /* stable, for programs: "boot-disk" */
    VerdictKind kind;
    char *text;    /* one or two sentences; never NULL */
    char *remedy;  /* what a person does about it; NULL: nothing to do */
    char *command; /* what does it in a shell; NULL: none */
} VerdictReason;

typedef struct {
    VerdictKind kind;   /* the worst reason's */
    GPtrArray *reasons; /* of VerdictReason, worst first */
    GPtrArray *take;    /* of HostPciFn, borrowed: what goes, fn among them */
    GPtrArray *others;  /* borrowed: endpoints of the group beside those; they
                           must go too, or be without a driver */
    GPtrArray *stay;    /* borrowed: bridges of the group, harmless */
} Verdict;

Verdict *verdict_of(const HostPci *host, const HostPciFn *fn);
void verdict_free(Verdict *verdict);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Verdict, verdict_free)

/* "can go", "can go, if", "cannot go" */
const char *verdict_kind_words(VerdictKind kind);
/* "can", "if", "cannot" */
const char *verdict_kind_id(VerdictKind kind);
/* The first reason of that id, or NULL. */
const VerdictReason *verdict_reason(const Verdict *verdict, const char *id);

/* Is the function worth a row for a person who looks for something to pass
 * through: no bridge, no part of the chipset that never goes. */
bool verdict_is_candidate(const HostPci *host, const HostPciFn *fn);
