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

/* What a card's physical function has been told of one of its virtual ones.
 * Where the driver does not know a thing, its flag in known (1 << IFLA_VF_...)
 * is missing. */
typedef struct {
    guint32 known;
    guint8 mac[6];
    guint32 vlan, qos;
    guint32 min_rate, max_rate; /* Mbit/s; 0: none */
    guint32 spoofchk, trust;
    guint32 link_state; /* IFLA_VF_LINK_STATE_... */
} RtnlVf;

/* -ENOENT: the interface has no such virtual function. */
int rtnl_vf_get(const char *name, unsigned vf, RtnlVf *ret);
/* attribute: IFLA_VF_MAC and others with its struct of linux/if_link.h. */
int rtnl_vf_set(const char *name, int attribute, const void *data, gsize len);
