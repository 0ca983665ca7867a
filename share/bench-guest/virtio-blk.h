/* share/bench-guest/virtio-blk.h - for whoever needs the device itself. */
#pragma once

#include "share/bench-guest/virtio.h"

/* Opened; NULL: there is none. */
VirtioDev *virtio_blk_device(u32 unit);
Virtq *virtio_blk_queue(u32 unit);
