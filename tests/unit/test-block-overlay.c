/* tests/unit/test-block-overlay.c - snapshot mode: writes are seen by the
 * guest and by nobody else. */
#include "tests/unit/block-rig.h"

#define CLUSTER 65536 /* of overlay.c */

static bool
file_is_original(const BlockRig *rig, gsize len)
{
    g_autofree char *text = NULL;
    gsize got = 0;

    return g_file_get_contents(rig->path, &text, &got, NULL) && got == len &&
           rig_is_original((guint8 *) text, 0, len);
}

static void
test_image_untouched(void)
{
    BlockRig rig;
    guint8 buf[1024], back[2048];

    rig_init(&rig, 4 * CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_FALSE(block_info(rig.block)->read_only);
    memset(buf, 0x99, sizeof buf);
    CU_ASSERT_EQUAL(rig_write(&rig, 1024, buf, 1024), 0);
    CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_FLUSH, 0, NULL, 0), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 512, back, 2048), 0);
    CU_ASSERT_TRUE(rig_is_original(back, 512, 512));
    CU_ASSERT_TRUE(rig_is_all(back + 512, 0x99, 1024));
    CU_ASSERT_TRUE(rig_is_original(back + 1536, 2048, 512));
    CU_ASSERT_TRUE(file_is_original(&rig, 4 * CLUSTER));
    rig_done_all(&rig);
}

static void
test_thrown_away(void)
{
    BlockRig rig;
    guint8 buf[512];

    rig_init(&rig, CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    memset(buf, 0x99, sizeof buf);
    CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 512), 0);
    block_close(rig.block);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 512), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, 512));
    rig_done_all(&rig);
}

static void
test_across_clusters(void)
{
    BlockRig rig;
    gsize len = 2 * CLUSTER;
    g_autofree guint8 *buf = g_malloc(5 * CLUSTER);

    rig_init(&rig, 5 * CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    memset(buf, 0x42, len);
    /* half of cluster 1, all of 2, half of 3 */
    CU_ASSERT_EQUAL(rig_write(&rig, CLUSTER + 32768, buf, len), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 5 * CLUSTER), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, CLUSTER + 32768));
    CU_ASSERT_TRUE(rig_is_all(buf + CLUSTER + 32768, 0x42, len));
    CU_ASSERT_TRUE(rig_is_original(buf + 3 * CLUSTER + 32768,
                                   3 * CLUSTER + 32768, CLUSTER + 32768));
    rig_done_all(&rig);
}

static void
test_short_last_cluster(void)
{
    BlockRig rig;
    guint8 buf[1024];

    rig_init(&rig, CLUSTER + 1000); /* and a last sector of 488 bytes */
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    memset(buf, 0x42, sizeof buf);
    CU_ASSERT_EQUAL(rig_write(&rig, CLUSTER, buf, 512), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, CLUSTER, buf, 1024), 0);
    CU_ASSERT_TRUE(rig_is_all(buf, 0x42, 512));
    CU_ASSERT_TRUE(rig_is_original(buf + 512, CLUSTER + 512, 488));
    CU_ASSERT_TRUE(rig_is_all(buf + 1000, 0, 24));
    CU_ASSERT_EQUAL(rig_write(&rig, CLUSTER + 1024, buf, 512), -EINVAL);
    CU_ASSERT_TRUE(file_is_original(&rig, CLUSTER + 1000));
    rig_done_all(&rig);
}

static void
test_discard(void)
{
    BlockRig rig;
    g_autofree guint8 *buf = g_malloc(4 * CLUSTER);

    rig_init(&rig, 4 * CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_DISCARD, 512, NULL, 3 * CLUSTER), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 4 * CLUSTER), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, CLUSTER));
    CU_ASSERT_TRUE(rig_is_all(buf + CLUSTER, 0, 2 * CLUSTER));
    CU_ASSERT_TRUE(rig_is_original(buf + 3 * CLUSTER, 3 * CLUSTER, CLUSTER));
    CU_ASSERT_TRUE(file_is_original(&rig, 4 * CLUSTER));
    rig_done_all(&rig);
}

static void
test_zeroes(void)
{
    BlockRig rig;
    g_autofree guint8 *buf = g_malloc(4 * CLUSTER);

    rig_init(&rig, 4 * CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_EQUAL(rig_zero(&rig, 512, 3 * CLUSTER, true), 0);
    CU_ASSERT_EQUAL(rig_zero(&rig, 3 * CLUSTER + 1024, 512, false), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 4 * CLUSTER), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, 512));
    CU_ASSERT_TRUE(rig_is_all(buf + 512, 0, 3 * CLUSTER));
    gsize at = 3 * CLUSTER + 512;
    CU_ASSERT_TRUE(rig_is_original(buf + at, at, 512));
    CU_ASSERT_TRUE(rig_is_all(buf + at + 512, 0, 512));
    at += 1024;
    CU_ASSERT_TRUE(rig_is_original(buf + at, at, 4 * CLUSTER - at));
    CU_ASSERT_TRUE(file_is_original(&rig, 4 * CLUSTER));
    rig_done_all(&rig);
}

static void
test_base_shrinks(void)
{
    BlockRig rig;
    guint8 buf[512] = {1};

    rig_init(&rig, 3 * CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_EQUAL(rig_write(&rig, 2 * CLUSTER, buf, 512), 0);
    CU_ASSERT_EQUAL(truncate(rig.path, CLUSTER), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 512), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, CLUSTER, buf, 512), -EIO);
    CU_ASSERT_EQUAL(rig_write(&rig, CLUSTER, buf, 512), -EIO);
    CU_ASSERT_EQUAL(rig_read(&rig, 2 * CLUSTER, buf, 512), 0);
    rig_done_all(&rig);
}

#define PARALLEL 256

/* Neighbouring sectors of a few clusters, all at once: each copy of a cluster
 * must keep what the others wrote. */
static void
test_parallel_writers(void)
{
    BlockRig rig;
    g_autofree RigReq *reqs = g_new0(RigReq, PARALLEL);
    g_autofree guint8 *mem = g_malloc(PARALLEL * 512);
    BlockReq *list[PARALLEL];
    unsigned wrong = 0;

    rig_init(&rig, 4 * CLUSTER);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    for (unsigned i = 0; i < PARALLEL; i++) {
        memset(mem + 512 * i, (int) i, 512);
        rig_prepare(&reqs[i], BLOCK_WRITE, 1024 * i, mem + 512 * i, 512);
        list[i] = &reqs[i].req;
    }
    block_submit(rig.block, list, PARALLEL);
    for (unsigned i = 0; i < PARALLEL; i++)
        rig_wait(&rig, &reqs[i]);
    for (unsigned i = 0; i < PARALLEL; i++) {
        guint8 buf[1024];
        wrong += rig_read(&rig, 1024 * i, buf, 1024) != 0 ||
                 !rig_is_all(buf, (guint8) i, 512) ||
                 !rig_is_original(buf + 512, 1024 * i + 512, 512);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    rig_done_all(&rig);
}

static void
test_read_only_stays(void)
{
    BlockRig rig;
    guint8 buf[512] = {0};

    rig_init(&rig, 4096);
    CU_ASSERT_TRUE_FATAL(
        rig_open(&rig, (BlockSpec){.snapshot = true, .read_only = true}));
    CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 512), -EROFS);
    rig_done_all(&rig);
}

static void
test_write_protected(void)
{
    BlockRig rig;
    guint8 buf[512] = {0};

    rig_init(&rig, 4096);
    CU_ASSERT_EQUAL(chmod(rig.path, 0400), 0);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 512), 0);
    rig_done_all(&rig);
}

CU_MAIN("block-overlay",
        {"writes_are_read_back_and_the_image_stays", test_image_untouched},
        {"the_next_opener_sees_the_image_again", test_thrown_away},
        {"a_write_may_cross_clusters", test_across_clusters},
        {"last_cluster_may_be_short", test_short_last_cluster},
        {"discard_zeroes_whole_clusters_only", test_discard},
        {"zeroes_are_exact", test_zeroes},
        {"shrinking_image_is_eio_for_what_is_gone", test_base_shrinks},
        {"parallel_partial_writes_keep_each_other", test_parallel_writers},
        {"read_only_wins_over_snapshot", test_read_only_stays},
        {"write_protected_image_can_be_used", test_write_protected})
