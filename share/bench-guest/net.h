/* share/bench-guest/net.h - what a network card's driver offers. A new driver
 * is a file and a row in net.c. */
#pragma once

#include "share/bench-guest/guest.h"

#define NET_FRAME_MAX 1514u

typedef struct {
    const char *name;
    bool (*open)(u32 unit);
    const u8 *(*mac)(u32 unit);
    /* Room for the next frame; waits for it. */
    u8 *(*next)(u32 unit);
    void (*send)(u32 unit, u32 len); /* what was written to next() */
    void (*kick)(u32 unit);          /* after one or more sends */
    /* A frame that came, or NULL; release() it before the next. */
    u8 *(*receive)(u32 unit, u32 *ret_len);
    void (*release)(u32 unit);
    void (*wait)(u32 unit, bool poll); /* until receive() has one */
} NetDriver;

extern const NetDriver virtio_net_driver;
