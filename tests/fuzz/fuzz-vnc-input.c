/* tests/fuzz/fuzz-vnc-input.c - what a stranger sends to the VNC server: the
 * way in, messages, WebSocket. The first byte says which; sizes stay inside
 * what was sent, and cutting the bytes elsewhere changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/vnc/events.h"
#include "ui/vnc/handshake.h"
#include "ui/vnc/rfb-message.h"
#include "ui/vnc/websocket.h"
#include "vmm/loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
    if (!ok)
        abort();
}

static void
fuzz_handshake(const uint8_t *data, size_t size)
{
    static const guint8 challenge[VNC_CHALLENGE_SIZE] = {7};
    g_autoptr(GByteArray) out = g_byte_array_new();
    Handshake h = {.refuse = NULL};
    gsize used = 0;

    handshake_begin(&h, size % 2 == 0, challenge, out);
    for (int round = 0; round < 3; round++) {
        used += handshake_feed(&h, data + used, size - used, out);
        check(used <= size);
        if (h.stage == HANDSHAKE_CHECK)
            handshake_result(&h, handshake_password_ok(&h, "secret"), "no",
                             out);
    }
    check(out->len < 256);
}

static void
give_event(VncEvents *events, const guint8 *message)
{
    if (message[0] == RFB_KEY_EVENT)
        vnc_events_key(events, message);
    else if (message[0] == RFB_QEMU)
        vnc_events_qemu_key(events, message);
    else if (message[0] == RFB_POINTER_EVENT)
        vnc_events_pointer(events, message, 720, 400, (message[2] & 1) != 0);
}

static void
fuzz_messages(const uint8_t *data, size_t size)
{
    Loop *loop = loop_new_manual();
    Input *input = input_new(loop);
    g_autofree guint8 *copy = g_memdup2(data, size);
    VncEvents events;
    gsize at = 0;

    vnc_events_init(&events, input);
    while (at < size) {
        const char *why = NULL;
        guint32 skip;
        guint features;
        int n = rfb_message_size(copy + at, size - at, &skip, &why);
        check(n >= -1 && n <= RFB_MAX_MESSAGE && (n >= 0 || why != NULL));
        if (n <= 0 || (gsize) n > size - at)
            break;
        if (copy[at] == RFB_SET_ENCODINGS)
            check(rfb_filter_encodings(copy + at, &features) <= n);
        give_event(&events, copy + at);
        at += (gsize) n + MIN(skip, size - at - (gsize) n);
    }
    vnc_events_done(&events);
    loop_advance(loop, 0);
    input_free(input);
    loop_free(loop);
}

static void
fuzz_request(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) reply = g_byte_array_new();
    int n = websocket_upgrade(data, size, size % 2 == 0, reply);

    check(n <= (int) size && (n == 0) == (reply->len == 0));
}

static void
fuzz_frames(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) in2 = g_byte_array_new();
    g_autoptr(GByteArray) out2 = g_byte_array_new();
    WebSocket whole = {.header_len = 0}, bytes = {.header_len = 0};
    bool ok = websocket_decode(&whole, data, size, in, out);
    bool ok2 = true;

    for (size_t i = 0; i < size && ok2; i++)
        ok2 = websocket_decode(&bytes, data + i, 1, in2, out2);
    check(ok == ok2 && in->len == in2->len && out->len == out2->len);
    check(in->len <= size);
    check(in->len == 0 || memcmp(in->data, in2->data, in->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(const uint8_t *, size_t) = {
        fuzz_handshake, fuzz_messages, fuzz_request, fuzz_frames};

    if (size > 1)
        targets[data[0] % G_N_ELEMENTS(targets)](data + 1, size - 1);
    return 0;
}
