/* tests/unit/net-rig.h - a NIC for tests of vmm/net: keeps what it gets. */
#pragma once

#include <string.h>

#include "tests/unit/cu-main.h"
#include "vmm/loop/loop.h"
#include "vmm/net/net.h"

#define RIG_FRAMES 256

typedef struct {
    NetLink *link;
    gsize hdr;
    unsigned n;     /* frames kept */
    unsigned limit; /* stops receiving after so many; 0: never */
    gsize len[RIG_FRAMES];
    guint8 *data[RIG_FRAMES]; /* header and frame */
    unsigned writable, link_changes;
    bool up;
} NetRig;

static inline void
rig_readable(void *nic, unsigned queue)
{
    NetRig *rig = nic;
    guint8 *buffer = g_malloc(NET_HDR_MAX + NET_FRAME_MAX);

    for (;;) {
        struct iovec iov = {buffer, NET_HDR_MAX + NET_FRAME_MAX};
        NetFrame f = {.iov = &iov, .n_iov = 1};
        if (rig->n == RIG_FRAMES || (rig->limit != 0 && rig->n >= rig->limit)) {
            net_set_receiving(rig->link, queue, false);
            break;
        }
        if (net_receive(rig->link, queue, &f, 1) == 0)
            break;
        rig->data[rig->n] = g_memdup2(buffer, f.len);
        rig->len[rig->n++] = f.len;
    }
    g_free(buffer);
}

static inline void
rig_writable(void *nic, unsigned queue)
{
    NetRig *rig = nic;
    rig->writable++;
}

static inline void
rig_link_changed(void *nic, bool up)
{
    NetRig *rig = nic;
    rig->link_changes++;
    rig->up = up;
}

static const NetOps rig_ops = {.readable = rig_readable,
                               .writable = rig_writable,
                               .link_changed = rig_link_changed};

static inline void
rig_plug(NetRig *rig, NetLink *link, NetHdr hdr, unsigned offloads)
{
    *rig = (NetRig){.link = link, .hdr = hdr};
    net_set_header(link, hdr);
    (void) net_set_offloads(link, offloads);
    net_set_ops(link, &rig_ops, rig);
    net_set_receiving(link, 0, true);
}

static inline void
rig_forget(NetRig *rig)
{
    for (unsigned i = 0; i < rig->n; i++)
        g_free(rig->data[i]);
    rig->n = 0;
}

static inline unsigned
rig_send(NetRig *rig, const void *data, gsize len)
{
    struct iovec iov = {(void *) data, len};
    const NetFrame f = {.iov = &iov, .n_iov = 1};
    return net_send(rig->link, 0, &f, 1);
}

/* Turns the loop until the rig has n frames, at most a second or so. */
static inline void
rig_wait(Loop *loop, NetRig *rig, unsigned n)
{
    for (unsigned i = 0; i < 2000 && rig->n < n; i++) {
        loop_advance(loop, 0);
        if (rig->n < n)
            g_usleep(500);
    }
}

/* A broadcast frame of len bytes with a pattern. */
static inline void
rig_pattern(guint8 *frame, gsize len, guint8 seed)
{
    static const guint8 head[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                    0,    0,    0,    0,    1,    0x88, 0xb5};
    for (gsize i = 0; i < len; i++)
        frame[i] = (guint8) (i * 7 + seed);
    memcpy(frame, head, MIN(len, sizeof head));
}
