/* app/session/control-speed.c - the request about a machine's speed. */
#include "app/session/control-internal.h"
#include "app/session/session-error.h"

/* With "speed", a text as machine.speed has it, it is set first. */
void
speed_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    const char *text = json_get_string(request, "speed", NULL);
    GError *error = NULL;

    if (text == NULL && json_get(request, "speed") != NULL)
        error = g_error_new_literal(CARREL_SESSION_ERROR,
                                    CARREL_SESSION_ERROR_USAGE,
                                    "speed: 'speed' is a text such as \"486\"");
    else if (text != NULL)
        (void) config->ops->set_speed(config->machine, text, &error);
    if (error != NULL) {
        peer_fail(peer, id, error);
        return;
    }
    JsonWriter *out = peer_answer(peer, id);
    json_put_int(out, "share", config->ops->speed(config->machine));
    peer_send(peer, out, -1);
}
