/* app/placement.c - see placement.h.
 *
 * Linux Documentation/ABI/stable/sysfs-devices-system-cpu. */
#include "app/placement.h"

#include <sched.h>
#include <string.h>

#include "profiles/schema.h"
#include "vmm/core/error.h"

#define CPUS "/sys/devices/system/cpu"

/* ---- the host's processors ---- */

/* Lowest of a list that a file holds; fallback when there is none. */
static unsigned
first_of(const HostRoot *root, unsigned cpu, const char *file,
         unsigned fallback)
{
    g_autofree char *line = host_root_line(root, CPUS "/cpu%u/%s", cpu, file);
    g_autoptr(GArray) list = line != NULL ? schema_parse_cpus(line) : NULL;
    unsigned lowest = fallback;

    for (guint i = 0; list != NULL && i < list->len; i++)
        lowest = i == 0 ? g_array_index(list, unsigned, i)
                        : MIN(lowest, g_array_index(list, unsigned, i));
    return lowest;
}

/* The last level's: the highest index that there is. */
static unsigned
cache_of(const HostRoot *root, unsigned cpu)
{
    for (unsigned index = 5; index > 1; index--) {
        g_autofree char *file =
            g_strdup_printf("cache/index%u/shared_cpu_list", index);
        unsigned first = first_of(root, cpu, file, G_MAXUINT);
        if (first != G_MAXUINT)
            return first;
    }
    /* none is known, as in many virtual machines: the package has one */
    return first_of(root, cpu, "topology/package_cpus_list", 0);
}

static unsigned
node_of(const HostRoot *root, unsigned cpu)
{
    g_auto(GStrv) names = host_root_names(root, CPUS "/cpu%u", cpu);

    for (gsize i = 0; names[i] != NULL; i++)
        if (g_str_has_prefix(names[i], "node"))
            return (unsigned) g_ascii_strtoull(names[i] + 4, NULL, 10);
    return 0;
}

static bool
is_in(const GArray *list, unsigned cpu)
{
    for (guint i = 0; i < list->len; i++)
        if (g_array_index(list, unsigned, i) == cpu)
            return true;
    return false;
}

static gint
compare_cpus(gconstpointer a, gconstpointer b)
{
    const HostCpu *x = a, *y = b;

    return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

GArray *
placement_host_cpus(const HostRoot *root, const char *allowed)
{
    GArray *cpus = g_array_new(FALSE, TRUE, sizeof(HostCpu));
    g_autofree char *line = host_root_line(root, CPUS "/online");
    g_autoptr(GArray) online = line != NULL ? schema_parse_cpus(line) : NULL;
    g_autoptr(GArray) may = allowed != NULL ? schema_parse_cpus(allowed) : NULL;

    for (guint i = 0; online != NULL && i < online->len; i++) {
        HostCpu c = {.cpu = g_array_index(online, unsigned, i)};
        if (may != NULL && !is_in(may, c.cpu))
            continue;
        c.core = first_of(root, c.cpu, "topology/thread_siblings_list", c.cpu);
        c.cache = cache_of(root, c.cpu);
        c.node = node_of(root, c.cpu);
        g_array_append_val(cpus, c);
    }
    g_array_sort(cpus, compare_cpus);
    return cpus;
}

char *
placement_allowed(void)
{
    GString *list = g_string_new(NULL);
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return g_string_free(list, FALSE);
    for (unsigned i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            g_string_append_printf(list, "%s%u", list->len > 0 ? "," : "", i);
    return g_string_free(list, FALSE);
}

/* ---- the choice ---- */

/* Which processors count as near: all, of a node, below a cache. */
typedef enum { NEAR_CACHE, NEAR_NODE, NEAR_ALL, N_NEAR } Near;

typedef struct {
    const GArray *cpus;
    unsigned per_core; /* processors that are taken of each core */
    unsigned cores;    /* that are wanted */
    unsigned spare;    /* core that is left alone; G_MAXUINT: none */
} Want;

static const HostCpu *
at(const GArray *cpus, guint i)
{
    return &g_array_index(cpus, HostCpu, i);
}

static unsigned
group_of(const HostCpu *c, Near near)
{
    return near == NEAR_CACHE ? c->cache : near == NEAR_NODE ? c->node : 0;
}

static unsigned
threads_of(const GArray *cpus, unsigned core)
{
    unsigned n = 0;

    for (guint i = 0; i < cpus->len; i++)
        n += at(cpus, i)->core == core;
    return n;
}

/* The first processor of a core that may be taken. */
static bool
is_core(const Want *w, guint i)
{
    const HostCpu *c = at(w->cpus, i);

    if (c->core == w->spare || threads_of(w->cpus, c->core) < w->per_core)
        return false;
    for (guint k = 0; k < i; k++)
        if (at(w->cpus, k)->core == c->core)
            return false;
    return true;
}

static unsigned
cores_in(const Want *w, Near near, unsigned group)
{
    unsigned n = 0;

    for (guint i = 0; i < w->cpus->len; i++)
        n += group_of(at(w->cpus, i), near) == group && is_core(w, i);
    return n;
}

/* The smallest group that is large enough, so that large ones stay whole. */
static bool
find_group(const Want *w, Near near, unsigned *ret_group)
{
    unsigned best = G_MAXUINT;

    for (guint i = 0; i < w->cpus->len; i++) {
        unsigned group = group_of(at(w->cpus, i), near);
        unsigned n = cores_in(w, near, group);
        if (n >= w->cores && n < best) {
            best = n;
            *ret_group = group;
        }
    }
    return best != G_MAXUINT;
}

static void
take(const Want *w, Near near, unsigned group, Placement *p)
{
    unsigned n = 0, cores = 0;

    for (guint i = 0; i < w->cpus->len && cores < w->cores; i++) {
        unsigned core = at(w->cpus, i)->core, taken = 0;
        if (group_of(at(w->cpus, i), near) != group || !is_core(w, i))
            continue;
        cores++;
        for (guint k = i; k < w->cpus->len && taken < w->per_core; k++)
            if (at(w->cpus, k)->core == core) {
                p->vcpus[n++] = at(w->cpus, k)->cpu;
                taken++;
            }
    }
    p->pinned = true;
    p->threads = w->per_core;
}

static void
leave_rest(const GArray *cpus, unsigned n, Placement *p)
{
    p->n_io = 0;
    for (guint i = 0; i < cpus->len && p->n_io < PLACEMENT_MAX_CPUS; i++) {
        bool taken = false;
        for (unsigned k = 0; k < n; k++)
            taken = taken || p->vcpus[k] == at(cpus, i)->cpu;
        if (!taken)
            p->io[p->n_io++] = at(cpus, i)->cpu;
    }
}

static bool
try_choice(const Want *w, Placement *p)
{
    static const char *const places[] = {
        [NEAR_CACHE] = "below one cache",
        [NEAR_NODE] = "in one memory node",
        [NEAR_ALL] = "in several memory nodes",
    };
    unsigned group;

    for (Near near = NEAR_CACHE; near < N_NEAR; near++) {
        if (!find_group(w, near, &group))
            continue;
        take(w, near, group, p);
        g_snprintf(
            p->why, sizeof p->why, "%u core%s %s, %s%s", w->cores,
            w->cores == 1 ? "" : "s", places[near],
            w->per_core > 1 ? "both threads of each" : "one thread of each",
            w->spare != G_MAXUINT ? "; the first core is the host's" : "");
        return true;
    }
    return false;
}

void
placement_choose(const GArray *cpus, unsigned n, unsigned threads,
                 Placement *ret)
{
    Want want = {.cpus = cpus};

    *ret = (Placement){.threads = MAX(threads, 1)};
    /* with the host's first core kept out of it, then without */
    for (unsigned keep = 2; cpus->len > 0 && keep-- > 0;) {
        want.spare = keep ? at(cpus, 0)->core : G_MAXUINT;
        for (want.per_core = 2; want.per_core > 0; want.per_core--) {
            if (n % want.per_core != 0 ||
                (threads != 0 && threads != want.per_core))
                continue;
            want.cores = n / want.per_core;
            if (!try_choice(&want, ret))
                continue;
            leave_rest(cpus, n, ret);
            return;
        }
    }
    g_snprintf(ret->why, sizeof ret->why,
               "not pinned: %u CPUs need as many processors%s, and the host "
               "lets this machine use %u",
               n, threads == 2 ? " in pairs of one core" : "", cpus->len);
}

static unsigned
different(const GArray *cpus, gsize offset)
{
    unsigned n = 0;

    for (guint i = 0; i < cpus->len; i++) {
        bool seen = false;
        for (guint k = 0; k < i && !seen; k++)
            seen = G_STRUCT_MEMBER(unsigned, at(cpus, k), offset) ==
                   G_STRUCT_MEMBER(unsigned, at(cpus, i), offset);
        n += !seen;
    }
    return n;
}

char *
placement_layout(const GArray *cpus)
{
    unsigned cores = different(cpus, G_STRUCT_OFFSET(HostCpu, core));
    unsigned caches = different(cpus, G_STRUCT_OFFSET(HostCpu, cache));
    unsigned nodes = different(cpus, G_STRUCT_OFFSET(HostCpu, node));

    return g_strdup_printf("%u core%s, %u last-level cache%s, %u memory node%s",
                           cores, cores == 1 ? "" : "s", caches,
                           caches == 1 ? "" : "s", nodes,
                           nodes == 1 ? "" : "s");
}

/* ---- the profile ---- */

static bool
read_list(const GArray *host, const char *key, const char *text, unsigned *ret,
          unsigned max, unsigned *ret_n, GError **error)
{
    g_autoptr(GArray) list = schema_parse_cpus(text);

    *ret_n = 0;
    for (guint i = 0; list != NULL && i < list->len && *ret_n < max; i++) {
        unsigned cpu = g_array_index(list, unsigned, i);
        bool known = false;
        for (guint k = 0; k < host->len; k++)
            known = known || at(host, k)->cpu == cpu;
        if (!known) {
            g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
                        "%s: this host has no processor %u, or it is off, or "
                        "not for this session; lscpu shows them, and auto "
                        "chooses",
                        key, cpu);
            return false;
        }
        ret[(*ret_n)++] = cpu;
    }
    return true;
}

bool
placement_is_wanted(const Profile *p)
{
    const char *io = profile_get_string(p, "cpu.io-pin");

    return strcmp(profile_get_string(p, "cpu.pin"), "off") != 0 ||
           (strcmp(io, "off") != 0 && strcmp(io, "auto") != 0);
}

/* Each two of the list are the threads of one core. */
static bool
are_pairs(const GArray *host, const Placement *p, unsigned n)
{
    unsigned core[2] = {0, 0};

    for (unsigned i = 0; i < n; i++) {
        for (guint k = 0; k < host->len; k++)
            if (at(host, k)->cpu == p->vcpus[i])
                core[i % 2] = at(host, k)->core;
        if (i % 2 == 1 && core[0] != core[1])
            return false;
    }
    return n % 2 == 0;
}

bool
placement_read(const Profile *p, const GArray *host, Placement *ret,
               GError **error)
{
    const char *pin = profile_get_string(p, "cpu.pin");
    const char *io = profile_get_string(p, "cpu.io-pin");
    const char *word = profile_get_string(p, "cpu.threads");
    unsigned threads = (unsigned) g_ascii_strtoull(word, NULL, 10);
    unsigned n = (unsigned) profile_get_u64(p, "machine.cpus"), n_pinned = 0;
    unsigned sockets = (unsigned) profile_get_u64(p, "cpu.sockets");

    /* a socket has whole cores */
    if (threads == 0 && n / MAX(sockets, 1) % 2 != 0)
        threads = 1;
    *ret = (Placement){.threads = MAX(threads, 1)};
    if (strcmp(pin, "auto") == 0)
        placement_choose(host, n, threads, ret);
    else if (strcmp(pin, "off") != 0 &&
             !read_list(host, "cpu.pin", pin, ret->vcpus, PLACEMENT_VCPUS,
                        &n_pinned, error))
        return false;
    if (n_pinned > 0 && n_pinned == n) {
        ret->pinned = true;
        if (threads == 0 && are_pairs(host, ret, n))
            ret->threads = 2;
    }
    if (strcmp(io, "off") == 0)
        ret->n_io = 0;
    else if (strcmp(io, "auto") != 0)
        return read_list(host, "cpu.io-pin", io, ret->io, PLACEMENT_MAX_CPUS,
                         &ret->n_io, error);
    else if (ret->pinned)
        leave_rest(host, n, ret);
    return true;
}

char *
placement_say(const Placement *p, unsigned n)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; p->pinned && i < n; i++)
        g_string_append_printf(text, "%sCPU %u on %u", i > 0 ? ", " : "", i,
                               p->vcpus[i]);
    if (!p->pinned)
        g_string_append(text, "CPUs anywhere");
    g_string_append(text, p->n_io > 0 ? "; devices on " : "");
    for (unsigned i = 0; i < p->n_io; i++)
        g_string_append_printf(text, "%s%u", i > 0 ? "," : "", p->io[i]);
    if (*p->why != '\0')
        g_string_append_printf(text, " (%s)", p->why);
    return g_string_free(text, FALSE);
}
