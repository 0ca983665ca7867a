/* tests/unit/test-block-qcow2-power.c - the power fails. What a workload writes
 * to a qcow2 image is recorded, write by write and sync by sync; then files are
 * made as a disk may have them at any moment: all that was synced, and of the
 * rest a prefix, any subset, or any of its sectors. Every time the tables have
 * no errors, leaks at most, and all that was flushed is there. 2,400 states, or
 * 100,000 with CARREL_LONG_TESTS=1. */
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/qcow2-kill.h"
#include "tests/unit/qcow2-rig.h"

#define SECTORS (KILL_BYTES / KILL_SECTOR)
#define GROUPS  10u

/* ---- recording: these stand before the C library's ---- */

typedef enum {
    EV_WRITE,
    EV_ZERO,
    EV_TRUNCATE,
    EV_SYNC,
    EV_OP,
    EV_ACK
} EventKind;

typedef struct {
    EventKind kind;
    guint64 offset, len; /* bytes; OP: group and number */
    guint8 *data;        /* WRITE */
} Event;

static GArray *events;
static bool recording; /* GLib's calls come by here as well */

static void
record(EventKind kind, guint64 offset, guint64 len, const void *data)
{
    const Event event = {kind, offset, len,
                         data != NULL ? g_memdup2(data, len) : NULL};

    if (recording)
        g_array_append_val(events, event);
    else
        g_free(event.data);
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
    ssize_t done = syscall(SYS_pwrite64, fd, buf, n, at);

    if (done > 0 && recording)
        record(EV_WRITE, (guint64) at, (guint64) done, buf);
    return done;
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
    ssize_t sum = 0;

    for (int i = 0; i < n; i++) {
        ssize_t done = pwrite(fd, iov[i].iov_base, iov[i].iov_len, at + sum);
        if (done < 0)
            return sum > 0 ? sum : done;
        sum += done;
    }
    return sum;
}

int
ftruncate(int fd, off_t len)
{
    record(EV_TRUNCATE, (guint64) len, 0, NULL);
    return (int) syscall(SYS_ftruncate, fd, len);
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
    int rc = (int) syscall(SYS_fallocate, fd, mode, at, len);

    if (rc == 0)
        record(EV_ZERO, (guint64) at, (guint64) len, NULL);
    return rc;
}

int
fdatasync(int fd)
{
    record(EV_SYNC, 0, 0, NULL);
    return 0;
}

/* ---- the workload ---- */

typedef struct {
    guint32 cluster_size, refcount_bits, version;
    bool backing;
} Image;

/* clang-format off */
static const Image images[] = {
    { 512,   16, 3, false },
    { 65536, 16, 3, false },
    { 4096,  16, 3, true  },
    { 1024,  64, 3, true  },
    { 4096,  1,  3, false },
    { 8192,  16, 2, false },
};
/* clang-format on */

typedef struct {
    BlockRig rig;
    const Image *kind;
    char *base;
    guint64 seed;
    /* Replay. */
    guint8 *disk; /* what was synced */
    gsize disk_len, cap;
    guint pending;                          /* the first event after it */
    guint64 known[SECTORS], maybe[SECTORS]; /* stamps: acknowledged, begun */
    guint8 *state, *content;
    unsigned states, errors, lost;
} Power;

static int
run_op(BlockImage *image, const KillOp *op)
{
    static guint8 mem[KILL_ZONE * KILL_SECTOR];
    const guint64 at = (guint64) op->first * KILL_SECTOR;
    const gsize len = op->n * KILL_SECTOR;

    if (op->discard) /* whole clusters; by one of the ways */
        return block_image_write_zeroes(image, at, len, (op->stamp & 2) != 0);
    for (guint32 s = 0; s < op->n; s++)
        kill_fill(mem + s * KILL_SECTOR, kill_stamp(op, op->first + s));
    return block_image_write(image, at, mem, len);
}

static BlockSpec
spec_of(const Power *p, const BlockBacking *backing, bool read_only)
{
    return (BlockSpec){.path = p->rig.path,
                       .format = "qcow2",
                       .read_only = read_only,
                       .backings = backing,
                       .n_backings = p->kind->backing};
}

static void
record_workload(Power *p)
{
    const BlockBacking backing = {p->base, "raw"};
    int rc = 0;

    BlockImage *image = qrig_image(&p->rig, spec_of(p, &backing, false));
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    events = g_array_new(FALSE, FALSE, sizeof(Event));
    recording = true;
    for (guint64 group = 1; group <= GROUPS; group++) {
        for (unsigned i = 0; rc == 0 && i < KILL_OPS; i++) {
            KillOp op = kill_op(7, group, i, p->kind->cluster_size);
            record(EV_OP, group, i, NULL);
            rc = run_op(image, &op);
        }
        if (rc == 0)
            rc = block_image_flush(image);
        record(EV_ACK, group, 0, NULL);
    }
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    recording = false;
}

/* ---- a disk at some moment ---- */

static void
put(Power *p, guint8 *to, gsize *len, const Event *e, guint64 from, guint64 n)
{
    CU_ASSERT_TRUE_FATAL(e->offset + from + n <= p->cap);
    if (e->kind == EV_WRITE)
        memcpy(to + e->offset + from, e->data + from, n);
    else if (e->offset + from < *len)
        memset(to + e->offset + from, 0,
               MIN(n, *len - e->offset - from)); /* keeps the size */
    if (e->kind == EV_WRITE)
        *len = MAX(*len, e->offset + from + n);
}

/* sectors: only some of it gets there. */
static void
apply(Power *p, guint8 *to, gsize *len, const Event *e, bool sectors)
{
    if (e->kind == EV_TRUNCATE) {
        CU_ASSERT_TRUE_FATAL(e->offset <= p->cap);
        if (e->offset < *len)
            memset(to + e->offset, 0, *len - e->offset);
        *len = e->offset;
    }
    if (e->kind != EV_WRITE && e->kind != EV_ZERO)
        return;
    for (guint64 at = 0, n; at < e->len; at += n) {
        n = e->len - at;
        if (sectors)
            n = MIN(n, KILL_SECTOR - (e->offset + at) % KILL_SECTOR);
        if (!sectors || qrig_random(&p->seed) % 2 == 0)
            put(p, to, len, e, at, n);
    }
}

/* Over what is there: file systems flush a file that was replaced. */
static void
write_state(const Power *p, gsize len)
{
    CARREL_AUTO_FD int fd = open(p->rig.path, O_WRONLY | O_CLOEXEC);

    CU_ASSERT_TRUE_FATAL(fd >= 0 && sys_write_all(fd, p->state, len));
    CU_ASSERT_EQUAL(ftruncate(fd, (off_t) len), 0);
}

/* The file as the power leaves it before event `end`. how: 0 all in order, 1
 * a prefix, 2 any of them, 3 any sectors. */
static void
make_state(Power *p, guint end, unsigned how)
{
    gsize len = p->disk_len;
    guint stop = end;

    memset(p->state, 0, p->cap);
    memcpy(p->state, p->disk, p->disk_len);
    if (how == 1)
        stop = p->pending + qrig_random(&p->seed) % (end - p->pending + 1);
    for (guint i = p->pending; i < stop; i++)
        if (how != 2 || qrig_random(&p->seed) % 2 == 0)
            apply(p, p->state, &len, &g_array_index(events, Event, i),
                  how == 3);
    write_state(p, len);
}

static void
judge_content(Power *p)
{
    for (guint32 s = 0; s < SECTORS; s++) {
        guint8 old[KILL_SECTOR], new[KILL_SECTOR];
        const guint8 *is = p->content + s * KILL_SECTOR;
        kill_fill(old, p->known[s]);
        kill_fill(new, p->maybe[s]);
        p->lost += memcmp(is, old, KILL_SECTOR) != 0 &&
                   memcmp(is, new, KILL_SECTOR) != 0;
    }
}

static void
judge(Power *p)
{
    const BlockBacking backing = {p->base, "raw"};
    BlockCheck check = qrig_check(&p->rig, BLOCK_REPAIR_NONE);
    BlockImage *image = qrig_image(&p->rig, spec_of(p, &backing, true));

    p->states++;
    p->errors += check.errors != 0;
    if (image == NULL) {
        p->errors++;
        return;
    }
    p->errors += block_image_read(image, 0, p->content, KILL_BYTES) != 0;
    (void) block_image_close(image);
    judge_content(p);
    /* the other opinion: leaks (3) are allowed, errors are not */
    if (p->states % 100 == 0 && qrig_have("qemu-img"))
        p->errors += qrig_shell(&p->rig, "qemu-img check -q -f qcow2 \"$I\" "
                                         ">/dev/null; [ $? -ne 2 ]") != 0;
    /* and it can be written to again */
    if (p->states % 10 == 0) {
        image = qrig_image(&p->rig, spec_of(p, &backing, false));
        p->errors += image == NULL;
        p->errors += block_image_close(image) != 0;
    }
}

/* ---- replay ---- */

static void
step(Power *p, guint i)
{
    const Event *e = &g_array_index(events, Event, i);

    if (e->kind == EV_SYNC) {
        for (; p->pending < i; p->pending++)
            apply(p, p->disk, &p->disk_len,
                  &g_array_index(events, Event, p->pending), false);
    } else if (e->kind == EV_OP) {
        KillOp op =
            kill_op(7, e->offset, (unsigned) e->len, p->kind->cluster_size);
        for (guint32 s = op.first; s < op.first + op.n; s++)
            p->maybe[s] = kill_stamp(&op, s);
    } else if (e->kind == EV_ACK) {
        memcpy(p->known, p->maybe, sizeof p->known);
    }
}

static void
replay(Power *p, unsigned wanted)
{
    for (guint i = 0; i < events->len && p->errors + p->lost == 0; i++) {
        /* as many as this part of the events is due */
        guint64 due = (guint64) wanted * (i + 1) / events->len -
                      (guint64) wanted * i / events->len;
        step(p, i);
        for (; due > 0; due--) {
            make_state(p, i + 1, qrig_random(&p->seed) % 4);
            judge(p);
        }
    }
}

static void
prepare(Power *p)
{
    g_autofree guint8 *data = g_malloc0(KILL_BYTES);
    g_autofree char *file = NULL;

    for (guint32 i = 0; i < SECTORS; i++) {
        p->known[i] = p->kind->backing ? 0x1234567800000000ull + i : 0;
        kill_fill(data + i * KILL_SECTOR, p->known[i]);
    }
    memcpy(p->maybe, p->known, sizeof p->known);
    (void) g_remove(p->rig.path);
    CU_ASSERT_TRUE_FATAL(
        g_file_set_contents(p->base, (char *) data, KILL_BYTES, NULL));
    CU_ASSERT_TRUE_FATAL(qrig_create(
        &p->rig,
        (BlockCreate){.bytes = KILL_BYTES,
                      .cluster_size = p->kind->cluster_size,
                      .refcount_bits = p->kind->refcount_bits,
                      .version = p->kind->version,
                      .backing = p->kind->backing ? p->base : NULL,
                      .backing_format = p->kind->backing ? "raw" : NULL}));
    CU_ASSERT_TRUE_FATAL(
        g_file_get_contents(p->rig.path, &file, &p->disk_len, NULL));
    p->pending = 0;
    memset(p->disk, 0, p->cap);
    memcpy(p->disk, file, p->disk_len);
}

static void
run_image(Power *p, const Image *kind, unsigned states)
{
    p->kind = kind;
    prepare(p);
    record_workload(p);
    printf("# clusters of %u bytes: %u events\n", kind->cluster_size,
           events->len);
    replay(p, states);
    for (guint i = 0; i < events->len; i++)
        g_free(g_array_index(events, Event, i).data);
    g_clear_pointer(&events, g_array_unref);
}

static void
test_power(void)
{
    const char *wanted = g_getenv("CARREL_LONG_TESTS");
    unsigned n = wanted != NULL && *wanted == '1' ? 100000 : 2400;
    Power *p = g_new0(Power, 1);

    qrig_init(&p->rig);
    p->base = g_build_filename(p->rig.dir, "base.img", NULL);
    p->seed = 1;
    p->cap = 16 << 20;
    p->disk = g_malloc(p->cap);
    p->state = g_malloc(p->cap);
    p->content = g_malloc(KILL_BYTES);
    for (unsigned i = 0; i < G_N_ELEMENTS(images); i++)
        run_image(p, &images[i], n / G_N_ELEMENTS(images));
    printf("# %u states\n", p->states);
    CU_ASSERT_EQUAL(p->errors, 0);
    CU_ASSERT_EQUAL(p->lost, 0);
    CU_ASSERT_EQUAL(p->states, n / G_N_ELEMENTS(images) * G_N_ELEMENTS(images));
    g_free(p->disk);
    g_free(p->state);
    g_free(p->content);
    g_free(p->base);
    qrig_done(&p->rig);
    g_free(p);
}

CU_MAIN("block-qcow2-power", {"nothing_flushed_is_lost_by_power", test_power})
