/* tests/unit/test-virtio-net.c - the virtio network card, with a socket for a
 * cable: what the test writes there arrives at the guest, and the other way
 * round, each frame behind a header of 12 bytes. */
#include <string.h>
#include <sys/socket.h>

#include "devices/virtio/virtio-net-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/net-hook.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/net/net.h"

#define HDR     12u
#define RX      0u
#define TX      1u
#define CTRL    2u
#define SPLIT   (~(VIRTIO_F_RING_PACKED))
#define MRG     VIRTIO_BIT(15)
#define MQ      VIRTIO_BIT(22)
#define TSO     (VIRTIO_BIT(7) | VIRTIO_BIT(8) | VIRTIO_BIT(9))
#define BASIC   (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)
#define REQUEST (VR_DATA + 0x200000u)
#define ANSWER  (REQUEST + 0x1000u)

extern const DeviceClass virtio_net_class;

typedef struct {
    VirtioRig r;
    NetLink *link;
    int host; /* the other end; -1: kind null */
} Net;

static void
begin(Net *n, VirtioRigHow how, const char *kind, unsigned pairs)
{
    int fds[2] = {-1, -1};

    virtio_rig_init(&n->r, how);
    if (strcmp(kind, "socket") == 0)
        CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
    const NetSpec spec = {.kind = kind,
                          .name = "net0",
                          .fds = fds,
                          .n_fds = fds[0] >= 0,
                          .queues = pairs};
    n->link = net_open(&spec, n->r.vm->env.loop, NULL);
    n->host = fds[1];
    Device *dev = device_new(&virtio_net_class, "net0");
    device_set_link(dev, "net", n->link);
    device_set_u64(dev, "queues", pairs, NULL);
    virtio_rig_add_device(&n->r, dev);
}

static void
end(Net *n)
{
    device_free(n->r.dev);
    n->r.dev = NULL;
    net_close(n->link);
    if (n->host >= 0)
        close(n->host);
    virtio_rig_free(&n->r);
}

static void
begin_started(Net *n, guint64 accept)
{
    begin(n, VR_PCI, "socket", 1);
    virtio_rig_start(&n->r, accept, 3);
}

/* A broadcast frame that fits no protocol. */
static void
pattern(guint8 *frame, gsize len, guint8 seed)
{
    for (gsize i = 0; i < len; i++)
        frame[i] = (guint8) (i * 7 + seed);
    memset(frame, 0xff, 6);
    memcpy(frame + 12, (const guint8[]){0x88, 0xb5}, 2);
}

static void
host_sends(Net *n, const guint8 *frame, gsize len)
{
    g_autofree guint8 *message = g_malloc0(HDR + len);

    memcpy(message + HDR, frame, len);
    CU_ASSERT_EQUAL(send(n->host, message, HDR + len, MSG_DONTWAIT),
                    (gssize) (HDR + len));
    fake_advance(n->r.vm, 0);
}

/* Length of the next frame without header, 0: none. */
static gsize
host_gets(Net *n, guint8 *frame, gsize cap)
{
    guint8 header[HDR];
    struct iovec iov[2] = {{header, HDR}, {frame, cap}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    gssize got = recvmsg(n->host, &m, MSG_DONTWAIT);

    return got < (gssize) HDR ? 0 : (gsize) got - HDR;
}

static bool
host_gets_pattern(Net *n, gsize len, guint8 seed)
{
    guint8 want[2048], got[2048];

    pattern(want, len, seed);
    return host_gets(n, got, sizeof got) == len && memcmp(want, got, len) == 0;
}

/* Where transmit buffer i is. */
static guint64
tx_at(unsigned i)
{
    return VR_DATA + 0x1000 * i;
}

static void
add_tx(Net *n, unsigned queue, unsigned hdr, gsize len, guint8 seed)
{
    guint64 at = tx_at(seed);
    const VrBuf bufs[] = {{at, hdr, false}, {at + hdr, (guint32) len, false}};

    memset(fake_ram(n->r.vm) + at, 0, hdr);
    pattern(fake_ram(n->r.vm) + at + hdr, len, seed);
    virtio_rig_add(&n->r, queue, bufs, 2);
}

static void
add_rx(Net *n, guint64 at, guint32 len)
{
    const VrBuf buf = {at, len, true};

    memset(fake_ram(n->r.vm) + at, 0xee, len);
    virtio_rig_add(&n->r, RX, &buf, 1);
}

/* Length of the next used buffer of a queue; 0: none. */
static guint32
used(Net *n, unsigned queue)
{
    guint16 id;
    guint32 len = 0;

    return virtio_rig_used(&n->r, queue, &id, &len) ? len : 0;
}

static bool
guest_has_pattern(Net *n, guint64 at, unsigned hdr, gsize len, guint8 seed)
{
    guint8 want[2048];

    pattern(want, len, seed);
    return memcmp(fake_ram(n->r.vm) + at + hdr, want, len) == 0;
}

/* The answer to a control request: 0 OK, 1 ERR, 0xaa none. */
static guint8
control(Net *n, guint8 class, guint8 command, const void *data, guint32 len)
{
    guint8 *ram = fake_ram(n->r.vm);
    const VrBuf bufs[] = {
        {REQUEST, 2, false}, {ANSWER, 1, true}, {REQUEST + 2, len, false}};
    const VrBuf with_data[] = {bufs[0], bufs[2], bufs[1]};

    ram[REQUEST] = class;
    ram[REQUEST + 1] = command;
    if (len > 0)
        memcpy(ram + REQUEST + 2, data, len);
    ram[ANSWER] = 0xaa;
    virtio_rig_add(&n->r, CTRL, len > 0 ? with_data : bufs, len > 0 ? 3 : 2);
    CU_ASSERT_EQUAL(virtio_rig_finish(&n->r, CTRL), 1);
    return ram[ANSWER];
}

/* ---- configuration ---- */

static void
test_config(void)
{
    Net n;

    begin(&n, VR_PCI, "null", 4);
    virtio_rig_start(&n.r, BASIC, 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 0, 4), 0x12005452);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 4, 2), 0x5634);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 6, 2), 1); /* the link is up */
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 8, 2), 4);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 10, 2), 1500);
    CU_ASSERT_TRUE((virtio_rig_offered(&n.r) & MQ) != 0);
    end(&n);
}

static bool
refused(const char *option, const char *value)
{
    FakeVm *vm = fake_vm_new(0x10000);
    const NetSpec spec = {.kind = "null", .name = "net0"};
    NetLink *link = net_open(&spec, vm->env.loop, NULL);
    Device *dev = device_new(&virtio_net_class, "net0");
    g_autoptr(GError) error = NULL;

    device_set_link(dev, "net", link);
    device_set_u64(dev, "mmio-base", VR_MODERN, NULL);
    CU_ASSERT_TRUE(device_set_string(dev, option, value, NULL));
    bool result = !device_realize(dev, &vm->env, &error) && error != NULL;
    device_free(dev);
    net_close(link);
    fake_vm_free(vm);
    return result;
}

static void
test_refuses(void)
{
    CU_ASSERT_TRUE(refused("mac", "52:54:00:12:34"));
    CU_ASSERT_TRUE(refused("mac", "53:54:00:12:34:56"));
    CU_ASSERT_TRUE(refused("mac", "52:54:00:12:34:5x"));
    CU_ASSERT_TRUE(refused("vhost", "on")); /* nothing to do with null */
    CU_ASSERT_FALSE(refused("vhost", "auto"));
    Device *dev = device_new(&virtio_net_class, "net0");
    CU_ASSERT_TRUE(device_set_u64(dev, "busy-poll", 10000, NULL));
    g_autoptr(GError) error = NULL;
    CU_ASSERT_FALSE(device_set_u64(dev, "busy-poll", 10001, &error));
    CU_ASSERT_PTR_NOT_NULL(error);
    device_free(dev);
}

/* ---- sending ---- */

static void
check_sends(VirtioRigHow how, guint64 accept, unsigned hdr)
{
    Net n;

    begin(&n, how, "socket", 1);
    virtio_rig_start(&n.r, accept, 2);
    add_tx(&n, TX, hdr, 60, 0);
    add_tx(&n, TX, hdr, 1514, 1);
    virtio_rig_kick(&n.r, TX);
    CU_ASSERT_TRUE(host_gets_pattern(&n, 60, 0));
    CU_ASSERT_TRUE(host_gets_pattern(&n, 1514, 1));
    guint16 id;
    guint32 len;
    CU_ASSERT_TRUE(virtio_rig_used(&n.r, TX, &id, &len));
    CU_ASSERT_EQUAL(len, 0);
    CU_ASSERT_TRUE(virtio_rig_used(&n.r, TX, &id, &len));
    end(&n);
}

static void
test_sends(void)
{
    check_sends(VR_PCI, SPLIT, 12);
    check_sends(VR_PCI, G_MAXUINT64, 12);
    check_sends(VR_MMIO, G_MAXUINT64, 12);
    check_sends(VR_LEGACY, MRG, 12);
    check_sends(VR_LEGACY, 0, 10);
}

static void
test_one_interrupt_a_batch(void)
{
    Net n;

    begin(&n, VR_PCI, "socket", 1);
    vr_enable_msix(&n.r, 4);
    virtio_rig_start(&n.r, VIRTIO_F_VERSION_1, 2); /* no event index */
    guint before = n.r.vm->msis;
    for (guint8 i = 0; i < 8; i++)
        add_tx(&n, TX, HDR, 60, i);
    virtio_rig_kick(&n.r, TX);
    CU_ASSERT_TRUE(host_gets_pattern(&n, 60, 0));
    CU_ASSERT_EQUAL(n.r.vm->msis - before, 1);
    end(&n);
}

static void
test_full_host_keeps_order(void)
{
    Net n;
    unsigned sent = 0, seen = 0;

    begin_started(&n, SPLIT & ~MRG);
    while (sent < 4000) { /* until the ring keeps what the host does not take */
        unsigned in_ring = 0;
        for (; in_ring < 8; in_ring++, sent++)
            add_tx(&n, TX, HDR, 1514, (guint8) (sent % 64));
        virtio_rig_kick(&n.r, TX);
        while (in_ring > 0 &&
               virtio_rig_used(&n.r, TX, &(guint16){0}, &(guint32){0}))
            in_ring--;
        if (in_ring > 0)
            break;
    }
    CU_ASSERT_TRUE(sent < 4000);
    for (unsigned i = 0; i < 8000 && seen < sent; i++) {
        if (host_gets_pattern(&n, 1514, (guint8) (seen % 64)))
            seen++;
        fake_advance(n.r.vm, 0);
    }
    CU_ASSERT_EQUAL(seen, sent);
    end(&n);
}

static void
test_bad_headers_are_dropped(void)
{
    Net n;
    guint8 frame[64];
    const VrBuf five = {VR_DATA, 5, false};
    const VrBuf header = {VR_DATA, HDR, false};
    const VrBuf wild = {VR_DATA, HDR + 60, false};
    NetStats stats;

    begin_started(&n, SPLIT);
    virtio_rig_add(&n.r, TX, &five, 1);
    virtio_rig_add(&n.r, TX, &header, 1);
    pattern(fake_ram(n.r.vm) + VR_DATA + HDR, 60, 0);
    memset(fake_ram(n.r.vm) + VR_DATA, 0xff, HDR); /* gso type, sizes, csum */
    virtio_rig_add(&n.r, TX, &wild, 1);
    virtio_rig_kick(&n.r, TX);
    add_tx(&n, TX, HDR, 60, 9);
    virtio_rig_kick(&n.r, TX);
    /* the other end of a socket checks the wild one; it is not touched here */
    gsize got = 0;
    for (unsigned i = 0; i < 2; i++)
        got += host_gets(&n, frame, sizeof frame) == 60;
    CU_ASSERT_TRUE(got >= 1);
    net_stats(n.link, &stats);
    CU_ASSERT_TRUE(stats.tx_dropped >= 2);
    CU_ASSERT_EQUAL(virtio_rig_status(&n.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_TRUE(virtio_rig_used(&n.r, TX, &(guint16){0}, &(guint32){0}));
    end(&n);
}

static void
check_breaks(unsigned queue, bool write)
{
    Net n;
    const VrBuf buf = {VR_DATA, 100, write};

    begin_started(&n, SPLIT);
    virtio_rig_add(&n.r, queue, &buf, 1);
    virtio_rig_kick(&n.r, queue);
    CU_ASSERT_TRUE(virtio_rig_status(&n.r) & VIRTIO_STATUS_NEEDS_RESET);
    virtio_rig_start(&n.r, SPLIT, 3); /* and a reset mends it */
    add_tx(&n, TX, HDR, 60, 3);
    virtio_rig_kick(&n.r, TX);
    CU_ASSERT_TRUE(host_gets_pattern(&n, 60, 3));
    end(&n);
}

static void
test_wrong_direction_breaks(void)
{
    check_breaks(TX, true);
    check_breaks(RX, false);
    check_breaks(CTRL, false); /* no room for the answer */
}

/* ---- receiving ---- */

static void
check_receives(VirtioRigHow how, guint64 accept, unsigned hdr)
{
    Net n;
    guint8 frame[1514];

    begin(&n, how, "socket", 1);
    virtio_rig_start(&n.r, accept, 2);
    for (unsigned i = 0; i < 4; i++)
        add_rx(&n, tx_at(i), 1536);
    virtio_rig_kick(&n.r, RX);
    pattern(frame, 60, 1);
    host_sends(&n, frame, 60);
    pattern(frame, sizeof frame, 2);
    host_sends(&n, frame, sizeof frame);
    CU_ASSERT_EQUAL(used(&n, RX), hdr + 60);
    CU_ASSERT_EQUAL(used(&n, RX), hdr + 1514);
    CU_ASSERT_EQUAL(used(&n, RX), 0);
    CU_ASSERT_TRUE(guest_has_pattern(&n, tx_at(0), hdr, 60, 1));
    CU_ASSERT_TRUE(guest_has_pattern(&n, tx_at(1), hdr, 1514, 2));
    if (hdr == 12)
        CU_ASSERT_EQUAL(vr_get16(&n.r, tx_at(0) + 10), 1); /* num_buffers */
    CU_ASSERT_EQUAL(fake_ram(n.r.vm)[tx_at(0) + hdr + 60], 0xee);
    end(&n);
}

static void
test_receives(void)
{
    check_receives(VR_PCI, SPLIT & ~TSO, 12);
    check_receives(VR_PCI, SPLIT, 12);
    check_receives(VR_PCI, SPLIT & ~(MRG | TSO), 12);
    check_receives(VR_PCI, G_MAXUINT64, 12);
    check_receives(VR_MMIO, G_MAXUINT64, 12);
    check_receives(VR_LEGACY, 0, 10);
}

static void
test_frames_before_the_driver_are_dropped(void)
{
    Net n;
    guint8 frame[60];

    begin(&n, VR_PCI, "socket", 1);
    pattern(frame, sizeof frame, 1);
    host_sends(&n, frame, sizeof frame);
    virtio_rig_start(&n.r, SPLIT, 2);
    add_rx(&n, VR_DATA, 1536);
    virtio_rig_kick(&n.r, RX);
    CU_ASSERT_EQUAL(used(&n, RX), 0);
    pattern(frame, sizeof frame, 2);
    host_sends(&n, frame, sizeof frame);
    CU_ASSERT_EQUAL(used(&n, RX), HDR + 60);
    CU_ASSERT_TRUE(guest_has_pattern(&n, VR_DATA, HDR, 60, 2));
    end(&n);
}

static void
test_mergeable_spreads(void)
{
    Net n;
    guint8 frame[1000];

    begin_started(&n, SPLIT & ~TSO);
    for (unsigned i = 0; i < 6; i++)
        add_rx(&n, VR_DATA + 400 * i, 400);
    virtio_rig_kick(&n.r, RX);
    pattern(frame, sizeof frame, 5);
    host_sends(&n, frame, sizeof frame);
    CU_ASSERT_EQUAL(used(&n, RX), 400);
    CU_ASSERT_EQUAL(used(&n, RX), 400);
    CU_ASSERT_EQUAL(used(&n, RX), 212);
    CU_ASSERT_EQUAL(used(&n, RX), 0);
    CU_ASSERT_EQUAL(vr_get16(&n.r, VR_DATA + 10), 3);
    CU_ASSERT_TRUE(guest_has_pattern(&n, VR_DATA, HDR, 1000, 5));
    host_sends(&n, frame, 100); /* the next buffer is the fourth */
    CU_ASSERT_EQUAL(used(&n, RX), 112);
    CU_ASSERT_TRUE(guest_has_pattern(&n, VR_DATA + 1200, HDR, 12, 5));
    end(&n);
}

static void
test_frame_waits_for_buffers_once(void)
{
    Net n;
    guint8 frame[1000];

    begin_started(&n, SPLIT & ~TSO);
    add_rx(&n, VR_DATA, 400);
    virtio_rig_kick(&n.r, RX);
    pattern(frame, sizeof frame, 6);
    host_sends(&n, frame, sizeof frame);
    CU_ASSERT_EQUAL(used(&n, RX), 0);
    for (unsigned i = 1; i < 3; i++)
        add_rx(&n, VR_DATA + 400 * i, 400);
    virtio_rig_kick(&n.r, RX);
    CU_ASSERT_EQUAL(used(&n, RX), 400);
    CU_ASSERT_EQUAL(used(&n, RX), 400);
    CU_ASSERT_EQUAL(used(&n, RX), 212);
    CU_ASSERT_TRUE(guest_has_pattern(&n, VR_DATA, HDR, 1000, 6));
    end(&n);
}

static void
test_frame_too_big_for_the_ring_is_dropped(void)
{
    Net n;
    guint8 frame[1000];

    begin_started(&n, SPLIT & ~TSO);
    for (unsigned i = 0; i < 8; i++)
        add_rx(&n, VR_DATA + 20 * i, 20);
    virtio_rig_kick(&n.r, RX);
    pattern(frame, sizeof frame, 6);
    host_sends(&n, frame, sizeof frame); /* waits */
    for (unsigned i = 8; i < 16; i++)
        add_rx(&n, VR_DATA + 20 * i, 20);
    virtio_rig_kick(&n.r, RX); /* and is dropped: the ring is full */
    CU_ASSERT_EQUAL(used(&n, RX), 0);
    pattern(frame, 60, 7);
    host_sends(&n, frame, 60);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(used(&n, RX), 20);
    CU_ASSERT_EQUAL(used(&n, RX), 12);
    CU_ASSERT_TRUE(guest_has_pattern(&n, VR_DATA, HDR, 60, 7));
    CU_ASSERT_EQUAL(virtio_rig_status(&n.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&n);
}

static void
test_small_buffer_drops(void)
{
    Net n;
    guint8 frame[1000];

    begin_started(&n, SPLIT & ~(TSO | MRG));
    add_rx(&n, VR_DATA, 200);
    add_rx(&n, VR_DATA + 0x1000, 200);
    virtio_rig_kick(&n.r, RX);
    pattern(frame, sizeof frame, 5);
    host_sends(&n, frame, sizeof frame);
    CU_ASSERT_EQUAL(used(&n, RX), 0);
    pattern(frame, 100, 6);
    host_sends(&n, frame, 100);
    CU_ASSERT_EQUAL(used(&n, RX), 112);
    CU_ASSERT_TRUE(guest_has_pattern(&n, VR_DATA, HDR, 100, 6));
    CU_ASSERT_EQUAL(virtio_rig_status(&n.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&n);
}

/* ---- control queue ---- */

static void
test_control_of_wrong_length(void)
{
    static const struct {
        guint8 class, command, len; /* the right length */
    } rows[] = {{0, 0, 1}, {1, 1, 6}, {2, 0, 2}, {5, 0, 8}};
    const guint8 zeros[16] = {0};
    Net n;

    begin_started(&n, SPLIT);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint8 class = rows[i].class, command = rows[i].command;
        guint8 len = rows[i].len;
        CU_ASSERT_EQUAL(control(&n, class, command, zeros, len), 0);
        CU_ASSERT_EQUAL(control(&n, class, command, zeros, len - 1u), 1);
        CU_ASSERT_EQUAL(control(&n, class, command, zeros, len + 1u), 1);
        CU_ASSERT_EQUAL(control(&n, class, 77, zeros, len), 1);
    }
    CU_ASSERT_EQUAL(control(&n, 99, 0, zeros, 1), 1);
    end(&n);
}

static void
test_control_values(void)
{
    const guint8 vlan_last[] = {0xff, 0x0f}, vlan_past[] = {0x00, 0x10};
    const guint8 pairs[] = {1, 0};
    const guint8 csum[8] = {0x02}, mtu_bit[8] = {0x08};
    guint8 table[8 + 6] = {1, 0, 0, 0, 2, 2, 2, 2, 2, 2};
    Net n;

    begin_started(&n, SPLIT);
    CU_ASSERT_EQUAL(control(&n, 2, 0, vlan_last, 2), 0);
    CU_ASSERT_EQUAL(control(&n, 2, 0, vlan_past, 2), 1);
    CU_ASSERT_EQUAL(control(&n, 4, 0, pairs, 2), 1); /* not negotiated */
    CU_ASSERT_EQUAL(control(&n, 5, 0, csum, 8), 0);
    CU_ASSERT_EQUAL(control(&n, 5, 0, mtu_bit, 8), 1);
    CU_ASSERT_EQUAL(control(&n, 3, 0, NULL, 0), 1); /* nobody asked */
    CU_ASSERT_EQUAL(control(&n, 1, 0, table, sizeof table), 0);
    memset(table, 0xff, 4); /* 2^32 - 1 addresses */
    CU_ASSERT_EQUAL(control(&n, 1, 0, table, sizeof table), 1);
    CU_ASSERT_EQUAL(control(&n, 1, 0, table, 3), 1);
    end(&n);
}

/* Whether a frame to this address, with this tag or 0, arrives. */
static bool
arrives(Net *n, const guint8 mac[6], guint8 vlan)
{
    guint8 frame[60];

    pattern(frame, sizeof frame, 1);
    memcpy(frame, mac, 6);
    if (vlan != 0)
        memcpy(frame + 12, (const guint8[]){0x81, 0x00, 0x00, vlan}, 4);
    add_rx(n, VR_DATA, 1536);
    virtio_rig_kick(&n->r, RX);
    host_sends(n, frame, sizeof frame);
    return used(n, RX) == HDR + 60;
}

static void
test_filters(void)
{
    static const guint8 ours[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const guint8 other[6] = {2, 2, 2, 2, 2, 2};
    static const guint8 group[6] = {0x33, 0x33, 0, 0, 0, 1};
    static const guint8 all[6] = {255, 255, 255, 255, 255, 255};
    const guint8 table[20] = {1, 0, 0, 0, 2,    2,    2, 2, 2, 2,
                              1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1};
    const guint8 on = 1, off = 0, vlan[] = {5, 0};
    Net n;

    begin_started(&n, SPLIT);
    CU_ASSERT_TRUE(arrives(&n, other, 0)); /* promiscuous at first */
    CU_ASSERT_EQUAL(control(&n, 0, 0, &off, 1), 0);
    CU_ASSERT_TRUE(arrives(&n, ours, 0));
    CU_ASSERT_TRUE(arrives(&n, all, 0));
    CU_ASSERT_FALSE(arrives(&n, other, 0));
    CU_ASSERT_FALSE(arrives(&n, group, 0));
    CU_ASSERT_FALSE(arrives(&n, ours, 5));
    CU_ASSERT_EQUAL(control(&n, 1, 0, table, sizeof table), 0);
    CU_ASSERT_EQUAL(control(&n, 2, 0, vlan, 2), 0);
    CU_ASSERT_TRUE(arrives(&n, other, 0));
    CU_ASSERT_TRUE(arrives(&n, group, 0));
    CU_ASSERT_TRUE(arrives(&n, ours, 5));
    CU_ASSERT_EQUAL(control(&n, 0, 5, &on, 1), 0); /* no broadcast */
    CU_ASSERT_FALSE(arrives(&n, all, 0));
    end(&n);
}

static void
test_queue_pairs(void)
{
    const guint8 two[] = {2, 0}, none[] = {0, 0}, five[] = {5, 0};
    Net n;
    NetStats stats;
    guint8 *ram;

    begin(&n, VR_PCI, "null", 2);
    ram = fake_ram(n.r.vm);
    virtio_rig_start(&n.r, SPLIT, 5);
    add_tx(&n, 3, HDR, 60, 0); /* not in use yet */
    virtio_rig_kick(&n.r, 3);
    net_stats(n.link, &stats);
    CU_ASSERT_EQUAL(stats.tx_frames, 0);
    for (unsigned i = 0; i < 3; i++) {
        const guint8 *data = i == 0 ? none : i == 1 ? five : two;
        const VrBuf bufs[] = {{REQUEST, 4, false}, {ANSWER, 1, true}};
        ram[REQUEST] = 4;
        ram[REQUEST + 1] = 0;
        memcpy(ram + REQUEST + 2, data, 2);
        virtio_rig_add(&n.r, 4, bufs, 2); /* behind two pairs */
        CU_ASSERT_EQUAL(virtio_rig_finish(&n.r, 4), 1);
        CU_ASSERT_EQUAL(ram[ANSWER], i < 2);
    }
    net_stats(n.link, &stats);
    CU_ASSERT_EQUAL(stats.tx_frames, 1); /* what waited there goes */
    end(&n);
}

static VirtioRig *reset_by_hook;

static int
reset_meanwhile(NetLink *link, unsigned n)
{
    if (reset_by_hook != NULL)
        virtio_rig_set_status(g_steal_pointer(&reset_by_hook), 0);
    return 0;
}

/* A processor resets the device while the link is told of the pairs: the
 * command is nobody's then. */
static void
test_reset_during_control(void)
{
    const VrBuf bufs[] = {{REQUEST, 4, false}, {ANSWER, 1, true}};
    Net n;

    begin(&n, VR_PCI, "null", 2);
    VirtioNet *d = VIRTIO_OF(VirtioNet, n.r.dev);
    guint8 *ram = fake_ram(n.r.vm);
    net_hook_set_queues(n.link, reset_meanwhile);
    virtio_rig_start(&n.r, SPLIT, 5);
    memcpy(ram + REQUEST, (const guint8[]){4, 0, 2, 0}, 4);
    ram[ANSWER] = 0xaa;
    virtio_rig_add(&n.r, 4, bufs, 2);
    reset_by_hook = &n.r;
    virtio_rig_kick(&n.r, 4);
    CU_ASSERT_PTR_NULL(reset_by_hook); /* it has come to that */
    CU_ASSERT_EQUAL(virtio_rig_status(&n.r), 0);
    CU_ASSERT_EQUAL(d->s.pairs, 1);
    CU_ASSERT_EQUAL(ram[ANSWER], 0xaa);
    CU_ASSERT_FALSE(d->serving);
    virtio_rig_start(&n.r, SPLIT, 5);
    CU_ASSERT_TRUE(d->serving);
    CU_ASSERT_EQUAL(d->active, 1);
    end(&n);
}

/* Whatever a saved state says. */
static void
test_one_pair_without_the_feature(void)
{
    Net n;

    begin(&n, VR_PCI, "null", 2);
    VirtioNet *d = VIRTIO_OF(VirtioNet, n.r.dev);
    virtio_rig_start(&n.r, SPLIT & ~MQ, 3);
    device_quiesce(n.r.dev);
    d->s.pairs = 2;
    device_resume(n.r.dev);
    CU_ASSERT_TRUE(d->serving);
    CU_ASSERT_EQUAL(d->active, 1);
    end(&n);
}

/* ---- the cable ---- */

static void
test_link_and_announce(void)
{
    Net n;

    begin_started(&n, SPLIT);
    net_set_plugged(n.link, false);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 6, 2), 0);
    CU_ASSERT_EQUAL(fake_mmio_read(n.r.vm, VR_ISR, 1) & 2, 2);
    net_set_plugged(n.link, true);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 6, 2), 3);
    CU_ASSERT_EQUAL(control(&n, 3, 0, NULL, 0), 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 6, 2), 1);
    end(&n);
}

static void
test_restore_announces(void)
{
    Net n;
    const guint8 off = 0;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    begin_started(&n, SPLIT);
    CU_ASSERT_EQUAL(control(&n, 0, 0, &off, 1), 0);
    device_quiesce(n.r.dev);
    CU_ASSERT_TRUE(device_is_quiet(n.r.dev));
    device_save(n.r.dev, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(n.r.dev, bytes, NULL));
    device_resume(n.r.dev);
    fake_advance(n.r.vm, 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 6, 2), 3);
    /* and goes on where it was: the filter is still there */
    static const guint8 other[6] = {2, 2, 2, 2, 2, 2};
    static const guint8 ours[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    CU_ASSERT_FALSE(arrives(&n, other, 0));
    CU_ASSERT_TRUE(arrives(&n, ours, 0));
    end(&n);
}

static void
test_reset_forgets(void)
{
    const guint8 mac[6] = {2, 3, 4, 5, 6, 7};
    Net n;

    begin_started(&n, SPLIT);
    CU_ASSERT_EQUAL(control(&n, 1, 1, mac, 6), 0);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 0, 4), 0x05040302);
    virtio_rig_start(&n.r, SPLIT, 3);
    CU_ASSERT_EQUAL(virtio_rig_config(&n.r, 0, 4), 0x12005452);
    end(&n);
}

CU_MAIN("virtio-net", {"configuration_says_what_it_is", test_config},
        {"wrong_options_are_refused", test_refuses},
        {"frames_are_sent_on_every_transport", test_sends},
        {"a_batch_interrupts_once", test_one_interrupt_a_batch},
        {"a_full_host_loses_and_swaps_nothing", test_full_host_keeps_order},
        {"bad_headers_are_dropped", test_bad_headers_are_dropped},
        {"a_wrong_direction_breaks_the_ring", test_wrong_direction_breaks},
        {"frames_are_received_on_every_transport", test_receives},
        {"frames_before_the_driver_are_dropped",
         test_frames_before_the_driver_are_dropped},
        {"a_frame_spreads_over_mergeable_buffers", test_mergeable_spreads},
        {"a_frame_waits_for_buffers", test_frame_waits_for_buffers_once},
        {"a_frame_too_big_for_the_ring_is_dropped",
         test_frame_too_big_for_the_ring_is_dropped},
        {"a_buffer_too_small_drops_the_frame", test_small_buffer_drops},
        {"control_of_a_wrong_length_is_an_error", test_control_of_wrong_length},
        {"control_checks_values", test_control_values},
        {"filters_let_through_what_is_asked_for", test_filters},
        {"pairs_work_once_they_are_in_use", test_queue_pairs},
        {"a_reset_during_a_control_leaves_nothing_behind",
         test_reset_during_control},
        {"without_the_feature_there_is_one_pair",
         test_one_pair_without_the_feature},
        {"the_cable_is_announced", test_link_and_announce},
        {"a_restored_card_announces_itself", test_restore_announces},
        {"a_reset_forgets_what_a_driver_set", test_reset_forgets})
