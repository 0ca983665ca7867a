/* vmm/net/forward.c - see forward.h. */
#include "vmm/net/forward.h"

#include <arpa/inet.h>
#include <string.h>

#include "vmm/net/net.h"

#define MAX_RULE 160

/* PORT or ADDRESS:PORT, with an IPv6 address in brackets. */
static bool
parse_end(const char *text, const char *fallback, NetAddress *ret_address)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon != NULL ? colon + 1 : text;
    guint64 number;
    NetAddress a = {.any = {.sa_family = AF_INET}};

    if (!g_ascii_isdigit(*port) ||
        !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
        return false;
    g_autofree char *host = colon != NULL && colon != text
                                ? g_strndup(text, (gsize) (colon - text))
                                : g_strdup(fallback);
    gsize len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons((guint16) number);
        if (inet_pton(AF_INET6, host + 1, &a.v6.sin6_addr) != 1)
            return false;
    } else {
        a.v4.sin_port = htons((guint16) number);
        if (inet_pton(AF_INET, host, &a.v4.sin_addr) != 1)
            return false;
    }
    *ret_address = a;
    return true;
}

static const char *
why_not(const char *text, NetForward *f)
{
    f->udp = g_str_has_prefix(text, "udp:");
    if (f->udp || g_str_has_prefix(text, "tcp:"))
        text += 4;
    const char *dash = strchr(text, '-');
    if (dash == NULL || strlen(text) > MAX_RULE)
        return "it is written " NET_FORWARD_SYNTAX;
    g_autofree char *left = g_strndup(text, (gsize) (dash - text));
    if (!parse_end(left, "127.0.0.1", &f->host))
        return "the host's side is a port from 1 to 65535, perhaps with an "
               "IP address before it";
    if (!parse_end(dash + (dash[1] == '>' ? 2 : 1), "10.0.2.15", &f->guest))
        return "the guest's side is a port from 1 to 65535, perhaps with an "
               "IP address before it";
    if (f->host.any.sa_family != f->guest.any.sa_family)
        return "both sides are IPv4 or both IPv6; name the guest's address "
               "too";
    return NULL;
}

bool
net_forward_parse(const char *text, NetForward *ret_forward, GError **error)
{
    NetForward f = {0};
    const char *reason = why_not(text, &f);

    if (reason == NULL) {
        *ret_forward = f;
        return true;
    }
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                "port forward '%.160s': %s", text, reason);
    return false;
}

static char *
format_end(const NetAddress *a)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (a->any.sa_family == AF_INET6) {
        (void) inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof text);
        return g_strdup_printf("[%s]:%u", text, ntohs(a->v6.sin6_port));
    }
    (void) inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof text);
    return g_strdup_printf("%s:%u", text, ntohs(a->v4.sin_port));
}

char *
net_forward_format(const NetForward *f)
{
    g_autofree char *host = format_end(&f->host);
    g_autofree char *guest = format_end(&f->guest);

    return g_strdup_printf("%s:%s->%s", f->udp ? "udp" : "tcp", host, guest);
}

socklen_t
net_address_len(const NetAddress *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

bool
net_forward_same_host(const NetForward *a, const NetForward *b)
{
    return a->udp == b->udp && a->host.any.sa_family == b->host.any.sa_family &&
           memcmp(&a->host, &b->host, net_address_len(&a->host)) == 0;
}
