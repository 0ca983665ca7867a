/* ui/vnc/events.c - see events.h.
 *
 * Messages: RFC 6143 sections 7.5.4 and 7.5.5, and the registered QEMU
 * extensions. */
#include "ui/vnc/events.h"

#include <linux/input-event-codes.h>

#include "ui/vnc/keysym.h"
#include "ui/vnc/rfb-message.h"

#define ABSOLUTE_MAX  32767  /* of input.h */
#define RELATIVE_ZERO 0x7fff /* no motion, in a pointer type change */
#define MAX_EVENTS    24     /* of one pointer message */
#define LED_CAPS      4u

typedef struct {
    InputEvent ev[MAX_EVENTS];
    unsigned n;
} Batch;

static void
add(Batch *b, InputType type, guint code, int value)
{
    b->ev[b->n++] = (InputEvent){type, (guint16) code, value};
}

static void
post(VncEvents *events, Batch *b)
{
    if (b->n == 0)
        return;
    add(b, INPUT_SYNC, 0, 0);
    input_post(events->input, events->source, b->ev, b->n);
}

void
vnc_events_init(VncEvents *events, Input *input)
{
    *events = (VncEvents){.input = input};
    if (input != NULL)
        events->source = input_new_source(input);
}

void
vnc_events_done(VncEvents *events)
{
    if (events->input != NULL)
        input_release_all(events->input, events->source);
    events->input = NULL;
}

static void
note_shift(VncEvents *events, guint16 code, bool down)
{
    if (code == KEY_LEFTSHIFT)
        events->shift_left = down;
    else if (code == KEY_RIGHTSHIFT)
        events->shift_right = down;
}

/* Viewers without a keyboard of their own (phones, scripts) send 'A' and no
 * Shift. */
static bool
lacks_shift(VncEvents *events, KeysymLevel level)
{
    bool caps;

    if (events->shift_left || events->shift_right)
        return false;
    if (level == KEYSYM_SHIFT)
        return true;
    if (level != KEYSYM_CAPITAL && level != KEYSYM_LOWER)
        return false;
    caps = (input_leds(events->input) & LED_CAPS) != 0;
    return (level == KEYSYM_CAPITAL) != caps;
}

static void
press(VncEvents *events, guint16 code, bool down, KeysymLevel level)
{
    Batch b = {.n = 0};
    bool ours = events->shifted_key == code;

    note_shift(events, code, down);
    if (down && events->shifted_key == 0 && lacks_shift(events, level)) {
        events->shifted_key = code;
        add(&b, INPUT_KEY, KEY_LEFTSHIFT, 1);
    } else if (down && events->shifted_key != 0 && !ours) {
        /* The next key came before the last went up: end the Shift now. */
        events->shifted_key = lacks_shift(events, level) ? code : 0;
        if (events->shifted_key == 0 && !events->shift_left)
            add(&b, INPUT_KEY, KEY_LEFTSHIFT, 0);
    }
    add(&b, INPUT_KEY, code, down);
    if (!down && ours) {
        events->shifted_key = 0;
        if (!events->shift_left)
            add(&b, INPUT_KEY, KEY_LEFTSHIFT, 0);
    }
    post(events, &b);
}

void
vnc_events_key(VncEvents *events, const guint8 *message)
{
    KeysymLevel level;
    guint16 code;

    if (events->input != NULL &&
        keysym_to_key(rfb_get32(message + 4), &code, &level))
        press(events, code, message[1] != 0, level);
}

/* type, subtype, u16 down, u32 keysym, u32 scan code */
void
vnc_events_qemu_key(VncEvents *events, const guint8 *message)
{
    KeysymLevel level = KEYSYM_ANY;
    bool down = rfb_get16(message + 2) != 0;
    guint16 code;

    if (events->input == NULL)
        return;
    /* The key itself is known: Shift is whatever the viewer holds. */
    if (xt_to_key(rfb_get32(message + 8), &code))
        press(events, code, down, KEYSYM_ANY);
    else if (keysym_to_key(rfb_get32(message + 4), &code, &level))
        press(events, code, down, level);
}

static int
scale(int at, int size)
{
    return size > 1 ? (int) ((gint64) CLAMP(at, 0, size - 1) * ABSOLUTE_MAX /
                             (size - 1))
                    : 0;
}

/* The guest's pointer drifts away from the viewer's, as guests accelerate
 * motion. At an edge we push it a whole screen further: it stops at the same
 * edge, and both are together again. */
static int
motion(int from, int to, int size)
{
    if (to <= 0 && from > 0)
        return to - from - size;
    if (to >= size - 1 && from < size - 1)
        return to - from + size;
    return to - from;
}

static void
move(VncEvents *events, Batch *b, int x, int y, int width, int height)
{
    if (input_has_absolute(events->input)) {
        add(b, INPUT_ABS, ABS_X, scale(x, width));
        add(b, INPUT_ABS, ABS_Y, scale(y, height));
        return;
    }
    x = CLAMP(x, 0, width - 1);
    y = CLAMP(y, 0, height - 1);
    int dx = events->pointer_known ? motion(events->x, x, width) : 0;
    int dy = events->pointer_known ? motion(events->y, y, height) : 0;
    if (dx != 0)
        add(b, INPUT_REL, REL_X, dx);
    if (dy != 0)
        add(b, INPUT_REL, REL_Y, dy);
    events->x = x;
    events->y = y;
    events->pointer_known = true;
}

static void
move_relative(VncEvents *events, Batch *b, int x, int y)
{
    if (x != RELATIVE_ZERO)
        add(b, INPUT_REL, REL_X, x - RELATIVE_ZERO);
    if (y != RELATIVE_ZERO)
        add(b, INPUT_REL, REL_Y, y - RELATIVE_ZERO);
    events->pointer_known = false;
}

static void
buttons(VncEvents *events, Batch *b, guint8 now)
{
    /* clang-format off */
    static const struct { InputType type; guint16 code; int value; } row[8] = {
        { INPUT_BUTTON, BTN_LEFT,    1 },
        { INPUT_BUTTON, BTN_MIDDLE,  1 },
        { INPUT_BUTTON, BTN_RIGHT,   1 },
        { INPUT_WHEEL,  REL_WHEEL,   1 },
        { INPUT_WHEEL,  REL_WHEEL,  -1 },
        { INPUT_WHEEL,  REL_HWHEEL, -1 },
        { INPUT_WHEEL,  REL_HWHEEL,  1 },
        { INPUT_BUTTON, BTN_SIDE,    1 },
    };
    /* clang-format on */
    guint changed = (guint) now ^ events->buttons;

    for (guint i = 0; i < G_N_ELEMENTS(row); i++) {
        bool down = (now & 1u << i) != 0;
        if ((changed & 1u << i) == 0)
            continue;
        if (row[i].type == INPUT_BUTTON)
            add(b, INPUT_BUTTON, row[i].code, down);
        else if (down) /* a turn of the wheel is a press and a release */
            add(b, INPUT_WHEEL, row[i].code, row[i].value);
    }
    events->buttons = now;
}

void
vnc_events_pointer(VncEvents *events, const guint8 *message, int width,
                   int height, bool relative)
{
    Batch b = {.n = 0};
    int x = rfb_get16(message + 2);
    int y = rfb_get16(message + 4);

    if (events->input == NULL)
        return;
    if (relative && !input_has_absolute(events->input))
        move_relative(events, &b, x, y);
    else
        move(events, &b, x, y, MAX(width, 1), MAX(height, 1));
    buttons(events, &b, message[1]);
    post(events, &b);
}
