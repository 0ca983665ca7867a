/* tests/unit/test-epoch.c - nothing is freed under a reader. */
#include <pthread.h>

#include "tests/unit/cu-main.h"
#include "vmm/core/epoch.h"

static void
count_free(void *data)
{
    ++*(unsigned *) data;
}

static void
test_no_reader(void)
{
    Epoch *e = epoch_new();
    unsigned freed = 0;

    epoch_retire(e, count_free, &freed);
    epoch_poll(e);
    CU_ASSERT_EQUAL(freed, 1);
    epoch_free(e);
}

static void
test_reader_holds(void)
{
    Epoch *e = epoch_new();
    unsigned freed = 0;
    unsigned token = epoch_enter(e);

    epoch_retire(e, count_free, &freed);
    epoch_poll(e);
    epoch_poll(e);
    CU_ASSERT_EQUAL(freed, 0);
    epoch_leave(e, token);
    epoch_poll(e);
    CU_ASSERT_EQUAL(freed, 1);
    epoch_free(e);
}

static void
test_later_reader_does_not_hold(void)
{
    Epoch *e = epoch_new();
    unsigned freed = 0;
    unsigned old = epoch_enter(e);

    epoch_retire(e, count_free, &freed);
    unsigned young = epoch_enter(e); /* after the flip: the new phase */
    epoch_leave(e, old);
    epoch_poll(e);
    CU_ASSERT_EQUAL(freed, 1);
    epoch_leave(e, young);
    epoch_free(e);
}

static void
test_two_generations(void)
{
    Epoch *e = epoch_new();
    unsigned first = 0, second = 0;
    unsigned token = epoch_enter(e);

    epoch_retire(e, count_free, &first);
    unsigned inner = epoch_enter(e);
    epoch_retire(e, count_free, &second);
    epoch_leave(e, token);
    epoch_poll(e);
    CU_ASSERT_EQUAL(first, 1);
    CU_ASSERT_EQUAL(second, 0);
    epoch_leave(e, inner);
    epoch_poll(e);
    epoch_poll(e);
    CU_ASSERT_EQUAL(second, 1);
    epoch_free(e);
}

static void
test_free_runs_the_rest(void)
{
    Epoch *e = epoch_new();
    unsigned freed = 0;

    (void) epoch_enter(e);
    epoch_retire(e, count_free, &freed);
    epoch_free(e);
    CU_ASSERT_EQUAL(freed, 1);
}

/* Readers check a poisoned-on-free object all the time. */
typedef struct {
    Epoch *epoch;
    int *object; /* atomic: 1 live, freed memory is poisoned with 0 first */
    int stop;    /* atomic */
    unsigned bad;
} Race;

static void
poison(void *data)
{
    __atomic_store_n((int *) data, 0, __ATOMIC_RELAXED);
    g_free(data);
}

static void *
race_reader(void *data)
{
    Race *race = data;

    while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
        unsigned token = epoch_enter(race->epoch);
        int *o = __atomic_load_n(&race->object, __ATOMIC_ACQUIRE);
        for (int i = 0; i < 20; i++)
            if (__atomic_load_n(o, __ATOMIC_RELAXED) != 1)
                __atomic_fetch_add(&race->bad, 1, __ATOMIC_RELAXED);
        epoch_leave(race->epoch, token);
    }
    return NULL;
}

static int *
new_object(void)
{
    int *o = g_new(int, 1);

    *o = 1;
    return o;
}

static void
test_race(void)
{
    Race race = {.epoch = epoch_new(), .object = new_object()};
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, race_reader, &race);
    for (int i = 0; i < 20000; i++) {
        int *old = race.object;
        __atomic_store_n(&race.object, new_object(), __ATOMIC_RELEASE);
        epoch_retire(race.epoch, poison, old);
    }
    epoch_synchronize(race.epoch);
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(race.bad, 0);
    epoch_free(race.epoch);
    g_free(race.object);
}

CU_MAIN("epoch", {"without_readers_it_is_freed_at_once", test_no_reader},
        {"a_reader_inside_keeps_it", test_reader_holds},
        {"a_reader_that_came_later_does_not", test_later_reader_does_not_hold},
        {"each_generation_waits_for_its_own_readers", test_two_generations},
        {"freeing_the_epoch_frees_the_retired", test_free_runs_the_rest},
        {"readers_never_see_freed_memory", test_race})
