/* app/session/control-memory.c - the request about a machine's memory, and the
 * balloon in it. */
#include "app/session/control-internal.h"
#include "app/session/session-error.h"

static void
put_balloon(JsonWriter *out, const VirtioBalloonInfo *info)
{
    json_begin_object(out, "balloon");
    json_put_bool(out, "driver", info->driver);
    json_put_u64(out, "target", info->target);
    json_put_u64(out, "actual", info->actual);
    json_put_u64(out, "inflated", info->inflated);
    json_put_u64(out, "reported", info->reported);
    if (info->has_stats) {
        json_begin_object(out, "guest");
        for (unsigned i = 0; i < VIRTIO_BALLOON_STATS; i++)
            if ((info->known >> i & 1) != 0)
                json_put_u64(out, virtio_balloon_stat_name(i), info->stats[i]);
        json_end(out);
    }
    json_end(out);
}

/* With "balloon", bytes, the balloon is set first. */
void
memory_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    MachineStats *stats = g_new0(MachineStats, 1);
    VirtioBalloonInfo info = {0};
    gint64 bytes = json_get_int(request, "balloon", -1);
    GError *error = NULL;

    if (json_get(request, "balloon") != NULL && bytes < 0)
        error = g_error_new_literal(
            CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
            "memory: 'balloon' is a number of bytes, 0 or more");
    else if (bytes >= 0)
        (void) config->ops->set_balloon(config->machine, (guint64) bytes,
                                        &error);
    if (error != NULL) {
        peer_fail(peer, id, error);
    } else {
        JsonWriter *out = peer_answer(peer, id);
        config->ops->stats(config->machine, stats);
        json_put_u64(out, "memory", stats->ram);
        json_put_u64(out, "resident", stats->resident);
        if (config->ops->balloon(config->machine, &info))
            put_balloon(out, &info);
        peer_send(peer, out, -1);
    }
    g_free(stats);
}
