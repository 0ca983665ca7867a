/* app/verbs/console.c - carrel console NAME: its screen (the terminal
 * interface), a serial port or virtio console as raw bytes, or its log; carrel view NAME: where a
 * VNC viewer connects. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "app/verbs/logs.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "vmm/core/sysutil.h"

#define ESCAPE_KEY 0x1d /* Ctrl-] */
#define ATTACH_MS  10000

typedef struct {
    int guest; /* the port's stream */
    bool tty;
    bool escaped; /* Ctrl-] was typed */
    bool done;
} Proxy;

/* What the keyboard says, without the escapes; replies on the terminal. */
static gsize
take_keys(Proxy *proxy, char *keys, gsize len)
{
    gsize kept = 0;
    for (gsize i = 0; i < len; i++) {
        char c = keys[i];
        if (!proxy->tty) {
            keys[kept++] = c;
        } else if (proxy->escaped) {
            proxy->escaped = false;
            if (c == 'd' || c == 'q' || c == '.')
                proxy->done = true;
            else if (c == ESCAPE_KEY || c == ']')
                keys[kept++] = ESCAPE_KEY;
            else
                fputs("\r\n[Ctrl-] then d: detach, ]: send Ctrl-]]\r\n",
                      stderr);
        } else if (c == ESCAPE_KEY) {
            proxy->escaped = true;
        } else {
            keys[kept++] = c;
        }
    }
    return kept;
}

/* False: this side has ended. */
static bool
copy_once(Proxy *proxy, int from, int to, bool keys)
{
    char chunk[4096];
    ssize_t n = SYS_RETRY(read(from, chunk, sizeof chunk));
    if (n <= 0)
        return false;
    gsize len = keys ? take_keys(proxy, chunk, (gsize) n) : (gsize) n;
    return sys_write_all(to, chunk, len);
}

static void
run_proxy(Proxy *proxy, int signal_fd)
{
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0},
                           {proxy->guest, POLLIN, 0},
                           {signal_fd, POLLIN, 0}};
    while (!proxy->done) {
        if (SYS_RETRY(poll(fds, G_N_ELEMENTS(fds), -1)) < 0)
            return;
        if (fds[2].revents != 0)
            return;
        if (fds[1].revents != 0 &&
            !copy_once(proxy, proxy->guest, STDOUT_FILENO, false))
            return;
        if (fds[0].revents == 0)
            continue;
        if (!copy_once(proxy, STDIN_FILENO, proxy->guest, true)) {
            if (proxy->tty)
                return;
            fds[0].fd = -1; /* the script has sent all: go on reading */
        }
    }
}

/* The terminal is put back whatever signal ends us. */
static int
proxy_port(const App *app, const char *name, const char *what, int guest)
{
    Proxy proxy = {.guest = guest, .tty = isatty(STDIN_FILENO)};
    struct termios before, raw;
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    CARREL_AUTO_FD int signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    if (proxy.tty && tcgetattr(STDIN_FILENO, &before) == 0) {
        app_warn(app, "%s of %s; Ctrl-] then d detaches", what, name);
        raw = before;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        run_proxy(&proxy, signal_fd);
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        app_warn(app, "\ndetached; the machine goes on");
    } else {
        run_proxy(&proxy, signal_fd);
    }
    return EXIT_OK;
}

static int
open_port(const App *app, const char *name, const char *what, const char *op,
          int port)
{
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);
    if (client == NULL)
        return code;
    CARREL_AUTO_FD int fd = -1;
    JsonWriter *request = control_request(op);
    json_put_int(request, "port", port);
    g_autoptr(JsonNode) answer =
        control_client_call(client, request, ATTACH_MS, &fd, &error);
    if (answer == NULL)
        return running_fail(app, error);
    if (fd < 0)
        return app_fail(app, EXIT_FAILED, "failed", NULL, NULL,
                        "machine '%s' gave no stream of its %s", name, what);
    return proxy_port(app, name, what, fd);
}

int
console_serial(const App *app, const char *name, int port)
{
    return open_port(app, name, "serial port", "serial-attach", port);
}

int
verb_console(App *app, int argc, char **argv)
{
    gboolean serial = FALSE, virtio = FALSE, vga = FALSE, log = FALSE;
    int port = 0;
    const GOptionEntry entries[] = {
        {"serial", 's', 0, G_OPTION_ARG_NONE, &serial,
         "Raw bytes of a serial port (--serial=N for port N); Ctrl-] d "
         "detaches",
         NULL},
        {"virtio", 0, 0, G_OPTION_ARG_NONE, &virtio,
         "The same of a virtio console, hvc0 in Linux (--virtio=N for port N)",
         NULL},
        {"port", 'p', G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &port, NULL, "N"},
        {"vga", 0, 0, G_OPTION_ARG_NONE, &vga, "Its screen (default)", NULL},
        {"log", 'l', 0, G_OPTION_ARG_NONE, &log, "Its log, as it grows", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) split = running_split_serial(argv);
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, split, entries, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;

    if (log)
        return logs_print(app, args[0], "vmm", 20, true);
    if (serial)
        return console_serial(app, args[0], port);
    if (virtio)
        return open_port(app, args[0], "virtio console", "console-attach",
                         port);
    g_autoptr(ControlClient) client = running_open(app, args[0], &code);
    return client == NULL ? code : running_attach(app, args[0]);
}

/* "unix:/run/…/vnc.sock" or "tcp:HOST:PORT" in the viewer's own words. */
static char *
viewer_argument(const char *address)
{
    if (g_str_has_prefix(address, "unix:"))
        return g_strdup(address + strlen("unix:"));
    const char *host =
        g_str_has_prefix(address, "tcp:") ? address + strlen("tcp:") : address;
    const char *colon = strrchr(host, ':');
    if (colon == NULL)
        return g_strdup(host);
    return g_strdup_printf("%.*s::%s", (int) (colon - host), host, colon + 1);
}

/* For a shell; as it is when that needs no quotes. */
static char *
quote_word(const char *word)
{
    static const char safe[] =
        G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "/.,:_-+@%";

    return word[strspn(word, safe)] == '\0' ? g_strdup(word)
                                            : g_shell_quote(word);
}

static int
launch_viewer(const App *app, const char *address)
{
    g_autofree char *where = viewer_argument(address);
    const char *argv[] = {"vncviewer", where, NULL};
    g_autoptr(GError) error = NULL;

    if (g_spawn_async(NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
                      NULL, NULL, &error))
        return EXIT_OK;
    return app_fail(app, EXIT_HOST, "no-viewer",
                    "install tigervnc-viewer, or give any other viewer this "
                    "address",
                    NULL, "cannot start vncviewer for %s", where);
}

int
verb_view(App *app, int argc, char **argv)
{
    gboolean launch = FALSE, url = FALSE;
    const GOptionEntry entries[] = {{"launch", 'l', 0, G_OPTION_ARG_NONE,
                                     &launch, "Start vncviewer with it", NULL},
                                    {"url", 'u', 0, G_OPTION_ARG_NONE, &url,
                                     "Print the address alone", NULL},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    GError *error = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);
    if (code >= 0)
        return code;
    g_autoptr(ControlClient) client = running_open(app, args[0], &code);
    if (client == NULL)
        return code;
    g_autoptr(JsonNode) status = control_client_call(
        client, control_request("status"), ATTACH_MS, NULL, &error);
    if (status == NULL)
        return running_fail(app, error);
    const char *address = json_get_string(status, "view", "");
    if (*address == '\0')
        return app_fail(app, EXIT_STATE, "no-vnc",
                        "its screen is in `carrel console`; VNC needs "
                        "vnc.enabled=true and a restart",
                        NULL, "machine '%s' has no VNC server", args[0]);
    if (launch)
        return launch_viewer(app, address);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", args[0]);
        json_put_string(w, "address", address);
        app_print_json(w);
    } else if (url) {
        printf("%s\n", address);
    } else {
        g_autofree char *where = viewer_argument(address);
        g_autofree char *word = quote_word(where);
        printf("vncviewer %s\n", word);
    }
    return EXIT_OK;
}
