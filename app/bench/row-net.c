/* app/bench/row-net.c - networks that need no privileges: a datagram's way
 * between the guest and a program on this host. */
#include "app/bench/bench.h"
#include "app/bench/net-peer.h"
#include "vmm/net/net.h"

#define SWITCH_NAME "bench"
#define MAX_COMMAND 96

/* clang-format off */
static const struct Network {
    const char *device, *column; /* of the results, of the table */
    const char *driver;          /* in the guest */
    const char *settings[3][2];
    bool user;
} networks[] = {
    { "virtio-net switch", "virtio switch", "virtio-net",
      { { "net0.kind", "switch" }, { "net0.model", "virtio-net" }, { "net0.switch", SWITCH_NAME } }, false },
    { "virtio-net user",   "virtio user",   "virtio-net",
      { { "net0.kind", "user" },   { "net0.model", "virtio-net" }, { "net0.host-access", "true" } }, true },
};

static const struct {
    const char *metric, *label, *unit, *mode;
    bool per_second;
    double scale; /* a datagram's MB; a ns in us */
} modes[] = {
    { "guest-to-host", "guest to host", "MB/s", "send",    true,  BENCH_PEER_PAYLOAD / 1e6 },
    { "host-to-guest", "host to guest", "MB/s", "receive", true,  BENCH_PEER_PAYLOAD / 1e6 },
    { "round-trip",    "round trip",    "us",   "ping",    false, 1e-3 },
};
/* clang-format on */

static BenchPeer *
open_peer(Bench *bench, const struct Network *n, GError **error)
{
    g_autofree char *path =
        g_build_filename(bench->dir, ".switches", SWITCH_NAME, NULL);

    return n->user ? bench_peer_open_udp(error)
                   : bench_peer_open_switch(path, error);
}

static bool
measure(Bench *bench, BenchGuest *guest, const struct Network *n, guint16 port,
        GError **error)
{
    BenchMeasure measures[G_N_ELEMENTS(modes)];
    char commands[G_N_ELEMENTS(modes)][MAX_COMMAND];

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_snprintf(commands[i], MAX_COMMAND, "net %s 0 %s # %u irq", n->driver,
                   modes[i].mode, port);
        measures[i] = (BenchMeasure){
            .device = n->device,
            .column = n->column,
            .metric = modes[i].metric,
            .label = modes[i].label,
            .unit = modes[i].unit,
            .command = commands[i],
            .first = BENCH_PEER_GROUP,
            .most = 1u << 24,
            .per_second = modes[i].per_second,
            .scale = modes[i].scale,
        };
    }
    return bench_measure_all(bench, guest, measures, G_N_ELEMENTS(modes),
                             error);
}

/* The machine first: it makes the switch's folder. */
static bool
run_network(Bench *bench, const struct Network *n, GError **error)
{
    g_autoptr(Profile) profile = bench_guest_profile(BENCH_ROM, error);

    if (profile == NULL)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(n->settings); i++)
        if (!profile_set(profile, n->settings[i][0], n->settings[i][1], error))
            return false;
    g_autoptr(BenchGuest) guest = bench_guest_start(profile, bench->dir, error);
    if (guest == NULL)
        return false;
    g_autoptr(BenchPeer) peer = open_peer(bench, n, error);
    return peer != NULL &&
           measure(bench, guest, n, bench_peer_port(peer), error);
}

bool
bench_row_net(Bench *bench, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(networks); i++) {
        GError *e = NULL;
        if (run_network(bench, &networks[i], &e))
            continue;
        if (!g_error_matches(e, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING)) {
            g_propagate_error(error, e);
            return false;
        }
        app_warn(bench->app, "%s: %s", networks[i].device, e->message);
        g_error_free(e);
    }
    return true;
}
