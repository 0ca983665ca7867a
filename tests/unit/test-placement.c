/* tests/unit/test-placement.c - which processors of a host a machine gets. */
#include "app/placement.h"

#include <string.h>

#include "passthrough-wizard/host-record.h"
#include "tests/unit/cu-main.h"
#include "vmm/core/error.h"

/* n processors of a host with SMT: the second threads are numbered behind the
 * first ones, as Linux does; per_cache and per_node: cores. */
static GArray *
host(unsigned cores, unsigned per_cache, unsigned per_node, bool smt)
{
    GArray *cpus = g_array_new(FALSE, TRUE, sizeof(HostCpu));

    for (unsigned i = 0; i < (smt ? 2 : 1) * cores; i++) {
        unsigned core = i % cores;
        HostCpu c = {.cpu = i,
                     .core = core,
                     .cache = core / per_cache * per_cache,
                     .node = core / per_node};
        g_array_append_val(cpus, c);
    }
    return cpus;
}

static char *
choose(const GArray *cpus, unsigned n, unsigned threads, Placement *ret)
{
    placement_choose(cpus, n, threads, ret);
    return placement_say(ret, n);
}

static void
pairs_below_one_cache(void)
{
    /* two caches of four cores: 0-3,8-11 and 4-7,12-15 */
    g_autoptr(GArray) cpus = host(8, 4, 8, true);
    Placement p;
    g_autofree char *text = choose(cpus, 8, 0, &p);

    CU_ASSERT_STRING_EQUAL(
        text, "CPU 0 on 4, CPU 1 on 12, CPU 2 on 5, CPU 3 on 13, CPU 4 on 6, "
              "CPU 5 on 14, CPU 6 on 7, CPU 7 on 15; devices on "
              "0,1,2,3,8,9,10,11 (4 cores below one cache, both threads of "
              "each; the first core is the host's)");
    CU_ASSERT_EQUAL(p.threads, 2);
}

/* The smallest group that is large enough: three cores are left beside the
 * host's own below its cache. */
static void
large_groups_stay_whole(void)
{
    g_autoptr(GArray) cpus = host(8, 4, 8, true);
    Placement p;
    g_autofree char *text = choose(cpus, 4, 0, &p);

    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "CPU 0 on 1, CPU 1 on 9, CPU 2 on 2, CPU 3 on 10;"));
}

static void
an_odd_number_takes_one_thread_a_core(void)
{
    g_autoptr(GArray) cpus = host(4, 4, 4, true);
    Placement p;
    g_autofree char *text = choose(cpus, 3, 0, &p);

    CU_ASSERT_PTR_NOT_NULL(strstr(text, "CPU 0 on 1, CPU 1 on 2, CPU 2 on 3;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "devices on 0,4,5,6,7"));
    CU_ASSERT_EQUAL(p.threads, 1);
}

static void
a_wish_for_one_thread_is_kept(void)
{
    g_autoptr(GArray) cpus = host(4, 4, 4, true);
    Placement p;
    g_autofree char *text = choose(cpus, 2, 1, &p);

    CU_ASSERT_PTR_NOT_NULL(strstr(text, "CPU 0 on 1, CPU 1 on 2;"));
    CU_ASSERT_EQUAL(p.threads, 1);
}

static void
a_node_before_the_whole_host(void)
{
    /* caches of two cores, nodes of four, no SMT */
    g_autoptr(GArray) cpus = host(8, 2, 4, false);
    Placement p;
    g_autofree char *text = choose(cpus, 4, 0, &p);

    CU_ASSERT_PTR_NOT_NULL(strstr(text, "CPU 0 on 4, CPU 1 on 5, CPU 2 on 6"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "in one memory node"));
}

static void
the_whole_host_can_be_taken(void)
{
    g_autoptr(GArray) cpus = host(2, 2, 2, false);
    Placement p;
    g_autofree char *text = choose(cpus, 2, 0, &p);

    CU_ASSERT_STRING_EQUAL(text, "CPU 0 on 0, CPU 1 on 1 (2 cores below one "
                                 "cache, one thread of each)");
    CU_ASSERT_EQUAL(p.n_io, 0);
}

static void
too_few_processors_are_not_pinned(void)
{
    g_autoptr(GArray) cpus = host(2, 2, 2, false);
    g_autoptr(GArray) none = host(0, 1, 1, false);
    Placement p;
    g_autofree char *text = choose(cpus, 4, 0, &p);
    CU_ASSERT_FALSE(p.pinned);
    CU_ASSERT_STRING_EQUAL(text,
                           "CPUs anywhere (not pinned: 4 CPUs need as many "
                           "processors, and the host lets this machine use 2)");
    placement_choose(none, 1, 0, &p);
    CU_ASSERT_FALSE(p.pinned);
}

static void
the_host_is_described_in_a_line(void)
{
    g_autoptr(GArray) cpus = host(8, 4, 8, true);
    g_autoptr(GArray) one = host(1, 1, 1, false);
    g_autofree char *text = placement_layout(cpus);
    g_autofree char *small = placement_layout(one);

    CU_ASSERT_STRING_EQUAL(text, "8 cores, 2 last-level caches, 1 memory node");
    CU_ASSERT_STRING_EQUAL(small, "1 core, 1 last-level cache, 1 memory node");
}

/* ---- by the profile ---- */

static bool
place(const char *text, const GArray *cpus, Placement *ret, GError **error)
{
    g_autoptr(Profile) p =
        profile_parse(text, strlen(text), "/m/machine.ini", NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE(profile_validate(p, NULL));
    return placement_read(p, cpus, ret, error);
}

static void
nothing_is_pinned_unless_asked_for(void)
{
    g_autoptr(GArray) cpus = host(4, 4, 4, true);
    g_autoptr(Profile) p = profile_new();
    Placement ret;

    CU_ASSERT_FALSE(placement_is_wanted(p));
    CU_ASSERT_TRUE(place("[machine]\ncpus=2\n", cpus, &ret, NULL));
    CU_ASSERT_FALSE(ret.pinned);
    CU_ASSERT_EQUAL(ret.n_io, 0);
    CU_ASSERT_EQUAL(ret.threads, 1);
}

static void
a_list_is_taken_as_it_is(void)
{
    g_autoptr(GArray) cpus = host(4, 4, 4, true);
    Placement ret;

    CU_ASSERT_TRUE(place("[machine]\ncpus=2\n[cpu]\npin=3,1\nio-pin=0,4-5\n",
                         cpus, &ret, NULL));
    CU_ASSERT_TRUE(ret.pinned);
    CU_ASSERT_EQUAL(ret.vcpus[0], 3);
    CU_ASSERT_EQUAL(ret.vcpus[1], 1);
    CU_ASSERT_EQUAL(ret.n_io, 3);
    CU_ASSERT_EQUAL(ret.io[2], 5);
    CU_ASSERT_EQUAL(ret.threads, 1);
    /* two threads of one core are shown as such */
    CU_ASSERT_TRUE(place("[machine]\ncpus=2\n[cpu]\npin=3,7\nio-pin=off\n",
                         cpus, &ret, NULL));
    CU_ASSERT_EQUAL(ret.threads, 2);
    CU_ASSERT_EQUAL(ret.n_io, 0);
}

static void
a_processor_that_is_not_there_is_named(void)
{
    g_autoptr(GArray) cpus = host(4, 4, 4, false);
    g_autoptr(GError) error = NULL;
    Placement ret;

    CU_ASSERT_FALSE(
        place("[machine]\ncpus=2\n[cpu]\npin=3,9\n", cpus, &ret, &error));
    CU_ASSERT_TRUE(
        g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
    CU_ASSERT_TRUE(g_str_has_prefix(error->message,
                                    "cpu.pin: this host has no processor 9"));
}

static void
a_socket_has_whole_cores(void)
{
    g_autoptr(GArray) cpus = host(4, 4, 4, true);
    Placement ret;

    CU_ASSERT_TRUE(place("[machine]\ncpus=2\n[cpu]\nsockets=2\npin=auto\n",
                         cpus, &ret, NULL));
    CU_ASSERT_EQUAL(ret.threads, 1); /* one processor a socket */
}

/* ---- below /sys ---- */

static const char tree[] = "carrel-host 1\n"
                           "@ /sys/devices/system/cpu\n"
                           "F online 0-2\n"
                           "@ /sys/devices/system/cpu/cpu0\n"
                           "F topology/thread_siblings_list 0,2\n"
                           "F cache/index3/shared_cpu_list 0-2\n"
                           "F node1/cpulist 0-2\n"
                           "@ /sys/devices/system/cpu/cpu1\n"
                           "F topology/thread_siblings_list 1\n"
                           "F cache/index2/shared_cpu_list 1\n"
                           "@ /sys/devices/system/cpu/cpu2\n"
                           "F topology/thread_siblings_list 0,2\n"
                           "F topology/package_cpus_list 0-2\n";

static void
the_host_s_processors_are_read(void)
{
    g_autoptr(HostRoot) root = host_record_parse(tree, sizeof tree - 1, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    g_autoptr(GArray) all = placement_host_cpus(root, NULL);
    g_autoptr(GArray) some = placement_host_cpus(root, "1-2,7");
    const HostCpu *c = &g_array_index(all, HostCpu, 0);

    CU_ASSERT_EQUAL_FATAL(all->len, 3);
    CU_ASSERT_EQUAL(c[0].node, 1);
    CU_ASSERT_EQUAL(c[1].node, 0);
    CU_ASSERT_EQUAL(c[1].core, 1);
    CU_ASSERT_EQUAL(c[1].cache, 1);
    CU_ASSERT_EQUAL(c[2].core, 0);
    CU_ASSERT_EQUAL(c[2].cache, 0); /* the package's */
    CU_ASSERT_EQUAL(some->len, 2);
}

static void
this_host_has_one_at_least(void)
{
    g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
    g_autofree char *allowed = placement_allowed();
    g_autoptr(GArray) cpus = placement_host_cpus(root, allowed);

    CU_ASSERT_TRUE(cpus->len > 0);
}

CU_MAIN(
    "placement", {"pairs_of_threads_below_one_cache", pairs_below_one_cache},
    {"the_smallest_group_that_is_large_enough", large_groups_stay_whole},
    {"an_odd_number_takes_one_thread_a_core",
     an_odd_number_takes_one_thread_a_core},
    {"a_wish_for_one_thread_is_kept", a_wish_for_one_thread_is_kept},
    {"a_node_comes_before_the_whole_host", a_node_before_the_whole_host},
    {"the_whole_host_can_be_taken", the_whole_host_can_be_taken},
    {"too_few_processors_are_not_pinned", too_few_processors_are_not_pinned},
    {"nothing_is_pinned_unless_asked_for", nothing_is_pinned_unless_asked_for},
    {"a_list_is_taken_as_it_is", a_list_is_taken_as_it_is},
    {"a_processor_that_is_not_there_is_named",
     a_processor_that_is_not_there_is_named},
    {"a_socket_has_whole_cores", a_socket_has_whole_cores},
    {"the_host_s_processors_are_read", the_host_s_processors_are_read},
    {"the_host_is_described_in_a_line", the_host_is_described_in_a_line},
    {"this_host_has_one_at_least", this_host_has_one_at_least})
