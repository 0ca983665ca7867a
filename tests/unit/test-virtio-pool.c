/* tests/unit/test-virtio-pool.c - requests in store. */
#include <string.h>

#include "devices/virtio/virtio-pool.h"
#include "tests/unit/cu-main.h"

#define N    8u
#define SIZE 48u

static void
test_all_are_different(void)
{
    VirtioPool pool;
    guint8 *items[N];

    virtio_pool_init(&pool, SIZE, N);
    for (unsigned i = 0; i < N; i++) {
        items[i] = virtio_pool_take(&pool);
        CU_ASSERT_PTR_NOT_NULL_FATAL(items[i]);
        for (unsigned k = 0; k < SIZE; k++)
            CU_ASSERT_EQUAL(items[i][k], 0); /* nobody else's */
        memset(items[i], 0xff, SIZE);
    }
    CU_ASSERT_PTR_NULL(virtio_pool_take(&pool));
    virtio_pool_clear(&pool);
    CU_ASSERT_PTR_NULL(virtio_pool_take(&pool));
}

static void
test_given_back_comes_again(void)
{
    VirtioPool pool;
    guint8 *items[N];

    virtio_pool_init(&pool, SIZE, N);
    for (unsigned i = 0; i < N; i++)
        items[i] = virtio_pool_take(&pool);
    items[3][SIZE - 1] = 0x33;
    virtio_pool_give(&pool, items[5]);
    virtio_pool_give(&pool, items[3]);
    CU_ASSERT_PTR_EQUAL(virtio_pool_take(&pool), items[3]);
    CU_ASSERT_EQUAL(items[3][SIZE - 1], 0x33); /* as it was */
    CU_ASSERT_PTR_EQUAL(virtio_pool_take(&pool), items[5]);
    CU_ASSERT_PTR_NULL(virtio_pool_take(&pool));
    virtio_pool_clear(&pool);
}

/* One request at a time needs one item's memory, however many there are. */
static void
test_untouched_stays_untouched(void)
{
    VirtioPool pool;

    virtio_pool_init(&pool, SIZE, N);
    guint8 *first = virtio_pool_take(&pool);
    for (unsigned i = 0; i < 1000; i++) {
        memset(first, 1, SIZE);
        virtio_pool_give(&pool, first);
        CU_ASSERT_PTR_EQUAL(virtio_pool_take(&pool), first);
    }
    for (unsigned i = 1; i < N; i++)
        CU_ASSERT_EQUAL(*(guint8 *) virtio_pool_take(&pool), 0);
    virtio_pool_clear(&pool);
}

CU_MAIN("virtio-pool", {"items_are_zero_and_different", test_all_are_different},
        {"what_was_given_back_comes_again", test_given_back_comes_again},
        {"what_is_not_needed_stays_untouched", test_untouched_stays_untouched})
