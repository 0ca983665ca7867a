/* ui/vnc/websocket.c - see websocket.h. */
#include "ui/vnc/websocket.h"

#include <string.h>

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* section 1.3 */
#define MAX_HEADERS 64

/* Section 5.2 */
#define WS_FIN          0x80
#define WS_RESERVED     0x70
#define WS_OPCODE       0x0f
#define WS_MASKED       0x80
#define WS_LENGTH       0x7f
#define WS_LENGTH_16    126
#define WS_LENGTH_64    127
#define WS_MAX_CONTROL  125
#define WS_CONTINUATION 0x0
#define WS_BINARY       0x2
#define WS_CLOSE        0x8
#define WS_PING         0x9
#define WS_PONG         0xa

typedef struct {
    const char *key, *origin, *protocol, *upgrade, *connection, *version;
} Request;

static void
append(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *) text, (guint) strlen(text));
}

static void
refuse(GByteArray *reply, const char *status, const char *text)
{
    g_autofree char *answer = g_strdup_printf(
        "HTTP/1.1 %s\r\nConnection: close\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nContent-Type: text/plain\r\n"
        "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
        status, strlen(text), text);
    append(reply, answer);
}

/* True when the comma-separated list has the word. */
static bool
list_has(const char *list, const char *word)
{
    bool found = false;

    if (list == NULL)
        return false;
    g_auto(GStrv) words = g_strsplit(list, ",", MAX_HEADERS);
    for (gsize i = 0; words[i] != NULL && !found; i++)
        found = g_ascii_strcasecmp(g_strstrip(words[i]), word) == 0;
    return found;
}

static void
take_header(Request *request, char *line)
{
    char *value = strchr(line, ':');
    /* clang-format off */
    const struct { const char *name; const char **where; } known[] = {
        { "Sec-WebSocket-Key",      &request->key },
        { "Sec-WebSocket-Protocol", &request->protocol },
        { "Sec-WebSocket-Version",  &request->version },
        { "Origin",                 &request->origin },
        { "Upgrade",                &request->upgrade },
        { "Connection",             &request->connection },
    };
    /* clang-format on */
    if (value == NULL)
        return;
    *value++ = '\0';
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_ascii_strcasecmp(g_strstrip(line), known[i].name) == 0)
            *known[i].where = g_strstrip(value);
    }
}

/* A page from elsewhere must not reach a screen without a password through the
 * browser of this host's user; what counts is where the page says it came
 * from, since its address for us may be a name that was made to point here. */
static bool
origin_is_local(const char *origin)
{
    if (origin == NULL)
        return true; /* not a browser */
    const char *host = strstr(origin, "://");
    if (host == NULL)
        return false;
    host += 3;
    gsize len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    g_autofree char *name = g_strndup(host, MIN(len, strlen(host)));
    return strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 ||
           strcmp(name, "[::1]") == 0;
}

static void
accept_upgrade(const Request *request, GByteArray *reply)
{
    guint8 digest[20];
    gsize size = sizeof digest;
    g_autoptr(GChecksum) sha = g_checksum_new(G_CHECKSUM_SHA1);

    g_checksum_update(sha, (const guchar *) request->key, -1);
    g_checksum_update(sha, (const guchar *) ACCEPT_GUID, -1);
    g_checksum_get_digest(sha, digest, &size);
    g_autofree char *accept = g_base64_encode(digest, size);
    append(reply, "HTTP/1.1 101 Switching Protocols\r\n"
                  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: ");
    append(reply, accept);
    append(reply, request->protocol != NULL
                      ? "\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
                      : "\r\n\r\n");
}

static bool
answer(const Request *request, bool any_origin, GByteArray *reply)
{
    if (request->key == NULL || !list_has(request->upgrade, "websocket") ||
        !list_has(request->connection, "upgrade") ||
        g_strcmp0(request->version, "13") != 0) {
        refuse(reply, "426 Upgrade Required",
               "This is a VNC server for WebSocket; there is no page here.\n");
        return false;
    }
    if (request->protocol != NULL && !list_has(request->protocol, "binary")) {
        refuse(reply, "400 Bad Request", "The protocol must be 'binary'.\n");
        return false;
    }
    if (!any_origin && !origin_is_local(request->origin)) {
        refuse(reply, "403 Forbidden",
               "Pages of other sites need a machine with vnc.password set.\n");
        return false;
    }
    accept_upgrade(request, reply);
    return true;
}

int
websocket_upgrade(const guint8 *data, gsize len, bool any_origin,
                  GByteArray *reply)
{
    Request request = {NULL};
    const char *end =
        g_strstr_len((const char *) data, (gssize) len, "\r\n\r\n");

    if (end == NULL && len < WEBSOCKET_MAX_REQUEST)
        return 0;
    gsize size = end != NULL ? (gsize) (end - (const char *) data) : 0;
    if (end == NULL || size > WEBSOCKET_MAX_REQUEST) {
        refuse(reply, "431 Request Header Fields Too Large", "Too long.\n");
        return -1;
    }
    g_autofree char *text = g_strndup((const char *) data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", MAX_HEADERS);
    for (gsize i = 1; lines[0] != NULL && lines[i] != NULL; i++)
        take_header(&request, lines[i]);
    return answer(&request, any_origin, reply) ? (int) size + 4 : -1;
}

static void
put_frame(guint8 opcode, const guint8 *data, gsize len, GByteArray *out)
{
    guint8 header[10] = {(guint8) (WS_FIN | opcode)};
    guint n = 2;

    if (len < WS_LENGTH_16) {
        header[1] = (guint8) len;
    } else if (len <= G_MAXUINT16) {
        header[1] = WS_LENGTH_16;
        header[n++] = (guint8) (len >> 8);
        header[n++] = (guint8) len;
    } else {
        header[1] = WS_LENGTH_64;
        for (int shift = 56; shift >= 0; shift -= 8)
            header[n++] = (guint8) ((guint64) len >> shift);
    }
    g_byte_array_append(out, header, n);
    g_byte_array_append(out, data, (guint) len);
}

void
websocket_encode(const guint8 *data, gsize len, GByteArray *out)
{
    put_frame(WS_BINARY, data, len, out);
}

/* Size of the header, going by the bytes of it that are there. */
static guint
header_size(const WebSocket *ws)
{
    if (ws->header_len < 2)
        return 2;
    guint8 length = ws->header[1] & WS_LENGTH;
    return 2 + 4 +
           (length == WS_LENGTH_64   ? 8
            : length == WS_LENGTH_16 ? 2
                                     : 0);
}

static bool
frame_allowed(const WebSocket *ws)
{
    bool fin = (ws->header[0] & WS_FIN) != 0;

    if ((ws->header[0] & WS_RESERVED) != 0 || (ws->header[1] & WS_MASKED) == 0)
        return false;
    switch (ws->opcode) {
    case WS_CONTINUATION: return ws->in_message;
    case WS_BINARY: return !ws->in_message;
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG: return fin && ws->left <= WS_MAX_CONTROL;
    default: return false; /* text, and what is not defined */
    }
}

static bool
begin_frame(WebSocket *ws)
{
    guint8 length = ws->header[1] & WS_LENGTH;
    guint at = 2;

    ws->opcode = ws->header[0] & WS_OPCODE;
    ws->left = length;
    if (length >= WS_LENGTH_16) {
        guint n = length == WS_LENGTH_16 ? 2 : 8;
        ws->left = 0;
        for (guint i = 0; i < n; i++)
            ws->left = ws->left << 8 | ws->header[at++];
    }
    memcpy(ws->mask, ws->header + at, sizeof ws->mask);
    ws->done = 0;
    ws->control_len = 0;
    ws->in_payload = true;
    return frame_allowed(ws);
}

static void
end_frame(WebSocket *ws, GByteArray *out)
{
    if (ws->opcode == WS_PING) {
        put_frame(WS_PONG, ws->control, ws->control_len, out);
    } else if (ws->opcode == WS_CLOSE) {
        put_frame(WS_CLOSE, ws->control, MIN(ws->control_len, 2), out);
        ws->closed = true;
    } else if (ws->opcode != WS_PONG) {
        ws->in_message = (ws->header[0] & WS_FIN) == 0;
    }
    ws->in_payload = false;
    ws->header_len = 0;
}

static gsize
take_payload(WebSocket *ws, const guint8 *data, gsize len, GByteArray *in)
{
    guint8 plain[1024];
    gsize n = MIN(MIN(len, sizeof plain), ws->left);

    for (gsize i = 0; i < n; i++)
        plain[i] = data[i] ^ ws->mask[(ws->done + i) % 4];
    ws->done += n;
    ws->left -= n;
    if (ws->opcode == WS_BINARY || ws->opcode == WS_CONTINUATION) {
        g_byte_array_append(in, plain, (guint) n);
    } else {
        /* frame_allowed() has seen that it fits */
        memcpy(ws->control + ws->control_len, plain, n);
        ws->control_len += (guint) n;
    }
    return n;
}

bool
websocket_decode(WebSocket *ws, const guint8 *data, gsize len, GByteArray *in,
                 GByteArray *out)
{
    gsize used = 0;

    while (used < len && !ws->closed) {
        if (ws->in_payload) {
            used += take_payload(ws, data + used, len - used, in);
        } else {
            ws->header[ws->header_len++] = data[used++];
            if (ws->header_len == header_size(ws) && !begin_frame(ws))
                return false;
        }
        if (ws->in_payload && ws->left == 0)
            end_frame(ws, out);
    }
    return true;
}
