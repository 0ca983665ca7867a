/* devices/legacy/mc146818.c - MC146818 real-time clock with 256 bytes of CMOS.
 *
 * Motorola MC146818A data sheet; the PC's ports 70-73 and century byte 0x32.
 * The time is the host's plus an offset that moves when the guest sets it.
 * Flags are computed from the clock when somebody looks, so an idle RTC costs
 * nothing; a timer runs only for an enabled interrupt. Left out: square wave
 * output, daylight saving, and the NMI mask (bit 7 of port 70). */
#include "devices/legacy/mc146818.h"

#include <string.h>
#include <time.h>

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

#define RTC_PORT          0x70
#define RTC_IRQ           8

#define RTC_SECONDS       0x00
#define RTC_SECONDS_ALARM 0x01
#define RTC_MINUTES       0x02
#define RTC_MINUTES_ALARM 0x03
#define RTC_HOURS         0x04
#define RTC_HOURS_ALARM   0x05
#define RTC_WEEKDAY       0x06
#define RTC_DAY           0x07
#define RTC_MONTH         0x08
#define RTC_YEAR          0x09
#define RTC_A             0x0a
#define RTC_B             0x0b
#define RTC_C             0x0c
#define RTC_D             0x0d
#define RTC_SHUTDOWN      0x0f
#define RTC_CENTURY       0x32

#define SHUTDOWN_WAKE     0xfe /* what SeaBIOS takes for the end of S3 */

#define RTC_A_UIP         0x80
#define RTC_A_DV          0x70
#define RTC_A_DV_RUN      0x20
#define RTC_A_DV_HOLD     0x60 /* 110 and 111: divider held in reset */
#define RTC_A_RS          0x0f
#define RTC_B_SET         0x80
#define RTC_B_PIE         0x40
#define RTC_B_AIE         0x20
#define RTC_B_UIE         0x10
#define RTC_B_SQWE        0x08
#define RTC_B_BINARY      0x04
#define RTC_B_24H         0x02
#define RTC_C_IRQF        0x80
#define RTC_C_PF          0x40 /* the flags sit at their enables' places */
#define RTC_C_AF          0x20
#define RTC_C_UF          0x10
#define RTC_C_FLAGS       0x70
#define RTC_D_VALID       0x80
#define RTC_HOUR_PM       0x80
#define RTC_ANY           0xc0 /* an alarm byte that matches always */

#define NS_PER_S          G_GINT64_CONSTANT(1000000000)
#define DAY_S             86400
/* UIP rises 244 us before the update, which takes 1984 us. */
#define UIP_US    (244 + 1984)
#define SLOW_HZ   32768
#define MAX_YEARS 20000 /* from any date to any: what a guest can reach */

typedef struct {
    guint8 cmos[256];
    guint8 index, extended_index;
    guint8 weekday_shift; /* the guest's weekday minus the date's, 0..6 */
    gint64 offset_s;      /* the guest's time minus the host's */
    gint64 last_second;   /* flags are computed up to here; 0: not yet */
    gint64 last_ns;       /* the same on the guest clock, for PF */
} RtcState;

typedef struct {
    Device dev;
    RtcState s;
    guint8 preset[256]; /* what a cold reset loads */
    bool local_time;
    guint64 base_time; /* seconds since 1970 at guest clock 0; 0: host clock */
    gint64 zone_s;
    IoRegion *port;
    IrqLine *irq;
    Timer *timer;
    bool mute;                /* atomic: another device sets it */
    void (*hook)(void *data); /* set-up, then constant */
    void *hook_data;
} Rtc;

/* Year 1..., month 1..12, day 1..31 and so on. */
typedef struct {
    gint64 year;
    int month, day, hour, minute, second;
} RtcTime;

static bool
is_time_register(unsigned index)
{
    return index <= RTC_YEAR || index == RTC_CENTURY;
}

static bool
is_alarm_register(unsigned index)
{
    return index == RTC_SECONDS_ALARM || index == RTC_MINUTES_ALARM ||
           index == RTC_HOURS_ALARM;
}

/* ---- the calendar; proleptic Gregorian, days counted from 1970-01-01 ---- */

static gint64
days_of_date(gint64 year, int month, int day)
{
    /* The year starts in March, so the leap day is its last. */
    gint64 y = month <= 2 ? year - 1 : year;
    gint64 era = y / 400; /* years here are never negative */
    gint64 in_era = y - era * 400;
    gint64 in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year -
           719468;
}

static RtcTime
time_of_seconds(gint64 seconds)
{
    gint64 days = seconds / DAY_S + 719468;
    gint64 rest = seconds % DAY_S;
    RtcTime t;

    if (rest < 0) {
        rest += DAY_S;
        days--;
    }
    gint64 era = (days >= 0 ? days : days - 146096) / 146097;
    gint64 in_era = days - era * 146097;
    gint64 year =
        (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    gint64 in_year = in_era - (365 * year + year / 4 - year / 100);
    int month = (int) ((5 * in_year + 2) / 153);
    t.day = (int) (in_year - (153 * month + 2) / 5 + 1);
    t.month = month < 10 ? month + 3 : month - 9;
    t.year = year + era * 400 + (t.month <= 2 ? 1 : 0);
    t.hour = (int) (rest / 3600);
    t.minute = (int) (rest / 60 % 60);
    t.second = (int) (rest % 60);
    return t;
}

/* ---- register formats ---- */

static guint8
encode(const RtcState *s, int value)
{
    if ((s->cmos[RTC_B] & RTC_B_BINARY) != 0)
        return (guint8) value;
    return (guint8) (value / 10 % 10 << 4 | value % 10);
}

static int
decode(const RtcState *s, guint8 value)
{
    if ((s->cmos[RTC_B] & RTC_B_BINARY) != 0)
        return value;
    return (value >> 4) * 10 + (value & 0xf);
}

static guint8
encode_hour(const RtcState *s, int hour)
{
    guint8 value;

    if ((s->cmos[RTC_B] & RTC_B_24H) != 0)
        return encode(s, hour);
    value = encode(s, hour % 12 == 0 ? 12 : hour % 12);
    return hour >= 12 ? value | RTC_HOUR_PM : value;
}

static int
decode_hour(const RtcState *s, guint8 value)
{
    if ((s->cmos[RTC_B] & RTC_B_24H) != 0)
        return decode(s, value);
    return decode(s, value & 0x7f) % 12 + ((value & RTC_HOUR_PM) != 0 ? 12 : 0);
}

/* ---- time ---- */

static gint64
now_us(const Rtc *d)
{
    gint64 host;

    if (d->base_time != 0)
        host = (gint64) d->base_time * G_USEC_PER_SEC +
               loop_now_ns(d->dev.env->loop, CLOCK_GUEST) / 1000;
    else
        host = g_get_real_time() + d->zone_s * G_USEC_PER_SEC;
    return host + d->s.offset_s * G_USEC_PER_SEC;
}

/* The clock counts: it is not being set and its divider runs. */
static bool
is_running(const RtcState *s)
{
    return (s->cmos[RTC_B] & RTC_B_SET) == 0 &&
           (s->cmos[RTC_A] & RTC_A_DV) < RTC_A_DV_HOLD;
}

/* Puts the current time into the registers. */
static void
latch_time(Rtc *d)
{
    RtcState *s = &d->s;
    gint64 seconds = now_us(d) / G_USEC_PER_SEC;
    RtcTime t = time_of_seconds(seconds);
    gint64 days = days_of_date(t.year, t.month, t.day);

    s->cmos[RTC_SECONDS] = encode(s, t.second);
    s->cmos[RTC_MINUTES] = encode(s, t.minute);
    s->cmos[RTC_HOURS] = encode_hour(s, t.hour);
    /* 1 is Sunday; 1970-01-01 was a Thursday */
    s->cmos[RTC_WEEKDAY] =
        encode(s, (int) (((days + 4 + s->weekday_shift) % 7 + 7) % 7) + 1);
    s->cmos[RTC_DAY] = encode(s, t.day);
    s->cmos[RTC_MONTH] = encode(s, t.month);
    s->cmos[RTC_YEAR] = encode(s, (int) (t.year % 100));
    s->cmos[RTC_CENTURY] = encode(s, (int) (t.year / 100 % 100));
}

/* The registers were written: the time goes on from there. Impossible values
 * are brought into range, the chip itself would count on from them. */
static void
adopt_time(Rtc *d)
{
    RtcState *s = &d->s;
    const guint8 *c = s->cmos;
    gint64 year = (gint64) MIN(decode(s, c[RTC_CENTURY]), 99) * 100 +
                  MIN(decode(s, c[RTC_YEAR]), 99);
    int month = CLAMP(decode(s, c[RTC_MONTH]), 1, 12);
    int day = CLAMP(decode(s, c[RTC_DAY]), 1, 31);
    gint64 days = days_of_date(year, month, day);
    gint64 seconds = days * DAY_S +
                     MIN(decode_hour(s, c[RTC_HOURS]), 23) * 3600 +
                     MIN(decode(s, c[RTC_MINUTES]), 59) * 60 +
                     MIN(decode(s, c[RTC_SECONDS]), 59);
    int weekday = CLAMP(decode(s, c[RTC_WEEKDAY]), 1, 7);

    s->weekday_shift = (guint8) (((weekday - 1 - (days + 4) % 7) % 7 + 14) % 7);
    s->offset_s += seconds - now_us(d) / G_USEC_PER_SEC;
    s->last_second = 0;
}

static bool
alarm_matches(const RtcState *s, gint64 second)
{
    int in_day = (int) ((second % DAY_S + DAY_S) % DAY_S);
    const guint8 *c = s->cmos;

    return (c[RTC_SECONDS_ALARM] >= RTC_ANY ||
            decode(s, c[RTC_SECONDS_ALARM]) == in_day % 60) &&
           (c[RTC_MINUTES_ALARM] >= RTC_ANY ||
            decode(s, c[RTC_MINUTES_ALARM]) == in_day / 60 % 60) &&
           ((c[RTC_HOURS_ALARM] & RTC_ANY) == RTC_ANY ||
            decode_hour(s, c[RTC_HOURS_ALARM]) == in_day / 3600);
}

/* ns between periodic interrupts, 0: none; MC146818A table 5 */
static gint64
period_ns(const RtcState *s)
{
    unsigned rate = s->cmos[RTC_A] & RTC_A_RS;

    if (rate == 0 || (s->cmos[RTC_A] & RTC_A_DV) >= RTC_A_DV_HOLD)
        return 0;
    if (rate <= 2)
        rate += 7;
    return (NS_PER_S << (rate - 1)) / SLOW_HZ;
}

/* Sets the flags of everything that happened since the last look. */
static void
catch_up(Rtc *d)
{
    RtcState *s = &d->s;
    gint64 ns = loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
    gint64 second = now_us(d) / G_USEC_PER_SEC;
    gint64 period = period_ns(s);

    if (period != 0 && ns / period > s->last_ns / period)
        s->cmos[RTC_C] |= RTC_C_PF;
    s->last_ns = ns;
    if (s->last_second == 0 || !is_running(s) || second < s->last_second) {
        s->last_second = second;
        return;
    }
    if (second > s->last_second)
        s->cmos[RTC_C] |= RTC_C_UF;
    /* All times of the day occur within one day. */
    for (gint64 t = MAX(s->last_second, second - DAY_S) + 1; t <= second; t++)
        if ((s->cmos[RTC_C] & RTC_C_AF) == 0 && alarm_matches(s, t))
            s->cmos[RTC_C] |= RTC_C_AF;
    s->last_second = second;
}

static bool
irq_wanted(const RtcState *s)
{
    return (s->cmos[RTC_B] & s->cmos[RTC_C] & RTC_C_FLAGS) != 0;
}

/* Muted or not may change meanwhile, under no lock of ours. */
static void
set_line(Rtc *d, bool level)
{
    irq_line_set(d->irq, level && !__atomic_load_n(&d->mute, __ATOMIC_SEQ_CST));
    if (level && __atomic_load_n(&d->mute, __ATOMIC_SEQ_CST))
        irq_line_set(d->irq, false);
}

static void
arm_timer(Rtc *d)
{
    const RtcState *s = &d->s;
    guint8 missing = s->cmos[RTC_B] & (guint8) ~s->cmos[RTC_C];
    gint64 ns = loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
    gint64 period = period_ns(s);
    gint64 deadline = G_MAXINT64;

    if ((missing & RTC_B_PIE) != 0 && period != 0)
        deadline = (ns / period + 1) * period;
    if ((missing & (RTC_B_AIE | RTC_B_UIE)) != 0 && is_running(s)) {
        gint64 us = now_us(d) % G_USEC_PER_SEC;
        deadline = MIN(deadline, ns + (G_USEC_PER_SEC - us) * 1000);
    }
    timer_arm(d->timer, deadline == G_MAXINT64 ? -1 : deadline);
}

static void
update_irq(Rtc *d)
{
    catch_up(d);
    d->s.cmos[RTC_C] &= RTC_C_FLAGS;
    if (irq_wanted(&d->s))
        d->s.cmos[RTC_C] |= RTC_C_IRQF;
    set_line(d, irq_wanted(&d->s));
    arm_timer(d);
}

static void
rtc_timer_fired(void *data)
{
    Rtc *d = data;

    g_mutex_lock(&d->dev.lock);
    bool was = irq_wanted(&d->s);
    update_irq(d);
    bool raised = !was && irq_wanted(&d->s);
    g_mutex_unlock(&d->dev.lock);
    if (raised && d->hook != NULL)
        d->hook(d->hook_data);
}

/* ---- registers ---- */

static guint8
read_a(Rtc *d)
{
    gint64 left = G_USEC_PER_SEC - now_us(d) % G_USEC_PER_SEC;
    bool updating = is_running(&d->s) && left <= UIP_US;

    return (d->s.cmos[RTC_A] & 0x7f) | (updating ? RTC_A_UIP : 0);
}

static guint8
read_c(Rtc *d)
{
    guint8 value;

    update_irq(d);
    value = d->s.cmos[RTC_C];
    d->s.cmos[RTC_C] = 0;
    /* The line falls even if the next period has begun meanwhile: IRQ8 is
     * edge triggered, and without the edge no interrupt would ever follow.
     * What has begun is found when the timer fires. */
    irq_line_set(d->irq, false);
    arm_timer(d);
    return value;
}

static guint8
read_register(Rtc *d, unsigned index)
{
    if (is_time_register(index) && !is_alarm_register(index)) {
        if (is_running(&d->s))
            latch_time(d);
        return d->s.cmos[index];
    }
    switch (index) {
    case RTC_A: return read_a(d);
    case RTC_C: return read_c(d);
    case RTC_D: return RTC_D_VALID;
    default: return d->s.cmos[index];
    }
}

static void
write_time(Rtc *d, unsigned index, guint8 value)
{
    bool running = is_running(&d->s);

    if (running)
        latch_time(d);
    d->s.cmos[index] = value;
    if (running)
        adopt_time(d);
}

/* A or B changed: the clock may stop or go on. */
static void
write_control(Rtc *d, unsigned index, guint8 value)
{
    RtcState *s = &d->s;
    bool was_running = is_running(s);

    if (was_running)
        latch_time(d);
    if (index == RTC_B && (value & RTC_B_SET) != 0)
        value &= (guint8) ~RTC_B_UIE; /* data sheet: SET clears UIE */
    s->cmos[index] = index == RTC_A ? value & 0x7f : value;
    if (!was_running && is_running(s))
        adopt_time(d);
    if (index == RTC_A) /* a new period starts now */
        s->last_ns = loop_now_ns(d->dev.env->loop, CLOCK_GUEST);
    update_irq(d);
}

static void
write_register(Rtc *d, unsigned index, guint8 value)
{
    if (is_time_register(index) && !is_alarm_register(index)) {
        write_time(d, index, value);
        return;
    }
    switch (index) {
    case RTC_A:
    case RTC_B: write_control(d, index, value); break;
    case RTC_C:
    case RTC_D: break; /* read-only */
    default:
        d->s.cmos[index] = value;
        if (is_alarm_register(index))
            update_irq(d);
        break;
    }
}

static guint64
rtc_read(void *dev, guint64 offset, unsigned size)
{
    Rtc *d = dev;

    switch (offset) {
    case 1: return read_register(d, d->s.index);
    case 3: return read_register(d, d->s.extended_index | 0x80u);
    default: return 0xff; /* the index ports are write-only */
    }
}

static void
rtc_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Rtc *d = dev;

    switch (offset) {
    case 0: d->s.index = value & 0x7f; break;
    case 1: write_register(d, d->s.index, (guint8) value); break;
    case 2: d->s.extended_index = value & 0x7f; break;
    default:
        write_register(d, d->s.extended_index | 0x80u, (guint8) value);
        break;
    }
}

static const IoOps rtc_ops = {
    .read = rtc_read,
    .write = rtc_write,
    .max_size = 1,
};

void
rtc_set_cmos(Device *dev, guint8 index, guint8 value)
{
    if (index > RTC_D && index != RTC_CENTURY)
        DEVICE_OF(Rtc, dev)->preset[index] = value;
}

void
rtc_set_hook(Device *dev, void (*hook)(void *data), void *data)
{
    Rtc *d = DEVICE_OF(Rtc, dev);

    d->hook = hook;
    d->hook_data = data;
}

void
rtc_set_mute(Device *dev, bool mute)
{
    Rtc *d = DEVICE_OF(Rtc, dev);

    __atomic_store_n(&d->mute, mute, __ATOMIC_SEQ_CST);
    if (mute)
        irq_line_set(d->irq, false);
}

static bool
rtc_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Rtc *d = DEVICE_OF(Rtc, dev);
    time_t now = time(NULL);
    struct tm local;

    d->zone_s = 0;
    if (d->local_time && localtime_r(&now, &local) != NULL)
        d->zone_s = local.tm_gmtoff;
    d->irq = irq_line_new(env, RTC_IRQ);
    d->timer = timer_new(env->loop, CLOCK_GUEST, rtc_timer_fired, d);
    d->port = io_region_new("rtc", &rtc_ops, d, &dev->lock, 4);
    if (io_map(env->ports, d->port, RTC_PORT, 0) < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: ports 0x70..0x73 are taken by another device",
                    dev->id);
        return false;
    }
    return true;
}

static void
rtc_unrealize(Device *dev)
{
    Rtc *d = DEVICE_OF(Rtc, dev);

    g_clear_pointer(&d->port, io_region_free);
    g_clear_pointer(&d->timer, timer_free);
    g_clear_pointer(&d->irq, irq_line_free);
}

/* The battery keeps CMOS over a warm reset, where software leaves its
 * shutdown code (byte 0x0F), and the time over every reset. */
static void
rtc_reset(Device *dev, ResetKind kind)
{
    Rtc *d = DEVICE_OF(Rtc, dev);
    RtcState *s = &d->s;

    if (kind == RESET_WAKE) { /* the battery kept all, and the guest goes on */
        s->cmos[RTC_SHUTDOWN] = SHUTDOWN_WAKE;
        s->index = s->extended_index = 0;
        irq_line_set(d->irq, false); /* its controller is new */
        update_irq(d);
        return;
    }
    if (kind == RESET_COLD) {
        *s = (RtcState){.offset_s = s->offset_s,
                        .weekday_shift = s->weekday_shift};
        memcpy(s->cmos, d->preset, sizeof s->cmos);
        s->cmos[RTC_A] = RTC_A_DV_RUN | 6; /* 1024 Hz, as every BIOS sets */
        s->cmos[RTC_B] = RTC_B_24H;
        s->cmos[RTC_D] = RTC_D_VALID;
    }
    s->cmos[RTC_B] &=
        (guint8) ~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE | RTC_B_SQWE);
    s->cmos[RTC_C] = 0;
    irq_line_set(d->irq, false);
    timer_arm(d->timer, -1);
}

static void
rtc_restored(Device *dev)
{
    Rtc *d = DEVICE_OF(Rtc, dev);

    irq_line_adopt(d->irq, irq_wanted(&d->s) &&
                               !__atomic_load_n(&d->mute, __ATOMIC_SEQ_CST));
    arm_timer(d);
}

static bool
rtc_check(const void *state, GError **error)
{
    const RtcState *s = state;
    const gint64 limit = (gint64) MAX_YEARS * 366 * DAY_S;

    if (s->index < 128 && s->extended_index < 128 && s->weekday_shift < 7 &&
        s->offset_s > -limit && s->offset_s < limit && s->last_ns >= 0 &&
        s->last_second > -limit && s->last_second < limit)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "mc146818: an index or a time is out of range");
    return false;
}

/* clang-format off */
static const PropDesc rtc_props[] = {
    PROP_DEF_BOOL(Rtc, local_time, "local-time", false,
                  "the clock shows local time instead of UTC"),
    PROP_DEF_U64(Rtc, base_time, "base-time", 0, 0, 253402300799, "seconds",
                 "fixed start, seconds since 1970; 0: the host's clock"),
    PROP_END
};

static const StateField rtc_fields[] = {
    STATE_BLOB(RtcState, cmos),
    STATE_FIELD(RtcState, index, STATE_U8),
    STATE_FIELD(RtcState, extended_index, STATE_U8),
    STATE_FIELD(RtcState, weekday_shift, STATE_U8),
    STATE_FIELD(RtcState, offset_s, STATE_U64),
    STATE_FIELD(RtcState, last_second, STATE_U64),
    STATE_FIELD(RtcState, last_ns, STATE_U64),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc rtc_state = {
    .name = "mc146818",
    .version = 1,
    .min_version = 1,
    .size = sizeof(RtcState),
    .fields = rtc_fields,
    .check = rtc_check,
};

const DeviceClass mc146818_class = {
    .name = "mc146818",
    .summary = "Real-time clock and CMOS memory",
    .size = sizeof(Rtc),
    .props = rtc_props,
    .state = &rtc_state,
    .state_offset = G_STRUCT_OFFSET(Rtc, s),
    .realize = rtc_realize,
    .unrealize = rtc_unrealize,
    .reset = rtc_reset,
    .restored = rtc_restored,
};
