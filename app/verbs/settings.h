/* app/verbs/settings.h - "section.key=value" arguments, for every verb that
 * takes them. Thread: main. */
#pragma once

#include "app/app.h"

/* settings: NULL-terminated "section.key=value". Stops at the first error
 * (CARREL_PROFILE_ERROR). */
bool settings_apply(Profile *profile, char **settings, GError **error);
/* keys: "section.key", or "section" to remove a whole one; may be NULL. */
bool settings_unset(Profile *profile, char **keys, GError **error);
