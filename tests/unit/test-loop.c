/* tests/unit/test-loop.c - timers, clocks, posted calls, offloaded work. */
#include "tests/unit/cu-main.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define MS NSEC_PER_MSEC

typedef struct {
    Loop *loop;
    Timer *timer;
    gint64 fired_at;
    unsigned n;
    GString *order;
    char tag;
} Probe;

static void
note(void *data)
{
    Probe *p = data;

    p->n++;
    p->fired_at = loop_now_ns(p->loop, CLOCK_GUEST);
    if (p->order != NULL)
        g_string_append_c(p->order, p->tag);
}

static gint64
now(Loop *loop)
{
    return loop_now_ns(loop, CLOCK_GUEST);
}

static void
test_fires_at_deadline(void)
{
    Loop *loop = loop_new_manual();
    Probe p = {.loop = loop};
    gint64 start = now(loop);
    Timer *t = timer_new(loop, CLOCK_GUEST, note, &p);

    timer_arm(t, start + 5 * MS);
    loop_advance(loop, 5 * MS - 1);
    CU_ASSERT_EQUAL(p.n, 0);
    loop_advance(loop, 10 * MS);
    CU_ASSERT_EQUAL(p.n, 1);
    CU_ASSERT_EQUAL(p.fired_at, start + 5 * MS);
    timer_free(t);
    loop_free(loop);
}

static void
test_order(void)
{
    Loop *loop = loop_new_manual();
    g_autoptr(GString) order = g_string_new(NULL);
    Probe a = {.loop = loop, .order = order, .tag = 'a'};
    Probe b = {.loop = loop, .order = order, .tag = 'b'};
    Probe c = {.loop = loop, .order = order, .tag = 'c'};
    Timer *ta = timer_new(loop, CLOCK_GUEST, note, &a);
    Timer *tb = timer_new(loop, CLOCK_HOST, note, &b);
    Timer *tc = timer_new(loop, CLOCK_GUEST, note, &c);

    timer_arm(ta, now(loop) + 3 * MS);
    timer_arm(tb, loop_now_ns(loop, CLOCK_HOST) + 2 * MS);
    timer_arm(tc, now(loop) + 1 * MS);
    loop_advance(loop, 4 * MS);
    CU_ASSERT_STRING_EQUAL(order->str, "cba");
    timer_free(ta);
    timer_free(tb);
    timer_free(tc);
    loop_free(loop);
}

static void
test_disarm_and_rearm(void)
{
    Loop *loop = loop_new_manual();
    Probe p = {.loop = loop};
    Timer *t = timer_new(loop, CLOCK_GUEST, note, &p);

    timer_arm(t, now(loop) + MS);
    timer_arm(t, -1);
    loop_advance(loop, 2 * MS);
    CU_ASSERT_EQUAL(p.n, 0);
    CU_ASSERT_FALSE(timer_is_armed(t));
    timer_arm(t, now(loop) + 9 * MS);
    timer_arm(t, now(loop) + MS);
    loop_advance(loop, 2 * MS);
    CU_ASSERT_EQUAL(p.n, 1);
    timer_free(t);
    loop_free(loop);
}

static void
test_guest_clock_stops(void)
{
    Loop *loop = loop_new_manual();
    Probe p = {.loop = loop};
    Timer *t = timer_new(loop, CLOCK_GUEST, note, &p);
    gint64 start = now(loop);

    timer_arm(t, start + 5 * MS);
    loop_advance(loop, 2 * MS);
    loop_guest_clock_stop(loop);
    loop_advance(loop, 100 * MS);
    CU_ASSERT_EQUAL(p.n, 0);
    CU_ASSERT_EQUAL(now(loop), start + 2 * MS);
    loop_guest_clock_start(loop);
    loop_advance(loop, 3 * MS);
    CU_ASSERT_EQUAL(p.n, 1);
    CU_ASSERT_EQUAL(p.fired_at, start + 5 * MS);
    timer_free(t);
    loop_free(loop);
}

static void
test_many_timers(void)
{
    Loop *loop = loop_new_manual();
    Probe p = {.loop = loop};
    Timer *t[100];

    for (int i = 0; i < 100; i++) {
        t[i] = timer_new(loop, CLOCK_GUEST, note, &p);
        timer_arm(t[i], now(loop) + (i * 37 % 100) * MS);
    }
    for (int i = 0; i < 100; i += 2)
        timer_arm(t[i], -1);
    loop_advance(loop, 100 * MS);
    CU_ASSERT_EQUAL(p.n, 50);
    for (int i = 0; i < 100; i++)
        timer_free(t[i]);
    loop_free(loop);
}

static void
test_posts_in_order(void)
{
    g_autoptr(GError) error = NULL;
    Loop *loop = loop_new("test", &error);
    g_autoptr(GString) order = g_string_new(NULL);
    Probe a = {.loop = loop, .order = order, .tag = 'a'};
    Probe b = {.loop = loop, .order = order, .tag = 'b'};
    Probe c = {.loop = loop, .order = order, .tag = 'c'};

    loop_post(loop, note, &a);
    loop_post(loop, note, &b);
    loop_call(loop, note, &c); /* waits, so all three have run */
    CU_ASSERT_STRING_EQUAL(order->str, "abc");
    loop_free(loop);
}

static int
work_fails(void *data)
{
    return -5;
}

static void
take_result(void *data, int result)
{
    *(int *) data = result;
}

static void
test_offload(void)
{
    Loop *loop = loop_new_manual();
    int result = 0;

    loop_offload(loop, work_fails, take_result, &result);
    loop_advance(loop, 0);
    CU_ASSERT_EQUAL(result, -5);
    loop_free(loop);
}

static void
ready(int fd, GIOCondition ev, void *data)
{
    *(guint64 *) data += sys_eventfd_drain(fd);
}

static void
test_watch(void)
{
    Loop *loop = loop_new_manual();
    int fd = sys_eventfd(NULL);
    guint64 seen = 0;
    guint id = loop_watch_fd(loop, fd, G_IO_IN, ready, &seen);

    sys_eventfd_signal(fd);
    loop_advance(loop, 0);
    CU_ASSERT_EQUAL(seen, 1);
    loop_unwatch(loop, id);
    sys_eventfd_signal(fd);
    loop_advance(loop, 0);
    CU_ASSERT_EQUAL(seen, 1);
    loop_free(loop);
    sys_close(&fd);
}

static void
test_real_timer(void)
{
    g_autoptr(GError) error = NULL;
    Loop *loop = loop_new("test", &error);
    int fd = sys_eventfd(NULL);
    Probe p = {.loop = loop};
    Timer *t = timer_new(loop, CLOCK_HOST, note, &p);
    gint64 deadline = loop_now_ns(loop, CLOCK_HOST) + MS;

    timer_arm(t, deadline);
    while (timer_is_armed(t))
        g_thread_yield();
    loop_call(loop, note, &p); /* behind the timer's callback */
    CU_ASSERT_EQUAL(p.n, 2);
    CU_ASSERT_TRUE(loop_now_ns(loop, CLOCK_HOST) >= deadline);
    timer_free(t);
    loop_free(loop);
    sys_close(&fd);
}

CU_MAIN("loop", {"a_timer_fires_at_its_deadline", test_fires_at_deadline},
        {"timers_of_both_clocks_fire_in_order", test_order},
        {"disarming_and_arming_again_moves_a_timer", test_disarm_and_rearm},
        {"guest_time_stands_still_while_paused", test_guest_clock_stops},
        {"removing_timers_keeps_the_others", test_many_timers},
        {"posted_calls_run_in_order", test_posts_in_order},
        {"offloaded_work_reports_its_result", test_offload},
        {"a_watch_sees_its_descriptor_until_removed", test_watch},
        {"the_threaded_loop_fires_real_timers", test_real_timer})
