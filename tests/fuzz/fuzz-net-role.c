/* tests/fuzz/fuzz-net-role.c - what the process of a user network reads:
 * requests, its own arguments, and port forwards, which keep their meaning
 * when written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/net/net.h"
#include "vmm/net/user-protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_forward(const NetForward *f)
{
    g_autofree char *text = net_forward_format(f);
    NetForward again;

    if (!net_forward_parse(text, &again, NULL) ||
        !net_forward_same_host(f, &again) || f->udp != again.udp)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *) data, size);
    g_auto(GStrv) words = g_strsplit(text, " ", 16);
    g_autoptr(GError) error = NULL;
    UserRequest request;
    UserConfig config;
    NetForward f;

    if (user_request_parse((const char *) data, size, &request)) {
        if (request.kind == USER_OFFLOADS) {
            if (request.offloads & ~(unsigned) NET_OFFLOAD_ALL)
                abort();
        } else {
            check_forward(&request.forward);
        }
    }
    if (user_config_parse((int) g_strv_length(words), words, &config) &&
        (config.frames_fd < 3 || config.frames_fd == config.control_fd ||
         config.mtu < NET_MTU_MIN || config.mtu > NET_MTU_MAX))
        abort();
    if (net_forward_parse(text, &f, &error))
        check_forward(&f);
    else if (error == NULL)
        abort();
    return 0;
}
