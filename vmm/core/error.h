/* vmm/core/error.h - kinds of errors that belong to no folder in particular.
 * (GIO has such a list, but brings four libraries that every machine's process
 * would load for it.) */
#pragma once

#include "vmm/types.h"

#define CARREL_ERROR (carrel_error_quark())
/* Any thread. */
GQuark carrel_error_quark(void);
typedef enum {
    CARREL_ERROR_BUSY,          /* not now: something is under way or held */
    CARREL_ERROR_NOT_FOUND,     /* nothing has that name */
    CARREL_ERROR_NOT_SUPPORTED, /* it exists, but cannot do that */
    CARREL_ERROR_INVALID,       /* a value is out of range or malformed */
    CARREL_ERROR_PERMISSION,    /* the user may not */
    CARREL_ERROR_TIMED_OUT,
    CARREL_ERROR_NO_DESCRIPTORS /* the process or the host has none left */
} CarrelError;
