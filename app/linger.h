/* app/linger.h - what becomes of machines when their owner logs out. */
#pragma once

/* Advice, when the runtime folder goes away with the login's last session;
 * else NULL. Constant. root: "" but in tests. Thread: main. */
const char *linger_hint(const char *root);
