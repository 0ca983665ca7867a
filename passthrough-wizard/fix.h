/* passthrough-wizard/fix.h - what the doctor found, as a plan: the part that
 * root's process can do, and who has to do the rest. Thread: any one at a
 * time. */
#pragma once

#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/plan.h"

typedef struct {
    gint64 user;    /* who is to be able to; above 0 */
    guint64 memory; /* of the largest machine, bytes */
} FixWants;

/* True when a plan can mend the check: it is BAD or a HINT, and known here. */
bool fix_can(const Check *check);
/* Who mends it otherwise: "root", "you"; NULL: there is nothing to do. */
const char *fix_who(const Check *check);
/* The steps for the checks of these ids (NULL-terminated), whatever state they
 * are in: root sees other states than the user who asks. ARGUMENT for an id
 * that no plan can mend. */
Plan *fix_plan(HostHand *hand, const HostPci *host, const char *const *ids,
               const FixWants *wants, GError **error);
/* "kvm, memlock, ...": what fix_plan() knows; g_free. */
char *fix_ids(void);
