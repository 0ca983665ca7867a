/* app/sandbox/sandbox-internal.h - what the files of the sandbox share. */
#pragma once

#include <linux/filter.h>

#include "app/sandbox/sandbox.h"

/* The sanitizers map and trace as they like. gcc says it with a macro, clang
 * with a feature. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#define SANDBOX_SANITIZED                                                      \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANDBOX_SANITIZED 0
#endif

/* A condition on arguments. */
typedef enum {
    SANDBOX_ANY,
    SANDBOX_NOT_EXEC,      /* mprotect: memory that stays data */
    SANDBOX_NOT_WRITE,     /* mmap: code, but from a file and for good */
    SANDBOX_THREAD,        /* clone: a thread, not a process */
    SANDBOX_OWN,           /* a signal to ourselves */
    SANDBOX_AF_UNIX,       /* socket */
    SANDBOX_NETLINK_ROUTE, /* socket: interfaces of the host */
    SANDBOX_INET_STREAM,
    SANDBOX_INET_DGRAM,
    SANDBOX_INET6_STREAM,
    SANDBOX_INET6_DGRAM,
    SANDBOX_READ_ONLY, /* openat: files that are there */
    SANDBOX_STDERR,    /* write */
} SandboxCheck;

#define SANDBOX_BIT(kind) (1u << (kind))

typedef struct {
    unsigned kinds; /* SANDBOX_BIT() of SandboxClass */
    SandboxCheck check;
    int refuse;        /* 0: allowed; else the errno, without a word */
    const char *names; /* of system calls, one blank between them */
    const char *why;
} SandboxRule;

/* In place of the process's own number until a filter is loaded. */
#define SANDBOX_OWN_MARK 0x6f776e50u

/* By class; made by sandbox-compile. */
typedef struct {
    const struct sock_filter *code;
    unsigned n;
} SandboxFilter;
extern const SandboxFilter sandbox_filters[SANDBOX_CLASSES];

extern const SandboxRule sandbox_rules[];
extern const unsigned sandbox_n_rules;

/* Names of what ends the process. */
extern const char *const sandbox_deadly[];
extern const unsigned sandbox_n_deadly;

/* By number; NULL: a hole. Made at build time. */
extern const char *const sandbox_syscalls[];
extern const unsigned sandbox_n_syscalls;

/* sandbox-signal.c: from now on SIGSYS is what the filter says. */
void sandbox_catch(void);
