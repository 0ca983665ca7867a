/* app/assemble-balloon.c - the machine's balloon, which may come and go while
 * somebody asks about it. */
#include "app/assemble-internal.h"

void
machine_set_balloon(Machine *m, Device *balloon)
{
    g_mutex_lock(&m->path_lock);
    m->balloon = balloon;
    while (balloon == NULL && m->balloon_users > 0)
        g_cond_wait(&m->idle, &m->path_lock);
    g_mutex_unlock(&m->path_lock);
}

Device *
machine_hold_balloon(Machine *m)
{
    g_mutex_lock(&m->path_lock);
    Device *balloon = m->balloon;
    m->balloon_users += balloon != NULL;
    g_mutex_unlock(&m->path_lock);
    return balloon;
}

void
machine_release_balloon(Machine *m, Device *balloon)
{
    if (balloon == NULL)
        return;
    g_mutex_lock(&m->path_lock);
    m->balloon_users--;
    g_cond_broadcast(&m->idle);
    g_mutex_unlock(&m->path_lock);
}
