/* tests/unit/qcow2-writer.c - the process that test-block-qcow2-kill kills:
 * qcow2-writer IMAGE LIFE CLUSTER-SIZE [BACKING]. Writes groups of requests,
 * flushes after each and says so on stdout with the group's number. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/qcow2-kill.h"
#include "vmm/block/block.h"
#include "vmm/loop/loop.h"

typedef struct {
    BlockReq req; /* first */
    struct iovec iov;
    unsigned *left;
} WriterReq;

static void
on_done(BlockReq *req, int result)
{
    if (result != 0) {
        fprintf(stderr, "qcow2-writer: request failed: %d\n", result);
        _exit(3);
    }
    (*((WriterReq *) req)->left)--;
}

static void
run(Block *block, Loop *loop, WriterReq *reqs, unsigned n)
{
    BlockReq *list[KILL_OPS];
    unsigned left = n;

    for (unsigned i = 0; i < n; i++) {
        reqs[i].left = &left;
        reqs[i].req.done = on_done;
        list[i] = &reqs[i].req;
    }
    block_submit(block, list, n);
    while (left > 0)
        g_main_context_iteration(loop_context(loop), TRUE);
}

static void
write_group(Block *block, Loop *loop, guint64 life, guint64 group,
            guint32 cluster)
{
    static guint8 mem[KILL_OPS][KILL_ZONE * KILL_SECTOR];
    WriterReq reqs[KILL_OPS] = {0}, flush[1] = {0};

    for (unsigned i = 0; i < KILL_OPS; i++) {
        KillOp op = kill_op(life, group, i, cluster);
        for (guint32 s = 0; !op.discard && s < op.n; s++)
            kill_fill(mem[i] + s * KILL_SECTOR, kill_stamp(&op, op.first + s));
        reqs[i].iov = (struct iovec){mem[i], op.n * KILL_SECTOR};
        reqs[i].req = (BlockReq){
            .op = op.discard ? BLOCK_DISCARD : BLOCK_WRITE,
            .offset = (guint64) op.first * KILL_SECTOR,
            .len = op.discard ? op.n * KILL_SECTOR : 0,
            .iov = op.discard ? NULL : &reqs[i].iov,
            .n_iov = !op.discard,
        };
    }
    run(block, loop, reqs, KILL_OPS);
    flush[0].req.op = BLOCK_FLUSH;
    run(block, loop, flush, 1);
    if (write(STDOUT_FILENO, &group, sizeof group) != sizeof group)
        _exit(4);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    const BlockBacking backing = {argc > 4 ? argv[4] : NULL, "raw"};

    if (argc < 4)
        return 2;
    const BlockSpec spec = {.path = argv[1],
                            .format = "qcow2",
                            .backings = &backing,
                            .n_backings = argc > 4};
    guint64 life = g_ascii_strtoull(argv[2], NULL, 10);
    guint32 cluster = (guint32) g_ascii_strtoull(argv[3], NULL, 10);
    Loop *loop = loop_new_manual();
    Block *block = block_open(&spec, loop, &error);
    if (block == NULL) {
        fprintf(stderr, "qcow2-writer: %s\n", error->message);
        return 5;
    }
    for (guint64 group = 1;; group++) /* until it is killed */
        write_group(block, loop, life, group, cluster);
}
