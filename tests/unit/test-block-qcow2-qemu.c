/* tests/unit/test-block-qcow2-qemu.c - images that QEMU's programs make are
 * read and written here, and what is written here is read by them: versions,
 * cluster sizes, refcount widths, compression, backing images, snapshots. And
 * damaged images: what we agree to write to is no worse afterwards. */
#include "tests/unit/qcow2-rig.h"

#define BYTES (6u << 20)

typedef struct {
    const char *options; /* of qemu-img create or convert */
    bool backing, packed, snapshot;
} Variant;

/* clang-format off */
static const Variant variants[] = {
    { "-o compat=1.1",                                     false, false, false },
    { "-o compat=0.10",                                    false, false, false },
    { "-o cluster_size=512",                               false, false, false },
    { "-o cluster_size=4096,refcount_bits=1",              false, false, false },
    { "-o cluster_size=1024,refcount_bits=2",              false, false, false },
    { "-o cluster_size=1024,refcount_bits=4",              false, false, false },
    { "-o cluster_size=512,refcount_bits=8",               false, false, false },
    { "-o cluster_size=512,refcount_bits=32",              false, false, false },
    { "-o cluster_size=512,refcount_bits=64",              false, false, false },
    { "-o cluster_size=2M",                                false, false, false },
    { "-o lazy_refcounts=on",                              false, false, false },
    { "-o preallocation=metadata",                         false, false, false },
    { "-o compat=1.1",                                     true,  false, false },
    { "-o compat=0.10,cluster_size=4096",                  true,  false, false },
    { "-o cluster_size=512",                               true,  false, false },
    { "-o compat=1.1",                                     false, true,  false },
    { "-o cluster_size=4096",                              false, true,  false },
    { "-o compat=0.10",                                    false, true,  false },
    { "-o compression_type=zstd",                          false, true,  false },
    { "-o cluster_size=4096,compression_type=zstd",        false, true,  false },
    { "-o compat=1.1",                                     false, false, true  },
    { "-o cluster_size=4096",                              false, false, true  },
    { "-o cluster_size=512",                               true,  false, true  },
    { "-o compat=1.1",                                     false, true,  true  },
};
/* clang-format on */

typedef struct {
    BlockRig rig;
    const Variant *v;
    char *base;
    guint8 *model;
    guint64 seed;
} Cross;

static int
shell(Cross *x, const char *fmt, const char *argument)
{
    g_autofree char *command = g_strdup_printf("%s%s", fmt, argument);

    return qrig_shell(&x->rig, command);
}

/* A raw image "plain.img" of three parts: random, zero, repeated. */
static void
make_plain(Cross *x)
{
    g_autofree char *plain = g_build_filename(x->rig.dir, "plain.img", NULL);

    qrig_fill(&x->seed, x->model, BYTES / 3);
    memset(x->model + BYTES / 3, 0, BYTES / 3);
    memset(x->model + 2 * (BYTES / 3), 0x61, BYTES - 2 * (BYTES / 3));
    CU_ASSERT_TRUE_FATAL(
        g_file_set_contents(plain, (char *) x->model, BYTES, NULL));
}

static int
make_image(Cross *x)
{
    g_autofree char *command = NULL;

    make_plain(x);
    if (x->v->packed)
        command = g_strdup_printf(
            "qemu-img convert -q -f raw -O qcow2 -c %s plain.img \"$I\"",
            x->v->options);
    else if (x->v->backing)
        command = g_strdup_printf(
            "mv plain.img base.img && qemu-img create -q -f qcow2 %s -b "
            "base.img -F raw \"$I\" %u && qemu-io -c 'write -P 0x99 1M 300K' "
            "-f qcow2 \"$I\" >/dev/null",
            x->v->options, BYTES);
    else
        command = g_strdup_printf(
            "qemu-img create -q -f qcow2 %s \"$I\" %u && qemu-img convert -q "
            "-n -f raw -O qcow2 plain.img \"$I\"",
            x->v->options, BYTES);
    if (x->v->backing)
        memset(x->model + (1 << 20), 0x99, 300 << 10);
    int rc = qrig_shell(&x->rig, command);
    if (rc == 0 && x->v->snapshot)
        rc = shell(x, "qemu-img snapshot -c one ", "\"$I\"");
    return rc;
}

static BlockImage *
open_image(Cross *x, const BlockBacking *backing)
{
    return qrig_image(
        &x->rig, (BlockSpec){.backings = backing, .n_backings = x->v->backing});
}

static void
write_some(Cross *x, BlockImage *image)
{
    for (unsigned i = 0; i < 60; i++) {
        guint64 at = qrig_random(&x->seed) % (BYTES / 512);
        gsize n = 1 + qrig_random(&x->seed) % (i % 8 == 0 ? 700 : 30);
        n = MIN(n, BYTES / 512 - at);
        qrig_fill(&x->seed, x->model + at * 512, n * 512);
        CU_ASSERT_EQUAL(
            block_image_write(image, at * 512, x->model + at * 512, n * 512),
            0);
    }
}

/* Ours by qemu-img against the model. */
static bool
qemu_reads(Cross *x, const char *options)
{
    g_autofree char *out = g_build_filename(x->rig.dir, "out.img", NULL);
    g_autofree char *data = NULL;
    gsize len = 0;
    g_autofree char *command = g_strdup_printf(
        "qemu-img convert -q -f qcow2 -O raw %s \"$I\" out.img", options);

    return qrig_shell(&x->rig, command) == 0 &&
           g_file_get_contents(out, &data, &len, NULL) && len == BYTES &&
           memcmp(data, x->model, BYTES) == 0;
}

static bool
we_read(Cross *x, BlockImage *image)
{
    g_autofree guint8 *data = g_malloc(BYTES);

    return block_image_read(image, 0, data, BYTES) == 0 &&
           memcmp(data, x->model, BYTES) == 0;
}

static void
run_variant(Cross *x)
{
    const BlockBacking backing = {x->base, "raw"};
    g_autofree guint8 *first = NULL;

    CU_ASSERT_EQUAL_FATAL(make_image(x), 0);
    BlockImage *image = open_image(x, &backing);
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_TRUE(we_read(x, image));
    first = g_memdup2(x->model, BYTES);
    write_some(x, image);
    CU_ASSERT_TRUE(we_read(x, image));
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    CU_ASSERT_EQUAL(qrig_qemu_check(&x->rig), 0);
    CU_ASSERT_TRUE(qemu_reads(x, ""));
    if (x->v->snapshot) {
        memcpy(x->model, first, BYTES);
        CU_ASSERT_TRUE(qemu_reads(x, "-l one"));
        CU_ASSERT_EQUAL(shell(x, "qemu-img snapshot -a one ", "\"$I\""), 0);
    }
    /* theirs again, over ours */
    CU_ASSERT_EQUAL(shell(x,
                          "qemu-io -f qcow2 -c 'write -P 0x21 100K 777K' "
                          "-c 'write -z 2M 64K' -c 'discard 3M 128K' ",
                          "\"$I\" >/dev/null"),
                    0);
    memset(x->model + (100 << 10), 0x21, 777 << 10);
    memset(x->model + (2 << 20), 0, 64 << 10);
    image = open_image(x, &backing);
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_EQUAL(
        block_image_read(image, 3 << 20, x->model + (3 << 20), 128 << 10), 0);
    CU_ASSERT_TRUE(we_read(x, image));
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    CU_ASSERT_TRUE(qemu_reads(x, ""));
    BlockCheck check = qrig_check(&x->rig, BLOCK_REPAIR_NONE);
    CU_ASSERT_EQUAL(check.errors + check.leaks, 0);
}

static void
cross_init(Cross *x)
{
    *x = (Cross){.seed = 1};
    qrig_init(&x->rig);
    x->base = g_build_filename(x->rig.dir, "base.img", NULL);
    x->model = g_malloc0(BYTES);
}

static void
cross_done(Cross *x)
{
    g_free(x->base);
    g_free(x->model);
    qrig_done(&x->rig);
}

static bool
skipped(void)
{
    if (qrig_have("qemu-img") && qrig_have("qemu-io"))
        return false;
    cu_skip("qemu-img and qemu-io are not installed");
    return true;
}

static void
test_variants(void)
{
    if (skipped())
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(variants); i++) {
        Cross x;
        cross_init(&x);
        x.v = &variants[i];
        x.seed = i + 1;
        unsigned before = CU_get_number_of_failures();
        run_variant(&x);
        if (CU_get_number_of_failures() != before)
            printf("# variant %zu: %s\n", i, variants[i].options);
        cross_done(&x);
    }
}

/* Random, then text that repeats, then zeros, into clusters that we compress. */
static void
pack_model(Cross *x, guint32 cluster, bool zstd)
{
    CU_ASSERT_TRUE_FATAL(
        qrig_create(&x->rig, (BlockCreate){.bytes = BYTES - 1024,
                                           .cluster_size = cluster,
                                           .zstd = zstd}));
    BlockImage *image = qrig_image(&x->rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    for (guint32 at = 0; at < BYTES - 1024; at += cluster)
        CU_ASSERT_EQUAL(
            block_image_write_packed(image, at, x->model + at,
                                     MIN(cluster, BYTES - 1024 - at)),
            0);
    CU_ASSERT_EQUAL(block_image_write_packed(image, 100, x->model, cluster),
                    -EINVAL);
    CU_ASSERT_EQUAL(block_image_write_packed(image, 0, x->model, 512),
                    cluster == 512 ? 0 : -EINVAL);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
}

static void
packed_agrees(Cross *x, guint32 cluster, bool zstd)
{
    g_autofree guint8 *data = g_malloc(BYTES);

    pack_model(x, cluster, zstd);
    BlockCheck check = qrig_check(&x->rig, BLOCK_REPAIR_NONE);
    CU_ASSERT_EQUAL(check.errors + check.leaks, 0);
    /* a third is random and does not become smaller */
    CU_ASSERT_TRUE(check.packed >= BYTES / cluster / 2);
    CU_ASSERT_TRUE(check.packed <= BYTES / cluster * 3 / 4);
    CU_ASSERT_EQUAL(qrig_qemu_check(&x->rig), 0);
    CU_ASSERT_EQUAL(qrig_shell(&x->rig,
                               "head -c 6290432 plain.img >short.img && "
                               "qemu-img compare -q -f raw -F qcow2 short.img "
                               "\"$I\""),
                    0);
    /* a guest writes over some of them */
    BlockImage *image = qrig_image(&x->rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    for (guint32 at = BYTES / 3; at < BYTES - 65536; at += 98304) {
        qrig_fill(&x->seed, x->model + at, 1536);
        CU_ASSERT_EQUAL(block_image_write(image, at, x->model + at, 1536), 0);
    }
    CU_ASSERT_EQUAL(block_image_read(image, 0, data, BYTES - 1024), 0);
    CU_ASSERT_EQUAL(memcmp(data, x->model, BYTES - 1024), 0);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    CU_ASSERT_EQUAL(qrig_qemu_check(&x->rig), 0);
}

static bool
knows_zstd(BlockRig *rig)
{
    const BlockCreate create = {
        .path = rig->path, .format = "qcow2", .bytes = BYTES, .zstd = true};
    bool ok = block_image_create(&create, NULL);

    (void) g_remove(rig->path);
    return ok;
}

static void
test_pack(void)
{
    static const guint32 clusters[] = {512, 4096, 65536, 2u << 20};

    if (skipped())
        return;
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(clusters); i++) {
        guint32 cluster = clusters[i / 2];
        bool zstd = i % 2 != 0;
        Cross x;
        cross_init(&x);
        make_plain(&x);
        if (zstd && !knows_zstd(&x.rig)) {
            cross_done(&x);
            continue;
        }
        unsigned before = CU_get_number_of_failures();
        packed_agrees(&x, cluster, zstd);
        if (CU_get_number_of_failures() != before)
            printf("# clusters of %u, %s\n", cluster, zstd ? "zstd" : "zlib");
        cross_done(&x);
    }
}

/* Dirty: QEMU with lazy refcounts, killed. */
static void
test_killed_qemu(void)
{
    Cross x;
    static const Variant plain = {"", false, false, false};

    if (skipped())
        return;
    cross_init(&x);
    x.v = &plain;
    CU_ASSERT_EQUAL_FATAL(
        qrig_shell(&x.rig,
                   "qemu-img create -q -f qcow2 -o lazy_refcounts=on \"$I\" "
                   "6M && qemu-io -f qcow2 -c 'write -P 0x30 1M 3M' \"$I\" "
                   ">/dev/null && qemu-img snapshot -c one \"$I\" && "
                   "{ qemu-io -f qcow2 -c 'write -P 0x31 0 2M' -c flush "
                   "-c 'sigraise 9' \"$I\" >/dev/null 2>&1 || true; }"),
        0);
    BlockDetails details;
    CU_ASSERT_TRUE(block_image_details(x.rig.path, "qcow2", &details, NULL));
    CU_ASSERT_TRUE(details.dirty);
    block_details_clear(&details);
    memset(x.model, 0x31, 2 << 20);
    memset(x.model + (2 << 20), 0x30, 2 << 20);
    BlockImage *image = open_image(&x, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    CU_ASSERT_TRUE(we_read(&x, image));
    write_some(&x, image);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    CU_ASSERT_EQUAL(qrig_qemu_check(&x.rig), 0);
    CU_ASSERT_TRUE(qemu_reads(&x, ""));
    memset(x.model, 0, BYTES); /* the snapshot is there and whole */
    memset(x.model + (1 << 20), 0x30, 3 << 20);
    CU_ASSERT_TRUE(qemu_reads(&x, "-l one"));
    cross_done(&x);
}

/* ---- damaged images ---- */

#define MUTANTS 60

/* The number after a word in the output of qemu-img check. */
static gint64
qemu_errors(Cross *x)
{
    g_autofree char *out = g_build_filename(x->rig.dir, "check.json", NULL);
    g_autofree char *text = NULL;

    (void) qrig_shell(&x->rig, "qemu-img check -f qcow2 --output=json \"$I\" "
                               ">check.json 2>/dev/null; true");
    if (!g_file_get_contents(out, &text, NULL, NULL))
        return 0;
    const char *at = strstr(text, "\"corruptions\":");
    return at != NULL ? g_ascii_strtoll(at + 14, NULL, 10) : 0;
}

static void
damage(Cross *x, const char *image, gsize len)
{
    g_autofree char *copy = g_memdup2(image, len);

    for (unsigned i = 0; i <= qrig_random(&x->seed) % 4; i++) {
        /* the header twice as often as its share: 16 KiB of tables */
        gsize at = qrig_random(&x->seed) % (i % 2 == 0 ? 112 : 5 * 4096);
        if (at < 8 || (at >= 20 && at < 24))
            continue;
        guint32 mixed = (guint8) copy[at] ^ 1u << qrig_random(&x->seed) % 8;
        if (qrig_random(&x->seed) % 3 == 0)
            mixed = qrig_random(&x->seed);
        copy[at] = (char) mixed;
    }
    CU_ASSERT_TRUE(g_file_set_contents(x->rig.path, copy, (gssize) len, NULL));
}

static void
test_damaged(void)
{
    Cross x;
    unsigned opened = 0, worse = 0;
    g_autofree char *image = NULL, *zero = NULL;
    gsize len = 0;

    if (skipped())
        return;
    cross_init(&x);
    zero = g_malloc0(64 << 10);
    CU_ASSERT_TRUE_FATAL(qrig_create(
        &x.rig, (BlockCreate){.bytes = BYTES, .cluster_size = 4096}));
    BlockImage *whole = qrig_image(&x.rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
    CU_ASSERT_EQUAL(block_image_write(whole, 0, zero, 64 << 10), 0);
    CU_ASSERT_EQUAL(block_image_write(whole, 4 << 20, zero, 64 << 10), 0);
    CU_ASSERT_EQUAL(block_image_close(whole), 0);
    CU_ASSERT_TRUE_FATAL(g_file_get_contents(x.rig.path, &image, &len, NULL));
    for (unsigned i = 0; i < MUTANTS; i++) {
        damage(&x, image, len);
        gint64 before = qemu_errors(&x);
        const BlockSpec spec = {.path = x.rig.path, .format = "qcow2"};
        BlockImage *mutant = block_image_open(&spec, NULL);
        if (mutant == NULL)
            continue;
        opened++;
        guint64 bytes = block_image_info(mutant)->bytes;
        for (guint64 at = 0; at + 4096 <= MIN(bytes, BYTES); at += 300 * 4096)
            (void) block_image_write(mutant, at, x.model, 4096);
        (void) block_image_close(mutant);
        worse += qemu_errors(&x) > before;
    }
    printf("# %u of %u damaged images were opened for writing\n", opened,
           MUTANTS);
    CU_ASSERT_EQUAL(worse, 0);
    cross_done(&x);
}

/* One cluster of zeros in the middle of data over a backing image, once with
 * and once without leave to give its room back, and one that is half zeros. */
static void
zero_three(BlockRig *rig)
{
    const BlockBacking backing = {"base.img", "raw"};
    g_autofree char *base = g_build_filename(rig->dir, "base.img", NULL);
    g_autofree guint8 *data = g_malloc(8 << 16);
    BlockBacking under = {base, backing.format};

    memset(data, 0x5a, 8 << 16);
    CU_ASSERT_TRUE_FATAL(
        g_file_set_contents(base, (char *) data, 8 << 16, NULL));
    CU_ASSERT_TRUE_FATAL(
        qrig_create(rig, (BlockCreate){.bytes = 8 << 16,
                                       .backing = backing.path,
                                       .backing_format = backing.format}));
    CU_ASSERT_TRUE_FATAL(rig_open(
        rig,
        (BlockSpec){.format = "qcow2", .backings = &under, .n_backings = 1}));
    memset(data, 0xa5, 4 << 16);
    CU_ASSERT_EQUAL(rig_write(rig, 0, data, 4 << 16), 0);
    CU_ASSERT_EQUAL(rig_zero(rig, 1 << 16, 1 << 16, true), 0);
    CU_ASSERT_EQUAL(rig_zero(rig, 2 << 16, 1 << 16, false), 0);
    CU_ASSERT_EQUAL(rig_zero(rig, 4 << 16, (1 << 16) + 32768, true), 0);
    block_close(rig->block);
    rig->block = NULL;
}

/* What qemu-io finds at each cluster, and qemu-img's map of it: the second
 * has no place, the third has kept its own. */
static void
test_zeroes(void)
{
    static const char look[] =
        "qemu-io -r -f qcow2 -c 'read -P 0xa5 0 64k' -c 'read -P 0 64k 128k' "
        "-c 'read -P 0xa5 192k 64k' -c 'read -P 0 256k 96k' "
        "-c 'read -P 0x5a 352k 160k' \"$I\" >io.txt; "
        "! grep -i -e fail -e error io.txt";
    static const char map[] =
        "qemu-img map --output=json -f qcow2 \"$I\" >map.txt && "
        "grep -q '\"start\": 65536, \"length\": 65536, \"depth\": 0.*"
        "\"zero\": true, \"data\": false' map.txt && "
        "grep -q '\"start\": 262144, \"length\": 65536, \"depth\": 0.*"
        "\"zero\": true, \"data\": false' map.txt && "
        "grep -q '\"start\": 131072.*\"depth\": 0.*\"data\": true' map.txt || "
        "{ cat map.txt; exit 1; }";
    BlockRig rig;

    if (skipped())
        return;
    qrig_init(&rig);
    zero_three(&rig);
    CU_ASSERT_EQUAL(qrig_shell(&rig, look), 0);
    CU_ASSERT_EQUAL(qrig_shell(&rig, map), 0);
    CU_ASSERT_EQUAL(qrig_qemu_check(&rig), 0);
    qrig_done(&rig);
}

CU_MAIN("block-qcow2-qemu", {"zeroes_are_what_qemu_says_they_are", test_zeroes},
        {"images_go_both_ways", test_variants},
        {"compressed_copies_are_read_by_qemu", test_pack},
        {"image_of_a_killed_qemu_is_mended", test_killed_qemu},
        {"damaged_images_do_not_get_worse", test_damaged})
