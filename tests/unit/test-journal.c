/* tests/unit/test-journal.c - a helper's journal that has become long. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/helper/journal.h"
#include "tests/unit/cu-main.h"

#define LONG_RECORDS 2000 /* of some 900 bytes */

typedef struct {
    char *dir, *file;
} Fixture;

static void
begin(Fixture *f)
{
    f->dir = g_dir_make_tmp("carrel-journal-XXXXXX", NULL);
    f->file = g_build_filename(f->dir, "helper.jsonl", NULL);
    g_setenv("CARREL_HELPER_DIR", f->dir, TRUE);
}

static void
end(Fixture *f)
{
    (void) unlink(f->file);
    CU_ASSERT_EQUAL(rmdir(f->dir), 0); /* nothing lies beside it */
    g_free(f->dir);
    g_free(f->file);
}

static void
add_record(GString *text, guint64 id, const char *end_state)
{
    g_autofree char *filler = g_strnfill(800, 'x');

    g_string_append_printf(
        text,
        "{\"id\":%" G_GUINT64_FORMAT ",\"time\":1,\"state\":\"begun\","
        "\"action\":\"passthrough\",\"name\":\"n\",\"boot\":\"b\"}\n"
        "{\"id\":%" G_GUINT64_FORMAT ",\"step\":1,\"kind\":\"file\","
        "\"target\":\"/etc/x\",\"before\":\"\",\"after\":\"%s\"}\n"
        "{\"id\":%" G_GUINT64_FORMAT ",\"step\":1,\"state\":\"done\"}\n"
        "{\"id\":%" G_GUINT64_FORMAT ",\"state\":\"%s\",\"undoes\":0}\n",
        id, id, filler, id, id, end_state);
}

/* Number 1 is in force, number 2 a tap that is there; the others are taken
 * back. */
static void
write_long(const Fixture *f)
{
    g_autoptr(GString) text = g_string_new(NULL);

    add_record(text, 1, "done");
    g_string_append(text, "{\"id\":2,\"time\":1,\"state\":\"begun\","
                          "\"action\":\"add-tap\",\"name\":\"t\"}\n"
                          "{\"id\":2,\"state\":\"done\",\"undoes\":0}\n");
    for (guint64 id = 3; id <= LONG_RECORDS; id++)
        add_record(text, id, "undone");
    CU_ASSERT_TRUE(g_file_set_contents(f->file, text->str, -1, NULL));
}

static gint64
size_of(const Fixture *f)
{
    struct stat st;
    return stat(f->file, &st) == 0 ? st.st_size : -1;
}

static void
test_compacted(void)
{
    Fixture f;

    begin(&f);
    write_long(&f);
    gint64 before = size_of(&f);
    int lock = journal_lock(NULL);
    CU_ASSERT_TRUE(lock >= 0);
    CU_ASSERT_TRUE(size_of(&f) < before / 4);
    g_autoptr(GPtrArray) records = journal_read(NULL);
    CU_ASSERT_EQUAL(records->len, 202); /* two, and the newest 200 */
    const JournalRecord *first = g_ptr_array_index(records, 0);
    CU_ASSERT_EQUAL(first->id, 1);
    CU_ASSERT_TRUE(journal_in_force(first));
    CU_ASSERT_EQUAL(first->plan->steps->len, 1);
    CU_ASSERT_EQUAL(g_array_index(first->states, StepState, 0), STEP_DONE);
    const JournalRecord *tap = g_ptr_array_index(records, 1);
    CU_ASSERT_STRING_EQUAL(tap->name, "t");
    CU_ASSERT_EQUAL(journal_next_id(NULL), LONG_RECORDS + 1);
    close(lock);
    end(&f);
}

/* What is short stays as it is, to the byte. */
static void
test_short(void)
{
    Fixture f;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *after = NULL;

    begin(&f);
    add_record(text, 1, "undone");
    CU_ASSERT_TRUE(g_file_set_contents(f.file, text->str, -1, NULL));
    int lock = journal_lock(NULL);
    CU_ASSERT_TRUE(g_file_get_contents(f.file, &after, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(text->str, after);
    close(lock);
    end(&f);
}

/* Who waited for the old file gets the lock of the new one, and only when it is
 * free: status 0. */
G_NORETURN static void
wait_for_lock(const Fixture *f, int ready)
{
    struct stat ours, there;

    (void) !write(ready, "", 1);
    int lock = journal_lock(NULL);
    _exit(lock < 0 || fstat(lock, &ours) < 0 || stat(f->file, &there) < 0 ||
          ours.st_ino != there.st_ino);
}

static void
test_waiter(void)
{
    Fixture f;
    int ready[2], status = -1;
    char byte;

    begin(&f);
    write_long(&f);
    int old = open(f.file, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(flock(old, LOCK_EX), 0); /* so that it waits for this */
    CU_ASSERT_EQUAL(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(old); /* the lock is the open file's, and is shared */
        wait_for_lock(&f, ready[1]);
    }
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    g_usleep(50000);
    g_autofree char *beside = g_strconcat(f.file, ".other", NULL);
    CU_ASSERT_TRUE(g_file_set_contents(beside, "", 0, NULL));
    CU_ASSERT_EQUAL(g_rename(beside, f.file), 0);
    close(old);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    close(ready[0]);
    close(ready[1]);
    end(&f);
}

CU_MAIN("journal", {"a_long_journal_keeps_what_is_in_force", test_compacted},
        {"a_short_one_is_left_alone", test_short},
        {"who_waited_gets_the_new_file", test_waiter})
