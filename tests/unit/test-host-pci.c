/* tests/unit/test-host-pci.c - what is read of a host: addresses, configuration
 * space, tables of the firmware, resets that lie, who uses what; and what a
 * recording leaves out. */
#include "passthrough-wizard/host-pci.h"

#include <string.h>

#include "passthrough-wizard/host-pci-internal.h"
#include "passthrough-wizard/host-record.h"
#include "passthrough-wizard/host-uses.h"
#include "passthrough-wizard/record-internal.h"
#include "passthrough-wizard/verdict.h"
#include "tests/unit/cu-main.h"

/* ---- addresses ----------------------------------------------------------- */

static void
an_address_has_one_form(void)
{
    char bdf[HOST_BDF_SIZE] = "";

    CU_ASSERT_TRUE(pci_address_parse("1:0.0", bdf));
    CU_ASSERT_STRING_EQUAL(bdf, "0000:01:00.0");
    CU_ASSERT_TRUE(pci_address_parse("0000:FF:1f.7", bdf));
    CU_ASSERT_STRING_EQUAL(bdf, "0000:ff:1f.7");
    CU_ASSERT_TRUE(pci_address_parse("10000:e1:00.0", bdf));
    CU_ASSERT_STRING_EQUAL(bdf, "10000:e1:00.0");
}

/* Row VF12 of the catalogue. */
static void
a_hostile_address_is_refused(void)
{
    char bdf[HOST_BDF_SIZE] = "untouched";
    g_autofree char *longest = g_strnfill(4096, '0');

    CU_ASSERT_FALSE(pci_address_parse("0000:00:1f.7;rm", bdf));
    CU_ASSERT_FALSE(pci_address_parse("../../..", bdf));
    CU_ASSERT_FALSE(pci_address_parse(longest, bdf));
    CU_ASSERT_FALSE(pci_address_parse("0000:00:20.0", bdf));
    CU_ASSERT_FALSE(pci_address_parse("00:00.8", bdf));
    CU_ASSERT_FALSE(pci_address_parse("00:00.0\n", bdf));
    CU_ASSERT_FALSE(pci_address_parse("\xc3\xa4:00.0", bdf));
    CU_ASSERT_FALSE(pci_address_parse("000000000:00:00.0", bdf));
    CU_ASSERT_FALSE(pci_address_parse("", bdf));
    CU_ASSERT_STRING_EQUAL(bdf, "untouched");
}

/* ---- configuration space ------------------------------------------------- */

static void
capabilities_are_read_as_the_standard_lays_them_out(void)
{
    guint8 data[512] = {0x86, 0x80, [6] = 0x10, [14] = 0x80, [0x34] = 0x40};
    HostPciConfig c;

    memcpy(data + 0x40, "\x01\x50\x03\x00\x08\x00", 6); /* PM, no soft reset */
    memcpy(data + 0x50, "\x10\x70\x42\x00\x00\x00\x00\x10", 8); /* port, FLR */
    memcpy(data + 0x70, "\x11\x00\x40\x00", 4); /* MSI-X: 65 vectors */
    memcpy(data + 0x100, "\x0d\x00\x01\x00\x1f\x00\x1d\x00", 8); /* ACS */
    host_pci_config_parse(data, sizeof data, &c);

    CU_ASSERT_EQUAL(c.capabilities, HOST_YES);
    CU_ASSERT_TRUE(c.multi_function);
    CU_ASSERT_EQUAL(c.pm_reset, HOST_NO);
    CU_ASSERT_EQUAL(c.flr, HOST_YES);
    CU_ASSERT_EQUAL(c.pcie, HOST_PCIE_ROOT_PORT);
    CU_ASSERT_EQUAL(c.msix, 65);
    CU_ASSERT_EQUAL(c.acs, HOST_YES);
    CU_ASSERT_EQUAL(c.acs_ctl, HOST_ACS_ISOLATES);
    CU_ASSERT_EQUAL(c.sriov, HOST_NO);
}

static void
without_root_capabilities_are_unknown_not_absent(void)
{
    guint8 data[64] = {0x86, 0x80, [6] = 0x10, [0x34] = 0x40};
    HostPciConfig c;

    host_pci_config_parse(data, sizeof data, &c);
    CU_ASSERT_EQUAL(c.capabilities, HOST_UNKNOWN);
    CU_ASSERT_EQUAL(c.flr, HOST_UNKNOWN);
    CU_ASSERT_EQUAL(c.acs, HOST_UNKNOWN);
    CU_ASSERT_FALSE(c.gone);
}

static void
a_loop_of_capabilities_ends_as_unknown(void)
{
    guint8 data[256] = {
        0x86, 0x80, [6] = 0x10, [0x34] = 0x40, [0x40] = 0x09, 0x40};
    HostPciConfig c;

    host_pci_config_parse(data, sizeof data, &c);
    CU_ASSERT_EQUAL(c.capabilities, HOST_UNKNOWN);
}

static void
a_device_that_does_not_answer_is_gone_but_a_virtual_function_is_not(void)
{
    guint8 gone[256], vf[64] = {0xff, 0xff, 0xff, 0xff};
    HostPciConfig c;

    memset(gone, 0xff, sizeof gone);
    host_pci_config_parse(gone, sizeof gone, &c);
    CU_ASSERT_TRUE(c.gone);
    host_pci_config_parse(vf, sizeof vf, &c);
    CU_ASSERT_FALSE(c.gone);
}

/* ---- the firmware's tables ----------------------------------------------- */

static void
a_dmar_tells_widths_units_and_remapping(void)
{
    guint8 data[64] = {'D', 'M', 'A', 'R', [36] = 38, 1, [48] = 0, 0, 16, 0};
    HostDmar table;

    CU_ASSERT_TRUE(host_dmar_parse(data, sizeof data, &table));
    CU_ASSERT_EQUAL(table.address_bits, 39);
    CU_ASSERT_TRUE(table.remaps_interrupts);
    CU_ASSERT_EQUAL(table.n_units, 1);
    CU_ASSERT_EQUAL(table.n_reserved, 0);
}

static void
a_damaged_table_is_refused(void)
{
    guint8 none[52] = {'D', 'M', 'A', 'R', [48] = 0, 0, 0, 0};
    guint8 more[52] = {'D', 'M', 'A', 'R', [48] = 0, 0, 255, 0};
    guint8 amd[52] = {'I', 'V', 'R', 'S', [48] = 0x10, 0, 3, 0};
    HostDmar table = {.address_bits = 7};

    CU_ASSERT_FALSE(host_dmar_parse(none, sizeof none, &table));
    CU_ASSERT_FALSE(host_dmar_parse(more, sizeof more, &table));
    CU_ASSERT_FALSE(host_dmar_parse(more, 40, &table));
    CU_ASSERT_FALSE(host_ivrs_parse(amd, sizeof amd, &table));
    CU_ASSERT_EQUAL(table.address_bits, 7);
}

/* ---- a host -------------------------------------------------------------- */

/* Two functions of one card: the first claims a reset of the bus. */
static const char two[] =
    "carrel-host 1\n"
    "F /proc/sys/kernel/osrelease 6.1.0\n"
    "@ /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.0\n"
    "F vendor 0x1002\nF device 0x5159\nF class 0x030000\nF reset_method bus\n"
    "L /sys/bus/pci/devices/0000:05:00.0 "
    "../../../devices/pci0000:00/0000:00:01.0/0000:05:00.0\n"
    "@ /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.1\n"
    "F vendor 0x8086\nF device 0x2668\nF class 0x040300\n"
    "L /sys/bus/pci/devices/0000:05:00.1 "
    "../../../devices/pci0000:00/0000:00:01.0/0000:05:00.1\n"
    "@ /\n";

static HostPci *
host_of(const char *more)
{
    g_autofree char *text = g_strconcat(two, more, NULL);
    g_autoptr(HostRoot) root = host_record_parse(text, strlen(text), NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    HostPci *host = host_pci_read(root, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(host);
    return host;
}

static void
a_bus_reset_of_a_card_with_two_functions_means_both(void)
{
    g_autoptr(HostPci) host = host_of("");

    CU_ASSERT_EQUAL(host_pci_find(host, "05:00.0")->reset, HOST_RESET_SLOT);
    CU_ASSERT_EQUAL(host_pci_find(host, "05:00.1")->reset, HOST_RESET_SLOT);
}

static void
a_tree_without_pci_is_an_error_not_an_empty_host(void)
{
    static const char text[] = "carrel-host 1\n";
    g_autoptr(HostRoot) root = host_record_parse(text, strlen(text), NULL);
    g_autoptr(GError) error = NULL;
    HostPci *host = host_pci_read(root, &error);

    CU_ASSERT_PTR_NULL(host);
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_MISSING));
}

static void
an_unknown_address_names_what_is_near(void)
{
    g_autoptr(HostPci) host = host_of("");
    g_autoptr(GError) error = NULL;
    const HostPciFn *fn = host_pci_require(host, "05:00.3", &error);

    CU_ASSERT_PTR_NULL(fn);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "0000:05:00.1"));
}

static void
a_file_system_is_followed_through_a_mapping_to_its_controller(void)
{
    g_autoptr(HostPci) host = host_of(
        "L /sys/class/block/sda2 ../../devices/pci0000:00/0000:00:01.0/"
        "0000:05:00.1/ata1/block/sda/sda2\n"
        "L /sys/class/block/dm-0 ../../devices/virtual/block/dm-0\n"
        "D /sys/devices/virtual/block/dm-0/slaves/sda2\n"
        "L /sys/dev/block/254:0 ../../devices/virtual/block/dm-0\n"
        "T /proc/self/mountinfo\n"
        "\t1 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/x rw\n");
    const HostUse *use =
        host_pci_fn_use(host_pci_find(host, "05:00.1"), HOST_USE_ROOT_DISK);

    CU_ASSERT_PTR_NOT_NULL_FATAL(use);
    CU_ASSERT_STRING_EQUAL(use->what, "/");
}

static void
a_namespace_of_two_controllers_is_a_disk_of_both(void)
{
    g_autoptr(HostPci) host = host_of(
        "@ /sys/devices/virtual/nvme-subsystem/nvme-subsys0\n"
        "L nvme0 ../../../pci0000:00/0000:00:01.0/0000:05:00.0/nvme/nvme0\n"
        "L nvme1 ../../../pci0000:00/0000:00:01.0/0000:05:00.1/nvme/nvme1\n"
        "D nvme0n1\n@ /\n"
        "L /sys/class/block/nvme0n1 ../../devices/virtual/nvme-subsystem/"
        "nvme-subsys0/nvme0n1\n"
        "L /sys/dev/block/259:0 ../../devices/virtual/nvme-subsystem/"
        "nvme-subsys0/nvme0n1\n"
        "T /proc/self/mountinfo\n"
        "\t1 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
    const HostPciFn *first = host_pci_find(host, "05:00.0");
    const HostPciFn *second = host_pci_find(host, "05:00.1");

    CU_ASSERT_PTR_NOT_NULL(host_pci_fn_use(first, HOST_USE_ROOT_DISK));
    CU_ASSERT_PTR_NOT_NULL(host_pci_fn_use(second, HOST_USE_ROOT_DISK));
    CU_ASSERT_PTR_NOT_NULL_FATAL(second->blocks);
    CU_ASSERT_STRING_EQUAL(second->blocks[0], "nvme0n1");
}

/* 10.0.0.9:55000 is connected to port 22; the longest prefix wins. */
static void
an_ssh_session_is_on_the_interface_that_its_peer_is_reached_by(void)
{
    static const char text[] =
        "carrel-host 1\n"
        "T /proc/net/route\n"
        "\twlan0 00000000 0100000A 0003 0 0 600 00000000 0 0 0\n"
        "\teth1 0000000A 00000000 0001 0 0 100 00FFFFFF 0 0 0\n"
        "T /proc/net/tcp\n"
        "\t   0: 0500000A:0016 0900000A:D6D8 01 00000000:00000000\n"
        "\t   1: 0500000A:0050 0900000A:D6D9 01 00000000:00000000\n";
    g_autoptr(HostRoot) root = host_record_parse(text, strlen(text), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_auto(GStrv) names = host_ssh_interfaces(root);
    g_autofree char *all = g_strjoinv(" ", names);

    CU_ASSERT_STRING_EQUAL(all, "eth1");
}

static void
a_default_route_is_followed_through_a_bridge(void)
{
    g_autoptr(HostPci) host =
        host_of("L /sys/class/net/br0 ../../devices/virtual/net/br0\n"
                "D /sys/devices/virtual/net/br0/lower_eth0\n"
                "L /sys/class/net/eth0 ../../devices/pci0000:00/0000:00:01.0/"
                "0000:05:00.1/net/eth0\n"
                "T /proc/net/route\n"
                "\tbr0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n");
    const HostPciFn *fn = host_pci_find(host, "05:00.1");

    CU_ASSERT_PTR_NOT_NULL(host_pci_fn_use(fn, HOST_USE_DEFAULT_ROUTE));
}

static void
a_process_that_has_a_node_open_is_named(void)
{
    g_autoptr(HostPci) host = host_of(
        "L /sys/class/drm/card0 ../../devices/pci0000:00/0000:00:01.0/"
        "0000:05:00.0/drm/card0\n"
        "F /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.0/drm/card0/uevent "
        "DEVNAME=dri/card0\n"
        "F /proc/912/comm Xorg\n"
        "L /proc/912/fd/7 /dev/dri/card0\n");
    const HostUse *use =
        host_pci_fn_use(host_pci_find(host, "05:00.0"), HOST_USE_PROCESS);

    CU_ASSERT_PTR_NOT_NULL_FATAL(use);
    CU_ASSERT_STRING_EQUAL(use->comm, "Xorg");
    CU_ASSERT_EQUAL(use->pid, 912);
    CU_ASSERT_STRING_EQUAL(use->what, "/dev/dri/card0");
}

/* A mouse has no KEY_ESC..KEY_S; only the last word counts. */
static void
a_mouse_is_no_keyboard(void)
{
    g_autoptr(HostPci) host = host_of(
        "T /proc/bus/input/devices\n"
        "\tN: Name=\"Mouse\"\n"
        "\tS: Sysfs=/devices/pci0000:00/0000:00:01.0/0000:05:00.1/usb1\n"
        "\tB: KEY=ffff0000 0 0 0 0\n\t\n"
        "\tN: Name=\"AT Set 2\"\n"
        "\tS: Sysfs=/devices/platform/i8042/serio0/input/input0\n"
        "\tB: KEY=402000000 fffffffffffffffe\n");

    CU_ASSERT_PTR_NULL(
        host_pci_fn_use(host_pci_find(host, "05:00.1"), HOST_USE_KEYBOARD));
    CU_ASSERT_TRUE(host->other_keyboard);
}

static void
what_shares_a_slot_is_taken_along(void)
{
    g_autoptr(HostPci) host = host_of(
        "L /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.0/iommu_group "
        "../../../../kernel/iommu_groups/3\n"
        "L /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.1/iommu_group "
        "../../../../kernel/iommu_groups/3\n"
        "D /sys/class/iommu/dmar0\n"
        "F /proc/interrupts 24: 1 IR-PCI-MSI x\n"
        "D /sys/kernel/iommu_groups/3/devices\n"
        "D /sys/bus/pci/drivers/vfio-pci\n");
    g_autoptr(Verdict) v = verdict_of(host, host_pci_find(host, "05:00.0"));

    CU_ASSERT_EQUAL(v->kind, VERDICT_CAN);
    CU_ASSERT_EQUAL(v->take->len, 2);
    CU_ASSERT_PTR_NOT_NULL(verdict_reason(v, "together"));
}

/* ---- recordings ---------------------------------------------------------- */

/* The Device Serial Number of a network card is made of its MAC. */
static void
a_serial_number_in_configuration_space_is_zeroed(void)
{
    guint8 data[512] = {0};

    memcpy(data + 0x100, "\x01\x00\x02\x14", 4); /* AER, next 0x140 */
    memcpy(data + 0x140, "\x03\x00\x01\x00\x11\x22\x33\xff\xff\x44\x55\x66",
           12);
    record_hide_serial(data, sizeof data);

    CU_ASSERT_EQUAL(memcmp(data + 0x144, "\0\0\0\0\0\0\0\0", 8), 0);
    CU_ASSERT_EQUAL(data[0x140], 3);
    CU_ASSERT_EQUAL(data[0x100], 1);
}

static void
a_recording_holds_nothing_of_the_person(void)
{
    static const char more[] =
        "L /sys/class/net/enx525400112233 ../../devices/pci0000:00/"
        "0000:00:01.0/0000:05:00.1/net/enx525400112233\n"
        "F /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.1/net/"
        "enx525400112233/operstate up\n"
        "F /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.1/net/"
        "enx525400112233/address 52:54:00:11:22:33\n"
        "L /sys/class/block/sda ../../devices/pci0000:00/0000:00:01.0/"
        "0000:05:00.1/ata1/block/sda\n"
        "L /sys/dev/block/8:0 ../../devices/pci0000:00/0000:00:01.0/"
        "0000:05:00.1/ata1/block/sda\n"
        "T /proc/self/mountinfo\n"
        "\t1 1 8:0 / /media/alice/Private rw - ext4 /dev/mapper/secretvg rw\n"
        "F /proc/cmdline root=UUID=1234-5678 intel_iommu=on ip=10.1.2.3 quiet\n"
        "F /etc/hostname babbage\n"
        "T /proc/net/route\n"
        "\tenx525400112233 00000000 0103020A 0003 0 0 0 00000000 0 0 0\n";
    g_autofree char *text = g_strconcat(two, more, NULL);
    g_autoptr(HostRoot) root = host_record_parse(text, strlen(text), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autoptr(HostPci) host = host_pci_read(root, NULL);
    g_autofree char *out = record_host(root, host, NULL);

    CU_ASSERT_PTR_NULL(strstr(out, "525400112233"));
    CU_ASSERT_PTR_NULL(strstr(out, "52:54"));
    CU_ASSERT_PTR_NULL(strstr(out, "alice"));
    CU_ASSERT_PTR_NULL(strstr(out, "secretvg"));
    CU_ASSERT_PTR_NULL(strstr(out, "1234-5678"));
    CU_ASSERT_PTR_NULL(strstr(out, "10.1.2.3"));
    CU_ASSERT_PTR_NULL(strstr(out, "0103020A"));
    CU_ASSERT_PTR_NULL(strstr(out, "babbage"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "intel_iommu=on"));
    /* and what matters is still there */
    g_autoptr(HostRoot) again = host_record_parse(out, strlen(out), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    g_autoptr(HostPci) replayed = host_pci_read(again, NULL);
    const HostPciFn *fn = host_pci_find(replayed, "05:00.1");
    CU_ASSERT_PTR_NOT_NULL(host_pci_fn_use(fn, HOST_USE_DISK));
    CU_ASSERT_PTR_NOT_NULL(host_pci_fn_use(fn, HOST_USE_DEFAULT_ROUTE));
}

CU_MAIN("host-pci", {"an_address_has_one_form", an_address_has_one_form},
        {"a_hostile_address_is_refused", a_hostile_address_is_refused},
        {"capabilities_are_read_as_the_standard_lays_them_out",
         capabilities_are_read_as_the_standard_lays_them_out},
        {"without_root_capabilities_are_unknown_not_absent",
         without_root_capabilities_are_unknown_not_absent},
        {"a_loop_of_capabilities_ends_as_unknown",
         a_loop_of_capabilities_ends_as_unknown},
        {"a_device_that_does_not_answer_is_gone_but_a_virtual_function_is_not",
         a_device_that_does_not_answer_is_gone_but_a_virtual_function_is_not},
        {"a_dmar_tells_widths_units_and_remapping",
         a_dmar_tells_widths_units_and_remapping},
        {"a_damaged_table_is_refused", a_damaged_table_is_refused},
        {"a_bus_reset_of_a_card_with_two_functions_means_both",
         a_bus_reset_of_a_card_with_two_functions_means_both},
        {"a_tree_without_pci_is_an_error_not_an_empty_host",
         a_tree_without_pci_is_an_error_not_an_empty_host},
        {"an_unknown_address_names_what_is_near",
         an_unknown_address_names_what_is_near},
        {"a_file_system_is_followed_through_a_mapping_to_its_controller",
         a_file_system_is_followed_through_a_mapping_to_its_controller},
        {"a_namespace_of_two_controllers_is_a_disk_of_both",
         a_namespace_of_two_controllers_is_a_disk_of_both},
        {"an_ssh_session_is_on_the_interface_that_its_peer_is_reached_by",
         an_ssh_session_is_on_the_interface_that_its_peer_is_reached_by},
        {"a_default_route_is_followed_through_a_bridge",
         a_default_route_is_followed_through_a_bridge},
        {"a_process_that_has_a_node_open_is_named",
         a_process_that_has_a_node_open_is_named},
        {"a_mouse_is_no_keyboard", a_mouse_is_no_keyboard},
        {"what_shares_a_slot_is_taken_along",
         what_shares_a_slot_is_taken_along},
        {"a_serial_number_in_configuration_space_is_zeroed",
         a_serial_number_in_configuration_space_is_zeroed},
        {"a_recording_holds_nothing_of_the_person",
         a_recording_holds_nothing_of_the_person})
