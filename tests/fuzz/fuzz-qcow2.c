/* tests/fuzz/fuzz-qcow2.c - qcow2 images that somebody made up: header, tables
 * and compressed clusters, then reads, writes, discards, check and repair. An
 * image that was opened for writing and never failed must be fit for writing
 * again afterwards. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/block/qcow2-internal.h"

#define BYTES   (1u << 20)
#define MAX_OPS 24u
#define MAX_LEN (64u << 10)

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
write_at(int fd, guint64 offset, const void *data, gsize len)
{
    if (pwrite(fd, data, len, (off_t) offset) != (gssize) len)
        abort();
}

typedef struct {
    char *data;
    gsize len;
} Good;

/* A good image with a few clusters written, made once for each kind. */
static const Good *
good_image(guint32 kind)
{
    static Good made[28];
    static const guint8 content[8192] = {1, 2, 3};
    Good *good = &made[kind % G_N_ELEMENTS(made)];
    char name[64];

    if (good->data != NULL)
        return good;
    g_snprintf(name, sizeof name, "/tmp/carrel-fuzz-qcow2-%d", getpid());
    const BlockCreate create = {.path = name,
                                .format = "qcow2",
                                .bytes = BYTES,
                                .cluster_size = 512u << kind % 4,
                                .refcount_bits = 1u << kind / 4 % 7};
    const BlockSpec spec = {.path = name, .format = "qcow2"};
    (void) unlink(name);
    if (!block_image_create(&create, NULL))
        abort();
    BlockImage *image = block_image_open(&spec, NULL);
    if (image == NULL ||
        block_image_write(image, 1024, content, sizeof content) != 0 ||
        block_image_write(image, BYTES / 2, content, sizeof content) != 0 ||
        block_image_close(image) != 0 ||
        !g_file_get_contents(name, &good->data, &good->len, NULL))
        abort();
    (void) unlink(name);
    return good;
}

/* One of them, changed in up to 16 places as the input says. */
static void
make_patched(int fd, OpBytes *in)
{
    guint32 what = next_u16(in);
    const Good *good = good_image(what);

    write_at(fd, 0, good->data, good->len);
    for (unsigned n = (what >> 5) % 17; n > 0; n--) {
        guint64 at = next_u16(in) % good->len;
        guint64 value = next_u16(in) | (guint64) next_u16(in) << 48;
        write_at(fd, at, &value, 1u << next_u16(in) % 4);
    }
}

static bool
run_ops(BlockImage *image, OpBytes *in)
{
    g_autofree guint8 *mem = g_malloc0(MAX_LEN);
    guint64 sectors = block_image_info(image)->bytes / BLOCK_SECTOR;
    bool ok = true;

    for (unsigned i = 0; i < MAX_OPS && in->size > 0; i++) {
        guint32 what = next_u16(in), place = next_u16(in);
        guint64 at = (what & 8) != 0 ? sectors - 1 - place % sectors
                                     : (guint64) place % sectors;
        gsize len =
            MIN((what >> 4) % (MAX_LEN / BLOCK_SECTOR) + 1, sectors - at) *
            BLOCK_SECTOR;
        bool zero;
        at *= BLOCK_SECTOR;
        switch (what & 3) {
        case 0: (void) block_image_read(image, at, mem, len); break;
        case 2:
            if ((what & 4) != 0) {
                bool unmap = (what & 0x8000) != 0;
                ok &= block_image_write_zeroes(image, at, len, unmap) == 0;
                break;
            }
            G_GNUC_FALLTHROUGH;
        case 1:
            memset(mem, (int) place, len);
            ok &= block_image_write(image, at, mem, len) == 0;
            break;
        default:
            (void) block_image_extent(image, at, len, &zero);
            ok &= block_image_flush(image) == 0;
            break;
        }
    }
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OpBytes in = {data, size};
    char path[40];
    int fd = memfd_create("fuzz-qcow2", MFD_CLOEXEC);

    if (fd < 0 || size < 4)
        goto out;
    guint32 kind = next_u16(&in);
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if ((kind & 1) != 0)
        make_patched(fd, &in);
    else
        write_at(fd, 0, in.data, in.size);
    BlockSpec spec = {
        .path = path, .format = "qcow2", .read_only = (kind & 2) != 0};
    BlockImage *image = block_image_open(&spec, NULL);
    if (image != NULL) {
        bool ok = run_ops(image, &in);
        ok &= block_image_close(image) == 0;
        image = block_image_open(&spec, NULL);
        if (image == NULL && ok && !spec.read_only)
            abort(); /* we made it worse */
        (void) block_image_close(image);
    }
    BlockCheck check = {0};
    (void) block_image_check(&spec, (BlockRepair) ((kind >> 2) % 3), &check,
                             NULL);
out:
    if (fd >= 0)
        close(fd);
    return 0;
}
