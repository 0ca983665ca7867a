/* app/helper/host-net.h - interfaces of the host that belong to machines:
 * taps on a bridge and macvtaps. Used by the machine, which opens them, and
 * by the helper, which makes them when the machine may not.
 *
 * Their names are "cr", eight hexadecimal digits made of user, machine and
 * card, "-" and the card's number: the helper touches no others. */
#pragma once

#include <sys/types.h>

#include "vmm/net/net.h"

#define HOST_NET_NAME_MAX 16

typedef struct {
    const char *machine, *nic; /* "box", "net0" */
    const char *bridge, *lower;
    const guint8 *mac;
    unsigned queues;
    /* Set by the opening of a macvtap that was made for it: it is to be
     * deleted when the link is closed. "": none. */
    char made[HOST_NET_NAME_MAX];
} HostNet;

void host_net_name(uid_t uid, const char *machine, const char *nic,
                   char ret_name[HOST_NET_NAME_MAX]);
bool host_net_is_ours(const char *name); /* has the form of such a name */
bool host_net_may_change(void);          /* CAP_NET_ADMIN */

/* What the helper does; -errno. queues > 1: a multi-queue tap. */
int host_net_make_tap(const char *name, const char *bridge, uid_t uid,
                      unsigned queues);
int host_net_make_macvtap(const char *name, const char *lower, uid_t uid,
                          const guint8 mac[6]);
/* Only what has our form of name and is of that kind ("tun", "macvtap"). */
int host_net_delete(const char *name, const char *kind);

/* The machine's link through its interface, which is made when we may. Set-up
 * thread. spec is completed. Errors of net_open(), and PERMISSION with the
 * command that makes the interface. */
NetLink *host_net_open_bridge(const HostNet *host, NetSpec *spec, Loop *loop,
                              GError **error);
NetLink *host_net_open_macvtap(HostNet *host, NetSpec *spec, Loop *loop,
                               GError **error);
