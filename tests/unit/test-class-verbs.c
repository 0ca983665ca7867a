/* tests/unit/test-class-verbs.c - carrel set where it changes a device's class,
 * and carrel advise, from outside: exit codes, what is said, what is written.
 * Trials need a machine that runs: tests/host/ladder.sh. */
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/json.h"
#include "app/ladder/advice.h"
#include "app/ladder/host-facts.h"
#include "app/store.h"
#include "tests/unit/cu-main.h"

typedef struct {
    char *home;
    int code;
    char *out, *err;
} Run;

static const char machine[] = "# mine\n[machine]\nmemory=64M\n\n"
                              "[disk0]\npath=disk.img\n";

static char *
path_of(const Run *run, const char *name)
{
    return g_build_filename(run->home, "carrel", "machines", "box", name, NULL);
}

static void
write_box(const Run *run, const char *name, const char *text, gssize len)
{
    g_autofree char *file = path_of(run, name);
    g_autofree char *folder = g_path_get_dirname(file);

    g_mkdir_with_parents(folder, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, text, len, NULL));
}

/* A machine "box" whose disk has FAT16 with a boot sector that says loader. */
static void
set_up(Run *run, const char *loader)
{
    g_autofree char *disk = g_malloc0(64 << 10);
    g_autofree char *runtime = NULL;

    *run = (Run){.home = g_dir_make_tmp("carrel-test-XXXXXX", NULL)};
    runtime = g_build_filename(run->home, "run", NULL);
    g_mkdir(runtime, 0700);
    g_setenv("XDG_CONFIG_HOME", run->home, TRUE);
    g_setenv("XDG_DATA_HOME", run->home, TRUE);
    g_setenv("XDG_STATE_HOME", run->home, TRUE);
    g_setenv("XDG_RUNTIME_DIR", runtime, TRUE);
    memcpy(disk + 54, "FAT16   ", 8);
    memcpy(disk + 400, loader, strlen(loader));
    write_box(run, "disk.img", disk, 64 << 10);
    write_box(run, "machine.ini", machine, -1);
}

static void
tear_down(Run *run)
{
    store_remove_tree(run->home, NULL);
    g_free(run->home);
    g_free(run->out);
    g_free(run->err);
}

static int
carrel(Run *run, const char *words)
{
    g_autofree char *line =
        g_strdup_printf("%s %s", g_getenv("CARREL_TEST_PROGRAM"), words);
    int status = -1;

    g_clear_pointer(&run->out, g_free);
    g_clear_pointer(&run->err, g_free);
    g_spawn_command_line_sync(line, &run->out, &run->err, &status, NULL);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run->code;
}

static bool
file_is(const Run *run, const char *text)
{
    g_autofree char *file = path_of(run, "machine.ini");
    g_autofree char *now = NULL;

    return g_file_get_contents(file, &now, NULL, NULL) &&
           strcmp(now, text) == 0;
}

static bool
says(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void
an_unknown_guest_is_tried(void)
{
    Run run;
    set_up(&run, "nothing");

    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk"), 0);
    CU_ASSERT_TRUE(says(run.out, "ide (emulated) -> virtio-blk (virtio)"));
    CU_ASSERT_TRUE(says(run.out, "cannot tell"));
    CU_ASSERT_TRUE(says(run.out, "next start is a trial"));
    CU_ASSERT_EQUAL(carrel(&run, "get box disk0.model"), 0);
    CU_ASSERT_STRING_EQUAL(run.out, "virtio-blk\n");
    CU_ASSERT_EQUAL(carrel(&run, "status box --json"), 0);
    CU_ASSERT_TRUE(says(run.out, "to be tried: disk0.model=virtio-blk"));
    CU_ASSERT_EQUAL(carrel(&run, "list"), 0);
    CU_ASSERT_TRUE(says(run.out, "to be tried: disk0.model=virtio-blk"));
    tear_down(&run);
}

static void
undo_gives_the_file_back(void)
{
    Run run;
    set_up(&run, "nothing");

    CU_ASSERT_EQUAL(carrel(&run, "set box --undo"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo --dry-run"), 0);
    CU_ASSERT_FALSE(file_is(&run, machine));
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo"), 0);
    CU_ASSERT_TRUE(file_is(&run, machine));
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo"), 4);
    CU_ASSERT_EQUAL(carrel(&run, "set nobody --undo"), 3);
    tear_down(&run);
}

static void
dos_is_refused_unless_asked_for(void)
{
    Run run;
    set_up(&run, "KERNEL  SYS");

    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk"), 8);
    CU_ASSERT_TRUE(says(run.err, "DOS has no virtio drivers"));
    CU_ASSERT_TRUE(file_is(&run, machine));
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk --json"), 8);
    CU_ASSERT_TRUE(says(run.err, "\"no-driver\""));
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk --try"), 0);
    CU_ASSERT_TRUE(says(run.out, "next start is a trial"));
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk --no-trial"),
                    0);
    CU_ASSERT_TRUE(says(run.out, "for good: no trial"));
    CU_ASSERT_EQUAL(carrel(&run, "status box -v"), 0);
    CU_ASSERT_FALSE(says(run.out, "tried"));
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo"), 0);
    CU_ASSERT_TRUE(file_is(&run, machine));
    tear_down(&run);
}

static void
going_back_by_hand_leaves_nothing_to_try(void)
{
    Run run;
    set_up(&run, "nothing");

    carrel(&run, "set box disk0.model=virtio-blk");
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=ide"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "status box -v"), 0);
    CU_ASSERT_FALSE(says(run.out, "tried"));
    tear_down(&run);
}

static void
a_dry_run_says_all_and_writes_nothing(void)
{
    Run run;
    set_up(&run, "nothing");

    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk --dry-run"),
                    0);
    CU_ASSERT_TRUE(says(run.out, "next start is a trial"));
    CU_ASSERT_TRUE(file_is(&run, machine));
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo"), 4);
    tear_down(&run);
}

static void
programs_get_the_same(void)
{
    Run run;
    set_up(&run, "nothing");

    CU_ASSERT_EQUAL(
        carrel(&run, "set box disk0.model=virtio-blk rng.model=virtio-rng "
                     "--prepare --json"),
        0);
    g_autoptr(JsonNode) node = json_parse(run.out, strlen(run.out), NULL);
    const JsonNode *classes = json_get(node, "classes");
    CU_ASSERT_EQUAL_FATAL(json_length(classes), 2);
    const JsonNode *disk = json_at(classes, 0);
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "key", ""), "disk0.model");
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "from-class", ""), "emulated");
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "to-class", ""), "virtio");
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "check", ""), "unknown");
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "stage", ""), "prepare");
    CU_ASSERT_STRING_EQUAL(json_get_string(json_at(classes, 1), "stage", ""),
                           "confirmed");
    tear_down(&run);
}

static void
a_clone_is_tried_too_and_a_new_machine_is_not(void)
{
    Run run;
    set_up(&run, "nothing");

    carrel(&run, "set box disk0.model=virtio-blk");
    CU_ASSERT_EQUAL(carrel(&run, "clone box other"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "status other -v"), 0);
    CU_ASSERT_TRUE(says(run.out, "to be tried"));
    CU_ASSERT_EQUAL(carrel(&run, "delete other --yes"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "new other --from pc --new-disk 1M"), 0);
    CU_ASSERT_EQUAL(carrel(&run, "status other -v"), 0);
    CU_ASSERT_FALSE(says(run.out, "to be tried"));
    tear_down(&run);
}

static void
options_that_contradict_are_refused(void)
{
    Run run;
    set_up(&run, "nothing");

    CU_ASSERT_EQUAL(carrel(&run, "set box --undo machine.cpus=2"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set box machine.cpus=2 --try --prepare"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set box"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=scsi"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "set box --undo --read-only"), 4);
    CU_ASSERT_TRUE(file_is(&run, machine));
    tear_down(&run);
}

/* Widest line, in characters. */
static glong
width_of(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    glong widest = 0;

    for (unsigned i = 0; lines[i] != NULL; i++)
        widest = MAX(widest, g_utf8_strlen(lines[i], -1));
    return widest;
}

static void
advise_fits_a_terminal(void)
{
    Run run;
    set_up(&run, "nothing");

    CU_ASSERT_EQUAL(carrel(&run, "advise box"), 0);
    CU_ASSERT_TRUE(says(run.out, "\ncarrel set box disk0.model=virtio-blk\n"));
    CU_ASSERT_TRUE(says(run.out, "run carrel bench"));
    CU_ASSERT_TRUE(width_of(run.out) < 80);
    CU_ASSERT_EQUAL(carrel(&run, "advise box -v"), 0);
    CU_ASSERT_TRUE(width_of(run.out) < 80);
    CU_ASSERT_EQUAL(carrel(&run, "advise"), 2);
    CU_ASSERT_EQUAL(carrel(&run, "advise nobody"), 3);
    tear_down(&run);
}

static const JsonNode *
device_of(const JsonNode *node, const char *key)
{
    const JsonNode *devices = json_get(node, "devices");

    for (unsigned i = 0; i < json_length(devices); i++)
        if (strcmp(json_get_string(json_at(devices, i), "key", ""), key) == 0)
            return json_at(devices, i);
    CU_FAIL("no such device");
    return NULL;
}

static void
advise_leaves_dos_its_disk(void)
{
    Run run;
    set_up(&run, "KERNEL  SYS");

    CU_ASSERT_EQUAL(carrel(&run, "advise box --json"), 0);
    g_autoptr(JsonNode) node = json_parse(run.out, strlen(run.out), NULL);
    const JsonNode *disk = device_of(node, "disk0.model");
    CU_ASSERT_STRING_EQUAL(json_get_string(json_get(node, "guest"), "name", ""),
                           "FreeDOS");
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "advised", ""), "ide");
    CU_ASSERT_PTR_NULL(json_get(disk, "command"));
    tear_down(&run);
}

/* Both verbs are to say the same of a disk that nothing is on. */
static void
a_blank_disk_has_no_trial(void)
{
    Run run;
    set_up(&run, "");
    g_autofree char *zeros = g_malloc0(128 << 10);
    write_box(&run, "disk.img", zeros, 128 << 10);
    CU_ASSERT_EQUAL(carrel(&run, "set box cd0.model=ide"), 0);

    CU_ASSERT_EQUAL(carrel(&run, "advise box --json"), 0);
    g_autoptr(JsonNode) node = json_parse(run.out, strlen(run.out), NULL);
    const JsonNode *disk = device_of(node, "disk0.model");
    const JsonNode *cd = device_of(node, "cd0.model");
    CU_ASSERT_STRING_EQUAL(json_get_string(disk, "advised", ""), "virtio-blk");
    CU_ASSERT_TRUE(says(json_get_string(disk, "because", ""), "no trial"));
    CU_ASSERT_STRING_EQUAL(json_get_string(cd, "advised", ""), "ide");
    CU_ASSERT_PTR_NULL(json_get(cd, "command"));
    CU_ASSERT_EQUAL(carrel(&run, "set box cd0.model=virtio-scsi"), 0);
    CU_ASSERT_TRUE(says(run.out, "without a trial"));
    CU_ASSERT_EQUAL(
        carrel(&run, "set box disk0.model=virtio-blk --dry-run --json"), 0);
    CU_ASSERT_TRUE(says(run.out, "needs the driver")); /* not wrapped */
    CU_ASSERT_EQUAL(carrel(&run, "set box disk0.model=virtio-blk"), 0);
    CU_ASSERT_TRUE(says(run.out, "without a trial"));
    CU_ASSERT_FALSE(says(run.out, "can go wrong"));
    tear_down(&run);
}

static void
advise_shows_what_was_measured(void)
{
    static const char bench[] =
        "{\"version\":1,\"date\":\"2026-01-02T03:04:05Z\",\"rows\":["
        "{\"row\":\"disk\",\"device\":\"ide\",\"metric\":\"4k\",\"unit\":"
        "\"IOPS\",\"value\":1000},"
        "{\"row\":\"disk\",\"device\":\"virtio-blk\",\"metric\":\"4k\","
        "\"unit\":\"IOPS\",\"value\":5000.5},"
        "{\"row\":\"disk\",\"device\":\"other\",\"value\":1},{},7]}";
    Run run;
    set_up(&run, "nothing");
    g_autofree char *file =
        g_build_filename(run.home, "carrel", "bench.json", NULL);
    g_file_set_contents(file, bench, -1, NULL);

    CU_ASSERT_EQUAL(carrel(&run, "advise box"), 0);
    CU_ASSERT_TRUE(says(run.out, "4k: ide 1000, virtio-blk 5000 IOPS") ||
                   says(run.out, "4k: ide 1000, virtio-blk 5001 IOPS"));
    CU_ASSERT_TRUE(says(run.out, "from 2026-01-02 (carrel bench)"));
    g_file_set_contents(file, "{\"version\":1,", -1, NULL);
    CU_ASSERT_EQUAL(carrel(&run, "advise box"), 0);
    CU_ASSERT_TRUE(says(run.out, "run carrel bench"));
    tear_down(&run);
}

/* ---- the host ---- */

static void
put_host_file(const Run *run, const char *path, const char *text)
{
    g_autofree char *file = g_build_filename(run->home, "host", path, NULL);
    g_autofree char *folder = g_path_get_dirname(file);

    g_mkdir_with_parents(folder, 0700);
    CU_ASSERT_TRUE(g_file_set_contents(file, text, -1, NULL));
}

/* A function of that class in no group, or in one: as sysfs shows it. */
static void
put_host_function(const Run *run, const char *bdf, const char *class, int group)
{
    g_autofree char *place = g_strdup_printf("sys/devices/pci0000:00/%s", bdf);
    g_autofree char *file = g_build_filename(place, "class", NULL);
    g_autofree char *bus =
        g_build_filename(run->home, "host/sys/bus/pci/devices", NULL);
    g_autofree char *link = g_build_filename(bus, bdf, NULL);
    g_autofree char *target =
        g_strdup_printf("../../../devices/pci0000:00/%s", bdf);

    put_host_file(run, file, class);
    g_mkdir_with_parents(bus, 0700);
    CU_ASSERT_EQUAL(symlink(target, link), 0);
    if (group < 0)
        return;
    g_autofree char *type =
        g_strdup_printf("sys/kernel/iommu_groups/%d/type", group);
    g_autofree char *of =
        g_build_filename(run->home, "host", place, "iommu_group", NULL);
    g_autofree char *to =
        g_strdup_printf("../../../kernel/iommu_groups/%d", group);
    put_host_file(run, type, "DMA\n");
    CU_ASSERT_EQUAL(symlink(to, of), 0);
}

static void
a_host_says_what_it_lacks(void)
{
    HostFacts facts;
    Run run;
    set_up(&run, "nothing");
    g_autofree char *root = g_build_filename(run.home, "host", NULL);

    put_host_function(&run, "0000:00:00.0", "0x060000\n", -1);
    host_facts_read(root, &facts);
    CU_ASSERT_FALSE(facts.kvm);
    CU_ASSERT_TRUE(says(host_facts_problem(&facts), "no IOMMU"));
    put_host_file(&run, "sys/firmware/acpi/tables/DMAR", "x");
    host_facts_read(root, &facts);
    CU_ASSERT_TRUE(says(host_facts_problem(&facts), "intel_iommu=on"));
    put_host_file(&run, "sys/kernel/iommu_groups/0/type", "DMA\n");
    host_facts_read(root, &facts);
    CU_ASSERT_TRUE(says(host_facts_problem(&facts), "modprobe vfio-pci"));
    put_host_file(&run, "dev/vfio/vfio", "");
    host_facts_read(root, &facts);
    CU_ASSERT_PTR_NULL(host_facts_problem(&facts));
    tear_down(&run);
}

static void
functions_in_groups_are_counted(void)
{
    HostFacts facts;
    Run run;
    set_up(&run, "nothing");
    g_autofree char *root = g_build_filename(run.home, "host", NULL);

    put_host_function(&run, "0000:01:00.0", "0x020000\n", 1);
    put_host_file(&run, "sys/devices/pci0000:00/0000:01:00.0/sriov_totalvfs",
                  "7\n");
    put_host_function(&run, "0000:02:00.0", "0x0c0330\n", 2);
    put_host_function(&run, "0000:03:00.0", "0x030000\n", -1);
    host_facts_read(root, &facts);
    CU_ASSERT_EQUAL(facts.n_network, 1);
    CU_ASSERT_EQUAL(facts.n_sriov, 1);
    CU_ASSERT_EQUAL(facts.n_usb, 1);
    CU_ASSERT_EQUAL(facts.n_display, 0); /* in no group */
    tear_down(&run);
}

static const AdviceOption *
find_passed_through(const Advice *advice, const char *key)
{
    for (guint i = 0; i < advice->devices->len; i++) {
        const AdviceDevice *d = g_ptr_array_index(advice->devices, i);
        for (guint k = 0; k < d->options->len; k++) {
            const AdviceOption *option = g_ptr_array_index(d->options, k);
            if (strcmp(d->key, key) == 0 && option->rung == RUNG_PASSED_THROUGH)
                return option;
        }
    }
    return NULL;
}

static void
advice_tells_how_hardware_is_given(void)
{
    const char *text = "[net0]\n[display]\n";
    const HostFacts host = {
        .kvm = true, .vfio = true, .n_groups = 2, .n_network = 2};
    g_autoptr(Profile) profile =
        profile_parse(text, strlen(text), "/nowhere/machine.ini", NULL);
    g_autoptr(Advice) advice = advice_new("a", profile, &host, NULL);
    const AdviceOption *net = find_passed_through(advice, "net0.model");
    const AdviceOption *display = find_passed_through(advice, "display.model");

    CU_ASSERT_PTR_NOT_NULL_FATAL(net);
    CU_ASSERT_EQUAL(net->can, CAN_MAYBE);
    CU_ASSERT_TRUE(says(net->why, "[pci0] host="));
    CU_ASSERT_PTR_NOT_NULL_FATAL(display);
    CU_ASSERT_EQUAL(display->can, CAN_NO); /* the host has none to give */
    CU_ASSERT_STRING_EQUAL(display->why,
                           "the host has 0 graphics cards in IOMMU groups");
}

#define CASE(fn)                                                               \
    {                                                                          \
#fn, fn                                                                \
    }

CU_MAIN("class-verbs", CASE(an_unknown_guest_is_tried),
        CASE(undo_gives_the_file_back), CASE(dos_is_refused_unless_asked_for),
        CASE(going_back_by_hand_leaves_nothing_to_try),
        CASE(a_dry_run_says_all_and_writes_nothing),
        CASE(programs_get_the_same),
        CASE(a_clone_is_tried_too_and_a_new_machine_is_not),
        CASE(options_that_contradict_are_refused), CASE(advise_fits_a_terminal),
        CASE(advise_leaves_dos_its_disk), CASE(a_blank_disk_has_no_trial),
        CASE(advise_shows_what_was_measured), CASE(a_host_says_what_it_lacks),
        CASE(functions_in_groups_are_counted),
        CASE(advice_tells_how_hardware_is_given))
