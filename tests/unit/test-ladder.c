/* tests/unit/test-ladder.c - the class ladder's stages, its file, and taking a
 * change back. */
#include "app/ladder/change.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/ladder/check.h"
#include "app/ladder/proof.h"
#include "app/ladder/rungs.h"
#include "app/store.h"
#include "profiles/paths.h"
#include "profiles/schema.h"
#include "tests/unit/cu-main.h"

static const char text[] = "# my machine\n\n[machine]\nmemory=64M\n\n"
                           "[disk0]\n# the system\npath=/x.img\n\n"
                           "[unknown]\nkey=value\n";

typedef struct {
    char *home;
    Profile *before, *after;
    LadderChange *change;
} Fixture;

static Profile *
parse(const char *ini)
{
    char *file = paths_machine_file("box");
    Profile *profile = profile_parse(ini, strlen(ini), file, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(profile);
    g_free(file);
    return profile;
}

static void
write_ini(const char *ini)
{
    g_autofree char *dir = paths_machine_dir("box");
    g_autofree char *file = paths_machine_file("box");

    g_mkdir_with_parents(dir, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, ini, -1, NULL));
}

static char *
read_ini(void)
{
    g_autofree char *file = paths_machine_file("box");
    char *ini = NULL;

    CU_ASSERT_TRUE(g_file_get_contents(file, &ini, NULL, NULL));
    return ini;
}

/* A machine whose disk0 is to be virtio, at a stage. */
static void
begin(Fixture *f, LadderStage stage)
{
    f->home = g_dir_make_tmp("carrel-ladder-XXXXXX", NULL);
    g_setenv("XDG_DATA_HOME", f->home, TRUE);
    g_setenv("XDG_STATE_HOME", f->home, TRUE);
    f->before = parse(text);
    f->after = profile_copy(f->before);
    CU_ASSERT_TRUE(profile_set(f->after, "disk0.model", "virtio-blk", NULL));
    f->change = ladder_new();
    ladder_propose(f->change, f->before, f->after, "disk0.model", stage);
    g_autofree char *ini = profile_to_text(f->after);
    write_ini(ini);
}

static void
end(Fixture *f)
{
    ladder_free(f->change);
    profile_free(f->before);
    profile_free(f->after);
    store_remove_tree(f->home, NULL);
    g_free(f->home);
}

static LadderRow *
row(Fixture *f)
{
    LadderRow *found = ladder_find(f->change, "disk0.model");

    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    return found;
}

static const LadderSight nothing = {0}, firmware = {.by_firmware = true},
                         boot_seen = {.by_system = true, .is_boot = true},
                         boot_lives = {.by_system = true,
                                       .is_boot = true,
                                       .lives = true},
                         data_seen = {.by_system = true};
static const LadderEnd long_run = {.ran_ms = 100000},
                       cut_soon = {.ran_ms = 5000, .cut_short = true},
                       cut_late = {.ran_ms = 60000, .cut_short = true};

static void
every_value_has_a_rung(void)
{
    CU_ASSERT_EQUAL(rung_of("ide"), RUNG_EMULATED);
    CU_ASSERT_EQUAL(rung_of("ps2"), RUNG_EMULATED);
    CU_ASSERT_EQUAL(rung_of("virtio-blk"), RUNG_VIRTIO);
    CU_ASSERT_EQUAL(rung_of("virtio"), RUNG_VIRTIO);
    CU_ASSERT_EQUAL(rung_of("vfio-pci"), RUNG_PASSED_THROUGH);
    CU_ASSERT_EQUAL(rung_of("none"), RUNG_NONE);
    CU_ASSERT_PTR_NULL(rung_find("disk0.path"));
    CU_ASSERT_PTR_NULL(rung_find("disk9.model"));
    CU_ASSERT_PTR_NULL(rung_find("disk#.model"));
    CU_ASSERT_STRING_EQUAL(rung_find("disk3.model")->what, "disk");
}

static void
every_row_is_a_setting(void)
{
    unsigned n;
    const RungKey *rows = rung_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *section =
            g_strdelimit(g_strdup(rows[i].section), "#", '0');
        CU_ASSERT_PTR_NOT_NULL(schema_find(section, rows[i].key));
    }
}

static void
devices_are_found_by_their_names(void)
{
    g_autofree char *disk = rung_device_id("disk2.model");
    g_autofree char *keyboard = rung_device_id("input.keyboard");
    g_autofree char *model = rung_model("input.keyboard", "virtio");

    CU_ASSERT_STRING_EQUAL(disk, "disk2");
    CU_ASSERT_STRING_EQUAL(keyboard, "keyboard");
    CU_ASSERT_STRING_EQUAL(model, "virtio-input");
    CU_ASSERT_PTR_NULL(rung_model("disk0.model", "ide"));
}

static void
differences_are_settings_of_classes_only(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    profile_set(f.after, "machine.memory", "128M", NULL);
    profile_set(f.after, "rng.model", "virtio-rng", NULL);
    profile_set(f.after, "disk1.path", "/y.img", NULL);
    profile_set(f.after, "disk1.model", "virtio-blk", NULL);
    g_auto(GStrv) keys = ladder_differences(f.before, f.after);
    CU_ASSERT_EQUAL_FATAL(g_strv_length(keys), 2); /* disk1 is new */
    CU_ASSERT_STRING_EQUAL(keys[0], "disk0.model");
    CU_ASSERT_STRING_EQUAL(keys[1], "rng.model");
    end(&f);
}

static void
a_trial_is_confirmed_when_the_system_lives_on_it(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_TRIAL);
    CU_ASSERT_FALSE(ladder_observe(row(&f), &nothing));
    CU_ASSERT_FALSE(ladder_observe(row(&f), &firmware));
    CU_ASSERT_FALSE(ladder_observe(row(&f), &boot_seen));
    CU_ASSERT_TRUE(ladder_observe(row(&f), &boot_lives));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_CONFIRMED);
    CU_ASSERT_FALSE(ladder_observe(row(&f), &nothing));
    CU_ASSERT_FALSE(ladder_end(row(&f), &nothing, &long_run));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_CONFIRMED);
    end(&f);
}

static void
a_disk_for_data_needs_a_driver_only(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    CU_ASSERT_TRUE(ladder_end(row(&f), &data_seen, &long_run));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_CONFIRMED);
    end(&f);
}

static void
a_trial_without_a_driver_falls_back(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    CU_ASSERT_TRUE(ladder_end(row(&f), &firmware, &long_run));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_FALLEN_BACK);
    CU_ASSERT_PTR_NOT_NULL(strstr(row(&f)->note, "BIOS"));
    end(&f);
}

static void
a_root_under_another_name_falls_back(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    ladder_end(row(&f), &boot_seen, &long_run);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_FALLEN_BACK);
    CU_ASSERT_PTR_NOT_NULL(strstr(row(&f)->note, "/dev/sda1"));
    end(&f);
}

static void
a_trial_that_is_cut_short_is_made_once_more(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    CU_ASSERT_TRUE(ladder_end(row(&f), &firmware, &cut_soon));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_PROPOSED);
    ladder_start(f.change);
    ladder_end(row(&f), &firmware, &cut_soon);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_FALLEN_BACK);
    end(&f);
}

static void
an_owner_who_waited_has_seen_it_fail(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    ladder_end(row(&f), &nothing, &cut_late);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_FALLEN_BACK);
    end(&f);
}

static void
a_trial_without_an_end_falls_back_at_the_next_start(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    ladder_start(f.change);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_FALLEN_BACK);
    end(&f);
}

static void
a_start_that_failed_is_no_trial(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    ladder_start_failed(f.change);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_PROPOSED);
    CU_ASSERT_EQUAL(row(&f)->attempts, 0);
    end(&f);
}

static void
what_fell_back_is_told_once(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    ladder_end(row(&f), &nothing, &long_run);
    ladder_start(f.change);
    CU_ASSERT_EQUAL(f.change->rows->len, 1); /* not yet restored */
    CU_ASSERT_TRUE(ladder_restore(f.change, "box", false, NULL));
    ladder_start(f.change);
    CU_ASSERT_EQUAL(f.change->rows->len, 0);
    end(&f);
}

static void
a_helper_comes_beside_the_old_device(void)
{
    Fixture f;
    begin(&f, LADDER_PREPARE);

    g_autoptr(Profile) with =
        ladder_with_helpers(f.change, f.after, "/state/prepare.img", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(with);
    CU_ASSERT_STRING_EQUAL(profile_get_string(with, "disk0.model"), "ide");
    CU_ASSERT_STRING_EQUAL(profile_get_string(with, "disk1.model"),
                           "virtio-blk");
    CU_ASSERT_STRING_EQUAL(profile_get_string(with, "disk1.path"),
                           "/state/prepare.img");
    ladder_start(f.change);
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_PREPARE);
    CU_ASSERT_FALSE(ladder_end(row(&f), &firmware, &long_run));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_PREPARE);
    CU_ASSERT_TRUE(ladder_observe(row(&f), &data_seen));
    CU_ASSERT_EQUAL(row(&f)->stage, LADDER_PROPOSED);
    end(&f);
}

static void
two_disks_share_a_helper(void)
{
    Fixture f;
    begin(&f, LADDER_PREPARE);

    profile_set(f.before, "disk1.path", "/y.img", NULL);
    profile_set(f.after, "disk1.path", "/y.img", NULL);
    profile_set(f.after, "disk1.model", "virtio-blk", NULL);
    ladder_propose(f.change, f.before, f.after, "disk1.model", LADDER_PREPARE);
    g_autoptr(Profile) with =
        ladder_with_helpers(f.change, f.after, "/state/prepare.img", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(with);
    CU_ASSERT_TRUE(profile_has_section(with, "disk2"));
    CU_ASSERT_FALSE(profile_has_section(with, "disk3"));
    end(&f);
}

static void
a_machine_without_room_has_no_helper(void)
{
    Fixture f;
    begin(&f, LADDER_PREPARE);
    g_autoptr(GError) error = NULL;

    profile_set(f.after, "disk1.path", "/1", NULL);
    profile_set(f.after, "disk2.path", "/2", NULL);
    profile_set(f.after, "disk3.path", "/3", NULL);
    CU_ASSERT_PTR_NULL(
        ladder_with_helpers(f.change, f.after, "/p.img", &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "no place"));
    end(&f);
}

static void
an_untouched_file_is_restored_byte_for_byte(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    CU_ASSERT_TRUE(ladder_restore(f.change, "box", true, NULL));
    g_autofree char *ini = read_ini();
    CU_ASSERT_STRING_EQUAL(ini, text);
    CU_ASSERT_TRUE(row(&f)->restored);
    end(&f);
}

static void
what_was_changed_since_stays(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    profile_set(f.after, "machine.cpus", "2", NULL);
    g_autofree char *mine = profile_to_text(f.after);
    write_ini(mine);
    CU_ASSERT_TRUE(ladder_restore(f.change, "box", true, NULL));
    g_autofree char *ini = read_ini();
    CU_ASSERT_PTR_NOT_NULL(strstr(ini, "cpus=2"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ini, "# the system"));
    CU_ASSERT_PTR_NULL(strstr(ini, "virtio-blk"));
    end(&f);
}

static void
a_value_that_somebody_chose_since_stays(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    write_ini("[disk0]\npath=/x.img\nmodel=ide\n");
    CU_ASSERT_TRUE(ladder_restore(f.change, "box", true, NULL));
    g_autofree char *ini = read_ini();
    CU_ASSERT_STRING_EQUAL(ini, "[disk0]\npath=/x.img\nmodel=ide\n");
    end(&f);
}

static void
one_of_two_settings_goes_back(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    profile_set(f.after, "rng.model", "virtio-rng", NULL);
    ladder_propose(f.change, f.before, f.after, "rng.model", LADDER_CONFIRMED);
    ladder_propose(f.change, f.before, f.after, "disk0.model", LADDER_PROPOSED);
    g_autofree char *both = profile_to_text(f.after);
    write_ini(both);
    ladder_start(f.change);
    ladder_end(row(&f), &nothing, &long_run);
    CU_ASSERT_TRUE(ladder_restore(f.change, "box", false, NULL));
    g_autofree char *ini = read_ini();
    CU_ASSERT_PTR_NULL(strstr(ini, "virtio-blk"));
    CU_ASSERT_PTR_NOT_NULL(strstr(ini, "virtio-rng"));
    end(&f);
}

static void
the_file_says_all_of_it_again(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    CU_ASSERT_TRUE_FATAL(ladder_save("box", f.change, NULL));
    g_autoptr(LadderChange) again = ladder_load("box");
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_STRING_EQUAL(again->before, text);
    CU_ASSERT_EQUAL_FATAL(again->rows->len, 1);
    const LadderRow *r = g_ptr_array_index(again->rows, 0);
    CU_ASSERT_STRING_EQUAL(r->key, "disk0.model");
    CU_ASSERT_STRING_EQUAL(r->from, "ide");
    CU_ASSERT_FALSE(r->from_set);
    CU_ASSERT_EQUAL(r->stage, LADDER_TRIAL);
    CU_ASSERT_EQUAL(r->attempts, 1);
    g_autofree char *summary = ladder_summary("box");
    CU_ASSERT_STRING_EQUAL(summary, "on trial: disk0.model=virtio-blk");
    end(&f);
}

static void
a_damaged_file_is_no_change(void)
{
    static const char *const bad[] = {
        "", "{", "[]", "{\"version\":2}",
        "{\"version\":1,\"rows\":[{\"key\":\"machine.cpus\",\"stage\":"
        "\"trial\"}"
        ",{\"key\":\"disk0.model\",\"stage\":\"x\"},7]}"};
    Fixture f;
    begin(&f, LADDER_PROPOSED);
    ladder_save("box", f.change, NULL);
    g_autofree char *dir = paths_machine_state("box");
    g_autofree char *file = g_build_filename(dir, "ladder.json", NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_file_set_contents(file, bad[i], -1, NULL);
        g_autoptr(LadderChange) change = ladder_load("box");
        CU_ASSERT_TRUE(change == NULL || change->rows->len == 0);
    }
    end(&f);
}

static void
only_what_was_moved_here_is_merged(void)
{
    Fixture f;
    begin(&f, LADDER_PREPARE);
    ladder_save("box", f.change, NULL);
    g_autoptr(LadderChange) now = ladder_load("box");
    g_autoptr(Profile) third = profile_copy(f.after);
    profile_set(third, "rng.model", "virtio-rng", NULL);
    ladder_propose(now, f.after, third, "rng.model", LADDER_CONFIRMED);

    CU_ASSERT_FALSE(ladder_merge(now, f.change)); /* nothing moved */
    CU_ASSERT_EQUAL(f.change->rows->len, 1);
    ladder_observe(row(&f), &data_seen);
    CU_ASSERT_TRUE(ladder_merge(now, f.change));
    CU_ASSERT_EQUAL(now->rows->len, 2);
    CU_ASSERT_EQUAL(ladder_find(now, "disk0.model")->stage, LADDER_PROPOSED);
    g_autofree char *after = profile_to_text(third);
    CU_ASSERT_STRING_EQUAL(now->after, after);
    end(&f);
}

static void
what_others_decided_is_not_merged_over(void)
{
    Fixture f;
    begin(&f, LADDER_PREPARE);
    ladder_save("box", f.change, NULL);
    g_autoptr(LadderChange) now = ladder_load("box");
    LadderRow *theirs = ladder_find(now, "disk0.model");

    ladder_observe(row(&f), &data_seen);
    theirs->stage = LADDER_CONFIRMED; /* as set --no-trial does */
    CU_ASSERT_FALSE(ladder_merge(now, f.change));
    CU_ASSERT_EQUAL(theirs->stage, LADDER_CONFIRMED);
    CU_ASSERT_EQUAL(f.change->rows->len, 0); /* no longer watched */
    end(&f);
}

static void
a_setting_changed_by_hand_is_not_tried(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);
    ladder_save("box", f.change, NULL);
    g_autoptr(LadderChange) now = ladder_load("box");

    CU_ASSERT_FALSE(ladder_drop_others(now, f.change, f.after));
    CU_ASSERT_EQUAL(f.change->rows->len, 1);
    CU_ASSERT_TRUE(ladder_drop_others(now, f.change, f.before));
    CU_ASSERT_EQUAL(f.change->rows->len, 0);
    CU_ASSERT_EQUAL(now->rows->len, 0);
    end(&f);
}

static void
one_at_a_time_holds_the_lock(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    int first = ladder_lock("box");
    CU_ASSERT_TRUE_FATAL(first >= 0);
    CU_ASSERT_EQUAL(ladder_lock("box"), -1); /* and does not wait for ever */
    close(first);
    int second = ladder_lock("box");
    CU_ASSERT_TRUE(second >= 0);
    close(second);
    end(&f);
}

static void
a_second_step_keeps_the_first_ones_start(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    g_autoptr(Profile) third = profile_copy(f.after);
    profile_set(third, "rng.model", "virtio-rng", NULL);
    ladder_propose(f.change, f.after, third, "rng.model", LADDER_CONFIRMED);
    CU_ASSERT_EQUAL(f.change->rows->len, 2);
    CU_ASSERT_STRING_EQUAL(f.change->before, text);
    end(&f);
}

static void
a_decided_change_is_forgotten_by_the_next(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    ladder_start(f.change);
    ladder_end(row(&f), &boot_lives, &long_run);
    g_autoptr(Profile) third = profile_copy(f.after);
    profile_set(third, "rng.model", "virtio-rng", NULL);
    g_autofree char *after = profile_to_text(f.after);
    ladder_propose(f.change, f.after, third, "rng.model", LADDER_CONFIRMED);
    CU_ASSERT_EQUAL(f.change->rows->len, 1);
    CU_ASSERT_STRING_EQUAL(f.change->before, after);
    end(&f);
}

static void
a_proof_counts_for_its_disk(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);
    ladder_save("box", f.change, NULL); /* makes the folder */

    proof_add("box", "virtio-blk", "/x.img");
    proof_add("box", "virtio-blk", "/x.img");
    Proof *proof = proof_find("box", "virtio-blk", "/x.img");
    CU_ASSERT_PTR_NOT_NULL(proof);
    proof_free(proof);
    CU_ASSERT_PTR_NULL(proof_find("box", "virtio-blk", "/y.img"));
    CU_ASSERT_PTR_NULL(proof_find("box", "virtio-net", "/x.img"));
    g_autoptr(LadderCheck) check =
        ladder_check("box", f.before, "disk0.model", "virtio-blk", NULL, "?");
    CU_ASSERT_EQUAL(check->result, CHECK_GOOD);
    end(&f);
}

static void
only_what_replaces_a_device_is_tried(void)
{
    Fixture f;
    begin(&f, LADDER_PROPOSED);

    g_autoptr(LadderCheck) disk =
        ladder_check("box", f.before, "disk0.model", "virtio-blk", NULL, "?");
    g_autoptr(LadderCheck) pointer = ladder_check(
        "box", f.before, "input.pointer", "virtio-tablet", NULL, "?");
    g_autoptr(LadderCheck) down =
        ladder_check("box", f.before, "disk0.model", "ide", NULL, "?");
    CU_ASSERT_EQUAL(disk->result, CHECK_UNKNOWN);
    CU_ASSERT_EQUAL(pointer->result, CHECK_NO_TRIAL);
    CU_ASSERT_EQUAL(down->result, CHECK_NO_TRIAL);
    end(&f);
}

#define CASE(fn)                                                               \
    {                                                                          \
#fn, fn                                                                \
    }

CU_MAIN("ladder", CASE(every_value_has_a_rung), CASE(every_row_is_a_setting),
        CASE(devices_are_found_by_their_names),
        CASE(differences_are_settings_of_classes_only),
        CASE(a_trial_is_confirmed_when_the_system_lives_on_it),
        CASE(a_disk_for_data_needs_a_driver_only),
        CASE(a_trial_without_a_driver_falls_back),
        CASE(a_root_under_another_name_falls_back),
        CASE(a_trial_that_is_cut_short_is_made_once_more),
        CASE(an_owner_who_waited_has_seen_it_fail),
        CASE(a_trial_without_an_end_falls_back_at_the_next_start),
        CASE(a_start_that_failed_is_no_trial),
        CASE(what_fell_back_is_told_once),
        CASE(a_helper_comes_beside_the_old_device),
        CASE(two_disks_share_a_helper),
        CASE(a_machine_without_room_has_no_helper),
        CASE(an_untouched_file_is_restored_byte_for_byte),
        CASE(what_was_changed_since_stays),
        CASE(a_value_that_somebody_chose_since_stays),
        CASE(one_of_two_settings_goes_back),
        CASE(the_file_says_all_of_it_again), CASE(a_damaged_file_is_no_change),
        CASE(only_what_was_moved_here_is_merged),
        CASE(what_others_decided_is_not_merged_over),
        CASE(a_setting_changed_by_hand_is_not_tried),
        CASE(one_at_a_time_holds_the_lock),
        CASE(a_second_step_keeps_the_first_ones_start),
        CASE(a_decided_change_is_forgotten_by_the_next),
        CASE(a_proof_counts_for_its_disk),
        CASE(only_what_replaces_a_device_is_tried))
