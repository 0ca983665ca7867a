/* ui/render/png.c - a PNG writer: 8-bit RGB, one IDAT, no filters (screens
 * are flat colours, which deflate handles as they are). PNG specification,
 * second edition. */
#include <string.h>
#include <zlib.h>

#include "ui/render/render.h"
#include "vmm/display/screen.h"

#define PNG_COLOR_RGB 2

static void
append_be32(GByteArray *out, guint32 v)
{
    guint32 be = GUINT32_TO_BE(v);

    g_byte_array_append(out, (const guint8 *) &be, sizeof be);
}

/* Length, type, data, CRC of type and data. */
static void
append_chunk(GByteArray *out, const char *type, const guint8 *data, gsize len)
{
    guint start;

    append_be32(out, (guint32) len);
    start = out->len;
    g_byte_array_append(out, (const guint8 *) type, 4);
    if (len > 0)
        g_byte_array_append(out, data, (guint) len);
    append_be32(out, (guint32) crc32(0, out->data + start, (uInt) len + 4));
}

static void
append_header(GByteArray *out, const ScreenHeader *h)
{
    guint8 ihdr[13] = {0};
    guint32 w = GUINT32_TO_BE(h->width), hh = GUINT32_TO_BE(h->height);

    memcpy(ihdr, &w, 4);
    memcpy(ihdr + 4, &hh, 4);
    ihdr[8] = 8; /* bits per sample */
    ihdr[9] = PNG_COLOR_RGB;
    append_chunk(out, "IHDR", ihdr, sizeof ihdr);
}

/* Each line: filter type 0, then RGB. */
static guint8 *
raw_lines(const ScreenHeader *map, const ScreenHeader *h, gsize *ret_len)
{
    gsize line_len = 1 + (gsize) h->width * 3;
    guint8 *raw = g_try_malloc(line_len * h->height);

    if (raw == NULL)
        return NULL;
    for (guint32 y = 0; y < h->height; y++) {
        const guint8 *in =
            (const guint8 *) map + h->pixels_offset + (gsize) y * h->stride;
        const guint32 *src = (const guint32 *) (const void *) in;
        guint8 *dst = raw + (gsize) y * line_len;
        *dst++ = 0;
        for (guint32 x = 0; x < h->width; x++) {
            guint32 c = src[x];
            *dst++ = (guint8) (c >> 16);
            *dst++ = (guint8) (c >> 8);
            *dst++ = (guint8) c;
        }
    }
    *ret_len = line_len * h->height;
    return raw;
}

bool
render_png(const ScreenHeader *map, gsize len, GByteArray *out)
{
    static const guint8 signature[8] = {0x89, 'P',  'N',  'G',
                                        '\r', '\n', 0x1a, '\n'};
    ScreenHeader h;
    gsize raw_len;

    if (!screen_snapshot(map, len, &h))
        return false;
    g_autofree guint8 *raw = raw_lines(map, &h, &raw_len);
    if (raw == NULL)
        return false;
    uLongf packed_len = compressBound((uLong) raw_len);
    g_autofree guint8 *packed = g_try_malloc(packed_len);
    if (packed == NULL || compress2(packed, &packed_len, raw, (uLong) raw_len,
                                    Z_BEST_SPEED) != Z_OK)
        return false;
    g_byte_array_append(out, signature, sizeof signature);
    append_header(out, &h);
    append_chunk(out, "IDAT", packed, packed_len);
    append_chunk(out, "IEND", NULL, 0);
    return true;
}
