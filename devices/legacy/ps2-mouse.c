/* devices/legacy/ps2-mouse.c - PS/2 mouse, IntelliMouse and Explorer.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference, "Mouse"; the
 * wheel and five-button packets as Microsoft's mice send them after their
 * sampling rate sequences. Resolution is stored and reported: the viewer's
 * counts are handed on as they come. */
#include "devices/legacy/ps2-mouse.h"

#include <string.h>

#include <linux/input-event-codes.h>

#define PS2_ACK        0xfa
#define PS2_RESEND     0xfe
#define PS2_BAT_OK     0xaa

#define CMD_SCALE_1_1  0xe6
#define CMD_SCALE_2_1  0xe7
#define CMD_RESOLUTION 0xe8
#define CMD_STATUS     0xe9
#define CMD_STREAM     0xea
#define CMD_READ       0xeb
#define CMD_WRAP_OFF   0xec
#define CMD_WRAP_ON    0xee
#define CMD_REMOTE     0xf0
#define CMD_ID         0xf2
#define CMD_RATE       0xf3
#define CMD_ENABLE     0xf4
#define CMD_DISABLE    0xf5
#define CMD_DEFAULTS   0xf6
#define CMD_RESEND     0xfe
#define CMD_RESET      0xff

#define BUTTON_LEFT    0x01u
#define BUTTON_RIGHT   0x02u
#define BUTTON_MIDDLE  0x04u
#define BUTTON_SIDE    0x08u
#define BUTTON_EXTRA   0x10u

#define PACKET_ALWAYS  0x08
#define PACKET_X_NEG   0x10
#define PACKET_Y_NEG   0x20

#define DEFAULT_RATE   100
#define MAX_COUNT      (1 << 20) /* of motion kept for a guest that sleeps */

#define ID_WHEEL       3
#define ID_EXPLORER    4

static void
set_defaults(Ps2MouseState *s)
{
    s->rates[2] = DEFAULT_RATE;
    s->resolution = 2; /* 4 counts per mm */
    s->scale_2_1 = 0;
    s->remote = 0;
    s->enabled = 0;
    s->dx = s->dy = s->dz = 0;
    s->buttons_changed = 0;
    ps2_queue_clear(&s->packets);
}

void
ps2_mouse_reset(Ps2MouseState *s)
{
    memset(s, 0, sizeof *s);
    set_defaults(s);
}

static guint8
button_bit(guint16 code)
{
    switch (code) {
    case BTN_LEFT: return BUTTON_LEFT;
    case BTN_RIGHT: return BUTTON_RIGHT;
    case BTN_MIDDLE: return BUTTON_MIDDLE;
    case BTN_SIDE: return BUTTON_SIDE;
    case BTN_EXTRA: return BUTTON_EXTRA;
    default: return 0;
    }
}

static bool
reports(const Ps2MouseState *s)
{
    return s->enabled || s->remote;
}

static bool
button_event(Ps2MouseState *s, const InputEvent *ev)
{
    guint8 bit = button_bit(ev->code);
    guint8 next =
        ev->value != 0 ? s->buttons | bit : (guint8) (s->buttons & ~bit);

    if (next == s->buttons)
        return true;
    /* A click must not shrink to nothing between two packets. */
    if (s->buttons_changed && s->enabled && !s->remote)
        return false;
    s->buttons = next;
    s->buttons_changed = reports(s);
    return true;
}

static gint32
add_counts(gint32 sum, gint64 counts)
{
    return (gint32) CLAMP(sum + counts, -MAX_COUNT, MAX_COUNT);
}

bool
ps2_mouse_event(Ps2MouseState *s, const InputEvent *ev)
{
    if (ev->type == INPUT_BUTTON)
        return button_event(s, ev);
    if (!reports(s))
        return true;
    if (ev->type == INPUT_REL && ev->code == REL_X)
        s->dx = add_counts(s->dx, ev->value);
    else if (ev->type == INPUT_REL && ev->code == REL_Y)
        s->dy = add_counts(s->dy, -(gint64) ev->value);
    else if (ev->type == INPUT_WHEEL && ev->code != REL_HWHEEL)
        s->dz = add_counts(s->dz, -(gint64) ev->value);
    return true;
}

bool
ps2_mouse_wants_packet(const Ps2MouseState *s)
{
    bool moved = s->dx != 0 || s->dy != 0 || (s->dz != 0 && s->id != 0);

    return s->enabled && !s->remote && !s->wrap && s->packets.len == 0 &&
           (moved || s->buttons_changed);
}

/* Takes what fits into nine bits and leaves the rest for the next packet. */
static int
take_counts(gint32 *sum, int limit)
{
    int n = CLAMP(*sum, -limit, limit);

    *sum -= n;
    return n;
}

/* Technical Reference, "2:1 scaling" */
static int
scale(int n)
{
    static const int small[] = {0, 1, 1, 3, 6, 9};
    int size = ABS(n);
    int scaled = size < 6 ? small[size] : 2 * size;

    return n < 0 ? -scaled : scaled;
}

static void
put_packet(Ps2MouseState *s, Ps2Queue *q, bool scaled)
{
    int limit = scaled ? 127 : 255;
    int dx = take_counts(&s->dx, limit), dy = take_counts(&s->dy, limit);
    int dz;

    if (scaled) {
        dx = scale(dx);
        dy = scale(dy);
    }
    ps2_queue_push(q, (guint8) (PACKET_ALWAYS | (s->buttons & 7) |
                                (dx < 0 ? PACKET_X_NEG : 0) |
                                (dy < 0 ? PACKET_Y_NEG : 0)));
    ps2_queue_push(q, (guint8) dx);
    ps2_queue_push(q, (guint8) dy);
    if (s->id == 0)
        s->dz = 0; /* nobody will ask for it */
    dz = take_counts(&s->dz, 7);
    if (s->id == ID_WHEEL)
        ps2_queue_push(q, (guint8) dz);
    else if (s->id == ID_EXPLORER)
        ps2_queue_push(q, (guint8) ((dz & 0xf) | (s->buttons & 0x18) << 1));
    s->buttons_changed = 0;
}

void
ps2_mouse_build_packet(Ps2MouseState *s, gint64 now_ns)
{
    put_packet(s, &s->packets, s->scale_2_1 != 0);
    s->next_packet_ns = now_ns + 1000000000 / MAX(s->rates[2], 10);
}

/* ---- commands ---- */

static void
reply(Ps2MouseState *s, guint8 byte)
{
    ps2_queue_push(&s->replies, byte);
}

/* 200, 100, 80 turns the wheel on, 200, 200, 80 the extra buttons as well. */
static void
set_rate(Ps2MouseState *s, guint8 rate)
{
    s->rates[0] = s->rates[1];
    s->rates[1] = s->rates[2];
    s->rates[2] = rate;
    if (s->rates[0] != 200 || rate != 80)
        return;
    if (s->rates[1] == 100)
        s->id = ID_WHEEL;
    else if (s->rates[1] == 200)
        s->id = ID_EXPLORER;
}

static void
report_status(Ps2MouseState *s)
{
    guint8 status = (guint8) ((s->remote ? 0x40 : 0) | (s->enabled ? 0x20 : 0) |
                              (s->scale_2_1 ? 0x10 : 0));

    /* Here the order of the buttons is left, middle, right from bit 2. */
    if ((s->buttons & BUTTON_LEFT) != 0)
        status |= 4;
    if ((s->buttons & BUTTON_MIDDLE) != 0)
        status |= 2;
    if ((s->buttons & BUTTON_RIGHT) != 0)
        status |= 1;
    reply(s, status);
    reply(s, s->resolution);
    reply(s, s->rates[2]);
}

static bool
take_argument(Ps2MouseState *s, guint8 byte)
{
    guint8 command = s->command;

    s->command = 0;
    if (command == 0 || byte == CMD_RESET)
        return false;
    if (command == CMD_RESOLUTION && byte > 3) {
        reply(s, PS2_RESEND);
        return true;
    }
    reply(s, PS2_ACK);
    if (command == CMD_RESOLUTION)
        s->resolution = byte;
    else
        set_rate(s, byte);
    return true;
}

static void
start_command(Ps2MouseState *s, guint8 byte)
{
    reply(s, PS2_ACK);
    switch (byte) {
    case CMD_SCALE_1_1:
    case CMD_SCALE_2_1: s->scale_2_1 = byte == CMD_SCALE_2_1; break;
    case CMD_RESOLUTION:
    case CMD_RATE: s->command = byte; break;
    case CMD_STATUS: report_status(s); break;
    case CMD_STREAM:
    case CMD_REMOTE: s->remote = byte == CMD_REMOTE; break;
    case CMD_READ: put_packet(s, &s->replies, false); break;
    case CMD_WRAP_OFF:
    case CMD_WRAP_ON: s->wrap = byte == CMD_WRAP_ON; break;
    case CMD_ID: reply(s, s->id); break;
    case CMD_ENABLE: s->enabled = 1; break;
    case CMD_DISABLE: s->enabled = 0; break;
    case CMD_DEFAULTS: set_defaults(s); break;
    case CMD_RESET:
        ps2_mouse_reset(s);
        reply(s, PS2_ACK);
        reply(s, PS2_BAT_OK);
        reply(s, s->id);
        break;
    default:
        ps2_queue_clear(&s->replies);
        reply(s, PS2_RESEND);
        break;
    }
}

void
ps2_mouse_write(Ps2MouseState *s, guint8 byte)
{
    if (s->wrap && byte != CMD_RESET && byte != CMD_WRAP_OFF) {
        reply(s, byte);
        return;
    }
    /* A command interrupts the packet that is being sent. */
    ps2_queue_clear(&s->packets);
    if (take_argument(s, byte))
        return;
    if (byte == CMD_RESEND)
        reply(s, s->last_sent);
    else
        start_command(s, byte);
}

bool
ps2_mouse_has_byte(const Ps2MouseState *s)
{
    return s->replies.len > 0 || s->packets.len > 0;
}

guint8
ps2_mouse_read(Ps2MouseState *s)
{
    s->last_sent =
        ps2_queue_pop(s->replies.len > 0 ? &s->replies : &s->packets);
    return s->last_sent;
}

static bool
mouse_check(const void *state, GError **error)
{
    const Ps2MouseState *s = state;
    bool command_ok = s->command == 0 || s->command == CMD_RESOLUTION ||
                      s->command == CMD_RATE;
    bool id_ok = s->id == 0 || s->id == ID_WHEEL || s->id == ID_EXPLORER;

    if (command_ok && id_ok && s->resolution <= 3 && s->scale_2_1 <= 1 &&
        s->enabled <= 1 && s->remote <= 1 && s->wrap <= 1 &&
        s->buttons <= 0x1f && s->buttons_changed <= 1 && s->dx >= -MAX_COUNT &&
        s->dx <= MAX_COUNT && s->dy >= -MAX_COUNT && s->dy <= MAX_COUNT &&
        s->dz >= -MAX_COUNT && s->dz <= MAX_COUNT)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "ps2-mouse: a command, mode or count is out of range");
    return false;
}

/* clang-format off */
static const StateField mouse_fields[] = {
    STATE_SUB(Ps2MouseState, replies, &ps2_queue_state_desc),
    STATE_SUB(Ps2MouseState, packets, &ps2_queue_state_desc),
    STATE_FIELD(Ps2MouseState, command, STATE_U8),
    STATE_FIELD(Ps2MouseState, id, STATE_U8),
    STATE_BLOB(Ps2MouseState, rates),
    STATE_FIELD(Ps2MouseState, resolution, STATE_U8),
    STATE_FIELD(Ps2MouseState, scale_2_1, STATE_U8),
    STATE_FIELD(Ps2MouseState, enabled, STATE_U8),
    STATE_FIELD(Ps2MouseState, remote, STATE_U8),
    STATE_FIELD(Ps2MouseState, wrap, STATE_U8),
    STATE_FIELD(Ps2MouseState, last_sent, STATE_U8),
    STATE_FIELD(Ps2MouseState, buttons, STATE_U8),
    STATE_FIELD(Ps2MouseState, buttons_changed, STATE_U8),
    STATE_FIELD(Ps2MouseState, dx, STATE_U32),
    STATE_FIELD(Ps2MouseState, dy, STATE_U32),
    STATE_FIELD(Ps2MouseState, dz, STATE_U32),
    STATE_FIELD(Ps2MouseState, next_packet_ns, STATE_U64),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc ps2_mouse_state_desc = {
    .name = "ps2-mouse",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ps2MouseState),
    .fields = mouse_fields,
    .check = mouse_check,
};
