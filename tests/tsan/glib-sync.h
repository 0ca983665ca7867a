/* tests/tsan/glib-sync.h - tells ThreadSanitizer what GLib's locks order.
 *
 * GLib's mutexes, conditions and hand-offs are futexes inside a library that
 * is not instrumented, so the sanitizer sees no lock at all and reports each
 * guarded field. The ThreadSanitizer build includes this file before every
 * source (tests/tsan/meson.build): the same functions, with the sanitizer's
 * annotations around them. Locks taken inside GLib stay unseen. */
#pragma once

/* Programs without GLib get nothing. */
#if __has_include(<glib.h>)

#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* --- GMutex ------------------------------------------------------------ */

static inline void
tsan_mutex_init(GMutex *mutex)
{
    g_mutex_init(mutex);
    __tsan_mutex_create(mutex, __tsan_mutex_not_static);
}

static inline void
tsan_mutex_clear(GMutex *mutex)
{
    __tsan_mutex_destroy(mutex, __tsan_mutex_not_static);
    g_mutex_clear(mutex);
}

static inline void
tsan_mutex_lock(GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, 0);
    g_mutex_lock(mutex);
    __tsan_mutex_post_lock(mutex, 0, 0);
}

static inline gboolean
tsan_mutex_trylock(GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
    gboolean taken = g_mutex_trylock(mutex);
    __tsan_mutex_post_lock(mutex,
                           taken ? __tsan_mutex_try_lock
                                 : __tsan_mutex_try_lock |
                                       __tsan_mutex_try_lock_failed,
                           0);
    return taken;
}

static inline void
tsan_mutex_unlock(GMutex *mutex)
{
    (void) __tsan_mutex_pre_unlock(mutex, 0); /* the recursion: always one */
    g_mutex_unlock(mutex);
    __tsan_mutex_post_unlock(mutex, 0);
}

/* --- GCond: what matters is that waiting gives the mutex away ------------ */

static inline void
tsan_wait_begin(GMutex *mutex)
{
    (void) __tsan_mutex_pre_unlock(mutex, 0);
    __tsan_mutex_post_unlock(mutex, 0);
}

static inline void
tsan_wait_end(GMutex *mutex)
{
    __tsan_mutex_pre_lock(mutex, 0);
    __tsan_mutex_post_lock(mutex, 0, 0);
}

static inline void
tsan_cond_wait(GCond *cond, GMutex *mutex)
{
    tsan_wait_begin(mutex);
    g_cond_wait(cond, mutex);
    tsan_wait_end(mutex);
}

static inline gboolean
tsan_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    tsan_wait_begin(mutex);
    gboolean in_time = g_cond_wait_until(cond, mutex, end_time);
    tsan_wait_end(mutex);
    return in_time;
}

/* --- GRWLock ------------------------------------------------------------ */

static inline void
tsan_rw_lock_writer_lock(GRWLock *lock)
{
    __tsan_mutex_pre_lock(lock, 0);
    g_rw_lock_writer_lock(lock);
    __tsan_mutex_post_lock(lock, 0, 0);
}

static inline void
tsan_rw_lock_writer_unlock(GRWLock *lock)
{
    (void) __tsan_mutex_pre_unlock(lock, 0);
    g_rw_lock_writer_unlock(lock);
    __tsan_mutex_post_unlock(lock, 0);
}

static inline void
tsan_rw_lock_reader_lock(GRWLock *lock)
{
    __tsan_mutex_pre_lock(lock, __tsan_mutex_read_lock);
    g_rw_lock_reader_lock(lock);
    __tsan_mutex_post_lock(lock, __tsan_mutex_read_lock, 0);
}

static inline void
tsan_rw_lock_reader_unlock(GRWLock *lock)
{
    (void) __tsan_mutex_pre_unlock(lock, __tsan_mutex_read_lock);
    g_rw_lock_reader_unlock(lock);
    __tsan_mutex_post_unlock(lock, __tsan_mutex_read_lock);
}

static inline void
tsan_rw_lock_clear(GRWLock *lock)
{
    __tsan_mutex_destroy(lock, __tsan_mutex_not_static);
    g_rw_lock_clear(lock);
}

/* --- hand-offs: what was done before is seen after ---------------------- */

static inline void
tsan_async_queue_push(GAsyncQueue *queue, gpointer data)
{
    __tsan_release(data);
    g_async_queue_push(queue, data);
}

static inline gpointer
tsan_async_queue_pop(GAsyncQueue *queue)
{
    gpointer data = g_async_queue_pop(queue);

    __tsan_acquire(data);
    return data;
}

/* A job sees what its pusher did, and who frees the pool what jobs did. The
 * pool's record lives as long as the process: the tests make few. */
typedef struct {
    GFunc work;
    gpointer user_data;
} TsanPool;

static inline void
tsan_pool_work(gpointer data, gpointer user_data)
{
    TsanPool *pool = (TsanPool *) user_data;

    __tsan_acquire(data);
    pool->work(data, pool->user_data);
    __tsan_release(pool);
}

static inline GThreadPool *
tsan_thread_pool_new(GFunc work, gpointer user_data, gint max_threads,
                     gboolean exclusive, GError **error)
{
    TsanPool *pool = g_new(TsanPool, 1);

    *pool = (TsanPool){work, user_data};
    __tsan_release(pool);
    return g_thread_pool_new(tsan_pool_work, pool, max_threads, exclusive,
                             error);
}

static inline gboolean
tsan_thread_pool_push(GThreadPool *pool, gpointer data, GError **error)
{
    __tsan_release(data);
    return g_thread_pool_push(pool, data, error);
}

/* A worker frees GLib's part of the pool, ordered by locks inside GLib: the
 * read here must not count. */
__attribute__((no_sanitize("thread"))) static inline void
tsan_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    gpointer record = pool->user_data;

    g_thread_pool_free(pool, immediate, wait);
    __tsan_acquire(record);
}

/* clang-format off */
#define g_mutex_init            tsan_mutex_init
#define g_mutex_clear           tsan_mutex_clear
#define g_mutex_lock            tsan_mutex_lock
#define g_mutex_trylock         tsan_mutex_trylock
#define g_mutex_unlock          tsan_mutex_unlock
#define g_cond_wait             tsan_cond_wait
#define g_cond_wait_until       tsan_cond_wait_until
#define g_rw_lock_writer_lock   tsan_rw_lock_writer_lock
#define g_rw_lock_writer_unlock tsan_rw_lock_writer_unlock
#define g_rw_lock_reader_lock   tsan_rw_lock_reader_lock
#define g_rw_lock_reader_unlock tsan_rw_lock_reader_unlock
#define g_rw_lock_clear         tsan_rw_lock_clear
#define g_async_queue_push      tsan_async_queue_push
#define g_async_queue_pop       tsan_async_queue_pop
#define g_thread_pool_new       tsan_thread_pool_new
#define g_thread_pool_push      tsan_thread_pool_push
#define g_thread_pool_free      tsan_thread_pool_free
/* clang-format on */

#endif
