/* tests/unit/test-pacer.c - a share of a processor's speed, and the names of
 * speeds. */
#include "tests/unit/cu-main.h"
#include "vmm/core/pacer.h"
#include "vmm/cpu/cpu-speed.h"

#define MS G_GINT64_CONSTANT(1000000)

/* A guest that always has work, for a second: how many ns it ran. */
static gint64
busy_second(unsigned share, gint64 entry)
{
    Pacer p = {0};
    gint64 now = 100 * MS, end = now + 1000 * MS, ran = 0, slice = 0;

    while (now < end) {
        now += pacer_pay(&p, share, now, slice);
        slice = pacer_slice(&p, share, slice);
        ran += slice;
        now += slice + entry;
    }
    return ran;
}

static void
a_busy_guest_gets_its_share(void)
{
    static const unsigned shares[] = {200, 1000, 10000, 125000, 500000, 900000};

    for (gsize i = 0; i < G_N_ELEMENTS(shares); i++) {
        gint64 want = 1000 * MS * shares[i] / PACER_FULL;
        gint64 got = busy_second(shares[i], 2000);
        CU_ASSERT_TRUE(ABS(got - want) <= want / 20);
    }
}

static void
nothing_is_saved_up(void)
{
    Pacer p = {0};

    CU_ASSERT_EQUAL(pacer_pay(&p, 100000, 10 * MS, MS), 9 * MS);
    /* it idled for a second, then ran for one millisecond */
    CU_ASSERT_EQUAL(pacer_pay(&p, 100000, 1010 * MS, MS), 9 * MS);
}

static void
an_idle_guest_need_not_wait(void)
{
    Pacer p = {0};

    CU_ASSERT_EQUAL(pacer_pay(&p, 1000, 5 * MS, 0), 0);
    CU_ASSERT_EQUAL(pacer_pay(&p, 1000, 6 * MS, 0), 0);
}

static void
a_turn_is_a_millisecond_where_the_slice_allows(void)
{
    Pacer p = {0};

    CU_ASSERT_EQUAL(pacer_slice(&p, 500000, 0), MS / 2);
    CU_ASSERT_EQUAL(pacer_slice(&p, PACER_SLOWEST, MS), PACER_SLICE_NS);
}

/* The host is woken for nothing less and less often, but a guest that comes
 * back does not freeze for long. */
static void
an_idle_guest_is_looked_at_less_often(void)
{
    static const unsigned shares[] = {1000, 10000, 125000};
    gint64 slice = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(shares); i++) {
        Pacer p = {0};
        gint64 first = pacer_slice(&p, shares[i], 0);
        for (int n = 0; n < 20; n++)
            slice = pacer_slice(&p, shares[i], 0);
        CU_ASSERT_TRUE(slice >= 5 * first);
        CU_ASSERT_TRUE(slice <= MS);
        CU_ASSERT_TRUE(pacer_pay(&p, shares[i], 0, slice) <= PACER_DEBT_NS);
        CU_ASSERT_EQUAL(pacer_slice(&p, shares[i], slice), first);
    }
}

static guint32
share_of(const char *text, guint32 kips)
{
    guint32 share = 0;

    return cpu_speed_parse(text, kips, &share) ? share : 0;
}

static void
names_are_shares_of_the_host(void)
{
    CU_ASSERT_EQUAL(share_of("full", 1), PACER_FULL);
    CU_ASSERT_EQUAL(share_of("486", 3300000), 10000);
    CU_ASSERT_EQUAL(share_of("386", 7500000), 1000);
    /* a host that is itself no faster */
    CU_ASSERT_EQUAL(share_of("pentium2", 4600), PACER_FULL);
    CU_ASSERT_EQUAL(share_of("286", G_MAXUINT32), PACER_SLOWEST);
}

static void
percentages_are_taken_as_they_are(void)
{
    CU_ASSERT_EQUAL(share_of("12.5%", 0), 125000);
    CU_ASSERT_EQUAL(share_of("100%", 0), PACER_FULL);
    CU_ASSERT_EQUAL(share_of("0.01%", 0), PACER_SLOWEST);
}

static void
anything_else_is_no_speed(void)
{
    static const char *const wrong[] = {
        "",     "fast", "50",     "0%",   "101%", "-5%",  "486 ",
        "nan%", "%",    "0.001%", "inf%", "5%%",  "1e9%", "full%"};

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        CU_ASSERT_EQUAL(share_of(wrong[i], 1000), 0);
}

static void
every_name_is_one_of_an_order(void)
{
    unsigned n;
    const CpuSpeed *speeds = cpu_speeds(&n);

    CU_ASSERT_TRUE(n >= 5);
    for (unsigned i = 1; i < n; i++)
        CU_ASSERT_TRUE(speeds[i].kips > speeds[i - 1].kips);
}

static void
this_host_is_faster_than_a_pentium(void)
{
    CU_ASSERT_TRUE(cpu_speed_host_kips() > 115000 / 10); /* sanitizers, load */
}

CU_MAIN("pacer", {"a_busy_guest_gets_its_share", a_busy_guest_gets_its_share},
        {"nothing_is_saved_up", nothing_is_saved_up},
        {"an_idle_guest_need_not_wait", an_idle_guest_need_not_wait},
        {"a_turn_is_a_millisecond_where_the_slice_allows",
         a_turn_is_a_millisecond_where_the_slice_allows},
        {"an_idle_guest_is_looked_at_less_often",
         an_idle_guest_is_looked_at_less_often},
        {"names_are_shares_of_the_host", names_are_shares_of_the_host},
        {"percentages_are_taken_as_they_are",
         percentages_are_taken_as_they_are},
        {"anything_else_is_no_speed", anything_else_is_no_speed},
        {"every_name_is_one_of_an_order", every_name_is_one_of_an_order},
        {"this_host_is_faster_than_a_pentium",
         this_host_is_faster_than_a_pentium})
