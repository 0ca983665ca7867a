/* ui/vnc/rfb-message.c - see rfb-message.h.
 *
 * By RFC 6143 and the community's registry of extensions. Left out on purpose:
 * clipboard, file transfer, text chat, scaling, power commands. */
#include "ui/vnc/rfb-message.h"

#include <string.h>

#define MAX_ENCODINGS     1024
#define MAX_SCREENS       16
#define MAX_CUT_TEXT      (1024u * 1024u)

#define QEMU_EXTENDED_KEY 0

guint16
rfb_get16(const guint8 *at)
{
    return (guint16) (at[0] << 8 | at[1]);
}

guint32
rfb_get32(const guint8 *at)
{
    return (guint32) rfb_get16(at) << 16 | rfb_get16(at + 2);
}

void
rfb_put16(guint8 *at, guint16 value)
{
    at[0] = (guint8) (value >> 8);
    at[1] = (guint8) value;
}

void
rfb_put32(guint8 *at, guint32 value)
{
    rfb_put16(at, (guint16) (value >> 16));
    rfb_put16(at + 2, (guint16) value);
}

/* One colour of a pixel format: max is 2^n-1 and lies inside the pixel. */
static bool
colour_fits(guint16 max, guint8 shift, guint8 bits)
{
    guint width = max == 0 ? 0 : (guint) g_bit_nth_msf(max, -1) + 1;

    return width > 0 && (max & (max + 1u)) == 0 && shift + width <= bits;
}

/* Section 7.4; type and 3 bytes of padding come before. */
static bool
pixel_format_ok(const guint8 *format)
{
    guint8 bits = format[0];
    bool true_colour = format[3] != 0;

    if (bits != 8 && bits != 16 && bits != 32)
        return false;
    if (!true_colour)
        return bits == 8; /* a palette, which the library makes up */
    return colour_fits(rfb_get16(format + 4), format[10], bits) &&
           colour_fits(rfb_get16(format + 6), format[11], bits) &&
           colour_fits(rfb_get16(format + 8), format[12], bits);
}

static int
set_pixel_format_size(const guint8 *data, gsize len, const char **ret_why)
{
    if (len < 20)
        return 20;
    if (pixel_format_ok(data + 4))
        return 20;
    *ret_why = "a pixel format that cannot be";
    return -1;
}

static int
set_encodings_size(const guint8 *data, gsize len, const char **ret_why)
{
    if (len < 4)
        return 0;
    if (rfb_get16(data + 2) <= MAX_ENCODINGS)
        return 4 + 4 * rfb_get16(data + 2);
    *ret_why = "more than 1024 encodings";
    return -1;
}

static int
cut_text_size(const guint8 *data, gsize len, guint32 *ret_skip,
              const char **ret_why)
{
    if (len < 8)
        return 0;
    *ret_skip = rfb_get32(data + 4);
    if (*ret_skip <= MAX_CUT_TEXT)
        return 8;
    *ret_why = "a clipboard of more than 1 MiB";
    return -1;
}

static int
set_desktop_size_size(const guint8 *data, gsize len, const char **ret_why)
{
    if (len < 8)
        return 0;
    if (data[6] >= 1 && data[6] <= MAX_SCREENS)
        return 8 + 16 * data[6];
    *ret_why = "an impossible number of screens";
    return -1;
}

static int
qemu_size(const guint8 *data, gsize len, const char **ret_why)
{
    if (len < 2)
        return 0;
    if (data[1] == QEMU_EXTENDED_KEY)
        return 12;
    *ret_why = "a QEMU message that was not offered";
    return -1;
}

int
rfb_message_size(const guint8 *data, gsize len, guint32 *ret_skip,
                 const char **ret_why)
{
    *ret_skip = 0;
    if (len == 0)
        return 0;
    switch (data[0]) {
    case RFB_SET_PIXEL_FORMAT: return set_pixel_format_size(data, len, ret_why);
    case RFB_SET_ENCODINGS: return set_encodings_size(data, len, ret_why);
    case RFB_UPDATE_REQUEST: return 10;
    case RFB_KEY_EVENT: return 8;
    case RFB_POINTER_EVENT: return 6;
    case RFB_CUT_TEXT: return cut_text_size(data, len, ret_skip, ret_why);
    case RFB_SET_DESKTOP_SIZE: return set_desktop_size_size(data, len, ret_why);
    case RFB_QEMU: return qemu_size(data, len, ret_why);
    default: *ret_why = "a message that was not offered"; return -1;
    }
}

/* What the library may use: pixels, their quality, and the size of the
 * screen. No cursor (it is part of the pixels), no clipboard. */
static bool
library_may_know(gint32 encoding)
{
    /* clang-format off */
    static const struct { gint32 from, to; } known[] = {
        { 0, 2 },       /* Raw, CopyRect, RRE */
        { 4, 7 },       /* CoRRE, Hextile, Zlib, Tight */
        { 16, 16 },     /* ZRLE */
        { -32, -23 },   /* JPEG quality */
        { -224, -223 }, /* LastRect, DesktopSize */
        { -256, -247 }, /* compression level */
        { -308, -308 }, /* ExtendedDesktopSize */
        { -512, -412 }, /* fine JPEG quality */
        { -768, -763 }, /* JPEG subsampling */
    };
    /* clang-format on */
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (encoding >= known[i].from && encoding <= known[i].to)
            return true;
    }
    return false;
}

static guint
feature_of(gint32 encoding)
{
    switch (encoding) {
    case RFB_ENCODING_EXTENDED_KEYS: return RFB_FEATURE_EXTENDED_KEYS;
    case RFB_ENCODING_LED_STATE: return RFB_FEATURE_LED_STATE;
    case RFB_ENCODING_POINTER_TYPE: return RFB_FEATURE_POINTER_TYPE;
    default: return 0;
    }
}

int
rfb_filter_encodings(guint8 *message, guint *ret_features)
{
    guint n = rfb_get16(message + 2);
    guint kept = 0;

    *ret_features = 0;
    for (guint i = 0; i < n; i++) {
        guint32 raw = rfb_get32(message + 4 + 4 * i);
        *ret_features |= feature_of((gint32) raw);
        if (library_may_know((gint32) raw))
            rfb_put32(message + 4 + 4 * kept++, raw);
    }
    rfb_put16(message + 2, (guint16) kept);
    return (int) (4 + 4 * kept);
}
