/* tests/unit/test-usb-list.c - the host's USB devices out of a made-up sysfs. */
#include <string.h>
#include <unistd.h>

#include "passthrough-wizard/usb-list.h"
#include "tests/unit/cu-main.h"

static void
put(const char *root, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(root, file, NULL);
    g_autofree char *folder = g_path_get_dirname(path);

    CU_ASSERT_EQUAL(g_mkdir_with_parents(folder, 0700), 0);
    CU_ASSERT_TRUE(g_file_set_contents(path, text, -1, NULL));
}

static void
put_device(const char *root, const char *port, const char *key,
           const char *text)
{
    g_autofree char *file =
        g_strdup_printf("sys/bus/usb/devices/%s/%s", port, key);

    put(root, file, text);
}

static char *
make_tree(void)
{
    char *root = g_dir_make_tmp("carrel-usb-XXXXXX", NULL);

    put_device(root, "usb1", "idVendor", "1d6b\n");
    put_device(root, "1-2", "idVendor", "046d\n");
    put_device(root, "1-2", "idProduct", "c52b\n");
    put_device(root, "1-2", "busnum", "1\n");
    put_device(root, "1-2", "devnum", "7\n");
    put_device(root, "1-2", "speed", "12\n");
    put_device(root, "1-2", "manufacturer", "Maker\n");
    put_device(root, "1-2", "product", "Thing \033[31m\xff\n");
    put_device(root, "1-2:1.0", "bInterfaceClass", "03\n");
    put_device(root, "1-3", "bDeviceClass", "09\n");
    put(root, "dev/bus/usb/001/007", "");
    return root;
}

static void
remove_tree(char *root)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", root);

    CU_ASSERT_TRUE(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(root);
}

static void
test_finds(void)
{
    char *root = make_tree();
    g_autoptr(GPtrArray) list = usb_list(root);

    CU_ASSERT_EQUAL_FATAL(list->len, 2);
    const UsbListed *u = usb_list_find(list, "046d:c52b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(u);
    CU_ASSERT_PTR_EQUAL(u, usb_list_find(list, "1-2"));
    CU_ASSERT_STRING_EQUAL(u->speed, "12");
    CU_ASSERT_TRUE(u->accessible);
    CU_ASSERT_PTR_NULL(strchr(u->name, '\033'));
    CU_ASSERT_TRUE(g_utf8_validate(u->name, -1, NULL));
    CU_ASSERT_PTR_NULL(usb_list_obstacle(u));
    CU_ASSERT_PTR_NULL(usb_list_find(list, "046d:c52c"));
    CU_ASSERT_PTR_NULL(usb_list_find(list, "1-2.1"));
    remove_tree(root);
}

/* Attached by numbers, detached by port, and the other way round. */
static void
test_same(void)
{
    char *root = make_tree();
    g_autoptr(GPtrArray) list = usb_list(root);

    CU_ASSERT_TRUE(usb_list_is_same(list, "046d:c52b", "1-2"));
    CU_ASSERT_TRUE(usb_list_is_same(list, "1-2", "046d:C52B"));
    CU_ASSERT_FALSE(usb_list_is_same(list, "046d:c52b", "1-3"));
    CU_ASSERT_FALSE(usb_list_is_same(list, "1-9", "046d:c52c"));
    CU_ASSERT_TRUE(usb_list_is_same(list, "1-9", "1-9"));
    remove_tree(root);
}

static void
test_obstacles(void)
{
    char *root = make_tree();
    g_autoptr(GPtrArray) list = usb_list(root);
    g_autofree char *hub = usb_list_obstacle(usb_list_find(list, "1-3"));

    CU_ASSERT_PTR_NOT_NULL_FATAL(hub);
    CU_ASSERT_PTR_NOT_NULL(strstr(hub, "hub"));
    remove_tree(root);
}

/* ---- what this host uses ---- */

#define STICK "sys/bus/usb/devices/1-2/1-2:1.0/host6/block/sdb"

/* With a disk and a partition on port 1-2, and one file more. */
static void
expect_use(const char *file, const char *text, const char *expected)
{
    char *root = make_tree();
    g_autofree char *numbers = g_build_filename(root, "sys/dev/block", NULL);
    g_autofree char *disk = g_build_filename(numbers, "8:16", NULL);
    g_autofree char *part = g_build_filename(numbers, "8:17", NULL);

    put(root, STICK "/size", "2\n");
    put(root, STICK "/sdb1/partition", "1\n");
    put(root, "sys/block/sda/size", "2\n");
    CU_ASSERT_EQUAL(g_mkdir_with_parents(numbers, 0700), 0);
    CU_ASSERT_EQUAL(symlink("../../../" STICK, disk), 0);
    CU_ASSERT_EQUAL(symlink("../../../" STICK "/sdb1", part), 0);
    put(root, file, text);
    g_autoptr(GPtrArray) list = usb_list(root);
    g_autofree char *why = usb_list_obstacle(usb_list_find(list, "1-2"));
    if (expected == NULL)
        CU_ASSERT_PTR_NULL(why);
    if (expected != NULL) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(why);
        CU_ASSERT_PTR_NOT_NULL(strstr(why, expected));
    }
    remove_tree(root);
}

static void
test_mounted(void)
{
    expect_use("proc/self/mountinfo",
               "30 1 8:17 / /media/x rw shared:9 - vfat /dev/sdb1 rw\n",
               "mounted at /media/x");
    /* btrfs: a number of no device */
    expect_use("proc/self/mountinfo",
               "29 1 0:24 / /proc rw - proc proc rw\n"
               "30 1 0:41 /sub /media/b rw - btrfs /dev/sdb1 rw,space_cache\n",
               "mounted at /media/b");
    expect_use("proc/self/mountinfo",
               "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
               "31 1 0:41 / /b rw - btrfs /dev/sdb11 rw\n"
               "32 1 0:42 / /t rw - tmpfs sdb1 rw\n",
               NULL);
}

static void
test_btrfs_member(void)
{
    expect_use("sys/fs/btrfs/1234-5678/devices/sdb1", "", "btrfs 1234-5678");
    expect_use("sys/fs/btrfs/1234-5678/devices/sda1", "", NULL);
}

static void
test_swap(void)
{
    expect_use("proc/swaps",
               "Filename\tType\tSize\tUsed\tPriority\n"
               "/dev/sdb1                partition\t1\t0\t-2\n",
               "swaps to /dev/sdb1");
    expect_use("proc/swaps", "/dev/sda1 partition 1 0 -2\n", NULL);
}

static void
test_holders(void)
{
    expect_use(STICK "/holders/md0/x", "", "md0 on its sdb");
    expect_use(STICK "/sdb1/holders/dm-0/x", "", "dm-0 on its sdb1");
    expect_use("sys/block/sda/holders/dm-0/x", "", NULL);
}

static void
test_specs(void)
{
    CU_ASSERT_TRUE(usb_list_is_spec("1-2.4.1"));
    CU_ASSERT_TRUE(usb_list_is_spec("046D:c52b"));
    CU_ASSERT_FALSE(usb_list_is_spec("046d:c52"));
    CU_ASSERT_FALSE(usb_list_is_spec("../x"));
    CU_ASSERT_FALSE(usb_list_is_spec("usb1"));
    CU_ASSERT_FALSE(usb_list_is_spec(""));
}

CU_MAIN("usb-list", {"devices_are_found_by_port_and_numbers", test_finds},
        {"a_port_and_numbers_can_be_one_device", test_same},
        {"a_hub_stays_here", test_obstacles},
        {"a_mounted_disk_stays_here", test_mounted},
        {"a_disk_of_a_btrfs_stays_here", test_btrfs_member},
        {"swap_stays_here", test_swap},
        {"a_disk_below_another_stays_here", test_holders},
        {"ports_and_numbers_are_told_apart", test_specs})
