/* vmm/block/qcow2-header.c - the first cluster of a qcow2 image: header,
 * extensions, name of the backing image. Everything in it is checked here, so
 * that the rest of the code may rely on sizes and places. */
#include "vmm/block/qcow2-internal.h"

#include <string.h>

#include "vmm/core/sysutil.h"

#define EXT_END            0u
#define EXT_BACKING_FORMAT 0xe2792acau
#define EXT_FEATURE_NAMES  0x6803f857u
#define EXT_BITMAPS        0x23852875u
#define FEATURE_ENTRY      48u /* type, bit, 46 bytes of name */
#define CREATED_LENGTH     112u

/* Big-endian fields as they lie in the file; ends with the eight bytes that
 * came after version 3 was young. */
typedef struct {
    guint32 magic, version;
    guint64 backing_offset;
    guint32 backing_len, cluster_bits;
    guint64 size;
    guint32 crypt, l1_size;
    guint64 l1_offset, reftable_offset;
    guint32 reftable_clusters, n_snapshots;
    guint64 snapshots_offset;
    guint64 incompatible, compatible, autoclear;
    guint32 refcount_order, header_length;
    guint8 compression, padding[7];
} DiskHeader;

G_STATIC_ASSERT(sizeof(DiskHeader) == CREATED_LENGTH);

bool
qcow2_refuse(const Qcow2 *q, GError **error, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                "disk image '%s' %s", q->path, text);
    return false;
}

char *
qcow2_backing_path(const char *image_path, const char *name)
{
    g_autofree char *image = g_canonicalize_filename(image_path, NULL);
    g_autofree char *dir = g_path_get_dirname(image);

    return g_canonicalize_filename(name, dir);
}

static void
decode(const DiskHeader *d, Qcow2Header *h)
{
    *h = (Qcow2Header){
        .version = GUINT32_FROM_BE(d->version),
        .cluster_bits = GUINT32_FROM_BE(d->cluster_bits),
        .crypt = GUINT32_FROM_BE(d->crypt),
        .l1_size = GUINT32_FROM_BE(d->l1_size),
        .reftable_clusters = GUINT32_FROM_BE(d->reftable_clusters),
        .n_snapshots = GUINT32_FROM_BE(d->n_snapshots),
        .backing_len = GUINT32_FROM_BE(d->backing_len),
        .size = GUINT64_FROM_BE(d->size),
        .l1_offset = GUINT64_FROM_BE(d->l1_offset),
        .reftable_offset = GUINT64_FROM_BE(d->reftable_offset),
        .snapshots_offset = GUINT64_FROM_BE(d->snapshots_offset),
        .backing_offset = GUINT64_FROM_BE(d->backing_offset),
        .refcount_order = 4,
        .header_length = QCOW2_V2_LENGTH,
    };
    if (h->version != 3)
        return;
    h->incompatible = GUINT64_FROM_BE(d->incompatible);
    h->compatible = GUINT64_FROM_BE(d->compatible);
    h->autoclear = GUINT64_FROM_BE(d->autoclear);
    h->refcount_order = GUINT32_FROM_BE(d->refcount_order);
    h->header_length = GUINT32_FROM_BE(d->header_length);
    if (h->header_length > QCOW2_V3_LENGTH)
        h->compression = d->compression;
}

/* ---- checks ---- */

static bool
check_version(const Qcow2 *q, const DiskHeader *d, GError **error)
{
    const Qcow2Header *h = &q->h;

    if (GUINT32_FROM_BE(d->magic) != QCOW2_MAGIC)
        return qcow2_refuse(q, error,
                            "is not a qcow2 image: it does not begin like one; "
                            "check its format");
    if (h->version != 2 && h->version != 3)
        return qcow2_refuse(q, error,
                            "has qcow2 version %u; versions 2 and 3 are known",
                            h->version);
    if (h->cluster_bits < 9 || h->cluster_bits > 21)
        return qcow2_refuse(q, error,
                            "has clusters of 2^%u bytes; 2^9 (512) to 2^21 "
                            "(2 MiB) are possible",
                            h->cluster_bits);
    if (h->version == 3 &&
        (h->header_length < QCOW2_V3_LENGTH || h->header_length % 8 != 0 ||
         h->header_length > 1u << h->cluster_bits))
        return qcow2_refuse(q, error, "has an impossible header length (%u)",
                            h->header_length);
    if (h->crypt != 0)
        return qcow2_refuse(q, error,
                            "is encrypted (method %u), which is not offered; "
                            "decrypt it with qemu-img convert",
                            h->crypt);
    return true;
}

static bool
check_size(const Qcow2 *q, GError **error)
{
    const Qcow2Header *h = &q->h;

    if (h->size == 0)
        return qcow2_refuse(q, error, "has a disk of 0 bytes");
    if (h->size % BLOCK_SECTOR != 0 || h->size > (guint64) G_MAXINT64)
        return qcow2_refuse(q, error,
                            "has an impossible disk size (%" G_GUINT64_FORMAT
                            " bytes)",
                            h->size);
    if (h->l1_size > QCOW2_MAX_L1 / 8 ||
        h->l1_size < qcow2_l1_needed(h->cluster_bits, h->size))
        return qcow2_refuse(q, error,
                            "has an L1 table of %u entries, which does not "
                            "fit its disk of %" G_GUINT64_FORMAT " bytes",
                            h->l1_size, h->size);
    return true;
}

/* A table at offset must be aligned, behind the header and in the file. */
static bool
check_place(const Qcow2 *q, const char *what, guint64 offset, guint64 len,
            GError **error)
{
    guint64 cluster = 1ull << q->h.cluster_bits;
    guint64 end = (q->file_bytes + cluster - 1) / cluster * cluster;

    if (offset % cluster == 0 && offset >= cluster && offset <= end &&
        len <= end - offset)
        return true;
    return qcow2_refuse(q, error,
                        "has its %s at an impossible place (%" G_GUINT64_FORMAT
                        "); the image is damaged",
                        what, offset);
}

static bool
overlap(guint64 a, guint64 a_len, guint64 b, guint64 b_len)
{
    return a < b + b_len && b < a + a_len;
}

static bool
check_tables(const Qcow2 *q, GError **error)
{
    const Qcow2Header *h = &q->h;
    guint64 reftable = (guint64) h->reftable_clusters << h->cluster_bits;

    if (h->refcount_order > 6)
        return qcow2_refuse(q, error,
                            "has refcounts of 2^%u bits; up to 2^6 are "
                            "possible",
                            h->refcount_order);
    if (h->reftable_clusters == 0 || reftable > QCOW2_MAX_REFTABLE)
        return qcow2_refuse(q, error,
                            "has an impossible refcount table (%u clusters)",
                            h->reftable_clusters);
    if (!check_place(q, "L1 table", h->l1_offset, h->l1_size * 8ull, error) ||
        !check_place(q, "refcount table", h->reftable_offset, reftable, error))
        return false;
    if (overlap(h->l1_offset, h->l1_size * 8ull, h->reftable_offset, reftable))
        return qcow2_refuse(q, error,
                            "has its L1 and refcount tables at the same "
                            "place; the image is damaged");
    if (h->n_snapshots > QCOW2_MAX_SNAPSHOTS)
        return qcow2_refuse(q, error, "has too many snapshots (%u)",
                            h->n_snapshots);
    /* an entry has at least 40 bytes */
    return h->n_snapshots == 0 ||
           check_place(q, "snapshot table", h->snapshots_offset,
                       h->n_snapshots * 40ull, error);
}

/* "dirty, 'bit 9'": names of incompatible features from the image itself. */
static char *
name_features(guint64 bits, const guint8 *names, guint32 len)
{
    GString *text = g_string_new(NULL);

    for (unsigned bit = 0; bit < 64; bit++) {
        if ((bits >> bit & 1) == 0)
            continue;
        g_string_append(text, text->len > 0 ? ", " : "");
        gsize before = text->len;
        for (guint32 at = 0; at + FEATURE_ENTRY <= len; at += FEATURE_ENTRY) {
            if (names[at] != 0 || names[at + 1] != bit)
                continue;
            g_autofree char *name =
                g_strndup((const char *) names + at + 2, FEATURE_ENTRY - 2);
            g_autofree char *clean = g_strescape(name, NULL);
            g_string_append_printf(text, "'%s'", clean);
            break;
        }
        if (text->len == before)
            g_string_append_printf(text, "bit %u", bit);
    }
    return g_string_free(text, FALSE);
}

static bool
check_features(const Qcow2 *q, const guint8 *names, guint32 names_len,
               GError **error)
{
    guint64 known = QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION;
    guint64 bits = q->h.incompatible;

    if (bits & QCOW2_EXTERNAL)
        return qcow2_refuse(q, error,
                            "keeps its data in another file (external data "
                            "file), which is not offered; convert it with "
                            "qemu-img");
    if (bits & QCOW2_EXTENDED_L2)
        return qcow2_refuse(q, error,
                            "has extended L2 entries (subclusters), which are "
                            "not offered; convert it with qemu-img");
    if (bits & ~known) {
        g_autofree char *list = name_features(bits & ~known, names, names_len);
        return qcow2_refuse(q, error, "needs features that are not known: %s",
                            list);
    }
    if (((bits & QCOW2_COMPRESSION) != 0) != (q->h.compression != 0) ||
        q->h.compression > 1)
        return qcow2_refuse(q, error, "has an unknown kind of compression (%u)",
                            q->h.compression);
#if !CARREL_HAVE_ZSTD
    if (q->h.compression == 1)
        return qcow2_refuse(q, error,
                            "is compressed by zstd, and this program was "
                            "built without it");
#endif
    return true;
}

/* ---- extensions ---- */

typedef struct {
    const guint8 *names; /* of features */
    guint32 names_len;
} Extensions;

static guint32
read_be32(const guint8 *at)
{
    guint32 value;

    memcpy(&value, at, sizeof value);
    return GUINT32_FROM_BE(value);
}

static bool
read_extensions(Qcow2 *q, const guint8 *data, guint32 end, Extensions *ret,
                GError **error)
{
    guint32 at = q->h.header_length, seen = 0;

    while (at + 8 <= end) {
        guint32 type = read_be32(data + at), len = read_be32(data + at + 4);
        guint32 bit = 0;
        at += 8;
        if (type == EXT_END)
            return true;
        if (len > end - at)
            return qcow2_refuse(q, error,
                                "has a header extension of %u bytes, which "
                                "does not fit into its header",
                                len);
        if (type == EXT_BACKING_FORMAT) {
            bit = 1;
            if (len >= sizeof q->h.backing_format)
                return qcow2_refuse(q, error,
                                    "names an impossible backing format");
            memcpy(q->h.backing_format, data + at, len);
        } else if (type == EXT_FEATURE_NAMES) {
            bit = 2;
            ret->names = data + at;
            ret->names_len = len;
        } else if (type == EXT_BITMAPS) {
            bit = 4;
            q->h.has_bitmaps = true;
        }
        if ((seen & bit) != 0)
            return qcow2_refuse(q, error, "has the header extension %08x twice",
                                type);
        seen |= bit;
        at += MIN((len + 7) & ~7u, end - at);
    }
    return true;
}

static bool
read_backing(Qcow2 *q, const guint8 *data, guint32 len, GError **error)
{
    Qcow2Header *h = &q->h;

    if (h->backing_offset == 0)
        return true;
    if (h->backing_len == 0 || h->backing_len > QCOW2_MAX_BACKING ||
        h->backing_offset < h->header_length || h->backing_offset > len ||
        h->backing_len > len - h->backing_offset)
        return qcow2_refuse(q, error,
                            "has the name of its backing image at an "
                            "impossible place");
    memcpy(h->backing, data + h->backing_offset, h->backing_len);
    return true;
}

bool
qcow2_header_read(Qcow2 *q, GError **error)
{
    DiskHeader d = {0};
    Extensions ext = {0};

    if (q->file_bytes < QCOW2_V2_LENGTH)
        return qcow2_refuse(q, error,
                            "is too short (%" G_GUINT64_FORMAT
                            " bytes) for a qcow2 image",
                            q->file_bytes);
    gssize got = SYS_RETRY(pread(q->fd, &d, sizeof d, 0));
    if (got < (gssize) QCOW2_V2_LENGTH)
        return sys_error(error, got < 0 ? errno : EIO, "cannot read '%s'",
                         q->path);
    decode(&d, &q->h);
    if (!check_version(q, &d, error))
        return false;
    guint32 len = (guint32) MIN(1ull << q->h.cluster_bits, q->file_bytes);
    if (q->h.header_length > len)
        return qcow2_refuse(q, error, "ends inside its header");
    g_autofree guint8 *data = g_try_malloc(len);
    got = data == NULL ? 0 : SYS_RETRY(pread(q->fd, data, len, 0));
    if (got < (gssize) len)
        return sys_error(error, got < 0 ? errno : EIO, "cannot read '%s'",
                         q->path);
    guint32 end = q->h.backing_offset != 0
                      ? (guint32) MIN(q->h.backing_offset, len)
                      : len;
    return read_extensions(q, data, end, &ext, error) &&
           check_features(q, ext.names, ext.names_len, error) &&
           check_size(q, error) && check_tables(q, error) &&
           read_backing(q, data, len, error);
}

/* ---- writing ---- */

static DiskHeader
encode(const Qcow2Header *h)
{
    return (DiskHeader){
        .magic = GUINT32_TO_BE(QCOW2_MAGIC),
        .version = GUINT32_TO_BE(h->version),
        .backing_len = GUINT32_TO_BE(h->backing_len),
        .cluster_bits = GUINT32_TO_BE(h->cluster_bits),
        .size = GUINT64_TO_BE(h->size),
        .l1_size = GUINT32_TO_BE(h->l1_size),
        .l1_offset = GUINT64_TO_BE(h->l1_offset),
        .reftable_offset = GUINT64_TO_BE(h->reftable_offset),
        .reftable_clusters = GUINT32_TO_BE(h->reftable_clusters),
        .refcount_order = GUINT32_TO_BE(h->refcount_order),
        .incompatible = GUINT64_TO_BE(h->incompatible),
        .header_length = GUINT32_TO_BE(CREATED_LENGTH),
        .compression = h->compression,
    };
}

static void
append_extension(GByteArray *out, guint32 type, const char *text)
{
    static const guint8 zeros[8] = {0};
    guint32 len = (guint32) strlen(text);
    guint32 head[2] = {GUINT32_TO_BE(type), GUINT32_TO_BE(len)};

    g_byte_array_append(out, (const guint8 *) head, sizeof head);
    g_byte_array_append(out, (const guint8 *) text, len);
    g_byte_array_append(out, zeros, (8 - len % 8) % 8);
}

int
qcow2_header_create(int fd, const Qcow2Header *h)
{
    DiskHeader d = encode(h);
    g_autoptr(GByteArray) out = g_byte_array_new();

    g_byte_array_append(out, (const guint8 *) &d,
                        h->version == 2 ? QCOW2_V2_LENGTH : CREATED_LENGTH);
    if (h->backing_format[0] != '\0')
        append_extension(out, EXT_BACKING_FORMAT, h->backing_format);
    append_extension(out, EXT_END, "");
    if (h->backing_len > 0) {
        d.backing_offset = GUINT64_TO_BE(out->len);
        memcpy(out->data + G_STRUCT_OFFSET(DiskHeader, backing_offset),
               &d.backing_offset, sizeof d.backing_offset);
        g_byte_array_append(out, (const guint8 *) h->backing, h->backing_len);
    }
    if (out->len > 1u << h->cluster_bits)
        return -ENAMETOOLONG;
    gssize n = SYS_RETRY(pwrite(fd, out->data, out->len, 0));
    return n < 0 ? -errno : n == (gssize) out->len ? 0 : -EIO;
}

int
qcow2_header_set_bits(Qcow2 *q, guint64 set, guint64 clear)
{
    guint64 bits = (q->h.incompatible | set) & ~clear;
    guint64 value = GUINT64_TO_BE(bits);

    if (q->h.version < 3 || bits == q->h.incompatible)
        return 0;
    int rc = qcow2_pwrite(q, QCOW2_AT_INCOMPATIBLE, &value, sizeof value);
    if (rc == 0)
        rc = qcow2_sync(q);
    if (rc == 0)
        q->h.incompatible = bits;
    return rc;
}

int
qcow2_header_clear_autoclear(Qcow2 *q)
{
    static const guint64 none = 0;

    if (q->h.version < 3 || q->h.autoclear == 0)
        return 0;
    int rc = qcow2_pwrite(q, QCOW2_AT_AUTOCLEAR, &none, sizeof none);
    if (rc == 0)
        rc = qcow2_sync(q);
    if (rc == 0)
        q->h.autoclear = 0;
    return rc;
}

int
qcow2_header_put_reftable(Qcow2 *q, guint64 offset, guint32 clusters)
{
    guint64 wide = GUINT64_TO_BE(offset);
    guint32 word = GUINT32_TO_BE(clusters);
    guint8 field[12]; /* what follows is the number of snapshots */

    memcpy(field, &wide, sizeof wide);
    memcpy(field + 8, &word, sizeof word);
    int rc = qcow2_pwrite(q, QCOW2_AT_REFTABLE, field, sizeof field);

    if (rc == 0)
        rc = qcow2_sync(q);
    if (rc == 0) {
        q->h.reftable_offset = offset;
        q->h.reftable_clusters = clusters;
    }
    return rc;
}

int
qcow2_header_put_size(Qcow2 *q, guint64 size, guint32 l1_size,
                      guint64 l1_offset)
{
    const struct {
        guint64 size;
        guint32 crypt, l1_size;
        guint64 l1_offset;
    } field = {GUINT64_TO_BE(size), 0, GUINT32_TO_BE(l1_size),
               GUINT64_TO_BE(l1_offset)};
    int rc = qcow2_pwrite(q, QCOW2_AT_SIZE, &field, sizeof field);

    if (rc == 0)
        rc = qcow2_sync(q);
    if (rc == 0) {
        q->h.size = size;
        q->h.l1_size = l1_size;
        q->h.l1_offset = l1_offset;
    }
    return rc;
}
