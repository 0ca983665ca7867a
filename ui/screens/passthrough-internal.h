/* ui/screens/passthrough-internal.h - between the passthrough screen
 * (passthrough.c: pages 1 and 2, keys) and its later pages
 * (passthrough-plan.c: 3 to 5, passthrough-apply.c: 6). */
#pragma once

#include "passthrough-wizard/plan.h"
#include "passthrough-wizard/report.h"
#include "passthrough-wizard/verdict.h"
#include "ui/screens/host-look.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

enum {
    PAGE_DEVICE = 1,
    PAGE_GROUP,
    PAGE_PLAN,
    PAGE_DISPLAY,
    PAGE_MACHINE,
    PAGE_APPLY,
    N_PAGES = PAGE_APPLY
};

/* When the device is bound. */
typedef enum { WHEN_START, WHEN_BOOT, WHEN_NOW, N_WHENS } When;

typedef struct {
    Screen screen;
    HostLook *look;
    int page;
    GPtrArray *rows;            /* of HostPciFn, borrowed: what page 1 lists */
    ListPos list;               /* of page 1 */
    bool all;                   /* bridges too */
    char chosen[HOST_BDF_SIZE]; /* "" before one is */
    Verdict *verdict;           /* of the chosen one; NULL: none */
    Plan *plan;                 /* NULL: none, see plan_error */
    char *plan_error;
    ListPos steps; /* of page 3: top is the first line shown */
    When when;
    bool console; /* the host's console goes with its card */
    ListPos who;  /* of page 6: machines; 0 is none */
} Passthrough;

/* The chosen function, or NULL when it is not there (any more). */
const HostPciFn *passthrough_fn(const Passthrough *p);
const HostPci *passthrough_host(const Passthrough *p); /* NULL: no answer */
/* Wrapped text from row y on, before row end; returns the next row. */
int passthrough_text(Passthrough *p, int y, int end, int x, const char *mark,
                     Style style, const char *text);

/* Makes the plan for what is chosen. */
void passthrough_make_plan(Passthrough *p);
void passthrough_draw_plan(Passthrough *p, int y, int end);
void passthrough_draw_display(Passthrough *p, int y, int end);
void passthrough_draw_machine(Passthrough *p, int y, int end);
void passthrough_draw_apply(Passthrough *p, int y, int end);
/* True when the card draws the console, so that a person may choose whether
 * that goes along. */
bool passthrough_has_console(const Passthrough *p);
/* A plan for what is chosen; user: who may open the device, -1: nobody. The
 * caller frees; NULL with error. */
Plan *passthrough_plan_for(const Passthrough *p, When when, gint64 user,
                           GError **error);
/* Draws why there is no plan, or that it has no step. False: it has some. */
bool passthrough_draw_no_plan(Passthrough *p, int y, int end);
/* Page 6's list has what machines there are now, and that many rows. */
void passthrough_fit_machines(Passthrough *p, int rows);
/* "carrel ..." for what page 6 would do; g_free. */
char *passthrough_command(const Passthrough *p);

/* Each shows its steps and asks; a machine's settings are written, the rest is
 * done by `carrel passthrough apply`, `bind`, `undo` or `rehearse` in the
 * terminal. */
void passthrough_ask_apply(Passthrough *p);
void passthrough_ask_undo(Passthrough *p);
void passthrough_ask_rehearse(Passthrough *p);
