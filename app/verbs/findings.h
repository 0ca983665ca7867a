/* app/verbs/findings.h - what `carrel check` would say, for verbs that go on
 * in spite of it. Thread: main. */
#pragma once

#include "app/app.h"

/* The warnings of profile_check() on stderr, worded as check does; with --json
 * one object a line; nothing with --quiet. Errors are left to the caller. */
void findings_warn(const App *app, const Profile *profile);
