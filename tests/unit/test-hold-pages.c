/* tests/unit/test-hold-pages.c - huge pages that a machine holds: found by the
 * machine's name, and waited for. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/helper/hold-plan.h"
#include "app/helper/hold.h"
#include "app/helper/journal.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-sysfs.h"

static char *
fresh_journal(void)
{
    char *dir = g_dir_make_tmp("carrel-hold-pages-XXXXXX", NULL);

    g_assert(dir != NULL);
    g_setenv("CARREL_HELPER_DIR", dir, TRUE);
    return dir;
}

/* A change that is in force. */
static JournalRecord
begun(Plan *plan, char *boot)
{
    JournalRecord r = {.action = (char *) JOURNAL_PLAN,
                       .name = plan->title,
                       .boot = boot,
                       .plan = plan};

    CU_ASSERT_TRUE(journal_begin(&r, NULL));
    CU_ASSERT_TRUE(journal_end(&r, "done", NULL));
    return r;
}

/* Huge pages have no address; whose they are is the plan's name. */
static void
test_hold_of_pages_is_found(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(HostPci) host = host_pci_read(fake->root, NULL);
    char *none[] = {NULL}, *nvme[] = {(char *) "02:00.0", NULL};
    HoldWish wish = {.devices = none,
                     .pages = "2048kB:64",
                     .machine = "dos",
                     .bind = {.user = 1000, .consent = true}};

    g_autofree char *dir = fresh_journal();
    g_autoptr(Plan) plan = hold_plan_make(&fake->hand, host, &wish, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_STRING_EQUAL(plan->title, "huge pages for 1000/dos");
    wish.devices = nvme;
    g_autoptr(Plan) both = hold_plan_make(&fake->hand, host, &wish, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(both);
    CU_ASSERT_STRING_EQUAL(both->title,
                           "bind 0000:02:00.0 and huge pages for 1000/dos");
    char *title = g_strconcat(JOURNAL_HOLD, plan->title, NULL);
    g_free(plan->title);
    plan->title = title;
    JournalRecord r = begun(plan, (char *) "boot-1");
    g_autoptr(GPtrArray) in = journal_read(NULL);
    CU_ASSERT_EQUAL(journal_find_hold(in, "1000/dos", "boot-1"), r.id);
    CU_ASSERT_EQUAL(journal_find_hold(in, "1001/dos", "boot-1"), 0);
    CU_ASSERT_EQUAL(journal_find_hold(in, "1000/do", "boot-1"), 0);
    CU_ASSERT_EQUAL(journal_find_hold(in, "1000/dos", "boot-2"), 0);
    CU_ASSERT_TRUE(journal_end(&r, "undone", NULL));
    g_autoptr(GPtrArray) out = journal_read(NULL);
    CU_ASSERT_EQUAL(journal_find_hold(out, "1000/dos", "boot-1"), 0);
    store_remove_tree(dir, NULL);
}

/* Started again in the moment between a machine's end and its hold's: not
 * before the pages are given back. */
static void
test_pages_are_waited_for(void)
{
    const App app = {.quiet = true};
    g_autoptr(Plan) plan = plan_new(JOURNAL_HOLD "huge pages for 1000/dos");
    char *none[] = {NULL};
    g_autofree char *boot = NULL;

    g_autofree char *dir = fresh_journal();
    CU_ASSERT_TRUE_FATAL(g_file_get_contents("/proc/sys/kernel/random/boot_id",
                                             &boot, NULL, NULL));
    JournalRecord r = begun(plan, g_strchomp(boot));
    CU_ASSERT_TRUE(hold_wait_earlier(&app, none, "1000/other"));
    CU_ASSERT_TRUE(hold_wait_earlier(&app, none, NULL));
    g_autoptr(GPtrArray) in = journal_read(NULL);
    CU_ASSERT_EQUAL(journal_find_hold(in, "1000/dos", boot), r.id);
    pid_t pid = fork();
    if (pid == 0) {
        g_usleep(300 * 1000);
        _exit(!journal_end(&r, "undone", NULL));
    }
    CU_ASSERT_TRUE(hold_wait_earlier(&app, none, "1000/dos"));
    g_autoptr(GPtrArray) out = journal_read(NULL);
    CU_ASSERT_EQUAL(journal_find_hold(out, "1000/dos", boot), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    store_remove_tree(dir, NULL);
}

CU_MAIN("hold-pages", {"a_hold_of_pages_is_found", test_hold_of_pages_is_found},
        {"pages_that_are_held_are_waited_for", test_pages_are_waited_for})
