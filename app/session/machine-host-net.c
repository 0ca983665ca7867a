/* app/session/machine-host-net.c - the networks of a real machine, for
 * clients. */
#include <string.h>

#include "app/session/machine-host-internal.h"
#include "app/session/session-error.h"

G_STATIC_ASSERT(MACHINE_NETS <= MACHINE_MAX_NETS);

static void
describe(const MachineNic *nic, MachineNet *ret)
{
    const guint8 *a = nic->mac;
    NetLink *link = nic->link;

    *ret = (MachineNet){.name = g_strdup(nic->name),
                        .kind = g_strdup(nic->kind),
                        .model = g_strdup(nic->model),
                        .description = g_strdup(net_describe(link)),
                        .capture = net_capture_path(link),
                        .forwards = net_forwards(link),
                        .up = net_is_up(link),
                        .plugged = net_is_plugged(link),
                        .mtu = net_mtu(link)};
    ret->mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1],
                               a[2], a[3], a[4], a[5]);
    net_stats(link, &ret->stats);
}

unsigned
machine_host_nets(void *m, MachineNet *ret_nets)
{
    MachineHost *host = m;
    const MachineNic *nics[MACHINE_NETS];
    unsigned n = machine_hold_nets(host->machine, nics);

    for (unsigned i = 0; i < n; i++) {
        describe(nics[i], &ret_nets[i]);
        machine_release_net(host->machine, nics[i]);
    }
    return n;
}

static GError *
no_such_net(MachineHost *host, const char *name)
{
    return g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                       "machine '%s' has no network '%s'; `carrel net list "
                       "%s` shows what it has",
                       host->name, name, host->name);
}

/* What may block: a role process is asked, a file is opened. */
typedef struct {
    MachineHost *host;
    NetChange change;
    char *net, *value;
    MachineDone done;
    void *data;
    GError *error;
} NetJob;

static void
change_net(NetJob *job, const MachineNic *nic)
{
    switch (job->change) {
    case NET_FORWARD_ADD:
        (void) net_forward_add(nic->link, job->value, &job->error);
        break;
    case NET_FORWARD_REMOVE:
        (void) net_forward_remove(nic->link, job->value, &job->error);
        break;
    case NET_CAPTURE:
        if (job->value != NULL)
            (void) net_capture_start(nic->link, job->value, nic->capture_limit,
                                     &job->error);
        else
            net_capture_stop(nic->link);
        break;
    case NET_PLUG:
        net_set_plugged(nic->link, strcmp(job->value, "up") == 0);
        break;
    default: break;
    }
}

/* The card is looked up here, for it may have been taken out meanwhile, and
 * the jobs before this one do not wait for who holds it. */
static void
net_work(void *data)
{
    NetJob *job = data;
    Machine *machine = job->host->machine;
    const MachineNic *nic = machine_hold_net(machine, job->net);

    if (nic != NULL)
        change_net(job, nic);
    else
        job->error = no_such_net(job->host, job->net);
    machine_release_net(machine, nic);
}

static void
net_done(void *data)
{
    static const char *const words[] = {"forward added", "forward removed",
                                        "capture", "cable"};
    NetJob *job = data;

    if (job->error == NULL) {
        g_autofree char *line =
            g_strdup_printf("%s: %s: %s", job->net, words[job->change],
                            job->value != NULL ? job->value : "off");
        machine_host_say(job->host, line);
    }
    job->done(job->data, job->error);
    g_free(job->net);
    g_free(job->value);
    g_free(job);
}

/* The name of the card that is meant; NULL and error set. */
static char *
find_net(MachineHost *host, const char *name, GError **error)
{
    const MachineNic *nics[MACHINE_NETS];
    unsigned n = machine_hold_nets(host->machine, nics), found = 0;
    char *which = NULL;

    for (unsigned i = 0; i < n; i++) {
        if (name == NULL || strcmp(nics[i]->name, name) == 0) {
            found++;
            g_free(which);
            which = g_strdup(nics[i]->name);
        }
        machine_release_net(host->machine, nics[i]);
    }
    if (found == 1)
        return which;
    g_free(which);
    if (found == 0)
        g_propagate_error(error,
                          no_such_net(host, name != NULL ? name : "net0"));
    else
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "machine '%s' has %u networks; say which one with "
                    "--net=net0",
                    host->name, found);
    return NULL;
}

void
machine_host_change_net(void *m, const NetRequest *request, MachineDone done,
                        void *data)
{
    MachineHost *host = m;
    GError *error = NULL;
    char *net = find_net(host, request->net, &error);

    if (net == NULL) {
        done(data, error);
        return;
    }
    NetJob *job = g_new0(NetJob, 1);
    *job = (NetJob){.host = host,
                    .change = request->change,
                    .net = net,
                    .value = g_strdup(request->value),
                    .done = done,
                    .data = data};
    worker_run(host->workers[WORK_MEDIA], net_work, net_done, job);
}
