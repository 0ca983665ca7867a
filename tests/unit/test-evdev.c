/* tests/unit/test-evdev.c - the host's keyboards and mice change hands. Devices
 * are socket pairs; who grabbed them is written down. */
#include "vmm/input/evdev.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/input.h>

#include "tests/unit/cu-main.h"
#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define SECOND (G_GINT64_CONSTANT(1000000000))

/* The fake kernel: what a path opens as is the test's to say. */
typedef struct {
    int ends[2][2]; /* [device]: ours (what the hand types), the reader's */
    int open_errno; /* 0: opens */
    int keys_errno;
    bool grabbed[2];
    unsigned held; /* key that EVIOCGKEY says is down; 0: none */
} Kernel;
static Kernel kernel;

static int
fake_open(const char *path)
{
    unsigned n = (unsigned) (path[strlen(path) - 1] - '0');

    if (kernel.open_errno != 0) {
        errno = kernel.open_errno;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   kernel.ends[n]) < 0)
        return -1;
    return kernel.ends[n][1];
}

static int
fake_grab(int fd, bool on)
{
    kernel.grabbed[fd == kernel.ends[1][1]] = on;
    return 0;
}

static int
fake_keys(int fd, guint8 *bits, gsize len)
{
    memset(bits, 0, len);
    if (kernel.held != 0)
        bits[kernel.held / 8] = (guint8) (1u << (kernel.held % 8));
    return -kernel.keys_errno;
}

static bool
fake_range(int fd, unsigned axis, gint32 *ret_min, gint32 *ret_max)
{
    *ret_min = 100;
    *ret_max = axis == ABS_X ? 1100 : 100; /* an empty range is none */
    return fd == kernel.ends[1][1];
}

static const EvdevOps fake_ops = {fake_open, fake_grab, fake_keys, fake_range};

typedef struct {
    Loop *loop;
    Input *input;
    Evdev *evdev;
    GString *seen; /* "k30+ " */
    GString *log;
} Fixture;

static bool
take(void *dev, const InputEvent *ev)
{
    static const char types[] = {'k', 'r', 'a', 'b', 'w', 's'};

    g_string_append_printf(((Fixture *) dev)->seen, "%c%u:%d ", types[ev->type],
                           ev->code, ev->value);
    return true;
}

static void
on_log(void *data, const char *line)
{
    g_string_append_printf(((Fixture *) data)->log, "%s\n", line);
}

static const InputSinkOps sink = {take, ~0u};

/* A keyboard, /dev/0, and with two a mouse, /dev/1. */
static void
begin(Fixture *f, const char *toggle, bool to_guest, unsigned n)
{
    EvdevConfig config = {&fake_ops, toggle, to_guest, on_log, f};

    f->loop = loop_new_manual();
    f->input = input_new(f->loop);
    f->seen = g_string_new(NULL);
    f->log = g_string_new(NULL);
    input_add_sink(f->input, &sink, f);
    input_activate(f->input, f, true);
    f->evdev = evdev_new(f->input, f->loop, &config);
    CU_ASSERT_TRUE(evdev_add(f->evdev, "/dev/0", NULL));
    if (n > 1)
        CU_ASSERT_TRUE(evdev_add(f->evdev, "/dev/1", NULL));
    evdev_start(f->evdev);
}

static void
end(Fixture *f)
{
    evdev_free(f->evdev);
    loop_advance(f->loop, 1);
    input_remove_sink(f->input, f);
    input_free(f->input);
    loop_free(f->loop);
    for (unsigned i = 0; i < 2; i++)
        if (kernel.ends[i][0] > 0)
            sys_close(&kernel.ends[i][0]);
    memset(&kernel, 0, sizeof kernel);
    g_string_free(f->seen, TRUE);
    g_string_free(f->log, TRUE);
}

static void
put(Fixture *f, unsigned device, guint16 type, guint16 code, gint32 value)
{
    struct input_event events[2] = {
        {.type = type, .code = code, .value = value},
        {.type = EV_SYN, .code = SYN_REPORT},
    };

    CU_ASSERT_EQUAL(write(kernel.ends[device][0], events, sizeof events),
                    (ssize_t) sizeof events);
    loop_advance(f->loop, 1);
}

static void
hold_both(Fixture *f)
{
    put(f, 0, EV_KEY, KEY_LEFTCTRL, 1);
    put(f, 0, EV_KEY, KEY_RIGHTCTRL, 1);
}

static void
let_both_go(Fixture *f)
{
    put(f, 0, EV_KEY, KEY_RIGHTCTRL, 0);
    put(f, 0, EV_KEY, KEY_LEFTCTRL, 0);
}

static void
the_host_keeps_what_is_not_asked_for(void)
{
    Fixture f;

    begin(&f, "ctrl-ctrl", false, 1);
    put(&f, 0, EV_KEY, KEY_A, 1);
    put(&f, 0, EV_KEY, KEY_A, 0);
    put(&f, 0, EV_KEY, KEY_LEFTCTRL, 1); /* one is not both */
    put(&f, 0, EV_KEY, KEY_LEFTCTRL, 0);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "");
    CU_ASSERT_FALSE(kernel.grabbed[0]);
    end(&f);
}

static void
both_keys_hand_over_and_back(void)
{
    Fixture f;

    begin(&f, "ctrl-ctrl", false, 2);
    hold_both(&f);
    CU_ASSERT_FALSE(kernel.grabbed[0]); /* not while they are held */
    let_both_go(&f);
    CU_ASSERT_TRUE(kernel.grabbed[0]);
    CU_ASSERT_TRUE(kernel.grabbed[1]);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "");
    put(&f, 0, EV_KEY, KEY_A, 1);
    put(&f, 0, EV_KEY, KEY_A, 2);
    put(&f, 0, EV_KEY, KEY_A, 0);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "k30:1 s0:0 k30:1 s0:0 k30:0 s0:0 ");
    g_string_truncate(f.seen, 0);
    hold_both(&f);
    let_both_go(&f);
    CU_ASSERT_FALSE(kernel.grabbed[0]);
    CU_ASSERT_FALSE(kernel.grabbed[1]);
    /* the guest saw them come up as well */
    CU_ASSERT_STRING_EQUAL(f.seen->str, "k29:1 s0:0 k97:1 s0:0 k97:0 s0:0 "
                                        "k29:0 s0:0 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(f.log->str, "are the guest's (ctrl-ctrl"));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.log->str, "are the host's"));
    end(&f);
}

static void
another_key_that_is_held_delays_it(void)
{
    Fixture f;

    begin(&f, "ctrl-ctrl", false, 1);
    put(&f, 0, EV_KEY, KEY_A, 1);
    hold_both(&f);
    let_both_go(&f);
    CU_ASSERT_FALSE(kernel.grabbed[0]);
    put(&f, 0, EV_KEY, KEY_A, 0);
    CU_ASSERT_TRUE(kernel.grabbed[0]);
    end(&f);
}

static void
a_mouse_moves_the_pointer(void)
{
    Fixture f;

    begin(&f, "ctrl-ctrl", true, 2);
    CU_ASSERT_TRUE(kernel.grabbed[1]);
    put(&f, 1, EV_REL, REL_X, -3);
    put(&f, 1, EV_REL, REL_WHEEL, 1);
    put(&f, 1, EV_KEY, BTN_LEFT, 1);
    put(&f, 1, EV_KEY, BTN_TOUCH, 1); /* of no model of ours */
    put(&f, 1, EV_ABS, ABS_X, 600);
    put(&f, 1, EV_ABS, ABS_X, 5000);
    put(&f, 1, EV_ABS, ABS_Y, 100); /* its range is empty */
    put(&f, 1, EV_ABS, ABS_MT_SLOT, 1);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "r0:-3 s0:0 w8:1 s0:0 b272:1 s0:0 "
                                        "a0:16383 s0:0 a0:32767 s0:0 ");
    end(&f);
}

/* Enter started the machine, and is still held. */
static void
a_key_that_is_held_at_the_start_comes_up_first(void)
{
    Fixture f;

    kernel.held = KEY_ENTER;
    begin(&f, "ctrl-ctrl", true, 1);
    CU_ASSERT_FALSE(evdev_is_grabbed(f.evdev));
    put(&f, 0, EV_KEY, KEY_ENTER, 0);
    CU_ASSERT_TRUE(evdev_is_grabbed(f.evdev));
    CU_ASSERT_STRING_EQUAL(f.seen->str, "");
    end(&f);
}

static void
one_key_can_be_the_combination(void)
{
    Fixture f;

    begin(&f, "scrolllock", false, 1);
    put(&f, 0, EV_KEY, KEY_SCROLLLOCK, 1);
    put(&f, 0, EV_KEY, KEY_SCROLLLOCK, 0);
    CU_ASSERT_TRUE(kernel.grabbed[0]);
    hold_both(&f);
    let_both_go(&f);
    CU_ASSERT_TRUE(kernel.grabbed[0]);
    end(&f);
}

static void
an_unplugged_device_lets_its_keys_go(void)
{
    Fixture f;

    begin(&f, "ctrl-ctrl", true, 1);
    put(&f, 0, EV_KEY, KEY_A, 1);
    g_string_truncate(f.seen, 0);
    sys_close(&kernel.ends[0][0]);
    kernel.open_errno = ENOENT;
    loop_advance(f.loop, 1);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "k30:0 s0:0 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(f.log->str, "/dev/0: it was unplugged"));
    loop_advance(f.loop, 3 * SECOND);
    CU_ASSERT_PTR_NULL(strstr(f.log->str, "it is back"));
    kernel.open_errno = 0;
    kernel.grabbed[0] = false;
    loop_advance(f.loop, 3 * SECOND);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.log->str, "/dev/0: it is back"));
    CU_ASSERT_TRUE(kernel.grabbed[0]);
    g_string_truncate(f.seen, 0);
    put(&f, 0, EV_KEY, KEY_B, 1);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "k48:1 s0:0 ");
    end(&f);
}

static void
lost_events_let_all_keys_go(void)
{
    struct input_event lost[] = {
        {.type = EV_SYN, .code = SYN_DROPPED},
        {.type = EV_KEY, .code = KEY_C, .value = 1},
        {.type = EV_SYN, .code = SYN_REPORT},
    };
    Fixture f;

    begin(&f, "ctrl-ctrl", true, 1);
    put(&f, 0, EV_KEY, KEY_A, 1);
    g_string_truncate(f.seen, 0);
    CU_ASSERT_TRUE(write(kernel.ends[0][0], lost, sizeof lost) > 0);
    loop_advance(f.loop, 1);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "k30:0 s0:0 ");
    end(&f);
}

static void
complain(int open_errno, int keys_errno, CarrelError code, const char *text)
{
    EvdevConfig config = {.ops = &fake_ops, .toggle = "ctrl-ctrl"};
    Loop *loop = loop_new_manual();
    Input *input = input_new(loop);
    Evdev *e = evdev_new(input, loop, &config);
    g_autoptr(GError) error = NULL;

    kernel.open_errno = open_errno;
    kernel.keys_errno = keys_errno;
    CU_ASSERT_FALSE(evdev_add(e, "/dev/0", &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_ERROR, (int) code));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, text));
    evdev_free(e);
    input_free(input);
    loop_free(loop);
    if (kernel.ends[0][0] > 0)
        sys_close(&kernel.ends[0][0]);
    memset(&kernel, 0, sizeof kernel);
}

static void
what_cannot_be_opened_has_a_remedy(void)
{
    complain(EACCES, 0, CARREL_ERROR_PERMISSION, "usermod -aG input");
    complain(ENOENT, 0, CARREL_ERROR_NOT_FOUND, "/dev/input/by-id");
    complain(0, ENOTTY, CARREL_ERROR_INVALID, "it is no input device");
}

static void
real_files_are_no_input_devices(void)
{
    guint8 bits[8];
    int fd = evdev_ops_real.open("/dev/null");
    gint32 min, max;

    CU_ASSERT_TRUE(fd >= 0);
    CU_ASSERT_EQUAL(evdev_ops_real.keys(fd, bits, sizeof bits), -ENOTTY);
    CU_ASSERT_EQUAL(evdev_ops_real.grab(fd, true), -ENOTTY);
    CU_ASSERT_FALSE(evdev_ops_real.range(fd, ABS_X, &min, &max));
    sys_close(&fd);
}

CU_MAIN("evdev",
        {"the_host_keeps_what_is_not_asked_for",
         the_host_keeps_what_is_not_asked_for},
        {"both_keys_hand_over_and_back", both_keys_hand_over_and_back},
        {"another_key_that_is_held_delays_it",
         another_key_that_is_held_delays_it},
        {"a_mouse_moves_the_pointer", a_mouse_moves_the_pointer},
        {"a_key_that_is_held_at_the_start_comes_up_first",
         a_key_that_is_held_at_the_start_comes_up_first},
        {"one_key_can_be_the_combination", one_key_can_be_the_combination},
        {"an_unplugged_device_lets_its_keys_go",
         an_unplugged_device_lets_its_keys_go},
        {"lost_events_let_all_keys_go", lost_events_let_all_keys_go},
        {"what_cannot_be_opened_has_a_remedy",
         what_cannot_be_opened_has_a_remedy},
        {"real_files_are_no_input_devices", real_files_are_no_input_devices})
