/* app/helper/transaction.h - a plan of the passthrough wizard, written into the
 * journal and applied, and taken back. Thread: main. */
#pragma once

#include <signal.h>

#include "app/app.h"
#include "app/helper/journal.h"

/* The hand that acts beneath root: the host's system calls and rtnetlink. */
HostHand transaction_hand(const HostRoot *root);
/* May this process change the host? */
bool transaction_may(const HostRoot *root);

/* Blocks SIGHUP, SIGINT and SIGTERM; *ret_old: the mask before. */
void transaction_block(sigset_t *ret_old);

/* A sum over the steps: what a person agreed to and what is applied must have
 * the same. g_free. */
char *transaction_sum(const Plan *plan);
/* False when the plan may not be applied now: expect (may be NULL) is another
 * sum, or the person who is shown it says no; both are reported. */
bool transaction_agree(const App *app, const HostHand *hand, const Plan *plan,
                       const char *expect);
/* Asks a person, whom --yes answers for. False: reported. */
bool transaction_ask(const App *app, const char *question);
/* Shows the steps to a person, or as JSON with --json. */
void transaction_show(const App *app, const Plan *plan);
/* Journals and applies the plan; with --dry-run prints the lines that the
 * journal would get. A SIGHUP, SIGINT or SIGTERM meanwhile is not obeyed but
 * taken as a failure: what was done is taken back, and it says so. ret_id (may be NULL): 0 when there was nothing to do. An
 * ExitCode; failures are reported. */
int transaction_apply(const App *app, HostHand *hand, Plan *plan,
                      guint64 *ret_id);
/* Takes a change back; id 0: the newest in force. */
int transaction_undo(const App *app, HostHand *hand, guint64 id);
/* All in force, newest first. */
int transaction_undo_all(const App *app, HostHand *hand);
/* Reports an error of the wizard and returns its ExitCode. */
int transaction_fail(const App *app, const GError *error);
