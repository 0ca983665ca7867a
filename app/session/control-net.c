/* app/session/control-net.c - requests about networks: what there is, and its
 * changes while the guest runs. */
#include <string.h>

#include "app/session/control-internal.h"
#include "app/session/session-error.h"

static void
put_net(JsonWriter *out, const MachineNet *net)
{
    json_begin_object(out, NULL);
    json_put_string(out, "name", net->name);
    json_put_string(out, "kind", net->kind);
    json_put_string(out, "model", net->model);
    json_put_string(out, "mac", net->mac);
    json_put_string(out, "where", net->description);
    json_put_bool(out, "up", net->up);
    json_put_bool(out, "plugged", net->plugged);
    json_put_int(out, "mtu", net->mtu);
    json_put_optional(out, "capture", net->capture);
    json_put_u64(out, "tx_frames", net->stats.tx_frames);
    json_put_u64(out, "tx_bytes", net->stats.tx_bytes);
    json_put_u64(out, "tx_dropped", net->stats.tx_dropped);
    json_put_u64(out, "rx_frames", net->stats.rx_frames);
    json_put_u64(out, "rx_bytes", net->stats.rx_bytes);
    json_put_u64(out, "rx_dropped", net->stats.rx_dropped);
    json_begin_array(out, "forwards");
    for (unsigned i = 0; net->forwards != NULL && net->forwards[i] != NULL; i++)
        json_put_string(out, NULL, net->forwards[i]);
    json_end(out);
    json_end(out);
}

void
nets_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    MachineNet nets[MACHINE_MAX_NETS] = {{NULL}};
    unsigned n = config->ops->nets(config->machine, nets);
    JsonWriter *out = peer_answer(peer, id);

    json_begin_array(out, "nets");
    for (unsigned i = 0; i < n; i++) {
        put_net(out, &nets[i]);
        machine_net_clear(&nets[i]);
    }
    json_end(out);
    peer_send(peer, out, -1);
}

/* The change that a request asks for; NULL, else what is wrong with it. */
static const char *
read_change(const JsonNode *request, NetRequest *ret)
{
    static const struct {
        const char *word;
        NetChange change;
    } rows[] = {
        {"forward-add", NET_FORWARD_ADD},
        {"forward-remove", NET_FORWARD_REMOVE},
        {"capture", NET_CAPTURE},
        {"link", NET_PLUG},
    };
    const char *word = json_get_string(request, "change", "");
    gsize i = 0;

    while (i < G_N_ELEMENTS(rows) && strcmp(rows[i].word, word) != 0)
        i++;
    if (i == G_N_ELEMENTS(rows))
        return "net: 'change' is forward-add, forward-remove, capture or link";
    *ret = (NetRequest){.net = json_get_string(request, "net", NULL),
                        .change = rows[i].change,
                        .value = json_get_string(request, "value", NULL)};
    if (ret->change == NET_CAPTURE)
        return ret->value == NULL || g_path_is_absolute(ret->value)
                   ? NULL
                   : "net: the capture's path must be absolute";
    if (ret->value == NULL)
        return "net: 'value' is missing";
    if (ret->change == NET_PLUG && strcmp(ret->value, "up") != 0 &&
        strcmp(ret->value, "down") != 0)
        return "net: the link's 'value' is up or down";
    return NULL;
}

void
net_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    NetRequest change;
    const char *wrong = read_change(request, &change);

    if (wrong != NULL) {
        peer_fail(peer, id,
                  g_error_new_literal(CARREL_SESSION_ERROR,
                                      CARREL_SESSION_ERROR_USAGE, wrong));
        return;
    }
    void *pending = peer_pending_new(peer, id);
    if (pending != NULL)
        config->ops->change_net(config->machine, &change, peer_pending_done,
                                pending);
}
