/* tests/unit/fake-machine.c - a machine for tests of the control server. */
#include "tests/unit/fake-machine.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/session/session-error.h"

static const char *
fm_state(void *m)
{
    FakeMachine *fm = m;
    return fm->state;
}

static bool
fm_stop(void *m, guint timeout_s, bool force, GError **error)
{
    FakeMachine *fm = m;
    g_string_append_printf(fm->calls, "stop %u %d\n", timeout_s, force);
    return true;
}

static bool
fm_power(void *m, GError **error)
{
    FakeMachine *fm = m;
    g_string_append(fm->calls, "power\n");
    return true;
}

static void
fm_reset(void *m, MachineDone done, void *data)
{
    FakeMachine *fm = m;
    g_string_append(fm->calls, "reset\n");
    if (fm->slow) {
        fm->slow_done = done;
        fm->slow_data = data;
        return;
    }
    done(data, NULL);
}

void
fake_machine_finish(FakeMachine *fm)
{
    fm->slow_done(fm->slow_data, NULL);
}

static void
fm_pause(void *m, MachineDone done, void *data)
{
    FakeMachine *fm = m;
    g_string_append(fm->calls, "pause\n");
    fm->state = "paused";
    done(data, NULL);
}

static void
fm_resume(void *m, MachineDone done, void *data)
{
    done(data, g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                           "machine 'fake' is not paused"));
}

static void
fm_wake(void *m, MachineDone done, void *data)
{
    FakeMachine *fm = m;
    g_string_append(fm->calls, "wake\n");
    fm->state = "running";
    done(data, NULL);
}

static Display *
fm_display(void *m)
{
    FakeMachine *fm = m;
    return fm->display;
}

static void
fm_refresh(void *m)
{
    FakeMachine *fm = m;
    g_string_append(fm->calls, "refresh\n");
}

static guint
fm_source(void *m)
{
    FakeMachine *fm = m;
    return ++fm->next_source;
}

static void
fm_input(void *m, guint source, const InputEvent *events, unsigned n)
{
    FakeMachine *fm = m;
    for (unsigned i = 0; i < n; i++) {
        if (events[i].type == INPUT_KEY)
            g_string_append_printf(fm->keys, "%c%u ",
                                   events[i].value ? '+' : '-', events[i].code);
    }
}

static void
fm_release(void *m, guint source)
{
    FakeMachine *fm = m;
    g_string_append_printf(fm->calls, "release %u\n", source);
}

static guint
fm_leds(void *m)
{
    return 2;
}

static bool
fm_absolute(void *m)
{
    return false;
}

static const char *
fm_serial_at(void *m, unsigned port)
{
    return port == 0 ? "pty:/dev/pts/77" : NULL;
}

static int
fm_serial(void *m, unsigned port, bool replay, GError **error)
{
    int pair[2];
    if (port != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "no serial port %u", port);
        return -1;
    }
    (void) !write(pair[1], "boot\n", 5);
    close(pair[1]);
    return pair[0];
}

/* There is port 3. */
static int
fm_console(void *m, unsigned port, bool replay, GError **error)
{
    return fm_serial(m, port == 3 ? 0 : 9, replay, error);
}

static void
fm_media(void *m, const MediaRequest *r, MachineDone done, void *data)
{
    FakeMachine *fm = m;
    g_string_append_printf(fm->calls, "media %s %s %d %d\n", r->drive,
                           r->path != NULL ? r->path : "-", r->read_only,
                           r->force);
    done(data, NULL);
}

static char *
fm_drives(void *m)
{
    return g_strdup("floppy0: (empty)\n");
}

static bool
fm_balloon(void *m, VirtioBalloonInfo *ret_info)
{
    *ret_info = (VirtioBalloonInfo){.target = 1 << 20,
                                    .actual = 1 << 19,
                                    .driver = true,
                                    .has_stats = true,
                                    .known = 1 << 4,
                                    .stats = {0, 0, 0, 0, 777}};
    return true;
}

static bool
fm_set_speed(void *m, const char *text, GError **error)
{
    FakeMachine *fm = m;
    g_string_append_printf(fm->calls, "speed %s\n", text);
    return true;
}

static guint
fm_speed(void *m)
{
    return 12500;
}

static bool
fm_set_balloon(void *m, guint64 bytes, GError **error)
{
    FakeMachine *fm = m;
    g_string_append_printf(fm->calls, "balloon %" G_GUINT64_FORMAT "\n", bytes);
    return true;
}

static unsigned
fm_nets(void *m, MachineNet *ret_nets)
{
    const char *const rules[] = {"tcp:127.0.0.1:2222->10.0.2.15:22", NULL};
    ret_nets[0] = (MachineNet){.name = g_strdup("net0"),
                               .kind = g_strdup("user"),
                               .model = g_strdup("virtio-net"),
                               .description = g_strdup("user 10.0.2.0/24"),
                               .mac = g_strdup("52:54:00:00:00:01"),
                               .forwards = g_strdupv((char **) rules),
                               .up = true,
                               .plugged = true,
                               .mtu = 1500,
                               .stats = {.tx_frames = 3, .rx_bytes = 99}};
    return 1;
}

static void
fm_change_net(void *m, const NetRequest *r, MachineDone done, void *data)
{
    FakeMachine *fm = m;
    g_string_append_printf(fm->calls, "net %s %d %s\n",
                           r->net != NULL ? r->net : "-", (int) r->change,
                           r->value != NULL ? r->value : "-");
    done(data, NULL);
}

static unsigned
fm_cards(void *m, MachineCard *ret_cards)
{
    ret_cards[0] =
        (MachineCard){.section = "disk1", .slot = 5, .leaving = true};
    return 1;
}

static void
fm_plug(void *m, const PlugRequest *r, MachineDone done, void *data)
{
    FakeMachine *fm = m;

    g_string_append_printf(
        fm->calls, "%s %s %s %d\n", r->fragment != NULL ? "attach" : "detach",
        r->section,
        r->fragment != NULL ? profile_get_string(r->fragment, "disk1.path")
                            : "-",
        r->force);
    done(data, NULL);
}

static void
fm_stats(void *m, MachineStats *ret_stats)
{
    *ret_stats = (MachineStats){.ram = 1 << 20, .n_vcpus = 1};
    ret_stats->vcpu[0].exits.exits = 7;
}

static char *
fm_log_path(void *m, const char *source)
{
    return NULL;
}

static char *
fm_sound(void *m)
{
    return g_strdup("wav: /tmp/a.wav");
}

static char *
fm_view(void *m)
{
    FakeMachine *fm = m;
    return g_strdup(fm->view != NULL ? fm->view : "");
}

static const MachineOps fake_ops = {
    .state = fm_state,
    .stop = fm_stop,
    .reset = fm_reset,
    .pause = fm_pause,
    .resume = fm_resume,
    .wake = fm_wake,
    .power_button = fm_power,
    .display = fm_display,
    .refresh = fm_refresh,
    .input_source = fm_source,
    .input = fm_input,
    .input_release = fm_release,
    .leds = fm_leds,
    .has_absolute = fm_absolute,
    .serial_at = fm_serial_at,
    .serial = fm_serial,
    .console = fm_console,
    .change_media = fm_media,
    .drives = fm_drives,
    .nets = fm_nets,
    .change_net = fm_change_net,
    .cards = fm_cards,
    .plug = fm_plug,
    .stats = fm_stats,
    .balloon = fm_balloon,
    .set_speed = fm_set_speed,
    .speed = fm_speed,
    .set_balloon = fm_set_balloon,
    .log_path = fm_log_path,
    .view_address = fm_view,
    .sound = fm_sound,
};

static void
fm_quit(void *data)
{
    FakeMachine *fm = data;
    fm->quits++;
}

FakeMachine *
fake_machine_new(void)
{
    return fake_machine_new_on(-1);
}

FakeMachine *
fake_machine_new_on(int listen_fd)
{
    FakeMachine *fm = g_new0(FakeMachine, 1);
    int pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    fm->context = g_main_context_new();
    fm->guest_fd = pair[0];
    fm->taps[0] = serial_tap_new(pair[1], NULL, fm->context);
    fm->display = display_new();
    fm->state = "running";
    fm->calls = g_string_new(NULL);
    fm->keys = g_string_new(NULL);
    ControlConfig config = {.name = "fake",
                            .ops = &fake_ops,
                            .machine = fm,
                            .serial = fm->taps,
                            .quit = fm_quit,
                            .quit_data = fm};
    fm->server = control_server_new(&config, listen_fd, fm->context);
    return fm;
}

void
fake_machine_free(FakeMachine *fm)
{
    control_server_free(fm->server);
    serial_tap_free(fm->taps[0]);
    close(fm->guest_fd);
    display_free(fm->display);
    g_string_free(fm->calls, TRUE);
    g_string_free(fm->keys, TRUE);
    g_main_context_unref(fm->context);
    g_free(fm);
}

int
fake_machine_connect(FakeMachine *fm)
{
    int pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair),
                    ==, 0);
    control_server_add(fm->server, pair[0]);
    return pair[1];
}

void
fake_machine_settle(FakeMachine *fm)
{
    while (g_main_context_iteration(fm->context, FALSE)) {
    }
}

char *
fake_machine_line(FakeMachine *fm, int fd)
{
    g_autoptr(GString) line = g_string_new(NULL);
    gint64 deadline = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    while (g_get_monotonic_time() < deadline) {
        char c;
        g_main_context_iteration(fm->context, FALSE);
        ssize_t n = recv(fd, &c, 1, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return NULL;
        if (n == 1 && c == '\n')
            return g_string_free(g_steal_pointer(&line), FALSE);
        if (n == 1)
            g_string_append_c(line, c);
    }
    return NULL;
}

char *
fake_machine_ask(FakeMachine *fm, int fd, const char *text)
{
    gsize left = strlen(text);
    while (left > 0) {
        ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break;
        text += n > 0 ? n : 0;
        left -= n > 0 ? (gsize) n : 0;
        g_main_context_iteration(fm->context, FALSE);
    }
    return fake_machine_line(fm, fd);
}

bool
fake_machine_hung_up(FakeMachine *fm, int fd)
{
    char chunk[4096];
    ssize_t n;
    fake_machine_settle(fm);
    while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0) {
    }
    return n == 0 || errno != EAGAIN;
}
