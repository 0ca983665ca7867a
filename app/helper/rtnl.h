/* app/helper/rtnl.h - the few things we ask the kernel about interfaces by
 * rtnetlink. Each call opens and closes its own socket. Results are 0 or
 * -errno. Blocks for a moment; any thread. */
#pragma once

#include "vmm/types.h"

typedef struct {
    int index, master; /* 0: none */
    int lower;         /* what a macvtap sits on; 0: nothing */
    guint8 mac[6];
    bool up;
    char kind[16]; /* "bridge", "tun", "macvtap"; "" a real card */
} RtnlLink;

int rtnl_get(const char *name, RtnlLink *ret_link);
/* A new macvtap in bridge mode on the interface of index lower. */
int rtnl_add_macvtap(const char *name, int lower, const guint8 mac[6]);
int rtnl_set_up(int index);
int rtnl_set_master(int index, int master); /* 0: leave it */
int rtnl_set_mac(int index, const guint8 mac[6]);
int rtnl_delete(int index);
