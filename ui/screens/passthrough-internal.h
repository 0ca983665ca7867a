/* ui/screens/passthrough-internal.h - between the passthrough screen
 * (passthrough.c: pages 1 and 2, keys) and its later pages
 * (passthrough-plan.c: 3 to 6). */
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
/* Each asks, then runs `carrel passthrough bind`, `undo` or `rehearse` in the
 * terminal. */
void passthrough_ask_apply(Passthrough *p);
void passthrough_ask_undo(Passthrough *p);
void passthrough_ask_rehearse(Passthrough *p);
