/* app/verbs/shared-files.h - files that more than one machine names: what
 * delete and rename take from others, what a clone goes on sharing. Thread:
 * main. */
#pragma once

#include "profiles/profile.h"

/* "b (disk0.path)" for each setting of another machine that names a file in
 * the folder of this one; g_strfreev, empty for none. */
char **shared_files_users(const char *name);
/* "disk0 (/images/x.img)" for each disk or floppy of it that lies elsewhere
 * and that the machine writes; g_strfreev. */
char **shared_files_outside(const char *name);
