/* tests/unit/test-vnc.c - the VNC server, seen by a real VNC client library
 * and by strangers who do not keep to the protocol. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <linux/input-event-codes.h>
#include <rfb/rfbclient.h>

#include "tests/unit/cu-main.h"
#include "ui/vnc/server.h"
#include "vmm/loop/loop.h"

#define WIDTH      64
#define HEIGHT     48
#define PATIENCE   (5 * G_USEC_PER_SEC) /* on a busy machine */
#define MAX_EVENTS 64

/* A machine of which only the front is there, and its server. */
typedef struct {
    char *dir, *path;
    Loop *loop;
    Input *input;
    Display *display;
    guint32 *pixels;
    VncServer *server;
    InputEvent events[MAX_EVENTS]; /* what the guest got, without SYNC */
    guint n_events;
} Fixture;

static bool
take_event(void *dev, const InputEvent *ev)
{
    Fixture *f = dev;
    if (ev->type != INPUT_SYNC && f->n_events < MAX_EVENTS)
        f->events[f->n_events++] = *ev;
    return true;
}

static const InputSinkOps mouse = {
    take_event, INPUT_BIT(INPUT_KEY) | INPUT_BIT(INPUT_BUTTON) |
                    INPUT_BIT(INPUT_REL) | INPUT_BIT(INPUT_WHEEL)};
static const InputSinkOps tablet = {take_event, INPUT_BIT(INPUT_ABS) |
                                                    INPUT_BIT(INPUT_BUTTON)};

static void
mode(Fixture *f, int width, int height)
{
    f->pixels =
        (guint32 *) (void *) display_set_mode(f->display, width, height);
    for (int i = 0; i < width * height; i++)
        f->pixels[i] = (guint32) i * 0x010307u & 0xffffffu;
    display_damage(f->display, (Rect){0, 0, width, height});
}

static Fixture *
fixture_new(VncConfig config)
{
    Fixture *f = g_new0(Fixture, 1);

    f->dir = g_dir_make_tmp("carrel-vnc-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "vnc.sock", NULL);
    f->loop = loop_new_manual();
    f->input = input_new(f->loop);
    input_add_sink(f->input, &mouse, f);
    input_activate(f->input, f, true);
    f->display = display_new();
    mode(f, WIDTH, HEIGHT);
    if (config.tcp_address == NULL)
        config.unix_path = f->path;
    f->server = vnc_server_start(&config, f->display, f->input, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->server);
    return f;
}

static void
fixture_free(Fixture *f)
{
    vnc_server_stop(f->server);
    CU_ASSERT_FALSE(display_has_viewers(f->display));
    display_free(f->display);
    loop_advance(f->loop, 0);
    input_remove_sink(f->input, f);
    input_free(f->input);
    loop_free(f->loop);
    (void) g_rmdir(f->dir);
    g_free(f->path);
    g_free(f->dir);
    g_free(f);
}

/* Lets the guest take what was posted until it has n events. */
static bool
wait_events(Fixture *f, guint n)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    while (f->n_events < n && g_get_monotonic_time() < end) {
        loop_advance(f->loop, NSEC_PER_MSEC);
        (void) poll(NULL, 0, 1);
    }
    return f->n_events >= n;
}

static bool
event_is(const Fixture *f, guint i, InputType type, guint code, int value)
{
    return i < f->n_events && f->events[i].type == type &&
           f->events[i].code == code && f->events[i].value == value;
}

static bool
wait_clients(Fixture *f, unsigned n)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    while (vnc_server_clients(f->server) != n && g_get_monotonic_time() < end)
        (void) poll(NULL, 0, 1);
    return vnc_server_clients(f->server) == n;
}

/* ---- a viewer that behaves ---- */

typedef struct {
    rfbClient *rfb;
    const char *password;
    guint asked;
    gsize area; /* pixels got since it was last set to 0 */
    int leds, absolute;
} Client;

static int tag; /* where rfbClient keeps our Client */

static void
got_update(rfbClient *rfb, int x, int y, int w, int h)
{
    Client *c = rfbClientGetClientData(rfb, &tag);
    c->area += (gsize) w * (gsize) h;
}

static char *
give_password(rfbClient *rfb)
{
    Client *c = rfbClientGetClientData(rfb, &tag);
    c->asked++;
    return strdup(c->password != NULL ? c->password : "");
}

static void
no_log(const char *format, ...)
{
}

static rfbBool
new_pixels(rfbClient *rfb)
{
    free(rfb->frameBuffer);
    rfb->frameBuffer = calloc((size_t) rfb->width * (size_t) rfb->height, 4);
    return rfb->frameBuffer != NULL;
}

static Client *
client_new(Fixture *f, const char *password)
{
    Client *c = g_new0(Client, 1);
    bool tcp = vnc_server_port(f->server) != 0;

    signal(SIGPIPE, SIG_IGN);
    rfbClientLog = rfbClientErr = no_log;
    c->password = password;
    c->rfb = rfbGetClient(8, 3, 4);
    rfbClientSetClientData(c->rfb, &tag, c);
    c->rfb->format.redShift = 16;
    c->rfb->format.blueShift = 0;
    c->rfb->canHandleNewFBSize = TRUE;
    c->rfb->appData.encodingsString = "raw";
    c->rfb->appData.useRemoteCursor = FALSE;
    c->rfb->MallocFrameBuffer = new_pixels;
    c->rfb->GotFrameBufferUpdate = got_update;
    c->rfb->GetPassword = give_password;
    free(c->rfb->serverHost);
    c->rfb->serverHost = strdup(tcp ? "127.0.0.1" : f->path);
    c->rfb->serverPort = vnc_server_port(f->server);
    if (rfbInitClient(c->rfb, NULL, NULL))
        return c;
    g_free(c); /* rfbInitClient() has freed its own */
    return NULL;
}

static void
client_free(Client *c)
{
    free(c->rfb->frameBuffer);
    c->rfb->frameBuffer = NULL;
    rfbClientCleanup(c->rfb);
    g_free(c);
}

/* Handles what comes until area pixels have come. Notices without pixels
 * count, too: use client_settle() before looking at all of the screen. */
static bool
client_wait(Client *c, gsize area)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    while (c->area < area && g_get_monotonic_time() < end) {
        int n = WaitForMessage(c->rfb, 10000);
        if (n < 0 || (n > 0 && !HandleRFBServerMessage(c->rfb)))
            return false;
    }
    return c->area >= area;
}

/* Handles what comes for a while in which nothing should. */
static void
client_settle(Client *c)
{
    while (WaitForMessage(c->rfb, 100000) > 0)
        if (!HandleRFBServerMessage(c->rfb))
            break;
}

static bool
same_pixels(const Client *c, const Fixture *f, int width, int height)
{
    const guint32 *seen = (const guint32 *) (const void *) c->rfb->frameBuffer;

    for (int i = 0; i < width * height; i++)
        if ((seen[i] & 0xffffff) != (f->pixels[i] & 0xffffff))
            return false;
    return c->rfb->width == width && c->rfb->height == height;
}

/* ---- a stranger: bytes on a socket ---- */

static int
stranger(Fixture *f)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(vnc_server_port(f->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE / G_USEC_PER_SEC};
    bool tcp = vnc_server_port(f->server) != 0;

    (void) g_strlcpy(un.sun_path, f->path, sizeof un.sun_path);
    int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, tcp ? (void *) &in : (void *) &un,
                tcp ? sizeof in : sizeof un) != 0)
        CU_FAIL("connect");
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static bool
tell(int fd, const void *bytes, gsize len)
{
    return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t) len;
}

static bool
hear(int fd, void *bytes, gsize len)
{
    return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t) len;
}

static bool
hangs_up(int fd)
{
    guint8 byte;
    ssize_t n;

    do {
        n = recv(fd, &byte, 1, 0);
    } while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

/* Version 3.8, no password, ClientInit; the rest of ServerInit is read. */
static int
stranger_in(Fixture *f)
{
    guint8 text[64];
    int fd = stranger(f);

    CU_ASSERT_TRUE(hear(fd, text, 12) && tell(fd, "RFB 003.008\n", 12));
    CU_ASSERT_TRUE(hear(fd, text, 2) && tell(fd, "\1", 1));
    CU_ASSERT_TRUE(hear(fd, text, 4) && tell(fd, "\1", 1));
    CU_ASSERT_TRUE(hear(fd, text, 24));
    CU_ASSERT_TRUE(text[23] < sizeof text && hear(fd, text, text[23]));
    return fd;
}

/* ---- pixels ---- */

static void
test_pixels(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    CU_ASSERT_FALSE(display_has_viewers(f->display));

    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    client_settle(c);
    CU_ASSERT_TRUE(same_pixels(c, f, WIDTH, HEIGHT));
    CU_ASSERT_TRUE(display_has_viewers(f->display));
    CU_ASSERT_EQUAL(vnc_server_clients(f->server), 1);
    client_free(c);
    CU_ASSERT_TRUE(wait_clients(f, 0));
    fixture_free(f);
}

static void
test_damage(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    client_settle(c);
    c->area = 0;

    f->pixels[10 * WIDTH + 8] = 0x123456;
    display_damage(f->display, (Rect){8, 10, 4, 2});
    CU_ASSERT_TRUE(client_wait(c, 1));
    client_settle(c);
    CU_ASSERT_EQUAL(c->area, 8);
    CU_ASSERT_TRUE(same_pixels(c, f, WIDTH, HEIGHT));
    client_free(c);
    fixture_free(f);
}

static void
test_resize(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    client_settle(c);
    c->area = 0;

    mode(f, 80, 60);
    CU_ASSERT_TRUE(client_wait(c, 80 * 60));
    client_settle(c);
    CU_ASSERT_TRUE(same_pixels(c, f, 80, 60));
    client_free(c);
    fixture_free(f);
}

static void
test_two_viewers(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *one = client_new(f, NULL);
    Client *two = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(one);
    CU_ASSERT_PTR_NOT_NULL_FATAL(two);
    CU_ASSERT_EQUAL(vnc_server_clients(f->server), 2);
    CU_ASSERT_TRUE(client_wait(one, WIDTH * HEIGHT));
    CU_ASSERT_TRUE(client_wait(two, WIDTH * HEIGHT));
    client_settle(two);
    client_free(one);
    two->area = 0;
    f->pixels[0] ^= 0xffffff;
    display_damage(f->display, (Rect){0, 0, 1, 1});
    CU_ASSERT_TRUE(client_wait(two, 1));
    client_settle(two);
    CU_ASSERT_TRUE(same_pixels(two, f, WIDTH, HEIGHT));
    client_free(two);
    fixture_free(f);
}

/* ---- who may ---- */

static void
test_socket(void)
{
    struct stat info;
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    g_autofree char *address = vnc_server_address(f->server);
    g_autofree char *path = g_strdup(f->path);

    CU_ASSERT_EQUAL(lstat(path, &info), 0);
    CU_ASSERT_EQUAL(info.st_mode & 07777, 0600);
    CU_ASSERT_TRUE(g_str_has_prefix(address, "unix:/"));
    fixture_free(f);
    CU_ASSERT_NOT_EQUAL(lstat(path, &info), 0);
}

static void
test_public_needs_password(void)
{
    g_autoptr(GError) error = NULL;
    Display *display = display_new();
    VncConfig config = {.tcp_address = "0.0.0.0"};

    CU_ASSERT_PTR_NULL(vnc_server_start(&config, display, NULL, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "vnc.password"));
    config.password = "secret";
    VncServer *server = vnc_server_start(&config, display, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(server);
    vnc_server_stop(server);
    display_free(display);
}

static void
test_no_folder(void)
{
    g_autoptr(GError) error = NULL;
    Display *display = display_new();
    VncConfig config = {.unix_path = "/nowhere/vnc.sock"};

    CU_ASSERT_PTR_NULL(vnc_server_start(&config, display, NULL, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "/nowhere"));
    display_free(display);
}

static void
test_long_path(void)
{
    struct stat info;
    Display *display = display_new();
    g_autofree char *top = g_dir_make_tmp("carrel-vnc-XXXXXX", NULL);
    g_autofree char *folder = g_strnfill(150, 'x');
    g_autofree char *dir = g_build_filename(top, folder, NULL);
    g_autofree char *path = g_build_filename(dir, "vnc.sock", NULL);
    VncConfig config = {.unix_path = path};

    CU_ASSERT_EQUAL(g_mkdir(dir, 0700), 0);
    VncServer *server = vnc_server_start(&config, display, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(server);
    CU_ASSERT_EQUAL(lstat(path, &info), 0);
    vnc_server_stop(server);
    display_free(display);
    (void) g_rmdir(dir);
    (void) g_rmdir(top);
}

static void
test_password(void)
{
    Fixture *f = fixture_new(
        (VncConfig){.tcp_address = "127.0.0.1", .password = "secret"});

    CU_ASSERT_PTR_NULL(client_new(f, "wrong"));
    Client *c = client_new(f, "secret");
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->asked, 1);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    client_free(c);
    fixture_free(f);
}

static void
test_lockout(void)
{
    char reason[128] = "";
    Fixture *f = fixture_new(
        (VncConfig){.tcp_address = "127.0.0.1", .password = "secret"});

    for (int i = 0; i < 5; i++)
        CU_ASSERT_PTR_NULL(client_new(f, "guess"));
    CU_ASSERT_PTR_NULL(client_new(f, "secret"));
    int fd = stranger(f);
    CU_ASSERT_TRUE(hear(fd, reason, 12) && tell(fd, "RFB 003.008\n", 12));
    CU_ASSERT_TRUE(hear(fd, reason, 5 + 8));
    CU_ASSERT_EQUAL(reason[0], 0);
    CU_ASSERT_EQUAL(strncmp(reason + 5, "Too many", 8), 0);
    close(fd);
    fixture_free(f);
}

/* ---- who does not keep to the rules ---- */

static void
test_stalled(void)
{
    int fds[100];
    Fixture *f =
        fixture_new((VncConfig){.tcp_address = "127.0.0.1", .websocket = true});

    for (int i = 0; i < 100; i++) {
        fds[i] = stranger(f);
        CU_ASSERT_TRUE(tell(fds[i], "RF", 2));
    }
    gint64 start = g_get_monotonic_time();
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    CU_ASSERT_TRUE(g_get_monotonic_time() - start < G_USEC_PER_SEC);
    client_free(c);
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    fixture_free(f);
}

static void
test_half_message(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    int bad = stranger_in(f);
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));

    CU_ASSERT_TRUE(tell(bad, "\2\0", 2));
    c->area = 0;
    gint64 start = g_get_monotonic_time();
    display_damage(f->display, (Rect){0, 0, 8, 8});
    CU_ASSERT_TRUE(client_wait(c, 64));
    CU_ASSERT_TRUE(g_get_monotonic_time() - start < 300000);
    CU_ASSERT_TRUE(hangs_up(bad));
    CU_ASSERT_TRUE(wait_clients(f, 1));
    close(bad);
    client_free(c);
    fixture_free(f);
}

static void
test_never_reads(void)
{
    static const guint8 ask[10] = {3, 0, 0, 0, 0, 0, 4, 0, 3, 0};
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    mode(f, 1024, 768);
    int bad = stranger_in(f);
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, 1024 * 768));

    CU_ASSERT_TRUE(tell(bad, ask, sizeof ask));
    c->area = 0;
    gint64 start = g_get_monotonic_time();
    display_damage(f->display, (Rect){0, 0, 8, 8});
    CU_ASSERT_TRUE(client_wait(c, 64));
    CU_ASSERT_TRUE(g_get_monotonic_time() - start < 300000);
    close(bad);
    client_free(c);
    fixture_free(f);
}

static void
test_foreign_messages(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    int fd = stranger_in(f);

    CU_ASSERT_TRUE(tell(fd, "\7\0\0\0\0\0\0\0", 8)); /* file transfer */
    CU_ASSERT_TRUE(hangs_up(fd));
    close(fd);
    fixture_free(f);
}

/* Settings and requests that have a form, with anything inside. */
static gsize
random_message(GRand *rand, guint8 *m)
{
    static const gint32 encodings[] = {0,  1,  2,   4,    5,    6,    7,
                                       16, -8, -24, -223, -224, -308, -250};
    static const guint8 formats[][13] = {
        {32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0},
        {16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0},
        {8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6},
        {8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
    memset(m, 0, 64);
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0: memcpy(m + 4, formats[g_rand_int_range(rand, 0, 4)], 13); return 20;
    case 1:
        m[0] = 2;
        m[3] = 5;
        for (int i = 0; i < 5; i++) {
            gint32 e = encodings[g_rand_int_range(rand, 0, 14)];
            guint32 swapped = htonl((guint32) e);
            memcpy(m + 4 + 4 * i, &swapped, 4);
        }
        return 24;
    case 2:
        m[0] = 251;
        m[2] = (guint8) g_rand_int(rand);
        m[6] = 1;
        return 24;
    default:
        m[0] = 3;
        m[1] = (guint8) g_rand_int_range(rand, 0, 2);
        for (int i = 2; i < 10; i++)
            m[i] = (guint8) (i % 2 != 0 ? g_rand_int_range(rand, 0, 256)
                                        : g_rand_int_range(rand, 0, 9) / 8);
        return 10;
    }
}

static void
test_random(void)
{
    guint8 m[64];
    int fds[8];
    GRand *rand = g_rand_new_with_seed(42);
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});

    for (int i = 0; i < 8; i++)
        fds[i] = stranger_in(f);
    for (int round = 0; round < 90; round++) {
        for (int i = 0; i < 8; i++) {
            static guint8 sink[256 * 1024];
            gsize len = random_message(rand, m);
            (void) send(fds[i], m, len, MSG_NOSIGNAL | MSG_DONTWAIT);
            (void) recv(fds[i], sink, sizeof sink, MSG_DONTWAIT);
        }
        mode(f, g_rand_int_range(rand, 1, 300), g_rand_int_range(rand, 1, 200));
        (void) poll(NULL, 0, 2); /* let the threads come in between */
    }
    mode(f, WIDTH, HEIGHT);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    client_settle(c);
    CU_ASSERT_TRUE(same_pixels(c, f, WIDTH, HEIGHT));
    client_free(c);
    fixture_free(f);
    g_rand_free(rand);
}

static void
test_cut_text(void)
{
    static const guint8 cut[] = {6,   0, 0, 0, 0, 0, 0, 3, 'a', 'b',
                                 'c', 4, 1, 0, 0, 0, 0, 0, 'x'};
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    int fd = stranger_in(f);

    CU_ASSERT_TRUE(tell(fd, cut, sizeof cut));
    CU_ASSERT_TRUE(wait_events(f, 1));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_KEY, KEY_X, 1));
    close(fd);
    fixture_free(f);
}

static void
test_seats(void)
{
    Client *in[VNC_MAX_VIEWERS];
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});

    for (int i = 0; i < VNC_MAX_VIEWERS; i++) {
        in[i] = client_new(f, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(in[i]);
    }
    CU_ASSERT_PTR_NULL(client_new(f, NULL));
    client_free(in[0]);
    CU_ASSERT_TRUE(wait_clients(f, VNC_MAX_VIEWERS - 1));
    for (int i = 1; i < VNC_MAX_VIEWERS; i++)
        client_free(in[i]);
    fixture_free(f);
}

static void
test_high_descriptors(void)
{
    struct rlimit old, limit;
    static int fds[1100];
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});

    (void) getrlimit(RLIMIT_NOFILE, &old);
    limit = old;
    limit.rlim_cur = 4096;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        fixture_free(f);
        cu_skip("no more than 1024 descriptors allowed here");
        return;
    }
    int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 1100; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CU_ASSERT_TRUE(fds[1099] > 1024);
    close(low); /* the client library needs a low one, too */
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT));
    client_settle(c);
    CU_ASSERT_TRUE(same_pixels(c, f, WIDTH, HEIGHT));
    client_free(c);
    for (int i = 0; i < 1100; i++)
        close(fds[i]);
    CU_ASSERT_TRUE(wait_clients(f, 0));
    fixture_free(f);
    (void) setrlimit(RLIMIT_NOFILE, &old);
}

/* ---- keys and pointer ---- */

static void
test_keys(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);

    SendKeyEvent(c->rfb, 'a', TRUE);
    SendKeyEvent(c->rfb, 'a', FALSE);
    SendKeyEvent(c->rfb, XK_Shift_L, TRUE);
    SendKeyEvent(c->rfb, '!', TRUE);
    CU_ASSERT_TRUE(wait_events(f, 4));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_KEY, KEY_A, 1));
    CU_ASSERT_TRUE(event_is(f, 1, INPUT_KEY, KEY_A, 0));
    CU_ASSERT_TRUE(event_is(f, 2, INPUT_KEY, KEY_LEFTSHIFT, 1));
    CU_ASSERT_TRUE(event_is(f, 3, INPUT_KEY, KEY_1, 1));
    f->n_events = 0;
    client_free(c); /* what it held goes up */
    CU_ASSERT_TRUE(wait_events(f, 2));
    CU_ASSERT_EQUAL(f->events[0].value + f->events[1].value, 0);
    fixture_free(f);
}

static void
test_keys_without_shift(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);

    SendKeyEvent(c->rfb, 'A', TRUE);
    SendKeyEvent(c->rfb, 'A', FALSE);
    CU_ASSERT_TRUE(wait_events(f, 4));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_KEY, KEY_LEFTSHIFT, 1));
    CU_ASSERT_TRUE(event_is(f, 1, INPUT_KEY, KEY_A, 1));
    CU_ASSERT_TRUE(event_is(f, 2, INPUT_KEY, KEY_A, 0));
    CU_ASSERT_TRUE(event_is(f, 3, INPUT_KEY, KEY_LEFTSHIFT, 0));
    client_free(c);
    fixture_free(f);
}

static void
test_extended_keys(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT)); /* the offer has come */

    /* The key left of Z on an ISO keyboard, which says '<'. */
    CU_ASSERT_TRUE(SendExtendedKeyEvent(c->rfb, '<', 0x56, TRUE));
    CU_ASSERT_TRUE(SendExtendedKeyEvent(c->rfb, '<', 0x56, FALSE));
    CU_ASSERT_TRUE(SendExtendedKeyEvent(c->rfb, XK_Delete, 0xd3, TRUE));
    CU_ASSERT_TRUE(SendExtendedKeyEvent(c->rfb, XK_Delete, 0, FALSE));
    CU_ASSERT_TRUE(wait_events(f, 4));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_KEY, KEY_102ND, 1));
    CU_ASSERT_TRUE(event_is(f, 1, INPUT_KEY, KEY_102ND, 0));
    CU_ASSERT_TRUE(event_is(f, 2, INPUT_KEY, KEY_DELETE, 1));
    CU_ASSERT_TRUE(event_is(f, 3, INPUT_KEY, KEY_DELETE, 0));
    client_free(c);
    fixture_free(f);
}

static void
test_relative(void)
{
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);

    SendPointerEvent(c->rfb, 20, 20, 0);
    SendPointerEvent(c->rfb, 23, 15, rfbButton1Mask);
    SendPointerEvent(c->rfb, 0, 15, 0); /* to the edge: a screen further */
    SendPointerEvent(c->rfb, 0, 15, 1 << 3);
    CU_ASSERT_TRUE(wait_events(f, 6));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_REL, REL_X, 3));
    CU_ASSERT_TRUE(event_is(f, 1, INPUT_REL, REL_Y, -5));
    CU_ASSERT_TRUE(event_is(f, 2, INPUT_BUTTON, BTN_LEFT, 1));
    CU_ASSERT_TRUE(event_is(f, 3, INPUT_REL, REL_X, -23 - WIDTH));
    CU_ASSERT_TRUE(event_is(f, 4, INPUT_BUTTON, BTN_LEFT, 0));
    CU_ASSERT_TRUE(event_is(f, 5, INPUT_WHEEL, REL_WHEEL, 1));
    client_free(c);
    fixture_free(f);
}

static void
test_absolute(void)
{
    int device;
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    input_add_sink(f->input, &tablet, &device);
    input_remove_sink(f->input, &device);
    input_remove_sink(f->input, f);
    input_add_sink(f->input, &tablet, f);
    input_activate(f->input, f, true);
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);

    SendPointerEvent(c->rfb, WIDTH - 1, 0, 0);
    CU_ASSERT_TRUE(wait_events(f, 2));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_ABS, ABS_X, 32767));
    CU_ASSERT_TRUE(event_is(f, 1, INPUT_ABS, ABS_Y, 0));
    client_free(c);
    fixture_free(f);
}

/* SetEncodings with the pointer type and the LEDs, then what comes back. */
static void
test_pointer_type(void)
{
    static const guint8 ask[] = {2,    0,    0,    2,    0xff, 0xff,
                                 0xfe, 0xff, 0xff, 0xff, 0xfe, 0xfb};
    static const guint8 move[] = {5, 0, 0x80, 0x01, 0x7f, 0xfe};
    guint8 reply[16], leds = 0;
    Fixture *f = fixture_new((VncConfig){.unix_path = NULL});
    input_set_leds(f->input, 4);
    int fd = stranger_in(f);

    CU_ASSERT_TRUE(tell(fd, ask, sizeof ask));
    CU_ASSERT_TRUE(hear(fd, reply, 16));
    CU_ASSERT_EQUAL(memcmp(reply, "\0\0\0\1\0\0", 6), 0); /* relative */
    CU_ASSERT_EQUAL(memcmp(reply + 12, "\xff\xff\xfe\xff", 4), 0);
    CU_ASSERT_TRUE(hear(fd, reply, 16) && hear(fd, &leds, 1));
    CU_ASSERT_EQUAL(memcmp(reply + 12, "\xff\xff\xfe\xfb", 4), 0);
    CU_ASSERT_EQUAL(leds, 4);
    CU_ASSERT_TRUE(tell(fd, move, sizeof move));
    CU_ASSERT_TRUE(wait_events(f, 2));
    CU_ASSERT_TRUE(event_is(f, 0, INPUT_REL, REL_X, 2));
    CU_ASSERT_TRUE(event_is(f, 1, INPUT_REL, REL_Y, -1));
    close(fd);
    fixture_free(f);
}

static void
test_view_only(void)
{
    Fixture *f = fixture_new((VncConfig){.view_only = true});
    Client *c = client_new(f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);

    SendKeyEvent(c->rfb, 'a', TRUE);
    SendPointerEvent(c->rfb, 9, 9, 1);
    c->area = 0;
    display_damage(f->display, (Rect){0, 0, WIDTH, HEIGHT});
    CU_ASSERT_TRUE(client_wait(c, WIDTH * HEIGHT)); /* both were handled */
    loop_advance(f->loop, NSEC_PER_MSEC);
    CU_ASSERT_EQUAL(f->n_events, 0);
    client_free(c);
    fixture_free(f);
}

/* ---- browsers ---- */

static void
test_websocket(void)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: binary\r\n\r\n";
    /* mask 0: the payload stays readable */
    static const char version[] = "\x82\x8c\0\0\0\0RFB 003.008\n";
    char answer[161 + 1] = "", frame[14];
    Fixture *f =
        fixture_new((VncConfig){.tcp_address = "127.0.0.1", .websocket = true});
    int fd = stranger(f);

    CU_ASSERT_TRUE(tell(fd, request, sizeof request - 1));
    CU_ASSERT_TRUE(hear(fd, answer, 161));
    CU_ASSERT_EQUAL(strncmp(answer, "HTTP/1.1 101", 12), 0);
    CU_ASSERT_TRUE(g_str_has_suffix(answer, "\r\n\r\n"));
    CU_ASSERT_TRUE(hear(fd, frame, 14));
    CU_ASSERT_EQUAL(memcmp(frame, "\x82\x0cRFB 003.008\n", 14), 0);
    CU_ASSERT_TRUE(tell(fd, version, sizeof version - 1));
    CU_ASSERT_TRUE(hear(fd, frame, 4));
    CU_ASSERT_EQUAL(memcmp(frame, "\x82\x02\1\1", 4), 0);
    close(fd);
    fixture_free(f);
}

CU_MAIN("vnc", {"a_viewer_sees_the_displays_pixels", test_pixels},
        {"only_the_damaged_rectangle_is_sent_again", test_damage},
        {"a_mode_change_resizes_the_viewer", test_resize},
        {"two_viewers_see_the_same", test_two_viewers},
        {"the_socket_is_for_its_user_only", test_socket},
        {"a_public_address_needs_a_password", test_public_needs_password},
        {"a_socket_without_a_folder_is_an_error", test_no_folder},
        {"a_long_path_is_no_obstacle", test_long_path},
        {"the_password_lets_in", test_password},
        {"five_wrong_passwords_lock_out", test_lockout},
        {"a_hundred_stalled_strangers_delay_nobody", test_stalled},
        {"half_a_message_delays_nobody", test_half_message},
        {"a_viewer_that_never_reads_delays_nobody", test_never_reads},
        {"messages_not_offered_end_the_viewer", test_foreign_messages},
        {"settings_at_random_with_modes_at_random", test_random},
        {"the_clipboard_is_thrown_away", test_cut_text},
        {"one_viewer_too_many_is_refused", test_seats},
        {"descriptors_above_1024_do_not_matter", test_high_descriptors},
        {"keys_arrive_and_are_released_on_leaving", test_keys},
        {"a_capital_without_shift_gets_one", test_keys_without_shift},
        {"extended_keys_name_the_key_itself", test_extended_keys},
        {"a_mouse_gets_motion", test_relative},
        {"a_tablet_gets_places", test_absolute},
        {"viewers_are_told_of_pointer_and_leds", test_pointer_type},
        {"view_only_is_view_only", test_view_only},
        {"a_browser_gets_in_by_websocket", test_websocket})
