/* ui/vnc/handshake.c - see handshake.h.
 *
 * RFC 6143 sections 7.1 and 7.2, versions 3.3, 3.7 and 3.8; security types
 * None and VNC Authentication. */
#include "ui/vnc/handshake.h"

#include <string.h>

#include "ui/vnc/rfb-lib.h"
#include "ui/vnc/rfb-message.h"

#define VERSION_SIZE      12
#define VERSION_TEXT      "RFB 003.008\n"
#define SECURITY_INVALID  0
#define SECURITY_NONE     1
#define SECURITY_PASSWORD 2
#define RESULT_OK         0
#define RESULT_FAILED     1
#define PASSWORD_SIZE     8

static void
put32(GByteArray *out, guint32 value)
{
    guint8 bytes[4];

    rfb_put32(bytes, value);
    g_byte_array_append(out, bytes, sizeof bytes);
}

static void
put_text(GByteArray *out, const char *text)
{
    put32(out, (guint32) strlen(text));
    g_byte_array_append(out, (const guint8 *) text, (guint) strlen(text));
}

static void
fail(Handshake *h, const char *why)
{
    h->stage = HANDSHAKE_FAILED;
    h->why = why;
}

void
handshake_begin(Handshake *h, bool need_password, const guint8 *challenge,
                GByteArray *out)
{
    const char *refuse = h->refuse;

    *h = (Handshake){.need_password = need_password, .refuse = refuse};
    memcpy(h->challenge, challenge, VNC_CHALLENGE_SIZE);
    g_byte_array_append(out, (const guint8 *) VERSION_TEXT, VERSION_SIZE);
}

/* "RFB 003.008\n"; Apple's 3.889 understands 3.8, other minors mean 3.3. */
static bool
parse_version(const guint8 *text, guint *ret_minor)
{
    guint minor = 0;

    if (memcmp(text, "RFB 003.", 8) != 0 || text[11] != '\n')
        return false;
    for (int i = 8; i < 11; i++) {
        if (!g_ascii_isdigit(text[i]))
            return false;
        minor = 10 * minor + (guint) (text[i] - '0');
    }
    *ret_minor = minor >= 8 ? 8 : minor == 7 ? 7 : 3;
    return minor >= 3;
}

static void
send_challenge(Handshake *h, GByteArray *out)
{
    g_byte_array_append(out, h->challenge, VNC_CHALLENGE_SIZE);
    h->stage = HANDSHAKE_PASSWORD;
}

static void
after_version(Handshake *h, GByteArray *out)
{
    guint8 type = h->need_password ? SECURITY_PASSWORD : SECURITY_NONE;
    guint8 list[2] = {1, type};

    if (h->refuse != NULL) {
        if (h->minor == 3)
            put32(out, SECURITY_INVALID);
        else
            g_byte_array_append(out, (const guint8 *) "", 1); /* no types */
        put_text(out, h->refuse);
        fail(h, h->refuse);
        return;
    }
    if (h->minor != 3) {
        g_byte_array_append(out, list, sizeof list);
        h->stage = HANDSHAKE_SECURITY;
        return;
    }
    put32(out, type);
    if (h->need_password)
        send_challenge(h, out);
    else
        h->stage = HANDSHAKE_INIT;
}

static void
after_security(Handshake *h, guint8 choice, GByteArray *out)
{
    if (choice != (h->need_password ? SECURITY_PASSWORD : SECURITY_NONE)) {
        fail(h, "it chose a security type that was not offered");
        return;
    }
    if (h->need_password) {
        send_challenge(h, out);
        return;
    }
    if (h->minor == 8)
        put32(out, RESULT_OK);
    h->stage = HANDSHAKE_INIT;
}

void
handshake_result(Handshake *h, bool ok, const char *reason, GByteArray *out)
{
    put32(out, ok ? RESULT_OK : RESULT_FAILED);
    if (ok) {
        h->stage = HANDSHAKE_INIT;
        return;
    }
    if (h->minor == 8)
        put_text(out, reason);
    fail(h, reason);
}

static gsize
wanted(const Handshake *h)
{
    switch (h->stage) {
    case HANDSHAKE_VERSION: return VERSION_SIZE;
    case HANDSHAKE_SECURITY:
    case HANDSHAKE_INIT: return 1;
    case HANDSHAKE_PASSWORD: return VNC_CHALLENGE_SIZE;
    case HANDSHAKE_CHECK:
    case HANDSHAKE_DONE:
    case HANDSHAKE_FAILED:
    default: return 0;
    }
}

static void
take(Handshake *h, const guint8 *data, GByteArray *out)
{
    switch (h->stage) {
    case HANDSHAKE_VERSION:
        if (parse_version(data, &h->minor))
            after_version(h, out);
        else
            fail(h, "it does not speak RFB 3.x");
        break;
    case HANDSHAKE_SECURITY: after_security(h, data[0], out); break;
    case HANDSHAKE_PASSWORD:
        memcpy(h->response, data, VNC_CHALLENGE_SIZE);
        h->stage = HANDSHAKE_CHECK;
        break;
    case HANDSHAKE_INIT: h->stage = HANDSHAKE_DONE; break;
    case HANDSHAKE_CHECK:
    case HANDSHAKE_DONE:
    case HANDSHAKE_FAILED:
    default: break;
    }
}

gsize
handshake_feed(Handshake *h, const guint8 *data, gsize len, GByteArray *out)
{
    gsize used = 0;

    /* One version, one choice, one answer: a handful of rounds. */
    for (gsize n = wanted(h); n > 0 && len - used >= n; n = wanted(h)) {
        take(h, data + used, out);
        used += n;
    }
    return used;
}

bool
handshake_password_ok(const Handshake *h, const char *password)
{
    guint8 expected[VNC_CHALLENGE_SIZE];
    char key[PASSWORD_SIZE + 1] = {0};
    guint8 difference = 0;

    if (!rfb_lib_load(NULL))
        return false;
    memcpy(key, password, MIN(strlen(password), PASSWORD_SIZE));
    memcpy(expected, h->challenge, sizeof expected);
    rfbEncryptBytes(expected, key);
    for (gsize i = 0; i < sizeof expected; i++)
        difference |= expected[i] ^ h->response[i];
    explicit_bzero(key, sizeof key);
    return difference == 0;
}
