/* passthrough-wizard/host-processes.c - which processes have a node of a
 * function open: from /proc/PID/fd. Without root only one's own are seen, which
 * HostPci.sees_processes tells. A recording names them in /carrel/open-nodes,
 * a line each: node, process id, name. */
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/host-uses.h"

enum { MAX_FDS = 4096 };

typedef struct {
    HostPciFn *fn;
    HostUseKind kind;
} Owner;

/* Node name -> Owner. */
static GHashTable *
index_nodes(HostPci *host)
{
    GHashTable *nodes =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        for (unsigned n = 0; fn->nodes != NULL && fn->nodes[n] != NULL; n++) {
            Owner *owner = g_new0(Owner, 1);
            *owner = (Owner){fn, HOST_USE_PROCESS};
            g_hash_table_replace(nodes, g_strdup(fn->nodes[n]), owner);
        }
    }
    return nodes;
}

/* "/dev/vfio/14", "/dev/vfio/noiommu-0": all functions of the group. */
static int
group_of(const char *node)
{
    static const char prefix[] = "/dev/vfio/";
    const char *rest = node + strlen(prefix);

    if (!g_str_has_prefix(node, prefix) || !g_ascii_isdigit(*rest))
        return -1;
    return (int) g_ascii_strtoull(rest, NULL, 10);
}

static void
add_once(HostPciFn *fn, HostUseKind kind, const char *node, guint pid,
         const char *comm)
{
    for (guint i = 0; i < fn->uses->len; i++) {
        const HostUse *use = g_ptr_array_index(fn->uses, i);
        if (use->kind == kind && use->pid == pid)
            return;
    }
    host_pci_fn_add_use(fn, kind, g_strdup(node), pid, g_strdup(comm));
}

static void
take_open_node(HostPci *host, GHashTable *nodes, const char *node, guint pid,
               const char *comm)
{
    const Owner *owner = g_hash_table_lookup(nodes, node);
    const HostGroup *group = host_pci_group(host, group_of(node));

    if (owner != NULL)
        add_once(owner->fn, owner->kind, node, pid, comm);
    for (guint i = 0; group != NULL && i < group->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(group->functions, i);
        if (g_strcmp0(fn->driver, "vfio-pci") == 0)
            add_once(fn, HOST_USE_MACHINE, node, pid, comm);
    }
}

static void
read_recorded(const char *text, HostPci *host, GHashTable *nodes)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    char node[64], comm[64];
    unsigned pid;

    for (unsigned i = 0; lines[i] != NULL; i++)
        if (sscanf(lines[i], "%63s %9u %63s", node, &pid, comm) == 3)
            take_open_node(host, nodes, node, pid, comm);
}

/* False: another user's, which may not be looked into. */
static bool
read_process(const HostRoot *root, HostPci *host, GHashTable *nodes,
             const char *pid)
{
    HostNode node;
    g_autofree char *dir = g_strdup_printf("/proc/%s/fd", pid);

    if (!host_root_stat(root, dir, &node))
        return true; /* gone */
    if (!node.can_read)
        return false;
    g_auto(GStrv) fds = host_root_names(root, "%s", dir);
    g_autofree char *comm = NULL;
    for (unsigned i = 0; fds[i] != NULL && i < MAX_FDS; i++) {
        g_autofree char *target = host_root_link(root, "%s/%s", dir, fds[i]);
        if (target == NULL || !g_str_has_prefix(target, "/dev/"))
            continue;
        if (comm == NULL)
            comm = host_root_line(root, "/proc/%s/comm", pid);
        take_open_node(host, nodes, target,
                       (guint) g_ascii_strtoull(pid, NULL, 10),
                       comm != NULL ? comm : "?");
    }
    return true;
}

void
host_processes_read(const HostRoot *root, HostPci *host)
{
    g_autoptr(GHashTable) nodes = index_nodes(host);
    g_autofree char *recorded = host_root_read(root, "/carrel/open-nodes",
                                               HOST_ROOT_MAX_FILE, NULL, NULL);

    host->sees_processes = true;
    if (recorded != NULL) {
        read_recorded(recorded, host, nodes);
        host->sees_processes =
            !host_root_exists(root, "/carrel/only-own-processes");
        return;
    }
    g_auto(GStrv) pids = host_root_names(root, "/proc");
    for (unsigned i = 0; pids[i] != NULL; i++)
        if (g_ascii_isdigit(*pids[i]) &&
            !read_process(root, host, nodes, pids[i]))
            host->sees_processes = false;
}
