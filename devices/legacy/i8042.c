/* devices/legacy/i8042.c - keyboard controller with keyboard and mouse.
 *
 * Intel 8042 with IBM's PS/2 program (Personal System/2 Hardware Interface
 * Technical Reference, "Keyboard and Auxiliary Device Controller"). One byte
 * at a time, an interrupt each, and a pause before the next, because drivers
 * of the time break when an answer is there before they look for it. A20 is
 * a bit that reads back: the CPU backend has no mask for it. Left out: the
 * password and the diagnostic dump. */
#include <string.h>

#include "devices/legacy/ps2-keyboard.h"
#include "devices/legacy/ps2-mouse.h"
#include "vmm/core/device.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

#define DATA_PORT        0x60
#define STATUS_PORT      0x64
#define KBD_IRQ          1
#define AUX_IRQ          12

#define STATUS_OBF       0x01
#define STATUS_SYS       0x04
#define STATUS_COMMAND   0x08 /* the last write was to port 0x64 */
#define STATUS_UNLOCK    0x10
#define STATUS_AUX       0x20

#define MODE_KBD_INT     0x01 /* the command byte */
#define MODE_AUX_INT     0x02
#define MODE_SYS         0x04
#define MODE_KBD_OFF     0x10
#define MODE_AUX_OFF     0x20
#define MODE_TRANSLATE   0x40

#define OUT_NO_RESET     0x01 /* the output port */
#define OUT_A20          0x02
#define OUT_KBD_OBF      0x10
#define OUT_AUX_OBF      0x20
#define OUT_FLOATING     0xcc

#define CMD_READ_RAM     0x20 /* ... 0x3f */
#define CMD_WRITE_RAM    0x60 /* ... 0x7f */
#define CMD_PASSWORD     0xa4
#define CMD_AUX_OFF      0xa7
#define CMD_AUX_ON       0xa8
#define CMD_AUX_TEST     0xa9
#define CMD_SELF_TEST    0xaa
#define CMD_KBD_TEST     0xab
#define CMD_KBD_OFF      0xad
#define CMD_KBD_ON       0xae
#define CMD_READ_INPUT   0xc0
#define CMD_READ_OUTPUT  0xd0
#define CMD_WRITE_OUTPUT 0xd1
#define CMD_AS_KBD       0xd2 /* the next byte seems to come from there */
#define CMD_AS_AUX       0xd3
#define CMD_TO_AUX       0xd4
#define CMD_A20_OFF      0xdd
#define CMD_A20_ON       0xdf
#define CMD_READ_TEST    0xe0
#define CMD_PULSE        0xf0 /* ... 0xff: clear bits go low for 6 us */

#define SELF_TEST_OK     0x55
#define NO_PASSWORD      0xf1
#define INPUT_PORT       0xa0 /* not locked, no manufacturing jumper */

/* Between two bytes of a device; the wire itself needs about a millisecond. */
#define BYTE_NS 200000

typedef enum { FROM_NONE, FROM_CONTROLLER, FROM_KBD, FROM_AUX } Origin;

typedef struct {
    guint8 ram[32]; /* byte 0: the command byte */
    guint8 command; /* waits for a byte at port 0x60; 0: none */
    guint8 last_is_command;
    guint8 output_port;
    guint8 data;         /* the output buffer */
    guint8 origin;       /* whose byte it is: Origin; FROM_NONE: empty */
    guint8 is_aux;       /* shown as the mouse's */
    guint8 breaking;     /* translation saw 0xF0 */
    Ps2Queue replies;    /* the controller's own */
    gint64 next_byte_ns; /* guest clock: a device's next byte not before */
    Ps2KeyboardState kbd;
    Ps2MouseState mouse;
} I8042State;

typedef struct {
    Device dev;
    I8042State s;
    IoRegion *data_port, *status_port;
    IrqLine *kbd_irq, *aux_irq;
    Timer *timer;
    /* dev.lock: the seat waits for room */
    bool kbd_blocked, mouse_blocked;
} I8042;

static guint8 *
mode(I8042State *s)
{
    return &s->ram[0];
}

static bool
irq_wanted(const I8042State *s, bool aux)
{
    guint8 enable = aux ? MODE_AUX_INT : MODE_KBD_INT;

    return s->origin != FROM_NONE && (s->is_aux != 0) == aux &&
           (s->ram[0] & enable) != 0;
}

static void
update_irq(I8042 *d)
{
    irq_line_set(d->kbd_irq, irq_wanted(&d->s, false));
    irq_line_set(d->aux_irq, irq_wanted(&d->s, true));
}

static void
fill(I8042State *s, guint8 byte, Origin origin, bool aux)
{
    s->data = byte;
    s->origin = (guint8) origin;
    s->is_aux = aux;
}

static bool
kbd_can_send(const I8042State *s)
{
    return (s->ram[0] & MODE_KBD_OFF) == 0 && ps2_keyboard_has_byte(&s->kbd);
}

static bool
aux_can_send(const I8042State *s)
{
    return (s->ram[0] & MODE_AUX_OFF) == 0 && ps2_mouse_has_byte(&s->mouse);
}

/* In translated mode F0 is swallowed and marks the next code as a release. */
static void
take_from_keyboard(I8042State *s)
{
    while (ps2_keyboard_has_byte(&s->kbd)) {
        guint8 byte = ps2_keyboard_read(&s->kbd);
        if ((s->ram[0] & MODE_TRANSLATE) == 0) {
            fill(s, byte, FROM_KBD, false);
            return;
        }
        if (byte == 0xf0) {
            s->breaking = 1;
            continue;
        }
        byte = (guint8) (ps2_translate(byte) | (s->breaking ? 0x80 : 0));
        s->breaking = 0;
        fill(s, byte, FROM_KBD, false);
        return;
    }
}

/* The next byte goes into the empty output buffer, if it is due. */
static void
refill(I8042State *s, gint64 now)
{
    if (s->origin != FROM_NONE)
        return;
    if (s->replies.len > 0)
        fill(s, ps2_queue_pop(&s->replies), FROM_CONTROLLER, false);
    else if (now < s->next_byte_ns)
        return;
    else if (kbd_can_send(s))
        take_from_keyboard(s);
    else if (aux_can_send(s))
        fill(s, ps2_mouse_read(&s->mouse), FROM_AUX, true);
}

/* The one place that moves bytes, sets lines and arms the timer. */
static void
update(I8042 *d)
{
    I8042State *s = &d->s;
    gint64 now = loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
    gint64 deadline = G_MAXINT64;

    if (ps2_mouse_wants_packet(&s->mouse)) {
        if (now >= s->mouse.next_packet_ns)
            ps2_mouse_build_packet(&s->mouse, now);
        else
            deadline = s->mouse.next_packet_ns;
    }
    refill(s, now);
    if (s->origin == FROM_NONE && (kbd_can_send(s) || aux_can_send(s)))
        deadline = MIN(deadline, s->next_byte_ns);
    update_irq(d);
    timer_arm(d->timer, deadline == G_MAXINT64 ? -1 : MAX(deadline, 0));

    /* The seat only posts a job, so telling it under the lock is fine. */
    if (d->kbd_blocked && ps2_queue_room(&s->kbd.scancodes) > 8) {
        d->kbd_blocked = false;
        input_ready(d->dev.env->input, &s->kbd);
    }
    if (d->mouse_blocked && !s->mouse.buttons_changed) {
        d->mouse_blocked = false;
        input_ready(d->dev.env->input, &s->mouse);
    }
}

static void
i8042_timer_fired(void *data)
{
    I8042 *d = data;

    g_mutex_lock(&d->dev.lock);
    update(d);
    g_mutex_unlock(&d->dev.lock);
}

/* ---- the seat ---- */

static I8042 *
from_kbd(void *dev)
{
    return (I8042 *) (void *) ((guint8 *) dev - G_STRUCT_OFFSET(I8042, s.kbd));
}

static I8042 *
from_mouse(void *dev)
{
    return (I8042 *) (void *) ((guint8 *) dev -
                               G_STRUCT_OFFSET(I8042, s.mouse));
}

static bool
kbd_event(void *dev, const InputEvent *ev)
{
    I8042 *d = from_kbd(dev);
    bool taken;

    g_mutex_lock(&d->dev.lock);
    taken = ps2_keyboard_key(&d->s.kbd, ev->code, ev->value != 0);
    d->kbd_blocked |= !taken;
    update(d);
    g_mutex_unlock(&d->dev.lock);
    return taken;
}

static bool
mouse_event(void *dev, const InputEvent *ev)
{
    I8042 *d = from_mouse(dev);
    bool taken = true;

    g_mutex_lock(&d->dev.lock);
    if (ev->type == INPUT_SYNC)
        update(d); /* one packet for a motion in x and y */
    else
        taken = ps2_mouse_event(&d->s.mouse, ev);
    d->mouse_blocked |= !taken;
    if (!taken)
        update(d);
    g_mutex_unlock(&d->dev.lock);
    return taken;
}

static const InputSinkOps kbd_sink = {
    .event = kbd_event,
    .wants = INPUT_BIT(INPUT_KEY),
};

static const InputSinkOps mouse_sink = {
    .event = mouse_event,
    .wants = INPUT_BIT(INPUT_REL) | INPUT_BIT(INPUT_BUTTON) |
             INPUT_BIT(INPUT_WHEEL) | INPUT_BIT(INPUT_SYNC),
};

static void
show_leds(I8042 *d)
{
    if (d->dev.env->input != NULL)
        input_set_leds(d->dev.env->input, d->s.kbd.leds);
}

/* ---- registers ---- */

static guint8
read_data(I8042 *d)
{
    I8042State *s = &d->s;
    guint8 byte = s->data;

    if (s->origin == FROM_KBD || s->origin == FROM_AUX)
        s->next_byte_ns = loop_now_ns(d->dev.env->loop, CLOCK_GUEST) + BYTE_NS;
    s->origin = FROM_NONE; /* the register keeps its value */
    update_irq(d);         /* down, so that the next byte makes an edge */
    update(d);
    return byte;
}

static guint8
read_status(const I8042State *s)
{
    return (guint8) (STATUS_UNLOCK | (s->origin != FROM_NONE ? STATUS_OBF : 0) |
                     (s->origin != FROM_NONE && s->is_aux ? STATUS_AUX : 0) |
                     ((s->ram[0] & MODE_SYS) != 0 ? STATUS_SYS : 0) |
                     (s->last_is_command ? STATUS_COMMAND : 0));
}

static guint8
read_output_port(const I8042State *s)
{
    return (guint8) ((s->output_port & (OUT_NO_RESET | OUT_A20)) |
                     OUT_FLOATING | (irq_wanted(s, false) ? OUT_KBD_OBF : 0) |
                     (irq_wanted(s, true) ? OUT_AUX_OBF : 0));
}

static void
write_output_port(I8042 *d, guint8 value)
{
    d->s.output_port = value & (OUT_NO_RESET | OUT_A20);
    if ((value & OUT_NO_RESET) == 0) {
        d->s.output_port |= OUT_NO_RESET;
        device_request(&d->dev, MACHINE_RESET_WARM,
                       "keyboard controller, output port");
    }
}

static void
reply(I8042State *s, guint8 byte)
{
    ps2_queue_push(&s->replies, byte);
}

static void
set_mode_bit(I8042State *s, guint8 bit, bool on)
{
    if (on)
        *mode(s) |= bit;
    else
        *mode(s) &= (guint8) ~bit;
}

/* The ranges of commands; false: not one of them. */
static bool
range_command(I8042 *d, guint8 value)
{
    I8042State *s = &d->s;

    if (value >= CMD_READ_RAM && value < CMD_READ_RAM + 32) {
        reply(s, s->ram[value - CMD_READ_RAM]);
        return true;
    }
    if (value >= CMD_WRITE_RAM && value < CMD_WRITE_RAM + 32) {
        s->command = value;
        return true;
    }
    if (value >= CMD_PULSE) {
        if ((value & OUT_NO_RESET) == 0)
            device_request(&d->dev, MACHINE_RESET_WARM,
                           "keyboard controller, reset pulse");
        return true;
    }
    return false;
}

static void
write_command(I8042 *d, guint8 value)
{
    I8042State *s = &d->s;

    s->last_is_command = 1;
    s->command = 0;
    if (range_command(d, value))
        return;
    switch (value) {
    case CMD_PASSWORD: reply(s, NO_PASSWORD); break;
    case CMD_AUX_OFF:
    case CMD_AUX_ON: set_mode_bit(s, MODE_AUX_OFF, value == CMD_AUX_OFF); break;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST: reply(s, 0); break;
    case CMD_SELF_TEST:
        *mode(s) |= MODE_SYS;
        reply(s, SELF_TEST_OK);
        break;
    case CMD_KBD_OFF:
    case CMD_KBD_ON: set_mode_bit(s, MODE_KBD_OFF, value == CMD_KBD_OFF); break;
    case CMD_READ_INPUT: reply(s, INPUT_PORT); break;
    case CMD_READ_OUTPUT: reply(s, read_output_port(s)); break;
    case CMD_WRITE_OUTPUT:
    case CMD_AS_KBD:
    case CMD_AS_AUX:
    case CMD_TO_AUX: s->command = value; break;
    case CMD_A20_OFF: s->output_port &= (guint8) ~OUT_A20; break;
    case CMD_A20_ON: s->output_port |= OUT_A20; break;
    case CMD_READ_TEST: reply(s, 0); break;
    default:
        device_guest_error(&d->dev, "unknown controller command 0x%02x", value);
        break;
    }
}

static void
write_keyboard(I8042 *d, guint8 value)
{
    I8042State *s = &d->s;
    guint8 leds = s->kbd.leds;

    set_mode_bit(s, MODE_KBD_OFF, false); /* sending starts the clock again */
    s->breaking = 0;
    ps2_keyboard_write(&s->kbd, value);
    if (s->kbd.leds != leds)
        show_leds(d);
}

static void
write_data(I8042 *d, guint8 value)
{
    I8042State *s = &d->s;
    guint8 command = s->command;

    s->last_is_command = 0;
    s->command = 0;
    if (command == 0 || command == CMD_TO_AUX)
        s->next_byte_ns = loop_now_ns(d->dev.env->loop, CLOCK_GUEST) + BYTE_NS;
    if (command == 0) {
        write_keyboard(d, value);
    } else if (command == CMD_TO_AUX) {
        set_mode_bit(s, MODE_AUX_OFF, false);
        ps2_mouse_write(&s->mouse, value);
    } else if (command == CMD_WRITE_OUTPUT) {
        write_output_port(d, value);
    } else if (command == CMD_AS_KBD || command == CMD_AS_AUX) {
        /* An edge even if an unread byte is replaced. */
        s->origin = FROM_NONE;
        update_irq(d);
        fill(s, value, FROM_CONTROLLER, command == CMD_AS_AUX);
    } else {
        s->ram[command - CMD_WRITE_RAM] = value;
    }
}

static guint64
data_port_read(void *dev, guint64 offset, unsigned size)
{
    return read_data(dev);
}

static void
data_port_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    write_data(dev, (guint8) value);
    update(dev);
}

static guint64
status_port_read(void *dev, guint64 offset, unsigned size)
{
    return read_status(&DEVICE_OF(I8042, dev)->s);
}

static void
status_port_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    write_command(dev, (guint8) value);
    update(dev);
}

static const IoOps data_port_ops = {
    .read = data_port_read,
    .write = data_port_write,
    .max_size = 1,
};

static const IoOps status_port_ops = {
    .read = status_port_read,
    .write = status_port_write,
    .max_size = 1,
};

/* ---- life ---- */

static bool
i8042_realize(Device *dev, DeviceEnv *env, GError **error)
{
    I8042 *d = DEVICE_OF(I8042, dev);

    d->kbd_irq = irq_line_new(env, KBD_IRQ);
    d->aux_irq = irq_line_new(env, AUX_IRQ);
    d->timer = timer_new(env->loop, CLOCK_GUEST, i8042_timer_fired, d);
    d->data_port =
        io_region_new("i8042-data", &data_port_ops, d, &dev->lock, 1);
    d->status_port =
        io_region_new("i8042-status", &status_port_ops, d, &dev->lock, 1);
    if (io_map(env->ports, d->data_port, DATA_PORT, 0) < 0 ||
        io_map(env->ports, d->status_port, STATUS_PORT, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: port 0x60 or 0x64 is taken by another device",
                    dev->id);
        return false;
    }
    if (env->input != NULL) {
        input_add_sink(env->input, &kbd_sink, &d->s.kbd);
        input_add_sink(env->input, &mouse_sink, &d->s.mouse);
        input_activate(env->input, &d->s.kbd, true);
        input_activate(env->input, &d->s.mouse, true);
    }
    return true;
}

static void
i8042_unrealize(Device *dev)
{
    I8042 *d = DEVICE_OF(I8042, dev);

    if (dev->env->input != NULL) {
        input_remove_sink(dev->env->input, &d->s.kbd);
        input_remove_sink(dev->env->input, &d->s.mouse);
    }
    g_clear_pointer(&d->data_port, io_region_free);
    g_clear_pointer(&d->status_port, io_region_free);
    g_clear_pointer(&d->timer, timer_free);
    g_clear_pointer(&d->kbd_irq, irq_line_free);
    g_clear_pointer(&d->aux_irq, irq_line_free);
}

static void
i8042_reset(Device *dev, ResetKind kind)
{
    I8042 *d = DEVICE_OF(I8042, dev);

    g_mutex_lock(&dev->lock);
    d->s = (I8042State){.ram = {MODE_KBD_INT | MODE_AUX_INT},
                        .output_port = OUT_NO_RESET | OUT_A20};
    ps2_keyboard_reset(&d->s.kbd);
    ps2_mouse_reset(&d->s.mouse);
    update(d);
    show_leds(d);
    g_mutex_unlock(&dev->lock);
}

static void
i8042_restored(Device *dev)
{
    I8042 *d = DEVICE_OF(I8042, dev);

    g_mutex_lock(&dev->lock);
    irq_line_adopt(d->kbd_irq, irq_wanted(&d->s, false));
    irq_line_adopt(d->aux_irq, irq_wanted(&d->s, true));
    update(d);
    show_leds(d);
    g_mutex_unlock(&dev->lock);
}

static bool
i8042_check(const void *state, GError **error)
{
    const I8042State *s = state;
    guint8 c = s->command;
    bool command_ok = c == 0 ||
                      (c >= CMD_WRITE_RAM && c < CMD_WRITE_RAM + 32) ||
                      (c >= CMD_WRITE_OUTPUT && c <= CMD_TO_AUX);

    if (command_ok && s->origin <= FROM_AUX && s->is_aux <= 1 &&
        s->breaking <= 1 && s->last_is_command <= 1)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "i8042: a pending command or a flag is out of range");
    return false;
}

/* clang-format off */
static const StateField i8042_fields[] = {
    STATE_BLOB(I8042State, ram),
    STATE_FIELD(I8042State, command, STATE_U8),
    STATE_FIELD(I8042State, last_is_command, STATE_U8),
    STATE_FIELD(I8042State, output_port, STATE_U8),
    STATE_FIELD(I8042State, data, STATE_U8),
    STATE_FIELD(I8042State, origin, STATE_U8),
    STATE_FIELD(I8042State, is_aux, STATE_U8),
    STATE_FIELD(I8042State, breaking, STATE_U8),
    STATE_SUB(I8042State, replies, &ps2_queue_state_desc),
    STATE_FIELD(I8042State, next_byte_ns, STATE_U64),
    STATE_SUB(I8042State, kbd, &ps2_keyboard_state_desc),
    STATE_SUB(I8042State, mouse, &ps2_mouse_state_desc),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc i8042_state = {
    .name = "i8042",
    .version = 1,
    .min_version = 1,
    .size = sizeof(I8042State),
    .fields = i8042_fields,
    .check = i8042_check,
};

const DeviceClass i8042_class = {
    .name = "i8042",
    .summary = "Keyboard controller, PS/2 keyboard and mouse",
    .size = sizeof(I8042),
    .state = &i8042_state,
    .state_offset = G_STRUCT_OFFSET(I8042, s),
    .realize = i8042_realize,
    .unrealize = i8042_unrealize,
    .reset = i8042_reset,
    .restored = i8042_restored,
};
