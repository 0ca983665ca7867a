/* session.c - see session.h. CARREL_UPDATE_GOLDEN=1 writes the golden files. */
#include "tests/ui/session.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/cu-main.h"

static int
child_main(const SessionOptions *o)
{
    FakeHostOptions host = o->host;
    TuiOptions options = {.attach = o->attach,
                          .ascii = o->ascii,
                          .read_only = o->read_only,
                          .refresh_ms = 3600 * 1000};

    g_setenv("TERM", o->term != NULL ? o->term : "xterm-256color", TRUE);
    g_setenv("LC_ALL", o->c_locale ? "C" : "C.UTF-8", TRUE);
    if (o->no_color != NULL)
        g_setenv("NO_COLOR", o->no_color, TRUE);
    else
        g_unsetenv("NO_COLOR");
    g_autofree char *dir = g_get_current_dir();
    host.log_dir = dir;
    return tui_run(&fake_host_ops, fake_host_new(&host), &options);
}

Session *
session_start(const SessionOptions *o, int rows, int cols)
{
    Session *s = g_new0(Session, 1);
    struct winsize ws = {.ws_row = (unsigned short) rows,
                         .ws_col = (unsigned short) cols};

    s->rows = rows;
    s->cols = cols;
    s->raw = g_string_new(NULL);
    s->vt = vterm_new(rows, cols);
    vterm_set_utf8(s->vt, 1);
    s->screen = vterm_obtain_screen(s->vt);
    vterm_screen_enable_altscreen(s->screen, 1);
    vterm_screen_reset(s->screen, 1);
    fflush(stdout);
    s->pid = forkpty(&s->fd, NULL, NULL, &ws);
    if (s->pid == 0)
        _exit(child_main(o));
    return s;
}

/* Takes what the program wrote within ms. False: nothing, or it has ended. */
bool
session_read(Session *s, int ms)
{
    struct pollfd p = {s->fd, POLLIN, 0};
    char buf[65536];

    if (s->ended || poll(&p, 1, ms) <= 0)
        return false;
    gssize n = read(s->fd, buf, sizeof buf);
    if (n <= 0) {
        s->ended = true;
        return false;
    }
    if (s->raw->len < RAW_MAX)
        g_string_append_len(s->raw, buf, n);
    vterm_input_write(s->vt, buf, (size_t) n);
    return true;
}

/* The program waits for something; on a loaded machine it may be silent only
 * because others have the processor. State R, or D in a read of a disk. */
static bool
is_waiting(const Session *s)
{
    g_autofree char *file = g_strdup_printf("/proc/%d/stat", (int) s->pid);
    g_autofree char *text = NULL;

    if (s->pid <= 0 || !g_file_get_contents(file, &text, NULL, NULL))
        return true; /* it has ended */
    /* the name before it may have any character */
    const char *state = strrchr(text, ')');
    return state == NULL || strlen(state) < 3 || strchr("RD", state[2]) == NULL;
}

/* It has taken its keys and drawn what follows: silent and waiting. */
void
session_settle(Session *s)
{
    gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

    for (bool waited = false; g_get_monotonic_time() < until;) {
        bool said = session_read(s, QUIET_MS);
        bool waits = is_waiting(s);
        if (!said && waited && waits)
            return;
        waited = waits;
        if (s->ended)
            return;
    }
}

char *
session_text(Session *s)
{
    GString *out = g_string_new(NULL);
    VTermPos cursor = {0, 0};

    for (int y = 0; y < s->rows; y++) {
        gsize start = out->len;
        for (int x = 0; x < s->cols; x++) {
            VTermScreenCell cell = {0};
            VTermPos pos = {y, x};
            vterm_screen_get_cell(s->screen, pos, &cell);
            if (cell.chars[0] != (uint32_t) -1)
                g_string_append_unichar(out,
                                        cell.chars[0] ? cell.chars[0] : ' ');
        }
        while (out->len > start && out->str[out->len - 1] == ' ')
            g_string_truncate(out, out->len - 1);
        g_string_append_c(out, '\n');
    }
    vterm_state_get_cursorpos(vterm_obtain_state(s->vt), &cursor);
    g_string_append_printf(out, "cursor %d,%d\n", cursor.row, cursor.col);
    return g_string_free(out, FALSE);
}

bool
session_wait_text(Session *s, const char *want)
{
    gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

    while (g_get_monotonic_time() < until) {
        g_autofree char *text = session_text(s);
        if (strstr(text, want) != NULL)
            return true;
        if (!session_read(s, 50) && s->ended)
            break;
    }
    g_autofree char *text = session_text(s);
    printf("# waited for '%s', have:\n%s", want, text);
    return false;
}

void
session_send(Session *s, const char *keys)
{
    gssize len = (gssize) strlen(keys);

    if (write(s->fd, keys, (size_t) len) != len)
        printf("# cannot send keys: %s\n", strerror(errno));
}

void
session_resize(Session *s, int rows, int cols)
{
    struct winsize ws = {.ws_row = (unsigned short) rows,
                         .ws_col = (unsigned short) cols};

    s->rows = rows;
    s->cols = cols;
    vterm_set_size(s->vt, rows, cols);
    ioctl(s->fd, TIOCSWINSZ, &ws);
}

/* Waits until the program ended; its exit code, 128 + signal, -1: it hangs. */
int
session_wait_end(Session *s)
{
    gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

    while (g_get_monotonic_time() < until) {
        (void) session_read(s, 20);
        if (waitpid(s->pid, &s->status, WNOHANG) == s->pid) {
            session_settle(s);
            s->pid = 0;
            return WIFEXITED(s->status) ? WEXITSTATUS(s->status)
                                        : 128 + WTERMSIG(s->status);
        }
    }
    return -1;
}

void
session_end(Session *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &s->status, 0);
    }
    close(s->fd);
    vterm_free(s->vt);
    g_string_free(s->raw, TRUE);
    g_free(s);
}

static char *
golden_file(const char *name)
{
    g_autofree char *base = g_strconcat(name, ".txt", NULL);

    return g_build_filename(g_getenv("CARREL_GOLDEN_DIR"), base, NULL);
}

/* The screen becomes what the golden file says, and soon. */
void
check_golden(Session *s, const char *name)
{
    g_autofree char *file = golden_file(name);
    g_autofree char *want = NULL;
    gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;

    if (g_getenv("CARREL_UPDATE_GOLDEN") != NULL) {
        session_settle(s);
        session_settle(s);
        g_autofree char *have = session_text(s);
        CU_ASSERT_TRUE(g_file_set_contents(file, have, -1, NULL));
        return;
    }
    if (!g_file_get_contents(file, &want, NULL, NULL)) {
        printf("# no golden file %s\n", file);
        CU_FAIL("golden file is missing");
        return;
    }
    while (g_get_monotonic_time() < until && !s->ended) {
        g_autofree char *have = session_text(s);
        if (strcmp(have, want) == 0)
            return;
        (void) session_read(s, 50);
    }
    g_autofree char *have = session_text(s);
    printf("# screen differs from %s; it is:\n%s", file, have);
    CU_FAIL("screen differs from its golden file");
}

/* Starts at both sizes, plays keys (one string a step), compares. */
void
check_screen(const SessionOptions *o, const char *name, const char *const *keys,
             const char *ready)
{
    static const int sizes[][2] = {{24, 80}, {43, 132}};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Session *s = session_start(o, sizes[i][0], sizes[i][1]);
        g_autofree char *golden =
            g_strdup_printf("%s-%dx%d", name, sizes[i][1], sizes[i][0]);

        CU_ASSERT_TRUE(session_wait_text(s, ready));
        for (const char *const *k = keys; *k != NULL; k++) {
            session_send(s, *k);
            session_settle(s);
        }
        check_golden(s, golden);
        session_end(s);
    }
}
