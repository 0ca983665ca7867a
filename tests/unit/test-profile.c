/* tests/unit/test-profile.c - machine.ini: reading, checking, changing,
 * saving. */
#include "profiles/profile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "profiles/schema.h"
#include "tests/unit/cu-main.h"

static Profile *
parse(const char *text)
{
    return profile_parse(text, strlen(text), "/m/machine.ini", NULL);
}

/* The message of the error that text gives, or NULL when it is valid. */
static char *
complain(const char *text, gsize len)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) p = profile_parse(text, len, "/m/machine.ini", &error);

    if (p != NULL && profile_validate(p, &error))
        return NULL;
    return g_strdup(error->message);
}

static bool
complains(const char *text, const char *start)
{
    g_autofree char *message = complain(text, strlen(text));

    return message != NULL && g_str_has_prefix(message, start);
}

static const ProfileFinding *
finding(const GPtrArray *findings, guint i)
{
    return g_ptr_array_index(findings, i);
}

static char *
make_folder(void)
{
    return g_dir_make_tmp("carrel-test-XXXXXX", NULL);
}

static void
remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(folder);
}

static void
an_empty_profile_has_every_default(void)
{
    g_autoptr(Profile) p = profile_new();

    CU_ASSERT_EQUAL(profile_get_u64(p, "machine.memory"), 128ull << 20);
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "machine.cpu-model"), "host");
    CU_ASSERT_TRUE(profile_get_bool(p, "machine.acpi"));
    CU_ASSERT_FALSE(profile_has(p, "machine.memory"));
    CU_ASSERT_TRUE(profile_validate(p, NULL));
}

static void
values_are_read_with_their_types(void)
{
    g_autoptr(Profile) p = parse("[machine]\nmemory=64M\n cpus = 2 \n"
                                 "acpi=no\n[disk0]\npath=a b.img\n");

    CU_ASSERT_EQUAL(profile_get_u64(p, "machine.memory"), 64ull << 20);
    CU_ASSERT_EQUAL(profile_get_u64(p, "machine.cpus"), 2);
    CU_ASSERT_FALSE(profile_get_bool(p, "machine.acpi"));
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "disk0.path"), "a b.img");
    CU_ASSERT_TRUE(profile_has_section(p, "disk0"));
    CU_ASSERT_FALSE(profile_has_section(p, "disk1"));
    CU_ASSERT_EQUAL(profile_get_line(p, "machine.cpus"), 3);
}

static void
values_read_as_gkeyfile_reads_them(void)
{
    static const char text[] = "[machine]\n"
                               "# note\n"
                               "  description = a\\sb\\\\c=[d] #e\n";
    g_autoptr(Profile) p = parse(text);
    g_autoptr(GKeyFile) k = g_key_file_new();

    g_key_file_load_from_data(k, text, (gsize) -1, 0, NULL);
    g_autofree char *theirs =
        g_key_file_get_string(k, "machine", "description", NULL);
    CU_ASSERT_STRING_EQUAL(theirs, "a b\\c=[d] #e");
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "machine.description"),
                           theirs);
}

static void
white_space_that_nobody_sees_is_no_part_of_a_value(void)
{
    g_autoptr(Profile) p = parse("[machine]  \n template  =  dos \t\n");

    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "machine.template"), "dos");
}

static void
carriage_returns_of_other_systems_do_no_harm(void)
{
    g_autoptr(Profile) p = parse("[machine]\r\nmemory=64M\r\n");

    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_EQUAL(profile_get_u64(p, "machine.memory"), 64ull << 20);
}

static void
relative_paths_start_at_the_profile(void)
{
    g_autoptr(Profile) p = parse("[disk0]\npath=disks/../a.img\n"
                                 "[cd0]\npath=/iso/b.iso\n[cd1]\n");
    g_autofree char *disk = profile_get_path(p, "disk0.path");
    g_autofree char *cd = profile_get_path(p, "cd0.path");
    g_autofree char *none = profile_get_path(p, "cd1.path");
    g_autofree char *name = profile_get_path(p, "machine.firmware");

    CU_ASSERT_STRING_EQUAL(disk, "/m/a.img");
    CU_ASSERT_STRING_EQUAL(cd, "/iso/b.iso");
    CU_ASSERT_PTR_NULL(none);
    CU_ASSERT_STRING_EQUAL(name, "bios-256k.bin");
}

static void
syntax_errors_name_file_and_line(void)
{
    CU_ASSERT_TRUE(complains("[machine]\nmemory\n", "/m/machine.ini:2: "));
    CU_ASSERT_TRUE(complains("\n\n[machine\n", "/m/machine.ini:3: "));
    CU_ASSERT_TRUE(complains("memory=1M\n", "/m/machine.ini:1: "));
    CU_ASSERT_TRUE(complains("[machine]\n=1M\n", "/m/machine.ini:2: "));
    CU_ASSERT_TRUE(complains("\xef\xbb\xbf[machine]\n", "/m/machine.ini:1: "));
    CU_ASSERT_TRUE(
        complains("[machine]\ndescription=\xe4\n", "/m/machine.ini:2: "));
    CU_ASSERT_TRUE(complains("[machine]\ndescription=a\\q\n",
                             "/m/machine.ini:2: machine.description: "));
}

static void
a_zero_byte_is_an_error(void)
{
    static const char text[] = "[machine]\nmemory=64M\0\0\n";
    g_autofree char *message = complain(text, sizeof text - 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "/m/machine.ini:2: "));
}

static void
value_errors_name_file_line_key_and_what_is_allowed(void)
{
    g_autofree char *message = complain("[machine]\n\ncpu-model=386\n", 25);

    CU_ASSERT_PTR_NOT_NULL_FATAL(message);
    CU_ASSERT_TRUE(
        g_str_has_prefix(message, "/m/machine.ini:3: machine.cpu-model: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "host, 486, pentium"));
}

static void
all_mistakes_are_found_in_one_go_and_in_order(void)
{
    g_autoptr(Profile) p = parse("[machine]\nmemory=1\ncpus=99\nmemroy=1M\n"
                                 "cpus=2\n[disk0]\n");
    g_autoptr(GPtrArray) f = profile_check(p);

    CU_ASSERT_EQUAL_FATAL(f->len, 5);
    CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, "machine.memory");
    CU_ASSERT_STRING_EQUAL(finding(f, 1)->key, "machine.cpus");
    CU_ASSERT_EQUAL(finding(f, 2)->line, 4);
    CU_ASSERT_FALSE(finding(f, 2)->is_error); /* unknown: a warning */
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 2)->message, "machine.memory"));
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 3)->message, "line 3"));
    CU_ASSERT_STRING_EQUAL(finding(f, 4)->key, "disk0.path");
}

static void
a_lenient_load_reports_every_bad_line(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *file = g_build_filename(folder, "machine.ini", NULL);
    g_file_set_contents(file, "junk\n[machine]\nmore junk\ncpus=0\n", -1, NULL);

    g_autoptr(Profile) p = profile_load_lenient(file, NULL);
    g_autoptr(GPtrArray) f = profile_check(p);

    CU_ASSERT_EQUAL_FATAL(f->len, 3);
    CU_ASSERT_EQUAL(finding(f, 0)->line, 1);
    CU_ASSERT_EQUAL(finding(f, 1)->line, 3);
    CU_ASSERT_EQUAL(finding(f, 2)->line, 4);
    remove_folder(folder);
}

static void
a_later_format_is_refused_as_a_whole(void)
{
    g_autoptr(Profile) p = parse("[machine]\nschema=2\nmemory=purple\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) f = profile_check(p);

    CU_ASSERT_EQUAL(f->len, 1);
    CU_ASSERT_FALSE(profile_validate(p, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_PROFILE_ERROR,
                                   CARREL_PROFILE_ERROR_NEWER));
    CU_ASSERT_FALSE(profile_save(p, "/nonexistent/machine.ini", NULL));
}

static void
what_an_emulated_card_has_not_is_found(void)
{
    g_autoptr(Profile) p = parse("[net0]\nmodel=e1000\nqueues=2\n"
                                 "[net1]\nmodel=virtio-net\nbusy-poll=50\n"
                                 "[net2]\nmodel=ne2000\nvhost=on\n"
                                 "[net3]\nmodel=pcnet\n");
    g_autoptr(GPtrArray) f = profile_check(p);

    CU_ASSERT_EQUAL_FATAL(f->len, 2);
    CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, "net0.queues");
    CU_ASSERT_FALSE(finding(f, 0)->is_error);
    CU_ASSERT_STRING_EQUAL(finding(f, 1)->key, "net2.vhost");
}

static void
what_a_network_boot_lacks_is_found(void)
{
    g_autoptr(Profile) bare = parse("[machine]\nboot=net\n");
    g_autoptr(GPtrArray) no_card = profile_check(bare);
    g_autoptr(Profile) p = parse("[machine]\nboot=net,disk\n"
                                 "[net0]\nkind=none\ntftp=/srv\n"
                                 "[net1]\nkind=user\nbootfile=a.0\n"
                                 "[net2]\nkind=user\nbootfile=http://b/a\n");
    g_autoptr(GPtrArray) f = profile_check(p);

    CU_ASSERT_EQUAL_FATAL(no_card->len, 1);
    CU_ASSERT_STRING_EQUAL(finding(no_card, 0)->key, "machine.boot");
    CU_ASSERT_EQUAL_FATAL(f->len, 2);
    CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, "net0.tftp");
    CU_ASSERT_FALSE(finding(f, 0)->is_error);
    CU_ASSERT_STRING_EQUAL(finding(f, 1)->key, "net1.bootfile");
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 1)->message, "net1.tftp"));
    CU_ASSERT_TRUE(profile_validate(p, NULL));
}

static void
a_floppy_of_an_odd_size_is_a_warning(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *file = g_build_filename(folder, "notes.txt", NULL);
    g_autofree char *text = g_strdup_printf("[floppy0]\npath=%s\n", file);
    g_autoptr(Profile) p = parse(text);
    g_file_set_contents(file, "buy milk", -1, NULL);
    g_autoptr(GPtrArray) odd = profile_check_files(p);
    CU_ASSERT_EQUAL(truncate(file, 1440 * 1024), 0);
    g_autoptr(GPtrArray) right = profile_check_files(p);

    CU_ASSERT_EQUAL_FATAL(odd->len, 1);
    CU_ASSERT_FALSE(finding(odd, 0)->is_error);
    CU_ASSERT_STRING_EQUAL(finding(odd, 0)->key, "floppy0.path");
    CU_ASSERT_EQUAL(right->len, 0);
    remove_folder(folder);
}

static void
too_many_drives_and_one_file_twice_are_found(void)
{
    CU_ASSERT_TRUE(complains("[disk0]\npath=a\n[disk1]\npath=b\n[disk2]\n"
                             "path=c\n[cd0]\n[cd1]\n",
                             "/m/machine.ini:7: cd0: "));
    CU_ASSERT_TRUE(complains("[disk0]\npath=a\n[disk1]\npath=./a\n",
                             "/m/machine.ini:4: disk1.path: "));
    CU_ASSERT_TRUE(complains("[serial0]\nkind=file\n",
                             "/m/machine.ini:1: serial0.path: "));
}

/* Places of the IDE controller are not taken by drives on other ones, and the
 * machine without IDE may have them. */
static void
drives_on_other_controllers_do_not_count_for_ide(void)
{
    CU_ASSERT_FALSE(complains("[disk0]\npath=a\n[disk1]\npath=b\n[disk2]\n"
                              "path=c\nmodel=virtio-scsi\n[disk3]\npath=d\n"
                              "model=virtio-blk\n[cd0]\n[cd1]\n[cd2]\n"
                              "model=virtio-scsi\n",
                              ""));
    CU_ASSERT_TRUE(complains("[machine]\nchipset=pc-virtio\nkernel=k\n"
                             "[cd0]\n",
                             "/m/machine.ini:4: cd0.model: "));
    CU_ASSERT_FALSE(complains("[machine]\nchipset=pc-virtio\nkernel=k\n"
                              "[cd0]\nmodel=virtio-scsi\n",
                              ""));
}

static void
two_drives_cannot_have_one_sata_port(void)
{
    CU_ASSERT_FALSE(complains("[disk0]\npath=a\nmodel=ahci\n[disk3]\npath=b\n"
                              "model=ahci\n[cd0]\nmodel=ahci\n[cd3]\n"
                              "model=ahci\n",
                              ""));
    CU_ASSERT_TRUE(complains("[disk3]\npath=b\nmodel=ahci\n[cd2]\nmodel=ahci\n",
                             "/m/machine.ini:4: cd2: "));
}

static void
a_screen_for_other_hosts_needs_a_password(void)
{
    CU_ASSERT_TRUE(complains("[vnc]\nlisten=tcp:0.0.0.0:5900\n",
                             "/m/machine.ini:2: vnc.password: "));
    CU_ASSERT_FALSE(
        complains("[vnc]\nlisten=tcp:0.0.0.0:5900\npassword=x\n", ""));
    CU_ASSERT_FALSE(complains("[vnc]\nlisten=tcp:127.0.0.1:5900\n", ""));
}

static void
a_cirrus_has_at_most_4_mib(void)
{
    CU_ASSERT_TRUE(complains("[display]\nmodel=cirrus\nvram=8M\n",
                             "/m/machine.ini:3: display.vram: "));
    CU_ASSERT_FALSE(complains("[display]\nmodel=cirrus\nvram=4M\n", ""));
    CU_ASSERT_FALSE(complains("[display]\nmodel=cirrus\n", ""));
    CU_ASSERT_FALSE(complains("[display]\nvram=8M\n", ""));
}

static void
comments_order_and_unknown_keys_survive_a_change(void)
{
    g_autoptr(Profile) p = parse("# mine\n[machine]\n# how much\nmemory=64M\n"
                                 "color=blue\n\n[cd0]\npath=x.iso\n");

    CU_ASSERT_TRUE(profile_set(p, "machine.memory", "32M", NULL));
    CU_ASSERT_TRUE(profile_set(p, "machine.cpus", "2", NULL));
    CU_ASSERT_TRUE(profile_set(p, "disk0.path", "d.img", NULL));
    CU_ASSERT_TRUE(profile_set(p, "cd0.path", NULL, NULL));

    g_autofree char *text = profile_to_text(p);
    CU_ASSERT_STRING_EQUAL(text, "# mine\n[machine]\n# how much\nmemory=32M\n"
                                 "color=blue\ncpus=2\n\n[cd0]\n\n[disk0]\n"
                                 "path=d.img\n");
}

static void
a_bad_change_changes_nothing(void)
{
    g_autoptr(Profile) p = parse("[machine]\nmemory=64M\n");
    g_autofree char *before = profile_to_text(p);
    g_autoptr(GError) error = NULL;

    CU_ASSERT_FALSE(profile_set(p, "machine.memory", "lots", NULL));
    CU_ASSERT_FALSE(profile_set(p, "machine", "x", NULL));
    CU_ASSERT_FALSE(profile_set(p, "", "x", NULL));
    CU_ASSERT_FALSE(profile_set(p, "machine.memroy", "1M", &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_KEY));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "machine.memory"));

    g_autofree char *after = profile_to_text(p);
    CU_ASSERT_STRING_EQUAL(before, after);
}

static void
odd_values_come_back_as_they_were_set(void)
{
    g_autoptr(Profile) p = profile_new();

    CU_ASSERT_TRUE(profile_set(p, "disk0.path", " C:\\a\\n#=[x] ", NULL));
    g_autofree char *text = profile_to_text(p);
    g_autoptr(Profile) again = parse(text);

    CU_ASSERT_STRING_EQUAL(profile_get_string(again, "disk0.path"),
                           " C:\\a\\n#=[x] ");
}

static void
a_section_is_removed_with_its_keys(void)
{
    g_autoptr(Profile) p =
        parse("[machine]\n\n[disk0]\npath=a\n\n[disk1]\npath=b\n");

    CU_ASSERT_TRUE(profile_remove_section(p, "disk0"));
    CU_ASSERT_FALSE(profile_remove_section(p, "disk0"));

    g_autofree char *text = profile_to_text(p);
    CU_ASSERT_STRING_EQUAL(text, "[machine]\n\n[disk1]\npath=b\n");
}

static void
an_invalid_value_reads_as_the_default(void)
{
    g_autoptr(Profile) p = parse("[machine]\nmemory=purple\nacpi=maybe\n");

    CU_ASSERT_EQUAL(profile_get_u64(p, "machine.memory"), 128ull << 20);
    CU_ASSERT_TRUE(profile_get_bool(p, "machine.acpi"));
}

static void
saving_keeps_the_previous_text_and_privacy(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *file = g_build_filename(folder, "machine.ini", NULL);
    g_autofree char *backup = g_strconcat(file, "~", NULL);
    g_autoptr(Profile) p = profile_new();
    g_autofree char *old = NULL;
    struct stat st;

    CU_ASSERT_TRUE(profile_set(p, "machine.cpus", "2", NULL));
    CU_ASSERT_TRUE(profile_save(p, file, NULL));
    CU_ASSERT_TRUE(profile_set(p, "machine.cpus", "3", NULL));
    CU_ASSERT_TRUE(profile_save(p, file, NULL));

    CU_ASSERT_EQUAL(stat(file, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_TRUE(g_file_get_contents(backup, &old, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(old, "[machine]\ncpus=2\n");
    remove_folder(folder);
}

static void
a_change_by_somebody_else_is_not_lost(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *file = g_build_filename(folder, "machine.ini", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_file_set_contents(file, "[machine]\ncpus=2\n", -1, NULL);

    g_autoptr(Profile) p = profile_load(file, NULL);
    g_file_set_contents(file, "[machine]\ncpus=4\n", -1, NULL);
    CU_ASSERT_TRUE(profile_set(p, "machine.memory", "32M", NULL));
    CU_ASSERT_FALSE(profile_save(p, file, &error));

    CU_ASSERT_TRUE(g_error_matches(error, CARREL_PROFILE_ERROR,
                                   CARREL_PROFILE_ERROR_CONFLICT));
    CU_ASSERT_TRUE(g_file_get_contents(file, &text, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(text, "[machine]\ncpus=4\n");
    remove_folder(folder);
}

static void
a_failed_save_leaves_no_litter(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *file = g_build_filename(folder, "no", "m.ini", NULL);
    g_autoptr(Profile) p = profile_new();
    g_autoptr(GError) error = NULL;

    CU_ASSERT_FALSE(profile_save(p, file, &error));
    CU_ASSERT_EQUAL(error->domain, G_FILE_ERROR);
    CU_ASSERT_EQUAL(g_rmdir(folder), 0); /* it is empty */
}

static void
a_link_to_a_profile_stays_a_link(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *real = g_build_filename(folder, "real.ini", NULL);
    g_autofree char *link = g_build_filename(folder, "machine.ini", NULL);
    g_file_set_contents(real, "[machine]\n", -1, NULL);
    CU_ASSERT_EQUAL(symlink("real.ini", link), 0);

    g_autoptr(Profile) p = profile_load(link, NULL);
    CU_ASSERT_TRUE(profile_set(p, "machine.cpus", "2", NULL));
    CU_ASSERT_TRUE(profile_save(p, link, NULL));

    CU_ASSERT_TRUE(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    g_autoptr(Profile) again = profile_load(real, NULL);
    CU_ASSERT_EQUAL(profile_get_u64(again, "machine.cpus"), 2);
    remove_folder(folder);
}

static void
what_is_no_file_or_too_big_is_refused(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *fifo = g_build_filename(folder, "fifo", NULL);
    g_autofree char *big = g_build_filename(folder, "big", NULL);
    g_autofree char *content = g_strnfill(1024 * 1024 + 1, '#');
    g_autoptr(GError) error = NULL;
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    g_file_set_contents(big, content, -1, NULL);

    CU_ASSERT_PTR_NULL(profile_load(folder, NULL));
    CU_ASSERT_PTR_NULL(profile_load(fifo, NULL));
    CU_ASSERT_PTR_NULL(profile_load("/nonexistent", NULL));
    CU_ASSERT_PTR_NULL(profile_load(big, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_PROFILE_ERROR,
                                   CARREL_PROFILE_ERROR_TOO_BIG));
    remove_folder(folder);
}

static void
missing_and_wrong_media_are_found(void)
{
    g_autofree char *folder = make_folder();
    g_autofree char *file = g_build_filename(folder, "machine.ini", NULL);
    g_autofree char *empty = g_build_filename(folder, "empty.img", NULL);
    g_autofree char *good = g_build_filename(folder, "good.img", NULL);
    g_file_set_contents(empty, "", 0, NULL);
    g_file_set_contents(good, "x", 1, NULL);
    g_file_set_contents(file,
                        "[disk0]\npath=gone.img\n[disk1]\npath=empty.img\n"
                        "[cd0]\npath=.\n[cd1]\npath=good.img\n",
                        -1, NULL);

    g_autoptr(Profile) p = profile_load(file, NULL);
    g_autoptr(GPtrArray) f = profile_check_files(p);

    CU_ASSERT_EQUAL_FATAL(f->len, 3);
    CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, "disk0.path");
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 1)->message, "0 bytes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 2)->message, "directory"));
    remove_folder(folder);
}

static void
a_keyboard_that_is_not_there_is_found(void)
{
    g_autoptr(Profile) p =
        parse("[input]\nevdev0=/dev/null\nevdev2=/dev/input/none\n");
    g_autoptr(GPtrArray) f = profile_check_files(p);

    CU_ASSERT_EQUAL_FATAL(f->len, 1);
    CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, "input.evdev2");
    CU_ASSERT_EQUAL(finding(f, 0)->line, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 0)->message, "is not there"));
}

static void
a_bar_has_a_power_of_two(void)
{
    CU_ASSERT_FALSE(complains("[pci0]\nrebar=8G\n", "/"));
    CU_ASSERT_FALSE(complains("[pci0]\nrebar=max\n", "/"));
    CU_ASSERT_FALSE(complains("[pci0]\nrebar=\n", "/"));
    CU_ASSERT_TRUE(
        complains("[pci0]\nrebar=3G\n", "/m/machine.ini:2: pci0.rebar"));
    CU_ASSERT_TRUE(
        complains("[pci0]\nrebar=512K\n", "/m/machine.ini:2: pci0.rebar"));
}

/* The bad forms of a value; NULL ends. What is valid for some key is sorted
 * out by the schema itself. */
static const char *const bad_forms[] = {"",
                                        "-1",
                                        "9223372036854775808",
                                        "18446744073709551616",
                                        "NaN",
                                        "1e3",
                                        "0x10",
                                        "TRUE",
                                        "a\033[m",
                                        "1M\t\r",
                                        "%n%s",
                                        "\\",
                                        "\xe4",
                                        "..",
                                        NULL};

/* True when the result names file, line and key, or the value is allowed. */
static bool
is_handled(const char *section, const char *key, const char *value)
{
    g_autofree char *text =
        g_strdup_printf("[%s]\n%s=%s\n", section, key, value);
    g_autofree char *message = complain(text, strlen(text));
    g_autofree char *where =
        g_strdup_printf("/m/machine.ini:2: %s.%s: ", section, key);

    return message == NULL || g_str_has_prefix(message, where) ||
           g_str_has_prefix(message, "/m/machine.ini:2: the line is not "
                                     "UTF-8") ||
           g_str_has_prefix(message, "/m/machine.ini:1: ");
}

static void
every_key_with_every_bad_form_is_handled(void)
{
    unsigned n, bad = 0, refused = 0;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; bad_forms[k] != NULL; k++) {
            g_autofree char *section =
                g_strdelimit(g_strdup(keys[i].section), "#", '0');
            g_autofree char *problem =
                schema_check_value(&keys[i], bad_forms[k]);
            refused += problem != NULL;
            bad += !is_handled(section, keys[i].key, bad_forms[k]);
        }
    CU_ASSERT_EQUAL(bad, 0);
    CU_ASSERT_TRUE(refused > n * 5); /* most forms are wrong for most keys */
}

static void
a_resolution_fits_the_card(void)
{
    CU_ASSERT_FALSE(complains("[display]\nresolution=2560x1600\n", "/"));
    CU_ASSERT_TRUE(complains("[display]\nresolution=1920x1080\nvram=4M\n",
                             "/m/machine.ini:2: display.resolution: does not "
                             "fit into the card's memory"));
    CU_ASSERT_TRUE(complains("[display]\nmodel=cirrus\nresolution=1600x1200\n",
                             "/m/machine.ini:3: display.resolution: a cirrus "
                             "card shows 1280x1024 at most"));
    CU_ASSERT_TRUE(complains("[display]\nresolution=1366x768\n",
                             "/m/machine.ini:2: display.resolution"));
}

static void
sound_needs_what_it_names(void)
{
    CU_ASSERT_TRUE(complains("[sound]\nmodel=sb16\noutput=wav\n",
                             "/m/machine.ini:3: sound.file: is missing"));
    CU_ASSERT_TRUE(complains("[machine]\nchipset=pc-virtio\nkernel=k\n"
                             "[display]\nmodel=none\n[sound]\nmodel=sb16\n",
                             "/m/machine.ini:7: sound.model: chipset=pc-virtio "
                             "has no ISA bus"));
    CU_ASSERT_FALSE(complains("[machine]\nchipset=pc-virtio\nkernel=k\n"
                              "[display]\nmodel=none\n[sound]\nmodel=ac97\n",
                              ""));
    CU_ASSERT_FALSE(
        complains("[sound]\nmodel=speaker\noutput=wav\nfile=a.wav\n", ""));
}

static void
a_balloon_and_a_device_of_the_host_exclude_each_other(void)
{
    g_autoptr(Profile) both =
        parse("[balloon]\nmodel=virtio-balloon\n[pci0]\nhost=0000:01:00.0\n");
    g_autoptr(Profile) one =
        parse("[balloon]\nmodel=none\n[pci0]\nhost=0000:01:00.0\n");
    g_autoptr(GPtrArray) f = profile_check(both);
    g_autoptr(GError) error = NULL;

    CU_ASSERT_EQUAL_FATAL(f->len, 1);
    CU_ASSERT_TRUE(finding(f, 0)->is_error);
    CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, "pci0");
    CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 0)->message, "balloon.model"));
    CU_ASSERT_TRUE(profile_validate(one, NULL));
    CU_ASSERT_FALSE(profile_is_valid(both, f, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "pci0: a device"));
}

#define CASE(name)                                                             \
    {                                                                          \
#name, name                                                            \
    }

static void
hyper_v_that_nobody_sees_is_a_warning(void)
{
    g_autoptr(Profile) p =
        parse("[machine]\nhide-hypervisor=true\n[cpu]\nhyperv=true\n");
    g_autoptr(GPtrArray) findings = profile_check(p);

    CU_ASSERT_EQUAL_FATAL(findings->len, 1);
    CU_ASSERT_FALSE(finding(findings, 0)->is_error);
    CU_ASSERT_EQUAL(finding(findings, 0)->line, 4);
    CU_ASSERT_STRING_EQUAL(finding(findings, 0)->key, "cpu.hyperv");
    CU_ASSERT_TRUE(complains("[cpu]\nhv-vendor=0123456789abc\n",
                             "/m/machine.ini:2: cpu.hv-vendor"));
}

static void
the_minimal_machine_needs_the_hypervisor_s_clock(void)
{
    static const struct {
        const char *text, *key; /* NULL: nothing to say */
    } rows[] = {
        {"[machine]\nchipset=pc-virtio\nkernel=/k\n", NULL},
        {"[machine]\nchipset=pc-virtio\nkernel=/k\n[cpu]\nkvm=false\n",
         "cpu.kvm"},
        {"[machine]\nchipset=pc-virtio\nkernel=/k\n[clock]\nkvmclock=false\n",
         "clock.kvmclock"},
        {"[machine]\nchipset=pc-virtio\nkernel=/k\nhide-hypervisor=true\n",
         "machine.hide-hypervisor"},
        {"[machine]\nchipset=pc-virtio\nkernel=/k\n[cpu]\nkvm=false\n"
         "hyperv=true\n",
         NULL},
        {"[machine]\nchipset=pc-virtio\nkernel=/k\n[cpu]\nkvm=false\n"
         "hyperv=true\nhv-vendor=Another\n",
         "cpu.kvm"},
        {"[cpu]\nkvm=false\n", NULL},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Profile) p = parse(rows[i].text);
        g_autoptr(GPtrArray) findings = profile_check(p);
        CU_ASSERT_EQUAL_FATAL(findings->len, rows[i].key != NULL ? 1 : 0);
        if (rows[i].key == NULL)
            continue;
        CU_ASSERT_FALSE(finding(findings, 0)->is_error);
        CU_ASSERT_STRING_EQUAL(finding(findings, 0)->key, rows[i].key);
    }
}

static void
sockets_and_threads_divide_the_processors(void)
{
    CU_ASSERT_TRUE(complains("[machine]\ncpus=3\n[cpu]\nthreads=2\n",
                             "/m/machine.ini:2: machine.cpus: must be a "
                             "multiple of 2"));
    CU_ASSERT_TRUE(complains("[machine]\ncpus=6\n[cpu]\nsockets=2\n",
                             "/m/machine.ini:4: cpu.sockets: gives each "
                             "socket 3 processors"));
    CU_ASSERT_FALSE(
        complains("[machine]\ncpus=8\n[cpu]\nsockets=2\nthreads=2\n", "/"));
}

static void
a_usb_device_has_a_port_that_is_there(void)
{
    CU_ASSERT_TRUE(complains("[usb0]\n[machine]\n",
                             "/m/machine.ini:1: usb0: there is no USB "
                             "controller"));
    CU_ASSERT_TRUE(complains("[machine]\nusb=uhci\n[usb2]\n",
                             "/m/machine.ini:3: usb2: machine.usb=uhci has two "
                             "ports"));
    CU_ASSERT_FALSE(complains("[machine]\nusb=ehci\n[usb7]\n", "/"));
    CU_ASSERT_FALSE(complains("[machine]\nusb=uhci\n[usb1]\nmodel=hub\n"
                              "[usb2]\nport=1.4\n[usb3]\nport=1.3\n",
                              "/"));
    CU_ASSERT_TRUE(
        complains("[usb2]\nport=1.5\n", "/m/machine.ini:2: usb2.port"));
    CU_ASSERT_TRUE(complains("[machine]\nusb=xhci\n[usb1]\n[usb2]\n"
                             "port=1.1\n",
                             "/m/machine.ini:4: usb2.port: usb1 is no hub"));
    CU_ASSERT_TRUE(complains("[machine]\nusb=xhci\n[usb1]\nmodel=hub\n"
                             "[usb2]\nport=1.1\n[usb3]\nport=1.1\n",
                             "/m/machine.ini:7: usb3.port: usb2 is in that "
                             "port"));
    CU_ASSERT_TRUE(complains("[machine]\nusb=xhci\n[usb1]\nmodel=hub\n"
                             "port=1.1\n",
                             "/m/machine.ini:3: usb1.port: more than five"));
}

static void
pins_are_one_for_each_processor(void)
{
    CU_ASSERT_TRUE(complains("[machine]\ncpus=4\n[cpu]\npin=2,3\n",
                             "/m/machine.ini:4: cpu.pin: names 2 processors"));
    CU_ASSERT_TRUE(complains("[cpu]\npin=2,2\n", "/m/machine.ini:2: cpu.pin"));
    CU_ASSERT_TRUE(complains("[cpu]\npin=1-\n", "/m/machine.ini:2: cpu.pin"));
    CU_ASSERT_TRUE(
        complains("[cpu]\nio-pin=1024\n", "/m/machine.ini:2: cpu.io-pin"));
    CU_ASSERT_FALSE(complains("[machine]\ncpus=4\n[cpu]\npin=0, 4-6\n", "/"));
}

/* Where a drive is that names no model follows from the board. */
static void
a_q35_has_its_drives_on_sata(void)
{
    g_autoptr(Profile) p =
        parse("[machine]\nchipset=pc-q35\n"
              "[disk0]\npath=/d\n[cd0]\nmodel=virtio-scsi\n");

    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "disk0.model"), "ahci");
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "cd1.model"), "ahci");
    CU_ASSERT_STRING_EQUAL(profile_get_string(p, "cd0.model"), "virtio-scsi");
    CU_ASSERT_TRUE(complains("[machine]\nchipset=pc-q35\n"
                             "[disk0]\npath=/d\nmodel=ide\n",
                             "/m/machine.ini:3: disk0.model: chipset=pc-q35 "
                             "has no IDE controller"));
}

static void
a_q35_is_not_without_acpi(void)
{
    CU_ASSERT_TRUE(complains("[machine]\nchipset=pc-q35\nacpi=false\n",
                             "/m/machine.ini:3: machine.acpi: "));
    CU_ASSERT_FALSE(complains("[machine]\nacpi=false\n", "/"));
}

static void
what_the_platform_would_pass_over_is_found(void)
{
    static const struct {
        const char *text, *key, *part; /* NULL: nothing to say */
        bool is_error;
    } rows[] = {
        {"s3=true\n", NULL, NULL, false},
        {"s3=true\nfirmware=uefi\n", "machine.s3", "UEFI", true},
        {"s3=true\nfirmware=/f/OVMF_CODE.fd\n", "machine.s3", "UEFI", true},
        {"s3=true\nacpi=false\n", "machine.s3", "machine.acpi=true", true},
        {"s3=true\nchipset=pc-q35\n", "machine.s3", "pc-i440fx", true},
        {"s3=false\nfirmware=uefi\nacpi=false\n", NULL, NULL, false},
        {"secure-boot=true\n", "machine.secure-boot",
         "needs machine.firmware=uefi", true},
        {"secure-boot=true\nfirmware=bios.bin\n", "machine.secure-boot",
         "needs machine.firmware=uefi", true},
        {"secure-boot=true\nfirmware=uefi\n", NULL, NULL, false},
        {"secure-boot=true\nfirmware=/f/OVMF_CODE.fd\n", NULL, NULL, false},
        {"hpet=true\n", NULL, NULL, false},
        {"hpet=true\nacpi=false\n", "machine.hpet", "machine.acpi=true", false},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strconcat("[machine]\n", rows[i].text, NULL);
        g_autoptr(Profile) p = parse(text);
        g_autoptr(GPtrArray) f = profile_check(p);
        CU_ASSERT_EQUAL_FATAL(f->len, rows[i].key != NULL ? 1 : 0);
        if (rows[i].key == NULL)
            continue;
        CU_ASSERT_EQUAL(finding(f, 0)->is_error, rows[i].is_error);
        CU_ASSERT_STRING_EQUAL(finding(f, 0)->key, rows[i].key);
        CU_ASSERT_EQUAL(finding(f, 0)->line, 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(finding(f, 0)->message, rows[i].part));
    }
}

CU_MAIN("profile", CASE(what_the_platform_would_pass_over_is_found),
        CASE(a_floppy_of_an_odd_size_is_a_warning),
        CASE(a_balloon_and_a_device_of_the_host_exclude_each_other),
        CASE(an_empty_profile_has_every_default),
        CASE(values_are_read_with_their_types),
        CASE(values_read_as_gkeyfile_reads_them),
        CASE(white_space_that_nobody_sees_is_no_part_of_a_value),
        CASE(carriage_returns_of_other_systems_do_no_harm),
        CASE(relative_paths_start_at_the_profile),
        CASE(syntax_errors_name_file_and_line), CASE(a_zero_byte_is_an_error),
        CASE(value_errors_name_file_line_key_and_what_is_allowed),
        CASE(all_mistakes_are_found_in_one_go_and_in_order),
        CASE(a_lenient_load_reports_every_bad_line),
        CASE(a_later_format_is_refused_as_a_whole),
        CASE(too_many_drives_and_one_file_twice_are_found),
        CASE(drives_on_other_controllers_do_not_count_for_ide),
        CASE(two_drives_cannot_have_one_sata_port),
        CASE(a_screen_for_other_hosts_needs_a_password),
        CASE(a_cirrus_has_at_most_4_mib),
        CASE(comments_order_and_unknown_keys_survive_a_change),
        CASE(a_bad_change_changes_nothing),
        CASE(odd_values_come_back_as_they_were_set),
        CASE(a_section_is_removed_with_its_keys),
        CASE(an_invalid_value_reads_as_the_default),
        CASE(saving_keeps_the_previous_text_and_privacy),
        CASE(a_change_by_somebody_else_is_not_lost),
        CASE(a_failed_save_leaves_no_litter),
        CASE(a_link_to_a_profile_stays_a_link),
        CASE(what_is_no_file_or_too_big_is_refused),
        CASE(missing_and_wrong_media_are_found),
        CASE(what_an_emulated_card_has_not_is_found),
        CASE(what_a_network_boot_lacks_is_found),
        CASE(a_resolution_fits_the_card), CASE(sound_needs_what_it_names),
        CASE(every_key_with_every_bad_form_is_handled),
        CASE(hyper_v_that_nobody_sees_is_a_warning),
        CASE(the_minimal_machine_needs_the_hypervisor_s_clock),
        CASE(a_q35_has_its_drives_on_sata), CASE(a_q35_is_not_without_acpi),
        CASE(sockets_and_threads_divide_the_processors),
        CASE(pins_are_one_for_each_processor),
        CASE(a_usb_device_has_a_port_that_is_there),
        CASE(a_keyboard_that_is_not_there_is_found),
        CASE(a_bar_has_a_power_of_two))
