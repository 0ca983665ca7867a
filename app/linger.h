/* app/linger.h - what becomes of machines when their owner logs out. */
#pragma once

#include <stdbool.h>

/* Advice, when the runtime folder goes away with the login's last session;
 * else NULL. Constant. root: "" but in tests. Thread: main. */
const char *linger_hint(const char *root);
/* Does this process go on when the display manager ends? Not when it is part of
 * a login that has no other session than the desktop's, and does not linger.
 * root: "" but in tests. Thread: main. */
bool linger_outlives_desktop(const char *root);
