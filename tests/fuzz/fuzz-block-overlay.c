/* tests/fuzz/fuzz-block-overlay.c - snapshot mode against a model: reads,
 * writes and discards of any place and shape must see what an array sees, and
 * the image must never change. A discarded whole cluster reads zeros, its
 * edges keep their bytes; zeros that are written are exact. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/block/block-internal.h"

#define CLUSTER 65536u
#define SECTORS 700u /* five and a half clusters */
#define BYTES   (SECTORS * BLOCK_SECTOR)
#define MAX_OPS 200

/* The base: an array that must not be written. */
static int
base_transfer(gpointer image, BlockOp op, BlockVec *vec, guint64 offset,
              gsize len)
{
    if (op != BLOCK_READ || offset + len > BYTES)
        abort();
    block_vec_scatter(vec, (guint8 *) image + offset, len);
    return 0;
}

static void
base_close(gpointer image)
{
}

static const BlockDriver base_driver = {
    .name = "array",
    .close = base_close,
    .transfer = base_transfer,
};

typedef struct {
    const uint8_t *data;
    size_t size;
} OpBytes;

static guint32
next_u16(OpBytes *in)
{
    if (in->size < 2)
        return 0;
    guint32 value = in->data[0] | (guint32) in->data[1] << 8;
    in->data += 2;
    in->size -= 2;
    return value;
}

static void
do_transfer(gpointer overlay, guint8 *model, BlockOp op, guint64 offset,
            gsize len, guint32 shape)
{
    static const struct iovec none = {NULL, 0};
    g_autofree guint8 *mem = g_malloc(len);
    gsize cut = shape % (len + 1);
    struct iovec iov[3] = {{mem, cut}, none, {mem + cut, len - cut}};
    BlockVec vec;

    memset(mem, (int) (shape >> 8), len);
    block_vec_init(&vec, iov, 3, 0);
    if (block_overlay_driver.transfer(overlay, op, &vec, offset, len) != 0)
        abort();
    if (op == BLOCK_WRITE)
        memcpy(model + offset, mem, len);
    else if (memcmp(model + offset, mem, len) != 0)
        abort();
}

static void
do_discard(gpointer overlay, guint8 *model, guint64 offset, gsize len)
{
    if (block_overlay_driver.discard(overlay, offset, len) != 0)
        abort();
    for (guint64 c = 0; c * CLUSTER < BYTES; c++) {
        guint64 start = c * CLUSTER, end = MIN(start + CLUSTER, BYTES);
        if (start >= offset && end <= offset + len)
            memset(model + start, 0, end - start);
    }
}

static void
do_zeroes(gpointer overlay, guint8 *model, guint64 offset, gsize len)
{
    if (block_overlay_driver.write_zeroes(overlay, offset, len, true) != 0)
        abort();
    memset(model + offset, 0, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OpBytes in = {data, size};
    g_autofree guint8 *base = g_malloc(BYTES);
    g_autofree guint8 *model = NULL, *before = NULL;

    for (guint32 i = 0; i < BYTES; i++)
        base[i] = (guint8) (i / BLOCK_SECTOR + i % BLOCK_SECTOR);
    model = g_memdup2(base, BYTES);
    before = g_memdup2(base, BYTES);
    gpointer overlay = block_overlay_new(&base_driver, base, BYTES, NULL);
    if (overlay == NULL)
        return 0;
    for (unsigned i = 0; i < MAX_OPS && in.size > 0; i++) {
        guint32 what = next_u16(&in), shape = next_u16(&in);
        guint32 sector = next_u16(&in) % SECTORS;
        guint32 n = 1 + next_u16(&in) % (SECTORS - sector);
        guint64 offset = (guint64) sector * BLOCK_SECTOR;
        gsize len = (gsize) n * BLOCK_SECTOR;
        if (what % 8 == 7)
            do_zeroes(overlay, model, offset, len);
        else if (what % 8 == 3)
            do_discard(overlay, model, offset, len);
        else
            do_transfer(overlay, model,
                        what % 4 == 0 ? BLOCK_READ : BLOCK_WRITE, offset, len,
                        shape);
    }
    do_transfer(overlay, model, BLOCK_READ, 0, BYTES, 0);
    if (memcmp(base, before, BYTES) != 0)
        abort();
    block_overlay_driver.close(overlay);
    return 0;
}
