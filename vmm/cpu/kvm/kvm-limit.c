/* vmm/cpu/kvm/kvm-limit.c - lets a guest run a little at a time, and says how
 * long its own instructions took.
 *
 * A timer of the vCPU's thread sends the signal that interrupts KVM_RUN. It
 * repeats: a signal that comes just before the guest is entered is lost.
 * Source: Documentation/virt/kvm/api.rst, KVM_RUN and KVM_CAP_HALT_POLL;
 * timer_create(2). */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/core/sysutil.h"
#include "vmm/cpu/kvm/kvm-internal.h"

#ifndef sigev_notify_thread_id /* glibc before 2.36 names only the union */
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* What a visit to the guest costs at most beside its work: the first guess,
 * until a shorter visit was seen. */
#define OVERHEAD_NS 3000

/* A signal that came too early for KVM_RUN is sent once more. */
#define AGAIN_NS 1000000

static bool
limit_begin(CpuBackend *b, KvmVcpu *v)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = kvm_kick_signal()};
    /* a halted guest does nothing; waiting for its next interrupt in a loop
     * would be counted as its work */
    struct kvm_enable_cap polls = {.cap = KVM_CAP_HALT_POLL, .args = {0}};

    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, &v->limit.timer) < 0)
        return false;
    (void) kvm_ioctl(b->vm_fd, KVM_ENABLE_CAP, &polls); /* newer than 5.8 */
    v->limit.has_timer = true;
    v->limit.overhead = OVERHEAD_NS;
    return true;
}

static void
set_timer(KvmVcpu *v, gint64 ns)
{
    struct itimerspec spec = {
        .it_value.tv_sec = (time_t) (ns / NSEC_PER_SECOND),
        .it_value.tv_nsec = (long) (ns % NSEC_PER_SECOND),
    };

    if (ns != 0)
        spec.it_interval.tv_nsec = AGAIN_NS;
    (void) timer_settime(v->limit.timer, 0, &spec, NULL); /* it is ours */
}

bool
kvm_limit(CpuBackend *b, unsigned index, gint64 ns)
{
    KvmVcpu *v = &b->vcpus[index];

    if (!v->limit.has_timer && (ns == 0 || !limit_begin(b, v)))
        return ns == 0;
    set_timer(v, ns);
    v->limit.on = ns != 0;
    return true;
}

static gint64
thread_ns(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* always there */
    return (gint64) ts.tv_sec * NSEC_PER_SECOND + ts.tv_nsec;
}

/* The way into the guest and out is the host's; it is the same each time, and
 * what the shortest visit took. Old programs that write to a card at each
 * turn leave so often that they would stand still otherwise. */
int
kvm_limited_run(KvmVcpu *v)
{
    gint64 start = thread_ns();
    int ret = ioctl(v->fd, KVM_RUN, 0);
    int err = errno;
    gint64 took = thread_ns() - start;

    if (ret >= 0)
        v->limit.overhead = MIN(v->limit.overhead, took);
    if (took > v->limit.overhead)
        v->stats.guest_ns += (guint64) (took - v->limit.overhead);
    errno = err;
    return ret;
}

void
kvm_limit_end(KvmVcpu *v)
{
    if (v->limit.has_timer)
        timer_delete(v->limit.timer);
    v->limit.has_timer = v->limit.on = false;
}
