/* passthrough-wizard/console.h - the host's console handed over with its only
 * graphics card: the display manager ends, the kernel's text console and the
 * firmware's frame buffer let go. Taken back in the opposite order. Linux
 * Documentation/driver-api/console.rst (binding and unbinding). Thread: any one
 * at a time. */
#pragma once

#include "passthrough-wizard/plan.h"

/* Appended before the card's own steps. */
void console_add_hand_over(Plan *plan, const HostHand *hand);
/* A display manager that a step can end is running: with it goes who draws.
 * False for a desktop that was started from a text console. */
bool console_ends_desktop(const HostHand *hand);
/* The unit of a display manager that runs and that no step can end; NULL: there
 * is none. g_free. */
char *console_unknown_manager(const HostHand *hand);
/* The plan ends the desktop, and with it, may be, the terminal that asked. */
bool console_is_handed_over(const Plan *plan);
