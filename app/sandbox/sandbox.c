/* app/sandbox/sandbox.c - see sandbox.h: filters for the kernel, made at build time. */
#include "app/sandbox/sandbox-internal.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/core/sysutil.h"

void
sandbox_limit_memory(guint64 bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};

    /* what only this process has; libraries are not counted */
    (void) setrlimit(RLIMIT_DATA, &limit); /* a lower one that is set stays */
}

#if CARREL_HAVE_SECCOMP && !SANDBOX_SANITIZED

#include <linux/seccomp.h>

/* The copy is this process's: where the tables mean it, its number stands. */
static struct sock_filter *
own_filter(const SandboxFilter *filter)
{
    struct sock_filter *own =
        g_memdup2(filter->code, filter->n * sizeof *filter->code);

    for (unsigned i = 0; i < filter->n; i++)
        if (own[i].k == SANDBOX_OWN_MARK)
            own[i].k = (guint32) getpid();
    return own;
}

bool
sandbox_enter(SandboxClass kind, GError **error)
{
    const SandboxFilter *filter = &sandbox_filters[kind];
    g_autofree struct sock_filter *own = own_filter(filter);
    struct sock_fprog program = {.len = (unsigned short) filter->n,
                                 .filter = own};

    sandbox_catch();
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* else it is for root */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                   SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ||
           sys_error(error, errno,
                     "the kernel takes no filter of system calls");
}

#else

bool
sandbox_enter(SandboxClass kind, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                "this program was built %s",
                SANDBOX_SANITIZED ? "with a sanitizer" : "without libseccomp");
    return false;
}

#endif
