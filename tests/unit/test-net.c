/* tests/unit/test-net.c - the front of vmm/net with the kinds null and tap.
 * The tap cases make a network of their own in a user namespace. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/if_tun.h>

#include "tests/unit/net-rig.h"
#include "vmm/core/sysutil.h"

static NetLink *
open_null(Loop *loop, unsigned queues)
{
    const NetSpec spec = {.kind = "null", .name = "net0", .queues = queues};
    NetLink *link = net_open(&spec, loop, NULL);
    CU_ASSERT_FATAL(link != NULL);
    return link;
}

static void
test_null_takes_everything(void)
{
    Loop *loop = loop_new_manual();
    NetLink *link = open_null(loop, 1);
    NetRig rig;
    guint8 frame[60];
    NetStats stats;

    rig_plug(&rig, link, NET_HDR_NONE, 0);
    rig_pattern(frame, sizeof frame, 0);
    CU_ASSERT_EQUAL(rig_send(&rig, frame, sizeof frame), 1);
    net_stats(link, &stats);
    CU_ASSERT_EQUAL(stats.tx_frames, 1);
    CU_ASSERT_EQUAL(stats.tx_bytes, 60);
    CU_ASSERT_EQUAL(stats.tx_dropped, 0);
    CU_ASSERT_STRING_EQUAL(net_describe(link), "null");
    CU_ASSERT_EQUAL(net_mtu(link), 1500);
    CU_ASSERT_EQUAL(net_tap_fd(link, 0), -1);
    net_close(link);
    loop_free(loop);
}

static void
test_short_and_long_frames_are_dropped(void)
{
    Loop *loop = loop_new_manual();
    NetLink *link = open_null(loop, 1);
    NetRig rig;
    g_autofree guint8 *frame = g_malloc0(NET_FRAME_MAX + 100);
    NetStats stats;

    rig_plug(&rig, link, NET_HDR_V1, NET_OFFLOAD_ALL);
    CU_ASSERT_EQUAL(rig_send(&rig, frame, 0), 1);
    CU_ASSERT_EQUAL(rig_send(&rig, frame, NET_HDR_V1), 1);
    CU_ASSERT_EQUAL(rig_send(&rig, frame, NET_HDR_V1 + 13), 1);
    CU_ASSERT_EQUAL(rig_send(&rig, frame, NET_HDR_V1 + NET_FRAME_MAX + 1), 1);
    net_stats(link, &stats);
    CU_ASSERT_EQUAL(stats.tx_dropped, 4);
    CU_ASSERT_EQUAL(stats.tx_frames, 0);
    CU_ASSERT_EQUAL(rig_send(&rig, frame, NET_HDR_V1 + NET_FRAME_MAX), 1);
    net_stats(link, &stats);
    CU_ASSERT_EQUAL(stats.tx_frames, 1);
    net_close(link);
    loop_free(loop);
}

static void
test_a_pulled_cable_is_told_and_drops(void)
{
    Loop *loop = loop_new_manual();
    NetLink *link = open_null(loop, 1);
    NetRig rig;
    guint8 frame[60];
    NetStats stats;

    rig_plug(&rig, link, NET_HDR_NONE, 0);
    rig_pattern(frame, sizeof frame, 0);
    net_set_plugged(link, false);
    CU_ASSERT_EQUAL(rig.link_changes, 1);
    CU_ASSERT_FALSE(rig.up);
    CU_ASSERT_FALSE(net_is_up(link));
    CU_ASSERT_FALSE(net_may_bypass(link));
    CU_ASSERT_EQUAL(rig_send(&rig, frame, sizeof frame), 1);
    net_stats(link, &stats);
    CU_ASSERT_EQUAL(stats.tx_dropped, 1);
    net_set_plugged(link, false);
    CU_ASSERT_EQUAL(rig.link_changes, 1);
    net_set_plugged(link, true);
    CU_ASSERT_EQUAL(rig.link_changes, 2);
    CU_ASSERT_TRUE(net_may_bypass(link));
    net_close(link);
    loop_free(loop);
}

static void
test_a_bad_spec_is_refused_with_the_reason(void)
{
    Loop *loop = loop_new_manual();
    const NetSpec kind = {.kind = "carrier-pigeon", .name = "net0"};
    const NetSpec queues = {.kind = "null", .name = "net0", .queues = 9};
    const NetSpec mtu = {.kind = "null", .name = "net0", .mtu = 67};
    const NetSpec ifname = {
        .kind = "tap", .name = "net0", .ifname = "sixteen-letters!"};
    g_autoptr(GError) e1 = NULL, e2 = NULL, e3 = NULL, e4 = NULL;

    CU_ASSERT_PTR_NULL(net_open(&kind, loop, &e1));
    CU_ASSERT(g_error_matches(e1, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX));
    CU_ASSERT_PTR_NULL(net_open(&queues, loop, &e2));
    CU_ASSERT(g_error_matches(e2, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX));
    CU_ASSERT_PTR_NULL(net_open(&mtu, loop, &e3));
    CU_ASSERT(g_error_matches(e3, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX));
    CU_ASSERT_PTR_NULL(net_open(&ifname, loop, &e4));
    CU_ASSERT(g_error_matches(e4, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX));
    loop_free(loop);
}

static void
test_queues_are_counted(void)
{
    Loop *loop = loop_new_manual();
    NetLink *link = open_null(loop, 4);

    CU_ASSERT_EQUAL(net_max_queues(link), 4);
    CU_ASSERT_EQUAL(net_set_queues(link, 4), 0);
    CU_ASSERT_EQUAL(net_set_queues(link, 0), -EINVAL);
    CU_ASSERT_EQUAL(net_set_queues(link, 5), -EINVAL);
    net_close(link);
    loop_free(loop);
}

/* ---- tap ---- */

/* Runs fn in a child that has a network of its own; its result is the
 * child's exit status. -1: no such thing here. */
static int
in_own_network(int (*fn)(void))
{
    pid_t pid = fork();

    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? 77 : fn());
    int status = 0;
    (void) SYS_RETRY(waitpid(pid, &status, 0));
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 99;
    if (code == 77) {
        cu_skip("no user namespace with a network here");
        return -1;
    }
    return code;
}

static const guint8 arp_request[42] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0, 0, 0, 1, 8, 6, /* Ethernet */
    0,    1,    8,    0,    6,    4,    0,  1,                   /* request */
    2,    0,    0,    0,    0,    1,    10, 9, 0, 2,             /* from us */
    0,    0,    0,    0,    0,    0,    10, 9, 0, 1,             /* for .1 */
};

static void
give_address(const char *ifname)
{
    struct ifreq ifr = {.ifr_flags = 0};
    struct sockaddr_in *sin = (struct sockaddr_in *) (void *) &ifr.ifr_addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_strlcpy(ifr.ifr_name, ifname, sizeof ifr.ifr_name);
    sin->sin_family = AF_INET;
    sin->sin_addr.s_addr = htonl(0x0a090001);
    (void) !ioctl(fd, SIOCSIFADDR, &ifr);
    (void) close(fd);
}

/* Whether the host's kernel answers an ARP request through the link. */
static int
ask_by_arp(NetHdr hdr)
{
    Loop *loop = loop_new_manual();
    const NetSpec spec = {.kind = "tap", .name = "net0", .ifname = "ct0"};
    NetLink *link = net_open(&spec, loop, NULL);
    NetRig rig;
    guint8 out[NET_HDR_MAX + sizeof arp_request] = {0};
    int result = 1;

    if (link == NULL)
        return access("/dev/net/tun", R_OK | W_OK) < 0 ? 77 : 2;
    give_address("ct0");
    rig_plug(&rig, link, hdr, 0);
    memcpy(out + hdr, arp_request, sizeof arp_request);
    if (rig_send(&rig, out, hdr + sizeof arp_request) != 1)
        return 3;
    for (unsigned tries = 0; tries < 20 && result != 0; tries++) {
        rig_wait(loop, &rig, rig.n + 1);
        for (unsigned i = 0; i < rig.n; i++)
            if (rig.len[i] >= hdr + 42 && rig.data[i][hdr + 13] == 6 &&
                rig.data[i][hdr + 21] == 2)
                result = 0;
    }
    if ((net_tap_fd(link, 0) >= 0) != (hdr != NET_HDR_NONE))
        result = 4;
    net_close(link);
    loop_free(loop);
    rig_forget(&rig);
    return result;
}

static int
arp_without_header(void)
{
    return ask_by_arp(NET_HDR_NONE);
}

static int
arp_with_legacy_header(void)
{
    return ask_by_arp(NET_HDR_LEGACY);
}

static int
arp_with_header(void)
{
    return ask_by_arp(NET_HDR_V1);
}

static void
test_tap_reaches_the_host_without_header(void)
{
    CU_ASSERT(in_own_network(arp_without_header) <= 0);
}

static void
test_tap_reaches_the_host_with_header(void)
{
    CU_ASSERT(in_own_network(arp_with_legacy_header) <= 0);
    CU_ASSERT(in_own_network(arp_with_header) <= 0);
}

static int
several_queues(void)
{
    Loop *loop = loop_new_manual();
    const NetSpec spec = {.kind = "tap",
                          .name = "net0",
                          .ifname = "ct1",
                          .queues = 4,
                          .mtu = 9000};
    NetLink *link = net_open(&spec, loop, NULL);
    int result = 0;

    if (link == NULL)
        return access("/dev/net/tun", R_OK | W_OK) < 0 ? 77 : 2;
    net_set_header(link, NET_HDR_V1);
    if (net_set_queues(link, 4) != 0 || net_set_queues(link, 2) != 0)
        result = 3;
    if (net_mtu(link) != 9000)
        result = 4;
    unsigned all = NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6;
    if (net_set_offloads(link, all) != all)
        result = 5;
    if (net_set_offloads(link, NET_OFFLOAD_TSO4) != 0)
        result = 6; /* segmentation without checksums there is not */
    net_close(link);
    loop_free(loop);
    return result;
}

static void
test_tap_has_several_queues(void)
{
    CU_ASSERT(in_own_network(several_queues) <= 0);
}

static int
passed_descriptor(void)
{
    Loop *loop = loop_new_manual();
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
                        .ifr_name = "ct2"};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    int result = 0;

    if (fd < 0)
        return 77;
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        return 2;
    const NetSpec spec = {
        .kind = "tap", .name = "net0", .fds = &fd, .n_fds = 1};
    NetLink *link = net_open(&spec, loop, NULL);
    if (link == NULL || strcmp(net_describe(link), "tap ct2") != 0)
        result = 3;
    net_close(link);
    if (fcntl(fd, F_GETFD) >= 0)
        result = 4; /* the link was its owner */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const NetSpec bad = {
        .kind = "tap", .name = "net0", .fds = &null, .n_fds = 1};
    if (net_open(&bad, loop, NULL) != NULL)
        result = 5;
    loop_free(loop);
    return result;
}

static void
test_tap_takes_a_descriptor_over(void)
{
    CU_ASSERT(in_own_network(passed_descriptor) <= 0);
}

CU_MAIN("net", {"null_takes_everything", test_null_takes_everything},
        {"short_and_long_frames_are_dropped",
         test_short_and_long_frames_are_dropped},
        {"a_pulled_cable_is_told_and_drops",
         test_a_pulled_cable_is_told_and_drops},
        {"a_bad_spec_is_refused_with_the_reason",
         test_a_bad_spec_is_refused_with_the_reason},
        {"queues_are_counted", test_queues_are_counted},
        {"tap_reaches_the_host_without_header",
         test_tap_reaches_the_host_without_header},
        {"tap_reaches_the_host_with_header",
         test_tap_reaches_the_host_with_header},
        {"tap_has_several_queues", test_tap_has_several_queues},
        {"tap_takes_a_descriptor_over", test_tap_takes_a_descriptor_over})
