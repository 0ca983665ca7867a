/* passthrough-wizard/checks.h - the doctor: one row a check of the host, each
 * with what was found, what follows from it, and what a person does about it.
 * Nothing is changed. Thread: any one at a time. */
#pragma once

#include "passthrough-wizard/host-pci.h"

typedef enum {
    CHECK_OK,
    CHECK_HINT, /* works, and could be better */
    CHECK_BAD,  /* something that one wants does not work */
    CHECK_NONE  /* does not apply here, or cannot be known */
} CheckState;

typedef struct {
    const char *id;    /* stable: "vfio-access" */
    const char *title; /* "vfio access" */
    CheckState state;
    char *finding;     /* never NULL */
    char *consequence; /* what follows; NULL: nothing */
    char *fix;         /* what to do; NULL: nothing to do */
    char *command;     /* what does it in a shell; NULL: none */
    char *undo;        /* what takes that back; NULL: nothing to take back */
} Check;

/* What machines are going to want; zeros: a machine of 4 GiB. */
typedef struct {
    guint64 memory;      /* RAM of the largest machine, bytes */
    const char *machine; /* its name; NULL: none in particular */
} CheckWants;

#define CHECKS_USUAL_MEMORY ((guint64) 4 << 30)

/* All rows in their order: GPtrArray of Check; the caller unrefs it. host NULL:
 * there is no PCI bus; the rows say so. Rows that matter only sometimes may be missing. wants may be
 * NULL. */
GPtrArray *checks_run(const HostRoot *root, const HostPci *host,
                      const CheckWants *wants);
/* "OK", "HINT", "BAD", "--" */
const char *check_state_word(CheckState state);
/* "ok", "hint", "bad", "none" */
const char *check_state_id(CheckState state);
unsigned checks_count(const GPtrArray *checks, CheckState state);
