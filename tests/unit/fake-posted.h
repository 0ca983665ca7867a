/* tests/unit/fake-posted.h - a CPU backend that only posts writes: it notes
 * which range the guest need not leave KVM for. */
#pragma once

#include <errno.h>

#include "vmm/io/io.h"

typedef struct {
    guint64 addr; /* of the range */
    unsigned len; /* 0: none */
    unsigned flushes;
    bool refuses;
} FakePosted;

static inline int
fake_set_posted(void *backend, IoKind kind, guint64 addr, unsigned len, bool on)
{
    FakePosted *f = backend;

    if (on && f->refuses)
        return -ENOTSUP;
    f->addr = addr;
    f->len = on ? len : 0;
    return 0;
}

static inline void
fake_flush_posted(void *backend)
{
    ((FakePosted *) backend)->flushes++;
}

static inline int
fake_no_eventfd(void *backend, IoKind kind, guint64 addr, unsigned size,
                const guint64 *match, int fd, bool add)
{
    return 0;
}

static const IoBackendOps fake_posted_ops = {
    .set_eventfd = fake_no_eventfd,
    .set_posted = fake_set_posted,
    .flush_posted = fake_flush_posted,
};
