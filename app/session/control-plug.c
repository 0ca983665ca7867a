/* app/session/control-plug.c - requests about cards that come and go while the
 * guest runs. What is plugged in is described as in machine.ini. */
#include <string.h>

#include "app/session/control-internal.h"
#include "app/session/session-error.h"
#include "profiles/schema.h"

static bool
bad(GError **error, const char *text)
{
    g_set_error_literal(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                        text);
    return false;
}

/* A relative path would start where this process runs, which no client
 * knows. */
static bool
is_usable(const char *full_key, const char *value, GError **error)
{
    const SchemaKey *row = schema_find_full(full_key);

    if (row == NULL || row->type != SCHEMA_PATH || *value == '\0' ||
        g_path_is_absolute(value))
        return true;
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                "%s: the path must be absolute", full_key);
    return false;
}

static bool
read_settings(Profile *fragment, const char *section, const JsonNode *settings,
              GError **error)
{
    for (unsigned i = 0; i < json_length(settings); i++) {
        const char *value = json_string(json_at(settings, i), NULL);
        if (value == NULL)
            return bad(error, "attach: the values of 'settings' are strings");
        g_autofree char *full =
            g_strdup_printf("%s.%s", section, json_name_at(settings, i));
        if (!is_usable(full, value, error) ||
            !profile_set(fragment, full, value, error))
            return false;
    }
    return true;
}

/* The section alone; NULL and error set. */
static Profile *
read_fragment(const char *section, const JsonNode *request, GError **error)
{
    const JsonNode *settings = json_get(request, "settings");
    g_autoptr(Profile) fragment = profile_new();

    if (settings != NULL && json_type(settings) != JSON_OBJECT) {
        bad(error, "attach: 'settings' is an object of strings");
        return NULL;
    }
    if (!profile_add_section(fragment, section, error) ||
        !read_settings(fragment, section, settings, error))
        return NULL;
    return g_steal_pointer(&fragment);
}

static void
plug(Peer *peer, gint64 id, const PlugRequest *request)
{
    const ControlConfig *config = &peer->server->config;
    void *pending = peer_pending_new(peer, id);

    if (pending != NULL)
        config->ops->plug(config->machine, request, peer_pending_done, pending);
}

static const char *
request_section(const JsonNode *request, GError **error)
{
    const char *section = json_get_string(request, "section", NULL);

    if (section == NULL)
        bad(error, "'section' is missing, such as disk1");
    return section;
}

void
attach_request(Peer *peer, gint64 id, const JsonNode *request)
{
    GError *error = NULL;
    const char *section = request_section(request, &error);
    g_autoptr(Profile) fragment = NULL;

    if (section != NULL)
        fragment = read_fragment(section, request, &error);
    if (fragment == NULL)
        peer_fail(peer, id, error);
    else
        plug(peer, id,
             &(PlugRequest){.section = section, .fragment = fragment});
}

void
detach_request(Peer *peer, gint64 id, const JsonNode *request)
{
    GError *error = NULL;
    const char *section = request_section(request, &error);

    if (section == NULL)
        peer_fail(peer, id, error);
    else
        plug(peer, id,
             &(PlugRequest){.section = section,
                            .force = json_get_bool(request, "force", false)});
}

void
cards_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    MachineCard cards[MACHINE_MAX_CARDS];
    unsigned n = config->ops->cards(config->machine, cards);
    JsonWriter *out = peer_answer(peer, id);

    json_begin_array(out, "cards");
    for (unsigned i = 0; i < n; i++) {
        json_begin_object(out, NULL);
        json_put_string(out, "section", cards[i].section);
        json_put_int(out, "slot", cards[i].slot);
        json_put_bool(out, "leaving", cards[i].leaving);
        json_put_optional(out, "device", cards[i].device);
        json_end(out);
    }
    json_end(out);
    peer_send(peer, out, -1);
}
