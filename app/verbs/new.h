/* app/verbs/new.h - makes a machine, for the terminal interface. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* settings: NULL-terminated "section.key=value", or "new-disk=SIZE" for an
 * empty disk. Returns machine.ini as it is (write) or would be written; NULL
 * and error set: CARREL_NAME_ERROR, CARREL_PROFILE_ERROR, CARREL_STORE_ERROR,
 * G_FILE_ERROR. Main thread. */
char *new_machine(const char *name, const char *template_id,
                  const char *const *settings, bool write, GError **error);
