/* app/ladder/initrd.c - see initrd.h.
 *
 * Linux, Documentation/driver-api/early-userspace/buffer-format.rst: a
 * concatenation of cpio archives of the format newc, each of which may be
 * packed. Left out: what is packed by bzip2, lzma, xz, lzo and lz4. */
#include "app/ladder/initrd.h"

#include <string.h>
#include <zlib.h>

#if CARREL_HAVE_ZSTD
#include <zstd.h>
#endif

#include "vmm/boot/unpack.h"
#include "vmm/core/sysutil.h"

#define HEADER   110u /* bytes: a magic and 13 numbers of 8 hex digits */
#define MAX_NAME 4096u
#define CHUNK    (256u << 10)

/* An archive as it comes, piece by piece. */
typedef struct {
    InitrdName fn;
    void *data;
    LookBudget *budget;
    guint8 head[HEADER];
    char name[MAX_NAME + 1];
    unsigned n_head, n_name; /* bytes of these so far */
    guint64 name_size, skip; /* skip: content and padding to pass over */
    guint64 pos, file_size;  /* pos: in the archive, for its alignment */
    bool ended;              /* the last name was the archive's end */
    bool bad;
} Cpio;

static bool
read_hex(const guint8 *at, guint64 *ret_value)
{
    guint64 value = 0;

    for (unsigned i = 0; i < 8; i++) {
        int digit = g_ascii_xdigit_value((char) at[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (guint64) digit;
    }
    *ret_value = value;
    return true;
}

static bool
is_newc(const guint8 *at)
{
    return memcmp(at, "070701", 6) == 0 || memcmp(at, "070702", 6) == 0;
}

static void
end_header(Cpio *c)
{
    /* field 6 is the content's size, field 11 the name's with its NUL */
    if (!is_newc(c->head) || !read_hex(c->head + 6 + 6 * 8, &c->file_size) ||
        !read_hex(c->head + 6 + 11 * 8, &c->name_size) || c->name_size == 0 ||
        c->name_size > MAX_NAME)
        c->bad = true;
}

static guint64
padding(guint64 pos)
{
    return (4 - pos % 4) % 4;
}

static void
end_name(Cpio *c)
{
    c->name[c->n_name] = '\0';
    c->fn(c->data, c->name);
    c->ended = strcmp(c->name, "TRAILER!!!") == 0;
    c->skip = padding(c->pos) + c->file_size + padding(c->file_size);
    c->n_head = c->n_name = 0;
}

/* Between archives there are zeros, to any multiple. */
static bool
is_gap(const Cpio *c, guint8 byte)
{
    return c->n_head == 0 && byte == 0;
}

/* Returns how many bytes were used; fewer than len: what follows is no
 * archive, or it is bad. */
static gsize
feed(Cpio *c, const guint8 *in, gsize len)
{
    gsize i = 0;

    while (i < len && !c->bad) {
        if (c->skip > 0) {
            gsize n = (gsize) MIN(c->skip, len - i);
            c->skip -= n;
            c->pos += n;
            i += n;
        } else if (c->n_head < HEADER) {
            if (c->n_head == 0 && in[i] != '0' && in[i] != 0)
                return i;
            if (!is_gap(c, in[i]))
                c->head[c->n_head++] = in[i];
            c->pos = is_gap(c, in[i]) ? 0 : c->pos + 1;
            i++;
            if (c->n_head == HEADER)
                end_header(c);
        } else {
            c->name[c->n_name++] = (char) in[i++];
            c->pos++;
            if (c->n_name == c->name_size)
                end_name(c);
        }
    }
    return i;
}

/* What was unpacked; false: enough of it. */
static bool
feed_out(Cpio *c, const guint8 *out, gsize len)
{
    if (!look_budget_take(c->budget, len))
        return false;
    if (feed(c, out, len) < len)
        c->bad = true;
    return !c->bad;
}

static bool
unpack_gzip(Cpio *c, const guint8 *in, gsize len)
{
    g_autofree guint8 *out = g_malloc(CHUNK);
    z_stream z = {.next_in = (Bytef *) in, .avail_in = (uInt) len};
    int ret = Z_OK;

    if (len > G_MAXUINT || inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return false;
    bool more = true;
    while (ret == Z_OK && more) {
        z.next_out = out;
        z.avail_out = CHUNK;
        ret = inflate(&z, Z_NO_FLUSH);
        more = feed_out(c, out, CHUNK - z.avail_out);
    }
    (void) inflateEnd(&z);
    return ret == Z_STREAM_END && c->ended && more;
}

#if CARREL_HAVE_ZSTD
/* The library is loaded when it is wanted: linking it would cost each start. */
typedef struct {
    __typeof__(ZSTD_createDStream) *create;
    __typeof__(ZSTD_decompressStream) *decompress;
    __typeof__(ZSTD_freeDStream) *release;
} Zstd;

static bool
zstd_load(Zstd *z)
{
    static const char library[] = "libzstd.so.1";

    *(void **) &z->create = sys_late_function(library, "ZSTD_createDStream");
    *(void **) &z->decompress =
        sys_late_function(library, "ZSTD_decompressStream");
    *(void **) &z->release = sys_late_function(library, "ZSTD_freeDStream");
    return z->create != NULL && z->decompress != NULL && z->release != NULL;
}

static bool
unpack_zstd(Cpio *c, const guint8 *in, gsize len)
{
    g_autofree guint8 *out = g_malloc(CHUNK);
    ZSTD_inBuffer from = {in, len, 0};
    size_t left = 1;
    bool more = true;
    Zstd z;

    if (!zstd_load(&z))
        return false;
    ZSTD_DStream *stream = z.create();
    while (stream != NULL && left != 0 && more) {
        ZSTD_outBuffer to = {out, CHUNK, 0};
        size_t before = from.pos;
        left = z.decompress(stream, &to, &from);
        /* an error code is larger than any hint; without it and without
         * progress the image is cut off */
        if (left > G_MAXUINT / 2 || (to.pos == 0 && from.pos == before))
            break;
        more = feed_out(c, out, to.pos);
    }
    if (stream != NULL)
        (void) z.release(stream);
    return left == 0 && c->ended && more;
}
#endif

static bool
unpack(Cpio *c, const guint8 *in, gsize len, const char **ret_why)
{
    const char *format = unpack_format(in, len);

    *ret_why = "it is no archive, or packed in a way that cannot be read here";
    if (format == NULL)
        return false;
    *c = (Cpio){.fn = c->fn, .data = c->data, .budget = c->budget};
    if (strcmp(format, "gzip") == 0) {
        *ret_why = "what is packed is damaged";
        return unpack_gzip(c, in, len);
    }
#if CARREL_HAVE_ZSTD
    if (strcmp(format, "zstd") == 0) {
        *ret_why = "what is packed is damaged";
        return unpack_zstd(c, in, len);
    }
#endif
    return false;
}

/* Archives that are not packed; returns where they end. */
static gsize
feed_plain(Cpio *c, const guint8 *image, gsize len)
{
    gsize used = 0;

    while (used < len && !c->bad) {
        gsize piece = MIN(len - used, CHUNK);
        if (!look_budget_take(c->budget, piece))
            break;
        gsize n = feed(c, image + used, piece);
        used += n;
        if (n < piece)
            break;
    }
    return used;
}

static bool
read_names(Cpio *c, const guint8 *image, gsize len, const char **ret_why)
{
    gsize used = feed_plain(c, image, len);

    *ret_why = "it is damaged";
    if (c->bad || c->budget->spent)
        return false;
    if (used < len)
        return unpack(c, image + used, len - used, ret_why);
    *ret_why = "it is cut off";
    return c->ended && c->n_head == 0 && c->skip == 0;
}

bool
initrd_names(const guint8 *image, gsize len, InitrdName fn, void *data,
             LookBudget *budget, const char **ret_why)
{
    g_autofree Cpio *c = g_new0(Cpio, 1);

    c->fn = fn;
    c->data = data;
    c->budget = budget;
    bool ok = read_names(c, image, len, ret_why);
    if (budget->spent)
        *ret_why = "going through it takes too long";
    return ok && !budget->spent;
}
