/* vmm/net/net.h - a link between one NIC model and one host backend.
 *
 * Frames move in batches, straight between the iovecs that the NIC names
 * (guest memory) and the host; what the host side cannot do (checksums,
 * segmentation, another header) the link does in software, so a NIC sees one
 * behaviour whatever kind it is plugged into. Nothing that arrives, from
 * either side, is trusted: what is malformed is dropped and counted.
 *
 * Threads. A queue belongs to one loop: the link's, unless
 * net_set_queue_loop() gave it another. "Queue" below means that loop's
 * thread; "loop" the link's. Callbacks come without a lock held. */
#pragma once

#include <sys/uio.h>

#include "vmm/types.h"

#define NET_MAX_QUEUES 8    /* queue pairs of a link */
#define NET_BATCH      64   /* frames of one call that pay; more are fine */
#define NET_MAX_IOV    1024 /* pieces of one frame (IOV_MAX) */
#define NET_HDR_MAX    12
/* Longest frame: a 64 KiB IP packet with Ethernet header and VLAN tag. */
#define NET_FRAME_MAX (65535u + 14 + 4)
#define NET_FRAME_MIN 14u
#define NET_MTU_MIN   68u
#define NET_MTU_MAX   65521u

/* What stands before each frame, as its length in bytes: nothing, struct
 * virtio_net_hdr (virtio 1.2, 5.1.6), or the same with num_buffers, which the
 * link ignores on send and leaves 1 on receive. Little-endian. */
typedef enum { NET_HDR_NONE = 0, NET_HDR_LEGACY = 10, NET_HDR_V1 = 12 } NetHdr;

/* What a NIC's driver can take beside plain frames. */
typedef enum {
    NET_OFFLOAD_CSUM = 1 << 0, /* TCP and UDP checksums still to be filled */
    NET_OFFLOAD_TSO4 = 1 << 1, /* each of these needs CSUM as well */
    NET_OFFLOAD_TSO6 = 1 << 2,
    NET_OFFLOAD_ECN = 1 << 3, /* TSO of segments with the ECN bits set */
    NET_OFFLOAD_USO = 1 << 4  /* UDP segmentation, IPv4 and IPv6 */
} NetOffloads;
#define NET_OFFLOAD_ALL                                                        \
    (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 |                  \
     NET_OFFLOAD_ECN | NET_OFFLOAD_USO)

/* One frame: the header of the NIC's format, then the Ethernet frame without
 * FCS, in pieces cut anywhere. */
typedef struct {
    struct iovec *iov; /* not changed by the link */
    unsigned n_iov;    /* 1..NET_MAX_IOV */
    gsize len; /* receive: bytes stored, header included; send: ignored */
} NetFrame;

/* Any may be NULL. None runs any more once net_set_ops(link, NULL, NULL) or
 * net_close() has returned. */
typedef struct {
    /* Queue: the host has frames; call net_receive() until it returns less
     * than asked, or net_set_receiving(.., false) when there is no room.
     * Repeated while frames wait. */
    void (*readable)(void *nic, unsigned queue);
    /* Queue: once after a short net_send(). */
    void (*writable)(void *nic, unsigned queue);
    /* Loop: net_is_up() has changed. */
    void (*link_changed)(void *nic, bool up);
    /* Loop: net_may_bypass() has changed. */
    void (*bypass_changed)(void *nic, bool allowed);
} NetOps;

#define CARREL_NET_ERROR (carrel_net_error_quark())
GQuark carrel_net_error_quark(void);
typedef enum {
    CARREL_NET_ERROR_SYNTAX,     /* of the description, a rule, a name */
    CARREL_NET_ERROR_NO_DEVICE,  /* no such interface, no /dev/net/tun */
    CARREL_NET_ERROR_PERMISSION, /* not ours, or needs CAP_NET_ADMIN */
    CARREL_NET_ERROR_BUSY,       /* in use by another process; rule exists */
    CARREL_NET_ERROR_MISSING,    /* built without it; rule is not there */
    CARREL_NET_ERROR_FAILED
} CarrelNetError;

/* Starts a role process: argv[0] is the program, argv[1] what it is called; fds
 * become 3, 4, ... in it. It is nobody's child to reap; it ends when its
 * sockets do. Any thread. */
typedef bool (*NetSpawn)(const char *const *argv, const int *fds,
                         unsigned n_fds, GError **error);
bool net_spawn_directly(const char *const *argv, const int *fds, unsigned n_fds,
                        GError **error);

/* What to open. Strings and arrays are only read during the call. */
typedef struct {
    const char *kind; /* "null", "tap", "socket", "switch", "user" */
    const char *name; /* "net0": for messages */
    /* tap: name of the interface, not with descriptors. */
    const char *ifname;
    /* tap (also macvtap, bridge): one open descriptor a queue, made by
     * somebody who may; socket: one connected SOCK_SEQPACKET end. They belong
     * to the link from the call on, also when it fails. */
    const int *fds;
    unsigned n_fds;
    unsigned queues;  /* 1..NET_MAX_QUEUES; 0: 1. Only tap has more */
    guint mtu;        /* bytes; 0: the interface's, else 1500 */
    const char *path; /* switch: its socket */
    /* switch, user: how to start the role process; what a descriptor is
     * called in it is appended. NULL-terminated, argv[0] is the program. */
    const char *const *role_argv;
    NetSpawn spawn; /* NULL: net_spawn_directly() */
    /* user */
    const char *const *forwards; /* rules, see forward.h; NULL: none */
    bool restricted;  /* the guest reaches nothing but forwards' answers */
    bool host_access; /* 10.0.2.2 is the host's loopback */
    /* Folder whose files 10.0.2.2 gives to the guest by TFTP, and what it is
     * told to start from (DHCP); NULL or "": none. */
    const char *tftp, *bootfile;
} NetSpec;

/* Opens the host side; the link is up when the host side is. Blocks (a role
 * process is started): set-up thread, or a worker at hot-plug, never a loop.
 * loop must run and outlive the link. NULL and error set: any
 * CARREL_NET_ERROR, the message names the remedy. */
NetLink *net_open(const NetSpec *spec, Loop *loop, GError **error);
/* Any thread but inside a callback of link; the loop still runs (or has
 * ended). Ends a role process. NULL is fine. */
void net_close(NetLink *link);

/* ---- the NIC's side: set-up ---- */

/* NULL ops detaches: then frames of the host are dropped. Set-up thread or
 * loop. */
void net_set_ops(NetLink *link, const NetOps *ops, void *nic);
/* Before the first frame and after each reset of the driver; a fresh link has
 * NET_HDR_NONE. Loop, with no queue in a call. */
void net_set_header(NetLink *link, NetHdr hdr);
NetHdr net_header(const NetLink *link);
/* What the driver takes on receive, NetOffloads; without a header it must be
 * 0. Returns what may really arrive (a subset). Loop. */
unsigned net_set_offloads(NetLink *link, unsigned wanted);
/* What a driver may ask for in the headers of frames it sends. With a header
 * CSUM, TSO4, TSO6 and ECN are always there, in software if need be; USO where
 * the host has it. Any thread. */
unsigned net_tx_offloads(const NetLink *link);

unsigned net_max_queues(const NetLink *link);
/* The first n are in use (virtio-net: VQ_PAIRS_SET); 1 at the start. Frames
 * of the host are then spread over those only. 0 or -errno. Loop. */
int net_set_queues(NetLink *link, unsigned n);
/* Moves a queue to another loop, while its receiving is off. Loop of the link.
 */
void net_set_queue_loop(NetLink *link, unsigned queue, Loop *loop);

/* Descriptor of a tap queue for vhost (VHOST_NET_SET_BACKEND), borrowed; -1:
 * not a tap, or the NIC has no header. Its frames carry net_header(). Any thread.
 */
int net_tap_fd(const NetLink *link, unsigned queue);
/* False while every frame must pass through net_send() and net_receive():
 * capture is on, or the link is not up. vhost is to stop then. Any thread. */
bool net_may_bypass(NetLink *link);

/* ---- the NIC's side: frames ---- */

/* Queue. Returns how many frames were taken, 0..n. Less than n: the host is
 * full; keep the rest, ops->writable follows once. Frames that can never be
 * sent (too long, malformed header, link not up) are taken, dropped and
 * counted. No allocation, no lock but the capture's. */
unsigned net_send(NetLink *link, unsigned queue, const NetFrame *frames,
                  unsigned n);

/* Queue. Receives up to n frames, each into the pieces of frames[i], and sets
 * frames[i].len. Returns how many, 0 when none wait. A frame longer than its
 * pieces is dropped and counted: offer NET_HDR_MAX + NET_FRAME_MAX bytes with
 * TSO, else header, 18 and net_mtu(). The pieces of a frame that was not
 * returned may have been written to. The elements of frames may have changed
 * places: know a frame by its iov, not by its index. */
unsigned net_receive(NetLink *link, unsigned queue, NetFrame *frames,
                     unsigned n);
/* Queue. Off at the start: with it on ops->readable is called while frames
 * wait. Off is back-pressure: frames wait in the host, which drops or slows
 * down as it would with a slow cable. */
void net_set_receiving(NetLink *link, unsigned queue, bool on);

/* ---- both sides ---- */

/* The cable: pulled by the owner, or the host side lost (a role process that
 * died, an interface that went away; it comes back by itself). Any thread. */
bool net_is_up(NetLink *link);
/* Largest IP packet without TSO, in bytes. Any thread. */
guint net_mtu(const NetLink *link);

/* ---- the owner's side ---- */

/* Plugs the cable in or out. Any thread but a queue's with a lock held. */
void net_set_plugged(NetLink *link, bool plugged);
bool net_is_plugged(NetLink *link);

typedef struct {
    /* of the NIC's view: tx is what the guest sent. Bytes without header. */
    guint64 tx_frames, tx_bytes, tx_dropped;
    guint64 rx_frames, rx_bytes, rx_dropped;
} NetStats;
/* Any thread; figures of one moment each. What vhost moves is not in it. */
void net_stats(NetLink *link, NetStats *ret_stats);

/* Writes every frame from now on to a new pcap file, at most max_bytes of it
 * (0: no limit); then capture ends by itself. Not on a loop: opens a file.
 * G_FILE_ERROR_*; _EXIST when there is such a file already. */
bool net_capture_start(NetLink *link, const char *path, guint64 max_bytes,
                       GError **error);
void net_capture_stop(NetLink *link); /* idempotent; not on a loop */
/* Path of the capture, or NULL. Any thread; free with g_free. */
char *net_capture_path(NetLink *link);

/* Port forwards of a "user" link, live. Rules as in forward.h. Not on a loop
 * (asks the role process, at most 5 s). Errors: SYNTAX, BUSY, MISSING,
 * PERMISSION (a port below 1024), FAILED. */
bool net_forward_add(NetLink *link, const char *rule, GError **error);
bool net_forward_remove(NetLink *link, const char *rule, GError **error);
/* Rules in canonical form, NULL-terminated; empty for other kinds. Free with
 * g_strfreev. Any thread. */
char **net_forwards(NetLink *link);

/* "tap tap0", "user 10.0.2.0/24": for people; never NULL. Any thread. */
const char *net_describe(const NetLink *link);
