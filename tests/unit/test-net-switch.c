/* tests/unit/test-net-switch.c - the private switch: its decisions, and two
 * links through the real role process. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "app/sandbox/sandbox-roles.h"
#include "tests/unit/net-rig.h"
#include "vmm/core/sysutil.h"
#include "vmm/net/net-internal.h"
#include "vmm/net/switch-core.h"
#include "vmm/net/switch-role.h"

/* ---- decisions ---- */

static guint8 *
frame_of(guint8 frame[14], guint8 to, guint8 from)
{
    memset(frame, 0, 14);
    frame[0] = to == 0xff ? 0xff : 2;
    frame[5] = to;
    frame[6] = 2;
    frame[11] = from;
    return frame;
}

static SwitchCore *
core_of(unsigned members)
{
    SwitchCore *core = g_new(SwitchCore, 1);
    switch_core_init(core);
    for (unsigned i = 0; i < members; i++)
        CU_ASSERT_EQUAL(switch_core_join(core), (int) i);
    return core;
}

static void
test_unknown_goes_to_all_others_known_to_one(void)
{
    g_autofree SwitchCore *core = core_of(3);
    guint8 f[14];

    CU_ASSERT_EQUAL(switch_core_route(core, 0, frame_of(f, 9, 1), 14, 0), 6);
    CU_ASSERT_EQUAL(switch_core_route(core, 2, frame_of(f, 1, 9), 14, 0), 1);
    CU_ASSERT_EQUAL(switch_core_route(core, 0, frame_of(f, 9, 1), 14, 0), 4);
    CU_ASSERT_EQUAL(switch_core_route(core, 0, frame_of(f, 0xff, 1), 14, 0), 6);
    CU_ASSERT_EQUAL(switch_core_route(core, 0, frame_of(f, 9, 1), 13, 0), 0);
}

static void
test_a_frame_to_oneself_goes_nowhere(void)
{
    g_autofree SwitchCore *core = core_of(2);
    guint8 f[14];

    (void) switch_core_route(core, 0, frame_of(f, 9, 1), 14, 0);
    CU_ASSERT_EQUAL(switch_core_route(core, 0, frame_of(f, 1, 2), 14, 0), 0);
}

static void
test_an_address_cannot_be_stolen_until_it_is_old(void)
{
    g_autofree SwitchCore *core = core_of(3);
    guint8 f[14];
    gint64 later = SWITCH_AGE_MS + 1;

    (void) switch_core_route(core, 0, frame_of(f, 9, 1), 14, 0);
    CU_ASSERT_EQUAL(switch_core_route(core, 1, frame_of(f, 9, 1), 14, 5), 0);
    CU_ASSERT_EQUAL(switch_core_route(core, 2, frame_of(f, 1, 3), 14, 5), 1);
    CU_ASSERT_EQUAL(switch_core_route(core, 1, frame_of(f, 9, 1), 14, later),
                    5);
    CU_ASSERT_EQUAL(switch_core_route(core, 2, frame_of(f, 1, 3), 14, later),
                    2);
}

static void
test_one_member_cannot_fill_the_table(void)
{
    g_autofree SwitchCore *core = core_of(3);
    guint8 f[14];

    for (unsigned i = 0; i < 5000; i++) {
        frame_of(f, 0xff, 0);
        f[9] = (guint8) (i >> 8);
        f[10] = (guint8) i;
        (void) switch_core_route(core, 0, f, 14, 0);
    }
    CU_ASSERT_EQUAL(core->held[0], SWITCH_PER_MEMBER);
    (void) switch_core_route(core, 1, frame_of(f, 0xff, 77), 14, 0);
    CU_ASSERT_EQUAL(switch_core_route(core, 2, frame_of(f, 77, 3), 14, 0), 2);
}

static void
test_who_leaves_is_forgotten(void)
{
    g_autofree SwitchCore *core = core_of(3);
    guint8 f[14];

    (void) switch_core_route(core, 0, frame_of(f, 9, 1), 14, 0);
    switch_core_leave(core, 0);
    CU_ASSERT_EQUAL(core->held[0], 0);
    CU_ASSERT_EQUAL(switch_core_route(core, 1, frame_of(f, 1, 2), 14, 0), 4);
    CU_ASSERT_EQUAL(switch_core_route(core, 0, frame_of(f, 1, 2), 14, 0), 0);
    CU_ASSERT_EQUAL(switch_core_join(core), 0);
}

static void
test_there_are_64_members_at_most(void)
{
    g_autofree SwitchCore *core = core_of(64);
    CU_ASSERT_EQUAL(switch_core_join(core), -1);
}

static void
test_a_group_address_is_no_sender(void)
{
    g_autofree SwitchCore *core = core_of(2);
    guint8 f[14];

    frame_of(f, 9, 1);
    f[6] = 3;
    CU_ASSERT_EQUAL(switch_core_route(core, 0, f, 14, 0), 0);
}

/* ---- two links and a process ---- */

static const char *const role_argv[] = {"/proc/self/exe", "test-net-switch",
                                        "__switch", NULL};

typedef struct {
    Loop *loop;
    char *dir, *path;
    NetLink *a, *b;
    NetRig ra, rb;
} Pair;

static NetLink *
join(Pair *p)
{
    const NetSpec spec = {.kind = "switch",
                          .name = "net0",
                          .path = p->path,
                          .role_argv = role_argv};
    g_autoptr(GError) error = NULL;
    NetLink *link = net_open(&spec, p->loop, &error);
    if (link == NULL)
        CU_FAIL_FATAL(error->message);
    return link;
}

static void
pair_open(Pair *p, NetHdr hdr_b, unsigned offloads_b)
{
    *p = (Pair){.loop = loop_new_manual()};
    p->dir = g_dir_make_tmp("net-switch-XXXXXX", NULL);
    p->path = g_build_filename(p->dir, "lan", NULL);
    p->a = join(p);
    p->b = join(p);
    rig_plug(&p->ra, p->a, NET_HDR_V1, NET_OFFLOAD_ALL);
    rig_plug(&p->rb, p->b, hdr_b, offloads_b);
}

static void
pair_close(Pair *p)
{
    g_autofree char *lock = g_strconcat(p->path, ".lock", NULL);

    net_close(p->a);
    net_close(p->b);
    loop_free(p->loop);
    rig_forget(&p->ra);
    rig_forget(&p->rb);
    /* the process ends with its last member, a second after */
    for (unsigned i = 0; i < 100 && access(p->path, F_OK) == 0; i++)
        g_usleep(50000);
    CU_ASSERT_EQUAL(access(p->path, F_OK), -1);
    (void) unlink(lock);
    (void) rmdir(p->dir);
    g_free(p->path);
    g_free(p->dir);
}

static void
test_two_links_hear_each_other(void)
{
    Pair p;
    guint8 out[NET_HDR_V1 + 1000] = {0};

    pair_open(&p, NET_HDR_NONE, 0);
    rig_pattern(out + NET_HDR_V1, 1000, 5);
    CU_ASSERT_EQUAL(rig_send(&p.ra, out, sizeof out), 1);
    rig_wait(p.loop, &p.rb, 1);
    CU_ASSERT_EQUAL_FATAL(p.rb.n, 1);
    CU_ASSERT_EQUAL(p.rb.len[0], 1000);
    CU_ASSERT_EQUAL(memcmp(p.rb.data[0], out + NET_HDR_V1, 1000), 0);
    CU_ASSERT_EQUAL(p.ra.n, 0);
    pair_close(&p);
}

/* A TSO frame of one guest to a guest that cannot take it. */
static void
test_tso_is_cut_for_a_plain_nic(void)
{
    Pair p;
    gsize payload = 4000, len = 54 + payload;
    g_autofree guint8 *out = g_malloc0(NET_HDR_V1 + len);
    guint8 *f = out + NET_HDR_V1;
    const NetVnetHdr hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                            .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                            .gso_size = GUINT16_TO_LE(1460),
                            .csum_start = GUINT16_TO_LE(34),
                            .csum_offset = GUINT16_TO_LE(16)};

    pair_open(&p, NET_HDR_NONE, 0);
    rig_pattern(f, len, 1);
    f[12] = 8;
    f[13] = 0;
    f[14] = 0x45;
    f[23] = 6;
    f[46] = 0x50;
    memcpy(out, &hdr, sizeof hdr);
    CU_ASSERT_EQUAL(rig_send(&p.ra, out, NET_HDR_V1 + len), 1);
    rig_wait(p.loop, &p.rb, 3);
    CU_ASSERT_EQUAL_FATAL(p.rb.n, 3);
    CU_ASSERT_EQUAL(p.rb.len[0], 54 + 1460);
    CU_ASSERT_EQUAL(p.rb.len[1], 54 + 1460);
    CU_ASSERT_EQUAL(p.rb.len[2], 54 + 1080);
    CU_ASSERT_EQUAL(memcmp(p.rb.data[1] + 54, f + 54 + 1460, 1460), 0);
    pair_close(&p);
}

/* With no room, frames wait in the socket, then the sender is told. */
static void
test_a_full_switch_drops_and_goes_on(void)
{
    Pair p;
    guint8 out[NET_HDR_V1 + 1500] = {0};

    pair_open(&p, NET_HDR_V1, NET_OFFLOAD_ALL);
    rig_pattern(out + NET_HDR_V1, 1500, 5);
    net_set_receiving(p.b, 0, false);
    for (unsigned i = 0; i < 20000; i++) {
        (void) rig_send(&p.ra, out, sizeof out);
        loop_advance(p.loop, 0);
    }
    p.rb.limit = 3;
    net_set_receiving(p.b, 0, true);
    rig_wait(p.loop, &p.rb, 3);
    loop_advance(p.loop, 0);
    CU_ASSERT_EQUAL(p.rb.n, 3);
    p.rb.limit = 0;
    net_set_receiving(p.b, 0, true);
    rig_wait(p.loop, &p.rb, 50);
    CU_ASSERT(p.rb.n >= 50);
    pair_close(&p);
}

static void
test_a_member_that_sends_nonsense_harms_nobody(void)
{
    Pair p;
    guint8 junk[40];
    guint8 out[NET_HDR_V1 + 60] = {0};

    pair_open(&p, NET_HDR_V1, NET_OFFLOAD_ALL);
    memset(junk, 0xff, sizeof junk);
    int raw = p.a->queues[0].fd;
    CU_ASSERT_EQUAL(send(raw, junk, 5, 0), 5);
    CU_ASSERT_EQUAL(send(raw, junk, sizeof junk, 0), sizeof junk);
    junk[18] = 2; /* now a sender; the header still is nonsense */
    CU_ASSERT_EQUAL(send(raw, junk, sizeof junk, 0), sizeof junk);
    rig_pattern(out + NET_HDR_V1, 60, 5);
    CU_ASSERT_EQUAL(rig_send(&p.ra, out, sizeof out), 1);
    rig_wait(p.loop, &p.rb, 1);
    CU_ASSERT_EQUAL(p.rb.n, 1);
    NetStats stats;
    net_stats(p.b, &stats);
    CU_ASSERT_EQUAL(stats.rx_dropped, 1);
    pair_close(&p);
}

static const CuCase cases[] = {
    {"unknown_goes_to_all_others_known_to_one",
     test_unknown_goes_to_all_others_known_to_one},
    {"a_frame_to_oneself_goes_nowhere", test_a_frame_to_oneself_goes_nowhere},
    {"an_address_cannot_be_stolen_until_it_is_old",
     test_an_address_cannot_be_stolen_until_it_is_old},
    {"one_member_cannot_fill_the_table", test_one_member_cannot_fill_the_table},
    {"who_leaves_is_forgotten", test_who_leaves_is_forgotten},
    {"there_are_64_members_at_most", test_there_are_64_members_at_most},
    {"a_group_address_is_no_sender", test_a_group_address_is_no_sender},
    {"two_links_hear_each_other", test_two_links_hear_each_other},
    {"tso_is_cut_for_a_plain_nic", test_tso_is_cut_for_a_plain_nic},
    {"a_full_switch_drops_and_goes_on", test_a_full_switch_drops_and_goes_on},
    {"a_member_that_sends_nonsense_harms_nobody",
     test_a_member_that_sends_nonsense_harms_nobody},
};

int
main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "__switch") == 0)
        return net_switch_role_main(argv[2], sandbox_role_switch);
    /* a call that the sandbox's table lacks ends the role */
    g_setenv("CARREL_SANDBOX", "strict", TRUE);
    return cu_main("net-switch", cases, G_N_ELEMENTS(cases), argc, argv);
}
