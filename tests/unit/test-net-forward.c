/* tests/unit/test-net-forward.c - rules of port forwards, and what a user
 * network's process understands. */
#include <arpa/inet.h>
#include <string.h>

#include "tests/unit/cu-main.h"
#include "vmm/net/net.h"
#include "vmm/net/user-protocol.h"

static char *
canonical(const char *text)
{
    NetForward f;
    return net_forward_parse(text, &f, NULL) ? net_forward_format(&f)
                                             : g_strdup("no");
}

#define CHECK(text, expected)                                                  \
    do {                                                                       \
        g_autofree char *got_ = canonical(text);                               \
        CU_ASSERT_STRING_EQUAL(got_, expected);                                \
    } while (0)

static void
test_short_forms_mean_loopback_and_the_lease(void)
{
    CHECK("2222->22", "tcp:127.0.0.1:2222->10.0.2.15:22");
    CHECK("2222-22", "tcp:127.0.0.1:2222->10.0.2.15:22");
    CHECK("udp:5353->53", "udp:127.0.0.1:5353->10.0.2.15:53");
    CHECK("tcp:0.0.0.0:80->10.0.2.16:8080", "tcp:0.0.0.0:80->10.0.2.16:8080");
    CHECK("[::1]:80->[fec0::1]:80", "tcp:[::1]:80->[fec0::1]:80");
}

static void
test_what_is_no_rule_is_refused(void)
{
    CHECK("", "no");
    CHECK("22", "no");
    CHECK("0->22", "no");
    CHECK("65536->22", "no");
    CHECK("+5->22", "no");
    CHECK("2222->", "no");
    CHECK("->22", "no");
    CHECK("sctp:1->2", "no");
    CHECK("localhost:1->2", "no");
    CHECK("[::1]:80->22", "no");
    CHECK("1->2->3", "no");
    CHECK("[:1->2", "no");
}

static void
test_a_rule_is_found_by_its_place_on_the_host(void)
{
    NetForward a, b, c, d;

    CU_ASSERT_TRUE(net_forward_parse("80->22", &a, NULL));
    CU_ASSERT_TRUE(net_forward_parse("80->23", &b, NULL));
    CU_ASSERT_TRUE(net_forward_parse("udp:80->22", &c, NULL));
    CU_ASSERT_TRUE(net_forward_parse("127.0.0.2:80->22", &d, NULL));
    CU_ASSERT_TRUE(net_forward_same_host(&a, &b));
    CU_ASSERT_FALSE(net_forward_same_host(&a, &c));
    CU_ASSERT_FALSE(net_forward_same_host(&a, &d));
}

static void
test_requests_are_read_or_refused(void)
{
    UserRequest r = {.offloads = 99};

    CU_ASSERT_TRUE(user_request_parse("offloads 3", 10, &r));
    CU_ASSERT_EQUAL(r.kind, USER_OFFLOADS);
    CU_ASSERT_EQUAL(r.offloads, 3);
    CU_ASSERT_TRUE(user_request_parse("unforward 80->22", 16, &r));
    CU_ASSERT_EQUAL(r.kind, USER_UNFORWARD);
    CU_ASSERT_EQUAL(ntohs(r.forward.host.v4.sin_port), 80);
    CU_ASSERT_FALSE(user_request_parse("offloads 99", 11, &r));
    CU_ASSERT_FALSE(user_request_parse("offloads 3\0", 11, &r));
    CU_ASSERT_FALSE(user_request_parse("forward", 7, &r));
    CU_ASSERT_FALSE(user_request_parse("", 0, &r));
    CU_ASSERT_EQUAL(r.kind, USER_UNFORWARD);
}

static void
test_a_role_wants_two_descriptors(void)
{
    char *good[] = {(char *) "frames=3", (char *) "control=4",
                    (char *) "mtu=9000", (char *) "host=1"};
    char *same[] = {(char *) "frames=3", (char *) "control=3"};
    char *other[] = {(char *) "frames=3", (char *) "control=4",
                     (char *) "shell=1"};
    UserConfig c = {.mtu = 1};

    CU_ASSERT_TRUE(user_config_parse(4, good, &c));
    CU_ASSERT_EQUAL(c.mtu, 9000);
    CU_ASSERT_TRUE(c.host_access);
    CU_ASSERT_FALSE(c.restricted);
    CU_ASSERT_FALSE(user_config_parse(1, good, &c));
    CU_ASSERT_FALSE(user_config_parse(2, same, &c));
    CU_ASSERT_FALSE(user_config_parse(3, other, &c));
}

static void
test_a_role_takes_what_guests_start_from(void)
{
    char *good[] = {(char *) "frames=3", (char *) "control=4",
                    (char *) "tftp=/srv/tftp", (char *) "bootfile=boot/a.0"};
    char *relative[] = {(char *) "frames=3", (char *) "control=4",
                        (char *) "tftp=../etc"};
    g_autofree char *name = g_strnfill(USER_BOOTFILE_MAX + 1, 'x');
    g_autofree char *word = g_strconcat("bootfile=", name, NULL);
    char *longer[] = {(char *) "frames=3", (char *) "control=4", word};
    UserConfig c;

    CU_ASSERT_TRUE(user_config_parse(2, good, &c));
    CU_ASSERT_PTR_NULL(c.tftp);
    CU_ASSERT_PTR_NULL(c.bootfile);
    CU_ASSERT_TRUE(user_config_parse(4, good, &c));
    CU_ASSERT_STRING_EQUAL(c.tftp, "/srv/tftp");
    CU_ASSERT_STRING_EQUAL(c.bootfile, "boot/a.0");
    CU_ASSERT_FALSE(user_config_parse(3, relative, &c));
    CU_ASSERT_FALSE(user_config_parse(3, longer, &c));
}

CU_MAIN("net-forward",
        {"a_role_takes_what_guests_start_from",
         test_a_role_takes_what_guests_start_from},
        {"short_forms_mean_loopback_and_the_lease",
         test_short_forms_mean_loopback_and_the_lease},
        {"what_is_no_rule_is_refused", test_what_is_no_rule_is_refused},
        {"a_rule_is_found_by_its_place_on_the_host",
         test_a_rule_is_found_by_its_place_on_the_host},
        {"requests_are_read_or_refused", test_requests_are_read_or_refused},
        {"a_role_wants_two_descriptors", test_a_role_wants_two_descriptors})
