/* vmm/cpu/kvm/kvm.c - the KVM backend: opening, vCPUs, running, kicking. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"
#include "vmm/cpu/cpu-model.h"
#include "vmm/cpu/cpu-speed.h"
#include "vmm/cpu/kvm/kvm-internal.h"

/* Three pages that Intel's real mode needs, and one for its page table: right
 * below the firmware, where no PCI window reaches. */
#define KVM_IDENTITY_MAP 0xfeffc000u
#define KVM_TSS_ADDR     0xfeffd000u

#define KVM_VCPU_LIMIT   64u

int
kvm_ioctl(int fd, unsigned long request, void *arg)
{
    return SYS_RETRY(ioctl(fd, request, arg));
}

int
kvm_check(CpuBackend *b, int capability)
{
    int ret = ioctl(b->vm_fd, KVM_CHECK_EXTENSION, capability);

    return MAX(ret, 0);
}

/* ---- kicking ---- */

int
kvm_kick_signal(void)
{
    return SIGRTMIN;
}

static void
kick_handler(int sig)
{
    /* only has to interrupt KVM_RUN */
}

static void
install_kick_handler(void)
{
    struct sigaction sa = {.sa_handler = kick_handler};

    sigemptyset(&sa.sa_mask);
    sigaction(kvm_kick_signal(), &sa, NULL);
}

/* Interrupts the guest if it is inside right now. */
static void
vcpu_nudge(CpuBackend *b, unsigned index)
{
    KvmVcpu *v = &b->vcpus[index];

    g_mutex_lock(&v->kick_lock);
    if (v->has_thread)
        pthread_kill(v->thread, kvm_kick_signal());
    g_mutex_unlock(&v->kick_lock);
}

static void
vcpu_kick(CpuBackend *b, unsigned index)
{
    __atomic_store_n(&b->vcpus[index].run->immediate_exit, 1, __ATOMIC_RELEASE);
    vcpu_nudge(b, index);
}

/* ---- opening ---- */

static bool
open_error(const char *path, int err, GError **error)
{
    if (err == EACCES || err == EPERM)
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_PERMISSION,
                    "%s: permission denied; run 'sudo usermod -aG kvm $USER' "
                    "and log in again",
                    path);
    else if (err == EMFILE || err == ENFILE)
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_NO_KVM,
                    "%s: %s; raise the limit (ulimit -n)", path,
                    g_strerror(err));
    else if (err == ENOENT || err == ENODEV || err == ENXIO)
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_NO_KVM,
                    "%s: %s; switch on virtualization (VT-x or AMD-V) in the "
                    "firmware set-up and load kvm_intel or kvm_amd",
                    path, g_strerror(err));
    else
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_NO_KVM,
                    "%s: %s; KVM's device is /dev/kvm, unless "
                    "CARREL_KVM_DEVICE names another",
                    path, g_strerror(err));
    return false;
}

static bool
open_kvm(CpuBackend *b, GError **error)
{
    const char *path = g_getenv("CARREL_KVM_DEVICE");

    path = path != NULL ? path : "/dev/kvm";
    b->kvm_fd = open(path, O_RDWR | O_CLOEXEC);
    if (b->kvm_fd < 0)
        return open_error(path, errno, error);
    if (ioctl(b->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_NO_KVM,
                    "%s: not a KVM device of API version %d; unset "
                    "CARREL_KVM_DEVICE to use /dev/kvm",
                    path, KVM_API_VERSION);
        return false;
    }
    b->vm_fd = SYS_RETRY(ioctl(b->kvm_fd, KVM_CREATE_VM, 0));
    if (b->vm_fd < 0)
        return sys_error(error, errno, "%s: cannot create a machine", path);
    return true;
}

static bool
set_addresses(CpuBackend *b, GError **error)
{
    guint64 identity = KVM_IDENTITY_MAP;

    if (kvm_ioctl(b->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
        ioctl(b->vm_fd, KVM_SET_TSS_ADDR, KVM_TSS_ADDR) < 0)
        return sys_error(error, errno, "KVM refused the TSS address");
    return true;
}

static bool
create_vcpu(CpuBackend *b, unsigned index, GError **error)
{
    KvmVcpu *v = &b->vcpus[index];

    v->fd = (int) SYS_RETRY(
        ioctl(b->vm_fd, KVM_CREATE_VCPU, (unsigned long) index));
    if (v->fd < 0)
        return sys_error(error, errno, "KVM cannot create CPU %u", index);
    void *run =
        mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (run == MAP_FAILED)
        return sys_error(error, errno, "cannot map the state of CPU %u", index);
    v->run = run;
    return true;
}

static bool
create_vcpus(CpuBackend *b, GError **error)
{
    int size = ioctl(b->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    if (size < (int) sizeof(struct kvm_run))
        return sys_error(error, errno, "KVM_GET_VCPU_MMAP_SIZE failed");
    b->run_size = (gsize) size;
    b->vcpus = g_new0(KvmVcpu, b->config.n_vcpus);
    for (unsigned i = 0; i < b->config.n_vcpus; i++) {
        b->vcpus[i].fd = -1;
        g_mutex_init(&b->vcpus[i].kick_lock);
    }
    for (unsigned i = 0; i < b->config.n_vcpus; i++)
        if (!create_vcpu(b, i, error))
            return false;
    return true;
}

/* A fixed TSC frequency needs hardware scaling unless it is the host's. */
static bool
set_tsc(CpuBackend *b, GError **error)
{
    int host = ioctl(b->vcpus[0].fd, KVM_GET_TSC_KHZ, 0);
    guint32 want = b->config.tsc_khz;

    b->tsc_khz = host > 0 ? (guint32) host : 0;
    if (want == 0 || want == b->tsc_khz)
        return true;
    for (unsigned i = 0; i < b->config.n_vcpus; i++) {
        if (!kvm_check(b, KVM_CAP_TSC_CONTROL) ||
            ioctl(b->vcpus[i].fd, KVM_SET_TSC_KHZ, (unsigned long) want) < 0) {
            g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_UNSUPPORTED,
                        "tsc-khz = %u: this host cannot scale the time stamp "
                        "counter (it runs at %d kHz); remove the setting",
                        want, host);
            return false;
        }
    }
    b->tsc_khz = want;
    return true;
}

static void
enable_options(CpuBackend *b)
{
    /* the instruction that could not be emulated comes with the exit */
    struct kvm_enable_cap cap = {.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE,
                                 .args = {1}};

    if (kvm_check(b, KVM_CAP_EXIT_ON_EMULATION_FAILURE))
        (void) kvm_ioctl(b->vm_fd, KVM_ENABLE_CAP, &cap); /* report is poorer */
}

static bool
check_config(const CpuConfig *config, GError **error)
{
    if (!cpu_model_exists(config->model)) {
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_UNSUPPORTED,
                    "CPU model '%s' is unknown", config->model);
        return false;
    }
    if (config->n_vcpus < 1 || config->n_vcpus > KVM_VCPU_LIMIT) {
        g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_UNSUPPORTED,
                    "%u CPUs: must be 1..%u", config->n_vcpus, KVM_VCPU_LIMIT);
        return false;
    }
    return true;
}

static void
kvm_close(CpuBackend *b)
{
    if (b == NULL)
        return;
    kvm_late_irq_free(b->late);
    kvm_free_pristine(b);
    for (unsigned i = 0; b->vcpus != NULL && i < b->config.n_vcpus; i++) {
        KvmVcpu *v = &b->vcpus[i];
        if (v->run != NULL)
            munmap(v->run, b->run_size);
        sys_close(&v->fd);
        g_mutex_clear(&v->kick_lock);
        g_free(v->error);
    }
    g_free(b->vcpus);
    sys_close(&b->vfio_fd);
    sys_close(&b->vm_fd);
    sys_close(&b->kvm_fd);
    g_mutex_clear(&b->route_lock);
    g_mutex_clear(&b->posted_lock);
    g_free(b->model_name);
    g_free(b->hv_vendor);
    g_free(b);
}

static CpuBackend *
kvm_open(const CpuConfig *config, IoSpace *ports, IoSpace *mmio, GError **error)
{
    if (!check_config(config, error))
        return NULL;
    CpuBackend *b = g_new0(CpuBackend, 1);

    b->kvm_fd = b->vm_fd = b->vfio_fd = -1;
    b->config = *config;
    b->model_name = g_strdup(config->model);
    b->config.model = b->model_name;
    b->hv_vendor = g_strdup(config->hv_vendor != NULL ? config->hv_vendor : "");
    b->config.hv_vendor = b->hv_vendor;
    b->ports = ports;
    b->mmio = mmio;
    g_mutex_init(&b->route_lock);
    g_mutex_init(&b->posted_lock);
    install_kick_handler();
    if (open_kvm(b, error) && set_addresses(b, error) &&
        kvm_create_irqchip(b, error) && create_vcpus(b, error) &&
        set_tsc(b, error) && kvm_hyperv_enable(b, error) &&
        kvm_set_cpuid(b, error) && kvm_save_pristine(b, error)) {
        enable_options(b);
        if (kvm_host_emulates())
            b->late = kvm_late_irq_new(b, vcpu_nudge);
        return b;
    }
    kvm_close(b);
    return NULL;
}

/* ---- running ---- */

static bool
vcpu_init(CpuBackend *b, unsigned index, GError **error)
{
    KvmVcpu *v = &b->vcpus[index];
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, kvm_kick_signal());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    g_mutex_lock(&v->kick_lock);
    v->thread = pthread_self();
    v->has_thread = true;
    g_mutex_unlock(&v->kick_lock);
    return true;
}

static void
vcpu_done(CpuBackend *b, unsigned index)
{
    KvmVcpu *v = &b->vcpus[index];

    kvm_limit_end(v);
    g_mutex_lock(&v->kick_lock);
    v->has_thread = false;
    g_mutex_unlock(&v->kick_lock);
}

static CpuExit
vcpu_run(CpuBackend *b, unsigned index)
{
    KvmVcpu *v = &b->vcpus[index];
    CpuExit result = CPU_EXIT_CONTINUE;

    while (result == CPU_EXIT_CONTINUE) {
        int ret = v->limit.on ? kvm_limited_run(v) : ioctl(v->fd, KVM_RUN, 0);
        if (ret < 0)
            return kvm_handle_errno(b, index, errno);
        result = kvm_handle_exit(b, index);
    }
    return result;
}

static void
vcpu_settle(CpuBackend *b, unsigned index)
{
    KvmVcpu *v = &b->vcpus[index];

    /* KVM finishes the pending port or MMIO access on entry, then leaves */
    __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELEASE);
    (void) ioctl(v->fd, KVM_RUN, 0); /* always EINTR */
    kvm_flush_posted(b);
    __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELEASE);
}

static CpuStats
vcpu_stats(CpuBackend *b, unsigned index)
{
    return b->vcpus[index].stats; /* counters; a torn read is harmless */
}

/* What KVM's instruction emulator does in a second, on the fastest host seen;
 * even a 286 is as fast. */
#define EMULATOR_KIPS 4600

static guint32
kips(CpuBackend *b)
{
    return kvm_host_emulates() ? EMULATOR_KIPS : cpu_speed_host_kips();
}

static char *
describe(CpuBackend *b)
{
    return g_strdup_printf("KVM, CPU model %s, %u CPU%s, TSC %u kHz, "
                           "interrupt controllers in the kernel%s%s",
                           b->config.model, b->config.n_vcpus,
                           b->config.n_vcpus == 1 ? "" : "s", b->tsc_khz,
                           b->config.hyperv ? ", Hyper-V's interface" : "",
                           b->late != NULL ? "; the host emulates the guest's "
                                             "instructions (no VT-x or AMD-V)"
                                           : "");
}

static void
clock_stop(CpuBackend *b)
{
    if (kvm_ioctl(b->vm_fd, KVM_GET_CLOCK, &b->clock) < 0)
        b->clock.clock = 0;
}

static void
clock_start(CpuBackend *b)
{
    struct kvm_clock_data clock = {.clock = b->clock.clock};

    if (clock.clock == 0)
        return;
    (void) kvm_ioctl(b->vm_fd, KVM_SET_CLOCK, &clock); /* guest sees a jump */
    for (unsigned i = 0; i < b->config.n_vcpus; i++)
        (void) ioctl(b->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0); /* no kvmclock */
}

/* Documentation/virt/kvm/devices/vfio.rst */
static int
set_vfio_group(CpuBackend *b, int group_fd, bool add)
{
    gint32 fd = group_fd;
    struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};
    struct kvm_device_attr attr = {
        .group = KVM_DEV_VFIO_GROUP,
        .attr = add ? KVM_DEV_VFIO_GROUP_ADD : KVM_DEV_VFIO_GROUP_DEL,
        .addr = GPOINTER_TO_SIZE(&fd),
    };

    if (b->vfio_fd < 0 && !add)
        return -ENOENT;
    if (b->vfio_fd < 0) {
        if (kvm_ioctl(b->vm_fd, KVM_CREATE_DEVICE, &device) < 0)
            return -errno;
        b->vfio_fd = (int) device.fd;
    }
    return kvm_ioctl(b->vfio_fd, KVM_SET_DEVICE_ATTR, &attr) < 0 ? -errno : 0;
}

const CpuBackendOps kvm_backend_ops = {
    .name = "kvm",
    .open = kvm_open,
    .close = kvm_close,
    .mem = &kvm_mem_ops,
    .irq = &kvm_irq_ops,
    .io = &kvm_io_ops,
    .vcpu_init = vcpu_init,
    .vcpu_done = vcpu_done,
    .vcpu_run = vcpu_run,
    .vcpu_kick = vcpu_kick,
    .vcpu_limit = kvm_limit,
    .vcpu_settle = vcpu_settle,
    .reset = kvm_reset,
    .set_entry = kvm_set_entry,
    .get_regs = kvm_get_regs,
    .report = kvm_report,
    .stats = vcpu_stats,
    .kips = kips,
    .describe = describe,
    .clock_stop = clock_stop,
    .clock_start = clock_start,
    .speaker = kvm_speaker,
    .mute_timer = kvm_mute_timer,
    .set_vfio_group = set_vfio_group,
};
