/* tests/unit/test-scsi.c - SCSI disks and CD drives without a bus: commands by
 * their bytes, against a real image whose blocks begin with their number. */
#include <string.h>
#include <unistd.h>

#include "devices/storage/scsi.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

#define MS     G_GINT64_CONSTANT(1000000)
#define BLOCKS 4096u

typedef struct {
    FakeVm *vm;
    Block *block;
    int fd;
    ScsiUnit unit;
    ScsiUnitState s;
    ScsiTask task;
    bool done;
    guint8 in[8192], out[8192];
    struct iovec iov_in, iov_out;
} Rig;

static void
task_done(ScsiTask *t)
{
    ((Rig *) (void *) ((char *) t - G_STRUCT_OFFSET(Rig, task)))->done = true;
}

static void
begin(Rig *r, ScsiKind kind)
{
    char *path = NULL;
    guint32 step = kind == SCSI_CD ? 2048 : 512;
    BlockSpec spec = {.format = kind == SCSI_CD ? "iso" : "raw",
                      .read_only = kind == SCSI_CD};

    memset(r, 0, sizeof *r);
    r->vm = fake_vm_new(1u << 20);
    r->fd = g_file_open_tmp("carrel-scsi-XXXXXX", &path, NULL);
    for (guint32 i = 0; i < BLOCKS; i++)
        CU_ASSERT_EQUAL(pwrite(r->fd, &i, 4, (off_t) i * step), 4);
    CU_ASSERT_EQUAL(ftruncate(r->fd, (off_t) BLOCKS * step), 0);
    spec.path = path;
    r->block = block_open(&spec, r->vm->env.loop, NULL);
    unlink(path);
    g_free(path);
    CU_ASSERT_TRUE(
        scsi_unit_init(&r->unit, &r->s, kind, r->block, "0815", NULL));
}

static void
end(Rig *r)
{
    for (unsigned i = 0; i < 10000 && !block_is_idle(r->block); i++) {
        fake_advance(r->vm, MS);
        g_usleep(1000);
    }
    block_close(r->block);
    fake_vm_free(r->vm);
    close(r->fd);
}

/* True: it was submitted. */
static bool
start(Rig *r, const guint8 *cdb, gsize n, gsize out_len, gsize in_len)
{
    ScsiTask *t = &r->task;

    memset(t->cdb, 0, sizeof t->cdb);
    memcpy(t->cdb, cdb, n);
    r->iov_in = (struct iovec){r->in, in_len};
    r->iov_out = (struct iovec){r->out, out_len};
    t->unit = &r->unit;
    t->iov_in = &r->iov_in;
    t->iov_out = &r->iov_out;
    t->n_in = t->n_out = 1;
    t->in_len = in_len;
    t->out_len = out_len;
    t->done = task_done;
    r->done = false;
    if (!scsi_task_begin(t))
        return false;
    BlockReq *req = &t->block;
    block_submit(r->unit.block, &req, 1);
    return true;
}

static void
finish(Rig *r)
{
    for (unsigned i = 0; i < 10000 && !r->done; i++) {
        fake_advance(r->vm, MS);
        g_usleep(i > 10 ? 1000 : 0);
    }
    CU_ASSERT_TRUE(r->done);
}

/* key << 16 | asc << 8 | ascq; 0: good */
static guint32
run(Rig *r, const guint8 *cdb, gsize n, gsize out_len, gsize in_len)
{
    if (start(r, cdb, n, out_len, in_len))
        finish(r);
    CU_ASSERT_EQUAL(r->task.status != 0, r->task.sense_key != 0);
    return (guint32) (r->task.sense_key << 16 | r->task.asc << 8 |
                      r->task.ascq);
}
#define RUN(r, out, in, ...)                                                   \
    run(r, (const guint8[]){__VA_ARGS__}, sizeof((guint8[]){__VA_ARGS__}),     \
        out, in)

static guint32
image32(Rig *r, guint64 at)
{
    guint32 value = G_MAXUINT32;

    CU_ASSERT_EQUAL(pread(r->fd, &value, 4, (off_t) at), 4);
    return value;
}

static guint32
in32(Rig *r, gsize at)
{
    guint32 value;

    memcpy(&value, r->in + at, 4);
    return value;
}

static void
test_reads(void)
{
    static Rig r;

    begin(&r, SCSI_DISK);
    CU_ASSERT_EQUAL(RUN(&r, 0, 1024, 0x08, 0, 0, 5, 2, 0), 0);
    CU_ASSERT_EQUAL(in32(&r, 512), 6);
    CU_ASSERT_EQUAL(r.task.moved, 1024);
    CU_ASSERT_EQUAL(RUN(&r, 0, 512, 0x28, 0, 0, 0, 0, 7, 0, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(in32(&r, 0), 7);
    CU_ASSERT_EQUAL(RUN(&r, 0, 512, 0xa8, 0, 0, 0, 0, 8, 0, 0, 0, 1), 0);
    CU_ASSERT_EQUAL(in32(&r, 0), 8);
    CU_ASSERT_EQUAL(
        RUN(&r, 0, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1), 0);
    CU_ASSERT_EQUAL(in32(&r, 0), 9);
    CU_ASSERT_PTR_NULL(r.unit.tasks);
    end(&r);
}

static void
test_writes(void)
{
    static Rig r;

    begin(&r, SCSI_DISK);
    memset(r.out, 0x11, 1024);
    CU_ASSERT_EQUAL(RUN(&r, 512, 0, 0x0a, 0, 0, 1, 1, 0), 0);
    CU_ASSERT_EQUAL(RUN(&r, 1024, 0, 0x2a, 8, 0, 0, 0, 20, 0, 0, 2), 0);
    CU_ASSERT_EQUAL(r.task.moved, 1024);
    CU_ASSERT_EQUAL(RUN(&r, 512, 0, 0xaa, 0, 0, 0, 0, 30, 0, 0, 0, 1), 0);
    CU_ASSERT_EQUAL(
        RUN(&r, 512, 0, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 1), 0);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x35), 0);
    CU_ASSERT_EQUAL(image32(&r, 512), 0x11111111);
    CU_ASSERT_EQUAL(image32(&r, 21 * 512), 0x11111111);
    CU_ASSERT_EQUAL(image32(&r, 22 * 512), 22);
    CU_ASSERT_EQUAL(image32(&r, 30 * 512), 0x11111111);
    CU_ASSERT_EQUAL(image32(&r, 40 * 512), 0x11111111);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x2f, 0, 0, 0, 0, 0, 0, 16, 0), 0);
    end(&r);
}

/* Nothing of these may reach the disk, or memory outside the buffers. */
static void
test_hostile_lengths(void)
{
    static Rig r;

    begin(&r, SCSI_DISK);
    CU_ASSERT_EQUAL(RUN(&r, 0, 512, 0x28, 0, 0, 0, 0x10, 0, 0, 0, 1), 0x052100);
    CU_ASSERT_EQUAL(RUN(&r, 0, 512, 0x88, 0, 255, 255, 255, 255, 255, 255, 255,
                        255, 255, 255, 255, 255),
                    0x052100);
    CU_ASSERT_EQUAL(RUN(&r, 0, 511, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), 0x052400);
    CU_ASSERT_TRUE(r.task.overrun);
    CU_ASSERT_EQUAL(RUN(&r, 511, 0, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1), 0x052400);
    CU_ASSERT_EQUAL(image32(&r, 3 * 512), 3);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0xff), 0x052000);
    CU_ASSERT_EQUAL(RUN(&r, 4, 0, 0x41, 0, 0, 0, 0, 0, 0, 0, 1), 0x052400);
    CU_ASSERT_EQUAL(RUN(&r, 24, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 200), 0x052400);
    memset(r.out, 0xff, 256); /* 4095 descriptors are claimed */
    CU_ASSERT_EQUAL(RUN(&r, 24, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 24), 0x052600);
    CU_ASSERT_EQUAL(RUN(&r, 7, 0, 0x55, 0x10, 0, 0, 0, 0, 0, 255, 255),
                    0x051a00);
    memset(r.in, 0xee, 64);
    CU_ASSERT_EQUAL(RUN(&r, 0, 10, 0x12, 0, 0, 0, 255), 0);
    CU_ASSERT_TRUE(r.task.overrun);
    CU_ASSERT_EQUAL(r.in[10], 0xee);
    end(&r);
}

static void
test_unmap_and_same(void)
{
    static Rig r;

    begin(&r, SCSI_DISK);
    memset(r.out, 0, 64);
    r.out[1] = 38; /* two descriptors; the first has no blocks */
    r.out[3] = 32;
    r.out[31] = 100;
    r.out[35] = 8;
    CU_ASSERT_EQUAL(RUN(&r, 40, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 40), 0);
    CU_ASSERT_EQUAL(image32(&r, 99 * 512), 99);
    CU_ASSERT_EQUAL(image32(&r, 100 * 512), 0);
    CU_ASSERT_EQUAL(image32(&r, 107 * 512), 0);
    CU_ASSERT_EQUAL(image32(&r, 108 * 512), 108);
    memset(r.out, 0x22, 512);
    CU_ASSERT_EQUAL(RUN(&r, 512, 0, 0x41, 0, 0, 0, 4, 0, 0, 4, 0), 0);
    CU_ASSERT_EQUAL(image32(&r, 1023 * 512), 1023);
    CU_ASSERT_EQUAL(image32(&r, 1024 * 512), 0x22222222);
    CU_ASSERT_EQUAL(image32(&r, 2047 * 512), 0x22222222);
    CU_ASSERT_EQUAL(image32(&r, 2048 * 512), 2048);
    memset(r.out, 0, 512);
    CU_ASSERT_EQUAL(
        RUN(&r, 512, 0, 0x93, 8, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0), 0);
    CU_ASSERT_EQUAL(image32(&r, 1024 * 512), 0);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x93, 1, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 2),
                    0);
    CU_ASSERT_EQUAL(image32(&r, 2049 * 512), 0);
    CU_ASSERT_EQUAL(image32(&r, 2050 * 512), 2050);
    end(&r);
}

static void
test_answers(void)
{
    static Rig r;

    begin(&r, SCSI_DISK);
    CU_ASSERT_EQUAL(RUN(&r, 0, 8, 0x25), 0);
    CU_ASSERT_EQUAL(GUINT32_FROM_BE(in32(&r, 0)), BLOCKS - 1);
    CU_ASSERT_EQUAL(GUINT32_FROM_BE(in32(&r, 4)), 512);
    CU_ASSERT_EQUAL(
        RUN(&r, 0, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), 0);
    CU_ASSERT_EQUAL(GUINT32_FROM_BE(in32(&r, 4)), BLOCKS - 1);
    CU_ASSERT_EQUAL(r.in[14], 0xc0);
    CU_ASSERT_EQUAL(RUN(&r, 0, 255, 0x12, 1, 0x80, 0, 255), 0);
    CU_ASSERT_NSTRING_EQUAL(r.in + 4, "0815", 4);
    CU_ASSERT_EQUAL(r.task.moved, 8);
    CU_ASSERT_EQUAL(RUN(&r, 0, 255, 0x12, 1, 0xb2, 0, 255), 0);
    CU_ASSERT_EQUAL(r.in[5], 0xe4);
    CU_ASSERT_EQUAL(RUN(&r, 0, 255, 0x12, 1, 0xc0, 0, 255), 0x052400);
    CU_ASSERT_EQUAL(RUN(&r, 0, 255, 0x1a, 8, 0x08, 0, 255), 0);
    CU_ASSERT_EQUAL(r.in[4], 0x08);
    CU_ASSERT_EQUAL(r.in[6], 0x04); /* write-back */
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x1b), 0);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0x020402);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x1b, 0, 0, 0, 1), 0);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0);
    end(&r);
}

static void
test_attention(void)
{
    static Rig r;

    begin(&r, SCSI_DISK);
    scsi_unit_reset(&r.unit);
    CU_ASSERT_EQUAL(RUN(&r, 0, 96, 0x12, 0, 0, 0, 96), 0);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0x062900);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0);
    scsi_unit_reset(&r.unit);
    (void) RUN(&r, 0, 18, 0x03, 0, 0, 0, 18);
    CU_ASSERT_EQUAL(r.in[2], 6);
    CU_ASSERT_EQUAL(r.in[12], 0x29);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0);
    end(&r);
}

static void
test_cancel(void)
{
    static Rig r;
    static const guint8 read[10] = {0x28, 0, 0, 0, 0, 0, 0, 0, 8};

    begin(&r, SCSI_DISK);
    CU_ASSERT_TRUE(start(&r, read, sizeof read, 0, 4096));
    CU_ASSERT_PTR_EQUAL(r.unit.tasks, &r.task);
    scsi_unit_cancel_all(&r.unit, SCSI_ABORTED);
    finish(&r);
    CU_ASSERT_EQUAL(r.task.fate, SCSI_ABORTED);
    CU_ASSERT_EQUAL(r.task.status, SCSI_CHECK_CONDITION);
    CU_ASSERT_PTR_NULL(r.unit.tasks);
    end(&r);
}

static void
test_cd(void)
{
    static Rig r;

    begin(&r, SCSI_CD);
    CU_ASSERT_EQUAL(RUN(&r, 0, 2048, 0x28, 0, 0, 0, 0, 17, 0, 0, 1), 0);
    CU_ASSERT_EQUAL(in32(&r, 0), 17);
    CU_ASSERT_EQUAL(RUN(&r, 0, 2048, 0xbe, 0, 0, 0, 0, 18, 0, 0, 1, 0x10), 0);
    CU_ASSERT_EQUAL(in32(&r, 0), 18);
    CU_ASSERT_EQUAL(RUN(&r, 2048, 0, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1), 0x052000);
    CU_ASSERT_EQUAL(RUN(&r, 0, 20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20), 0);
    CU_ASSERT_EQUAL(r.in[1], 18);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x1e, 0, 0, 0, 1), 0);
    CU_ASSERT_FALSE(scsi_unit_set_media(&r.unit, NULL, false, NULL));
    CU_ASSERT_TRUE(scsi_unit_set_media(&r.unit, NULL, true, NULL));
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0x023a01);
    CU_ASSERT_TRUE(scsi_unit_set_media(&r.unit, r.block, true, NULL));
    CU_ASSERT_EQUAL(RUN(&r, 0, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0);
    CU_ASSERT_EQUAL(r.in[4], 2);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0x062800);
    CU_ASSERT_EQUAL(RUN(&r, 0, 0, 0x00), 0);
    end(&r);
}

CU_MAIN("scsi", {"all_reads_reach_their_blocks", test_reads},
        {"all_writes_reach_their_blocks", test_writes},
        {"hostile_lengths_touch_nothing", test_hostile_lengths},
        {"unmap_and_write_same_change_only_their_blocks", test_unmap_and_same},
        {"the_disk_says_what_it_is", test_answers},
        {"reset_leaves_one_unit_attention", test_attention},
        {"a_cancelled_command_ends_and_is_forgotten", test_cancel},
        {"a_cd_reads_and_notices_another_disc", test_cd})
