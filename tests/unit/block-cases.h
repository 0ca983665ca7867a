/* tests/unit/block-cases.h - what a raw disk must do on the ring as well as
 * in the pool. Included by test-block-raw.c and test-block-uring.c after
 *
 *   static bool cases_open(BlockRig *rig, BlockSpec spec);
 *
 * which opens the disk on the engine of that program, or skips the case. */
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/unit/block-rig.h"

static void
test_reads_content(void)
{
    BlockRig rig;
    guint8 buf[1024];

    rig_init(&rig, 8192);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(rig_read(&rig, 1536, buf, sizeof buf), 0);
        CU_ASSERT_TRUE(rig_is_original(buf, 1536, sizeof buf));
    }
    rig_done_all(&rig);
}

static void
test_round_trip(void)
{
    BlockRig rig;
    guint8 buf[1536], back[2560];

    rig_init(&rig, 8192);
    memset(buf, 0xa5, sizeof buf);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(rig_write(&rig, 1024, buf, sizeof buf), 0);
        CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_FLUSH, 0, NULL, 0), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 512, back, sizeof back), 0);
        CU_ASSERT_TRUE(rig_is_original(back, 512, 512));
        CU_ASSERT_TRUE(rig_is_all(back + 512, 0xa5, 1536));
        CU_ASSERT_TRUE(rig_is_original(back + 2048, 2560, 512));
    }
    rig_done_all(&rig);
}

static void
test_many_pieces(void)
{
    BlockRig rig;
    guint8 buf[4096];
    struct iovec iov[BLOCK_MAX_IOV];
    RigReq r;
    BlockReq *list[] = {&r.req};

    rig_init(&rig, 8192);
    for (unsigned i = 0; i < BLOCK_MAX_IOV; i++)
        iov[i] = (struct iovec){buf + 4 * i, 4};
    if (cases_open(&rig, (BlockSpec){0})) {
        rig_prepare(&r, BLOCK_READ, 4096, buf, sizeof buf);
        r.req.iov = iov;
        r.req.n_iov = BLOCK_MAX_IOV;
        block_submit(rig.block, list, 1);
        rig_wait(&rig, &r);
        CU_ASSERT_EQUAL(r.result, 0);
        CU_ASSERT_TRUE(rig_is_original(buf, 4096, sizeof buf));
    }
    rig_done_all(&rig);
}

static void
test_range(void)
{
    BlockRig rig;
    guint8 buf[1024];

    rig_init(&rig, 4096);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(rig_read(&rig, 3584, buf, 512), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 3584, buf, 1024), -EINVAL);
        CU_ASSERT_EQUAL(rig_read(&rig, 4096, buf, 512), -EINVAL);
        CU_ASSERT_EQUAL(rig_read(&rig, G_MAXUINT64 - 511, buf, 512), -EINVAL);
        CU_ASSERT_EQUAL(rig_write(&rig, 4096, buf, 512), -EINVAL);
        CU_ASSERT_EQUAL(rig_read(&rig, 100, buf, 512), -EINVAL);
        CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 100), -EINVAL);
        CU_ASSERT_EQUAL(rig_read(&rig, 0, NULL, 0), 0);
        CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_DISCARD, 512, NULL, 4096), -EINVAL);
        CU_ASSERT_EQUAL(rig_run(&rig, (BlockOp) 77, 0, NULL, 0), -EINVAL);
    }
    rig_done_all(&rig);
}

static void
test_hostile_iov(void)
{
    BlockRig rig;
    guint8 buf[512];
    struct iovec iov[2] = {{buf, G_MAXSIZE}, {buf, 513}};
    RigReq r;
    BlockReq *list[] = {&r.req};

    rig_init(&rig, 4096);
    if (cases_open(&rig, (BlockSpec){0})) {
        rig_prepare(&r, BLOCK_READ, 0, buf, 512);
        r.req.iov = iov;
        r.req.n_iov = 2; /* adds up to 512 after the overflow */
        block_submit(rig.block, list, 1);
        rig_wait(&rig, &r);
        CU_ASSERT_EQUAL(r.result, -EINVAL);
        rig_prepare(&r, BLOCK_READ, 0, buf, 512);
        r.req.n_iov = BLOCK_MAX_IOV + 1;
        block_submit(rig.block, list, 1);
        rig_wait(&rig, &r);
        CU_ASSERT_EQUAL(r.result, -EINVAL);
    }
    rig_done_all(&rig);
}

static void
test_read_only(void)
{
    BlockRig rig;
    guint8 buf[512] = {0};

    rig_init(&rig, 4096);
    if (cases_open(&rig, (BlockSpec){.read_only = true})) {
        CU_ASSERT_TRUE(block_info(rig.block)->read_only);
        CU_ASSERT_FALSE(block_info(rig.block)->can_discard);
        CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 512), -EROFS);
        CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_DISCARD, 0, NULL, 512), -EROFS);
        CU_ASSERT_EQUAL(rig_zero(&rig, 0, 512, true), -EROFS);
        CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_FLUSH, 0, NULL, 0), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 512), 0);
        CU_ASSERT_TRUE(rig_is_original(buf, 0, 512));
    }
    rig_done_all(&rig);
}

static void
test_odd_tail(void)
{
    BlockRig rig;
    guint8 buf[1024];
    struct stat st;

    rig_init(&rig, 1000); /* 488 bytes in the second sector */
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(block_info(rig.block)->bytes, 1024);
        memset(buf, 0xee, sizeof buf);
        CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 1024), 0);
        CU_ASSERT_TRUE(rig_is_original(buf, 0, 1000));
        CU_ASSERT_TRUE(rig_is_all(buf + 1000, 0, 24));
        memset(buf, 0x77, sizeof buf);
        CU_ASSERT_EQUAL(rig_write(&rig, 512, buf, 512), 0);
        memset(buf, 0, sizeof buf);
        CU_ASSERT_EQUAL(rig_read(&rig, 512, buf, 512), 0);
        CU_ASSERT_TRUE(rig_is_all(buf, 0x77, 512));
        CU_ASSERT_EQUAL(stat(rig.path, &st), 0);
        CU_ASSERT_EQUAL(st.st_size, 1024);
    }
    rig_done_all(&rig);
}

static void
test_shrunk(void)
{
    BlockRig rig;
    guint8 buf[1024] = {0};
    struct stat st;

    rig_init(&rig, 8192);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(truncate(rig.path, 2048), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 1024, buf, 1024), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 1536, buf, 1024), -EIO);
        CU_ASSERT_EQUAL(rig_read(&rig, 4096, buf, 512), -EIO);
        CU_ASSERT_EQUAL(rig_write(&rig, 4096, buf, 512), -EIO);
        CU_ASSERT_EQUAL(rig_zero(&rig, 4096, 512, false), -EIO);
        CU_ASSERT_EQUAL(stat(rig.path, &st), 0);
        CU_ASSERT_EQUAL(st.st_size, 2048);
        CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 512), 0);
    }
    rig_done_all(&rig);
}

static void
test_discard(void)
{
    BlockRig rig;
    guint8 buf[4096];

    rig_init(&rig, 16384);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_TRUE(block_info(rig.block)->can_discard);
        int rc = rig_run(&rig, BLOCK_DISCARD, 4096, NULL, 8192);
        CU_ASSERT_TRUE(rc == 0 || rc == -EOPNOTSUPP);
        CU_ASSERT_EQUAL(rig_read(&rig, 12288, buf, 4096), 0);
        CU_ASSERT_TRUE(rig_is_original(buf, 12288, 4096));
        CU_ASSERT_EQUAL(rig_read(&rig, 4096, buf, 4096), 0);
        CU_ASSERT_TRUE(rc != 0 || rig_is_all(buf, 0, 4096));
    }
    rig_done_all(&rig);
}

static void
zero_part(bool unmap)
{
    BlockRig rig;
    guint8 buf[32768];

    rig_init(&rig, sizeof buf);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(rig_zero(&rig, 1536, 20480, unmap), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, sizeof buf), 0);
        CU_ASSERT_TRUE(rig_is_original(buf, 0, 1536));
        CU_ASSERT_TRUE(rig_is_all(buf + 1536, 0, 20480));
        CU_ASSERT_TRUE(rig_is_original(buf + 22016, 22016, 10752));
        CU_ASSERT_EQUAL(rig_zero(&rig, 0, 0, unmap), 0);
        CU_ASSERT_EQUAL(rig_zero(&rig, 32256, 1024, unmap), -EINVAL);
        CU_ASSERT_EQUAL(rig_zero(&rig, 100, 512, unmap), -EINVAL);
    }
    rig_done_all(&rig);
}

static void
test_zeroes(void)
{
    zero_part(false);
}

static void
test_zeroes_unmap(void)
{
    zero_part(true);
}

static gint64
blocks_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (gint64) st.st_blocks : -1;
}

/* File systems that cannot punch holes write zeros: then nothing is freed. */
static void
test_zeroes_room(void)
{
    BlockRig rig;

    rig_init(&rig, 1 << 20);
    if (cases_open(&rig, (BlockSpec){0})) {
        gint64 before = blocks_of(rig.path);
        CU_ASSERT_EQUAL(rig_zero(&rig, 0, 1 << 20, false), 0);
        CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_FLUSH, 0, NULL, 0), 0);
        CU_ASSERT_TRUE(blocks_of(rig.path) >= before);
        bool holes = rig_run(&rig, BLOCK_DISCARD, 0, NULL, 4096) == 0;
        CU_ASSERT_EQUAL(rig_zero(&rig, 0, 1 << 20, true), 0);
        CU_ASSERT_TRUE(!holes || blocks_of(rig.path) < before / 2);
    }
    rig_done_all(&rig);
}

/* A file system without ZERO_RANGE: what is in memory. */
static void
test_zeroes_written(void)
{
    BlockRig rig;
    guint8 buf[12288];
    int fd = memfd_create("zeroes", MFD_CLOEXEC);

    rig_init(&rig, 512);
    (void) g_remove(rig.path);
    memset(buf, 0x31, sizeof buf);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && sys_write_all(fd, buf, sizeof buf));
    g_free(rig.path);
    rig.path = g_strdup_printf("/proc/self/fd/%d", fd);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(rig_zero(&rig, 512, 10240, false), 0);
        CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, sizeof buf), 0);
        CU_ASSERT_TRUE(rig_is_all(buf, 0x31, 512));
        CU_ASSERT_TRUE(rig_is_all(buf + 512, 0, 10240));
        CU_ASSERT_TRUE(rig_is_all(buf + 10752, 0x31, 1536));
    }
    (void) close(fd);
    rig_done_all(&rig);
}

/* A limit on file sizes is as good as a full disk, and cuts a transfer in the
 * middle. */
static void
test_full_disk(void)
{
    BlockRig rig;
    guint8 buf[4096], back[4096];
    struct rlimit old, small;

    memset(buf, 0x66, sizeof buf);
    rig_init(&rig, 16384);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 10240, .rlim_max = old.rlim_max};
    void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
        int over = rig_write(&rig, 8192, buf, 4096);
        int beyond = rig_write(&rig, 12288, buf, 4096);
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
        CU_ASSERT_EQUAL(over, -ENOSPC);
        CU_ASSERT_EQUAL(beyond, -ENOSPC);
        CU_ASSERT_EQUAL(rig_read(&rig, 8192, back, 4096), 0);
        CU_ASSERT_TRUE(rig_is_all(back, 0x66, 2048));
        CU_ASSERT_TRUE(rig_is_original(back + 2048, 10240, 2048));
        CU_ASSERT_EQUAL(rig_write(&rig, 8192, buf, 4096), 0);
    }
    (void) signal(SIGXFSZ, old_handler);
    rig_done_all(&rig);
}

#define CASES_MANY 700

/* More at once than the ring has room for or the pool has workers. */
static void
test_many_requests(void)
{
    BlockRig rig;
    g_autofree RigReq *reqs = g_new0(RigReq, CASES_MANY);
    g_autofree guint8 *mem = g_malloc0(CASES_MANY * 512);
    BlockReq *list[CASES_MANY];

    rig_init(&rig, CASES_MANY * 512);
    if (cases_open(&rig, (BlockSpec){0})) {
        for (unsigned i = 0; i < CASES_MANY; i++) {
            rig_prepare(&reqs[i], BLOCK_READ, 512 * i, mem + 512 * i, 512);
            list[i] = &reqs[i].req;
        }
        block_submit(rig.block, list, CASES_MANY);
        CU_ASSERT_FALSE(block_is_idle(rig.block));
        for (unsigned i = 0; i < CASES_MANY; i++)
            rig_wait(&rig, &reqs[i]);
        CU_ASSERT_TRUE(block_is_idle(rig.block));
        CU_ASSERT_TRUE(rig_is_original(mem, 0, CASES_MANY * 512));
    }
    rig_done_all(&rig);
}

static void
test_cancel(void)
{
    BlockRig rig;
    g_autofree RigReq *reqs = g_new0(RigReq, CASES_MANY);
    g_autofree guint8 *mem = g_malloc0(CASES_MANY * 512);
    BlockReq *list[CASES_MANY];
    unsigned wrong = 0;

    rig_init(&rig, CASES_MANY * 512);
    if (cases_open(&rig, (BlockSpec){0})) {
        for (unsigned i = 0; i < CASES_MANY; i++) {
            rig_prepare(&reqs[i], BLOCK_READ, 512 * i, mem + 512 * i, 512);
            list[i] = &reqs[i].req;
        }
        block_submit(rig.block, list, CASES_MANY);
        block_cancel_all(rig.block);
        for (unsigned i = 0; i < CASES_MANY; i++) {
            rig_wait(&rig, &reqs[i]);
            wrong += reqs[i].result != 0 && reqs[i].result != -ECANCELED;
        }
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT_TRUE(block_is_idle(rig.block));
        CU_ASSERT_EQUAL(rig_read(&rig, 0, mem, 512), 0);
    }
    rig_done_all(&rig);
}

typedef struct {
    BlockRig *rig;
    RigReq *reqs;
    guint8 *mem;
} CasesSubmitter;

static gpointer
submit_from_thread(gpointer data)
{
    CasesSubmitter *s = data;

    for (unsigned i = 0; i < 100; i++) {
        BlockReq *one = &s->reqs[i].req;
        rig_prepare(&s->reqs[i], BLOCK_READ, 512 * i, s->mem + 512 * i, 512);
        block_submit(s->rig->block, &one, 1);
    }
    return NULL; /* the kernel may cancel what this thread still has there */
}

static void
test_threads(void)
{
    BlockRig rig;
    g_autofree RigReq *reqs = g_new0(RigReq, 200);
    g_autofree guint8 *mem = g_malloc0(2 * 51200);
    CasesSubmitter one = {&rig, reqs, mem};
    CasesSubmitter two = {&rig, reqs + 100, mem + 51200};
    unsigned failed = 0;

    rig_init(&rig, 51200);
    if (cases_open(&rig, (BlockSpec){0})) {
        GThread *a = g_thread_new("a", submit_from_thread, &one);
        GThread *b = g_thread_new("b", submit_from_thread, &two);
        g_thread_join(a);
        g_thread_join(b);
        for (unsigned i = 0; i < 200; i++) {
            rig_wait(&rig, &reqs[i]);
            failed += reqs[i].result != 0;
        }
        CU_ASSERT_EQUAL(failed, 0);
        CU_ASSERT_TRUE(rig_is_original(mem, 0, 51200));
        CU_ASSERT_TRUE(rig_is_original(mem + 51200, 0, 51200));
    }
    rig_done_all(&rig);
}

static void
test_close_after_loop(void)
{
    BlockRig rig;
    guint8 buf[512];

    rig_init(&rig, 4096);
    if (cases_open(&rig, (BlockSpec){0})) {
        CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 512), 0);
        loop_free(rig.loop);
        block_close(rig.block);
        rig.block = NULL;
        rig.loop = loop_new_manual();
        CU_ASSERT_TRUE(cases_open(&rig, (BlockSpec){0})); /* lock is gone */
    }
    rig_done_all(&rig);
}

typedef struct {
    RigReq r; /* first */
    Block **block;
} ClosingReq;

static void
close_in_done(BlockReq *req, int result)
{
    ClosingReq *c = (ClosingReq *) req;

    block_close(*c->block);
    *c->block = NULL;
    c->r.finished = true;
}

static void
test_close_in_done(void)
{
    BlockRig rig;
    guint8 buf[512];
    ClosingReq c = {.block = &rig.block};
    BlockReq *list[] = {&c.r.req};

    rig_init(&rig, 4096);
    if (cases_open(&rig, (BlockSpec){0})) {
        rig_prepare(&c.r, BLOCK_READ, 0, buf, 512);
        c.r.req.done = close_in_done;
        block_submit(rig.block, list, 1);
        rig_wait(&rig, &c.r);
        CU_ASSERT_PTR_NULL(rig.block);
    }
    rig_done_all(&rig);
}

/* clang-format off */
#define BLOCK_CASES \
    { "reads_what_the_file_holds", test_reads_content }, \
    { "reads_back_what_was_written_and_leaves_the_rest", test_round_trip }, \
    { "takes_as_many_pieces_as_it_promises", test_many_pieces }, \
    { "outside_or_unaligned_is_einval", test_range }, \
    { "impossible_scatter_list_is_einval", test_hostile_iov }, \
    { "read_only_refuses_writes_and_can_flush", test_read_only }, \
    { "unaligned_end_reads_as_zeros_and_can_be_written", test_odd_tail }, \
    { "shrunk_image_is_eio_and_never_grows_back", test_shrunk }, \
    { "discard_leaves_its_neighbours_alone", test_discard }, \
    { "zeroes_are_exact", test_zeroes }, \
    { "zeroes_with_unmap_are_exact", test_zeroes_unmap }, \
    { "zeroes_keep_or_give_back_the_room", test_zeroes_room }, \
    { "zeroes_are_written_where_there_is_no_quick_way", \
      test_zeroes_written }, \
    { "full_disk_is_enospc_and_can_be_tried_again", test_full_disk }, \
    { "more_requests_than_slots_all_finish", test_many_requests }, \
    { "cancel_finishes_everything_once", test_cancel }, \
    { "any_thread_may_submit", test_threads }, \
    { "may_be_closed_after_the_loop_has_ended", test_close_after_loop }, \
    { "may_be_closed_by_a_done_function", test_close_in_done }
/* clang-format on */
