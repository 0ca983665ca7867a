/* vmm/net/forward.h - port forwards of user NAT, as people write them:
 *
 *   [tcp:|udp:][ADDRESS:]PORT->[GUEST-ADDRESS:]PORT
 *
 * "2222->22", "tcp:127.0.0.1:2222->22", "udp:[::1]:53->[fec0::5054:ff]:53".
 * A plain '-' does for "->", which shells would take for a redirection.
 * Without an address: 127.0.0.1 here, 10.0.2.15 (what DHCP gives) there. */
#pragma once

#include <netinet/in.h>

#include "vmm/types.h"

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} NetAddress;

typedef struct {
    bool udp;
    NetAddress host, guest; /* of one family */
} NetForward;

#define NET_FORWARD_SYNTAX "[tcp:|udp:][ADDRESS:]PORT->[GUEST-ADDRESS:]PORT"

/* Any thread. False and error set (CARREL_NET_ERROR_SYNTAX): text is none. */
bool net_forward_parse(const char *text, NetForward *ret_forward,
                       GError **error);
/* Canonical text, "tcp:127.0.0.1:2222->10.0.2.15:22". Free with g_free. */
char *net_forward_format(const NetForward *forward);
socklen_t net_address_len(const NetAddress *address);
/* The same place on the host: two such cannot exist. */
bool net_forward_same_host(const NetForward *a, const NetForward *b);
