/* tests/unit/test-block-now.c - what block_try_now() does without waiting: all
 * of a file in memory, and of others what the host says. */
#include <errno.h>
#include <sys/mman.h>

#include "tests/unit/qcow2-rig.h"

#define CLUSTER 65536u

/* The image is moved to a file in memory, which goes with its descriptor. */
static int
move_to_memory(BlockRig *rig)
{
    g_autofree char *data = NULL;
    gsize len = 0;
    int fd = memfd_create("carrel-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_TRUE_FATAL(g_file_get_contents(rig->path, &data, &len, NULL));
    CU_ASSERT_EQUAL(pwrite(fd, data, len, 0), (gssize) len);
    (void) g_remove(rig->path);
    g_free(rig->path);
    rig->path = g_strdup_printf("/proc/self/fd/%d", fd);
    return fd;
}

static int
begin(BlockRig *rig, gsize len, BlockSpec spec)
{
    rig_init(rig, len);
    int fd = move_to_memory(rig);
    CU_ASSERT_TRUE_FATAL(rig_open(rig, spec));
    return fd;
}

static void
end(BlockRig *rig, int fd)
{
    CU_ASSERT_TRUE(block_is_idle(rig->block));
    block_close(rig->block);
    loop_free(rig->loop);
    sys_close(&fd);
    (void) g_rmdir(rig->dir);
    g_free(rig->path);
    g_free(rig->dir);
}

static int
try_now(BlockRig *rig, BlockOp op, guint64 offset, void *mem, gsize len)
{
    const struct iovec iov[2] = {{mem, len / 2},
                                 {(guint8 *) mem + len / 2, len - len / 2}};

    return block_try_now(rig->block, op, offset, iov, 2);
}

static void
test_memory(void)
{
    BlockRig rig;
    guint8 buf[1024], back[1024];
    int fd = begin(&rig, 8192, (BlockSpec){0});

    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 512, buf, sizeof buf), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 512, sizeof buf));
    memset(buf, 0xa5, sizeof buf);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 2048, buf, sizeof buf), 0);
    CU_ASSERT_EQUAL(pread(fd, back, sizeof back, 2048), sizeof back);
    CU_ASSERT_EQUAL(memcmp(back, buf, sizeof back), 0);
    CU_ASSERT_EQUAL(block_try_now(rig.block, BLOCK_FLUSH, 0, NULL, 0), 0);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 3072, buf, sizeof buf), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 3072, sizeof buf));
    end(&rig, fd);
}

/* Whatever is wrong is told by the usual way only. */
static void
test_refusals(void)
{
    BlockRig rig;
    guint8 buf[1024] = {0};
    int fd = begin(&rig, 8192, (BlockSpec){0});

    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 7680, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 8192, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 100, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 0, buf, 100), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 0, buf, 0), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_DISCARD, 0, buf, 1024), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE_ZEROES, 0, buf, 1024),
                    -EOPNOTSUPP);
    /* the file does not take any more */
    CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 0, buf, 1024), -EAGAIN);
    CU_ASSERT_TRUE(rig_write(&rig, 0, buf, 1024) < 0);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 0, buf, 1024), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, 1024));
    end(&rig, fd);
}

static void
test_read_only(void)
{
    BlockRig rig;
    guint8 buf[1024] = {0};
    int fd = begin(&rig, 8192, (BlockSpec){.read_only = true});

    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 0, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 1024), -EROFS);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 0, buf, 1024), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, 1024));
    end(&rig, fd);
}

/* A last sector that the file has half of is filled up by the usual way. */
static void
test_odd_end(void)
{
    BlockRig rig;
    guint8 buf[1024];
    int fd = begin(&rig, 1536 + 100, (BlockSpec){0});

    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 1024, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(rig_read(&rig, 1024, buf, 1024), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 1024, 612));
    CU_ASSERT_EQUAL(buf[612], 0);
    end(&rig, fd);
}

/* Somebody cut it: it does not grow back. */
static void
test_cut_file(void)
{
    BlockRig rig;
    guint8 buf[1024] = {0};
    struct stat st;
    int fd = begin(&rig, 8192, (BlockSpec){0});

    CU_ASSERT_EQUAL(ftruncate(fd, 4096), 0);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 3584, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 3584, buf, 1024), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 3072, buf, 1024), 0);
    CU_ASSERT_EQUAL(fstat(fd, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 4096);
    end(&rig, fd);
}

/* Where the host may have to wait it says so, or that it cannot know. */
static void
test_file(void)
{
    BlockRig rig;
    guint8 buf[1024], back[1024];

    rig_init(&rig, 8192);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    memset(buf, 0xa5, sizeof buf);
    int result = try_now(&rig, BLOCK_WRITE, 1024, buf, sizeof buf);
    CU_ASSERT_TRUE(result == 0 || result == -EAGAIN || result == -EOPNOTSUPP);
    if (result == -EOPNOTSUPP)
        CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 1024, buf, sizeof buf),
                        -EOPNOTSUPP);
    CU_ASSERT_EQUAL(rig_read(&rig, 1024, back, sizeof back), 0);
    if (result == 0)
        CU_ASSERT_EQUAL(memcmp(back, buf, sizeof back), 0);
    if (result == -EOPNOTSUPP)
        CU_ASSERT_TRUE(rig_is_original(back, 1024, sizeof back));
    rig_done_all(&rig);
}

static void
test_direct(void)
{
    BlockRig rig;
    _Alignas(4096) guint8 buf[8192];

    rig_init(&rig, 16384);
    if (rig_open(&rig, (BlockSpec){.direct = true})) {
        CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 0, buf, 8192), -EOPNOTSUPP);
        CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 0, buf, 8192), -EOPNOTSUPP);
        CU_ASSERT_EQUAL(block_try_now(rig.block, BLOCK_FLUSH, 0, NULL, 0),
                        -EOPNOTSUPP);
    }
    rig_done_all(&rig);
}

/* What is thrown away later is kept apart, for which one may have to wait. */
static void
test_snapshot(void)
{
    BlockRig rig;
    guint8 buf[1024] = {0};
    int fd = begin(&rig, 8192, (BlockSpec){.snapshot = true});

    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 0, buf, 1024), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 0, buf, 1024), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(pread(fd, buf, sizeof buf, 0), sizeof buf);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, sizeof buf));
    end(&rig, fd);
}

/* Of a qcow2 image that is what has its place, which the tables in memory
 * tell. */
static void
test_qcow2(void)
{
    BlockRig rig;
    guint8 buf[2048], back[2048];

    qrig_init(&rig);
    CU_ASSERT_TRUE_FATAL(
        qrig_create(&rig, (BlockCreate){.bytes = 16 * CLUSTER}));
    int fd = move_to_memory(&rig);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.format = "qcow2"}));
    memset(buf, 1, sizeof buf);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 4096, buf, 2048), -EAGAIN);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 4096, buf, 2048), -EAGAIN);
    CU_ASSERT_EQUAL(rig_write(&rig, 4096, buf, 2048), 0);
    memset(buf, 2, sizeof buf);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, 4096, buf, 2048), 0);
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_READ, 4096, back, 2048), 0);
    CU_ASSERT_EQUAL(memcmp(back, buf, 2048), 0);
    /* half of it has no place yet */
    CU_ASSERT_EQUAL(try_now(&rig, BLOCK_WRITE, CLUSTER - 1024, buf, 2048),
                    -EAGAIN);
    CU_ASSERT_EQUAL(block_try_now(rig.block, BLOCK_FLUSH, 0, NULL, 0),
                    -EOPNOTSUPP);
    CU_ASSERT_EQUAL(rig_run(&rig, BLOCK_FLUSH, 0, NULL, 0), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 4096, back, 2048), 0);
    CU_ASSERT_EQUAL(memcmp(back, buf, 2048), 0);
    end(&rig, fd);
}

CU_MAIN("block-now", {"a_file_in_memory_is_never_waited_for", test_memory},
        {"errors_are_left_to_the_usual_way", test_refusals},
        {"a_read_only_disk_is_not_written", test_read_only},
        {"half_a_sector_is_left_to_the_usual_way", test_odd_end},
        {"a_file_that_was_cut_does_not_grow", test_cut_file},
        {"any_other_file_is_written_or_left_alone", test_file},
        {"direct_io_always_waits", test_direct},
        {"a_snapshot_always_waits", test_snapshot},
        {"a_qcow2_image_is_moved_where_it_has_its_place", test_qcow2})
