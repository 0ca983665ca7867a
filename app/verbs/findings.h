/* app/verbs/findings.h - what `carrel check` would say, for verbs that go on
 * in spite of it. Thread: main. */
#pragma once

#include "app/app.h"

/* The warnings of profile_check() on stderr, worded as check does; with --json
 * one object a line; nothing with --quiet. Errors are left to the caller. */
void findings_warn(const App *app, const Profile *profile);
/* The errors as well, as warnings, and what is wrong with the files that the
 * profile names: for verbs that only write it. */
void findings_warn_all(const App *app, const Profile *profile);
/* Of those only what is wrong with the files. */
void findings_warn_files(const App *app, const Profile *profile);
