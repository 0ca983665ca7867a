/* vmm/annotate.h - clang's thread-safety attributes, spelt once.
 *
 * GMutex is not a capability type, so the attributes that name a lock are only
 * documentation to the compiler; they are checked text for tests/lint, which
 * wants every lock field to say what it protects. */
#pragma once

/* The field may be touched only with the named lock held. */
#define G_GUARDED_BY(lock)

/* The function expects the named lock to be held by its caller. */
#define G_REQUIRES(lock)
