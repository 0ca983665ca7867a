/* vmm/net/dial.h - the connection of a link to a role process: made at open,
 * watched, and made again when the process has died. */
#pragma once

#include "vmm/net/net-internal.h"

typedef struct NetDial NetDial;

typedef struct {
    /* Connects: the SOCK_SEQPACKET end, or -1 and error set. Blocks; any
     * thread, one at a time. */
    int (*connect)(gpointer data, GError **error);
    /* Loop: connected anew; before frames flow. May be NULL. */
    void (*connected)(gpointer data);
    /* The last user has gone. */
    void (*destroy)(gpointer data);
} NetDialOps;

/* Connects and gives the link's queue its descriptor. Set-up thread. NULL and
 * error set: data is destroyed. */
NetDial *net_dial_new(NetLink *link, const NetDialOps *ops, gpointer data,
                      GError **error);
void net_dial_start(NetDial *dial); /* loop */
void net_dial_stop(NetDial *dial);  /* loop, or it has ended */
void net_dial_free(NetDial *dial);  /* after stop; NULL is fine */
/* The connection is of no use any more. Any thread. */
void net_dial_lost(NetDial *dial);

/* A role: how it is started. */
typedef struct {
    char **argv; /* owned; the first words */
    NetSpawn spawn;
} NetRole;

void net_role_init(NetRole *role, const NetSpec *spec);
void net_role_clear(NetRole *role);
/* With the words of tail appended. Any thread. */
bool net_role_start(const NetRole *role, const char *const *tail,
                    const int *fds, unsigned n_fds, GError **error);
