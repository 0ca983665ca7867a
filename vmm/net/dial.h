/* vmm/net/dial.h - the connection of a link to a role process: made at open,
 * watched, and made again when the process has died. */
#pragma once

#include "vmm/net/net-internal.h"

typedef struct NetDial NetDial;

typedef struct {
    /* Connects: the SOCK_SEQPACKET end, or -1 and error set. Blocks; any
     * thread, one at a time. */
    int (*connect)(gpointer data, GError **error);
    /* Loop: connected, at the start or anew; before frames flow. May be NULL. */
    void (*connected)(gpointer data);
    /* The last user has gone. */
    void (*destroy)(gpointer data);
} NetDialOps;

/* Connects and gives the link's queue its descriptor; the link's transport is
 * then the connection. Set-up thread. False and error set: data is
 * destroyed. */
bool net_dial_open(NetLink *link, const NetDialOps *ops, gpointer data,
                   GError **error);
gpointer net_dial_data(const NetLink *link); /* of a link that is open */

/* These are what NetKind wants; close() also after a failed open(). */
void net_dial_close(NetLink *link);
void net_dial_start(NetLink *link);
void net_dial_stop(NetLink *link);
void net_dial_lost(NetQueue *q);

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
