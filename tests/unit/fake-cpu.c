/* tests/unit/fake-cpu.c - see fake-cpu.h. */
#include "tests/unit/fake-cpu.h"

#include <errno.h>
#include <sched.h>

struct CpuBackend {
    GMutex lock; /* L2 guards all below */
    GCond cond;
    bool kicked[2];
    CpuExit next[2]; /* CPU_EXIT_CONTINUE: nothing to report */
    unsigned runs, resets;
    guint64 entry; /* where CPU 0 was told to start */
};

static CpuBackend *
fake_open(const CpuConfig *config, IoSpace *ports, IoSpace *mmio,
          GError **error)
{
    CpuBackend *b = g_new0(CpuBackend, 1);

    g_mutex_init(&b->lock);
    g_cond_init(&b->cond);
    return b;
}

static void
fake_close(CpuBackend *b)
{
    g_mutex_clear(&b->lock);
    g_cond_clear(&b->cond);
    g_free(b);
}

static bool
fake_init(CpuBackend *b, unsigned i, GError **error)
{
    return true;
}

int
fake_cpu_only(void)
{
    cpu_set_t set;
    int only = -1;

    if (sched_getaffinity(0, sizeof set, &set) < 0 || CPU_COUNT(&set) != 1)
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        only = CPU_ISSET((size_t) i, &set) ? i : only;
    return only;
}

gint fake_cpu_on[2];

CpuExit
fake_cpu_run(CpuBackend *b, unsigned i)
{
    g_atomic_int_set(&fake_cpu_on[i], fake_cpu_only() + 1);
    g_mutex_lock(&b->lock);
    b->runs++;
    g_cond_broadcast(&b->cond);
    while (!b->kicked[i] && b->next[i] == CPU_EXIT_CONTINUE)
        g_cond_wait(&b->cond, &b->lock);
    CpuExit exit =
        b->next[i] != CPU_EXIT_CONTINUE ? b->next[i] : CPU_EXIT_KICKED;
    b->next[i] = CPU_EXIT_CONTINUE;
    b->kicked[i] = false;
    g_mutex_unlock(&b->lock);
    return exit;
}

static void
fake_kick(CpuBackend *b, unsigned i)
{
    g_mutex_lock(&b->lock);
    b->kicked[i] = true;
    g_cond_broadcast(&b->cond);
    g_mutex_unlock(&b->lock);
}

static void
fake_settle(CpuBackend *b, unsigned i)
{
}

static bool
fake_reset(CpuBackend *b, GError **error)
{
    b->resets++;
    return true;
}

/* As if a guest had run its whole slice each time. */
static guint64 guest_ns[2];
gint64 fake_cpu_slice[2];

static bool
fake_limit(CpuBackend *b, unsigned i, gint64 ns)
{
    g_mutex_lock(&b->lock);
    fake_cpu_slice[i] = ns;
    guest_ns[i] += (guint64) ns;
    b->kicked[i] = b->kicked[i] || ns != 0; /* the timer */
    g_mutex_unlock(&b->lock);
    return true;
}

static bool
fake_entry(CpuBackend *b, const CpuEntry *entry, GError **error)
{
    b->entry = entry->rip;
    return true;
}

static bool
fake_regs(CpuBackend *b, unsigned i, CpuRegs *ret)
{
    return false;
}

static char *
fake_report(CpuBackend *b, unsigned i)
{
    return g_strdup_printf("CPU %u: made-up failure\n", i);
}

static CpuStats
fake_stats(CpuBackend *b, unsigned i)
{
    g_mutex_lock(&b->lock);
    CpuStats stats = {.guest_ns = guest_ns[i]};
    g_mutex_unlock(&b->lock);
    return stats;
}

static char *
fake_describe(CpuBackend *b)
{
    return g_strdup("fake");
}

static void
fake_clock(CpuBackend *b)
{
}

int fake_cpu_group = -1;

static int
fake_group(CpuBackend *b, int group_fd, bool add)
{
    if (add && fake_cpu_group == group_fd)
        return -EEXIST;
    if (!add && fake_cpu_group != group_fd)
        return -ENOENT;
    fake_cpu_group = add ? group_fd : -1;
    return 0;
}

static int
fake_slot_set(void *backend, unsigned slot, Gpa gpa, guint64 len, void *host,
              bool read_only, bool log_dirty)
{
    return 0;
}

static int
fake_slot_clear(void *backend, unsigned slot)
{
    return 0;
}

static int
fake_level(void *backend, unsigned pin, bool level)
{
    return 0;
}

static int
fake_msi(void *backend, guint64 address, guint32 data)
{
    return 0;
}

static int
fake_eventfd(void *backend, IoKind kind, guint64 addr, unsigned size,
             const guint64 *match, int fd, bool add)
{
    return 0;
}

static const MemBackendOps mem_ops = {fake_slot_set, fake_slot_clear, NULL};
static const IrqBackendOps irq_ops = {.set_level = fake_level,
                                      .send_msi = fake_msi};
static const IoBackendOps io_ops = {fake_eventfd};

const CpuBackendOps fake_cpu_ops = {
    .name = "fake",
    .open = fake_open,
    .close = fake_close,
    .mem = &mem_ops,
    .irq = &irq_ops,
    .io = &io_ops,
    .vcpu_init = fake_init,
    .vcpu_done = fake_settle,
    .vcpu_run = fake_cpu_run,
    .vcpu_kick = fake_kick,
    .vcpu_limit = fake_limit,
    .vcpu_settle = fake_settle,
    .reset = fake_reset,
    .set_entry = fake_entry,
    .get_regs = fake_regs,
    .report = fake_report,
    .stats = fake_stats,
    .describe = fake_describe,
    .clock_stop = fake_clock,
    .clock_start = fake_clock,
    .set_vfio_group = fake_group,
};
