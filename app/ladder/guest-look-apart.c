/* app/ladder/guest-look-apart.c - a look into a guest's disk in a child process
 * that can only read the image and answer in a piece of shared memory, with
 * bounded memory and time (share/doc/security.md). Whatever becomes of the
 * child, and whatever it answers, the look is one: at worst nothing is known. */
#include "app/ladder/guest-look.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/sandbox/sandbox-roles.h"
#include "vmm/core/sysutil.h"

/* A look holds up who waits for it, and its disk is made by the guest. Some
 * RAM disks of a distribution have 300 MiB unpacked. */
#define LOOK_BYTES  (G_GUINT64_CONSTANT(1) << 30)
#define LOOK_MS     5000
#define LOOK_SPARE  2000 /* ms; then the child is ended */
#define MAX_TEXT    (64u << 10)
#define MAX_SAYINGS 200u

/* Written by the child, believed by nobody. */
typedef struct {
    guint32 kind, n_initrds, n_configs, text_len;
    guint8 encrypted, cut_short;
    struct {
        guint8 in_initrd, in_kernel, is_module, missing_in_initrd;
    } modules[N_MODULES];
    char text[MAX_TEXT]; /* the name and the facts, each with its NUL */
    guint8 done;
} Answer;

/* ---- the child ---- */

static void
put_text(Answer *a, const char *text)
{
    gsize len = strlen(text) + 1;

    if (len > MAX_TEXT - a->text_len)
        return;
    memcpy(a->text + a->text_len, text, len);
    a->text_len += (guint32) len;
}

static void
put_look(Answer *a, const GuestLook *look)
{
    a->kind = look->kind;
    a->n_initrds = look->n_initrds;
    a->n_configs = look->n_configs;
    a->encrypted = look->encrypted;
    a->cut_short = look->cut_short;
    for (unsigned i = 0; i < N_MODULES; i++) {
        a->modules[i].in_initrd = look->modules[i].in_initrd;
        a->modules[i].in_kernel = look->modules[i].in_kernel;
        a->modules[i].is_module = look->modules[i].is_module;
        a->modules[i].missing_in_initrd = look->modules[i].missing_in_initrd;
    }
    put_text(a, look->name);
    for (guint i = 0; i < look->facts->len; i++)
        put_text(a, g_ptr_array_index(look->facts, i));
    a->done = 1;
}

/* Those that are loaded when they are wanted; nothing can be opened later. */
static void
load_libraries(void)
{
    (void) sys_late_function("libzstd.so.1", "ZSTD_isError");
    (void) sys_late_function("liblzma.so.5", "lzma_code");
    (void) sys_late_function("liblz4.so.1", "LZ4_versionNumber");
    guest_look_ext_load();
}

static void G_GNUC_NORETURN
look_apart(BlockImage *image, GuestLookFn *look_at, guint ms, Answer *answer)
{
    const LookBudget budget = look_budget_new(LOOK_BYTES, ms);
    g_autoptr(GError) error = NULL;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    load_libraries();
    bool confined = sandbox_role_look(&error);
    GuestLook *look = look_at(image, &budget);
    if (!confined)
        guest_look_fact(look, "it was looked at without all of the sandbox: %s",
                        error->message);
    put_look(answer, look);
    _exit(0);
}

/* ---- the parent ---- */

static void
wait_for(pid_t pid, guint ms)
{
    CARREL_AUTO_FD int fd = (int) syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};

    /* without it (Linux before 5.3) the limit of processor time counts */
    if (fd >= 0 && SYS_RETRY(poll(&ended, 1, (int) (ms + LOOK_SPARE))) == 0)
        (void) kill(pid, SIGKILL); /* it may have ended just now */
    (void) SYS_RETRY(waitpid(pid, NULL, 0));
}

static void
take_texts(GuestLook *look, const Answer *a)
{
    guint32 at = 0, len = MIN(a->text_len, MAX_TEXT);

    for (unsigned n = 0; at < len && n < MAX_SAYINGS; n++) {
        gsize size = strnlen(a->text + at, len - at);
        char *text = g_utf8_make_valid(a->text + at, (gssize) size);
        at += (guint32) size + 1;
        if (n > 0) {
            g_ptr_array_add(look->facts, text);
            continue;
        }
        g_free(look->name);
        look->name = text;
    }
}

static void
take_look(GuestLook *look, const Answer *a)
{
    look->kind = a->kind <= GUEST_DOS ? (GuestKind) a->kind : GUEST_UNKNOWN;
    look->n_initrds = a->n_initrds;
    look->n_configs = a->n_configs;
    look->encrypted = a->encrypted != 0;
    look->cut_short = a->cut_short != 0;
    for (unsigned i = 0; i < N_MODULES; i++)
        look->modules[i] = (GuestModule){
            .in_initrd = a->modules[i].in_initrd != 0,
            .in_kernel = a->modules[i].in_kernel != 0,
            .is_module = a->modules[i].is_module != 0,
            .missing_in_initrd = a->modules[i].missing_in_initrd != 0};
    take_texts(look, a);
}

static GuestLook *
look_by_child(BlockImage *image, GuestLookFn *look_at, guint ms, Answer *answer,
              GError **error)
{
    const LookBudget none = {0};
    pid_t pid = fork();

    if (pid == 0)
        look_apart(image, look_at, ms, answer);
    if (pid < 0) {
        sys_error(error, errno, "cannot start a process that looks into it");
        return NULL;
    }
    wait_for(pid, ms);
    GuestLook *look = guest_look_new(&none);
    if (answer->done) {
        take_look(look, answer);
        return look;
    }
    look->cut_short = true;
    guest_look_fact(look, "the look into it ended before it was done: its file "
                          "system is damaged, or made to do harm");
    return look;
}

GuestLook *
guest_look(const BlockSpec *spec, GError **error)
{
    return guest_look_apart(spec, guest_look_image, LOOK_MS, error);
}

GuestLook *
guest_look_apart(const BlockSpec *spec, GuestLookFn *look_at, guint ms,
                 GError **error)
{
    GuestLook *look = NULL;
    BlockSpec how = *spec;

    how.read_only = true;
    BlockImage *image = block_image_open(&how, error);
    if (image == NULL)
        return NULL;
    Answer *answer = mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (answer == MAP_FAILED)
        sys_error(error, errno, "no memory for a look into it");
    else
        look = look_by_child(image, look_at, ms, answer, error);
    if (answer != MAP_FAILED)
        (void) munmap(answer, sizeof *answer); /* cannot fail: it is ours */
    (void) block_image_close(image);           /* only read from */
    return look;
}
