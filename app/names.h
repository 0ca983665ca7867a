/* app/names.h - names of machines: [A-Za-z0-9][A-Za-z0-9._-]{0,63}, so that
 * a name is a safe file name, option argument and host name. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum { MACHINE_NAME_MAX = 64 };

/* False and error set (CARREL_NAME_ERROR) with what is allowed. */
bool machine_name_check(const char *name, GError **error);

#define CARREL_NAME_ERROR (carrel_name_error_quark())
GQuark carrel_name_error_quark(void);
typedef enum { CARREL_NAME_ERROR_INVALID } CarrelNameError;
