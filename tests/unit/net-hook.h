/* tests/unit/net-hook.h - puts a function in the way of what a link does. Apart
 * from the tests, because the kernel's headers that vmm/net needs give the
 * feature bits of virtio other values. */
#pragma once

#include "vmm/types.h"

/* The link's kind has this set_queues() from now on; one link at a time. */
void net_hook_set_queues(NetLink *link,
                         int (*set_queues)(NetLink *link, unsigned n));
