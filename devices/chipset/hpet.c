/* devices/chipset/hpet.c - high precision event timers.
 *
 * Intel IA-PC HPET specification 1.0a: one counter of 64 bits at 100 MHz and
 * three comparators, each one-shot or periodic, by an input of the IOAPIC, by
 * a message (FSB), or in place of the interval timer and the RTC. Time is the
 * guest clock's; a match is computed when its time has come or somebody looks.
 * Periods that the host missed make one interrupt, and a period shorter than
 * 100 us comes no more often than that. */
#include "devices/chipset/hpet.h"

#include "devices/legacy/mc146818.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

#define N_TIMERS       3u

#define HPET_GCAP_ID   0x000 /* section 2.3.4 */
#define HPET_GEN_CONF  0x010
#define HPET_GINTR_STA 0x020
#define HPET_MAIN_CNT  0x0f0
#define HPET_TIMERS    0x100
#define HPET_TIMER_LEN 0x20
#define HPET_TN_CONF   0x00
#define HPET_TN_COMP   0x08
#define HPET_TN_FSB    0x10

#define TICK_NS        10
#define TICK_FS        G_GUINT64_CONSTANT(10000000)
/* 64 bits, legacy replacement, three timers, revision 1 */
#define GCAP_ID         (TICK_FS << 32 | HPET_ID)

#define GEN_ENABLE      0x1u
#define GEN_LEGACY      0x2u

#define TN_LEVEL        0x0002u
#define TN_ENABLE       0x0004u
#define TN_PERIODIC     0x0008u
#define TN_PERIODIC_CAP 0x0010u
#define TN_64BIT_CAP    0x0020u
#define TN_VALUE_SET    0x0040u
#define TN_32BIT        0x0100u
#define TN_ROUTE        0x3e00u
#define TN_ROUTE_SHIFT  9
#define TN_FSB          0x4000u
#define TN_FSB_CAP      0x8000u
#define TN_WRITABLE                                                            \
    (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_VALUE_SET | TN_32BIT | TN_ROUTE | \
     TN_FSB)
#define TN_CAPS (TN_PERIODIC_CAP | TN_64BIT_CAP | TN_FSB_CAP)

/* Inputs of the IOAPIC that no other chip of a PC has; legacy ones beside. */
#define FIRST_PIN       20u
#define LAST_PIN        23u
#define ROUTE_CAP       (G_GUINT64_CONSTANT(0xf00000) << 32)
#define PIN_TIMER       0u /* of the interval timer: IRQ 0, input 2 */
#define PIN_RTC         8u

#define NSEC_PER_SECOND G_GINT64_CONSTANT(1000000000)
#define LOW_HALF        G_GUINT64_CONSTANT(0xffffffff)
#define NEVER_TICKS     (G_GUINT64_CONSTANT(1) << 63)
#define LONGEST_TICKS   (G_GUINT64_CONSTANT(3600) * NSEC_PER_SECOND / TICK_NS)
#define SHORTEST_GAP    (NSEC_PER_SECOND / 10000)

typedef struct {
    guint64 config; /* what can be written of it */
    guint64 comparator, period;
    guint64 fsb;    /* data, address << 32 */
    guint64 target; /* main counter at the next match */
    bool armed;     /* there is one */
    bool upper;     /* VALUE_SET holds for the comparator's upper half too */
} HpetTimerState;

typedef struct {
    guint64 config;
    guint64 counter; /* halted: its value; running: that of guest time 0 */
    guint32 status;
    HpetTimerState timer[N_TIMERS];
} HpetState;

typedef struct {
    Device dev;
    HpetState s;
    Device *rtc; /* NULL: none to silence */
    IoRegion *region;
    IrqLine *line_timer, *line_rtc, *lines[LAST_PIN - FIRST_PIN + 1];
    Msi *msi[N_TIMERS];
    Timer *timers[N_TIMERS];
    gint64 fired_ns[N_TIMERS]; /* guest clock, for SHORTEST_GAP */
} Hpet;

static guint64
now_ticks(const Hpet *d)
{
    return (guint64) loop_now_ns(d->dev.env->loop, CLOCK_GUEST) / TICK_NS;
}

static bool
is_running(const HpetState *s)
{
    return (s->config & GEN_ENABLE) != 0;
}

static guint64
main_counter(const Hpet *d)
{
    return d->s.counter + (is_running(&d->s) ? now_ticks(d) : 0);
}

static bool
is_legacy(const HpetState *s)
{
    return s->config == (GEN_ENABLE | GEN_LEGACY);
}

/* ---- interrupts ---- */

/* NULL: its route leads nowhere. */
static IrqLine *
line_of(const Hpet *d, unsigned n)
{
    unsigned pin =
        (unsigned) ((d->s.timer[n].config & TN_ROUTE) >> TN_ROUTE_SHIFT);

    if (is_legacy(&d->s) && n < 2)
        return n == 0 ? d->line_timer : d->line_rtc;
    return pin >= FIRST_PIN && pin <= LAST_PIN ? d->lines[pin - FIRST_PIN]
                                               : NULL;
}

static bool
asks(const HpetState *s, unsigned n)
{
    const guint64 wanted = TN_LEVEL | TN_ENABLE;

    return (s->status & 1u << n) != 0 &&
           (s->timer[n].config & (wanted | TN_FSB)) == wanted;
}

static bool
line_level(const Hpet *d, const IrqLine *line)
{
    for (unsigned n = 0; n < N_TIMERS; n++)
        if (asks(&d->s, n) && line_of(d, n) == line)
            return true;
    return false;
}

typedef void (*SetLine)(IrqLine *line, bool level);

static void
each_line(Hpet *d, SetLine set)
{
    set(d->line_timer, line_level(d, d->line_timer));
    set(d->line_rtc, line_level(d, d->line_rtc));
    for (unsigned i = 0; i < G_N_ELEMENTS(d->lines); i++)
        set(d->lines[i], line_level(d, d->lines[i]));
}

/* Section 2.3.9.2: the status bit is for level interrupts alone. */
static void
raise_interrupt(Hpet *d, unsigned n)
{
    const HpetTimerState *t = &d->s.timer[n];
    IrqLine *line = line_of(d, n);

    if ((t->config & TN_LEVEL) != 0)
        d->s.status |= 1u << n;
    if ((t->config & TN_ENABLE) == 0)
        return;
    if ((t->config & TN_FSB) != 0) {
        msi_send(d->msi[n]);
    } else if ((t->config & TN_LEVEL) == 0 && line != NULL) {
        irq_line_set(line, true);
        irq_line_set(line, false);
    }
}

static void
route_message(Hpet *d, unsigned n)
{
    const HpetTimerState *t = &d->s.timer[n];
    int ret = 0;

    if ((t->config & TN_FSB) != 0)
        ret = msi_route(d->msi[n], t->fsb >> 32, (guint32) t->fsb);
    if (ret < 0)
        device_guest_error(&d->dev, "timer %u's message cannot be routed: %s",
                           n, g_strerror(-ret));
}

/* Section 2.3.5: in legacy replacement the 8254 and the RTC cause no
 * interrupts. */
static void
replace_legacy(Hpet *d)
{
    DeviceEnv *env = d->dev.env;

    if (env->mute_timer != NULL)
        env->mute_timer(env, is_legacy(&d->s));
    if (d->rtc != NULL)
        rtc_set_mute(d->rtc, is_legacy(&d->s));
}

/* ---- matches ---- */

/* From now on: when the counter is next what the comparator says. */
static void
aim(Hpet *d, unsigned n)
{
    HpetTimerState *t = &d->s.timer[n];
    guint64 counter = main_counter(d), left = t->comparator - counter;

    if ((t->config & TN_32BIT) != 0)
        left &= LOW_HALF;
    t->target = counter + left;
    t->armed = is_running(&d->s) && left < NEVER_TICKS;
}

static void
aim_all(Hpet *d)
{
    for (unsigned n = 0; n < N_TIMERS; n++)
        aim(d, n);
}

/* It has matched: the first time after counter that it does again. */
static void
aim_again(HpetTimerState *t, guint64 counter)
{
    bool periodic = (t->config & TN_PERIODIC) != 0 && t->period != 0;
    guint64 step = periodic ? t->period : G_GUINT64_CONSTANT(1) << 32;

    if (!periodic && (t->config & TN_32BIT) == 0) {
        t->armed = false;
        return;
    }
    guint64 distance = ((counter - t->target) / step + 1) * step;
    t->target += distance;
    if (periodic)
        t->comparator += distance;
    if ((t->config & TN_32BIT) != 0)
        t->comparator &= LOW_HALF;
}

/* Matches of a timer that is switched off interrupt nobody; who looks at its
 * registers catches up with them. */
static void
arm(Hpet *d, unsigned n)
{
    const HpetTimerState *t = &d->s.timer[n];
    bool enabled = (t->config & TN_ENABLE) != 0;

    if (!enabled || !t->armed || !is_running(&d->s)) {
        timer_arm(d->timers[n], -1);
        return;
    }
    guint64 now = now_ticks(d), left = t->target - (d->s.counter + now);
    if (left >= NEVER_TICKS) /* its time has come, SHORTEST_GAP has not */
        left = 0;
    gint64 deadline =
        (gint64) ((now + MIN(left, LONGEST_TICKS)) * (guint64) TICK_NS);
    if ((t->config & TN_PERIODIC) != 0)
        deadline = MAX(deadline, d->fired_ns[n] + SHORTEST_GAP);
    timer_arm(d->timers[n], deadline);
}

/* Everything that time has brought. */
static void
catch_up(Hpet *d)
{
    guint64 counter = main_counter(d);

    for (unsigned n = 0; n < N_TIMERS; n++) {
        HpetTimerState *t = &d->s.timer[n];
        gint64 now = loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
        bool periodic = (t->config & TN_PERIODIC) != 0;
        if (!t->armed || counter - t->target >= NEVER_TICKS ||
            (periodic && now < d->fired_ns[n] + SHORTEST_GAP))
            continue;
        d->fired_ns[n] = now;
        raise_interrupt(d, n);
        aim_again(t, counter);
    }
}

static void
update(Hpet *d)
{
    each_line(d, irq_line_set);
    for (unsigned n = 0; n < N_TIMERS; n++)
        arm(d, n);
}

static void
timer_fired(void *data)
{
    Hpet *d = data;

    g_mutex_lock(&d->dev.lock);
    catch_up(d);
    update(d);
    g_mutex_unlock(&d->dev.lock);
}

/* ---- registers ---- */

static guint64
read_timer(const HpetTimerState *t, unsigned reg)
{
    switch (reg) {
    case HPET_TN_CONF: return t->config | TN_CAPS | ROUTE_CAP;
    case HPET_TN_COMP: return t->comparator;
    case HPET_TN_FSB: return t->fsb;
    default: return 0;
    }
}

static guint64
read_register(Hpet *d, unsigned reg)
{
    unsigned n = (reg - HPET_TIMERS) / HPET_TIMER_LEN;

    if (reg >= HPET_TIMERS)
        return n < N_TIMERS ? read_timer(&d->s.timer[n], reg % HPET_TIMER_LEN)
                            : 0;
    switch (reg) {
    case HPET_GCAP_ID: return GCAP_ID;
    case HPET_GEN_CONF: return d->s.config;
    case HPET_GINTR_STA: return d->s.status;
    case HPET_MAIN_CNT: return main_counter(d);
    default: return 0;
    }
}

static guint64
hpet_read(void *dev, guint64 offset, unsigned size)
{
    Hpet *d = dev;
    unsigned reg = (unsigned) offset & ~7u, shift = (offset & 7) * 8;

    if (reg != HPET_MAIN_CNT) /* which time changes by itself */
        catch_up(d);
    guint64 value = read_register(d, reg) >> shift;
    if (shift != 0 && size == 8)
        value |= read_register(d, reg + 8) << (64 - shift);
    if (reg != HPET_MAIN_CNT)
        update(d);
    return size == 8 ? value : value & LOW_HALF;
}

static void
write_general(Hpet *d, guint64 value)
{
    HpetState *s = &d->s;
    bool was_running = is_running(s), was_legacy = is_legacy(s);
    guint64 counter = main_counter(d);

    s->config = value & (GEN_ENABLE | GEN_LEGACY);
    if (is_running(s) != was_running) {
        s->counter = counter - (is_running(s) ? now_ticks(d) : 0);
        aim_all(d);
    }
    if (is_legacy(s) != was_legacy)
        replace_legacy(d);
}

static void
write_config(Hpet *d, unsigned n, guint64 value)
{
    HpetTimerState *t = &d->s.timer[n];
    guint64 changed = t->config ^ value;

    t->config = value & TN_WRITABLE;
    if ((changed & TN_32BIT & TN_WRITABLE) != 0) {
        if ((t->config & TN_32BIT) != 0) {
            t->comparator &= LOW_HALF;
            t->period &= LOW_HALF;
        }
        aim(d, n);
    }
    if ((t->config & TN_LEVEL) == 0) /* section 2.3.6 */
        d->s.status &= ~(1u << n);
    route_message(d, n);
}

/* Section 2.3.9.2.2: in periodic mode a write sets the period, and behind
 * VALUE_SET the comparator as well. Who writes both halves of it by 32 bits
 * means both. */
static void
write_comparator(Hpet *d, unsigned n, guint64 value, guint64 mask)
{
    HpetTimerState *t = &d->s.timer[n];
    bool periodic = (t->config & TN_PERIODIC) != 0;
    bool upper_half = mask == ~LOW_HALF;
    bool set = (t->config & TN_VALUE_SET) != 0 || (upper_half && t->upper);

    if ((t->config & TN_32BIT) != 0)
        mask &= LOW_HALF;
    if (!periodic || set) {
        t->comparator = (t->comparator & ~mask) | (value & mask);
        aim(d, n);
    }
    if (periodic)
        t->period = (t->period & ~mask) | (value & mask);
    t->upper = set && mask == LOW_HALF;
    t->config &= ~(guint64) TN_VALUE_SET;
}

static void
write_timer(Hpet *d, unsigned n, unsigned reg, guint64 value, guint64 mask)
{
    HpetTimerState *t = &d->s.timer[n];

    switch (reg) {
    case HPET_TN_CONF:
        write_config(d, n, (t->config & ~mask) | (value & mask));
        break;
    case HPET_TN_COMP: write_comparator(d, n, value, mask); break;
    case HPET_TN_FSB:
        t->fsb = (t->fsb & ~mask) | (value & mask);
        route_message(d, n);
        break;
    default: break;
    }
}

static void
write_register(Hpet *d, unsigned reg, guint64 value, guint64 mask)
{
    unsigned n = (reg - HPET_TIMERS) / HPET_TIMER_LEN;
    guint64 counter = main_counter(d);

    if (reg >= HPET_TIMERS) {
        if (n < N_TIMERS)
            write_timer(d, n, reg % HPET_TIMER_LEN, value, mask);
        return;
    }
    switch (reg) {
    case HPET_GEN_CONF:
        write_general(d, (d->s.config & ~mask) | (value & mask));
        break;
    case HPET_GINTR_STA: d->s.status &= ~(guint32) (value & mask); break;
    case HPET_MAIN_CNT:
        d->s.counter += ((counter & ~mask) | (value & mask)) - counter;
        aim_all(d);
        break;
    default: break; /* read-only and reserved */
    }
}

static void
hpet_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Hpet *d = dev;
    unsigned reg = (unsigned) offset & ~7u, shift = (offset & 7) * 8;
    guint64 mask = size == 8 ? G_MAXUINT64 : LOW_HALF;

    catch_up(d);
    write_register(d, reg, value << shift, mask << shift);
    if (shift != 0 && size == 8)
        write_register(d, reg + 8, value >> (64 - shift), mask >> (64 - shift));
    update(d);
}

/* Section 2.2: accesses are of 32 or 64 bits. */
static const IoOps hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .min_size = 4,
    .max_size = 8,
};

/* ---- life ---- */

static bool
hpet_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Hpet *d = DEVICE_OF(Hpet, dev);

    d->line_timer = irq_line_new(env, PIN_TIMER);
    d->line_rtc = irq_line_new(env, PIN_RTC);
    for (unsigned i = 0; i < G_N_ELEMENTS(d->lines); i++)
        d->lines[i] = irq_line_new(env, FIRST_PIN + i);
    for (unsigned n = 0; n < N_TIMERS; n++) {
        d->msi[n] = msi_new(env);
        msi_set_masked(d->msi[n], false);
        d->timers[n] = timer_new(env->loop, CLOCK_GUEST, timer_fired, d);
    }
    d->region = io_region_new("hpet", &hpet_ops, d, &dev->lock, HPET_LEN);
    if (io_map(env->mmio, d->region, HPET_BASE, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: memory at 0xfed00000 is another device's", dev->id);
        return false;
    }
    return true;
}

static void
hpet_unrealize(Device *dev)
{
    Hpet *d = DEVICE_OF(Hpet, dev);

    g_clear_pointer(&d->region, io_region_free);
    for (unsigned n = 0; n < N_TIMERS; n++) {
        g_clear_pointer(&d->timers[n], timer_free);
        g_clear_pointer(&d->msi[n], msi_free);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(d->lines); i++)
        g_clear_pointer(&d->lines[i], irq_line_free);
    g_clear_pointer(&d->line_rtc, irq_line_free);
    g_clear_pointer(&d->line_timer, irq_line_free);
}

/* Since long ago, as far as SHORTEST_GAP goes. */
static void
forget_when_fired(Hpet *d)
{
    for (unsigned n = 0; n < N_TIMERS; n++)
        d->fired_ns[n] = -SHORTEST_GAP;
}

static void
hpet_reset(Device *dev, ResetKind kind)
{
    Hpet *d = DEVICE_OF(Hpet, dev);

    d->s = (HpetState){0};
    for (unsigned n = 0; n < N_TIMERS; n++) {
        d->s.timer[n].comparator = G_MAXUINT64;
        d->s.timer[n].config = (guint64) FIRST_PIN << TN_ROUTE_SHIFT;
    }
    forget_when_fired(d);
    replace_legacy(d);
    update(d);
}

static void
hpet_restored(Device *dev)
{
    Hpet *d = DEVICE_OF(Hpet, dev);

    forget_when_fired(d);
    replace_legacy(d);
    for (unsigned n = 0; n < N_TIMERS; n++)
        route_message(d, n);
    each_line(d, irq_line_adopt);
    catch_up(d);
    update(d);
}

static bool
hpet_check(const void *state, GError **error)
{
    const HpetState *s = state;
    bool ok = (s->config & ~(guint64) (GEN_ENABLE | GEN_LEGACY)) == 0 &&
              s->status < 1u << N_TIMERS;

    for (unsigned n = 0; n < N_TIMERS; n++)
        ok = ok && (s->timer[n].config & ~(guint64) TN_WRITABLE) == 0;
    if (!ok)
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "hpet: reserved bits are set in 'config' or 'status'");
    return ok;
}

/* clang-format off */
static const PropDesc hpet_props[] = {
    PROP_DEF_LINK(Hpet, rtc, "rtc", false, "whose interrupt it replaces"),
    PROP_END
};

static const StateField hpet_timer_fields[] = {
    STATE_FIELD(HpetTimerState, config, STATE_U64),
    STATE_FIELD(HpetTimerState, comparator, STATE_U64),
    STATE_FIELD(HpetTimerState, period, STATE_U64),
    STATE_FIELD(HpetTimerState, fsb, STATE_U64),
    STATE_FIELD(HpetTimerState, target, STATE_U64),
    STATE_FIELD(HpetTimerState, armed, STATE_BOOL),
    STATE_FIELD(HpetTimerState, upper, STATE_BOOL),
    STATE_FIELDS_END
};

static const StateDesc hpet_timer_state = {
    .name = "hpet-timer",
    .version = 1,
    .min_version = 1,
    .size = sizeof(HpetTimerState),
    .fields = hpet_timer_fields,
};

static const StateField hpet_fields[] = {
    STATE_FIELD(HpetState, config, STATE_U64),
    STATE_FIELD(HpetState, counter, STATE_U64),
    STATE_FIELD(HpetState, status, STATE_U32),
    STATE_SUB_ARRAY(HpetState, timer, &hpet_timer_state),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc hpet_state = {
    .name = "hpet",
    .version = 1,
    .min_version = 1,
    .size = sizeof(HpetState),
    .fields = hpet_fields,
    .check = hpet_check,
};

const DeviceClass hpet_class = {
    .name = "hpet",
    .summary = "High precision event timers",
    .size = sizeof(Hpet),
    .props = hpet_props,
    .state = &hpet_state,
    .state_offset = G_STRUCT_OFFSET(Hpet, s),
    .realize = hpet_realize,
    .unrealize = hpet_unrealize,
    .reset = hpet_reset,
    .restored = hpet_restored,
};
