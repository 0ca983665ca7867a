/* app/session/fatal-signals.c - a note of the signal that ended a machine's
 * process. */
#include "app/session/fatal-signals.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/session/session-dir.h"

#define STACK_BYTES (64 * 1024)

/* gcc says it with a macro, clang with a feature. The sanitizer reports these
 * signals itself. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif

/* Opened before anything can go wrong: a signal handler must not open. */
static int signal_note_fd = -1;

static const struct {
    int number;
    const char *text;
} texts[] = {{SIGSEGV, "SIGSEGV\n"}, {SIGBUS, "SIGBUS\n"},
             {SIGILL, "SIGILL\n"},   {SIGFPE, "SIGFPE\n"},
             {SIGABRT, "SIGABRT\n"}, {SIGSYS, "SIGSYS\n"}};

static void
on_fatal_signal(int number)
{
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].number == number)
            (void) !write(signal_note_fd, texts[i].text, strlen(texts[i].text));
    }
    raise(number); /* SA_RESETHAND: now with the default action */
}

void
fatal_signals_catch(const char *name)
{
    g_autofree char *dir = session_state_dir(name);
    g_autofree char *file = g_build_filename(dir, "signal", NULL);
    struct sigaction action = {.sa_handler = on_fatal_signal,
                               .sa_flags =
                                   SA_RESETHAND | SA_NODEFER | SA_ONSTACK};

    signal_note_fd =
        open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    for (gsize i = 0; !SANITIZED && i < G_N_ELEMENTS(texts); i++)
        sigaction(texts[i].number, &action, NULL);
}

void
fatal_signals_stack(void)
{
    stack_t stack = {.ss_size = STACK_BYTES};

    if (SANITIZED)
        return;
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp != MAP_FAILED)
        (void) sigaltstack(&stack, NULL); /* without it there is no note */
}
