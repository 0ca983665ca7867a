/* tests/tsan/test-races-are-seen.c - two threads count. Without a lock (the
 * argument "race") the sanitizer must end the program badly, with GLib's lock
 * it must say nothing: so the build that looks for races is not blind. */
#include <stdio.h>
#include <string.h>

#include <glib.h>

typedef struct {
    GMutex lock; /* L2 guards n, unless the race is wanted */
    GCond changed;
    gboolean racy;
    unsigned n;
} Counter;

static gpointer
count(gpointer data)
{
    Counter *c = data;

    for (unsigned i = 0; i < 1000; i++) {
        if (!c->racy)
            g_mutex_lock(&c->lock);
        c->n++;
        if (!c->racy) {
            g_cond_broadcast(&c->changed);
            g_mutex_unlock(&c->lock);
        }
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    Counter c = {.racy = argc > 1 && strcmp(argv[1], "race") == 0};

    g_mutex_init(&c.lock);
    g_cond_init(&c.changed);
    GThread *a = g_thread_new("a", count, &c);
    GThread *b = g_thread_new("b", count, &c);
    if (!c.racy) {
        g_mutex_lock(&c.lock);
        while (c.n < 2000)
            g_cond_wait(&c.changed, &c.lock);
        g_mutex_unlock(&c.lock);
    }
    g_thread_join(a);
    g_thread_join(b);
    g_cond_clear(&c.changed);
    g_mutex_clear(&c.lock);
    printf("ok 1 - two threads counted to %u\n1..1\n", c.n);
    return 0;
}
