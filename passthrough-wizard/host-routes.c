/* passthrough-wizard/host-routes.c - the interfaces that this host is reached
 * by: the default route's, and those of SSH sessions, which are where packets
 * to the other end leave. From /proc/net; a recording names the latter in
 * /carrel/ssh-interfaces, since addresses are not recorded. */
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/host-uses.h"

enum { MAX_PORTS = 8, SSH_PORT = 22, TCP_ESTABLISHED = 1, RTF_UP = 1 };

/* ---- routes -------------------------------------------------------------- */

/* An address as 16 bytes in network order; IPv4 in the first four. */
typedef struct {
    guint8 bytes[16];
    unsigned len; /* 4 or 16 */
} Address;

typedef struct {
    char ifname[32];
    Address to;
    unsigned prefix;
    guint32 metric;
} Route;

static unsigned
count_bits(guint32 mask)
{
    unsigned n = 0;

    for (; mask != 0; mask &= mask - 1)
        n++;
    return n;
}

/* The kernel prints an IPv4 address as one number of the host's order. */
static Address
from_ipv4(guint32 word)
{
    Address a = {.len = 4};

    memcpy(a.bytes, &word, 4);
    return a;
}

static bool
from_hex(const char *text, Address *ret)
{
    Address a = {.len = 16};

    if (strspn(text, "0123456789abcdefABCDEF") < 32)
        return false;
    for (unsigned i = 0; i < 16; i++)
        a.bytes[i] = (guint8) (g_ascii_xdigit_value(text[2 * i]) << 4 |
                               g_ascii_xdigit_value(text[2 * i + 1]));
    *ret = a;
    return true;
}

static void
read_ipv4_routes(const HostRoot *root, GArray *routes)
{
    g_autofree char *text =
        host_root_read(root, "/proc/net/route", HOST_ROOT_MAX_FILE, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    guint32 to, gateway, mask, metric;
    unsigned flags;

    for (unsigned i = 0; lines[i] != NULL; i++) {
        Route r = {0};
        if (sscanf(lines[i], "%31s %8x %8x %4x %*s %*s %9u %8x", r.ifname, &to,
                   &gateway, &flags, &metric, &mask) != 6 ||
            !(flags & RTF_UP))
            continue;
        r.to = from_ipv4(to);
        r.prefix = count_bits(mask);
        r.metric = metric;
        g_array_append_val(routes, r);
    }
}

static void
read_ipv6_routes(const HostRoot *root, GArray *routes)
{
    g_autofree char *text = host_root_read(root, "/proc/net/ipv6_route",
                                           HOST_ROOT_MAX_FILE, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    char to[33];
    unsigned prefix, flags;
    guint32 metric;

    for (unsigned i = 0; lines[i] != NULL; i++) {
        Route r = {0};
        if (sscanf(lines[i], "%32s %2x %*s %*s %*s %8x %*s %*s %8x %31s", to,
                   &prefix, &metric, &flags, r.ifname) != 5 ||
            !(flags & RTF_UP) || prefix > 128 || !from_hex(to, &r.to) ||
            strcmp(r.ifname, "lo") == 0)
            continue;
        r.prefix = prefix;
        r.metric = metric;
        g_array_append_val(routes, r);
    }
}

static bool
covers(const Route *r, const Address *a)
{
    if (r->to.len != a->len || r->prefix > a->len * 8)
        return false;
    for (unsigned bit = 0; bit < r->prefix; bit++)
        if ((r->to.bytes[bit / 8] ^ a->bytes[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

/* Longest prefix, then the smallest metric. */
static const Route *
way_to(const GArray *routes, const Address *a)
{
    const Route *best = NULL;

    for (guint i = 0; i < routes->len; i++) {
        const Route *r = &g_array_index(routes, Route, i);
        if (covers(r, a) &&
            (best == NULL || r->prefix > best->prefix ||
             (r->prefix == best->prefix && r->metric < best->metric)))
            best = r;
    }
    return best;
}

/* ---- SSH ----------------------------------------------------------------- */

typedef struct {
    const HostRoot *root;
    const GArray *routes;
    unsigned ports[MAX_PORTS], n_ports;
    GPtrArray *names;
} Ssh;

static void
add_port(Ssh *ssh, unsigned long port)
{
    if (port > 0 && port < 65536 && ssh->n_ports < MAX_PORTS)
        ssh->ports[ssh->n_ports++] = (unsigned) port;
}

/* The port of our own session, and those that the server is told. */
static void
find_ports(Ssh *ssh)
{
    static const char name[] = "SSH_CONNECTION=";
    gsize len = 0;
    g_autofree char *own = host_root_read(ssh->root, "/proc/self/environ",
                                          HOST_ROOT_MAX_FILE, &len, NULL);
    g_autofree char *config = host_root_read(ssh->root, "/etc/ssh/sshd_config",
                                             HOST_ROOT_MAX_FILE, NULL, NULL);
    unsigned port;

    add_port(ssh, SSH_PORT);
    for (gsize at = 0; own != NULL && at < len; at += strlen(own + at) + 1)
        if (g_str_has_prefix(own + at, name)) {
            g_auto(GStrv) w = g_strsplit(own + at + strlen(name), " ", 5);
            if (g_strv_length(w) >= 4)
                add_port(ssh, strtoul(w[3], NULL, 10));
        }
    g_auto(GStrv) lines = g_strsplit(config != NULL ? config : "", "\n", -1);
    for (unsigned i = 0; lines[i] != NULL; i++)
        if (sscanf(lines[i], "Port %5u", &port) == 1)
            add_port(ssh, port);
}

static bool
is_ssh_port(const Ssh *ssh, unsigned port)
{
    for (unsigned i = 0; i < ssh->n_ports; i++)
        if (ssh->ports[i] == port)
            return true;
    return false;
}

/* The kernel prints IPv6 as four words of the host's order. */
static bool
peer_of(const char *text, Address *ret)
{
    guint32 words[4];

    if (strspn(text, "0123456789ABCDEFabcdef") == 8) {
        *ret = from_ipv4((guint32) strtoul(text, NULL, 16));
        return true;
    }
    if (sscanf(text, "%8x%8x%8x%8x", &words[0], &words[1], &words[2],
               &words[3]) != 4)
        return false;
    ret->len = 16;
    memcpy(ret->bytes, words, 16);
    static const guint8 mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(ret->bytes, mapped, sizeof(mapped)) == 0) {
        memmove(ret->bytes, ret->bytes + 12, 4);
        ret->len = 4;
    }
    return true;
}

static void
add_name(GPtrArray *names, const char *name)
{
    for (guint i = 0; i < names->len; i++)
        if (strcmp(g_ptr_array_index(names, i), name) == 0)
            return;
    g_ptr_array_add(names, g_strdup(name));
}

static void
read_connections(Ssh *ssh, const char *path)
{
    g_autofree char *text =
        host_root_read(ssh->root, path, HOST_ROOT_MAX_FILE, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    char peer[33];
    unsigned port, state;
    Address address;

    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (sscanf(lines[i],
                   " %*[0-9]: %*[0-9A-Fa-f]:%4x %32[0-9A-Fa-f]:%*4x %2x", &port,
                   peer, &state) != 3 ||
            state != TCP_ESTABLISHED || !is_ssh_port(ssh, port) ||
            !peer_of(peer, &address))
            continue;
        const Route *r = way_to(ssh->routes, &address);
        if (r != NULL)
            add_name(ssh->names, r->ifname);
    }
}

static GArray *
read_routes(const HostRoot *root)
{
    GArray *routes = g_array_new(FALSE, FALSE, sizeof(Route));

    read_ipv4_routes(root, routes);
    read_ipv6_routes(root, routes);
    return routes;
}

char **
host_ssh_interfaces(const HostRoot *root)
{
    g_autoptr(GArray) routes = read_routes(root);
    g_autofree char *recorded = host_root_line(root, "/carrel/ssh-interfaces");
    Ssh ssh = {.root = root, .routes = routes, .names = g_ptr_array_new()};

    if (recorded != NULL) {
        g_ptr_array_free(ssh.names, TRUE);
        return g_strsplit(recorded, " ", 16);
    }
    find_ports(&ssh);
    read_connections(&ssh, "/proc/net/tcp");
    read_connections(&ssh, "/proc/net/tcp6");
    g_ptr_array_add(ssh.names, NULL);
    return (char **) g_ptr_array_free(ssh.names, FALSE);
}

void
host_routes_read(const HostRoot *root, HostPci *host)
{
    g_autoptr(GArray) routes = read_routes(root);
    g_auto(GStrv) ssh = host_ssh_interfaces(root);

    for (unsigned i = 0; ssh[i] != NULL; i++)
        host_uses_blame_netdev(root, host, HOST_USE_SSH, ssh[i], 0);
    for (guint i = 0; i < routes->len; i++) {
        const Route *r = &g_array_index(routes, Route, i);
        if (r->prefix == 0)
            host_uses_blame_netdev(root, host, HOST_USE_DEFAULT_ROUTE,
                                   r->ifname, 0);
    }
}
