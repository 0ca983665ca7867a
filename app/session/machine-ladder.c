/* app/session/machine-ladder.c - see machine-ladder.h. */
#include "app/session/machine-ladder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "app/ladder/change.h"
#include "app/ladder/proof.h"
#include "app/ladder/rungs.h"
#include "app/session/machine-host-internal.h"
#include "app/session/session-dir.h"
#include "devices/virtio/virtio-device.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

/* How often a trial is looked at; once it is decided nobody looks. */
#define WATCH_S 2
/* Requests of a system that lives on its disk without a write that was seen:
 * a partition table and what looks for file systems take some hundred. */
#define LIVING_BUFFERS           4000
#define LIVING_BUFFERS_READ_ONLY 1000 /* nothing better will come */
#define HELPER_BYTES             (G_GINT64_CONSTANT(1) << 20)

struct MachineLadder {
    MachineHost *host;
    /* NULL: none. Its own view: the file's is read anew for each save, as
     * commands write to it while the machine runs. */
    LadderChange *change;
    char *boot_section, *boot_disk;
    bool boot_read_only;
    bool saved; /* the machine is one of the store */
    gint64 started_us;
    guint timer;
};

static void G_GNUC_PRINTF(2, 3)
    say(const MachineLadder *ladder, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    machine_host_say(ladder->host, text);
}

static bool
save(const MachineLadder *ladder, LadderChange *change)
{
    g_autoptr(GError) error = NULL;

    if (ladder_save(ladder->host->name, change, &error))
        return true;
    say(ladder, "ladder: %s", error->message);
    return false;
}

static LadderRow *
row_at(const MachineLadder *ladder, guint i)
{
    return g_ptr_array_index(ladder->change->rows, i);
}

/* Rows that fell back and are not yet restored get their old value. True: there
 * are some. */
static bool
take_back(const MachineLadder *ladder, LadderChange *change)
{
    g_autoptr(GError) error = NULL;
    bool todo = false;

    for (guint i = 0; i < change->rows->len; i++) {
        const LadderRow *row = g_ptr_array_index(change->rows, i);
        if (row->stage != LADDER_FALLEN_BACK || row->restored)
            continue;
        todo = true;
        say(ladder, "ladder: %s goes back from %s to %s: %s", row->key, row->to,
            row->from, row->note);
    }
    if (todo && !ladder_restore(change, ladder->host->name, false, &error))
        say(ladder, "ladder: the old settings could not be written: %s",
            error->message);
    return todo;
}

/* Files what has moved here, and only that. */
static void
store(MachineLadder *ladder)
{
    G_GNUC_UNUSED CARREL_AUTO_FD int lock = ladder_lock(ladder->host->name);
    g_autoptr(LadderChange) now = ladder_load(ladder->host->name);

    if (now == NULL)
        return; /* somebody has taken all of it back */
    bool moved = ladder_merge(now, ladder->change);
    moved = take_back(ladder, now) || moved;
    if (moved && save(ladder, now))
        ladder_filed(ladder->change);
}

MachineLadder *
machine_ladder_begin(MachineHost *host)
{
    MachineLadder *ladder = g_new0(MachineLadder, 1);
    g_autofree char *throw_away = session_throw_away_profile(host->name);

    ladder->host = host;
    ladder->saved = !g_file_test(throw_away, G_FILE_TEST_EXISTS);
    if (!ladder->saved)
        return ladder;
    G_GNUC_UNUSED CARREL_AUTO_FD int lock = ladder_lock(host->name);
    ladder->change = ladder_load(host->name);
    if (ladder->change == NULL)
        return ladder;
    bool moved = ladder_start(ladder->change);
    moved = take_back(ladder, ladder->change) || moved;
    if (moved)
        (void) save(ladder, ladder->change); /* it has said why not */
    return ladder;
}

static char *
make_helper_disk(const MachineLadder *ladder)
{
    g_autofree char *dir = session_state_dir(ladder->host->name);
    char *path = g_build_filename(dir, "prepare.img", NULL);
    CARREL_AUTO_FD int fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || ftruncate(fd, HELPER_BYTES) < 0)
        say(ladder, "ladder: cannot make '%s': %s", path, g_strerror(errno));
    return path;
}

/* Only settings that nobody has changed otherwise, by hand, are tried. */
static void
drop_others(MachineLadder *ladder, const Profile *profile)
{
    G_GNUC_UNUSED CARREL_AUTO_FD int lock = ladder_lock(ladder->host->name);
    g_autoptr(LadderChange) now = ladder_load(ladder->host->name);

    if (now == NULL)
        now = ladder_new();
    if (ladder_drop_others(now, ladder->change, profile))
        (void) save(ladder, now); /* it has said why not */
}

static void
say_trials(const MachineLadder *ladder)
{
    for (guint i = 0; i < ladder->change->rows->len; i++) {
        const LadderRow *row = row_at(ladder, i);
        if (row->stage == LADDER_TRIAL)
            say(ladder,
                "ladder: %s=%s is on trial; unless the guest takes it, "
                "the next start has %s again",
                row->key, row->to, row->from);
    }
}

Profile *
machine_ladder_profile(MachineLadder *ladder, Profile *profile)
{
    g_autoptr(GError) error = NULL;

    ladder->boot_section = proof_boot_section(profile);
    ladder->boot_disk = proof_boot_disk(profile);
    g_autofree char *ro =
        g_strconcat(ladder->boot_section ? ladder->boot_section : "disk0",
                    ".read-only", NULL);
    ladder->boot_read_only = profile_get_bool(profile, ro);
    if (ladder->change == NULL)
        return profile;
    drop_others(ladder, profile);
    say_trials(ladder);
    if (!ladder_has(ladder->change, LADDER_PREPARE))
        return profile;
    g_autofree char *disk = make_helper_disk(ladder);
    Profile *with = ladder_with_helpers(ladder->change, profile, disk, &error);
    if (with == NULL) {
        say(ladder, "ladder: the guest cannot be prepared: %s", error->message);
        return profile;
    }
    say(ladder, "ladder: the old devices stay in this start, with a small new "
                "one beside them, so that the guest loads its driver");
    profile_free(profile);
    return with;
}

/* ---- looking; loop thread ---- */

typedef struct {
    MachineLadder *ladder;
    LadderSight *sights; /* one a row */
    GPtrArray *models;   /* driven by the system; const char * */
} Look;

static bool
is_of_row(const LadderRow *row, const Device *dev)
{
    g_autofree char *id = rung_device_id(row->key);
    g_autofree char *model = rung_model(row->key, row->to);

    if (model == NULL || strcmp(dev->klass->name, model) != 0)
        return false;
    /* a helper has another number; a SCSI adapter is not called as its disks */
    return strcmp(dev->id, id) == 0 || row->stage == LADDER_PREPARE ||
           !g_str_has_prefix(dev->id, rung_find(row->key)->what);
}

static void
look_at_row(const MachineLadder *ladder, const LadderRow *row,
            const VirtioUse *use, LadderSight *sight)
{
    g_autofree char *id = rung_device_id(row->key);

    sight->by_firmware |= use->by_firmware;
    sight->by_system |= use->by_system;
    sight->is_boot = g_strcmp0(id, ladder->boot_section) == 0;
    sight->lives |=
        use->writes > 0 ||
        use->buffers >= (ladder->boot_read_only ? LIVING_BUFFERS_READ_ONLY
                                                : LIVING_BUFFERS);
}

static void
look_at_device(Device *dev, void *data)
{
    Look *look = data;
    const LadderChange *change = look->ladder->change;
    VirtioUse use;

    if (!virtio_get_use(dev, &use))
        return;
    if (use.by_system)
        g_ptr_array_add(look->models, (gpointer) dev->klass->name);
    for (guint i = 0; change != NULL && i < change->rows->len; i++)
        if (is_of_row(row_at(look->ladder, i), dev))
            look_at_row(look->ladder, row_at(look->ladder, i), &use,
                        &look->sights[i]);
}

static void
look_on_loop(void *data)
{
    Look *look = data;

    vm_foreach_device(machine_vm(look->ladder->host->machine), look_at_device,
                      look);
}

/* Main thread. sights: g_free. */
static LadderSight *
look(MachineLadder *ladder, GPtrArray *models)
{
    guint n = ladder->change != NULL ? ladder->change->rows->len : 0;
    Look what = {ladder, g_new0(LadderSight, n + 1), models};
    Machine *machine = ladder->host->machine;

    if (machine != NULL)
        loop_call(vm_loop(machine_vm(machine)), look_on_loop, &what);
    return what.sights;
}

static void
note_proofs(const MachineLadder *ladder, const GPtrArray *models)
{
    for (guint i = 0; ladder->saved && i < models->len; i++)
        proof_add(ladder->host->name, g_ptr_array_index(models, i),
                  ladder->boot_disk);
}

/* ---- while it runs ---- */

static bool
is_waiting(const MachineLadder *ladder)
{
    return ladder->change != NULL &&
           (ladder_has(ladder->change, LADDER_TRIAL) ||
            ladder_has(ladder->change, LADDER_PREPARE));
}

static gboolean
look_again(gpointer data)
{
    MachineLadder *ladder = data;
    g_autoptr(GPtrArray) models = g_ptr_array_new();
    g_autofree LadderSight *sights = look(ladder, models);
    bool moved = false;

    for (guint i = 0; i < ladder->change->rows->len; i++) {
        LadderRow *row = row_at(ladder, i);
        if (!ladder_observe(row, &sights[i]))
            continue;
        moved = true;
        say(ladder, "ladder: %s=%s: %s", row->key, row->to, row->note);
    }
    if (moved) {
        store(ladder);
        note_proofs(ladder, models);
    }
    if (is_waiting(ladder))
        return G_SOURCE_CONTINUE;
    ladder->timer = 0;
    return G_SOURCE_REMOVE;
}

void
machine_ladder_watch(MachineLadder *ladder)
{
    ladder->started_us = g_get_monotonic_time();
    if (is_waiting(ladder))
        ladder->timer = g_timeout_add_seconds(WATCH_S, look_again, ladder);
}

void
machine_ladder_reset(MachineLadder *ladder)
{
    if (ladder == NULL)
        return; /* a note that comes after the end */
    for (guint i = 0; ladder->change != NULL && i < ladder->change->rows->len;
         i++) {
        const LadderRow *row = row_at(ladder, i);
        if (row->stage == LADDER_TRIAL)
            say(ladder,
                "ladder: the guest was reset before it took %s=%s; if it "
                "cannot start, `carrel restart %s --force` goes back to %s",
                row->key, row->to, ladder->host->name, row->from);
    }
}

/* ---- the end ---- */

/* By whom it ended: the reasons are machine-host-stop.c's. */
static bool
is_cut_short(const char *reason)
{
    return g_str_has_prefix(reason, "forced off") ||
           g_str_has_prefix(reason, "terminated") ||
           g_str_has_prefix(reason, "ended by");
}

static void
judge(MachineLadder *ladder, const LadderSight *sights)
{
    gint64 us = g_get_monotonic_time() - ladder->started_us;
    const LadderEnd end = {
        .ran_ms = (guint64) us / 1000,
        .cut_short = is_cut_short(machine_host_end_reason(ladder->host))};

    for (guint i = 0; i < ladder->change->rows->len; i++) {
        const LadderRow *row = row_at(ladder, i);
        if (ladder_end(row_at(ladder, i), &sights[i], &end) &&
            row->stage != LADDER_FALLEN_BACK)
            say(ladder, "ladder: %s=%s: %s", row->key, row->to, row->note);
    }
}

void
machine_ladder_end(MachineLadder *ladder)
{
    if (ladder == NULL)
        return;
    g_autoptr(GPtrArray) models = g_ptr_array_new();
    g_autofree LadderSight *sights = look(ladder, models);

    if (ladder->timer != 0)
        g_source_remove(ladder->timer);
    if (ladder->started_us != 0)
        note_proofs(ladder, models);
    if (ladder->change != NULL) {
        if (ladder->started_us == 0)
            ladder_start_failed(ladder->change);
        else
            judge(ladder, sights);
        store(ladder);
    }
    ladder_free(ladder->change);
    g_free(ladder->boot_section);
    g_free(ladder->boot_disk);
    g_free(ladder);
}
