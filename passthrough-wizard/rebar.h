/* passthrough-wizard/rebar.h - BARs whose size can be chosen: how large a part
 * of its memory a graphics card shows at once. Linux
 * Documentation/ABI/testing/sysfs-bus-pci, resourceN_resize. Thread: any. */
#pragma once

#include "passthrough-wizard/plan.h"

/* The sizes that BAR number bar of the function can have, bit n for 2^n MiB;
 * 0: it has one size for good, or this kernel does not say. */
guint64 rebar_sizes(const HostRoot *root, const char *bdf, unsigned bar);
/* What it has now, in bytes. */
guint64 rebar_now(const HostRoot *root, const char *bdf, unsigned bar);
/* The BAR that can be made largest; -1: none can be changed. */
int rebar_bar(const HostRoot *root, const char *bdf);
/* "BAR 0 has 256 MiB and can have 256 MiB to 8 GiB"; NULL: none can be changed.
 * g_free. */
char *rebar_describe(const HostRoot *root, const char *bdf);

/* Puts the change of size where in plan the function is between drivers, which
 * is when the kernel allows it. bytes 0: the largest. Where plan does not bind
 * it, or has that size already, nothing is added; a note says which. False and
 * error set: no such size. */
bool rebar_plan(Plan *plan, HostHand *hand, const char *bdf, guint64 bytes,
                GError **error);
