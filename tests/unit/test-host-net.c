/* tests/unit/test-host-net.c - taps on a bridge and macvtaps, made by the
 * machine itself and by the helper, in a network namespace of its own. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/helper/host-net.h"
#include "app/helper/rtnl.h"
#include "tests/unit/cu-main.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

static const guint8 mac[6] = {0x52, 0x54, 0, 1, 2, 3};

static bool
have_network(void)
{
    if (access("/dev/net/tun", R_OK | W_OK) == 0 && host_net_may_change() &&
        g_getenv("OWN_NETWORK") != NULL)
        return true;
    cu_skip("no network namespace of our own here");
    return false;
}

static bool
ip(const char *command)
{
    g_autofree char *all = g_strdup_printf("ip %s", command);
    int status = 1;

    return g_spawn_command_line_sync(all, NULL, NULL, &status, NULL) &&
           status == 0;
}

static bool
have_bridge(void)
{
    if (if_nametoindex("br7") != 0 || ip("link add br7 type bridge"))
        return true;
    cu_skip("this kernel makes no bridges");
    return false;
}

static void
test_names_are_ours_alone(void)
{
    char a[HOST_NET_NAME_MAX], b[HOST_NET_NAME_MAX];

    host_net_name(1000, "box", "net0", a);
    host_net_name(1001, "box", "net0", b);
    CU_ASSERT_TRUE(host_net_is_ours(a));
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    CU_ASSERT_FALSE(host_net_is_ours("eth0"));
    CU_ASSERT_FALSE(host_net_is_ours("cr0a1b2c3d-x"));
    CU_ASSERT_FALSE(host_net_is_ours("cr0a1b2c3d-00"));
    CU_ASSERT_FALSE(host_net_is_ours("crZZZZZZZZ-0"));
    CU_ASSERT_EQUAL(host_net_delete("lo", "tun"), -EPERM);
}

static void
test_a_machine_that_may_makes_its_own_tap(void)
{
    HostNet host = {.machine = "box",
                    .nic = "net0",
                    .bridge = "br7",
                    .mac = mac,
                    .queues = 1};
    NetSpec spec = {.name = "net0"};
    char name[HOST_NET_NAME_MAX];
    RtnlLink tap, bridge;
    g_autoptr(GError) error = NULL;

    if (!have_network() || !have_bridge())
        return;
    Loop *loop = loop_new_manual();
    NetLink *link = host_net_open_bridge(&host, &spec, loop, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(link);
    host_net_name(getuid(), "box", "net0", name);
    CU_ASSERT_EQUAL(rtnl_get(name, &tap), 0);
    CU_ASSERT_EQUAL(rtnl_get("br7", &bridge), 0);
    CU_ASSERT_EQUAL(tap.master, bridge.index);
    CU_ASSERT_TRUE(tap.up);
    net_close(link);
    CU_ASSERT_EQUAL(rtnl_get(name, &tap), -ENODEV); /* it went with us */
    loop_free(loop);
}

static void
test_a_tap_of_the_helper_is_used_and_stays(void)
{
    HostNet host = {.machine = "box",
                    .nic = "net1",
                    .bridge = "br7",
                    .mac = mac,
                    .queues = 2};
    NetSpec spec = {.name = "net1", .queues = 2};
    char name[HOST_NET_NAME_MAX];
    RtnlLink tap;

    if (!have_network() || !have_bridge())
        return;
    Loop *loop = loop_new_manual();
    host_net_name(getuid(), "box", "net1", name);
    CU_ASSERT_EQUAL(host_net_make_tap(name, "br7", getuid(), 2), 0);
    CU_ASSERT_EQUAL(host_net_make_tap(name, "br7", getuid(), 2), -EEXIST);
    NetLink *link = host_net_open_bridge(&host, &spec, loop, NULL);
    CU_ASSERT_PTR_NOT_NULL(link);
    net_close(link);
    CU_ASSERT_EQUAL(rtnl_get(name, &tap), 0);
    CU_ASSERT_EQUAL(host_net_delete(name, "macvtap"), -EPERM);
    CU_ASSERT_EQUAL(host_net_delete(name, "tun"), 0);
    CU_ASSERT_EQUAL(rtnl_get(name, &tap), -ENODEV);
    loop_free(loop);
}

static void
test_what_is_no_bridge_is_told(void)
{
    HostNet host = {.machine = "box",
                    .nic = "net0",
                    .bridge = "lo",
                    .mac = mac,
                    .queues = 1};
    NetSpec spec = {.name = "net0"};
    g_autoptr(GError) error = NULL, gone = NULL;

    if (!have_network())
        return;
    Loop *loop = loop_new_manual();
    CU_ASSERT_PTR_NULL(host_net_open_bridge(&host, &spec, loop, &error));
    CU_ASSERT(
        g_error_matches(error, CARREL_NET_ERROR, CARREL_NET_ERROR_NO_DEVICE));
    host.bridge = "nobridge";
    CU_ASSERT_PTR_NULL(host_net_open_bridge(&host, &spec, loop, &gone));
    CU_ASSERT(
        g_error_matches(gone, CARREL_NET_ERROR, CARREL_NET_ERROR_NO_DEVICE));
    loop_free(loop);
}

static void
test_a_macvtap_has_the_guests_address(void)
{
    HostNet host = {.machine = "box",
                    .nic = "net2",
                    .lower = "low0",
                    .mac = mac,
                    .queues = 1};
    NetSpec spec = {.name = "net2"};
    char name[HOST_NET_NAME_MAX];
    RtnlLink made;
    g_autoptr(GError) error = NULL;

    if (!have_network())
        return;
    host_net_name(getuid(), "box", "net2", name);
    if (!ip("tuntap add dev low0 mode tap") || !ip("link set low0 up") ||
        host_net_make_macvtap(name, "low0", getuid(), mac) != 0) {
        cu_skip("this kernel makes no macvtap");
        return;
    }
    Loop *loop = loop_new_manual();
    CU_ASSERT_EQUAL(rtnl_get(name, &made), 0);
    CU_ASSERT_EQUAL(memcmp(made.mac, mac, 6), 0);
    NetLink *link = host_net_open_macvtap(&host, &spec, loop, &error);
    CU_ASSERT_PTR_NOT_NULL(link);
    CU_ASSERT(link != NULL && net_tap_fd(link, 0) < 0); /* no header yet */
    if (link != NULL) {
        net_set_header(link, NET_HDR_V1);
        CU_ASSERT(net_tap_fd(link, 0) >= 0);
    }
    net_close(link);
    CU_ASSERT_EQUAL(host_net_delete(name, "macvtap"), 0);
    loop_free(loop);
}

static int
carrel(const char *arguments, char **ret_out)
{
    g_autofree char *all =
        g_strdup_printf("%s %s", g_getenv("CARREL_TEST_PROGRAM"), arguments);
    int status = -1;

    (void) g_spawn_command_line_sync(all, ret_out, NULL, &status, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_the_helper_shows_records_and_undoes(void)
{
    g_autofree char *dir = g_dir_make_tmp("helper-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "helper.jsonl", NULL);
    g_autofree char *shown = NULL, *made = NULL, *listed = NULL, *undone = NULL;
    g_autofree char *bad = NULL, *again = NULL;
    RtnlLink tap;

    if (!have_network() || !have_bridge())
        return;
    g_setenv("CARREL_HELPER_DIR", dir, TRUE);
    CU_ASSERT_EQUAL(carrel("--dry-run helper tap-create cr00000000-0 "
                           "--bridge=br7 --user=0",
                           &shown),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(shown, "master br7"));
    CU_ASSERT_EQUAL(access(file, F_OK), -1);
    CU_ASSERT_EQUAL(
        carrel("helper tap-create cr00000000-0 --bridge=br7 --user=0", &made),
        0);
    CU_ASSERT_EQUAL(rtnl_get("cr00000000-0", &tap), 0);
    CU_ASSERT_EQUAL(carrel("helper --json list", &listed), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(listed, "\"state\":\"done\""));
    CU_ASSERT_EQUAL(carrel("helper undo 1", &undone), 0);
    CU_ASSERT_EQUAL(rtnl_get("cr00000000-0", &tap), -ENODEV);
    CU_ASSERT_EQUAL(carrel("helper undo 1", &again), 4);
    CU_ASSERT_EQUAL(carrel("helper tap-delete br7", &bad), 2);
    CU_ASSERT_EQUAL(rtnl_get("br7", &tap), 0);
    (void) unlink(file);
    (void) rmdir(dir);
}

static void
write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    (void) !write(fd, text, strlen(text));
    (void) close(fd);
}

static void
leave_the_host(void)
{
    g_autofree char *uids = g_strdup_printf("0 %u 1", getuid());
    g_autofree char *gids = g_strdup_printf("0 %u 1", getgid());

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return; /* the cases that need it skip themselves */
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", uids);
    write_text("/proc/self/gid_map", gids);
    g_setenv("OWN_NETWORK", "1", TRUE);
}

static const CuCase cases[] = {
    {"names_are_ours_alone", test_names_are_ours_alone},
    {"a_machine_that_may_makes_its_own_tap",
     test_a_machine_that_may_makes_its_own_tap},
    {"a_tap_of_the_helper_is_used_and_stays",
     test_a_tap_of_the_helper_is_used_and_stays},
    {"what_is_no_bridge_is_told", test_what_is_no_bridge_is_told},
    {"a_macvtap_has_the_guests_address", test_a_macvtap_has_the_guests_address},
    {"the_helper_shows_records_and_undoes",
     test_the_helper_shows_records_and_undoes},
};

int
main(int argc, char **argv)
{
    leave_the_host();
    return cu_main("host-net", cases, G_N_ELEMENTS(cases), argc, argv);
}
