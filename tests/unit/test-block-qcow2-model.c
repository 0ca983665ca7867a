/* tests/unit/test-block-qcow2-model.c - random requests on qcow2 images, many
 * at the same time, against an array in memory: for several cluster sizes,
 * with and without a backing image, on ring and pool, reopened in between,
 * and at the end checked by ourselves and by qemu-img. */
#include "tests/unit/qcow2-rig.h"

#define BATCH  16
#define ROUNDS 60

typedef struct {
    guint32 cluster_size, version, refcount_bits;
    guint64 bytes;
    bool backing, use_pool;
    unsigned most; /* sectors in a request */
} Case;

typedef struct {
    BlockRig rig;
    const Case *c;
    guint8 *model, *mem[BATCH];
    char *base;
    guint64 seed;
    unsigned wrong;
} Model;

static bool
model_open(Model *m)
{
    const BlockBacking backing = {m->base, "raw"};
    const BlockSpec spec = {
        .format = "qcow2",
        .use_pool = m->c->use_pool,
        .backings = &backing,
        .n_backings = m->c->backing,
    };

    return rig_open(&m->rig, spec);
}

static void
model_init(Model *m, const Case *c)
{
    *m = (Model){.c = c, .seed = c->cluster_size + c->version};
    qrig_init(&m->rig);
    m->model = g_malloc0(c->bytes);
    for (unsigned i = 0; i < BATCH; i++)
        m->mem[i] = g_malloc(c->most * 512);
    m->base = g_build_filename(m->rig.dir, "base.img", NULL);
    if (c->backing) {
        gsize half = c->bytes / 2 / 512 * 512; /* shorter than the image */
        qrig_fill(&m->seed, m->model, half);
        CU_ASSERT_TRUE_FATAL(
            g_file_set_contents(m->base, (char *) m->model, half, NULL));
    }
    CU_ASSERT_TRUE_FATAL(qrig_create(
        &m->rig, (BlockCreate){.bytes = c->bytes,
                               .cluster_size = c->cluster_size,
                               .version = c->version,
                               .refcount_bits = c->refcount_bits,
                               .backing = c->backing ? "base.img" : NULL,
                               .backing_format = c->backing ? "raw" : NULL}));
    CU_ASSERT_TRUE_FATAL(model_open(m));
}

static void
model_done(Model *m)
{
    for (unsigned i = 0; i < BATCH; i++)
        g_free(m->mem[i]);
    g_free(m->model);
    g_free(m->base);
    qrig_done(&m->rig);
}

/* Whole clusters become zeros, the edges stay; version 2 has no way to say
 * that over a backing image. */
static void
model_discard(Model *m, guint64 at, gsize len)
{
    guint64 size = m->c->cluster_size;
    guint64 first = (at + size - 1) / size, end = (at + len) / size;

    if (at + len == m->c->bytes)
        end = (at + len + size - 1) / size;
    if (m->c->version == 2 && m->c->backing)
        return;
    for (guint64 i = first; i < end; i++)
        memset(m->model + i * size, 0, MIN(size, m->c->bytes - i * size));
}

/* A batch of requests in flight together, in parts of the disk of their own:
 * what overlapping ones give is nobody's promise. */
static void
one_batch(Model *m)
{
    RigReq reqs[BATCH];
    BlockReq *list[BATCH];
    guint64 zone = m->c->bytes / 512 / BATCH;
    unsigned n = 1 + qrig_random(&m->seed) % BATCH;
    unsigned shift = qrig_random(&m->seed) % BATCH;

    for (unsigned i = 0; i < n; i++) {
        guint64 first = (i + shift) % BATCH * zone;
        guint64 at = first + qrig_random(&m->seed) % zone;
        gsize most = MIN(m->c->most, first + zone - at);
        gsize len = (1 + qrig_random(&m->seed) % most) * 512;
        unsigned what = qrig_random(&m->seed) % 8;
        BlockOp op = what < 3   ? BLOCK_READ
                     : what < 6 ? BLOCK_WRITE
                     : what < 7 ? BLOCK_WRITE_ZEROES
                                : BLOCK_DISCARD;
        bool data = op == BLOCK_READ || op == BLOCK_WRITE;
        if (op == BLOCK_WRITE)
            qrig_fill(&m->seed, m->mem[i], len);
        rig_prepare(&reqs[i], op, at * 512, data ? m->mem[i] : NULL, len);
        reqs[i].req.len = len;
        reqs[i].req.unmap = (qrig_random(&m->seed) & 1) != 0;
        list[i] = &reqs[i].req;
    }
    block_submit(m->rig.block, list, n);
    for (unsigned i = 0; i < n; i++)
        rig_wait(&m->rig, &reqs[i]);
    for (unsigned i = 0; i < n; i++) {
        guint64 at = reqs[i].req.offset;
        gsize len = reqs[i].req.len;
        m->wrong += reqs[i].result != 0;
        if (reqs[i].req.op == BLOCK_READ)
            m->wrong += memcmp(m->mem[i], m->model + at, len) != 0;
        else if (reqs[i].req.op == BLOCK_WRITE)
            memcpy(m->model + at, m->mem[i], len);
        else if (reqs[i].req.op == BLOCK_WRITE_ZEROES)
            memset(m->model + at, 0, len);
        else
            model_discard(m, at, len);
    }
}

static void
compare_all(Model *m)
{
    g_autofree guint8 *all = g_malloc(m->c->bytes);

    m->wrong += rig_read(&m->rig, 0, all, m->c->bytes) != 0;
    m->wrong += memcmp(all, m->model, m->c->bytes) != 0;
}

static void
close_and_check(Model *m)
{
    block_close(m->rig.block);
    m->rig.block = NULL;
    BlockCheck check = qrig_check(&m->rig, BLOCK_REPAIR_NONE);
    m->wrong += check.errors != 0;
    m->wrong += check.leaks != 0;
    if (qrig_have("qemu-img"))
        m->wrong += qrig_qemu_check(&m->rig) != 0;
}

static void
run_case(const Case *c)
{
    Model m;

    model_init(&m, c);
    for (unsigned round = 0; round < ROUNDS && m.wrong == 0; round++) {
        one_batch(&m);
        if (qrig_random(&m.seed) % 8 == 0)
            m.wrong += rig_run(&m.rig, BLOCK_FLUSH, 0, NULL, 0) != 0;
        if (round % 16 != 15)
            continue;
        compare_all(&m);
        close_and_check(&m);
        CU_ASSERT_TRUE_FATAL(model_open(&m));
    }
    compare_all(&m);
    close_and_check(&m);
    CU_ASSERT_EQUAL(m.wrong, 0);
    model_done(&m);
}

/* clang-format off */
#define CASE(name, ...)                                                        \
    static void                                                                \
    name(void)                                                                 \
    {                                                                          \
        const Case c = {__VA_ARGS__};                                          \
        run_case(&c);                                                          \
    }

CASE(test_512,          512,     3, 16, 1000 * 512,  false, false, 40)
CASE(test_512_backing,  512,     3, 16, 1000 * 512,  true,  true,  40)
CASE(test_4k,           4096,    3, 16, 4 << 20,     false, true,  100)
CASE(test_64k,          65536,   3, 16, 20 << 20,    false, false, 600)
CASE(test_64k_backing,  65536,   3, 16, 20 << 20,    true,  false, 600)
CASE(test_64k_v2,       65536,   2, 16, 10 << 20,    true,  true,  600)
CASE(test_2m,           2 << 20, 3, 16, 96 << 20,    true,  false, 3000)
CASE(test_1_bit,        1024,    3, 1,  3000 * 512,  false, false, 50)
CASE(test_64_bit,       512,     3, 64, 3000 * 512,  false, false, 50)
/* clang-format on */

CU_MAIN("block-qcow2-model", {"clusters_of_512_bytes", test_512},
        {"clusters_of_512_bytes_over_a_backing_image", test_512_backing},
        {"clusters_of_4_KiB_on_the_pool", test_4k},
        {"clusters_of_64_KiB", test_64k},
        {"clusters_of_64_KiB_over_a_backing_image", test_64k_backing},
        {"version_2_over_a_backing_image", test_64k_v2},
        {"clusters_of_2_MiB_over_a_backing_image", test_2m},
        {"refcounts_of_one_bit", test_1_bit},
        {"refcounts_of_64_bits", test_64_bit})
