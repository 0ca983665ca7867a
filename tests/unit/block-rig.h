/* tests/unit/block-rig.h - a disk image in a temporary directory and a loop
 * that the test drives, for the block tests. */
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/cu-main.h"
#include "vmm/block/block-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

typedef struct {
    Loop *loop;
    char *dir, *path;
    Block *block;
} BlockRig;

/* One request with one piece of memory of its own. */
typedef struct {
    BlockReq req; /* first */
    struct iovec iov;
    bool finished;
    int result;
} RigReq;

static inline void
rig_done(BlockReq *req, int result)
{
    RigReq *r = (RigReq *) req;

    CU_ASSERT_FALSE(r->finished);
    r->finished = true;
    r->result = result;
}

/* The image holds len bytes; byte n is n / 512 + n % 512 (mod 256). */
static inline guint8
rig_byte(guint64 n)
{
    return (guint8) (n / 512 + n % 512);
}

static inline void
rig_init(BlockRig *rig, gsize len)
{
    g_autofree guint8 *data = g_malloc(len + 1);

    for (gsize i = 0; i < len; i++)
        data[i] = rig_byte(i);
    *rig = (BlockRig){.loop = loop_new_manual()};
    rig->dir = g_dir_make_tmp("carrel-block-XXXXXX", NULL);
    rig->path = g_build_filename(rig->dir, "disk.img", NULL);
    CU_ASSERT_TRUE_FATAL(
        g_file_set_contents(rig->path, (char *) data, (gssize) len, NULL));
}

static inline bool
rig_open(BlockRig *rig, BlockSpec spec)
{
    g_autoptr(GError) error = NULL;

    spec.path = rig->path;
    if (spec.format == NULL)
        spec.format = "raw";
    rig->block = block_open(&spec, rig->loop, &error);
    if (error != NULL)
        printf("# %s\n", error->message);
    return rig->block != NULL;
}

static inline void
rig_done_all(BlockRig *rig)
{
    block_close(rig->block);
    loop_free(rig->loop);
    (void) g_remove(rig->path);
    (void) g_rmdir(rig->dir);
    g_free(rig->path);
    g_free(rig->dir);
}

static inline void
rig_prepare(RigReq *r, BlockOp op, guint64 offset, void *mem, gsize len)
{
    *r = (RigReq){.iov = {mem, len}};
    r->req = (BlockReq){.op = op,
                        .offset = offset,
                        .len = mem == NULL ? len : 0,
                        .iov = mem != NULL ? &r->iov : NULL,
                        .n_iov = mem != NULL,
                        .done = rig_done};
}

static inline void
rig_wait(BlockRig *rig, const RigReq *r)
{
    while (!r->finished)
        g_main_context_iteration(loop_context(rig->loop), TRUE);
    loop_advance(rig->loop, 0); /* pool jobs that only have to end */
}

/* Submits, checks that nothing finished inside, waits, returns the result. */
static inline int
rig_run(BlockRig *rig, BlockOp op, guint64 offset, void *mem, gsize len)
{
    RigReq r;
    BlockReq *list[] = {&r.req};

    rig_prepare(&r, op, offset, mem, len);
    block_submit(rig->block, list, 1);
    CU_ASSERT_FALSE(r.finished);
    rig_wait(rig, &r);
    return r.result;
}

static inline int
rig_read(BlockRig *rig, guint64 offset, void *mem, gsize len)
{
    return rig_run(rig, BLOCK_READ, offset, mem, len);
}

static inline int
rig_write(BlockRig *rig, guint64 offset, void *mem, gsize len)
{
    return rig_run(rig, BLOCK_WRITE, offset, mem, len);
}

static inline int
rig_zero(BlockRig *rig, guint64 offset, gsize len, bool unmap)
{
    RigReq r;
    BlockReq *list[] = {&r.req};

    rig_prepare(&r, BLOCK_WRITE_ZEROES, offset, NULL, len);
    r.req.unmap = unmap;
    block_submit(rig->block, list, 1);
    CU_ASSERT_FALSE(r.finished);
    rig_wait(rig, &r);
    return r.result;
}

/* Whether mem holds what rig_init() put at offset. */
static inline bool
rig_is_original(const guint8 *mem, guint64 offset, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (mem[i] != rig_byte(offset + i))
            return false;
    return true;
}

static inline bool
rig_is_all(const guint8 *mem, guint8 value, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (mem[i] != value)
            return false;
    return true;
}
