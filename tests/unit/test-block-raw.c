/* tests/unit/test-block-raw.c - raw and ISO images on the thread pool, and
 * what block_open() says about files it cannot use. */
#include "tests/unit/block-rig.h"

static bool
cases_open(BlockRig *rig, BlockSpec spec)
{
    spec.use_pool = true;
    return rig_open(rig, spec);
}

#include "tests/unit/block-cases.h"

/* Opens path; returns the message, or NULL when it worked. */
static char *
open_message(BlockRig *rig, const char *path, BlockSpec spec, GQuark domain,
             int code)
{
    GError *error = NULL;

    spec.path = path;
    spec.format = spec.format != NULL ? spec.format : "raw";
    Block *block = block_open(&spec, rig->loop, &error);
    CU_ASSERT_PTR_NULL(block);
    block_close(block);
    if (error == NULL)
        return NULL;
    CU_ASSERT_EQUAL(error->domain, domain);
    CU_ASSERT_EQUAL(error->code, code);
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}

#define ASSERT_SAYS(message, text)                                             \
    CU_ASSERT_TRUE((message) != NULL && strstr(message, text) != NULL)

static void
test_empty(void)
{
    BlockRig rig;

    rig_init(&rig, 0);
    g_autofree char *message =
        open_message(&rig, rig.path, (BlockSpec){0}, CARREL_BLOCK_ERROR,
                     CARREL_BLOCK_ERROR_FORMAT);
    ASSERT_SAYS(message, rig.path);
    ASSERT_SAYS(message, "is empty (0 bytes)");
    rig_done_all(&rig);
}

static void
test_missing(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    g_autofree char *message =
        open_message(&rig, "/nowhere/x.img", (BlockSpec){0}, G_FILE_ERROR,
                     G_FILE_ERROR_NOENT);
    ASSERT_SAYS(message, "'/nowhere/x.img' does not exist");
    rig_done_all(&rig);
}

static void
test_not_a_file(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    g_autofree char *dir = open_message(&rig, rig.dir, (BlockSpec){0},
                                        G_FILE_ERROR, G_FILE_ERROR_ISDIR);
    ASSERT_SAYS(dir, "is a directory; name a regular file");
    (void) g_remove(rig.path);
    CU_ASSERT_EQUAL(mkfifo(rig.path, 0600), 0);
    g_autofree char *fifo = open_message(&rig, rig.path, (BlockSpec){0},
                                         G_FILE_ERROR, G_FILE_ERROR_INVAL);
    ASSERT_SAYS(fifo, "is a named pipe");
    g_autofree char *tty = open_message(&rig, "/dev/null", (BlockSpec){0},
                                        G_FILE_ERROR, G_FILE_ERROR_INVAL);
    ASSERT_SAYS(tty, "is a character device");
    rig_done_all(&rig);
}

static void
test_permission(void)
{
    BlockRig rig;

    if (geteuid() == 0) {
        cu_skip("root may open everything");
        return;
    }
    rig_init(&rig, 512);
    CU_ASSERT_EQUAL(chmod(rig.path, 0400), 0);
    g_autofree char *message = open_message(&rig, rig.path, (BlockSpec){0},
                                            G_FILE_ERROR, G_FILE_ERROR_ACCES);
    ASSERT_SAYS(message, "for writing");
    ASSERT_SAYS(message, "open it read-only");
    rig_done_all(&rig);
}

static void
test_unknown_format(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    g_autofree char *message =
        open_message(&rig, rig.path, (BlockSpec){.format = "vmdk"},
                     CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT);
    ASSERT_SAYS(message,
                "unknown format 'vmdk'; use 'raw' or 'qcow2' or 'iso'");
    rig_done_all(&rig);
}

static void
test_iso(void)
{
    BlockRig rig;
    guint8 buf[4096];

    rig_init(&rig, 3000);
    CU_ASSERT_TRUE_FATAL(cases_open(&rig, (BlockSpec){.format = "iso"}));
    CU_ASSERT_TRUE(block_info(rig.block)->is_cdrom);
    CU_ASSERT_TRUE(block_info(rig.block)->read_only);
    CU_ASSERT_EQUAL(block_info(rig.block)->logical_size, 2048);
    CU_ASSERT_EQUAL(block_info(rig.block)->bytes, 4096);
    CU_ASSERT_EQUAL(rig_read(&rig, 512, buf, 2048), -EINVAL);
    CU_ASSERT_EQUAL(rig_read(&rig, 0, buf, 4096), 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 0, 3000));
    CU_ASSERT_TRUE(rig_is_all(buf + 3000, 0, 1096));
    rig_done_all(&rig);
}

/* The file system decides whether there is direct I/O at all. */
static void
test_direct(void)
{
    BlockRig rig;
    g_autofree guint8 *mem = g_malloc0(4 * 65536 + 1);

    rig_init(&rig, 5 * 65536 + 100);
    if (!cases_open(&rig, (BlockSpec){.direct = true})) {
        cu_skip("no direct I/O in the temporary directory");
        rig_done_all(&rig);
        return;
    }
    guint32 sector = block_info(rig.block)->logical_size;
    gsize len = 4 * 65536;
    CU_ASSERT_EQUAL(rig_read(&rig, sector, mem + 1, len), 0);
    CU_ASSERT_TRUE(rig_is_original(mem + 1, sector, len));
    memset(mem, 0x3c, len + 1);
    CU_ASSERT_EQUAL(rig_write(&rig, 65536, mem + 1, len), 0);
    CU_ASSERT_EQUAL(rig_read(&rig, 65536 - sector, mem + 1, 2 * sector), 0);
    CU_ASSERT_TRUE(rig_is_original(mem + 1, 65536 - sector, sector));
    CU_ASSERT_TRUE(rig_is_all(mem + 1 + sector, 0x3c, sector));
    CU_ASSERT_EQUAL(rig_read(&rig, 5 * 65536, mem + 1, sector), 0);
    CU_ASSERT_TRUE(rig_is_original(mem + 1, 5 * 65536, 100));
    CU_ASSERT_TRUE(rig_is_all(mem + 101, 0, sector - 100));
    rig_done_all(&rig);
}

static void
test_full(void)
{
    BlockRig rig;
    guint8 buf[512] = {0};

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(cases_open(&rig, (BlockSpec){0}));
    CU_ASSERT_EQUAL(block_map_errno(-EDQUOT), -ENOSPC);
    CU_ASSERT_EQUAL(block_map_errno(-EFBIG), -ENOSPC);
    CU_ASSERT_EQUAL(block_map_errno(-ENXIO), -EIO);
    CU_ASSERT_EQUAL(rig_write(&rig, 0, buf, 512), 0);
    rig_done_all(&rig);
}

typedef struct {
    RigReq r; /* first */
    Loop *loop;
    GAsyncQueue *done;
} ThreadReq;

static void
done_on_thread(BlockReq *req, int result)
{
    ThreadReq *t = (ThreadReq *) req;

    t->r.finished = loop_is_owner(t->loop);
    t->r.result = result;
    g_async_queue_push(t->done, t);
}

static void
test_loop_thread(void)
{
    BlockRig rig;
    guint8 buf[512];
    ThreadReq t;
    BlockReq *list[] = {&t.r.req};

    rig_init(&rig, 4096);
    loop_free(rig.loop);
    rig.loop = loop_new("test", NULL);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    rig_prepare(&t.r, BLOCK_READ, 512, buf, 512);
    t.r.req.done = done_on_thread;
    t.loop = rig.loop;
    t.done = g_async_queue_new();
    block_submit(rig.block, list, 1);
    CU_ASSERT_PTR_EQUAL(g_async_queue_pop(t.done), &t);
    CU_ASSERT_TRUE(t.r.finished);
    CU_ASSERT_EQUAL(t.r.result, 0);
    CU_ASSERT_TRUE(rig_is_original(buf, 512, 512));
    g_async_queue_unref(t.done);
    rig_done_all(&rig);
}

static void
test_try_now(void)
{
    BlockRig rig;
    guint8 buf[1024];
    const struct iovec iov[2] = {{buf, 512}, {buf + 512, 512}};

    rig_init(&rig, 4096);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    int result = block_try_now(rig.block, BLOCK_READ, 512, iov, 2);
    if (result == 0) /* file systems may refuse it at any time */
        CU_ASSERT_TRUE(rig_is_original(buf, 512, 1024));
    CU_ASSERT_TRUE(result == 0 || result == -EAGAIN);
    CU_ASSERT_EQUAL(block_try_now(rig.block, BLOCK_READ, 3584, iov, 2),
                    -EAGAIN);
    CU_ASSERT_TRUE(block_is_idle(rig.block));
    rig_done_all(&rig);
}

static void
test_loop_ends_first(void)
{
    BlockRig rig;
    g_autofree RigReq *reqs = g_new0(RigReq, 64);
    g_autofree guint8 *mem = g_malloc(64 * 4096);
    BlockReq *list[64];

    rig_init(&rig, 64 * 4096);
    loop_free(rig.loop);
    rig.loop = loop_new("test", NULL);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.use_pool = true}));
    for (unsigned i = 0; i < 64; i++) {
        rig_prepare(&reqs[i], BLOCK_READ, 4096 * i, mem + 4096 * i, 4096);
        list[i] = &reqs[i].req;
    }
    block_submit(rig.block, list, 64);
    loop_free(rig.loop);
    block_close(rig.block);
    rig.block = NULL;
    rig.loop = loop_new_manual();
    CU_ASSERT_TRUE(rig_open(&rig, (BlockSpec){0})); /* not locked any more */
    rig_done_all(&rig);
}

CU_MAIN("block-raw", BLOCK_CASES, {"empty_image_is_a_format_error", test_empty},
        {"missing_image_is_named", test_missing},
        {"directory_pipe_and_device_are_named", test_not_a_file},
        {"missing_permission_says_what_to_do", test_permission},
        {"unknown_format_lists_the_known", test_unknown_format},
        {"iso_is_read_only_with_2048_byte_sectors", test_iso},
        {"direct_io_takes_any_memory", test_direct},
        {"done_runs_on_the_loop_thread", test_loop_thread},
        {"read_now_reads_what_is_in_memory_or_nothing", test_try_now},
        {"loop_may_end_with_requests_on_their_way", test_loop_ends_first},
        {"host_errors_become_the_documented_ones", test_full})
