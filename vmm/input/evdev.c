/* vmm/input/evdev.c - see evdev.h. */
#include "vmm/input/evdev.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/input.h>

#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define MAX_BATCH   64u
#define N_KEYS      (KEY_MAX + 1u)
#define KEY_BYTES   ((N_KEYS + 7) / 8)
#define AXIS_MAX    32767
#define LOOK_AGAIN  (2 * NSEC_PER_SECOND) /* for one that was unplugged */
#define READ_EVENTS 32

static const struct {
    const char *name;
    guint16 a, b; /* both held; the same: this one key */
} toggles[] = {
    {"ctrl-ctrl", KEY_LEFTCTRL, KEY_RIGHTCTRL},
    {"alt-alt", KEY_LEFTALT, KEY_RIGHTALT},
    {"shift-shift", KEY_LEFTSHIFT, KEY_RIGHTSHIFT},
    {"meta-meta", KEY_LEFTMETA, KEY_RIGHTMETA},
    {"ctrl-scrolllock", KEY_LEFTCTRL, KEY_SCROLLLOCK},
    {"scrolllock", KEY_SCROLLLOCK, KEY_SCROLLLOCK},
};

typedef struct {
    Evdev *all;
    char *path;
    int fd; /* -1: unplugged */
    guint watch, source;
    guint8 down[KEY_BYTES]; /* keys of this device that are held */
    struct {
        bool here;
        gint32 min, max;
    } axis[2];    /* ABS_X, ABS_Y */
    bool dropped; /* the kernel lost events: all up to the next report count
                     for nothing */
    InputEvent batch[MAX_BATCH];
    unsigned n;
} EvdevDevice;

struct Evdev {
    Input *input;
    Loop *loop;
    EvdevConfig config;
    guint16 key_a, key_b;
    GPtrArray *devices;
    bool grabbed;
    bool wanted; /* the combination was held: it changes when all are up */
    Timer *timer;
};

const char *
evdev_toggles(void)
{
    return "ctrl-ctrl|alt-alt|shift-shift|meta-meta|ctrl-scrolllock|"
           "scrolllock";
}

static void G_GNUC_PRINTF(2, 3) say(Evdev *e, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *line = g_strdup_vprintf(fmt, args);
    va_end(args);
    if (e->config.log != NULL)
        e->config.log(e->config.data, line);
}

/* ---- keys that are held ---- */

static bool
bit(const guint8 *bits, unsigned code)
{
    return (bits[code / 8] >> (code % 8) & 1) != 0;
}

static bool
is_down(const Evdev *e, unsigned code)
{
    for (guint i = 0; i < e->devices->len; i++)
        if (bit(((EvdevDevice *) e->devices->pdata[i])->down, code))
            return true;
    return false;
}

static bool
any_down(const Evdev *e)
{
    static const guint8 none[KEY_BYTES];

    for (guint i = 0; i < e->devices->len; i++)
        if (memcmp(((EvdevDevice *) e->devices->pdata[i])->down, none,
                   KEY_BYTES) != 0)
            return true;
    return false;
}

static void
read_keys(EvdevDevice *d)
{
    memset(d->down, 0, sizeof d->down);
    (void) d->all->config.ops->keys(d->fd, d->down, sizeof d->down);
}

/* ---- changing hands ---- */

static void
grab_one(EvdevDevice *d, bool on)
{
    int err = d->fd >= 0 ? d->all->config.ops->grab(d->fd, on) : 0;

    if (err == -EBUSY)
        say(d->all,
            "%s: another program has it to itself; end that, or it types to "
            "both",
            d->path);
    else if (err < 0 && err != -ENODEV)
        say(d->all, "%s: cannot be %s: %s", d->path,
            on ? "taken from the host" : "given back", g_strerror(-err));
}

static void
set_grabbed(Evdev *e, bool on)
{
    e->grabbed = on;
    for (guint i = 0; i < e->devices->len; i++) {
        EvdevDevice *d = e->devices->pdata[i];
        grab_one(d, on);
        if (!on)
            input_release_all(e->input, d->source);
    }
    say(e, "keyboard and mouse are the %s's (%s changes that)",
        on ? "guest" : "host", e->config.toggle);
}

static void
see_toggle(Evdev *e, unsigned code)
{
    if ((code == e->key_a || code == e->key_b) && is_down(e, e->key_a) &&
        is_down(e, e->key_b))
        e->wanted = true;
}

static void
change_if_wanted(Evdev *e)
{
    if (!e->wanted || any_down(e))
        return;
    e->wanted = false;
    set_grabbed(e, !e->grabbed);
}

/* ---- events ---- */

static void
add(EvdevDevice *d, InputType type, guint16 code, gint32 value)
{
    if (d->n < MAX_BATCH - 1) /* the last is the report's */
        d->batch[d->n++] = (InputEvent){type, code, value};
}

static void
see_key(EvdevDevice *d, unsigned code, gint32 value)
{
    bool button = code >= BTN_MOUSE && code < BTN_JOYSTICK;

    if (code >= N_KEYS)
        return;
    if (value == 0)
        d->down[code / 8] &= (guint8) ~(1u << (code % 8));
    else
        d->down[code / 8] |= (guint8) (1u << (code % 8));
    if (value == 1)
        see_toggle(d->all, code);
    if (code >= BTN_MISC && code < KEY_OK && !button)
        return; /* pads and pens: no model of ours has such */
    /* 2: it repeats, as models expect of a key that is held */
    add(d, button ? INPUT_BUTTON : INPUT_KEY, (guint16) code, value != 0);
}

static void
see_axis(EvdevDevice *d, unsigned axis, gint32 value)
{
    if (axis > ABS_Y || !d->axis[axis].here)
        return;
    gint64 span = (gint64) d->axis[axis].max - d->axis[axis].min;
    gint64 at = ((gint64) value - d->axis[axis].min) * AXIS_MAX / span;
    add(d, INPUT_ABS, (guint16) axis, (gint32) CLAMP(at, 0, AXIS_MAX));
}

static void
see_report(EvdevDevice *d)
{
    Evdev *e = d->all;

    if (d->dropped) {
        d->dropped = false;
        input_release_all(e->input, d->source);
        read_keys(d);
    } else if (e->grabbed && d->n > 0) {
        d->batch[d->n++] = (InputEvent){.type = INPUT_SYNC};
        input_post(e->input, d->source, d->batch, d->n);
    }
    d->n = 0;
    change_if_wanted(e);
}

static void
see(EvdevDevice *d, const struct input_event *ev)
{
    if (ev->type == EV_SYN && ev->code == SYN_DROPPED)
        d->dropped = true;
    else if (ev->type == EV_SYN && ev->code == SYN_REPORT)
        see_report(d);
    else if (d->dropped)
        return;
    else if (ev->type == EV_KEY)
        see_key(d, ev->code, ev->value);
    else if (ev->type == EV_REL && ev->code <= REL_Y)
        add(d, INPUT_REL, ev->code, ev->value);
    else if (ev->type == EV_REL &&
             (ev->code == REL_WHEEL || ev->code == REL_HWHEEL))
        add(d, INPUT_WHEEL, ev->code, ev->value);
    else if (ev->type == EV_ABS)
        see_axis(d, ev->code, ev->value);
}

/* ---- devices come and go ---- */

static void
look_later(Evdev *e)
{
    timer_arm(e->timer, loop_now_ns(e->loop, CLOCK_HOST) + LOOK_AGAIN);
}

static void
unplugged(EvdevDevice *d)
{
    Evdev *e = d->all;

    loop_unwatch(e->loop, d->watch);
    d->watch = 0;
    sys_close(&d->fd);
    memset(d->down, 0, sizeof d->down);
    d->n = 0;
    d->dropped = false;
    input_release_all(e->input, d->source);
    say(e, "%s: it was unplugged; it is the guest's again when it comes back",
        d->path);
    change_if_wanted(e);
    look_later(e);
}

static void
readable(int fd, GIOCondition cond, void *data)
{
    EvdevDevice *d = data;
    struct input_event events[READ_EVENTS];
    ssize_t len = SYS_RETRY(read(fd, events, sizeof events));

    if (len < 0 && errno == EAGAIN && (cond & (G_IO_HUP | G_IO_ERR)) == 0)
        return;
    if (len <= 0) {
        unplugged(d);
        return;
    }
    for (gsize i = 0; i < (gsize) len / sizeof events[0]; i++)
        see(d, &events[i]);
}

static void
begin(EvdevDevice *d)
{
    Evdev *e = d->all;

    for (unsigned axis = 0; axis < G_N_ELEMENTS(d->axis); axis++) {
        d->axis[axis].here = e->config.ops->range(
            d->fd, axis, &d->axis[axis].min, &d->axis[axis].max);
        d->axis[axis].here =
            d->axis[axis].here && d->axis[axis].max > d->axis[axis].min;
    }
    read_keys(d);
    d->watch = loop_watch_fd(e->loop, d->fd, G_IO_IN, readable, d);
    if (e->grabbed)
        grab_one(d, true);
}

static void
look_again(void *data)
{
    Evdev *e = data;
    bool missing = false;

    for (guint i = 0; i < e->devices->len; i++) {
        EvdevDevice *d = e->devices->pdata[i];
        if (d->fd >= 0)
            continue;
        d->fd = e->config.ops->open(d->path);
        missing = missing || d->fd < 0;
        if (d->fd < 0)
            continue;
        begin(d);
        say(e, "%s: it is back", d->path);
    }
    if (missing)
        look_later(e);
}

static bool
open_error(const char *path, int err, GError **error)
{
    CarrelError code = CARREL_ERROR_NOT_FOUND;
    const char *remedy = "'ls -l /dev/input/by-id' shows what there is";

    if (err == EACCES || err == EPERM) {
        code = CARREL_ERROR_PERMISSION;
        remedy = "'sudo usermod -aG input $USER' and a new login allow it; "
                 "whoever is in that group can read every key that is typed "
                 "here";
    } else if (err == ENOTTY) {
        code = CARREL_ERROR_INVALID;
        remedy = "it is no input device; name one below /dev/input/by-id";
    }
    g_set_error(error, CARREL_ERROR, code, "%s: %s; %s", path, g_strerror(err),
                remedy);
    return false;
}

bool
evdev_add(Evdev *e, const char *path, GError **error)
{
    guint8 bits[KEY_BYTES];
    int fd = e->config.ops->open(path);

    if (fd < 0)
        return open_error(path, errno, error);
    int err = e->config.ops->keys(fd, bits, sizeof bits);
    if (err < 0) {
        sys_close(&fd);
        return open_error(path, ENOTTY, error);
    }
    EvdevDevice *d = g_new0(EvdevDevice, 1);
    d->all = e;
    d->path = g_strdup(path);
    d->fd = fd;
    d->source = input_new_source(e->input);
    g_ptr_array_add(e->devices, d);
    return true;
}

void
evdev_start(Evdev *e)
{
    for (guint i = 0; i < e->devices->len; i++)
        begin(e->devices->pdata[i]);
    /* a key that is held right now, Enter perhaps, would never come up on the
     * host's side */
    if (e->config.to_guest) {
        e->wanted = true;
        change_if_wanted(e);
    }
}

bool
evdev_is_grabbed(const Evdev *e)
{
    return e->grabbed;
}

Evdev *
evdev_new(Input *input, Loop *loop, const EvdevConfig *config)
{
    Evdev *e = g_new0(Evdev, 1);

    e->input = input;
    e->loop = loop;
    e->config = *config;
    e->devices = g_ptr_array_new();
    e->timer = timer_new(loop, CLOCK_HOST, look_again, e);
    for (gsize i = 0; i < G_N_ELEMENTS(toggles); i++)
        if (i == 0 || strcmp(toggles[i].name, config->toggle) == 0) {
            e->config.toggle = toggles[i].name;
            e->key_a = toggles[i].a;
            e->key_b = toggles[i].b;
        }
    return e;
}

void
evdev_free(Evdev *e)
{
    if (e == NULL)
        return;
    for (guint i = 0; i < e->devices->len; i++) {
        EvdevDevice *d = e->devices->pdata[i];
        if (d->watch != 0)
            loop_unwatch(e->loop, d->watch);
        sys_close(&d->fd); /* lets go of it, too */
        input_release_all(e->input, d->source);
        g_free(d->path);
        g_free(d);
    }
    timer_free(e->timer);
    g_ptr_array_unref(e->devices);
    g_free(e);
}

/* ---- the kernel's ---- */

static int
real_open(const char *path)
{
    return SYS_RETRY(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

static int
real_grab(int fd, bool grabbed)
{
    return ioctl(fd, EVIOCGRAB, grabbed ? 1L : 0L) < 0 ? -errno : 0;
}

static int
real_keys(int fd, guint8 *bits, gsize len)
{
    return ioctl(fd, EVIOCGKEY(len), bits) < 0 ? -errno : 0;
}

/* A touch pad has such axes, too, but a finger on it says how far. */
static bool
real_range(int fd, unsigned axis, gint32 *ret_min, gint32 *ret_max)
{
    guint8 keys[KEY_BYTES] = {0};
    struct input_absinfo info = {0};

    if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) < 0 ||
        bit(keys, BTN_TOOL_FINGER) || ioctl(fd, EVIOCGABS(axis), &info) < 0)
        return false;
    *ret_min = info.minimum;
    *ret_max = info.maximum;
    return true;
}

const EvdevOps evdev_ops_real = {
    .open = real_open,
    .grab = real_grab,
    .keys = real_keys,
    .range = real_range,
};
