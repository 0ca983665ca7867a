/* tests/unit/test-block-qcow2-kill.c - a process that writes to a qcow2 image
 * is killed at a moment nobody chose, again and again. Every time: the tables
 * have no errors, leaks at most, and all that was flushed is there. 1,000
 * kills, or 10,000 with CARREL_LONG_TESTS=1. */
#include <signal.h>

#include "tests/unit/qcow2-kill.h"
#include "tests/unit/qcow2-rig.h"

#define SECTORS (KILL_BYTES / KILL_SECTOR)

typedef struct {
    guint32 cluster_size, refcount_bits, version;
    bool backing;
} Kind;

/* clang-format off */
static const Kind kinds[] = {
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
    const Kind *kind;
    char *base;
    guint64 known[SECTORS]; /* stamp of each sector */
    guint64 life, groups;   /* groups: flushed in all */
    guint64 seed;
    unsigned errors, lost;
} Kill;

static void
kill_create(Kill *k, const Kind *kind)
{
    k->kind = kind;
    (void) g_remove(k->rig.path);
    memset(k->known, 0, sizeof k->known);
    for (guint32 i = 0; kind->backing && i < SECTORS; i++)
        k->known[i] = 0x1234567800000000ull + i;
    if (kind->backing) {
        g_autofree guint8 *data = g_malloc(KILL_BYTES);
        for (guint32 i = 0; i < SECTORS; i++)
            kill_fill(data + i * KILL_SECTOR, k->known[i]);
        CU_ASSERT_TRUE_FATAL(
            g_file_set_contents(k->base, (char *) data, KILL_BYTES, NULL));
    }
    CU_ASSERT_TRUE_FATAL(qrig_create(
        &k->rig,
        (BlockCreate){.bytes = KILL_BYTES,
                      .cluster_size = kind->cluster_size,
                      .refcount_bits = kind->refcount_bits,
                      .version = kind->version,
                      .backing = kind->backing ? k->base : NULL,
                      .backing_format = kind->backing ? "raw" : NULL}));
}

static pid_t
spawn_writer(Kill *k, int *ret_pipe)
{
    g_autofree char *life = g_strdup_printf("%" G_GUINT64_FORMAT, k->life);
    g_autofree char *size = g_strdup_printf("%u", k->kind->cluster_size);
    char *argv[] = {
        (char *) g_getenv("CARREL_TEST_WRITER"), k->rig.path, life, size,
        k->kind->backing ? k->base : NULL,       NULL};
    GPid pid = -1;
    g_autoptr(GError) error = NULL;

    if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                  NULL, NULL, &pid, NULL, ret_pipe, NULL,
                                  &error))
        printf("# %s\n", error->message);
    return pid;
}

/* The number of the last group that it said was flushed. */
static guint64
run_and_kill(Kill *k)
{
    int fd = -1, status = 0;
    guint64 last = 0, got;
    pid_t pid = spawn_writer(k, &fd);

    CU_ASSERT_TRUE_FATAL(pid > 0);
    /* sometimes right at the start, sometimes after a good number of groups */
    guint64 wait_for = qrig_random(&k->seed) % 4;
    while (last < wait_for && read(fd, &got, sizeof got) == sizeof got)
        last = got;
    g_usleep(qrig_random(&k->seed) % 6000);
    (void) kill(pid, SIGKILL);
    while (read(fd, &got, sizeof got) == sizeof got)
        last = got;
    (void) waitpid(pid, &status, 0);
    close(fd);
    if (!WIFSIGNALED(status)) {
        printf("# the writer ended by itself: %d\n", status);
        k->errors++;
    }
    return last;
}

/* The kernel takes a killed process's ring apart after the process is gone,
 * and the file with its locks goes with the ring. */
static void
wait_for_lock(Kill *k)
{
    const BlockSpec spec = {
        .path = k->rig.path, .format = "raw", .read_only = true};

    for (unsigned i = 0; i < 2000; i++) {
        g_autoptr(GError) error = NULL;
        BlockImage *image = block_image_open(&spec, &error);
        bool locked = g_error_matches(error, CARREL_BLOCK_ERROR,
                                      CARREL_BLOCK_ERROR_LOCKED);
        (void) block_image_close(image);
        if (!locked)
            return;
        g_usleep(1000);
    }
}

/* What the sectors should have: at least `last` groups, and anything of the
 * one that was under way. */
static void
judge_content(Kill *k, guint64 last, const guint8 *data)
{
    guint64 *maybe = g_new(guint64, SECTORS);

    for (guint64 group = 1; group <= last + 1; group++) {
        if (group == last + 1)
            memcpy(maybe, k->known, sizeof k->known);
        for (unsigned i = 0; i < KILL_OPS; i++) {
            KillOp op = kill_op(k->life, group, i, k->kind->cluster_size);
            for (guint32 s = op.first; s < op.first + op.n; s++)
                (group <= last ? k->known : maybe)[s] = kill_stamp(&op, s);
        }
    }
    for (guint32 s = 0; s < SECTORS; s++) {
        guint8 old[KILL_SECTOR], new[KILL_SECTOR];
        const guint8 *is = data + s * KILL_SECTOR;
        kill_fill(old, k->known[s]);
        kill_fill(new, maybe[s]);
        if (memcmp(is, new, KILL_SECTOR) == 0)
            k->known[s] = maybe[s];
        else if (memcmp(is, old, KILL_SECTOR) != 0)
            k->lost++;
    }
    g_free(maybe);
}

static void
one_kill(Kill *k, guint8 *data)
{
    const BlockBacking backing = {k->base, "raw"};

    k->life++;
    guint64 last = run_and_kill(k);
    k->groups += last;
    wait_for_lock(k);
    BlockCheck check = qrig_check(&k->rig, BLOCK_REPAIR_NONE);
    k->errors += check.errors != 0;
    BlockImage *image =
        qrig_image(&k->rig, (BlockSpec){.read_only = true,
                                        .backings = &backing,
                                        .n_backings = k->kind->backing});
    CU_ASSERT_PTR_NOT_NULL_FATAL(image);
    k->errors += block_image_read(image, 0, data, KILL_BYTES) != 0;
    (void) block_image_close(image);
    judge_content(k, last, data);
}

static void
test_kills(void)
{
    const char *wanted = g_getenv("CARREL_LONG_TESTS");
    unsigned n = wanted != NULL && *wanted == '1' ? 10000 : 1000;
    unsigned each = n / G_N_ELEMENTS(kinds) + 1;
    Kill *k = g_new0(Kill, 1);
    g_autofree guint8 *data = g_malloc(KILL_BYTES);

    qrig_init(&k->rig);
    k->seed = (guint64) g_get_monotonic_time(); /* kills fall anywhere anyway */
    k->base = g_build_filename(k->rig.dir, "base.img", NULL);
    for (unsigned i = 0; i < n && k->errors + k->lost == 0; i++) {
        if (i % each == 0)
            kill_create(k, &kinds[i / each]);
        one_kill(k, data);
        /* the other opinion: leaks (3) are allowed, errors are not */
        if (i % 50 == 49 && qrig_have("qemu-img")) {
            int rc = qrig_shell(&k->rig, "qemu-img check -q -f qcow2 \"$I\" "
                                         ">/dev/null; [ $? -ne 2 ]");
            k->errors += rc != 0;
        }
    }
    printf("# %" G_GUINT64_FORMAT " kills, %" G_GUINT64_FORMAT
           " flushed groups\n",
           k->life, k->groups);
    CU_ASSERT_EQUAL(k->errors, 0);
    CU_ASSERT_EQUAL(k->lost, 0);
    CU_ASSERT_TRUE(k->groups > n); /* it did get to write */
    g_free(k->base);
    qrig_done(&k->rig);
    g_free(k);
}

CU_MAIN("block-qcow2-kill", {"nothing_flushed_is_lost_by_kill", test_kills})
