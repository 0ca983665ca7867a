/* tests/unit/test-block-lock.c - who may open an image beside whom. */
#include <sys/wait.h>

#include "tests/unit/block-rig.h"

/* A second opener in the same process has its own open file description, so
 * it is excluded like another process. */
static char *
second_open(BlockRig *rig, BlockSpec spec)
{
    GError *error = NULL;

    spec.path = rig->path;
    spec.format = "raw";
    Block *block = block_open(&spec, rig->loop, &error);
    block_close(block);
    if (error == NULL)
        return NULL;
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_LOCKED));
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}

static void
test_two_writers(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    g_autofree char *message = second_open(&rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, rig.path));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "in use for writing by this "
                                           "machine itself"));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "stop that machine first"));
    rig_done_all(&rig);
}

static void
test_reader_beside_writer(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    g_autofree char *reader = second_open(&rig, (BlockSpec){.read_only = true});
    g_autofree char *snapshot =
        second_open(&rig, (BlockSpec){.snapshot = true});
    CU_ASSERT_PTR_NOT_NULL(reader);
    CU_ASSERT_PTR_NOT_NULL(snapshot);
    rig_done_all(&rig);
}

static void
test_writer_beside_reader(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.read_only = true}));
    g_autofree char *message = second_open(&rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "open the image read-only or in "
                                           "snapshot mode"));
    rig_done_all(&rig);
}

static void
test_readers(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.snapshot = true}));
    CU_ASSERT_PTR_NULL(second_open(&rig, (BlockSpec){.read_only = true}));
    CU_ASSERT_PTR_NULL(second_open(&rig, (BlockSpec){.snapshot = true}));
    rig_done_all(&rig);
}

static void
test_close_releases(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    block_close(rig.block);
    rig.block = NULL;
    CU_ASSERT_PTR_NULL(second_open(&rig, (BlockSpec){0}));
    rig_done_all(&rig);
}

static void
test_hard_link(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    char *real = rig.path;
    rig.path = g_build_filename(rig.dir, "other.img", NULL);
    CU_ASSERT_EQUAL(link(real, rig.path), 0);
    g_autofree char *message = second_open(&rig, (BlockSpec){0});
    CU_ASSERT_PTR_NOT_NULL(message);
    (void) g_remove(real);
    g_free(real);
    rig_done_all(&rig);
}

/* The bytes, as an outside program sees and sets them. */
static bool
foreign_lock(int fd, short type, off_t start, off_t len)
{
    struct flock fl = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

    return fcntl(fd, F_OFD_SETLK, &fl) == 0;
}

static void
test_bytes_of_writer(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    CARREL_AUTO_FD int fd = open(rig.path, O_RDWR | O_CLOEXEC);
    /* uses: read 100, write 101, resize 103; unshared: 201, 203 */
    CU_ASSERT_FALSE(foreign_lock(fd, F_WRLCK, 100, 1));
    CU_ASSERT_FALSE(foreign_lock(fd, F_WRLCK, 101, 1));
    CU_ASSERT_TRUE(foreign_lock(fd, F_WRLCK, 102, 1));
    CU_ASSERT_FALSE(foreign_lock(fd, F_WRLCK, 103, 1));
    CU_ASSERT_TRUE(foreign_lock(fd, F_WRLCK, 200, 1));
    CU_ASSERT_FALSE(foreign_lock(fd, F_WRLCK, 201, 1));
    CU_ASSERT_TRUE(foreign_lock(fd, F_WRLCK, 202, 1));
    CU_ASSERT_FALSE(foreign_lock(fd, F_WRLCK, 203, 1));
    CU_ASSERT_TRUE(foreign_lock(fd, F_RDLCK, 100, 1));
    rig_done_all(&rig);
}

static void
test_foreign_writer(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CARREL_AUTO_FD int fd = open(rig.path, O_RDWR | O_CLOEXEC);
    /* what QEMU 10 was seen to hold on an image it writes */
    CU_ASSERT_TRUE(foreign_lock(fd, F_RDLCK, 100, 2));
    CU_ASSERT_TRUE(foreign_lock(fd, F_RDLCK, 103, 1));
    CU_ASSERT_TRUE(foreign_lock(fd, F_RDLCK, 201, 1));
    CU_ASSERT_TRUE(foreign_lock(fd, F_RDLCK, 203, 1));
    g_autofree char *writer = second_open(&rig, (BlockSpec){0});
    g_autofree char *reader = second_open(&rig, (BlockSpec){.read_only = true});
    CU_ASSERT_PTR_NOT_NULL(writer);
    CU_ASSERT_PTR_NOT_NULL(reader);
    rig_done_all(&rig);
}

static void
test_foreign_whole_file(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    CARREL_AUTO_FD int fd = open(rig.path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_TRUE(foreign_lock(fd, F_WRLCK, 0, 0));
    g_autofree char *reader = second_open(&rig, (BlockSpec){.read_only = true});
    CU_ASSERT_PTR_NOT_NULL(reader);
    rig_done_all(&rig);
}

/* A child that holds the writer's byte until its pipe closes. */
static pid_t
spawn_holder(const char *path, int *ret_pipe)
{
    int hold[2], ready[2];
    char byte = 0;

    if (pipe2(hold, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        close(hold[1]);
        (void) !foreign_lock(fd, F_RDLCK, 101, 1);
        (void) !write(ready[1], "x", 1);
        (void) !read(hold[0], &byte, 1);
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(hold[0]);
    close(ready[0]);
    close(ready[1]);
    *ret_pipe = hold[1];
    return pid;
}

static void
test_names_holder(void)
{
    BlockRig rig;
    int pipe_end = -1;

    rig_init(&rig, 512);
    pid_t pid = spawn_holder(rig.path, &pipe_end);
    g_autofree char *message = second_open(&rig, (BlockSpec){0});
    g_autofree char *wanted = g_strdup_printf("by process %d (", pid);
    close(pipe_end);
    waitpid(pid, NULL, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, wanted));
    CU_ASSERT_PTR_NULL(second_open(&rig, (BlockSpec){0}));
    rig_done_all(&rig);
}

/* Exit status of qemu-io on the image, or -1 when there is none. */
static int
run_qemu_io(const char *path, const char *flag)
{
    g_autofree char *program = g_find_program_in_path("qemu-io");
    const char *argv[] = {program, "-f",         "raw", flag,
                          "-c",    "read 0 512", path,  NULL};
    int status = 0;

    if (program == NULL ||
        !g_spawn_sync(NULL, (char **) argv, NULL,
                      G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, NULL, NULL, &status, NULL))
        return -1;
    return WEXITSTATUS(status);
}

static void
test_qemu(void)
{
    BlockRig rig;

    rig_init(&rig, 512);
    if (run_qemu_io(rig.path, "-r") != 0) {
        cu_skip("qemu-io is not installed");
        rig_done_all(&rig);
        return;
    }
    /* with -r it would come in: QEMU's tools tolerate a writer then, its
     * machines do not */
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){0}));
    CU_ASSERT_EQUAL(run_qemu_io(rig.path, "-d"), 1);
    block_close(rig.block);
    CU_ASSERT_TRUE_FATAL(rig_open(&rig, (BlockSpec){.read_only = true}));
    CU_ASSERT_EQUAL(run_qemu_io(rig.path, "-d"), 1);
    CU_ASSERT_EQUAL(run_qemu_io(rig.path, "-r"), 0);
    rig_done_all(&rig);
}

CU_MAIN("block-lock", {"second_writer_is_refused", test_two_writers},
        {"reader_beside_a_writer_is_refused", test_reader_beside_writer},
        {"writer_beside_a_reader_is_refused", test_writer_beside_reader},
        {"readers_and_snapshots_share", test_readers},
        {"close_releases_the_locks", test_close_releases},
        {"another_name_of_the_file_does_not_help", test_hard_link},
        {"writer_holds_the_bytes_qemu_uses", test_bytes_of_writer},
        {"qemu_as_writer_is_respected", test_foreign_writer},
        {"lock_on_the_whole_file_is_respected", test_foreign_whole_file},
        {"message_names_the_other_process", test_names_holder},
        {"qemu_itself_is_kept_out", test_qemu})
