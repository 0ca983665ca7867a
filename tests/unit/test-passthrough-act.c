/* tests/unit/test-passthrough-act.c - plans, their journal, there and back,
 * also by way of SIGKILL at every line of the journal and at every effect. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/helper/hold.h"
#include "app/helper/journal.h"
#include "app/helper/transaction.h"
#include "passthrough-wizard/boot-config.h"
#include "passthrough-wizard/sriov.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-sysfs.h"

typedef Plan *(*Maker)(FakeSysfs *fake, GError **error);

typedef struct {
    FakeSysfs *fake;
    JournalRecord record;
    unsigned lines, kill_at; /* SIGKILL after line N; 0: never */
} Run;

static void
fresh_journal(const FakeSysfs *fake)
{
    g_autofree char *dir = g_strconcat(fake->dir, "-journal", NULL);
    g_autofree char *file = g_build_filename(dir, "helper.jsonl", NULL);

    (void) unlink(file);
    g_setenv("CARREL_HELPER_DIR", dir, TRUE);
}

static void
drop_journal(const FakeSysfs *fake)
{
    fresh_journal(fake);
    (void) rmdir(g_getenv("CARREL_HELPER_DIR"));
}

static void
count_line(Run *run)
{
    if (++run->lines == run->kill_at)
        (void) raise(SIGKILL);
}

static bool
record(void *ctx, guint step, StepState state, GError **error)
{
    Run *run = ctx;

    if (!journal_step(&run->record, step, state, error))
        return false;
    count_line(run);
    return true;
}

static HostPci *
look(const FakeSysfs *fake)
{
    HostPci *host = host_pci_read(fake->root, NULL);
    g_assert(host != NULL);
    return host;
}

/* ---- plans ---- */

static Plan *
bind_plan(FakeSysfs *fake, const char *bdf, const BindOptions *options,
          GError **error)
{
    const char *bdfs[] = {bdf, NULL};
    g_autoptr(HostPci) host = look(fake);

    return vfio_bind_plan(&fake->hand, host, bdfs, options, error);
}

static Plan *
bind_card(FakeSysfs *fake, GError **error)
{
    const BindOptions options = {.huge_pages = 64, .consent = true};
    return bind_plan(fake, "01:00.0", &options, error);
}

static Plan *
bind_with_console(FakeSysfs *fake, GError **error)
{
    const BindOptions options = {.console = true};
    return bind_plan(fake, "01:00.0", &options, error);
}

static Plan *
bind_with_files(FakeSysfs *fake, GError **error)
{
    const BindOptions options = {.user = geteuid() + 1,
                                 .memory = G_GUINT64_CONSTANT(1) << 30};
    g_autoptr(Plan) plan = bind_plan(fake, "02:00.0", &options, error);

    /* only the tester's own files can be made in the tester's tree */
    for (guint i = plan != NULL ? plan->steps->len : 0; i-- > 0;)
        if (strcmp(plan_step(plan, i)->kind, "owner") == 0)
            g_ptr_array_remove_index(plan->steps, i);
    return g_steal_pointer(&plan);
}

static Plan *
make_vfs(FakeSysfs *fake, GError **error)
{
    const SriovOptions options = {.persist = true};
    g_autoptr(HostPci) host = look(fake);

    return sriov_count_plan(&fake->hand, host, "03:00.0", 3, &options, error);
}

static Plan *
make_nvme_vfs(FakeSysfs *fake, GError **error)
{
    const SriovOptions options = {.queues = 2};
    g_autoptr(HostPci) host = look(fake);

    return sriov_count_plan(&fake->hand, host, "02:00.0", 2, &options, error);
}

static Plan *
boot_of(FakeSysfs *fake, GError **error)
{
    const char *bdfs[] = {"01:00.0", NULL};
    const BindOptions options = {.consent = true, .huge_pages = 512};
    g_autoptr(HostPci) host = look(fake);

    return boot_plan(&fake->hand, host, bdfs, &options, error);
}

static Plan *
boot_grub(FakeSysfs *fake, GError **error)
{
    fake_sysfs_put(fake, "/etc/initramfs-tools/hooks/x", "");
    fake_sysfs_put(fake, "/etc/initramfs-tools/scripts/init-top/x", "");
    fake_sysfs_put(fake, "/etc/grub.d/10_linux", "#!/bin/sh\n");
    fake_sysfs_put(fake, "/usr/sbin/update-grub", "");
    fake_sysfs_put(fake, "/boot/grub/grub.cfg", "menuentry 'x' {\n}\n");
    return boot_of(fake, error);
}

static Plan *
boot_sd(FakeSysfs *fake, GError **error)
{
    fake_sysfs_put(fake, "/usr/lib/dracut/modules.d/90carrel-vfio/x", "");
    fake_sysfs_put(fake, "/etc/dracut.conf.d/x", "");
    fake_sysfs_put(fake, "/boot/loader/loader.conf",
                   "timeout 3\ndefault old.conf\n");
    fake_sysfs_put(fake, "/boot/loader/entries/old.conf",
                   "title Old\nsort-key debian\nlinux /vmlinuz-6.1.0\n"
                   "options root=/dev/sda1 ro\ninitrd /initrd\n");
    return boot_of(fake, error);
}

static bool
apply(Run *run, Plan *plan, GError **error)
{
    const PlanScribe scribe = {record, NULL, run};

    run->record = (JournalRecord){.action = (char *) JOURNAL_PLAN,
                                  .name = plan->title,
                                  .boot = (char *) "boot-1",
                                  .plan = plan};
    if (!journal_begin(&run->record, error))
        return false;
    count_line(run);
    return plan_apply(&run->fake->hand, plan, &scribe, error);
}

/* Takes back what the journal says, as another process would. */
static bool
undo(FakeSysfs *fake, unsigned kill_at, GError **error)
{
    g_autoptr(GPtrArray) records = journal_read(error);

    if (records == NULL || records->len == 0)
        return records != NULL;
    JournalRecord *r = g_ptr_array_index(records, records->len - 1);
    Run run = {fake, {.id = r->id}, 0, kill_at};
    const PlanScribe scribe = {record, NULL, &run};
    return plan_undo(&fake->hand, r->plan,
                     (const StepState *) (void *) r->states->data, false,
                     &scribe, error);
}

static void
try_there_and_back(Maker maker)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autoptr(GError) error = NULL;
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = maker(fake, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_TRUE(plan->steps->len > 0);
    CU_ASSERT_TRUE(apply(&run, plan, &error));
    g_autofree char *between = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_NOT_EQUAL(before, between);
    CU_ASSERT_TRUE(undo(fake, 0, &error));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
    drop_journal(fake);
    if (error != NULL)
        g_printerr("# %s\n", error->message);
}

/* True: the child was killed; false: it came to its end first. */
static bool
killed(FakeSysfs *fake, const char *what, Maker maker, unsigned kill_line,
       unsigned kill_effect)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        Run run = {.fake = fake, .kill_at = kill_line};
        fake->kill_at = kill_effect;
        if (strcmp(what, "undo") == 0)
            _exit(!undo(fake, kill_line, NULL));
        g_autoptr(Plan) plan = maker(fake, NULL);
        _exit(plan == NULL || !apply(&run, plan, NULL));
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* Kills a helper at place n, in the way there or back, and takes back. False:
 * there is no such place. */
static bool
try_kill(const char *what, Maker maker, unsigned line, unsigned effect)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autoptr(GError) error = NULL;

    fresh_journal(fake);
    if (strcmp(what, "undo") == 0)
        CU_ASSERT_FALSE(killed(fake, "apply", maker, 0, 0));
    bool was = killed(fake, what, maker, line, effect);
    CU_ASSERT_TRUE(undo(fake, 0, &error));
    if (error != NULL)
        g_printerr("# %s, line %u, effect %u: %s\n", what, line, effect,
                   error->message);
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
    drop_journal(fake);
    return was;
}

static void
try_all_kills(Maker maker)
{
    unsigned n = 0;

    for (n = 1; try_kill("apply", maker, n, 0); n++) {
    }
    CU_ASSERT_TRUE(n > 4);
    for (n = 1; try_kill("apply", maker, 0, n); n++) {
    }
    CU_ASSERT_TRUE(n > 2);
    for (n = 1; try_kill("undo", maker, n, 0); n++) {
    }
    CU_ASSERT_TRUE(n > 2);
    for (n = 1; try_kill("undo", maker, 0, n); n++) {
    }
    CU_ASSERT_TRUE(n > 2);
}

static void
test_card(void)
{
    try_there_and_back(bind_card);
}

static void
test_files(void)
{
    try_there_and_back(bind_with_files);
}

static void
test_vfs(void)
{
    try_there_and_back(make_vfs);
}

static void
test_nvme_vfs(void)
{
    try_there_and_back(make_nvme_vfs);
}

/* As the only display of the host, so that without the console it cannot go. */
static FakeSysfs *
single_gpu(void)
{
    FakeSysfs *fake = fake_sysfs_new();

    fake_sysfs_add_console(fake);
    fake_sysfs_put(fake, "/sys/devices/pci0000:00/0000:01:00.0/boot_vga",
                   "1\n");
    return fake;
}

/* Killed at any line or effect, there and back: the desktop is back. */
static void
test_console_kills(void)
{
    for (unsigned kill = 0, was = 1; was; kill++) {
        g_autoptr(FakeSysfs) fake = single_gpu();
        g_autofree char *before = fake_sysfs_snapshot(fake);
        fresh_journal(fake);
        bool killed_at = killed(fake, "apply", bind_with_console, 0, kill + 1);
        g_autofree char *between = fake_sysfs_snapshot(fake);
        CU_ASSERT_TRUE(kill == 0 || strcmp(before, between) != 0);
        CU_ASSERT_TRUE(undo(fake, 0, NULL));
        g_autofree char *after = fake_sysfs_snapshot(fake);
        CU_ASSERT_STRING_EQUAL(before, after);
        drop_journal(fake);
        was = killed_at;
        CU_ASSERT_TRUE(was || kill >= 8);
    }
}

/* The frame buffer of the console goes with the card's driver, and there is
 * nothing to give back then. */
static void
test_console_gone(void)
{
    g_autoptr(FakeSysfs) fake = single_gpu();
    Run run = {.fake = fake};
    g_autofree char *text =
        g_build_filename(fake->dir, "sys/class/vtconsole/vtcon1/bind", NULL);

    fresh_journal(fake);
    g_autoptr(Plan) plan = bind_with_console(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    CU_ASSERT_EQUAL(unlink(text), 0);
    CU_ASSERT_TRUE(undo(fake, 0, NULL));
    drop_journal(fake);
}

static void
test_kill_card(void)
{
    try_all_kills(bind_card);
}

static void
test_kill_files(void)
{
    try_all_kills(bind_with_files);
}

static void
test_kill_vfs(void)
{
    try_all_kills(make_vfs);
}

static void
test_kill_nvme(void)
{
    try_all_kills(make_nvme_vfs);
}

static void
prepared(FakeSysfs *fake, Maker maker)
{
    g_autoptr(Plan) plan = maker(fake, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
}

/* The tree is made by the maker too: made once before the first look. */
static void
try_boot(Maker maker, bool kill)
{
    unsigned n = 0;
    bool was = true;

    for (n = 0; kill ? was : n == 0; n++) {
        g_autoptr(FakeSysfs) fake = fake_sysfs_new();
        prepared(fake, maker);
        g_autofree char *before = fake_sysfs_snapshot(fake);
        fresh_journal(fake);
        was = killed(fake, "apply", maker, n, 0);
        g_autofree char *between = fake_sysfs_snapshot(fake);
        CU_ASSERT_TRUE(was || strcmp(before, between) != 0);
        CU_ASSERT_TRUE(undo(fake, 0, NULL));
        g_autofree char *after = fake_sysfs_snapshot(fake);
        CU_ASSERT_STRING_EQUAL(before, after);
        drop_journal(fake);
        was = was || n == 0;
    }
    CU_ASSERT_TRUE(!kill || n > 10);
}

static void
test_grub(void)
{
    try_boot(boot_grub, false);
}

static void
test_kill_grub(void)
{
    try_boot(boot_grub, true);
}

static void
test_sd_boot(void)
{
    try_boot(boot_sd, false);
}

static void
test_kill_sd_boot(void)
{
    try_boot(boot_sd, true);
}

static void
test_grub_entry(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = boot_grub(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    g_autofree char *entry = fake_sysfs_get(fake, "/etc/grub.d/42_carrel");
    CU_ASSERT_PTR_NOT_NULL(strstr(entry,
                                  " carrel.vfio=0000:01:00.0,0000:01:00.1 "
                                  "intel_iommu=on iommu=pt hugepages=512\"\n"));
    g_autofree char *cfg = fake_sysfs_get(fake, "/boot/grub/grub.cfg");
    CU_ASSERT_STRING_EQUAL(cfg, "menuentry 'x' {\n}\n");
    g_autoptr(Plan) early = boot_confirm_plan(&fake->hand, NULL);
    CU_ASSERT_PTR_NULL(early);
    fake_sysfs_put(fake, "/boot/grub/grub.cfg",
                   "menuentry 'y' --id 'carrel-gnulinux-simple-1' {\n}\n");
    fake_sysfs_put(fake, "/etc/default/grub", "GRUB_DEFAULT=0\nA=1\n");
    g_autoptr(Plan) confirm = boot_confirm_plan(&fake->hand, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(confirm);
    CU_ASSERT_TRUE(apply(&run, confirm, NULL));
    g_autofree char *now = fake_sysfs_get(fake, "/etc/default/grub");
    CU_ASSERT_STRING_EQUAL(now,
                           "GRUB_DEFAULT='carrel-gnulinux-simple-1'\nA=1\n");
    drop_journal(fake);
}

static void
test_sd_entry(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = boot_sd(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    g_autofree char *entry =
        fake_sysfs_get(fake, "/boot/loader/entries/0-carrel-passthrough.conf");
    CU_ASSERT_STRING_EQUAL(
        entry, "title Old, passthrough (Carrel)\nsort-key zz-debian\n"
               "linux /vmlinuz-6.1.0\noptions root=/dev/sda1 ro "
               "carrel.vfio=0000:01:00.0,0000:01:00.1 intel_iommu=on iommu=pt "
               "hugepages=512\ninitrd /initrd\n");
    g_autofree char *old = fake_sysfs_get(fake, "/boot/loader/loader.conf");
    CU_ASSERT_STRING_EQUAL(old, "timeout 3\ndefault old.conf\n");
    g_autoptr(Plan) confirm = boot_confirm_plan(&fake->hand, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(confirm);
    CU_ASSERT_TRUE(apply(&run, confirm, NULL));
    g_autofree char *now = fake_sysfs_get(fake, "/boot/loader/loader.conf");
    CU_ASSERT_STRING_EQUAL(now,
                           "default 0-carrel-passthrough.conf\ntimeout 3\n");
    drop_journal(fake);
}

/* ---- what a plan is ---- */

static void
test_whole_group(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    g_autofree char *lines = journal_plan_lines(7, plan);

    CU_ASSERT_STRING_EQUAL(
        lines,
        "{\"id\":7,\"step\":1,\"kind\":\"module\",\"target\":\"vfio-pci\","
        "\"before\":\"\",\"after\":\"loaded\"}\n"
        "{\"id\":7,\"step\":2,\"kind\":\"driver\",\"target\":"
        "\"0000:01:00.0\",\"before\":\"radeon\",\"after\":\"\"}\n"
        "{\"id\":7,\"step\":3,\"kind\":\"driver-override\",\"target\":"
        "\"0000:01:00.0\",\"before\":\"\",\"after\":\"vfio-pci\"}\n"
        "{\"id\":7,\"step\":4,\"kind\":\"driver\",\"target\":"
        "\"0000:01:00.0\",\"before\":\"\",\"after\":\"vfio-pci\"}\n"
        "{\"id\":7,\"step\":5,\"kind\":\"driver\",\"target\":"
        "\"0000:01:00.1\",\"before\":\"snd_hda_intel\",\"after\":\"\"}\n"
        "{\"id\":7,\"step\":6,\"kind\":\"driver-override\",\"target\":"
        "\"0000:01:00.1\",\"before\":\"\",\"after\":\"vfio-pci\"}\n"
        "{\"id\":7,\"step\":7,\"kind\":\"driver\",\"target\":"
        "\"0000:01:00.1\",\"before\":\"\",\"after\":\"vfio-pci\"}\n"
        "{\"id\":7,\"step\":8,\"kind\":\"huge-pages\",\"target\":\"2048kB\","
        "\"before\":\"8\",\"after\":\"64\"}\n");
}

static void
test_journal_has_them(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = make_vfs(fake, NULL);
    g_autofree char *lines = journal_plan_lines(journal_next_id(NULL), plan);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    g_autofree char *file =
        g_build_filename(g_getenv("CARREL_HELPER_DIR"), "helper.jsonl", NULL);
    g_autofree char *text = NULL;
    CU_ASSERT_TRUE(g_file_get_contents(file, &text, NULL, NULL));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, lines));
    drop_journal(fake);
}

static void
test_failure_rolls_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autoptr(GError) error = NULL;
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    fake->fail = "nr_hugepages";
    CU_ASSERT_FALSE(apply(&run, plan, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "step 8 ("));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
    drop_journal(fake);
}

/* The kernel may yet do it: that step is not ours to call undone. */
static void
test_stuck_stays_begun(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    fake->stuck = "/unbind";
    CU_ASSERT_FALSE(apply(&run, plan, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_STUCK));
    g_autoptr(GPtrArray) records = journal_read(NULL);
    CU_ASSERT_EQUAL_FATAL(records->len, 1);
    const JournalRecord *r = g_ptr_array_index(records, 0);
    unsigned begun = 0, undone = 0;
    for (guint i = 0; i < r->states->len; i++) {
        StepState state = g_array_index(r->states, StepState, i);
        begun += state == STEP_BEGUN;
        undone += state == STEP_UNDONE;
    }
    CU_ASSERT_EQUAL(begun, 1);
    CU_ASSERT_TRUE(undone > 0);
    drop_journal(fake);
}

/* The helper's own way of applying: a signal takes back what was done. */
static void
test_signal_rolls_back(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *before = fake_sysfs_snapshot(fake);
    const App app = {.quiet = true};
    guint64 id = 0;

    fresh_journal(fake);
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    fake->raise_at = 3;
    CU_ASSERT_NOT_EQUAL(transaction_apply(&app, &fake->hand, plan, &id),
                        EXIT_OK);
    CU_ASSERT_EQUAL(id, 0);
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
    g_autoptr(GPtrArray) records = journal_read(NULL);
    CU_ASSERT_EQUAL_FATAL(records->len, 1);
    CU_ASSERT_FALSE(journal_in_force(g_ptr_array_index(records, 0)));
    drop_journal(fake);
}

/* A hold that was not given back yet is found by the function's address. */
static void
test_hold_is_found(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    g_free(plan->title);
    plan->title = g_strdup(JOURNAL_HOLD "bind 0000:01:00.0 0000:09:00.0");
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    g_autoptr(GPtrArray) in = journal_read(NULL);
    CU_ASSERT_EQUAL(journal_find_hold(in, "0000:01:00.0", "boot-1"),
                    run.record.id);
    /* by its steps, and by its name where there is no step */
    CU_ASSERT_EQUAL(journal_find_hold(in, "0000:09:00.0", "boot-1"),
                    run.record.id);
    CU_ASSERT_EQUAL(journal_find_hold(in, "0000:01:00.1", "boot-1"),
                    run.record.id);
    CU_ASSERT_EQUAL(journal_find_hold(in, "0000:02:00.0", "boot-1"), 0);
    CU_ASSERT_EQUAL(journal_find_hold(in, "0000:01:00.0", "boot-2"), 0);
    CU_ASSERT_TRUE(undo(fake, 0, NULL));
    CU_ASSERT_TRUE(journal_end(&run.record, "undone", NULL));
    g_autoptr(GPtrArray) out = journal_read(NULL);
    CU_ASSERT_EQUAL(journal_find_hold(out, "0000:01:00.0", "boot-1"), 0);
    drop_journal(fake);
}

/* Who was killed before root looked had the FIFO, and nobody has it now. */
static void
test_hold_needs_its_starter(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autofree char *path = g_build_filename(fake->dir, "fifo", NULL);
    const App app = {.quiet = true};

    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    int starter = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_EQUAL(write(starter, "", 1), 1);
    int fd = hold_open(&app, path, getuid());
    CU_ASSERT_TRUE(fd >= 0);
    struct pollfd pfd = {fd, POLLIN, 0};
    CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 0);
    (void) close(starter);
    CU_ASSERT_EQUAL(poll(&pfd, 1, 0), 1);
    CU_ASSERT_TRUE(pfd.revents & POLLHUP);
    (void) close(fd);
    CU_ASSERT_EQUAL(hold_open(&app, path, getuid()), -1);
    starter = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_EQUAL(write(starter, "", 1), 1);
    CU_ASSERT_EQUAL(hold_open(&app, path, (gint64) getuid() + 1), -1);
    (void) close(starter);
    (void) unlink(path);
}

/* The rules of --persist go with the functions. */
static void
test_rules_go(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const char *rule = "/etc/udev/rules.d/70-carrel-vf-0000-03-00.0.rules";
    const char *set = "/etc/udev/rules.d/70-carrel-vf-0000-03-00.0-1.rules";
    const SriovOptions options = {.persist = false};
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) make = make_vfs(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, make, NULL));
    fake_sysfs_put(fake, set, "# Carrel: virtual function 1.\n");
    g_autoptr(HostPci) now = look(fake);
    g_autoptr(Plan) drop =
        sriov_count_plan(&fake->hand, now, "03:00.0", 0, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(drop);
    CU_ASSERT_TRUE(apply(&run, drop, NULL));
    g_autofree char *no_rule = fake_sysfs_get(fake, rule);
    g_autofree char *no_set = fake_sysfs_get(fake, set);
    CU_ASSERT_PTR_NULL(no_rule);
    CU_ASSERT_PTR_NULL(no_set);
    drop_journal(fake);
}

static void
test_changed_meanwhile(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = make_vfs(fake, NULL);
    fake_sysfs_put(fake, "/etc/udev/rules.d/70-carrel-vf-0000-03-00.0.rules",
                   "somebody else's\n");
    g_autofree char *before = fake_sysfs_snapshot(fake);
    CU_ASSERT_FALSE(apply(&run, plan, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_CHANGED));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
    drop_journal(fake);
}

static void
test_others_changes_stay(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    fake_sysfs_put(fake,
                   "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                   "500\n");
    CU_ASSERT_FALSE(undo(fake, 0, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "is '500', not '8'"));
    g_autofree char *driver =
        fake_sysfs_get(fake, "/sys/devices/pci0000:00/0000:01:00.0/driver");
    CU_ASSERT_STRING_EQUAL(driver, "../../../bus/pci/drivers/radeon");
    drop_journal(fake);
}

static void
test_restart(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};
    const PlanScribe scribe = {record, NULL, &run};

    fresh_journal(fake);
    g_autoptr(Plan) files = bind_with_files(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, files, NULL));
    g_autofree StepState *states = g_new(StepState, files->steps->len);
    for (guint i = 0; i < files->steps->len; i++)
        states[i] = STEP_DONE;
    g_autofree char *limit = g_strdup_printf(
        "/etc/security/limits.d/90-carrel-%u.conf", geteuid() + 1);
    g_autofree char *there = fake_sysfs_get(fake, limit);
    CU_ASSERT_PTR_NOT_NULL(strstr(there, " - memlock 2097152\n"));
    CU_ASSERT_TRUE(plan_undo(&fake->hand, files, states, true, &scribe, NULL));
    g_autofree char *gone = fake_sysfs_get(fake, limit);
    CU_ASSERT_PTR_NULL(gone);
    g_autofree char *driver =
        fake_sysfs_get(fake, "/sys/devices/pci0000:00/0000:02:00.0/driver");
    CU_ASSERT_STRING_EQUAL(driver, "../../../bus/pci/drivers/vfio-pci");
    drop_journal(fake);
}

/* ---- what is refused ---- */

static void
test_hostile_addresses(void)
{
    static const char *const hostile[] = {
        "0000:00:1f.7;rm", "../../..",     "", "0000:01:00.0\n", "\xc3\xa4",
        "0000:01:00.0 ",   "/0000:01:00.0"};
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    const BindOptions options = {.consent = true};
    g_autofree char *lots = g_strnfill(4096, '1');

    for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autoptr(Plan) plan = bind_plan(fake, hostile[i], &options, NULL);
        const Step step = {(char *) "driver", (char *) hostile[i], (char *) "",
                           (char *) "vfio-pci"};
        CU_ASSERT_PTR_NULL(plan);
        CU_ASSERT_FALSE(step_check(&step, NULL));
    }
    const Step step = {(char *) "driver", lots, (char *) "", (char *) "nvme"};
    CU_ASSERT_FALSE(step_check(&step, NULL));
    g_autoptr(Plan) plan = bind_plan(fake, lots, &options, NULL);
    CU_ASSERT_PTR_NULL(plan);
}

static void
test_closed_list(void)
{
    static const Step steps[] = {
        {(char *) "shell", (char *) "rm", (char *) "", (char *) "run"},
        {(char *) "run", (char *) "rm", (char *) "", (char *) "run"},
        {(char *) "module", (char *) "evil", (char *) "", (char *) "loaded"},
        {(char *) "file", (char *) "/etc/passwd", (char *) "", (char *) ""},
        {(char *) "file", (char *) "/etc/udev/rules.d/70-carrel-../x",
         (char *) "", (char *) ""},
        {(char *) "driver", (char *) "0000:01:00.0", (char *) "",
         (char *) "../../x"},
        {(char *) "owner", (char *) "/dev/sda", (char *) "", (char *) ""},
        {(char *) "owner", (char *) "/dev/vfio/1", (char *) "",
         (char *) "0 0 4777"},
        {(char *) "vf-count", (char *) "0000:01:00.0", (char *) "0",
         (char *) "-1"},
        {(char *) "vf-mac", (char *) "0000:01:00.0 0",
         (char *) "00:00:00:00:00:00", (char *) "01:00:00:00:00:00"},
        {(char *) "vf-vlan", (char *) "0000:01:00.0 0", (char *) "0",
         (char *) "4095"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
        CU_ASSERT_FALSE(step_check(&steps[i], NULL));
}

static void
test_bridge(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;
    const BindOptions options = {.consent = true};
    g_autoptr(Plan) plan = bind_plan(fake, "00:01.0", &options, &error);

    CU_ASSERT_PTR_NULL(plan);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED));
}

static void
test_too_many(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(HostPci) host = look(fake);
    g_autoptr(GError) error = NULL;
    const SriovOptions options = {.persist = false};
    g_autoptr(Plan) plan =
        sriov_count_plan(&fake->hand, host, "03:00.0", 8, &options, &error);

    CU_ASSERT_PTR_NULL(plan);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "0 to 7"));
}

static void
test_in_use(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    g_autoptr(GError) error = NULL;
    Run run = {.fake = fake};
    const SriovOptions options = {.persist = false};

    fresh_journal(fake);
    g_autoptr(Plan) make = make_vfs(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, make, NULL));
    fake_sysfs_put(fake, "/proc/77/comm", "carrel\n");
    g_autofree char *fds = g_strconcat(fake->dir, "/proc/77/fd", NULL);
    g_autofree char *fd = g_strconcat(fds, "/3", NULL);
    CU_ASSERT_EQUAL(g_mkdir_with_parents(fds, 0755), 0);
    CU_ASSERT_EQUAL(symlink("/dev/vfio/101", fd), 0);
    g_autoptr(HostPci) host = look(fake);
    g_autoptr(Plan) fewer =
        sriov_count_plan(&fake->hand, host, "03:00.0", 0, &options, &error);
    CU_ASSERT_PTR_NULL(fewer);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_BUSY));
    CU_ASSERT_FALSE(undo(fake, 0, NULL));
    CU_ASSERT_EQUAL(unlink(fd), 0);
    CU_ASSERT_TRUE(undo(fake, 0, NULL));
    drop_journal(fake);
}

static void
test_settings(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};
    const char *settings[] = {"mac=52:54:00:12:34:56", "vlan=100.3",
                              "spoofchk=off", "rate=100-1000", NULL};

    fresh_journal(fake);
    g_autoptr(Plan) make = make_vfs(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, make, NULL));
    g_autofree char *before = fake_sysfs_snapshot(fake);
    g_autoptr(HostPci) host = look(fake);
    g_autoptr(Plan) plan =
        sriov_set_plan(&fake->hand, host, "03:00.0", 1, settings, false, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    g_autofree char *mac = fake_sysfs_get(fake, "/vf/eth0-1-0");
    CU_ASSERT_STRING_EQUAL(mac, "52:54:00:12:34:56");
    CU_ASSERT_TRUE(undo(fake, 0, NULL));
    g_autofree char *after = fake_sysfs_snapshot(fake);
    CU_ASSERT_STRING_EQUAL(before, after);
    drop_journal(fake);
}

static void
test_cut_line(void)
{
    g_autoptr(FakeSysfs) fake = fake_sysfs_new();
    Run run = {.fake = fake};

    fresh_journal(fake);
    g_autofree char *file =
        g_build_filename(g_getenv("CARREL_HELPER_DIR"), "helper.jsonl", NULL);
    CU_ASSERT_EQUAL(g_mkdir_with_parents(g_getenv("CARREL_HELPER_DIR"), 0755),
                    0);
    CU_ASSERT_TRUE(g_file_set_contents(file, "{\"id\":1,\"sta", -1, NULL));
    g_autoptr(Plan) plan = bind_card(fake, NULL);
    CU_ASSERT_TRUE(apply(&run, plan, NULL));
    g_autoptr(GPtrArray) records = journal_read(NULL);
    CU_ASSERT_EQUAL(records->len, 1);
    CU_ASSERT_TRUE(undo(fake, 0, NULL));
    drop_journal(fake);
}

CU_MAIN("passthrough-act", {"a_card_goes_as_a_whole_and_comes_back", test_card},
        {"a_desktop_is_back_wherever_it_was_killed", test_console_kills},
        {"a_console_that_went_by_itself_is_taken_back", test_console_gone},
        {"files_are_written_and_taken_back", test_files},
        {"virtual_functions_are_made_and_taken_back", test_vfs},
        {"nvme_functions_get_resources_and_lose_them", test_nvme_vfs},
        {"killed_anywhere_a_card_comes_back", test_kill_card},
        {"killed_anywhere_files_come_back", test_kill_files},
        {"killed_anywhere_virtual_functions_go_again", test_kill_vfs},
        {"killed_anywhere_nvme_functions_go_again", test_kill_nvme},
        {"an_entry_of_grub_comes_and_goes", test_grub},
        {"killed_anywhere_grub_is_as_before", test_kill_grub},
        {"an_entry_of_systemd_boot_comes_and_goes", test_sd_boot},
        {"killed_anywhere_systemd_boot_is_as_before", test_kill_sd_boot},
        {"grub_keeps_its_default_until_confirmed", test_grub_entry},
        {"systemd_boot_keeps_its_default_until_confirmed", test_sd_entry},
        {"a_plan_has_the_whole_group_in_order", test_whole_group},
        {"the_journal_has_what_the_dry_run_shows", test_journal_has_them},
        {"a_failing_step_takes_back_those_before", test_failure_rolls_back},
        {"a_step_that_hangs_stays_begun", test_stuck_stays_begun},
        {"a_signal_takes_back_what_was_done", test_signal_rolls_back},
        {"a_hold_in_force_is_found", test_hold_is_found},
        {"a_hold_needs_its_starter", test_hold_needs_its_starter},
        {"removed_functions_take_their_rules_along", test_rules_go},
        {"a_value_that_changed_meanwhile_is_left", test_changed_meanwhile},
        {"undo_leaves_what_others_changed_later", test_others_changes_stay},
        {"after_a_restart_only_files_are_taken_back", test_restart},
        {"hostile_addresses_touch_nothing", test_hostile_addresses},
        {"what_is_not_in_the_list_is_no_step", test_closed_list},
        {"a_bridge_stays", test_bridge},
        {"more_functions_than_there_are_is_refused", test_too_many},
        {"a_function_in_use_is_not_taken_away", test_in_use},
        {"settings_of_a_function_are_taken_back", test_settings},
        {"a_line_cut_short_takes_no_other_with_it", test_cut_line})
