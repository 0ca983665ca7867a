/* vmm/net/user-protocol.c - see user-protocol.h: the readers. */
#include "vmm/net/user-protocol.h"

#include <string.h>

#include "vmm/net/net.h"

bool
user_request_parse(const char *text, gsize len, UserRequest *ret_request)
{
    static const struct {
        const char *word;
        UserRequestKind kind;
    } rows[] = {
        {"offloads ", USER_OFFLOADS},
        {"forward ", USER_FORWARD},
        {"unforward ", USER_UNFORWARD},
    };
    UserRequest request = {.kind = USER_OFFLOADS};

    if (len == 0 || len > USER_MESSAGE_MAX || memchr(text, '\0', len) != NULL)
        return false;
    g_autofree char *copy = g_strndup(text, len);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint64 number = 0;
        if (!g_str_has_prefix(copy, rows[i].word))
            continue;
        const char *rest = copy + strlen(rows[i].word);
        request.kind = rows[i].kind;
        bool ok = request.kind == USER_OFFLOADS
                      ? g_ascii_string_to_unsigned(rest, 10, 0, NET_OFFLOAD_ALL,
                                                   &number, NULL)
                      : net_forward_parse(rest, &request.forward, NULL);
        request.offloads = (unsigned) number;
        if (ok)
            *ret_request = request;
        return ok;
    }
    return false;
}

/* Whether word is one of the strings, which are then in config. */
static bool
parse_string(char *word, UserConfig *config, bool *ret_ok)
{
    if (g_str_has_prefix(word, "tftp=")) {
        config->tftp = word + strlen("tftp=");
        *ret_ok = g_path_is_absolute(config->tftp);
        return true;
    }
    if (!g_str_has_prefix(word, "bootfile="))
        return false;
    config->bootfile = word + strlen("bootfile=");
    *ret_ok = strlen(config->bootfile) <= USER_BOOTFILE_MAX;
    return true;
}

bool
user_config_parse(int argc, char **argv, UserConfig *ret_config)
{
    static const struct {
        const char *key;
        guint64 min, max;
    } rows[] = {
        {"frames=", 3, 1023},
        {"control=", 3, 1023},
        {"mtu=", NET_MTU_MIN, NET_MTU_MAX},
        {"restricted=", 0, 1},
        {"host=", 0, 1},
    };
    guint64 value[G_N_ELEMENTS(rows)] = {0, 0, 1500, 0, 0};
    UserConfig config = {.tftp = NULL};

    for (int i = 0; i < argc; i++) {
        gsize r = 0;
        bool ok;
        if (parse_string(argv[i], &config, &ok)) {
            if (!ok)
                return false;
            continue;
        }
        while (r < G_N_ELEMENTS(rows) &&
               !g_str_has_prefix(argv[i], rows[r].key))
            r++;
        if (r == G_N_ELEMENTS(rows) ||
            !g_ascii_string_to_unsigned(argv[i] + strlen(rows[r].key), 10,
                                        rows[r].min, rows[r].max, &value[r],
                                        NULL))
            return false;
    }
    if (value[0] == 0 || value[1] == 0 || value[0] == value[1])
        return false;
    config.frames_fd = (int) value[0];
    config.control_fd = (int) value[1];
    config.mtu = (guint) value[2];
    config.restricted = value[3] != 0;
    config.host_access = value[4] != 0;
    *ret_config = config;
    return true;
}
