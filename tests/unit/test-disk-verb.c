/* tests/unit/test-disk-verb.c - carrel disk from outside: what is made, exit
 * codes, what is refused, and that an interrupted copy leaves nothing. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "app/json.h"
#include "tests/unit/qcow2-rig.h"
#include "vmm/core/sysutil.h"

typedef struct {
    BlockRig rig;
    int code;
    char *out, *err;
} Run;

static void
set_up(Run *run)
{
    *run = (Run){0};
    qrig_init(&run->rig);
    g_setenv("XDG_RUNTIME_DIR", run->rig.dir, TRUE);
}

static void
tear_down(Run *run)
{
    g_free(run->out);
    g_free(run->err);
    qrig_done(&run->rig);
}

/* `carrel WORDS` in the directory of its own. */
static int
carrel(Run *run, const char *words)
{
    g_autofree char *line =
        g_strdup_printf("%s %s", g_getenv("CARREL_TEST_PROGRAM"), words);
    g_auto(GStrv) argv = NULL;
    int status = -1;

    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
    CU_ASSERT_TRUE_FATAL(g_shell_parse_argv(line, NULL, &argv, NULL));
    g_spawn_sync(run->rig.dir, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL,
                 &run->out, &run->err, &status, NULL);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run->code;
}

static bool
has(const Run *run, const char *name)
{
    g_autofree char *path = g_build_filename(run->rig.dir, name, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gint64
number(const Run *run, const char *name)
{
    g_autoptr(JsonNode) node = json_parse(run->out, strlen(run->out), NULL);

    return json_get_int(node, name, -1);
}

static void
create_and_info_agree(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create a.qcow2 --size 8M "
                                 "--cluster-size 4K"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info a.qcow2"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 8 << 20);
    CU_ASSERT_EQUAL(number(&run, "cluster-size"), 4096);
    CU_ASSERT_EQUAL(carrel(&run, "disk create a.img --size 3M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info a.img"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 3 << 20);
    CU_ASSERT_EQUAL(number(&run, "used-bytes"), 0);
    tear_down(&run);
}

static void
nothing_is_overwritten(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create a.img --size 3M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk create a.img --size 5M"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert a.img a.img"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info a.img"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 3 << 20);
    tear_down(&run);
}

static void
format_is_not_taken_from_the_content(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create a.qcow2 --size 8M"), 0);
    CU_ASSERT_EQUAL(qrig_shell(&run.rig, "mv a.qcow2 a.img"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk info a.img"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "format     raw"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "looks like qcow2"));
    CU_ASSERT_EQUAL(qrig_shell(&run.rig, "mv a.img a.thing"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk info a.thing"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "--format"));
    CU_ASSERT_EQUAL(carrel(&run, "disk info a.thing --format qcow2"), 0);
    tear_down(&run);
}

static void
mistakes_are_2_and_missing_files_3(void)
{
    static const char *const wrong[] = {
        "disk frob a.img",
        "disk create a.img",
        "disk create a.img --size 1x",
        "disk create a.img --size 1000",
        "disk create a.qcow2 --size 1M --cluster-size 3K",
        "disk create a.qcow2 --size 1M --cluster-size 4M",
        "disk create a.qcow2 --size 1M --backing x.img",
        "disk create a.img --size 1M --preallocate some",
        "disk create a.img --size 1M --preallocate metadata",
        "disk create a.vmdk --size 1M",
        "disk create a.img --size 1M --format vmdk",
        "disk info a.img --shrink",
        "disk check a.qcow2 --repair some",
        "disk resize a.img",
    };
    Run run;
    set_up(&run);

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        CU_ASSERT_EQUAL(carrel(&run, wrong[i]), 2);
        if (run.code != 2)
            printf("# %s: %d\n", wrong[i], run.code);
    }
    CU_ASSERT_FALSE(has(&run, "a.img"));
    CU_ASSERT_FALSE(has(&run, "a.qcow2"));
    CU_ASSERT_EQUAL(carrel(&run, "disk info none.img"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "disk check none.qcow2"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert none.qcow2 b.img"), 3);
    tear_down(&run);
}

static void
dry_run_and_read_only_write_nothing(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "--dry-run disk create a.img --size 1M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--read-only disk create a.img --size 1M"), 4);
    CU_ASSERT_FALSE(has(&run, "a.img"));
    CU_ASSERT_EQUAL(carrel(&run, "disk create b.img --size 1M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--dry-run disk convert b.img c.qcow2"), 0);
    CU_ASSERT_FALSE(has(&run, "c.qcow2"));
    CU_ASSERT_EQUAL(carrel(&run, "--dry-run disk resize b.img 2M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info b.img"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 1 << 20);
    tear_down(&run);
}

static void
resize_shrinks_only_when_told(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create a.qcow2 --size 8M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize a.qcow2 3G"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize a.qcow2 4M"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "--shrink"));
    CU_ASSERT_EQUAL(carrel(&run, "disk resize a.qcow2 4M --shrink"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info a.qcow2"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 4 << 20);
    CU_ASSERT_EQUAL(carrel(&run, "disk check a.qcow2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk create f.qcow2 --size 8M "
                                 "--preallocate full"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize f.qcow2 4M --shrink"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "data behind the new end"));
    tear_down(&run);
}

static void
a_copy_is_the_same_and_sparse(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(qrig_shell(&run.rig,
                               "head -c 3000000 /dev/urandom >a.img && "
                               "truncate -s 64M a.img && printf end | dd "
                               "of=a.img bs=1 seek=50000000 conv=notrunc"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert a.img b.qcow2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk check b.qcow2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert b.qcow2 c.img"), 0);
    CU_ASSERT_EQUAL(qrig_shell(&run.rig, "cmp a.img c.img"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info c.img"), 0);
    CU_ASSERT_TRUE(number(&run, "used-bytes") < 4 << 20);
    tear_down(&run);
}

static void
a_compressed_copy_is_the_same_and_smaller(void)
{
    static const char *const kinds[] = {"zlib", "zstd"};
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(qrig_shell(&run.rig,
                               "{ seq 500000; head -c 300000 /dev/urandom; } "
                               ">a.img && truncate -s 40000512 a.img && printf "
                               "end | dd of=a.img bs=1 seek=30000000 "
                               "conv=notrunc"),
                    0);
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const char *how = kinds[i];
        g_autofree char *convert = g_strdup_printf(
            "disk convert a.img %s.qcow2 --compress %s", how, how);
        g_autofree char *back =
            g_strdup_printf("disk convert %s.qcow2 %s.img", how, how);
        g_autofree char *same = g_strdup_printf("cmp a.img %s.img", how);
        g_autofree char *info =
            g_strdup_printf("--json disk info %s.qcow2", how);
        int code = carrel(&run, convert);
        if (code == 2 && strstr(run.err, "built with it") != NULL) {
            cu_skip("built without libzstd");
            continue;
        }
        CU_ASSERT_EQUAL(code, 0);
        CU_ASSERT_EQUAL(carrel(&run, back), 0);
        CU_ASSERT_EQUAL(qrig_shell(&run.rig, same), 0);
        CU_ASSERT_EQUAL(carrel(&run, info), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(run.out, how));
        /* 3.4 MB of text, of which a third remains, and noise */
        CU_ASSERT_TRUE(number(&run, "file-bytes") < 2500000);
    }
    CU_ASSERT_EQUAL(carrel(&run, "disk convert a.img b.img --compress zlib"),
                    2);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert a.img b.qcow2 --compress lzma"),
                    2);
    CU_ASSERT_EQUAL(carrel(&run, "disk create b.qcow2 --size 1M --compress "
                                 "zlib"),
                    2);
    CU_ASSERT_FALSE(has(&run, "b.qcow2") || has(&run, "b.img"));
    tear_down(&run);
}

static void
a_locked_image_is_refused_with_4(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create disk.qcow2 --size 8M"), 0);
    BlockImage *image = qrig_image(&run.rig, (BlockSpec){0});
    CU_ASSERT_EQUAL(carrel(&run, "disk check disk.qcow2"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize disk.qcow2 9M"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert disk.qcow2 b.img"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "disk info disk.qcow2"), 0);
    CU_ASSERT_EQUAL(block_image_close(image), 0);
    tear_down(&run);
}

static void
problems_are_8_until_repaired(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create a.qcow2 --size 8M"), 0);
    /* cluster 100 counted and not used */
    CU_ASSERT_EQUAL(qrig_shell(&run.rig,
                               "printf '\\000\\001' | dd of=a.qcow2 bs=1 "
                               "seek=131272 conv=notrunc && truncate -s 7M "
                               "a.qcow2"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk check a.qcow2"), 8);
    CU_ASSERT_EQUAL(number(&run, "leaks"), 1);
    CU_ASSERT_EQUAL(carrel(&run, "disk check a.qcow2 --repair leaks"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk check a.qcow2"), 0);
    tear_down(&run);
}

static void
backing_image_is_followed_only_when_named(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(qrig_shell(&run.rig, "head -c 1M /dev/urandom >a.img"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk create b.qcow2 --backing a.img "
                                 "--backing-format raw"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert b.qcow2 c.img"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "a.img"));
    CU_ASSERT_EQUAL(carrel(&run, "disk convert b.qcow2 c.img --backing a.img "
                                 "--backing-format raw"),
                    0);
    CU_ASSERT_EQUAL(qrig_shell(&run.rig, "cmp a.img c.img"), 0);
    tear_down(&run);
}

/* A copy that has begun and takes a while. */
static GPid
begin_copy(Run *run)
{
    GPid pid;
    char *argv[] = {(char *) g_getenv("CARREL_TEST_PROGRAM"),
                    "disk",
                    "convert",
                    "a.img",
                    "b.qcow2",
                    NULL};

    CU_ASSERT_EQUAL(
        qrig_shell(&run->rig, "head -c 200M /dev/zero | tr '\\0' x >a.img"), 0);
    CU_ASSERT_TRUE_FATAL(g_spawn_async(run->rig.dir, argv, NULL,
                                       G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                       &pid, NULL));
    /* its file has no name, or one of its own */
    g_autofree char *look = g_strdup_printf(
        "ls -l /proc/%d/fd 2>/dev/null | grep -q '(deleted)' || "
        "ls .b.qcow2.*.part >/dev/null 2>&1 || { sleep 0.01; exit 0; }; "
        "touch begun",
        (int) pid);
    for (unsigned i = 0; i < 500 && !has(run, "begun"); i++)
        CU_ASSERT_EQUAL(qrig_shell(&run->rig, look), 0);
    return pid;
}

static void
an_interrupted_copy_leaves_nothing(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        Run run;
        int status = 0;
        set_up(&run);
        GPid pid = begin_copy(&run);

        (void) kill(pid, ends[i]);
        (void) waitpid(pid, &status, 0);
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 130);
        CU_ASSERT_FALSE(has(&run, "b.qcow2"));
        CU_ASSERT_EQUAL(qrig_shell(&run.rig, "! ls -A | grep part"), 0);
        tear_down(&run);
    }
}

/* Where the file system has files without a name, as most have. */
static void
a_killed_copy_leaves_nothing(void)
{
    Run run;
    int status = 0;
    set_up(&run);
    CARREL_AUTO_FD int fd =
        open(run.rig.dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    GPid pid = begin_copy(&run);

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    CU_ASSERT_FALSE(has(&run, "b.qcow2"));
    if (fd >= 0)
        CU_ASSERT_EQUAL(qrig_shell(&run.rig, "! ls -A | grep part"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk convert a.img b.qcow2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk check b.qcow2"), 0);
    tear_down(&run);
}

static void
sizes_are_given_as_one_thinks(void)
{
    Run run;
    set_up(&run);

    CU_ASSERT_EQUAL(carrel(&run, "disk create a.img 3M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize a.img +1M"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "resized a.img: 4M"));
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info a.img"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 4 << 20);
    CU_ASSERT_EQUAL(carrel(&run, "disk create b.qcow2 3M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize b.qcow2 +5M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "--json disk info b.qcow2"), 0);
    CU_ASSERT_EQUAL(number(&run, "bytes"), 8 << 20);
    CU_ASSERT_EQUAL(carrel(&run, "disk create c.img 3M --size 4M"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "disk create c.img"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.err, "disk create FILE 20G"));
    CU_ASSERT_EQUAL(carrel(&run, "disk resize a.img +x"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "disk info nosuch"), 3);
    CU_ASSERT_EQUAL(carrel(&run, "disk resize nosuch 4M"), 3);
    tear_down(&run);
}

static void
a_new_machine_may_have_qcow2_disks(void)
{
    Run run;
    set_up(&run);
    g_setenv("CARREL_MACHINES_DIR", run.rig.dir, TRUE);

    CU_ASSERT_EQUAL(carrel(&run, "new m --new-disk 20M --disk-format qcow2"),
                    0);
    CU_ASSERT_EQUAL(carrel(&run, "get m disk0.format disk0.path"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.out, "qcow2"));
    CU_ASSERT_EQUAL(carrel(&run, "disk check m/disks/disk0.qcow2"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "check m"), 0);
    (void) qrig_shell(&run.rig, "rm -r m");
    tear_down(&run);
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

CU_MAIN("disk-verb", CASE(create_and_info_agree), CASE(nothing_is_overwritten),
        CASE(format_is_not_taken_from_the_content),
        CASE(mistakes_are_2_and_missing_files_3),
        CASE(dry_run_and_read_only_write_nothing),
        CASE(resize_shrinks_only_when_told),
        CASE(a_copy_is_the_same_and_sparse),
        CASE(a_compressed_copy_is_the_same_and_smaller),
        CASE(a_locked_image_is_refused_with_4),
        CASE(problems_are_8_until_repaired),
        CASE(backing_image_is_followed_only_when_named),
        CASE(an_interrupted_copy_leaves_nothing),
        CASE(a_killed_copy_leaves_nothing), CASE(sizes_are_given_as_one_thinks),
        CASE(a_new_machine_may_have_qcow2_disks))
