/* tests/unit/test-shared-file.c - the file below /dev/shm that a guest shares:
 * who made it, who may use it, and who clears it away. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/assemble-internal.h"
#include "tests/unit/cu-main.h"
#include "vmm/core/error.h"

typedef struct {
    Machine m;
    char *name, *path;
    GError *error;
} Fixture;

static void
begin(Fixture *f)
{
    *f = (Fixture){.name = g_strdup_printf("carrel-test-%d", getpid())};
    f->m.name = f->name;
    f->path = g_build_filename("/dev/shm", f->name, NULL);
    (void) unlink(f->path);
}

static bool
open_it(Fixture *f, const char *more)
{
    g_autofree char *text = g_strdup_printf(
        "[ivshmem]\nmodel=ivshmem-plain\nname=\nsize=1M\n%s", more);
    g_autoptr(Profile) p =
        profile_parse(text, strlen(text), "/m/machine.ini", NULL);

    CU_ASSERT_TRUE(profile_validate(p, NULL));
    return machine_open_shared(&f->m, p, &f->error);
}

static void
end(Fixture *f)
{
    machine_close_shared(&f->m);
    (void) unlink(f->path);
    g_clear_error(&f->error);
    g_free(f->name);
    g_free(f->path);
}

static void
put(Fixture *f, off_t len)
{
    int fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    CU_ASSERT_TRUE(fd >= 0 && ftruncate(fd, len) == 0);
    (void) close(fd);
}

static bool
is_there(const Fixture *f)
{
    return access(f->path, F_OK) == 0;
}

static bool
complains(const Fixture *f, CarrelError code, const char *text)
{
    return f->error != NULL && g_error_matches(f->error, CARREL_ERROR, code) &&
           strstr(f->error->message, text) != NULL;
}

static void
without_a_card_there_is_no_file(void)
{
    g_autoptr(Profile) p = profile_new();
    Fixture f;

    begin(&f);
    CU_ASSERT_TRUE(machine_open_shared(&f.m, p, NULL));
    CU_ASSERT_PTR_NULL(f.m.shared);
    CU_ASSERT_FALSE(is_there(&f));
    end(&f);
}

static void
a_file_that_is_made_goes_again(void)
{
    struct stat st;
    Fixture f;

    begin(&f);
    CU_ASSERT_TRUE(open_it(&f, "mode=0660\n"));
    CU_ASSERT_EQUAL(stat(f.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 01660); /* and the mark of ours */
    CU_ASSERT_EQUAL(st.st_size, 1 << 20);
    CU_ASSERT_TRUE(st.st_blocks * 512 >= 1 << 20); /* all there */
    CU_ASSERT_EQUAL(f.m.shared->file.len, 1 << 20);
    machine_close_shared(&f.m);
    CU_ASSERT_FALSE(is_there(&f));
    end(&f);
}

static void
a_file_that_was_there_stays(void)
{
    struct stat st;
    Fixture f;

    begin(&f);
    put(&f, 0); /* as tmpfiles.d makes it */
    CU_ASSERT_TRUE(open_it(&f, "mode=0660\n"));
    CU_ASSERT_EQUAL(stat(f.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0644); /* whoever made it knew why */
    CU_ASSERT_EQUAL(st.st_size, 1 << 20);
    machine_close_shared(&f.m);
    CU_ASSERT_TRUE(is_there(&f));
    end(&f);
}

static void
a_larger_file_is_not_cut_short(void)
{
    Fixture f;

    begin(&f);
    put(&f, 2 << 20);
    CU_ASSERT_FALSE(open_it(&f, ""));
    CU_ASSERT_TRUE(complains(&f, CARREL_ERROR_INVALID, "ivshmem.size: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.error->message, "2097152 bytes"));
    end(&f);
}

static void
a_link_is_not_followed(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_EQUAL(symlink("/etc/hostname", f.path), 0);
    CU_ASSERT_FALSE(open_it(&f, ""));
    CU_ASSERT_TRUE(complains(&f, CARREL_ERROR_NOT_FOUND, "ivshmem.name: "));
    end(&f);
}

static void
what_is_no_file_is_refused(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_EQUAL(mkfifo(f.path, 0600), 0);
    CU_ASSERT_FALSE(open_it(&f, ""));
    CU_ASSERT_TRUE(complains(&f, CARREL_ERROR_INVALID, "is no file"));
    end(&f);
}

/* Only root can make such a one; others are refused by the kernel. */
static void
somebody_else_s_file_is_refused(void)
{
    Fixture f;

    begin(&f);
    put(&f, 1 << 20);
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(chown(f.path, 12345, (gid_t) -1), 0);
        CU_ASSERT_FALSE(open_it(&f, ""));
        CU_ASSERT_TRUE(
            complains(&f, CARREL_ERROR_PERMISSION, "belongs to user 12345"));
    } else {
        CU_ASSERT_EQUAL(chmod(f.path, 0), 0);
        CU_ASSERT_FALSE(open_it(&f, ""));
        CU_ASSERT_TRUE(
            complains(&f, CARREL_ERROR_PERMISSION, "ivshmem.name: "));
    }
    end(&f);
}

static void
a_group_that_is_not_there_is_named(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_FALSE(open_it(&f, "group=no-such-group\n"));
    CU_ASSERT_TRUE(complains(&f, CARREL_ERROR_NOT_FOUND, "ivshmem.group: "));
    machine_close_shared(&f.m);
    CU_ASSERT_FALSE(is_there(&f));
    end(&f);
}

static void
a_second_machine_is_refused(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_TRUE(open_it(&f, ""));
    Machine first = f.m;
    f.m = (Machine){.name = f.name};
    CU_ASSERT_FALSE(open_it(&f, ""));
    CU_ASSERT_TRUE(complains(&f, CARREL_ERROR_BUSY, "ivshmem.name: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.error->message, f.path));
    /* and takes nothing away from the first */
    machine_close_shared(&f.m);
    CU_ASSERT_TRUE(is_there(&f));
    machine_close_shared(&first);
    CU_ASSERT_FALSE(is_there(&f));
    g_clear_error(&f.error);
    CU_ASSERT_TRUE(open_it(&f, ""));
    end(&f);
}

static void
an_administrators_file_is_for_one_at_a_time(void)
{
    Fixture f;

    begin(&f);
    put(&f, 1 << 20);
    int other = open(f.path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(flock(other, LOCK_EX), 0);
    CU_ASSERT_FALSE(open_it(&f, ""));
    CU_ASSERT_TRUE(complains(&f, CARREL_ERROR_BUSY, "another machine"));
    machine_close_shared(&f.m);
    g_clear_error(&f.error);
    (void) close(other);
    CU_ASSERT_TRUE(is_there(&f));
    CU_ASSERT_TRUE(open_it(&f, ""));
    end(&f);
}

/* What SIGKILL leaves: another guest's content, size and mode. */
static void
what_a_killed_machine_left_is_made_anew(void)
{
    struct stat st;
    Fixture f;
    char byte = 1;

    begin(&f);
    CU_ASSERT_TRUE(open_it(&f, "mode=0666\n"));
    CU_ASSERT_EQUAL(pwrite(f.m.shared->file.fd, "secret", 6, 4096), 6);
    f.m.shared->made = false;
    machine_close_shared(&f.m);
    CU_ASSERT_TRUE_FATAL(is_there(&f));
    CU_ASSERT_EQUAL(truncate(f.path, 2 << 20), 0);

    CU_ASSERT_TRUE_FATAL(open_it(&f, "mode=0600\n"));
    CU_ASSERT_EQUAL(stat(f.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(st.st_size, 1 << 20);
    CU_ASSERT_EQUAL(pread(f.m.shared->file.fd, &byte, 1, 4096), 1);
    CU_ASSERT_EQUAL(byte, 0);
    machine_close_shared(&f.m);
    CU_ASSERT_FALSE(is_there(&f));
    end(&f);
}

CU_MAIN("shared-file",
        {"without_a_card_there_is_no_file", without_a_card_there_is_no_file},
        {"a_file_that_is_made_goes_again", a_file_that_is_made_goes_again},
        {"a_file_that_was_there_stays", a_file_that_was_there_stays},
        {"a_larger_file_is_not_cut_short", a_larger_file_is_not_cut_short},
        {"a_link_is_not_followed", a_link_is_not_followed},
        {"what_is_no_file_is_refused", what_is_no_file_is_refused},
        {"somebody_else_s_file_is_refused", somebody_else_s_file_is_refused},
        {"a_group_that_is_not_there_is_named",
         a_group_that_is_not_there_is_named},
        {"a_second_machine_is_refused", a_second_machine_is_refused},
        {"an_administrators_file_is_for_one_at_a_time",
         an_administrators_file_is_for_one_at_a_time},
        {"what_a_killed_machine_left_is_made_anew",
         what_a_killed_machine_left_is_made_anew})
