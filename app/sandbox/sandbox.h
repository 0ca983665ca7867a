/* app/sandbox/sandbox.h - what a process may still ask of the kernel once it
 * has what it needs. Tables in sandbox-rules.c; share/doc/security.md. */
#pragma once

#include "vmm/types.h"

typedef enum {
    SANDBOX_MACHINE,    /* the process of a machine */
    SANDBOX_NET_USER,   /* that of a user network */
    SANDBOX_NET_SWITCH, /* that of a switch */
    SANDBOX_LOOK,       /* that of a look into a guest's disk */
    SANDBOX_CLASSES
} SandboxClass;

/* For good, for all threads and whatever they start: system calls outside the
 * class's table fail with EPERM and leave a line on standard error; those that
 * nothing of ours makes (another program, other processes' memory, mounts,
 * modules, ...) end the process. Main thread. False and error set: this build
 * or kernel has no filters, or refuses them; nothing has changed then. */
bool sandbox_enter(SandboxClass kind, GError **error);

/* A path that a process keeps, and what beneath it. */
typedef enum {
    SANDBOX_READ = 1,  /* files and folders */
    SANDBOX_WRITE = 2, /* files that are there */
    SANDBOX_MAKE = 4,  /* and make, rename and remove them */
} SandboxAccess;

typedef struct {
    const char *path; /* a file or a folder; passed over when not there, or
                       * NULL */
    unsigned access;  /* of SandboxAccess */
} SandboxPath;

/* For good, for the calling thread and whatever it starts: nothing but these
 * can be opened by name, and nothing be executed. False and error set: this
 * kernel has no Landlock; nothing has changed then. */
bool sandbox_restrict_paths(const SandboxPath *paths, unsigned n_paths,
                            GError **error);

/* Memory that a process may have for itself, bytes. */
void sandbox_limit_memory(guint64 bytes);
