/* tui-test.c - the terminal interface in a pseudo-terminal: keys in, the
 * screen that a terminal (libvterm) would show out, compared with
 * tests/ui/golden. CARREL_UPDATE_GOLDEN=1 writes the golden files. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/ui/session.h"
#include "tests/unit/cu-main.h"

static char *log_dir;

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
static const char *const no_keys[] = {NULL};
static const SessionOptions plain = {0};

static void
test_machines(void)
{
    check_screen(&plain, "machines", no_keys, "win98");
}

static void
test_machines_filtered(void)
{
    check_screen(&plain, "machines-filter", KEYS("/", "win !work", "\r"),
                 "win98");
}

static void
test_machines_ascii(void)
{
    SessionOptions o = {.ascii = true};

    check_screen(&o, "machines-ascii", no_keys, "win98");
}

static void
test_empty(void)
{
    SessionOptions o = {.host = {.empty = true}};

    check_screen(&o, "machines-empty", no_keys, "No machines");
}

static void
test_help(void)
{
    check_screen(&plain, "help", KEYS("?"), "win98");
}

static void
test_palette(void)
{
    check_screen(&plain, "palette", KEYS(":", "del"), "win98");
}

static void
test_stop_menu(void)
{
    check_screen(&plain, "stop-menu", KEYS("x"), "win98");
}

static void
test_actions_menu(void)
{
    check_screen(&plain, "actions-menu", KEYS("."), "win98");
}

static void
test_delete_dialog(void)
{
    check_screen(&plain, "delete-dialog", KEYS("GkD"), "win98");
}

static void
test_start_error(void)
{
    check_screen(&plain, "start-error", KEYS("Gs"), "win98");
}

static void
test_long_error(void)
{
    Session *s = session_start(&plain, 24, 50);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, "Gs");
    CU_ASSERT_TRUE(session_wait_text(s, "denied"));
    session_send(s, "\r");
    session_end(s);
}

static void
test_detail(void)
{
    check_screen(&plain, "detail", KEYS("\r"), "win98");
}

static void
test_log(void)
{
    check_screen(&plain, "log", KEYS("L", "gtwe"), "win98");
}

static void
test_settings(void)
{
    check_screen(&plain, "settings", KEYS("\033OQ"), "win98");
}

static void
test_console(void)
{
    SessionOptions o = {.attach = "win98"};

    check_screen(&o, "console", KEYS("A\t\033[1;5D\033x"), "C:\\>");
}

/* 25 rows of a guest in 23 of ours: those with the cursor, without one the
 * last, and any when asked for. */
static void
test_console_rows(void)
{
    SessionOptions top = {.attach = "win98", .host = {.cursor_on_top = true}};
    SessionOptions none = {.attach = "win98", .host = {.no_cursor = true}};

    check_screen(&top, "console-top", no_keys, "Disk Doctor");
    check_screen(&none, "console-no-cursor", no_keys, "C:\\>");
    check_screen(&none, "console-other-rows", KEYS("\035t"), "C:\\>");
    check_screen(&none, "console-no-cursor", KEYS("\035t", "\035t", "\035t"),
                 "C:\\>");
}

static void
test_console_menu(void)
{
    SessionOptions o = {.attach = "win98"};

    check_screen(&o, "console-menu", KEYS("\035"), "C:\\>");
}

static void
test_console_send_key(void)
{
    SessionOptions o = {.attach = "win98"};

    check_screen(&o, "console-send-key", KEYS("\035k", "d"), "C:\\>");
}

static void
test_console_parts(void)
{
    SessionOptions o = {.attach = "win98"};
    SessionOptions bare = {.attach = "win98", .host = {.bare = true}};

    check_screen(&o, "console-insert", KEYS("\035i"), "C:\\>");
    check_screen(&o, "console-eject", KEYS("\035e"), "C:\\>");
    check_screen(&o, "console-ports", KEYS("\035l"), "C:\\>");
    check_screen(&bare, "console-no-drive", KEYS("\035i"), "C:\\>");
    check_screen(&bare, "console-no-port", KEYS("\035l"), "C:\\>");
}

static void
test_console_graphics(void)
{
    SessionOptions o = {.attach = "win98", .host = {.graphics = true}};

    check_screen(&o, "console-graphics", no_keys, "320x200");
}

static void
test_console_ended(void)
{
    SessionOptions o = {.attach = "win98"};

    check_screen(&o, "console-ended", KEYS("\033[21~"), "C:\\>");
}

static void
test_serial(void)
{
    SessionOptions o = {.attach = "win98"};

    check_screen(&o, "serial", KEYS("\035l", "1"), "C:\\>");
}

static void
test_colours(void)
{
    SessionOptions o = {.attach = "win98"};
    Session *s = session_start(&o, 40, 100);
    VTermScreenCell cell = {0};
    VTermPos pos = {7, 11}; /* 80x25 is centred in 100x39 */

    CU_ASSERT_TRUE(session_wait_text(s, "Disk Doctor"));
    session_settle(s);
    vterm_screen_get_cell(s->screen, pos, &cell);
    vterm_screen_convert_color_to_rgb(s->screen, &cell.bg);
    vterm_screen_convert_color_to_rgb(s->screen, &cell.fg);
    CU_ASSERT_EQUAL(cell.chars[0], 0x2500u);
    /* VGA blue aa, nearest in the 256-colour cube: af (libvterm's own
     * table has b3 for it at most) */
    CU_ASSERT_EQUAL(cell.bg.rgb.red, 0);
    CU_ASSERT_TRUE(cell.bg.rgb.blue > 0x90 && cell.bg.rgb.blue < 0xc0);
    CU_ASSERT_TRUE(cell.fg.rgb.red > 0xf0);
    session_end(s);
}

static void
test_no_color(void)
{
    SessionOptions o = {.no_color = "1"};
    Session *s = session_start(&o, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_settle(s);
    /* SGR 30..38; 39 is the default colour again */
    CU_ASSERT_FALSE(g_regex_match_simple(
        "\033\\[[0-9;]*(3[0-8]|4[0-8])[0-9;]*m", s->raw->str, 0, 0));
    check_golden(s, "machines-80x24");
    session_end(s);
}

static void
test_terminals(void)
{
    static const char *const terms[] = {"vt100", "linux", "tmux-256color",
                                        "screen"};

    for (gsize i = 0; i < G_N_ELEMENTS(terms); i++) {
        SessionOptions o = {.term = terms[i], .c_locale = true};
        Session *s = session_start(&o, 24, 80);

        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        check_golden(s, "machines-ascii-80x24");
        session_send(s, "q");
        CU_ASSERT_EQUAL(session_wait_end(s), 0);
        session_end(s);
    }
}

static void
test_dumb(void)
{
    SessionOptions o = {.term = "dumb"};
    Session *s = session_start(&o, 24, 80);

    CU_ASSERT_EQUAL(session_wait_end(s), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->raw->str, "cannot move the cursor"));
    session_end(s);
}

static void
test_unknown_term(void)
{
    SessionOptions o = {.term = "no-such-terminal"};
    Session *s = session_start(&o, 24, 80);

    CU_ASSERT_EQUAL(session_wait_end(s), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->raw->str, "is not known here"));
    session_end(s);
}

static void
test_quit(void)
{
    Session *s = session_start(&plain, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, "q");
    CU_ASSERT_EQUAL(session_wait_end(s), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->raw->str, "\033[?1049l"));
    session_end(s);
}

static void
test_signals(void)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};

    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++) {
        Session *s = session_start(&plain, 24, 80);
        struct termios after;

        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        kill(s->pid, signals[i]);
        CU_ASSERT_EQUAL(session_wait_end(s), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(s->raw->str, "\033[?1049l"));
        /* the slave is closed on some kernels: then there is nothing to ask;
         * a new one has lines and echo */
        if (tcgetattr(s->fd, &after) == 0)
            CU_ASSERT_EQUAL(after.c_lflag & (ICANON | ECHO), ICANON | ECHO);
        session_end(s);
    }
}

static void
test_terminal_gone(void)
{
    Session *s = session_start(&plain, 24, 80);
    int status = 0;
    pid_t pid = s->pid, got = 0;

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    close(s->fd);
    s->fd = -1;
    gint64 until = g_get_monotonic_time() + PATIENCE_MS * 1000;
    while (got == 0 && g_get_monotonic_time() < until) {
        got = waitpid(pid, &status, WNOHANG);
        if (got == 0)
            g_usleep(10 * 1000);
    }
    CU_ASSERT_EQUAL(got, pid);
    s->pid = got == pid ? 0 : pid;
    session_end(s);
}

static void
test_resize(void)
{
    static const int sizes[][2] = {{24, 80}, {10, 40}, {60, 200},
                                   {1, 1},   {2, 3},   {300, 700}};
    Session *s = session_start(&plain, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    for (int i = 0; i < 60; i++) {
        const int *size = sizes[i % (int) G_N_ELEMENTS(sizes)];
        session_resize(s, size[0], size[1]);
        session_send(s, i % 3 == 0 ? "?" : i % 3 == 1 ? "q" : "j");
        (void) session_read(s, 5);
    }
    session_send(s, "gg");
    session_resize(s, 10, 40);
    session_settle(s);
    check_golden(s, "machines-40x10");
    session_resize(s, 24, 80);
    session_settle(s);
    check_golden(s, "machines-80x24");
    session_end(s);
}

static void
test_small_screens(void)
{
    static const char *const openers[] = {"n", "\r",     "L", "?", ":", "P",
                                          "x", "\033OQ", ".", "c", "H"};

    for (gsize i = 0; i < G_N_ELEMENTS(openers); i++) {
        Session *s = session_start(&plain, 24, 80);

        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        session_send(s, openers[i]);
        session_settle(s);
        session_resize(s, 5, 12);
        session_settle(s);
        session_resize(s, 1, 1);
        session_settle(s);
        session_resize(s, 24, 80);
        session_settle(s);
        kill(s->pid, SIGTERM);
        CU_ASSERT_EQUAL(session_wait_end(s), 0);
        session_end(s);
    }
}

/* ---- passthrough and doctor, over recorded hosts ---- */

/* The host of tests/data/hosts by its name. */
static void
check_host(const char *host, const char *name, const char *const *keys)
{
    const char *folder = g_getenv("CARREL_TEST_HOSTS");
    g_autofree char *file =
        g_strdup_printf("%s/%s.host", folder != NULL ? folder : ".", host);
    SessionOptions o = {.host = {.host_file = file}};

    check_screen(&o, name, keys, "win98");
}

static void
test_passthrough_pages(void)
{
    static const char *const names[] = {
        "passthrough-1-device",  "passthrough-2-group",
        "passthrough-3-plan",    "passthrough-4-display",
        "passthrough-5-machine", "passthrough-6-apply"};
    static const char *const pages[] = {"1", "2", "3", "4", "5", "6"};

    for (gsize i = 0; i < G_N_ELEMENTS(pages); i++)
        check_host("intel-desktop", names[i], KEYS("P", "jjj", pages[i]));
}

/* The same host, taken for this one. */
static void
check_live(const char *host, const char *name, const char *const *keys)
{
    const char *folder = g_getenv("CARREL_TEST_HOSTS");
    g_autofree char *file =
        g_strdup_printf("%s/%s.host", folder != NULL ? folder : ".", host);
    SessionOptions o = {.host = {.host_file = file, .live = true}};

    check_screen(&o, name, keys, "win98");
}

static void
test_passthrough_when(void)
{
    check_host("intel-desktop", "passthrough-at-boot",
               KEYS("P", "jjj", "3", "o"));
    check_host("intel-desktop", "passthrough-now",
               KEYS("P", "jjj", "3", "oo", "6"));
    check_host("single-gpu", "passthrough-console", KEYS("P", "jj", "3", "c"));
}

static void
test_passthrough_machine(void)
{
    check_live("intel-desktop", "passthrough-which",
               KEYS("P", "jjj", "6", "a"));
    check_live("intel-desktop", "passthrough-give",
               KEYS("P", "jjj", "6", "jj", "a"));
    check_live("intel-desktop", "passthrough-given",
               KEYS("P", "jjj", "6", "jj", "a", "\033[D", "\r"));
}

static void
test_on_trial(void)
{
    SessionOptions o = {.host = {.on_trial = true}};

    check_screen(&o, "machines-on-trial", no_keys, "win98");
}

static void
test_passthrough_why(void)
{
    check_host("intel-desktop", "passthrough-why", KEYS("P", "w"));
}

static void
test_passthrough_not_isolated(void)
{
    check_host("not-isolated", "passthrough-not-isolated",
               KEYS("P", "jjjj", "n"));
}

static void
test_passthrough_single_gpu(void)
{
    check_host("single-gpu", "passthrough-single-gpu", KEYS("P", "jj", "n"));
}

static void
test_passthrough_refused_plan(void)
{
    check_host("single-gpu", "passthrough-refused", KEYS("P", "jj", "3"));
}

static void
test_passthrough_hosts(void)
{
    static const char *const hosts[][2] = {
        {"amd-desktop", "passthrough-amd-desktop"},
        {"laptop-muxless", "passthrough-laptop-muxless"},
        {"server-sriov", "passthrough-server-sriov"},
        {"twin-gpus", "passthrough-twin-gpus"},
        {"no-iommu", "passthrough-no-iommu"},
        {"lab-dirty", "passthrough-lab-dirty"},
        {"lab-no-intremap", "passthrough-lab-no-intremap"}};

    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        check_host(hosts[i][0], hosts[i][1], KEYS("P"));
}

static void
test_passthrough_all(void)
{
    check_host("not-isolated", "passthrough-all", KEYS("P", "B"));
}

static void
test_passthrough_changes_no_recording(void)
{
    check_host("intel-desktop", "passthrough-recorded",
               KEYS("P", "jjj", "6", "j", "a"));
}

/* ---- the SR-IOV panel ---- */

static void
test_sriov_panel(void)
{
    check_host("server-sriov", "sriov", KEYS("P", "v"));
    check_host("server-sriov", "sriov-vf", KEYS("P", "v", "jjj"));
    check_host("intel-desktop", "sriov-none", KEYS("P", "v"));
}

static void
test_sriov_plans(void)
{
    check_host("server-sriov", "sriov-create",
               KEYS("P", "v", "n",
                    "\025"
                    "3\r"));
    check_host("server-sriov", "sriov-mac",
               KEYS("P", "v", "jjjj", "m",
                    "\025"
                    "52:54:00:AA:BB:CC\r"));
    check_host("server-sriov", "sriov-bind", KEYS("P", "v", "jjjj", "b"));
    check_host("server-sriov", "sriov-recorded",
               KEYS("P", "v", "jjjj", "s", "a"));
}

static void
test_sriov_refusals(void)
{
    check_host("server-sriov", "sriov-too-many",
               KEYS("P", "v", "n",
                    "\025"
                    "65\r"));
    check_host("server-sriov", "sriov-busy", KEYS("P", "v", "j", "D"));
    check_host("server-sriov", "sriov-bad-vlan",
               KEYS("P", "v", "jjj", "l",
                    "\025"
                    "4095\r"));
}

/* What the keys do is the verb, with the plan that was shown or none. */
static void
test_sriov_runs_the_verb(void)
{
    static const struct {
        const char *keys[6], *words;
    } rows[] = {
        {{"P", "v", "n",
          "\025"
          "3\r",
          "a"},
         "passthrough vf create 0000:1a:00.0 3 --yes --expect=sum-of-3-steps"},
        {{"P", "v", "jjjj", "t", "a"},
         "passthrough vf set 0000:1a:00.1 2 trust=on --yes "
         "--expect=sum-of-1-steps"},
        {{"P", "v", "jjjj", "i", "a"},
         "passthrough vf set 0000:1a:00.1 2 link=on --yes "
         "--expect=sum-of-1-steps"},
        {{"P", "v", "jjjj", "w",
          "\025"
          "10-50\r",
          "a"},
         "passthrough vf set 0000:1a:00.1 2 rate=10-50 --yes "
         "--expect=sum-of-1-steps"},
        {{"P", "v", "jjjj", "b", "a"},
         "passthrough bind 0000:1a:02.2 --yes --expect=sum-of-3-steps"},
    };
    const char *folder = g_getenv("CARREL_TEST_HOSTS");
    g_autofree char *file =
        g_strdup_printf("%s/server-sriov.host", folder != NULL ? folder : ".");
    SessionOptions o = {.host = {.host_file = file, .live = true}};

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Session *s = session_start(&o, 24, 80);
        g_autofree char *want = g_strdup_printf("carrel %s.", rows[i].words);
        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        for (const char *const *k = rows[i].keys; *k != NULL; k++) {
            session_send(s, *k);
            session_settle(s);
        }
        CU_ASSERT_TRUE(session_wait_text(s, "[Enter] back to carrel"));
        CU_ASSERT_PTR_NOT_NULL(strstr(s->raw->str, want));
        session_send(s, "\r");
        CU_ASSERT_TRUE(session_wait_text(s, "Carrel > Passthrough > SR-IOV"));
        session_end(s);
    }
}

/* ---- the USB picker ---- */

static void
check_usb(const char *name, const char *const *keys)
{
    const char *folder = g_getenv("CARREL_TEST_HOSTS");
    g_autofree char *file =
        g_strdup_printf("%s/intel-desktop.host", folder != NULL ? folder : ".");
    SessionOptions o = {.host = {.host_file = file, .live = true}};

    check_screen(&o, name, keys, "win98");
}

/* gaming, the first one, runs; haiku, the last one, is off. */
static void
test_usb_picker(void)
{
    check_usb("usb", KEYS("g", "\r", "U"));
    check_usb("usb-mounted", KEYS("g", "\r", "U", "jj"));
    check_usb("usb-no-access", KEYS("g", "\r", "U", "jjjj", "\r"));
    check_usb("usb-elsewhere", KEYS("G", "\r", "U", "jjj"));
    check_host("intel-desktop", "usb-recorded", KEYS("g", "\r", "U"));
}

static void
test_usb_attach(void)
{
    check_usb("usb-attached", KEYS("g", "\r", "U", "G", "\r"));
    check_usb("usb-attached-off", KEYS("G", "\r", "U", "G", "\r"));
    check_usb("usb-attach-error", KEYS("g", "\r", "U", "Gk", "\r"));
}

static void
test_usb_detach(void)
{
    check_usb("usb-detach", KEYS("g", "\r", "U", "G", "\r", "d"));
    check_usb("usb-detach-off", KEYS("G", "\r", "U", "j", "d"));
}

/* ---- cards in and out ---- */

static void
test_plug_page(void)
{
    check_screen(&plain, "plug", KEYS("g", "\r", "+"), "win98");
    check_screen(&plain, "plug-net",
                 KEYS("g", "\r", "+", " ", " ", "\t\t", " "), "win98");
    check_screen(&plain, "plug-no-image", KEYS("g", "\r", "+", "\r"), "win98");
    check_screen(&plain, "plug-error",
                 KEYS("g", "\r", "+", "\t\t", "/missing.img", "\r"), "win98");
}

static void
test_plug_in_and_take_out(void)
{
    const char *disk = "\t\t/vm/more.img";

    check_screen(&plain, "plugged", KEYS("g", "\r", "+", disk, "\r", "-"),
                 "win98");
    check_screen(&plain, "plugged-kept",
                 KEYS("g", "\r", "+", disk, "\t", " ", "\r", "-"), "win98");
    check_screen(&plain, "unplugged", KEYS("g", "\r", "-", "\r"), "win98");
    check_screen(&plain, "unplug-refused", KEYS("g", "\r", "-", "j", "\r"),
                 "win98");
}

static void
test_small_panels(void)
{
    static const char *const openers[][4] = {
        {"P", "v", "jjj"}, {"P", "v", "n", "\0253\r"}, {"\r", "U", "jj"}};
    const char *folder = g_getenv("CARREL_TEST_HOSTS");
    g_autofree char *file =
        g_strdup_printf("%s/server-sriov.host", folder != NULL ? folder : ".");
    SessionOptions o = {.host = {.host_file = file, .live = true}};

    for (gsize i = 0; i < G_N_ELEMENTS(openers); i++) {
        Session *s = session_start(&o, 24, 80);

        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        for (gsize k = 0; k < 4 && openers[i][k] != NULL; k++) {
            session_send(s, openers[i][k]);
            session_settle(s);
        }
        session_resize(s, 5, 12);
        session_settle(s);
        session_send(s, "kkjG");
        session_resize(s, 1, 1);
        session_settle(s);
        session_resize(s, 24, 80);
        session_settle(s);
        kill(s->pid, SIGTERM);
        CU_ASSERT_EQUAL(session_wait_end(s), 0);
        session_end(s);
    }
}

static void
test_passthrough_fails(void)
{
    check_screen(&plain, "passthrough-no-host", KEYS("P"), "win98");
}

static void
test_doctor(void)
{
    check_host("intel-desktop", "doctor", KEYS("H"));
    check_host("no-virtualization", "doctor-no-virtualization", KEYS("H"));
    check_host("lab-amd", "doctor-lab-amd", KEYS("H"));
}

static void
test_doctor_details(void)
{
    check_host("intel-desktop", "doctor-details", KEYS("H", "\r"));
}

/* As on a loaded machine: keys that are read before the answer find nothing to
 * act on. */
static void
test_doctor_slow(void)
{
    const char *folder = g_getenv("CARREL_TEST_HOSTS");
    g_autofree char *file =
        g_strdup_printf("%s/intel-desktop.host", folder != NULL ? folder : ".");
    SessionOptions o = {.host = {.host_file = file, .busy_ms = 4 * QUIET_MS}};

    check_screen(&o, "doctor-details", KEYS("H", "\r"), "win98");
}

/* The answer comes when its screen is gone. */
static void
test_left_before_the_answer(void)
{
    check_screen(&plain, "machines", KEYS("HqPqHq"), "win98");
}

static void
test_hostile(void)
{
    SessionOptions o = {.host = {.hostile = true}};
    Session *s = session_start(&o, 24, 132);

    CU_ASSERT_TRUE(session_wait_text(s, "^[]52;c;ZXZ"));
    session_settle(s);
    CU_ASSERT_PTR_NULL(strstr(s->raw->str, "\033]52"));
    CU_ASSERT_PTR_NULL(strstr(s->raw->str, "\xc2\x9b"));
    CU_ASSERT_PTR_NULL(strstr(s->raw->str, "\xe2\x80\xae"));
    CU_ASSERT_PTR_NULL(strchr(s->raw->str, '\a'));
    session_end(s);
}

static void
test_delete_needs_choice(void)
{
    Session *s = session_start(&plain, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, "GkD"); /* dos622 */
    CU_ASSERT_TRUE(session_wait_text(s, "Delete dos622?"));
    session_send(s, "D\rDD\r");
    session_settle(s);
    CU_ASSERT_TRUE(session_wait_text(s, "6 of 6"));
    session_send(s, "D");
    CU_ASSERT_TRUE(session_wait_text(s, "Delete dos622?"));
    session_send(s, "\t\r");
    CU_ASSERT_TRUE(session_wait_text(s, "5 of 5"));
    session_send(s, "u");
    CU_ASSERT_TRUE(session_wait_text(s, "6 of 6"));
    session_end(s);
}

static void
test_paste(void)
{
    Session *s = session_start(&plain, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, "\033[200~xfDq\r\tq\033[201~");
    session_settle(s);
    check_golden(s, "machines-80x24");
    session_end(s);
}

static void
test_read_only(void)
{
    SessionOptions o = {.read_only = true};
    Session *s = session_start(&o, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "[read-only]"));
    session_send(s, "x");
    CU_ASSERT_TRUE(session_wait_text(s, "not in read-only mode"));
    session_end(s);
}

static void
make_logs(void)
{
    static const char text[] =
        "2026-11-22T12:41:06.100+00:00 I machine: started\n"
        "2026-11-22T12:41:07.113+00:00 W vfio: BAR1 16G needs 64 bits\n"
        "2026-11-22T12:41:09.870+00:00 E kvm: \033[31memulation failure\n"
        "2026-11-22T12:41:09.871+00:00 I machine: stopped\n";
    g_autofree char *file = NULL;

    log_dir = g_dir_make_tmp("carrel-tui-XXXXXX", NULL);
    file = g_build_filename(log_dir, "gaming-vmm.log", NULL);
    (void) g_file_set_contents(file, text, -1, NULL);
    g_setenv("CARREL_CONFIG_DIR", "/nonexistent/carrel", TRUE);
    if (chdir(log_dir) != 0)
        printf("# chdir: %s\n", strerror(errno));
}

/* clang-format off */
static const CuCase cases[] = {
    {"machine_list_shows_every_machine", test_machines},
    {"filter_hides_what_does_not_match", test_machines_filtered},
    {"ascii_uses_no_other_character", test_machines_ascii},
    {"no_machines_says_what_to_do", test_empty},
    {"help_lists_the_keys_of_the_screen", test_help},
    {"palette_finds_commands_by_letters", test_palette},
    {"stop_menu_offers_the_gentle_way_first", test_stop_menu},
    {"action_menu_lists_what_keys_do", test_actions_menu},
    {"delete_dialog_names_the_machine_and_defaults_to_cancel", test_delete_dialog},
    {"failed_start_shows_the_reason", test_start_error},
    {"a_long_error_is_shown_whole", test_long_error},
    {"detail_shows_load_and_facts", test_detail},
    {"log_jumps_to_the_error", test_log},
    {"settings_show_choices", test_settings},
    {"console_shows_cells_and_sends_keys", test_console},
    {"console_shows_the_rows_that_matter", test_console_rows},
    {"console_menu_lists_its_commands", test_console_menu},
    {"console_sends_ctrl_alt_del", test_console_send_key},
    {"console_offers_the_drives_and_ports_there_are", test_console_parts},
    {"console_shows_graphics_as_half_blocks", test_console_graphics},
    {"console_says_why_the_machine_ended", test_console_ended},
    {"serial_pane_eats_escape_sequences", test_serial},
    {"console_keeps_the_guests_colours", test_colours},
    {"no_color_sends_no_colour", test_no_color},
    {"old_terminals_get_ascii", test_terminals},
    {"dumb_terminal_is_a_clear_error", test_dumb},
    {"unknown_terminal_is_a_clear_error", test_unknown_term},
    {"quitting_restores_the_terminal", test_quit},
    {"signals_restore_the_terminal", test_signals},
    {"a_vanished_terminal_ends_the_interface", test_terminal_gone},
    {"a_storm_of_resizes_ends_in_a_right_screen", test_resize},
    {"no_screen_breaks_on_a_tiny_terminal", test_small_screens},
    {"passthrough_shows_each_page", test_passthrough_pages},
    {"passthrough_is_at_start_at_boot_or_now", test_passthrough_when},
    {"passthrough_asks_which_machine", test_passthrough_machine},
    {"a_boot_on_trial_is_noticed", test_on_trial},
    {"passthrough_says_why", test_passthrough_why},
    {"passthrough_shows_who_shares_a_group", test_passthrough_not_isolated},
    {"passthrough_refuses_the_only_display", test_passthrough_single_gpu},
    {"passthrough_says_why_there_is_no_plan", test_passthrough_refused_plan},
    {"passthrough_lists_every_kind_of_host", test_passthrough_hosts},
    {"passthrough_shows_bridges_when_asked", test_passthrough_all},
    {"passthrough_changes_nothing_of_a_recording", test_passthrough_changes_no_recording},
    {"passthrough_says_why_it_cannot_look", test_passthrough_fails},
    {"sriov_panel_shows_ports_and_sockets", test_sriov_panel},
    {"sriov_changes_show_their_plan", test_sriov_plans},
    {"sriov_says_why_not", test_sriov_refusals},
    {"sriov_changes_run_the_verb", test_sriov_runs_the_verb},
    {"usb_picker_shows_devices_and_where_they_are", test_usb_picker},
    {"usb_attach_is_now_or_at_the_start", test_usb_attach},
    {"usb_detach_takes_it_out", test_usb_detach},
    {"what_is_plugged_in_is_said_on_one_page", test_plug_page},
    {"a_card_is_plugged_in_and_taken_out", test_plug_in_and_take_out},
    {"no_panel_breaks_on_a_tiny_terminal", test_small_panels},
    {"doctor_shows_every_check", test_doctor},
    {"doctor_shows_what_to_do", test_doctor_details},
    {"a_slow_look_at_the_host_is_waited_for", test_doctor_slow},
    {"a_screen_may_be_left_before_the_answer", test_left_before_the_answer},
    {"hostile_text_has_no_effect_on_the_terminal", test_hostile},
    {"delete_needs_a_deliberate_choice", test_delete_needs_choice},
    {"pasted_text_triggers_nothing", test_paste},
    {"read_only_refuses_actions", test_read_only},
};
/* clang-format on */

int
main(int argc, char **argv)
{
    /* Run by the interface in place of carrel. */
    if (argc > 1 && strcmp(argv[1], "passthrough") == 0) {
        g_autofree char *words = g_strjoinv(" ", argv + 1);
        printf("carrel %s.\n", words);
        return 0;
    }
    make_logs();
    /* For a look at the real thing: tui-test --show [MACHINE] */
    if (argc > 1 && strcmp(argv[1], "--show") == 0) {
        TuiOptions options = {.attach = argc > 2 ? argv[2] : NULL};
        FakeHostOptions host = {.log_dir = log_dir,
                                .host_file = g_getenv("CARREL_HOST_ROOT"),
                                .graphics = g_getenv("FAKE_GRAPHICS") != NULL};
        return tui_run(&fake_host_ops, fake_host_new(&host), &options);
    }
    int rc = cu_main("tui", cases, G_N_ELEMENTS(cases), argc, argv);
    g_autofree char *file = g_build_filename(log_dir, "gaming-vmm.log", NULL);
    (void) unlink(file);
    (void) rmdir(log_dir); /* a file too many there is no failure */
    return rc;
}
