/* app/session/machine-host-plug.c - cards of a real machine that come and go,
 * for clients. */
#include "app/session/machine-host-internal.h"

unsigned
machine_host_cards(void *m, MachineCard *ret_cards)
{
    MachineHost *host = m;

    return machine_cards(host->machine, ret_cards, MACHINE_MAX_CARDS);
}

/* An image is opened or closed, and the machine pauses for a moment. */
typedef struct {
    Machine *machine;
    char *section;
    Profile *fragment; /* NULL: out */
    bool force;
    MachineDone done;
    void *data;
    GError *error;
} PlugJob;

static void
plug_work(void *data)
{
    PlugJob *job = data;

    if (job->fragment != NULL)
        (void) machine_attach(job->machine, job->fragment, job->section,
                              &job->error);
    else
        (void) machine_detach(job->machine, job->section, job->force,
                              &job->error);
}

static void
plug_done(void *data)
{
    PlugJob *job = data;

    job->done(job->data, job->error);
    profile_free(job->fragment);
    g_free(job->section);
    g_free(job);
}

void
machine_host_plug(void *m, const PlugRequest *request, MachineDone done,
                  void *data)
{
    MachineHost *host = m;
    PlugJob *job = g_new0(PlugJob, 1);

    *job = (PlugJob){.machine = host->machine,
                     .section = g_strdup(request->section),
                     .force = request->force,
                     .done = done,
                     .data = data};
    if (request->fragment != NULL)
        job->fragment = profile_copy(request->fragment);
    worker_run(host->workers[WORK_MEDIA], plug_work, plug_done, job);
}
