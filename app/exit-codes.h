/* app/exit-codes.h - what the program's exit status means; documented in
 * carrel(1) and stable. */
#pragma once

typedef enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,         /* bad arguments, or an invalid profile */
    EXIT_NOT_FOUND = 3,     /* no such machine, template, device */
    EXIT_STATE = 4,         /* wrong state, locked, busy, protected */
    EXIT_PRIVILEGE = 5,     /* needs another user or group */
    EXIT_HOST = 6,          /* the host cannot: no KVM, no firmware */
    EXIT_TIMEOUT = 7,       /* waited long enough */
    EXIT_PROBLEMS = 8,      /* a check found problems */
    EXIT_UNREACHABLE = 120, /* no agent or ssh in the guest */
    EXIT_INTERRUPTED = 130
} ExitCode;
