/* app/user.h - users of this host that an option names. Thread: main. */
#pragma once

#include "app/app.h"

/* What --user says, by name, as people know it, or by number, as programs do (of
 * a user that need not be there). -1: *ret_uid is it, or as before where who is
 * NULL; else the ExitCode of what has been reported. */
int user_option(const App *app, const char *who, gint64 *ret_uid);
