/* vmm/net/switch-core.h - what a private switch decides: which members get a
 * frame. No I/O. Thread: the switch's own.
 *
 * Members are guests that do not trust each other. A member cannot take an
 * address away from another while that one is connected and uses it, cannot
 * fill the table for the others, and a frame never goes back to its sender. */
#pragma once

#include "vmm/types.h"

#define SWITCH_MEMBERS    64
#define SWITCH_ADDRESSES  1024 /* power of two */
#define SWITCH_PER_MEMBER 64   /* addresses that one member may hold */
#define SWITCH_AGE_MS     300000
#define SWITCH_TRIES      16 /* places looked at for an address */

typedef struct {
    guint8 mac[6];
    guint8 member;
    bool used;
    gint64 seen_ms;
} SwitchAddress;

typedef struct {
    guint64 members; /* bit a member */
    SwitchAddress table[SWITCH_ADDRESSES];
    guint16 held[SWITCH_MEMBERS];
} SwitchCore;

void switch_core_init(SwitchCore *core);
/* A free number, or -1 when there are 64. */
int switch_core_join(SwitchCore *core);
void switch_core_leave(SwitchCore *core, unsigned member);
/* Learns the sender of an Ethernet frame of len bytes; the members, a bit
 * each, who get it. 0: nobody. */
guint64 switch_core_route(SwitchCore *core, unsigned from, const guint8 *frame,
                          gsize len, gint64 now_ms);
