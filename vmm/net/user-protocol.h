/* vmm/net/user-protocol.h - what a user link and its role process say to each
 * other beside frames: one short text a message, on a SOCK_SEQPACKET socket.
 *
 *   role:  ready                      once, when frames may flow
 *   link:  offloads N                 what the guest takes; no answer
 *          forward RULE / unforward RULE
 *   role:  ok | failed ERRNO TEXT     one answer to each of the last two
 *
 * Both read it as coming from a stranger. Thread: any. */
#pragma once

#include "vmm/net/forward.h"

#define USER_MESSAGE_MAX  512
#define USER_BOOTFILE_MAX 127 /* bytes: what a DHCP answer has room for */

typedef enum { USER_OFFLOADS, USER_FORWARD, USER_UNFORWARD } UserRequestKind;

typedef struct {
    UserRequestKind kind;
    unsigned offloads; /* NetOffloads */
    NetForward forward;
} UserRequest;

/* text has len bytes and need not end in a zero. False: nonsense. */
bool user_request_parse(const char *text, gsize len, UserRequest *ret_request);

/* Words after the role's own arguments: "frames=3" "control=4" "mtu=1500"
 * "restricted=0" "host=0" "tftp=/srv/tftp" "bootfile=pxelinux.0"; the last two
 * are strings of argv, NULL: none. */
typedef struct {
    int frames_fd, control_fd;
    guint mtu;
    bool restricted, host_access;
    const char *tftp, *bootfile;
} UserConfig;
bool user_config_parse(int argc, char **argv, UserConfig *ret_config);

/* user-role.c: the role process itself; its exit status. Needs libslirp:
 * else it says so and returns 1. lock_in: once it has all it needs but the
 * files of folder (NULL: none); NULL: it is left as it is. */
int net_user_role_main(int argc, char **argv,
                       void (*lock_in)(const char *folder));
