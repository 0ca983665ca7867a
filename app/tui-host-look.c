/* app/tui-host-look.c - the look at the host for the terminal interface, on a
 * thread of its own; the answer comes on the main one. CARREL_HOST_ROOT names a
 * recorded host to look at instead of this one. */
#include "app/tui-host-internal.h"
#include "passthrough-wizard/checks.h"

typedef struct {
    char *machine;
    guint64 memory;
    UiLooked done;
    void *data;
    UiHostLook *look;
    GError *error;
} Job;

static void
job_free(gpointer data)
{
    Job *job = data;

    g_free(job->machine);
    ui_host_look_free(job->look);
    g_clear_error(&job->error);
    g_free(job);
}

static gboolean
answer(gpointer data)
{
    Job *job = data;

    job->done(job->data, g_steal_pointer(&job->look), job->error);
    return G_SOURCE_REMOVE;
}

static gpointer
look(gpointer data)
{
    Job *job = data;
    const CheckWants wants = {.memory = job->memory, .machine = job->machine};
    HostRoot *root = host_root_open(g_getenv("CARREL_HOST_ROOT"), &job->error);

    if (root != NULL) {
        bool live = host_root_is_live(root);
        job->look = g_new0(UiHostLook, 1);
        job->look->root = root;
        job->look->pci = host_pci_read(root, NULL); /* none: pci is NULL */
        job->look->checks =
            checks_run(root, job->look->pci, live ? &wants : NULL);
    }
    g_idle_add_full(G_PRIORITY_DEFAULT, answer, job, job_free);
    return NULL;
}

void
tui_host_look(const char *machine, guint64 memory, UiLooked done, void *data)
{
    Job *job = g_new0(Job, 1);

    job->machine = g_strdup(machine);
    job->memory = memory;
    job->done = done;
    job->data = data;
    g_thread_unref(g_thread_new("look", look, job));
}
