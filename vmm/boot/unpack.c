/* vmm/boot/unpack.c - see unpack.h.
 *
 * All but zlib are loaded when they are wanted, which is once a kernel: linking
 * them would cost each start more than it spends on its kernel.
 * Linux' scripts/Makefile.lib packs with gzip, xz, zstd or lz4 (the old frame
 * format, -l) and, but for gzip, whose own end has it, appends the unpacked
 * length. Left out: bzip2, lzma and lzo, which distributions do not use. */
#include "vmm/boot/unpack.h"

#include <string.h>
#include <zlib.h>

#if CARREL_HAVE_LZMA
#include <lzma.h>
#endif
#if CARREL_HAVE_ZSTD
#include <zstd.h>
#endif
#if CARREL_HAVE_LZ4
#include <lz4.h>
#endif

#include "vmm/core/sysutil.h"

#define LENGTH_FIELD  4u
#define LZ4_BLOCK_MAX (8u << 20)
#define XZ_MEMORY     (G_GUINT64_CONSTANT(256) << 20)

static guint32
word(const guint8 *p)
{
    return p[0] | (guint32) p[1] << 8 | (guint32) p[2] << 16 |
           (guint32) p[3] << 24;
}

/* All: true when exactly out_len bytes came out. */
static bool
unpack_gzip(const guint8 *in, gsize len, guint8 *out, gsize out_len)
{
    z_stream z = {.next_in = (Bytef *) in,
                  .avail_in = (uInt) len,
                  .next_out = out,
                  .avail_out = (uInt) out_len};

    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return false;
    int ret = inflate(&z, Z_FINISH);
    (void) inflateEnd(&z);
    return ret == Z_STREAM_END && z.total_out == out_len;
}

#if CARREL_HAVE_LZMA
static bool
unpack_xz(const guint8 *in, gsize len, guint8 *out, gsize out_len)
{
    uint64_t memory = XZ_MEMORY;
    size_t in_pos = 0, out_pos = 0;
    __typeof__(lzma_stream_buffer_decode) *decode = NULL;

    *(void **) &decode =
        sys_late_function("liblzma.so.5", "lzma_stream_buffer_decode");
    if (decode == NULL)
        return false;
    lzma_ret ret = decode(&memory, 0, NULL, in, &in_pos, len - LENGTH_FIELD,
                          out, &out_pos, out_len);

    return ret == LZMA_OK && out_pos == out_len;
}
#endif

#if CARREL_HAVE_ZSTD
static bool
unpack_zstd(const guint8 *in, gsize len, guint8 *out, gsize out_len)
{
    __typeof__(ZSTD_decompress) *decompress = NULL;

    *(void **) &decompress =
        sys_late_function("libzstd.so.1", "ZSTD_decompress");
    return decompress != NULL &&
           decompress(out, out_len, in, len - LENGTH_FIELD) == out_len;
}
#endif

#if CARREL_HAVE_LZ4
/* Blocks of up to 8 MiB, each with its packed length in front. */
static bool
unpack_lz4(const guint8 *in, gsize len, guint8 *out, gsize out_len)
{
    __typeof__(LZ4_decompress_safe) *decompress = NULL;
    gsize at = 4, done = 0;

    *(void **) &decompress =
        sys_late_function("liblz4.so.1", "LZ4_decompress_safe");
    if (decompress == NULL)
        return false;
    len -= LENGTH_FIELD;
    while (len - at >= 4 && done < out_len) {
        gsize packed = word(in + at);
        gsize room = MIN(out_len - done, LZ4_BLOCK_MAX);
        at += 4;
        if (packed == 0 || packed > len - at || packed > G_MAXINT)
            return false;
        int n = decompress((const char *) in + at, (char *) out + done,
                           (int) packed, (int) room);
        if (n <= 0)
            return false;
        at += packed;
        done += (gsize) n;
    }
    return done == out_len;
}
#endif

/* clang-format off */
static const struct {
    const char *name;
    guint8 magic[6];
    unsigned magic_len;
    bool (*unpack)(const guint8 *in, gsize len, guint8 *out, gsize out_len);
} formats[] = {
    { "gzip", { 0x1f, 0x8b, 0x08 },                   3, unpack_gzip },
#if CARREL_HAVE_LZMA
    { "xz",   { 0xfd, '7', 'z', 'X', 'Z', 0 },        6, unpack_xz },
#else
    { "xz",   { 0xfd, '7', 'z', 'X', 'Z', 0 },        6, NULL },
#endif
#if CARREL_HAVE_ZSTD
    { "zstd", { 0x28, 0xb5, 0x2f, 0xfd },             4, unpack_zstd },
#else
    { "zstd", { 0x28, 0xb5, 0x2f, 0xfd },             4, NULL },
#endif
#if CARREL_HAVE_LZ4
    { "lz4",  { 0x02, 0x21, 0x4c, 0x18 },             4, unpack_lz4 },
#else
    { "lz4",  { 0x02, 0x21, 0x4c, 0x18 },             4, NULL },
#endif
};
/* clang-format on */

static int
find_format(const guint8 *data, gsize len)
{
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
        if (len >= 8 &&
            memcmp(data, formats[i].magic, formats[i].magic_len) == 0)
            return (int) i;
    return -1;
}

const char *
unpack_format(const guint8 *data, gsize len)
{
    int i = find_format(data, len);

    return i >= 0 ? formats[i].name : NULL;
}

GBytes *
unpack_payload(const guint8 *data, gsize len, const char **ret_why)
{
    int i = find_format(data, len);

    *ret_why = "it is packed in no format that is known";
    if (i < 0)
        return NULL;
    *ret_why = "this build has no library for how it is packed";
    if (formats[i].unpack == NULL)
        return NULL;
    gsize out_len = word(data + len - LENGTH_FIELD);
    *ret_why = "its unpacked length is not believable";
    if (out_len == 0 || out_len > UNPACK_MAX || len > G_MAXUINT)
        return NULL;
    guint8 *out = g_try_malloc(out_len);
    if (out != NULL && formats[i].unpack(data, len, out, out_len))
        return g_bytes_new_take(out, out_len);
    *ret_why = out != NULL ? "what is packed is damaged" : "out of memory";
    g_free(out);
    return NULL;
}
