/* tests/unit/test-machine-ladder.c - a machine's process and commands that both
 * write ladder.json. The host is made by hand: no machine runs. */
#include "app/session/machine-ladder.h"

#include <string.h>

#include <glib/gstdio.h>

#include "app/ladder/change.h"
#include "app/session/machine-host-internal.h"
#include "app/store.h"
#include "profiles/paths.h"
#include "tests/unit/cu-main.h"

static const char text[] = "[machine]\nmemory=64M\n\n[disk0]\npath=/x.img\n";

typedef struct {
    char *home;
    Profile *profile; /* machine.ini as it is now */
    MachineHost *host;
} Fixture;

static void
write_ini(const Fixture *f)
{
    g_autofree char *dir = paths_machine_dir("box");
    g_autofree char *file = paths_machine_file("box");
    g_autofree char *ini = profile_to_text(f->profile);

    g_mkdir_with_parents(dir, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, ini, -1, NULL));
}

static void
begin(Fixture *f)
{
    f->home = g_dir_make_tmp("carrel-ladder-XXXXXX", NULL);
    g_setenv("XDG_DATA_HOME", f->home, TRUE);
    g_setenv("XDG_STATE_HOME", f->home, TRUE);
    g_setenv("XDG_RUNTIME_DIR", f->home, TRUE);
    g_autofree char *file = paths_machine_file("box");
    g_autofree char *log = g_build_filename(f->home, "log", NULL);
    f->profile = profile_parse(text, strlen(text), file, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->profile);
    write_ini(f);
    f->host = g_new0(MachineHost, 1);
    f->host->name = g_strdup("box");
    f->host->log = machine_log_new(log, false, 1 << 20);
    f->host->main_loop = g_main_loop_new(NULL, FALSE);
}

/* As carrel set does. */
static void
set(Fixture *f, const char *key, const char *value, LadderStage stage)
{
    g_autoptr(Profile) before = profile_copy(f->profile);
    g_autoptr(LadderChange) change = ladder_load("box");

    if (change == NULL)
        change = ladder_new();
    CU_ASSERT_TRUE(profile_set(f->profile, key, value, NULL));
    ladder_propose(change, before, f->profile, key, stage);
    CU_ASSERT_TRUE(ladder_save("box", change, NULL));
    write_ini(f);
}

static void
start(Fixture *f)
{
    f->host->ladder = machine_ladder_begin(f->host);
    CU_ASSERT_PTR_EQUAL(machine_ladder_profile(f->host->ladder, f->profile),
                        f->profile);
    machine_ladder_watch(f->host->ladder);
}

static void
end(Fixture *f)
{
    machine_host_free(f->host);
    profile_free(f->profile);
    store_remove_tree(f->home, NULL);
    g_free(f->home);
}

static int
stage_of(const char *key)
{
    g_autoptr(LadderChange) change = ladder_load("box");
    const LadderRow *row = change != NULL ? ladder_find(change, key) : NULL;

    return row != NULL ? (int) row->stage : -1;
}

static void
a_change_while_it_runs_is_tried_next(void)
{
    Fixture f;
    begin(&f);

    set(&f, "input.keyboard", "virtio", LADDER_CONFIRMED);
    start(&f);
    set(&f, "disk0.model", "virtio-blk", LADDER_PROPOSED);
    machine_ladder_end(g_steal_pointer(&f.host->ladder));
    CU_ASSERT_EQUAL(stage_of("disk0.model"), LADDER_PROPOSED);
    start(&f);
    CU_ASSERT_EQUAL(stage_of("disk0.model"), LADDER_TRIAL);
    end(&f);
}

static void
what_is_undone_while_it_runs_stays_undone(void)
{
    Fixture f;
    begin(&f);

    set(&f, "input.keyboard", "virtio", LADDER_CONFIRMED);
    start(&f);
    ladder_forget("box");
    machine_ladder_end(g_steal_pointer(&f.host->ladder));
    CU_ASSERT_PTR_NULL(ladder_load("box"));
    end(&f);
}

static void
a_trial_that_failed_goes_back(void)
{
    Fixture f;
    begin(&f);

    set(&f, "disk0.model", "virtio-blk", LADDER_PROPOSED);
    start(&f);
    CU_ASSERT_EQUAL(stage_of("disk0.model"), LADDER_TRIAL);
    machine_ladder_end(g_steal_pointer(&f.host->ladder));
    CU_ASSERT_EQUAL(stage_of("disk0.model"), LADDER_FALLEN_BACK);
    g_autofree char *file = paths_machine_file("box");
    g_autofree char *ini = NULL;
    CU_ASSERT_TRUE(g_file_get_contents(file, &ini, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(ini, text);
    end(&f);
}

static void
nothing_is_written_where_nothing_moved(void)
{
    Fixture f;
    GStatBuf before, after;
    begin(&f);

    set(&f, "input.keyboard", "virtio", LADDER_CONFIRMED);
    g_autofree char *dir = paths_machine_state("box");
    g_autofree char *file = g_build_filename(dir, "ladder.json", NULL);
    CU_ASSERT_EQUAL(g_stat(file, &before), 0);
    start(&f);
    machine_ladder_end(g_steal_pointer(&f.host->ladder));
    CU_ASSERT_EQUAL(g_stat(file, &after), 0);
    CU_ASSERT_EQUAL(before.st_ino,
                    after.st_ino); /* each save makes a new one */
    end(&f);
}

/* ---- the end of a process whose worker hangs ---- */

#define HANG_S 5

/* A worker that waits until the trial is decided. */
static void
wait_for_verdict(void *data)
{
    bool *seen = data;

    for (unsigned i = 0; i < HANG_S * 100 && !*seen; i++) {
        *seen = stage_of("disk0.model") == LADDER_FALLEN_BACK;
        g_usleep(10000);
    }
}

static void
a_worker_that_hangs_does_not_keep_the_verdict(void)
{
    Fixture f;
    bool seen = false;
    begin(&f);

    set(&f, "disk0.model", "virtio-blk", LADDER_PROPOSED);
    start(&f);
    f.host->workers[WORK_MEDIA] = worker_new(NULL);
    worker_run(f.host->workers[WORK_MEDIA], wait_for_verdict, NULL, &seen);
    end(&f);
    CU_ASSERT_TRUE(seen);
}

#define CASE(fn)                                                               \
    {                                                                          \
#fn, fn                                                                \
    }

CU_MAIN("machine-ladder", CASE(a_change_while_it_runs_is_tried_next),
        CASE(what_is_undone_while_it_runs_stays_undone),
        CASE(a_trial_that_failed_goes_back),
        CASE(nothing_is_written_where_nothing_moved),
        CASE(a_worker_that_hangs_does_not_keep_the_verdict))
