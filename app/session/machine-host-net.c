/* app/session/machine-host-net.c - the networks of a real machine, for
 * clients. */
#include <string.h>

#include "app/session/machine-host-internal.h"
#include "app/session/session-error.h"

unsigned
machine_host_nets(void *m, MachineNet *ret_nets)
{
    MachineHost *host = m;
    unsigned n = 0;

    for (NetLink *link;
         n < MACHINE_MAX_NETS && (link = machine_net(host->machine, n)) != NULL;
         n++) {
        MachineNetInfo info = machine_net_info(host->machine, n);
        const guint8 *a = info.mac;
        MachineNet *net = &ret_nets[n];
        *net = (MachineNet){.name = g_strdup(info.name),
                            .kind = g_strdup(info.kind),
                            .model = g_strdup(info.model),
                            .description = g_strdup(net_describe(link)),
                            .capture = net_capture_path(link),
                            .forwards = net_forwards(link),
                            .up = net_is_up(link),
                            .plugged = net_is_plugged(link),
                            .mtu = net_mtu(link)};
        net->mac = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1],
                                   a[2], a[3], a[4], a[5]);
        net_stats(link, &net->stats);
    }
    return n;
}

/* What may block: a role process is asked, a file is opened. */
typedef struct {
    MachineHost *host;
    NetLink *link;
    guint64 limit;
    NetChange change;
    char *net, *value;
    MachineDone done;
    void *data;
    GError *error;
} NetJob;

static void
net_work(void *data)
{
    NetJob *job = data;

    switch (job->change) {
    case NET_FORWARD_ADD:
        (void) net_forward_add(job->link, job->value, &job->error);
        break;
    case NET_FORWARD_REMOVE:
        (void) net_forward_remove(job->link, job->value, &job->error);
        break;
    case NET_CAPTURE:
        if (job->value != NULL)
            (void) net_capture_start(job->link, job->value, job->limit,
                                     &job->error);
        else
            net_capture_stop(job->link);
        break;
    case NET_PLUG:
        net_set_plugged(job->link, strcmp(job->value, "up") == 0);
        break;
    default: break;
    }
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

/* The card that is meant; -1 and error set. */
static int
find_net(MachineHost *host, const char *name, GError **error)
{
    unsigned n = 0, found = 0, at = 0;

    for (; machine_net(host->machine, n) != NULL; n++)
        if (name == NULL ||
            strcmp(machine_net_info(host->machine, n).name, name) == 0) {
            found++;
            at = n;
        }
    if (found == 1)
        return (int) at;
    if (found == 0)
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "machine '%s' has no network '%s'; `carrel net list %s` "
                    "shows what it has",
                    host->name, name != NULL ? name : "net0", host->name);
    else
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "machine '%s' has %u networks; say which one with "
                    "--net=net0",
                    host->name, found);
    return -1;
}

void
machine_host_change_net(void *m, const NetRequest *request, MachineDone done,
                        void *data)
{
    MachineHost *host = m;
    GError *error = NULL;
    int n = find_net(host, request->net, &error);

    if (n < 0) {
        done(data, error);
        return;
    }
    MachineNetInfo info = machine_net_info(host->machine, (unsigned) n);
    NetJob *job = g_new0(NetJob, 1);
    *job = (NetJob){.host = host,
                    .link = machine_net(host->machine, (unsigned) n),
                    .limit = info.capture_limit,
                    .change = request->change,
                    .net = g_strdup(info.name),
                    .value = g_strdup(request->value),
                    .done = done,
                    .data = data};
    worker_run(host->workers[WORK_MEDIA], net_work, net_done, job);
}
