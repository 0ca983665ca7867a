/* tests/unit/test-io-thread.c - a device's own thread: that it serves, when it
 * lingers, and that it sleeps when lingering does not pay. */
#include "tests/unit/cu-main.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/io-thread.h"

#define N_FDS    2u
#define LIMIT_US (20 * G_TIME_SPAN_SECOND)
#define WORK     (1u << 17) /* ticks; long, so that "soon" is not short */

typedef struct {
    IoThread *thread; /* set before the first signal */
    int fds[N_FDS];
    unsigned served[N_FDS]; /* atomic: ready() calls */
    unsigned looks;         /* atomic: look() calls */
    unsigned done;          /* atomic: waits that look() ended */
    bool found;             /* atomic: what look() says */
    bool lingers;           /* option: ready() lingers */
    bool stop;              /* atomic: look() says true for ever */
} Rig;

static unsigned
get(unsigned *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void
add(unsigned *value)
{
    __atomic_add_fetch(value, 1, __ATOMIC_RELEASE);
}

static bool
look(void *data)
{
    Rig *r = data;

    add(&r->looks);
    return __atomic_exchange_n(&r->found, false, __ATOMIC_ACQ_REL) ||
           __atomic_load_n(&r->stop, __ATOMIC_ACQUIRE);
}

static void
work(void)
{
    for (guint64 began = sys_ticks(); sys_ticks() - began < WORK;)
        sys_relax();
}

static void
ready(unsigned i, void *data)
{
    Rig *r = data;

    do {
        work();
        add(&r->served[i]);
        if (!r->lingers || !io_thread_linger(r->thread, look, r))
            return;
        add(&r->done);
    } while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE));
}

static void
begin(Rig *r, bool lingers)
{
    g_autoptr(GError) error = NULL;

    *r = (Rig){.lingers = lingers};
    for (unsigned i = 0; i < N_FDS; i++) {
        r->fds[i] = sys_eventfd(&error);
        g_assert_no_error(error);
    }
    r->thread = io_thread_new("test", r->fds, N_FDS, ready, r, &error);
    g_assert_no_error(error);
}

static void
end(Rig *r)
{
    io_thread_free(r->thread);
    for (unsigned i = 0; i < N_FDS; i++)
        sys_close(&r->fds[i]);
}

/* Signals, and waits without sleeping until it is served. */
static bool
serve(Rig *r, unsigned i)
{
    gint64 limit = g_get_monotonic_time() + LIMIT_US;
    unsigned before = get(&r->served[i]);

    sys_eventfd_signal(r->fds[i]);
    while (get(&r->served[i]) == before)
        if (g_get_monotonic_time() > limit)
            return false;
    return true;
}

/* A signal after the other makes the thread linger sooner or later, however
 * busy the host is. */
static bool
make_it_linger(Rig *r)
{
    gint64 limit = g_get_monotonic_time() + LIMIT_US;

    while (get(&r->looks) == 0)
        if (!serve(r, 0) || g_get_monotonic_time() > limit)
            return false;
    return true;
}

static void
test_serves(void)
{
    Rig r;

    begin(&r, false);
    for (unsigned i = 0; i < 100; i++)
        CU_ASSERT_TRUE(serve(&r, i % N_FDS));
    CU_ASSERT_TRUE(get(&r.served[0]) >= 50 && get(&r.served[1]) >= 50);
    end(&r);
    CU_ASSERT_EQUAL(get(&r.looks), 0);
}

static void
test_lingers_when_busy(void)
{
    Rig r;
    gint64 limit = g_get_monotonic_time() + LIMIT_US;

    begin(&r, true);
    CU_ASSERT_TRUE(make_it_linger(&r));
    /* what it finds so is done without a signal */
    while (get(&r.done) == 0 && g_get_monotonic_time() < limit) {
        __atomic_store_n(&r.found, true, __ATOMIC_RELEASE);
        (void) serve(&r, 0);
    }
    CU_ASSERT_TRUE(get(&r.done) > 0);
    end(&r);
}

static void
test_sleeps_when_idle(void)
{
    Rig r;

    begin(&r, true);
    CU_ASSERT_TRUE(make_it_linger(&r));
    g_usleep(50 * 1000); /* a hundred times as long as it may linger */
    unsigned looks = get(&r.looks);
    g_usleep(50 * 1000);
    CU_ASSERT_EQUAL(get(&r.looks), looks);
    /* signals that come late are not worth waiting for */
    for (unsigned i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(serve(&r, 0));
        g_usleep(5 * 1000);
    }
    CU_ASSERT_EQUAL(get(&r.looks), looks);
    end(&r);
}

static void
test_ends_while_lingering(void)
{
    for (unsigned i = 0; i < 20; i++) {
        Rig r;
        begin(&r, true);
        CU_ASSERT_TRUE(make_it_linger(&r));
        (void) serve(&r, 0);
        __atomic_store_n(&r.stop, i % 2 == 0, __ATOMIC_RELEASE);
        end(&r);
        unsigned looks = get(&r.looks);
        g_usleep(1000);
        CU_ASSERT_EQUAL(get(&r.looks), looks);
    }
    io_thread_free(NULL);
}

CU_MAIN("io-thread", {"it_serves_each_descriptor", test_serves},
        {"it_lingers_while_that_pays", test_lingers_when_busy},
        {"it_sleeps_when_nobody_comes", test_sleeps_when_idle},
        {"it_ends_while_it_lingers", test_ends_while_lingering})
