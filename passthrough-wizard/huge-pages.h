/* passthrough-wizard/huge-pages.h - huge pages that a machine has for itself
 * while it runs. Several machines add to one number of the host, so what is
 * taken back is what was added, not the number that was there. Thread: any one
 * at a time. */
#pragma once

#include "passthrough-wizard/plan.h"

/* size: "2048kB" or "1048576kB", as the kernel names them. How many are free
 * and promised to nobody. */
guint64 huge_pages_free(const HostRoot *root, const char *size);
/* Adds a step for as many as are missing for need pages; none when all are
 * there. False and error set: the host has none of that size. */
bool huge_pages_plan(Plan *plan, HostHand *hand, const char *size, guint64 need,
                     GError **error);
/* "2048kB:512". */
bool huge_pages_parse(const char *text, char ret_size[16], guint64 *ret_need);
