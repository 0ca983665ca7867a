/* app/sandbox/sandbox-signal.c - what happens at a refused system call.
 *
 * The filter stops the call and sends SIGSYS; here its name is written down,
 * and the call fails with EPERM, or the process ends. Whoever replaces this
 * handler gains nothing: the call has been stopped. Only what a signal handler
 * may call. */
#include "app/sandbox/sandbox-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define SECCOMP_CODE 1 /* SYS_SECCOMP of the kernel's siginfo */
/* Lines about harmless calls; a log must not be filled. */
#define MAX_LINES 64

static struct {
    struct sigaction before; /* that of fatal-signals.c */
    atomic_uint lines;
    bool strict; /* CARREL_SANDBOX=strict: every refusal ends the process */
} caught;

static gsize
add(char *line, gsize at, gsize size, const char *text)
{
    gsize len = MIN(strlen(text), size - at);

    memcpy(line + at, text, len);
    return at + len;
}

static const char *
name_of(int number, char digits[16])
{
    char *at = digits + 15;
    unsigned n = (unsigned) number;

    if (number >= 0 && (unsigned) number < sandbox_n_syscalls &&
        sandbox_syscalls[number] != NULL)
        return sandbox_syscalls[number];
    *at = '\0';
    do {
        *--at = (char) ('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return at;
}

static bool
is_deadly(const char *name)
{
    for (unsigned i = 0; i < sandbox_n_deadly; i++)
        if (strcmp(sandbox_deadly[i], name) == 0)
            return true;
    return false;
}

static void
report(const char *name, bool deadly)
{
    char line[128];
    gsize at = add(line, 0, sizeof line, "sandbox: the system call '");

    at = add(line, at, sizeof line, name);
    at = add(line, at, sizeof line,
             deadly ? "' is not for us: the process ends\n" : "' is refused\n");
    if (deadly || atomic_fetch_add_explicit(&caught.lines, 1,
                                            memory_order_relaxed) < MAX_LINES)
        (void) !write(STDERR_FILENO, line, at);
}

static void
on_sigsys(int number, siginfo_t *info, void *context)
{
    char digits[16];
    int saved = errno;

    if (info->si_code != SECCOMP_CODE) { /* somebody sent it */
        (void) sigaction(SIGSYS, &caught.before, NULL);
        (void) raise(number);
        return;
    }
    const char *name = name_of(info->si_syscall, digits);
    bool deadly = caught.strict || is_deadly(name);
    report(name, deadly);
#if defined(__x86_64__)
    if (!deadly) {
        ucontext_t *registers = context;
        registers->uc_mcontext.gregs[REG_RAX] = -EPERM;
        errno = saved;
        return;
    }
#endif
    errno = saved;
    (void) sigaction(SIGSYS, &caught.before, NULL);
    (void) raise(number); /* blocked until we return */
}

void
sandbox_catch(void)
{
    struct sigaction action = {.sa_sigaction = on_sigsys,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};

    caught.strict = g_strcmp0(g_getenv("CARREL_SANDBOX"), "strict") == 0;
    (void) sigaction(SIGSYS, &action, &caught.before);
}
