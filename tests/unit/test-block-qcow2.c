/* tests/unit/test-block-qcow2.c - headers and tables that are wrong, backing
 * images, repairs, compressed clusters, snapshots: images made by hand, byte
 * by byte, where no other program is needed. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "tests/unit/qcow2-rig.h"

#define CLUSTER 4096u
#define BYTES   (1u << 20)
/* where block_image_create() puts things in clusters of 4096 bytes */
#define AT_REFTABLE 4096u
#define AT_REFBLOCK 8192u
#define AT_L1       12288u

static void
put(const BlockRig *rig, guint64 offset, guint64 value, unsigned bytes)
{
    guint8 data[8];
    int fd = open(rig->path, O_WRONLY | O_CLOEXEC);

    for (unsigned i = 0; i < bytes; i++)
        data[i] = (guint8) (value >> 8 * (bytes - 1 - i));
    CU_ASSERT_EQUAL(pwrite(fd, data, bytes, (off_t) offset), bytes);
    close(fd);
}

static guint64
get(const BlockRig *rig, guint64 offset, unsigned bytes)
{
    guint8 data[8] = {0};
    guint64 value = 0;
    int fd = open(rig->path, O_RDONLY | O_CLOEXEC);

    CU_ASSERT_EQUAL(pread(fd, data, bytes, (off_t) offset), bytes);
    close(fd);
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return value;
}

static void
make(BlockRig *rig)
{
    qrig_init(rig);
    CU_ASSERT_TRUE_FATAL(qrig_create(
        rig, (BlockCreate){.bytes = BYTES, .cluster_size = CLUSTER}));
}

static int
write_one(BlockRig *rig, BlockSpec spec, guint64 offset, guint8 value,
          gsize len)
{
    g_autofree guint8 *mem = g_malloc(len);
    BlockImage *image = qrig_image(rig, spec);

    memset(mem, value, len);
    if (image == NULL)
        return -ENOENT;
    int rc = block_image_write(image, offset, mem, len);
    int closed = block_image_close(image);
    return rc < 0 ? rc : closed;
}

static bool
reads_as(BlockRig *rig, BlockSpec spec, guint64 offset, guint8 value, gsize len)
{
    g_autofree guint8 *mem = g_malloc(len);
    BlockImage *image = qrig_image(rig, spec);
    bool ok = image != NULL && block_image_read(image, offset, mem, len) == 0 &&
              rig_is_all(mem, value, len);

    (void) block_image_close(image);
    return ok;
}

/* ---- headers ---- */

typedef struct {
    guint64 offset, value;
    unsigned bytes;
    const char *says;
} BadHeader;

/* clang-format off */
static const BadHeader bad_headers[] = {
    { 0,   0x51464900,         4, "does not begin like one" },
    { 4,   0,                  4, "qcow2 version 0" },
    { 4,   1,                  4, "qcow2 version 1" },
    { 4,   4,                  4, "qcow2 version 4" },
    { 4,   255,                4, "qcow2 version 255" },
    { 100, 96,                 4, "impossible header length (96)" },
    { 100, 105,                4, "impossible header length (105)" },
    { 100, 0xffffffff,         4, "impossible header length" },
    { 100, 0x7ffffff8,         4, "impossible header length" },
    { 20,  0,                  4, "clusters of 2^0 bytes" },
    { 20,  8,                  4, "clusters of 2^8 bytes" },
    { 20,  22,                 4, "clusters of 2^22 bytes" },
    { 20,  255,                4, "clusters of 2^255 bytes" },
    { 24,  0,                  8, "a disk of 0 bytes" },
    { 24,  1000,               8, "impossible disk size" },
    { 24,  1ull << 63,         8, "impossible disk size" },
    { 24,  0x7ffffffffffffe00, 8, "an L1 table of" },
    { 24,  1ull << 40,         8, "an L1 table of" },
    { 32,  1,                  4, "is encrypted (method 1)" },
    { 32,  2,                  4, "is encrypted (method 2)" },
    { 32,  77,                 4, "is encrypted (method 77)" },
    { 36,  0xffffffff,         4, "an L1 table of" },
    { 36,  0x7fffffff,         4, "an L1 table of" },
    { 36,  0,                  4, "an L1 table of" },
    { 36,  4000000,            4, "L1 table at an impossible place" },
    { 40,  0,                  8, "L1 table at an impossible place" },
    { 40,  512,                8, "L1 table at an impossible place" },
    { 40,  12289,              8, "L1 table at an impossible place" },
    { 40,  1ull << 50,         8, "L1 table at an impossible place" },
    { 40,  AT_REFTABLE,        8, "at the same place" },
    { 48,  0,                  8, "refcount table at an impossible place" },
    { 48,  4097,               8, "refcount table at an impossible place" },
    { 48,  1ull << 62,         8, "refcount table at an impossible place" },
    { 56,  0,                  4, "impossible refcount table" },
    { 56,  0xffffffff,         4, "impossible refcount table" },
    { 60,  0xffffffff,         4, "too many snapshots" },
    { 60,  65537,              4, "too many snapshots" },
    { 60,  1,                  4, "snapshot table at an impossible place" },
    { 72,  1 << 2,             8, "external data file" },
    { 72,  1 << 4,             8, "extended L2 entries" },
    { 72,  1ull << 9,          8, "features that are not known: bit 9" },
    { 72,  1ull << 63,         8, "features that are not known: bit 63" },
    { 72,  1 << 3,             8, "unknown kind of compression (0)" },
    { 104, 1,                  1, "unknown kind of compression (1)" },
    { 96,  7,                  4, "refcounts of 2^7 bits" },
    { 96,  0xffffffff,         4, "refcounts of 2^4294967295 bits" },
    { 8,   1ull << 40,         8, "its backing image at an impossible place" },
    { 8,   112,                8, "its backing image at an impossible place" },
    { 112, 0x123456787fffffff, 8, "a header extension of 2147483647 bytes" },
    { 112, 0xe2792aca00000100, 8, "an impossible backing format" },
};
/* clang-format on */

static void
test_bad_headers(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_headers); i++) {
        const BadHeader *row = &bad_headers[i];
        BlockRig rig;
        make(&rig);
        put(&rig, row->offset, row->value, row->bytes);
        g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
        bool ok = message != NULL && strstr(message, row->says) != NULL &&
                  strstr(message, rig.path) != NULL;
        CU_ASSERT_TRUE(ok);
        if (!ok)
            printf("# row %zu: %s\n", i, message != NULL ? message : "opened");
        qrig_done(&rig);
    }
}

static void
test_twice_and_unterminated(void)
{
    BlockRig rig;

    make(&rig);
    for (guint64 at = 112; at < 144; at += 16) {
        put(&rig, at, 0xe2792aca00000003, 8);
        put(&rig, at + 8, 0x7261770000000000, 8);
    }
    g_autofree char *twice = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(twice != NULL && strstr(twice, "e2792aca twice") != NULL);
    /* unknown ones up to the end of the cluster */
    for (guint64 at = 112; at < CLUSTER; at += 8)
        put(&rig, at, 0x1122334400000000, 8);
    g_autofree char *endless = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_PTR_NULL(endless);
    qrig_done(&rig);
}

static void
test_feature_names(void)
{
    BlockRig rig;

    make(&rig);
    put(&rig, 72, 1ull << 9, 8);
    put(&rig, 112, 0x6803f85700000030, 8);
    put(&rig, 120, 0x0009, 2);
    put(&rig, 122, 0x746c7562ull, 4);
    g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(message != NULL && strstr(message, "'tlub'") != NULL);
    qrig_done(&rig);
}

static void
test_short_files(void)
{
    static const off_t lengths[] = {1, 71, 72, 103, 4096, 8192, 12287};

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        BlockRig rig;
        make(&rig);
        CU_ASSERT_EQUAL(truncate(rig.path, lengths[i]), 0);
        g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
        CU_ASSERT_PTR_NOT_NULL(message);
        qrig_done(&rig);
    }
}

/* ---- tables ---- */

/* Cluster 0 written: the L2 table and the data follow the L1 table. */
static void
make_written(BlockRig *rig)
{
    make(rig);
    CU_ASSERT_EQUAL(write_one(rig, (BlockSpec){0}, 0, 0x5a, 3 * CLUSTER), 0);
}

static void
test_bad_entries(void)
{
    static const guint64 entries[] = {
        1ull << 63,              /* own, but nowhere */
        1ull << 63 | 0x5200,     /* not aligned */
        1ull << 63 | 1ull << 40, /* behind the file */
        1ull << 63 | 0x10002,    /* reserved bits */
        1ull << 60 | 0x5000,
        1ull << 63 | AT_L1, /* metadata */
        1ull << 63 | AT_REFBLOCK,
        1ull << 63 | AT_REFTABLE,
        3ull << 62 | 0x5000, /* compressed and own */
        1ull << 62 | 1ull << 45,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
        BlockRig rig;
        make_written(&rig);
        guint64 l2 = get(&rig, AT_L1, 8) & 0xfffffffffff;
        put(&rig, l2, entries[i], 8);
        g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
        bool ok = message != NULL && strstr(message, "is damaged") != NULL;
        CU_ASSERT_TRUE(ok);
        if (!ok)
            printf("# entry %zu: %s\n", i, message);
        /* what is not touched by it can still be saved */
        CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){.read_only = true}, CLUSTER,
                                0x5a, CLUSTER));
        BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_ALL);
        CU_ASSERT_TRUE(check.errors > 0);
        CU_ASSERT_EQUAL(check.errors, check.errors_fixed);
        check = qrig_check(&rig, BLOCK_REPAIR_NONE);
        CU_ASSERT_EQUAL(check.errors + check.leaks, 0);
        CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, CLUSTER, 0x5a, CLUSTER));
        qrig_done(&rig);
    }
}

static void
test_bad_l1(void)
{
    BlockRig rig;
    guint8 mem[512];

    make_written(&rig);
    put(&rig, AT_L1, 1ull << 63 | 1ull << 50, 8);
    g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(message != NULL && strstr(message, "L1 entry") != NULL);
    BlockImage *image = qrig_image(&rig, (BlockSpec){.read_only = true});
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_EQUAL(block_image_read(image, 0, mem, 512), -EIO);
    (void) block_image_close(image);
    qrig_done(&rig);
}

static void
test_shared_cluster(void)
{
    BlockRig rig;

    make_written(&rig);
    guint64 l2 = get(&rig, AT_L1, 8) & 0xfffffffffff;
    put(&rig, l2 + 8, get(&rig, l2, 8), 8);
    g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(message != NULL && strstr(message, "is used 2 times"));
    BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_ALL);
    CU_ASSERT_EQUAL(check.errors, check.errors_fixed);
    /* one of them is written: the other keeps its content */
    CU_ASSERT_EQUAL(write_one(&rig, (BlockSpec){0}, 0, 0x11, CLUSTER), 0);
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, CLUSTER, 0x5a, CLUSTER));
    qrig_done(&rig);
}

static void
test_refcount_zero(void)
{
    BlockRig rig;

    make_written(&rig);
    put(&rig, AT_REFBLOCK + 2 * 5, 0, 2); /* the first data cluster */
    g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(message != NULL && strstr(message, "is damaged") != NULL);
    put(&rig, AT_REFTABLE, 0, 8); /* and now the whole block */
    g_autofree char *gone = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(gone != NULL && strstr(gone, "is damaged") != NULL);
    BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_ALL);
    CU_ASSERT_EQUAL(check.errors, check.errors_fixed);
    CU_ASSERT_EQUAL(write_one(&rig, (BlockSpec){0}, BYTES / 2, 0x22, CLUSTER),
                    0);
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, 0, 0x5a, 3 * CLUSTER));
    qrig_done(&rig);
}

static void
test_leaks(void)
{
    BlockRig rig;

    make_written(&rig);
    put(&rig, AT_REFBLOCK + 2 * 7, 3, 2);
    put(&rig, AT_REFBLOCK + 2 * 100, 1, 2);
    put(&rig, 4096 * 101 - 1, 0, 1); /* the file goes that far */
    BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_NONE);
    CU_ASSERT_EQUAL(check.leaks, 2);
    CU_ASSERT_EQUAL(check.errors, 1); /* the entry says exclusive */
    put(&rig, AT_REFBLOCK + 2 * 7, 1, 2);
    check = qrig_check(&rig, BLOCK_REPAIR_LEAKS);
    CU_ASSERT_EQUAL(check.leaks, 1);
    CU_ASSERT_EQUAL(check.leaks_fixed, 1);
    check = qrig_check(&rig, BLOCK_REPAIR_NONE);
    CU_ASSERT_EQUAL(check.leaks + check.errors, 0);
    qrig_done(&rig);
}

static void
test_dirty(void)
{
    BlockRig rig;

    make_written(&rig);
    put(&rig, 72, 1, 8);                  /* not closed, */
    put(&rig, AT_REFBLOCK + 2 * 5, 0, 2); /* counts lost */
    put(&rig, AT_REFBLOCK + 2 * 6, 0, 2);
    CU_ASSERT_TRUE(
        reads_as(&rig, (BlockSpec){.read_only = true}, 0, 0x5a, CLUSTER));
    CU_ASSERT_EQUAL(get(&rig, 72, 8), 1);
    CU_ASSERT_EQUAL(write_one(&rig, (BlockSpec){0}, 8 * CLUSTER, 1, CLUSTER),
                    0);
    CU_ASSERT_EQUAL(get(&rig, 72, 8), 0);
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, 0, 0x5a, 3 * CLUSTER));
    BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_NONE);
    CU_ASSERT_EQUAL(check.leaks + check.errors, 0);
    qrig_done(&rig);
}

static void
test_corrupt(void)
{
    BlockRig rig;

    make_written(&rig);
    put(&rig, 72, 2, 8);
    g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(message != NULL &&
                   strstr(message, "marked as corrupt") != NULL &&
                   strstr(message, "read-only") != NULL);
    CU_ASSERT_TRUE(
        reads_as(&rig, (BlockSpec){.read_only = true}, 0, 0x5a, CLUSTER));
    (void) qrig_check(&rig, BLOCK_REPAIR_ALL);
    CU_ASSERT_EQUAL(get(&rig, 72, 8), 0);
    qrig_done(&rig);
}

static void
test_autoclear(void)
{
    BlockRig rig;

    make(&rig);
    put(&rig, 88, 0x8000000000000001, 8);
    CU_ASSERT_TRUE(
        reads_as(&rig, (BlockSpec){.read_only = true}, 0, 0, CLUSTER));
    CU_ASSERT_EQUAL(get(&rig, 88, 8), 0x8000000000000001);
    CU_ASSERT_EQUAL(write_one(&rig, (BlockSpec){0}, 0, 1, 512), 0);
    CU_ASSERT_EQUAL(get(&rig, 88, 8), 0);
    qrig_done(&rig);
}

/* ---- compressed clusters ---- */

/* Puts deflated bytes at the end of the file and lets disk cluster 0 point to
 * them, with as many sectors as said. */
static void
put_packed(BlockRig *rig, const guint8 *data, gsize len, guint64 sectors)
{
    guint64 l2 = get(rig, AT_L1, 8) & 0xfffffffffff;
    guint64 host = 8 * CLUSTER + 100; /* behind the data */
    int fd = open(rig->path, O_WRONLY | O_CLOEXEC);

    CU_ASSERT_EQUAL(pwrite(fd, data, len, (off_t) host), (gssize) len);
    close(fd);
    /* 12 bits of cluster: the sectors begin at bit 58 */
    put(rig, l2, 1ull << 62 | (sectors - 1) << 58 | host, 8);
    put(rig, AT_REFBLOCK + 2 * 5, 0, 2);
    put(rig, AT_REFBLOCK + 2 * 8, 1, 2);
    put(rig, 9 * CLUSTER - 1, 0, 1);
}

static gsize
deflate_fill(guint8 *out, gsize cap, gsize plain_len)
{
    g_autofree guint8 *plain = g_malloc(plain_len);
    z_stream z = {.next_in = plain,
                  .avail_in = (uInt) plain_len,
                  .next_out = out,
                  .avail_out = (uInt) cap};

    memset(plain, 0x77, plain_len);
    CU_ASSERT_EQUAL(deflateInit2(&z, 9, Z_DEFLATED, -12, 8, Z_DEFAULT_STRATEGY),
                    Z_OK);
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    gsize len = cap - z.avail_out;
    deflateEnd(&z);
    return len;
}

static void
test_packed(void)
{
    BlockRig rig;
    guint8 data[2048];

    make_written(&rig);
    put_packed(&rig, data, deflate_fill(data, sizeof data, CLUSTER), 1);
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, 512, 0x77, CLUSTER - 512));
    /* a write makes an ordinary cluster of it and keeps the rest */
    CU_ASSERT_EQUAL(write_one(&rig, (BlockSpec){0}, 1024, 0x33, 512), 0);
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, 512, 0x77, 512));
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, 1024, 0x33, 512));
    CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0}, 1536, 0x77, CLUSTER - 1536));
    BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_NONE);
    CU_ASSERT_EQUAL(check.leaks + check.errors + check.packed, 0);
    qrig_done(&rig);
}

static void
packed_is_eio(const guint8 *data, gsize len, guint64 sectors)
{
    BlockRig rig;
    guint8 mem[512];

    make_written(&rig);
    put_packed(&rig, data, len, sectors);
    BlockImage *image = qrig_image(&rig, (BlockSpec){.read_only = true});
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(block_image_read(image, 0, mem, 512), -EIO);
    CU_ASSERT_EQUAL(block_image_read(image, CLUSTER, mem, 512), 0);
    (void) block_image_close(image);
    qrig_done(&rig);
}

static void
test_bad_packed(void)
{
    guint8 data[2048], garbage[512];

    memset(garbage, 0xee, sizeof garbage);
    packed_is_eio(garbage, sizeof garbage, 1);
    gsize len = deflate_fill(data, sizeof data, CLUSTER - 1); /* too little */
    packed_is_eio(data, len, 1);
    len = deflate_fill(data, sizeof data, CLUSTER);
    packed_is_eio(data, len / 2, 1); /* cut: zeros follow */
}

static void
test_bomb(void)
{
    BlockRig rig;
    guint8 data[2048];

    /* 100 clusters in a few bytes: one comes out, and that is an answer */
    make_written(&rig);
    put_packed(&rig, data, deflate_fill(data, sizeof data, 100 * CLUSTER), 3);
    CU_ASSERT_TRUE(
        reads_as(&rig, (BlockSpec){.read_only = true}, 0, 0x77, CLUSTER));
    CU_ASSERT_TRUE(
        reads_as(&rig, (BlockSpec){.read_only = true}, CLUSTER, 0x5a, CLUSTER));
    qrig_done(&rig);
}

/* ---- backing images ---- */

static void
make_over(BlockRig *rig, const char *name, const char *format)
{
    g_autofree char *base = g_build_filename(rig->dir, "base.img", NULL);
    g_autofree char *data = g_malloc(BYTES / 2);

    memset(data, 0x44, BYTES / 2);
    CU_ASSERT_TRUE_FATAL(g_file_set_contents(base, data, BYTES / 2, NULL));
    CU_ASSERT_TRUE_FATAL(
        qrig_create(rig, (BlockCreate){.bytes = BYTES,
                                       .cluster_size = CLUSTER,
                                       .backing = name,
                                       .backing_format = format}));
}

static void
test_backing(void)
{
    BlockRig rig;

    qrig_init(&rig);
    make_over(&rig, "base.img", "raw");
    g_autofree char *base = g_build_filename(rig.dir, "base.img", NULL);
    const BlockBacking named = {base, "raw"};
    const BlockSpec spec = {.backings = &named, .n_backings = 1};
    CU_ASSERT_TRUE(reads_as(&rig, spec, 0, 0x44, BYTES / 2));
    CU_ASSERT_TRUE(reads_as(&rig, spec, BYTES / 2, 0, BYTES / 2));
    CU_ASSERT_EQUAL(write_one(&rig, spec, 512, 0x55, 512), 0);
    CU_ASSERT_TRUE(reads_as(&rig, spec, 0, 0x44, 512));
    CU_ASSERT_TRUE(reads_as(&rig, spec, 512, 0x55, 512));
    CU_ASSERT_TRUE(reads_as(&rig, spec, 1024, 0x44, CLUSTER));
    qrig_done(&rig);
}

static void
test_backing_is_named(void)
{
    BlockRig rig;

    qrig_init(&rig);
    make_over(&rig, "base.img", "raw");
    g_autofree char *base = g_build_filename(rig.dir, "base.img", NULL);
    g_autofree char *other = g_build_filename(rig.dir, "other.img", NULL);
    CU_ASSERT_TRUE(g_file_set_contents(other, "x", 1, NULL));
    const BlockBacking wrong = {other, "raw"}, format = {base, "qcow2"};

    g_autofree char *none = qrig_refusal(&rig, (BlockSpec){0});
    CU_ASSERT_TRUE(none != NULL && strstr(none, "needs a backing image") &&
                   strstr(none, "'base.img'") && strstr(none, "'backing'"));
    g_autofree char *different =
        qrig_refusal(&rig, (BlockSpec){.backings = &wrong, .n_backings = 1});
    CU_ASSERT_TRUE(different != NULL &&
                   strstr(different, "another backing image") != NULL);
    g_autofree char *kind =
        qrig_refusal(&rig, (BlockSpec){.backings = &format, .n_backings = 1});
    CU_ASSERT_TRUE(kind != NULL && strstr(kind, "another format") != NULL);
    qrig_done(&rig);
}

static void
test_hostile_backing(void)
{
    static const char *const names[] = {"/etc/shadow",         "/proc/self/mem",
                                        "../../etc/passwd",    "json:{}",
                                        "nbd:localhost:10809", "disk.qcow2"};

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        BlockRig rig;
        make(&rig);
        gsize len = strlen(names[i]);
        for (gsize k = 0; k < len; k++)
            put(&rig, 1024 + k, (guint8) names[i][k], 1);
        put(&rig, 8, 1024, 8);
        put(&rig, 16, len, 4);
        g_autofree char *message = qrig_refusal(&rig, (BlockSpec){0});
        CU_ASSERT_TRUE(message != NULL && strstr(message, names[i]) != NULL &&
                       strstr(message, "needs a backing image") != NULL);
        /* named, but that is no reason to go around in circles */
        const BlockBacking self = {rig.path, "qcow2"};
        g_autofree char *circle =
            qrig_refusal(&rig, (BlockSpec){.backings = &self, .n_backings = 1});
        CU_ASSERT_PTR_NOT_NULL(circle);
        qrig_done(&rig);
    }
}

static void
test_chain(void)
{
    BlockRig rig;

    qrig_init(&rig);
    make_over(&rig, "base.img", "raw");
    g_autofree char *base = g_build_filename(rig.dir, "base.img", NULL);
    g_autofree char *middle = g_build_filename(rig.dir, "middle.qcow2", NULL);
    CU_ASSERT_EQUAL(rename(rig.path, middle), 0);
    CU_ASSERT_TRUE_FATAL(
        qrig_create(&rig, (BlockCreate){.backing = "middle.qcow2",
                                        .backing_format = "qcow2"}));
    const BlockBacking chain[] = {{middle, "qcow2"}, {base, "raw"}};
    CU_ASSERT_TRUE(reads_as(
        &rig, (BlockSpec){.backings = chain, .n_backings = 2}, 0, 0x44, 512));
    g_autofree char *message =
        qrig_refusal(&rig, (BlockSpec){.backings = chain, .n_backings = 1});
    CU_ASSERT_TRUE(message != NULL && strstr(message, "middle.qcow2") != NULL);
    qrig_done(&rig);
}

/* ---- the rest ---- */

static void
test_locked(void)
{
    BlockRig rig;

    make(&rig);
    BlockImage *image = qrig_image(&rig, (BlockSpec){0});
    g_autofree char *second =
        qrig_refusal(&rig, (BlockSpec){.read_only = true});
    CU_ASSERT_TRUE(second != NULL && strstr(second, "in use") != NULL);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    qrig_done(&rig);
}

static void
test_cut_file(void)
{
    BlockRig rig;
    guint8 mem[CLUSTER] = {0};

    make_written(&rig);
    BlockImage *image = qrig_image(&rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_EQUAL(block_image_read(image, 0, mem, 512), 0);
    CU_ASSERT_EQUAL(truncate(rig.path, 6 * CLUSTER), 0);
    CU_ASSERT_EQUAL(block_image_read(image, CLUSTER, mem, 512), -EIO);
    CU_ASSERT_EQUAL(block_image_write(image, CLUSTER, mem, 512), -EIO);
    CU_ASSERT_EQUAL(block_image_read(image, 0, mem, 512), 0);
    (void) block_image_close(image);
    struct stat st;
    CU_ASSERT_EQUAL(stat(rig.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 6 * CLUSTER);
    qrig_done(&rig);
}

static void
test_snapshot_mode(void)
{
    BlockRig rig;
    guint8 mem[512] = {9};

    make_written(&rig);
    g_autofree char *before = NULL, *after = NULL;
    gsize n, m;
    CU_ASSERT_TRUE(g_file_get_contents(rig.path, &before, &n, NULL));
    CU_ASSERT_TRUE_FATAL(
        rig_open(&rig, (BlockSpec){.format = "qcow2", .snapshot = true}));
    CU_ASSERT_EQUAL(rig_write(&rig, 512, mem, 512), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, CLUSTER, mem, 512), 0);
    CU_ASSERT_TRUE(rig_is_all(mem, 0x5a, 512));
    block_close(rig.block);
    rig.block = NULL;
    CU_ASSERT_TRUE(g_file_get_contents(rig.path, &after, &m, NULL));
    CU_ASSERT_TRUE(n == m && memcmp(before, after, n) == 0);
    qrig_done(&rig);
}

static void
test_written_back(void)
{
    BlockRig rig;
    guint8 mem[512] = {9};

    make(&rig);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.format = "qcow2"}));
    CU_ASSERT_EQUAL(rig_write(&rig, 0, mem, 512), 0);
    CU_ASSERT_EQUAL(get(&rig, AT_L1, 8), 0); /* waits in memory */
    loop_advance(rig.loop, 3 * G_GINT64_CONSTANT(1000000000));
    loop_advance(rig.loop, 0);
    CU_ASSERT_NOT_EQUAL(get(&rig, AT_L1, 8), 0); /* without a flush */
    qrig_done(&rig);
}

#define FULL_WRITES 24

/* Everything that is written needs new tables. */
static int
write_spread(BlockImage *image, unsigned i, bool flush)
{
    guint8 mem[CLUSTER];

    memset(mem, (int) i + 1, sizeof mem);
    int rc =
        block_image_write(image, (guint64) i * 600 * CLUSTER, mem, CLUSTER);
    return rc < 0 || !flush ? rc : block_image_flush(image);
}

static unsigned
fill_to_limit(BlockRig *rig, rlim_t limit)
{
    struct rlimit old, tight;
    unsigned refused = 0;
    BlockImage *image = qrig_image(rig, (BlockSpec){0});

    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = limit;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (unsigned i = 0; i < FULL_WRITES; i++) {
        int rc = write_spread(image, i, i % 3 == 2);
        if (rc == 0)
            continue;
        CU_ASSERT_EQUAL(rc, -ENOSPC);
        refused++;
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0); /* room again */
        CU_ASSERT_EQUAL(write_spread(image, i, true), 0);
    }
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    return refused;
}

/* The disk is full at the n-th cluster, for each n. */
static void
test_full(void)
{
    unsigned refused = 0;

    (void) signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 4; limit < 60; limit++) {
        BlockRig rig;
        qrig_init(&rig);
        CU_ASSERT_TRUE_FATAL(qrig_create(
            &rig, (BlockCreate){.bytes = 64 << 20, .cluster_size = CLUSTER}));
        refused += fill_to_limit(&rig, limit * CLUSTER);
        BlockCheck check = qrig_check(&rig, BLOCK_REPAIR_NONE);
        CU_ASSERT_EQUAL(check.errors + check.leaks, 0);
        for (unsigned i = 0; i < FULL_WRITES; i++)
            CU_ASSERT_TRUE(reads_as(&rig, (BlockSpec){0},
                                    (guint64) i * 600 * CLUSTER,
                                    (guint8) (i + 1), CLUSTER));
        qrig_done(&rig);
    }
    CU_ASSERT_TRUE(refused > 30);
}

CU_MAIN("block-qcow2",
        {"impossible_headers_are_refused_by_name", test_bad_headers},
        {"extensions_are_bounded", test_twice_and_unterminated},
        {"unknown_features_are_named", test_feature_names},
        {"files_that_end_too_early_are_refused", test_short_files},
        {"entries_that_point_nowhere", test_bad_entries},
        {"l1_entry_that_points_nowhere", test_bad_l1},
        {"two_disk_clusters_in_one_place", test_shared_cluster},
        {"refcount_zero_is_found_before_writing", test_refcount_zero},
        {"leaks_are_given_back", test_leaks},
        {"image_that_was_not_closed_is_mended", test_dirty},
        {"corrupt_image_stays_read_only", test_corrupt},
        {"autoclear_bits_go_with_the_first_writer", test_autoclear},
        {"compressed_clusters", test_packed},
        {"compressed_garbage_is_eio", test_bad_packed},
        {"compressed_bomb_stays_one_cluster", test_bomb},
        {"backing_image_shows_through", test_backing},
        {"backing_image_must_be_named", test_backing_is_named},
        {"hostile_backing_names_are_not_opened", test_hostile_backing},
        {"chain_must_be_named_in_full", test_chain},
        {"locked_against_others", test_locked},
        {"cut_file_does_not_grow_back", test_cut_file},
        {"full_disk_is_enospc_and_can_go_on", test_full},
        {"snapshot_mode_leaves_the_image", test_snapshot_mode},
        {"metadata_does_not_wait_for_ever", test_written_back})
