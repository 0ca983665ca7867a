/* tests/unit/test-vnc-wire.c - what viewers send, byte by byte: handshake,
 * messages, WebSocket, and who guesses passwords. No sockets. */
#include <string.h>

#include <arpa/inet.h>

#include "tests/unit/cu-main.h"
#include "ui/vnc/handshake.h"
#include "ui/vnc/lockout.h"
#include "ui/vnc/rfb-message.h"
#include "ui/vnc/websocket.h"

static const guint8 challenge[VNC_CHALLENGE_SIZE] = {1, 2, 3, 4};

#define BYTES(text) ((const guint8 *) (text)), (sizeof(text) - 1)

static bool
out_is(GByteArray *out, const void *bytes, gsize len)
{
    bool same = out->len == len && memcmp(out->data, bytes, len) == 0;
    g_byte_array_set_size(out, 0);
    return same;
}

static void
test_no_password(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Handshake h = {.refuse = NULL};

    handshake_begin(&h, false, challenge, out);
    CU_ASSERT_TRUE(out_is(out, "RFB 003.008\n", 12));
    CU_ASSERT_EQUAL(handshake_feed(&h, BYTES("RFB 003.008\n"), out), 12);
    CU_ASSERT_TRUE(out_is(out, "\1\1", 2));
    CU_ASSERT_EQUAL(handshake_feed(&h, BYTES("\1"), out), 1);
    CU_ASSERT_TRUE(out_is(out, "\0\0\0\0", 4));
    /* ClientInit, and a byte that is not ours any more */
    CU_ASSERT_EQUAL(handshake_feed(&h, BYTES("\0\5"), out), 1);
    CU_ASSERT_EQUAL(h.stage, HANDSHAKE_DONE);
}

static void
test_byte_by_byte(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Handshake h = {.refuse = NULL};

    handshake_begin(&h, false, challenge, out);
    CU_ASSERT_EQUAL(handshake_feed(&h, BYTES("RFB 003.00"), out), 0);
    CU_ASSERT_EQUAL(h.stage, HANDSHAKE_VERSION);
}

static void
test_version_33(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Handshake h = {.refuse = NULL};

    handshake_begin(&h, true, challenge, out);
    g_byte_array_set_size(out, 0);
    (void) handshake_feed(&h, BYTES("RFB 003.003\n"), out);
    CU_ASSERT_EQUAL(out->len, 4 + VNC_CHALLENGE_SIZE);
    CU_ASSERT_EQUAL(out->data[3], 2);
    CU_ASSERT_EQUAL(h.stage, HANDSHAKE_PASSWORD);
}

static void
test_bad_versions(void)
{
    static const char *const bad[] = {"RFB 999.999\n", "RFB 003.0x8\n",
                                      "GET / HTTP/1", "RFB 003.0088",
                                      "RFB 003.002\n"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        Handshake h = {.refuse = NULL};
        handshake_begin(&h, false, challenge, out);
        (void) handshake_feed(&h, (const guint8 *) bad[i], 12, out);
        CU_ASSERT_EQUAL(h.stage, HANDSHAKE_FAILED);
    }
}

static void
test_choice_not_offered(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Handshake h = {.refuse = NULL};

    handshake_begin(&h, true, challenge, out);
    (void) handshake_feed(&h, BYTES("RFB 003.008\n\1"), out);
    CU_ASSERT_EQUAL(h.stage, HANDSHAKE_FAILED);
}

static void
test_refusal(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Handshake h = {.refuse = "no"};

    handshake_begin(&h, true, challenge, out);
    g_byte_array_set_size(out, 0);
    (void) handshake_feed(&h, BYTES("RFB 003.008\n"), out);
    CU_ASSERT_TRUE(out_is(out, "\0\0\0\0\2no", 7));
    CU_ASSERT_EQUAL(h.stage, HANDSHAKE_FAILED);
}

/* What a viewer with the password "secret" answers to the challenge
 * 000102..0f, computed with an independent DES. */
static void
test_password(void)
{
    static const guint8 answer[VNC_CHALLENGE_SIZE] = {
        0xee, 0x22, 0x53, 0x9f, 0x33, 0xa5, 0x98, 0x3e,
        0xc1, 0x2f, 0x9c, 0x2e, 0xdb, 0xc9, 0x95, 0xdd};
    Handshake h = {.stage = HANDSHAKE_CHECK};

    for (guint8 i = 0; i < VNC_CHALLENGE_SIZE; i++)
        h.challenge[i] = i;
    memcpy(h.response, answer, sizeof answer);
    CU_ASSERT_TRUE(handshake_password_ok(&h, "secret"));
    CU_ASSERT_FALSE(handshake_password_ok(&h, "Secret"));
    CU_ASSERT_FALSE(handshake_password_ok(&h, "secre"));
    h.response[15] ^= 1;
    CU_ASSERT_FALSE(handshake_password_ok(&h, "secret"));
}

static int
size_of(const guint8 *data, gsize len)
{
    const char *why = NULL;
    guint32 skip;
    return rfb_message_size(data, len, &skip, &why);
}

static void
test_sizes(void)
{
    guint8 encodings[] = {2, 0, 0, 3};
    guint8 desktop[] = {251, 0, 0, 0, 0, 0, 2, 0};

    CU_ASSERT_EQUAL(size_of(BYTES("\3")), 10);
    CU_ASSERT_EQUAL(size_of(BYTES("\4")), 8);
    CU_ASSERT_EQUAL(size_of(BYTES("\5")), 6);
    CU_ASSERT_EQUAL(size_of(encodings, 3), 0);
    CU_ASSERT_EQUAL(size_of(encodings, 4), 16);
    CU_ASSERT_EQUAL(size_of(desktop, 8), 40);
    CU_ASSERT_EQUAL(size_of(BYTES("\xff")), 0);
    CU_ASSERT_EQUAL(size_of(BYTES("\xff\0")), 12);
}

static void
test_not_offered(void)
{
    guint8 huge_list[] = {2, 0, 0xff, 0xff};
    guint8 huge_cut[] = {6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};

    /* 7 is file transfer, 11 text chat, 250 power, 255.1 sound */
    CU_ASSERT_EQUAL(size_of(BYTES("\7")), -1);
    CU_ASSERT_EQUAL(size_of(BYTES("\13")), -1);
    CU_ASSERT_EQUAL(size_of(BYTES("\372")), -1);
    CU_ASSERT_EQUAL(size_of(BYTES("\377\1")), -1);
    CU_ASSERT_EQUAL(size_of(huge_list, 4), -1);
    CU_ASSERT_EQUAL(size_of(huge_cut, 8), -1);
}

static void
test_pixel_formats(void)
{
    guint8 m[20] = {0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0};

    CU_ASSERT_EQUAL(size_of(m, 20), 20);
    m[14] = 25; /* shift: red ends above the pixel */
    CU_ASSERT_EQUAL(size_of(m, 20), -1);
    m[14] = 16;
    m[9] = 254; /* not 2^n-1 */
    CU_ASSERT_EQUAL(size_of(m, 20), -1);
    m[9] = 0;
    CU_ASSERT_EQUAL(size_of(m, 20), -1);
    m[9] = 255;
    m[4] = 24;
    CU_ASSERT_EQUAL(size_of(m, 20), -1);
}

static void
test_filter(void)
{
    /* Tight, extended keys, clipboard, a cursor, DesktopSize */
    guint8 m[4 + 20] = {2, 0, 0, 5};
    static const guint32 list[] = {7, (guint32) -258, 0xc0a1e5ce,
                                   (guint32) -239, (guint32) -223};
    guint features;

    for (gsize i = 0; i < G_N_ELEMENTS(list); i++)
        rfb_put32(m + 4 + 4 * i, list[i]);
    CU_ASSERT_EQUAL(rfb_filter_encodings(m, &features), 12);
    CU_ASSERT_EQUAL(features, RFB_FEATURE_EXTENDED_KEYS);
    CU_ASSERT_EQUAL(rfb_get16(m + 2), 2);
    CU_ASSERT_EQUAL(rfb_get32(m + 4), 7);
    CU_ASSERT_EQUAL(rfb_get32(m + 8), (guint32) -223);
}

#define REQUEST                                                                \
    "GET /websockify HTTP/1.1\r\nHost: localhost:5900\r\n"                     \
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                          \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n"

static int
upgrade(const char *request, bool any_origin, GByteArray *reply)
{
    g_byte_array_set_size(reply, 0);
    int size = websocket_upgrade((const guint8 *) request, strlen(request),
                                 any_origin, reply);
    g_byte_array_append(reply, (const guint8 *) "", 1);
    return size;
}

static void
test_upgrade(void)
{
    g_autoptr(GByteArray) reply = g_byte_array_new();

    /* The key and its answer are the example of RFC 6455 section 1.3. */
    CU_ASSERT_EQUAL(upgrade(REQUEST "\r\n", false, reply),
                    sizeof REQUEST - 1 + 2);
    CU_ASSERT_PTR_NOT_NULL(
        strstr((const char *) reply->data, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *) reply->data,
                                  "Sec-WebSocket-Protocol: binary\r\n"));
    CU_ASSERT_EQUAL(upgrade(REQUEST, false, reply), 0);
    CU_ASSERT_EQUAL(upgrade("GET / HTTP/1.1\r\n\r\n", false, reply), -1);
    CU_ASSERT_EQUAL(strncmp((const char *) reply->data, "HTTP/1.1 426", 12), 0);
}

static void
test_origin(void)
{
    g_autoptr(GByteArray) reply = g_byte_array_new();

    CU_ASSERT_TRUE(upgrade(REQUEST "Origin: http://localhost:8000\r\n\r\n",
                           false, reply) > 0);
    CU_ASSERT_TRUE(
        upgrade(REQUEST "Origin: http://[::1]\r\n\r\n", false, reply) > 0);
    CU_ASSERT_EQUAL(
        upgrade(REQUEST "Origin: http://localhost.evil\r\n\r\n", false, reply),
        -1);
    CU_ASSERT_EQUAL(upgrade(REQUEST "Origin: null\r\n\r\n", false, reply), -1);
    CU_ASSERT_TRUE(
        upgrade(REQUEST "Origin: http://a.example\r\n\r\n", true, reply) > 0);
}

static void
test_frames(void)
{
    /* "abc" in two fragments with a ping in between, mask 1 2 3 4 */
    static const guint8 frames[] = {
        0x02,    0x82, 1,    2, 3, 4, 'a' ^ 1, 'b' ^ 2, 0x89, 0x81, 1, 2, 3, 4,
        'p' ^ 1, 0x80, 0x81, 1, 2, 3, 4,       'c' ^ 1};
    g_autoptr(GByteArray) in = g_byte_array_new();
    g_autoptr(GByteArray) out = g_byte_array_new();
    WebSocket ws = {.header_len = 0};

    for (gsize i = 0; i < sizeof frames; i++)
        CU_ASSERT_TRUE(websocket_decode(&ws, frames + i, 1, in, out));
    CU_ASSERT_TRUE(out_is(in, "abc", 3));
    CU_ASSERT_TRUE(out_is(out, "\x8a\1p", 3));
}

static void
test_bad_frames(void)
{
    static const guint8 frames[][6] = {
        {0x82, 0x01, 0, 0, 0, 0}, /* not masked */
        {0x81, 0x81, 0, 0, 0, 0}, /* text */
        {0x80, 0x81, 0, 0, 0, 0}, /* continues nothing */
        {0xc2, 0x81, 0, 0, 0, 0}, /* an extension */
        {0x09, 0x81, 0, 0, 0, 0}, /* a ping in fragments */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(frames); i++) {
        g_autoptr(GByteArray) in = g_byte_array_new();
        WebSocket ws = {.header_len = 0};
        CU_ASSERT_FALSE(websocket_decode(&ws, frames[i], 6, in, in));
    }
}

static void
test_frame_sizes(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autofree guint8 *data = g_malloc0(70000);

    websocket_encode(data, 125, out);
    CU_ASSERT_EQUAL(out->len, 2 + 125);
    g_byte_array_set_size(out, 0);
    websocket_encode(data, 126, out);
    CU_ASSERT_EQUAL(out->len, 4 + 126);
    g_byte_array_set_size(out, 0);
    websocket_encode(data, 70000, out);
    CU_ASSERT_EQUAL(out->len, 10 + 70000);
}

static void
test_lockout(void)
{
    g_autofree Lockout *l = g_new0(Lockout, 1);
    LockoutPeer bad = {1, AF_INET}, good = {2, AF_INET};

    for (int i = 0; i < 4; i++)
        lockout_failed(l, bad, 0);
    CU_ASSERT_FALSE(lockout_is_locked(l, bad, 0));
    lockout_failed(l, bad, 0);
    CU_ASSERT_TRUE(lockout_is_locked(l, bad, 999999));
    CU_ASSERT_FALSE(lockout_is_locked(l, bad, 1000000));
    CU_ASSERT_FALSE(lockout_is_locked(l, good, 0));
    for (int i = 0; i < 1000; i++)
        lockout_failed(l, bad, 0);
    CU_ASSERT_TRUE(lockout_is_locked(l, bad, 59999999));
    CU_ASSERT_FALSE(lockout_is_locked(l, bad, 60000000));
    lockout_succeeded(l, bad);
    CU_ASSERT_FALSE(lockout_is_locked(l, bad, 0));
}

static void
test_peers(void)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET6};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) (void *) &storage;

    (void) inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr);
    LockoutPeer one = lockout_peer(&storage);
    (void) inet_pton(AF_INET6, "2001:db8::ffff", &in6->sin6_addr);
    CU_ASSERT_EQUAL(lockout_peer(&storage).address, one.address);
    CU_ASSERT_FALSE(lockout_peer_is_loopback(&storage));
    (void) inet_pton(AF_INET6, "::1", &in6->sin6_addr);
    CU_ASSERT_TRUE(lockout_peer_is_loopback(&storage));
}

CU_MAIN("vnc-wire", {"a_viewer_gets_in_without_password", test_no_password},
        {"half_a_version_is_waited_for", test_byte_by_byte},
        {"version_3_3_gets_the_challenge_at_once", test_version_33},
        {"what_is_no_rfb_3_is_refused", test_bad_versions},
        {"a_security_type_not_offered_is_refused", test_choice_not_offered},
        {"a_refusal_says_why", test_refusal},
        {"the_password_is_checked_by_des", test_password},
        {"messages_have_their_sizes", test_sizes},
        {"what_was_not_offered_is_no_message", test_not_offered},
        {"impossible_pixel_formats_are_refused", test_pixel_formats},
        {"the_library_learns_only_of_pixels", test_filter},
        {"a_browser_is_upgraded", test_upgrade},
        {"pages_of_other_sites_are_refused", test_origin},
        {"fragments_and_pings_are_taken_apart", test_frames},
        {"frames_that_break_the_rules_are_refused", test_bad_frames},
        {"frames_have_three_sizes_of_header", test_frame_sizes},
        {"guessing_costs_up_to_a_minute", test_lockout},
        {"a_network_of_ipv6_is_one_peer", test_peers})
